package api

import (
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"simtransfer/api/problem"
	"simtransfer/transfer"
)

// List is a page of a list.
type List[T any] struct {
	Items      []T    `json:"items" nullable:"false"`
	NextCursor string `json:"next_cursor,omitempty" doc:"Pass it as cursor to get the next page. Left out on the last page."`
}

type listOf[T any] struct {
	Body List[T]
}

// Paging is embedded in the input of lists.
type Paging struct {
	Cursor string `query:"cursor" maxLength:"64" doc:"The next_cursor of the previous page. Default: the first page."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Maximum number of entries."`
}

// pageOf returns a page of rows. The caller reads one row more than the limit, to
// know whether there is a next page. cursor returns the cursor after a row.
func pageOf[T, V any](rows []T, limit int, cursor func(T) string, view func(T) V) (*listOf[V], error) {
	return tryPageOf(rows, limit, cursor, func(row T) (V, error) { return view(row), nil })
}

// tryPageOf is pageOf with a view that can fail.
func tryPageOf[T, V any](rows []T, limit int, cursor func(T) string, view func(T) (V, error)) (*listOf[V], error) {
	page := &listOf[V]{List[V]{Items: make([]V, 0, len(rows))}}
	if len(rows) > limit {
		rows = rows[:limit]
		page.Body.NextCursor = cursor(rows[limit-1])
	}
	for _, row := range rows {
		v, err := view(row)
		if err != nil {
			return nil, err
		}
		page.Body.Items = append(page.Body.Items, v)
	}
	return page, nil
}

// numberCursor parses a cursor that is a number, with as many bits as the column
// that it refers to. An empty cursor is start.
func numberCursor(cursor string, start int64, bits int) (int64, error) {
	if cursor == "" {
		return start, nil
	}
	n, err := strconv.ParseInt(cursor, 10, bits)
	if err != nil || n < 0 {
		return 0, badCursor(cursor)
	}
	return n, nil
}

// idCursor parses a cursor that is an id. It returns nil for an empty cursor.
func idCursor(cursor string) (*uuid.UUID, error) {
	if cursor == "" {
		return nil, nil
	}
	id, err := uuid.Parse(cursor)
	if err != nil {
		return nil, badCursor(cursor)
	}
	return &id, nil
}

// flag parses a parameter that is true or false. It returns nil if the parameter
// is left out.
func flag(text string) *bool {
	if text == "" {
		return nil
	}
	on := text == "true"
	return &on
}

// given returns a time of a parameter or field in UTC, because PostgreSQL does
// not accept every offset of RFC 3339. It returns nil if the time is left out,
// and adds an error to the problem if the time cannot be shown in UTC.
func given(p *problem.Problem, location string, t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	at, err := transfer.InUTC(t)
	if err != nil {
		p.Add(problem.FieldError{Location: location, Message: err.Error(), Value: t.Format(time.RFC3339Nano)})
	}
	return &at
}

func badCursor(cursor string) error {
	return problem.New(problem.Invalid, "", problem.FieldError{
		Location: "query.cursor",
		Message:  "not a cursor: use the next_cursor of the previous page, or leave it out for the first page",
		Value:    problem.Clip(cursor),
	})
}

func itoa(n int64) string { return fmt.Sprint(n) }

package api

import (
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"simtransfer/api/problem"
)

// List is a page of a list.
type List[T any] struct {
	Items      []T    `json:"items" nullable:"false"`
	NextCursor string `json:"next_cursor,omitempty" doc:"Pass it as cursor to get the next page. There is none behind the last."`
}

type listOf[T any] struct {
	Body List[T]
}

// Paging is embedded in the input of lists.
type Paging struct {
	Cursor string `query:"cursor" maxLength:"64" doc:"The next_cursor of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many entries at most."`
}

// pageOf renders rows, of which one more than the limit was asked for to know
// whether others follow. cursor names a row to the next call.
func pageOf[T, V any](rows []T, limit int, cursor func(T) string, view func(T) V) (*listOf[V], error) {
	return tryPageOf(rows, limit, cursor, func(row T) (V, error) { return view(row), nil })
}

// tryPageOf is pageOf for rows that may fail to be read.
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

// numberCursor reads a cursor that is a number of so many bits, as the column
// that it stands for; an empty one is the start.
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

// idCursor reads a cursor that is an id; an empty one is the start.
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

// flag reads a parameter that is true, false or left out, which is nil.
func flag(text string) *bool {
	if text == "" {
		return nil
	}
	on := text == "true"
	return &on
}

// given returns an instant of the query in UTC, because the database does not
// know every offset that RFC 3339 has, or nil if there is none.
func given(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return utc(&t)
}

func badCursor(cursor string) error {
	return problem.New(problem.Invalid, "", problem.FieldError{
		Location: "query.cursor",
		Message:  "not a cursor: take it from next_cursor as it is, or leave it out to start",
		Value:    problem.Clip(cursor),
	})
}

func itoa(n int64) string { return fmt.Sprint(n) }

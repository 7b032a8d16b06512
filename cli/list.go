package cli

import (
	"context"
	"net/url"
	"strconv"
	"strings"
)

// paging is embedded in every command that lists.
type paging struct {
	Limit  int    `default:"50" help:"List so many at most."`
	All    bool   `help:"List all, however many there are."`
	Cursor string `placeholder:"CURSOR" help:"Go on behind the page that had this next_cursor."`
}

// Validate refuses what no list has.
func (p paging) Validate() error {
	if p.Limit < 1 {
		return usageError("--limit has to be at least 1; --all lists everything")
	}
	return nil
}

// listing is a list that the API gives out in pages.
type listing struct {
	paging
	path  string
	query url.Values // without what is empty
	most  int        // that the API lists in one page; zero means 200
}

type page[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor"`
}

// walk reads pages until enough are read, and hands them on. It returns the
// cursor of what was left out, if anything was.
func walk[T any](ctx context.Context, l *link, list listing, each func(answer []byte, p page[T]) error) (string, error) {
	most := list.most
	if most == 0 {
		most = 200
	}
	for cursor, left := list.Cursor, list.Limit; ; {
		limit := most
		if !list.All {
			limit = min(limit, left)
		}
		var p page[T]
		answer, err := l.get(ctx, list.path+"?"+query(list.query, "limit", strconv.Itoa(limit), "cursor", cursor), &p)
		if err != nil {
			return "", err
		}
		if err := each(answer, p); err != nil {
			return "", err
		}
		cursor, left = p.NextCursor, left-len(p.Items)
		if cursor == "" || !list.All && left <= 0 {
			return cursor, nil
		}
	}
}

// printList prints a list as a table, or the pages as they are.
func printList[T any](ctx context.Context, l *link, list listing, head []string, row func(T) []string) error {
	t := newTable(l.Out, head...)
	found := false
	next, err := walk(ctx, l, list, func(answer []byte, p page[T]) error {
		found = found || len(p.Items) > 0
		return l.show(answer, func() error {
			for _, item := range p.Items {
				t.add(row(item)...)
			}
			return t.flush()
		})
	})
	switch {
	case err != nil:
		return err
	case next != "":
		l.note("There are more: list --all, or go on with --cursor=%s", next)
	case !found:
		l.note("There are none.")
	}
	return nil
}

// query adds pairs to what is asked for, and leaves out what is empty.
func query(values url.Values, pairs ...string) string {
	q := url.Values{}
	for name, list := range values {
		if list[0] != "" {
			q[name] = list
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q.Encode()
}

// place is the path of a thing, whatever its name.
func place(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("/" + url.PathEscape(p))
	}
	return "/v1" + b.String()
}

package cli

import (
	"simtransfer/client"
)

// paging is embedded in every command that lists.
type paging struct {
	Limit  int    `min:"1" default:"50" help:"Maximum number of rows to list; for all rows, see --all."`
	All    bool   `help:"List all rows, without a limit."`
	Cursor string `placeholder:"CURSOR" help:"Continue after the page that returned this next_cursor."`
}

// The maximum number of items in a page of the API.
const (
	maxPage          = 200
	maxTransfersPage = 1000
)

// listFunc returns a page of a list.
type listFunc[T any] func(client.Paging) (client.Page[T], error)

// walk reads pages of up to pageSize items until p is satisfied, and passes
// each to handle. It returns the cursor of the rest, if there is any.
func walk[T any](l *connection, p paging, pageSize int, list listFunc[T], handle func(client.Page[T]) error) (string, error) {
	for cursor, left := p.Cursor, p.Limit; ; {
		limit := pageSize
		if !p.All {
			limit = min(limit, left)
		}
		page, err := list(client.Paging{Limit: limit, Cursor: cursor})
		if err != nil {
			return "", l.explain(err)
		}
		if err := handle(page); err != nil {
			return "", err
		}
		cursor, left = page.NextCursor, left-len(page.Items)
		if cursor == "" || !p.All && left <= 0 {
			return cursor, nil
		}
	}
}

// printList prints a list as a table or, with --json, its pages unchanged.
func printList[T any](l *connection, p paging, pageSize int, list listFunc[T], head []string, row func(T) []string) error {
	t := newTable(l.Out, head...)
	found := false
	next, err := walk(l, p, pageSize, list, func(page client.Page[T]) error {
		found = found || len(page.Items) > 0
		return l.show(func() error {
			for _, item := range page.Items {
				t.add(row(item)...)
			}
			return t.flush()
		})
	})
	switch {
	case err != nil:
		return err
	case next != "":
		l.note("There are more rows: use --all, or continue with --cursor=%s", next)
	case !found:
		l.note("Nothing found.")
	}
	return nil
}

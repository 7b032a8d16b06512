package client

import (
	"iter"
	"strconv"
)

// Page is one page of a list.
type Page[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor,omitempty"` // empty on the last page
}

// Paging selects a page of a list.
type Paging struct {
	Limit  int    // maximum number of items; zero means the service's default, 50
	Cursor string // NextCursor of the page before; empty means the first page
}

func (p Paging) query() query {
	q := query{}
	if p.Limit > 0 {
		q.set("limit", strconv.Itoa(p.Limit))
	}
	q.set("cursor", p.Cursor)
	return q
}

// All iterates over the items of every page of a list. It stops after the
// first error, which it yields with a zero item.
//
//	for r, err := range client.All(func(p client.Paging) (client.Page[client.Request], error) {
//		return c.ListRequests(ctx, client.RequestFilter{}, p)
//	}) { … }
func All[T any](list func(Paging) (Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var next Paging
		for {
			page, err := list(next)
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
			if page.NextCursor == "" {
				return
			}
			next.Cursor = page.NextCursor
		}
	}
}

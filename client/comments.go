package client

import (
	"context"
	"time"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

// Comment is what a party of a request has written about it.
type Comment struct {
	Seq       int              `json:"seq"` // of its event
	At        time.Time        `json:"at"`
	Party     transfer.Party   `json:"party"`            // who wrote it
	Person    *PersonRef       `json:"person,omitempty"` // who had signed in; nil for an API key
	Key       string           `json:"key,omitempty"`    // name of the API key
	KeyID     int64            `json:"key_id,omitempty"`
	Text      string           `json:"text"`
	VisibleTo []transfer.Party `json:"visible_to"`
}

// NewComment is the body of AddComment.
type NewComment struct {
	Text      string           `json:"text"`
	VisibleTo []transfer.Party `json:"visible_to,omitempty"` // besides its author and support; empty means all parties
}

// AddComment writes a comment on a request.
func (c *Client) AddComment(ctx context.Context, request uuid.UUID, n NewComment, options ...Option) (Comment, error) {
	return post[Comment](ctx, c, requestPath(request, "comments"), n, options)
}

// ListComments returns a page of the comments on a request, the oldest first.
func (c *Client) ListComments(ctx context.Context, request uuid.UUID, p Paging, options ...Option) (Page[Comment], error) {
	return get[Page[Comment]](ctx, c, p.query().of(requestPath(request, "comments")), options)
}

package storage

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"simtransfer/transfer"
)

// A comment is an event of its request: so it has an author and a place in the
// history, and those who follow the events read it. Parties that may not see it
// do not see the event.

// Comment is what a party of a request has written about it.
type Comment struct {
	Seq      int                  `db:"seq"` // of the event
	At       time.Time            `db:"at"`
	Party    transfer.Party       `db:"party"`
	Operator *transfer.OperatorID `db:"operator_id"` // of the account whose key was used
	KeyID    *int64               `db:"api_key"`
	Key      *string              `db:"key_name"`
	Text     string               `db:"text"`
	Readers  pq.StringArray       `db:"readers"` // the parties that see it

	ActingPerson
}

// CommentLimitError says that a party has written as many comments on a request
// as it can.
type CommentLimitError struct{ Party transfer.Party }

func (e *CommentLimitError) Error() string {
	return fmt.Sprintf("the %s has written %d comments on this request, which is the limit", e.Party, transfer.MaxComments)
}

var countComments = newStatement(statement{
	name:    "count_comments",
	does:    "Counts the comments that a party has written on a request.",
	given:   "@request and @party.",
	returns: "The number.",
	locks:   "The caller holds the request.",
	text: `
SELECT count(*)
FROM events
WHERE request = @request AND kind = 'comment' AND party = @party`,
})

// AddComment adds a comment to a request, which the readers see. It returns the
// comment, ErrNotFound or *CommentLimitError.
func (t *Tx) AddComment(ctx context.Context, request uuid.UUID, by Actor, text string, readers []transfer.Party) (Comment, error) {
	var state transfer.RequestState
	if err := t.get(ctx, &state, lockRequest, args{"request": request}); err != nil {
		return Comment{}, err
	}
	var n int
	if err := t.get(ctx, &n, countComments, args{"request": request, "party": by.Party}); err != nil {
		return Comment{}, fmt.Errorf("counting the comments of request %s: %w", request, err)
	}
	if n >= transfer.MaxComments {
		return Comment{}, &CommentLimitError{by.Party}
	}
	hidden := slices.DeleteFunc([]transfer.Party{transfer.PartySource, transfer.PartyDestination}, func(p transfer.Party) bool {
		return slices.Contains(readers, p)
	})
	if err := t.addEvent(ctx, request, event{
		kind: transfer.EventComment, by: by, detail: map[string]any{"text": text, "visible_to": readers}, hidden: hidden,
	}); err != nil {
		return Comment{}, err
	}
	var list []Comment
	if err := t.list(ctx, &list, selectLastComment, args{"request": request}); err != nil || len(list) == 0 {
		return Comment{}, fmt.Errorf("reading the comment on request %s: %w", request, err)
	}
	return list[0], nil
}

// commentsSQL selects the comments e of @request.
const commentsSQL = `
SELECT
	e.seq,
	e.at,
	e.party,
	a.operator_id,
	e.api_key,
	CASE WHEN p.id IS NULL THEN k.name END AS key_name,
	p.id AS person,
	p.name AS person_name,
	p.email AS person_email,
	e.detail->>'text' AS text,
	ARRAY(SELECT jsonb_array_elements_text(e.detail->'visible_to')) AS readers
FROM events e
LEFT JOIN api_keys k ON k.id = e.api_key
LEFT JOIN people p ON p.id = k.person
LEFT JOIN accounts a ON a.id = k.account
WHERE e.request = @request AND e.kind = 'comment'`

var selectLastComment = newStatement(statement{
	name:    "select_last_comment",
	does:    "Reads the comment that was written last on a request.",
	given:   "@request.",
	returns: "The comment.",
	text: commentsSQL + `
ORDER BY e.seq DESC
LIMIT 1`,
})

// A comment from before the request was offered is no event that the destination
// sees, but a comment that it may read.
var selectComments = newStatement(statement{
	name:    "select_comments",
	does:    "Lists the comments on a request, oldest first.",
	given:   "@request, the @viewer: only comments that this party sees, the sequence number @after which to start, and the maximum number of rows: @limit.",
	returns: "The comments.",
	text: commentsSQL + ` AND e.seq > @after AND e.detail->'visible_to' ? @viewer
ORDER BY e.seq
LIMIT @limit`,
})

// Comments lists up to limit comments on a request that a party sees, whose
// sequence numbers are greater than after, oldest first.
func (db *DB) Comments(ctx context.Context, request uuid.UUID, viewer transfer.Party, after, limit int) ([]Comment, error) {
	list := []Comment{}
	if err := db.list(ctx, &list, selectComments, args{"request": request, "viewer": viewer, "after": after, "limit": limit}); err != nil {
		return nil, fmt.Errorf("listing the comments on request %s: %w", request, err)
	}
	return list, nil
}

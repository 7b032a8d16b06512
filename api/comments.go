package api

import (
	"context"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// Comment is what a party of a request has written about it.
type Comment struct {
	Seq       int              `json:"seq" doc:"The number of its event in the request."`
	At        time.Time        `json:"at"`
	Party     transfer.Party   `json:"party" doc:"Which party wrote it."`
	Person    *PersonRef       `json:"person,omitempty" doc:"The person who wrote it. For the account that the person acted for, and for support."`
	Key       *string          `json:"key,omitempty" doc:"The name of the API key. For the account that has the key, and for support."`
	KeyID     *int64           `json:"key_id,omitempty" doc:"The id of the API key, or of the person's membership. For the account that has the key, and for support."`
	Text      string           `json:"text"`
	VisibleTo []transfer.Party `json:"visible_to" nullable:"false" doc:"The parties that see it."`
}

func viewComment(c storage.Comment, caller storage.Caller, party transfer.Party) Comment {
	v := Comment{Seq: c.Seq, At: c.At.UTC(), Party: c.Party, Text: c.Text, VisibleTo: make([]transfer.Party, len(c.Readers))}
	for i, p := range c.Readers {
		v.VisibleTo[i] = transfer.Party(p)
	}
	if sightOf(party).keys || c.Operator != nil && *c.Operator == caller.Account.OperatorID {
		v.Key, v.KeyID, v.Person = c.Key, c.KeyID, viewActor(c.ActingPerson)
	}
	return v
}

type addCommentInput struct {
	Idempotent
	RequestPath
	Body struct {
		Text      string           `json:"text" minLength:"1" maxLength:"1000"`
		VisibleTo []transfer.Party `json:"visible_to,omitempty" nullable:"false" minItems:"1" maxItems:"3" doc:"The parties that see the comment: source, destination, support. Support and the party that writes it always see it. Default: all three. Support writes a comment for itself with support."`
	}
}

func (s *server) addComment(ctx context.Context, in *addCommentInput) (*reply[Comment], error) {
	p := problem.New(problem.Invalid, "nothing was written: fix the listed errors")
	text := parsed(p, "body.text", in.Body.Text, filled(transfer.ParseText))
	for _, reader := range in.Body.VisibleTo {
		if reader == transfer.PartySystem {
			p.Add(problem.FieldError{Location: "body.visible_to", Message: "the system reads no comments: use source, destination or support", Value: string(reader)})
		}
	}
	if len(p.Errors) > 0 {
		return nil, p
	}
	r, party, err := s.visible(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return once(ctx, s, func(t *storage.Tx, out *reply[Comment]) error {
		c, err := t.AddComment(ctx, r.ID, actor(ctx, party), text, transfer.Readers(party, in.Body.VisibleTo))
		out.Status, out.Body = 201, viewComment(c, callerOf(ctx), party)
		return err
	})
}

type listCommentsInput struct {
	RequestPath
	Paging
}

func (s *server) listComments(ctx context.Context, in *listCommentsInput) (*listOf[Comment], error) {
	r, party, err := s.visible(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	after, err := numberCursor(in.Cursor, 0, 32)
	if err != nil {
		return nil, err
	}
	rows, err := s.db.Comments(ctx, r.ID, party, int(after), in.Limit+1)
	if err != nil {
		return nil, err
	}
	return pageOf(rows, in.Limit, func(c storage.Comment) string { return itoa(int64(c.Seq)) }, func(c storage.Comment) Comment {
		return viewComment(c, callerOf(ctx), party)
	})
}

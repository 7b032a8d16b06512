package api

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// FeedEvent is an event of one of an account's requests.
type FeedEvent struct {
	Cursor      string              `json:"cursor" doc:"The position after this event."`
	Request     uuid.UUID           `json:"request" format:"uuid"`
	Batch       *uuid.UUID          `json:"batch,omitempty" format:"uuid"`
	Source      transfer.OperatorID `json:"source"`
	Destination transfer.OperatorID `json:"destination"`

	SourceExternalID      *string `json:"source_external_id,omitempty" doc:"The external id of the source. For support."`
	DestinationExternalID *string `json:"destination_external_id,omitempty" doc:"The external id of the destination. For support."`
	Reference             *string `json:"reference,omitempty" doc:"The source's own reference for the request."`
	Event
}

// Feed is a page of the event feed, which has no last page.
type Feed struct {
	Items      []FeedEvent `json:"items" nullable:"false"`
	NextCursor string      `json:"next_cursor" doc:"Pass it as cursor to get the next events, now or later. It never expires."`
	More       bool        `json:"more" doc:"Whether more events exist already."`
	Withheld   bool        `json:"withheld,omitempty" doc:"Whether a transaction that is open in the database withholds later events. They follow, in order, when it ends."`
	WithheldBy []string    `json:"withheld_by,omitempty" nullable:"false" doc:"The transactions that withhold later events: their processes, users and databases. For support."`
}

type feedInput struct {
	Paging
	From    string    `query:"from" enum:"now" doc:"now: start after the events that exist already. In place of cursor."`
	Since   time.Time `query:"since" doc:"Start with the events at this time or later. A few earlier ones can come first. In place of cursor."`
	Account string    `query:"account" maxLength:"132" doc:"Only events of the account with this operator id or external id. For support."`
	Key     int64     `query:"key" minimum:"1" doc:"Only events that the API key with this id caused. An account can only give its own keys."`
}

type feedOutput struct{ Body Feed }

func (s *server) listFeed(ctx context.Context, in *feedInput) (*feedOutput, error) {
	account, err := s.listedAccount(ctx, in.Account)
	if err != nil {
		return nil, err
	}
	after, err := in.start(ctx, s, account)
	if err != nil {
		return nil, err
	}
	if err := s.checkFeedKey(ctx, in.Key); err != nil {
		return nil, err
	}
	rows, err := s.db.Feed(ctx, account, in.Key, after, in.Limit+1)
	if err == nil && len(rows) == 0 && after != (storage.Cursor{}) {
		var exists bool
		if exists, err = s.db.CursorExists(ctx, after, account, nil); err == nil && !exists {
			err = badCursor(in.Cursor)
		}
	}
	if err != nil {
		return nil, err
	}
	page, err := tryPageOf(rows, in.Limit, func(e storage.FeedEvent) string { return cursorText(e.Cursor) }, func(e storage.FeedEvent) (FeedEvent, error) {
		return viewFeedEvent(e, callerOf(ctx))
	})
	if err != nil {
		return nil, err
	}
	out := &feedOutput{Feed{Items: page.Body.Items, NextCursor: cursorText(after), More: page.Body.NextCursor != ""}}
	waits := s.feedWaits(ctx)
	out.Body.Withheld = len(waits) > 0
	if isStaff(callerOf(ctx)) {
		for _, w := range waits {
			out.Body.WithheldBy = append(out.Body.WithheldBy, w.String())
		}
	}
	if n := len(out.Body.Items); n > 0 {
		out.Body.NextCursor = out.Body.Items[n-1].Cursor
	}
	return out, nil
}

// start returns the position after which to read.
func (in *feedInput) start(ctx context.Context, s *server, account int64) (after storage.Cursor, err error) {
	p := problem.New(problem.Invalid, "")
	since := given(p, "query.since", in.Since)
	if countGiven(in.Cursor != "", in.From != "", since != nil) > 1 {
		p.Add(problem.FieldError{Location: "query", Message: "cursor, from and since exclude each other: give one of them"})
	}
	switch {
	case len(p.Errors) > 0:
		return after, p
	case in.From != "":
		return s.db.FeedEnd(ctx, account)
	case since != nil:
		if after, err = s.db.FeedSince(ctx, account, *since); errors.Is(err, storage.ErrFuture) {
			err = sinceInFuture(in.Since)
		}
		return after, err
	}
	return feedCursor(in.Cursor)
}

// longWait is how long a transaction may withhold events before it is logged.
const longWait = 10 * time.Second

// feedWaits returns the transactions that withhold events from the feeds, and
// logs those that have done so for long.
func (s *server) feedWaits(ctx context.Context) []storage.FeedWait {
	waits := s.db.FeedWaits()
	for _, w := range waits {
		if time.Since(w.Seen) > longWait && s.alarm.IsNews(fmt.Errorf("transaction %d", w.Tx)) {
			s.Log.ErrorContext(ctx, "a transaction withholds events from the feed and the streams of batches; end it", "transaction", w.String())
		}
	}
	return waits
}

// checkFeedKey rejects the key of another account: an account must not learn
// which events of the other side were caused by the same key.
func (s *server) checkFeedKey(ctx context.Context, key int64) error {
	c := callerOf(ctx)
	if key == 0 || isStaff(c) {
		return nil
	}
	found, err := s.db.AccountHasKey(ctx, c.Account.ID, key)
	if err != nil {
		return err
	}
	if !found {
		return problem.New(problem.Invalid, "", problem.FieldError{Location: "query.key", Message: "not a key of your account: leave it out, or give the id of one of your keys", Value: itoa(key)})
	}
	return nil
}

func viewFeedEvent(e storage.FeedEvent, caller storage.Caller) (FeedEvent, error) {
	party, ok := partyOfEvent(caller, e)
	if !ok {
		return FeedEvent{}, fmt.Errorf("event %d of request %s is not visible to key %d", e.Seq, e.Request, caller.Key)
	}
	v := FeedEvent{
		Cursor: cursorText(e.Cursor), Request: e.Request, Source: e.Source, Destination: e.Destination, Reference: e.Reference,
		SourceExternalID: externalIDFor(caller, e.SourceExternalID), DestinationExternalID: externalIDFor(caller, e.DestinationExternalID),
	}
	if sightOf(party).batch {
		v.Batch = e.Batch
	}
	var err error
	v.Event, err = viewEvent(e.Event, caller, party)
	return v, err
}

func cursorText(c storage.Cursor) string { return c.String() }

// feedCursor parses a cursor of the feed. An empty one is the beginning.
func feedCursor(text string) (storage.Cursor, error) {
	if text == "" {
		return storage.Cursor{}, nil
	}
	left, right, ok := strings.Cut(text, "-")
	tx, err1 := strconv.ParseUint(left, 10, 63)
	id, err2 := strconv.ParseUint(right, 10, 63)
	if !ok || err1 != nil || err2 != nil {
		return storage.Cursor{}, badCursor(text)
	}
	return storage.Cursor{Tx: int64(tx), ID: int64(id)}, nil
}

package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

// Event is an entry of the history of a request.
type Event struct {
	Seq     int                   `json:"seq"` // from 1, without gaps
	At      time.Time             `json:"at"`
	Kind    string                `json:"kind"`
	Party   transfer.Party        `json:"party"`              // who caused it
	Person  *PersonRef            `json:"person,omitempty"`   // who had signed in; nil for an API key
	Key     string                `json:"key,omitempty"`      // name of the API key
	KeyID   int64                 `json:"key_id,omitempty"`   // or of the membership of the person
	KeyHint string                `json:"key_hint,omitempty"` // beginning and end of the API key
	Address string                `json:"address,omitempty"`  // of the caller
	From    transfer.RequestState `json:"from,omitempty"`     // empty, like To, if the state did not change
	To      transfer.RequestState `json:"to,omitempty"`
	Detail  map[string]any        `json:"detail"`
}

// FeedEvent is an event of any request.
type FeedEvent struct {
	Cursor      string              `json:"cursor"` // of the place after this event
	Request     uuid.UUID           `json:"request"`
	Batch       *uuid.UUID          `json:"batch,omitempty"`
	Source      transfer.OperatorID `json:"source"`
	Destination transfer.OperatorID `json:"destination"`

	SourceExternalID      string `json:"source_external_id,omitempty"` // for support
	DestinationExternalID string `json:"destination_external_id,omitempty"`
	Reference             string `json:"reference,omitempty"` // the source's own, of the request
	Event
}

// Feed is a page of the events of all requests, the oldest first.
type Feed struct {
	Items      []FeedEvent `json:"items"`
	NextCursor string      `json:"next_cursor"` // of the events that come next, now or later
	More       bool        `json:"more"`        // whether there are more events now

	// Withheld is whether a transaction that is open in the database withholds
	// later events until it ends. WithheldBy describes it, for support.
	Withheld   bool     `json:"withheld,omitempty"`
	WithheldBy []string `json:"withheld_by,omitempty"`
}

// FeedFilter selects events. A zero field selects all.
type FeedFilter struct {
	Account transfer.AccountRef // for support
	Key     int64               // id of the API key that caused the events

	// The place to start at, instead of a cursor. At most one of them is set.
	Now   bool      // after the events that exist already
	Since time.Time // with the events at this time or later; a few earlier ones can come first
}

// ListEvents returns a page of the events of a request, the oldest first.
func (c *Client) ListEvents(ctx context.Context, request uuid.UUID, p Paging, options ...Option) (Page[Event], error) {
	return get[Page[Event]](ctx, c, p.query().of(requestPath(request, "events")), options)
}

// ListFeed returns a page of the events of all requests that the caller may
// see.
func (c *Client) ListFeed(ctx context.Context, f FeedFilter, p Paging, options ...Option) (Feed, error) {
	q := p.query()
	q.set("account", string(f.Account))
	if f.Key != 0 {
		q.set("key", strconv.FormatInt(f.Key, 10))
	}
	if f.Now {
		q.set("from", "now")
	}
	q.setTime("since", f.Since)
	return get[Feed](ctx, c, q.of(path("events")), options)
}

// StreamRequest yields the events of a request as they happen, after the event
// that lastEventID identifies; empty means from the beginning. The stream ends
// without an error after the last event, and also from time to time: call it
// again with the Seq of the last event. It yields an error at most once, with
// a zero Event, as the last item.
func (c *Client) StreamRequest(ctx context.Context, id uuid.UUID, lastEventID string) iter.Seq2[Event, error] {
	return streamEvents[Event](ctx, c, requestPath(id, "stream"), lastEventID)
}

// StreamBatch is StreamRequest for the events of all requests of a batch, which
// are identified by their Cursor.
func (c *Client) StreamBatch(ctx context.Context, id uuid.UUID, lastEventID string) iter.Seq2[FeedEvent, error] {
	return streamEvents[FeedEvent](ctx, c, batchPath(id, "stream"), lastEventID)
}

// eventStream is the media type of server-sent events.
const eventStream = "text/event-stream"

func streamEvents[T any](ctx context.Context, c *Client, path, lastEventID string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		fail := func(err error) {
			var zero T
			yield(zero, err)
		}
		stream, err := c.stream(ctx, call{method: http.MethodGet, path: path, accept: eventStream, lastEventID: lastEventID})
		if err != nil {
			fail(err)
			return
		}
		defer func() { _ = stream.Body.Close() }()
		for data, err := range serverSentData(stream.Body) {
			var event T
			if err == nil {
				err = json.Unmarshal([]byte(data), &event)
			}
			if err != nil {
				fail(fmt.Errorf("reading events: %w", err))
				return
			}
			if !yield(event, nil) {
				return
			}
		}
	}
}

// serverSentData yields the data of server-sent events. It ignores comments and
// the fields that the API does not use.
func serverSentData(r io.Reader) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		in := bufio.NewReader(r)
		var data []string
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				if !errors.Is(err, io.EOF) {
					yield("", err)
				}
				return // an event that was not ended by an empty line is incomplete
			}
			line = strings.TrimRight(line, "\r\n")
			if text, ok := strings.CutPrefix(line, "data:"); ok {
				data = append(data, strings.TrimPrefix(text, " "))
			}
			if line == "" && len(data) > 0 {
				if !yield(strings.Join(data, "\n"), nil) {
					return
				}
				data = nil
			}
		}
	}
}

package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"simtransfer/api/problem"
)

const (
	streamPageEvents  = 200              // that one poll reads
	heartbeatInterval = 15 * time.Second // between comments on an idle stream

	// streamTimeout ends a stream, so that the API key is checked again when the
	// client reconnects. Clients of server-sent events reconnect by themselves.
	streamTimeout = 15 * time.Minute
)

// LastEvent is embedded in the input of streams.
type LastEvent struct {
	LastEventID string `header:"Last-Event-ID" maxLength:"64" doc:"The id of the last event that the client received. The stream continues after it."`
}

// message is a server-sent event. A client resumes after its id.
type message struct {
	id   string
	data func() ([]byte, error) // returns JSON; called when the event is sent
}

// viewed is the data of a message whose value is known already.
func viewed(v any) func() ([]byte, error) { return func() ([]byte, error) { return json.Marshal(v) } }

// poll reads the events after those that it returned before. done is true if no
// more events will follow these.
type poll func(ctx context.Context) (events []message, done bool, err error)

type streamRequestInput struct {
	RequestPath
	LastEvent
}

func (s *server) streamRequest(ctx context.Context, in *streamRequestInput) (*huma.StreamResponse, error) {
	r, party, err := s.visible(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	last := 0
	if in.LastEventID != "" {
		if last, err = strconv.Atoi(in.LastEventID); err != nil || last < 0 {
			return nil, badEventID(in.LastEventID)
		}
		newest, _, err := s.db.Newest(ctx, r.ID)
		if err != nil {
			return nil, err
		}
		if last > newest {
			return nil, badEventID(in.LastEventID)
		}
	}
	caller := callerOf(ctx)
	return s.stream(ctx, in.LastEvent, func(ctx context.Context) ([]message, bool, error) {
		newest, finished, err := s.db.Newest(ctx, r.ID)
		if err != nil || newest <= last {
			return nil, finished, err
		}
		rows, err := s.db.Events(ctx, r.ID, party, last, streamPageEvents)
		if err != nil {
			return nil, false, err
		}
		events := make([]message, 0, len(rows))
		for _, row := range rows {
			v, err := viewEvent(row, caller, party)
			if err != nil {
				return nil, false, err
			}
			events, last = append(events, message{strconv.Itoa(v.Seq), viewed(v)}), v.Seq
		}
		return events, finished && len(rows) < streamPageEvents, nil
	})
}

type streamBatchInput struct {
	BatchPath
	LastEvent
}

func (s *server) streamBatch(ctx context.Context, in *streamBatchInput) (*huma.StreamResponse, error) {
	b, err := s.visibleBatch(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	last, err := feedCursor(in.LastEventID)
	if err != nil {
		return nil, badEventID(in.LastEventID)
	}
	if in.LastEventID == "" {
		last, err = s.db.BatchStart(ctx, b.ID)
	} else {
		var exists bool
		if exists, err = s.db.CursorExists(ctx, last, 0, &b.ID); err == nil && !exists {
			err = badEventID(in.LastEventID)
		}
	}
	if err != nil {
		return nil, err
	}
	caller := callerOf(ctx)
	var checked time.Time // when it was last checked whether the batch is finished
	return s.stream(ctx, in.LastEvent, func(ctx context.Context) ([]message, bool, error) {
		rows, err := s.db.BatchFeed(ctx, b, last, streamPageEvents)
		if err != nil {
			return nil, false, err
		}
		s.feedWaits(ctx)
		events := make([]message, 0, len(rows))
		for _, row := range rows {
			v, err := viewFeedEvent(row, caller)
			if err != nil {
				return nil, false, err
			}
			events, last = append(events, message{v.Cursor, viewed(v)}), row.Cursor
		}
		if len(rows) > 0 {
			checked = time.Time{}
			return events, false, nil
		}
		if time.Since(checked) < heartbeatInterval {
			return nil, false, nil
		}
		checked = time.Now()
		done, err := s.db.BatchOver(ctx, b, last)
		return nil, done, err
	})
}

func badEventID(id string) error {
	return problem.New(problem.Invalid, "", problem.FieldError{
		Location: "header.Last-Event-ID",
		Message:  "not the id of an event of this stream, or not yet: send the id as received, or leave the header out to start from the beginning",
		Value:    problem.Clip(id),
	})
}

// stream sends events until no more will follow. It polls once before it
// responds, so that an error is still a problem with its own status.
func (s *server) stream(ctx context.Context, from LastEvent, next poll) (*huma.StreamResponse, error) {
	if callOf(ctx).head {
		return headOnly(startEvents), nil
	}
	release, err := s.streams.acquire(ctx)
	if err != nil {
		return nil, err
	}
	events, done, err := next(ctx)
	if err != nil {
		release()
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) { //nolint:contextcheck // the context is in hc
		defer release()
		if from.LastEventID != "" && done && len(events) == 0 {
			hc.SetStatus(http.StatusNoContent) // tells the client not to reconnect
			return
		}
		_, w := humago.Unwrap(hc)
		startEvents(w)
		out := &eventWriter{w: w, connection: http.NewResponseController(w)}
		ctx := hc.Context()
		if err := s.sendAll(ctx, out, events, done, next); err != nil && ctx.Err() == nil {
			s.abort(ctx, "an event stream was aborted", err)
		}
	}}, nil
}

func startEvents(w http.ResponseWriter) {
	w.Header().Set("Content-Type", typeEvents)
	w.Header().Set("X-Accel-Buffering", "no") // keeps nginx from buffering events
}

// sendAll sends the events that were read and polls for more, until it is done,
// the client disconnects, or the process stops. It polls while it sends, so that a
// feed is as fast as the slower of the two.
func (s *server) sendAll(ctx context.Context, out *eventWriter, events []message, done bool, next poll) error {
	err := out.start()
	ticker := time.NewTicker(s.StreamInterval)
	defer ticker.Stop()
	lastSent := time.Now()
	for err == nil {
		if len(events) > 0 {
			lastSent = time.Now()
			sending := events
			events = nil
			polled := alongside(func() {
				if !done {
					events, done, err = next(ctx)
				}
			})
			failed := out.send(sending)
			polled()
			if failed != nil {
				return failed
			}
			continue
		}
		if done {
			return out.comment("end")
		}
		if time.Since(lastSent) >= heartbeatInterval {
			lastSent = time.Now()
			if err := out.comment("keep-alive"); err != nil {
				return err
			}
		}
		select {
		case <-ticker.C:
		case <-s.Stopping:
			return nil
		case <-ctx.Done():
			return nil
		}
		events, done, err = next(ctx)
	}
	return err
}

// alongside runs a function while the caller does something else. The function that
// it returns waits for the end, and panics if the function did.
func alongside(run func()) (wait func()) {
	ended := make(chan any, 1)
	go func() {
		defer func() { ended <- recover() }()
		run()
	}()
	return func() {
		if p := <-ended; p != nil {
			panic(p)
		}
	}
}

const typeEvents = "text/event-stream"

// eventWriter writes server-sent events. Each write may take up to
// pageWriteTimeout.
type eventWriter struct {
	w          io.Writer
	connection *http.ResponseController
}

func (e *eventWriter) start() error { return e.write([]byte("retry: 2000\n\n")) }

func (e *eventWriter) comment(text string) error { return e.write([]byte(": " + text + "\n\n")) }

func (e *eventWriter) send(events []message) error {
	var text []byte
	for _, event := range events {
		data, err := event.data()
		if err != nil {
			return fmt.Errorf("writing event %s: %w", event.id, err)
		}
		text = fmt.Appendf(text, "id: %s\ndata: %s\n\n", event.id, data)
	}
	return e.write(text)
}

func (e *eventWriter) write(text []byte) error {
	// A ResponseWriter without a connection returns an error, which is fine.
	_ = e.connection.SetWriteDeadline(time.Now().Add(pageWriteTimeout))
	if _, err := e.w.Write(text); err != nil {
		return err
	}
	if err := e.connection.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

func eventsDoc(event any, text string) *streamDoc {
	return &streamDoc{
		text: text + " The stream ends after the last event, and also after some minutes: the client then reconnects with " +
			"Last-Event-ID, and gets 204 if no more events will follow. Comments keep the connection open. " +
			"A stream has no count of its events, and one that was cut off can look like one that has ended: " +
			"only the 204 says that the client has all events. An event that lacks the empty line at its end was cut off; " +
			"ignore it, as clients of server-sent events do. It is sent again after Last-Event-ID.",
		noContent: "No more events will follow Last-Event-ID.",
		content: func(registry huma.Registry) map[string]*huma.MediaType {
			schema := registry.Schema(reflect.TypeOf(event), true, "")
			return map[string]*huma.MediaType{typeEvents: {Schema: &huma.Schema{
				Type:        huma.TypeString,
				Description: "Server-sent events. The data of each event is JSON with the schema " + schema.Ref + ".",
			}}}
		},
	}
}

package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"simtransfer/api/problem"
)

const (
	maxStreams     = 256                    // at once, in this process
	maxOwnStreams  = 16                     // of one caller
	streamInterval = 500 * time.Millisecond // between looks at the database
	streamPage     = 200                    // events at most that one look reads
	heartbeat      = 15 * time.Second       // a comment at least this often

	// streamTimeout ends a stream, so that a client that goes on has to show a
	// key that is still good. Clients of server-sent events go on by themselves.
	streamTimeout = 15 * time.Minute
)

// LastEvent is embedded in the input of streams.
type LastEvent struct {
	LastEventID string `header:"Last-Event-ID" maxLength:"64" doc:"The id of the last event that was received: the stream goes on behind it."`
}

// sentEvent is an event on its way: id is what a client goes on behind.
type sentEvent struct {
	id   string
	data any
}

// look reads what comes behind the events that it returned before, and whether
// that is all there will ever be.
type look func(ctx context.Context) (events []sentEvent, over bool, err error)

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
	}
	caller := callerOf(ctx)
	return s.stream(ctx, in.LastEvent, func(ctx context.Context) ([]sentEvent, bool, error) {
		newest, finished, err := s.db.Newest(ctx, r.ID)
		if err != nil || newest <= last {
			return nil, finished, err
		}
		rows, err := s.db.Events(ctx, r.ID, last, streamPage)
		if err != nil {
			return nil, false, err
		}
		events := make([]sentEvent, 0, len(rows))
		for _, row := range rows {
			v, err := viewEvent(row, caller, party)
			if err != nil {
				return nil, false, err
			}
			events, last = append(events, sentEvent{strconv.Itoa(v.Seq), v}), v.Seq
		}
		return events, finished && last >= newest, nil
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
		if last, err = s.db.BatchStart(ctx, b.ID); err != nil {
			return nil, err
		}
	}
	caller := callerOf(ctx)
	var asked time.Time // when it was last looked whether the batch is over
	return s.stream(ctx, in.LastEvent, func(ctx context.Context) ([]sentEvent, bool, error) {
		rows, err := s.db.BatchFeed(ctx, b, last, streamPage)
		if err != nil {
			return nil, false, err
		}
		events := make([]sentEvent, 0, len(rows))
		for _, row := range rows {
			v, err := viewFeedEvent(row, caller)
			if err != nil {
				return nil, false, err
			}
			events, last = append(events, sentEvent{v.Cursor, v}), row.Cursor
		}
		if len(rows) > 0 {
			asked = time.Time{}
			return events, false, nil
		}
		if time.Since(asked) < heartbeat {
			return nil, false, nil
		}
		asked = time.Now()
		over, err := s.db.BatchOver(ctx, b, last)
		return nil, over, err
	})
}

func badEventID(id string) error {
	return problem.New(problem.Invalid, "", problem.FieldError{
		Location: "header.Last-Event-ID",
		Message:  "not the id of an event of this stream: send it as it was received, or leave it out to start",
		Value:    problem.Clip(id),
	})
}

// stream sends events until there will be no more. It takes the first look
// before it answers, so that what is wrong is still a problem of its own.
func (s *server) stream(ctx context.Context, from LastEvent, next look) (*huma.StreamResponse, error) {
	leave, err := s.streams.take(ctx)
	if err != nil {
		return nil, err
	}
	events, over, err := next(ctx)
	if err != nil {
		leave()
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) { //nolint:contextcheck // the context is in hc
		defer leave()
		if from.LastEventID != "" && over && len(events) == 0 {
			hc.SetStatus(http.StatusNoContent) // which tells a client of server-sent events not to come again
			return
		}
		_, w := humago.Unwrap(hc)
		w.Header().Set("Content-Type", typeEvents)
		w.Header().Set("X-Accel-Buffering", "no") // for a proxy that would hold events back
		out := &eventWriter{w: w, connection: http.NewResponseController(w)}
		ctx := hc.Context()
		if err := s.sendAll(ctx, out, events, over, next); err != nil && ctx.Err() == nil {
			s.Log.LogAttrs(ctx, slog.LevelWarn, "a stream of events was broken off", slog.String("error", err.Error()), slog.String("request_id", callOf(ctx).id))
		}
	}}, nil
}

// sendAll sends what was read and goes on looking until it is over, the client
// goes, or the process stops.
func (s *server) sendAll(ctx context.Context, out *eventWriter, events []sentEvent, over bool, next look) error {
	err := out.start()
	pause := time.NewTicker(s.StreamInterval)
	defer pause.Stop()
	quiet := time.Now()
	for ; err == nil; events, over, err = next(ctx) {
		switch {
		case len(events) > 0:
			quiet = time.Now()
			if err := out.send(events); err != nil {
				return err
			}
		case !over && time.Since(quiet) >= heartbeat:
			quiet = time.Now()
			if err := out.comment("still here"); err != nil {
				return err
			}
		}
		if over {
			return out.comment("this is all")
		}
		if len(events) > 0 {
			continue
		}
		select {
		case <-pause.C:
		case <-s.Stopping:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
	return err
}

const typeEvents = "text/event-stream"

// eventWriter writes server-sent events. No client holds it up for longer than
// pageGrace.
type eventWriter struct {
	w          io.Writer
	connection *http.ResponseController
}

func (e *eventWriter) start() error { return e.write([]byte("retry: 2000\n\n")) }

func (e *eventWriter) comment(text string) error { return e.write([]byte(": " + text + "\n\n")) }

func (e *eventWriter) send(events []sentEvent) error {
	var text []byte
	for _, event := range events {
		data, err := json.Marshal(event.data)
		if err != nil {
			return fmt.Errorf("writing event %s: %w", event.id, err)
		}
		text = fmt.Appendf(text, "id: %s\ndata: %s\n\n", event.id, data)
	}
	return e.write(text)
}

func (e *eventWriter) write(text []byte) error {
	// Where there is no connection below, there is nothing to bound.
	_ = e.connection.SetWriteDeadline(time.Now().Add(pageGrace))
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
		text: text + " The stream ends when nothing more will come, and also from time to time: a client goes on with " +
			"Last-Event-ID, and gets 204 when there is nothing more to come. Comments keep the connection open.",
		none: "Nothing more will come behind Last-Event-ID.",
		content: func(registry huma.Registry) map[string]*huma.MediaType {
			schema := registry.Schema(reflect.TypeOf(event), true, "")
			return map[string]*huma.MediaType{typeEvents: {Schema: &huma.Schema{
				Type:        huma.TypeString,
				Description: "Server-sent events. The data of each is JSON, as in " + schema.Ref + ".",
			}}}
		},
	}
}

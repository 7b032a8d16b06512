package api

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"simtransfer/api/problem"
)

// Accepting is embedded in the input of routes with several response formats.
type Accepting struct {
	Accept string `header:"Accept" hidden:"true"`
}

const (
	typeJSON   = "application/json"
	typeNDJSON = "application/x-ndjson"
	typeCSV    = "text/csv"
)

// choose returns the media type that the client prefers, the first one without a
// preference.
func (a Accepting) choose(types ...string) (string, error) {
	if strings.TrimSpace(a.Accept) == "" {
		return types[0], nil
	}
	best, bestQ := "", 0.0
	for _, t := range types {
		if q := quality(a.Accept, t); q > bestQ {
			best, bestQ = t, q
		}
	}
	if best == "" {
		return "", problem.New(problem.NotAcceptable, "the response is available as "+strings.Join(types, ", "),
			problem.FieldError{Location: "header.Accept", Message: "accept one of these media types", Value: a.Accept})
	}
	return best, nil
}

// quality returns the quality value of a media type in an Accept header, from 0
// to 1: that of the most specific range that matches.
func quality(accept, mediaType string) float64 {
	kind, _, _ := strings.Cut(mediaType, "/")
	q, specific := 0.0, -1
	for entry := range strings.SplitSeq(accept, ",") {
		name, parameters, err := mime.ParseMediaType(entry)
		if err != nil {
			continue
		}
		rank := map[string]int{"*/*": 0, kind + "/*": 1, mediaType: 2}
		r, ok := rank[name]
		if !ok || r < specific {
			continue
		}
		weight := 1.0
		if text, given := parameters["q"]; given {
			if weight, err = strconv.ParseFloat(text, 64); err != nil {
				weight = 0
			}
		}
		q, specific = weight, r
	}
	return q
}

// rowsHeader is how many rows a streamed response has. It is sent before them,
// so that a client notices a response that was cut off, even through a proxy
// that hides the end of the connection, as HTTP/1.0 does.
const rowsHeader = "Simtransfer-Rows"

// startRows sets the headers of a response with rows.
func startRows(w http.ResponseWriter, format string) {
	w.Header().Set("Vary", "Accept")
	w.Header().Set("Content-Type", format)
	if format == typeCSV {
		w.Header().Set("Content-Type", typeCSV+"; charset=utf-8")
	}
}

// headOnly responds to HEAD on a route that streams.
func headOnly(start func(http.ResponseWriter)) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		_, w := humago.Unwrap(hc)
		start(w)
		hc.SetStatus(http.StatusOK)
	}}
}

// abort ends a response that has begun and cannot be completed, by closing the
// connection: the client then knows that the response is incomplete. It logs the
// reason unless the client is gone.
func (s *server) abort(ctx context.Context, what string, err error) {
	if !errors.Is(ctx.Err(), context.Canceled) {
		s.Log.LogAttrs(ctx, slog.LevelWarn, "a response was cut off", slog.String("response", what), slog.String("error", err.Error()), slog.String("request_id", callOf(ctx).id))
	}
	panic(http.ErrAbortHandler)
}

// row is a row of a response, which is also a record of CSV.
type row interface{ record() []string }

// pageWriter writes pages of rows in one of the formats.
type pageWriter struct {
	format string
	header string // of CSV
	out    *bufio.Writer
	csv    *csv.Writer
	any    bool // whether a row has been written
}

func newPageWriter(format, header string, w io.Writer) *pageWriter {
	out := bufio.NewWriterSize(w, 32<<10)
	return &pageWriter{format: format, header: header, out: out, csv: csv.NewWriter(out)}
}

func (w *pageWriter) begin() error {
	switch w.format {
	case typeCSV:
		_, err := w.out.WriteString(w.header + "\n")
		return err
	case typeJSON:
		_, err := w.out.WriteString(`{"items":[`)
		return err
	}
	return nil
}

// pageWriteTimeout is how long sending one page of rows may take.
const pageWriteTimeout = 30 * time.Second

// sendPage sends a page of rows.
func sendPage[R row](w http.ResponseWriter, out *pageWriter, page []R) error {
	// A ResponseWriter without a connection returns an error, which is fine.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(pageWriteTimeout))
	for _, r := range page {
		if err := out.row(r); err != nil {
			return fmt.Errorf("writing rows: %w", err)
		}
	}
	return out.flush()
}

func (w *pageWriter) row(r row) error {
	if w.format == typeCSV {
		return w.csv.Write(r.record())
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if w.format == typeJSON && w.any {
		text = append([]byte(",\n"), text...)
	}
	if w.format == typeNDJSON {
		text = append(text, '\n')
	}
	w.any = true
	_, err = w.out.Write(text)
	return err
}

func (w *pageWriter) flush() error {
	w.csv.Flush()
	return w.out.Flush()
}

func (w *pageWriter) end() error {
	if w.format == typeJSON {
		if _, err := w.out.WriteString("]}\n"); err != nil {
			return err
		}
	}
	return w.flush()
}

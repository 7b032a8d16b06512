package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
)

// rowsHeader is how many rows a streamed answer has. A proxy that speaks
// HTTP/1.0 to the service cannot tell an answer that was cut off from one that
// has ended, but the number of rows does.
const rowsHeader = "Simtransfer-Rows"

// Rows is an answer with rows, which is read while it arrives and must be
// closed. Reading it ends with an *UnreachableError if it does not have the
// announced number of rows.
type Rows struct {
	body  io.ReadCloser
	url   string
	total int
	count *rowCounter
}

// Total returns how many rows the answer has.
func (r *Rows) Total() int { return r.total }

// Count returns how many complete rows have been read.
func (r *Rows) Count() int { return r.count.rows() }

// Close implements io.Closer.
func (r *Rows) Close() error { return r.body.Close() }

// Read implements io.Reader.
func (r *Rows) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	r.count.add(p[:n])
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	switch {
	case r.count.rows() != r.total:
		return n, cutOff(r.url, fmt.Errorf("it has %d of %d rows", r.count.rows(), r.total))
	case !r.count.complete():
		return n, cutOff(r.url, errors.New("its end is missing"))
	}
	return n, err
}

// rows makes a GET whose answer has rows in the given format.
func (c *Client) rows(ctx context.Context, path string, format Format) (*Rows, error) {
	return c.countedRows(ctx, call{method: http.MethodGet, path: path, accept: string(format)}, func(http.Header) error { return nil })
}

// countedRows makes a call whose answer has rows in the format that it accepts.
// read reads what else the header of the answer has; if it fails, the answer is not
// one of the service.
func (c *Client) countedRows(ctx context.Context, r call, read func(http.Header) error) (*Rows, error) {
	answer, err := c.stream(ctx, r)
	if err != nil {
		return nil, err
	}
	total, err := strconv.Atoi(answer.Header.Get(rowsHeader))
	if err == nil {
		err = read(answer.Header)
	}
	if err != nil {
		defer func() { _ = answer.Body.Close() }()
		return nil, &callError{r, notService(c.URL, r, answer)}
	}
	return &Rows{answer.Body, c.URL, total, newRowCounter(Format(r.accept))}, nil
}

// readRows decodes rows in NDJSON while they arrive. It stops after the first
// error, which it yields with a zero row.
func readRows[T any](r io.Reader, what string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		rows := json.NewDecoder(r)
		for {
			var row T
			err := rows.Decode(&row)
			switch {
			case errors.Is(err, io.EOF):
				return
			case err != nil:
				var zero T
				yield(zero, fmt.Errorf("reading %s: %w", what, err))
				return
			case !yield(row, nil):
				return
			}
		}
	}
}

// rowCounter counts complete rows of an answer, whatever the pieces that they
// arrive in.
type rowCounter struct {
	format  Format
	n       int
	last    byte // of the text so far; zero at the beginning
	quoted  bool // within a text of CSV or JSON
	escaped bool // after a backslash within a text of JSON
	depth   int  // of JSON: the number of open objects and arrays
}

func newRowCounter(format Format) *rowCounter { return &rowCounter{format: format} }

func (c *rowCounter) add(text []byte) {
	for _, b := range text {
		switch c.format {
		case JSON:
			c.addJSON(b)
		case CSV:
			c.quoted = c.quoted != (b == '"') // a doubled quote ends a text and begins it again
			if b == '\n' && !c.quoted {
				c.n++
			}
		case NDJSON:
			if b == '\n' {
				c.n++
			}
		}
		c.last = b
	}
}

// addJSON counts the objects in the array within the outermost object.
func (c *rowCounter) addJSON(b byte) {
	switch {
	case c.escaped:
		c.escaped = false
	case c.quoted:
		c.escaped, c.quoted = b == '\\', b != '"'
	case b == '"':
		c.quoted = true
	case b == '{' || b == '[':
		c.depth++
	case b == '}' || b == ']':
		if c.depth--; c.depth == 2 {
			c.n++
		}
	}
}

// rows is the number of rows, without the heading of CSV.
func (c *rowCounter) rows() int {
	if c.format == CSV {
		return max(c.n-1, 0)
	}
	return c.n
}

// complete reports whether the text ends where a complete one does.
func (c *rowCounter) complete() bool {
	switch c.format {
	case JSON:
		return c.last != 0 && c.depth == 0
	case CSV:
		return c.last == '\n' && !c.quoted
	case NDJSON:
		return c.last == '\n' || c.last == 0
	}
	return true
}

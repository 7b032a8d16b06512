package client

import (
	"errors"
	"fmt"
	"io"
)

// rowsHeader is how many rows a streamed answer has. A proxy that speaks
// HTTP/1.0 to the service cannot tell an answer that was cut off from one that
// has ended, but the number of rows does.
const rowsHeader = "Simtransfer-Rows"

// countedRows is the body of an answer with rows. Reading it ends with an
// *UnreachableError if it does not have the announced number of rows.
type countedRows struct {
	io.ReadCloser
	url   string
	want  int
	count *rowCounter
}

func (r *countedRows) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.count.add(p[:n])
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	switch {
	case r.count.rows() != r.want:
		return n, cutOff(r.url, fmt.Errorf("it has %d of %d rows", r.count.rows(), r.want))
	case !r.count.complete():
		return n, cutOff(r.url, errors.New("its end is missing"))
	}
	return n, err
}

// rowCounter counts complete rows of results, whatever the pieces that they
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

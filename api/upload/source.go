package upload

import (
	"bytes"
	"errors"
	"io"
)

// errLongRecord is what a source answers to a parser that wants more for one
// record than it may have.
var errLongRecord = errors.New("record too long")

// source is an upload as it arrives. It counts and bounds the bytes, and
// remembers the error that ended them, which parsers like to hide.
type source struct {
	r        io.Reader
	n        int64
	maxBytes int64
	maxLine  int64
	until    int64 // how far may be read before the next call of allow
	err      error
}

func newSource(r io.Reader, limits Limits) *source {
	return &source{r: r, maxBytes: limits.MaxBytes, maxLine: int64(limits.MaxLine)}
}

// allow lets the parser read the record that begins at an offset. The byte
// more lets it see that nothing follows.
func (s *source) allow(start int64) { s.until = start + s.maxLine + 1 }

func (s *source) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	left := s.until - s.n
	if left <= 0 {
		s.err = errLongRecord
		return 0, s.err
	}
	n, err := s.r.Read(p[:min(int64(len(p)), left)])
	s.n += int64(n)
	if s.n > s.maxBytes {
		err = &TooLarge{Measure: Bytes, Limit: s.maxBytes}
	}
	s.err = err
	return n, err
}

// failure returns the error that ended the upload before its end, or nil.
func (s *source) failure() error {
	if s.err == io.EOF { //nolint:errorlint // readers return io.EOF itself
		return nil
	}
	return s.err
}

// lineCounter knows the line of every offset that a parser above it still has
// before it.
type lineCounter struct {
	r      io.Reader
	offset int64
	breaks []int64 // offsets of the line breaks that were read and not yet passed
	line   int     // line breaks passed
}

func (c *lineCounter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	for i := 0; ; i++ {
		next := bytes.IndexByte(p[i:n], '\n')
		if next < 0 {
			break
		}
		i += next
		c.breaks = append(c.breaks, c.offset+int64(i))
	}
	c.offset += int64(n)
	return n, err
}

// at returns the 1-based line of an offset. Offsets must not fall.
func (c *lineCounter) at(offset int64) int {
	passed := 0
	for passed < len(c.breaks) && c.breaks[passed] < offset {
		passed++
	}
	c.line += passed
	c.breaks = c.breaks[:copy(c.breaks, c.breaks[passed:])]
	return c.line + 1
}

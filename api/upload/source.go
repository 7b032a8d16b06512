package upload

import (
	"bytes"
	"errors"
	"io"
)

// errLongRecord is the error of a source if a parser reads more than the limit for
// one record.
var errLongRecord = errors.New("record too long")

// source reads an upload while it arrives. It counts and limits the bytes, and
// keeps the error that ended reading, which parsers may hide.
type source struct {
	r        io.Reader
	n        int64
	maxBytes int64
	maxLine  int64
	until    int64 // the offset up to which the parser can read before the next call of allow
	err      error
}

func newSource(r io.Reader, limits Limits) *source {
	return &source{r: r, maxBytes: limits.MaxBytes, maxLine: int64(limits.MaxLine)}
}

// allow allows the parser to read the record that starts at an offset. One byte
// more than the limit lets it notice the end of the file.
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

// failure returns the error that ended reading before the end, or nil.
func (s *source) failure() error {
	if s.err == io.EOF { //nolint:errorlint // readers return io.EOF itself
		return nil
	}
	return s.err
}

// lineCounter counts lines, so that a parser that reads from it can find the line
// of an offset.
type lineCounter struct {
	r      io.Reader
	offset int64
	breaks []int64 // offsets of the line breaks after the last offset passed to at
	line   int     // line breaks before it
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

// at returns the line of an offset, counted from 1. Offsets must not decrease.
func (c *lineCounter) at(offset int64) int {
	passed := 0
	for passed < len(c.breaks) && c.breaks[passed] < offset {
		passed++
	}
	c.line += passed
	c.breaks = c.breaks[:copy(c.breaks, c.breaks[passed:])]
	return c.line + 1
}

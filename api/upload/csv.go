package upload

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// csvReader reads CSV with encoding/csv.
type csvReader struct {
	records *Records
	in      *csv.Reader
	fields  []int // position of each column in the file, or -1; nil until the header is read
	line    int   // the last line read
	values  []string
}

func newCSVReader(records *Records, in *bufio.Reader) *csvReader {
	reader := &csvReader{
		records: records,
		in:      csv.NewReader(in),
		values:  make([]string, len(records.columns)),
	}
	reader.in.ReuseRecord = true
	return reader
}

func (c *csvReader) next() (Record, error) {
	if c.fields == nil {
		if err := c.header(); err != nil {
			return Record{}, err
		}
	}
	fields, place, err := c.read()
	if err != nil {
		return Record{}, err
	}
	for i, field := range c.fields {
		if field >= 0 {
			c.values[i] = fields[field]
		}
	}
	return Record{Place: place, Values: c.values}, nil
}

// read reads one record, which can have several lines if values are quoted.
func (c *csvReader) read() ([]string, Place, error) {
	start := c.in.InputOffset()
	c.records.begin(start)
	fields, err := c.in.Read()
	if err != nil {
		return nil, Place{}, c.refuse(err, start, len(fields))
	}
	line, _ := c.in.FieldPos(0)
	place := Place{Line: line}
	last := len(fields) - 1
	c.line, _ = c.in.FieldPos(last)
	c.line += strings.Count(fields[last], "\n")
	if c.isLong(start) {
		return nil, Place{}, c.records.tooLong(place)
	}
	return fields, place, nil
}

// isLong reports whether the record that started at an offset is too long.
func (c *csvReader) isLong(start int64) bool {
	return c.in.InputOffset()-start > int64(c.records.limits.MaxLine)
}

// refuse records the problem of a line that is not CSV, and returns errRefused. It
// returns any other error of the CSV reader as it is.
func (c *csvReader) refuse(err error, start int64, fields int) error {
	if errors.Is(c.records.source.err, errLongRecord) {
		return c.records.tooLong(Place{Line: c.line + 1})
	}
	var wrong *csv.ParseError
	if !errors.As(err, &wrong) {
		return err
	}
	place := Place{Line: wrong.StartLine}
	c.line = wrong.Line
	if c.isLong(start) {
		return c.records.tooLong(place)
	}
	switch {
	case errors.Is(wrong, csv.ErrFieldCount):
		c.records.Refuse(place, "", CodeFieldCount, fmt.Sprintf(
			"the line has %d %s, but the header has %d: add or remove commas, and put values that contain commas in quotes",
			fields, plural(fields, "value"), c.in.FieldsPerRecord))
	case errors.Is(wrong, csv.ErrBareQuote):
		c.records.Refuse(place, "", CodeSyntax,
			"a value without quotes contains a quote: put the whole value in quotes, and write each quote inside it twice")
	default:
		c.records.Refuse(place, "", CodeSyntax,
			"a value in quotes is not closed correctly: put the closing quote directly before the comma or the end of the line, and write each quote inside the value twice")
	}
	return errRefused
}

// header reads the first line and finds the position of each column.
func (c *csvReader) header() error {
	names, place, err := c.read()
	switch {
	case errors.Is(err, io.EOF):
		c.records.Refuse(Place{}, "", CodeEmpty, "the upload is empty: it needs a header line, "+c.records.columnNames()+", and at least one row")
		return errGivenUp
	case errors.Is(err, errRefused):
		return errGivenUp
	case err != nil:
		return err
	}
	if len(names) == 1 && strings.ContainsAny(names[0], ";\t") {
		c.records.Refuse(place, "", CodeSyntax, "the columns are not separated by commas: save the file as CSV with commas instead of semicolons or tabs")
		return errGivenUp
	}
	fields := make([]int, len(c.records.columns))
	for i := range fields {
		fields[i] = -1
	}
	for position, name := range names {
		name = strings.TrimSpace(name)
		column := c.records.column([]byte(name))
		switch {
		case name == "":
			c.records.Refuse(place, "", CodeUnknownColumn, fmt.Sprintf("column %d of the header has no name: add its name, or remove the column", position+1))
		case !utf8.ValidString(name):
			c.records.Refuse(place, "", CodeEncoding, "the header is not UTF-8: save the file as UTF-8")
		case column < 0:
			c.records.Refuse(place, clip(name), CodeUnknownColumn, "unknown column: remove it, or use one of "+c.records.columnNames())
		case fields[column] >= 0:
			c.records.Refuse(place, name, CodeRepeatedColumn, "the header has this column twice: remove one of the two")
		default:
			fields[column] = position
		}
	}
	for i, column := range c.records.columns {
		if column.Required && fields[i] < 0 {
			c.records.Refuse(place, column.Name, CodeMissingColumn, "the header does not have this required column: add it")
		}
	}
	if c.records.Refused() {
		return errGivenUp
	}
	c.fields = fields
	return nil
}

// clip truncates a name from outside to 40 bytes, for messages that quote it.
func clip(s string) string {
	if len(s) <= 40 {
		return s
	}
	return strings.ToValidUTF8(s[:40], "") + "…"
}

package upload

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"simtransfer/transfer"
)

// csvReader reads CSV with encoding/csv. The separator is the comma, semicolon,
// tab or vertical bar that the header has most, or what a first line such as
// "sep=;" says, which spreadsheet programs write.
type csvReader struct {
	records *Records
	raw     *bufio.Reader
	in      *csv.Reader // nil until the header is read
	quotes  *formulaReader
	fields  []int // position of each column in the file, or -1
	has     Columns
	width   int   // values of the header, without unnamed columns at its end
	skipped int   // lines before those that in reads
	offset  int64 // bytes before those that in reads
	line    int   // the last line read
	values  []string
}

func newCSVReader(records *Records, in *bufio.Reader) *csvReader {
	return &csvReader{records: records, raw: in, values: make([]string, len(records.columns))}
}

func (c *csvReader) next() (Record, error) {
	if c.in == nil {
		if err := c.open(); err != nil {
			return Record{}, err
		}
	}
	for {
		fields, place, err := c.read()
		if err != nil {
			return Record{}, err
		}
		if blank(fields) {
			continue
		}
		if len(fields) < c.width || !blank(fields[c.width:]) {
			return Record{}, c.wrongCount(place, len(fields))
		}
		for i, field := range c.fields {
			if field >= 0 {
				c.values[i] = formulaText(fields[field])
			}
		}
		return Record{Place: place, Values: c.values, Has: c.has}, nil
	}
}

// blank reports whether all values are empty, as in the rows that spreadsheet
// programs leave at the end of a file.
func blank(fields []string) bool {
	return !slices.ContainsFunc(fields, func(field string) bool { return strings.TrimSpace(field) != "" })
}

func (c *csvReader) wrongCount(place Place, fields int) error {
	c.records.Refuse(place, "", CodeFieldCount, fmt.Sprintf(
		"the line has %d %s, but the header has %d: add or remove separators, and put values that contain %s in quotes",
		fields, plural(fields, "value"), c.width, separatorName(c.in.Comma)))
	return errRefused
}

// open finds the separator, and reads the header.
func (c *csvReader) open() error {
	first, err := c.firstLine()
	if err != nil {
		return err
	}
	comma := separatorOf(first)
	if declared, ok := declaredSeparator(first); ok {
		discarded, err := c.raw.Discard(len(first))
		if err != nil {
			return err
		}
		comma, c.skipped, c.offset = declared, 1, int64(discarded)
	}
	c.quotes = &formulaReader{in: c.raw, comma: byte(comma), start: true}
	c.in = csv.NewReader(bufio.NewReaderSize(c.quotes, c.raw.Size()))
	c.in.Comma = comma
	c.in.FieldsPerRecord = -1 // counted by next, because empty values at the end of a line do no harm
	c.in.ReuseRecord = true
	return c.header()
}

// firstLine returns the first line that is not empty, with its line break and
// the empty lines before it. It consumes nothing, and reads no further than it must.
func (c *csvReader) firstLine() (string, error) {
	for scanned := 0; ; {
		_, err := c.raw.Peek(min(scanned+1, c.raw.Size()))
		text, _ := c.raw.Peek(c.raw.Buffered())
		for ; scanned < len(text); scanned++ {
			if text[scanned] == '\n' && len(bytes.TrimLeft(text[:scanned], "\r\n")) > 0 {
				return string(text[:scanned+1]), nil
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, errLongRecord), scanned >= c.raw.Size():
			return string(text), nil // the parser reports a line that is too long
		case err != nil:
			return "", err
		}
	}
}

// separatorOf returns the separator that occurs most often in a header.
func separatorOf(header string) rune {
	separator, most := ',', 0
	for _, candidate := range ",;\t|" {
		if n := strings.Count(header, string(candidate)); n > most {
			separator, most = candidate, n
		}
	}
	return separator
}

// declaredSeparator reads a line such as "sep=;".
func declaredSeparator(line string) (rune, bool) {
	text := strings.ToLower(strings.Trim(line, "\r\n\""))
	text, ok := strings.CutPrefix(text, "sep=")
	if ok && text != "" && strings.Contains(",;\t|", text) {
		return rune(text[0]), true
	}
	return 0, false
}

func separatorName(separator rune) string {
	switch separator {
	case ';':
		return "semicolons"
	case '\t':
		return "tabs"
	case '|':
		return "vertical bars"
	}
	return "commas"
}

// read reads one record, which can have several lines if values are quoted.
func (c *csvReader) read() ([]string, Place, error) {
	start := c.in.InputOffset()
	c.records.begin(c.offset + start + c.quotes.removed)
	fields, err := c.in.Read()
	if err != nil {
		return nil, Place{}, c.refuse(err, start)
	}
	line, _ := c.in.FieldPos(0)
	place := Place{Line: c.skipped + line}
	last := len(fields) - 1
	c.line, _ = c.in.FieldPos(last)
	c.line += c.skipped + strings.Count(fields[last], "\n")
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
func (c *csvReader) refuse(err error, start int64) error {
	if errors.Is(c.records.source.err, errLongRecord) {
		return c.records.tooLong(Place{Line: c.line + 1})
	}
	var wrong *csv.ParseError
	if !errors.As(err, &wrong) {
		return err
	}
	place := Place{Line: c.skipped + wrong.StartLine}
	c.line = c.skipped + wrong.Line
	if c.isLong(start) {
		return c.records.tooLong(place)
	}
	switch {
	case errors.Is(wrong, csv.ErrBareQuote):
		c.records.Refuse(place, "", CodeSyntax,
			"a value without quotes contains a quote: put the whole value in quotes, and write each quote inside it twice")
	default:
		c.records.Refuse(place, "", CodeSyntax,
			"a value in quotes is not closed correctly: put the closing quote directly before the separator or the end of the line, and write each quote inside the value twice")
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
	c.fields = make([]int, len(c.records.columns))
	for i := range c.fields {
		c.fields[i] = -1
	}
	c.width = len(names)
	for c.width > 0 && strings.TrimSpace(names[c.width-1]) == "" {
		c.width--
	}
	if _, err := transfer.ParseIdentifier(names[0]); err == nil && c.records.header(names[0]) == unknownColumn {
		c.records.Refuse(place, "", CodeMissingColumn, fmt.Sprintf("the first line starts with %q like a row: add a header line before it, such as %s", clip(names[0]), c.records.columnNames()))
		return errGivenUp
	}
	for position, name := range names[:c.width] {
		c.place(place, position, strings.TrimSpace(formulaText(name)))
	}
	c.checkMapped(place, names[:c.width])
	for i, column := range c.records.columns {
		if column.Required && c.fields[i] < 0 {
			c.records.Refuse(place, column.Name, CodeMissingColumn, fmt.Sprintf("the header has no column %q, which is required: add it", column.Name))
		}
	}
	if c.records.Refused() {
		return errGivenUp
	}
	return nil
}

// checkMapped refuses other names that were given for columns, but that the header
// does not have: most likely they are misspelled.
func (c *csvReader) checkMapped(place Place, header []string) {
	for _, given := range slices.Sorted(maps.Keys(c.records.names)) {
		has := func(name string) bool { return strings.EqualFold(strings.TrimSpace(formulaText(name)), given) }
		if !slices.ContainsFunc(header, has) {
			c.records.Refuse(place, clip(given), CodeUnknownColumn, fmt.Sprintf("the file has no column %q, which was mapped: its columns are %s",
				clip(given), clip(strings.Join(header, ", "))))
		}
	}
}

// place notes the position of a column of the header, or refuses the column.
func (c *csvReader) place(place Place, position int, name string) {
	column := c.records.header(name)
	switch {
	case name == "":
		c.records.Refuse(place, "", CodeUnknownColumn, fmt.Sprintf("column %d of the header has no name: add its name, or remove the column", position+1))
	case !utf8.ValidString(name):
		c.records.Refuse(place, "", CodeEncoding, fmt.Sprintf("column %d of the header, %q, is not UTF-8: save the file as UTF-8", position+1, clip(name)))
	case column == ignoredColumn:
	case column == unknownColumn:
		c.records.Refuse(place, clip(name), CodeUnknownColumn, fmt.Sprintf("unknown column %q%s: rename, map or remove it; the columns are %s",
			clip(name), c.records.similar(name), c.records.columnNames()))
	case c.fields[column] >= 0:
		c.records.Refuse(place, c.records.columns[column].Name, CodeRepeatedColumn, fmt.Sprintf("the header has the column %q twice: remove one of the two", clip(name)))
	default:
		c.fields[column] = position
		c.has = c.has.With(column)
	}
}

// formulaReader removes the equals sign from values such as ="00101", with which
// people keep spreadsheet programs from changing a number. What remains is the
// quoted value.
type formulaReader struct {
	in      *bufio.Reader
	comma   byte
	start   bool  // whether a value starts here
	quoted  bool  // whether this is inside quotes
	removed int64 // bytes
}

func (f *formulaReader) Read(p []byte) (int, error) {
	n, err := f.in.Read(p)
	if n == 0 {
		return n, err
	}
	if bytes.IndexByte(p[:n], '=') < 0 { // as in most files
		f.quoted = f.quoted != (bytes.Count(p[:n], []byte{'"'})%2 == 1)
		f.start = f.startsAfter(p[n-1])
		return n, err
	}
	kept := 0
	for i, c := range p[:n] {
		if c == '=' && f.start && f.beforeQuote(p[i+1:n]) {
			f.removed++
			continue
		}
		if c == '"' {
			f.quoted = !f.quoted
		}
		f.start = f.startsAfter(c)
		p[kept] = c
		kept++
	}
	return kept, err
}

// startsAfter reports whether a value starts after a byte.
func (f *formulaReader) startsAfter(c byte) bool { return !f.quoted && (c == f.comma || c == '\n') }

// beforeQuote reports whether the next byte is a quote. What follows was read
// already, and can be empty.
func (f *formulaReader) beforeQuote(follows []byte) bool {
	if len(follows) > 0 {
		return follows[0] == '"'
	}
	next, _ := f.in.Peek(1) // the next Read returns the error
	return len(next) > 0 && next[0] == '"'
}

// formulaText returns the text of a value such as ="00101" that is itself quoted
// as CSV demands, and any other value as it is.
func formulaText(value string) string {
	if inner, ok := strings.CutPrefix(value, `="`); ok && strings.HasSuffix(inner, `"`) {
		return inner[:len(inner)-1]
	}
	return value
}

// clip truncates a name from outside to 40 bytes, for messages that quote it.
func clip(s string) string {
	if len(s) <= 40 {
		return s
	}
	return strings.ToValidUTF8(s[:40], "") + "…"
}

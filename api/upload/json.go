package upload

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// ndjsonReader reads one JSON object per line.
type ndjsonReader struct {
	records *Records
	in      *bufio.Reader // its buffer holds the longest line
	objects *objects
	line    int   // the last line read
	offset  int64 // of its end
}

func (n *ndjsonReader) next() (Record, error) {
	for {
		n.records.begin(n.offset)
		line, err := n.in.ReadSlice('\n')
		place := Place{Line: n.line + 1}
		switch {
		case errors.Is(err, bufio.ErrBufferFull), errors.Is(err, errLongRecord), len(line) > n.records.limits.MaxLine:
			return Record{}, n.records.tooLong(place)
		case err != nil && !errors.Is(err, io.EOF):
			return Record{}, err
		case len(line) == 0:
			return Record{}, io.EOF
		}
		n.line++
		n.offset += int64(len(line))
		line = bytes.Trim(line, " \t\r\n")
		if len(line) == 0 {
			continue
		}
		if !json.Valid(line) {
			err := json.Unmarshal(line, new(any))
			n.records.Refuse(place, "", CodeSyntax, fmt.Sprintf("the line is not a JSON object (%v): write one complete object per line", err))
			return Record{}, errRefused
		}
		return n.objects.record(line, place)
	}
}

// document reads a JSON document: an array of objects, or an object with such an
// array in its field "rows".
type document struct {
	records *Records
	in      *json.Decoder
	lines   *lineCounter
	objects *objects
	row     json.RawMessage // reused for each row
	n       int             // rows that were started
	opened  bool
	wrapped bool // whether the array is in {"rows": …}
}

const documentShape = `the document has the wrong structure: send an array of objects, or {"rows": […]} with such an array`

func newDocument(records *Records, in io.Reader) *document {
	lines := &lineCounter{r: in}
	reader := &document{
		records: records,
		in:      json.NewDecoder(lines),
		lines:   lines,
		objects: newObjects(records),
	}
	reader.in.UseNumber() // an unexpected number may be too large for any type
	return reader
}

func (d *document) next() (Record, error) {
	if !d.opened {
		if err := d.open(); err != nil {
			return Record{}, err
		}
		d.opened = true
	}
	start := d.in.InputOffset()
	d.records.begin(start)
	if !d.in.More() {
		return Record{}, d.close()
	}
	d.n++
	if err := d.in.Decode(&d.row); err != nil {
		return Record{}, d.failed(err)
	}
	end := d.in.InputOffset()
	place := d.place(end - int64(len(d.row)))
	if end-start > int64(d.records.limits.MaxLine) {
		return Record{}, d.records.tooLong(place)
	}
	return d.objects.record(d.row, place)
}

func (d *document) place(offset int64) Place {
	return Place{Line: d.lines.at(offset), Row: d.n}
}

// open reads the document up to the first row.
func (d *document) open() error {
	token, err := d.in.Token()
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	if err == nil && token == json.Delim('{') {
		d.wrapped = true
		if token, err = d.in.Token(); err == nil && token != "rows" {
			return d.misshapen()
		}
		if err == nil {
			token, err = d.in.Token()
		}
	}
	if err != nil {
		return d.failed(err)
	}
	if token != json.Delim('[') {
		return d.misshapen()
	}
	return nil
}

// close reads the document from the last row to its end.
func (d *document) close() error {
	token, err := d.in.Token() // the end of the array
	if err == nil && d.wrapped {
		token, err = d.in.Token()
	}
	if err != nil {
		return d.failed(err)
	}
	if _, ok := token.(json.Delim); !ok { // a second field of the wrapping object
		return d.misshapen()
	}
	if _, err := d.in.Token(); err == nil {
		d.records.Refuse(Place{Line: d.lines.at(d.in.InputOffset())}, "", CodeSyntax, "the file continues after the end of the JSON document: send a single document")
		return errGivenUp
	} else if !errors.Is(err, io.EOF) {
		return d.failed(err)
	}
	return io.EOF
}

func (d *document) misshapen() error {
	d.records.Refuse(Place{Line: d.lines.at(d.in.InputOffset())}, "", CodeSyntax, documentShape)
	return errGivenUp
}

// failed reports a document that is not JSON from here on.
func (d *document) failed(err error) error {
	place := d.place(d.in.InputOffset())
	var wrong *json.SyntaxError
	switch {
	case errors.Is(err, errLongRecord):
		return d.records.tooLong(place)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		d.records.Refuse(place, "", CodeSyntax, "the document ends in the middle: was the upload cut off?")
	case errors.As(err, &wrong):
		d.records.Refuse(place, "", CodeSyntax, fmt.Sprintf("not JSON (%v): nothing from here on could be read", wrong))
	default:
		return err
	}
	return errGivenUp
}

// objects turns JSON objects into records.
type objects struct {
	records *Records
	spans   []span // of the values in text, one per column
	text    []byte
	values  []string
}

type span struct {
	start, end int
	seen       bool
}

func newObjects(records *Records) *objects {
	return &objects{
		records: records,
		spans:   make([]span, len(records.columns)),
		values:  make([]string, len(records.columns)),
	}
}

// record reads an object from text that is valid JSON.
func (o *objects) record(object []byte, place Place) (Record, error) {
	refused := false
	refuse := func(column string, code Code, problem string) {
		refused = true
		o.records.Refuse(place, column, code, problem)
	}
	if !utf8.Valid(object) {
		refuse("", CodeEncoding, "the text is not UTF-8: save the file as UTF-8")
		return Record{}, errRefused
	}
	if bytes.Contains(object, []byte(`\u`)) && !jsontext.Value(object).IsValid(jsontext.AllowDuplicateNames(true)) {
		refuse("", CodeEncoding, `the text has half of a surrogate pair, such as \ud800 without its second half: write the character itself, in UTF-8`)
		return Record{}, errRefused
	}
	if object[0] != '{' {
		refuse("", CodeSyntax, "the row is not an object: write it as an object with the fields "+o.records.columnNames())
		return Record{}, errRefused
	}
	var wrong *RowError
	clear(o.spans)
	o.text = o.text[:0]
	for rest := skipSpace(object[1:]); rest[0] != '}'; {
		var name, value []byte
		name, rest = cutValue(rest)
		value, rest = cutValue(skipSpace(rest)[1:]) // after the colon
		if rest = skipSpace(rest); rest[0] == ',' {
			rest = skipSpace(rest[1:])
		}

		name = unquote(name)
		column := o.records.column(name)
		if column == ignoredColumn {
			continue
		}
		if column == unknownColumn {
			refuse(clip(string(name)), CodeUnknownColumn, fmt.Sprintf("unknown field %q: remove it, or use one of %s", clip(string(name)), o.records.columnNames()))
			continue
		}
		if o.spans[column].seen {
			refuse(o.records.columns[column].Name, CodeRepeatedColumn, "the object has this field twice: remove one of the two")
			continue
		}
		start := len(o.text)
		switch problem := o.append(value, o.records.columns[column].Shape); {
		case problem == "":
		case !o.records.keep:
			refuse(o.records.columns[column].Name, CodeBadValue, problem)
		case wrong == nil:
			wrong = &RowError{Place: place, Column: o.records.columns[column].Name, Code: CodeBadValue, Problem: problem}
		}
		o.spans[column] = span{start: start, end: len(o.text), seen: true}
	}
	if refused {
		return Record{}, errRefused
	}
	text := string(o.text) // one string for all values
	var has Columns
	for i, span := range o.spans {
		o.values[i] = text[span.start:span.end]
		if span.seen {
			has = has.With(i)
		}
	}
	return Record{Place: place, Values: o.values, Has: has, Wrong: wrong}, nil
}

// append adds the text of a JSON value, or returns why the value is invalid.
func (o *objects) append(value []byte, shape Shape) string {
	switch {
	case value[0] == '"':
		o.text = append(o.text, unquote(value)...)
	case value[0] == 'n': // null
	case shape == Flag && (value[0] == 't' || value[0] == 'f'):
		o.text = append(o.text, value...)
	case shape == List && value[0] == '[':
		return o.appendElements(value, "the list", false)
	case shape == Map && value[0] == '{':
		return o.appendElements(value, "the object", true)
	case shape == Flag:
		return quoted(value) + " is not a boolean: use true or false"
	case shape == List:
		return quoted(value) + " is not a string or a list of strings: put it in quotes"
	case shape == Map:
		return quoted(value) + " is not a string or an object with strings: put it in quotes"
	default:
		return quoted(value) + " is not a string: put it in quotes"
	}
	return ""
}

// quoted returns a JSON value for an error message.
func quoted(value []byte) string { return clip(string(value)) }

// appendElements adds the strings of an array, or the names and strings of an
// object, with semicolons between them.
func (o *objects) appendElements(value []byte, what string, named bool) string {
	start := len(o.text)
	for rest := skipSpace(value[1:]); rest[0] != ']' && rest[0] != '}'; {
		if len(o.text) > start {
			o.text = append(o.text, ';')
		}
		var element []byte
		element, rest = cutValue(rest)
		if named {
			name := unquote(element)
			if bytes.ContainsAny(name, ";=") {
				return "a name in " + what + " contains a semicolon or an equals sign: remove it"
			}
			o.text = append(append(o.text, name...), '=')
			element, rest = cutValue(skipSpace(rest)[1:]) // after the colon
		}
		if rest = skipSpace(rest); rest[0] == ',' {
			rest = skipSpace(rest[1:])
		}
		if element[0] != '"' {
			return what + " contains an element that is not a string: put each element in quotes"
		}
		if element = unquote(element); bytes.IndexByte(element, ';') >= 0 {
			return "an element of " + what + " contains a semicolon, which separates elements: remove it"
		}
		o.text = append(o.text, element...)
	}
	return ""
}

// The functions below read text that is valid JSON.

func skipSpace(text []byte) []byte {
	for i, c := range text {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return text[i:]
		}
	}
	return nil
}

// cutValue returns the first value of the text and the text after it.
func cutValue(text []byte) (value, rest []byte) {
	text = skipSpace(text)
	depth, i := 0, 0
	for ; i < len(text); i++ {
		switch text[i] {
		case '"':
			for i++; text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
		default:
			if depth == 0 { // a number, boolean or null ends before a separator
				end := bytes.IndexAny(text[i:], " \t\r\n,:]}")
				if end < 0 {
					end = len(text) - i
				}
				return text[:i+end], text[i+end:]
			}
			continue
		}
		if depth == 0 {
			return text[:i+1], text[i+1:]
		}
	}
	return text, nil
}

// unquote returns the text of a JSON string.
func unquote(value []byte) []byte {
	inner := value[1 : len(value)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	var s string
	if err := json.Unmarshal(value, &s); err != nil {
		return inner // cannot happen to valid JSON
	}
	return []byte(s)
}

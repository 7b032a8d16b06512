package upload

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"strings"
	"unicode/utf8"

	"simtransfer/transfer"
)

// Limits bound an upload.
type Limits struct {
	MaxBytes        int64 // of the whole upload, at most 4 GiB; zero means 256 MiB
	MaxRows         int   // zero means transfer.MaxBatchRows
	MaxLine         int   // bytes of one row, its line breaks and blank lines before it included; zero means 64 KiB
	MaxDestinations int   // different destinations of a batch; zero means 10,000
}

func (l Limits) withDefaults() Limits {
	if l.MaxBytes <= 0 {
		l.MaxBytes = 256 << 20
	}
	l.MaxBytes = min(l.MaxBytes, math.MaxUint32) // as many lines can be counted
	if l.MaxRows <= 0 {
		l.MaxRows = transfer.MaxBatchRows
	}
	l.MaxRows = min(l.MaxRows, math.MaxInt32)
	if l.MaxLine <= 0 {
		l.MaxLine = 64 << 10
	}
	if l.MaxDestinations <= 0 {
		l.MaxDestinations = 10_000
	}
	return l
}

// Column is a column of a CSV upload, or a field of the objects of a JSON one.
type Column struct {
	Name     string
	Required bool // a CSV header must have it; a value may still be empty
	Shape    Shape
}

// Shape is what a JSON value of a column may be besides a string or null. The
// text of the value is the same as in a CSV upload.
type Shape uint8

// The shapes of columns.
const (
	Text Shape = iota
	Flag       // true or false
	List       // an array of strings: a;b
	Map        // an object of strings: name=value;name=value
)

// Record is one row of an upload.
type Record struct {
	Place
	// Values has one value per column, in the order of the columns given to
	// NewRecords, without surrounding white space. A value that is not there
	// is empty, and so is a JSON null. The slice is used again for the next
	// record; the strings may be kept.
	Values []string
}

// Records reads the records of an upload:
//
//	records := upload.NewRecords(body, upload.CSV, columns, upload.Limits{})
//	for record := range records.All() {
//		if problem := …; problem != "" {
//			records.Refuse(record.Place, "iccid", upload.CodeBadValue, problem)
//		}
//	}
//	if err := records.Err(); err != nil {
//		return err
//	}
type Records struct {
	format  Format
	columns []Column
	limits  Limits
	source  *source
	reader  recordReader
	start   int64 // the offset after a byte order mark
	rows    int
	invalid Invalid
	ended   bool
	err     error // that ended it, other than Invalid
}

// recordReader is the reading of one format. Its next returns io.EOF after
// the last row, errRefused for a row whose problems it has reported,
// errGivenUp if nothing can be read after the problem it has reported, and
// any other error if the upload could not be read.
type recordReader interface {
	next() (Record, error)
}

var (
	errRefused = errors.New("row refused")
	errGivenUp = errors.New("upload refused")
)

// NewRecords returns a reader of the records of r. It reads nothing yet.
func NewRecords(r io.Reader, format Format, columns []Column, limits Limits) *Records {
	limits = limits.withDefaults()
	return &Records{
		format:  format,
		columns: columns,
		limits:  limits,
		source:  newSource(r, limits),
	}
}

// All returns the records that can be read, in the order of the upload. It
// leaves out those with a problem of their own, such as too few values, and
// continues after them; Err has the problems. It can be used once.
func (r *Records) All() iter.Seq[Record] {
	return func(yield func(Record) bool) {
		for !r.ended {
			record, err := r.next()
			if err != nil && !errors.Is(err, errRefused) {
				r.end(err)
				return
			}
			if r.rows++; r.rows > r.limits.MaxRows {
				r.end(&TooLarge{Measure: Rows, Limit: int64(r.limits.MaxRows)})
				return
			}
			if err == nil && r.clean(record) && !yield(record) {
				return
			}
		}
	}
}

func (r *Records) next() (Record, error) {
	if r.reader == nil {
		if err := r.open(); err != nil {
			return Record{}, err
		}
	}
	return r.reader.next()
}

// open looks for a byte order mark and begins to read the format.
func (r *Records) open() error {
	r.source.allow(0)
	in := bufio.NewReaderSize(r.source, max(r.limits.MaxLine+1, 64<<10))
	start, err := in.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch {
	case bytes.Equal(start, []byte("\xef\xbb\xbf")):
		if _, err := in.Discard(len(start)); err != nil {
			return err
		}
		r.start = int64(len(start))
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		r.Refuse(Place{Line: 1}, "", CodeEncoding, "the file is UTF-16: save it as UTF-8")
		return errGivenUp
	}
	switch r.format {
	case CSV:
		r.reader = newCSVReader(r, in)
	case NDJSON:
		r.reader = &ndjsonReader{records: r, in: in, objects: newObjects(r)}
	case JSON:
		r.reader = newDocument(r, in)
	default:
		return fmt.Errorf("no such upload format: %v", r.format)
	}
	return nil
}

// clean drops the white space around the values, and refuses a record with
// text that the database could not store.
func (r *Records) clean(record Record) bool {
	ok := true
	for i, value := range record.Values {
		record.Values[i] = strings.TrimSpace(value)
		switch {
		case !utf8.ValidString(value):
			r.Refuse(record.Place, r.columns[i].Name, CodeEncoding, "the value is not UTF-8: save the file as UTF-8")
			ok = false
		case strings.IndexByte(value, 0) >= 0:
			r.Refuse(record.Place, r.columns[i].Name, CodeBadValue, "the value has a NUL character in it: remove it")
			ok = false
		}
	}
	return ok
}

func (r *Records) end(err error) {
	r.ended = true
	if failure := r.source.failure(); failure != nil && !errors.Is(failure, errLongRecord) {
		err = failure // whatever the parser made of it
	}
	var tooLarge *TooLarge
	switch {
	case errors.Is(err, errGivenUp):
	case errors.Is(err, io.EOF):
		if r.rows == 0 {
			r.Refuse(Place{}, "", CodeEmpty, "the upload has no rows: it needs at least one")
		}
	case errors.As(err, &tooLarge):
		r.err = tooLarge
	default:
		r.err = fmt.Errorf("reading the upload: %w", err)
	}
}

// Refuse records a problem: Err will return an *Invalid that has it. The
// problem says what is wrong and what to do; the column is empty if it is the
// whole line.
func (r *Records) Refuse(place Place, column string, code Code, problem string) {
	r.invalid.Add(LineError{Place: place, Column: column, Code: code, Problem: problem})
}

// Refused reports whether there has been a problem so far.
func (r *Records) Refused() bool { return len(r.invalid.Lines) > 0 }

// Rows returns how many rows have been read so far, the refused ones
// included.
func (r *Records) Rows() int { return r.rows }

// Err returns what is wrong with the upload: an *Invalid, a *TooLarge, or the
// error of the underlying reader, wrapped. It is nil if every record was read
// and none refused.
func (r *Records) Err() error {
	switch {
	case r.err != nil:
		return r.err
	case r.Refused():
		return &r.invalid
	default:
		return nil
	}
}

// begin lets the reader of the format read the record that begins at an
// offset, as the reader counts.
func (r *Records) begin(offset int64) { r.source.allow(r.start + offset) }

// tooLong is the error for the record at a place.
func (r *Records) tooLong(place Place) error {
	return &TooLarge{Place: place, Measure: LineBytes, Limit: int64(r.limits.MaxLine)}
}

// column returns the index of the column with this name, or -1.
func (r *Records) column(name []byte) int {
	for i := range r.columns {
		if r.columns[i].Name == string(name) {
			return i
		}
	}
	return -1
}

// columnNames lists the columns for a person.
func (r *Records) columnNames() string {
	names := make([]string, len(r.columns))
	for i, column := range r.columns {
		names[i] = column.Name
	}
	return strings.Join(names, ", ")
}

package upload

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"simtransfer/textfile"
	"simtransfer/transfer"
)

// Limits are the limits of an upload.
type Limits struct {
	MaxBytes        int64 // of the whole upload as UTF-8 text, uncompressed, up to 4 GiB; zero means transfer.MaxUploadBytes
	MaxRows         int   // zero means transfer.MaxBatchRows
	MaxLine         int   // bytes of one row, including its line breaks and the blank lines before it; zero means 64 KiB
	MaxDestinations int   // different destinations of a batch; zero means 10,000
}

func (l Limits) withDefaults() Limits {
	if l.MaxBytes <= 0 {
		l.MaxBytes = transfer.MaxUploadBytes
	}
	l.MaxBytes = min(l.MaxBytes, math.MaxUint32) // so that line numbers fit in 32 bits
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
	Required bool // whether a CSV header must have it; values can still be empty
	Shape    Shape
}

// Shape is what a JSON value of a column can be in addition to a string or null.
// It is converted to the text that a CSV upload has.
type Shape uint8

// The shapes of columns.
const (
	Text    Shape = iota
	Flag          // true or false
	List          // an array of strings: a;b
	Map           // an object of strings: name=value;name=value
	Ignored       // nothing: no one reads the column, and error messages do not offer it
)

// Record is one row of an upload.
type Record struct {
	Place
	// Values has one value per column, in the order of the columns passed to
	// NewRecords, without surrounding white space. Missing values and JSON
	// nulls are empty. The slice is reused for the next record; the strings can
	// be kept.
	Values []string
	// Has tells which columns the row has, even if the value is empty: all that are
	// in the header of a CSV upload, or the fields of a JSON object.
	Has Columns
	// Wrong is the first error in the shape of a value, nil for none. The value is
	// empty. It is only set after KeepWrongRows.
	Wrong *RowError
}

// Columns is a set of columns, by their index in the columns passed to NewRecords.
type Columns uint64

// With returns the set with another column.
func (c Columns) With(column int) Columns { return c | 1<<column }

// Without returns the set without a column.
func (c Columns) Without(column int) Columns { return c &^ (1 << column) }

// Contains reports whether a column is in the set.
func (c Columns) Contains(column int) bool { return c&(1<<column) != 0 }

// Records reads the records of an upload:
//
//	records := upload.NewRecords(body, upload.CSV, columns, nil, upload.Limits{})
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
	names   Names
	limits  Limits
	source  *source
	reader  recordReader
	rows    int
	invalid Invalid
	keep    bool // KeepWrongRows was called
	ended   bool
	opened  error // of Columns, for next
	err     error // the error that ended reading, other than Invalid
}

// recordReader reads one format. Its next returns io.EOF after the last row,
// errRefused for a row whose errors it has recorded, errGivenUp if nothing can be
// read after the error that it has recorded, and any other error if the upload
// could not be read.
type recordReader interface {
	next() (Record, error)
}

var (
	errRefused = errors.New("row refused")
	errGivenUp = errors.New("upload refused")
)

// NewRecords returns a reader of the records of r. It reads nothing yet. Names
// are other names that the upload has for columns. At most 64 columns are possible.
func NewRecords(r io.Reader, format Format, columns []Column, names Names, limits Limits) *Records {
	limits = limits.withDefaults()
	return &Records{
		format:  format,
		columns: columns,
		names:   names,
		limits:  limits,
		source:  newSource(textfile.NewReader(r), limits),
	}
}

// All returns the records that can be read, in the order of the upload. It
// skips rows that cannot, such as those with too few values, and continues after
// them; Err returns their errors. All can be used once.
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

// KeepWrongRows makes All return rows with a value that is invalid in a field of
// JSON, such as a number in place of a text, with Wrong set. Otherwise such a row is
// an error of the upload.
func (r *Records) KeepWrongRows() { r.keep = true }

// Columns returns the columns that rows can have: those of the header of CSV, which
// it reads, and all columns of other formats. An error in the header is that of the
// first row.
func (r *Records) Columns() Columns {
	all := Columns(1)<<len(r.columns) - 1
	if r.format != CSV || r.reader != nil {
		return all
	}
	if r.opened = r.open(); r.opened != nil {
		return all
	}
	c := r.reader.(*csvReader)
	if r.opened = c.open(); r.opened != nil {
		return all
	}
	return c.has
}

func (r *Records) next() (Record, error) {
	if r.opened != nil {
		return Record{}, r.opened
	}
	if r.reader == nil {
		if err := r.open(); err != nil {
			return Record{}, err
		}
	}
	return r.reader.next()
}

// open creates the reader of the format.
func (r *Records) open() error {
	r.source.allow(0)
	in := bufio.NewReaderSize(r.source, max(r.limits.MaxLine+1, 64<<10))
	switch r.format {
	case CSV:
		r.reader = newCSVReader(r, in)
	case NDJSON:
		r.reader = &ndjsonReader{records: r, in: in, objects: newObjects(r)}
	case JSON:
		r.reader = newDocument(r, in)
	default:
		return fmt.Errorf("unknown upload format: %v", r.format)
	}
	return nil
}

// clean removes white space around the values. It refuses a record with text that
// PostgreSQL cannot store, and returns false.
func (r *Records) clean(record Record) bool {
	ok := true
	for i, value := range record.Values {
		if transfer.IsPlain(value) {
			continue
		}
		record.Values[i] = transfer.Trim(value)
		switch {
		case !utf8.ValidString(value):
			r.Refuse(record.Place, r.columns[i].Name, CodeEncoding, fmt.Sprintf("%q is not UTF-8: save the file as UTF-8", clip(value)))
			ok = false
		case strings.ContainsRune(value, utf8.RuneError):
			r.Refuse(record.Place, r.columns[i].Name, CodeEncoding, fmt.Sprintf("%q contains a character that an earlier conversion of the file has lost (U+FFFD): correct it", clip(value)))
			ok = false
		case strings.IndexByte(value, 0) >= 0:
			r.Refuse(record.Place, r.columns[i].Name, CodeBadValue, "the value contains a NUL character: remove it")
			ok = false
		}
	}
	return ok
}

func (r *Records) end(err error) {
	r.ended = true
	if failure := r.source.failure(); failure != nil && !errors.Is(failure, errLongRecord) {
		err = failure // the parser may have hidden it
	}
	var tooLarge *TooLarge
	switch {
	case errors.Is(err, errGivenUp):
	case errors.Is(err, textfile.ErrDamaged):
		r.Refuse(Place{}, "", CodeEncoding, "the gzip data is damaged or incomplete: compress the file again, or send it uncompressed")
	case errors.Is(err, textfile.ErrWorkbook):
		r.Refuse(Place{}, "", CodeEncoding, "the file is a spreadsheet or a ZIP archive: save it as CSV in UTF-8")
	case errors.Is(err, textfile.ErrDocument):
		r.Refuse(Place{}, "", CodeEncoding, "the file is a PDF document or a web page: send a table, as CSV in UTF-8")
	case errors.Is(err, io.EOF):
		if r.rows == 0 {
			r.Refuse(Place{}, "", CodeEmpty, "the upload has no rows: add at least one")
		}
	case errors.As(err, &tooLarge):
		r.err = tooLarge
	default:
		r.err = fmt.Errorf("reading the upload: %w", err)
	}
}

// Refuse records an error in a row, so Err returns an *Invalid that includes it.
// The problem is what is wrong and what to do. The column is empty if the error is
// about the whole row.
func (r *Records) Refuse(place Place, column string, code Code, problem string) {
	r.invalid.Add(RowError{Place: place, Column: column, Code: code, Problem: problem})
}

// Refused reports whether an error was recorded so far.
func (r *Records) Refused() bool { return len(r.invalid.Lines) > 0 }

// Rows returns how many rows were read so far, including refused rows.
func (r *Records) Rows() int { return r.rows }

// Err returns an *Invalid, a *TooLarge, or the wrapped error of the underlying
// reader. It returns nil if every record was read and none was refused.
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

// begin allows the reader of the format to read the record that starts at an
// offset.
func (r *Records) begin(offset int64) { r.source.allow(offset) }

// tooLong returns the error for a record that is too long.
func (r *Records) tooLong(place Place) error {
	return &TooLarge{Place: place, Measure: LineBytes, Limit: int64(r.limits.MaxLine)}
}

// What column and header return in place of an index.
const (
	unknownColumn = -1
	ignoredColumn = -2 // the upload has it, and it is not read
)

// column returns the index of the column with this name in the fields of a JSON
// object, or one of the constants above.
func (r *Records) column(name []byte) int {
	if len(r.names) > 0 {
		if column, ok := r.names[string(name)]; ok {
			return r.indexOf(column)
		}
	}
	return slices.IndexFunc(r.columns, func(c Column) bool { return c.Name == string(name) })
}

// indexOf returns the index of a column that names map to.
func (r *Records) indexOf(column string) int {
	if column == "" {
		return ignoredColumn
	}
	return slices.IndexFunc(r.columns, func(c Column) bool { return c.Name == column })
}

// header is column for a CSV header. Case does not count, and in the name of a
// column a space or dash counts as an underscore.
func (r *Records) header(name string) int {
	for given, column := range r.names {
		if strings.EqualFold(given, name) {
			return r.indexOf(column)
		}
	}
	name = strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(name))
	return slices.IndexFunc(r.columns, func(c Column) bool { return c.Name == name })
}

// columnNames returns the names of the columns for an error message.
func (r *Records) columnNames() string {
	var names []string
	for _, column := range r.columns {
		if column.Shape != Ignored {
			names = append(names, column.Name)
		}
	}
	return strings.Join(names, ", ")
}

// similar returns a question with the column that an unknown name resembles, or
// an empty string: one contains the other without its separators, or they share
// most of their words.
func (r *Records) similar(name string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(c rune) bool { return c == '_' || c == '-' || c == ' ' || c == '.' })
	best, most := "", 0
	for _, column := range r.columns {
		if column.Shape == Ignored {
			continue
		}
		shared := 0
		for word := range strings.SplitSeq(column.Name, "_") {
			if slices.ContainsFunc(words, func(w string) bool {
				return w == word || len(w) >= 3 && (strings.HasPrefix(word, w) || strings.HasPrefix(w, word))
			}) {
				shared += len(word)
			}
		}
		if shared > most {
			best, most = column.Name, shared
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

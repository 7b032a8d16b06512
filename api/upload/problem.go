package upload

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// MaxProblems is how many errors an [Invalid] lists; it counts the others.
const MaxProblems = 100

// Place is a position in an upload.
type Place struct {
	Line int // 1-based line of the file, header included; 0 if it has none
	Row  int // 1-based row of a JSON document; 0 in the other formats, whose rows are lines
}

// String returns "line 7", or "row 7 (line 12)" for a JSON document, or ""
// for the zero value.
func (p Place) String() string {
	switch {
	case p.Row > 0:
		return fmt.Sprintf("row %d (line %d)", p.Row, p.Line)
	case p.Line > 0:
		return fmt.Sprintf("line %d", p.Line)
	default:
		return ""
	}
}

// short returns the place for references from other lines.
func (p Place) short() string {
	if p.Row > 0 {
		return fmt.Sprintf("row %d", p.Row)
	}
	return p.String()
}

// Code identifies what is wrong with a row, for programs. Callers add codes of
// their own for errors that only they can find.
type Code string

// The codes of this package.
const (
	CodeEmpty          Code = "empty"           // the upload has no rows
	CodeEncoding       Code = "not_utf8"        // text that is not UTF-8
	CodeSyntax         Code = "syntax"          // not CSV, not JSON, or JSON of another shape
	CodeUnknownColumn  Code = "unknown_column"  // a column or field that the upload does not have
	CodeMissingColumn  Code = "missing_column"  // the header lacks a required column
	CodeRepeatedColumn Code = "repeated_column" // a column or field twice
	CodeFieldCount     Code = "field_count"     // a line with more or fewer values than the header
	CodeMissing        Code = "missing_value"   // a required value is empty
	CodeBadValue       Code = "bad_value"       // a value that is not valid for its column
	CodeDuplicate      Code = "duplicate"       // a SIM that an earlier line has already
)

// RowError is an error in a row of an upload.
type RowError struct {
	Place
	Column  string // the column or field; empty if the error is about the whole row
	Code    Code
	Problem string // what is wrong and what to do, to be read after "line 7: "

	// Again counts further rows with the same error, and Others has the first of
	// them, at most MaxPlaces-1.
	Again  int
	Others []Place

	// Example says that the other rows have errors of the same kind, with values of
	// their own: the problem is that of the first row.
	Example bool
}

// MaxPlaces is how many places an error of several rows lists; it counts the
// others.
const MaxPlaces = 10

// MaxAlike is how many errors of one kind are listed one by one, each with its
// value. More are one entry, with the first of them as the example.
const MaxAlike = 5

// Error returns the place, the column and the problem.
func (e RowError) Error() string {
	parts := make([]string, 0, 2)
	if place := e.places(); place != "" {
		parts = append(parts, place)
	}
	if e.Column != "" {
		parts = append(parts, e.Column)
	}
	if e.Example {
		parts = append(parts, "for example")
	}
	if len(parts) == 0 {
		return e.Problem
	}
	return strings.Join(parts, ", ") + ": " + e.Problem
}

// places returns "line 7", or "line 7, line 9 and 30 others".
func (e RowError) places() string {
	text := e.String()
	if text == "" && e.Again > 0 {
		return fmt.Sprintf("%d times", 1+e.Again) // such as SIMs that are missing from the file
	}
	for _, other := range e.Others {
		text += ", " + other.short()
	}
	if n := e.Again - len(e.Others); n > 0 {
		text += fmt.Sprintf(" and %d %s", n, plural(n, "other"))
	}
	return text
}

// Invalid is the error for an upload that has invalid rows. Nothing of the upload
// was accepted. The zero value has no errors yet.
type Invalid struct {
	Lines []RowError // in the order in which they were found, at most MaxProblems
	More  int        // how many errors there are in addition

	known    map[sameError]int   // index in Lines
	alike    map[kindOfError]int // number of entries
	examples map[kindOfError]int // index in Lines of the entry for all errors of the kind
}

// sameError is what the rows with the same error have in common.
type sameError struct {
	column  string
	code    Code
	problem string
}

// kindOfError is what errors have in common that differ only in their values.
type kindOfError struct {
	column string
	code   Code
	words  string // the problem without values
}

// values are quoted, or have digits, such as identifiers, times and lines.
var values = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'[^']*'|[\w+:.-]*[0-9][\w+:.-]*`)

func (e RowError) kind() kindOfError {
	return kindOfError{e.Column, e.Code, values.ReplaceAllLiteralString(e.Problem, "…")}
}

// Total returns the number of errors, counting one for each row that has it.
func (e *Invalid) Total() int {
	n := e.More
	for _, line := range e.Lines {
		n += 1 + line.Again
	}
	return n
}

// Error returns all errors, each in a line of its own.
func (e *Invalid) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "nothing was accepted: %d %s to fix", e.Total(), plural(e.Total(), "error"))
	for _, line := range e.Lines {
		b.WriteString("\n" + line.Error())
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "\nand %d more", e.More)
	}
	return b.String()
}

// Add lists an error. Rows with the same error in the same column are one entry,
// and so are more than MaxAlike errors of the same kind. If MaxProblems entries are
// listed already, Add only counts an error of another kind.
func (e *Invalid) Add(line RowError) {
	same, kind := sameError{line.Column, line.Code, line.Problem}, line.kind()
	if i, found := e.known[same]; found {
		e.Lines[i].repeat(line)
		return
	}
	if i, found := e.examples[kind]; found {
		e.Lines[i].repeat(line)
		return
	}
	if e.alike[kind] == MaxAlike || line.Example && e.alike[kind] > 0 {
		e.merge(kind, line)
		return
	}
	if len(e.Lines) >= MaxProblems {
		e.More += 1 + line.Again
		return
	}
	e.Lines = append(e.Lines, line)
	if e.known == nil {
		e.known, e.alike, e.examples = map[sameError]int{}, map[kindOfError]int{}, map[kindOfError]int{}
	}
	e.index(len(e.Lines) - 1)
}

// merge makes one entry of those of a kind and of another error of that kind.
func (e *Invalid) merge(kind kindOfError, another RowError) {
	of := func(line RowError) bool { return line.kind() == kind }
	first := slices.IndexFunc(e.Lines, of)
	merged := e.Lines[first]
	merged.Example = true
	e.Lines = slices.DeleteFunc(e.Lines, func(line RowError) bool {
		if of(line) && line.Problem != merged.Problem {
			merged.repeat(line)
			return true
		}
		return false
	})
	merged.repeat(another)
	slices.SortStableFunc(merged.Others, func(a, b Place) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Row, b.Row)) })
	e.Lines[first] = merged
	clear(e.known)
	clear(e.alike)
	clear(e.examples)
	for i := range e.Lines {
		e.index(i)
	}
}

// index makes Add find the entry i of Lines.
func (e *Invalid) index(i int) {
	line := e.Lines[i]
	kind := line.kind()
	e.known[sameError{line.Column, line.Code, line.Problem}] = i
	e.alike[kind]++
	if line.Example {
		e.examples[kind] = i
	}
}

// repeat adds the rows of the same error.
func (e *RowError) repeat(other RowError) {
	e.Again += 1 + other.Again
	for _, place := range append([]Place{other.Place}, other.Others...) {
		if len(e.Others) < MaxPlaces-1 {
			e.Others = append(e.Others, place)
		}
	}
}

// Measure is what a limit of an upload applies to.
type Measure string

// The measures, one for each of the [Limits].
const (
	Bytes        Measure = "bytes"
	Rows         Measure = "rows"
	LineBytes    Measure = "line_bytes"
	Destinations Measure = "destinations"
)

// TooLarge is the error for an upload that exceeds a limit. Nothing of the upload
// was accepted, and nothing after the limit was read.
type TooLarge struct {
	Place   // of the line, if Measure is LineBytes
	Measure Measure
	Limit   int64
}

// Error returns which limit was exceeded and what to do.
func (e *TooLarge) Error() string {
	switch e.Measure {
	case Rows:
		return fmt.Sprintf("the upload has more than %d rows: split it into several", e.Limit)
	case LineBytes:
		return fmt.Sprintf("%s is longer than the limit of %d bytes: check for a quote that is not closed, or a missing line break", e.Place, e.Limit)
	case Destinations:
		return fmt.Sprintf("the upload has more than %d different destinations: split it into several", e.Limit)
	case Bytes:
		fallthrough
	default:
		return fmt.Sprintf("the upload has more than %d bytes: split it into several", e.Limit)
	}
}

func plural(n int, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}

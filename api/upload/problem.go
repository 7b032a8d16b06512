package upload

import (
	"fmt"
	"strings"
)

// MaxProblems is the most problems that an [Invalid] lists; it counts the
// others.
const MaxProblems = 100

// Place is where in an upload something stands.
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

// short is the place as a later line refers to it.
func (p Place) short() string {
	if p.Row > 0 {
		return fmt.Sprintf("row %d", p.Row)
	}
	return p.String()
}

// Code says in one word what is wrong with a line. Callers add codes of their
// own for what only they can see.
type Code string

// The codes of this package.
const (
	CodeEmpty          Code = "empty"           // the upload has no rows
	CodeEncoding       Code = "not_utf8"        // text that is not UTF-8
	CodeSyntax         Code = "syntax"          // not CSV, not JSON, or JSON of another shape
	CodeUnknownColumn  Code = "unknown_column"  // a column or field that means nothing here
	CodeMissingColumn  Code = "missing_column"  // the header lacks a required column
	CodeRepeatedColumn Code = "repeated_column" // a column or field twice
	CodeFieldCount     Code = "field_count"     // a line with more or fewer values than the header
	CodeMissing        Code = "missing_value"   // a required value is empty
	CodeBadValue       Code = "bad_value"       // a value that cannot be what its column says
	CodeDuplicate      Code = "duplicate"       // a SIM that an earlier line named
)

// LineError is one thing that is wrong with an upload.
type LineError struct {
	Place
	Column  string // the column or field; empty if it is the whole line
	Code    Code
	Problem string // what is wrong and what to do, as a sentence goes on after "line 7: "
}

// Error returns the place, the column and the problem.
func (e LineError) Error() string {
	parts := make([]string, 0, 2)
	if place := e.String(); place != "" {
		parts = append(parts, place)
	}
	if e.Column != "" {
		parts = append(parts, e.Column)
	}
	if len(parts) == 0 {
		return e.Problem
	}
	return strings.Join(parts, ", ") + ": " + e.Problem
}

// Invalid is the error for an upload whose content is wrong. None of it was
// accepted. The zero value has no problem yet.
type Invalid struct {
	Lines []LineError // in the order in which they were found, at most MaxProblems
	More  int         // how many further problems there are
}

// Error returns one problem per line.
func (e *Invalid) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "nothing was accepted, the upload has %d %s", len(e.Lines)+e.More, plural(len(e.Lines)+e.More, "problem"))
	for _, line := range e.Lines {
		b.WriteString("\n" + line.Error())
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "\nand %d more", e.More)
	}
	return b.String()
}

// Add adds a problem, or counts it if there are MaxProblems already.
func (e *Invalid) Add(line LineError) {
	if len(e.Lines) >= MaxProblems {
		e.More++
		return
	}
	e.Lines = append(e.Lines, line)
}

// Measure is what an upload had too much of.
type Measure string

// The measures, one for each of the [Limits].
const (
	Bytes        Measure = "bytes"
	Rows         Measure = "rows"
	LineBytes    Measure = "line_bytes"
	Destinations Measure = "destinations"
)

// TooLarge is the error for an upload that passed a limit. None of it was
// accepted, and what follows the limit was not read.
type TooLarge struct {
	Place   // of the line, if Measure is LineBytes
	Measure Measure
	Limit   int64
}

// Error says which limit was passed and what to do.
func (e *TooLarge) Error() string {
	switch e.Measure {
	case Rows:
		return fmt.Sprintf("the upload has more than %d rows: split it into several", e.Limit)
	case LineBytes:
		return fmt.Sprintf("%s is longer than %d bytes: is a quote left open, or a line break missing?", e.Place, e.Limit)
	case Destinations:
		return fmt.Sprintf("the upload names more than %d destinations: split it into several", e.Limit)
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

package upload

import (
	"fmt"
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
}

// Error returns the place, the column and the problem.
func (e RowError) Error() string {
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

// Invalid is the error for an upload that has invalid rows. Nothing of the upload
// was accepted. The zero value has no errors yet.
type Invalid struct {
	Lines []RowError // in the order in which they were found, at most MaxProblems
	More  int        // how many errors there are in addition
}

// Error returns all errors, each in a line of its own.
func (e *Invalid) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "nothing was accepted: %d %s to fix", len(e.Lines)+e.More, plural(len(e.Lines)+e.More, "error"))
	for _, line := range e.Lines {
		b.WriteString("\n" + line.Error())
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "\nand %d more", e.More)
	}
	return b.String()
}

// Add lists an error, or only counts it if MaxProblems are listed already.
func (e *Invalid) Add(line RowError) {
	if len(e.Lines) >= MaxProblems {
		e.More++
		return
	}
	e.Lines = append(e.Lines, line)
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

package cli

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/width"

	"simtransfer/transfer"
)

// table writes aligned columns, one page of rows after the other. A column
// never becomes narrower.
//
// Elsewhere than on a terminal, each row is one whole line. On a terminal, a row
// that does not fit continues on indented lines, so that every row has the same
// columns in each of its lines, and the last text of a line wraps within its
// column. Nothing is left out.
type table struct {
	out    io.Writer
	width  int      // of the terminal; zero writes whole lines
	head   []string // nil means no headings
	rows   [][]string
	widths []int
	starts []int // the first column of each line of a row, as last written
}

// newTable returns a table that fits out if that is a [Terminal].
func newTable(out io.Writer, head ...string) *table {
	t := &table{out: out, head: head}
	if terminal, ok := out.(Terminal); ok {
		t.width = terminal.Width
	}
	return t
}

// PrintTable writes a table. It fits out if that is a [Terminal].
func PrintTable(out io.Writer, head []string, rows [][]string) error {
	t := newTable(out, head...)
	for _, row := range rows {
		t.add(row...)
	}
	return t.flush()
}

// Terminal is a terminal that results are written to.
type Terminal struct {
	io.Writer
	Width int // in characters; zero if unknown, which writes whole lines
}

// add adds a row. An empty cell is written as a dash.
func (t *table) add(cells ...string) {
	for i, c := range cells {
		cells[i] = cell(c)
	}
	t.rows = append(t.rows, cells)
}

// flush writes the rows added since the last flush, below the headings if they
// were not written yet, or if the columns are no longer where they were.
func (t *table) flush() error {
	if len(t.rows) == 0 {
		return nil
	}
	begun := t.starts != nil
	t.measure(t.head)
	for _, row := range t.rows {
		t.measure(row)
	}
	rows := t.rows
	if starts := t.fold(); !begun || !slices.Equal(starts, t.starts) {
		t.starts = starts
		if len(t.head) > 0 {
			rows = append([][]string{t.head}, rows...)
		}
	}
	w := bufio.NewWriter(t.out)
	for _, row := range rows {
		for i, start := range t.starts {
			end := len(row)
			if i+1 < len(t.starts) {
				end = min(end, t.starts[i+1])
			}
			t.writeLine(w, row, start, end)
		}
	}
	t.rows = t.rows[:0]
	return w.Flush()
}

// measure makes the columns as wide as a row needs.
func (t *table) measure(row []string) {
	for i, c := range row {
		if i >= len(t.widths) {
			t.widths = append(t.widths, 0)
		}
		t.widths[i] = max(t.widths[i], textWidth(c))
	}
}

const (
	columnGap  = 2
	lineIndent = 2  // of the lines of a row after its first one
	leastText  = 24 // width at which the last column still wraps instead of moving to a new line
)

// fold returns the first column of each line of a row.
func (t *table) fold() []int {
	starts := []int{0}
	if t.width <= 0 || len(t.widths) == 0 {
		return starts
	}
	used := t.widths[0]
	for i, width := range t.widths[1:] {
		column := i + 1
		fits := used+columnGap+width <= t.width
		if column == len(t.widths)-1 {
			fits = used+columnGap+min(width, leastText) <= t.width
		}
		if fits {
			used += columnGap + width
			continue
		}
		starts = append(starts, column)
		used = lineIndent + width
	}
	return starts
}

// writeLine writes the cells of a row from start to end. The last one wraps if it
// does not fit.
func (t *table) writeLine(w *bufio.Writer, row []string, start, end int) {
	if start >= end {
		return
	}
	at := 0
	if start > 0 {
		at = lineIndent
	}
	// Flush returns the errors of the writes.
	_, _ = w.WriteString(strings.Repeat(" ", at))
	for i := start; i < end-1; i++ {
		_, _ = w.WriteString(row[i] + strings.Repeat(" ", t.widths[i]-textWidth(row[i])+columnGap))
		at += t.widths[i] + columnGap
	}
	lines := []string{row[end-1]}
	if t.width > 0 {
		lines = wrap(row[end-1], max(t.width-at, 1))
	}
	_, _ = w.WriteString(strings.Join(lines, "\n"+strings.Repeat(" ", at)) + "\n")
}

// wrap breaks a text into lines of up to width characters, between words where
// possible.
func wrap(text string, width int) []string {
	if textWidth(text) <= width {
		return []string{text}
	}
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && textWidth(line)+1+textWidth(word) <= width {
			line += " " + word
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for line = word; textWidth(line) > width; {
			head := cutText(line, width)
			lines, line = append(lines, head), line[len(head):]
		}
	}
	return append(lines, line)
}

// textWidth is the number of characters that a text takes up on a terminal.
func textWidth(text string) int {
	n := 0
	for _, r := range text {
		n += runeWidth(r)
	}
	return n
}

// runeWidth is two for the wide characters of East Asia and for most emoji, and
// zero for marks that combine with the character before.
func runeWidth(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	case width.Neutral, width.EastAsianAmbiguous, width.EastAsianNarrow, width.EastAsianHalfwidth:
	}
	return 1
}

// cutText returns the beginning of a text that takes up to n characters, and at
// least one.
func cutText(text string, n int) string {
	used := 0
	for i, r := range text {
		if used += runeWidth(r); used > n && i > 0 {
			return text[:i]
		}
	}
	return text
}

// cell replaces unprintable characters, because text from other users must not
// control the terminal. Line breaks and tabs become spaces.
func cell(text string) string {
	if text == "" {
		return "-"
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\r', r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return '\uFFFD'
		}
		return r
	}, text)
}

// timeText formats a time in UTC, to the second. The zero time is empty.
func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// valueOrZero returns what p points to, or the zero value if p is nil.
func valueOrZero[T any](p *T) T {
	var zero T
	if p == nil {
		return zero
	}
	return *p
}

// counted returns "1 SIM" or "2 SIMs", for example.
func counted[T int | int64](n T, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}

// feeText formats a fee; nil is empty.
func feeText(m *transfer.Money) string {
	if m == nil {
		return ""
	}
	return m.String()
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

package cli

import (
	"bufio"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"simtransfer/transfer"
)

// table writes aligned columns, page by page: a column that has become wide
// stays so.
type table struct {
	out    io.Writer
	head   []string // nil for none
	rows   [][]string
	widths []int
	begun  bool
}

func newTable(out io.Writer, head ...string) *table { return &table{out: out, head: head} }

// add adds a row. An empty cell is written as a dash.
func (t *table) add(cells ...string) {
	for i, c := range cells {
		cells[i] = cell(c)
	}
	t.rows = append(t.rows, cells)
}

// flush writes the rows that were added since the last time.
func (t *table) flush() error {
	if len(t.rows) == 0 {
		return nil
	}
	w := bufio.NewWriter(t.out)
	rows := t.rows
	if !t.begun && len(t.head) > 0 {
		rows = append([][]string{t.head}, rows...)
	}
	for _, row := range rows {
		for i, c := range row {
			if i >= len(t.widths) {
				t.widths = append(t.widths, 0)
			}
			t.widths[i] = max(t.widths[i], utf8.RuneCountInString(c))
		}
	}
	for _, row := range rows {
		for i, c := range row {
			_, _ = w.WriteString(c) // Flush returns the error
			if i < len(row)-1 {
				_, _ = w.WriteString(strings.Repeat(" ", t.widths[i]-utf8.RuneCountInString(c)+2))
			}
		}
		_ = w.WriteByte('\n')
	}
	t.rows, t.begun = t.rows[:0], true
	return w.Flush()
}

// cell makes a text from elsewhere one that is safe to print: what others have
// written must not control the terminal.
func cell(text string) string {
	if text == "" {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, text)
}

// instant is a time as people read it, in UTC.
func instant(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// exactly is a time as programs read it.
func exactly(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// money is an amount in a currency's minor unit.
func money(minor int64, currency string) string {
	return transfer.Money{Minor: minor, Currency: transfer.Currency(currency)}.String()
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// text is what a pointer points at, or nothing.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

package cli

import (
	"bufio"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"simtransfer/client"
	"simtransfer/transfer"
)

// table writes aligned columns, one page of rows after the other. A column
// never becomes narrower.
type table struct {
	out    io.Writer
	head   []string // nil means no headings
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

// flush writes the rows added since the last flush.
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

// cell replaces unprintable characters, because text from other users must not
// control the terminal.
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

// money formats an amount in the minor unit of a currency.
func money(minor int64, currency transfer.Currency) string {
	return transfer.Money{Minor: minor, Currency: currency}.String()
}

// feeText formats a fee; nil is empty.
func feeText(m *client.Money) string {
	if m == nil {
		return ""
	}
	return money(m.Minor, m.Currency)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

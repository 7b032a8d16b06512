package console

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"simtransfer/client"
	"simtransfer/textfile"
	"simtransfer/transfer"
)

// listEntry is one SIM, EID or range of a list that a person has pasted or uploaded.
type listEntry struct {
	Text string
	Line int // of the text, counted from 1; 0: the page has kept it
}

// maxEntries is the maximum number of entries of a list, as in the API.
const maxEntries = 100_000

// listError is why a text cannot be read as a list of SIMs.
type listError struct{ text string }

func (e *listError) Error() string { return e.text }

// readFile reads the list of SIMs in a file as people have it: CSV or text, in UTF-8
// or UTF-16, compressed or not.
func readFile(file io.Reader) ([]listEntry, error) {
	text, err := io.ReadAll(io.LimitReader(textfile.NewReader(file), maxListBytes+1))
	switch {
	case errors.Is(err, textfile.ErrWorkbook):
		return nil, &listError{"this is an Excel workbook or another archive: save it as CSV or text, and choose that file"}
	case errors.Is(err, textfile.ErrDocument):
		return nil, &listError{"this is a PDF document or a web page: save the list as CSV or text, and choose that file"}
	case errors.Is(err, textfile.ErrDamaged):
		return nil, &listError{"the compressed file is damaged"}
	case err != nil:
		return nil, fmt.Errorf("reading a file: %w", err)
	case len(text) > maxListBytes:
		return nil, &listError{fmt.Sprintf("the file has more than %d MB of text", maxListBytes>>20)}
	}
	return readList(string(text))
}

// readList reads the list of SIMs in a text: one or several in a line, or a column of a
// table that has a heading.
func readList(text string) ([]listEntry, error) {
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return nil, &listError{"this is not a text: choose a CSV or text file with the SIMs"}
	}
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	var entries []listEntry
	var err error
	if comma, column, ok := headingOf(text); ok {
		entries, err = readColumn(text, comma, column)
	} else {
		entries = readLines(text)
	}
	if err == nil && len(entries) > maxEntries {
		err = &listError{fmt.Sprintf("the list has %s entries, and %s are possible: use ranges or a filter, or send it in parts", number(len(entries)), number(maxEntries))}
	}
	return entries, err
}

// readLines reads a list without a heading.
func readLines(text string) []listEntry {
	var entries []listEntry
	line := 0
	for row := range strings.SplitSeq(text, "\n") {
		line++
		if strings.HasPrefix(strings.ToLower(strings.TrimSpace(row)), "sep=") || isHeading(row) && len(entries) == 0 {
			continue
		}
		for cell := range strings.FieldsFuncSeq(row, func(r rune) bool { return r == ',' || r == ';' || r == '\t' || r == '|' }) {
			for _, word := range splitCell(cleanCell(cell)) {
				entries = append(entries, listEntry{word, line})
			}
		}
	}
	return entries
}

// cleanCell removes space and quotes around a cell.
func cleanCell(cell string) string { return strings.Trim(cell, "\"'` \u00a0\u3000\ufeff") }

// splitCell splits a cell at its spaces if every part has the digits of an identifier.
// Otherwise the spaces group digits, or surround the dash of a range.
func splitCell(cell string) []string {
	if cell == "" {
		return nil
	}
	words := strings.Fields(cell)
	for _, word := range words {
		digits := strings.Count(strings.Map(func(r rune) rune {
			if unicode.IsDigit(r) {
				return '0'
			}
			return r
		}, word), "0")
		if digits < 10 || !unicode.IsDigit(rune(word[0])) && word[0] != '+' || !unicode.IsDigit(rune(word[len(word)-1])) {
			return []string{cell}
		}
	}
	return words
}

// isHeading reports whether a cell names a column with SIMs.
func isHeading(cell string) bool {
	name := strings.NewReplacer(" ", "", "_", "", "-", "").Replace(strings.ToLower(cleanCell(cell)))
	return slices.Contains([]string{"iccid", "iccids", "sim", "sims", "imsi", "imsis", "msisdn", "msisdns", "identifier", "identifiers", "eid", "eids", "simiccid", "simid"}, name)
}

// headingOf returns the separator of a table and its first column with SIMs. It is
// false for a text that is no table with a heading.
func headingOf(text string) (comma rune, column int, ok bool) {
	for row := range strings.SplitSeq(text, "\n") {
		row = strings.TrimSpace(row)
		if row == "" || strings.HasPrefix(strings.ToLower(row), "sep=") {
			continue
		}
		for _, separator := range []rune{',', ';', '\t', '|'} {
			cells := strings.Split(row, string(separator))
			if i := slices.IndexFunc(cells, isHeading); i >= 0 && len(cells) > 1 {
				return separator, i, true
			}
		}
		break
	}
	return 0, 0, false
}

// readColumn reads one column of a table.
func readColumn(text string, comma rune, column int) ([]listEntry, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.LazyQuotes, r.FieldsPerRecord, r.ReuseRecord = comma, true, -1, true
	var entries []listEntry
	heading := true
	for {
		cells, err := r.Read()
		switch {
		case errors.Is(err, io.EOF):
			return entries, nil
		case err != nil:
			return nil, &listError{"the table cannot be read: " + err.Error()}
		case heading:
			heading = column >= len(cells) || !isHeading(cells[column])
			continue
		case column >= len(cells) || cleanCell(cells[column]) == "":
			continue
		}
		line, _ := r.FieldPos(0)
		entries = append(entries, listEntry{strings.Clone(cleanCell(cells[column])), line})
	}
}

// checkedList is a list of SIMs that the API has looked up.
type checkedList struct {
	Selected int          // SIMs of the entries that are right
	Good     []string     // the entries that are right
	Bad      []wrongEntry // those that have to be corrected or left out
	Repeated []wrongEntry // those that name a SIM again, which does no harm
	Items    []client.SIM // the first of the SIMs
}

// wrongEntry is an entry of a list with what is wrong with it.
type wrongEntry struct {
	listEntry

	Message string
	Unknown bool // it could be a SIM, but the account has no such SIM
}

// shownErrors is how many wrong entries a page lists; a download has all of them.
const shownErrors = 50

// BadShown returns the first of the wrong entries.
func (c *checkedList) BadShown() []wrongEntry { return c.Bad[:min(len(c.Bad), shownErrors)] }

// BadMore returns how many wrong entries are not shown.
func (c *checkedList) BadMore() int { return len(c.Bad) - len(c.BadShown()) }

// BadText returns the wrong entries, to be corrected.
func (c *checkedList) BadText() string {
	var lines []string
	for _, e := range c.BadShown() {
		lines = append(lines, e.Text)
	}
	return strings.Join(lines, "\n")
}

// maxWrongEntries is how many wrong entries a page passes on for a download.
const maxWrongEntries = 4000

// wrongField is the hidden field that passes them on.
const wrongField = "wrong"

// Wrong returns the wrong entries with their lines, to be passed on.
func (c *checkedList) Wrong() string {
	var lines []string
	for _, e := range c.Bad[:min(len(c.Bad), maxWrongEntries)] {
		lines = append(lines, fmt.Sprintf("%s\t%d", strings.ReplaceAll(truncate(100, e.Text), "\n", " "), e.Line))
	}
	return pack(lines)
}

// WrongIsPart reports whether there are more wrong entries than are passed on.
func (c *checkedList) WrongIsPart() bool { return len(c.Bad) > maxWrongEntries }

// readWrong reads what Wrong has passed on.
func readWrong(field string) ([]listEntry, error) {
	rows, err := unpack(field)
	if err != nil {
		return nil, err
	}
	var entries []listEntry
	for _, row := range rows {
		sim, line, _ := strings.Cut(row, "\t")
		n, err := strconv.Atoi(line)
		if err != nil {
			return nil, err
		}
		entries = append(entries, listEntry{sim, n})
	}
	return entries, nil
}

// checkList asks the API which SIMs a list names, and to show up to limit of them.
func (v *visit) checkList(account string, entries []listEntry, limit int) (*checkedList, error) {
	c := &checkedList{}
	if len(entries) == 0 {
		return c, nil
	}
	texts := make([]string, len(entries))
	for i, e := range entries {
		texts[i] = e.Text
	}
	found, err := v.api.LookUpSIMs(v.ctx(), client.NewLookup{Account: transfer.AccountRef(account), SIMs: texts, Limit: limit})
	if err != nil {
		return nil, err
	}
	c.Selected, c.Items = found.Selected, found.Items
	wrong := make(map[int]bool, len(found.Errors))
	for _, e := range found.Errors {
		wrong[e.Line-1] = true
		w := wrongEntry{entries[e.Line-1], sentence(e.Message), e.Code == "sim_not_found"}
		if e.Code == "duplicate" {
			w.Message = "Names a SIM that is in the list already"
			c.Repeated = append(c.Repeated, w)
		} else {
			c.Bad = append(c.Bad, w)
		}
	}
	for i, text := range texts {
		if !wrong[i] {
			c.Good = append(c.Good, text)
		}
	}
	return c, nil
}

// sentence begins a text with a capital letter.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

// kept returns entries that a page has kept.
func kept(list []string) []listEntry {
	entries := make([]listEntry, len(list))
	for i, text := range list {
		entries[i] = listEntry{Text: text}
	}
	return entries
}

// sendCSV sends a table as a file.
func (v *visit) sendCSV(name string, rows [][]string) error {
	v.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	v.w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	w := csv.NewWriter(v.w)
	_ = w.WriteAll(rows) // the browser may be gone
	return nil
}

// sendWrongEntries sends the wrong entries of a list as a file.
func (v *visit) sendWrongEntries(c *checkedList) error {
	rows := [][]string{{"line", "sim", "problem"}}
	for _, e := range append(slices.Clone(c.Bad), c.Repeated...) {
		rows = append(rows, []string{fmt.Sprint(e.Line), safeCell(e.Text), e.Message})
	}
	return v.sendCSV("sims-to-correct.csv", rows)
}

// safeCell keeps a spreadsheet from reading a cell as a formula.
func safeCell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}

package cli

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"simtransfer/client"
	"simtransfer/textfile"
)

// simList is the SIMs that a command is about: the arguments, and then those of a
// file.
type simList struct {
	names     []string
	arguments int    // number of names that do not come from the file
	file      string // as messages call it
	lines     []int  // of the names from the file, counted from 1
}

// maxListSize is the maximum size of a file with SIMs, in bytes of UTF-8.
const maxListSize = 16 << 20

// readSIMList reads the SIMs in a file, one per line, after those of arguments.
// The name "-" is standard input, and an empty one is no file. Blank lines and a
// heading are skipped.
func readSIMList(s *Session, arguments []string, name string) (simList, error) {
	list := simList{names: slices.Clone(arguments), arguments: len(arguments), file: name}
	if name == "" {
		return list, nil
	}
	if name == "-" {
		list.file = "standard input"
	}
	file, closeFile, err := s.open(name)
	if err != nil {
		return list, err
	}
	defer func() { _ = closeFile() }()
	text, err := io.ReadAll(io.LimitReader(textfile.NewReader(file), maxListSize+1))
	switch {
	case errors.Is(err, textfile.ErrWorkbook), errors.Is(err, textfile.ErrDocument), errors.Is(err, textfile.ErrDamaged):
		return list, usageError("%s is %w: save it as a text file in UTF-8", list.file, err)
	case err != nil:
		return list, fmt.Errorf("reading the SIMs in %s: %w", list.file, err)
	case len(text) > maxListSize:
		return list, usageError("%s is longer than %d MiB: for many SIMs, use batches submit", list.file, maxListSize>>20)
	}
	return list, list.add(string(text))
}

// add adds the SIMs in the text of the file.
func (l *simList) add(text string) error {
	number := 0
	for line := range strings.SplitSeq(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\n") {
		number++
		if i := strings.IndexByte(line, 0); i >= 0 || !utf8.ValidString(line) {
			return usageError("%s line %d is not text in UTF-8: save the file as a text file in UTF-8", l.file, number)
		}
		cells := slices.DeleteFunc(strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(",;\t", r) }), func(cell string) bool {
			return strings.Trim(cell, "\"' \u00a0\u3000") == ""
		})
		switch {
		case len(cells) == 0, len(l.lines) == 0 && isHeading(cells):
		case len(cells) > 1:
			return usageError("%s line %d has several columns: a list has one SIM per line; for a file with destinations, use batches submit", l.file, number)
		default:
			l.names, l.lines = append(l.names, strings.TrimSpace(cells[0])), append(l.lines, number)
		}
	}
	if len(l.lines) == 0 {
		return usageError("%s contains no SIM; to decide about all SIMs, leave --file out", l.file)
	}
	return nil
}

// isHeading reports whether a line names the column, or is the line with which
// spreadsheets name the separator.
func isHeading(cells []string) bool {
	switch strings.ToLower(strings.Trim(cells[0], "\"' ")) {
	case "iccid", "iccids", "imsi", "imsis", "msisdn", "msisdns", "sim", "sims", "identifier", "identifiers", "sep=":
		return len(cells) == 1
	}
	return false
}

// locate names the lines of the file in the errors of a refusal, where the API
// names positions in the list that it was sent.
func (l simList) locate(err error) error {
	var p *client.Problem
	if !errors.As(err, &p) {
		return err
	}
	position := regexp.MustCompile(`body\.(?:sims|iccids)\[(\d+)\]`)
	named := func(text string) string {
		return position.ReplaceAllStringFunc(text, func(match string) string {
			i, err := strconv.Atoi(position.FindStringSubmatch(match)[1])
			if err != nil {
				return match
			}
			return l.place(i, match)
		})
	}
	p.Detail = named(p.Detail)
	for i, e := range p.Errors {
		p.Errors[i].Location, p.Errors[i].Message = named(e.Location), named(e.Message)
	}
	return err
}

// place names where the SIM at a position comes from.
func (l simList) place(i int, unknown string) string {
	switch {
	case i < l.arguments:
		return "SIM " + strconv.Itoa(i+1)
	case i-l.arguments < len(l.lines):
		return fmt.Sprintf("%s line %d", l.file, l.lines[i-l.arguments])
	}
	return unknown
}

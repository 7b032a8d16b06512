package console

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"simtransfer/client"
	"simtransfer/transfer"
)

// picks are the SIMs that a person has picked: those of a list, those that match
// conditions now, or all of the account. The pages pass them on in addresses and in
// hidden fields, because the console keeps no state.
type picks struct {
	Account string   // that owns the SIMs, chosen by support; empty: the account of the person
	List    []string // identifiers, EIDs and ranges of ICCIDs
	Filter  client.SIMConditions
	All     bool // those that match the filter, or all if it has no condition
}

// The fields of picks.
const (
	accountField = "account"
	listField    = "list"
	filterField  = "filter"
	allField     = "all"
)

// packedPrefix begins a list that is compressed.
const packedPrefix = "z:"

// plainList is up to how many entries a list is passed on as it is.
const plainList = 100

// picksOf reads picks from an address or a form.
func picksOf(values url.Values) (picks, error) {
	p := picks{Account: strings.TrimSpace(values.Get(accountField)), All: values.Get(allField) != ""}
	query, err := url.ParseQuery(values.Get(filterField))
	if err != nil {
		return p, errors.New("the address has a filter that cannot be read: choose the SIMs again")
	}
	p.Filter = conditionsOf(query)
	p.All = p.All || len(query) > 0
	text := values.Get(listField)
	if strings.HasPrefix(text, packedPrefix) {
		lines, err := unpack(text)
		if err != nil {
			return p, err
		}
		text = strings.Join(lines, "\n")
	}
	for entry := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' || r == ',' }) {
		if entry = strings.TrimSpace(entry); entry != "" {
			p.List = append(p.List, entry)
		}
	}
	if len(p.List) > 0 {
		p.All, p.Filter = false, client.SIMConditions{}
	}
	return p, nil
}

// Empty reports whether nothing is picked.
func (p picks) Empty() bool { return len(p.List) == 0 && !p.All }

// values returns the picks for an address or a form.
func (p picks) values() url.Values {
	values := url.Values{}
	if p.Account != "" {
		values.Set(accountField, p.Account)
	}
	switch {
	case len(p.List) > plainList:
		values.Set(listField, pack(slices.Sorted(slices.Values(p.List)))) // neighbors are alike
	case len(p.List) > 0:
		values.Set(listField, strings.Join(p.List, ","))
	case p.All:
		if query := queryOf(p.Filter); len(query) > 0 {
			values.Set(filterField, query.Encode())
		} else {
			values.Set(allField, "1")
		}
	}
	return values
}

// Fields returns the picks as hidden fields.
func (p picks) Fields() []hiddenField {
	var fields []hiddenField
	for name, values := range p.values() {
		fields = append(fields, hiddenField{name, values[0]})
	}
	slices.SortFunc(fields, func(a, b hiddenField) int { return strings.Compare(a.Name, b.Name) })
	return fields
}

// Conditions returns the filter in words.
func (p picks) Conditions() []chip { return chipsOf(p.Filter) }

// selectInto sets which SIMs a request is for.
func (p picks) selectInto(r *client.NewRequest) {
	switch {
	case len(p.List) > 0:
		r.SIMs = p.List
	case len(queryOf(p.Filter)) > 0:
		r.Filter = &p.Filter
	default:
		r.AllSIMs = p.All
	}
}

// pack compresses lines: of each, the number of characters that it has in common with
// the line before, as a letter, and the rest. So a hundred thousand consecutive ICCIDs
// take less than ten kilobytes.
func pack(lines []string) string {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		panic(err) // cannot happen: the level is a constant
	}
	before := ""
	for _, line := range lines {
		same := 0
		for same < min(len(before), len(line), maxSame) && before[same] == line[same] {
			same++
		}
		_, _ = w.Write([]byte(string(rune('A'+same)) + line[same:] + "\n")) // a bytes.Buffer takes everything
		before = line
	}
	_ = w.Close()
	return packedPrefix + base64.RawURLEncoding.EncodeToString(b.Bytes())
}

// maxSame is how many characters in common a packed line can have.
const maxSame = 'z' - 'A'

// unpack reverses pack. It reads no more than maxListBytes.
func unpack(packed string) ([]string, error) {
	damaged := errors.New("the list of SIMs of this page is damaged: choose the SIMs again")
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(packed, packedPrefix))
	if err != nil {
		return nil, damaged
	}
	text, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(raw)), maxListBytes+1))
	if err != nil || len(text) > maxListBytes {
		return nil, damaged
	}
	var lines []string
	size, before := 0, ""
	for row := range strings.Lines(string(text)) {
		same := int(row[0]) - 'A'
		if same < 0 || same > len(before) || len(lines) == maxEntries {
			return nil, damaged
		}
		before = before[:same] + strings.TrimSuffix(row[1:], "\n")
		if size += len(before); size > maxListBytes {
			return nil, damaged
		}
		lines = append(lines, before)
	}
	return lines, nil
}

// conditionsOf reads conditions from the query of an address.
func conditionsOf(q url.Values) client.SIMConditions {
	c := client.SIMConditions{
		Plan: filled(q["plan"]), Group: filled(q["group"]), Tag: filled(q["tag"]), Lot: filled(q["lot"]),
		IdentifierPrefix: filled(q["prefix"]), IdentifierSuffix: filled(q["suffix"]), ICCIDRange: filled(q["range"]), EID: filled(q["eid"]), ExternalID: filled(q["external_id"]),
		TransferLock: q.Get("lock"),
	}
	for _, status := range filled(q["status"]) {
		c.Status = append(c.Status, transfer.Status(status))
	}
	return c
}

// queryOf returns conditions as the query of an address.
func queryOf(c client.SIMConditions) url.Values {
	q := url.Values{}
	for _, chip := range chipsOf(c) {
		q.Add(chip.Name, chip.Value)
	}
	return q
}

// filled returns the texts that are not empty, without the space around them.
func filled(texts []string) []string {
	var list []string
	for _, text := range texts {
		if text = strings.TrimSpace(text); text != "" {
			list = append(list, text)
		}
	}
	return list
}

// chip is one value of a condition.
type chip struct {
	Name  string // of the parameter
	Value string
	Text  string // in words
}

// chipsOf lists the values of conditions.
func chipsOf(c client.SIMConditions) []chip {
	var chips []chip
	add := func(name, label string, values []string) {
		for _, value := range values {
			chips = append(chips, chip{name, value, label + " " + value})
		}
	}
	for _, status := range c.Status {
		add("status", "Status", []string{string(status)})
	}
	add("plan", "Plan", c.Plan)
	add("group", "Group", c.Group)
	add("tag", "Tag", c.Tag)
	add("lot", "Lot", c.Lot)
	add("prefix", "Begins with", c.IdentifierPrefix)
	add("suffix", "Ends with", c.IdentifierSuffix)
	add("range", "From", c.ICCIDRange)
	add("eid", "EID", c.EID)
	add("external_id", "External id", c.ExternalID)
	switch c.TransferLock {
	case "on":
		chips = append(chips, chip{"lock", "on", "Locked"})
	case "off":
		chips = append(chips, chip{"lock", "off", "Not locked"})
	}
	return chips
}

// filterOf returns the filter of picks that match conditions.
func (p picks) filterOf() client.SIMFilter {
	return client.SIMFilter{Account: transfer.AccountRef(p.Account), SIMConditions: p.Filter}
}

// command returns the flags and arguments with which the command line selects the
// same SIMs.
func (p picks) command() string {
	if len(p.List) > 20 {
		return "--file=sims.txt"
	}
	if len(p.List) > 0 {
		return strings.Join(p.List, " ")
	}
	flags := map[string]string{"lock": "transfer-lock"}
	var words []string
	for _, chip := range p.Conditions() {
		name := chip.Name
		if other, ok := flags[name]; ok {
			name = other
		}
		words = append(words, fmt.Sprintf("--%s=%s", strings.ReplaceAll(name, "_", "-"), shellWord(chip.Value)))
	}
	if len(words) == 0 {
		return "--all-sims"
	}
	return strings.Join(words, " ")
}

// shellWord quotes a word for a shell if it has to be.
func shellWord(word string) string {
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool {
		return !strings.ContainsRune("-_=.,:/@+", r) && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) {
		return word
	}
	return shellQuoted(word)
}

package upload

import (
	"fmt"
	"io"
	"strings"

	"simtransfer/transfer"
)

// The columns of a batch.
const (
	columnSIM        = "sim"
	columnEmail      = "destination_email"
	columnOperatorID = "destination_operator_id"
	columnReference  = "reference"
)

// BatchColumns returns the columns of a batch.
func BatchColumns() []Column {
	return []Column{
		{Name: columnSIM, Required: true},
		{Name: columnEmail, Required: true},
		{Name: columnOperatorID, Required: true},
		{Name: columnReference},
	}
}

// Read reads a batch of transfers with the columns sim, destination_email,
// destination_operator_id and, if given, reference. Each SIM is identified by its ICCID, an IMSI or an
// MSISDN, and each identifier may occur only once. Read returns the errors of
// [Records.Err].
func Read(r io.Reader, format Format, names Names, limits Limits) (*Batch, error) {
	limits = limits.withDefaults()
	records := NewRecords(r, format, BatchColumns(), names, limits)

	b := &batchReader{
		Batch:     &Batch{format: format},
		records:   records,
		spellings: make(map[spelling]uint32),
		known:     make(map[Destination]uint32),
	}
	b.sims = newIndex(&b.rows)
	for record := range records.All() {
		b.add(record)
		if len(b.Destinations) > limits.MaxDestinations {
			return nil, &TooLarge{Measure: Destinations, Limit: int64(limits.MaxDestinations)}
		}
	}
	if err := records.Err(); err != nil {
		return nil, err
	}
	return b.Batch, nil
}

// batchReader is a batch that is being read.
type batchReader struct {
	*Batch
	records   *Records
	sims      *index
	known     map[Destination]uint32
	spellings map[spelling]uint32 // destinations as written, so that each is parsed once
}

// spelling is a destination as it is written in a row.
type spelling struct{ email, operatorID string }

// maxSpellings limits the memory for spellings: a destination can have several.
const maxSpellings = 1 << 14

// add adds a record. It also keeps refused rows, to find duplicates of their SIMs.
func (b *batchReader) add(record Record) {
	sim, email, operatorID := record.Values[0], record.Values[1], record.Values[2]
	for b.rows.n < b.records.Rows()-1 {
		b.rows.append(row{}) // for the rows that could not be read
	}
	i := uint32(b.rows.n)
	b.rows.append(row{line: uint32(record.Line)})
	b.addSIM(i, record.Place, sim)
	b.addReference(i, record.Place, record.Values[3])
	if to, ok := b.destination(record.Place, spelling{email, operatorID}); ok {
		b.link(i, to)
	}
}

func (b *batchReader) addSIM(i uint32, place Place, text string) {
	sim, err := transfer.ParseIdentifier(text)
	if text == "" {
		b.records.Refuse(place, columnSIM, CodeMissing, err.Error())
		return
	}
	if err != nil {
		b.records.Refuse(place, columnSIM, CodeBadValue, err.Error())
		return
	}
	b.rows.at(i).digits = pack(sim.String())
	if earlier, found := b.sims.add(i); found {
		b.records.Refuse(place, columnSIM, CodeDuplicate, Duplicate(sim, b.place(earlier).short()))
	}
}

func (b *batchReader) addReference(i uint32, place Place, text string) {
	reference, err := transfer.ParseReference(text)
	if err != nil {
		b.records.Refuse(place, columnReference, CodeBadValue, "reference: "+err.Error())
		return
	}
	if reference != "" {
		b.rows.at(i).reference = b.texts.add(reference)
	}
}

// SameSIM returns the error for a row whose SIM an earlier row has already, by
// another identifier. Only the inventory tells that the two belong together.
func SameSIM(place Place, sim transfer.Identifier, earlier Place, other transfer.Identifier) RowError {
	return RowError{
		Place: place, Column: columnSIM, Code: CodeDuplicate,
		Problem: fmt.Sprintf("%s is the same SIM as %s in %s: remove one of the two", sim, other, earlier.short()),
	}
}

// Duplicate explains that two rows have the same identifier. The earlier row is
// "line 7", for example.
func Duplicate(sim transfer.Identifier, earlier string) string {
	if sim.LooksRounded() {
		return fmt.Sprintf("%s is already in %s, and both end in zeros: a spreadsheet program has rounded the numbers; export the file again with the column formatted as text", sim, earlier)
	}
	return fmt.Sprintf("%s is already in %s: remove one of the two%s", sim, earlier, transfer.LuhnHint(sim.String()))
}

// destination returns the index of a destination. It adds a new destination.
func (b *batchReader) destination(place Place, s spelling) (uint32, bool) {
	if i, ok := b.spellings[s]; ok {
		return i, true
	}
	destination, ok := b.parse(place, s)
	if !ok {
		return 0, false
	}
	i, ok := b.known[destination]
	if !ok {
		i = uint32(len(b.Destinations))
		b.known[destination] = i
		b.Destinations = append(b.Destinations, destination)
		b.chains = append(b.chains, chain{})
	}
	if len(b.spellings) == maxSpellings {
		clear(b.spellings)
	}
	b.spellings[spelling{strings.Clone(s.email), strings.Clone(s.operatorID)}] = i // s shares the memory of the record
	return i, true
}

func (b *batchReader) parse(place Place, s spelling) (Destination, bool) {
	ok := true
	refuse := func(column string, code Code, problem string) {
		b.records.Refuse(place, column, code, problem)
		ok = false
	}
	email, err := transfer.ParseEmail(s.email)
	if s.email == "" {
		refuse(columnEmail, CodeMissing, "the email of the destination is missing: give the primary email of the account that receives the SIM")
	} else if err != nil {
		refuse(columnEmail, CodeBadValue, err.Error())
	}
	account, err := transfer.ParseAccountRef(s.operatorID)
	if s.operatorID == "" {
		refuse(columnOperatorID, CodeMissing, "the operator id of the destination is missing: give the id of the account that receives the SIM, OP and ten digits, or its external id")
	} else if err != nil {
		refuse(columnOperatorID, CodeBadValue, err.Error())
	}
	return Destination{Email: strings.Clone(email), Account: transfer.AccountRef(strings.Clone(string(account)))}, ok
}

// link adds a row to the rows of a destination.
func (b *batchReader) link(i, destination uint32) {
	chain := &b.chains[destination]
	if chain.n == 0 {
		chain.first = i
	} else {
		b.rows.at(chain.last).next = i
	}
	chain.last = i
	chain.n++
}

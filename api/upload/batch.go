package upload

import (
	"hash/maphash"
	"iter"

	"simtransfer/transfer"
)

// Batch is an accepted upload: SIMs with their destinations. It takes 24 bytes
// per row, and the references of the rows. It is read-only, so it is safe for concurrent use.
type Batch struct {
	// Destinations are the accounts of the rows, in the order in which they
	// first appear. The methods identify a destination by its index here.
	Destinations []Destination

	format Format
	rows   rows
	chains []chain // one per destination
	texts  texts   // the references of the rows
}

// Destination is an account that receives SIMs, as the upload identifies it.
type Destination struct {
	Email   string // in lower case
	Account transfer.AccountRef
}

// Len returns the number of rows.
func (b *Batch) Len() int { return b.rows.n }

// Size returns the number of rows with a destination: at least one.
func (b *Batch) Size(destination int) int { return int(b.chains[destination].n) }

// Rows returns the rows with a destination, in the order of the upload: their
// places and the identifiers of their SIMs. The identifiers of a batch are
// unique, but two of them can belong to the same SIM.
func (b *Batch) Rows(destination int) iter.Seq2[Place, transfer.Identifier] {
	return func(yield func(Place, transfer.Identifier) bool) {
		for i := b.chains[destination].first; ; {
			row := b.rows.at(i)
			id, _ := transfer.ParseIdentifier(row.digits.String()) // it was parsed before it was packed
			if !yield(b.place(i), id) || row.next == 0 {
				return
			}
			i = row.next
		}
	}
}

// References returns the references of the rows with a destination, in the order
// of Rows: an empty text for a row that has none, and nothing if none has one.
func (b *Batch) References(destination int) []string {
	if len(b.texts) == 0 {
		return nil
	}
	list := make([]string, 0, b.Size(destination))
	for i := b.chains[destination].first; ; {
		row := b.rows.at(i)
		list = append(list, b.texts.at(row.reference))
		if row.next == 0 {
			return list
		}
		i = row.next
	}
}

// All returns every row in the order of the upload.
func (b *Batch) All() iter.Seq2[Place, transfer.Identifier] {
	return func(yield func(Place, transfer.Identifier) bool) {
		for i := range b.rows.n {
			id, _ := transfer.ParseIdentifier(b.rows.at(uint32(i)).digits.String())
			if !yield(b.place(uint32(i)), id) {
				return
			}
		}
	}
}

func (b *Batch) place(i uint32) Place {
	place := Place{Line: int(b.rows.at(i).line)}
	if b.format == JSON {
		place.Row = int(i) + 1
	}
	return place
}

// row is a row of a batch. The rows with the same destination are a linked list.
type row struct {
	digits digits
	line   uint32
	next   uint32 // index of the next row with the same destination; 0 at the end

	reference uint32 // place in texts; 0 for none
}

// texts are short texts, each after a byte with its length. A text has at most
// 255 bytes, and all of them together take less than the upload.
type texts []byte

// add adds a text and returns its place, which is not 0.
func (t *texts) add(text string) uint32 {
	if len(*t) == 0 {
		*t = append(*t, 0)
	}
	place := uint32(len(*t))
	*t = append(append(*t, byte(len(text))), text...)
	return place
}

// at returns the text at a place; that of 0 is empty.
func (t texts) at(place uint32) string {
	return string(t[place+1 : place+1+uint32(t[place])])
}

// chain is the list of the rows with one destination.
type chain struct {
	first, last, n uint32
}

// rows is an array of rows in blocks. Growing it copies no rows and creates no
// garbage.
type rows struct {
	blocks [][]row
	n      int
}

const blockRows = 1 << 12

func (r *rows) at(i uint32) *row { return &r.blocks[i/blockRows][i%blockRows] }

func (r *rows) append(value row) {
	switch {
	case r.n == 0:
		r.blocks = append(r.blocks, nil) // the first block grows from zero, because most uploads are small
	case r.n%blockRows == 0:
		r.blocks = append(r.blocks, make([]row, 0, blockRows))
	}
	last := &r.blocks[len(r.blocks)-1]
	*last = append(*last, value)
	r.n++
}

// digits is an identifier with half a byte per digit: 1 to 10 for the digits 0
// to 9, and 0 after the last. The zero value is no identifier.
type digits [12]byte

func pack(text string) digits {
	var d digits
	for i := range len(text) {
		d[i/2] |= (text[i] - '0' + 1) << (4 * (i % 2))
	}
	return d
}

// String returns the identifier in its canonical form.
func (d digits) String() string {
	var text [2 * len(d)]byte
	for i := range text {
		half := d[i/2] >> (4 * (i % 2)) & 0xf
		if half == 0 {
			return string(text[:i])
		}
		text[i] = half - 1 + '0'
	}
	return string(text[:])
}

// index finds rows by their digits. It is a hash table with open addressing and
// a random seed, so that no upload can be crafted to collide.
type index struct {
	rows  *rows
	slots []uint32 // row + 1, or 0
	n     int
	seed  maphash.Seed
}

func newIndex(rows *rows) *index {
	return &index{rows: rows, slots: make([]uint32, 1<<6), seed: maphash.MakeSeed()}
}

// find returns the slot of the row with these digits, or the empty slot for it.
func (x *index) find(d digits) *uint32 {
	for i := maphash.Bytes(x.seed, d[:]); ; i++ {
		slot := &x.slots[i&uint64(len(x.slots)-1)]
		if *slot == 0 || x.rows.at(*slot-1).digits == d {
			return slot
		}
	}
}

// add adds a row. If an earlier row has the same digits, it returns that row and
// true, and adds nothing.
func (x *index) add(i uint32) (earlier uint32, found bool) {
	if 4*x.n >= 3*len(x.slots) {
		x.grow()
	}
	slot := x.find(x.rows.at(i).digits)
	if *slot != 0 {
		return *slot - 1, true
	}
	*slot = i + 1
	x.n++
	return 0, false
}

func (x *index) grow() {
	old := x.slots
	x.slots = make([]uint32, 2*len(old))
	for _, entry := range old {
		if entry != 0 {
			*x.find(x.rows.at(entry - 1).digits) = entry
		}
	}
}

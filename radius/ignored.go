package radius

import (
	"fmt"
	"strings"
)

// Ignored counts the datagrams that were received during an attempt and not
// believed, by the first thing that was wrong.
type Ignored struct {
	OtherAddress int // they came from an address that was not asked
	Malformed    int // no RADIUS packet, cut off, or no answer to a Disconnect-Request
	Late         int // an answer to another request: its identifier differs
	Forged       int // not signed with the secret, or changed on the way
	Unsigned     int // without the Message-Authenticator that is required
	Doubled      int // an answer again
}

// IgnoredKind is a kind of datagrams that were not believed.
type IgnoredKind struct {
	Name string // such as "forged", a word for logs
	N    int
}

// Kinds lists the counts that are not zero.
func (i Ignored) Kinds() []IgnoredKind {
	var list []IgnoredKind
	for _, k := range []IgnoredKind{
		{"other_address", i.OtherAddress},
		{"malformed", i.Malformed},
		{"late", i.Late},
		{"forged", i.Forged},
		{"unsigned", i.Unsigned},
		{"doubled", i.Doubled},
	} {
		if k.N > 0 {
			list = append(list, k)
		}
	}
	return list
}

// Total returns the number of datagrams.
func (i Ignored) Total() int {
	n := 0
	for _, k := range i.Kinds() {
		n += k.N
	}
	return n
}

// String returns the counts for people, such as "2 forged, 1 from another address".
func (i Ignored) String() string {
	parts := []string{}
	for _, k := range i.Kinds() {
		name := k.Name
		if name == "other_address" {
			name = "from another address"
		}
		parts = append(parts, fmt.Sprintf("%d %s", k.N, name))
	}
	return strings.Join(parts, ", ")
}

func (i Ignored) plus(o Ignored) Ignored {
	return Ignored{
		OtherAddress: i.OtherAddress + o.OtherAddress, Malformed: i.Malformed + o.Malformed, Late: i.Late + o.Late,
		Forged: i.Forged + o.Forged, Unsigned: i.Unsigned + o.Unsigned, Doubled: i.Doubled + o.Doubled,
	}
}

package accounting

import (
	"net/netip"
	"sync"
	"time"
)

// packetID identifies a packet: a gateway that gets no answer sends the same bytes
// again, from the same port and with the same identifier. The authenticator is a
// hash of the whole packet and the secret.
type packetID struct {
	from          netip.AddrPort
	identifier    byte
	authenticator [16]byte
}

// repeats remembers the packets of the last minute, so that one that is sent again
// is answered again, and not stored twice. What it has forgotten is recognized in
// the database.
type repeats struct {
	mu       sync.Mutex
	answered [2]map[packetID]bool // recent and older packets; false: not answered yet
	turned   time.Time
}

const (
	repeatsPeriod = 30 * time.Second // packets are remembered for one to two periods
	maxRepeats    = 1 << 17          // of one period
)

func newRepeats() *repeats {
	return &repeats{answered: [2]map[packetID]bool{{}, {}}, turned: time.Now()}
}

// begin notes a packet. It returns seen if it was noted before, and whether it has
// been answered.
func (r *repeats) begin(id packetID) (seen, answered bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.turned) > repeatsPeriod || len(r.answered[0]) >= maxRepeats {
		r.answered[0], r.answered[1] = map[packetID]bool{}, r.answered[0]
		r.turned = time.Now()
	}
	for _, list := range r.answered {
		if answered, seen := list[id]; seen {
			return true, answered
		}
	}
	r.answered[0][id] = false
	return false, false
}

// end notes that packets were answered, or forgets them if they were not, so that
// they can be sent again.
func (r *repeats) end(answered bool, ids ...packetID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		delete(r.answered[1], id)
		if answered {
			r.answered[0][id] = true
		} else {
			delete(r.answered[0], id)
		}
	}
}

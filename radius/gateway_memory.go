package radius

import (
	"net/netip"
	"time"
)

const (
	// rememberFor is how long an answer is kept for retransmissions of its
	// request.
	rememberFor = 5 * time.Second
	// maxRemembered limits the memory; the oldest answers are dropped first.
	maxRemembered = 200_000
)

// requestKey is what makes two datagrams the same request (RFC 5080, section
// 2.2.2).
type requestKey struct {
	from          netip.AddrPort
	identifier    byte
	authenticator [16]byte
}

// answered is an answer and when it is first sent.
type answered struct {
	wire []byte
	due  time.Time
}

// memory keeps answers for retransmissions. The zero value is empty. It is not
// safe for concurrent use.
type memory struct {
	answers map[requestKey]answered
	order   []remembered // oldest first
}

type remembered struct {
	key   requestKey
	until time.Time
}

func (m *memory) find(key requestKey, now time.Time) (answered, bool) {
	m.forget(now)
	a, ok := m.answers[key]
	return a, ok
}

func (m *memory) add(key requestKey, a answered, now time.Time) {
	if m.answers == nil {
		m.answers = make(map[requestKey]answered)
	}
	m.answers[key] = a
	m.order = append(m.order, remembered{key, a.due.Add(rememberFor)})
	m.forget(now)
}

// forget drops answers that are too old or too many. An answer with a long delay
// keeps later ones a little longer than necessary.
func (m *memory) forget(now time.Time) {
	for len(m.order) > 0 && (len(m.order) > maxRemembered || now.After(m.order[0].until)) {
		delete(m.answers, m.order[0].key)
		m.order = m.order[1:]
	}
}

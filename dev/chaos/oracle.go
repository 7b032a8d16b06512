package chaos

import (
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"simtransfer/transfer"
)

// ledger is what the clients of a chaos run know from the API's answers alone:
// what was asked for, what was decided, and what became of it. In the end it
// has to agree with what the service says.
type ledger struct {
	mu       sync.Mutex
	requests map[string]*booking // by request id
	batches  map[string]int      // rows, by batch id
	open     []*booking          // not yet seen finished, in the order of their answers
	sims     []hint
	twice    []string // one call that was answered by two things
	refused  []string // calls that ought not to have been refused
	internal []string // answers 500
	retries  int
}

// booking is a request that the API has accepted.
type booking struct {
	id          string
	batch       string
	source, to  int // accounts
	sims        []int
	identifiers []string // of the SIMs as they were asked for, in digits
	seconds     int      // of acceptance
	decisions   []decided
}

// decided is a decision on a request.
type decided struct {
	kind transfer.Event
	sims []string // identifiers; nil is all of them
	fee  *int64   // on approval
	sure bool     // it was accepted; otherwise an attempt at it may have taken effect
}

// hint is what the clients guess of a SIM, to ask for what can be had.
type hint struct {
	owner int
	taken bool // in a request that was not seen finished
}

func newLedger(sims []hint) *ledger {
	return &ledger{requests: map[string]*booking{}, batches: map[string]int{}, sims: sims}
}

// book notes requests that one call has made. A second answer to the same call
// has to name the same ones.
func (l *ledger) book(again bool, bookings ...*booking) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range bookings {
		_, known := l.requests[b.id]
		switch {
		case again && !known, !again && known:
			l.twice = append(l.twice, "request "+b.id)
		case !known:
			l.requests[b.id] = b
			l.open = append(l.open, b)
			for _, s := range b.sims {
				l.sims[s].taken = true
			}
		}
	}
}

// bookBatch notes a batch.
func (l *ledger) bookBatch(again bool, id string, rows int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.batches[id]; known != again {
		l.twice = append(l.twice, "batch "+id)
	}
	l.batches[id] = rows
}

func (l *ledger) decide(b *booking, d decided) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b.decisions = append(b.decisions, d)
}

func (l *ledger) note(list *[]string, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*list = append(*list, text)
}

func (l *ledger) retry() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.retries++
}

// pick returns a request that was not seen finished, a late one rather than an
// early one; nil when there is none.
func (l *ledger) pick(r *rand.Rand) *booking {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.open)
	if n == 0 {
		return nil
	}
	return l.open[max(r.IntN(n), r.IntN(n))]
}

// seen notes that a request is finished, and which SIMs it has moved.
func (l *ledger) seen(b *booking, moved []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = slices.DeleteFunc(l.open, func(o *booking) bool { return o == b })
	for _, s := range b.sims {
		l.sims[s].taken = false
	}
	for _, s := range moved {
		l.sims[s].owner = b.to
	}
}

// someOf returns up to n SIMs that seem to be an account's and free, and now and
// then one that is not.
func (l *ledger) someOf(r *rand.Rand, owner, n int) []int {
	l.mu.Lock()
	defer l.mu.Unlock()
	chosen := map[int]bool{}
	for range 50 * n {
		if s := r.IntN(len(l.sims)); len(chosen) < n && l.sims[s].owner == owner && !l.sims[s].taken {
			chosen[s] = true
		}
	}
	if r.IntN(8) == 0 {
		chosen[r.IntN(len(l.sims))] = true
	}
	return slices.Sorted(maps.Keys(chosen))
}

// unfinished returns the requests that were not seen finished.
func (l *ledger) unfinished() []*booking {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.open)
}

// told is a transfer request as the API shows it, with what became of each SIM.
type told struct {
	ID          string                `json:"id"`
	State       transfer.RequestState `json:"state"`
	Source      transfer.OperatorID   `json:"source"`
	Destination transfer.OperatorID   `json:"destination"`
	Batch       string                `json:"batch"`
	FeeOverride *int64                `json:"fee_minor"`
	Fees        struct {
		Currency transfer.Currency `json:"currency"`
		Charged  int64             `json:"charged_minor"`
	} `json:"fees"`
	FinishedAt *time.Time `json:"finished_at"`

	transfers []toldTransfer
	events    []toldEvent
}

type toldTransfer struct {
	Identifier string          `json:"identifier"`
	ICCID      string          `json:"iccid"`
	State      transfer.State  `json:"state"`
	Method     transfer.Method `json:"method"`
	Reason     transfer.Reason `json:"reason"`
	FinishedAt *time.Time      `json:"finished_at"`
	Fee        *struct {
		Minor int64 `json:"amount_minor"`
	} `json:"fee"`
}

// batch is a batch as the API shows it.
type batch struct {
	ID     string `json:"id"`
	Counts struct {
		SIMs int `json:"sims"`
	} `json:"counts"`
}

type toldEvent struct {
	Seq  int                    `json:"seq"`
	Kind string                 `json:"kind"`
	To   *transfer.RequestState `json:"to"`
}

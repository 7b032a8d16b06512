package chaos

import (
	"maps"
	"math/rand/v2"
	"slices"
	"sync"

	"simtransfer/client"
	"simtransfer/transfer"
)

// oracle records what the clients know only from the answers of the API: which
// requests it accepted, which decisions were made, and how requests ended. After
// the run, the service must agree with it.
type oracle struct {
	mu         sync.Mutex
	requests   map[string]*request // by id
	batches    map[string]int      // number of rows, by id
	open       []*request          // not yet seen finished, in the order of their answers
	sims       []simHint           // by number
	duplicates []string            // repeated calls that had a second effect
	unexpected []string            // answers that no call should have got
	internal   []string            // answers with status 500
	retries    int
}

// request is a transfer request that the API has accepted.
type request struct {
	id                  string
	batch               string   // empty if it is in no batch
	source, destination int      // indexes of accounts
	sims                []int    // numbers of the SIMs
	identifiers         []string // of the SIMs, as in the call
	decisions           []decision
}

// decision is a decision on a request.
type decision struct {
	kind    transfer.Event
	by      transfer.Party // whose key is used
	sims    []string       // identifiers; nil means all
	fee     *int64         // per SIM, if an approval overrides it
	later   bool           // an acceptance for later: either side can still end the request
	certain bool           // the API accepted it; otherwise an attempt may have taken effect
}

// simHint is what the clients assume about a SIM, so that most of their requests
// are for SIMs that can be transferred.
type simHint struct {
	owner int  // index of an account
	taken bool // in a request that was not seen finished
}

func newOracle(sims []simHint) *oracle {
	return &oracle{requests: map[string]*request{}, batches: map[string]int{}, sims: sims}
}

// addRequest records a request that a call has created. repeated means that it is
// from the second answer to the same call, which must name a known request.
func (o *oracle) addRequest(r *request, repeated bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, known := o.requests[r.id]
	if known != repeated {
		o.duplicates = append(o.duplicates, "request "+r.id)
	}
	if known {
		return
	}
	o.requests[r.id] = r
	o.open = append(o.open, r)
	for _, s := range r.sims {
		o.sims[s].taken = true
	}
}

// addBatch records a batch, under the same rules as addRequest.
func (o *oracle) addBatch(id string, rows int, repeated bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, known := o.batches[id]; known != repeated {
		o.duplicates = append(o.duplicates, "batch "+id)
	}
	o.batches[id] = rows
}

func (o *oracle) addDecision(r *request, d decision) {
	o.mu.Lock()
	defer o.mu.Unlock()
	r.decisions = append(r.decisions, d)
}

func (o *oracle) note(list *[]string, text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	*list = append(*list, text)
}

func (o *oracle) addRetry() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.retries++
}

// pickOpen picks a request that was not seen finished, more often a recent one.
// It returns nil if there is none.
func (o *oracle) pickOpen(rng *rand.Rand) *request {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := len(o.open)
	if n == 0 {
		return nil
	}
	return o.open[max(rng.IntN(n), rng.IntN(n))]
}

// finish records that a request is finished, and which SIMs it has transferred.
func (o *oracle) finish(r *request, transferred []int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.open = slices.DeleteFunc(o.open, func(other *request) bool { return other == r })
	for _, s := range r.sims {
		o.sims[s].taken = false
	}
	for _, s := range transferred {
		o.sims[s].owner = r.destination
	}
}

// pickSIMs picks up to n SIMs that seem to belong to owner and to be in no open
// request. Once in eight times it adds a random SIM.
func (o *oracle) pickSIMs(rng *rand.Rand, owner, n int) []int {
	o.mu.Lock()
	defer o.mu.Unlock()
	picked := map[int]bool{}
	for range 50 * n {
		if s := rng.IntN(len(o.sims)); len(picked) < n && o.sims[s].owner == owner && !o.sims[s].taken {
			picked[s] = true
		}
	}
	if rng.IntN(8) == 0 {
		picked[rng.IntN(len(o.sims))] = true
	}
	return slices.Sorted(maps.Keys(picked))
}

// unfinished returns the requests that were not seen finished.
func (o *oracle) unfinished() []*request {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.open)
}

// requestDetails is a transfer request with its transfers and events.
type requestDetails struct {
	client.Request
	transfers []client.Transfer
	events    []client.Event
}

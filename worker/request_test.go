package worker_test

import (
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// testRequest is a request of a testService.
type testRequest struct {
	id uuid.UUID
	s  *testService
}

// run carries out all due work, with gateways that drop every session.
func (r testRequest) run() {
	r.s.t.Helper()
	for _, err := range r.s.RunAll(r.s.handler) {
		r.s.t.Error(err)
	}
}

func (r testRequest) load() storage.Request {
	r.s.t.Helper()
	return r.s.Find(r.id)
}

// outcomes returns the states of the transfers with their reasons, such as
// "completed" or "failed: sim_locked".
func (r testRequest) outcomes() []string {
	r.s.t.Helper()
	var list []string
	for _, x := range r.s.TransfersOf(r.id) {
		text := string(x.State)
		if x.Reason != nil {
			text += ": " + string(*x.Reason)
		}
		list = append(list, text)
	}
	return list
}

// expect fails the test unless the request has the state and its transfers have
// the outcomes.
func (r testRequest) expect(state transfer.RequestState, outcomes ...string) {
	r.s.t.Helper()
	if got := r.load().State; got != state {
		r.s.t.Errorf("the request is %s, want %s", got, state)
	}
	if diff := cmp.Diff(outcomes, r.outcomes()); diff != "" {
		r.s.t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

// charges returns the amounts charged, by number of the transfer.
func (r testRequest) charges() map[int]int64 {
	r.s.t.Helper()
	type charge struct {
		N      int
		Amount int64
	}
	m := map[int]int64{}
	for _, c := range storagetest.All[charge](r.s.DB, `SELECT n, amount FROM charges WHERE request = $1`, r.id) {
		m[c.N] = c.Amount
	}
	return m
}

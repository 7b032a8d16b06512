package worker_test

import (
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// request is a request of a scene.
type request struct {
	id uuid.UUID
	s  *scene
}

// run carries out what is due with willing gateways.
func (r request) run() {
	r.s.t.Helper()
	for _, err := range r.s.RunAll(r.s.handler) {
		r.s.t.Error(err)
	}
}

func (r request) now() storage.Request {
	r.s.t.Helper()
	return r.s.Find(r.id)
}

// outcomes are the states of the transfers, with their reasons: "completed",
// "failed: sim_locked".
func (r request) outcomes() []string {
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

// is fails the test unless the request is in a state and its transfers have
// the outcomes.
func (r request) is(state transfer.RequestState, outcomes ...string) {
	r.s.t.Helper()
	if got := r.now().State; got != state {
		r.s.t.Errorf("the request is %s, want %s", got, state)
	}
	if diff := cmp.Diff(outcomes, r.outcomes()); diff != "" {
		r.s.t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

// charges lists what was charged, by transfer.
func (r request) charges() map[int]int64 {
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

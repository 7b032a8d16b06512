package scheduler_test

import (
	"slices"
	"testing"

	"simtransfer/tasks"
	"simtransfer/transfer"
)

// A task that is lost among many that wait is found in the same round, however
// long the backlog is.
func TestLossInALongBacklog(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	work := e.work(transfer.QueueBulk, 1100)
	s := e.scheduler(e.redis)
	for e.once(s.Dispatch) {
	}
	lost := tasks.ID(work[0], 1)
	if err := e.inspector.DeleteTask(string(transfer.QueueBulk), lost); err != nil {
		t.Fatal(err)
	}
	e.age(7)
	// It comes last.
	e.Exec(`UPDATE work SET checked_at = checked_at + interval '500 ms' WHERE id = $1`, work[0])
	rounds := 1
	for e.once(s.Reconcile) {
		rounds++
	}
	if got := e.pending(transfer.QueueBulk); len(got) != len(work) || !slices.Contains(got, lost) {
		t.Errorf("%d tasks are waiting, want %d", len(got), len(work))
	}
	if rounds != 3 {
		t.Errorf("%d pages, want 3", rounds)
	}
}

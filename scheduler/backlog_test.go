package scheduler_test

import (
	"slices"
	"testing"

	"simtransfer/tasks"
	"simtransfer/transfer"
)

// A lost task is found in the same round, however many other tasks are waiting.
func TestLostTaskInLongBacklog(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	work := svc.work(transfer.QueueBulk, 1100)
	s := svc.scheduler(svc.redis)
	for svc.once(s.Dispatch) {
	}
	lost := tasks.ID(work[0], 1)
	if err := svc.inspector.DeleteTask(string(transfer.QueueBulk), lost); err != nil {
		t.Fatal(err)
	}
	svc.age(7)
	// The lost task is the last one.
	svc.Exec(`UPDATE work SET checked_at = checked_at + interval '500 ms' WHERE id = $1`, work[0])
	rounds := 1
	for svc.once(s.Reconcile) {
		rounds++
	}
	if got := svc.pending(transfer.QueueBulk); len(got) != len(work) || !slices.Contains(got, lost) {
		t.Errorf("%d tasks are waiting, want %d", len(got), len(work))
	}
	if rounds != 3 {
		t.Errorf("%d pages, want 3", rounds)
	}
}

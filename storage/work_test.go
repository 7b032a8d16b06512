package storage_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// someWork creates n work rows of one queue and returns their ids.
func someWork(db *storagetest.DB, n int) []int64 {
	return storagetest.All[int64](db, `
		INSERT INTO work (kind, items, n, queue) SELECT 'drop_stray', ARRAY[i], 1, 'gateway' FROM generate_series(1, $1) AS i RETURNING id`, n)
}

func ids(list []storage.Task) []int64 {
	got := []int64{}
	for _, t := range list {
		got = append(got, t.Work)
	}
	slices.Sort(got)
	return got
}

func dispatch(t *testing.T, db *storagetest.DB, queue transfer.Queue, limit int) []storage.Task {
	t.Helper()
	list, err := db.Dispatch(t.Context(), queue, limit)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestDispatch(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	work := someWork(db, 7)
	db.Exec(`UPDATE work SET not_before = clock_timestamp() - make_interval(secs => $2) WHERE id = $1`, work[6], 100) // the oldest
	db.Exec(`UPDATE work SET not_before = clock_timestamp() + interval '1 hour' WHERE id = $1`, work[0])
	db.Exec(`UPDATE work SET dead_at = clock_timestamp() WHERE id = $1`, work[1])
	letGo := db.HoldSQL(`SELECT FROM work WHERE id = $1 FOR UPDATE`, work[2])

	if list := dispatch(t, db, transfer.QueueBulk, 10); len(list) != 0 {
		t.Errorf("dispatched work of another queue: %v", ids(list))
	}
	if diff := cmp.Diff([]int64{work[6]}, ids(dispatch(t, db, transfer.QueueGateway, 1))); diff != "" {
		t.Errorf("the oldest due work (-want +got):\n%s", diff)
	}
	list := dispatch(t, db, transfer.QueueGateway, 10)
	if diff := cmp.Diff(work[3:6], ids(list)); diff != "" {
		t.Errorf("work that is due, not dead and not locked (-want +got):\n%s", diff)
	}
	for _, task := range list {
		if task.Gen != 1 || task.Kind != transfer.WorkDropStray || task.Queue != transfer.QueueGateway || task.Request.Valid || task.Suspect {
			t.Errorf("dispatched: %+v", task)
		}
	}
	letGo()
	if diff := cmp.Diff(work[2:3], ids(dispatch(t, db, transfer.QueueGateway, 10))); diff != "" {
		t.Errorf("work that was locked before (-want +got):\n%s", diff)
	}
	if list := dispatch(t, db, transfer.QueueGateway, 10); len(list) != 0 {
		t.Errorf("dispatched again: %v", ids(list))
	}

	// Work that could not be enqueued is due again. Reverting an older dispatch
	// changes nothing.
	db.Exec(`UPDATE work SET dead_at = clock_timestamp() WHERE id = $1`, work[4])
	stale := list[2]
	stale.Gen--
	if err := db.RevertDispatch(t.Context(), []storage.Task{list[0], list[1], stale}); err != nil {
		t.Fatal(err)
	}
	again := dispatch(t, db, transfer.QueueGateway, 10)
	if diff := cmp.Diff([]int64{list[0].Work}, ids(again)); diff != "" {
		t.Errorf("work whose dispatch was reverted (-want +got):\n%s", diff)
	}
	if again[0].Gen != 2 {
		t.Errorf("the second dispatch has generation %d", again[0].Gen)
	}
}

// Several dispatchers share the work, and none of it is dispatched twice.
func TestDispatchersShare(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	work := someWork(db, 1000)
	var mu sync.Mutex
	var all []storage.Task
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				list, err := db.Dispatch(t.Context(), transfer.QueueGateway, 50)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				all = append(all, list...)
				done := len(all) >= len(work)
				mu.Unlock()
				if done || err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	if diff := cmp.Diff(work, ids(all)); diff != "" {
		t.Errorf("dispatched by all (-want +got):\n%s", diff)
	}
}

// age moves the times of dispatch and of the last check into the past.
func age(db *storagetest.DB, seconds float64, work ...int64) {
	for _, id := range work {
		db.Exec(`
			UPDATE work
			SET dispatched_at = dispatched_at - make_interval(secs => $2), checked_at = checked_at - make_interval(secs => $2)
			WHERE id = $1`, id, seconds)
	}
}

func unconfirmed(t *testing.T, db *storagetest.DB, limit int) []storage.Task {
	t.Helper()
	list, err := db.Unconfirmed(t.Context(), limit)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestUnconfirmed(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	work := someWork(db, 9)
	db.Exec(`UPDATE work SET not_before = clock_timestamp() + interval '1 hour' WHERE id = $1`, work[8]) // not dispatched
	list := dispatch(t, db, transfer.QueueGateway, 100)
	if got := unconfirmed(t, db, 100); len(got) != 0 {
		t.Errorf("listed work that was only just dispatched: %v", ids(got))
	}
	age(db, 5, work[0])
	age(db, 7, work[1], work[2], work[3], work[4], work[5], work[6])
	age(db, 3, work[7])
	db.Exec(`UPDATE work SET dead_at = clock_timestamp() WHERE id = $1`, work[1])
	db.Exec(`UPDATE work SET lease = gen_random_uuid(), lease_until = clock_timestamp() + interval '9 s' WHERE id = $1`, work[2])
	db.Exec(`UPDATE work SET lease = gen_random_uuid(), lease_until = clock_timestamp() - interval '1 ms' WHERE id = $1`, work[3])
	letGo := db.HoldSQL(`SELECT FROM work WHERE id = $1 FOR UPDATE`, work[4])
	of := func(id int64) storage.Task {
		return list[slices.IndexFunc(list, func(x storage.Task) bool { return x.Work == id })]
	}
	if err := db.MarkSuspect(t.Context(), of(work[7]), true); err != nil {
		t.Fatal(err)
	}
	db.Exec(`UPDATE work SET checked_at = checked_at - interval '1 hour' WHERE id = $1`, work[6])

	if diff := cmp.Diff([]int64{work[6]}, ids(unconfirmed(t, db, 1))); diff != "" {
		t.Errorf("the work with the oldest check (-want +got):\n%s", diff)
	}
	got := unconfirmed(t, db, 100)
	// A suspect is stale after two seconds, other work after six. Dead, leased and
	// locked work is left out.
	if diff := cmp.Diff([]int64{work[3], work[5], work[7]}, ids(got)); diff != "" {
		t.Errorf("stale work (-want +got):\n%s", diff)
	}
	for _, task := range got {
		if want := task.Work != work[5]; task.Suspect != want || task.Gen != 1 {
			t.Errorf("%+v, want a suspect: %t", task, want)
		}
	}
	if got := unconfirmed(t, db, 100); len(got) != 0 {
		t.Errorf("listed again at once: %v", ids(got))
	}
	letGo()
	if diff := cmp.Diff([]int64{work[4]}, ids(unconfirmed(t, db, 100))); diff != "" {
		t.Errorf("work that was locked before (-want +got):\n%s", diff)
	}
}

// Suspect work is dispatched again only once, by the first that tries.
func TestRedispatch(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	someWork(db, 3)
	list := dispatch(t, db, transfer.QueueGateway, 100)
	again, ok, err := db.Redispatch(t.Context(), list[0])
	if err != nil || !ok || again.Gen != 2 || again.Work != list[0].Work || again.Kind != transfer.WorkDropStray || again.Queue != transfer.QueueGateway {
		t.Errorf("dispatched again: %+v, %t, %v", again, ok, err)
	}
	if crashes := storagetest.One[int](db, `SELECT crashes FROM work WHERE id = $1`, list[0].Work); crashes != 1 {
		t.Errorf("%d crashes, want 1", crashes)
	}
	db.Exec(`UPDATE work SET dead_at = clock_timestamp() WHERE id = $1`, list[1].Work)
	db.Exec(`UPDATE work SET dispatched_at = NULL WHERE id = $1`, list[2].Work)
	was := db.Dump()
	for _, task := range append(list, storage.Task{Work: 1 << 40, Gen: 1}) { // an old generation, dead, due again, and never there
		if _, ok, err := db.Redispatch(t.Context(), task); ok || err != nil {
			t.Errorf("dispatched work %d again: %t, %v", task.Work, ok, err)
		}
	}
	if err := db.MarkSuspect(t.Context(), list[0], true); err != nil { // of the old generation
		t.Error(err)
	}
	db.Unchanged(was)
}

// Only one worker at a time has the lease on work, which must be due or dead.
func TestLease(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	work := someWork(db, 1)[0]
	ctx := t.Context()
	first, err := db.TakeLease(ctx, work)
	if err != nil || !first.Lease.Valid || first.N != 1 || first.Kind != transfer.WorkDropStray {
		t.Fatalf("leased %+v, %v", first, err)
	}
	none := func(what string) {
		t.Helper()
		if _, err := db.TakeLease(ctx, work); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("%s: leased anyway: %v", what, err)
		}
	}
	none("leased")
	db.Exec(`UPDATE work SET lease_until = clock_timestamp() + interval '10 ms'`)
	if err := db.RenewLease(ctx, first); err != nil {
		t.Error(err)
	}
	if left := storagetest.One[float64](db, `SELECT extract(epoch FROM lease_until - clock_timestamp()) FROM work`); left < 8 || left > 10 {
		t.Errorf("renewed for %.1f s, want 10", left)
	}
	db.Exec(`UPDATE work SET lease_until = clock_timestamp() - interval '1 ms'`)
	second, err := db.TakeLease(ctx, work)
	if err != nil || second.Lease == first.Lease {
		t.Errorf("the next lease: %+v, %v", second, err)
	}
	if err := db.RenewLease(ctx, first); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("renewed a lease that was lost: %v", err)
	}
	err = db.InTx(ctx, func(tx *storage.Tx) error {
		if _, err := tx.LockLeased(ctx, first); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("locked by a lease that was lost: %v", err)
		}
		_, err := tx.LockLeased(ctx, second)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	db.Exec(`UPDATE work SET lease = NULL, lease_until = NULL, not_before = clock_timestamp() + interval '1 hour'`)
	none("not due")
	db.Exec(`UPDATE work SET dead_at = clock_timestamp()`)
	if _, err := db.TakeLease(ctx, work); err != nil {
		t.Errorf("leasing dead work: %v", err)
	}
	db.Exec(`DELETE FROM work`)
	none("gone")
}

// The chunks of a request cover it exactly, and its size decides the queue.
func TestChunks(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	from, to := db.Account(), db.Account()
	for _, c := range []struct {
		size  int
		queue transfer.Queue
		want  []string
	}{
		{1, transfer.QueueInteractive, []string{"0-1"}},
		{100, transfer.QueueInteractive, []string{"0-100"}},
		{101, transfer.QueueBulk, []string{"0-101"}},
		{1000, transfer.QueueBulk, []string{"0-1000"}},
		{1001, transfer.QueueBulk, []string{"0-1000", "1000-1001"}},
		{2500, transfer.QueueBulk, []string{"0-1000", "1000-2000", "2000-2500"}},
	} {
		identifiers := make([]string, c.size)
		for i := range identifiers {
			identifiers[i] = fmt.Sprintf("89889%014d", i)
		}
		id := db.Request(storagetest.Request{From: from, To: to, Identifiers: identifiers})
		got := storagetest.All[string](db, `SELECT format('%s-%s', lo, hi) FROM work WHERE request = $1 AND n = hi - lo AND queue = $2 ORDER BY lo`, id, c.queue)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("chunks of a request of %d (-want +got):\n%s", c.size, diff)
		}
		// The order and the line numbers are those of the upload.
		last := db.TransfersOf(id)[c.size-1]
		if last.N != c.size-1 || last.Line != c.size || last.Identifier != identifiers[c.size-1] || last.State != transfer.Pending {
			t.Errorf("the last of %d transfers: %+v", c.size, last)
		}
	}
	db.Check()
}

package storage_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// broken is an error that the data of work has caused.
func broken() error { return code("23514") }

func code(c string) error { return fmt.Errorf("doing something: %w", &pq.Error{Code: pqerror.Code(c)}) }

// row is the state of a work row after failures.
type row struct {
	Kind            transfer.WorkKind
	Lo, Hi          *int
	Items           *string
	N               int
	Errors, Crashes int
	Idle, Dead      bool
	Error           string
}

func rows(db *storagetest.DB) []row {
	return storagetest.All[row](db, `
		SELECT kind, lo, hi, items, n, errors, crashes, dispatched_at IS NULL AS idle, dead_at IS NOT NULL AS dead, coalesce(error, '') AS error
		FROM work ORDER BY lo, items, id`)
}

// chunkOf creates a request of n SIMs and returns its only chunk of a kind.
func chunkOf(t *testing.T, db *storagetest.DB, kind transfer.WorkKind, n int) (id uuid.UUID, work int64) {
	t.Helper()
	from, to := db.Account(), db.Account()
	id = db.Request(storagetest.Request{From: from, To: to, SIMs: db.SIMs(n, storagetest.SIM{Account: from.ID})})
	if kind != transfer.WorkValidate {
		validate(t, db, id)
		db.Decide(id, map[transfer.WorkKind]transfer.Event{transfer.WorkExecute: transfer.Accept, transfer.WorkRelease: transfer.Cancel}[kind])
	}
	return id, workOf(db, id, kind)[0]
}

// fail records a failure of work, as a worker does.
func fail(t *testing.T, db *storagetest.DB, work int64, cause error) storage.Failure {
	t.Helper()
	db.Exec(`UPDATE work SET dispatched_at = clock_timestamp(), checked_at = clock_timestamp() WHERE id = $1`, work)
	what, err := db.Fail(t.Context(), work, uuid.NullUUID{}, cause)
	if err != nil {
		t.Fatal(err)
	}
	return what
}

// Work is tried again without limit after errors that its data has not caused: it
// is not split, and no SIM fails.
func TestErrorsOfOthersAreNotCounted(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	id, work := chunkOf(t, db, transfer.WorkExecute, 4)
	causes := []error{errors.New("no socket is left")}
	for _, c := range []string{"40P01", "57P01", "55P03", "08006", "25P03", "53100", "42501", "42703", "0A000", "25006", "XX000"} {
		causes = append(causes, code(c))
	}
	for range 3 {
		for _, cause := range causes {
			if what := fail(t, db, work, cause); what != storage.WorkLater {
				t.Fatalf("%v: %s", cause, what)
			}
		}
	}
	got := rows(db)
	if len(got) != 1 || got[0].N != 4 || got[0].Errors != 0 || got[0].Crashes != 0 || !got[0].Idle || got[0].Dead {
		t.Errorf("the work: %+v", got)
	}
	db.Check()
	execute(t, db, id)
	db.Check()
}

// While a cause lasts that needs an operator, work is tried less and less often.
func TestWaitsBetweenTries(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	_, work := chunkOf(t, db, transfer.WorkExecute, 4)
	for _, c := range []struct {
		gen   int // how many times it was dispatched
		cause error
		want  int // seconds
	}{
		{1, code("40P01"), 2},
		{9, code("08006"), 2},
		{1, code("42501"), 2},
		{2, code("42501"), 4},
		{3, errors.New("no socket is left"), 8},
		{4, code("53100"), 15},
		{4000, code("42501"), 15},
	} {
		db.Exec(`UPDATE work SET gen = $1`, c.gen)
		began := storagetest.One[time.Time](db, `SELECT clock_timestamp()`)
		fail(t, db, work, c.cause)
		if !storagetest.One[bool](db, `
			SELECT not_before - make_interval(secs => $1) BETWEEN $2 AND clock_timestamp() FROM work`, c.want, began) {
			t.Errorf("%v at dispatch %d: not due after %d s", c.cause, c.gen, c.want)
		}
	}
}

// After other errors, work is tried three times and then split. Its halves are
// split at their first error, down to a single transfer, which is tried three
// times itself.
func TestOtherErrorsSplitWork(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	id, work := chunkOf(t, db, transfer.WorkExecute, 5)
	for i := 1; i <= 2; i++ {
		if what := fail(t, db, work, broken()); what != storage.WorkLater {
			t.Errorf("error %d: %s", i, what)
		}
	}
	if got := rows(db); len(got) != 1 || got[0].Errors != 2 || got[0].Error != broken().Error() || !got[0].Idle {
		t.Errorf("after two errors: %+v", got)
	}
	if what := fail(t, db, work, broken()); what != storage.WorkSplit {
		t.Errorf("the third error: %s", what)
	}
	p := func(i int) *int { return &i }
	want := []row{
		{Kind: transfer.WorkExecute, Lo: p(0), Hi: p(2), N: 2, Errors: 2, Idle: true, Error: broken().Error()},
		{Kind: transfer.WorkExecute, Lo: p(2), Hi: p(5), N: 3, Errors: 2, Idle: true, Error: broken().Error()},
	}
	if diff := cmp.Diff(want, rows(db)); diff != "" {
		t.Errorf("the two halves (-want +got):\n%s", diff)
	}
	if r := db.Find(id); r.Left != 5 {
		t.Errorf("%d are left, want 5", r.Left)
	}
	db.Check()
	if what := fail(t, db, work, broken()); what != storage.WorkGone {
		t.Errorf("an error of the whole, which is no more: %s", what)
	}
	work = workOf(db, id, transfer.WorkExecute)[0]
	if what := fail(t, db, work, broken()); what != storage.WorkSplit {
		t.Errorf("the first error of a half: %s", what)
	}
	work = storagetest.One[int64](db, `SELECT id FROM work WHERE lo = 1`)
	for i, want := range []storage.Failure{storage.WorkLater, storage.WorkLater, storage.WorkEnded, storage.WorkGone} {
		if what := fail(t, db, work, broken()); what != want {
			t.Errorf("error %d of a single transfer: %s, want %s", i+1, what, want)
		}
		db.Check()
	}
	execute(t, db, id)
	got := map[transfer.State]int{}
	for _, x := range db.TransfersOf(id) {
		got[x.State]++
		if x.N == 1 && (x.Reason == nil || *x.Reason != transfer.InternalError) {
			t.Errorf("the transfer that failed: %+v", x)
		}
	}
	if diff := cmp.Diff(map[transfer.State]int{transfer.Completed: 4, transfer.Failed: 1}, got); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	db.Check()
}

// Time-outs count as crashes: work is split, and no SIM fails. Work for a single
// transfer that keeps crashing its workers is marked dead.
func TestTimeoutsNeverFailASIM(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	for _, kind := range []transfer.WorkKind{transfer.WorkValidate, transfer.WorkExecute, transfer.WorkRelease} {
		id, work := chunkOf(t, db, kind, 2)
		slow := []error{code("57014"), fmt.Errorf("waiting: %w", context.DeadlineExceeded)}
		for i, want := range []storage.Failure{storage.WorkLater, storage.WorkLater, storage.WorkSplit} {
			if what := fail(t, db, work, slow[i%2]); what != want {
				t.Errorf("%s, time-out %d: %s, want %s", kind, i+1, what, want)
			}
		}
		work = workOf(db, id, kind)[1]
		for i := 1; i <= 10; i++ {
			want := storage.WorkLater
			if i == 10 {
				want = storage.WorkDead
			}
			if what := fail(t, db, work, slow[i%2]); what != want {
				t.Errorf("%s, time-out %d of a single transfer: %s, want %s", kind, i, what, want)
			}
		}
		db.Check(7) // which says that it is dead
		if n := storagetest.One[int](db, `SELECT count(*) FROM transfers WHERE reason IS NOT NULL`); n > 0 {
			t.Errorf("%s: %d transfers failed", kind, n)
		}
		if what := fail(t, db, work, slow[0]); what != storage.WorkDead {
			t.Errorf("%s, one more on dead work: %s", kind, what)
		}
		if n, err := db.RetryWork(t.Context(), storage.System(), nil); n != 1 || err != nil {
			t.Errorf("retried %d, %v; want 1", n, err)
		}
		for _, r := range rows(db) {
			if r.Dead || r.Errors+r.Crashes > 0 || !r.Idle {
				t.Errorf("%s, after the retry: %+v", kind, r)
			}
		}
		carryOutAll(t, db, id, kind, map[transfer.WorkKind]step{transfer.WorkValidate: validateChunk, transfer.WorkExecute: executeChunk, transfer.WorkRelease: releaseChunk}[kind])
		db.Check()
	}
}

// Crashes and errors are counted separately: a SIM fails only after three errors.
func TestCrashesAndErrors(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	id, work := chunkOf(t, db, transfer.WorkExecute, 1)
	slow := code("57014")
	for i, cause := range []error{slow, slow, slow, slow, broken(), slow, broken()} {
		if what := fail(t, db, work, cause); what != storage.WorkLater {
			t.Errorf("failure %d (%v): %s", i+1, cause, what)
		}
	}
	if what := fail(t, db, work, broken()); what != storage.WorkEnded {
		t.Errorf("the third error: %s", what)
	}
	if r := db.Find(id); r.State != transfer.RequestCompleted || r.Failed != 1 {
		t.Errorf("the request: %+v", r)
	}
	db.Check()
}

// No SIM can fail in release, so release work that keeps failing is marked dead.
func TestFailingReleaseIsMarkedDead(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	id, work := chunkOf(t, db, transfer.WorkRelease, 1)
	for i, want := range []storage.Failure{storage.WorkLater, storage.WorkLater, storage.WorkDead, storage.WorkDead} {
		if what := fail(t, db, work, broken()); what != want {
			t.Errorf("error %d: %s, want %s", i+1, what, want)
		}
	}
	if r := db.Find(id); r.FinishedAt != nil || r.Left != 1 {
		t.Errorf("the request: %+v", r)
	}
	db.Check(7)
	list, err := db.WorkList(t.Context(), true, 0, 10)
	if err != nil || len(list) != 1 || list[0].ID != work || list[0].DeadAt == nil || *list[0].Error != broken().Error() {
		t.Errorf("dead work: %+v, %v", list, err)
	}
	// It is not dispatched.
	if n := len(db.Tasks()); n != 0 {
		t.Errorf("%d tasks", n)
	}
	if n, err := db.RetryWork(t.Context(), storage.System(), []int64{work}); n != 1 || err != nil {
		t.Errorf("retried %d, %v; want 1", n, err)
	}
	if n := len(db.Tasks()); n != 1 {
		t.Errorf("%d tasks, want 1", n)
	}
	release(t, db, id)
	db.Check()
}

// Work is marked dead if its failure cannot be recorded.
func TestUnrecordedFailureMarksWorkDead(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	_, work := chunkOf(t, db, transfer.WorkValidate, 1)
	db.Exec(`ALTER TABLE transfers ADD CHECK (reason <> 'internal_error')`)
	for i, want := range []storage.Failure{storage.WorkLater, storage.WorkLater, storage.WorkDead} {
		if what := fail(t, db, work, broken()); what != want {
			t.Errorf("error %d: %s, want %s", i+1, what, want)
		}
	}
	if got := rows(db); len(got) != 1 || !got[0].Dead {
		t.Errorf("the work: %+v", got)
	}
	db.Check(7)
}

// A failure of work that is done or that another worker has is not recorded: it
// happens when a commit of unknown outcome succeeded.
func TestFailureOfFinishedWork(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	id, work := chunkOf(t, db, transfer.WorkExecute, 2)
	for _, cause := range []error{code("08006"), code("57014"), broken()} {
		rollback := db.HoldSQL(`SELECT FROM work FOR UPDATE`) // another transaction
		was := db.Dump()
		if what, err := db.Fail(t.Context(), work, uuid.NullUUID{}, cause); what != storage.WorkGone || err != nil {
			t.Errorf("%v, of work that is locked: %s, %v", cause, what, err)
		}
		db.Unchanged(was)
		rollback()
		db.Exec(`UPDATE work SET lease = gen_random_uuid(), lease_until = clock_timestamp() + interval '1 hour'`)
		was = db.Dump()
		if what, err := db.Fail(t.Context(), work, uuid.NullUUID{UUID: uuid.New(), Valid: true}, cause); what != storage.WorkGone || err != nil {
			t.Errorf("%v, of work that another worker has leased: %s, %v", cause, what, err)
		}
		// Nor by a worker without a lease.
		if what, err := db.Fail(t.Context(), work, uuid.NullUUID{}, cause); what != storage.WorkGone || err != nil {
			t.Errorf("%v, without a lease on work that a worker has leased: %s, %v", cause, what, err)
		}
		db.Unchanged(was)
	}
	// A lease that has run out does not keep others from recording a failure.
	db.Exec(`UPDATE work SET lease_until = clock_timestamp() - interval '1 ms'`)
	if what, err := db.Fail(t.Context(), work, uuid.NullUUID{}, code("08006")); what != storage.WorkLater || err != nil {
		t.Errorf("without a lease on work whose lease has run out: %s, %v", what, err)
	}
	execute(t, db, id)
	was := db.Dump()
	for _, cause := range []error{code("08006"), code("57014"), broken()} {
		if what, err := db.Fail(t.Context(), work, uuid.NullUUID{}, cause); what != storage.WorkGone || err != nil {
			t.Errorf("%v, of work that is done: %s, %v", cause, what, err)
		}
	}
	db.Unchanged(was)
}

// Without ids, only dead work is retried. Leased work is never retried.
func TestRetryWork(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	_, alive := chunkOf(t, db, transfer.WorkValidate, 1)
	_, dead := chunkOf(t, db, transfer.WorkValidate, 1)
	_, leased := chunkOf(t, db, transfer.WorkValidate, 1)
	db.Exec(`
		UPDATE work
		SET dispatched_at = clock_timestamp(), checked_at = clock_timestamp(), errors = 2, attempts = 4, crashes = 9,
			not_before = clock_timestamp() + interval '1 hour',
			dead_at = CASE WHEN id <> $1 THEN clock_timestamp() END,
			lease = CASE WHEN id = $2 THEN gen_random_uuid() END,
			lease_until = CASE WHEN id = $2 THEN clock_timestamp() + interval '1 hour' END`, alive, leased)
	for _, c := range []struct {
		ids  []int64
		want int
	}{
		{[]int64{leased}, 0}, {nil, 1}, {nil, 0}, {[]int64{alive, dead, 1 << 40}, 2},
	} {
		if n, err := db.RetryWork(t.Context(), storage.System(), c.ids); n != c.want || err != nil {
			t.Errorf("retrying %v: %d, %v; want %d", c.ids, n, err, c.want)
		}
	}
	if n := len(db.Tasks()); n != 2 {
		t.Errorf("%d tasks, want 2", n)
	}
	list, err := db.WorkList(t.Context(), false, alive, 1)
	if err != nil || len(list) != 1 || list[0].ID != dead {
		t.Fatalf("work after %d: %+v, %v", alive, list, err)
	}
	if w := list[0]; w.Attempts != 0 || w.Errors != 0 || w.Crashes != 0 || w.DeadAt != nil {
		t.Errorf("the retried work: %+v", w)
	}
}

// Dead work that is run by hand and fails again stays dead, whatever the error:
// it is not split, postponed or ended.
func TestDeadWorkStaysDead(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)
	f := newTestRequest(t, db, transfer.Transferring)
	work := workOf(db, f.id, transfer.WorkExecute)[0]
	for _, cause := range []error{broken(), context.DeadlineExceeded, code("42501"), code("40001"), errors.New("no socket is left")} {
		for _, tried := range []int{0, 2, 9} {
			db.Exec(`UPDATE work SET dead_at = clock_timestamp(), errors = $2, crashes = $2 WHERE id = $1`, work, tried)
			was := db.Dump("work")
			what, err := db.Fail(t.Context(), work, uuid.NullUUID{}, cause)
			if what != storage.WorkDead || err != nil {
				t.Errorf("%v after %d: %s, %v", cause, tried, what, err)
			}
			db.Unchanged(was, "work")
			if n := storagetest.One[int](db, `SELECT count(*) FROM work WHERE id = $1 AND dead_at IS NOT NULL AND n = 5 AND errors = $2`, work, tried); n != 1 {
				t.Errorf("%v after %d: the work is not as it was", cause, tried)
			}
		}
	}
	if list := workOf(db, f.id, transfer.WorkExecute); len(list) != 1 {
		t.Errorf("%d rows of work, want 1", len(list))
	}
}

package storage_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// readChanges reads the feed from a cursor to its end, in pages of a size.
func readChanges(t *testing.T, db *storage.DB, from storage.ChangeCursor, f storage.ChangeFilter, size int) (list []storage.ChangeEntry, next storage.ChangeCursor) {
	list = []storage.ChangeEntry{}
	t.Helper()
	for more := true; more; {
		plan, err := db.PlanChanges(t.Context(), from, f, size)
		if err != nil {
			t.Fatal(err)
		}
		if plan.Rows > size {
			t.Errorf("a page of up to %d entries has %d", size, plan.Rows)
		}
		if err := db.ChangeEntries(t.Context(), plan, max(1, size/5), func(page []storage.ChangeEntry) error {
			list = append(list, page...)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		from, more = plan.Next, plan.More
	}
	return list, from
}

// changeText is what a test compares of an entry.
func changeText(e storage.ChangeEntry) string {
	text := fmt.Sprintf("%s %s", e.Kind, e.ICCID)
	if e.Source != nil {
		text += fmt.Sprintf(" from %s", *e.Source)
	}
	return text + fmt.Sprintf(" to %s", e.Destination)
}

func changeTexts(list []storage.ChangeEntry) []string {
	out := []string{}
	for _, e := range list {
		out = append(out, changeText(e))
	}
	return out
}

// now returns the position after all changes that are committed.
func changesNow(t *testing.T, db *storage.DB) storage.ChangeCursor {
	t.Helper()
	at, err := db.ChangesNow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// Reading stops at the first error, and nothing reads on after the return. An answer
// that was cut short is never taken for a complete one.
func TestReadingChangesStops(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	start := changesNow(t, db.DB)
	db.SIMs(20, storagetest.SIM{Account: db.Account().ID, Status: transfer.Active})
	plan, err := db.PlanChanges(t.Context(), start, storage.ChangeFilter{}, 20)
	if err != nil || plan.Rows != 20 {
		t.Fatalf("the plan has %d entries, want 20 (%v)", plan.Rows, err)
	}
	full := errors.New("the disk is full")
	for stop := range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		pages := 0
		err := db.ChangeEntries(ctx, plan, 1, func([]storage.ChangeEntry) error {
			if pages++; pages > stop {
				return full
			}
			return nil
		})
		if !errors.Is(err, full) || pages != stop+1 {
			t.Errorf("an error in page %d of 20: got %v after %d pages", stop+1, err, pages)
		}
		pages = 0
		err = db.ChangeEntries(ctx, plan, 1, func([]storage.ChangeEntry) error {
			if pages++; pages > stop {
				cancel()
			}
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("canceled in page %d of 20: got %v after %d pages", stop+1, err, pages)
		}
		cancel()
	}
	if used := db.Pool().Stats().InUse; used != 0 {
		t.Errorf("%d connections are in use after the return", used)
	}
}

// A request whose SIMs are in part online has entries for those that are
// transferred at once and, later, for those whose sessions were dropped: each
// once, whatever the size of the pages. SIMs that are not transferred have none.
func TestChangesOfARequest(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	from, to := db.Account(), db.Account()
	gateway := db.Gateway()
	sims := db.SIMs(12, storagetest.SIM{Account: from.ID, Status: transfer.Active})
	db.Fee("EUR", 500)
	id := db.Request(storagetest.Request{From: from, To: to, SIMs: sims})
	validate(t, db, id)
	db.Decide(id, transfer.Approve)
	for _, i := range []int{2, 3, 7} {
		db.Online(sims[i], gateway)
	}
	db.Exec(`UPDATE sims SET transfer_lock = true WHERE id = $1`, sims[11].ID)
	start := changesNow(t, db.DB)
	db.Decide(id, transfer.Accept)
	execute(t, db, id)

	var want []string
	add := func(numbers ...int) {
		for _, n := range numbers {
			want = append(want, fmt.Sprintf("transferred %s from %s to %s", sims[n].ICCID, from.OperatorID, to.OperatorID))
		}
	}
	check := func() {
		t.Helper()
		for _, size := range []int{1, 2, 3, 5, 1000} {
			list, next := readChanges(t, db.DB, start, storage.ChangeFilter{}, size)
			if diff := cmp.Diff(want, changeTexts(list)); diff != "" {
				t.Errorf("in pages of %d (-want +got):\n%s", size, diff)
			}
			for i, e := range list {
				rest, end := readChanges(t, db.DB, e.Next(), storage.ChangeFilter{}, 1000)
				if diff := cmp.Diff(list[i+1:], rest); diff != "" || end != next {
					t.Errorf("after entry %d, up to %v (-want +got):\n%s", i, end, diff)
				}
			}
		}
	}
	add(0, 1, 4, 5, 6, 8, 9, 10)
	check()

	db.Exec(`UPDATE radius.radacct SET acctstoptime = clock_timestamp()`)
	work := workOf(db, id, transfer.WorkDropSessions)[0]
	var w storage.Work
	if err := db.InTx(t.Context(), func(tx *storage.Tx) (err error) {
		if w, err = tx.LockWork(t.Context(), work); err != nil {
			return err
		}
		if err := tx.LockSIMs(t.Context(), w, w.Items); err != nil {
			return err
		}
		_, err = tx.HandOverDropped(t.Context(), w, w.Items, nil)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	add(2, 3, 7)
	check()

	list, _ := readChanges(t, db.DB, start, storage.ChangeFilter{}, 1000)
	for _, e := range list {
		var settings storage.SIMSettings
		if err := json.Unmarshal(*e.Settings, &settings); err != nil || settings.Tags["site"] != "north" || settings.Group != nil {
			t.Errorf("%s arrived with %+v, %v", e.ICCID, settings, err)
		}
		if *e.Request != id || *e.Ticket != "T-1" || e.Batch != nil || *e.Line < 1 || sims[*e.Line-1].ICCID != e.ICCID {
			t.Errorf("%s: request %v, line %v", e.ICCID, e.Request, *e.Line)
		}
		if e.At != storagetest.One[time.Time](db, `SELECT since FROM sims WHERE iccid = $1`, e.ICCID).In(e.At.Location()) {
			t.Errorf("%s changed at %s, which is not when it was registered", e.ICCID, e.At)
		}
	}
	for account, n := range map[int64]int{from.ID: 11, to.ID: 11, db.Account().ID: 0} {
		if list, next := readChanges(t, db.DB, start, storage.ChangeFilter{Account: account}, 4); len(list) != n || next != changesNow(t, db.DB) {
			t.Errorf("account %d has %d changes up to %v, want %d", account, len(list), next, n)
		}
	}
	if list, next := readChanges(t, db.DB, storage.FirstChange(), storage.ChangeFilter{Kinds: []transfer.ChangeKind{transfer.SIMSwapped}}, 4); len(list) != 0 || next != changesNow(t, db.DB) {
		t.Errorf("there are %d swaps up to %v", len(list), next)
	}
}

// Each kind of change has its entry, in the order of the changes.
func TestKindsOfChanges(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	a, b := db.Account(), db.Account()
	db.Exec(`INSERT INTO plans VALUES ('free', false), ('metered', false)`)
	iccids := []string{"8988211000000000003", "8988211000000000011"}
	if err := db.InTx(t.Context(), func(tx *storage.Tx) error {
		_, err := tx.ImportSIMs(t.Context(), storage.System(), slices.Values([]storage.NewSIM{
			newSIM(a, iccids[0], "001010000000001", storage.SIMDetails{EID: new("89049032000000000000000000000001"), ExternalID: new("old")}),
			newSIM(a, iccids[1], "001010000000002", storage.SIMDetails{}),
		}))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	sims := storagetest.All[int64](db, `SELECT id FROM sims ORDER BY id`)
	db.Exec(`UPDATE sims SET status = 'active', plan = 'metered' WHERE id = $1`, sims[0])
	if err := db.InTx(t.Context(), func(tx *storage.Tx) error {
		ctx := t.Context()
		before, err := tx.SIMIdentifiers(ctx, sims[0])
		if err != nil {
			return err
		}
		after := before
		after.IMSIs = []string{"001010000000009"}
		return errors.Join(
			tx.RecordIdentifiersChanged(ctx, a.ID, sims[0], before, after),
			tx.RecordSwapped(ctx, a.ID, sims[0], sims[1]),
			tx.RecordOwnerCorrected(ctx, a.ID, b.ID, sims[1]))
	}); err != nil {
		t.Fatal(err)
	}
	list, _ := readChanges(t, db.DB, storage.FirstChange(), storage.ChangeFilter{}, 3)
	first, second := fmt.Sprintf("%s to %s", iccids[0], a.OperatorID), fmt.Sprintf("%s to %s", iccids[1], a.OperatorID)
	want := []string{
		"created " + first, "created " + second, "status_changed " + first, "plan_changed " + first, "identifiers_changed " + first,
		"swapped " + first, "swapped " + second, fmt.Sprintf("owner_corrected %s from %s to %s", iccids[1], a.OperatorID, b.OperatorID),
	}
	if diff := cmp.Diff(want, changeTexts(list)); diff != "" {
		t.Fatalf("entries (-want +got):\n%s", diff)
	}
	if e := list[0]; *e.EID != "89049032000000000000000000000001" || *e.ExternalID != "old" || !slices.Equal(e.IMSIs, []string{"001010000000001"}) || len(e.MSISDNs) != 0 {
		t.Errorf("the first SIM has the identifiers %+v", e)
	}
	if string(*list[2].Before) != `{"status": "ready"}` || string(*list[2].After) != `{"status": "active"}` || string(*list[3].After) != `{"plan": "metered"}` {
		t.Errorf("the status changed from %s to %s, the plan to %s", list[2].Before, list[2].After, list[3].After)
	}
	var is storage.SIMIdentifiers
	if err := json.Unmarshal(*list[4].After, &is); err != nil || !slices.Equal(is.IMSIs, []string{"001010000000009"}) || *is.ExternalID != "old" {
		t.Errorf("the identifiers are %+v, %v", is, err)
	}
	if list[5].OldCard != nil || *list[5].NewCard != iccids[1] || *list[6].OldCard != iccids[0] || list[6].NewCard != nil {
		t.Errorf("the cards of the swap: %+v, %+v", list[5], list[6])
	}
}

func newSIM(owner storage.Account, iccid, imsi string, details storage.SIMDetails) storage.NewSIM {
	return storage.NewSIM{
		ICCID: storagetest.Identifier(iccid), IMSIs: []transfer.Identifier{storagetest.Identifier(imsi)},
		Account: owner.OperatorID.Ref(), Status: transfer.Ready, Plan: "free", SIMDetails: details,
	}
}

// A change that is committed after a later one, of another SIM, is read after it,
// and nothing waits for it.
func TestChangesDoNotWaitForOpenTransactions(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	a := db.Account()
	sims := db.SIMs(2, storagetest.SIM{Account: a.ID})
	start := changesNow(t, db.DB)
	commit := db.HoldSQL(`UPDATE sims SET status = 'active' WHERE id = $1`, sims[0].ID)
	db.Exec(`UPDATE sims SET status = 'active' WHERE id = $1`, sims[1].ID)
	list, next := readChanges(t, db.DB, start, storage.ChangeFilter{}, 10)
	if len(list) != 1 || list[0].ICCID != sims[1].ICCID {
		t.Fatalf("while a change is not committed: %v", changeTexts(list))
	}
	commit()
	list, next = readChanges(t, db.DB, next, storage.ChangeFilter{}, 10)
	if len(list) != 1 || list[0].ICCID != sims[0].ICCID {
		t.Fatalf("after the commit: %v", changeTexts(list))
	}
	if ids := storagetest.All[int64](db, `SELECT id FROM changes WHERE kind = 'status_changed' ORDER BY seq`); ids[0] < ids[1] {
		t.Errorf("the first change that was read has the id %d, the second %d: the test lets no later change pass", ids[0], ids[1])
	}
	db.Exec(`UPDATE sims SET status = 'inactive' WHERE id = $1`, sims[0].ID)
	if list, _ := readChanges(t, db.DB, next, storage.ChangeFilter{}, 10); len(list) != 1 {
		t.Errorf("after the end: %v", changeTexts(list))
	}
}

// A transaction that waits for a SIM takes the id of its change after it has the
// lock, so that its change comes after that of the transaction before it.
func TestChangesOfASIMAreInOrder(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	s := db.SIM(storagetest.SIM{Account: db.Account().ID})
	start := changesNow(t, db.DB)
	commit := db.HoldSQL(`SELECT FROM sims WHERE id = $1 FOR NO KEY UPDATE`, s.ID)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if _, err := db.Pool().ExecContext(t.Context(), `
				UPDATE sims SET status = CASE status WHEN 'ready' THEN 'active' WHEN 'active' THEN 'inactive' ELSE 'standby' END WHERE id = $1`, s.ID); err != nil {
				t.Error(err)
			}
		})
	}
	db.AwaitBlocked(3)
	commit()
	wg.Wait()
	list, _ := readChanges(t, db.DB, start, storage.ChangeFilter{}, 10)
	var got []string
	for _, e := range list {
		got = append(got, string(*e.Before)+" "+string(*e.After))
	}
	want := []string{`{"status": "ready"} {"status": "active"}`, `{"status": "active"} {"status": "inactive"}`, `{"status": "inactive"} {"status": "standby"}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A sequence that hands out ids to sessions in advance would give a later change
// of a SIM a lower id.
func TestSequenceOfChangesHasNoCache(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	if n := storagetest.One[int](db, `SELECT cache_size FROM pg_sequences WHERE sequencename = 'changes_id_seq'`); n != 1 {
		t.Errorf("the sequence of changes.id has a cache of %d, want 1", n)
	}
}

// Transactions change random SIMs, several at a time, and some are rolled back.
// Readers that start anywhere, read pages of random sizes and number the rows
// themselves, all read the same entries: each row once, and every SIM's in the
// order in which it changed.
func TestChangesWithConcurrentWritersAndReaders(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	sims := db.SIMs(8, storagetest.SIM{Account: db.Account().ID})
	start := changesNow(t, db.DB)
	var writers, readers sync.WaitGroup
	var done atomic.Bool
	for range 4 {
		writers.Go(func() {
			for range 20 {
				if err := changeSomeSIMs(t.Context(), db.DB, sims); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	read := make([][]storage.ChangeEntry, 3)
	for i := range read {
		readers.Go(func() {
			next := start
			for last := false; !t.Failed(); {
				over := done.Load()
				var list []storage.ChangeEntry
				list, next = readChanges(t, db.DB, next, storage.ChangeFilter{}, 1+rand.N(100))
				read[i] = append(read[i], list...)
				if last {
					return
				}
				last = over
			}
		})
	}
	writers.Wait()
	done.Store(true)
	readers.Wait()
	if diff := cmp.Diff(read[0], read[1]); diff != "" {
		t.Errorf("two readers: %s", diff)
	}
	if diff := cmp.Diff(read[0], read[2]); diff != "" {
		t.Errorf("two readers: %s", diff)
	}
	if n := storagetest.One[int](db, `SELECT count(*) FROM changes WHERE kind = 'status_changed'`); len(read[0]) != n || n < 50 {
		t.Errorf("%d entries were read, and there are %d", len(read[0]), n)
	}
	statuses := map[string]string{}
	for _, s := range sims {
		statuses[s.ICCID] = `{"status": "ready"}`
	}
	for _, e := range read[0] {
		if string(*e.Before) != statuses[e.ICCID] {
			t.Errorf("at %d, SIM %s changes from %s, but its last entry says %s", e.Seq, e.ICCID, *e.Before, statuses[e.ICCID])
		}
		statuses[e.ICCID] = string(*e.After)
	}
	if n := storagetest.One[int](db, `SELECT count(*) FROM changes WHERE seq IS NULL`); n > 0 {
		t.Errorf("%d changes have no number", n)
	}
	var numbers struct{ Lo, Hi, N int64 }
	db.Get(&numbers, `SELECT min(seq) AS lo, max(seq) AS hi, count(*) AS n FROM changes`)
	if numbers.Lo != 1 || numbers.Hi != numbers.N {
		t.Errorf("%d changes are numbered from %d to %d", numbers.N, numbers.Lo, numbers.Hi)
	}
}

// changeSomeSIMs gives random SIMs new statuses in one transaction, which is
// rolled back one time in four.
func changeSomeSIMs(ctx context.Context, db *storage.DB, sims []storagetest.SIM) error {
	rollback := errors.New("rolled back")
	err := db.InTx(ctx, func(tx *storage.Tx) error {
		for _, s := range sims { // by ascending ids, so that there is no deadlock
			if rand.N(3) == 0 {
				continue
			}
			status := []transfer.Status{transfer.Active, transfer.Inactive, transfer.Standby}[rand.N(3)]
			if _, err := tx.UpdateSIM(ctx, storage.System(), 0, s.Identifier(), storage.SIMChange{Status: &status, StatusBy: transfer.ByAdmin}); err != nil {
				return err
			}
		}
		if rand.N(4) == 0 {
			return rollback
		}
		return nil
	})
	if errors.Is(err, rollback) {
		return nil
	}
	return err
}

// An instant leads to a position before every change from then on, also to those
// that are committed late.
func TestChangesSince(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	sims := db.SIMs(3, storagetest.SIM{Account: db.Account().ID})
	clock := func() time.Time { return storagetest.One[time.Time](db, `SELECT clock_timestamp()`) }
	set := func(s storagetest.SIM) { db.Exec(`UPDATE sims SET status = 'active' WHERE id = $1`, s.ID) }
	begin := clock()
	set(sims[0])
	changesNow(t, db.DB)
	middle := clock()
	commit := db.HoldSQL(`UPDATE sims SET status = 'active' WHERE id = $1`, sims[1].ID)
	set(sims[2])
	changesNow(t, db.DB)
	commit()
	for _, c := range []struct {
		since time.Time
		want  []storagetest.SIM
	}{{begin, []storagetest.SIM{sims[0], sims[2], sims[1]}}, {middle, []storagetest.SIM{sims[2], sims[1]}}} {
		at, err := db.ChangesSince(t.Context(), c.since)
		if err != nil {
			t.Fatal(err)
		}
		list, _ := readChanges(t, db.DB, at, storage.ChangeFilter{Kinds: []transfer.ChangeKind{transfer.SIMStatusChanged}}, 10)
		got := []string{}
		for _, e := range list {
			got = append(got, e.ICCID)
		}
		want := []string{}
		for _, s := range c.want {
			want = append(want, s.ICCID)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("since %s (-want +got):\n%s", c.since, diff)
		}
	}
	if at, err := db.ChangesSince(t.Context(), clock()); err != nil || at != changesNow(t, db.DB) {
		t.Errorf("since now: %v, %v", at, err)
	}
	if _, err := db.ChangesSince(t.Context(), clock().Add(time.Hour)); !errors.Is(err, storage.ErrFuture) {
		t.Errorf("since an hour from now: %v", err)
	}
	for _, at := range []storage.ChangeCursor{{Seq: changesNow(t, db.DB).Seq, Position: 1}, {Seq: changesNow(t, db.DB).Seq + 1}} {
		if _, err := db.PlanChanges(t.Context(), at, storage.ChangeFilter{}, 1); !errors.Is(err, storage.ErrNoSuchChange) {
			t.Errorf("from %v on: %v", at, err)
		}
	}
	for _, text := range []string{"", "1", "0-0", "-1-0", "1--1", "1-0 ", "01-0", "1-0x", "9223372036854775808-0", "1-2147483648"} {
		if c, err := storage.ParseChangeCursor(text); err == nil {
			t.Errorf("%q is the position %v", text, c)
		}
	}
}

package storage_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/lib/pq"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
)

type reply struct{ Text string }

func TestOnceStoresTheAnswerWithItsEffects(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	idem := &storage.Idempotency{Scope: "a", Key: "k", Fingerprint: []byte("f")}
	runs := 0
	call := func(fail error) (reply, bool, error) {
		out := reply{"what was there before"}
		replayed, err := db.Once(t.Context(), idem, &out, func(tx *storage.Tx) error {
			runs++
			if out.Text != "" {
				t.Errorf("the answer begins as %q", out.Text)
			}
			out.Text = "made"
			if _, _, err := tx.CreateKey(t.Context(), storage.NewKey{Role: storage.RoleAdmin, Name: "once"}); err != nil {
				return err
			}
			return fail
		})
		return out, replayed, err
	}
	refusal := errors.New("refused")
	if _, _, err := call(refusal); !errors.Is(err, refusal) {
		t.Fatal(err)
	}
	for i, wantReplayed := range []bool{false, true, true} {
		out, replayed, err := call(nil)
		if err != nil || replayed != wantReplayed || out.Text != "made" {
			t.Errorf("call %d: %+v %v %v", i, out, replayed, err)
		}
	}
	if n := storagetest.One[int](db, `SELECT count(*) FROM api_keys`); n != 1 || runs != 2 {
		t.Errorf("%d keys after %d runs", n, runs)
	}
	if found, err := db.Recall(t.Context(), idem, &reply{}); err != nil || !found {
		t.Errorf("recalled: %v %v", found, err)
	}
	other := *idem
	other.Fingerprint = []byte("g")
	if _, err := db.Once(t.Context(), &other, &reply{}, nil); !errors.Is(err, storage.ErrKeyReused) {
		t.Errorf("another call: %v", err)
	}
	other.Scope = "b"
	if found, err := db.Recall(t.Context(), &other, &reply{}); err != nil || found {
		t.Errorf("another caller's key: %v %v", found, err)
	}
}

func TestSealedAnswerNeedsItsKey(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	seal := bytes.Repeat([]byte{1}, 32)
	idem := &storage.Idempotency{Scope: "a", Key: "k", Fingerprint: []byte("f"), Seal: seal}
	out := reply{}
	if _, err := db.Once(t.Context(), idem, &out, func(*storage.Tx) error { out.Text = "secret"; return nil }); err != nil {
		t.Fatal(err)
	}
	if stored := storagetest.One[string](db, `SELECT answer FROM idempotency`); bytes.Contains([]byte(stored), []byte("secret")) {
		t.Errorf("stored %s", stored)
	}
	out = reply{}
	if found, err := db.Recall(t.Context(), idem, &out); err != nil || !found || out.Text != "secret" {
		t.Errorf("%+v %v %v", out, found, err)
	}
	wrong := *idem
	wrong.Seal = bytes.Repeat([]byte{2}, 32)
	if _, err := db.Recall(t.Context(), &wrong, &out); !errors.Is(err, storage.ErrSealed) {
		t.Errorf("with another key: %v", err)
	}
}

func TestOnceRetriesConflicts(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	for _, test := range []struct {
		err  error
		runs int
	}{
		{&pq.Error{Code: "40P01"}, 3}, // deadlock
		{&pq.Error{Code: "40001"}, 3}, // serialization
		{&pq.Error{Code: "55P03"}, 3}, // lock time-out
		{&pq.Error{Code: "23505"}, 1},
		{&pq.Error{Code: "57014"}, 1},
		{errors.New("refused"), 1},
	} {
		runs, out := 0, reply{}
		_, err := db.Once(t.Context(), nil, &out, func(*storage.Tx) error {
			out.Text += "."
			if runs++; runs < 3 {
				return test.err
			}
			return nil
		})
		if runs != test.runs || (err == nil) != (runs == 3) || err == nil && out.Text != "." {
			t.Errorf("%v: %d runs, then %v, answer %q", test.err, runs, err, out.Text)
		}
	}
	runs := 0
	err := db.InRetriedTx(t.Context(), func(*storage.Tx) error { runs++; return &pq.Error{Code: "40P01"} })
	if !storage.IsBusy(err) || runs < 2 || runs > 10 {
		t.Errorf("%d runs, then %v", runs, err)
	}
}

func TestPurgeIdempotencyDeletesOldAnswers(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Exec(`
		INSERT INTO idempotency (scope, key, fingerprint, answer, created_at)
		SELECT 'a', n::text, '', '{}', clock_timestamp() - n * interval '1 hour' FROM generate_series(1, 30) AS n`)
	for _, want := range []int{5, 2, 0} {
		if n, err := db.PurgeIdempotency(t.Context(), 5); err != nil || n != want {
			t.Errorf("purged %d, not %d: %v", n, want, err)
		}
	}
	if n := storagetest.One[int](db, `SELECT count(*) FROM idempotency`); n != 23 {
		t.Errorf("%d are left", n)
	}
}

// A call gets ErrStillRunning while the first call with its key is running; it
// neither waits nor runs.
func TestOnceDoesNotWait(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	other := db.Connect(storage.Options{})
	idem := &storage.Idempotency{Scope: "a", Key: "k", Fingerprint: []byte("f")}
	out := reply{}
	replayed, err := db.Once(t.Context(), idem, &out, func(*storage.Tx) error {
		_, err := other.Once(t.Context(), idem, &reply{}, func(*storage.Tx) error {
			t.Error("the second call runs at the same time as the first")
			return nil
		})
		if !errors.Is(err, storage.ErrStillRunning) {
			t.Errorf("the second call: %v", err)
		}
		// The keys of others do not matter.
		for _, free := range []storage.Idempotency{{Scope: "b", Key: "k", Fingerprint: []byte("f")}, {Scope: "a", Key: "l", Fingerprint: []byte("f")}} {
			if _, err := other.Once(t.Context(), &free, &reply{}, func(*storage.Tx) error { return nil }); err != nil {
				t.Errorf("with scope %s and key %s: %v", free.Scope, free.Key, err)
			}
		}
		out.Text = "made"
		return nil
	})
	if err != nil || replayed {
		t.Errorf("the first call: %v %v", replayed, err)
	}
	again := reply{}
	if replayed, err := other.Once(t.Context(), idem, &again, nil); err != nil || !replayed || again != out {
		t.Errorf("after it: %+v %v %v", again, replayed, err)
	}
}

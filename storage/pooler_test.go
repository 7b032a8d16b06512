package storage_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/lib/pq"

	"simtransfer/storage"
	"simtransfer/storage/poolertest"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// supportsPrepared reports whether PgBouncer has max_prepared_statements.
func supportsPrepared(t *testing.T) bool {
	t.Helper()
	program, err := poolertest.FindPgBouncer()
	if err != nil {
		t.Fatal("PgBouncer is not installed: run deployments/setup.sh pgbouncer")
	}
	text, err := exec.CommandContext(t.Context(), program, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	var major, minor int
	if _, err := fmt.Sscanf(string(text), "PgBouncer %d.%d", &major, &minor); err != nil {
		t.Fatal(err)
	}
	return major > 1 || minor >= 21
}

// setTimeouts gives the role the time-outs, as docs/operations.md asks for.
func setTimeouts(t *testing.T, dsn string) {
	t.Helper()
	db, err := storage.Open(t.Context(), dsn, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for name, value := range map[string]string{"idle_in_transaction_session_timeout": "5s", "lock_timeout": "2s", "statement_timeout": "50s"} {
		if _, err := db.Pool().ExecContext(t.Context(), fmt.Sprintf("ALTER ROLE CURRENT_USER SET %s = '%s'", name, value)); err != nil {
			t.Fatal(err)
		}
	}
}

// Through a pooler, several clients with a mixed load get the right answers,
// and each its own, whatever the pooler does with prepared statements.
func TestPooler(t *testing.T) {
	t.Parallel()
	_, dsn := poolertest.TrustingServers(t)
	setTimeouts(t, dsn)
	modes := []map[string]string{{"pool_mode": "transaction"}, {"pool_mode": "session", "default_pool_size": "60"}}
	if supportsPrepared(t) {
		modes = []map[string]string{
			{"pool_mode": "transaction", "max_prepared_statements": "0"},
			{"pool_mode": "transaction", "max_prepared_statements": "100"},
			{"pool_mode": "session", "max_prepared_statements": "0", "default_pool_size": "60"},
			{"pool_mode": "session", "max_prepared_statements": "100", "default_pool_size": "60"},
		}
	}
	for _, mode := range modes {
		t.Run(fmt.Sprint(mode), func(t *testing.T) {
			t.Parallel()
			through := poolertest.Start(t, dsn, mode)
			var clients sync.WaitGroup
			for range 3 {
				db, err := storage.Open(t.Context(), through, storage.Options{MaxConns: 6, GenericPlans: true})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = db.Close() }()
				for range 4 {
					clients.Go(func() {
						for range 25 {
							if err := errors.Join(askForTypes(t.Context(), db), askForAccounts(t.Context(), db)); err != nil {
								t.Error(err)
								return
							}
						}
					})
				}
			}
			clients.Wait()
		})
	}
}

// askForTypes sends a value of each type that a statement has as a parameter,
// and compares the answer.
func askForTypes(ctx context.Context, db *storage.DB) error {
	type row struct {
		Int      int64           `db:"int"`
		Text     string          `db:"text"`
		UUID     uuid.UUID       `db:"uuid"`
		Numbers  pq.Int64Array   `db:"numbers"`
		Texts    pq.StringArray  `db:"texts"`
		JSON     json.RawMessage `db:"json"`
		Bytes    []byte          `db:"bytes"`
		At       time.Time       `db:"at"`
		Seconds  float64         `db:"seconds"`
		Yes      bool            `db:"yes"`
		Null     *string         `db:"none"`
		Tx       string          `db:"tx"`
		Snapshot string          `db:"snapshot"`
	}
	n := rand.Int64N(1 << 40)
	want := row{
		Int: n, Text: fmt.Sprintf("text %d with ' and \\ and ü", n), UUID: uuid.New(), Numbers: pq.Int64Array{n, n + 1},
		Texts: pq.StringArray{"a", fmt.Sprint(n), `"{,}\`}, JSON: json.RawMessage(fmt.Sprintf(`{"n": %d}`, n)), Bytes: []byte{0, 1, 0xff, byte(n)},
		At: time.Unix(n/1000, 123000).UTC(), Seconds: float64(n%1e6) + 0.5, Yes: n%2 == 0, Tx: fmt.Sprint(n), Snapshot: "10:20:10,14,15",
	}
	// The comment makes some of the texts differ: a statement of another client
	// would have another.
	query := fmt.Sprintf(`
		SELECT $1::bigint AS int, $2::text AS text, $3::uuid AS uuid, $4::bigint[] AS numbers, $5::text[] AS texts, $6::jsonb AS json,
			$7::bytea AS bytes, $8::timestamptz AS at, extract(epoch FROM make_interval(secs => $9))::float8 AS seconds, $10::boolean AS yes,
			$11::text AS none, $12::xid8::text AS tx, $13::pg_snapshot::text AS snapshot -- %d`, n%5)
	var got row
	if err := db.Pool().GetContext(ctx, &got, query, want.Int, want.Text, want.UUID, want.Numbers, want.Texts, string(want.JSON),
		want.Bytes, want.At, want.Seconds, want.Yes, want.Null, want.Tx, want.Snapshot); err != nil {
		return fmt.Errorf("types: %w", err)
	}
	got.At = got.At.UTC()
	if diff := cmp.Diff(want, got); diff != "" {
		return fmt.Errorf("types (-want +got):\n%s", diff)
	}
	return nil
}

// askForAccounts runs statements of the service: with and without parameters,
// prepared and not, in transactions and without, and COPY.
func askForAccounts(ctx context.Context, db *storage.DB) error {
	made := [2]storage.Account{}
	for i := range made {
		n := rand.Int64N(1e10)
		err := db.InTx(ctx, func(tx *storage.Tx) (err error) {
			made[i], err = tx.CreateAccount(ctx, storage.System(), storage.Account{
				OperatorID: transfer.OperatorID(fmt.Sprintf("OP%010d", n)), Email: fmt.Sprintf("a%d@operator.example", n), Currency: "EUR", Coverage: "global",
			})
			if err != nil {
				return err
			}
			found, err := tx.Account(ctx, made[i].OperatorID.Ref())
			if err == nil && found.ID != made[i].ID {
				return fmt.Errorf("account %d was read instead of %d", found.ID, made[i].ID)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("creating an account: %w", err)
		}
	}
	size := []int{1, 3, 1001}[rand.IntN(3)]
	request, err := db.CreateRequest(ctx, storage.NewRequest{
		Source: made[0], Destination: made[1], Acceptance: time.Hour, Review: time.Hour, By: storage.Actor{Party: transfer.PartySource}, Size: size,
		SIMs: func(yield func(int, transfer.Identifier) bool) {
			for n := range size {
				if !yield(n+1, storagetest.Identifier(fmt.Sprintf("89880000000%08d", n))) {
					return
				}
			}
		},
	})
	if err != nil {
		return fmt.Errorf("creating a request: %w", err)
	}
	for range 3 {
		found, err := db.Request(ctx, request.ID)
		if err != nil {
			return fmt.Errorf("reading a request: %w", err)
		}
		if diff := cmp.Diff(request, found, ignoreReadAt()); diff != "" {
			return fmt.Errorf("a request (-created +read):\n%s", diff)
		}
	}
	list, err := db.Transfers(ctx, request.ID, storage.TransferFilter{After: -1, Limit: 10})
	if err != nil || len(list) != min(size, 10) {
		return fmt.Errorf("%d transfers were read, %w", len(list), err)
	}
	return nil
}

// Several migrations at once through a pooler of transactions all succeed, and
// leave no lock behind.
func TestMigrateThroughPooler(t *testing.T) {
	t.Parallel()
	s, dsn := poolertest.TrustingServers(t)
	if err := s.CreateDatabase(t.Context(), "empty", ""); err != nil {
		t.Fatal(err)
	}
	setTimeouts(t, dsn)
	through := poolertest.Start(t, s.DatabaseURL("empty"), map[string]string{"pool_mode": "transaction", "default_pool_size": "8"})
	var ended []<-chan error
	for range 3 {
		ended = append(ended, storagetest.Go(func() error { return storage.Migrate(t.Context(), through) }))
	}
	for _, e := range ended {
		if err := <-e; err != nil {
			t.Error(err)
		}
	}
	db, err := storage.Open(t.Context(), through, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.CheckSchema(t.Context()); err != nil {
		t.Error(err)
	}
	var locks int
	if err := db.Pool().GetContext(t.Context(), &locks, `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'`); err != nil || locks != 0 {
		t.Errorf("%d locks are left, %v", locks, err)
	}
}

// A pooler with which the service could not keep its promises is refused, with
// what to set.
func TestUnsafePooler(t *testing.T) {
	t.Parallel()
	_, dsn := poolertest.TrustingServers(t)
	for _, c := range []struct {
		settings map[string]string
		timeouts bool
		says     string
	}{
		{map[string]string{"pool_mode": "transaction"}, false, "ALTER ROLE"},
		{map[string]string{"pool_mode": "session"}, false, "ALTER ROLE"},
		{map[string]string{"pool_mode": "statement"}, true, "pool_mode"},
		{map[string]string{"pool_mode": "transaction", "ignore_startup_parameters": "lock_timeout"}, true, "ignore_startup_parameters"},
	} {
		if c.timeouts {
			setTimeouts(t, dsn)
		}
		db, err := storage.Open(t.Context(), poolertest.Start(t, dsn, c.settings), storage.Options{})
		if err == nil {
			_ = db.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v, want an error about %s", c.settings, err, c.says)
		}
	}
}

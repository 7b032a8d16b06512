package storage_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"simtransfer/dev/servers/serverstest"
	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// Every connection gets the time-outs that the protocol relies on, whatever the
// form of the connection string. Values in the string take precedence.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	byURL := serverstest.DatabaseURL(t)
	u, err := url.Parse(byURL)
	if err != nil {
		t.Fatal(err)
	}
	keywords := "user=" + u.User.Username() + " dbname=" + strings.TrimPrefix(u.Path, "/")
	for name, values := range u.Query() {
		keywords += " " + name + "=" + values[0]
	}
	type timeouts struct{ Idle, Lock, Statement, TCP, Zone string }
	standard := timeouts{"5s", "2s", "50s", "15013", "UTC"}
	for _, c := range []struct {
		name, dsn string
		o         storage.Options
		want      timeouts
	}{
		{"by URL", byURL, storage.Options{}, standard},
		{"by keywords", keywords, storage.Options{}, standard},
		{"by options", byURL, storage.Options{StatementTimeout: 7e9}, timeouts{"5s", "2s", "7s", "15013", "UTC"}},
		{"by the URL itself", byURL + "&lock_timeout=300&statement_timeout=4s", storage.Options{}, timeouts{"5s", "300ms", "4s", "15013", "UTC"}},
		{"by the keywords themselves", keywords + " lock_timeout=300 TimeZone=Asia/Tokyo", storage.Options{}, timeouts{"5s", "300ms", "50s", "15013", "Asia/Tokyo"}},
	} {
		db, err := storage.Open(t.Context(), c.dsn, c.o)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var got timeouts
		if err := db.Pool().GetContext(t.Context(), &got, `
			SELECT
				current_setting('idle_in_transaction_session_timeout') AS idle,
				current_setting('lock_timeout') AS lock,
				current_setting('statement_timeout') AS statement,
				-- what was asked for: a Unix socket has none
				(SELECT reset_val FROM pg_settings WHERE name = 'tcp_user_timeout') AS tcp,
				current_setting('TimeZone') AS zone`); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		_ = db.Close()
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{
		"postgres://%zz", "postgres://127.0.0.1:1/nothing?sslmode=disable", "host=127.0.0.1 port=1",
		"postgres://u:hush#hush@127.0.0.1:1/nothing", "host=127.0.0.1 port=1 password=secret hush",
	} {
		db, err := storage.Open(t.Context(), dsn, storage.Options{})
		if err == nil {
			_ = db.Close()
			t.Errorf("%s was opened", dsn)
		} else if strings.Contains(err.Error(), "hush") {
			t.Errorf("the error contains a password: %v", err)
		}
	}
}

// A process that is stopped in the middle of a transaction loses its locks. When
// it continues, its writes fail with a transient error.
func TestProcessStoppedInTransaction(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	from, to := db.Account(), db.Account()
	id := db.Request(storagetest.Request{From: from, To: to, SIMs: db.SIMs(2, storagetest.SIM{Account: from.ID})})
	work := workOf(db, id, transfer.WorkValidate)[0]
	frozen, err := storage.Open(t.Context(), db.URL+"&idle_in_transaction_session_timeout=1500", storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = frozen.Close() }()
	err = carryOut(t.Context(), frozen, work, func(ctx context.Context, tx *storage.Tx, w storage.Work) error {
		claims, err := tx.Claim(ctx, w)
		if err != nil {
			return err
		}
		// While this worker is stopped, another one does the work.
		if err := carryOut(ctx, db.DB, work, validateChunk); err != nil {
			t.Errorf("the other worker: %v", err)
		}
		c, err := tx.Judge(ctx, w, claims)
		if err != nil {
			return err
		}
		return tx.CloseValidation(ctx, w, c)
	})
	if err == nil || !storage.IsTransient(err) {
		t.Errorf("the stopped worker: %v, want a transient error", err)
	}
	if r := db.Find(id); r.State != transfer.AwaitingAcceptance || r.Eligible != 2 {
		t.Errorf("the request: %+v", r)
	}
	db.Check()
}

func TestInTx(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	from, to := db.Account(), db.Account()
	was := db.Dump()
	broken := errors.New("broken")
	create := func(ctx context.Context, tx *storage.Tx) error {
		_, err := tx.CreateRequest(ctx, storage.NewRequest{
			Source: from, Destination: to, Acceptance: 24 * time.Hour, Review: 7 * 24 * time.Hour,
			By: storage.Actor{Party: transfer.PartySource}, Size: 1,
			SIMs: storagetest.Lines("8988000000000000001"),
		})
		return err
	}
	err := db.InTx(t.Context(), func(tx *storage.Tx) error { return errors.Join(create(t.Context(), tx), broken) })
	if !errors.Is(err, broken) {
		t.Errorf("error %v, want the function's", err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = db.InTx(t.Context(), func(tx *storage.Tx) error {
			_ = create(t.Context(), tx)
			panic("broken")
		})
	}()
	ctx, cancel := context.WithCancel(t.Context())
	err = db.InTx(ctx, func(tx *storage.Tx) error {
		defer cancel()
		return create(ctx, tx)
	})
	if !storage.IsTransient(err) {
		t.Errorf("canceled before the commit: %v, want a transient error", err)
	}
	db.Unchanged(was)
}

// A transaction needs only one connection: with a pool of one, all work succeeds,
// both the first time and when its statements are prepared.
func TestOneConnection(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	from, to := db.Account(), db.Account()
	single := db.Connect(storage.Options{MaxConns: 1})
	for range 3 {
		id := db.Request(storagetest.Request{From: from, To: to, SIMs: db.SIMs(2, storagetest.SIM{Account: from.ID})})
		for _, s := range []struct {
			kind transfer.WorkKind
			do   step
		}{{transfer.WorkValidate, validateChunk}, {transfer.WorkExecute, executeChunk}} {
			for _, work := range workOf(db, id, s.kind) {
				if err := carryOut(t.Context(), single, work, s.do); err != nil {
					t.Error(err)
				}
			}
			if s.kind == transfer.WorkValidate {
				db.Decide(id, transfer.Accept)
			}
		}
		if r := db.Find(id); r.Completed != 2 {
			t.Errorf("the request: %+v", r)
		}
	}
	db.Check()
}

// Migrations can be run again, and by several processes at once. The error for a
// database without them says what to do.
func TestMigrate(t *testing.T) {
	t.Parallel()
	dsn := serverstest.EmptyDatabaseURL(t)
	db, err := storage.Open(t.Context(), dsn, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.CheckSchema(t.Context()); err == nil || !strings.Contains(err.Error(), "simtransfer migrate") {
		t.Errorf("an empty database: %v", err)
	}
	var ended []<-chan error
	for range 3 {
		ended = append(ended, storagetest.Go(func() error { return storage.Migrate(t.Context(), dsn) }))
	}
	for _, e := range ended {
		if err := <-e; err != nil {
			t.Error(err)
		}
	}
	if err := db.CheckSchema(t.Context()); err != nil {
		t.Errorf("a migrated database: %v", err)
	}
	if err := storage.Migrate(t.Context(), dsn); err != nil {
		t.Errorf("migrating again: %v", err)
	}
}

// ignoreReadAt leaves out of comparisons of requests when they were read.
func ignoreReadAt() cmp.Option { return cmpopts.IgnoreFields(storage.Request{}, "ReadAt") }

// Creating a request returns the request as it is stored, for every size, in a
// transaction and without.
func TestCreateRequestReturnsStoredRequest(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	from, to := db.Account(), db.Account()
	type create func(context.Context, storage.NewRequest) (storage.Request, error)
	inTx := func(ctx context.Context, r storage.NewRequest) (made storage.Request, err error) {
		err = db.InTx(ctx, func(tx *storage.Tx) error {
			made, err = tx.CreateRequest(ctx, r)
			return err
		})
		return made, err
	}
	var batch uuid.UUID
	if err := db.InTx(t.Context(), func(tx *storage.Tx) (err error) {
		batch, err = tx.CreateBatch(t.Context(), from.ID, 1, storage.Words{})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for i, create := range []create{db.CreateRequest, inTx} {
		for _, size := range []int{1, 1000, 1001, 2500} {
			r := storage.NewRequest{
				Source: from, Destination: to, SelfServiceOnly: size == 1, Acceptance: time.Hour, Review: time.Minute,
				By: storage.Actor{Party: transfer.PartySource, Address: "192.0.2.1"}, Size: size,
				SIMs: func(yield func(int, transfer.Identifier) bool) {
					for n := range size {
						if !yield(n+1, storagetest.Identifier(fmt.Sprintf("89880000000%08d", n))) {
							return
						}
					}
				},
			}
			if size == 2500 {
				r.Batch = &batch
			}
			made, err := create(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(db.Find(made.ID), made, ignoreReadAt()); diff != "" {
				t.Errorf("%d: size %d (-stored +answered):\n%s", i, size, diff)
			}
			for table, want := range map[string]int{
				"transfers WHERE request = $1 AND state = 'pending'":                        size,
				"work WHERE request = $1 AND kind = 'validate'":                             (size + 999) / 1000,
				"events WHERE request = $1 AND seq = 1 AND kind = 'create'":                 1,
				"transfers WHERE request = $1 AND line = n + 1 AND n < " + fmt.Sprint(size): size,
			} {
				if n := storagetest.One[int](db, `SELECT count(*) FROM `+table, made.ID); n != want {
					t.Errorf("%d: size %d: %d %s, want %d", i, size, n, table, want)
				}
			}
		}
	}
	db.Check()
}

// If the connection is lost after the commit, the request is neither created
// twice nor lost: the pool sends the statement again, and the first request is
// returned.
func TestCreateRequestOverLostConnection(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	from, to := db.Account(), db.Account()
	through, lose := lossy(t, db.URL)
	pool, err := storage.Open(t.Context(), through, storage.Options{MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pool.Close() }()
	create := func(identifier string) (storage.Request, error) {
		return pool.CreateRequest(t.Context(), storage.NewRequest{
			Source: from, Destination: to, Acceptance: time.Hour, Review: time.Hour, By: storage.Actor{Party: transfer.PartySource}, Size: 1,
			SIMs: storagetest.Lines(identifier),
		})
	}
	if _, err := create("8988000000000000001"); err != nil { // the statement is prepared from now on
		t.Fatal(err)
	}
	lose.Store(true)
	made, err := create("8988000000000000002")
	if err != nil {
		t.Fatal(err)
	}
	if lose.Load() {
		t.Fatal("no answer was lost")
	}
	if diff := cmp.Diff(db.Find(made.ID), made, ignoreReadAt()); diff != "" {
		t.Errorf("(-stored +answered):\n%s", diff)
	}
	if n := storagetest.One[int](db, `SELECT count(*) FROM requests`); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

// A transaction whose connection is lost before its commit is run again. If it
// is lost during the commit, its outcome is unknown, and it is not.
func TestRetriedTxOverLostConnection(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	through, lose := lossy(t, db.URL)
	pool, err := storage.Open(t.Context(), through, storage.Options{MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pool.Close() }()
	runs := 0
	if err := pool.InRetriedTx(t.Context(), func(tx *storage.Tx) error {
		runs++
		lose.Store(runs == 1)
		return tx.AllowLong(t.Context(), time.Minute)
	}); err != nil || runs != 2 {
		t.Errorf("lost before the commit: %d runs, %v", runs, err)
	}
	runs = 0
	err = pool.InRetriedTx(t.Context(), func(tx *storage.Tx) error {
		runs++
		err := tx.AllowLong(t.Context(), time.Minute)
		lose.Store(true)
		return err
	})
	if !storage.IsTransient(err) || runs != 1 {
		t.Errorf("lost during the commit: %d runs, %v", runs, err)
	}
}

// lossy is a proxy for a database server. When lose is set, it closes the
// connection instead of forwarding the next answer.
func lossy(t *testing.T, dsn string) (through string, lose *atomic.Bool) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	name := "/.s.PGSQL." + q.Get("port")
	server := q.Get("host") + name
	dir, err := os.MkdirTemp("", "lossy") //nolint:usetesting // a socket's path has to be short, and the test's name is in its folder's
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", dir+name)
	if err != nil {
		t.Fatal(err)
	}
	lose = &atomic.Bool{}
	var running sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			upstream, err := (&net.Dialer{}).Dial("unix", server)
			if err != nil {
				_ = client.Close()
				continue
			}
			running.Go(func() {
				_, _ = io.Copy(upstream, client)
				_ = upstream.Close()
			})
			running.Go(func() {
				defer func() { _ = client.Close() }()
				for buffer := make([]byte, 1<<16); ; {
					n, err := upstream.Read(buffer)
					if err != nil || lose.CompareAndSwap(true, false) {
						return
					}
					if _, err := client.Write(buffer[:n]); err != nil {
						return
					}
				}
			})
		}
	})
	q.Set("host", dir)
	u.RawQuery = q.Encode()
	return u.String(), lose
}

package freeradius_test

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"simtransfer/storage/poolertest"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// FreeRADIUS writes its accounting through PgBouncer, and many sessions at once do
// not get mixed up, although there are fewer connections than threads.
func TestThroughPgBouncer(t *testing.T) {
	t.Parallel()
	_, dsn := poolertest.TrustingServers(t)
	s := start(t, configuration{
		shipped: true,
		db:      storagetest.OpenAt(t, dsn),
		connection: func(role string) string {
			u, err := url.Parse(dsn)
			if err != nil {
				t.Fatal(err)
			}
			u.User = url.User(role)
			return poolertest.Start(t, u.String(), map[string]string{"pool_mode": "transaction"}) + " target_session_attrs=read-write"
		},
	})
	sims := s.sims(30, transfer.Ready)
	var senders sync.WaitGroup
	for _, sim := range sims {
		s.db.Exec(`INSERT INTO radius.radcheck (username, attribute, op, value) VALUES ($1, 'Auth-Type', ':=', 'Accept')`, sim.IMSI)
		senders.Go(func() {
			class := s.admit(sim.IMSI)
			for _, r := range []record{{kind: begin}, {kind: update, lasted: time.Second}} {
				r.id, r.user, r.number, r.class = "id+"+sim.IMSI, sim.IMSI, "+"+sim.MSISDN, class
				s.account(r)
			}
		})
	}
	senders.Wait()
	for _, sim := range sims {
		if got := s.asked(sim); got.AcctSessionID != "id+"+sim.IMSI || got.Username != sim.IMSI || got.CallingStationID != "+"+sim.MSISDN {
			t.Errorf("the session of SIM %s is stored as %+v", sim.IMSI, got)
		}
		want := storagetest.One[bool](s.db, `
			SELECT radius.class_since(a.class) = s.since FROM radius.radacct a JOIN sims s ON s.id = a.sim WHERE s.id = $1`, sim.ID)
		if !want {
			t.Errorf("the Class of the session of SIM %s is not that of its registration", sim.IMSI)
		}
	}
	s.db.Check()
}

// After a switchover to another server of the same name, the former primary may continue to answer, and
// refuse every record. The shipped module replaces its connections, and the records
// that were refused arrive at the new primary.
func TestFormerPrimaryAnswers(t *testing.T) {
	t.Parallel()
	former, current := trustedDB(t), trustedDB(t)
	name := &serverName{t: t, target: former.socket}
	s := start(t, configuration{
		shipped:    true,
		db:         former.DB,
		connection: func(role string) string { return name.listen(role) },
		edit: func(module string) string {
			const lifetime = "lifetime = 60\n"
			if !strings.Contains(module, lifetime) {
				t.Fatal("the shipped module does not have " + lifetime)
			}
			module = strings.Replace(module, lifetime, "lifetime = 1\n", 1) // so that the test does not take a minute
			// A pool of one connection: others would be opened under load, by chance.
			return regexp.MustCompile(`\$\{thread\[pool\]\.\w+\}`).ReplaceAllString(module, "1")
		},
	})
	sim := s.sims(1, transfer.Ready)[0]
	s.account(record{kind: begin, id: "before", user: sim.IMSI})

	on := &freeRADIUS{db: current.DB, role: s.role, t: t}
	on.createRole()
	name.moveTo(current.socket)
	s.db.Exec(`REVOKE INSERT, UPDATE ON radius.radacct FROM ` + s.role) // as a standby refuses changes
	s.db.Exec(`REVOKE EXECUTE ON FUNCTION radius.start_session FROM ` + s.role)
	s.account(record{kind: begin, id: "after", user: sim.IMSI})
	for db, want := range map[*storagetest.DB]string{former.DB: "before", current.DB: "after"} {
		if got := storagetest.All[string](db, `SELECT acctsessionid FROM radius.radacct`); len(got) != 1 || got[0] != want {
			t.Errorf("sessions %q are stored, want %q", got, want)
		}
	}
}

// trusted is a database to which every user of this machine may connect.
type trusted struct {
	*storagetest.DB
	socket string
}

func trustedDB(t *testing.T) trusted {
	t.Helper()
	_, dsn := poolertest.TrustingServers(t)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	port := u.Query().Get("port")
	if port == "" {
		port = "5432"
	}
	return trusted{storagetest.OpenAt(t, dsn), filepath.Join(u.Query().Get("host"), ".s.PGSQL."+port)}
}

// serverName stands for a name that leads to one server, and later to another.
// Connections stay where they are.
type serverName struct {
	t      testing.TB
	mu     sync.Mutex
	target string // the socket of the server
}

func (n *serverName) moveTo(target string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.target = target
}

func (n *serverName) current() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.target
}

// listen returns a connection string of the name.
func (n *serverName) listen(role string) string {
	n.t.Helper()
	dir, err := os.MkdirTemp("", "name") // t.TempDir is too long for the path of a socket
	if err != nil {
		n.t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(n.t.Context(), "unix", filepath.Join(dir, ".s.PGSQL.5432"))
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		_ = l.Close()
		_ = os.RemoveAll(dir)
	})
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go n.serve(client)
		}
	}()
	return fmt.Sprintf("host=%s port=5432 dbname=pooled user=%s target_session_attrs=read-write", dir, role)
}

func (n *serverName) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := (&net.Dialer{}).DialContext(n.t.Context(), "unix", n.current())
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	_, _ = io.Copy(client, server)
}

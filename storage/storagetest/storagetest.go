// Package storagetest gives each test its own database, with methods to fill it,
// to run its work and to read it. Every method fails the test on an error.
package storagetest

import (
	"fmt"
	"iter"
	"net/netip"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"simtransfer/dev/servers/serverstest"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// DB is the database of a test, with the current schema.
type DB struct {
	*storage.DB
	URL string

	t      testing.TB
	serial atomic.Int64 // numbers accounts, SIMs, gateways and sessions in their names
}

// Open creates an empty database, which is closed when the test ends. Its
// connections have longer time-outs for locks and idle transactions than those
// of a process, so that tests do not fail on a busy machine.
func Open(t testing.TB) *DB {
	t.Helper()
	dsn := serverstest.DatabaseURL(t)
	patient, err := patientURL(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return &DB{DB: connect(t, patient, storage.Options{MaxConns: 16}), URL: dsn, t: t}
}

// OpenAt opens a database that is migrated already, such as that of
// TrustingServers. It is closed when the test ends.
func OpenAt(t testing.TB, dsn string) *DB {
	t.Helper()
	return &DB{DB: connect(t, dsn, storage.Options{MaxConns: 16}), URL: dsn, t: t}
}

func patientURL(dsn string) (string, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return "", err
	}
	q := u.Query()
	q.Set("lock_timeout", fmt.Sprint(patience.Milliseconds()))
	q.Set("idle_in_transaction_session_timeout", fmt.Sprint(patience.Milliseconds()))
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// Connect opens another connection pool with the same options as a process.
func (d *DB) Connect(o storage.Options) *storage.DB {
	d.t.Helper()
	return connect(d.t, d.URL, o)
}

func connect(t testing.TB, dsn string, o storage.Options) *storage.DB {
	t.Helper()
	db, err := storage.Open(t.Context(), dsn, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// For returns the same database for a subtest, which then fails on errors
// instead of its parent.
func (d *DB) For(t testing.TB) *DB {
	sub := &DB{DB: d.DB, URL: d.URL, t: t}
	sub.serial.Store(d.serial.Add(10_000_000)) // a range of names that d does not reach
	return sub
}

// Account creates an open account with the currency EUR and the coverage
// "global".
func (d *DB) Account() storage.Account {
	d.t.Helper()
	return d.AccountIn("EUR", "global")
}

// AccountIn creates an open account with a currency and a coverage.
func (d *DB) AccountIn(currency transfer.Currency, coverage string) storage.Account {
	d.t.Helper()
	n := d.serial.Add(1)
	var a storage.Account
	if err := d.InTx(d.t.Context(), func(tx *storage.Tx) (err error) {
		a, err = tx.CreateAccount(d.t.Context(), storage.System(), storage.Account{
			OperatorID: transfer.OperatorID(fmt.Sprintf("OP%010d", n)),
			Email:      fmt.Sprintf("transfers-%d@operator.example", n),
			Currency:   currency,
			Coverage:   coverage,
		})
		return err
	}); err != nil {
		d.t.Fatal(err)
	}
	return a
}

// Fee sets the fee for a support-assisted transfer from now on, in minor units.
func (d *DB) Fee(currency transfer.Currency, amount int64) {
	d.t.Helper()
	d.Exec(`INSERT INTO fees (method, currency, amount) VALUES ('support_assisted', $1, $2)`, currency, amount)
}

// The SIMs of BoundPlan cannot move to an account with another coverage, those
// of FreePlan can. FreePlan is the default of SIMs.
const (
	FreePlan  = "free"
	BoundPlan = "bound"
)

// SIM describes a SIM to create, or one that was created. Zero fields get unique
// values; a zero Status means ready.
type SIM struct {
	ID      int64
	Account int64
	Status  transfer.Status
	Plan    string
	Locked  bool
	ICCID   string
	IMSI    string
	MSISDN  string
}

// Identifier returns the ICCID.
func (s SIM) Identifier() transfer.Identifier { return Identifier(s.ICCID) }

// Identifier parses an identifier that a test has written; it panics if the
// text is not valid.
func Identifier(text string) transfer.Identifier {
	id, err := transfer.ParseIdentifier(text)
	if err != nil {
		panic(err)
	}
	return id
}

// Lines yields identifiers with their lines, from 1, as
// [storage.NewRequest.SIMs] does.
func Lines(identifiers ...string) iter.Seq2[int, transfer.Identifier] {
	return func(yield func(int, transfer.Identifier) bool) {
		for i, text := range identifiers {
			if !yield(i+1, Identifier(text)) {
				return
			}
		}
	}
}

// SIM creates a SIM. Each of its settings has a value that a reset changes.
func (d *DB) SIM(s SIM) SIM {
	d.t.Helper()
	return d.SIMs(1, s)[0]
}

// SIMs creates n SIMs that differ only in their identifiers, and returns them in
// the order of their ids. They were registered an hour ago.
func (d *DB) SIMs(n int, like SIM) []SIM {
	d.t.Helper()
	if like.Status == "" {
		like.Status = transfer.Ready
	}
	if like.Plan == "" {
		like.Plan = FreePlan
	}
	last := d.serial.Add(int64(n))
	list := make([]SIM, n)
	for i := range list {
		serial := last - int64(n) + 1 + int64(i)
		list[i] = like
		s := &list[i]
		setDefault(&s.ICCID, fmt.Sprintf("89880%014d", serial))
		setDefault(&s.IMSI, fmt.Sprintf("90170%010d", serial))
		setDefault(&s.MSISDN, fmt.Sprintf("8835%09d", serial))
	}
	d.insertSIMs(list)
	return list
}

func setDefault(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// Gateway creates a gateway and returns its address. Disconnect-Requests for it
// go to port 3799 of that address, unless Server sets another one.
func (d *DB) Gateway() string {
	d.t.Helper()
	n := d.serial.Add(1)
	address := fmt.Sprintf("10.%d.%d.%d", n>>16&0xff, n>>8&0xff, n&0xff)
	d.Exec(`INSERT INTO radius.nas (nasname, secret) VALUES ($1, 'shared secret')`, address)
	return address
}

// Server sets the host:port to which Disconnect-Requests for a gateway go.
func (d *DB) Server(gateway, server, secret string) {
	d.t.Helper()
	d.Exec(`UPDATE radius.nas SET server = $2, secret = $3 WHERE nasname = $1`, gateway, server, secret)
}

// Online inserts the accounting record of a data session that a SIM starts now
// at a gateway, and returns its radacctid. A ready SIM becomes active.
func (d *DB) Online(s SIM, gateway string) int64 {
	d.t.Helper()
	return d.Session(s, gateway, 0)
}

// Session is Online for a session that started some time ago and is reported
// only now.
func (d *DB) Session(s SIM, gateway string, ago time.Duration) int64 {
	d.t.Helper()
	var id int64
	d.Get(&id, SessionStart, fmt.Sprintf("session-%d", d.serial.Add(1)), s.IMSI, s.MSISDN, gateway, ago.Seconds())
	return id
}

// SessionStart is the statement that Session runs, for tests that need it in a
// transaction of their own. Its parameters are a name of the session, the IMSI,
// the MSISDN, the gateway's address and the session's age in seconds.
const SessionStart = `
	INSERT INTO radius.radacct (acctsessionid, acctuniqueid, username, callingstationid, nasipaddress, acctstarttime)
	VALUES ($1, $1, $2 || '@iot.example', $3, $4, clock_timestamp() - make_interval(secs => $5))
	RETURNING radacctid`

// Request describes a request to create. A zero Acceptance or Review means the
// default period.
type Request struct {
	From, To        storage.Account
	SIMs            []SIM    // identified by their ICCIDs
	Identifiers     []string // instead of SIMs
	SelfServiceOnly bool
	Acceptance      time.Duration
	Review          time.Duration
}

// Request creates a request, which is then validating.
func (d *DB) Request(r Request) uuid.UUID {
	d.t.Helper()
	if r.Acceptance == 0 {
		r.Acceptance = 24 * time.Hour
	}
	if r.Review == 0 {
		r.Review = 7 * 24 * time.Hour
	}
	for _, s := range r.SIMs {
		r.Identifiers = append(r.Identifiers, s.ICCID)
	}
	var made storage.Request
	err := d.InTx(d.t.Context(), func(tx *storage.Tx) (err error) {
		made, err = tx.CreateRequest(d.t.Context(), storage.NewRequest{
			Source: r.From, Destination: r.To,
			SelfServiceOnly: r.SelfServiceOnly, Acceptance: r.Acceptance, Review: r.Review,
			By:   storage.Actor{Party: transfer.PartySource},
			Size: len(r.Identifiers),
			SIMs: Lines(r.Identifiers...),
		})
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return made.ID
}

// Decide makes a decision as the party that usually makes it, and returns the
// request as it is after the decision. An approval gets a ticket.
func (d *DB) Decide(id uuid.UUID, event transfer.Event, sims ...transfer.Identifier) storage.Request {
	d.t.Helper()
	r, err := d.TryDecide(id, storage.Decision{Event: event, SIMs: sims, Ticket: "T-1"})
	if err != nil {
		d.t.Fatalf("%s: %v", event, err)
	}
	return r
}

// TryDecide is Decide for a decision that may fail. A zero By means the party
// that usually causes the event.
func (d *DB) TryDecide(id uuid.UUID, decision storage.Decision) (storage.Request, error) {
	if decision.By.Party == "" {
		decision.By.Party = UsualParty(decision.Event)
	}
	var r storage.Request
	err := d.InTx(d.t.Context(), func(tx *storage.Tx) (err error) {
		r, err = tx.Decide(d.t.Context(), id, decision)
		return err
	})
	return r, err
}

// UsualParty returns the party that usually causes an event.
func UsualParty(event transfer.Event) transfer.Party {
	switch event {
	case transfer.Cancel, transfer.Extend, transfer.TakeBack:
		return transfer.PartySource
	case transfer.Accept, transfer.Schedule, transfer.Decline:
		return transfer.PartyDestination
	case transfer.Approve, transfer.Deny:
		return transfer.PartySupport
	case transfer.Reject, transfer.Review, transfer.Offer, transfer.Start, transfer.Expire, transfer.Finish:
	}
	return transfer.PartySystem
}

// Find returns a request.
func (d *DB) Find(id uuid.UUID) storage.Request {
	d.t.Helper()
	r, err := d.DB.Request(d.t.Context(), id)
	if err != nil {
		d.t.Fatalf("reading request %s: %v", id, err)
	}
	return r
}

// TransfersOf returns the transfers of a request in the order of submission.
func (d *DB) TransfersOf(id uuid.UUID) []storage.Transfer {
	d.t.Helper()
	list, err := d.Transfers(d.t.Context(), id, storage.TransferFilter{After: -1, Limit: transfer.MaxBatchRows, Snapshots: true})
	if err != nil {
		d.t.Fatal(err)
	}
	return list
}

// Owner returns the account that a SIM is registered to.
func (d *DB) Owner(s SIM) int64 {
	d.t.Helper()
	return One[int64](d, `SELECT account FROM sims WHERE id = $1`, s.ID)
}

// Lapse moves the expiry of a request into the past, without expiring it.
func (d *DB) Lapse(id uuid.UUID) {
	d.t.Helper()
	if d.Exec(`UPDATE requests SET expires_at = clock_timestamp() - interval '1 second' WHERE id = $1 AND expires_at IS NOT NULL`, id) != 1 {
		d.t.Fatalf("request %s has no expiry", id)
	}
}

// Networks parses networks such as 192.0.2.0/24.
func Networks(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

// Package storagetest gives a test a database of its own that it can fill, run
// and look into by short calls. Every call fails the test on an error.
package storagetest

import (
	"fmt"
	"iter"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"simtransfer/dev/servers/serverstest"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// DB is a database of a test's own, with the current schema.
type DB struct {
	*storage.DB
	URL string

	t      testing.TB
	serial atomic.Int64 // of accounts, SIMs, gateways and sessions, for their names
}

// Open makes an empty database. It is closed when the test ends. Its
// connections wait longer for locks, and may be idle for longer in a
// transaction, than those of a process, so that a busy machine fails no test.
func Open(t testing.TB) *DB {
	t.Helper()
	dsn := serverstest.DatabaseURL(t)
	patient, err := patientURL(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return &DB{DB: connect(t, patient, storage.Options{MaxConns: 16}), URL: dsn, t: t}
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

// Connect opens another pool on the same database, just as a process has it.
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

// For returns the same database for a subtest, whose failures are then its own.
func (d *DB) For(t testing.TB) *DB {
	sub := &DB{DB: d.DB, URL: d.URL, t: t}
	sub.serial.Store(d.serial.Add(10_000_000)) // names that d does not give soon
	return sub
}

// Account makes an open account that pays in euros and has the coverage
// "global".
func (d *DB) Account() storage.Account {
	d.t.Helper()
	return d.AccountIn("EUR", "global")
}

// AccountIn makes an open account with a currency and a coverage.
func (d *DB) AccountIn(currency transfer.Currency, coverage string) storage.Account {
	d.t.Helper()
	n := d.serial.Add(1)
	var a storage.Account
	if err := d.InTx(d.t.Context(), func(tx *storage.Tx) (err error) {
		a, err = tx.CreateAccount(d.t.Context(), storage.Account{
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

// Fee puts the price of a support-assisted transfer into the schedule, from now on.
func (d *DB) Fee(currency transfer.Currency, amount int64) {
	d.t.Helper()
	d.Exec(`INSERT INTO fees (method, currency, amount) VALUES ('support_assisted', $1, $2)`, currency, amount)
}

// BoundPlan is a plan whose SIMs cannot move to another coverage; FreePlan is
// one whose SIMs can. Seeded SIMs are on FreePlan where nothing else is said.
const (
	FreePlan  = "free"
	BoundPlan = "bound"
)

// SIM is a SIM that was seeded, or is to be. Zero fields get values of their
// own; a zero Status is ready.
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

// SIM makes one SIM. Each of its settings has a value that a reset changes.
func (d *DB) SIM(s SIM) SIM {
	d.t.Helper()
	return d.SIMs(1, s)[0]
}

// SIMs makes n SIMs that are alike but for their identifiers, in the order of
// their ids. They were registered an hour ago.
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
		def(&s.ICCID, fmt.Sprintf("89880%014d", serial))
		def(&s.IMSI, fmt.Sprintf("90170%010d", serial))
		def(&s.MSISDN, fmt.Sprintf("8835%09d", serial))
	}
	d.insertSIMs(list)
	return list
}

func def(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// Gateway makes a gateway known and returns its address. Disconnect-Requests
// for it would go to that address, port 3799; see Server for another.
func (d *DB) Gateway() string {
	d.t.Helper()
	n := d.serial.Add(1)
	address := fmt.Sprintf("10.%d.%d.%d", n>>16&0xff, n>>8&0xff, n&0xff)
	d.Exec(`INSERT INTO radius.nas (nasname, secret) VALUES ($1, 'shared secret')`, address)
	return address
}

// Server makes a gateway listen for Disconnect-Requests at host:port.
func (d *DB) Server(gateway, server, secret string) {
	d.t.Helper()
	d.Exec(`UPDATE radius.nas SET server = $2, secret = $3 WHERE nasname = $1`, gateway, server, secret)
}

// Online starts a data session of a SIM at a gateway, now, by the accounting
// record that a gateway sends, and returns its radacctid. It makes a ready SIM
// active, as every session does.
func (d *DB) Online(s SIM, gateway string) int64 {
	d.t.Helper()
	return d.Session(s, gateway, 0)
}

// Session is Online for a session that started a while ago and is reported
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

// Request is what a request is made from. Zero fields get defaults: 24 hours
// for acceptance, seven days for review, caused by the source.
type Request struct {
	From, To        storage.Account
	SIMs            []SIM    // named by their ICCIDs
	Identifiers     []string // instead of SIMs
	SelfServiceOnly bool
	Acceptance      time.Duration
	Review          time.Duration
}

// Request makes a request, which is then validating.
func (d *DB) Request(r Request) uuid.UUID {
	d.t.Helper()
	if r.Acceptance == 0 {
		r.Acceptance = transfer.AcceptancePeriod
	}
	if r.Review == 0 {
		r.Review = transfer.ReviewPeriod
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

// Decide lets the party who usually causes an event cause it, and returns the
// request as it is afterwards. An approval gets a ticket.
func (d *DB) Decide(id uuid.UUID, event transfer.Event, sims ...transfer.Identifier) storage.Request {
	d.t.Helper()
	r, err := d.TryDecide(id, storage.Decision{Event: event, SIMs: sims, Ticket: "T-1"})
	if err != nil {
		d.t.Fatalf("%s: %v", event, err)
	}
	return r
}

// TryDecide is Decide for a decision that may be refused. A zero By is the
// party who usually causes the event.
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

// UsualParty is who usually causes an event.
func UsualParty(event transfer.Event) transfer.Party {
	switch event {
	case transfer.Cancel:
		return transfer.PartySource
	case transfer.Accept, transfer.Decline:
		return transfer.PartyDestination
	case transfer.Approve, transfer.Deny:
		return transfer.PartySupport
	case transfer.Reject, transfer.Review, transfer.Offer, transfer.Expire, transfer.Finish:
	}
	return transfer.PartySystem
}

// Find returns a request as it is.
func (d *DB) Find(id uuid.UUID) storage.Request {
	d.t.Helper()
	r, err := d.DB.Request(d.t.Context(), id)
	if err != nil {
		d.t.Fatalf("reading request %s: %v", id, err)
	}
	return r
}

// TransfersOf returns the transfers of a request in their order.
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

// Lapse moves a request's expiry into the past; no sweep has come by.
func (d *DB) Lapse(id uuid.UUID) {
	d.t.Helper()
	if d.Exec(`UPDATE requests SET expires_at = clock_timestamp() - interval '1 second' WHERE id = $1 AND expires_at IS NOT NULL`, id) != 1 {
		d.t.Fatalf("request %s has no expiry", id)
	}
}

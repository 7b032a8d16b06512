package model_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
	"simtransfer/worker"
)

// packetCore is a gateway and its devices, at random: admissions that become sessions
// later, accounting records that are lost, repeated and reordered, a clock that is wrong,
// and answers to Disconnect-Requests that are refused, lost or untrue. Accounting is
// written to the database with the statements of FreeRADIUS.
type packetCore struct {
	*storagetest.DB
	t       *testing.T
	r       *rand.Rand
	handler asynq.Handler
	address string
	clock   time.Duration // how far the gateway's clock is off
	honest  bool          // the gateway does what it says

	sims     []storagetest.SIM
	accounts [2]storage.Account
	admitted []*deviceSession // but not up yet
	sessions []*deviceSession
	records  []accountingRecord // that have not arrived
	requests int
	history  []string
}

type deviceSession struct {
	id    string
	sim   storagetest.SIM
	class string // of the registration under which it was admitted
	began time.Time
	up    bool
}

// accountingRecord is a Start, Interim-Update or Stop.
type accountingRecord struct {
	kind    string
	session *deviceSession
	at      time.Time
}

func (c *packetCore) note(format string, args ...any) {
	c.history = append(c.history, fmt.Sprintf(format, args...))
}

// classOf returns the Class of the current registration of a SIM.
func (c *packetCore) classOf(sim storagetest.SIM) string {
	return storagetest.One[string](c.DB, `SELECT radius.access_class($1, '', '', true)`, sim.IMSI)
}

// admit answers an Access-Request of a SIM.
func (c *packetCore) admit() {
	sim := c.sims[c.r.IntN(len(c.sims))]
	if storagetest.One[bool](c.DB, `SELECT radius.access_moving($1, '', '', true)`, sim.IMSI) {
		c.note("%s is rejected", sim.IMSI)
		return
	}
	s := &deviceSession{id: fmt.Sprintf("s%d+%d", len(c.sessions)+len(c.admitted), c.r.Uint32()), sim: sim, class: c.classOf(sim)}
	c.admitted = append(c.admitted, s)
	c.note("%s is admitted as %s with %s", sim.IMSI, s.id, s.class)
}

// begin makes a session that was admitted come up.
func (c *packetCore) begin() {
	if len(c.admitted) == 0 {
		return
	}
	i := c.r.IntN(len(c.admitted))
	s := c.admitted[i]
	c.admitted = slices.Delete(c.admitted, i, i+1)
	s.up, s.began = true, time.Now()
	c.sessions = append(c.sessions, s)
	c.report("start", s)
}

// report makes a record of a session, which arrives later or is lost.
func (c *packetCore) report(kind string, s *deviceSession) {
	c.note("%s of %s", kind, s.id)
	if !c.honest && c.r.IntN(4) == 0 {
		c.note("it is lost")
		return
	}
	c.records = append(c.records, accountingRecord{kind, s, time.Now()})
}

// aSession returns a session that is up, or nil.
func (c *packetCore) aSession() *deviceSession {
	var up []*deviceSession
	for _, s := range c.sessions {
		if s.up {
			up = append(up, s)
		}
	}
	if len(up) == 0 {
		return nil
	}
	return up[c.r.IntN(len(up))]
}

// deliver lets a record arrive, and perhaps again later.
func (c *packetCore) deliver() {
	if len(c.records) == 0 {
		return
	}
	i := c.r.IntN(len(c.records))
	record := c.records[i]
	if c.honest || c.r.IntN(3) > 0 {
		c.records = slices.Delete(c.records, i, i+1)
	}
	c.note("%s of %s arrives", record.kind, record.session.id)
	c.store(record)
}

// store writes a record as FreeRADIUS does: the first statement that changes a row
// counts.
func (c *packetCore) store(record accountingRecord) {
	s := record.session
	at, lasted := record.at.Add(c.clock).Truncate(time.Second), int64(record.at.Sub(s.began)/time.Second)
	insert := `INSERT INTO radius.radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime, acctupdatetime, acctstoptime, acctsessiontime, class, escaped)
		VALUES ($1, $1, $2, $3::inet, $4::timestamptz - $5 * interval '1 second', $4, $6, $7, $8, false) ON CONFLICT (acctuniqueid) `
	type statement struct {
		text string
		args []any
	}
	var statements []statement
	switch record.kind {
	case "start":
		statements = []statement{
			{insert + `DO UPDATE SET acctstarttime = $4, acctupdatetime = $4 WHERE radacct.acctstoptime IS NULL`, []any{s.id, s.sim.IMSI, c.address, at, 0, nil, 0, s.class}},
			{`UPDATE radius.radacct SET acctstarttime = $2, acctupdatetime = $2 WHERE acctuniqueid = $1`, []any{s.id, at}},
		}
	case "interim":
		statements = []statement{
			{`UPDATE radius.radacct SET acctupdatetime = $2, acctsessiontime = $3 WHERE acctuniqueid = $1 AND acctstoptime IS NULL`, []any{s.id, at, lasted}},
			{insert + `DO NOTHING`, []any{s.id, s.sim.IMSI, c.address, at, 0, nil, lasted, s.class}},
		}
	case "stop":
		statements = []statement{
			{`UPDATE radius.radacct SET acctstoptime = $2, acctupdatetime = $2, acctsessiontime = $3, acctterminatecause = 'User-Request', connectinfo_stop = '' WHERE acctuniqueid = $1 AND acctstoptime IS NULL`, []any{s.id, at, lasted}},
			{insert + `DO NOTHING`, []any{s.id, s.sim.IMSI, c.address, at, lasted, at, lasted, s.class}},
		}
	}
	for _, x := range statements {
		if c.Exec(x.text, x.args...) > 0 {
			return
		}
	}
}

// Drop is the gateway's answer to a Disconnect-Request.
func (c *packetCore) Drop(_ context.Context, open storage.OpenSession) (worker.Answer, error) {
	for n := c.r.IntN(3); n > 0 && !c.honest; n-- { // what happens while the worker waits
		c.happen()
	}
	i := slices.IndexFunc(c.sessions, func(s *deviceSession) bool { return s.id == open.AcctSessionID })
	if i < 0 {
		c.t.Fatalf("a worker asked about session %q, which never was", open.AcctSessionID)
	}
	s := c.sessions[i]
	if !c.honest {
		switch c.r.IntN(5) {
		case 0:
			c.note("%s: refused", s.id)
			return worker.Answer{Why: "gateway: refused"}, nil
		case 1:
			c.note("%s: an untrue answer that there is no such session", s.id)
			return worker.Answer{Gone: true, Why: "gateway: no such session"}, nil
		}
	}
	if s.up {
		moving := storagetest.One[bool](c.DB, `SELECT EXISTS (SELECT 1 FROM open_transfers WHERE sim = $1)`, s.sim.ID)
		if !moving && s.class == c.classOf(s.sim) {
			c.fail("session %s of the current owner was ended", s.id)
		}
		s.up = false
		if c.r.IntN(2) == 0 {
			c.report("stop", s)
		}
	}
	if !c.honest && c.r.IntN(4) == 0 {
		c.note("%s: ended, but the answer is lost", s.id)
		return worker.Answer{Silent: true, Why: "gateway: no answer"}, nil
	}
	c.note("%s: ended", s.id)
	return worker.Answer{Gone: true}, nil
}

// happen does something at random that takes no worker.
func (c *packetCore) happen() {
	switch c.r.IntN(6) {
	case 0:
		c.admit()
	case 1:
		c.begin()
	case 2:
		if s := c.aSession(); s != nil {
			c.report("interim", s)
		}
	case 3:
		if s := c.aSession(); s != nil && c.r.IntN(2) == 0 {
			s.up = false
			c.report("stop", s)
		}
	default:
		c.deliver()
	}
}

// order creates a request for one or more SIMs of an account, and accepts it.
func (c *packetCore) order() {
	from := c.r.IntN(2)
	var sims []storagetest.SIM
	for _, sim := range c.sims {
		if c.Owner(sim) == c.accounts[from].ID && c.r.IntN(2) == 0 {
			sims = append(sims, sim)
		}
	}
	if len(sims) == 0 {
		return
	}
	id := c.Request(storagetest.Request{From: c.accounts[from], To: c.accounts[1-from], SIMs: sims})
	c.requests++
	c.note("request of %d SIMs", len(sims))
	for _, work := range storagetest.All[int64](c.DB, `SELECT id FROM work WHERE kind = 'validate'`) {
		c.process(work)
	}
	if c.Find(id).State == transfer.InReview {
		c.Decide(id, transfer.Approve)
	}
	if c.Find(id).State == transfer.AwaitingAcceptance {
		c.Decide(id, transfer.Accept)
	}
}

func (c *packetCore) process(work int64) {
	if err := c.handler.ProcessTask(c.t.Context(), c.TaskOf(work)); err != nil {
		c.fail("work %d: %v", work, err)
	}
}

// work does a piece of work.
func (c *packetCore) work() {
	c.HurryWork()
	list := storagetest.All[int64](c.DB, `SELECT id FROM work ORDER BY id`)
	if len(list) > 0 {
		work := list[c.r.IntN(len(list))]
		c.note("work %d", work)
		c.process(work)
	}
}

// settle lets the gateway become honest, and everything that is left happen: every
// record arrives, every session is reported again, and no work is left.
func (c *packetCore) settle() {
	c.honest = true
	c.note("from now on the gateway is honest")
	finish := func() {
		for len(c.records) > 0 {
			c.deliver()
		}
		for _, err := range c.RunDue(c.handler) {
			c.fail("%v", err)
		}
	}
	for range 2 {
		for len(c.admitted) > 0 {
			c.begin()
		}
		finish()
		// An update that says that it is from before we have closed a session can be
		// late, so the gateway's clock has to reach that time.
		c.Exec(`UPDATE radius.radacct SET acctstarttime = acctstarttime - interval '2 minutes', acctupdatetime = acctupdatetime - interval '2 minutes',
			acctstoptime = acctstoptime - interval '2 minutes', closed_at = closed_at - interval '2 minutes'`)
		for _, s := range c.sessions {
			s.began = s.began.Add(-2 * time.Minute)
			if s.up {
				c.store(accountingRecord{"interim", s, time.Now()})
			}
		}
	}
	finish()
}

func (c *packetCore) fail(format string, args ...any) {
	c.t.Helper()
	c.t.Fatalf("%s; this has happened:\n%s", fmt.Sprintf(format, args...), strings.Join(c.history, "\n"))
}

// However accounting, the gateway's answers and transfers interleave: in the end, no
// session that began under an earlier owner is up, and no session of a SIM's owner was
// ended that no transfer asked for. SIMTRANSFER_TEST_ACTS is the number of random acts.
func TestSessionsAndTransfersInterleave(t *testing.T) {
	t.Parallel()
	acts := 360
	if n, err := strconv.Atoi(os.Getenv("SIMTRANSFER_TEST_ACTS")); err == nil && n > 0 {
		acts = n
	}
	seed := rand.Uint64()
	if n, err := strconv.ParseUint(os.Getenv("SIMTRANSFER_TEST_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("SIMTRANSFER_TEST_SEED=%d", seed)
	c := &packetCore{DB: storagetest.Open(t), t: t, r: rand.New(rand.NewPCG(seed, 0))}
	c.Fee("EUR", 100)
	c.address = c.Gateway()
	c.handler = worker.New(c.DB.DB, c, slog.New(slog.DiscardHandler), worker.Config{DropAttempts: 1000, DropSessions: 1}).Handler()
	c.accounts = [2]storage.Account{c.Account(), c.Account()}
	const round = 60 // acts until everything settles
	for left := acts; left > 0; left -= round {
		c.honest, c.history = false, nil
		c.sims = c.SIMs(3, storagetest.SIM{Account: c.accounts[0].ID, Status: transfer.Active})
		c.sessions, c.admitted, c.records = nil, nil, nil
		c.clock = []time.Duration{0, 0, time.Minute, -time.Minute, 48 * time.Hour, -48 * time.Hour}[c.r.IntN(6)]
		c.note("the clock of the gateway is off by %v", c.clock)
		for range round {
			switch c.r.IntN(10) {
			case 0:
				c.order()
			case 1, 2:
				c.work()
			default:
				c.happen()
			}
		}
		c.settle()
		for _, s := range c.sessions {
			if s.up && s.class != c.classOf(s.sim) {
				c.fail("session %s of an earlier owner is up", s.id)
			}
			open := storagetest.One[bool](c.DB, `SELECT EXISTS (SELECT 1 FROM radius.radacct WHERE acctsessionid = $1 AND acctstoptime IS NULL)`, s.id)
			if s.up && !open {
				c.fail("session %s is up, and stored as closed", s.id)
			}
		}
	}
	c.Check()
	t.Logf("%d requests", c.requests)
}

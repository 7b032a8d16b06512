package freeradius_test

import (
	"net"
	"testing"
	"time"

	layeh "layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc3162"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// record is an accounting record of a gateway. Empty fields are not sent.
type record struct {
	kind         rfc2866.AcctStatusType
	id           string
	user, number string // User-Name and Calling-Station-Id
	imsi         string
	at           time.Time     // Event-Timestamp
	lasted       time.Duration // Acct-Session-Time
	received     uint32        // Acct-Input-Octets
	class        []string      // Class
	nas          net.IP        // NAS-IP-Address, or NAS-IPv6-Address if it has 16 bytes; nil: 10.0.0.1
	more         func(*layeh.Packet)
}

const (
	begin  = rfc2866.AcctStatusType_Value_Start
	update = rfc2866.AcctStatusType_Value_InterimUpdate
	end    = rfc2866.AcctStatusType_Value_Stop
	on     = rfc2866.AcctStatusType_Value_AccountingOn
)

func (r record) packet() *layeh.Packet {
	p := layeh.New(layeh.CodeAccountingRequest, []byte(secret))
	add := func(t layeh.Type, value string) {
		if value != "" {
			p.Add(t, layeh.Attribute(value))
		}
	}
	_ = rfc2866.AcctStatusType_Set(p, r.kind)
	add(rfc2866.AcctSessionID_Type, r.id)
	add(rfc2865.UserName_Type, r.user)
	add(rfc2865.CallingStationID_Type, r.number)
	if r.imsi != "" {
		p.Add(rfc2865.VendorSpecific_Type, append(layeh.Attribute{0, 0, 0x28, 0xaf, 1, byte(len(r.imsi) + 2)}, r.imsi...))
	}
	for _, class := range r.class {
		p.Add(rfc2865.Class_Type, layeh.Attribute(class))
	}
	if !r.at.IsZero() {
		_ = rfc2869.EventTimestamp_Set(p, r.at)
	}
	if r.lasted > 0 {
		_ = rfc2866.AcctSessionTime_Set(p, rfc2866.AcctSessionTime(r.lasted/time.Second))
	}
	if r.received > 0 {
		_ = rfc2866.AcctInputOctets_Set(p, rfc2866.AcctInputOctets(r.received))
	}
	if r.kind == end {
		_ = rfc2866.AcctTerminateCause_Set(p, rfc2866.AcctTerminateCause_Value_UserRequest)
	}
	switch len(r.nas) {
	case net.IPv6len:
		p.Add(rfc3162.NASIPv6Address_Type, layeh.Attribute(r.nas))
	case net.IPv4len:
		p.Add(rfc2865.NASIPAddress_Type, layeh.Attribute(r.nas))
	default:
		_ = rfc2865.NASIPAddress_Set(p, net.IPv4(10, 0, 0, 1))
	}
	if r.more != nil {
		r.more(p)
	}
	return p
}

func (s *freeRADIUS) account(r record) {
	s.t.Helper()
	s.send(s.acct, r.packet)
}

// sims makes SIMs of an account.
func (s *freeRADIUS) sims(n int, status transfer.Status) []storagetest.SIM {
	return s.db.SIMs(n, storagetest.SIM{Account: s.db.Account().ID, Status: status})
}

// transferred makes SIMs look as if they had come from another account now.
func (s *freeRADIUS) transferred(sims ...storagetest.SIM) {
	for _, sim := range sims {
		s.db.Exec(`
			WITH moved AS (
				UPDATE sims SET since = clock_timestamp() WHERE id = $1 RETURNING id, since, account
			)
			INSERT INTO registrations (sim, since, account, request, n)
			SELECT id, since, account, gen_random_uuid(), 0
			FROM moved`, sim.ID)
	}
}

// pass makes all sessions and owners look older, as if time had passed.
func (s *freeRADIUS) pass(d time.Duration) {
	s.db.Exec(`
		UPDATE radius.radacct
		SET acctstarttime = acctstarttime - make_interval(secs => $1),
			acctupdatetime = acctupdatetime - make_interval(secs => $1),
			acctstoptime = acctstoptime - make_interval(secs => $1),
			closed_at = closed_at - make_interval(secs => $1)`, d.Seconds())
	s.db.Exec(`
		WITH moved AS (
			UPDATE registrations SET since = since - make_interval(secs => $1) RETURNING sim, since
		)
		UPDATE sims s
		SET since = m.since
		FROM (SELECT sim, max(since) AS since FROM moved GROUP BY sim) m
		WHERE s.id = m.sim`, d.Seconds())
}

// strays are the radacctids of sessions that workers are to disconnect.
func (s *freeRADIUS) strays() []int64 {
	return storagetest.All[int64](s.db, `SELECT items[1] FROM work WHERE kind = 'drop_stray' ORDER BY id`)
}

// asked returns how a worker would ask the gateway to disconnect the session of a SIM.
func (s *freeRADIUS) asked(sim storagetest.SIM) storage.OpenSession {
	s.t.Helper()
	id := storagetest.All[int64](s.db, `SELECT radacctid FROM radius.radacct WHERE sim = $1 AND acctstoptime IS NULL`, sim.ID)
	if len(id) != 1 {
		s.t.Fatalf("SIM %d has %d open sessions, want 1; there are:\n%v", sim.ID, len(id),
			storagetest.All[string](s.db, `SELECT a::text FROM radius.radacct a`))
	}
	list, err := s.db.SessionsOf(s.t.Context(), storage.Work{Kind: transfer.WorkDropStray, Items: id})
	if err != nil || len(list) != 1 {
		s.t.Fatal(list, err)
	}
	return list[0]
}

// What a gateway sends is found and sent back to it as it was, whatever characters it
// has: with the stock module, with the shipped one, and with auto_escape.
func TestIdentifiersOfAnyBytes(t *testing.T) {
	t.Parallel()
	const notUTF8 = "\xe9\xff#1"
	for _, c := range []struct {
		name   string
		config configuration
		ids    []string
	}{
		{"stock", configuration{}, []string{"EPC+17#4=a", "plain", "a=3D2B", "é+ü", notUTF8}},
		{"shipped", configuration{shipped: true}, []string{"EPC+17#4=a", "plain", "a=2Bb", "=2B", "é+ü", "back\\slash'quote\"%{x}", "line\nbreak\r\tand\x01\x7f", "\\n", notUTF8}},
		{"auto_escape", configuration{shipped: true, sql: "\tauto_escape = yes\n"}, []string{"EPC+17#4=a", "a=2Bb", "=2B", "é+ü", "quote'"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, c.config)
			for i, sim := range s.sims(len(c.ids), transfer.Ready) {
				r := record{kind: begin, id: c.ids[i], user: "realm\\user\\351+" + c.ids[i], number: "+" + sim.MSISDN}
				s.account(r)
				got := s.asked(sim)
				if got.AcctSessionID != r.id || got.Username != r.user || got.CallingStationID != r.number {
					t.Errorf("the gateway sent %q, %q, %q; it will be asked about %q, %q, %q",
						r.id, r.user, r.number, got.AcctSessionID, got.Username, got.CallingStationID)
				}
			}
			s.db.Check()
		})
	}
}

// The 3GPP-IMSI and the NAI of EAP-AKA name the SIM. The shipped module stores the
// first; the stock one has no column for it.
func TestIdentities(t *testing.T) {
	t.Parallel()
	s := start(t, configuration{shipped: true, site: true})
	sims := s.sims(3, transfer.Ready)
	for i, r := range []record{
		{imsi: sims[0].IMSI, user: "internet"},
		{user: "0" + sims[1].IMSI + "@nai.epc.mnc001.mcc001.3gppnetwork.org"},
		{number: "00" + sims[2].MSISDN},
	} {
		r.kind, r.id = begin, string(rune('a'+i))
		s.account(r)
		if got := s.asked(sims[i]); got.AcctSessionID != r.id {
			t.Errorf("the session of SIM %d is %q, want %q", i, got.AcctSessionID, r.id)
		}
	}
	if ready := storagetest.One[int](s.db, `SELECT count(*) FROM sims WHERE status = 'ready'`); ready != 0 {
		t.Errorf("%d SIMs that are online are ready", ready)
	}
}

// What some gateways want in a Disconnect-Request is stored, and sent back as it was:
// all that a list of attributes can name.
func TestAttributesForDisconnect(t *testing.T) {
	t.Parallel()
	s := start(t, configuration{shipped: true, site: true})
	sims := s.sims(2, transfer.Ready)
	r := record{kind: begin, id: "s1", user: sims[0].IMSI, imsi: sims[0].IMSI, class: []string{"group+1"}, more: func(p *layeh.Packet) {
		_ = rfc2865.NASIdentifier_SetString(p, "pgw+1")
		_ = rfc2865.NASPort_Set(p, 4_000_000_017)
		_ = rfc2865.FramedIPAddress_Set(p, net.IPv4(198, 51, 100, 9))
		_ = rfc2865.ServiceType_Set(p, rfc2865.ServiceType_Value_FramedUser)
		_ = rfc2869.NASPortID_SetString(p, "bearer=5")
		p.Add(rfc2865.VendorSpecific_Type, layeh.Attribute{0, 0, 0x28, 0xaf, 10, 3, '5'}) // 3GPP-NSAPI
	}}
	s.account(r)
	got := s.asked(sims[0])
	if got.NASIdentifier != "pgw+1" || got.NASPort != "4000000017" || got.NASPortID != "bearer=5" || got.FramedIP != "198.51.100.9" ||
		got.ServiceType != "Framed-User" || got.NSAPI != "5" || got.IMSI != sims[0].IMSI || got.Class != "0x67726f75702b31" {
		t.Errorf("the gateway will be asked about %+v", got)
	}
	// Without NAS-Port-Id, FreeRADIUS stores NAS-Port in its column.
	s.account(record{kind: begin, id: "s2", user: sims[1].IMSI, more: func(p *layeh.Packet) { _ = rfc2865.NASPort_Set(p, 17) }})
	if got := s.asked(sims[1]); got.NASPort != "17" || got.NASPortID != "" || got.NASIdentifier != "" || got.NSAPI != "" {
		t.Errorf("the gateway will be asked about %+v", got)
	}
}

// A session whose start was lost began before its first update, however late that
// comes. If that was before the SIM's transfer, it is the former owner's.
func TestUpdateAsFirstNews(t *testing.T) {
	t.Parallel()
	s := start(t, configuration{})
	sims := s.sims(4, transfer.Ready)
	s.transferred(sims...)
	s.pass(10 * time.Minute)
	later := time.Now().Add(-time.Minute)
	news := func(kind rfc2866.AcctStatusType, sim storagetest.SIM, at time.Time, lasted time.Duration) {
		s.account(record{kind: kind, id: "id-" + sim.IMSI, user: sim.IMSI, at: at, lasted: lasted})
	}
	status := func(sim storagetest.SIM) transfer.Status {
		return storagetest.One[transfer.Status](s.db, `SELECT status FROM sims WHERE id = $1`, sim.ID)
	}

	news(update, sims[0], later, time.Hour)
	news(update, sims[1], later, 10*time.Second)
	news(end, sims[2], later, time.Hour)
	news(update, sims[3], later, 0) // does not say how long
	if got, want := s.strays(), []int64{s.asked(sims[0]).ID}; len(got) != 1 || got[0] != want[0] {
		t.Errorf("the sessions to disconnect are %v, want %v", got, want)
	}
	if got := []transfer.Status{status(sims[0]), status(sims[1]), status(sims[2])}; got[0] != transfer.Ready || got[1] != transfer.Active || got[2] != transfer.Ready {
		t.Errorf("the SIMs are %v, want only the second to be active", got)
	}
	began := storagetest.One[time.Time](s.db, `SELECT acctstarttime FROM radius.radacct WHERE username = $1`, sims[0].IMSI)
	if want := later.Add(-time.Hour); !began.Equal(want.Truncate(time.Second)) {
		t.Errorf("the session began at %v, want %v", began, want)
	}

	// Its start arrives after all.
	news(begin, sims[3], later.Add(-time.Hour), 0)
	if got := s.strays(); len(got) != 2 || got[1] != s.asked(sims[3]).ID {
		t.Errorf("the sessions to disconnect are %v, want the last one, too", got)
	}

	// The updates and the end that follow are FreeRADIUS's own, and so is the restart
	// of the gateway, which ends the sessions that began before it.
	news(update, sims[0], later.Add(20*time.Second), time.Hour+20*time.Second)
	news(end, sims[0], later.Add(40*time.Second), time.Hour+40*time.Second)
	s.account(record{kind: on, at: later.Add(50 * time.Second)})
	if open := storagetest.One[int](s.db, `SELECT count(*) FROM radius.radacct WHERE acctstoptime IS NULL`); open != 0 {
		t.Errorf("%d sessions are open, want none", open)
	}
	if got := len(s.strays()); got != 2 {
		t.Errorf("%d sessions to disconnect, want 2", got)
	}
}

// With the shipped policy, a start or stop that was not stored is not answered, so
// that the gateway sends it again.
func TestNothingIsAnsweredThatWasNotStored(t *testing.T) {
	t.Parallel()
	s := start(t, configuration{shipped: true})
	sim := s.sims(1, transfer.Ready)[0]
	for _, r := range []record{
		{kind: begin, id: "id", user: sim.IMSI},
		{kind: end, id: "id", user: sim.IMSI, lasted: time.Second},
		{kind: end, id: "other", user: sim.IMSI, lasted: time.Second},
	} {
		s.db.Exec(`REVOKE INSERT, UPDATE ON radius.radacct FROM ` + s.role)
		before := s.logged("permission denied")
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			s.account(r)
		}()
		for s.logged("permission denied") == before {
			select {
			case <-answered:
				t.Fatalf("record %v was answered, and nothing tried to store it", r)
			case <-time.After(time.Millisecond):
			}
		}
		s.db.Exec(`GRANT INSERT, UPDATE ON radius.radacct TO ` + s.role)
		<-answered
		if stored := storagetest.One[int](s.db, `
			SELECT count(*) FROM radius.radacct WHERE acctsessionid = $1 AND (acctstoptime IS NOT NULL) = $2`, r.id, r.kind == end); stored != 1 {
			t.Errorf("record %v was answered and not stored", r)
		}
	}
	// An update after the stop, and the same stop again, change nothing and are answered.
	s.account(record{kind: update, id: "id", user: sim.IMSI, lasted: time.Second})
	s.account(record{kind: end, id: "id", user: sim.IMSI, lasted: time.Second})
}

// A session that we have closed, and that its gateway continues to report, is open
// again, and is disconnected if its SIM has changed hands. Its stop counts.
func TestSessionIsOpenAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		config configuration
	}{{"stock", configuration{}}, {"shipped", configuration{shipped: true}}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, c.config)
			sims := s.sims(2, transfer.Active)
			moved, kept := sims[0], sims[1]
			for _, sim := range sims {
				s.account(record{kind: begin, id: "id-" + sim.IMSI, user: sim.IMSI})
				id := s.asked(sim).ID
				if err := s.db.InTx(t.Context(), func(tx *storage.Tx) error { return tx.CloseSessions(t.Context(), []int64{id}) }); err != nil {
					t.Fatal(err)
				}
			}
			s.transferred(moved)
			news := func(kind rfc2866.AcctStatusType, sim storagetest.SIM, received uint32) {
				s.account(record{kind: kind, id: "id-" + sim.IMSI, user: sim.IMSI, at: time.Now(), lasted: time.Hour, received: received})
			}
			open := func(want int) {
				t.Helper()
				if n := storagetest.One[int](s.db, `SELECT count(*) FROM radius.radacct WHERE acctstoptime IS NULL`); n != want {
					t.Fatalf("%d sessions are open, want %d", n, want)
				}
			}

			news(update, moved, 1) // sent before it was closed
			open(0)
			s.pass(time.Minute)
			news(update, moved, 2)
			news(update, kept, 2)
			open(2)
			if got := s.strays(); len(got) != 1 || got[0] != s.asked(moved).ID {
				t.Errorf("the sessions to disconnect are %v, want that of the SIM that was transferred", got)
			}
			s.pass(time.Minute)
			news(update, moved, 3)
			news(update, kept, 3)
			news(end, kept, 4)
			open(1)
			s.pass(time.Minute)
			news(update, kept, 5) // late: its gateway has ended it
			open(1)
			if got := len(s.strays()); got != 1 {
				t.Errorf("%d sessions to disconnect, want 1", got)
			}

			// The gateway's stop after a Disconnect-Request.
			id := s.asked(moved).ID
			if err := s.db.InTx(t.Context(), func(tx *storage.Tx) error { return tx.CloseSessions(t.Context(), []int64{id}) }); err != nil {
				t.Fatal(err)
			}
			news(end, moved, 6)
			type stop struct {
				Octets int64  `db:"acctinputoctets"`
				Cause  string `db:"acctterminatecause"`
			}
			if got := storagetest.One[stop](s.db, `SELECT acctinputoctets, acctterminatecause FROM radius.radacct WHERE radacctid = $1`, id); got != (stop{6, "User-Request"}) {
				t.Errorf("the session ended as %+v, want 6 octets and User-Request", got)
			}
			s.pass(time.Minute)
			news(update, moved, 7)
			open(0)

			// The gateway uses the id again.
			s.account(record{kind: begin, id: "id-" + moved.IMSI, user: moved.IMSI, at: time.Now()})
			open(1)
			if got := len(s.strays()); got != 1 {
				t.Errorf("%d sessions to disconnect, want 1", got)
			}

			// The gateway says that it has restarted, but has kept the session.
			s.account(record{kind: on, at: time.Now()})
			open(0)
			news(update, moved, 8) // late
			open(0)
			s.pass(time.Minute)
			news(update, moved, 9)
			open(1)
		})
	}
}

// The stock site finds every table that it needs: it accepts a user, and stores no
// password.
func TestStockSiteAnswersAccessRequests(t *testing.T) {
	t.Parallel()
	s := start(t, configuration{})
	s.db.Exec(`INSERT INTO radius.radcheck (username, attribute, op, value) VALUES ('user', 'Cleartext-Password', ':=', 'password')`)
	s.db.Exec(`INSERT INTO radius.radusergroup (username, groupname) VALUES ('user', 'group')`)
	s.db.Exec(`INSERT INTO radius.radgroupreply (groupname, attribute, op, value) VALUES ('group', 'Session-Timeout', ':=', '60')`)
	for password, want := range map[string]layeh.Code{"password": layeh.CodeAccessAccept, "wrong": layeh.CodeAccessReject} {
		answer := s.send(s.auth, func() *layeh.Packet {
			p := layeh.New(layeh.CodeAccessRequest, []byte(secret))
			_ = rfc2865.UserName_SetString(p, "user")
			_ = rfc2865.UserPassword_SetString(p, password)
			return p
		})
		if answer.Code != want {
			t.Errorf("the answer to password %q is %v, want %v", password, answer.Code, want)
		}
	}
	if stored := storagetest.All[bool](s.db, `SELECT pass IS NULL FROM radius.radpostauth`); len(stored) != 2 || !stored[0] || !stored[1] {
		t.Errorf("rows of radpostauth without a password: %v, want two", stored)
	}
}

package accounting_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"

	"simtransfer/radius/accounting"
	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

func TestSession(t *testing.T) {
	t.Parallel()
	s := start(t, nil, accounting.Config{})
	sim := s.sims(1, transfer.Ready)[0]
	now := time.Now().Truncate(time.Second)
	s.account(record{kind: begin, id: "a", user: sim.IMSI, at: now.Add(-time.Hour)})
	got := s.only()
	if got.SIM == nil || *got.SIM != sim.ID || !got.Began.Equal(now.Add(-time.Hour)) || got.Ended != nil || got.Error != nil {
		t.Fatalf("%+v", got)
	}
	if status := storagetest.One[transfer.Status](s.db, `SELECT status FROM sims WHERE id = $1`, sim.ID); status != transfer.Active {
		t.Errorf("the SIM is %s", status)
	}
	s.account(record{kind: update, id: "a", user: sim.IMSI, at: now.Add(-time.Minute), lasted: 3540, in: 7, out: 9, inGiga: 1})
	got = s.only()
	if got.In != 1<<32+7 || got.Out != 9 || *got.Lasted != 3540 || !got.Updated.Equal(now.Add(-time.Minute)) {
		t.Fatalf("%+v", got)
	}
	// Counters do not go back, whether a report is late or the gateway has lost them.
	s.account(record{kind: update, id: "a", user: sim.IMSI, at: now.Add(-2 * time.Minute), lasted: 3480, in: 3, out: 2})
	s.account(record{kind: update, id: "a", user: sim.IMSI, at: now.Add(-time.Minute), lasted: -1})
	if after := s.only(); after.In != got.In || after.Out != got.Out || *after.Lasted != *got.Lasted || !after.Updated.Equal(got.Updated) {
		t.Fatalf("the counters went back: %+v, before %+v", after, got)
	}
	s.account(record{kind: end, id: "a", user: sim.IMSI, at: now, lasted: 3600, in: 8, out: 9, inGiga: 1})
	got = s.only()
	if got.Ended == nil || !got.Ended.Equal(now) || *got.Cause != "User-Request" || *got.Lasted != 3600 || got.In != 1<<32+8 {
		t.Fatalf("%+v", got)
	}
	if n := s.reports("start", "stored") + s.reports("update", "stored") + s.reports("stop", "stored"); n != 5 {
		t.Errorf("%d reports are counted as stored", n)
	}
}

// When a session began does not depend on which report comes first, nor on clocks
// that are wrong.
func TestBeginning(t *testing.T) {
	t.Parallel()
	s := start(t, nil, accounting.Config{})
	now := time.Now()
	for i, c := range []struct {
		name   string
		record record
		began  time.Time
		clock  string // the direction in which it is wrong
	}{
		{"Event-Timestamp", record{kind: begin, at: now.Add(-time.Hour), delay: time.Minute}, now.Add(-time.Hour), ""},
		{"Acct-Delay-Time", record{kind: begin, delay: 90 * time.Second}, now.Add(-90 * time.Second), ""},
		{"neither", record{kind: begin}, now, ""},
		{"an update without a start", record{kind: update, at: now.Add(-time.Minute), lasted: 3600}, now.Add(-61 * time.Minute), ""},
		{"an update without a start or a time", record{kind: update, delay: time.Minute, lasted: 3600}, now.Add(-61 * time.Minute), ""},
		{"an end without a start", record{kind: end, at: now.Add(-time.Minute), lasted: 3600}, now.Add(-61 * time.Minute), ""},
		{"the future", record{kind: begin, at: now.Add(24 * time.Hour)}, now, "future"},
		{"the future, with a delay", record{kind: begin, at: now.Add(24 * time.Hour), delay: time.Minute}, now.Add(-time.Minute), "future"},
		{"1970", record{kind: begin, at: time.Unix(17, 0)}, now, "past"},
		{"the end in 1970", record{kind: end, at: time.Unix(17, 0), lasted: 10}, now.Add(-10 * time.Second), "past"},
		{"a delay of years", record{kind: begin, delay: 1 << 31 * time.Second}, now.Add(-24 * time.Hour), ""},
	} {
		s.clear()
		future, past := s.metric(`simtransfer_radius_wrong_clock_total{direction="future"}`), s.metric(`simtransfer_radius_wrong_clock_total{direction="past"}`)
		c.record.id = fmt.Sprint(i)
		s.account(c.record)
		if got := s.only(); got.Began.Sub(c.began).Abs() > 30*time.Second || got.Updated.After(time.Now().Add(time.Second)) {
			t.Errorf("%s: it began at %s and was updated at %s, want %s", c.name, got.Began, got.Updated, c.began)
		}
		future = s.metric(`simtransfer_radius_wrong_clock_total{direction="future"}`) - future
		past = s.metric(`simtransfer_radius_wrong_clock_total{direction="past"}`) - past
		if (future == 1) != (c.clock == "future") || (past == 1) != (c.clock == "past") {
			t.Errorf("%s: counted %d times as from the future and %d times as from the past", c.name, future, past)
		}
	}
}

// A gateway that gets no answer sends the same packet again, or the same record in
// a new one, with a larger Acct-Delay-Time.
func TestRepeats(t *testing.T) {
	t.Parallel()
	s := start(t, nil, accounting.Config{})
	c := s.socket()
	first := encode(s.packet(record{kind: begin, id: "a", user: "1", delay: 10 * time.Second}))
	one := encode(s.deliver(c, first))
	if again := encode(s.deliver(c, first)); !bytes.Equal(one, again) {
		t.Errorf("the answers are %x and %x", one, again)
	}
	if n := s.packets("duplicate"); n != 1 {
		t.Errorf("%d duplicates are counted", n)
	}
	s.deliver(s.socket(), first) // from another port
	was := s.only()
	s.account(record{kind: begin, id: "a", user: "1", delay: 12 * time.Second})
	if got := s.only(); !got.Began.Equal(was.Began) || got.Ended != nil {
		t.Errorf("it was %+v and is %+v", was, got)
	}
	s.account(record{kind: end, id: "a", user: "1", lasted: 10})
	was = s.only()
	s.account(record{kind: end, id: "a", user: "1", lasted: 10, delay: time.Second})
	s.account(record{kind: update, id: "a", user: "1", lasted: 8, delay: 3 * time.Second})
	s.account(record{kind: begin, id: "a", user: "1", delay: 15 * time.Second})
	if got := s.only(); got.Ended == nil || !got.Ended.Equal(*was.Ended) || !got.Began.Equal(was.Began) {
		t.Errorf("it was %+v and is %+v", was, got)
	}
	if n := s.reports("start", "replayed") + s.reports("stop", "replayed") + s.reports("update", "replayed"); n != 5 {
		t.Errorf("%d reports are counted as replayed", n)
	}
}

// What was recorded on the way and is sent again later changes nothing, also if the
// packets have no Event-Timestamp.
func TestReplays(t *testing.T) {
	t.Parallel()
	s := start(t, nil, accounting.Config{})
	var packets [][]byte
	for _, r := range []record{
		{kind: on},
		{kind: begin, id: "a", user: "1"},
		{kind: update, id: "a", user: "1", lasted: 100, in: 5},
		{kind: end, id: "a", user: "1", lasted: 200, in: 6},
	} {
		wire := encode(s.packet(r))
		packets = append(packets, wire)
		s.deliver(s.socket(), wire)
	}
	s.db.Exec(`UPDATE radius.radacct SET acctstarttime = acctstarttime - interval '1 hour', acctupdatetime = acctupdatetime - interval '1 hour', acctstoptime = acctstoptime - interval '1 hour'`)
	s.account(record{kind: begin, id: "b", user: "2"})
	was := s.sessions()
	for _, wire := range packets {
		s.deliver(s.socket(), wire)
	}
	if is := s.sessions(); fmt.Sprint(describe(is)) != fmt.Sprint(describe(was)) {
		t.Errorf("the sessions were\n%v\nand are\n%v", describe(was), describe(is))
	}
}

func describe(list []session) []string {
	var texts []string
	for _, s := range list {
		ended := "open"
		if s.Ended != nil {
			ended = s.Ended.Format(time.RFC3339Nano)
		}
		texts = append(texts, fmt.Sprintf("%s %s %s %d", s.Session, s.Began.Format(time.RFC3339Nano), ended, s.In))
	}
	return texts
}

// A gateway that was restarted may use its ids again.
func TestReusedIDs(t *testing.T) {
	t.Parallel()
	s := start(t, nil, accounting.Config{})
	now := time.Now().Truncate(time.Second)
	for _, c := range []struct {
		name   string
		before []record // of the earlier session
		now    record
		late   record // a late report about the earlier session, which must not end or change the new one
	}{
		{"after an end", []record{{kind: begin, at: now.Add(-time.Hour)}, {kind: end, at: now.Add(-30 * time.Minute), lasted: 1800}}, record{kind: begin, at: now.Add(-time.Minute)}, record{kind: end, at: now.Add(-30 * time.Minute), lasted: 1800}},
		{"one second after an end", []record{{kind: begin, at: now.Add(-time.Hour)}, {kind: end, at: now.Add(-30 * time.Minute), lasted: 1800}}, record{kind: begin, at: now.Add(-30*time.Minute + time.Second)}, record{kind: begin, at: now.Add(-time.Hour), delay: time.Second}},
		{"after a lost end", []record{{kind: begin, at: now.Add(-time.Hour)}, {kind: update, at: now.Add(-50 * time.Minute), lasted: 600}}, record{kind: begin, at: now.Add(-time.Minute)}, record{kind: update, at: now.Add(-40 * time.Minute), lasted: 1200}},
		{"after a lost end and a lost start", []record{{kind: begin, at: now.Add(-time.Hour)}, {kind: end, at: now.Add(-30 * time.Minute), lasted: 1800}}, record{kind: update, at: now.Add(-time.Minute), lasted: 300}, record{kind: end, at: now.Add(-30 * time.Minute), lasted: 1800}},
	} {
		s.clear()
		send := func(r record) {
			r.id, r.user = "00000001", "1"
			s.account(r)
		}
		for _, r := range c.before {
			send(r)
		}
		send(c.now)
		send(c.late)
		list := s.sessions()
		if len(list) != 2 || list[0].Ended == nil || list[1].Ended != nil || list[1].Began.Before(now.Add(-31*time.Minute)) {
			t.Errorf("%s: the sessions are %q", c.name, describe(list))
		}
	}
}

func TestRestart(t *testing.T) {
	t.Parallel()
	s := start(t, nil, accounting.Config{})
	now := time.Now().Truncate(time.Second)
	for _, kind := range []rfc2866.AcctStatusType{on, off} {
		s.clear()
		s.account(record{kind: begin, id: "old", user: "1", at: now.Add(-time.Hour)})
		s.account(record{kind: begin, id: "new", user: "2", at: now.Add(-time.Minute)})
		s.account(record{kind: begin, id: "other", user: "3", at: now.Add(-time.Hour), nas: net.IPv4(10, 0, 0, 2)})
		s.account(record{kind: kind, at: now.Add(-30 * time.Minute)})
		open := storagetest.All[string](s.db, `SELECT acctsessionid FROM radius.radacct WHERE acctstoptime IS NULL ORDER BY 1`)
		if fmt.Sprint(open) != "[new other]" {
			t.Errorf("%v: open are %v", kind, open)
		}
		// It continues to report one: then it has it.
		s.account(record{kind: update, id: "old", user: "1", at: now, lasted: 3600})
		if n := storagetest.One[int](s.db, `SELECT count(*) FROM radius.radacct WHERE acctstoptime IS NULL`); n != 3 {
			t.Errorf("%v: %d sessions are open", kind, n)
		}
	}
}

// The clock of a gateway that restarts is not believed either, if it cannot be right. The
// instant at which its record arrived counts: then all its sessions have ended.
func TestClockOfARestart(t *testing.T) {
	t.Parallel()
	s := start(t, nil, accounting.Config{})
	now := time.Now().Truncate(time.Second)
	for direction, at := range map[string]time.Time{"future": now.AddDate(0, 1, 0), "past": time.Unix(5, 0)} {
		s.clear()
		s.account(record{kind: begin, id: "old", user: "1", at: now.Add(-time.Hour)})
		s.account(record{kind: on, at: at})
		if list := s.sessions(); len(list) != 1 || list[0].Ended == nil || list[0].Ended.After(time.Now()) || list[0].Ended.Before(now) {
			t.Errorf("%s: the sessions are %q", direction, describe(list))
		}
		if n := s.metric(`simtransfer_radius_wrong_clock_total{direction="` + direction + `"}`); n != 1 {
			t.Errorf("%s: %d are counted", direction, n)
		}
		if !strings.Contains(s.log.String(), "an Event-Timestamp from the "+direction+" was not believed") {
			t.Errorf("%s: it is not logged", direction)
		}
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	s := start(t, nil, accounting.Config{})
	proxies := func(p *radius.Packet) {
		for _, state := range []string{"b", "a", "", "b"} {
			p.Add(rfc2865.ProxyState_Type, radius.Attribute(state))
		}
	}
	states := func(p *radius.Packet) string {
		var list []string
		for _, avp := range p.Attributes {
			if avp.Type == rfc2865.ProxyState_Type {
				list = append(list, string(avp.Attribute))
			}
		}
		return strings.Join(list, ",")
	}
	for _, r := range []record{{kind: begin, id: "a"}, {kind: on}, {kind: 9}, {kind: 15, id: "a"}, {kind: 4711}} {
		r.more = proxies
		if got := states(s.account(r)); got != "b,a,,b" {
			t.Errorf("%v: Proxy-State is %q", r.kind, got)
		}
	}
	if n := len(s.sessions()); n != 1 {
		t.Errorf("%d sessions are stored", n)
	}
	if n := s.reports("other", "ignored"); n != 3 {
		t.Errorf("%d records of other kinds are counted, want 3", n)
	}
	signed := sign(s.packet(record{kind: begin, id: "signed", more: proxies}))
	answer := s.deliver(s.socket(), signed)
	if _, ok := answer.Lookup(rfc2869.MessageAuthenticator_Type); !ok || states(answer) != "b,a,,b" {
		t.Errorf("the answer to a signed packet is %v", answer.Attributes)
	}
	status := radius.New(radius.CodeStatusServer, []byte(secret))
	proxies(status)
	if answer := s.deliver(s.socket(), sign(status)); states(answer) != "b,a,,b" {
		t.Errorf("the answer to Status-Server is %v", answer.Attributes)
	}
}

// What is not authentic, or not readable, is counted by name and not answered, and
// the log does not grow with it.
func TestRefused(t *testing.T) {
	t.Parallel()
	s := start(t, nil, accounting.Config{Reload: 50 * time.Millisecond})
	good := encode(s.packet(record{kind: begin, id: "a", user: "1"}))
	changed := bytes.Clone(good)
	changed[len(changed)-1]++
	forged := s.packet(record{kind: begin, id: "a", user: "1"})
	forged.Secret = []byte("other secret")
	unsigned := radius.New(radius.CodeStatusServer, []byte(secret))
	missigned := bytes.Clone(sign(radius.New(radius.CodeStatusServer, []byte(secret))))
	missigned[len(missigned)-1]++
	kindless := radius.New(radius.CodeAccountingRequest, []byte(secret))
	zero := radius.New(radius.CodeAccountingRequest, []byte(secret))
	must(rfc2866.AcctStatusType_Set(zero, begin))
	broken := encode(zero)
	broken[21] = 0 // the length of its attribute
	reseal(broken)
	short, long := bytes.Clone(broken), bytes.Clone(broken)
	short[21], long[21] = 1, 255
	reseal(short)
	reseal(long)
	huge := append([]byte{4, 1, 0x10, 1}, make([]byte, 4093)...) // 4097 bytes, and its length says so
	endless := bytes.Clone(good)
	endless[2], endless[3] = 0xff, 0xff
	oddlySigned := func(signatures ...string) []byte {
		return encode(s.packet(record{kind: begin, id: "a", user: "1", more: func(p *radius.Packet) {
			for _, signature := range signatures {
				p.Add(rfc2869.MessageAuthenticator_Type, radius.Attribute(signature))
			}
		}}))
	}
	for _, c := range []struct {
		name, result string
		wire         []byte
	}{
		{"empty", "truncated", []byte{}},
		{"a header cut off", "truncated", good[:19]},
		{"attributes cut off", "truncated", good[:len(good)-1]},
		{"a length below that of a header", "truncated", append([]byte{4, 1, 0, 19}, make([]byte, 40)...)},
		{"changed on the way", "wrong_authenticator", changed},
		{"another secret", "wrong_authenticator", encode(forged)},
		{"Status-Server without Message-Authenticator", "wrong_authenticator", encode(unsigned)},
		{"Status-Server with a wrong one", "wrong_authenticator", missigned},
		{"a length above that of the datagram", "truncated", endless},
		{"more than a packet can have", "truncated", huge},
		{"a wrong Message-Authenticator", "wrong_authenticator", oddlySigned("0123456789abcdef")},
		{"a Message-Authenticator that is too short", "wrong_authenticator", oddlySigned("0123")},
		{"two Message-Authenticators", "wrong_authenticator", oddlySigned("0123456789abcdef", "0123456789abcdef")},
		{"an attribute of length zero", "malformed", broken},
		{"an attribute of length one", "malformed", short},
		{"an attribute that is longer than the packet", "malformed", long},
		{"no Acct-Status-Type", "malformed", encode(kindless)},
		{"Access-Request", "wrong_code", encode(radius.New(radius.CodeAccessRequest, []byte(secret)))},
		{"Disconnect-Request", "wrong_code", encode(radius.New(radius.CodeDisconnectRequest, []byte(secret)))},
		{"an answer", "wrong_code", encode(radius.New(radius.CodeAccountingRequest, []byte(secret)).Response(radius.CodeAccountingResponse))},
	} {
		before := s.packets(c.result)
		x := s.socket()
		for range 50 {
			x.send(c.wire)
		}
		storagetest.Await(t, c.name+" is counted", func() bool { return s.packets(c.result) == before+50 })
		if answer := x.answered(time.Millisecond); answer != nil {
			t.Errorf("%s: it was answered with %x", c.name, answer)
		}
	}
	if n := len(s.sessions()); n != 0 {
		t.Errorf("%d sessions are stored", n)
	}
	s.db.Exec(`UPDATE radius.nas SET nasname = '127.0.0.2'`)
	storagetest.Await(t, "an unknown client is counted", func() bool {
		s.socket().send(good)
		return s.packets("unknown_client") > 0
	})
	if n := strings.Count(s.log.String(), "\n"); n > 20 {
		t.Errorf("the log has %d lines", n)
	}
}

// Clients are found by the longest prefix, and changes need no restart.
func TestClients(t *testing.T) {
	t.Parallel()
	s := start(t, nil, accounting.Config{Reload: 10 * time.Millisecond})
	answers := func(secret string) bool {
		p := s.packet(record{kind: begin, id: "a", user: "1"})
		p.Secret = []byte(secret)
		c := s.socket()
		c.send(encode(p))
		return c.answered(200*time.Millisecond) != nil
	}
	s.db.Exec(`DELETE FROM radius.nas`)
	storagetest.Await(t, "the client is removed", func() bool { return !answers(secret) })
	s.client("127.0.0.0/8", "wide")
	s.client("0.0.0.0/0", "widest")
	storagetest.Await(t, "a network is added", func() bool { return answers("wide") })
	s.client("127.0.0.1", "narrow")
	storagetest.Await(t, "a longer prefix is added", func() bool { return answers("narrow") })
	if answers("wide") || answers("widest") {
		t.Error("the secret of a wider network is accepted")
	}
}

// Values are stored as the gateway sent them, whatever their bytes are, and a
// Disconnect-Request gets them so.
func TestValuesAsTheyAreSent(t *testing.T) {
	t.Parallel()
	s := start(t, nil, accounting.Config{})
	sim := s.sims(1, transfer.Active)[0]
	v6 := net.ParseIP("2001:db8::7")
	for _, c := range []struct {
		name   string
		record record
		nas    string
	}{
		{"usual", record{id: "EPC+17#4=a", user: sim.IMSI}, "10.0.0.1"},
		{"not UTF-8", record{id: "\xff\xfe=\x00\\n", user: sim.IMSI, number: "\xe9"}, "10.0.0.1"},
		{"a backslash", record{id: `a\b=2B"`, user: `REALM\name"`, imsi: sim.IMSI}, "10.0.0.1"},
		{"a backslash and no UTF-8", record{id: "\xff", user: "REALM\\n\xe9", imsi: sim.IMSI}, "10.0.0.1"},
		{"3GPP-IMSI only", record{id: "a", imsi: sim.IMSI}, "10.0.0.1"},
		{"an EAP identity", record{id: "a", user: "0" + sim.IMSI + "@nai.epc.mnc001.mcc001.3gppnetwork.org"}, "10.0.0.1"},
		{"an MSISDN with +", record{id: "a", number: "+" + sim.MSISDN}, "10.0.0.1"},
		{"IPv6", record{id: "a", user: sim.IMSI, nas: v6}, "2001:db8::7"},
		{"IPv4 in IPv6", record{id: "a", user: sim.IMSI, nas: net.ParseIP("10.0.0.1").To4()}, "10.0.0.1"},
		{"no NAS-IP-Address", record{id: "a", user: sim.IMSI, nas: net.IP{}}, "127.0.0.1"},
		{"no Acct-Session-Id", record{user: sim.IMSI}, "10.0.0.1"},
	} {
		s.clear()
		c.record.kind = begin
		s.account(c.record)
		got := s.only()
		if got.SIM == nil || *got.SIM != sim.ID || got.NAS != c.nas {
			t.Errorf("%s: %+v", c.name, got)
			continue
		}
		list, err := s.db.SessionsOf(t.Context(), storage.Work{Kind: transfer.WorkDropStray, Items: []int64{got.ID}})
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		if a := list[0]; string(a.AcctSessionID) != c.record.id || string(a.Username) != c.record.user || string(a.CallingStationID) != c.record.number {
			t.Errorf("%s: the gateway would be asked to disconnect %q of %q, %q", c.name, a.AcctSessionID, a.Username, a.CallingStationID)
		}
		c.record.kind = end
		s.account(c.record)
		if got := s.only(); got.Ended == nil {
			t.Errorf("%s: the end is not recorded: %+v", c.name, got)
		}
	}
	s.clear()
	s.account(record{kind: begin, id: "all", user: sim.IMSI, class: []string{"since=1", "\xff"}, more: func(p *radius.Packet) {
		must(rfc2865.NASIdentifier_SetString(p, "pgw-1"))
		must(rfc2865.NASPort_Set(p, 4711))
		must(rfc2865.ServiceType_Set(p, rfc2865.ServiceType_Value_FramedUser))
		must(rfc2865.FramedIPAddress_Set(p, net.IPv4(10, 128, 0, 1)))
		p.Add(97, radius.Attribute{0, 64, 0x20, 1, 0xd, 0xb8, 0, 1, 0, 2, 0xff}) // Framed-IPv6-Prefix with host bits
		p.Add(rfc2865.VendorSpecific_Type, radius.Attribute{0, 0, 0x28, 0xaf, 10, 3, '5'})
	}})
	want := `pgw-1|4711|4711|Framed-User|10.128.0.1|2001:db8:1:2:ff00::/64|5|0x73696e63653d31,0xff`
	if got := storagetest.One[string](s.db, `
		SELECT concat_ws('|', nasidentifier, nasport, nasportid, servicetype, host(framedipaddress), framedipv6prefix, nsapi, class) FROM radius.radacct`); got != want {
		t.Errorf("stored is %s, want %s", got, want)
	}
}

// A gateway that has gone wrong cannot open any number of sessions for a SIM. What is
// not stored is not answered.
func TestFlood(t *testing.T) {
	t.Parallel()
	s := start(t, nil, accounting.Config{})
	sim := s.sims(1, transfer.Active)[0]
	c := s.socket()
	const sent = storage.MaxSessionsPerSIM + 20
	for i := range sent {
		c.send(encode(s.packet(record{kind: begin, id: fmt.Sprint(i), user: sim.IMSI})))
	}
	storagetest.Await(t, "all are handled", func() bool { return s.packets("answered")+s.packets("flooded") == sent })
	if n := len(s.sessions()); n != storage.MaxSessionsPerSIM || s.packets("answered") != n {
		t.Errorf("%d sessions are stored, and %d answered", n, s.packets("answered"))
	}
	s.account(record{kind: begin, id: "of another SIM", user: "1"})
	if n := s.metric("simtransfer_radius_unknown_sims_total"); n != 1 {
		t.Errorf("%d sessions without their SIM are counted, want 1", n)
	}
	s.account(record{kind: end, id: "0", user: sim.IMSI})
	s.account(record{kind: begin, id: "now there is room", user: sim.IMSI})
}

// Start and Stop of a session are stored in the order in which they arrive, even if
// the gateway does not wait for answers.
func TestOrder(t *testing.T) {
	t.Parallel()
	s := start(t, nil, accounting.Config{})
	c := s.socket()
	const sessions = 200
	for i := range sessions {
		for _, kind := range []rfc2866.AcctStatusType{begin, update, end} {
			c.send(encode(s.packet(record{kind: kind, id: fmt.Sprint(i), user: "1", nas: net.IPv4(10, 0, 0, byte(i%7)+1)})))
		}
	}
	storagetest.Await(t, "all are answered", func() bool { return s.packets("answered") == 3*sessions })
	if open := storagetest.One[int](s.db, `SELECT count(*) FROM radius.radacct WHERE acctstoptime IS NULL`); open > 0 || len(s.sessions()) != sessions {
		t.Errorf("of %d sessions, %d are open", len(s.sessions()), open)
	}
}

// awayStore is a database that can be away.
type awayStore struct {
	*storage.DB
	away  atomic.Bool
	calls atomic.Int64
	gate  chan struct{} // if not nil, nothing is stored before it is closed
}

func (a *awayStore) RecordSessions(ctx context.Context, list []storage.SessionReport) ([]storage.ReportResult, error) {
	a.calls.Add(1)
	if a.away.Load() {
		return nil, &storage.ConnectError{Err: errors.New("the database is away")}
	}
	if a.gate != nil {
		<-a.gate
	}
	return a.DB.RecordSessions(ctx, list)
}

// While the database is away, gateways get no answer, and send their packets again.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	var store *awayStore
	s := start(t, func(db *storagetest.DB) accounting.Store {
		store = &awayStore{DB: db.DB}
		store.away.Store(true)
		return store
	}, accounting.Config{})
	c, wire := s.socket(), encode(s.packet(record{kind: begin, id: "a", user: "1"}))
	c.send(wire)
	storagetest.Await(t, "the packet is counted", func() bool { return s.packets("not_stored") == 1 })
	if c.answered(50*time.Millisecond) != nil {
		t.Fatal("it was answered")
	}
	store.away.Store(false)
	s.deliver(c, wire)
	s.only()
}

// Answers come after the commit, and a process that stops stores and answers what has
// arrived.
func TestStop(t *testing.T) {
	t.Parallel()
	var store *awayStore
	s := start(t, func(db *storagetest.DB) accounting.Store {
		store = &awayStore{DB: db.DB, gate: make(chan struct{})}
		return store
	}, accounting.Config{})
	c := s.socket()
	c.send(encode(s.packet(record{kind: begin, id: "a", user: "1"})))
	storagetest.Await(t, "the first is being stored", func() bool { return store.calls.Load() == 1 })
	c.send(encode(s.packet(record{kind: begin, id: "b", user: "2"})))
	storagetest.Await(t, "the second waits", func() bool { return s.metric("simtransfer_radius_waiting") == 1 })
	if c.answered(50*time.Millisecond) != nil {
		t.Fatal("it was answered before it was stored")
	}
	stopped := make(chan struct{})
	go func() {
		s.stop()
		close(stopped)
	}()
	close(store.gate)
	<-stopped
	if n := len(s.sessions()); n != 2 || c.answered(time.Second) == nil || c.answered(time.Second) == nil {
		t.Errorf("%d sessions are stored, or one was not answered", n)
	}
}

// A report that makes its batch fail fails alone.
func TestBadData(t *testing.T) {
	t.Parallel()
	s := start(t, nil, accounting.Config{})
	s.db.Exec(`ALTER TABLE radius.radacct ADD CONSTRAINT bad CHECK (acctsessionid <> 'bad')`)
	c := s.socket()
	for i := range 20 {
		id := fmt.Sprint(i)
		if i == 7 {
			id = "bad"
		}
		c.send(encode(s.packet(record{kind: begin, id: id, user: "1"})))
	}
	storagetest.Await(t, "all are handled", func() bool { return s.packets("answered") == 19 && s.packets("not_stored") == 1 })
	if n := len(s.sessions()); n != 19 {
		t.Errorf("%d sessions are stored", n)
	}
}

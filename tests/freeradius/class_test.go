package freeradius_test

import (
	"testing"
	"time"

	layeh "layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"

	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// admit sends an Access-Request for a user and returns the Class of the answer.
func (s *freeRADIUS) admit(user string) []string {
	s.t.Helper()
	answer := s.send(s.auth, func() *layeh.Packet {
		p := layeh.New(layeh.CodeAccessRequest, []byte(secret))
		_ = rfc2865.UserName_SetString(p, user)
		_ = rfc2865.UserPassword_SetString(p, "password")
		return p
	})
	if answer.Code != layeh.CodeAccessAccept {
		s.t.Fatalf("the answer to %q is %v, want Access-Accept", user, answer.Code)
	}
	classes, err := rfc2865.Class_Gets(answer)
	if err != nil {
		s.t.Fatal(err)
	}
	var texts []string
	for _, class := range classes {
		texts = append(texts, string(class))
	}
	return texts
}

// expectStrays fails the test unless the sessions to disconnect are those of the
// records for which stray is true. The records are named by Acct-Session-Id.
func (s *freeRADIUS) expectStrays(stray map[string]bool) {
	s.t.Helper()
	got := map[string]bool{}
	for _, id := range storagetest.All[string](s.db, `
		SELECT a.acctsessionid FROM work w JOIN radius.radacct a ON a.radacctid = w.items[1] WHERE w.kind = 'drop_stray'`) {
		got[id] = true
	}
	for id, want := range stray {
		if got[id] != want {
			s.t.Errorf("session %s is to be disconnected: %v, want %v; it is stored as\n%v", id, got[id], want,
				storagetest.All[string](s.db, `SELECT a::text FROM radius.radacct a WHERE acctsessionid = $1`, id))
		}
	}
}

// The Class of an Access-Accept names the registration under which a SIM was let in.
// When accounting returns it, it decides whose the session is, whatever the clock of
// the gateway says.
func TestClassDecides(t *testing.T) {
	t.Parallel()
	s := start(t, configuration{shipped: true})
	sims := s.sims(10, transfer.Ready)
	s.pass(24 * time.Hour)
	before, after := map[int64][]string{}, map[int64][]string{}
	admit := func(into map[int64][]string) {
		for _, sim := range sims {
			into[sim.ID] = s.admit("0" + sim.IMSI + "@nai.epc.mnc001.mcc001.3gppnetwork.org")
			want := storagetest.One[string](s.db, `SELECT 'since=' || (extract(epoch FROM since) * 1000000)::bigint FROM sims WHERE id = $1`, sim.ID)
			if got := into[sim.ID]; len(got) != 1 || got[0] != want {
				t.Fatalf("the Class of SIM %d is %q, want %q", sim.ID, got, want)
			}
		}
	}
	for _, sim := range sims {
		s.db.Exec(`INSERT INTO radius.radcheck (username, attribute, op, value) VALUES ($1, 'Auth-Type', ':=', 'Accept')`,
			"0"+sim.IMSI+"@nai.epc.mnc001.mcc001.3gppnetwork.org")
	}
	s.db.Exec(`INSERT INTO radius.radcheck (username, attribute, op, value) VALUES ('unknown', 'Auth-Type', ':=', 'Accept')`)
	if got := s.admit("unknown"); len(got) != 0 {
		t.Errorf("the Class of a user that names no SIM is %q, want none", got)
	}
	admit(before)
	s.transferred(sims...)
	s.db.Exec(`
		WITH moved AS (
			UPDATE registrations SET since = since - interval '10 minutes' WHERE request IS NOT NULL RETURNING sim, since
		)
		UPDATE sims SET since = moved.since FROM moved WHERE id = moved.sim`)
	admit(after)

	now := time.Now()
	stray := map[string]bool{}
	for i, c := range []struct {
		name    string
		kind    rfc2866.AcctStatusType
		at      time.Time
		class   []string
		outlive bool
	}{
		{"earlier", begin, now, before[sims[0].ID], true},
		{"earlier before another", begin, now, append(before[sims[1].ID], "other"), true},
		{"earlier after another", begin, now, append([]string{"other"}, before[sims[2].ID]...), true},
		{"earlier in an update", update, now, before[sims[3].ID], true},
		{"current by a slow clock", begin, now.Add(-time.Hour), after[sims[4].ID], false},
		{"of another SIM", begin, now, before[sims[0].ID], false},
		{"of another SIM by a slow clock", begin, now.Add(-time.Hour), after[sims[0].ID], true},
		{"of no registration", begin, now, []string{"since=1000000000000000"}, false},
		{"invalid", begin, now.Add(-time.Hour), []string{"since=99999999999999999999999"}, true},
		{"none", begin, now, nil, false},
	} {
		s.account(record{kind: c.kind, id: c.name, user: sims[i].IMSI, at: c.at, class: c.class})
		stray[c.name] = c.outlive
		status := storagetest.One[transfer.Status](s.db, `SELECT status FROM sims WHERE id = $1`, sims[i].ID)
		if want := map[bool]transfer.Status{true: transfer.Ready, false: transfer.Active}[c.outlive]; status != want {
			t.Errorf("after a session with Class %s, its SIM is %s, want %s", c.name, status, want)
		}
	}
	s.expectStrays(stray)
	s.db.Check(3, 8) // the transfers are made up

	// A session that we have closed, and that continues, is judged by its Class, too.
	s.db.Exec(`DELETE FROM work WHERE kind = 'drop_stray'`)
	s.db.Exec(`UPDATE radius.radacct SET acctstoptime = clock_timestamp() - interval '1 minute', closed_at = clock_timestamp() - interval '1 minute'`)
	s.db.Exec(`UPDATE radius.radacct SET acctstoptime = closed_at`)
	s.account(record{kind: update, id: "earlier", user: sims[0].IMSI, at: now, lasted: time.Hour})
	s.account(record{kind: update, id: "current by a slow clock", user: sims[4].IMSI, at: now, class: after[sims[4].ID]})
	s.expectStrays(map[string]bool{"earlier": true, "current by a slow clock": false})
}

// Without Class, times that cannot be true are not believed: the record is from now.
func TestWrongClocks(t *testing.T) {
	t.Parallel()
	s := start(t, configuration{})
	sims := s.sims(12, transfer.Ready)
	s.transferred(sims...)
	s.pass(10 * time.Minute)
	now, epoch := time.Now(), time.Unix(1000, 0)
	stray := map[string]bool{}
	for i, c := range []struct {
		name    string
		kind    rfc2866.AcctStatusType
		at      time.Time
		lasted  time.Duration
		outlive bool
	}{
		{"start in an hour", begin, now.Add(time.Hour), 0, false},
		{"start in 2038", begin, time.Unix(1<<31-1, 0), 0, false},
		{"start in 2106", begin, time.Unix(1<<32-1, 0), 0, false},
		{"update in an hour", update, now.Add(time.Hour), 20 * time.Minute, true},
		{"short update in an hour", update, now.Add(time.Hour), time.Minute, false},
		{"update in 2106", update, time.Unix(1<<32-1, 0), 20 * time.Minute, true},
		{"start in 1970", begin, epoch, 0, false},
		{"start at the epoch", begin, time.Unix(0, 0), 0, false},
		{"update in 1970", update, epoch, 20 * time.Minute, true},
		{"short update in 1970", update, epoch, time.Minute, false},
		{"update after 136 years", update, now, (1<<32 - 1) * time.Second, false},
		{"start an hour ago", begin, now.Add(-time.Hour), 0, true},
	} {
		s.account(record{kind: c.kind, id: c.name, user: sims[i].IMSI, at: c.at, lasted: c.lasted})
		stray[c.name] = c.outlive
	}
	s.expectStrays(stray)
	wrong := func() []string {
		return storagetest.All[string](s.db, `
			SELECT acctsessionid
			FROM radius.radacct
			WHERE greatest(acctstarttime, acctupdatetime, acctstoptime) > clock_timestamp() OR acctstarttime < clock_timestamp() - interval '2 hours'`)
	}
	if got := wrong(); len(got) > 0 {
		t.Errorf("sessions with times that cannot be true: %q", got)
	}
	s.db.Check(3, 8) // the transfers are made up

	// Repetitions and updates of open sessions are corrected, too. A gateway whose clock
	// is slow has been heard: its session is not closed for silence.
	for _, r := range []record{
		{kind: begin, id: "start in an hour", user: sims[0].IMSI, at: now.Add(time.Hour)},
		{kind: begin, id: "start in 1970", user: sims[6].IMSI, at: epoch.Add(time.Minute)},
		{kind: update, id: "start in 1970", user: sims[6].IMSI, at: epoch.Add(time.Hour), lasted: time.Hour},
		{kind: update, id: "start in 2038", user: sims[1].IMSI, at: time.Unix(1<<31, 0), lasted: time.Minute},
	} {
		s.account(r)
	}
	if got := wrong(); len(got) > 0 {
		t.Errorf("after updates, sessions with times that cannot be true: %q", got)
	}
	if list, err := s.db.StaleSessions(t.Context(), 2*time.Hour, 0, 100); err != nil || len(list) > 0 {
		t.Errorf("sessions without news: %+v, %v; want none", list, err)
	}

	// A stop, or a restart of the gateway, that claims to be in the future does not
	// hide that the session continues, or that its id is used again.
	open := func(id string) bool {
		return storagetest.One[bool](s.db, `SELECT acctstoptime IS NULL FROM radius.radacct WHERE acctsessionid = $1`, id)
	}
	s.account(record{kind: end, id: "start in 1970", user: sims[6].IMSI, at: time.Unix(1<<31, 0), lasted: time.Minute})
	s.account(record{kind: on, at: time.Unix(1<<31, 0)})
	for _, id := range []string{"start in 1970", "start in 2038"} {
		if open(id) {
			t.Fatalf("session %s is open after its end", id)
		}
	}
	s.pass(time.Minute)
	s.account(record{kind: begin, id: "start in 1970", user: sims[6].IMSI, at: time.Now()})
	s.account(record{kind: update, id: "start in 2038", user: sims[1].IMSI, at: time.Now(), lasted: time.Hour})
	for _, id := range []string{"start in 1970", "start in 2038"} {
		if !open(id) {
			t.Errorf("session %s is closed, although its gateway reports it", id)
		}
	}
}

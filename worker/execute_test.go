package worker_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// settingsOf returns a SIM's current settings and its plan.
func (s *testService) settingsOf(sim storagetest.SIM) map[string]any {
	s.t.Helper()
	return decode(s.t, storagetest.One[[]byte](s.DB, fmt.Sprintf(`
		SELECT to_jsonb(x) FROM (SELECT %s FROM sims WHERE id = $1) x`, strings.Join(names(transfer.Snapshot()), ", ")), sim.ID))
}

// names returns the columns of settings of a SIM.
func names(settings []transfer.Setting) []string {
	var names []string
	for _, s := range settings {
		names = append(names, s.Name)
	}
	return names
}

func decode(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func with(base map[string]any, changes map[string]any) map[string]any {
	m := map[string]any{}
	for k, v := range base {
		m[k] = v
	}
	for k, v := range changes {
		m[k] = v
	}
	return m
}

// What a transfer keeps and what it resets, by method, and the snapshots.
func TestSettingsAndSnapshots(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.sims(transfer.Ready, transfer.Active, transfer.Inactive, transfer.Standby, transfer.Suspended, transfer.Ready)
	before := s.settingsOf(sims[0])
	if want := map[string]any{
		"tags": map[string]any{"site": "north"}, "expiration": "2040-01-02T03:04:05.678901+00:00", "termination_protection": true,
		"sim_group": "meters", "event_handlers": []any{"https://hooks.example/1"}, "speed_class": "standard",
		"containers": []any{"profile"}, "imei_lock": "490154203237518", "plan": storagetest.FreePlan,
	}; !cmp.Equal(before, want) {
		t.Fatalf("a seeded SIM (-want +got):\n%s", cmp.Diff(want, before))
	}
	s.Exec(`UPDATE sims SET transfer_lock = true WHERE id = $1`, sims[5].ID) // so it is not transferred
	r := s.request(sims[:5]...)
	r.run()
	locked := s.request(sims[5])
	locked.run()
	locked.expect(transfer.RequestRejected, "ineligible: sim_locked")
	s.Decide(r.id, transfer.Approve)
	s.Decide(r.id, transfer.Accept)
	r.run()
	r.expect(transfer.RequestCompleted, "completed", "completed", "completed", "completed", "completed")

	assisted := with(before, map[string]any{"sim_group": nil, "event_handlers": []any{}, "speed_class": nil})
	selfService := with(assisted, map[string]any{
		"tags": map[string]any{}, "expiration": nil, "termination_protection": false, "imei_lock": nil,
	})
	for i, x := range s.TransfersOf(r.id) {
		want := assisted
		if i == 0 {
			want = selfService
		}
		if diff := cmp.Diff(want, s.settingsOf(sims[i])); diff != "" {
			t.Errorf("settings of a SIM that was %s (-want +got):\n%s", sims[i].Status, diff)
		}
		if diff := cmp.Diff(before, decode(t, *x.Before)); diff != "" {
			t.Errorf("snapshot before, of a SIM that was %s (-want +got):\n%s", sims[i].Status, diff)
		}
		if diff := cmp.Diff(want, decode(t, *x.After)); diff != "" {
			t.Errorf("snapshot after, of a SIM that was %s (-want +got):\n%s", sims[i].Status, diff)
		}
		status := storagetest.One[transfer.Status](s.DB, `SELECT status FROM sims WHERE id = $1`, sims[i].ID)
		if status != sims[i].Status {
			t.Errorf("a SIM that was %s is %s now", sims[i].Status, status)
		}
	}
	if diff := cmp.Diff(before, s.settingsOf(sims[5])); diff != "" {
		t.Errorf("settings of a SIM that stayed (-want +got):\n%s", diff)
	}
	s.noWorkLeft()
}

// The destination's landing profile overrides the result of the policy; its tags
// are added to those that are kept.
func TestLandingProfile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                  string
		landing               *storage.Landing
		selfService, assisted map[string]any
	}{
		{
			"everything",
			&storage.Landing{Group: "pumps", SpeedClass: "fast", Tags: map[string]string{"fleet": "7", "site": "south"}},
			map[string]any{"tags": map[string]any{"fleet": "7", "site": "south"}, "sim_group": "pumps", "speed_class": "fast"},
			map[string]any{"tags": map[string]any{"fleet": "7", "site": "south"}, "sim_group": "pumps", "speed_class": "fast"},
		},
		{
			"a tag", &storage.Landing{Tags: map[string]string{"fleet": "7"}},
			map[string]any{"tags": map[string]any{"fleet": "7"}, "sim_group": nil, "speed_class": nil},
			map[string]any{"tags": map[string]any{"fleet": "7", "site": "north"}, "sim_group": nil, "speed_class": nil},
		},
		{
			"a group", &storage.Landing{Group: "pumps"},
			map[string]any{"tags": map[string]any{}, "sim_group": "pumps", "speed_class": nil},
			map[string]any{"tags": map[string]any{"site": "north"}, "sim_group": "pumps", "speed_class": nil},
		},
		{
			"a plan", &storage.Landing{Plan: storagetest.BoundPlan},
			map[string]any{"tags": map[string]any{}, "sim_group": nil, "plan": storagetest.BoundPlan},
			map[string]any{"tags": map[string]any{"site": "north"}, "sim_group": nil, "plan": storagetest.BoundPlan},
		},
		{
			"nothing", &storage.Landing{},
			map[string]any{"tags": map[string]any{}, "sim_group": nil, "speed_class": nil},
			map[string]any{"tags": map[string]any{"site": "north"}, "sim_group": nil, "speed_class": nil},
		},
	} {
		s := newTestService(t)
		sims := s.sims(transfer.Ready, transfer.Active, transfer.Ready, transfer.Active)
		s.Online(sims[3], s.gateway) // whose session has to be dropped first
		before := s.settingsOf(sims[0])
		r := s.request(sims...)
		r.run()
		s.Decide(r.id, transfer.Approve)
		if _, err := s.TryDecide(r.id, storage.Decision{
			Event: transfer.Accept, Landing: c.landing,
			SIMs: []transfer.Identifier{sims[0].Identifier(), sims[1].Identifier(), sims[3].Identifier()},
		}); err != nil {
			t.Fatal(err)
		}
		r.run()
		r.expect(transfer.RequestCompleted, "completed", "completed", "declined", "completed")
		for i, want := range []map[string]any{c.selfService, c.assisted, before, c.assisted} {
			got := s.settingsOf(sims[i])
			for name := range c.assisted {
				if !cmp.Equal(want[name], got[name]) {
					t.Errorf("%s: %s of SIM %d is %v, want %v", c.name, name, i, got[name], want[name])
				}
			}
			if x := s.TransfersOf(r.id)[i]; x.After != nil && !cmp.Equal(decode(t, *x.After), got) {
				t.Errorf("%s: the snapshot of SIM %d is not what it has now", c.name, i)
			}
		}
		s.noWorkLeft()
	}
}

// SIMs land on the plans that the mapping in force at the acceptance gives, whatever
// becomes of it later; a plan of the landing profile comes before it. The changes
// feed has one entry, with both plans.
func TestPlanMapping(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(transfer.Ready) // makes the plans
	for _, name := range []string{"a", "b", "c"} {
		if _, err := s.PutPlan(t.Context(), storage.System(), storage.Plan{Name: name}, func(*storage.Plan) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	general := storage.PlanMapping{PlanMapping: transfer.PlanMapping{Plans: map[string]string{storagetest.FreePlan: "a"}, Default: "b"}}
	pair := storage.PlanMapping{
		Source:      s.from.OperatorID,
		PlanMapping: transfer.PlanMapping{Plans: map[string]string{storagetest.FreePlan: "c"}},
	}
	for _, c := range []struct {
		name     string
		mappings []storage.PlanMapping
		landing  *storage.Landing
		want     string
	}{
		{"of the destination", []storage.PlanMapping{general}, nil, "a"},
		{"of the pair", []storage.PlanMapping{general, pair}, &storage.Landing{Group: "pumps"}, "c"},
		{"a landing plan", []storage.PlanMapping{general, pair}, &storage.Landing{Plan: storagetest.BoundPlan}, storagetest.BoundPlan},
	} {
		for _, m := range c.mappings {
			if _, _, err := s.PutPlanMapping(t.Context(), storage.System(), s.to, m, nil); err != nil {
				t.Fatal(err)
			}
		}
		sims := s.sims(transfer.Ready, transfer.Active)
		s.Online(sims[1], s.gateway) // whose session has to be dropped first
		r := s.request(sims...)
		r.run()
		s.Decide(r.id, transfer.Approve)
		if _, err := s.TryDecide(r.id, storage.Decision{Event: transfer.Accept, Landing: c.landing}); err != nil {
			t.Fatal(err)
		}
		for _, m := range c.mappings {
			if err := s.DeletePlanMapping(t.Context(), storage.System(), s.to, m.Source, nil); err != nil {
				t.Fatal(err)
			}
		}
		r.run()
		for _, sim := range sims {
			if plan := s.settingsOf(sim)["plan"]; plan != c.want {
				t.Errorf("%s: SIM %d landed on the plan %s, want %s", c.name, sim.ID, plan, c.want)
			}
			kinds := storagetest.All[string](s.DB, `
				SELECT kind FROM changes c LEFT JOIN transfers t ON t.request = c.request AND t.n <@ c.numbers
				WHERE $1 = ANY(c.sims) OR t.sim = $1 ORDER BY c.id`, sim.ID)
			if diff := cmp.Diff([]string{"created", "transferred"}, kinds); diff != "" {
				t.Errorf("%s: changes (-want +got):\n%s", c.name, diff)
			}
		}
	}
	s.Check()
	s.noWorkLeft()
}

// Unset settings stay unset, and are recorded in snapshots too.
func TestUnsetSettings(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.sims(transfer.Ready, transfer.Active)
	s.Exec(`UPDATE sims SET ` + strings.Join(names(transfer.Policy()), " = DEFAULT, ") + ` = DEFAULT`)
	r := s.accepted(sims...)
	r.run()
	r.expect(transfer.RequestCompleted, "completed", "completed")
	for _, x := range s.TransfersOf(r.id) {
		if x.Before == nil || x.After == nil || !cmp.Equal(decode(t, *x.Before), decode(t, *x.After)) {
			t.Errorf("snapshots: %v, %v", x.Before, x.After)
		}
	}
	s.noWorkLeft()
}

func TestChargesAndRegistrations(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.Exec(`INSERT INTO fees (method, currency, amount, valid_from) VALUES
		('support_assisted', 'EUR', 100, clock_timestamp() - interval '1 year'),
		('support_assisted', 'EUR', 700, clock_timestamp() + interval '1 minute'),
		('support_assisted', 'USD', 800, clock_timestamp())`)
	sims := s.sims(transfer.Ready, transfer.Active, transfer.Terminated, transfer.Suspended)
	r := s.accepted(sims...)
	s.Fee("EUR", 900) // later than the quote, which stays valid
	s.Exec(`UPDATE sims SET transfer_lock = true WHERE id = $1`, sims[3].ID)
	r.run()
	r.expect(transfer.RequestCompleted, "completed", "completed", "ineligible: sim_terminated", "failed: sim_locked")
	if diff := cmp.Diff(map[int]int64{1: 500}, r.charges()); diff != "" {
		t.Errorf("charges (-want +got):\n%s", diff)
	}
	type registration struct {
		SIM     int64
		Account int64
		N       *int
		Later   bool
	}
	n := func(i int) *int { return &i }
	want := []registration{
		{sims[0].ID, s.from.ID, nil, false},
		{sims[0].ID, s.to.ID, n(0), true},
		{sims[1].ID, s.from.ID, nil, false},
		{sims[1].ID, s.to.ID, n(1), true},
		{sims[2].ID, s.from.ID, nil, false},
		{sims[3].ID, s.from.ID, nil, false},
	}
	got := storagetest.All[registration](s.DB, `
		SELECT sim, account, n, since > (SELECT created_at FROM requests) AS later FROM registrations ORDER BY sim, since`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("registrations (-want +got):\n%s", diff)
	}
	for i, owner := range []int64{s.to.ID, s.to.ID, s.from.ID, s.from.ID} {
		if got := s.Owner(sims[i]); got != owner {
			t.Errorf("SIM %d belongs to account %d, want %d", i, got, owner)
		}
	}
	s.noWorkLeft()
}

// A registration starts strictly after the previous one, even if the clock has not
// advanced or was set back.
func TestRegistrationsWithClockSetBack(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sim := s.sims(transfer.Ready)[0]
	s.Exec(`
		WITH moved AS (UPDATE registrations SET since = clock_timestamp() + interval '1 hour' RETURNING since)
		UPDATE sims SET since = moved.since FROM moved`)
	for i := range 3 {
		r := s.accepted(sim)
		r.run()
		r.expect(transfer.RequestCompleted, "completed")
		s.from, s.to = s.to, s.from
		apart := storagetest.One[float64](s.DB, `
			SELECT extract(epoch FROM max(since) - min(since)) * 1e6 FROM registrations`)
		if apart != float64(i+1) {
			t.Errorf("after %d transfers the registrations span %.0f µs", i+1, apart)
		}
	}
	s.noWorkLeft()
}

// A partial acceptance accepts the SIMs that it names. The others are declined, and
// their sessions are not dropped.
func TestPartialAcceptance(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.sims(transfer.Active, transfer.Active, transfer.Ready, transfer.Ready)
	s.Online(sims[0], s.gateway)
	s.Online(sims[1], s.gateway)
	r := s.request(sims...)
	r.run()
	s.Decide(r.id, transfer.Approve)
	s.Decide(r.id, transfer.Accept, sims[0].Identifier(), sims[2].Identifier())
	r.run()
	r.expect(transfer.RequestCompleted, "completed", "declined", "completed", "declined")
	s.openSessions(1)
	if diff := cmp.Diff(map[int]int64{0: 500}, r.charges()); diff != "" {
		t.Errorf("charges (-want +got):\n%s", diff)
	}
	s.noWorkLeft()
	// The declined SIMs can be requested again.
	again := s.accepted(sims[1], sims[3])
	again.run()
	again.expect(transfer.RequestCompleted, "completed", "completed")
	s.noWorkLeft()
}

// A SIM named twice, by two of its identifiers, is transferred once.
func TestOneSIMNamedTwice(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.sims(transfer.Ready, transfer.Active)
	id := s.Request(storagetest.Request{From: s.from, To: s.to, Identifiers: []string{
		sims[0].ICCID, sims[1].IMSI, sims[0].IMSI, sims[1].ICCID, sims[0].MSISDN,
	}})
	r := testRequest{id, s}
	r.run()
	const twice = "ineligible: already_transferring"
	r.expect(transfer.InReview, "eligible", "eligible", twice, twice, twice)
	s.Check()
	s.Decide(id, transfer.Approve)
	s.Decide(id, transfer.Accept)
	r.run()
	r.expect(transfer.RequestCompleted, "completed", "completed", twice, twice, twice)
	s.noWorkLeft()
}

// The same in two chunks that are validated concurrently: one of the two lines of
// each SIM is eligible.
func TestOneSIMInTwoChunks(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.SIMs(transfer.ChunkSize, storagetest.SIM{Account: s.from.ID})
	var identifiers []string
	for _, sim := range sims {
		identifiers = append(identifiers, sim.ICCID)
	}
	for i := range sims {
		identifiers = append(identifiers, sims[len(sims)-1-i].IMSI) // in reverse order
	}
	r := testRequest{s.Request(storagetest.Request{From: s.from, To: s.to, Identifiers: identifiers}), s}
	var ended []<-chan error
	for _, task := range s.Tasks() {
		ended = append(ended, storagetest.Go(func() error { return s.handler.ProcessTask(t.Context(), task) }))
	}
	for _, e := range ended {
		if err := <-e; err != nil {
			t.Error(err)
		}
	}
	now := r.load()
	if now.State != transfer.AwaitingAcceptance || now.Eligible != len(sims) || now.Ineligible != len(sims) {
		t.Errorf("the request: %+v", now)
	}
	s.noDeadlock()
	s.Check()
}

// noDeadlock fails the test if two transactions have deadlocked.
func (s *testService) noDeadlock() {
	s.t.Helper()
	s.Exec(`SELECT pg_stat_clear_snapshot()`)
	if n := storagetest.One[int](s.DB, `SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`); n > 0 {
		s.t.Errorf("%d deadlocks", n)
	}
}

// A SIM in two requests is claimed by the first one; it can be requested again
// after the first has ended.
func TestOneSIMInTwoRequests(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.sims(transfer.Ready, transfer.Ready)
	first, second := s.request(sims[0]), s.request(sims...)
	first.run()
	first.expect(transfer.AwaitingAcceptance, "eligible")
	second.expect(transfer.AwaitingAcceptance, "ineligible: already_transferring", "eligible")
	s.Decide(first.id, transfer.Decline)
	first.run()
	first.expect(transfer.RequestDeclined, "declined")
	s.Check()
	third := s.accepted(sims[0])
	third.run()
	third.expect(transfer.RequestCompleted, "completed")
	s.Check()
	// Now the SIM belongs to the destination.
	fourth := s.request(sims[0])
	fourth.run()
	fourth.expect(transfer.RequestRejected, "ineligible: sim_not_found")
	s.from, s.to = s.to, s.from
	back := s.accepted(sims[0])
	back.run()
	back.expect(transfer.RequestCompleted, "completed")
	if owner := s.Owner(sims[0]); owner != s.to.ID {
		t.Errorf("the SIM belongs to account %d, want %d", owner, s.to.ID)
	}
	s.Check()
}

// Changes after validation are found at execution, for each SIM.
func TestChangesBeforeExecution(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.sims(transfer.Ready, transfer.Ready, transfer.Active, transfer.Active, transfer.Active, transfer.Active, transfer.Ready)
	r := s.accepted(sims...)
	change := func(i int, set string) { s.Exec(`UPDATE sims SET `+set+` WHERE id = $1`, sims[i].ID) }
	change(0, `status = 'active'`)
	change(1, `status = 'terminated'`)
	change(2, `status = 'ready'`)
	change(3, `transfer_lock = true`)
	change(4, `status = 'suspended'`) // no effect
	s.Exec(`WITH g AS (UPDATE registrations SET account = $2 WHERE sim = $1) UPDATE sims SET account = $2 WHERE id = $1`, sims[5].ID, s.Account().ID)
	r.run()
	r.expect(transfer.RequestCompleted, "failed: status_changed", "failed: sim_terminated", "failed: status_changed", "failed: sim_locked",
		"completed", "failed: owner_changed", "completed")
	s.noWorkLeft()
}

func TestAccountClosedBeforeExecution(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	r := s.accepted(s.sims(transfer.Ready, transfer.Active)...)
	s.Exec(`UPDATE accounts SET standing = 'closed' WHERE id = $1`, s.to.ID)
	r.run()
	r.expect(transfer.RequestCompleted, "failed: account_closed", "failed: account_closed")
	s.noWorkLeft()
}

// SIMs that are online move to drop_sessions work, by gateway; the others do not
// wait for them.
func TestOnlineSIMsMoveToDropWork(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.sims(transfer.Active, transfer.Active, transfer.Active, transfer.Active, transfer.Ready)
	other := s.Gateway()
	s.Online(sims[0], s.gateway)
	s.Online(sims[1], other)
	s.Online(sims[2], other)
	s.Online(sims[2], s.gateway) // at both: in the work for one of them
	r := s.accepted(sims...)
	process(t, s.DB, s.handler, s.onlyWork(transfer.WorkExecute))
	r.expect(transfer.Transferring, "eligible", "eligible", "eligible", "completed", "completed")
	if left := r.load().Left; left != 3 {
		t.Errorf("%d are left, want 3", left)
	}
	type row struct {
		Gateway, Items, Queue string
		N                     int
	}
	want := []row{{s.gateway, "{0,2}", "gateway_interactive", 2}, {other, "{1}", "gateway_interactive", 1}}
	got := storagetest.All[row](s.DB, `SELECT gateway, items, queue, n FROM work ORDER BY gateway`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("work (-want +got):\n%s", diff)
	}
	s.Check()
	r.run()
	r.expect(transfer.RequestCompleted, "completed", "completed", "completed", "completed", "completed")
	s.openSessions(0)
	s.noWorkLeft()
}

// A chunk of a partly accepted request reads only its own entries of the table
// chosen, not all of the request.
func TestChunkReadsOnlyItsChosenTransfers(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	const chosen = 5000
	sims := s.SIMs(20*transfer.ChunkSize, storagetest.SIM{Account: s.from.ID})
	r := s.request(sims...)
	r.run()
	var names []transfer.Identifier
	for _, sim := range sims[:chosen] {
		names = append(names, sim.Identifier())
	}
	s.Decide(r.id, transfer.Accept, names...)
	s.Exec(`
		CREATE TABLE seen (read bigint);
		CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			INSERT INTO seen SELECT pg_stat_get_xact_tuples_returned('chosen_pkey'::regclass) + pg_stat_get_xact_tuples_returned('chosen'::regclass);
			RETURN NULL;
		END $$;
		CREATE TRIGGER look AFTER DELETE ON work FOR EACH STATEMENT EXECUTE FUNCTION look()`)
	s.Exec(`ANALYZE`)
	process(t, s.DB, handler(s.Connect(storage.Options{GenericPlans: true}), droppingGateways()), s.work(transfer.WorkExecute)[0])
	if read := storagetest.One[int](s.DB, `SELECT max(read) FROM seen`); read != transfer.ChunkSize {
		t.Errorf("a chunk of %d read %d of the %d that were chosen", transfer.ChunkSize, read, chosen)
	}
	if now := r.load(); now.Completed != transfer.ChunkSize {
		t.Errorf("the request: %+v", now)
	}
}

// The sessions of a large request's chunks are gathered: those of a chunk wait for
// those of the next ones, and become one piece of work for each gateway.
func TestSessionsOfChunksAreGathered(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.SIMs(transfer.ChunkSize+1, storagetest.SIM{Account: s.from.ID, Status: transfer.Active})
	for _, sim := range []storagetest.SIM{sims[0], sims[1], sims[transfer.ChunkSize]} {
		s.Online(sim, s.gateway)
	}
	r := s.accepted(sims...)
	chunks := s.work(transfer.WorkExecute)
	process(t, s.DB, s.handler, chunks[0])
	if waits := storagetest.One[bool](s.DB, `SELECT not_before > created_at FROM work WHERE kind = 'drop_sessions'`); !waits {
		t.Error("the sessions of the first chunk do not wait for those of the second")
	}
	s.Exec(`UPDATE work SET not_before = not_before + interval '1 hour' WHERE kind = 'drop_sessions'`)
	process(t, s.DB, s.handler, chunks[1])
	s.Check()
	if list := s.Tasks(); len(list) != 1 {
		t.Errorf("%d tasks, want one", len(list))
	}
	s.Check()
	process(t, s.DB, s.handler, s.onlyWork(transfer.WorkDropSessions))
	if c := r.load(); c.State != transfer.RequestCompleted || c.Completed != len(sims) {
		t.Errorf("the request is %s, %d of %d SIMs are completed", c.State, c.Completed, len(sims))
	}
	s.noWorkLeft()
}

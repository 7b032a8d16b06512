package worker_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
	"simtransfer/worker"
)

// asRole returns a pool whose connections have the rights of a process, and the
// role that has them.
func (s *testService) asRole() (db *storage.DB, role string) {
	s.t.Helper()
	role = storagetest.Role(s.t, s.Pool())
	db, err := storage.Open(s.t.Context(), s.URL+"&role="+role, storage.Options{MaxConns: 3, GenericPlans: true})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = db.Close() })
	return db, role
}

// What keeps every transaction from going through fails no SIM, however long it
// lasts: the work waits in one piece, says why, and is done when it is over.
func TestSystemErrorsFailNoSIM(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		begin, end  string
		in          []transfer.WorkKind // the work that it stops
		wantInError string
	}{
		{
			"no right to change SIMs", `REVOKE UPDATE ON sims FROM ROLE`, `GRANT UPDATE ON sims TO ROLE`,
			[]transfer.WorkKind{transfer.WorkExecute, transfer.WorkDropSessions},
			"permission denied",
		},
		{
			"no right to change transfers", `REVOKE UPDATE ON transfers FROM ROLE`, `GRANT UPDATE ON transfers TO ROLE`,
			[]transfer.WorkKind{transfer.WorkValidate, transfer.WorkExecute, transfer.WorkRelease, transfer.WorkDropSessions},
			"permission denied",
		},
		{
			"no right to use a schema", `REVOKE USAGE ON SCHEMA radius FROM ROLE`, `GRANT USAGE ON SCHEMA radius TO ROLE`,
			[]transfer.WorkKind{transfer.WorkExecute, transfer.WorkDropSessions},
			"permission denied",
		},
		{
			"a renamed column", `ALTER TABLE transfers RENAME method TO kind`, `ALTER TABLE transfers RENAME kind TO method`,
			[]transfer.WorkKind{transfer.WorkValidate, transfer.WorkExecute},
			"does not exist",
		},
		{
			"a renamed table", `ALTER TABLE open_transfers RENAME TO claims`, `ALTER TABLE claims RENAME TO open_transfers`,
			[]transfer.WorkKind{transfer.WorkValidate, transfer.WorkExecute, transfer.WorkRelease},
			"does not exist",
		},
		{
			"a new mandatory column", `ALTER TABLE events ADD COLUMN origin text; UPDATE events SET origin = 'x'; ALTER TABLE events ALTER origin SET NOT NULL`,
			`ALTER TABLE events DROP COLUMN origin`,
			[]transfer.WorkKind{transfer.WorkValidate, transfer.WorkExecute, transfer.WorkRelease},
			"null value",
		},
		{
			"a sequence at its end",
			`SELECT setval('events_id_seq', 1000); ALTER SEQUENCE events_id_seq MAXVALUE 1000`, `ALTER SEQUENCE events_id_seq NO MAXVALUE`,
			[]transfer.WorkKind{transfer.WorkValidate, transfer.WorkExecute, transfer.WorkRelease},
			"reached maximum value",
		},
		{
			"a full disk", `
				CREATE FUNCTION full() RETURNS trigger LANGUAGE plpgsql AS $$
				BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
				CREATE TRIGGER full_disk BEFORE INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION full()`,
			`DROP FUNCTION full() CASCADE`,
			[]transfer.WorkKind{transfer.WorkValidate, transfer.WorkExecute, transfer.WorkRelease},
			"could not extend",
		},
	} {
		for _, kind := range c.in {
			t.Run(fmt.Sprintf("%s in %s", c.name, kind), func(t *testing.T) {
				t.Parallel()
				s := newTestService(t)
				db, role := s.asRole()
				var log bytes.Buffer
				h := worker.New(db, droppingGateways(), slog.New(slog.NewTextHandler(&log, nil)), worker.Config{}).Handler()
				r, work := s.workOfKind(kind)
				before := r.outcomes()
				s.Exec(strings.ReplaceAll(c.begin, "ROLE", role))
				for range 12 {
					process(t, s.DB, h, work)
					s.HurryWork()
				}
				if got := s.workRow(work); got.N != 4 || got.Errors+got.Crashes+got.Attempts != 0 || got.Dead || !strings.Contains(got.Error, c.wantInError) {
					t.Errorf("the work: %+v", got)
				}
				if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
					t.Errorf("%d errors are logged, want one:\n%s", n, log.String())
				}
				s.Exec(strings.ReplaceAll(c.end, "ROLE", role))
				if after := r.outcomes(); strings.Join(after, ", ") != strings.Join(before, ", ") {
					t.Errorf("transfers are %v, want %v as before", after, before)
				}
				for _, err := range s.RunDue(h) {
					t.Error(err)
				}
				if left := s.work(kind); len(left) > 0 {
					t.Errorf("work %v is not done", left)
				}
				for _, outcome := range r.outcomes() {
					if strings.Contains(outcome, "internal_error") {
						t.Errorf("transfers are %v", r.outcomes())
						break
					}
				}
				s.Check()
			})
		}
	}
}

// workOfKind creates a request of four SIMs that has one piece of work, of a
// kind.
func (s *testService) workOfKind(kind transfer.WorkKind) (testRequest, int64) {
	s.t.Helper()
	sims := s.sims(transfer.Active, transfer.Active, transfer.Active, transfer.Active)
	switch kind {
	case transfer.WorkValidate:
		return s.request(sims...), s.onlyWork(kind)
	case transfer.WorkExecute:
		return s.accepted(sims...), s.onlyWork(kind)
	case transfer.WorkDropSessions:
		return s.dropWork(sims...)
	case transfer.WorkRelease, transfer.WorkDropStray, transfer.WorkDeliverWebhooks, transfer.WorkDeliverMails: // callers do not ask for the others
	}
	r := s.request(sims...)
	r.run()
	s.Decide(r.id, transfer.Deny)
	return r, s.onlyWork(kind)
}

// A column that gets a wider type makes prepared statements stale. They are
// prepared again, on every connection.
func TestWidenedColumn(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	db, err := storage.Open(t.Context(), s.URL, storage.Options{MaxConns: 3, GenericPlans: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	h := handler(db, droppingGateways())
	changes := []string{
		`SELECT 1`, // the statements are prepared from now on
		`ALTER TABLE work ALTER attempts TYPE bigint, ALTER n TYPE bigint`,
		`ALTER TABLE requests ALTER n_left TYPE bigint, ALTER n_eligible TYPE bigint, ALTER size TYPE bigint`,
		`ALTER TABLE transfers ALTER n TYPE bigint, ALTER reason TYPE varchar`,
		`ALTER TABLE sims ADD COLUMN colour text`,
	}
	var all []testRequest
	for range changes {
		all = append(all, s.request(s.sims(transfer.Ready, transfer.Ready)...))
	}
	all[0].run()
	for _, r := range all {
		s.Decide(r.id, transfer.Accept)
	}
	work := s.work(transfer.WorkExecute)
	for i, change := range changes {
		s.Exec(change)
		for try := 0; try < 2 && slices.Contains(s.work(transfer.WorkExecute), work[i]); try++ {
			process(t, s.DB, h, work[i]) // the first try may find a statement stale, which its transaction does not survive
			s.HurryWork()
		}
	}
	s.noWorkLeft()
	for _, r := range all {
		if got := r.load(); got.State != transfer.RequestCompleted || got.Failed+got.Ineligible > 0 {
			t.Errorf("%+v", got)
		}
	}
}

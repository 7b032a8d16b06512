package storage_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// fastStart is how FreeRADIUS, with deployments/freeradius, first tries to store the
// start of a session. Its parameters are a name of the session, the IMSI and how many
// seconds ago it began.
const fastStart = `
	SELECT radius.start_session($1, $1, $2, '', '', true, floor(extract(epoch FROM clock_timestamp()) - $3)::bigint,
		'', '10.0.0.1', '', '', '', '', '', '', '', '', '', '', '', '', '', '', NULL, '')`

// A session belongs to the SIM that has its identifier when the SIM is locked, also if
// another transaction gave the identifier to another SIM, or retired the SIM, while the
// lock was waited for.
func TestIdentifierMovesWhileItsSIMIsLocked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		start func(ctx context.Context, db *storagetest.DB, sim storagetest.SIM) error
	}{
		{"as an identifier", func(ctx context.Context, db *storagetest.DB, sim storagetest.SIM) error {
			_, err := db.Pool().ExecContext(ctx, `
				INSERT INTO radius.radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime)
				VALUES ('id', 'id', $1, '10.0.0.1', clock_timestamp())`, sim.IMSI)
			return err
		}},
		{"in another form", func(ctx context.Context, db *storagetest.DB, sim storagetest.SIM) error {
			_, err := db.Pool().ExecContext(ctx, storagetest.SessionStart, "id", sim.IMSI, nil, "10.0.0.1", 0)
			return err
		}},
		{"listener", func(ctx context.Context, db *storagetest.DB, sim storagetest.SIM) error {
			now := time.Now()
			_, err := db.RecordSessions(ctx, []storage.SessionReport{{
				Kind: storage.SessionStart, Key: "id", SessionID: "id", Packet: []byte("id"), Username: sim.IMSI, NAS: netip.MustParseAddr("10.0.0.1"), Event: &now,
			}})
			return err
		}},
	} {
		for _, end := range []string{"moved", "retired"} {
			t.Run(c.name+" "+end, func(t *testing.T) {
				t.Parallel()
				db := storagetest.Open(t)
				sims := db.SIMs(2, storagetest.SIM{Account: db.Account().ID, Status: transfer.Active})
				from, to := sims[0], sims[1]
				// As every change of identifiers does, lock the SIMs first.
				statement, want := `UPDATE identifiers i SET sim = $2 FROM locked l WHERE l.id = $1 AND i.sim = l.id AND i.kind = 'imsi'`, to.ID
				if end == "retired" {
					statement, want = `DELETE FROM identifiers i USING locked l WHERE l.id = $1 AND i.sim = l.id`, 0
				}
				commit := db.HoldSQL(`WITH locked AS (SELECT id FROM sims WHERE id IN ($1, $2) ORDER BY id FOR NO KEY UPDATE) `+statement, from.ID, to.ID)
				started := make(chan error, 1)
				go func() { started <- c.start(t.Context(), db, from) }()
				db.AwaitBlocked(1)
				commit()
				if err := <-started; err != nil {
					t.Fatal(err)
				}
				type stored struct {
					SIM int64 `db:"sim"`
					Err bool  `db:"failed"`
				}
				if got := storagetest.One[stored](db, `SELECT coalesce(sim, 0) AS sim, start_error IS NOT NULL AS failed FROM radius.radacct`); got != (stored{want, false}) {
					t.Errorf("the session is stored as %+v, want SIM %d", got, want)
				}
			})
		}
	}
}

// start_session stores the starts about which nothing has to be decided, and no others.
// It waits for no transaction.
func TestStartSession(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	account := db.Account().ID
	active := func() storagetest.SIM { return db.SIM(storagetest.SIM{Account: account, Status: transfer.Active}) }
	start := func(name, imsi string, age time.Duration) bool {
		t.Helper()
		return storagetest.One[bool](db, fastStart, name, imsi, age.Seconds())
	}
	db.Exec(`UPDATE sims SET since = since - interval '1 hour'`)
	sim := active()
	db.Exec(`
		WITH moved AS (UPDATE sims SET since = since - interval '1 hour' WHERE id = $1 RETURNING id, since)
		UPDATE registrations SET since = moved.since FROM moved WHERE sim = moved.id`, sim.ID)
	if !start("usual", sim.IMSI, time.Second) {
		t.Error("a usual start is not stored")
	}
	type row struct {
		SIM    int64 `db:"sim"`
		Judged bool  `db:"judged"`
	}
	if got := storagetest.One[row](db, `SELECT sim, judged FROM radius.radacct WHERE acctuniqueid = 'usual'`); got != (row{sim.ID, true}) {
		t.Errorf("a usual start is stored as %+v, want SIM %d", got, sim.ID)
	}
	commit := db.HoldSQL(`SELECT FROM sims WHERE id = $1 FOR NO KEY UPDATE`, sim.ID)
	if start("locked", sim.IMSI, time.Second) {
		t.Error("the start of a locked SIM is stored")
	}
	commit()
	for name, s := range map[string]struct {
		imsi string
		age  time.Duration
	}{
		"usual":   {sim.IMSI, time.Second}, // known
		"earlier": {active().IMSI, time.Hour},
		"future":  {sim.IMSI, -time.Hour},
		"old":     {sim.IMSI, 500 * 24 * time.Hour},
		"ready":   {db.SIM(storagetest.SIM{Account: account}).IMSI, time.Second},
		"nobody":  {"nobody", time.Second},
		"":        {sim.IMSI, time.Second},
	} {
		if start(name, s.imsi, s.age) {
			t.Errorf("the start %q is stored", name)
		}
	}
	if n := storagetest.One[int](db, `SELECT count(*) FROM radius.radacct`); n != 1 {
		t.Errorf("%d sessions are stored, want 1", n)
	}
}

// A connection that stored reports while the tables were empty keeps its plans. They
// must not read the whole tables once there are rows.
func TestReportsKeepNoPlanOfEmptyTables(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		store func(key, imsi string) []string // statements
	}{
		{"record_reports", func(key, imsi string) []string {
			return []string{startReportSQL(key, imsi), updateReportSQL(key, false), updateReportSQL(key, true)}
		}},
		{"start_session", func(key, imsi string) []string {
			event := `extract(epoch FROM clock_timestamp())::bigint - 1`
			return []string{
				fmt.Sprintf(`SELECT radius.start_session('%[1]s', '%[1]s', '%[2]s', '', '', true, %[3]s, '', '10.0.0.1', '', '', '', '', '', '', '', '', '', '', '', '', '', '', NULL, '')`, key, imsi, event),
				fmt.Sprintf(`SELECT radius.update_session('%s', %s, 1, 0, 1, 0, 1, '', '', '', '', '')`, key, event),
				fmt.Sprintf(`SELECT radius.stop_session('%s', %s, 1, 0, 1, 0, 1, '', '', '', '', '', '', '')`, key, event),
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			db := storagetest.Open(t)
			for _, table := range []string{"radius.radacct", "identifiers", "sims", "registrations"} {
				db.Exec(`ALTER TABLE ` + table + ` SET (autovacuum_enabled = off)`)
				db.Exec(`VACUUM ANALYZE ` + table)
			}
			conn, err := db.Pool().Connx(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			sims := db.SIMs(40, storagetest.SIM{Account: db.Account().ID, Status: transfer.Active})
			db.Exec(`UPDATE sims SET since = since - interval '1 hour'`)
			tx, err := conn.BeginTxx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tx.Rollback() }()
			for step := range 3 { // all sessions are open before the first update
				for i, sim := range sims {
					if _, err := tx.ExecContext(t.Context(), c.store(fmt.Sprint("key-", i), sim.IMSI)[step]); err != nil {
						t.Fatal(err)
					}
				}
			}
			var got struct {
				Read    int `db:"read"`
				Entries int `db:"entries"`
				Stored  int `db:"stored"`
			}
			if err := tx.GetContext(t.Context(), &got, `
				SELECT
					(SELECT coalesce(sum(pg_stat_get_xact_tuples_returned(oid)), 0)
					FROM pg_class
					WHERE oid IN ('radius.radacct'::regclass, 'identifiers'::regclass, 'sims'::regclass, 'registrations'::regclass)) AS read,
					pg_stat_get_xact_tuples_returned('radius.radacct_open'::regclass)
						+ pg_stat_get_xact_tuples_returned('radius.radacct_bulk_close'::regclass) AS entries,
					(SELECT count(*) FROM radius.radacct WHERE acctstoptime IS NOT NULL AND judged) AS stored`); err != nil {
				t.Fatal(err)
			}
			if got.Stored != len(sims) {
				t.Fatalf("%d of %d sessions are stored", got.Stored, len(sims))
			}
			if got.Read != 0 { // rows that scans of whole tables have returned
				t.Errorf("%d sessions read %d rows of whole tables", len(sims), got.Read)
			}
			if got.Entries > 3*len(sims) { // each report would read the entries of all open sessions
				t.Errorf("%d sessions read %d entries of the indexes of open sessions", len(sims), got.Entries)
			}
		})
	}
}

// startReportSQL and updateReportSQL are calls of record_reports with one report.
func startReportSQL(key, imsi string) string {
	return fmt.Sprintf(`SELECT * FROM radius.record_reports(
		ARRAY['%[1]s'], ARRAY['\x01'::bytea], ARRAY[-1::bigint], ARRAY[0::bigint], ARRAY[-1::bigint], ARRAY[-1::bigint],
		ARRAY[''], ARRAY['%[2]s'], ARRAY[''], ARRAY[true], ARRAY[''],
		ARRAY['%[1]s'], ARRAY['10.0.0.1'], ARRAY[''], ARRAY[-1::bigint], ARRAY[''], ARRAY[''],
		ARRAY[''], ARRAY[''], ARRAY[''], ARRAY[''], ARRAY[''],
		ARRAY[''], ARRAY[''], ARRAY[''], ARRAY[''], ARRAY[''], ARRAY[''],
		64, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')`, key, imsi)
}

func updateReportSQL(key string, stop bool) string {
	return fmt.Sprintf(`SELECT * FROM radius.record_reports(
		'{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}',
		'{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', 64,
		ARRAY['%s'], ARRAY[%t], ARRAY[-1::bigint], ARRAY[0::bigint], ARRAY[1::bigint], ARRAY[1::bigint], ARRAY[1::bigint],
		ARRAY[''], ARRAY[''], ARRAY[''], ARRAY[''], ARRAY[''], ARRAY[''], ARRAY[''], ARRAY[''], ARRAY[''])`, key, stop)
}

package storage_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
)

// Statements that look for open sessions look them up by the SIM or by their ids, even
// if the statistics were taken when no session was open: each index on open sessions
// looks empty then, and a plan that reads all of them for each SIM looks as good.
func TestOpenSessionsAreLookedUp(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Exec(`ALTER TABLE radius.radacct DISABLE TRIGGER session_start`)
	db.Exec(`
		INSERT INTO radius.radacct (sim, acctsessionid, acctuniqueid, nasipaddress, acctstarttime, acctstoptime)
		SELECT n % 5000, n, n, '10.0.0.1', clock_timestamp(), clock_timestamp()
		FROM generate_series(1, 20000) AS n`)
	db.Exec(`ANALYZE radius.radacct`)
	scan := regexp.MustCompile(`(?:Scan|Scan Backward) (?:using (\S+) )?on (?:radius\.)?radacct\b.*\n(.*)`)
	bySIM := regexp.MustCompile(`^radacct_(open|sim) .*Index Cond: \(sim = `)
	byID := regexp.MustCompile(`^radacct_pkey .*Index Cond: \(radacctid = `)
	for _, c := range []struct {
		name string
		by   *regexp.Regexp // how to look up: the index and its condition
	}{
		{"select_sim_sessions", bySIM},
		{"hand_over_chunk", bySIM},
		{"hand_over_dropped", bySIM},
		{"select_sim", bySIM},
		{"select_sims", bySIM},
		{"close_sessions", byID},
		{"select_stray_sessions", byID},
	} {
		for _, seqScan := range []string{"on", "off"} {
			plan := genericPlan(t, db, c.name, seqScan)
			scans := scan.FindAllStringSubmatch(plan, -1)
			for _, s := range scans {
				if !c.by.MatchString(s[1] + " " + s[2]) {
					scans = nil
				}
			}
			if len(scans) == 0 {
				t.Errorf("%s with enable_seqscan = %s reads more than the sessions that it looks for:\n%s", c.name, seqScan, plan)
			}
		}
	}
	// Accounting-On, as FreeRADIUS's stock query has it.
	on := strings.Join(storagetest.All[string](db, `EXPLAIN (COSTS off)
		UPDATE radius.radacct SET acctstoptime = clock_timestamp()
		WHERE acctstoptime IS NULL AND nasipaddress = '10.0.0.1' AND acctstarttime <= clock_timestamp()`), "\n")
	if !strings.Contains(on, "using radacct_bulk_close") {
		t.Errorf("Accounting-On does not look up the sessions of its gateway:\n%s", on)
	}
}

// genericPlan returns the plan of a statement for any arguments, with a setting of
// enable_seqscan.
func genericPlan(t *testing.T, db *storagetest.DB, name, seqScan string) string {
	t.Helper()
	query, n := storage.StatementText(name)
	if query == "" {
		t.Fatalf("there is no statement %s", name)
	}
	null := ""
	if n > 0 {
		null = "(NULL" + strings.Repeat(", NULL", n-1) + ")"
	}
	conn, err := db.Pool().Connx(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(t.Context(), fmt.Sprintf(`SET plan_cache_mode = force_generic_plan; SET enable_seqscan = %s; PREPARE explained AS %s`, seqScan, query)); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var lines []string
	if err := conn.SelectContext(t.Context(), &lines, `EXPLAIN (COSTS off) EXECUTE explained`+null); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if _, err := conn.ExecContext(t.Context(), `DISCARD ALL`); err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

// A connection that ran the trigger while the tables were empty keeps its plans. They
// must not read the whole tables once there are rows.
func TestTriggerKeepsNoPlanOfEmptyTables(t *testing.T) {
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
	sims := db.SIMs(40, storagetest.SIM{Account: db.Account().ID})
	for i, sim := range sims {
		if _, err := conn.ExecContext(t.Context(), storagetest.SessionStart, fmt.Sprint("warm-", i), sim.IMSI, sim.MSISDN, "10.0.0.1", 0); err != nil {
			t.Fatal(err)
		}
	}
	const reads = `
		SELECT coalesce(sum(pg_stat_get_xact_tuples_returned(oid)), 0)
		FROM pg_class
		WHERE oid IN ('radius.radacct'::regclass, 'identifiers'::regclass, 'sims'::regclass, 'registrations'::regclass)`
	tx, err := conn.BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	for i, sim := range sims {
		if _, err := tx.ExecContext(t.Context(), storagetest.SessionStart, fmt.Sprint("kept-", i), sim.IMSI, sim.MSISDN, "10.0.0.1", 0); err != nil {
			t.Fatal(err)
		}
	}
	var read int
	if err := tx.GetContext(t.Context(), &read, reads); err != nil {
		t.Fatal(err)
	}
	if read != 0 { // rows that scans of whole tables have returned
		t.Errorf("%d starts read %d rows of whole tables", len(sims), read)
	}
}

package storage_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
)

// Statements that look for the open sessions of SIMs look them up by the SIM, even if
// the statistics were taken when no session was open: each index on open sessions
// looks empty then, and a plan that reads all of them for each SIM looks as good.
func TestOpenSessionsAreFoundBySIM(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Exec(`ALTER TABLE radius.radacct DISABLE TRIGGER session_start`)
	db.Exec(`
		INSERT INTO radius.radacct (sim, acctsessionid, acctuniqueid, nasipaddress, acctstarttime, acctstoptime)
		SELECT n % 5000, n, n, '10.0.0.1', clock_timestamp(), clock_timestamp()
		FROM generate_series(1, 20000) AS n`)
	db.Exec(`ANALYZE radius.radacct`)
	scan := regexp.MustCompile(`(?:Scan|Scan Backward) (?:using (\S+) )?on (?:radius\.)?radacct\b.*\n(.*)`)
	for _, name := range []string{"select_sim_sessions", "hand_over_chunk", "hand_over_dropped", "select_sim", "select_sims"} {
		query, n := storage.StatementText(name)
		if query == "" {
			t.Fatalf("there is no statement %s", name)
		}
		for _, seqScan := range []string{"on", "off"} {
			null := ""
			if n > 0 {
				null = "(NULL" + strings.Repeat(", NULL", n-1) + ")"
			}
			conn, err := db.Pool().Connx(t.Context())
			if err != nil {
				t.Fatal(err)
			}
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
			if err := conn.Close(); err != nil {
				t.Fatal(err)
			}
			plan := strings.Join(lines, "\n")
			scans := scan.FindAllStringSubmatch(plan, -1)
			for _, s := range scans {
				if (s[1] != "radacct_open" && s[1] != "radacct_sim") || !strings.Contains(s[2], "Index Cond: (sim = ") {
					scans = nil
				}
			}
			if len(scans) == 0 {
				t.Errorf("%s with enable_seqscan = %s does not look up sessions by their SIM only:\n%s", name, seqScan, plan)
			}
		}
	} // Accounting-On, as FreeRADIUS's stock query has it.
	on := strings.Join(storagetest.All[string](db, `EXPLAIN (COSTS off)
		UPDATE radius.radacct SET acctstoptime = clock_timestamp()
		WHERE acctstoptime IS NULL AND nasipaddress = '10.0.0.1' AND acctstarttime <= clock_timestamp()`), "\n")
	if !strings.Contains(on, "using radacct_bulk_close") {
		t.Errorf("Accounting-On does not look up the sessions of its gateway:\n%s", on)
	}
}

package storage_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"simtransfer/storage/storagetest"
)

// Lists with a filter that few rows match find those rows by an index, and do not
// read all of a table.
func TestRareFiltersUseAnIndex(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Exec(`SET session_replication_role = replica;
		INSERT INTO transfers (request, n, line, identifier, state, finished_at, reason)
		SELECT gen_random_uuid(), 0, 2, n, 'failed', clock_timestamp(), 'status_changed' FROM generate_series(1, 20000) AS n;
		INSERT INTO events (request, source, seq, kind, party, api_key)
		SELECT gen_random_uuid(), 1, 1, 'create', 'source', 1 + n % 2 FROM generate_series(1, 20000) AS n;
		RESET session_replication_role; ANALYZE transfers, events`)
	for name, test := range map[string]struct {
		query, index string
	}{
		"requests by reason": {`SELECT r.id FROM requests r WHERE EXISTS (SELECT 1 FROM transfers t WHERE t.request = r.id AND t.reason = ANY ('{internal_error}'))`, "transfers_reason"},
		"what a key did":     {`SELECT e.id FROM events e WHERE e.api_key = 7 ORDER BY e.tx, e.id LIMIT 100`, "events_key"},
	} {
		plan := strings.Join(storagetest.All[string](db, `EXPLAIN (COSTS off) `+test.query), "\n")
		if !strings.Contains(plan, test.index) || regexp.MustCompile(`Seq Scan on (transfers|events)`).MatchString(plan) {
			t.Errorf("%s: the plan does not use %s:\n%s", name, test.index, plan)
		}
	}
}

// SIMs are found by the last digits of an identifier by an index, before and after the
// server has statistics of it.
func TestLastDigitsUseAnIndex(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Exec(`INSERT INTO identifiers SELECT '8988211' || lpad(n::text, 12, '0'), n, 'iccid' FROM generate_series(1, 50000) AS n`)
	for _, analyzed := range []bool{false, true} {
		if analyzed {
			db.Exec(`ANALYZE identifiers`)
		}
		for _, plans := range []string{"force_custom_plan", "force_generic_plan"} {
			plan := strings.Join(explain(t, db, "select_sims_with_suffix", plans, `'{000123, 8211000000000124}'`, `50001`), "\n")
			if !strings.Contains(plan, "identifiers_last_digits") || strings.Contains(plan, "Seq Scan") {
				t.Errorf("%s, statistics: %t: the plan does not use the index:\n%s", plans, analyzed, plan)
			}
		}
	}
}

// explain returns the plan of a statement as it is sent to the server.
func explain(t *testing.T, db *storagetest.DB, name, plans string, arguments ...string) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/sql/" + name + ".sql")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Pool().Connx(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for _, statement := range []string{`SET plan_cache_mode = ` + plans, string(text)} {
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	var lines []string
	if err := conn.SelectContext(t.Context(), &lines, `EXPLAIN (COSTS off) EXECUTE `+name+`(`+strings.Join(arguments, ", ")+`)`); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{`RESET plan_cache_mode`, `DEALLOCATE ` + name} {
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return lines
}

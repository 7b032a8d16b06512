package storage_test

import (
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

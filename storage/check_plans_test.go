package storage_test

import (
	"encoding/json"
	"strings"
	"testing"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// planNode is a part of a plan as EXPLAIN (ANALYZE, FORMAT JSON) prints it. Its rows
// are averages of its loops.
type planNode struct {
	Type     string     `json:"Node Type"`
	Loops    float64    `json:"Actual Loops"`
	Rows     float64    `json:"Actual Rows"`
	Filtered float64    `json:"Rows Removed by Filter"`
	Unjoined float64    `json:"Rows Removed by Join Filter"`
	Rechecks float64    `json:"Rows Removed by Index Recheck"`
	Parts    []planNode `json:"Plans"`
}

// looked returns the number of rows that the part of the plan has looked at.
func (n planNode) looked() float64 {
	sum := n.Loops * (n.Rows + n.Filtered + n.Unjoined + n.Rechecks)
	for _, p := range n.Parts {
		sum += p.looked()
	}
	return sum
}

// A check of many transfers looks at each row a few times, even if the statistics are
// from a time at which there were no transfers, and no change had the numbers of any.
func TestCheckIsLinear(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	for _, table := range storagetest.All[string](db, `SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace IN ('public'::regnamespace, 'radius'::regnamespace)`) {
		db.Exec(`ALTER TABLE ` + table + ` SET (autovacuum_enabled = off)`)
	}
	const size = 3000
	from, to := db.AccountIn("EUR", "global"), db.AccountIn("EUR", "global")
	sims := db.SIMs(size, storagetest.SIM{Account: from.ID})
	db.Exec(`VACUUM ANALYZE`)
	id := db.Request(storagetest.Request{From: from, To: to, SIMs: sims})
	validate(t, db, id)
	db.Decide(id, transfer.Accept)
	execute(t, db, id)
	changesNow(t, db.DB)
	// As if the destination had chosen another plan.
	db.Exec(`UPDATE requests SET landing = '{"plan": "other"}' WHERE id = $1`, id)
	db.Exec(`UPDATE registrations SET after.plan = 'other' WHERE request = $1`, id)
	db.Exec(`UPDATE sims SET plan = 'other' WHERE account = $1`, to.ID)
	for _, name := range storage.StatementNames() {
		if !strings.HasPrefix(name, "check_") {
			continue
		}
		query, parameters := storage.StatementText(name)
		if parameters > 0 { // no invariant
			continue
		}
		var plans []struct{ Plan planNode }
		if err := json.Unmarshal(storagetest.One[[]byte](db, `EXPLAIN (ANALYZE, TIMING off, FORMAT JSON) `+query), &plans); err != nil {
			t.Fatal(err)
		}
		if looked := plans[0].Plan.looked(); looked > 100*size { // a check takes up to 30 for each
			t.Errorf("%s looks at %.0f rows for %d transfers:\n%s", name, looked, size,
				strings.Join(storagetest.All[string](db, `EXPLAIN `+query), "\n"))
		}
	}
}

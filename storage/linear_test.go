package storage_test

import (
	"testing"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// A worker looks at each SIM and transfer of a large request a few times, even if the
// statistics of all other tables than the inventory say that they are almost empty.
// Autovacuum takes such statistics while the first large request is being stored.
func TestTransfersAreLinear(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	const size = 3000
	from, to := db.AccountIn("EUR", "global"), db.AccountIn("EUR", "global")
	sims := db.SIMs(size, storagetest.SIM{Account: from.ID})
	db.Exec(`ANALYZE sims, identifiers, sim_details`) // as a sync and an import do
	id := db.Request(storagetest.Request{From: from, To: to, SIMs: sims})
	looked := func() int {
		return storagetest.One[int](db, `SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables`)
	}
	for _, step := range []struct {
		name string
		do   func(worker *storagetest.DB)
	}{
		{"validating", func(worker *storagetest.DB) { validate(t, worker, id) }},
		{"executing", func(worker *storagetest.DB) { execute(t, worker, id) }},
	} {
		db.Exec(`
			UPDATE pg_class
			SET reltuples = 1, relpages = pg_relation_size(oid) / 8192
			WHERE relkind = 'r' AND relnamespace IN ('public'::regnamespace, 'radius'::regnamespace)
			  AND oid NOT IN ('sims'::regclass, 'identifiers'::regclass, 'sim_details'::regclass)`)
		before := looked()
		worker := db.For(t)
		var err error
		if worker.DB, err = storage.Open(t.Context(), db.URL+"&application_name="+step.name, storage.Options{GenericPlans: true}); err != nil {
			t.Fatal(err)
		}
		step.do(worker)
		if err := worker.Close(); err != nil {
			t.Fatal(err)
		}
		storagetest.Await(t, "counters of what the worker has looked at", func() bool {
			return storagetest.One[int](db, `SELECT count(*) FROM pg_stat_activity WHERE application_name = $1`, step.name) == 0
		})
		if n := looked() - before; n < size || n > 200*size {
			t.Errorf("%s a request for %d SIMs looked at %d rows", step.name, size, n)
		}
		if step.name == "validating" {
			db.Decide(id, transfer.Accept)
		}
	}
	db.Check()
}

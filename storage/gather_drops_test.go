package storage_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// The requests of the rows of work in TestGatherDrops. Chunks of the first one are
// still to be executed; no such request exists, because only its work matters here.
const (
	running  = "01990000-0000-7000-8000-000000000001"
	executed = "01990000-0000-7000-8000-000000000002"
)

func TestGatherDrops(t *testing.T) {
	t.Parallel()
	// row is drop work for SIMs of a request, which waits for more.
	row := func(request, gateway string, from, sims int) string {
		return fmt.Sprintf(`
			INSERT INTO work (kind, request, items, n, gateway, queue, not_before)
			SELECT 'drop_sessions', '%s', array_agg(i), count(*), '%s', 'gateway', clock_timestamp() + interval '1 hour'
			FROM generate_series(%d, %d) i`, request, gateway, from, from+sims-1)
	}
	changed := func(statement, set string) string {
		return `WITH added AS (` + statement + ` RETURNING id) SELECT set_config('test.id', id::text, false) FROM added;
			UPDATE work SET ` + set + ` WHERE id = current_setting('test.id')::bigint`
	}
	for _, c := range []struct {
		name string
		rows []string
		want []string // of each row that is left: its first item, its size, and whether it is dispatched
	}{
		{"a chunk can still add to it", []string{row(running, "a", 0, 10), row(running, "a", 10, 10)}, []string{"0 10 false", "10 10 false"}},
		{"no chunk is left", []string{row(executed, "a", 0, 10), row(executed, "a", 10, 10)}, []string{"0 20 true"}},
		{"only one row, and no chunk is left", []string{row(executed, "a", 0, 10)}, []string{"0 10 true"}},
		{"there is enough of it", []string{row(running, "a", 0, 156), row(running, "a", 156, 100)}, []string{"0 256 true"}},
		{
			"there is more than enough",
			[]string{row(running, "a", 0, 200), row(running, "a", 200, 56), row(running, "a", 256, 50), row(running, "a", 306, 300)},
			[]string{"0 256 true", "256 50 true", "306 300 true"},
		},
		{"it has waited long enough", []string{changed(row(running, "a", 0, 10), "not_before = clock_timestamp()"), row(running, "a", 10, 10)}, []string{"0 20 true"}},
		{
			"other gateways and requests",
			[]string{row(executed, "a", 0, 10), row(executed, "b", 10, 10), row(running, "a", 0, 10), row(executed, "b", 20, 10)},
			[]string{"0 10 false", "0 10 true", "10 20 true"},
		},
		{
			"the halves of work that was split",
			[]string{changed(row(executed, "a", 0, 10), "error = 'x'"), changed(row(executed, "a", 10, 10), "error = 'x'")},
			[]string{"0 10 false", "10 10 false"},
		},
		{
			"work that was dispatched before",
			[]string{changed(row(executed, "a", 0, 10), "gen = 1"), row(executed, "a", 10, 10)},
			[]string{"0 10 false", "10 10 true"},
		},
		{
			"dead work",
			[]string{changed(row(executed, "a", 0, 10), "dead_at = clock_timestamp()"), row(executed, "a", 10, 10)},
			[]string{"0 10 false", "10 10 true"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			db := storagetest.Open(t)
			db.Exec(`INSERT INTO work (kind, request, lo, hi, n, queue, not_before) VALUES ('execute', '` + running + `', 0, 1, 1, 'bulk', clock_timestamp() + interval '1 hour')`)
			for _, statement := range c.rows {
				db.Exec(statement)
			}
			for range 2 { // the second time changes nothing
				if _, err := db.Dispatch(t.Context(), transfer.QueueGateway, 100); err != nil {
					t.Fatal(err)
				}
				got := storagetest.All[string](db, `
					SELECT format('%s %s %s', items[1], n, CASE WHEN dispatched_at IS NULL THEN 'false' ELSE 'true' END)
					FROM work WHERE kind = 'drop_sessions' ORDER BY items[1], dispatched_at NULLS FIRST`)
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("work (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// Work that another transaction holds is neither waited for nor joined.
func TestGatherSkipsWorkThatIsHeld(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	for from := range 3 {
		db.Exec(`INSERT INTO work (kind, request, items, n, gateway, queue) VALUES ('drop_sessions', '`+executed+`', ARRAY[$1::bigint], 1, 'a', 'gateway')`, from)
	}
	release := db.HoldSQL(`SELECT id FROM work WHERE items = '{1}' FOR UPDATE`)
	if _, err := db.Dispatch(t.Context(), transfer.QueueGateway, 100); err != nil {
		t.Fatal(err)
	}
	release()
	got := storagetest.All[string](db, `SELECT format('%s %s', items, dispatched_at IS NOT NULL) FROM work ORDER BY items`)
	if diff := cmp.Diff([]string{"{0,2} t", "{1} f"}, got); diff != "" {
		t.Errorf("work (-want +got):\n%s", diff)
	}
}

package storagetest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lib/pq"

	"simtransfer/storage"
	"simtransfer/transfer"
)

// Exec runs a statement and returns the number of rows that it changed.
func (d *DB) Exec(query string, args ...any) int64 {
	d.t.Helper()
	r, err := d.Pool().ExecContext(d.t.Context(), query, args...)
	if err != nil {
		d.t.Fatalf("%s: %v", strings.TrimSpace(query), err)
	}
	n, err := r.RowsAffected()
	if err != nil {
		d.t.Fatal(err)
	}
	return n
}

// Get reads one row.
func (d *DB) Get(into any, query string, args ...any) {
	d.t.Helper()
	if err := d.Pool().GetContext(d.t.Context(), into, query, args...); err != nil {
		d.t.Fatalf("%s: %v", strings.TrimSpace(query), err)
	}
}

// One reads one row into a value of type T.
func One[T any](d *DB, query string, args ...any) T {
	d.t.Helper()
	var v T
	d.Get(&v, query, args...)
	return v
}

// All reads all rows into values of type T.
func All[T any](d *DB, query string, args ...any) []T {
	d.t.Helper()
	list := []T{}
	if err := d.Pool().SelectContext(d.t.Context(), &list, query, args...); err != nil {
		d.t.Fatalf("%s: %v", strings.TrimSpace(query), err)
	}
	return list
}

// sampleSettings gives each setting of a SIM a value that a reset changes.
func sampleSettings() storage.SIMSettings {
	return storage.SIMSettings{
		Tags:                  storage.Tags{"site": "north"},
		Expiration:            new(time.Date(2040, 1, 2, 3, 4, 5, 678901000, time.UTC)),
		TerminationProtection: true,
		Group:                 new("meters"),
		EventHandlers:         storage.Strings{"https://hooks.example/1"},
		SpeedClass:            new("standard"),
		Containers:            storage.Strings{"profile"},
		IMEILock:              new("490154203237518"),
	}
}

func (d *DB) insertSIMs(list []SIM) {
	d.t.Helper()
	d.Exec(`INSERT INTO plans (name, coverage_bound) VALUES ($1, false), ($2, true) ON CONFLICT DO NOTHING`, FreePlan, BoundPlan)
	iccids, imsis, msisdns := make([]string, len(list)), make([]string, len(list)), make([]string, len(list))
	for i, s := range list {
		iccids[i], imsis[i], msisdns[i] = s.ICCID, s.IMSI, s.MSISDN
	}
	var names []string
	for _, s := range transfer.Policy() {
		names = append(names, s.Name)
	}
	settings := strings.Join(names, ", ")
	values, err := json.Marshal(sampleSettings())
	if err != nil {
		d.t.Fatal(err)
	}
	like := list[0]
	ids := All[int64](d, `
		WITH made AS (
			INSERT INTO sims (account, since, status, plan, transfer_lock, iccid, `+settings+`)
			SELECT $1, clock_timestamp() - interval '1 hour', $2, $3, $4, u.iccid, `+settings+`
			FROM unnest($5::text[]) WITH ORDINALITY AS u (iccid, nth)
			CROSS JOIN jsonb_populate_record(NULL::sim_settings, $8)
			ORDER BY u.nth
			RETURNING id, since, account, iccid
		), registered AS (
			INSERT INTO registrations (sim, since, account)
			SELECT id, since, account FROM made
		), recorded AS (
			INSERT INTO changes (kind, destination, sims)
			SELECT 'created', account, array_agg(id ORDER BY id)
			FROM (SELECT id, account, (row_number() OVER (ORDER BY id) - 1) / 1000 AS part FROM made) AS parts
			GROUP BY account, part
			ORDER BY part
		), named AS (
			INSERT INTO identifiers (identifier, sim, kind)
			SELECT v.identifier, m.id, v.kind
			FROM made m
			JOIN unnest($5::text[], $6::text[], $7::text[]) AS u (iccid, imsi, msisdn) USING (iccid)
			CROSS JOIN LATERAL (VALUES (u.iccid, 'iccid'), (u.imsi, 'imsi'), (u.msisdn, 'msisdn')) AS v (identifier, kind)
		)
		SELECT m.id
		FROM made m
		JOIN unnest($5::text[]) WITH ORDINALITY AS u (iccid, nth) USING (iccid)
		ORDER BY u.nth`,
		like.Account, like.Status, like.Plan, like.Locked, pq.Array(iccids), pq.Array(imsis), pq.Array(msisdns), string(values))
	for i := range list {
		list[i].ID = ids[i]
	}
}

// Check fails the test for each violated invariant, except those with numbers
// that the test violates on purpose.
func (d *DB) Check(except ...int) {
	d.t.Helper()
	findings, err := d.DB.Check(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	for _, f := range findings {
		if f.Violations > 0 && !slices.Contains(except, f.Number) && !isOverdue(f) {
			d.t.Errorf("%d violations of invariant %d, %s:\n\t%s", f.Violations, f.Number, f.Invariant, strings.Join(f.Examples, "\n\t"))
		}
	}
}

// isOverdue reports whether a finding is only that something waits for too long: in a
// test without a scheduler, or on a busy machine, it does.
func isOverdue(f storage.Finding) bool {
	return strings.HasPrefix(f.Invariant, "no work is overdue ") || strings.HasPrefix(f.Invariant, "no scheduled request waits ")
}

// Dump holds every row of each table, as text.
type Dump map[string][]string

// Dump reads all tables with some exceptions.
func (d *DB) Dump(except ...string) Dump {
	d.t.Helper()
	tables := All[string](d, `
		SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('public', 'radius')`)
	parts := make([]string, 0, len(tables))
	for _, table := range tables {
		if !slices.Contains(except, strings.TrimPrefix(table, "public.")) {
			parts = append(parts, fmt.Sprintf(`SELECT '%s' AS name, to_jsonb(x)::text AS line FROM %s x`, table, table))
		}
	}
	type row struct{ Name, Line string }
	dump := Dump{}
	for _, r := range All[row](d, strings.Join(parts, " UNION ALL ")+" ORDER BY name, line") {
		dump[r.Name] = append(dump[r.Name], r.Line)
	}
	return dump
}

// Unchanged fails the test if the database differs from a dump.
func (d *DB) Unchanged(was Dump, except ...string) {
	d.t.Helper()
	now := d.Dump(except...)
	was = maps.Clone(was)
	for _, table := range except {
		delete(was, table)
		delete(was, "public."+table)
	}
	if diff := cmp.Diff(was, now); diff != "" {
		d.t.Errorf("the database changed (-before +after):\n%s", diff)
	}
}

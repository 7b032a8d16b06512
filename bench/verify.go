package main

import (
	"context"
	"fmt"

	"simtransfer/storage"
)

// expected is the expected result of a run.
type expected struct {
	moved   int  // number of SIMs transferred to the destination, the first ones by number
	dropped int  // number of sessions
	whole   bool // the run did nothing else, so that simtransfer check applies
}

// verify checks that a run did its work.
func verify(ctx context.Context, db *storage.DB, e expected) error {
	charges := 0
	for number := range e.moved {
		if needsSupport(number) {
			charges++
		}
	}
	for _, c := range []struct {
		what, query string
		want        int
	}{
		{"SIMs at the destination", `SELECT count(*) FROM sims WHERE account = 2`, e.moved},
		{"registrations by transfers, with snapshots", `SELECT count(*) FROM registrations WHERE account = 2 AND request IS NOT NULL AND NOT before IS NULL AND NOT after IS NULL`, e.moved},
		{"transfers completed", `SELECT count(*) FROM transfers WHERE state = 'completed'`, e.moved},
		{"charges", `SELECT count(*) FROM charges WHERE amount = 500`, charges},
		{"sessions dropped", `SELECT count(*) FROM radius.radacct WHERE acctterminatecause = 'Admin-Reset'`, e.dropped},
		{"sessions open", `SELECT count(*) FROM radius.radacct WHERE acctstoptime IS NULL`, 0},
		{"claims without an open transfer", `SELECT (SELECT count(*) FROM open_transfers) - (SELECT count(*) FROM transfers WHERE state = 'eligible')`, 0},
	} {
		var got int
		if err := db.Pool().GetContext(ctx, &got, c.query); err != nil {
			return fmt.Errorf("counting %s: %w", c.what, err)
		}
		if got != c.want {
			return fmt.Errorf("wrong result: %d %s, want %d", got, c.what, c.want)
		}
	}
	if !e.whole {
		return nil
	}
	return check(ctx, db)
}

// check runs simtransfer check.
func check(ctx context.Context, db *storage.DB) error {
	findings, err := db.Check(ctx)
	if err != nil {
		return err
	}
	for _, f := range findings {
		if f.Violations > 0 {
			return fmt.Errorf("%d violations of %q: %q", f.Violations, f.Invariant, f.Examples)
		}
	}
	return nil
}

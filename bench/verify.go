package main

import (
	"context"
	"fmt"

	"simtransfer/storage"
)

// expected is what a run has to have done with the SIMs below a number.
type expected struct {
	moved   int  // SIMs that are the destination's
	dropped int  // sessions
	whole   bool // nothing else was going on, and the product's own check applies
}

// verify sees that the work was really done.
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
		{"claims that no open transfer has", `SELECT (SELECT count(*) FROM open_transfers) - (SELECT count(*) FROM transfers WHERE state = 'eligible')`, 0},
	} {
		var got int
		if err := db.Pool().GetContext(ctx, &got, c.query); err != nil {
			return fmt.Errorf("counting %s: %w", c.what, err)
		}
		if got != c.want {
			return fmt.Errorf("the work was not done: %d %s, want %d", got, c.what, c.want)
		}
	}
	if !e.whole {
		return nil
	}
	return check(ctx, db)
}

// check is the product's own check of its promises.
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

package storage

import (
	"context"
	"fmt"
)

var selectStaleStatistics = newStatement(statement{
	name: "select_stale_statistics",
	does: `Finds out whether the statistics of a table of the inventory say that it is almost empty, although it takes up
		pages, or do not know of many SIMs that were added.`,
	given:   "@added: the number of SIMs that the transaction has added.",
	returns: "True or false.",
	text: `
SELECT
	EXISTS (
		SELECT
		FROM pg_class
		WHERE oid IN ('sims'::regclass, 'identifiers'::regclass, 'sim_details'::regclass)
		  AND relpages > 0
		  AND reltuples BETWEEN 0 AND relpages
	)
	-- As autovacuum decides, with its default settings.
	OR @added::bigint > (SELECT 50 + greatest(reltuples, 0) / 10 FROM pg_class WHERE oid = 'sims'::regclass)`,
})

// refreshStatistics takes new statistics of the inventory if the present ones say that
// it is almost empty, or after many SIMs were added. With statistics of an almost empty
// table, PostgreSQL reads all of it for each row of another one, which takes minutes for
// 50,000 SIMs.
//
// Autovacuum takes such statistics while the first SIMs of a new database are being
// loaded, because it counts only what was committed. They would remain until a minute
// after the commit. From now on until the end of the transaction, no other process takes
// any. If autovacuum is doing so at this moment, PostgreSQL stops it after a second. A
// table that someone else holds for longer is passed over, as is one that the role does
// not own: the statements are then slower.
func (t *Tx) refreshStatistics(ctx context.Context, added int64) error {
	var stale bool
	if err := t.get(ctx, &stale, selectStaleStatistics, args{"added": added}); err != nil {
		return fmt.Errorf("reading the statistics of the inventory: %w", err)
	}
	if !stale {
		return nil
	}
	err := t.attempt(ctx, func() error {
		return t.command(ctx, `SET LOCAL default_statistics_target TO DEFAULT; ANALYZE sims, identifiers, sim_details`)
	})
	if err != nil && !isLockTimeout(err) {
		return fmt.Errorf("taking the statistics of the inventory: %w", err)
	}
	return nil
}

package storage

import (
	"context"
	"fmt"
)

// Release closes the transfers of a chunk with the outcome that the request's
// final state names, and lets go of their claims. SIMs are not touched.
func (t *Tx) Release(ctx context.Context, w Work) (Counts, error) {
	outcome, ok := w.State.Released()
	if !ok {
		return Counts{}, fmt.Errorf("releasing work %d: a request that is %s releases nothing", w.ID, w.State)
	}
	var closed struct {
		N         int   `db:"n"`
		Eligible  int   `db:"eligible"`
		Support   int   `db:"support"`
		Unquoted  int   `db:"unquoted"`
		Quoted    int64 `db:"quoted"`
		Unclaimed int   `db:"unclaimed"`
	}
	err := t.rawGet(ctx, &closed, `
		WITH open AS MATERIALIZED (
			SELECT n, sim, state, method, fee
			FROM transfers
			WHERE request = $1 AND n >= $2 AND n < $3 AND state IN ('pending', 'eligible')
		), marked AS (
			UPDATE transfers t
			SET state = $4, finished_at = clock_timestamp()
			FROM open
			WHERE t.request = $1 AND t.n = open.n
		), unclaimed AS (
			DELETE FROM open_transfers o
			USING open
			WHERE o.sim = open.sim AND o.request = $1 AND o.n = open.n
			RETURNING o.sim
		)
		SELECT
			count(*) AS n,
			count(*) FILTER (WHERE state = 'eligible') AS eligible,
			count(*) FILTER (WHERE method = 'support_assisted') AS support,
			count(*) FILTER (WHERE state = 'eligible' AND fee IS NULL) AS unquoted,
			coalesce(sum(fee) FILTER (WHERE state = 'eligible'), 0) AS quoted,
			(SELECT count(*) FROM unclaimed) AS unclaimed
		FROM open`, w.Request, w.Lo, w.Hi, outcome)
	if err != nil {
		return Counts{}, fmt.Errorf("releasing the SIMs of work %d: %w", w.ID, err)
	}
	if closed.Unclaimed != closed.Eligible {
		return Counts{}, fmt.Errorf("releasing the SIMs of work %d: %d were open, %d had their claim", w.ID, closed.Eligible, closed.Unclaimed)
	}
	c := Counts{Eligible: -closed.Eligible, Support: -closed.Support, Unquoted: -closed.Unquoted, Quoted: -closed.Quoted}
	c.add(outcome, closed.N)
	return c, nil
}

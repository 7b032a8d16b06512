package storage

import (
	"context"
	"fmt"

	"github.com/lib/pq"

	"simtransfer/transfer"
)

// Which transfers of a request a statement works on: a chunk's range, $2 and
// $3, or the numbers listed in $2 ($3 lists those whose sessions were dropped).
const (
	inChunk = `t.n >= $2 AND t.n < $3`
	inItems = `t.n = ANY($2::int[])`
)

// LockSIMs locks the SIMs of work by ascending id and does nothing else: what
// a later statement reads is then what holds until the commit.
func (t *Tx) LockSIMs(ctx context.Context, w Work, numbers []int64) error {
	query := func(which string) string {
		return `
			SELECT count(*) FROM (
				SELECT s.id
				FROM transfers t
				JOIN sims s ON s.id = t.sim
				WHERE t.request = $1 AND ` + which + ` AND t.state = 'eligible'
				ORDER BY s.id
				FOR NO KEY UPDATE OF s
			) locked`
	}
	q, args := query(inChunk), []any{w.Request, w.Lo, w.Hi}
	if w.Kind == transfer.WorkDropSessions {
		q, args = query(inItems), []any{w.Request, pq.Array(numbers)}
	}
	var locked int
	if err := t.hotGet(ctx, &locked, q, args...); err != nil {
		return fmt.Errorf("locking the SIMs of work %d: %w", w.ID, err)
	}
	return nil
}

// handOverSQL is the one place where SIMs change hands. From one verdict on
// the locked SIMs it moves those that are offline and still fit, with their
// settings, timeline and fee; closes those that no longer fit or were not
// chosen; and leaves those that are online to drop work. Rows are found again by
// their place (ctid): nobody else changes a locked SIM, or a transfer of this phase.
// What was chosen is looked up one by one: NOT EXISTS would let the planner read
// all of it into a hash table, for every chunk anew.
func handOverSQL(which, handOff, dropped string) string {
	return `
WITH r AS MATERIALIZED (` + requestFacts + `
), verdict AS MATERIALIZED (
	SELECT
		CASE
			WHEN declined THEN 'declined'
			WHEN reason IS NOT NULL THEN 'failed'
			WHEN gateway IS NOT NULL THEN 'online'
			ELSE 'completed'
		END AS outcome,
		*
	FROM (
		SELECT
			t.ctid AS transfer_at,
			s.ctid AS sim_at,
			t.n,
			t.sim,
			t.method,
			t.fee AS quoted,
			CASE t.method WHEN 'support_assisted' THEN coalesce(r.fee_override, t.fee) ELSE t.fee END AS fee,
			r.partial AND (SELECT c.n FROM chosen c WHERE c.request = t.request AND c.n = t.n) IS NULL AS declined,
			` + reasonSQL(transfer.ExecutionRules()) + ` AS reason,
			(SELECT min(host(a.nasipaddress)) FROM radius.radacct a WHERE a.sim = t.sim AND a.acctstoptime IS NULL) AS gateway,
			greatest(clock_timestamp(), s.since + interval '1 microsecond') AS since,
			` + settingNames("s.") + `
		FROM r
		JOIN transfers t ON t.request = r.id
		JOIN sims s ON s.id = t.sim
		WHERE ` + which + `
		  AND t.state = 'eligible'
	) judged
), moved AS (
	UPDATE sims s
	SET account = r.destination,
		since = v.since,
		` + setSettings() + `
	FROM verdict v, r
	WHERE s.ctid = v.sim_at AND v.outcome = 'completed'
	RETURNING s.id
), registered AS (
	INSERT INTO registrations (sim, since, account, request, n, before, after)
	SELECT v.sim, v.since, r.destination, r.id, v.n, ` + beforeSQL() + `, ` + afterSQL() + `
	FROM verdict v, r
	WHERE v.outcome = 'completed'
), charged AS (
	INSERT INTO charges (request, n, account, amount, currency)
	SELECT r.id, v.n, r.source, v.fee, r.currency
	FROM verdict v, r
	WHERE v.outcome = 'completed' AND v.fee IS DISTINCT FROM 0
), marked AS (
	UPDATE transfers t
	SET state = v.outcome,
		reason = CASE WHEN v.outcome = 'failed' THEN v.reason END,
		finished_at = clock_timestamp(),
		session_dropped = ` + dropped + `
	FROM verdict v
	WHERE t.ctid = v.transfer_at AND v.outcome <> 'online'
), unclaimed AS (
	DELETE FROM open_transfers o
	USING verdict v
	WHERE o.sim = v.sim AND o.request = $1 AND o.n = v.n AND v.outcome <> 'online'
	RETURNING o.sim
)` + handOff + `
SELECT
	count(*) FILTER (WHERE outcome = 'completed') AS completed,
	count(*) FILTER (WHERE outcome = 'failed') AS failed,
	count(*) FILTER (WHERE outcome = 'declined') AS declined,
	count(*) FILTER (WHERE outcome = 'online') AS handed_off,
	-count(*) FILTER (WHERE outcome <> 'online') AS eligible,
	-count(*) FILTER (WHERE outcome <> 'online' AND method = 'support_assisted') AS support,
	-count(*) FILTER (WHERE outcome <> 'online' AND quoted IS NULL) AS unquoted,
	-coalesce(sum(quoted) FILTER (WHERE outcome <> 'online'), 0) AS quoted,
	coalesce(sum(fee) FILTER (WHERE outcome = 'completed'), 0) AS charged,
	(SELECT count(*) FROM moved) AS moved,
	(SELECT count(*) FROM unclaimed) AS unclaimed
FROM verdict`
}

// One drop row per gateway, with the SIMs that it holds. Those of an interactive
// request do not wait behind a batch's.
const handOffSQL = `, handed_off AS (
	INSERT INTO work (kind, request, items, n, gateway, queue)
	SELECT
		'drop_sessions',
		r.id,
		array_agg(v.n ORDER BY v.n),
		count(*),
		v.gateway,
		CASE r.queue WHEN 'interactive' THEN 'gateway_interactive' ELSE 'gateway' END
	FROM verdict v, r
	WHERE v.outcome = 'online'
	GROUP BY r.id, r.queue, v.gateway
)`

// HandOver moves the SIMs of a chunk, whose work and SIMs are locked.
func (t *Tx) HandOver(ctx context.Context, w Work) (Counts, error) {
	return t.handOver(ctx, w, handOverSQL(inChunk, handOffSQL, "false"), w.Lo, w.Hi)
}

func (t *Tx) handOver(ctx context.Context, w Work, query string, args ...any) (Counts, error) {
	var c struct {
		Counts
		Moved     int `db:"moved"`
		Unclaimed int `db:"unclaimed"`
	}
	if err := t.hotGet(ctx, &c, query, append([]any{w.Request}, args...)...); err != nil {
		return c.Counts, fmt.Errorf("handing over the SIMs of work %d: %w", w.ID, err)
	}
	if c.Moved != c.Completed || c.Unclaimed != -c.Eligible {
		return c.Counts, fmt.Errorf("handing over the SIMs of work %d: %d to move, %d moved; %d to close, %d had their claim",
			w.ID, c.Completed, c.Moved, -c.Eligible, c.Unclaimed)
	}
	return c.Counts, nil
}

// CloseChunk ends the work of a chunk in execution or release.
func (t *Tx) CloseChunk(ctx context.Context, w Work, c Counts) error {
	_, err := t.closeWork(ctx, w, w.N-c.HandedOff, c, true)
	return err
}

package storage

import (
	"context"
	"fmt"

	"github.com/lib/pq"

	"simtransfer/transfer"
)

// Which transfers of a request a statement works on: those of a chunk, or those
// with the numbers of some SIMs.
const (
	inChunk   = `t.n >= @lo AND t.n < @hi`
	inNumbers = `t.n = ANY(@numbers::int[])`
)

func lockSIMsSQL(which string) string {
	return `
SELECT count(*)
FROM (
	SELECT s.id
	FROM transfers t
	JOIN sims s ON s.id = t.sim
	WHERE t.request = @request AND ` + which + ` AND t.state = 'eligible'
	ORDER BY s.id
	FOR NO KEY UPDATE OF s
) locked`
}

var lockChunkSIMs = newStatement(statement{
	name:     "lock_chunk_sims",
	does:     "Locks the SIMs of a chunk's eligible transfers, by ascending id.",
	given:    "@request and the numbers of the chunk's transfers: from @lo to below @hi.",
	returns:  "How many SIMs there are.",
	locks:    "Takes the SIMs. The caller holds the work row.",
	prepared: true,
	text:     lockSIMsSQL(inChunk),
})

var lockNumberedSIMs = newStatement(statement{
	name:     "lock_numbered_sims",
	does:     "Locks the SIMs of some eligible transfers of a request, by ascending id.",
	given:    "@request and the @numbers of its transfers.",
	returns:  "How many SIMs there are.",
	locks:    "Takes the SIMs. The caller holds the work row.",
	prepared: true,
	text:     lockSIMsSQL(inNumbers),
})

// LockSIMs locks the SIMs of work, by ascending id. Statements that follow in
// the transaction read what holds until it commits. For drop work, numbers are
// the transfers whose SIMs to lock; for other work they are not used.
func (t *Tx) LockSIMs(ctx context.Context, w Work, numbers []int64) error {
	var locked int
	var err error
	if w.Kind == transfer.WorkDropSessions {
		err = t.get(ctx, &locked, lockNumberedSIMs, args{"request": w.Request, "numbers": pq.Array(numbers)})
	} else {
		err = t.get(ctx, &locked, lockChunkSIMs, args{"request": w.Request, "lo": w.Lo, "hi": w.Hi})
	}
	if err != nil {
		return fmt.Errorf("locking the SIMs of work %d: %w", w.ID, err)
	}
	return nil
}

// handOverSQL is the only place where SIMs change owner. It decides once about
// each locked SIM, and from that verdict
//   - transfers the SIMs that are offline and still fit, with their settings,
//     timeline and fee, and records that for the changes feed;
//   - closes the transfers that no longer fit or were not chosen;
//   - leaves SIMs with open data sessions to drop work.
//
// The numbers of the completed transfers are mostly one range; range_agg takes as
// long as 2 % of the statement, so it runs only if there are several.
//
// It finds rows again by their ctid, which is safe because no other transaction
// can change a locked SIM or a transfer in this phase. It looks up each chosen
// transfer with a subquery: with NOT EXISTS, the planner may read all of them
// into a hash table for every chunk.
func handOverSQL(which, handOff, dropped string) string {
	return `
WITH r AS MATERIALIZED (` + requestFacts(frozenLanding) + `
), verdict AS MATERIALIZED (
	SELECT
		CASE
			WHEN declined THEN 'declined'
			WHEN reason IS NOT NULL THEN 'failed'
			WHEN gateway IS NOT NULL THEN 'online'
			ELSE 'completed'
		END AS outcome,
		transfer_at,
		sim_at,
		n,
		sim,
		method,
		quoted,
		fee,
		reason,
		since,
		gateway,
		` + indent(2, snapshotNames("")) + `
	FROM (
		SELECT
			t.ctid AS transfer_at,
			s.ctid AS sim_at,
			t.n,
			t.sim,
			t.method,
			t.fee AS quoted,
			` + effectiveFee + ` AS fee,
			r.partial AND (SELECT c.n FROM chosen c WHERE c.request = t.request AND c.n = t.n) IS NULL AS declined,
			` + indent(3, reasonSQL(transfer.ExecutionRules())) + ` AS reason,
			(SELECT min(host(a.nasipaddress)) FROM radius.radacct a WHERE a.sim = t.sim AND a.acctstoptime IS NULL) AS gateway,
			greatest(clock_timestamp(), s.since + interval '1 microsecond') AS since,
			` + indent(3, snapshotNames("s.")) + `
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
		` + indent(2, setSnapshot()) + `
	FROM verdict v, r
	WHERE s.ctid = v.sim_at AND v.outcome = 'completed'
	RETURNING s.id
), registered AS (
	INSERT INTO registrations (sim, since, account, request, n, before, after)
	SELECT
		v.sim,
		v.since,
		r.destination,
		r.id,
		v.n,
		` + indent(2, beforeSQL()) + `,
		` + indent(2, afterSQL()) + `
	FROM verdict v, r
	WHERE v.outcome = 'completed'
), charged AS (
	` + indent(1, insertCharges) + `
), marked AS (
	UPDATE transfers t
	SET state = v.outcome,
		reason = CASE WHEN v.outcome = 'failed' THEN v.reason END,
		finished_at = clock_timestamp(),
		session_dropped = ` + dropped + `
	FROM verdict v
	WHERE t.ctid = v.transfer_at AND v.outcome <> 'online'
), recorded AS (
	INSERT INTO changes (kind, source, destination, request, numbers)
	SELECT
		'transferred',
		r.source,
		r.destination,
		r.id,
		CASE count(*)
			WHEN max(v.n) - min(v.n) + 1 THEN int4multirange(int4range(min(v.n)::int, max(v.n)::int + 1))
			ELSE (SELECT range_agg(int4range(n::int, n::int + 1)) FROM verdict WHERE outcome = 'completed')
		END
	FROM verdict v, r
	WHERE v.outcome = 'completed'
	GROUP BY r.source, r.destination, r.id
), unclaimed AS (
	DELETE FROM open_transfers o
	USING verdict v
	WHERE o.sim = v.sim AND o.request = @request AND o.n = v.n AND v.outcome <> 'online'
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

// handOffSQL adds one work row per gateway, for the SIMs with sessions there.
// The sessions of interactive requests have a queue of their own, so they do
// not wait for those of a batch. Those of other chunks are gathered (gatherDrops),
// unless this chunk is all that is left of the request.
const handOffSQL = `, handed_off AS (
	INSERT INTO work (kind, request, items, n, gateway, queue, not_before)
	SELECT
		'drop_sessions',
		r.id,
		array_agg(v.n ORDER BY v.n),
		count(*),
		v.gateway,
		CASE r.queue WHEN 'interactive' THEN 'gateway_interactive' ELSE 'gateway' END,
		CASE
			WHEN r.queue = 'bulk' AND (SELECT q.n_left FROM requests q WHERE q.id = r.id) > @hi::int - @lo::int THEN clock_timestamp() + ` + gatherFor + `
			ELSE clock_timestamp()
		END
	FROM verdict v, r
	WHERE v.outcome = 'online'
	GROUP BY r.id, r.queue, v.gateway
)`

var handOverChunk = newStatement(statement{
	name: "hand_over_chunk",
	does: `Transfers the SIMs of a chunk: owner, settings, timeline, fee and transfer state.
		Closes the transfers that no longer fit or were not chosen.
		Adds drop work for SIMs with open data sessions.`,
	given:    "@request and the numbers of the chunk's transfers: from @lo to below @hi.",
	returns:  "How many transfers came to each state, and the change of the request's counters and sums.",
	locks:    "The caller holds the work row, then the SIMs (lock_chunk_sims). Takes claims and transfers.",
	prepared: true,
	text:     handOverSQL(inChunk, handOffSQL, "false"),
})

// handedOver is what a hand-over returns.
type handedOver struct {
	Counts
	Moved     int `db:"moved"`
	Unclaimed int `db:"unclaimed"`
}

// HandOver transfers the SIMs of a chunk. The caller has locked the work and
// the SIMs.
func (t *Tx) HandOver(ctx context.Context, w Work) (Counts, error) {
	var h handedOver
	err := t.get(ctx, &h, handOverChunk, args{"request": w.Request, "lo": w.Lo, "hi": w.Hi})
	return h.checked(w, err)
}

// checked returns the counts of a hand-over that left nothing half done.
func (h handedOver) checked(w Work, err error) (Counts, error) {
	if err != nil {
		return h.Counts, fmt.Errorf("handing over the SIMs of work %d: %w", w.ID, err)
	}
	if h.Moved != h.Completed || h.Unclaimed != -h.Eligible {
		return h.Counts, fmt.Errorf("handing over the SIMs of work %d: moved %d of %d SIMs, deleted %d of %d claims",
			w.ID, h.Moved, h.Completed, h.Unclaimed, -h.Eligible)
	}
	return h.Counts, nil
}

// CloseChunk ends the work of a chunk in execution or release.
func (t *Tx) CloseChunk(ctx context.Context, w Work, c Counts) error {
	_, err := t.closeWork(ctx, w, w.N-c.HandedOff, c, true)
	return err
}

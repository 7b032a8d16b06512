package storage

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"simtransfer/transfer"
)

const claimSQL = `
WITH claimed AS (
	INSERT INTO open_transfers (sim, request, n)
	SELECT s.id, t.request, t.n
	FROM transfers t
	JOIN identifiers i ON i.identifier = t.identifier
	JOIN sims s ON s.id = i.sim
	WHERE t.request = $1 AND t.n >= $2 AND t.n < $3
	  AND t.state = 'pending'
	  AND s.account = (SELECT source FROM requests WHERE id = $1)
	ORDER BY s.id, t.n
	ON CONFLICT DO NOTHING
	RETURNING sim, n
)
SELECT coalesce(array_agg(n), '{}') AS numbers, coalesce(array_agg(sim), '{}') AS sims FROM claimed`

// Claims are the SIMs that a chunk has claimed: that of the transfer lo+i is at
// i, and 0 where there is none.
type Claims []int64

// Claim claims every SIM of a chunk that belongs to the source. The order of
// the rows is what keeps two chunks from a deadlock; a claim that is being
// made or let go of elsewhere is waited for.
func (t *Tx) Claim(ctx context.Context, w Work) (Claims, error) {
	var claimed struct {
		Numbers pq.Int64Array `db:"numbers"`
		SIMs    pq.Int64Array `db:"sims"`
	}
	if err := t.hotGet(ctx, &claimed, claimSQL, w.Request, w.Lo, w.Hi); err != nil {
		return nil, fmt.Errorf("claiming the SIMs of work %d: %w", w.ID, err)
	}
	claims := make(Claims, w.Hi-w.Lo)
	for i, n := range claimed.Numbers {
		claims[int(n)-w.Lo] = claimed.SIMs[i]
	}
	return claims, nil
}

// A claim is this transfer's own by its (request, n), not by its SIM: one SIM
// may be named twice, by two identifiers. $4 has the chunk's claims; the SIMs
// of the other transfers are looked up again, to say what is wrong with them.
func judgeSQL() string {
	return `
WITH r AS MATERIALIZED (` + requestFacts + `
), fee AS MATERIALIZED (
	SELECT f.amount
	FROM fees f, r
	WHERE f.method = 'support_assisted' AND f.currency = r.currency AND f.valid_from <= clock_timestamp()
	ORDER BY f.valid_from DESC
	LIMIT 1
), judged AS MATERIALIZED (
	SELECT
		t.ctid AS transfer_at,
		t.n,
		CASE WHEN s.account = r.source THEN s.id END AS sim,
		o.sim AS claimed,
		` + methodSQL + ` AS method,
		` + reasonSQL(transfer.ValidationRules()) + ` AS reason
	FROM r
	JOIN transfers t ON t.request = r.id
	CROSS JOIN LATERAL (SELECT nullif(($4::bigint[])[t.n - $2 + 1], 0) AS sim) o
	LEFT JOIN identifiers i ON i.identifier = CASE WHEN o.sim IS NULL THEN t.identifier END
	LEFT JOIN sims s ON s.id = coalesce(o.sim, i.sim)
	WHERE t.n >= $2 AND t.n < $3
	  AND t.state = 'pending'
), marked AS (
	UPDATE transfers t
	SET state = CASE WHEN j.reason IS NULL THEN 'eligible' ELSE 'ineligible' END,
		reason = j.reason,
		sim = j.sim,
		method = CASE WHEN j.reason IS NULL THEN j.method END,
		fee = CASE
			WHEN j.reason IS NOT NULL THEN NULL
			WHEN j.method = 'self_service' THEN 0
			ELSE (SELECT amount FROM fee)
		END,
		finished_at = CASE WHEN j.reason IS NOT NULL THEN clock_timestamp() END
	FROM judged j
	WHERE t.ctid = j.transfer_at
), unclaimed AS (
	DELETE FROM open_transfers o
	USING judged j
	WHERE j.reason IS NOT NULL AND o.sim = j.claimed AND o.request = $1 AND o.n = j.n
)
SELECT
	count(*) FILTER (WHERE reason IS NULL) AS eligible,
	count(*) FILTER (WHERE reason IS NULL AND method = 'support_assisted') AS support,
	count(*) FILTER (WHERE reason IS NULL AND method = 'support_assisted' AND NOT EXISTS (SELECT 1 FROM fee)) AS unquoted,
	count(*) FILTER (WHERE reason IS NULL AND method = 'support_assisted') * coalesce((SELECT amount FROM fee), 0) AS quoted,
	count(*) FILTER (WHERE reason IS NOT NULL) AS ineligible
FROM judged`
}

// Judge decides about every pending transfer of a chunk from its SIM as it is
// now, quotes its fee, and lets go of the claims of those that are ineligible.
func (t *Tx) Judge(ctx context.Context, w Work, claims Claims) (Counts, error) {
	var c Counts
	if err := t.hotGet(ctx, &c, judgeSQL(), w.Request, w.Lo, w.Hi, pq.Array([]int64(claims))); err != nil {
		return c, fmt.Errorf("judging the SIMs of work %d: %w", w.ID, err)
	}
	return c, nil
}

// CancelPending closes what is still pending in a chunk of a request that was
// canceled before its validation came this far.
func (t *Tx) CancelPending(ctx context.Context, w Work) (Counts, error) {
	n, err := t.rawExec(ctx, `
		UPDATE transfers
		SET state = 'canceled', finished_at = clock_timestamp()
		WHERE request = $1 AND n >= $2 AND n < $3 AND state = 'pending'`, w.Request, w.Lo, w.Hi)
	if err != nil {
		return Counts{}, fmt.Errorf("canceling the pending SIMs of work %d: %w", w.ID, err)
	}
	return Counts{Canceled: int(n)}, nil
}

// CloseValidation ends the work of a chunk. The chunk that ends last opens the
// gate, still under the request's lock.
func (t *Tx) CloseValidation(ctx context.Context, w Work, c Counts) error {
	p, err := t.closeWork(ctx, w, w.N, c, true)
	if err != nil || p.Left > 0 {
		return err
	}
	if p.State == transfer.RequestCanceled {
		return t.gateCanceled(ctx, w.Request.UUID, p)
	}
	return t.gate(ctx, w.Request.UUID, p)
}

// gateCanceled ends a request that was canceled while its validation ran.
func (t *Tx) gateCanceled(ctx context.Context, id uuid.UUID, p progress) error {
	if p.Eligible > 0 {
		return t.startRelease(ctx, id, transfer.RequestCanceled)
	}
	if err := t.finish(ctx, id, transfer.RequestCanceled); err != nil {
		return err
	}
	return t.addEvent(ctx, id, event{kind: transfer.EventFinish, by: System(), from: p.State, to: p.State})
}

// gate applies what the source withdrew and sends the request on its way.
func (t *Tx) gate(ctx context.Context, id uuid.UUID, p progress) error {
	var withdrawn pq.Int64Array
	if err := t.rawGet(ctx, &withdrawn, `SELECT array_agg(n ORDER BY n) FROM withdrawn WHERE request = $1`, id); err != nil {
		return fmt.Errorf("reading what was withdrawn from request %s: %w", id, err)
	}
	if len(withdrawn) > 0 {
		if _, err := t.closeSome(ctx, id, transfer.Canceled, withdrawn); err != nil {
			return err
		}
		if err := t.rawGet(ctx, &p, `SELECT state, n_left, n_eligible, n_support FROM requests WHERE id = $1`, id); err != nil {
			return fmt.Errorf("reading request %s again: %w", id, err)
		}
	}
	what := transfer.Gate(p.Eligible, p.Support, len(withdrawn))
	to, err := t.enterNextState(ctx, id, what)
	if err != nil {
		return err
	}
	return t.addEvent(ctx, id, event{
		kind: what.Kind(), by: System(), from: transfer.Validating, to: to,
		detail: map[string]any{"eligible": p.Eligible, "support": p.Support},
	})
}

func (t *Tx) enterNextState(ctx context.Context, id uuid.UUID, what transfer.Event) (to transfer.RequestState, err error) {
	switch what {
	case transfer.Cancel:
		return transfer.RequestCanceled, t.finish(ctx, id, transfer.RequestCanceled)
	case transfer.Reject:
		return transfer.RequestRejected, t.finish(ctx, id, transfer.RequestRejected)
	case transfer.Review:
		to = transfer.InReview
	default:
		to = transfer.AwaitingAcceptance
	}
	if _, err := t.rawExec(ctx, `
		UPDATE requests
		SET state = $2, expires_at = clock_timestamp() + CASE WHEN $2 = 'in_review' THEN review ELSE acceptance END
		WHERE id = $1`, id, to); err != nil {
		return to, fmt.Errorf("offering request %s: %w", id, err)
	}
	return to, nil
}

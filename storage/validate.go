package storage

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"simtransfer/transfer"
)

var claimSIMs = newStatement(statement{
	name:    "claim_sims",
	does:    "Claims the SIMs of a chunk's pending transfers that belong to the source and have no open transfer.",
	given:   "@request and the numbers of the chunk's transfers: from @lo to below @hi.",
	returns: "Two arrays of equal length: numbers of transfers, and the SIMs that they have claimed.",
	locks: `Takes the claims by ascending SIM id, so that two chunks cannot deadlock.
		It waits for transactions that claim or release one of the SIMs. The caller holds the work row.`,
	prepared: true,
	text: `
WITH claimed AS (
	INSERT INTO open_transfers (sim, request, n)
	SELECT s.id, t.request, t.n
	FROM transfers t
	JOIN identifiers i ON i.identifier = t.identifier
	JOIN sims s ON s.id = i.sim
	WHERE t.request = @request AND t.n >= @lo AND t.n < @hi
	  AND t.state = 'pending'
	  AND s.account = (SELECT source FROM requests WHERE id = @request)
	ORDER BY s.id, t.n
	ON CONFLICT DO NOTHING
	RETURNING sim, n
)
SELECT coalesce(array_agg(n), '{}') AS numbers, coalesce(array_agg(sim), '{}') AS sims
FROM claimed`,
})

// Claims are the SIMs that a chunk has claimed. Element i is the SIM of the
// transfer number lo+i, or 0 if that transfer has no claim.
type Claims []int64

// Claim claims every SIM of a chunk that belongs to the source and has no other
// open transfer. It waits for transactions that are making or deleting a claim
// on one of them.
func (t *Tx) Claim(ctx context.Context, w Work) (Claims, error) {
	var claimed struct {
		Numbers pq.Int64Array `db:"numbers"`
		SIMs    pq.Int64Array `db:"sims"`
	}
	if err := t.get(ctx, &claimed, claimSIMs, args{"request": w.Request, "lo": w.Lo, "hi": w.Hi}); err != nil {
		return nil, fmt.Errorf("claiming the SIMs of work %d: %w", w.ID, err)
	}
	claims := make(Claims, w.Hi-w.Lo)
	for i, n := range claimed.Numbers {
		claims[int(n)-w.Lo] = claimed.SIMs[i]
	}
	return claims, nil
}

// A claim belongs to a transfer by its (request, n), not by its SIM, because a
// request may name one SIM by two identifiers. Each identifier is looked up again,
// to find the reason of transfers without a claim, and because it may have moved
// to another SIM while claim_sims waited for the claim.
var judgeTransfers = newStatement(statement{
	name: "judge_transfers",
	does: `Decides for each pending transfer of a chunk whether it is eligible, by the rules of package transfer.
		Sets its method, and quotes its fee. Deletes the claims of those that are ineligible.`,
	given: `@request and the numbers of the chunk's transfers: from @lo to below @hi.
		@claims has the claimed SIM of each, 0 for none, in the order of the numbers.`,
	returns:  "How many transfers are eligible and ineligible, and the change of the request's counters and sums; and how many have claimed a SIM that their identifier does not name any more.",
	locks:    "The caller holds the work row and the claims. Takes the transfers.",
	prepared: true,
	text: `
WITH r AS MATERIALIZED (` + requestFacts(landingNow) + `
), fee AS MATERIALIZED (` + scheduledFee + `
), judged AS MATERIALIZED (
	SELECT
		t.ctid AS transfer_at,
		t.n,
		CASE WHEN s.account = r.source THEN s.id END AS sim,
		o.sim AS claimed,
		o.sim <> coalesce(i.sim, 0) AS renamed,
		` + methodSQL + ` AS method,
		` + indent(2, reasonSQL(transfer.ValidationRules())) + ` AS reason
	FROM r
	JOIN transfers t ON t.request = r.id
	CROSS JOIN LATERAL (SELECT nullif((@claims::bigint[])[t.n - @lo + 1], 0) AS sim) o
	LEFT JOIN identifiers i ON i.identifier = t.identifier
	LEFT JOIN sims s ON s.id = coalesce(o.sim, i.sim)
	WHERE t.n >= @lo AND t.n < @hi
	  AND t.state = 'pending'
), marked AS (
	UPDATE transfers t
	SET state = CASE WHEN j.reason IS NULL THEN 'eligible' ELSE 'ineligible' END,
		reason = j.reason,
		sim = j.sim,
		method = CASE WHEN j.reason IS NULL THEN j.method END,
		fee = ` + indent(2, quoteSQL("j")) + `,
		finished_at = CASE WHEN j.reason IS NOT NULL THEN clock_timestamp() END
	FROM judged j
	WHERE t.ctid = j.transfer_at
), unclaimed AS (
	DELETE FROM open_transfers o
	USING judged j
	WHERE j.reason IS NOT NULL AND o.sim = j.claimed AND o.request = @request AND o.n = j.n
)
SELECT
	count(*) FILTER (WHERE reason IS NULL) AS eligible,
	count(*) FILTER (WHERE reason IS NULL AND method = 'support_assisted') AS support,
	count(*) FILTER (WHERE reason IS NULL AND method = 'support_assisted' AND NOT EXISTS (SELECT 1 FROM fee)) AS unquoted,
	count(*) FILTER (WHERE reason IS NULL AND method = 'support_assisted') * coalesce((SELECT amount FROM fee), 0) AS quoted,
	CASE WHEN count(*) FILTER (WHERE reason IS NULL AND method = 'support_assisted') > 0 THEN (SELECT entry FROM fee) END AS fee_entry,
	count(*) FILTER (WHERE reason IS NOT NULL) AS ineligible,
	count(*) FILTER (WHERE reason IS NOT NULL AND sim IS NULL) AS unknown,
	count(*) FILTER (WHERE renamed) AS renamed
FROM judged`,
})

// Judge decides about every pending transfer of a chunk from its SIM as it is
// now, quotes its fee, and deletes the claims of those that are ineligible. It
// returns a ConflictError if an identifier has moved to another SIM since Claim
// looked it up: then the transaction has to begin again.
func (t *Tx) Judge(ctx context.Context, w Work, claims Claims) (Counts, error) {
	var c struct {
		Counts
		Renamed int `db:"renamed"`
	}
	if err := t.get(ctx, &c, judgeTransfers, args{
		"request": w.Request, "lo": w.Lo, "hi": w.Hi, "claims": pq.Array([]int64(claims)),
	}); err != nil {
		return c.Counts, fmt.Errorf("judging the SIMs of work %d: %w", w.ID, err)
	}
	if c.Renamed > 0 {
		return c.Counts, fmt.Errorf("judging the SIMs of work %d: %d identifiers have moved to other SIMs: %w", w.ID, c.Renamed, errLostRace)
	}
	return c.Counts, nil
}

var cancelPending = newStatement(statement{
	name:  "cancel_pending",
	does:  "Closes the pending transfers of a chunk as canceled.",
	given: "@request and the numbers of the chunk's transfers: from @lo to below @hi.",
	locks: "The caller holds the work row. Takes the transfers.",
	text: `
UPDATE transfers
SET state = 'canceled', code = ` + requestCode + `, finished_at = clock_timestamp()
WHERE request = @request AND n >= @lo AND n < @hi AND state = 'pending'`,
})

// CancelPending closes the pending transfers of a chunk whose request was
// canceled before the chunk was validated.
func (t *Tx) CancelPending(ctx context.Context, w Work) (Counts, error) {
	n, err := t.exec(ctx, cancelPending, args{"request": w.Request, "lo": w.Lo, "hi": w.Hi})
	if err != nil {
		return Counts{}, fmt.Errorf("canceling the pending SIMs of work %d: %w", w.ID, err)
	}
	return Counts{Canceled: int(n), Unknown: int(n)}, nil
}

// CloseValidation ends the work of a chunk in validation. For the last chunk of
// a request it also decides which state comes next, while it still holds the
// request's lock.
func (t *Tx) CloseValidation(ctx context.Context, w Work, c Counts) error {
	p, err := t.closeWork(ctx, w, w.N, c, true)
	if err != nil || p.Left > 0 {
		return err
	}
	if p.State == transfer.RequestCanceled {
		return t.endCanceled(ctx, w.Request.UUID, p)
	}
	return t.endValidation(ctx, w.Request.UUID, p)
}

// endCanceled ends a request that was canceled while it was being validated.
func (t *Tx) endCanceled(ctx context.Context, id uuid.UUID, p progress) error {
	if p.Eligible > 0 {
		return t.startRelease(ctx, id, transfer.RequestCanceled, transfer.PartySystem)
	}
	if err := t.finish(ctx, id, transfer.RequestCanceled); err != nil {
		return err
	}
	return t.addEvent(ctx, id, p.finished(p.State))
}

var selectWithdrawn = newStatement(statement{
	name:    "select_withdrawn",
	does:    "Lists the transfers that the source has withdrawn from a request during validation.",
	given:   "@request.",
	returns: "One array of numbers, null if there are none.",
	locks:   "The caller holds the request.",
	text: `
SELECT array_agg(n ORDER BY n)
FROM withdrawn
WHERE request = @request`,
})

var selectProgress = newStatement(statement{
	name:    "select_progress",
	does:    "Reads what is left of a request.",
	given:   "@request.",
	returns: "Its state and counters.",
	locks:   "The caller holds the request.",
	text: `
SELECT ` + progressColumns + `
FROM requests
WHERE id = @request`,
})

// endValidation cancels the transfers that the source has withdrawn and brings
// the request to its next state.
func (t *Tx) endValidation(ctx context.Context, id uuid.UUID, p progress) error {
	var withdrawn pq.Int64Array
	if err := t.get(ctx, &withdrawn, selectWithdrawn, args{"request": id}); err != nil {
		return fmt.Errorf("reading what was withdrawn from request %s: %w", id, err)
	}
	if len(withdrawn) > 0 {
		if _, err := t.closeSome(ctx, id, transfer.RequestCanceled, withdrawn, ""); err != nil {
			return err
		}
		if err := t.get(ctx, &p, selectProgress, args{"request": id}); err != nil {
			return fmt.Errorf("reading request %s again: %w", id, err)
		}
	}
	what, by := transfer.Gate(p.Eligible, p.Support, len(withdrawn)), transfer.PartySystem
	if what == transfer.Cancel {
		by = transfer.PartySource // it has withdrawn every eligible SIM
	}
	to, err := transfer.Next(transfer.Validating, what, by)
	if err != nil {
		return fmt.Errorf("ending the validation of request %s: %w", id, err)
	}
	if err := t.enterNextState(ctx, id, to); err != nil {
		return err
	}
	return t.addEvent(ctx, id, event{
		kind: what.Kind(), by: System(), from: transfer.Validating, to: to,
		detail: map[string]any{"eligible": p.Eligible, "support": p.Support},
	})
}

var offerRequest = newStatement(statement{
	name:  "offer_request",
	does:  "Brings a validated request to a state in which it waits for a decision, and sets its expiry.",
	given: "@request and @state: in_review or awaiting_acceptance.",
	locks: "The caller holds the request.",
	text: `
UPDATE requests
SET state = @state,
	expires_at = now.at + now.period,
	waiting_since = now.at,
	remind_at = ` + remindAtSQL("0", "now.at", "now.at + now.period") + `,
	offered_at = CASE WHEN @state = 'awaiting_acceptance' THEN now.at END,
	n_withheld = n_canceled
FROM (
	SELECT clock_timestamp() AS at, CASE WHEN @state = 'in_review' THEN review ELSE acceptance END AS period
	FROM requests
	WHERE id = @request
) now
WHERE id = @request`,
})

// enterNextState brings a validated request to the state that follows: a final
// one, or one in which it waits for a decision.
func (t *Tx) enterNextState(ctx context.Context, id uuid.UUID, to transfer.RequestState) error {
	if to.Final() {
		return t.finish(ctx, id, to)
	}
	if _, err := t.exec(ctx, offerRequest, args{"request": id, "state": to}); err != nil {
		return fmt.Errorf("bringing request %s to state %s: %w", id, to, err)
	}
	return nil
}

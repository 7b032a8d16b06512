package storage

// A party takes back its cancel, decline or denial of a whole request. A completed
// transfer is not taken back: the new owner transfers the SIMs back, or an
// administrator corrects their owner (owner_corrections.go).

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

// maxNotFree is how many SIMs a SIMsNotFreeError lists.
const maxNotFree = 100

// SIMsNotFreeError means that the end of a request cannot be taken back, because SIMs
// that it released are in another transfer or do not belong to the source any more.
type SIMsNotFreeError struct {
	Count       int
	Identifiers []string // as submitted; the first 100
}

func (e *SIMsNotFreeError) Error() string {
	return fmt.Sprintf("%d SIMs of the request are not free any more: it stays as it is; create a new request for the others", e.Count)
}

// ReleasingError means that the end of a request cannot be taken back yet, because
// its SIMs are still being released.
type ReleasingError struct{ State transfer.RequestState }

func (e *ReleasingError) Error() string {
	return fmt.Sprintf("the request is %s, and its SIMs are still being released: repeat this call in a moment", e.State)
}

// End returns how a party ended the whole request; zero if that cannot be taken back,
// however much time has passed.
func (r Request) End() transfer.End {
	if r.EndedAt == nil || r.EndedBy == nil || r.EndedFrom == nil {
		return transfer.End{}
	}
	e := transfer.End{By: *r.EndedBy, At: *r.EndedAt, From: *r.EndedFrom}
	if r.EndedExpiry != nil {
		e.Expires = *r.EndedExpiry
	}
	return e
}

// endedForGoodSQL holds for a request r that is finished and whose end cannot be taken
// back any more.
func endedForGoodSQL() string {
	return fmt.Sprintf("r.finished_at IS NOT NULL AND (r.ended_at IS NULL OR r.ended_at < clock_timestamp() - make_interval(secs => %d))",
		int(transfer.TakeBackPeriod.Seconds()))
}

// endedWithRequest holds for the transfers t that were eligible when a party ended
// their request r. Those that were canceled or declined by name before were finished
// before.
const endedWithRequest = `t.request = r.id AND t.state = @outcome AND t.finished_at >= r.ended_at AND t.sim IS NOT NULL AND t.method IS NOT NULL`

var reclaimSIMs = newStatement(statement{
	name:  "reclaim_sims",
	does:  "Claims the SIMs that a request released when a party ended it, if they have no open transfer.",
	given: "@request, and the @outcome of the transfers: canceled, declined or denied.",
	locks: `The caller holds the request, which is finished. Takes the claims by ascending SIM id, and waits for
		transactions that claim or release one of the SIMs.`,
	text: `
INSERT INTO open_transfers (sim, request, n)
SELECT t.sim, t.request, t.n
FROM requests r
JOIN transfers t ON ` + endedWithRequest + `
WHERE r.id = @request
ORDER BY t.sim
ON CONFLICT DO NOTHING`,
})

var selectNotFree = newStatement(statement{
	name:  "select_not_free",
	does:  "Finds SIMs that a request released and that it has not claimed again or that the source does not own any more.",
	given: "@request, the @outcome of the transfers, and the maximum number of rows: @limit.",
	returns: `Their identifiers in the order of submission, with the number of all of them. No row means that all SIMs are
		free.`,
	locks: "The caller holds the request and the claims.",
	text: `
SELECT t.identifier, count(*) OVER () AS total
FROM requests r
JOIN transfers t ON ` + endedWithRequest + `
JOIN sims s ON s.id = t.sim
LEFT JOIN open_transfers o ON o.sim = t.sim AND o.request = t.request AND o.n = t.n
LEFT JOIN retired_sims q ON q.sim = t.sim
WHERE r.id = @request AND (o.sim IS NULL OR s.account <> r.source OR q.sim IS NOT NULL)
ORDER BY t.n
LIMIT @limit`,
})

var reopenRequest = newStatement(statement{
	name:    "reopen_request",
	does:    "Brings a request that a party ended back to the state that it had, with its transfers and its expiry.",
	given:   "@request, and the @outcome that its transfers had.",
	returns: "How many transfers are eligible, and how many were when it was ended.",
	locks:   "The caller holds the request and the claims. Takes the transfers.",
	text: `
WITH reopened AS (
	UPDATE transfers t
	SET state = 'eligible', finished_at = NULL, code = NULL
	FROM requests r
	WHERE r.id = @request AND ` + endedWithRequest + `
	RETURNING t.method, t.fee
), counted AS (
	SELECT
		count(*) AS eligible,
		count(*) FILTER (WHERE method = 'support_assisted') AS support,
		count(*) FILTER (WHERE fee IS NULL) AS unquoted,
		coalesce(sum(fee), 0) AS quoted
	FROM reopened
), was AS (
	SELECT ended_open FROM requests WHERE id = @request
)
UPDATE requests r
SET state = ended_from,
	expires_at = ended_expiry,
	finished_at = NULL,
	code = NULL,
	reason = NULL,
	codes = CASE
		WHEN EXISTS (SELECT FROM transfers t WHERE t.request = r.id AND t.code = r.code AND t.finished_at < r.ended_at) THEN codes
		ELSE array_remove(codes, code)
	END,
	n_eligible = c.eligible,
	n_support = c.support,
	n_unquoted = c.unquoted,
	quoted = c.quoted,
	n_canceled = n_canceled - CASE @outcome WHEN 'canceled' THEN c.eligible ELSE 0 END,
	n_declined = n_declined - CASE @outcome WHEN 'declined' THEN c.eligible ELSE 0 END,
	n_denied = n_denied - CASE @outcome WHEN 'denied' THEN c.eligible ELSE 0 END,
	ended_at = NULL,
	ended_by = NULL,
	ended_from = NULL,
	ended_expiry = NULL,
	ended_open = NULL
FROM counted c, was
WHERE r.id = @request
RETURNING r.n_eligible AS eligible, was.ended_open AS was`,
})

// takeBack undoes that a party has canceled, declined or denied a whole request: the
// request returns to the state that it had, with the same fees and expiry. Its SIMs
// have to be free, and are claimed again. If the source takes it back, the request
// counts for its limits like a new one.
func (t *Tx) takeBack(ctx context.Context, r Request, d Decision, now time.Time) error {
	end := r.End()
	if err := end.TakeBack(d.By.Party, now); err != nil {
		return err
	}
	if r.FinishedAt == nil {
		return &ReleasingError{r.State}
	}
	outcome, ok := r.State.Released()
	if !ok {
		return fmt.Errorf("taking back the end of request %s: a request that is %s has released nothing", r.ID, r.State)
	}
	if err := t.reclaimReference(ctx, r); err != nil {
		return err
	}
	if _, err := t.exec(ctx, reclaimSIMs, args{"request": r.ID, "outcome": outcome}); err != nil {
		return fmt.Errorf("claiming the SIMs of request %s again: %w", r.ID, err)
	}
	if err := t.checkFree(ctx, r.ID, outcome); err != nil {
		return err
	}
	var n struct {
		Eligible int `db:"eligible"`
		Was      int `db:"was"`
	}
	if err := t.get(ctx, &n, reopenRequest, args{"request": r.ID, "outcome": outcome}); err != nil {
		return fmt.Errorf("reopening request %s: %w", r.ID, err)
	}
	if n.Eligible != n.Was {
		return fmt.Errorf("reopening request %s: found %d of %d transfers", r.ID, n.Eligible, n.Was)
	}
	if err := t.accountsOpen(ctx, r, d.Event); err != nil {
		return err
	}
	if err := t.addEvent(ctx, r.ID, event{
		kind: d.Event.Kind(), by: d.By, from: r.State, to: end.From, detail: map[string]any{"eligible": n.Eligible},
	}); err != nil {
		return err
	}
	if d.By.Party != transfer.PartySource {
		return nil // the others must not learn how much the source sends
	}
	source, err := t.Account(ctx, r.SourceOperator.Ref())
	if err != nil {
		return fmt.Errorf("reading the source of request %s: %w", r.ID, err)
	}
	return t.EnforceLimits(ctx, source, d.Limits, 1, r.Size)
}

// checkFree returns a *SIMsNotFreeError unless all SIMs that the request released are
// claimed again and belong to the source. Their owners cannot change any more.
func (t *Tx) checkFree(ctx context.Context, request uuid.UUID, outcome transfer.State) error {
	var taken []struct {
		Identifier string `db:"identifier"`
		Total      int    `db:"total"`
	}
	if err := t.list(ctx, &taken, selectNotFree, args{"request": request, "outcome": outcome, "limit": maxNotFree}); err != nil {
		return fmt.Errorf("looking for SIMs of request %s that are not free: %w", request, err)
	}
	if len(taken) == 0 {
		return nil
	}
	e := &SIMsNotFreeError{Count: taken[0].Total}
	for _, s := range taken {
		e.Identifiers = append(e.Identifiers, s.Identifier)
	}
	return e
}

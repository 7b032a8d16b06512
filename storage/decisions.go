package storage

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"simtransfer/transfer"
)

// Decision is what somebody wants to happen to a request.
type Decision struct {
	Event transfer.Event // Accept, Decline, Cancel, Approve, Deny or Expire
	By    Actor

	// SIMs, by identifier, when only some are accepted, declined or canceled;
	// empty means the whole request. Any other event is for the whole request.
	SIMs []transfer.Identifier

	Landing *Landing // on acceptance: settings that the SIMs arrive with

	Ticket      string // support's reference, on approval
	FeeOverride *int64 // on approval: what each SIM that needs support costs, in minor units
	Reason      string // of a denial, a decline, or a change of fee
}

// UnknownSIMsError names SIMs of a decision that are not open in its request.
type UnknownSIMsError struct{ Identifiers []string }

func (e *UnknownSIMsError) Error() string {
	const most = 10
	list := e.Identifiers[:min(most, len(e.Identifiers))]
	more := ""
	if n := len(e.Identifiers) - len(list); n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("not open in this request: %q%s; leave them out, or read the request's transfers for what became of them", list, more)
}

// NoFeeError says that SIMs of a request have no quoted fee, because the
// schedule had none in the source's currency when they were validated.
type NoFeeError struct{ Currency transfer.Currency }

func (e *NoFeeError) Error() string {
	return fmt.Sprintf("the fee schedule had no amount in %s when this request was validated: approve it with a fee and a reason", e.Currency)
}

// Decide locks the request, then looks at the clock, then decides by the
// transition table. It returns the request as it is afterwards. Refusals are
// ErrNotFound, *transfer.StateError, *transfer.PartyError,
// *transfer.ExpiredError, *UnknownSIMsError and *NoFeeError; they leave the
// transaction to be rolled back.
func (t *Tx) Decide(ctx context.Context, id uuid.UUID, d Decision) (Request, error) {
	var state transfer.RequestState
	if err := t.hotGet(ctx, &state, `SELECT state FROM requests WHERE id = $1 FOR NO KEY UPDATE`, id); err != nil {
		return Request{}, err
	}
	r, err := t.Request(ctx, id) // a new statement: what it sees is what the lock holds still
	if err != nil {
		return r, err
	}
	to, err := transfer.Next(r.State, d.Event, d.By.Party)
	if err != nil {
		return r, err
	}
	if d.Event == transfer.Accept || d.Event == transfer.Approve {
		var late bool
		if err := t.hotGet(ctx, &late, `SELECT expires_at <= clock_timestamp() FROM requests WHERE id = $1`, id); err != nil {
			return r, err
		}
		if late {
			return r, &transfer.ExpiredError{Event: d.Event}
		}
	}
	if err := t.decide(ctx, r, to, d); err != nil {
		return r, err
	}
	return t.Request(ctx, id)
}

func (t *Tx) decide(ctx context.Context, r Request, to transfer.RequestState, d Decision) error {
	switch d.Event {
	case transfer.Accept:
		return t.accept(ctx, r, d)
	case transfer.Approve:
		return t.approve(ctx, r, d)
	case transfer.Decline, transfer.Cancel:
		switch {
		case len(d.SIMs) > 0 && r.State == transfer.Validating:
			return t.withdraw(ctx, r, d)
		case len(d.SIMs) > 0:
			return t.endSome(ctx, r, to, d)
		default:
			return t.end(ctx, r, to, d)
		}
	case transfer.Deny, transfer.Expire: // of the whole request, always
		return t.end(ctx, r, to, d)
	case transfer.Reject, transfer.Review, transfer.Offer, transfer.Finish:
	}
	return fmt.Errorf("deciding on request %s: %s is not a decision", r.ID, d.Event)
}

func (t *Tx) accept(ctx context.Context, r Request, d Decision) error {
	detail := map[string]any{"accepted": r.Eligible}
	if len(d.SIMs) > 0 {
		ns, err := t.openIn(ctx, r.ID, d.SIMs)
		if err != nil {
			return err
		}
		if _, err := t.rawExec(ctx, `INSERT INTO chosen (request, n) SELECT $1, unnest($2::int[])`, r.ID, pq.Array(ns)); err != nil {
			return fmt.Errorf("noting the SIMs accepted of request %s: %w", r.ID, err)
		}
		detail["accepted"] = len(ns)
	}
	if _, err := t.rawExec(ctx, `
		UPDATE requests SET state = 'transferring', n_left = size, partial = $2, landing = $3, expires_at = NULL WHERE id = $1`,
		r.ID, len(d.SIMs) > 0, d.Landing,
	); err != nil {
		return fmt.Errorf("accepting request %s: %w", r.ID, err)
	}
	if err := t.addChunks(ctx, r.ID, transfer.WorkExecute); err != nil {
		return err
	}
	return t.addEvent(ctx, r.ID, event{kind: d.Event.Kind(), by: d.By, from: r.State, to: transfer.Transferring, detail: detail})
}

func (t *Tx) approve(ctx context.Context, r Request, d Decision) error {
	if d.FeeOverride == nil && r.Unquoted > 0 {
		return &NoFeeError{r.Currency}
	}
	var reason *string
	detail := map[string]any{"ticket": d.Ticket}
	if d.FeeOverride != nil {
		reason = &d.Reason
		detail["fee_minor"], detail["currency"], detail["reason"] = *d.FeeOverride, r.Currency, d.Reason
	}
	if _, err := t.rawExec(ctx, `
		UPDATE requests
		SET state = 'awaiting_acceptance', expires_at = clock_timestamp() + acceptance, ticket = $2, fee_override = $3, fee_reason = $4
		WHERE id = $1`,
		r.ID, d.Ticket, d.FeeOverride, reason,
	); err != nil {
		return fmt.Errorf("approving request %s: %w", r.ID, err)
	}
	return t.addEvent(ctx, r.ID, event{kind: d.Event.Kind(), by: d.By, from: r.State, to: transfer.AwaitingAcceptance, detail: detail})
}

// end brings a whole request to a final state. While validation runs that is
// all: the running chunks end first, and the gate adds the release.
func (t *Tx) end(ctx context.Context, r Request, to transfer.RequestState, d Decision) error {
	if r.State == transfer.Validating {
		if _, err := t.rawExec(ctx, `UPDATE requests SET state = $2 WHERE id = $1`, r.ID, to); err != nil {
			return fmt.Errorf("ending request %s: %w", r.ID, err)
		}
	} else if err := t.startRelease(ctx, r.ID, to); err != nil {
		return err
	}
	return t.addEvent(ctx, r.ID, event{kind: d.Event.Kind(), by: d.By, from: r.State, to: to, detail: reasonOf(d)})
}

func (t *Tx) startRelease(ctx context.Context, id uuid.UUID, to transfer.RequestState) error {
	if _, err := t.rawExec(ctx, `UPDATE requests SET state = $2, n_left = size, expires_at = NULL WHERE id = $1`, id, to); err != nil {
		return fmt.Errorf("releasing request %s: %w", id, err)
	}
	return t.addChunks(ctx, id, transfer.WorkRelease)
}

// withdraw notes SIMs that the source takes back while validation runs.
func (t *Tx) withdraw(ctx context.Context, r Request, d Decision) error {
	ns, err := t.namedIn(ctx, r.ID, d.SIMs)
	if err != nil {
		return err
	}
	if _, err := t.rawExec(ctx, `
		INSERT INTO withdrawn (request, n) SELECT $1, unnest($2::int[]) ON CONFLICT DO NOTHING`, r.ID, pq.Array(ns)); err != nil {
		return fmt.Errorf("withdrawing SIMs of request %s: %w", r.ID, err)
	}
	return t.addEvent(ctx, r.ID, event{kind: d.Event.Kind(), by: d.By, detail: withSIMs(reasonOf(d), len(ns))})
}

// endSome closes some transfers of a request that waits for a person. When
// none is left the request ends like this decision.
func (t *Tx) endSome(ctx context.Context, r Request, to transfer.RequestState, d Decision) error {
	ns, err := t.openIn(ctx, r.ID, d.SIMs)
	if err != nil {
		return err
	}
	outcome, _ := to.Released()
	left, err := t.closeSome(ctx, r.ID, outcome, ns)
	if err != nil {
		return err
	}
	e := event{kind: d.Event.Kind(), by: d.By, detail: withSIMs(reasonOf(d), len(ns))}
	if left == 0 {
		if err := t.finish(ctx, r.ID, to); err != nil {
			return err
		}
		e.from, e.to = r.State, to
	}
	return t.addEvent(ctx, r.ID, e)
}

// finish ends a request that has no open transfer left.
func (t *Tx) finish(ctx context.Context, id uuid.UUID, to transfer.RequestState) error {
	if _, err := t.rawExec(ctx, `
		UPDATE requests SET state = $2, expires_at = NULL, finished_at = clock_timestamp() WHERE id = $1`, id, to); err != nil {
		return fmt.Errorf("finishing request %s: %w", id, err)
	}
	return nil
}

// closeSome gives eligible transfers an outcome, lets go of their claims and
// returns how many are left eligible. The caller holds the request's lock, and
// its n_left is 0.
func (t *Tx) closeSome(ctx context.Context, id uuid.UUID, outcome transfer.State, ns []int64) (left int, err error) {
	err = t.rawGet(ctx, &left, `
		WITH freed AS (
			DELETE FROM open_transfers o
			USING transfers x
			WHERE x.request = $1 AND x.n = ANY($2) AND x.state = 'eligible'
			  AND o.sim = x.sim AND o.request = x.request AND o.n = x.n
		), closed AS (
			UPDATE transfers
			SET state = $3, finished_at = clock_timestamp()
			WHERE request = $1 AND n = ANY($2) AND state = 'eligible'
			RETURNING method, fee
		), counted AS (
			SELECT
				count(*) AS n,
				count(*) FILTER (WHERE method = 'support_assisted') AS support,
				count(*) FILTER (WHERE fee IS NULL) AS unquoted,
				coalesce(sum(fee), 0) AS quoted
			FROM closed
		)
		UPDATE requests r
		SET n_eligible = n_eligible - c.n,
			n_support = n_support - c.support,
			n_unquoted = n_unquoted - c.unquoted,
			quoted = r.quoted - c.quoted,
			n_canceled = n_canceled + CASE WHEN $3 = 'canceled' THEN c.n ELSE 0 END,
			n_declined = n_declined + CASE WHEN $3 = 'declined' THEN c.n ELSE 0 END,
			-- a request that waits has an eligible SIM; the caller finishes this one
			state = CASE WHEN n_eligible = c.n THEN CASE $3 WHEN 'canceled' THEN 'canceled' ELSE 'declined' END ELSE state END
		FROM counted c
		WHERE r.id = $1
		RETURNING r.n_eligible`, id, pq.Array(ns), outcome)
	if err != nil {
		return 0, fmt.Errorf("closing some transfers of request %s: %w", id, err)
	}
	return left, nil
}

// openIn returns the numbers of the open transfers of a request that hold the
// SIMs named.
func (t *Tx) openIn(ctx context.Context, id uuid.UUID, sims []transfer.Identifier) ([]int64, error) {
	return t.numbers(ctx, sims, `
		SELECT i.identifier, o.n
		FROM unnest($2::text[]) AS i (identifier)
		JOIN identifiers x USING (identifier)
		JOIN open_transfers o ON o.sim = x.sim AND o.request = $1`, id)
}

// namedIn returns the numbers of the transfers of a request that name the
// SIMs, by whichever identifier. Only of the source's own SIMs is it told which
// identifiers are one SIM's.
func (t *Tx) namedIn(ctx context.Context, id uuid.UUID, sims []transfer.Identifier) ([]int64, error) {
	return t.numbers(ctx, sims, `
		SELECT i.identifier, t.n
		FROM unnest($2::text[]) AS i (identifier)
		LEFT JOIN identifiers x USING (identifier)
		LEFT JOIN sims s ON s.id = x.sim AND s.account = (SELECT source FROM requests WHERE id = $1)
		LEFT JOIN identifiers y ON y.sim = s.id
		JOIN transfers t ON t.request = $1 AND t.identifier = coalesce(y.identifier, i.identifier)`, id)
}

func (t *Tx) numbers(ctx context.Context, sims []transfer.Identifier, query string, id uuid.UUID) ([]int64, error) {
	names := make([]string, len(sims))
	for i, s := range sims {
		names[i] = s.String()
	}
	var found []struct {
		Identifier string `db:"identifier"`
		N          int64  `db:"n"`
	}
	if err := t.tx.SelectContext(ctx, &found, query, id, pq.Array(names)); err != nil {
		return nil, fmt.Errorf("finding SIMs of request %s: %w", id, err)
	}
	known, ns := make(map[string]bool, len(found)), make([]int64, 0, len(found))
	for _, f := range found {
		known[f.Identifier] = true
		ns = append(ns, f.N)
	}
	unknown := slices.DeleteFunc(names, func(name string) bool { return known[name] })
	if len(unknown) > 0 {
		return nil, &UnknownSIMsError{unknown}
	}
	slices.Sort(ns)
	return slices.Compact(ns), nil
}

func reasonOf(d Decision) map[string]any {
	if d.Reason == "" {
		return nil
	}
	return map[string]any{"reason": d.Reason}
}

func withSIMs(detail map[string]any, n int) map[string]any {
	if detail == nil {
		detail = map[string]any{}
	}
	detail["sims"] = n
	return detail
}

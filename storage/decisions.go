package storage

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"simtransfer/transfer"
)

// Decision is an event that a party of a request, or the system, wants to cause.
type Decision struct {
	Event transfer.Event // Accept, Decline, Cancel, Approve, Deny, Extend, TakeBack, Start or Expire
	By    Actor

	// SIMs to accept, decline or cancel, by any of their identifiers, and EIDs and
	// ranges of ICCIDs, each of which selects SIMs of the request. If both are empty,
	// the decision is about the whole request. Other events ignore them.
	SIMs   []transfer.Identifier
	Ranges []transfer.SIMRef

	Landing *Landing         // of Accept: settings for the SIMs at the destination
	Window  *transfer.Window // of Accept: when the request is executed; nil: at once

	// WithoutProfile makes Accept ignore the landing profile of the destination, which
	// otherwise sets what Landing leaves empty.
	WithoutProfile bool

	// OnBehalf is set if support accepts in place of the destination.
	OnBehalf *OnBehalf

	Until  time.Time     // of Extend: the new expiry
	Longer time.Duration // of Extend, if Until is zero: how much later than before the request expires

	Ticket      string // of Approve: support's ticket reference
	OwnRequest  bool   // of Approve, and of Accept on behalf: also if the API key made or approved the request, or the key that did
	FeeOverride *int64 // of Approve: the fee of each SIM that needs support, in minor units; nil: as quoted
	Reason      string // of Deny, Decline, Cancel, or a changed fee

	Limits DefaultLimits // of TakeBack by the source

	Code transfer.DecisionCode // of Deny, Decline or Cancel; empty: none

	// If is called with the request as it is before the decision, while it is
	// locked. If it returns an error, nothing is decided. Nil: no condition.
	If func(Request) error
}

// OnBehalf says why support accepts in place of the destination.
type OnBehalf struct{ Reason, Ticket string } // both are required

// next returns the state to which the decision leads; see transfer.Next.
func (d Decision) next(from transfer.RequestState, event transfer.Event) (transfer.RequestState, error) {
	if d.OnBehalf != nil && d.By.Party == transfer.PartySupport {
		return transfer.NextOnBehalf(from, event)
	}
	return transfer.Next(from, event, d.By.Party)
}

// some reports whether a decision is only about some SIMs.
func (d Decision) some() bool { return len(d.SIMs)+len(d.Ranges) > 0 }

// UnknownSIMsError names SIMs of a decision that are not open in its request.
type UnknownSIMsError struct{ Identifiers []string }

func (e *UnknownSIMsError) Error() string {
	const maxListed = 10
	list := e.Identifiers[:min(maxListed, len(e.Identifiers))]
	more := ""
	if n := len(e.Identifiers) - len(list); n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("not open in this request: %q%s; leave them out, or list the request's transfers to see their states", list, more)
}

// NoFeeError says that some SIMs of a request have no quoted fee, because the
// fee schedule had no amount in the source's currency when they were validated.
type NoFeeError struct{ Currency transfer.Currency }

func (e *NoFeeError) Error() string {
	return fmt.Sprintf("the fee schedule had no amount in %s when this request was validated: approve it with a fee and a reason", e.Currency)
}

var lockRequest = newStatement(statement{
	name:     "lock_request",
	does:     "Locks a request.",
	given:    "@request.",
	returns:  "Its state; no row if there is no such request.",
	locks:    "Takes the request.",
	prepared: true,
	text: `
SELECT state
FROM requests
WHERE id = @request
FOR NO KEY UPDATE`,
})

var selectRequestExpired = newStatement(statement{
	name:     "select_request_expired",
	does:     "Compares a request's expiry with the clock.",
	given:    "@request.",
	returns:  "Whether it has expired, and the time.",
	locks:    "The caller holds the request.",
	prepared: true,
	text: `
SELECT coalesce(expires_at <= clock_timestamp(), false) AS late, clock_timestamp() AS now
FROM requests
WHERE id = @request`,
})

// Decide locks the request, compares its expiry with the clock, and then applies
// the decision if transfer.Next allows it. It returns the request after the
// decision. A decision that is not allowed returns ErrNotFound,
// *transfer.StateError, *transfer.PartyError, *transfer.ExpiredError,
// *transfer.WindowError, *transfer.ExtensionError, *transfer.TakeBackError,
// *ReleasingError, *SIMsNotFreeError, *ReferenceTakenError, *LimitError, *AccountClosedError, *SelfApprovalError,
// *UnknownSIMsError, *NoFeeError or *LandingPlanError; the caller must then roll the
// transaction back.
func (t *Tx) Decide(ctx context.Context, id uuid.UUID, d Decision) (Request, error) {
	var state transfer.RequestState
	if err := t.get(ctx, &state, lockRequest, args{"request": id}); err != nil {
		return Request{}, err
	}
	r, err := t.Request(ctx, id) // a later statement sees what was committed before the lock was granted
	if err != nil {
		return r, err
	}
	if d.If != nil {
		if err := d.If(r); err != nil {
			return r, err
		}
	}
	event := d.Event
	if event == transfer.Accept && d.Window != nil {
		event = transfer.Schedule
	}
	to, err := d.next(r.State, event)
	if err != nil {
		return r, err
	}
	now, err := t.checkDecision(ctx, r, event)
	if err != nil {
		return r, err
	}
	if err := t.decide(ctx, r, to, d, now); err != nil {
		return r, err
	}
	return t.Request(ctx, id)
}

// checkDecision refuses every decision on a request that has expired, and what needs
// open accounts. It returns the time.
func (t *Tx) checkDecision(ctx context.Context, r Request, event transfer.Event) (time.Time, error) {
	var clock struct {
		Late bool      `db:"late"`
		Now  time.Time `db:"now"`
	}
	if needsTime(event) || event == transfer.TakeBack {
		if err := t.get(ctx, &clock, selectRequestExpired, args{"request": r.ID}); err != nil {
			return clock.Now, err
		}
		if clock.Late {
			return clock.Now, &transfer.ExpiredError{Event: event}
		}
	}
	if bringsForward(event) {
		return clock.Now, t.accountsOpen(ctx, r, event)
	}
	return clock.Now, nil
}

func (t *Tx) decide(ctx context.Context, r Request, to transfer.RequestState, d Decision, now time.Time) error {
	switch d.Event {
	case transfer.Accept:
		return t.accept(ctx, r, to, d, now)
	case transfer.Extend:
		return t.extend(ctx, r, d)
	case transfer.TakeBack:
		return t.takeBack(ctx, r, d, now)
	case transfer.Start:
		return t.start(ctx, r, to, d)
	case transfer.Approve:
		return t.approve(ctx, r, to, d)
	case transfer.Decline, transfer.Cancel:
		switch {
		case d.some() && r.State == transfer.Validating:
			return t.withdraw(ctx, r, d)
		case d.some():
			return t.endSome(ctx, r, to, d)
		default:
			return t.end(ctx, r, to, d)
		}
	case transfer.Deny, transfer.Expire: // always of the whole request
		return t.end(ctx, r, to, d)
	case transfer.Reject, transfer.Review, transfer.Offer, transfer.Schedule, transfer.Finish:
	}
	return fmt.Errorf("deciding on request %s: %s is not a decision", r.ID, d.Event)
}

var chooseTransfers = newStatement(statement{
	name:  "choose_transfers",
	does:  "Records which transfers of a request the destination has accepted.",
	given: "@request and the @numbers of the transfers.",
	locks: "The caller holds the request.",
	text: `
INSERT INTO chosen (request, n)
SELECT @request, unnest(@numbers::int[])`,
})

var acceptRequest = newStatement(statement{
	name: "accept_request",
	does: "Brings an accepted request to the state in which it is executed, or waits for its window.",
	given: `@request and @state.
		@partial: only the chosen transfers were accepted, and execution declines the others.
		@landing: the landing profile, or null. What it leaves out comes from that of the destination's account, unless
		@without_profile. Unless it has a plan, the mapping of plans that is in force is recorded with it.
		The window of a request that is scheduled: from @not_before to @not_after; null: none.
		If support accepts in place of the destination, the @reason and the @ticket; empty: it does not.`,
	locks: "The caller holds the request.",
	text: `
UPDATE requests r
SET state = @state,
	n_left = CASE @state WHEN 'scheduled' THEN 0 ELSE size END,
	partial = @partial,
	landing = nullif(
		CASE WHEN @without_profile THEN '{}' ELSE coalesce(dst.landing, '{}') END
			|| coalesce(@landing::jsonb, '{}')
			|| CASE WHEN @landing::jsonb ? 'plan' THEN '{}' ELSE coalesce(mapped.landing, '{}') END,
		'{}'),
	expires_at = @not_after,
	not_before = @not_before,
	not_after = @not_after,
	on_behalf_reason = nullif(@reason, ''),
	on_behalf_ticket = nullif(@ticket, '')
FROM accounts src
CROSS JOIN accounts dst
LEFT JOIN LATERAL (` + indent(1, planMappingSQL()) + `
) mapped ON true
WHERE r.id = @request AND src.id = r.source AND dst.id = r.destination`,
})

func (t *Tx) accept(ctx context.Context, r Request, to transfer.RequestState, d Decision, now time.Time) error {
	var behalf OnBehalf
	if d.OnBehalf != nil {
		behalf = *d.OnBehalf
		if err := t.checkOtherHand(ctx, r, d); err != nil {
			return err
		}
	}
	if d.Landing != nil && d.Landing.Plan != "" {
		if err := t.checkLandingPlan(ctx, r, d.Landing.Plan); err != nil {
			return err
		}
	}
	detail := map[string]any{"accepted": r.Eligible}
	var notBefore, notAfter *time.Time
	if d.Window != nil {
		w, err := d.Window.Check(now)
		if err != nil {
			return err
		}
		notBefore = &w.NotBefore
		detail["not_before"] = w.NotBefore.UTC()
		if !w.NotAfter.IsZero() {
			notAfter = &w.NotAfter
			detail["not_after"] = w.NotAfter.UTC()
		}
	}
	if d.some() {
		ns, err := t.openIn(ctx, r.ID, d)
		if err != nil {
			return err
		}
		if to == transfer.Scheduled {
			err = t.declineOthers(ctx, r.ID, ns)
		} else {
			err = t.choose(ctx, r.ID, ns)
		}
		if err != nil {
			return err
		}
		detail["accepted"] = len(ns)
	}
	if _, err := t.exec(ctx, acceptRequest, args{
		"request": r.ID, "state": to, "partial": d.some() && to == transfer.Transferring, "landing": d.Landing, "without_profile": d.WithoutProfile,
		"not_before": notBefore, "not_after": notAfter, "reason": behalf.Reason, "ticket": behalf.Ticket,
	}); err != nil {
		return fmt.Errorf("accepting request %s: %w", r.ID, err)
	}
	if to == transfer.Transferring {
		if err := t.addChunks(ctx, r.ID, transfer.WorkExecute); err != nil {
			return err
		}
	}
	if d.OnBehalf != nil {
		detail["on_behalf"], detail["reason"], detail["ticket"] = transfer.PartyDestination, behalf.Reason, behalf.Ticket
		if err := t.Audit(ctx, AuditEntry{
			By: d.By, Action: transfer.AuditRequestAccept, Account: r.Destination, Object: "request", ObjectID: r.ID.String(),
			After: map[string]any{"sims": detail["accepted"], "ticket": behalf.Ticket}, Why: behalf.Reason,
		}); err != nil {
			return err
		}
	}
	return t.addEvent(ctx, r.ID, event{kind: d.Event.Kind(), by: d.By, from: r.State, to: to, detail: detail})
}

// choose records which transfers of a request the destination has accepted.
// Execution declines the others.
func (t *Tx) choose(ctx context.Context, id uuid.UUID, ns []int64) error {
	if _, err := t.exec(ctx, chooseTransfers, args{"request": id, "numbers": pq.Array(ns)}); err != nil {
		return fmt.Errorf("recording the accepted SIMs of request %s: %w", id, err)
	}
	return nil
}

var selectOtherOpenTransfers = newStatement(statement{
	name:    "select_other_open_transfers",
	does:    "Finds the open transfers of a request that the destination has not accepted.",
	given:   "@request and the @numbers of the transfers that it has accepted.",
	returns: "Their numbers, in ascending order.",
	locks:   "The caller holds the request.",
	text: `
SELECT n
FROM open_transfers
WHERE request = @request
EXCEPT
SELECT unnest(@numbers::int[])
ORDER BY n`,
})

// declineOthers declines the open transfers of a request that are not among the
// accepted ones, so that a request that waits for its window holds only SIMs that
// it will transfer.
func (t *Tx) declineOthers(ctx context.Context, id uuid.UUID, accepted []int64) error {
	var others []int64
	if err := t.list(ctx, &others, selectOtherOpenTransfers, args{"request": id, "numbers": pq.Array(accepted)}); err != nil {
		return fmt.Errorf("finding the SIMs of request %s that were not accepted: %w", id, err)
	}
	if len(others) == 0 {
		return nil
	}
	_, err := t.closeSome(ctx, id, transfer.RequestDeclined, others, "")
	return err
}

var approveRequest = newStatement(statement{
	name: "approve_request",
	does: "Brings an approved request to the state in which it waits for the destination, and sets its expiry.",
	given: `@request and @state. Support's @ticket.
		@fee_override of each SIM that needs support, in minor units, and @fee_reason; null: as quoted.`,
	locks: "The caller holds the request.",
	text: `
UPDATE requests
SET state = @state,
	expires_at = now.at + acceptance,
	waiting_since = now.at,
	reminded = 0,
	remind_at = ` + remindAtSQL("0", "now.at", "now.at + acceptance") + `,
	offered_at = now.at,
	n_withheld = n_canceled,
	ticket = @ticket,
	fee_override = @fee_override,
	fee_reason = @fee_reason
FROM (SELECT clock_timestamp() AS at) now
WHERE id = @request`,
})

func (t *Tx) approve(ctx context.Context, r Request, to transfer.RequestState, d Decision) error {
	if err := t.checkOtherHand(ctx, r, d); err != nil {
		return err
	}
	if d.FeeOverride == nil && r.Unquoted > 0 {
		return &NoFeeError{r.Currency}
	}
	var reason *string
	detail := map[string]any{"ticket": d.Ticket}
	if d.FeeOverride != nil {
		reason = &d.Reason
		detail["fee"], detail["reason"] = transfer.Money{Minor: *d.FeeOverride, Currency: r.Currency}, d.Reason
	}
	if _, err := t.exec(ctx, approveRequest, args{
		"request": r.ID, "state": to, "ticket": d.Ticket, "fee_override": d.FeeOverride, "fee_reason": reason,
	}); err != nil {
		return fmt.Errorf("approving request %s: %w", r.ID, err)
	}
	return t.addEvent(ctx, r.ID, event{kind: d.Event.Kind(), by: d.By, from: r.State, to: to, detail: detail})
}

var setRequestState = newStatement(statement{
	name:  "set_request_state",
	does:  "Sets the final state of a request that is still being validated.",
	given: "@request and @state.",
	locks: "The caller holds the request.",
	text: `
UPDATE requests
SET state = @state
WHERE id = @request`,
})

// end brings a whole request to a final state. If it is still being validated,
// its transfers are released when the last of its chunks ends.
func (t *Tx) end(ctx context.Context, r Request, to transfer.RequestState, d Decision) error {
	if r.State == transfer.Validating {
		if _, err := t.exec(ctx, setRequestState, args{"request": r.ID, "state": to}); err != nil {
			return fmt.Errorf("ending request %s: %w", r.ID, err)
		}
	} else if err := t.startRelease(ctx, r.ID, to, d.By.Party); err != nil {
		return err
	}
	if d.Event != transfer.Expire {
		if err := t.noteWords(ctx, r.ID, d, true); err != nil {
			return err
		}
	}
	return t.addEvent(ctx, r.ID, event{kind: d.Event.Kind(), by: d.By, from: r.State, to: to, detail: reasonOf(d)})
}

var startRelease = newStatement(statement{
	name: "start_release",
	does: "Brings a request to a final state in which its transfers are to be released.",
	given: `@request and @state.
		@party that ends it, which can take that back; empty: it cannot be taken back.`,
	locks: "The caller holds the request.",
	text: `
UPDATE requests
SET state = @state,
	n_left = size,
	expires_at = NULL,
	ended_at = CASE WHEN @party <> '' THEN clock_timestamp() END,
	ended_by = nullif(@party, ''),
	ended_from = CASE WHEN @party <> '' THEN state END,
	ended_expiry = CASE WHEN @party <> '' THEN expires_at END,
	ended_open = CASE WHEN @party <> '' THEN n_eligible END
WHERE id = @request`,
})

// startRelease brings a request to a final state and adds the work that
// releases its transfers. The party by can take that back; if it is
// PartySystem, no one can.
func (t *Tx) startRelease(ctx context.Context, id uuid.UUID, to transfer.RequestState, by transfer.Party) error {
	if by == transfer.PartySystem {
		by = ""
	}
	if _, err := t.exec(ctx, startRelease, args{"request": id, "state": to, "party": by}); err != nil {
		return fmt.Errorf("releasing request %s: %w", id, err)
	}
	return t.addChunks(ctx, id, transfer.WorkRelease)
}

var withdrawTransfers = newStatement(statement{
	name:  "withdraw_transfers",
	does:  "Records which transfers of a request the source has withdrawn during validation.",
	given: "@request, the @numbers of the transfers, and the @code of the decision, empty for none.",
	locks: "The caller holds the request.",
	text: `
INSERT INTO withdrawn (request, n, code)
SELECT @request, unnest(@numbers::int[]), nullif(@code, '')
ON CONFLICT DO NOTHING`,
})

// withdraw records SIMs that the source cancels during validation. They are
// canceled when validation ends.
func (t *Tx) withdraw(ctx context.Context, r Request, d Decision) error {
	ns, err := t.namedIn(ctx, r.ID, d)
	if err != nil {
		return err
	}
	if _, err := t.exec(ctx, withdrawTransfers, args{"request": r.ID, "numbers": pq.Array(ns), "code": d.Code}); err != nil {
		return fmt.Errorf("withdrawing SIMs of request %s: %w", r.ID, err)
	}
	if err := t.noteWords(ctx, r.ID, d, false); err != nil {
		return err
	}
	return t.addEvent(ctx, r.ID, event{kind: d.Event.Kind(), by: d.By, detail: withSIMs(reasonOf(d), len(ns))})
}

// endSome closes some transfers of a request that waits for a decision. If none
// is left, the request comes to the state to.
func (t *Tx) endSome(ctx context.Context, r Request, to transfer.RequestState, d Decision) error {
	ns, err := t.openIn(ctx, r.ID, d)
	if err != nil {
		return err
	}
	left, err := t.closeSome(ctx, r.ID, to, ns, d.Code)
	if err != nil {
		return err
	}
	if err := t.noteWords(ctx, r.ID, d, left == 0); err != nil {
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

var finishRequest = newStatement(statement{
	name:  "finish_request",
	does:  "Finishes a request that has no open transfer left.",
	given: "@request and its final @state.",
	locks: "The caller holds the request.",
	text: `
UPDATE requests
SET state = @state, expires_at = NULL, finished_at = clock_timestamp()
WHERE id = @request`,
})

// finish finishes a request that has no open transfer left.
func (t *Tx) finish(ctx context.Context, id uuid.UUID, to transfer.RequestState) error {
	if _, err := t.exec(ctx, finishRequest, args{"request": id, "state": to}); err != nil {
		return fmt.Errorf("finishing request %s: %w", id, err)
	}
	return nil
}

var closeSome = newStatement(statement{
	name: "close_some",
	does: `Closes some open transfers of a request, deletes their claims and updates the request's counters.
		If no eligible transfer is left, it sets the request's state.`,
	given: `@request and the @numbers of its transfers.
		@outcome of the transfers: canceled or declined. @state of the request if none is left.
		The @code of the decision; empty: none, or for each transfer the one with which it was withdrawn.`,
	returns: "How many transfers are still eligible.",
	locks:   "The caller holds the request, whose n_left is 0: no work of it is pending. Takes transfers and claims.",
	text: closeOpenSQL(inNumbers, "@outcome", "NULL", "coalesce(nullif(@code, ''), (SELECT w.code FROM withdrawn w WHERE w.request = t.request AND w.n = t.n))") + `
UPDATE requests r
SET n_eligible = n_eligible - c.eligible,
	n_support = n_support - c.support,
	n_unquoted = n_unquoted - c.unquoted,
	quoted = r.quoted - c.quoted,
	n_canceled = n_canceled + CASE WHEN @outcome = 'canceled' THEN c.eligible ELSE 0 END,
	n_declined = n_declined + CASE WHEN @outcome = 'declined' THEN c.eligible ELSE 0 END,
	-- in the same statement, because a request that waits must have an eligible SIM
	state = CASE WHEN n_eligible = c.eligible THEN @state ELSE state END
FROM counted c
WHERE r.id = @request
RETURNING r.n_eligible`,
})

// closeSome closes open transfers with the outcome that the state to gives them,
// deletes their claims, and returns how many transfers are still eligible. If
// none is, the request gets the state to, and the caller must finish it. The
// caller holds the request's lock, and the request's n_left is 0.
func (t *Tx) closeSome(ctx context.Context, id uuid.UUID, to transfer.RequestState, ns []int64, code transfer.DecisionCode) (left int, err error) {
	outcome, ok := to.Released()
	if !ok {
		return 0, fmt.Errorf("closing some transfers of request %s: a request that is %s releases nothing", id, to)
	}
	if err := t.get(ctx, &left, closeSome, args{
		"request": id, "numbers": pq.Array(ns), "outcome": outcome, "state": to, "code": code,
	}); err != nil {
		return 0, fmt.Errorf("closing some transfers of request %s: %w", id, err)
	}
	return left, nil
}

var selectOpenTransfers = newStatement(statement{
	name:    "select_open_transfers",
	does:    "Finds the open transfers of a request that hold some SIMs.",
	given:   "@request, and any of the @identifiers of each SIM.",
	returns: "The number of the transfer for each identifier that has one.",
	text: `
SELECT i.identifier, o.n
FROM unnest(@identifiers::text[]) AS i (identifier)
JOIN identifiers x USING (identifier)
JOIN open_transfers o ON o.sim = x.sim AND o.request = @request`,
})

// openIn returns the numbers of the open transfers of a request that hold the
// SIMs. It returns an *UnknownSIMsError if there are others among them.
func (t *Tx) openIn(ctx context.Context, id uuid.UUID, d Decision) ([]int64, error) {
	names := texts(d.SIMs)
	var found []numbered
	if err := t.list(ctx, &found, selectOpenTransfers, args{"request": id, "identifiers": pq.Array(names)}); err != nil {
		return nil, fmt.Errorf("finding SIMs of request %s: %w", id, err)
	}
	ns, unknown := numbers(names, found)
	return t.withRanges(ctx, id, d.Ranges, true, ns, unknown)
}

var selectNamedTransfers = newStatement(statement{
	name: "select_named_transfers",
	does: `Finds the transfers of a request that name some SIMs. A SIM of the source is found by
		all its identifiers; of any other SIM, it is not disclosed which identifiers belong together.`,
	given:   "@request and the @identifiers.",
	returns: "The number of each transfer, with the identifier that found it.",
	text: `
SELECT i.identifier, t.n
FROM unnest(@identifiers::text[]) AS i (identifier)
LEFT JOIN identifiers x USING (identifier)
LEFT JOIN sims s ON s.id = x.sim AND s.account = (SELECT source FROM requests WHERE id = @request)
LEFT JOIN identifiers y ON y.sim = s.id
JOIN transfers t ON t.request = @request AND t.identifier = coalesce(y.identifier, i.identifier)`,
})

// namedIn returns the numbers of the transfers of a request that name the SIMs,
// by any identifier of a SIM that belongs to the source. It returns an
// *UnknownSIMsError if there are others among them.
func (t *Tx) namedIn(ctx context.Context, id uuid.UUID, d Decision) ([]int64, error) {
	names := texts(d.SIMs)
	var found []numbered
	if err := t.list(ctx, &found, selectNamedTransfers, args{"request": id, "identifiers": pq.Array(names)}); err != nil {
		return nil, fmt.Errorf("finding SIMs of request %s: %w", id, err)
	}
	ns, unknown := numbers(names, found)
	return t.withRanges(ctx, id, d.Ranges, false, ns, unknown)
}

// numbered is a transfer of a request that an identifier has found.
type numbered struct {
	Identifier string `db:"identifier"`
	N          int64  `db:"n"`
}

// numbers returns the numbers of the transfers that were found, and the names that
// found none.
func numbers(names []string, list []numbered) (ns []int64, unknown []string) {
	found := make(map[string]bool, len(list))
	for _, f := range list {
		found[f.Identifier] = true
		ns = append(ns, f.N)
	}
	return ns, slices.DeleteFunc(names, func(name string) bool { return found[name] })
}

var selectTransferICCIDs = newStatement(statement{
	name: "select_transfer_iccids",
	does: `Reads by which ICCIDs and EIDs the transfers of a request are found. Of a SIM that the source does not
		own, that is only what the transfer names.`,
	given:   "@request; @open: only open transfers.",
	returns: "The number of each transfer, the ICCID of its SIM, or else the identifier that it names, and the EID, empty for none.",
	text: `
SELECT t.n, coalesce(s.iccid, t.identifier) AS iccid, coalesce(d.eid, '') AS eid
FROM transfers t
LEFT JOIN identifiers x ON x.identifier = t.identifier
LEFT JOIN sims s ON s.id = coalesce(t.sim, x.sim) AND s.account = (SELECT source FROM requests WHERE id = @request)
LEFT JOIN sim_details d ON d.sim = s.id
WHERE t.request = @request AND (NOT @open OR t.state = 'eligible')`,
})

// withRanges adds to the numbers of transfers those that EIDs and ranges of ICCIDs
// select, and returns all, sorted and each once. It returns an *UnknownSIMsError if
// something is unknown already, or if one of them selects no transfer.
func (t *Tx) withRanges(ctx context.Context, id uuid.UUID, ranges []transfer.SIMRef, open bool, ns []int64, unknown []string) ([]int64, error) {
	if len(ranges) > 0 {
		var rows []struct {
			N     int    `db:"n"`
			ICCID string `db:"iccid"`
			EID   string `db:"eid"`
		}
		if err := t.list(ctx, &rows, selectTransferICCIDs, args{"request": id, "open": open}); err != nil {
			return nil, fmt.Errorf("reading the ICCIDs of request %s: %w", id, err)
		}
		var index transfer.SIMIndex
		for _, row := range rows {
			index.Add(row.N, row.ICCID, row.EID)
		}
		selected, none := index.Select(ranges)
		for _, n := range selected {
			ns = append(ns, int64(n))
		}
		unknown = append(unknown, texts(none)...)
	}
	if len(unknown) > 0 {
		return nil, &UnknownSIMsError{unknown}
	}
	slices.Sort(ns)
	return slices.Compact(ns), nil
}

func texts[T fmt.Stringer](values []T) []string {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = v.String()
	}
	return list
}

var noteWords = newStatement(statement{
	name: "note_words",
	does: "Records the words of a decision that declines, denies or cancels a request or some of its SIMs.",
	given: `@request. The @code and the @reason, each empty for none. @ends: whether the decision ends the request;
		otherwise only the code is added to those of the request.`,
	locks: "The caller holds the request.",
	text: `
UPDATE requests
SET code = CASE WHEN @ends THEN nullif(@code, '') END,
	reason = CASE WHEN @ends THEN nullif(@reason, '') END,
	codes = CASE WHEN @code = '' OR @code = ANY (codes) THEN codes ELSE array_append(codes, @code) END
WHERE id = @request`,
})

// noteWords records the code and the reason of a decision.
func (t *Tx) noteWords(ctx context.Context, id uuid.UUID, d Decision, ends bool) error {
	if d.Code == "" && d.Reason == "" {
		return nil
	}
	if _, err := t.exec(ctx, noteWords, args{"request": id, "code": d.Code, "reason": d.Reason, "ends": ends}); err != nil {
		return fmt.Errorf("recording why request %s was decided so: %w", id, err)
	}
	return nil
}

// reasonOf returns what the event of a decision says about why it was made.
func reasonOf(d Decision) map[string]any {
	detail := map[string]any{}
	if d.Code != "" {
		detail["code"] = d.Code
	}
	if d.Reason != "" {
		detail["reason"] = d.Reason
	}
	return detail
}

func withSIMs(detail map[string]any, n int) map[string]any {
	detail["sims"] = n
	return detail
}

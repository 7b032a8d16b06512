package storage

import (
	"context"
	"fmt"

	"simtransfer/transfer"
)

// OwnerCorrection describes a change of a SIM's owner without a transfer request.
type OwnerCorrection struct {
	To     Account
	Ticket string // empty: none
	Why    string
	If     func(SIM) error // as in SIMChange
}

// SameOwnerError means that a SIM belongs to an account already.
type SameOwnerError struct {
	ICCID      string
	OperatorID transfer.OperatorID
}

func (e *SameOwnerError) Error() string {
	return fmt.Sprintf("the SIM %s is registered to %s already", e.ICCID, e.OperatorID)
}

var correctOwner = newStatement(statement{
	name: "correct_owner",
	does: `Registers a SIM to another account without a request: its owner, its settings as after a support-assisted
		transfer, its timeline, and the mark of the correction.`,
	given: "@sim: the id of the SIM; @account: the new owner; @ticket (empty: none).",
	locks: "The caller holds the SIM and its claim.",
	text: `
		WITH v AS MATERIALIZED (
			SELECT
				id,
				greatest(clock_timestamp(), since + interval '1 microsecond') AS since,
				'support_assisted' AS method,
				` + indent(4, snapshotNames("")) + `
			FROM sims
			WHERE id = @sim
		), r AS (
			SELECT NULL::jsonb AS landing
		), moved AS (
			UPDATE sims s
			SET account = @account,
				since = v.since,
				` + indent(4, setSnapshot()) + `
			FROM v, r
			WHERE s.id = v.id
		), registered AS (
			INSERT INTO registrations (sim, since, account, before, after)
			SELECT
				v.id,
				v.since,
				@account,
				` + indent(4, beforeSQL()) + `,
				` + indent(4, afterSQL()) + `
			FROM v, r
		)
		INSERT INTO owner_corrections (sim, since, ticket)
		SELECT id, since, nullif(@ticket, '')
		FROM v`,
})

// CorrectOwner registers the SIM that id names to another account, because it was
// registered to the wrong one, and returns it. Nothing is charged, and open data
// sessions stay open. The settings are kept or reset as by a support-assisted
// transfer; the snapshots of both are on record. It returns ErrNotFound if there
// is no such SIM, a *SameOwnerError if nothing would change, a
// *PlanNotAvailableError if the account may not hold the plan of the SIM, and an
// *InTransferError if it has an open transfer.
func (t *Tx) CorrectOwner(ctx context.Context, by Actor, id transfer.Identifier, c OwnerCorrection) (SIM, error) {
	locked, err := t.lockSIM(ctx, 0, id, c.If)
	if err != nil {
		return SIM{}, err
	}
	if locked.Account == c.To.ID {
		return SIM{}, &SameOwnerError{locked.SIM.ICCID, c.To.OperatorID}
	}
	if err := t.checkPlan(ctx, c.To.ID, locked.SIM.Plan); err != nil {
		return SIM{}, err
	}
	if err := t.withoutTransfer(ctx, []int64{locked.ID}, func() error {
		if _, err := t.exec(ctx, correctOwner, args{"sim": locked.ID, "account": c.To.ID, "ticket": c.Ticket}); err != nil {
			return fmt.Errorf("correcting the owner of SIM %s: %w", locked.SIM.ICCID, err)
		}
		return t.RecordOwnerCorrected(ctx, locked.Account, c.To.ID, locked.ID)
	}); err != nil {
		return SIM{}, err
	}
	// Each of the two accounts has an entry, and does not see the other account.
	for _, e := range []AuditEntry{
		{Account: locked.Account, Before: map[string]any{"account": locked.SIM.OperatorID}},
		{Account: c.To.ID, After: map[string]any{"account": c.To.OperatorID}},
	} {
		e.By, e.Action, e.SIM, e.Object, e.ObjectID, e.Why = by, transfer.AuditSIMCorrectOwner, locked.ID, "sim", locked.SIM.ICCID, c.Why
		if err := t.Audit(ctx, e); err != nil {
			return SIM{}, err
		}
	}
	return t.simByID(ctx, locked.ID)
}

package storage

import (
	"context"
	"fmt"

	"simtransfer/transfer"
)

// SIMHasHistoryError means that a SIM cannot be retired as a wrong import.
type SIMHasHistoryError struct {
	ICCID   string
	Swapped bool // it took part in a swap; otherwise it was transferred
}

func (e *SIMHasHistoryError) Error() string {
	was := "was transferred"
	if e.Swapped {
		was = "was swapped"
	}
	return "the SIM " + e.ICCID + " " + was + ", so it is not a wrong import and cannot be retired: set its status to terminated instead"
}

var selectSIMPast = newStatement(statement{
	name:    "select_sim_past",
	does:    "Reports whether a SIM has a history that a wrong import does not have.",
	given:   "@sim: its id.",
	returns: "Whether it was transferred, and whether it took part in a swap.",
	locks:   "The caller holds the SIM.",
	text: `
		SELECT
			EXISTS (SELECT 1 FROM registrations WHERE sim = @sim AND request IS NOT NULL) AS transferred,
			EXISTS (SELECT 1 FROM swaps WHERE old_sim = @sim OR new_sim = @sim) AS swapped`,
})

var freeIdentifiers = newStatement(statement{
	name: "free_identifiers",
	does: `Takes all identifiers and details from a SIM, and its open data sessions, which are linked again when a SIM with
		their identifiers is imported.`,
	given: "@sim: its id.",
	locks: "The caller holds the SIM. Takes its open sessions.",
	text: `
		WITH freed AS (
			DELETE FROM identifiers WHERE sim = @sim
		), unnamed AS (
			DELETE FROM sim_details WHERE sim = @sim
		), unlinked AS (
			UPDATE radius.radacct SET sim = NULL WHERE sim = @sim AND acctstoptime IS NULL
		)
		INSERT INTO retired_sims (sim)
		VALUES (@sim)`,
})

// RetireSIM retires the SIM that id names as a wrong import, and returns it: it is
// terminated, and its identifiers and its external id are free for the right SIM.
// The audit trail and the history keep what they were. It returns ErrNotFound if
// there is no such SIM, a *SIMHasHistoryError if it was ever transferred or
// swapped, a *transfer.StatusError if it has termination protection, and an
// *InTransferError if it has an open transfer.
func (t *Tx) RetireSIM(ctx context.Context, by Actor, id transfer.Identifier, why string, condition func(SIM) error) (SIM, error) {
	locked, err := t.lockSIM(ctx, 0, id, condition)
	if err != nil {
		return SIM{}, err
	}
	sim := locked.SIM
	var past struct{ Transferred, Swapped bool }
	if err := t.get(ctx, &past, selectSIMPast, args{"sim": locked.ID}); err != nil {
		return SIM{}, fmt.Errorf("reading the past of SIM %s: %w", sim.ICCID, err)
	}
	if past.Transferred || past.Swapped {
		return SIM{}, &SIMHasHistoryError{sim.ICCID, past.Swapped}
	}
	if err := transfer.ChangeStatus(transfer.ByRetirement, sim.Status, transfer.Terminated, sim.TerminationProtection); err != nil {
		return SIM{}, err
	}
	before, err := t.SIMIdentifiers(ctx, locked.ID)
	if err != nil {
		return SIM{}, err
	}
	if err := t.withoutTransfer(ctx, []int64{locked.ID}, func() error {
		if _, err := t.exec(ctx, freeIdentifiers, args{"sim": locked.ID}); err != nil {
			return fmt.Errorf("retiring SIM %s: %w", sim.ICCID, err)
		}
		if _, err := t.exec(ctx, terminateSIM, args{"sim": locked.ID}); err != nil {
			return fmt.Errorf("terminating SIM %s: %w", sim.ICCID, err)
		}
		return nil
	}); err != nil {
		return SIM{}, err
	}
	after, err := t.SIMIdentifiers(ctx, locked.ID)
	if err != nil {
		return SIM{}, err
	}
	if err := t.RecordRetired(ctx, locked.Account, locked.ID, before, after); err != nil {
		return SIM{}, err
	}
	is, err := t.simByID(ctx, locked.ID)
	if err != nil {
		return is, err
	}
	return is, t.Audit(ctx, AuditEntry{
		By: by, Action: transfer.AuditSIMRetire, Account: locked.Account, SIM: locked.ID, Object: "sim", ObjectID: sim.ICCID, Why: why,
		Before: map[string]any{"status": sim.Status, "iccid": before.ICCID, "imsis": before.IMSIs, "msisdns": before.MSISDNs, "eid": sim.EID, "lot": sim.Lot, "external_id": sim.ExternalID},
		After:  map[string]any{"status": is.Status},
	})
}

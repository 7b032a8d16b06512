package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"simtransfer/transfer"
)

// InTransferError means that a SIM is in an open transfer, so its identifiers,
// its card and its owner cannot be changed.
type InTransferError struct {
	ICCID   string                `db:"iccid"`
	Request uuid.UUID             `db:"request"`
	State   transfer.RequestState `db:"state"` // of the request
}

func (e *InTransferError) Error() string {
	return fmt.Sprintf("the SIM %s is in the open transfer request %s, which is %s: cancel the request or wait until it is finished", e.ICCID, e.Request, e.State)
}

var lockSIMsByID = newStatement(statement{
	name:    "lock_sims_by_id",
	does:    "Locks some SIMs.",
	given:   "@sims: their ids.",
	returns: "The id and the owner of each, by id.",
	locks:   "Takes the SIMs by id.",
	text:    `SELECT id, account FROM sims WHERE id = ANY (@sims::bigint[]) ORDER BY id FOR NO KEY UPDATE`,
})

// lockSIMs locks some SIMs by ascending id, and reads them.
func (t *Tx) lockSIMs(ctx context.Context, ids ...int64) (map[int64]lockedSIM, error) {
	var list []lockedSIM
	if err := t.list(ctx, &list, lockSIMsByID, args{"sims": pq.Array(ids)}); err != nil {
		return nil, fmt.Errorf("locking %d SIMs: %w", len(ids), err)
	}
	locked := map[int64]lockedSIM{}
	for _, s := range list {
		var err error
		if s.SIM, err = t.simByID(ctx, s.ID); err != nil {
			return nil, err
		}
		locked[s.ID] = s
	}
	return locked, nil
}

var holdClaims = newStatement(statement{
	name: "hold_claims",
	does: `Takes the claims of SIMs that have no open transfer, for a change that an open transfer must not see
		half done. Validation waits for the claim, and then sees the change.`,
	given:   "@sims: their ids.",
	returns: "The number of claims taken.",
	locks:   "The caller holds the SIMs. Takes the claims by SIM, and waits for transactions that claim or release one of them.",
	text: `
		WITH held AS (
			INSERT INTO open_transfers (sim, request, n)
			SELECT sim, '00000000-0000-0000-0000-000000000000', 0
			FROM unnest(@sims::bigint[]) AS u (sim)
			ORDER BY sim
			ON CONFLICT DO NOTHING
			RETURNING sim
		)
		SELECT count(*) FROM held`,
})

var dropHeldClaims = newStatement(statement{
	name:  "drop_held_claims",
	does:  "Gives up the claims that hold_claims took.",
	given: "@sims: their ids.",
	locks: "The caller holds the SIMs and the claims.",
	text:  `DELETE FROM open_transfers WHERE sim = ANY (@sims::bigint[]) AND request = '00000000-0000-0000-0000-000000000000'`,
})

var selectInTransfer = newStatement(statement{
	name:    "select_in_transfer",
	does:    "Finds a SIM with an open transfer among some SIMs.",
	given:   "@sims: their ids.",
	returns: "The SIM with the lowest id, and the request that it is in; none if there is none.",
	text: `
		SELECT s.iccid, o.request, r.state
		FROM open_transfers o
		JOIN sims s ON s.id = o.sim
		JOIN requests r ON r.id = o.request
		WHERE o.sim = ANY (@sims::bigint[])
		ORDER BY o.sim
		LIMIT 1`,
})

// withoutTransfer makes a change to SIMs that the transaction has locked and that
// have no open transfer. It returns an *InTransferError if one of them has. No
// transfer can claim them before the transaction has ended: the claims are held
// until then, although their rows are deleted after the change.
func (t *Tx) withoutTransfer(ctx context.Context, sims []int64, change func() error) error {
	ids := pq.Array(slices.Sorted(slices.Values(sims)))
	var held int
	if err := t.get(ctx, &held, holdClaims, args{"sims": ids}); err != nil {
		return fmt.Errorf("claiming %d SIMs: %w", len(sims), err)
	}
	if held < len(sims) {
		if _, err := t.exec(ctx, dropHeldClaims, args{"sims": ids}); err != nil {
			return fmt.Errorf("giving up the claims of %d SIMs: %w", len(sims), err)
		}
		var open InTransferError
		switch err := t.get(ctx, &open, selectInTransfer, args{"sims": ids}); {
		case errors.Is(err, ErrNotFound):
			return errLostRace // the transfer has just ended
		case err != nil:
			return fmt.Errorf("looking for open transfers of %d SIMs: %w", len(sims), err)
		}
		return &open
	}
	if err := change(); err != nil {
		return err
	}
	if _, err := t.exec(ctx, dropHeldClaims, args{"sims": ids}); err != nil {
		return fmt.Errorf("giving up the claims of %d SIMs: %w", len(sims), err)
	}
	return nil
}

var touchSIMs = newStatement(statement{
	name:  "touch_sims",
	does:  "Sets the time of the last change of SIMs, by the trigger sim_updated.",
	given: "@sims: their ids.",
	locks: "The caller holds the SIMs.",
	text:  `UPDATE sims SET iccid = iccid WHERE id = ANY (@sims::bigint[])`,
})

func (t *Tx) touch(ctx context.Context, sims ...int64) error {
	if _, err := t.exec(ctx, touchSIMs, args{"sims": pq.Array(sims)}); err != nil {
		return fmt.Errorf("noting a change of %d SIMs: %w", len(sims), err)
	}
	return nil
}

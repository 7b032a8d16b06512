package storage

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lib/pq"

	"simtransfer/transfer"
)

// Swap describes a new card that takes over from an old one.
type Swap struct {
	ICCID transfer.Identifier   // of the new card
	IMSIs []transfer.Identifier // required if the card is not in the inventory; otherwise its own, or none
	EID   *string               // nil: as it is
	Why   string
	If    func(SIM) error // as in SIMChange, for the old card
}

// Swapped are both cards after a swap.
type Swapped struct{ Old, New SIM }

// CardError means that a card cannot take over from another one.
type CardError struct {
	Field string // of the swap: iccid or imsis
	text  string
}

func (e *CardError) Error() string { return e.text }

var insertCard = newStatement(statement{
	name: "insert_card",
	does: `Creates a card that takes over from another one, ready and with the owner and the plan of that one: the
		SIM, its first registration, and the row of changes that says so.`,
	given:   "@old: the id of the SIM that it takes over from; @iccid of the new one.",
	returns: "The id of the new SIM.",
	locks:   "The caller holds the old SIM.",
	text: `
		WITH created AS (
			INSERT INTO sims (account, since, status, iccid, plan)
			SELECT account, clock_timestamp(), 'ready', @iccid, plan
			FROM sims
			WHERE id = @old
			RETURNING id, since, account, ` + createdValues() + ` AS created_with
		), registered AS (
			INSERT INTO registrations (sim, since, account)
			SELECT id, since, account
			FROM created
		), changed AS (
			` + indent(3, insertCreated) + `
		)
		SELECT id
		FROM created`,
})

var insertIdentifiers = newStatement(statement{
	name:  "insert_identifiers",
	does:  "Gives a new SIM its identifiers, in order, so that two transactions cannot deadlock.",
	given: "@sim: the id of the SIM; the @identifiers and as many @kinds.",
	locks: "Waits for transactions that add one of the identifiers.",
	text: `
		INSERT INTO identifiers (identifier, sim, kind)
		SELECT u.identifier, @sim, u.kind
		FROM unnest(@identifiers::text[], @kinds::text[]) AS u (identifier, kind)
		ORDER BY u.identifier
		ON CONFLICT DO NOTHING`,
})

var moveNumbers = newStatement(statement{
	name:  "move_numbers",
	does:  "Moves all MSISDNs of a SIM to another one.",
	given: "The ids of the SIMs: @old and @new.",
	locks: "The caller holds both SIMs.",
	text:  `UPDATE identifiers SET sim = @new WHERE sim = @old AND kind = 'msisdn'`,
})

var takeOver = newStatement(statement{
	name: "take_over",
	does: `Gives a new card the status, the plan, the lock and the settings of an old one, without the containers, which are
		stored on each card.`,
	given: "The ids of the SIMs: @old and @new.",
	locks: "The caller holds both SIMs.",
	text: `
		UPDATE sims s
		SET status = o.status,
			plan = o.plan,
			transfer_lock = o.transfer_lock,
			` + indent(3, takenOverSQL()) + `
		FROM sims o
		WHERE o.id = @old AND s.id = @new`,
})

func takenOverSQL() string {
	var parts []string
	for _, s := range transfer.Policy() {
		if s.Name != "containers" {
			parts = append(parts, s.Name+" = o."+s.Name)
		}
	}
	return strings.Join(parts, ",\n")
}

var terminateSIM = newStatement(statement{
	name:  "terminate_sim",
	does:  "Terminates a SIM.",
	given: "@sim: its id.",
	locks: "The caller holds the SIM.",
	text:  `UPDATE sims SET status = 'terminated' WHERE id = @sim`,
})

var insertSwap = newStatement(statement{
	name: "insert_swap",
	does: `Records that a card took over from another one, and adds work that disconnects the open data sessions of the
		old one.`,
	given: "The ids of the SIMs: @old and @new.",
	locks: "The caller holds both SIMs, so that no session of them can start.",
	text: `
		WITH disconnected AS (
			INSERT INTO work (kind, items, n, gateway, queue)
			SELECT 'drop_stray', ARRAY[a.radacctid], 1, host(a.nasipaddress), 'gateway'
			FROM radius.radacct a
			WHERE a.sim = @old
			  AND a.acctstoptime IS NULL
			  AND NOT EXISTS (SELECT 1 FROM work w WHERE w.kind = 'drop_stray' AND a.radacctid = ANY (w.items))
		)
		INSERT INTO swaps (old_sim, new_sim)
		VALUES (@old, @new)`,
})

// SwapSIM lets a new card take over from the SIM that id names: its MSISDNs, its
// status, plan, lock and settings, without the containers, which are on the card.
// The old card is terminated, even if it has termination protection, which the
// new card has from then on; its open data sessions are disconnected. The new
// card is a ready SIM of the same account, or one that is not in the inventory
// yet and is created.
//
// It returns ErrNotFound if there is no such SIM, an *InTransferError if one of
// the two has an open transfer, a *transfer.StatusError or a *CardError if the
// cards do not fit, and an *IdentifierTakenError if another SIM has an IMSI of the
// new card.
func (t *Tx) SwapSIM(ctx context.Context, by Actor, id transfer.Identifier, s Swap) (Swapped, error) {
	old, card, err := t.lockCards(ctx, id, s)
	if err != nil {
		return Swapped{}, err
	}
	if old.SIM.Status == transfer.Terminated {
		return Swapped{}, &transfer.StatusError{From: old.SIM.Status, To: transfer.Terminated, By: transfer.BySwap}
	}
	if err := transfer.ChangeStatus(transfer.BySwap, old.SIM.Status, transfer.Terminated, old.SIM.TerminationProtection); err != nil {
		return Swapped{}, err
	}
	if card.ID == 0 {
		card, err = t.createCard(ctx, old, s)
	} else {
		err = fits(card, old, s)
	}
	if err != nil {
		return Swapped{}, err
	}
	if s.EID != nil {
		details := card.SIM.SIMDetails
		details.EID = s.EID
		if err := t.putSIMDetails(ctx, card, details); err != nil {
			return Swapped{}, err
		}
	}
	if err := t.withoutTransfer(ctx, []int64{old.ID, card.ID}, func() error {
		if _, err := t.exec(ctx, moveNumbers, args{"old": old.ID, "new": card.ID}); err != nil {
			return fmt.Errorf("moving the numbers of SIM %s to %s: %w", old.SIM.ICCID, card.SIM.ICCID, err)
		}
		if _, err := t.exec(ctx, takeOver, args{"old": old.ID, "new": card.ID}); err != nil {
			return fmt.Errorf("giving the settings of SIM %s to %s: %w", old.SIM.ICCID, card.SIM.ICCID, err)
		}
		if _, err := t.exec(ctx, insertSwap, args{"old": old.ID, "new": card.ID}); err != nil {
			return fmt.Errorf("recording the swap of SIM %s for %s: %w", old.SIM.ICCID, card.SIM.ICCID, err)
		}
		if _, err := t.exec(ctx, terminateSIM, args{"sim": old.ID}); err != nil {
			return fmt.Errorf("terminating SIM %s: %w", old.SIM.ICCID, err)
		}
		return t.RecordSwapped(ctx, old.Account, old.ID, card.ID)
	}); err != nil {
		return Swapped{}, err
	}
	var both Swapped
	if both.Old, err = t.simByID(ctx, old.ID); err != nil {
		return both, err
	}
	if both.New, err = t.simByID(ctx, card.ID); err != nil {
		return both, err
	}
	for _, e := range []AuditEntry{
		{
			SIM: old.ID, ObjectID: old.SIM.ICCID,
			Before: map[string]any{"status": old.SIM.Status, "msisdns": old.SIM.MSISDNs},
			After:  map[string]any{"status": both.Old.Status, "msisdns": both.Old.MSISDNs, "replaced_by": both.New.ICCID},
		},
		{
			SIM: card.ID, ObjectID: card.SIM.ICCID,
			Before: map[string]any{"status": card.SIM.Status, "msisdns": card.SIM.MSISDNs, "plan": card.SIM.Plan},
			After:  map[string]any{"status": both.New.Status, "msisdns": both.New.MSISDNs, "plan": both.New.Plan, "replaces": both.Old.ICCID},
		},
	} {
		e.By, e.Action, e.Account, e.Object, e.Why = by, transfer.AuditSIMSwap, old.Account, "sim", s.Why
		if err := t.Audit(ctx, e); err != nil {
			return both, err
		}
	}
	return both, nil
}

// lockCards locks the SIM that id names and the card that takes over from it, if
// it is in the inventory already.
func (t *Tx) lockCards(ctx context.Context, id transfer.Identifier, s Swap) (old, card lockedSIM, err error) {
	oldHolder, err := t.holderOf(ctx, id)
	if err != nil {
		return old, card, err
	}
	if oldHolder.SIM == 0 {
		return old, card, ErrNotFound
	}
	newHolder, err := t.holderOf(ctx, s.ICCID)
	if err != nil {
		return old, card, err
	}
	if newHolder.SIM == oldHolder.SIM {
		return old, card, &CardError{"iccid", "this is the ICCID of the SIM itself: give that of the new card"}
	}
	locked, err := t.lockSIMs(ctx, oldHolder.SIM, newHolder.SIM)
	if err != nil {
		return old, card, err
	}
	if err := t.unchangedHolders(ctx, map[transfer.Identifier]int64{id: oldHolder.SIM, s.ICCID: newHolder.SIM}); err != nil {
		return old, card, err
	}
	old, card = locked[oldHolder.SIM], locked[newHolder.SIM]
	if s.If != nil {
		err = s.If(old.SIM)
	}
	return old, card, err
}

// fits returns why a card of the inventory cannot take over, nil if it can.
func fits(card, old lockedSIM, s Swap) error {
	if card.Account != old.Account {
		return &CardError{"iccid", fmt.Sprintf("the card %s is registered to %s, but the SIM to %s: use a card of the same account", card.SIM.ICCID, card.SIM.OperatorID, old.SIM.OperatorID)}
	}
	if card.SIM.Status != transfer.Ready {
		return &transfer.StatusError{From: card.SIM.Status, To: old.SIM.Status, By: transfer.BySwap}
	}
	if imsis := texts(s.IMSIs); len(imsis) > 0 && !slices.Equal(slices.Sorted(slices.Values(imsis)), card.SIM.IMSIs) {
		return &CardError{"imsis", fmt.Sprintf("the card %s has the IMSIs %s: give these, or leave them out", card.SIM.ICCID, strings.Join(card.SIM.IMSIs, ", "))}
	}
	return nil
}

// createCard adds a new card to the inventory.
func (t *Tx) createCard(ctx context.Context, old lockedSIM, s Swap) (lockedSIM, error) {
	card := lockedSIM{Account: old.Account}
	if len(s.IMSIs) == 0 {
		return card, &CardError{"imsis", fmt.Sprintf("the card %s is not in the inventory: give its IMSIs, so that it is added", s.ICCID)}
	}
	identifiers, kinds := []string{s.ICCID.String()}, []string{string(KindICCID)}
	if other, ok := s.ICCID.OtherForm(); ok {
		identifiers, kinds = append(identifiers, other.String()), append(kinds, string(KindICCID))
	}
	for _, imsi := range s.IMSIs {
		identifiers, kinds = append(identifiers, imsi.String()), append(kinds, string(KindIMSI))
		held, err := t.holderOf(ctx, imsi)
		if err != nil {
			return card, err
		}
		if held.SIM != 0 {
			return card, &CardError{"imsis", held.text() + ": give the IMSIs of the new card"}
		}
	}
	if err := t.get(ctx, &card.ID, insertCard, args{"old": old.ID, "iccid": s.ICCID.String()}); err != nil {
		return card, fmt.Errorf("creating SIM %s: %w", s.ICCID, err)
	}
	n, err := t.exec(ctx, insertIdentifiers, args{"sim": card.ID, "identifiers": pq.Array(identifiers), "kinds": pq.Array(kinds)})
	switch {
	case err != nil:
		return card, fmt.Errorf("adding the identifiers of SIM %s: %w", s.ICCID, err)
	case n < int64(len(identifiers)):
		return card, errLostRace // after a retry, the other SIM is found
	}
	card.SIM, err = t.simByID(ctx, card.ID)
	return card, err
}

// PastSwap is a swap of one card for another.
type PastSwap struct {
	At  time.Time `db:"at"`
	Old string    `db:"old_iccid"`
	New string    `db:"new_iccid"`
}

var selectSwaps = newStatement(statement{
	name:    "select_swaps",
	does:    "Lists the swaps through which a SIM is linked to other cards, before and after it, newest first.",
	given:   "@sim: the id of the SIM; @limit: maximum number of rows.",
	returns: "The swaps.",
	text: `
		WITH RECURSIVE cards AS (
			SELECT @sim::bigint AS sim
			UNION
			SELECT CASE WHEN w.old_sim = c.sim THEN w.new_sim ELSE w.old_sim END
			FROM cards c
			JOIN swaps w ON w.old_sim = c.sim OR w.new_sim = c.sim
		)
		SELECT w.at, o.iccid AS old_iccid, n.iccid AS new_iccid
		FROM cards c
		JOIN swaps w ON w.old_sim = c.sim
		JOIN sims o ON o.id = w.old_sim
		JOIN sims n ON n.id = w.new_sim
		ORDER BY w.id DESC
		LIMIT @limit`,
})

package storage

import (
	"context"
	"errors"
	"fmt"

	"simtransfer/transfer"
)

// IdentifierKind is the kind of an identifier of a SIM.
type IdentifierKind string

// The kinds. A SIM keeps its ICCID: a new card has a new one.
const (
	KindICCID  IdentifierKind = "iccid"
	KindIMSI   IdentifierKind = "imsi"
	KindMSISDN IdentifierKind = "msisdn"
)

// IdentifierKinds lists every kind.
func IdentifierKinds() []IdentifierKind { return []IdentifierKind{KindICCID, KindIMSI, KindMSISDN} }

// PutIdentifier describes a number or an IMSI that a SIM gets.
type PutIdentifier struct {
	Identifier transfer.Identifier
	Kind       IdentifierKind       // KindIMSI or KindMSISDN
	From       *transfer.Identifier // names the SIM that it moves from; nil: no SIM has it yet
	Why        string               // required if the two SIMs have different owners
	If         func(SIM) error      // as in SIMChange
}

// IdentifierTakenError means that an identifier belongs to another SIM than the
// caller expects, or to the SIM itself as another kind.
type IdentifierTakenError struct {
	Identifier string
	Kind       IdentifierKind      `db:"kind"`
	ICCID      string              `db:"iccid"`       // of the SIM that has it
	OperatorID transfer.OperatorID `db:"operator_id"` // of its owner
}

func (e *IdentifierTakenError) Error() string {
	if e.Kind == KindICCID {
		return e.text()
	}
	return e.text() + ": to move it, name that SIM in from"
}

func (e *IdentifierTakenError) text() string {
	return fmt.Sprintf("%s is the %s of the SIM %s, which is registered to %s", e.Identifier, kindName(e.Kind), e.ICCID, e.OperatorID)
}

// IdentifierNotHeldError means that the SIM that an identifier is to move from
// does not have it.
type IdentifierNotHeldError struct{ Identifier, From string }

func (e *IdentifierNotHeldError) Error() string {
	return fmt.Sprintf("%s does not belong to the SIM %s, and to no other: to add it, leave out from", e.Identifier, e.From)
}

// IdentifierRequiredError means that a SIM cannot lose an identifier.
type IdentifierRequiredError struct {
	ICCID string
	Kind  IdentifierKind
}

func (e *IdentifierRequiredError) Error() string {
	if e.Kind == KindICCID {
		return "the ICCID of the SIM " + e.ICCID + " cannot be removed: it names the card. A new card takes over by a swap"
	}
	return "this is the only IMSI of the SIM " + e.ICCID + ", and a SIM needs one: add another one first"
}

// ReasonRequiredError means that a change needs a reason.
type ReasonRequiredError struct{ what string }

func (e *ReasonRequiredError) Error() string { return e.what + ": give a reason" }

func kindName(k IdentifierKind) string {
	switch k {
	case KindIMSI:
		return "IMSI"
	case KindMSISDN:
		return "MSISDN"
	case KindICCID:
	}
	return "ICCID"
}

var selectHolder = newStatement(statement{
	name:    "select_holder",
	does:    "Finds the SIM that has an identifier.",
	given:   "@identifier.",
	returns: "The id, the ICCID and the owner of the SIM, and the kind of the identifier; none if no SIM has it.",
	text: `
		SELECT i.sim, i.kind, s.iccid, a.operator_id
		FROM identifiers i
		JOIN sims s ON s.id = i.sim
		JOIN accounts a ON a.id = s.account
		WHERE i.identifier = @identifier`,
})

// holder is the SIM that has an identifier; the zero value is none.
type holder struct {
	SIM int64 `db:"sim"`
	IdentifierTakenError
}

func (t *Tx) holderOf(ctx context.Context, id transfer.Identifier) (h holder, err error) {
	h.Identifier = id.String()
	err = t.get(ctx, &h, selectHolder, args{"identifier": id.String()})
	if errors.Is(err, ErrNotFound) {
		return h, nil
	}
	if err != nil {
		return h, fmt.Errorf("looking for the SIM with the identifier %s: %w", id, err)
	}
	return h, nil
}

var insertIdentifier = newStatement(statement{
	name:  "insert_identifier",
	does:  "Gives a SIM an identifier that no SIM has.",
	given: "@identifier and its @kind; @sim: the id of the SIM.",
	locks: "The caller holds the SIM. Waits for a transaction that adds the same identifier.",
	text: `
		INSERT INTO identifiers (identifier, sim, kind)
		VALUES (@identifier, @sim, @kind)
		ON CONFLICT DO NOTHING`,
})

var moveIdentifier = newStatement(statement{
	name:  "move_identifier",
	does:  "Moves an identifier from one SIM to another.",
	given: "@identifier; the ids of the SIMs: @from and @sim.",
	locks: "The caller holds both SIMs.",
	text:  `UPDATE identifiers SET sim = @sim WHERE identifier = @identifier AND sim = @from`,
})

var deleteIdentifier = newStatement(statement{
	name:  "delete_identifier",
	does:  "Takes an identifier from a SIM.",
	given: "@identifier; @sim: the id of the SIM.",
	locks: "The caller holds the SIM.",
	text:  `DELETE FROM identifiers WHERE identifier = @identifier AND sim = @sim`,
})

// PutIdentifier gives the SIM that id names a number or an IMSI, which moves from
// another SIM if p.From names it, and returns the SIM. It returns ErrNotFound if
// there is no such SIM, and an *InTransferError if one of the SIMs has an open
// transfer. If the SIM has the identifier already, nothing changes.
func (db *DB) PutIdentifier(ctx context.Context, by Actor, id transfer.Identifier, p PutIdentifier) (changed SIM, err error) {
	err = db.InRetriedTx(ctx, func(t *Tx) error {
		changed, err = t.putIdentifier(ctx, by, id, p)
		return err
	})
	return changed, err
}

func (t *Tx) putIdentifier(ctx context.Context, by Actor, id transfer.Identifier, p PutIdentifier) (SIM, error) {
	var none SIM
	target, err := t.holderOf(ctx, id)
	if err != nil {
		return none, err
	}
	if target.SIM == 0 {
		return none, ErrNotFound
	}
	from, err := t.holderOf(ctx, p.Identifier)
	if err != nil {
		return none, err
	}
	ids := []int64{target.SIM}
	if moves := from.SIM != 0 && from.SIM != target.SIM; moves {
		ids = append(ids, from.SIM)
	}
	locked, err := t.lockSIMs(ctx, ids...)
	if err != nil {
		return none, err
	}
	if err := t.unchangedHolders(ctx, map[transfer.Identifier]int64{id: target.SIM, p.Identifier: from.SIM}); err != nil {
		return none, err
	}
	sim := locked[target.SIM]
	if p.If != nil {
		if err := p.If(sim.SIM); err != nil {
			return none, err
		}
	}
	switch {
	case from.SIM == target.SIM && from.Kind == p.Kind:
		return sim.SIM, nil
	case from.SIM == 0 && p.From != nil:
		return none, &IdentifierNotHeldError{p.Identifier.String(), p.From.String()}
	case from.SIM != 0 && (p.From == nil || from.SIM == target.SIM || from.Kind != p.Kind):
		return none, &from.IdentifierTakenError
	case sim.SIM.Status == transfer.Terminated:
		return none, &transfer.StatusError{From: transfer.Terminated, By: transfer.BySupport}
	}
	if p.From != nil {
		named, err := t.holderOf(ctx, *p.From)
		switch {
		case err != nil:
			return none, err
		case named.SIM != from.SIM:
			return none, &from.IdentifierTakenError
		case locked[from.SIM].Account != sim.Account && p.Why == "":
			return none, &ReasonRequiredError{"the two SIMs belong to different accounts"}
		case p.Kind == KindIMSI && len(locked[from.SIM].SIM.IMSIs) == 1:
			return none, &IdentifierRequiredError{from.ICCID, KindIMSI}
		}
	}
	affected := make([]lockedSIM, 0, len(ids))
	for _, id := range ids {
		affected = append(affected, locked[id])
	}
	if err := t.changeIdentifiers(ctx, by, affected, p.Why, func() (int64, error) {
		if from.SIM == 0 {
			return t.exec(ctx, insertIdentifier, args{"identifier": p.Identifier.String(), "sim": sim.ID, "kind": p.Kind})
		}
		return t.exec(ctx, moveIdentifier, args{"identifier": p.Identifier.String(), "sim": sim.ID, "from": from.SIM})
	}); err != nil {
		return none, err
	}
	return t.simByID(ctx, sim.ID)
}

// unchangedHolders returns errLostRace if an identifier no longer belongs to the
// SIM that it belonged to before the SIMs were locked; 0 is none.
func (t *Tx) unchangedHolders(ctx context.Context, were map[transfer.Identifier]int64) error {
	for id, sim := range were {
		is, err := t.holderOf(ctx, id)
		if err != nil {
			return err
		}
		if is.SIM != sim {
			return errLostRace
		}
	}
	return nil
}

// RemoveIdentifier takes a number or an IMSI from the SIM that id names. It
// returns ErrNotFound if the SIM does not have it.
func (db *DB) RemoveIdentifier(ctx context.Context, by Actor, id, removed transfer.Identifier, condition func(SIM) error) error {
	return db.InRetriedTx(ctx, func(t *Tx) error {
		sim, err := t.lockSIM(ctx, 0, id, condition)
		if err != nil {
			return err
		}
		held, err := t.holderOf(ctx, removed)
		switch {
		case err != nil:
			return err
		case held.SIM != sim.ID:
			return fmt.Errorf("removing %s from SIM %s: %w", removed, sim.SIM.ICCID, ErrNotFound)
		case held.Kind == KindICCID, held.Kind == KindIMSI && len(sim.SIM.IMSIs) == 1:
			return &IdentifierRequiredError{sim.SIM.ICCID, held.Kind}
		}
		return t.changeIdentifiers(ctx, by, []lockedSIM{sim}, "", func() (int64, error) {
			return t.exec(ctx, deleteIdentifier, args{"identifier": removed.String(), "sim": sim.ID})
		})
	})
}

// changeIdentifiers makes a change of one identifier of SIMs without an open
// transfer. For each SIM it records the change in the audit trail and for the
// changes feed. change returns the number of rows changed; if it is not 1, another
// transaction was faster.
func (t *Tx) changeIdentifiers(ctx context.Context, by Actor, sims []lockedSIM, why string, change func() (int64, error)) error {
	ids := make([]int64, len(sims))
	before := make([]SIMIdentifiers, len(sims))
	for i, s := range sims {
		var err error
		ids[i] = s.ID
		if before[i], err = t.SIMIdentifiers(ctx, s.ID); err != nil {
			return err
		}
	}
	return t.withoutTransfer(ctx, ids, func() error {
		switch n, err := change(); {
		case err != nil:
			return fmt.Errorf("changing the identifiers of SIM %s: %w", sims[0].SIM.ICCID, err)
		case n != 1:
			return errLostRace
		}
		if err := t.touch(ctx, ids...); err != nil {
			return err
		}
		for i, s := range sims {
			after, err := t.SIMIdentifiers(ctx, s.ID)
			if err != nil {
				return err
			}
			if err := t.RecordIdentifiersChanged(ctx, s.Account, s.ID, before[i], after); err != nil {
				return err
			}
			c := identifierChanges(before[i], after)
			if err := t.Audit(ctx, AuditEntry{
				By: by, Action: transfer.AuditSIMIdentifiers, Account: s.Account, SIM: s.ID, Object: "sim", ObjectID: s.SIM.ICCID,
				Before: c.before(), After: c.after(), Why: why,
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

func identifierChanges(was, is SIMIdentifiers) changes {
	return changes{
		{"iccid", was.ICCID, is.ICCID},
		{"imsis", was.IMSIs, is.IMSIs},
		{"msisdns", was.MSISDNs, is.MSISDNs},
		{"eid", was.EID, is.EID},
		{"external_id", was.ExternalID, is.ExternalID},
	}
}

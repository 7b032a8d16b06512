package storage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"simtransfer/transfer"
)

// SIMChange lists the new values of a SIM's fields; nil fields do not change. An
// empty text and the zero time remove the value of a field that can be empty.
type SIMChange struct {
	TransferLock          *bool
	TerminationProtection *bool
	ClearTags             bool               // removes all tags, before Tags are applied
	Tags                  map[string]*string // added to the tags, with the same names replaced; nil removes a tag
	Group                 *string
	SpeedClass            *string
	IMEILock              *string
	Expiration            *time.Time
	EventHandlers         *Strings
	Plan                  *string // the name of an existing plan
	EID                   *string
	Lot                   *string
	ExternalID            *string
	Status                *transfer.Status
	StatusBy              transfer.StatusActor // who sets Status; see transfer.ChangeStatus
	Why                   string               // the reason of a correction, for the audit trail

	// If is called with the SIM as it is before the change, which can no longer
	// change by then. If it returns an error, nothing is changed. Nil: no
	// condition.
	If func(SIM) error
}

// apply returns a SIM as it is after the change. It returns a
// *transfer.StatusError if the status may not change so, and a *TagsError if the
// SIM would have too many tags. A change of the termination protection counts
// before the status.
func (c SIMChange) apply(was SIM) (SIM, error) {
	is := was
	set(&is.TransferLock, c.TransferLock)
	set(&is.TerminationProtection, c.TerminationProtection)
	set(&is.EventHandlers, c.EventHandlers)
	set(&is.Plan, c.Plan)
	set(&is.Status, c.Status)
	for _, field := range []struct {
		is    **string
		value *string
	}{
		{&is.Group, c.Group},
		{&is.SpeedClass, c.SpeedClass},
		{&is.IMEILock, c.IMEILock},
		{&is.EID, c.EID},
		{&is.Lot, c.Lot},
		{&is.ExternalID, c.ExternalID},
	} {
		switch {
		case field.value == nil:
		case *field.value == "":
			*field.is = nil
		default:
			*field.is = field.value
		}
	}
	switch {
	case c.Expiration == nil:
	case c.Expiration.IsZero():
		is.Expiration = nil
	case was.Expiration == nil || !was.Expiration.Equal(*c.Expiration):
		is.Expiration = c.Expiration
	}
	var err error
	if is.Tags, err = c.tags(was.Tags); err != nil {
		return is, err
	}
	return is, transfer.ChangeStatus(c.StatusBy, was.Status, is.Status, is.TerminationProtection)
}

// tags returns the tags of a SIM after the change.
func (c SIMChange) tags(was Tags) (Tags, error) {
	after := Tags{}
	if !c.ClearTags {
		maps.Copy(after, was)
	}
	for name, value := range c.Tags {
		if value == nil {
			delete(after, name)
		} else {
			after[name] = *value
		}
	}
	if err := transfer.CheckTags(after); err != nil {
		return nil, &TagsError{err}
	}
	return after, nil
}

// TagsError is returned for a change that would give a SIM too many tags.
type TagsError struct{ err error }

func (e *TagsError) Error() string { return e.err.Error() }
func (e *TagsError) Unwrap() error { return e.err }

// UnknownPlanError means that there is no plan of a name.
type UnknownPlanError struct{ Plan string }

func (e *UnknownPlanError) Error() string { return fmt.Sprintf("there is no plan %q", e.Plan) }

// SIMExternalIDTakenError means that another SIM has an external id.
type SIMExternalIDTakenError struct {
	ExternalID string
	ICCID      string // of the SIM that has it
}

func (e *SIMExternalIDTakenError) Error() string {
	return fmt.Sprintf("the external id %q belongs to the SIM %s: give another one, or remove it from that SIM first", e.ExternalID, e.ICCID)
}

var lockSIM = newStatement(statement{
	name:    "lock_sim",
	does:    "Locks the SIM that an identifier names.",
	given:   "@identifier; @account that the SIM has to be registered to (0: any).",
	returns: "Its id, and which account owns it; none if there is no such SIM.",
	locks:   "Takes the SIM.",
	text: `
		SELECT id, account
		FROM sims
		WHERE id = (SELECT sim FROM identifiers WHERE identifier = @identifier)
		  AND (@account = 0 OR account = @account)
		FOR NO KEY UPDATE`,
})

// lockedSIM is a SIM whose lock the transaction holds.
type lockedSIM struct {
	ID      int64 `db:"id"`
	Account int64 `db:"account"` // the owner
	SIM     SIM   `db:"-"`
}

// lockSIM locks the SIM that an identifier names, and reads it. It returns
// ErrNotFound if there is none, or if it is not registered to the account;
// account 0 may be any. It returns the error of the condition if there is one, and
// errLostRace if the identifier names another SIM by then.
func (t *Tx) lockSIM(ctx context.Context, account int64, id transfer.Identifier, condition func(SIM) error) (s lockedSIM, err error) {
	if err := t.get(ctx, &s, lockSIM, args{"identifier": id.String(), "account": account}); err != nil {
		return s, fmt.Errorf("locking SIM %s: %w", id, err)
	}
	// The SIM may have been retired, or the identifier may have moved, while the lock was waited for.
	if err := t.unchangedHolders(ctx, map[transfer.Identifier]int64{id: s.ID}); err != nil {
		return s, err
	}
	if s.SIM, err = t.simByID(ctx, s.ID); err != nil {
		return s, err
	}
	if condition != nil {
		err = condition(s.SIM)
	}
	return s, err
}

var updateSIM = newStatement(statement{
	name:  "update_sim",
	does:  "Changes a SIM.",
	given: "@sim: the id of the SIM; the new values of its @status, @plan and @transfer_lock, and its @settings as JSON.",
	locks: "The caller holds the SIM.",
	text: `
		UPDATE sims s
		SET status = @status,
			plan = @plan,
			transfer_lock = @transfer_lock,
			` + indent(3, eachSetting(func(s transfer.Setting) string { return s.Name + " = new." + s.Name })) + `
		FROM jsonb_populate_record(NULL::sim_settings, @settings) new
		WHERE s.id = @sim`,
})

var putSIMDetails = newStatement(statement{
	name:  "put_sim_details",
	does:  "Sets the details of a SIM.",
	given: "@sim: the id of the SIM; its @eid, @lot and @external_id, at least one of them not null.",
	locks: "The caller holds the SIM.",
	text: `
		INSERT INTO sim_details (sim, eid, lot, external_id)
		VALUES (@sim, @eid, @lot, @external_id)
		ON CONFLICT (sim) DO UPDATE
		SET eid = excluded.eid,
			lot = excluded.lot,
			external_id = excluded.external_id`,
})

var deleteSIMDetails = newStatement(statement{
	name:  "delete_sim_details",
	does:  "Removes the details of a SIM.",
	given: "@sim: the id of the SIM.",
	locks: "The caller holds the SIM.",
	text:  `DELETE FROM sim_details WHERE sim = @sim`,
})

var selectExternalIDHolder = newStatement(statement{
	name:    "select_external_id_holder",
	does:    "Finds the SIM that has an external id.",
	given:   "@external_id; @sim: the id of a SIM that may have it.",
	returns: "The ICCID of another SIM that has it; none if there is none.",
	text: `
		SELECT s.iccid
		FROM sim_details d
		JOIN sims s ON s.id = d.sim
		WHERE d.external_id = @external_id AND d.sim <> @sim`,
})

// UpdateSIM changes the SIM that an identifier names and returns it as it is
// after the change. It returns ErrNotFound if there is none, or if it is not
// registered to the account at that moment; account 0 may change all SIMs. It
// returns a *transfer.StatusError if StatusBy may not change the status so.
func (db *DB) UpdateSIM(ctx context.Context, by Actor, account int64, id transfer.Identifier, c SIMChange) (changed SIM, err error) {
	err = db.InRetriedTx(ctx, func(t *Tx) error {
		changed, err = t.UpdateSIM(ctx, by, account, id, c)
		return err
	})
	return changed, err
}

// UpdateSIM is DB.UpdateSIM in the transaction.
func (t *Tx) UpdateSIM(ctx context.Context, by Actor, account int64, id transfer.Identifier, c SIMChange) (SIM, error) {
	locked, err := t.lockSIM(ctx, account, id, c.If)
	if err != nil {
		return SIM{}, err
	}
	was := locked.SIM
	is, err := c.apply(was)
	if err != nil {
		return SIM{}, err
	}
	changed := simChanges(was, is)
	if changed.none() {
		return was, nil
	}
	if is.Plan != was.Plan {
		if err := t.checkPlan(ctx, locked.Account, is.Plan); err != nil {
			return SIM{}, err
		}
	}
	if err := t.putSIMDetails(ctx, locked, is.SIMDetails); err != nil {
		return SIM{}, err
	}
	settings, err := jsonOrNull(is.SIMSettings)
	if err != nil {
		return SIM{}, fmt.Errorf("writing the settings of SIM %s: %w", id, err)
	}
	if _, err := t.exec(ctx, updateSIM, args{
		"sim": locked.ID, "status": is.Status, "plan": is.Plan, "transfer_lock": is.TransferLock, "settings": settings,
	}); err != nil {
		return SIM{}, fmt.Errorf("changing SIM %s: %w", id, err)
	}
	if err := t.Audit(ctx, AuditEntry{
		By: by, Action: simAction(was, is, c.StatusBy), Account: locked.Account, SIM: locked.ID, Object: "sim", ObjectID: was.ICCID,
		Before: changed.before(), After: changed.after(), Why: c.Why,
	}); err != nil {
		return SIM{}, err
	}
	return t.simByID(ctx, locked.ID)
}

// PlanNotAvailableError means that an account may not hold a plan.
type PlanNotAvailableError struct {
	Plan       string
	OperatorID transfer.OperatorID
}

func (e *PlanNotAvailableError) Error() string {
	return fmt.Sprintf("the account %s may not hold the plan %q", e.OperatorID, e.Plan)
}

var selectPlanOf = newStatement(statement{
	name:    "select_plan_of",
	does:    "Reports whether a plan exists, and whether an account may hold it.",
	given:   "@plan: its name; @account.",
	returns: "Both, and the operator id of the account.",
	text: `
		SELECT
			a.operator_id,
			EXISTS (SELECT 1 FROM plans WHERE name = @plan) AS known,
			coalesce(@plan = ANY (nullif(a.plans, '{}')), true) AS available
		FROM accounts a
		WHERE a.id = @account`,
})

// checkPlan returns an *UnknownPlanError if there is no such plan, and a
// *PlanNotAvailableError if the account may not hold it.
func (t *Tx) checkPlan(ctx context.Context, account int64, name string) error {
	var p struct {
		OperatorID transfer.OperatorID `db:"operator_id"`
		Known      bool                `db:"known"`
		Available  bool                `db:"available"`
	}
	if err := t.get(ctx, &p, selectPlanOf, args{"plan": name, "account": account}); err != nil {
		return fmt.Errorf("reading plan %q: %w", name, err)
	}
	switch {
	case !p.Known:
		return &UnknownPlanError{name}
	case !p.Available:
		return &PlanNotAvailableError{name, p.OperatorID}
	}
	return nil
}

// putSIMDetails sets the details of a locked SIM, and records it for the changes
// feed if the EID or the external id changes. It returns an
// *SIMExternalIDTakenError if another SIM has the external id.
func (t *Tx) putSIMDetails(ctx context.Context, s lockedSIM, is SIMDetails) error {
	named := !same(s.SIM.EID, is.EID) || !same(s.SIM.ExternalID, is.ExternalID)
	if !named && same(s.SIM.Lot, is.Lot) {
		return nil
	}
	if is.ExternalID != nil {
		var other string
		switch err := t.get(ctx, &other, selectExternalIDHolder, args{"external_id": *is.ExternalID, "sim": s.ID}); {
		case err == nil:
			return &SIMExternalIDTakenError{*is.ExternalID, other}
		case !errors.Is(err, ErrNotFound):
			return fmt.Errorf("looking for the external id %q: %w", *is.ExternalID, err)
		}
	}
	before, err := t.SIMIdentifiers(ctx, s.ID)
	if err != nil {
		return err
	}
	if is == (SIMDetails{}) {
		_, err = t.exec(ctx, deleteSIMDetails, args{"sim": s.ID})
	} else {
		_, err = t.exec(ctx, putSIMDetails, args{"sim": s.ID, "eid": is.EID, "lot": is.Lot, "external_id": is.ExternalID})
	}
	switch {
	case isUnique(err, "sim_details_external_id_key"):
		return errLostRace // after a retry, the other SIM is found
	case err != nil:
		return fmt.Errorf("setting the details of SIM %s: %w", s.SIM.ICCID, err)
	case !named:
		return nil
	}
	after := before
	after.EID, after.ExternalID = is.EID, is.ExternalID
	return t.RecordIdentifiersChanged(ctx, s.Account, s.ID, before, after)
}

func same(a, b *string) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }

// simChanges lists what an update can change in a SIM.
func simChanges(was, is SIM) changes {
	return changes{
		{"transfer_lock", was.TransferLock, is.TransferLock},
		{"termination_protection", was.TerminationProtection, is.TerminationProtection},
		{"tags", was.Tags, is.Tags},
		{"group", was.Group, is.Group},
		{"speed_class", was.SpeedClass, is.SpeedClass},
		{"imei_lock", was.IMEILock, is.IMEILock},
		{"expiration", was.Expiration, is.Expiration},
		{"event_handlers", was.EventHandlers, is.EventHandlers},
		{"plan", was.Plan, is.Plan},
		{"eid", was.EID, is.EID},
		{"lot", was.Lot, is.Lot},
		{"external_id", was.ExternalID, is.ExternalID},
		{"status", was.Status, is.Status},
	}
}

// simAction returns the action under which an update of a SIM is recorded: what
// matters most.
func simAction(was, is SIM, by transfer.StatusActor) transfer.AuditAction {
	switch {
	case was.TransferLock && !is.TransferLock:
		return transfer.AuditSIMUnlock
	case is.TransferLock && !was.TransferLock:
		return transfer.AuditSIMLock
	case was.Status != is.Status && by == transfer.ByCorrection:
		return transfer.AuditSIMCorrect
	case was.Status != is.Status:
		return transfer.AuditSIMStatus
	}
	return transfer.AuditSIMUpdate
}

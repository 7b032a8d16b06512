package storage

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/lib/pq"

	"simtransfer/transfer"
)

// AuditEntry describes an act to be recorded in the audit trail. By, Action and
// Object are required.
type AuditEntry struct {
	By     Actor
	Action transfer.AuditAction

	Account  int64  // the account that the act concerns; zero: none
	SIM      int64  // the SIM that the act concerns; zero: none
	Object   string // what the act was done to, such as "key"
	ObjectID string // which one, as callers of the API name it

	Before, After any    // the fields that changed, as values for encoding/json; nil: none
	Why           string // the reason that was given
}

// kind returns what kind of actor an entry of the audit trail records.
func (a Actor) kind() transfer.AuditActor {
	switch {
	case a.Key != 0:
		return transfer.ActorKey // or ActorPerson, if the key is a membership
	case a.Person != 0:
		return transfer.ActorPerson
	case a.Name != "":
		return transfer.ActorCommand
	case a.Party == transfer.PartySystem:
		return transfer.ActorSystem
	}
	return transfer.ActorUnknown
}

var insertAudit = newStatement(statement{
	name: "insert_audit",
	does: "Writes an entry of the audit trail, with the name, hint and role that the API key or the person has now.",
	given: `@action; the kind of @actor, with its API @key (null: none), the @person if it has no membership (0: none), its
		@name if it has neither, and its @address (empty: none); the @account and the @sim that the act concerns (0: none); the @object and
		the @object_id; JSON objects with the fields @before and @after the act (null: none); @why it was
		done (empty: no reason given).`,
	text: `
		INSERT INTO audit (action, actor, api_key, person, key_role, key_hint, actor_name, address, account, sim, object, object_id, before, after, why)
		SELECT
			@action,
			CASE WHEN p.id IS NOT NULL THEN 'person' ELSE @actor END,
			@key::bigint,
			p.id,
			k.role,
			nullif(k.hint, ''),
			coalesce(p.name, k.name, nullif(@name, '')),
			nullif(@address, ''),
			nullif(@account::bigint, 0),
			nullif(@sim::bigint, 0),
			@object,
			@object_id,
			@before::jsonb,
			@after::jsonb,
			nullif(@why, '')
		FROM (VALUES (1)) AS one
		LEFT JOIN api_keys k ON k.id = @key
		LEFT JOIN people p ON p.id = coalesce(k.person, @person::bigint)`,
})

// Audit records an act in the audit trail, in the transaction of the act. Every
// act outside of transfer requests leaves exactly one entry. It takes no locks.
func (t *Tx) Audit(ctx context.Context, e AuditEntry) error {
	return writeAudit(ctx, t, e)
}

// Audit is Tx.Audit in its own transaction, for acts that change no data.
func (db *DB) Audit(ctx context.Context, e AuditEntry) error {
	return writeAudit(ctx, db, e)
}

func writeAudit(ctx context.Context, q querier, e AuditEntry) error {
	before, err := jsonOrNull(e.Before)
	if err != nil {
		return fmt.Errorf("writing what was before %s: %w", e.Action, err)
	}
	after, err := jsonOrNull(e.After)
	if err != nil {
		return fmt.Errorf("writing what is after %s: %w", e.Action, err)
	}
	if _, err := q.exec(ctx, insertAudit, args{
		"action": e.Action, "actor": e.By.kind(), "key": e.By.key(), "person": e.By.Person, "name": e.By.Name, "address": e.By.Address,
		"account": e.Account, "sim": e.SIM, "object": e.Object, "object_id": e.ObjectID,
		"before": before, "after": after, "why": e.Why,
	}); err != nil {
		return fmt.Errorf("recording %s of %s %s: %w", e.Action, e.Object, e.ObjectID, err)
	}
	return nil
}

// changes compares the fields of an object before and after an act. A nil value
// is that of a field that did not exist.
type changes []change

type change struct {
	field   string
	was, is any // comparable with reflect.DeepEqual
}

// names returns the names of the fields that changed.
func (c changes) names() []string {
	var names []string
	for _, f := range c.changed() {
		names = append(names, f.field)
	}
	return names
}

func (c changes) none() bool { return len(c.changed()) == 0 }

func (c changes) changed() changes {
	return slices.DeleteFunc(slices.Clone(c), func(f change) bool { return reflect.DeepEqual(f.was, f.is) })
}

// before returns the old values of the fields that changed, nil if there are none.
func (c changes) before() any {
	return c.fields(func(f change) any { return f.was })
}

// after returns the new values of the fields that changed, nil if there are none.
func (c changes) after() any {
	return c.fields(func(f change) any { return f.is })
}

func (c changes) fields(value func(change) any) any {
	values := map[string]any{}
	for _, f := range c.changed() {
		if v := value(f); v != nil {
			values[f.field] = v
		}
	}
	if len(values) == 0 {
		return nil
	}
	return values
}

// jsonOrNull returns a value as JSON text, nil for nil.
func jsonOrNull(v any) (*string, error) {
	if v == nil {
		return nil, nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	s := string(text)
	return &s, nil
}

// AuditRecord is an entry of the audit trail as it is read.
type AuditRecord struct {
	ID          int64                `db:"id"`
	At          time.Time            `db:"at"`
	Action      transfer.AuditAction `db:"action"`
	Actor       transfer.AuditActor  `db:"actor"`
	Key         *int64               `db:"api_key"`
	KeyRole     *Role                `db:"key_role"`
	KeyHint     *string              `db:"key_hint"`
	KeyOperator *transfer.OperatorID `db:"key_operator_id"` // of the account that the key acts for
	KeyAccount  *string              `db:"key_account_external_id"`
	Person      *int64               `db:"person"`       // who has signed in; nil for a key
	PersonEmail *string              `db:"person_email"` // now
	Name        *string              `db:"actor_name"`   // of the key, the person, or the user who ran the command
	Address     *string              `db:"address"`      // where the call came from
	OperatorID  *transfer.OperatorID `db:"operator_id"`  // of the account that the act concerns
	AccountID   *string              `db:"account_external_id"`
	Object      string               `db:"object"`
	ObjectID    string               `db:"object_id"`
	Before      *json.RawMessage     `db:"before"`
	After       *json.RawMessage     `db:"after"`
	Why         *string              `db:"why"`
}

// AuditCursor is a position in the audit trail: that of the last entry read.
type AuditCursor struct {
	At time.Time
	ID int64
}

// AuditFilter selects entries of the audit trail; zero fields select all.
type AuditFilter struct {
	Account      int64                  // the entries that concern it
	SIM          transfer.Identifier    // one of the identifiers that the SIM that the entries concern has or had
	Key          int64                  // who acted
	Person       int64                  // who acted
	Actions      []transfer.AuditAction // any of them
	Object       string
	ObjectID     string
	Since, Until *time.Time  // from Since to before Until
	After        AuditCursor // only entries that follow in the list: earlier ones
	Limit        int         // maximum number of entries; required
}

var selectAudit = newStatement(statement{
	name: "select_audit",
	does: "Lists entries of the audit trail, the latest first.",
	given: `@account, the API @key of the actor and the @person who acted (0: any); @sim: an identifier that the SIM has or had (empty: any);
		@actions (null: any); @object and @object_id (empty: any); @since and @until (null: any time); the
		cursor @at (null: from the start) and @id; @limit: maximum number of rows.`,
	returns: "The entries.",
	text: `
		SELECT
			u.id,
			u.at,
			u.action,
			u.actor,
			u.api_key,
			u.key_role,
			u.key_hint,
			b.operator_id AS key_operator_id,
			b.external_id AS key_account_external_id,
			u.person,
			p.email AS person_email,
			u.actor_name,
			u.address,
			a.operator_id,
			a.external_id AS account_external_id,
			u.object,
			u.object_id,
			u.before,
			u.after,
			u.why
		FROM audit u
		LEFT JOIN accounts a ON a.id = u.account
		LEFT JOIN api_keys k ON k.id = u.api_key
		LEFT JOIN accounts b ON b.id = k.account
		LEFT JOIN people p ON p.id = u.person AND u.actor_name <> '[erased]'
		WHERE (@account::bigint = 0 OR u.account = @account)
		  AND (@key::bigint = 0 OR u.api_key = @key)
		  AND (@person::bigint = 0 OR u.person = @person)
		  AND (@sim = '' OR u.sim = ANY (ARRAY(SELECT sim FROM identifiers WHERE identifier = @sim UNION SELECT sim FROM former_identifiers WHERE identifier = @sim)))
		  AND (@actions::text[] IS NULL OR u.action = ANY (@actions))
		  AND (@object = '' OR u.object = @object)
		  AND (@object_id = '' OR u.object_id = @object_id)
		  AND (@since::timestamptz IS NULL OR u.at >= @since)
		  AND (@until::timestamptz IS NULL OR u.at < @until)
		  AND (@at::timestamptz IS NULL OR (u.at, u.id) < (@at, @id::bigint))
		ORDER BY u.at DESC, u.id DESC
		LIMIT @limit`,
})

// AuditTrail lists entries of the audit trail, the latest first.
func (db *DB) AuditTrail(ctx context.Context, f AuditFilter) ([]AuditRecord, error) {
	return auditTrail(ctx, db, f)
}

func auditTrail(ctx context.Context, q querier, f AuditFilter) ([]AuditRecord, error) {
	list := []AuditRecord{}
	var at *time.Time
	if !f.After.At.IsZero() {
		at = &f.After.At
	}
	if err := q.list(ctx, &list, selectAudit, args{
		"account": f.Account, "key": f.Key, "person": f.Person, "sim": f.SIM.String(), "actions": textArray(f.Actions),
		"object": f.Object, "object_id": f.ObjectID, "since": f.Since, "until": f.Until,
		"at": at, "id": f.After.ID, "limit": f.Limit,
	}); err != nil {
		return nil, fmt.Errorf("reading the audit trail: %w", err)
	}
	return list, nil
}

// textArray returns the values as an array, null for nil.
func textArray[T ~string](values []T) pq.StringArray {
	if values == nil {
		return nil
	}
	list := make(pq.StringArray, len(values))
	for i, v := range values {
		list[i] = string(v)
	}
	return list
}

package api

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// actingCaller returns the caller as the actor of an entry of the audit trail.
func actingCaller(ctx context.Context) storage.Actor {
	c := callOf(ctx)
	return storage.Actor{Key: c.caller.Key, Address: c.address}
}

// auditRead records that staff read personal data. The response is sent only if
// this succeeds. What an account reads of itself is not recorded.
func (s *server) auditRead(ctx context.Context, e storage.AuditEntry) error {
	if isAccount(callerOf(ctx)) {
		return nil
	}
	e.By = actingCaller(ctx)
	return s.db.Audit(ctx, e)
}

// AuditEntry is an entry of the audit trail as the API shows it.
type AuditEntry struct {
	At         time.Time            `json:"at"`
	Action     transfer.AuditAction `json:"action" doc:"What was done. New actions can be added."`
	Actor      transfer.AuditActor  `json:"actor" doc:"Who did it: an API key; a command that was run on the server; the system, which is the service itself; unknown for a failed sign-in with an unknown key."`
	Role       *storage.Role        `json:"role,omitempty" doc:"The role of the API key."`
	Key        *int64               `json:"key,omitempty" doc:"The id of the API key. For the account that has the key, and for support."`
	KeyName    *string              `json:"key_name,omitempty" doc:"The name of the API key, or the user who ran the command. For the account that has the key, and for support."`
	KeyHint    *string              `json:"key_hint,omitempty" doc:"The beginning and the end of the API key at that time. For the account that has the key, and for support."`
	KeyAccount *transfer.OperatorID `json:"key_account,omitempty" doc:"The operator id of the account that the API key acts for."`
	Address    *string              `json:"address,omitempty" doc:"The IP address of the call. For the account that has the key, and for support."`
	Account    *transfer.OperatorID `json:"account,omitempty" doc:"The operator id of the account that it concerns."`
	Object     string               `json:"object" example:"key" doc:"The kind of object that the action concerns."`
	ObjectID   string               `json:"object_id" example:"7" doc:"The identifier of the object: the ICCID of a SIM, the id of a key, the operator id of an account and so on."`
	Before     map[string]any       `json:"before,omitempty" doc:"The fields that changed, before the change."`
	After      map[string]any       `json:"after,omitempty" doc:"The fields that changed, after the change."`
	Why        *string              `json:"why,omitempty" doc:"The reason that was given. For the account whose key gave it, and for support."`
}

// viewAudit shows an entry to a caller. An account does not see which of the
// operator's keys acted, from where and why.
func viewAudit(r storage.AuditRecord, c storage.Caller) (AuditEntry, error) {
	v := AuditEntry{
		At: r.At.UTC(), Action: r.Action, Actor: r.Actor, Role: r.KeyRole, KeyAccount: r.KeyOperator,
		Account: r.OperatorID, Object: r.Object, ObjectID: r.ObjectID,
	}
	if isStaff(c) || isAccount(c) && r.KeyOperator != nil && *r.KeyOperator == c.Account.OperatorID {
		v.Key, v.KeyName, v.KeyHint, v.Address, v.Why = r.Key, r.Name, r.KeyHint, r.Address, r.Why
	}
	for _, part := range []struct {
		from *json.RawMessage
		to   *map[string]any
	}{{r.Before, &v.Before}, {r.After, &v.After}} {
		if part.from == nil {
			continue
		}
		if err := json.Unmarshal(*part.from, part.to); err != nil {
			return v, fmt.Errorf("reading audit entry %d: %w", r.ID, err)
		}
	}
	return v, nil
}

type listAuditInput struct {
	Paging
	Account       string                 `query:"account" maxLength:"32" doc:"Only entries that concern the account with this operator id. For support."`
	SIM           string                 `query:"sim" maxLength:"32" doc:"Only entries that concern the SIM with this ICCID, IMSI or MSISDN."`
	Key           int64                  `query:"key" minimum:"1" doc:"Only what the API key with this id did."`
	Action        []transfer.AuditAction `query:"action" maxItems:"50" doc:"Only these actions, separated by commas."`
	CreatedAfter  time.Time              `query:"created_after" doc:"Only entries from this time on."`
	CreatedBefore time.Time              `query:"created_before" doc:"Only entries from before this time."`
}

func (s *server) listAudit(ctx context.Context, in *listAuditInput) (*listOf[AuditEntry], error) {
	account, err := s.listedAccount(ctx, in.Account)
	if err != nil {
		return nil, err
	}
	f := storage.AuditFilter{Account: account, Key: in.Key, Actions: in.Action, Limit: in.Limit + 1}
	if f.After, err = auditCursor(in.Cursor); err != nil {
		return nil, err
	}
	p := problem.New(problem.Invalid, "")
	f.Since = given(p, "query.created_after", in.CreatedAfter)
	f.Until = given(p, "query.created_before", in.CreatedBefore)
	if in.SIM != "" {
		f.SIM = parsed(p, "query.sim", in.SIM, transfer.ParseIdentifier)
	}
	if len(p.Errors) > 0 {
		return nil, p
	}
	rows, err := s.db.AuditTrail(ctx, f)
	if err != nil {
		return nil, err
	}
	return tryPageOf(rows, in.Limit, auditCursorText, func(r storage.AuditRecord) (AuditEntry, error) {
		return viewAudit(r, callerOf(ctx))
	})
}

func auditCursorText(r storage.AuditRecord) string {
	return fmt.Sprintf("%d-%d", r.At.UnixMicro(), r.ID)
}

// auditCursor parses a cursor of the audit trail. An empty one is the beginning.
func auditCursor(text string) (storage.AuditCursor, error) {
	if text == "" {
		return storage.AuditCursor{}, nil
	}
	left, right, ok := strings.Cut(text, "-")
	at, err1 := strconv.ParseUint(left, 10, 53)
	id, err2 := strconv.ParseUint(right, 10, 63)
	if !ok || err1 != nil || err2 != nil {
		return storage.AuditCursor{}, badCursor(text)
	}
	return storage.AuditCursor{At: time.UnixMicro(int64(at)).UTC(), ID: int64(id)}, nil
}

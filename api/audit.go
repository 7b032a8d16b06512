package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// actingCaller returns the caller as the actor of an entry of the audit trail.
func actingCaller(ctx context.Context) storage.Actor {
	c := callOf(ctx)
	return storage.Actor{Key: c.caller.Key, Person: c.caller.Person.ID, Address: c.address}
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

// PersonRef names the person who did something.
type PersonRef struct {
	ID    int64  `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email,omitempty" format:"email"`
}

// AuditEntry is an entry of the audit trail as the API shows it.
type AuditEntry struct {
	At           time.Time            `json:"at"`
	Action       transfer.AuditAction `json:"action" doc:"What was done. New actions can be added."`
	Actor        transfer.AuditActor  `json:"actor" doc:"Who did it: an API key; a person who had signed in; a command that was run on the server; the system, which is the service itself; unknown for a failed sign-in with an unknown key."`
	Role         *storage.Role        `json:"role,omitempty" doc:"The role of the API key."`
	Key          *int64               `json:"key,omitempty" doc:"The id of the API key. For the account that has the key, and for support."`
	KeyName      *string              `json:"key_name,omitempty" doc:"The name of the API key, or the user who ran the command. For the account that has the key, and for support."`
	KeyHint      *string              `json:"key_hint,omitempty" doc:"The beginning and the end of the API key at that time. For the account that has the key, and for support."`
	Person       *PersonRef           `json:"person,omitempty" doc:"The person who did it, with the name at that time. For the account that the person acted for, and for support."`
	KeyAccount   *transfer.OperatorID `json:"key_account,omitempty" doc:"The operator id of the account that the API key or the person acted for."`
	KeyAccountID *string              `json:"key_account_external_id,omitempty" doc:"The external id of that account. For support."`
	Address      *string              `json:"address,omitempty" doc:"The IP address of the call. For the account that has the key, and for support."`
	Account      *transfer.OperatorID `json:"account,omitempty" doc:"The operator id of the account that it concerns."`
	AccountID    *string              `json:"account_external_id,omitempty" doc:"The external id of that account. For support."`
	Object       string               `json:"object" example:"key" doc:"The kind of object that the action concerns."`
	ObjectID     string               `json:"object_id" example:"7" doc:"The identifier of the object: the ICCID of a SIM, the id of a key, the operator id of an account and so on."`
	Before       map[string]any       `json:"before,omitempty" doc:"The fields that changed, before the change."`
	After        map[string]any       `json:"after,omitempty" doc:"The fields that changed, after the change."`
	Why          *string              `json:"why,omitempty" doc:"The reason that was given. For the account whose key gave it, and for support."`
}

// viewAudit shows an entry to a caller. An account does not see which of the
// operator's keys acted, from where and why, nor the ids of SIMs in the operator's
// inventory.
func viewAudit(r storage.AuditRecord, c storage.Caller) (AuditEntry, error) {
	v := AuditEntry{
		At: r.At.UTC(), Action: r.Action, Actor: r.Actor, Role: r.KeyRole, KeyAccount: r.KeyOperator,
		Account: r.OperatorID, Object: r.Object, ObjectID: r.ObjectID,
		AccountID: externalIDFor(c, r.AccountID), KeyAccountID: externalIDFor(c, r.KeyAccount),
	}
	if isStaff(c) || isAccount(c) && r.KeyOperator != nil && *r.KeyOperator == c.Account.OperatorID {
		v.Key, v.KeyName, v.KeyHint, v.Address, v.Why = r.Key, r.Name, r.KeyHint, r.Address, r.Why
		if r.Person != nil {
			v.Key, v.KeyName, v.Person = nil, nil, &PersonRef{*r.Person, valueOrZero(r.Name), valueOrZero(r.PersonEmail)}
		}
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
		if r.Object == "sim" && !seesExternalIDs(c) {
			delete(*part.to, "external_id")
		}
		if r.Object == "request" && isAccount(c) {
			delete(*part.to, "ticket") // the destination does not see tickets
		}
	}
	return v, nil
}

// auditHeader is the first row of the audit trail as CSV.
func auditHeader() []string {
	return []string{
		"at", "action", "actor", "role", "key", "key_name", "key_hint", "key_account", "address", "account",
		"object", "object_id", "before", "after", "why", "account_external_id", "key_account_external_id",
		"person", "person_name", "person_email",
	}
}

// record returns the entry as a row of CSV. before and after are JSON.
func (e AuditEntry) record() ([]string, error) {
	key := ""
	if e.Key != nil {
		key = itoa(*e.Key)
	}
	row := []string{
		e.At.Format(time.RFC3339Nano), string(e.Action), string(e.Actor), string(valueOrZero(e.Role)), key, valueOrZero(e.KeyName), valueOrZero(e.KeyHint),
		string(valueOrZero(e.KeyAccount)), valueOrZero(e.Address), string(valueOrZero(e.Account)), e.Object, e.ObjectID,
	}
	for _, fields := range []map[string]any{e.Before, e.After} {
		text := ""
		if fields != nil {
			encoded, err := json.Marshal(fields)
			if err != nil {
				return nil, err
			}
			text = string(encoded)
		}
		row = append(row, text)
	}
	row = append(row, valueOrZero(e.Why), valueOrZero(e.AccountID), valueOrZero(e.KeyAccountID))
	if p := e.Person; p != nil {
		row = append(row, itoa(p.ID), p.Name, p.Email)
	} else {
		row = append(row, "", "", "")
	}
	for i := range row {
		row[i] = spreadsheetText(row[i])
	}
	return row, nil
}

// spreadsheetText returns a text that a spreadsheet does not take for a formula:
// names of keys, reasons and references are written by others than those who open
// the file.
func spreadsheetText(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}

// auditRows returns entries in a format that has one row per entry.
func auditRows(format string, entries []AuditEntry) ([]byte, error) {
	var text bytes.Buffer
	if format == typeNDJSON {
		e := json.NewEncoder(&text)
		e.SetEscapeHTML(false)
		for _, entry := range entries {
			if err := e.Encode(entry); err != nil {
				return nil, err
			}
		}
		return text.Bytes(), nil
	}
	rows := [][]string{auditHeader()}
	for _, entry := range entries {
		row, err := entry.record()
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	err := csv.NewWriter(&text).WriteAll(rows)
	return text.Bytes(), err
}

// nextCursorHeader has the next_cursor of a page that is not JSON.
const nextCursorHeader = "Simtransfer-Next-Cursor"

// auditPage is the response with a page of the audit trail in a format.
func auditPage(format string, page List[AuditEntry]) (*huma.StreamResponse, error) {
	contentType := format
	if format == typeCSV {
		contentType += "; charset=utf-8"
	}
	text, err := auditRows(format, page.Items)
	if format == typeJSON {
		text, err = encodeJSON(page)
	}
	if err != nil {
		return nil, fmt.Errorf("writing a page of the audit trail: %w", err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		_, w := humago.Unwrap(hc)
		w.Header().Set("Vary", "Accept")
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		w.Header().Set(rowsHeader, strconv.Itoa(len(page.Items)))
		if page.NextCursor != "" {
			w.Header().Set(nextCursorHeader, page.NextCursor)
		}
		_, _ = w.Write(text) // the client may be gone
	}}, nil
}

type listAuditInput struct {
	Accepting
	Paging
	Account       string                 `query:"account" maxLength:"132" doc:"Only entries that concern the account with this operator id or external id. For support."`
	SIM           string                 `query:"sim" maxLength:"32" doc:"Only entries that concern the SIM with this ICCID, IMSI or MSISDN."`
	Key           int64                  `query:"key" minimum:"1" doc:"Only what the API key with this id did."`
	Person        int64                  `query:"person" minimum:"1" doc:"Only what the person with this id did."`
	Action        []transfer.AuditAction `query:"action" maxItems:"50" doc:"Only these actions, separated by commas."`
	CreatedAfter  time.Time              `query:"created_after" doc:"Only entries from this time on."`
	CreatedBefore time.Time              `query:"created_before" doc:"Only entries from before this time."`
}

func (s *server) listAudit(ctx context.Context, in *listAuditInput) (*huma.StreamResponse, error) {
	format, err := in.choose(typeJSON, typeNDJSON, typeCSV)
	if err != nil {
		return nil, err
	}
	account, err := s.listedAccount(ctx, in.Account)
	if err != nil {
		return nil, err
	}
	f := storage.AuditFilter{Account: account, Key: in.Key, Person: in.Person, Actions: in.Action, Limit: in.Limit + 1}
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
	page, err := tryPageOf(rows, in.Limit, auditCursorText, func(r storage.AuditRecord) (AuditEntry, error) {
		return viewAudit(r, callerOf(ctx))
	})
	if err != nil {
		return nil, err
	}
	return auditPage(format, page.Body)
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

package client

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"simtransfer/transfer"
)

// AuditEntry is an entry of the audit trail: an act outside of transfer requests.
type AuditEntry struct {
	At           time.Time            `json:"at"`
	Action       transfer.AuditAction `json:"action"`
	Actor        transfer.AuditActor  `json:"actor"`                             // what kind of actor it was
	Role         string               `json:"role,omitempty"`                    // of the API key
	Key          int64                `json:"key,omitempty"`                     // id of the API key
	KeyName      string               `json:"key_name,omitempty"`                // of the API key, or the user who ran a command on the server
	KeyHint      string               `json:"key_hint,omitempty"`                // beginning and end of the API key
	Person       *PersonRef           `json:"person,omitempty"`                  // who had signed in; nil for an API key
	KeyAccount   transfer.OperatorID  `json:"key_account,omitempty"`             // that the API key or the person acts for
	KeyAccountID string               `json:"key_account_external_id,omitempty"` // for support
	Address      string               `json:"address,omitempty"`                 // IP address of the call
	Account      transfer.OperatorID  `json:"account,omitempty"`                 // that the act concerns
	AccountID    string               `json:"account_external_id,omitempty"`     // for support
	Object       string               `json:"object"`                            // what it was done to, such as key
	ObjectID     string               `json:"object_id"`                         // which one
	Before       map[string]any       `json:"before,omitempty"`                  // the fields that changed
	After        map[string]any       `json:"after,omitempty"`
	Why          string               `json:"why,omitempty"` // the reason that was given
}

// AuditFilter selects entries of the audit trail. A zero field selects all.
type AuditFilter struct {
	Account                     transfer.AccountRef // that the entries concern; for support
	SIM                         string              // by one of its identifiers
	Key                         int64               // id of the API key that acted
	Person                      int64               // id of the person who acted
	Actions                     []transfer.AuditAction
	CreatedAfter, CreatedBefore time.Time
}

// ListAudit returns a page of the audit trail, the latest entries first.
func (c *Client) ListAudit(ctx context.Context, f AuditFilter, p Paging, options ...Option) (Page[AuditEntry], error) {
	return get[Page[AuditEntry]](ctx, c, f.addTo(p.query()).of(path("audit")), options)
}

// AuditRows is a page of the audit trail as NDJSON or CSV.
type AuditRows struct {
	Text       []byte // a line for each entry; CSV has a heading before them
	Entries    int
	NextCursor string // empty on the last page
}

// ListAuditRows is ListAudit in a format with one row per entry.
func (c *Client) ListAuditRows(ctx context.Context, f AuditFilter, p Paging, format Format) (AuditRows, error) {
	var page AuditRows
	var count string
	r := call{method: http.MethodGet, path: f.addTo(p.query()).of(path("audit")), accept: string(format)}
	r.onHeader = func(h http.Header) { count, page.NextCursor = h.Get(rowsHeader), h.Get(nextCursorHeader) }
	var err error
	if page.Text, err = c.do(ctx, r, nil); err != nil {
		return page, err
	}
	if page.Entries, err = strconv.Atoi(count); err != nil {
		return page, fmt.Errorf("the answer does not say how many rows it has: %w", err)
	}
	return page, nil
}

// nextCursorHeader has the NextCursor of a page that is not JSON.
const nextCursorHeader = "Simtransfer-Next-Cursor"

func (f AuditFilter) addTo(q query) query {
	q.set("account", string(f.Account))
	q.set("sim", f.SIM)
	if f.Person != 0 {
		q.set("person", strconv.FormatInt(f.Person, 10))
	}
	if f.Key != 0 {
		q.set("key", strconv.FormatInt(f.Key, 10))
	}
	actions := make([]string, len(f.Actions))
	for i, a := range f.Actions {
		actions[i] = string(a)
	}
	q.set("action", strings.Join(actions, ","))
	q.setTime("created_after", f.CreatedAfter)
	q.setTime("created_before", f.CreatedBefore)
	return q
}

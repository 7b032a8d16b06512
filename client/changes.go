package client

import (
	"context"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

// Change is an entry of the changes feed: one SIM that changed. Its identifiers
// are those that it has when the entry is read.
type Change struct {
	Cursor     string              `json:"cursor"` // of the place after this entry
	At         time.Time           `json:"at"`
	Kind       transfer.ChangeKind `json:"kind"`
	SIMID      int64               `json:"sim_id"` // stays the same, and is never that of another SIM
	ICCID      string              `json:"iccid"`
	IMSIs      []string            `json:"imsis"`
	MSISDNs    []string            `json:"msisdns"`
	EID        string              `json:"eid,omitempty"`
	ExternalID string              `json:"external_id,omitempty"` // in the operator's inventory

	From *ChangeOwner `json:"from,omitempty"` // the owner before; nil if the owner did not change
	To   ChangeOwner  `json:"to"`             // the owner after the change

	Status      *ChangedText        `json:"status,omitempty"`      // for status_changed, and created without From
	Plan        *ChangedText        `json:"plan,omitempty"`        // for plan_changed, and created without From
	Identifiers *ChangedIdentifiers `json:"identifiers,omitempty"` // for identifiers_changed and retired
	Replaces    string              `json:"replaces,omitempty"`    // for the new card of a swap: the ICCID of the old one
	ReplacedBy  string              `json:"replaced_by,omitempty"` // for the old card of a swap: the ICCID of the new one

	Settings *Snapshot `json:"settings,omitempty"` // with which the SIM was created or arrived; for support and administrators

	// For transferred.
	Request *uuid.UUID `json:"request,omitempty"`
	Batch   *uuid.UUID `json:"batch,omitempty"`
	Ticket  string     `json:"ticket,omitempty"`
	Line    int        `json:"line,omitempty"` // in the request's list or upload, from 1

	RequestReference string `json:"request_reference,omitempty"` // the source's own, of the request
	Reference        string `json:"reference,omitempty"`         // and of the SIM in it
}

// ChangeOwner is the owner of a SIM before or after a change.
type ChangeOwner struct {
	Account    transfer.OperatorID `json:"account"`
	ExternalID string              `json:"external_id,omitempty"` // in the operator's own systems, as it is when the entry is read
}

// ChangedText is a value before and after a change.
type ChangedText struct {
	From string `json:"from,omitempty"`
	To   string `json:"to"`
}

// ChangedIdentifiers are all identifiers of a SIM before and after a change.
type ChangedIdentifiers struct {
	From SIMIdentifiers `json:"from"`
	To   SIMIdentifiers `json:"to"`
}

// SIMIdentifiers are all identifiers of a SIM.
type SIMIdentifiers struct {
	ICCID      string   `json:"iccid"`
	IMSIs      []string `json:"imsis"`
	MSISDNs    []string `json:"msisdns"`
	EID        string   `json:"eid"`
	ExternalID string   `json:"external_id"`
}

// ChangesPage is a page of the changes feed, the oldest entries first.
type ChangesPage struct {
	Items      []Change `json:"items"`
	NextCursor string   `json:"next_cursor"` // of the entries that come next, now or later; it never expires
	More       bool     `json:"more"`        // whether there may be more entries now
}

// ChangesFrom is the place at which to start reading the changes feed. At most one field is
// set; the zero value is the beginning.
type ChangesFrom struct {
	Cursor string
	Now    bool      // after the entries that exist already
	Since  time.Time // with the changes at this time or later; a few earlier ones can come first
}

// ChangesFilter selects entries of the changes feed. A zero field selects all.
type ChangesFilter struct {
	Kinds   []transfer.ChangeKind
	Account transfer.AccountRef // the owner before or after the change
}

func (f ChangesFilter) query(from ChangesFrom, limit int) query {
	q := query{}
	q.set("cursor", from.Cursor)
	if from.Now {
		q.set("from", "now")
	}
	q.setTime("since", from.Since)
	kinds := make([]string, len(f.Kinds))
	for i, k := range f.Kinds {
		kinds[i] = string(k)
	}
	q.set("kind", strings.Join(kinds, ","))
	q.set("account", string(f.Account))
	if limit > 0 {
		q.set("limit", strconv.Itoa(limit))
	}
	return q
}

// ListChanges returns up to limit entries of the changes feed, 1000 at most; 0
// means the service's default, 100.
func (c *Client) ListChanges(ctx context.Context, f ChangesFilter, from ChangesFrom, limit int, options ...Option) (ChangesPage, error) {
	return get[ChangesPage](ctx, c, f.query(from, limit).of(path("changes")), options)
}

// ChangeRows are entries of the changes feed as NDJSON, which arrive while they
// are read. Reading ends with an error if entries are missing: then continue with
// the cursor of the last one that arrived. The caller must close it.
type ChangeRows struct {
	io.ReadCloser
	Rows       int
	NextCursor string // of the entries that come next, now or later
	More       bool   // whether there may be more entries now
}

// ReadChanges is ListChanges for up to 100,000 entries at a time.
func (c *Client) ReadChanges(ctx context.Context, f ChangesFilter, from ChangesFrom, limit int) (*ChangeRows, error) {
	var page ChangeRows
	rows, err := c.countedRows(ctx, call{
		method: http.MethodGet, path: f.query(from, limit).of(path("changes")), accept: string(NDJSON),
	}, func(h http.Header) error {
		page.NextCursor, page.More = h.Get(nextCursorHeader), h.Get(moreHeader) == "true"
		return nil
	})
	if err != nil {
		return nil, err
	}
	page.ReadCloser, page.Rows = rows, rows.Total()
	return &page, nil
}

// moreHeader has the value of More of a page that is not JSON.
const moreHeader = "Simtransfer-More"

// All decodes the entries while they arrive. It stops after the first error,
// which it yields with a zero Change.
func (r *ChangeRows) All() iter.Seq2[Change, error] { return readRows[Change](r, "changes") }

// StreamChanges yields the entries of the changes feed as they appear. The stream
// ends without an error from time to time: call it again with the Cursor of the
// last entry. It yields an error at most once, with a zero Change, as the last item.
func (c *Client) StreamChanges(ctx context.Context, f ChangesFilter, from ChangesFrom) iter.Seq2[Change, error] {
	cursor := from.Cursor
	from.Cursor = "" // the stream has it as the last event instead
	return streamEvents[Change](ctx, c, f.query(from, 0).of(path("changes", "stream")), cursor)
}

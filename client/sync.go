package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"simtransfer/api/problem"
	"simtransfer/transfer"
)

// SyncOptions say how to sync SIMs. The zero value creates and changes SIMs, and
// leaves those that the file does not have as they are.
type SyncOptions struct {
	DryRun           bool
	Full             bool                // the file is the whole inventory
	Account          transfer.AccountRef // with Full: that of this account
	RetireMissing    bool                // with Full: terminates SIMs that the file does not have
	MaxRetireShare   float64             // of the SIMs, that RetireMissing may terminate; required with it
	ExpectChanges    *int                // of SIMs created, changed or terminated; otherwise nothing is changed
	IncludeUnchanged bool                // only for SyncSIMRows
}

func (o SyncOptions) path() string {
	q := query{}
	set := func(name string, on bool) {
		if on {
			q.set(name, "true")
		}
	}
	set("dry_run", o.DryRun)
	if o.Full {
		q.set("mode", "full")
	}
	q.set("account", string(o.Account))
	set("retire_missing", o.RetireMissing)
	if o.MaxRetireShare != 0 {
		q.set("max_retire_share", strconv.FormatFloat(o.MaxRetireShare, 'f', -1, 64))
	}
	if o.ExpectChanges != nil {
		q.set("expect_changes", strconv.Itoa(*o.ExpectChanges))
	}
	set("include_unchanged", o.IncludeUnchanged)
	return q.of(path("sims"))
}

// Synced counts what a sync did.
type Synced struct {
	DryRun        bool                 `json:"dry_run"` // whether everything was undone
	Rows          int                  `json:"rows"`    // of the file
	Created       int                  `json:"created"`
	Changed       int                  `json:"changed"`
	Unchanged     int                  `json:"unchanged"`
	Refused       int                  `json:"refused"` // also missing SIMs that could not be retired
	Missing       int                  `json:"missing"` // SIMs that the file does not have, without those retired or refused
	Retired       int                  `json:"retired"`
	ChangedFields map[string]int       `json:"changed_fields,omitempty"` // SIMs that were changed in each field; nil from SyncSIMRows
	Errors        []problem.FieldError `json:"errors,omitempty"`         // why rows were refused; nil from SyncSIMRows
	MoreErrors    int                  `json:"more_errors,omitempty"`    // in addition to those
}

// SyncSIMs makes the inventory follow a file of up to a million rows in the given
// format. It is repeated after a failure only if file can seek.
func (c *Client) SyncSIMs(ctx context.Context, format Format, file io.Reader, o SyncOptions, options ...Option) (Synced, error) {
	var answer Synced
	r := call{method: http.MethodPut, path: o.path(), contentType: string(format), body: file}
	err := c.exchange(ctx, r, &answer, c.repeatable(options))
	return answer, err
}

// SyncSIMRows is SyncSIMs with what the sync did for each row that is not
// unchanged, as NDJSON or CSV. The caller must close the stream; an error while
// reading it means that rows are missing, but not that the sync did not take place.
func (c *Client) SyncSIMRows(ctx context.Context, format Format, file io.Reader, o SyncOptions, rows Format, options ...Option) (Synced, io.ReadCloser, error) {
	var counts Synced
	r := call{method: http.MethodPut, path: o.path(), contentType: string(format), body: file, accept: string(rows)}
	for _, option := range options {
		option(&r)
	}
	answer, err := c.countedRows(ctx, r, func(h http.Header) (err error) {
		counts, err = readCounts(h.Get(syncHeader))
		return err
	})
	if err != nil {
		return counts, nil, err
	}
	return counts, answer, nil
}

// syncHeader has the counts of a sync.
const syncHeader = "Simtransfer-Sync"

// readCounts parses counts such as "dry_run=?0, rows=7, created=1".
func readCounts(header string) (Synced, error) {
	var s Synced
	into := map[string]*int{
		"rows": &s.Rows, "created": &s.Created, "changed": &s.Changed, "unchanged": &s.Unchanged,
		"refused": &s.Refused, "missing": &s.Missing, "retired": &s.Retired,
	}
	for field := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		switch {
		case name == "dry_run":
			s.DryRun = value == "?1"
		case into[name] != nil:
			n, err := strconv.Atoi(value)
			if err != nil {
				return s, fmt.Errorf("reading the counts of a sync: %w", err)
			}
			*into[name] = n
		}
	}
	return s, nil
}

package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"
	"golang.org/x/sync/errgroup"

	"simtransfer/transfer"
)

// ChangeCursor is a position in the changes feed: that of the next entry to read.
// A row of changes can stand for many SIMs; each of them is an entry.
type ChangeCursor struct {
	Seq      int64 // the number of the row; the first one is 1
	Position int32 // of the entry in its row, from 0; not every position has an entry
}

// FirstChange is the position of the first entry of the feed.
func FirstChange() ChangeCursor { return ChangeCursor{Seq: 1} }

// ChangeEntry is an entry of the changes feed: one SIM that changed. Its
// identifiers are those that it has when the entry is read.
type ChangeEntry struct {
	*ChangeRow `db:"-"`

	Seq        int64             `db:"seq"`
	Position   int32             `db:"position"`
	At         time.Time         `db:"at"`    // of the change; when the SIM was registered to its owner, if it was transferred
	IMSIs      joinedIdentifiers `db:"imsis"` // in ascending order, as are MSISDNs
	MSISDNs    joinedIdentifiers `db:"msisdns"`
	SIM        int64             `db:"sim"` // its id, which stays the same and is never that of another SIM
	ICCID      string            `db:"iccid"`
	EID        *string           `db:"eid"`
	ExternalID *string           `db:"external_id"`
	Before     *json.RawMessage  `db:"before"` // what changed, before and after; nil: nothing but the owner
	After      *json.RawMessage  `db:"after"`
	OldCard    *string           `db:"old_card"`  // for swapped: the ICCID of the other card,
	NewCard    *string           `db:"new_card"`  // which is the old one or the new one
	Line       *int              `db:"line"`      // for transferred: in the request's list or upload
	Reference  *string           `db:"reference"` // for transferred: of the SIM in the request
	Settings   *json.RawMessage  `db:"settings"`  // that the SIM arrived with, for transferred and created
}

// ChangeRow is what the entries of a row of changes have in common.
type ChangeRow struct {
	Kind                  transfer.ChangeKind  `db:"kind"`
	Source                *transfer.OperatorID `db:"source"` // the owner before the change; nil if the owner did not change
	SourceExternalID      *string              `db:"source_external_id"`
	Destination           transfer.OperatorID  `db:"destination"` // the owner after the change
	DestinationExternalID *string              `db:"destination_external_id"`
	Request               *uuid.UUID           `db:"request"` // for transferred, as are all that follow
	Batch                 *uuid.UUID           `db:"batch"`
	Ticket                *string              `db:"ticket"`
	RequestReference      *string              `db:"request_reference"`
}

// joinedIdentifiers is a list of identifiers that a statement joins with spaces, which
// takes PostgreSQL and lib/pq less time than an array. Null is an empty list.
type joinedIdentifiers []string

// Scan implements sql.Scanner.
func (l *joinedIdentifiers) Scan(src any) error {
	switch src := src.(type) {
	case nil:
		*l = joinedIdentifiers{}
	case string:
		*l = strings.Fields(src)
	case []byte:
		*l = strings.Fields(string(src))
	default:
		return fmt.Errorf("a list of identifiers cannot be read from %T", src)
	}
	return nil
}

// Next returns the position after the entry.
func (e ChangeEntry) Next() ChangeCursor { return ChangeCursor{e.Seq, e.Position + 1} }

// ChangeFilter selects entries of the changes feed; zero fields select all.
type ChangeFilter struct {
	Kinds   []transfer.ChangeKind
	Account int64 // the owner before or after the change
}

// changeBatch is how many rows of changes one transaction numbers.
const changeBatch = 1000

var hasUnnumbered = newStatement(statement{
	name:    "has_unnumbered",
	does:    "Finds out whether there are changes that have no place in the feed yet.",
	returns: "True or false.",
	text:    `SELECT EXISTS (SELECT 1 FROM changes WHERE seq IS NULL)`,
})

var lockNumbering = newStatement(statement{
	name:    "lock_numbering",
	does:    "Waits until no other transaction numbers changes, and keeps others from it.",
	returns: "A row.",
	locks:   "Takes an advisory lock, as the only lock of the transaction before it numbers changes.",
	text:    `SELECT pg_advisory_xact_lock(1936289140, 2)`,
})

// The numbers and times ascend together, so that a time finds a place in the feed.
var numberChanges = newStatement(statement{
	name:    "number_changes",
	does:    "Gives changes that have none their places in the feed, in the order of their ids and without gaps.",
	given:   "@limit: maximum number of rows.",
	returns: "The number of rows.",
	locks:   "Takes the rows of changes. The caller holds the advisory lock (lock_numbering), which an earlier statement has taken.",
	text: `
		WITH last AS MATERIALIZED (
			SELECT coalesce(max(seq), 0) AS seq FROM changes
		), clock AS MATERIALIZED (
			SELECT greatest(clock_timestamp(), (SELECT numbered_at FROM changes WHERE seq = (SELECT seq FROM last))) AS at
		), numbered AS MATERIALIZED (
			SELECT id, row_number() OVER (ORDER BY id) AS nth
			FROM (SELECT id FROM changes WHERE seq IS NULL ORDER BY id LIMIT @limit) AS unnumbered
		), updated AS (
			UPDATE changes c
			SET seq = last.seq + numbered.nth, numbered_at = clock.at
			FROM numbered, last, clock
			WHERE c.id = numbered.id
			RETURNING 1
		)
		SELECT count(*) FROM updated`,
})

// NumberChanges gives changes that are committed their places in the feed, and
// reports whether there may be more. Changes are numbered by those who read them
// and by the scheduler; any number of them can do it at once.
func (db *DB) NumberChanges(ctx context.Context) (more bool, err error) {
	var waiting bool
	if err := db.get(ctx, &waiting, hasUnnumbered, args{}); err != nil {
		return false, fmt.Errorf("looking for new changes: %w", err)
	}
	if !waiting {
		return false, nil
	}
	var n int
	err = db.InRetriedTx(ctx, func(t *Tx) error {
		if _, err := t.exec(ctx, lockNumbering, args{}); err != nil {
			return err
		}
		return t.get(ctx, &n, numberChanges, args{"limit": changeBatch})
	})
	if err != nil {
		return false, fmt.Errorf("numbering changes: %w", err)
	}
	return n == changeBatch, nil
}

// ChangesNow numbers the changes that are committed and returns the position
// after them.
func (db *DB) ChangesNow(ctx context.Context) (ChangeCursor, error) {
	for more := true; more; {
		var err error
		if more, err = db.NumberChanges(ctx); err != nil {
			return ChangeCursor{}, err
		}
	}
	newest, err := db.newestChange(ctx)
	return ChangeCursor{Seq: newest + 1}, err
}

var selectNewestChange = newStatement(statement{
	name:    "select_newest_change",
	does:    "Reads how many rows of changes have a place in the feed.",
	returns: "The number of the last row, 0 if there is none.",
	text:    `SELECT coalesce(max(seq), 0) FROM changes`,
})

func (db *DB) newestChange(ctx context.Context) (int64, error) {
	var seq int64
	if err := db.get(ctx, &seq, selectNewestChange, args{}); err != nil {
		return 0, fmt.Errorf("reading the number of the newest change: %w", err)
	}
	return seq, nil
}

var selectChangesSince = newStatement(statement{
	name:    "select_changes_since",
	does:    "Finds the first change that was numbered at an instant or later, and so every change from the instant on.",
	given:   "@since.",
	returns: "Its number, null if there is none; and whether the instant is in the future.",
	text: `
		SELECT
			(SELECT seq FROM changes WHERE numbered_at >= @since ORDER BY numbered_at, seq LIMIT 1) AS seq,
			@since::timestamptz > clock_timestamp() AS future`,
})

// ErrFuture is returned for an instant that is in the future.
var ErrFuture = errors.New("the time is in the future")

// ChangesSince returns a position before every change that happened at an
// instant or later. A few earlier changes can follow it too. It returns ErrFuture
// for an instant in the future.
func (db *DB) ChangesSince(ctx context.Context, since time.Time) (ChangeCursor, error) {
	now, err := db.ChangesNow(ctx)
	if err != nil {
		return now, err
	}
	var found struct {
		Seq    *int64 `db:"seq"`
		Future bool   `db:"future"`
	}
	switch err := db.get(ctx, &found, selectChangesSince, args{"since": since}); {
	case err != nil:
		return now, fmt.Errorf("looking for the first change since %s: %w", since.Format(time.RFC3339Nano), err)
	case found.Future:
		return now, ErrFuture
	case found.Seq == nil:
		return now, nil
	}
	return ChangeCursor{Seq: *found.Seq}, nil
}

// A ChangeSpan is adjacent entries of one row of changes.
type ChangeSpan struct {
	Seq int64 `db:"seq"`
	Lo  int32 `db:"lo"` // the first position
	Hi  int32 `db:"hi"` // the position after the last one
}

// changeWindow is how many rows of changes one statement looks at.
const changeWindow = 5000

var selectChangeSpans = newStatement(statement{
	name: "select_change_spans",
	does: "Reads which entries the changes feed has in a part of it.",
	given: `The part: rows with numbers from @seq to below @end, and of row @seq only the positions from @position on.
		@kinds: only changes of these kinds (null: any). @account: only changes of SIMs that this account owns, before
		or after the change (0: any).`,
	returns: "The entries in the order of the feed, as ranges of positions in a row.",
	text: `
		SELECT c.seq, greatest(span.lo, CASE c.seq WHEN @seq THEN @position::int ELSE 0 END) AS lo, span.hi
		FROM changes c
		CROSS JOIN LATERAL (
			SELECT lower(r) AS lo, upper(r) AS hi
			FROM unnest(c.numbers) AS r
			UNION ALL
			SELECT 0, cardinality(c.sims)
			WHERE c.sims IS NOT NULL
		) span
		WHERE c.seq >= @seq
		  AND c.seq < @end
		  AND (c.seq > @seq OR span.hi > @position::int)
		  AND (@kinds::text[] IS NULL OR c.kind = ANY (@kinds::text[]))
		  AND (@account = 0 OR c.source = @account OR c.destination = @account)
		ORDER BY c.seq, span.lo`,
})

// ChangePlan is which entries a reader of the changes feed gets.
type ChangePlan struct {
	Spans []ChangeSpan
	Rows  int          // the number of entries
	Next  ChangeCursor // the position after them, and after what the filter has left out
	More  bool         // whether there may be more entries after that
}

// ErrNoSuchChange is returned for a position that the feed has not reached.
var ErrNoSuchChange = errors.New("the changes feed has not reached this position")

// maxChangeRows is the maximum number of rows of changes that one PlanChanges
// looks at, so that it takes a bounded time even if a filter selects none of them.
const maxChangeRows = 200 * changeWindow

// PlanChanges finds out which up to limit entries follow a position. It returns
// ErrNoSuchChange for a position that the feed has not reached. It numbers the
// changes that are committed if it needs them.
func (db *DB) PlanChanges(ctx context.Context, from ChangeCursor, f ChangeFilter, limit int) (ChangePlan, error) {
	plan := ChangePlan{Next: from}
	newest, err := db.newestChange(ctx)
	for looked := int64(0); err == nil && looked < maxChangeRows; {
		if plan.Next.Seq > newest {
			var waiting bool
			if waiting, err = db.NumberChanges(ctx); err != nil {
				break
			}
			was := newest
			if newest, err = db.newestChange(ctx); err == nil && newest == was && !waiting {
				break // at the end
			}
			continue
		}
		end := min(plan.Next.Seq+changeWindow, newest+1)
		looked += end - plan.Next.Seq
		var spans []ChangeSpan
		if err = db.list(ctx, &spans, selectChangeSpans, args{
			"seq": plan.Next.Seq, "position": plan.Next.Position, "end": end, "kinds": textArray(f.Kinds), "account": f.Account,
		}); err != nil {
			break
		}
		plan.Next = ChangeCursor{Seq: end}
		if plan.add(spans, limit) {
			break
		}
	}
	if err != nil {
		return plan, fmt.Errorf("looking for changes from number %d on: %w", from.Seq, err)
	}
	if from.Seq > newest+1 || from.Seq == newest+1 && from.Position > 0 {
		return plan, ErrNoSuchChange
	}
	plan.More = plan.Next.Seq <= newest
	if !plan.More && plan.Rows == limit { // it has not been looked whether there are rows without numbers
		if err := db.get(ctx, &plan.More, hasUnnumbered, args{}); err != nil {
			return plan, fmt.Errorf("looking for changes after number %d: %w", newest, err)
		}
	}
	return plan, nil
}

// add adds spans up to a number of entries, and reports whether that is reached.
func (p *ChangePlan) add(spans []ChangeSpan, limit int) (full bool) {
	for i, s := range spans {
		n := min(s.Hi-s.Lo, int32(limit-p.Rows))
		p.Spans = append(p.Spans, ChangeSpan{s.Seq, s.Lo, s.Lo + n})
		p.Rows += int(n)
		if p.Rows < limit {
			continue
		}
		p.Next = ChangeCursor{s.Seq, s.Lo + n}
		if s.Lo+n == s.Hi && (i+1 == len(spans) || spans[i+1].Seq > s.Seq) {
			p.Next = ChangeCursor{Seq: s.Seq + 1} // the row is over
		}
		return true
	}
	return false
}

var selectChangeRows = newStatement(statement{
	name:     "select_change_rows",
	does:     "Reads what the entries of rows of the changes feed have in common.",
	given:    "The numbers of the rows (@seqs).",
	returns:  "A row for each.",
	prepared: true,
	text: `
		SELECT
			c.seq,
			c.kind,
			src.operator_id AS source,
			src.external_id AS source_external_id,
			dst.operator_id AS destination,
			dst.external_id AS destination_external_id,
			c.request,
			r.batch,
			r.ticket,
			r.reference AS request_reference
		FROM changes c
		JOIN accounts dst ON dst.id = c.destination
		LEFT JOIN accounts src ON src.id = c.source
		LEFT JOIN LATERAL (SELECT batch, ticket, reference FROM requests WHERE id = c.request OFFSET 0) r ON true
		WHERE c.seq = ANY(@seqs)`,
})

var selectChangeEntries = newStatement(statement{
	name: "select_change_entries",
	does: "Reads entries of the changes feed, without what the entries of a row have in common.",
	given: `Which ones: arrays with the numbers of the rows (@seqs) and the positions in them, from one (@los) to below
		another (@his).`,
	returns:  "The entries in the order of the feed.",
	prepared: true,
	// The two kinds of rows are read apart, and the planner may not look at one
	// before the other: OFFSET 0. Sorting the identifiers of each SIM would take as
	// long as a third of the statement.
	text: `
		WITH span AS MATERIALIZED (
			SELECT p.lo, p.hi, c.seq, c.at, c.kind, c.sims, c.request, c.before, c.after
			FROM unnest(@seqs::bigint[], @los::int[], @his::int[]) AS p (seq, lo, hi)
			JOIN changes c ON c.seq = p.seq
		), entry AS MATERIALIZED (
			SELECT c.seq, i - 1 AS position, c.sims[i] AS sim, NULL::int AS line, NULL::text AS reference, c.at,
				CASE c.kind WHEN 'created' THEN (c.after->'settings')::json END AS settings,
				CASE WHEN c.kind = 'swapped' AND i = 2 THEN c.sims[1] END AS old_card,
				CASE WHEN c.kind = 'swapped' AND i = 1 THEN c.sims[2] END AS new_card,
				c.before, c.after
			FROM span c
			CROSS JOIN LATERAL generate_series(c.lo + 1, c.hi) AS i
			WHERE c.request IS NULL
			UNION ALL
			SELECT c.seq, t.n, t.sim, t.line, t.reference, g.since, g.settings, NULL, NULL,
				CASE WHEN g.old_plan IS NOT NULL THEN jsonb_build_object('plan', g.old_plan) END,
				CASE WHEN g.old_plan IS NOT NULL THEN jsonb_build_object('plan', g.settings->>'plan') END
			FROM span c
			CROSS JOIN LATERAL (
				SELECT n, sim, line, reference
				FROM transfers
				WHERE request = c.request AND n >= c.lo AND n < c.hi
				OFFSET 0
			) t
			CROSS JOIN LATERAL (
				SELECT since, to_json(after) AS settings, CASE WHEN (before).plan <> (after).plan THEN (before).plan END AS old_plan
				FROM registrations
				WHERE sim = t.sim AND request = c.request AND n = t.n
				OFFSET 0
			) g
			WHERE c.request IS NOT NULL
		)
		SELECT
			e.seq,
			e.position,
			e.at,
			e.sim,
			s.iccid,
			i.imsis,
			i.msisdns,
			d.eid,
			d.external_id,
			e.before,
			e.after,
			(SELECT iccid FROM sims WHERE id = e.old_card) AS old_card,
			(SELECT iccid FROM sims WHERE id = e.new_card) AS new_card,
			e.line,
			e.reference,
			e.settings
		FROM entry e
		CROSS JOIN LATERAL (SELECT iccid FROM sims WHERE id = e.sim OFFSET 0) s
		LEFT JOIN LATERAL (SELECT eid, external_id FROM sim_details WHERE sim = e.sim OFFSET 0) d ON true
		LEFT JOIN LATERAL (
			SELECT
				string_agg(identifier, ' ') FILTER (WHERE kind = 'imsi') AS imsis,
				string_agg(identifier, ' ') FILTER (WHERE kind = 'msisdn') AS msisdns
			FROM identifiers
			WHERE sim = e.sim
			OFFSET 0
		) i ON true
		ORDER BY e.seq, e.position`,
})

// changeReaders is how many pages of a plan are read at a time, each on a connection
// of its own. One reader falls behind a batch that runs at the same time, because
// the work of the batch has several connections. All plans together use two fifths of
// the connections.
const changeReaders = 4

// ChangeEntries reads the entries of a plan, up to size of them at a time, and
// calls each with every page in the order of the feed, while it reads the next ones.
// It stops at the first error.
func (db *DB) ChangeEntries(ctx context.Context, p ChangePlan, size int, each func([]ChangeEntry) error) (err error) {
	readers, ctx := errgroup.WithContext(ctx)
	readers.SetLimit(1 + changeReaders)
	ctx, stop := context.WithCancel(ctx)
	defer func() { // nothing reads on after the return
		stop()
		if failed := readers.Wait(); failed != nil && (err == nil || errors.Is(err, context.Canceled)) {
			err = failed
		}
	}()
	pages := make(chan (<-chan []ChangeEntry), changeReaders-1)
	readers.Go(func() error {
		defer close(pages)
		for rest := p.Spans; len(rest) > 0; {
			part := ChangePlan{}
			part.add(rest, size)
			rest = after(rest, part.Spans)
			page := make(chan []ChangeEntry, 1)
			select {
			case pages <- page:
			case <-ctx.Done():
				return ctx.Err()
			}
			readers.Go(func() error {
				entries, err := db.changeEntries(ctx, part)
				if err == nil {
					page <- entries
				}
				return err
			})
		}
		return nil
	})
	for page := range pages {
		select {
		case entries := <-page:
			if err := each(entries); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return ctx.Err()
}

// after returns what is left of spans after a part at their beginning.
func after(spans, part []ChangeSpan) []ChangeSpan {
	last := part[len(part)-1]
	rest := spans[len(part)-1:]
	if last.Hi == rest[0].Hi {
		return rest[1:]
	}
	return append([]ChangeSpan{{last.Seq, last.Hi, rest[0].Hi}}, rest[1:]...)
}

func (db *DB) changeEntries(ctx context.Context, p ChangePlan) ([]ChangeEntry, error) {
	select {
	case db.changePages <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-db.changePages }()
	seqs, los, his := make([]int64, len(p.Spans)), make([]int32, len(p.Spans)), make([]int32, len(p.Spans))
	for i, s := range p.Spans {
		seqs[i], los[i], his[i] = s.Seq, s.Lo, s.Hi
	}
	rows, err := db.changeRows(ctx, slices.Compact(slices.Clone(seqs)))
	if err != nil {
		return nil, err
	}
	entries := make([]ChangeEntry, 0, p.Rows)
	if err := db.list(ctx, &entries, selectChangeEntries, args{"seqs": pq.Array(seqs), "los": pq.Array(los), "his": pq.Array(his)}); err != nil {
		return nil, fmt.Errorf("reading %d changes: %w", p.Rows, err)
	}
	if len(entries) != p.Rows {
		return nil, fmt.Errorf("reading changes: there are %d of %d entries from number %d on; run simtransfer check", len(entries), p.Rows, seqs[0])
	}
	for i := range entries {
		e := &entries[i]
		if e.ChangeRow = rows[e.Seq]; e.ChangeRow == nil {
			return nil, fmt.Errorf("reading changes: number %d has no accounts; run simtransfer check", e.Seq)
		}
		slices.Sort(e.IMSIs)
		slices.Sort(e.MSISDNs)
	}
	return entries, nil
}

// changeRows reads rows of the feed by their numbers.
func (db *DB) changeRows(ctx context.Context, seqs []int64) (map[int64]*ChangeRow, error) {
	var list []struct {
		Seq int64 `db:"seq"`
		ChangeRow
	}
	if err := db.list(ctx, &list, selectChangeRows, args{"seqs": pq.Array(seqs)}); err != nil {
		return nil, fmt.Errorf("reading %d rows of changes from number %d on: %w", len(seqs), seqs[0], err)
	}
	rows := make(map[int64]*ChangeRow, len(list))
	for i := range list {
		rows[list[i].Seq] = &list[i].ChangeRow
	}
	return rows, nil
}

// String returns the cursor as the API shows it.
func (c ChangeCursor) String() string { return fmt.Sprintf("%d-%d", c.Seq, c.Position) }

// ParseChangeCursor parses a cursor that String has written.
func ParseChangeCursor(text string) (ChangeCursor, error) {
	var c ChangeCursor
	if n, err := fmt.Sscanf(text, "%d-%d", &c.Seq, &c.Position); err != nil || n != 2 || c.Seq < 1 || c.Position < 0 || c.String() != text {
		return c, fmt.Errorf("%q is not a position in the changes feed", text)
	}
	return c, nil
}

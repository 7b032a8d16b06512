package storage

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/lib/pq"

	"simtransfer/transfer"
)

// SelectedSIMs are SIMs in the order of their selection. Element i of Lines is the
// place of the SIM of element i of Identifiers: in a list, counted from 1, or among
// the SIMs that a filter selects.
type SelectedSIMs struct {
	Lines       []int
	Identifiers []transfer.Identifier
}

// Len returns the number of SIMs.
func (s *SelectedSIMs) Len() int { return len(s.Identifiers) }

// All yields the SIMs with their lines.
func (s *SelectedSIMs) All() iter.Seq2[int, transfer.Identifier] {
	return func(yield func(int, transfer.Identifier) bool) {
		for i, id := range s.Identifiers {
			if !yield(s.Lines[i], id) {
				return
			}
		}
	}
}

func (s *SelectedSIMs) add(line int, id transfer.Identifier) {
	s.Lines, s.Identifiers = append(s.Lines, line), append(s.Identifiers, id)
}

// Part returns the SIMs from one index to below another.
func (s *SelectedSIMs) Part(from, to int) SelectedSIMs {
	return SelectedSIMs{s.Lines[from:to], s.Identifiers[from:to]}
}

// NothingSelectedError means that a filter, or the range at a place in a list,
// selects no SIM.
type NothingSelectedError struct {
	Line      int                  // of the range, counted from 1; 0: the filter
	Range     string               // empty for the filter
	Unmatched []UnmatchedCondition // of the filter: those that no SIM of the account matches, whatever the others are
}

// UnmatchedCondition is a value in a filter that no SIM of the account has.
type UnmatchedCondition struct {
	Field string `db:"field"` // plan, group or tag
	Value string `db:"value"`
}

func (c UnmatchedCondition) String() string {
	what := map[string]string{"plan": "on the plan", "group": "in the group", "tag": "with the tag"}[c.Field]
	return fmt.Sprintf("the account has no SIM %s %q", what, c.Value)
}

func (e *NothingSelectedError) Error() string {
	switch {
	case e.Range != "":
		return fmt.Sprintf("the account has no SIM in the range %s: correct the range, or remove it", e.Range)
	case len(e.Unmatched) > 0:
		return e.Unmatched[0].String() + ": check how it is spelled in the inventory"
	}
	return "the account has no SIM that matches the filter: list SIMs with the same filter to see what matches, and change it"
}

// UnknownLotError means that an account has no SIM of a lot.
type UnknownLotError struct{ Lots []string }

func (e *UnknownLotError) Error() string {
	return fmt.Sprintf("the account has no SIM of the lot %q: check how the order or box is called in the inventory", e.Lots[0])
}

// SelectionTooLargeError means that more SIMs are selected than possible.
type SelectionTooLargeError struct{ Selected, Max int } // Selected is 0 if it was not counted

func (e *SelectionTooLargeError) Error() string {
	n := fmt.Sprintf("more than %d", e.Max)
	if e.Selected > e.Max {
		n = fmt.Sprint(e.Selected)
	}
	remedy := "create a batch from the selection, which makes several requests, or narrow the selection"
	if e.Max > transfer.MaxRequestSIMs {
		remedy = "narrow the selection, and make several calls"
	}
	return fmt.Sprintf("nothing was changed: %s SIMs are selected, and %d are possible: %s", n, e.Max, remedy)
}

var selectListedSIMs = newStatement(statement{
	name: "select_listed_sims",
	does: "Finds the SIMs of an account that a list names by EIDs and by ranges of ICCIDs.",
	given: `@account (0: any). The @eids and their places in the list, @eid_lines. The ends of the ranges, @firsts and @lasts, whether only
		ICCIDs as they are stored are in them, @stored, and their places, @range_lines. The maximum number of rows: @limit.`,
	returns: "The place, the id and the ICCID of each SIM, by place and ICCID.",
	text: `
		SELECT e.line, s.id, s.iccid
		FROM unnest(@eids::text[], @eid_lines::int[]) AS e (eid, line)
		JOIN sim_details d ON d.eid = e.eid
		JOIN sims s ON s.id = d.sim
		WHERE (@account = 0 OR s.account = @account)
		  AND NOT EXISTS (SELECT 1 FROM retired_sims WHERE sim = s.id)
		UNION
		SELECT r.line, s.id, s.iccid
		FROM unnest(@firsts::text[], @lasts::text[], @stored::boolean[], @range_lines::int[]) AS r (first, last, stored, line)
		JOIN identifiers i ON ` + formInRangeSQL + `
		JOIN sims s ON s.id = i.sim AND (NOT r.stored OR i.identifier = s.iccid)
		WHERE (@account = 0 OR s.account = @account)
		ORDER BY line, iccid
		LIMIT @limit`,
})

// ListedSIMs returns the SIMs that a list names: each entry that names one SIM as
// it is, even if there is no such SIM, and for EIDs and ranges the ICCIDs of the
// SIMs of the account (0: any). An EID of which it has no SIM stays as it is. It
// returns a *NothingSelectedError for a range without a SIM, and a
// *SelectionTooLargeError for more than limit SIMs.
func (t *Tx) ListedSIMs(ctx context.Context, account int64, list []transfer.SIMRef, limit int) (SelectedSIMs, error) {
	return listedSIMs(ctx, t, account, list, limit)
}

// ListedSIMs is Tx.ListedSIMs outside of a transaction.
func (db *DB) ListedSIMs(ctx context.Context, account int64, list []transfer.SIMRef, limit int) (SelectedSIMs, error) {
	return listedSIMs(ctx, db, account, list, limit)
}

// FoundSIM is a SIM that an entry of a list names.
type FoundSIM struct {
	Line  int    `db:"line"` // the place of the entry, counted from 1
	ID    int64  `db:"id"`
	ICCID string `db:"iccid"`
}

var selectNamedSIMs = newStatement(statement{
	name:    "select_named_sims",
	does:    "Finds the SIMs of an account that identifiers name.",
	given:   "@account (0: any), the @identifiers and their places in a list, @lines.",
	returns: "The place, the id and the ICCID of each SIM, by place.",
	text: `
		SELECT u.line, s.id, s.iccid
		FROM unnest(@identifiers::text[], @lines::int[]) AS u (identifier, line)
		JOIN identifiers i USING (identifier)
		JOIN sims s ON s.id = i.sim
		WHERE (@account = 0 OR s.account = @account)
		ORDER BY u.line`,
})

// LookUpSIMs returns the SIMs of an account (0: any) that a list names, by their
// places in it. An entry that names no SIM of the account is left out. A SIM that
// several entries name is returned for each. It returns a *SelectionTooLargeError
// if EIDs and ranges name more than limit SIMs.
func (db *DB) LookUpSIMs(ctx context.Context, account int64, list []transfer.SIMRef, limit int) ([]FoundSIM, error) {
	var identifiers pq.StringArray
	var lines []int64
	for i, ref := range list {
		if ref.One() {
			identifiers, lines = append(identifiers, ref.ID.String()), append(lines, int64(i+1))
		}
	}
	found, err := listedGroups(ctx, db, account, list, limit)
	if err != nil || len(identifiers) == 0 {
		return found, err
	}
	var named []FoundSIM
	if err := db.list(ctx, &named, selectNamedSIMs, args{"account": account, "identifiers": identifiers, "lines": pq.Array(lines)}); err != nil {
		return nil, fmt.Errorf("looking up %d identifiers: %w", len(identifiers), err)
	}
	found = append(found, named...)
	slices.SortStableFunc(found, func(a, b FoundSIM) int { return a.Line - b.Line })
	return found, nil
}

func listedSIMs(ctx context.Context, q querier, account int64, list []transfer.SIMRef, limit int) (SelectedSIMs, error) {
	found, err := listedGroups(ctx, q, account, list, limit)
	if err != nil {
		return SelectedSIMs{}, err
	}
	selected := SelectedSIMs{make([]int, 0, len(list)+len(found)), make([]transfer.Identifier, 0, len(list)+len(found))}
	for i, ref := range list {
		before := selected.Len()
		for ; len(found) > 0 && found[0].Line == i+1; found = found[1:] {
			id, err := transfer.ParseICCID(found[0].ICCID)
			if err != nil {
				return SelectedSIMs{}, fmt.Errorf("reading a stored ICCID: %w", err)
			}
			selected.add(i+1, id)
		}
		switch {
		case selected.Len() > before:
		case ref.Name() == transfer.Identifier{}:
			return SelectedSIMs{}, &NothingSelectedError{Line: i + 1, Range: ref.String()}
		default:
			selected.add(i+1, ref.Name())
		}
	}
	if selected.Len() > limit {
		return SelectedSIMs{}, &SelectionTooLargeError{selected.Len(), limit}
	}
	return selected, nil
}

var selectFilteredSIMs = newStatement(statement{
	name:    "select_filtered_sims",
	does:    "Selects SIMs by a filter.",
	given:   simFilterGiven + `; @after: only SIMs with a greater id; @limit: maximum number of rows.`,
	returns: "The id and the ICCID of each SIM, by id.",
	text: `
		SELECT s.id, s.iccid
		FROM sims s
		LEFT JOIN sim_details d ON d.sim = s.id
		WHERE ` + indent(2, simFilterSQL) + `
		  AND s.id > @after
		ORDER BY s.id
		LIMIT @limit`,
})

// listedGroups returns the SIMs of an account (0: any) that the EIDs and the ranges
// of a list name, by their places. It returns a *SelectionTooLargeError for more
// than limit SIMs.
func listedGroups(ctx context.Context, q querier, account int64, list []transfer.SIMRef, limit int) ([]FoundSIM, error) {
	var eids pq.StringArray
	var eidLines []int64
	var ranges rangeArgs
	for i, ref := range list {
		switch {
		case ref.One():
		case ref.EID != "":
			eids, eidLines = append(eids, ref.EID), append(eidLines, int64(i+1))
		default:
			ranges.add(i+1, ref.Range)
		}
	}
	if len(eids)+len(ranges.firsts) == 0 {
		return nil, nil
	}
	var found []FoundSIM
	if err := q.list(ctx, &found, selectListedSIMs, args{
		"account": account, "eids": eids, "eid_lines": pq.Array(eidLines),
		"firsts": ranges.firsts, "lasts": ranges.lasts, "stored": ranges.stored, "range_lines": ranges.lines, "limit": limit + 1,
	}); err != nil {
		return nil, fmt.Errorf("looking up %d EIDs and %d ranges: %w", len(eids), len(ranges.firsts), err)
	}
	if len(found) > limit {
		return nil, &SelectionTooLargeError{Max: limit}
	}
	return found, nil
}

var countFilteredSIMs = newStatement(statement{
	name:    "count_filtered_sims",
	does:    "Counts the SIMs that match a filter, up to a limit.",
	given:   simFilterGiven + `; @limit: the highest number to return (null: any).`,
	returns: "Their number, or the limit if there are more.",
	text: `
		SELECT count(*)
		FROM (
			SELECT 1
			FROM sims s
			LEFT JOIN sim_details d ON d.sim = s.id
			WHERE ` + indent(3, simFilterSQL) + `
			LIMIT @limit
		) found`,
})

// CountSIMs returns how many SIMs match a filter, but at most limit, unless that
// is 0.
func (db *DB) CountSIMs(ctx context.Context, f SIMFilter, limit int) (int, error) {
	filter, err := f.search(ctx, db)
	if err != nil {
		return 0, err
	}
	var most *int
	if limit > 0 {
		most = &limit
	}
	var n int
	if err := db.get(ctx, &n, countFilteredSIMs, filter.with(args{"limit": most})); err != nil {
		return 0, fmt.Errorf("counting SIMs: %w", err)
	}
	return n, nil
}

var selectUnknownLots = newStatement(statement{
	name:    "select_unknown_lots",
	does:    "Finds lots of which an account has no SIM.",
	given:   "@account (0: any) and the @lots.",
	returns: "The lots in an array.",
	text: `
		SELECT coalesce(array_agg(lot), '{}')
		FROM unnest(@lots::text[]) AS u (lot)
		WHERE NOT EXISTS (
			SELECT 1
			FROM sim_details d
			JOIN sims s ON s.id = d.sim
			WHERE d.lot = u.lot
			  AND (@account = 0 OR s.account = @account)
			  AND NOT EXISTS (SELECT 1 FROM retired_sims WHERE sim = s.id)
		)`,
})

var selectUnmatchedConditions = newStatement(statement{
	name:    "select_unmatched_conditions",
	does:    "Finds plans, groups and tags that no SIM of an account has, among the first values of a filter.",
	given:   "@account (0: any), the @plans, the @groups and the @tags, each name=value, or only a name for any value. The maximum number of values to look at: @limit.",
	returns: "The values, each with its field.",
	text: `
		SELECT u.field, u.value
		FROM (
			SELECT 'plan' AS field, value FROM unnest(@plans::text[]) AS value
			UNION ALL
			SELECT 'group', value FROM unnest(@groups::text[]) AS value
			UNION ALL
			SELECT 'tag', value FROM unnest(@tags::text[]) AS value
			LIMIT @limit
		) u
		WHERE NOT EXISTS (
			SELECT 1
			FROM sims s
			WHERE (@account = 0 OR s.account = @account)
			  AND CASE
				WHEN u.field = 'plan' THEN s.plan = u.value
				WHEN u.field = 'group' THEN s.sim_group = u.value
				WHEN strpos(u.value, '=') = 0 THEN s.tags ? u.value
				ELSE s.tags ->> split_part(u.value, '=', 1) = substr(u.value, strpos(u.value, '=') + 1)
			  END
			  AND NOT EXISTS (SELECT 1 FROM retired_sims WHERE sim = s.id)
		)`,
})

// unmatchedValues is how many values of a filter that selects nothing are looked at:
// each can take as long as the search.
const unmatchedValues = 10

// nothingSelected returns the error for a filter that selects nothing.
func (f SIMFilter) nothingSelected(ctx context.Context, q querier) error {
	e := &NothingSelectedError{}
	if len(f.Plans)+len(f.Groups)+len(f.Tags) == 0 {
		return e
	}
	if err := q.list(ctx, &e.Unmatched, selectUnmatchedConditions, args{
		"account": f.Account, "plans": textArray(f.Plans), "groups": textArray(f.Groups), "tags": textArray(f.Tags), "limit": unmatchedValues,
	}); err != nil {
		return fmt.Errorf("looking for what no SIM matches: %w", err)
	}
	return e
}

// FilteredSIMs returns the SIMs that match a filter, in the order in which they
// were imported. It returns a *NothingSelectedError if there are none, an
// *UnknownLotError if the account has no SIM of one of the lots, and a
// *SelectionTooLargeError if there are more than limit.
//
// One statement selects up to selectionPage SIMs, and the next one those with
// greater ids. So a SIM is selected once, and one that is imported or transferred at
// the same time is either among them or not.
func (t *Tx) FilteredSIMs(ctx context.Context, f SIMFilter, limit int) (SelectedSIMs, error) {
	return filteredSIMs(ctx, t, f, limit)
}

// FilteredSIMs is Tx.FilteredSIMs outside of a transaction.
func (db *DB) FilteredSIMs(ctx context.Context, f SIMFilter, limit int) (SelectedSIMs, error) {
	return filteredSIMs(ctx, db, f, limit)
}

// selectionPage is the maximum number of SIMs that are read by one statement.
const selectionPage = transfer.MaxRequestSIMs + 1

func filteredSIMs(ctx context.Context, q querier, f SIMFilter, limit int) (SelectedSIMs, error) {
	if len(f.Lots) > 0 {
		var unknown pq.StringArray
		if err := q.get(ctx, &unknown, selectUnknownLots, args{"account": f.Account, "lots": textArray(f.Lots)}); err != nil {
			return SelectedSIMs{}, fmt.Errorf("looking for %d lots: %w", len(f.Lots), err)
		}
		if len(unknown) > 0 {
			return SelectedSIMs{}, &UnknownLotError{unknown}
		}
	}
	filter, err := f.search(ctx, q)
	if err != nil {
		return SelectedSIMs{}, err
	}
	var selected SelectedSIMs
	for after := int64(0); ; {
		var found []struct {
			ID    int64  `db:"id"`
			ICCID string `db:"iccid"`
		}
		page := min(selectionPage, limit+1-selected.Len())
		if err := q.list(ctx, &found, selectFilteredSIMs, filter.with(args{"after": after, "limit": page})); err != nil {
			return SelectedSIMs{}, fmt.Errorf("selecting SIMs by a filter: %w", err)
		}
		for _, s := range found {
			id, err := transfer.ParseICCID(s.ICCID)
			if err != nil {
				return SelectedSIMs{}, fmt.Errorf("reading the ICCID of SIM %d: %w", s.ID, err)
			}
			selected.add(selected.Len()+1, id)
			after = s.ID
		}
		switch {
		case selected.Len() > limit:
			tooLarge := &SelectionTooLargeError{Max: limit}
			if err := q.get(ctx, &tooLarge.Selected, countFilteredSIMs, filter.with(args{"limit": nil})); err != nil {
				return SelectedSIMs{}, fmt.Errorf("counting SIMs by a filter: %w", err)
			}
			return SelectedSIMs{}, tooLarge
		case selected.Len() == 0:
			return SelectedSIMs{}, f.nothingSelected(ctx, q)
		case len(found) < page:
			return selected, nil
		}
	}
}

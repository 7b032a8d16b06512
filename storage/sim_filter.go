package storage

import (
	"context"
	"database/sql/driver"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lib/pq"

	"simtransfer/transfer"
)

// SIMFilter selects SIMs; zero fields select all. A SIM matches if it matches
// every field, and a field if it matches one of its values.
type SIMFilter struct {
	Account     int64
	Statuses    []transfer.Status
	Plans       []string
	Groups      []string
	Tags        []string // each name=value, or only a name for any value; every name is a field of its own
	Lots        []string
	EIDs        []string
	ExternalIDs []string
	Prefixes    []string // the first digits of one of its identifiers, 6 or more
	Suffixes    []string // the last digits of one of its identifiers, 6 or more; an ICCID ends with its check digit or before it
	Ranges      []transfer.ICCIDRange
	Locked      *bool // whether the owner prevents transfers of the SIM; nil: either
}

// prefixMatchesSQL holds for an identifier i, which has at most 22 digits, that
// begins with the digits p.prefix.
const prefixMatchesSQL = `i.identifier BETWEEN p.prefix AND rpad(p.prefix, 22, '9')`

// suffixMatchesSQL holds for an identifier i that ends with the digits p.suffix, six or
// more. The index identifiers_last_digits has the expression of the first condition.
const suffixMatchesSQL = `right(i.identifier, 6) COLLATE "C" = right(p.suffix, 6) AND right(i.identifier, length(p.suffix)) = p.suffix`

// formInRangeSQL holds for an identifier i that is a form of an ICCID between
// r.first and r.last, which have the same length. Every ICCID is an identifier in
// both its forms, with and without check digit.
const formInRangeSQL = `i.identifier BETWEEN r.first AND r.last AND length(i.identifier) = length(r.first) AND i.kind = 'iccid'`

// inRangeSQL holds for an identifier i of a SIM s if the SIM is in the range r. Of
// a range that is r.stored, only ICCIDs as they are stored are in it.
const inRangeSQL = formInRangeSQL + ` AND (NOT r.stored OR i.identifier = s.iccid)`

// simFilterSQL is the condition of a SIMFilter on a SIM s with its details d.
const simFilterSQL = `(@account = 0 OR s.account = @account)
  AND (@statuses::text[] IS NULL OR s.status = ANY (@statuses::text[]))
  AND (@plans::text[] IS NULL OR s.plan = ANY (@plans::text[]))
  AND (@groups::text[] IS NULL OR s.sim_group = ANY (@groups::text[]))
  AND (@tags::jsonb IS NULL OR s.tags @> @tags::jsonb)
  AND (@tag_names::text[] IS NULL OR s.tags ?& @tag_names::text[])
  AND (@tag_choices::jsonb IS NULL OR NOT EXISTS (
	SELECT 1 FROM jsonb_each(@tag_choices::jsonb) AS c (name, choices) WHERE (c.choices ? (s.tags ->> c.name)) IS NOT TRUE
  ))
  AND (@locked::boolean IS NULL OR s.transfer_lock = @locked::boolean)
  AND (@lots::text[] IS NULL OR d.lot = ANY (@lots::text[]))
  AND (@eids::text[] IS NULL OR d.eid = ANY (@eids::text[]))
  AND (@external_ids::text[] IS NULL OR d.external_id = ANY (@external_ids::text[]))
  AND (@ids::bigint[] IS NULL OR s.id = ANY (@ids))
  AND (@prefixes::text[] IS NULL OR EXISTS (
	SELECT 1 FROM identifiers i JOIN unnest(@prefixes::text[]) AS p (prefix) ON ` + prefixMatchesSQL + ` WHERE i.sim = s.id
  ))
  AND (@suffixes::text[] IS NULL OR EXISTS (
	SELECT 1 FROM identifiers i JOIN unnest(@suffixes::text[]) AS p (suffix) ON ` + suffixMatchesSQL + ` WHERE i.sim = s.id
  ))
  AND (@firsts::text[] IS NULL OR EXISTS (
	SELECT 1
	FROM identifiers i
	JOIN unnest(@firsts::text[], @lasts::text[], @stored::boolean[]) AS r (first, last, stored) ON ` + inRangeSQL + `
	WHERE i.sim = s.id
  ))
  AND NOT EXISTS (SELECT 1 FROM retired_sims WHERE sim = s.id)`

// simFilterGiven describes the parameters of simFilterSQL.
const simFilterGiven = `@account (0: any); lists of which one value has to match (null: any): @statuses, @plans, @groups, @lots, @eids,
		@external_ids, @prefixes and @suffixes of identifiers, and @firsts and @lasts of ranges of ICCIDs, with @stored if only ICCIDs as they are stored are in them; @tags: tags that it has, @tag_names: names
		of tags that it has, and @tag_choices: an object with the possible values of each of its tags (null: any); @locked: whether they have the transfer lock (null: any); @ids: only these SIMs
		(null: any)`

// filterArgs are the arguments of simFilterSQL or requestConditions.
type filterArgs args

// with returns the arguments of a statement that contains simFilterSQL and has
// other parameters.
func (f filterArgs) with(others args) args {
	all := args(maps.Clone(f))
	maps.Copy(all, others)
	return all
}

// search returns the arguments of the filter for a search. It looks up the SIMs
// that match the suffixes, the ranges or the prefixes, if starting from them helps.
func (f SIMFilter) search(ctx context.Context, q querier) (filterArgs, error) {
	ids, err := f.fewSIMs(ctx, q)
	if err != nil {
		return nil, err
	}
	a := f.args()
	a["ids"] = ids
	return a, nil
}

// args returns the arguments of the filter for SIMs that are known already.
func (f SIMFilter) args() filterArgs {
	tags, names, choices := tagFilter(f.Tags)
	ranges := f.rangeArgs()
	return filterArgs{
		"account": f.Account, "statuses": textArray(f.Statuses), "plans": textArray(f.Plans), "groups": textArray(f.Groups),
		"tags": tags, "tag_names": names, "tag_choices": choices,
		"lots": textArray(f.Lots), "eids": textArray(f.EIDs), "external_ids": textArray(f.ExternalIDs), "locked": f.Locked,
		"prefixes": textArray(f.Prefixes), "suffixes": textArray(f.Suffixes), "firsts": ranges.firsts, "lasts": ranges.lasts, "stored": ranges.stored, "ids": pq.Int64Array(nil),
	}
}

// rangeArgs are the arguments of inRangeSQL: nil if there are no ranges.
type rangeArgs struct {
	firsts, lasts pq.StringArray
	stored        pq.BoolArray
	lines         pq.Int64Array // of add
}

// add adds a range, and the same range without check digits for the ICCIDs that are
// stored so.
func (a *rangeArgs) add(line int, r transfer.ICCIDRange) {
	a.addOne(line, r, false)
	if bare, ok := r.WithoutCheckDigits(); ok {
		a.addOne(line, bare, true)
	}
}

func (a *rangeArgs) addOne(line int, r transfer.ICCIDRange, stored bool) {
	a.firsts, a.lasts = append(a.firsts, r.First.String()), append(a.lasts, r.Last.String())
	a.stored, a.lines = append(a.stored, stored), append(a.lines, int64(line))
}

func (f SIMFilter) rangeArgs() (a rangeArgs) {
	for i, r := range f.Ranges {
		a.add(i, r)
	}
	return a
}

// tagFilter groups tags by their names: those with one value, nil for none; the
// names of those with any value; and those with several possible values, as an
// object of lists, nil for none.
func tagFilter(list []string) (tags *Tags, names pq.StringArray, choices tagChoices) {
	values, anyValue := map[string][]string{}, map[string]bool{}
	for _, text := range list {
		name, value, hasValue := strings.Cut(text, "=")
		if !hasValue {
			anyValue[name] = true
		} else if !slices.Contains(values[name], value) {
			values[name] = append(values[name], value)
		}
	}
	for name, possible := range values {
		switch {
		case anyValue[name]: // one of the choices is any value
		case len(possible) > 1:
			if choices == nil {
				choices = tagChoices{}
			}
			choices[name] = possible
		case tags == nil:
			tags = &Tags{name: possible[0]}
		default:
			(*tags)[name] = possible[0]
		}
	}
	for _, name := range slices.Sorted(maps.Keys(anyValue)) {
		names = append(names, name)
	}
	return tags, names, choices
}

// tagChoices are the possible values of tags; nil is null.
type tagChoices map[string][]string

// Value implements driver.Valuer.
func (c tagChoices) Value() (driver.Value, error) {
	if c == nil {
		return nil, nil
	}
	return jsonValue(c)
}

// maxFewSIMs is the number of SIMs up to which a filter starts from those that have
// a suffix or a prefix, or are in a range.
const maxFewSIMs = 50000

var selectSIMsWithPrefix = newStatement(statement{
	name:    "select_sims_with_prefix",
	does:    "Looks up the SIMs that have an identifier with one of some prefixes.",
	given:   "@prefixes: first digits; @limit: maximum number of identifiers.",
	returns: "The ids of the SIMs in an array.",
	text: `
		SELECT coalesce(array_agg(sim), '{}')
		FROM (
			SELECT i.sim
			FROM unnest(@prefixes::text[]) AS p (prefix)
			JOIN identifiers i ON ` + prefixMatchesSQL + `
			LIMIT @limit
		) found`,
})

var selectSIMsWithSuffix = newStatement(statement{
	name:    "select_sims_with_suffix",
	does:    "Looks up the SIMs that have an identifier with one of some suffixes.",
	given:   "@suffixes: last digits, six or more; @limit: maximum number of identifiers.",
	returns: "The ids of the SIMs in an array.",
	text: `
		SELECT coalesce(array_agg(sim), '{}')
		FROM (
			SELECT i.sim
			FROM unnest(@suffixes::text[]) AS p (suffix)
			-- The limit keeps PostgreSQL from reading all identifiers to join them.
			CROSS JOIN LATERAL (SELECT i.sim FROM identifiers i WHERE ` + suffixMatchesSQL + ` LIMIT @limit) i
			LIMIT @limit
		) found`,
})

var selectSIMsInRanges = newStatement(statement{
	name:    "select_sims_in_ranges",
	does:    "Looks up the SIMs that have a form of their ICCID in one of some ranges. It may find more than are in them.",
	given:   "@firsts and @lasts: the ends of each range; @limit: maximum number of SIMs.",
	returns: "The ids of the SIMs in an array.",
	text: `
		SELECT coalesce(array_agg(sim), '{}')
		FROM (
			SELECT i.sim
			FROM unnest(@firsts::text[], @lasts::text[]) AS r (first, last)
			JOIN identifiers i ON ` + formInRangeSQL + `
			LIMIT @limit
		) found`,
})

// fewSIMs returns the ids of the SIMs that match the suffixes, the ranges or the prefixes
// of the filter if there are at most maxFewSIMs, so that a search starts from them.
// Otherwise it returns nil: then a search that looks at SIM after SIM soon finds
// enough.
func (f SIMFilter) fewSIMs(ctx context.Context, q querier) (pq.Int64Array, error) {
	var ids pq.Int64Array
	if n := len(f.Suffixes); n > 0 {
		if err := q.get(ctx, &ids, selectSIMsWithSuffix, args{"suffixes": textArray(f.Suffixes), "limit": maxFewSIMs + 1}); err != nil {
			return nil, fmt.Errorf("looking for identifiers with %d suffixes: %w", n, err)
		}
		if len(ids) <= maxFewSIMs {
			return ids, nil
		}
	}
	if n := len(f.Ranges); n > 0 {
		ranges := f.rangeArgs()
		if err := q.get(ctx, &ids, selectSIMsInRanges, args{"firsts": ranges.firsts, "lasts": ranges.lasts, "limit": maxFewSIMs + 1}); err != nil {
			return nil, fmt.Errorf("looking for ICCIDs in %d ranges: %w", n, err)
		}
		if len(ids) <= maxFewSIMs {
			return ids, nil
		}
	}
	if n := len(f.Prefixes); n > 0 {
		if err := q.get(ctx, &ids, selectSIMsWithPrefix, args{"prefixes": textArray(f.Prefixes), "limit": maxFewSIMs + 1}); err != nil {
			return nil, fmt.Errorf("looking for identifiers with %d prefixes: %w", n, err)
		}
		if len(ids) <= maxFewSIMs {
			return ids, nil
		}
	}
	return nil, nil
}

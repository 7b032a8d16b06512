package storage

import (
	"context"
	"fmt"
	"slices"

	"github.com/lib/pq"

	"simtransfer/transfer"
)

// Preview is what would become of one SIM in a request, or of all SIMs with the same
// outcome that are not listed one by one.
type Preview struct {
	N          int              `db:"n"` // index in the list, from 0; negative: the SIMs are not listed, and have no identifier, ICCID and status
	SIMs       int              `db:"sims"`
	Sessions   int              `db:"sessions"` // how many of them are eligible and have an open data session
	Identifier string           `db:"identifier"`
	ICCID      *string          `db:"iccid"`    // nil if the SIM is not the source's
	Status     *transfer.Status `db:"status"`   // nil if the SIM is not the source's
	Plan       *string          `db:"plan"`     // nil if the SIM is not the source's
	LandsOn    *string          `db:"lands_on"` // the plan after the transfer; nil if the SIM is not eligible
	Method     *transfer.Method `db:"method"`   // nil if the SIM is not eligible
	Reason     *transfer.Reason `db:"reason"`   // why the SIM is not eligible
	Fee        *int64           `db:"fee"`      // of each SIM, in minor units of the source's currency; nil if the schedule has none

	FeeEntry *int64 `db:"fee_entry"` // the entry that the fee is from; nil if the SIM needs no support
}

// This is judge_transfers without claims: where a claim would be made, o stands
// for it.
var previewTransfers = newStatement(statement{
	name:    "preview_transfers",
	does:    "Decides for SIMs whether they would be eligible, by the rules of package transfer.",
	given:   "@source and @destination: ids of accounts; @self_service_only; @identifiers of the SIMs; @items: which SIMs are listed: all, ineligible or none.",
	returns: "A row for each SIM that is listed, in the order of the identifiers, and a row for each outcome of the others.",
	text: `
WITH r AS MATERIALIZED (
	SELECT
		src.id AS source,
		src.currency,
		@self_service_only::boolean AS self_service_only,
		src.coverage <> dst.coverage AS crosses_coverage,
		dst.plans,
		mapped.landing,
		src.standing = 'open' AND dst.standing = 'open' AS accounts_open
	FROM accounts src
	CROSS JOIN accounts dst
	LEFT JOIN LATERAL (` + indent(1, planMappingSQL()) + `
	) mapped ON true
	WHERE src.id = @source AND dst.id = @destination
), fee AS MATERIALIZED (` + scheduledFee + `
), named AS (
	SELECT
		u.nth,
		u.identifier,
		i.sim,
		row_number() OVER (PARTITION BY i.sim ORDER BY u.nth) AS mention
	FROM unnest(@identifiers::text[]) WITH ORDINALITY AS u (identifier, nth)
	LEFT JOIN identifiers i USING (identifier)
), judged AS (
	SELECT
		named.nth,
		named.identifier,
		s.iccid,
		s.status,
		s.plan,
		` + landingPlanSQL("s.plan") + ` AS lands_on,
		s.account = r.source AS own,
		s.id AS sim,
		` + methodSQL + ` AS method,
		` + indent(2, reasonSQL(transfer.ValidationRules())) + ` AS reason
	FROM r
	CROSS JOIN named
	LEFT JOIN sims s ON s.id = named.sim
	-- o stands for the claim that would be made
	LEFT JOIN LATERAL (
		SELECT s.id AS sim
		WHERE named.mention = 1 AND NOT EXISTS (SELECT 1 FROM open_transfers held WHERE held.sim = s.id)
	) o ON true
), outcomes AS (
	SELECT
		CASE WHEN @items::text = 'all' OR @items::text = 'ineligible' AND reason IS NOT NULL THEN nth - 1 END AS listed,
		identifier,
		CASE WHEN own THEN iccid END AS iccid,
		CASE WHEN own THEN status END AS status,
		CASE WHEN own THEN plan END AS plan,
		CASE WHEN reason IS NULL THEN lands_on END AS lands_on,
		CASE WHEN reason IS NULL THEN method END AS method,
		reason,
		reason IS NULL AND EXISTS (SELECT 1 FROM radius.radacct a WHERE a.sim = judged.sim AND a.acctstoptime IS NULL) AS online,
		` + indent(2, quoteSQL("judged")) + ` AS fee,
		CASE WHEN reason IS NULL AND method = 'support_assisted' THEN (SELECT entry FROM fee) END AS fee_entry
	FROM judged
)
SELECT
	coalesce(listed, -1) AS n,
	count(*) AS sims,
	count(*) FILTER (WHERE online) AS sessions,
	coalesce(min(identifier) FILTER (WHERE listed IS NOT NULL), '') AS identifier,
	min(iccid) FILTER (WHERE listed IS NOT NULL) AS iccid,
	min(status) FILTER (WHERE listed IS NOT NULL) AS status,
	plan,
	lands_on,
	method,
	reason,
	fee,
	fee_entry
FROM outcomes
GROUP BY listed, plan, lands_on, method, reason, fee, fee_entry
ORDER BY listed`,
})

// PreviewRequest returns what would become of SIMs in requests that were
// validated now. items says which SIMs are listed one by one: all, ineligible or
// none; of the others, one row counts those with the same outcome. It writes and locks
// nothing, so the real requests may differ. One statement reads as many SIMs as a
// request can have.
func (db *DB) PreviewRequest(ctx context.Context, source, destination int64, selfServiceOnly bool, sims []transfer.Identifier, items string) ([]Preview, error) {
	list := []Preview{}
	before := 0 // SIMs of the parts before
	for part := range slices.Chunk(texts(sims), transfer.MaxRequestSIMs) {
		var rows []Preview
		if err := db.list(ctx, &rows, previewTransfers, args{
			"source": source, "destination": destination, "self_service_only": selfServiceOnly, "identifiers": pq.Array(part), "items": items,
		}); err != nil {
			return nil, fmt.Errorf("previewing %d SIMs: %w", len(sims), err)
		}
		for _, row := range rows {
			if row.N >= 0 {
				row.N += before
			}
			list = append(list, row)
		}
		before += len(part)
	}
	return list, nil
}

package storage

import (
	"context"
	"fmt"

	"github.com/lib/pq"

	"simtransfer/transfer"
)

// Preview is what would become of one SIM in a request.
type Preview struct {
	N          int              `db:"n"` // index in the list, from 0
	Identifier string           `db:"identifier"`
	ICCID      *string          `db:"iccid"`    // nil if the SIM is not the source's
	Status     *transfer.Status `db:"status"`   // nil if the SIM is not the source's
	Plan       *string          `db:"plan"`     // nil if the SIM is not the source's
	LandsOn    *string          `db:"lands_on"` // the plan after the transfer; nil if the SIM is not eligible
	Method     *transfer.Method `db:"method"`   // nil if the SIM is not eligible
	Reason     *transfer.Reason `db:"reason"`   // why the SIM is not eligible
	Fee        *int64           `db:"fee"`      // in minor units of the source's currency; nil if the schedule has none

	FeeEntry *int64 `db:"fee_entry"` // the entry that the fee is from; nil if the SIM needs no support
}

// This is judge_transfers without claims: where a claim would be made, o stands
// for it.
var previewTransfers = newStatement(statement{
	name:    "preview_transfers",
	does:    "Decides for SIMs whether they would be eligible, by the rules of package transfer.",
	given:   "@source and @destination: ids of accounts; @self_service_only; @identifiers of the SIMs.",
	returns: "A row per identifier, in the same order.",
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
)
SELECT
	nth - 1 AS n,
	identifier,
	CASE WHEN own THEN iccid END AS iccid,
	CASE WHEN own THEN status END AS status,
	CASE WHEN own THEN plan END AS plan,
	CASE WHEN reason IS NULL THEN lands_on END AS lands_on,
	CASE WHEN reason IS NULL THEN method END AS method,
	reason,
	` + indent(1, quoteSQL("judged")) + ` AS fee,
	CASE WHEN reason IS NULL AND method = 'support_assisted' THEN (SELECT entry FROM fee) END AS fee_entry
FROM judged
ORDER BY nth`,
})

// PreviewRequest returns what would become of SIMs in a request that was
// validated now. It writes and locks nothing, so the real request may differ.
func (db *DB) PreviewRequest(ctx context.Context, source, destination int64, selfServiceOnly bool, sims []transfer.Identifier) ([]Preview, error) {
	identifiers := make([]string, len(sims))
	for i, id := range sims {
		identifiers[i] = id.String()
	}
	list := []Preview{}
	if err := db.list(ctx, &list, previewTransfers, args{
		"source": source, "destination": destination, "self_service_only": selfServiceOnly, "identifiers": pq.Array(identifiers),
	}); err != nil {
		return nil, fmt.Errorf("previewing %d SIMs: %w", len(sims), err)
	}
	return list, nil
}

package storage

import (
	"context"
	"fmt"

	"github.com/lib/pq"

	"simtransfer/transfer"
)

// Preview is what would become of one SIM in a request.
type Preview struct {
	N          int              `db:"n"` // its place in the list, from 0
	Identifier string           `db:"identifier"`
	ICCID      *string          `db:"iccid"`
	Status     *transfer.Status `db:"status"`
	Method     *transfer.Method `db:"method"` // null when it is not eligible
	Reason     *transfer.Reason `db:"reason"` // why it is not eligible
	Fee        *int64           `db:"fee"`    // in the source's currency, minor units; null when the schedule has none
}

// The rules as validation asks them, with any claim in place of the transfer's own.
func previewSQL() string {
	return `
WITH r AS MATERIALIZED (
	SELECT
		src.id AS source,
		src.currency,
		$3::boolean AS self_service_only,
		src.coverage <> dst.coverage AS crosses_coverage,
		src.standing = 'open' AND dst.standing = 'open' AS accounts_open
	FROM accounts src, accounts dst
	WHERE src.id = $1 AND dst.id = $2
), fee AS MATERIALIZED (` + currentFeeSQL + `
), named AS (
	SELECT
		u.nth,
		u.identifier,
		i.sim,
		row_number() OVER (PARTITION BY i.sim ORDER BY u.nth) AS mention
	FROM unnest($4::text[]) WITH ORDINALITY AS u (identifier, nth)
	LEFT JOIN identifiers i USING (identifier)
), judged AS (
	SELECT
		named.nth,
		named.identifier,
		s.iccid,
		s.status,
		s.account = r.source AS own,
		` + methodSQL + ` AS method,
		` + indent(2, reasonSQL(transfer.ValidationRules())) + ` AS reason
	FROM r
	CROSS JOIN named
	LEFT JOIN sims s ON s.id = named.sim
	-- o stands for the claim that the SIM would get
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
	CASE WHEN reason IS NULL THEN method END AS method,
	reason,
	` + indent(1, quoteSQL("judged")) + ` AS fee
FROM judged
ORDER BY nth`
}

// PreviewRequest says what would become of SIMs if a request for them were
// validated now. It writes and locks nothing, so it promises nothing either.
func (db *DB) PreviewRequest(ctx context.Context, source, destination int64, selfServiceOnly bool, sims []transfer.Identifier) ([]Preview, error) {
	identifiers := make([]string, len(sims))
	for i, id := range sims {
		identifiers[i] = id.String()
	}
	list := []Preview{}
	if err := db.pool.SelectContext(ctx, &list, previewSQL(), source, destination, selfServiceOnly, pq.Array(identifiers)); err != nil {
		return nil, fmt.Errorf("previewing %d SIMs: %w", len(sims), err)
	}
	return list, nil
}

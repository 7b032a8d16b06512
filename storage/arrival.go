package storage

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

// Arrival is what a SIM will be like when it arrives at the destination of a
// request, as far as the destination may know before it owns the SIM.
type Arrival struct {
	Plan     string            `json:"plan"`
	Monthly  *int64            `json:"monthly"`  // what the plan costs a month, in minor units; nil if it has no price in the currency
	Currency transfer.Currency `json:"currency"` // of the destination
	Online   bool              `json:"online"`   // the SIM has a data session, which the transfer drops
	Settings SIMSettings       `json:"settings"`
}

// Scan implements sql.Scanner for a jsonb column.
func (a *Arrival) Scan(src any) error { return scanJSON(src, a) }

// arrivingRequests selects the requests that which selects, with what is needed to tell
// how their SIMs arrive: the landing profile that holds or, before the
// destination accepts, the landing profile of its account and the mapping of plans
// that would hold.
func arrivingRequests(which string) string {
	return `
	SELECT
		r.id,
		dst.currency,
		CASE
			WHEN r.landing IS NULL AND r.state IN ('validating', 'in_review', 'awaiting_acceptance')
			THEN coalesce(dst.landing, '{}') || coalesce(mapped.landing, '{}')
			ELSE r.landing
		END AS landing
	FROM requests r
	JOIN accounts src ON src.id = r.source
	JOIN accounts dst ON dst.id = r.destination
	LEFT JOIN LATERAL (` + indent(1, planMappingSQL()) + `
	) mapped ON true
	WHERE ` + which
}

// openColumns are what is shown of the SIM s of a transfer t of the request r
// only while the transfer is open.
const openColumns = `
	CASE WHEN t.state = 'eligible' AND r.finished_at IS NULL THEN s.status END AS status,
	CASE WHEN t.state = 'eligible' AND r.finished_at IS NULL THEN s.plan END AS plan,
	coming.arrival`

// joinArrival joins the arrival of the SIM s of an open transfer t, from the rows
// of arrivingRequests. Settings of the source that the destination may not see
// have their defaults.
func joinArrival(arriving string) string {
	settings := make([]string, 0, len(transfer.Policy()))
	for _, s := range transfer.Policy() {
		old := "s." + s.Name
		if !s.Shown {
			old = settingDefault(s.Name)
		}
		settings = append(settings, "'"+s.Name+"', "+arrivingSQL(s, "t.method", old))
	}
	return `
LEFT JOIN LATERAL (
	SELECT jsonb_build_object(
		'plan', ` + landingPlanSQL("s.plan") + `,
		'monthly', (SELECT m.monthly FROM plan_prices m WHERE m.plan = ` + landingPlanSQL("s.plan") + ` AND m.currency = r.currency),
		'currency', r.currency,
		'online', EXISTS (SELECT 1 FROM radius.radacct a WHERE a.sim = t.sim AND a.acctstoptime IS NULL),
		'settings', jsonb_build_object(
			` + strings.Join(settings, ",\n\t\t\t") + `
		)
	) AS arrival
	FROM ` + arriving + ` r
	WHERE r.id = t.request AND t.state = 'eligible'
) coming ON true`
}

// MonthlyTotal is what the plans of the open SIMs of a request cost the
// destination a month.
type MonthlyTotal struct {
	Currency transfer.Currency `db:"currency"` // of the destination
	Monthly  int64             `db:"monthly"`  // in minor units
	Priced   int               `db:"priced"`   // SIMs whose plans have a price in the currency
	Unpriced int               `db:"unpriced"` // the others
}

var sumMonthly = newStatement(statement{
	name:    "sum_monthly",
	does:    "Adds up what the plans on which the open SIMs of a request land cost a month.",
	given:   "@request.",
	returns: "The sum in the currency of the destination, and how many SIMs have a price and how many have none.",
	text: `
WITH r AS MATERIALIZED (` + arrivingRequests("r.id = @request") + `
), held AS (
	SELECT s.plan, count(*) AS n
	FROM transfers t
	JOIN sims s ON s.id = t.sim
	WHERE t.request = @request AND t.state = 'eligible'
	GROUP BY s.plan
)
SELECT
	r.currency,
	coalesce(sum(held.n * m.monthly), 0)::bigint AS monthly,
	coalesce(sum(held.n) FILTER (WHERE m.monthly IS NOT NULL), 0) AS priced,
	coalesce(sum(held.n) FILTER (WHERE m.monthly IS NULL), 0) AS unpriced
FROM r
LEFT JOIN held ON true
LEFT JOIN plan_prices m ON m.plan = ` + landingPlanSQL("held.plan") + ` AND m.currency = r.currency
GROUP BY r.currency`,
})

// MonthlyTotal adds up what the plans of the open SIMs of a request cost the
// destination a month. It reads every SIM of the request.
func (db *DB) MonthlyTotal(ctx context.Context, request uuid.UUID) (MonthlyTotal, error) {
	return monthlyTotal(ctx, db, request)
}

// MonthlyTotal is DB.MonthlyTotal within the transaction.
func (t *Tx) MonthlyTotal(ctx context.Context, request uuid.UUID) (MonthlyTotal, error) {
	return monthlyTotal(ctx, t, request)
}

func monthlyTotal(ctx context.Context, q querier, request uuid.UUID) (MonthlyTotal, error) {
	var m MonthlyTotal
	if err := q.get(ctx, &m, sumMonthly, args{"request": request}); err != nil {
		return m, fmt.Errorf("adding up the monthly prices of request %s: %w", request, err)
	}
	return m, nil
}

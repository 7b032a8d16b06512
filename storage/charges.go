package storage

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

// The fee schedule, from which these fees are quoted, is in fees.go.

// insertCharges is SQL that charges the source of the request r for each SIM that a
// hand-over transfers: the effective fee that the verdict v has. A SIM that moves
// free of charge has no charge. If the fee is unknown, the statement fails, because
// the amount is not null. The primary key, request and n, keeps a transfer from being
// charged twice.
const insertCharges = `INSERT INTO charges (request, n, account, amount, currency)
SELECT r.id, v.n, r.source, v.fee, r.currency
FROM verdict v, r
WHERE v.outcome = 'completed' AND v.fee IS DISTINCT FROM 0`

// Charge is a fee that was charged.
type Charge struct {
	Request    uuid.UUID           `db:"request"`
	OperatorID transfer.OperatorID `db:"operator_id"` // of the account that pays
	AccountID  *string             `db:"account_external_id"`
	Amount     int64               `db:"amount"` // in the currency's minor unit
	Currency   transfer.Currency   `db:"currency"`
	ChargedAt  time.Time           `db:"charged_at"`
}

var selectCharges = newStatement(statement{
	name:    "select_charges",
	does:    "Lists the fees charged for transfers of a SIM, newest first.",
	given:   "@sim: the id of the SIM; @limit: maximum number of rows.",
	returns: "The charges.",
	text: `
		SELECT
			c.request,
			a.operator_id,
			a.external_id AS account_external_id,
			c.amount,
			c.currency,
			c.charged_at
		FROM transfers t
		JOIN charges c ON c.request = t.request AND c.n = t.n
		JOIN accounts a ON a.id = c.account
		WHERE t.identifier IN (` + everyIdentifierSQL + `) AND t.sim = @sim
		ORDER BY c.charged_at DESC
		LIMIT @limit`,
})

// ExportedCharge is a fee that was charged for a transfer.
type ExportedCharge struct {
	ChargedAt   time.Time           `db:"charged_at"`
	OperatorID  transfer.OperatorID `db:"operator_id"` // of the account that pays: the source
	Destination transfer.OperatorID `db:"destination"`
	Request     uuid.UUID           `db:"request"`
	Ticket      *string             `db:"ticket"`
	Line        int                 `db:"line"`
	Identifier  string              `db:"identifier"` // as submitted
	ICCID       string              `db:"iccid"`
	Method      transfer.Method     `db:"method"`
	Amount      int64               `db:"amount"` // in the currency's minor unit
	Currency    transfer.Currency   `db:"currency"`

	RequestReference *string `db:"request_reference"`
	Reference        *string `db:"reference"` // of the SIM in the request

	AccountID             *string `db:"account_external_id"`
	DestinationExternalID *string `db:"destination_external_id"`
}

// ChargeExport selects charges; zero fields select all.
type ChargeExport struct {
	Account  int64 // that pays
	Currency transfer.Currency
	Charged  Period
}

// Each charge has one row of each table that is joined. They are left joins so that
// countSQL, which does not need their columns, does not read them.
var selectExportedCharges = newStatement(statement{
	name:    "select_exported_charges",
	does:    "Reads the fees that were charged in a period, in the order of their requests and of submission.",
	given:   chargesOfPeriodGiven + ".",
	returns: "The charges with their transfers.",
	text: `
		SELECT
			c.charged_at,
			a.operator_id,
			a.external_id AS account_external_id,
			dst.operator_id AS destination,
			dst.external_id AS destination_external_id,
			c.request,
			r.ticket,
			r.reference AS request_reference,
			t.reference,
			t.line,
			t.identifier,
			s.iccid,
			t.method,
			c.amount,
			c.currency
		FROM charges c
		LEFT JOIN transfers t ON t.request = c.request AND t.n = c.n
		LEFT JOIN requests r ON r.id = c.request
		LEFT JOIN accounts a ON a.id = c.account
		LEFT JOIN accounts dst ON dst.id = r.destination
		LEFT JOIN sims s ON s.id = t.sim
		WHERE ` + chargesOfPeriod + `
		ORDER BY c.request, c.n`,
})

// ExportCharges opens an export of charges. limit is how long each statement may
// take.
func (db *DB) ExportCharges(ctx context.Context, limit time.Duration, f ChargeExport) (*Export[ExportedCharge], error) {
	e, err := openExport[ExportedCharge](ctx, db, limit, selectExportedCharges, args{
		"account": f.Account, "currency": f.Currency, "since": f.Charged.From, "until": f.Charged.To,
	})
	if err != nil {
		return nil, fmt.Errorf("exporting charges: %w", err)
	}
	return e, nil
}

// ChargeTotal is what transfers cost an account in a period, or all accounts with a
// currency.
type ChargeTotal struct {
	OperatorID transfer.OperatorID `db:"operator_id"` // empty for all accounts
	AccountID  *string             `db:"account_external_id"`
	Name       *string             `db:"name"`
	Currency   transfer.Currency   `db:"currency"`
	SIMs       int                 `db:"n"`
	Amount     int64               `db:"amount"` // in the currency's minor unit
}

const chargesOfPeriod = `(@account::bigint = 0 OR c.account = @account)
		  AND (@currency::text = '' OR c.currency = @currency)
		  AND (@since::timestamptz IS NULL OR c.charged_at >= @since)
		  AND (@until::timestamptz IS NULL OR c.charged_at < @until)`

const chargesOfPeriodGiven = `@account that pays (0: any); @currency (empty: any); @since and @until: the beginning and the end of the
		period (null: no limit)`

var selectChargeTotals = newStatement(statement{
	name:  "select_charge_totals",
	does:  "Adds up the fees that were charged in a period, to each account and for each currency, in one pass.",
	given: chargesOfPeriodGiven + `; @after: only accounts with a greater operator id; @limit: maximum number of accounts.`,
	returns: `The totals by currency, without an operator id, of all accounts that match; then those by operator id.
		An account has one currency.`,
	text: `
		WITH paid AS MATERIALIZED (
			SELECT c.account, c.currency, count(*) AS n, sum(c.amount) AS amount
			FROM charges c
			WHERE ` + chargesOfPeriod + `
			GROUP BY c.account, c.currency
		)
		SELECT '' AS operator_id, NULL AS account_external_id, NULL AS name, currency, sum(n)::bigint AS n, sum(amount)::bigint AS amount
		FROM paid
		GROUP BY currency
		UNION ALL
		(
			SELECT a.operator_id, a.external_id, a.name, p.currency, p.n, p.amount::bigint
			FROM paid p
			JOIN accounts a ON a.id = p.account
			WHERE a.operator_id > @after
			ORDER BY a.operator_id
			LIMIT @limit
		)
		ORDER BY operator_id, currency`,
})

// ChargeTotals adds up charges: for each account after one, up to a number of accounts,
// and of all accounts for each currency.
func (db *DB) ChargeTotals(ctx context.Context, f ChargeExport, after transfer.OperatorID, limit int) (accounts, currencies []ChargeTotal, err error) {
	list := []ChargeTotal{}
	if err := db.list(ctx, &list, selectChargeTotals, args{
		"account": f.Account, "currency": f.Currency, "since": f.Charged.From, "until": f.Charged.To, "after": after, "limit": limit,
	}); err != nil {
		return nil, nil, fmt.Errorf("adding up charges: %w", err)
	}
	n := 0
	for n < len(list) && list[n].OperatorID == "" {
		n++
	}
	return list[n:], list[:n], nil
}

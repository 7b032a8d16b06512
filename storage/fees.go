package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"simtransfer/transfer"
)

// Fee is an entry of the fee schedule: what the transfer of one SIM costs,
// from an instant on until the next entry of the same method and currency.
type Fee struct {
	Method    transfer.Method   `db:"method"`
	Currency  transfer.Currency `db:"currency"`
	ValidFrom time.Time         `db:"valid_from"`
	Amount    int64             `db:"amount"` // in the currency's minor unit
	Current   bool              `db:"current"`
}

const feeColumns = `
	f.method,
	f.currency,
	f.valid_from,
	f.amount,
	f.valid_from <= clock_timestamp() AND NOT EXISTS (
		SELECT 1
		FROM fees g
		WHERE g.method = f.method AND g.currency = f.currency
		  AND g.valid_from > f.valid_from AND g.valid_from <= clock_timestamp()
	) AS current`

// Fees lists the whole schedule, by method and currency, the newest entry
// first.
func (db *DB) Fees(ctx context.Context) ([]Fee, error) {
	list := []Fee{}
	err := db.pool.SelectContext(ctx, &list, `
		SELECT`+feeColumns+`
		FROM fees f
		ORDER BY f.method, f.currency, f.valid_from DESC`)
	if err != nil {
		return nil, fmt.Errorf("listing fees: %w", err)
	}
	return list, nil
}

// CreateFee adds an entry to the schedule; a zero ValidFrom is now. It returns
// ErrPast, or ErrExists when there is an entry for the same instant.
func (t *Tx) CreateFee(ctx context.Context, f Fee) (Fee, error) {
	var from *time.Time
	if !f.ValidFrom.IsZero() {
		from = &f.ValidFrom
		var past bool
		if err := t.rawGet(ctx, &past, `SELECT $1::timestamptz < clock_timestamp()`, from); err != nil {
			return f, fmt.Errorf("reading the clock: %w", err)
		}
		if past {
			return f, ErrPast
		}
	}
	var validFrom time.Time
	err := t.rawGet(ctx, &validFrom, `
		INSERT INTO fees (method, currency, valid_from, amount)
		VALUES ($1, $2, coalesce($3, clock_timestamp()), $4)
		ON CONFLICT DO NOTHING
		RETURNING valid_from`, f.Method, f.Currency, from, f.Amount)
	switch {
	case errors.Is(err, ErrNotFound):
		return f, ErrExists
	case err != nil:
		return f, fmt.Errorf("adding a fee: %w", err)
	}
	var made Fee
	if err := t.rawGet(ctx, &made, `
		SELECT`+feeColumns+`
		FROM fees f
		WHERE f.method = $1 AND f.currency = $2 AND f.valid_from = $3`, f.Method, f.Currency, validFrom); err != nil {
		return f, fmt.Errorf("reading a fee: %w", err)
	}
	return made, nil
}

// RequestFees are the fees of a request, in the minor unit of its source's
// currency.
type RequestFees struct {
	Quoted   int64 // of the SIMs that are still open
	Charged  int64 // posted so far
	Unquoted int   // open SIMs without a fee, because the schedule had none
}

// Fees are what the request has cost and may still cost.
func (r Request) Fees() RequestFees {
	f := RequestFees{Quoted: r.Quoted, Charged: r.Charged, Unquoted: r.Unquoted}
	if r.FeeOverride != nil {
		f.Quoted, f.Unquoted = *r.FeeOverride*int64(r.Support), 0
	}
	return f
}

package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"simtransfer/transfer"
)

// Fee is an entry of the fee schedule: what the transfer of one SIM costs, from
// an instant until the next entry of the same method and currency.
type Fee struct {
	Method    transfer.Method   `db:"method"`
	Currency  transfer.Currency `db:"currency"`
	ValidFrom time.Time         `db:"valid_from"`
	Amount    int64             `db:"amount"`  // in the currency's minor unit
	Current   bool              `db:"current"` // it applies now
}

// Money returns the amount with its currency.
func (f Fee) Money() transfer.Money { return transfer.Money{Minor: f.Amount, Currency: f.Currency} }

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

var selectFees = newStatement(statement{
	name:    "select_fees",
	does:    "Lists the fee schedule.",
	returns: "Every entry, by method and currency, the newest first.",
	text: `SELECT` + feeColumns + `
FROM fees f
ORDER BY f.method, f.currency, f.valid_from DESC`,
})

// Fees lists the whole schedule by method and currency, newest entries first.
func (db *DB) Fees(ctx context.Context) ([]Fee, error) {
	list := []Fee{}
	if err := db.list(ctx, &list, selectFees, args{}); err != nil {
		return nil, fmt.Errorf("listing fees: %w", err)
	}
	return list, nil
}

var isPast = newStatement(statement{
	name:    "is_past",
	does:    "Compares an instant with the database's clock.",
	given:   "@instant to compare.",
	returns: "Whether the instant is in the past.",
	text:    `SELECT @instant::timestamptz < clock_timestamp()`,
})

var insertFee = newStatement(statement{
	name:    "insert_fee",
	does:    "Adds an entry to the fee schedule.",
	given:   "@method, @currency, @valid_from (null: now) and @amount in minor units.",
	returns: "Since when the entry is valid; none if there is an entry for the same instant.",
	text: `
		INSERT INTO fees (method, currency, valid_from, amount)
		VALUES (@method, @currency, coalesce(@valid_from, clock_timestamp()), @amount)
		ON CONFLICT DO NOTHING
		RETURNING valid_from`,
})

var selectFee = newStatement(statement{
	name:    "select_fee",
	does:    "Reads an entry of the fee schedule.",
	given:   "@method, @currency and @valid_from of the entry.",
	returns: "The entry.",
	text: `SELECT` + feeColumns + `
FROM fees f
WHERE f.method = @method AND f.currency = @currency AND f.valid_from = @valid_from`,
})

// CreateFee adds an entry to the schedule; a zero ValidFrom means now. It
// returns ErrPast if ValidFrom is in the past, and ErrExists if there is an
// entry for the same instant.
func (t *Tx) CreateFee(ctx context.Context, by Actor, f Fee) (Fee, error) {
	var from *time.Time
	if !f.ValidFrom.IsZero() {
		from = &f.ValidFrom
		if err := t.notPast(ctx, from); err != nil {
			return f, err
		}
	}
	var validFrom time.Time
	err := t.get(ctx, &validFrom, insertFee, args{
		"method": f.Method, "currency": f.Currency, "valid_from": from, "amount": f.Amount,
	})
	switch {
	case errors.Is(err, ErrNotFound):
		return f, ErrExists
	case err != nil:
		return f, fmt.Errorf("adding a fee: %w", err)
	}
	var created Fee
	if err := t.get(ctx, &created, selectFee, args{
		"method": f.Method, "currency": f.Currency, "valid_from": validFrom,
	}); err != nil {
		return f, fmt.Errorf("reading a fee: %w", err)
	}
	return created, t.auditFee(ctx, by, transfer.AuditFeeCreate, created, nil, feeFields(created))
}

var deleteFee = newStatement(statement{
	name:    "delete_fee",
	does:    "Withdraws an entry of the fee schedule that is not valid yet.",
	given:   "@method, @currency and @valid_from of the entry.",
	returns: "The amount of the entry in minor units; none if there is no such entry, or if it is valid already.",
	text: `
		DELETE FROM fees
		WHERE method = @method AND currency = @currency AND valid_from = @valid_from AND valid_from > clock_timestamp()
		RETURNING amount`,
})

// WithdrawFee deletes an entry of the schedule that is not valid yet. It
// returns ErrNotFound if there is no such entry, and ErrPast if it is valid
// already: fees may have been quoted from it.
func (t *Tx) WithdrawFee(ctx context.Context, by Actor, f Fee) error {
	err := t.get(ctx, &f.Amount, deleteFee, args{"method": f.Method, "currency": f.Currency, "valid_from": f.ValidFrom})
	if errors.Is(err, ErrNotFound) {
		var valid Fee
		if err := t.get(ctx, &valid, selectFee, args{"method": f.Method, "currency": f.Currency, "valid_from": f.ValidFrom}); err != nil {
			return err // no such entry
		}
		return ErrPast
	}
	if err != nil {
		return fmt.Errorf("withdrawing a fee: %w", err)
	}
	return t.auditFee(ctx, by, transfer.AuditFeeDelete, f, feeFields(f), nil)
}

// auditFee records that an entry of the fee schedule was added or withdrawn.
func (t *Tx) auditFee(ctx context.Context, by Actor, action transfer.AuditAction, f Fee, before, after any) error {
	return t.Audit(ctx, AuditEntry{
		By: by, Action: action, Object: "fee", ObjectID: fmt.Sprintf("%s %s %s", f.Method, f.Currency, f.ValidFrom.UTC().Format(time.RFC3339Nano)),
		Before: before, After: after,
	})
}

func feeFields(f Fee) map[string]any {
	return map[string]any{"method": f.Method, "fee": f.Money(), "valid_from": f.ValidFrom.UTC()}
}

// RequestFees are the fees of a request, in the minor unit of its source's
// currency.
type RequestFees struct {
	Quoted   int64 // of the SIMs whose transfers are open
	Charged  int64 // posted so far
	Unquoted int   // number of SIMs with an open transfer for which the schedule had no fee
}

// Fees returns what the request has cost so far and may still cost.
func (r Request) Fees() RequestFees {
	f := RequestFees{Quoted: r.Quoted, Charged: r.Charged, Unquoted: r.Unquoted}
	if r.FeeOverride != nil {
		f.Quoted, f.Unquoted = *r.FeeOverride*int64(r.Support), 0
	}
	return f
}

package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"simtransfer/transfer"
)

// Fee is an entry of the fee schedule or the price of an account: what the transfer
// of one SIM costs, from an instant until the next entry of the same method and
// currency or, for a price, of the same method and account. A price overrides the
// schedule for the account.
type Fee struct {
	ID        int64             `db:"id"`
	Method    transfer.Method   `db:"method"`
	Currency  transfer.Currency `db:"currency"` // the account's, if there is one
	ValidFrom time.Time         `db:"valid_from"`
	Amount    int64             `db:"amount"`  // in the currency's minor unit
	Current   bool              `db:"current"` // it applies now

	Account         int64                `db:"account"` // whose price it is; 0: an entry of the schedule
	OperatorID      *transfer.OperatorID `db:"operator_id"`
	ExternalID      *string              `db:"external_id"`
	FollowsSchedule bool                 `db:"follows_schedule"` // the account has no price of its own from then on; Amount is 0
}

// Money returns the amount with its currency.
func (f Fee) Money() transfer.Money { return transfer.Money{Minor: f.Amount, Currency: f.Currency} }

// FeeEntries are the entries from which the fees of a request were quoted, in a
// jsonb column.
type FeeEntries []FeeEntry

// FeeEntry is one of them.
type FeeEntry struct {
	ID        int64             `json:"id"`
	Account   *int64            `json:"account"` // whose price it is; nil: an entry of the schedule
	Currency  transfer.Currency `json:"currency"`
	ValidFrom time.Time         `json:"valid_from"`
	Amount    int64             `json:"amount"` // in the currency's minor unit
}

// Scan implements sql.Scanner.
func (e *FeeEntries) Scan(src any) error { return scanJSON(src, e) }

var selectFees = newStatement(statement{
	name: "select_fees",
	does: "Lists the fee schedule and the prices of accounts.",
	given: `@account: only its prices, and the schedule in its currency; 0: everything. @id: only this entry; 0: all.
		With @account, current is the entry from which the account's fees are quoted now.`,
	returns: "The entries, by method and currency, the schedule before the prices, the newest of each first.",
	text: `
		WITH entries AS (
			SELECT
				f.*,
				f.valid_from = max(f.valid_from) FILTER (WHERE f.valid_from <= clock_timestamp()) OVER (PARTITION BY f.method, f.currency, f.account) AS latest
			FROM fee_entries f
			WHERE @account = 0 OR f.account = @account OR f.account IS NULL AND f.currency = (SELECT currency FROM accounts WHERE id = @account)
		)
		SELECT
			f.id,
			f.method,
			f.currency,
			f.valid_from,
			coalesce(f.amount, 0) AS amount,
			f.amount IS NULL AS follows_schedule,
			coalesce(f.latest, false) AND NOT (@account <> 0 AND f.account IS NULL AND EXISTS (
				SELECT 1
				FROM entries own
				WHERE own.account IS NOT NULL AND own.method = f.method AND own.latest AND own.amount IS NOT NULL
			)) AS current,
			coalesce(f.account, 0) AS account,
			a.operator_id,
			a.external_id
		FROM entries f
		LEFT JOIN accounts a ON a.id = f.account
		WHERE @id = 0 OR f.id = @id
		ORDER BY f.method, f.currency, a.operator_id NULLS FIRST, f.valid_from DESC`,
})

// Fees lists the fee schedule and the prices of accounts, or only what can apply to
// one account if account is not 0, newest entries first.
func (db *DB) Fees(ctx context.Context, account int64) ([]Fee, error) {
	return fees(ctx, db, account)
}

func fees(ctx context.Context, q querier, account int64) ([]Fee, error) {
	list := []Fee{}
	if err := q.list(ctx, &list, selectFees, args{"account": account, "id": 0}); err != nil {
		return nil, fmt.Errorf("listing fees: %w", err)
	}
	return list, nil
}

// Fee returns an entry, or ErrNotFound.
func (db *DB) Fee(ctx context.Context, id int64) (Fee, error) { return feeBy(ctx, db, id) }

func feeBy(ctx context.Context, q querier, id int64) (Fee, error) {
	var f Fee
	if err := q.get(ctx, &f, selectFees, args{"account": 0, "id": id}); err != nil {
		return f, fmt.Errorf("reading fee %d: %w", id, err)
	}
	return f, nil
}

var lockFees = newStatement(statement{
	name:  "lock_fees",
	does:  "Makes changes of fees wait for each other, so that their conditions see what they change.",
	locks: "Takes an advisory lock, as the only lock of the transaction besides the idempotency key.",
	text:  `SELECT pg_advisory_xact_lock(hashtextextended('fees', 0))`,
})

// checkFees makes other changes of fees wait until the transaction ends, and returns
// the error of check, which sees what Fees lists for the account. Nil checks nothing.
func (t *Tx) checkFees(ctx context.Context, account int64, check func([]Fee) error) error {
	if _, err := t.exec(ctx, lockFees, args{}); err != nil {
		return fmt.Errorf("locking the fees: %w", err)
	}
	if check == nil {
		return nil
	}
	list, err := fees(ctx, t, account)
	if err != nil {
		return err
	}
	return check(list)
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
	returns: "The id of the entry; none if there is an entry for the same instant.",
	text: `
		INSERT INTO fees (method, currency, valid_from, amount)
		VALUES (@method, @currency, coalesce(@valid_from, clock_timestamp()), @amount)
		ON CONFLICT DO NOTHING
		RETURNING id`,
})

var insertAccountFee = newStatement(statement{
	name:    "insert_account_fee",
	does:    "Adds a price of an account.",
	given:   "@account, @method, @valid_from (null: now) and @amount in minor units (null: as the schedule says).",
	returns: "The id of the entry; none if there is an entry for the same instant.",
	text: `
		INSERT INTO account_fees (account, method, valid_from, amount)
		VALUES (@account, @method, coalesce(@valid_from, clock_timestamp()), @amount)
		ON CONFLICT DO NOTHING
		RETURNING id`,
})

// String names an entry by its key.
func (f Fee) String() string {
	what := "fee"
	if f.Account != 0 {
		what = "price of the account"
	}
	return fmt.Sprintf("%s for %s in %s from %s", what, f.Method, f.Currency, f.ValidFrom.UTC().Format(time.RFC3339Nano))
}

func (f Fee) amountOrNil() *int64 {
	if f.FollowsSchedule {
		return nil
	}
	return &f.Amount
}

// CreateFee adds an entry to the schedule or, if Account is set, a price of the
// account, whose currency the caller has set; a zero ValidFrom means now. It
// returns the error of check (see checkFees), ErrPast if ValidFrom is in the past, and
// ErrExists if there is an entry for the same instant.
func (t *Tx) CreateFee(ctx context.Context, by Actor, f Fee, check func([]Fee) error) (Fee, error) {
	if err := t.checkFees(ctx, f.Account, check); err != nil {
		return f, err
	}
	var from *time.Time
	if !f.ValidFrom.IsZero() {
		from = &f.ValidFrom
		if err := t.notPast(ctx, from); err != nil {
			return f, err
		}
	}
	var id int64
	var err error
	if f.Account == 0 {
		err = t.get(ctx, &id, insertFee, args{"method": f.Method, "currency": f.Currency, "valid_from": from, "amount": f.Amount})
	} else {
		err = t.get(ctx, &id, insertAccountFee, args{"account": f.Account, "method": f.Method, "valid_from": from, "amount": f.amountOrNil()})
	}
	switch {
	case errors.Is(err, ErrNotFound):
		return f, fmt.Errorf("a %s %w: withdraw it, or use another time", f, ErrExists)
	case err != nil:
		return f, fmt.Errorf("adding a fee: %w", err)
	}
	created, err := feeBy(ctx, t, id)
	if err != nil {
		return f, err
	}
	return created, t.auditFee(ctx, by, transfer.AuditFeeCreate, created, nil, feeFields(created))
}

var selectFeeID = newStatement(statement{
	name:    "select_fee_id",
	does:    "Looks for an entry of the fee schedule, or a price of an account.",
	given:   "@account, 0 for an entry of the schedule; @method, @currency and @valid_from of the entry.",
	returns: "The id of the entry.",
	text: `
		SELECT id
		FROM fee_entries
		WHERE coalesce(account, 0) = @account AND method = @method AND currency = @currency AND valid_from = @valid_from`,
})

var deleteFee = newStatement(statement{
	name:    "delete_fee",
	does:    "Withdraws an entry of the fee schedule, or a price of an account, that is not valid yet.",
	given:   "@id of the entry.",
	returns: "The id of the entry; none if it is valid already.",
	text: `
		WITH schedule AS (
			DELETE FROM fees
			WHERE id = @id AND valid_from > clock_timestamp()
			RETURNING id
		), price AS (
			DELETE FROM account_fees
			WHERE id = @id AND valid_from > clock_timestamp()
			RETURNING id
		)
		SELECT id FROM schedule
		UNION ALL
		SELECT id FROM price`,
})

// WithdrawFee deletes an entry of the schedule, or a price if Account is set, that
// is not valid yet. It returns the error of check (see checkFees), ErrNotFound if there
// is no such entry, and ErrPast if it is valid already: fees may have been quoted from
// it.
func (t *Tx) WithdrawFee(ctx context.Context, by Actor, f Fee, check func([]Fee) error) error {
	if err := t.checkFees(ctx, f.Account, check); err != nil {
		return err
	}
	var id int64
	if err := t.get(ctx, &id, selectFeeID, args{
		"account": f.Account, "method": f.Method, "currency": f.Currency, "valid_from": f.ValidFrom,
	}); err != nil {
		return fmt.Errorf("looking for a fee: %w", err)
	}
	was, err := feeBy(ctx, t, id)
	if err != nil {
		return err
	}
	err = t.get(ctx, &id, deleteFee, args{"id": id})
	switch {
	case errors.Is(err, ErrNotFound): // valid already, or withdrawn by another transaction
		if _, err := feeBy(ctx, t, id); err != nil {
			return err
		}
		return ErrPast
	case err != nil:
		return fmt.Errorf("withdrawing a fee: %w", err)
	}
	return t.auditFee(ctx, by, transfer.AuditFeeDelete, was, feeFields(was), nil)
}

// auditFee records that an entry was added or withdrawn.
func (t *Tx) auditFee(ctx context.Context, by Actor, action transfer.AuditAction, f Fee, before, after any) error {
	return t.Audit(ctx, AuditEntry{
		By: by, Action: action, Account: f.Account, Object: "fee", ObjectID: fmt.Sprintf("%s %s %s", f.Method, f.Currency, f.ValidFrom.UTC().Format(time.RFC3339Nano)),
		Before: before, After: after,
	})
}

func feeFields(f Fee) map[string]any {
	fields := map[string]any{"method": f.Method, "valid_from": f.ValidFrom.UTC()}
	if f.FollowsSchedule {
		fields["follows_schedule"] = true
	} else {
		fields["fee"] = f.Money()
	}
	if f.OperatorID != nil {
		fields["account"] = *f.OperatorID
	}
	return fields
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

// effectiveFee is SQL for what a transfer t of the request r costs: the fee that was quoted when it was
// validated, or the one that support decided on.
const effectiveFee = `CASE t.method WHEN 'support_assisted' THEN coalesce(r.fee_override, t.fee) ELSE t.fee END`

// scheduledFee is what a support-assisted transfer costs the source of r now, and
// the entry that says so: the price of the account or, if it has none, the entry
// of the fee schedule in its currency. No row if there is neither.
const scheduledFee = `
	SELECT amount, entry
	FROM (
		(
			SELECT 1 AS rank, f.amount, f.id AS entry
			FROM account_fees f, r
			WHERE f.account = r.source AND f.method = 'support_assisted' AND f.valid_from <= clock_timestamp()
			ORDER BY f.valid_from DESC
			LIMIT 1
		)
		UNION ALL
		(
			SELECT 2, f.amount, f.id
			FROM fees f, r
			WHERE f.method = 'support_assisted' AND f.currency = r.currency AND f.valid_from <= clock_timestamp()
			ORDER BY f.valid_from DESC
			LIMIT 1
		)
	) AS entries
	WHERE amount IS NOT NULL
	ORDER BY rank
	LIMIT 1`

// quoteSQL is the fee of a SIM that the row judged, with the scheduled fee in
// the table fee. It is null for a SIM that is not eligible, and when the
// schedule has no amount.
func quoteSQL(judged string) string {
	return `CASE
	WHEN ` + judged + `.reason IS NOT NULL THEN NULL
	WHEN ` + judged + `.method = 'self_service' THEN 0
	ELSE (SELECT amount FROM fee)
END`
}

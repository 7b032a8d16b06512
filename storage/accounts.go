package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lib/pq"

	"simtransfer/transfer"
)

// Standing says whether an account takes part in transfers. A closed account
// neither sends nor receives.
type Standing string

// The standings.
const (
	StandingOpen   Standing = "open"
	StandingClosed Standing = "closed"
)

// Account is an operator account.
type Account struct {
	ID         int64               `db:"id"`
	OperatorID transfer.OperatorID `db:"operator_id"`
	Email      string              `db:"email"` // in lower case
	Currency   transfer.Currency   `db:"currency"`
	Coverage   string              `db:"coverage"`
	Standing   Standing            `db:"standing"`
	CreatedAt  time.Time           `db:"created_at"`
}

const accountColumns = `
	id,
	operator_id,
	email,
	currency,
	coverage,
	standing,
	created_at`

// CreateAccount makes an account from everything but ID and CreatedAt; a zero
// Standing is open. It returns ErrExists when the operator id is taken.
func (t *Tx) CreateAccount(ctx context.Context, a Account) (Account, error) {
	if a.Standing == "" {
		a.Standing = StandingOpen
	}
	var made Account
	err := t.rawGet(ctx, &made, `
		INSERT INTO accounts (operator_id, email, currency, coverage, standing)
		VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (operator_id) DO NOTHING
		RETURNING`+accountColumns,
		a.OperatorID, a.Email, a.Currency, a.Coverage, a.Standing)
	switch {
	case errors.Is(err, ErrNotFound):
		return made, ErrExists
	case err != nil:
		return made, fmt.Errorf("creating account %s: %w", a.OperatorID, err)
	}
	return made, nil
}

// Account returns an account, or ErrNotFound.
func (db *DB) Account(ctx context.Context, id transfer.OperatorID) (Account, error) {
	var a Account
	err := db.hotGet(ctx, &a, `SELECT`+accountColumns+` FROM accounts WHERE operator_id = $1`, id)
	return a, err
}

// Account returns an account, or ErrNotFound.
func (t *Tx) Account(ctx context.Context, id transfer.OperatorID) (Account, error) {
	var a Account
	err := t.rawGet(ctx, &a, `SELECT`+accountColumns+` FROM accounts WHERE operator_id = $1`, id)
	return a, err
}

// AccountFilter narrows a list of accounts; zero fields do not.
type AccountFilter struct {
	Email    string // in lower case
	Standing Standing
	After    transfer.OperatorID // only accounts behind this one: the cursor
	Limit    int                 // at most this many; required
}

// Accounts lists accounts in the order of their operator ids.
func (db *DB) Accounts(ctx context.Context, f AccountFilter) ([]Account, error) {
	list := []Account{}
	err := db.pool.SelectContext(ctx, &list, `
		SELECT`+accountColumns+`
		FROM accounts
		WHERE operator_id > $1
		  AND ($2 = '' OR email = $2)
		  AND ($3 = '' OR standing = $3)
		ORDER BY operator_id
		LIMIT $4`, f.After, f.Email, f.Standing, f.Limit)
	if err != nil {
		return nil, fmt.Errorf("listing accounts: %w", err)
	}
	return list, nil
}

// AccountChange is what to change of an account; a nil field stays. The
// currency cannot change, because quoted fees are in it.
type AccountChange struct {
	Email    *string
	Coverage *string
	Standing *Standing
}

// UpdateAccount changes an account and returns it as it is afterwards, or
// ErrNotFound.
func (db *DB) UpdateAccount(ctx context.Context, id transfer.OperatorID, c AccountChange) (Account, error) {
	var a Account
	err := db.pool.GetContext(ctx, &a, `
		UPDATE accounts
		SET email = coalesce($2, email),
			coverage = coalesce($3, coverage),
			standing = coalesce($4, standing)
		WHERE operator_id = $1
		RETURNING`+accountColumns,
		id, c.Email, c.Coverage, c.Standing)
	if err != nil {
		return a, fmt.Errorf("changing account %s: %w", id, notFound(err))
	}
	return a, nil
}

// Pair names a destination as its source does, who has to know both halves.
type Pair struct {
	Email      string // in lower case
	OperatorID transfer.OperatorID
}

// Destinations returns the accounts that pairs name, in their order, with a
// zero Account for a pair of which not both halves are right.
func (db *DB) Destinations(ctx context.Context, pairs []Pair) ([]Account, error) {
	return destinations(ctx, db, pairs)
}

// Destinations is DB.Destinations within the transaction.
func (t *Tx) Destinations(ctx context.Context, pairs []Pair) ([]Account, error) {
	return destinations(ctx, t, pairs)
}

func destinations(ctx context.Context, q hot, pairs []Pair) ([]Account, error) {
	emails, ids := make([]string, len(pairs)), make([]string, len(pairs))
	for i, p := range pairs {
		emails[i], ids[i] = p.Email, string(p.OperatorID)
	}
	var found []struct {
		Nth int `db:"nth"`
		Account
	}
	if err := q.hotSelect(ctx, &found, `
		SELECT p.nth, a.*
		FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS p (email, operator_id, nth)
		JOIN (SELECT`+accountColumns+` FROM accounts) AS a USING (operator_id, email)`,
		pq.Array(emails), pq.Array(ids),
	); err != nil {
		return nil, fmt.Errorf("looking up destinations: %w", err)
	}
	accounts := make([]Account, len(pairs))
	for _, f := range found {
		accounts[f.Nth-1] = f.Account
	}
	return accounts, nil
}

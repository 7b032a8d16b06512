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
// neither sends nor receives SIMs.
type Standing string

// The standings.
const (
	StandingOpen   Standing = "open"
	StandingClosed Standing = "closed"
)

// Standings lists every standing.
func Standings() []Standing { return []Standing{StandingOpen, StandingClosed} }

// Account is an operator account.
type Account struct {
	ID         int64               `db:"id"`
	OperatorID transfer.OperatorID `db:"operator_id"`
	Email      string              `db:"email"` // in lower case
	Currency   transfer.Currency   `db:"currency"`
	Coverage   string              `db:"coverage"`
	Standing   Standing            `db:"standing"`
	Limits
	CreatedAt time.Time `db:"created_at"`
}

const accountColumns = `
	a.id,
	a.operator_id,
	a.email,
	a.currency,
	a.coverage,
	a.standing,
	a.max_open_requests,
	a.max_open_sims,
	a.max_unknown_sims,
	a.created_at`

var insertAccount = newStatement(statement{
	name:    "insert_account",
	does:    "Creates an account.",
	given:   "@operator_id, @email in lower case, @currency, @coverage and @standing of the account.",
	returns: "The account; none if the operator id is taken.",
	text: `INSERT INTO accounts AS a (operator_id, email, currency, coverage, standing)
VALUES (@operator_id, @email, @currency, @coverage, @standing)
ON CONFLICT (operator_id) DO NOTHING
RETURNING` + accountColumns,
})

// CreateAccount creates an account from every field except ID and CreatedAt; a
// zero Standing means open. It returns ErrExists if the operator id is taken.
func (t *Tx) CreateAccount(ctx context.Context, by Actor, a Account) (Account, error) {
	if a.Standing == "" {
		a.Standing = StandingOpen
	}
	var created Account
	err := t.get(ctx, &created, insertAccount, args{
		"operator_id": a.OperatorID, "email": a.Email, "currency": a.Currency, "coverage": a.Coverage, "standing": a.Standing,
	})
	switch {
	case errors.Is(err, ErrNotFound):
		return created, ErrExists
	case err != nil:
		return created, fmt.Errorf("creating account %s: %w", a.OperatorID, err)
	}
	return created, t.auditAccount(ctx, by, transfer.AuditAccountCreate, created, changes{
		{"email", nil, created.Email},
		{"currency", nil, created.Currency},
		{"coverage", nil, created.Coverage},
		{"standing", nil, created.Standing},
	})
}

func (t *Tx) auditAccount(ctx context.Context, by Actor, action transfer.AuditAction, a Account, c changes) error {
	return t.Audit(ctx, AuditEntry{
		By: by, Action: action, Account: a.ID, Object: "account", ObjectID: string(a.OperatorID), Before: c.before(), After: c.after(),
	})
}

var selectAccount = newStatement(statement{
	name:     "select_account",
	does:     "Reads an account.",
	given:    "@operator_id of the account.",
	returns:  "The account; none if it does not exist.",
	prepared: true,
	text: `SELECT` + accountColumns + `
FROM accounts a
WHERE a.operator_id = @operator_id`,
})

// Account returns an account, or ErrNotFound.
func (db *DB) Account(ctx context.Context, id transfer.OperatorID) (Account, error) {
	return account(ctx, db, id)
}

// Account is DB.Account in the transaction.
func (t *Tx) Account(ctx context.Context, id transfer.OperatorID) (Account, error) {
	return account(ctx, t, id)
}

func account(ctx context.Context, q querier, id transfer.OperatorID) (Account, error) {
	var a Account
	err := q.get(ctx, &a, selectAccount, args{"operator_id": id})
	return a, err
}

// AccountFilter selects accounts; zero fields select all.
type AccountFilter struct {
	Email    string // in lower case
	Standing Standing
	After    transfer.OperatorID // the cursor: only accounts after this one
	Limit    int                 // maximum number of accounts; required
}

var selectAccounts = newStatement(statement{
	name: "select_accounts",
	does: "Lists accounts by operator id.",
	given: `@email in lower case and @standing, each empty for any; @after: only accounts with a greater
		operator id; @limit: maximum number of rows.`,
	returns: "The accounts.",
	text: `SELECT` + accountColumns + `
FROM accounts a
WHERE a.operator_id > @after
  AND (@email = '' OR a.email = @email)
  AND (@standing = '' OR a.standing = @standing)
ORDER BY a.operator_id
LIMIT @limit`,
})

// Accounts lists accounts by operator id.
func (db *DB) Accounts(ctx context.Context, f AccountFilter) ([]Account, error) {
	list := []Account{}
	if err := db.list(ctx, &list, selectAccounts, args{
		"email": f.Email, "standing": f.Standing, "after": f.After, "limit": f.Limit,
	}); err != nil {
		return nil, fmt.Errorf("listing accounts: %w", err)
	}
	return list, nil
}

// AccountChange lists the new values of an account's fields; nil fields do not
// change. The currency cannot change, because quoted fees are in it.
type AccountChange struct {
	Email    *string
	Coverage *string
	Standing *Standing

	// The limits to change, by name. A nil value removes the account's own limit.
	Limits map[LimitName]*int

	// If is called with the account as it is before the change, which can no
	// longer change by then. If it returns an error, nothing is changed. Nil: no
	// condition.
	If func(Account) error

	// CloseInUse closes the account even if requests that it sends or receives
	// are open; see EndRequestsOf.
	CloseInUse bool
}

var lockAccount = newStatement(statement{
	name:    "lock_account",
	does:    "Locks an account.",
	given:   "@operator_id of the account.",
	returns: "The account; none if it does not exist.",
	locks:   "Takes the account.",
	text: `SELECT` + accountColumns + `
FROM accounts a
WHERE a.operator_id = @operator_id
FOR NO KEY UPDATE`,
})

var updateAccount = newStatement(statement{
	name:    "update_account",
	does:    "Changes an account.",
	given:   "@operator_id of the account; @email, @coverage and @standing: the new values, null for no change; the limits @max_open_requests, @max_open_sims and @max_unknown_sims, null for none of its own.",
	returns: "The account after the change; none if it does not exist.",
	locks:   "The caller holds the account.",
	text: `UPDATE accounts AS a
SET email = coalesce(@email, email),
	coverage = coalesce(@coverage, coverage),
	standing = coalesce(@standing, standing),
	max_open_requests = @max_open_requests::int,
	max_open_sims = @max_open_sims::int,
	max_unknown_sims = @max_unknown_sims::int
WHERE a.operator_id = @operator_id
RETURNING` + accountColumns,
})

// UpdateAccount changes an account and returns it as it is after the change,
// or ErrNotFound. It returns an *AccountInUseError if it would close an account
// with open requests, unless CloseInUse is set.
func (db *DB) UpdateAccount(ctx context.Context, by Actor, id transfer.OperatorID, c AccountChange) (a Account, err error) {
	err = db.InRetriedTx(ctx, func(t *Tx) error {
		var was Account
		if err := t.get(ctx, &was, lockAccount, args{"operator_id": id}); err != nil {
			return fmt.Errorf("locking account %s: %w", id, err)
		}
		if c.If != nil {
			if err := c.If(was); err != nil {
				return err
			}
		}
		closes := c.Standing != nil && *c.Standing == StandingClosed && was.Standing == StandingOpen
		if closes && !c.CloseInUse {
			if err := t.checkClosing(ctx, was); err != nil { // after the lock was granted: lock, then look
				return err
			}
		}
		limits := was.Limits
		for name, value := range c.Limits {
			*limits.field(name) = value
		}
		if err := t.get(ctx, &a, updateAccount, args{
			"operator_id": id, "email": c.Email, "coverage": c.Coverage, "standing": c.Standing,
			"max_open_requests": limits.OpenRequests, "max_open_sims": limits.OpenSIMs, "max_unknown_sims": limits.UnknownSIMs,
		}); err != nil {
			return fmt.Errorf("changing account %s: %w", id, err)
		}
		return t.auditAccountChange(ctx, by, was, a)
	})
	return a, err
}

// auditAccountChange records how an account has changed, if it has.
func (t *Tx) auditAccountChange(ctx context.Context, by Actor, was, is Account) error {
	c := changes{
		{"email", was.Email, is.Email},
		{"coverage", was.Coverage, is.Coverage},
		{"standing", was.Standing, is.Standing},
		{"max_open_requests", was.OpenRequests, is.OpenRequests},
		{"max_open_sims", was.OpenSIMs, is.OpenSIMs},
		{"max_unknown_sims", was.UnknownSIMs, is.UnknownSIMs},
	}
	action := transfer.AuditAccountUpdate
	switch {
	case c.none():
		return nil
	case was.Standing == is.Standing:
	case is.Standing == StandingClosed:
		action = transfer.AuditAccountClose
	default:
		action = transfer.AuditAccountReopen
	}
	return t.auditAccount(ctx, by, action, is, c)
}

// Pair names a destination account as a source does, which has to know both
// its email and its operator id.
type Pair struct {
	Email      string // in lower case
	OperatorID transfer.OperatorID
}

var selectDestinations = newStatement(statement{
	name: "select_destinations",
	does: "Looks up accounts by email and operator id.",
	given: `@emails in lower case, and as many @operator_ids: the n-th of one and the n-th of the other
		name an account.`,
	returns:  "The accounts of which both are right, each with nth, its place in the lists, from 1.",
	prepared: true,
	text: `SELECT
	p.nth,` + accountColumns + `
FROM unnest(@emails::text[], @operator_ids::text[]) WITH ORDINALITY AS p (email, operator_id, nth)
JOIN accounts a USING (operator_id, email)`,
})

// Destinations returns the accounts that the pairs name, in the same order,
// with a zero Account for each pair whose email and operator id do not belong
// to the same account.
func (db *DB) Destinations(ctx context.Context, pairs []Pair) ([]Account, error) {
	return destinations(ctx, db, pairs)
}

// Destinations is DB.Destinations in the transaction.
func (t *Tx) Destinations(ctx context.Context, pairs []Pair) ([]Account, error) {
	return destinations(ctx, t, pairs)
}

var selectDestinationAndUsage = newStatement(statement{
	name:     "select_destination_and_usage",
	does:     "Looks up a destination, and counts how much of its limits the source uses.",
	given:    "@email in lower case and @operator_id of the destination, and the source: @account.",
	returns:  "The destination and the counts; no row if email and operator id do not belong to the same account.",
	prepared: true,
	text: `SELECT` + accountColumns + `,` + usageSQL + `
FROM accounts a
WHERE a.operator_id = @operator_id AND a.email = @email`,
})

// DestinationAndUsage returns the account that the pair names, or a zero Account,
// and how much of its limits the source uses.
func (db *DB) DestinationAndUsage(ctx context.Context, p Pair, source Account) (Account, Usage, error) {
	return destinationAndUsage(ctx, db, p, source)
}

// DestinationAndUsage is DB.DestinationAndUsage in the transaction.
func (t *Tx) DestinationAndUsage(ctx context.Context, p Pair, source Account) (Account, Usage, error) {
	return destinationAndUsage(ctx, t, p, source)
}

func destinationAndUsage(ctx context.Context, q querier, p Pair, source Account) (Account, Usage, error) {
	var found struct {
		Account
		Usage
	}
	err := q.get(ctx, &found, selectDestinationAndUsage, args{"email": p.Email, "operator_id": p.OperatorID, "account": source.ID})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return found.Account, found.Usage, fmt.Errorf("looking up a destination: %w", err)
	}
	return found.Account, found.Usage, nil
}

func destinations(ctx context.Context, q querier, pairs []Pair) ([]Account, error) {
	emails, ids := make([]string, len(pairs)), make([]string, len(pairs))
	for i, p := range pairs {
		emails[i], ids[i] = p.Email, string(p.OperatorID)
	}
	var found []struct {
		Nth int `db:"nth"`
		Account
	}
	if err := q.list(ctx, &found, selectDestinations, args{
		"emails": pq.Array(emails), "operator_ids": pq.Array(ids),
	}); err != nil {
		return nil, fmt.Errorf("looking up destinations: %w", err)
	}
	accounts := make([]Account, len(pairs))
	for _, f := range found {
		accounts[f.Nth-1] = f.Account
	}
	return accounts, nil
}

package storage

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"slices"
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
	Name       *string             `db:"name"`        // nil: none
	ExternalID *string             `db:"external_id"` // the id in the operator's own systems; nil: none
	Contacts   Contacts            `db:"contacts"`
	Plans      pq.StringArray      `db:"plans"`   // that the account may hold, in alphabetical order; empty: any
	Landing    *Landing            `db:"landing"` // what SIMs get as they arrive, unless an acceptance says otherwise; never a plan; nil: nothing
	Limits
	CreatedAt time.Time `db:"created_at"`
}

// Contacts are email addresses, in lower case, by purpose, in a jsonb column.
type Contacts map[transfer.ContactPurpose][]string

// Value implements driver.Valuer. Purposes without an address are left out.
func (c Contacts) Value() (driver.Value, error) {
	filled := Contacts{}
	for purpose, emails := range c {
		if len(emails) > 0 {
			filled[purpose] = emails
		}
	}
	return jsonValue(filled)
}

// Scan implements sql.Scanner. Null is the contacts of no account.
func (c *Contacts) Scan(src any) error {
	if src == nil {
		*c = nil
		return nil
	}
	return scanJSON(src, c)
}

// accountRefSQL is the operator id of the account that an expression in the form
// of a transfer.AccountRef names; null if no account has the external id.
func accountRefSQL(ref string) string {
	return "CASE WHEN " + ref + " LIKE 'ext:%' THEN (SELECT x.operator_id FROM accounts x WHERE x.external_id = substr(" + ref + ", 5)) ELSE " + ref + " END"
}

const accountColumns = `
	a.id,
	a.operator_id,
	a.email,
	a.currency,
	a.coverage,
	a.standing,
	a.name,
	a.external_id,
	a.contacts,
	a.plans,
	a.landing,
	a.max_open_requests,
	a.max_open_sims,
	a.max_unknown_sims,
	a.created_at`

var insertAccount = newStatement(statement{
	name:    "insert_account",
	does:    "Creates an account.",
	given:   "@operator_id, @email in lower case, @currency, @coverage, @standing, @name, @external_id, @contacts and @plans of the account.",
	returns: "The account; none if the operator id or the external id is taken.",
	text: `INSERT INTO accounts AS a (operator_id, email, currency, coverage, standing, name, external_id, contacts, plans)
VALUES (@operator_id, @email, @currency, @coverage, @standing, @name, @external_id, @contacts, @plans)
ON CONFLICT DO NOTHING
RETURNING` + accountColumns,
})

// CreateAccount creates an account from every field except ID and CreatedAt; a
// zero Standing means open. It returns ErrExists if the operator id is taken, an
// *ExternalIDTakenError if another account has the external id, and an
// *UnknownPlansError if there are no such plans.
func (t *Tx) CreateAccount(ctx context.Context, by Actor, a Account) (Account, error) {
	if a.Standing == "" {
		a.Standing = StandingOpen
	}
	var created Account
	if err := t.checkAccount(ctx, a); err != nil {
		return created, err
	}
	err := t.get(ctx, &created, insertAccount, args{
		"operator_id": a.OperatorID, "email": a.Email, "currency": a.Currency, "coverage": a.Coverage, "standing": a.Standing,
		"name": a.Name, "external_id": a.ExternalID, "contacts": a.Contacts, "plans": stored(a.Plans),
	})
	switch {
	case errors.Is(err, ErrNotFound):
		return created, fmt.Errorf("account %s %w: change it instead", a.OperatorID, ErrExists)
	case err != nil:
		return created, fmt.Errorf("creating account %s: %w", a.OperatorID, err)
	}
	return created, t.auditAccount(ctx, by, transfer.AuditAccountCreate, created, changes{
		{"email", nil, created.Email},
		{"currency", nil, created.Currency},
		{"coverage", nil, created.Coverage},
		{"standing", nil, created.Standing},
		{"name", nil, valueOrNil(created.Name)},
		{"external_id", nil, valueOrNil(created.ExternalID)},
		{"contacts", nil, created.Contacts.orNil()},
		{"plans", nil, orNil(created.Plans)},
	})
}

// stored returns a list in the form in which it is stored: never null.
func stored(list pq.StringArray) pq.StringArray {
	if list == nil {
		return pq.StringArray{}
	}
	return list
}

// valueOrNil, orNil and Contacts.orNil return what an audit entry shows: nil for
// nothing.
func valueOrNil(s *string) any {
	if s == nil {
		return nil
	}
	return *s
}

func orNil(list pq.StringArray) any {
	if len(list) == 0 {
		return nil
	}
	return []string(list)
}

func (c Contacts) orNil() any {
	if len(c) == 0 {
		return nil
	}
	return c
}

// ExternalIDTakenError is returned when another account has the external id.
type ExternalIDTakenError struct {
	ExternalID string
	OperatorID transfer.OperatorID // of the account that has it
}

func (e *ExternalIDTakenError) Error() string {
	return fmt.Sprintf("the account %s has the external id %q already", e.OperatorID, e.ExternalID)
}

// UnknownPlansError is returned for plans of an account that do not exist.
type UnknownPlansError struct{ Plans []string }

func (e *UnknownPlansError) Error() string {
	return fmt.Sprintf("there is no plan %q: create it first, or correct its name", e.Plans[0])
}

var selectAccountConflicts = newStatement(statement{
	name:    "select_account_conflicts",
	does:    "Looks for what keeps an account from having an external id and plans.",
	given:   "@operator_id of the account; @external_id or null; @plans.",
	returns: "The operator id of another account with the external id, null for none, and those of the plans that do not exist.",
	text: `
SELECT
	(SELECT operator_id FROM accounts WHERE external_id = @external_id AND operator_id <> @operator_id) AS taken,
	ARRAY(SELECT name FROM unnest(@plans::text[]) AS name EXCEPT SELECT name FROM plans ORDER BY name) AS unknown`,
})

// checkAccount returns an error if an account cannot have its external id or its
// plans.
func (t *Tx) checkAccount(ctx context.Context, a Account) error {
	if a.ExternalID == nil && len(a.Plans) == 0 {
		return nil
	}
	var found struct {
		Taken   *transfer.OperatorID `db:"taken"`
		Unknown pq.StringArray       `db:"unknown"`
	}
	if err := t.get(ctx, &found, selectAccountConflicts, args{"operator_id": a.OperatorID, "external_id": a.ExternalID, "plans": stored(a.Plans)}); err != nil {
		return fmt.Errorf("checking account %s: %w", a.OperatorID, err)
	}
	switch {
	case found.Taken != nil:
		return &ExternalIDTakenError{*a.ExternalID, *found.Taken}
	case len(found.Unknown) > 0:
		return &UnknownPlansError{found.Unknown}
	}
	return nil
}

func (t *Tx) auditAccount(ctx context.Context, by Actor, action transfer.AuditAction, a Account, c changes) error {
	return t.Audit(ctx, AuditEntry{
		By: by, Action: action, Account: a.ID, Object: "account", ObjectID: string(a.OperatorID), Before: c.before(), After: c.after(),
	})
}

var selectAccount = newStatement(statement{
	name:     "select_account",
	does:     "Reads an account.",
	given:    "@account: its operator id, or ext: and its external id.",
	returns:  "The account; none if it does not exist.",
	prepared: true,
	text: `SELECT` + accountColumns + `
FROM accounts a
WHERE a.operator_id = ` + accountRefSQL("@account::text"),
})

// Account returns an account, or ErrNotFound.
func (db *DB) Account(ctx context.Context, ref transfer.AccountRef) (Account, error) {
	return account(ctx, db, ref)
}

// Account is DB.Account in the transaction.
func (t *Tx) Account(ctx context.Context, ref transfer.AccountRef) (Account, error) {
	return account(ctx, t, ref)
}

func account(ctx context.Context, q querier, ref transfer.AccountRef) (Account, error) {
	var a Account
	err := q.get(ctx, &a, selectAccount, args{"account": ref})
	return a, err
}

// AccountFilter selects accounts; zero fields select all.
type AccountFilter struct {
	Email    string // in lower case
	Search   string // part of the operator id, the external id, the name or the email, in any case
	Standing Standing
	After    transfer.OperatorID // the cursor: only accounts after this one
	Limit    int                 // maximum number of accounts; required
}

var selectAccounts = newStatement(statement{
	name: "select_accounts",
	does: "Lists accounts by operator id.",
	given: `@email in lower case, @search for a part of the operator id, the external id, the name or the email,
		and @standing, each empty for any; @after: only accounts with a greater operator id; @limit: maximum
		number of rows.`,
	returns: "The accounts.",
	text: `SELECT` + accountColumns + `
FROM accounts a
WHERE a.operator_id > @after
  AND (@email = '' OR a.email = @email)
  AND (@search = '' OR strpos(lower(concat_ws(E'\n', a.operator_id, a.external_id, a.name, a.email)), lower(@search)) > 0)
  AND (@standing = '' OR a.standing = @standing)
ORDER BY a.operator_id
LIMIT @limit`,
})

// Accounts lists accounts by operator id.
func (db *DB) Accounts(ctx context.Context, f AccountFilter) ([]Account, error) {
	list := []Account{}
	if err := db.list(ctx, &list, selectAccounts, args{
		"email": f.Email, "search": f.Search, "standing": f.Standing, "after": f.After, "limit": f.Limit,
	}); err != nil {
		return nil, fmt.Errorf("listing accounts: %w", err)
	}
	return list, nil
}

// AccountName is what an account is called (nil: it has no such name), and its currency.
type AccountName struct {
	OperatorID transfer.OperatorID `db:"operator_id"`
	Name       *string             `db:"name"`
	ExternalID *string             `db:"external_id"`
	Currency   transfer.Currency   `db:"currency"`
}

var selectAccountNames = newStatement(statement{
	name:    "select_account_names",
	does:    "Reads what accounts are called, and their currencies.",
	given:   "@accounts: their operator ids.",
	returns: "A row for each that exists, by operator id.",
	text: `
		SELECT a.operator_id, a.name, a.external_id, a.currency
		FROM accounts a
		WHERE a.operator_id = ANY (@accounts::text[])
		ORDER BY a.operator_id`,
})

// AccountNames reads what accounts are called, by operator id. It leaves out those that
// do not exist.
func (db *DB) AccountNames(ctx context.Context, ids []transfer.OperatorID) ([]AccountName, error) {
	list := []AccountName{}
	if err := db.list(ctx, &list, selectAccountNames, args{"accounts": pq.Array(ids)}); err != nil {
		return nil, fmt.Errorf("reading the names of accounts: %w", err)
	}
	return list, nil
}

// AccountChange lists the new values of an account's fields; nil fields do not
// change. The currency cannot change, because quoted fees are in it.
type AccountChange struct {
	Email    *string
	Coverage *string
	Standing *Standing

	Name       **string // a pointer to nil removes it
	ExternalID **string // a pointer to nil removes it
	Contacts   Contacts // the new addresses of the purposes that change
	Plans      *[]string
	Landing    **Landing // a pointer to nil removes it

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
	given:   "@account: its operator id, or ext: and its external id.",
	returns: "The account; none if it does not exist.",
	locks:   "Takes the account.",
	text: `SELECT` + accountColumns + `
FROM accounts a
WHERE a.operator_id = ` + accountRefSQL("@account::text") + `
FOR NO KEY UPDATE`,
})

var updateAccount = newStatement(statement{
	name:    "update_account",
	does:    "Changes an account.",
	given:   "The @id of the account, and its values after the change: @email, @coverage, @standing, @name, @external_id, @contacts, @plans, @landing, null for none; the limits @max_open_requests, @max_open_sims and @max_unknown_sims, null for none of its own.",
	returns: "The account after the change.",
	locks:   "The caller holds the account.",
	text: `UPDATE accounts AS a
SET email = @email,
	coverage = @coverage,
	standing = @standing,
	name = @name,
	external_id = @external_id,
	contacts = @contacts,
	plans = @plans,
	landing = @landing,
	max_open_requests = @max_open_requests::int,
	max_open_sims = @max_open_sims::int,
	max_unknown_sims = @max_unknown_sims::int
WHERE a.id = @id
RETURNING` + accountColumns,
})

// UpdateAccount changes an account and returns it as it is after the change,
// or ErrNotFound. It returns an *AccountInUseError if it would close an account
// with open requests, unless CloseInUse is set, and the errors of CreateAccount for
// the external id and the plans.
func (db *DB) UpdateAccount(ctx context.Context, by Actor, ref transfer.AccountRef, c AccountChange) (a Account, err error) {
	err = db.InRetriedTx(ctx, func(t *Tx) error {
		a, _, err = t.UpdateAccount(ctx, by, ref, c)
		return err
	})
	return a, err
}

// UpdateAccount is DB.UpdateAccount in the transaction. It also returns the names
// of the fields that have changed; without any, nothing is written.
func (t *Tx) UpdateAccount(ctx context.Context, by Actor, ref transfer.AccountRef, c AccountChange) (a Account, changed []string, err error) {
	var was Account
	if err := t.get(ctx, &was, lockAccount, args{"account": ref}); err != nil {
		return a, nil, fmt.Errorf("locking account %s: %w", ref, err)
	}
	if c.If != nil {
		if err := c.If(was); err != nil {
			return a, nil, err
		}
	}
	closes := c.Standing != nil && *c.Standing == StandingClosed && was.Standing == StandingOpen
	if closes && !c.CloseInUse {
		if err := t.checkClosing(ctx, was); err != nil { // after the lock was granted: lock, then look
			return a, nil, err
		}
	}
	a = c.apply(was)
	fields := accountChanges(was, a)
	if fields.none() {
		return was, nil, nil
	}
	if err := t.checkAccount(ctx, a); err != nil {
		return a, nil, err
	}
	if err := t.get(ctx, &a, updateAccount, args{
		"id": a.ID, "email": a.Email, "coverage": a.Coverage, "standing": a.Standing,
		"name": a.Name, "external_id": a.ExternalID, "contacts": a.Contacts, "plans": stored(a.Plans), "landing": a.Landing,
		"max_open_requests": a.OpenRequests, "max_open_sims": a.OpenSIMs, "max_unknown_sims": a.UnknownSIMs,
	}); isUnique(err, "accounts_external_id_key") {
		return a, nil, errLostRace // after a retry, the check names the other account
	} else if err != nil {
		return a, nil, fmt.Errorf("changing account %s: %w", ref, err)
	}
	if closes {
		if err := t.endOffersOf(ctx, a.ID); err != nil {
			return a, nil, err
		}
	}
	if err := t.mailAboutContacts(ctx, by, was, a); err != nil {
		return a, nil, err
	}
	return a, fields.names(), t.auditAccountChange(ctx, by, was, a, fields)
}

// apply returns the account after the change.
func (c AccountChange) apply(a Account) Account {
	set(&a.Email, c.Email)
	set(&a.Coverage, c.Coverage)
	set(&a.Standing, c.Standing)
	set(&a.Name, c.Name)
	set(&a.ExternalID, c.ExternalID)
	set(&a.Landing, c.Landing)
	if c.Plans != nil {
		a.Plans = slices.Compact(slices.Sorted(slices.Values(*c.Plans)))
	}
	if len(c.Contacts) > 0 {
		a.Contacts = maps.Clone(a.Contacts)
		for purpose, emails := range c.Contacts {
			if len(emails) == 0 {
				delete(a.Contacts, purpose)
				continue
			}
			a.Contacts[purpose] = emails
		}
	}
	for name, value := range c.Limits {
		*a.field(name) = value
	}
	return a
}

// set changes a value, unless the new one is nil.
func set[T any](value, to *T) {
	if to != nil {
		*value = *to
	}
}

// accountChanges returns which fields of an account have changed.
func accountChanges(was, is Account) changes {
	return changes{
		{"email", was.Email, is.Email},
		{"coverage", was.Coverage, is.Coverage},
		{"standing", was.Standing, is.Standing},
		{"name", valueOrNil(was.Name), valueOrNil(is.Name)},
		{"external_id", valueOrNil(was.ExternalID), valueOrNil(is.ExternalID)},
		{"contacts", was.Contacts.orNil(), is.Contacts.orNil()},
		{"plans", orNil(was.Plans), orNil(is.Plans)},
		{"landing", was.Landing.orNil(), is.Landing.orNil()},
		{"max_open_requests", was.OpenRequests, is.OpenRequests},
		{"max_open_sims", was.OpenSIMs, is.OpenSIMs},
		{"max_unknown_sims", was.UnknownSIMs, is.UnknownSIMs},
	}
}

// auditAccountChange records how an account has changed.
func (t *Tx) auditAccountChange(ctx context.Context, by Actor, was, is Account, c changes) error {
	action := transfer.AuditAccountUpdate
	switch {
	case was.Standing == is.Standing:
	case is.Standing == StandingClosed:
		action = transfer.AuditAccountClose
	default:
		action = transfer.AuditAccountReopen
	}
	return t.auditAccount(ctx, by, action, is, c)
}

// Pair names a destination account as a source does, which has to know both
// its email and its operator id or external id.
type Pair struct {
	Email   string // in lower case
	Account transfer.AccountRef
}

var selectDestinations = newStatement(statement{
	name: "select_destinations",
	does: "Looks up accounts by email and operator id.",
	given: `@emails in lower case, and as many @accounts, each an operator id, or ext: and an external id: the
		n-th of one and the n-th of the other name an account.`,
	returns:  "The accounts of which both are right, each with nth, its place in the lists, from 1.",
	prepared: true,
	text: `SELECT
	p.nth,` + accountColumns + `
FROM unnest(@emails::text[], @accounts::text[]) WITH ORDINALITY AS p (email, ref, nth)
JOIN accounts a ON a.email = p.email AND a.operator_id = ` + accountRefSQL("p.ref"),
})

// Destinations returns the accounts that the pairs name, in the same order,
// with a zero Account for each pair whose email and id do not belong
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
	given:    "@email in lower case and @ref of the destination, an operator id, or ext: and an external id; and the source: @account.",
	returns:  "The destination and the counts; no row if email and id do not belong to the same account.",
	prepared: true,
	text: `SELECT` + accountColumns + `,` + usageSQL + `
FROM accounts a
WHERE a.operator_id = ` + accountRefSQL("@ref::text") + ` AND a.email = @email`,
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
	err := q.get(ctx, &found, selectDestinationAndUsage, args{"email": p.Email, "ref": p.Account, "account": source.ID})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return found.Account, found.Usage, fmt.Errorf("looking up a destination: %w", err)
	}
	return found.Account, found.Usage, nil
}

func destinations(ctx context.Context, q querier, pairs []Pair) ([]Account, error) {
	emails, refs := make([]string, len(pairs)), make([]string, len(pairs))
	for i, p := range pairs {
		emails[i], refs[i] = p.Email, string(p.Account)
	}
	var found []struct {
		Nth int `db:"nth"`
		Account
	}
	if err := q.list(ctx, &found, selectDestinations, args{
		"emails": pq.Array(emails), "accounts": pq.Array(refs),
	}); err != nil {
		return nil, fmt.Errorf("looking up destinations: %w", err)
	}
	accounts := make([]Account, len(pairs))
	for _, f := range found {
		accounts[f.Nth-1] = f.Account
	}
	return accounts, nil
}

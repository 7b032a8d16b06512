package storage

import (
	"context"
	"fmt"

	"simtransfer/transfer"
)

// LimitName is what a limit of an account counts.
type LimitName string

// The limits of an account.
const (
	LimitOpenRequests LimitName = "open_requests" // requests that the account sends and that are not finished, and its open transfer codes
	LimitOpenSIMs     LimitName = "open_sims"     // SIMs in these requests and codes
	LimitUnknownSIMs  LimitName = "unknown_sims"  // stored transfers that named no SIM of the account, until they are purged
	LimitKeys         LimitName = "keys"          // API keys; always transfer.MaxKeys
	LimitPeople       LimitName = "people"        // people and invitations; always transfer.MaxPeople

	// Of pull requests; always the defaults.
	LimitOpenPulls  LimitName = "open_pull_requests" // open pull requests that the account has made
	LimitPulledSIMs LimitName = "pulled_sims"        // SIMs that it has asked for in the last 24 hours
)

// LimitNames lists the limits that can be set.
func LimitNames() []LimitName {
	return []LimitName{LimitOpenRequests, LimitOpenSIMs, LimitUnknownSIMs}
}

// Limits are the limits that an account has in place of the defaults. Nil means
// the default, 0 means no limit.
type Limits struct {
	OpenRequests *int `db:"max_open_requests"`
	OpenSIMs     *int `db:"max_open_sims"`
	UnknownSIMs  *int `db:"max_unknown_sims"`
}

func (l *Limits) field(name LimitName) **int {
	switch name {
	case LimitOpenRequests:
		return &l.OpenRequests
	case LimitOpenSIMs:
		return &l.OpenSIMs
	case LimitUnknownSIMs:
		return &l.UnknownSIMs
	case LimitKeys, LimitPeople, LimitOpenPulls, LimitPulledSIMs:
	}
	panic("no limit that can be set: " + name)
}

// Of returns the account's own limit, or the default if it has none. Zero means
// no limit.
func (l Limits) Of(name LimitName, defaults DefaultLimits) int {
	if own := *l.field(name); own != nil {
		return *own
	}
	return defaults.of(name)
}

// DefaultLimits are the limits of accounts that have none of their own. Zero means
// no limit.
type DefaultLimits struct {
	OpenRequests, OpenSIMs, UnknownSIMs int
	OpenPulls, PulledSIMs               int
}

func (d DefaultLimits) of(name LimitName) int {
	switch name {
	case LimitOpenRequests:
		return d.OpenRequests
	case LimitOpenSIMs:
		return d.OpenSIMs
	case LimitUnknownSIMs:
		return d.UnknownSIMs
	case LimitKeys, LimitPeople, LimitOpenPulls, LimitPulledSIMs:
	}
	panic("no limit that can be set: " + name)
}

// Usage is how much of its limits an account uses.
type Usage struct {
	OpenRequests int `db:"open_requests"`
	OpenSIMs     int `db:"open_sims"`
	UnknownSIMs  int `db:"unknown_sims"`
}

// Of returns how much of a limit is used.
func (u Usage) Of(name LimitName) int {
	switch name {
	case LimitOpenRequests:
		return u.OpenRequests
	case LimitOpenSIMs:
		return u.OpenSIMs
	case LimitUnknownSIMs:
		return u.UnknownSIMs
	case LimitKeys, LimitPeople, LimitOpenPulls, LimitPulledSIMs:
	}
	panic("no limit that can be set: " + name)
}

// Plus returns the usage after requests with this many SIMs were created.
func (u Usage) Plus(requests, sims int) Usage {
	u.OpenRequests += requests
	u.OpenSIMs += sims
	return u
}

// LimitError is returned when requests would exceed a limit of their source.
type LimitError struct {
	Source transfer.OperatorID
	Name   LimitName
	Limit  int
	Used   int // before the call
	Adds   int // by the call
}

func (e *LimitError) Error() string {
	switch e.Name {
	case LimitOpenRequests:
		return fmt.Sprintf("account %s has %d unfinished requests and may have %d; this call would add %d: "+
			"wait until some are finished, cancel some, or ask an administrator to raise max_open_requests of the account", e.Source, e.Used, e.Limit, e.Adds)
	case LimitOpenSIMs:
		return fmt.Sprintf("account %s has %d SIMs in unfinished requests and may have %d; this call would add %d: "+
			"wait until some requests are finished, cancel some, send fewer SIMs, or ask an administrator to raise max_open_sims of the account", e.Source, e.Used, e.Limit, e.Adds)
	case LimitUnknownSIMs:
		return fmt.Sprintf("%d stored transfers of account %s named no SIM of this account, and at most %d may be kept: "+
			"check the identifiers that you send. Wait until old ones are purged, or ask an administrator to raise max_unknown_sims of the account", e.Used, e.Source, e.Limit)
	case LimitKeys:
		return fmt.Sprintf("account %s has %d API keys that are in use or were created in the last 24 hours, and may have %d: "+
			"revoke keys that are no longer needed, and wait until a day after they were created", e.Source, e.Used, e.Limit)
	case LimitPeople:
		return fmt.Sprintf("account %s has %d people and invitations that are open or were made in the last 24 hours, and may have %d: "+
			"remove people, revoke invitations, or wait until tomorrow", e.Source, e.Used, e.Limit)
	case LimitOpenPulls:
		return fmt.Sprintf("account %s has %d open pull requests and may have %d: cancel some, or wait until their time limit has passed", e.Source, e.Used, e.Limit)
	case LimitPulledSIMs:
		return fmt.Sprintf("account %s has asked for %d SIMs in the last 24 hours and may ask for %d; this call would add %d: ask for fewer, or wait", e.Source, e.Used, e.Limit, e.Adds)
	}
	return "no such limit: " + string(e.Name)
}

// Check returns a *LimitError if an account that uses its limits as much as u may
// not create requests with this many SIMs.
func (u Usage) Check(a Account, d DefaultLimits, requests, sims int) error {
	after := u.Plus(requests, sims)
	for _, name := range LimitNames() {
		limit := a.Of(name, d)
		over := after.Of(name) > limit
		if name == LimitUnknownSIMs { // the call adds none: whether SIMs are unknown is found out later
			over = u.UnknownSIMs >= limit
		}
		if limit > 0 && over {
			return &LimitError{a.OperatorID, name, limit, u.Of(name), after.Of(name) - u.Of(name)}
		}
	}
	return nil
}

// The margin below a limit is more than an account's calls add while a count is
// trusted, to all processes together.
const (
	marginRequests = 10_000
	marginSIMs     = 1_000_000
)

// NearLimit reports whether requests with this many SIMs could bring an account to
// a limit, together with others that are not counted yet.
func (u Usage) NearLimit(a Account, d DefaultLimits, requests, sims int) bool {
	u.UnknownSIMs += marginSIMs
	return u.Check(a, d, requests+marginRequests, sims+marginSIMs) != nil
}

// openCodeOfAccountSQL holds for a transfer code c of the account @account that
// can be redeemed: it counts as an open request.
const openCodeOfAccountSQL = ` c.source = @account AND c.redeemed_at IS NULL AND c.revoked_at IS NULL AND c.expires_at > clock_timestamp()`

// usageSQL selects how much of its limits the account @account uses.
const usageSQL = `
	(SELECT count(*) FROM requests WHERE source = @account AND finished_at IS NULL)
		+ (SELECT count(*) FROM transfer_codes c WHERE` + openCodeOfAccountSQL + `) AS open_requests,
	(SELECT coalesce(sum(size), 0) FROM requests WHERE source = @account AND finished_at IS NULL)
		+ (SELECT coalesce(sum(size), 0) FROM transfer_codes c WHERE` + openCodeOfAccountSQL + `) AS open_sims,
	(SELECT coalesce(sum(n_unknown), 0) FROM requests WHERE source = @account AND n_unknown > 0) AS unknown_sims`

var selectUsage = newStatement(statement{
	name:     "select_usage",
	does:     "Counts how much of its limits an account uses.",
	given:    "@account.",
	returns:  "The counts.",
	prepared: true,
	text:     `SELECT` + usageSQL,
})

func usage(ctx context.Context, q querier, a Account) (Usage, error) {
	var u Usage
	if err := q.get(ctx, &u, selectUsage, args{"account": a.ID}); err != nil {
		return u, fmt.Errorf("counting the open requests of account %s: %w", a.OperatorID, err)
	}
	return u, nil
}

// Usage returns how much of its limits an account uses.
func (db *DB) Usage(ctx context.Context, a Account) (Usage, error) { return usage(ctx, db, a) }

// CheckLimits returns a *LimitError if an account may not create requests with
// this many SIMs. It takes no lock, so concurrent calls may exceed a limit
// together unless they call EnforceLimits after they have created the requests.
func (t *Tx) CheckLimits(ctx context.Context, a Account, d DefaultLimits, requests, sims int) error {
	u, err := usage(ctx, t, a)
	if err != nil {
		return err
	}
	return u.Check(a, d, requests, sims)
}

var lockLimits = newStatement(statement{
	name:     "lock_limits",
	does:     "Locks the limits of an account until the transaction ends.",
	given:    "@account.",
	locks:    "Takes the advisory lock of the account's limits: the last lock of a transaction that creates requests or a key.",
	prepared: true,
	text:     `SELECT pg_advisory_xact_lock(hashtextextended('limits of account ' || @account::bigint, 0))`,
})

func (t *Tx) lockLimits(ctx context.Context, a Account) error {
	if _, err := t.exec(ctx, lockLimits, args{"account": a.ID}); err != nil {
		return fmt.Errorf("locking the limits of account %s: %w", a.OperatorID, err)
	}
	return nil
}

// EnforceLimits returns a *LimitError if the account is beyond a limit with the
// requests that the transaction has created, which have this many SIMs. It is
// called last: of concurrent transactions, those that commit first get in.
func (t *Tx) EnforceLimits(ctx context.Context, a Account, d DefaultLimits, requests, sims int) error {
	if err := t.lockLimits(ctx, a); err != nil {
		return err
	}
	u, err := usage(ctx, t, a) // after the lock was granted: lock, then look
	if err != nil {
		return err
	}
	return u.Plus(-requests, -sims).Check(a, d, requests, sims)
}

var countKeys = newStatement(statement{
	name:    "count_keys",
	does:    "Counts the API keys of an account that are not revoked, or were created in the last 24 hours.",
	given:   "@account.",
	returns: "Their number.",
	locks:   "The caller holds the advisory lock of the account's limits.",
	text: `
SELECT count(*)
FROM api_keys
WHERE account = @account AND person IS NULL AND (revoked_at IS NULL OR created_at > clock_timestamp() - interval '24 hours')`,
})

// checkKeys returns a *LimitError if the account may not have another key.
func (t *Tx) checkKeys(ctx context.Context, a Account) error {
	if err := t.lockLimits(ctx, a); err != nil {
		return err
	}
	var n int
	if err := t.get(ctx, &n, countKeys, args{"account": a.ID}); err != nil {
		return fmt.Errorf("counting the keys of account %s: %w", a.OperatorID, err)
	}
	if n >= transfer.MaxKeys {
		return &LimitError{a.OperatorID, LimitKeys, transfer.MaxKeys, n, 1}
	}
	return nil
}

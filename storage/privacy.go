package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"simtransfer/transfer"
)

// ErrAccountOpen is returned for an account that has to be closed first.
var ErrAccountOpen = errors.New("the account is open: close it first")

// MinAuditPeriod is the minimum age of an entry of the audit trail that may be
// deleted: the database refuses to delete younger ones.
const MinAuditPeriod = 90 * 24 * time.Hour

var eraseOldEventAddresses = newStatement(statement{
	name: "erase_old_event_addresses",
	does: "Erases the IP addresses of callers from events that are older than a period, oldest first.",
	given: `@period in seconds; @limit: maximum number of events to look at. It continues after the one that
		erased_addresses names.`,
	returns: "The number of events that were old enough.",
	locks:   "Takes the row of the table in erased_addresses, and the events that change.",
	text:    oldAddressesSQL("events"),
})

var eraseOldAuditAddresses = newStatement(statement{
	name: "erase_old_audit_addresses",
	does: "Erases the IP addresses of callers from entries of the audit trail that are older than a period, oldest first.",
	given: `@period in seconds; @limit: maximum number of entries to look at. It continues after the one that
		erased_addresses names.`,
	returns: "The number of entries that were old enough.",
	locks:   "Takes the row of the table in erased_addresses, and the entries that change.",
	text:    oldAddressesSQL("audit"),
})

// oldAddressesSQL erases old addresses from a table whose ids grow with time, so
// that it needs no index.
func oldAddressesSQL(table string) string {
	return `
		WITH page AS (
			SELECT id, at < clock_timestamp() - make_interval(secs => @period) AS old
			FROM ` + table + `
			WHERE id > (SELECT upto FROM erased_addresses WHERE table_name = '` + table + `')
			ORDER BY id
			LIMIT @limit
		),
		reached AS (
			SELECT coalesce(min(id) FILTER (WHERE NOT old) - 1, max(id)) AS upto
			FROM page
		),
		erased AS (
			UPDATE ` + table + ` t
			SET address = NULL
			FROM page p, reached r
			WHERE t.id = p.id AND p.id <= r.upto AND t.address IS NOT NULL
		),
		moved AS (
			UPDATE erased_addresses e
			SET upto = greatest(e.upto, r.upto)
			FROM reached r
			WHERE e.table_name = '` + table + `' AND r.upto IS NOT NULL
		)
		SELECT count(*)
		FROM page p, reached r
		WHERE p.id <= r.upto`
}

// EraseOldAddresses erases the IP addresses of callers from events and from the
// audit trail once they are older than a period, in up to limit rows of each. It
// returns the larger number of rows.
func (db *DB) EraseOldAddresses(ctx context.Context, period time.Duration, limit int) (int, error) {
	var events, audit int
	if err := db.get(ctx, &events, eraseOldEventAddresses, args{"period": period.Seconds(), "limit": limit}); err != nil {
		return 0, fmt.Errorf("erasing old addresses of events: %w", err)
	}
	if err := db.get(ctx, &audit, eraseOldAuditAddresses, args{"period": period.Seconds(), "limit": limit}); err != nil {
		return 0, fmt.Errorf("erasing old addresses of the audit trail: %w", err)
	}
	return max(events, audit), nil
}

var deleteOldAudit = newStatement(statement{
	name:  "delete_old_audit",
	does:  "Deletes entries of the audit trail that are older than a period, oldest first.",
	given: "@period in seconds, at least 90 days; @limit: maximum number of entries.",
	locks: "Takes the entries.",
	text: `
		DELETE FROM audit
		WHERE id IN (
			SELECT id
			FROM audit
			WHERE at < clock_timestamp() - make_interval(secs => @period)
			ORDER BY at
			LIMIT @limit
		)`,
})

// PurgeAudit deletes up to limit entries of the audit trail that are older than a
// period, which is at least MinAuditPeriod, and returns how many it has deleted.
func (db *DB) PurgeAudit(ctx context.Context, period time.Duration, limit int) (int, error) {
	n, err := db.exec(ctx, deleteOldAudit, args{"period": max(period, MinAuditPeriod).Seconds(), "limit": limit})
	if err != nil {
		return 0, fmt.Errorf("deleting old entries of the audit trail: %w", err)
	}
	return int(n), nil
}

// PersonalData is what is stored about the people of an account.
type PersonalData struct {
	Account Account
	Keys    []Key
	Calls   []PersonalCall // what its keys did to requests, oldest first
	Audit   []AuditRecord  // what concerns the account outside of requests, the latest first
}

// PersonalCall is an event of a request that a key of an account has caused.
type PersonalCall struct {
	At      time.Time          `db:"at"`
	Request string             `db:"request"`
	Kind    transfer.EventKind `db:"kind"`
	Key     int64              `db:"api_key"`
	Address *string            `db:"address"`
	Detail  string             `db:"detail"`
}

// accountCallsSQL selects the events e that keys of the account @account have
// caused.
const accountCallsSQL = `(e.source = @account OR e.destination = @account)
			  AND e.api_key IN (SELECT id FROM api_keys WHERE account = @account)`

var selectAccountCalls = newStatement(statement{
	name:    "select_account_calls",
	does:    "Lists the events that the keys of an account have caused, oldest first.",
	given:   "@account.",
	returns: "The events with the addresses of the callers.",
	text: `
			SELECT e.at, e.request, e.kind, e.api_key, e.address, e.detail
			FROM events e
			WHERE ` + accountCallsSQL + `
			ORDER BY e.id`,
})

// privacyTimeout is the time limit for each statement that reads or erases
// personal data.
const privacyTimeout = 10 * time.Minute

// ExportPersonalData returns what is stored about the people of an account, and
// records that it was read. It returns ErrNotFound if the account does not exist.
func (db *DB) ExportPersonalData(ctx context.Context, by Actor, id transfer.OperatorID) (d PersonalData, err error) {
	err = db.InRetriedTx(ctx, func(t *Tx) error {
		d = PersonalData{Calls: []PersonalCall{}}
		if err := t.AllowLong(ctx, privacyTimeout); err != nil {
			return err
		}
		if err := t.DeclareNoEvents(ctx); err != nil {
			return err
		}
		if d.Account, err = t.Account(ctx, id); err != nil {
			return fmt.Errorf("reading account %s: %w", id, err)
		}
		account := d.Account.ID
		if d.Keys, err = keys(ctx, t, KeyFilter{Account: account, Limit: maxExported}); err != nil {
			return err
		}
		if err := t.list(ctx, &d.Calls, selectAccountCalls, args{"account": account}); err != nil {
			return fmt.Errorf("listing the calls of account %s: %w", id, err)
		}
		if d.Audit, err = auditTrail(ctx, t, AuditFilter{Account: account, Limit: maxExported}); err != nil {
			return err
		}
		return t.Audit(ctx, AuditEntry{
			By: by, Action: transfer.AuditPrivacyExport, Account: account, Object: "account", ObjectID: string(id),
			After: map[string]any{"keys": len(d.Keys), "calls": len(d.Calls), "audit": len(d.Audit)},
		})
	})
	return d, err
}

// maxExported is the maximum number of keys and of entries of the audit trail
// that an export has.
const maxExported = 1_000_000

// Erased counts what an erasure has changed.
type Erased struct {
	Keys   int64 `json:"keys"`
	Events int64 `json:"events"`
	Audit  int64 `json:"audit"`
}

var eraseAccount = newStatement(statement{
	name:  "erase_account",
	does:  "Replaces the email of an account by one that reaches no one.",
	given: "@account.",
	locks: "The caller holds the account.",
	text:  `UPDATE accounts SET email = 'erased-' || lower(operator_id) || '@erased.invalid' WHERE id = @account`,
})

var eraseKeys = newStatement(statement{
	name:  "erase_keys",
	does:  "Replaces the names of an account's keys by their ids, removes their networks, and revokes them.",
	given: "@account, and the key that does so: @by (null: none).",
	locks: "Takes the keys.",
	text: `
		UPDATE api_keys
		SET name = 'erased ' || id,
			networks = '{}',
			revoked_by = CASE WHEN revoked_at IS NULL THEN @by ELSE revoked_by END,
			revoked_at = coalesce(revoked_at, clock_timestamp())
		WHERE account = @account`,
})

var eraseEvents = newStatement(statement{
	name:  "erase_events",
	does:  "Erases the addresses and the reasons of what an account's keys did to requests.",
	given: "@account.",
	locks: "Takes the events.",
	text: `
		UPDATE events e
		SET address = NULL,
			detail = CASE WHEN e.detail ? 'reason' THEN e.detail || '{"reason": "[erased]"}' ELSE e.detail END
		WHERE ` + accountCallsSQL + `
		  AND (e.address IS NOT NULL OR e.detail ? 'reason')`,
})

var eraseAudit = newStatement(statement{
	name: "erase_audit",
	does: `Erases from the audit trail the addresses, names and reasons of what an account's keys did, and the
		emails of the account and the names of its keys from what anyone did to them.`,
	given: "@account.",
	locks: "Takes the entries.",
	text: `
		WITH erasable AS (
			SELECT
				id,
				api_key IN (SELECT id FROM api_keys WHERE account = @account) AS own,
				account = @account AND object IN ('account', 'key') AS about
			FROM audit
			WHERE account = @account OR api_key IN (SELECT id FROM api_keys WHERE account = @account)
		)
		UPDATE audit u
		SET address = CASE WHEN e.own THEN NULL ELSE u.address END,
			actor_name = CASE WHEN e.own AND u.actor_name IS NOT NULL THEN '[erased]' ELSE u.actor_name END,
			why = CASE WHEN e.own AND u.why IS NOT NULL THEN '[erased]' ELSE u.why END,
			before = CASE WHEN e.about THEN ` + erasedFieldsSQL("u.before") + ` ELSE u.before END,
			after = CASE WHEN e.about THEN ` + erasedFieldsSQL("u.after") + ` ELSE u.after END
		FROM erasable e
		WHERE u.id = e.id`,
})

// erasedFieldsSQL is a JSON object without the values of its fields with personal
// data.
func erasedFieldsSQL(object string) string {
	text := object
	for _, field := range []string{"email", "name", "networks"} {
		text += ` || CASE WHEN ` + object + ` ? '` + field + `' THEN '{"` + field + `": "[erased]"}' ELSE '{}' END::jsonb`
	}
	return "(" + text + ")"
}

// ErasePersonalData erases what is stored about the people of a closed account:
// its email, the names and networks of its keys, which are revoked, the addresses
// that they were used from, and the reasons that they gave. SIMs, transfers,
// charges and who decided what stay as they are. The audit trail records the
// erasure. It returns ErrNotFound if the account does not exist, and
// ErrAccountOpen if it is not closed.
func (db *DB) ErasePersonalData(ctx context.Context, by Actor, id transfer.OperatorID, why string) (e Erased, err error) {
	err = db.InRetriedTx(ctx, func(t *Tx) error {
		e = Erased{}
		if err := t.AllowLong(ctx, privacyTimeout); err != nil {
			return err
		}
		if err := t.DeclareNoEvents(ctx); err != nil {
			return err
		}
		var a Account
		if err := t.get(ctx, &a, lockAccount, args{"operator_id": id}); err != nil {
			return fmt.Errorf("locking account %s: %w", id, err)
		}
		if a.Standing != StandingClosed {
			return ErrAccountOpen
		}
		if _, err := t.exec(ctx, eraseAccount, args{"account": a.ID}); err != nil {
			return fmt.Errorf("erasing the email of account %s: %w", id, err)
		}
		if e.Keys, err = t.exec(ctx, eraseKeys, args{"account": a.ID, "by": by.key()}); err != nil {
			return fmt.Errorf("erasing the keys of account %s: %w", id, err)
		}
		if e.Events, err = t.exec(ctx, eraseEvents, args{"account": a.ID}); err != nil {
			return fmt.Errorf("erasing the events of account %s: %w", id, err)
		}
		if e.Audit, err = t.exec(ctx, eraseAudit, args{"account": a.ID}); err != nil {
			return fmt.Errorf("erasing the audit trail of account %s: %w", id, err)
		}
		return t.Audit(ctx, AuditEntry{
			By: by, Action: transfer.AuditPrivacyErase, Account: a.ID, Object: "account", ObjectID: string(id), After: e, Why: why,
		})
	})
	return e, err
}

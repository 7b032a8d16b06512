package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

// ErrAccountOpen is returned for an account that has to be closed first.
var ErrAccountOpen = errors.New("the account is open: close it first")

// PersonalData is what is stored about the people of an account.
type PersonalData struct {
	Account Account
	Keys    []Key
	People  []Member // of the account, with their memberships there

	Invitations []Invitation
	Webhooks    []WebhookEndpoint
	Calls       []PersonalCall // what its keys did to requests, with their comments and reasons, oldest first
	Texts       []PersonalText // what it wrote to others in its requests and batches, oldest first
	Mails       []Mail         // to its contacts and people, the latest first
	MailOff     []MailChoice   // the kinds of mail that its contacts have turned off
	Refused     []MailRefusal  // contacts whose mails are refused
	Audit       []AuditRecord  // what concerns the account outside of requests, the latest first
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

// PersonalText is what an account wrote in a request or a batch that it sent, in a
// pull request or in a transfer code.
type PersonalText struct {
	ID        string  `db:"id"`
	Kind      string  `db:"kind"` // request, batch, pull_request or transfer_code
	Reference *string `db:"reference"`
	Message   *string `db:"message"`
}

var selectAccountTexts = newStatement(statement{
	name:    "select_account_texts",
	does:    "Lists the references and messages of the requests, batches, pull requests and transfer codes of an account, oldest first.",
	given:   "@account.",
	returns: "Those that have one of the two.",
	text: `
			SELECT id, 'request' AS kind, reference, message
			FROM requests
			WHERE source = @account AND (reference IS NOT NULL OR message IS NOT NULL)
			UNION ALL
			SELECT id, 'batch', reference, message
			FROM batches
			WHERE account = @account AND (reference IS NOT NULL OR message IS NOT NULL)
			UNION ALL
			SELECT id, 'pull_request', reference, message
			FROM pulls
			WHERE asker = @account AND (reference IS NOT NULL OR message IS NOT NULL)
			UNION ALL
			SELECT id, 'transfer_code', reference, message
			FROM transfer_codes
			WHERE source = @account AND (reference IS NOT NULL OR message IS NOT NULL)
			ORDER BY id`,
})

var selectPersonalMails = newStatement(statement{
	name:    "select_personal_mails",
	does:    "Lists the mails to the contacts of an account, and to its people, the latest first.",
	given:   "@account; @limit: maximum number of rows.",
	returns: "The mails, without what they said.",
	text: `
SELECT` + mailColumns + `
FROM mails m
LEFT JOIN accounts a ON a.id = m.account
WHERE m.account = @account
   OR m.account IS NULL AND m.address IN (SELECT email FROM people WHERE id IN (SELECT person FROM api_keys WHERE account = @account))
ORDER BY m.id DESC
LIMIT @limit`,
})

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
func (db *DB) ExportPersonalData(ctx context.Context, by Actor, id transfer.AccountRef) (d PersonalData, err error) {
	err = db.InRetriedTx(ctx, func(t *Tx) error {
		d = PersonalData{Calls: []PersonalCall{}, Texts: []PersonalText{}, Mails: []Mail{}, Refused: []MailRefusal{}}
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
		if d.People, err = people(ctx, t, PersonFilter{Account: account, Limit: maxExported}); err != nil {
			return err
		}
		if d.Invitations, err = invitations(ctx, t, InvitationFilter{Account: account, Limit: maxExported}); err != nil {
			return err
		}
		if d.Webhooks, err = webhooks(ctx, t, WebhookFilter{Account: account, Limit: maxExported}); err != nil {
			return err
		}
		if err := t.list(ctx, &d.Calls, selectAccountCalls, args{"account": account}); err != nil {
			return fmt.Errorf("listing the calls of account %s: %w", id, err)
		}
		if err := t.list(ctx, &d.Texts, selectAccountTexts, args{"account": account}); err != nil {
			return fmt.Errorf("listing the texts of account %s: %w", id, err)
		}
		if err := t.list(ctx, &d.Mails, selectPersonalMails, args{"account": account, "limit": maxExported}); err != nil {
			return fmt.Errorf("listing the mails of account %s: %w", id, err)
		}
		if d.MailOff, err = mailChoices(ctx, t, account); err != nil {
			return err
		}
		if err := t.list(ctx, &d.Refused, selectMailRefusals, args{"account": account}); err != nil {
			return fmt.Errorf("listing the contacts of account %s whose mails are refused: %w", id, err)
		}
		if d.Audit, err = auditTrail(ctx, t, AuditFilter{Account: account, Limit: maxExported}); err != nil {
			return err
		}
		return t.Audit(ctx, AuditEntry{
			By: by, Action: transfer.AuditPrivacyExport, Account: account, Object: "account", ObjectID: string(d.Account.OperatorID),
			After: map[string]any{"keys": len(d.Keys), "people": len(d.People), "calls": len(d.Calls), "texts": len(d.Texts), "mails": len(d.Mails), "audit": len(d.Audit)},
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
	People int64 `json:"people"` // who belong to no other account
	Events int64 `json:"events"`
	Texts  int64 `json:"texts"` // messages and reasons of requests and batches
	Audit  int64 `json:"audit"`
}

var eraseAccount = newStatement(statement{
	name:  "erase_account",
	does:  "Replaces the email of an account by one that reaches no one, and removes its name and contacts.",
	given: "@account.",
	locks: "The caller holds the account.",
	text: `
		UPDATE accounts
		SET email = 'erased-' || lower(operator_id) || '@erased.invalid', name = NULL, contacts = '{}'
		WHERE id = @account`,
})

var erasePeople = newStatement(statement{
	name: "erase_people",
	does: `Erases the people of an account who belong to no other account and not to the staff, with their sign-ins and what
		the audit trail says about them outside of accounts, and the invitations of the account.`,
	given:   "@account.",
	returns: "How many people there were.",
	locks:   "Takes the people, the invitations and the entries.",
	text: `
		WITH erased AS (
			UPDATE people
			SET email = 'erased-' || id || '@erased.invalid', name = 'erased', issuer = NULL, subject = NULL, verified_at = NULL,
				disabled_at = coalesce(disabled_at, clock_timestamp())
			WHERE id IN (SELECT person FROM api_keys WHERE account = @account)
			  AND NOT EXISTS (
				SELECT 1 FROM api_keys k WHERE k.person = people.id AND k.account IS DISTINCT FROM @account AND k.revoked_at IS NULL
			  )
			RETURNING id
		), signed_out AS (
			DELETE FROM sign_ins WHERE person IN (SELECT id FROM erased)
		), invitations_erased AS (
			UPDATE invitations
			SET email = 'erased-' || id || '@erased.invalid', name = 'erased',
				revoked_at = CASE WHEN accepted_at IS NULL THEN coalesce(revoked_at, clock_timestamp()) END
			WHERE account = @account
		), acts_erased AS (
			UPDATE audit
			SET address = NULL, actor_name = '[erased]'
			WHERE person IN (SELECT id FROM erased) AND api_key IS NULL
		), names_erased AS (
			UPDATE audit
			SET before = ` + erasedFieldsSQL("before") + `, after = ` + erasedFieldsSQL("after") + `
			WHERE object = 'person' AND account IS NULL AND object_id IN (SELECT id::text FROM erased)
			  AND NOT (person IN (SELECT id FROM erased) AND api_key IS NULL)
		)
		SELECT count(*) FROM erased`,
})

var eraseKeys = newStatement(statement{
	name:  "erase_keys",
	does:  "Replaces the names of an account's keys and memberships by their ids, removes their networks and people, and revokes them.",
	given: "@account, and the key that does so: @by (null: none).",
	locks: "Takes the keys.",
	text: `
		UPDATE api_keys
		SET name = 'erased ' || id,
			networks = '{}',
			person = NULL,
			revoked_by = CASE WHEN revoked_at IS NULL THEN @by ELSE revoked_by END,
			revoked_at = coalesce(revoked_at, clock_timestamp())
		WHERE account = @account`,
})

var eraseEvents = newStatement(statement{
	name:  "erase_events",
	does:  "Erases the addresses, the reasons and the comments of what an account's keys did to requests.",
	given: "@account.",
	locks: "Takes the events.",
	text: `
		UPDATE events e
		SET address = NULL,
			detail = ` + erasedSQL("e.detail", "reason", "text") + `
		WHERE ` + accountCallsSQL + `
		  AND (e.address IS NOT NULL OR e.detail ?| '{reason,text}')`,
})

// The words of a decision are those of the account if one of its keys has made
// the decision.
var eraseTexts = newStatement(statement{
	name:    "erase_texts",
	does:    "Erases the messages of an account's requests, batches, pull requests and transfer codes, the networks from which it tried codes, and the reasons for which its keys ended requests.",
	given:   "@account.",
	locks:   "Takes all of these.",
	returns: "How many there were.",
	text: `
		WITH ended AS (
			SELECT DISTINCT e.request
			FROM events e
			WHERE ` + accountCallsSQL + `
			  AND e.kind IN ('cancel', 'decline', 'deny')
			  AND e.to_state IS NOT NULL
		), requests_erased AS (
			UPDATE requests r
			SET message = CASE WHEN r.source = @account AND r.message IS NOT NULL THEN '[erased]' ELSE r.message END,
				reason = CASE WHEN r.reason IS NOT NULL AND r.id IN (SELECT request FROM ended) THEN '[erased]' ELSE r.reason END
			WHERE r.source = @account AND r.message IS NOT NULL
			   OR r.id IN (SELECT request FROM ended) AND r.reason IS NOT NULL
			RETURNING 1
		), batches_erased AS (
			UPDATE batches
			SET message = '[erased]'
			WHERE account = @account AND message IS NOT NULL
			RETURNING 1
		), pulls_erased AS (
			UPDATE pulls
			SET message = '[erased]'
			WHERE asker = @account AND message IS NOT NULL
			RETURNING 1
		), codes_erased AS (
			UPDATE transfer_codes
			SET message = '[erased]'
			WHERE source = @account AND message IS NOT NULL
			RETURNING 1
		), attempts_forgotten AS (
			DELETE FROM code_attempts
			WHERE account = @account
		)
		SELECT (SELECT count(*) FROM requests_erased) + (SELECT count(*) FROM batches_erased)
			+ (SELECT count(*) FROM pulls_erased) + (SELECT count(*) FROM codes_erased)`,
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
				account = @account AND object IN ('account', 'key', 'person', 'invitation', 'webhook_endpoint') AS about
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
	return erasedSQL(object, "email", "name", "networks", "contacts", "url", "description")
}

// erasedSQL is a JSON object without the values of some of its fields.
func erasedSQL(object string, fields ...string) string {
	text := object
	for _, field := range fields {
		text += ` || CASE WHEN ` + object + ` ? '` + field + `' THEN '{"` + field + `": "[erased]"}' ELSE '{}' END::jsonb`
	}
	return "(" + text + ")"
}

var selectWebhookIDs = newStatement(statement{
	name:    "select_webhook_ids",
	does:    "Lists the webhook endpoints of an account.",
	given:   "@account.",
	returns: "Their ids.",
	text:    `SELECT id FROM webhook_endpoints WHERE account = @account ORDER BY id`,
})

var eraseMessages = newStatement(statement{
	name:  "erase_messages",
	does:  "Deletes the webhook messages that an account has heard, with their deliveries.",
	given: "@account.",
	locks: "Takes the messages.",
	text:  `DELETE FROM messages WHERE account = @account`,
})

// eraseWebhooks deletes the webhook endpoints of an account, whose addresses and
// descriptions can name people, and what was sent to them.
func (t *Tx) eraseWebhooks(ctx context.Context, by Actor, account int64) error {
	var ids []uuid.UUID
	if err := t.list(ctx, &ids, selectWebhookIDs, args{"account": account}); err != nil {
		return fmt.Errorf("listing the webhook endpoints of account %d: %w", account, err)
	}
	for _, id := range ids {
		every := func(WebhookEndpoint) bool { return true }
		if err := t.DeleteWebhook(ctx, by, id, every, func(WebhookEndpoint) error { return nil }); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	if _, err := t.exec(ctx, eraseMessages, args{"account": account}); err != nil {
		return fmt.Errorf("deleting the webhook messages of account %d: %w", account, err)
	}
	return nil
}

// ErasePersonalData erases what is stored about the people of a closed account:
// its email, its name and contacts, its people and webhook endpoints, its mails, the names and networks of its keys, which are revoked, the addresses
// that they were used from, the messages and comments that they wrote, and the
// reasons that they gave. SIMs, transfers, references, charges and who decided
// what stay as they are. The audit trail records the
// erasure. It returns ErrNotFound if the account does not exist, and
// ErrAccountOpen if it is not closed.
func (db *DB) ErasePersonalData(ctx context.Context, by Actor, id transfer.AccountRef, why string) (e Erased, err error) {
	err = db.InRetriedTx(ctx, func(t *Tx) error {
		e = Erased{}
		if err := t.AllowLong(ctx, privacyTimeout); err != nil {
			return err
		}
		if err := t.DeclareNoEvents(ctx); err != nil {
			return err
		}
		var a Account
		if err := t.get(ctx, &a, lockAccount, args{"account": id}); err != nil {
			return fmt.Errorf("locking account %s: %w", id, err)
		}
		if a.Standing != StandingClosed {
			return ErrAccountOpen
		}
		if err := t.eraseWebhooks(ctx, by, a.ID); err != nil {
			return err
		}
		if _, err := t.exec(ctx, eraseMails, args{"account": a.ID}); err != nil {
			return fmt.Errorf("erasing the mails of account %s: %w", id, err)
		}
		if _, err := t.exec(ctx, eraseAccount, args{"account": a.ID}); err != nil {
			return fmt.Errorf("erasing the email of account %s: %w", id, err)
		}
		if err := t.get(ctx, &e.People, erasePeople, args{"account": a.ID}); err != nil {
			return fmt.Errorf("erasing the people of account %s: %w", id, err)
		}
		if e.Keys, err = t.exec(ctx, eraseKeys, args{"account": a.ID, "by": by.key()}); err != nil {
			return fmt.Errorf("erasing the keys of account %s: %w", id, err)
		}
		if e.Events, err = t.exec(ctx, eraseEvents, args{"account": a.ID}); err != nil {
			return fmt.Errorf("erasing the events of account %s: %w", id, err)
		}
		if err := t.get(ctx, &e.Texts, eraseTexts, args{"account": a.ID}); err != nil {
			return fmt.Errorf("erasing the texts of account %s: %w", id, err)
		}
		if e.Audit, err = t.exec(ctx, eraseAudit, args{"account": a.ID}); err != nil {
			return fmt.Errorf("erasing the audit trail of account %s: %w", id, err)
		}
		return t.Audit(ctx, AuditEntry{
			By: by, Action: transfer.AuditPrivacyErase, Account: a.ID, Object: "account", ObjectID: string(a.OperatorID), After: e, Why: why,
		})
	})
	return e, err
}

package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

// DueMail is a mail to be sent now.
type DueMail struct {
	ID        int64             `db:"id"`
	MessageID uuid.UUID         `db:"message_id"`
	Event     string            `db:"event"`
	Account   int64             `db:"account"` // zero: to a person
	Address   string            `db:"address"`
	Kind      transfer.MailKind `db:"kind"`
	Type      transfer.MailType `db:"type"`
	Request   *uuid.UUID        `db:"request"`
	Data      json.RawMessage   `db:"data"` // transfer.MailNews
	Attempts  int               `db:"attempts"`
	Seconds   float64           `db:"seconds"` // since it was made
	Secret    []byte            `db:"secret"`  // signs the link to unsubscribe

	RequestState transfer.RequestState `db:"request_state"` // now; empty: the mail is about no request
	TimeIsOver   bool                  `db:"time_is_over"`  // to decide on the request
	TurnedOff    bool                  `db:"turned_off"`    // the address has turned mails of the kind off
	PullIsOver   bool                  `db:"pull_is_over"`  // the mail is about pull requests, and none waits for the account
}

// News returns what the mail says.
func (m DueMail) News() (transfer.MailNews, error) {
	var n transfer.MailNews
	if err := json.Unmarshal(m.Data, &n); err != nil {
		return n, fmt.Errorf("reading what mail %d says: %w", m.ID, err)
	}
	return n, nil
}

// Age is how long ago the mail was made.
func (m DueMail) Age() time.Duration { return time.Duration(m.Seconds * float64(time.Second)) }

// Outdated returns why the mail is not to be sent any more; empty: it is to be sent.
func (m DueMail) Outdated() string {
	switch {
	case m.TurnedOff:
		return "not sent: the address has turned mails of this kind off"
	case m.PullIsOver:
		return "not sent: no pull request waits for the account"
	case !m.Type.AsksForDecision() || m.RequestState == "":
		return ""
	case m.RequestState != transfer.AwaitingAcceptance:
		return "not sent: the request is " + string(m.RequestState)
	case m.TimeIsOver:
		return "not sent: the time to decide is over"
	}
	return ""
}

// The attempt is counted before it is made, so that a mail that ends its worker is
// not tried forever.
var startMail = newStatement(statement{
	name:    "start_mail",
	does:    "Takes the mail that is due longest, and counts an attempt to send it.",
	returns: "The mail, with what decides whether it is still true; no row if none is due.",
	locks:   "The caller holds the row of work. Takes the mail.",
	text: `
WITH due AS MATERIALIZED (
	SELECT id
	FROM mails
	WHERE state = 'pending' AND not_before <= clock_timestamp()
	ORDER BY not_before, id
	LIMIT 1
)
UPDATE mails m
SET attempts = attempts + 1, attempted_at = clock_timestamp()
FROM due
WHERE m.id = due.id
RETURNING
	m.id,
	m.message_id,
	m.event,
	coalesce(m.account, 0) AS account,
	m.address,
	m.kind,
	m.type,
	m.request,
	m.data,
	m.attempts,
	extract(epoch FROM clock_timestamp() - m.created_at)::float8 AS seconds,
	(SELECT secret FROM mail_sender) AS secret,
	coalesce((SELECT r.state FROM requests r WHERE r.id = m.request), '') AS request_state,
	coalesce((SELECT r.expires_at <= clock_timestamp() FROM requests r WHERE r.id = m.request), false) AS time_is_over,
	EXISTS (SELECT 1 FROM mail_choices x WHERE (x.account, x.address, x.kind) = (coalesce(m.account, 0), m.address, m.kind)) AS turned_off,
	m.type = 'pull_request' AND NOT EXISTS (
		SELECT 1
		FROM pull_owners o
		JOIN pulls p ON p.id = o.pull
		WHERE o.owner = m.account
		  AND coalesce(m.data -> 'pull' ->> 'id', p.id::text) = p.id::text
		  AND o.decision IS NULL
		  AND p.canceled_at IS NULL
		  AND p.expires_at > clock_timestamp()
	) AS pull_is_over`,
})

// StartMail returns the next mail to be sent, and counts the attempt. It returns
// ErrNotFound if none is due or the lease was lost.
func (db *DB) StartMail(ctx context.Context, w Work) (m DueMail, err error) {
	err = db.InTx(ctx, func(t *Tx) error {
		if _, err := t.LockLeased(ctx, w); err != nil {
			return err
		}
		if err := t.get(ctx, &m, startMail, args{}); err != nil {
			return fmt.Errorf("looking for a mail that is due: %w", err)
		}
		return nil
	})
	return m, err
}

// MailAttempt is what came of an attempt to send a mail.
type MailAttempt struct {
	Mail    int64
	Address string
	State   transfer.MailState // pending: it is tried again
	Wait    time.Duration      // until then
	Code    int                // what the mail server answered; zero: nothing
	Error   string             // empty: it was sent

	// Refused means that the mail server does not take mail to the address: that is
	// shown at the contact.
	Refused bool
	// Trouble means that the attempt says nothing about the mail, but that the mail
	// server takes none: nothing is sent until Pause is over.
	Trouble bool
	Pause   time.Duration
}

var recordMail = newStatement(statement{
	name: "record_mail",
	does: "Records an attempt to send a mail. When it has ended, what it says is deleted.",
	given: `@id of the mail; the @state after it, after how many seconds it is tried again (@wait), the @code that the mail
		server answered (0: none), and the @error (empty: none).`,
	locks: "The caller holds the row of work. Takes the mail.",
	text: `
UPDATE mails
SET state = @state,
	not_before = CASE @state WHEN 'pending' THEN clock_timestamp() + make_interval(secs => @wait) ELSE not_before END,
	ended_at = CASE WHEN @state <> 'pending' THEN clock_timestamp() END,
	data = CASE WHEN @state <> 'pending' THEN '{}' ELSE data END,
	code = nullif(@code::int, 0),
	error = nullif(@error, '')
WHERE id = @id AND state = 'pending'`,
})

var recordRefusal = newStatement(statement{
	name:  "record_mail_refusal",
	does:  "Records that the mail server refuses mail to an address.",
	given: "@address, the @code of the answer (0: none) and the @error.",
	locks: "Takes the row of the address.",
	text: `
INSERT INTO mail_refusals AS r (address, code, error)
VALUES (@address, nullif(@code::int, 0), @error)
ON CONFLICT (address) DO UPDATE
SET last_at = clock_timestamp(), code = excluded.code, error = excluded.error`,
})

var deleteRefusal = newStatement(statement{
	name:  "delete_mail_refusal",
	does:  "Records that a mail to an address got through.",
	given: "@address.",
	locks: "Takes the row of the address.",
	text:  `DELETE FROM mail_refusals WHERE address = @address`,
})

var recordMailSender = newStatement(statement{
	name:  "record_mail_sender",
	does:  "Records whether the mail server takes mail.",
	given: `Whether it is in @trouble; for how many seconds nothing is sent (@pause); the @error.`,
	locks: "Takes the row of the sender.",
	text: `
UPDATE mail_sender
SET failures = CASE WHEN @trouble THEN failures + 1 ELSE 0 END,
	failing_since = CASE WHEN @trouble THEN coalesce(failing_since, clock_timestamp()) END,
	failure = CASE WHEN @trouble THEN @error END,
	paused_until = CASE WHEN @trouble THEN clock_timestamp() + make_interval(secs => @pause) END
WHERE @trouble OR failures > 0`,
})

// RecordMail records an attempt to send a mail. It returns ErrNotFound if the lease
// was lost: another worker then sends the mail again.
func (db *DB) RecordMail(ctx context.Context, w Work, a MailAttempt) error {
	a.Error = clipText(a.Error, transfer.MaxMailError)
	return db.InTx(ctx, func(t *Tx) error {
		if _, err := t.LockLeased(ctx, w); err != nil {
			return err
		}
		if _, err := t.exec(ctx, recordMail, args{"id": a.Mail, "state": a.State, "wait": a.Wait.Seconds(), "code": a.Code, "error": a.Error}); err != nil {
			return fmt.Errorf("recording an attempt to send mail %d: %w", a.Mail, err)
		}
		var err error
		switch {
		case a.Refused:
			_, err = t.exec(ctx, recordRefusal, args{"address": a.Address, "code": a.Code, "error": a.Error})
		case a.State == transfer.MailSent:
			_, err = t.exec(ctx, deleteRefusal, args{"address": a.Address})
		}
		if err != nil {
			return fmt.Errorf("recording whether mail %d got through: %w", a.Mail, err)
		}
		if a.State == transfer.MailDropped {
			return nil // the mail server was not asked
		}
		if _, err := t.exec(ctx, recordMailSender, args{"trouble": a.Trouble, "pause": a.Pause.Seconds(), "error": a.Error}); err != nil {
			return fmt.Errorf("recording how the mail server answers: %w", err)
		}
		return nil
	})
}

// clipText returns the beginning of a text, up to a number of characters.
func clipText(text string, limit int) string {
	runes := []rune(text)
	if len(runes) <= limit {
		return text
	}
	return string(runes[:limit-1]) + "…"
}

var selectMailSender = newStatement(statement{
	name:    "select_mail_sender",
	does:    "Reads whether mail is sent and how the mail server answers.",
	returns: "One row.",
	text: `
SELECT
	active_until > clock_timestamp() AS active,
	failures,
	failing_since,
	failure,
	(SELECT count(*) FROM (SELECT FROM mails WHERE state = 'pending' LIMIT 10000) p) AS pending
FROM mail_sender`,
})

// MailSender is whether mail is sent, and how the mail server answers.
type MailSender struct {
	Active       bool       `db:"active"`   // a worker that has a mail server was there within a day
	Failures     int        `db:"failures"` // since the mail server last took or refused a mail
	FailingSince *time.Time `db:"failing_since"`
	Failure      *string    `db:"failure"`
	Pending      int        `db:"pending"` // mails, up to ten thousand
}

// MailSender returns whether mail is sent.
func (db *DB) MailSender(ctx context.Context) (MailSender, error) {
	var s MailSender
	if err := db.get(ctx, &s, selectMailSender, args{}); err != nil {
		return s, fmt.Errorf("reading whether mail is sent: %w", err)
	}
	return s, nil
}

var closeMailWork = newStatement(statement{
	name:    "close_mail_work",
	does:    "Ends the work of sending mails if none is pending, or makes it due when the next one is and the pause is over.",
	given:   "@id of the work; @seconds: not before they are over.",
	returns: "A row.",
	locks:   "The caller holds the row of work, which an earlier statement has taken.",
	text: `
WITH next AS MATERIALIZED (
	SELECT greatest(s.paused_until, m.not_before, clock_timestamp() + make_interval(secs => @seconds)) AS at
	FROM mail_sender s
	CROSS JOIN LATERAL (
		SELECT not_before
		FROM mails
		WHERE state = 'pending'
		ORDER BY not_before
		LIMIT 1
	) m
` + endOrPostponeSQL(""),
})

// CloseMailWork ends the work of sending mails, or postpones it until the next mail
// is due, but not before a time has passed.
func (db *DB) CloseMailWork(ctx context.Context, w Work, wait time.Duration) error {
	return db.InTx(ctx, func(t *Tx) error {
		if _, err := t.LockLeased(ctx, w); err != nil {
			return err
		}
		if err := t.get(ctx, new(int64), closeMailWork, args{"id": w.ID, "seconds": wait.Seconds()}); err != nil {
			return fmt.Errorf("ending work %d of sending mails: %w", w.ID, err)
		}
		return nil
	})
}

// Mail is an entry of the log of mails.
type Mail struct {
	ID          int64                `db:"id"`
	Event       string               `db:"event"`
	Account     *transfer.OperatorID `db:"account"` // nil: to a person
	Address     string               `db:"address"`
	Kind        transfer.MailKind    `db:"kind"`
	Type        transfer.MailType    `db:"type"`
	Request     *uuid.UUID           `db:"request"`
	State       transfer.MailState   `db:"state"`
	Attempts    int                  `db:"attempts"`
	CreatedAt   time.Time            `db:"created_at"`
	NextAttempt *time.Time           `db:"next_attempt"`
	AttemptedAt *time.Time           `db:"attempted_at"`
	EndedAt     *time.Time           `db:"ended_at"`
	Code        *int                 `db:"code"`
	Error       *string              `db:"error"`
}

const mailColumns = `
	m.id,
	m.event,
	a.operator_id AS account,
	m.address,
	m.kind,
	m.type,
	m.request,
	m.state,
	m.attempts,
	m.created_at,
	CASE WHEN m.state = 'pending' THEN greatest(m.not_before, (SELECT paused_until FROM mail_sender)) END AS next_attempt,
	m.attempted_at,
	m.ended_at,
	m.code,
	m.error`

var selectMails = newStatement(statement{
	name: "select_mails",
	does: "Lists the log of mails, the latest first.",
	given: `@account (0: any); @address (empty: any); @request and @states (null: any); @kinds (null: any); @before: only with lower
		ids (0: all); @limit: maximum number of rows.`,
	returns: "The mails, without what they said.",
	text: `
SELECT` + mailColumns + `
FROM mails m
LEFT JOIN accounts a ON a.id = m.account
WHERE (@account::bigint = 0 OR m.account = @account)
  AND (@address = '' OR m.address = @address)
  AND (@request::uuid IS NULL OR m.request = @request)
  AND (@states::text[] IS NULL OR m.state = ANY (@states))
  AND (@kinds::text[] IS NULL OR m.kind = ANY (@kinds))
  AND (@before::bigint = 0 OR m.id < @before)
ORDER BY m.id DESC
LIMIT @limit`,
})

// MailFilter selects mails. A zero field selects all.
type MailFilter struct {
	Account int64
	Address string
	Request *uuid.UUID
	States  []transfer.MailState
	Kinds   []transfer.MailKind
	Before  int64 // only with lower ids: the cursor
	Limit   int   // maximum number of rows; required
}

// Mails lists the log of mails, the latest first.
func (db *DB) Mails(ctx context.Context, f MailFilter) ([]Mail, error) {
	list := []Mail{}
	if err := db.list(ctx, &list, selectMails, args{
		"account": f.Account, "address": f.Address, "request": f.Request, "states": textArray(f.States), "kinds": textArray(f.Kinds),
		"before": f.Before, "limit": f.Limit,
	}); err != nil {
		return nil, fmt.Errorf("listing mails: %w", err)
	}
	return list, nil
}

var purgeMails = newStatement(statement{
	name:    "purge_mails",
	does:    `Deletes mails that have ended long ago, and refusals as old of addresses that are no contacts any more.`,
	given:   "@keep: for how many seconds they are kept; @limit: maximum number of mails.",
	returns: "The number of mails.",
	text: `
WITH old AS (
	SELECT id
	FROM mails
	WHERE created_at < clock_timestamp() - make_interval(secs => @keep) AND state <> 'pending'
	ORDER BY created_at
	LIMIT @limit
), deleted AS (
	DELETE FROM mails m
	USING old
	WHERE m.id = old.id
	RETURNING 1
), stale AS MATERIALIZED (
	SELECT address
	FROM mail_refusals
	WHERE last_at < clock_timestamp() - make_interval(secs => @keep)
	ORDER BY last_at
	LIMIT 100
), forgotten AS (
	DELETE FROM mail_refusals r
	USING stale
	WHERE r.address = stale.address
	  AND NOT EXISTS (SELECT 1 FROM accounts WHERE email = stale.address)
	  AND NOT EXISTS (SELECT 1 FROM accounts a CROSS JOIN jsonb_each(a.contacts) p WHERE p.value ? stale.address)
)
SELECT count(*) FROM deleted`,
})

// PurgeMails deletes up to limit mails that are older than keep, and returns how many
// it has deleted. It also forgets refusals that are as old, of addresses that no account
// has any more.
func (db *DB) PurgeMails(ctx context.Context, keep time.Duration, limit int) (int, error) {
	var n int
	if err := db.get(ctx, &n, purgeMails, args{"keep": keep.Seconds(), "limit": limit}); err != nil {
		return 0, fmt.Errorf("deleting old mails: %w", err)
	}
	return n, nil
}

// MailChoice is a kind of mail that an address has turned off.
type MailChoice struct {
	Address  string            `db:"address"`
	Kind     transfer.MailKind `db:"kind"`
	ChosenAt time.Time         `db:"chosen_at"`
}

var selectMailChoices = newStatement(statement{
	name:    "select_mail_choices",
	does:    "Lists the kinds of mail that addresses of an account have turned off.",
	given:   "@account.",
	returns: "The choices.",
	text: `
SELECT address, kind, chosen_at
FROM mail_choices
WHERE account = @account
ORDER BY address, kind`,
})

// MailChoices lists the kinds of mail that addresses of an account have turned off.
func (db *DB) MailChoices(ctx context.Context, account int64) ([]MailChoice, error) {
	return mailChoices(ctx, db, account)
}

func mailChoices(ctx context.Context, q querier, account int64) ([]MailChoice, error) {
	list := []MailChoice{}
	if err := q.list(ctx, &list, selectMailChoices, args{"account": account}); err != nil {
		return nil, fmt.Errorf("listing what addresses of account %d have turned off: %w", account, err)
	}
	return list, nil
}

var turnMailOff = newStatement(statement{
	name:    "turn_mail_off",
	does:    "Turns a kind of mail off for an address of an account.",
	given:   "@account, @address and @kind.",
	returns: "The operator id of the account, unless it was off already.",
	text: `
INSERT INTO mail_choices (account, address, kind)
VALUES (@account, @address, @kind)
ON CONFLICT DO NOTHING
RETURNING (SELECT operator_id FROM accounts WHERE id = @account)`,
})

var turnMailOn = newStatement(statement{
	name:    "turn_mail_on",
	does:    "Turns a kind of mail on again for an address of an account.",
	given:   "@account, @address and @kind.",
	returns: "The operator id of the account, unless it was on already.",
	text: `
DELETE FROM mail_choices
WHERE (account, address, kind) = (@account, @address, @kind)
RETURNING (SELECT operator_id FROM accounts WHERE id = @account)`,
})

// maxMailChoices is how many choices an account can have. It is far more than
// contacts and kinds.
const maxMailChoices = 2000

// ErrTooManyMailChoices is returned if an account has too many choices.
var ErrTooManyMailChoices = errors.New("too many kinds of mail are turned off")

// ChooseMail turns a kind of mail off or on for an address of an account. It returns
// whether that changed anything.
func (t *Tx) ChooseMail(ctx context.Context, by Actor, account int64, address string, kind transfer.MailKind, off bool) (changed bool, err error) {
	var operator transfer.OperatorID
	if off {
		list, err := mailChoices(ctx, t, account)
		if err != nil {
			return false, err
		}
		if len(list) >= maxMailChoices {
			return false, ErrTooManyMailChoices
		}
		err = t.get(ctx, &operator, turnMailOff, args{"account": account, "address": address, "kind": kind})
		return t.mailChosen(ctx, by, operator, account, address, kind, off, err)
	}
	err = t.get(ctx, &operator, turnMailOn, args{"account": account, "address": address, "kind": kind})
	return t.mailChosen(ctx, by, operator, account, address, kind, off, err)
}

// mailChosen records a choice in the audit trail, unless it has changed nothing. err is
// what came of the statement.
func (t *Tx) mailChosen(ctx context.Context, by Actor, operator transfer.OperatorID, account int64, address string, kind transfer.MailKind, off bool, err error) (changed bool, _ error) {
	switch {
	case errors.Is(err, ErrNotFound):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("turning mails of the kind %s on or off: %w", kind, err)
	}
	return true, t.Audit(ctx, AuditEntry{
		By: by, Action: transfer.AuditMailChoice, Account: account, Object: "account", ObjectID: string(operator),
		Before: map[string]any{"off": !off}, After: map[string]any{"email": address, "kind": kind, "off": off},
	})
}

// MailRefusal is an address whose mails are refused.
type MailRefusal struct {
	Address string    `db:"address"`
	Since   time.Time `db:"since"`
	LastAt  time.Time `db:"last_at"`
	Code    *int      `db:"code"`
	Error   string    `db:"error"`
}

var selectMailRefusals = newStatement(statement{
	name:    "select_mail_refusals",
	does:    "Lists the contacts of an account whose mails are refused, and its primary email if it is one of them.",
	given:   "@account.",
	returns: "The addresses, with the last answer of the mail server.",
	text: `
SELECT r.address, r.since, r.last_at, r.code, r.error
FROM mail_refusals r
WHERE r.address IN (
	SELECT email FROM accounts WHERE id = @account
	UNION
	SELECT jsonb_array_elements_text(p.value)
	FROM accounts a
	CROSS JOIN jsonb_each(a.contacts) p
	WHERE a.id = @account
)
ORDER BY r.address`,
})

// MailRefusals lists the contacts of an account whose mails are refused.
func (db *DB) MailRefusals(ctx context.Context, account int64) ([]MailRefusal, error) {
	list := []MailRefusal{}
	if err := db.list(ctx, &list, selectMailRefusals, args{"account": account}); err != nil {
		return nil, fmt.Errorf("listing the contacts of account %d whose mails are refused: %w", account, err)
	}
	return list, nil
}

var selectUnsubscribeSecret = newStatement(statement{
	name:    "select_unsubscribe_secret",
	does:    "Reads the secret with which links to unsubscribe are signed.",
	returns: "The secret.",
	text:    `SELECT secret FROM mail_sender`,
})

// UnsubscribeSecret returns the secret with which links to unsubscribe are signed.
func (db *DB) UnsubscribeSecret(ctx context.Context) ([]byte, error) {
	var secret []byte
	if err := db.get(ctx, &secret, selectUnsubscribeSecret, args{}); err != nil {
		return nil, fmt.Errorf("reading the secret of links to unsubscribe: %w", err)
	}
	return secret, nil
}

var eraseMails = newStatement(statement{
	name: "erase_mails",
	does: `Deletes the mails to an account and to those of its people who belong to no other, and what is known about the addresses;
		removes the account's words from pending mails to others.`,
	given: "@account. It is called before the addresses are erased.",
	locks: "Takes the mails.",
	text: `
WITH addresses AS MATERIALIZED (
	SELECT email AS address FROM accounts WHERE id = @account
	UNION
	SELECT jsonb_array_elements_text(p.value) FROM accounts a CROSS JOIN jsonb_each(a.contacts) p WHERE a.id = @account
	UNION
	SELECT address FROM mails WHERE account = @account
	UNION
	SELECT p.email
	FROM people p
	WHERE p.id IN (SELECT person FROM api_keys WHERE account = @account)
	  AND NOT EXISTS (SELECT 1 FROM api_keys k WHERE k.person = p.id AND k.account IS DISTINCT FROM @account AND k.revoked_at IS NULL)
), chosen AS (
	DELETE FROM mail_choices WHERE account = @account
), refused AS (
	DELETE FROM mail_refusals WHERE address IN (SELECT address FROM addresses)
), collected AS (
	DELETE FROM mail_digests WHERE account = @account
), words AS (
	UPDATE mails
	SET data = data - '{source_name,message,reason}'::text[]
	WHERE state = 'pending' AND account <> @account
	  AND request IN (SELECT id FROM requests WHERE source = @account OR destination = @account)
)
DELETE FROM mails
WHERE account = @account OR state = 'pending' AND data -> 'pull' ->> 'asker' = (SELECT operator_id FROM accounts WHERE id = @account) OR account IS NULL AND address IN (SELECT address FROM addresses)`,
})

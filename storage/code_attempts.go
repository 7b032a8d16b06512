package storage

import (
	"context"
	"fmt"
	"time"
)

// Attempts to redeem transfer codes are counted in the database, across all
// processes. An attempt counts from before the code is looked up until it turns
// out to be valid, so concurrent calls cannot make more attempts than are allowed.

// MaxCodeAttempts and MaxNetworkCodeAttempts are how many wrong transfer codes an
// account, and all accounts in one network, can try in an hour.
const (
	MaxCodeAttempts        = 10
	MaxNetworkCodeAttempts = 30
)

// TooManyCodesError is returned when an account or a network has tried too many
// wrong transfer codes.
type TooManyCodesError struct{ RetryAfter time.Duration }

func (e *TooManyCodesError) Error() string {
	return "too many wrong transfer codes were tried in the last hour, from this account or from this network: " +
		"wait, and ask for the code in writing"
}

var lockCodeAttempts = newStatement(statement{
	name:  "lock_code_attempts",
	does:  "Locks the attempts of an account and of a network until the transaction ends.",
	given: "@account and @network.",
	locks: "Takes the advisory locks of the account's and the network's attempts, in this order: the only locks of its transaction.",
	text: `
SELECT
	pg_advisory_xact_lock(hashtextextended('code attempts of account ' || @account::bigint, 0)),
	pg_advisory_xact_lock(hashtextextended('code attempts of network ' || @network::text, 0))`,
})

var countCodeAttempts = newStatement(statement{
	name:  "count_code_attempts",
	does:  "Counts the attempts of the last hour to redeem a transfer code.",
	given: "@account and @network, and the limits @account_limit and @network_limit.",
	returns: `How many attempts the account has made, and for how many seconds both have to wait: until the oldest attempt that
		makes the limit full is an hour old.`,
	locks: "The caller holds the advisory locks of the attempts.",
	text: `
SELECT
	(SELECT count(*) FROM code_attempts WHERE account = @account AND at > clock_timestamp() - interval '1 hour') AS earlier,
	coalesce(extract(epoch FROM greatest(
		(SELECT at FROM code_attempts WHERE account = @account ORDER BY at DESC OFFSET @account_limit::int - 1 LIMIT 1),
		(SELECT at FROM code_attempts WHERE network = @network ORDER BY at DESC OFFSET @network_limit::int - 1 LIMIT 1)
	) + interval '1 hour' - clock_timestamp()), 0)::float8 AS wait`,
})

var insertCodeAttempt = newStatement(statement{
	name:    "insert_code_attempt",
	does:    "Records an attempt to redeem a transfer code.",
	given:   "@account and @network.",
	returns: "Its id.",
	locks:   "The caller holds the advisory locks of the attempts.",
	text:    `INSERT INTO code_attempts (account, network) VALUES (@account, @network) RETURNING id`,
})

// BeginCodeAttempt counts an attempt of an account in a network to redeem a
// transfer code, and returns its id and how many the account has made in the hour
// before. It returns a *TooManyCodesError if the account or the network has made
// too many. The attempt is forgotten if RedeemCode succeeds.
func (db *DB) BeginCodeAttempt(ctx context.Context, account int64, network string) (id int64, earlier int, err error) {
	err = db.InRetriedTx(ctx, func(t *Tx) error {
		if _, err := t.exec(ctx, lockCodeAttempts, args{"account": account, "network": network}); err != nil {
			return fmt.Errorf("locking the attempts of account %d: %w", account, err)
		}
		var used struct {
			Earlier int     `db:"earlier"`
			Wait    float64 `db:"wait"`
		}
		if err := t.get(ctx, &used, countCodeAttempts, args{
			"account": account, "network": network, "account_limit": MaxCodeAttempts, "network_limit": MaxNetworkCodeAttempts,
		}); err != nil { // after the lock was granted: lock, then look
			return fmt.Errorf("counting the attempts of account %d: %w", account, err)
		}
		if used.Wait > 0 {
			return &TooManyCodesError{time.Duration(used.Wait * float64(time.Second))}
		}
		earlier = used.Earlier
		if err := t.get(ctx, &id, insertCodeAttempt, args{"account": account, "network": network}); err != nil {
			return fmt.Errorf("recording an attempt of account %d: %w", account, err)
		}
		return nil
	})
	return id, earlier, err
}

var deleteCodeAttempt = newStatement(statement{
	name:  "delete_code_attempt",
	does:  "Forgets an attempt to redeem a transfer code.",
	given: "@id.",
	text:  `DELETE FROM code_attempts WHERE id = @id`,
})

// ForgetCodeAttempt forgets an attempt that failed for another reason than the code.
func (db *DB) ForgetCodeAttempt(ctx context.Context, id int64) error {
	return forgetCodeAttempt(ctx, db, id)
}

func forgetCodeAttempt(ctx context.Context, q querier, id int64) error {
	if _, err := q.exec(ctx, deleteCodeAttempt, args{"id": id}); err != nil {
		return fmt.Errorf("forgetting attempt %d: %w", id, err)
	}
	return nil
}

var deleteOldCodeAttempts = newStatement(statement{
	name:  "delete_old_code_attempts",
	does:  "Deletes attempts to redeem a transfer code that are older than an hour.",
	given: "@limit: maximum number of attempts.",
	locks: "Takes the attempts.",
	text: `
DELETE FROM code_attempts
WHERE id IN (
	SELECT id
	FROM code_attempts
	WHERE at < clock_timestamp() - interval '1 hour'
	ORDER BY at
	LIMIT @limit
	FOR UPDATE SKIP LOCKED
)`,
})

package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

// OpenWith counts what an account still has when it is to be closed.
type OpenWith struct {
	Sent     int `db:"sent"`     // unfinished requests that it sends
	Received int `db:"received"` // unfinished requests that it receives
	Accepted int `db:"accepted"` // of both, those that are being transferred and can no longer be ended
	Batches  int `db:"batches"`  // batches with unfinished requests
	SIMs     int `db:"sims"`     // registered to it
	Keys     int `db:"keys"`     // that have not been revoked
}

// AccountInUseError is returned when an account is to be closed while requests
// that it sends or receives are open.
type AccountInUseError struct {
	OperatorID transfer.OperatorID
	OpenWith
}

func (e *AccountInUseError) Error() string {
	return fmt.Sprintf("account %s sends %d and receives %d requests that are not finished, %d of which are accepted: "+
		"wait until they are finished, or end them with open_requests: end", e.OperatorID, e.Sent, e.Received, e.Accepted)
}

// AccountClosedError is returned for a decision on a request one of whose
// accounts is closed, and for the creation of one, which has no Event.
type AccountClosedError struct{ Event transfer.Event }

func (e *AccountClosedError) Error() string {
	if e.Event == "" {
		return "the source or the destination is closed: it can neither send nor receive SIMs"
	}
	return fmt.Sprintf("the source or the destination of the request is closed: it cannot be %s", e.Event.Participle())
}

var selectOpenWith = newStatement(statement{
	name:    "select_open_with",
	does:    "Counts what an account still takes part in.",
	given:   "@account.",
	returns: "The counts.",
	locks:   "The caller holds the account, so that no accept of its requests is in progress.",
	text: `
SELECT
	count(*) FILTER (WHERE source = @account) AS sent,
	count(*) FILTER (WHERE destination = @account) AS received,
	count(*) FILTER (WHERE state = 'transferring') AS accepted,
	count(DISTINCT batch) FILTER (WHERE source = @account) AS batches,
	(SELECT count(*) FROM sims WHERE account = @account) AS sims,
	(SELECT count(*) FROM api_keys WHERE account = @account AND person IS NULL AND revoked_at IS NULL) AS keys
FROM requests
WHERE (source = @account OR destination = @account) AND finished_at IS NULL`,
})

// checkClosing returns an *AccountInUseError if the account has open requests.
func (t *Tx) checkClosing(ctx context.Context, a Account) error {
	var open OpenWith
	if err := t.get(ctx, &open, selectOpenWith, args{"account": a.ID}); err != nil {
		return fmt.Errorf("counting what account %s takes part in: %w", a.OperatorID, err)
	}
	if open.Sent+open.Received > 0 {
		return &AccountInUseError{a.OperatorID, open}
	}
	return nil
}

var shareAccounts = newStatement(statement{
	name:    "share_accounts",
	does:    "Keeps the standing of a request's accounts from changing.",
	given:   "@source and @destination.",
	returns: "Whether both are open.",
	locks:   "Takes the accounts, by ascending id, shared with other decisions.",
	text: `
SELECT bool_and(standing = 'open')
FROM (
	SELECT standing
	FROM accounts
	WHERE id IN (@source, @destination)
	ORDER BY id
	FOR SHARE
) AS accounts`,
})

// accountsOpen returns an *AccountClosedError for the event if an account of the
// request is closed. Until the transaction ends, neither can be closed.
func (t *Tx) accountsOpen(ctx context.Context, r Request, e transfer.Event) error {
	open, err := t.shareAccounts(ctx, r.Source, r.Destination)
	if err == nil && !open {
		err = &AccountClosedError{e}
	}
	return err
}

// shareAccounts returns whether two accounts are open. Until the transaction ends,
// neither can be closed.
func (t *Tx) shareAccounts(ctx context.Context, source, destination int64) (open bool, err error) {
	if err := t.get(ctx, &open, shareAccounts, args{"source": source, "destination": destination}); err != nil {
		return false, fmt.Errorf("reading whether the accounts %d and %d are open: %w", source, destination, err)
	}
	return open, nil
}

var selectUnacceptedRequests = newStatement(statement{
	name:    "select_unaccepted_requests",
	does:    "Lists requests that an account sends or receives and that can still be ended, oldest first.",
	given:   "@account.",
	returns: "Their ids.",
	text: `
SELECT id
FROM requests
WHERE (source = @account OR destination = @account) AND state IN ('validating', 'in_review', 'awaiting_acceptance', 'scheduled')
ORDER BY id`,
})

// EndRequestsOf cancels every request that an account sends or receives and
// whose execution has not begun, on behalf of support, each in a transaction of its
// own. It returns how many it has canceled. Calling it again ends the rest. Requests that
// have expired are left to the sweep.
func (db *DB) EndRequestsOf(ctx context.Context, by Actor, account int64) (int, error) {
	by.Party = transfer.PartySupport
	var ids []uuid.UUID
	if err := db.list(ctx, &ids, selectUnacceptedRequests, args{"account": account}); err != nil {
		return 0, fmt.Errorf("listing the open requests of account %d: %w", account, err)
	}
	n := 0
	for _, id := range ids {
		err := db.InRetriedTx(ctx, func(t *Tx) error {
			_, err := t.Decide(ctx, id, Decision{Event: transfer.Cancel, By: by, Reason: "the account was closed"})
			return err
		})
		var faster *transfer.StateError
		var expired *transfer.ExpiredError
		switch {
		case err == nil:
			n++
		case !errors.As(err, &faster) && !errors.As(err, &expired): // otherwise another decision came first, or the sweep will end it
			return n, fmt.Errorf("ending the requests of account %d: %w", account, err)
		}
	}
	return n, nil
}

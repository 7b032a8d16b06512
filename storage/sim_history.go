package storage

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

// History is everything that is recorded about a SIM. Each list begins with the
// newest entry and has up to MaxHistory+1 entries: one more than MaxHistory
// means that there are more.
type History struct {
	SIM           SIM
	Registrations []Registration
	Transfers     []PastTransfer
	Sessions      []PastSession
	Charges       []Charge
}

// MaxHistory is the maximum number of entries of a history list to show.
const MaxHistory = 500

// Registration is an account that a SIM was registered to, and since when.
type Registration struct {
	Since      time.Time           `db:"since"`
	OperatorID transfer.OperatorID `db:"operator_id"`
	Request    *uuid.UUID          `db:"request"` // the request that transferred the SIM to the account; nil for the first account
}

// PastTransfer is a transfer of a SIM in any state.
type PastTransfer struct {
	Request      uuid.UUID             `db:"request"`
	RequestState transfer.RequestState `db:"request_state"`
	Source       transfer.OperatorID   `db:"source"`
	Destination  transfer.OperatorID   `db:"destination"`
	Ticket       *string               `db:"ticket"`
	CreatedAt    time.Time             `db:"created_at"`
	Currency     transfer.Currency     `db:"currency"`
	Transfer
}

// PastSession is a data session of a SIM.
type PastSession struct {
	ID       string     `db:"acctsessionid"` // as the gateway sent it; as it is stored if it is not UTF-8
	StoredID string     `db:"stored_id"`
	Gateway  string     `db:"gateway"`
	Started  *time.Time `db:"acctstarttime"`
	Stopped  *time.Time `db:"acctstoptime"`
	Cause    *string    `db:"acctterminatecause"`
	Received int64      `db:"acctinputoctets"`  // bytes
	Sent     int64      `db:"acctoutputoctets"` // bytes
}

// Charge is a fee that was charged.
type Charge struct {
	Request    uuid.UUID           `db:"request"`
	OperatorID transfer.OperatorID `db:"operator_id"` // of the account that pays
	Amount     int64               `db:"amount"`      // in the currency's minor unit
	Currency   transfer.Currency   `db:"currency"`
	ChargedAt  time.Time           `db:"charged_at"`
}

var selectRegistrations = newStatement(statement{
	name:    "select_registrations",
	does:    "Lists the accounts that a SIM was registered to, newest first.",
	given:   "@sim: the id of the SIM; @limit: maximum number of rows.",
	returns: "The registrations.",
	text: `
		SELECT
			g.since,
			a.operator_id,
			g.request
		FROM registrations g
		JOIN accounts a ON a.id = g.account
		WHERE g.sim = @sim
		ORDER BY g.since DESC
		LIMIT @limit`,
})

var selectPastTransfers = newStatement(statement{
	name:    "select_past_transfers",
	does:    "Lists the transfers of a SIM, newest first.",
	given:   "@sim: the id of the SIM; @limit: maximum number of rows.",
	returns: "The transfers that named the SIM by one of its identifiers.",
	text: `SELECT
	t.request,
	r.state AS request_state,
	src.operator_id AS source,
	dst.operator_id AS destination,
	r.ticket,
	r.created_at,
	src.currency,` + transferColumns + `
FROM transfers t
JOIN requests r ON r.id = t.request
JOIN accounts src ON src.id = r.source
JOIN accounts dst ON dst.id = r.destination
LEFT JOIN sims s ON s.id = t.sim
LEFT JOIN registrations g ON g.sim = t.sim AND g.request = t.request AND g.n = t.n
WHERE t.identifier IN (SELECT identifier FROM identifiers WHERE sim = @sim)
ORDER BY t.request DESC, t.n
LIMIT @limit`,
})

var selectPastSessions = newStatement(statement{
	name:    "select_past_sessions",
	does:    "Lists the data sessions of a SIM, newest first.",
	given:   "@sim: the id of the SIM; @limit: maximum number of rows.",
	returns: "The sessions, open ones included.",
	text: `
		SELECT
			radius.unescaped(acctsessionid, escaped) AS acctsessionid,
			acctsessionid AS stored_id,
			host(nasipaddress) AS gateway,
			acctstarttime,
			acctstoptime,
			acctterminatecause,
			coalesce(acctinputoctets, 0) AS acctinputoctets,
			coalesce(acctoutputoctets, 0) AS acctoutputoctets
		FROM radius.radacct
		WHERE sim = @sim
		ORDER BY radacctid DESC
		LIMIT @limit`,
})

var selectCharges = newStatement(statement{
	name:    "select_charges",
	does:    "Lists the fees charged for transfers of a SIM, newest first.",
	given:   "@sim: the id of the SIM; @limit: maximum number of rows.",
	returns: "The charges.",
	text: `
		SELECT
			c.request,
			a.operator_id,
			c.amount,
			c.currency,
			c.charged_at
		FROM transfers t
		JOIN charges c ON c.request = t.request AND c.n = t.n
		JOIN accounts a ON a.id = c.account
		WHERE t.identifier IN (SELECT identifier FROM identifiers WHERE sim = @sim) AND t.sim = @sim
		ORDER BY c.charged_at DESC
		LIMIT @limit`,
})

// SIMHistory returns the history of the SIM that an identifier names, across
// all accounts, or ErrNotFound.
func (db *DB) SIMHistory(ctx context.Context, id transfer.Identifier) (History, error) {
	var h History
	var err error
	if h.SIM, err = db.SIM(ctx, 0, id); err != nil {
		return h, err
	}
	sim, limit := h.SIM.ID, MaxHistory+1
	if err := db.list(ctx, &h.Registrations, selectRegistrations, args{"sim": sim, "limit": limit}); err != nil {
		return h, fmt.Errorf("reading the registrations of SIM %s: %w", h.SIM.ICCID, err)
	}
	if err := db.list(ctx, &h.Transfers, selectPastTransfers, args{"sim": sim, "limit": limit}); err != nil {
		return h, fmt.Errorf("reading the transfers of SIM %s: %w", h.SIM.ICCID, err)
	}
	if err := db.list(ctx, &h.Sessions, selectPastSessions, args{"sim": sim, "limit": limit}); err != nil {
		return h, fmt.Errorf("reading the sessions of SIM %s: %w", h.SIM.ICCID, err)
	}
	for i, s := range h.Sessions {
		if !utf8.ValidString(s.ID) {
			h.Sessions[i].ID = s.StoredID
		}
	}
	if err := db.list(ctx, &h.Charges, selectCharges, args{"sim": sim, "limit": limit}); err != nil {
		return h, fmt.Errorf("reading the charges of SIM %s: %w", h.SIM.ICCID, err)
	}
	return h, nil
}

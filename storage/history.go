package storage

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

// History is everything that is known of a SIM, newest first. Of each kind one
// row more than MaxHistory is read, which tells that there are more.
type History struct {
	SIM           SIM
	Registrations []Registration
	Transfers     []PastTransfer
	Sessions      []PastSession
	Charges       []Charge
}

// MaxHistory is how many rows of each kind of a history are shown.
const MaxHistory = 500

// Registration is an account that a SIM was registered to from an instant on.
type Registration struct {
	Since      time.Time           `db:"since"`
	OperatorID transfer.OperatorID `db:"operator_id"`
	Request    *uuid.UUID          `db:"request"` // null for the first
}

// PastTransfer is a transfer of a SIM, or one that was asked for.
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
	ID       string     `db:"acctsessionid"`
	Gateway  string     `db:"gateway"`
	Started  *time.Time `db:"acctstarttime"`
	Stopped  *time.Time `db:"acctstoptime"`
	Cause    *string    `db:"acctterminatecause"`
	Received int64      `db:"acctinputoctets"`
	Sent     int64      `db:"acctoutputoctets"`
}

// Charge is a fee that was posted.
type Charge struct {
	Request    uuid.UUID           `db:"request"`
	OperatorID transfer.OperatorID `db:"operator_id"`
	Amount     int64               `db:"amount"` // minor units
	Currency   transfer.Currency   `db:"currency"`
	ChargedAt  time.Time           `db:"charged_at"`
}

// SIMHistory returns the history of the SIM that an identifier names, across
// accounts, or ErrNotFound.
func (db *DB) SIMHistory(ctx context.Context, id transfer.Identifier) (History, error) {
	var h History
	var err error
	if h.SIM, err = db.SIM(ctx, 0, id); err != nil {
		return h, err
	}
	for _, part := range []struct {
		what  string
		into  any
		query string
	}{
		{"registrations", &h.Registrations, `
			SELECT g.since, a.operator_id, g.request
			FROM registrations g
			JOIN accounts a ON a.id = g.account
			WHERE g.sim = $1
			ORDER BY g.since DESC
			LIMIT $2`},
		{"transfers", &h.Transfers, `
			SELECT
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
			WHERE t.identifier IN (SELECT identifier FROM identifiers WHERE sim = $1)
			ORDER BY t.request DESC, t.n
			LIMIT $2`},
		{"sessions", &h.Sessions, `
			SELECT
				acctsessionid,
				host(nasipaddress) AS gateway,
				acctstarttime,
				acctstoptime,
				acctterminatecause,
				coalesce(acctinputoctets, 0) AS acctinputoctets,
				coalesce(acctoutputoctets, 0) AS acctoutputoctets
			FROM radius.radacct
			WHERE sim = $1
			ORDER BY radacctid DESC
			LIMIT $2`},
		{"charges", &h.Charges, `
			SELECT c.request, a.operator_id, c.amount, c.currency, c.charged_at
			FROM transfers t
			JOIN charges c ON c.request = t.request AND c.n = t.n
			JOIN accounts a ON a.id = c.account
			WHERE t.identifier IN (SELECT identifier FROM identifiers WHERE sim = $1) AND t.sim = $1
			ORDER BY c.charged_at DESC
			LIMIT $2`},
	} {
		if err := db.pool.SelectContext(ctx, part.into, part.query, h.SIM.ID, MaxHistory+1); err != nil {
			return h, fmt.Errorf("reading the %s of SIM %s: %w", part.what, h.SIM.ICCID, err)
		}
	}
	return h, nil
}

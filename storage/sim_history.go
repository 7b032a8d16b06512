package storage

import (
	"context"
	"fmt"
	"time"

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
	Former        []FormerIdentifier
	Swaps         []PastSwap
	Changes       []ChangedValue
}

// ChangedValue is a change of the status or the plan of a SIM.
type ChangedValue struct {
	At    time.Time `db:"at"`
	Field string    `db:"field"` // status or plan
	From  string    `db:"was"`
	To    string    `db:"becomes"`
}

// FormerIdentifier is an identifier that a SIM had until an instant.
type FormerIdentifier struct {
	Identifier string         `db:"identifier"`
	Kind       IdentifierKind `db:"kind"`
	Until      time.Time      `db:"until"`
}

// MaxHistory is the maximum number of entries of a history list to show.
const MaxHistory = 500

// Registration is an account that a SIM was registered to, and since when.
type Registration struct {
	Since      time.Time           `db:"since"`
	OperatorID transfer.OperatorID `db:"operator_id"`
	AccountID  *string             `db:"account_external_id"`
	Request    *uuid.UUID          `db:"request"`   // the request that transferred the SIM to the account; nil for the first account, and for a correction
	Corrected  bool                `db:"corrected"` // an administrator corrected the owner
	Ticket     *string             `db:"ticket"`    // of the correction; nil: none
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

	SourceExternalID      *string `db:"source_external_id"`
	DestinationExternalID *string `db:"destination_external_id"`
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

var selectRegistrations = newStatement(statement{
	name:    "select_registrations",
	does:    "Lists the accounts that a SIM was registered to, newest first.",
	given:   "@sim: the id of the SIM; @limit: maximum number of rows.",
	returns: "The registrations.",
	text: `
		SELECT
			g.since,
			a.operator_id,
			a.external_id AS account_external_id,
			g.request,
			c.sim IS NOT NULL AS corrected,
			c.ticket
		FROM registrations g
		JOIN accounts a ON a.id = g.account
		LEFT JOIN owner_corrections c ON c.sim = g.sim AND c.since = g.since
		WHERE g.sim = @sim
		ORDER BY g.since DESC
		LIMIT @limit`,
})

// everyIdentifierSQL selects all identifiers that @sim has or had.
const everyIdentifierSQL = `SELECT identifier FROM identifiers WHERE sim = @sim UNION SELECT identifier FROM former_identifiers WHERE sim = @sim`

var selectPastTransfers = newStatement(statement{
	name:    "select_past_transfers",
	does:    "Lists the transfers of a SIM, newest first.",
	given:   "@sim: the id of the SIM; @limit: maximum number of rows.",
	returns: "The transfers of the SIM, and those that named no SIM by one of its identifiers.",
	text: `SELECT
	t.request,
	r.state AS request_state,
	src.operator_id AS source,
	src.external_id AS source_external_id,
	dst.operator_id AS destination,
	dst.external_id AS destination_external_id,
	r.ticket,
	r.created_at,
	src.currency,` + transferColumns + `
FROM transfers t
JOIN requests r ON r.id = t.request
JOIN accounts src ON src.id = r.source
JOIN accounts dst ON dst.id = r.destination
LEFT JOIN sims s ON s.id = t.sim
LEFT JOIN registrations g ON g.sim = t.sim AND g.request = t.request AND g.n = t.n
WHERE t.identifier IN (` + everyIdentifierSQL + `)
  AND (t.sim = @sim OR t.sim IS NULL AND EXISTS (SELECT 1 FROM identifiers i WHERE i.identifier = t.identifier AND i.sim = @sim))
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

var selectFormerIdentifiers = newStatement(statement{
	name:    "select_former_identifiers",
	does:    "Lists the identifiers that a SIM had, newest first.",
	given:   "@sim: the id of the SIM; @limit: maximum number of rows.",
	returns: "The identifiers, and until when it had each.",
	text: `
		SELECT identifier, kind, until
		FROM former_identifiers
		WHERE sim = @sim
		ORDER BY until DESC, identifier
		LIMIT @limit`,
})

var selectChangedValues = newStatement(statement{
	name:    "select_changed_values",
	does:    "Lists how the status and the plan of a SIM changed, newest first.",
	given:   "@sim: the id of the SIM; @limit: maximum number of rows.",
	returns: "The changes with the field that changed, which was one value and becomes another.",
	text: `
		SELECT at, field, before->>field AS was, after->>field AS becomes
		FROM changes, split_part(kind, '_', 1) AS field
		WHERE kind IN ('status_changed', 'plan_changed') AND sims[1] = @sim::bigint
		ORDER BY id DESC
		LIMIT @limit`,
})

var selectNamedAt = newStatement(statement{
	name:    "select_named_at",
	does:    "Finds the SIM that an identifier named at an instant.",
	given:   `@identifier; @at: the instant (null: now, or if it names none any more, when it last did).`,
	returns: "The id of the SIM; none if there is none.",
	text: `
		WITH former AS (
			SELECT sim, until
			FROM former_identifiers
			WHERE identifier = @identifier
		), current AS (
			SELECT sim
			FROM identifiers
			WHERE identifier = @identifier
		)
		SELECT sim
		FROM (
			(SELECT sim, 1 AS choice FROM former WHERE until > @at::timestamptz ORDER BY until LIMIT 1)
			UNION ALL
			SELECT sim, 2 FROM current
			UNION ALL
			(SELECT sim, 3 FROM former WHERE @at::timestamptz IS NULL ORDER BY until DESC LIMIT 1)
		) named
		ORDER BY choice
		LIMIT 1`,
})

// SIMHistory returns the history, across all accounts, of the SIM that an
// identifier named at an instant. Nil means now; then it also finds a SIM that
// the identifier named last. It returns ErrNotFound if there is none.
func (db *DB) SIMHistory(ctx context.Context, id transfer.Identifier, at *time.Time) (History, error) {
	var h History
	var sim int64
	if err := db.get(ctx, &sim, selectNamedAt, args{"identifier": id.String(), "at": at}); err != nil {
		return h, err
	}
	if err := db.get(ctx, &h.SIM, selectSIMByID, args{"sim": sim}); err != nil {
		return h, fmt.Errorf("reading SIM %d: %w", sim, err)
	}
	limit := MaxHistory + 1
	if err := db.list(ctx, &h.Registrations, selectRegistrations, args{"sim": sim, "limit": limit}); err != nil {
		return h, fmt.Errorf("reading the registrations of SIM %s: %w", h.SIM.ICCID, err)
	}
	if err := db.list(ctx, &h.Transfers, selectPastTransfers, args{"sim": sim, "limit": limit}); err != nil {
		return h, fmt.Errorf("reading the transfers of SIM %s: %w", h.SIM.ICCID, err)
	}
	if err := db.list(ctx, &h.Sessions, selectPastSessions, args{"sim": sim, "limit": limit}); err != nil {
		return h, fmt.Errorf("reading the sessions of SIM %s: %w", h.SIM.ICCID, err)
	}
	if err := db.list(ctx, &h.Charges, selectCharges, args{"sim": sim, "limit": limit}); err != nil {
		return h, fmt.Errorf("reading the charges of SIM %s: %w", h.SIM.ICCID, err)
	}
	if err := db.list(ctx, &h.Former, selectFormerIdentifiers, args{"sim": sim, "limit": limit}); err != nil {
		return h, fmt.Errorf("reading the former identifiers of SIM %s: %w", h.SIM.ICCID, err)
	}
	if err := db.list(ctx, &h.Swaps, selectSwaps, args{"sim": sim, "limit": limit}); err != nil {
		return h, fmt.Errorf("reading the swaps of SIM %s: %w", h.SIM.ICCID, err)
	}
	if err := db.list(ctx, &h.Changes, selectChangedValues, args{"sim": sim, "limit": limit}); err != nil {
		return h, fmt.Errorf("reading the changes of SIM %s: %w", h.SIM.ICCID, err)
	}
	for i, s := range h.Sessions {
		h.Sessions[i].ID = validOr(s.ID, s.StoredID)
	}
	return h, nil
}

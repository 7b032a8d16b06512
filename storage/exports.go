package storage

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"simtransfer/transfer"
)

// Export is a snapshot of rows that is read in pages. All of its rows are as
// they were when it was opened. It takes one connection and must be closed.
//
// While an export is open, VACUUM removes no row versions that are newer than
// it, and so the caller has to limit how long it takes.
type Export[T any] struct {
	Rows int // how many rows it has
	tx   *Tx
}

// exportPage is the maximum number of rows that one call of Next returns.
const exportPage = 1000

// exportIdle is how long a caller of Next may take for its rows. Then
// PostgreSQL ends the transaction, and the next call returns an error.
const exportIdle = time.Minute

var setExportLimits = newStatement(statement{
	name: "set_export_limits",
	does: `Sets the time-outs of the transaction, and makes the planner choose plans of cursors for all of
		their rows instead of the first ones.`,
	given:   "@statement and @idle: the time-outs in milliseconds, as text.",
	returns: "A row.",
	text: `
SELECT
	set_config('statement_timeout', @statement, true),
	set_config('idle_in_transaction_session_timeout', @idle, true),
	set_config('cursor_tuple_fraction', '1', true)`,
})

// openExport opens a snapshot of the rows of a statement. The transaction is
// read-only and has no id, so neither the feeds nor other transactions wait for
// it. It is rolled back when the context is done.
func openExport[T any](ctx context.Context, db *DB, limit time.Duration, s *statement, a args) (*Export[T], error) {
	tx, err := db.pool.BeginTxx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("beginning a transaction: %w", err)
	}
	e := &Export[T]{tx: &Tx{tx: tx, db: db}}
	if err := e.open(ctx, limit, s, a); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

func (e *Export[T]) open(ctx context.Context, limit time.Duration, s *statement, a args) error {
	if _, err := e.tx.exec(ctx, setExportLimits, args{
		"statement": fmt.Sprint(limit.Milliseconds()), "idle": fmt.Sprint(exportIdle.Milliseconds()),
	}); err != nil {
		return fmt.Errorf("setting time-outs: %w", err)
	}
	values, err := s.bind(a)
	if err != nil {
		return err
	}
	if err := e.tx.tx.GetContext(ctx, &e.Rows, countSQL(s.query()), values...); err != nil {
		return fmt.Errorf("counting rows: %w", err)
	}
	if _, err := e.tx.tx.ExecContext(ctx, "DECLARE export NO SCROLL CURSOR FOR "+s.query(), values...); err != nil {
		return fmt.Errorf("opening a cursor: %w", err)
	}
	return nil
}

// countSQL counts the rows of a query that ends with its order. Without the order, the
// planner drops the columns and the joins that do not matter for the number.
func countSQL(query string) string {
	return "SELECT count(*) FROM (" + query[:strings.LastIndex(query, "ORDER BY")] + ") AS rows"
}

// Next returns the next rows, none at the end.
func (e *Export[T]) Next(ctx context.Context) ([]T, error) {
	rows := make([]T, 0, exportPage)
	if err := e.tx.tx.SelectContext(ctx, &rows, fmt.Sprintf("FETCH FORWARD %d FROM export", exportPage)); err != nil {
		return nil, fmt.Errorf("reading the next rows: %w", err)
	}
	return rows, nil
}

// Close ends the export. It can be called more than once.
func (e *Export[T]) Close() { _ = e.tx.tx.Rollback() }

// ExportedSIM is a SIM of the inventory.
type ExportedSIM struct {
	ICCID        string              `db:"iccid"`
	IMSIs        pq.StringArray      `db:"imsis"`
	MSISDNs      pq.StringArray      `db:"msisdns"`
	OperatorID   transfer.OperatorID `db:"operator_id"` // of the owner
	AccountID    *string             `db:"account_external_id"`
	Since        time.Time           `db:"since"` // when the SIM was registered to the owner
	Status       transfer.Status     `db:"status"`
	Plan         string              `db:"plan"`
	TransferLock bool                `db:"transfer_lock"`
	UpdatedAt    time.Time           `db:"updated_at"` // when it last changed, also by a transfer
	SIMDetails
	SIMSettings
}

// SIMExport selects SIMs; zero fields select all.
type SIMExport struct {
	SIMFilter
	UpdatedSince *time.Time // only SIMs that have changed since then, also by a transfer
}

// A left join to the owner, who always exists, is not read by countSQL.
var selectExportedSIMs = newStatement(statement{
	name:    "select_exported_sims",
	does:    "Reads the inventory, in the order in which the SIMs were imported. SIMs that were retired as wrong imports are left out.",
	given:   simFilterGiven + `; @updated_since: only SIMs that have changed since then, also by a transfer (null: any).`,
	returns: "The SIMs with their identifiers.",
	text: `
		SELECT
			s.iccid,
			ARRAY(SELECT identifier FROM identifiers WHERE sim = s.id AND kind = 'imsi' ORDER BY identifier) AS imsis,
			ARRAY(SELECT identifier FROM identifiers WHERE sim = s.id AND kind = 'msisdn' ORDER BY identifier) AS msisdns,
			a.operator_id,
			a.external_id AS account_external_id,
			s.since,
			s.status,
			s.plan,
			s.transfer_lock,
			greatest(s.since, s.updated_at) AS updated_at,
			d.eid,
			d.lot,
			d.external_id,
			` + settingNames("s.") + `
		FROM sims s
		LEFT JOIN accounts a ON a.id = s.account
		LEFT JOIN sim_details d ON d.sim = s.id
		WHERE ` + indent(2, simFilterSQL) + `
		  AND (@updated_since::timestamptz IS NULL OR greatest(s.since, s.updated_at) >= @updated_since)
		ORDER BY s.id`,
})

// ExportSIMs opens an export of the inventory. limit is how long each statement
// may take.
func (db *DB) ExportSIMs(ctx context.Context, limit time.Duration, f SIMExport) (*Export[ExportedSIM], error) {
	filter, err := f.search(ctx, db)
	if err != nil {
		return nil, err
	}
	e, err := openExport[ExportedSIM](ctx, db, limit, selectExportedSIMs, filter.with(args{"updated_since": f.UpdatedSince}))
	if err != nil {
		return nil, fmt.Errorf("exporting SIMs: %w", err)
	}
	return e, nil
}

// Period is a time from From to before To; nil is no limit.
type Period struct{ From, To *time.Time }

// ExportedRegistration is a registration of a SIM to an account.
type ExportedRegistration struct {
	ICCID      string              `db:"iccid"`
	OperatorID transfer.OperatorID `db:"operator_id"`
	AccountID  *string             `db:"account_external_id"`
	Since      time.Time           `db:"since"`
	Until      *time.Time          `db:"until"`   // when the next one began; nil: it lasts
	Request    *uuid.UUID          `db:"request"` // that transferred the SIM to the account; nil for the first one
}

var selectExportedRegistrations = newStatement(statement{
	name:    "select_exported_registrations",
	does:    "Reads the registrations that were valid in a period, in the order of the SIMs and of time.",
	given:   "@account (0: any); @since and @until: the beginning and the end of the period (null: no limit).",
	returns: "The registrations, each with the beginning of the next one.",
	text: `
		SELECT
			s.iccid,
			a.operator_id,
			a.external_id AS account_external_id,
			g.since,
			g.until,
			g.request
		FROM (
			SELECT
				g.sim,
				g.account,
				g.since,
				(SELECT min(n.since) FROM registrations n WHERE n.sim = g.sim AND n.since > g.since) AS until,
				g.request
			FROM registrations g
			WHERE (@account::bigint = 0 OR g.account = @account)
			  AND (@until::timestamptz IS NULL OR g.since < @until)
		) g
		JOIN sims s ON s.id = g.sim
		JOIN accounts a ON a.id = g.account
		WHERE @since::timestamptz IS NULL OR g.until IS NULL OR g.until > @since
		ORDER BY g.sim, g.since`,
})

// ExportRegistrations opens an export of the registrations that were valid in a
// period, to an account (0: any). limit is how long each statement may take.
func (db *DB) ExportRegistrations(ctx context.Context, limit time.Duration, account int64, p Period) (*Export[ExportedRegistration], error) {
	e, err := openExport[ExportedRegistration](ctx, db, limit, selectExportedRegistrations, args{
		"account": account, "since": p.From, "until": p.To,
	})
	if err != nil {
		return nil, fmt.Errorf("exporting registrations: %w", err)
	}
	return e, nil
}

// ExportedTransfer is a transfer that has finished.
type ExportedTransfer struct {
	Request     uuid.UUID           `db:"request"`
	Source      transfer.OperatorID `db:"source"`
	Destination transfer.OperatorID `db:"destination"`
	Ticket      *string             `db:"ticket"`
	CreatedAt   time.Time           `db:"created_at"` // of the request
	Currency    transfer.Currency   `db:"currency"`   // of the source, which pays the fee

	RequestReference *string `db:"request_reference"`

	SourceExternalID      *string `db:"source_external_id"`
	DestinationExternalID *string `db:"destination_external_id"`
	Transfer
}

// TransferExport selects transfers; zero fields select all.
type TransferExport struct {
	Source, Destination, Either int64               // ids of accounts
	Viewer                      int64               // only what this account sees; zero sees all
	To                          transfer.AccountRef // the destination
	States                      []transfer.State
	Codes                       []transfer.DecisionCode
	Ticket                      string
	Reference                   string // of the request, or of the SIM in it
	Finished                    Period
}

var selectExportedTransfers = newStatement(statement{
	name: "select_exported_transfers",
	does: "Reads the transfers that finished in a period, in the order of their requests and of submission.",
	given: `@source and @destination of the request, @either: its source or its destination (0: any); @viewer: only
		transfers that this account sees (0: all); @to: the reference to the destination (empty: any); @states
		and @codes (null: any); @ticket of the request (empty: any); @reference of the request or of the SIM in it
		(empty: any); @since and @until: the beginning and the end of the period (null: no limit).`,
	returns: "The transfers with their requests.",
	text: `SELECT
	t.request,
	src.operator_id AS source,
	src.external_id AS source_external_id,
	dst.operator_id AS destination,
	dst.external_id AS destination_external_id,
	r.ticket,
	r.reference AS request_reference,
	r.created_at,
	src.currency,` + resultColumns + `
FROM requests r
JOIN transfers t ON t.request = r.id
JOIN accounts src ON src.id = r.source
JOIN accounts dst ON dst.id = r.destination
LEFT JOIN sims s ON s.id = t.sim
WHERE t.finished_at IS NOT NULL
  AND (@since::timestamptz IS NULL OR t.finished_at >= @since AND (r.finished_at IS NULL OR r.finished_at >= @since))
  AND (@until::timestamptz IS NULL OR t.finished_at < @until AND r.created_at < @until)
  AND (@source::bigint = 0 OR r.source = @source)
  AND (@destination::bigint = 0 OR r.destination = @destination)
  AND (@either::bigint = 0 OR r.source = @either OR r.destination = @either)
  AND (@viewer::bigint = 0 OR r.source = @viewer OR r.destination = @viewer AND r.offered_at IS NOT NULL AND ` + offeredSQL("r") + `)
  AND (@to::text = '' OR dst.operator_id = ` + accountRefSQL("@to") + `)
  AND (@states::text[] IS NULL OR t.state = ANY (@states))
  AND (@codes::text[] IS NULL OR t.code = ANY (@codes))
  AND (@ticket::text = '' OR r.ticket = @ticket OR r.on_behalf_ticket = @ticket)
  AND (@reference::text = '' OR r.reference = @reference OR t.reference = @reference)
ORDER BY t.request, t.n`,
})

// ExportTransfers opens an export of finished transfers. limit is how long each
// statement may take.
func (db *DB) ExportTransfers(ctx context.Context, limit time.Duration, f TransferExport) (*Export[ExportedTransfer], error) {
	e, err := openExport[ExportedTransfer](ctx, db, limit, selectExportedTransfers, args{
		"source": f.Source, "destination": f.Destination, "either": f.Either, "viewer": f.Viewer, "to": f.To,
		"states": textArray(f.States), "codes": textArray(f.Codes), "ticket": f.Ticket, "reference": f.Reference, "since": f.Finished.From, "until": f.Finished.To,
	})
	if err != nil {
		return nil, fmt.Errorf("exporting transfers: %w", err)
	}
	return e, nil
}

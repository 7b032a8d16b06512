package storage

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"simtransfer/transfer"
)

// Request is a transfer request as it stands.
type Request struct {
	ID                  uuid.UUID             `db:"id"`
	Batch               *uuid.UUID            `db:"batch"`
	RetryOf             *uuid.UUID            `db:"retry_of"`
	RetriedBy           pq.StringArray        `db:"retried_by"` // ids, in the order in which they were made
	Source              int64                 `db:"source"`
	SourceOperator      transfer.OperatorID   `db:"source_operator"`
	Destination         int64                 `db:"destination"`
	DestinationOperator transfer.OperatorID   `db:"destination_operator"`
	Currency            transfer.Currency     `db:"currency"` // the source's, in which fees are quoted
	SelfServiceOnly     bool                  `db:"self_service_only"`
	State               transfer.RequestState `db:"state"`
	Size                int                   `db:"size"`
	Left                int                   `db:"n_left"`
	Eligible            int                   `db:"n_eligible"` // still open
	Support             int                   `db:"n_support"`  // of those, the ones that need support
	Completed           int                   `db:"n_completed"`
	Ineligible          int                   `db:"n_ineligible"`
	Failed              int                   `db:"n_failed"`
	Canceled            int                   `db:"n_canceled"`
	Declined            int                   `db:"n_declined"`
	Denied              int                   `db:"n_denied"`
	Expired             int                   `db:"n_expired"`
	Unquoted            int                   `db:"n_unquoted"` // of Support, those for which the fee schedule had no amount
	Quoted              int64                 `db:"quoted"`     // the schedule's fees of those that are open, in minor units
	Charged             int64                 `db:"charged"`    // the fees posted so far, in minor units
	Partial             bool                  `db:"partial"`    // only some of the SIMs were accepted
	Acceptance          int64                 `db:"acceptance"`
	ExpiresAt           *time.Time            `db:"expires_at"`
	Landing             *Landing              `db:"landing"`
	Ticket              *string               `db:"ticket"`
	FeeOverride         *int64                `db:"fee_override"` // per SIM that needs support, in minor units
	FeeReason           *string               `db:"fee_reason"`
	CreatedAt           time.Time             `db:"created_at"`
	FinishedAt          *time.Time            `db:"finished_at"`
}

const requestColumns = `
	r.id,
	r.batch,
	r.retry_of,
	ARRAY(SELECT id::text FROM requests again WHERE again.retry_of = r.id ORDER BY id) AS retried_by,
	r.source,
	src.operator_id AS source_operator,
	r.destination,
	dst.operator_id AS destination_operator,
	src.currency,
	r.self_service_only,
	r.state,
	r.size,
	r.n_left,
	r.n_eligible,
	r.n_support,
	r.n_completed,
	r.n_ineligible,
	r.n_failed,
	r.n_canceled,
	r.n_declined,
	r.n_denied,
	r.n_expired,
	r.n_unquoted,
	r.quoted,
	r.charged,
	r.partial,
	extract(epoch FROM r.acceptance)::bigint AS acceptance,
	r.expires_at,
	r.landing,
	r.ticket,
	r.fee_override,
	r.fee_reason,
	r.created_at,
	r.finished_at
FROM requests r
JOIN accounts src ON src.id = r.source
JOIN accounts dst ON dst.id = r.destination`

// Actor is who causes something: a party of the request, through a key. The
// zero Key stands for the system itself.
type Actor struct {
	Party   transfer.Party
	Key     int64
	Address string // where the call came from; empty for the system
}

// System is the actor of workers and schedulers.
func System() Actor { return Actor{Party: transfer.PartySystem} }

func (a Actor) key() *int64 {
	if a.Key == 0 {
		return nil
	}
	return &a.Key
}

// NewRequest is what a request is made from.
type NewRequest struct {
	Source, Destination Account
	Batch               *uuid.UUID
	SelfServiceOnly     bool
	Acceptance          time.Duration // how long the destination has; 1 s to 30 days
	Review              time.Duration // how long support has; from 1 s
	By                  Actor
	Size                int // the number of SIMs that SIMs yields

	// SIMs yields the line of every SIM in the upload and an identifier of the
	// SIM, in the order of submission.
	SIMs iter.Seq2[int, transfer.Identifier]
}

// CreateRequest writes a request, its transfers and the work of validating
// them. All but a large one are a single statement, which needs no transaction
// around it.
func (db *DB) CreateRequest(ctx context.Context, r NewRequest) (made Request, err error) {
	if r.Size > copyThreshold {
		err = db.InRetriedTx(ctx, func(t *Tx) error {
			made, err = t.CreateRequest(ctx, r)
			return err
		})
		return made, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return made, fmt.Errorf("making a request id: %w", err)
	}
	err = retried(ctx, func() error {
		made, err = createRequest(ctx, db, id, r)
		return err
	})
	if isUnique(err, "requests_pkey") {
		// The connection was lost after the commit, and the pool has sent the
		// statement again. The id is ours: what is there is what we made.
		return db.Request(ctx, id)
	}
	return made, err
}

// CreateRequest is DB.CreateRequest within the transaction.
func (t *Tx) CreateRequest(ctx context.Context, r NewRequest) (Request, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Request{}, fmt.Errorf("making a request id: %w", err)
	}
	made, err := createRequest(ctx, t, id, r)
	if err == nil && r.Size > copyThreshold {
		err = t.copyTransfers(ctx, made.ID, r)
	}
	return made, err
}

// createRequest does it by one statement, but for the transfers of a large one.
// What it returns it knows beforehand, all but the time: to read it back would
// cost a third more.
func createRequest(ctx context.Context, q hot, id uuid.UUID, r NewRequest) (Request, error) {
	made := Request{
		ID:                  id,
		Batch:               r.Batch,
		RetriedBy:           pq.StringArray{},
		Source:              r.Source.ID,
		SourceOperator:      r.Source.OperatorID,
		Destination:         r.Destination.ID,
		DestinationOperator: r.Destination.OperatorID,
		Currency:            r.Source.Currency,
		SelfServiceOnly:     r.SelfServiceOnly,
		State:               transfer.Validating,
		Size:                r.Size,
		Left:                r.Size,
		Acceptance:          int64(r.Acceptance.Seconds()),
	}
	lines, identifiers := []int64{}, []string{}
	if r.Size <= copyThreshold {
		for line, identifier := range r.SIMs {
			lines, identifiers = append(lines, int64(line)), append(identifiers, identifier.String())
		}
	}
	if err := q.hotGet(ctx, &made.CreatedAt, `
		WITH r AS (
			SELECT $1::uuid AS id, $9::int AS size, $8::text AS queue
		), made AS (
			INSERT INTO requests (id, batch, source, destination, self_service_only, acceptance, review, queue, state, size, n_left, last_event)
			SELECT id, $2, $3, $4, $5, make_interval(secs => $6), make_interval(secs => $7), queue, 'validating', size, size, 1 FROM r
			RETURNING created_at
		), told AS (
			INSERT INTO events (request, source, destination, seq, kind, party, api_key, address, to_state, detail)
			SELECT id, $3, $4, 1, 'create', $10, $11, nullif($12, ''), 'validating', jsonb_build_object('size', size) FROM r
		), due AS (
			`+chunksSQL("'validate'", "$13")+`
		), listed AS (
			INSERT INTO transfers (request, n, line, identifier)
			SELECT id, nth - 1, line, identifier
			FROM r, unnest($14::int[], $15::text[]) WITH ORDINALITY AS u (line, identifier, nth)
		)
		SELECT created_at FROM made`,
		id, r.Batch, r.Source.ID, r.Destination.ID, r.SelfServiceOnly, r.Acceptance.Seconds(), r.Review.Seconds(),
		transfer.QueueOf(r.Batch != nil, r.Size), r.Size,
		r.By.Party, r.By.key(), r.By.Address, transfer.ChunkSize, pq.Array(lines), pq.Array(identifiers),
	); err != nil {
		return made, fmt.Errorf("creating request %s: %w", id, err)
	}
	return made, nil
}

// copyThreshold is the size from which COPY beats one INSERT of arrays.
const copyThreshold = 1000

func (t *Tx) copyTransfers(ctx context.Context, id uuid.UUID, r NewRequest) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("creating the transfers of request %s: %w", id, err)
		}
	}()
	stmt, err := t.tx.PrepareContext(ctx, `COPY transfers (request, n, line, identifier) FROM STDIN`)
	if err != nil {
		return err
	}
	defer func() { _ = stmt.Close() }()
	request, n := id.String(), 0
	for line, identifier := range r.SIMs {
		if _, err := stmt.ExecContext(ctx, request, n, line, identifier.String()); err != nil {
			return err
		}
		n++
	}
	_, err = stmt.ExecContext(ctx)
	return err
}

// chunksSQL adds one work row of a kind per chunk of the request r. The caller
// sees to it that n_left is the request's size.
func chunksSQL(kind, chunk string) string {
	return `INSERT INTO work (kind, request, lo, hi, n, queue)
			SELECT ` + kind + `, id, lo, least(lo + ` + chunk + `, size), least(` + chunk + `, size - lo), queue
			FROM r, generate_series(0, size - 1, ` + chunk + `::int) AS lo`
}

// addChunks adds the work rows of a phase of a request that is there already.
func (t *Tx) addChunks(ctx context.Context, id uuid.UUID, kind transfer.WorkKind) error {
	if err := t.hotExec(ctx, `
		WITH r AS (SELECT id, size, queue FROM requests WHERE id = $1)
		`+chunksSQL("$2", "$3"),
		id, kind, transfer.ChunkSize,
	); err != nil {
		return fmt.Errorf("adding %s work for request %s: %w", kind, id, err)
	}
	return nil
}

// Request returns a request, or ErrNotFound.
func (t *Tx) Request(ctx context.Context, id uuid.UUID) (Request, error) {
	var r Request
	err := t.hotGet(ctx, &r, `SELECT`+requestColumns+` WHERE r.id = $1`, id)
	return r, err
}

// Request returns a request, or ErrNotFound.
func (db *DB) Request(ctx context.Context, id uuid.UUID) (Request, error) {
	var r Request
	err := db.hotGet(ctx, &r, `SELECT`+requestColumns+` WHERE r.id = $1`, id)
	return r, err
}

// RequestFilter narrows a list of requests; zero fields do not.
type RequestFilter struct {
	Source, Destination int64 // account ids
	Either              int64 // the id of an account that is the one or the other
	State               transfer.RequestState
	Batch               *uuid.UUID
	Ticket              string
	CreatedAfter        *time.Time // at this instant or later
	CreatedBefore       *time.Time
	Before              *uuid.UUID // only requests made before this one: the cursor
	Limit               int        // at most this many; required

	// Of the transfers of a request, one has to be like these. Viewer is the
	// account that asks: what was never open to it as the destination does not
	// count, nor what another name of a SIM that is not the source's would tell,
	// nor the batch of somebody else. Zero sees all.
	SIM    transfer.Identifier // any identifier of the SIM
	Reason transfer.Reason
	Method transfer.Method
	Viewer int64
}

// Requests lists requests, newest first.
func (db *DB) Requests(ctx context.Context, f RequestFilter) ([]Request, error) {
	list := []Request{}
	err := db.pool.SelectContext(ctx, &list, `SELECT`+requestColumns+`
		WHERE ($1 = 0 OR r.source = $1)
		  AND ($2 = 0 OR r.destination = $2)
		  AND ($3 = '' OR r.state = $3)
		  AND ($4::uuid IS NULL OR r.batch = $4 AND ($14 = 0 OR r.source = $14))
		  AND ($5::uuid IS NULL OR r.id < $5)
		  AND ($6 = 0 OR r.source = $6 OR r.destination = $6)
		  AND ($8 = '' OR r.ticket = $8)
		  AND ($9::timestamptz IS NULL OR r.created_at >= $9 AND r.id >= $15::uuid)
		  AND ($10::timestamptz IS NULL OR r.created_at < $10 AND r.id <= $16::uuid)
		  -- an array, so that the few requests of a SIM are found first, by key
		  AND ($11 = '' OR r.id = ANY (ARRAY(
			SELECT t.request
			FROM transfers t
			JOIN requests q ON q.id = t.request
			WHERE t.identifier IN (SELECT `+otherNamesSQL("$11")+`)
			  AND (t.sim IS NOT NULL OR t.identifier = $11 OR $14 = 0)
			  AND ($14 = 0 OR q.source = $14 OR t.state NOT IN ('pending', 'ineligible'))
		  )))
		  AND ($12 = '' OR r.n_ineligible + r.n_failed > 0 AND EXISTS (
			SELECT 1
			FROM transfers t
			WHERE t.request = r.id AND t.reason = $12 AND ($14 = 0 OR r.source = $14 OR t.state <> 'ineligible')
		  ))
		  AND ($13 = '' OR EXISTS (
			SELECT 1
			FROM transfers t
			WHERE t.request = r.id AND t.method = $13 AND ($14 = 0 OR r.source = $14 OR t.state NOT IN ('pending', 'ineligible'))
		  ))
		ORDER BY r.id DESC
		LIMIT $7`,
		f.Source, f.Destination, f.State, f.Batch, f.Before, f.Either, f.Limit,
		f.Ticket, f.CreatedAfter, f.CreatedBefore, f.SIM.String(), f.Reason, f.Method, f.Viewer, idsFrom(f.CreatedAfter), idsUntil(f.CreatedBefore))
	if err != nil {
		return nil, fmt.Errorf("listing requests: %w", err)
	}
	return list, nil
}

// otherNamesSQL selects every identifier of the SIM that one names, and that one.
func otherNamesSQL(name string) string {
	return name + `::text UNION SELECT other.identifier FROM identifiers named JOIN identifiers other USING (sim) WHERE named.identifier = ` + name
}

// Transfer is one SIM of a request.
type Transfer struct {
	N              int              `db:"n"`
	Line           int              `db:"line"` // in the upload, from 1
	Identifier     string           `db:"identifier"`
	ICCID          *string          `db:"iccid"`
	State          transfer.State   `db:"state"`
	Method         *transfer.Method `db:"method"`
	Reason         *transfer.Reason `db:"reason"`
	Fee            *int64           `db:"fee"` // quoted or, with an override, decided; minor units
	SessionDropped bool             `db:"session_dropped"`
	FinishedAt     *time.Time       `db:"finished_at"`
	Before         *json.RawMessage `db:"before"` // settings, for support alone
	After          *json.RawMessage `db:"after"`
}

const transferColumns = resultColumns + `,
	to_jsonb(g.before) AS before,
	to_jsonb(g.after) AS after`

// TransferFilter narrows a list of transfers; zero fields do not.
type TransferFilter struct {
	State   transfer.State
	Reason  transfer.Reason
	Method  transfer.Method
	Offered bool // only transfers that are or were open, as the destination sees them
	After   int  // only transfers behind this n: the cursor; -1 from the start
	Limit   int

	Snapshots bool // the settings before and after are read, too
}

// Transfers lists the transfers of a request in the order of submission.
func (db *DB) Transfers(ctx context.Context, request uuid.UUID, f TransferFilter) ([]Transfer, error) {
	list := []Transfer{}
	err := db.pool.SelectContext(ctx, &list, `
		SELECT`+transferColumns+`
		FROM transfers t
		JOIN requests r ON r.id = t.request
		LEFT JOIN sims s ON s.id = t.sim
		LEFT JOIN registrations g ON $8 AND g.sim = t.sim AND g.request = t.request AND g.n = t.n
		WHERE t.request = $1
		  AND ($2 = '' OR t.state = $2)
		  AND ($3 = '' OR t.reason = $3)
		  AND ($7 = '' OR t.method = $7)
		  AND t.n > $4
		  AND (NOT $5 OR t.state NOT IN ('pending', 'ineligible'))
		ORDER BY t.n
		LIMIT $6`,
		request, f.State, f.Reason, f.After, f.Offered, f.Limit, f.Method, f.Snapshots)
	if err != nil {
		return nil, fmt.Errorf("listing the transfers of request %s: %w", request, err)
	}
	return list, nil
}

// ReasonCount is how many SIMs of a request ended for one reason.
type ReasonCount struct {
	State  transfer.State  `db:"state"`
	Reason transfer.Reason `db:"reason"`
	Count  int             `db:"count"`
}

// ReasonCounts counts the ineligible and failed SIMs of a request by reason.
func (db *DB) ReasonCounts(ctx context.Context, request uuid.UUID) ([]ReasonCount, error) {
	return reasonCounts(ctx, db.pool, request)
}

// ReasonCounts is DB.ReasonCounts within the transaction.
func (t *Tx) ReasonCounts(ctx context.Context, request uuid.UUID) ([]ReasonCount, error) {
	return reasonCounts(ctx, t.tx, request)
}

func reasonCounts(ctx context.Context, q sqlx.QueryerContext, request uuid.UUID) ([]ReasonCount, error) {
	list := []ReasonCount{}
	err := sqlx.SelectContext(ctx, q, &list, `
		SELECT state, reason, count(*) AS count
		FROM transfers
		WHERE request = $1 AND reason IS NOT NULL
		GROUP BY state, reason
		ORDER BY count(*) DESC, reason`, request)
	if err != nil {
		return nil, fmt.Errorf("counting the reasons of request %s: %w", request, err)
	}
	return list, nil
}

package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/google/uuid"
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
	Partial             bool                  `db:"partial"`    // only some of the SIMs were accepted; execution declines the others
	Acceptance          int64                 `db:"acceptance"`
	ExpiresAt           *time.Time            `db:"expires_at"`
	OfferedAt           *time.Time            `db:"offered_at"` // when the destination could first decide; it does not see the request before
	Withheld            int                   `db:"n_withheld"` // of Canceled, those before OfferedAt
	Purged              int                   `db:"n_purged"`   // transfers that named no SIM of the source and were deleted; the counts still include them
	Landing             *Landing              `db:"landing"`
	Ticket              *string               `db:"ticket"`
	FeeOverride         *int64                `db:"fee_override"` // per SIM that needs support, in minor units
	FeeReason           *string               `db:"fee_reason"`
	CreatedAt           time.Time             `db:"created_at"`
	FinishedAt          *time.Time            `db:"finished_at"`
	FeeEntries          FeeEntries            `db:"fee_entries"` // from which the fees were quoted

	Pull         *uuid.UUID `db:"pull"`          // the pull request whose approval made the request, as long as that is stored
	TransferCode *uuid.UUID `db:"transfer_code"` // the same of a transfer code that was redeemed

	// Why support accepted in place of the destination, nil if it did not.
	OnBehalfReason *string `db:"on_behalf_reason"`
	OnBehalfTicket *string `db:"on_behalf_ticket"`

	WaitingSince *time.Time `db:"waiting_since"` // when the time to decide began
	NotBefore    *time.Time `db:"not_before"`    // when the window of the acceptance begins
	NotAfter     *time.Time `db:"not_after"`     // when it ends; also ExpiresAt until the request is started

	// How a party ended the whole request, nil unless that can be taken back.
	EndedAt     *time.Time             `db:"ended_at"`
	EndedBy     *transfer.Party        `db:"ended_by"`
	EndedFrom   *transfer.RequestState `db:"ended_from"`
	EndedExpiry *time.Time             `db:"ended_expiry"` // when the request would have expired; nil if never
	EndedOpen   *int                   `db:"ended_open"`   // how many transfers were eligible

	SourceName            *string `db:"source_name"` // nil: none
	SourceExternalID      *string `db:"source_external_id"`
	DestinationExternalID *string `db:"destination_external_id"`

	Reference *string                `db:"reference"` // the source's own
	Message   *string                `db:"message"`   // of the source to the destination
	Code      *transfer.DecisionCode `db:"code"`      // of the decision that ended the request
	Reason    *string                `db:"reason"`    // of the same decision

	ReadAt       time.Time `db:"read_at"`       // by the clock of the database
	Overdue      bool      `db:"overdue"`       // the time to decide was over when the request was read
	AccountsOpen bool      `db:"accounts_open"` // neither account is closed
}

// Bars returns why a party cannot cause an event, apart from the state that the
// request is in: a *transfer.ExpiredError, *transfer.ExtensionError,
// *transfer.TakeBackError, *ReleasingError or *AccountClosedError; nil if nothing bars
// it. Decide asks the same of the database, under its locks.
func (r Request) Bars(e transfer.Event, by transfer.Party) error {
	if e == transfer.TakeBack {
		if err := r.End().TakeBack(by, r.ReadAt); err != nil {
			return err
		}
		if r.FinishedAt == nil {
			return &ReleasingError{r.State}
		}
	}
	switch {
	case needsTime(e) && r.Overdue:
		return &transfer.ExpiredError{Event: e}
	case (bringsForward(e) || e == transfer.TakeBack) && !r.AccountsOpen:
		return &AccountClosedError{e}
	case e == transfer.Extend && r.ExpiresAt != nil:
		return transfer.CanExtend(r.beganWaiting(), *r.ExpiresAt)
	}
	return nil
}

// beganWaiting returns when the time to decide began.
func (r Request) beganWaiting() time.Time {
	if r.WaitingSince == nil { // of a request in review that a former version has made
		return r.CreatedAt
	}
	return *r.WaitingSince
}

// bringsForward reports whether an event needs open accounts.
func bringsForward(e transfer.Event) bool {
	return e == transfer.Accept || e == transfer.Schedule || e == transfer.Approve
}

// needsTime reports whether an event is refused after the request has expired. From
// then on the request counts as expired, for every party and every decision, whether or
// not the sweep has recorded it. Taking back an end has a rule of its own.
func needsTime(e transfer.Event) bool { return e != transfer.Expire && e != transfer.TakeBack }

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
	r.offered_at,
	r.n_withheld,
	r.n_purged,
	r.landing,
	r.ticket,
	r.fee_override,
	r.fee_reason,
	r.created_at,
	r.finished_at,
	coalesce(r.waiting_since, r.offered_at) AS waiting_since,
	r.not_before,
	coalesce(r.not_after, CASE r.state WHEN 'scheduled' THEN r.expires_at END) AS not_after, -- of one that a former version has accepted
	r.ended_at,
	r.ended_by,
	r.ended_from,
	r.ended_expiry,
	r.ended_open,
	src.name AS source_name,
	src.external_id AS source_external_id,
	dst.external_id AS destination_external_id,
	r.reference,
	r.message,
	r.code,
	r.reason,
	r.on_behalf_reason,
	r.on_behalf_ticket,
	(SELECT pull FROM pull_owners o WHERE o.request = r.id) AS pull,
	(SELECT id FROM transfer_codes c WHERE c.request = r.id) AS transfer_code,
	clock_timestamp() AS read_at,
	coalesce(r.expires_at <= clock_timestamp(), false) AS overdue,
	src.standing = 'open' AND dst.standing = 'open' AS accounts_open,
	coalesce((SELECT jsonb_agg(e ORDER BY e.id) FROM fee_entries e WHERE e.id = ANY (r.fee_entries)), '[]') AS fee_entries
FROM requests r
JOIN accounts src ON src.id = r.source
JOIN accounts dst ON dst.id = r.destination`

// Actor is who causes an event: a party of the request that uses an API key, or
// the system, whose Key is zero.
type Actor struct {
	Party   transfer.Party
	Key     int64  // the API key, or the membership of a person
	Person  int64  // who acts without a membership, in the audit trail only; zero: no one
	Address string // the client's address; empty for the system
	Name    string // of the user who runs a command on the database; empty for all others
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

	Words
	SIMReferences []string // of the SIMs, in the order of SIMs; empty: none has one

	Selection *string // what the caller asked for, or the pull request or transfer code that asks, as JSON, unless it listed the SIMs one by one; for the first event
}

// Words are what the source says about a request or a batch. Empty means nothing.
type Words struct {
	Reference string // the source's own, such as a purchase order
	Unique    bool   // whether no other request of the source may have the reference
	Message   string // to the destination
}

// CreateRequest writes a request, its transfers and the work of validating
// them. Up to copyThreshold SIMs it takes one statement and no transaction,
// unless the reference has to be unique. It returns *ReferenceTakenError if it is
// not, and *AccountClosedError if one of the accounts is closed.
func (db *DB) CreateRequest(ctx context.Context, r NewRequest) (made Request, err error) {
	if r.Size > copyThreshold || r.Unique {
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
		made, err = createRequest(ctx, db, id, r, true)
		return err
	})
	if isUnique(err, "requests_pkey") {
		// The connection was lost after the commit, and the pool sent the statement
		// again. The id is new, so the request with this id is the one just made.
		return db.Request(ctx, id)
	}
	return made, err
}

// CreateRequest is DB.CreateRequest within the transaction. Unless the request is part
// of a batch, neither account can be closed from then on until the transaction ends.
func (t *Tx) CreateRequest(ctx context.Context, r NewRequest) (Request, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Request{}, fmt.Errorf("making a request id: %w", err)
	}
	if r.Batch == nil { // CreateBatch has claimed that of a batch
		if err := t.claimReference(ctx, r.Source.ID, r.Words); err != nil {
			return Request{}, err
		}
	}
	made, err := createRequest(ctx, t, id, r, false)
	if err == nil && r.Size > copyThreshold {
		err = t.copyTransfers(ctx, made.ID, r)
	}
	if err == nil && r.Batch == nil { // those of a batch are locked when it is complete
		err = t.accountsOpen(ctx, made, "")
	}
	return made, err
}

var insertRequest = newStatement(statement{
	name: "insert_request",
	does: "Creates a request with its first event, its validation work and, if they are given, its transfers.",
	given: `The @id, the @batch or null, the accounts @source and @destination, @self_service_only.
		How many seconds the destination has (@acceptance) and support has (@review).
		The @queue of the work, the @size of the request and the maximum size of a @chunk.
		Who made it: the @party, the API @key and the @address of the call. The @reference and the @message, each empty for none, and whether
		the reference was to be @unique.
		The @lines and @identifiers of the SIMs in the order of submission; empty if they are copied later. Their
		@references; empty if none has one. @lock: whether to make sure that both accounts are and stay open.
		The @selection as JSON, null if the SIMs were listed one by one.`,
	returns:  "When it was created; no row if an account is closed.",
	locks:    "Takes the accounts, by ascending id, shared with other calls, if @lock is true.",
	prepared: true,
	text: `
WITH accounts_open AS (
	SELECT bool_and(standing = 'open') AS yes
	FROM (
		SELECT standing
		FROM accounts
		WHERE @lock::boolean AND id IN (@source, @destination)
		ORDER BY id
		FOR SHARE
	) AS locked
), r AS (
	SELECT @id::uuid AS id, @size::int AS size, @queue::text AS queue
	FROM accounts_open
	WHERE coalesce(yes, true)
), made AS (
	INSERT INTO requests (id, batch, source, destination, self_service_only, acceptance, review, queue, state, size, n_left, last_event, reference, message, unique_reference)
	SELECT
		id,
		@batch,
		@source,
		@destination,
		@self_service_only,
		make_interval(secs => @acceptance),
		make_interval(secs => @review),
		queue,
		'validating',
		size,
		size,
		1,
		nullif(@reference, ''),
		nullif(@message, ''),
		@unique::boolean
	FROM r
	RETURNING created_at
), event AS (
	INSERT INTO events (request, source, seq, kind, party, api_key, address, to_state, detail)
	SELECT id, @source, 1, 'create', @party, @key, nullif(@address, ''), 'validating', jsonb_strip_nulls(jsonb_build_object('size', size, 'selection', @selection::jsonb))
	FROM r
), due AS (` + chunksSQL("'validate'") + `
), listed AS (
	INSERT INTO transfers (request, n, line, identifier, reference)
	SELECT id, nth - 1, line, identifier, nullif(reference, '')
	FROM r, unnest(@lines::int[], @identifiers::text[], @references::text[]) WITH ORDINALITY AS u (line, identifier, reference, nth)
)
SELECT created_at
FROM made`,
})

// createRequest creates a request with one statement, except for the transfers
// of a large one. It does not read the request back, which would take a third
// more time: it knows every column except the time. lock says whether it makes sure
// that the accounts are open, and stay so until the end of the transaction.
func createRequest(ctx context.Context, q querier, id uuid.UUID, r NewRequest, lock bool) (Request, error) {
	made := Request{
		ID:                  id,
		Batch:               r.Batch,
		RetriedBy:           pq.StringArray{},
		Source:              r.Source.ID,
		SourceOperator:      r.Source.OperatorID,
		Destination:         r.Destination.ID,
		DestinationOperator: r.Destination.OperatorID,
		Currency:            r.Source.Currency,

		FeeEntries: FeeEntries{},

		SourceName:            r.Source.Name,
		SourceExternalID:      r.Source.ExternalID,
		DestinationExternalID: r.Destination.ExternalID,

		AccountsOpen:    r.Source.Standing == StandingOpen && r.Destination.Standing == StandingOpen,
		SelfServiceOnly: r.SelfServiceOnly,
		State:           transfer.Validating,
		Size:            r.Size,
		Left:            r.Size,
		Acceptance:      int64(r.Acceptance.Seconds()),
		Reference:       optional(r.Reference),
		Message:         optional(r.Message),
	}
	lines, identifiers, references := []int64{}, []string{}, []string{}
	if r.Size <= copyThreshold {
		for line, identifier := range r.SIMs {
			lines, identifiers = append(lines, int64(line)), append(identifiers, identifier.String())
		}
		references = append(references, r.SIMReferences...)
	}
	if err := q.get(ctx, &made.CreatedAt, insertRequest, args{
		"id": id, "batch": r.Batch, "source": r.Source.ID, "destination": r.Destination.ID,
		"self_service_only": r.SelfServiceOnly, "acceptance": r.Acceptance.Seconds(), "review": r.Review.Seconds(),
		"queue": transfer.QueueOf(r.Batch != nil, r.Size), "size": r.Size, "chunk": transfer.ChunkSize,
		"party": r.By.Party, "key": r.By.key(), "address": r.By.Address,
		"reference": r.Reference, "message": r.Message, "unique": r.Unique,
		"lines": pq.Array(lines), "identifiers": pq.Array(identifiers), "references": pq.Array(references),
		"lock": lock, "selection": r.Selection,
	}); lock && errors.Is(err, ErrNotFound) {
		return made, &AccountClosedError{}
	} else if err != nil {
		return made, fmt.Errorf("creating request %s: %w", id, err)
	}
	return made, nil
}

// optional returns a text, or nil if it is empty.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// copyThreshold is the number of SIMs above which COPY is faster than one INSERT
// of arrays.
const copyThreshold = 1000

func (t *Tx) copyTransfers(ctx context.Context, id uuid.UUID, r NewRequest) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("creating the transfers of request %s: %w", id, err)
		}
	}()
	columns := "request, n, line, identifier"
	if len(r.SIMReferences) > 0 {
		columns += ", reference"
	}
	return t.copyIn(ctx, "COPY transfers ("+columns+") FROM STDIN", func(to *copiedRows) error {
		request, n := id.String(), 0
		for line, identifier := range r.SIMs {
			to.addText(request)
			to.addInt(n)
			to.addInt(line)
			to.addText(identifier.String())
			if len(r.SIMReferences) > 0 {
				to.add(optional(r.SIMReferences[n]))
			}
			if err := to.end(); err != nil {
				return err
			}
			n++
		}
		return nil
	})
}

// chunksSQL adds a work row of a kind for each @chunk transfers of the request
// r. The caller must set n_left to the request's size.
func chunksSQL(kind string) string {
	return `
	INSERT INTO work (kind, request, lo, hi, n, queue)
	SELECT ` + kind + `, id, lo, least(lo + @chunk, size), least(@chunk, size - lo), queue
	FROM r, generate_series(0, size - 1, @chunk::int) AS lo`
}

var insertChunks = newStatement(statement{
	name:     "insert_chunks",
	does:     "Adds the work of a phase of a request: a row for each chunk.",
	given:    "@request, the @kind of work, and the maximum size of a @chunk.",
	locks:    "The caller holds the request, and sets its n_left to its size.",
	prepared: true,
	text: `
WITH r AS (
	SELECT id, size, queue
	FROM requests
	WHERE id = @request
)` + chunksSQL("@kind"),
})

// addChunks adds the work of a phase to an existing request. The caller must
// set its n_left to its size.
func (t *Tx) addChunks(ctx context.Context, id uuid.UUID, kind transfer.WorkKind) error {
	if _, err := t.exec(ctx, insertChunks, args{"request": id, "kind": kind, "chunk": transfer.ChunkSize}); err != nil {
		return fmt.Errorf("adding %s work for request %s: %w", kind, id, err)
	}
	return nil
}

var selectRequest = newStatement(statement{
	name:     "select_request",
	does:     "Reads a request.",
	given:    "@request.",
	returns:  "The request; no row if there is none.",
	prepared: true,
	text: `
SELECT` + requestColumns + `
WHERE r.id = @request`,
})

// Request returns a request, or ErrNotFound.
func (t *Tx) Request(ctx context.Context, id uuid.UUID) (Request, error) {
	return requestBy(ctx, t, id)
}

// Request returns a request, or ErrNotFound.
func (db *DB) Request(ctx context.Context, id uuid.UUID) (Request, error) {
	return requestBy(ctx, db, id)
}

func requestBy(ctx context.Context, q querier, id uuid.UUID) (Request, error) {
	var r Request
	err := q.get(ctx, &r, selectRequest, args{"request": id})
	return r, err
}

// RequestFilter selects requests to list. A zero field selects all.
type RequestFilter struct {
	Source, Destination int64 // account ids
	Either              int64 // the id of an account that is source or destination
	States              []transfer.RequestState
	Batch               *uuid.UUID
	Ticket              string
	CreatedAfter        *time.Time // created at this instant or later
	CreatedBefore       *time.Time
	Before              *uuid.UUID // only requests created before this one: the cursor
	Limit               int        // the maximum number of requests; required

	// Oldest lists the oldest requests first, from after the one at the cursor After.
	Oldest bool
	After  *uuid.UUID

	// ByDeadline lists only requests whose time to decide or to start ends, the
	// earliest end first, from after the request at the cursor AfterDeadline.
	ByDeadline    bool
	AfterDeadline *Deadline

	// Only requests with a transfer that matches these. Viewer is the account
	// that lists requests. It does not see requests that were never offered to it
	// as the destination, and its filters do not match what it may not see, which
	// is a transfer that was never offered to it as the destination, another
	// identifier of a SIM that is not the source's, or another account's batch.
	// Zero may see everything.
	SIM       string // any identifier of the SIM, or its EID
	Reasons   []transfer.Reason
	Methods   []transfer.Method
	Codes     []transfer.DecisionCode
	Reference string // of the request, or of one of its transfers
	Viewer    int64

	Keys []int64 // only requests on which one of these API keys acted; nil: any
}

// Deadline is where a request is in the order of deadlines.
type Deadline struct {
	At      time.Time
	Request uuid.UUID
}

var selectRequests = newStatement(statement{
	name: "select_requests",
	does: "Lists requests, newest first. An empty, zero or null parameter selects all.",
	given: requestConditionsGiven + `
		@before: only requests with lower ids.`,
	returns: "The requests.",
	text: `
SELECT` + requestColumns + `
WHERE (@before::uuid IS NULL OR r.id < @before)` + requestConditions() + `
ORDER BY r.id DESC
LIMIT @limit`,
})

var selectOldestRequests = newStatement(statement{
	name: "select_oldest_requests",
	does: "Lists requests, oldest first. An empty, zero or null parameter selects all.",
	given: requestConditionsGiven + `
		@after: only requests with greater ids.`,
	returns: "The requests.",
	text: `
SELECT` + requestColumns + `
WHERE (@after::uuid IS NULL OR r.id > @after)` + requestConditions() + `
ORDER BY r.id
LIMIT @limit`,
})

var selectRequestsByDeadline = newStatement(statement{
	name: "select_requests_by_deadline",
	does: `Lists requests that wait for a decision or for their window, in the order in which the time for that ends.
		An empty, zero or null parameter selects all.`,
	given: requestConditionsGiven + `
		@after_deadline and @after_request: only requests after this one in the order.`,
	returns: "The requests.",
	text: `
SELECT` + requestColumns + `
WHERE r.state IN ('in_review', 'awaiting_acceptance', 'scheduled') -- those of the index
  AND r.expires_at IS NOT NULL
  AND (@after_deadline::timestamptz IS NULL OR r.expires_at >= @after_deadline AND (r.expires_at, r.id) > (@after_deadline, @after_request::uuid))` + requestConditions() + `
ORDER BY r.expires_at, r.id
LIMIT @limit`,
})

const requestConditionsGiven = `The accounts @source and @destination, or @either of them. @states, @batch, @ticket.
		@open: whether all @states are those of unfinished requests, which have indexes of their own.
		@created_after and @created_before, and ids that surely lie outside of them: @lowest and @highest.
		The maximum number of rows: @limit. @keys: API keys one of which acted on the request; null: any.
		@sim, @reasons, @methods and @codes of one of the request's transfers, as far as the account @viewer may see
		them. The @reference of the request or of one of its transfers.`

// requestConditions are the conditions of a filter that lists requests r.
func requestConditions() string {
	return `
  AND (@source = 0 OR r.source = @source)
  AND (@destination = 0 OR r.destination = @destination)
  AND (@states::text[] IS NULL OR r.state = ANY (@states::text[]))
  AND (NOT @open::boolean OR r.finished_at IS NULL)
  AND (@batch::uuid IS NULL OR r.batch = @batch AND (@viewer = 0 OR r.source = @viewer))
  AND (@either = 0 OR r.source = @either OR r.destination = @either)
  AND (@viewer = 0 OR r.source = @viewer OR r.offered_at IS NOT NULL)
  AND (@ticket = '' OR r.ticket = @ticket OR r.on_behalf_ticket = @ticket)
  AND (@created_after::timestamptz IS NULL OR r.created_at >= @created_after AND r.id >= @lowest::uuid)
  AND (@created_before::timestamptz IS NULL OR r.created_at < @created_before AND r.id <= @highest::uuid)
  -- an array, so that the few requests of a SIM are found first, by key
  AND (@sim = '' OR r.id = ANY (ARRAY(
	SELECT t.request
	FROM transfers t
	JOIN requests q ON q.id = t.request
	WHERE t.identifier IN (SELECT ` + namesOfSIMsSQL("@sim") + `)
	  AND (t.sim IS NOT NULL OR t.identifier = @sim OR @viewer = 0)
	  AND (@viewer = 0 OR q.source = @viewer OR ` + offeredSQL("q") + `)
  )))
  AND (@keys::bigint[] IS NULL OR r.id = ANY (ARRAY(SELECT DISTINCT request FROM events WHERE api_key = ANY (@keys::bigint[]))))
  AND (@reference = '' OR r.id = ANY (ARRAY(
	SELECT q.id
	FROM requests q
	WHERE q.reference = @reference
	UNION ALL
	SELECT t.request
	FROM transfers t
	JOIN requests q ON q.id = t.request
	WHERE t.reference = @reference
	  AND (@viewer = 0 OR q.source = @viewer OR q.destination = @viewer AND ` + offeredSQL("q") + `)
  )))
  AND (@codes::text[] IS NULL OR r.codes && @codes::text[] AND (@viewer = 0 OR r.source = @viewer OR r.code = ANY (@codes::text[]) OR EXISTS (
	SELECT 1
	FROM transfers t
	WHERE t.request = r.id AND t.code = ANY (@codes::text[]) AND ` + offeredSQL("r") + `
  )))
  AND (@reasons::text[] IS NULL OR r.n_ineligible + r.n_failed > 0 AND EXISTS (
	SELECT 1
	FROM transfers t
	WHERE t.request = r.id AND t.reason = ANY (@reasons::text[]) AND (@viewer = 0 OR r.source = @viewer OR t.state <> 'ineligible')
  ))
  -- the first condition is for speed: without it, all transfers of the requests that lack a method would be read
  AND (@methods::text[] IS NULL
	OR (r.any_self_service AND 'self_service' = ANY (@methods) OR r.any_support_assisted AND 'support_assisted' = ANY (@methods))
	AND EXISTS (
	SELECT 1
	FROM transfers t
	WHERE t.request = r.id AND t.method = ANY (@methods::text[]) AND (@viewer = 0 OR r.source = @viewer OR ` + offeredSQL("r") + `)
  ))`
}

// Requests lists requests, newest first unless the filter says otherwise.
func (db *DB) Requests(ctx context.Context, f RequestFilter) ([]Request, error) {
	list := []Request{}
	var err error
	switch {
	case f.ByDeadline:
		var after Deadline
		var deadline *time.Time
		if f.AfterDeadline != nil {
			after, deadline = *f.AfterDeadline, &f.AfterDeadline.At
		}
		err = db.list(ctx, &list, selectRequestsByDeadline, f.conditions().with(args{"after_deadline": deadline, "after_request": after.Request}))
	case f.Oldest:
		err = db.list(ctx, &list, selectOldestRequests, f.conditions().with(args{"after": f.After}))
	default:
		err = db.list(ctx, &list, selectRequests, f.conditions().with(args{"before": f.Before}))
	}
	if err != nil {
		return nil, fmt.Errorf("listing requests: %w", err)
	}
	return list, nil
}

// conditions returns the arguments of requestConditions.
func (f RequestFilter) conditions() filterArgs {
	return filterArgs{
		"source": f.Source, "destination": f.Destination, "either": f.Either, "states": textArray(f.States), "open": f.open(), "batch": f.Batch,
		"ticket": f.Ticket, "created_after": f.CreatedAfter, "created_before": f.CreatedBefore,
		"lowest": firstID(f.CreatedAfter), "highest": lastID(f.CreatedBefore), "limit": f.Limit,
		"sim": f.SIM, "keys": pq.Int64Array(f.Keys), "reasons": textArray(f.Reasons), "methods": textArray(f.Methods), "viewer": f.Viewer,
		"codes": textArray(f.Codes), "reference": f.Reference,
	}
}

// open reports whether only unfinished requests can match.
func (f RequestFilter) open() bool {
	return len(f.States) > 0 && !slices.ContainsFunc(f.States, transfer.RequestState.Final)
}

// namesOfSIMsSQL selects an identifier and all other identifiers of its SIM, or the
// identifiers of the SIMs on the eUICC with this EID.
func namesOfSIMsSQL(name string) string {
	return name + `::text
		UNION
		SELECT other.identifier FROM identifiers named JOIN identifiers other USING (sim) WHERE named.identifier = ` + name + `
		UNION
		SELECT i.identifier FROM sim_details d JOIN identifiers i USING (sim) WHERE d.eid = ` + name
}

// offeredSQL holds for a transfer t of a request that is or was open for the
// destination's decision: which is what the destination sees.
func offeredSQL(request string) string {
	return `t.state NOT IN ('pending', 'ineligible') AND (t.state <> 'canceled' OR t.finished_at >= ` + request + `.offered_at)`
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
	GatewayAnswer  *string          `db:"gateway_answer"` // the last one that did not end a session of the SIM
	Reference      *string          `db:"reference"`      // that the source gave it

	Code *transfer.DecisionCode `db:"code"` // of the decision that closed it

	FinishedAt *time.Time       `db:"finished_at"`
	Before     *json.RawMessage `db:"before"` // settings, which only support may see
	After      *json.RawMessage `db:"after"`

	// Of an open transfer, if they were asked for: the SIM as it is, and as it arrives.
	Status  *transfer.Status `db:"status"`
	Plan    *string          `db:"plan"`
	Arrival *Arrival         `db:"arrival"`
}

const transferColumns = resultColumns + `,
	to_jsonb(g.before) AS before,
	to_jsonb(g.after) AS after`

// TransferFilter selects transfers to list. A zero field selects all.
type TransferFilter struct {
	States  []transfer.State
	Reasons []transfer.Reason
	Methods []transfer.Method
	Codes   []transfer.DecisionCode
	Offered bool // only transfers that are or were open: those that the destination may see
	After   int  // only transfers with a greater n: the cursor; -1 for all
	Limit   int  // the maximum number of transfers; required

	Snapshots bool // also read the settings before and after
	Arrivals  bool // also read how the SIMs of open transfers arrive
}

var selectTransfers = newStatement(statement{
	name: "select_transfers",
	does: "Lists transfers of a request in the order of submission. A null list selects all.",
	given: `@request, and @states, @reasons, @methods and @codes of the transfers. The number @after which to start.
		@offered: only transfers that are or were open. The maximum number of rows: @limit.
		@snapshots: with the settings before and after. @arrivals: with how the SIMs of open transfers arrive.`,
	returns: "The transfers.",
	text: `
WITH arriving AS MATERIALIZED (` + arrivingRequests("@arrivals AND r.id = @request") + `
)
SELECT` + transferColumns + `,` + openColumns + `
FROM transfers t
JOIN requests r ON r.id = t.request
LEFT JOIN sims s ON s.id = t.sim
LEFT JOIN registrations g ON @snapshots AND g.sim = t.sim AND g.request = t.request AND g.n = t.n` + joinArrival("arriving") + `
WHERE t.request = @request
  AND t.n > @after
  AND` + transferFilter() + `
ORDER BY t.n
LIMIT @limit`,
})

// Transfers lists the transfers of a request in the order of submission.
func (db *DB) Transfers(ctx context.Context, request uuid.UUID, f TransferFilter) ([]Transfer, error) {
	list := []Transfer{}
	if err := db.list(ctx, &list, selectTransfers, args{
		"request": request, "states": textArray(f.States), "reasons": textArray(f.Reasons), "methods": textArray(f.Methods), "codes": textArray(f.Codes), "after": f.After,
		"offered": f.Offered, "limit": f.Limit, "snapshots": f.Snapshots, "arrivals": f.Arrivals,
	}); err != nil {
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

var countReasons = newStatement(statement{
	name:    "count_reasons",
	does:    "Counts the ineligible and failed transfers of a request by state and reason.",
	given:   "@request.",
	returns: "A row for each state and reason, the most frequent first.",
	text: `
SELECT state, reason, count(*) AS count
FROM transfers
WHERE request = @request AND reason IS NOT NULL
GROUP BY state, reason
ORDER BY count(*) DESC, reason`,
})

// ReasonCounts counts the ineligible and failed SIMs of a request by reason.
func (db *DB) ReasonCounts(ctx context.Context, request uuid.UUID) ([]ReasonCount, error) {
	return reasonCounts(ctx, db, request)
}

// ReasonCounts is DB.ReasonCounts within the transaction.
func (t *Tx) ReasonCounts(ctx context.Context, request uuid.UUID) ([]ReasonCount, error) {
	return reasonCounts(ctx, t, request)
}

func reasonCounts(ctx context.Context, q querier, request uuid.UUID) ([]ReasonCount, error) {
	list := []ReasonCount{}
	if err := q.list(ctx, &list, countReasons, args{"request": request}); err != nil {
		return nil, fmt.Errorf("counting the reasons of request %s: %w", request, err)
	}
	return list, nil
}

package storage

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"simtransfer/transfer"
)

// Retry selects lines of a finished request and says how to request them again.
type Retry struct {
	Reasons         []transfer.Reason // only lines that ended for one of these reasons; empty means all
	SelfServiceOnly bool
	Acceptance      time.Duration // zero means that of the finished request
	Review          time.Duration
	By              Actor
}

var lockFinished = newStatement(statement{
	name:    "lock_finished",
	does:    "Locks a request, so that two retries cannot take the same lines.",
	given:   "@request.",
	returns: "Its state and whether it is finished; no row if there is no such request.",
	locks:   "Takes the request.",
	text: `
SELECT state, finished_at IS NOT NULL AS finished
FROM requests
WHERE id = @request
FOR NO KEY UPDATE`,
})

// A line keeps its number in the upload. Two lines can name one SIM if it was
// not the source's when they were uploaded.
var copyRetriedLines = newStatement(statement{
	name: "copy_retried_lines",
	does: `Copies lines of a finished request to a new one: those that were ineligible, failed or expired, and those
		that needed no support and were denied with others that did, unless another request already retries them.
		Of several lines that name one SIM of the source, it copies the first.`,
	given: "The finished @request and the @retry of it. @reasons of the lines; an empty array means all.",
	locks: "The caller holds the finished request.",
	text: `
WITH lines AS (
	SELECT
		t.n,
		t.line,
		t.identifier,
		t.reference,
		s.id IS NULL OR row_number() OVER (PARTITION BY s.id ORDER BY t.n) = 1 AS is_first
	FROM transfers t
	LEFT JOIN identifiers i ON i.identifier = t.identifier
	LEFT JOIN sims s ON s.id = i.sim AND s.account = (SELECT source FROM requests WHERE id = @request)
	WHERE t.request = @request
	  AND (t.state IN ('ineligible', 'failed', 'expired') OR t.state = 'denied' AND t.method = 'self_service')
	  AND (cardinality(@reasons::text[]) = 0 OR t.reason = ANY(@reasons))
	  AND NOT EXISTS (
		SELECT 1
		FROM requests again
		JOIN transfers x ON x.request = again.id
		WHERE again.retry_of = @request AND x.line = t.line AND x.identifier = t.identifier
	  )
)
INSERT INTO transfers (request, n, line, identifier, reference)
SELECT @retry, row_number() OVER (ORDER BY n) - 1, line, identifier, reference
FROM lines
WHERE is_first`,
})

var insertRetry = newStatement(statement{
	name: "insert_retry",
	does: "Creates a request that retries lines of a finished one, between the same accounts, with its reference and message.",
	given: `The finished @request and the id of the @retry. @self_service_only, the @queue of its work and its @size.
		How many seconds the destination has (@acceptance, 0: as for the finished request) and support has (@review).`,
	locks: "The caller holds the finished request.",
	text: `
INSERT INTO requests (id, retry_of, source, destination, self_service_only, acceptance, review, queue, state, size, n_left, reference, message)
SELECT
	@retry,
	id,
	source,
	destination,
	@self_service_only,
	CASE WHEN @acceptance = 0 THEN acceptance ELSE make_interval(secs => @acceptance) END,
	make_interval(secs => @review),
	@queue,
	'validating',
	@size,
	@size,
	reference,
	message
FROM requests
WHERE id = @request`,
})

// RetryRequest creates a request for lines of a finished one, and returns its
// id. It returns ErrNotFound, ErrNothingToRetry, or a *NotFinishedError if the
// request is not finished, a *ReferenceTakenError if its reference was to be unique and
// another request has it, and an *AccountClosedError if an account is closed.
func (t *Tx) RetryRequest(ctx context.Context, old uuid.UUID, r Retry) (uuid.UUID, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return id, fmt.Errorf("making a request id: %w", err)
	}
	var state struct {
		State    transfer.RequestState `db:"state"`
		Finished bool                  `db:"finished"`
	}
	if err := t.get(ctx, &state, lockFinished, args{"request": old}); err != nil {
		return id, err
	}
	if !state.Finished {
		return id, &NotFinishedError{state.State}
	}
	retried, err := t.Request(ctx, old)
	if err != nil {
		return id, fmt.Errorf("reading request %s: %w", old, err)
	}
	if err := t.reclaimReference(ctx, retried); err != nil {
		return id, err
	}
	reasons := make([]string, len(r.Reasons))
	for i, reason := range r.Reasons {
		reasons[i] = string(reason)
	}
	size, err := t.exec(ctx, copyRetriedLines, args{"request": old, "retry": id, "reasons": pq.Array(reasons)})
	if err != nil {
		return id, fmt.Errorf("copying the lines of request %s: %w", old, err)
	}
	if size == 0 {
		return id, ErrNothingToRetry
	}
	if _, err := t.exec(ctx, insertRetry, args{
		"request": old, "retry": id, "self_service_only": r.SelfServiceOnly, "acceptance": r.Acceptance.Seconds(),
		"review": r.Review.Seconds(), "queue": transfer.QueueOf(false, int(size)), "size": size,
	}); err != nil {
		return id, fmt.Errorf("creating request %s: %w", id, err)
	}
	if err := t.addChunks(ctx, id, transfer.WorkValidate); err != nil {
		return id, err
	}
	if err := t.addEvent(ctx, id, event{
		kind: transfer.EventCreate, by: r.By, to: transfer.Validating, detail: map[string]any{"size": size, "retry_of": old},
	}); err != nil {
		return id, err
	}
	if err := t.addEvent(ctx, old, event{
		kind: transfer.EventRetry, by: r.By, detail: map[string]any{"size": size, "request": id}, hidden: []transfer.Party{transfer.PartyDestination},
	}); err != nil {
		return id, err
	}
	made, err := t.Request(ctx, id)
	if err != nil {
		return id, fmt.Errorf("reading request %s: %w", id, err)
	}
	return id, t.accountsOpen(ctx, made, "")
}

// NotFinishedError is returned when a request to retry is not finished yet.
type NotFinishedError struct{ State transfer.RequestState }

func (e *NotFinishedError) Error() string {
	return fmt.Sprintf("the request is %s and not finished: retry its SIMs when it is finished", e.State)
}

package storage

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"simtransfer/transfer"
)

// Retry says which lines of a finished request to ask for again, and how.
type Retry struct {
	Reasons         []transfer.Reason // only lines that ended for one of these; empty means all of them
	SelfServiceOnly bool
	Acceptance      time.Duration // zero means that of the request before
	Review          time.Duration
	By              Actor
}

// A line can be retried if it was ineligible, failed or expired, or if it
// needed no support and was denied along with lines that did; and if no other
// request retries it already. It keeps its number in the upload.
const retrySQL = `
INSERT INTO transfers (request, n, line, identifier)
SELECT $2, row_number() OVER (ORDER BY t.n) - 1, t.line, t.identifier
FROM transfers t
WHERE t.request = $1
  AND (t.state IN ('ineligible', 'failed', 'expired') OR t.state = 'denied' AND t.method = 'self_service')
  AND (cardinality($3::text[]) = 0 OR t.reason = ANY($3))
  AND NOT EXISTS (
	SELECT 1
	FROM requests again
	JOIN transfers x ON x.request = again.id
	WHERE again.retry_of = $1 AND x.line = t.line AND x.identifier = t.identifier
  )`

// RetryRequest makes a request for lines of a finished one, and returns its
// id. It returns ErrNotFound, ErrNothingToRetry, or a *NotFinishedError if
// the request is not finished.
func (t *Tx) RetryRequest(ctx context.Context, old uuid.UUID, r Retry) (uuid.UUID, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return id, fmt.Errorf("making a request id: %w", err)
	}
	var state struct {
		State    transfer.RequestState `db:"state"`
		Finished bool                  `db:"finished"`
	}
	// The lock keeps two retries from taking the same lines.
	if err := t.rawGet(ctx, &state, `
		SELECT state, finished_at IS NOT NULL AS finished FROM requests WHERE id = $1 FOR NO KEY UPDATE`, old); err != nil {
		return id, err
	}
	if !state.Finished {
		return id, &NotFinishedError{state.State}
	}
	reasons := make([]string, len(r.Reasons))
	for i, reason := range r.Reasons {
		reasons[i] = string(reason)
	}
	size, err := t.rawExec(ctx, retrySQL, old, id, pq.Array(reasons))
	if err != nil {
		return id, fmt.Errorf("copying the lines of request %s: %w", old, err)
	}
	if size == 0 {
		return id, ErrNothingToRetry
	}
	if _, err := t.rawExec(ctx, `
		INSERT INTO requests (id, retry_of, source, destination, self_service_only, acceptance, review, queue, state, size, n_left)
		SELECT $2, id, source, destination, $3, CASE WHEN $4 = 0 THEN acceptance ELSE make_interval(secs => $4) END,
			make_interval(secs => $5), $6, 'validating', $7, $7
		FROM requests
		WHERE id = $1`,
		old, id, r.SelfServiceOnly, r.Acceptance.Seconds(), r.Review.Seconds(), transfer.QueueOf(false, int(size)), size,
	); err != nil {
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
	return id, t.addEvent(ctx, old, event{kind: transfer.EventRetry, by: r.By, detail: map[string]any{"size": size, "request": id}})
}

// NotFinishedError says that a request is not finished yet.
type NotFinishedError struct{ State transfer.RequestState }

func (e *NotFinishedError) Error() string {
	return fmt.Sprintf("the request is %s and not finished: what fails can be retried when it is", e.State)
}

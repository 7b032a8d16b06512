package storage

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

// Batch is an upload that became one request per destination, with the sums of
// its requests' counts.
type Batch struct {
	ID         uuid.UUID           `db:"id"`
	Account    int64               `db:"account"`
	OperatorID transfer.OperatorID `db:"operator_id"`
	ExternalID *string             `db:"account_external_id"` // of the account
	CreatedAt  time.Time           `db:"created_at"`
	Size       int                 `db:"size"`       // number of rows in the upload
	Requests   int                 `db:"requests"`   // number of requests
	Unfinished int                 `db:"unfinished"` // number of requests that are not finished
	Pending    int                 `db:"n_pending"`  // number of SIMs that are not validated yet
	Eligible   int                 `db:"n_eligible"`
	Support    int                 `db:"n_support"`
	Completed  int                 `db:"n_completed"`
	Ineligible int                 `db:"n_ineligible"`
	Failed     int                 `db:"n_failed"`
	Canceled   int                 `db:"n_canceled"`
	Declined   int                 `db:"n_declined"`
	Denied     int                 `db:"n_denied"`
	Expired    int                 `db:"n_expired"`
	Purged     int                 `db:"n_purged"` // rows that were deleted; the other counts include them
	Reference  *string             `db:"reference"`
	Message    *string             `db:"message"`
}

// selectBatchSQL selects batches b with the sums of their requests.
const selectBatchSQL = `SELECT
	b.id,
	b.account,
	a.operator_id,
	a.external_id AS account_external_id,
	b.created_at,
	b.size,
	b.reference,
	b.message,
	r.requests,
	r.unfinished,
	r.n_pending,
	r.n_eligible,
	r.n_support,
	r.n_completed,
	r.n_ineligible,
	r.n_failed,
	r.n_canceled,
	r.n_declined,
	r.n_denied,
	r.n_expired,
	r.n_purged
FROM batches b
JOIN accounts a ON a.id = b.account
CROSS JOIN LATERAL (
	SELECT
		count(*) AS requests,
		count(*) FILTER (WHERE finished_at IS NULL) AS unfinished,
		coalesce(sum(size - n_eligible - n_completed - n_ineligible - n_failed - n_canceled - n_declined - n_denied - n_expired), 0) AS n_pending,
		coalesce(sum(n_eligible), 0) AS n_eligible,
		coalesce(sum(n_support), 0) AS n_support,
		coalesce(sum(n_completed), 0) AS n_completed,
		coalesce(sum(n_ineligible), 0) AS n_ineligible,
		coalesce(sum(n_failed), 0) AS n_failed,
		coalesce(sum(n_canceled), 0) AS n_canceled,
		coalesce(sum(n_declined), 0) AS n_declined,
		coalesce(sum(n_denied), 0) AS n_denied,
		coalesce(sum(n_expired), 0) AS n_expired,
		coalesce(sum(n_purged), 0) AS n_purged
	FROM requests
	WHERE batch = b.id
) r`

var insertBatch = newStatement(statement{
	name:  "insert_batch",
	does:  "Creates a batch.",
	given: "@id of the batch, @account that has uploaded it, @size: its number of rows. Its @reference and @message, each empty for none.",
	text: `
INSERT INTO batches (id, account, size, reference, message)
VALUES (@id, @account, @size, nullif(@reference, ''), nullif(@message, ''))`,
})

// CreateBatch creates a batch without requests; CreateRequest adds them, each
// with the same words, and CompleteBatch follows. It returns *ReferenceTakenError if the
// reference has to be unique and is not.
func (t *Tx) CreateBatch(ctx context.Context, account int64, size int, w Words) (uuid.UUID, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return id, fmt.Errorf("making a batch id: %w", err)
	}
	if err := t.claimReference(ctx, account, w); err != nil {
		return id, err
	}
	if _, err := t.exec(ctx, insertBatch, args{
		"id": id, "account": account, "size": size, "reference": w.Reference, "message": w.Message,
	}); err != nil {
		return id, fmt.Errorf("creating batch %s: %w", id, err)
	}
	return id, nil
}

var shareBatchAccounts = newStatement(statement{
	name:    "share_batch_accounts",
	does:    "Keeps the standing of the accounts of a batch's requests from changing.",
	given:   "@batch.",
	returns: "Whether all are open.",
	locks:   "Takes the accounts, by ascending id, shared with other calls.",
	text: `
SELECT bool_and(standing = 'open')
FROM (
	SELECT standing
	FROM accounts
	WHERE id IN (SELECT source FROM requests WHERE batch = @batch UNION SELECT destination FROM requests WHERE batch = @batch)
	ORDER BY id
	FOR SHARE
) AS accounts`,
})

// CompleteBatch is called when all requests of a new batch are created. It returns an
// *AccountClosedError if one of their accounts is closed; otherwise none can be closed
// until the transaction ends. It comes last, because creating a large batch takes long,
// and a change of one of the accounts would wait so long.
func (t *Tx) CompleteBatch(ctx context.Context, id uuid.UUID) error {
	var open bool
	if err := t.get(ctx, &open, shareBatchAccounts, args{"batch": id}); err != nil {
		return fmt.Errorf("reading whether the accounts of batch %s are open: %w", id, err)
	}
	if !open {
		return &AccountClosedError{}
	}
	return nil
}

var selectBatch = newStatement(statement{
	name:    "select_batch",
	does:    "Reads a batch with the sums of its requests.",
	given:   "@id of the batch.",
	returns: "The batch; none if it does not exist.",
	text: selectBatchSQL + `
WHERE b.id = @id`,
})

// Batch returns a batch, or ErrNotFound.
func (t *Tx) Batch(ctx context.Context, id uuid.UUID) (Batch, error) { return batch(ctx, t, id) }

// Batch returns a batch, or ErrNotFound.
func (db *DB) Batch(ctx context.Context, id uuid.UUID) (Batch, error) { return batch(ctx, db, id) }

func batch(ctx context.Context, q querier, id uuid.UUID) (Batch, error) {
	var b Batch
	err := q.get(ctx, &b, selectBatch, args{"id": id})
	return b, err
}

// BatchFilter selects batches; zero fields select all.
type BatchFilter struct {
	Account       int64
	Finished      *bool // whether all requests are finished
	Reference     string
	CreatedAfter  *time.Time // at this instant or later
	CreatedBefore *time.Time // before this instant
	Before        *uuid.UUID // the cursor: only batches older than this one
	Limit         int        // maximum number of batches; required
}

var selectBatches = newStatement(statement{
	name: "select_batches",
	does: "Lists batches, newest first.",
	given: `@account (0: any); @before: only batches with a smaller id (null: any); @finished: whether all
		requests are finished (null: any); @reference (empty: any); @created_after and @created_before, each null or an instant
		with a bound for ids in @first_id and @last_id; @limit: maximum number of rows.`,
	returns: "The batches with the sums of their requests.",
	text: selectBatchSQL + `
WHERE (@account = 0 OR b.account = @account)
  AND (@before::uuid IS NULL OR b.id < @before)
  AND (@finished::boolean IS NULL OR @finished = NOT EXISTS (SELECT 1 FROM requests WHERE batch = b.id AND finished_at IS NULL))
  AND (@reference = '' OR b.reference = @reference)
  AND (@created_after::timestamptz IS NULL OR b.created_at >= @created_after AND b.id >= @first_id::uuid)
  AND (@created_before::timestamptz IS NULL OR b.created_at < @created_before AND b.id <= @last_id::uuid)
ORDER BY b.id DESC
LIMIT @limit`,
})

// Batches lists batches, newest first.
func (db *DB) Batches(ctx context.Context, f BatchFilter) ([]Batch, error) {
	list := []Batch{}
	if err := db.list(ctx, &list, selectBatches, args{
		"account": f.Account, "before": f.Before, "finished": f.Finished, "reference": f.Reference,
		"created_after": f.CreatedAfter, "first_id": firstID(f.CreatedAfter),
		"created_before": f.CreatedBefore, "last_id": lastID(f.CreatedBefore),
		"limit": f.Limit,
	}); err != nil {
		return nil, fmt.Errorf("listing batches: %w", err)
	}
	return list, nil
}

var selectBatchRequests = newStatement(statement{
	name:    "select_batch_requests",
	does:    "Lists the requests of a batch, oldest first.",
	given:   "@batch, @limit: maximum number of rows.",
	returns: "The requests.",
	text: `SELECT` + requestColumns + `
WHERE r.batch = @batch
ORDER BY r.id
LIMIT @limit`,
})

// BatchRequests lists up to limit requests of a batch, oldest first.
func (t *Tx) BatchRequests(ctx context.Context, batch uuid.UUID, limit int) ([]Request, error) {
	list := []Request{}
	if err := t.list(ctx, &list, selectBatchRequests, args{"batch": batch, "limit": limit}); err != nil {
		return nil, fmt.Errorf("listing the requests of batch %s: %w", batch, err)
	}
	return list, nil
}

var selectBatchRequestIDs = newStatement(statement{
	name:    "select_batch_request_ids",
	does:    "Lists the ids of a batch's requests, oldest first.",
	given:   "@batch.",
	returns: "The ids.",
	text:    `SELECT id FROM requests WHERE batch = @batch ORDER BY id`,
})

// BatchRequestIDs lists the ids of all requests of a batch, oldest first.
func (db *DB) BatchRequestIDs(ctx context.Context, batch uuid.UUID) ([]uuid.UUID, error) {
	list := []uuid.UUID{}
	if err := db.list(ctx, &list, selectBatchRequestIDs, args{"batch": batch}); err != nil {
		return nil, fmt.Errorf("listing the requests of batch %s: %w", batch, err)
	}
	return list, nil
}

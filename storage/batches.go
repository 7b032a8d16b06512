package storage

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

// Batch is one upload that became a request per destination, with the counts
// of all its requests added up.
type Batch struct {
	ID         uuid.UUID           `db:"id"`
	Account    int64               `db:"account"`
	OperatorID transfer.OperatorID `db:"operator_id"`
	CreatedAt  time.Time           `db:"created_at"`
	Size       int                 `db:"size"`     // rows, as uploaded
	Requests   int                 `db:"requests"` // their number
	Unfinished int                 `db:"unfinished"`
	Pending    int                 `db:"n_pending"` // not validated yet
	Eligible   int                 `db:"n_eligible"`
	Support    int                 `db:"n_support"`
	Completed  int                 `db:"n_completed"`
	Ineligible int                 `db:"n_ineligible"`
	Failed     int                 `db:"n_failed"`
	Canceled   int                 `db:"n_canceled"`
	Declined   int                 `db:"n_declined"`
	Denied     int                 `db:"n_denied"`
	Expired    int                 `db:"n_expired"`
}

const batchColumns = `
	b.id,
	b.account,
	a.operator_id,
	b.created_at,
	b.size,
	r.*
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
		coalesce(sum(n_expired), 0) AS n_expired
	FROM requests
	WHERE batch = b.id
) r`

// CreateBatch writes the head of a batch; its requests follow by CreateRequest.
func (t *Tx) CreateBatch(ctx context.Context, account int64, size int) (uuid.UUID, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return id, fmt.Errorf("making a batch id: %w", err)
	}
	if _, err := t.rawExec(ctx, `INSERT INTO batches (id, account, size) VALUES ($1, $2, $3)`, id, account, size); err != nil {
		return id, fmt.Errorf("creating batch %s: %w", id, err)
	}
	return id, nil
}

// Batch returns a batch, or ErrNotFound.
func (t *Tx) Batch(ctx context.Context, id uuid.UUID) (Batch, error) {
	var b Batch
	err := t.rawGet(ctx, &b, `SELECT`+batchColumns+` WHERE b.id = $1`, id)
	return b, err
}

// Batch returns a batch, or ErrNotFound.
func (db *DB) Batch(ctx context.Context, id uuid.UUID) (Batch, error) {
	var b Batch
	err := db.pool.GetContext(ctx, &b, `SELECT`+batchColumns+` WHERE b.id = $1`, id)
	return b, notFound(err)
}

// BatchFilter narrows a list of batches; zero fields do not.
type BatchFilter struct {
	Account       int64
	Finished      *bool
	CreatedAfter  *time.Time // at this instant or later
	CreatedBefore *time.Time
	Before        *uuid.UUID // only batches made before this one: the cursor
	Limit         int        // at most this many; required
}

// Batches lists batches, newest first.
func (db *DB) Batches(ctx context.Context, f BatchFilter) ([]Batch, error) {
	list := []Batch{}
	err := db.pool.SelectContext(ctx, &list, `
		SELECT`+batchColumns+`
		WHERE ($1 = 0 OR b.account = $1)
		  AND ($2::uuid IS NULL OR b.id < $2)
		  AND ($4::boolean IS NULL OR $4 = NOT EXISTS (SELECT 1 FROM requests WHERE batch = b.id AND finished_at IS NULL))
		  AND ($5::timestamptz IS NULL OR b.created_at >= $5 AND b.id >= $7::uuid)
		  AND ($6::timestamptz IS NULL OR b.created_at < $6 AND b.id <= $8::uuid)
		ORDER BY b.id DESC
		LIMIT $3`, f.Account, f.Before, f.Limit, f.Finished, f.CreatedAfter, f.CreatedBefore,
		idsFrom(f.CreatedAfter), idsUntil(f.CreatedBefore))
	if err != nil {
		return nil, fmt.Errorf("listing batches: %w", err)
	}
	return list, nil
}

// BatchRequests lists up to limit requests of a batch, in the order in which
// they were made.
func (t *Tx) BatchRequests(ctx context.Context, batch uuid.UUID, limit int) ([]Request, error) {
	list := []Request{}
	if err := t.tx.SelectContext(ctx, &list, `SELECT`+requestColumns+`
		WHERE r.batch = $1
		ORDER BY r.id
		LIMIT $2`, batch, limit); err != nil {
		return nil, fmt.Errorf("listing the requests of batch %s: %w", batch, err)
	}
	return list, nil
}

// BatchRequestIDs lists the ids of all requests of a batch, in the order in
// which they were made.
func (db *DB) BatchRequestIDs(ctx context.Context, batch uuid.UUID) ([]uuid.UUID, error) {
	list := []uuid.UUID{}
	if err := db.pool.SelectContext(ctx, &list, `SELECT id FROM requests WHERE batch = $1 ORDER BY id`, batch); err != nil {
		return nil, fmt.Errorf("listing the requests of batch %s: %w", batch, err)
	}
	return list, nil
}

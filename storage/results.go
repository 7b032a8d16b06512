package storage

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"simtransfer/transfer"
)

const resultColumns = `
	t.n,
	t.line,
	t.identifier,
	s.iccid,
	t.state,
	t.method,
	t.reason,
	` + effectiveFeeSQL + ` AS fee,
	t.session_dropped,
	t.finished_at`

// BatchOrder is the rows of a batch in the order of its upload: 12 bytes each.
type BatchOrder struct {
	Requests []BatchRequest
	rows     []batchRow
}

// BatchRequest is a request of a batch, and where it leads.
type BatchRequest struct {
	ID          uuid.UUID           `db:"id"`
	Destination transfer.OperatorID `db:"destination"`
}

type batchRow struct{ line, request, n int32 }

// Len returns the number of rows.
func (o *BatchOrder) Len() int { return len(o.rows) }

// Request returns the request that a row is in.
func (o *BatchOrder) Request(row int) BatchRequest { return o.Requests[o.rows[row].request] }

// orderPage is how many rows one statement puts in order.
const orderPage = 10000

// BatchOrder reads the order of a batch's rows, which never changes. The rows
// of each request are in this order by their numbers already, but a row of one
// request may come before any of another's.
func (db *DB) BatchOrder(ctx context.Context, batch uuid.UUID) (*BatchOrder, error) {
	o := &BatchOrder{}
	if err := db.pool.SelectContext(ctx, &o.Requests, `
		SELECT r.id, a.operator_id AS destination
		FROM requests r
		JOIN accounts a ON a.id = r.destination
		WHERE r.batch = $1
		ORDER BY r.id`, batch); err != nil {
		return nil, fmt.Errorf("listing the requests of batch %s: %w", batch, err)
	}
	index := make(map[uuid.UUID]int32, len(o.Requests))
	for i, r := range o.Requests {
		index[r.ID] = int32(i)
	}
	last, n := uuid.Nil, -1
	for {
		var page []struct {
			Request uuid.UUID `db:"id"`
			Line    int32     `db:"line"`
			N       int32     `db:"n"`
		}
		if err := db.pool.SelectContext(ctx, &page, `
			SELECT r.id, t.line, t.n
			FROM requests r
			JOIN transfers t ON t.request = r.id
			WHERE r.batch = $1 AND r.id >= $2 AND (t.request, t.n) > ($2, $3)
			ORDER BY t.request, t.n
			LIMIT $4`, batch, last, n, orderPage); err != nil {
			return nil, fmt.Errorf("reading the order of batch %s: %w", batch, err)
		}
		for _, row := range page {
			o.rows = append(o.rows, batchRow{row.Line, index[row.Request], row.N})
		}
		if len(page) < orderPage {
			break
		}
		last, n = page[len(page)-1].Request, int(page[len(page)-1].N)
	}
	slices.SortFunc(o.rows, func(a, b batchRow) int { return cmp.Compare(a.line, b.line) })
	return o, nil
}

// BatchResults returns up to limit results of a batch from a row on, in the
// order of the upload.
func (db *DB) BatchResults(ctx context.Context, o *BatchOrder, from, limit int) ([]Transfer, error) {
	rows := o.rows[from:min(from+limit, len(o.rows))]
	ids, ns := make([]string, len(rows)), make([]int64, len(rows))
	for i, row := range rows {
		ids[i], ns[i] = o.Requests[row.request].ID.String(), int64(row.n)
	}
	list := make([]Transfer, 0, len(rows))
	if err := db.pool.SelectContext(ctx, &list, `
		SELECT`+resultColumns+`
		FROM unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS u (request, n, nth)
		JOIN transfers t ON t.request = u.request AND t.n = u.n
		JOIN requests r ON r.id = t.request
		LEFT JOIN sims s ON s.id = t.sim
		ORDER BY u.nth`, pq.Array(ids), pq.Array(ns)); err != nil {
		return nil, fmt.Errorf("reading the results of a batch: %w", err)
	}
	return list, nil
}

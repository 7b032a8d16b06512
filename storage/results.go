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

// resultColumns are the columns of a transfer t of the request r with the SIM s.
const resultColumns = `
	t.n,
	t.line,
	t.identifier,
	s.iccid,
	t.state,
	t.method,
	t.reason,
	` + effectiveFee + ` AS fee,
	t.session_dropped,
	t.finished_at`

// BatchOrder is the order of a batch's rows in its upload. It takes 12 bytes
// per row.
type BatchOrder struct {
	Requests []BatchRequest
	rows     []batchRow
}

// BatchRequest is a request of a batch and its destination.
type BatchRequest struct {
	ID          uuid.UUID           `db:"id"`
	Destination transfer.OperatorID `db:"destination"`
}

// batchRow is a row of an upload.
type batchRow struct {
	line    int32 // in the upload
	request int32 // index in BatchOrder.Requests
	n       int32 // number of the transfer in the request
}

// Len returns the number of rows.
func (o *BatchOrder) Len() int { return len(o.rows) }

// Request returns the request that row i is part of, from 0.
func (o *BatchOrder) Request(i int) BatchRequest { return o.Requests[o.rows[i].request] }

var selectBatchDestinations = newStatement(statement{
	name:    "select_batch_destinations",
	does:    "Lists the requests of a batch with their destinations, oldest first.",
	given:   "@batch.",
	returns: "The ids of the requests and the operator ids of their destinations.",
	text: `
		SELECT
			r.id,
			a.operator_id AS destination
		FROM requests r
		JOIN accounts a ON a.id = r.destination
		WHERE r.batch = @batch
		ORDER BY r.id`,
})

// orderPage is the number of rows that BatchOrder reads by one statement.
const orderPage = 10000

var selectBatchLines = newStatement(statement{
	name:    "select_batch_lines",
	does:    "Reads where the transfers of a batch are in its upload, page by page.",
	given:   "@batch; @request and @n: the last transfer of the page before; @limit: maximum number of rows.",
	returns: "The transfers by request and number, each with its line.",
	text: `
		SELECT
			r.id,
			t.line,
			t.n
		FROM requests r
		JOIN transfers t ON t.request = r.id
		WHERE r.batch = @batch AND r.id >= @request AND (t.request, t.n) > (@request, @n)
		ORDER BY t.request, t.n
		LIMIT @limit`,
})

// BatchOrder reads the order of a batch's rows, which never changes. The
// numbers of one request's transfers follow it, but the rows of several
// requests may alternate.
func (db *DB) BatchOrder(ctx context.Context, batch uuid.UUID) (*BatchOrder, error) {
	o := &BatchOrder{}
	if err := db.list(ctx, &o.Requests, selectBatchDestinations, args{"batch": batch}); err != nil {
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
		if err := db.list(ctx, &page, selectBatchLines, args{
			"batch": batch, "request": last, "n": n, "limit": orderPage,
		}); err != nil {
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

var selectResults = newStatement(statement{
	name:    "select_results",
	does:    "Reads transfers.",
	given:   "@requests and as many @numbers: the n-th of one and the n-th of the other name a transfer.",
	returns: "The transfers in the same order.",
	text: `SELECT` + resultColumns + `
FROM unnest(@requests::uuid[], @numbers::int[]) WITH ORDINALITY AS u (request, n, nth)
JOIN transfers t ON t.request = u.request AND t.n = u.n
JOIN requests r ON r.id = t.request
LEFT JOIN sims s ON s.id = t.sim
ORDER BY u.nth`,
})

// BatchResults returns up to limit results of a batch in the order of the
// upload, starting with row from.
func (db *DB) BatchResults(ctx context.Context, o *BatchOrder, from, limit int) ([]Transfer, error) {
	rows := o.rows[from:min(from+limit, len(o.rows))]
	requests, numbers := make([]string, len(rows)), make([]int64, len(rows))
	for i, row := range rows {
		requests[i], numbers[i] = o.Requests[row.request].ID.String(), int64(row.n)
	}
	list := make([]Transfer, 0, len(rows))
	if err := db.list(ctx, &list, selectResults, args{
		"requests": pq.Array(requests), "numbers": pq.Array(numbers),
	}); err != nil {
		return nil, fmt.Errorf("reading the results of a batch: %w", err)
	}
	return list, nil
}

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
	t.gateway_answer,
	t.reference,
	t.code,
	t.finished_at`

// Results are the rows that the results of a request or a batch have, in the
// order of submission. They take 12 bytes per row. Which rows there are is
// found out once; what each row shows is read later, page by page.
type Results struct {
	Requests []ResultsRequest
	rows     []resultsRow
}

// ResultsRequest is a request that rows of results are part of.
type ResultsRequest struct {
	ID          uuid.UUID           `db:"id"`
	Destination transfer.OperatorID `db:"destination"`
	ExternalID  *string             `db:"external_id"` // of the destination
}

// resultsRow is where a row of results is found.
type resultsRow struct {
	line    int32 // in the upload
	request int32 // index in Results.Requests
	n       int32 // number of the transfer in the request
}

// Len returns the number of rows.
func (o *Results) Len() int { return len(o.rows) }

// Request returns the request that row i is part of, from 0.
func (o *Results) Request(i int) ResultsRequest { return o.Requests[o.rows[i].request] }

// ResultsFilter selects rows of results. An empty list selects all.
type ResultsFilter struct {
	States  []transfer.State
	Reasons []transfer.Reason
	Methods []transfer.Method
	Codes   []transfer.DecisionCode
	Offered bool // only transfers that are or were open: those that the destination may see
}

// transferFilter selects transfers t of requests r by lists of states, reasons, methods and codes;
// null selects all.
func transferFilter() string {
	return `
	(@states::text[] IS NULL OR t.state = ANY (@states::text[]))
	AND (@reasons::text[] IS NULL OR t.reason = ANY (@reasons::text[]))
	AND (@methods::text[] IS NULL OR t.method = ANY (@methods::text[]))
	AND (@codes::text[] IS NULL OR t.code = ANY (@codes::text[]))
	AND (NOT @offered OR ` + offeredSQL("r") + `)`
}

var selectBatchDestinations = newStatement(statement{
	name:    "select_batch_destinations",
	does:    "Lists the requests of a batch with their destinations, oldest first.",
	given:   "@batch.",
	returns: "The ids of the requests, and the operator ids and external ids of their destinations.",
	text: `
		SELECT
			r.id,
			a.operator_id AS destination,
			a.external_id
		FROM requests r
		JOIN accounts a ON a.id = r.destination
		WHERE r.batch = @batch
		ORDER BY r.id`,
})

// linesPage is the number of rows that one statement reads of the rows of results.
const linesPage = 10000

var selectBatchLines = newStatement(statement{
	name: "select_batch_lines",
	does: "Reads where the transfers of a batch are in its upload, page by page.",
	given: `@batch; @states, @reasons, @methods and @codes of the transfers, and @offered: only those that are or were open.
		@request and @n: the last transfer of the page before; @limit: maximum number of rows.`,
	returns: "The transfers by request and number, each with its line.",
	text: `
		SELECT
			r.id,
			t.line,
			t.n
		FROM requests r
		JOIN transfers t ON t.request = r.id
		WHERE r.batch = @batch AND r.id >= @request AND (t.request, t.n) > (@request, @n) AND` + transferFilter() + `
		ORDER BY t.request, t.n
		LIMIT @limit`,
})

var selectRequestLines = newStatement(statement{
	name: "select_request_lines",
	does: "Reads which transfers of a request its results have, page by page.",
	given: `@request; @states, @reasons, @methods and @codes of the transfers, and @offered: only those that are or were open.
		@n: the last transfer of the page before; @limit: maximum number of rows.`,
	returns: "The transfers by number, each with its line.",
	text: `
		SELECT
			t.request AS id,
			t.line,
			t.n
		FROM transfers t
		JOIN requests r ON r.id = t.request
		WHERE t.request = @request AND t.n > @n AND` + transferFilter() + `
		ORDER BY t.n
		LIMIT @limit`,
})

// BatchResults finds the rows that the results of a batch have.
func (db *DB) BatchResults(ctx context.Context, batch uuid.UUID, f ResultsFilter) (*Results, error) {
	o := &Results{}
	if err := db.list(ctx, &o.Requests, selectBatchDestinations, args{"batch": batch}); err != nil {
		return nil, fmt.Errorf("listing the requests of batch %s: %w", batch, err)
	}
	index := make(map[uuid.UUID]int32, len(o.Requests))
	for i, r := range o.Requests {
		index[r.ID] = int32(i)
	}
	err := o.readLines(index, func(into any, request uuid.UUID, n int) error {
		return db.list(ctx, into, selectBatchLines, args{
			"batch": batch, "request": request, "n": n, "limit": linesPage,
			"states": textArray(f.States), "reasons": textArray(f.Reasons), "methods": textArray(f.Methods), "codes": textArray(f.Codes), "offered": f.Offered,
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading which rows the results of batch %s have: %w", batch, err)
	}
	// The numbers of one request's transfers follow the upload, but the rows of
	// several requests may alternate.
	slices.SortFunc(o.rows, func(a, b resultsRow) int { return cmp.Compare(a.line, b.line) })
	return o, nil
}

// RequestResults finds the rows that the results of a request have.
func (db *DB) RequestResults(ctx context.Context, r Request, f ResultsFilter) (*Results, error) {
	o := &Results{Requests: []ResultsRequest{{r.ID, r.DestinationOperator, r.DestinationExternalID}}}
	err := o.readLines(map[uuid.UUID]int32{r.ID: 0}, func(into any, _ uuid.UUID, n int) error {
		return db.list(ctx, into, selectRequestLines, args{
			"request": r.ID, "n": n, "limit": linesPage,
			"states": textArray(f.States), "reasons": textArray(f.Reasons), "methods": textArray(f.Methods), "codes": textArray(f.Codes), "offered": f.Offered,
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading which rows the results of request %s have: %w", r.ID, err)
	}
	return o, nil
}

// readLines adds the rows that list reads into a slice, page by page: each page
// follows the transfer n of a request.
func (o *Results) readLines(index map[uuid.UUID]int32, list func(into any, request uuid.UUID, n int) error) error {
	last, n := uuid.Nil, -1
	for {
		var page []struct {
			Request uuid.UUID `db:"id"`
			Line    int32     `db:"line"`
			N       int32     `db:"n"`
		}
		if err := list(&page, last, n); err != nil {
			return err
		}
		for _, row := range page {
			o.rows = append(o.rows, resultsRow{row.Line, index[row.Request], row.N})
		}
		if len(page) < linesPage {
			return nil
		}
		last, n = page[len(page)-1].Request, int(page[len(page)-1].N)
	}
}

var selectResults = newStatement(statement{
	name: "select_results",
	does: "Reads transfers.",
	given: `@requests and as many @numbers: the n-th of one and the n-th of the other name a transfer.
		@arrivals: with how the SIMs of open transfers arrive.`,
	returns: "The transfers in the same order.",
	text: `
WITH arriving AS MATERIALIZED (` + arrivingRequests("@arrivals AND r.id = ANY (@requests::uuid[])") + `
)
SELECT` + resultColumns + `,` + openColumns + `
FROM unnest(@requests::uuid[], @numbers::int[]) WITH ORDINALITY AS u (request, n, nth)
JOIN transfers t ON t.request = u.request AND t.n = u.n
JOIN requests r ON r.id = t.request
LEFT JOIN sims s ON s.id = t.sim` + joinArrival("arriving") + `
ORDER BY u.nth`,
})

// ResultsPage returns up to limit rows of results as they are now, starting
// with row from. If arrivals is set, those that are open say how their SIMs arrive.
func (db *DB) ResultsPage(ctx context.Context, o *Results, from, limit int, arrivals bool) ([]Transfer, error) {
	rows := o.rows[from:min(from+limit, len(o.rows))]
	requests, numbers := make([]string, len(rows)), make([]int64, len(rows))
	for i, row := range rows {
		requests[i], numbers[i] = o.Requests[row.request].ID.String(), int64(row.n)
	}
	list := make([]Transfer, 0, len(rows))
	if err := db.list(ctx, &list, selectResults, args{
		"requests": pq.Array(requests), "numbers": pq.Array(numbers), "arrivals": arrivals,
	}); err != nil {
		return nil, fmt.Errorf("reading results: %w", err)
	}
	if len(list) != len(rows) {
		return nil, fmt.Errorf("reading results: %d of %d transfers exist", len(list), len(rows))
	}
	return list, nil
}

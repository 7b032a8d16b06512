package cli

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

type batchesResultsCommand struct {
	ID     uuid.UUID `arg:"" name:"id" help:"The batch's id."`
	Format string    `enum:"csv,ndjson" default:"csv" help:"How to write: csv or ndjson. --json means ndjson."`
	State  string    `enum:"pending,eligible,completed,ineligible,failed,canceled,declined,denied,expired," default:"" help:"Only SIMs in this state, such as completed or failed."`
	remote
}

// Help is the detailed help.
func (batchesResultsCommand) Help() string {
	return `Writes a row per SIM, request by request, each in the order of the upload; it can be asked for at any time. The rows are written as they come: up to a million.

Examples:

    simtransfer batches results 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 > results.csv
    simtransfer batches results 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --state=failed --format=ndjson`
}

// Run carries the command out.
func (c *batchesResultsCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.open(s)
	if err != nil {
		return err
	}
	if _, err := l.get(ctx, batchPath(c.ID), nil); err != nil { // of an unknown one, no request would be found
		return err
	}
	requests, err := batchRequests(ctx, l, c.ID.String())
	if err != nil {
		return err
	}
	slices.SortFunc(requests, func(a, b request) int { return strings.Compare(a.ID, b.ID) }) // as they were made
	out := newResultWriter(l.Out, c.Format == "ndjson" || c.JSON)
	for _, r := range requests {
		list := listing{
			paging: paging{All: true},
			path:   place("transfer-requests", r.ID, "transfers"),
			query:  url.Values{"state": {c.State}},
			most:   1000,
		}
		if _, err := walk(ctx, l, list, func(_ []byte, p page[json.RawMessage]) error {
			for _, row := range p.Items {
				if err := out.write(r, row); err != nil {
					return err
				}
			}
			return out.flush()
		}); err != nil {
			return err
		}
	}
	return out.flush()
}

// batchRequests reads all requests of a batch.
func batchRequests(ctx context.Context, l *link, batch string) ([]request, error) {
	var all []request
	list := listing{paging: paging{All: true}, path: "/v1/transfer-requests", query: url.Values{"batch": {batch}}}
	_, err := walk(ctx, l, list, func(_ []byte, p page[request]) error {
		all = append(all, p.Items...)
		return nil
	})
	return all, err
}

// resultWriter writes results as they come.
type resultWriter struct {
	lines *bufio.Writer // NDJSON; nil for CSV
	cells *csv.Writer
}

func newResultWriter(out io.Writer, ndjson bool) *resultWriter {
	if ndjson {
		return &resultWriter{lines: bufio.NewWriter(out)}
	}
	w := &resultWriter{cells: csv.NewWriter(out)}
	_ = w.cells.Write([]string{ // flush returns the error
		"request", "destination", "line", "sim", "iccid", "state", "method", "reason", "remedy",
		"fee_minor", "fee_currency", "session_dropped", "advice", "finished_at",
	})
	return w
}

// write writes a row: in NDJSON the API's own object, with the request and its
// destination in front.
func (w *resultWriter) write(r request, row json.RawMessage) error {
	if w.lines != nil {
		rest := strings.TrimPrefix(string(row), "{")
		_, err := fmt.Fprintf(w.lines, `{"request":%q,"destination":%q,%s`+"\n", r.ID, r.Destination, rest)
		return err
	}
	var t transferRow
	if err := json.Unmarshal(row, &t); err != nil {
		return fmt.Errorf("reading a result: %w", err)
	}
	fee, currency, finished := "", "", ""
	if t.Fee != nil {
		fee, currency = strconv.FormatInt(t.Fee.Minor, 10), t.Fee.Currency
	}
	if t.FinishedAt != nil {
		finished = t.FinishedAt.UTC().Format(time.RFC3339Nano)
	}
	return w.cells.Write([]string{
		r.ID, r.Destination, strconv.Itoa(t.Line), t.Identifier, t.ICCID, t.State, t.Method, t.Reason, t.Remedy,
		fee, currency, strconv.FormatBool(t.SessionDropped), t.Advice, finished,
	})
}

func (w *resultWriter) flush() error {
	if w.lines != nil {
		return w.lines.Flush()
	}
	w.cells.Flush()
	return w.cells.Error()
}

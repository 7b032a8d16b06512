package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/google/uuid"
)

// results is embedded in the commands that write what became of every SIM.
type results struct {
	Format string `enum:"csv,ndjson" default:"csv" help:"How to write: csv or ndjson."`
	State  string `enum:"pending,eligible,completed,ineligible,failed,canceled,declined,denied,expired," default:"" help:"Only SIMs in this state, such as completed or failed."`
	Reason string `enum:"sim_not_found,sim_terminated,already_transferring,needs_support,plan_not_transferable,sim_locked,status_changed,owner_changed,account_closed,session_not_dropped,internal_error," default:"" placeholder:"REASON" help:"Only SIMs that were not transferred for this reason, such as sim_locked."`
	Method string `enum:"self_service,support_assisted," default:"" help:"Only SIMs that go by this method: self_service or support_assisted."`
	remote
}

// write writes the rows at a path as they come.
func (r results) write(ctx context.Context, s *Session, path string) error {
	l, err := r.open(s)
	if err != nil {
		return err
	}
	accept := map[string]string{"csv": "text/csv", "ndjson": "application/x-ndjson"}[r.Format]
	if r.JSON {
		accept = "application/json"
	}
	if some := query(nil, "state", r.State, "reason", r.Reason, "method", r.Method); some != "" {
		path += "?" + some
	}
	request := Request{Method: http.MethodGet, Path: path, Accept: accept}
	rows, err := l.client.Stream(ctx, request)
	if err != nil {
		return l.failed(request, err)
	}
	defer func() { _ = rows.Close() }()
	if _, err := io.Copy(l.Out, rows); err != nil {
		return fmt.Errorf("these are not all results: %w", l.failed(request, err))
	}
	return nil
}

type batchesResultsCommand struct {
	ID uuid.UUID `arg:"" name:"id" help:"The batch's id."`
	results
}

// Help is the detailed help.
func (batchesResultsCommand) Help() string {
	return `Writes a row per SIM, in the order of the upload, as the rows come: up to a million. It can be asked for at any time.

Examples:

    simtransfer batches results 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 > results.csv
    simtransfer batches results 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --state=failed --format=ndjson`
}

// Run carries the command out.
func (c *batchesResultsCommand) Run(ctx context.Context, s *Session) error {
	return c.write(ctx, s, batchPath(c.ID, "results"))
}

type requestsResultsCommand struct {
	ID uuid.UUID `arg:"" name:"id" help:"The request's id."`
	results
}

// Help is the detailed help.
func (requestsResultsCommand) Help() string {
	return `Writes a row per SIM, in the order in which they were named. It can be asked for at any time.

Examples:

    simtransfer requests results 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 > results.csv
    simtransfer requests results 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --state=ineligible`
}

// Run carries the command out.
func (c *requestsResultsCommand) Run(ctx context.Context, s *Session) error {
	return c.write(ctx, s, requestPath(c.ID, "results"))
}

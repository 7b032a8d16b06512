package cli

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/google/uuid"
)

// results is embedded in the commands that write what became of every SIM.
type results struct {
	Format string `enum:"csv,ndjson" default:"csv" help:"How to write: csv or ndjson."`
	State  string `enum:"pending,eligible,completed,ineligible,failed,canceled,declined,denied,expired," default:"" help:"Only SIMs in this state, such as completed or failed."`
	remote
}

// Validate refuses what would not be the API's own answer any more.
func (r results) Validate() error {
	if r.JSON && r.State != "" {
		return usageError("--json prints what the API answers, all of it: use --format=ndjson with --state")
	}
	return nil
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
	request := Request{Method: http.MethodGet, Path: path, Accept: accept}
	rows, err := l.client.Stream(ctx, request)
	if err != nil {
		return l.failed(request, err)
	}
	defer func() { _ = rows.Close() }()
	out := bufio.NewWriter(l.Out)
	switch {
	case r.State == "":
		_, err = io.Copy(out, rows)
	case r.Format == "csv":
		err = r.filterCSV(out, rows)
	default:
		err = r.filterNDJSON(out, rows)
	}
	if err := errors.Join(err, out.Flush()); err != nil {
		return fmt.Errorf("these are not all results: %w", l.failed(request, err))
	}
	return nil
}

func (r results) filterCSV(out io.Writer, in io.Reader) error {
	rows, kept := csv.NewReader(in), csv.NewWriter(out)
	for column := -1; ; {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			kept.Flush()
			return kept.Error()
		}
		if err != nil {
			return err
		}
		if head := column < 0; head {
			if column = slices.Index(row, "state"); column < 0 {
				return errors.New("they have no column state")
			}
		} else if row[column] != r.State {
			continue
		}
		if err := kept.Write(row); err != nil {
			return err
		}
	}
}

func (r results) filterNDJSON(out io.Writer, in io.Reader) error {
	rows := json.NewDecoder(in)
	for {
		var row json.RawMessage
		err := rows.Decode(&row)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var is struct {
			State string `json:"state"`
		}
		if err := json.Unmarshal(row, &is); err != nil {
			return err
		}
		if is.State != r.State {
			continue
		}
		if _, err := out.Write(append(row, '\n')); err != nil {
			return err
		}
	}
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

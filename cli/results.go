package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"simtransfer/client"
	"simtransfer/transfer"
)

// transferConditions are the flags that select SIMs of a request or a batch.
type transferConditions struct {
	State  []transfer.State  `enum:"${states}" placeholder:"STATE" help:"Only SIMs in this state, such as completed or failed. Separate several with commas, or repeat the flag."`
	Reason []transfer.Reason `enum:"${reasons}" placeholder:"REASON" help:"Only SIMs that were not transferred for this reason, such as sim_locked, or one of several separated by commas."`
	Method []transfer.Method `enum:"${methods}" placeholder:"METHOD" help:"Only SIMs with this method: self_service or support_assisted."`

	Code []transfer.DecisionCode `enum:"${decision_codes}" placeholder:"CODE" help:"Only SIMs that were declined, denied or canceled with this code, such as duplicate, or with one of several separated by commas."`
}

func (c transferConditions) filter() client.TransferFilter {
	return client.TransferFilter{States: c.State, Reasons: c.Reason, Methods: c.Method, Codes: c.Code}
}

// results is embedded in the commands that write the results of SIMs.
type results struct {
	Format string `enum:"csv,ndjson" default:"csv" help:"Output format: csv or ndjson."`
	Output string `short:"o" placeholder:"FILE" predictor:"file" help:"Write to this file, which is created or replaced when the results are complete. Default: standard output."`
	transferConditions
	remote
}

// resultStream starts the download of the results of something.
type resultStream func(*client.Client, uuid.UUID, client.TransferFilter, client.Format) (*client.Results, error)

// write copies the results of each of some things to the file or to standard
// output, with one line of headings. The file is only written if all of them are
// complete.
func (r results) write(s *Session, ids []uuid.UUID, stream resultStream) error {
	l, err := r.connect(s)
	if err != nil {
		return err
	}
	format := rowFormat(r.Format, r.JSON)
	to := &joinedRows{to: l.Out, headings: format == client.CSV && len(ids) > 1}
	var file *rowFile
	purged := 0
	err = forEach(l, ids, func(id uuid.UUID) error {
		rows, err := stream(l.client, id, r.filter(), format)
		if err != nil {
			return l.explain(err)
		}
		defer func() { _ = rows.Close() }()
		if r.Output != "" && file == nil { // now that there is something to write
			if file, err = createRowFile(r.Output); err != nil {
				return err
			}
			to.to = file
		}
		if err := to.add(l, rows); err != nil {
			return err
		}
		purged += rows.Purged
		return nil
	})
	if file != nil {
		defer file.close()
		if errors.Is(err, ErrReported) {
			l.progress.say("%s was not written", r.Output)
		}
		err = file.finish(err)
	}
	if purged > 0 && (err == nil || r.Output == "") {
		l.note("Rows that are no longer stored, of SIMs that were not found: %d.", purged)
	}
	return err
}

// joinedRows writes several files of rows as one.
type joinedRows struct {
	to       io.Writer
	headings bool   // whether the files begin with a line of headings, which is written once
	first    string // the headings of the first file
}

func (j *joinedRows) add(l *connection, rows io.Reader) error {
	const incomplete = "the results are incomplete"
	if !j.headings {
		return copyRows(l, j.to, rows, incomplete)
	}
	buffered := bufio.NewReader(rows)
	line, err := buffered.ReadString('\n')
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return fmt.Errorf("%s: %w", incomplete, l.explain(err))
	case j.first == "":
		j.first = line
		rows = io.MultiReader(strings.NewReader(line), buffered)
	case line != j.first:
		return errors.New("its columns differ from those of the first, such as for a request that you receive instead of send: write its results to a file of their own, or use --format=ndjson")
	default:
		rows = buffered
	}
	return copyRows(l, j.to, rows, incomplete)
}

// rowFormat returns the format of rows that the flags --format and --json name.
func rowFormat(format string, json bool) client.Format {
	if json {
		return client.JSON
	}
	return map[string]client.Format{"csv": client.CSV, "ndjson": client.NDJSON}[format]
}

// copyRows writes rows. incomplete is what to say of them if they were cut off.
func copyRows(l *connection, to io.Writer, rows io.Reader, incomplete string) error {
	if _, err := io.Copy(to, rows); err != nil {
		return fmt.Errorf("%s: %w", incomplete, l.explain(err))
	}
	return nil
}

// saveRows writes rows to a file.
func saveRows(l *connection, name string, rows io.Reader, incomplete string) error {
	f, err := createRowFile(name)
	if err != nil {
		return err
	}
	defer f.close()
	return f.save(l, rows, incomplete)
}

// rowFile is a file that rows are written to. If it is a regular file, they go to
// a new file next to it, which is renamed when it is complete: a file with this
// name never has a part of the rows.
type rowFile struct {
	*os.File
	name string // empty: the file is not renamed
}

// createRowFile opens a file to write rows to. The caller has to close it.
func createRowFile(name string) (*rowFile, error) {
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target
	}
	f := &rowFile{}
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return nil, usageError("writing %s: it is a folder: add the name of a file", name)
	case err == nil && !info.Mode().IsRegular(): // such as /dev/stdout or a named pipe
		f.File, err = os.OpenFile(name, os.O_WRONLY, 0)
	default:
		f.name = name
		f.File, err = os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	}
	if err != nil {
		return nil, usageError("writing %s: %w", name, err)
	}
	return f, nil
}

// save writes rows. incomplete is what to say if they were cut off.
func (f *rowFile) save(l *connection, rows io.Reader, incomplete string) error {
	return f.finish(copyRows(l, f.File, rows, incomplete))
}

// finish completes the file after rows were written to it, or says that it was not
// written if err is the error of that.
func (f *rowFile) finish(err error) error {
	if f.name == "" {
		return errors.Join(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("%w\n%s was not written", err, f.name)
	}
	if err := errors.Join(f.Sync(), f.Close(), os.Rename(f.Name(), f.name)); err != nil {
		return fmt.Errorf("writing %s: %w", f.name, err)
	}
	return nil
}

// close removes what was not saved.
func (f *rowFile) close() {
	_ = f.Close() // save has closed what it saved
	if f.name != "" {
		_ = os.Remove(f.Name()) // fails after save has renamed it
	}
}

type batchesResultsCommand struct {
	IDs []uuid.UUID `arg:"" name:"id" help:"Ids of the batches, whose rows are written one after the other."`
	results
}

// Help returns the detailed help.
func (batchesResultsCommand) Help() string {
	return `Writes one row per SIM, in the order of the upload. Results can be downloaded at any time, also before the batch is finished.

Examples:

    simtransfer batches results 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --output=results.csv
    simtransfer batches results 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --state=failed --format=ndjson`
}

// Run runs the command.
func (c *batchesResultsCommand) Run(ctx context.Context, s *Session) error {
	return c.write(s, c.IDs, func(api *client.Client, id uuid.UUID, f client.TransferFilter, format client.Format) (*client.Results, error) {
		return api.BatchResults(ctx, id, f, format)
	})
}

type requestsResultsCommand struct {
	IDs []uuid.UUID `arg:"" name:"id" help:"Ids of the requests, whose rows are written one after the other."`
	results
}

// Help returns the detailed help.
func (requestsResultsCommand) Help() string {
	return `Writes one row per SIM, in the order in which the SIMs were submitted. Results can be downloaded at any time, also before the request is finished.

Examples:

    simtransfer requests results 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --output=results.csv
    simtransfer requests results 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --state=ineligible`
}

// Run runs the command.
func (c *requestsResultsCommand) Run(ctx context.Context, s *Session) error {
	return c.write(s, c.IDs, func(api *client.Client, id uuid.UUID, f client.TransferFilter, format client.Format) (*client.Results, error) {
		return api.RequestResults(ctx, id, f, format)
	})
}

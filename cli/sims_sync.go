package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"simtransfer/client"
)

type simsSyncCommand struct {
	upload
	DryRun           bool       `help:"Do everything, print what it did, and undo it."`
	Full             bool       `help:"Take the file as the whole inventory, and report the SIMs that it does not have as missing."`
	Account          accountRef `placeholder:"OP…" help:"With --full: take the file as the whole inventory of this account, which owns the SIMs of rows that name no account."`
	RetireMissing    bool       `help:"With --full: terminate the missing SIMs. Requires --max-retire-share."`
	MaxRetireShare   share      `placeholder:"SHARE" help:"Share of the SIMs that may be terminated, from 0 to 1, such as 0.01. If more are missing, nothing is changed."`
	ExpectChanges    *int       `aliases:"expect-count,expect" min:"0" placeholder:"N" help:"Number of SIMs that you expect to be created, changed or terminated, as a dry run shows it. If it is another number, nothing is changed."`
	Output           string     `short:"o" placeholder:"FILE" predictor:"file" help:"Write a row to this file for each row that was not unchanged, as CSV, or as NDJSON if the name ends in .ndjson or .jsonl."`
	IncludeUnchanged bool       `help:"With --output: also write the rows that changed nothing."`
	post
}

// Validate implements kong's validation.
func (c *simsSyncCommand) Validate() error {
	switch {
	case !c.Full && (c.Account != "" || c.RetireMissing):
		return fmt.Errorf("--account and --retire-missing need --full")
	case c.RetireMissing != (c.MaxRetireShare != 0):
		return fmt.Errorf("--retire-missing and --max-retire-share need each other: give the share of the SIMs that may be terminated, more than 0, such as --max-retire-share=0.01")
	case c.Output == "" && c.IncludeUnchanged:
		return fmt.Errorf("--include-unchanged needs --output")
	case c.Output != "" && c.IdempotencyKey != "":
		return fmt.Errorf("--output cannot be used with --idempotency-key: a sync is safe to repeat without a key")
	}
	return nil
}

// Help returns the detailed help.
func (simsSyncCommand) Help() string {
	return `Creates the SIMs of the file that are new, changes those that differ, and leaves the others untouched. A row with an error is refused, and the others are applied. The file can have up to a million rows. A sync is safe to repeat.

The columns are those of simtransfer sims import. Only iccid is required; new SIMs also need account, imsis and plan. A column that the file does not have leaves the values as they are. An empty value clears a value, but not an account, a status, a plan or IMSIs. A sync never changes the owner of a SIM.

The exit code is 7 if rows were refused, 6 if another sync is running, and 5 if more SIMs are missing than may be terminated, or another number of SIMs would change than expected.

Examples:

    simtransfer sims sync inventory.csv --dry-run
    simtransfer sims sync inventory.csv --expect-changes=12
    simtransfer sims sync export.csv --map "ICC ID=iccid" --map "State=status" --map "Notes="
    simtransfer sims sync inventory.csv --full --retire-missing --max-retire-share=0.01 --output=changes.csv`
}

// Run runs the command.
func (c *simsSyncCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	synced, err := c.sync(ctx, l)
	if err != nil {
		return err
	}
	if err := l.show(func() error {
		printSynced(l, synced)
		return nil
	}); err != nil {
		return err
	}
	if synced.Refused > 0 {
		return Reported(&exitError{ExitIncomplete, fmt.Errorf("%s refused", counted(synced.Refused, "row was", "rows were"))})
	}
	return nil
}

func (c *simsSyncCommand) sync(ctx context.Context, l *connection) (client.Synced, error) {
	f, err := c.openUpload(l)
	if err != nil {
		return client.Synced{}, err
	}
	defer f.close()
	o := client.SyncOptions{
		DryRun: c.DryRun, Full: c.Full, Account: c.Account.ref(), RetireMissing: c.RetireMissing,
		MaxRetireShare: float64(c.MaxRetireShare), IncludeUnchanged: c.IncludeUnchanged, ExpectChanges: c.ExpectChanges,
	}
	if c.Output == "" {
		synced, err := l.client.SyncSIMs(ctx, f.format, f.reader, o, l.options(client.Timeout(bulkTimeout), c.idempotent(), c.columns())...)
		if err != nil {
			return synced, l.explain(err)
		}
		return synced, nil
	}
	format := client.CSV
	if slices.Contains([]string{".ndjson", ".jsonl"}, strings.ToLower(filepath.Ext(c.Output))) {
		format = client.NDJSON
	}
	out, err := createRowFile(c.Output) // before the sync changes anything
	if err != nil {
		return client.Synced{}, err
	}
	defer out.close()
	synced, rows, err := l.client.SyncSIMRows(ctx, f.format, f.reader, o, format, c.columns())
	if err != nil {
		return synced, l.explain(err)
	}
	defer func() { _ = rows.Close() }()
	if l.answer, err = json.Marshal(synced); err != nil {
		return synced, fmt.Errorf("writing the counts: %w", err)
	}
	if err := out.save(l, rows, "the outcomes of the rows are incomplete"); err != nil {
		printSynced(l, synced) // the sync is done, even if its rows were cut off
		return synced, err
	}
	return synced, nil
}

func printSynced(l *connection, v client.Synced) {
	fmt.Fprintf(l.Out, "%s: %d created, %d changed%s, %d unchanged, %d refused.\n", counted(v.Rows, "row", "rows"), v.Created, v.Changed, fieldsText(v.ChangedFields), v.Unchanged, v.Refused)
	if v.Missing > 0 {
		fmt.Fprintf(l.Out, "%s missing from the file.\n", counted(v.Missing, "SIM is", "SIMs are"))
	}
	if v.Retired > 0 {
		fmt.Fprintf(l.Out, "%s terminated.\n", counted(v.Retired, "SIM that is missing from the file was", "SIMs that are missing from the file were"))
	}
	for _, e := range v.Errors {
		l.note("  %s", e)
	}
	if v.MoreErrors > 0 {
		l.note("  and %d more", v.MoreErrors)
	}
	if v.DryRun {
		fmt.Fprintf(l.Out, "This was a dry run: nothing was changed. To make these changes only: --expect-changes=%d\n", v.Created+v.Changed+v.Retired)
	}
}

// fieldsText returns " (plan 3, status 12)".
func fieldsText(fields map[string]int) string {
	if len(fields) == 0 {
		return ""
	}
	list := make([]string, 0, len(fields))
	for name, n := range fields {
		list = append(list, fmt.Sprintf("%s %d", name, n))
	}
	slices.Sort(list)
	return " (" + strings.Join(list, ", ") + ")"
}

package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"

	"simtransfer/storage"
)

type workCommand struct {
	List  workListCommand  `cmd:"" help:"List pending work, or with --dead what waits for an operator."`
	Retry workRetryCommand `cmd:"" help:"Give work another try from the beginning."`
}

type workListCommand struct {
	database
	Dead  bool  `help:"Only what failed for good and waits for an operator."`
	After int64 `help:"Only work with a higher id, to read on where the last list ended."`
	Limit int   `default:"1000" help:"At most so many rows."`
	JSON  bool  `help:"Print a JSON array instead of a table."`
}

func (c *workListCommand) Validate() error {
	if c.Limit < 1 {
		return errors.New("--limit has to be at least 1")
	}
	return nil
}

func (c *workListCommand) Run(ctx context.Context) error {
	db, err := c.open(ctx, storage.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	list, err := db.WorkList(ctx, c.Dead, c.After, c.Limit)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(list)
	}
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tKIND\tREQUEST\tSIMS\tQUEUE\tSTATE\tATTEMPTS\tERRORS\tCRASHES\tERROR")
	for _, w := range list {
		request := "-"
		if w.Request.Valid {
			request = w.Request.UUID.String()
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%d\t%s\t%s\t%d\t%d\t%d\t%s\n",
			w.ID, w.Kind, request, w.N, w.Queue, workState(w), w.Attempts, w.Errors, w.Crashes, deref(w.Error))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("printing the list: %w", err)
	}
	if len(list) == c.Limit {
		fmt.Fprintf(os.Stderr, "there may be more: read on with --after %d\n", list[len(list)-1].ID)
	}
	return nil
}

func workState(w storage.WorkInfo) string {
	switch {
	case w.DeadAt != nil:
		return "dead"
	case w.DispatchedAt != nil:
		return "dispatched"
	}
	return "waiting"
}

type workRetryCommand struct {
	database
	IDs []int64 `arg:"" optional:"" name:"id" help:"The work to retry."`
	All bool    `help:"Retry everything that is dead."`
}

func (c *workRetryCommand) Validate() error {
	if (len(c.IDs) == 0) != c.All {
		return errors.New("name the ids to retry, or give --all for everything that is dead")
	}
	return nil
}

func (c *workRetryCommand) Run(ctx context.Context) error {
	db, err := c.open(ctx, storage.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	n, err := db.RetryWork(ctx, c.IDs)
	if err != nil {
		return err
	}
	fmt.Printf("%d rows of work will be tried again\n", n)
	if !c.All && n < len(c.IDs) {
		return fmt.Errorf("%d of the ids named are done, unknown, or being worked on", len(c.IDs)-n)
	}
	return nil
}

package command

import (
	"context"
	"errors"
	"fmt"
	"os"

	"simtransfer/cli"
	"simtransfer/command/process"
	"simtransfer/storage"
)

type workCommand struct {
	List  workListCommand  `cmd:"" help:"List pending work or, with --dead, dead work."`
	Retry workRetryCommand `cmd:"" help:"Retry work from the beginning."`
}

type workListCommand struct {
	process.DatabaseFlags
	Dead  bool  `help:"List only dead work: work that failed permanently and waits for an operator."`
	After int64 `min:"0" placeholder:"ID" help:"List only work with a higher id, to continue after the last row of a previous list."`
	Limit int   `min:"1" max:"1000000" default:"1000" help:"Maximum number of rows to list."`
	JSON  bool  `help:"Print a JSON array instead of a table."`
}

func (c *workListCommand) Run(ctx context.Context) error {
	db, err := c.Open(ctx, storage.Options{})
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
	rows := make([][]string, len(list))
	for i, w := range list {
		request := ""
		if w.Request.Valid {
			request = w.Request.UUID.String()
		}
		rows[i] = []string{
			fmt.Sprint(w.ID), string(w.Kind), request, fmt.Sprint(w.N), string(w.Queue), workState(w),
			fmt.Sprint(w.Attempts), fmt.Sprint(w.Errors), fmt.Sprint(w.Crashes), valueOrZero(w.Error),
		}
	}
	head := []string{"ID", "KIND", "REQUEST", "SIMS", "QUEUE", "STATE", "ATTEMPTS", "ERRORS", "CRASHES", "ERROR"}
	if err := cli.PrintTable(standardOutput(), head, rows); err != nil {
		return fmt.Errorf("printing the list: %w", err)
	}
	if len(list) == c.Limit {
		fmt.Fprintf(os.Stderr, "there may be more rows: continue with --after %d\n", list[len(list)-1].ID)
	}
	return nil
}

// workState is the state in which the list shows work.
func workState(w storage.WorkInfo) string {
	switch {
	case w.DeadAt != nil:
		return "dead"
	case w.Error != nil:
		return "failing"
	case w.DispatchedAt != nil:
		return "dispatched"
	}
	return "waiting"
}

type workRetryCommand struct {
	process.DatabaseFlags
	IDs []int64 `arg:"" min:"1" optional:"" name:"id" help:"Ids of the work to retry."`
	All bool    `help:"Retry all dead work."`
}

func (c *workRetryCommand) Validate() error {
	if (len(c.IDs) == 0) != c.All {
		return errors.New("give the ids to retry, or --all to retry all dead work")
	}
	return nil
}

func (c *workRetryCommand) Run(ctx context.Context) error {
	db, err := c.Open(ctx, storage.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	n, err := db.RetryWork(ctx, commandUser(), c.IDs)
	if err != nil {
		return err
	}
	fmt.Printf("%d rows of work will be retried\n", n)
	if !c.All && n < len(c.IDs) {
		return fmt.Errorf("%d of the ids are unknown, already done, or being processed", len(c.IDs)-n)
	}
	return nil
}

func valueOrZero[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"simtransfer/cli"
	"simtransfer/command/process"
	"simtransfer/storage"
)

type sessionsCommand struct {
	List  sessionsListCommand  `cmd:"" help:"List open data sessions that their gateway has not reported for some time."`
	Close sessionsCloseCommand `cmd:"" help:"Close data sessions whose end was lost, so that they no longer block the transfer of their SIMs."`
}

// staleFlags say which sessions are stale.
type staleFlags struct {
	process.DatabaseFlags
	Silent time.Duration `min:"1m" max:"3650d" default:"7d" help:"Minimum time since the gateway last reported the session."`
}

type sessionsListCommand struct {
	staleFlags
	After int64 `min:"0" placeholder:"ID" help:"List only sessions with a higher id, to continue after the last row of a previous list."`
	Limit int   `min:"1" max:"1000000" default:"1000" help:"Maximum number of rows to list."`
	JSON  bool  `help:"Print a JSON array instead of a table."`
}

func (c *sessionsListCommand) Run(ctx context.Context) error {
	db, err := c.Open(ctx, storage.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	list, err := db.StaleSessions(ctx, c.Silent, c.After, c.Limit)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(list)
	}
	rows := make([][]string, len(list))
	for i, s := range list {
		rows[i] = []string{
			fmt.Sprint(s.ID), valueOrZero(s.ICCID), s.Gateway,
			s.Started.UTC().Format(time.RFC3339), s.LastNews.UTC().Format(time.RFC3339),
		}
	}
	if err := cli.PrintTable(standardOutput(), []string{"ID", "ICCID", "GATEWAY", "STARTED", "LAST NEWS"}, rows); err != nil {
		return fmt.Errorf("printing the list: %w", err)
	}
	if len(list) == c.Limit {
		fmt.Fprintf(os.Stderr, "there may be more rows: continue with --after %d\n", list[len(list)-1].ID)
	}
	return nil
}

type sessionsCloseCommand struct {
	staleFlags
	IDs []int64 `arg:"" min:"1" optional:"" name:"id" help:"Ids of the sessions to close."`
	All bool    `help:"Close all sessions that sessions list shows."`
}

func (c *sessionsCloseCommand) Validate() error {
	if (len(c.IDs) == 0) != c.All {
		return errors.New("give the ids of the sessions to close, or --all to close all that sessions list shows")
	}
	return nil
}

// closeBatch is how many sessions one transaction closes.
const closeBatch = 1000

func (c *sessionsCloseCommand) Run(ctx context.Context) error {
	db, err := c.Open(ctx, storage.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	total := 0
	for {
		n, err := db.CloseStaleSessions(ctx, commandUser(), c.Silent, c.IDs, closeBatch)
		if err != nil {
			return err
		}
		total += n
		if n < closeBatch {
			break
		}
	}
	fmt.Printf("%d sessions were closed\n", total)
	if !c.All && total < len(c.IDs) {
		return fmt.Errorf("%d of the ids are unknown, already closed, or have had news within %s", len(c.IDs)-total, c.Silent)
	}
	return nil
}

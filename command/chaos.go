package command

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"time"

	"simtransfer/cli"
	"simtransfer/dev/chaos"
)

type chaosCommand struct {
	Seconds int    `default:"60" help:"Number of seconds during which faults are injected."`
	Seed    uint64 `placeholder:"N" help:"Random seed. Default: a new seed, which is printed."`
	SIMs    int    `name:"sims" help:"Number of SIMs in the inventory (100 to 100000)."`
	Clients int    `help:"Number of concurrent API clients."`
	Dir     string `type:"path" placeholder:"DIR" help:"Folder in which to keep data and logs. Default: a temporary folder."`
}

func defaultChaosCommand() chaosCommand {
	return chaosCommand{SIMs: chaos.DefaultSIMs, Clients: chaos.DefaultClients}
}

func (c *chaosCommand) Validate() error {
	if c.Seconds < 1 || c.Clients < 1 {
		return errors.New("--seconds and --clients must be at least 1")
	}
	if c.SIMs < 100 || c.SIMs > 100000 {
		return errors.New("--sims must be from 100 to 100000")
	}
	return nil
}

func (c *chaosCommand) Run(ctx context.Context) error {
	if c.Seed == 0 {
		c.Seed = uint64(rand.Uint32()) // short enough to type
	}
	result, err := chaos.Run(ctx, chaos.Options{
		Duration: time.Duration(c.Seconds) * time.Second,
		Seed:     c.Seed,
		SIMs:     c.SIMs,
		Clients:  c.Clients,
		Dir:      c.Dir,
		Out:      os.Stdout,
	})
	if err != nil {
		return err
	}
	if !result.OK() {
		return cli.ErrReported
	}
	return nil
}

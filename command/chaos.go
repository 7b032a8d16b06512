package command

import (
	"context"
	"math/rand/v2"
	"os"
	"time"

	"simtransfer/cli"
	"simtransfer/dev/chaos"
)

type chaosCommand struct {
	Seconds int    `min:"1" max:"86400" default:"60" help:"Number of seconds during which faults are injected."`
	Seed    uint64 `placeholder:"N" help:"Random seed. Default: a new seed, which is printed."`
	SIMs    int    `name:"sims" min:"100" max:"100000" help:"Number of SIMs in the inventory."`
	Clients int    `min:"1" max:"1000" help:"Number of concurrent API clients."`
	Dir     string `type:"path" placeholder:"DIR" help:"Folder in which to keep data and logs. Default: a temporary folder."`
}

func defaultChaosCommand() chaosCommand {
	return chaosCommand{SIMs: chaos.DefaultSIMs, Clients: chaos.DefaultClients}
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

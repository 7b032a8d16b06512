package command

import (
	"context"
	"errors"
	"os"

	"simtransfer/dev"
)

type devCommand struct {
	Dir    string `type:"path" placeholder:"DIR" help:"Folder in which to keep the data: the next start continues with it, with new API keys. Default: a temporary folder."`
	Listen string `default:"127.0.0.1:8080" help:"Address for the API to listen on."`
	SIMs   int    `name:"sims" default:"1000" help:"Size of the sample batch (200 to 1000000). The sample inventory has 1.2 times as many SIMs. Ignored if --dir already has an inventory."`
}

func (c *devCommand) Validate() error {
	if c.SIMs < 200 || c.SIMs > 1000000 {
		return errors.New("--sims must be from 200 to 1000000")
	}
	return nil
}

func (c *devCommand) Run(ctx context.Context) error {
	return dev.Serve(ctx, dev.Options{Dir: c.Dir, Listen: c.Listen, SIMs: c.SIMs, Out: os.Stdout})
}

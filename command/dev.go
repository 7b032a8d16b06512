package command

import (
	"context"
	"errors"
	"os"

	"simtransfer/dev"
)

type devCommand struct {
	Dir    string `type:"path" help:"Folder for the data, which stays: the next start goes on with it, with new keys. Without one everything is temporary."`
	Listen string `default:"127.0.0.1:8080" help:"Address of the API."`
	SIMs   int    `name:"sims" default:"1000" help:"Size of the sample inventory, which has one and a fifth times as many SIMs (200 to 1000000). A folder that has one keeps it."`
}

func (c *devCommand) Validate() error {
	if c.SIMs < 200 || c.SIMs > 1000000 {
		return errors.New("--sims has to be from 200 to 1000000")
	}
	return nil
}

func (c *devCommand) Run(ctx context.Context) error {
	return dev.Serve(ctx, dev.Options{Dir: c.Dir, Listen: c.Listen, SIMs: c.SIMs, Out: os.Stdout})
}

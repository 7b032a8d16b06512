package command

import (
	"context"
	"os"

	"simtransfer/dev"
)

type devCommand struct {
	Dir    string `type:"path" placeholder:"DIR" help:"Folder in which to keep the data: the next start continues with it, with new API keys. Default: a temporary folder."`
	Listen string `default:"127.0.0.1:8080" help:"Address for the API to listen on."`
	RADIUS string `name:"radius-listen" default:"127.0.0.1:1813" help:"UDP address for accounting to listen on. If it is in use, another port is chosen."`
	SIMs   int    `name:"sims" min:"200" max:"1000000" default:"1000" help:"Size of the sample batch. The sample inventory has 1.2 times as many SIMs. Ignored if --dir already has an inventory."`
}

func (c *devCommand) Run(ctx context.Context) error {
	return dev.Serve(ctx, dev.Options{Dir: c.Dir, Listen: c.Listen, RADIUS: c.RADIUS, SIMs: c.SIMs, Out: os.Stdout})
}

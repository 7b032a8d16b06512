package command

import (
	"context"
	"os"

	"simtransfer/cli"
	"simtransfer/dev/demo"
)

type demoCommand struct {
	SIMs int  `name:"sims" min:"200" max:"1000000" default:"10000" help:"Number of rows of the uploaded batch."`
	Exit bool `help:"Exit after the report, even on a terminal."`
	JSON bool `help:"Print one JSON object as the last line of standard output."`

	FreeRADIUS bool `name:"freeradius" help:"Let the simulated gateways report their sessions to a FreeRADIUS with the configuration in deployments/freeradius, which must be installed (Linux): deployments/setup.sh freeradius."`
}

func (c *demoCommand) Run(ctx context.Context) error {
	ok, err := demo.Run(ctx, demo.Options{
		SIMs:     c.SIMs,
		Stay:     !c.Exit && isTerminal(os.Stdout),
		JSON:     c.JSON,
		Out:      os.Stdout,
		Progress: os.Stderr,
		Terminal: isTerminal(os.Stderr),

		FreeRADIUS: c.FreeRADIUS,
	})
	if err != nil {
		return err
	}
	if !ok {
		return cli.ErrReported
	}
	return nil
}

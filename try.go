package main

import (
	"context"
	"errors"
	"os"

	"simtransfer/dev"
)

type demoCommand struct {
	SIMs int  `name:"sims" default:"10000" help:"Rows of the batch that is uploaded (200 to 1000000)."`
	Exit bool `help:"End when the report is printed, also on a terminal."`
	JSON bool `help:"Print one JSON object as the last line of standard output."`
}

func (c *demoCommand) Validate() error {
	if c.SIMs < 200 || c.SIMs > 1000000 {
		return errors.New("--sims has to be from 200 to 1000000")
	}
	return nil
}

func (c *demoCommand) Run(ctx context.Context) error {
	ok, err := dev.Demo(ctx, dev.DemoOptions{
		SIMs:     c.SIMs,
		Stay:     !c.Exit && isTerminal(os.Stdout),
		JSON:     c.JSON,
		Out:      os.Stdout,
		Progress: os.Stderr,
		Terminal: isTerminal(os.Stderr),
	})
	if err != nil {
		return err
	}
	if !ok {
		return errSaid
	}
	return nil
}

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
	return dev.Serve(ctx, dev.ServeOptions{Dir: c.Dir, Listen: c.Listen, SIMs: c.SIMs, Out: os.Stdout})
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

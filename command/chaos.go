package command

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"os"
	"time"

	"simtransfer/dev/chaos"
)

type chaosCommand struct {
	Seconds int    `default:"60" help:"How long faults are injected."`
	Seed    uint64 `help:"Of the random choices; without one, a new one, which is printed."`
	SIMs    int    `name:"sims" default:"5000" help:"Size of the inventory (100 to 100000)."`
	Clients int    `default:"8" help:"Callers of the API at once."`
	Dir     string `type:"path" help:"Folder for data and logs, which stay; without one everything is temporary."`
}

func (c *chaosCommand) Validate() error {
	if c.Seconds < 1 || c.Clients < 1 {
		return errors.New("--seconds and --clients have to be at least 1")
	}
	if c.SIMs < 100 || c.SIMs > 100000 {
		return errors.New("--sims has to be from 100 to 100000")
	}
	return nil
}

func (c *chaosCommand) Run(ctx context.Context) error {
	if c.Seed == 0 {
		var b [4]byte
		_, _ = rand.Read(b[:]) // never fails
		c.Seed = uint64(binary.NativeEndian.Uint32(b[:]))
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
		return errSaid
	}
	return nil
}

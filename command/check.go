package command

import (
	"context"
	"fmt"

	"simtransfer/command/process"
	"simtransfer/storage"
)

type checkCommand struct {
	process.DatabaseFlags
	JSON bool `help:"Print a JSON array instead of one line per invariant."`
}

func (c *checkCommand) Run(ctx context.Context) error {
	db, err := c.Open(ctx, storage.Options{Standby: true})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	findings, err := db.Check(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		if err := printJSON(findings); err != nil {
			return err
		}
	} else {
		printFindings(findings)
	}
	violations := 0
	for _, f := range findings {
		violations += f.Violations
	}
	if violations > 0 {
		return fmt.Errorf("%d violations", violations)
	}
	return nil
}

func printFindings(findings []storage.Finding) {
	for _, f := range findings {
		fmt.Printf("%d  %6d violations  %s\n", f.Number, f.Violations, f.Invariant)
		for _, example := range f.Examples {
			fmt.Printf("                        %s\n", example)
		}
	}
}

package command

import (
	"os"

	"simtransfer/api"
)

type openapiCommand struct{}

// Help is the detailed help.
func (openapiCommand) Help() string {
	return `Needs no running service. A running service serves its own document at /openapi.json.

Example:

    simtransfer openapi > openapi.json`
}

func (openapiCommand) Run() error {
	text, err := api.OpenAPI(version())
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(text)
	return err
}

package command

import (
	"encoding/json"
	"testing"

	"simtransfer/command/commandtest"
)

func TestOpenAPIWithoutService(t *testing.T) {
	t.Parallel()
	out, stderr, code := commandtest.Program(t, nil, "openapi")
	var document struct {
		OpenAPI string         `json:"openapi"`
		Paths   map[string]any `json:"paths"`
	}
	if err := json.Unmarshal([]byte(out), &document); err != nil {
		t.Fatal(err)
	}
	if code != 0 || stderr != "" || document.OpenAPI != "3.1.0" || len(document.Paths) == 0 {
		t.Errorf("exit code %d, %q and %d paths; %s", code, document.OpenAPI, len(document.Paths), stderr)
	}
}

package clienttest_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"simtransfer/api"
)

// TestClientIsOfTheDocument generates the client from the document as it is.
// With UPDATE_CLIENT=1 it writes the file.
func TestClientIsOfTheDocument(t *testing.T) {
	t.Parallel()
	document, err := api.OpenAPI("")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	in, out := filepath.Join(folder, "openapi.json"), filepath.Join(folder, "client.go")
	if err := os.WriteFile(in, document, 0o600); err != nil {
		t.Fatal(err)
	}
	generate := exec.CommandContext(t.Context(), "go", "tool", "-modfile=../../tools.mod", "oapi-codegen", "-config", "config.yaml", "-o", out, in)
	if said, err := generate.CombinedOutput(); err != nil {
		t.Fatalf("generating the client: %v\n%s", err, said)
	}
	made, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("UPDATE_CLIENT") != "" {
		if err := os.WriteFile("client.go", made, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	is, err := os.ReadFile("client.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(is, made) {
		t.Error("the document has changed since client.go was made: run UPDATE_CLIENT=1 go test ./api/clienttest")
	}
}

// Package webhooktest verifies messages with the library of Standard Webhooks for
// JavaScript, which shares no code with this service. The folder node_modules has it as
// npm publishes it: the packages standardwebhooks 1.0.0, fast-sha256 1.3.0 and
// @stablelib/base64 1.0.1, without the files that node does not load.
package webhooktest

import (
	"bufio"
	"embed"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

//go:embed verify.cjs node_modules
var files embed.FS

// Library is a receiver that verifies messages with the library.
type Library struct{ address string }

// Start starts a receiver that ends with the test. It skips the test if node is missing.
func Start(t *testing.T) Library {
	t.Helper()
	program, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed, so the library of Standard Webhooks for JavaScript verifies nothing: run sh deployments/setup.sh node")
	}
	folder := t.TempDir()
	if err := os.CopyFS(folder, files); err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), program, filepath.Join(folder, "verify.cjs"))
	node.Stderr = t.Output()
	input, err := node.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = input.Close() // ends it
		_ = node.Wait()
	})
	port, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatalf("node has not started: %v", err)
	}
	return Library{"http://127.0.0.1:" + strings.TrimSpace(port) + "/"}
}

// URL returns the address of a receiver that has a secret. It answers 204 to messages
// that the library verifies, and 401 to others.
func (l Library) URL(secret string) string { return l.address + url.PathEscape(secret) }

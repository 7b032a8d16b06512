package docs_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"simtransfer/command/commandtest"
)

// shell is a shell in a temporary folder, with simtransfer in its PATH.
type shell struct {
	t      *testing.T
	folder string
	in     io.Writer
	out    *bufio.Reader
}

func newShell(t *testing.T) *shell {
	t.Helper()
	s := &shell{t: t, folder: t.TempDir()}
	if err := os.Symlink(commandtest.Path(t), filepath.Join(s.folder, "simtransfer")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	sh := exec.CommandContext(ctx, "sh")
	sh.Dir = s.folder
	sh.Env = []string{"PATH=" + s.folder + ":" + os.Getenv("PATH"), "HOME=" + s.folder, commandtest.Env, commandtest.QuickExit}
	out, w := io.Pipe()
	sh.Stdout, sh.Stderr = w, w
	s.out = bufio.NewReader(out)
	in, err := sh.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.in = in
	if err := sh.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = out.Close()
		_ = sh.Wait() // it was killed
	})
	return s
}

// signed returns the body of an HTTP call, and an error unless the call is signed with
// the secret in a file of the folder.
func (s *shell) signed(r *http.Request, secretFile string) (body []byte, err error) {
	if body, err = io.ReadAll(r.Body); err != nil {
		return body, err
	}
	secret, err := os.ReadFile(filepath.Join(s.folder, secretFile))
	if err != nil {
		return body, err
	}
	verifier, err := standardwebhooks.NewWebhook(strings.TrimSpace(string(secret)))
	if err != nil {
		return body, err
	}
	return body, verifier.Verify(body, r.Header)
}

func (s *shell) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.folder, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// run runs a command and returns its output, standard error included.
func (s *shell) run(command string) string {
	s.t.Helper()
	const end = "--- end of the output ---"
	if _, err := fmt.Fprintf(s.in, "{\n%s} < /dev/null\necho '%s'\n", command, end); err != nil {
		s.t.Fatal(err)
	}
	var printed strings.Builder
	for {
		line, err := s.out.ReadString('\n')
		if err != nil {
			s.t.Fatalf("running %s: %v after the output %s", command, err, printed.String())
		}
		if text, last := strings.CutSuffix(line, end+"\n"); last {
			return printed.String() + text
		}
		printed.WriteString(line)
	}
}

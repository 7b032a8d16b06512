// Package commandtest lets a test binary stand in for the program, so that tests
// start real processes without building anything.
package commandtest

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const variable = "TEST_BINARY_AS_SIMTRANSFER"

// Env is the variable that makes a test binary whose TestMain calls Main behave
// as the program.
const Env = variable + "=1"

// QuickExit keeps the race detector from sleeping for a second at the end of
// every process.
const QuickExit = "GORACE=atexit_sleep_ms=0"

// Main runs the tests or, in a process that has Env, the program. It does not
// return. run is command.Run: a parameter, because the tests of package command
// use this package too.
func Main(m *testing.M, run func(args []string, stderr io.Writer) int) {
	if os.Getenv(variable) != "" {
		os.Exit(run(os.Args[1:], os.Stderr))
	}
	os.Exit(m.Run())
}

// Program runs this test binary as the program, with an empty home folder and
// no variables but PATH and env. It returns what the program printed to standard
// output and standard error, and its exit code.
func Program(t *testing.T, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	c := exec.CommandContext(t.Context(), Path(t), args...)
	c.Env = append([]string{Env, QuickExit, "HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}, env...)
	var out, errOut strings.Builder
	c.Stdout, c.Stderr = &out, &errOut
	err := c.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errOut.String(), c.ProcessState.ExitCode()
}

// Path is the path of this test binary.
func Path(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

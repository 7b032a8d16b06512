package command

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/term"

	"simtransfer/cli"
)

// newSession returns the environment of the commands over HTTP.
func newSession(stderr io.Writer) *cli.Session {
	s := &cli.Session{
		In:         os.Stdin,
		Out:        standardOutput(),
		Err:        stderr,
		Terminal:   stderr == io.Writer(os.Stderr) && isTerminal(os.Stderr),
		ConfigFile: cli.DefaultConfigFile(),
		Key:        os.Getenv("SIMTRANSFER_API_KEY"),
	}
	if s.Terminal {
		s.Width, _, _ = term.GetSize(int(os.Stderr.Fd())) // zero if unknown
	}
	if in := int(os.Stdin.Fd()); term.IsTerminal(in) {
		s.ReadKey = func(ctx context.Context) (string, error) { return readPassword(ctx, in) }
	}
	return s
}

// standardOutput is where results are written, with the width of the terminal if
// it is one.
func standardOutput() io.Writer {
	if !isTerminal(os.Stdout) {
		return os.Stdout
	}
	width, _, _ := term.GetSize(int(os.Stdout.Fd())) // zero if unknown
	return cli.Terminal{Writer: os.Stdout, Width: width}
}

// readPassword reads a line from a terminal without echoing it. If ctx ends
// first, it turns the echo on again and returns; the read itself cannot be
// interrupted and continues until the program ends.
func readPassword(ctx context.Context, terminal int) (string, error) {
	before, err := term.GetState(terminal)
	if err != nil {
		return "", err
	}
	var text []byte
	read := make(chan struct{})
	go func() {
		defer close(read)
		text, err = term.ReadPassword(terminal)
	}()
	select {
	case <-ctx.Done():
		return "", errors.Join(ctx.Err(), term.Restore(terminal, before))
	case <-read:
		return string(text), err
	}
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"simtransfer/client"
)

// Session is the environment of a command: its standard streams, the terminal,
// the configuration file and the API key.
type Session struct {
	In  io.Reader
	Out io.Writer // results
	Err io.Writer // messages

	Terminal bool // whether Err is a terminal, where a line can be overwritten
	Width    int  // of that terminal in characters; zero means 80

	// ReadKey reads a line from the terminal without echoing it, and restores
	// the terminal when ctx ends. It is nil if In is not a terminal.
	ReadKey func(ctx context.Context) (string, error)

	ConfigFile string // path; see DefaultConfigFile
	Key        string // API key of the environment; empty means one in ConfigFile

	HTTP *http.Client // nil means one without a timeout
}

// confirm asks a person whether to continue, on a terminal. Without one, or for
// another answer than yes, it returns an error that names the flag to set.
func (s *Session) confirm(ctx context.Context, what, flag string) error {
	if s.ReadKey == nil {
		return usageError("%s To confirm it, repeat the command with %s", what, flag)
	}
	fmt.Fprintf(s.Err, "%s Continue? [y/N] ", what)
	answer, err := readLine(ctx, bufio.NewReader(s.In))
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(s.Err)
		return errInterrupted
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return usageError("nothing was changed")
}

// errInterrupted replaces the error of a call that Ctrl-C has ended.
var errInterrupted = fmt.Errorf("interrupted (%w)", context.Canceled)

// attempts is the maximum number of times a command sends a call: about 15
// seconds with the delays in between, long enough for the service to restart.
const attempts = 6

func (s *Session) newClient(url, key string) *client.Client {
	httpClient := s.HTTP
	if httpClient == nil {
		httpClient = &http.Client{}
	}
	return &client.Client{URL: url, Key: key, HTTP: httpClient, Attempts: attempts}
}

// credentials returns the service URL and the API key to use: those of the named
// profile, or else the given URL and the key of the environment, and what is
// missing from the default profile. A saved key is only sent to the URL that it
// was saved with.
func (s *Session) credentials(url, name string) (string, string, error) {
	url, key, err := s.given(url, name)
	if err != nil || url != "" && key != "" {
		return url, key, err
	}
	file, err := readConfig(s.ConfigFile)
	if err != nil {
		return "", "", &exitError{ExitUnauthorized, err}
	}
	login := "simtransfer login"
	if name != "" {
		login += " --profile=" + name
	}
	saved, found := file.Profiles[cmp.Or(name, defaultProfile)]
	if name != "" && !found {
		return "", "", notLoggedIn("there is no profile %s: run %s, or see simtransfer profiles", name, login)
	}
	if found {
		if saved, err = saved.parse(); err != nil {
			return "", "", notLoggedIn("%s: %w; run %s again", s.ConfigFile, err, login)
		}
	}
	if url != "" && key == "" && url != saved.URL {
		return "", "", notLoggedIn("you are not logged in at %s: run %s --url=%s, or set SIMTRANSFER_API_KEY", url, login, url)
	}
	url, key = cmp.Or(url, saved.URL), cmp.Or(key, saved.Key)
	if url == "" || key == "" {
		return "", "", notLoggedIn("you are not logged in: run %s, or set SIMTRANSFER_URL and SIMTRANSFER_API_KEY", login)
	}
	return url, key, nil
}

// given returns the URL and the key that flags and variables set.
func (s *Session) given(url, name string) (string, string, error) {
	if err := checkProfileName(name); err != nil {
		return "", "", err
	}
	url, err := client.ParseURL(url)
	if err != nil {
		return "", "", usageError("--url (SIMTRANSFER_URL): %w", err)
	}
	key, err := client.ParseKey(s.Key)
	if err != nil {
		return "", "", usageError("SIMTRANSFER_API_KEY: %w", err)
	}
	if name != "" && key != "" {
		return "", "", usageError("the profile %s and SIMTRANSFER_API_KEY are both set: unset one of them", name)
	}
	return url, key, nil
}

// parse checks a profile that was read from the configuration file.
func (p profile) parse() (profile, error) {
	url, err := client.ParseURL(p.URL)
	if err != nil {
		return p, err
	}
	key, err := client.ParseKey(p.Key)
	return profile{url, key}, err
}

func notLoggedIn(format string, args ...any) error {
	return &exitError{ExitUnauthorized, fmt.Errorf(format, args...)}
}

// open opens a file that a command reads; "-" is standard input.
func (s *Session) open(name string) (io.Reader, func() error, error) {
	if name == "-" {
		return s.In, func() error { return nil }, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, usageError("%w", err)
	}
	return f, f.Close, nil
}

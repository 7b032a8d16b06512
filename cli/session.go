package cli

import (
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
	Key        string // API key; empty means the one in ConfigFile

	HTTP *http.Client // nil means one without a timeout
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

// credentials returns the service URL and the API key to use. The saved key is
// only sent to the URL that it was saved with.
func (s *Session) credentials(url string) (string, string, error) {
	key := s.Key
	if url != "" && key != "" {
		return url, key, nil
	}
	file, err := readConfig(s.ConfigFile)
	if err != nil {
		return "", "", &exitError{ExitUnauthorized, err}
	}
	switch {
	case url == "":
		url = file.URL
	case key == "" && strings.TrimRight(url, "/") != strings.TrimRight(file.URL, "/"):
		return "", "", &exitError{ExitUnauthorized, fmt.Errorf("you are not logged in at %s: run simtransfer login --url=%s, or set SIMTRANSFER_API_KEY", url, url)}
	}
	if key == "" {
		key = file.Key
	}
	if url == "" || key == "" {
		return "", "", &exitError{ExitUnauthorized, errors.New("you are not logged in: run simtransfer login, or set SIMTRANSFER_URL and SIMTRANSFER_API_KEY")}
	}
	return url, key, nil
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

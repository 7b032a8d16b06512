package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strings"

	"simtransfer/client"
)

type loginCommand struct {
	URL string `name:"url" env:"SIMTRANSFER_URL" placeholder:"URL" help:"Service URL. Default: asks for it."`
}

// Help returns the detailed help.
func (loginCommand) Help() string {
	return `Asks for the API key without echoing it, or reads it from standard input. If the service accepts the key, saves both in a file that only you can read. SIMTRANSFER_URL and SIMTRANSFER_API_KEY take precedence over that file.

Examples:

    simtransfer login
    simtransfer login --url=https://simtransfer.example.com < key.txt`
}

// Run runs the command.
func (c *loginCommand) Run(ctx context.Context, s *Session) error {
	in := bufio.NewReader(s.In)
	address, err := c.address(ctx, s, in)
	if err != nil {
		return err
	}
	key, err := askKey(ctx, s, in)
	if err != nil {
		return err
	}
	api := s.newClient(address, key)
	api.Attempts = 1
	k, err := api.GetCurrentKey(ctx, client.Timeout(callTimeout))
	if err != nil {
		return err
	}
	if err := writeConfig(s.ConfigFile, config{address, key}); err != nil {
		return err
	}
	fmt.Fprintf(s.Err, "Logged in at %s with %s.\n", address, keyText(k))
	if unencrypted(address) {
		fmt.Fprintln(s.Err, "Warning: the connection is not encrypted, and others on the network can read the key. Use https if the service supports it.")
	}
	return nil
}

// unencrypted reports whether calls cross a network without encryption.
func unencrypted(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())
}

func (c *loginCommand) address(ctx context.Context, s *Session, in *bufio.Reader) (string, error) {
	text := c.URL
	if text == "" {
		if s.ReadKey == nil {
			return "", usageError("no service URL: set --url")
		}
		fmt.Fprint(s.Err, "URL of the service: ")
		var err error
		text, err = readLine(ctx, in)
		if errors.Is(err, context.Canceled) {
			fmt.Fprintln(s.Err)
			return "", errInterrupted
		}
		if err != nil {
			return "", fmt.Errorf("reading the URL: %w", err)
		}
	}
	u, err := url.Parse(strings.TrimRight(strings.TrimSpace(text), "/"))
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", usageError("%q is not a service URL, such as https://simtransfer.example.com", text)
	}
	return u.String(), nil
}

func askKey(ctx context.Context, s *Session, in *bufio.Reader) (string, error) {
	read := func(ctx context.Context) (string, error) { return readLine(ctx, in) }
	if s.ReadKey != nil {
		fmt.Fprint(s.Err, "API key: ")
		read = s.ReadKey
	}
	key, err := read(ctx)
	if s.ReadKey != nil {
		fmt.Fprintln(s.Err)
	}
	if errors.Is(err, context.Canceled) {
		return "", errInterrupted
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("reading the API key: %w", err)
	}
	if key = strings.TrimSpace(key); key == "" || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", usageError("this is not an API key; API keys begin with st_: enter one, or pass it on standard input")
	}
	return key, nil
}

// readLine reads a line, whose newline may be missing at the end of the input.
// If ctx ends first, it returns the error of ctx, and in must not be used
// again: the read cannot be canceled and continues until the program exits.
func readLine(ctx context.Context, in *bufio.Reader) (string, error) {
	var text string
	var err error
	read := make(chan struct{})
	go func() {
		defer close(read)
		if text, err = in.ReadString('\n'); errors.Is(err, io.EOF) && text != "" {
			err = nil
		}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case <-read:
		return text, err
	}
}

type logoutCommand struct{}

// Help returns the detailed help.
func (logoutCommand) Help() string {
	return `Removes the saved service URL and API key. The key keeps working: an administrator can revoke it with keys revoke.

Example:

    simtransfer logout`
}

// Run runs the command.
func (logoutCommand) Run(s *Session) error {
	err := os.Remove(s.ConfigFile)
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintln(s.Err, "You were not logged in.")
		return nil
	}
	if err != nil {
		return fmt.Errorf("removing the saved API key: %w", err)
	}
	fmt.Fprintln(s.Err, "Logged out.")
	return nil
}

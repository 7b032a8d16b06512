package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
)

type loginCommand struct {
	URL string `name:"url" env:"SIMTRANSFER_URL" placeholder:"URL" help:"Where the service is. It is asked for if it is left out."`
}

// Help is the detailed help.
func (loginCommand) Help() string {
	return `Asks for the API key, without showing it, or reads it from standard input, tries it, and keeps it in a file that only you can read. SIMTRANSFER_URL and SIMTRANSFER_API_KEY win over that file.

Examples:

    simtransfer login
    simtransfer login --url=https://simtransfer.example.com < key.txt`
}

// Run carries the command out.
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
	client := s.newClient(address, key)
	client.Tries = 1
	answer, err := client.Do(ctx, Request{Method: http.MethodGet, Path: currentKeyPath, Timeout: callTimeout})
	var p *Problem
	switch {
	case errors.As(err, &p) && p.Status == http.StatusNotFound:
		return fmt.Errorf("there is no simtransfer at %s: %w", address, err)
	case err != nil:
		return err
	}
	var k currentKey
	if err := json.Unmarshal(answer, &k); err != nil {
		return fmt.Errorf("there is no simtransfer at %s, or another version of it: reading its answer: %w", address, err)
	}
	if err := writeConfig(s.ConfigFile, config{address, key}); err != nil {
		return err
	}
	fmt.Fprintf(s.Err, "Logged in at %s with %s.\n", address, k)
	if inClear(address) {
		fmt.Fprintln(s.Err, "Its address begins with http: whoever is on the way can read the key. Use https where there is one.")
	}
	return nil
}

// inClear reports whether calls cross a network without encryption.
func inClear(address string) bool {
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
			return "", usageError("say where the service is, with --url")
		}
		fmt.Fprint(s.Err, "URL of the service: ")
		var err error
		text, err = line(ctx, in)
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
		return "", usageError("%q is not the URL of a service, such as https://simtransfer.example.com", text)
	}
	return u.String(), nil
}

func askKey(ctx context.Context, s *Session, in *bufio.Reader) (string, error) {
	read := func(ctx context.Context) (string, error) { return line(ctx, in) }
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
		return "", usageError("that is not an API key, which begins with st_: type it, or give it on standard input")
	}
	return key, nil
}

// line reads a line, of which the last needs no end. When ctx ends first, it
// returns its error, and in must not be read any more: reading itself cannot be
// ended, and goes on until the program does.
func line(ctx context.Context, in *bufio.Reader) (string, error) {
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

// Help is the detailed help.
func (logoutCommand) Help() string {
	return `Forgets the URL and the API key. The key itself stays good: an administrator can revoke it with keys revoke.

Example:

    simtransfer logout`
}

// Run carries the command out.
func (logoutCommand) Run(s *Session) error {
	err := os.Remove(s.ConfigFile)
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintln(s.Err, "You were not logged in.")
		return nil
	}
	if err != nil {
		return fmt.Errorf("forgetting the API key: %w", err)
	}
	fmt.Fprintln(s.Err, "Logged out.")
	return nil
}

package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"

	"simtransfer/client"
	"simtransfer/textfile"
)

type loginCommand struct {
	URL     string `name:"url" env:"SIMTRANSFER_URL" placeholder:"URL" help:"Service URL. Default: the saved one, or asks for it."`
	Profile string `env:"SIMTRANSFER_PROFILE" placeholder:"NAME" help:"Save the URL and the API key under this name, to use several keys or services side by side. Commands use them with --profile or SIMTRANSFER_PROFILE."`
}

// Help returns the detailed help.
func (loginCommand) Help() string {
	return `Asks for the API key without echoing it, or reads it from standard input. If the service accepts the key, saves both in a file that only you can read. SIMTRANSFER_URL and SIMTRANSFER_API_KEY take precedence over that file. To log in with another key at the same service, the URL need not be given again.

Examples:

    simtransfer login
    simtransfer login --url=https://simtransfer.example.com < key.txt
    simtransfer login --profile=support < support.txt`
}

// Run runs the command.
func (c *loginCommand) Run(ctx context.Context, s *Session) error {
	if err := checkProfileName(c.Profile); err != nil {
		return err
	}
	file, err := readConfig(s.ConfigFile)
	if err != nil && !errors.Is(err, errDamaged) {
		return &exitError{ExitUnauthorized, err}
	}
	name := cmp.Or(c.Profile, defaultProfile)
	in := bufio.NewReader(s.In)
	address, err := c.address(ctx, s, in, file.knownURL(name))
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
	if file.Profiles == nil {
		file.Profiles = map[string]profile{}
	}
	file.Profiles[name] = profile{address, key}
	if err := writeConfig(s.ConfigFile, file); err != nil {
		return err
	}
	c.report(s, address, k)
	return nil
}

// report tells what was saved, and what the user should know about it.
func (c *loginCommand) report(s *Session, address string, k client.CurrentKey) {
	fmt.Fprintf(s.Err, "Logged in at %s with %s.\n", address, keyText(k))
	if c.Profile != "" {
		fmt.Fprintf(s.Err, "To use this profile: add --profile=%s, or set SIMTRANSFER_PROFILE.\n", c.Profile)
	}
	warnOfExpiry(s, k)
	if unencrypted(address) {
		fmt.Fprintln(s.Err, "Warning: the connection is not encrypted, and others on the network can read the key. Use https if the service supports it.")
	}
	if key, err := client.ParseKey(s.Key); key != "" || err != nil {
		fmt.Fprintln(s.Err, "Warning: SIMTRANSFER_API_KEY is set and takes precedence over the saved key. Unset it to use the saved one.")
	}
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

// address returns the service URL: that of the flag, the known one, or the one
// that the user types.
func (c *loginCommand) address(ctx context.Context, s *Session, in *bufio.Reader, known string) (string, error) {
	text := cmp.Or(c.URL, known)
	if c.URL == "" && s.ReadKey != nil {
		fmt.Fprint(s.Err, "URL of the service")
		if known != "" {
			fmt.Fprintf(s.Err, " [%s]", known)
		}
		fmt.Fprint(s.Err, ": ")
		typed, err := readLine(ctx, in)
		if errors.Is(err, context.Canceled) {
			fmt.Fprintln(s.Err)
			return "", errInterrupted
		}
		if err != nil {
			return "", fmt.Errorf("reading the URL: %w", err)
		}
		text = cmp.Or(strings.TrimSpace(typed), known)
	}
	address, err := client.ParseURL(text)
	if err != nil {
		return "", usageError("%w", err)
	}
	if address == "" {
		return "", usageError("no service URL: set --url")
	}
	return address, nil
}

// askSecret asks for something that must not be seen, such as the API key, without
// echoing it, or reads it from standard input.
func askSecret(ctx context.Context, s *Session, in *bufio.Reader, what string) (string, error) {
	read := func(ctx context.Context) (string, error) { return readKey(ctx, in) }
	if s.ReadKey != nil {
		fmt.Fprint(s.Err, what+": ")
		read = s.ReadKey
	}
	text, err := read(ctx)
	if s.ReadKey != nil {
		fmt.Fprintln(s.Err)
	}
	if errors.Is(err, context.Canceled) {
		return "", errInterrupted
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("reading the %s: %w", what, err)
	}
	return text, nil
}

func askKey(ctx context.Context, s *Session, in *bufio.Reader) (string, error) {
	text, err := askSecret(ctx, s, in, "API key")
	if err != nil {
		return "", err
	}
	key, err := client.ParseKey(text)
	if err != nil {
		return "", usageError("%w", err)
	}
	if key == "" {
		return "", usageError("no API key: enter one, or pass it on standard input; API keys begin with st_")
	}
	return key, nil
}

// maxKeyFile is how much of a file with a key is read, in bytes.
const maxKeyFile = 64 << 10

// readKey reads the first line that is not blank. It also reads UTF-16, which a
// redirection in PowerShell writes.
func readKey(ctx context.Context, in *bufio.Reader) (string, error) {
	return interruptible(ctx, func() (string, error) {
		for {
			line, err := in.ReadString('\n')
			if strings.HasPrefix(line, "\xff\xfe") || strings.HasPrefix(line, "\xfe\xff") {
				text, err := io.ReadAll(io.LimitReader(textfile.NewReader(io.MultiReader(strings.NewReader(line), in)), maxKeyFile))
				first, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
				return first, err
			}
			if strings.TrimSpace(line) != "" || err != nil {
				return line, err
			}
		}
	})
}

// readLine reads a line, whose newline may be missing at the end of the input.
func readLine(ctx context.Context, in *bufio.Reader) (string, error) {
	return interruptible(ctx, func() (string, error) {
		text, err := in.ReadString('\n')
		if errors.Is(err, io.EOF) && text != "" {
			err = nil
		}
		return text, err
	})
}

// interruptible returns what read returns. If ctx ends first, it returns the error
// of ctx, and the input must not be used again: the read cannot be canceled and
// continues until the program exits.
func interruptible(ctx context.Context, read func() (string, error)) (string, error) {
	var text string
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		text, err = read()
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case <-done:
		return text, err
	}
}

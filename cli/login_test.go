package cli_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"simtransfer/cli"
)

// welcoming is a service with one API key.
func welcoming(key string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+key {
			problem(w, 401, "unauthenticated")
			return
		}
		_, _ = w.Write([]byte(`{"items":[],"name":"warehouse","role":"account","account":"OP0000000001"}`))
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, welcoming("st_one"))
	c.Key = ""
	c.is(c.run("sims", "list"), 4, "not logged in")

	c.In = strings.NewReader("st_other\n")
	c.is(c.run("login"), 4)
	if _, err := os.Stat(c.ConfigFile); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a key that was refused was kept: %v", err)
	}

	c.In = strings.NewReader("st_one\n")
	c.is(c.run("login"), 0, "Logged in at "+service+" with the key \"warehouse\" of OP0000000001.", "can read the key")
	for path, want := range map[string]fs.FileMode{c.ConfigFile: 0o600, filepath.Dir(c.ConfigFile): 0o700 | fs.ModeDir} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, not %v", path, info.Mode(), want)
		}
	}
	c.is(c.run("sims", "list"), 0)
	if strings.Contains(c.out.String()+c.err.String(), "st_one") {
		t.Error("the key was shown")
	}

	c.is(c.run("logout"), 0, "Logged out")
	c.is(c.run("logout"), 0, "not logged in")
	c.is(c.run("sims", "list"), 4)
}

func TestWhoami(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"id":7,"hint":"st_account_abcd…wxyz","role":"account","account":"OP0000000001","email":"a@example.com","name":"ware\u001b[31mhouse",` +
			`"created_at":"2026-01-31T12:00:00Z","last_used_at":"2026-01-31T12:00:00Z","old_until":"2026-02-01T12:00:00Z","expires_at":"2026-02-01T12:00:00Z"}` + "\n"))
	})
	c.is(c.run("whoami"), 0)
	c.prints("" +
		"Service  " + service + "\n" +
		"Key      st_account_abcd…wxyz\n" +
		"Name     ware�[31mhouse\n" +
		"Role     account\n" +
		"Account  OP0000000001, a@example.com\n" +
		"Created  2026-01-31 12:00:00Z\n" +
		"Expires  2026-02-01 12:00:00Z, because it was rotated\n")
	c.Key, c.HTTP = "", &http.Client{Transport: inProcess(welcoming("st_one"))}
	c.is(c.run("whoami"), 4, "not logged in")
}

func TestLoginAsksOnATerminal(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, welcoming("st_one"))
	c.ReadKey = func(context.Context) (string, error) { return "st_one", nil }
	c.is(c.run("login"), 0, "API key: ")
	if strings.Contains(c.err.String(), "st_one") {
		t.Error("the key was shown")
	}
}

// Ctrl-C ends a login that waits for input.
func TestLoginIsInterrupted(t *testing.T) {
	t.Parallel()
	for _, asksURL := range []bool{false, true} {
		c := newTerminal(t, welcoming("st_one"))
		ctx, interrupt := context.WithCancel(t.Context())
		typed, never := io.Pipe()
		t.Cleanup(func() { _ = never.Close() })
		if asksURL {
			c.In = reading{typed, interrupt}
		}
		c.ReadKey = func(ctx context.Context) (string, error) {
			interrupt()
			<-ctx.Done()
			return "", ctx.Err()
		}
		parser, err := kong.New(&cli.Commands{}, cli.Vars())
		if err != nil {
			t.Fatal(err)
		}
		args := []string{"login"}
		if !asksURL {
			args = append(args, "--url="+service)
		}
		call, err := parser.Parse(args)
		if err != nil {
			t.Fatal(err)
		}
		call.BindTo(ctx, (*context.Context)(nil))
		err = call.Run(&c.Session)
		if code := cli.ExitCode(err); code != cli.ExitInterrupted || !strings.HasSuffix(c.err.String(), ": \n") {
			t.Errorf("asks for the URL: %v; exit code %d: %v; it says %q", asksURL, code, err, c.err.String())
		}
	}
	c := newTerminal(t, welcoming("st_one"))
	ctx, interrupt := context.WithCancel(t.Context())
	typed, never := io.Pipe()
	t.Cleanup(func() { _ = never.Close() })
	c.In = reading{typed, interrupt}
	c.is(c.runIn(ctx, "login"), cli.ExitInterrupted, "interrupted")
}

// reading is a reader that calls a function when it is first read.
type reading struct {
	io.Reader
	begins func()
}

func (r reading) Read(p []byte) (int, error) {
	r.begins()
	return r.Reader.Read(p)
}

func TestLoginRefusesInvalidURLsAndKeys(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, welcoming("st_one"))
	for _, url := range []string{"service.example", "ftp://service.example", "https://", "https://user:secret@service.example", "https://service.example/?x"} {
		c.In = strings.NewReader("st_one\n")
		c.is(c.run("login", "--url="+url), 2, "not a service URL")
	}
	for _, key := range []string{"", "\n", "two words\n"} {
		c.In = strings.NewReader(key)
		c.is(c.run("login"), 2, "not an API key")
	}
}

// A key that other users can read is no longer secret.
func TestConfigFileWithWrongModeIsRefused(t *testing.T) {
	t.Parallel()
	for mode, code := range map[fs.FileMode]int{0o600: 0, 0o400: 0, 0o640: 4, 0o604: 4, 0o660: 4, 0o666: 4} {
		c := newTerminal(t, welcoming("st_one"))
		c.Key = ""
		c.ConfigFile = writeFile(t, "config.json", `{"url":"`+service+`","api_key":"st_one"}`)
		if err := os.Chmod(c.ConfigFile, mode); err != nil {
			t.Fatal(err)
		}
		if got := c.run("sims", "list"); got != code {
			t.Errorf("mode %04o: exit code %d, not %d: %s", mode, got, code, c.err.String())
		}
	}
}

func TestEnvironmentTakesPrecedence(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, welcoming("st_two"))
	c.ConfigFile = writeFile(t, "config.json", `{"url":"`+service+`/","api_key":"st_one"}`)
	c.Key = ""
	c.is(c.run("sims", "list"), 4, "unauthenticated")
	c.Key = "st_two"
	c.is(c.run("sims", "list"), 0)
	c.ConfigFile = writeFile(t, "config.json", `{`)
	c.is(c.run("sims", "list"), 0) // it is not even looked at
	c.Key = ""
	c.is(c.run("sims", "list"), 4, "damaged")
}

// The saved key is sent only to the URL that it was saved with.
func TestSavedKeyIsNotSentElsewhere(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, func(http.ResponseWriter, *http.Request) { t.Error("it was called") })
	c.ConfigFile = writeFile(t, "config.json", `{"url":"https://elsewhere.example","api_key":"st_one"}`)
	c.Key = ""
	c.is(c.run("sims", "list"), 4, "not logged in at "+service)
	c.Key = "st_two"
	c.HTTP = &http.Client{Transport: inProcess(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "https://elsewhere.example/")
		w.WriteHeader(http.StatusTemporaryRedirect)
	})}
	c.is(c.run("sims", "list"), 1, "https://elsewhere.example")
}

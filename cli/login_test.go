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
	c := newTerminal(t, welcoming(aKey))
	c.Key = ""
	c.is(c.run("sims", "list"), 4, "not logged in")

	c.In = strings.NewReader(otherKey + "\n")
	c.is(c.run("login"), 4)
	if _, err := os.Stat(c.ConfigFile); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a key that was refused was kept: %v", err)
	}

	c.In = strings.NewReader(aKey + "\n")
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
	if strings.Contains(c.out.String()+c.err.String(), aKey) {
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
			`"created_at":"2026-01-31T12:00:00Z","last_used_at":"2026-01-31T12:00:00Z","permission":"viewer","networks":["192.0.2.0/24"],"old_until":"2026-02-01T12:00:00Z","expires_at":"2026-02-01T12:00:00Z","rotated":true}` + "\n"))
	})
	c.is(c.run("whoami"), 0, "Warning: the key stops working at 2026-02-01 12:00:00Z, because it was rotated.")
	c.prints("" +
		"Service     " + service + "\n" +
		"Key         st_account_abcd…wxyz\n" +
		"Name        ware�[31mhouse\n" +
		"Role        account\n" +
		"Account     OP0000000001, a@example.com\n" +
		"Permission  viewer\n" +
		"Networks    192.0.2.0/24\n" +
		"Created     2026-01-31 12:00:00Z\n" +
		"Expires     2026-02-01 12:00:00Z, because it was rotated\n")
	c.Key, c.HTTP = "", &http.Client{Transport: inProcess(welcoming(aKey))}
	c.is(c.run("whoami"), 4, "not logged in")
}

func TestLoginAsksOnATerminal(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, welcoming(aKey))
	c.ReadKey = func(context.Context) (string, error) { return aKey, nil }
	c.is(c.run("login"), 0, "API key: ")
	if strings.Contains(c.err.String(), aKey) {
		t.Error("the key was shown")
	}
}

// Ctrl-C ends a login that waits for input.
func TestLoginIsInterrupted(t *testing.T) {
	t.Parallel()
	for _, asksURL := range []bool{false, true} {
		c := newTerminal(t, welcoming(aKey))
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
		args := []string{"login"}
		if !asksURL {
			args = append(args, "--url="+service)
		}
		call, err := newParserWithoutURL(t, args).Parse(args)
		if err != nil {
			t.Fatal(err)
		}
		call.BindTo(ctx, (*context.Context)(nil))
		err = call.Run(&c.Session)
		if code := cli.ExitCode(err); code != cli.ExitInterrupted || !strings.HasSuffix(c.err.String(), ": \n") {
			t.Errorf("asks for the URL: %v; exit code %d: %v; it says %q", asksURL, code, err, c.err.String())
		}
	}
	c := newTerminal(t, welcoming(aKey))
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
	c := newTerminal(t, func(http.ResponseWriter, *http.Request) { t.Error("it was called") })
	for _, url := range []string{"service.example", "ftp://service.example", "https://", "https://user:secret@service.example", "https://service.example/?x"} {
		c.In = strings.NewReader(aKey + "\n")
		c.is(c.run("login", "--url="+url), 2, "is not a service URL")
		c.Key = aKey
		c.is(c.run("sims", "list", "--url="+url), 2, "SIMTRANSFER_URL", "is not a service URL")
	}
	c.Key = ""
	for key, says := range map[string]string{"": "no API key", "\n": "no API key", "two words\n": "not an API key", "st_account_abcd…wxyz": "short form"} {
		c.In = strings.NewReader(key)
		c.is(c.run("login"), 2, says)
	}
}

// saved is a configuration file with a default profile.
func saved(key string) string {
	return `{"profiles":{"default":{"url":"` + service + `","api_key":"` + key + `"}}}`
}

// A key or URL as files, variables and clipboards have them is trimmed; what
// cannot be a key is refused without a call.
func TestKeysAndURLsAreTrimmed(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, welcoming(aKey))
	for _, text := range []string{aKey + "\r\n", aKey + "\r", "\n\r\n" + aKey, "\ufeff" + aKey + "\n", " \"" + aKey + "\" \n", aKey + "\u00a0", asUTF16(aKey+"\r\n", true, true)} {
		if !strings.HasPrefix(text, "\xff") {
			c.Key = text
			c.is(c.run("whoami"), 0)
		}
		c.Key, c.In = "", strings.NewReader(text)
		c.is(c.run("login", "--url= "+service+"/\r\n"), 0, "Logged in at "+service+" ")
		c.is(c.run("whoami", "--url="+service+"//\r"), 0)
	}
	c.HTTP = &http.Client{Transport: inProcess(func(http.ResponseWriter, *http.Request) { t.Error("it was called") })}
	for _, c.Key = range []string{"nonsense", "Bearer " + aKey, aKey[1:], aKey + "x", aKey[:30] + "\n" + aKey[30:]} {
		if c.is(c.run("whoami"), 2, "SIMTRANSFER_API_KEY: this is not an API key"); strings.Contains(c.err.String(), aKey[20:]) {
			t.Errorf("the key is shown: %s", c.err.String())
		}
	}
}

// With another key for the same service, the URL need not be given again.
func TestLoginAtTheKnownURL(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, welcoming(otherKey))
	c.Key, c.ConfigFile = "", writeFile(t, "config.json", saved(aKey))
	c.unsetURL = true
	c.In = strings.NewReader(otherKey)
	c.is(c.run("login"), 0, "Logged in at "+service+" ")
	c.is(c.run("whoami"), 0)
	c.In = strings.NewReader(otherKey)
	c.is(c.run("login", "--profile=desk"), 0, "Logged in at "+service+" ")
	c.In, c.ReadKey = strings.NewReader("\n"), func(context.Context) (string, error) { return otherKey, nil }
	c.is(c.run("login"), 0, "URL of the service ["+service+"]: ", "Logged in at "+service+" ")

	c = newTerminal(t, welcoming(otherKey))
	c.Key, c.unsetURL = "", true
	c.In = strings.NewReader(otherKey)
	c.is(c.run("login"), 2, "set --url")
	c.ConfigFile = writeFile(t, "config.json", `{"profiles":{"a":{"url":"https://a.example"},"b":{"url":"https://b.example"}}}`)
	c.is(c.run("login"), 2, "set --url")
	c.is(c.run("login", "--profile=new"), 2, "set --url") // which of the two?
}

// Several keys can be used side by side.
func TestProfiles(t *testing.T) {
	t.Parallel()
	var sent string
	c := newTerminal(t, func(w http.ResponseWriter, r *http.Request) {
		sent = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		_, _ = w.Write([]byte(`{"items":[],"name":"warehouse","role":"account"}`))
	})
	c.Key, c.unsetURL = "", true
	c.is(c.run("profiles"), 0, "run simtransfer login")
	c.is(c.run("sims", "list", "--profile=desk"), 4, "there is no profile desk: run simtransfer login --profile=desk")
	for name, key := range map[string]string{"": aKey, "desk": otherKey} {
		c.In = strings.NewReader(key)
		c.is(c.run("login", "--profile="+name, "--url="+service), 0)
	}
	for args, want := range map[string]string{"": aKey, "--profile=default": aKey, "--profile=desk": otherKey} {
		if c.is(c.run(append([]string{"whoami"}, strings.Fields(args)...)...), 0); sent != want {
			t.Errorf("whoami %s sent %s", args, sent)
		}
	}
	c.is(c.run("whoami", "--profile=desk", "--url=https://elsewhere.example"), 4, "not logged in at https://elsewhere.example: run simtransfer login --profile=desk")
	c.is(c.run("whoami", "--profile=a/b"), 2, "cannot be the name of a profile")
	c.Key = aKey
	c.is(c.run("whoami", "--profile=desk"), 2, "the profile desk and SIMTRANSFER_API_KEY are both set")
	c.Key = ""
	c.is(c.run("profiles"), 0)
	c.prints("" +
		"PROFILE  KEY                   URL\n" +
		"default  st_account_aaaa…mmmm  http://service.example\n" +
		"desk     st_account_2222…2222  http://service.example\n")
	c.is(c.run("profiles", "--json"), 0)
	c.prints(`[{"profile":"default","url":"http://service.example","key_hint":"st_account_aaaa…mmmm"},{"profile":"desk","url":"http://service.example","key_hint":"st_account_2222…2222"}]` + "\n")
	c.is(c.run("logout", "--profile=desk"), 0, "Logged out")
	c.is(c.run("logout", "--profile=desk"), 0, "not logged in")
	c.is(c.run("whoami"), 0)
	if info, err := os.Stat(c.ConfigFile); err != nil || info.Mode() != 0o600 {
		t.Errorf("the file has mode %v: %v", info.Mode(), err)
	}
	c.is(c.run("logout"), 0, "Logged out")
	if _, err := os.Stat(c.ConfigFile); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is left: %v", err)
	}
}

// logout --all needs not read the file.
func TestLogoutOfEverything(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, nil)
	for _, text := range []string{"{", saved(aKey), `{"profiles":{"a":{},"b":{}}}`} {
		c.ConfigFile = writeFile(t, "config.json", text)
		if text == "{" {
			c.is(c.run("logout"), 1, "is damaged", "--all")
		}
		c.is(c.run("logout", "--all"), 0, "Logged out")
		if _, err := os.Stat(c.ConfigFile); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the file is left: %v", err)
		}
	}
}

// login replaces a damaged file, and says that the environment takes precedence.
func TestLoginWarns(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, welcoming(aKey))
	c.ConfigFile = writeFile(t, "config.json", "{")
	c.In = strings.NewReader(aKey)
	c.is(c.run("login"), 0, "SIMTRANSFER_API_KEY is set and takes precedence")
	if err := os.Chmod(c.ConfigFile, 0o644); err != nil {
		t.Fatal(err)
	}
	c.In = strings.NewReader(aKey)
	c.is(c.run("login"), 4, "other users can read")
}

// A key that other users can read is no longer secret.
func TestConfigFileWithWrongModeIsRefused(t *testing.T) {
	t.Parallel()
	for mode, code := range map[fs.FileMode]int{0o600: 0, 0o400: 0, 0o640: 4, 0o604: 4, 0o660: 4, 0o666: 4} {
		c := newTerminal(t, welcoming(aKey))
		c.Key = ""
		c.ConfigFile = writeFile(t, "config.json", saved(aKey))
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
	c := newTerminal(t, welcoming(otherKey))
	c.ConfigFile = writeFile(t, "config.json", `{"profiles":{"default":{"url":"`+service+`/","api_key":"`+aKey+`"}}}`)
	c.Key = ""
	c.is(c.run("sims", "list"), 4, "unauthenticated")
	c.Key = otherKey
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
	c.ConfigFile = writeFile(t, "config.json", `{"profiles":{"default":{"url":"https://elsewhere.example","api_key":"`+aKey+`"}}}`)
	c.Key = ""
	c.is(c.run("sims", "list"), 4, "not logged in at "+service)
	c.Key = otherKey
	c.HTTP = &http.Client{Transport: inProcess(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "https://elsewhere.example/")
		w.WriteHeader(http.StatusTemporaryRedirect)
	})}
	c.is(c.run("sims", "list"), 1, "https://elsewhere.example")
}

// A person who uses the secret of a sign-in in place of a key has no key.
func TestWhoamiAsPerson(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Simtransfer-Version", "test")
		if r.URL.Path == "/v1/key" {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"type":"/problems/not_found","title":"Not found","status":404,"code":"not_found"}`))
			return
		}
		_, _ = w.Write([]byte(`{"person":{"id":1,"email":"jane@example.com","name":"Jane Doe"},"acting_for":{"name":"OP0000000001","role":"account","account":"OP0000000001","permission":"approver"},"memberships":[]}`))
	})
	c.is(c.run("whoami"), 0)
	for _, text := range []string{"Jane Doe <jane@example.com>", "OP0000000001", "approver"} {
		if !strings.Contains(c.out.String(), text) {
			t.Errorf("the output lacks %q:\n%s", text, c.out.String())
		}
	}
}

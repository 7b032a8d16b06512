package command

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
)

// An error about a URL must not repeat any part of the password, whatever a parser
// takes that part for, and must say what to do.
func TestPasswordsStaySecret(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"12#geheim", "12/geheim", "12?geheim", "%geheim", "12%zzgeheim", "geheim#12", "geheim/12", "geheim?12", "ge heim", "ge[heim", "ge^heim"} {
		for name, args := range map[string][]string{
			"migrate":              {"migrate", "--database-url=postgres://user:" + password + "@127.0.0.1:1/none"},
			"migrate, with TLS":    {"migrate", "--database-url=postgres://user:" + password + "@127.0.0.1:1/none?sslmode=require"},
			"migrate, by keywords": {"migrate", "--database-url=Postgres://user:" + password + "@127.0.0.1:1/none"},
			"check":                {"check", "--database-url=postgresql://user:" + password + "@127.0.0.1:1/none"},
			"Redis":                {"worker", "--database-url=postgres://127.0.0.1:1/none", "--redis-url=redis://user:" + password + "@127.0.0.1:1/0"},
			"sentinels":            {"worker", "--database-url=postgres://127.0.0.1:1/none", "--redis-url=redis-sentinel://user:" + password + "@127.0.0.1:1/0?master=m"},
		} {
			t.Run(name+" "+password, func(t *testing.T) {
				t.Parallel()
				var stderr bytes.Buffer
				if code := Run(args, &stderr); code != 1 || !strings.Contains(stderr.String(), "SIMTRANSFER_") {
					t.Errorf("exit code %d and %q", code, stderr.String())
				}
				if !strings.Contains(stderr.String(), "percent-encode special characters of the password") && name != "migrate, by keywords" {
					t.Errorf("%q does not say what to do", stderr.String())
				}
				for _, secret := range []string{"ge", "heim", "12"} {
					if strings.Contains(strings.ReplaceAll(stderr.String(), "127.0.0.1", ""), secret) {
						t.Errorf("%q repeats %q", stderr.String(), secret)
					}
				}
			})
		}
	}
}

// If the server has no TLS, a URL that requires it, or has no sslmode, must fail
// with a message that says what to do. Other failures must not mention sslmode.
func TestServerWithoutTLS(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := io.CopyN(io.Discard, c, 8); err == nil { // SSLRequest
				_, _ = c.Write([]byte("N"))
			}
			_ = c.Close()
		}
	}()
	for _, command := range []string{"migrate", "check"} {
		for ending, hint := range map[string]bool{"": true, "?sslmode=require": true, "?sslmode=disable": false} {
			var stderr bytes.Buffer
			code := Run([]string{command, "--database-url=postgres://" + l.Addr().String() + "/none" + ending}, &stderr)
			if code != 1 || strings.Contains(stderr.String(), "sslmode=disable") != hint {
				t.Errorf("%s %s: exit code %d and %q", command, ending, code, stderr.String())
			}
		}
	}
}

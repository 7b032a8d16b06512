package command

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
)

// TestPasswordsStaySecret sees that an error about a URL repeats no part of a
// password, whatever a parser takes the part for, and says what to do.
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
				var said bytes.Buffer
				if code := Run(args, &said); code != 1 || !strings.Contains(said.String(), "SIMTRANSFER_") {
					t.Errorf("exit code %d and %q", code, said.String())
				}
				if !strings.Contains(said.String(), "percent-encode special characters of the password") && name != "migrate, by keywords" {
					t.Errorf("%q does not say what to do", said.String())
				}
				for _, secret := range []string{"ge", "heim", "12"} {
					if strings.Contains(strings.ReplaceAll(said.String(), "127.0.0.1", ""), secret) {
						t.Errorf("%q repeats %q", said.String(), secret)
					}
				}
			})
		}
	}
}

// TestServerWithoutTLS sees that a URL that says nothing of TLS fails with what
// to do when the server has none, and that other failures do not mention it.
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
			var said bytes.Buffer
			code := Run([]string{command, "--database-url=postgres://" + l.Addr().String() + "/none" + ending}, &said)
			if code != 1 || strings.Contains(said.String(), "sslmode=disable") != hint {
				t.Errorf("%s %s: exit code %d and %q", command, ending, code, said.String())
			}
		}
	}
}

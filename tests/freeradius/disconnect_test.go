package freeradius_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"simtransfer/dev/freeradius"
	"simtransfer/dev/servers"
	"simtransfer/dev/servers/serverstest"
	"simtransfer/radius"
)

// packetGateway is a FreeRADIUS that acts as a gateway: it keeps the sessions that
// Accounting-Requests start, and takes Disconnect-Requests for them. What it does with
// a request depends on the User-Name: "refuse", "silent" and "slow" say what they do;
// all others end the session.
type packetGateway struct {
	t                testing.TB
	acct, disconnect string // host:port
	dir              string
}

// gatewaySite is the virtual server of a packetGateway.
const gatewaySite = `
server gateway {
	listen {
		type = acct
		ipaddr = 127.0.0.1
		port = ACCT
	}
	listen {
		type = coa
		ipaddr = 127.0.0.1
		port = COA
	}
	accounting {
		if (&Acct-Status-Type == Stop) {
			update control {
				&Cache-TTL := 0
			}
		}
		sessions
		ok
	}
	recv-coa {
		if (&User-Name == "silent") {
			update control {
				&Response-Packet-Type := Do-Not-Respond
			}
			handled
		}
		elsif (&User-Name == "refuse") {
			update reply {
				&Error-Cause := Administratively-Prohibited
			}
			reject
		}
		elsif (&User-Name == "slow") {
			update request {
				&Tmp-String-1 := "%{exec:/bin/sleep 1}"
			}
		}
		update control {
			&Cache-Status-Only := yes
		}
		sessions.authorize
		if (notfound) {
			update reply {
				&Error-Cause := Session-Context-Not-Found
			}
			reject
		}
		update control {
			&Cache-TTL := 0
		}
		sessions.authorize
		ok
	}
}
`

// proxySite is a virtual server that sends Disconnect-Requests on to another server.
const proxySite = `
proxy server {
	default_fallback = no
}
home_server gateway {
	type = coa
	ipaddr = 127.0.0.1
	port = GATEWAY
	secret = "shared secret"
	coa {
		irt = 1
		mrt = 2
		mrc = 2
		mrd = 5
	}
}
home_server_pool gateways {
	type = fail-over
	home_server = gateway
}
server proxy {
	listen {
		type = coa
		ipaddr = 127.0.0.1
		port = COA
	}
	recv-coa {
		update control {
			&Home-Server-Pool := "gateways"
		}
	}
}
`

// startSite runs FreeRADIUS with one virtual server and nothing else until the test
// ends.
func startSite(t *testing.T, site string) *packetGateway {
	t.Helper()
	program, err := freeradius.Program()
	if err != nil {
		t.Fatal(err)
	}
	stock := stockConfiguration(t)
	conf, err := os.ReadFile(filepath.Join(stock, "radiusd.conf"))
	if err != nil {
		t.Fatal(err)
	}
	g := &packetGateway{t: t, acct: serverstest.FreeUDPAddress(t), disconnect: serverstest.FreeUDPAddress(t), dir: t.TempDir()}
	_, acct, _ := net.SplitHostPort(g.acct)
	_, disconnect, _ := net.SplitHostPort(g.disconnect)
	text := fmt.Sprintf(`
%s
prefix = /usr
raddbdir = %s
logdir = %s
run_dir = %s
proxy_requests = yes
client workers {
	ipaddr = 127.0.0.1
	secret = %q
}
modules {
	$INCLUDE %s
	exec {
		wait = yes
		timeout = 5
	}
	cache sessions {
		driver = "rlm_cache_rbtree"
		key = "%%{Acct-Session-Id}"
		ttl = 3600
		update {
			&control:Tmp-String-0 := &Acct-Session-Id
		}
	}
}
%s`, regexp.MustCompile(`(?m)^libdir = .*`).Find(conf), g.dir, g.dir, g.dir, secret, filepath.Join(stock, "mods-available/always"),
		strings.NewReplacer("ACCT", acct, "COA", disconnect).Replace(site))
	if err := os.WriteFile(filepath.Join(g.dir, "radiusd.conf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(g.dir, "log")
	p, err := servers.Command{
		Path: program, Args: []string{"-n", "radiusd", "-d", g.dir, "-f", "-l", "stdout", "-x"}, LogFile: log, DeathSignal: syscall.SIGKILL,
	}.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Kill(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			text, _ := os.ReadFile(log)
			t.Logf("log of FreeRADIUS as a gateway:\n%s", text[max(0, len(text)-10_000):])
		}
	})
	if err := p.WaitReady(t.Context(), func(context.Context) error {
		if text, err := os.ReadFile(log); err != nil || !strings.Contains(string(text), "Ready to process requests") {
			return errors.New("it is not ready to process requests")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return g
}

// radclient sends an Accounting-Request with radclient, as a gateway does, and fails the
// test unless it is answered. The address is that of an accounting server.
func radclient(t testing.TB, address string, attributes ...string) {
	t.Helper()
	program, err := exec.LookPath("radclient")
	if err != nil {
		t.Fatal("radclient is not installed: run deployments/setup.sh freeradius")
	}
	c := exec.CommandContext(t.Context(), program, "-r", "5", "-t", "2", address, "acct", secret)
	c.Stdin = strings.NewReader(strings.Join(attributes, ", ") + "\n")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("radclient: %v\n%s", err, out)
	}
}

// begin starts a session at the gateway.
func (g *packetGateway) begin(id, user string) {
	g.t.Helper()
	radclient(g.t, g.acct, `Acct-Status-Type = Start`, fmt.Sprintf(`Acct-Session-Id = %q`, id), fmt.Sprintf(`User-Name = %q`, user), `NAS-IP-Address = 127.0.0.1`)
}

// drop asks for the end of a session, at the gateway or at a proxy in front of it.
func (g *packetGateway) drop(id, user string) radius.Result {
	g.t.Helper()
	client := radius.Client{Timeout: 3 * time.Second, Retry: time.Second}
	result, err := client.Disconnect(g.t.Context(), radius.Gateway{Address: g.disconnect, Secret: []byte(secret)}, radius.Session{
		ID: id, Username: user, NASIPAddress: "127.0.0.1", At: time.Now(),
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return result
}

// FreeRADIUS as a Disconnect server: what it answers is understood, also when it answers
// late, not at all, or a second time.
func TestDisconnectServer(t *testing.T) {
	t.Parallel()
	g := startSite(t, gatewaySite)
	for _, id := range []string{"a", "slow one", "b", "c", "+/=é"} {
		g.begin(id, "someone")
	}
	for _, c := range []struct {
		name, id, user string
		want           radius.Outcome
		cause          radius.Cause
	}{
		{"ACK", "a", "someone", radius.Dropped, 0},
		{"503 for a session that was dropped", "a", "someone", radius.NotFound, radius.SessionNotFound},
		{"503 for a session that never was", "none", "someone", radius.NotFound, radius.SessionNotFound},
		{"slow", "slow one", "slow", radius.Dropped, 0},
		{"NAK", "b", "refuse", radius.Refused, radius.AdministrativelyProhibited},
		{"ACK after a NAK", "b", "someone", radius.Dropped, 0},
		{"silence", "c", "silent", radius.Silent, 0},
		{"ACK after silence", "c", "someone", radius.Dropped, 0},
		{"special characters", "+/=é", "someone", radius.Dropped, 0},
	} {
		got := g.drop(c.id, c.user)
		if got.Outcome != c.want || got.Cause != c.cause {
			t.Errorf("%s: the result is %v (%v, cause %v), want %v, cause %v", c.name, got, got.Outcome, got.Cause, c.want, c.cause)
		}
	}
}

// FreeRADIUS as a Disconnect proxy between the workers and the gateway: its answers are
// those of the gateway, and a gateway that is gone ends no session.
func TestDisconnectProxy(t *testing.T) {
	t.Parallel()
	g := startSite(t, gatewaySite)
	_, port, _ := net.SplitHostPort(g.disconnect)
	proxy := startSite(t, strings.ReplaceAll(proxySite, "GATEWAY", port))
	g.begin("a", "someone")
	g.begin("b", "someone")
	for _, c := range []struct {
		id, user string
		gone     bool
	}{
		{"a", "someone", true},
		{"a", "someone", true}, // 503
		{"b", "refuse", false},
		{"b", "silent", false},
		{"b", "someone", true},
	} {
		if got := proxy.drop(c.id, c.user); got.Gone() != c.gone {
			t.Errorf("session %s of %s: the result is %v, want gone %v", c.id, c.user, got, c.gone)
		}
	}
	if got := g.drop("a", "someone"); got.Outcome != radius.NotFound {
		t.Errorf("after the proxy has dropped it, the gateway says %v, want no such session", got)
	}
}

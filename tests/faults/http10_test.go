//go:build unix

package faults_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"simtransfer/client"
	"simtransfer/command/commandtest"
	"simtransfer/dev/servers"
	"simtransfer/storage/storagetest"
)

// TestDownloadThroughHTTP10 kills the API while the command line downloads results
// through nginx. By default nginx speaks HTTP/1.0 to the API, where a response ends
// with its connection: nginx takes the part for the whole, and so its client would.
func TestDownloadThroughHTTP10(t *testing.T) {
	t.Parallel()
	s := startService(t, serviceOptions{})
	process, direct, err := s.stack.StartAPI(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	address := strings.TrimPrefix(direct.URL, "http://")
	line := newSeverableLine(t, address)
	proxy := startNginx(t, line.listener.Addr().String())

	sims := s.SIMs(1500, storagetest.SIM{Account: s.from.ID})
	request := s.createOffered(sims)
	var upload strings.Builder
	for _, sim := range s.SIMs(1500, storagetest.SIM{Account: s.from.ID}) {
		fmt.Fprintf(&upload, "{\"sim\":%q,\"destination_email\":%q,\"destination_operator_id\":%q}\n", sim.ICCID, s.to.Email, s.to.OperatorID)
	}
	batch, err := s.source.CreateBatch(t.Context(), client.NDJSON, strings.NewReader(upload.String()), client.BatchTerms{})
	if err != nil {
		t.Fatal(err)
	}

	// Without these two, the test would not show anything.
	path := "/v1/transfer-requests/" + request.id.String() + "/results"
	if n, whole := s.readThrough(proxy, path); !whole || n < 4*severedAfter {
		t.Fatalf("the proxy passes on %d bytes of a response that is not cut off; complete: %v", n, whole)
	}
	line.sever()
	read := storagetest.Go(func() error {
		if n, whole := s.readThrough(proxy, path); !whole || n > 2*severedAfter {
			return fmt.Errorf("the proxy shows that a response was cut off after %d bytes: it does not speak HTTP/1.0 to the API", n)
		}
		return nil
	})
	line.awaitSevered()
	line.restore()
	if err := <-read; err != nil {
		t.Fatal(err)
	}

	for _, of := range []string{"requests results " + request.id.String(), "batches results " + batch.ID.String()} {
		for _, format := range []string{"--format=csv", "--format=ndjson", "--json"} {
			name := filepath.Join(t.TempDir(), "results")
			args := append(strings.Fields(of), format, "--output="+name)
			if code, text := s.commandLine(proxy, args...); code != 0 {
				t.Fatalf("%s: exit code %d: %s", args, code, text)
			}
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}

			line.sever()
			done := storagetest.Go(func() error {
				if code, text := s.commandLine(proxy, args...); code != 6 || !strings.Contains(text, "cut off") {
					return fmt.Errorf("exit code %d, want 6: %s", code, text)
				}
				return nil
			})
			line.awaitSevered()
			s.killOne(process)
			line.restore()
			if err := <-done; err != nil {
				t.Errorf("%s: %v", args, err)
			}
			if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s: the file was written: %v", args, err)
			}
			process = s.start("api", "SIMTRANSFER_LISTEN="+address)
			if err := s.stack.AwaitAPI(t.Context(), process, direct.URL); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// readThrough reads a response, and reports whether it ends like a complete one.
func (s *testService) readThrough(url, path string) (n int64, whole bool) {
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, url+path, nil)
	if err != nil {
		s.t.Error(err)
		return 0, false
	}
	r.Header.Set("Authorization", "Bearer "+s.source.Key)
	r.Header.Set("Accept", string(client.NDJSON))
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Error(err)
		return 0, false
	}
	defer func() { _ = response.Body.Close() }()
	n, err = io.Copy(io.Discard, response.Body)
	return n, err == nil && response.StatusCode == http.StatusOK
}

// commandLine runs a command as the source, and returns its exit code and messages.
func (s *testService) commandLine(url string, args ...string) (code int, messages string) {
	c := exec.CommandContext(s.t.Context(), commandtest.Path(s.t), args...)
	c.Env = append(os.Environ(), commandtest.Env, "SIMTRANSFER_URL="+url, "SIMTRANSFER_API_KEY="+s.source.Key)
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Error(err)
	}
	return c.ProcessState.ExitCode(), string(out)
}

// startNginx starts nginx in front of an address, with the defaults of its proxy
// module, and returns its URL.
func startNginx(t *testing.T, target string) string {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		program, err = exec.LookPath("/usr/sbin/nginx")
	}
	if err != nil {
		t.Fatal("nginx is not installed: run deployments/setup.sh nginx")
	}
	address, err := servers.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	user := ""
	if os.Geteuid() == 0 { // otherwise its workers run as a user who cannot use the folder
		user = "user root;"
	}
	var folders strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&folders, "\t%s_temp_path %s;\n", kind, filepath.Join(dir, kind))
	}
	config := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(config, []byte(user+`
daemon off;
pid `+filepath.Join(dir, "pid")+`;
error_log stderr;
worker_processes 1;
events { worker_connections 64; }
http {
	access_log off;
`+folders.String()+`
	server {
		listen `+address+`;
		location / { proxy_pass http://`+target+`; }
	}
}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := servers.Command{Path: program, Args: []string{"-c", config, "-p", dir, "-e", "stderr"}, LogFile: filepath.Join(dir, "log"), DeathSignal: syscall.SIGTERM}.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(syscall.SIGTERM, waitLimit); err != nil {
			t.Error(err)
		}
	})
	if err := p.WaitReady(t.Context(), func(ctx context.Context) error {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			err = c.Close()
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return "http://" + address
}

// severedAfter is the number of bytes that a severed line carries to the client.
const severedAfter = 50_000

// severableLine forwards connections to a server. Each connection that begins after
// sever carries the first bytes of the server's data, and then nothing until restore,
// when it ends.
type severableLine struct {
	t        *testing.T
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu       sync.Mutex
	restored chan struct{} // nil: the line is not severed
	reached  chan struct{} // gets a value when a severed connection has carried its bytes
}

func newSeverableLine(t *testing.T, target string) *severableLine {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &severableLine{listener: listener, target: target, t: t, reached: make(chan struct{}, 1)}
	l.running.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			l.running.Go(func() { l.carry(c) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		l.restore()
		l.running.Wait()
	})
	return l
}

func (l *severableLine) sever() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.restored = make(chan struct{})
}

func (l *severableLine) restore() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.restored != nil {
		close(l.restored)
		l.restored = nil
	}
}

// awaitSevered waits until a connection has carried the first bytes.
func (l *severableLine) awaitSevered() {
	l.t.Helper()
	select {
	case <-l.reached:
	case <-time.After(waitLimit):
		l.t.Fatalf("no severed connection has carried %d bytes", severedAfter)
	}
}

func (l *severableLine) carry(c net.Conn) {
	defer func() { _ = c.Close() }()
	server, err := (&net.Dialer{}).DialContext(l.t.Context(), "tcp", l.target)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	l.mu.Lock()
	restored := l.restored
	l.mu.Unlock()
	l.running.Go(func() { _, _ = io.Copy(server, c) })
	if restored == nil {
		_, _ = io.Copy(c, server)
		return
	}
	if _, err := io.CopyN(c, server, severedAfter); err == nil {
		l.reached <- struct{}{}
		<-restored
	}
}

//go:build unix

package faults_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"simtransfer/dev/stack"
	"simtransfer/radius"
	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// TestWrongClocks runs processes whose clocks are an hour fast or an hour slow.
// Only PostgreSQL's clock must matter.
func TestWrongClocks(t *testing.T) {
	t.Parallel()
	s := startService(t, serviceOptions{program: buildWithWrongClock(t), env: []string{ahead}})
	s.checkClock(s.only("api"), time.Hour)
	s.checkClock(s.only("scheduler"), time.Hour)
	early := s.createExpiring(s.mixedSIMs(5), 1800) // already expired according to the fast clocks
	early.awaitOffered()
	s.step("expiry with fast clocks", func(s *testService) { s.expiry(early.id) })
	s.kill("worker")
	s.kill("scheduler")
	s.start("worker", behind)
	s.checkClock(s.start("scheduler", behind), -time.Hour)
	s.step("expiry with slow clocks", func(s *testService) { s.expiry(early.id) })
	s.step("acceptance and completion", func(s *testService) {
		r := testRequest{s, early.id, early.sims}
		r.accept()
		r.awaitCompleted()
		if apart := scan[float64](s, `
			SELECT extract(epoch FROM max(x.at) - min(x.at))
			FROM events e
			JOIN transfers t USING (request)
			JOIN registrations g USING (request)
			JOIN charges c USING (request)
			CROSS JOIN LATERAL (VALUES (e.at), (t.finished_at), (g.since), (c.charged_at)) AS x (at)
			WHERE e.request = $1`, r.id); apart > 300 {
			s.t.Errorf("its times are %.0f s apart", apart)
		}
	})
	s.start("worker")
	s.start("scheduler") // both fast
	s.step("lost work is recovered", func(s *testService) {
		r := s.createOffered(s.mixedSIMs(30))
		s.pause(transfer.QueueInteractive)
		r.accept()
		r.inRedis()
		flushed := time.Now()
		s.flushRedis()
		s.eventuallyWithin(recoveryLimit, flushed, "the request is finished", r.finished)
		r.checkCompleted()
	})
	s.step("killed workers are replaced", func(s *testService) {
		r := s.createOffered(s.mixedSIMs(30))
		unblock := r.acceptBlocked()
		killed := time.Now()
		s.kill("worker")
		unblock()
		s.start("worker")
		s.start("worker", behind)
		s.eventuallyWithin(recoveryLimit, killed, "the request is finished", r.finished)
		r.checkCompleted()
	})
	s.step("a lease excludes other workers", func(s *testService) {
		g := s.atGateway(3, radius.Behavior{Delay: 1500 * time.Millisecond})
		r := s.createOffered(g.sims)
		r.accept()
		s.eventually("sessions are being dropped", func() bool { return g.Stats().Requests > 0 })
		task := scan[storage.Task](s, `SELECT id, gen, kind, queue, request FROM work WHERE request = $1`, r.id)
		for range 6 {
			s.replay(task) // any worker may take it
		}
		r.awaitCompleted()
		if stats := g.Stats(); stats.Requests-stats.Retransmissions != len(g.sims) {
			s.t.Errorf("the gateway received %d requests for %d sessions", stats.Requests-stats.Retransmissions, len(g.sims))
		}
	})
	s.checkInvariants()
}

// expiry creates a request that expires, and checks that the request early, which
// has more time, does not.
func (s *testService) expiry(early uuid.UUID) {
	r := s.createExpiring(s.SIMs(3, storagetest.SIM{Account: s.from.ID}), 1)
	r.await("the request is expired", func(r storage.Request) bool { return r.FinishedAt != nil })
	if state := r.read().State; state != transfer.RequestExpired {
		s.t.Errorf("the request is %s", state)
	}
	if took := scan[float64](s, `
		SELECT extract(epoch FROM max(at) FILTER (WHERE to_state = 'expired') - max(at) FILTER (WHERE to_state = 'awaiting_acceptance'))
		FROM events WHERE request = $1`, r.id); took < 1 || took > 15 {
		s.t.Errorf("a request with an acceptance time of 1 s expired after %.1f s", took)
	}
	if state := (testRequest{testService: s, id: early}).read().State; state != transfer.AwaitingAcceptance {
		s.t.Errorf("a request with an acceptance time of half an hour is %s", state)
	}
}

// createExpiring creates a request with an acceptance time.
func (s *testService) createExpiring(sims []storagetest.SIM, seconds int) testRequest {
	s.t.Helper()
	n := s.newRequest(sims)
	n.AcceptanceSeconds = int64(seconds)
	return s.createWith(n, sims)
}

// checkClock checks by the log of a process that its clock is off.
func (s *testService) checkClock(p *stack.Process, off time.Duration) {
	s.t.Helper()
	stamp := regexp.MustCompile(`time=(\S+) .*(serving|running)`)
	var found []string
	s.eventually("the process has logged something", func() bool {
		found = stamp.FindStringSubmatch(s.readLog(p.Log()))
		return found != nil
	})
	at, err := time.Parse(time.RFC3339Nano, found[1])
	if err != nil {
		s.t.Fatal(err)
	}
	if wrong := time.Until(at) - off; wrong.Abs() > 10*time.Minute {
		s.t.Fatalf("the clock of the %s is off by %s, want %s", p.Name, time.Until(at), off)
	}
}

// The variable that sets the clock of a program built by buildWithWrongClock,
// and two settings of it.
const (
	wrongClock = "WRONG_CLOCK_SECONDS"
	ahead      = wrongClock + "=+3600"
	behind     = wrongClock + "=-3600"
)

// buildWithWrongClock builds the program with a modified package time, whose
// clock is off by the number of seconds in the variable wrongClock.
func buildWithWrongClock(t *testing.T) string {
	t.Helper()
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	source, err := os.ReadFile(filepath.Join(folder, "time.go"))
	if err != nil {
		t.Fatal(err)
	}
	const read = "sec, nsec, mono := runtimeNow()\n" // in func Now
	if strings.Count(string(source), read) != 1 {
		t.Fatal("this version of Go reads its clock differently: update this test")
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(folder, "time.go"):        write("time.go", strings.Replace(string(source), read, read+"\tsec += wrongSeconds()\n", 1)),
		filepath.Join(folder, "wrong_clock.go"): write("wrong_clock.go", wrongClockSource),
	}})
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "simtransfer")
	build := exec.CommandContext(t.Context(), "go", "build", "-overlay", write("overlay.json", string(overlay)), "-o", program, "../..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the program with a wrong clock: %v\n%s", err, said)
	}
	return program
}

const wrongClockSource = `package time

import (
	"sync"
	"syscall"
)

var (
	wrongOnce  sync.Once
	wrongValue int64
)

func wrongSeconds() int64 {
	wrongOnce.Do(func() {
		if text, _ := syscall.Getenv("` + wrongClock + `"); len(text) > 1 {
			n, _ := atoi(text[1:])
			wrongValue = int64(n)
			if text[0] == '-' {
				wrongValue = -wrongValue
			}
		}
	})
	return wrongValue
}
`

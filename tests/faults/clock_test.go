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

// TestWrongClocks runs processes whose clocks are an hour fast and an hour slow.
// Only PostgreSQL's clock decides.
func TestWrongClocks(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{program: buildWithWrongClock(t), env: []string{ahead}})
	r.clockIs(r.only("api"), time.Hour)
	r.clockIs(r.only("scheduler"), time.Hour)
	early := r.askFor(r.mixed(5), 1800) // which has expired already by the clocks ahead
	early.offered()
	r.step("expiry by clocks that are ahead", func(r *rig) { r.expiry(early.id) })
	r.kill("worker")
	r.kill("scheduler")
	r.start("worker", behind)
	r.clockIs(r.start("scheduler", behind), -time.Hour)
	r.step("expiry by slow clocks", func(r *rig) { r.expiry(early.id) })
	r.step("acceptance and completion", func(r *rig) {
		o := order{r, early.id, early.sims}
		o.accept()
		o.completed()
		if apart := scan[float64](r, `
			SELECT extract(epoch FROM max(x.at) - min(x.at))
			FROM events e
			JOIN transfers t USING (request)
			JOIN registrations g USING (request)
			JOIN charges c USING (request)
			CROSS JOIN LATERAL (VALUES (e.at), (t.finished_at), (g.since), (c.charged_at)) AS x (at)
			WHERE e.request = $1`, o.id); apart > 300 {
			r.t.Errorf("its times lie %.0f s apart", apart)
		}
	})
	r.start("worker")
	r.start("scheduler") // which are ahead
	r.step("lost work comes back", func(r *rig) {
		o := r.offer(r.mixed(30))
		r.pause(transfer.QueueInteractive)
		o.accept()
		o.inRedis()
		flushed := time.Now()
		r.flush()
		r.within(promise, flushed, "the request is finished", o.finished)
		o.isCompleted()
	})
	r.step("killed workers are replaced", func(r *rig) {
		o := r.offer(r.mixed(30))
		letGo := o.acceptHolding()
		killed := time.Now()
		r.kill("worker")
		letGo()
		r.start("worker")
		r.start("worker", behind)
		r.within(promise, killed, "the request is finished", o.finished)
		o.isCompleted()
	})
	r.step("a lease keeps other workers out", func(r *rig) {
		g := r.atGateway(3, radius.Behavior{Delay: 1500 * time.Millisecond})
		o := r.offer(g.sims)
		o.accept()
		r.eventually("sessions are being dropped", func() bool { return g.Stats().Requests > 0 })
		task := scan[storage.Task](r, `SELECT id, gen, kind, queue, request FROM work WHERE request = $1`, o.id)
		for range 6 {
			r.replay(task) // by any worker
		}
		o.completed()
		if s := g.Stats(); s.Requests-s.Retransmissions != len(g.sims) {
			r.t.Errorf("the gateway was asked %d times about %d sessions", s.Requests-s.Retransmissions, len(g.sims))
		}
	})
	r.verify()
}

// expiry has a request expire, and sees that the one with more time does not.
func (r *rig) expiry(early uuid.UUID) {
	o := r.askFor(r.SIMs(3, storagetest.SIM{Account: r.from.ID}), 1)
	o.await("the request is expired", func(s storage.Request) bool { return s.FinishedAt != nil })
	if s := o.now().State; s != transfer.RequestExpired {
		r.t.Errorf("the request is %s", s)
	}
	if took := scan[float64](r, `
		SELECT extract(epoch FROM max(at) FILTER (WHERE to_state = 'expired') - max(at) FILTER (WHERE to_state = 'awaiting_acceptance'))
		FROM events WHERE request = $1`, o.id); took < 1 || took > 15 {
		r.t.Errorf("a request that had a second has expired after %.1f s", took)
	}
	if s := (order{rig: r, id: early}).now().State; s != transfer.AwaitingAcceptance {
		r.t.Errorf("a request that has half an hour is %s", s)
	}
}

// askFor makes a request that expires.
func (r *rig) askFor(sims []storagetest.SIM, seconds int) order {
	r.t.Helper()
	body := r.body(sims)
	body["acceptance_seconds"] = seconds
	var made struct {
		ID uuid.UUID `json:"id"`
	}
	r.post(r.source, "", body, &made)
	return order{r, made.ID, sims}
}

// clockIs sees by its log that a process's clock is wrong indeed.
func (r *rig) clockIs(p *stack.Process, off time.Duration) {
	r.t.Helper()
	stamp := regexp.MustCompile(`time=(\S+) .*(serving|running)`)
	var found []string
	r.eventually("the process has logged something", func() bool {
		found = stamp.FindStringSubmatch(r.read(p.Log()))
		return found != nil
	})
	at, err := time.Parse(time.RFC3339Nano, found[1])
	if err != nil {
		r.t.Fatal(err)
	}
	if wrong := time.Until(at) - off; wrong.Abs() > 10*time.Minute {
		r.t.Fatalf("the clock of the %s is off by %s, it was to be by %s", p.Name, time.Until(at), off)
	}
}

// The variable that sets the clock of a program built by buildWithWrongClock.
const (
	wrongClock = "WRONG_CLOCK_SECONDS"
	ahead      = wrongClock + "=+3600"
	behind     = wrongClock + "=-3600"
)

// buildWithWrongClock builds the program with a package time whose clock is
// wrong by as many seconds as a variable says.
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
		t.Fatal("this version of Go reads its clock in another way: fix this test")
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

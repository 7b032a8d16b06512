package faults_test

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"simtransfer/dev/stack"
	"simtransfer/radius"
	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// TestRollingRestart replaces every process, one after the other, during a large
// batch and a stream of small requests. Clients do not notice.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{env: []string{"SIMTRANSFER_WORKER_BULK=1"}})
	r.recordBlame()
	r.slowBatches()
	urls := map[*stack.Process]string{r.only("api"): r.stack.Admin.URL}
	another, client, err := r.stack.StartAPI(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	urls[another] = client.URL
	for _, name := range []string{"worker", "worker", "scheduler"} {
		r.start(name)
	}
	n, _ := simsOf(12000)
	g := r.atGateway(100, radius.Behavior{Delay: 300 * time.Millisecond})
	stream := &stream{rig: r, urls: []string{r.stack.Admin.URL, client.URL}, sims: r.SIMs(2000, storagetest.SIM{Account: r.from.ID})}
	batch := r.offer(append(r.mixed(n-100), g.sims...))
	batch.accept()
	batch.await("the batch is in progress", func(s storage.Request) bool { return s.Completed > 0 })

	enough := make(chan struct{})
	caller := storagetest.Go(func() error { return stream.run(enough) })
	processes := r.stack.Processes()
	slices.SortStableFunc(processes, func(a, b *stack.Process) int { return -cmp.Compare(a.Name, b.Name) }) // workers first
	for _, p := range processes {
		t.Logf("%d SIMs of %d are moved; replacing a %s", batch.now().Completed, n, p.Name)
		before := scan[int](r, `SELECT count(*) FROM requests WHERE finished_at IS NOT NULL`)
		r.replace(p, urls[p])
		r.eventually("small requests go on", func() bool {
			return scan[int](r, `SELECT count(*) FROM requests WHERE finished_at IS NOT NULL`) > before+2
		})
	}
	close(enough)
	if err := <-caller; err != nil {
		t.Error(err)
	}
	batch.completed()
	for _, o := range stream.made {
		o.completed()
	}
	t.Logf("%d small requests meanwhile", len(stream.made))
	if blamed := storagetest.All[string](r.DB, `SELECT what FROM blamed`); len(blamed) > 0 {
		t.Errorf("work was blamed: %q", blamed)
	}
	queues, err := r.inspector.Queues() // those that had tasks
	if err != nil {
		t.Error(err)
	}
	for _, queue := range queues {
		if info, err := r.inspector.GetQueueInfo(string(queue)); err != nil || info.FailedTotal > 0 || info.Archived > 0 {
			t.Errorf("tasks failed in queue %s: %+v, %v", queue, info, err)
		}
	}
	r.verify()
}

// slowBatches makes each chunk of a batch take a second, to have processes end
// in the middle of one.
func (r *rig) slowBatches() {
	r.t.Helper()
	r.Exec(`
		CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF (SELECT count(*) FROM moved) > 100 THEN
				PERFORM pg_sleep(1);
			END IF;
			RETURN NULL;
		END $$;
		CREATE TRIGGER slow AFTER UPDATE ON sims REFERENCING NEW TABLE AS moved
			FOR EACH STATEMENT EXECUTE FUNCTION slow();`)
}

// replace ends a process in good order. Another one has taken over before; an
// API takes over its predecessor's address.
func (r *rig) replace(p *stack.Process, url string) {
	r.t.Helper()
	if url == "" {
		r.start(p.Name)
	}
	if err := p.Shutdown(); err != nil {
		r.t.Error(err)
	}
	if url == "" {
		return
	}
	api := r.start("api", "SIMTRANSFER_LISTEN="+strings.TrimPrefix(url, "http://"))
	if err := r.stack.AwaitAPI(r.t.Context(), api, url); err != nil {
		r.t.Fatal(err)
	}
}

// stream is a caller who makes one small request after the other, and does what
// a load balancer does for callers: when an API takes no connection it goes to
// the other one. Nothing else is forgiven.
type stream struct {
	*rig
	urls []string
	sims []storagetest.SIM
	made []order
}

func (s *stream) run(enough <-chan struct{}) error {
	for i := range s.sims {
		select {
		case <-enough:
			return nil
		default:
		}
		sims := s.sims[i : i+1]
		answer, err := s.call(s.source.Key, "/v1/transfer-requests", s.body(sims))
		if err != nil {
			return err
		}
		id, err := uuid.Parse(fmt.Sprint(answer["id"]))
		if err != nil {
			return err
		}
		o := order{s.rig, id, sims}
		s.made = append(s.made, o)
		for {
			now, err := s.stack.DB.Request(s.t.Context(), id)
			if err != nil {
				return err
			}
			if now.State == transfer.AwaitingAcceptance {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		if _, err := s.call(s.dest.Key, "/v1/transfer-requests/"+id.String()+"/accept", map[string]any{}); err != nil {
			return err
		}
	}
	return nil
}

func (s *stream) call(key, path string, body any) (map[string]any, error) {
	var errs []error
	for i := range s.urls {
		status, _, answer, err := call(s.t.Context(), s.urls[(len(s.made)+i)%len(s.urls)], key, uuid.NewString(), path, body)
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			errs = append(errs, err)
		case err == nil && status != http.StatusAccepted:
			return nil, fmt.Errorf("POST %s: %d %v", path, status, answer)
		default:
			return answer, err
		}
	}
	return nil, errors.Join(errs...)
}

//go:build unix

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
// batch and a stream of small requests. Clients must not notice.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	s := startService(t, serviceOptions{env: []string{"SIMTRANSFER_WORKER_BULK=1"}})
	s.recordBlame()
	s.slowBatches()
	urls := map[*stack.Process]string{s.only("api"): s.stack.Admin.URL}
	another, client, err := s.stack.StartAPI(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	urls[another] = client.URL
	for _, name := range []string{"worker", "worker", "scheduler"} {
		s.start(name)
	}
	n, _ := testSize(12000)
	g := s.atGateway(100, radius.Behavior{Delay: 300 * time.Millisecond})
	stream := &stream{testService: s, urls: []string{s.stack.Admin.URL, client.URL}, sims: s.SIMs(2000, storagetest.SIM{Account: s.from.ID})}
	batch := s.createOffered(append(s.mixedSIMs(n-100), g.sims...))
	batch.accept()
	batch.await("the batch is in progress", func(r storage.Request) bool { return r.Completed > 0 })

	enough := make(chan struct{})
	caller := storagetest.Go(func() error { return stream.run(enough) })
	processes := s.stack.Processes()
	slices.SortStableFunc(processes, func(a, b *stack.Process) int { return -cmp.Compare(a.Name, b.Name) }) // workers first
	for _, p := range processes {
		t.Logf("%d of %d SIMs are transferred; replacing a %s", batch.read().Completed, n, p.Name)
		before := scan[int](s, `SELECT count(*) FROM requests WHERE finished_at IS NOT NULL`)
		s.replace(p, urls[p])
		s.eventually("small requests are being finished", func() bool {
			return scan[int](s, `SELECT count(*) FROM requests WHERE finished_at IS NOT NULL`) > before+2
		})
	}
	close(enough)
	if err := <-caller; err != nil {
		t.Error(err)
	}
	batch.awaitCompleted()
	for _, r := range stream.created {
		r.awaitCompleted()
	}
	t.Logf("%d small requests during the restart", len(stream.created))
	if blamed := storagetest.All[string](s.DB, `SELECT what FROM blamed`); len(blamed) > 0 {
		t.Errorf("work was blamed: %q", blamed)
	}
	queues, err := s.inspector.Queues() // only those that have had tasks
	if err != nil {
		t.Error(err)
	}
	for _, queue := range queues {
		if info, err := s.inspector.GetQueueInfo(string(queue)); err != nil || info.FailedTotal > 0 || info.Archived > 0 {
			t.Errorf("tasks failed in queue %s: %+v, %v", queue, info, err)
		}
	}
	s.checkInvariants()
}

// slowBatches makes each chunk of a batch take a second, so that processes are
// stopped in the middle of one.
func (s *testService) slowBatches() {
	s.t.Helper()
	s.Exec(`
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

// replace shuts a process down and starts another: a worker or scheduler before
// the shutdown, and an API after it, with the same address.
func (s *testService) replace(p *stack.Process, url string) {
	s.t.Helper()
	if url == "" {
		s.start(p.Name)
	}
	if err := p.Shutdown(); err != nil {
		s.t.Error(err)
	}
	if url == "" {
		return
	}
	api := s.start("api", "SIMTRANSFER_LISTEN="+strings.TrimPrefix(url, "http://"))
	if err := s.stack.AwaitAPI(s.t.Context(), api, url); err != nil {
		s.t.Fatal(err)
	}
}

// stream creates and accepts one small request after the other. Like a load
// balancer, it uses the other API if one refuses the connection. Any other error
// fails the test.
type stream struct {
	*testService
	urls    []string
	sims    []storagetest.SIM
	created []testRequest
}

func (s *stream) run(enough <-chan struct{}) error {
	for i := range s.sims {
		select {
		case <-enough:
			return nil
		default:
		}
		sims := s.sims[i : i+1]
		answer, err := s.call(s.source.Key, "/v1/transfer-requests", s.newRequest(sims))
		if err != nil {
			return err
		}
		id, err := uuid.Parse(fmt.Sprint(answer["id"]))
		if err != nil {
			return err
		}
		r := testRequest{s.testService, id, sims}
		s.created = append(s.created, r)
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
		if _, err := s.call(s.destination.Key, "/v1/transfer-requests/"+id.String()+"/accept", map[string]any{}); err != nil {
			return err
		}
	}
	return nil
}

func (s *stream) call(key, path string, body any) (map[string]any, error) {
	var errs []error
	for i := range s.urls {
		status, _, answer, err := call(s.t.Context(), s.urls[(len(s.created)+i)%len(s.urls)], key, uuid.NewString(), path, body)
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

package api

import (
	"bufio"
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"simtransfer/api/problem"
	"simtransfer/transfer"
)

func pollFast(c *Config) { c.StreamInterval = 5 * time.Millisecond }

// stream opens a stream of events; what follows its end is closed.
func (s *testService) stream(key, path, last string) (ids <-chan string, end context.CancelFunc) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	s.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", s.url+path+"/stream", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Accept", "text/event-stream")
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	response, err := s.client.Do(r) //nolint:bodyclose // closed where it is read to its end
	if err != nil {
		s.t.Fatal(err)
	}
	if got := response.Header.Get("Content-Type"); response.StatusCode != 200 || got != typeEvents {
		s.t.Fatalf("answered %d, %q", response.StatusCode, got)
	}
	out := make(chan string)
	go func() {
		defer close(out)
		defer func() { _ = response.Body.Close() }()
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
				select {
				case out <- id:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return out, cancel
}

func TestStreamResumesWithoutGapsOrDuplicates(t *testing.T) {
	t.Parallel()
	s := newTestService(t, pollFast)
	s.sims(3, transfer.Ready)
	for name, path := range map[string]string{
		"request": s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202).header.Get("Location"),
		"batch":   s.upload(s.source, "", "text/csv", batchCSV(iccid(2))).is(202).header.Get("Location"),
	} {
		request := path
		if name == "batch" {
			request = requestPath(read[Batch](s.get(s.source, path).is(200)).Items[0].ID)
		}
		// From the first event on the stream is broken off after each one.
		var got []string
		next := func(last string) string {
			ids, end := s.stream(s.source, path, last)
			defer end()
			return <-ids
		}
		got = append(got, next(""))
		s.work()
		got = append(got, next(got[0]))
		got = append(got, next(got[1]))
		rest, _ := s.stream(s.source, path, got[2])
		s.post(s.destination, request+"/accept", nil).is(202)
		s.work()
		for id := range rest { // it ends by itself
			got = append(got, id)
		}
		events := read[List[Event]](s.get(s.source, request+"/events").is(200)).Items
		var all []string
		whole, _ := s.stream(s.source, path, "")
		for id := range whole {
			all = append(all, id)
		}
		if !slices.Equal(got, all) || len(all) != len(events) || slices.Contains(got, "") {
			t.Errorf("%s: in parts %q, whole %q, of %d", name, got, all, len(events))
		}
		after := s.do(apiCall{method: "GET", path: path + "/stream", key: s.source, header: map[string]string{"Last-Event-ID": all[len(all)-1]}})
		after.is(204)
		s.do(apiCall{method: "GET", path: path + "/stream", key: s.source, header: map[string]string{"Last-Event-ID": "nonsense"}}).problem(422, problem.Invalid)
		s.get(s.bystander, path+"/stream").problem(404, problem.NotFound)
	}
}

func TestStreamsAreLimitedAndStop(t *testing.T) {
	t.Parallel()
	stopping := make(chan struct{})
	s := newTestService(t, pollFast, func(c *Config) { c.MaxStreams, c.Stopping = 1, stopping })
	s.sims(1, transfer.Ready)
	path := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202).header.Get("Location")
	s.work()
	ids, end := s.stream(s.source, path, "")
	<-ids
	if a := s.get(s.destination, path+"/stream"); a.problem(503, problem.Busy).Status != 503 || a.header.Get("Retry-After") == "" {
		t.Errorf("%v", a.header)
	}
	s.post(s.source, path+"/cancel", nil).is(202)
	s.work()
	for range ids { // to its end, which frees its slot
	}
	end()
	other := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202).header.Get("Location")
	ids, _ = s.stream(s.source, other, "")
	<-ids
	close(stopping)
	for range ids {
		t.Error("an event after the end")
	}
}

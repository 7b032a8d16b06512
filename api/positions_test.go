package api

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"simtransfer/api/problem"
	"simtransfer/transfer"
)

// A position that no event has is refused: a client that follows it would wait
// forever, or miss what comes next.
func TestPositionsOfNoEventAreRefused(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(3, transfer.Ready)
	request := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202).header.Get("Location")
	batch := s.upload(s.source, "", typeCSV, batchCSV(iccid(2))).is(202).header.Get("Location")
	s.upload(s.source, "", typeCSV, batchCSV(iccid(3))).is(202)
	feed := read[Feed](s.get(s.source, "/v1/events").is(200))
	for len(feed.Items) < 3 { // events appear when no earlier transaction is running
		feed = read[Feed](s.get(s.source, "/v1/events").is(200))
	}
	ofRequest, ofOther := feed.Items[0].Cursor, feed.Items[len(feed.Items)-1].Cursor
	for path, ids := range map[string][]string{
		request + "/stream": {"99", "-1", "x", "1.0", ofRequest},
		batch + "/stream":   {"99", "x", "1-1", "999999999-999999999", "9223372036854775807-1", ofRequest, ofOther},
	} {
		for _, id := range ids {
			p := s.do(apiCall{method: "GET", path: path, key: s.source, header: map[string]string{"Last-Event-ID": id}}).problem(422, problem.Invalid)
			if p.Errors[0].Location != "header.Last-Event-ID" {
				t.Errorf("%s after %s: %+v", path, id, p)
			}
		}
	}
	for _, path := range []string{request + "/events?cursor=99", "/v1/events?cursor=99", "/v1/events?cursor=999999999-999999999", "/v1/events?cursor=x", request + "/transfers?cursor=x"} {
		if p := s.get(s.source, path).problem(422, problem.Invalid); p.Errors[0].Location != "query.cursor" {
			t.Errorf("%s: %+v", path, p)
		}
	}
	s.get(s.source, "/v1/events?cursor="+ofOther).is(200)
	s.get(s.source, request+"/events?cursor=1").is(200)
	s.get(s.bystander, "/v1/events?cursor=0-0").is(200)
	s.get(s.bystander, "/v1/events?cursor="+ofOther).problem(422, problem.Invalid)
}

// HEAD responds at once on every route that GET has, takes no place, and says no
// more than GET would.
func TestHead(t *testing.T) {
	t.Parallel()
	s := newTestService(t, func(c *Config) { c.MaxStreams = 1 })
	s.sims(2, transfer.Ready)
	request := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202).header.Get("Location")
	batch := s.upload(s.source, "", typeCSV, batchCSV(iccid(2))).is(202).header.Get("Location")
	s.do(apiCall{method: "PUT", path: "/v1/gateways/10.0.0.1", key: s.admin, body: map[string]any{"secret": "a secret"}}).is(200)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a stream has no end
	defer cancel()
	head := func(key, path string) int {
		r, err := http.NewRequestWithContext(ctx, "HEAD", s.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+key)
		response, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		_ = response.Body.Close()
		return response.StatusCode
	}
	paths := strings.NewReplacer("{operator_id}", sourceID, "{sim}", iccid(1), "{identifier}", iccid(1), "gateways/{name}", "gateways/10.0.0.1", "{name}", "global-01", "{code}", "invalid")
	for _, r := range Routes() {
		path := paths.Replace(r.Path)
		switch {
		case r.Method != "GET":
			continue
		case path == "/v1/email-uses":
			path += "?email=sims%40example.com"
		case strings.HasPrefix(path, "/v1/batches"):
			path = strings.ReplaceAll(path, "/v1/batches/{id}", batch)
		default:
			path = strings.ReplaceAll(path, "/v1/transfer-requests/{id}", request)
		}
		if strings.Contains(path, "{") {
			continue
		}
		for range 20 {
			if got := head(s.admin, path); got != 200 {
				t.Errorf("HEAD %s answered %d", path, got)
			}
			if r.bounds.stream == nil || r.bounds.stream.page {
				break
			}
		}
		if strings.Contains(r.Path, "{id}") {
			if got := head(s.bystander, strings.ReplaceAll(r.Path, "{id}", uuid.NewString())); got != 404 {
				t.Errorf("HEAD %s of nothing answered %d", path, got)
			}
		}
	}
}

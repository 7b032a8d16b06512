package api

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// calledBy returns the context of a call.
func calledBy(ctx context.Context, c storage.Caller) context.Context {
	return context.WithValue(ctx, callKey{}, &call{caller: c})
}

// sourceKey is a key of the source account.
func sourceKey(id int64) storage.Caller {
	return storage.Caller{Key: id, Role: storage.RoleAccount, Account: storage.Account{OperatorID: sourceID}}
}

func codeOf(err error) problem.Code {
	var p *problem.Problem
	if errors.As(err, &p) {
		return p.Code
	}
	return ""
}

// The keys of an account share its places; every other key has its own.
func TestConcurrencyIsLimitedPerCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const patience = time.Second
		p := newConcurrency("things", 3, 2, patience)
		take := func(c storage.Caller) (func(), error) { return p.acquire(calledBy(t.Context(), c)) }
		var leave func()
		for i, want := range []struct {
			c    storage.Caller
			code problem.Code
		}{
			{sourceKey(1), ""},
			{sourceKey(2), ""},
			{sourceKey(3), problem.RateLimited},
			{storage.Caller{Key: 4, Role: storage.RoleSupport}, ""},
			{storage.Caller{Key: 5, Role: storage.RoleSupport}, problem.Busy},
		} {
			start := time.Now()
			left, err := take(want.c)
			if codeOf(err) != want.code || (err == nil) != (want.code == "") {
				t.Errorf("caller %d: %v", i, err)
			}
			if waited := time.Since(start); err != nil && waited != patience {
				t.Errorf("caller %d: waited %s", i, waited)
			}
			if i == 0 {
				leave = left
			}
		}
		gone, cancel := context.WithCancel(calledBy(t.Context(), storage.Caller{Key: 6}))
		cancel()
		if _, err := p.acquire(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("a client that has gone: %v", err)
		}
		time.AfterFunc(patience/2, leave)
		if _, err := take(sourceKey(3)); err != nil {
			t.Errorf("in place of one that ends in time: %v", err)
		}
	})
}

// One account's uploads leave room for those of the others.
func TestUploadsOfOneAccountLeaveSlots(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(2, transfer.Ready)
	address := strings.TrimPrefix(s.url, "http://")
	for range maxUploadsPerCaller {
		w := dial(t, address, s.source)
		w.send("POST /v1/batches", "Content-Length: 1000", "Content-Type: text/csv", "Expect: 100-continue")
		w.readResponse(http.StatusContinue) // it is being read
	}
	if a := s.upload(s.source, "", "text/csv", batchCSV(iccid(1))); a.problem(429, problem.RateLimited).Detail == "" || a.header.Get("Retry-After") == "" {
		t.Errorf("%v", a.header)
	}
	s.upload(s.bystander, "", "text/csv", batchCSV(iccid(2))).is(202)
}

func TestStreamsOfOneAccountLeaveSlots(t *testing.T) {
	t.Parallel()
	stopping := make(chan struct{})
	t.Cleanup(func() { close(stopping) })
	s := newTestService(t, pollFast, func(c *Config) { c.MaxStreams, c.Stopping = maxStreamsPerCaller+1, stopping })
	s.sims(1, transfer.Ready)
	path := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202).header.Get("Location")
	s.work()
	for range maxStreamsPerCaller {
		s.stream(s.source, path, "")
	}
	w := dial(t, strings.TrimPrefix(s.url, "http://"), s.source) // a stream that is let in does not end
	w.send("GET " + path + "/stream")
	if header, _ := w.readResponse(http.StatusTooManyRequests); header.Get("Retry-After") == "" {
		t.Errorf("%v", header)
	}
	s.stream(s.destination, path, "")
	s.get(s.support, path+"/stream").problem(503, problem.Busy)
}

// The results of a batch have a place until they are sent.
func TestBatchResultsAreLimited(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	batch := read[Batch](s.upload(s.source, "", "text/csv", batchCSV(iccid(1))).is(202))
	caller, err := s.db.Authenticate(t.Context(), s.source)
	if err != nil {
		t.Fatal(err)
	}
	ctx := calledBy(t.Context(), caller)
	api := newServer(Config{DB: s.db})
	api.results.maxWait = 0
	download := func(accept string) (*huma.StreamResponse, error) {
		return api.batchResults(ctx, &batchResultsInput{BatchPath: BatchPath{batch.ID}, Accepting: Accepting{accept}})
	}
	var last *huma.StreamResponse
	for range maxResultsPerCaller {
		if _, err := download("text/html"); codeOf(err) != problem.NotAcceptable {
			t.Fatal(err)
		}
		if last, err = download(typeCSV); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := download(typeCSV); codeOf(err) != problem.RateLimited {
		t.Errorf("one more: %v", err)
	}
	w := httptest.NewRecorder()
	last.Body(humago.NewContext(&huma.Operation{}, httptest.NewRequestWithContext(ctx, "GET", "/", nil), w))
	if n := strings.Count(w.Body.String(), "\n"); n != 2 {
		t.Errorf("%d lines: %s", n, w.Body)
	}
	if _, err := download(typeCSV); err != nil {
		t.Errorf("in place of one that was sent: %v", err)
	}
}

// One account's slow reads leave connections for the reads of others, for new
// requests and for decisions.
func TestReadsOfOneAccountLeaveConnections(t *testing.T) {
	t.Parallel()
	owner := newTestService(t)
	owner.sims(2, transfer.Ready)
	s := startTestService(t, owner.dsn+"&lock_timeout=60000")
	unlock := owner.holdTx(`LOCK TABLE plans IN ACCESS EXCLUSIVE MODE`)
	const each = 2 // of six, of ten connections
	address := strings.TrimPrefix(s.url, "http://")
	var slow []*wire
	for range each {
		w := dial(t, address, owner.source)
		w.send("GET /v1/plans")
		slow = append(slow, w)
	}
	storagetest.Await(t, "the slow reads to wait", func() bool {
		var n int
		if err := owner.db.Pool().GetContext(t.Context(), &n, `SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'plans'::regclass`); err != nil {
			t.Fatal(err)
		}
		return n == each
	})
	s.get(owner.bystander, "/v1/sims").is(200)
	s.post(owner.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202)
	if a := s.get(owner.source, "/v1/sims"); a.problem(429, problem.RateLimited).Detail == "" || a.header.Get("Retry-After") == "" {
		t.Errorf("%v", a.header)
	}
	unlock(true)
	for _, w := range slow {
		w.readResponse(http.StatusOK)
	}
	s.get(owner.source, "/v1/sims").is(200)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/google/uuid"

	"simtransfer/client"
	"simtransfer/dev/stack"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// service is a running service: an API, a worker and a scheduler on one database.
type service struct {
	harness  *harness
	db       *storage.DB // to look at the result
	programs []*stack.Process

	accounts map[int]*client.Client // with the keys of source and destination
	support  *client.Client
	admin    *client.Client
}

// direction names the accounts that a batch is from and to.
type direction struct{ from, to int }

func forth() direction { return direction{source, destination} }
func back() direction  { return direction{destination, source} }

// serve starts the named processes of the service, or all three if none is named,
// on a database and an unused Redis database.
func (h *harness) serve(ctx context.Context, name string, db *storage.DB, programs ...string) (_ *service, err error) {
	if len(programs) == 0 {
		programs = []string{"api", "worker", "scheduler"}
	}
	httpClient := &http.Client{Timeout: 20 * time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	as := func(token string) *client.Client {
		return &client.Client{URL: h.stack.Admin.URL, Key: token, HTTP: httpClient}
	}
	keys := h.tokens[name]
	s := &service{
		harness:  h,
		db:       db,
		accounts: map[int]*client.Client{source: as(keys.source), destination: as(keys.destination)},
		support:  as(keys.support),
		admin:    as(keys.admin),
	}
	defer func() {
		if err != nil {
			err = s.stopAfter(err)
		}
	}()
	// One key makes more calls than the default limit allows.
	env := []string{"SIMTRANSFER_RATE_LIMIT=1000000", "SIMTRANSFER_WEBHOOK_ALLOW_NETWORKS=127.0.0.0/8", "SIMTRANSFER_DATABASE_URL=" + h.stack.DatabaseURL(name), "SIMTRANSFER_REDIS_URL=" + h.redisURL()}
	env = append(env, h.env...)
	for _, program := range programs {
		p, err := h.stack.StartProcess(program, env...)
		if err != nil {
			return nil, err
		}
		s.programs = append(s.programs, p)
	}
	return s, s.await(ctx, 5*time.Millisecond, func(ctx context.Context) (bool, error) {
		return s.support.Ready(ctx) == nil, nil
	})
}

// onService starts a service on a copy of a template, calls measure, and stops the
// service. programs are those of serve.
func (h *harness) onService(ctx context.Context, template string, measure func(*storage.DB, *service) error, programs ...string) (err error) {
	db, err := h.copyTemplate(ctx, template)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	s, err := h.serve(ctx, database, db, programs...)
	if err != nil {
		return err
	}
	defer func() { err = s.stopAfter(err) }()
	return measure(db, s)
}

// stopAfter stops the processes, and returns err joined with the errors of that.
func (s *service) stopAfter(err error) error {
	errs := []error{err}
	for _, p := range s.programs {
		errs = append(errs, p.Shutdown())
	}
	return errors.Join(errs...)
}

// await calls done repeatedly, with a pause in between, until it returns true.
func (s *service) await(ctx context.Context, pause time.Duration, done func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Minute)
	defer cancel()
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		if ok, err := done(ctx); ok || err != nil {
			return err
		}
		if len(s.harness.stack.Processes()) < len(s.programs) {
			return errors.New("a process of the service has ended")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// batchPoll is the interval at which a batch is checked for its end.
const batchPoll = 20 * time.Millisecond

// awaitState waits until a request is in one of the given states.
func (s *service) awaitState(ctx context.Context, request uuid.UUID, pause time.Duration, states ...transfer.RequestState) (transfer.RequestState, error) {
	var state transfer.RequestState
	err := s.await(ctx, pause, func(ctx context.Context) (bool, error) {
		if err := s.db.Pool().GetContext(ctx, &state, `SELECT state FROM requests WHERE id = $1`, request); err != nil {
			return false, fmt.Errorf("reading the state of request %s: %w", request, err)
		}
		for _, wanted := range states {
			if state == wanted {
				return true, nil
			}
		}
		if state.Final() {
			return false, fmt.Errorf("request %s is %s", request, state)
		}
		return false, nil
	})
	return state, err
}

// phases holds the durations of the phases of a batch, and the number of calls that
// its parties made.
type phases struct {
	upload, validate, approve, execute time.Duration
	calls                              int
}

func (p phases) total() time.Duration { return p.upload + p.validate + p.approve + p.execute }

// createAndApprove uploads SIMs as a batch to one destination, and approves its
// request as support.
func (s *service) createAndApprove(ctx context.Context, numbers []int, d direction) (uuid.UUID, error) {
	_, id, err := s.createAndApproveTimed(ctx, csv(numbers, d.to), d)
	return id, err
}

func (s *service) createAndApproveTimed(ctx context.Context, file io.Reader, d direction) (p phases, request uuid.UUID, err error) {
	start := time.Now()
	lap := func() time.Duration {
		now := time.Now()
		defer func() { start = now }()
		return now.Sub(start)
	}
	created, err := s.accounts[d.from].CreateBatch(ctx, client.CSV, file, client.BatchTerms{AcceptanceSeconds: 2592000})
	if err != nil {
		return p, request, err
	}
	request, p.upload = created.Requests[0].ID, lap()
	state, err := s.awaitState(ctx, request, batchPoll, transfer.InReview, transfer.AwaitingAcceptance)
	if err != nil {
		return p, request, err
	}
	p.validate, p.calls = lap(), 1
	if state == transfer.InReview {
		p.calls++
		if _, err := s.support.ApproveRequest(ctx, request, client.Approval{Ticket: "CASE-1"}); err != nil {
			return p, request, err
		}
	}
	p.approve = lap()
	return p, request, nil
}

// execute accepts a request as its destination, and waits until every transfer is
// completed.
func (s *service) execute(ctx context.Context, request uuid.UUID, d direction, pause time.Duration) (time.Duration, error) {
	start := time.Now()
	if _, err := s.accounts[d.to].AcceptRequest(ctx, request, client.Acceptance{}); err != nil {
		return 0, err
	}
	_, err := s.awaitState(ctx, request, pause, transfer.RequestCompleted)
	return time.Since(start), err
}

// endToEnd uploads, approves and executes a batch.
func (s *service) endToEnd(ctx context.Context, numbers []int, d direction) (phases, error) {
	file := csv(numbers, d.to)
	p, request, err := s.createAndApproveTimed(ctx, file, d)
	if err != nil {
		return p, err
	}
	p.execute, err = s.execute(ctx, request, d, batchPoll)
	p.calls++
	return p, err
}

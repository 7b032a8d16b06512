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

// service is the running service: api, worker and scheduler on one database.
type service struct {
	bed      *bed
	db       *storage.DB // for looking
	programs []*stack.Process

	accounts map[int]*client.Client // with keys of source and destination
	support  *client.Client
}

// direction is from which account to which a batch goes.
type direction struct{ from, to int }

func forth() direction { return direction{source, destination} }
func back() direction  { return direction{destination, source} }

// serve starts processes of the service, all three if none is named, on a
// database and a Redis of their own.
func (b *bed) serve(ctx context.Context, name string, db *storage.DB, programs ...string) (_ *service, err error) {
	if len(programs) == 0 {
		programs = []string{"api", "worker", "scheduler"}
	}
	httpClient := &http.Client{Timeout: 20 * time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	as := func(token string) *client.Client {
		return &client.Client{URL: b.stack.Admin.URL, Key: token, HTTP: httpClient}
	}
	keys := b.tokens[name]
	s := &service{
		bed:      b,
		db:       db,
		accounts: map[int]*client.Client{source: as(keys.source), destination: as(keys.destination)},
		support:  as(keys.support),
	}
	defer func() {
		if err != nil {
			err = s.stopAfter(err)
		}
	}()
	// One key makes more calls than a client is meant to make.
	env := []string{"SIMTRANSFER_RATE_LIMIT=1000000", "SIMTRANSFER_DATABASE_URL=" + b.stack.DatabaseURL(name), "SIMTRANSFER_REDIS_URL=" + b.redisURL()}
	for _, program := range programs {
		p, err := b.stack.StartProcess(program, env...)
		if err != nil {
			return nil, err
		}
		s.programs = append(s.programs, p)
	}
	return s, s.await(ctx, 5*time.Millisecond, func(ctx context.Context) (bool, error) {
		return s.support.Ready(ctx) == nil, nil
	})
}

// stopAfter stops the processes, after something that went as err says.
func (s *service) stopAfter(err error) error {
	errs := []error{err}
	for _, p := range s.programs {
		errs = append(errs, p.Shutdown())
	}
	return errors.Join(errs...)
}

// await asks again and again, with a pause in between, until the answer is yes.
func (s *service) await(ctx context.Context, pause time.Duration, done func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Minute)
	defer cancel()
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		if ok, err := done(ctx); ok || err != nil {
			return err
		}
		if len(s.bed.stack.Processes()) < len(s.programs) {
			return errors.New("a process of the service has ended")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// looking is how often the harness looks whether a long thing has ended.
const looking = 20 * time.Millisecond

// awaitState waits until a request is in one of some states.
func (s *service) awaitState(ctx context.Context, request uuid.UUID, pause time.Duration, states ...transfer.RequestState) (transfer.RequestState, error) {
	var state transfer.RequestState
	err := s.await(ctx, pause, func(ctx context.Context) (bool, error) {
		if err := s.db.Pool().GetContext(ctx, &state, `SELECT state FROM requests WHERE id = $1`, request); err != nil {
			return false, fmt.Errorf("looking at request %s: %w", request, err)
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

// phases say how long the parts of a batch's life took, and how many calls the
// people in it made.
type phases struct {
	upload, validate, approve, execute time.Duration
	calls                              int
}

func (p phases) total() time.Duration { return p.upload + p.validate + p.approve + p.execute }

// offer uploads SIMs as a batch to one destination and has support approve it.
func (s *service) offer(ctx context.Context, numbers []int, d direction) (uuid.UUID, error) {
	_, id, err := s.offerTimed(ctx, csv(numbers, d.to), d)
	return id, err
}

func (s *service) offerTimed(ctx context.Context, file io.Reader, d direction) (p phases, request uuid.UUID, err error) {
	start := time.Now()
	lap := func() time.Duration {
		now := time.Now()
		defer func() { start = now }()
		return now.Sub(start)
	}
	made, err := s.accounts[d.from].CreateBatch(ctx, client.CSV, file, client.BatchTerms{AcceptanceSeconds: 2592000})
	if err != nil {
		return p, request, err
	}
	request, p.upload = made.Requests[0].ID, lap()
	state, err := s.awaitState(ctx, request, looking, transfer.InReview, transfer.AwaitingAcceptance)
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

// execute has the destination accept a request and waits until every transfer
// is completed.
func (s *service) execute(ctx context.Context, request uuid.UUID, d direction, pause time.Duration) (time.Duration, error) {
	start := time.Now()
	if _, err := s.accounts[d.to].AcceptRequest(ctx, request, client.Acceptance{}); err != nil {
		return 0, err
	}
	_, err := s.awaitState(ctx, request, pause, transfer.RequestCompleted)
	return time.Since(start), err
}

// live takes a batch through its whole life.
func (s *service) live(ctx context.Context, numbers []int, d direction) (phases, error) {
	file := csv(numbers, d.to)
	p, request, err := s.offerTimed(ctx, file, d)
	if err != nil {
		return p, err
	}
	p.execute, err = s.execute(ctx, request, d, looking)
	p.calls++
	return p, err
}

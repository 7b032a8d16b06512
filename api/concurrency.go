package api

import (
	"context"
	"fmt"
	"sync"
	"time"

	"simtransfer/api/problem"
)

// places bounds what goes on at once in this process: in all, and for each
// caller, so that one of them cannot shut the others out.
type places struct {
	what      string // it is, in the plural
	all, each int
	patience  time.Duration // for which a place is waited for; zero waits for none

	mu    sync.Mutex
	taken int
	by    map[string]int // places taken, by caller; none at zero
	freed chan struct{}  // closed when a place becomes free
}

func newPlaces(what string, all, each int, patience time.Duration) *places {
	return &places{what: what, all: all, each: each, patience: patience, by: map[string]int{}, freed: make(chan struct{})}
}

// take takes a place for the caller, who calls leave when it is done. It
// returns a problem when no place became free in time.
func (p *places) take(ctx context.Context) (leave func(), err error) {
	who := scope(callerOf(ctx))
	timer := time.NewTimer(p.patience)
	defer timer.Stop()
	for {
		full, freed := p.try(who)
		if full == nil {
			return func() { p.leave(who) }, nil
		}
		select {
		case <-freed:
		case <-timer.C:
			return nil, full
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// try takes a place, or says why there is none and returns what is closed when
// one becomes free.
func (p *places) try(who string) (full *problem.Problem, freed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.by[who] >= p.each:
		full = problem.New(problem.RateLimited, fmt.Sprintf("as many %s of yours are under way as may be at once (%d): wait until one of them has ended, or end one", p.what, p.each))
		full.RetryAfter = placeRetry
		return full, p.freed
	case p.taken >= p.all:
		return problem.New(problem.Busy, fmt.Sprintf("too many %s are under way: ask again a little later", p.what)), p.freed
	}
	p.taken++
	p.by[who]++
	return nil, nil
}

func (p *places) leave(who string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	if p.by[who]--; p.by[who] == 0 {
		delete(p.by, who)
	}
	close(p.freed)
	p.freed = make(chan struct{})
}

// placeRetry is after how many seconds a caller whose places are taken may ask
// again.
const placeRetry = 5 * time.Second

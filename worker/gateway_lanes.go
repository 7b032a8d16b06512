package worker

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"simtransfer/storage"
	"simtransfer/transfer"
)

// How many pieces of drop work of a queue may be at one gateway at the same time.
// Otherwise the work of a gateway that is down or slow, or may only be asked slowly,
// would take all slots of the worker, and sessions at other gateways would wait for it.
// Gateways that are down or slow together have half of the slots.
const (
	unprovenLanes = 2 // the gateway has not answered in the last seconds
	limitedLanes  = 4 // it has limits of its own, or takes long to answer
)

// Pauses of work that finds no lane free. They grow while its gateway does not
// answer.
const (
	firstLaneWait = 100 * time.Millisecond
	maxLaneWait   = 2 * time.Second
	patientWork   = 8 // pieces of work that are put off before the pause doubles
)

// gatewayLanes counts the drop work at each gateway.
type gatewayLanes struct {
	mu      sync.Mutex
	busy    map[laneKey]int
	halting map[transfer.Queue]int // work at gateways that have not proven that they answer, or are slow
	waits   map[string]int         // by gateway: work that was put off since it last answered, and was not slow
}

type laneKey struct {
	queue   transfer.Queue
	gateway string
}

func newGatewayLanes() *gatewayLanes {
	return &gatewayLanes{busy: map[laneKey]int{}, halting: map[transfer.Queue]int{}, waits: map[string]int{}}
}

// gatewayHealth is what decides how many lanes a gateway has.
type gatewayHealth struct{ proven, slow, limited bool }

// lanes is how many lanes the gateway has in each queue; 0: no limit.
func (h gatewayHealth) lanes() int {
	switch {
	case !h.proven:
		return unprovenLanes
	case h.slow, h.limited:
		return limitedLanes
	}
	return 0
}

// enter takes a lane at a gateway for work of a queue with a number of slots. The
// caller must call leave. If none is free, ok is false, and the work should wait.
func (l *gatewayLanes) enter(queue transfer.Queue, gateway string, slots int, health gatewayHealth) (leave func(), wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := laneKey{queue, gateway}
	halts := !health.proven || health.slow
	if !halts {
		delete(l.waits, gateway)
	}
	if n := health.lanes(); n > 0 && l.busy[key] >= n || halts && l.halting[queue] >= max(1, slots/2) {
		wait := min(firstLaneWait<<min(l.waits[gateway]/patientWork, 8), maxLaneWait)
		l.waits[gateway]++
		return nil, wait + rand.N(wait), false //nolint:gosec // a jitter is no secret
	}
	l.busy[key]++
	if halts {
		l.halting[queue]++
	}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.busy[key]--; l.busy[key] == 0 {
			delete(l.busy, key)
		}
		if halts {
			l.halting[queue]--
		}
	}, 0, true
}

// atGateway runs work in a lane of its gateway. If none is free, or if the gateway
// wants to be left alone, the work is due again later, and no attempt is counted.
// Dead work, which an operator has started, does not wait.
func (w *Worker) atGateway(do func(context.Context, storage.Work) error) func(context.Context, storage.Work) error {
	return func(ctx context.Context, work storage.Work) error {
		gateway := ""
		if work.Gateway != nil {
			gateway = *work.Gateway
		}
		if work.Dead {
			return do(ctx, work)
		}
		if wait := w.breaker.paused(gateway); wait > 0 {
			return w.db.PutOff(ctx, work, wait)
		}
		health := gatewayHealth{proven: w.breaker.answers(gateway), slow: w.breaker.isSlow(gateway), limited: w.limits.isLimited(gateway)}
		leave, wait, ok := w.lanes.enter(work.Queue, gateway, w.config.concurrency(work.Queue), health)
		if !ok {
			return w.db.PutOff(ctx, work, wait)
		}
		defer leave()
		return do(ctx, work)
	}
}

package api

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
)

// usageAge is how long a count of an account's open requests is trusted. Far below
// the limits, that is exact enough; near them every call counts again.
const usageAge = time.Second

// maxUsages is the number of accounts of which counts are kept.
const maxUsages = 10000

// usages are the counts of open requests by account, with what this process has
// created since.
type usages struct {
	mu   sync.Mutex
	byID map[int64]countedUsage
}

type countedUsage struct {
	storage.Usage
	at time.Time
}

// fresh returns the count of an account after requests with this many SIMs, or
// false if the caller has to count. Of several concurrent callers, one counts.
func (u *usages) fresh(account int64, requests, sims int, now time.Time) (storage.Usage, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	c, known := u.byID[account]
	if !known || now.Sub(c.at) > usageAge {
		u.set(account, countedUsage{c.Usage, now})
		return c.Usage, false
	}
	before := c.Usage
	c.Usage = c.Plus(requests, sims)
	u.set(account, c)
	return before, true
}

// counted records a count, and what the caller is about to create.
func (u *usages) counted(account int64, c storage.Usage, requests, sims int, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.set(account, countedUsage{c.Plus(requests, sims), now})
}

func (u *usages) set(account int64, c countedUsage) {
	if u.byID == nil || len(u.byID) >= maxUsages {
		u.byID = map[int64]countedUsage{}
	}
	u.byID[account] = c
}

// destination returns the destination of a request. It returns an error if the
// destination is invalid, or if the source has too many open requests. near says
// that the source is so close to a limit that the caller has to call EnforceLimits.
//
// Once a second it counts the open requests of an account, in the statement that
// looks up the destination, and so needs no other one.
func (s *server) destination(ctx context.Context, by requestCreator, a parsedRequest, sims int) (to storage.Account, near bool, err error) {
	if used, fresh := s.usages.fresh(a.source.ID, 1, sims, time.Now()); fresh && !used.NearLimit(a.source, s.limits(), 1, sims) {
		to, err = a.destination(ctx, by)
		return to, false, err
	}
	to, used, err := by.DestinationAndUsage(ctx, a.pair, a.source)
	if err != nil {
		return to, true, err
	}
	if err := a.checkDestination(to); err != nil {
		return to, true, err
	}
	if err := used.Check(a.source, s.limits(), 1, sims); err != nil {
		return to, true, err
	}
	s.usages.counted(a.source.ID, used, 1, sims, time.Now())
	return to, used.NearLimit(a.source, s.limits(), 1, sims), nil
}

func fillLimit(e *storage.LimitError, p *problem.Problem) {
	p.Detail = e.Error()
	p.Add(problem.FieldError{Code: string(e.Name), Message: fmt.Sprintf("%d of %d", e.Used, e.Limit), Value: strconv.Itoa(e.Used)})
}

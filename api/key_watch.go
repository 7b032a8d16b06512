package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
)

// lasts reports whether a call of the route can take long.
func (r Route) lasts() bool { return r.audience != everyone && r.timeout() > callTimeout }

// watchKey ends a call that lasts when its API key is revoked or expires, or may
// not make the call any more: the context is canceled with a problem as the
// cause, and the body cannot be read on. stop ends watching.
func (s *server) watchKey(ctx context.Context, w http.ResponseWriter) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(s.KeyCheckInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if err := s.checkKey(ctx); err != nil {
				s.Log.LogAttrs(ctx, slog.LevelInfo, "a call was ended because its API key may not make it any more",
					slog.String("path", callOf(ctx).path), slog.Int64("key", callerOf(ctx).Key), slog.String("request_id", callOf(ctx).id))
				cancel(err)
				// A ResponseWriter without a connection returns an error, which is fine.
				_ = http.NewResponseController(w).SetReadDeadline(time.Now())
				return
			}
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-stopped
	}
}

// checkKey returns a problem if the API key of a call may not make it any more.
// It returns nil while the database does not answer.
func (s *server) checkKey(ctx context.Context) error {
	c := callOf(ctx)
	who, err := s.identityOf(ctx, c.token, c.actFor, c.allowed)
	var refused *problem.Problem
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return unknownToken(c.token)
	case errors.As(err, &refused):
		return refused
	case err != nil:
		return nil //nolint:nilerr // the call goes on, and is checked again
	case who.caller.Key != c.caller.Key:
		return problem.New(problem.Forbidden, "you can no longer act as you did when the call began: make it again")
	}
	return c.allowed.check(who.caller, c.address)
}

// confirmKey checks the API key again if the body took long to arrive.
// Otherwise a key could be used after it was revoked, by a call that was begun
// before and whose body is finished later.
func (s *server) confirmKey(ctx context.Context) error {
	c := callOf(ctx)
	if c.token == "" || time.Since(c.checked) <= s.MaxKeyAge {
		return nil
	}
	return s.checkKey(ctx)
}

// endedBy returns the problem for which a call was ended, nil for none.
func endedBy(ctx context.Context) *problem.Problem {
	var p *problem.Problem
	if !errors.As(context.Cause(ctx), &p) {
		return nil
	}
	copied := *p
	return &copied
}

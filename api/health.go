package api

import (
	"context"
	"fmt"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
)

// Health is the response of health checks.
type Health struct {
	Status string `json:"status" example:"ok"`
}

type healthOutput struct{ Body Health }

func (s *server) health(context.Context, *struct{}) (*healthOutput, error) {
	return &healthOutput{Health{"ok"}}, nil
}

// readyTimeout is how long the database may take to respond.
const readyTimeout = 2 * time.Second

func (s *server) ready(ctx context.Context, _ *struct{}) (*healthOutput, error) {
	select {
	case <-s.Stopping:
		return nil, problem.New(problem.Busy, "this process is stopping: send calls to another one")
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if err := s.db.Ready(ctx); err != nil {
		return nil, fmt.Errorf("checking that the database accepts changes: %w", err)
	}
	return &healthOutput{Health{"ok"}}, nil
}

// ProblemKind explains one kind of problem.
type ProblemKind problem.Kind

type problemKindInput struct {
	Code problem.Code `path:"code" maxLength:"64" doc:"The code of the problem, as in its field code."`
}

type problemKindOutput struct{ Body ProblemKind }

func (s *server) getProblemKind(_ context.Context, in *problemKindInput) (*problemKindOutput, error) {
	if k := problem.KindOf(in.Code); k.Code == in.Code {
		return &problemKindOutput{ProblemKind(k)}, nil
	}
	return nil, storage.ErrNotFound
}

package api

import (
	"context"
	"time"

	"simtransfer/storage"
)

// Health is the answer to those who ask whether the service works.
type Health struct {
	Status string `json:"status" example:"ok"`
}

type healthOutput struct{ Body Health }

func (s *server) health(context.Context, *struct{}) (*healthOutput, error) {
	return &healthOutput{Health{"ok"}}, nil
}

// readyTimeout is how long the database may take to answer.
const readyTimeout = 2 * time.Second

func (s *server) ready(ctx context.Context, _ *struct{}) (*healthOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if err := s.db.Ping(ctx); err != nil {
		s.Log.WarnContext(ctx, "the database does not answer", "error", err)
		return nil, fail(CodeBusy, "the database does not answer")
	}
	return &healthOutput{Health{"ok"}}, nil
}

// ProblemKind explains one kind of problem.
type ProblemKind struct {
	Code    Code   `json:"code"`
	Status  int    `json:"status" doc:"The HTTP status it goes with."`
	Title   string `json:"title"`
	Meaning string `json:"meaning" doc:"What it means and what to do."`
}

type problemKindInput struct {
	Code Code `path:"code" maxLength:"64" doc:"The code of the problem, as in its field code."`
}

type problemKindOutput struct{ Body ProblemKind }

func (s *server) getProblemKind(_ context.Context, in *problemKindInput) (*problemKindOutput, error) {
	for _, k := range kinds() {
		if k.code == in.Code {
			return &problemKindOutput{ProblemKind{k.code, k.status, k.title, k.meaning}}, nil
		}
	}
	return nil, storage.ErrNotFound
}

package scheduler

import (
	"context"
	"errors"
	"fmt"

	"github.com/hibiken/asynq"

	"simtransfer/storage"
	"simtransfer/tasks"
)

// queue is Redis as the scheduler sees it.
type queue struct {
	client    *asynq.Client
	inspector *asynq.Inspector
}

// enqueue gives a task to Redis; false means that Redis has it already.
func (q queue) enqueue(ctx context.Context, t storage.Task) (bool, error) {
	p := tasks.Payload{Work: t.Work, Gen: t.Gen}
	if t.Request.Valid {
		p.Request = t.Request.UUID.String()
	}
	task, err := tasks.New(t.Kind, t.Queue, p)
	if err != nil {
		return false, err
	}
	switch _, err := q.client.EnqueueContext(ctx, task); {
	case errors.Is(err, asynq.ErrTaskIDConflict):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("enqueueing work %d: %w", t.Work, err)
	}
	return true, nil
}

// waiting reports whether a task is one of a backlog, in a queue that may be
// paused: it is not lost, however long it waits.
func (q queue) waiting(t storage.Task) (bool, error) {
	info, err := q.inspector.GetTaskInfo(t.Queue, tasks.ID(t.Work, t.Gen))
	switch {
	case errors.Is(err, asynq.ErrTaskNotFound), errors.Is(err, asynq.ErrQueueNotFound):
		return true, nil // it was handled a moment ago; the next round knows
	case err != nil:
		return false, fmt.Errorf("looking for the task of work %d: %w", t.Work, err)
	}
	return info.State == asynq.TaskStatePending || info.State == asynq.TaskStateScheduled, nil
}

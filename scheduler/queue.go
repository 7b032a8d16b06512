package scheduler

import (
	"context"
	"errors"
	"fmt"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"simtransfer/storage"
	"simtransfer/tasks"
)

// queue is Redis as the scheduler sees it.
type queue struct {
	redis     redis.UniversalClient
	client    *asynq.Client
	inspector *asynq.Inspector
}

func newQueue(o asynq.RedisConnOpt) queue {
	r := o.MakeRedisClient().(redis.UniversalClient) // asynq knows no other kind
	return queue{r, asynq.NewClientFromRedisClient(r), asynq.NewInspectorFromRedisClient(r)}
}

// afresh returns the same queue with a client that announces every queue that
// it uses. A client does so once, and the inspector does not see a queue that
// was announced before Redis lost everything.
func (q queue) afresh() queue {
	q.client = asynq.NewClientFromRedisClient(q.redis)
	return q
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
	info, err := q.inspector.GetTaskInfo(string(t.Queue), tasks.ID(t.Work, t.Gen))
	switch {
	case errors.Is(err, asynq.ErrTaskNotFound), errors.Is(err, asynq.ErrQueueNotFound):
		return true, nil // it was handled a moment ago; the next round knows
	case err != nil:
		return false, fmt.Errorf("looking for the task of work %d: %w", t.Work, err)
	}
	return info.State == asynq.TaskStatePending || info.State == asynq.TaskStateScheduled, nil
}

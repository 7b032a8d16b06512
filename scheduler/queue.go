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

// queue gives the scheduler access to the queues in Redis.
type queue struct {
	redis     redis.UniversalClient
	client    *asynq.Client
	inspector *asynq.Inspector
}

func newQueue(o asynq.RedisConnOpt) queue {
	r := o.MakeRedisClient().(redis.UniversalClient) // asynq has no other kind
	return queue{r, asynq.NewClientFromRedisClient(r), asynq.NewInspectorFromRedisClient(r)}
}

// withNewClient returns the same queue with a new client. A client registers
// each queue in Redis once; if Redis lost its data since, only a new client
// registers it again, and until then the inspector does not find the queue.
func (q queue) withNewClient() queue {
	q.client = asynq.NewClientFromRedisClient(q.redis)
	return q
}

// enqueue adds a task to its queue. It returns false if Redis already has the
// task.
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

// waiting reports whether a task waits in its queue, which may be long or paused.
// Such a task is not lost, however long it waits.
func (q queue) waiting(t storage.Task) (bool, error) {
	info, err := q.inspector.GetTaskInfo(string(t.Queue), tasks.ID(t.Work, t.Gen))
	switch {
	case errors.Is(err, asynq.ErrTaskNotFound), errors.Is(err, asynq.ErrQueueNotFound):
		return true, nil // just completed; the next round finds out
	case err != nil:
		return false, fmt.Errorf("looking for the task of work %d: %w", t.Work, err)
	}
	return info.State == asynq.TaskStatePending || info.State == asynq.TaskStateScheduled, nil
}

package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/hibiken/asynq"
	"golang.org/x/sync/errgroup"
)

// The number of tasks that are processed, and enqueued, at once. More of either does
// not make asynq faster.
const (
	asynqWorkers   = 32
	asynqEnqueuers = 8
)

const typeMove = "sim:move"

type movePayload struct{ N int }

// measureAsynq measures how long asynq takes with a task per SIM, from the first
// enqueued task to the last completed transfer.
func measureAsynq(ctx context.Context, h *harness) error {
	redis, err := asynq.ParseRedisURI(h.redisURL())
	if err != nil {
		return err
	}
	client := asynq.NewClient(redis)
	defer func() { _ = client.Close() }()
	nothing := func(context.Context, *peer, []int) error { return nil }
	return measurePeer(ctx, h, "asynq_per_sim", nothing, func(ctx context.Context, p *peer, numbers []int) error {
		server := asynq.NewServer(redis, asynq.Config{
			Concurrency:       asynqWorkers,
			TaskCheckInterval: 20 * time.Millisecond,
			LogLevel:          asynq.ErrorLevel,
		})
		mux := asynq.NewServeMux()
		mux.HandleFunc(typeMove, func(ctx context.Context, t *asynq.Task) error {
			var payload movePayload
			if err := json.Unmarshal(t.Payload(), &payload); err != nil {
				return err
			}
			return p.move(ctx, payload.N)
		})
		if err := server.Start(mux); err != nil {
			return err
		}
		defer server.Shutdown()
		g, enqueueing := errgroup.WithContext(ctx)
		g.SetLimit(asynqEnqueuers)
		for _, n := range numbers {
			g.Go(func() error {
				payload, err := json.Marshal(movePayload{n})
				if err != nil {
					return err
				}
				_, err = client.EnqueueContext(enqueueing, asynq.NewTask(typeMove, payload))
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
		return p.wait(ctx)
	})
}

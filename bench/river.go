package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// riverWorkers is the number of jobs that are processed at once, and riverCooldown
// the minimum time between two fetches. More workers or a shorter time do not make
// River faster.
const (
	riverWorkers  = 100
	riverCooldown = 5 * time.Millisecond
	riverInsert   = 5000 // number of jobs that are inserted at once
)

// moveArgs is a job: one transfer of the request.
type moveArgs struct{ N int }

func (moveArgs) Kind() string { return "move" }

type moveWorker struct {
	river.WorkerDefaults[moveArgs]
	peer *peer
}

func (w *moveWorker) Work(ctx context.Context, job *river.Job[moveArgs]) error {
	return w.peer.move(ctx, job.Args.N)
}

// measureRiver measures how long River takes with a job per SIM, from the first
// inserted job to the last completed transfer.
func measureRiver(ctx context.Context, h *harness) error {
	migrate := func(ctx context.Context, p *peer, _ []int) error {
		m, err := rivermigrate.New(riverpgxv5.New(p.pool), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			return err
		}
		_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
		return err
	}
	return measurePeer(ctx, h, "river_per_sim", migrate, func(ctx context.Context, p *peer, numbers []int) error {
		workers := river.NewWorkers()
		river.AddWorker(workers, &moveWorker{peer: p})
		client, err := river.NewClient(riverpgxv5.New(p.pool), &river.Config{
			Queues:            map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: riverWorkers}},
			Workers:           workers,
			FetchCooldown:     riverCooldown,
			FetchPollInterval: 50 * time.Millisecond,
			Logger:            slog.New(slog.DiscardHandler),
		})
		if err != nil {
			return err
		}
		if err := client.Start(ctx); err != nil {
			return err
		}
		jobs := make([]river.InsertManyParams, 0, riverInsert)
		for i, n := range numbers {
			jobs = append(jobs, river.InsertManyParams{Args: moveArgs{n}})
			if len(jobs) < riverInsert && i < len(numbers)-1 {
				continue
			}
			if _, err := client.InsertManyFast(ctx, jobs); err != nil {
				return err
			}
			jobs = jobs[:0]
		}
		if err := p.wait(ctx); err != nil {
			return err
		}
		return client.Stop(ctx)
	})
}

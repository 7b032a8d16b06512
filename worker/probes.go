package worker

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	"simtransfer/storage"
)

// ProbeGateway asks a gateway to end a session that cannot exist, and says what
// happened.
type ProbeGateway func(context.Context, storage.GatewayProbe) storage.ProbeAnswer

// Prober carries out the probes of gateways that callers of the API ask for.
// Gateways take requests from the addresses of workers only, so a probe from
// another process would tell nothing about transfers.
type Prober struct {
	db       *storage.DB
	probe    ProbeGateway
	interval time.Duration
	host     string
	log      *slog.Logger
	alarm    storage.Alarm
}

// probeInterval is the time between looks for a probe.
const probeInterval = 500 * time.Millisecond

// NewProber returns a prober that looks for a probe once per interval; zero means
// twice per second.
func NewProber(db *storage.DB, probe ProbeGateway, log *slog.Logger, interval time.Duration) *Prober {
	if interval == 0 {
		interval = probeInterval
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &Prober{db: db, probe: probe, interval: interval, host: host, log: log}
}

// maxProbes is how many probes a prober carries out at once.
const maxProbes = 8

// Run carries out probes until ctx is canceled.
func (p *Prober) Run(ctx context.Context) {
	ticker := time.NewTicker(p.interval)
	defer ticker.Stop()
	var running sync.WaitGroup
	defer running.Wait()
	slots := make(chan struct{}, maxProbes)
	for {
		slots <- struct{}{}
		todo, err := p.db.TakeProbe(ctx)
		if err == nil {
			running.Go(func() {
				p.carryOut(ctx, todo)
				<-slots
			})
			continue // there may be another one
		}
		<-slots
		if !errors.Is(err, storage.ErrNotFound) && ctx.Err() == nil && !isConnectError(err) && p.alarm.IsNews(err) { // storage logs connect errors
			p.log.WarnContext(ctx, "gateways cannot be probed", "error", err.Error())
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (p *Prober) carryOut(ctx context.Context, todo storage.GatewayProbe) {
	ctx, cancel := context.WithTimeout(ctx, storage.MaxProbeTime)
	defer cancel()
	answer := p.probe(ctx, todo)
	answer.Worker = p.host
	p.log.InfoContext(ctx, "probed a gateway", "address", answer.Address, "outcome", answer.Outcome)
	if err := p.db.AnswerProbe(ctx, todo.ID, answer); err != nil && ctx.Err() == nil {
		p.log.WarnContext(ctx, "the answer of a gateway could not be stored", "error", err.Error())
	}
}

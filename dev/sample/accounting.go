package sample

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"simtransfer/radius"
)

const (
	reportsInFlight = 16               // accounting records that wait for an answer at the same time
	reportTimeout   = 30 * time.Second // of one record, all attempts included
)

// accounting is a RADIUS server to which the gateways report their sessions.
type accounting struct {
	server        string         // host:port
	starts, stops atomic.Int64   // answered
	failed        atomic.Int64   // stops
	reporting     errgroup.Group // the stops
}

func newAccounting(server string) *accounting {
	a := &accounting{server: server}
	a.reporting.SetLimit(reportsInFlight)
	return a
}

// start reports the starts of sessions, and returns when all are answered.
func (a *accounting) start(ctx context.Context, sessions map[*radius.SimulatedGateway][]radius.Session) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(reportsInFlight)
	for gateway, list := range sessions {
		for _, s := range list {
			g.Go(func() error {
				ctx, cancel := context.WithTimeout(ctx, reportTimeout)
				defer cancel()
				if err := gateway.ReportStart(ctx, a.server, s); err != nil {
					return err
				}
				a.starts.Add(1)
				return nil
			})
		}
	}
	return g.Wait()
}

// stop begins to report the end of a session that was disconnected.
func (a *accounting) stop(ctx context.Context, gateway *radius.SimulatedGateway, s radius.Session) {
	a.reporting.Go(func() error {
		ctx, cancel := context.WithTimeout(ctx, reportTimeout)
		defer cancel()
		if err := gateway.ReportStop(ctx, a.server, s); err != nil {
			a.failed.Add(1)
			return err
		}
		a.stops.Add(1)
		return nil
	})
}

// reportStops makes a gateway report the sessions that it disconnects.
func (in *Installation) reportStops(ctx context.Context, gateway *radius.SimulatedGateway) {
	if in.accounting == nil {
		return
	}
	ctx = context.WithoutCancel(ctx) // the reports end before the gateway does: see Close
	behavior := gateway.Behavior()
	behavior.OnDisconnect = func(s radius.Session) { in.accounting.stop(ctx, gateway, s) }
	gateway.SetBehavior(behavior)
}

// Reported is what the gateways have reported to the RADIUS server.
type Reported struct {
	Starts, Stops int // answered by the server
	Failed        int // stops that the server has not answered in time; Close returns why
	Disconnected  int // sessions that requests have ended; a stop of each follows
}

// Reported returns what the gateways have reported so far: zeros without a RADIUS
// server.
func (in *Installation) Reported() Reported {
	if in.accounting == nil {
		return Reported{}
	}
	r := Reported{
		Starts: int(in.accounting.starts.Load()),
		Stops:  int(in.accounting.stops.Load()),
		Failed: int(in.accounting.failed.Load()),
	}
	for _, g := range in.Gateways {
		r.Disconnected += g.Stats().Acks
	}
	return r
}

// closeGateways stops the gateways, and waits for the last reports.
func (in *Installation) closeGateways() error {
	var errs []error
	for _, g := range in.Gateways {
		errs = append(errs, g.Close())
	}
	if in.accounting != nil {
		errs = append(errs, in.accounting.reporting.Wait())
	}
	return errors.Join(errs...)
}

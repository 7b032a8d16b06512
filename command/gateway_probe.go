package command

import (
	"context"
	"fmt"
	"time"

	"simtransfer/radius"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// maxProbeTimeout is how long a probe waits for the gateway to answer, if
// --drop-timeout is not shorter. It is below storage.MaxProbeTime.
const maxProbeTimeout = 10 * time.Second

// Probe carries out a probe that a caller of the API asked for, as
// worker.ProbeGateway.
func (g radiusGateways) Probe(ctx context.Context, p storage.GatewayProbe) storage.ProbeAnswer {
	timeout := min(g.client.Timeout, maxProbeTimeout)
	client := radius.Client{Timeout: timeout, Retry: timeout / 3}
	asked := radiusGateway(p.SessionGateway)
	r, err := client.Probe(ctx, asked, radius.Session{NASIPAddress: p.NAS, At: g.clock.Now(ctx)})
	if err != nil {
		return storage.ProbeAnswer{Outcome: transfer.ProbeNotSent, Address: asked.Address, Detail: err.Error()}
	}
	a := storage.ProbeAnswer{
		Outcome: probeOutcome(r, p.Signed), Address: asked.Address, Signed: r.Signed, Detail: probeDetail(r), Sent: r.Sent, Took: r.Took,
	}
	if r.Cause != 0 {
		a.Cause = r.Cause.String()
	}
	if r.From.IsValid() {
		a.WorkerAddr = r.From.String()
	}
	return a
}

// probeOutcome returns the outcome of a probe of a gateway whose answers must have
// a Message-Authenticator if signed is true.
func probeOutcome(r radius.ProbeResult, signed bool) transfer.ProbeOutcome {
	switch {
	case r.Outcome != radius.Silent && signed && !r.Signed:
		return transfer.ProbeUnsigned
	case r.Outcome == radius.NotFound:
		return transfer.ProbeAnswers
	case r.Outcome == radius.Refused:
		return transfer.ProbeRefuses
	case r.Outcome == radius.Dropped:
		return transfer.ProbeAcknowledges
	case r.OtherSender.IsValid():
		return transfer.ProbeOtherAddress
	case r.Ignored.Forged > 0:
		return transfer.ProbeWrongSecret
	case r.PortClosed:
		return transfer.ProbePortClosed
	case r.Unresolved:
		return transfer.ProbeUnresolved
	case r.Unreachable:
		return transfer.ProbeUnreachable
	}
	return transfer.ProbeSilent
}

// probeDetail describes what happened, for people.
func probeDetail(r radius.ProbeResult) string {
	took := r.Took.Round(time.Millisecond)
	switch {
	case r.Outcome != radius.Silent && r.Signed:
		return fmt.Sprintf("answered in %s, with Message-Authenticator", took)
	case r.Outcome != radius.Silent:
		return fmt.Sprintf("answered in %s, without Message-Authenticator", took)
	}
	return r.Reason
}

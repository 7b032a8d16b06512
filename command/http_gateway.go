package command

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"simtransfer/storage"
	"simtransfer/transfer"
	"simtransfer/webhook"
	"simtransfer/worker"
)

// gateways asks gateways for a worker: by RADIUS, or by HTTP if they have a URL.
type gateways struct {
	radius radiusGateways
	http   httpGateways
}

// Drop implements worker.Gateways.
func (g gateways) Drop(ctx context.Context, s storage.OpenSession) (worker.Answer, error) {
	if s.URL != nil {
		return g.http.Drop(ctx, s)
	}
	return g.radius.Drop(ctx, s)
}

// Probe is worker.ProbeGateway.
func (g gateways) Probe(ctx context.Context, p storage.GatewayProbe) storage.ProbeAnswer {
	if p.URL != nil {
		return g.http.Probe(ctx, p)
	}
	return g.radius.Probe(ctx, p)
}

// httpGateways drops sessions at gateways without RADIUS, by signed HTTP calls.
type httpGateways struct {
	sender *webhook.Sender
	prober *webhook.Sender // with a shorter timeout: a probe makes two calls
	now    func(context.Context) time.Time
}

// newHTTPGateways returns what calls gateways in some networks besides the Internet,
// and waits for their answers for a limited time.
func newHTTPGateways(timeout time.Duration, allow []netip.Prefix, now func(context.Context) time.Time) httpGateways {
	sender := func(timeout time.Duration) *webhook.Sender {
		return webhook.NewSender(webhook.Options{Allow: allow, Timeout: timeout, Setting: "SIMTRANSFER_GATEWAY_ALLOW_NETWORKS"})
	}
	return httpGateways{sender: sender(timeout), prober: sender(min(timeout, maxProbeTimeout/2)), now: now}
}

// Drop asks a gateway to end a session. Each call has an id of its own, because each
// is a new question: a receiver that ignores ids that it knows must not ignore a
// session that is up again.
func (g httpGateways) Drop(ctx context.Context, s storage.OpenSession) (worker.Answer, error) {
	why := func(text string) string { return fmt.Sprintf("gateway %s: %s", s.NASIPAddress, text) }
	session := transfer.CallSession{
		NASIPAddress: s.NASIPAddress, NASIdentifier: s.NASIdentifier, NASPort: s.NASPort, NASPortID: s.NASPortID, UserName: s.Username,
		CallingStationID: s.CallingStationID, IMSI: s.IMSI, NSAPI: s.NSAPI, FramedIP: s.FramedIP, FramedIPv6: s.FramedIPv6,
		FramedIPv6Prefix: s.FramedIPv6Prefix, Class: s.Class,
	}
	if s.AcctSessionID == "" {
		return worker.Answer{NotAsked: true, Why: why("not asked: the session has no Acct-Session-Id, so that a call could end another one")}, nil
	}
	secret, err := callSecret(s.SessionGateway)
	if err != nil {
		return worker.Answer{NotAsked: true, Why: why("not asked: " + err.Error())}, nil
	}
	a, err := g.call(ctx, g.sender, s.SessionGateway, secret, transfer.CallDisconnect, session.WithSessionID(s.AcctSessionID))
	if err != nil {
		return worker.Answer{}, err
	}
	answer := worker.Answer{Sent: 1, RetryAfter: a.RetryAfter}
	switch {
	case a.Error == "":
		answer.Gone, answer.Why = true, why("dropped")
	case a.Status == http.StatusNotFound:
		// A proxy, or another program at the URL, answers 404 to everything.
		test, err := g.call(ctx, g.sender, s.SessionGateway, secret, transfer.CallTest, transfer.CallSession{NASIPAddress: s.NASIPAddress})
		if err != nil {
			return worker.Answer{}, err
		}
		answer.Sent, answer.RetryAfter = 2, test.RetryAfter
		if answer.Gone, answer.Why = test.Error == "", why("already gone: it answered 404"); !answer.Gone {
			answer.Silent = test.Silent
			answer.Why = why("it answered 404, which counts only from a URL that takes test calls, but to a test call " + test.Error)
		}
	case a.Status == http.StatusGone:
		answer.Why = why("the receiver answered 410 Gone: it must answer 404 if there is no such session")
	case a.NotAllowed:
		answer.NotAsked, answer.Why, answer.Sent = true, why("not asked: "+a.Error), 0
	default:
		answer.Silent, answer.Why = a.Silent, why(a.Error)
	}
	return answer, nil
}

// call makes one call.
func (g httpGateways) call(
	ctx context.Context, by *webhook.Sender, to storage.SessionGateway, secret []byte, kind string, session transfer.CallSession,
) (webhook.Answer, error) {
	body, err := json.Marshal(transfer.GatewayCall{Type: kind, Timestamp: g.now(ctx).UTC().Format(time.RFC3339), Data: &session})
	if err != nil {
		return webhook.Answer{}, fmt.Errorf("writing the call of a gateway: %w", err)
	}
	return by.Send(ctx, webhook.Message{URL: *to.URL, ID: uuid.NewString(), Secrets: [][]byte{secret}, Body: string(body)})
}

func callSecret(g storage.SessionGateway) ([]byte, error) {
	if g.URLSecret == nil {
		return transfer.GatewayURLSecretBytes("")
	}
	return transfer.GatewayURLSecretBytes(*g.URLSecret)
}

// Probe makes a test call, which a gateway should take, and the same with a wrong
// signature, which it should refuse. Neither names a session. A gateway that answers
// 404 to a test is not at this URL: otherwise every session would count as ended.
func (g httpGateways) Probe(ctx context.Context, p storage.GatewayProbe) storage.ProbeAnswer {
	answer := storage.ProbeAnswer{Address: *p.URL}
	secret, err := callSecret(p.SessionGateway)
	if err != nil {
		answer.Outcome, answer.Detail = transfer.ProbeNotSent, err.Error()
		return answer
	}
	wrong := make([]byte, len(secret))
	_, _ = rand.Read(wrong) // never fails
	var took time.Duration
	for i, key := range [][]byte{secret, wrong} {
		a, err := g.call(ctx, g.prober, p.SessionGateway, key, transfer.CallTest, transfer.CallSession{NASIPAddress: p.NAS})
		if err != nil {
			answer.Outcome, answer.Detail = transfer.ProbeNotSent, err.Error()
			return answer
		}
		took += a.Took
		answer.Sent, answer.Took, answer.Detail = i+1, took, a.Error
		if i == 0 {
			answer.Outcome = callOutcome(a)
		} else if a.Error == "" {
			answer.Outcome, answer.Detail = transfer.ProbeUnverified, fmt.Sprintf("it answered %d to a call with a wrong signature", a.Status)
		}
		if i == 0 && answer.Outcome != transfer.ProbeAnswers {
			return answer
		}
	}
	if answer.Outcome == transfer.ProbeAnswers {
		answer.Detail = fmt.Sprintf("it took a test call and refused one with a wrong signature, in %s", took.Round(time.Millisecond))
	}
	return answer
}

// callOutcome returns what a gateway's answer to a test call means.
func callOutcome(a webhook.Answer) transfer.ProbeOutcome {
	switch {
	case a.Error == "":
		return transfer.ProbeAnswers
	case a.NotAllowed:
		return transfer.ProbeNotSent
	case a.TimedOut:
		return transfer.ProbeSilent
	case a.Status == 0:
		return transfer.ProbeUnreachable
	case a.Status == http.StatusUnauthorized, a.Status == http.StatusForbidden:
		return transfer.ProbeWrongSecret
	}
	return transfer.ProbeRefuses
}

package transfer_test

import (
	"strings"
	"testing"

	"simtransfer/transfer"
)

// What is said about a gateway that is called by HTTP names nothing that only gateways
// with RADIUS have.
func TestProbesOfGatewaysThatAreCalled(t *testing.T) {
	t.Parallel()
	for _, o := range []transfer.ProbeOutcome{
		transfer.ProbeAnswers, transfer.ProbeRefuses, transfer.ProbeWrongSecret, transfer.ProbeUnverified, transfer.ProbeSilent,
		transfer.ProbeUnreachable, transfer.ProbeNotSent, transfer.ProbeNoWorker,
	} {
		remedy := o.CallRemedy()
		if (remedy == "") != (o == transfer.ProbeAnswers) {
			t.Errorf("%s: what to do is %q", o, remedy)
		}
		for _, word := range []string{"server", "Disconnect-Request", "UDP", "3799"} {
			if strings.Contains(remedy, word) {
				t.Errorf("%s: what to do is %q, which names %s", o, remedy, word)
			}
		}
	}
}

func TestURLAsServerOfAGateway(t *testing.T) {
	t.Parallel()
	_, err := transfer.ParseGatewayServer("http://10.0.0.1")
	if err == nil || !strings.HasPrefix(err.Error(), "a URL is not an address for Disconnect-Requests") {
		t.Errorf("the error is %v", err)
	}
}

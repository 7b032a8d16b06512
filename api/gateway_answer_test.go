package api

import (
	"strings"
	"testing"
)

// Each party reads why a session was not dropped. Only support reads at which
// gateway, and the details of an answer that did not come.
func TestGatewayAnswer(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, "ready")
	path := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202).header.Get("Location")
	s.work()
	s.exec(`UPDATE transfers SET gateway_answer = 'gateway 10.0.0.1: refused: 501 administratively prohibited'`)
	for key, want := range map[string]string{
		s.source:      "refused: 501 administratively prohibited",
		s.destination: "refused: 501 administratively prohibited",
		s.support:     "gateway 10.0.0.1: refused: 501 administratively prohibited",
	} {
		if got := read[List[Transfer]](s.get(key, path+"/transfers").is(200)); got.Items[0].GatewayAnswer != want {
			t.Errorf("transfers: %q, not %q", got.Items[0].GatewayAnswer, want)
		}
		csv := string(s.do(apiCall{method: "GET", path: path + "/results", key: key, header: map[string]string{"Accept": "text/csv"}}).is(200).text)
		if !strings.Contains(csv, ","+want) || strings.Contains(csv, "10.0.0.1") != strings.Contains(want, "10.0.0.1") {
			t.Errorf("results: %q", csv)
		}
	}
}

func TestGatewayAnswerDetails(t *testing.T) {
	t.Parallel()
	for stored, want := range map[string]string{
		"gateway 10.0.0.1: no answer: none from 10.0.0.1:3799 in 3s, but one from 10.0.0.9:3799": "no answer",
		"gateway 10.0.0.1: no answer: DNS has no address for the name \"pgw.internal\"":          "no answer",
		"gateway 10.0.0.1: not asked: this host has no address 10.9.9.9 to send from":            "not asked",
		"gateway 10.0.0.1: the receiver answered 500 Internal Server Error":                      "the receiver answered 500 Internal Server Error",
		"the SIM came back online": "the SIM came back online",
	} {
		if got := viewGatewayAnswer(stored, sight{}); got != want {
			t.Errorf("%q: an account reads %q, want %q", stored, got, want)
		}
		if got := viewGatewayAnswer(stored, sight{keys: true}); got != stored {
			t.Errorf("%q: support reads %q", stored, got)
		}
	}
}

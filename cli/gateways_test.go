package cli_test

import (
	"io"
	"net/http"
	"testing"
)

// The list of gateways says how many SIMs wait for each of them, and what it answered.
func TestWaitingGateways(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"items": [
			{"name": "10.0.0.1", "preset": "cisco-ios", "address": "10.0.0.1:3799", "require_message_authenticator": true, "description": "north"},
			{"name": "10.0.0.2", "address": "10.0.0.2:3799", "secret_set_at": "2030-01-30T00:00:00Z",
				"waiting": {"sims": 3, "since": "2030-01-31T00:00:00Z", "attempts": 0}},
			{"name": "10.0.0.0/8", "waiting": {"sims": 12, "since": "2030-01-31T00:00:00Z", "attempts": 4, "answer": "no answer within 5s"}}
		]}`)
	})
	c.is(c.run("gateways", "list"), 0)
	c.prints(`GATEWAY     KIND       ASKED AT                    SIGNED ANSWERS  SECRET                    WAITING                   DESCRIPTION
10.0.0.1    cisco-ios  10.0.0.1:3799               required        set                       -                         north
10.0.0.2    -          10.0.0.2:3799               optional        set 2030-01-30 00:00:00Z  3                         -
10.0.0.0/8  -          each gateway's own address  optional        set                       12 (no answer within 5s)  -
`)
}

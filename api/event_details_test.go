package api

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"simtransfer/transfer"
)

// The document has one schema of details per kind of event, and the conformance
// checker of the other tests compares every event with it. So the schemas have to
// refuse what they do not describe.
func TestDetailsOfEventsAreTyped(t *testing.T) {
	t.Parallel()
	schemas := newServer(Config{}).register(http.NewServeMux()).Components.Schemas
	errors := func(kind transfer.EventKind, detail string) int {
		var v any
		text := `{"seq":1,"at":"2030-01-31T00:00:00Z","kind":"` + string(kind) + `","party":"system","detail":` + detail + `}`
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		result := &huma.ValidateResult{}
		huma.Validate(schemas, schemas.Map()["Event"], huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, v, result)
		return len(result.Errors)
	}
	for _, kind := range transfer.EventKinds() {
		if n := errors(kind, `{}`); n != 0 {
			t.Errorf("%s without details has %d errors", kind, n)
		}
		if errors(kind, `{"weather":"fine"}`) == 0 {
			t.Errorf("%s may have any details", kind)
		}
	}
	for _, c := range []struct {
		kind    transfer.EventKind
		detail  string
		refused bool
	}{
		{transfer.EventAccept, `{"accepted":2}`, false},
		{transfer.EventAccept, `{"accepted":"two"}`, true},
		{transfer.EventAccept, `{"on_behalf":"destination","reason":"asked by phone","ticket":"T-1"}`, false},
		{transfer.EventDecline, `{"ticket":"T-1"}`, true},
		{transfer.EventApprove, `{"ticket":"T-1","reason":"goodwill","fee":{"amount":"0.00","minor":0,"currency":"EUR"}}`, false},
		{transfer.EventCreate, `{"size":3,"retry_of":"0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21"}`, false},
		{transfer.EventDropSessions, `{"failed":1,"gateway_answer":"no answer"}`, false},
		{transfer.EventFinish, `{"size":3,"sims":2,"completed":1,"outcome":"some"}`, false},
		{transfer.EventFinish, `{"outcome":"most"}`, true},
		{transfer.EventExpire, `{"completed":1}`, true},
	} {
		if refused := errors(c.kind, c.detail) > 0; refused != c.refused {
			t.Errorf("%s with %s is refused: %v", c.kind, c.detail, refused)
		}
	}
}

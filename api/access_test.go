package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// madeUpRole is a role that access.go does not know.
const madeUpRole storage.Role = "auditor"

// madeUpKey returns a key with a role that access.go does not know, of an
// account or of none. The database has to forget which roles there are.
func (s *testService) madeUpKey(account transfer.OperatorID) string {
	s.t.Helper()
	s.exec(`
		DO $$
		DECLARE c text;
		BEGIN
			FOR c IN SELECT conname FROM pg_constraint WHERE conrelid = 'api_keys'::regclass AND contype = 'c' LOOP
				EXECUTE format('ALTER TABLE api_keys DROP CONSTRAINT %I', c);
			END LOOP;
		END $$`)
	k := storage.NewKey{Role: storage.RoleSupport, Name: "made up"}
	if account != "" {
		k.Role, k.OperatorID = storage.RoleAccount, account
	}
	made, token, err := s.db.CreateKey(s.t.Context(), k)
	if err != nil {
		s.t.Fatal(err)
	}
	s.exec(`UPDATE api_keys SET role = $1 WHERE id = $2`, madeUpRole, made.ID)
	return token
}

func TestEveryRouteDeniesAnUnknownRole(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	request := read[Request](s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202)).ID.String()
	paths := strings.NewReplacer("{id}", request, "keys/{id}", "keys/1", "{operator_id}", sourceID, "{sim}", iccid(1), "{identifier}", iccid(1), "{name}", "global-01")
	for _, key := range []string{s.madeUpKey(""), s.madeUpKey(sourceID)} {
		for _, r := range Routes() {
			if r.audience != everyone {
				s.do(apiCall{method: r.Method, path: paths.Replace(r.Path), key: key}).problem(403, problem.Forbidden)
			}
		}
	}
}

// Even if the table of routes admitted an unknown role by mistake, the checks
// inside the handlers would give it nothing.
func TestHandlersDenyAnUnknownRole(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(2, transfer.Ready)
	request := read[Request](s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202)).ID.String()
	batch := read[Batch](s.do(apiCall{method: "POST", path: "/v1/batches", key: s.source, body: batchCSV(iccid(2)), header: csvHeader()}).is(202)).ID.String()
	account, err := s.db.Account(t.Context(), sourceID)
	if err != nil {
		t.Fatal(err)
	}
	unknown := storage.Caller{Key: 999, Role: madeUpRole, Account: account}

	inside := newServer(Config{DB: s.db})
	mux := http.NewServeMux()
	a := humago.New(mux, humaConfig("test"))
	for _, r := range inside.routes() {
		o := r.operation()
		o.Middlewares = huma.Middlewares{func(ctx huma.Context, next func(huma.Context)) {
			callOf(ctx.Context()).caller = unknown
			next(ctx)
		}}
		r.register(a, o)
	}
	server := httptest.NewServer(inside.withCall(mux))
	t.Cleanup(server.Close)
	direct := &testService{t: t, db: s.db, url: server.URL, client: server.Client()}

	paths := strings.NewReplacer("batches/{id}", "batches/"+batch, "sign-ins/{id}", "sign-ins/1", "{delivery}", "1", "{id}", request, "{operator_id}", sourceID, "{sim}", iccid(1))
	bodies := map[string]any{
		"create-request":  requestBody(iccid(1)),
		"preview-request": requestBody(iccid(1)),
		"create-batch":    "[]",
		"add-comment":     map[string]any{"text": "x"},
		"update-sim":      map[string]any{"transfer_lock": true},
		"extend-request":  map[string]any{"seconds": 60},
		"look-up-sims":    map[string]any{"sims": []string{iccid(1)}},
		"change-sims":     map[string]any{"filter": map[string]any{}, "change": map[string]any{"transfer_lock": true}, "expect_count": 0},

		"create-batch-from-selection": requestBody(iccid(1)),
	}
	// None of these shows or changes anything but plans, the caller's key and its sign-ins.
	sameForAll := []string{"list-plans", "get-plan", "get-current-key", "list-sign-ins", "end-other-sign-ins"}
	for _, r := range inside.routes() {
		if !r.audience.admits(storage.RoleAccount) || !r.audience.admits(storage.RoleSupport) || slices.Contains(sameForAll, r.OperationID) {
			continue
		}
		got := direct.do(apiCall{method: r.Method, path: paths.Replace(r.Path), body: bodies[r.OperationID]})
		if got.status != 403 && got.status != 404 {
			t.Errorf("%s lets an unknown role in: %d %s", r.OperationID, got.status, got.text)
		}
	}
}

// The zero value admits no caller, so a route that names no audience is closed.
func TestRoutesNameTheirAudience(t *testing.T) {
	t.Parallel()
	for _, r := range Routes() {
		if r.audience == noCaller || r.audience.admits(madeUpRole) || r.audience.admits("") {
			t.Errorf("%s %s: audience %d", r.Method, r.Path, r.audience)
		}
		if r.audience == everyone && strings.HasPrefix(r.Path, "/v1/") && !strings.HasPrefix(r.Path, "/v1/templates/") {
			t.Errorf("%s %s needs no key", r.Method, r.Path)
		}
	}
}

// What each party sees of a request, of its transfers and of its events beyond
// what every party sees. Visibility changes here and in access.go, nowhere else.
func TestVisibilityPerParty(t *testing.T) {
	t.Parallel()
	now := time.Now()
	id := uuid.New()
	settings := json.RawMessage(`{"tags": {"site": "north"}}`)
	request := storage.Request{
		ID: id, State: transfer.AwaitingAcceptance, Batch: &id, RetryOf: &id, Size: 9, Eligible: 2, Ineligible: 3, Currency: "EUR",
		Ticket: new("T-1"), FeeOverride: new(int64(7)), FeeReason: new("a promise"), Landing: &storage.Landing{Group: "field"}, ExpiresAt: &now,
		Reference: new("PO-1"), Message: new("as agreed"), Code: new(transfer.Duplicate), Reason: new("see PO-2"),
	}
	sim := storage.Transfer{
		Identifier: iccid(1), ICCID: new(iccid(1)), State: transfer.Completed, Method: new(transfer.SelfService),
		Fee: new(int64(7)), FinishedAt: &now, Before: &settings, After: &settings,
	}
	event := storage.Event{
		Seq: 1, At: now, Kind: "approve", Party: transfer.PartySupport, KeyID: new(int64(7)), Key: new("night shift"), KeyHint: new("st_support_abcd…wxyz"), Operator: new(transfer.OperatorID(closedID)), Address: new("192.0.2.1"),
		Detail: json.RawMessage(`{"sims": 1, "ticket": "T-1"}`),
	}
	type seen struct{ Request, Counts, Transfer, Event, Detail []string }
	see := func(p transfer.Party) seen {
		t.Helper()
		r := viewRequest(request, viewer{party: p})
		v, err := viewTransfer(sim, "EUR", p)
		if err != nil {
			t.Fatal(err)
		}
		e, err := viewEvent(event, storage.Caller{}, p)
		if err != nil {
			t.Fatal(err)
		}
		counts := []string{}
		if r.Counts.Pending+r.Counts.Ineligible > 0 {
			counts = append(counts, "pending", "ineligible")
		}
		return seen{fieldsOf(t, r), counts, fieldsOf(t, v), fieldsOf(t, e), fieldsOf(t, e.Detail)}
	}
	everybody := see("nobody")
	if diff := cmp.Diff(seen{
		Request:  []string{"acceptance_seconds", "can_accept", "can_cancel", "can_decline", "can_extend", "can_take_back", "counts", "created_at", "decision", "destination", "expires_at", "id", "next_action", "reference", "self_service_only", "source", "state"},
		Counts:   []string{},
		Transfer: []string{"finished_at", "iccid", "identifier", "line", "method", "session_dropped", "state"},
		Event:    []string{"at", "detail", "kind", "party", "seq"},
		Detail:   []string{"sims"},
	}, everybody); diff != "" {
		t.Errorf("every party: -want +got:\n%s", diff)
	}
	for party, want := range map[transfer.Party]seen{
		transfer.PartySource: {
			Request:  []string{"batch", "fee", "fee_reason", "fees", "message", "retry_of", "ticket"},
			Counts:   []string{"pending", "ineligible"},
			Transfer: []string{"fee"},
			Detail:   []string{"ticket"},
		},
		transfer.PartyDestination: {Request: []string{"landing", "message"}},
		transfer.PartySupport: {
			Request:  []string{"batch", "fee", "fee_reason", "fees", "landing", "message", "retry_of", "ticket"},
			Counts:   []string{"pending", "ineligible"},
			Transfer: []string{"after", "before", "fee"},
			Event:    []string{"address", "key", "key_hint", "key_id"},
			Detail:   []string{"ticket"},
		},
		transfer.PartySystem: {},
	} {
		got := see(party)
		for _, part := range []struct {
			name              string
			want, got, shared []string
		}{
			{"request", want.Request, got.Request, everybody.Request},
			{"counts", want.Counts, got.Counts, everybody.Counts},
			{"transfer", want.Transfer, got.Transfer, everybody.Transfer},
			{"event", want.Event, got.Event, everybody.Event},
			{"detail", want.Detail, got.Detail, everybody.Detail},
		} {
			extra := slices.DeleteFunc(part.got, func(name string) bool { return slices.Contains(part.shared, name) })
			if !slices.Equal(extra, part.want) {
				t.Errorf("%s sees of the %s %q, not %q", party, part.name, extra, part.want)
			}
		}
	}
}

// fieldsOf returns the names of the fields that a value has in JSON, sorted.
func fieldsOf(t *testing.T, v any) []string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

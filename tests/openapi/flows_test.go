package openapi_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/hibiken/asynq"

	"simtransfer/api"
	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
	"simtransfer/worker"
)

// These tests drive the main flows by a client that is generated from the
// OpenAPI document, which shows that the document describes the API correctly
// and that a generated client can use it. The client is generated without the
// webhooks of the document: oapi-codegen would generate a type for each message
// but leave out the schemas that only messages use, which does not compile.
//
//go:generate sh -c "go run ../.. openapi | jq 'del(.webhooks)' | go tool -modfile=../../tools.mod oapi-codegen -config config.yaml /dev/stdin"

const (
	sourceID      = "OP0000000001"
	destinationID = "OP0000000002"
)

func emailOf(operatorID string) string { return strings.ToLower(operatorID) + "@example.com" }

func iccid(n int) string { return fmt.Sprintf("8988211%012d", n) }

func imsi(n int) string { return fmt.Sprintf("00101%010d", n) }

// testService is an API, a worker that runs when a test says so, and a client
// for each party.
type testService struct {
	*storagetest.DB
	t       *testing.T
	url     string
	handler asynq.Handler // of the worker

	admin, source, destination, support *ClientWithResponses
}

// newTestService sets up a new service as an administrator does: accounts, keys,
// a plan, a fee, and SIMs of the source, all of them ready but the last two,
// which are active.
func newTestService(t *testing.T, sims int) *testService {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	s := &testService{DB: storagetest.Open(t), t: t}
	server := httptest.NewServer(api.New(api.Config{DB: s.DB.DB, Log: log}))
	t.Cleanup(server.Close)
	s.url = server.URL
	s.handler = worker.New(s.DB.DB, nil, log, worker.Config{}).Handler() // no SIM is online: no gateways are needed
	_, adminKey, err := s.CreateKey(t.Context(), storage.NewKey{Role: storage.RoleAdmin, Name: "first"})
	if err != nil {
		t.Fatal(err)
	}
	s.admin = s.client(adminKey)
	ctx := t.Context()
	for _, id := range []string{sourceID, destinationID} {
		r := must(s.admin.CreateAccountWithResponse(ctx, nil, CreateAccountJSONRequestBody{
			OperatorID: id, Email: strings.ToUpper(emailOf(id)), Currency: "EUR", Coverage: "global",
		}))
		a := body(t, r.JSON201, r)
		equal(t, a, Account{
			OperatorID: id, Email: a.Email, Currency: "EUR", Coverage: "global", Standing: AccountStandingOpen, CreatedAt: a.CreatedAt,
		})
		equal(t, string(a.Email), emailOf(id))
		equal(t, r.Headers201.Location, new("/v1/accounts/"+id))
	}
	s.source = s.client(s.createKey(CreateKeyJSONRequestBody{Role: "account", Account: new(sourceID), Name: "warehouse"}))
	s.destination = s.client(s.createKey(CreateKeyJSONRequestBody{Role: "account", Account: new(destinationID), Name: "reseller"}))
	s.support = s.client(s.createKey(CreateKeyJSONRequestBody{Role: "support", Name: "desk"}))
	plan := must(s.admin.PutPlanWithResponse(ctx, "global-01", nil, PutPlanJSONRequestBody{CoverageBound: true}))
	equal(t, body(t, plan.JSON200, plan), Plan{Name: "global-01", CoverageBound: true, MonthlyPrices: []Money{}})
	fee := must(s.admin.CreateFeeWithResponse(ctx, nil, CreateFeeJSONRequestBody{Method: "support_assisted", Fee: &MoneyInput{Amount: new("2.50"), Currency: new("EUR")}}))
	created := body(t, fee.JSON201, fee)
	equal(t, created, Fee{ID: created.ID, Method: "support_assisted", Currency: "EUR", Fee: &Money{Amount: "2.50", Minor: 250, Currency: "EUR"}, Current: true, ValidFrom: created.ValidFrom})
	s.importSIMs(sims)
	return s
}

// client returns a client that authenticates with key.
func (s *testService) client(key string) *ClientWithResponses {
	s.t.Helper()
	c, err := NewClientWithResponses(s.url, WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+key)
		return nil
	}))
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// work runs all pending work.
func (s *testService) work() {
	s.t.Helper()
	if errs := s.RunAll(s.handler); len(errs) > 0 {
		s.t.Fatal(errs)
	}
}

// must returns the response to a call. It panics if the client could not read it.
func must[R any](response R, err error) R {
	if err != nil {
		panic(err)
	}
	return response
}

// body returns a body that the client has decoded, and ends the test if the
// response has another body, which is then nil.
func body[V any](t *testing.T, v *V, response interface {
	Status() string
	GetBody() []byte
},
) V {
	t.Helper()
	if v == nil {
		t.Fatalf("response %s %s", response.Status(), response.GetBody())
	}
	return *v
}

func equal[T any](t *testing.T, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func (s *testService) createKey(key CreateKeyJSONRequestBody) string {
	s.t.Helper()
	r := must(s.admin.CreateKeyWithResponse(s.t.Context(), nil, key))
	k := body(s.t, r.JSON201, r)
	equal(s.t, k, Key{
		ID: k.ID, Role: KeyRole(key.Role), Account: key.Account, Name: key.Name, Hint: k.Hint, Token: k.Token, CreatedAt: k.CreatedAt,
		CreatedBy: k.CreatedBy, Permission: k.Permission,
	})
	if k.CreatedBy == nil || (k.Account != nil) != (k.Permission != nil) {
		s.t.Errorf("made by %v with the permission %v", k.CreatedBy, k.Permission)
	}
	return *k.Token
}

// importSIMs uploads the inventory as CSV.
func (s *testService) importSIMs(n int) {
	s.t.Helper()
	var file strings.Builder
	file.WriteString("iccid,imsis,account,plan,status,tags\n")
	for i := 1; i <= n; i++ {
		status := transfer.Ready
		if i > n-2 {
			status = transfer.Active
		}
		file.WriteString(strings.Join([]string{iccid(i), imsi(i), sourceID, "global-01", string(status), "site=north"}, ",") + "\n")
	}
	r := must(s.admin.ImportSimsWithBodyWithResponse(s.t.Context(), nil, "text/csv", strings.NewReader(file.String())))
	equal(s.t, body(s.t, r.JSON201, r).Imported, int64(n))
}

// createRequest creates a request of the source and lets it be validated.
func (s *testService) createRequest(sims ...string) uuid.UUID {
	s.t.Helper()
	r := must(s.source.CreateRequestWithResponse(s.t.Context(), nil, newRequest(sims...)))
	id := body(s.t, r.JSON202, r).ID
	s.work()
	return id
}

func newRequest(sims ...string) NewRequest {
	return NewRequest{Destination: Destination{Email: new(emailOf(destinationID)), OperatorID: new(destinationID)}, Sims: &sims}
}

// request returns a request as a party sees it.
func (s *testService) request(by *ClientWithResponses, id uuid.UUID) Request {
	s.t.Helper()
	r := must(by.GetRequestWithResponse(s.t.Context(), id, nil))
	return body(s.t, r.JSON200, r)
}

func TestFlowOfARequest(t *testing.T) {
	t.Parallel()
	s := newTestService(t, 4)
	ctx := t.Context()

	preview := must(s.source.PreviewRequestWithResponse(ctx, nil, newRequest(iccid(1), imsi(3), "89882119999999999999")))
	seen := body(t, preview.JSON200, preview)
	equal(t, []int64{seen.Eligible, seen.Ineligible}, []int64{2, 1})
	equal(t, seen.Totals, []PreviewTotal{
		{Method: "self_service", Sims: 1, Fees: Money{Amount: "0.00", Currency: "EUR"}},
		{Method: "support_assisted", Sims: 1, Fees: Money{Amount: "2.50", Minor: 250, Currency: "EUR"}},
	})
	equal(t, seen.Items[1].Fee, &Money{Amount: "2.50", Minor: 250, Currency: "EUR"})
	equal(t, *seen.Items[2].Reason, "sim_not_found")

	once := &CreateRequestParams{IdempotencyKey: new("flow-1")}
	response := must(s.source.CreateRequestWithResponse(ctx, once, newRequest(iccid(1), imsi(3), "89882119999999999999")))
	created := body(t, response.JSON202, response)
	equal(t, created.State, RequestStateValidating)
	equal(t, response.Headers202.Location, new("/v1/transfer-requests/"+created.ID.String()))
	again := must(s.source.CreateRequestWithResponse(ctx, once, newRequest(iccid(1), imsi(3), "89882119999999999999")))
	equal(t, body(t, again.JSON202, again), created)
	equal(t, again.Headers202.IdempotentReplayed, new("true"))
	other := must(s.source.CreateRequestWithResponse(ctx, once, newRequest(iccid(2))))
	equal(t, body(t, other.ApplicationProblemJSON422, other).Code, "idempotency_key_reused")
	s.work()

	review := must(s.support.ListRequestsWithResponse(ctx, &ListRequestsParams{State: &[]ListRequestsParamsState{ListRequestsParamsStateInReview}}))
	equal(t, body(t, review.JSON200, review).Items[0].ID, created.ID)
	approval := must(s.support.ApproveRequestWithResponse(ctx, created.ID, nil, ApproveRequestJSONRequestBody{
		Ticket: "T-1", Fee: &MoneyInput{Amount: new("1")}, FeeReason: new("goodwill"),
	}))
	approved := body(t, approval.JSON202, approval)
	equal(t, approved.State, RequestStateAwaitingAcceptance)
	equal(t, []any{*approved.Ticket, *approved.Fee, *approved.FeeReason, string(approved.NextAction.Party)}, []any{"T-1", Money{Amount: "1.00", Minor: 100, Currency: "EUR"}, "goodwill", "destination"})

	incoming := must(s.destination.ListRequestsWithResponse(ctx, &ListRequestsParams{Direction: new(Incoming)}))
	equal(t, body(t, incoming.JSON200, incoming).Items[0].Counts, Counts{Sims: 2, Eligible: 2, NeedingSupport: 1})
	offer := s.request(s.destination, created.ID)
	equal(t, offer.Ticket, nil)
	equal(t, offer.Fees, nil)
	transfers := must(s.destination.ListTransfersWithResponse(ctx, created.ID, &ListTransfersParams{Method: &[]ListTransfersParamsMethod{ListTransfersParamsMethodSupportAssisted}}))
	rows := body(t, transfers.JSON200, transfers).Items
	equal(t, len(rows), 1)
	equal(t, []string{rows[0].Identifier, *rows[0].Iccid, string(rows[0].State)}, []string{imsi(3), iccid(3), "eligible"})
	accepted := must(s.destination.AcceptRequestWithResponse(ctx, created.ID, nil, AcceptRequestJSONRequestBody{
		Landing: &Landing{Group: new("field"), Tags: &map[string]string{"from": "us"}},
	}))
	equal(t, body(t, accepted.JSON202, accepted).State, RequestStateTransferring)
	s.work()

	done := s.request(s.source, created.ID)
	equal(t, done.State, RequestStateCompleted)
	equal(t, done.Counts, Counts{Sims: 3, Completed: 2, Ineligible: 1})
	equal(t, done.Fees, &Fees{
		Quoted:  Money{Amount: "0.00", Currency: "EUR"},
		Charged: Money{Amount: "1.00", Minor: 100, Currency: "EUR"},
		Entries: &[]QuotedFee{*seen.FeeEntry},
	})
	equal(t, (*done.Reasons)[0].Reason, "sim_not_found")
	arrived := must(s.destination.GetSimWithResponse(ctx, imsi(3), nil))
	sim := body(t, arrived.JSON200, arrived)
	equal(t, sim.Account, destinationID)
	equal(t, sim.Tags, map[string]string{"from": "us", "site": "north"})
	equal(t, sim.Group, new("field"))
	left := must(s.source.GetSimWithResponse(ctx, imsi(3), nil))
	equal(t, body(t, left.ApplicationProblemJSON404, left).Code, "not_found")

	history := must(s.support.GetSimHistoryWithResponse(ctx, imsi(3), nil))
	past := body(t, history.JSON200, history)
	equal(t, []string{past.Owners[0].Account, past.Owners[1].Account}, []string{destinationID, sourceID})
	equal(t, past.Charges[0].Fee, Money{Amount: "1.00", Minor: 100, Currency: "EUR"})
	equal(t, past.Transfers[0].Transfer.Before.Tags, map[string]string{"site": "north"})
	s.equalEvents(created.ID, "create", "validate", "review", "approve", "accept", "execute", "finish")
}

// equalEvents reads the event feed in pages of three and compares the events
// of a request with want. It waits until there are as many: an event shows when
// no older transaction of the server is running, those of other tests included.
func (s *testService) equalEvents(id uuid.UUID, want ...string) {
	s.t.Helper()
	var kinds []string
	cursor := ""
	for more := true; more || len(kinds) < len(want); {
		r := must(s.source.ListFeedWithResponse(s.t.Context(), &ListFeedParams{Cursor: &cursor, Limit: new(int64(3))}))
		page := body(s.t, r.JSON200, r)
		for _, e := range page.Items {
			if e.Request == id {
				kinds = append(kinds, string(e.Kind))
			}
		}
		cursor, more = page.NextCursor, page.More
	}
	equal(s.t, kinds, want)
	r := must(s.source.ListEventsWithResponse(s.t.Context(), id, nil))
	events := body(s.t, r.JSON200, r).Items
	equal(s.t, len(events), len(want))
	equal(s.t, []string{string(events[0].Kind), string(events[0].Party), *events[0].Key}, []string{"create", "source", "warehouse"})
}

func TestFlowOfDecisionsAgainst(t *testing.T) {
	t.Parallel()
	s := newTestService(t, 6)
	ctx := t.Context()

	id := s.createRequest(iccid(1), iccid(2))
	some := must(s.source.CancelRequestWithResponse(ctx, id, nil, CancelRequestJSONRequestBody{Sims: &[]string{iccid(1)}}))
	equal(t, body(t, some.JSON202, some).State, RequestStateAwaitingAcceptance)
	unknown := must(s.source.CancelRequestWithResponse(ctx, id, nil, CancelRequestJSONRequestBody{Sims: &[]string{iccid(3)}}))
	problem := body(t, unknown.ApplicationProblemJSON422, unknown)
	equal(t, []string{problem.Code, problem.Type, *(*problem.Errors)[0].Location, *(*problem.Errors)[0].Value}, []string{"unknown_sims", "/problems/unknown_sims", "body.sims", iccid(3)})
	all := must(s.source.CancelRequestWithResponse(ctx, id, nil, CancelRequestJSONRequestBody{}))
	equal(t, body(t, all.JSON202, all).State, RequestStateCanceled)
	s.work()
	equal(t, s.request(s.source, id).Counts, Counts{Sims: 2, Canceled: 2})
	late := must(s.destination.AcceptRequestWithResponse(ctx, id, nil, AcceptRequestJSONRequestBody{}))
	conflict := body(t, late.ApplicationProblemJSON409, late)
	equal(t, []string{conflict.Code, *conflict.State}, []string{"request_state", "canceled"})

	id = s.createRequest(iccid(1), iccid(2))
	declined := must(s.destination.DeclineRequestWithResponse(ctx, id, nil, DeclineRequestJSONRequestBody{Reason: new("not ours")}))
	equal(t, body(t, declined.JSON202, declined).State, RequestStateDeclined)
	s.work()
	equal(t, s.request(s.destination, id).Counts, Counts{Sims: 2, Declined: 2})

	id = s.createRequest(iccid(3), iccid(5))
	denied := must(s.support.DenyRequestWithResponse(ctx, id, nil, DenyRequestJSONRequestBody{Reason: "the bill is open"}))
	equal(t, body(t, denied.JSON202, denied).State, RequestStateDenied)
	early := must(s.source.RetryRequestWithResponse(ctx, id, nil, RetryRequestJSONRequestBody{}))
	equal(t, body(t, early.ApplicationProblemJSON409, early).Code, "request_state")
	s.work()
	retried := must(s.source.RetryRequestWithResponse(ctx, id, nil, RetryRequestJSONRequestBody{SelfServiceOnly: new(true)}))
	next := body(t, retried.JSON202, retried)
	equal(t, next.RetryOf, &id)
	equal(t, next.Counts, Counts{Sims: 1, Pending: 1})
	equal(t, s.request(s.source, id).RetriedBy, &[]string{next.ID.String()})
	s.work()
	equal(t, s.request(s.source, next.ID).State, RequestStateAwaitingAcceptance)
	nothing := must(s.source.RetryRequestWithResponse(ctx, id, nil, RetryRequestJSONRequestBody{}))
	equal(t, body(t, nothing.ApplicationProblemJSON422, nothing).Code, "nothing_to_retry")
}

func TestFlowOfABatch(t *testing.T) {
	t.Parallel()
	s := newTestService(t, 4)
	ctx := t.Context()
	rows := func(sims ...string) *strings.Reader {
		var file strings.Builder
		for _, sim := range sims {
			file.WriteString(`{"sim":"` + sim + `","destination_email":"` + emailOf(destinationID) + `","destination_operator_id":"` + destinationID + `"}` + "\n")
		}
		return strings.NewReader(file.String())
	}
	wrong := must(s.source.CreateBatchWithBodyWithResponse(ctx, nil, "application/x-ndjson", rows(iccid(1), "nonsense")))
	problem := body(t, wrong.ApplicationProblemJSON422, wrong)
	equal(t, []any{problem.Code, *(*problem.Errors)[0].Line, *(*problem.Errors)[0].Column}, []any{"invalid_lines", int64(2), "sim"})

	submitted := must(s.source.CreateBatchWithBodyWithResponse(ctx, &CreateBatchParams{SelfServiceOnly: new(true)}, "application/x-ndjson", rows(iccid(3), imsi(1))))
	created := body(t, submitted.JSON202, submitted)
	equal(t, created.Counts, Counts{Sims: 2, Pending: 2})
	s.work()
	accepted := must(s.destination.AcceptRequestWithResponse(ctx, (*created.Requests)[0].ID, nil, AcceptRequestJSONRequestBody{}))
	equal(t, body(t, accepted.JSON202, accepted).State, RequestStateTransferring)
	s.work()

	read := must(s.source.GetBatchWithResponse(ctx, created.ID, nil))
	done := body(t, read.JSON200, read)
	equal(t, done.Counts, Counts{Sims: 2, Completed: 1, Ineligible: 1})
	equal(t, []any{done.Finished, done.RequestCount}, []any{true, int64(1)})
	results := must(s.source.GetBatchResultsWithResponse(ctx, created.ID, nil))
	list := body(t, results.JSON200, results).Items
	equal(t, []string{list[0].Identifier, string(*list[0].Reason), list[1].Identifier, string(list[1].State)}, []string{iccid(3), "needs_support", imsi(1), "completed"})
	equal(t, list[1].Fee, &Money{Amount: "0.00", Currency: "EUR"})
	some := must(s.source.GetBatchResultsWithResponse(ctx, created.ID, &GetBatchResultsParams{Reason: &[]GetBatchResultsParamsReason{GetBatchResultsParamsReasonNeedsSupport}}))
	equal(t, body(t, some.JSON200, some).Items, list[:1])
	hidden := must(s.destination.GetBatchWithResponse(ctx, created.ID, nil))
	equal(t, body(t, hidden.ApplicationProblemJSON404, hidden).Code, "not_found")
	listed := must(s.source.ListBatchesWithResponse(ctx, nil))
	equal(t, body(t, listed.JSON200, listed).Items[0].ID, created.ID)
	canceled := must(s.source.CancelBatchWithResponse(ctx, created.ID, nil, CancelBatchJSONRequestBody{}))
	outcome := body(t, canceled.JSON202, canceled)
	equal(t, []any{outcome.Canceled, *outcome.Requests[0].Code}, []any{int64(0), "request_state"})
}

package api

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"simtransfer/api/clienttest"
	"simtransfer/dev/servers/serverstest"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// The main flows, driven by the client that is generated from the document.

// by returns a client that shows a key.
func (s *service) by(key string) *clienttest.ClientWithResponses {
	s.t.Helper()
	c, err := clienttest.NewClientWithResponses(s.url, clienttest.WithHTTPClient(s.client),
		clienttest.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
			r.Header.Set("Authorization", "Bearer "+key)
			return nil
		}))
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// sent is the answer to a call. One that the client cannot read ends the test.
func sent[A any](answer A, err error) A {
	if err != nil {
		panic(err)
	}
	return answer
}

// told returns what the client has read of an answer, and fails the test if
// the answer is another.
func told[V any](t testing.TB, v *V, answer interface {
	Status() string
	GetBody() []byte
},
) V {
	t.Helper()
	if v == nil {
		t.Fatalf("answered %s %s", answer.Status(), answer.GetBody())
	}
	return *v
}

// same compares what a test has read with what it wants.
func same[T any](t testing.TB, is, want T) {
	t.Helper()
	if diff := cmp.Diff(want, is); diff != "" {
		t.Errorf("-want +is:\n%s", diff)
	}
}

// parties are the clients of a flow.
type parties struct {
	*service
	adminClient, sourceClient, otherClient, supportClient *clienttest.ClientWithResponses
}

// newParties lets an administrator set a new service up, as everybody has to:
// accounts, keys, a plan, a fee, and SIMs of the source, of which the first are
// ready and the last two active.
func newParties(t *testing.T, sims int) parties {
	t.Helper()
	p := parties{service: start(t, serverstest.DatabaseURL(t))}
	ctx := t.Context()
	p.adminClient = p.by(p.key(storage.NewKey{Role: storage.RoleAdmin, Name: "first"}))
	for _, id := range []string{sourceID, otherID} {
		r := sent(p.adminClient.CreateAccountWithResponse(ctx, nil, clienttest.CreateAccountJSONRequestBody{
			OperatorID: id, Email: strings.ToUpper(emailOf(id)), Currency: "EUR", Coverage: "global",
		}))
		a := told(t, r.JSON201, r)
		same(t, a, clienttest.Account{
			OperatorID: id, Email: a.Email, Currency: "EUR", Coverage: "global", Standing: clienttest.AccountStandingOpen, CreatedAt: a.CreatedAt,
		})
		same(t, string(a.Email), emailOf(id))
		same(t, r.Headers201.Location, new("/v1/accounts/"+id))
	}
	p.sourceClient = p.by(p.makeKey(clienttest.CreateKeyJSONRequestBody{Role: "account", Account: new(sourceID), Name: "warehouse"}))
	p.otherClient = p.by(p.makeKey(clienttest.CreateKeyJSONRequestBody{Role: "account", Account: new(otherID), Name: "reseller"}))
	p.supportClient = p.by(p.makeKey(clienttest.CreateKeyJSONRequestBody{Role: "support", Name: "desk"}))
	plan := sent(p.adminClient.PutPlanWithResponse(ctx, "global-01", clienttest.PutPlanJSONRequestBody{CoverageBound: true}))
	same(t, told(t, plan.JSON200, plan), clienttest.Plan{Name: "global-01", CoverageBound: true})
	fee := sent(p.adminClient.CreateFeeWithResponse(ctx, nil, clienttest.CreateFeeJSONRequestBody{Method: "support_assisted", Currency: "EUR", AmountMinor: 250}))
	made := told(t, fee.JSON201, fee)
	same(t, made, clienttest.Fee{Method: "support_assisted", Currency: "EUR", AmountMinor: 250, Current: true, ValidFrom: made.ValidFrom})
	p.importSIMs(sims)
	return p
}

func (p parties) makeKey(body clienttest.CreateKeyJSONRequestBody) string {
	p.t.Helper()
	r := sent(p.adminClient.CreateKeyWithResponse(p.t.Context(), nil, body))
	k := told(p.t, r.JSON201, r)
	same(p.t, k, clienttest.Key{
		ID: k.ID, Role: clienttest.KeyRole(body.Role), Account: body.Account, Name: body.Name, Hint: k.Hint, Token: k.Token, CreatedAt: k.CreatedAt,
	})
	return *k.Token
}

// importSIMs uploads the inventory as CSV.
func (p parties) importSIMs(n int) {
	p.t.Helper()
	var file strings.Builder
	file.WriteString("iccid,imsis,account,plan,status,tags\n")
	for i := 1; i <= n; i++ {
		status := transfer.Ready
		if i > n-2 {
			status = transfer.Active
		}
		file.WriteString(strings.Join([]string{iccid(i), imsi(i), sourceID, "global-01", string(status), "site=north"}, ",") + "\n")
	}
	r := sent(p.adminClient.ImportSimsWithBodyWithResponse(p.t.Context(), nil, "text/csv", strings.NewReader(file.String())))
	same(p.t, told(p.t, r.JSON201, r).Imported, int64(n))
}

// ask makes a request of the source and lets it be validated.
func (p parties) ask(sims ...string) uuid.UUID {
	p.t.Helper()
	r := sent(p.sourceClient.CreateRequestWithResponse(p.t.Context(), nil, asking(sims...)))
	id := told(p.t, r.JSON202, r).ID
	p.work()
	return id
}

func asking(sims ...string) clienttest.NewRequest {
	return clienttest.NewRequest{Destination: clienttest.Destination{Email: emailOf(otherID), OperatorID: otherID}, Sims: sims}
}

// read returns a request as a party sees it.
func (p parties) read(by *clienttest.ClientWithResponses, id uuid.UUID) clienttest.Request {
	p.t.Helper()
	r := sent(by.GetRequestWithResponse(p.t.Context(), id))
	return told(p.t, r.JSON200, r)
}

func TestFlowOfARequest(t *testing.T) {
	t.Parallel()
	p := newParties(t, 4)
	ctx := t.Context()

	preview := sent(p.sourceClient.PreviewRequestWithResponse(ctx, asking(iccid(1), imsi(3), "89882119999999999999")))
	seen := told(t, preview.JSON200, preview)
	same(t, []int64{seen.Eligible, seen.Ineligible}, []int64{2, 1})
	same(t, seen.Totals, []clienttest.PreviewTotal{{Currency: "EUR", Method: "self_service", Sims: 1}, {Currency: "EUR", Method: "support_assisted", Sims: 1, FeesMinor: 250}})
	same(t, seen.Items[1].Fee, &clienttest.Money{AmountMinor: 250, Currency: "EUR"})
	same(t, *seen.Items[2].Reason, "sim_not_found")

	once := &clienttest.CreateRequestParams{IdempotencyKey: new("flow-1")}
	first := sent(p.sourceClient.CreateRequestWithResponse(ctx, once, asking(iccid(1), imsi(3), "89882119999999999999")))
	made := told(t, first.JSON202, first)
	same(t, made.State, clienttest.RequestStateValidating)
	same(t, first.Headers202.Location, new("/v1/transfer-requests/"+made.ID.String()))
	again := sent(p.sourceClient.CreateRequestWithResponse(ctx, once, asking(iccid(1), imsi(3), "89882119999999999999")))
	same(t, told(t, again.JSON202, again), made)
	same(t, again.Headers202.IdempotentReplayed, new("true"))
	other := sent(p.sourceClient.CreateRequestWithResponse(ctx, once, asking(iccid(2))))
	same(t, told(t, other.ApplicationProblemJSON422, other).Code, "idempotency_key_reused")
	p.work()

	review := sent(p.supportClient.ListRequestsWithResponse(ctx, &clienttest.ListRequestsParams{State: new(clienttest.ListRequestsParamsStateInReview)}))
	same(t, told(t, review.JSON200, review).Items[0].ID, made.ID)
	approval := sent(p.supportClient.ApproveRequestWithResponse(ctx, made.ID, nil, clienttest.ApproveRequestJSONRequestBody{
		Ticket: "T-1", FeeMinor: new(int64(100)), FeeReason: new("goodwill"),
	}))
	approved := told(t, approval.JSON202, approval)
	same(t, approved.State, clienttest.RequestStateAwaitingAcceptance)
	same(t, []any{*approved.Ticket, *approved.FeeMinor, *approved.FeeReason, *approved.WaitingFor}, []any{"T-1", int64(100), "goodwill", "destination"})

	incoming := sent(p.otherClient.ListRequestsWithResponse(ctx, &clienttest.ListRequestsParams{Direction: new(clienttest.Incoming)}))
	same(t, told(t, incoming.JSON200, incoming).Items[0].Counts, clienttest.Counts{Sims: 2, Eligible: 2, NeedingSupport: 1})
	offer := p.read(p.otherClient, made.ID)
	same(t, offer.Ticket, nil)
	same(t, offer.Fees, nil)
	transfers := sent(p.otherClient.ListTransfersWithResponse(ctx, made.ID, &clienttest.ListTransfersParams{Method: new(clienttest.ListTransfersParamsMethodSupportAssisted)}))
	rows := told(t, transfers.JSON200, transfers).Items
	same(t, len(rows), 1)
	same(t, []string{rows[0].Identifier, *rows[0].Iccid, string(rows[0].State)}, []string{imsi(3), iccid(3), "eligible"})
	accepted := sent(p.otherClient.AcceptRequestWithResponse(ctx, made.ID, nil, clienttest.AcceptRequestJSONRequestBody{
		Landing: &clienttest.Landing{Group: new("field"), Tags: &map[string]string{"from": "us"}},
	}))
	same(t, told(t, accepted.JSON202, accepted).State, clienttest.RequestStateTransferring)
	p.work()

	done := p.read(p.sourceClient, made.ID)
	same(t, done.State, clienttest.RequestStateCompleted)
	same(t, done.Counts, clienttest.Counts{Sims: 3, Completed: 2, Ineligible: 1})
	same(t, done.Fees, &clienttest.Fees{Currency: "EUR", ChargedMinor: 100})
	same(t, (*done.Reasons)[0].Reason, "sim_not_found")
	arrived := sent(p.otherClient.GetSimWithResponse(ctx, imsi(3)))
	sim := told(t, arrived.JSON200, arrived)
	same(t, sim.Account, otherID)
	same(t, sim.Tags, map[string]string{"from": "us", "site": "north"})
	same(t, sim.Group, new("field"))
	left := sent(p.sourceClient.GetSimWithResponse(ctx, imsi(3)))
	same(t, told(t, left.ApplicationProblemJSON404, left).Code, "not_found")

	history := sent(p.supportClient.GetSimHistoryWithResponse(ctx, imsi(3)))
	past := told(t, history.JSON200, history)
	same(t, []string{past.Owners[0].Account, past.Owners[1].Account}, []string{otherID, sourceID})
	same(t, past.Charges[0].Fee, clienttest.Money{AmountMinor: 100, Currency: "EUR"})
	same(t, past.Transfers[0].Transfer.Before.Tags, map[string]string{"site": "north"})
	p.follows(made.ID, "create", "validate", "review", "approve", "accept", "execute", "finish")
}

// follows reads the source's feed in pages of three and compares what happened
// to a request.
func (p parties) follows(id uuid.UUID, want ...string) {
	p.t.Helper()
	var kinds []string
	cursor := ""
	for more := true; more; {
		r := sent(p.sourceClient.ListFeedWithResponse(p.t.Context(), &clienttest.ListFeedParams{Cursor: &cursor, Limit: new(int64(3))}))
		page := told(p.t, r.JSON200, r)
		for _, e := range page.Items {
			if e.Request == id {
				kinds = append(kinds, e.Kind)
			}
		}
		cursor, more = page.NextCursor, page.More
	}
	same(p.t, kinds, want)
	r := sent(p.sourceClient.ListEventsWithResponse(p.t.Context(), id, nil))
	events := told(p.t, r.JSON200, r).Items
	same(p.t, len(events), len(want))
	same(p.t, []string{events[0].Kind, string(events[0].Party), *events[0].Key}, []string{"create", "source", "warehouse"})
}

func TestFlowOfDecisionsAgainst(t *testing.T) {
	t.Parallel()
	p := newParties(t, 6)
	ctx := t.Context()

	id := p.ask(iccid(1), iccid(2))
	some := sent(p.sourceClient.CancelRequestWithResponse(ctx, id, nil, clienttest.CancelRequestJSONRequestBody{Sims: &[]string{iccid(1)}}))
	same(t, told(t, some.JSON202, some).State, clienttest.RequestStateAwaitingAcceptance)
	unknown := sent(p.sourceClient.CancelRequestWithResponse(ctx, id, nil, clienttest.CancelRequestJSONRequestBody{Sims: &[]string{iccid(3)}}))
	problem := told(t, unknown.ApplicationProblemJSON422, unknown)
	same(t, []string{problem.Code, problem.Type, *(*problem.Errors)[0].Location, *(*problem.Errors)[0].Value}, []string{"unknown_sims", "/problems/unknown_sims", "body.sims", iccid(3)})
	all := sent(p.sourceClient.CancelRequestWithResponse(ctx, id, nil, clienttest.CancelRequestJSONRequestBody{}))
	same(t, told(t, all.JSON202, all).State, clienttest.RequestStateCanceled)
	p.work()
	same(t, p.read(p.sourceClient, id).Counts, clienttest.Counts{Sims: 2, Canceled: 2})
	late := sent(p.otherClient.AcceptRequestWithResponse(ctx, id, nil, clienttest.AcceptRequestJSONRequestBody{}))
	conflict := told(t, late.ApplicationProblemJSON409, late)
	same(t, []string{conflict.Code, *conflict.State}, []string{"request_state", "canceled"})

	id = p.ask(iccid(1), iccid(2))
	declined := sent(p.otherClient.DeclineRequestWithResponse(ctx, id, nil, clienttest.DeclineRequestJSONRequestBody{Reason: new("not ours")}))
	same(t, told(t, declined.JSON202, declined).State, clienttest.RequestStateDeclined)
	p.work()
	same(t, p.read(p.otherClient, id).Counts, clienttest.Counts{Sims: 2, Declined: 2})

	id = p.ask(iccid(3), iccid(5))
	denied := sent(p.supportClient.DenyRequestWithResponse(ctx, id, nil, clienttest.DenyRequestJSONRequestBody{Reason: "the bill is open"}))
	same(t, told(t, denied.JSON202, denied).State, clienttest.RequestStateDenied)
	early := sent(p.sourceClient.RetryRequestWithResponse(ctx, id, nil, clienttest.RetryRequestJSONRequestBody{}))
	same(t, told(t, early.ApplicationProblemJSON409, early).Code, "request_state")
	p.work()
	retried := sent(p.sourceClient.RetryRequestWithResponse(ctx, id, nil, clienttest.RetryRequestJSONRequestBody{SelfServiceOnly: new(true)}))
	next := told(t, retried.JSON202, retried)
	same(t, next.RetryOf, &id)
	same(t, next.Counts, clienttest.Counts{Sims: 1, Pending: 1})
	same(t, p.read(p.sourceClient, id).RetriedBy, &[]string{next.ID.String()})
	p.work()
	same(t, p.read(p.sourceClient, next.ID).State, clienttest.RequestStateAwaitingAcceptance)
	nothing := sent(p.sourceClient.RetryRequestWithResponse(ctx, id, nil, clienttest.RetryRequestJSONRequestBody{}))
	same(t, told(t, nothing.ApplicationProblemJSON422, nothing).Code, "nothing_to_retry")
}

func TestFlowOfABatch(t *testing.T) {
	t.Parallel()
	p := newParties(t, 4)
	ctx := t.Context()
	rows := func(sims ...string) *strings.Reader {
		var file strings.Builder
		for _, sim := range sims {
			file.WriteString(`{"sim":"` + sim + `","destination_email":"` + emailOf(otherID) + `","destination_operator_id":"` + otherID + `"}` + "\n")
		}
		return strings.NewReader(file.String())
	}
	wrong := sent(p.sourceClient.CreateBatchWithBodyWithResponse(ctx, nil, "application/x-ndjson", rows(iccid(1), "nonsense")))
	problem := told(t, wrong.ApplicationProblemJSON422, wrong)
	same(t, []any{problem.Code, *(*problem.Errors)[0].Line, *(*problem.Errors)[0].Column}, []any{"invalid_lines", int64(2), "sim"})

	submitted := sent(p.sourceClient.CreateBatchWithBodyWithResponse(ctx, &clienttest.CreateBatchParams{SelfServiceOnly: new(true)}, "application/x-ndjson", rows(iccid(3), imsi(1))))
	made := told(t, submitted.JSON202, submitted)
	same(t, made.Counts, clienttest.Counts{Sims: 2, Pending: 2})
	p.work()
	accepted := sent(p.otherClient.AcceptRequestWithResponse(ctx, (*made.Requests)[0].ID, nil, clienttest.AcceptRequestJSONRequestBody{}))
	same(t, told(t, accepted.JSON202, accepted).State, clienttest.RequestStateTransferring)
	p.work()

	read := sent(p.sourceClient.GetBatchWithResponse(ctx, made.ID))
	done := told(t, read.JSON200, read)
	same(t, done.Counts, clienttest.Counts{Sims: 2, Completed: 1, Ineligible: 1})
	same(t, []any{done.Finished, done.RequestCount}, []any{true, int64(1)})
	results := sent(p.sourceClient.GetBatchResultsWithResponse(ctx, made.ID, nil))
	list := told(t, results.JSON200, results).Items
	same(t, []string{list[0].Identifier, *list[0].Reason, list[1].Identifier, string(list[1].State)}, []string{iccid(3), "needs_support", imsi(1), "completed"})
	same(t, list[1].Fee, new(int64(0)))
	some := sent(p.sourceClient.GetBatchResultsWithResponse(ctx, made.ID, &clienttest.GetBatchResultsParams{Reason: new(clienttest.GetBatchResultsParamsReasonNeedsSupport)}))
	same(t, told(t, some.JSON200, some).Items, list[:1])
	hidden := sent(p.otherClient.GetBatchWithResponse(ctx, made.ID))
	same(t, told(t, hidden.ApplicationProblemJSON404, hidden).Code, "not_found")
	listed := sent(p.sourceClient.ListBatchesWithResponse(ctx, nil))
	same(t, told(t, listed.JSON200, listed).Items[0].ID, made.ID)
	canceled := sent(p.sourceClient.CancelBatchWithResponse(ctx, made.ID, nil, clienttest.CancelBatchJSONRequestBody{}))
	outcome := told(t, canceled.JSON202, canceled)
	same(t, []any{outcome.Canceled, *outcome.Requests[0].Code}, []any{int64(0), "request_state"})
}

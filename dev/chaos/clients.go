package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"simtransfer/client"
	"simtransfer/dev/sample"
	"simtransfer/transfer"
)

// caller is one of the concurrent clients of the API. It repeats a call with the
// same Idempotency-Key until it knows the outcome.
type caller struct {
	number   int
	seed     uint64
	rand     *rand.Rand
	urls     []string // of the APIs
	keys     []string // API keys of the accounts
	support  string   // API key of support
	onBehalf string   // another one, for requests on behalf of accounts
	acceptor string   // a third one, for acceptances on behalf of destinations
	oracle   *oracle
	http     *http.Client
	calls    int // number of calls, for their Idempotency-Keys
	accounts []sample.Account
}

// callTimeout is how long a client waits for an answer. It is short, because APIs
// are suspended.
const callTimeout = 6 * time.Second

// answer is the final answer to a call.
type answer struct {
	status   int
	body     []byte
	replayed bool
	certain  bool // no earlier attempt had an unknown outcome
}

// run makes random calls until loadOver is closed.
func (c *caller) run(ctx context.Context, loadOver <-chan struct{}) {
	for {
		select {
		case <-loadOver:
			return
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(10+c.rand.IntN(120)) * time.Millisecond):
		}
		switch n := c.rand.IntN(100); {
		case n < 25:
			c.createRequest(ctx, 1+c.rand.IntN(4))
		case n < 28:
			c.createRequest(ctx, 20+c.rand.IntN(130))
		case n < 30:
			c.createBatch(ctx)
		case n < 32:
			c.createCode(ctx)
		case n < 34:
			c.createPull(ctx)
		case n < 35:
			c.mapPlans(ctx)
		default:
			if req := c.oracle.pickOpen(c.rand); req != nil {
				c.decide(ctx, req)
			}
		}
	}
}

// pickIdentifier picks one of the identifiers of a SIM.
func (c *caller) pickIdentifier(sim int) string {
	r := sample.SIM{Number: sim}
	return []string{r.ICCID(), r.IMSI(), r.MSISDN()}[c.rand.IntN(3)]
}

// pickAccounts picks two different accounts.
func (c *caller) pickAccounts() (source, to int) {
	source = c.rand.IntN(len(c.keys))
	return source, (source + 1 + c.rand.IntN(len(c.keys)-1)) % len(c.keys)
}

// pickAcceptance picks how many seconds a destination has to accept. A third of the
// requests expire within seconds.
func (c *caller) pickAcceptance() int {
	if c.rand.IntN(3) == 0 {
		return 1 + c.rand.IntN(5)
	}
	return 3600
}

// createRequest creates a request for up to n SIMs, or n + 1.
func (c *caller) createRequest(ctx context.Context, n int) {
	req, seconds := &request{}, c.pickAcceptance()
	req.source, req.destination = c.pickAccounts()
	req.sims = c.oracle.pickSIMs(c.rand, req.source, n)
	if len(req.sims) == 0 {
		return
	}
	for _, s := range req.sims {
		req.identifiers = append(req.identifiers, c.pickIdentifier(s))
	}
	to := c.accounts[req.destination]
	body := client.NewRequest{
		Destination:       client.Destination{Email: to.Email, OperatorID: to.OperatorID.Ref()},
		SIMs:              req.identifiers,
		AcceptanceSeconds: int64(seconds),
	}
	key := c.keys[req.source]
	if c.rand.IntN(20) == 0 {
		key, body.OnBehalfOf = c.onBehalf, c.accounts[req.source].OperatorID.Ref()
	}
	text, err := json.Marshal(body)
	if err != nil {
		return // cannot happen: maps and strings
	}
	c.postTwice(ctx, key, "/v1/transfer-requests", "application/json", text, func(a answer, repeated bool) {
		var created client.Request
		if json.Unmarshal(a.body, &created) != nil || created.ID == uuid.Nil {
			c.oracle.note(&c.oracle.unexpected, "an accepted request has no id: "+string(a.body))
			return
		}
		c.oracle.addRequest(req.withID(created.ID), repeated)
	})
}

// createBatch uploads a batch for up to three destinations.
func (c *caller) createBatch(ctx context.Context) {
	source, _ := c.pickAccounts()
	byDestination := map[int]*request{}
	var csv bytes.Buffer
	csv.WriteString("sim,destination_email,destination_operator_id\n")
	seconds, rows := c.pickAcceptance(), 0
	for _, s := range c.oracle.pickSIMs(c.rand, source, 30+c.rand.IntN(170)) {
		to := (source + 1 + c.rand.IntN(3)) % len(c.keys)
		req := byDestination[to]
		if req == nil {
			req = &request{source: source, destination: to}
			byDestination[to] = req
		}
		identifier := c.pickIdentifier(s)
		req.sims, req.identifiers = append(req.sims, s), append(req.identifiers, identifier)
		fmt.Fprintf(&csv, "%s,%s,%s\n", identifier, c.accounts[to].Email, c.accounts[to].OperatorID)
		rows++
	}
	if rows == 0 {
		return
	}
	path := fmt.Sprintf("/v1/batches?acceptance_seconds=%d", seconds)
	c.postTwice(ctx, c.keys[source], path, "text/csv", csv.Bytes(), func(a answer, repeated bool) {
		var batch client.Batch
		if json.Unmarshal(a.body, &batch) != nil || len(batch.Requests) != len(byDestination) {
			c.oracle.note(&c.oracle.unexpected, "an accepted batch does not list its requests: "+string(a.body))
			return
		}
		c.oracle.addBatch(batch.ID.String(), rows, repeated)
		for _, r := range batch.Requests {
			for to, req := range byDestination {
				if c.accounts[to].OperatorID == r.Destination {
					created := *req
					created.id, created.batch = r.ID.String(), batch.ID.String()
					c.oracle.addRequest(&created, repeated)
				}
			}
		}
	})
}

// createCode makes a transfer code for up to five SIMs, which another account
// redeems.
func (c *caller) createCode(ctx context.Context) {
	req := &request{}
	req.source, req.destination = c.pickAccounts()
	req.sims = c.oracle.pickSIMs(c.rand, req.source, 1+c.rand.IntN(4))
	if len(req.sims) == 0 {
		return
	}
	for _, s := range req.sims {
		req.identifiers = append(req.identifiers, c.pickIdentifier(s))
	}
	var code client.TransferCode
	if !c.postJSON(ctx, c.keys[req.source], "/v1/transfer-codes", client.NewTransferCode{SIMs: req.identifiers, AcceptanceSeconds: int64(c.pickAcceptance())}, http.StatusCreated, &code) {
		return
	}
	text, err := json.Marshal(client.RedeemCode{Code: code.Code})
	if err != nil {
		return
	}
	c.postTwice(ctx, c.keys[req.destination], "/v1/transfer-codes/redeem", "application/json", text, func(a answer, repeated bool) {
		var redeemed client.Redemption
		if json.Unmarshal(a.body, &redeemed) != nil || redeemed.Request == uuid.Nil {
			c.oracle.note(&c.oracle.unexpected, "a redeemed code names no request: "+string(a.body))
			return
		}
		c.oracle.addRequest(req.withID(redeemed.Request), repeated)
	})
}

// withID returns a copy of a request with its id: other clients may already use the
// request of the first answer.
func (r request) withID(id uuid.UUID) *request {
	r.id = id.String()
	return &r
}

// createPull asks for up to five SIMs, which their owner approves.
func (c *caller) createPull(ctx context.Context) {
	req := &request{}
	req.source, req.destination = c.pickAccounts()
	asked := map[string]int{}
	var iccids []string
	for _, s := range c.oracle.pickSIMs(c.rand, req.source, 1+c.rand.IntN(4)) {
		iccid := sample.SIM{Number: s}.ICCID()
		iccids, asked[iccid] = append(iccids, iccid), s
	}
	var pull client.PullRequest
	if len(iccids) == 0 || !c.postJSON(ctx, c.keys[req.destination], "/v1/pull-requests", client.NewPullRequest{ICCIDs: iccids, AnswerSeconds: 60}, http.StatusCreated, &pull) {
		return
	}
	path := fmt.Sprintf("/v1/pull-requests/%s/approve", pull.ID)
	if !c.postJSON(ctx, c.keys[req.source], path, client.PullApproval{AcceptanceSeconds: int64(c.pickAcceptance())}, http.StatusAccepted, &pull) {
		return
	}
	req.id = pull.Requests[0]
	// Which of the SIMs are the owner's is only known afterwards.
	for {
		list, err := c.transfers(ctx, req.id, "")
		if err == nil {
			for _, t := range list {
				if _, ok := asked[t.Identifier]; !ok {
					c.oracle.note(&c.oracle.unexpected, fmt.Sprintf("request %s of pull request %s has SIM %s, which was not asked for", req.id, pull.ID, t.Identifier))
					return
				}
				req.identifiers, req.sims = append(req.identifiers, t.Identifier), append(req.sims, asked[t.Identifier])
			}
			c.oracle.addRequest(req, false)
			return
		}
		if pollPause(ctx) != nil {
			return
		}
	}
}

// mapPlans changes on which plans the SIMs of an account land, or removes its plan
// mapping. An attempt without an answer is not repeated.
func (c *caller) mapPlans(ctx context.Context) {
	account := c.rand.IntN(len(c.keys))
	path := fmt.Sprintf("/v1/accounts/%s/plan-mappings", c.accounts[account].OperatorID)
	method, text := http.MethodPut, `{"plans": {"worldwide": "regional"}}`
	switch c.rand.IntN(3) {
	case 0:
		method, text = http.MethodDelete, ""
	case 1:
		text = `{"plans": {"regional": "worldwide"}}`
	}
	contentType := ""
	if text != "" {
		contentType = "application/json"
	}
	status, _, answer, err := c.attempt(ctx, method, c.keys[account], path, contentType, "", []byte(text))
	switch {
	case err != nil:
	case status == http.StatusInternalServerError:
		c.oracle.note(&c.oracle.internal, fmt.Sprintf("%s %s: %s", method, path, answer))
	case status < http.StatusInternalServerError && status >= http.StatusBadRequest && status != http.StatusNotFound:
		c.oracle.note(&c.oracle.unexpected, fmt.Sprintf("%s %s: %d %s", method, path, status, answer))
	}
}

// postJSON makes a call and reads its answer into a value. It returns false if the
// answer has not the status that is wanted. The service may refuse the call, such as
// a pull request for an account's own SIM, but not fail.
func (c *caller) postJSON(ctx context.Context, key, path string, body any, want int, into any) bool {
	text, err := json.Marshal(body)
	if err != nil {
		return false // cannot happen: lists and texts
	}
	a, ok := c.post(ctx, key, path, "application/json", c.newIdempotencyKey(), text)
	switch {
	case !ok:
		return false
	case a.status == want && json.Unmarshal(a.body, into) == nil:
		return true
	case a.status != http.StatusConflict && a.status != http.StatusUnprocessableEntity && a.status != http.StatusNotFound:
		c.oracle.note(&c.oracle.unexpected, fmt.Sprintf("POST %s: %d %s", path, a.status, a.body))
	}
	return false
}

// postTwice makes a call that the API has to accept and, once in eight times,
// repeats it: the second answer must be a replay of the first.
func (c *caller) postTwice(ctx context.Context, key, path, contentType string, body []byte, accepted func(a answer, repeated bool)) {
	idempotency := c.newIdempotencyKey()
	a, ok := c.post(ctx, key, path, contentType, idempotency, body)
	if !ok {
		return
	}
	if a.status != http.StatusAccepted {
		c.oracle.note(&c.oracle.unexpected, fmt.Sprintf("POST %s: %d %s", path, a.status, a.body))
		return
	}
	accepted(a, false)
	if c.rand.IntN(8) > 0 {
		return
	}
	if a, ok = c.post(ctx, key, path, contentType, idempotency, body); !ok {
		return
	}
	if a.status != http.StatusAccepted || !a.replayed {
		c.oracle.note(&c.oracle.duplicates, fmt.Sprintf("POST %s repeated: %d, replayed: %t", path, a.status, a.replayed))
	}
	accepted(a, true)
}

func (c *caller) newIdempotencyKey() string {
	c.calls++
	return fmt.Sprintf("chaos-%d-%d-%d", c.seed, c.number, c.calls)
}

// decide reads a request and makes a random decision that its state allows, or
// none.
func (c *caller) decide(ctx context.Context, req *request) {
	r, err := c.read(ctx, req.id, false)
	if err != nil {
		return
	}
	if r.FinishedAt != nil {
		if r.TakeBack != nil && c.rand.IntN(4) == 0 {
			c.sendDecision(ctx, req, decision{kind: transfer.TakeBack, by: r.TakeBack.By})
			return
		}
		c.recordOutcome(ctx, req)
		return
	}
	n := c.rand.IntN(100)
	for _, choice := range choices(r.State) {
		if n -= choice.percent; n >= 0 {
			continue
		}
		d := decision{kind: choice.kind, by: usualParty(choice.kind)}
		switch {
		case choice.partial && r.State == transfer.Validating:
			d.sims = c.pickSome(req.identifiers)
		case choice.partial:
			d.sims = c.pickEligible(ctx, req)
		case d.kind == transfer.Approve && c.rand.IntN(3) == 0:
			fee := int64(c.rand.IntN(4) * 111)
			d.fee = &fee
		}
		if d.kind == transfer.Accept {
			d.later = c.rand.IntN(4) == 0
			if c.rand.IntN(6) == 0 {
				d.by = transfer.PartySupport
			}
		}
		c.sendDecision(ctx, req, d)
		return
	}
}

// choice is a possible decision on a request.
type choice struct {
	percent int // how often it is chosen
	kind    transfer.Event
	partial bool // on some of its SIMs only
}

// choices returns the possible decisions on a request in a state. The percentage
// that is missing to 100 means no decision.
func choices(s transfer.RequestState) []choice {
	switch s {
	case transfer.Validating:
		return []choice{{6, transfer.Cancel, false}, {8, transfer.Cancel, true}}
	case transfer.InReview:
		return []choice{{70, transfer.Approve, false}, {6, transfer.Deny, false}, {4, transfer.Cancel, false}, {8, transfer.Cancel, true}, {4, transfer.Extend, false}}
	case transfer.AwaitingAcceptance:
		return []choice{
			{55, transfer.Accept, false},
			{13, transfer.Accept, true},
			{6, transfer.Decline, false},
			{6, transfer.Decline, true},
			{4, transfer.Cancel, false},
			{6, transfer.Cancel, true},
			{4, transfer.Extend, false},
		}
	case transfer.Scheduled:
		return []choice{{5, transfer.Cancel, false}, {5, transfer.Cancel, true}, {5, transfer.Decline, false}, {5, transfer.Decline, true}}
	default:
		return nil
	}
}

// usualParty returns who makes a decision, unless it is made on behalf of them.
func usualParty(kind transfer.Event) transfer.Party {
	switch kind {
	case transfer.Accept, transfer.Decline:
		return transfer.PartyDestination
	case transfer.Approve, transfer.Deny:
		return transfer.PartySupport
	default:
		return transfer.PartySource
	}
}

// sendDecision sends a decision and records the outcome.
func (c *caller) sendDecision(ctx context.Context, req *request, d decision) {
	body, ticket := map[string]any{}, fmt.Sprintf("CASE-%d", c.calls)
	switch d.kind {
	case transfer.Accept:
		if d.by == transfer.PartySupport {
			body["on_behalf"] = client.OnBehalf{Reason: "asked for by phone", Ticket: ticket}
		}
	case transfer.Approve:
		body["ticket"] = ticket
		if d.fee != nil {
			body["fee"], body["fee_reason"] = client.MoneyInput{Minor: d.fee}, "agreed on"
		}
	case transfer.Extend:
		body["seconds"] = 60
	case transfer.Deny:
		body["reason"] = "denied by the chaos run"
	default: // the others need nothing
	}
	var key string
	switch {
	case d.by == transfer.PartySource:
		key = c.keys[req.source]
	case d.by == transfer.PartyDestination:
		key = c.keys[req.destination]
	case d.kind == transfer.Accept:
		key = c.acceptor
	default:
		key = c.support
	}
	if len(d.sims) > 0 {
		body["sims"] = d.sims
	}
	if d.later {
		body["not_before"] = time.Now().Add(2 * time.Second)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return
	}
	path := fmt.Sprintf("/v1/transfer-requests/%s/%s", req.id, strings.ReplaceAll(string(d.kind), "_", "-"))
	a, ok := c.post(ctx, key, path, "application/json", c.newIdempotencyKey(), text)
	switch {
	case !ok:
		c.oracle.addDecision(req, d)
		c.oracle.note(&c.oracle.unexpected, fmt.Sprintf("%s of %s: never answered", d.kind, req.id))
	case a.status == http.StatusAccepted:
		d.certain = true
		c.oracle.addDecision(req, d)
	case a.status == http.StatusConflict, a.status == http.StatusUnprocessableEntity,
		a.status == http.StatusNotFound && d.by == transfer.PartyDestination,
		a.status == http.StatusForbidden && d.kind == transfer.TakeBack:
		// Another client was faster, or the destination may not decide yet, or another party has ended the request since. An
		// earlier attempt without an answer may have taken effect nevertheless.
		if !a.certain {
			c.oracle.addDecision(req, d)
		}
	default:
		c.oracle.note(&c.oracle.unexpected, fmt.Sprintf("%s of %s: %d %s", d.kind, req.id, a.status, a.body))
	}
}

// pickSome picks at least one of a list of identifiers.
func (c *caller) pickSome(list []string) []string {
	n := 1 + c.rand.IntN(1+len(list)/2)
	chosen := make([]string, 0, n)
	for _, i := range c.rand.Perm(len(list))[:n] {
		chosen = append(chosen, list[i])
	}
	return chosen
}

// pickEligible picks some SIMs whose transfers are open in a request.
func (c *caller) pickEligible(ctx context.Context, req *request) []string {
	list, err := c.transfers(ctx, req.id, transfer.Eligible)
	if err != nil || len(list) == 0 {
		return c.pickSome(req.identifiers)
	}
	var open []string
	for _, t := range list {
		open = append(open, t.Identifier)
	}
	return c.pickSome(open)
}

// recordOutcome records which SIMs a finished request has transferred.
func (c *caller) recordOutcome(ctx context.Context, req *request) {
	list, err := c.transfers(ctx, req.id, transfer.Completed)
	if err != nil {
		return
	}
	var transferred []int
	for _, t := range list {
		if i := slices.Index(req.identifiers, t.Identifier); i >= 0 {
			transferred = append(transferred, req.sims[i])
		}
	}
	c.oracle.finish(req, transferred)
}

// post makes a call and repeats it with the same Idempotency-Key after a timeout, a
// broken connection or an answer that says to retry. It returns false if ctx ended
// before the outcome was known.
func (c *caller) post(ctx context.Context, key, path, contentType, idempotency string, body []byte) (answer, bool) {
	a := answer{certain: true}
	for {
		status, header, text, err := c.attempt(ctx, http.MethodPost, key, path, contentType, idempotency, body)
		if err == nil && status < http.StatusInternalServerError && !strings.Contains(string(text), `"still_running"`) {
			a.status, a.body, a.replayed = status, text, header.Get("Idempotent-Replayed") == "true"
			return a, true
		}
		if err == nil && status == http.StatusInternalServerError {
			c.oracle.note(&c.oracle.internal, fmt.Sprintf("POST %s: %s", path, text))
		}
		a.certain = false
		c.oracle.addRetry()
		select {
		case <-ctx.Done():
			return a, false
		case <-time.After(time.Duration(100+c.rand.IntN(300)) * time.Millisecond):
		}
	}
}

// attempt makes a call to one of the APIs. While the answer is that the key has
// reached its rate limit, it waits and tries again.
func (c *caller) attempt(ctx context.Context, method, key, path, contentType, idempotency string, body []byte) (int, http.Header, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, method, c.urls[c.rand.IntN(len(c.urls))]+path, bytes.NewReader(body))
		if err != nil {
			return 0, nil, nil, err
		}
		request.Header.Set("Authorization", "Bearer "+key)
		if contentType != "" {
			request.Header.Set("Content-Type", contentType)
		}
		if idempotency != "" {
			request.Header.Set("Idempotency-Key", idempotency)
		}
		response, err := c.http.Do(request)
		if err != nil {
			return 0, nil, nil, err
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusTooManyRequests {
			return response.StatusCode, response.Header, text, err
		}
		if err := pollPause(ctx); err != nil {
			return 0, nil, nil, err
		}
	}
}

// get makes one attempt at a GET call as support.
func (c *caller) get(ctx context.Context, path string, into any) error {
	return c.getAs(ctx, c.support, path, into)
}

// getAs makes one attempt at a GET call with a key.
func (c *caller) getAs(ctx context.Context, key, path string, into any) error {
	status, _, text, err := c.attempt(ctx, http.MethodGet, key, path, "", "", nil)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("GET %s: %d %s", path, status, text)
	}
	return json.Unmarshal(text, into)
}

// read reads a request, with its transfers and events if details is set.
func (c *caller) read(ctx context.Context, id string, details bool) (*requestDetails, error) {
	r := &requestDetails{}
	if err := c.get(ctx, "/v1/transfer-requests/"+id, &r.Request); err != nil || !details {
		return r, err
	}
	var err error
	if r.transfers, err = c.transfers(ctx, id, ""); err != nil {
		return nil, err
	}
	r.events, err = pages[client.Event](ctx, c, "/v1/transfer-requests/"+id+"/events", url.Values{"limit": {"200"}})
	return r, err
}

func (c *caller) transfers(ctx context.Context, id string, state transfer.State) ([]client.Transfer, error) {
	q := url.Values{"limit": {"1000"}}
	if state != "" {
		q.Set("state", string(state))
	}
	return pages[client.Transfer](ctx, c, "/v1/transfer-requests/"+id+"/transfers", q)
}

// pages reads all pages of a list.
func pages[T any](ctx context.Context, c *caller, path string, q url.Values) ([]T, error) {
	var all []T
	for {
		var page client.Page[T]
		if err := c.get(ctx, path+"?"+q.Encode(), &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.NextCursor == "" {
			return all, nil
		}
		q.Set("cursor", page.NextCursor)
	}
}

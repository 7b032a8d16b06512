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

	"simtransfer/dev/sample"
	"simtransfer/transfer"
)

// client is one of many that use the API at once. It repeats a call whose
// outcome it does not know, with the same Idempotency-Key, until it does.
type client struct {
	number   int
	seed     uint64
	rand     *rand.Rand
	urls     []string // of the APIs
	keys     []string // of the accounts
	support  string
	ledger   *ledger
	http     *http.Client
	made     int // calls, for their Idempotency-Keys
	accounts []sample.Account
}

// callPatience is how long a client waits for an answer: an API that is
// stopped does not keep it for long.
const callPatience = 6 * time.Second

// answer is what a client has learned from a call.
type answer struct {
	status   int
	body     []byte
	replayed bool
	sure     bool // no attempt before this answer had an unknown outcome
}

// run makes calls until quiet is closed.
func (c *client) run(ctx context.Context, quiet <-chan struct{}) {
	for {
		select {
		case <-quiet:
			return
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(10+c.rand.IntN(120)) * time.Millisecond):
		}
		switch n := c.rand.IntN(100); {
		case n < 25:
			c.ask(ctx, 1+c.rand.IntN(4))
		case n < 28:
			c.ask(ctx, 20+c.rand.IntN(130))
		case n < 30:
			c.upload(ctx)
		default:
			if b := c.ledger.pick(c.rand); b != nil {
				c.decide(ctx, b)
			}
		}
	}
}

// name is one of a SIM's identifiers, at random.
func (c *client) name(sim int) string {
	r := sample.SIM{Number: sim}
	return []string{r.ICCID(), r.IMSI(), r.MSISDN()}[c.rand.IntN(3)]
}

// parties draws two accounts.
func (c *client) parties() (source, to int) {
	source = c.rand.IntN(len(c.keys))
	return source, (source + 1 + c.rand.IntN(len(c.keys)-1)) % len(c.keys)
}

// acceptance draws how long a destination has: many requests are to expire.
func (c *client) acceptance() int {
	if c.rand.IntN(3) == 0 {
		return 1 + c.rand.IntN(5)
	}
	return 3600
}

// ask makes a request.
func (c *client) ask(ctx context.Context, n int) {
	b := &booking{seconds: c.acceptance()}
	b.source, b.to = c.parties()
	b.sims = c.ledger.someOf(c.rand, b.source, n)
	if len(b.sims) == 0 {
		return
	}
	for _, s := range b.sims {
		b.identifiers = append(b.identifiers, c.name(s))
	}
	to := c.accounts[b.to]
	body := map[string]any{
		"destination":        map[string]any{"email": to.Email, "operator_id": to.OperatorID},
		"sims":               b.identifiers,
		"acceptance_seconds": b.seconds,
	}
	key := c.keys[b.source]
	if c.rand.IntN(20) == 0 {
		key, body["on_behalf_of"] = c.support, c.accounts[b.source].OperatorID
	}
	text, err := json.Marshal(body)
	if err != nil {
		return // maps and strings: it cannot
	}
	c.twice(ctx, key, "/v1/transfer-requests", "application/json", text, func(a answer, again bool) {
		var made told
		if json.Unmarshal(a.body, &made) != nil || made.ID == "" {
			c.ledger.note(&c.ledger.refused, "an accepted request has no id: "+string(a.body))
			return
		}
		booked := *b // anew for the second answer: others may be at the first by then
		booked.id = made.ID
		c.ledger.book(again, &booked)
	})
}

// upload makes a batch to several destinations.
func (c *client) upload(ctx context.Context) {
	source, _ := c.parties()
	byDestination := map[int]*booking{}
	var csv bytes.Buffer
	csv.WriteString("sim,destination_email,destination_operator_id\n")
	seconds, rows := c.acceptance(), 0
	for _, s := range c.ledger.someOf(c.rand, source, 30+c.rand.IntN(170)) {
		to := (source + 1 + c.rand.IntN(3)) % len(c.keys)
		b := byDestination[to]
		if b == nil {
			b = &booking{source: source, to: to, seconds: seconds}
			byDestination[to] = b
		}
		name := c.name(s)
		b.sims, b.identifiers = append(b.sims, s), append(b.identifiers, name)
		fmt.Fprintf(&csv, "%s,%s,%s\n", name, c.accounts[to].Email, c.accounts[to].OperatorID)
		rows++
	}
	if rows == 0 {
		return
	}
	path := fmt.Sprintf("/v1/batches?acceptance_seconds=%d", seconds)
	c.twice(ctx, c.keys[source], path, "text/csv", csv.Bytes(), func(a answer, again bool) {
		var made struct {
			ID       string `json:"id"`
			Requests []told `json:"requests"`
		}
		if json.Unmarshal(a.body, &made) != nil || len(made.Requests) != len(byDestination) {
			c.ledger.note(&c.ledger.refused, "an accepted batch does not name its requests: "+string(a.body))
			return
		}
		c.ledger.bookBatch(again, made.ID, rows)
		for _, r := range made.Requests {
			for to, b := range byDestination {
				if c.accounts[to].OperatorID == r.Destination {
					booked := *b
					booked.id, booked.batch = r.ID, made.ID
					c.ledger.book(again, &booked)
				}
			}
		}
	})
}

// twice makes a call that ought to be accepted, and now and then makes it
// again: the second answer has to be the first one's.
func (c *client) twice(ctx context.Context, key, path, contentType string, body []byte, accepted func(a answer, again bool)) {
	idempotency := c.nextKey()
	a, ok := c.post(ctx, key, path, contentType, idempotency, body)
	if !ok {
		return
	}
	if a.status != http.StatusAccepted {
		c.ledger.note(&c.ledger.refused, fmt.Sprintf("POST %s: %d %s", path, a.status, a.body))
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
		c.ledger.note(&c.ledger.twice, fmt.Sprintf("POST %s again: %d, replayed: %t", path, a.status, a.replayed))
	}
	accepted(a, true)
}

func (c *client) nextKey() string {
	c.made++
	return fmt.Sprintf("chaos-%d-%d-%d", c.seed, c.number, c.made)
}

// decide looks at a request and may do something about it.
func (c *client) decide(ctx context.Context, b *booking) {
	r, err := c.read(ctx, b.id, false)
	if err != nil {
		return
	}
	if r.FinishedAt != nil {
		c.see(ctx, b)
		return
	}
	n := c.rand.IntN(100)
	for _, choice := range choices(r.State) {
		if n -= choice.percent; n >= 0 {
			continue
		}
		d := decided{kind: choice.kind}
		switch {
		case choice.some && r.State == transfer.Validating:
			d.sims = c.some(b.identifiers)
		case choice.some:
			d.sims = c.openIn(ctx, b)
		case d.kind == transfer.Approve && c.rand.IntN(3) == 0:
			fee := int64(c.rand.IntN(4) * 111)
			d.fee = &fee
		}
		c.carryOut(ctx, b, d)
		return
	}
}

// choice is what a client may do about a request, and how often it does.
type choice struct {
	percent int
	kind    transfer.Event
	some    bool // of its SIMs only
}

// choices are what may be done about a request in a state. What is left to a
// hundred is to leave it as it is.
func choices(s transfer.RequestState) []choice {
	switch s {
	case transfer.Validating:
		return []choice{{6, transfer.Cancel, false}, {8, transfer.Cancel, true}}
	case transfer.InReview:
		return []choice{{70, transfer.Approve, false}, {6, transfer.Deny, false}, {4, transfer.Cancel, false}, {8, transfer.Cancel, true}}
	case transfer.AwaitingAcceptance:
		return []choice{
			{55, transfer.Accept, false},
			{13, transfer.Accept, true},
			{6, transfer.Decline, false},
			{6, transfer.Decline, true},
			{4, transfer.Cancel, false},
			{6, transfer.Cancel, true},
		}
	default:
		return nil
	}
}

// carryOut sends a decision and books what came of it.
func (c *client) carryOut(ctx context.Context, b *booking, d decided) {
	body, key := map[string]any{}, c.keys[b.source]
	switch d.kind {
	case transfer.Accept, transfer.Decline:
		key = c.keys[b.to]
	case transfer.Approve:
		key, body["ticket"] = c.support, fmt.Sprintf("CASE-%d", c.made)
		if d.fee != nil {
			body["fee_minor"], body["fee_reason"] = *d.fee, "agreed on"
		}
	case transfer.Deny:
		key, body["reason"] = c.support, "not in this storm"
	default: // the source's
	}
	if len(d.sims) > 0 {
		body["sims"] = d.sims
	}
	text, err := json.Marshal(body)
	if err != nil {
		return
	}
	a, ok := c.post(ctx, key, fmt.Sprintf("/v1/transfer-requests/%s/%s", b.id, d.kind), "application/json", c.nextKey(), text)
	switch {
	case !ok:
		c.ledger.decide(b, d)
		c.ledger.note(&c.ledger.refused, fmt.Sprintf("%s of %s: no answer to the end", d.kind, b.id))
	case a.status == http.StatusAccepted:
		d.sure = true
		c.ledger.decide(b, d)
	case a.status == http.StatusConflict, a.status == http.StatusUnprocessableEntity:
		// Refused because others were faster. An earlier attempt that was never
		// answered may still be under way.
		if !a.sure {
			c.ledger.decide(b, d)
		}
	default:
		c.ledger.note(&c.ledger.refused, fmt.Sprintf("%s of %s: %d %s", d.kind, b.id, a.status, a.body))
	}
}

// some draws a few of the identifiers of a request, at least one.
func (c *client) some(list []string) []string {
	n := 1 + c.rand.IntN(1+len(list)/2)
	chosen := make([]string, 0, n)
	for _, i := range c.rand.Perm(len(list))[:n] {
		chosen = append(chosen, list[i])
	}
	return chosen
}

// openIn draws a few SIMs that are open in a request.
func (c *client) openIn(ctx context.Context, b *booking) []string {
	list, err := c.transfers(ctx, b.id, transfer.Eligible)
	if err != nil || len(list) == 0 {
		return c.some(b.identifiers)
	}
	var open []string
	for _, t := range list {
		open = append(open, t.Identifier)
	}
	return c.some(open)
}

// see notes what became of a request that is finished.
func (c *client) see(ctx context.Context, b *booking) {
	list, err := c.transfers(ctx, b.id, transfer.Completed)
	if err != nil {
		return
	}
	var moved []int
	for _, t := range list {
		if i := slices.Index(b.identifiers, t.Identifier); i >= 0 {
			moved = append(moved, b.sims[i])
		}
	}
	c.ledger.seen(b, moved)
}

// post makes a call until its outcome is known: it is repeated with the same
// Idempotency-Key after silence, a broken connection and any answer that says
// to try again. False means that ctx ended first.
func (c *client) post(ctx context.Context, key, path, contentType, idempotency string, body []byte) (answer, bool) {
	a := answer{sure: true}
	for {
		status, header, text, err := c.once(ctx, http.MethodPost, key, path, contentType, idempotency, body)
		if err == nil && status < http.StatusInternalServerError && !strings.Contains(string(text), `"still_running"`) {
			a.status, a.body, a.replayed = status, text, header.Get("Idempotent-Replayed") == "true"
			return a, true
		}
		if err == nil && status == http.StatusInternalServerError {
			c.ledger.note(&c.ledger.internal, fmt.Sprintf("POST %s: %s", path, text))
		}
		a.sure = false
		c.ledger.retry()
		select {
		case <-ctx.Done():
			return a, false
		case <-time.After(time.Duration(100+c.rand.IntN(300)) * time.Millisecond):
		}
	}
}

// once makes one attempt at a call, at one of the APIs, and waits while that
// says that the key makes too many.
func (c *client) once(ctx context.Context, method, key, path, contentType, idempotency string, body []byte) (int, http.Header, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callPatience)
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
		if err := rest(ctx); err != nil {
			return 0, nil, nil, err
		}
	}
}

// get reads something, once.
func (c *client) get(ctx context.Context, path string, into any) error {
	status, _, text, err := c.once(ctx, http.MethodGet, c.support, path, "", "", nil)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("GET %s: %d %s", path, status, text)
	}
	return json.Unmarshal(text, into)
}

// read reads a request, and what became of each SIM if whole is set.
func (c *client) read(ctx context.Context, id string, whole bool) (*told, error) {
	r := &told{}
	if err := c.get(ctx, "/v1/transfer-requests/"+id, r); err != nil || !whole {
		return r, err
	}
	var err error
	if r.transfers, err = c.transfers(ctx, id, ""); err != nil {
		return nil, err
	}
	r.events, err = pages[toldEvent](ctx, c, "/v1/transfer-requests/"+id+"/events", url.Values{"limit": {"200"}})
	return r, err
}

func (c *client) transfers(ctx context.Context, id string, state transfer.State) ([]toldTransfer, error) {
	q := url.Values{"limit": {"1000"}}
	if state != "" {
		q.Set("state", string(state))
	}
	return pages[toldTransfer](ctx, c, "/v1/transfer-requests/"+id+"/transfers", q)
}

// pages reads a list to its end.
func pages[T any](ctx context.Context, c *client, path string, q url.Values) ([]T, error) {
	var all []T
	for {
		var page struct {
			Items      []T    `json:"items"`
			NextCursor string `json:"next_cursor"`
		}
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

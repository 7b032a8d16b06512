package chaos

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"simtransfer/dev/sample"
	"simtransfer/transfer"
)

// audit compares what the clients know with what the service says, SIM by SIM,
// request by request, fee by fee and event by event.
type audit struct {
	ledger   *ledger
	accounts []sample.Account

	mu         sync.Mutex
	lost       []string
	doubled    []string
	violations []string
}

func (a *audit) add(list *[]string, format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	*list = append(*list, fmt.Sprintf(format, args...))
}

// platform is what the service says in the end.
type platform struct {
	requests []*told                   // every one there is
	batches  map[string]int            // rows by id
	sims     []toldSIM                 // every one there is, of every account
	charges  map[transfer.Currency]sum // as they were posted
	sessions map[string]accounted      // by id, as accounting has them
	online   map[string]int            // sessions that gateways hold, with their SIMs
	inField  map[string]*fieldSession  // every session there was, by id
}

type toldSIM struct {
	ICCID   string              `json:"iccid"`
	Account transfer.OperatorID `json:"account"`
	Since   time.Time           `json:"since"`
}

type sum struct {
	Count  int
	Amount int64
}

type accounted struct {
	ID      string     `db:"acctsessionid"`
	Started time.Time  `db:"acctstarttime"`
	Stopped *time.Time `db:"acctstoptime"`
}

// ask reads what the service says through its API, and charges and sessions
// where they are kept.
func (c *chaos) ask(ctx context.Context, reader *client) (*platform, error) {
	p := &platform{batches: map[string]int{}, charges: map[transfer.Currency]sum{}, sessions: map[string]accounted{}, online: map[string]int{}, inField: map[string]*fieldSession{}}
	all := url.Values{"limit": {"200"}}
	ids, err := pages[told](ctx, reader, "/v1/transfer-requests", maps.Clone(all))
	if err != nil {
		return nil, err
	}
	p.requests = make([]*told, len(ids))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for i, listed := range ids {
		one := *reader
		one.rand = newRand(reader.seed, 1000+uint64(i)) // which is for one goroutine
		g.Go(func() (err error) {
			p.requests[i], err = one.read(gctx, listed.ID, true)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	batches, err := pages[batch](ctx, reader, "/v1/batches", maps.Clone(all))
	if err != nil {
		return nil, err
	}
	for _, b := range batches {
		p.batches[b.ID] = b.Counts.SIMs
	}
	for _, a := range c.accounts {
		q := maps.Clone(all)
		q.Set("account", string(a.OperatorID))
		sims, err := pages[toldSIM](ctx, reader, "/v1/sims", q)
		if err != nil {
			return nil, err
		}
		p.sims = append(p.sims, sims...)
	}
	return p, c.askLedgers(ctx, p)
}

func (c *chaos) askLedgers(ctx context.Context, p *platform) error {
	var charges []struct {
		Currency transfer.Currency `db:"currency"`
		sum
	}
	if err := c.stack.DB.Pool().SelectContext(ctx, &charges, `
		SELECT currency, count(*) AS count, sum(amount)::bigint AS amount FROM charges GROUP BY currency`); err != nil {
		return fmt.Errorf("reading the charges: %w", err)
	}
	for _, s := range charges {
		p.charges[s.Currency] = s.sum
	}
	var sessions []accounted
	if err := c.stack.DB.Pool().SelectContext(ctx, &sessions, `
		SELECT acctsessionid, acctstarttime, acctstoptime FROM radius.radacct`); err != nil {
		return fmt.Errorf("reading the sessions: %w", err)
	}
	for _, s := range sessions {
		p.sessions[s.ID] = s
	}
	for _, s := range c.field.sessions {
		p.inField[s.id] = s
		if c.field.Gateways[s.gateway].Has(s.id) {
			p.online[s.id] = s.sim
		}
	}
	return nil
}

// compare does all comparisons.
func (a *audit) compare(p *platform) {
	byID := map[string]*told{}
	for _, r := range p.requests {
		if byID[r.ID] != nil {
			a.add(&a.doubled, "request %s is listed twice", r.ID)
		}
		byID[r.ID] = r
		if a.ledger.requests[r.ID] == nil {
			a.add(&a.doubled, "request %s was answered to nobody", r.ID)
		}
	}
	for _, text := range a.ledger.twice {
		a.add(&a.doubled, "answered twice: %s", text)
	}
	for _, text := range a.ledger.refused {
		a.add(&a.lost, "%s", text)
	}
	for _, id := range slices.Sorted(maps.Keys(a.ledger.requests)) {
		r := byID[id]
		if r == nil {
			a.add(&a.lost, "request %s was accepted and is not there", id)
			continue
		}
		a.request(a.ledger.requests[id], r)
	}
	a.batches(p)
	a.charges(p)
	a.sessions(p, a.owners(p))
}

// request compares one request.
func (a *audit) request(b *booking, r *told) {
	waiting := r.State == transfer.InReview || r.State == transfer.AwaitingAcceptance
	if r.FinishedAt == nil && !waiting {
		a.add(&a.lost, "request %s is stuck: it is %s", b.id, r.State)
	}
	if r.Source != a.accounts[b.source].OperatorID || r.Destination != a.accounts[b.to].OperatorID || r.Batch != b.batch {
		a.add(&a.violations, "request %s leads from %s to %s, in batch %q", b.id, r.Source, r.Destination, r.Batch)
	}
	a.events(b, r)
	if len(r.transfers) != len(b.identifiers) {
		list := &a.lost
		if len(r.transfers) > len(b.identifiers) {
			list = &a.doubled
		}
		a.add(list, "request %s has %d transfers, asked for were %d", b.id, len(r.transfers), len(b.identifiers))
		return
	}
	for i, t := range r.transfers {
		if t.Identifier != b.identifiers[i] {
			a.add(&a.lost, "request %s, transfer %d: %s was asked for, not %s", b.id, i, b.identifiers[i], t.Identifier)
			continue
		}
		if (t.FinishedAt == nil) != (t.State == transfer.Eligible || t.State == transfer.Pending) || (r.FinishedAt != nil && t.FinishedAt == nil) {
			a.add(&a.violations, "request %s is %s, its SIM %s %s", b.id, r.State, t.Identifier, t.State)
		}
		if why := b.unexplained(t); why != "" {
			a.add(&a.violations, "request %s, SIM %s: %s", b.id, t.Identifier, why)
		}
	}
	if fee := b.charged(a.accounts[b.source], r); fee != r.Fees.Charged {
		a.add(&a.violations, "request %s: %d charged, its completed SIMs cost %d", b.id, r.Fees.Charged, fee)
	}
}

// made counts the decisions of a kind: those that were accepted, and those that
// may have taken effect.
func (b *booking) made(kind transfer.Event) (sure, maybe int) {
	for _, d := range b.decisions {
		switch {
		case d.kind != kind:
		case d.sure:
			sure++
		default:
			maybe++
		}
	}
	return sure, maybe
}

// endings are the decisions on a whole request, and the states they lead to.
func endings() map[transfer.Event]transfer.RequestState {
	return map[transfer.Event]transfer.RequestState{
		transfer.Accept:  transfer.RequestCompleted,
		transfer.Decline: transfer.RequestDeclined,
		transfer.Cancel:  transfer.RequestCanceled,
		transfer.Deny:    transfer.RequestDenied,
	}
}

// events sees that every decision is an event, once, and that the final state
// follows from the decisions.
func (a *audit) events(b *booking, r *told) {
	count := map[string]int{}
	for i, e := range r.events {
		if e.Seq != i+1 {
			a.add(&a.violations, "request %s: event %d has the number %d", b.id, i+1, e.Seq)
		}
		count[e.Kind]++
	}
	if count["create"] != 1 {
		a.add(&a.violations, "request %s was created %d times", b.id, count["create"])
	}
	for _, kind := range []transfer.Event{transfer.Accept, transfer.Decline, transfer.Cancel, transfer.Approve, transfer.Deny} {
		sure, maybe := b.made(kind)
		// The gate cancels, too, when all that was eligible has been withdrawn.
		if kind == transfer.Cancel {
			maybe++
		}
		if n := count[string(kind)]; n < sure {
			a.add(&a.lost, "request %s: %d of %d accepted calls to %s it left an event", b.id, n, sure, kind)
		} else if n > sure+maybe {
			a.add(&a.doubled, "request %s: %d events of %s after %d calls", b.id, n, kind, sure+maybe)
		}
	}
	for _, d := range b.decisions {
		want := endings()[d.kind]
		if d.sure && want != "" && (d.sims == nil || d.kind == transfer.Accept) && r.State != want {
			a.add(&a.violations, "request %s is %s, though the call to %s it was accepted", b.id, r.State, d.kind)
		}
	}
	for kind, state := range endings() {
		if sure, maybe := b.made(kind); r.State == state && sure+maybe == 0 {
			a.add(&a.violations, "request %s is %s, and nobody asked for that", b.id, r.State)
		}
	}
	if (r.State == transfer.RequestExpired) != (count[string(transfer.Expire)] == 1) {
		a.add(&a.violations, "request %s is %s with %d expiries", b.id, r.State, count[string(transfer.Expire)])
	}
}

// unexplained says what about a transfer does not follow from the decisions.
func (b *booking) unexplained(t toldTransfer) string {
	named := func(d decided) bool { return d.sims == nil || slices.Contains(d.sims, t.Identifier) }
	var accepted, passedOver, ended bool
	outcome := map[transfer.State]transfer.Event{transfer.Canceled: transfer.Cancel, transfer.Declined: transfer.Decline, transfer.Denied: transfer.Deny}[t.State]
	for _, d := range b.decisions {
		if d.kind == transfer.Accept {
			accepted = accepted || named(d)
			passedOver = passedOver || !named(d)
		}
		ended = ended || (d.kind == outcome && named(d))
		if d.sure && d.kind == transfer.Cancel && named(d) && (t.State == transfer.Completed || t.State == transfer.Failed) {
			return fmt.Sprintf("it was canceled and is %s", t.State)
		}
	}
	switch t.State {
	case transfer.Completed:
		if !accepted {
			return "it is completed, and nobody accepted it"
		}
	case transfer.Declined:
		if !ended && !passedOver {
			return "it is declined, and nobody declined it"
		}
	case transfer.Canceled, transfer.Denied:
		if !ended {
			return fmt.Sprintf("it is %s, and nobody asked for that", t.State)
		}
	case transfer.Ineligible, transfer.Failed:
		// No fault injected is a SIM's own.
		if t.Reason == "" || t.Reason == transfer.InternalError {
			return fmt.Sprintf("it is %s for the reason %q", t.State, t.Reason)
		}
	case transfer.Pending, transfer.Eligible, transfer.Expired:
	}
	return ""
}

// charged is what a request must have cost its source.
func (b *booking) charged(source sample.Account, r *told) (total int64) {
	each := sample.Fees()[source.Currency]
	for _, d := range b.decisions {
		if d.kind == transfer.Approve && d.sure && d.fee != nil {
			each = *d.fee
		}
	}
	if sure, maybe := b.made(transfer.Approve); sure == 0 && maybe > 0 && r.FeeOverride != nil {
		each = *r.FeeOverride // of a call that was never answered
	}
	for _, t := range r.transfers {
		if t.State == transfer.Completed && t.Method == transfer.SupportAssisted {
			total += each
		}
	}
	return total
}

func (a *audit) batches(p *platform) {
	for id, rows := range a.ledger.batches {
		switch n, ok := p.batches[id]; {
		case !ok:
			a.add(&a.lost, "batch %s was accepted and is not there", id)
		case n != rows:
			a.add(&a.lost, "batch %s has %d rows of %d", id, n, rows)
		}
	}
	for id := range p.batches {
		if _, ok := a.ledger.batches[id]; !ok {
			a.add(&a.doubled, "batch %s was answered to nobody", id)
		}
	}
}

// charges sums up what every completed transfer costs.
func (a *audit) charges(p *platform) {
	want := map[transfer.Currency]sum{}
	for _, r := range p.requests {
		b := a.ledger.requests[r.ID]
		if b == nil {
			continue
		}
		source := a.accounts[b.source]
		total := b.charged(source, r)
		if total == 0 {
			continue
		}
		s := want[source.Currency]
		s.Amount += total
		for _, t := range r.transfers {
			if t.State == transfer.Completed && t.Method == transfer.SupportAssisted {
				s.Count++
			}
		}
		want[source.Currency] = s
	}
	for _, account := range a.accounts {
		got, want := p.charges[account.Currency], want[account.Currency]
		switch {
		case got.Count < want.Count:
			a.add(&a.lost, "%d charges in %s, there ought to be %d", got.Count, account.Currency, want.Count)
		case got.Count > want.Count:
			a.add(&a.doubled, "%d charges in %s, there ought to be %d", got.Count, account.Currency, want.Count)
		case got != want:
			a.add(&a.violations, "the charges in %s are %d, they ought to be %d", account.Currency, got.Amount, want.Amount)
		}
	}
}

// move is one hand-over of a SIM.
type move struct {
	at       time.Time
	from, to int
}

// owners sees that every SIM is there once, with the owner that follows from
// its transfers, and returns when each SIM changed hands last.
func (a *audit) owners(p *platform) map[int]time.Time {
	moves := map[int][]move{}
	for _, r := range p.requests {
		b := a.ledger.requests[r.ID]
		for i, t := range r.transfers {
			if b != nil && i < len(b.sims) && t.State == transfer.Completed {
				moves[b.sims[i]] = append(moves[b.sims[i]], move{*t.FinishedAt, b.source, b.to})
			}
		}
	}
	found := map[string][]transfer.OperatorID{}
	for _, s := range p.sims {
		found[s.ICCID] = append(found[s.ICCID], s.Account)
	}
	last := map[int]time.Time{}
	for n := range a.ledger.sims {
		iccid, owner := sample.SIM{Number: n}.ICCID(), simOf(n).Owner
		list := moves[n]
		slices.SortFunc(list, func(x, y move) int { return cmp.Or(x.at.Compare(y.at), cmp.Compare(x.from, y.from)) })
		for _, m := range list {
			if m.from != owner {
				a.add(&a.doubled, "SIM %s changed hands from %s at %s, when it was %s's", iccid, a.accounts[m.from].OperatorID, m.at, a.accounts[owner].OperatorID)
			}
			owner, last[n] = m.to, m.at
		}
		switch at := found[iccid]; {
		case len(at) == 0:
			a.add(&a.lost, "SIM %s is nobody's", iccid)
		case len(at) > 1:
			a.add(&a.doubled, "SIM %s has the owners %s", iccid, at)
		case at[0] != a.accounts[owner].OperatorID:
			a.add(&a.violations, "SIM %s is %s's, its transfers lead to %s", iccid, at[0], a.accounts[owner].OperatorID)
		}
		delete(found, iccid)
	}
	for iccid := range found {
		a.add(&a.doubled, "SIM %s was never imported", iccid)
	}
	return last
}

// sessions sees that no session has outlived its SIM's hand-over, at the
// gateways themselves.
func (a *audit) sessions(p *platform, moved map[int]time.Time) {
	for _, id := range slices.Sorted(maps.Keys(p.online)) {
		s, sim := p.sessions[id], p.online[id]
		if at, ok := moved[sim]; ok && !s.Started.After(at) {
			a.add(&a.violations, "session %s of SIM %s was opened at %s and is still up after the hand-over at %s (accounting: stopped %v)",
				id, sample.SIM{Number: sim}.ICCID(), s.Started, at, s.Stopped)
		}
	}
	for id := range p.inField {
		if _, ok := p.sessions[id]; !ok {
			a.add(&a.lost, "session %s was reported and is not in accounting", id)
		}
	}
}

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

	"simtransfer/client"
	"simtransfer/dev/sample"
	"simtransfer/transfer"
)

// verifier compares the data of the service with the oracle: every SIM, request,
// fee and event.
type verifier struct {
	oracle   *oracle
	accounts []sample.Account

	mu         sync.Mutex
	lost       []string
	duplicated []string
	violations []string
}

func (v *verifier) add(list *[]string, format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	*list = append(*list, fmt.Sprintf(format, args...))
}

// observed is the data of the service after the run.
type observed struct {
	requests []*requestDetails               // all requests
	batches  map[string]int                  // number of rows, by id
	sims     []client.SIM                    // all SIMs of all accounts
	charges  map[transfer.Currency]chargeSum // as in the table charges
	sessions map[string]accountingRow        // by id, as in accounting
	online   map[string]int                  // the SIMs of the sessions that are open at gateways, by session id
	opened   map[string]*session             // all sessions of the run, by id
}

type chargeSum struct {
	Count  int
	Amount int64
}

type accountingRow struct {
	ID      string     `db:"acctsessionid"`
	Started time.Time  `db:"acctstarttime"`
	Stopped *time.Time `db:"acctstoptime"`
}

// observe reads the data of the service: through its API and, for charges and
// sessions, from the database.
func (c *chaos) observe(ctx context.Context, reader *caller) (*observed, error) {
	data := &observed{batches: map[string]int{}, charges: map[transfer.Currency]chargeSum{}, sessions: map[string]accountingRow{}, online: map[string]int{}, opened: map[string]*session{}}
	all := url.Values{"limit": {"200"}}
	ids, err := pages[client.Request](ctx, reader, "/v1/transfer-requests", maps.Clone(all))
	if err != nil {
		return nil, err
	}
	data.requests = make([]*requestDetails, len(ids))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for i, listed := range ids {
		one := *reader
		one.rand = newRand(reader.seed, 1000+uint64(i)) // a generator must not be shared by goroutines
		g.Go(func() (err error) {
			data.requests[i], err = one.read(gctx, listed.ID.String(), true)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	batches, err := pages[client.Batch](ctx, reader, "/v1/batches", maps.Clone(all))
	if err != nil {
		return nil, err
	}
	for _, b := range batches {
		data.batches[b.ID.String()] = b.Counts.SIMs
	}
	for _, a := range c.accounts {
		q := maps.Clone(all)
		q.Set("account", string(a.OperatorID))
		sims, err := pages[client.SIM](ctx, reader, "/v1/sims", q)
		if err != nil {
			return nil, err
		}
		data.sims = append(data.sims, sims...)
	}
	return data, c.observeDatabase(ctx, data)
}

func (c *chaos) observeDatabase(ctx context.Context, data *observed) error {
	var charges []struct {
		Currency transfer.Currency `db:"currency"`
		chargeSum
	}
	if err := c.stack.DB.Pool().SelectContext(ctx, &charges, `
		SELECT currency, count(*) AS count, sum(amount)::bigint AS amount FROM charges GROUP BY currency`); err != nil {
		return fmt.Errorf("reading the charges: %w", err)
	}
	for _, s := range charges {
		data.charges[s.Currency] = s.chargeSum
	}
	var sessions []accountingRow
	if err := c.stack.DB.Pool().SelectContext(ctx, &sessions, `
		SELECT acctsessionid, acctstarttime, acctstoptime FROM radius.radacct`); err != nil {
		return fmt.Errorf("reading the sessions: %w", err)
	}
	for _, s := range sessions {
		data.sessions[s.ID] = s
	}
	for _, s := range c.devices.sessions {
		data.opened[s.id] = s
		if c.devices.Gateways[s.gateway].Has(s.id) {
			data.online[s.id] = s.sim
		}
	}
	return nil
}

// compare compares everything.
func (v *verifier) compare(data *observed) {
	byID := map[string]*requestDetails{}
	for _, r := range data.requests {
		if byID[r.ID.String()] != nil {
			v.add(&v.duplicated, "request %s is listed twice", r.ID)
		}
		byID[r.ID.String()] = r
		if v.oracle.requests[r.ID.String()] == nil {
			v.add(&v.duplicated, "request %s is in no answer of the API", r.ID)
		}
	}
	for _, text := range v.oracle.duplicates {
		v.add(&v.duplicated, "the repeated call had a second effect: %s", text)
	}
	for _, text := range v.oracle.unexpected {
		v.add(&v.lost, "%s", text)
	}
	for _, id := range slices.Sorted(maps.Keys(v.oracle.requests)) {
		r := byID[id]
		if r == nil {
			v.add(&v.lost, "request %s was accepted and is missing", id)
			continue
		}
		v.request(v.oracle.requests[id], r)
	}
	v.batches(data)
	v.charges(data)
	v.sessions(data, v.owners(data))
}

// request compares one request.
func (v *verifier) request(want *request, r *requestDetails) {
	waiting := r.State == transfer.InReview || r.State == transfer.AwaitingAcceptance
	if r.FinishedAt == nil && !waiting {
		v.add(&v.lost, "request %s is not finished: it is %s", want.id, r.State)
	}
	batch := ""
	if r.Batch != nil {
		batch = r.Batch.String()
	}
	if r.Source != v.accounts[want.source].OperatorID || r.Destination != v.accounts[want.destination].OperatorID || batch != want.batch {
		v.add(&v.violations, "request %s is from %s to %s, in batch %q, unlike the call", want.id, r.Source, r.Destination, batch)
	}
	v.events(want, r)
	if len(r.transfers) != len(want.identifiers) {
		list := &v.lost
		if len(r.transfers) > len(want.identifiers) {
			list = &v.duplicated
		}
		v.add(list, "request %s has %d transfers, the call had %d SIMs", want.id, len(r.transfers), len(want.identifiers))
		return
	}
	for i, t := range r.transfers {
		if t.Identifier != want.identifiers[i] {
			v.add(&v.lost, "request %s, transfer %d: the call had %s, not %s", want.id, i, want.identifiers[i], t.Identifier)
			continue
		}
		if (t.FinishedAt == nil) != (t.State == transfer.Eligible || t.State == transfer.Pending) || (r.FinishedAt != nil && t.FinishedAt == nil) {
			v.add(&v.violations, "request %s is %s, its SIM %s %s", want.id, r.State, t.Identifier, t.State)
		}
		if why := want.unexplained(t); why != "" {
			v.add(&v.violations, "request %s, SIM %s: %s", want.id, t.Identifier, why)
		}
	}
	var charged int64
	if r.Fees != nil {
		charged = r.Fees.Charged.Minor
	}
	if fee := want.charged(v.accounts[want.source], r); fee != charged {
		v.add(&v.violations, "request %s: %d charged, but the fees of its completed SIMs are %d, in minor units", want.id, charged, fee)
	}
}

// count counts the decisions of a kind: those that the API accepted, and those that
// may have taken effect.
func (want *request) count(kind transfer.Event) (certain, possible int) {
	for _, d := range want.decisions {
		switch {
		case d.kind != kind:
		case d.certain:
			certain++
		default:
			possible++
		}
	}
	return certain, possible
}

// endings returns the final state of a request after a decision on all of it.
func endings() map[transfer.Event]transfer.RequestState {
	return map[transfer.Event]transfer.RequestState{
		transfer.Accept:  transfer.RequestCompleted,
		transfer.Decline: transfer.RequestDeclined,
		transfer.Cancel:  transfer.RequestCanceled,
		transfer.Deny:    transfer.RequestDenied,
	}
}

// events verifies that every decision is in the events once, and that the state
// follows from the decisions.
func (v *verifier) events(want *request, r *requestDetails) {
	count := map[string]int{}
	for i, e := range r.events {
		if e.Seq != i+1 {
			v.add(&v.violations, "request %s: event %d has the number %d", want.id, i+1, e.Seq)
		}
		count[e.Kind]++
	}
	if count["create"] != 1 {
		v.add(&v.violations, "request %s has %d create events", want.id, count["create"])
	}
	for _, kind := range []transfer.Event{transfer.Accept, transfer.Decline, transfer.Cancel, transfer.Approve, transfer.Deny, transfer.Extend, transfer.TakeBack} {
		certain, possible := want.count(kind)
		// The service cancels a request, too, when all its eligible SIMs were withdrawn.
		if kind == transfer.Cancel {
			possible++
		}
		if n := count[string(kind)]; n < certain {
			v.add(&v.lost, "request %s: %d events for %d accepted calls to %s it", want.id, n, certain, kind)
		} else if n > certain+possible {
			v.add(&v.duplicated, "request %s: %d events of kind %s for %d calls", want.id, n, kind, certain+possible)
		}
	}
	certain, possible := want.count(transfer.TakeBack)
	takeBacks, ends := certain+possible, 0
	for _, d := range want.decisions {
		final := endings()[d.kind]
		if !d.certain || final == "" || (d.sims != nil && d.kind != transfer.Accept) {
			continue
		}
		switch {
		case d.kind != transfer.Accept:
			ends++
			if takeBacks == 0 && r.State != final {
				v.add(&v.violations, "request %s is %s, although a call to %s it was accepted", want.id, r.State, d.kind)
			}
		case !d.later && r.State != final:
			v.add(&v.violations, "request %s is %s, although a call to accept it was accepted", want.id, r.State)
		}
	}
	if ends > takeBacks && r.State != transfer.RequestCanceled && r.State != transfer.RequestDeclined && r.State != transfer.RequestDenied {
		v.add(&v.violations, "request %s is %s: %d calls to end it were accepted, and at most %d to take that back", want.id, r.State, ends, takeBacks)
	}
	v.onBehalf(want, r)
	for kind, state := range endings() {
		if certain, possible := want.count(kind); r.State == state && certain+possible == 0 {
			v.add(&v.violations, "request %s is %s without a call for that", want.id, r.State)
		}
	}
	if (r.State == transfer.RequestExpired) != (count[string(transfer.Expire)] == 1) {
		v.add(&v.violations, "request %s is %s with %d expire events", want.id, r.State, count[string(transfer.Expire)])
	}
}

// onBehalf verifies that a request says that support has accepted it on behalf of the
// destination if that is so.
func (v *verifier) onBehalf(want *request, r *requestDetails) {
	var bySupport, byDestination, certain bool
	for _, d := range want.decisions {
		if d.kind == transfer.Accept {
			bySupport = bySupport || d.by == transfer.PartySupport
			byDestination = byDestination || d.by == transfer.PartyDestination
			certain = certain || d.certain
		}
	}
	says := r.AcceptedOnBehalf != nil
	if says && !bySupport || !says && certain && !byDestination {
		v.add(&v.violations, "request %s was accepted on behalf of the destination: %t, unlike the calls", want.id, says)
	}
}

// unexplained returns what about a transfer does not follow from the decisions; ""
// if all does.
func (want *request) unexplained(t client.Transfer) string {
	named := func(d decision) bool { return d.sims == nil || slices.Contains(d.sims, t.Identifier) }
	var accepted, declinedByOmission, ended bool
	certain, possible := want.count(transfer.TakeBack)
	takenBack := certain+possible > 0
	outcome := map[transfer.State]transfer.Event{transfer.Canceled: transfer.Cancel, transfer.Declined: transfer.Decline, transfer.Denied: transfer.Deny}[t.State]
	for _, d := range want.decisions {
		if d.kind == transfer.Accept {
			accepted = accepted || named(d)
			declinedByOmission = declinedByOmission || !named(d)
		}
		ended = ended || (d.kind == outcome && named(d))
		if d.certain && d.kind == transfer.Cancel && named(d) && (d.sims != nil || !takenBack) && (t.State == transfer.Completed || t.State == transfer.Failed) {
			return fmt.Sprintf("it was canceled but is %s", t.State)
		}
	}
	switch t.State {
	case transfer.Completed:
		if !accepted {
			return "it is completed without an acceptance"
		}
	case transfer.Declined:
		if !ended && !declinedByOmission {
			return "it is declined without a call for that"
		}
	case transfer.Canceled, transfer.Denied:
		if !ended {
			return fmt.Sprintf("it is %s without a call for that", t.State)
		}
	case transfer.Ineligible, transfer.Failed:
		// No injected fault may fail a SIM for an internal error.
		if t.Reason == "" || t.Reason == transfer.InternalError {
			return fmt.Sprintf("it is %s with the reason %q", t.State, t.Reason)
		}
	case transfer.Pending, transfer.Eligible, transfer.Expired:
	}
	return ""
}

// charged returns the sum of the fees that a request must have cost its source.
func (want *request) charged(source sample.Account, r *requestDetails) (total int64) {
	each := sample.Fees()[source.Currency]
	for _, d := range want.decisions {
		if d.kind == transfer.Approve && d.certain && d.fee != nil {
			each = *d.fee
		}
	}
	if certain, possible := want.count(transfer.Approve); certain == 0 && possible > 0 && r.FeeOverride != nil {
		each = r.FeeOverride.Minor // from a call that was never answered
	}
	for _, t := range r.transfers {
		if t.State == transfer.Completed && t.Method == transfer.SupportAssisted {
			total += each
		}
	}
	return total
}

// batches verifies that the batches are those of the answers.
func (v *verifier) batches(data *observed) {
	for id, rows := range v.oracle.batches {
		switch n, ok := data.batches[id]; {
		case !ok:
			v.add(&v.lost, "batch %s was accepted and is missing", id)
		case n != rows:
			v.add(&v.lost, "batch %s has %d rows of %d", id, n, rows)
		}
	}
	for id := range data.batches {
		if _, ok := v.oracle.batches[id]; !ok {
			v.add(&v.duplicated, "batch %s is in no answer of the API", id)
		}
	}
}

// charges verifies the number and sum of charges in each currency.
func (v *verifier) charges(data *observed) {
	sums := map[transfer.Currency]chargeSum{}
	for _, r := range data.requests {
		want := v.oracle.requests[r.ID.String()]
		if want == nil {
			continue
		}
		source := v.accounts[want.source]
		total := want.charged(source, r)
		if total == 0 {
			continue
		}
		s := sums[source.Currency]
		s.Amount += total
		for _, t := range r.transfers {
			if t.State == transfer.Completed && t.Method == transfer.SupportAssisted {
				s.Count++
			}
		}
		sums[source.Currency] = s
	}
	for _, account := range v.accounts {
		got, want := data.charges[account.Currency], sums[account.Currency]
		switch {
		case got.Count < want.Count:
			v.add(&v.lost, "there are %d charges in %s, the completed transfers need %d", got.Count, account.Currency, want.Count)
		case got.Count > want.Count:
			v.add(&v.duplicated, "there are %d charges in %s, the completed transfers need %d", got.Count, account.Currency, want.Count)
		case got != want:
			v.add(&v.violations, "the charges add up to %s, expected %s",
				transfer.Money{Minor: got.Amount, Currency: account.Currency}, transfer.Money{Minor: want.Amount, Currency: account.Currency})
		}
	}
}

// move is a completed transfer of a SIM.
type move struct {
	at       time.Time
	from, to int
}

// owners verifies that every SIM exists once, with the owner that follows from its
// transfers. It returns when each SIM was last transferred.
func (v *verifier) owners(data *observed) map[int]time.Time {
	moves := map[int][]move{}
	for _, r := range data.requests {
		want := v.oracle.requests[r.ID.String()]
		for i, t := range r.transfers {
			if want != nil && i < len(want.sims) && t.State == transfer.Completed {
				moves[want.sims[i]] = append(moves[want.sims[i]], move{*t.FinishedAt, want.source, want.destination})
			}
		}
	}
	found := map[string][]transfer.OperatorID{}
	for _, s := range data.sims {
		found[s.ICCID] = append(found[s.ICCID], s.Account)
	}
	last := map[int]time.Time{}
	for n := range v.oracle.sims {
		iccid, owner := sample.SIM{Number: n}.ICCID(), simOf(n).Owner
		list := moves[n]
		slices.SortFunc(list, func(x, y move) int { return cmp.Or(x.at.Compare(y.at), cmp.Compare(x.from, y.from)) })
		for _, m := range list {
			if m.from != owner {
				v.add(&v.duplicated, "SIM %s was transferred from %s at %s, when its owner was %s", iccid, v.accounts[m.from].OperatorID, m.at, v.accounts[owner].OperatorID)
			}
			owner, last[n] = m.to, m.at
		}
		switch at := found[iccid]; {
		case len(at) == 0:
			v.add(&v.lost, "SIM %s has no owner", iccid)
		case len(at) > 1:
			v.add(&v.duplicated, "SIM %s has several owners: %s", iccid, at)
		case at[0] != v.accounts[owner].OperatorID:
			v.add(&v.violations, "SIM %s is owned by %s, expected %s from its transfers", iccid, at[0], v.accounts[owner].OperatorID)
		}
		delete(found, iccid)
	}
	for iccid := range found {
		v.add(&v.duplicated, "SIM %s was never imported", iccid)
	}
	return last
}

// sessions verifies at the gateways that no session has survived the transfer of
// its SIM.
func (v *verifier) sessions(data *observed, moved map[int]time.Time) {
	for _, id := range slices.Sorted(maps.Keys(data.online)) {
		s, sim := data.sessions[id], data.online[id]
		if at, ok := moved[sim]; ok && !s.Started.After(at) {
			v.add(&v.violations, "session %s of SIM %s was opened at %s and is still open after the transfer at %s (stopped in accounting: %v)",
				id, sample.SIM{Number: sim}.ICCID(), s.Started, at, s.Stopped)
		}
	}
	for id := range data.opened {
		if _, ok := data.sessions[id]; !ok {
			v.add(&v.lost, "session %s was reported to accounting and is missing", id)
		}
	}
}

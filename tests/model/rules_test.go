package model_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"simtransfer/storage"
	"simtransfer/transfer"
)

// dropAttempts is the number of attempts of the worker to drop a session.
const dropAttempts = 3

// behavior is how a gateway responds to a Disconnect-Request.
type behavior int

const (
	acknowledges behavior = iota
	stopsFirst            // reports the end of the session, then acknowledges
	reconnects            // acknowledges, and the device reconnects immediately
	refusesOdd            // acknowledges sessions with even numbers
	refuses
	isSilent
)

// A step is a part of an operation that runs without interruption. If it has to
// wait for another operation, it changes nothing and returns false.
type step func(m *model, f *frame) bool

// frame is what an operation remembers between its steps. Slices and maps in it are
// replaced, never changed.
type frame struct {
	result   string
	over     bool
	canceled bool
	owned    []int // numbers of transfers
	counts   counts
	dealt    int
	lease    int
	asked    []string // sessions
	gone     []string
}

// counts are how many transfers a piece of work brought to each state.
type counts map[string]int

func (c counts) String() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(c)) {
		if c[name] > 0 {
			parts = append(parts, fmt.Sprintf("%s=%d", name, c[name]))
		}
	}
	return strings.Join(parts, ",")
}

// perform does a whole operation without interruption.
func (m *model) perform(steps []step) string {
	var f frame
	for _, s := range steps {
		if f.over {
			break
		}
		s(m, &f)
	}
	return f.result
}

// --- deliveries

// delivery returns the steps of a handler for a piece of work.
func delivery(kind transfer.WorkKind, id int) []step {
	on := func(do func(*model, *modelWork, *frame)) step {
		return func(m *model, f *frame) bool {
			do(m, m.workWith(id), f)
			return true
		}
	}
	// A worker that has lost the lease changes nothing, but has asked the gateways.
	leased := func(do func(*model, *modelWork, *frame)) step {
		return func(m *model, f *frame) bool {
			if w := m.workWith(id); w != nil && w.lease == f.lease {
				do(m, w, f)
			} else {
				f.over = true
			}
			return true
		}
	}
	switch kind {
	case transfer.WorkValidate:
		return []step{lockChunk(id), on((*model).seeOwned), on((*model).claimAndJudge), on((*model).closeValidation)}
	case transfer.WorkExecute:
		return []step{lockChunk(id), on((*model).handOverChunk), on((*model).closeChunk)}
	case transfer.WorkRelease:
		return []step{lockChunk(id), on((*model).release), on((*model).closeChunk)}
	case transfer.WorkDropSessions:
		return []step{lease(id), on((*model).ask), leased((*model).handOverDropped), leased((*model).requeue)}
	case transfer.WorkDropStray:
		return []step{lease(id), on((*model).ask), leased((*model).endStray)}
	case transfer.WorkDeliverWebhooks, transfer.WorkDeliverMails: // messages change nothing of what the model has
	}
	panic(fmt.Sprintf("the model has no steps for work of kind %q", kind))
}

func lockChunk(id int) step {
	return func(m *model, f *frame) bool {
		w := m.workWith(id)
		switch {
		case w == nil:
			f.over = true
		case w.busy:
			return false
		case w.later && !w.dead, m.applyCrashes(w, f):
			f.over = true
		default:
			w.busy = true
			f.canceled = m.request(w.request).state == transfer.RequestCanceled
		}
		return true
	}
}

func lease(id int) step {
	return func(m *model, f *frame) bool {
		w := m.workWith(id)
		if w == nil || (w.later && !w.dead) || w.leased {
			f.over = true
			return true
		}
		m.takeLease(w)
		f.lease = w.lease
		if m.applyCrashes(w, f) {
			f.over = true
			return true
		}
		f.asked = nil
		if w.stray != "" {
			if m.session(w.stray).cause == "" {
				f.asked = []string{w.stray}
			}
			return true
		}
		for _, n := range w.items {
			for _, i := range m.openSessions(m.request(w.request).transfers[n].sim) {
				f.asked = append(f.asked, m.sessions[i].id)
			}
		}
		return true
	}
}

func (m *model) takeLease(w *modelWork) {
	m.leases++
	w.leased, w.lease = true, m.leases
}

func (m *model) accountsOpen(r *modelRequest) bool {
	return m.account(r.source).open && m.account(r.destination).open
}

// landing is what a request records if it is accepted now: a plan, else the mapping
// that is in force.
func (m *model) landing(r *modelRequest, plan string) modelLanding {
	if plan != "" {
		return modelLanding{plan: plan}
	}
	return modelLanding{mapping: m.mappings[[2]int{r.destination, r.source}].Over(m.mappings[[2]int{r.destination, 0}])}
}

func (l modelLanding) of(plan string) string { return transfer.LandingPlan(plan, l.plan, l.mapping) }

// mayHold reports whether an account may hold a plan.
func (a *modelAccount) mayHold(plan string) bool {
	return a.plans == nil || slices.Contains(a.plans, plan)
}

// facts are those of a SIM that lands on a plan.
func (m *model) facts(r *modelRequest, s *modelSIM, plan string) transfer.Facts {
	return transfer.Facts{
		Found:        true,
		Owned:        s.account == r.source,
		AccountsOpen: m.accountsOpen(r),
		Locked:       s.locked,
		PlanBound:    plan == boundPlan && m.account(r.source).coverage != m.account(r.destination).coverage,
		PlanBarred:   !m.account(r.destination).mayHold(plan),
		SelfOnly:     r.selfOnly,
		Status:       s.status,
	}
}

// seeOwned records which SIMs belong to the source, as the claim sees them.
func (m *model) seeOwned(w *modelWork, f *frame) {
	r := m.request(w.request)
	f.owned = nil
	for _, n := range w.numbers() {
		if s := m.named(r.transfers[n].identifier); s != 0 && m.sim(s).account == r.source {
			f.owned = append(f.owned, n)
		}
	}
}

func (m *model) claimAndJudge(w *modelWork, f *frame) {
	r := m.request(w.request)
	f.counts, f.dealt = counts{}, w.n()
	if f.canceled {
		for _, n := range w.numbers() {
			r.transfers[n].state = transfer.Canceled
			f.counts["canceled"]++
		}
		return
	}
	for _, n := range f.owned {
		if s := m.sim(m.named(r.transfers[n].identifier)); s.claim[0] == 0 {
			s.claim = [2]int{w.request, n}
		}
	}
	for _, n := range w.numbers() {
		m.judge(w.request, n, f)
	}
}

func (m *model) judge(request, n int, f *frame) {
	r := m.request(request)
	t := &r.transfers[n]
	var s *modelSIM
	facts := transfer.Facts{AccountsOpen: m.accountsOpen(r)}
	if id := m.named(t.identifier); id != 0 {
		s = m.sim(id)
		facts = m.facts(r, s, m.landing(r, "").of(s.plan()))
		facts.Claimed = s.claim == [2]int{request, n}
		if facts.Owned {
			t.sim = id
		}
	}
	t.reason = transfer.Judge(transfer.ValidationRules(), facts)
	if t.reason != "" {
		t.state = transfer.Ineligible
		f.counts["ineligible"]++
		if facts.Claimed {
			s.claim = [2]int{}
		}
		return
	}
	t.state = transfer.Eligible
	f.counts["eligible"]++
	t.method, _ = s.status.Method()
	fee, quoted := m.fees[m.account(r.source).currency]
	switch {
	case t.method == transfer.SelfService:
		t.fee = new(int64)
	case quoted:
		t.fee = &fee
	}
}

func (m *model) closeValidation(w *modelWork, f *frame) {
	id, r := w.request, m.request(w.request)
	m.settle(w, f.dealt, f.counts)
	m.deleteWork(w.id)
	if r.left > 0 {
		return
	}
	if r.state == transfer.RequestCanceled {
		if r.count(transfer.Eligible, false) > 0 {
			m.startRelease(id)
			return
		}
		r.finished = true
		r.note("finish", "system", r.state, r.state, r.finishDetail())
		return
	}
	for _, n := range r.withdrawn {
		m.closeOpen(r, n, transfer.Canceled)
	}
	eligible, support := r.count(transfer.Eligible, false), r.count(transfer.Eligible, true)
	what := transfer.Gate(eligible, support, len(r.withdrawn))
	to, err := transfer.Next(transfer.Validating, what, transfer.PartySystem)
	if what == transfer.Cancel {
		to, err = transfer.RequestCanceled, nil // caused by the source, applied by the system
	}
	if err != nil {
		panic(err)
	}
	r.state = to
	if to == transfer.InReview || to == transfer.AwaitingAcceptance {
		r.expires, r.withheld = "later", r.count(transfer.Canceled, false)
	} else {
		r.finished = true
	}
	r.note(string(what), "system", transfer.Validating, to, fmt.Sprintf("eligible=%d,support=%d", eligible, support))
}

// closeOpen gives an eligible transfer an outcome and releases its claim; it
// reports whether it was eligible.
func (m *model) closeOpen(r *modelRequest, n int, outcome transfer.State) bool {
	t := &r.transfers[n]
	if t.state != transfer.Eligible {
		return false
	}
	t.state = outcome
	m.sim(t.sim).claim = [2]int{}
	return true
}

func (m *model) handOverChunk(w *modelWork, f *frame) {
	online := m.handOver(w.request, w.numbers(), nil, f)
	f.counts["handed_off"] = len(online)
	f.dealt = w.n() - len(online)
	for gateway := range m.gateways {
		var items []int
		for _, n := range online {
			at := len(m.gateways)
			for _, i := range m.openSessions(m.request(w.request).transfers[n].sim) {
				at = min(at, m.sessions[i].gateway-1)
			}
			if at == gateway {
				items = append(items, n)
			}
		}
		if items != nil {
			m.addWork(modelWork{kind: transfer.WorkDropSessions, request: w.request, items: items, gateway: gateway + 1})
		}
	}
}

// handOver completes, fails or declines the given transfers that are eligible,
// except those whose SIM is online, which it returns. Dropped lists the transfers of
// which a session was dropped; their SIMs may have other sessions.
func (m *model) handOver(request int, numbers, dropped []int, f *frame) (online []int) {
	r := m.request(request)
	f.counts = counts{}
	for _, n := range numbers {
		t := &r.transfers[n]
		if t.state != transfer.Eligible {
			continue
		}
		s := m.sim(t.sim)
		facts := m.facts(r, s, r.landing.of(s.plan()))
		facts.Claimed, facts.Method = true, t.method
		reason := transfer.Judge(transfer.ExecutionRules(), facts)
		switch {
		case r.partial && !slices.Contains(r.chosen, n):
			m.closeOpen(r, n, transfer.Declined)
			f.counts["declined"]++
		case reason != "":
			m.closeOpen(r, n, transfer.Failed)
			t.reason = reason
			f.counts["failed"]++
		case len(m.openSessions(t.sim)) > 0:
			online = append(online, n)
			continue
		default:
			m.move(request, n)
			f.counts["completed"]++
		}
	}
	for _, n := range dropped {
		r.transfers[n].dropped = true
	}
	return online
}

// move transfers a SIM: owner, settings, timeline and fee.
func (m *model) move(request, n int) {
	r := m.request(request)
	m.closeOpen(r, n, transfer.Completed)
	t := &r.transfers[n]
	s := m.sim(t.sim)
	t.before, t.after = s.settings, carried(s.settings, t.method, r.landing.of(s.plan()))
	s.settings = t.after
	s.account = r.destination
	s.timeline = append(slices.Clip(s.timeline), fmt.Sprintf("%d by %d/%d", r.destination, request, n))
	fee := t.fee
	if t.method == transfer.SupportAssisted && r.override != nil {
		fee = r.override
	}
	t.charged = *fee
}

func (m *model) release(w *modelWork, f *frame) {
	r := m.request(w.request)
	outcome, _ := r.state.Released()
	f.counts, f.dealt = counts{}, w.n()
	for _, n := range w.numbers() {
		if m.closeOpen(r, n, outcome) {
			r.transfers[n].released = true
			f.counts[string(outcome)]++
		}
	}
}

func (m *model) closeChunk(w *modelWork, f *frame) {
	m.settle(w, f.dealt, f.counts)
	m.deleteWork(w.id)
}

// settle subtracts the transfers dealt with from what is left of the request. The
// last work of a phase finishes the request, except in validation.
func (m *model) settle(w *modelWork, dealt int, c counts) {
	r := m.request(w.request)
	r.left -= dealt
	from := r.state
	if r.left == 0 && r.state == transfer.Transferring {
		r.state = transfer.RequestCompleted
	}
	if c.String() != "" {
		r.note(string(w.kind), "system", "", "", c.String())
	}
	if r.left == 0 && w.kind != transfer.WorkValidate {
		r.finished = true
		r.note("finish", "system", from, r.state, r.finishDetail())
	}
}

// ask asks the gateways to end the sessions that were open when the work started.
func (m *model) ask(w *modelWork, f *frame) {
	f.gone = nil
	if m.troubled && w != nil && slices.ContainsFunc(f.asked, func(id string) bool { return m.session(id).gateway != unknownGateway }) {
		m.fail(w, f)
		return
	}
	for _, id := range f.asked {
		s := m.session(id)
		behavior := m.gateways[s.gateway-1]
		switch {
		case behavior == stopsFirst && s.cause == "":
			s.cause = "User-Request"
		case behavior == reconnects:
			m.start(id+"'", s.sim, s.gateway, true)
		case behavior == refuses, behavior == isSilent, behavior == refusesOdd && odd(id):
			continue
		}
		f.gone = append(f.gone, id)
	}
}

// odd reports whether the number of a session is odd.
func odd(session string) bool {
	digits := strings.Trim(session, "s'")
	return strings.ContainsAny(digits[len(digits)-1:], "13579")
}

func (m *model) closeSessions(ids []string) {
	for _, id := range ids {
		if s := m.session(id); s.cause == "" {
			s.cause = "Admin-Reset"
		}
	}
}

// fail is how a handler ends with an error that its data has not caused.
func (m *model) fail(w *modelWork, f *frame) {
	if m.tryLater(w) == storage.WorkDead {
		f.result = "dead"
	}
	f.over = true
}

// tryLater is what happens to work after an error that its data has not caused.
func (m *model) tryLater(w *modelWork) storage.Failure {
	if w.dead {
		w.leased, w.lease, w.failed = false, 0, true
		return storage.WorkDead
	}
	m.postpone(w)
	return storage.WorkLater
}

func (m *model) handOverDropped(w *modelWork, f *frame) {
	r := m.request(w.request)
	var offline, dropped []int
	for _, n := range w.items {
		asked, left := 0, 0
		for _, id := range f.asked {
			if m.session(id).sim == r.transfers[n].sim {
				asked++
				if !slices.Contains(f.gone, id) {
					left++
				}
			}
		}
		if left == 0 {
			offline = append(offline, n)
		}
		if left < asked {
			dropped = append(dropped, n)
		}
	}
	m.closeSessions(f.gone)
	m.handOver(w.request, offline, dropped, f)
	left := slices.DeleteFunc(slices.Clone(w.items), func(n int) bool { return r.transfers[n].state != transfer.Eligible })
	dealt := len(w.items) - len(left)
	if dealt == 0 {
		return
	}
	w.items = left
	m.settle(w, dealt, f.counts)
	if len(left) == 0 {
		m.deleteWork(w.id)
		f.over = true
	}
}

// requeue ends the lease on the sessions that could not be dropped.
func (m *model) requeue(w *modelWork, f *frame) {
	w.attempts++
	last := w.attempts >= dropAttempts
	if last && w.kind == transfer.WorkDropSessions {
		m.failOpen(w, transfer.SessionNotDropped)
		return
	}
	w.later, w.dispatched, w.leased, w.lease, w.failed, w.dead = true, false, false, 0, true, last
	if last {
		f.result = "dead"
	}
}

func (m *model) endStray(w *modelWork, f *frame) {
	if len(f.gone) < len(f.asked) {
		m.requeue(w, f)
		return
	}
	m.closeSessions([]string{w.stray})
	m.deleteWork(w.id)
}

// --- failures

// failOpen ends work by failing all its open transfers.
func (m *model) failOpen(w *modelWork, reason transfer.Reason) {
	r := m.request(w.request)
	c := counts{}
	for _, n := range w.numbers() {
		t := &r.transfers[n]
		if t.state == transfer.Pending {
			t.state, t.reason = transfer.Ineligible, reason
			c["ineligible"]++
		} else if m.closeOpen(r, n, transfer.Failed) {
			t.reason = reason
			c["failed"]++
		}
	}
	if w.kind == transfer.WorkValidate {
		m.closeValidation(w, &frame{counts: c, dealt: w.n()})
		return
	}
	m.closeChunk(w, &frame{counts: c, dealt: w.n()})
}

// applyCrashes handles work whose workers keep dying before the next worker
// runs it, and reports whether it did.
func (m *model) applyCrashes(w *modelWork, f *frame) bool {
	if w.dead || w.crashes < 3 || (w.n() == 1 && w.crashes < 10) {
		return false
	}
	if m.applyFailure(w, w.errors, w.crashes) == storage.WorkDead {
		f.result = "dead"
	}
	return true
}

// applyFailure decides what happens to work whose errors or crashes have just increased.
func (m *model) applyFailure(w *modelWork, errors, crashes int) storage.Failure {
	switch {
	case w.dead:
	case w.n() > 1 && (errors >= 3 || crashes >= 3):
		m.split(w, errors >= 3)
		return storage.WorkSplit
	case errors >= 3 && w.kind != transfer.WorkRelease && w.kind != transfer.WorkDropStray:
		m.failOpen(w, transfer.InternalError)
		return storage.WorkEnded
	case errors < 3 && crashes < 10:
		w.errors, w.crashes = errors, crashes
		m.postpone(w)
		return storage.WorkLater
	}
	w.dead, w.leased, w.lease, w.failed = true, false, 0, true
	return storage.WorkDead
}

func (m *model) postpone(w *modelWork) {
	w.later, w.dispatched, w.leased, w.lease, w.failed = true, false, false, 0, true
}

// split replaces work by its two halves. If the error is permanent, a half that can
// be split again gets only one attempt.
func (m *model) split(w *modelWork, stays bool) {
	whole := *w
	m.deleteWork(w.id)
	cut := whole.n() / 2
	for half := range 2 {
		w := modelWork{
			kind: whole.kind, request: whole.request, lo: whole.lo, hi: whole.lo + cut, items: whole.items,
			gateway: whole.gateway, attempts: whole.attempts, failed: true,
		}
		if half == 1 {
			w.lo, w.hi = whole.lo+cut, whole.hi
		}
		if whole.items != nil {
			w.lo, w.hi = 0, 0
			w.items = [][]int{whole.items[:cut], whole.items[cut:]}[half]
		}
		if stays && w.n() > 1 {
			w.errors = 2
		}
		m.addWork(w)
	}
}

// --- decisions

func (r *modelRequest) note(kind, party string, from, to transfer.RequestState, detail string) {
	r.events = append(slices.Clip(r.events), fmt.Sprintf("%s by %s, %q to %q, %s", kind, party, from, to, detail))
}

// finishDetail is what the event at the end of a request says.
func (r *modelRequest) finishDetail() string {
	offered := len(r.transfers) - r.count(transfer.Ineligible, false) - r.withheld
	return fmt.Sprintf("completed=%d,sims=%d,size=%d", r.count(transfer.Completed, false), offered, len(r.transfers))
}

// create returns the text of the refusal, or "".
func (m *model) create(r modelRequest) string {
	if !m.accountsOpen(&r) {
		return (&storage.AccountClosedError{}).Error()
	}
	m.createBy("source", "", r)
	return ""
}

// createBy creates a request. Its event names the pull request or transfer code that
// it comes from, if any.
func (m *model) createBy(party, origin string, r modelRequest) {
	r.state, r.left, r.expires, r.starts = transfer.Validating, len(r.transfers), "never", "never"
	detail := fmt.Sprintf("size=%d", len(r.transfers))
	if origin != "" {
		detail = fmt.Sprintf("selection=%s,%s", origin, detail)
	}
	r.note("create", party, "", transfer.Validating, detail)
	m.requests = append(m.requests, r)
	m.addWork(modelWork{kind: transfer.WorkValidate, request: len(m.requests), hi: len(r.transfers)})
}

// decide returns the text of the refusal, or "".
func (m *model) decide(id int, d storage.Decision) string {
	r := m.request(id)
	event := d.Event
	if d.Window != nil {
		event = transfer.Schedule
	}
	to, err := transfer.Next(r.state, event, d.By.Party)
	if d.OnBehalf != nil && d.By.Party == transfer.PartySupport {
		to, err = transfer.NextOnBehalf(r.state, event)
	}
	if err != nil {
		return err.Error()
	}
	accepts := d.Event == transfer.Accept || d.Event == transfer.Approve
	if r.expires == "past" && d.Event != transfer.TakeBack {
		return (&transfer.ExpiredError{Event: event}).Error()
	}
	if accepts && !m.accountsOpen(r) {
		return (&storage.AccountClosedError{Event: event}).Error()
	}
	switch {
	case d.Event == transfer.Extend:
		return m.extend(r, d)
	case d.Event == transfer.TakeBack:
		return m.takeBack(id, d)
	case d.Event == transfer.Accept:
		return m.accept(id, d, to)
	case d.Event == transfer.Approve:
		return m.approve(r, d)
	case len(d.SIMs) > 0 && d.Event != transfer.Deny:
		return m.endSome(id, to, d)
	}
	from := r.state
	r.state = to
	if from != transfer.Validating {
		r.ended = modelEnd{by: string(d.By.Party), from: from, expires: r.expires}
		m.startRelease(id)
	}
	r.note(string(d.Event), string(d.By.Party), from, to, reasonText(d.Reason))
	return ""
}

func reasonText(reason string) string {
	if reason == "" {
		return ""
	}
	return "reason=" + reason
}

func (m *model) startPhase(id int, kind transfer.WorkKind) {
	r := m.request(id)
	r.left, r.expires = len(r.transfers), "never"
	m.addWork(modelWork{kind: kind, request: id, hi: len(r.transfers)})
}

func (m *model) startRelease(id int) { m.startPhase(id, transfer.WorkRelease) }

func (m *model) accept(id int, d storage.Decision, to transfer.RequestState) string {
	r := m.request(id)
	accepted := r.count(transfer.Eligible, false)
	chosen := ""
	if d.Landing != nil {
		chosen = d.Landing.Plan
	}
	if refusal := m.checkLanding(r, chosen); refusal != "" {
		return refusal
	}
	if d.Window != nil && d.Window.NotBefore.After(time.Now().Add(transfer.MaxAhead)) {
		return "window not possible"
	}
	if len(d.SIMs) > 0 {
		ns, refusal := m.numbersOf(id, d.SIMs, true)
		if refusal != "" {
			return refusal
		}
		accepted = len(ns)
		if to == transfer.Scheduled {
			m.declineOthers(r, ns)
		} else {
			r.partial, r.chosen = true, ns
		}
	}
	from := r.state
	r.state, r.landing = to, m.landing(r, chosen)
	if to == transfer.Scheduled {
		r.starts, r.expires = "later", "never"
		if !d.Window.NotAfter.IsZero() {
			r.expires = "later"
		}
	} else {
		m.startPhase(id, transfer.WorkExecute)
	}
	detail := fmt.Sprintf("accepted=%d", accepted)
	if b := d.OnBehalf; b != nil {
		detail += fmt.Sprintf(",on_behalf=destination,reason=%s,ticket=%s", b.Reason, b.Ticket)
	}
	r.note("accept", string(d.By.Party), from, r.state, detail)
	return ""
}

// declineOthers declines the eligible transfers of a request that were not accepted.
func (m *model) declineOthers(r *modelRequest, accepted []int) {
	for n, t := range r.transfers {
		if t.state == transfer.Eligible && !slices.Contains(accepted, n) {
			m.closeOpen(r, n, transfer.Declined)
		}
	}
}

// checkLanding returns why SIMs cannot land on a plan that the destination chose.
func (m *model) checkLanding(r *modelRequest, plan string) string {
	to := m.account(r.destination)
	crosses := m.account(r.source).coverage != to.coverage
	bound := plan == boundPlan && crosses
	if plan == "" || to.mayHold(plan) && !bound {
		return ""
	}
	e := storage.LandingPlanError{Plan: plan, Bound: bound && to.mayHold(plan)}
	for _, p := range to.plans {
		if p != boundPlan || !crosses {
			e.Choices = append(e.Choices, p)
		}
	}
	return e.Error()
}

func (m *model) approve(r *modelRequest, d storage.Decision) string {
	currency := m.account(r.source).currency
	detail := "ticket=" + d.Ticket
	if d.FeeOverride == nil {
		if slices.ContainsFunc(r.transfers, func(t modelTransfer) bool { return t.state == transfer.Eligible && t.fee == nil }) {
			return (&storage.NoFeeError{Currency: currency}).Error()
		}
	} else {
		detail = fmt.Sprintf("fee=%s,reason=%s,%s", transfer.Money{Minor: *d.FeeOverride, Currency: currency}, d.Reason, detail)
	}
	from := r.state
	r.state, r.expires, r.ticket, r.override = transfer.AwaitingAcceptance, "later", d.Ticket, d.FeeOverride
	r.withheld = r.count(transfer.Canceled, false)
	r.reminded, r.due = 0, 0
	r.note("approve", string(d.By.Party), from, r.state, detail)
	return ""
}

func (m *model) endSome(id int, to transfer.RequestState, d storage.Decision) string {
	r := m.request(id)
	validating := r.state == transfer.Validating
	ns, refusal := m.numbersOf(id, d.SIMs, !validating)
	if refusal != "" {
		return refusal
	}
	detail := fmt.Sprintf("sims=%d", len(ns))
	if d.Reason != "" {
		detail = reasonText(d.Reason) + "," + detail
	}
	var from, final transfer.RequestState
	if validating {
		r.withdrawn = append(r.withdrawn, ns...)
		slices.Sort(r.withdrawn)
		r.withdrawn = slices.Compact(r.withdrawn)
	} else {
		outcome, _ := to.Released()
		for _, n := range ns {
			m.closeOpen(r, n, outcome)
		}
		if r.count(transfer.Eligible, false) == 0 {
			from, final = r.state, to
			r.state, r.expires, r.finished = to, "never", true
		}
	}
	r.note(string(d.Event), string(d.By.Party), from, final, detail)
	return ""
}

// numbersOf returns the transfers of a request for the named SIMs. If open is false,
// transfers that only name the SIM count too. SIMs of the source may be named by any
// of their identifiers.
func (m *model) numbersOf(id int, names []transfer.Identifier, open bool) (ns []int, refusal string) {
	r := m.request(id)
	var unknown []string
	for _, name := range names {
		var found []int
		sim := m.named(name.String())
		own := sim != 0 && m.sim(sim).account == r.source
		for n, t := range r.transfers {
			switch {
			case open && sim != 0 && m.sim(sim).claim == [2]int{id, n}:
				found = append(found, n)
			case !open && (t.identifier == name.String() || own && slices.Contains(m.sim(sim).identifiers, t.identifier)):
				found = append(found, n)
			}
		}
		if found == nil {
			unknown = append(unknown, name.String())
		}
		ns = append(ns, found...)
	}
	if unknown != nil {
		return nil, (&storage.UnknownSIMsError{Identifiers: unknown}).Error()
	}
	slices.Sort(ns)
	return slices.Compact(ns), ""
}

// extend gives more time: a minute, or more than the limit allows.
func (m *model) extend(r *modelRequest, d storage.Decision) string {
	if d.Longer >= transfer.MaxAcceptance {
		return "extension not possible"
	}
	r.note("extend", string(d.By.Party), "", "", "")
	return ""
}

// takeBack reopens a request that a party ended.
func (m *model) takeBack(id int, d storage.Decision) string {
	r := m.request(id)
	outcome, _ := r.state.Released()
	switch {
	case r.ended.by == "":
		return "not taken back: " + transfer.NoTakeBack
	case r.ended.by != string(d.By.Party):
		return "not taken back: " + transfer.OtherParty
	case r.ended.late:
		return "not taken back: " + transfer.TakeBackLate
	case r.ended.expires == "past":
		return (&transfer.ExpiredError{Event: transfer.TakeBack}).Error()
	case !r.finished:
		return "not released yet"
	}
	var taken []string
	for _, t := range r.transfers {
		if s := t.sim; t.released && (m.sim(s).claim[0] != 0 || m.sim(s).account != r.source) {
			taken = append(taken, t.identifier)
		}
	}
	if taken != nil {
		return fmt.Sprintf("not free: %q", taken)
	}
	if !m.accountsOpen(r) {
		return (&storage.AccountClosedError{Event: transfer.TakeBack}).Error()
	}
	n := 0
	for i := range r.transfers {
		if t := &r.transfers[i]; t.released && t.state == outcome {
			t.state, t.released = transfer.Eligible, false
			m.sim(t.sim).claim = [2]int{id, i}
			n++
		}
	}
	from := r.state
	r.state, r.expires, r.finished = r.ended.from, r.ended.expires, false
	r.ended = modelEnd{}
	r.note("take_back", string(d.By.Party), from, r.state, fmt.Sprintf("eligible=%d", n))
	return ""
}

// waits reports whether a request waits for a decision, of which reminders are sent.
func (r *modelRequest) waits() bool {
	return r.state == transfer.InReview || r.state == transfer.AwaitingAcceptance
}

// startDue starts the scheduled requests whose window has begun and is not over.
func (m *model) startDue() {
	for i := range m.requests {
		if r := &m.requests[i]; r.state == transfer.Scheduled && r.starts == "past" && r.expires != "past" {
			r.state = transfer.Transferring
			m.startPhase(i+1, transfer.WorkExecute)
			r.note("start", "system", transfer.Scheduled, r.state, "")
		}
	}
}

// remind records the reminders that are due; the last of several.
func (m *model) remind() {
	for i := range m.requests {
		if r := &m.requests[i]; r.waits() && r.expires == "later" && r.due > r.reminded {
			r.reminded = r.due
			party := transfer.PartyDestination
			if r.state == transfer.InReview {
				party = transfer.PartySupport
			}
			r.note("remind", "system", "", "", fmt.Sprintf("percent=%d,waiting_for=%s", transfer.Reminders()[r.due-1], party))
		}
	}
}

func (m *model) sweep() {
	for i := range m.requests {
		if r := &m.requests[i]; r.expires == "past" {
			from := r.state
			r.state = transfer.RequestExpired
			m.startRelease(i + 1)
			r.note("expire", "system", from, r.state, "")
		}
	}
}

// --- sessions

// start is the start of a data session, under the current owner if it is fresh,
// otherwise long ago and reported late.
func (m *model) start(id string, sim, gateway int, fresh bool) {
	m.sessions = append(m.sessions, modelSession{id: id, sim: sim, gateway: gateway})
	s := m.sim(sim)
	if stray := !fresh && len(s.timeline) > 1; stray {
		m.addWork(modelWork{kind: transfer.WorkDropStray, stray: id, gateway: gateway})
	} else if s.status == transfer.Ready {
		s.status = transfer.Active
	}
}

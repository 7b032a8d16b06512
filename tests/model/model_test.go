package model_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lib/pq"
	"pgregory.net/rapid"

	"simtransfer/storage"
	"simtransfer/transfer"
)

// TestModel compares the service with the model; see doc.go. Most runs pass tasks
// to the handlers directly, some through Redis and the worker's servers.
func TestModel(t *testing.T) {
	fewerRuns(t) // before anything runs in parallel
	t.Parallel()
	w := newTestService(t)
	rapid.Check(t, func(t *rapid.T) {
		s := &comparison{w: w, m: inventory()}
		w.overRedis = rapid.IntRange(0, 4).Draw(t, "through Redis") == 4
		if err := w.reset(t.Context(), s.m); err != nil {
			t.Fatal(err)
		}
		t.Repeat(s.actions())
		s.quiesce(t)
	})
}

// runs is the default of -rapid.checks. Every run is some hundred transactions.
const runs = 40

// fewerRuns sets rapid's flags unless the command line or the environment does. It
// turns files of failures off: the seed and the history are printed.
func fewerRuns(t *testing.T) {
	t.Helper()
	asked := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { asked[f.Name] = true })
	for name, value := range map[string]string{"rapid.checks": strconv.Itoa(runs), "rapid.nofailfile": "true"} {
		if _, set := os.LookupEnv(strings.ToUpper(strings.ReplaceAll(name, ".", "_"))); set || asked[name] {
			continue
		}
		if err := flag.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
}

// comparison is the model and the service, with the history of one run.
type comparison struct {
	w        *testService
	m        *model
	history  []string
	sessions int // made so far
	focus    focus
}

func (s *comparison) say(format string, args ...any) {
	s.history = append(s.history, fmt.Sprintf(format, args...))
}

// fail ends the test and prints the history, because concurrent operations may run
// in another order when the seed is replayed.
func (s *comparison) fail(t *rapid.T, format string, args ...any) {
	t.Helper()
	t.Fatalf("%s\n\nafter:\n%s", fmt.Sprintf(format, args...), strings.Join(s.history, "\n"))
}

// do does an operation and compares the answer and the database with the model.
func (s *comparison) do(t *rapid.T, op operation) {
	t.Helper()
	s.say("%s", op.name)
	answer, err := op.do(t.Context(), func() {})
	if err != nil {
		s.fail(t, "%s: %v", op.name, err)
	}
	if want := s.m.perform(op.steps); answer != want {
		s.fail(t, "%s: the answer was %q, the model says %q", op.name, answer, want)
	}
	if want, got := s.m.dump(), s.look(t); !slices.Equal(want, got) {
		s.fail(t, "after %s (-model +database):\n%s", op.name, difference(want, got))
	}
}

func (s *comparison) look(t *rapid.T) []string {
	t.Helper()
	got, err := s.w.look(t.Context())
	if err != nil {
		s.fail(t, "reading the database: %v", err)
	}
	return got
}

// checkInvariants verifies the invariants.
func (s *comparison) checkInvariants(t *rapid.T, overdue bool) {
	t.Helper()
	broken, err := s.w.broken(t.Context(), overdue)
	if err != nil {
		s.fail(t, "checking: %v", err)
	}
	if broken != "" {
		s.fail(t, "broken invariants:\n%s", broken)
	}
}

// --- drawing

// open lists the requests that are not finished.
func (s *comparison) open() []int {
	var list []int
	for i, r := range s.m.requests {
		if !r.finished {
			list = append(list, i+1)
		}
	}
	return list
}

// drawRequest prefers requests that are not finished.
func (s *comparison) drawRequest(t *rapid.T) int {
	if s.focus.request != 0 {
		return s.focus.request
	}
	if list := s.open(); len(list) > 0 && rapid.IntRange(0, 9).Draw(t, "finished") != 9 {
		return rapid.SampledFrom(list).Draw(t, "request")
	}
	return rapid.IntRange(1, len(s.m.requests)).Draw(t, "request")
}

// drawSIM prefers SIMs in requests that are not finished.
func (s *comparison) drawSIM(t *rapid.T) int {
	var list []int
	open := s.open()
	if s.focus.request != 0 {
		open = []int{s.focus.request}
	}
	for _, id := range open {
		for _, x := range s.m.request(id).transfers {
			if sim := s.m.named(x.identifier); sim != 0 {
				list = append(list, sim)
			}
			if x.state == transfer.Eligible {
				list = append(list, x.sim, x.sim, x.sim) // which are at stake
			}
		}
	}
	if len(list) > 0 && rapid.IntRange(0, 4).Draw(t, "elsewhere") != 4 {
		return rapid.SampledFrom(list).Draw(t, "SIM")
	}
	return rapid.IntRange(1, len(s.m.sims)).Draw(t, "SIM")
}

func (s *comparison) drawIdentifier(t *rapid.T, sim int) string {
	return rapid.SampledFrom(s.m.sim(sim).identifiers).Draw(t, "identifier")
}

func (s *comparison) drawCreation(t *rapid.T) operation { return s.w.create(s.drawNew(t)) }

// drawNew prefers SIMs of the source.
func (s *comparison) drawNew(t *rapid.T) modelRequest {
	r := modelRequest{source: rapid.IntRange(1, len(s.m.accounts)).Draw(t, "source")}
	r.destination = (r.source+rapid.IntRange(0, len(s.m.accounts)-2).Draw(t, "destination"))%len(s.m.accounts) + 1
	r.selfOnly = rapid.IntRange(0, 9).Draw(t, "self-service only") == 9
	var own []int
	for i, sim := range s.m.sims {
		if sim.account == r.source {
			own = append(own, i+1)
		}
	}
	for range rapid.IntRange(1, 7).Draw(t, "size") {
		identifier := "89883030000099999999"[:rapid.IntRange(18, 20).Draw(t, "digits")]
		switch kind := rapid.IntRange(0, 9).Draw(t, "kind"); {
		case kind < 8 && len(own) > 0:
			identifier = s.drawIdentifier(t, rapid.SampledFrom(own).Draw(t, "own"))
		case kind < 9:
			identifier = s.drawIdentifier(t, s.drawSIM(t))
		}
		// The API refuses a duplicate identifier.
		if !r.names(identifier) {
			r.transfers = append(r.transfers, modelTransfer{identifier: identifier, state: transfer.Pending})
		}
	}
	return r
}

// drawRival draws a request for the same SIMs, in reverse order.
func (s *comparison) drawRival(t *rapid.T, r modelRequest) modelRequest {
	rival := modelRequest{source: r.source, destination: r.destination}
	for _, x := range slices.Backward(r.transfers) {
		if sim := s.m.named(x.identifier); sim != 0 {
			x.identifier = s.drawIdentifier(t, sim)
		}
		if !rival.names(x.identifier) {
			rival.transfers = append(rival.transfers, x)
		}
	}
	return rival
}

// drawDecision prefers decisions that are possible.
func (s *comparison) drawDecision(t *rapid.T) operation {
	id := s.drawRequest(t)
	r := s.m.request(id)
	var d storage.Decision
	events := []transfer.Event{
		transfer.Approve, transfer.Deny, transfer.Accept, transfer.Decline, transfer.Cancel, transfer.Extend, transfer.TakeBack,
	}
	switch {
	case rapid.IntRange(0, 9).Draw(t, "impossible") == 9:
	case r.state == transfer.InReview:
		events = []transfer.Event{transfer.Approve, transfer.Approve, transfer.Approve, transfer.Deny, transfer.Cancel, transfer.Extend}
	case r.state == transfer.AwaitingAcceptance:
		events = []transfer.Event{transfer.Accept, transfer.Accept, transfer.Accept, transfer.Accept, transfer.Decline, transfer.Cancel, transfer.Extend}
	case r.state == transfer.Scheduled:
		events = []transfer.Event{transfer.Decline, transfer.Cancel}
	case r.ended.by != "":
		events = []transfer.Event{transfer.TakeBack}
	case r.state == transfer.Validating:
		events = []transfer.Event{transfer.Cancel}
	}
	d.Event = rapid.SampledFrom(events).Draw(t, "event")
	switch d.Event {
	case transfer.Approve, transfer.Deny:
		d.By.Party = transfer.PartySupport
	case transfer.TakeBack:
		d.By.Party = transfer.Party(cmp.Or(r.ended.by, "source"))
	case transfer.Cancel, transfer.Extend:
		d.By.Party = rapid.SampledFrom([]transfer.Party{transfer.PartySource, transfer.PartySupport}).Draw(t, "party")
	default:
		d.By.Party = transfer.PartyDestination
	}
	if rapid.IntRange(0, 19).Draw(t, "another caller") == 19 {
		d.By.Party = rapid.SampledFrom(transfer.Parties()).Draw(t, "party")
	}
	if d.Event == transfer.Accept && rapid.IntRange(0, 4).Draw(t, "on behalf") == 4 {
		d.By.Party, d.OnBehalf = transfer.PartySupport, &storage.OnBehalf{Reason: "merger", Ticket: "T-3"}
	}
	switch d.Event {
	case transfer.Approve:
		d.Ticket = "T-1"
		if rapid.Bool().Draw(t, "override") {
			fee := rapid.SampledFrom([]int64{0, 250, 9000}).Draw(t, "fee")
			d.FeeOverride, d.Reason = &fee, "agreed"
		}
	case transfer.Deny:
		d.Reason = "suspicious"
	case transfer.Extend:
		d.Longer = rapid.SampledFrom([]time.Duration{time.Minute, time.Minute, transfer.MaxAcceptance}).Draw(t, "longer")
	case transfer.TakeBack:
	default:
		if rapid.Bool().Draw(t, "partial") {
			d.SIMs = s.drawSIMs(t, r)
		}
		if d.Event == transfer.Accept && rapid.IntRange(0, 3).Draw(t, "landing") == 3 {
			d.Landing = &storage.Landing{Plan: s.drawPlan(t)}
		}
		if d.Event == transfer.Accept && rapid.Bool().Draw(t, "for later") {
			d.Window = s.drawWindow(t)
		}
	}
	return s.w.decide(id, d)
}

// drawWindow draws a window that begins in an hour, and rarely one that is not
// possible.
func (s *comparison) drawWindow(t *rapid.T) *transfer.Window {
	begin := time.Now().Add(time.Hour)
	if rapid.IntRange(0, 9).Draw(t, "impossible window") == 9 {
		begin = begin.Add(transfer.MaxAhead)
	}
	w := &transfer.Window{NotBefore: begin}
	if rapid.Bool().Draw(t, "not after") {
		w.NotAfter = begin.Add(time.Hour)
	}
	return w
}

// drawSIMs draws some SIMs of a request, named by any of their identifiers, and
// sometimes a SIM that is not in the request.
func (s *comparison) drawSIMs(t *rapid.T, r *modelRequest) (list []transfer.Identifier) {
	for range rapid.IntRange(1, 3).Draw(t, "SIMs") {
		name := r.transfers[rapid.IntRange(0, len(r.transfers)-1).Draw(t, "n")].identifier
		switch sim := s.m.named(name); rapid.IntRange(0, 19).Draw(t, "otherwise") {
		case 19:
			name = s.drawIdentifier(t, s.drawSIM(t))
		case 10, 11, 12, 13, 14, 15, 16, 17, 18:
			if sim != 0 {
				name = s.drawIdentifier(t, sim)
			}
		}
		list = append(list, parsed(name))
	}
	return list
}

func parsed(identifier string) transfer.Identifier {
	id, err := transfer.ParseIdentifier(identifier)
	if err != nil {
		panic(err)
	}
	return id
}

// drawStart draws the start of one or several sessions, as accounting reports them.
func (s *comparison) drawStart(t *rapid.T) operation {
	var list []newSession
	for range rapid.SampledFrom([]int{1, 1, 2, 3}).Draw(t, "sessions") {
		sim := s.drawSIM(t)
		list = append(list, newSession{
			sim:      sim,
			username: s.drawIdentifier(t, sim),
			gateway:  rapid.SampledFrom([]int{1, 2, 1, 2, 1, 2, unknownGateway}).Draw(t, "gateway"),
			fresh:    rapid.Bool().Draw(t, "fresh"),
		})
	}
	slices.SortStableFunc(list, func(a, b newSession) int { return a.sim - b.sim }) // the order of locks
	for i := range list {
		s.sessions++
		list[i].id = fmt.Sprintf("s%d", s.sessions)
	}
	return s.w.start(list, rapid.IntRange(0, len(list)-1).Draw(t, "held after"))
}

func (s *comparison) drawStop(t *rapid.T) operation {
	return s.w.stop(s.m.sessions[rapid.IntRange(0, len(s.m.sessions)-1).Draw(t, "session")].id)
}

func (s *comparison) drawStatus(t *rapid.T) operation {
	sim := s.drawSIM(t)
	return s.w.status(sim, parsed(s.m.sim(sim).identifiers[0]), rapid.SampledFrom(transfer.Statuses()).Draw(t, "status"),
		rapid.SampledFrom([]transfer.StatusActor{transfer.ByCorrection, transfer.BySupport, transfer.ByAdmin, transfer.ByAccount}).Draw(t, "by"))
}

func (s *comparison) drawEdit(t *rapid.T) operation {
	sim := s.drawSIM(t)
	account := s.m.sim(sim).account
	if rapid.IntRange(0, 4).Draw(t, "another caller") == 4 {
		account = rapid.IntRange(1, len(s.m.accounts)).Draw(t, "account")
	}
	fleet := rapid.SampledFrom([]string{"north", "south"}).Draw(t, "fleet")
	return s.w.edit(account, sim, parsed(s.m.sim(sim).identifiers[1]), rapid.Bool().Draw(t, "locked"), rapid.Bool().Draw(t, "protected"), fleet)
}

func (s *comparison) drawPlan(t *rapid.T) string {
	return rapid.SampledFrom(planNames()).Draw(t, "plan")
}

// drawPlans draws a change of the plans on which SIMs are or can land.
func (s *comparison) drawPlans(t *rapid.T) operation {
	source, destination := rapid.IntRange(1, len(s.m.accounts)).Draw(t, "source"), rapid.IntRange(1, len(s.m.accounts)).Draw(t, "destination")
	if id := s.focus.request; id != 0 {
		source, destination = s.m.request(id).source, s.m.request(id).destination
	} else if list := s.open(); len(list) > 0 {
		r := s.m.request(rapid.SampledFrom(list).Draw(t, "request"))
		source, destination = r.source, r.destination
	}
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0:
		var plans []string // any
		for _, plan := range slices.Sorted(slices.Values(planNames())) {
			if rapid.IntRange(0, 2).Draw(t, "held") > 0 {
				plans = append(plans, plan)
			}
		}
		if len(plans) == len(planNames()) {
			plans = nil
		}
		return s.w.allow(destination, plans)
	case 1:
		sim := s.drawSIM(t)
		return s.w.plan(sim, parsed(s.m.sim(sim).identifiers[0]), s.drawPlan(t))
	}
	if rapid.Bool().Draw(t, "any source") {
		source = 0
	}
	mapping := transfer.PlanMapping{Plans: map[string]string{}}
	for range rapid.IntRange(0, 2).Draw(t, "mapped") {
		mapping.Plans[s.drawPlan(t)] = s.drawPlan(t)
	}
	if rapid.IntRange(0, 2).Draw(t, "default") == 2 {
		mapping.Default = s.drawPlan(t)
	}
	return s.w.mapPlans(source, destination, mapping)
}

// drawStanding draws the closing of an account, or the opening of the closed one.
func (s *comparison) drawStanding(t *rapid.T) operation {
	if r := s.focus.request; r != 0 && s.m.accountsOpen(s.m.request(r)) {
		return s.w.standing(rapid.SampledFrom([]int{s.m.request(r).source, s.m.request(r).destination}).Draw(t, "account"), false)
	}
	if i := slices.IndexFunc(s.m.accounts, func(a modelAccount) bool { return !a.open }); i >= 0 {
		return s.w.standing(i+1, true)
	}
	return s.w.standing(rapid.IntRange(1, len(s.m.accounts)).Draw(t, "account"), false)
}

// take takes any task out of the queue; sometimes the queue keeps it too.
func (s *comparison) take(t *rapid.T) storage.Task {
	i := rapid.IntRange(0, len(s.w.queue)-1).Draw(t, "task")
	task := s.w.queue[i]
	if rapid.IntRange(0, 3).Draw(t, "again") != 3 {
		s.w.queue = slices.Delete(s.w.queue, i, i+1)
	}
	return task
}

// --- actions

// actions returns what may happen next, each as often as its weight.
func (s *comparison) actions() map[string]func(*rapid.T) {
	actions := map[string]func(*rapid.T){}
	for _, a := range []struct {
		name   string
		weight int
		do     func(*rapid.T)
	}{
		{"create", 3, s.create},
		{"advance", 4, s.advance},
		{"decide", 2, s.decide},
		{"proceed", 1, s.proceed},
		{"deliver", 2, s.deliver},
		{"dispatch", 1, s.dispatch},
		{"lose", 1, s.lose},
		{"race", 7, s.race},
		{"session", 2, s.session},
		{"SIM", 1, s.change},
		{"account", 1, s.account},
		{"offer", 3, s.offer},
		{"plans", 2, s.plans},
		{"gateways", 1, s.answers},
		{"failure", 2, s.failure},
		{"time", 2, s.time},
	} {
		for i := range a.weight {
			actions[fmt.Sprintf("%s %d", a.name, i)] = a.do
		}
	}
	return actions
}

func (s *comparison) create(t *rapid.T) {
	if len(s.open()) > 6 {
		t.Skip("enough requests for now")
	}
	s.do(t, s.drawCreation(t))
}

// advance brings a request one step closer to its end.
func (s *comparison) advance(t *rapid.T) {
	if len(s.open()) == 0 {
		t.Skip("no open request")
	}
	if !s.advanceOne(t) {
		s.proceed(t)
	}
}

// advanceOne makes the decision that a request waits for, if any.
func (s *comparison) advanceOne(t *rapid.T) bool {
	id := rapid.SampledFrom(s.open()).Draw(t, "request")
	d := storage.Decision{Event: transfer.Accept, By: storage.Actor{Party: transfer.PartyDestination}}
	switch s.m.request(id).state {
	case transfer.InReview:
		fee := int64(700)
		d = storage.Decision{
			Event: transfer.Approve, By: storage.Actor{Party: transfer.PartySupport},
			Ticket: "T-2", FeeOverride: &fee, Reason: "agreed",
		}
	case transfer.AwaitingAcceptance:
	case transfer.Scheduled:
		s.do(t, s.w.begin(id))
		s.do(t, s.w.sweepStarts())
		return true
	default:
		return false
	}
	s.do(t, s.w.decide(id, d))
	return true
}

func (s *comparison) decide(t *rapid.T) {
	if len(s.m.requests) == 0 {
		t.Skip("no request")
	}
	s.do(t, s.drawDecision(t))
}

func (s *comparison) dispatch(t *rapid.T) {
	s.do(t, s.w.dispatch(rapid.IntRange(0, 4).Draw(t, "Redis is away") == 4))
}

func (s *comparison) deliver(t *rapid.T) {
	if len(s.w.queue) == 0 {
		t.Skip("the queue is empty")
	}
	s.do(t, s.w.deliver(s.m, s.take(t)))
}

// proceed carries out due work, in random order.
func (s *comparison) proceed(t *rapid.T) { s.proceedWith(t, false) }

func (s *comparison) proceedWith(t *rapid.T, all bool) {
	for {
		if slices.ContainsFunc(s.m.work, modelWork.due) {
			s.do(t, s.w.dispatch(false))
		}
		if len(s.w.queue) == 0 || !all && rapid.IntRange(0, 9).Draw(t, "enough") == 9 {
			break
		}
		i := rapid.IntRange(0, len(s.w.queue)-1).Draw(t, "task")
		task := s.w.queue[i]
		s.w.queue = slices.Delete(s.w.queue, i, i+1)
		s.do(t, s.w.deliver(s.m, task))
	}
	s.checkInvariants(t, false)
}

// lose loses a task, or recovers the lost ones.
func (s *comparison) lose(t *rapid.T) {
	if len(s.w.queue) > 0 && rapid.Bool().Draw(t, "lose") {
		i := rapid.IntRange(0, len(s.w.queue)-1).Draw(t, "task")
		s.say("lose %s", s.w.about(s.w.queue[i]))
		s.w.queue = slices.Delete(s.w.queue, i, i+1)
		return
	}
	s.do(t, s.w.reconcile())
}

func (s *comparison) session(t *rapid.T) {
	if len(s.m.sessions) > 0 && rapid.IntRange(0, 3).Draw(t, "stop") == 3 {
		s.do(t, s.drawStop(t))
		return
	}
	s.do(t, s.drawStart(t))
}

func (s *comparison) change(t *rapid.T) {
	if rapid.Bool().Draw(t, "status") {
		s.do(t, s.drawStatus(t))
		return
	}
	s.do(t, s.drawEdit(t))
}

func (s *comparison) account(t *rapid.T) {
	closed := slices.ContainsFunc(s.m.accounts, func(a modelAccount) bool { return !a.open })
	if !closed && rapid.IntRange(0, 3).Draw(t, "standing") != 3 {
		s.do(t, s.w.price(
			rapid.SampledFrom([]transfer.Currency{"EUR", "JPY"}).Draw(t, "currency"),
			rapid.SampledFrom([]int64{0, 300, 800}).Draw(t, "amount")))
		return
	}
	s.do(t, s.drawStanding(t))
}

func (s *comparison) plans(t *rapid.T) { s.do(t, s.drawPlans(t)) }

func (s *comparison) answers(t *rapid.T) {
	list := []behavior{acknowledges, acknowledges, stopsFirst, reconnects, refusesOdd, refuses}
	if !s.w.overRedis { // that worker would remember it for a second
		list = append(list, isSilent)
	}
	behaviors := rapid.SampledFrom(list)
	s.do(t, s.w.gatewaysDo(behaviors.Draw(t, "first"), behaviors.Draw(t, "second"), rapid.IntRange(0, 4).Draw(t, "troubled") == 4))
}

// failure makes something fail in a worker.
func (s *comparison) failure(t *rapid.T) {
	var rows, drops []int64
	for id := range s.w.work {
		if w := s.m.workWith(s.w.modelled(s.m, id)); !w.later && !w.leased {
			rows = append(rows, id)
			if w.drops() {
				drops = append(drops, id)
			}
		}
	}
	slices.Sort(rows)
	slices.Sort(drops)
	switch kind := rapid.IntRange(0, 3).Draw(t, "kind"); {
	case kind == 0 && len(s.w.queue) > 0:
		s.do(t, s.w.die(s.m, s.take(t), rapid.SampledFrom([]int{1, 3, 10}).Draw(t, "times")))
	case kind == 1 && len(drops) > 0:
		s.do(t, s.w.abandon(s.m, rapid.SampledFrom(drops).Draw(t, "work")))
	case len(rows) > 0:
		cause := rapid.SampledFrom([]error{
			&pq.Error{Code: "23514"}, &pq.Error{Code: "P0001"}, errors.New("unknown"), context.DeadlineExceeded,
			&pq.Error{Code: "40001"}, &pq.Error{Code: "42501"},
		}).Draw(t, "cause")
		s.do(t, s.w.failing(s.m, rapid.SampledFrom(rows).Draw(t, "work"), cause,
			rapid.IntRange(1, 4).Draw(t, "times"), rapid.Bool().Draw(t, "later")))
	default:
		t.Skip("no work")
	}
}

// time lets time pass.
func (s *comparison) time(t *rapid.T) {
	switch kind := rapid.IntRange(0, 11).Draw(t, "kind"); {
	case kind == 0 && len(s.m.requests) > 0:
		s.do(t, s.w.lapse(s.drawRequest(t)))
	case kind == 6 && len(s.m.requests) > 0:
		s.do(t, s.w.forget(s.drawRequest(t)))
	case kind == 7 && len(s.m.requests) > 0:
		s.do(t, s.w.pass(s.drawRequest(t), rapid.IntRange(1, 2).Draw(t, "share")))
	case kind == 8:
		for i, r := range s.m.requests {
			if r.waits() {
				s.do(t, s.w.pass(i+1, rapid.IntRange(1, 2).Draw(t, "share")))
			}
		}
		s.do(t, s.w.sweepReminders())
	case kind == 9 && len(s.m.requests) > 0:
		s.do(t, s.w.begin(s.drawRequest(t)))
	case kind == 10:
		s.do(t, s.w.sweepStarts())
	case kind == 1:
		s.do(t, s.w.purge())
	case kind == 2:
		s.do(t, s.w.retry())
	case kind == 3:
		s.do(t, s.w.sweep())
	default:
		s.do(t, s.w.passTime())
	}
}

// quiesce decides on most of the waiting requests and carries out all work, first
// with the gateways as they are, then with gateways that acknowledge everything.
// Then it checks the result.
func (s *comparison) quiesce(t *rapid.T) {
	for range s.open() {
		s.advance(t)
		s.decide(t)
	}
	heal := s.w.gatewaysDo(acknowledges, acknowledges, false)
	for round := 0; len(s.m.work) > 0; round++ {
		switch round {
		case dropAttempts + 1:
			s.do(t, heal)
		case dropAttempts + 20:
			s.fail(t, "work does not end: %v", s.w.work)
		}
		s.do(t, s.w.passTime())
		if round > dropAttempts {
			s.stopUnknown(t)
			s.do(t, s.w.retry())
		}
		s.do(t, s.w.reconcile())
		s.proceedWith(t, true)
	}
	s.checkInvariants(t, true)
	for i, r := range s.m.requests {
		if !r.finished && r.state != transfer.InReview && r.state != transfer.AwaitingAcceptance && r.state != transfer.Scheduled {
			s.fail(t, "request %d is %s at the end", i+1, r.state)
		}
	}
}

// stopUnknown ends the sessions that no configured gateway can drop.
func (s *comparison) stopUnknown(t *rapid.T) {
	for _, x := range s.m.sessions {
		if x.gateway == unknownGateway && x.cause == "" {
			s.do(t, s.w.stop(x.id))
		}
	}
}

package model_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"simtransfer/storage"
	"simtransfer/transfer"
)

// race does several operations concurrently. The result has to be the model's
// result for some order of their steps.
func (s *comparison) race(t *rapid.T) {
	if s.m.troubled {
		t.Skip("the order would depend on the length of a delay")
	}
	s.prepare(t)
	defer func() { s.focus = focus{} }()
	ops, sweeps := s.contenders(t)
	hold := s.drawHold(t, ops)
	s.say("concurrently, with %s held:", hold)
	for _, op := range ops {
		s.say("  %s", op.name)
	}
	answers := s.run(t, ops, hold)
	after := []operation{s.w.dispatch(false)} // locked rows were left to the next dispatch and sweep
	if sweeps {
		after = []operation{s.w.sweep(), s.w.sweepStarts(), s.w.sweepReminders(), s.w.dispatch(false)}
	}
	for _, op := range after {
		if _, err := op.do(t.Context(), func() {}); err != nil {
			s.fail(t, "%s: %v", op.name, err)
		}
	}
	lines := s.look(t)
	var nearest string
	got := append(slices.Clone(answers), lines...)
	found := explore(s.m, ops, func(m *model, wanted []string) bool {
		for _, op := range after {
			m.perform(op.steps)
		}
		want := append(wanted, m.dump()...)
		if slices.Equal(want, got) {
			s.m = m
			return true
		}
		if diff := difference(want, got); nearest == "" || len(diff) < len(nearest) {
			nearest = diff
		}
		return false
	})
	if !found {
		s.fail(t, "no order of these operations explains the outcome; the nearest differs so (-model +database):\n%s", nearest)
	}
}

func difference(want, got []string) string { return cmp.Diff(lines(want), lines(got)) }

// lines turns a dump into a set, for short diffs.
func lines(list []string) map[string]int {
	m := map[string]int{}
	for _, line := range list {
		m[line]++
	}
	return m
}

// explore looks for an order of the operations' steps whose result satisfies a
// condition on the model and the answers. It tries orders without interleaving
// first, because they explain most results.
func explore(m *model, ops []operation, end func(*model, []string) bool) bool {
	return exploreFrom(m, ops, make([]frame, len(ops)), make([]int, len(ops)), true, end) ||
		exploreFrom(m, ops, make([]frame, len(ops)), make([]int, len(ops)), false, end)
}

func exploreFrom(m *model, ops []operation, frames []frame, done []int, whole bool, end func(*model, []string) bool) bool {
	over := true
	for i, op := range ops {
		if frames[i].over || done[i] == len(op.steps) {
			continue
		}
		over = false
		next, frames, done := m.clone(), slices.Clone(frames), slices.Clone(done)
		if !op.steps[done[i]](next, &frames[i]) {
			continue
		}
		done[i]++
		for whole && !frames[i].over && done[i] < len(op.steps) {
			op.steps[done[i]](next, &frames[i])
			done[i]++
		}
		if exploreFrom(next, ops, frames, done, whole, end) {
			return true
		}
	}
	if !over {
		return false
	}
	answers := make([]string, len(ops))
	for i := range ops {
		answers[i] = frames[i].result
	}
	return end(m.clone(), answers)
}

// focus is the subject of a race. While it is set, everything drawn concerns it. A
// zero focus means anything.
type focus struct {
	request int
	tasks   []storage.Task
}

// prepare chooses the subject of a race: work of one request, decisions on one, two
// requests for the same SIMs, or anything. It ensures that there is something to do.
func (s *comparison) prepare(t *rapid.T) {
	switch rapid.SampledFrom([]string{"anything", "work", "work", "work", "decisions", "rivals"}).Draw(t, "about") {
	case "work":
		if rapid.Bool().Draw(t, "advance") && len(s.open()) > 0 {
			s.advanceOne(t)
		}
		s.focusOnTask(t)
	case "rivals":
		r := s.drawNew(t)
		if !s.m.accountsOpen(&r) {
			return
		}
		s.do(t, s.w.create(r))
		s.do(t, s.w.create(s.drawRival(t, r)))
		s.do(t, s.w.dispatch(false))
		last := len(s.w.requests)
		s.focus.request = last
		for _, task := range s.w.queue {
			if id := task.Request.UUID; id == s.w.requests[last-1] || id == s.w.requests[last-2] {
				s.focus.tasks = append(s.focus.tasks, task)
			}
		}
	case "decisions":
		var waiting []int
		for i, r := range s.m.requests {
			if r.waits() || r.state == transfer.Scheduled || r.ended.by != "" && !r.ended.late {
				waiting = append(waiting, i+1)
			}
		}
		if len(waiting) > 0 {
			s.focus.request = rapid.SampledFrom(waiting).Draw(t, "request")
			switch rapid.IntRange(0, 5).Draw(t, "time") {
			case 3:
				s.do(t, s.w.lapse(s.focus.request))
			case 4:
				s.do(t, s.w.begin(s.focus.request))
			case 5:
				s.do(t, s.w.pass(s.focus.request, 1))
			}
		}
	}
}

// focusOnTask chooses a task whose work is not done, if there is one.
func (s *comparison) focusOnTask(t *rapid.T) {
	if slices.ContainsFunc(s.m.work, modelWork.due) {
		s.do(t, s.w.dispatch(false))
	}
	var list []storage.Task
	for _, task := range s.w.queue {
		if task.Request.Valid && s.w.modelled(s.m, task.Work) != 0 {
			list = append(list, task)
		}
	}
	if len(list) > 0 {
		task := rapid.SampledFrom(list).Draw(t, "task")
		s.focus = focus{1 + slices.Index(s.w.requests, task.Request.UUID), []storage.Task{task}}
	}
}

// contenders returns operations that compete for the same rows.
func (s *comparison) contenders(t *rapid.T) (ops []operation, sweeps bool) {
	created := false
	n := rapid.IntRange(2, 3).Draw(t, "contenders")
	for _, task := range s.focus.tasks {
		ops = append(ops, s.w.deliver(s.m, task))
	}
	kinds := []string{
		"deliver", "deliver", "deliver", "deliver", "deliver", "decide", "decide", "start", "start", "stop", "edit", "status",
		"standing", "plans", "plans", "create", "sweep", "begin", "remind", "dispatch", "check",
	}
	switch {
	case len(ops) == 1 && strings.HasPrefix(string(s.focus.tasks[0].Kind), "drop_") && rapid.Bool().Draw(t, "frozen"):
		ops = append(ops, s.w.deliver(s.m, s.focus.tasks[0]), s.w.endLease(s.m, s.focus.tasks[0].Work))
	case len(ops) > 0:
		kinds = []string{"again", "deliver", "deliver", "decide", "start", "start", "start", "edit", "status", "standing", "plans"}
	case s.focus.request != 0:
		kinds = []string{"decide", "decide", "decide", "sweep", "begin", "remind", "deliver", "plans"}
	}
	for len(ops) < n {
		kind := rapid.SampledFrom(kinds).Draw(t, "contender")
		switch {
		case kind == "deliver" && len(s.w.queue) > 0:
			ops = append(ops, s.w.deliver(s.m, s.take(t)))
		case kind == "again":
			ops = append(ops, s.w.deliver(s.m, s.focus.tasks[0]))
		case kind == "decide" && len(s.m.requests) > 0:
			ops = append(ops, s.drawDecision(t))
		case kind == "stop" && len(s.m.sessions) > 0:
			ops = append(ops, s.drawStop(t))
		case kind == "edit":
			ops = append(ops, s.drawEdit(t))
		case kind == "status":
			ops = append(ops, s.drawStatus(t))
		case kind == "standing":
			ops = append(ops, s.drawStanding(t))
		case kind == "plans":
			ops = append(ops, s.drawPlans(t))
		case kind == "create" && !created:
			created = true
			ops = append(ops, s.drawCreation(t))
		case kind == "sweep":
			sweeps = true
			ops = append(ops, s.w.sweep())
		case kind == "begin":
			sweeps = true
			ops = append(ops, s.w.sweepStarts())
		case kind == "remind":
			sweeps = true
			ops = append(ops, s.w.sweepReminders())
		case kind == "dispatch":
			ops = append(ops, s.w.dispatch(false))
		case kind == "check":
			ops = append(ops, s.w.check())
		default:
			ops = append(ops, s.drawStart(t))
		}
	}
	return ops, sweeps
}

// hold makes the operations of a race wait for each other, so that they overlap: a
// lock on a row, or the first operation, which does not commit before the others
// wait for it.
type hold struct {
	what string
	id   int
}

func (h hold) String() string {
	if h.id == 0 {
		return h.what
	}
	return fmt.Sprintf("%s %d", h.what, h.id)
}

// drawHold draws a hold, and moves the held operation to the front.
func (s *comparison) drawHold(t *rapid.T, ops []operation) hold {
	h := hold{what: rapid.SampledFrom([]string{"the first", "the first", "the first", "a SIM", "a claim", "a request", "nothing"}).Draw(t, "held")}
	var holding []int
	for i, op := range ops {
		if op.holds {
			holding = append(holding, i)
		}
	}
	switch {
	case h.what == "the first" && len(holding) > 0:
		i := rapid.SampledFrom(holding).Draw(t, "first")
		ops[0], ops[i] = ops[i], ops[0]
	case h.what == "a SIM", h.what == "a claim":
		h.id = s.drawSIM(t)
	case h.what == "a request" && len(s.m.requests) > 0:
		h.id = s.drawRequest(t)
	}
	return h
}

// run does operations concurrently and returns their answers.
func (s *comparison) run(t *rapid.T, ops []operation, h hold) []string {
	ctx := t.Context()
	release, err := s.w.lock(ctx, h)
	if err != nil {
		s.fail(t, "holding %s: %v", h, err)
	}
	defer release()
	var (
		mu      sync.Mutex
		settled int // operations that are over, or wait to be let go
		answers = make([]string, len(ops))
		goOn    = make(chan struct{})
		ended   = make(chan struct{})
	)
	settle := func() {
		mu.Lock()
		defer mu.Unlock()
		settled++
	}
	held := func() {
		settle()
		<-goOn
	}
	if h.what == "the first" {
		s.w.gateways.wait(sync.OnceFunc(held))
		defer s.w.gateways.wait(nil)
	}
	var g errgroup.Group
	for i, op := range ops {
		pause := func() {}
		if i == 0 && h.what == "the first" {
			pause = held
		}
		g.Go(func() error {
			defer settle()
			answer, err := op.do(ctx, pause)
			answers[i] = answer
			if err != nil {
				return fmt.Errorf("%s: %w", op.name, err)
			}
			return nil
		})
	}
	go func() {
		defer close(ended)
		err = g.Wait()
	}()
	s.w.await(ctx, ended, func(blocked int) bool {
		mu.Lock()
		defer mu.Unlock()
		return settled+blocked >= len(ops)
	})
	close(goOn)
	release()
	<-ended
	if err != nil {
		s.fail(t, "%v", err)
	}
	return answers
}

// lock takes a lock that others have to wait for, until release is called.
func (w *testService) lock(ctx context.Context, h hold) (release func(), err error) {
	if h.id == 0 {
		return func() {}, nil
	}
	tx, err := w.db.Pool().BeginTxx(ctx, nil)
	if err != nil {
		return nil, err
	}
	switch h.what {
	case "a SIM":
		_, err = tx.ExecContext(ctx, `SELECT 1 FROM sims WHERE id = $1 FOR NO KEY UPDATE`, h.id)
	case "a claim":
		_, err = tx.ExecContext(ctx, `
			INSERT INTO open_transfers (sim, request, n) VALUES ($1, gen_random_uuid(), 0) ON CONFLICT DO NOTHING`, h.id)
	default:
		_, err = tx.ExecContext(ctx, `SELECT 1 FROM requests WHERE id = $1 FOR NO KEY UPDATE`, w.requests[h.id-1])
	}
	if err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	return sync.OnceFunc(func() { _ = tx.Rollback() }), nil
}

// await waits until all operations have ended, or a condition on the number of
// transactions that wait for a lock is true. It gives up early, because waiting only
// makes a race more likely.
func (w *testService) await(ctx context.Context, ended <-chan struct{}, enough func(blocked int) bool) {
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for range 50 {
		select {
		case <-ended:
			return
		case <-ticker.C:
		}
		var blocked int
		if err := w.db.Pool().GetContext(ctx, &blocked, `
			SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`); err != nil {
			return
		}
		if enough(blocked) {
			return
		}
	}
}

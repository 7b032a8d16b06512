package model_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/tasks"
	"simtransfer/transfer"
)

// An operation is a call to the service and what the model expects of it: an
// answer in words, and a new state.
type operation struct {
	name  string
	holds bool // it can be held in the middle
	// do calls the service. If the operation can be held, it calls held in its
	// transaction, after a statement.
	do    func(ctx context.Context, held func()) (answer string, err error)
	steps []step
}

// atOnce returns the steps of an operation that has only one.
func atOnce(do func(m *model) string) []step {
	return []step{func(m *model, f *frame) bool {
		f.result = do(m)
		return true
	}}
}

// silently is atOnce for operations without an answer.
func silently(do func(m *model)) []step {
	return atOnce(func(m *model) string {
		do(m)
		return ""
	})
}

// create creates a request, which gets the next number unless it is refused.
func (w *testService) create(r modelRequest) operation {
	w.requests = append(w.requests, uuid.Nil)
	number := len(w.requests)
	names := make([]string, len(r.transfers))
	for i, t := range r.transfers {
		names[i] = t.identifier
	}
	return operation{
		name:  fmt.Sprintf("request %d from %d to %d for %s", number, r.source, r.destination, strings.Join(names, ", ")),
		holds: true,
		do: func(ctx context.Context, held func()) (string, error) {
			return refusal(w.db.InTx(ctx, func(tx *storage.Tx) error {
				made, err := tx.CreateRequest(ctx, storage.NewRequest{
					Source: storage.Account{ID: int64(r.source)}, Destination: storage.Account{ID: int64(r.destination)},
					SelfServiceOnly: r.selfOnly,
					Acceptance:      24 * time.Hour,
					Review:          7 * 24 * time.Hour,
					By:              storage.Actor{Party: transfer.PartySource},
					Size:            len(r.transfers),
					SIMs:            storagetest.Lines(names...),
				})
				if err == nil {
					w.requests[number-1] = made.ID
				}
				held()
				return err
			}))
		},
		steps: atOnce(func(m *model) string { return m.create(r) }),
	}
}

// decide decides on a request.
func (w *testService) decide(number int, d storage.Decision) operation {
	return operation{
		name:  fmt.Sprintf("%s of request %d by the %s, SIMs %v, landing %+v", d.Event, number, d.By.Party, d.SIMs, d.Landing),
		holds: true,
		do: func(ctx context.Context, held func()) (string, error) {
			err := w.db.InTx(ctx, func(tx *storage.Tx) error {
				_, err := tx.Decide(ctx, w.requests[number-1], d)
				held()
				return err
			})
			return refusal(err)
		},
		steps: atOnce(func(m *model) string { return m.decide(number, d) }),
	}
}

// refusal turns an error that is the caller's fault into an answer.
func refusal(err error) (string, error) {
	var (
		state   *transfer.StateError
		party   *transfer.PartyError
		late    *transfer.ExpiredError
		unknown *storage.UnknownSIMsError
		noFee   *storage.NoFeeError
		taken   *storage.SIMsNotFreeError
		releas  *storage.ReleasingError
		longer  *transfer.ExtensionError
		window  *transfer.WindowError
		back    *transfer.TakeBackError
		status  *transfer.StatusError
		closed  *storage.AccountClosedError
		landing *storage.LandingPlanError
		mapped  *storage.MappedPlanError
		barred  *storage.PlanNotAvailableError
	)
	if errors.Is(err, storage.ErrNotFound) {
		return storage.ErrNotFound.Error(), nil
	}
	switch {
	case errors.As(err, &longer): // its text has times
		return "extension not possible", nil
	case errors.As(err, &window):
		return "window not possible", nil
	case errors.As(err, &back):
		return "not taken back: " + back.Why, nil
	case errors.As(err, &taken):
		return fmt.Sprintf("not free: %q", taken.Identifiers), nil
	case errors.As(err, &releas):
		return "not released yet", nil
	}
	if errors.As(err, &state) || errors.As(err, &party) || errors.As(err, &late) ||
		errors.As(err, &unknown) || errors.As(err, &noFee) || errors.As(err, &status) || errors.As(err, &closed) ||
		errors.As(err, &landing) || errors.As(err, &mapped) || errors.As(err, &barred) {
		return err.Error(), nil
	}
	return "", err
}

// lapse moves the expiry of a request into the past, also that which it would have if
// its end were taken back.
func (w *testService) lapse(number int) operation {
	return operation{
		name: fmt.Sprintf("the time of request %d is over", number),
		do: func(ctx context.Context, _ func()) (string, error) {
			return "", w.exec(ctx, `
				UPDATE requests
				SET expires_at = expires_at - (greatest(expires_at, ended_expiry) - clock_timestamp()) - interval '1 second',
					ended_expiry = ended_expiry - (greatest(expires_at, ended_expiry) - clock_timestamp()) - interval '1 second'
				WHERE id = $1 AND (expires_at > clock_timestamp() OR ended_expiry > clock_timestamp())`, w.requests[number-1])
		},
		steps: silently(func(m *model) {
			r := m.request(number)
			if r.expires == "later" {
				r.expires = "past"
			}
			if r.ended.expires == "later" {
				r.ended.expires = "past"
			}
		}),
	}
}

// begin begins the window of a scheduled request.
func (w *testService) begin(number int) operation {
	return operation{
		name: fmt.Sprintf("the window of request %d begins", number),
		do: func(ctx context.Context, _ func()) (string, error) {
			return "", w.exec(ctx, `
				UPDATE requests SET not_before = clock_timestamp() - interval '1 second'
				WHERE id = $1 AND not_before > clock_timestamp()`, w.requests[number-1])
		},
		steps: silently(func(m *model) {
			if r := m.request(number); r.starts == "later" {
				r.starts = "past"
			}
		}),
	}
}

// pass lets a share of the time of a waiting request pass: half, or nine tenths.
func (w *testService) pass(number, share int) operation {
	hours := []int{20, 96}[share-1] // of 30 and of 100
	left := []int{10, 4}[share-1]
	return operation{
		name: fmt.Sprintf("share %d of the time of request %d passes", share, number),
		do: func(ctx context.Context, _ func()) (string, error) {
			return "", w.exec(ctx, `
				UPDATE requests
				SET waiting_since = clock_timestamp() - make_interval(hours => $2),
					expires_at = clock_timestamp() + make_interval(hours => $3),
					remind_at = CASE WHEN reminded < $4 THEN clock_timestamp() - interval '1 second' END
				WHERE id = $1 AND state IN ('in_review', 'awaiting_acceptance') AND expires_at > clock_timestamp()`, w.requests[number-1], hours, left, share)
		},
		steps: silently(func(m *model) {
			if r := m.request(number); r.waits() && r.expires == "later" {
				r.due = share
			}
		}),
	}
}

// forget lets the ten minutes pass in which the end of a request can be taken back.
func (w *testService) forget(number int) operation {
	return operation{
		name: fmt.Sprintf("ten minutes pass since request %d ended", number),
		do: func(ctx context.Context, _ func()) (string, error) {
			return "", w.exec(ctx, `
				UPDATE requests SET ended_at = ended_at - interval '10 minutes'
				WHERE id = $1`, w.requests[number-1])
		},
		steps: silently(func(m *model) { m.request(number).ended.late = true }),
	}
}

// sweepStarts starts scheduled requests. Those that another transaction is deciding on
// are left to the next sweep, as are those of the sweep of reminders.
func (w *testService) sweepStarts() operation {
	return operation{
		name: "sweep of starts",
		do: func(ctx context.Context, _ func()) (string, error) {
			_, err := w.db.StartDue(ctx, 100)
			return "", err
		},
		steps: silently((*model).startDue),
	}
}

// sweepReminders records reminders.
func (w *testService) sweepReminders() operation {
	return operation{
		name: "sweep of reminders",
		do: func(ctx context.Context, _ func()) (string, error) {
			_, err := w.db.RemindDue(ctx, 100)
			return "", err
		},
		steps: silently((*model).remind),
	}
}

// sweep expires requests. Those that another transaction is deciding on are left to
// the next sweep.
func (w *testService) sweep() operation {
	return operation{
		name: "sweep",
		do: func(ctx context.Context, _ func()) (string, error) {
			_, err := w.db.ExpireDue(ctx, 100)
			return "", err
		},
		steps: silently((*model).sweep),
	}
}

// purge deletes notes of partial decisions that are no longer needed.
func (w *testService) purge() operation {
	return operation{
		name: "purge",
		do: func(ctx context.Context, _ func()) (string, error) {
			_, err := w.db.PurgeNotes(ctx, 1000)
			return "", err
		},
		steps: silently(func(m *model) {
			for i := range m.requests {
				if r := &m.requests[i]; r.finished {
					r.withdrawn = nil
					if r.ended.by == "" || r.ended.late {
						r.chosen = nil
					}
				}
			}
		}),
	}
}

// standing opens or closes an account.
func (w *testService) standing(account int, open bool) operation {
	standing := storage.StandingClosed
	if open {
		standing = storage.StandingOpen
	}
	return operation{
		name: fmt.Sprintf("account %d is %s", account, standing),
		do: func(ctx context.Context, _ func()) (string, error) {
			_, err := w.db.UpdateAccount(ctx, storage.System(), operatorID(account).Ref(), storage.AccountChange{Standing: &standing, CloseInUse: true})
			return "", err
		},
		steps: silently(func(m *model) {
			if m.account(account).open && !open {
				m.endOffers(account)
			}
			m.account(account).open = open
		}),
	}
}

// allow sets the plans that an account may hold; nil: any.
func (w *testService) allow(account int, plans []string) operation {
	return operation{
		name: fmt.Sprintf("account %d may hold the plans %v", account, plans),
		do: func(ctx context.Context, _ func()) (string, error) {
			_, err := w.db.UpdateAccount(ctx, storage.System(), operatorID(account).Ref(), storage.AccountChange{Plans: &plans})
			return "", err
		},
		steps: silently(func(m *model) { m.account(account).plans = plans }),
	}
}

// mapPlans sets or, if it is empty, deletes the mapping of plans from a source (0:
// any) to a destination.
func (w *testService) mapPlans(source, destination int, mapping transfer.PlanMapping) operation {
	account := storage.Account{ID: int64(destination), OperatorID: operatorID(destination)}
	var from transfer.OperatorID
	if source != 0 {
		from = operatorID(source)
	}
	key := [2]int{destination, source}
	if mapping.Empty() {
		return operation{
			name: fmt.Sprintf("no mapping of plans from %d to %d", source, destination),
			do: func(ctx context.Context, _ func()) (string, error) {
				return refusal(w.db.DeletePlanMapping(ctx, storage.System(), account, from, nil))
			},
			steps: atOnce(func(m *model) string {
				if _, found := m.mappings[key]; !found {
					return storage.ErrNotFound.Error()
				}
				delete(m.mappings, key)
				return ""
			}),
		}
	}
	return operation{
		name: fmt.Sprintf("plans from %d to %d: %s", source, destination, mappingText(mapping)),
		do: func(ctx context.Context, _ func()) (string, error) {
			_, _, err := w.db.PutPlanMapping(ctx, storage.System(), account, storage.PlanMapping{Source: from, PlanMapping: mapping}, nil)
			return refusal(err)
		},
		steps: atOnce(func(m *model) string {
			to := m.account(destination)
			for _, from := range slices.Sorted(maps.Keys(mapping.Plans)) {
				if plan := mapping.Plans[from]; !to.mayHold(plan) {
					return (&storage.MappedPlanError{From: from, Plan: plan, OperatorID: operatorID(destination), Choices: to.plans}).Error()
				}
			}
			if mapping.Default != "" && !to.mayHold(mapping.Default) {
				return (&storage.MappedPlanError{Plan: mapping.Default, OperatorID: operatorID(destination), Choices: to.plans}).Error()
			}
			m.mappings[key] = mapping
			return ""
		}),
	}
}

// plan changes the plan of a SIM, if its owner may hold it.
func (w *testService) plan(sim int, identifier transfer.Identifier, plan string) operation {
	return operation{
		name: fmt.Sprintf("SIM %d gets the plan %s", sim, plan),
		do: func(ctx context.Context, _ func()) (string, error) {
			_, err := w.db.UpdateSIM(ctx, storage.System(), 0, identifier, storage.SIMChange{Plan: &plan})
			return refusal(err)
		},
		steps: atOnce(func(m *model) string {
			s := m.sim(sim)
			if plan != s.plan() && !m.account(s.account).mayHold(plan) {
				return (&storage.PlanNotAvailableError{Plan: plan, OperatorID: operatorID(s.account)}).Error()
			}
			s.setPlan(plan)
			return ""
		}),
	}
}

// price changes the fee schedule from now on.
func (w *testService) price(currency transfer.Currency, amount int64) operation {
	return operation{
		name: fmt.Sprintf("the fee is %d %s", amount, currency),
		do: func(ctx context.Context, _ func()) (string, error) {
			return "", w.db.InTx(ctx, func(tx *storage.Tx) error {
				_, err := tx.CreateFee(ctx, storage.System(), storage.Fee{Method: transfer.SupportAssisted, Currency: currency, Amount: amount}, nil)
				return err
			})
		},
		steps: silently(func(m *model) { m.fees[currency] = amount }),
	}
}

// status changes a SIM's status, if the actor may.
func (w *testService) status(sim int, identifier transfer.Identifier, status transfer.Status, by transfer.StatusActor) operation {
	return operation{
		name: fmt.Sprintf("%s makes SIM %d %s", by, sim, status),
		do: func(ctx context.Context, _ func()) (string, error) {
			_, err := w.db.UpdateSIM(ctx, storage.System(), 0, identifier, storage.SIMChange{Status: &status, StatusBy: by})
			return refusal(err)
		},
		steps: atOnce(func(m *model) string {
			s := m.sim(sim)
			protected := s.settings[slices.Index(settingNames(), "termination_protection")] == "true"
			if err := transfer.ChangeStatus(by, s.status, status, protected); err != nil {
				return err.Error()
			}
			s.status = status
			return ""
		}),
	}
}

// edit is a change to a SIM by an account. It is refused unless the account owns
// the SIM.
func (w *testService) edit(account, sim int, identifier transfer.Identifier, locked, protected bool, fleet string) operation {
	return operation{
		name: fmt.Sprintf("account %d edits SIM %d: locked %t, protected %t, fleet %s", account, sim, locked, protected, fleet),
		do: func(ctx context.Context, _ func()) (string, error) {
			_, err := w.db.UpdateSIM(ctx, storage.System(), int64(account), identifier, storage.SIMChange{
				TransferLock: &locked, TerminationProtection: &protected, ClearTags: true, Tags: map[string]*string{"fleet": &fleet}, Group: &fleet,
			})
			return refusal(err)
		},
		steps: atOnce(func(m *model) string {
			s := m.sim(sim)
			if s.account != account {
				return storage.ErrNotFound.Error()
			}
			s.locked = locked
			s.settings = slices.Clone(s.settings)
			s.settings[slices.Index(settingNames(), "tags")] = fmt.Sprintf(`{"fleet": "%s"}`, fleet)
			s.settings[slices.Index(settingNames(), "sim_group")] = fleet
			s.settings[slices.Index(settingNames(), "termination_protection")] = fmt.Sprint(protected)
			return ""
		}),
	}
}

// newSession is the start of a data session: under the current owner if it is fresh,
// otherwise long ago.
type newSession struct {
	id       string
	sim      int
	username string
	gateway  int
	fresh    bool
}

// start records sessions in one transaction, in ascending order of SIMs. It can be
// held after one of them.
func (w *testService) start(list []newSession, after int) operation {
	return operation{
		name:  fmt.Sprintf("sessions %+v", list),
		holds: true,
		do: func(ctx context.Context, held func()) (string, error) {
			tx, err := w.db.Pool().BeginTxx(ctx, nil)
			if err != nil {
				return "", err
			}
			defer func() { _ = tx.Rollback() }()
			for i, s := range list {
				if s.fresh {
					if _, err := tx.ExecContext(ctx, lockSessionSIM, s.username); err != nil {
						return "", err
					}
				}
				if _, err := tx.ExecContext(ctx, startSQL, s.id, s.username, gatewayAddress(s.gateway), s.fresh); err != nil {
					return "", err
				}
				if i == after {
					held()
				}
			}
			return "", tx.Commit()
		},
		steps: silently(func(m *model) {
			for _, s := range list {
				m.start(s.id, s.sim, s.gateway, s.fresh)
			}
		}),
	}
}

// stop is the end of a data session, as its gateway reports it.
func (w *testService) stop(id string) operation {
	return operation{
		name: "session " + id + " ends",
		do: func(ctx context.Context, _ func()) (string, error) {
			return "", w.exec(ctx, stopSQL, id)
		},
		steps: silently(func(m *model) {
			if s := m.session(id); s.cause == "" {
				s.cause = "User-Request"
			}
		}),
	}
}

// gatewaysDo changes how gateways answer.
func (w *testService) gatewaysDo(first, second behavior, troubled bool) operation {
	return operation{
		name: fmt.Sprintf("gateways have behavior %d and %d, local errors %t", first, second, troubled),
		do: func(context.Context, func()) (string, error) {
			w.gateways.set([]behavior{first, second}, troubled)
			return "", nil
		},
		steps: silently(func(m *model) { m.gateways, m.troubled = []behavior{first, second, refuses}, troubled }),
	}
}

// check verifies the invariants, which hold at every instant.
func (w *testService) check() operation {
	return operation{
		name: "check",
		do:   func(ctx context.Context, _ func()) (string, error) { return w.broken(ctx, false) },
	}
}

// --- the queue

// dispatch puts due work into the queue, unless Redis is down.
func (w *testService) dispatch(away bool) operation {
	var list []storage.Task
	return operation{
		name: fmt.Sprintf("dispatch, Redis down %t", away),
		do: func(ctx context.Context, _ func()) (string, error) {
			for _, queue := range transfer.Queues() {
				due, err := w.db.Dispatch(ctx, queue, 100)
				if err != nil {
					return "", err
				}
				list = append(list, due...)
			}
			if away {
				return "", w.db.RevertDispatch(ctx, list)
			}
			w.enqueue(list...)
			return "", nil
		},
		steps: silently(func(m *model) { m.dispatch(away) }),
	}
}

func (w modelWork) due() bool { return !w.dispatched && !w.dead && !w.later }

func (m *model) dispatch(away bool) {
	for i := range m.work {
		if w := &m.work[i]; w.due() && !w.busy {
			w.gen++
			w.dispatched = !away
		}
	}
}

// deliver gives a task to a worker.
func (w *testService) deliver(m *model, t storage.Task) operation {
	id := w.modelled(m, t.Work)
	return operation{
		name:  fmt.Sprintf("deliver %s (%s)", tasks.ID(t.Work, t.Gen), w.about(t)),
		holds: t.Queue == transfer.QueueGateway, // which asks gateways
		do: func(ctx context.Context, _ func()) (string, error) {
			answer, err := w.process(ctx, t)
			if err == nil && m.troubled {
				err = w.postpone(ctx, t.Work)
			}
			return answer, err
		},
		steps: delivery(t.Kind, id),
	}
}

// about describes the work of a task.
func (w *testService) about(t storage.Task) string {
	if key, ok := w.work[t.Work]; ok {
		return key
	}
	return string(t.Kind) + " that is done"
}

// modelled returns the model's id of a work row, or 0 if the row is gone.
func (w *testService) modelled(m *model, id int64) int {
	key := w.work[id]
	i := slices.IndexFunc(m.work, func(w modelWork) bool { return w.key() == key })
	if i < 0 {
		return 0
	}
	return m.work[i].id
}

// reconcile recovers tasks that the queue has lost.
func (w *testService) reconcile() operation {
	return operation{
		name: "reconcile",
		do: func(ctx context.Context, _ func()) (string, error) {
			if err := w.exec(ctx, `UPDATE work SET checked_at = checked_at - interval '7 seconds' WHERE checked_at IS NOT NULL`); err != nil {
				return "", err
			}
			list, err := w.db.Unconfirmed(ctx, 100)
			if err != nil {
				return "", err
			}
			var about []string
			for _, t := range list {
				w.enqueue(t)
				about = append(about, w.about(t))
				if err := w.db.MarkSuspect(ctx, t, false); err != nil {
					return "", err
				}
			}
			slices.Sort(about)
			return strings.Join(about, "; "), nil
		},
		steps: atOnce(func(m *model) string {
			var about []string
			for _, w := range m.work {
				if w.dispatched && !w.dead && !w.leased {
					about = append(about, w.key())
				}
			}
			slices.Sort(about)
			return strings.Join(about, "; ")
		}),
	}
}

// die is what the scheduler does when it finds that the worker of a task crashed.
func (w *testService) die(m *model, t storage.Task, times int) operation {
	id := w.modelled(m, t.Work)
	gen := t.Gen
	return operation{
		name: fmt.Sprintf("%d workers crash on %s (%s)", times, tasks.ID(t.Work, t.Gen), w.about(t)),
		do: func(ctx context.Context, _ func()) (string, error) {
			again, ok := t, true
			for range times {
				var err error
				if again, ok, err = w.db.Redispatch(ctx, again); err != nil {
					return "", err
				}
			}
			if ok {
				w.enqueue(again)
			}
			return fmt.Sprint(ok), nil
		},
		steps: atOnce(func(m *model) string {
			w := m.workWith(id)
			if w == nil || w.gen != gen || w.dead || !w.dispatched {
				return "false"
			}
			w.gen += times
			w.crashes += times
			return "true"
		}),
	}
}

// abandon is a worker that takes a lease and crashes.
func (w *testService) abandon(m *model, row int64) operation {
	id := w.modelled(m, row)
	return operation{
		name: "a worker crashes with the lease of " + w.work[row],
		do: func(ctx context.Context, _ func()) (string, error) {
			if _, err := w.db.TakeLease(ctx, row); err != nil {
				return "", err
			}
			return "", w.exec(ctx, `UPDATE work SET lease_until = clock_timestamp() + interval '1 hour' WHERE id = $1`, row)
		},
		steps: silently(func(m *model) { m.takeLease(m.workWith(id)) }),
	}
}

// endLease ends the lease on work, as if its worker were frozen.
func (w *testService) endLease(m *model, row int64) operation {
	id := w.modelled(m, row)
	return operation{
		name: "the lease ends of " + w.work[row],
		do: func(ctx context.Context, _ func()) (string, error) {
			return "", w.exec(ctx, `UPDATE work SET lease_until = created_at WHERE id = $1 AND lease_until > clock_timestamp()`, row)
		},
		steps: silently(func(m *model) {
			if w := m.workWith(id); w != nil {
				w.leased = false
			}
		}),
	}
}

// passTime makes all postponed work due, and expires the leases of crashed workers.
func (w *testService) passTime() operation {
	return operation{
		name: "time passes",
		do: func(ctx context.Context, _ func()) (string, error) {
			return "", w.exec(ctx, `
				UPDATE work
				SET not_before = least(not_before, created_at),
					lease_until = CASE WHEN lease_until > clock_timestamp() THEN created_at ELSE lease_until END`)
		},
		steps: silently(func(m *model) {
			for i := range m.work {
				m.work[i].later, m.work[i].leased = false, false
			}
		}),
	}
}

// failing is a handler that fails with the same error several times. The work is
// due again after each time, except the last if later is set.
func (w *testService) failing(m *model, row int64, cause error, times int, later bool) operation {
	id := w.modelled(m, row)
	leased := m.workWith(id).drops()
	return operation{
		name: fmt.Sprintf("%q %d times in %s, later %t", cause, times, w.work[row], later),
		do: func(ctx context.Context, _ func()) (string, error) {
			var answers []string
			for range times {
				var lease uuid.NullUUID
				if leased {
					taken, err := w.db.TakeLease(ctx, row)
					if err != nil && !errors.Is(err, storage.ErrNotFound) {
						return "", err
					}
					lease = taken.Lease
				}
				what, err := w.db.Fail(ctx, row, lease, cause)
				if err != nil {
					return "", err
				}
				answers = append(answers, string(what))
				if err := w.exec(ctx, `UPDATE work SET not_before = created_at WHERE id = $1`, row); err != nil {
					return "", err
				}
			}
			var err error
			if later {
				err = w.postpone(ctx, row)
			}
			return strings.Join(answers, " "), err
		},
		steps: atOnce(func(m *model) string {
			var answers []string
			for range times {
				answers = append(answers, string(m.failOnce(id, cause)))
			}
			if w := m.workWith(id); w != nil && !w.dead && w.failed && !w.dispatched && later {
				w.later = true
			}
			return strings.Join(answers, " ")
		}),
	}
}

// failOnce is an error in a handler, after which the work is due again.
func (m *model) failOnce(id int, cause error) (what storage.Failure) {
	w := m.workWith(id)
	switch {
	case w == nil:
		return storage.WorkGone
	case errors.Is(cause, context.DeadlineExceeded):
		what = m.applyFailure(w, w.errors, w.crashes+1)
	case storage.KindOf(cause) == storage.DataError:
		what = m.applyFailure(w, w.errors+1, w.crashes)
	default:
		what = m.tryLater(w)
	}
	if w := m.workWith(id); w != nil {
		w.later = false
	}
	return what
}

// retry is an operator's retry of all dead work.
func (w *testService) retry() operation {
	return operation{
		name: "retry what is dead",
		do: func(ctx context.Context, _ func()) (string, error) {
			_, err := w.db.RetryWork(ctx, storage.System(), nil)
			return "", err
		},
		steps: silently(func(m *model) {
			for i := range m.work {
				if w := &m.work[i]; w.dead && !w.leased {
					w.dead, w.later, w.dispatched, w.failed = false, false, false, false
					w.attempts, w.errors, w.crashes = 0, 0, 0
				}
			}
		}),
	}
}

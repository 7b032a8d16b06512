package model_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"simtransfer/transfer"
)

// model is a small service in memory that does one thing at a time. Numeric ids are
// those of the database. Requests are numbered in the order of their creation.
type model struct {
	accounts []modelAccount
	sims     []modelSIM
	fees     map[transfer.Currency]int64
	mappings map[[2]int]transfer.PlanMapping // by destination and source, 0: any
	requests []modelRequest
	pulls    []modelPull
	codes    []modelCode
	work     []modelWork
	sessions []modelSession
	gateways []behavior // what each gateway does when asked to drop a session
	troubled bool       // no gateway can be asked, for reasons on our side
	lastWork int
	leases   int // taken so far
}

type modelAccount struct {
	open     bool
	currency transfer.Currency
	coverage string
	plans    []string // that it may hold, in alphabetical order; nil: any
}

type modelSIM struct {
	identifiers []string // ICCID, IMSI, MSISDN
	account     int
	status      transfer.Status
	locked      bool
	settings    []string // in the order of transfer.Snapshot; replaced, never written to
	timeline    []string // who had it, and by which transfer
	claim       [2]int   // request and number of the open transfer; request 0: none
}

type modelRequest struct {
	source, destination int
	selfOnly            bool
	state               transfer.RequestState
	left                int
	partial             bool
	landing             modelLanding // once it was accepted
	expires             string       // never, later or past
	starts              string       // the window of the acceptance: never, later or past
	reminded, due       int          // reminders that were sent, and how many the time that is over makes due
	ended               modelEnd
	ticket              string
	override            *int64
	finished            bool
	withheld            int // transfers canceled before the destination could decide
	transfers           []modelTransfer
	chosen, withdrawn   []int
	events              []string
}

// modelEnd is how a party ended a request; zero if that cannot be taken back.
type modelEnd struct {
	by      string
	from    transfer.RequestState
	expires string
	late    bool // ten minutes have passed
}

type modelTransfer struct {
	identifier    string
	sim           int // 0: none that the source may know of
	state         transfer.State
	method        transfer.Method
	reason        transfer.Reason
	fee           *int64
	dropped       bool
	before, after []string
	charged       int64
	released      bool // it ended with its request
}

// modelLanding is what decides about the plans on which SIMs land.
type modelLanding struct {
	plan    string // chosen on acceptance; empty: none
	mapping transfer.PlanMapping
}

func (l modelLanding) String() string {
	if l.plan != "" {
		return fmt.Sprintf(`{"plan": %q}`, l.plan)
	}
	if l.mapping.Empty() {
		return "-"
	}
	return mappingText(l.mapping)
}

// mappingText describes a mapping as PostgreSQL prints its JSON.
func mappingText(m transfer.PlanMapping) string {
	var plans []string
	for _, from := range planNames() { // in the order of jsonb: by length
		if to, ok := m.Plans[from]; ok {
			plans = append(plans, fmt.Sprintf("%q: %q", from, to))
		}
	}
	text := `{"plans": {` + strings.Join(plans, ", ") + "}"
	if m.Default != "" {
		text += fmt.Sprintf(`, "default_plan": %q`, m.Default)
	}
	return text + "}"
}

// The plans. SIMs cannot land on the last one at an account with another coverage.
func planNames() []string { return []string{"basic", "roaming", boundPlan} }

const boundPlan = "domestic"

// plan returns the plan of a SIM, which is the last of what a transfer records.
func (s *modelSIM) plan() string { return s.settings[len(s.settings)-1] }

// setPlan sets it.
func (s *modelSIM) setPlan(plan string) {
	s.settings = slices.Clone(s.settings)
	s.settings[len(s.settings)-1] = plan
}

// modelWork is a work row. Its id is the model's own; the database's differ.
type modelWork struct {
	id       int
	kind     transfer.WorkKind
	request  int // 0 for a stray session
	lo, hi   int
	items    []int  // numbers of transfers; replaced, never written to
	stray    string // the session of drop_stray
	gateway  int    // its number, 0: none
	attempts int
	errors   int
	crashes  int
	gen      int

	later      bool // not due yet
	dispatched bool
	leased     bool // and the lease has not run out
	dead       bool
	failed     bool // carries an error
	busy       bool // a handler has locked it
	lease      int  // which of all leases it is under, or was when that ran out
}

type modelSession struct {
	id      string
	sim     int
	gateway int
	cause   string // of its end; open while empty
}

func (m *model) clone() *model {
	c := *m
	c.accounts = slices.Clone(m.accounts)
	c.sims = slices.Clone(m.sims)
	for i := range c.sims {
		c.sims[i].timeline = slices.Clip(c.sims[i].timeline)
	}
	c.fees = maps.Clone(m.fees)
	c.mappings = maps.Clone(m.mappings)
	c.requests = slices.Clone(m.requests)
	for i := range c.requests {
		r := &c.requests[i]
		r.transfers = slices.Clone(r.transfers)
		r.chosen = slices.Clone(r.chosen)
		r.withdrawn = slices.Clone(r.withdrawn)
		r.events = slices.Clip(r.events)
	}
	c.work = slices.Clone(m.work)
	c.sessions = slices.Clone(m.sessions)
	c.gateways = slices.Clone(m.gateways)
	c.cloneOffers()
	return &c
}

func (m *model) account(id int) *modelAccount { return &m.accounts[id-1] }
func (m *model) sim(id int) *modelSIM         { return &m.sims[id-1] }
func (m *model) request(id int) *modelRequest { return &m.requests[id-1] }

// named returns the SIM that an identifier names, or 0.
func (m *model) named(identifier string) int {
	return 1 + slices.IndexFunc(m.sims, func(s modelSIM) bool { return slices.Contains(s.identifiers, identifier) })
}

func (m *model) workWith(id int) *modelWork {
	i := slices.IndexFunc(m.work, func(w modelWork) bool { return w.id == id })
	if i < 0 {
		return nil
	}
	return &m.work[i]
}

func (m *model) addWork(w modelWork) {
	m.lastWork++
	w.id = m.lastWork
	m.work = append(m.work, w)
}

func (m *model) deleteWork(id int) {
	m.work = slices.DeleteFunc(m.work, func(w modelWork) bool { return w.id == id })
}

// openSessions returns the indexes of a SIM's open sessions.
func (m *model) openSessions(sim int) []int {
	var list []int
	for i, s := range m.sessions {
		if s.sim == sim && s.cause == "" {
			list = append(list, i)
		}
	}
	return list
}

func (m *model) session(id string) *modelSession {
	i := slices.IndexFunc(m.sessions, func(s modelSession) bool { return s.id == id })
	return &m.sessions[i]
}

// count returns how many transfers of a request are in a state, optionally only
// those that need support.
func (r *modelRequest) count(state transfer.State, support bool) int {
	n := 0
	for _, t := range r.transfers {
		if t.state == state && (!support || t.method == transfer.SupportAssisted) {
			n++
		}
	}
	return n
}

// names reports whether a request names a SIM by this identifier.
func (r *modelRequest) names(identifier string) bool {
	return slices.ContainsFunc(r.transfers, func(t modelTransfer) bool { return t.identifier == identifier })
}

// n is the number of transfers or sessions of the work.
func (w *modelWork) n() int {
	switch {
	case w.stray != "":
		return 1
	case w.items != nil:
		return len(w.items)
	}
	return w.hi - w.lo
}

// numbers returns the numbers of the transfers of the work.
func (w *modelWork) numbers() []int {
	if w.items != nil {
		return w.items
	}
	var list []int
	for n := w.lo; n < w.hi; n++ {
		list = append(list, n)
	}
	return list
}

// key identifies a work row by its kind and contents, which no two rows share.
func (w *modelWork) key() string {
	switch {
	case w.stray != "":
		return string(w.kind) + " " + w.stray
	case w.items != nil:
		return fmt.Sprintf("%s %d {%s}", w.kind, w.request, strings.Trim(strings.ReplaceAll(fmt.Sprint(w.items), " ", ","), "[]"))
	}
	return fmt.Sprintf("%s %d [%d,%d)", w.kind, w.request, w.lo, w.hi)
}

func (w *modelWork) queue() transfer.Queue {
	switch {
	case w.stray != "":
		return transfer.QueueGateway
	case w.items != nil:
		return transfer.QueueGatewayInteractive
	}
	return transfer.QueueInteractive
}

// drops reports whether the work drops sessions, under a lease.
func (w *modelWork) drops() bool { return w.items != nil || w.stray != "" }

// dump describes the whole state in sorted lines, in the same words as the dump of
// the database.
func (m *model) dump() []string {
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for i, a := range m.accounts {
		standing := "closed"
		if a.open {
			standing = "open"
		}
		add("account %d: %s, plans {%s}", i+1, standing, strings.Join(a.plans, ","))
	}
	for between, mapping := range m.mappings {
		add("plans from %d to %d: %s", between[1], between[0], mappingText(mapping))
	}
	m.dumpOffers(add)
	for i, s := range m.sims {
		add("SIM %d: account %d, %s, locked %t, settings %s, timeline %s",
			i+1, s.account, s.status, s.locked, settingsText(s.settings), strings.Join(s.timeline, " → "))
		if s.claim[0] != 0 {
			add("claim on SIM %d: %d/%d", i+1, s.claim[0], s.claim[1])
		}
	}
	for _, s := range m.sessions {
		add("session %s: SIM %d at %s, ended by %q", s.id, s.sim, gatewayAddress(s.gateway), s.cause)
	}
	for _, w := range m.work {
		gateway := ""
		if w.gateway != 0 {
			gateway = gatewayAddress(w.gateway)
		}
		add("work %s: n %d, queue %s, gateway %q, gen %d, attempts %d, errors %d, crashes %d, later %t, dispatched %t, leased %t, dead %t, failed %t",
			w.key(), w.n(), w.queue(), gateway, w.gen, w.attempts, w.errors, w.crashes, w.later, w.dispatched, w.leased, w.dead, w.failed)
	}
	for i := range m.requests {
		m.requests[i].dump(i+1, m.account(m.requests[i].source).currency, add)
	}
	slices.Sort(lines)
	return lines
}

func (r *modelRequest) dump(id int, currency transfer.Currency, add func(string, ...any)) {
	add("request %d: %s, from %d to %d, self-service only %t, size %d, left %d, eligible %d, support %d, completed %d, ineligible %d, failed %d, canceled %d, declined %d, denied %d, expired %d, partial %t, landing %s, expires %s, starts %s, reminded %d, ended by %q from %q, ticket %q, fee %s, finished %t",
		id, r.state, r.source, r.destination, r.selfOnly, len(r.transfers), r.left,
		r.count(transfer.Eligible, false), r.count(transfer.Eligible, true), r.count(transfer.Completed, false),
		r.count(transfer.Ineligible, false), r.count(transfer.Failed, false), r.count(transfer.Canceled, false),
		r.count(transfer.Declined, false), r.count(transfer.Denied, false), r.count(transfer.Expired, false),
		r.partial, r.landing, r.expires, r.starts, r.reminded, r.ended.by, r.ended.from, r.ticket, amountText(r.override), r.finished)
	for n, t := range r.transfers {
		sim := "-"
		if t.sim != 0 {
			sim = fmt.Sprint(t.sim)
		}
		add("transfer %d/%d: %s, SIM %s, %s, method %q, reason %q, fee %s, dropped %t, before %s, after %s",
			id, n, t.identifier, sim, t.state, t.method, t.reason, amountText(t.fee), t.dropped, settingsText(t.before), settingsText(t.after))
		if t.charged != 0 {
			add("charge %d/%d: %d %s to account %d", id, n, t.charged, currency, r.source)
		}
	}
	for _, n := range r.chosen {
		add("chosen %d/%d", id, n)
	}
	for _, n := range r.withdrawn {
		add("withdrawn %d/%d", id, n)
	}
	for i, e := range r.events {
		add("event %d/%02d: %s", id, i+1, e)
	}
}

func amountText(amount *int64) string {
	if amount == nil {
		return "-"
	}
	return fmt.Sprint(*amount)
}

func settingsText(s []string) string {
	if s == nil {
		return "-"
	}
	return "(" + strings.Join(s, " | ") + ")"
}

// unknownGateway holds sessions but is not in radius.nas.
const unknownGateway = 3

func gatewayAddress(number int) string { return fmt.Sprintf("192.0.2.%d", number) }

// simsEachAccount is how many SIMs an account has at first.
const simsEachAccount = 10

// inventory returns the state in which every run starts: four accounts with two
// coverages and two currencies, one of them without a fee, and SIMs of every kind.
func inventory() *model {
	m := &model{
		accounts: []modelAccount{
			{open: true, currency: "EUR", coverage: "global"},
			{open: true, currency: "EUR", coverage: "japan"},
			{open: true, currency: "JPY", coverage: "global"},
			{open: true, currency: "JPY", coverage: "japan"},
		},
		fees:     map[transfer.Currency]int64{"EUR": 500},
		mappings: map[[2]int]transfer.PlanMapping{},
		gateways: []behavior{acknowledges, acknowledges, refuses},
	}
	statuses := []transfer.Status{
		transfer.Ready, transfer.Ready, transfer.Active, transfer.Ready, transfer.Suspended,
		transfer.Ready, transfer.Inactive, transfer.Ready, transfer.Terminated, transfer.Standby,
	}
	for i := range len(m.accounts) * simsEachAccount {
		account, nth := i/simsEachAccount+1, i%simsEachAccount
		m.sims = append(m.sims, modelSIM{
			identifiers: []string{
				fmt.Sprintf("8988303000000%06d", i+1),
				fmt.Sprintf("295050900%06d", i+1),
				fmt.Sprintf("423663%06d", i+1),
			},
			account:  account,
			status:   statuses[nth],
			locked:   nth == 7,
			timeline: []string{fmt.Sprint(account)},
		})
		for _, name := range settingNames() {
			m.sims[i].settings = append(m.sims[i].settings, initial(name, i+1, account))
		}
		if nth == 5 || nth == 6 {
			m.sims[i].setPlan(boundPlan)
		}
	}
	return m
}

// initial returns the value of a setting at first. No value is the default.
func initial(setting string, sim, account int) string {
	switch setting {
	case "tags":
		return fmt.Sprintf(`{"fleet": "%d"}`, sim)
	case "expiration":
		return "2031-05-06 00:00:00+00"
	case "termination_protection":
		return "true"
	case "sim_group":
		return fmt.Sprintf("group %d", account)
	case "plan":
		return "roaming"
	case "event_handlers", "containers":
		return `["` + setting + `"]`
	}
	return setting + " value"
}

// unset returns the default of a setting.
func unset(setting string) string {
	switch setting {
	case "tags":
		return "{}"
	case "event_handlers", "containers":
		return "[]"
	case "termination_protection":
		return "false"
	}
	return "-"
}

// carried returns the settings after a transfer with a method, of a SIM that lands on
// a plan.
func carried(settings []string, method transfer.Method, plan string) []string {
	after := slices.Clone(settings)
	for i, s := range transfer.Snapshot() {
		switch {
		case s.Name == "plan":
			after[i] = plan
		case s.Under(method) == transfer.Reset:
			after[i] = unset(s.Name)
		}
	}
	return after
}

package console

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"simtransfer/api/problem"
	"simtransfer/client"
	"simtransfer/transfer"
)

// simView is the page of one SIM.
type simView struct {
	base

	SIM      client.SIM
	ETag     string
	Sessions client.SIMSessions
	Requests []client.Request // that contain the SIM, as far as the account sees them
	More     bool             // there are more requests
	Price    string           // of the plan; empty: not known
}

// simRequests is how many requests of a SIM its page lists.
const simRequests = 50

// sim shows a SIM, or what the account knows of one that it no longer has.
func (v *visit) sim() error { return v.showSIM(v.r.PathValue("sim")) }

func (v *visit) showSIM(identifier string) error {
	view := simView{base: base{v}}
	var err error
	view.SIM, err = v.api.GetSIM(v.ctx(), identifier, client.ETag(&view.ETag))
	if isNotFound(err) {
		return v.lostSIM(identifier)
	}
	if err != nil {
		return err
	}
	plan := client.Plan{}
	if err := v.inParallel(
		func() (err error) { view.Sessions, err = v.api.ListSIMSessions(v.ctx(), view.SIM.ICCID); return err },
		func() (err error) { view.Requests, view.More, err = v.requestsOf(view.SIM.ICCID); return err },
		func() error { plan = v.planOf(view.SIM); return nil },
	); err != nil {
		return err
	}
	// One call reads the names that the page shows and the currency of the owner.
	v.nameOf(view.SIM.Account)
	for _, r := range view.Requests {
		v.nameOf(r.Source)
		v.nameOf(r.Destination)
	}
	v.learnNames()
	view.Price = v.priceOf(plan, v.names.known[view.SIM.Account].Currency)
	return v.show("sim", "SIM "+view.SIM.ICCID, view)
}

// requestsOf lists the requests that contain a SIM, the latest first.
func (v *visit) requestsOf(identifier string) ([]client.Request, bool, error) {
	page, err := v.api.ListRequests(v.ctx(), client.RequestFilter{SIM: identifier}, client.Paging{Limit: simRequests})
	return page.Items, page.NextCursor != "", err
}

// lostSIMView is the page of a SIM that the account does not have.
type lostSIMView struct {
	base

	Identifier string
	Requests   []client.Request
}

// lostSIM shows the requests of a SIM that the account does not have.
func (v *visit) lostSIM(identifier string) error {
	requests, _, err := v.requestsOf(identifier)
	var p *client.Problem
	if err != nil && !errors.As(err, &p) {
		return err
	}
	v.status = http.StatusNotFound
	return v.show("sim-lost", "SIM "+truncate(40, identifier), lostSIMView{base{v}, identifier, requests})
}

func isNotFound(err error) bool {
	var p *client.Problem
	return errors.As(err, &p) && p.Code == problem.NotFound
}

// inParallel makes calls of the API at the same time, and returns the first error.
func (v *visit) inParallel(calls ...func() error) error {
	results := make(chan error, len(calls))
	for _, call := range calls {
		go func() { results <- call() }()
	}
	var first error
	for range calls {
		if err := <-results; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// updateSIM changes the lock, the protection, the tags, the group or other settings of
// a SIM.
func (v *visit) updateSIM() error {
	f := v.posted("sim")
	identifier := v.r.PathValue("sim")
	show := func() error { return v.showSIM(identifier) }
	var change client.SIMChange
	var done string
	switch f.Value("do") {
	case "lock":
		change.TransferLock, done = new(true), "The SIM is locked: no one can transfer it."
	case "unlock":
		change.TransferLock, done = new(false), "The SIM is unlocked."
	case "protect":
		change.TerminationProtection, done = new(true), "The SIM cannot be terminated."
	case "unprotect":
		change.TerminationProtection, done = new(false), "The SIM can be terminated again."
	case "settings":
		change.Group, change.Tags, done = new(f.Value("group")), tagsIn(f), "Saved."
	default:
		return &refusedPage{"This page has no such action."}
	}
	// A change of what the page shows is refused if the SIM has changed in between.
	// A lock is set whatever else has changed.
	options := []client.Option{}
	if f.Value("do") == "settings" {
		options = append(options, client.IfMatch(f.Value("etag")))
	}
	if _, err := v.api.UpdateSIM(v.ctx(), identifier, change, options...); err != nil {
		var p *client.Problem
		if errors.As(err, &p) && p.Code == problem.PreconditionFailed {
			p.Title, p.Detail = "The SIM has changed since you opened this page", "The page shows it as it is now. What you typed is still here: look at it, and save it again."
		}
		return v.refused(f, err, show)
	}
	return v.redirect("/sims/"+url.PathEscape(identifier), done)
}

// tagsIn returns the change of tags that a form asks for: those that it names, and nil
// for those that the page had and the form no longer has.
func tagsIn(f form) map[string]*string {
	tags := map[string]*string{}
	for _, name := range f.Values("had_tag") {
		tags[name] = nil
	}
	values := f.Values("tag_value")
	for i, name := range f.Values("tag_name") {
		if name = strings.TrimSpace(name); name != "" && i < len(values) {
			tags[name] = new(strings.TrimSpace(values[i]))
		}
	}
	return tags
}

// TagNames lists the names of the SIM's tags.
func (s simView) TagNames() []string { return slices.Sorted(maps.Keys(s.SIM.Tags)) }

// TagRows are the rows of the form for tags: those of the SIM or those that were typed,
// and an empty one.
func (s simView) TagRows() []hiddenField {
	var rows []hiddenField
	if f := s.Form("sim"); f.Sent() && f.Value("do") == "settings" {
		values := f.Values("tag_value")
		for i, name := range f.Values("tag_name") {
			if name != "" && i < len(values) {
				rows = append(rows, hiddenField{name, values[i]})
			}
		}
	} else {
		for _, name := range s.TagNames() {
			rows = append(rows, hiddenField{name, s.SIM.Tags[name]})
		}
	}
	return append(rows, hiddenField{}, hiddenField{})
}

// planOf returns the plan of a SIM; an empty one if it cannot be read, because a page is
// of use without the price.
func (v *visit) planOf(sim client.SIM) client.Plan {
	plan, err := v.api.GetPlan(v.ctx(), sim.Plan)
	if err != nil {
		return client.Plan{}
	}
	return plan
}

// priceOf returns what a plan costs an account with a currency a month; empty if that is
// not known.
func (v *visit) priceOf(plan client.Plan, currency transfer.Currency) string {
	if len(plan.MonthlyPrices) == 0 {
		return ""
	}
	if v.me.IsAccount() { // it sees the price in its currency only
		return plan.MonthlyPrices[0].Grouped() + " a month"
	}
	if currency == "" {
		return ""
	}
	for _, price := range plan.MonthlyPrices {
		if price.Currency == currency {
			return price.Grouped() + " a month"
		}
	}
	return "no price in " + string(currency)
}

// WhyNotAct says why the person cannot do something with the SIM; empty if it can.
func (s simView) WhyNotAct(act string) string { return s.visit.whyNot(act) }

// WhyNotTransfer says why the SIM cannot be transferred; empty if it can.
func (s simView) WhyNotTransfer() string {
	if s.SIM.Blocked != nil {
		return s.SIM.Blocked.Remedy
	}
	if why := s.visit.whyNot("transfer"); why != "" {
		return "You cannot transfer it: " + why + "."
	}
	return ""
}

// Stayed reports whether a request is over and has not moved the SIM, although it moved
// others: the account that sent it has had the SIM since before.
func (s simView) Stayed(r client.Request) bool {
	return r.FinishedAt != nil && r.Counts.Completed > 0 && r.Source == s.SIM.Account && r.CreatedAt.After(s.SIM.Since)
}

// MoveOf says what a request was for the account.
func (s simView) MoveOf(r client.Request) string {
	switch s.Me().Account() {
	case r.Source:
		return "to " + string(r.Destination)
	case r.Destination:
		if r.SourceName != "" {
			return "from " + r.SourceName + " (" + string(r.Source) + ")"
		}
		return "from " + string(r.Source)
	}
	return s.Called(r.Source) + " → " + s.Called(r.Destination)
}

package console

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"simtransfer/client"
	"simtransfer/transfer"
)

// reviewFilter selects requests in review, as the query or a form says it.
type reviewFilter struct {
	Account   string
	Reference string
	Batch     string
	Older     string // days since it was created
}

// reviewFilterOf reads a filter from a query or a form.
func reviewFilterOf(values url.Values) reviewFilter {
	value := func(name string) string { return strings.TrimSpace(values.Get(name)) }
	return reviewFilter{Account: value("account"), Reference: value("reference"), Batch: value("batch"), Older: value("older")}
}

// before returns the instant before which the requests were created, zero for any.
func (f reviewFilter) before() time.Time {
	days, err := strconv.Atoi(f.Older)
	if err != nil || days <= 0 || days > 3650 {
		return time.Time{}
	}
	return time.Now().AddDate(0, 0, -days).UTC().Truncate(time.Hour)
}

// query returns the filter as a query; with event, of the page that decides.
func (f reviewFilter) query(event transfer.Event) string {
	q := url.Values{}
	for name, value := range map[string]string{"account": f.Account, "reference": f.Reference, "batch": f.Batch, "older": f.Older} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if event != "" {
		q.Set("decision", string(event))
		q.Set("all", "1")
	}
	return q.Encode()
}

// Any reports whether the filter leaves out some requests.
func (f reviewFilter) Any() bool { return f != reviewFilter{} }

// queueView is the queue of support: the requests that wait for its decision.
type queueView struct {
	base

	Filter   reviewFilter
	Sort     string
	Requests []client.Request
	Next     string // cursor of the next page
}

// DecideAll returns the address of the page that decides on all requests of the filter.
func (q queueView) DecideAll(event string) string {
	return "/queue/decide?" + q.Filter.query(transfer.Event(event))
}

// Waited returns how long ago a request was created, in words.
func (queueView) Waited(r client.Request) string { return ago(time.Since(r.CreatedAt)) }

// Urgent reports whether the time to decide is nearly over.
func (queueView) Urgent(r client.Request) bool {
	return r.ExpiresAt != nil && time.Until(*r.ExpiresAt) < 24*time.Hour
}

// queue shows the requests in review, those whose time ends first at the beginning.
func (v *visit) queue() error {
	view := queueView{base: base{v}, Filter: reviewFilterOf(v.r.URL.Query()), Sort: v.r.URL.Query().Get("sort")}
	page, err := v.inReview(view.Filter, view.Sort, client.Paging{Limit: 50, Cursor: v.r.URL.Query().Get("cursor")})
	if err != nil {
		return err
	}
	view.Requests, view.Next = page.Items, page.NextCursor
	return v.show("queue", "Requests to review", view)
}

// inReview lists requests in review by their deadlines, or the newest or oldest first.
func (v *visit) inReview(f reviewFilter, sort string, p client.Paging) (client.Page[client.Request], error) {
	filter := client.RequestFilter{
		States: []transfer.RequestState{transfer.InReview}, Account: transfer.AccountRef(f.Account),
		Reference: f.Reference, Batch: f.Batch, CreatedBefore: f.before(), Sort: "deadline",
	}
	if sort == "newest" || sort == "oldest" {
		filter.Sort = sort
	}
	if f.Account != "" {
		filter.Direction = "outgoing"
	}
	return v.api.ListRequests(v.ctx(), filter, p)
}

// maxDecisionPage is how many requests the page that decides shows.
const maxDecisionPage = 50

// decideView is the page on which support approves or denies one or many requests.
type decideView struct {
	base

	Event    transfer.Event // Approve or Deny
	Requests []client.Request
	All      bool // all that the filter selects
	Filter   reviewFilter
	More     bool // the filter selects more requests than those shown

	Check   *client.RequestDecisions // what the decision would do; nil: not checked yet
	Outcome *client.RequestDecisions // what it has done

	byID map[uuid.UUID]client.Request
}

// Approves reports whether the page approves.
func (d decideView) Approves() bool { return d.Event == transfer.Approve }

// Verb is what the page does, as a button says it.
func (d decideView) Verb() string {
	if d.Approves() {
		return "Approve"
	}
	return "Deny"
}

// Of returns a request of an outcome as it was listed; nil if it was not.
func (d decideView) Of(id uuid.UUID) *client.Request {
	if r, ok := d.byID[id]; ok {
		return &r
	}
	return nil
}

// Codes returns the codes of a denial.
func (decideView) Codes() []choice {
	codes := []choice{{"", "No code"}}
	for _, c := range transfer.DecisionCodes() {
		codes = append(codes, choice{string(c), words(c)})
	}
	return codes
}

// SIMs returns how many SIMs the requests of the page have.
func (d decideView) SIMs() int {
	n := 0
	for _, r := range d.Requests {
		n += r.Counts.Eligible
	}
	return n
}

// decisionOf returns the event that a form or an address names.
func decisionOf(text string) (transfer.Event, error) {
	switch e := transfer.Event(text); e {
	case transfer.Approve, transfer.Deny:
		return e, nil
	default:
		return "", &refusedPage{"The address does not say whether to approve or to deny. Choose requests in the queue first."}
	}
}

// reviewForm shows the form with which support decides on the chosen requests. One
// request is decided on its own page.
func (v *visit) reviewForm() error {
	if q := v.r.URL.Query(); len(q["request"]) == 1 && q.Get("all") == "" {
		return v.redirect("/requests/"+url.PathEscape(q.Get("request")), "")
	}
	return v.showDecision(v.r.URL.Query(), func(*decideView) {})
}

// showDecision shows the page for the requests that values choose.
func (v *visit) showDecision(values url.Values, with func(*decideView)) error {
	event, err := decisionOf(values.Get("decision"))
	if err != nil {
		return err
	}
	view := decideView{base: base{v}, Event: event, All: values.Get("all") != "", byID: map[uuid.UUID]client.Request{}}
	if view.All {
		view.Filter = reviewFilterOf(values)
		page, err := v.inReview(view.Filter, "", client.Paging{Limit: maxDecisionPage})
		if err != nil {
			return err
		}
		view.Requests, view.More = page.Items, page.NextCursor != ""
	} else if view.Requests, err = v.chosenRequests(values["request"]); err != nil {
		return err
	}
	with(&view)
	if len(view.Requests) == 0 && view.Outcome == nil {
		return v.warn("/queue?"+view.Filter.query(""), "No request is chosen: tick those that you want to decide on.")
	}
	for _, r := range view.Requests {
		view.byID[r.ID] = r
	}
	title := view.Verb() + " " + plural(len(view.Requests), "request")
	if view.All {
		title = view.Verb() + " all requests"
	}
	return v.show("decide", title, view)
}

// chosenRequests reads the requests with some ids.
func (v *visit) chosenRequests(ids []string) ([]client.Request, error) {
	var list []client.Request
	for _, text := range ids[:min(len(ids), maxDecisionPage)] {
		id, err := uuid.Parse(text)
		if err != nil {
			return nil, &refusedPage{"One of the requests in the address has no valid id. Choose requests in the queue."}
		}
		r, err := v.api.GetRequest(v.ctx(), id)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

// review makes the decision, or says first what it would do if it is about
// several requests.
func (v *visit) review() error {
	values := v.r.PostForm
	event, err := decisionOf(values.Get("decision"))
	if err != nil {
		return err
	}
	f := v.posted("decide")
	again := func() error { return v.showDecision(values, func(*decideView) {}) }
	choice := client.RequestChoice{Requests: values["request"], DryRun: values.Get("confirmed") == ""}
	if values.Get("all") != "" {
		filter := reviewFilterOf(values)
		choice.Requests, choice.Filter = nil, filter.queue()
		if filter.Batch != "" && choice.Filter.Batch == nil {
			return v.wrong(f, again, "batch", "not the id of a batch, which is a UUID")
		}
		if expected, err := strconv.Atoi(values.Get("expected")); err == nil {
			choice.ExpectCount = &expected
		}
	}
	done, err := v.callDecision(f, event, choice)
	switch {
	case err != nil:
		return v.refused(f, err, again)
	case choice.DryRun:
		v.failed = &f // keeps what was typed
		return v.showDecision(values, func(d *decideView) { d.Check = &done })
	case done.Decided == done.Chosen:
		return v.redirect("/queue", participle(event)+" "+plural(done.Decided, "request")+".")
	}
	return v.showDecision(values, func(d *decideView) { d.Outcome = &done })
}

// participle says that a decision was made.
func participle(e transfer.Event) string { return words(e.Participle()) }

// queue returns the filter as the API takes it.
func (f reviewFilter) queue() *client.ReviewQueue {
	q := &client.ReviewQueue{Account: transfer.AccountRef(f.Account), Reference: f.Reference}
	if id, err := uuid.Parse(f.Batch); err == nil {
		q.Batch = &id
	}
	if before := f.before(); !before.IsZero() {
		q.CreatedBefore = &before
	}
	return q
}

// approval returns the approval that was typed.
func (f form) approval() client.Approval {
	a := client.Approval{Ticket: f.Value("ticket"), FeeReason: f.Value("fee_reason")}
	if amount := f.Value("fee.amount"); amount != "" {
		a.Fee = &client.MoneyInput{Amount: amount, Currency: transfer.Currency(f.Value("fee.currency"))}
	}
	return a
}

func (f form) denial() client.Denial {
	return client.Denial{Reason: f.Value("reason"), Code: transfer.DecisionCode(f.Value("code"))}
}

func (v *visit) callDecision(f form, event transfer.Event, choice client.RequestChoice) (client.RequestDecisions, error) {
	options := []client.Option{}
	if !choice.DryRun {
		options = append(options, f.Option())
	}
	if event == transfer.Approve {
		return v.api.ApproveRequests(v.ctx(), client.ApprovalOfMany{RequestChoice: choice, Approval: f.approval()}, options...)
	}
	return v.api.DenyRequests(v.ctx(), client.DenialOfMany{RequestChoice: choice, Denial: f.denial()}, options...)
}

// Ages returns the choices of how long a request has waited.
func (queueView) Ages() []choice {
	return []choice{{"1", "a day or longer"}, {"3", "3 days or longer"}, {"7", "a week or longer"}, {"14", "2 weeks or longer"}}
}

// Participle says that the decision was made.
func (d decideView) Participle() string { return participle(d.Event) }

// Lower is Participle within a sentence.
func (d decideView) Lower() string { return strings.ToLower(d.Participle()) }

// Typed returns the words of the decision, to send them again with the confirmation.
func (d decideView) Typed() []hiddenField {
	var fields []hiddenField
	f := d.Form("decide")
	for _, name := range []string{"ticket", "fee.amount", "fee.currency", "fee_reason", "code", "reason"} {
		if value := f.Value(name); value != "" {
			fields = append(fields, hiddenField{name, value})
		}
	}
	return fields
}

// Back returns the address of the form before its confirmation.
func (d decideView) Back() string {
	if d.All {
		return "/queue/decide?" + d.Filter.query(d.Event)
	}
	q := url.Values{"decision": {string(d.Event)}}
	for _, r := range d.Requests {
		q.Add("request", r.ID.String())
	}
	return "/queue/decide?" + q.Encode()
}

// decisionTable is a table of what a decision on many requests does, or has done.
type decisionTable struct {
	View             decideView
	Rows             []client.RequestDecision
	Heading, Yes, No string
}

// Table returns the table of an outcome: what was not decided comes first.
func (d decideView) Table(o *client.RequestDecisions, heading, yes, no string) decisionTable {
	rows := slices.Clone(o.Requests)
	slices.SortStableFunc(rows, func(a, b client.RequestDecision) int {
		switch {
		case a.Decided == b.Decided:
			return 0
		case a.Decided:
			return 1
		}
		return -1
	})
	return decisionTable{d, rows[:min(len(rows), maxDecisionRows)], heading, yes, no}
}

// maxDecisionRows keeps the page below 100 kB.
const maxDecisionRows = 200

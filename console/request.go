package console

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"simtransfer/api/problem"
	"simtransfer/client"
	"simtransfer/transfer"
)

// requestView is the page of a request.
type requestView struct {
	base

	Request client.Request
	ETag    string
	Party   transfer.Party // as which the person sees the request
	Events  []client.Event
	More    bool // there are more events
	SIMs    client.Page[client.Transfer]
	Plans   []string              // on which SIMs can land; for the destination
	Profile client.LandingProfile // of the destination
	Summary bool                  // without the history and the SIMs, as finance sees requests
}

func (v *visit) requestID() (uuid.UUID, error) {
	id, err := uuid.Parse(v.r.PathValue("id"))
	if err != nil {
		return id, notFoundProblem()
	}
	return id, nil
}

// request shows the page of a request.
func (v *visit) request() error {
	view, err := v.readRequest(true)
	if err != nil {
		return err
	}
	return v.show("request", view.Title(), view)
}

// requestLive returns the part of the page that moves, to htmx. If what the person can
// do has changed, the whole page is loaded again.
func (v *visit) requestLive() error {
	view, err := v.readRequest(false)
	if err != nil {
		return err
	}
	if v.r.URL.Query().Get("was") != view.Stamp() {
		v.w.Header().Set("HX-Refresh", "true")
	}
	return v.fragment("request", view)
}

// requestSIMsPage is the number of SIMs on a page.
const requestSIMsPage = 50

// maxEventPages is how many pages of events a page shows. A request with the most SIMs
// has about 400 events.
const maxEventPages = 5

// readRequest reads a request with its events, and all else that its page shows if full
// is set.
func (v *visit) readRequest(full bool) (requestView, error) {
	id, err := v.requestID()
	view := requestView{base: base{v}}
	if err != nil {
		return view, err
	}
	g, ctx := errgroup.WithContext(v.ctx())
	g.Go(func() (err error) {
		view.Request, err = v.api.GetRequest(ctx, id, client.ETag(&view.ETag))
		return err
	})
	view.Summary = v.me.rights()&(viewer|support) == 0
	g.Go(func() error {
		if view.Summary {
			return nil
		}
		p := client.Paging{Limit: 200}
		for range maxEventPages {
			page, err := v.api.ListEvents(ctx, id, p)
			if err != nil {
				return err
			}
			view.Events = append(view.Events, page.Items...)
			if p.Cursor = page.NextCursor; p.Cursor == "" {
				return nil
			}
		}
		view.More = true
		return nil
	})
	if full && !view.Summary {
		g.Go(func() (err error) {
			view.SIMs, err = v.api.ListTransfers(ctx, id, v.simFilter(), client.Paging{Limit: requestSIMsPage, Cursor: v.r.URL.Query().Get("cursor")})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return view, err
	}
	view.Party = view.party()
	if full && view.Party == transfer.PartyDestination && view.Request.CanAccept {
		own, err := v.api.GetAccount(v.ctx(), v.me.Account().Ref())
		if err != nil {
			return view, err
		}
		if own.Landing != nil {
			view.Profile = *own.Landing
		}
		plans, err := v.api.ListPlans(v.ctx())
		if err != nil {
			return view, err
		}
		for _, p := range plans.Items {
			view.Plans = append(view.Plans, p.Name)
		}
	}
	return view, nil
}

// simFilter reads which SIMs the table shows from the query of the page.
func (v *visit) simFilter() client.TransferFilter {
	q, f := v.r.URL.Query(), client.TransferFilter{}
	if s := q.Get("state"); s != "" {
		f.States = []transfer.State{transfer.State(s)}
	}
	if s := q.Get("reason"); s != "" {
		f.Reasons = []transfer.Reason{transfer.Reason(s)}
	}
	if s := q.Get("method"); s != "" {
		f.Methods = []transfer.Method{transfer.Method(s)}
	}
	return f
}

func (v requestView) party() transfer.Party {
	switch account := v.Me().Account(); account {
	case "":
		return transfer.PartySupport
	case v.Request.Destination:
		return transfer.PartyDestination
	}
	return transfer.PartySource
}

// Title says what the request is, as the person sees it.
func (v requestView) Title() string {
	n := plural(v.Request.Counts.SIMs, "SIM")
	from := cmp.Or(v.Request.SourceName, string(v.Request.Source))
	switch v.Party {
	case transfer.PartySource:
		return n + " to " + v.Called(v.Request.Destination)
	case transfer.PartyDestination:
		return n + " from " + from
	default:
		return n + " from " + from + " to " + v.Called(v.Request.Destination)
	}
}

// Stamp is what decides which forms the page has. The part that moves compares it.
func (v requestView) Stamp() string {
	r := v.Request
	return fmt.Sprintf("%s-%v-%v-%v-%v-%v-%v", r.State, r.CanAccept, r.CanDecline, r.CanCancel, r.CanTakeBack, r.FinishedAt != nil, r.Counts.Eligible > 0)
}

// Live reports whether the page should look again whether something has moved.
func (v requestView) Live() bool { return v.Request.FinishedAt == nil }

// Working reports whether the service itself works on the request, so that the page
// looks more often.
func (v requestView) Working() bool {
	r := v.Request
	return r.State == transfer.Validating || r.State == transfer.Transferring || r.State.Final() && r.FinishedAt == nil
}

// Open is how many SIMs can still be decided on.
func (v requestView) Open() int { return v.Request.Counts.Eligible + v.Request.Counts.Pending }

// Decides reports whether the page has the form for decisions on SIMs.
func (v requestView) Decides() bool {
	r := v.Request
	return r.CanAccept || r.CanDecline || r.CanCancel
}

// WhyNot returns why the person cannot do something, as a sentence; empty if it is of no
// interest.
func (v requestView) WhyNot(event string) string {
	why := v.Request.WhyNot[event]
	if why != "" && event == string(transfer.Cancel) && v.Request.State == transfer.Transferring {
		return "the destination has accepted, and the SIMs are being moved: it is too late to cancel"
	}
	return why
}

// CanTakeBack reports whether the person can take back how the request ended.
func (v requestView) CanTakeBack() bool { return v.Request.CanTakeBack }

// CanExtend reports whether the person can give more time.
func (v requestView) CanExtend() bool { return v.Request.CanExtend }

// CanRetry reports whether the person can try again what was not transferred. The API
// decides which SIMs that is.
func (v requestView) CanRetry() bool {
	r := v.Request
	return r.FinishedAt != nil && len(r.RetriedBy) == 0 && v.Party != transfer.PartyDestination && (v.Can("operator") || v.Can("support")) &&
		r.Counts.Ineligible+r.Counts.Failed+r.Counts.Expired+r.Counts.Denied > 0
}

// Arrives reports whether the table says how SIMs will arrive: only the destination
// learns it, before it decides.
func (v requestView) Arrives() bool {
	return v.Party == transfer.PartyDestination && slices.ContainsFunc(v.SIMs.Items, func(t client.Transfer) bool { return t.Arrival != nil })
}

// PageOf returns the address of the page of a SIM; empty if the person cannot open it,
// because the account does not have the SIM.
func (v requestView) PageOf(t client.Transfer) string {
	moved := t.State == transfer.Completed
	switch {
	case v.Can("support"):
		return "/support/sims/" + t.ICCID
	case v.Party == transfer.PartySource && !moved && t.Reason != transfer.SIMNotFound && t.Reason != transfer.OwnerChanged, v.Party == transfer.PartyDestination && moved:
		return "/sims/" + t.ICCID
	}
	return ""
}

// ProfileText lists what the landing profile sets, empty for nothing.
func (v requestView) ProfileText() string { return landingText(&v.Profile) }

// ProfileTags writes the tags of the landing profile as the form has them.
func (v requestView) ProfileTags() string { return tagLines(v.Profile.Tags) }

// Codes are the reasons to choose from.
func (v requestView) Codes() []choice {
	codes := []choice{{"", "No reason"}}
	for _, c := range transfer.DecisionCodes() {
		codes = append(codes, choice{string(c), words(c)})
	}
	return codes
}

// States are the states of SIMs to choose from, with their counts.
func (v requestView) States() []stateCount {
	c := v.Request.Counts
	all := []stateCount{
		{transfer.Pending, c.Pending},
		{transfer.Eligible, c.Eligible},
		{transfer.Completed, c.Completed},
		{transfer.Ineligible, c.Ineligible},
		{transfer.Failed, c.Failed},
		{transfer.Canceled, c.Canceled},
		{transfer.Declined, c.Declined},
		{transfer.Denied, c.Denied},
		{transfer.Expired, c.Expired},
	}
	return slices.DeleteFunc(all, func(s stateCount) bool { return s.Count == 0 })
}

// stateCount is how many SIMs are in a state.
type stateCount struct {
	State transfer.State
	Count int
}

// CSV returns the address of the results as a file, for the SIMs that the table shows.
func (v requestView) CSV() string {
	q := url.Values{}
	for _, name := range []string{"state", "reason", "method"} {
		if value := v.Query(name); value != "" {
			q.Set(name, value)
		}
	}
	address := "/requests/" + v.Request.ID.String() + "/results.csv"
	if len(q) > 0 {
		address += "?" + q.Encode()
	}
	return address
}

// requestResults sends the results of a request as a file.
func (v *visit) requestResults() error {
	id, err := v.requestID()
	if err != nil {
		return err
	}
	filter := v.simFilter()
	return v.download("request-"+id.String()+".csv", func() (io.ReadCloser, error) {
		return v.api.RequestResults(v.ctx(), id, filter, client.CSV)
	})
}

// beginDownload is after what time a download begins although the API has not begun to
// answer: it counts the rows first. What it refuses, it refuses sooner.
const beginDownload = 100 * time.Millisecond

// download sends rows as a CSV file while they arrive. If the API takes its time, the
// browser learns first that it gets a file.
func (v *visit) download(name string, open func() (io.ReadCloser, error)) error {
	type opened struct {
		rows io.ReadCloser
		err  error
	}
	answer := make(chan opened, 1)
	go func() {
		rows, err := open()
		answer <- opened{rows, err}
	}()
	var got opened
	begun := false
	wait := time.NewTimer(beginDownload)
	defer wait.Stop()
	select {
	case got = <-answer:
	case <-wait.C:
		begun = true
		v.beginFile(name)
		got = <-answer
	}
	switch {
	case got.err != nil && begun:
		v.Log.ErrorContext(v.ctx(), "a download was aborted", "path", v.r.URL.Path, "error", got.err)
		panic(http.ErrAbortHandler) // the file must not look complete
	case got.err != nil:
		return got.err
	case !begun:
		v.beginFile(name)
	}
	defer func() { _ = got.rows.Close() }()
	if _, err := io.Copy(v.w, got.rows); err != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

// beginFile sends the headers of a CSV file.
func (v *visit) beginFile(name string) {
	v.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	v.w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	v.w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(v.w).Flush() // a ResponseWriter without a connection returns an error
}

// chosenSIMs reads which SIMs of the request a decision is about: nil for all.
func (f form) chosenSIMs() ([]string, error) {
	switch f.Value("which") {
	case "picked":
		if picked := f.Values("sim"); len(picked) > 0 {
			return picked, nil
		}
		return nil, errors.New("tick at least one SIM in the table, or choose all SIMs")
	case "listed":
		list := strings.FieldsFunc(f.Value("sims"), func(r rune) bool { return strings.ContainsRune(" \t\r\n,;", r) })
		if len(list) == 0 {
			return nil, errors.New("name at least one SIM or range, or choose all SIMs")
		}
		return list, nil
	}
	return nil, nil
}

// decide handles a form about SIMs of a request: it reads which ones, calls the API and
// goes back to the request. say makes the words for what was done from the number of
// SIMs.
func (v *visit) decide(act func(f form, id uuid.UUID, sims []string) (client.Request, error), say func(sims string) string) error {
	id, err := v.requestID()
	if err != nil {
		return err
	}
	f := v.posted("decide")
	sims, err := f.chosenSIMs()
	if err != nil {
		return v.wrong(f, v.request, "sims", err.Error())
	}
	after, err := act(f, id, sims)
	var bad *badField
	switch {
	case errors.As(err, &bad):
		return v.wrong(f, v.request, bad.name, bad.message)
	case err != nil:
		return v.refusedRequest(f, err)
	}
	n := plural(len(sims), "SIM")
	if f.Value("which") == "listed" {
		n = "The listed SIMs" // ranges may be among them
	}
	if sims == nil {
		n = plural(countOr(f.Value("count"), after.Counts.SIMs), "SIM")
	}
	to := "/requests/" + id.String()
	if f.Value("from") == "inbox" {
		to = "/"
	}
	return v.redirect(to, say(n))
}

func countOr(text string, n int) int {
	if read, err := strconv.Atoi(text); err == nil && read > 0 {
		return read
	}
	return n
}

// badField is a field that the console itself cannot read.
type badField struct{ name, message string }

func (e *badField) Error() string { return e.name + ": " + e.message }

// changedForm is the name under which a page shows why a form was refused because
// something has changed: the form itself may be gone.
const changedForm = "changed"

// refusedRequest shows the request as it is now with why a form was refused. If it has
// changed since the page was made, the page says so instead.
func (v *visit) refusedRequest(f form, err error) error {
	var p *client.Problem
	if errors.As(err, &p) {
		if slices.Contains([]problem.Code{problem.RequestState, problem.RequestExpired, problem.PreconditionFailed}, p.Code) {
			changed := *p
			changed.Title = "The request has changed since you opened the page"
			if p.Code == problem.PreconditionFailed {
				changed.Detail = "Nothing was done. Below is what it is now: look at it first."
			} else {
				changed.Detail = "Nothing was done: " + p.Detail + ". The steps below say what happened, when and by whom."
			}
			f.Name, err = changedForm, &changed
		}
	}
	return v.refused(f, err, v.request)
}

// accept accepts all SIMs of a request or some.
func (v *visit) accept() error {
	return v.decide(func(f form, id uuid.UUID, sims []string) (client.Request, error) {
		landing, err := f.landing()
		if err != nil {
			return client.Request{}, &badField{"landing.tags", err.Error()}
		}
		// The form shows the landing profile, to be changed: what was sent is meant.
		a := client.Acceptance{SIMs: sims, WithoutProfile: f.Has("profile", "shown")}
		if landing.Group != "" || landing.SpeedClass != "" || landing.Plan != "" || len(landing.Tags) > 0 {
			a.Landing = &landing
		}
		for name, into := range map[string]**time.Time{"not_before": &a.NotBefore, "not_after": &a.NotAfter} {
			if *into, err = parseTime(f.Value(name)); err != nil {
				return client.Request{}, &badField{name, err.Error()}
			}
		}
		if reason, ticket := f.Value("on_behalf.reason"), f.Value("on_behalf.ticket"); reason != "" || ticket != "" {
			a.OnBehalf = &client.OnBehalf{Reason: reason, Ticket: ticket}
		}
		return v.api.AcceptRequest(v.ctx(), id, a, f.Option(), client.IfMatch(f.Value("etag")))
	}, func(sims string) string {
		return sims + " accepted. The transfer has begun, or begins at the time that you chose."
	})
}

// decline declines all SIMs of a request or some.
func (v *visit) decline() error {
	return v.decide(func(f form, id uuid.UUID, sims []string) (client.Request, error) {
		return v.api.DeclineRequest(v.ctx(), id, client.Decline{SIMs: sims, Code: transfer.DecisionCode(f.Value("code")), Reason: f.Value("reason")}, f.Option())
	}, func(sims string) string { return sims + " declined." })
}

// cancel cancels all SIMs of a request or some.
func (v *visit) cancel() error {
	return v.decide(func(f form, id uuid.UUID, sims []string) (client.Request, error) {
		return v.api.CancelRequest(v.ctx(), id, client.Cancellation{SIMs: sims, Code: transfer.DecisionCode(f.Value("code")), Reason: f.Value("reason")}, f.Option())
	}, func(sims string) string {
		if sims == "1 SIM" {
			return "1 SIM canceled. It is free again."
		}
		return sims + " canceled. They are free again."
	})
}

// act handles a form of a request that is not about some of its SIMs.
func (v *visit) act(name string, call func(f form, id uuid.UUID) (done, goTo string, err error)) error {
	id, err := v.requestID()
	if err != nil {
		return err
	}
	f := v.posted(name)
	done, to, err := call(f, id)
	var bad *badField
	switch {
	case errors.As(err, &bad):
		return v.wrong(f, v.request, bad.name, bad.message)
	case err != nil:
		return v.refusedRequest(f, err)
	}
	return v.redirect(cmp.Or(to, "/requests/"+id.String()), done)
}

// extend gives more time to decide.
func (v *visit) extend() error {
	return v.act("extend", func(f form, id uuid.UUID) (string, string, error) {
		days, err := strconv.Atoi(f.Value("days"))
		if err != nil || days < 1 || days > 30 {
			return "", "", &badField{"days", "give a number of days from 1 to 30"}
		}
		r, err := v.api.ExtendRequest(v.ctx(), id, client.Extension{Seconds: int64(days) * 24 * 60 * 60}, f.Option())
		if err != nil || r.ExpiresAt == nil {
			return "", "", err
		}
		return "The time to decide now ends on " + r.ExpiresAt.UTC().Format("2006-01-02 at 15:04") + " UTC.", "", nil
	})
}

// takeBack takes back how the request ended.
func (v *visit) takeBack() error {
	return v.act("take-back", func(f form, id uuid.UUID) (string, string, error) {
		_, err := v.api.TakeBackRequest(v.ctx(), id, f.Option())
		return "Taken back: the request is open again, as it was.", "", err
	})
}

// retry creates a request for what was not transferred.
func (v *visit) retry() error {
	return v.act("retry", func(f form, id uuid.UUID) (string, string, error) {
		var reasons []transfer.Reason
		for _, r := range f.Values("retry-reason") {
			reasons = append(reasons, transfer.Reason(r))
		}
		made, err := v.api.RetryRequest(v.ctx(), id, client.Retry{Reasons: reasons}, f.Option())
		return "This is the new request for " + plural(made.Counts.SIMs, "SIM") + ".", "/requests/" + made.ID.String(), err
	})
}

// comment writes a comment.
func (v *visit) comment() error {
	return v.act("comment", func(f form, id uuid.UUID) (string, string, error) {
		var to []transfer.Party
		for _, p := range f.Values("visible_to") {
			to = append(to, transfer.Party(p))
		}
		if f.Has("scope", "support") {
			to = []transfer.Party{transfer.PartySupport}
		}
		_, err := v.api.AddComment(v.ctx(), id, client.NewComment{Text: f.Value("text"), VisibleTo: to}, f.Option())
		return "", "/requests/" + id.String() + "#timeline", err
	})
}

// approve approves a request, for support.
func (v *visit) approve() error {
	return v.act("approve", func(f form, id uuid.UUID) (string, string, error) {
		a := client.Approval{Ticket: f.Value("ticket"), FeeReason: f.Value("fee_reason")}
		if fee := f.Value("fee.amount"); fee != "" {
			a.Fee = &client.MoneyInput{Amount: fee}
		}
		_, err := v.api.ApproveRequest(v.ctx(), id, a, f.Option())
		return "Approved. The destination can accept now.", "", err
	})
}

// deny denies a request, for support.
func (v *visit) deny() error {
	return v.act("deny", func(f form, id uuid.UUID) (string, string, error) {
		_, err := v.api.DenyRequest(v.ctx(), id, client.Denial{Code: transfer.DecisionCode(f.Value("code")), Reason: f.Value("reason")}, f.Option())
		return "Denied. The SIMs are free again.", "", err
	})
}

// parseTags reads tags, one a line: name=value.
func parseTags(text string) (map[string]string, error) {
	tags := map[string]string{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || strings.TrimSpace(name) == "" {
			return nil, fmt.Errorf("%q is no tag: write one tag a line, as name=value", truncate(40, line))
		}
		tags[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	return tags, nil
}

// parseTime reads what a field of the type datetime-local sends, in UTC. An empty text
// is nil.
func parseTime(text string) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04", time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return &t, nil
		}
	}
	return nil, errors.New("write the time as 2026-12-31 18:00, in UTC")
}

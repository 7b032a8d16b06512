package console

import (
	"strings"
	"time"

	"simtransfer/client"
	"simtransfer/transfer"
)

// requestsView is a list of requests: what was sent and is not over, or the history.
type requestsView struct {
	base

	Heading, Lead string
	Page          client.Page[client.Request]
	History       bool   // with filters for what is over
	Wrong         string // what is wrong with the filters; empty: nothing
}

// requestsPage is the number of requests on a page.
const requestsPage = 30

// openStates are the states of requests that are not over.
func openStates() []transfer.RequestState {
	return []transfer.RequestState{transfer.Validating, transfer.InReview, transfer.AwaitingAcceptance, transfer.Scheduled, transfer.Transferring}
}

// outbox lists the requests that the account has sent and that are not over.
func (v *visit) outbox() error {
	view := requestsView{base: base{v}, Heading: "Sent", Lead: "Transfers to other accounts that are not over yet, including those that programs have started."}
	f := client.RequestFilter{Direction: "outgoing", States: openStates(), Reference: view.Query("reference")}
	if view.Query("sort") == "deadline" {
		f.Sort = "deadline"
	}
	return v.listRequests(view, f)
}

// history lists all requests, with filters.
func (v *visit) history() error {
	view := requestsView{base: base{v}, Heading: "History", Lead: "All transfers, the latest first.", History: true}
	f := client.RequestFilter{
		Direction: view.Query("direction"), Reference: view.Query("reference"), SIM: strings.TrimSpace(view.Query("sim")),
		Account: transfer.AccountRef(view.Query("account")),
	}
	if s := view.Query("state"); s != "" {
		f.States = []transfer.RequestState{transfer.RequestState(s)}
	}
	for name, into := range map[string]*time.Time{"from": &f.CreatedAfter, "to": &f.CreatedBefore} {
		text := view.Query(name)
		if text == "" {
			continue
		}
		day, err := time.Parse(time.DateOnly, text)
		if err != nil {
			view.Wrong = "Write days as 2026-12-31."
			return v.show("requests", view.Heading, view)
		}
		if name == "to" {
			day = day.AddDate(0, 0, 1) // the whole day
		}
		*into = day
	}
	return v.listRequests(view, f)
}

func (v *visit) listRequests(view requestsView, f client.RequestFilter) error {
	var err error
	view.Page, err = v.api.ListRequests(v.ctx(), f, client.Paging{Limit: requestsPage, Cursor: view.Query("cursor")})
	if wrong, ok := asWrongQuery(err); ok {
		view.Wrong, err = wrong, nil
		v.status = 422
	}
	if err != nil {
		return err
	}
	return v.show("requests", view.Heading, view)
}

// States are the states to choose from.
func (v requestsView) States() []choice {
	list := []choice{{"", "Any state"}}
	for _, s := range transfer.RequestStates() {
		list = append(list, choice{string(s), stateText(s)})
	}
	return list
}

// Filtered reports whether the list is filtered.
func (v requestsView) Filtered() bool {
	for _, name := range []string{"direction", "reference", "sim", "account", "state", "from", "to"} {
		if v.Query(name) != "" {
			return true
		}
	}
	return false
}

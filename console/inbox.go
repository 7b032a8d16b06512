package console

import (
	"golang.org/x/sync/errgroup"

	"simtransfer/client"
	"simtransfer/transfer"
)

// home shows the inbox to accounts, and sends staff to where their day begins.
func (v *visit) home() error {
	if v.me.IsAccount() {
		return v.inbox()
	}
	return v.redirect(v.staffHome(), "")
}

// staffHome is where the day of support and finance begins.
func (v *visit) staffHome() string {
	if v.me.has("support") {
		return "/queue"
	}
	return "/charges"
}

// inboxView is what waits for the account: requests to accept or decline, and pull
// requests to answer.
type inboxView struct {
	base

	Requests []client.Request // with their monthly costs
	Next     string           // cursor of more requests
	Coming   []client.Request // accepted for later, or being transferred
	Pulls    []client.PullRequest
	Done     []client.Request       // the last ones that are over
	Landing  *client.LandingProfile // what the SIMs get if all are accepted here; nil: nothing
}

// LandsWith lists what SIMs get if they are accepted here, empty for nothing.
func (v inboxView) LandsWith() string { return landingText(v.Landing) }

// inboxPage is the number of requests on a page of the inbox. Each needs a call, for its
// monthly cost.
const inboxPage = 10

func (v *visit) inbox() error {
	view := inboxView{base: base{v}}
	incoming := func(into *[]client.Request, next *string, sort string, limit int, states ...transfer.RequestState) func() error {
		return func() error {
			p := client.Paging{Limit: limit}
			if next != nil {
				p.Cursor = view.Query("cursor")
			}
			page, err := v.api.ListRequests(v.ctx(), client.RequestFilter{Direction: "incoming", States: states, Sort: sort}, p)
			*into = page.Items
			if next != nil {
				*next = page.NextCursor
			}
			return err
		}
	}
	g, ctx := errgroup.WithContext(v.ctx())
	g.Go(func() error {
		if err := incoming(&view.Requests, &view.Next, "deadline", inboxPage, transfer.AwaitingAcceptance)(); err != nil {
			return err
		}
		var each errgroup.Group
		each.SetLimit(4)
		for i, r := range view.Requests {
			each.Go(func() error {
				full, err := v.api.GetRequest(ctx, r.ID)
				if err == nil {
					view.Requests[i].Monthly, view.Requests[i].WhyNot = full.Monthly, full.WhyNot
				}
				return err
			})
		}
		return each.Wait()
	})
	g.Go(func() error {
		own, err := v.api.GetAccount(ctx, v.me.Account().Ref())
		view.Landing = own.Landing
		return err
	})
	g.Go(incoming(&view.Coming, nil, "", 20, transfer.Scheduled, transfer.Transferring))
	g.Go(incoming(&view.Done, nil, "", 10, transfer.RequestCompleted, transfer.RequestDeclined, transfer.RequestCanceled, transfer.RequestExpired))
	g.Go(func() error {
		page, err := v.api.ListPullRequests(v.ctx(), client.PullFilter{Direction: "incoming", States: []transfer.PullState{transfer.PullOpen}}, client.Paging{Limit: 20})
		view.Pulls = page.Items
		return err
	})
	if err := g.Wait(); err != nil {
		return err
	}
	return v.show("inbox", "Inbox", view)
}

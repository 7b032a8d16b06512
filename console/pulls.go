package console

import (
	"errors"

	"github.com/google/uuid"

	"simtransfer/api/problem"
	"simtransfer/client"
	"simtransfer/transfer"
)

// pullView is the page of a pull request: an account asks for SIMs.
type pullView struct {
	base

	Pull client.PullRequest
}

func (v *visit) pullID() (uuid.UUID, error) {
	id, err := uuid.Parse(v.r.PathValue("id"))
	if err != nil {
		return id, notFoundProblem()
	}
	return id, nil
}

func (v *visit) pull() error {
	id, err := v.pullID()
	if err != nil {
		return err
	}
	p, err := v.api.GetPullRequest(v.ctx(), id)
	if err != nil {
		return err
	}
	view := pullView{base{v}, p}
	return v.show("pull", view.Title(), view)
}

// Title says what the pull request is, as the person sees it.
func (v pullView) Title() string {
	asker := v.Pull.AskerName
	if asker == "" {
		asker = string(v.Pull.Asker)
	}
	switch v.Pull.Direction {
	case "outgoing":
		return "You ask for " + plural(v.Pull.Size, "SIM")
	case "incoming":
		return asker + " asks you for " + plural(v.Pull.Size, "SIM")
	}
	return asker + " asks for " + plural(v.Pull.Size, "SIM")
}

// Open reports whether the pull request is still to be answered.
func (v pullView) Open() bool { return v.Pull.State == transfer.PullOpen }

// answerPull handles a form about a pull request.
func (v *visit) answerPull(name string, call func(f form, id uuid.UUID) (string, error)) error {
	id, err := v.pullID()
	if err != nil {
		return err
	}
	f := v.posted(name)
	done, err := call(f, id)
	var bad *badField
	var p *client.Problem
	switch {
	case errors.As(err, &bad):
		return v.wrong(f, v.pull, bad.name, bad.message)
	case errors.As(err, &p) && p.Code == problem.PullState:
		changed := *p
		changed.Title, changed.Detail = "The request has changed since you opened the page", "Nothing was done: "+p.Detail+"."
		f.Name = changedForm
		return v.refused(f, &changed, v.pull)
	case err != nil:
		return v.refused(f, err, v.pull)
	}
	return v.redirect("/pulls/"+id.String(), done)
}

// approvePull agrees to send all SIMs or some.
func (v *visit) approvePull() error {
	return v.answerPull("approve", func(f form, id uuid.UUID) (string, error) {
		sims, err := f.chosenSIMs()
		if err != nil {
			return "", &badField{"sims", err.Error()}
		}
		_, err = v.api.ApprovePullRequest(v.ctx(), id, client.PullApproval{SIMs: sims, Reference: f.Value("reference"), Message: f.Value("message")}, f.Option())
		return "You agreed: the transfer has been created.", err
	})
}

// refusePull refuses a pull request.
func (v *visit) refusePull() error {
	return v.answerPull("refuse", func(f form, id uuid.UUID) (string, error) {
		_, err := v.api.RefusePullRequest(v.ctx(), id, f.Option())
		return "Refused. The other account does not learn whether you have the SIMs.", err
	})
}

// cancelPull ends a pull request of the account's own.
func (v *visit) cancelPull() error {
	return v.answerPull("cancel", func(f form, id uuid.UUID) (string, error) {
		_, err := v.api.CancelPullRequest(v.ctx(), id, f.Option())
		return "You no longer ask for these SIMs.", err
	})
}

// pullsView lists what others ask the account for, and what it asks for.
type pullsView struct {
	base

	Page client.Page[client.PullRequest]
}

func (v *visit) pulls() error {
	view := pullsView{base: base{v}}
	var err error
	view.Page, err = v.api.ListPullRequests(v.ctx(), client.PullFilter{Direction: view.Query("direction")}, client.Paging{Limit: requestsPage, Cursor: view.Query("cursor")})
	if err != nil {
		return err
	}
	return v.show("pulls", "SIMs asked for", view)
}

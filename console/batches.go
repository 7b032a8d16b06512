package console

import (
	"errors"
	"io"
	"net/http"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"simtransfer/api/problem"
	"simtransfer/client"
	"simtransfer/transfer"
)

// runningView is what the service works on for the account: batches that are not over
// and requests whose SIMs are being checked or moved.
type runningView struct {
	base

	Batches  client.Page[client.Batch]
	Requests []client.Request
	Recent   []client.Batch // that are over
}

func (v *visit) running() error {
	view, err := v.readRunning()
	if err != nil {
		return err
	}
	return v.show("running", "What is running", view)
}

// runningLive returns the part of the page that moves, to htmx.
func (v *visit) runningLive() error {
	view, err := v.readRunning()
	if err != nil {
		return err
	}
	return v.fragment("running", view)
}

func (v *visit) readRunning() (runningView, error) {
	view := runningView{base: base{v}}
	g, ctx := errgroup.WithContext(v.ctx())
	g.Go(func() (err error) {
		view.Batches, err = v.api.ListBatches(ctx, client.BatchFilter{Finished: new(false)}, client.Paging{Limit: 20, Cursor: view.Query("cursor")})
		return err
	})
	g.Go(func() error {
		page, err := v.api.ListBatches(ctx, client.BatchFilter{Finished: new(true)}, client.Paging{Limit: 5})
		view.Recent = page.Items
		return err
	})
	g.Go(func() error {
		page, err := v.api.ListRequests(ctx, client.RequestFilter{States: []transfer.RequestState{transfer.Validating, transfer.Transferring, transfer.Scheduled}}, client.Paging{Limit: 30})
		view.Requests = page.Items
		return err
	})
	return view, g.Wait()
}

// Live reports whether something moves.
func (v runningView) Live() bool { return len(v.Batches.Items)+len(v.Requests) > 0 }

// batchView is the page of a batch.
type batchView struct {
	base

	Batch client.Batch
}

func (v *visit) batchID() (uuid.UUID, error) {
	id, err := uuid.Parse(v.r.PathValue("id"))
	if err != nil {
		return id, notFoundProblem()
	}
	return id, nil
}

// notFoundProblem is what the API says about an id that does not exist.
func notFoundProblem() error {
	return &client.Problem{Problem: problem.Problem{Code: problem.NotFound, Status: http.StatusNotFound, Title: "Not found"}}
}

func (v *visit) readBatch() (batchView, error) {
	id, err := v.batchID()
	if err != nil {
		return batchView{}, err
	}
	b, err := v.api.GetBatch(v.ctx(), id)
	return batchView{base{v}, b}, err
}

func (v *visit) batch() error {
	view, err := v.readBatch()
	if err != nil {
		return err
	}
	return v.show("batch", "Batch of "+plural(view.Batch.Counts.SIMs, "SIM"), view)
}

// batchLive returns the part of the page that moves, to htmx.
func (v *visit) batchLive() error {
	view, err := v.readBatch()
	if err != nil {
		return err
	}
	if view.Batch.Finished {
		v.w.Header().Set("HX-Refresh", "true")
	}
	return v.fragment("batch", view)
}

// Codes are the reasons to choose from.
func (v batchView) Codes() []choice { return requestView{}.Codes() }

// Open is how many SIMs can still be canceled.
func (v batchView) Open() int { return v.Batch.Counts.Eligible + v.Batch.Counts.Pending }

// CanCancel reports whether the person can try to cancel what is left.
func (v batchView) CanCancel() bool {
	return !v.Batch.Finished && v.Open() > 0 && (v.Can("operator") || v.Can("support"))
}

// batchResults sends the results of a batch as a file.
func (v *visit) batchResults() error {
	id, err := v.batchID()
	if err != nil {
		return err
	}
	filter := v.simFilter()
	return v.download("batch-"+id.String()+".csv", func() (io.ReadCloser, error) {
		return v.api.BatchResults(v.ctx(), id, filter, client.CSV)
	})
}

// cancelBatch cancels every request of a batch that can still be canceled.
func (v *visit) cancelBatch() error {
	id, err := v.batchID()
	if err != nil {
		return err
	}
	f := v.posted("cancel")
	out, err := v.api.CancelBatch(v.ctx(), id, client.BatchCancellation{Code: transfer.DecisionCode(f.Value("code")), Reason: f.Value("reason")}, f.Option())
	if err != nil {
		return v.refused(f, err, v.batch)
	}
	done := plural(out.Canceled, "request") + " of the batch canceled."
	if left := len(out.Requests) - out.Canceled; left > 0 {
		done += " " + plural(left, "other") + " could no longer be canceled."
	}
	return v.redirect("/batches/"+id.String(), done)
}

// asWrongQuery returns what is wrong with the query of a page, if the API refused it.
func asWrongQuery(err error) (string, bool) {
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != http.StatusUnprocessableEntity && p.Status != http.StatusBadRequest {
		return "", false
	}
	text := p.Detail
	if text == "" {
		text = p.Title
	}
	for _, e := range p.Errors {
		text += "; " + e.Message
	}
	return text, true
}

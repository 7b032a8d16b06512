// Package demo shows the service at work: it moves a batch of SIMs through it and
// compares the outcome with what is expected.
package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"simtransfer/client"
	"simtransfer/dev/freeradius"
	"simtransfer/dev/sample"
	"simtransfer/dev/servers"
	"simtransfer/dev/stack"
	"simtransfer/transfer"
)

// Options configure Run.
type Options struct {
	SIMs     int       // rows of the batch that is uploaded
	Program  string    // the simtransfer binary; empty means this program
	Env      []string  // for its processes
	Stay     bool      // keep running after the report until ctx ends
	JSON     bool      // end the report with a line that is a JSON object
	Out      io.Writer // for the report
	Progress io.Writer // for the steps while they happen
	Terminal bool      // whether Progress is a terminal, on which lines can be rewritten
	// FreeRADIUS makes the gateways report their sessions to a FreeRADIUS with the
	// shipped configuration, instead of writing them into the database.
	FreeRADIUS bool
}

// Run starts the whole service on private servers and transfers a batch of SIMs,
// over HTTP and by the same processes as in production. It returns whether every
// outcome was as expected and all data is consistent.
func Run(ctx context.Context, o Options) (ok bool, err error) {
	d := &demo{Options: o, progress: &progress{out: o.Progress, terminal: o.Terminal}, requests: map[int]client.Request{}}
	if o.FreeRADIUS {
		if err := freeradius.CheckInstalled(); err != nil {
			return false, err
		}
	}
	d.say("starting PostgreSQL, Redis, the API, a worker and a scheduler")
	service, err := stack.Start(ctx, stack.Options{
		Servers: servers.Options{Durable: true},
		Program: o.Program, OneClick: true,
		Env: append([]string{"SIMTRANSFER_DROP_ATTEMPTS=3", "SIMTRANSFER_DROP_BACKOFF=300ms"}, o.Env...),
	})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, service.Stop()) }()
	data := sample.ForBatch(o.SIMs)
	if o.FreeRADIUS {
		d.say("starting FreeRADIUS, to which the gateways report their sessions")
		server, startErr := startFreeRADIUS(ctx, service)
		if startErr != nil {
			return false, startErr
		}
		defer func() { err = errors.Join(err, server.Stop()) }()
		data.Accounting = server.Address
	}
	d.say("importing %d SIMs of %d accounts", 12*o.SIMs/10, len(sample.Accounts()))
	if d.Installation, err = sample.Install(ctx, service, data); err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	for _, step := range []func(context.Context) error{
		d.uploadInvalidBatch, d.createEarlierRequest, d.uploadBatch, d.goOnline, d.review, d.cancelSome, d.decide, d.finish,
	} {
		if err := step(ctx); err != nil {
			return false, err
		}
	}
	report, err := d.report(ctx)
	if err != nil {
		return false, err
	}
	if err := report.print(o.Out, o.JSON); err != nil {
		return false, err
	}
	if o.Stay {
		if err := d.OpenRequests(ctx); err != nil {
			return false, err
		}
		if err := d.Stack.WriteSignIns(d.SignIns()); err != nil {
			return false, err
		}
		fmt.Fprintf(o.Progress, "\nConsole   %s  (sign in with one click)\nAPI docs  %s/docs\nQueues    %s/ops/queues  (sign in with %s)\nPress Ctrl-C to stop.\n",
			d.Stack.Admin.URL, d.Stack.Admin.URL, d.Stack.Admin.URL, d.Stack.Admin.Key)
		<-ctx.Done()
	}
	return report.ok(), nil
}

// demo is a running demonstration.
type demo struct {
	Options
	*sample.Installation
	*progress
	earlier       uuid.UUID              // the earlier request, which contains some SIMs of the batch
	batch         uuid.UUID              // the batch
	requests      map[int]client.Request // of the batch, by destination
	small         client.Request         // the small request
	batchDuration time.Duration          // from the first acceptance until all SIMs are transferred
	smallDuration time.Duration          // the same for the small request
}

// uploadInvalidBatch shows that nothing of an upload with errors is accepted.
func (d *demo) uploadInvalidBatch(ctx context.Context) error {
	var upload bytes.Buffer
	if err := sample.WriteBatch(&upload, 5); err != nil {
		return err
	}
	to, again := sample.Accounts()[sample.AcceptsAll], sample.BatchSIM(2)
	fmt.Fprintf(&upload, "8988-no-number,%s,%s\n", to.Email, to.OperatorID)
	fmt.Fprintf(&upload, "%s,%s,%s\n", again.Identifier(), to.Email, to.OperatorID)
	d.say("uploading a batch with an invalid line and a duplicate")
	_, err := d.Accounts[sample.BatchSource].CreateBatch(ctx, client.CSV, &upload, client.BatchTerms{})
	var refusal *client.Problem
	if !errors.As(err, &refusal) || len(refusal.Errors) != 2 {
		return fmt.Errorf("a batch with an invalid line and a duplicate was not refused as expected: %w", err)
	}
	d.say("  nothing was accepted: %d %s", refusal.Status, refusal.Title)
	for _, e := range refusal.Errors {
		d.say("    %s", e)
	}
	return nil
}

// createEarlierRequest creates a request that contains some SIMs of the batch.
func (d *demo) createEarlierRequest(ctx context.Context) error {
	var sims []string
	for i := range d.SIMs {
		if r := sample.BatchSIM(i); r.InOpenRequest {
			sims = append(sims, r.ICCID())
		}
	}
	created, err := d.Accounts[sample.BatchSource].CreateRequest(ctx, newRequest(sims, sample.AcceptsAll))
	if err != nil {
		return err
	}
	d.earlier = created.ID
	return d.await(ctx, "", created.ID, func(r client.Request) bool { return r.State == transfer.AwaitingAcceptance })
}

// newRequest requests the transfer of SIMs to an account.
func newRequest(sims []string, to int) client.NewRequest {
	a := sample.Accounts()[to]
	return client.NewRequest{Destination: client.Destination{Email: a.Email, OperatorID: a.OperatorID.Ref()}, SIMs: sims}
}

// uploadBatch uploads the batch and waits until every row is validated.
func (d *demo) uploadBatch(ctx context.Context) error {
	d.say("uploading a batch of %d rows to six destinations", d.SIMs)
	body, w := io.Pipe()
	go func() { _ = w.CloseWithError(sample.WriteBatch(w, d.SIMs)) }()
	terms := client.BatchTerms{AcceptanceSeconds: int64(15 + d.SIMs/5000)}
	created, err := d.Accounts[sample.BatchSource].CreateBatch(ctx, client.CSV, body, terms)
	if err != nil {
		return err
	}
	d.batch = created.ID
	for {
		b, err := d.readBatch(ctx)
		if err != nil {
			return err
		}
		d.bar("validating", d.SIMs-b.Counts.Pending, d.SIMs)
		if b.Counts.Pending == 0 && !slices.ContainsFunc(b.Requests, func(r client.Request) bool { return r.State == transfer.Validating }) {
			return nil
		}
		if err := pollPause(ctx); err != nil {
			return err
		}
	}
}

// readBatch reads the batch, and stores its requests by destination.
func (d *demo) readBatch(ctx context.Context) (client.Batch, error) {
	b, err := d.Accounts[sample.BatchSource].GetBatch(ctx, d.batch)
	if err != nil {
		return b, err
	}
	for i, a := range sample.Accounts() {
		for _, r := range b.Requests {
			if r.Destination == a.OperatorID {
				d.requests[i] = r
			}
		}
	}
	return b, nil
}

// goOnline brings some SIMs online for the first time.
func (d *demo) goOnline(ctx context.Context) error {
	var sims []sample.SIM
	for i := range d.SIMs {
		if r := sample.BatchSIM(i); r.ActivatedMeanwhile {
			r.Gateway = 1
			sims = append(sims, r)
		}
	}
	d.say("%d ready SIMs go online for the first time and can no longer be transferred by self-service", len(sims))
	return d.Connect(ctx, sims)
}

// review approves every request as support, one with the fee waived and one with it
// lowered.
func (d *demo) review(ctx context.Context) error {
	for _, to := range slices.Sorted(maps.Keys(d.requests)) {
		approval := client.Approval{Ticket: fmt.Sprintf("CASE-%d", 1000+to)}
		switch to {
		case sample.FeeWaived:
			approval.Fee, approval.FeeReason = &client.MoneyInput{Amount: "0"}, "goodwill after an outage"
		case sample.OtherCoverage:
			approval.Fee, approval.FeeReason = new(client.InputOf(transfer.Money{Minor: sample.LoweredFee, Currency: "EUR"})), "volume agreement"
		}
		if _, err := d.Support.ApproveRequest(ctx, d.requests[to].ID, approval); err != nil {
			return err
		}
	}
	d.say("support approves %d requests, one with the fee waived and one with it lowered", len(d.requests))
	return nil
}

// cancelSome cancels some SIMs of one request as the source.
func (d *demo) cancelSome(ctx context.Context) error {
	var sims []string
	for i := range d.SIMs {
		if r := sample.BatchSIM(i); r.CanceledBySource && r.ExpectedOutcome().State == transfer.Canceled {
			sims = append(sims, r.Identifier())
		}
	}
	d.say("the source cancels %d SIMs of one request", len(sims))
	for part := range slices.Chunk(sims, transfer.MaxPartial) {
		if _, err := d.Accounts[sample.BatchSource].CancelRequest(ctx, d.requests[sample.PartlyCanceled].ID, client.Cancellation{SIMs: part}); err != nil {
			return err
		}
	}
	return nil
}

// decide accepts four requests and declines one, as their destinations. One
// destination does not answer. Meanwhile another account transfers a few SIMs.
func (d *demo) decide(ctx context.Context) error {
	moving := []int{sample.AcceptsAll, sample.PartlyCanceled, sample.FeeWaived, sample.OtherCoverage}
	d.say("four destinations accept, one declines, one does not answer")
	start := time.Now()
	for _, to := range moving {
		if _, err := d.Accounts[to].AcceptRequest(ctx, d.requests[to].ID, client.Acceptance{}); err != nil {
			return err
		}
	}
	if _, err := d.Accounts[sample.DeclinesAll].DeclineRequest(ctx, d.requests[sample.DeclinesAll].ID, client.Decline{}); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.transferSmallRequest(ctx) })
	g.Go(func() error {
		for {
			if _, err := d.readBatch(ctx); err != nil {
				return err
			}
			total, left := 0, 0
			for _, to := range moving {
				c := d.requests[to].Counts
				total, left = total+c.SIMs, left+c.Eligible
			}
			d.bar("transferring", total-left, total)
			if left == 0 && !slices.ContainsFunc(moving, func(to int) bool { return d.requests[to].FinishedAt == nil }) {
				d.batchDuration = time.Since(start)
				return nil
			}
			if err := pollPause(ctx); err != nil {
				return err
			}
		}
	})
	return g.Wait()
}

// transferSmallRequest transfers a few SIMs while the batch keeps the service busy.
func (d *demo) transferSmallRequest(ctx context.Context) error {
	var sims []string
	for _, r := range sample.OtherSIMs(d.SIMs)[:sample.SmallRequest] {
		sims = append(sims, r.IMSI())
	}
	created, err := d.Accounts[sample.SmallerCustomer].CreateRequest(ctx, newRequest(sims, sample.AcceptsAll))
	if err != nil {
		return err
	}
	if err := d.await(ctx, "", created.ID, func(r client.Request) bool { return r.State == transfer.InReview }); err != nil {
		return err
	}
	if _, err := d.Support.ApproveRequest(ctx, created.ID, client.Approval{Ticket: "CASE-2000"}); err != nil {
		return err
	}
	start := time.Now()
	if _, err := d.Accounts[sample.AcceptsAll].AcceptRequest(ctx, created.ID, client.Acceptance{}); err != nil {
		return err
	}
	err = d.await(ctx, "", created.ID, func(r client.Request) bool { d.small = r; return r.FinishedAt != nil })
	d.smallDuration = time.Since(start)
	return err
}

// finish waits until the unanswered request has expired, and cancels the earlier
// request as the source.
func (d *demo) finish(ctx context.Context) error {
	if err := d.await(ctx, "waiting until the unanswered request expires", d.requests[sample.NeverAnswers].ID,
		func(r client.Request) bool { return r.FinishedAt != nil }); err != nil {
		return err
	}
	if _, err := d.Accounts[sample.BatchSource].CancelRequest(ctx, d.earlier, client.Cancellation{}); err != nil {
		return err
	}
	for _, id := range []uuid.UUID{d.earlier, d.requests[sample.DeclinesAll].ID} {
		if err := d.await(ctx, "", id, func(r client.Request) bool { return r.FinishedAt != nil }); err != nil {
			return err
		}
	}
	_, err := d.readBatch(ctx)
	return err
}

// await waits until a request meets the condition. If message is not empty, it is
// printed first.
func (d *demo) await(ctx context.Context, message string, id uuid.UUID, condition func(client.Request) bool) error {
	if message != "" {
		d.say("%s", message)
	}
	for {
		r, err := d.Support.GetRequest(ctx, id)
		if err != nil || condition(r) {
			return err
		}
		if err := pollPause(ctx); err != nil {
			return err
		}
	}
}

// pollPause waits between two reads of the same thing.
func pollPause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(20 * time.Millisecond):
		return nil
	}
}

// report collects the outcome of everything.
func (d *demo) report(ctx context.Context) (*report, error) {
	r := &report{
		SIMs: d.SIMs + sample.SmallRequest, Seconds: d.batchDuration.Seconds(), SmallSeconds: d.smallDuration.Seconds(),
		got: map[int]map[sample.Outcome]int{}, expected: sample.ExpectedOutcomes(d.SIMs), fees: map[transfer.Currency]int64{}, expectedFees: sample.ExpectedFees(d.SIMs),
	}
	var err error
	for to, listed := range d.requests {
		// Lists of requests do not contain reasons.
		if d.requests[to], err = d.Support.GetRequest(ctx, listed.ID); err != nil {
			return nil, err
		}
		r.got[to] = outcomes(d.requests[to])
		r.add(d.requests[to].Counts)
	}
	r.expected[sample.SmallerCustomer], r.got[sample.SmallerCustomer] = map[sample.Outcome]int{{State: transfer.Completed}: sample.SmallRequest}, outcomes(d.small)
	r.add(d.small.Counts)
	r.SIMsPerSecond = float64(r.Completed-sample.SmallRequest) / r.Seconds
	if err := d.countChargesAndSessions(ctx, r); err != nil {
		return nil, err
	}
	if d.FreeRADIUS {
		if err := d.countReports(ctx, r); err != nil {
			return nil, err
		}
	}
	r.findings, err = d.Stack.DB.Check(ctx)
	for _, f := range r.findings {
		r.Violations += f.Violations
	}
	return r, err
}

// countChargesAndSessions reads charges and sessions from the database.
func (d *demo) countChargesAndSessions(ctx context.Context, r *report) error {
	var fees []struct {
		Currency transfer.Currency `db:"currency"`
		Amount   int64             `db:"amount"`
		Count    int               `db:"count"`
	}
	if err := d.Stack.DB.Pool().SelectContext(ctx, &fees, `
		SELECT currency, sum(amount)::bigint AS amount, count(*) AS count FROM charges GROUP BY currency`); err != nil {
		return fmt.Errorf("reading the charges: %w", err)
	}
	for _, f := range fees {
		r.fees[f.Currency] = f.Amount
		r.Charges += f.Count
	}
	if err := d.Stack.DB.Pool().GetContext(ctx, &r.SessionsDropped, `
		SELECT count(*) FROM radius.radacct WHERE acctterminatecause = 'Admin-Reset'`); err != nil {
		return fmt.Errorf("reading the sessions: %w", err)
	}
	return nil
}

// outcomes counts the outcomes of a request's SIMs.
func outcomes(r client.Request) map[sample.Outcome]int {
	all := map[sample.Outcome]int{}
	for state, n := range map[transfer.State]int{
		transfer.Completed: r.Counts.Completed,
		transfer.Canceled:  r.Counts.Canceled,
		transfer.Declined:  r.Counts.Declined,
		transfer.Expired:   r.Counts.Expired,
		transfer.Eligible:  r.Counts.Eligible,
		transfer.Pending:   r.Counts.Pending,
	} {
		all[sample.Outcome{State: state}] = n
	}
	for _, reason := range r.Reasons {
		all[sample.Outcome{State: reason.State, Reason: reason.Reason}] = reason.Count
	}
	maps.DeleteFunc(all, func(_ sample.Outcome, n int) bool { return n == 0 })
	return all
}

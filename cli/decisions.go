package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"simtransfer/client"
	"simtransfer/transfer"
)

// onRequest is embedded in the commands that make a POST for requests.
type onRequest struct {
	IDs []uuid.UUID `arg:"" name:"id" help:"Ids of the requests."`
	post
}

// decision is embedded in the commands that decide on requests.
type decision struct {
	onRequest
	condition
}

// requestCall is a call for a request.
type requestCall func(*client.Client, uuid.UUID, ...client.Option) (client.Request, error)

// decide makes the call of a decision for each request, and prints what it returns.
func (d decision) decide(s *Session, call requestCall) error {
	if err := d.oneOf(len(d.IDs)); err != nil {
		return err
	}
	return d.call(s, func(api *client.Client, id uuid.UUID, options ...client.Option) (client.Request, error) {
		return call(api, id, append(options, d.ifMatch())...)
	})
}

// decisionOfBatch is embedded in the commands that decide on requests, or on those
// of a batch.
type decisionOfBatch struct {
	IDs   []uuid.UUID `arg:"" optional:"" name:"id" help:"Ids of the requests."`
	Batch *uuid.UUID  `placeholder:"ID" help:"In place of ids: all requests of this batch that are in a state that allows it."`
	post
	condition
}

// Validate implements kong's validation.
func (d *decisionOfBatch) Validate() error {
	switch {
	case (d.Batch == nil) == (len(d.IDs) == 0):
		return usageError("give the ids of requests, or --batch with the id of a batch")
	case d.Batch != nil && d.IfMatch != "":
		return usageError("--if-match is the ETag of one request: give the id of that one")
	}
	return nil
}

// decide makes the call for each of the requests that are named, or for those of the
// batch that are in one of the states.
func (d decisionOfBatch) decide(ctx context.Context, s *Session, states []transfer.RequestState, call requestCall) error {
	ids := d.IDs
	if d.Batch != nil {
		l, err := d.connect(s)
		if err != nil {
			return err
		}
		for next := ""; ; {
			page, err := l.client.ListRequests(ctx, client.RequestFilter{Batch: d.Batch.String(), States: states}, client.Paging{Limit: maxPage, Cursor: next}, l.options()...)
			if err != nil {
				return l.explain(err)
			}
			for _, r := range page.Items {
				ids = append(ids, r.ID)
			}
			if next = page.NextCursor; next == "" {
				break
			}
		}
		if len(ids) == 0 {
			return &exitError{ExitConflict, fmt.Errorf("no request of the batch %s is in a state that allows it", d.Batch)}
		}
	}
	return decision{onRequest{ids, d.post}, d.condition}.decide(s, call)
}

// decideSome is decide for a decision that can name some SIMs, which are those of
// one request.
func (d decision) decideSome(s *Session, sims simList, call requestCall) error {
	if len(sims.names) > 0 && len(d.IDs) > 1 {
		return usageError("--sim and --file name SIMs of one request: name only that one")
	}
	return sims.locate(d.decide(s, call))
}

// call makes a call for each request, and prints what it returns.
func (d onRequest) call(s *Session, call requestCall) error {
	l, err := d.connect(s)
	if err != nil {
		return err
	}
	return forEach(l, d.IDs, func(id uuid.UUID) error {
		r, err := call(l.client, id, l.options(d.idempotentFor(id, d.IDs))...)
		if err != nil {
			return l.explain(err)
		}
		return l.show(func() error { return printRequest(l, r) })
	})
}

// idempotentFor makes the service carry out the call for one of several things once.
// Their calls have different keys.
func (p post) idempotentFor(id uuid.UUID, ids []uuid.UUID) client.Option {
	if p.IdempotencyKey == "" || len(ids) == 1 {
		return p.idempotent()
	}
	return client.IdempotencyKey(string(p.IdempotencyKey) + " " + id.String())
}

// forEach does something once for each of some things, even if one is named twice. If
// it fails for one, it continues with the others, unless the service does not answer;
// the error is the first one. It separates what is printed for each with a blank line.
func forEach[ID comparable](l *connection, named []ID, do func(ID) error) error {
	var ids []ID
	for _, id := range named {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 1 {
		return do(ids[0])
	}
	out := &separated{to: l.Out}
	l.Out = out
	defer func() { l.Out = out.to }()
	var first error
	failed := 0
	for i, id := range ids {
		out.due = out.written && !l.json
		err := do(id)
		switch code := ExitCode(err); {
		case err == nil:
			continue
		case code == ExitInterrupted, code == ExitUnavailable:
			return fmt.Errorf("%v: %w\nDone before: %d of %d", id, err, i-failed, len(ids))
		case !errors.Is(err, ErrReported):
			if text := err.Error(); strings.Contains(text, fmt.Sprint(id)) {
				l.progress.say("%s", text)
			} else {
				l.progress.say("%v: %s", id, text)
			}
		}
		failed++
		if first == nil {
			first = err
		}
	}
	if first == nil {
		return nil
	}
	l.note("%d of %d failed.", failed, len(ids))
	return Reported(first)
}

// separated writes a blank line before the next text if one is due.
type separated struct {
	to           io.Writer
	written, due bool
}

// Write implements io.Writer.
func (s *separated) Write(text []byte) (int, error) {
	if s.due && len(text) > 0 {
		if _, err := io.WriteString(s.to, "\n"); err != nil {
			return 0, err
		}
		s.due = false
	}
	s.written = s.written || len(text) > 0
	return s.to.Write(text)
}

// landing are the flags for what the destination sets on SIMs as they arrive.
type landing struct {
	Group      nonEmpty          `placeholder:"NAME" help:"Put the SIMs into this group on arrival."`
	Tags       map[string]string `name:"tag" mapsep:"none" placeholder:"NAME=VALUE" help:"Add this tag to the SIMs on arrival. Repeat the flag for several tags."`
	SpeedClass nonEmpty          `placeholder:"NAME" help:"Set this speed class on arrival."`
	Plan       nonEmpty          `placeholder:"NAME" help:"Put the SIMs on this plan on arrival. Default: as the plan mappings say, or the plan that they have."`

	WithoutProfile bool `help:"Ignore the landing profile of the account: set only what the flags say. Default: what they leave out comes from the profile; see accounts update."`
}

// body returns nil if no flag was set.
func (l landing) body() *client.Landing {
	if l.Group == "" && len(l.Tags) == 0 && l.SpeedClass == "" && l.Plan == "" {
		return nil
	}
	return &client.Landing{Group: string(l.Group), Tags: l.Tags, SpeedClass: string(l.SpeedClass), Plan: string(l.Plan)}
}

// landingText lists what is set on arrival; nil is empty.
func landingText(l *client.Landing) string {
	if l == nil {
		return ""
	}
	var list []string
	if l.Group != "" {
		list = append(list, "group "+l.Group)
	}
	if len(l.Tags) > 0 {
		list = append(list, "tags "+tagsText(l.Tags))
	}
	if l.SpeedClass != "" {
		list = append(list, "speed class "+l.SpeedClass)
	}
	if l.Plan != "" {
		list = append(list, "plan "+l.Plan)
	}
	return strings.Join(list, "; ")
}

type requestsAcceptCommand struct {
	someSIMs
	landing
	NotBefore laterTime `placeholder:"TIME" help:"Start the transfer at this time, up to 30 days from now, such as 2030-01-31T22:00+01:00, or +3d for three days from now. Until then, both sides can withdraw."`
	NotAfter  laterTime `placeholder:"TIME" help:"Let the request expire if the transfer has not started by this time, at least a minute after --not-before, and up to 90 days from now."`
	OnBehalf  bool      `help:"Accept on behalf of the destination, as support. Needs --reason and --ticket, and has to be allowed by the service."`
	Reason    nonEmpty  `placeholder:"TEXT" help:"Why support accepts on behalf of the destination. Both sides see it."`
	Ticket    nonEmpty  `placeholder:"TEXT" help:"Reference of the support case, for --on-behalf. The source sees it."`
	decision
}

// Validate implements kong's validation.
func (c *requestsAcceptCommand) Validate() error {
	given := c.Reason != "" && c.Ticket != ""
	if c.OnBehalf && !given {
		return usageError("--on-behalf needs --reason and --ticket")
	}
	if !c.OnBehalf && (c.Reason != "" || c.Ticket != "") {
		return usageError("--reason and --ticket are for support, with --on-behalf: set it, or leave them out")
	}
	return nil
}

// onBehalf returns nil unless support accepts.
func (c *requestsAcceptCommand) onBehalf() *client.OnBehalf {
	if !c.OnBehalf {
		return nil
	}
	return &client.OnBehalf{Reason: string(c.Reason), Ticket: string(c.Ticket)}
}

// Help returns the detailed help.
func (requestsAcceptCommand) Help() string {
	return `Starts the transfer. If only some SIMs of one request are named, up to 100,000, the others are declined, with a window at once. To see the SIMs of a request first, use requests show ID --sims.

Examples:

    simtransfer requests accept 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21
    simtransfer requests accept 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --sim=8988211000000000011
    simtransfer requests accept 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --file=wanted.txt
    simtransfer requests accept 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --group=field-devices --tag=site=north
    simtransfer requests accept 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --not-before=+3d --not-after=+4d
    simtransfer requests accept 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --plan=iot-basic
    simtransfer requests accept 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --without-profile
    simtransfer requests accept 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --on-behalf --reason="merger, by phone" --ticket=CASE-1001`
}

// Run runs the command.
func (c *requestsAcceptCommand) Run(ctx context.Context, s *Session) error {
	sims, err := c.read(s)
	if err != nil {
		return err
	}
	return c.decideSome(s, sims, func(api *client.Client, id uuid.UUID, options ...client.Option) (client.Request, error) {
		return api.AcceptRequest(ctx, id, client.Acceptance{
			SIMs: sims.names, Landing: c.body(), WithoutProfile: c.WithoutProfile, OnBehalf: c.onBehalf(), NotBefore: c.NotBefore.time(), NotAfter: c.NotAfter.time(),
		}, options...)
	})
}

type requestsDeclineCommand struct {
	someSIMs
	decisionWords
	decision
}

// Help returns the detailed help.
func (requestsDeclineCommand) Help() string {
	return `If only some SIMs are named, up to 10,000, the others stay open.

Examples:

    simtransfer requests decline 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --code=unexpected --reason="not ordered"
    simtransfer requests decline 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --sim=8988211000000000011`
}

// Run runs the command.
func (c *requestsDeclineCommand) Run(ctx context.Context, s *Session) error {
	sims, err := c.read(s)
	if err != nil {
		return err
	}
	return c.decideSome(s, sims, func(api *client.Client, id uuid.UUID, options ...client.Option) (client.Request, error) {
		return api.DeclineRequest(ctx, id, client.Decline{SIMs: sims.names, Code: c.code(), Reason: string(c.Reason)}, options...)
	})
}

type requestsCancelCommand struct {
	someSIMs
	decisionWords
	decision
}

// Help returns the detailed help.
func (requestsCancelCommand) Help() string {
	return `A request can be canceled until its transfer starts. If only some SIMs are named, up to 10,000, the others stay open.

Examples:

    simtransfer requests cancel 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21
    simtransfer requests cancel 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --code=duplicate
    simtransfer requests cancel 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --sim=8988211000000000011,8988211000000000029`
}

// Run runs the command.
func (c *requestsCancelCommand) Run(ctx context.Context, s *Session) error {
	sims, err := c.read(s)
	if err != nil {
		return err
	}
	return c.decideSome(s, sims, func(api *client.Client, id uuid.UUID, options ...client.Option) (client.Request, error) {
		return api.CancelRequest(ctx, id, client.Cancellation{SIMs: sims.names, Code: c.code(), Reason: string(c.Reason)}, options...)
	})
}

type requestsExtendCommand struct {
	By    time.Duration `min:"1s" max:"30d" step:"1s" placeholder:"24h" help:"How much longer the time to decide gets, such as 36h or 7d."`
	Until laterTime     `placeholder:"TIME" help:"New end of the time to decide, such as 2030-01-31T22:00+01:00, or +3d for three days from now."`
	decisionOfBatch
}

// Validate implements kong's validation.
func (c *requestsExtendCommand) Validate() error {
	if (c.By == 0) == (c.Until.time() == nil) {
		return usageError("set either --by or --until")
	}
	return c.decisionOfBatch.Validate()
}

// Help returns the detailed help.
func (requestsExtendCommand) Help() string {
	return `Gives support or the destination more time, up to 30 days in all. The time never gets shorter.

Examples:

    simtransfer requests extend 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --by=2d
    simtransfer requests extend 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --until=2030-01-31T22:00+01:00
    simtransfer requests extend --batch=0198c5f2-2d6f-7e3b-8c4a-7b1f9e5c8d32 --by=2d`
}

// Run runs the command.
func (c *requestsExtendCommand) Run(ctx context.Context, s *Session) error {
	states := []transfer.RequestState{transfer.InReview, transfer.AwaitingAcceptance}
	return c.decide(ctx, s, states, func(api *client.Client, id uuid.UUID, options ...client.Option) (client.Request, error) {
		return api.ExtendRequest(ctx, id, client.Extension{Until: c.Until.time(), Seconds: seconds(c.By)}, options...)
	})
}

type requestsTakeBackCommand struct{ decisionOfBatch }

// Help returns the detailed help.
func (requestsTakeBackCommand) Help() string {
	return `A cancel, decline or denial of a whole request can be taken back for ten minutes by the party that made it, while all its SIMs are still free. The request returns to the state that it had.

Examples:

    simtransfer requests take-back 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21
    simtransfer requests take-back --batch=0198c5f2-2d6f-7e3b-8c4a-7b1f9e5c8d32`
}

// Run runs the command.
func (c *requestsTakeBackCommand) Run(ctx context.Context, s *Session) error {
	states := []transfer.RequestState{transfer.RequestCanceled, transfer.RequestDeclined, transfer.RequestDenied}
	return c.decide(ctx, s, states, func(api *client.Client, id uuid.UUID, options ...client.Option) (client.Request, error) {
		return api.TakeBackRequest(ctx, id, options...)
	})
}

type requestsApproveCommand struct {
	Ticket    nonEmpty `required:"" placeholder:"TEXT" help:"Reference of the support case, such as a ticket number."`
	Fee       amount   `placeholder:"AMOUNT" help:"Fee for each SIM that needs support, in place of the quote, in the source's currency, such as 2.50 or \"2.50 EUR\". 0 waives the fee."`
	FeeReason string   `help:"Reason for --fee."`
	manyRequests
}

// Validate implements kong's validation.
func (c *requestsApproveCommand) Validate() error {
	if (c.Fee.number != "") != (c.FeeReason != "") {
		return usageError("--fee and --fee-reason must be set together")
	}
	return c.manyRequests.Validate()
}

// Help returns the detailed help.
func (requestsApproveCommand) Help() string {
	return `Several requests are approved one after the other, and the output says for each what happened. Repeating the command is safe. With --fee, several requests need the currency.

Examples:

    simtransfer requests approve 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --ticket=CASE-1001
    simtransfer requests approve 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --ticket=CASE-1001 --fee=0 --fee-reason=goodwill
    simtransfer requests approve 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --ticket=CASE-1001 --fee=2.50 --fee-reason=agreed
    simtransfer requests approve --account=OP0000000001 --older-than=1d --ticket=CASE-1001 --dry-run
    simtransfer requests approve --account=OP0000000001 --older-than=1d --ticket=CASE-1001 --expect-count=12
    simtransfer requests approve --file=checked.txt --ticket=CASE-1001`
}

// Run runs the command.
func (c *requestsApproveCommand) Run(ctx context.Context, s *Session) error {
	approval := client.Approval{Ticket: string(c.Ticket), FeeReason: c.FeeReason}
	if c.Fee.number != "" {
		approval.Fee = &client.MoneyInput{Amount: c.Fee.number, Currency: c.Fee.currency}
	}
	if c.one() {
		return c.decision().decide(s, func(api *client.Client, id uuid.UUID, options ...client.Option) (client.Request, error) {
			return api.ApproveRequest(ctx, id, approval, options...)
		})
	}
	return c.decideMany(s, func(api *client.Client, choice client.RequestChoice, options ...client.Option) (client.RequestDecisions, error) {
		return api.ApproveRequests(ctx, client.ApprovalOfMany{RequestChoice: choice, Approval: approval}, options...)
	})
}

type requestsDenyCommand struct {
	Code   *transfer.DecisionCode `enum:"${decision_codes}" placeholder:"CODE" help:"Why, for programs: ${decision_codes}."`
	Reason nonEmpty               `required:"" placeholder:"TEXT" help:"Why, in words. The source can read the code and the reason."`
	manyRequests
}

// Help returns the detailed help.
func (requestsDenyCommand) Help() string {
	return `Denies whole requests. SIMs that need no support can be requested again: see requests retry. Several requests are denied one after the other, and the output says for each what happened.

Examples:

    simtransfer requests deny 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --code=not_permitted --reason="contract ended"
    simtransfer requests deny --account=OP0000000001 --reason="contract ended" --expect-count=3`
}

// Run runs the command.
func (c *requestsDenyCommand) Run(ctx context.Context, s *Session) error {
	denial := client.Denial{Code: valueOrZero(c.Code), Reason: string(c.Reason)}
	if c.one() {
		return c.decision().decide(s, func(api *client.Client, id uuid.UUID, options ...client.Option) (client.Request, error) {
			return api.DenyRequest(ctx, id, denial, options...)
		})
	}
	return c.decideMany(s, func(api *client.Client, choice client.RequestChoice, options ...client.Option) (client.RequestDecisions, error) {
		return api.DenyRequests(ctx, client.DenialOfMany{RequestChoice: choice, Denial: denial}, options...)
	})
}

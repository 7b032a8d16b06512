package cli

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"simtransfer/client"
	"simtransfer/transfer"
)

type pullsCommand struct {
	Create  pullsCreateCommand  `cmd:"" help:"Ask for SIMs that others may own (destination)."`
	List    pullsListCommand    `cmd:"" help:"List pull requests: those of the account, and those that ask for its SIMs."`
	Show    pullsShowCommand    `cmd:"" help:"Show a pull request and its SIMs."`
	Approve pullsApproveCommand `cmd:"" help:"Send the SIMs that a pull request asks for (owner of the SIMs)."`
	Refuse  pullsRefuseCommand  `cmd:"" help:"Refuse a pull request (owner of the SIMs)."`
	Cancel  pullsCancelCommand  `cmd:"" help:"Cancel a pull request (destination or support)."`
}

type pullsCreateCommand struct {
	ICCIDs    []string      `arg:"" optional:"" name:"iccid" help:"ICCIDs, up to 10,000."`
	File      string        `placeholder:"FILE" predictor:"file" help:"Read ICCIDs from a file, one per line; - is standard input."`
	Reference nonEmpty      `placeholder:"TEXT" help:"Your reference, such as a purchase order. The owners see it, and the transfer requests have it."`
	Message   nonEmpty      `placeholder:"TEXT" help:"What the owners should know: who you are, and why they should agree."`
	Answer    time.Duration `min:"1m" max:"30d" step:"1s" placeholder:"24h" help:"Time that the owners have to answer. Default: as long as a destination has to accept a request."`
	post
}

// Help returns the detailed help.
func (pullsCreateCommand) Help() string {
	return `Each account that owns some of the SIMs can approve; then you get a transfer request from it, which you accept as usual. You do not learn who owns a SIM, or whether anyone does, unless it is approved: silence until the time limit refuses.

Examples:

    simtransfer pulls create 8988211000000000011 --reference=PO-4711 --message="the meters of the building that we bought"
    simtransfer pulls create --file=meters.txt --answer=72h`
}

// Run runs the command.
func (c *pullsCreateCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	sims, err := readSIMList(s, c.ICCIDs, c.File)
	if err != nil {
		return err
	}
	if len(sims.names) == 0 {
		return usageError("no ICCIDs: name them, or set --file")
	}
	p, err := l.client.CreatePullRequest(ctx, client.NewPullRequest{
		ICCIDs: sims.names, Reference: string(c.Reference), Message: string(c.Message), AnswerSeconds: seconds(c.Answer),
	}, l.options(c.idempotent())...)
	if err != nil {
		return sims.locate(l.explain(err))
	}
	return l.show(func() error { return printPull(l, p) })
}

func printPull(l *connection, p client.PullRequest) error {
	t := newTable(l.Out)
	t.add("Pull request", p.ID.String())
	t.add("State", string(p.State))
	for _, row := range []struct{ name, value string }{
		{"Asked by", nameAndID(p.AskerName, string(p.Asker))},
		{"SIMs", strconv.Itoa(p.Size)},
		{"Reference", p.Reference},
		{"Message", p.Message},
		{"Requests", strings.Join(p.Requests, ", ")},
		{"Created", timeText(p.CreatedAt)},
		{"Expires", timeText(p.ExpiresAt)},
		{"Ended", timeText(valueOrZero(p.EndedAt))},
	} {
		if row.value != "" {
			t.add(row.name, row.value)
		}
	}
	for _, o := range p.Owners {
		text := strconv.Itoa(o.Size) + " SIMs, no answer"
		if o.Decision != "" {
			text = strconv.Itoa(o.Size) + " SIMs, " + o.Decision + " " + timeText(valueOrZero(o.DecidedAt))
		}
		t.add("Owner "+string(o.Account), text)
	}
	for _, iccid := range p.ICCIDs {
		t.add("ICCID", iccid)
	}
	return t.flush()
}

// nameAndID returns the name of an account with its id, or only the id.
func nameAndID(name, id string) string {
	if name == "" {
		return id
	}
	return name + " (" + id + ")"
}

type pullsListCommand struct {
	Direction string     `enum:"outgoing,incoming,both" default:"both" help:"Pull requests that the account made (outgoing), that ask for its SIMs (incoming), or both."`
	State     []string   `enum:"${pull_states}" placeholder:"STATE" help:"Only pull requests in this state: ${pull_states}. Separate several with commas."`
	Account   accountRef `placeholder:"OP…" help:"Only pull requests of this account (support)."`
	paging
	remote
}

// Help returns the detailed help.
func (pullsListCommand) Help() string {
	return `Example:

    simtransfer pulls list --direction=incoming --state=open`
}

// Run runs the command.
func (c *pullsListCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	filter := client.PullFilter{Direction: c.Direction, States: typed[transfer.PullState](c.State), Account: c.Account.ref()}
	list := func(p client.Paging) (client.Page[client.PullRequest], error) {
		return l.client.ListPullRequests(ctx, filter, p, l.options()...)
	}
	head := []string{"ID", "STATE", "ASKED BY", "SIMS", "REFERENCE", "EXPIRES"}
	return printList(l, c.paging, maxPage, list, head, func(p client.PullRequest) []string {
		return []string{p.ID.String(), string(p.State), nameAndID(p.AskerName, string(p.Asker)), strconv.Itoa(p.Size), p.Reference, timeText(p.ExpiresAt)}
	})
}

// typed converts the values of a flag.
func typed[T ~string](texts []string) []T {
	var list []T
	for _, text := range texts {
		list = append(list, T(text))
	}
	return list
}

type pullsShowCommand struct {
	IDs []uuid.UUID `arg:"" name:"id" help:"Ids of the pull requests."`
	showsETag
	remote
}

// Help returns the detailed help.
func (pullsShowCommand) Help() string {
	return `Example:

    simtransfer pulls show 0198c5f2-2d10-7c3e-8a41-5b9c3d7e1f60`
}

// Run runs the command.
func (c *pullsShowCommand) Run(ctx context.Context, s *Session) error {
	return showEach(s, c.remote, c.showsETag, c.IDs, func(l *connection, id uuid.UUID, options ...client.Option) (client.PullRequest, error) {
		return l.client.GetPullRequest(ctx, id, options...)
	}, printPull)
}

// onPulls is embedded in the commands that answer or cancel pull requests.
type onPulls struct {
	IDs []uuid.UUID `arg:"" name:"id" help:"Ids of the pull requests."`
	condition
	post
}

// Validate implements kong's validation.
func (p onPulls) Validate() error { return p.oneOf(len(p.IDs)) }

// call makes a call for each pull request, and prints what it returns.
func (p onPulls) call(s *Session, call func(*client.Client, uuid.UUID, ...client.Option) (client.PullRequest, error)) error {
	l, err := p.connect(s)
	if err != nil {
		return err
	}
	return forEach(l, p.IDs, func(id uuid.UUID) error {
		pull, err := call(l.client, id, l.options(p.idempotentFor(id, p.IDs), p.ifMatch())...)
		if err != nil {
			return l.explain(err)
		}
		return l.show(func() error { return printPull(l, pull) })
	})
}

type pullsApproveCommand struct {
	SIM        []string      `placeholder:"SIM" help:"Only this SIM. Separate several with commas, or repeat the flag."`
	File       string        `placeholder:"FILE" predictor:"file" help:"Only the SIMs in this file, one per line; - is standard input."`
	Reference  nonEmpty      `placeholder:"TEXT" help:"Reference of the transfer request. Default: that of the pull request."`
	Message    nonEmpty      `placeholder:"TEXT" help:"What the destination should know."`
	Acceptance time.Duration `min:"1s" max:"30d" step:"1s" placeholder:"24h" help:"Time that the destination has to accept."`
	onPulls
}

// Help returns the detailed help.
func (pullsApproveCommand) Help() string {
	return `Creates a transfer request from your account. If only some SIMs are named, the others are refused. Fees and reviews by support are as for every request.

Examples:

    simtransfer pulls approve 0198c5f2-2d10-7c3e-8a41-5b9c3d7e1f60
    simtransfer pulls approve 0198c5f2-2d10-7c3e-8a41-5b9c3d7e1f60 --sim=8988211000000000011 --message="as agreed"`
}

// Run runs the command.
func (c *pullsApproveCommand) Run(ctx context.Context, s *Session) error {
	sims, err := readSIMList(s, c.SIM, c.File)
	if err != nil {
		return err
	}
	if len(sims.names) > 0 && len(c.IDs) > 1 {
		return usageError("--sim and --file name SIMs of one pull request: name only that one")
	}
	return sims.locate(c.call(s, func(api *client.Client, id uuid.UUID, options ...client.Option) (client.PullRequest, error) {
		return api.ApprovePullRequest(ctx, id, client.PullApproval{
			SIMs: sims.names, Reference: string(c.Reference), Message: string(c.Message), AcceptanceSeconds: seconds(c.Acceptance),
		}, options...)
	}))
}

type pullsRefuseCommand struct {
	onPulls
}

// Help returns the detailed help.
func (pullsRefuseCommand) Help() string {
	return `The account that asks does not learn of it.

Example:

    simtransfer pulls refuse 0198c5f2-2d10-7c3e-8a41-5b9c3d7e1f60`
}

// Run runs the command.
func (c *pullsRefuseCommand) Run(ctx context.Context, s *Session) error {
	return c.call(s, func(api *client.Client, id uuid.UUID, options ...client.Option) (client.PullRequest, error) {
		return api.RefusePullRequest(ctx, id, options...)
	})
}

type pullsCancelCommand struct {
	onPulls
}

// Help returns the detailed help.
func (pullsCancelCommand) Help() string {
	return `Transfer requests of earlier approvals continue.

Example:

    simtransfer pulls cancel 0198c5f2-2d10-7c3e-8a41-5b9c3d7e1f60`
}

// Run runs the command.
func (c *pullsCancelCommand) Run(ctx context.Context, s *Session) error {
	return c.call(s, func(api *client.Client, id uuid.UUID, options ...client.Option) (client.PullRequest, error) {
		return api.CancelPullRequest(ctx, id, options...)
	})
}

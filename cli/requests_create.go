package cli

import (
	"context"
	"time"

	"github.com/google/uuid"

	"simtransfer/client"
	"simtransfer/transfer"
)

// newRequest is embedded in the commands that describe a transfer request.
type newRequest struct {
	ToEmail    string     `placeholder:"EMAIL" help:"Primary email of the destination account."`
	ToOperator accountRef `placeholder:"OP…" help:"Operator id or external id of the destination account. It must match the email."`
	ToSameAs   *uuid.UUID `placeholder:"REQUEST" help:"In place of both: the destination of this earlier request of the account."`
	simSelection
	terms
}

// body reads the SIMs and returns the body of the call.
func (n newRequest) body(s *Session) (client.NewRequest, simList, error) {
	sims, filter, err := n.read(s)
	return client.NewRequest{
		Destination:       client.Destination{Email: n.ToEmail, OperatorID: n.ToOperator.ref(), SameAs: n.ToSameAs},
		SIMs:              sims.names,
		Filter:            filter,
		AllSIMs:           n.AllSIMs,
		ExpectCount:       n.ExpectCount,
		SelfServiceOnly:   n.SelfServiceOnly,
		AcceptanceSeconds: seconds(n.Acceptance),
		OnBehalfOf:        n.OnBehalfOf.ref(),
	}, sims, err
}

// Validate implements kong's validation.
func (n newRequest) Validate() error {
	switch email, operator := n.ToEmail != "", n.ToOperator.ref() != ""; {
	case n.ToSameAs != nil && (email || operator):
		return usageError("--to-same-as cannot be used together with --to-email and --to-operator")
	case n.ToSameAs == nil && (!email || !operator):
		return usageError("name the destination: give --to-email and --to-operator, or --to-same-as with an earlier request")
	}
	return nil
}

type requestsCreateCommand struct {
	newRequest
	requestWords
	post
}

// Help returns the detailed help.
func (requestsCreateCommand) Help() string {
	return `Creates a request to transfer SIMs to another account. The service validates the SIMs and computes fees after it has answered: follow it with requests watch. For more SIMs, see batches create; for several destinations, batches submit.

SIMs are listed, or selected by flags from those that the account has now: SIMs match every condition that is given, and one of several values of a condition. The request keeps the SIMs that it was made with.

Examples:

    simtransfer requests create --to-email=sims@example.com --to-operator=OP0000000002 8988211000000000011
    simtransfer requests create --to-email=sims@example.com --to-operator=OP0000000002 --file=sims.txt --acceptance=72h
    simtransfer requests create --to-email=sims@example.com --to-operator=OP0000000002 8988211000000000011-8988211000000000099
    simtransfer requests create --to-email=sims@example.com --to-operator=OP0000000002 --lot=box-7 --status=ready,active --expect-count=250
    simtransfer requests create --to-same-as=0198c5f2-1c6f-7b2d-9f3e-4a8b6c2d1e5f --lot=box-8 --expect-count=250
    simtransfer requests create --to-email=sims@example.com --to-operator=OP0000000002 --file=sims.txt --reference=PO-4711 --message="As agreed on the phone"
    id=$(simtransfer requests create … --json | jq -r .id)`
}

// Run runs the command.
func (c *requestsCreateCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	body, sims, err := c.body(s)
	if err != nil {
		return err
	}
	c.addTo(&body)
	r, err := l.client.CreateRequest(ctx, body, l.options(c.idempotent())...)
	if err != nil {
		return sims.locate(l.explain(err))
	}
	return l.show(func() error {
		if err := printRequest(l, r); err != nil {
			return err
		}
		l.note("To follow it: simtransfer requests watch %s", r.ID)
		return nil
	})
}

type requestsRetryCommand struct {
	Reasons         []transfer.Reason `name:"reason" placeholder:"REASON" help:"Only SIMs that were not transferred for this reason, such as sim_locked. Separate several with commas."`
	SelfServiceOnly bool              `help:"Leave out SIMs that need support's approval and cost a fee."`
	Acceptance      time.Duration     `min:"1s" max:"30d" step:"1s" placeholder:"24h" help:"Time that the destination has to accept. Default: as in the first request."`
	onRequest
}

// Help returns the detailed help.
func (requestsRetryCommand) Help() string {
	return `Creates a new request for the SIMs that failed, were ineligible or expired, and for those that need no support but were denied with the rest. The method of each SIM is determined again. References and the message stay the same.

Examples:

    simtransfer requests retry 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21
    simtransfer requests retry 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --reason=session_not_dropped`
}

// Run runs the command.
func (c *requestsRetryCommand) Run(ctx context.Context, s *Session) error {
	return c.call(s, func(api *client.Client, id uuid.UUID, options ...client.Option) (client.Request, error) {
		body := client.Retry{Reasons: c.Reasons, SelfServiceOnly: c.SelfServiceOnly, AcceptanceSeconds: seconds(c.Acceptance)}
		return api.RetryRequest(ctx, id, body, append(options, client.Timeout(bulkTimeout))...)
	})
}

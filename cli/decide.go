package cli

import (
	"bufio"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// someSIMs is embedded in decisions that can be about some SIMs alone.
type someSIMs struct {
	SIM  []string `placeholder:"SIM" help:"Only this SIM. Several are separated by commas, or the flag is repeated."`
	File string   `placeholder:"FILE" predictor:"file" help:"Only the SIMs of this file, one per line; - is standard input."`
}

// read returns the SIMs that were named.
func (n someSIMs) read(s *Session) ([]string, error) {
	sims := n.SIM
	if n.File == "" {
		return sims, nil
	}
	file, closeFile, err := s.open(n.File)
	if err != nil {
		return nil, err
	}
	defer func() { _ = closeFile() }()
	lines := bufio.NewScanner(file)
	for first := true; lines.Scan(); first = false {
		line := lines.Text()
		if first {
			line = strings.TrimPrefix(line, "\ufeff") // which some programs begin a file with
		}
		if name := strings.TrimSpace(line); name != "" {
			sims = append(sims, name)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading the SIMs of %s: %w", n.File, err)
	}
	if len(sims) == 0 {
		return nil, usageError("%s names no SIM; to mean all of them, leave --file out", n.File)
	}
	return sims, nil
}

// decision is embedded in the decisions about a request.
type decision struct {
	ID uuid.UUID `arg:"" name:"id" help:"The request's id."`
	post
}

// decide sends a decision and prints what the request is after it.
func (d decision) decide(ctx context.Context, s *Session, verb string, body any) error {
	return d.decideWithin(ctx, callTimeout, s, verb, body)
}

func (d decision) decideWithin(ctx context.Context, timeout time.Duration, s *Session, verb string, body any) error {
	l, err := d.open(s)
	if err != nil {
		return err
	}
	var r request
	answer, err := l.postWithin(ctx, timeout, d.post, requestPath(d.ID, verb), body, &r)
	if err != nil {
		return err
	}
	return l.show(answer, func() error { return printRequest(l, r) })
}

// about is the body of a decision about some SIMs, or all of them.
type about struct {
	SIMs    []string `json:"sims,omitempty"`
	Reason  string   `json:"reason,omitempty"`
	Landing *landing `json:"landing,omitempty"`
}

// landing is what the destination wants of SIMs as they arrive.
type landing struct {
	Group      string            `json:"group,omitempty" help:"Put the SIMs into this group as they arrive."`
	Tags       map[string]string `json:"tags,omitempty" name:"tag" mapsep:"none" placeholder:"NAME=VALUE" help:"Add this tag to the SIMs as they arrive. The flag can be repeated."`
	SpeedClass string            `json:"speed_class,omitempty" help:"Give the SIMs this speed class as they arrive."`
}

// String lists what is wanted; for nil that is nothing.
func (l *landing) String() string {
	if l == nil {
		return ""
	}
	var list []string
	if l.Group != "" {
		list = append(list, "group "+l.Group)
	}
	if len(l.Tags) > 0 {
		list = append(list, "tags "+tags(l.Tags))
	}
	if l.SpeedClass != "" {
		list = append(list, "speed class "+l.SpeedClass)
	}
	return strings.Join(list, "; ")
}

type requestsAcceptCommand struct {
	someSIMs
	landing
	decision
}

// Help is the detailed help.
func (requestsAcceptCommand) Help() string {
	return `From now on the SIMs change hands. Of a request that is accepted in part, the other SIMs are declined; up to 100,000 can be named. See what is in it before, with requests show ID --sims.

Examples:

    simtransfer requests accept 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21
    simtransfer requests accept 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --sim=8988211000000000011
    simtransfer requests accept 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --file=wanted.txt
    simtransfer requests accept 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --group=field-devices --tag=site=north`
}

// Run carries the command out.
func (c *requestsAcceptCommand) Run(ctx context.Context, s *Session) error {
	sims, err := c.read(s)
	if err != nil {
		return err
	}
	body := about{SIMs: sims}
	if wanted := &c.landing; wanted.String() != "" {
		body.Landing = wanted
	}
	return c.decide(ctx, s, "accept", body)
}

type requestsDeclineCommand struct {
	someSIMs
	Reason string `help:"Why, for the source to read."`
	decision
}

// Help is the detailed help.
func (requestsDeclineCommand) Help() string {
	return `Of a request that is declined in part, the other SIMs stay open; up to 10,000 can be named at once.

Examples:

    simtransfer requests decline 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --reason="not ordered"
    simtransfer requests decline 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --sim=8988211000000000011`
}

// Run carries the command out.
func (c *requestsDeclineCommand) Run(ctx context.Context, s *Session) error {
	sims, err := c.read(s)
	if err != nil {
		return err
	}
	return c.decide(ctx, s, "decline", about{SIMs: sims, Reason: c.Reason})
}

type requestsCancelCommand struct {
	someSIMs
	decision
}

// Help is the detailed help.
func (requestsCancelCommand) Help() string {
	return `A request can be canceled until it is accepted. Of one that is canceled in part, the other SIMs stay open; up to 10,000 can be named at once.

Examples:

    simtransfer requests cancel 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21
    simtransfer requests cancel 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --sim=8988211000000000011,8988211000000000029`
}

// Run carries the command out.
func (c *requestsCancelCommand) Run(ctx context.Context, s *Session) error {
	sims, err := c.read(s)
	if err != nil {
		return err
	}
	return c.decide(ctx, s, "cancel", about{SIMs: sims})
}

type requestsApproveCommand struct {
	Ticket    string `required:"" help:"Support's reference."`
	Fee       *int64 `placeholder:"MINOR" help:"What each SIM costs that needs support, in place of what was quoted, in the minor unit of the source's currency: 250 is 2.50 EUR; 0 waives it."`
	FeeReason string `help:"Why the fee is changed or waived."`
	decision
}

// Validate refuses half of a change.
func (c *requestsApproveCommand) Validate() error {
	if (c.Fee != nil) != (c.FeeReason != "") {
		return usageError("--fee and --fee-reason go together")
	}
	return nil
}

// Help is the detailed help.
func (requestsApproveCommand) Help() string {
	return `Examples:

    simtransfer requests approve 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --ticket=CASE-1001
    simtransfer requests approve 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --ticket=CASE-1001 --fee=0 --fee-reason=goodwill`
}

// Run carries the command out.
func (c *requestsApproveCommand) Run(ctx context.Context, s *Session) error {
	return c.decide(ctx, s, "approve", struct {
		Ticket    string `json:"ticket"`
		Fee       *int64 `json:"fee_minor,omitempty"`
		FeeReason string `json:"fee_reason,omitempty"`
	}{c.Ticket, c.Fee, c.FeeReason})
}

type requestsDenyCommand struct {
	Reason string `required:"" help:"Why, for the source to read."`
	decision
}

// Help is the detailed help.
func (requestsDenyCommand) Help() string {
	return `A denial ends the whole request. Its ready SIMs, which need no support, can be asked for again.

Example:

    simtransfer requests deny 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --reason="contract ended"`
}

// Run carries the command out.
func (c *requestsDenyCommand) Run(ctx context.Context, s *Session) error {
	return c.decide(ctx, s, "deny", about{Reason: c.Reason})
}

package cli

import (
	"context"

	"simtransfer/client"
)

type simsNumbersCommand struct {
	Add    numbersAddCommand    `cmd:"" help:"Add a number or an IMSI to a SIM."`
	Move   numbersMoveCommand   `cmd:"" help:"Move a number or an IMSI from one SIM to another."`
	Remove numbersRemoveCommand `cmd:"" help:"Remove a number or an IMSI from a SIM."`
}

// number is embedded in the commands about a number of a SIM.
type number struct {
	SIM    identifier `arg:"" name:"sim" help:"An ICCID, IMSI or MSISDN of the SIM."`
	Number string     `arg:"" name:"number" help:"The number, with its country code."`
	IMSI   bool       `name:"imsi" help:"The number is an IMSI."`
	condition
	remote
}

// put gives the SIM the number.
func (n number) put(ctx context.Context, s *Session, put client.PutIdentifier) error {
	l, err := n.connect(s)
	if err != nil {
		return err
	}
	put.Kind = "msisdn"
	if n.IMSI {
		put.Kind = "imsi"
	}
	v, err := l.client.PutSIMIdentifier(ctx, string(n.SIM), n.Number, put, l.options(n.ifMatch())...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error {
		l.note("%s has %s.", v.ICCID, n.Number)
		return nil
	})
}

type numbersAddCommand struct {
	Reason string `placeholder:"TEXT" help:"Why it is added. Recorded in the audit trail."`
	number
}

// Help returns the detailed help.
func (numbersAddCommand) Help() string {
	return `A number that another SIM has is refused; sims numbers move moves it.

Examples:

    simtransfer sims numbers add 8988211000000000011 +12025550101
    simtransfer sims numbers add 8988211000000000011 001010000000001 --imsi`
}

// Run runs the command.
func (c *numbersAddCommand) Run(ctx context.Context, s *Session) error {
	return c.put(ctx, s, client.PutIdentifier{Reason: c.Reason})
}

type numbersMoveCommand struct {
	From   identifier `required:"" placeholder:"SIM" help:"An ICCID, IMSI or MSISDN of the SIM that has the number."`
	Reason string     `placeholder:"TEXT" help:"Why it moves. Recorded in the audit trail. Required if the SIMs belong to different accounts."`
	number
}

// Help returns the detailed help.
func (numbersMoveCommand) Help() string {
	return `Moves the number to the SIM from the one that --from names. SIMs in an open transfer are refused.

Example:

    simtransfer sims numbers move 8988211000000000011 +12025550101 --from=8988211000000000029`
}

// Run runs the command.
func (c *numbersMoveCommand) Run(ctx context.Context, s *Session) error {
	return c.put(ctx, s, client.PutIdentifier{From: string(c.From), Reason: c.Reason})
}

type numbersRemoveCommand struct {
	SIM    identifier `arg:"" name:"sim" help:"An ICCID, IMSI or MSISDN of the SIM."`
	Number identifier `arg:"" name:"number" help:"The number or the IMSI to remove."`
	condition
	remote
}

// Help returns the detailed help.
func (numbersRemoveCommand) Help() string {
	return `A SIM keeps its ICCID and at least one IMSI. SIMs in an open transfer are refused.

Example:

    simtransfer sims numbers remove 8988211000000000011 +12025550101`
}

// Run runs the command.
func (c *numbersRemoveCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	if err := l.client.RemoveSIMIdentifier(ctx, string(c.SIM), string(c.Number), l.options(c.ifMatch())...); err != nil {
		return l.explain(err)
	}
	return l.show(func() error {
		l.note("%s no longer has %s.", c.SIM, c.Number)
		return nil
	})
}

type simsSwapCommand struct {
	SIM    identifier   `arg:"" name:"sim" help:"An ICCID, IMSI or MSISDN of the SIM to replace."`
	ICCID  identifier   `name:"iccid" required:"" placeholder:"ICCID" help:"ICCID of the new card."`
	IMSI   []identifier `name:"imsi" placeholder:"IMSI" help:"IMSI of the new card. Required if it is not in the inventory yet. Repeat the flag for several."`
	EID    string       `name:"eid" placeholder:"EID" help:"EID of the eUICC that holds the new profile."`
	Reason string       `required:"" placeholder:"TEXT" help:"Why the card is replaced. Recorded in the audit trail."`
	condition
	post
}

// Help returns the detailed help.
func (simsSwapCommand) Help() string {
	return `The new card takes over the numbers, status, plan, lock and settings. The old card is terminated, even if it has termination protection, and its open data sessions are disconnected.

Example:

    simtransfer sims swap 8988211000000000011 --iccid=8988211000000000029 --imsi=001010000000002 --reason=damaged`
}

// Run runs the command.
func (c *simsSwapCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	swap := client.Swap{ICCID: string(c.ICCID), EID: c.EID, Reason: c.Reason}
	for _, imsi := range c.IMSI {
		swap.IMSIs = append(swap.IMSIs, string(imsi))
	}
	both, err := l.client.SwapSIM(ctx, string(c.SIM), swap, l.options(c.idempotent(), c.ifMatch())...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error {
		l.note("%s took over from %s.", both.New.ICCID, both.Old.ICCID)
		return nil
	})
}

type simsRetireCommand struct {
	SIM    identifier `arg:"" name:"sim" help:"An ICCID, IMSI or MSISDN."`
	Reason string     `required:"" placeholder:"TEXT" help:"Why the import was wrong. Recorded in the audit trail."`
	condition
	post
}

// Help returns the detailed help.
func (simsRetireCommand) Help() string {
	return `The SIM is terminated, and its identifiers are free again, so that the right SIM can be imported. Only for a SIM that was never transferred or swapped.

Example:

    simtransfer sims retire 8988211000000000011 --reason="imported twice, CASE-1001"`
}

// Run runs the command.
func (c *simsRetireCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	v, err := l.client.RetireSIM(ctx, string(c.SIM), client.Retirement{Reason: c.Reason}, l.options(c.idempotent(), c.ifMatch())...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error {
		l.note("%s is retired; its identifiers are free.", v.ICCID)
		return nil
	})
}

type simsCorrectOwnerCommand struct {
	SIM     identifier `arg:"" name:"sim" help:"An ICCID, IMSI or MSISDN."`
	Account operatorID `required:"" placeholder:"OP…" help:"Account that the SIM should be registered to."`
	Reason  string     `required:"" placeholder:"TEXT" help:"Why the owner has to be corrected. Recorded in the audit trail."`
	Ticket  string     `placeholder:"TEXT" help:"Reference of the support case."`
	condition
	post
}

// Help returns the detailed help.
func (simsCorrectOwnerCommand) Help() string {
	return `Registers the SIM to another account without a transfer request, because it was registered to the wrong one. Nothing is charged.

Example:

    simtransfer sims correct-owner 8988211000000000011 --account=OP0087654321 --reason="imported for the wrong account"`
}

// Run runs the command.
func (c *simsCorrectOwnerCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	v, err := l.client.CorrectSIMOwner(ctx, string(c.SIM), client.OwnerCorrection{Account: c.Account.id(), Reason: c.Reason, Ticket: c.Ticket}, l.options(c.idempotent(), c.ifMatch())...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error {
		l.note("%s is registered to %s.", v.ICCID, v.Account)
		return nil
	})
}

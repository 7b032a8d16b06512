package cli

import (
	"context"
	"strconv"

	"simtransfer/client"
)

type simsSessionsCommand struct {
	SIM identifier `arg:"" name:"sim" help:"An ICCID, IMSI or MSISDN of the SIM."`
	remote
}

// Help returns the detailed help.
func (simsSessionsCommand) Help() string {
	return `Lists the latest data sessions of a SIM since it was registered to its account, the latest first. If its gateway was asked to end a session and did not, ANSWER says what it answered. GATEWAY is shown to support only.

Example:

    simtransfer sims sessions 8988211000000000011`
}

// Run runs the command.
func (c *simsSessionsCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	v, err := l.client.ListSIMSessions(ctx, string(c.SIM), l.options()...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error {
		if len(v.Items) == 0 {
			l.note("%s has had no data session since it was registered to its account.", c.SIM)
			return nil
		}
		t := newTable(l.Out, "FROM", "UNTIL", "LAST NEWS", "CAUSE", "BYTES IN", "BYTES OUT", "GATEWAY", "ANSWER")
		for _, s := range v.Items {
			until := "open"
			switch {
			case s.StoppedAt != nil:
				until = timeText(*s.StoppedAt)
			case s.Ending:
				until = "is being ended"
			}
			t.add(timeText(s.StartedAt), until, timeText(valueOrZero(s.LastNewsAt)), s.Cause,
				strconv.FormatInt(s.InOctets, 10), strconv.FormatInt(s.OutOctets, 10), s.Gateway, s.GatewayAnswer)
		}
		if v.More {
			l.note("There were earlier sessions.")
		}
		return t.flush()
	})
}

type simsDropSessionsCommand struct {
	SIM    identifier `arg:"" name:"sim" help:"An ICCID, IMSI or MSISDN of the SIM."`
	Reason string     `placeholder:"TEXT" help:"Why the sessions are ended. Recorded in the audit trail."`
	post
}

// Help returns the detailed help.
func (simsDropSessionsCommand) Help() string {
	return `Asks the gateways to end all open data sessions of a SIM. The device usually connects again at once. sims sessions shows what came of it.

Example:

    simtransfer sims drop-sessions 8988211000000000011`
}

// Run runs the command.
func (c *simsDropSessionsCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	v, err := l.client.DropSIMSessions(ctx, string(c.SIM), client.SessionDrop{Reason: c.Reason}, l.options(c.idempotent())...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error {
		switch v.Sessions {
		case 0:
			l.note("%s has no open data session.", c.SIM)
		case 1:
			l.note("The gateway is asked to end the data session of %s.", c.SIM)
		default:
			l.note("The gateways are asked to end %d data sessions of %s.", v.Sessions, c.SIM)
		}
		return nil
	})
}

type simsUnknownSessionsCommand struct {
	paging
	remote
}

// Help returns the detailed help.
func (simsUnknownSessionsCommand) Help() string {
	return `Lists open data sessions that gateways report, and that name no SIM of the inventory: the SIM was not imported, or the gateway sends an identity that is not understood.

Example:

    simtransfer sims unknown-sessions`
}

// Run runs the command.
func (c *simsUnknownSessionsCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	total := 0
	list := func(p client.Paging) (client.Page[client.UnknownSession], error) {
		page, err := l.client.ListUnknownSessions(ctx, p, l.options()...)
		total = page.Total
		return client.Page[client.UnknownSession]{Items: page.Items, NextCursor: page.NextCursor}, err
	}
	head := []string{"GATEWAY", "SESSION", "IMSI", "USER NAME", "CALLING STATION", "FROM", "LAST NEWS"}
	if err := printList(l, c.paging, maxPage, list, head, func(s client.UnknownSession) []string {
		return []string{s.Gateway, s.ID, s.IMSI, s.Username, s.CallingStationID, timeText(s.StartedAt), timeText(s.LastNewsAt)}
	}); err != nil {
		return err
	}
	if !c.JSON {
		l.note("Open data sessions without a SIM: %d", total)
	}
	return nil
}

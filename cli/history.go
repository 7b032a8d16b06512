package cli

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"
)

type simsHistoryCommand struct {
	SIM simName `arg:"" name:"sim" help:"An ICCID, IMSI or MSISDN."`
	remote
}

// Help is the detailed help.
func (simsHistoryCommand) Help() string {
	return `Everything that is known of a SIM, across accounts, the latest first.

Example:

    simtransfer sims history 8988211000000000011`
}

// history is everything that is known of a SIM, as the API shows it.
type history struct {
	SIM    sim `json:"sim"`
	Owners []struct {
		Account string     `json:"account"`
		Since   *time.Time `json:"since"`
		Request string     `json:"request"`
	} `json:"owners"`
	Transfers []struct {
		Request     string      `json:"request"`
		Source      string      `json:"source"`
		Destination string      `json:"destination"`
		Ticket      string      `json:"ticket"`
		CreatedAt   *time.Time  `json:"created_at"`
		Transfer    transferRow `json:"transfer"`
	} `json:"transfers"`
	Sessions []struct {
		ID        string     `json:"id"`
		Gateway   string     `json:"gateway"`
		StartedAt *time.Time `json:"started_at"`
		StoppedAt *time.Time `json:"stopped_at"`
		Cause     string     `json:"cause"`
		In        int64      `json:"in_octets"`
		Out       int64      `json:"out_octets"`
	} `json:"sessions"`
	Charges []struct {
		Request   string     `json:"request"`
		Account   string     `json:"account"`
		Fee       *amount    `json:"fee"`
		ChargedAt *time.Time `json:"charged_at"`
	} `json:"charges"`
	Truncated bool `json:"truncated"`
}

// Run carries the command out.
func (c *simsHistoryCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.open(s)
	if err != nil {
		return err
	}
	var h history
	answer, err := l.get(ctx, place("support", "sims", string(c.SIM)), &h)
	if err != nil {
		return err
	}
	return l.show(answer, func() error { return printHistory(l, h) })
}

func printHistory(l *link, h history) error {
	owners := newTable(l.Out, "OWNER", "SINCE", "BY REQUEST")
	for _, o := range h.Owners {
		owners.add(o.Account, instant(o.Since), o.Request)
	}
	transfers := newTable(l.Out, "ASKED FOR", "REQUEST", "FROM", "TO", "STATE", "FEE", "TICKET", "REASON OR ADVICE")
	for _, t := range h.Transfers {
		row := t.Transfer
		transfers.add(instant(t.CreatedAt), t.Request, t.Source, t.Destination, row.State, row.Fee.String(), t.Ticket, cmp.Or(row.Reason, row.Advice))
	}
	sessions := newTable(l.Out, "SESSION", "GATEWAY", "FROM", "UNTIL", "CAUSE", "BYTES IN", "BYTES OUT")
	for _, s := range h.Sessions {
		sessions.add(s.ID, s.Gateway, instant(s.StartedAt), instant(s.StoppedAt), s.Cause, strconv.FormatInt(s.In, 10), strconv.FormatInt(s.Out, 10))
	}
	charges := newTable(l.Out, "CHARGED", "ACCOUNT", "FEE", "REQUEST")
	for _, c := range h.Charges {
		charges.add(instant(c.ChargedAt), c.Account, c.Fee.String(), c.Request)
	}
	if err := printSIM(l, h.SIM); err != nil {
		return err
	}
	for _, t := range []*table{owners, transfers, sessions, charges} {
		if len(t.rows) == 0 {
			continue
		}
		fmt.Fprintln(l.Out)
		if err := t.flush(); err != nil {
			return err
		}
	}
	if h.Truncated {
		l.note("There is more of one kind than can be shown.")
	}
	return nil
}

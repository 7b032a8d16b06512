package cli

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"simtransfer/client"
)

type simsHistoryCommand struct {
	SIM identifier `arg:"" name:"sim" help:"An ICCID, IMSI or MSISDN that the SIM has or had."`
	At  time.Time  `placeholder:"TIME" help:"The SIM that had the identifier at this time, such as 2030-01-31. Default: the one that has it now, or had it last."`
	remote
}

// Help returns the detailed help.
func (simsHistoryCommand) Help() string {
	return `Shows the history of a SIM across accounts, the latest entries first.

Examples:

    simtransfer sims history 8988211000000000011
    simtransfer sims history +12025550101 --at=2026-01-31`
}

// Run runs the command.
func (c *simsHistoryCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	h, err := l.client.GetSIMHistory(ctx, string(c.SIM), c.At, l.options()...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error { return printHistory(l, h) })
}

func printHistory(l *connection, h client.SIMHistory) error {
	owners := newTable(l.Out, "OWNER", "SINCE", "REQUEST")
	for _, o := range h.Owners {
		by := optionalID(o.Request)
		if o.Corrected {
			by = strings.TrimSpace("corrected " + o.Ticket)
		}
		owners.add(accountText(o.Account, o.AccountID), timeText(o.Since), by)
	}
	transfers := newTable(l.Out, "CREATED", "REQUEST", "FROM", "TO", "STATE", "FEE", "TICKET", "REASON OR ADVICE")
	for _, t := range h.Transfers {
		row := t.Transfer
		transfers.add(timeText(t.CreatedAt), t.Request.String(), string(t.Source), string(t.Destination), string(row.State), feeText(row.Fee), t.Ticket, cmp.Or(string(row.Reason), row.Advice))
	}
	sessions := newTable(l.Out, "SESSION", "GATEWAY", "FROM", "UNTIL", "CAUSE", "BYTES IN", "BYTES OUT")
	for _, s := range h.Sessions {
		sessions.add(s.ID, s.Gateway, timeText(valueOrZero(s.StartedAt)), timeText(valueOrZero(s.StoppedAt)), s.Cause, strconv.FormatInt(s.InOctets, 10), strconv.FormatInt(s.OutOctets, 10))
	}
	charges := newTable(l.Out, "CHARGED", "ACCOUNT", "FEE", "REQUEST")
	for _, c := range h.Charges {
		charges.add(timeText(c.ChargedAt), accountText(c.Account, c.AccountID), feeText(&c.Fee), c.Request.String())
	}
	swaps := newTable(l.Out, "SWAPPED", "OLD CARD", "NEW CARD")
	for _, w := range h.Swaps {
		swaps.add(timeText(w.At), w.Old, w.New)
	}
	changes := newTable(l.Out, "CHANGED", "FIELD", "FROM", "TO")
	for _, c := range h.Changes {
		changes.add(timeText(c.At), c.Field, c.From, c.To)
	}
	former := newTable(l.Out, "FORMER IDENTIFIER", "KIND", "UNTIL")
	for _, f := range h.Former {
		former.add(f.Identifier, f.Kind, timeText(f.Until))
	}
	if err := printSIM(l, h.SIM); err != nil {
		return err
	}
	for _, t := range []*table{owners, changes, swaps, former, transfers, sessions, charges} {
		if len(t.rows) == 0 {
			continue
		}
		fmt.Fprintln(l.Out)
		if err := t.flush(); err != nil {
			return err
		}
	}
	if h.Truncated {
		l.note("One of the lists is incomplete: it has more entries than the service returns.")
	}
	return nil
}

// optionalID formats an id; nil is empty.
func optionalID(id *uuid.UUID) string {
	if id == nil {
		return ""
	}
	return id.String()
}

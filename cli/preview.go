package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"simtransfer/client"
)

type previewCommand struct {
	newRequest
	remote
}

// Help returns the detailed help.
func (previewCommand) Help() string {
	return `Shows which of the SIMs can be transferred now, by which method and for which fee, and which of their settings are kept. Nothing is created or reserved, and the fees are not binding: only those of a transfer request are.

Examples:

    simtransfer preview --to-email=sims@example.com --to-operator=OP0000000002 8988211000000000011
    simtransfer preview --to-email=sims@example.com --to-operator=OP0000000002 --file=sims.txt --json
    simtransfer preview --to-email=sims@example.com --to-operator=OP0000000002 --lot=box-7`
}

// Run runs the command.
func (c *previewCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	body, sims, err := c.body(s)
	if err != nil {
		return err
	}
	p, err := l.client.PreviewRequest(ctx, body, l.options()...)
	if err != nil {
		return sims.locate(l.explain(err))
	}
	return l.show(func() error { return printPreview(l, p) })
}

func printPreview(l *connection, p client.Preview) error {
	t := newTable(l.Out, "LINE", "SIM", "ICCID", "STATUS", "METHOD", "FEE", "PLAN", "REASON")
	for _, i := range p.Items {
		t.add(strconv.Itoa(i.Line), i.Identifier, i.ICCID, string(i.Status), string(i.Method), feeText(i.Fee), planChangeText(i.Plan, i.LandsOn), string(i.Reason))
	}
	if err := t.flush(); err != nil {
		return err
	}
	fmt.Fprintf(l.Out, "\n%d of %s can be transferred.\n", p.Eligible, counted(p.Selected, "SIM", "SIMs"))
	t = newTable(l.Out, "METHOD", "SIMS", "FEES", "KEPT", "LOST")
	for _, total := range p.Totals {
		fees := total.Fees.String()
		if total.Unquoted > 0 {
			fees += fmt.Sprintf(", and %d SIMs without a quote", total.Unquoted)
		}
		kept, lost := "", ""
		for _, s := range p.Settings {
			if s.Method == total.Method {
				kept, lost = strings.Join(s.Kept, ", "), strings.Join(s.Lost, ", ")
			}
		}
		t.add(string(total.Method), strconv.Itoa(total.SIMs), fees, kept, lost)
	}
	if len(p.Totals) > 0 {
		fmt.Fprintln(l.Out)
	}
	if err := t.flush(); err != nil {
		return err
	}
	return printReasons(l, p.Reasons)
}

// planChangeText shows the plan before and, if it differs, after a transfer, with what
// they cost a month.
func planChangeText(from, to *client.PreviewedPlan) string {
	if from == nil || to == nil || from.Name == to.Name {
		return planText(from)
	}
	return planText(from) + " → " + planText(to)
}

// planText shows a plan with its price a month; nil is empty.
func planText(p *client.PreviewedPlan) string {
	switch {
	case p == nil:
		return ""
	case p.MonthlyPrice == nil:
		return p.Name
	}
	return p.Name + " (" + p.MonthlyPrice.String() + ")"
}

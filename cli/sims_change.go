package cli

import (
	"bufio"
	"context"
	"fmt"
	"strconv"
	"strings"

	"simtransfer/client"
	"simtransfer/transfer"
)

// whichSIMs are the flags that select SIMs for one change, and guard it.
type whichSIMs struct {
	Filter      []string `sep:"none" placeholder:"NAME=VALUE" help:"Only SIMs that match: account, status, plan, group, tag, lot, prefix, suffix, range (FIRST-LAST), eid or external-id. Repeat the flag to narrow the filter; of several values of one name, one has to match."`
	File        string   `placeholder:"FILE" predictor:"file" help:"Only the SIMs in this file, one per line: an ICCID, IMSI, MSISDN, EID or a range of ICCIDs; - is standard input."`
	ExpectCount *int     `aliases:"expect" min:"0" placeholder:"N" help:"Number of SIMs that you expect to be selected. If it is another number, nothing is changed. Required unless you are asked for it."`
	DryRun      bool     `help:"Show what would happen, and change nothing."`
	SkipRefused bool     `help:"Change the other SIMs if the rules refuse some."`
}

// many reports whether the flags select SIMs.
func (w whichSIMs) many() bool { return len(w.Filter) > 0 || w.File != "" }

type simsChangeCommand struct {
	SIMs []string `arg:"" optional:"" name:"sim" help:"Only these SIMs: ICCIDs, IMSIs, MSISDNs, EIDs or ranges of ICCIDs."`
	whichSIMs
	Set    []string `sep:"none" required:"" placeholder:"NAME=VALUE" help:"What to set: status, plan, lock and protection (true or false), group (empty: none), tag (tag=NAME=VALUE), untag (untag=NAME). Repeat the flag for several."`
	Reason string   `placeholder:"TEXT" help:"Why the SIMs are changed. Recorded in the audit trail."`
	post
}

// Help returns the detailed help.
func (simsChangeCommand) Help() string {
	return `Changes all SIMs that match the filter or are listed, or none of them. On a terminal, the command first shows how many there are, and asks for that number; elsewhere, --expect-count is required. Owners set lock, protection, tags and group, support sets status and plan.

Examples:

    simtransfer sims change --filter=status=ready --filter=lot=box-7 --set=lock=true --dry-run
    simtransfer sims change --filter=tag=site=north --set=tag=site=south --set=untag=trial --expect-count=250
    simtransfer sims change --filter=account=OP0000000001 --filter=group=meters --set=status=suspended --reason=unpaid --expect-count=250
    simtransfer sims change 8988211000000000011 8988211000000000029 --set=group=meters --expect-count=2
    simtransfer sims change --file=sims.txt --set=group=meters --skip-refused --expect-count=1000`
}

// body parses the flags.
func (c *simsChangeCommand) body(s *Session) (client.NewBulkChange, simList, error) {
	change := client.NewBulkChange{ExpectCount: c.ExpectCount, DryRun: c.DryRun, SkipRefused: c.SkipRefused, Reason: c.Reason}
	var sims simList
	var err error
	switch {
	case c.File != "" && len(c.Filter) > 0:
		return change, sims, usageError("--filter and --file cannot be used together")
	case len(c.SIMs) > 0 && len(c.Filter) > 0:
		return change, sims, usageError("a list of SIMs and --filter cannot be used together")
	case c.File != "" || len(c.SIMs) > 0:
		if sims, err = readSIMList(s, c.SIMs, c.File); err != nil {
			return change, sims, err
		}
		change.SIMs = sims.names
	case len(c.Filter) == 0:
		return change, sims, usageError("say which SIMs to change: name them, or give --filter or --file")
	default:
		if change.Filter, err = parseSelection(c.Filter); err != nil {
			return change, sims, err
		}
	}
	change.Change, err = parseSettings(c.Set)
	return change, sims, err
}

func parseSelection(flags []string) (*client.SIMSelection, error) {
	var f client.SIMSelection
	for _, flag := range flags {
		name, value, _ := strings.Cut(flag, "=")
		if value == "" {
			return nil, usageError("--filter=%s: the value is missing", flag)
		}
		field := map[string]*[]string{
			"plan": &f.Plan, "group": &f.Group, "tag": &f.Tag, "lot": &f.Lot, "prefix": &f.IdentifierPrefix, "suffix": &f.IdentifierSuffix,
			"range": &f.ICCIDRange, "eid": &f.EID, "external-id": &f.ExternalID,
		}[name]
		switch {
		case field != nil:
			*field = append(*field, value)
		case name == "status":
			f.Status = append(f.Status, transfer.Status(value))
		case name == "account" && f.Account == "":
			f.Account = transfer.OperatorID(value)
		case name == "account":
			return nil, usageError("--filter=%s: account has one value: give it once", flag)
		default:
			return nil, usageError("--filter=%s: %q is not one of account, status, plan, group, tag, lot, prefix, suffix, range, eid and external-id", flag, name)
		}
	}
	return &f, nil
}

func parseSettings(flags []string) (client.BulkSettings, error) {
	var c client.BulkSettings
	set, remove := map[string]string{}, []string(nil)
	seen := map[string]bool{}
	for _, flag := range flags {
		name, value, _ := strings.Cut(flag, "=")
		if seen[name] && name != "tag" && name != "untag" {
			return c, usageError("--set=%s: %s has one value: give it once", flag, name)
		}
		seen[name] = true
		if value == "" && name != "group" {
			return c, usageError("--set=%s: the value is missing", flag)
		}
		switch name {
		case "status":
			c.Status = new(transfer.Status(value))
		case "plan":
			c.Plan = &value
		case "group":
			c.Group = &value
		case "lock":
			on, err := strconv.ParseBool(value)
			if err != nil {
				return c, usageError("--set=%s: lock is true or false", flag)
			}
			c.TransferLock = &on
		case "protection":
			on, err := strconv.ParseBool(value)
			if err != nil {
				return c, usageError("--set=%s: protection is true or false", flag)
			}
			c.Protection = &on
		case "tag":
			tag, text, ok := strings.Cut(value, "=")
			if !ok {
				return c, usageError("--set=%s: write tag=NAME=VALUE", flag)
			}
			set[tag] = text
		case "untag":
			remove = append(remove, value)
		default:
			return c, usageError("--set=%s: %q is not one of status, plan, lock, protection, group, tag and untag", flag, name)
		}
	}
	c.Tags = tagChanges(set, remove)
	return c, nil
}

// Run runs the command.
func (c *simsChangeCommand) Run(ctx context.Context, s *Session) error {
	change, sims, err := c.body(s)
	if err != nil {
		return err
	}
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	if change.ExpectCount == nil && !change.DryRun {
		if err := c.confirm(ctx, l, &change); err != nil {
			return sims.locate(err)
		}
	}
	done, err := l.client.ChangeSIMs(ctx, change, l.options(client.Timeout(bulkTimeout), c.idempotent())...)
	if err != nil {
		return sims.locate(l.explain(err))
	}
	return l.show(func() error { return printBulk(l, done) })
}

// confirm shows what would happen and asks for the number of SIMs.
func (c *simsChangeCommand) confirm(ctx context.Context, l *connection, change *client.NewBulkChange) error {
	if l.ReadKey == nil || c.File == "-" {
		return usageError("give --expect-count with the number of SIMs that you expect to be selected; --dry-run shows it")
	}
	dry := *change
	dry.DryRun = true
	would, err := l.client.ChangeSIMs(ctx, dry, l.options(client.Timeout(bulkTimeout), post{}.idempotent())...)
	if err != nil {
		return l.explain(err)
	}
	if err := printBulk(l, would); err != nil {
		return err
	}
	fmt.Fprintf(l.Err, "Type the number of selected SIMs to change them: ")
	line, err := readLine(ctx, bufio.NewReader(l.In))
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || n != would.Selected {
		return usageError("nothing was changed: the number is %d", would.Selected)
	}
	change.ExpectCount = &n
	return nil
}

// shownRefused is how many SIMs of each refusal a table lists. With --json, there
// are more.
const shownRefused = 3

func printBulk(l *connection, v client.BulkChange) error {
	changed := "changed"
	if v.DryRun {
		changed = "would be changed"
	}
	l.note("%s selected: %d %s, %d unchanged.", counted(v.Selected, "SIM", "SIMs"), v.Changed, changed, v.Unchanged)
	if len(v.Refused) == 0 {
		return nil
	}
	t := newTable(l.Out, "REFUSED", "SIMS", "FIRST", "WHY")
	for _, r := range v.Refused {
		t.add(r.Code, strconv.Itoa(r.Count), strings.Join(r.SIMs[:min(len(r.SIMs), shownRefused)], " "), r.Message)
	}
	return t.flush()
}

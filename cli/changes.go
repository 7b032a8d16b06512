package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"simtransfer/client"
	"simtransfer/transfer"
)

type changesCommand struct {
	Kind     []string      `enum:"${change_kinds}" placeholder:"KIND" help:"Only this kind of change, such as transferred. Separate several with commas, or repeat the flag."`
	Account  accountRef    `placeholder:"OP…" help:"Only changes of SIMs that this account owns before or after the change."`
	Follow   bool          `help:"Keep showing new changes until Ctrl-C."`
	Interval time.Duration `min:"100ms" max:"1h" default:"1s" help:"With --follow: time between polls."`
	From     string        `enum:"now," default:"" placeholder:"now" help:"With now: start after the changes that exist already."`
	Since    time.Time     `placeholder:"TIME" help:"Start with the changes at this time or later, such as 2030-01-31 or 2030-01-31T14:30+01:00. A few earlier ones can come first. Without a zone, the time is in UTC."`
	Cursor   string        `placeholder:"CURSOR" help:"Continue after the page that returned this next_cursor, or after the entry with this cursor."`
	Limit    *int          `min:"1" placeholder:"50" help:"Maximum number of changes to show. Default: 50."`
	All      bool          `help:"Show all changes, without a limit."`
	Format   string        `enum:"table,ndjson" default:"table" help:"Output format: table or ndjson, which has one JSON object per line."`
	remote
}

// Help returns the detailed help.
func (changesCommand) Help() string {
	return `Shows what happened to each SIM, in the order in which it changed, the oldest first: created, transferred, status_changed, plan_changed, identifiers_changed, swapped, owner_corrected, retired. It is what an inventory, a billing system or an HLR has to follow. Requires an API key of support, finance or an administrator.

The last line shows the cursor to continue with later, without missing a change or showing one twice. The identifiers of a SIM are those that it has now.

Examples:

    simtransfer changes --since=2030-01-31 --kind=transferred
    simtransfer changes --from=now --follow
    simtransfer changes --all --format=ndjson > changes.ndjson
    simtransfer changes --cursor=512-8 --all --json`
}

// Validate implements kong's validation.
func (c *changesCommand) Validate() error {
	switch {
	case startsGiven(c.From, c.Since, c.Cursor) > 1:
		return usageError("--from, --since and --cursor exclude each other: use one of them")
	case c.Limit != nil && (c.Follow || c.All):
		return usageError("--limit cannot be used with --follow or --all")
	case c.Format == "ndjson" && c.JSON:
		return usageError("--json shows whole pages: use it without --format=ndjson")
	}
	return nil
}

// startsGiven returns how many of the flags are given that name the place to start at.
func startsGiven(from string, since time.Time, cursor string) int {
	n := 0
	for _, given := range []bool{from != "", !since.IsZero(), cursor != ""} {
		if given {
			n++
		}
	}
	return n
}

// resumeCommand returns the command that continues after a cursor.
func (c *changesCommand) resumeCommand(cursor string) string {
	line := "simtransfer changes --follow"
	if len(c.Kind) > 0 {
		line += " --kind=" + strings.Join(c.Kind, ",")
	}
	if c.Account != "" {
		line += " --account=" + string(c.Account)
	}
	if c.Format != "table" {
		line += " --format=" + c.Format
	}
	if c.JSON {
		line += " --json"
	}
	return line + " --cursor=" + cursor
}

// The maximum number of changes in an answer of the API.
const (
	maxChangesPage = 1000
	maxChangesRows = 100000
)

// Run runs the command.
func (c *changesCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	filter := client.ChangesFilter{Account: c.Account.ref()}
	for _, k := range c.Kind {
		filter.Kinds = append(filter.Kinds, transfer.ChangeKind(k))
	}
	show, size := c.showPage, maxChangesPage
	if c.Format == "ndjson" {
		show, size = c.writeRows, maxChangesRows
	}
	t := newTable(l.Out, "TIME", "CHANGE", "ICCID", "FROM", "TO", "DETAIL")
	from, left, everything := client.ChangesFrom{Cursor: c.Cursor, Now: c.From == "now", Since: c.Since}, 50, c.All || c.Follow
	if c.Limit != nil {
		left = *c.Limit
	}
	resume := func() string { return c.resumeCommand(from.Cursor) }
	err = watching{Interval: c.Interval}.poll(ctx, l, resume, func(ctx context.Context) (bool, error) {
		for more := true; more && (left > 0 || everything); {
			limit := size
			if !everything {
				limit = min(limit, left)
			}
			shown, err := show(ctx, l, t, filter, from, limit)
			if err != nil {
				return false, err
			}
			from, left, more = client.ChangesFrom{Cursor: shown.next}, left-shown.rows, shown.more
		}
		return !c.Follow, nil
	})
	if err == nil {
		l.note("To continue after these changes: --cursor=%s", from.Cursor)
	}
	return err
}

// shownChanges is what was shown of the changes feed.
type shownChanges struct {
	rows int
	next string
	more bool
}

// showPage prints a page as a table or, with --json, unchanged. It prints no
// empty page while it follows the feed.
func (c *changesCommand) showPage(ctx context.Context, l *connection, t *table, f client.ChangesFilter, from client.ChangesFrom, limit int) (shownChanges, error) {
	page, err := l.client.ListChanges(ctx, f, from, limit, l.options()...)
	if err != nil {
		return shownChanges{}, l.explain(err)
	}
	shown := shownChanges{len(page.Items), page.NextCursor, page.More}
	if len(page.Items) == 0 && c.Follow {
		return shown, nil
	}
	return shown, l.show(func() error {
		for _, e := range page.Items {
			source := ""
			if e.From != nil {
				source = accountText(e.From.Account, e.From.ExternalID)
			}
			t.add(timeText(e.At), string(e.Kind), e.ICCID, source, accountText(e.To.Account, e.To.ExternalID), changeText(e))
		}
		return t.flush()
	})
}

// writeRows writes entries as NDJSON while they arrive.
func (c *changesCommand) writeRows(ctx context.Context, l *connection, _ *table, f client.ChangesFilter, from client.ChangesFrom, limit int) (shownChanges, error) {
	rows, err := l.client.ReadChanges(ctx, f, from, limit)
	if err != nil {
		return shownChanges{}, l.explain(err)
	}
	defer func() { _ = rows.Close() }()
	if _, err := io.Copy(l.Out, rows); err != nil {
		return shownChanges{}, fmt.Errorf("the changes are incomplete: %w\nTo continue: --cursor with the cursor of the last complete line", l.explain(err))
	}
	return shownChanges{rows.Rows, rows.NextCursor, rows.More}, nil
}

// changeText is what changed, other than the owner.
func changeText(e client.Change) string {
	var list []string
	add := func(name, value string) {
		if value != "" {
			list = append(list, name+"="+value)
		}
	}
	if e.Status != nil {
		add("status", fromTo(e.Status.From, e.Status.To))
	}
	if e.Plan != nil {
		add("plan", fromTo(e.Plan.From, e.Plan.To))
	}
	if e.Identifiers != nil {
		was, is := e.Identifiers.From, e.Identifiers.To
		for _, field := range []struct{ name, was, is string }{
			{"iccid", was.ICCID, is.ICCID},
			{"imsis", strings.Join(was.IMSIs, ","), strings.Join(is.IMSIs, ",")},
			{"msisdns", strings.Join(was.MSISDNs, ","), strings.Join(is.MSISDNs, ",")},
			{"eid", was.EID, is.EID},
			{"external_id", was.ExternalID, is.ExternalID},
		} {
			if field.was != field.is {
				add(field.name, field.was+"→"+field.is)
			}
		}
	}
	add("replaces", e.Replaces)
	add("replaced_by", e.ReplacedBy)
	if e.Request != nil {
		add("request", e.Request.String())
	}
	add("ticket", e.Ticket)
	add("request_reference", e.RequestReference)
	add("reference", e.Reference)
	return strings.Join(list, " ")
}

// fromTo is a value before and after a change, or the only value of a new SIM.
func fromTo(from, to string) string {
	if from == "" {
		return to
	}
	return from + "→" + to
}

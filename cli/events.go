package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"simtransfer/client"
)

type eventsCommand struct {
	Request  *uuid.UUID    `arg:"" optional:"" help:"Id of a request. Default: the events of all requests."`
	Account  accountRef    `placeholder:"OP…" help:"Without a request: only events of this account's requests (support)."`
	Key      int64         `min:"1" placeholder:"ID" help:"Without a request: only what the API key with this id did. An account can only name its own keys."`
	Follow   bool          `help:"Without a request: keep showing new events until Ctrl-C."`
	Interval time.Duration `min:"100ms" max:"1h" default:"2s" help:"With --follow: time between polls."`
	Limit    *int          `min:"1" placeholder:"50" help:"Maximum number of events to show. Default: 50, or all events of a single request."`
	All      bool          `help:"Show all events, without a limit."`
	From     string        `enum:"now," default:"" placeholder:"now" help:"Without a request, with now: start after the events that exist already."`
	Since    time.Time     `placeholder:"TIME" help:"Without a request: start with the events at this time or later, such as 2030-01-31 or 2030-01-31T14:30+01:00. A few earlier ones can come first. Without a zone, the time is in UTC."`
	Cursor   string        `placeholder:"CURSOR" help:"Continue after the page that returned this next_cursor."`
	remote
}

// Help returns the detailed help.
func (eventsCommand) Help() string {
	return `Shows every decision and every outcome: when, who caused it, and the new state. An account sees the names of its own API keys; support sees those of all keys, and the addresses of callers.

The events of all requests are shown in the order in which they happened, the oldest first. The last line shows the cursor to continue with later, without missing an event or showing one twice. While a transaction that is open in the database may still write earlier events, later ones are withheld; standard error says so, and names the transaction for support. The events of a single request are never withheld.

Examples:

    simtransfer events 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21
    simtransfer events --all
    simtransfer events --key=7 --all
    simtransfer events --since=2030-01-31 --all
    simtransfer events --from=now --follow --json`
}

// Validate implements kong's validation.
func (c *eventsCommand) Validate() error {
	switch {
	case c.Request != nil && (c.Account != "" || c.Key != 0 || c.Follow || c.From != "" || !c.Since.IsZero()):
		return usageError("--account, --key, --from, --since and --follow cannot be used with a request; to follow a request, use requests watch")
	case startsGiven(c.From, c.Since, c.Cursor) > 1:
		return usageError("--from, --since and --cursor exclude each other: use one of them")
	case c.Limit != nil && c.Follow:
		return usageError("--limit cannot be used with --follow")
	}
	return nil
}

// paging returns how many events to show.
func (c *eventsCommand) paging() paging {
	p := paging{Limit: 50, All: c.All || c.Follow || c.Request != nil && c.Limit == nil, Cursor: c.Cursor}
	if c.Limit != nil {
		p.Limit = *c.Limit
	}
	return p
}

// resumeCommand returns the command that continues after a cursor.
func (c *eventsCommand) resumeCommand(cursor string) string {
	line := "simtransfer events --follow"
	for _, flag := range []struct{ name, value string }{{"account", string(c.Account)}, {"key", keyFlag(c.Key)}, {"cursor", cursor}} {
		if flag.value != "" {
			line += " --" + flag.name + "=" + flag.value
		}
	}
	if c.JSON {
		line += " --json"
	}
	return line
}

// keyFlag returns the value of --key, empty for none.
func keyFlag(id int64) string {
	if id == 0 {
		return ""
	}
	return strconv.FormatInt(id, 10)
}

// actorText is who caused an event, with the person or the key and the address if known.
func actorText(e client.Event) string {
	switch {
	case e.Person != nil && e.Address != "":
		return fmt.Sprintf("%s (%s, %s)", e.Party, personText(*e.Person), e.Address)
	case e.Person != nil:
		return fmt.Sprintf("%s (%s)", e.Party, personText(*e.Person))
	case e.Key != "" && e.Address != "":
		return fmt.Sprintf("%s (key %d %q, %s)", e.Party, e.KeyID, e.Key, e.Address)
	case e.Key != "":
		return fmt.Sprintf("%s (key %d %q)", e.Party, e.KeyID, e.Key)
	}
	return string(e.Party)
}

// detailText lists the details of an event, sorted by name.
func detailText(e client.Event) string {
	var list []string
	for name, value := range e.Detail {
		list = append(list, name+"="+valueText(value))
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// Run runs the command.
func (c *eventsCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	if c.Request == nil {
		return c.showFeed(ctx, l)
	}
	list := listEvents(ctx, l, *c.Request)
	return printList(l, c.paging(), maxPage, list, []string{"TIME", "PARTY", "EVENT", "STATE", "DETAIL"}, func(e client.Event) []string {
		return []string{timeText(e.At), actorText(e), e.Kind, string(e.To), detailText(e)}
	})
}

func listEvents(ctx context.Context, l *connection, request uuid.UUID) listFunc[client.Event] {
	return func(p client.Paging) (client.Page[client.Event], error) {
		return l.client.ListEvents(ctx, request, p, l.options()...)
	}
}

// showFeed shows the events of all requests.
func (c *eventsCommand) showFeed(ctx context.Context, l *connection) error {
	t := newTable(l.Out, "TIME", "REQUEST", "PARTY", "EVENT", "STATE", "DETAIL")
	paging := c.paging()
	cursor, left, withheld := c.Cursor, paging.Limit, ""
	filter := client.FeedFilter{Account: c.Account.ref(), Key: c.Key, Now: c.From == "now", Since: c.Since}
	resume := func() string { return c.resumeCommand(cursor) }
	err := watching{Interval: c.Interval}.poll(ctx, l, resume, func(ctx context.Context) (bool, error) {
		for more := true; more && (left > 0 || paging.All); {
			limit := maxPage
			if !paging.All {
				limit = min(limit, left)
			}
			feed, err := l.client.ListFeed(ctx, filter, client.Paging{Limit: limit, Cursor: cursor}, l.options()...)
			if err != nil {
				return false, l.explain(err)
			}
			if err := printFeed(l, t, feed); err != nil {
				return false, err
			}
			if text := withheldText(feed); text != withheld {
				withheld = text
				if text != "" {
					l.progress.say("%s", text)
				}
			}
			cursor, left, more = feed.NextCursor, left-len(feed.Items), feed.More
			filter.Now, filter.Since = false, time.Time{} // the cursor has the place
		}
		return !c.Follow, nil
	})
	if err == nil {
		l.note("To continue after these events: --cursor=%s", cursor)
	}
	return err
}

// withheldText says that a page lacks events that have happened, and why; empty
// if it lacks none. It is shown with --json, too, because empty pages are not
// printed.
func withheldText(feed client.Feed) string {
	switch {
	case !feed.Withheld:
		return ""
	case len(feed.WithheldBy) == 0:
		return "Later events are withheld until a transaction ends that is open in the database. They follow in order."
	}
	return cell("Later events are withheld until a transaction ends that is open in the database: " + strings.Join(feed.WithheldBy, "; "))
}

// printFeed prints a page, unless it is empty.
func printFeed(l *connection, t *table, feed client.Feed) error {
	if len(feed.Items) == 0 {
		return nil
	}
	return l.show(func() error {
		for _, e := range feed.Items {
			t.add(timeText(e.At), e.Request.String(), actorText(e.Event), e.Kind, string(e.To), detailText(e.Event))
		}
		return t.flush()
	})
}

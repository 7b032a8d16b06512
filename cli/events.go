package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

type eventsCommand struct {
	Request  *uuid.UUID    `arg:"" optional:"" help:"A request's id, for all that happened to it. The events of all requests are shown if it is left out."`
	Account  operatorID    `placeholder:"OP…" help:"Without a request: only the events of this account's requests (support)."`
	Follow   bool          `help:"Without a request: go on with what happens from now on, until Ctrl-C."`
	Interval time.Duration `default:"2s" help:"With --follow: how often to look."`
	Limit    *int          `placeholder:"50" help:"Show so many at most. Of a request all are shown if it is left out, of all requests 50."`
	All      bool          `help:"Show all, however many there are."`
	Cursor   string        `placeholder:"CURSOR" help:"Go on behind the page that had this next_cursor."`
	remote
}

// Help is the detailed help.
func (eventsCommand) Help() string {
	return `Every decision and every outcome: when, by whom, and what it led to. An account sees the names of its own API keys; support sees all, and where each call came from.

Of all requests, the oldest events come first, and the last line says how to go on behind them later: nothing is missed and nothing comes twice.

Examples:

    simtransfer events 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21
    simtransfer events --all
    simtransfer events --follow --json`
}

// Validate refuses what does not go together.
func (c *eventsCommand) Validate() error {
	switch {
	case c.Request != nil && (c.Account != "" || c.Follow):
		return usageError("--account and --follow are for the events of all requests; to follow one, see requests watch")
	case c.Interval <= 0:
		return usageError("--interval has to be above 0, such as 2s")
	case c.Limit == nil:
		return nil
	case c.Follow:
		return usageError("--limit and --follow do not go together: one ends, and the other does not")
	}
	return c.paging().Validate()
}

// paging says how many events to show.
func (c *eventsCommand) paging() paging {
	p := paging{Limit: 50, All: c.All || c.Follow || c.Request != nil && c.Limit == nil, Cursor: c.Cursor}
	if c.Limit != nil {
		p.Limit = *c.Limit
	}
	return p
}

// again is the command that goes on behind a cursor.
func (c *eventsCommand) again(cursor string) string {
	line := "simtransfer events --follow"
	for _, flag := range []struct{ name, value string }{{"account", string(c.Account)}, {"cursor", cursor}} {
		if flag.value != "" {
			line += " --" + flag.name + "=" + flag.value
		}
	}
	if c.JSON {
		line += " --json"
	}
	return line
}

// event is an entry of a request's history, as the API shows it.
type event struct {
	Seq     int            `json:"seq"`
	At      *time.Time     `json:"at"`
	Kind    string         `json:"kind"`
	Party   string         `json:"party"`
	Key     string         `json:"key"`
	Address string         `json:"address"`
	To      string         `json:"to"`
	Detail  map[string]any `json:"detail"`
}

// who caused the event, with the name of the key and the address if they are
// told.
func (e event) who() string {
	switch {
	case e.Key != "" && e.Address != "":
		return fmt.Sprintf("%s (%s, %s)", e.Party, e.Key, e.Address)
	case e.Key != "":
		return fmt.Sprintf("%s (%s)", e.Party, e.Key)
	}
	return e.Party
}

// detail lists what else is known, in a stable order.
func (e event) detail() string {
	var list []string
	for name, value := range e.Detail {
		text, ok := value.(string)
		if !ok {
			text = fmt.Sprint(value)
			if encoded, err := json.Marshal(value); err == nil { // which has a million as 1000000
				text = string(encoded)
			}
		}
		list = append(list, name+"="+text)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// Run carries the command out.
func (c *eventsCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.open(s)
	if err != nil {
		return err
	}
	if c.Request == nil {
		return c.feed(ctx, l)
	}
	list := listing{paging: c.paging(), path: requestPath(*c.Request, "events")}
	return printList(ctx, l, list, []string{"TIME", "WHO", "WHAT", "STATE", "DETAIL"}, func(e event) []string {
		return []string{instant(e.At), e.who(), e.Kind, e.To, e.detail()}
	})
}

// feedPage is a page of the events of all requests, which has no last one.
type feedPage struct {
	Items []struct {
		Request string `json:"request"`
		event
	} `json:"items"`
	NextCursor string `json:"next_cursor"`
	More       bool   `json:"more"`
}

// feed shows the events of all requests.
func (c *eventsCommand) feed(ctx context.Context, l *link) error {
	t := newTable(l.Out, "TIME", "REQUEST", "WHO", "WHAT", "STATE", "DETAIL")
	paging := c.paging()
	cursor, left := c.Cursor, paging.Limit
	again := func() string { return c.again(cursor) }
	err := watching{Interval: c.Interval}.follow(ctx, l, again, func(ctx context.Context) (bool, error) {
		for more := true; more && (left > 0 || paging.All); {
			limit := 200
			if !paging.All {
				limit = min(limit, left)
			}
			var p feedPage
			answer, err := l.get(ctx, "/v1/events?"+query(nil, "account", string(c.Account), "limit", strconv.Itoa(limit), "cursor", cursor), &p)
			if err != nil {
				return false, err
			}
			if err := p.show(l, t, answer); err != nil {
				return false, err
			}
			cursor, left, more = p.NextCursor, left-len(p.Items), p.More
		}
		return !c.Follow, nil
	})
	if err == nil {
		l.note("To go on behind these: --cursor=%s", cursor)
	}
	return err
}

// show prints a page, unless it is empty.
func (p feedPage) show(l *link, t *table, answer []byte) error {
	if len(p.Items) == 0 {
		return nil
	}
	return l.show(answer, func() error {
		for _, e := range p.Items {
			t.add(instant(e.At), e.Request, e.who(), e.Kind, e.To, e.detail())
		}
		return t.flush()
	})
}

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"simtransfer/client"
	"simtransfer/transfer"
)

type auditCommand struct {
	Account accountRef `placeholder:"OP…" help:"Only entries that concern this account (support)."`
	SIM     identifier `name:"sim" help:"Only entries that concern this SIM: an ICCID, IMSI or MSISDN."`
	Key     int64      `min:"1" placeholder:"ID" help:"Only what the API key with this id did, as in keys list."`
	Person  int64      `min:"1" placeholder:"ID" help:"Only what the person with this id did, as in people list."`
	Action  []string   `enum:"${audit_actions}" placeholder:"ACTION" help:"Only this action, such as sim.unlock. Separate several with commas, or repeat the flag."`
	Since   time.Time  `placeholder:"TIME" help:"Only entries from this time on, such as 2030-01-31 or 2030-01-31T14:30+01:00. Without a zone, the time is in UTC."`
	Before  time.Time  `placeholder:"TIME" help:"Only entries from before this time."`
	Format  string     `enum:"table,csv,ndjson" default:"table" help:"Output format: table, csv or ndjson. In csv, a cell that a spreadsheet would take for a formula begins with an apostrophe."`
	paging
	remote
}

// Help returns the detailed help.
func (auditCommand) Help() string {
	return `Shows who did what outside of transfer requests, the latest first: keys, accounts, fees, plans, imports, changes of SIMs, sign-ins, and what support read. For what happened to transfer requests, use simtransfer events. An account sees the entries that concern it, but not which of the operator's keys acted.

Examples:

    simtransfer audit --sim=8988211000000000011
    simtransfer audit --action=sim.unlock,key.create --since=2030-01-31
    simtransfer audit --key=7 --all --json
    simtransfer audit --since=2030-01-01 --all --format=csv > audit.csv`
}

// Run runs the command.
func (c *auditCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	filter := client.AuditFilter{Account: c.Account.ref(), SIM: string(c.SIM), Key: c.Key, Person: c.Person, CreatedAfter: c.Since, CreatedBefore: c.Before}
	for _, a := range c.Action {
		filter.Actions = append(filter.Actions, transfer.AuditAction(a))
	}
	if format := (map[string]client.Format{"csv": client.CSV, "ndjson": client.NDJSON})[c.Format]; format != "" {
		return c.writeRows(ctx, l, filter, format)
	}
	list := func(p client.Paging) (client.Page[client.AuditEntry], error) {
		return l.client.ListAudit(ctx, filter, p, l.options()...)
	}
	return printList(l, c.paging, maxPage, list, []string{"TIME", "BY", "ACTION", "ACCOUNT", "OBJECT", "CHANGE"}, func(e client.AuditEntry) []string {
		return []string{timeText(e.At), auditActorText(e), string(e.Action), accountText(e.Account, e.AccountID), strings.TrimSpace(e.Object + " " + e.ObjectID), auditChangeText(e)}
	})
}

// writeRows writes entries as rows, with one heading before them.
func (c *auditCommand) writeRows(ctx context.Context, l *connection, filter client.AuditFilter, format client.Format) error {
	first := true
	next, err := walk(l, c.paging, maxPage, func(p client.Paging) (client.Page[struct{}], error) {
		page, err := l.client.ListAuditRows(ctx, filter, p, format)
		if err != nil {
			return client.Page[struct{}]{}, err
		}
		if _, rows, heading := bytes.Cut(page.Text, []byte("\n")); heading && format == client.CSV && !first {
			page.Text = rows
		}
		first = false
		_, err = l.Out.Write(page.Text)
		return client.Page[struct{}]{Items: make([]struct{}, page.Entries), NextCursor: page.NextCursor}, err
	}, func(client.Page[struct{}]) error { return nil })
	if err == nil && next != "" {
		l.note("There are more rows: use --all, or continue with --cursor=%s", next)
	}
	return err
}

// auditActorText is who acted, with the key and the address if known.
func auditActorText(e client.AuditEntry) string {
	text := string(e.Actor)
	if e.Actor == transfer.ActorKey || e.Actor == transfer.ActorPerson && e.Role != "" {
		text = e.Role
		if e.KeyAccount != "" {
			text = string(e.KeyAccount)
		}
	}
	var known []string
	if e.Person != nil {
		known = append(known, personText(*e.Person))
	}
	if e.Key != 0 {
		known = append(known, fmt.Sprintf("key %d %q", e.Key, e.KeyName))
	} else if e.KeyName != "" {
		known = append(known, e.KeyName)
	}
	if e.Address != "" {
		known = append(known, e.Address)
	}
	if len(known) == 0 {
		return text
	}
	return text + " (" + strings.Join(known, ", ") + ")"
}

// personText is a person as "Jane Doe <jane@example.com>".
func personText(p client.PersonRef) string {
	if p.Email == "" {
		return p.Name
	}
	return p.Name + " <" + p.Email + ">"
}

// auditChangeText lists the fields that changed, as name=old→new.
func auditChangeText(e client.AuditEntry) string {
	before, after := e.Before, e.After
	names := slices.Collect(maps.Keys(before))
	for name := range after {
		if _, both := before[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var list []string
	for _, name := range names {
		was, hadOne := before[name]
		is, hasOne := after[name]
		switch {
		case hadOne && hasOne:
			list = append(list, name+"="+valueText(was)+"→"+valueText(is))
		case hadOne:
			list = append(list, name+"="+valueText(was)+"→")
		default:
			list = append(list, name+"="+valueText(is))
		}
	}
	if e.Why != "" {
		list = append(list, "why="+e.Why)
	}
	return strings.Join(list, " ")
}

// valueText returns a value of a detail: a text as it is, an amount of money as
// people write it, anything else as JSON.
func valueText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case map[string]any:
		amount, hasAmount := v["amount"].(string)
		currency, hasCurrency := v["currency"].(string)
		if _, hasMinor := v["minor"]; hasAmount && hasMinor && hasCurrency && len(v) == 3 {
			return amount + " " + currency
		}
	}
	encoded, err := json.Marshal(value) // fmt would print a million as 1e+06
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(encoded)
}

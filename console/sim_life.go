package console

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"simtransfer/client"
	"simtransfer/transfer"
)

// simLifeView is all that is known of a SIM, for support.
type simLifeView struct {
	base

	client.SIMHistory
	Asked string // the identifier that was looked up
	Life  []moment
	Pair  *client.Account // the owner
	Price string          // of the plan for the owner; empty: not known
}

// moment is something that happened to a SIM.
type moment struct {
	At    time.Time
	Kind  string // for the badge
	Text  string
	By    string // who did it; empty: unknown
	Why   string
	Link  string // to a page about it; empty: none
	Name  string // of the link
	Class string // of the badge
}

// simLife shows the whole life of a SIM on one page.
func (v *visit) simLife() error {
	asked := v.r.PathValue("sim")
	h, err := v.api.GetSIMHistory(v.ctx(), asked, time.Time{})
	if err != nil {
		return err
	}
	acts, err := v.api.ListAudit(v.ctx(), client.AuditFilter{SIM: h.SIM.ICCID, Actions: simActs()}, client.Paging{Limit: 100})
	if err != nil {
		return err
	}
	owner, err := v.api.GetAccount(v.ctx(), h.SIM.Account.Ref())
	if err != nil {
		return err
	}
	view := simLifeView{base: base{v}, SIMHistory: h, Asked: asked, Pair: &owner, Price: v.priceOf(v.planOf(h.SIM), owner.Currency)}
	for _, o := range h.Owners {
		v.nameOf(o.Account)
	}
	for _, t := range h.Transfers {
		v.nameOf(t.Source)
		v.nameOf(t.Destination)
	}
	v.learnNames()
	view.Life = v.lifeOf(h, acts.Items)
	return v.show("sim-life", "SIM "+h.SIM.ICCID, view)
}

// simActs returns what the audit trail has of a SIM apart from reads.
func simActs() []transfer.AuditAction {
	var list []transfer.AuditAction
	for _, a := range transfer.AuditActions() {
		if strings.HasPrefix(string(a), "sim.") && a != transfer.AuditSIMHistory || a == transfer.AuditDataSessionDrop {
			list = append(list, a)
		}
	}
	return list
}

// Open returns the data sessions that are open.
func (l simLifeView) Open() []client.Session {
	var open []client.Session
	for _, s := range l.Sessions {
		if s.StoppedAt == nil {
			open = append(open, s)
		}
	}
	return open
}

// IsOther reports whether the page was asked for by an identifier that the SIM has no more.
func (l simLifeView) IsOther() bool {
	id, err := transfer.ParseIdentifier(l.Asked)
	return err == nil && id.String() != l.SIM.ICCID && !slices.Contains(l.SIM.IMSIs, id.String()) && !slices.Contains(l.SIM.MSISDNs, id.String())
}

// lifeOf puts what happened to a SIM into one order, the latest first.
func (v *visit) lifeOf(h client.SIMHistory, acts []client.AuditEntry) []moment {
	var life []moment
	acts = slices.Clone(acts)
	add := func(m moment) { life = append(life, m) }
	for i, o := range h.Owners {
		m := moment{At: o.Since, Kind: "Owner", Class: "accent", Text: "Registered to " + v.named(o.Account)}
		switch {
		case o.Request != nil:
			m.Text = "Transferred to " + v.named(o.Account)
			m.Link, m.Name = "/requests/"+o.Request.String(), "Request "+short(o.Request)
		case o.Corrected:
			m.Text, m.Why = "Owner corrected to "+v.named(o.Account), o.Ticket
			acts = slices.DeleteFunc(acts, func(a client.AuditEntry) bool {
				if m.By != "" || a.Action != transfer.AuditSIMCorrectOwner || !sameTime(a.At, o.Since) {
					return false
				}
				m.By, m.Why = actorText(a), strings.Trim(a.Why+", "+o.Ticket, ", ")
				return true
			})
		case i == len(h.Owners)-1:
			m.Text = "Entered the inventory, for " + v.named(o.Account)
		}
		add(m)
	}
	for _, t := range h.Transfers {
		m := moment{
			At: t.CreatedAt, Kind: "Request", Class: "info", Text: fmt.Sprintf("Requested: %s to %s, %s", v.named(t.Source), v.named(t.Destination), strings.ToLower(words(t.Transfer.State))),
			Link: "/requests/" + t.Request.String(), Name: "Request " + short(t.Request),
		}
		var why []string
		if t.Transfer.Reason != "" {
			why = append(why, words(t.Transfer.Reason))
		}
		if t.Transfer.Code != "" {
			why = append(why, "code: "+strings.ToLower(words(t.Transfer.Code)))
		}
		if t.Ticket != "" {
			why = append(why, "ticket "+t.Ticket)
		}
		m.Why = strings.Join(why, " · ")
		add(m)
	}
	for _, c := range h.Changes {
		m := moment{At: c.At, Kind: words(c.Field), Text: fmt.Sprintf("%s: %s → %s", words(c.Field), c.From, c.To)}
		acts = slices.DeleteFunc(acts, func(a client.AuditEntry) bool {
			if m.By != "" || !sameTime(a.At, c.At) || a.Before[c.Field] != c.From || a.After[c.Field] != c.To {
				return false
			}
			m.By, m.Why = actorText(a), a.Why
			if a.Action == transfer.AuditSIMCorrect {
				m.Text += ", a correction"
			}
			return len(a.After) == 1 // it has nothing else to say
		})
		add(m)
	}
	for _, s := range h.Swaps {
		m := moment{At: s.At, Kind: "Swap", Class: "warn"}
		if s.Old == h.SIM.ICCID {
			m.Text, m.Link, m.Name = "Replaced by the card "+s.New, "/support/sims/"+s.New, "New card"
		} else {
			m.Text, m.Link, m.Name = "Took over from the card "+s.Old, "/support/sims/"+s.Old, "Old card"
		}
		add(m)
	}
	for _, f := range h.Former {
		add(moment{At: f.Until, Kind: "Number", Class: "", Text: fmt.Sprintf("No longer has the %s %s", strings.ToUpper(f.Kind), f.Identifier)})
	}
	for _, a := range acts {
		m := moment{At: a.At, Kind: "Change", Text: actText(a), By: actorText(a), Why: a.Why}
		add(m)
	}
	slices.SortStableFunc(life, func(a, b moment) int { return b.At.Compare(a.At) })
	return life
}

// sameTime reports whether two records can be of one act.
func sameTime(a, b time.Time) bool { return a.Sub(b).Abs() < 5*time.Second }

// actText describes an entry of the audit trail of a SIM.
func actText(a client.AuditEntry) string {
	what := map[transfer.AuditAction]string{
		transfer.AuditSIMStatus: "Status set", transfer.AuditSIMCorrect: "Status corrected", transfer.AuditSIMLock: "Transfer lock put on",
		transfer.AuditSIMUnlock: "Transfer lock taken off", transfer.AuditSIMIdentifiers: "Numbers changed", transfer.AuditSIMSwap: "Card swapped",
		transfer.AuditSIMRetire: "Retired as a wrong import", transfer.AuditSIMCorrectOwner: "Owner corrected", transfer.AuditSIMUpdate: "Changed",
		transfer.AuditDataSessionDrop: "Data sessions ended",
	}[a.Action]
	if what == "" {
		what = words(strings.TrimPrefix(string(a.Action), "sim."))
	}
	if fields := changedFields(a); len(fields) > 0 {
		what += " (" + strings.Join(fields, "; ") + ")"
	}
	return what
}

// changedFields describes the fields that an entry of the audit trail changed.
func changedFields(a client.AuditEntry) []string {
	names := map[string]bool{}
	for name := range a.Before {
		names[name] = true
	}
	for name := range a.After {
		names[name] = true
	}
	var list []string
	for name := range names {
		before, had := a.Before[name]
		after, has := a.After[name]
		label := strings.ReplaceAll(name, "_", " ")
		valueText := func(value any) string { return fieldText(name, value) }
		if !had && (after == nil || after == "") {
			continue
		}
		switch {
		case had && has:
			list = append(list, fmt.Sprintf("%s: %s → %s", label, valueText(before), valueText(after)))
		case has:
			list = append(list, fmt.Sprintf("%s: %s", label, valueText(after)))
		default:
			list = append(list, fmt.Sprintf("%s: %s removed", label, valueText(before)))
		}
	}
	slices.Sort(list)
	return list
}

// fieldText writes the value of a field for people.
func fieldText(name string, value any) string {
	if list, ok := value.([]any); value == nil || ok && len(list) == 0 {
		if empty := map[string]string{"types": "all", "plans": "any"}[name]; empty != "" {
			return empty
		}
	}
	return valueText(value)
}

// valueText writes a value of JSON for people.
func valueText(value any) string {
	switch value := value.(type) {
	case nil:
		return "none"
	case string:
		if at, err := time.Parse(time.RFC3339, value); err == nil {
			return at.UTC().Format("2006-01-02 15:04") + " UTC"
		}
		return truncate(80, value)
	case bool:
		if value {
			return "yes"
		}
		return "no"
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64)
	case []any:
		if len(value) == 0 {
			return "none"
		}
		var list []string
		for _, item := range value {
			list = append(list, valueText(item))
		}
		return truncate(120, strings.Join(list, ", "))
	case map[string]any:
		if amount, ok := value["amount"].(string); ok {
			return fmt.Sprint(amount, " ", value["currency"])
		}
		var list []string
		for name, item := range value {
			list = append(list, name+"="+valueText(item))
		}
		slices.Sort(list)
		return truncate(120, strings.Join(list, ", "))
	}
	return truncate(80, fmt.Sprint(value))
}

// actorText says who has made an entry of the audit trail.
func actorText(a client.AuditEntry) string {
	switch {
	case a.Person != nil && a.KeyAccount != "":
		return a.Person.Name + " of " + string(a.KeyAccount)
	case a.Person != nil:
		return a.Person.Name
	case a.KeyName != "" && a.KeyAccount != "":
		return a.KeyName + " of " + string(a.KeyAccount)
	case a.KeyName != "":
		return a.KeyName
	case a.Role == "account" && a.KeyAccount != "":
		return string(a.KeyAccount)
	case a.Role != "":
		return a.Role
	}
	return words(a.Actor)
}

// bytesText writes a number of bytes for people.
func bytesText(n int64) string {
	const step = 1000
	if n < step {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n), ""
	for _, unit = range []string{"kB", "MB", "GB", "TB"} {
		if value /= step; value < step {
			break
		}
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}

// maxSessions is how many data sessions the page shows.
const maxSessions = 50

// Recent returns the latest data sessions.
func (l simLifeView) Recent() []client.Session { return l.Sessions[:min(len(l.Sessions), maxSessions)] }

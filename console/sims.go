package console

import (
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"simtransfer/client"
	"simtransfer/transfer"
)

// simsView is the page with the SIMs of the account.
type simsView struct {
	base

	Search   string // what was typed into the search box
	Account  string // for support: of which account
	Filter   client.SIMConditions
	Picks    picks // all that match
	Items    []client.SIM
	Count    client.SIMCount
	Next     string       // cursor of the next page
	List     *checkedList // nil: the SIMs that match the filter are shown
	Plans    []string
	Hints    []chip // other meanings of what was searched for
	Nothing  string // what was searched for and not found
	IsSecond bool   // the page is not the first one
}

// simsPage is how many SIMs a page lists.
const simsPage = 50

// countedSIMs is up to how many SIMs the page counts. The page that reviews what is done
// with them has the exact number.
const countedSIMs = 10_000

// sims shows the SIMs that match the filter in the address, or those of a list in it.
func (v *visit) sims() error {
	p, err := picksOf(v.r.URL.Query())
	if err != nil {
		return &refusedPage{err.Error()}
	}
	if len(p.List) > 0 {
		entries := kept(p.List)
		for i := range entries {
			entries[i].Line = i + 1
		}
		return v.showList(p.Account, entries)
	}
	q := v.r.URL.Query()
	view := simsView{base: base{v}, Account: p.Account, Filter: conditionsOf(q), Nothing: q.Get("nothing"), IsSecond: q.Get("cursor") != ""}
	for _, text := range q["also"] {
		if name, value, ok := strings.Cut(text, "="); ok {
			view.Hints = append(view.Hints, chip{Name: name, Value: value, Text: text})
		}
	}
	filter := client.SIMFilter{Account: transfer.AccountRef(p.Account), SIMConditions: view.Filter}
	page, err := v.api.ListSIMs(v.ctx(), filter, client.Paging{Limit: simsPage, Cursor: q.Get("cursor")})
	f := v.form("filter")
	if err != nil {
		return v.refused(f, err, func() error { return v.showSIMs(view) })
	}
	view.Items, view.Next = page.Items, page.NextCursor
	view.Count.Count = len(page.Items)
	if page.NextCursor != "" || view.IsSecond { // otherwise the page has all that match
		if view.Count, err = v.api.CountSIMs(v.ctx(), filter, countedSIMs); err != nil {
			return err
		}
	}
	view.Picks = picks{Account: p.Account, Filter: view.Filter, All: true}
	return v.showSIMs(view)
}

func (v *visit) showSIMs(view simsView) error {
	plans, err := v.api.ListPlans(v.ctx())
	if err != nil {
		return err
	}
	for _, p := range plans.Items {
		view.Plans = append(view.Plans, p.Name)
	}
	return v.show("sims", "SIMs", view)
}

// shownList is how many SIMs of a pasted list the page shows.
const shownList = 50

// showList shows the SIMs of a list.
func (v *visit) showList(account string, entries []listEntry) error {
	checked, err := v.checkList(account, entries, shownList)
	if err != nil {
		return err
	}
	return v.showSIMs(simsView{
		base: base{v}, Account: account, List: checked, Items: checked.Items, Count: client.SIMCount{Count: checked.Selected},
		Picks: picks{Account: account, List: checked.Good},
	})
}

// maxAddressedList is up to how many entries a pasted list is shown at an address of
// its own.
const maxAddressedList = 50

// searchSIMs takes what was pasted into the search box, and finds out what it is.
func (v *visit) searchSIMs() error {
	text, account := v.r.PostForm.Get("q"), strings.TrimSpace(v.r.PostForm.Get(accountField))
	entries, err := readList(text)
	if err != nil {
		return v.wrong(v.posted("search"), func() error { return v.showSIMs(simsView{base: base{v}, Account: account}) }, "q", err.Error())
	}
	switch n := len(entries); {
	case n == 0:
		return v.redirect(simsPath(account, nil), "")
	case n == 1 || !looksLikeSIMs(entries):
		return v.searchOne(account, strings.Join(strings.Fields(text), " "))
	case n <= maxAddressedList:
		return v.redirect("/sims?"+picks{Account: account, List: texts(entries)}.values().Encode(), "")
	}
	return v.showList(account, entries)
}

func texts(entries []listEntry) []string {
	list := make([]string, len(entries))
	for i, e := range entries {
		list[i] = e.Text
	}
	return list
}

// looksLikeSIMs reports whether one of the entries has the digits of an identifier.
func looksLikeSIMs(entries []listEntry) bool {
	return slices.ContainsFunc(entries, func(e listEntry) bool { return len(digitsOf(e.Text)) >= 6 })
}

func digitsOf(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, text)
}

// simsPath returns the address of the SIMs of an account that match a filter.
func simsPath(account string, q url.Values) string {
	if q == nil {
		q = url.Values{}
	}
	if account != "" {
		q.Set(accountField, account)
	}
	if len(q) == 0 {
		return "/sims"
	}
	return "/sims?" + q.Encode()
}

// searchOne finds out what one text is: a SIM, an EID or a range; the first or the last
// digits of an identifier; a lot, a group, a plan or a tag.
func (v *visit) searchOne(account, text string) error {
	checked, err := v.checkList(account, []listEntry{{Text: text}}, 1)
	switch {
	case err != nil:
		return err
	case checked.Selected == 1 && len(digitsOf(text)) <= 22:
		return v.redirect("/sims/"+checked.Items[0].ICCID, "")
	case checked.Selected > 0:
		return v.redirect("/sims?"+picks{Account: account, List: []string{text}}.values().Encode(), "")
	}
	candidates := []url.Values{{"lot": {text}}, {"group": {text}}, {"plan": {text}}, {"tag": {text}}}
	if digits := digitsOf(text); len(digits) >= 6 && len(digits) <= 22 {
		candidates = append([]url.Values{{"prefix": {digits}}, {"suffix": {digits}}}, candidates...)
	}
	var found []url.Values
	for _, q := range candidates {
		n, err := v.api.CountSIMs(v.ctx(), client.SIMFilter{Account: transfer.AccountRef(account), SIMConditions: conditionsOf(q)}, 1)
		if err == nil && n.Count > 0 {
			found = append(found, q)
		}
	}
	switch {
	case len(found) > 0:
		q := found[0]
		for _, other := range found[1:] {
			for name, values := range other {
				q.Add("also", name+"="+values[0])
			}
		}
		return v.redirect(simsPath(account, q), "")
	case len(checked.Bad) == 1 && checked.Bad[0].Unknown && len(digitsOf(text)) <= 22:
		return v.redirect("/sims/"+url.PathEscape(text), "")
	}
	return v.redirect(simsPath(account, url.Values{"nothing": {truncate(100, text)}}), "")
}

// pickSIMs takes the SIMs that were picked in the table, or all that match, to what is
// to be done with them.
func (v *visit) pickSIMs() error {
	p, err := picksOf(v.r.PostForm)
	if err != nil {
		return &refusedPage{err.Error()}
	}
	if v.r.PostForm.Get("every") == "" {
		p = picks{Account: p.Account, List: filled(v.r.PostForm["sim"])}
	}
	back := v.r.PostForm.Get("back")
	if !strings.HasPrefix(back, "/sims") {
		back = "/sims"
	}
	act := v.r.PostForm.Get("do")
	if p.Empty() && act == "export" { // a file of what the table shows needs no choice
		if p, err = picksOf(v.r.PostForm); err != nil {
			return &refusedPage{err.Error()}
		}
	}
	to := "/sims/change"
	switch {
	case p.Empty():
		return v.warn(back, "Nothing was picked: tick the SIMs first, or “all that match”.")
	case act == "transfer":
		to = "/transfers/new"
	case act == "export":
		to = "/sims/export.csv"
	case !slices.Contains([]string{"lock", "unlock", "tags", "group"}, act):
		return &refusedPage{"This page has no such action."}
	}
	q := p.values()
	if to == "/sims/change" {
		q.Set("do", act)
	}
	if len(q.Encode()) <= maxAddress {
		return v.redirect(to+"?"+q.Encode(), "")
	}
	switch to { // the list is too long for an address
	case "/transfers/new":
		return v.showTransfer(transferView{base: base{v}, Picks: p}, stepWhom)
	case "/sims/export.csv":
		return v.exportList(p)
	}
	return v.showChange(act, p)
}

// maxAddress is the maximum length of the query of an address, in bytes.
const maxAddress = 4000

// exportSIMs sends the SIMs that match a filter, or those of a short list, as CSV.
func (v *visit) exportSIMs() error {
	p, err := picksOf(v.r.URL.Query())
	if err != nil {
		return &refusedPage{err.Error()}
	}
	if len(p.List) > 0 {
		return v.exportList(p)
	}
	return v.sendSIMs(p.filterOf())
}

// maxExportedList is up to how many SIMs of a list can be exported: the API
// takes that many identifiers.
const maxExportedList = 100

// exportList sends the SIMs of a list as CSV.
func (v *visit) exportList(p picks) error {
	checked, err := v.checkList(p.Account, kept(p.List), maxExportedList)
	if err != nil {
		return err
	}
	if checked.Selected > maxExportedList || checked.Selected == 0 {
		return &refusedPage{fmt.Sprintf("The list names %s. A list of up to %d can be exported; for more SIMs, filter them and pick all that match.", plural(checked.Selected, "SIM"), maxExportedList)}
	}
	filter := client.SIMFilter{Account: transfer.AccountRef(p.Account)}
	for _, sim := range checked.Items {
		filter.IdentifierPrefix = append(filter.IdentifierPrefix, sim.ICCID)
	}
	return v.sendSIMs(filter)
}

func (v *visit) sendSIMs(filter client.SIMFilter) error {
	return v.download("sims.csv", func() (io.ReadCloser, error) {
		return v.api.ExportSIMs(v.ctx(), client.SIMExport{SIMFilter: filter}, client.CSV)
	})
}

// Rows returns how many SIMs match and how many of them the page lists, in words.
func (s simsView) Rows() string {
	n := s.Count.Count
	text := plural(n, "SIM")
	if s.Count.More {
		text = "More than " + number(n) + " SIMs"
	}
	if len(s.Chips()) > 0 {
		text += " that match"
	}
	if s.Count.More || n == len(s.Items) {
		return text
	}
	return fmt.Sprintf("%s, %d on this page", text, len(s.Items))
}

// CountText is the number of all SIMs that match.
func (s simsView) CountText() string {
	if s.Count.More {
		return "more than " + number(s.Count.Count) + " SIMs"
	}
	return plural(s.Count.Count, "SIM")
}

// Chips lists the conditions of the filter, each with the address of the page without it.
func (s simsView) Chips() []chipLink {
	var links []chipLink
	for _, c := range chipsOf(s.Filter) {
		q := s.visit.r.URL.Query()
		for _, name := range []string{"cursor", "also", "nothing"} {
			q.Del(name)
		}
		q[c.Name] = slices.DeleteFunc(slices.Clone(q[c.Name]), func(value string) bool { return strings.TrimSpace(value) == c.Value })
		links = append(links, chipLink{c, simsPath(s.Account, withoutEmpty(q))})
	}
	return links
}

// chipLink is a chip with an address.
type chipLink struct {
	chip

	Address string
}

// Others returns links to other meanings of what was searched for.
func (s simsView) Others() []chipLink {
	var links []chipLink
	for _, c := range s.Hints {
		q := url.Values{c.Name: {c.Value}}
		for _, other := range chipsOf(conditionsOf(q)) {
			links = append(links, chipLink{other, simsPath(s.Account, q)})
		}
	}
	return links
}

func withoutEmpty(q url.Values) url.Values {
	for name, values := range q {
		if len(values) == 0 || values[0] == "" {
			q.Del(name)
		}
	}
	return q
}

// Statuses lists the statuses of SIMs.
func (s simsView) Statuses() []choice {
	choices := []choice{{"", "Any status"}}
	for _, status := range transfer.Statuses() {
		choices = append(choices, choice{string(status), words(status)})
	}
	return choices
}

// PlanChoices lists the plans.
func (s simsView) PlanChoices() []choice {
	choices := []choice{{"", "Any plan"}}
	for _, plan := range s.Plans {
		choices = append(choices, choice{plan, plan})
	}
	return choices
}

// HasLots reports whether one of the SIMs has a lot.
func (s simsView) HasLots() bool {
	return slices.ContainsFunc(s.Items, func(sim client.SIM) bool { return sim.Lot != "" })
}

// First returns the first value of a condition in the address.
func (s simsView) First(name string) string { return s.Query(name) }

// WhyNotAct says why the person cannot do something with SIMs; empty if it can.
func (s simsView) WhyNotAct(act string) string { return s.visit.whyNot(act) }

// whyNot says which permission an action on SIMs needs if the person lacks it.
func (v *visit) whyNot(act string) string {
	switch {
	case act == "transfer" && v.me.has("support"):
		return ""
	case !v.me.IsAccount():
		return "only the account that owns a SIM changes its lock, tags and group"
	case act == "unlock" && !v.me.has("approver"):
		return "it needs the permission approver, and you have " + v.me.ActingFor.Permission
	case !v.me.has("operator"):
		return "it needs the permission operator, and you have " + v.me.ActingFor.Permission
	}
	return ""
}

// Command returns the call of the page as texts.
func (s simsView) Command() program {
	q := queryOf(s.Filter)
	path := "/v1/sims"
	if len(q) > 0 {
		api := url.Values{}
		names := map[string]string{"prefix": "identifier_prefix", "suffix": "identifier_suffix", "range": "iccid_range", "lock": "transfer_lock"}
		for name, values := range q {
			if other, ok := names[name]; ok {
				name = other
			}
			api[name] = values
		}
		path += "?" + api.Encode()
	}
	command := "sims list"
	if len(q) > 0 {
		command += " " + s.Picks.command()
	}
	return s.Program("GET", path, "", command)
}

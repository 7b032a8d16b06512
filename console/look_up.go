package console

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"simtransfer/api/problem"
	"simtransfer/client"
	"simtransfer/transfer"
)

// lookUpView is what support finds for a text that someone tells them on the phone.
type lookUpView struct {
	base

	Text              string
	IsKey             bool // the text looks like an API key, which is not shown again
	IsEmail           bool
	Found             []found
	Tried             []string // what the text can be, in words
	Search            bool     // there is a text
	Listed, EmailUses int      // what the email belongs to: how many things were read, and how many there are

	Parts []digitsOfSIMs // how many SIMs were found by the text as a part of an identifier
}

// found is a page that a text names.
type found struct {
	Kind  string // what it is, such as "Request"
	Name  string
	About string
	Path  string
	State any // nil: none

	Source, Destination transfer.OperatorID // of a request; empty: it is none

	Called string // the name of an account
	Stay   bool   // the page of it does not show what was looked up, so the browser stays on this one
}

// digitsOfSIMs is a search for SIMs by the first or the last digits of an identifier.
type digitsOfSIMs struct {
	Field string // of the list of SIMs
	Does  string // what the identifier does with Text: begins with or ends with
	Text  string
	Shown int
	Count client.SIMCount
}

// IsCut reports whether the page does not list all of the SIMs.
func (d digitsOfSIMs) IsCut() bool { return d.Count.More || d.Count.Count > d.Shown }

// Total is how many SIMs there are, in words.
func (d digitsOfSIMs) Total() string {
	if d.Count.More {
		return "more than " + number(d.Count.Count)
	}
	return number(d.Count.Count)
}

// IsCut reports whether the page does not list all that was found.
func (v lookUpView) IsCut() bool { return slices.ContainsFunc(v.Parts, digitsOfSIMs.IsCut) }

// IsShort reports whether the text is a few digits, by which no SIM is found.
func (v lookUpView) IsShort() bool {
	_, err := transfer.ParseIdentifierSuffix(v.Text)
	return v.Text != "" && strings.Trim(v.Text, "0123456789 ") == "" && err != nil
}

// maxFound is how many things of a kind the page lists.
const maxFound = 20

// lookUp finds what a text names: a SIM, a request, a batch, an account. If it names
// one thing only, the browser goes to its page.
func (v *visit) lookUp() error {
	text := strings.TrimSpace(v.r.URL.Query().Get("q"))
	view := lookUpView{base: base{v}, Text: problem.Clip(text), Search: text != "", IsEmail: isEmail(text)}
	switch {
	case text == "":
		return v.show("look-up", "Look up", view)
	case strings.HasPrefix(text, "st_"):
		view.Text, view.IsKey = "", true
		return v.show("look-up", "Look up", view)
	}
	for _, search := range v.searchesFor(text) {
		view.Tried = append(view.Tried, search.what)
		list, err := search.find(v, text)
		if err != nil && !nothingFound(err) {
			return err
		}
		view.Found = append(view.Found, list...)
	}
	if view.IsEmail {
		if err := v.findEmail(&view, text); err != nil {
			return err
		}
	} else if !slices.ContainsFunc(view.Found, func(f found) bool { return f.Kind == kindSIM }) {
		if err := v.findByDigits(&view, text); err != nil {
			return err
		}
	}
	if len(view.Found) == 1 && !view.Found[0].Stay {
		v.goTo(view.Found[0].Path)
		return nil
	}
	if len(view.Found) == 0 {
		v.status = http.StatusNotFound
	}
	return v.show("look-up", "Look up "+view.Text, view)
}

// findByDigits finds SIMs by the first or the last digits of one of their identifiers, if
// a text can be such.
func (v *visit) findByDigits(view *lookUpView, text string) error {
	for _, part := range []struct {
		search digitsOfSIMs
		tried  string
		parse  func(string) (string, error)
		has    func(identifier, digits string) bool
	}{
		{digitsOfSIMs{Field: "prefix", Does: "begins with"}, "the first digits of an ICCID, IMSI or MSISDN", transfer.ParseIdentifierPrefix, strings.HasPrefix},
		{digitsOfSIMs{Field: "suffix", Does: "ends with"}, "the last digits of an ICCID, IMSI or MSISDN", transfer.ParseIdentifierSuffix, strings.HasSuffix},
	} {
		digits, err := part.parse(text)
		if err != nil {
			continue
		}
		view.Tried = append(view.Tried, part.tried)
		filter := client.SIMFilter{SIMConditions: conditionsOf(url.Values{part.search.Field: {text}})}
		page, err := v.api.ListSIMs(v.ctx(), filter, client.Paging{Limit: maxFound})
		if err != nil {
			return err
		}
		if len(page.Items) == 0 {
			continue
		}
		search := part.search
		search.Text, search.Shown, search.Count.Count = text, len(page.Items), len(page.Items)
		if page.NextCursor != "" {
			if search.Count, err = v.api.CountSIMs(v.ctx(), filter, countedSIMs); err != nil {
				return err
			}
		}
		view.Parts = append(view.Parts, search)
		for _, f := range foundSIMs(page.Items, func(identifier string) bool { return part.has(identifier, digits) }) {
			if !slices.ContainsFunc(view.Found, func(other found) bool { return other.Path == f.Path }) {
				view.Found = append(view.Found, f)
			}
		}
	}
	return nil
}

// nothingFound reports whether the API knows nothing of a text, or says that the text is
// no such identifier.
func nothingFound(err error) bool {
	var p *client.Problem
	return errors.As(err, &p) && (p.Status == http.StatusNotFound || p.Status == http.StatusUnprocessableEntity || p.Status == http.StatusBadRequest)
}

// search is one way to find something by a text.
type search struct {
	what string
	find func(*visit, string) ([]found, error)
}

func isEmail(text string) bool {
	_, err := transfer.ParseEmail(text)
	return err == nil
}

// searchesFor returns the ways to find something by a text, by the form of the text.
// Only administrators find people by their name.
func (v *visit) searchesFor(text string) []search {
	var list []search
	add := func(what string, find func(*visit, string) ([]found, error)) { list = append(list, search{what, find}) }
	if _, err := uuid.Parse(text); err == nil && strings.Contains(text, "-") { // an EID has 32 digits, too
		add("the id of a request", (*visit).findRequest)
		add("a batch", (*visit).findBatch)
		add("a pull request", (*visit).findPull)
		return list
	}
	if isEmail(text) {
		return nil // findEmail
	}
	if _, err := transfer.ParseOperatorID(text); err == nil {
		add("an operator id", (*visit).findAccounts)
		return list
	}
	if _, err := transfer.ParseEID(text); err == nil {
		add("an EID", (*visit).findEID)
	}
	if _, err := transfer.ParseIdentifier(text); err == nil {
		add("an ICCID, IMSI or MSISDN, of now or earlier", (*visit).findSIM)
	}
	add("a reference", (*visit).findReference)
	add("a ticket", (*visit).findTicket)
	add("the external id of a SIM", (*visit).findExternalID)
	add("part of the name or an id of an account", (*visit).findAccounts)
	if v.me.has("admin") {
		add("part of the name of a person", (*visit).findPeople)
	}
	return list
}

func (v *visit) findRequest(text string) ([]found, error) {
	id, err := uuid.Parse(text)
	if err != nil {
		return nil, err
	}
	r, err := v.api.GetRequest(v.ctx(), id)
	if err != nil {
		return nil, err
	}
	return foundRequests([]client.Request{r}), nil
}

func (v *visit) findBatch(text string) ([]found, error) {
	id, err := uuid.Parse(text)
	if err != nil {
		return nil, err
	}
	b, err := v.api.GetBatch(v.ctx(), id)
	if err != nil {
		return nil, err
	}
	return []found{{Kind: "Batch", Name: b.ID.String(), About: "from " + string(b.Source) + ", " + plural(b.Counts.SIMs, "SIM"), Path: "/batches/" + b.ID.String()}}, nil
}

func (v *visit) findPull(text string) ([]found, error) {
	id, err := uuid.Parse(text)
	if err != nil {
		return nil, err
	}
	p, err := v.api.GetPullRequest(v.ctx(), id)
	if err != nil {
		return nil, err
	}
	return []found{{Kind: "Pull request", Name: p.ID.String(), About: "by " + string(p.Asker) + " for " + plural(p.Size, "SIM"), Path: "/pulls/" + p.ID.String(), State: p.State}}, nil
}

func (v *visit) findSIM(text string) ([]found, error) {
	h, err := v.api.GetSIMHistory(v.ctx(), text, time.Time{})
	if err != nil {
		return nil, err
	}
	return foundSIMs([]client.SIM{h.SIM}, nil), nil
}

func (v *visit) findEID(text string) ([]found, error) {
	return v.findSIMs(client.SIMConditions{EID: []string{text}})
}

func (v *visit) findExternalID(text string) ([]found, error) {
	return v.findSIMs(client.SIMConditions{ExternalID: []string{text}})
}

func (v *visit) findSIMs(c client.SIMConditions) ([]found, error) {
	page, err := v.api.ListSIMs(v.ctx(), client.SIMFilter{SIMConditions: c}, client.Paging{Limit: maxFound})
	return foundSIMs(page.Items, nil), err
}

// kindSIM is what a found SIM is.
const kindSIM = "SIM"

// foundSIMs returns SIMs with the IMSIs and MSISDNs by which they were found; nil: by
// something else.
func foundSIMs(sims []client.SIM, by func(identifier string) bool) []found {
	var list []found
	for _, s := range sims {
		about := "of " + string(s.Account) + ", plan " + s.Plan
		byOther := by != nil && !by(s.ICCID)
		for _, other := range []struct {
			kind string
			list []string
		}{{"MSISDN", s.MSISDNs}, {"IMSI", s.IMSIs}} {
			for _, identifier := range other.list {
				if by != nil && by(identifier) {
					about, byOther = other.kind+" "+identifier+", "+about, false
				}
			}
		}
		switch {
		case byOther && by(s.ICCID[:len(s.ICCID)-1]):
			about = "ICCID without its check digit, " + about
		case byOther:
			about = "ICCID with its check digit, " + about
		}
		list = append(list, found{Kind: kindSIM, Name: s.ICCID, About: about, Path: "/support/sims/" + url.PathEscape(s.ICCID), State: s.Status})
	}
	return list
}

func (v *visit) findReference(text string) ([]found, error) {
	return v.findRequests(client.RequestFilter{Reference: text})
}

func (v *visit) findTicket(text string) ([]found, error) {
	return v.findRequests(client.RequestFilter{Ticket: text})
}

func (v *visit) findRequests(f client.RequestFilter) ([]found, error) {
	page, err := v.api.ListRequests(v.ctx(), f, client.Paging{Limit: maxFound})
	return foundRequests(page.Items), err
}

func foundRequests(requests []client.Request) []found {
	var list []found
	for _, r := range requests {
		name := r.ID.String()
		if r.Reference != "" {
			name = r.Reference
		}
		about := plural(r.Counts.SIMs, "SIM")
		if r.Ticket != "" {
			about += ", ticket " + r.Ticket
		}
		list = append(list, found{Kind: "Request", Name: name, About: about, Path: "/requests/" + r.ID.String(), State: r.State, Source: r.Source, Destination: r.Destination})
	}
	return list
}

func (v *visit) findAccounts(text string) ([]found, error) {
	page, err := v.api.ListAccounts(v.ctx(), client.AccountFilter{Search: text}, client.Paging{Limit: maxFound})
	var list []found
	for _, a := range page.Items {
		about := a.Email
		if a.Name != "" {
			about = a.Name + ", " + about
		}
		list = append(list, found{Kind: "Account", Name: string(a.OperatorID), About: about, Path: "/accounts/" + string(a.OperatorID), State: a.Standing})
	}
	return list, err
}

// findEmail finds the accounts, people and invitations that an email belongs to. An
// account is listed once, with all that the email is for it; for administrators, a person
// is listed with all accounts.
func (v *visit) findEmail(view *lookUpView, text string) error {
	view.Tried = append(view.Tried, "the email of an account, a contact, a person or an invitation")
	uses, err := v.api.FindEmail(v.ctx(), text)
	if err != nil {
		return err
	}
	view.EmailUses = uses.Total
	for _, u := range uses.Items {
		f := v.foundEmail(u)
		i := slices.IndexFunc(view.Found, func(other found) bool { return other.Path == f.Path })
		if i < 0 {
			view.Found = append(view.Found, f)
			continue
		}
		view.Found[i].About += "; " + f.About
		view.Found[i].Stay = view.Found[i].Stay || f.Stay
	}
	view.Listed = len(uses.Items)
	for i, f := range view.Found {
		if f.Called != "" {
			view.Found[i].About = f.Called + ": " + f.About
		}
	}
	return nil
}

// foundEmail returns something that an email belongs to.
func (v *visit) foundEmail(u client.EmailUse) found {
	f := found{Kind: "Account", Name: string(u.Account), Called: u.AccountName, Path: "/accounts/" + string(u.Account), Stay: u.Kind != "account"}
	if u.Standing != "" {
		f.State = u.Standing
	}
	name := u.Name
	if u.Disabled {
		name += " (disabled)"
	}
	switch may := cmp.Or(u.Permission, u.Role); {
	case u.Kind == "account":
		f.About = "primary email"
	case u.Kind == "contact":
		f.About = "contact for " + string(u.Purpose)
	case u.Kind == "invitation" && u.Account == "":
		return found{Kind: "Invitation", Name: name, About: "to the staff as " + may, Path: "/people?account=staff"}
	case u.Kind == "invitation":
		f.About = name + ", invited as " + may
	case v.me.has("admin"):
		f = found{Kind: "Person", Name: name, Path: peopleView{}.EditPath(client.Person{ID: u.Person}), About: "no access to an account"}
		if may != "" {
			f.About = may + " of " + cmp.Or(u.AccountName, string(u.Account), "the staff")
		}
	default:
		f.About = name + ", " + may
	}
	return f
}

func (v *visit) findPeople(text string) ([]found, error) {
	page, err := v.api.ListPeople(v.ctx(), client.PersonFilter{Text: text}, client.Paging{Limit: maxFound})
	var list []found
	for _, p := range page.Items {
		var of []string
		for _, m := range p.Memberships {
			of = append(of, m.Name)
		}
		list = append(list, found{Kind: "Person", Name: p.Name, About: strings.Join(append([]string{p.Email}, of...), ", "), Path: peopleView{}.EditPath(p)})
	}
	return list, err
}

package console

import (
	"net/url"
	"strconv"
	"strings"

	"simtransfer/client"
	"simtransfer/transfer"
)

// accountsView is the list of accounts.
type accountsView struct {
	base

	Search   string
	Standing string
	Accounts []client.Account
	Next     string
}

// accounts lists the accounts that match a text.
func (v *visit) accounts() error {
	q := v.r.URL.Query()
	view := accountsView{base: base{v}, Search: strings.TrimSpace(q.Get("q")), Standing: q.Get("standing")}
	page, err := v.api.ListAccounts(v.ctx(), client.AccountFilter{Search: view.Search, Standing: view.Standing}, client.Paging{Limit: 50, Cursor: q.Get("cursor")})
	if err != nil {
		return err
	}
	view.Accounts, view.Next = page.Items, page.NextCursor
	return v.show("accounts", "Accounts", view)
}

// accountView is one account, or a new one.
type accountView struct {
	base

	Account  client.Account // zero for a new one
	ETag     string
	Plans    []client.Plan
	Requests []client.Request // unfinished ones that it sends or receives
	More     bool             // it has more of them
	Keys     int              // in use; for administrators
	Mappings client.PlanMappings
	Fees     []client.Fee // its own prices; for administrators
	Mail     client.AccountMail
}

// LandsWith lists what SIMs get as they arrive at the account, empty for nothing.
func (v accountView) LandsWith() string { return landingText(v.Account.Landing) }

// unfinished are the states of requests that are still going on.
func unfinished() []transfer.RequestState {
	var list []transfer.RequestState
	for _, s := range transfer.RequestStates() {
		if !s.Final() {
			list = append(list, s)
		}
	}
	return list
}

// account shows one account, with what is open.
func (v *visit) account() error {
	view := accountView{base: base{v}}
	var err error
	if view.Account, err = v.api.GetAccount(v.ctx(), transfer.AccountRef(v.r.PathValue("account")), client.ETag(&view.ETag)); err != nil {
		return err
	}
	a := view.Account
	page, err := v.api.ListRequests(v.ctx(), client.RequestFilter{Account: a.OperatorID.Ref(), States: unfinished()}, client.Paging{Limit: 10})
	if err != nil {
		return err
	}
	view.Requests, view.More = page.Items, page.NextCursor != ""
	if view.Mappings, err = v.api.ListPlanMappings(v.ctx(), a.OperatorID.Ref()); err != nil {
		return err
	}
	if view.Mail, err = v.api.GetAccountMail(v.ctx(), a.OperatorID.Ref()); err != nil {
		return err
	}
	plans, err := v.api.ListPlans(v.ctx())
	if err != nil {
		return err
	}
	view.Plans = plans.Items
	if v.me.has("admin") {
		revoked := false
		keys, err := v.api.ListKeys(v.ctx(), client.KeyFilter{Account: a.OperatorID.Ref(), Revoked: &revoked}, client.Paging{Limit: 200})
		if err != nil {
			return err
		}
		view.Keys = len(keys.Items)
		fees, err := v.api.ListFees(v.ctx(), client.FeeFilter{Account: a.OperatorID.Ref()})
		if err != nil {
			return err
		}
		for _, f := range fees.Items {
			if f.Account != "" {
				view.Fees = append(view.Fees, f)
			}
		}
	}
	title := string(a.OperatorID)
	if a.Name != "" {
		title = a.Name + " (" + title + ")"
	}
	return v.show("account", title, view)
}

// newAccount shows the form of a new account.
func (v *visit) newAccount() error {
	plans, err := v.api.ListPlans(v.ctx())
	if err != nil {
		return err
	}
	return v.show("account", "New account", accountView{base: base{v}, Plans: plans.Items})
}

// contacts returns the contacts that were typed; empty lists remove them.
func (f form) contacts() *client.AccountContacts {
	return &client.AccountContacts{Transfers: listed(f.Value("contacts.transfers")), Billing: listed(f.Value("contacts.billing")), Technical: listed(f.Value("contacts.technical")), Security: listed(f.Value("contacts.security"))}
}

// createAccount opens an account.
func (v *visit) createAccount() error {
	f := v.posted("account")
	a, err := v.api.CreateAccount(v.ctx(), client.NewAccount{
		OperatorID: transfer.OperatorID(f.Value("operator_id")), Email: f.Value("email"), Currency: transfer.Currency(f.Value("currency")),
		Coverage: f.Value("coverage"), Name: f.Value("name"), ExternalID: f.Value("external_id"), Contacts: f.contacts(), Plans: listed(f.Value("plans")),
	}, f.Option())
	if err != nil {
		return v.refused(f, err, v.newAccount)
	}
	return v.redirect(accountPath(a.OperatorID), "Account "+string(a.OperatorID)+" is open.")
}

func accountPath(id transfer.OperatorID) string { return "/accounts/" + url.PathEscape(string(id)) }

// limitField reads a limit: empty is that of the service, 0 none.
func (f form) limitField(name string) (*client.Limit, error) {
	text := f.Value(name)
	if text == "" {
		limit := client.Limit(-1)
		return &limit, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return nil, errNotALimit
	}
	limit := client.Limit(n)
	return &limit, nil
}

// updateAccount changes an account.
func (v *visit) updateAccount() error {
	f := v.posted("account")
	name, external, plans := client.Optional(f.Value("name")), client.Optional(f.Value("external_id")), listed(f.Value("plans"))
	change := client.AccountChange{Email: f.Value("email"), Coverage: f.Value("coverage"), Name: &name, ExternalID: &external, Contacts: f.contacts(), Plans: &plans}
	for field, limit := range map[string]**client.Limit{"max_open_requests": &change.MaxOpenRequests, "max_open_sims": &change.MaxOpenSIMs, "max_unknown_sims": &change.MaxUnknownSIMs} {
		var err error
		if *limit, err = f.limitField(field); err != nil {
			return v.wrong(f, v.account, field, err.Error())
		}
	}
	a, err := v.api.UpdateAccount(v.ctx(), transfer.AccountRef(v.r.PathValue("account")), change, client.IfMatch(f.Value("etag")))
	if err != nil {
		return v.refused(f, err, v.account)
	}
	return v.redirect(accountPath(a.OperatorID), "Saved.")
}

// closeAccount closes an account, or opens it again.
func (v *visit) closeAccount() error {
	f := v.posted("close")
	change := client.AccountChange{Standing: f.Value("standing")}
	if f.Value("open_requests") == "end" {
		change.OpenRequests = "end"
	}
	a, err := v.api.UpdateAccount(v.ctx(), transfer.AccountRef(v.r.PathValue("account")), change)
	if err != nil {
		return v.refused(f, err, v.account)
	}
	done := "The account is open again."
	if a.Standing == "closed" {
		done = "The account is closed. It can neither send nor receive SIMs, and its keys can only read."
	}
	return v.redirect(accountPath(a.OperatorID), done)
}

// New reports whether the page is about an account that does not exist yet.
func (a accountView) New() bool { return a.Account.OperatorID == "" }

// Lines writes addresses or plans one per line, as the form has them.
func (accountView) Lines(list []string) string { return strings.Join(list, "\n") }

// Limit writes a limit as its field has it.
func (accountView) Limit(limit *int) string {
	if limit == nil {
		return ""
	}
	return strconv.Itoa(*limit)
}

// Action returns where the form of the account goes.
func (a accountView) Action() string {
	if a.New() {
		return "/accounts"
	}
	return accountPath(a.Account.OperatorID)
}

// Query of the other pages that are about the account.
func (a accountView) Of(path string) string {
	return path + "?" + url.Values{"account": {string(a.Account.OperatorID)}}.Encode()
}

package console

import (
	"strconv"
	"strings"

	"simtransfer/client"
)

// signInsView is the browsers that are signed in.
type signInsView struct {
	base

	SignIns []client.SignIn
	Next    string
	All     bool // of all people and keys that the person manages
	Manages bool // whether the person can see those of others
}

// signIns shows where the person is signed in or, to owners and administrators, where
// others are.
func (v *visit) signIns() error {
	q := v.r.URL.Query()
	view := signInsView{base: base{v}, Manages: v.me.has("owner") || v.me.has("admin")}
	view.All = view.Manages && q.Get("whose") == "all"
	page, err := v.api.ListSignIns(v.ctx(), client.SignInFilter{All: view.All}, client.Paging{Limit: 50, Cursor: q.Get("cursor")})
	if err != nil {
		return err
	}
	view.SignIns, view.Next = page.Items, page.NextCursor
	return v.show("sign-ins", "Sign-ins", view)
}

// endSignIn signs a browser out.
func (v *visit) endSignIn() error {
	id, err := v.id()
	if err != nil {
		return err
	}
	f := v.posted("sign-in-" + strconv.FormatInt(id, 10))
	if err := v.api.EndSignIn(v.ctx(), id); err != nil {
		return v.refused(f, err, v.signIns)
	}
	to := "/sign-ins"
	if f.Value("whose") == "all" {
		to += "?whose=all"
	}
	return v.redirect(to, "The browser is signed out.")
}

// endOtherSignIns signs the person out everywhere else.
func (v *visit) endOtherSignIns() error {
	f := v.posted("others")
	if err := v.api.EndOtherSignIns(v.ctx()); err != nil {
		return v.refused(f, err, v.signIns)
	}
	return v.redirect("/sign-ins", "You are signed out everywhere else.")
}

// FormName returns the name of the form of a sign-in.
func (signInsView) FormName(s client.SignIn) string {
	return "sign-in-" + strconv.FormatInt(s.ID, 10)
}

// Who returns who has signed in.
func (signInsView) Who(s client.SignIn) string {
	switch {
	case s.Person != nil:
		return s.Person.Name
	case s.Key != nil:
		return "Key " + s.Key.Name
	}
	return ""
}

// Others reports whether the page shows browsers other than the one that shows it.
func (v signInsView) Others() bool {
	for _, s := range v.SignIns {
		if !s.Current {
			return true
		}
	}
	return false
}

// Browser names a browser and its system by its user agent.
func (signInsView) Browser(s client.SignIn) string {
	name, system := "Browser", ""
	for _, known := range []struct{ part, name string }{
		{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}, {"curl/", "curl"},
	} {
		if strings.Contains(s.UserAgent, known.part) {
			name = known.name
			break
		}
	}
	for _, known := range []struct{ part, name string }{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"Linux", "Linux"},
	} {
		if strings.Contains(s.UserAgent, known.part) {
			system = " on " + known.name
			break
		}
	}
	return name + system
}

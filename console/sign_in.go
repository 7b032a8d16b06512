package console

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"simtransfer/api/signin"
)

// againView is a page that keeps a form which could not be sent, until the person has
// signed in again or switched back.
type againView struct {
	base

	Fresh  bool   // the sign-in is too old for this act
	Action string // where the form goes
	Fields []hiddenField
	Files  []string // names of the fields with files, which a page cannot keep
	SignIn string   // address of the sign-in page
	Made   string   // the account that the form was made for; empty if that is no problem
}

// askToSignIn sends a browser to the sign-in page and back. What was typed into a form
// stays on a page of its own, from which it is sent after signing in in another tab.
func (v *visit) askToSignIn(fresh bool) {
	if v.r.Method != http.MethodPost && v.OneClick != "" && v.r.URL.Path == "/" {
		v.goTo(tryPath)
		return
	}
	if v.r.Method != http.MethodPost {
		v.goTo(signin.Address(v.r.URL.RequestURI(), fresh))
		return
	}
	if v.r.PostForm == nil {
		if err := v.readForm(); err != nil {
			v.fail(err)
			return
		}
	}
	v.again("Sign in to go on", againView{Fresh: fresh, SignIn: signin.Address("/signed-in", fresh)}, http.StatusUnauthorized)
}

// goTo sends the browser to another page, also if htmx asked for a part of this one.
func (v *visit) goTo(address string) {
	if v.isFragment() {
		v.w.Header().Set("HX-Redirect", address)
		v.w.WriteHeader(http.StatusOK)
		return
	}
	http.Redirect(v.w, v.r, address, http.StatusSeeOther)
}

func (v *visit) again(title string, view againView, status int) {
	view.base, view.Action, view.Fields = base{v}, v.r.URL.RequestURI(), v.typed()
	if v.r.MultipartForm != nil {
		view.Files = slices.Sorted(maps.Keys(v.r.MultipartForm.File))
	}
	v.status = status
	if err := v.show("again", title, view); err != nil {
		v.Log.ErrorContext(v.ctx(), "a page failed", "path", v.r.URL.Path, "error", err)
	}
}

// otherAccount keeps a form of a page that was made for another account.
func (v *visit) otherAccount() {
	v.again("You have switched accounts", againView{Made: v.r.PostForm.Get(forField)}, http.StatusConflict)
}

// signedIn is where the tab ends in which a person has signed in again.
func (v *visit) signedIn() error { return v.show("signed-in", "Signed in", base{v}) }

// chooseView is the page on which a person with several memberships chooses one.
type chooseView struct{ base }

func (v *visit) chooseAccount() {
	if len(v.me.Memberships) == 0 {
		v.sorry(http.StatusForbidden, "No access yet", "You have signed in, but you do not belong to an account. Ask an owner of your account, or support, to invite you with this email address.", "")
		return
	}
	if err := v.show("choose", "Choose an account", chooseView{base{v}}); err != nil {
		v.fail(err)
	}
}

// actFor remembers in the browser as whom a person acts who has several memberships.
// The API decides with each call whether the person may.
func (v *visit) actFor() error {
	name := v.r.PostForm.Get("account")
	for _, m := range v.me.Memberships {
		if m.Name == name {
			v.setCookie(accountCookie, name, 365*24*time.Hour)
			return v.redirect(signin.Next(v.r.PostForm.Get("next")), "")
		}
	}
	return &forbiddenPage{"You do not belong to this account."}
}

// actingFor returns the account that the browser has chosen, empty if it has not.
func (v *visit) actingFor() string {
	cookie, err := v.r.Cookie(accountCookie)
	if err != nil {
		return ""
	}
	return cookie.Value
}

func (v *visit) forgetAccount() { v.setCookie(accountCookie, "", -1) }

// setCookie sets a cookie that only the console reads.
func (v *visit) setCookie(name, value string, age time.Duration) {
	seconds := int(age.Seconds())
	if age < 0 {
		seconds = -1
	}
	http.SetCookie(v.w, &http.Cookie{
		Name: name, Value: url.QueryEscape(value), Path: "/", MaxAge: seconds,
		HttpOnly: true, Secure: signin.Of(v.ctx()).HTTPS, SameSite: http.SameSiteStrictMode,
	})
}

// doneCookie keeps what a form has done until the next page says it.
const doneCookie = "simtransfer_done"

// notice is what the page after a form says about the form.
type notice struct {
	Text    string
	Warning bool // nothing was done
}

// warningMark begins a notice in the cookie that is a warning.
const warningMark = "!"

// maxDone is the maximum length of what a form has done, in bytes.
const maxDone = 300

func (v *visit) tell(done string) {
	if len(done) <= maxDone {
		v.setCookie(doneCookie, done, time.Minute)
	}
}

// takeDone returns what the form before this page has done, once.
func (v *visit) takeDone() notice {
	cookie, err := v.r.Cookie(doneCookie)
	if err != nil || cookie.Value == "" {
		return notice{}
	}
	v.setCookie(doneCookie, "", -1)
	text, err := url.QueryUnescape(cookie.Value)
	if err != nil || len(text) > maxDone {
		return notice{}
	}
	text, warning := strings.CutPrefix(text, warningMark)
	return notice{text, warning}
}

// sorryView is a page that says why there is no other.
type sorryView struct {
	base

	Heading, Text, ID string
}

// sorry shows why there is no page. id is that of the call in the log; empty: it is not
// in the log.
func (v *visit) sorry(status int, heading, text, id string) {
	v.status = status
	if err := v.show("sorry", heading, sorryView{base{v}, heading, text, id}); err != nil {
		v.Log.ErrorContext(v.ctx(), "a page failed", "path", v.r.URL.Path, "error", err)
		http.Error(v.w, heading, http.StatusInternalServerError)
	}
}

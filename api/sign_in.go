package api

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"simtransfer/api/problem"
	"simtransfer/api/signin"
	"simtransfer/storage"
)

const (
	maxSignInBytes = 16 << 10 // of the form, with the path to go on to
	signInTimeout  = 30 * time.Second
)

// addSignIn serves the page on which people sign in. The browser keeps the secret of
// the sign-in, which is a bearer token of the API, instead of the API key.
func (s *server) addSignIn(mux *http.ServeMux) {
	sameOrigin := s.sameOrigin()
	mux.HandleFunc("GET "+signin.Path, func(w http.ResponseWriter, r *http.Request) {
		s.showSignIn(w, r, http.StatusOK, "")
	})
	mux.Handle("POST "+signin.Path, sameOrigin.Handler(http.HandlerFunc(s.signIn)))
	s.addOpenID(mux)
	s.addMailSignIn(mux)
	s.addUnsubscribe(mux)
	mux.Handle("POST "+signin.OutPath, sameOrigin.Handler(http.HandlerFunc(s.signOut)))
}

// sameOrigin refuses calls that change something and come from pages of other sites.
func (s *server) sameOrigin() *http.CrossOriginProtection {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.showProblem(w, r, problem.New(problem.Forbidden, "the call comes from a page of another site: open the page of this service directly"))
	}))
	return protection
}

// browserOf describes the browser that signs in with a call. The sign-in replaces the
// one that the browser has.
func browserOf(r *http.Request) storage.Browser {
	return storage.Browser{
		Address:   callOf(r.Context()).address,
		UserAgent: r.UserAgent(),
		Replaces:  signin.Of(r.Context()).Secret,
	}
}

func (s *server) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxSignInBytes)
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(signInTimeout)) // a ResponseWriter without a connection returns an error, which is fine
	key, next := r.PostFormValue("key"), r.PostFormValue("next")
	from := browserOf(r)
	secret, err := attempt(r.Context(), s, from.Address, key, func(ctx context.Context) (string, error) { return s.db.SignIn(ctx, key, from) })
	switch {
	case errors.Is(err, storage.ErrNotFound):
		s.denied(r.Context(), problem.New(problem.Unauthenticated, ""))
		s.showSignIn(w, r, http.StatusUnauthorized, "This is not an API key of this service, or the key has been revoked, has expired, or cannot be used from your network.")
	case err != nil:
		s.showProblem(w, r, err)
	default:
		s.signedIn(w, r, secret, next)
	}
}

// signedIn gives the browser the secret of its new sign-in, and sends it on to a path.
func (s *server) signedIn(w http.ResponseWriter, r *http.Request, secret, next string) {
	signin.Of(r.Context()).Set(w, secret, storage.SignInPeriod)
	http.Redirect(w, r, signin.Next(next), http.StatusSeeOther)
}

func (s *server) signOut(w http.ResponseWriter, r *http.Request) {
	browser := signin.Of(r.Context())
	if browser.Secret != "" {
		if err := s.db.SignOut(r.Context(), browser.Secret, callOf(r.Context()).address); err != nil {
			s.showProblem(w, r, err)
			return
		}
	}
	browser.Set(w, "", 0)
	http.Redirect(w, r, signin.Path, http.StatusSeeOther)
}

// signInPage is what the sign-in page shows.
type signInPage struct {
	Next     string // where the browser goes next
	Fresh    bool   // the browser has signed in, but not within the last minutes
	SignedIn bool   // the browser has a cookie
	Problem  string // why it could not sign in; empty: nothing

	OpenID     string // what people call the OpenID provider; empty: there is none
	OpenIDLink string // where the way to it begins
	OpenIDDown bool   // it does not answer
	Mail       bool   // whether people can get a link by mail
	Email      string // what was typed
	KeyRefused bool   // the problem is that of an API key
}

// showSignIn sends the sign-in page, with a message if signing in failed.
func (s *server) showSignIn(w http.ResponseWriter, r *http.Request, status int, message string) {
	r.Body = http.MaxBytesReader(w, r.Body, maxSignInBytes) // FormValue reads a body whatever the method
	page := signInPage{
		Next: signin.Next(r.FormValue("next")), Fresh: r.FormValue("fresh") != "",
		SignedIn: signin.Of(r.Context()).Secret != "", Problem: message,
		Mail: s.Mail != nil, Email: r.PostFormValue("email"), KeyRefused: message != "" && r.URL.Path == signin.Path,
	}
	if s.openID != nil {
		page.OpenID, page.OpenIDDown = s.openID.Name(), s.openID.Ready(r.Context()) != nil
		page.OpenIDLink = openIDPath + strings.TrimPrefix(signin.Address(page.Next, page.Fresh), signin.Path)
	}
	sendSignInPage(w, status, signInHTML, page)
}

// sendSignInPage sends a page in the frame signInFrame. text is that of its template: what
// comes below the heading, and the definition of "title".
func sendSignInPage(w http.ResponseWriter, status int, text string, page any) {
	w.Header().Set("Content-Security-Policy", fmt.Sprintf(signInPolicy, cspHash(signInStyle)))
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	main := template.Must(template.New("main").Parse(text))
	_ = template.Must(main.New("frame").Parse(signInFrame)).Execute(w, page) // the client may be gone
}

// signInFrame is the frame of the pages for people who have not signed in.
const signInFrame = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>{{template "title" .}} · simtransfer</title>
<style>` + signInStyle + `</style>
</head>
<body>
<header><svg viewBox="0 0 24 24" aria-hidden="true"><path d="M6.5 2.5h8l5 5V19a2.5 2.5 0 0 1-2.5 2.5H6.5A2.5 2.5 0 0 1 4 19V5a2.5 2.5 0 0 1 2.5-2.5z" fill="currentColor"/><path d="M8 13.5h7.5M12.5 10l3.5 3.5-3.5 3.5" fill="none" stroke="var(--surface)" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round"/></svg> simtransfer</header>
<main>
<h1>{{template "title" .}}</h1>
{{template "main" .}}</main>
</body>
</html>
`

// signInPolicy has a verb for the hash of the page's style sheet.
const signInPolicy = "default-src 'none'; style-src %s; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

const signInHTML = `{{define "title"}}Sign in{{end}}
{{if .Fresh}}<p>What you are about to do needs a sign-in within the last 15 minutes. Sign in again to continue.</p>{{end}}
{{with .Problem}}<p class="problem" role="alert">{{.}}</p>{{end}}
{{with .OpenID}}{{if $.OpenIDDown}}<p class="problem">{{.}} does not answer at the moment. Try again in a minute, or sign in another way.</p>
{{end}}<p><a class="button" href="{{$.OpenIDLink}}">Sign in with {{.}}</a></p>
{{end}}
{{- if .Mail}}<form method="post" action="/sign-in/mail">
<input type="hidden" name="next" value="{{.Next}}">
<label for="email">Email address</label>
<input id="email" name="email" type="email" autocomplete="email" maxlength="254" value="{{.Email}}" required{{if not .OpenID}} autofocus{{end}}>
<button{{if .OpenID}} class="second"{{end}}>Send me a link</button>
</form>
{{end}}
{{- if or .OpenID .Mail}}<details{{if .KeyRefused}} open{{end}}>
<summary>Sign in with an API key</summary>
{{end}}<form method="post" action="/sign-in">
<input type="hidden" name="next" value="{{.Next}}">
{{if .Fresh}}<input type="hidden" name="fresh" value="1">{{end}}
<label for="key">API key</label>
<input id="key" name="key" type="password" autocomplete="off" aria-describedby="key-hint" required{{if not (or .OpenID .Mail)}} autofocus{{end}}>
<button>Sign in</button>
<p class="hint" id="key-hint">An owner of your account can make a key for you, and so can the people who run this service.</p>
</form>
{{if or .OpenID .Mail}}</details>
{{end}}
{{if .SignedIn}}<form method="post" action="/sign-out"><button class="plain">Sign out</button></form>{{end}}
`

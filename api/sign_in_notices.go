package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"simtransfer/api/openid"
	"simtransfer/api/problem"
	"simtransfer/api/signin"
	"simtransfer/storage"
)

// notice is a page that tells a person who signs in what happened and what to do
// next.
type notice struct {
	Title string
	Text  []string
	Alarm bool // something did not work: screen readers say it at once

	Button string // the label of a button; empty: none
	Post   string // what the button posts to

	Link string // the label of a link to the sign-in page; empty: none
}

// show sends the page.
func (n notice) show(w http.ResponseWriter, status int) {
	sendSignInPage(w, status, noticeHTML, n)
}

const noticeHTML = `{{define "title"}}{{.Title}}{{end}}
<div{{if .Alarm}} role="alert"{{end}}>
{{range .Text}}<p>{{.}}</p>
{{end}}</div>

{{- with .Button}}<form method="post" action="{{$.Post}}">
<button>{{.}}</button>
</form>
{{end}}
{{- with .Link}}<p><a href="` + signin.Path + `">{{.}}</a></p>
{{end -}}
`

// showProblem sends an error of a page on which people sign in: to a browser as a page,
// to a program as a problem.
func (s *server) showProblem(w http.ResponseWriter, r *http.Request, err error) {
	p := s.problem(r.Context(), err)
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		p.Write(w)
		return
	}
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	n := notice{Title: p.Title, Alarm: true, Link: "Back to the sign-in page"}
	switch p.Code {
	case problem.Busy:
		n.Text = []string{"The service is busy or not available at the moment. Try again in a minute."}
	case problem.Internal:
		n.Text = []string{"The service could not do this. Try again; if it happens again, tell the people who run it the number below."}
	default:
		n.Text = []string{p.Detail}
	}
	n.Text = append(n.Text, "Number of this call: "+callOf(r.Context()).id)
	n.show(w, p.Status)
}

// tooManySignIns refuses a call from a network from which too many sign-ins have
// failed, and reports whether it did.
func (s *server) tooManySignIns(w http.ResponseWriter, r *http.Request) bool {
	wait := s.attempts.wait(callOf(r.Context()).address, "", time.Now())
	if wait == 0 {
		return false
	}
	s.denied(r.Context(), problem.New(problem.RateLimited, ""))
	w.Header().Set("Retry-After", fmt.Sprint(int(max(time.Second, wait).Seconds())))
	notice{Title: "Too many attempts", Text: []string{"Too many attempts to sign in came from your network. Try again in a minute."}, Alarm: true, Link: "Back to the sign-in page"}.
		show(w, http.StatusTooManyRequests)
	return true
}

// showSignInError shows why a person was not signed in, and what to do. The denial
// is logged and recorded within limits.
func (s *server) showSignInError(w http.ResponseWriter, r *http.Request, err error) {
	ctx := r.Context()
	n, status := s.signInError(err)
	if status == 0 {
		s.showProblem(w, r, err)
		return
	}
	if errors.Is(err, openid.ErrUnavailable) || errors.Is(err, openid.ErrRejected) {
		s.providerFailed(ctx, err)
	}
	if !errors.Is(err, openid.ErrUnavailable) {
		c := callOf(ctx)
		s.attempts.failed(c.address, "", time.Now())
		s.denied(ctx, problem.New(problem.Unauthenticated, ""))
		if err := s.db.RecordSignInDenied(ctx, c.address); err != nil {
			s.showProblem(w, r, err)
			return
		}
	}
	n.Alarm, n.Link = true, "Back to the sign-in page"
	n.show(w, status)
}

// signInError returns the page for a person who was not signed in; status 0 for an
// error of this service.
func (s *server) signInError(err error) (n notice, status int) {
	provider := "the provider"
	if s.openID != nil {
		provider = s.openID.Name()
	}
	var unknown *storage.UnknownPersonError
	switch {
	case errors.Is(err, openid.ErrUnavailable):
		return notice{Title: "You are not signed in", Text: []string{provider + " does not answer at the moment. Try again in a minute, or sign in another way."}}, http.StatusServiceUnavailable
	case errors.Is(err, openid.ErrForeign):
		return notice{Title: "This sign-in cannot go on", Text: []string{
			fmt.Sprintf("It was begun in another browser or more than %d minutes ago, or it has been completed already.", int(openIDPeriod.Minutes())),
			"Begin again at " + s.publicAddress(signin.Path) + ".",
		}}, http.StatusBadRequest
	case errors.Is(err, openid.ErrDeclined):
		return notice{Title: "You are not signed in", Text: []string{provider + " did not sign you in. If you did not go back yourself, ask the people who run it."}}, http.StatusUnauthorized
	case errors.Is(err, openid.ErrStale):
		return notice{Title: "You are not signed in", Text: []string{provider + " did not ask you to sign in again, which is needed for what you are about to do. Sign out there, then sign in again."}}, http.StatusUnauthorized
	case errors.Is(err, openid.ErrRejected):
		return notice{Title: "You are not signed in", Text: []string{"The answer of " + provider + " could not be verified. Begin again; if it happens again, tell the people who run this service."}}, http.StatusUnauthorized
	case errors.Is(err, storage.ErrUnverifiedEmail):
		return notice{Title: "Your address is not verified", Text: []string{provider + " has not verified your email address, so this service cannot tell who you are. Verify the address there, then sign in again."}}, http.StatusForbidden
	case errors.As(err, &unknown):
		return notice{Title: "You are not invited yet", Text: []string{
			"You have signed in as " + unknown.Email + ", but no one has invited this address.",
			"Ask an owner of your account to invite it, or the people who run this service.",
		}}, http.StatusForbidden
	case errors.Is(err, storage.ErrOtherIdentity):
		return notice{Title: "You are not signed in", Text: []string{"Your email address belongs to someone who signs in as another user of " + provider + ". Ask the people who run this service."}}, http.StatusForbidden
	case errors.Is(err, storage.ErrNoMembership):
		return notice{Title: "You belong to no account", Text: []string{"You have signed in, but you have been removed from all accounts. Ask an owner of your account to invite you again."}}, http.StatusForbidden
	case errors.Is(err, storage.ErrPersonDisabled):
		return notice{Title: "You cannot sign in", Text: []string{"An administrator has blocked you. Ask the people who run this service."}}, http.StatusForbidden
	case errors.Is(err, storage.ErrOtherBrowser):
		return notice{Title: "Open the link in the other browser", Text: []string{
			"This link works only in the browser in which you asked for it.",
			"To sign in here, open " + s.publicAddress(signin.Path) + " in this browser and ask for a new link.",
		}}, http.StatusForbidden
	case errors.Is(err, storage.ErrNotFound):
		return notice{Title: "This link has ended", Text: []string{
			fmt.Sprintf("A link works once, within %d minutes. Ask for a new one.", int(storage.SignInLinkPeriod.Minutes())),
		}}, http.StatusForbidden
	}
	return notice{}, 0
}

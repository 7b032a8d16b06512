package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"simtransfer/api/problem"
	"simtransfer/api/signin"
	"simtransfer/client"
	"simtransfer/console/assets"
	"simtransfer/transfer"
)

// Config configures the console.
type Config struct {
	API      http.Handler // the API, which the pages call with the credential of the person who opens them
	NotFound http.Handler // answers programs that call a path which is no page
	Log      *slog.Logger // nil means slog.Default()

	// OneClick is a file with API keys, with each of which a button of the page /try signs
	// in: JSON, a list of OneClick. It is for demonstrations only. Empty: there is none.
	OneClick string
}

// New returns a handler that serves the pages. Requests reach it with the browser that
// signin.With has added to their context.
func New(c Config) http.Handler {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	s := &console{Config: c, templates: parseTemplates()}
	mux := http.NewServeMux()
	sameOrigin := http.NewCrossOriginProtection()
	sameOrigin.SetDenyHandler(http.HandlerFunc(s.foreignOrigin))
	for _, r := range routes() {
		mux.Handle(r.method+" "+r.path, sameOrigin.Handler(s.serve(r)))
	}
	if c.OneClick != "" {
		mux.HandleFunc("GET "+tryPath, s.showTry)
	}
	mux.HandleFunc("/", s.notFound(mux))
	return mux
}

// console serves the pages. It has no state.
type console struct {
	Config
	templates templates
}

// visit is one call of a page by a person.
type visit struct {
	*console
	w   http.ResponseWriter
	r   *http.Request
	me  me
	api *client.Client // with the credential of the person

	status int    // of the response; zero means 200
	failed *form  // that the API has refused; nil: none
	path   string // of the page, to which its forms are sent by default
	names  accountNames
}

// ctx returns the context of the call.
func (v *visit) ctx() context.Context { return v.r.Context() }

// accountCookie keeps as whom a person acts who has several memberships.
const accountCookie = "simtransfer_account"

// visitOf prepares a call of a page. The person is not known yet.
func (s *console) visitOf(w http.ResponseWriter, r *http.Request) *visit {
	account := ""
	if cookie, err := r.Cookie(accountCookie); err == nil {
		account = cookie.Value
	}
	return &visit{console: s, w: w, r: r, path: r.URL.Path, api: s.clientFor(w, r, signin.Of(r.Context()).Secret, account)}
}

// serve handles one route: it finds out who calls, whether the route is for them, and
// whether a form was made for the account that they act for.
func (s *console) serve(route route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setHeaders(w)
		v := s.visitOf(w, r)
		defer v.removeFiles()
		if r.Method == http.MethodPost {
			r.Body = http.MaxBytesReader(w, r.Body, route.bodyLimit())
		}
		err := v.identify()
		if err == nil {
			err = v.admit(route)
		}
		if err == nil && r.Method == http.MethodPost {
			err = v.checkForm()
		}
		if err == nil {
			err = route.handle(v)
		}
		if err != nil {
			v.fail(err)
		}
	})
}

// setHeaders sets the headers of every page.
func setHeaders(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Security-Policy", assets.Policy)
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Cookie")
	h.Add("Vary", "HX-Request")
}

// errSignedOut means that the browser has not signed in, or no longer is.
var errSignedOut = errors.New("signed out")

// identify asks the API who calls.
func (v *visit) identify() error {
	if signin.Of(v.ctx()).Secret == "" {
		return errSignedOut
	}
	who, err := v.api.GetMe(v.ctx())
	var p *client.Problem
	switch {
	case errors.As(err, &p) && p.Code == problem.Unauthenticated:
		return errSignedOut
	case errors.As(err, &p) && p.Code == problem.Forbidden && v.actingFor() != "":
		// The person no longer belongs to the account that the browser remembers.
		v.forgetAccount()
		v.api = v.clientFor(v.w, v.r, signin.Of(v.ctx()).Secret, "")
		who, err = v.api.GetMe(v.ctx())
	}
	if err != nil {
		return err
	}
	v.me = me{who}
	return nil
}

// forbiddenPage means that a page is not for the person who opens it.
type forbiddenPage struct{ what string }

func (e *forbiddenPage) Error() string { return e.what }

// refusedPage means that an address or a form has something that no page offers.
type refusedPage struct{ what string }

func (e *refusedPage) Error() string { return e.what }

// admit refuses a page that the person cannot use.
func (v *visit) admit(route route) error {
	switch {
	case route.who&v.me.rights() != 0, route.who == everyone:
		return nil
	case v.me.ActingFor == nil:
		return errChooseAccount
	}
	return &forbiddenPage{"This page is not for your role and permission: " + v.me.Rights() + "."}
}

// fail shows an error in place of a page.
func (v *visit) fail(err error) {
	var p *client.Problem
	var forbidden *forbiddenPage
	var refused *refusedPage
	var unreadable *unreadableForm
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, errSignedOut):
		v.askToSignIn(false)
	case errors.As(err, &p) && p.Code == problem.Unauthenticated:
		v.askToSignIn(false)
	case errors.As(err, &p) && p.Code == freshSignInRequired:
		v.askToSignIn(true)
	case errors.Is(err, errChooseAccount):
		v.chooseAccount()
	case errors.Is(err, errOtherAccount):
		v.otherAccount()
	case errors.As(err, &forbidden):
		v.sorry(http.StatusForbidden, "Not for you", forbidden.what, "")
	case errors.As(err, &refused):
		v.sorry(http.StatusBadRequest, "Not possible", refused.what, "")
	case errors.As(err, &tooLarge):
		v.sorry(http.StatusRequestEntityTooLarge, "Too large", fmt.Sprintf("What was sent has more than %d MB, and nothing was changed. Go back and send less at once: SIMs can be named by ranges or a filter, and a file can be compressed (.gz).", tooLarge.Limit>>20), "")
	case errors.As(err, &unreadable):
		v.sorry(http.StatusBadRequest, "Not a form", "What was sent is not a form of this service, or it arrived only in part. Nothing was changed. Go back and send the form again.", "")
	case errors.As(err, &p) && p.Status == http.StatusNotFound:
		v.sorry(http.StatusNotFound, "Not found", "It does not exist, or it belongs to another account.", "")
	case errors.As(err, &p) && p.Temporary():
		v.w.Header().Set("Retry-After", "5")
		v.sorry(p.Status, "Busy at the moment", "The service could not answer in time. Nothing is lost: load the page again in a moment.", "")
	case errors.As(err, &p) && p.Status == http.StatusInternalServerError:
		v.sorryInternal()
	case errors.As(err, &p) && len(p.Errors) > 0:
		v.sorry(p.Status, p.Title, "The address or the form has a value that cannot be used: "+p.Errors[0].String()+".", "")
	case errors.As(err, &p):
		v.sorry(p.Status, p.Title, p.Detail, "")
	case v.ctx().Err() != nil: // the browser has gone
	default:
		v.Log.ErrorContext(v.ctx(), "a page failed", "path", v.r.URL.Path, "error", err)
		v.sorryInternal()
	}
}

// sorryInternal shows that the service has failed, with the id under which its log has
// the call.
func (v *visit) sorryInternal() {
	v.sorry(http.StatusInternalServerError, "Something went wrong", "This is an error of the service, not yours. It is in the log.", v.w.Header().Get("X-Request-Id"))
}

// notFound answers a path that is no page.
func (s *console) notFound(mux *http.ServeMux) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !acceptsHTML(r) && s.NotFound != nil {
			s.NotFound.ServeHTTP(w, r)
			return
		}
		setHeaders(w)
		v := s.visitOf(w, r)
		if err := v.identify(); err != nil && !errors.Is(err, errSignedOut) {
			v.fail(err)
			return
		}
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			other := r.Clone(r.Context())
			other.Method = method
			if _, pattern := mux.Handler(other); pattern != "/" {
				w.Header().Set("Allow", method)
				v.sorry(http.StatusMethodNotAllowed, "Not possible", "This address only takes forms: go back to the page that has the form.", "")
				return
			}
		}
		v.sorry(http.StatusNotFound, "No such page", "The address is mistyped, or the page has moved.", "")
	}
}

func (s *console) foreignOrigin(w http.ResponseWriter, r *http.Request) {
	setHeaders(w)
	s.visitOf(w, r).sorry(http.StatusForbidden, "Refused", "This form was sent by a page of another site. Nothing was changed.", "")
}

// acceptsHTML reports whether the client is a browser that opens a page.
func acceptsHTML(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "text/html") }

// isFragment reports whether htmx asks for a part of a page.
func (v *visit) isFragment() bool { return v.r.Header.Get("HX-Request") != "" }

// show sends a page.
func (v *visit) show(name, title string, view any) error {
	return v.send(name, "layout", layout{visit: v, Title: title, View: view, Done: v.takeDone(), page: v.templates[name]})
}

// fragment sends the part of a page that moves, its template live, which htmx swaps in.
func (v *visit) fragment(name string, view any) error { return v.send(name, "live", view) }

// sendTimeout is how long a browser may take to receive a page. The API limits the time
// for a download.
const sendTimeout = time.Minute

func (v *visit) send(name, part string, data any) error {
	t, ok := v.templates[name]
	if !ok {
		return fmt.Errorf("there is no template %s", name)
	}
	text, err := render(t, part, data)
	if err != nil {
		return err
	}
	if v.learnNames() {
		if text, err = render(t, part, data); err != nil {
			return err
		}
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	// A ResponseWriter without a connection returns an error, which is fine.
	_ = http.NewResponseController(v.w).SetWriteDeadline(time.Now().Add(sendTimeout))
	v.w.WriteHeader(max(v.status, http.StatusOK))
	_, _ = v.w.Write(text) // the browser may be gone
	return nil
}

// render executes a template.
func render(t *template.Template, part string, data any) ([]byte, error) {
	var text bytes.Buffer
	if err := t.ExecuteTemplate(&text, part, data); err != nil {
		return nil, fmt.Errorf("rendering the page: %w", err)
	}
	return text.Bytes(), nil
}

// redirect continues with another page after a change (POST, redirect, GET). The next page
// says what was done; an empty text says nothing.
func (v *visit) redirect(path, done string) error {
	if done != "" {
		v.tell(done)
	}
	if v.isFragment() {
		v.w.Header().Set("HX-Redirect", path)
		v.w.WriteHeader(http.StatusOK)
		return nil
	}
	http.Redirect(v.w, v.r, path, http.StatusSeeOther)
	return nil
}

// warn is redirect for a form that did nothing: the next page says why.
func (v *visit) warn(path, why string) error { return v.redirect(path, warningMark+why) }

// layout is what the frame of a page shows.
type layout struct {
	*visit
	Title string
	View  any
	Done  notice // what the call before this one did

	page *template.Template
}

// content is what a page shows within its frame.
type content struct {
	Text    template.HTML
	Offered []offered // the calls of the page and of its forms
}

// Content renders the page.
func (l layout) Content() (content, error) {
	text, err := render(l.page, "main", l.View)
	if err != nil {
		return content{}, err
	}
	return content{template.HTML(text), l.offeredBy(string(text))}, nil //nolint:gosec // the template has escaped what it contains
}

// Me returns who sees the page.
func (l layout) Me() me { return l.me }

// Menu returns the navigation.
func (l layout) Menu() []menuGroup { return menuFor(l.me, l.r.URL.Path) }

// CanLookUp reports whether the person can look up anything.
func (l layout) CanLookUp() bool { return l.me.has("support") }

// SignedIn reports whether the browser has signed in.
func (l layout) SignedIn() bool { return l.me.SignedIn() }

// Acting returns the form in which the person chooses as whom to act.
func (l layout) Acting() base { return base{l.visit} }

// base is embedded in the view of every page.
type base struct{ visit *visit }

// Me returns who sees the page.
func (b base) Me() me { return b.visit.me }

// Can reports whether the person has a permission in the account, such as operator, or
// a staff role, such as support.
func (b base) Can(right string) bool { return b.visit.me.has(right) }

// Path returns the path of the page, also while only a part of it is sent.
func (b base) Path() string { return strings.TrimSuffix(b.visit.r.URL.Path, "/live") }

// Address returns the path and query of the page, to come back to.
func (b base) Address() string { return b.visit.r.URL.RequestURI() }

// With returns the address of the page with one parameter of its query changed, and
// from the first page of its list. An empty value removes the parameter.
func (b base) With(name, value string) string {
	q := b.visit.r.URL.Query()
	q.Del("cursor")
	q.Set(name, value)
	if value == "" {
		q.Del(name)
	}
	if name == "cursor" && value != "" {
		q.Set(name, value)
	}
	if len(q) == 0 {
		return b.Path()
	}
	return b.Path() + "?" + q.Encode()
}

// Query returns a parameter of the query of the page.
func (b base) Query(name string) string { return b.visit.r.URL.Query().Get(name) }

// Form returns a form of the page by its name: as it was sent, if the API has refused
// it, or a new one.
func (b base) Form(name string) form { return b.visit.form(name) }

// Program returns a call as texts for curl and for the command line. The command may
// be empty.
func (b base) Program(method, path, body, command string) program {
	return b.visit.program(method, path, body, command)
}

// me is who opens a page.
type me struct{ client.Me }

// SignedIn reports whether someone has signed in.
func (m me) SignedIn() bool { return m.Key != nil || m.Person != nil }

// rights returns what the person may use, as the table of routes counts it.
func (m me) rights() audience {
	if m.ActingFor == nil {
		return 0
	}
	if m.IsAccount() {
		return rightsOf(m.ActingFor.Permission)
	}
	return rightsOf(m.ActingFor.Role)
}

// has reports whether the person has a permission or a staff role by its name.
func (m me) has(right string) bool {
	return m.rights()&audienceNamed(right) != 0
}

// IsAccount reports whether the person acts for an account.
func (m me) IsAccount() bool { return m.ActingFor != nil && m.ActingFor.Role == "account" }

// Account returns the operator id of the account that the person acts for; empty for staff.
func (m me) Account() transfer.OperatorID {
	if m.ActingFor == nil {
		return ""
	}
	return m.ActingFor.Account
}

// Name returns what the person or the key is called.
func (m me) Name() string {
	switch {
	case m.Person != nil && m.Person.Name != "":
		return m.Person.Name
	case m.Person != nil:
		return m.Person.Email
	case m.Key != nil && m.Key.Name != "":
		return m.Key.Name
	case m.Key != nil:
		return m.Key.Hint
	}
	return ""
}

// Rights describes the role and the permission.
func (m me) Rights() string {
	switch {
	case m.ActingFor == nil:
		return "no membership"
	case m.IsAccount():
		return m.ActingFor.Permission + " of " + string(m.ActingFor.Account)
	case m.ActingFor.Role == "admin":
		return "administrator"
	}
	return m.ActingFor.Role
}

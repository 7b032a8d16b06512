package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"strings"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

const (
	queueUIPath   = "/ops/queues"
	loginPath     = "/ops/login"
	logoutPath    = "/ops/logout"
	maxLoginBytes = 4 << 10
	loginTimeout  = 30 * time.Second
)

// loginPolicy has a verb for the hash of the page's style sheet.
const loginPolicy = "default-src 'none'; style-src %s; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// addQueueUI serves the queue UI to administrators, who send their API key or
// have signed in with a browser. The browser stores the secret of a session
// instead of the key. The session ends when the key is revoked.
func (s *server) addQueueUI(mux *http.ServeMux) {
	if s.QueueUI == nil {
		return
	}
	sameOrigin := http.NewCrossOriginProtection()
	sameOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.problem(r.Context(), problem.New(problem.Forbidden, "the call comes from a page of another site: open "+queueUIPath+" directly")).Write(w)
	}))
	mux.Handle("GET /ops", http.RedirectHandler(queueUIPath, http.StatusSeeOther))
	mux.HandleFunc("GET "+loginPath, func(w http.ResponseWriter, _ *http.Request) { showLogin(w, http.StatusOK, "") })
	mux.Handle("POST "+loginPath, sameOrigin.Handler(http.HandlerFunc(s.signIn)))
	mux.Handle("POST "+logoutPath, sameOrigin.Handler(http.HandlerFunc(s.signOut)))
	page := newQueuePage(s.QueueUI)
	queues := sameOrigin.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serveQueueUI(w, r, page) }))
	mux.Handle(queueUIPath, queues)
	mux.Handle(queueUIPath+"/", queues)
}

func (s *server) serveQueueUI(w http.ResponseWriter, r *http.Request, page queuePage) {
	err := s.authorizeQueueUI(r)
	if err == nil && r.Method != http.MethodGet && r.Method != http.MethodHead {
		err = s.readQueueAct(r)
	}
	switch {
	case err == nil:
		if err := s.auditQueueCall(r); err != nil {
			s.problem(r.Context(), err).Write(w)
			return
		}
		w.Header().Set("Content-Security-Policy", queueAssetPolicy)
		switch {
		case strings.HasPrefix(r.URL.Path, queueCallsPath):
			s.callQueueUI(w, r)
		case isQueuePage(strings.TrimPrefix(r.URL.Path, queueUIPath)):
			page.serve(w)
		default:
			s.QueueUI.ServeHTTP(w, r)
		}
	case errors.Is(err, storage.ErrNotFound) && strings.Contains(r.Header.Get("Accept"), "text/html"):
		http.Redirect(w, r, loginPath, http.StatusSeeOther)
	case errors.Is(err, storage.ErrNotFound):
		s.problem(r.Context(), problem.New(problem.Unauthenticated, "sign in at "+loginPath+" with the API key of an administrator")).Write(w)
	default:
		s.problem(r.Context(), err).Write(w)
	}
}

// readQueueAct reads the body of a call that may change a queue, and authorizes
// the call again: the API key may have been revoked until the body was complete.
func (s *server) readQueueAct(r *http.Request) error {
	text, err := readBody(r, maxBulkBytes)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(text))
	return s.authorizeQueueUI(r)
}

// auditQueueCall records a call that may change a queue before it is made,
// because the change is made in Redis and not in a transaction.
func (s *server) auditQueueCall(r *http.Request) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	return s.db.Audit(r.Context(), storage.AuditEntry{
		By: actingCaller(r.Context()), Action: transfer.AuditQueueAct, Object: "queue",
		ObjectID: clipped(strings.TrimPrefix(r.URL.Path, queueUIPath)), After: map[string]any{"method": r.Method},
	})
}

// clipped shortens a text that a client has chosen.
func clipped(text string) string {
	const limit = 200
	text = strings.ReplaceAll(text, "\x00", "")
	return strings.ToValidUTF8(text[:min(len(text), limit)], "") // the limit may divide a character
}

// authorizeQueueUI returns ErrNotFound if the caller sends no API key and has not
// signed in.
func (s *server) authorizeQueueUI(r *http.Request) error {
	if r.Header.Get("Authorization") != "" {
		return s.authorize(r, admins)
	}
	cookie, err := r.Cookie(s.loginCookie(r))
	if err != nil {
		return storage.ErrNotFound
	}
	c := callOf(r.Context())
	c.caller, err = attempt(r.Context(), s, c.address, cookie.Value, func(ctx context.Context) (storage.Caller, error) { return s.db.SignedIn(ctx, cookie.Value) })
	if err != nil {
		return err
	}
	return admins.check(c.caller, c.address)
}

func (s *server) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxLoginBytes)
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(loginTimeout)) // a ResponseWriter without a connection returns an error, which is fine
	key, address := r.PostFormValue("key"), callOf(r.Context()).address
	secret, err := attempt(r.Context(), s, address, key, func(ctx context.Context) (string, error) { return s.db.SignIn(ctx, key, address) })
	switch {
	case errors.Is(err, storage.ErrNotFound):
		s.denied(r.Context(), problem.New(problem.Unauthenticated, ""))
		showLogin(w, http.StatusUnauthorized, "This is not the API key of an administrator, or the key has been revoked.")
		return
	case err != nil:
		s.problem(r.Context(), err).Write(w)
		return
	}
	http.SetCookie(w, s.sessionCookie(r, secret, storage.SignInPeriod))
	http.Redirect(w, r, queueUIPath, http.StatusSeeOther)
}

func (s *server) signOut(w http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(s.loginCookie(r)); err == nil {
		if err := s.db.SignOut(r.Context(), cookie.Value, callOf(r.Context()).address); err != nil {
			s.problem(r.Context(), err).Write(w)
			return
		}
	}
	http.SetCookie(w, s.sessionCookie(r, "", -time.Second))
	http.Redirect(w, r, loginPath, http.StatusSeeOther)
}

func (s *server) sessionCookie(r *http.Request, value string, age time.Duration) *http.Cookie {
	path := "/ops"
	if s.isHTTPS(r) {
		path = "/" // as __Host- requires
	}
	return &http.Cookie{
		Name:     s.loginCookie(r),
		Value:    value,
		Path:     path,
		MaxAge:   int(age.Seconds()),
		HttpOnly: true,
		Secure:   s.isHTTPS(r),
		SameSite: http.SameSiteStrictMode,
	}
}

// loginCookie returns the name of the cookie. With the prefix __Host-, browsers
// take it only over HTTPS and only from this host.
func (s *server) loginCookie(r *http.Request) string {
	if s.isHTTPS(r) {
		return "__Host-simtransfer_ops"
	}
	return "simtransfer_ops"
}

// showLogin sends the sign-in page, with an error message if there is one.
func showLogin(w http.ResponseWriter, status int, message string) {
	page := template.Must(template.New("login").Parse(loginPage))
	w.Header().Set("Content-Security-Policy", fmt.Sprintf(loginPolicy, cspHash(loginStyle)))
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = page.Execute(w, message) // the client may be gone
}

const loginPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in · simtransfer</title>
<style>` + loginStyle + `</style>
</head>
<body>
<h1>Queues</h1>
{{with .}}<p class="problem" role="alert">{{.}}</p>{{end}}
<form method="post" action="/ops/login">
<label for="key">Administrator's API key</label>
<input id="key" name="key" type="password" autocomplete="off" autofocus required>
<button>Sign in</button>
</form>
<form method="post" action="/ops/logout"><button class="plain">Sign out</button></form>
</body>
</html>
`

const loginStyle = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 28rem; margin: 15vh auto; padding: 0 1rem; color: #1d2733; }
label, input, button { display: block; width: 100%; box-sizing: border-box; font: inherit; }
input { margin: .25rem 0 1rem; padding: .5rem; border: 1px solid #8a97a6; border-radius: 4px; }
button { padding: .5rem; border: 0; border-radius: 4px; background: #14559c; color: #fff; cursor: pointer; }
button.plain { margin-top: .75rem; background: none; color: #14559c; }
.problem { color: #a11616; }
`

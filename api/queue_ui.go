package api

import (
	"errors"
	"html/template"
	"net/http"
	"strings"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
)

const (
	opsPath    = "/ops/queues"
	opsLogin   = "/ops/login"
	opsLogout  = "/ops/logout"
	opsCookie  = "simtransfer_ops"
	maxOpsForm = 4 << 10
	opsTimeout = 30 * time.Second
)

// opsPolicy is what the queue page needs: it has inline scripts and styles. It
// asks for fonts from elsewhere and does well without them.
const opsPolicy = "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

const loginPolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// addOps serves the page on the queues to administrators: with their key as
// everywhere, or in a browser that has signed in. A browser keeps the secret
// of a session, never the key, and the session ends with the key.
func (s *server) addOps(mux *http.ServeMux) {
	if s.Ops == nil {
		return
	}
	sameOrigin := http.NewCrossOriginProtection()
	sameOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.problem(r.Context(), problem.New(problem.Forbidden, "the call comes from a page of another site")).Write(w)
	}))
	mux.Handle("GET /ops", http.RedirectHandler(opsPath, http.StatusSeeOther))
	mux.HandleFunc("GET "+opsLogin, func(w http.ResponseWriter, _ *http.Request) { showLogin(w, http.StatusOK, "") })
	mux.Handle("POST "+opsLogin, sameOrigin.Handler(http.HandlerFunc(s.signIn)))
	mux.Handle("POST "+opsLogout, sameOrigin.Handler(http.HandlerFunc(s.signOut)))
	queues := sameOrigin.Handler(http.HandlerFunc(s.serveOps))
	mux.Handle(opsPath, queues)
	mux.Handle(opsPath+"/", queues)
}

func (s *server) serveOps(w http.ResponseWriter, r *http.Request) {
	switch err := s.authorizeOps(r); {
	case err == nil:
		w.Header().Set("Content-Security-Policy", opsPolicy)
		w.Header().Set("Referrer-Policy", "same-origin")
		s.Ops.ServeHTTP(w, r)
	case errors.Is(err, storage.ErrNotFound) && strings.Contains(r.Header.Get("Accept"), "text/html"):
		http.Redirect(w, r, opsLogin, http.StatusSeeOther)
	case errors.Is(err, storage.ErrNotFound):
		s.problem(r.Context(), problem.New(problem.Unauthenticated, "sign in at "+opsLogin+" with an administrator's key")).Write(w)
	default:
		s.problem(r.Context(), err).Write(w)
	}
}

// authorizeOps returns ErrNotFound when nobody has signed in.
func (s *server) authorizeOps(r *http.Request) error {
	if r.Header.Get("Authorization") != "" {
		return s.authorize(r, admins)
	}
	cookie, err := r.Cookie(opsCookie)
	if err != nil {
		return storage.ErrNotFound
	}
	caller, err := s.db.SignedIn(r.Context(), cookie.Value)
	callOf(r.Context()).caller = caller
	return err
}

func (s *server) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxOpsForm)
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(opsTimeout)) // where there is a connection
	secret, err := s.db.SignIn(r.Context(), r.PostFormValue("key"))
	switch {
	case errors.Is(err, storage.ErrNotFound):
		showLogin(w, http.StatusUnauthorized, "This is not the key of an administrator, or it was revoked.")
		return
	case err != nil:
		s.problem(r.Context(), err).Write(w)
		return
	}
	http.SetCookie(w, s.sessionCookie(r, secret, storage.SignInPeriod))
	http.Redirect(w, r, opsPath, http.StatusSeeOther)
}

func (s *server) signOut(w http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(opsCookie); err == nil {
		if err := s.db.SignOut(r.Context(), cookie.Value); err != nil {
			s.problem(r.Context(), err).Write(w)
			return
		}
	}
	http.SetCookie(w, s.sessionCookie(r, "", -time.Second))
	http.Redirect(w, r, opsLogin, http.StatusSeeOther)
}

func (s *server) sessionCookie(r *http.Request, value string, age time.Duration) *http.Cookie {
	return &http.Cookie{
		Name:     opsCookie,
		Value:    value,
		Path:     "/ops",
		MaxAge:   int(age.Seconds()),
		HttpOnly: true,
		Secure:   r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
		SameSite: http.SameSiteStrictMode,
	}
}

// showLogin sends the sign-in page, with what was wrong the last time.
func showLogin(w http.ResponseWriter, status int, problem string) {
	page := template.Must(template.New("login").Parse(loginPage))
	w.Header().Set("Content-Security-Policy", loginPolicy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = page.Execute(w, problem) // the client may have gone
}

const loginPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in · simtransfer</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 28rem; margin: 15vh auto; padding: 0 1rem; color: #1d2733; }
label, input, button { display: block; width: 100%; box-sizing: border-box; font: inherit; }
input { margin: .25rem 0 1rem; padding: .5rem; border: 1px solid #8a97a6; border-radius: 4px; }
button { padding: .5rem; border: 0; border-radius: 4px; background: #14559c; color: #fff; cursor: pointer; }
button.plain { margin-top: .75rem; background: none; color: #14559c; }
.problem { color: #a11616; }
</style>
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

// Package openidtest runs an OpenID provider for tests: the example provider of
// github.com/zitadel/oidc, whose users, keys and availability tests can change.
package openidtest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"html/template"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// What the provider has given to the service, and to another one.
const (
	ClientID     = "simtransfer"
	ClientSecret = "a secret of the client"
	OtherClient  = "another-service"
)

const password = "the password of everyone"

const loginPage = `<!doctype html>
<html lang="en"><title>OpenID provider</title>
<form method="post" action="/login/username">
<input type="hidden" name="id" value="{{.}}">
<label>User <input name="username"></label>
<label>Password <input name="password" type="password"></label>
<button>Sign in</button>
</form></html>
`

// User is someone whom the provider knows.
type User struct {
	Subject  string
	Email    string
	Verified bool
	Name     string   // two words
	Groups   []string // of the claim "groups"
}

// Provider is a running OpenID provider.
type Provider struct {
	Issuer string

	store *store
	mu    sync.Mutex
	down  bool
	swap  string // the ID token that is sent instead of the right one
}

// Start starts a provider that sends people back to the address redirect, and ends
// with the test.
func Start(t *testing.T, redirect string) *Provider {
	t.Helper()
	p := &Provider{}
	mux := http.NewServeMux()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, mux) }))
	t.Cleanup(server.Close)
	p.Issuer = server.URL
	p.store = &store{users: &users{list: map[string]User{}}}
	p.store.Storage = storage.NewStorageWithClients(p.store.users, map[string]*storage.Client{
		ClientID:    storage.WebClient(ClientID, ClientSecret, redirect),
		OtherClient: storage.WebClient(OtherClient, ClientSecret, redirect),
	})
	p.Rotate(t)
	provider, err := op.NewProvider(&op.Config{CodeMethodS256: true}, p.store, op.StaticIssuer(p.Issuer), op.WithAllowInsecure())
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/login/", login(p.store, provider))
	mux.Handle("/", provider)
	return p
}

// login serves the sign-in page of the provider, to which the example's clients
// send people.
func login(s *store, provider *op.Provider) http.Handler {
	page := template.Must(template.New("").Parse(loginPage))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login/username", func(w http.ResponseWriter, r *http.Request) {
		_ = page.Execute(w, r.FormValue("authRequestID")) // the client may be gone
	})
	issuer := op.NewIssuerInterceptor(provider.IssuerFromRequest)
	back := op.AuthCallbackURL(provider)
	mux.Handle("POST /login/username", issuer.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.FormValue("id")
		if err := s.CheckUsernamePassword(r.FormValue("username"), r.FormValue("password"), id); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		http.Redirect(w, r, back(r.Context(), id), http.StatusFound)
	}))
	return mux
}

// Set makes the provider know a user, or changes one with the same subject.
func (p *Provider) Set(u User) { p.store.users.set(u) }

// Down makes the provider answer nothing but errors.
func (p *Provider) Down(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

// SwapIDToken makes the provider answer with an ID token of the caller's choice; an
// empty one restores the right ones.
func (p *Provider) SwapIDToken(token string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.swap = token
}

// Rotate makes the provider sign with a new key, and forget the old one.
func (p *Provider) Rotate(t *testing.T) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p.store.mu.Lock()
	defer p.store.mu.Unlock()
	p.store.key = signingKey{id: uuid.NewString(), key: key}
}

// SignIn signs in a user, as a browser without a session
// at the provider does that was sent to address, and returns the address to which
// the provider sends it back.
func (p *Provider) SignIn(t *testing.T, address, subject string) *url.URL {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	var back *url.URL
	browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if !strings.HasPrefix(r.URL.String(), p.Issuer+"/") {
			back = r.URL
			return http.ErrUseLastResponse
		}
		return nil
	}}
	page := call(t, browser, "GET", address, nil)
	if back != nil {
		return back // with an error
	}
	id := regexp.MustCompile(`name="id" value="([^"]+)"`).FindStringSubmatch(page)
	if id == nil {
		t.Fatalf("the provider has no sign-in page: %s", page)
	}
	page = call(t, browser, "POST", p.Issuer+"/login/username", url.Values{"id": {id[1]}, "username": {subject}, "password": {password}})
	if back == nil {
		t.Fatalf("the provider does not send the browser back: %s", page)
	}
	return back
}

func call(t *testing.T, client *http.Client, method, address string, form url.Values) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Exchange exchanges a code as a client of the provider does, and returns the ID
// token.
func (p *Provider) Exchange(t *testing.T, client, code, redirect, verifier string) string {
	t.Helper()
	text := call(t, http.DefaultClient, "POST", p.Issuer+"/oauth/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirect}, "code_verifier": {verifier},
		"client_id": {client}, "client_secret": {ClientSecret},
	})
	var answer struct {
		IDToken string `json:"id_token"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || answer.IDToken == "" {
		t.Fatalf("the provider answers %s", text)
	}
	return answer.IDToken
}

func (p *Provider) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	p.mu.Lock()
	down, swap := p.down, p.swap
	p.mu.Unlock()
	switch {
	case down:
		w.WriteHeader(http.StatusServiceUnavailable)
	case swap != "" && strings.HasSuffix(r.URL.Path, "/token"):
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		var fields map[string]any
		_ = json.Unmarshal(answer.Body.Bytes(), &fields) // an error leaves no fields
		fields["id_token"] = swap
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(fields) // the client may be gone
	default:
		next.ServeHTTP(w, r)
	}
}

// store is the storage of the example, with users and keys that change.
type store struct {
	*storage.Storage
	users *users

	mu  sync.Mutex
	key signingKey
}

func (s *store) SigningKey(context.Context) (op.SigningKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.key, nil
}

func (s *store) KeySet(context.Context) ([]op.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return []op.Key{publicKey{s.key}}, nil
}

// SetUserinfoFromToken adds the groups to the answer of the user info endpoint.
func (s *store) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, token, subject, origin string) error {
	if err := s.Storage.SetUserinfoFromToken(ctx, info, token, subject, origin); err != nil {
		return err
	}
	if u, ok := s.users.find(subject); ok && u.Groups != nil {
		info.AppendClaims("groups", u.Groups)
	}
	return nil
}

// users implements storage.UserStore. The name of a user is the subject.
type users struct {
	mu   sync.Mutex
	list map[string]User
}

func (u *users) set(user User) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.list[user.Subject] = user
}

func (u *users) find(subject string) (User, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	user, ok := u.list[subject]
	return user, ok
}

func (u *users) GetUserByID(id string) *storage.User {
	user, ok := u.find(id)
	if !ok {
		return nil
	}
	first, last, _ := strings.Cut(user.Name, " ")
	return &storage.User{
		ID: id, Username: id, Password: password, FirstName: first, LastName: last,
		Email: user.Email, EmailVerified: user.Verified,
	}
}

func (u *users) GetUserByUsername(name string) *storage.User { return u.GetUserByID(name) }
func (*users) ExampleClientID() string                       { return "service" }

type signingKey struct {
	id  string
	key *rsa.PrivateKey
}

func (k signingKey) ID() string                                { return k.id }
func (signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k signingKey) Key() any                                  { return k.key }

type publicKey struct{ signingKey }

func (publicKey) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (publicKey) Use() string                        { return "sig" }
func (k publicKey) Key() any                         { return &k.key.PublicKey }

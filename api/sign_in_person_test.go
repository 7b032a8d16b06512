package api

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"simtransfer/api/openid/openidtest"
	"simtransfer/api/problem"
	"simtransfer/mail"
	"simtransfer/mail/mailtest"
	"simtransfer/storage"
)

// publicURL is where the service says that it is; tests call it elsewhere.
const publicURL = "https://sims.example.com"

// signInService is a service whose people sign in with an OpenID provider and by
// links that are mailed.
type signInService struct {
	*testService
	provider *openidtest.Provider
	mail     *mailtest.Server
}

func newSignInService(t *testing.T) *signInService {
	t.Helper()
	s := &signInService{provider: openidtest.Start(t, publicURL+callbackPath), mail: mailtest.Start(t, false)}
	address := url.URL{Scheme: "smtp", User: url.UserPassword(mailtest.User, mailtest.Password), Host: s.mail.Address}
	sender, err := mail.NewServer(mail.Settings{SMTPURL: address.String(), SMTPCAFile: s.mail.CAFile, MailFrom: "SIM transfers <sims@example.com>"})
	if err != nil {
		t.Fatal(err)
	}
	s.testService = newTestService(t, func(c *Config) {
		c.PublicURL, c.Mail, c.OpenID = publicURL, sender, DefaultConfig().OpenID
		c.OpenID.Issuer, c.OpenID.ClientID, c.OpenID.ClientSecret = s.provider.Issuer, openidtest.ClientID, openidtest.ClientSecret
		c.OpenID.Name, c.OpenID.StaffClaim, c.OpenID.StaffRoles = "Example Login", "groups", "iot-admins=admin,iot-support=support"
		if err := c.CheckSignIn(true); err != nil {
			t.Fatal(err)
		}
	})
	return s
}

// testBrowser keeps cookies. It does not follow redirects.
type testBrowser struct {
	*signInService
	cookies map[string]string
}

func (s *signInService) browser() *testBrowser {
	return &testBrowser{s, map[string]string{}}
}

func (b *testBrowser) send(c apiCall) testResponse {
	b.t.Helper()
	var list []string
	for name, value := range b.cookies {
		list = append(list, name+"="+value)
	}
	if c.header == nil {
		c.header = map[string]string{}
	}
	c.header["Cookie"] = strings.Join(list, "; ")
	a := b.do(c)
	for _, cookie := range (&http.Response{Header: a.header}).Cookies() {
		if cookie.MaxAge < 0 {
			delete(b.cookies, cookie.Name)
		} else {
			b.cookies[cookie.Name] = cookie.Value
		}
	}
	return a
}

func (b *testBrowser) open(path string) testResponse {
	b.t.Helper()
	return b.send(apiCall{method: "GET", path: path})
}

func (b *testBrowser) submit(path string, form url.Values) testResponse {
	b.t.Helper()
	return b.send(apiCall{method: "POST", path: path, body: form.Encode(), header: map[string]string{
		"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin",
	}})
}

// secret is that of the browser's sign-in; empty: it has none.
func (b *testBrowser) secret() string { return b.cookies["simtransfer"] }

// me returns who has signed in.
func (b *testBrowser) me() Me {
	b.t.Helper()
	return read[Me](b.get(b.secret(), "/v1/me").is(200))
}

// toProvider begins to sign in, and returns the address at the provider.
func (b *testBrowser) toProvider(query string) string {
	b.t.Helper()
	return b.open(openIDPath + query).is(303).header.Get("Location")
}

// back comes back from the provider as a user.
func (b *testBrowser) back(address, subject string) testResponse {
	b.t.Helper()
	u := b.provider.SignIn(b.t.(*testing.T), address, subject)
	if !strings.HasPrefix(u.String(), publicURL+callbackPath+"?") {
		b.t.Fatalf("the provider sends the browser to %s", u)
	}
	return b.open(u.RequestURI())
}

// signInAs signs in with the provider.
func (b *testBrowser) signInAs(subject string) testResponse {
	b.t.Helper()
	return b.back(b.toProvider(""), subject)
}

// link returns the path of the link in the nth mail to an address.
func (s *signInService) link(address string, n int) string {
	s.t.Helper()
	m := s.mail.Await(s.t.(*testing.T), address, n)
	link := regexp.MustCompile(regexp.QuoteMeta(publicURL) + `(/\S+)`).FindStringSubmatch(m.Text)
	if link == nil || !strings.Contains(m.HTML, html.EscapeString(link[0])) {
		s.t.Fatalf("the mail is %s, %s", m.Text, m.HTML)
	}
	return link[1]
}

// membershipsOf are the names of the memberships with what they allow.
func membershipsOf(me Me) string {
	var list []string
	for _, m := range me.Memberships {
		what := string(m.Role)
		if m.Permission != nil {
			what = string(*m.Permission)
		}
		list = append(list, m.Name+" "+what)
	}
	return strings.Join(list, ", ")
}

// A person signs in with the provider by an invitation, and from then on as the user
// of the provider, whatever the address.
func TestSignInByProvider(t *testing.T) {
	t.Parallel()
	s := newSignInService(t)
	s.invite(s.source, "maria@example.org", "Maria Beispiel", "operator")
	s.provider.Set(openidtest.User{Subject: "u1", Email: "Maria@Example.org", Verified: true, Name: "Maria Beispiel"})

	b := s.browser()
	if page := b.open("/sign-in?next=/sims%3Fq%3D1").is(200); !strings.Contains(page.text, `href="/sign-in/openid?next=%2Fsims%3Fq%3D1"`) ||
		!strings.Contains(page.text, "Sign in with Example Login") || !strings.Contains(page.text, `action="/sign-in/mail"`) {
		t.Error(page.text)
	}
	address := b.toProvider("?next=/sims%3Fq%3D1")
	if a := b.back(address, "u1").is(303); a.header.Get("Location") != "/sims?q=1" {
		t.Errorf("sent to %q", a.header.Get("Location"))
	}
	me := b.me()
	if me.Person == nil || me.Person.Email != "maria@example.org" || membershipsOf(me) != sourceID+" operator" || !me.SignIn.Fresh {
		t.Errorf("%+v", me)
	}
	first := b.secret()
	if again := b.signInAs("u1").is(303); again.header.Get("Location") != "/" || b.secret() == first {
		t.Error("the second sign-in has the secret of the first")
	}
	s.get(first, "/v1/me").problem(401, problem.Unauthenticated)

	// The address changes at the provider.
	s.provider.Set(openidtest.User{Subject: "u1", Email: "maria.new@example.org", Verified: false})
	b.signInAs("u1").is(303)
	if now := b.me(); now.Person.ID != me.Person.ID || now.Person.Email != "maria@example.org" {
		t.Errorf("an address that is not verified: %+v", now.Person)
	}
	s.provider.Set(openidtest.User{Subject: "u1", Email: "maria.new@example.org", Verified: true})
	b.signInAs("u1").is(303)
	if now := b.me(); now.Person.ID != me.Person.ID || now.Person.Email != "maria.new@example.org" {
		t.Errorf("a verified address: %+v", now.Person)
	}

	// Another user of the provider gets the address, but not what the person may do.
	s.provider.Set(openidtest.User{Subject: "u2", Email: "maria.new@example.org", Verified: true})
	if page := s.browser().signInAs("u2").is(403); !strings.Contains(page.text, "another user") || page.header.Get("Set-Cookie") == "" {
		t.Error(page.text)
	}

	// The provider rotates its keys.
	s.provider.Rotate(t)
	b.signInAs("u1").is(303)

	// A fresh sign-in asks the provider for one.
	if address := b.toProvider("?fresh=1"); !strings.Contains(address, "max_age=0") || !strings.Contains(address, "prompt=login") {
		t.Error(address)
	}
}

// The provider decides neither how long a name or an address can be stored, nor which
// characters it has: no one fails to sign in because of the name.
func TestNamesOfTheProvider(t *testing.T) {
	t.Parallel()
	s := newSignInService(t)
	for subject, name := range map[string]string{
		"long": strings.Repeat("é", 99) + " Beispiel", "control": "Eva\x00 Bei\nspiel", "direction": "Eva \u202eBeispiel", "": "",
	} {
		email := subject + strings.Repeat("x", 120) + "@example.org"
		s.provider.Set(openidtest.User{Subject: "s" + subject, Email: email, Verified: true, Name: name, Groups: []string{"iot-support"}})
		b := s.browser()
		b.signInAs("s" + subject).is(303)
		me := b.me()
		if n := utf8.RuneCountInString(me.Person.Name); me.Person.Email != email || n == 0 || n > 100 || strings.ContainsAny(me.Person.Name, "\x00\n\u202e") {
			t.Errorf("%s: %+v", subject, me.Person)
		}
	}
	s.provider.Set(openidtest.User{Subject: strings.Repeat("s", 256), Email: "subject@example.org", Verified: true, Groups: []string{"iot-support"}})
	s.browser().signInAs(strings.Repeat("s", 256)).is(401)
}

// Characters that become ASCII letters in lower case make no one another person.
func TestSimilarAddressesOfTheProvider(t *testing.T) {
	t.Parallel()
	s := newSignInService(t)
	s.invite(s.source, "kim@example.org", "Kim", "operator")
	for i, email := range []string{"\u212aim@example.org", "k\u0130m@example.org"} {
		subject := fmt.Sprint("similar", i)
		s.provider.Set(openidtest.User{Subject: subject, Email: email, Verified: true})
		s.browser().signInAs(subject).is(403)
	}
	if n := s.queryInt(`SELECT count(*) FROM people`); n != 0 {
		t.Errorf("%d people", n)
	}
}

// No one gets in without an invitation or a role of staff, and pages say what to do.
func TestSignInByProviderIsRefused(t *testing.T) {
	t.Parallel()
	s := newSignInService(t)
	s.invite(s.source, "maria@example.org", "Maria Beispiel", "operator")
	people := s.queryInt(`SELECT count(*) FROM people`)
	refused := func(what string, a testResponse, status int, text string) {
		t.Helper()
		a.is(status)
		if !strings.Contains(a.text, text) || strings.Contains(a.header.Get("Set-Cookie"), "simtransfer=st_") || a.header.Get("Location") != "" {
			t.Errorf("%s: %s", what, a.text)
		}
		if n := s.queryInt(`SELECT count(*) FROM people`) - people; n != 0 {
			t.Errorf("%s: %d people were created", what, n)
		}
	}
	s.provider.Set(openidtest.User{Subject: "stranger", Email: "stranger@example.org", Verified: true})
	refused("not invited", s.browser().signInAs("stranger"), 403, "stranger@example.org")
	s.provider.Set(openidtest.User{Subject: "u1", Email: "maria@example.org"})
	refused("not verified", s.browser().signInAs("u1"), 403, "not verified")
	s.provider.Set(openidtest.User{Subject: "none", Verified: true})
	refused("without an address", s.browser().signInAs("none"), 403, "not verified")

	s.provider.Set(openidtest.User{Subject: "u1", Email: "maria@example.org", Verified: true})
	b := s.browser()
	address := b.toProvider("")
	refused("another browser", s.browser().back(address, "u1"), 400, publicURL+"/sign-in")
	u := s.provider.SignIn(t, strings.Replace(address, "nonce=", "nonce=x", 1), "u1")
	refused("a wrong nonce", b.open(u.RequestURI()), 401, "could not be verified")
	refused("the same answer again", b.open(u.RequestURI()), 400, "completed already")
	b.toProvider("")
	refused("a forged state", b.open(callbackPath+"?state=x&code=y"), 400, "another browser")
	b.toProvider("")
	state := strings.SplitN(b.cookies["simtransfer_openid"], ".", 4)
	b.cookies["simtransfer_openid"] = strings.Join([]string{state[0], "1000000000", state[2], state[3]}, ".")
	refused("too late", b.open(u.RequestURI()), 400, "10 minutes")

	s.provider.Down(true)
	late := s.browser()
	late.cookies["simtransfer_openid"] = b.cookies["simtransfer_openid"]
	if page := s.browser().open("/sign-in").is(200); strings.Contains(page.text, "does not answer") {
		t.Error("the service forgets the discovery document at once")
	}
	s.provider.Down(false)
	if n := s.queryInt(`SELECT count(*) FROM audit WHERE action = 'session.sign_in_denied'`); n < 5 {
		t.Errorf("%d denials are in the audit trail", n)
	}
	b.signInAs("u1").is(303)
}

// A provider that is down when the service starts disables nothing else.
func TestProviderIsDown(t *testing.T) {
	t.Parallel()
	s := newSignInService(t)
	s.provider.Down(true)
	b := s.browser()
	if page := b.open("/sign-in").is(200); !strings.Contains(page.text, "Example Login does not answer") || !strings.Contains(page.text, `name="key"`) {
		t.Error(page.text)
	}
	if page := b.open(openIDPath).is(503); !strings.Contains(page.text, "does not answer") {
		t.Error(page.text)
	}
	b.submit("/sign-in", url.Values{"key": {s.support}}).is(303)
}

// Claims decide who belongs to staff, at each sign-in.
func TestStaffByClaim(t *testing.T) {
	t.Parallel()
	s := newSignInService(t)
	b := s.browser()
	as := func(groups ...string) testResponse {
		t.Helper()
		s.provider.Set(openidtest.User{Subject: "u1", Email: "ines@example.org", Verified: true, Name: "Ines Beispiel", Groups: groups})
		return b.signInAs("u1")
	}
	as("skiing").is(403)
	as("iot-support").is(303)
	if me := b.me(); membershipsOf(me) != "staff support" || me.Person.Name != "Ines Beispiel" {
		t.Errorf("%+v", me)
	}
	s.get(b.secret(), "/v1/sims").is(200)
	as("iot-support", "iot-admins").is(303)
	if me := b.me(); membershipsOf(me) != "staff admin" {
		t.Errorf("%+v", me)
	}
	admin := b.secret()
	if page := as("skiing").is(403); !strings.Contains(page.text, "removed") {
		t.Error(page.text)
	}
	s.get(admin, "/v1/me").problem(401, problem.Unauthenticated) // a sign-in without any membership ends
	as("iot-support").is(303)
	if n := s.queryInt(`SELECT count(*) FROM api_keys WHERE person IS NOT NULL AND revoked_at IS NULL`); n != 1 {
		t.Errorf("%d memberships", n)
	}
	// Who is in an account as well stays there.
	s.invite(s.source, "ines@example.org", "Ines Beispiel", "viewer")
	as().is(303)
	if me := b.me(); membershipsOf(me) != sourceID+" viewer" {
		t.Errorf("%+v", me)
	}
}

// A link works once, in the browser that asked for it.
func TestSignInByLink(t *testing.T) {
	t.Parallel()
	s := newSignInService(t)
	s.invite(s.source, "maria@example.org", "Maria Beispiel", "operator")
	n := len(s.mail.Mails("maria@example.org"))
	ask := func(b *testBrowser) string {
		t.Helper()
		n++
		if a := b.submit(linkRequestPath, url.Values{"email": {" Maria@example.org"}, "next": {"/sims"}}).is(303); a.header.Get("Location") != linkRequestPath {
			t.Errorf("sent to %s", a.header.Get("Location"))
		}
		return s.link("maria@example.org", n)
	}
	b := s.browser()
	link := ask(b)
	if page := b.open(linkRequestPath).is(200); !strings.Contains(page.text, "on its way") {
		t.Error(page.text)
	}
	if page := s.browser().open(link).is(403); !strings.Contains(page.text, "other browser") {
		t.Error(page.text)
	}
	s.browser().submit(link, nil).is(403)
	foreign := apiCall{method: "POST", path: link, header: map[string]string{"Sec-Fetch-Site": "cross-site"}}
	b.send(foreign).problem(403, problem.Forbidden)
	for range 2 { // a scanner follows the link
		if page := b.open(link).is(200); !strings.Contains(page.text, "maria@example.org") || !strings.Contains(page.text, `action="`+link+`"`) {
			t.Error(page.text)
		}
	}
	keep := map[string]string{"simtransfer_link": b.cookies["simtransfer_link"]}
	if a := b.submit(link, nil).is(303); a.header.Get("Location") != "/sims" {
		t.Errorf("sent to %q", a.header.Get("Location"))
	}
	if me := b.me(); me.Person == nil || me.Person.Email != "maria@example.org" || membershipsOf(me) != sourceID+" operator" || !me.SignIn.Fresh {
		t.Errorf("%+v", me)
	}
	again := &testBrowser{s, keep}
	if page := again.submit(link, nil).is(403); !strings.Contains(page.text, "works once") || again.secret() != "" {
		t.Error(page.text)
	}

	// Twice at the same time.
	link = ask(again)
	var signedIn sync.Map
	var both sync.WaitGroup
	for i := range 2 {
		both.Go(func() {
			twin := &testBrowser{s, map[string]string{"simtransfer_link": again.cookies["simtransfer_link"]}}
			signedIn.Store(i, twin.submit(link, nil).status)
		})
	}
	both.Wait()
	statuses := map[any]int{}
	signedIn.Range(func(_, status any) bool { statuses[status]++; return true })
	if statuses[303] != 1 || statuses[403] != 1 {
		t.Errorf("twice at the same time: %v", statuses)
	}

	// Too late.
	link = ask(again)
	s.exec(`UPDATE sign_in_links SET expires_at = clock_timestamp()`)
	again.open(link).is(403)
	again.submit(link, nil).is(403)
	again.submit(linkPath+"x", nil).is(403)
	if again.secret() != "" {
		t.Error("a link that had expired signs in")
	}
}

// The answer to a request for a link is the same for everyone, and only those who may
// sign in get one, not too often.
func TestWhoGetsALink(t *testing.T) {
	t.Parallel()
	s := newSignInService(t)
	s.invite(s.source, "maria@example.org", "Maria Beispiel", "operator")
	s.invite(s.source, "ines@example.org", "Ines Beispiel", "operator")
	s.provider.Set(openidtest.User{Subject: "u1", Email: "ines@example.org", Verified: true})
	s.browser().signInAs("u1").is(303)
	invited := len(s.mail.Mails("maria@example.org"))

	b := s.browser()
	answers := map[string]bool{}
	for _, email := range []string{"stranger@example.org", "ines@example.org", "maria@example.org"} {
		a := b.submit(linkRequestPath, url.Values{"email": {email}}).is(303)
		answers[a.header.Get("Location")+a.text] = true
	}
	if len(answers) != 1 {
		t.Errorf("the answers differ: %v", answers)
	}
	s.mail.Await(t, "maria@example.org", invited+1)
	for _, email := range []string{"stranger@example.org", "ines@example.org"} {
		for _, m := range s.mail.Mails(email) {
			if strings.Contains(m.Text, linkPath) {
				t.Errorf("%s got a link", email)
			}
		}
	}
	for _, email := range []string{"", "x", strings.Repeat("x", 300) + "@example.org"} {
		if page := b.submit(linkRequestPath, url.Values{"email": {email}}).is(422); !strings.Contains(page.text, "not an email address") {
			t.Error(page.text)
		}
	}
	secret := strings.TrimPrefix(s.link("maria@example.org", invited+1), linkPath)
	for _, text := range []string{secret, b.cookies["simtransfer_link"]} {
		if n := s.queryInt(`SELECT count(*) FROM sign_in_links l WHERE l::text LIKE '%` + text + `%' OR hash = '` + text + `' OR browser = '` + text + `'`); n != 0 {
			t.Error("a secret is stored")
		}
	}
}

// invite invites someone to the account of a key.
func (s *signInService) invite(key, email, name string, permission storage.Permission) Invitation {
	s.t.Helper()
	return read[Invitation](s.post(key, "/v1/invitations", map[string]any{"email": email, "name": name, "permission": permission}).is(201))
}

// An invitation is mailed, and the caller who invites does not see the link.
func TestInvitationsAreMailed(t *testing.T) {
	t.Parallel()
	s := newSignInService(t)
	i := s.invite(s.source, "maria@example.org", "Maria <b>Beispiel</b>", "operator")
	if !i.Mailed || i.Link != "" || i.MailError != nil {
		t.Errorf("%+v", i)
	}
	link := s.link("maria@example.org", 1)
	if m := s.mail.Await(t, "maria@example.org", 1); m.Subject != "Invitation to sims.example.com" || !strings.Contains(m.Text, "Your role: operator: you see") || strings.Contains(m.HTML, "<b>") {
		t.Errorf("%s %s", m.Subject, m.Text)
	}
	b := s.browser()
	if page := b.open(link).is(200); !strings.Contains(page.text, "Accept the invitation") {
		t.Error(page.text)
	}
	b.submit(link, nil).is(303)
	if me := b.me(); membershipsOf(me) != sourceID+" operator" {
		t.Errorf("%+v", me)
	}

	call := apiCall{
		method: "POST", path: "/v1/invitations", key: s.source, header: map[string]string{"Idempotency-Key": "ines"},
		body: map[string]any{"email": "ines@example.org", "name": "Ines Beispiel", "permission": "viewer"},
	}
	s.do(call).is(201)
	s.do(call).is(201)
	if n := len(s.mail.Mails("ines@example.org")); n != 1 {
		t.Errorf("%d mails for a call and its repetition", n)
	}

	s.mail.Refuse("gone@example.org", 550)
	refused := s.invite(s.source, "gone@example.org", "Gone Beispiel", "viewer")
	if refused.MailError == nil || !strings.Contains(*refused.MailError, "does not accept") {
		t.Errorf("%+v", refused)
	}
	s.mail.Refuse("gone@example.org", 451)
	later := s.invite(s.source, "gone@example.org", "Gone Beispiel", "viewer")
	if later.MailError == nil || !strings.Contains(*later.MailError, "at the moment") {
		t.Errorf("%+v", later)
	}
	for _, old := range []Invitation{refused, later} {
		if now := read[Invitation](s.get(s.source, "/v1/invitations/"+itoa(old.ID)).is(200)); now.MailError == nil || *now.MailError != *old.MailError {
			t.Errorf("%+v", now)
		}
	}
}

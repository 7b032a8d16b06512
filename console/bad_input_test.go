package console_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"simtransfer/client"
	"simtransfer/console"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// Forms of pages of other sites are refused, whatever they are for, also if the browser
// only says their origin.
func TestForeignOriginOfEveryForm(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	owner := s.signIn(s.accountKey(sourceID, storage.PermissionOwner))
	admin := s.signIn(s.key(storage.NewKey{Role: storage.RoleAdmin, Name: "browser"}))
	id := "01900000-0000-7000-8000-000000000001"
	forms := 0
	for p := range console.Pages() {
		if p.Method != http.MethodPost {
			continue
		}
		forms++
		path := strings.NewReplacer("{id}", id, "{sim}", iccid(1), "{account}", sourceID, "{delivery}", "1").Replace(p.Path)
		for name, b := range map[string]*browser{"an owner": owner, "an administrator": admin} {
			for header, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
				if got := b.post(path, url.Values{"text": {"x"}}, header, value); got.status != http.StatusForbidden || !strings.Contains(got.text, "page of another site") {
					t.Errorf("%s of %s with %s: status %d", p.Path, name, header, got.status)
				}
			}
		}
	}
	if forms < 50 {
		t.Errorf("tried %d forms", forms)
	}
}

// Every text field of every form takes a script, and no page runs it: neither the page
// that refuses the form nor those that show what was saved.
func TestScriptsInEveryTextField(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.makeSIMs(6, transfer.Ready)
	sourceKey := s.accountKey(sourceID, storage.PermissionOwner)
	source := s.as(sourceKey)
	request := s.send(source, client.NewRequest{SIMs: []string{iccid(1)}})
	code, err := source.CreateTransferCode(t.Context(), client.NewTransferCode{SIMs: []string{iccid(2)}})
	if err != nil {
		t.Fatal(err)
	}
	destinationKey := s.accountKey(destinationID, storage.PermissionOwner)
	pull, err := s.as(destinationKey).CreatePullRequest(t.Context(), client.NewPullRequest{ICCIDs: []string{iccid(3)}})
	if err != nil {
		t.Fatal(err)
	}
	const attack = `"'><script>alert(1)</script>`
	paths := []string{
		"/requests/" + request.ID.String(), "/sims", "/sims/" + iccid(4), "/support/sims/" + iccid(4), "/transfers/new", "/transfers/new?list=" + iccid(5),
		"/sims/change?do=tags&list=" + iccid(5), "/sims/change?do=group&list=" + iccid(5), "/codes/" + code.ID.String(), "/pulls/" + pull.ID.String(), "/accounts/" + sourceID,
	}
	for p := range console.Pages() {
		if p.Method == http.MethodGet && !strings.Contains(p.Path, "{") && !strings.HasSuffix(p.Path, ".csv") && !strings.HasSuffix(p.Path, "/live") {
			paths = append(paths, p.Path)
		}
	}
	fields := 0
	check := func(at string, p page) {
		t.Helper()
		if strings.Contains(p.text, "<script>alert") || strings.Contains(p.text, `'><script`) {
			t.Errorf("%s runs the script:\n%s", at, p.text)
		}
		if p.status >= http.StatusInternalServerError {
			t.Errorf("%s: status %d", at, p.status)
		}
	}
	for name, b := range map[string]*browser{
		"owner": s.signIn(sourceKey), "destination": s.signIn(destinationKey),
		"admin": s.signIn(s.key(storage.NewKey{Role: storage.RoleAdmin, Name: "browser"})),
	} {
		for _, path := range paths {
			for _, f := range formsOf(b.get(path)) {
				fields += len(f.texts)
				for _, field := range f.texts {
					f.fields.Set(field, attack)
				}
				at := name + ": " + f.action + " on " + path
				if f.method == "post" {
					check(at, b.post(f.action, f.fields))
				} else {
					check(at, b.get(f.action+"?"+f.fields.Encode()))
				}
			}
		}
		for _, path := range paths {
			check(name+": "+path, b.get(path))
		}
	}
	if fields < 100 {
		t.Errorf("tried %d fields", fields)
	}
}

// sentForm is a form of a page.
type sentForm struct {
	method, action string
	fields         url.Values // with the values that the page has
	texts          []string   // names of the fields into which a person types
}

var (
	formPattern  = regexp.MustCompile(`(?s)<form ([^>]*)>(.*?)</form>`)
	fieldPattern = regexp.MustCompile(`(?s)<(input|textarea|select|button)\b([^>]*)>`)
	attribute    = regexp.MustCompile(`([a-z-]+)="([^"]*)"`)
)

// formsOf returns the forms of a page that do not end the sign-in.
func formsOf(p page) []sentForm {
	attributes := func(text string) map[string]string {
		found := map[string]string{}
		for _, m := range attribute.FindAllStringSubmatch(text, -1) {
			found[m[1]] = html.UnescapeString(m[2])
		}
		return found
	}
	var forms []sentForm
	for _, m := range formPattern.FindAllStringSubmatch(p.text, -1) {
		head := attributes(m[1])
		f := sentForm{method: strings.ToLower(head["method"]), action: head["action"], fields: url.Values{}}
		if f.action == "" {
			f.action = p.path
		}
		if strings.HasPrefix(f.action, "/sign-") || f.action == "/act-for" {
			continue
		}
		for _, tag := range fieldPattern.FindAllStringSubmatch(m[2], -1) {
			a := attributes(tag[2])
			switch name := a["name"]; {
			case name == "" || a["type"] == "checkbox" || a["type"] == "file":
			case tag[1] == "textarea", tag[1] == "input" && a["type"] != "hidden" && a["type"] != "radio":
				f.texts = append(f.texts, name)
			case tag[1] == "input" && (a["type"] == "hidden" || strings.Contains(tag[2], "checked")), tag[1] == "button" && !f.fields.Has(name):
				f.fields.Set(name, a["value"])
			}
		}
		if len(f.texts) > 0 {
			forms = append(forms, f)
		}
	}
	return forms
}

// A list that is too long is not sent back with the page that refuses it, and the rest of
// the form is. A shorter text that is wrong is, to be corrected.
func TestListsThatAreTooLongToShow(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.makeSIMs(2, transfer.Ready)
	key := s.accountKey(sourceID, storage.PermissionOwner)
	request := s.send(s.as(key), client.NewRequest{SIMs: []string{iccid(1)}})
	b := s.signIn(key)
	long := strings.Repeat("8988211000000000011\n", 100_001)
	for _, c := range []struct {
		path, field string
		other       url.Values // of the form
		kept        []string   // that the page shows again
	}{
		{"/sims/search", "q", nil, nil},
		{"/transfers/new", "paste", url.Values{"go": {"check"}, "message": {"for the harbor"}, "destination.email": {"to@example.com"}}, []string{"for the harbor", "to@example.com"}},
		{"/pulls/new", "iccids", url.Values{"message": {"are these ours?"}, "reference": {"PO-77"}}, []string{"are these ours?", "PO-77"}},
		{"/requests/" + request.ID.String() + "/cancel", "sims", url.Values{"which": {"listed"}, "reason": {"a mistake"}}, []string{"a mistake"}},
	} {
		form := url.Values{c.field: {long}}
		for name, values := range c.other {
			form[name] = values
		}
		got := b.post(c.path, form).has(http.StatusUnprocessableEntity, append(c.kept, "too long to be shown again")...)
		if len(got.text) > 100_000 {
			t.Errorf("%s answers %d bytes", c.path, len(got.text))
		}
		form.Set(c.field, "this is no SIM, but it is short")
		short := b.post(c.path, form)
		if strings.Contains(short.text, "too long to be shown again") {
			t.Errorf("%s drops a short text:\n%s", c.path, short.text)
		}
		if c.field != "q" { // the search box finds nothing, and says what it looked for
			short.has(http.StatusUnprocessableEntity, append(c.kept, "this is no SIM")...)
		}
	}
}

// An address that a person has mistyped is not taken for one that is not for them.
func TestMistypedAddresses(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	b := s.signIn(s.accountKey(sourceID, storage.PermissionOwner))
	b.get("/sims?list=z:abc").has(http.StatusBadRequest, "Not possible", "The list of SIMs of this page is damaged")
	b.get("/audit?key=warehouse").has(http.StatusBadRequest, "Not possible", "A key has a number")
	b.get("/accounts").has(http.StatusForbidden, "Not for you", "owner of "+sourceID)
	got := b.get("/sims?status=wrong").has(http.StatusUnprocessableEntity, "Status: expected value to be one of")
	if strings.Contains(got.text, "query.status") {
		t.Errorf("the page has the name of a parameter of the API:\n%s", got.text)
	}
}

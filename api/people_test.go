package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// invite invites someone and returns the path of the link.
func (s *testService) invite(key string, body obj) string {
	s.t.Helper()
	made := read[Invitation](s.post(key, "/v1/invitations", body).is(201))
	if made.Mailed || !strings.HasPrefix(made.Link, "/invitations/st_invitation_") || made.State != storage.InvitationOpen {
		s.t.Fatalf("%+v", made)
	}
	return made.Link
}

// acceptInvitation accepts an invitation in a browser and returns the secret of the
// sign-in. secret is that of the sign-in that the browser has; empty: none.
func (s *testService) acceptInvitation(link, secret string) testResponse {
	s.t.Helper()
	header := map[string]string{}
	if secret != "" {
		header["Cookie"] = "simtransfer=" + secret
	}
	return s.do(apiCall{method: "POST", path: link, header: header})
}

// newPerson makes a person with a membership and returns the secret of its sign-in.
func (s *testService) newPerson(name, account string, permission storage.Permission) string {
	s.t.Helper()
	link := s.invite(s.admin, obj{"email": name + "@example.com", "name": name, "account": account, "permission": permission})
	return s.acceptInvitation(link, "").is(303).cookie().Value
}

func (s *testService) newStaff(name string, role storage.Role) string {
	s.t.Helper()
	link := s.invite(s.admin, obj{"email": name + "@example.com", "name": name, "role": role})
	return s.acceptInvitation(link, "").is(303).cookie().Value
}

func (s *testService) me(secret string) Me {
	s.t.Helper()
	return read[Me](s.get(secret, "/v1/me").is(200))
}

// as makes a call of a person for an account.
func (s *testService) as(secret, account, method, path string, body any) testResponse {
	s.t.Helper()
	return s.do(apiCall{method: method, path: path, key: secret, body: body, header: map[string]string{accountHeader: account}})
}

func TestInvitations(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	body := obj{"email": " Jane@Example.com ", "name": "Jane <b>Doe</b>", "permission": "operator"}
	link := s.invite(s.source, body)
	page := s.get("", link).is(200)
	if !strings.Contains(page.text, "Jane &lt;b&gt;Doe") || !strings.Contains(page.text, "jane@example.com") || !strings.Contains(page.text, "operator") || !strings.Contains(page.text, sourceID) {
		t.Error(page.text)
	}
	s.get("", link).is(200) // opening the link changes nothing
	s.do(apiCall{method: "POST", path: link, header: map[string]string{"Sec-Fetch-Site": "cross-site"}}).problem(403, problem.Forbidden)
	a := s.acceptInvitation(link, "").is(303)
	if a.header.Get("Location") != "/" {
		t.Errorf("%v", a.header)
	}
	jane := a.cookie().Value
	me := s.me(jane)
	if me.Person == nil || me.Person.Email != "jane@example.com" || me.Key != nil || me.ActingFor == nil || me.ActingFor.Name != sourceID || *me.ActingFor.Permission != storage.PermissionOperator || !me.SignIn.Fresh {
		t.Fatalf("%+v", me)
	}
	s.acceptInvitation(link, "").is(404)
	if gone := s.get("", link).is(404); !strings.Contains(gone.text, "not open") {
		t.Error(gone.text)
	}
	s.get("", "/invitations/x").is(404)
	if path := withoutSecrets(link); strings.HasSuffix(path, link[len(link)-20:]) || !strings.HasPrefix(path, "/invitations/") {
		t.Errorf("logs show %s", path)
	}

	// Her rights are those of the permission.
	s.sims(1, transfer.Ready)
	s.get(jane, "/v1/sims").is(200)
	s.post(jane, "/v1/transfer-requests", requestBody(iccid(1))).is(202)
	s.get(jane, "/v1/people").problem(403, problem.Forbidden)
	s.get(jane, "/v1/key").problem(404, problem.NotFound)

	list := read[List[Invitation]](s.get(s.source, "/v1/invitations").is(200)).Items
	if len(list) != 1 || list[0].State != storage.InvitationAccepted || *list[0].Person != me.Person.ID || list[0].Link != "" || list[0].CreatedBy == nil {
		t.Errorf("%+v", list)
	}
	people := read[List[Person]](s.get(s.source, "/v1/people").is(200)).Items
	if len(people) != 1 || people[0].ID != me.Person.ID || len(people[0].Memberships) != 1 || people[0].LastSeenAt == nil {
		t.Errorf("%+v", people)
	}
	if keys := s.get(s.source, "/v1/keys").is(200); strings.Contains(keys.text, "jane") {
		t.Error("the list of keys has a membership: " + keys.text)
	}
	membership := people[0].Memberships[0].Key
	for _, c := range []apiCall{{method: "GET"}, {method: "DELETE"}, {method: "POST", path: "/rotate"}} {
		c.path, c.key = fmt.Sprintf("/v1/keys/%d%s", membership, c.path), s.source
		s.do(c).problem(404, problem.NotFound)
		c.key = s.admin
		s.do(c).problem(404, problem.NotFound)
	}

	// What cannot be invited.
	for _, wrong := range []struct {
		key    string
		body   obj
		status int
		code   problem.Code
	}{
		{s.source, obj{"email": "x", "name": "x", "permission": "viewer"}, 422, problem.Invalid},
		{s.source, obj{"email": "x@example.com", "name": " ", "permission": "viewer"}, 422, problem.Invalid},
		{s.source, obj{"email": "x@example.com", "name": "x"}, 422, problem.Invalid},
		{s.source, obj{"email": "x@example.com", "name": "x", "role": "support"}, 422, problem.Invalid},
		{s.source, obj{"email": "x@example.com", "name": "x", "permission": "viewer", "account": destinationID}, 403, problem.Forbidden},
		{s.admin, obj{"email": "x@example.com", "name": "x", "permission": "viewer"}, 422, problem.Invalid},
		{s.admin, obj{"email": "x@example.com", "name": "x"}, 422, problem.Invalid},
		{s.key(storage.NewKey{Role: storage.RoleAccount, OperatorID: sourceID, Name: "limited", Networks: storagetest.Networks("127.0.0.0/8")}), body, 403, problem.Forbidden},
	} {
		s.post(wrong.key, "/v1/invitations", wrong.body).problem(wrong.status, wrong.code)
	}

	// Revoked, replaced, expired, and ended with the key that invites.
	key := s.key(storage.NewKey{Role: storage.RoleAccount, OperatorID: sourceID, Name: "leaves"})
	other := obj{"email": "kim@example.com", "name": "Kim", "permission": "viewer"}
	for name, end := range map[string]func(link string){
		"revoked": func(string) {
			id := read[List[Invitation]](s.get(s.source, "/v1/invitations?state=open").is(200)).Items[0].ID
			s.do(apiCall{method: "DELETE", path: fmt.Sprintf("/v1/invitations/%d", id), key: s.destination}).problem(404, problem.NotFound)
			for range 2 {
				s.do(apiCall{method: "DELETE", path: fmt.Sprintf("/v1/invitations/%d", id), key: s.source}).is(204)
			}
		},
		"replaced": func(string) { s.invite(s.source, other) },
		"expired": func(string) {
			s.exec(`UPDATE invitations SET expires_at = clock_timestamp() WHERE accepted_at IS NULL`)
		},
	} {
		link := s.invite(s.source, other)
		end(link)
		if s.acceptInvitation(link, "").status != 404 {
			t.Errorf("an invitation that was %s is accepted", name)
		}
	}
	owner := s.newPerson("owner", sourceID, storage.PermissionOwner)
	ofOwner := fmt.Sprintf("/v1/people/%d/memberships/%s", s.me(owner).Person.ID, sourceID)
	link = s.invite(owner, other)
	s.do(apiCall{method: "PUT", path: ofOwner, key: s.source, body: obj{"permission": "approver"}}).is(200)
	s.get("", link).is(404)
	s.acceptInvitation(link, "").is(404) // who is no owner any more gives no one a permission
	link = s.invite(key, other)
	if err := s.db.RevokeKey(t.Context(), s.keyID(key), storage.Revocation{By: storage.System()}); err != nil {
		t.Fatal(err)
	}
	s.acceptInvitation(link, "").is(404)
}

// Someone with several accounts says for which one a call is, and has in each only
// the rights there.
func TestSeveralAccounts(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	jane := s.newPerson("jane", sourceID, storage.PermissionViewer)
	jane = s.acceptInvitation(s.invite(s.admin, obj{"email": "jane@example.com", "name": "J", "account": destinationID, "permission": "owner"}), jane).is(303).cookie().Value
	me := s.me(jane)
	if me.ActingFor != nil || len(me.Memberships) != 2 || me.Person.Name != "jane" {
		t.Fatalf("%+v", me)
	}
	p := s.get(jane, "/v1/sims").problem(422, problem.AccountRequired)
	if len(p.Errors) != 1 || !strings.Contains(p.Errors[0].Message, sourceID) || !strings.Contains(p.Errors[0].Message, destinationID) {
		t.Errorf("%+v", p)
	}
	s.as(jane, sourceID, "GET", "/v1/sims", nil).is(200)
	s.as(jane, sourceID, "GET", "/v1/people", nil).problem(403, problem.Forbidden)
	s.as(jane, destinationID, "GET", "/v1/people", nil).is(200)
	s.as(jane, bystanderID, "GET", "/v1/sims", nil).problem(403, problem.Forbidden)
	s.as(jane, "staff", "GET", "/v1/sims", nil).problem(403, problem.Forbidden)
	if is := read[Me](s.as(jane, destinationID, "GET", "/v1/me", nil).is(200)); is.ActingFor.Name != destinationID {
		t.Errorf("%+v", is)
	}

	// Each account sees only its own membership.
	seen := read[List[Person]](s.get(s.source, "/v1/people").is(200)).Items
	if len(seen) != 1 || len(seen[0].Memberships) != 1 || seen[0].Memberships[0].Name != sourceID {
		t.Errorf("%+v", seen)
	}
	path := fmt.Sprintf("/v1/people/%d", me.Person.ID)
	if all := read[Person](s.get(s.admin, path).is(200)); len(all.Memberships) != 2 {
		t.Errorf("%+v", all)
	}
	s.get(s.bystander, path).problem(404, problem.NotFound)
	s.do(apiCall{method: "DELETE", path: path + "/memberships/" + destinationID, key: s.source}).problem(404, problem.NotFound)
	s.do(apiCall{method: "PUT", path: path + "/memberships/" + destinationID, key: s.source, body: obj{"permission": "viewer"}}).problem(404, problem.NotFound)

	// Removed from one, she keeps the other; removed from both, she is signed out.
	s.do(apiCall{method: "DELETE", path: path + "/memberships/" + sourceID, key: s.source}).is(204)
	s.get(jane, "/v1/sims").is(200)
	s.as(jane, sourceID, "GET", "/v1/sims", nil).problem(403, problem.Forbidden)
	s.get(s.source, path).problem(404, problem.NotFound)
	s.do(apiCall{method: "DELETE", path: path + "/memberships/" + destinationID, key: s.admin}).is(204)
	s.get(jane, "/v1/me").problem(401, problem.Unauthenticated)
}

// A link that the inviter has seen signs in no one who uses the service elsewhere.
func TestInvitationsTakeNobodyOver(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	jane := s.newPerson("jane", sourceID, storage.PermissionOwner)
	body := obj{"email": "jane@example.com", "name": "Jane", "permission": "viewer"}
	link := s.invite(s.destination, body)
	if page := s.acceptInvitation(link, "").is(403); !strings.Contains(page.text, "Sign in first") || page.header.Get("Set-Cookie") != "" {
		t.Error(page.text)
	}
	mallory := s.newPerson("mallory", destinationID, storage.PermissionOwner)
	s.acceptInvitation(link, mallory).is(403)
	s.me(jane)
	jane = s.acceptInvitation(link, jane).is(303).cookie().Value
	if me := s.me(jane); len(me.Memberships) != 2 {
		t.Errorf("%+v", me)
	}

	// Someone made up by one account is not signed in any more when the operator
	// invites the person with this address.
	puppet := s.newPerson("kim", destinationID, storage.PermissionOwner)
	kim := s.newStaff("kim", storage.RoleAdmin)
	s.get(puppet, "/v1/me").problem(401, problem.Unauthenticated)
	if me := s.me(kim); len(me.Memberships) != 2 || me.Memberships[0].Name != "staff" {
		t.Errorf("%+v", me)
	}
	s.acceptInvitation(s.invite(s.destination, obj{"email": "kim@example.com", "name": "Kim", "permission": "owner"}), "").is(403)

	// One whose address was verified signs in without the inviter's help.
	s.exec(`UPDATE people SET verified_at = clock_timestamp() WHERE email = 'mallory@example.com'`)
	s.acceptInvitation(s.invite(s.destination, obj{"email": "mallory@example.com", "name": "M", "permission": "owner"}), "").is(403)
}

func TestOwnersManageTheirPeople(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	owner, viewer := s.newPerson("owner", sourceID, storage.PermissionOwner), s.newPerson("viewer", sourceID, storage.PermissionViewer)
	path := func(secret string) string {
		return fmt.Sprintf("/v1/people/%d/memberships/%s", s.me(secret).Person.ID, sourceID)
	}
	put := func(key, path string, body obj) testResponse {
		return s.do(apiCall{method: "PUT", path: path, key: key, body: body})
	}
	ownPath, viewerPath := path(owner), path(viewer)
	changed := read[Person](put(owner, viewerPath, obj{"permission": "approver"}).is(200))
	if *changed.Memberships[0].Permission != storage.PermissionApprover || *s.me(viewer).ActingFor.Permission != storage.PermissionApprover {
		t.Errorf("%+v", changed)
	}
	put(owner, viewerPath, obj{"role": "admin"}).problem(422, problem.Invalid)
	put(owner, viewerPath, obj{}).problem(422, problem.Invalid)
	put(s.admin, viewerPath, obj{"permission": "approver"}).is(200)
	put(viewer, ownPath, obj{"permission": "viewer"}).problem(403, problem.Forbidden)
	put(owner, "/v1/people/999999/memberships/"+sourceID, obj{"permission": "viewer"}).problem(404, problem.NotFound)

	// The last owner stays, unless a key is one.
	put(owner, ownPath, obj{"permission": "viewer"}).is(200)
	key := fmt.Sprintf("/v1/keys/%d", s.keyID(s.source))
	s.do(apiCall{method: "DELETE", path: key, key: s.source}).problem(409, problem.LastOwner)
	s.do(apiCall{method: "POST", path: key + "/rotate", key: s.source, body: obj{"grace_seconds": 60}}).is(200)
	put(s.admin, ownPath, obj{"permission": "owner"}).is(200)
	if err := s.db.RevokeKey(t.Context(), s.keyID(s.source), storage.Revocation{By: storage.System()}); err != nil {
		t.Fatal(err)
	}
	put(owner, ownPath, obj{"permission": "viewer"}).problem(409, problem.LastOwner)
	s.do(apiCall{method: "DELETE", path: ownPath, key: owner}).problem(409, problem.LastOwner)
	put(owner, viewerPath, obj{"permission": "owner"}).is(200)
	s.do(apiCall{method: "DELETE", path: ownPath, key: owner}).is(204)
	s.get(owner, "/v1/me").problem(401, problem.Unauthenticated)
	s.do(apiCall{method: "DELETE", path: viewerPath, key: viewer}).problem(409, problem.LastOwner)

	// An administrator disables and enables people.
	person := strings.TrimSuffix(viewerPath, "/memberships/"+sourceID)
	s.do(apiCall{method: "PATCH", path: person, key: viewer, body: obj{"disabled": true}}).problem(403, problem.Forbidden)
	if p := read[Person](s.do(apiCall{method: "PATCH", path: person, key: s.admin, body: obj{"disabled": true}}).is(200)); p.DisabledAt == nil {
		t.Errorf("%+v", p)
	}
	s.get(viewer, "/v1/me").problem(401, problem.Unauthenticated)
	link := s.invite(s.admin, obj{"email": "viewer@example.com", "name": "V", "account": sourceID, "permission": "viewer"})
	s.acceptInvitation(link, "").is(403)
	s.do(apiCall{method: "PATCH", path: person, key: s.admin, body: obj{"disabled": false, "name": "Vera"}}).is(200)
	if me := s.me(s.acceptInvitation(link, "").is(303).cookie().Value); me.Person.Name != "Vera" || *me.ActingFor.Permission != storage.PermissionOwner {
		t.Errorf("%+v", me)
	}
}

// Staff are people as well. No one approves what the same person has requested, or
// someone whose link the person has seen.
func TestStaffAreFourEyes(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	admin := s.newStaff("ada", storage.RoleAdmin)
	s.get(admin, "/v1/accounts").is(200)
	if list := read[List[Person]](s.get(admin, "/v1/people?account=staff").is(200)).Items; len(list) != 1 || list[0].Memberships[0].Role != storage.RoleAdmin {
		t.Errorf("%+v", list)
	}
	support := s.newStaff("sue", storage.RoleSupport)
	sims := s.sims(3, transfer.Ready)
	s.exec(`UPDATE sims SET status = 'active'`)
	inReview := func(key, onBehalf, sim string) string {
		body := requestBody(sim)
		if onBehalf != "" {
			body["on_behalf_of"] = onBehalf
		}
		id := read[Request](s.post(key, "/v1/transfer-requests", body).is(202)).ID.String()
		s.work()
		return "/v1/transfer-requests/" + id + "/approve"
	}
	own := inReview(support, sourceID, sims[0])
	s.post(support, own, obj{"ticket": "T"}).problem(403, problem.SelfApproval)
	s.post(s.admin, own, obj{"ticket": "T"}).problem(403, problem.SelfApproval) // it has seen the link of the invitation
	s.post(s.support, own, obj{"ticket": "T"}).is(202)

	sue := s.me(support).Person
	support = s.acceptInvitation(s.invite(s.source, obj{"email": sue.Email, "name": "S", "permission": "owner"}), support).is(303).cookie().Value
	body := requestBody(sims[1])
	id := read[Request](s.as(support, sourceID, "POST", "/v1/transfer-requests", body).is(202)).ID.String()
	s.work()
	s.as(support, "staff", "POST", "/v1/transfer-requests/"+id+"/approve", obj{"ticket": "T"}).problem(403, problem.SelfApproval)
	s.post(s.support, "/v1/transfer-requests/"+id+"/approve", obj{"ticket": "T"}).is(202)

	// An administrator who makes someone up cannot approve as this person.
	made := inReview(admin, sourceID, sims[2])
	puppet := s.acceptInvitation(s.invite(admin, obj{"email": "puppet@example.com", "name": "P", "role": "support"}), "").is(303).cookie().Value
	s.post(puppet, made, obj{"ticket": "T"}).problem(403, problem.SelfApproval)
}

// People find the sign-in page, and the queue page without choosing.
func TestPeopleInBrowsers(t *testing.T) {
	t.Parallel()
	s := newTestService(t, withQueueUI)
	ada := s.newStaff("ada", storage.RoleAdmin)
	ada = s.acceptInvitation(s.invite(s.admin, obj{"email": "ada@example.com", "name": "A", "account": sourceID, "permission": "viewer"}), ada).is(303).cookie().Value
	jane := s.newPerson("jane", sourceID, storage.PermissionOwner)
	visit := func(secret string) testResponse {
		return s.do(apiCall{method: "GET", path: "/ops/queues/api", header: map[string]string{"Cookie": "simtransfer=" + secret}})
	}
	visit(ada).is(200)
	visit(jane).problem(403, problem.Forbidden)

	// A browser that signs in with a key acts as that key, no longer as the person.
	key := s.signInFor(url.Values{"key": {s.source}}, map[string]string{"Cookie": "simtransfer=" + jane}).is(303).cookie().Value
	s.get(jane, "/v1/me").problem(401, problem.Unauthenticated)
	if me := s.me(key); me.Person != nil {
		t.Errorf("%+v", me)
	}
}

// What people do leaves entries that name them, to their own account and to staff.
func TestPeopleInTheAuditTrail(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	jane := s.newPerson("jane", sourceID, storage.PermissionOwner)
	s.sims(1, transfer.Ready)
	s.do(apiCall{method: "PATCH", path: "/v1/sims/" + iccid(1), key: jane, body: obj{"transfer_lock": true}}).is(200)
	id := s.me(jane).Person.ID
	for _, key := range []string{s.source, s.support} {
		list := read[List[AuditEntry]](s.get(key, fmt.Sprintf("/v1/audit?person=%d", id)).is(200)).Items
		if len(list) != 2 || list[0].Action != transfer.AuditSIMLock || list[1].Action != transfer.AuditInvitationAccept {
			t.Fatalf("%+v", list)
		}
		if e := list[0]; e.Actor != transfer.ActorPerson || e.Person == nil || *e.Person != (PersonRef{id, "jane", "jane@example.com"}) || e.Key != nil || e.KeyHint != nil || *e.KeyAccount != sourceID {
			t.Errorf("%+v", e)
		}
	}
	csv := s.do(apiCall{method: "GET", path: "/v1/audit?action=sim.lock", key: s.source, header: map[string]string{"Accept": "text/csv"}}).is(200)
	if !strings.HasSuffix(strings.TrimSpace(csv.text), fmt.Sprintf(",%d,jane,jane@example.com", id)) {
		t.Error(csv.text)
	}
	s.do(apiCall{method: http.MethodPost, path: "/sign-out", header: map[string]string{"Cookie": "simtransfer=" + jane}}).is(303)
	if list := read[List[AuditEntry]](s.get(s.support, fmt.Sprintf("/v1/audit?person=%d&limit=1", id)).is(200)).Items; list[0].Action != transfer.AuditSignOut || list[0].Person == nil {
		t.Errorf("%+v", list)
	}
}

// What a person does to a request names the person, to the person's own account and to
// staff only.
func TestPeopleInEvents(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	jane := s.newPerson("jane", sourceID, storage.PermissionOwner)
	who := PersonRef{s.me(jane).Person.ID, "jane", "jane@example.com"}
	s.sims(1, transfer.Ready)
	path := "/v1/transfer-requests/" + read[Request](s.post(jane, "/v1/transfer-requests", requestBody(iccid(1))).is(202)).ID.String()
	s.work()
	s.post(jane, path+"/comments", obj{"text": "hello"}).is(201)
	s.awaitEvents()
	for key, sees := range map[string]bool{s.source: true, jane: true, s.support: true, s.destination: false} {
		events := read[List[Event]](s.get(key, path+"/events").is(200)).Items
		comments := read[List[Comment]](s.get(key, path+"/comments").is(200)).Items
		feed := read[Feed](s.get(key, "/v1/events").is(200)).Items
		persons := []*PersonRef{comments[0].Person}
		for _, e := range append(events, feed[len(feed)-1].Event) {
			if e.Kind == transfer.EventCreate || e.Kind == transfer.EventComment {
				persons = append(persons, e.Person)
				if e.Key != nil || e.KeyHint != nil || (e.KeyID != nil) != sees {
					t.Errorf("%+v", e)
				}
			}
		}
		if len(persons) < 3 {
			t.Errorf("only %d events", len(persons))
		}
		for _, p := range persons {
			if (p != nil) != sees || sees && *p != who {
				t.Errorf("seen: %v, the person is %+v", sees, p)
			}
		}
	}
}

// Sign-ins are listed and ended by those who have signed in, by owners and by
// administrators.
func TestSignInsAreListedAndEnded(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	jane, other := s.newPerson("jane", sourceID, storage.PermissionViewer), s.newPerson("other", destinationID, storage.PermissionOwner)
	again := func() string {
		return s.acceptInvitation(s.invite(s.source, obj{"email": "jane@example.com", "name": "J", "permission": "viewer"}), jane).is(303).cookie().Value
	}
	list := func(key, query string) []SignIn {
		return read[List[SignIn]](s.get(key, "/v1/sign-ins"+query).is(200)).Items
	}
	own := list(jane, "")
	if len(own) != 1 || !own[0].Current || own[0].Person.Name != "jane" || own[0].Key != nil || *own[0].Address != "127.0.0.1" || own[0].UserAgent == nil {
		t.Fatalf("%+v", own)
	}
	s.get(jane, "/v1/sign-ins?whose=all").problem(403, problem.Forbidden)
	s.get(s.source, "/v1/sign-ins?person=1").problem(422, problem.Invalid)
	browser := s.signIn(s.source, nil).is(303).cookie().Value
	if all := list(s.source, "?whose=all"); len(all) != 2 || all[0].Key == nil || all[0].Key.ID != s.keyID(s.source) || all[1].ID != own[0].ID {
		t.Errorf("%+v", all)
	}
	if mine := list(s.source, ""); len(mine) != 1 || mine[0].Current {
		t.Errorf("%+v", mine)
	}
	if all := list(s.admin, "?whose=all"); len(all) != 3 {
		t.Errorf("%+v", all)
	}
	end := func(key string, id int64) testResponse {
		return s.do(apiCall{method: "DELETE", path: fmt.Sprintf("/v1/sign-ins/%d", id), key: key})
	}
	end(other, own[0].ID).problem(404, problem.NotFound)
	end(s.support, own[0].ID).problem(404, problem.NotFound)
	end(jane, list(browser, "")[0].ID).problem(404, problem.NotFound)
	end(s.source, own[0].ID).is(204)
	s.get(jane, "/v1/me").problem(401, problem.Unauthenticated)
	end(s.source, own[0].ID).problem(404, problem.NotFound)

	// An owner neither signs out nor locates people who also act for others.
	kim := s.newPerson("kim", sourceID, storage.PermissionViewer)
	kim = s.acceptInvitation(s.invite(s.admin, obj{"email": "kim@example.com", "name": "K", "role": "support"}), kim).is(303).cookie().Value
	its := list(s.source, "?whose=all")[0]
	if its.Person == nil || its.Person.Name != "kim" || its.Address != nil || its.UserAgent != nil {
		t.Errorf("%+v", its)
	}
	end(s.source, its.ID).problem(404, problem.NotFound)
	s.me(kim)

	// All others end, and the one that calls stays.
	jane = again()
	s.exec(`INSERT INTO sign_ins (hash, person, expires_at) SELECT sha256('another'), person, expires_at FROM sign_ins WHERE person IS NOT NULL AND address IS NOT NULL ORDER BY id DESC LIMIT 1`)
	if mine := list(jane, ""); len(mine) != 2 {
		t.Errorf("%+v", mine)
	}
	s.do(apiCall{method: "DELETE", path: "/v1/sign-ins", key: jane}).is(204)
	if mine := list(jane, ""); len(mine) != 1 || !mine[0].Current {
		t.Errorf("%+v", mine)
	}
	end(s.admin, list(other, "")[0].ID).is(204)
	s.get(other, "/v1/me").problem(401, problem.Unauthenticated)
}

// A dangerous act needs a sign-in from the last minutes, and no other act does. A
// program that sends an API key makes every call.
func TestDangerousActsNeedAFreshSignIn(t *testing.T) {
	t.Parallel()
	s := newTestService(t, func(c *Config) { c.TrustProxy = true })
	person, key := s.newStaff("ada", storage.RoleAdmin), s.signIn(s.admin, nil).is(303).cookie().Value
	s.exec(`UPDATE sign_ins SET fresh_until = clock_timestamp()`)
	dangerous := 0
	for i, route := range Routes() {
		path := strings.NewReplacer("{id}", "999999", "{account}", "staff", "{operator_id}", "OP9999999999", "{sim}", "89990000000000000000", "{identifier}", "1202555", "{name}", "none").Replace(route.Path)
		if route.Method == "GET" || route.OperationID == "end-other-sign-ins" {
			continue
		}
		for _, secret := range []string{person, key, s.admin} {
			a := s.do(apiCall{method: route.Method, path: path, key: secret, body: bodyFor(route, storage.RoleAdmin), header: map[string]string{"X-Forwarded-For": fmt.Sprintf("192.0.2.%d", i)}})
			if asks := strings.Contains(a.text, string(problem.FreshSignInRequired)); asks != (route.needsFresh() && secret != s.admin) {
				t.Errorf("%s %s: %d %s", route.Method, path, a.status, a.text)
			} else if asks {
				a.problem(403, problem.FreshSignInRequired)
				dangerous++
			}
		}
	}
	if dangerous < 30 {
		t.Errorf("only %d refusals", dangerous)
	}
	if me := s.me(person); me.SignIn.Fresh {
		t.Errorf("%+v", me)
	}
	key = s.signIn(s.admin, map[string]string{"Cookie": "simtransfer=" + key}).is(303).cookie().Value
	s.post(key, "/v1/keys", obj{"role": "support", "name": "fresh"}).is(201)
}

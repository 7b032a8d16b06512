package api

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// trace is what an act has left: an entry of the audit trail, or an event of a
// request that a caller has caused.
type trace struct {
	Kind    string `db:"kind"`
	Key     int64  `db:"api_key"`
	Address string `db:"address"`
}

// traces returns everything that callers have left so far.
func (s *testService) traces() []trace {
	s.t.Helper()
	var list []trace
	if err := s.db.Pool().SelectContext(s.t.Context(), &list, `
		SELECT kind, api_key, address
		FROM (
			SELECT action AS kind, coalesce(api_key, 0) AS api_key, coalesce(address, '') AS address, at FROM audit
			UNION ALL
			SELECT kind, api_key, coalesce(address, ''), at FROM events WHERE api_key IS NOT NULL
		) all_traces
		ORDER BY at`); err != nil {
		s.t.Fatal(err)
	}
	return list
}

// leaves calls a function and fails the test unless it leaves exactly these
// traces, by the key.
func (s *testService) leaves(name, key string, call func(), want ...string) {
	s.t.Helper()
	before := len(s.traces())
	call()
	var got []string
	for _, trace := range s.traces()[before:] {
		got = append(got, trace.Kind)
		if id := s.keyID(key); trace.Key != id || trace.Address != "127.0.0.1" {
			s.t.Errorf("%s leaves %s by key %d from %q, want key %d from 127.0.0.1", name, trace.Kind, trace.Key, trace.Address, id)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		s.t.Errorf("%s leaves %q, want %q", name, got, want)
	}
}

// keyID returns the id of the key that a token belongs to.
func (s *testService) keyID(token string) int64 {
	s.t.Helper()
	if token == "" {
		return 0
	}
	k, _, err := s.db.KeyOf(s.t.Context(), token)
	if err != nil {
		s.t.Fatal(err)
	}
	return k.ID
}

// Every route that changes something leaves one entry of the audit trail, or one
// event in each request, with the key and the address of the caller. A refused
// call leaves none. A new route that is not a GET fails this test until it is
// added.
func TestEveryChangeLeavesATrace(t *testing.T) {
	t.Parallel()
	s := newTestService(t, func(c *Config) { c.StreamInterval, c.ProbeWait = time.Millisecond, time.Millisecond })
	s.sims(24, transfer.Ready)
	s.exec(`UPDATE sims SET status = 'active' WHERE iccid = ANY ($1)`, "{"+iccid(11)+","+iccid(12)+","+iccid(23)+","+iccid(24)+"}")
	viewer := s.key(storage.NewKey{Role: storage.RoleAccount, OperatorID: sourceID, Permission: storage.PermissionViewer, Name: "viewer"})
	other := read[Key](s.post(s.admin, "/v1/keys", map[string]any{"role": "support", "name": "other"}).is(201)).ID
	ask := func(sims ...string) string {
		id := read[Request](s.post(s.source, "/v1/transfer-requests", requestBody(sims...)).is(202)).ID.String()
		s.work()
		return "/v1/transfer-requests/" + id
	}
	batch := func(sim string) string {
		made := s.do(apiCall{method: "POST", path: "/v1/batches", key: s.source, body: batchCSV(sim), header: csvHeader()}).is(202)
		return "/v1/batches/" + read[Batch](made).ID.String()
	}
	finished := func(sim string) string {
		s.exec(`UPDATE sims SET transfer_lock = true WHERE iccid = $1`, sim)
		return ask(sim)
	}
	type m = map[string]any
	gateway := func(name, suffix string) func() string {
		return func() string {
			s.do(apiCall{method: "PUT", path: "/v1/gateways/" + name, key: s.admin, body: m{"secret": "a secret"}}).is(200)
			return "/v1/gateways/" + name + suffix
		}
	}
	type step struct {
		key    string
		path   string
		body   any
		header map[string]string
		leaves []string
		before func() string // makes what the call needs, and returns the path
	}
	steps := map[string]step{
		"create-account":      {key: s.admin, body: m{"operator_id": "OP0000000009", "email": "nine@example.com", "currency": "EUR", "coverage": "global"}, leaves: []string{"account.create"}},
		"update-account":      {key: s.admin, path: "/v1/accounts/" + bystanderID, body: m{"email": "new@example.com"}, leaves: []string{"account.update"}},
		"import-accounts":     {key: s.admin, body: fmt.Sprintf(`[{"operator_id": %q, "name": "North"}]`, bystanderID), leaves: []string{"account.update"}},
		"list-accounts":       {key: s.support, leaves: []string{"account.list"}},
		"find-email":          {key: s.support, path: "/v1/email-uses?email=a%40example.com", leaves: []string{"email.look_up"}},
		"list-mails":          {key: s.admin, leaves: []string{"mail.list"}},
		"get-account":         {key: s.support, path: "/v1/accounts/" + sourceID, leaves: []string{"account.read"}},
		"choose-account-mail": {key: s.source, path: "/v1/accounts/" + sourceID + "/mail", body: m{"email": "desk@example.com", "kind": "reminder", "off": true}, leaves: []string{"mail.choice"}},
		"put-plan-mapping":    {key: s.destination, path: "/v1/accounts/" + destinationID + "/plan-mappings", body: m{"default": "global-01"}, leaves: []string{"plan_mapping.put"}},
		"delete-plan-mapping": {key: s.destination, before: func() string {
			path := "/v1/accounts/" + destinationID + "/plan-mappings?source=" + sourceID
			s.put(s.destination, path, m{"default": "global-01"}).is(200)
			return path
		}, leaves: []string{"plan_mapping.delete"}},
		"put-plan":       {key: s.admin, path: "/v1/plans/global-07", body: m{"coverage_bound": true}, leaves: []string{"plan.put"}},
		"put-gateway":    {key: s.admin, path: "/v1/gateways/10.0.0.1", body: m{"secret": "a secret"}, leaves: []string{"gateway.create"}},
		"update-gateway": {key: s.admin, path: "/v1/gateways/10.0.0.1", body: m{"secret": "another secret"}, leaves: []string{"gateway.update"}},
		"probe-gateway":  {key: s.support, before: gateway("10.0.0.2", "/probe"), leaves: []string{"gateway.probe"}},
		"delete-gateway": {key: s.admin, before: gateway("10.0.0.3", ""), leaves: []string{"gateway.delete"}},
		"import-sims":    {key: s.admin, body: fmt.Sprintf(`[{"iccid": %q, "imsis": [%q], "account": %q, "plan": "global-01"}]`, iccid(99), imsi(99), sourceID), leaves: []string{"sim.import"}},
		"sync-sims":      {key: s.admin, body: fmt.Sprintf(`[{"iccid": %q, "plan": "local-01"}]`, iccid(14)), leaves: []string{"sim.sync"}},
		"update-sim":     {key: s.source, path: "/v1/sims/" + iccid(1), body: m{"transfer_lock": true}, leaves: []string{"sim.lock"}},
		"drop-sim-sessions": {key: s.source, before: func() string {
			s.exec(`INSERT INTO radius.radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime) VALUES ('s', 'u', $1, '10.0.0.1', clock_timestamp())`, imsi(2))
			return "/v1/sims/" + iccid(2) + "/sessions/drop"
		}, body: m{"reason": "stuck"}, leaves: []string{"data_session.drop"}},
		"get-sim-history":    {key: s.support, path: "/v1/support/sims/" + iccid(1), leaves: []string{"sim.history"}},
		"correct-sim-status": {key: s.admin, path: "/v1/sims/" + iccid(13) + "/correct-status", body: m{"status": "standby", "reason": "a typing error"}, leaves: []string{"sim.correct"}},
		"withdraw-fee": {key: s.admin, before: func() string {
			planned := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
			s.post(s.admin, "/v1/fees", m{"method": "support_assisted", "fee": m{"currency": "EUR", "minor": 7}, "valid_from": planned}).is(201)
			return "/v1/fees/support_assisted/EUR/" + planned.Format(time.RFC3339)
		}, leaves: []string{"fee.delete"}},
		"create-fee":      {key: s.admin, body: m{"method": "support_assisted", "fee": m{"currency": "EUR", "minor": 300}}, leaves: []string{"fee.create"}},
		"create-key":      {key: s.admin, body: m{"role": "support", "name": "new"}, leaves: []string{"key.create"}},
		"rotate-key":      {key: s.admin, path: fmt.Sprintf("/v1/keys/%d/rotate", other), leaves: []string{"key.rotate"}},
		"revoke-key":      {key: s.admin, path: fmt.Sprintf("/v1/keys/%d", other), leaves: []string{"key.revoke"}},
		"create-request":  {key: s.source, body: requestBody(iccid(2)), leaves: []string{"create"}},
		"look-up-sims":    {key: s.source, body: m{"sims": []string{iccid(2)}}}, // changes nothing
		"preview-request": {key: s.source, body: requestBody(iccid(2))},         // changes nothing
		"accept-request":  {key: s.destination, before: func() string { return ask(iccid(3)) + "/accept" }, leaves: []string{"accept"}},
		"decline-request": {key: s.destination, before: func() string { return ask(iccid(4)) + "/decline" }, leaves: []string{"decline"}},
		"cancel-request":  {key: s.source, before: func() string { return ask(iccid(5)) + "/cancel" }, leaves: []string{"cancel"}},
		"extend-request":  {key: s.source, before: func() string { return ask(iccid(21)) + "/extend" }, body: m{"seconds": 60}, leaves: []string{"extend"}},
		"take-back-request": {key: s.source, before: func() string {
			path := ask(iccid(22))
			s.post(s.source, path+"/cancel", nil).is(202)
			s.work()
			return path + "/take-back"
		}, leaves: []string{"take_back"}},
		"retry-request":    {key: s.source, before: func() string { return finished(iccid(6)) + "/retry" }, leaves: []string{"create", "retry"}}, // of two requests
		"approve-request":  {key: s.support, before: func() string { return ask(iccid(11)) + "/approve" }, body: m{"ticket": "T-1"}, leaves: []string{"approve"}},
		"deny-request":     {key: s.support, before: func() string { return ask(iccid(12)) + "/deny" }, body: m{"reason": "no"}, leaves: []string{"deny"}},
		"add-comment":      {key: s.source, before: func() string { return ask(iccid(9)) + "/comments" }, body: m{"text": "x"}, leaves: []string{"comment"}},
		"create-batch":     {key: s.source, body: batchCSV(iccid(7)), header: csvHeader(), leaves: []string{"create"}},
		"approve-requests": {key: s.support, body: m{"requests": []string{strings.TrimPrefix(ask(iccid(23)), "/v1/transfer-requests/")}, "ticket": "T-1"}, leaves: []string{"approve"}},
		"deny-requests":    {key: s.support, body: m{"requests": []string{strings.TrimPrefix(ask(iccid(24)), "/v1/transfer-requests/")}, "reason": "no"}, leaves: []string{"deny"}},

		"create-batch-from-selection": {key: s.source, body: requestBody(iccid(7)), leaves: []string{"create"}},

		"cancel-batch": {key: s.source, before: func() string { return batch(iccid(8)) + "/cancel" }, leaves: []string{"cancel"}},
	}
	pull := func(then string) func() string {
		return func() string {
			made := s.post(s.destination, "/v1/pull-requests", m{"iccids": []string{iccid(2)}}).is(201)
			return "/v1/pull-requests/" + read[PullRequest](made).ID.String() + then
		}
	}
	code := func() TransferCode {
		return read[TransferCode](s.post(s.source, "/v1/transfer-codes", m{"sims": []string{iccid(2)}}).is(201))
	}
	endpoint := func(then string) func() string {
		return func() string {
			made := read[WebhookEndpoint](s.post(s.source, "/v1/webhook-endpoints", m{"url": "https://example.com/a"}).is(201))
			path := "/v1/webhook-endpoints/" + made.ID.String()
			switch then {
			case "/enable":
				s.do(apiCall{method: "PATCH", path: path, key: s.source, body: m{"state": "disabled"}}).is(200)
			case "/replay", "/deliveries/%d/replay":
				test := read[WebhookDelivery](s.post(s.source, path+"/test", nil).is(202))
				s.exec(`UPDATE webhook_deliveries SET state = 'failed' WHERE id = $1`, test.ID)
				then = strings.ReplaceAll(then, "%d", itoa(test.ID))
			}
			return path + then
		}
	}
	for operation, step := range map[string]step{
		"create-webhook-endpoint":   {key: s.source, body: m{"url": "https://example.com/a"}, leaves: []string{"webhook.create"}},
		"update-webhook-endpoint":   {key: s.source, before: endpoint(""), body: m{"url": "https://example.com/b"}, leaves: []string{"webhook.update"}},
		"delete-webhook-endpoint":   {key: s.source, before: endpoint(""), leaves: []string{"webhook.delete"}},
		"rotate-webhook-secret":     {key: s.source, before: endpoint("/rotate"), leaves: []string{"webhook.rotate"}},
		"enable-webhook-endpoint":   {key: s.source, before: endpoint("/enable"), leaves: []string{"webhook.enable"}},
		"test-webhook-endpoint":     {key: s.source, before: endpoint("/test"), leaves: []string{"webhook.test"}},
		"replay-webhook-deliveries": {key: s.source, before: endpoint("/replay"), leaves: []string{"webhook.replay"}},
		"replay-webhook-delivery":   {key: s.source, before: endpoint("/deliveries/%d/replay"), leaves: []string{"webhook.replay"}},

		"create-pull-request":  {key: s.destination, body: m{"iccids": []string{iccid(2)}}, leaves: []string{"pull.create"}},
		"approve-pull-request": {key: s.source, before: pull("/approve"), leaves: []string{"pull.approve", "create"}},
		"refuse-pull-request":  {key: s.source, before: pull("/refuse"), leaves: []string{"pull.refuse"}},
		"cancel-pull-request":  {key: s.destination, before: pull("/cancel"), leaves: []string{"pull.cancel"}},
		"create-transfer-code": {key: s.source, body: m{"sims": []string{iccid(2)}}, leaves: []string{"code.create"}},
		"revoke-transfer-code": {key: s.source, before: func() string { return "/v1/transfer-codes/" + code().ID.String() }, leaves: []string{"code.revoke"}},
		"redeem-transfer-code": {key: s.destination, body: m{"code": code().Code}, leaves: []string{"code.redeem", "create"}},
	} {
		steps[operation] = step
	}
	// People.
	made := 0
	person := func(then string) func() string {
		return func() string {
			made++
			name := fmt.Sprintf("person%d", made)
			return fmt.Sprintf("/v1/people/%d%s", s.me(s.newPerson(name, sourceID, storage.PermissionViewer)).Person.ID, then)
		}
	}
	for operation, step := range map[string]step{
		"update-person":     {key: s.admin, before: person(""), body: m{"disabled": true}, leaves: []string{"person.disable"}},
		"put-membership":    {key: s.source, before: person("/memberships/" + sourceID), body: m{"permission": "owner"}, leaves: []string{"membership.update"}},
		"delete-membership": {key: s.source, before: person("/memberships/" + sourceID), leaves: []string{"membership.remove"}},
		"end-sign-in": {key: s.source, before: func() string {
			s.newPerson("kay", sourceID, storage.PermissionViewer)
			return fmt.Sprintf("/v1/sign-ins/%d", read[List[SignIn]](s.get(s.source, "/v1/sign-ins?whose=all&limit=1").is(200)).Items[0].ID)
		}, leaves: []string{"session.end"}},
		"end-other-sign-ins": {key: s.source, before: func() string {
			s.signIn(s.source, nil).is(303)
			return "/v1/sign-ins"
		}, leaves: []string{"session.end"}},
		"create-invitation": {key: s.source, body: m{"email": "jane@example.com", "name": "Jane", "permission": "viewer"}, leaves: []string{"invitation.create"}},
		"revoke-invitation": {key: s.source, before: func() string {
			s.invite(s.source, m{"email": "kim@example.com", "name": "Kim", "permission": "viewer"})
			return fmt.Sprintf("/v1/invitations/%d", read[List[Invitation]](s.get(s.source, "/v1/invitations?limit=1").is(200)).Items[0].ID)
		}, leaves: []string{"invitation.revoke"}},
	} {
		steps[operation] = step
	}
	// What happens to a SIM besides its transfers.
	for operation, step := range map[string]step{
		"put-sim-identifier":    {key: s.support, path: "/v1/sims/" + iccid(14) + "/identifiers/12025550114", body: m{"kind": "msisdn"}, leaves: []string{"sim.identifiers"}},
		"remove-sim-identifier": {key: s.support, path: "/v1/sims/" + iccid(14) + "/identifiers/12025550114", leaves: []string{"sim.identifiers"}},
		"swap-sim":              {key: s.support, path: "/v1/sims/" + iccid(15) + "/swap", body: m{"iccid": iccid(16), "reason": "damaged"}, leaves: []string{"sim.swap", "sim.swap"}},
		"retire-sim":            {key: s.admin, path: "/v1/sims/" + iccid(17) + "/retire", body: m{"reason": "imported twice"}, leaves: []string{"sim.retire"}},
		"correct-sim-owner":     {key: s.admin, path: "/v1/sims/" + iccid(18) + "/owner-corrections", body: m{"account": bystanderID, "reason": "a typing error"}, leaves: []string{"sim.correct_owner", "sim.correct_owner"}},
		"change-sims":           {key: s.source, body: m{"sims": []string{iccid(19), iccid(20)}, "change": m{"group": "meters"}}, leaves: []string{"sim.bulk_change"}},
	} {
		steps[operation] = step
	}
	order := Routes() // keys are revoked after they are rotated
	for _, route := range order {
		step, known := steps[route.OperationID]
		delete(steps, route.OperationID)
		switch {
		case !known && route.Method != http.MethodGet:
			t.Errorf("%s %s: add what it leaves to this test", route.Method, route.Path)
		case !known && (strings.Contains(route.Path, "{") || route.bounds.stream != nil && !route.bounds.stream.page):
			continue // reads of one thing that leave nothing; the lists stand for them
		}
		if !known {
			step.key = s.admin
		}
		call := apiCall{method: route.Method, path: route.Path, key: step.key, body: step.body, header: step.header}
		if step.path != "" {
			call.path = step.path
		}
		if step.before != nil {
			call.path = step.before()
		}
		for _, key := range []string{"", viewer} {
			refused := call
			refused.key = key
			if key == viewer && route.audience.permission() == storage.PermissionViewer || route.audience == everyone {
				continue
			}
			s.leaves("refused "+route.OperationID, key, func() {
				if a := s.do(refused); a.status != 401 && a.status != 403 {
					t.Errorf("%s with the key %q: %d %s", route.OperationID, key, a.status, a.text)
				}
			})
		}
		s.leaves(route.OperationID, step.key, func() {
			if a := s.do(call); a.status >= 300 {
				t.Errorf("%s: %d %s", route.OperationID, a.status, a.text)
			}
		}, step.leaves...)
	}
	for name := range steps {
		t.Errorf("there is no route %s", name)
	}
	checkAuditObjects(s)
}

// checkAuditObjects fails if an entry of the audit trail has an action that names another
// kind of object than the entry does.
func checkAuditObjects(s *testService) {
	s.t.Helper()
	objects := map[string]string{ // of the actions that are not named as their object
		"sim.import": "import", "sim.sync": "sync", "membership": "person", "webhook": "webhook_endpoint", "pull": "pull_request", "code": "transfer_code",
		"privacy": "account", "mail.choice": "account", "sim.bulk_change": "sims", "data_session.drop": "sim",
	}
	entries, err := s.db.AuditTrail(s.t.Context(), storage.AuditFilter{Limit: 10_000})
	if err != nil || len(entries) == 0 {
		s.t.Fatalf("%d entries, %v", len(entries), err)
	}
	for _, e := range entries {
		first, _, _ := strings.Cut(string(e.Action), ".")
		if want := cmp.Or(objects[string(e.Action)], objects[first], first); e.Object != want {
			s.t.Errorf("an entry with the action %s has the object %q, want %q", e.Action, e.Object, want)
		}
		if e.Object == "account" && e.ObjectID != "" && !strings.HasPrefix(e.ObjectID, "OP") {
			s.t.Errorf("an entry with the action %s names the account %s, not its operator id", e.Action, e.ObjectID)
		}
	}
}

// Changes that change nothing leave nothing; changes of several fields at once
// leave one entry, under what matters most.
func TestChangesOfSIMs(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Active)
	type m = map[string]any
	path := "/v1/sims/" + iccid(1)
	for _, c := range []struct {
		key    string
		change m
		leaves []string
	}{
		{s.source, m{"transfer_lock": false}, nil},
		{s.source, m{"tags": m{"site": "north"}}, nil},
		{s.source, m{"transfer_lock": true, "group": "a"}, []string{"sim.lock"}},
		{s.source, m{"transfer_lock": true}, nil},
		{s.source, m{"tags": m{"site": nil}}, []string{"sim.update"}},
		{s.source, m{"tags": m{"site": nil}}, nil},
		{s.source, m{"group": ""}, []string{"sim.update"}},
		{s.source, m{"transfer_lock": false, "tags": m{"a": "b"}}, []string{"sim.unlock"}},
		{s.support, m{"status": "standby"}, []string{"sim.status"}},
	} {
		s.leaves(fmt.Sprint(c.change), c.key, func() {
			s.do(apiCall{method: "PATCH", path: path, key: c.key, body: c.change}).is(200)
		}, c.leaves...)
	}
	got := read[List[AuditEntry]](s.get(s.source, "/v1/audit?sim="+imsi(1)+"&action=sim.unlock").is(200)).Items
	if len(got) != 1 {
		t.Fatalf("%d entries", len(got))
	}
	equal(t, got[0].Before, map[string]any{"transfer_lock": true, "tags": map[string]any{}})
	equal(t, got[0].After, map[string]any{"transfer_lock": false, "tags": map[string]any{"a": "b"}})
}

// An account sees what concerns it, and which of its own keys acted, but not
// which of the operator's.
func TestAuditPerParty(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(2, transfer.Active)
	type m = map[string]any
	s.do(apiCall{method: "PATCH", path: "/v1/sims/" + iccid(1), key: s.source, body: m{"transfer_lock": true}}).is(200)
	s.do(apiCall{method: "PATCH", path: "/v1/sims/" + iccid(1), key: s.support, body: m{"status": "standby"}}).is(200)
	made := read[Key](s.post(s.admin, "/v1/keys", m{"role": "account", "account": sourceID, "name": "main"}).is(201))
	s.post(s.admin, "/v1/keys", m{"role": "support", "name": "main"}).is(201)
	list := func(key, query string) []AuditEntry {
		t.Helper()
		return read[List[AuditEntry]](s.get(key, "/v1/audit?"+query).is(200)).Items
	}
	fields := map[transfer.AuditAction][]string{
		transfer.AuditSIMLock:   {"account", "action", "actor", "address", "after", "at", "before", "key", "key_account", "key_hint", "key_name", "object", "object_id", "role"},
		transfer.AuditSIMStatus: {"account", "action", "actor", "after", "at", "before", "object", "object_id", "role"},
		transfer.AuditKeyCreate: {"account", "action", "actor", "after", "at", "object", "object_id", "role"},
	}
	own := list(s.source, "created_after=2020-01-01T00:00:00Z&action=sim.lock,sim.status,key.create")
	for _, e := range own {
		want, known := fields[e.Action]
		if !known {
			continue
		}
		if e.Action == transfer.AuditKeyCreate && e.ObjectID != itoa(made.ID) {
			continue // by the test
		}
		equal(t, fieldsOf(t, e), want)
		delete(fields, e.Action)
	}
	if len(fields) > 0 {
		t.Errorf("the account does not see %v", fields)
	}
	if got := list(s.source, "key="+itoa(s.keyID(s.support))); len(got) != 1 || got[0].Action != transfer.AuditSIMStatus {
		t.Errorf("by a key of the operator: %+v", got)
	}
	for _, e := range list(s.bystander, "limit=200") {
		if *e.Account != bystanderID {
			t.Errorf("another account sees %+v", e)
		}
	}
	if got := list(s.bystander, "sim="+iccid(1)); len(got) != 0 {
		t.Errorf("another account sees %+v", got)
	}
	got := list(s.support, "sim="+iccid(1))
	if len(got) != 2 || got[0].Action != transfer.AuditSIMStatus || *got[0].KeyName != "support" || *got[0].Address != "127.0.0.1" || got[1].Action != transfer.AuditSIMLock {
		t.Errorf("support sees %+v", got)
	}
	var all []AuditEntry
	for cursor := ""; ; {
		page := read[List[AuditEntry]](s.get(s.admin, "/v1/audit?limit=1&account="+sourceID+"&cursor="+cursor).is(200))
		all = append(all, page.Items...)
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	equal(t, all, list(s.admin, "account="+sourceID))

	viewer := s.key(storage.NewKey{Role: storage.RoleAccount, OperatorID: sourceID, Permission: storage.PermissionApprover, Name: "approver"})
	s.get(viewer, "/v1/audit").problem(403, problem.Forbidden)
	s.get(s.source, "/v1/audit?account="+bystanderID).problem(403, problem.Forbidden)
	for _, query := range []string{"cursor=x", "cursor=1-", "cursor=-1-1", "action=sim.steal", "sim=x", "key=0"} {
		s.get(s.admin, "/v1/audit?"+query).problem(422, problem.Invalid)
	}
}

// Sign-ins are recorded, failed ones too, with the key if it is known. Their
// number is limited.
func TestSignInsLeaveATrace(t *testing.T) {
	t.Parallel()
	s := newTestService(t, withQueueUI)
	s.leaves("a sign-in", s.admin, func() { s.signIn(s.admin, nil).is(303) }, "session.sign_in")
	cookie := s.signIn(s.admin, nil).is(303).cookie()
	header := map[string]string{"Cookie": cookie.Name + "=" + cookie.Value}
	s.leaves("a page", s.admin, func() { s.do(apiCall{method: "GET", path: "/ops/queues/api/queues", header: header}).is(200) })
	for _, method := range []string{"POST", "DELETE"} {
		s.leaves("an act", s.admin, func() {
			s.do(apiCall{method: method, path: "/ops/queues/api/queues/bulk:pause", header: header}).is(200)
		}, "queue.act")
	}
	s.leaves("an act with a long path", s.admin, func() {
		path := "/ops/queues/api/queues/" + strings.Repeat("a", 187) + "%C3%A9:pause" // the limit of 200 bytes divides the character
		s.do(apiCall{method: "POST", path: path, header: header}).is(200)
	}, "queue.act")
	s.leaves("a refused act", "", func() { s.do(apiCall{method: "POST", path: "/ops/queues/api/queues/bulk:pause"}).is(401) })
	s.leaves("a refused act", "", func() {
		s.do(apiCall{method: "POST", path: "/ops/queues/api/queues/bulk:pause", key: s.support}).is(403)
	})
	out := func() { s.do(apiCall{method: "POST", path: "/sign-out", header: header}).is(303) }
	s.leaves("signing out", s.admin, out, "session.sign_out")
	s.leaves("signing out again", s.admin, out)
	s.leaves("another role", s.support, func() { s.signIn(s.support, nil).is(303) }, "session.sign_in")
	s.leaves("a wrong key", "", func() { s.signIn("st_admin_"+strings.Repeat("a", tokenSecretLength), nil).is(401) }, "session.sign_in_denied")
	limited, outside, err := s.db.CreateKey(t.Context(), storage.NewKey{Role: storage.RoleAdmin, Name: "elsewhere", Networks: storagetest.Networks("192.0.2.0/24")})
	if err != nil {
		t.Fatal(err)
	}
	s.leaves("a key of another network", outside, func() { s.signIn(outside, nil).is(401) }, "session.sign_in_denied")
	if err := s.db.RevokeKey(t.Context(), limited.ID, storage.Revocation{By: storage.System()}); err != nil {
		t.Fatal(err)
	}
	s.signIn(outside, nil).is(401)
	if n := s.queryInt(fmt.Sprintf(`SELECT count(*) FROM audit WHERE action = 'session.sign_in_denied' AND api_key = %d`, limited.ID)); n != 2 {
		t.Errorf("%d failed sign-ins with the key that was then revoked are recorded, want 2", n)
	}
	for range 20 {
		s.signIn("x", nil).is(401)
	}
	if n := s.queryInt(`SELECT count(*) FROM audit WHERE action = 'session.sign_in_denied'`); n != 10 {
		t.Errorf("%d failed sign-ins of one address in a minute are recorded, want 10", n)
	}
}

// The audit trail has the same entries, in the same order and for the same
// callers, in every format.
func TestAuditFormats(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	type m = map[string]any
	s.post(s.source, "/v1/keys", m{"role": "account", "name": `=HYPERLINK("x")`}).is(201)
	s.post(s.admin, "/v1/keys", m{"role": "support", "name": "not of the account"}).is(201)
	s.sims(1, transfer.Ready)
	s.post(s.admin, "/v1/sims/"+iccid(1)+"/correct-status", m{"status": "active", "reason": "-1\n\"two\""}).is(200)
	for _, key := range []string{s.source, s.admin} {
		pages := func(accept string) (entries []string) {
			t.Helper()
			for path := "/v1/audit?limit=2"; ; {
				a := s.do(apiCall{method: "GET", path: path, key: key, header: map[string]string{"Accept": accept}}).is(200)
				next, page := a.header.Get(nextCursorHeader), []string{}
				switch accept {
				case typeJSON:
					list := read[List[AuditEntry]](a)
					if next != list.NextCursor {
						t.Errorf("the header has the cursor %q, the body %q", next, list.NextCursor)
					}
					for _, e := range list.Items {
						page = append(page, string(e.Action)+" "+e.ObjectID+" "+valueOrZero(e.Why))
					}
				case typeNDJSON:
					for line := range strings.Lines(a.text) {
						e := read[AuditEntry](testResponse{t: t, text: line})
						page = append(page, string(e.Action)+" "+e.ObjectID+" "+valueOrZero(e.Why))
					}
				case typeCSV:
					rows, err := csv.NewReader(strings.NewReader(a.text)).ReadAll()
					if err != nil {
						t.Fatal(err)
					}
					equal(t, rows[0], auditHeader())
					for _, row := range rows[1:] {
						page = append(page, row[1]+" "+row[11]+" "+strings.TrimPrefix(row[14], "'"))
						for _, cell := range row {
							if cell != "" && strings.ContainsAny(cell[:1], "=+-@") {
								t.Errorf("a spreadsheet takes %q for a formula", cell)
							}
						}
					}
				}
				if n := a.header.Get(rowsHeader); n != strconv.Itoa(len(page)) {
					t.Errorf("%s: %d rows, and the header says %s", accept, len(page), n)
				}
				if entries = append(entries, page...); next == "" {
					return entries
				}
				path = "/v1/audit?limit=2&cursor=" + next
			}
		}
		want := pages(typeJSON)
		if len(want) < 3 {
			t.Errorf("only the entries %q", want)
		}
		equal(t, pages(typeNDJSON), want)
		equal(t, pages(typeCSV), want)
	}
	s.do(apiCall{method: "GET", path: "/v1/audit", key: s.admin, header: map[string]string{"Accept": "text/html"}}).problem(406, problem.NotAcceptable)
	viewer := s.key(storage.NewKey{Role: storage.RoleAccount, OperatorID: sourceID, Permission: storage.PermissionViewer, Name: "viewer"})
	s.do(apiCall{method: "GET", path: "/v1/audit", key: viewer, header: map[string]string{"Accept": typeCSV}}).problem(403, problem.Forbidden)
}

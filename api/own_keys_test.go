package api

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// An owner manages the keys of the account, and no other key.
func TestOwnersManageTheKeysOfTheirAccount(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	type m = map[string]any
	made := read[Key](s.post(s.source, "/v1/keys", m{"role": "account", "name": "scanner", "permission": "operator"}).is(201))
	if *made.Account != sourceID || *made.Permission != storage.PermissionOperator || *made.CreatedBy != s.keyID(s.source) {
		t.Errorf("%+v", made)
	}
	s.get(made.Token, "/v1/sims").is(200)
	path := fmt.Sprintf("/v1/keys/%d", made.ID)
	list := read[List[Key]](s.get(s.source, "/v1/keys").is(200))
	if len(list.Items) != 2 {
		t.Errorf("an owner lists %d keys, not 2", len(list.Items))
	}
	for _, k := range list.Items {
		if k.Account == nil || *k.Account != sourceID {
			t.Errorf("an owner lists %+v", k)
		}
	}
	if got := read[Key](s.get(s.source, path).is(200)); got.Token != "" || got.Name != "scanner" {
		t.Errorf("%+v", got)
	}
	rotated := read[Key](s.post(s.source, path+"/rotate", nil).is(200))
	s.get(made.Token, "/v1/sims").problem(401, problem.Unauthenticated)
	s.get(rotated.Token, "/v1/sims").is(200)

	// Everyone else reaches neither this key nor those of others.
	for _, key := range []string{s.support, rotated.Token, s.key(storage.NewKey{Role: storage.RoleFinance, Name: "finance"})} {
		s.get(key, "/v1/keys").problem(403, problem.Forbidden)
		s.get(key, path).problem(403, problem.Forbidden)
		s.post(key, path+"/rotate", nil).problem(403, problem.Forbidden)
		s.post(key, "/v1/keys", m{"role": "account", "name": "x"}).problem(403, problem.Forbidden)
		s.do(apiCall{method: "DELETE", path: path, key: key}).problem(403, problem.Forbidden)
	}
	s.get(s.source, "/v1/keys?account="+destinationID).problem(403, problem.Forbidden)
	for _, foreign := range []string{s.destination, s.support, s.admin} {
		path := fmt.Sprintf("/v1/keys/%d", s.keyID(foreign))
		s.get(s.source, path).problem(404, problem.NotFound)
		s.post(s.source, path+"/rotate", m{"expires_at": time.Now().Add(time.Hour)}).problem(404, problem.NotFound)
		s.do(apiCall{method: "DELETE", path: path, key: s.source}).problem(404, problem.NotFound)
	}
	for location, body := range map[string]m{
		"body.role":    {"role": "admin", "name": "x"},
		"body.account": {"role": "account", "name": "x", "account": destinationID},
	} {
		if p := s.post(s.source, "/v1/keys", body).problem(403, problem.Forbidden); p.Errors[0].Location != location {
			t.Errorf("%+v", p)
		}
	}
	s.post(s.source, "/v1/keys", m{"role": "finance", "name": "x"}).problem(403, problem.Forbidden)

	s.do(apiCall{method: "DELETE", path: path, key: s.source}).is(204)
	s.get(rotated.Token, "/v1/key").problem(401, problem.Unauthenticated)
	s.do(apiCall{method: "DELETE", path: path, key: s.source}).is(204)
	s.do(apiCall{method: "DELETE", path: path, key: s.destination}).problem(404, problem.NotFound)
	closed := s.key(storage.NewKey{Role: storage.RoleAccount, OperatorID: closedID, Name: "closed"})
	s.post(closed, "/v1/keys", m{"role": "account", "name": "x"}).problem(422, problem.AccountClosed)
}

// A key that an account's key creates or rotates does not allow more than it.
func TestKeysDoNotOutgrowTheKeyThatMakesThem(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	type m = map[string]any
	soon := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	by := s.key(storage.NewKey{
		Role: storage.RoleAccount, OperatorID: sourceID, Name: "laptop", ExpiresAt: &soon,
		Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("192.0.2.0/24")},
	})
	for name, c := range map[string]struct {
		expires  any
		networks []string
		location string
	}{
		"never expires":         {nil, []string{"192.0.2.0/25"}, "body.expires_at"},
		"expires later":         {soon.Add(time.Second), []string{"192.0.2.0/25"}, "body.expires_at"},
		"from anywhere":         {soon, nil, "body.networks"},
		"from a wider net":      {soon, []string{"192.0.0.0/16"}, "body.networks"},
		"from a second network": {soon, []string{"192.0.2.0/24", "192.0.3.0/24"}, "body.networks"},
		"from IPv6":             {soon, []string{"2001:db8::/32"}, "body.networks"},
		"no more":               {soon, []string{"192.0.2.0/25", "127.0.0.1"}, ""},
	} {
		body := m{"role": "account", "name": name}
		if c.expires != nil {
			body["expires_at"] = c.expires
		}
		if c.networks != nil {
			body["networks"] = c.networks
		}
		a := s.post(by, "/v1/keys", body)
		if c.location == "" {
			a.is(201)
			continue
		}
		if p := a.problem(403, problem.Forbidden); len(p.Errors) != 1 || p.Errors[0].Location != c.location {
			t.Errorf("%s: %+v", name, p)
		}
	}
	// It cannot take over a key that allows more, nor make itself last longer.
	unlimited := fmt.Sprintf("/v1/keys/%d", s.keyID(s.source))
	s.post(by, unlimited+"/rotate", m{"expires_at": soon}).problem(403, problem.Forbidden)
	s.post(by, unlimited+"/rotate", nil).problem(403, problem.Forbidden)
	itself := fmt.Sprintf("/v1/keys/%d/rotate", s.keyID(by))
	s.post(by, itself, m{"expires_at": soon.Add(time.Hour)}).problem(403, problem.Forbidden)
	s.get(s.source, "/v1/key").is(200)
	renewed := read[Key](s.post(by, itself, nil).is(200))
	s.do(apiCall{method: "DELETE", path: unlimited, key: renewed.Token}).is(204) // but it can stop one that was stolen
}

// What happens to the keys of an account is in its audit trail, also if an
// administrator did it; the administrator's key is not.
func TestAccountsSeeWhatHappensToTheirKeys(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	type m = map[string]any
	made := read[Key](s.post(s.admin, "/v1/keys", m{"role": "account", "account": sourceID, "name": "main"}).is(201))
	path := fmt.Sprintf("/v1/keys/%d", made.ID)
	s.post(s.admin, path+"/rotate", nil).is(200)
	if k := read[Key](s.get(s.source, path).is(200)); k.CreatedBy != nil {
		t.Errorf("the account sees who created %+v", k)
	}
	s.do(apiCall{method: "DELETE", path: path, key: s.admin}).is(204)
	own := read[Key](s.post(s.source, "/v1/keys", m{"role": "account", "name": "own"}).is(201))
	s.do(apiCall{method: "DELETE", path: fmt.Sprintf("/v1/keys/%d", own.ID), key: s.source}).is(204)
	if k := read[Key](s.get(s.source, path).is(200)); k.RevokedBy != nil || k.RevokedAt == nil {
		t.Errorf("the account sees who revoked %+v", k)
	}
	if k := read[Key](s.get(s.source, fmt.Sprintf("/v1/keys/%d", own.ID)).is(200)); k.CreatedBy == nil || k.RevokedBy == nil {
		t.Errorf("the account does not see that it made and revoked %+v", k)
	}
	seen := func(key, query string) (list []string) {
		t.Helper()
		for _, e := range read[List[AuditEntry]](s.get(key, "/v1/audit?action=key.create,key.rotate,key.revoke"+query).is(200)).Items {
			by := "unknown key"
			if e.Key != nil {
				by = itoa(*e.Key)
			}
			list = append(list, fmt.Sprintf("%s %s by %s", e.Action, e.ObjectID, by))
		}
		return list
	}
	mine := s.keyID(s.source)
	equal(t, seen(s.source, "")[:5], []string{
		fmt.Sprintf("key.revoke %d by %d", own.ID, mine), fmt.Sprintf("key.create %d by %d", own.ID, mine),
		fmt.Sprintf("key.revoke %d by unknown key", made.ID), fmt.Sprintf("key.rotate %d by unknown key", made.ID), fmt.Sprintf("key.create %d by unknown key", made.ID),
	})
	for _, line := range seen(s.destination, "") {
		if strings.Contains(line, fmt.Sprintf(" %d ", made.ID)) || strings.Contains(line, fmt.Sprintf(" %d ", own.ID)) {
			t.Errorf("another account sees %s", line)
		}
	}
}

// Finance reads what transfers cost and sets fees, and nothing else.
func TestFinance(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(2, transfer.Active)
	type m = map[string]any
	finance := read[Key](s.post(s.admin, "/v1/keys", m{"role": "finance", "name": "billing"}).is(201)).Token
	if !strings.HasPrefix(finance, "st_finance_") {
		t.Errorf("the key is %s", finance)
	}
	request := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202).header.Get("Location")
	s.work()
	s.post(s.support, request+"/approve", m{"ticket": "T-1", "fee": m{"minor": 123}, "fee_reason": "agreed"}).is(202)
	s.post(s.destination, request+"/accept", m{"landing": m{"group": "field"}}).is(202)
	s.work()
	r := read[Request](s.get(finance, request).is(200))
	if r.Fees == nil || r.Fees.Charged.Minor != 123 || r.Landing != nil {
		t.Errorf("finance reads %+v", r)
	}
	if rows := rowsOf(s.results(finance, request, "application/x-ndjson").is(200)); len(rows) != 1 || valueOrZero(rows[0].Fee).Minor != 123 {
		t.Errorf("finance reads the results %v", rows)
	}
	if list := read[List[Request]](s.get(finance, "/v1/transfer-requests?account="+sourceID+"&ticket=T-1").is(200)); len(list.Items) != 1 {
		t.Errorf("finance lists %+v", list)
	}
	s.leaves("list-accounts", finance, func() { s.get(finance, "/v1/accounts").is(200) }, "account.list")
	s.leaves("create-fee", finance, func() {
		s.post(finance, "/v1/fees", m{"method": "support_assisted", "fee": m{"minor": 300, "currency": "USD"}}).is(201)
	}, "fee.create")
	s.get(finance, "/v1/fees").is(200)

	may := map[string]bool{
		"list-accounts": true, "list-account-names": true, "get-account": true, "create-fee": true, "list-fees": true, "withdraw-fee": true, "get-current-key": true,
		"get-me": true, "list-sign-ins": true, "end-sign-in": true, "end-other-sign-ins": true,
		"list-requests": true, "get-request": true, "get-request-results": true, "list-batches": true, "get-batch": true, "get-batch-results": true,
		"list-changes": true, "stream-changes": true,
		"export-registrations": true, "export-transfers": true, "export-charges": true, "list-charge-totals": true,
	}
	for _, route := range Routes() {
		if got := route.audience.admits(storage.RoleFinance); got != may[route.OperationID] {
			t.Errorf("%s admits finance: %v", route.OperationID, got)
		}
		if strings.Contains(route.OperationID, "sign-in") { // everyone ends their own
			continue
		}
		if route.Method != http.MethodGet && route.audience.admits(storage.RoleFinance) != strings.HasSuffix(route.OperationID, "-fee") {
			t.Errorf("finance can change something with %s", route.OperationID)
		}
	}
}

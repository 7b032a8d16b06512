package api

import (
	"fmt"
	"net/url"
	"slices"
	"testing"

	"simtransfer/api/problem"
	"simtransfer/storage"
)

// An email is found wherever it is used. Only administrators learn of staff.
func TestFindEmail(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	uses := func(key, email string) (list []string) {
		t.Helper()
		found := read[EmailUses](s.get(key, "/v1/email-uses?email="+url.QueryEscape(email)).is(200))
		if found.Total != len(found.Items) {
			t.Errorf("%s: a total of %d, and %d items", email, found.Total, len(found.Items))
		}
		for _, u := range found.Items {
			list = append(list, fmt.Sprint(u.Kind, " ", valueOrZero(u.Account), " ", valueOrZero(u.Purpose), valueOrZero(u.Role), " ", valueOrZero(u.Permission), " ", valueOrZero(u.Name), " ", u.Disabled))
		}
		return list
	}
	expect := func(what, key, email string, want ...string) {
		t.Helper()
		if got := uses(key, email); !slices.Equal(got, want) {
			t.Errorf("%s: %q, not %q", what, got, want)
		}
	}
	s.newPerson("ada", sourceID, storage.PermissionOperator)
	s.invite(s.admin, obj{"email": "ada@example.com", "name": "Ada", "account": destinationID, "permission": "owner"})
	s.invite(s.admin, obj{"email": "ada@example.com", "name": "Ada", "role": "finance"})
	s.exec(`UPDATE accounts SET contacts = '{"billing": ["ada@example.com", "x@example.com"], "security": ["ada@example.com"]}' WHERE operator_id = $1`, destinationID)
	s.exec(`UPDATE accounts SET email = 'ada@example.com' WHERE operator_id = $1`, bystanderID)
	inAccounts := []string{
		"account " + bystanderID + "    false",
		"contact " + destinationID + " billing   false",
		"contact " + destinationID + " security   false",
		"person " + sourceID + " account operator ada false",
		"invitation " + destinationID + " account owner Ada false",
	}
	expect("to support", s.support, " ADA@Example.com ", inAccounts...)
	expect("to an administrator", s.admin, "ada@example.com", slices.Insert(slices.Clone(inAccounts), 4, "invitation  finance  Ada false")...)

	s.newStaff("grace", storage.RoleSupport)
	expect("staff, to support", s.support, "grace@example.com")
	expect("staff, to an administrator", s.admin, "grace@example.com", "person  support  grace false")
	s.exec(`UPDATE people SET disabled_at = clock_timestamp() WHERE email = 'grace@example.com'`)
	s.exec(`UPDATE api_keys SET revoked_at = clock_timestamp() WHERE person = (SELECT id FROM people WHERE email = 'grace@example.com')`)
	expect("a person without a membership", s.admin, "grace@example.com", "person    grace true")
	expect("a stranger", s.support, "stranger@example.com")
	expect("part of an email", s.support, "ada@example.co")

	s.get(s.support, "/v1/email-uses?email=ada").problem(422, problem.Invalid)
	s.get(s.support, "/v1/email-uses").problem(422, problem.Invalid)
	s.get(s.source, "/v1/email-uses?email=ada%40example.com").problem(403, problem.Forbidden)

	// More than a response lists are counted.
	s.exec(`INSERT INTO accounts (operator_id, email, currency, coverage, contacts)
		SELECT 'OP7' || lpad(n::text, 9, '0'), n || '@example.com', 'EUR', 'global', '{"technical": ["noc@example.com"]}' FROM generate_series(1, 250) AS n`)
	if many := read[EmailUses](s.get(s.support, "/v1/email-uses?email=noc%40example.com").is(200)); many.Total != 250 || len(many.Items) != maxEmailUses {
		t.Errorf("%d of %d uses", len(many.Items), many.Total)
	}
}

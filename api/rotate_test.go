package api

import (
	"fmt"
	"testing"
)

func TestRotatedKey(t *testing.T) {
	t.Parallel()
	s := newService(t)
	type m = map[string]any
	made := read[Key](s.post(s.admin, "/v1/keys", m{"role": "account", "account": sourceID, "name": "rotated"}).is(201))
	path := fmt.Sprintf("/v1/keys/%d/rotate", made.ID)
	call := apiCall{method: "POST", path: path, key: s.admin, body: m{"grace_seconds": 3600}, header: withKey("rotate")}
	first := s.do(call).is(200)
	second := read[Key](first)
	if again := s.do(call).is(200); again.text != first.text {
		t.Errorf("again %s", again.text)
	}
	if second.ID != made.ID || second.Token == made.Token || second.Hint == made.Hint || second.OldUntil == nil {
		t.Errorf("%+v", second)
	}
	for _, token := range []string{made.Token, second.Token} {
		s.get(token, "/v1/sims").is(200)
	}
	s.exec(`UPDATE api_keys SET old_until = clock_timestamp() WHERE id = $1`, made.ID)
	s.get(made.Token, "/v1/sims").problem(401, CodeUnauthenticated)
	s.post(s.admin, path, m{"grace_seconds": 86401}).problem(422, CodeInvalid)
	third := read[Key](s.post(s.admin, path, nil).is(200))
	s.get(second.Token, "/v1/sims").problem(401, CodeUnauthenticated)
	s.get(third.Token, "/v1/sims").is(200)
	s.do(apiCall{method: "DELETE", path: fmt.Sprintf("/v1/keys/%d", made.ID), key: s.admin}).is(204)
	s.post(s.admin, path, nil).problem(404, CodeNotFound)
	for query, want := range map[string]int{
		"":                                 6,
		"role=admin":                       1,
		"role=account":                     4,
		"account=" + sourceID:              2,
		"revoked=true":                     1,
		"revoked=false&role=account":       3,
		"revoked=true&role=support":        0,
		"account=" + closedID + "&limit=1": 0,
	} {
		if got := read[List[Key]](s.get(s.admin, "/v1/keys?"+query).is(200)); len(got.Items) != want {
			t.Errorf("%s: %d keys, not %d", query, len(got.Items), want)
		}
	}
}

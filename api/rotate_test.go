package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
)

func TestRotatedKey(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
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
	s.get(made.Token, "/v1/sims").problem(401, problem.Unauthenticated)
	s.post(s.admin, path, m{"grace_seconds": 86401}).problem(422, problem.Invalid)
	third := read[Key](s.post(s.admin, path, nil).is(200))
	s.get(second.Token, "/v1/sims").problem(401, problem.Unauthenticated)
	s.get(third.Token, "/v1/sims").is(200)
	s.do(apiCall{method: "DELETE", path: fmt.Sprintf("/v1/keys/%d", made.ID), key: s.admin}).is(204)
	s.post(s.admin, path, nil).problem(404, problem.NotFound)
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

// A caller that loses the answer to the rotation of its own key can repeat the call.
func TestKeyThatRotatesItself(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	path := fmt.Sprintf("/v1/keys/%d/rotate", read[CurrentKey](s.get(s.admin, "/v1/key").is(200)).ID)
	call := apiCall{method: "POST", path: path, key: s.admin, header: withKey("lost")}
	first := s.do(call).is(200)
	if again := s.do(call).is(200); again.text != first.text {
		t.Errorf("again %s", again.text)
	}
	second := read[Key](first)
	if second.OldUntil == nil || time.Until(*second.OldUntil) > storage.OwnGrace {
		t.Errorf("%+v", second)
	}

	// What is stored for one token is not shown to the other, for all that they
	// are of the same key.
	call.key = second.Token
	if p := s.do(call).problem(422, problem.IdempotencyKeyReused); !strings.Contains(p.Detail, "new Idempotency-Key") {
		t.Errorf("%+v", p)
	}

	// Even with the older token, and without an Idempotency-Key.
	third := read[Key](s.post(s.admin, path, nil).is(200))
	fourth := read[Key](s.post(s.admin, path, nil).is(200))
	s.get(third.Token, "/v1/key").problem(401, problem.Unauthenticated)
	// What is asked to stay good stays good, for as long.
	fifth := read[Key](s.post(s.admin, path, map[string]any{"grace_seconds": 3600}).is(200))
	s.get(s.admin, "/v1/key").problem(401, problem.Unauthenticated)
	s.get(fourth.Token, "/v1/key").is(200)
	if fifth.OldUntil == nil || time.Until(*fifth.OldUntil) < 50*time.Minute {
		t.Errorf("%+v", fifth)
	}
	s.get(fifth.Token, "/v1/key").is(200)
}

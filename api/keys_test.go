package api

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

func TestCurrentKey(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	for token, want := range map[string]CurrentKey{
		s.source:  {Key: Key{Role: "account", Account: new(transfer.OperatorID(sourceID)), Permission: new(storage.PermissionOwner), Name: "source"}, Email: emailOf(sourceID)},
		s.support: {Key: Key{Role: "support", Name: "support"}},
		s.admin:   {Key: Key{Role: "admin", Name: "admin"}},
	} {
		is := read[CurrentKey](s.get(token, "/v1/key").is(200))
		if is.LastUsedAt == nil || is.CreatedAt.IsZero() {
			t.Errorf("%+v", is)
		}
		want.ID, want.Hint, want.CreatedAt, want.LastUsedAt = is.ID, token[:len("st_"+want.Role+"_")+4]+"…"+token[len(token)-4:], is.CreatedAt, is.LastUsedAt
		if diff := cmp.Diff(want, is); diff != "" {
			t.Error(diff)
		}
	}
}

// A caller with the token from before a rotation sees when it expires.
func TestCurrentKeyThatWasRotated(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	k := read[CurrentKey](s.get(s.source, "/v1/key").is(200))
	now := read[Key](s.post(s.admin, fmt.Sprintf("/v1/keys/%d/rotate", k.ID), map[string]any{"grace_seconds": 60}).is(200))
	was := read[CurrentKey](s.get(s.source, "/v1/key").is(200))
	if was.ID != k.ID || was.ExpiresAt == nil || !was.Rotated || !was.ExpiresAt.Equal(*now.OldUntil) {
		t.Errorf("%+v", was)
	}
	if is := read[CurrentKey](s.get(now.Token, "/v1/key").is(200)); is.ExpiresAt != nil || is.OldUntil == nil {
		t.Errorf("%+v", is)
	}
	s.exec(`UPDATE api_keys SET revoked_at = clock_timestamp() WHERE id = $1`, k.ID)
	s.get(now.Token, "/v1/key").problem(401, problem.Unauthenticated)
}

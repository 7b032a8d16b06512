package console

import (
	"strings"
	"testing"

	"simtransfer/client"
)

func TestChangedFieldsSayWhatNothingMeans(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		before, after map[string]any
		want          string
	}{
		{nil, map[string]any{"types": []any{}}, "types: all"},
		{nil, map[string]any{"types": []any{"transfer_request.completed"}}, "types: transfer_request.completed"},
		{map[string]any{"types": []any{"a", "b"}}, map[string]any{"types": []any{}}, "types: a, b → all"},
		{map[string]any{"plans": []any{"basic"}}, map[string]any{"plans": nil}, "plans: basic → any"},
		{map[string]any{"group": "meters"}, map[string]any{"group": nil}, "group: meters → none"},
	} {
		if got := strings.Join(changedFields(client.AuditEntry{Before: c.before, After: c.after}), "; "); got != c.want {
			t.Errorf("%v → %v: %q, want %q", c.before, c.after, got, c.want)
		}
	}
}

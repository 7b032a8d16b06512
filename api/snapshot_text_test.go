package api

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"simtransfer/storage"
)

// A snapshot is shown with the same values, whether its text is rewritten, or decoded
// and encoded.
func TestAppendSnapshot(t *testing.T) {
	t.Parallel()
	text := func(s string) *string { return &s }
	at := time.Date(2031, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	plain := storage.SIMSettings{Tags: storage.Tags{}, EventHandlers: storage.Strings{}, Containers: storage.Strings{}}
	full := storage.SIMSettings{
		Tags:                  storage.Tags{"site": `a "quoted" \ one, {with} [brackets]: é \n <b>`, `"`: "", "null": "null"},
		TerminationProtection: true,
		Group:                 text(`group "1", }`),
		EventHandlers:         storage.Strings{"one, two", `]"`, ""},
		SpeedClass:            text("s1.fast"),
		Containers:            storage.Strings{"a:b"},
		IMEILock:              text("null"),
	}
	expiring := full
	expiring.Expiration = &at
	for name, c := range map[string]struct {
		settings  storage.SIMSettings
		plan      *string
		rewritten bool
	}{
		"plain":         {plain, text("plan"), true},
		"no plan":       {plain, nil, true},
		"full":          {full, text("plan 01"), true},
		"null texts":    {storage.SIMSettings{}, nil, true},
		"an expiration": {expiring, text("plan"), false},
	} {
		stored, err := json.Marshal(struct {
			storage.SIMSettings
			Plan *string `json:"plan"`
		}{c.settings, c.plan})
		if err != nil {
			t.Fatal(err)
		}
		var values map[string]any
		if err := json.Unmarshal(stored, &values); err != nil {
			t.Fatal(err)
		}
		spaced, err := json.MarshalIndent(values, "", "") // in another order
		if err != nil {
			t.Fatal(err)
		}
		for i := range spaced {
			if spaced[i] == '\n' {
				spaced[i] = ' '
			}
		}
		for _, stored := range []json.RawMessage{stored, spaced} {
			if _, ok := rewriteSnapshot(nil, stored); ok != c.rewritten {
				t.Errorf("%s: rewritten is %t, want %t: %s", name, ok, c.rewritten, stored)
			}
			checkSnapshot(t, name, stored)
		}
	}
	for _, stored := range []string{
		`{}`,
		`{"plan":"p"}`,
		`{"tags":{},"termination_protection":false,"event_handlers":[],"containers":[],"later":1}`,
		`{"tags":{},"expiration":null,"termination_protection":false,"event_handlers":[]}`,
	} {
		if _, ok := rewriteSnapshot(nil, []byte(stored)); ok {
			t.Errorf("%s was rewritten", stored)
		}
		checkSnapshot(t, "another version", json.RawMessage(stored))
	}
	if got, err := appendSnapshot(nil, json.RawMessage(`{"tags":[]}`)); err == nil {
		t.Errorf("wrong tags are shown as %s", got)
	}
}

// checkSnapshot compares what appendSnapshot appends with what viewSnapshot shows.
func checkSnapshot(t *testing.T, name string, stored json.RawMessage) {
	t.Helper()
	v, err := viewSnapshot(&stored)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	got, err := appendSnapshot([]byte("text "), stored)
	if err != nil {
		t.Fatal(err)
	}
	var want, is any
	if err := json.Unmarshal(shown, &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(got[len("text "):], &is); err != nil {
		t.Fatalf("%s: %v: %s", name, err, got)
	}
	if diff := cmp.Diff(want, is); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

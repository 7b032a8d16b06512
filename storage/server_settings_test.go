package storage_test

import (
	"slices"
	"strings"
	"testing"

	"simtransfer/dev/servers/serverstest"
	"simtransfer/storage"
)

// The test servers run without fsync, which causes a warning. Our own time-outs
// are set on every connection unless the connection string sets others.
func TestWarnings(t *testing.T) {
	t.Parallel()
	url := serverstest.DatabaseURL(t)
	for _, c := range []struct {
		name, url string
		want      []string
	}{
		{"our own settings", url, []string{"fsync = off"}},
		{"a pooler's settings", url + "&idle_in_transaction_session_timeout=0&lock_timeout=0", []string{"fsync = off", "idle_in_transaction_session_timeout", "lock_timeout"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			db, err := storage.Open(t.Context(), c.url, storage.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			warnings, err := db.Warnings(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range c.want {
				if !slices.ContainsFunc(warnings, func(w string) bool { return strings.Contains(w, want) }) {
					t.Errorf("no warning of %s in %q", want, warnings)
				}
			}
			idle := slices.ContainsFunc(warnings, func(w string) bool { return strings.Contains(w, "idle_in") })
			if idle != slices.Contains(c.want, "idle_in_transaction_session_timeout") {
				t.Errorf("the time-out of idle transactions: %q", warnings)
			}
		})
	}
}

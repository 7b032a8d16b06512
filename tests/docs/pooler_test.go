package docs_test

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"simtransfer/storage"
)

// The parameters that the page has PgBouncer ignore must be exactly those that a
// process sends on connecting and PgBouncer does not know: it refuses connections
// with any other.
func TestPoolerPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile("`ignore_startup_parameters = ([^`]*)`").FindSubmatch(page)
	if line == nil {
		t.Fatal("the page does not name ignore_startup_parameters")
	}
	ignored := strings.Split(string(line[1]), ", ")
	// Parameters that PgBouncer handles itself.
	known := []string{"user", "database", "application_name", "client_encoding", "datestyle", "standard_conforming_strings", "timezone"}
	var sent []string
	for _, name := range startupParameters(t, storage.Options{GenericPlans: true}) {
		if !slices.Contains(known, strings.ToLower(name)) {
			sent = append(sent, name)
		}
	}
	slices.Sort(ignored)
	slices.Sort(sent)
	if diff := cmp.Diff(sent, ignored); diff != "" {
		t.Errorf("the parameters to ignore (-sent +page):\n%s", diff)
	}
}

// startupParameters returns the names of the parameters that a process sends on
// connecting.
func startupParameters(t *testing.T, o storage.Options) []string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	got := make(chan []byte, 1)
	go func() {
		defer close(got)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		var length uint32
		if binary.Read(c, binary.BigEndian, &length) == nil && length > 8 && length < 10000 {
			packet := make([]byte, length-4)
			if _, err := io.ReadFull(c, packet); err == nil {
				got <- packet[4:] // without the protocol's version
			}
		}
	}()
	db, err := storage.Open(t.Context(), "postgres://user@"+l.Addr().String()+"/none?sslmode=disable", o)
	if err == nil {
		_ = db.Close()
		t.Fatal("connecting succeeded without a server")
	}
	fields := strings.Split(string(<-got), "\x00")
	var names []string
	for i := 0; i+1 < len(fields) && fields[i] != ""; i += 2 {
		names = append(names, fields[i])
	}
	if !slices.Contains(names, "user") || !slices.Contains(names, "statement_timeout") {
		t.Fatalf("unexpected startup parameters: %q", names)
	}
	return names
}

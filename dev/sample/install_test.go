package sample

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"simtransfer/client"
	"simtransfer/dev/servers/serverstest"
	"simtransfer/dev/stack"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// TestInventoryIsImportedInParts tests that an inventory larger than an import may be
// is split into several imports, and that each SIM is in exactly one of them.
func TestInventoryIsImportedInParts(t *testing.T) {
	t.Parallel()
	const n, part = 1000, 500
	var sizes []int
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		size := 0
		for d := json.NewDecoder(r.Body); d.More(); size++ {
			var sim struct {
				ICCID string `json:"iccid"`
			}
			if err := d.Decode(&sim); err != nil {
				t.Error(err)
				return
			}
			got = append(got, sim.ICCID)
		}
		sizes = append(sizes, size)
		w.Header().Set("Simtransfer-Version", "test")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"imported":1}`) // if the client has gone, the test fails below
	}))
	t.Cleanup(server.Close)
	in := &Installation{Stack: &stack.Stack{Admin: &client.Client{URL: server.URL}}}
	if err := in.importSIMs(t.Context(), Inventory(n), part); err != nil {
		t.Fatal(err)
	}
	if want := []int{500, 500, 200}; !slices.Equal(sizes, want) {
		t.Errorf("imports of %v SIMs, want %v", sizes, want)
	}
	var want []string
	for r := range Inventory(n) {
		want = append(want, r.ICCID())
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d SIMs, want the %d of the inventory", len(got), len(want))
	}
	sizes = nil
	if err := in.importSIMs(t.Context(), slices.Values([]SIM{BatchSIM(1), BatchSIM(2)}), 2); err != nil || !slices.Equal(sizes, []int{2}) {
		t.Errorf("one full part: imports of %v SIMs: %v", sizes, err)
	}
}

// TestResume tests that an incomplete sample inventory is detected, and that every
// start replaces the key of the same name.
func TestResume(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db, err := storage.Open(ctx, serverstest.DatabaseURL(t), storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s := &stack.Stack{DB: db, Admin: &client.Client{}}
	if _, err := Resume(ctx, s); !errors.Is(err, ErrIncomplete) {
		t.Errorf("without gateways: %v", err)
	}
	key := storage.NewKey{Role: storage.RoleSupport, Name: supportKeyName}
	if _, _, err := s.DB.CreateKey(ctx, storage.NewKey{Role: storage.RoleSupport, Name: "another"}); err != nil {
		t.Fatal(err)
	}
	first, err := s.EnsureKey(ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.EnsureKey(ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.DB.Authenticate(ctx, first); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("the first key: %v", err)
	}
	if _, err := s.DB.Authenticate(ctx, second); err != nil {
		t.Errorf("the second key: %v", err)
	}
	if list, err := s.DB.Keys(ctx, storage.KeyFilter{Limit: 10}); err != nil || len(list) != 2 {
		t.Errorf("keys %v: %v", list, err)
	}
}

// TestImportIsNotTooLarge tests that the service accepts an import of a full part.
func TestImportIsNotTooLarge(t *testing.T) {
	t.Parallel()
	const maxSIMs, maxBytes = transfer.MaxBatchRows, transfer.MaxUploadBytes
	var some bytes.Buffer
	rows := slices.Collect(Inventory(1000))
	if err := writeImport(&some, rows); err != nil {
		t.Fatal(err)
	}
	if size := simsPerImport * some.Len() / len(rows); simsPerImport > maxSIMs || size > maxBytes {
		t.Errorf("an import has %d SIMs and about %d bytes", simsPerImport, size)
	}
}

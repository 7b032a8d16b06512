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
)

// An inventory that one import cannot take comes in several, with every SIM in
// one of them.
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
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"imported":1}`) // a client that is gone is noticed below
	}))
	t.Cleanup(server.Close)
	in := &Installation{Stack: &stack.Stack{Admin: &client.Client{URL: server.URL}}}
	if err := in.importSIMs(t.Context(), Inventory(n), part); err != nil {
		t.Fatal(err)
	}
	if want := []int{500, 500, 200}; !slices.Equal(sizes, want) {
		t.Errorf("imports of %v SIMs, not %v", sizes, want)
	}
	var want []string
	for r := range Inventory(n) {
		want = append(want, r.ICCID())
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d SIMs, not the %d of the inventory", len(got), len(want))
	}
	sizes = nil
	if err := in.importSIMs(t.Context(), slices.Values([]SIM{BatchSIM(1), BatchSIM(2)}), 2); err != nil || !slices.Equal(sizes, []int{2}) {
		t.Errorf("one full part: imports of %v SIMs: %v", sizes, err)
	}
}

// A folder in which the first start was ended too early is not taken for one that
// has the inventory; and however often something starts, it has one key.
func TestWhatAnEarlierStartHasLeft(t *testing.T) {
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
	wanted := storage.NewKey{Role: storage.RoleSupport, Name: supportKeyName}
	if _, _, err := s.DB.CreateKey(ctx, storage.NewKey{Role: storage.RoleSupport, Name: "another"}); err != nil {
		t.Fatal(err)
	}
	first, err := s.EnsureKey(ctx, wanted)
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.EnsureKey(ctx, wanted)
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

// One part of the largest inventory is an upload that the service takes.
func TestPartOfTheInventoryIsNotTooLarge(t *testing.T) {
	t.Parallel()
	const most, bytesMost = 1_000_000, 128 << 20 // what an import may have
	var some bytes.Buffer
	rows := slices.Collect(Inventory(1000))
	if err := writeImport(&some, rows); err != nil {
		t.Fatal(err)
	}
	if size := simsPerImport * some.Len() / len(rows); simsPerImport > most || size > bytesMost {
		t.Errorf("a part has %d SIMs, and about %d bytes", simsPerImport, size)
	}
}

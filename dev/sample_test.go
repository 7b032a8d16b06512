package dev

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"simtransfer/cli"
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
	}))
	t.Cleanup(server.Close)
	m := &sample{stack: &Stack{Admin: &cli.Client{URL: server.URL}}}
	if err := m.importSIMs(t.Context(), inventory(n), part); err != nil {
		t.Fatal(err)
	}
	if want := []int{500, 500, 200}; !slices.Equal(sizes, want) {
		t.Errorf("imports of %v SIMs, not %v", sizes, want)
	}
	var want []string
	for r := range inventory(n) {
		want = append(want, r.iccid())
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d SIMs, not the %d of the inventory", len(got), len(want))
	}
	sizes = nil
	if err := m.importSIMs(t.Context(), slices.Values([]sampleRow{batchRow(1), batchRow(2)}), 2); err != nil || !slices.Equal(sizes, []int{2}) {
		t.Errorf("one full part: imports of %v SIMs: %v", sizes, err)
	}
}

// One part of the largest inventory is an upload that the service takes.
func TestPartOfTheInventoryIsNotTooLarge(t *testing.T) {
	t.Parallel()
	const most, bytesMost = 1_000_000, 128 << 20 // what an import may have
	var some bytes.Buffer
	rows := slices.Collect(inventory(1000))
	if err := writeInventory(&some, rows); err != nil {
		t.Fatal(err)
	}
	if size := importPart * some.Len() / len(rows); importPart > most || size > bytesMost {
		t.Errorf("a part has %d SIMs, and about %d bytes", importPart, size)
	}
}

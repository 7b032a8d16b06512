package main

import (
	"os"
	"path/filepath"
	"testing"
)

// The notices must name what the binary contains now.
func TestNoticesAreUpToDate(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	want, err := notices(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is out of date: run make notices", file)
	}
}

package api

import (
	"context"
	"errors"
	"testing"
)

// Only so many uploads are read at once; another one waits for a place.
func TestUploadsAreBounded(t *testing.T) {
	t.Parallel()
	s := newServer(Config{})
	var last func()
	for range maxUploads {
		done, err := s.beginUpload(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		last = done
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.beginUpload(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("one more upload: %v", err)
	}
	last()
	if _, err := s.beginUpload(t.Context()); err != nil {
		t.Errorf("an upload in place of one that is over: %v", err)
	}
}

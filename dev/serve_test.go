package dev_test

import (
	"io"
	"net"
	"strings"
	"testing"

	"simtransfer/dev"
)

// simtransfer dev does not start if another process uses its address, and so
// installs no sample data there.
func TestAddressInUse(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	address := l.Addr().String()
	err = dev.Serve(t.Context(), dev.Options{Dir: t.TempDir(), Listen: address, SIMs: 200, Out: io.Discard})
	if err == nil || !strings.Contains(err.Error(), address+" is in use") || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("the error is %v", err)
	}
}

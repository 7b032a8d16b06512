package serverstest

import (
	"testing"

	"simtransfer/dev/servers"
)

// FreeUDPAddress returns a loopback address with a UDP port that is free.
func FreeUDPAddress(t testing.TB) string {
	t.Helper()
	address, err := servers.FreeUDPAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return address
}

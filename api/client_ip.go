package api

import (
	"net/http"
	"net/netip"
	"strings"
)

// clientAddress returns where a call comes from: the connection, or what the
// trusted proxy in front says. It is empty if neither names an IP address.
func (s *server) clientAddress(r *http.Request) string {
	if s.TrustProxy {
		entries := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		if a, err := readAddress(entries[len(entries)-1]); err == nil {
			return a.String()
		}
	}
	a, err := readAddress(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return a.String()
}

// readAddress reads an address with or without a port.
func readAddress(text string) (netip.Addr, error) {
	text = strings.TrimSpace(text)
	if with, err := netip.ParseAddrPort(text); err == nil {
		return with.Addr().Unmap().WithZone(""), nil
	}
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return a.Unmap().WithZone(""), err
}

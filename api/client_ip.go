package api

import (
	"net/http"
	"net/netip"
	"strings"
)

// clientIP returns the IP address of the client: that of the connection, or the
// one that the trusted proxy reports. It is empty if there is no valid one.
func (s *server) clientIP(r *http.Request) string {
	if s.TrustProxy {
		entries := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		if a, err := parseIP(entries[len(entries)-1]); err == nil {
			return a.String()
		}
	}
	a, err := parseIP(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return a.String()
}

// isHTTPS reports whether the client uses HTTPS: to the API itself, or to the
// trusted proxy, which says so in the last entry of X-Forwarded-Proto.
func (s *server) isHTTPS(r *http.Request) bool {
	if r.TLS != nil || !s.TrustProxy {
		return r.TLS != nil
	}
	entries := strings.Split(strings.Join(r.Header.Values("X-Forwarded-Proto"), ","), ",")
	return strings.EqualFold(strings.TrimSpace(entries[len(entries)-1]), "https")
}

// parseIP parses an address with or without a port.
func parseIP(text string) (netip.Addr, error) {
	text = strings.TrimSpace(text)
	if with, err := netip.ParseAddrPort(text); err == nil {
		return with.Addr().Unmap().WithZone(""), nil
	}
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return a.Unmap().WithZone(""), err
}

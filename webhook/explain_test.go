package webhook

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Accounts read why there was no answer. It names no DNS server and no address of this
// service.
func TestExplain(t *testing.T) {
	t.Parallel()
	own := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 5), Port: 41234}
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Source: own, Addr: own, Err: err} }
	for want, err := range map[string]error{
		`no answer: DNS has no address for the name "hooks.example"`:              dial(&net.DNSError{Err: "no such host", Name: "hooks.example", Server: "10.0.0.2:53", IsNotFound: true}),
		`no answer: the name "hooks.example" could not be looked up in DNS`:       dial(&net.DNSError{Err: "server misbehaving", Name: "hooks.example", Server: "10.0.0.2:53", IsTemporary: true}),
		`no answer: the name "slow.example" could not be looked up in DNS`:        dial(&net.DNSError{Err: "i/o timeout", Name: "slow.example", Server: "10.0.0.2:53", IsTimeout: true}),
		"no answer: connect: connection refused":                                  dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)),
		"no answer: read: connection reset by peer":                               &net.OpError{Op: "read", Net: "tcp", Source: own, Addr: own, Err: os.NewSyscallError("read", syscall.ECONNRESET)},
		"the receiver did not answer within 3s":                                   context.DeadlineExceeded,
		"no answer: x509: certificate signed by unknown authority":                x509.UnknownAuthorityError{},
		"the address 10.0.0.9 is not allowed: it is a private or special address": dial(&refusedError{"10.0.0.9", "it is a private or special address"}),
		`no answer: malformed HTTP response "SSH"`:                                errors.New(`net/http: HTTP/1.x transport connection broken: malformed HTTP response "SSH"`),
		"no answer: http: server gave HTTP response to HTTPS client":              errors.New("http: server gave HTTP response to HTTPS client"),
	} {
		got := explain(&url.Error{Op: "Post", URL: "https://hooks.example/x", Err: err}, 3*time.Second)
		if got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
		if strings.Contains(got, "10.0.0.2") || strings.Contains(got, "10.0.0.5") {
			t.Errorf("an address of this service is in %q", got)
		}
	}
}

package radius

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"layeh.com/radius"
	"layeh.com/radius/rfc2869"
)

// ProbeResult is what a probe found out about a gateway.
type ProbeResult struct {
	// Result is the outcome. NotFound is what a gateway should answer, because
	// the session does not exist. An answer without Message-Authenticator is an
	// outcome here even if the gateway is Signed. If Outcome is Silent and
	// some were forged, the secret is probably wrong.
	Result
	// Signed reports whether the answer had a Message-Authenticator.
	Signed bool
	// PortClosed means that the gateway's host reported that nothing listens on
	// the port (ICMP port unreachable).
	PortClosed bool
	// Unreachable means that the network reported that there is no way to the
	// gateway.
	Unreachable bool
	// Unresolved means that the host name has no address.
	Unresolved bool
	// From is the address that the request was sent from; the zero value if
	// nothing was sent.
	From netip.Addr
	// OtherSender is an address that was not asked, and that sent an authentic
	// answer. The zero value means that there was none.
	OtherSender netip.AddrPort
}

// Probe finds out whether a gateway answers Disconnect-Requests, by one for a
// session that cannot exist, because its id is random. Only NASIPAddress,
// NASIdentifier, and At of the session are used. The request has the attributes of the
// gateway that can be made up without naming a session of someone: User-Name is the
// random id, and Service-Type is Framed-User. Its errors are those of Disconnect.
func (c *Client) Probe(ctx context.Context, gateway Gateway, session Session) (ProbeResult, error) {
	id := "simtransfer-probe-" + rand.Text()
	made := Session{ID: id, NASIPAddress: session.NASIPAddress, NASIdentifier: session.NASIdentifier, At: session.At}
	if gateway.Attributes != nil {
		made.Username, made.ServiceType = id, "Framed-User"
	}
	gateway.Signed = false // a result, not a condition
	x, err := c.attempt(ctx, gateway, made)
	if err != nil {
		return ProbeResult{}, fmt.Errorf("probing gateway %q: %w", gateway.Address, err)
	}
	var unknownHost *net.DNSError
	return ProbeResult{
		Result:      x.result,
		Signed:      hasMessageAuthenticator(x.answer, gateway.Secret),
		PortClosed:  errors.Is(x.network, syscall.ECONNREFUSED),
		Unreachable: errors.Is(x.network, syscall.EHOSTUNREACH) || errors.Is(x.network, syscall.ENETUNREACH),
		Unresolved:  errors.As(x.network, &unknownHost),
		From:        x.from(ctx),
		OtherSender: x.stranger,
	}, nil
}

// from returns the address that the request was sent from.
func (x *exchange) from(ctx context.Context) netip.Addr {
	if !x.to.IsValid() || x.source.IsValid() {
		return x.source
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", x.to.String()) // sends nothing
	if err != nil {
		return netip.Addr{}
	}
	defer func() { _ = conn.Close() }()
	if a, ok := conn.LocalAddr().(*net.UDPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

func hasMessageAuthenticator(answer, secret []byte) bool {
	wire, ok := trim(answer)
	if !ok {
		return false
	}
	p, err := radius.Parse(wire, secret)
	return err == nil && len(p.Get(rfc2869.MessageAuthenticator_Type)) > 0
}

package radius

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"fmt"

	"layeh.com/radius"
	"layeh.com/radius/rfc2869"
)

// sign adds a Message-Authenticator and returns the packet in wire format. For
// an answer, p.Authenticator must be the authenticator of the request.
func sign(p *radius.Packet) ([]byte, error) {
	if p.Code == radius.CodeDisconnectRequest {
		p.Authenticator = [16]byte{}
	}
	mac, err := messageAuthenticator(p)
	if err != nil {
		return nil, err
	}
	if err := rfc2869.MessageAuthenticator_Set(p, mac); err != nil {
		return nil, fmt.Errorf("adding Message-Authenticator: %w", err)
	}
	wire, err := p.Encode()
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", p.Code, err)
	}
	return wire, nil
}

// integral reports whether p has either no Message-Authenticator or exactly one
// that is correct, as RFC 5176, section 3.4, requires of requests and answers.
// authenticator is the value of the authenticator field for which the
// Message-Authenticator was computed: zeroes for a request, the request's
// authenticator for an answer.
func integral(p *radius.Packet, authenticator [16]byte) bool {
	macs, err := rfc2869.MessageAuthenticator_Gets(p)
	if err != nil || len(macs) > 1 {
		return false
	}
	if len(macs) == 0 {
		return true
	}
	p.Authenticator = authenticator
	want, err := messageAuthenticator(p)
	return err == nil && hmac.Equal(macs[0], want)
}

// messageAuthenticator returns the HMAC-MD5 of the packet, computed with the
// attribute set to sixteen zero bytes. It leaves the attribute so.
func messageAuthenticator(p *radius.Packet) ([]byte, error) {
	if err := rfc2869.MessageAuthenticator_Set(p, make([]byte, md5.Size)); err != nil {
		return nil, fmt.Errorf("adding Message-Authenticator: %w", err)
	}
	wire, err := p.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", p.Code, err)
	}
	mac := hmac.New(md5.New, p.Secret)
	mac.Write(wire)
	return mac.Sum(nil), nil
}

// trim cuts a datagram to the length in its header; the rest is padding. It
// returns false if the datagram is shorter than that (RFC 2865, section 3).
func trim(datagram []byte) ([]byte, bool) {
	if len(datagram) < 20 {
		return nil, false
	}
	length := int(binary.BigEndian.Uint16(datagram[2:4]))
	if length < 20 || length > len(datagram) {
		return nil, false
	}
	return datagram[:length], true
}

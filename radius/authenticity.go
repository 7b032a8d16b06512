package radius

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"fmt"

	"layeh.com/radius"
	"layeh.com/radius/rfc2869"
)

// sign adds a Message-Authenticator and returns the packet in wire format.
// In an answer, p.Authenticator is the one of the request it answers.
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

// integral reports whether p has no Message-Authenticator or one true one, as
// RFC 5176, section 3.4, demands of requests and answers alike. authenticator
// is what stood in the authenticator field when it was computed: zeroes in a
// request, the request's in an answer.
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

// messageAuthenticator computes the HMAC-MD5 over the packet with sixteen
// zero bytes in the attribute's place, and leaves them there.
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

// trim cuts a datagram to the length that its header states: what follows is
// padding, and a shorter one is no packet (RFC 2865, section 3).
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

package accounting

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"net/netip"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"

	"simtransfer/storage"
)

// headerSize is the size of a packet without attributes.
const headerSize = 20

// item is a packet that waits to be stored.
type item struct {
	id     packetID
	conn   *net.UDPConn
	answer []byte

	report  storage.SessionReport
	restart *storage.GatewayRestart // instead of report
}

// receive reads packets from a socket until it is closed or its deadline has passed.
func (s *Server) receive(ctx context.Context, conn *net.UDPConn) {
	buffer := make([]byte, radius.MaxPacketLength+1)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			continue // such as an ICMP error for an earlier answer
		}
		s.handle(ctx, conn, netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port()), from, buffer[:n])
	}
}

// handle checks a packet, and answers it or gives it to a writer. from is the sender,
// and to its address in the form that the socket needs.
func (s *Server) handle(ctx context.Context, conn *net.UDPConn, from, to netip.AddrPort, datagram []byte) {
	secret, ok := s.clients.Load().secret(from.Addr())
	if !ok {
		s.refuse(ctx, unknownClient, "a packet from an address that no gateway has", from)
		return
	}
	wire, ok := trim(datagram)
	if !ok {
		s.refuse(ctx, truncated, "a truncated packet", from)
		return
	}
	code := radius.Code(wire[0])
	if code != radius.CodeAccountingRequest && code != radius.CodeStatusServer {
		s.refuse(ctx, wrongCode, "a packet that is neither an Accounting-Request nor a Status-Server", from)
		return
	}
	if code == radius.CodeAccountingRequest && !radius.IsAuthenticRequest(wire, secret) {
		s.refuse(ctx, wrongAuthenticator, "a packet with a wrong authenticator: the secret of the gateway differs, or the packet was changed", from)
		return
	}
	p, err := radius.Parse(wire, secret)
	if err != nil {
		s.refuse(ctx, malformed, "a packet whose attributes cannot be read", from, slog.String("error", err.Error()))
		return
	}
	if signed, ok := authentic(p, wire); !ok || code == radius.CodeStatusServer && !signed {
		s.refuse(ctx, wrongAuthenticator, "a packet with a wrong Message-Authenticator, or a Status-Server without one", from)
		return
	}
	answer, err := answerTo(p)
	if err != nil {
		s.refuse(ctx, malformed, "a packet that cannot be answered", from, slog.String("error", err.Error()))
		return
	}
	if code == radius.CodeStatusServer {
		s.reply(conn, to, answer)
		return
	}
	id := packetID{from: to, identifier: p.Identifier, authenticator: p.Authenticator}
	if seen, done := s.repeats.begin(id); seen {
		s.counters.packets.add(duplicate, 1)
		if done {
			_, _ = conn.WriteToUDPAddrPort(answer, to)
		}
		return
	}
	s.accept(ctx, item{id: id, conn: conn, answer: answer}, p, from)
}

// accept gives a packet to the writer of its gateway, so that what a gateway sends
// is stored in the order in which it arrives.
func (s *Server) accept(ctx context.Context, i item, p *radius.Packet, from netip.AddrPort) {
	a, err := parseAttributes(p)
	if err != nil {
		s.repeats.end(false, i.id)
		s.refuse(ctx, malformed, "a packet whose attributes cannot be read", from, slog.String("error", err.Error()))
		return
	}
	kind, ok := a.kind()
	switch {
	case ok:
		i.report = a.report(kind, p.Authenticator[:], from.Addr())
	case a.isRestart():
		i.restart = &storage.GatewayRestart{
			NAS: a.gateway(from.Addr()), Packet: p.Authenticator[:], Event: a.event, Delay: a.delay, Cause: a.cause,
		}
	default: // for example of a tunnel: nothing to store
		s.counters.reports.add("other ignored", 1)
		s.repeats.end(true, i.id)
		s.reply(i.conn, i.id.from, i.answer)
		return
	}
	select {
	case s.writerOf(a.gateway(from.Addr())).queue <- i:
	default:
		s.repeats.end(false, i.id)
		s.refuse(ctx, overloaded, "too many packets wait to be stored; the gateways will send them again", from)
	}
}

// refuse counts a packet that gets no answer.
func (s *Server) refuse(ctx context.Context, result, reason string, from netip.AddrPort, more ...slog.Attr) {
	s.counters.packets.add(result, 1)
	s.warnings.add(ctx, reason, append([]slog.Attr{slog.String("from", from.String())}, more...)...)
}

// reply sends an answer. If it is lost, the gateway sends its packet again.
func (s *Server) reply(conn *net.UDPConn, to netip.AddrPort, answer []byte) {
	s.counters.packets.add(answered, 1)
	_, _ = conn.WriteToUDPAddrPort(answer, to)
}

// trim cuts a datagram to the length in its header; the rest is padding. It returns
// false if the datagram is shorter than that (RFC 2865, section 3).
func trim(datagram []byte) ([]byte, bool) {
	if len(datagram) < headerSize {
		return nil, false
	}
	length := int(binary.BigEndian.Uint16(datagram[2:4]))
	if length < headerSize || length > len(datagram) || length > radius.MaxPacketLength {
		return nil, false
	}
	return datagram[:length], true
}

// authentic reports whether a packet has a Message-Authenticator, and whether it is
// correct; ok is true if it has none. In an Accounting-Request it is computed with a
// request authenticator of zeroes, because that depends on it; in a Status-Server
// with the one that the packet has (RFC 5997, section 2).
func authentic(p *radius.Packet, wire []byte) (signed, ok bool) {
	macs, err := rfc2869.MessageAuthenticator_Gets(p)
	if err != nil || len(macs) > 1 || len(macs) == 1 && len(macs[0]) != md5.Size {
		return false, false
	}
	if len(macs) == 0 {
		return false, true
	}
	unsigned := append([]byte(nil), wire...)
	if p.Code == radius.CodeAccountingRequest {
		clear(unsigned[4:headerSize])
	}
	for at := headerSize; at < len(unsigned); at += int(unsigned[at+1]) { // Parse has checked the lengths
		if radius.Type(unsigned[at]) == rfc2869.MessageAuthenticator_Type {
			clear(unsigned[at+2 : at+2+md5.Size])
		}
	}
	mac := hmac.New(md5.New, p.Secret)
	mac.Write(unsigned)
	return true, hmac.Equal(mac.Sum(nil), macs[0])
}

// answerTo returns the answer to a packet: an Accounting-Response with every
// Proxy-State, in the same order, and signed if the packet is.
func answerTo(p *radius.Packet) ([]byte, error) {
	answer := p.Response(radius.CodeAccountingResponse)
	_, signed := p.Lookup(rfc2869.MessageAuthenticator_Type)
	if signed {
		answer.Add(rfc2869.MessageAuthenticator_Type, make(radius.Attribute, md5.Size))
	}
	for _, avp := range p.Attributes {
		if avp.Type == rfc2865.ProxyState_Type {
			answer.Add(avp.Type, avp.Attribute)
		}
	}
	if signed {
		wire, err := answer.MarshalBinary()
		if err != nil {
			return nil, err
		}
		mac := hmac.New(md5.New, p.Secret)
		mac.Write(wire)
		answer.Set(rfc2869.MessageAuthenticator_Type, mac.Sum(nil))
	}
	return answer.Encode()
}

package radius

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"
	"layeh.com/radius"
	"layeh.com/radius/rfc3576"

	"simtransfer/transfer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func secret() []byte { return []byte("a secret of the tests") }

// listen receives datagrams on loopback until the test ends. It passes each to receive,
// which may keep it, with the socket to answer on.
func listen(t testing.TB, receive func(conn *net.UDPConn, datagram []byte, from netip.AddrPort)) (address string) {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	go func() {
		defer close(done)
		buffer := make([]byte, radius.MaxPacketLength)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			receive(conn, bytes.Clone(buffer[:n]), from)
		}
	}()
	return conn.LocalAddr().String()
}

// startPeer listens on loopback and passes each datagram to answer, with the number
// of earlier ones. It sends back what answer returns, in order.
func startPeer(t testing.TB, answer func(request []byte, before int) [][]byte) Gateway {
	t.Helper()
	before := 0
	address := listen(t, func(conn *net.UDPConn, request []byte, from netip.AddrPort) {
		for _, datagram := range answer(request, before) {
			_, _ = conn.WriteToUDPAddrPort(datagram, from)
		}
		before++
	})
	return Gateway{Address: address, Secret: secret()}
}

// newRequest returns a request of the client.
func newRequest(secret []byte, s Session, attributes []transfer.GatewayAttribute, now time.Time) ([]byte, error) {
	d, err := newDraft(secret, s, attributes, now)
	if err != nil {
		return nil, err
	}
	return d.wire(7)
}

// ack and nak return the answers of a gateway, with a Message-Authenticator.
func ack(t testing.TB, request []byte) []byte {
	t.Helper()
	return sealed(t, responseTo(t, request, radius.CodeDisconnectACK))
}

func nak(t testing.TB, request []byte, cause Cause) []byte {
	t.Helper()
	response := responseTo(t, request, radius.CodeDisconnectNAK)
	if cause != 0 {
		if err := rfc3576.ErrorCause_Set(response, rfc3576.ErrorCause(cause)); err != nil {
			t.Error(err)
		}
	}
	return sealed(t, response)
}

func responseTo(t testing.TB, request []byte, code radius.Code) *radius.Packet {
	t.Helper()
	packet, err := radius.Parse(request, secret())
	if err != nil {
		t.Error(err)
	}
	return packet.Response(code)
}

func sealed(t testing.TB, packet *radius.Packet) []byte {
	t.Helper()
	wire, err := sign(packet)
	if err != nil {
		t.Error(err)
	}
	return wire
}

// plain encodes a packet without adding a Message-Authenticator.
func plain(t testing.TB, packet *radius.Packet) []byte {
	t.Helper()
	wire, err := packet.Encode()
	if err != nil {
		t.Error(err)
	}
	return wire
}

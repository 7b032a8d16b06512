//go:build !linux

package radius

import (
	"context"
	"net"
	"net/netip"
)

// openSocket opens a UDP socket for requests to an address, from a source address
// if one is given. It is connected, so that the kernel reports that nothing listens
// on the port; answers from other addresses do not arrive.
func openSocket(ctx context.Context, to netip.AddrPort, source netip.Addr) (*net.UDPConn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var local *net.UDPAddr
	if source.IsValid() {
		local = net.UDPAddrFromAddrPort(netip.AddrPortFrom(source, 0))
	}
	return net.DialUDP("udp", local, net.UDPAddrFromAddrPort(to))
}

// send sends a datagram.
func send(conn *net.UDPConn, datagram []byte, _ netip.AddrPort) error {
	_, err := conn.Write(datagram)
	return err
}

// receiveNow returns a datagram that has arrived already; false: there is none.
// It is only known on Linux.
func receiveNow(*net.UDPConn, []byte) (n int, from netip.AddrPort, ok bool) {
	return 0, netip.AddrPort{}, false
}

// isQuiet reports whether nothing waits to be read. It is only known on Linux, so
// that no socket is used again elsewhere.
func isQuiet(*net.UDPConn) bool { return false }

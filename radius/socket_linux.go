package radius

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
)

// openSocket opens a UDP socket for requests to an address, from a source address
// if one is given. It is not connected, so that answers from other addresses are
// received and counted. IP_RECVERR makes the kernel report, as for a connected
// socket, that nothing listens on the port.
func openSocket(ctx context.Context, to netip.AddrPort, source netip.Addr) (*net.UDPConn, error) {
	network, local := "udp4", "0.0.0.0:0"
	if to.Addr().Is6() {
		network, local = "udp6", "[::]:0"
	}
	if source.IsValid() {
		local = netip.AddrPortFrom(source, 0).String()
	}
	listener := net.ListenConfig{Control: func(network, _ string, c syscall.RawConn) error {
		level, option := syscall.IPPROTO_IP, syscall.IP_RECVERR
		if network == "udp6" {
			level, option = syscall.IPPROTO_IPV6, syscall.IPV6_RECVERR
		}
		var err error
		if controlErr := c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), level, option, 1) }); controlErr != nil {
			return controlErr
		}
		return err
	}}
	conn, err := listener.ListenPacket(ctx, network, local)
	if err != nil {
		return nil, err
	}
	return conn.(*net.UDPConn), nil //nolint:forcetypeassert // ListenPacket documents it for these networks
}

// send sends a datagram.
func send(conn *net.UDPConn, datagram []byte, to netip.AddrPort) error {
	_, err := conn.WriteToUDPAddrPort(datagram, to)
	return err
}

// receiveNow returns a datagram that has arrived already; false: there is none.
func receiveNow(conn *net.UDPConn, buffer []byte) (n int, from netip.AddrPort, ok bool) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, from, false
	}
	err = raw.Control(func(fd uintptr) {
		var sender syscall.Sockaddr
		n, sender, err = syscall.Recvfrom(int(fd), buffer, syscall.MSG_DONTWAIT)
		switch a := sender.(type) {
		case *syscall.SockaddrInet4:
			from = netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
		case *syscall.SockaddrInet6:
			from = netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port))
		}
		ok = err == nil
	})
	return n, from, ok && err == nil
}

// isQuiet reports whether nothing waits to be read: no datagram, and no report of the
// network.
func isQuiet(conn *net.UDPConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	quiet := false
	err = raw.Control(func(fd uintptr) {
		var buffer [1]byte
		_, _, err := syscall.Recvfrom(int(fd), buffer[:], syscall.MSG_DONTWAIT|syscall.MSG_PEEK)
		quiet = errors.Is(err, syscall.EAGAIN)
	})
	return quiet && err == nil
}

package radius

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"

	"simtransfer/transfer"
)

// Gateway is where Disconnect-Requests are sent. It is printed and logged as its
// address, never with the secret.
type Gateway struct {
	// Address is host:port. The usual port is 3799 (RFC 5176, section 2.1). A
	// host name is resolved for each attempt.
	Address string
	// Secret is shared with the gateway; it must not be empty.
	Secret []byte `json:"-"`
	// Signed means that answers count only if they have a Message-Authenticator
	// (RFC 3579, section 3.2). Without it, an answer is protected by MD5 only,
	// which can be forged on the way (CVE-2024-3596).
	Signed bool
	// Attributes are those that requests have; nil: the default ones.
	Attributes []transfer.GatewayAttribute
	// Source is the address of this machine to send from; the zero value: the one
	// that the route has.
	Source netip.Addr
}

// Format prints the address for every verb.
func (g Gateway) Format(state fmt.State, _ rune) {
	_, _ = io.WriteString(state, g.Address)
}

// LogValue logs the address.
func (g Gateway) LogValue() slog.Value {
	return slog.StringValue(g.Address)
}

// DefaultTimeout is the Timeout of a Client that sets none.
const DefaultTimeout = 3 * time.Second

// Client sends Disconnect-Requests. The zero value is ready to use, and a client
// may be used by many goroutines at the same time. It must not be copied.
//
// An attempt uses one UDP socket and a buffer of 4 KB. The caller limits the number
// of concurrent attempts, and thereby the rate: that number divided by the gateway's
// response time. No two attempts have the same socket and identifier, because a
// gateway remembers its answers by source port and identifier for some seconds
// (RFC 5080, section 2.2.2). A socket on which one request got one authentic answer,
// and nothing else happened, is used again; up to 256 of them stay open for some
// seconds after their last request.
type Client struct {
	// Timeout is per attempt, including retransmissions; zero means
	// DefaultTimeout.
	Timeout time.Duration
	// Retry is the delay between retransmissions of the request; zero means 1s.
	// Each delay varies by up to a tenth, so that many clients do not send at
	// the same moment (RFC 5080, section 2.2.1).
	Retry time.Duration

	sockets socketPool
}

// Disconnect asks a gateway to drop a session, once, and waits for the
// outcome.
//
// It returns an error only if something on this machine fails: the error wraps
// ErrInvalid if the arguments cannot be sent, ctx's error if ctx ended first, and
// otherwise an error of the operating system, such as too many open sockets.
// Everything that the gateway or the network does is a Result, also if no answer
// came.
//
// If the gateway answers that it has no such session, Disconnect asks again with
// other attributes before it believes that: the gateway may only have missed a
// value that was rewritten on the way, or an attribute that it requires.
func (c *Client) Disconnect(ctx context.Context, gateway Gateway, session Session) (Result, error) {
	result, err := c.disconnect(ctx, gateway, session, gateway.Attributes)
	if err == nil && result.Outcome == NotFound {
		result, err = c.confirm(ctx, gateway, session, result)
	}
	if err != nil {
		return Result{}, fmt.Errorf("disconnecting session %q at gateway %q: %w", session.ID, gateway.Address, err)
	}
	return result, nil
}

// confirm asks again about a session that the gateway did not find.
func (c *Client) confirm(ctx context.Context, gateway Gateway, session Session, notFound Result) (Result, error) {
	result := notFound
	for _, attributes := range session.otherForms(gateway.Attributes) {
		answer, err := c.disconnect(ctx, gateway, session, attributes)
		if err != nil {
			return answer, err
		}
		answer.Sent += result.Sent
		answer.Ignored = answer.Ignored.plus(result.Ignored)
		answer.Took += result.Took
		result.Sent, result.Ignored, result.Took = answer.Sent, answer.Ignored, answer.Took
		cannotTell := answer.Outcome == Refused && answer.Cause.aboutAttributes()
		if answer.Outcome != NotFound && !cannotTell {
			return answer, nil
		}
	}
	return result, nil
}

func (c *Client) disconnect(ctx context.Context, gateway Gateway, session Session, attributes []transfer.GatewayAttribute) (Result, error) {
	gateway.Attributes = attributes
	x, err := c.attempt(ctx, gateway, session)
	if err != nil {
		return Result{}, err
	}
	return x.result, nil
}

// attempt is one attempt. Its error is one of this machine.
func (c *Client) attempt(ctx context.Context, gateway Gateway, session Session) (*exchange, error) {
	if err := checkAddress(gateway.Address); err != nil {
		return nil, err
	}
	start := time.Now()
	d, err := newDraft(gateway.Secret, session, gateway.Attributes, start)
	if err != nil {
		return nil, err
	}
	x := &exchange{
		sockets:  &c.sockets,
		draft:    d,
		secret:   gateway.Secret,
		signed:   gateway.Signed,
		deadline: start.Add(cmp.Or(c.Timeout, DefaultTimeout)),
		retry:    cmp.Or(c.Retry, time.Second),
		source:   gateway.Source,
	}
	err = x.run(ctx, gateway.Address)
	x.result.Took = time.Since(start)
	switch {
	case err == nil:
		return x, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, ErrInvalid):
		return nil, err
	case errors.Is(err, os.ErrDeadlineExceeded) && x.network == nil:
		x.result.Reason = x.timeoutReason(x.result.Took)
	case errors.Is(err, os.ErrDeadlineExceeded):
		x.result.Reason = networkReason(x.network)
	case ours(err):
		return nil, err
	default:
		x.result.Reason, x.network = networkReason(err), err
	}
	x.result.Outcome = Silent
	return x, nil
}

// exchange is one attempt: a request, its retransmissions, and the result.
type exchange struct {
	sockets  *socketPool
	draft    *draft
	request  []byte // the draft with the identifier that the socket has for it
	secret   []byte
	signed   bool
	deadline time.Time
	retry    time.Duration
	source   netip.Addr
	result   Result
	answer   []byte         // the authentic answer; nil if none came
	network  error          // of the network, instead of an answer
	to       netip.AddrPort // where the request was sent to; the zero value if it was not
	stranger netip.AddrPort // another address, from which an authentic answer came
}

// run sets the result and returns nil if an authentic answer came. It returns
// os.ErrDeadlineExceeded if none came before the deadline.
func (x *exchange) run(ctx context.Context, address string) error {
	to, err := x.resolve(ctx, address)
	if err != nil {
		return err
	}
	conn, err := x.sockets.take(ctx, route{to, x.source})
	if err != nil {
		return x.openError(err)
	}
	if x.request, err = x.draft.wire(conn.identifier()); err != nil {
		_ = conn.Close()
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	x.to = to
	err = x.await(conn)
	if stop() && err == nil && x.result.Sent == 1 && x.result.Ignored == (Ignored{}) {
		x.sockets.give(conn)
	} else {
		_ = conn.Close()
	}
	return err
}

// await sends the request until its answer comes.
func (x *exchange) await(conn *socket) error {
	var resend time.Time
	for {
		now := time.Now()
		if !now.Before(x.deadline) {
			return os.ErrDeadlineExceeded
		}
		if !now.Before(resend) {
			if err := send(conn.UDPConn, x.request, x.to); err != nil {
				return err
			}
			x.result.Sent++
			resend = now.Add(jitter(x.retry))
		}
		if err := conn.SetReadDeadline(earlier(resend, x.deadline)); err != nil {
			return err
		}
		n, from, err := conn.ReadFromUDPAddrPort(conn.buffer[:])
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			continue
		case passes(err):
			x.network = err
			continue
		case err != nil:
			return err
		}
		if a, ok := x.read(conn.buffer[:n], from); ok {
			x.result.Outcome, x.result.Cause, x.answer, x.network = a.outcome, a.cause, bytes.Clone(conn.buffer[:n]), nil
			x.drain(conn.UDPConn, conn.buffer[:])
			return nil
		}
	}
}

// read returns the answer in a datagram. It returns false, and counts the datagram,
// if it is none that can be believed.
func (x *exchange) read(datagram []byte, from netip.AddrPort) (answer, bool) {
	if netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port()) == netip.AddrPortFrom(x.to.Addr().WithZone(""), x.to.Port()) {
		return readAnswer(datagram, x.request, x.secret, x.signed, &x.result.Ignored)
	}
	x.result.Ignored.OtherAddress++
	var wrong Ignored
	if _, ok := readAnswer(datagram, x.request, x.secret, x.signed, &wrong); ok {
		x.stranger = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	}
	return answer{}, false
}

// maxDrained is how many datagrams are looked at after the answer.
const maxDrained = 8

// drain counts what has arrived after the answer.
func (x *exchange) drain(conn *net.UDPConn, buffer []byte) {
	for range maxDrained {
		n, from, ok := receiveNow(conn, buffer)
		if !ok {
			return
		}
		if _, ok := x.read(buffer[:n], from); ok {
			x.result.Ignored.Doubled++
		}
	}
}

// resolve returns the address to send to: of a host name, the first one in the
// family of the source address, if there is one. It skips the resolver for an IP
// address, which is faster.
func (x *exchange) resolve(ctx context.Context, address string) (netip.AddrPort, error) {
	if err := ctx.Err(); err != nil {
		return netip.AddrPort{}, err
	}
	if literal, err := netip.ParseAddrPort(address); err == nil {
		literal = netip.AddrPortFrom(literal.Addr().Unmap(), literal.Port())
		if x.source.IsValid() && x.source.Is4() != literal.Addr().Is4() {
			return literal, fmt.Errorf("%w: the source address %s and the gateway's address %s are not both IPv4 or both IPv6", ErrInvalid, x.source, literal.Addr())
		}
		return literal, nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, err
	}
	ctx, cancel := context.WithDeadline(ctx, x.deadline)
	defer cancel()
	list, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	for _, a := range list {
		if a = a.Unmap(); !x.source.IsValid() || x.source.Is4() == a.Is4() {
			return netip.AddrPortFrom(a, uint16(n)), nil
		}
	}
	return netip.AddrPort{}, fmt.Errorf("%w: %s has no address of the same family as the source address %s", ErrInvalid, host, x.source)
}

// openError explains that the source address is not one of this machine.
func (x *exchange) openError(err error) error {
	if x.source.IsValid() && errors.Is(err, syscall.EADDRNOTAVAIL) {
		return fmt.Errorf("%w: this host has no address %s to send from: add it to the host, or change the source address of the gateway", ErrInvalid, x.source)
	}
	return err
}

// passes reports whether a network error can pass before the deadline: a router or
// this host reports that there is no way to the gateway now.
func passes(err error) bool {
	return errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EPROTO) ||
		errors.Is(err, syscall.EHOSTDOWN) || errors.Is(err, syscall.ENOPROTOOPT) || errors.Is(err, syscall.EMSGSIZE)
}

func (x *exchange) timeoutReason(took time.Duration) string {
	took = took.Round(time.Millisecond)
	ignored := x.result.Ignored
	switch {
	case x.stranger.IsValid():
		return fmt.Sprintf("none from %s in %s, but one from %s, which was not asked: set server to that address, or make the gateway answer from the address that it is asked at", x.to, took, x.stranger)
	case ignored.Forged+ignored.Unsigned > 0:
		return fmt.Sprintf("no authentic answer in %s (%d ignored: %s; check the shared secret%s)", took, ignored.Total(), ignored, x.signedHint())
	case ignored.Total() > 0:
		return fmt.Sprintf("no authentic answer in %s (%d ignored: %s)", took, ignored.Total(), ignored)
	}
	return fmt.Sprintf("nothing received in %s (sent %d times)", took, x.result.Sent)
}

func (x *exchange) signedHint() string {
	if x.signed {
		return ", and whether the gateway sends Message-Authenticator, which is required of it"
	}
	return ""
}

// ours reports whether a network error is caused by this machine's limits or
// settings, rather than by the network or the gateway.
func ours(err error) bool {
	for _, errno := range []syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, // too many open sockets
		syscall.ENOBUFS, syscall.ENOMEM,
		syscall.EADDRNOTAVAIL, syscall.EAGAIN, // no free port
		syscall.EPERM, // a local packet filter
	} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// networkReason returns the error without the addresses, which the caller knows, and
// without those of DNS servers.
func networkReason(err error) string {
	var dns *net.DNSError
	var errno syscall.Errno
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Sprintf("DNS has no address for the name %q", dns.Name)
	case errors.As(err, &dns):
		return fmt.Sprintf("the name %q could not be looked up in DNS", dns.Name)
	case errors.As(err, &errno):
		return errno.Error()
	}
	return err.Error()
}

func checkAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if n, err := strconv.ParseUint(port, 10, 16); host == "" || err != nil || n == 0 {
		return fmt.Errorf("%w: the address is not host:port", ErrInvalid)
	}
	return nil
}

// jitter returns d plus or minus up to a tenth.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

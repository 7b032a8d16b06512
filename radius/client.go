package radius

import (
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

	"layeh.com/radius"
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
// may be used by many goroutines at the same time.
//
// An attempt uses one UDP socket and a buffer of 4 KB, and frees both when it
// returns. The caller limits the number of concurrent attempts, and thereby the
// rate: that number divided by the gateway's response time. Each attempt has its
// own socket and identifier, because a gateway remembers its answers by source
// port and identifier for some seconds (RFC 5080, section 2.2.2).
type Client struct {
	// Timeout is per attempt, including retransmissions; zero means
	// DefaultTimeout.
	Timeout time.Duration
	// Retry is the delay between retransmissions of the request; zero means 1s.
	// Each delay varies by up to a tenth, so that many clients do not send at
	// the same moment (RFC 5080, section 2.2.1).
	Retry time.Duration
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
	usual := session
	usual.ServiceType = ""
	result, err := c.disconnect(ctx, gateway, usual)
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
	for _, other := range session.otherForms() {
		answer, err := c.disconnect(ctx, gateway, other)
		if err != nil {
			return answer, err
		}
		answer.Sent += result.Sent
		answer.Ignored += result.Ignored
		answer.Took += result.Took
		result.Sent, result.Ignored, result.Took = answer.Sent, answer.Ignored, answer.Took
		cannotTell := answer.Outcome == Refused && answer.Cause.aboutAttributes()
		if answer.Outcome != NotFound && !cannotTell {
			return answer, nil
		}
	}
	return result, nil
}

func (c *Client) disconnect(ctx context.Context, gateway Gateway, session Session) (Result, error) {
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
	request, err := newRequest(gateway.Secret, session, start)
	if err != nil {
		return nil, err
	}
	x := &exchange{
		request:  request,
		secret:   gateway.Secret,
		signed:   gateway.Signed,
		deadline: start.Add(cmp.Or(c.Timeout, DefaultTimeout)),
		retry:    cmp.Or(c.Retry, time.Second),
	}
	err = x.run(ctx, gateway.Address)
	x.result.Took = time.Since(start)
	switch {
	case err == nil:
		return x, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		x.result.Reason = x.timeoutReason(x.result.Took)
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
	request  []byte
	secret   []byte
	signed   bool
	deadline time.Time
	retry    time.Duration
	result   Result
	answer   []byte     // the authentic answer; nil if none came
	network  error      // of the network, instead of an answer
	local    netip.Addr // where the request was sent from
}

// run sets the result and returns nil if an authentic answer came. It returns
// os.ErrDeadlineExceeded if none came before the deadline.
func (x *exchange) run(ctx context.Context, address string) error {
	conn, err := open(ctx, address, x.deadline)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if a, ok := conn.LocalAddr().(*net.UDPAddr); ok {
		x.local = a.AddrPort().Addr().Unmap()
	}

	var buffer [radius.MaxPacketLength]byte
	var resend time.Time
	for {
		now := time.Now()
		if !now.Before(x.deadline) {
			return os.ErrDeadlineExceeded
		}
		if !now.Before(resend) {
			if _, err := conn.Write(x.request); err != nil {
				return err
			}
			x.result.Sent++
			resend = now.Add(jitter(x.retry))
		}
		if err := conn.SetReadDeadline(earlier(resend, x.deadline)); err != nil {
			return err
		}
		n, err := conn.Read(buffer[:])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		if err != nil {
			return err
		}
		outcome, cause, ok := readAnswer(buffer[:n], x.request, x.secret, x.signed)
		if ok {
			x.result.Outcome, x.result.Cause, x.answer = outcome, cause, buffer[:n]
			return nil
		}
		x.result.Ignored++
	}
}

// open opens a socket. It skips the resolver for an IP address, which is faster.
func open(ctx context.Context, address string, deadline time.Time) (net.Conn, error) {
	if literal, err := netip.ParseAddrPort(address); err == nil && ctx.Err() == nil {
		return net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(literal))
	}
	return (&net.Dialer{Deadline: deadline}).DialContext(ctx, "udp", address)
}

func (x *exchange) timeoutReason(took time.Duration) string {
	took = took.Round(time.Millisecond)
	if x.result.Ignored > 0 {
		return fmt.Sprintf("no authentic answer in %s (%d ignored; check the shared secret%s)", took, x.result.Ignored, x.signedHint())
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

// networkReason returns the error without the addresses, which the caller knows.
func networkReason(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
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

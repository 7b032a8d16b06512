package transfer

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
)

// The rules for gateways. The trigger radius.check_gateway has the same ones for
// rows that other programs write; a test compares them.

// ParseGatewayName parses the name of a gateway: the IP address that it sends in
// accounting as NAS-IP-Address, or a network of such addresses. It returns an
// address as the network of only itself, and an IPv4-mapped address as IPv4.
func ParseGatewayName(text string) (netip.Prefix, error) {
	text = Trim(text)
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err == nil && p.Addr().Is4In6() {
		if p.Bits() < 96 {
			err = errors.New("too wide")
		} else {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
	}
	if err != nil {
		return netip.Prefix{}, errors.New("not an IP address or a network: give the address that the gateway sends as NAS-IP-Address, such as 10.0.0.1, or a network such as 10.64.0.0/10")
	}
	return p.Masked(), nil
}

// CheckGatewayNetwork returns an error if no gateway can have an address of the
// network, such as 0.0.0.0, broadcast or multicast. The network of all addresses is
// allowed. Gateways from before this rule can be read and removed.
func CheckGatewayNetwork(network netip.Prefix) error {
	if isHost(network) {
		return nil
	}
	return fmt.Errorf("%s is not an address that a gateway can have: give the address that the gateway sends as NAS-IP-Address, or 0.0.0.0/0 or ::/0 for gateways with any address", GatewayName(network))
}

// isHost reports whether a host can have an address of the network.
func isHost(network netip.Prefix) bool {
	for _, special := range []string{"0.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32", "::/128", "ff00::/8"} {
		s := netip.MustParsePrefix(special)
		if s.Bits() <= network.Bits() && s.Contains(network.Addr()) {
			return false
		}
	}
	return true
}

func checkServerAddress(a netip.Addr) error {
	a = a.Unmap()
	if isHost(netip.PrefixFrom(a, a.BitLen())) {
		return nil
	}
	return fmt.Errorf("%s is not an address that a gateway can have: give the one where it takes Disconnect-Requests", a)
}

// GatewayName returns the name of the gateways in a network.
func GatewayName(network netip.Prefix) string {
	if network.IsSingleIP() {
		return network.Addr().String()
	}
	return network.String()
}

// ParseGatewayServer parses where a gateway takes Disconnect-Requests: host or
// host:port.
func ParseGatewayServer(text string) (string, error) {
	text = Trim(text)
	invalid := errors.New("not an address for Disconnect-Requests: give host or host:port, such as 10.0.0.1:3799, [2001:db8::1]:3799 or gateway.example.com")
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return text, checkServerAddress(a)
	}
	host, port, hasPort := text, "", false
	if i := strings.LastIndexByte(text, ':'); i > strings.LastIndexByte(text, ']') {
		host, port, hasPort = text[:i], text[i+1:], true
	}
	if strings.Contains(text, "://") {
		return "", errors.New("a URL is not an address for Disconnect-Requests: give host or host:port, such as 10.0.0.1:3799. A gateway that is called by HTTP has a url and no server")
	}
	if hasPort {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || len(port) > 5 || port[0] == '+' {
			return "", fmt.Errorf("the port %q is not a number from 1 to 65535: give host or host:port", port)
		}
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		a, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		if err != nil || !strings.HasSuffix(host, "]") || !a.Is6() || a.Zone() != "" {
			return "", invalid
		}
		return text, checkServerAddress(a)
	}
	if a, err := netip.ParseAddr(host); err == nil && a.Is4() {
		return text, checkServerAddress(a)
	}
	if endsInNumber(strings.TrimSuffix(host, ".")) {
		return "", fmt.Errorf("%q is neither an IP address nor a name: write an IPv4 address as four numbers from 0 to 255, such as 10.0.0.1", host)
	}
	if host == "" || strings.ContainsFunc(host, func(r rune) bool { return !inHostName(r) }) {
		return "", invalid
	}
	return text, nil
}

func inHostName(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_'
}

// ParseGatewaySecret checks the secret that a gateway shares with its RADIUS
// servers. Its errors do not contain the secret.
func ParseGatewaySecret(text string) (string, error) {
	switch {
	case strings.TrimFunc(text, isBlank) == "":
		return "", errors.New("the secret is empty: give the secret that the gateway shares with its RADIUS servers")
	case strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar }):
		return "", errors.New("the secret has a control character, such as a line break: leave it out")
	case text != strings.TrimSpace(text):
		return "", errors.New("the secret begins or ends with a space: leave it out")
	}
	return text, nil
}

// ProbeOutcome is what a probe of a gateway found out. A probe sends a
// Disconnect-Request for a session that cannot exist.
type ProbeOutcome string

// The outcomes of probes.
const (
	ProbeAnswers      ProbeOutcome = "answers"       // it has no such session (Error-Cause 503)
	ProbeRefuses      ProbeOutcome = "refuses"       // it answered, but with another Error-Cause
	ProbeAcknowledges ProbeOutcome = "acknowledges"  // it claims that it ended the session
	ProbeUnsigned     ProbeOutcome = "unsigned"      // it answered without the Message-Authenticator that is required of it
	ProbeWrongSecret  ProbeOutcome = "wrong_secret"  // it answered, signed with another secret
	ProbeUnverified   ProbeOutcome = "unverified"    // it accepts calls by HTTP that are signed with another secret
	ProbeOtherAddress ProbeOutcome = "other_address" // it answered from an address that was not asked
	ProbeSilent       ProbeOutcome = "silent"        // nothing came back
	ProbePortClosed   ProbeOutcome = "port_closed"   // its host reported that nothing listens on the port
	ProbeUnreachable  ProbeOutcome = "unreachable"   // the network reported that it cannot be reached
	ProbeUnresolved   ProbeOutcome = "unresolved"    // the host name of its server cannot be resolved
	ProbeNotSent      ProbeOutcome = "not_sent"      // the worker could not send the request
	ProbeNoWorker     ProbeOutcome = "no_worker"     // no worker reported an outcome in time
)

// ProbeOutcomes lists every outcome.
func ProbeOutcomes() []ProbeOutcome {
	return []ProbeOutcome{
		ProbeAnswers, ProbeRefuses, ProbeAcknowledges, ProbeUnsigned, ProbeWrongSecret, ProbeUnverified, ProbeOtherAddress, ProbeSilent,
		ProbePortClosed, ProbeUnreachable, ProbeUnresolved, ProbeNotSent, ProbeNoWorker,
	}
}

// Answered reports whether an authentic answer came from the gateway.
func (o ProbeOutcome) Answered() bool {
	switch o {
	case ProbeAnswers, ProbeRefuses, ProbeAcknowledges, ProbeUnsigned:
		return true
	case ProbeWrongSecret, ProbeUnverified, ProbeOtherAddress, ProbeSilent, ProbePortClosed, ProbeUnreachable, ProbeUnresolved, ProbeNotSent, ProbeNoWorker:
	}
	return false
}

// Meaning says in one sentence what an outcome means.
func (o ProbeOutcome) Meaning() string {
	switch o {
	case ProbeAnswers:
		return "The gateway answers, and the secret is right."
	case ProbeRefuses:
		return "The gateway answers and the secret is right, but it refused the request."
	case ProbeAcknowledges:
		return "The gateway answers and the secret is right, but it claims to have ended a session that does not exist."
	case ProbeUnsigned:
		return "The gateway answers and the secret is right, but its answer has no Message-Authenticator, which is required of it. Such answers are ignored."
	case ProbeWrongSecret:
		return "Something answers, but not with this secret: the secret is probably wrong."
	case ProbeUnverified:
		return "The gateway takes calls that are signed with a wrong secret, so anyone could end sessions there."
	case ProbeOtherAddress:
		return "The gateway answers and the secret is right, but its answer comes from another address than the one that was asked. Such answers are not believed."
	case ProbeSilent:
		return "The gateway did not answer."
	case ProbePortClosed:
		return "The host of the gateway answered that nothing listens on this port."
	case ProbeUnreachable:
		return "The network reported that the gateway cannot be reached."
	case ProbeUnresolved:
		return "The host name of the gateway's server cannot be resolved."
	case ProbeNotSent:
		return "The worker could not send the request."
	case ProbeNoWorker:
		return "No worker reported an outcome in time, so nothing is known about the gateway."
	}
	return ""
}

// Remedy says what to do about an outcome; it is empty if there is nothing to do.
func (o ProbeOutcome) Remedy() string {
	switch o {
	case ProbeAnswers:
		return ""
	case ProbeRefuses:
		return "See error_cause. 501: allow Disconnect-Requests (dynamic authorization, CoA) from the workers' addresses. 401 to 407: the gateway wants other attributes; real requests have more than this one, so transfer a SIM with an open session as a test. 502: the address is that of a proxy that does not know the gateway; set server."
	case ProbeAcknowledges:
		return "Check that server is the gateway itself, and not a proxy that acknowledges every request. Otherwise sessions count as ended that are not."
	case ProbeUnsigned:
		return "Configure the gateway to send Message-Authenticator, or set require_message_authenticator to false."
	case ProbeWrongSecret:
		return "Set the secret that the gateway is configured with for Disconnect-Requests from the workers. If it is right, check whether another device has this address."
	case ProbeUnverified:
		return "Make the receiver verify the signature as Standard Webhooks has it, and answer 401 if it is wrong."
	case ProbeOtherAddress:
		return "Set server to the address that detail names, or configure the gateway to answer from the address that it is asked at."
	case ProbeSilent:
		return "Gateways do not answer requests with a wrong secret or from a sender that they do not know. Check, in this order: server and its port (usually 3799), firewalls between the workers and the gateway (UDP), the workers' addresses in the gateway's list of senders, the secret, and the clock of the gateway (within 300 seconds)."
	case ProbePortClosed:
		return "Check the port of server, and that the gateway is configured to take Disconnect-Requests. The usual port is 3799; some use 1700."
	case ProbeUnreachable:
		return "Check the address of server, and the route and the firewalls from the workers to it."
	case ProbeUnresolved:
		return "Correct the host name in server, or the name servers that the workers use."
	case ProbeNotSent:
		return "See detail. The cause is on the worker's host, such as a packet filter or too many open sockets."
	case ProbeNoWorker:
		return "Check that simtransfer worker runs and reaches the database, then probe again."
	}
	return ""
}

// CallRemedy is Remedy for a gateway that is called by HTTP.
func (o ProbeOutcome) CallRemedy() string {
	switch o {
	case ProbeRefuses:
		return "See detail. The URL must answer a test call with a status from 200 to 299; 404 means that the URL is wrong."
	case ProbeWrongSecret:
		return "Set the secret of the URL that its receiver has, and check that the receiver verifies the signature as Standard Webhooks has it, and that its clock is right."
	case ProbeSilent:
		return "Check that the program at the URL runs and answers within the time that detail names, and the firewalls (TCP) between the workers and it."
	case ProbeUnreachable:
		return "See detail. Check the host and the port of the URL, that the program there runs, its certificate, and the route and the firewalls (TCP) from the workers to it."
	case ProbeNotSent:
		return "See detail. If the address is in a private network, name that in SIMTRANSFER_GATEWAY_ALLOW_NETWORKS of the workers."
	case ProbeAnswers, ProbeAcknowledges, ProbeUnsigned, ProbeUnverified, ProbeOtherAddress, ProbePortClosed, ProbeUnresolved, ProbeNoWorker:
	}
	return o.Remedy()
}

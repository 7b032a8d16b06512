package transfer

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// parseReceiverURL is ParseWebhookURL with the name of the setting of the networks.
func parseReceiverURL(text string, networks []netip.Prefix, setting string) (string, error) {
	text = Trim(text)
	if len(text) > MaxWebhookURL {
		return "", fmt.Errorf("longer than %d bytes", MaxWebhookURL)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", errors.New("not a URL: give one such as https://example.com/webhooks, in ASCII")
	case u.Scheme != "https" && u.Scheme != "http":
		return "", errors.New("not an https URL")
	case u.User != nil:
		return "", errors.New("a URL with a user or a password is not allowed: verify the signature instead")
	case !isPort(u.Port()):
		return "", fmt.Errorf("%s is not a port: use one from 1 to 65535", u.Port())
	case u.Fragment != "":
		return "", errors.New("a URL with a fragment is not allowed: it would not be sent")
	}
	address, isAddress, err := addressOfHost(u.Hostname())
	if err != nil {
		return "", err
	}
	switch {
	case u.Scheme == "http" && len(networks) == 0, u.Scheme == "http" && isAddress && !inNetworks(address, networks):
		return "", errors.New("not an https URL: plain http is only allowed to the networks of " + setting)
	case isAddress && !inNetworks(address, networks) && !isOnInternet(address):
		return "", fmt.Errorf("the host %s is a private or special address, which is only allowed in the networks of %s", address, setting)
	case !isAddress && isLocalName(u.Hostname()) && len(networks) == 0:
		return "", errors.New("a private or local name is only allowed for the networks of " + setting)
	}
	if isAddress && address.Is4() {
		port := u.Port()
		u.Host = address.String()
		if port != "" {
			u.Host += ":" + port
		}
	}
	return u.String(), nil
}

// isPort reports whether the port of a URL can be connected to. Without one, the
// scheme says which.
func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return text == "" || err == nil && n > 0
}

// addressOfHost returns the IP address that is the host of a URL, without brackets,
// and false for a name. Clients take 127.1, 0x7f.1 and 2130706433 for 127.0.0.1, as
// the URL standard has it, so these are addresses, too.
func addressOfHost(host string) (address netip.Addr, isAddress bool, err error) {
	if strings.Contains(host, ":") {
		if address, err = netip.ParseAddr(host); err != nil {
			return address, false, fmt.Errorf("the host %q is not an IPv6 address", host)
		}
		return address.Unmap(), true, nil
	}
	name := strings.TrimSuffix(host, ".")
	// Clients turn other characters into ASCII, so that a name could become an address.
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !inHostName(r) }) {
		return address, false, fmt.Errorf("the host %q is not a name: use letters, digits, dots and hyphens; write other letters in Punycode (xn--…)", host)
	}
	if !endsInNumber(name) {
		return address, false, nil
	}
	if address, err = parseIPv4(name); err != nil {
		return address, false, fmt.Errorf("the host %q is not an IPv4 address: give four numbers from 0 to 255, such as 192.0.2.1, or a name", host)
	}
	return address, true, nil
}

// endsInNumber reports whether the last part of a host name is a number, so that the
// URL standard takes the name for an IPv4 address.
func endsInNumber(name string) bool {
	last := strings.ToLower(name[strings.LastIndexByte(name, '.')+1:])
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}

// parseIPv4 parses an IPv4 address as clients do: one to four numbers, which can be
// octal (017) or hexadecimal (0xf), and of which the last one stands for all bytes
// that are left.
func parseIPv4(text string) (netip.Addr, error) {
	parts := strings.Split(text, ".")
	invalid := errors.New("not an IPv4 address")
	if len(parts) > 4 {
		return netip.Addr{}, invalid
	}
	var bytes [4]byte
	for i, part := range parts {
		n, err := parseAddressPart(part)
		left := 1
		if i == len(parts)-1 {
			left = 4 - i
		}
		if err != nil || n >= 1<<(8*left) {
			return netip.Addr{}, invalid
		}
		for at := i + left - 1; at >= i; at-- {
			bytes[at] = byte(n)
			n >>= 8
		}
	}
	return netip.AddrFrom4(bytes), nil
}

func parseAddressPart(text string) (uint64, error) {
	lower := strings.ToLower(text)
	digits, isHex := strings.CutPrefix(lower, "0x")
	switch {
	case isHex && digits == "":
		return 0, nil
	case isHex:
		return strconv.ParseUint(digits, 16, 40)
	case len(lower) > 1 && lower[0] == '0':
		return strconv.ParseUint(lower, 8, 40)
	}
	return strconv.ParseUint(lower, 10, 40)
}

// isOnInternet reports whether an address can be one of the Internet. The rule is
// the one by which the worker decides when it connects; a test compares them.
func isOnInternet(a netip.Addr) bool {
	a = a.Unmap()
	if a.Zone() != "" || a.Is6() && !netip.MustParsePrefix("2000::/3").Contains(a) {
		return false
	}
	return !slices.ContainsFunc(specialNetworks(), func(n netip.Prefix) bool { return n.Contains(a) })
}

// specialNetworks lists the networks of IANA's registries of special-purpose
// addresses, without those outside the Internet's part of IPv6.
func specialNetworks() []netip.Prefix {
	texts := []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
		"192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
		"2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
	}
	networks := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		networks[i] = netip.MustParsePrefix(text)
	}
	return networks
}

// isLocalName reports whether a name is certainly not one of the Internet: it has
// only one part, or is below a domain that is reserved for private use.
func isLocalName(name string) bool {
	name = "." + strings.ToLower(strings.TrimSuffix(name, "."))
	return strings.Count(name, ".") == 1 || slices.ContainsFunc([]string{".localhost", ".localdomain", ".local", ".internal", ".home.arpa"}, func(domain string) bool {
		return strings.HasSuffix(name, domain)
	})
}

func inNetworks(a netip.Addr, networks []netip.Prefix) bool {
	for _, n := range networks {
		if n.Contains(a.Unmap()) {
			return true
		}
	}
	return false
}

package webhook

import (
	"net/netip"
	"slices"
	"testing"

	"code.dny.dev/ssrf"

	"simtransfer/transfer"
)

// An address is refused when a URL is written if it would be refused when it is
// connected to, and only then.
func TestURLsAreCheckedAsAddressesAre(t *testing.T) {
	t.Parallel()
	dial := guard(Options{}, false)
	for _, n := range slices.Concat(ssrf.IPv4DeniedPrefixes, ssrf.IPv6DeniedPrefixes, []netip.Prefix{ssrf.IPv6GlobalUnicast, ssrf.IPv6NAT64Prefix, netip.MustParsePrefix("8.8.8.8/32"), netip.MustParsePrefix("::ffff:8.8.8.0/120")}) {
		first, last := n.Masked().Addr(), lastOf(n)
		for _, a := range []netip.Addr{first, first.Prev(), last, last.Next()} {
			if !a.IsValid() {
				continue
			}
			host, network := a.String(), "tcp4"
			if a.Is6() {
				host, network = "["+host+"]", "tcp6"
			}
			dialErr := dial(network, netip.AddrPortFrom(a, 443).String(), nil)
			_, urlErr := transfer.ParseWebhookURL("https://"+host+"/", nil)
			if (dialErr == nil) != (urlErr == nil) {
				t.Errorf("%s: when dialing: %v; as a URL: %v", a, dialErr, urlErr)
			}
		}
	}
}

func lastOf(n netip.Prefix) netip.Addr {
	bytes := n.Masked().Addr().AsSlice()
	for bit := n.Bits(); bit < len(bytes)*8; bit++ {
		bytes[bit/8] |= 0x80 >> (bit % 8)
	}
	last, _ := netip.AddrFromSlice(bytes)
	return last
}

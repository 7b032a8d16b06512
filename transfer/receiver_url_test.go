package transfer

import (
	"net/netip"
	"strings"
	"testing"
)

// An address of the URL's host is recognized in every spelling that clients take, so
// that a private one is refused when it is written.
func TestReceiverURLs(t *testing.T) {
	t.Parallel()
	const setting = "SIMTRANSFER_WEBHOOK_ALLOW_NETWORKS"
	for text, want := range map[string]string{
		"https://example.com/hook?x=1":    "https://example.com/hook?x=1",
		"https://EXAMPLE.com.:8443/":      "https://EXAMPLE.com.:8443/",
		"https://1.example.com/":          "https://1.example.com/",
		"https://example.0xg/":            "https://example.0xg/",
		"https://xn--bcher-kva.example/":  "https://xn--bcher-kva.example/",
		"https://8.8.8.8:8443/":           "https://8.8.8.8:8443/",
		"https://8.8.8.8./":               "https://8.8.8.8/",
		"https://0x08080808/":             "https://8.8.8.8/",
		"https://010.8.8.8/":              "https://8.8.8.8/",
		"https://134744072:444/a":         "https://8.8.8.8:444/a",
		"https://[::ffff:8.8.8.8]/":       "https://8.8.8.8/",
		"https://[2606:4700::1111]:8443/": "https://[2606:4700::1111]:8443/",

		"https://127.1/":                        setting,
		"https://127.0.1/":                      setting,
		"https://0x7f.1/":                       setting,
		"https://0X7F000001/":                   setting,
		"https://2130706433/":                   setting,
		"https://017700000001/":                 setting,
		"https://0177.0.0.1/":                   setting,
		"https://127.0.0.1./":                   setting,
		"https://0/":                            setting,
		"https://0x/":                           setting,
		"https://10.1/":                         setting,
		"https://192.168.257/":                  setting,
		"https://[::ffff:127.0.0.1]/":           setting,
		"https://[::ffff:7f00:1]/":              setting,
		"https://[::127.0.0.1]/":                setting,
		"https://[64:ff9b::7f00:1]/":            setting,
		"https://[2002:7f00:1::]/":              setting,
		"https://[fe80::1%25eth0]/":             setting,
		"https://[fd00::1]/":                    setting,
		"https://100.64.0.1/":                   setting,
		"https://255.255.255.255/":              setting,
		"https://LOCALHOST./":                   setting,
		"https://redis/":                        setting,
		"https://metadata.google.internal/":     setting,
		"https://printer.local/":                setting,
		"https://ip6-localhost.localdomain/":    setting,
		"http://127.1/":                         "plain http",
		"http://[::ffff:127.0.0.1]/":            "plain http",
		"https://256.0.0.1/":                    "not an IPv4 address",
		"https://1.2.3.4.5/":                    "not an IPv4 address",
		"https://1.2.3.0x/":                     "https://1.2.3.0/",
		"https://08.8.8.8/":                     "not an IPv4 address",
		"https://4294967296/":                   "not an IPv4 address",
		"https://0xffffffffffffffffff/":         "not an IPv4 address",
		"https://example.99999999999999999999/": "not an IPv4 address",
		"https://1..1/":                         "not an IPv4 address",
		"https://%EF%BC%91%32%37.0.0.1/":        "not a URL",
		"https://%EF%BC%91%EF%BC%92.0.0.1/":     "not a name",
		"https://127%E3%80%820%E3%80%820.x/":    "not a name",
	} {
		got, err := ParseWebhookURL(text, nil)
		if err != nil {
			got = err.Error()
		}
		if got != want && (err == nil || !strings.Contains(got, want)) {
			t.Errorf("%s: %s, not %s", text, got, want)
		}
		if _, gatewayErr := ParseGatewayURL(text, nil); (gatewayErr == nil) != (err == nil) {
			t.Errorf("%s for a gateway: %v", text, gatewayErr)
		}
	}
	networks := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for text, want := range map[string]string{
		"http://127.1:8080/":        "http://127.0.0.1:8080/",
		"https://0x7f.1/":           "https://127.0.0.1/",
		"http://[::ffff:127.0.0.1]": "http://127.0.0.1",
		"https://redis/":            "https://redis/",
		"https://10.1/":             "",
	} {
		if got, err := ParseWebhookURL(text, networks); got != want {
			t.Errorf("%s with an allowed network: %q, %v", text, got, err)
		}
	}
}

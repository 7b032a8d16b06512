package transfer

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// GatewayAttribute is an attribute that a Disconnect-Request can have, by its name
// in RADIUS.
type GatewayAttribute string

// The attributes. Those of addresses also stand for their variants of IPv6. An
// attribute that accounting did not report is not sent.
const (
	AttributeSessionID            GatewayAttribute = "Acct-Session-Id" // always sent, so that no other session can be ended
	AttributeUserName             GatewayAttribute = "User-Name"
	AttributeCallingStationID     GatewayAttribute = "Calling-Station-Id"
	AttributeNASIPAddress         GatewayAttribute = "NAS-IP-Address"
	AttributeNASIdentifier        GatewayAttribute = "NAS-Identifier"
	AttributeNASPort              GatewayAttribute = "NAS-Port"
	AttributeNASPortID            GatewayAttribute = "NAS-Port-Id"
	AttributeFramedIPAddress      GatewayAttribute = "Framed-IP-Address"
	AttributeServiceType          GatewayAttribute = "Service-Type"
	AttributeIMSI                 GatewayAttribute = "3GPP-IMSI"
	AttributeNSAPI                GatewayAttribute = "3GPP-NSAPI"
	AttributeClass                GatewayAttribute = "Class"
	AttributeEventTimestamp       GatewayAttribute = "Event-Timestamp"
	AttributeMessageAuthenticator GatewayAttribute = "Message-Authenticator"
)

// GatewayAttributes lists every attribute, in the order in which they are sent.
func GatewayAttributes() []GatewayAttribute {
	return []GatewayAttribute{
		AttributeSessionID, AttributeUserName, AttributeCallingStationID, AttributeNASIPAddress, AttributeNASIdentifier,
		AttributeNASPort, AttributeNASPortID, AttributeFramedIPAddress, AttributeServiceType, AttributeIMSI, AttributeNSAPI,
		AttributeClass, AttributeEventTimestamp, AttributeMessageAuthenticator,
	}
}

// DefaultGatewayAttributes lists the attributes that a gateway gets if it has no
// list of its own.
func DefaultGatewayAttributes() []GatewayAttribute {
	return []GatewayAttribute{
		AttributeSessionID, AttributeUserName, AttributeCallingStationID, AttributeNASIPAddress,
		AttributeEventTimestamp, AttributeMessageAuthenticator,
	}
}

// ParseGatewayAttributes checks a list of attributes. It returns them in the order
// in which they are sent. Case does not matter.
func ParseGatewayAttributes(names []string) ([]GatewayAttribute, error) {
	given := map[GatewayAttribute]bool{}
	for _, name := range names {
		i := slices.IndexFunc(GatewayAttributes(), func(a GatewayAttribute) bool { return strings.EqualFold(string(a), Trim(name)) })
		if i < 0 {
			return nil, fmt.Errorf("%q is not an attribute of Disconnect-Requests that can be sent: use some of %s", name, joinWords(GatewayAttributes()))
		}
		a := GatewayAttributes()[i]
		if given[a] {
			return nil, fmt.Errorf("%s is in the list twice: leave one out", a)
		}
		given[a] = true
	}
	if !given[AttributeSessionID] {
		return nil, fmt.Errorf("%s is missing: add it, because a request without it could end another session of the SIM", AttributeSessionID)
	}
	return slices.DeleteFunc(GatewayAttributes(), func(a GatewayAttribute) bool { return !given[a] }), nil
}

func joinWords[T ~string](list []T) string {
	words := make([]string, len(list))
	for i, w := range list {
		words[i] = string(w)
	}
	return strings.Join(words, ", ")
}

// DisconnectPort is the usual port for Disconnect-Requests (RFC 5176, section 2.1).
const DisconnectPort = 3799

// Limits of what a gateway is sent.
const (
	MaxGatewayInFlight  = 10000 // requests that wait for an answer
	MaxGatewayPerSecond = 100000
	MaxGatewayURL       = 1000
)

// GatewayPreset is the name of a kind of gateway, whose settings are known.
type GatewayPreset string

// The presets.
const (
	PresetGeneric     GatewayPreset = "generic"
	PresetCiscoStarOS GatewayPreset = "cisco-staros"
	PresetCiscoIOS    GatewayPreset = "cisco-ios"
	PresetJuniper     GatewayPreset = "juniper-mobilenext"
	PresetMikroTik    GatewayPreset = "mikrotik"
	PresetAccelPPP    GatewayPreset = "accel-ppp"
	PresetHostapd     GatewayPreset = "hostapd"
	PresetDellOS      GatewayPreset = "dell-os"
	PresetExtremeEXOS GatewayPreset = "extreme-exos"
	PresetRuckus      GatewayPreset = "ruckus"
	PresetFortiGate   GatewayPreset = "fortigate"
	PresetFreeRADIUS  GatewayPreset = "freeradius-proxy"
	PresetOpen5GS     GatewayPreset = "open5gs"
	PresetHTTP        GatewayPreset = "http"
)

const presetUserNameRule = "User-Name must be the one of the Access-Accept, as accounting has it."

// GatewayPresets lists every preset.
func GatewayPresets() []GatewayPreset {
	return []GatewayPreset{
		PresetGeneric, PresetCiscoStarOS, PresetCiscoIOS, PresetJuniper, PresetMikroTik, PresetAccelPPP, PresetHostapd, PresetDellOS,
		PresetExtremeEXOS, PresetRuckus, PresetFortiGate, PresetFreeRADIUS, PresetOpen5GS, PresetHTTP,
	}
}

// GatewayRules are the settings of a preset.
type GatewayRules struct {
	Title      string // of the gateway, for people
	HTTP       bool   // it takes no Disconnect-Requests, and is reached by an HTTP call
	Port       int    // zero if HTTP
	Attributes []GatewayAttribute
	Note       string // what else to observe; empty: nothing
	Source     string // where the rule comes from
}

// Rules returns the settings of a preset: of what the gateway needs, the fewest
// attributes that identify a session, because a gateway compares every attribute
// that it gets (RFC 5176, section 3). It returns the settings of PresetGeneric for
// an unknown preset.
//
//   - cisco-staros: Cisco's AAA Interface Administration and Reference for StarOS,
//     chapter on RADIUS change of authorization and disconnect message.
//   - cisco-ios: Cisco's RADIUS Packet of Disconnect (aaa pod server).
//   - juniper-mobilenext: Juniper's MobileNext Broadband Gateway documentation on
//     RADIUS-initiated disconnect.
//   - mikrotik: MikroTik's RouterOS documentation, RADIUS, Disconnect and CoA.
//   - accel-ppp: its source, accel-pppd/radius/dm_coa.c and serv.c.
//   - hostapd: its source, src/radius/radius_das.c.
//   - dell-os, extreme-exos, ruckus: their administrators' guides on dynamic
//     authorization, and reports of users.
//   - fortigate: Fortinet's documentation on RADIUS change of authorization.
//   - freeradius-proxy: FreeRADIUS's sites-available/originate-coa and coa-relay.
//   - open5gs: its source, which has no RADIUS Disconnect.
func (p GatewayPreset) Rules() GatewayRules {
	with := func(list ...GatewayAttribute) []GatewayAttribute {
		list = append(list, AttributeSessionID, AttributeEventTimestamp, AttributeMessageAuthenticator)
		return slices.DeleteFunc(GatewayAttributes(), func(a GatewayAttribute) bool { return !slices.Contains(list, a) })
	}
	switch p {
	case PresetGeneric:
	case PresetCiscoStarOS:
		return GatewayRules{
			Title: "Cisco StarOS: ASR 5000, ASR 5500, VPC (PGW, GGSN)", Port: DisconnectPort, Attributes: with(AttributeNASIPAddress, AttributeNASIdentifier),
			Note:   "It ignores requests whose Event-Timestamp is more than 300 seconds off, and senders that are not among its AAA servers.",
			Source: "Cisco, AAA Interface Administration and Reference",
		}
	case PresetCiscoIOS:
		return GatewayRules{
			Title: "Cisco IOS and IOS XE (aaa pod server)", Port: 1700, Attributes: with(AttributeUserName, AttributeFramedIPAddress),
			Note:   "It requires User-Name, Framed-IP-Address and Acct-Session-Id, all three.",
			Source: "Cisco, RADIUS Packet of Disconnect",
		}
	case PresetJuniper:
		return GatewayRules{
			Title: "Juniper MobileNext (GGSN, PGW)", Port: DisconnectPort, Attributes: with(AttributeUserName, AttributeIMSI, AttributeNSAPI),
			Note:   presetUserNameRule + " It also listens on port 1700.",
			Source: "Juniper, MobileNext Broadband Gateway",
		}
	case PresetMikroTik:
		return GatewayRules{
			Title: "MikroTik RouterOS (hotspot, PPP)", Port: DisconnectPort, Attributes: with(AttributeUserName, AttributeFramedIPAddress),
			Note:   "Old versions listen on port 1700.",
			Source: "MikroTik, RADIUS in RouterOS",
		}
	case PresetAccelPPP:
		return GatewayRules{
			Title: "accel-ppp", Port: DisconnectPort, Attributes: with(),
			Note:   "Every identifier that is sent must match. It acknowledges before the session has ended.",
			Source: "accel-pppd/radius/dm_coa.c",
		}
	case PresetHostapd:
		return GatewayRules{
			Title: "hostapd", Port: DisconnectPort, Attributes: with(),
			Note:   "It refuses attributes that are not in its list (401), and a Calling-Station-Id that is no MAC address.",
			Source: "src/radius/radius_das.c",
		}
	case PresetDellOS:
		return GatewayRules{
			Title: "Dell OS9, OS10; any gateway behind NAT", Port: DisconnectPort, Attributes: with(AttributeUserName, AttributeCallingStationID),
			Note:   "It answers 403 to a NAS-IP-Address that is not the one that it was reached at, so none is sent.",
			Source: "Dell, dynamic authorization extensions to RADIUS",
		}
	case PresetExtremeEXOS:
		return GatewayRules{
			Title: "Extreme EXOS", Port: DisconnectPort, Attributes: with(AttributeUserName, AttributeCallingStationID, AttributeNASIPAddress, AttributeNASPort),
			Note:   "It requires Event-Timestamp and NAS-Port.",
			Source: "Extreme Networks, dynamic authorization",
		}
	case PresetRuckus:
		return GatewayRules{
			Title: "Ruckus SmartZone, ZoneDirector", Port: DisconnectPort, Attributes: with(AttributeUserName, AttributeCallingStationID, AttributeNASIPAddress, AttributeServiceType),
			Note:   "Without Service-Type it answers that there is no such session (503).",
			Source: "Ruckus, RADIUS dynamic authorization",
		}
	case PresetFortiGate:
		return GatewayRules{
			Title: "Fortinet FortiGate", Port: DisconnectPort, Attributes: with(AttributeUserName, AttributeNASIPAddress, AttributeFramedIPAddress),
			Note:   "It requires Message-Authenticator, and more than User-Name and NAS-IP-Address.",
			Source: "Fortinet, RADIUS change of authorization",
		}
	case PresetFreeRADIUS:
		rules := PresetGeneric.Rules()
		rules.Title = "FreeRADIUS as a proxy (home_server of type coa)"
		rules.Note = "Set server to the proxy. NAS-IP-Address tells it the gateway; it answers 502 if it knows none."
		rules.Source = "FreeRADIUS, sites-available/coa-relay"
		return rules
	case PresetOpen5GS:
		return GatewayRules{
			Title: "Open5GS (through a program of yours)", HTTP: true,
			Note:   "It has no RADIUS Disconnect: a small HTTP server of yours ends the session.",
			Source: "Open5GS, source",
		}
	case PresetHTTP:
		return GatewayRules{Title: "Any other gateway without RADIUS Disconnect", HTTP: true, Note: "An HTTP server of yours ends the session.", Source: "the message gateway.disconnect in the OpenAPI document"}
	}
	return GatewayRules{
		Title: "Gateways that follow RFC 5176", Port: DisconnectPort, Attributes: DefaultGatewayAttributes(),
		Note:   "If it answers that there is no such session, it is also asked with Service-Type.",
		Source: "RFC 5176",
	}
}

// ParseGatewayPreset parses the name of a preset.
func ParseGatewayPreset(text string) (GatewayPreset, error) {
	p := GatewayPreset(strings.ToLower(Trim(text)))
	if !slices.Contains(GatewayPresets(), p) {
		return "", fmt.Errorf("%q is not a known kind of gateway: use one of %s", text, joinWords(GatewayPresets()))
	}
	return p, nil
}

// ParseSourceAddress parses the address that workers send a gateway's requests
// from.
func ParseSourceAddress(text string) (string, error) {
	a, err := netip.ParseAddr(Trim(text))
	a = a.Unmap()
	if err != nil || a.Zone() != "" || !isHost(netip.PrefixFrom(a, a.BitLen())) {
		return "", errors.New("not an address that a worker can send from: give an IP address of the workers' hosts, such as 10.0.0.5")
	}
	return a.String(), nil
}

// ParseGatewayURLSecret parses the secret with which calls to a gateway are signed:
// whsec_ and 24 to 64 bytes in base64. Its errors do not contain the secret.
func ParseGatewayURLSecret(text string) (string, error) {
	encoded, ok := strings.CutPrefix(Trim(text), webhookSecretPrefix)
	secret, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(secret) < 24 || len(secret) > 64 {
		return "", errors.New("not a secret of Standard Webhooks: give whsec_ followed by 24 to 64 random bytes in base64, such as whsec_ and the output of: openssl rand -base64 32")
	}
	return webhookSecretPrefix + encoded, nil
}

// GatewayURLSecretBytes returns the bytes of a secret that ParseGatewayURLSecret has
// accepted.
func GatewayURLSecretBytes(text string) ([]byte, error) {
	secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, webhookSecretPrefix))
	if err != nil {
		return nil, errors.New("the secret of the gateway's URL is not base64: set it again")
	}
	return secret, nil
}

// ParseGatewayURL parses the URL to which the calls for a gateway without RADIUS
// are sent. The rules are those of webhooks, with networks of their own: what belongs
// to the operator must not be open to the webhooks of accounts.
func ParseGatewayURL(text string, networks []netip.Prefix) (string, error) {
	return parseReceiverURL(text, networks, "SIMTRANSFER_GATEWAY_ALLOW_NETWORKS")
}

// GatewayReach is how a gateway is reached, as far as its parts must fit together.
type GatewayReach struct {
	Preset        GatewayPreset
	URL           string // empty: it gets Disconnect-Requests
	Server        string // empty: its own address
	Port          int    // 0: none
	Source        string // empty: none
	Signed        bool
	OwnAttributes bool // it has a list of its own
}

// Conflict returns the first setting that does not fit the others, by its name in
// the API, and what to do; empty: they fit.
func (r GatewayReach) Conflict() (field, problem string) {
	byHTTP := r.Preset.Rules().HTTP
	switch {
	case byHTTP && r.URL == "":
		return "url", fmt.Sprintf("required for the preset %s, which has no RADIUS Disconnect: give the URL to call", r.Preset)
	case !byHTTP && r.URL != "":
		return "preset", fmt.Sprintf("%s takes Disconnect-Requests, and the gateway has a url: use the preset %s or %s, or remove url", r.Preset, PresetHTTP, PresetOpen5GS)
	case byHTTP && r.Server != "":
		return "server", "not used for a gateway with a url: leave it out"
	case byHTTP && r.Port != 0:
		return "port", "not used for a gateway with a url: put it into the url"
	case byHTTP && r.Source != "":
		return "source_address", "not used for a gateway with a url: leave it out"
	case byHTTP && r.Signed:
		return "require_message_authenticator", "not used for a gateway with a url: leave it out"
	case byHTTP && r.OwnAttributes:
		return "attributes", "not used for a gateway with a url: leave it out; a call has all that accounting reported"
	case r.Port != 0 && HasPort(r.Server):
		return "port", fmt.Sprintf("server %q has a port already: leave one of them out", r.Server)
	}
	server, err := netip.ParseAddrPort(r.Server)
	address := server.Addr()
	if err != nil {
		address, err = netip.ParseAddr(strings.Trim(r.Server, "[]"))
	}
	source, sourceErr := netip.ParseAddr(r.Source)
	if err == nil && sourceErr == nil && address.Unmap().Is4() != source.Is4() {
		return "source_address", fmt.Sprintf("%s and the server %s are not both IPv4 or both IPv6", r.Source, r.Server)
	}
	return "", ""
}

// HasPort reports whether a valid server has a port.
func HasPort(server string) bool {
	if _, err := netip.ParseAddr(server); err == nil {
		return false // also IPv6 without brackets
	}
	return strings.LastIndexByte(server, ':') > strings.LastIndexByte(server, ']')
}

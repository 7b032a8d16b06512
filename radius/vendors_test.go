package radius

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc3162"

	"simtransfer/transfer"
)

// wholeSession is a session of which accounting has reported everything.
func wholeSession() Session {
	return Session{
		ID: "0A0B0C0D", Username: "0001010000000001@nai.example", CallingStationID: "491700000001", IMSI: "001010000000001", NSAPI: "5",
		NASIPAddress: "10.0.0.1", NASIdentifier: "pgw-1", NASPort: "17", NASPortID: "bearer 5", FramedIP: "198.51.100.9",
		FramedIPv6Prefix: "2001:db8:1:2::/64", ServiceType: "Framed-User", Class: "0x73696e6365",
	}
}

// vendor checks a request as a gateway of a kind does, and returns the cause for
// which it refuses it; zero: it accepts it.
type vendor func(p *radius.Packet, s Session) Cause

// have requires some attributes.
func have(p *radius.Packet, missing Cause, types ...radius.Type) Cause {
	for _, t := range types {
		if _, ok := p.Lookup(t); !ok {
			return missing
		}
	}
	return 0
}

// vendors are gateways that check requests as their documents, their code and
// users' reports say. Each has the same open session, also if its attributes are
// not what an accounting server stored.
func vendors() map[transfer.GatewayPreset]vendor {
	identify := func(p *radius.Packet, s Session) Cause {
		if got := sessionIn(p); got.ID != s.ID || differ(s.Username, got.Username) || differ(s.CallingStationID, got.CallingStationID) ||
			differ(s.FramedIP, got.FramedIP) || differ(s.IMSI, got.IMSI) || differ(s.NSAPI, got.NSAPI) || differ(s.NASPort, got.NASPort) {
			return SessionNotFound
		}
		return 0
	}
	nas := func(p *radius.Packet, s Session) Cause {
		if got := sessionIn(p); differ(s.NASIPAddress, got.NASIPAddress) || differ(s.NASIdentifier, got.NASIdentifier) {
			return NASIdentificationMismatch
		}
		return 0
	}
	first := func(checks ...vendor) vendor {
		return func(p *radius.Packet, s Session) Cause {
			for _, check := range checks {
				if cause := check(p, s); cause != 0 {
					return cause
				}
			}
			return 0
		}
	}
	needs := func(missing Cause, types ...radius.Type) vendor {
		return func(p *radius.Packet, _ Session) Cause { return have(p, missing, types...) }
	}
	return map[transfer.GatewayPreset]vendor{
		transfer.PresetGeneric:    first(nas, identify),
		transfer.PresetFreeRADIUS: first(needs(502, rfc2865.NASIPAddress_Type), nas, identify),
		transfer.PresetCiscoStarOS: first(needs(NASIdentificationMismatch, rfc2865.NASIPAddress_Type), nas,
			needs(MissingAttribute, rfc2866.AcctSessionID_Type, rfc2869.EventTimestamp_Type), identify),
		transfer.PresetCiscoIOS: first(needs(SessionNotFound, rfc2865.UserName_Type, rfc2865.FramedIPAddress_Type, rfc2866.AcctSessionID_Type), identify),
		transfer.PresetJuniper: first(needs(MissingAttribute, rfc2865.UserName_Type, rfc2866.AcctSessionID_Type), func(p *radius.Packet, _ Session) Cause {
			if value3GPP(p, typeIMSI) == "" || value3GPP(p, typeNSAPI) == "" {
				return MissingAttribute
			}
			return 0
		}, identify),
		transfer.PresetMikroTik: first(needs(SessionNotFound, rfc2865.UserName_Type, rfc2865.FramedIPAddress_Type), identify),
		transfer.PresetAccelPPP: func(p *radius.Packet, s Session) Cause { // every identifier must match, and it knows the line by another name
			s.CallingStationID, s.NASPortID, s.NASIPAddress = "aa:bb:cc:dd:ee:ff", "ppp0", "192.168.0.1"
			got := sessionIn(p)
			if differ(s.NASIPAddress, got.NASIPAddress) || differ(s.NASIdentifier, got.NASIdentifier) {
				return NASIdentificationMismatch
			}
			if differ(s.CallingStationID, got.CallingStationID) || differ(s.NASPortID, got.NASPortID) {
				return SessionNotFound
			}
			return identify(p, s)
		},
		transfer.PresetHostapd: func(p *radius.Packet, s Session) Cause {
			known := []radius.Type{
				rfc2865.UserName_Type, rfc2865.NASIPAddress_Type, rfc2865.CallingStationID_Type, rfc2865.NASIdentifier_Type, rfc2866.AcctSessionID_Type,
				50, rfc2869.EventTimestamp_Type, rfc2869.MessageAuthenticator_Type, 89, rfc3162.NASIPv6Address_Type, // 50: Acct-Multi-Session-Id, 89: Chargeable-User-Identity
			}
			for _, a := range p.Attributes {
				if !slices.Contains(known, a.Type) {
					return 401
				}
			}
			if station := rfc2865.CallingStationID_GetString(p); station != "" {
				if _, err := net.ParseMAC(station); err != nil {
					return 407
				}
			}
			s.CallingStationID = "aa:bb:cc:dd:ee:ff"
			return identify(p, s)
		},
		transfer.PresetDellOS: func(p *radius.Packet, s Session) Cause {
			s.NASIPAddress = "192.168.0.1" // behind NAT, it has another address
			return first(nas, identify)(p, s)
		},
		transfer.PresetExtremeEXOS: first(nas, needs(MissingAttribute, rfc2869.EventTimestamp_Type, rfc2865.NASPort_Type), identify),
		transfer.PresetRuckus:      first(nas, needs(SessionNotFound, rfc2865.ServiceType_Type), identify),
		transfer.PresetFortiGate: func(p *radius.Packet, s Session) Cause {
			if cause := have(p, MissingAttribute, rfc2869.MessageAuthenticator_Type, rfc2865.UserName_Type); cause != 0 {
				return cause
			}
			if _, framed := p.Lookup(rfc2865.FramedIPAddress_Type); !framed {
				return MissingAttribute // User-Name and NAS-IP-Address are not enough
			}
			return first(nas, identify)(p, s)
		},
	}
}

// startVendor starts a gateway that checks as a vendor does.
func startVendor(t *testing.T, check vendor, open Session) (g Gateway, requests func() []Cause) {
	t.Helper()
	causes := make(chan Cause, 10)
	g = startPeer(t, func(request []byte, _ int) [][]byte {
		p := parsedRequest(t, request)
		stamp, err := rfc2869.EventTimestamp_Lookup(p)
		if err != nil || time.Since(stamp).Abs() > 300*time.Second || !radius.IsAuthenticRequest(request, secret()) {
			t.Errorf("the request has no good time or authenticator: %v", err)
		}
		cause := check(p, open)
		causes <- cause
		if cause == 0 {
			return [][]byte{ack(t, request)}
		}
		return [][]byte{nak(t, request, cause)}
	})
	return g, func() []Cause {
		var list []Cause
		for {
			select {
			case c := <-causes:
				list = append(list, c)
			default:
				return list
			}
		}
	}
}

// A gateway of each preset ends the session on the first request.
func TestPresets(t *testing.T) {
	t.Parallel()
	checks := vendors()
	for _, preset := range transfer.GatewayPresets() {
		rules := preset.Rules()
		if rules.Title == "" || rules.Source == "" || rules.Note == "" || rules.HTTP == (rules.Port != 0) || rules.HTTP == (len(rules.Attributes) > 0) {
			t.Errorf("%s: %+v", preset, rules)
		}
		if rules.HTTP {
			continue
		}
		check, ok := checks[preset]
		if !ok {
			t.Errorf("no gateway checks as %s does", preset)
			continue
		}
		t.Run(string(preset), func(t *testing.T) {
			t.Parallel()
			g, requests := startVendor(t, check, wholeSession())
			g.Attributes = rules.Attributes
			result, err := patient().Disconnect(t.Context(), g, wholeSession())
			if err != nil || result.Outcome != Dropped || len(requests()) != 1 {
				t.Errorf("%+v, %v", result, err)
			}
		})
	}
}

// The gateways that need a list of their own refuse the default one, so the presets
// are not for nothing.
func TestDefaultAttributesAreNotForAll(t *testing.T) {
	t.Parallel()
	checks := vendors()
	for _, preset := range []transfer.GatewayPreset{
		transfer.PresetCiscoIOS, transfer.PresetJuniper, transfer.PresetMikroTik, transfer.PresetHostapd, transfer.PresetDellOS,
		transfer.PresetExtremeEXOS, transfer.PresetFortiGate,
	} {
		t.Run(string(preset), func(t *testing.T) {
			t.Parallel()
			g, requests := startVendor(t, checks[preset], wholeSession())
			if _, err := patient().Disconnect(t.Context(), g, wholeSession()); err != nil {
				t.Fatal(err)
			}
			if causes := requests(); len(causes) == 0 || causes[0] == 0 {
				t.Errorf("the first request was accepted: %v", causes)
			}
		})
	}
}

// A gateway with a list of its own that does not find a session is asked again only
// without what can have been rewritten, and with what it requires.
func TestOwnListIsConfirmed(t *testing.T) {
	t.Parallel()
	session := wholeSession()
	session.Username = "rewritten by a proxy"
	g, requests := startVendor(t, vendors()[transfer.PresetRuckus], wholeSession())
	g.Attributes = transfer.PresetRuckus.Rules().Attributes
	result, err := patient().Disconnect(t.Context(), g, session)
	if err != nil || result.Outcome != Dropped || !slices.Equal(requests(), []Cause{SessionNotFound, 0}) {
		t.Errorf("%+v, %v", result, err)
	}
	// hostapd refuses what it does not know, so it must not get Service-Type.
	gone := wholeSession()
	gone.ID = "another"
	g, requests = startVendor(t, vendors()[transfer.PresetHostapd], wholeSession())
	g.Attributes = transfer.PresetHostapd.Rules().Attributes
	result, err = patient().Disconnect(t.Context(), g, gone)
	if err != nil || result.Outcome != NotFound || !slices.Equal(requests(), []Cause{SessionNotFound}) {
		t.Errorf("%+v, %v", result, err)
	}
}

// Each attribute is sent if it is in the list, with the value of accounting, and no
// other is.
func TestAttributesOfTheList(t *testing.T) {
	t.Parallel()
	types := map[transfer.GatewayAttribute][]radius.Type{
		transfer.AttributeSessionID:            {rfc2866.AcctSessionID_Type},
		transfer.AttributeUserName:             {rfc2865.UserName_Type},
		transfer.AttributeCallingStationID:     {rfc2865.CallingStationID_Type},
		transfer.AttributeNASIPAddress:         {rfc2865.NASIPAddress_Type},
		transfer.AttributeNASIdentifier:        {rfc2865.NASIdentifier_Type},
		transfer.AttributeNASPort:              {rfc2865.NASPort_Type},
		transfer.AttributeNASPortID:            {rfc2869.NASPortID_Type},
		transfer.AttributeFramedIPAddress:      {rfc2865.FramedIPAddress_Type, rfc3162.FramedIPv6Prefix_Type},
		transfer.AttributeServiceType:          {rfc2865.ServiceType_Type},
		transfer.AttributeIMSI:                 {rfc2865.VendorSpecific_Type},
		transfer.AttributeNSAPI:                {rfc2865.VendorSpecific_Type},
		transfer.AttributeClass:                {rfc2865.Class_Type},
		transfer.AttributeEventTimestamp:       {rfc2869.EventTimestamp_Type},
		transfer.AttributeMessageAuthenticator: {rfc2869.MessageAuthenticator_Type},
	}
	packet := func(attributes ...transfer.GatewayAttribute) *radius.Packet {
		wire, err := newRequest(secret(), wholeSession(), attributes, time.Unix(1_700_000_000, 0))
		if err != nil {
			t.Fatal(err)
		}
		if !radius.IsAuthenticRequest(wire, secret()) {
			t.Error("the request is not authentic")
		}
		return parsedRequest(t, wire)
	}
	for _, a := range transfer.GatewayAttributes() {
		want := types[a]
		if a != transfer.AttributeSessionID {
			want = append([]radius.Type{rfc2866.AcctSessionID_Type}, want...)
		}
		var got []radius.Type
		list := []transfer.GatewayAttribute{transfer.AttributeSessionID}
		if a != transfer.AttributeSessionID {
			list = append(list, a)
		}
		for _, found := range packet(list...).Attributes {
			got = append(got, found.Type)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", a, got, want)
		}
	}
	p := packet(transfer.GatewayAttributes()...)
	if got, want := sessionIn(p), wholeSession(); got.NASPort != want.NASPort || got.NASPortID != want.NASPortID || got.NASIdentifier != want.NASIdentifier ||
		got.NSAPI != want.NSAPI || got.IMSI != want.IMSI || got.FramedIP != want.FramedIP {
		t.Errorf("%+v", got)
	}
	if class := rfc2865.Class_GetString(p); class != "since" {
		t.Errorf("Class %q", class)
	}
	prefix, err := rfc3162.FramedIPv6Prefix_Lookup(p)
	if err != nil || prefix.String() != "2001:db8:1:2::/64" {
		t.Errorf("Framed-IPv6-Prefix %v, %v", prefix, err)
	}
}

// Several Class attributes are sent as they came, and a text that is none of
// FreeRADIUS is sent as it is.
func TestClasses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"0x6162,0x63": "ab|c", "0x6162, 0x63": "ab|c", "group-1": "group-1", "0x6": "0x6", "0x61,b": "0x61,b"} {
		wire, err := newRequest(secret(), Session{ID: "s1", Class: text}, transfer.GatewayAttributes(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		list, err := rfc2865.Class_GetStrings(parsedRequest(t, wire))
		if got := strings.Join(list, "|"); err != nil || got != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

// An answer from an address that was not asked is counted and not believed, and the
// reason names it.
func TestAnswerFromAnotherAddress(t *testing.T) {
	t.Parallel()
	other, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 3)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	address := listen(t, func(_ *net.UDPConn, request []byte, from netip.AddrPort) {
		_, _ = other.WriteToUDPAddrPort(ack(t, request), from)
	})
	g := Gateway{Address: address, Secret: secret()}
	result, err := hasty().Disconnect(t.Context(), g, Session{ID: "s1"})
	if err != nil || result.Outcome != Silent || result.Ignored.OtherAddress == 0 || result.Ignored.Total() != result.Ignored.OtherAddress {
		t.Errorf("%+v, %v", result, err)
	}
	if !strings.Contains(result.Reason, other.LocalAddr().String()) {
		t.Errorf("the reason does not name the sender: %s", result.Reason)
	}
	probe, err := hasty().Probe(t.Context(), g, Session{})
	if err != nil || probe.OtherSender.String() != other.LocalAddr().String() {
		t.Errorf("%+v, %v", probe, err)
	}
}

// An answer that comes again at once is counted, and changes nothing.
func TestDoubledAnswer(t *testing.T) {
	t.Parallel()
	g := startPeer(t, func(request []byte, _ int) [][]byte { return nil })
	to := netip.MustParseAddrPort(g.Address)
	wire, err := newRequest(secret(), Session{ID: "s1"}, nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	x := &exchange{request: wire, secret: secret(), to: to}
	if a, ok := x.read(ack(t, wire), to); !ok || a.outcome != Dropped {
		t.Fatalf("%+v", a)
	}
	conn, err := openSocket(t.Context(), to, netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	peer, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = peer.Close() }()
	x.to = peer.LocalAddr().(*net.UDPAddr).AddrPort()
	local := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), conn.LocalAddr().(*net.UDPAddr).AddrPort().Port())
	for range 2 {
		if _, err := peer.WriteToUDPAddrPort(ack(t, wire), local); err != nil {
			t.Fatal(err)
		}
	}
	x.drain(conn, make([]byte, radius.MaxPacketLength))
	if want := (Ignored{Doubled: 2}); x.result.Ignored != want {
		t.Errorf("ignored: %s", x.result.Ignored)
	}
}

// Requests come from the source address, and a host without it says so.
func TestSourceAddress(t *testing.T) {
	t.Parallel()
	received := make(chan netip.Addr, 10)
	address := listen(t, func(conn *net.UDPConn, request []byte, from netip.AddrPort) {
		received <- from.Addr().Unmap()
		_, _ = conn.WriteToUDPAddrPort(nak(t, request, SessionNotFound), from)
	})
	g := Gateway{Address: address, Secret: secret(), Source: netip.MustParseAddr("127.0.0.7")}
	probe, err := patient().Probe(t.Context(), g, Session{})
	if err != nil || probe.Outcome != NotFound || probe.From != g.Source || <-received != g.Source {
		t.Errorf("%+v, %v", probe, err)
	}
	for source, want := range map[string]string{"192.0.2.77": "this host has no address 192.0.2.77", "::1": "not both IPv4 or both IPv6"} {
		g.Source = netip.MustParseAddr(source)
		if _, err := patient().Disconnect(t.Context(), g, Session{ID: "s1"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("from %s: %v", source, err)
		}
	}
}

package radius

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc3162"
	"layeh.com/radius/rfc6911"

	"simtransfer/transfer"
)

// ErrInvalid means that the given gateway or session cannot be put into a
// request. A retry does not help.
var ErrInvalid = errors.New("invalid argument")

// The vendor and attributes of 3GPP (3GPP TS 29.061, section 16.4.7).
const (
	vendor3GPP = 10415
	typeIMSI   = 1
	typeNSAPI  = 10
)

// Session identifies one data session at a gateway. Empty fields are not sent, and
// neither are those that are not among the attributes of the gateway.
//
// Use the values that the gateway itself reported in its accounting records. A
// gateway compares every attribute that it receives (RFC 5176, section 3): if a
// value was rewritten on the way, the gateway answers 503, which counts as gone,
// or refuses. Fewer attributes are safer than many; the ID is sufficient.
type Session struct {
	// ID is the Acct-Session-Id. It is required, so that a late request cannot
	// end another session of the same SIM.
	ID string
	// Username is the User-Name.
	Username string
	// CallingStationID is the Calling-Station-Id, in mobile networks usually the
	// MSISDN.
	CallingStationID string
	// IMSI and NSAPI are the vendor-specific 3GPP-IMSI and 3GPP-NSAPI.
	IMSI, NSAPI string
	// NASIPAddress is the address that the gateway reports for itself. It is sent
	// as NAS-IP-Address or NAS-IPv6-Address.
	NASIPAddress string
	// NASIdentifier, NASPort and NASPortID are NAS-Identifier, NAS-Port, which is a
	// number, and NAS-Port-Id.
	NASIdentifier, NASPort, NASPortID string
	// FramedIP is the device's address. It is sent as Framed-IP-Address or
	// Framed-IPv6-Address.
	FramedIP string
	// FramedIPv6 and FramedIPv6Prefix are the device's address and network in IPv6,
	// if it has an IPv4 address, too. They are sent with Framed-IP-Address as
	// Framed-IPv6-Address and Framed-IPv6-Prefix.
	FramedIPv6, FramedIPv6Prefix string
	// ServiceType is the name of the Service-Type, such as "Framed-User". A gateway
	// with the default attributes gets it only if it does not find the session
	// without it.
	ServiceType string
	// Class is the Class attributes of the session as FreeRADIUS stores them: each
	// 0x and hexadecimal digits, separated by commas. Another text is one attribute.
	Class string
	// At is the time of the request, by a clock that agrees with the gateway's.
	// It is sent as Event-Timestamp. Zero means now, by this machine's clock.
	At time.Time
}

// otherForms returns the lists of attributes with which to ask a gateway again that
// has not found a session: without those that can have been rewritten on the way,
// and, unless the gateway has a list of its own, with the Service-Type, which some
// gateways require.
func (s Session) otherForms(own []transfer.GatewayAttribute) [][]transfer.GatewayAttribute {
	usual := own
	if usual == nil {
		usual = transfer.DefaultGatewayAttributes()
	}
	var list [][]transfer.GatewayAttribute
	plain := slices.DeleteFunc(slices.Clone(usual), func(a transfer.GatewayAttribute) bool { return isIdentity(a) && s.has(a) })
	if len(plain) < len(usual) {
		list = append(list, plain)
	}
	if own == nil && s.ServiceType != "" {
		list = append(list, append(slices.Clone(usual), transfer.AttributeServiceType))
	}
	return list
}

// isIdentity reports whether a RADIUS server between the gateway and us can have
// rewritten an attribute that identifies the session.
func isIdentity(a transfer.GatewayAttribute) bool {
	switch a {
	case transfer.AttributeUserName, transfer.AttributeCallingStationID, transfer.AttributeIMSI, transfer.AttributeNSAPI,
		transfer.AttributeFramedIPAddress, transfer.AttributeNASPort, transfer.AttributeNASPortID, transfer.AttributeClass:
		return true
	case transfer.AttributeSessionID, transfer.AttributeNASIPAddress, transfer.AttributeNASIdentifier, transfer.AttributeServiceType,
		transfer.AttributeEventTimestamp, transfer.AttributeMessageAuthenticator:
	}
	return false
}

// has reports whether the session has a value for an attribute.
func (s Session) has(a transfer.GatewayAttribute) bool {
	switch a {
	case transfer.AttributeSessionID:
		return s.ID != ""
	case transfer.AttributeUserName:
		return s.Username != ""
	case transfer.AttributeCallingStationID:
		return s.CallingStationID != ""
	case transfer.AttributeIMSI:
		return s.IMSI != ""
	case transfer.AttributeNSAPI:
		return s.NSAPI != ""
	case transfer.AttributeFramedIPAddress:
		return s.FramedIP+s.FramedIPv6+s.FramedIPv6Prefix != ""
	case transfer.AttributeNASIPAddress:
		return s.NASIPAddress != ""
	case transfer.AttributeNASIdentifier:
		return s.NASIdentifier != ""
	case transfer.AttributeNASPort:
		return s.NASPort != ""
	case transfer.AttributeNASPortID:
		return s.NASPortID != ""
	case transfer.AttributeServiceType:
		return s.ServiceType != ""
	case transfer.AttributeClass:
		return s.Class != ""
	case transfer.AttributeEventTimestamp, transfer.AttributeMessageAuthenticator:
		return true
	}
	return false
}

// Missing returns the attributes of a list for which the session has no value, so
// that they are not sent.
func (s Session) Missing(list []transfer.GatewayAttribute) []transfer.GatewayAttribute {
	var missing []transfer.GatewayAttribute
	for _, a := range list {
		if !s.has(a) {
			missing = append(missing, a)
		}
	}
	return missing
}

// draft is a Disconnect-Request without its identifier; err is the first error.
type draft struct {
	*radius.Packet
	signed bool // with a Message-Authenticator
	err    error
}

// newDraft returns the Disconnect-Request for a session with some attributes. Nil
// attributes are the default list. Its errors wrap ErrInvalid.
func newDraft(secret []byte, s Session, attributes []transfer.GatewayAttribute, now time.Time) (*draft, error) {
	if s.ID == "" {
		return nil, fmt.Errorf("%w: no Acct-Session-Id", ErrInvalid)
	}
	if len(secret) == 0 {
		return nil, fmt.Errorf("%w: no shared secret", ErrInvalid)
	}
	if attributes == nil {
		attributes = transfer.DefaultGatewayAttributes()
	}
	if !s.At.IsZero() {
		now = s.At
	}
	d := &draft{Packet: &radius.Packet{Code: radius.CodeDisconnectRequest, Secret: secret}}
	for _, a := range attributes {
		if a == transfer.AttributeMessageAuthenticator {
			d.signed = true // covers the others
			continue
		}
		d.add(a, s, now)
	}
	if d.err != nil {
		return nil, d.err
	}
	return d, nil
}

// wire returns the request, ready to send. Its errors wrap ErrInvalid.
func (d *draft) wire(identifier byte) ([]byte, error) {
	d.Identifier = identifier
	var wire []byte
	var err error
	if d.signed {
		wire, err = sign(d.Packet)
	} else {
		wire, err = d.Encode()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return wire, nil
}

// add adds the value of an attribute, unless the session has none.
func (d *draft) add(a transfer.GatewayAttribute, s Session, now time.Time) {
	name := string(a)
	switch a {
	case transfer.AttributeSessionID:
		d.addText(name, rfc2866.AcctSessionID_Type, s.ID)
	case transfer.AttributeUserName:
		d.addText(name, rfc2865.UserName_Type, s.Username)
	case transfer.AttributeCallingStationID:
		d.addText(name, rfc2865.CallingStationID_Type, s.CallingStationID)
	case transfer.AttributeIMSI:
		d.add3GPP(name, typeIMSI, s.IMSI, 15)
	case transfer.AttributeNSAPI:
		d.add3GPP(name, typeNSAPI, s.NSAPI, 1)
	case transfer.AttributeNASIPAddress:
		d.addAddress(name, rfc2865.NASIPAddress_Type, rfc3162.NASIPv6Address_Type, s.NASIPAddress)
	case transfer.AttributeNASIdentifier:
		d.addText(name, rfc2865.NASIdentifier_Type, s.NASIdentifier)
	case transfer.AttributeNASPort:
		d.addNumber(name, rfc2865.NASPort_Type, s.NASPort)
	case transfer.AttributeNASPortID:
		d.addText(name, rfc2869.NASPortID_Type, s.NASPortID)
	case transfer.AttributeFramedIPAddress:
		d.addAddress(name, rfc2865.FramedIPAddress_Type, rfc6911.FramedIPv6Address_Type, s.FramedIP)
		d.addAddress("Framed-IPv6-Address", rfc2865.FramedIPAddress_Type, rfc6911.FramedIPv6Address_Type, s.FramedIPv6)
		d.addPrefix("Framed-IPv6-Prefix", rfc3162.FramedIPv6Prefix_Type, s.FramedIPv6Prefix)
	case transfer.AttributeServiceType:
		d.addServiceType(s.ServiceType)
	case transfer.AttributeClass:
		d.addClass(s.Class)
	case transfer.AttributeEventTimestamp:
		// A gateway discards requests that are some minutes old, against replay
		// (RFC 5176, section 6.3).
		d.check(name, rfc2869.EventTimestamp_Set(d.Packet, now))
	case transfer.AttributeMessageAuthenticator: // computed last
	}
}

func (d *draft) check(name string, err error) {
	if err != nil && d.err == nil {
		d.err = fmt.Errorf("%w: %s: %w", ErrInvalid, name, err)
	}
}

func (d *draft) addText(name string, t radius.Type, value string) {
	if value == "" {
		return
	}
	attribute, err := radius.NewString(value)
	d.Add(t, attribute)
	d.check(name, err)
}

func (d *draft) addAddress(name string, v4, v6 radius.Type, value string) {
	if value == "" {
		return
	}
	address, err := netip.ParseAddr(value)
	address = address.Unmap()
	if address.Is4() {
		d.Add(v4, address.AsSlice())
	} else {
		d.Add(v6, address.AsSlice())
	}
	d.check(name, err)
}

// addServiceType adds a Service-Type by its name. It ignores an unknown name.
func (d *draft) addServiceType(name string) {
	for value, known := range rfc2865.ServiceType_Strings {
		if known == name {
			d.check("Service-Type", rfc2865.ServiceType_Set(d.Packet, value))
		}
	}
}

// addClass adds the Class attributes of a session.
func (d *draft) addClass(text string) {
	if text == "" {
		return
	}
	var list [][]byte
	for part := range strings.SplitSeq(text, ",") {
		digits, ok := strings.CutPrefix(strings.TrimSpace(part), "0x")
		value, err := hex.DecodeString(digits)
		if !ok || err != nil || len(value) == 0 {
			list = [][]byte{[]byte(text)}
			break
		}
		list = append(list, value)
	}
	for _, value := range list {
		attribute, err := radius.NewBytes(value)
		d.check("Class", err)
		d.Add(rfc2865.Class_Type, attribute)
	}
}

func (d *draft) addNumber(name string, t radius.Type, text string) {
	if text == "" {
		return
	}
	n, err := strconv.ParseUint(text, 10, 32)
	d.check(name, err)
	d.Add(t, radius.NewInteger(uint32(n)))
}

// addPrefix adds an IPv6 network (RFC 3162, section 2.3). Bits after the prefix are
// sent as zeros.
func (d *draft) addPrefix(name string, t radius.Type, text string) {
	if text == "" {
		return
	}
	p, err := netip.ParsePrefix(text)
	if err == nil && !p.Addr().Is6() {
		err = errors.New("not an IPv6 network")
	}
	d.check(name, err)
	if err == nil {
		d.Add(t, append([]byte{0, byte(p.Bits())}, p.Masked().Addr().AsSlice()...))
	}
}

// add3GPP adds an attribute of 3GPP that is text of at most max characters.
func (d *draft) add3GPP(name string, kind byte, value string, max int) {
	if value == "" {
		return
	}
	if len(value) > max {
		d.check(name, fmt.Errorf("%d characters, the maximum is %d", len(value), max))
		return
	}
	tlv, err := radius.NewTLV(kind, []byte(value))
	d.check(name, err)
	attribute, err := radius.NewVendorSpecific(vendor3GPP, tlv)
	d.check(name, err)
	d.Add(rfc2865.VendorSpecific_Type, attribute)
}

// sessionIn returns the session that a request identifies. It is the reverse of
// newDraft. Addresses are returned in canonical form.
func sessionIn(p *radius.Packet) Session {
	s := Session{
		ID:               rfc2866.AcctSessionID_GetString(p),
		Username:         rfc2865.UserName_GetString(p),
		CallingStationID: rfc2865.CallingStationID_GetString(p),
		IMSI:             value3GPP(p, typeIMSI),
		NSAPI:            value3GPP(p, typeNSAPI),
		NASIPAddress:     addressIn(p, rfc2865.NASIPAddress_Type, rfc3162.NASIPv6Address_Type),
		NASIdentifier:    rfc2865.NASIdentifier_GetString(p),
		NASPortID:        rfc2869.NASPortID_GetString(p),
		FramedIP:         addressIn(p, rfc2865.FramedIPAddress_Type, rfc6911.FramedIPv6Address_Type),
	}
	if port, err := rfc2865.NASPort_Lookup(p); err == nil {
		s.NASPort = strconv.FormatUint(uint64(port), 10)
	}
	return s
}

func value3GPP(p *radius.Packet, wanted byte) string {
	for _, attribute := range p.Attributes {
		if attribute.Type != rfc2865.VendorSpecific_Type {
			continue
		}
		vendor, value, err := radius.VendorSpecific(attribute.Attribute)
		if err != nil || vendor != vendor3GPP {
			continue
		}
		if kind, text, err := radius.TLV(value); err == nil && kind == wanted {
			return string(text)
		}
	}
	return ""
}

func addressIn(p *radius.Packet, types ...radius.Type) string {
	for _, t := range types {
		if address, ok := netip.AddrFromSlice(p.Get(t)); ok {
			return address.String()
		}
	}
	return ""
}

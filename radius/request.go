package radius

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc3162"
	"layeh.com/radius/rfc6911"
)

// ErrInvalid means that the given gateway or session cannot be put into a
// request. A retry does not help.
var ErrInvalid = errors.New("invalid argument")

// The vendor and attribute of 3GPP-IMSI (3GPP TS 29.061, section 16.4.7).
const (
	vendor3GPP = 10415
	typeIMSI   = 1
)

// Session identifies one data session at a gateway. Empty fields are not sent.
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
	// IMSI is the vendor-specific 3GPP-IMSI.
	IMSI string
	// NASIPAddress is the address that the gateway reports for itself. It is sent
	// as NAS-IP-Address or NAS-IPv6-Address.
	NASIPAddress string
	// FramedIP is the device's address. It is sent as Framed-IP-Address or
	// Framed-IPv6-Address.
	FramedIP string
	// ServiceType is the name of the Service-Type, such as "Framed-User". Client
	// sends it only if the gateway does not find the session without it.
	ServiceType string
	// At is the time of the request, by a clock that agrees with the gateway's.
	// It is sent as Event-Timestamp. Zero means now, by this machine's clock.
	At time.Time
}

// otherForms returns the session with fewer attributes, of which none can have
// been rewritten on the way, and with the Service-Type, which some gateways
// require.
func (s Session) otherForms() []Session {
	var list []Session
	plain := Session{ID: s.ID, NASIPAddress: s.NASIPAddress, At: s.At}
	if s.Username+s.CallingStationID+s.IMSI+s.FramedIP != "" {
		list = append(list, plain)
	}
	if s.ServiceType != "" {
		list = append(list, s)
	}
	return list
}

// newRequest returns the Disconnect-Request for a session, with a random
// identifier, ready to send. Its errors wrap ErrInvalid.
func newRequest(secret []byte, s Session, now time.Time) ([]byte, error) {
	if s.ID == "" {
		return nil, fmt.Errorf("%w: no Acct-Session-Id", ErrInvalid)
	}
	if len(secret) == 0 {
		return nil, fmt.Errorf("%w: no shared secret", ErrInvalid)
	}
	d := draft{Packet: radius.New(radius.CodeDisconnectRequest, secret)}
	d.addText("Acct-Session-Id", rfc2866.AcctSessionID_Type, s.ID)
	d.addText("User-Name", rfc2865.UserName_Type, s.Username)
	d.addText("Calling-Station-Id", rfc2865.CallingStationID_Type, s.CallingStationID)
	d.addIMSI(s.IMSI)
	d.addAddress("NAS-IP-Address", rfc2865.NASIPAddress_Type, rfc3162.NASIPv6Address_Type, s.NASIPAddress)
	d.addAddress("Framed-IP-Address", rfc2865.FramedIPAddress_Type, rfc6911.FramedIPv6Address_Type, s.FramedIP)
	d.addServiceType(s.ServiceType)
	// A gateway discards requests that are some minutes old, against replay
	// (RFC 5176, section 6.3).
	if !s.At.IsZero() {
		now = s.At
	}
	d.check("Event-Timestamp", rfc2869.EventTimestamp_Set(d.Packet, now))
	if d.err != nil {
		return nil, d.err
	}
	return sign(d.Packet)
}

// draft is a packet under construction; err is the first error.
type draft struct {
	*radius.Packet
	err error
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

func (d *draft) addIMSI(value string) {
	if value == "" {
		return
	}
	if len(value) > 15 {
		d.check("3GPP-IMSI", fmt.Errorf("%d characters, the maximum is 15", len(value)))
		return
	}
	tlv, err := radius.NewTLV(typeIMSI, []byte(value))
	d.check("3GPP-IMSI", err)
	attribute, err := radius.NewVendorSpecific(vendor3GPP, tlv)
	d.check("3GPP-IMSI", err)
	d.Add(rfc2865.VendorSpecific_Type, attribute)
}

// sessionIn returns the session that a request identifies. It is the reverse of
// newRequest. Addresses are returned in canonical form.
func sessionIn(p *radius.Packet) Session {
	return Session{
		ID:               rfc2866.AcctSessionID_GetString(p),
		Username:         rfc2865.UserName_GetString(p),
		CallingStationID: rfc2865.CallingStationID_GetString(p),
		IMSI:             imsiIn(p),
		NASIPAddress:     addressIn(p, rfc2865.NASIPAddress_Type, rfc3162.NASIPv6Address_Type),
		FramedIP:         addressIn(p, rfc2865.FramedIPAddress_Type, rfc6911.FramedIPv6Address_Type),
	}
}

func imsiIn(p *radius.Packet) string {
	for _, attribute := range p.Attributes {
		if attribute.Type != rfc2865.VendorSpecific_Type {
			continue
		}
		vendor, value, err := radius.VendorSpecific(attribute.Attribute)
		if err != nil || vendor != vendor3GPP {
			continue
		}
		if kind, imsi, err := radius.TLV(value); err == nil && kind == typeIMSI {
			return string(imsi)
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

package accounting

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc3162"
	"layeh.com/radius/rfc4818"
	"layeh.com/radius/rfc6911"

	"simtransfer/storage"
)

// Vendor-Specific attributes of 3GPP (TS 29.061).
const (
	vendor3GPP = 10415
	imsi3GPP   = 1
	nsapi3GPP  = 10
)

// attributes are the attributes of an accounting record that matter: of each, the
// first that the packet has.
type attributes struct {
	status  uint32
	hasKind bool

	username, caller, called, id       []byte
	identifier, portID, imsi, nsapi    []byte
	connect                            []byte
	classes                            [][]byte
	nas4, nas6, ip, ip6                netip.Addr
	prefix, delegated                  string
	interfaceID                        string
	port, lasted                       *int64
	event                              *time.Time
	delay                              time.Duration
	inOctets, inWords                  *int64
	outOctets, outWords                *int64
	portType, service, protocol, cause string
	authentic                          string
}

var errNoKind = errors.New("it has no Acct-Status-Type")

func parseAttributes(p *radius.Packet) (attributes, error) {
	var a attributes
	for _, avp := range p.Attributes {
		a.add(avp.Type, avp.Attribute)
	}
	if !a.hasKind {
		return a, errNoKind
	}
	return a, nil
}

func (a *attributes) add(t radius.Type, value radius.Attribute) {
	switch t {
	case rfc2866.AcctStatusType_Type:
		if n, ok := number(value); ok && !a.hasKind {
			a.status, a.hasKind = uint32(n), true
		}
	case rfc2865.UserName_Type:
		first(&a.username, value)
	case rfc2865.CallingStationID_Type:
		first(&a.caller, value)
	case rfc2865.CalledStationID_Type:
		first(&a.called, value)
	case rfc2866.AcctSessionID_Type:
		first(&a.id, value)
	case rfc2865.NASIdentifier_Type:
		first(&a.identifier, value)
	case rfc2869.NASPortID_Type:
		first(&a.portID, value)
	case rfc2869.ConnectInfo_Type:
		first(&a.connect, value)
	case rfc2865.Class_Type:
		a.classes = append(a.classes, value)
	case rfc2865.VendorSpecific_Type:
		a.addVendor(value)
	case rfc2865.NASIPAddress_Type:
		firstAddress(&a.nas4, value, 4)
	case rfc3162.NASIPv6Address_Type:
		firstAddress(&a.nas6, value, 16)
	case rfc2865.FramedIPAddress_Type:
		firstAddress(&a.ip, value, 4)
	case rfc6911.FramedIPv6Address_Type:
		firstAddress(&a.ip6, value, 16)
	case rfc3162.FramedIPv6Prefix_Type:
		firstPrefix(&a.prefix, value)
	case rfc4818.DelegatedIPv6Prefix_Type:
		firstPrefix(&a.delegated, value)
	case rfc3162.FramedInterfaceID_Type:
		if len(value) == 8 && a.interfaceID == "" {
			a.interfaceID = fmt.Sprintf("%x:%x:%x:%x", binary.BigEndian.Uint16(value), binary.BigEndian.Uint16(value[2:]),
				binary.BigEndian.Uint16(value[4:]), binary.BigEndian.Uint16(value[6:]))
		}
	case rfc2869.EventTimestamp_Type:
		if n, ok := number(value); ok && a.event == nil {
			at := time.Unix(n, 0)
			a.event = &at
		}
	case rfc2866.AcctDelayTime_Type:
		if n, ok := number(value); ok {
			a.delay = time.Duration(n) * time.Second
		}
	case rfc2865.NASPort_Type:
		firstNumber(&a.port, value)
	case rfc2866.AcctSessionTime_Type:
		firstNumber(&a.lasted, value)
	case rfc2866.AcctInputOctets_Type:
		firstNumber(&a.inOctets, value)
	case rfc2869.AcctInputGigawords_Type:
		firstNumber(&a.inWords, value)
	case rfc2866.AcctOutputOctets_Type:
		firstNumber(&a.outOctets, value)
	case rfc2869.AcctOutputGigawords_Type:
		firstNumber(&a.outWords, value)
	case rfc2865.NASPortType_Type:
		firstName(&a.portType, value, rfc2865.NASPortType_Strings)
	case rfc2865.ServiceType_Type:
		firstName(&a.service, value, rfc2865.ServiceType_Strings)
	case rfc2865.FramedProtocol_Type:
		firstName(&a.protocol, value, rfc2865.FramedProtocol_Strings)
	case rfc2866.AcctTerminateCause_Type:
		firstName(&a.cause, value, rfc2866.AcctTerminateCause_Strings)
	case rfc2866.AcctAuthentic_Type:
		firstName(&a.authentic, value, rfc2866.AcctAuthentic_Strings)
	default:
	}
}

func (a *attributes) addVendor(value radius.Attribute) {
	vendor, list, err := radius.VendorSpecific(value)
	if err != nil || vendor != vendor3GPP {
		return
	}
	for len(list) >= 2 {
		length := int(list[1])
		if length < 2 || length > len(list) {
			return
		}
		switch list[0] {
		case imsi3GPP:
			first(&a.imsi, list[2:length])
		case nsapi3GPP:
			first(&a.nsapi, list[2:length])
		default:
		}
		list = list[length:]
	}
}

func first(into *[]byte, value []byte) {
	if *into == nil {
		*into = value
	}
}

func number(value radius.Attribute) (int64, bool) {
	if len(value) != 4 {
		return 0, false
	}
	return int64(binary.BigEndian.Uint32(value)), true
}

func firstNumber(into **int64, value radius.Attribute) {
	if n, ok := number(value); ok && *into == nil {
		*into = &n
	}
}

// firstName stores the name of a number as FreeRADIUS does, or the number if it has
// none.
func firstName[T ~uint32](into *string, value radius.Attribute, names map[T]string) {
	n, ok := number(value)
	if !ok || *into != "" {
		return
	}
	*into = names[T(n)]
	if *into == "" {
		*into = strconv.FormatInt(n, 10)
	}
}

func firstAddress(into *netip.Addr, value radius.Attribute, size int) {
	address, ok := netip.AddrFromSlice(value)
	if ok && len(value) == size && !into.IsValid() {
		*into = address.Unmap()
	}
}

// firstPrefix accepts prefixes with host bits, which some gateways send.
func firstPrefix(into *string, value radius.Attribute) {
	if len(value) < 2 || len(value) > 18 || value[1] > 128 || *into != "" {
		return
	}
	var address [16]byte
	copy(address[:], value[2:])
	*into = netip.PrefixFrom(netip.AddrFrom16(address), int(value[1])).String()
}

// gateway returns the address of the gateway: NAS-IPv6-Address or NAS-IP-Address,
// or the sender's if the packet has neither.
func (a *attributes) gateway(from netip.Addr) netip.Addr {
	switch {
	case a.nas6.IsValid():
		return a.nas6
	case a.nas4.IsValid():
		return a.nas4
	}
	return from
}

// kind returns the kind of a report about a session; ok is false for others.
func (a *attributes) kind() (_ storage.ReportKind, ok bool) {
	switch rfc2866.AcctStatusType(a.status) {
	case rfc2866.AcctStatusType_Value_Start:
		return storage.SessionStart, true
	case rfc2866.AcctStatusType_Value_InterimUpdate:
		return storage.SessionUpdate, true
	case rfc2866.AcctStatusType_Value_Stop:
		return storage.SessionStop, true
	default:
		return "", false
	}
}

// isRestart reports whether the packet is an Accounting-On or Accounting-Off.
func (a *attributes) isRestart() bool {
	kind := rfc2866.AcctStatusType(a.status)
	return kind == rfc2866.AcctStatusType_Value_AccountingOn || kind == rfc2866.AcctStatusType_Value_AccountingOff
}

// report returns the report of a packet about a session.
func (a *attributes) report(kind storage.ReportKind, packet []byte, from netip.Addr) storage.SessionReport {
	r := storage.SessionReport{
		Kind:                kind,
		Packet:              packet,
		Event:               a.event,
		Delay:               a.delay,
		NAS:                 a.gateway(from),
		NASPort:             a.port,
		NASPortType:         a.portType,
		ServiceType:         a.service,
		FramedProtocol:      a.protocol,
		Authentic:           a.authentic,
		TerminateCause:      a.cause,
		Class:               classText(a.classes),
		Lasted:              a.lasted,
		Input:               octets(a.inOctets, a.inWords),
		Output:              octets(a.outOctets, a.outWords),
		FramedIP:            addressText(a.ip),
		FramedIPv6:          addressText(a.ip6),
		FramedIPv6Prefix:    a.prefix,
		FramedInterfaceID:   a.interfaceID,
		DelegatedIPv6Prefix: a.delegated,
	}
	r.Key = sessionKey(a.username, a.id, r.NAS, a.identifier, a.portID, a.port)
	portID := string(a.portID)
	if portID == "" && a.port != nil {
		portID = strconv.FormatInt(*a.port, 10)
	}
	texts := []struct {
		into  *string
		value string
	}{
		{&r.SessionID, string(a.id)},
		{&r.Username, storedUsername(a.username)},
		{&r.IMSI, string(a.imsi)},
		{&r.CallingStationID, string(a.caller)},
		{&r.CalledStationID, string(a.called)},
		{&r.NASIdentifier, string(a.identifier)},
		{&r.NASPortID, portID},
		{&r.NSAPI, string(a.nsapi)},
		{&r.ConnectInfo, string(a.connect)},
	}
	for _, t := range texts {
		r.Escaped = r.Escaped || !storable([]byte(t.value))
	}
	for _, t := range texts {
		*t.into = t.value
		if r.Escaped {
			*t.into = escape(t.value)
		}
	}
	return r
}

func addressText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// classText returns Class attributes as FreeRADIUS writes them.
func classText(classes [][]byte) string {
	list := make([]string, len(classes))
	for i, class := range classes {
		list[i] = "0x" + hex.EncodeToString(class)
	}
	return strings.Join(list, ",")
}

// octets returns a counter with its Gigawords, nil if the gateway reports none. One
// that is too large for the database is cut.
func octets(low, high *int64) *int64 {
	if low == nil && high == nil {
		return nil
	}
	var n int64
	if high != nil {
		n = min(*high, math.MaxInt64>>32) << 32
	}
	if low != nil {
		n |= *low
	}
	return &n
}

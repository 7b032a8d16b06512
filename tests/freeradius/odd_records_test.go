package freeradius_test

import (
	"net"
	"strings"
	"testing"
	"time"

	layeh "layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc3162"
	"layeh.com/radius/rfc4818"
	"layeh.com/radius/rfc6911"

	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// Each list of records leaves a number of sessions of its SIM open, in whatever order
// and however often the records arrive.
func TestOrdersOfRecords(t *testing.T) {
	t.Parallel()
	s := start(t, configuration{shipped: true, site: true})
	const off = rfc2866.AcctStatusType_Value_AccountingOff
	v4, mapped, v6 := net.IPv4(10, 0, 0, 2).To4(), net.IPv4(10, 0, 0, 2).To16(), net.ParseIP("2001:db8::2")
	ago := func(d time.Duration) time.Time { return time.Now().Add(-d) }
	cases := []struct {
		name    string
		records []record
		open    int
	}{
		{"a start twice", []record{{kind: begin}, {kind: begin}}, 1},
		{"a stop without a start", []record{{kind: end, lasted: time.Minute}}, 0},
		{"a stop before its start", []record{{kind: end, at: ago(0), lasted: time.Minute}, {kind: begin, at: ago(time.Minute)}}, 0},
		{"a stop twice", []record{{kind: begin}, {kind: end}, {kind: end}}, 0},
		{"an update without a start", []record{{kind: update, lasted: time.Minute}}, 1},
		{"an update before its start", []record{{kind: update, lasted: time.Minute}, {kind: begin, at: ago(time.Minute)}}, 1},
		{"an update after the stop", []record{{kind: begin}, {kind: end}, {kind: update, lasted: time.Minute}}, 0},
		{"a start after the stop", []record{{kind: begin, at: ago(time.Minute)}, {kind: end, at: ago(0)}, {kind: begin, at: ago(time.Minute)}}, 0},
		{"an id used again", []record{{kind: begin, at: ago(3 * time.Minute)}, {kind: end, at: ago(2 * time.Minute)}, {kind: begin, at: ago(time.Minute)}}, 1},
		{
			"the stop of an id used again arrives late",
			[]record{{kind: begin, at: ago(3 * time.Minute)}, {kind: begin, at: ago(time.Minute)}, {kind: end, at: ago(2 * time.Minute)}, {kind: update, at: ago(0), lasted: time.Minute}},
			1,
		},
		{"one id at two gateways", []record{{kind: begin, nas: v4}, {kind: begin, nas: v6}}, 2},
		{"one id at two gateways, of which one stops", []record{{kind: begin, nas: v4}, {kind: begin, nas: v6}, {kind: end, nas: v4}}, 1},
		{"a gateway starts", []record{{kind: begin, nas: net.IPv4(10, 1, 0, 1).To4(), at: ago(time.Minute)}, {kind: on, nas: net.IPv4(10, 1, 0, 1).To4(), at: ago(0)}}, 0},
		{"a gateway stops", []record{{kind: begin, nas: net.IPv4(10, 1, 0, 2).To4(), at: ago(time.Minute)}, {kind: off, nas: net.IPv4(10, 1, 0, 2).To4(), at: ago(0)}}, 0},
		{
			"a gateway stops for a reason, and keeps its sessions",
			[]record{
				{kind: begin, nas: net.IPv4(10, 1, 0, 5).To4(), at: ago(3 * time.Minute)},
				{kind: off, nas: net.IPv4(10, 1, 0, 5).To4(), at: ago(2 * time.Minute), more: func(p *layeh.Packet) {
					_ = rfc2866.AcctTerminateCause_Set(p, rfc2866.AcctTerminateCause_Value_AdminReboot)
				}},
				{kind: update, nas: net.IPv4(10, 1, 0, 5).To4(), at: ago(0), lasted: 3 * time.Minute},
			},
			1,
		},
		{
			"an update from after the stop, which was the first news",
			[]record{{kind: end, at: ago(2 * time.Minute), lasted: time.Minute}, {kind: update, at: ago(time.Minute), lasted: 2 * time.Minute}},
			0,
		},
		{"another gateway starts", []record{{kind: begin, at: ago(time.Minute)}, {kind: on, nas: net.IPv4(10, 1, 0, 3).To4(), at: ago(0)}}, 1},
		{"a gateway with IPv6 starts", []record{{kind: begin, nas: net.ParseIP("2001:db8::3"), at: ago(time.Minute)}, {kind: on, nas: net.ParseIP("2001:db8::3"), at: ago(0)}}, 0},
		{"the start of a gateway arrives late", []record{{kind: begin, nas: net.IPv4(10, 1, 0, 4).To4(), at: ago(0)}, {kind: on, nas: net.IPv4(10, 1, 0, 4).To4(), at: ago(time.Minute)}}, 1},
		{"a gateway with a mapped address", []record{{kind: begin, nas: mapped}, {kind: end, nas: mapped}}, 0},
		{"without an id", []record{{kind: begin, id: "-"}}, 1},
		{"without an id, ended", []record{{kind: begin, id: "-"}, {kind: end, id: "-"}}, 0},
		{"a gateway without an address", []record{{kind: begin, nas: net.IP{}, more: func(p *layeh.Packet) {
			p.Del(rfc2865.NASIPAddress_Type)
			_ = rfc2865.NASIdentifier_SetString(p, "gateway=+\"'")
		}}}, 1},
		{"addresses of the device", []record{{kind: begin, more: framed}, {kind: update, lasted: time.Minute, more: framed}}, 1},
		{"long values", []record{{kind: begin, id: strings.Repeat("+", 253), more: func(p *layeh.Packet) {
			p.Add(rfc2865.CalledStationID_Type, layeh.Attribute(strings.Repeat("=", 253)))
			p.Add(rfc2865.CallingStationID_Type, layeh.Attribute(strings.Repeat("\x01", 253)))
			p.Add(rfc2865.Class_Type, layeh.Attribute(strings.Repeat("\xff", 253)))
			p.Add(rfc2865.Class_Type, layeh.Attribute(strings.Repeat("\xfe", 253)))
		}}}, 1},
	}
	sims := s.sims(len(cases), transfer.Active)
	for i, c := range cases {
		for _, r := range c.records {
			r.user = sims[i].IMSI
			switch r.id {
			case "":
				r.id = "same"
			case "-":
				r.id = ""
			}
			s.account(r)
		}
		if open := storagetest.One[int](s.db, `SELECT count(*) FROM radius.radacct WHERE sim = $1 AND acctstoptime IS NULL`, sims[i].ID); open != c.open {
			t.Errorf("%s: %d sessions are open, want %d; stored are\n%s", c.name, open, c.open,
				strings.Join(storagetest.All[string](s.db, `SELECT a::text FROM radius.radacct a WHERE username = $1`, sims[i].IMSI), "\n"))
		}
	}
	if got := s.asked(sims[len(sims)-1]).AcctSessionID; got != strings.Repeat("+", 253) {
		t.Errorf("the gateway will be asked about %q, want 253 times +", got)
	}
	s.db.Check()
}

// framed adds the addresses of a device, prefixes with bits after the prefix
// included.
func framed(p *layeh.Packet) {
	_, network, _ := net.ParseCIDR("2001:db8:1::/64")
	_ = rfc2865.FramedIPAddress_Set(p, net.IPv4(192, 0, 2, 1))
	_ = rfc6911.FramedIPv6Address_Set(p, net.ParseIP("2001:db8::1"))
	_ = rfc3162.FramedIPv6Prefix_Set(p, network)
	_ = rfc4818.DelegatedIPv6Prefix_Set(p, network)
	p.Add(rfc3162.FramedIPv6Prefix_Type, layeh.Attribute{0, 56, 0x20, 0x01, 0x0d, 0xb8, 0, 1, 2, 3})
	p.Add(rfc3162.FramedInterfaceID_Type, layeh.Attribute{0, 0, 0, 0, 0, 0, 0, 1})
}

// Gateways pad what names a SIM. FreeRADIUS drops zero bytes and what follows.
func TestPaddedIdentities(t *testing.T) {
	t.Parallel()
	s := start(t, configuration{shipped: true})
	for i, c := range []func(storagetest.SIM) record{
		func(sim storagetest.SIM) record { return record{imsi: sim.IMSI + "\x00"} },
		func(sim storagetest.SIM) record { return record{user: sim.IMSI + "\x00"} },
		func(sim storagetest.SIM) record { return record{number: sim.MSISDN + "\x00\x00"} },
		func(sim storagetest.SIM) record { return record{number: " +" + sim.MSISDN + " "} },
		func(sim storagetest.SIM) record { return record{imsi: sim.IMSI + " "} },
	} {
		sim := s.sims(1, transfer.Ready)[0]
		r := c(sim)
		r.kind, r.id = begin, string(rune('a'+i))
		s.account(r)
		user, number := strings.TrimRight(r.user, "\x00"), strings.TrimRight(r.number, "\x00")
		if got := s.asked(sim); got.Username != user || got.CallingStationID != number {
			t.Errorf("the gateway sent %q and %q; it will be asked about %q and %q", r.user, r.number, got.Username, got.CallingStationID)
		}
	}
}

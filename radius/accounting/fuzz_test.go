package accounting

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"unicode/utf8"

	"layeh.com/radius"
	"layeh.com/radius/rfc2866"

	"simtransfer/storage"
)

type oneClient struct{ Store }

func (oneClient) AccountingClients(context.Context) ([]storage.AccountingClient, error) {
	return []storage.AccountingClient{{Network: netip.MustParsePrefix("192.0.2.0/24"), Secret: []byte("secret")}}, nil
}

// Whatever a packet is, reading it does not fail in an unexpected way, and what is
// accepted can be stored.
func FuzzPacket(f *testing.F) {
	p := radius.New(radius.CodeAccountingRequest, []byte("secret"))
	if err := rfc2866.AcctStatusType_Set(p, rfc2866.AcctStatusType_Value_Start); err != nil {
		f.Fatal(err)
	}
	wire, err := p.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wire, true)
	f.Add([]byte{12, 1, 0, 20}, false)
	f.Add(append([]byte{4, 1, 0, 47, 15: 0, 19: 0}, 40, 6, 0, 0, 0, 3, 26, 10, 0, 0, 0x28, 0xaf, 1, 4, 'x', 0, 97, 4, 0, 128, 44, 3, 0xff), true)
	s, err := New(f.Context(), Config{Store: oneClient{}, Log: slog.New(slog.DiscardHandler), Writers: 1, Queue: 1})
	if err != nil {
		f.Fatal(err)
	}
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = conn.Close() })
	from := netip.MustParseAddrPort("192.0.2.1:1")
	f.Fuzz(func(t *testing.T, wire []byte, seal bool) {
		if seal {
			if cut, ok := trim(wire); ok {
				if parsed, err := radius.Parse(cut, []byte("secret")); err == nil {
					parsed.Authenticator = [16]byte{}
					if sealed, err := parsed.Encode(); err == nil {
						wire = sealed
					}
				}
			}
		}
		s.handle(t.Context(), conn, from, netip.MustParseAddrPort("127.0.0.1:9"), wire)
		select {
		case i := <-s.writers[0].queue:
			r := i.report
			for _, text := range []string{r.SessionID, r.Username, r.IMSI, r.CallingStationID, r.NASIdentifier, r.NASPortID, r.ConnectInfo, r.Class} {
				if !utf8.ValidString(text) || !storable([]byte(text)) {
					t.Errorf("%q cannot be stored", text)
				}
			}
			if i.restart == nil && (r.Key == "" || !r.NAS.IsValid()) {
				t.Errorf("%+v has no key or no gateway", r)
			}
			s.repeats.end(false, i.id)
		default:
		}
	})
}

package radius

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"
)

// A simulated gateway reports the start and the end of a session, and fails if the
// answer is not that of an accounting server, or does not come.
func TestSimulatedGatewayReports(t *testing.T) {
	t.Parallel()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	const secret = "secret of accounting"
	requests := make(chan *radius.Packet, 10)
	answer := make(chan radius.Code, 1)
	server := &radius.PacketServer{
		SecretSource: radius.StaticSecretSource([]byte(secret)),
		Handler: radius.HandlerFunc(func(w radius.ResponseWriter, r *radius.Request) {
			select {
			case code := <-answer:
				requests <- r.Packet
				_ = w.Write(r.Response(code))
			default: // no answer
			}
		}),
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(conn)
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-served
	})
	g, err := SimulateGateway("127.0.0.1:0", []byte(secret), Behavior{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	address := conn.LocalAddr().String()
	s := Session{ID: "s1", Username: "001010000000001", CallingStationID: "15550001", NASIPAddress: "192.0.2.1"}
	before := time.Now().Truncate(time.Second)

	for _, c := range []struct {
		report func(context.Context, string, Session) error
		kind   rfc2866.AcctStatusType
		cause  rfc2866.AcctTerminateCause
	}{
		{g.ReportStart, rfc2866.AcctStatusType_Value_Start, 0},
		{g.ReportStop, rfc2866.AcctStatusType_Value_Stop, rfc2866.AcctTerminateCause_Value_AdminReset},
	} {
		answer <- radius.CodeAccountingResponse
		if err := c.report(t.Context(), address, s); err != nil {
			t.Fatal(err)
		}
		p := <-requests
		got := Session{
			ID: rfc2866.AcctSessionID_GetString(p), Username: rfc2865.UserName_GetString(p),
			CallingStationID: rfc2865.CallingStationID_GetString(p), NASIPAddress: rfc2865.NASIPAddress_Get(p).String(),
		}
		if p.Code != radius.CodeAccountingRequest || rfc2866.AcctStatusType_Get(p) != c.kind || rfc2866.AcctTerminateCause_Get(p) != c.cause || got != s {
			t.Errorf("%v: reported as %v %v of %+v, because of %v", c.kind, p.Code, rfc2866.AcctStatusType_Get(p), got, rfc2866.AcctTerminateCause_Get(p))
		}
		if at := rfc2869.EventTimestamp_Get(p); at.Before(before) || at.After(time.Now()) {
			t.Errorf("%v: its time is %v", c.kind, at)
		}
	}

	answer <- radius.CodeAccessReject
	if err := g.ReportStart(t.Context(), address, s); err == nil || !strings.Contains(err.Error(), "Access-Reject") {
		t.Errorf("after an Access-Reject: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := g.ReportStart(ctx, address, s); err == nil {
		t.Error("no error without an answer")
	}
	s.NASIPAddress = "gateway.example"
	if err := g.ReportStart(t.Context(), address, s); err == nil || !strings.Contains(err.Error(), `"gateway.example"`) {
		t.Errorf("without an address of the gateway: %v", err)
	}
}

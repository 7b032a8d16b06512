package radius

import (
	"context"
	"fmt"
	"net"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"
)

// accountingRetry is the time after which a simulated gateway sends a record again
// that was not answered.
const accountingRetry = time.Second

// ReportStart sends an Accounting-Request with the start of a session to an accounting
// server, signed with the gateway's secret. It sends it again until the server has
// answered, or ctx ends.
func (g *SimulatedGateway) ReportStart(ctx context.Context, server string, s Session) error {
	return g.report(ctx, server, s, rfc2866.AcctStatusType_Value_Start)
}

// ReportStop is ReportStart for the end of a session that a Disconnect-Request has
// ended.
func (g *SimulatedGateway) ReportStop(ctx context.Context, server string, s Session) error {
	return g.report(ctx, server, s, rfc2866.AcctStatusType_Value_Stop)
}

func (g *SimulatedGateway) report(ctx context.Context, server string, s Session, kind rfc2866.AcctStatusType) error {
	p := radius.New(radius.CodeAccountingRequest, g.secret)
	_ = rfc2866.AcctStatusType_Set(p, kind)
	_ = rfc2869.EventTimestamp_Set(p, time.Now())
	for attribute, value := range map[radius.Type]string{
		rfc2866.AcctSessionID_Type:    s.ID,
		rfc2865.UserName_Type:         s.Username,
		rfc2865.CallingStationID_Type: s.CallingStationID,
	} {
		if value != "" {
			p.Add(attribute, radius.Attribute(value))
		}
	}
	if err := rfc2865.NASIPAddress_Set(p, net.ParseIP(s.NASIPAddress)); err != nil {
		return fmt.Errorf("reporting the %v of session %q: its gateway %q: %w", kind, s.ID, s.NASIPAddress, err)
	}
	if kind == rfc2866.AcctStatusType_Value_Stop {
		_ = rfc2866.AcctTerminateCause_Set(p, rfc2866.AcctTerminateCause_Value_AdminReset)
	}
	client := radius.Client{Retry: accountingRetry}
	answer, err := client.Exchange(ctx, p, server)
	if err != nil {
		return fmt.Errorf("reporting the %v of session %q to %s: %w", kind, s.ID, server, err)
	}
	if answer.Code != radius.CodeAccountingResponse {
		return fmt.Errorf("reporting the %v of session %q to %s: the answer is %v", kind, s.ID, server, answer.Code)
	}
	return nil
}

package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// SIMSessions are the latest data sessions of a SIM.
type SIMSessions struct {
	Items []SIMSession `json:"items" nullable:"false" doc:"The latest first, up to 50."`
	More  bool         `json:"more" doc:"Whether there were earlier ones."`
}

// SIMSession is a data session of a SIM.
type SIMSession struct {
	StartedAt     time.Time  `json:"started_at"`
	LastNewsAt    *time.Time `json:"last_news_at,omitempty" doc:"When its gateway last reported it."`
	StoppedAt     *time.Time `json:"stopped_at,omitempty" doc:"When the session ended. Left out while it is open."`
	Cause         *string    `json:"cause,omitempty" doc:"Why the session ended."`
	InOctets      int64      `json:"in_octets"`
	OutOctets     int64      `json:"out_octets"`
	Gateway       string     `json:"gateway,omitempty" doc:"The address of the gateway that has the session. Shown to support only."`
	Ending        bool       `json:"ending,omitempty" doc:"Whether its gateway is being asked to end it."`
	GatewayAnswer string     `json:"gateway_answer,omitempty" doc:"What the gateway answered last, if it was asked to end the session and did not. Support also sees which gateway."`
}

type simSessionsOutput struct{ Body SIMSessions }

// maxSessions is how many sessions of a SIM are listed.
const maxSessions = 50

func (s *server) listSIMSessions(ctx context.Context, in *SIMPath) (*simSessionsOutput, error) {
	id, err := in.identifier()
	if err != nil {
		return nil, err
	}
	c := callerOf(ctx)
	owner, err := reachOf(c).owner()
	if err != nil {
		return nil, err
	}
	sim, err := s.db.SIM(ctx, owner, id)
	if err != nil {
		return nil, err
	}
	rows, err := s.db.SIMSessions(ctx, sim.ID, sim.Since, maxSessions+1)
	if err != nil {
		return nil, err
	}
	v := SIMSessions{Items: []SIMSession{}, More: len(rows) > maxSessions}
	for _, row := range rows[:min(len(rows), maxSessions)] {
		v.Items = append(v.Items, viewSIMSession(row, isStaff(c)))
	}
	return &simSessionsOutput{v}, nil
}

// viewSIMSession returns what a caller sees of a session. Only staff see the
// operator's addresses.
func viewSIMSession(s storage.SIMSession, staff bool) SIMSession {
	v := SIMSession{
		StartedAt: valueOrZero(s.Started).UTC(), LastNewsAt: utc(s.LastNews), StoppedAt: utc(s.Stopped), Cause: s.Cause,
		InOctets: s.Received, OutOctets: s.Sent, Ending: s.Ending,
		GatewayAnswer: viewGatewayAnswer(valueOrZero(s.Answer), sight{keys: staff}),
	}
	if staff {
		v.Gateway = s.Gateway
	}
	return v
}

type dropSIMSessionsInput struct {
	Idempotent
	SIMPath
	Body *struct {
		Reason string `json:"reason,omitempty" maxLength:"500" doc:"Why the sessions are ended. Recorded in the audit trail."`
	}
}

// DroppedSessions says how many data sessions are being ended.
type DroppedSessions struct {
	Sessions int `json:"sessions" doc:"Open data sessions of the SIM, which workers now ask its gateways to end."`
}

func (s *server) dropSIMSessions(ctx context.Context, in *dropSIMSessionsInput) (*reply[DroppedSessions], error) {
	id, err := in.identifier()
	if err != nil {
		return nil, err
	}
	var why string
	if in.Body != nil {
		p := problem.New(problem.Invalid, "")
		if why = parsed(p, "body.reason", in.Body.Reason, transfer.ParseText); len(p.Errors) > 0 {
			return nil, p
		}
	}
	owner, err := reachOf(callerOf(ctx)).owner()
	if err != nil {
		return nil, err
	}
	return once(ctx, s, func(t *storage.Tx, out *reply[DroppedSessions]) error {
		n, err := t.DropSIMSessions(ctx, actingCaller(ctx), owner, id, why)
		out.Status, out.Body.Sessions = http.StatusAccepted, n
		return err
	})
}

// UnknownSession is an open data session that names no SIM of the inventory.
type UnknownSession struct {
	ID               string    `json:"id" doc:"The Acct-Session-Id of the gateway."`
	Gateway          string    `json:"gateway" doc:"The address of the gateway that has the session."`
	Username         string    `json:"username,omitempty" doc:"The User-Name that the gateway sent."`
	CallingStationID string    `json:"calling_station_id,omitempty" doc:"The Calling-Station-Id that the gateway sent."`
	IMSI             string    `json:"imsi,omitempty" doc:"The 3GPP-IMSI that the gateway sent."`
	StartedAt        time.Time `json:"started_at"`
	LastNewsAt       time.Time `json:"last_news_at" doc:"When the gateway last reported it."`
	Error            *string   `json:"error,omitempty" doc:"Why the SIM could not be looked up. The scheduler tries again."`
}

// UnknownSessions are open data sessions that name no SIM.
type UnknownSessions struct {
	Items      []UnknownSession `json:"items" nullable:"false"`
	NextCursor string           `json:"next_cursor,omitempty" doc:"Pass it as cursor to get the next page. Left out on the last page."`
	Total      int              `json:"total" doc:"How many there are on all pages."`
}

type unknownSessionsOutput struct{ Body UnknownSessions }

func (s *server) listUnknownSessions(ctx context.Context, in *struct{ Paging }) (*unknownSessionsOutput, error) {
	after, err := numberCursor(in.Cursor, 0, 64)
	if err != nil {
		return nil, err
	}
	rows, total, err := s.db.UnknownSessions(ctx, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := &unknownSessionsOutput{UnknownSessions{Items: []UnknownSession{}, Total: total}}
	if len(rows) > in.Limit {
		rows = rows[:in.Limit]
		out.Body.NextCursor = strconv.FormatInt(rows[len(rows)-1].ID, 10)
	}
	for _, r := range rows {
		out.Body.Items = append(out.Body.Items, UnknownSession{
			ID: r.AcctSessionID, Gateway: r.Gateway, Username: r.Username, CallingStationID: r.CallingStationID, IMSI: r.IMSI,
			StartedAt: r.Started.UTC(), LastNewsAt: r.LastNews.UTC(), Error: r.Error,
		})
	}
	return out, nil
}

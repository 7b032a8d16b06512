package api

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"simtransfer/storage"
	"simtransfer/transfer"
)

// Transfer is the transfer of one SIM of a request.
type Transfer struct {
	Line           int                    `json:"line" doc:"The position in the list, the line in the upload, or the row in a JSON upload, counted from 1."`
	Identifier     string                 `json:"identifier" doc:"The identifier as submitted, reduced to its digits."`
	ICCID          *string                `json:"iccid,omitempty"`
	State          transfer.State         `json:"state"`
	Method         *transfer.Method       `json:"method,omitempty"`
	Reason         *transfer.Reason       `json:"reason,omitempty" doc:"Why the SIM was not transferred."`
	Remedy         string                 `json:"remedy,omitempty" doc:"What to do about the reason."`
	Fee            *transfer.Money        `json:"fee,omitempty" doc:"What the source pays on completion. For the source and support."`
	SessionDropped bool                   `json:"session_dropped"`
	GatewayAnswer  string                 `json:"gateway_answer,omitempty" doc:"What the gateway answered last, if it did not end the SIM's data session. Support also sees which gateway."`
	Advice         string                 `json:"advice,omitempty" doc:"What to do with the SIM after the transfer."`
	FinishedAt     *time.Time             `json:"finished_at,omitempty"`
	Status         *transfer.Status       `json:"status,omitempty" doc:"The status of the SIM, while its transfer is open."`
	Plan           *string                `json:"plan,omitempty" doc:"The plan of the SIM, while its transfer is open."`
	Arrival        *Arrival               `json:"arrival,omitempty" doc:"What the destination gets, while the transfer is open. For the destination and support."`
	Reference      *string                `json:"reference,omitempty" doc:"The source's own reference for the SIM in this request."`
	Code           *transfer.DecisionCode `json:"code,omitempty" doc:"Why the SIM was declined, denied or canceled, as the party that did so says."`
	Before         *Snapshot              `json:"before,omitempty" doc:"The settings before the transfer. Only for support."`
	After          *Snapshot              `json:"after,omitempty" doc:"The settings after the transfer. Only for support."`
}

// Arrival is what the destination of an open transfer gets, as far as it may know
// before it owns the SIM.
type Arrival struct {
	Plan         string          `json:"plan" doc:"The plan on which the SIM lands. The landing profile or a plan mapping can make it differ from the plan that the SIM has."`
	MonthlyPrice *transfer.Money `json:"monthly_price,omitempty" doc:"What the SIM costs the destination a month. Left out if the plan has no price in its currency."`
	DropsSession bool            `json:"drops_session" doc:"Whether the SIM has an open data session, which the transfer drops."`
	Settings     Settings        `json:"settings" doc:"The settings with which the SIM lands, without those in withheld."`
	Withheld     []string        `json:"withheld" nullable:"false" doc:"Settings that the SIM keeps if it has them, and that the destination sees when it owns the SIM. Tags of the landing profile are added to those that are kept."`
}

func viewArrival(t storage.Transfer) *Arrival {
	if t.Arrival == nil {
		return nil
	}
	a := t.Arrival
	v := Arrival{Plan: a.Plan, DropsSession: a.Online, Settings: viewSettings(a.Settings), Withheld: []string{}}
	if a.Monthly != nil {
		v.MonthlyPrice = &transfer.Money{Minor: *a.Monthly, Currency: a.Currency}
	}
	for _, s := range transfer.Policy() {
		if !s.Shown && s.Under(valueOrZero(t.Method)) == transfer.Keep {
			v.Withheld = append(v.Withheld, settingName(s))
		}
	}
	return &v
}

// Settings are the settings of a SIM that a transfer can change.
type Settings struct {
	Tags                  map[string]string `json:"tags"`
	Expiration            *time.Time        `json:"expiration,omitempty"`
	TerminationProtection bool              `json:"termination_protection"`
	Group                 *string           `json:"group,omitempty"`
	EventHandlers         []string          `json:"event_handlers" nullable:"false"`
	SpeedClass            *string           `json:"speed_class,omitempty"`
	Containers            []string          `json:"containers" nullable:"false" doc:"Subscription containers on the card."`
	IMEILock              *string           `json:"imei_lock,omitempty"`
}

// Snapshot is what a transfer records of a SIM: its settings and its plan.
type Snapshot struct {
	Settings
	Plan *string `json:"plan,omitempty" doc:"Left out if the snapshot is older than snapshots of plans."`
}

func viewSettings(s storage.SIMSettings) Settings {
	return Settings{
		Tags:                  s.Tags,
		Expiration:            utc(s.Expiration),
		TerminationProtection: s.TerminationProtection,
		Group:                 s.Group,
		EventHandlers:         s.EventHandlers,
		SpeedClass:            s.SpeedClass,
		Containers:            s.Containers,
		IMEILock:              s.IMEILock,
	}
}

// viewSnapshot returns the settings and the plan that a transfer recorded, nil for
// none.
func viewSnapshot(stored *json.RawMessage) (*Snapshot, error) {
	if stored == nil {
		return nil, nil
	}
	var s struct {
		storage.SIMSettings
		Plan *string `json:"plan"`
	}
	if err := json.Unmarshal(*stored, &s); err != nil {
		return nil, fmt.Errorf("reading stored settings: %w", err)
	}
	return &Snapshot{viewSettings(s.SIMSettings), s.Plan}, nil
}

// viewGatewayAnswer returns what a party sees of an answer such as "gateway
// 10.0.0.1: no answer: nothing received". Only support sees which gateway it was, and
// why it was not asked or gave no answer: that has addresses and names of the
// operator's network.
func viewGatewayAnswer(answer string, sight sight) string {
	if sight.keys {
		return answer
	}
	if who, what, ok := strings.Cut(answer, ": "); ok && strings.HasPrefix(who, "gateway ") {
		answer = what
	}
	for _, text := range []string{"no answer", "not asked"} {
		if strings.HasPrefix(answer, text+": ") {
			return text
		}
	}
	return answer
}

func viewTransfer(t storage.Transfer, currency transfer.Currency, party transfer.Party) (Transfer, error) {
	v := Transfer{
		Line:           t.Line,
		Identifier:     t.Identifier,
		ICCID:          t.ICCID,
		State:          t.State,
		Method:         t.Method,
		Reason:         t.Reason,
		Reference:      t.Reference,
		Code:           t.Code,
		SessionDropped: t.SessionDropped,
		FinishedAt:     utc(t.FinishedAt),
	}
	if t.Reason != nil {
		v.Remedy = t.Reason.Remedy()
		if *t.Reason == transfer.SIMNotFound {
			v.ICCID = nil // another account may own it
		}
	}
	sight := sightOf(party)
	if t.Fee != nil && sight.fees {
		v.Fee = &transfer.Money{Minor: *t.Fee, Currency: currency}
	}
	if t.State == transfer.Eligible || t.State == transfer.Failed {
		v.GatewayAnswer = viewGatewayAnswer(valueOrZero(t.GatewayAnswer), sight)
	}
	if t.SessionDropped {
		v.Advice = transfer.PowerCycleAdvice
	}
	if sight.inventory {
		v.Status, v.Plan = t.Status, t.Plan
	}
	if sight.arrivals {
		v.Arrival = viewArrival(t)
	}
	if !sight.snapshots {
		return v, nil
	}
	var err error
	if v.Before, err = viewSnapshot(t.Before); err != nil {
		return v, err
	}
	v.After, err = viewSnapshot(t.After)
	return v, err
}

type listTransfersInput struct {
	RequestPath
	SomeResults
	Cursor string `query:"cursor" maxLength:"64" doc:"The next_cursor of the previous page. Default: the first page."`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Maximum number of entries."`
}

func (s *server) listTransfers(ctx context.Context, in *listTransfersInput) (*listOf[Transfer], error) {
	r, party, err := s.visible(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	after, err := numberCursor(in.Cursor, -1, 32)
	if err != nil {
		return nil, err
	}
	sight := sightOf(party)
	rows, err := s.db.Transfers(ctx, r.ID, storage.TransferFilter{
		States:  in.State,
		Reasons: in.Reason,
		Methods: in.Method,
		Codes:   in.Code,
		Offered: !sight.unoffered,
		After:   int(after),
		Limit:   in.Limit + 1,

		Snapshots: sight.snapshots,
		Arrivals:  sight.arrivals,
	})
	if err != nil {
		return nil, err
	}
	told := remedies{from: s.db, source: r.SourceOperator, party: party}
	return tryPageOf(rows, in.Limit, func(t storage.Transfer) string { return itoa(int64(t.N)) }, func(t storage.Transfer) (Transfer, error) {
		v, err := viewTransfer(t, r.Currency, party)
		if err == nil && t.Reason != nil {
			v.Remedy, err = told.of(ctx, *t.Reason, r.DestinationOperator)
		}
		return v, err
	})
}

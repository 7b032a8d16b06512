package client

import (
	"context"
	"time"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

// Transfer is the transfer of one SIM of a request.
type Transfer struct {
	Line           int                   `json:"line"` // in the list or upload, from 1
	Identifier     string                `json:"identifier"`
	ICCID          string                `json:"iccid,omitempty"`
	State          transfer.State        `json:"state"`
	Method         transfer.Method       `json:"method,omitempty"`
	Reason         transfer.Reason       `json:"reason,omitempty"`
	Remedy         string                `json:"remedy,omitempty"`
	Fee            *transfer.Money       `json:"fee,omitempty"`
	SessionDropped bool                  `json:"session_dropped"`
	GatewayAnswer  string                `json:"gateway_answer,omitempty"` // the last one, if it did not end the SIM's data session
	Advice         string                `json:"advice,omitempty"`
	FinishedAt     *time.Time            `json:"finished_at,omitempty"`
	Status         transfer.Status       `json:"status,omitempty"`    // while the transfer is open
	Plan           string                `json:"plan,omitempty"`      // while the transfer is open
	Arrival        *Arrival              `json:"arrival,omitempty"`   // while the transfer is open; for the destination and support
	Reference      string                `json:"reference,omitempty"` // that the source gave it in this request
	Code           transfer.DecisionCode `json:"code,omitempty"`      // why it was declined, denied or canceled
	Before         *Snapshot             `json:"before,omitempty"`    // for support only
	After          *Snapshot             `json:"after,omitempty"`     // for support only
}

// Arrival is what the destination of an open transfer gets, as far as it may know
// before it owns the SIM.
type Arrival struct {
	Plan         string          `json:"plan"`
	MonthlyPrice *transfer.Money `json:"monthly_price,omitempty"` // nil if the plan has none in the destination's currency
	DropsSession bool            `json:"drops_session"`
	Settings     Settings        `json:"settings"`
	Withheld     []string        `json:"withheld"` // settings that the SIM keeps and that are not shown yet
}

// Settings are the settings of a SIM that a transfer keeps or resets.
type Settings struct {
	Tags                  map[string]string `json:"tags"`
	Expiration            *time.Time        `json:"expiration,omitempty"`
	TerminationProtection bool              `json:"termination_protection"`
	Group                 string            `json:"group,omitempty"`
	EventHandlers         []string          `json:"event_handlers"`
	SpeedClass            string            `json:"speed_class,omitempty"`
	Containers            []string          `json:"containers"`
	IMEILock              string            `json:"imei_lock,omitempty"`
}

// Snapshot is what a transfer records of a SIM.
type Snapshot struct {
	Settings
	Plan string `json:"plan,omitempty"` // empty in snapshots that are older than snapshots of plans
}

// TransferFilter selects SIMs of a request. A zero field selects all.
type TransferFilter struct {
	States  []transfer.State
	Reasons []transfer.Reason
	Methods []transfer.Method
	Codes   []transfer.DecisionCode
}

func (f TransferFilter) addTo(q query) query {
	q.set("state", joined(f.States))
	q.set("reason", joined(f.Reasons))
	q.set("method", joined(f.Methods))
	q.set("code", joined(f.Codes))
	return q
}

// ListTransfers returns a page of the SIMs of a request.
func (c *Client) ListTransfers(ctx context.Context, request uuid.UUID, f TransferFilter, p Paging, options ...Option) (Page[Transfer], error) {
	return get[Page[Transfer]](ctx, c, f.addTo(p.query()).of(requestPath(request, "transfers")), options)
}

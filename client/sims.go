package client

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

// SIM is a SIM of the inventory.
type SIM struct {
	ICCID                 string              `json:"iccid"`
	IMSIs                 []string            `json:"imsis"`
	MSISDNs               []string            `json:"msisdns"`
	Account               transfer.OperatorID `json:"account"`
	Since                 time.Time           `json:"since"` // when it was registered to Account
	Status                transfer.Status     `json:"status"`
	Plan                  string              `json:"plan"`
	Online                bool                `json:"online"`
	TransferLock          bool                `json:"transfer_lock"`
	EID                   string              `json:"eid,omitempty"`
	Lot                   string              `json:"lot,omitempty"`         // the order or box that it came in
	ExternalID            string              `json:"external_id,omitempty"` // in the operator's inventory
	UpdatedAt             time.Time           `json:"updated_at"`            // when it last changed, also by a transfer
	TerminationProtection bool                `json:"termination_protection"`
	Expiration            *time.Time          `json:"expiration,omitempty"`
	Group                 string              `json:"group,omitempty"`
	SpeedClass            string              `json:"speed_class,omitempty"`
	IMEILock              string              `json:"imei_lock,omitempty"`
	Tags                  map[string]string   `json:"tags"`
	EventHandlers         []string            `json:"event_handlers"`
	Containers            []string            `json:"containers"`
	Transfer              *OpenTransfer       `json:"transfer,omitempty"`
}

// OpenTransfer is the open transfer of a SIM.
type OpenTransfer struct {
	Request   uuid.UUID             `json:"request"`
	State     transfer.RequestState `json:"state"`
	ExpiresAt *time.Time            `json:"expires_at,omitempty"`
}

// SIMChange is what UpdateSIM changes; nil fields stay as they are.
type SIMChange struct {
	TransferLock          *bool              `json:"transfer_lock,omitempty"`
	TerminationProtection *bool              `json:"termination_protection,omitempty"`
	Tags                  map[string]*string `json:"tags,omitempty"`  // sets these tags and keeps the others; nil removes a tag
	Group                 *string            `json:"group,omitempty"` // empty removes the SIM from its group
	Status                *transfer.Status   `json:"status,omitempty"`
}

// StatusCorrection is what CorrectSIMStatus needs.
type StatusCorrection struct {
	Status transfer.Status `json:"status"`
	Reason string          `json:"reason"`
}

// Imported is the outcome of ImportSIMs.
type Imported struct {
	Imported int64 `json:"imported"`
}

// SIMFilter selects SIMs. A zero field selects all.
type SIMFilter struct {
	Account          transfer.AccountRef
	Status           transfer.Status
	Plan             string
	Group            string
	Tag              string // NAME or NAME=VALUE
	IdentifierPrefix string // at least six digits
}

// SIMHistory is everything that is known of a SIM, across accounts. Each list
// begins with the latest entry.
type SIMHistory struct {
	SIM       SIM            `json:"sim"`
	Owners    []OwnedSince   `json:"owners"`
	Transfers []PastTransfer `json:"transfers"`
	Sessions  []Session      `json:"sessions"`
	Charges   []ChargedFee   `json:"charges"`
	Truncated bool           `json:"truncated"` // whether a list was cut off after 500 entries
}

// OwnedSince is a registration of a SIM. It ended when the next one began.
type OwnedSince struct {
	Account transfer.OperatorID `json:"account"`
	Since   time.Time           `json:"since"`
	Request *uuid.UUID          `json:"request,omitempty"` // nil for the first owner
}

// PastTransfer is a transfer of a SIM with its request.
type PastTransfer struct {
	Request      uuid.UUID             `json:"request"`
	RequestState transfer.RequestState `json:"request_state"`
	Source       transfer.OperatorID   `json:"source"`
	Destination  transfer.OperatorID   `json:"destination"`
	Ticket       string                `json:"ticket,omitempty"`
	CreatedAt    time.Time             `json:"created_at"`
	Transfer     Transfer              `json:"transfer"`
}

// Session is a data session of a SIM.
type Session struct {
	ID        string     `json:"id"`
	Gateway   string     `json:"gateway"` // address
	StartedAt *time.Time `json:"started_at,omitempty"`
	StoppedAt *time.Time `json:"stopped_at,omitempty"` // nil while it is open
	Cause     string     `json:"cause,omitempty"`      // why it ended
	InOctets  int64      `json:"in_octets"`
	OutOctets int64      `json:"out_octets"`
}

// ChargedFee is a fee that was charged for a SIM.
type ChargedFee struct {
	Request   uuid.UUID           `json:"request"`
	Account   transfer.OperatorID `json:"account"`
	Fee       transfer.Money      `json:"fee"`
	ChargedAt time.Time           `json:"charged_at"`
}

// ImportSIMs adds SIMs to the inventory, up to a million rows in the given
// format. It is repeated after a failure only if file can seek.
func (c *Client) ImportSIMs(ctx context.Context, format Format, file io.Reader, options ...Option) (Imported, error) {
	return upload[Imported](ctx, c, path("sims"), format, file, options)
}

// ListSIMs returns a page of SIMs.
func (c *Client) ListSIMs(ctx context.Context, f SIMFilter, p Paging, options ...Option) (Page[SIM], error) {
	q := p.query()
	q.set("account", string(f.Account))
	q.set("status", string(f.Status))
	q.set("plan", f.Plan)
	q.set("group", f.Group)
	q.set("tag", f.Tag)
	q.set("identifier_prefix", f.IdentifierPrefix)
	return get[Page[SIM]](ctx, c, q.of(path("sims")), options)
}

// GetSIM returns a SIM by its ICCID, IMSI or MSISDN.
func (c *Client) GetSIM(ctx context.Context, identifier string, options ...Option) (SIM, error) {
	return get[SIM](ctx, c, path("sims", identifier), options)
}

// UpdateSIM changes a SIM.
func (c *Client) UpdateSIM(ctx context.Context, identifier string, change SIMChange, options ...Option) (SIM, error) {
	var s SIM
	err := c.callJSON(ctx, http.MethodPatch, path("sims", identifier), change, &s, options...)
	return s, err
}

// CorrectSIMStatus sets a status that UpdateSIM does not allow, for
// administrators.
func (c *Client) CorrectSIMStatus(ctx context.Context, identifier string, correction StatusCorrection, options ...Option) (SIM, error) {
	return post[SIM](ctx, c, path("sims", identifier, "correct-status"), correction, options)
}

// GetSIMHistory returns the history of a SIM, for support.
func (c *Client) GetSIMHistory(ctx context.Context, identifier string, options ...Option) (SIMHistory, error) {
	return get[SIMHistory](ctx, c, path("support", "sims", identifier), options)
}

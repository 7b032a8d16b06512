package client

import (
	"context"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

// ExportedSIM is a SIM of the inventory, as a row of an export.
type ExportedSIM struct {
	ICCID        string              `json:"iccid"`
	IMSIs        []string            `json:"imsis"`
	MSISDNs      []string            `json:"msisdns"`
	Account      transfer.OperatorID `json:"account"`
	Since        time.Time           `json:"since"` // when it was registered to Account
	Status       transfer.Status     `json:"status"`
	Plan         string              `json:"plan"`
	TransferLock bool                `json:"transfer_lock"`
	EID          string              `json:"eid,omitempty"`
	Lot          string              `json:"lot,omitempty"`         // the order or box that it came in
	ExternalID   string              `json:"external_id,omitempty"` // in the operator's inventory
	Settings
	AccountID string    `json:"account_external_id,omitempty"` // the external id of Account; for support
	UpdatedAt time.Time `json:"updated_at"`                    // when it last changed, also by a transfer
}

// ExportedRegistration is a registration of a SIM to an account, as a row of an
// export.
type ExportedRegistration struct {
	ICCID   string              `json:"iccid"`
	Account transfer.OperatorID `json:"account"`
	Since   time.Time           `json:"since"`
	Until   *time.Time          `json:"until"`   // nil while the registration lasts
	Request *uuid.UUID          `json:"request"` // by which the account got the SIM; nil for the first account

	AccountID string `json:"account_external_id,omitempty"` // the external id of Account; for support
}

// ExportedTransfer is a transfer that has finished, as a row of an export.
type ExportedTransfer struct {
	FinishedAt     time.Time           `json:"finished_at"`
	Request        uuid.UUID           `json:"request"`
	RequestedAt    time.Time           `json:"requested_at"`
	Ticket         string              `json:"ticket,omitempty"` // for the source and support
	Source         transfer.OperatorID `json:"source"`
	Destination    transfer.OperatorID `json:"destination"`
	Line           int                 `json:"line"` // in the list or upload, from 1
	Identifier     string              `json:"identifier"`
	ICCID          string              `json:"iccid"`
	State          transfer.State      `json:"state"`
	Method         transfer.Method     `json:"method"`
	Reason         transfer.Reason     `json:"reason"`
	Fee            *transfer.Money     `json:"fee"` // nil if the SIM has no fee, or the caller does not see it
	SessionDropped bool                `json:"session_dropped"`

	SourceExternalID      string                `json:"source_external_id,omitempty"` // for support
	DestinationExternalID string                `json:"destination_external_id,omitempty"`
	RequestReference      string                `json:"request_reference,omitempty"` // the source's own, of the request
	Reference             string                `json:"reference,omitempty"`         // and of the SIM
	Code                  transfer.DecisionCode `json:"code,omitempty"`              // why it was declined, denied or canceled
}

// ExportedCharge is a fee that an account was charged for a transfer, as a row of
// an export.
type ExportedCharge struct {
	ChargedAt   time.Time           `json:"charged_at"`
	Account     transfer.OperatorID `json:"account"` // that pays: the source
	Fee         transfer.Money      `json:"fee"`
	Method      transfer.Method     `json:"method"`
	ICCID       string              `json:"iccid"`
	Request     uuid.UUID           `json:"request"`
	Ticket      string              `json:"ticket,omitempty"`
	Destination transfer.OperatorID `json:"destination"`
	Line        int                 `json:"line"` // in the list or upload, from 1
	Identifier  string              `json:"identifier"`

	AccountID             string `json:"account_external_id,omitempty"` // for support
	DestinationExternalID string `json:"destination_external_id,omitempty"`
	RequestReference      string `json:"request_reference,omitempty"` // the source's own, of the request
	Reference             string `json:"reference,omitempty"`         // and of the SIM
}

// SIMExport selects SIMs. A zero field selects all.
type SIMExport struct {
	SIMFilter
	UpdatedSince time.Time // also by a transfer
}

// Period is a time from From to before To. A zero time is no limit.
type Period struct{ From, To time.Time }

// TransferExport selects finished transfers. A zero field selects all.
type TransferExport struct {
	Finished    Period
	Account     transfer.AccountRef // that sends or receives
	Direction   string              // both, incoming or outgoing; empty means both
	Destination transfer.AccountRef
	States      []transfer.State
	Codes       []transfer.DecisionCode
	Ticket      string // for support
	Reference   string // of the request, or of the SIM in it
}

// ChargeExport selects charges. A zero field selects all.
type ChargeExport struct {
	Charged  Period
	Account  transfer.AccountRef // that pays
	Currency transfer.Currency
}

// ExportSIMs streams the inventory as it is at one instant. The caller must close
// the rows; an error while reading them means that rows are missing. See
// ReadExport to decode NDJSON.
func (c *Client) ExportSIMs(ctx context.Context, f SIMExport, format Format) (*Rows, error) {
	q := query{}
	q.set("account", string(f.Account))
	f.addTo(q)
	q.setTime("updated_since", f.UpdatedSince)
	return c.rows(ctx, q.of(path("exports", "sims")), format)
}

// ExportRegistrations streams the registrations to an account, empty for all,
// that were valid in a period. See ExportSIMs.
func (c *Client) ExportRegistrations(ctx context.Context, account transfer.AccountRef, p Period, format Format) (*Rows, error) {
	q := p.query()
	q.set("account", string(account))
	return c.rows(ctx, q.of(path("exports", "registrations")), format)
}

// ExportTransfers streams transfers that finished in a period. See ExportSIMs.
func (c *Client) ExportTransfers(ctx context.Context, f TransferExport, format Format) (*Rows, error) {
	q := f.Finished.query()
	q.set("account", string(f.Account))
	q.set("direction", f.Direction)
	q.set("destination", string(f.Destination))
	q.set("state", joined(f.States))
	q.set("code", joined(f.Codes))
	q.set("ticket", f.Ticket)
	q.set("reference", f.Reference)
	return c.rows(ctx, q.of(path("exports", "transfers")), format)
}

// ExportCharges streams fees that were charged in a period. See ExportSIMs.
func (c *Client) ExportCharges(ctx context.Context, f ChargeExport, format Format) (*Rows, error) {
	q := f.Charged.query()
	q.set("account", string(f.Account))
	q.set("currency", string(f.Currency))
	return c.rows(ctx, q.of(path("exports", "charges")), format)
}

// ChargeTotals are what the transfers of a period cost.
type ChargeTotals struct {
	Items      []ChargeTotal   `json:"items"`                 // by account
	Totals     []CurrencyTotal `json:"totals"`                // of all accounts, also of those on other pages
	NextCursor string          `json:"next_cursor,omitempty"` // empty on the last page
}

// ChargeTotal is what the transfers of a period cost an account.
type ChargeTotal struct {
	Account   transfer.OperatorID `json:"account"`
	AccountID string              `json:"account_external_id,omitempty"` // for support and finance
	Name      string              `json:"name,omitempty"`
	SIMs      int                 `json:"sims"` // transfers that were charged
	Total     transfer.Money      `json:"total"`
}

// CurrencyTotal is what the transfers of a period cost all accounts with a currency.
type CurrencyTotal struct {
	SIMs  int            `json:"sims"` // transfers that were charged
	Total transfer.Money `json:"total"`
}

// ListChargeTotals adds up fees that were charged in a period.
func (c *Client) ListChargeTotals(ctx context.Context, f ChargeExport, p Paging, options ...Option) (ChargeTotals, error) {
	q := p.query()
	for name, values := range f.Charged.query() {
		q[name] = values
	}
	q.set("account", string(f.Account))
	q.set("currency", string(f.Currency))
	return get[ChargeTotals](ctx, c, q.of(path("charges", "totals")), options)
}

func (p Period) query() query {
	q := query{}
	q.setTime("from", p.From)
	q.setTime("to", p.To)
	return q
}

// joined separates values by commas.
func joined[T ~string](values []T) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(v)
	}
	return strings.Join(texts, ",")
}

// ReadExport decodes the rows of an export in NDJSON while they arrive. It stops
// after the first error, which it yields with a zero row.
func ReadExport[T ExportedSIM | ExportedRegistration | ExportedTransfer | ExportedCharge](r io.Reader) iter.Seq2[T, error] {
	return readRows[T](r, "an export")
}

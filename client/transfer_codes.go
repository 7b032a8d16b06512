package client

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

// TransferCode is a transfer code: the account that redeems it becomes the
// destination of a transfer request.
type TransferCode struct {
	ID                uuid.UUID           `json:"id"`
	State             transfer.CodeState  `json:"state"`
	Source            transfer.OperatorID `json:"source"`
	Size              int                 `json:"size"`           // number of SIMs
	SIMs              []string            `json:"sims,omitempty"` // empty in lists
	SelfServiceOnly   bool                `json:"self_service_only"`
	AcceptanceSeconds int64               `json:"acceptance_seconds"`
	Reference         string              `json:"reference,omitempty"`
	Message           string              `json:"message,omitempty"`
	CreatedAt         time.Time           `json:"created_at"`
	ExpiresAt         time.Time           `json:"expires_at"` // until when it can be redeemed
	RevokedAt         *time.Time          `json:"revoked_at,omitempty"`
	RedeemedAt        *time.Time          `json:"redeemed_at,omitempty"`
	Request           *uuid.UUID          `json:"request,omitempty"` // that redeeming it has made
	Destination       transfer.OperatorID `json:"destination,omitempty"`

	// The code itself, which only the answer of CreateTransferCode has.
	Code string  `json:"code,omitempty"`
	QR   *QRCode `json:"qr,omitempty"`
}

// QRCode is a QR code as a text and as pictures.
type QRCode struct {
	Content string `json:"content"`
	SVG     string `json:"svg"`
	PNG     []byte `json:"png"` // in Base64 in JSON
}

// NewTransferCode is what CreateTransferCode needs.
type NewTransferCode struct {
	SIMs              []string       `json:"sims,omitempty"`         // ICCIDs, IMSIs, MSISDNs, EIDs or ranges of ICCIDs: 1 to 100,000
	Filter            *SIMConditions `json:"filter,omitempty"`       // in place of SIMs: those that match
	AllSIMs           bool           `json:"all_sims,omitempty"`     // in place of SIMs: all that the account has
	ExpectCount       *int           `json:"expect_count,omitempty"` // the number of SIMs to be selected; otherwise nothing is created
	SelfServiceOnly   bool           `json:"self_service_only,omitempty"`
	AcceptanceSeconds int64          `json:"acceptance_seconds,omitempty"` // zero means the service's default
	ValidSeconds      int64          `json:"valid_seconds,omitempty"`      // 10 minutes to 7 days; zero means one day
	Reference         string         `json:"reference,omitempty"`
	Message           string         `json:"message,omitempty"`
}

// Redemption is the answer to redeeming a transfer code.
type Redemption struct {
	Request    uuid.UUID `json:"request"` // is found once it can be accepted
	Reference  string    `json:"reference,omitempty"`
	Message    string    `json:"message,omitempty"`
	RedeemedAt time.Time `json:"redeemed_at"`
}

// RedeemCode is the body of RedeemTransferCode.
type RedeemCode struct {
	Code string `json:"code"`
}

// CodeFilter selects transfer codes. A zero field selects all.
type CodeFilter struct {
	States    []transfer.CodeState
	Reference string
	Account   transfer.AccountRef // the source; for support
}

// CreateTransferCode makes a transfer code, for a source.
func (c *Client) CreateTransferCode(ctx context.Context, n NewTransferCode, options ...Option) (TransferCode, error) {
	return post[TransferCode](ctx, c, path("transfer-codes"), n, options)
}

// ListTransferCodes returns a page of transfer codes, the latest first.
func (c *Client) ListTransferCodes(ctx context.Context, f CodeFilter, p Paging, options ...Option) (Page[TransferCode], error) {
	q := p.query()
	q.set("state", commaSeparated(f.States))
	q.set("reference", f.Reference)
	q.set("account", string(f.Account))
	return get[Page[TransferCode]](ctx, c, q.of(path("transfer-codes")), options)
}

// GetTransferCode returns a transfer code by its id, without the code itself.
func (c *Client) GetTransferCode(ctx context.Context, id uuid.UUID, options ...Option) (TransferCode, error) {
	return get[TransferCode](ctx, c, path("transfer-codes", id.String()), options)
}

// RevokeTransferCode ends a transfer code, for the source or support.
func (c *Client) RevokeTransferCode(ctx context.Context, id uuid.UUID, options ...Option) error {
	return c.callJSON(ctx, http.MethodDelete, path("transfer-codes", id.String()), nil, nil, options...)
}

// RedeemTransferCode makes a transfer request of a transfer code, with the
// caller's account as its destination.
func (c *Client) RedeemTransferCode(ctx context.Context, code RedeemCode, options ...Option) (Redemption, error) {
	return post[Redemption](ctx, c, path("transfer-codes", "redeem"), code, options)
}

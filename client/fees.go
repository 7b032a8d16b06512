package client

import (
	"context"
	"net/http"
	"time"

	"simtransfer/transfer"
)

// Fee is an entry of the fee schedule.
type Fee struct {
	Method    transfer.Method `json:"method"`
	Fee       transfer.Money  `json:"fee"`        // per SIM
	ValidFrom time.Time       `json:"valid_from"` // until the next entry of the method and currency
	Current   bool            `json:"current"`
}

// NewFee is what CreateFee needs.
type NewFee struct {
	Method    transfer.Method `json:"method"`
	Fee       MoneyInput      `json:"fee"`                  // per SIM
	ValidFrom *time.Time      `json:"valid_from,omitempty"` // nil means now
}

// FeeSchedule is the list of all fees.
type FeeSchedule struct {
	Items []Fee `json:"items"`
}

// CreateFee sets a fee from an instant on, for administrators.
func (c *Client) CreateFee(ctx context.Context, f NewFee, options ...Option) (Fee, error) {
	return post[Fee](ctx, c, path("fees"), f, options)
}

// WithdrawFee deletes an entry of the fee schedule that is not valid yet, for
// administrators.
func (c *Client) WithdrawFee(ctx context.Context, method transfer.Method, currency transfer.Currency, validFrom time.Time, options ...Option) error {
	return c.callJSON(ctx, http.MethodDelete, path("fees", string(method), string(currency), validFrom.UTC().Format(time.RFC3339Nano)), nil, nil, options...)
}

// ListFees returns the fee schedule, for administrators.
func (c *Client) ListFees(ctx context.Context, options ...Option) (FeeSchedule, error) {
	return get[FeeSchedule](ctx, c, path("fees"), options)
}

package client

import (
	"context"
	"net/http"
	"time"

	"simtransfer/transfer"
)

// Fee is an entry of the fee schedule, or a price of an account, which overrides it.
type Fee struct {
	ID        int64               `json:"id"`
	Account   transfer.OperatorID `json:"account,omitempty"` // whose price it is; empty: an entry of the schedule
	Method    transfer.Method     `json:"method"`
	Currency  transfer.Currency   `json:"currency"`
	Fee       *transfer.Money     `json:"fee,omitempty"` // per SIM; nil if FollowsSchedule
	ValidFrom time.Time           `json:"valid_from"`    // until the next entry of the method and currency, or the next price of the account
	Current   bool                `json:"current"`

	AccountExternalID string `json:"account_external_id,omitempty"`
	FollowsSchedule   bool   `json:"follows_schedule,omitempty"` // the account has no price of its own from then on
}

// NewFee is what CreateFee needs.
type NewFee struct {
	Method    transfer.Method `json:"method"`
	Fee       *MoneyInput     `json:"fee,omitempty"`        // per SIM; nil if FollowsSchedule
	ValidFrom *time.Time      `json:"valid_from,omitempty"` // nil means now

	Account         transfer.AccountRef `json:"account,omitempty"`          // whose price it is; empty: an entry of the schedule
	FollowsSchedule bool                `json:"follows_schedule,omitempty"` // ends the price of the account
}

// FeeSchedule is the list of all fees.
type FeeSchedule struct {
	Items []Fee `json:"items"`
}

// CreateFee sets a fee from an instant on, for administrators.
func (c *Client) CreateFee(ctx context.Context, f NewFee, options ...Option) (Fee, error) {
	return post[Fee](ctx, c, path("fees"), f, options)
}

// FeeFilter selects fees. The zero value selects all.
type FeeFilter struct {
	Account transfer.AccountRef // its prices, and the schedule in its currency
}

// FeeKey names a fee to withdraw.
type FeeKey struct {
	Account   transfer.AccountRef // whose price it is; empty: an entry of the schedule
	Method    transfer.Method
	Currency  transfer.Currency
	ValidFrom time.Time
}

// WithdrawFee deletes a fee that is not valid yet, for finance and administrators.
func (c *Client) WithdrawFee(ctx context.Context, k FeeKey, options ...Option) error {
	q := query{}
	q.set("account", string(k.Account))
	return c.callJSON(ctx, http.MethodDelete, q.of(path("fees", string(k.Method), string(k.Currency), k.ValidFrom.UTC().Format(time.RFC3339Nano))), nil, nil, options...)
}

// ListFees returns the fee schedule and the prices of accounts, for finance and
// administrators.
func (c *Client) ListFees(ctx context.Context, f FeeFilter, options ...Option) (FeeSchedule, error) {
	q := query{}
	q.set("account", string(f.Account))
	return get[FeeSchedule](ctx, c, q.of(path("fees")), options)
}

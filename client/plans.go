package client

import (
	"context"
	"net/http"

	"simtransfer/transfer"
)

// Plan is a plan that SIMs can be on.
type Plan struct {
	Name          string `json:"name"`
	CoverageBound bool   `json:"coverage_bound"` // whether its SIMs cannot move to another coverage

	// What a SIM costs a month, by currency. An account sees the price in its own.
	MonthlyPrices []transfer.Money `json:"monthly_prices"`
}

// Plans is the list of all plans.
type Plans struct {
	Items []Plan `json:"items"`
}

// PlanSettings is the body of PutPlan.
type PlanSettings struct {
	CoverageBound bool          `json:"coverage_bound"`
	MonthlyPrices *[]MoneyInput `json:"monthly_prices,omitempty"` // nil keeps the prices; empty removes them
}

// ListPlans returns all plans.
func (c *Client) ListPlans(ctx context.Context, options ...Option) (Plans, error) {
	return get[Plans](ctx, c, path("plans"), options)
}

// GetPlan returns a plan.
func (c *Client) GetPlan(ctx context.Context, name string, options ...Option) (Plan, error) {
	return get[Plan](ctx, c, path("plans", name), options)
}

// PutPlan creates or changes a plan, for administrators.
func (c *Client) PutPlan(ctx context.Context, name string, s PlanSettings, options ...Option) (Plan, error) {
	var p Plan
	err := c.callJSON(ctx, http.MethodPut, path("plans", name), s, &p, options...)
	return p, err
}

package client

import (
	"context"
	"net/http"
	"time"

	"simtransfer/transfer"
)

// PlanMapping says on which plans of an account SIMs land.
type PlanMapping struct {
	Source    transfer.OperatorID `json:"source,omitempty"`  // of the SIMs; empty: any
	Plans     map[string]string   `json:"plans"`             // from the plan of a SIM to the plan on which it lands
	Default   string              `json:"default,omitempty"` // for other plans; empty: SIMs keep their plan
	UpdatedAt time.Time           `json:"updated_at"`
}

// PlanMappings are the plan mappings of an account.
type PlanMappings struct {
	Items []PlanMapping `json:"items"`
}

// NewPlanMapping is the body of PutPlanMapping.
type NewPlanMapping struct {
	Plans   map[string]string `json:"plans,omitempty"`
	Default string            `json:"default,omitempty"`
}

// LandingPlans is the plan mapping with which SIMs of a request land.
type LandingPlans struct {
	Plans   map[string]string `json:"plans"`
	Default string            `json:"default,omitempty"`
}

// ListPlanMappings returns the plan mappings of an account.
func (c *Client) ListPlanMappings(ctx context.Context, account transfer.AccountRef, options ...Option) (PlanMappings, error) {
	return get[PlanMappings](ctx, c, path("accounts", string(account), "plan-mappings"), options)
}

// PutPlanMapping creates or replaces the plan mapping of an account for SIMs from a
// source, or from any account if source is empty; for the owners of the account
// and for administrators.
func (c *Client) PutPlanMapping(ctx context.Context, account, source transfer.AccountRef, m NewPlanMapping, options ...Option) (PlanMapping, error) {
	q := query{}
	q.set("source", string(source))
	var put PlanMapping
	err := c.callJSON(ctx, http.MethodPut, q.of(path("accounts", string(account), "plan-mappings")), m, &put, options...)
	return put, err
}

// DeletePlanMapping deletes the plan mapping of an account for SIMs from a source,
// or from any account if source is empty.
func (c *Client) DeletePlanMapping(ctx context.Context, account, source transfer.AccountRef, options ...Option) error {
	q := query{}
	q.set("source", string(source))
	return c.callJSON(ctx, http.MethodDelete, q.of(path("accounts", string(account), "plan-mappings")), nil, nil, options...)
}

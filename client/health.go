package client

import (
	"context"
	"net/http"
)

// Healthy returns nil if the process of the service is up.
func (c *Client) Healthy(ctx context.Context) error {
	return c.callJSON(ctx, http.MethodGet, "/healthz", nil, nil)
}

// Ready returns nil if the service can reach its database.
func (c *Client) Ready(ctx context.Context) error {
	return c.callJSON(ctx, http.MethodGet, "/readyz", nil, nil)
}

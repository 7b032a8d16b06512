package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"simtransfer/transfer"
)

// Gateway is a gateway, or a network of gateways. Its secret is never read.
type Gateway struct {
	Name        string     `json:"name"` // IP address or network, as in accounting
	Description string     `json:"description,omitempty"`
	Server      string     `json:"server,omitempty"`              // host or host:port for Disconnect-Requests; empty: at its own address
	Address     string     `json:"address,omitempty"`             // host:port for Disconnect-Requests; empty for a network without Server
	Signed      bool       `json:"require_message_authenticator"` // whether answers without a Message-Authenticator are ignored
	SecretSetAt *time.Time `json:"secret_set_at,omitempty"`       // nil: it has a URL and no secret, or before the service recorded it

	Preset       transfer.GatewayPreset      `json:"preset"`
	Attributes   []transfer.GatewayAttribute `json:"attributes"`               // of Disconnect-Requests
	Port         int                         `json:"port,omitempty"`           // if Server has none; 0: 3799
	Source       string                      `json:"source_address,omitempty"` // that workers send from
	MaxInFlight  int                         `json:"max_in_flight,omitempty"`  // of each worker process; 0: no limit
	MaxPerSecond int                         `json:"max_per_second,omitempty"` // of each worker process; 0: no limit

	URL            string     `json:"url,omitempty"` // for HTTP calls; empty: it gets Disconnect-Requests
	URLSecretSetAt *time.Time `json:"url_secret_set_at,omitempty"`
}

// ListedGateway is a gateway in a list, with what waits for it.
type ListedGateway struct {
	Gateway
	Waiting *GatewayWaiting `json:"waiting,omitempty"` // nil: nothing
}

// GatewayWaiting is what waits until a gateway ends sessions.
type GatewayWaiting struct {
	SIMs     int       `json:"sims"` // a session that outlived a transfer counts as one
	Since    time.Time `json:"since"`
	Attempts int       `json:"attempts"`         // the most for one SIM
	Answer   string    `json:"answer,omitempty"` // what went wrong at last, for people
}

// GatewaySettings is the body of PutGateway.
type GatewaySettings struct {
	Description string `json:"description,omitempty"`
	Server      string `json:"server,omitempty"` // empty: at its own address
	Secret      string `json:"secret,omitempty"` // empty: the one that it has; a new gateway without URL needs one
	Signed      bool   `json:"require_message_authenticator,omitempty"`

	Preset       transfer.GatewayPreset `json:"preset,omitempty"`
	Attributes   []string               `json:"attributes,omitempty"` // nil: those of the preset
	Port         int                    `json:"port,omitempty"`       // 0: that of the preset
	Source       string                 `json:"source_address,omitempty"`
	MaxInFlight  int                    `json:"max_in_flight,omitempty"`  // 0: no limit
	MaxPerSecond int                    `json:"max_per_second,omitempty"` // 0: no limit

	URL       string `json:"url,omitempty"`
	URLSecret string `json:"url_secret,omitempty"` // empty: the one that it has
}

// GatewayChange is what UpdateGateway changes; nil fields and an empty secret
// stay as they are.
type GatewayChange struct {
	Description *RemovableText `json:"description,omitempty"`
	Server      *RemovableText `json:"server,omitempty"`
	Secret      string         `json:"secret,omitempty"`
	Signed      *bool          `json:"require_message_authenticator,omitempty"`

	Preset       transfer.GatewayPreset `json:"preset,omitempty"` // also sets attributes and port
	Attributes   *RemovableList         `json:"attributes,omitempty"`
	Port         *RemovableNumber       `json:"port,omitempty"`
	Source       *RemovableText         `json:"source_address,omitempty"`
	MaxInFlight  *RemovableNumber       `json:"max_in_flight,omitempty"`
	MaxPerSecond *RemovableNumber       `json:"max_per_second,omitempty"`

	URL       *RemovableText `json:"url,omitempty"`
	URLSecret string         `json:"url_secret,omitempty"`
}

// RemovableNumber is the new value of a number that can be removed: zero removes
// it.
type RemovableNumber int

// MarshalJSON implements json.Marshaler: zero is null.
func (n RemovableNumber) MarshalJSON() ([]byte, error) {
	if n == 0 {
		return []byte("null"), nil
	}
	return json.Marshal(int(n))
}

// RemovableList is the new value of a list that can be removed: an empty one
// removes it.
type RemovableList []string

// MarshalJSON implements json.Marshaler: an empty list is null.
func (l RemovableList) MarshalJSON() ([]byte, error) {
	if len(l) == 0 {
		return []byte("null"), nil
	}
	return json.Marshal([]string(l))
}

// RemovableText is the new value of a text that can be removed: an empty one
// removes it.
type RemovableText string

// MarshalJSON implements json.Marshaler: an empty text is null.
func (t RemovableText) MarshalJSON() ([]byte, error) {
	if t == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(t))
}

// Probe is what a probe of a gateway found out.
type Probe struct {
	Gateway    string                `json:"gateway"`
	NASAddress string                `json:"nas_address"`
	Outcome    transfer.ProbeOutcome `json:"outcome"`
	Meaning    string                `json:"meaning"` // the outcome in words
	Remedy     string                `json:"remedy,omitempty"`
	Detail     string                `json:"detail,omitempty"`                // what happened on the network
	ErrorCause string                `json:"error_cause,omitempty"`           // of the answer
	Signed     *bool                 `json:"message_authenticator,omitempty"` // whether the answer had one; nil: no answer
	Address    string                `json:"address,omitempty"`               // host:port that was asked
	Worker     string                `json:"worker,omitempty"`                // host name of the worker
	From       string                `json:"worker_address,omitempty"`        // where the request was sent from
	Sent       int                   `json:"sent"`
	TookMS     int64                 `json:"took_ms"`
}

// ProbeTarget is the body of ProbeGateway.
type ProbeTarget struct {
	NASAddress string `json:"nas_address,omitempty"` // which gateway of a network
}

// ListGateways returns a page of gateways, for support.
func (c *Client) ListGateways(ctx context.Context, p Paging, options ...Option) (Page[ListedGateway], error) {
	return get[Page[ListedGateway]](ctx, c, p.query().of(path("gateways")), options)
}

// GetGateway returns a gateway by its address or network, for support.
func (c *Client) GetGateway(ctx context.Context, name string, options ...Option) (Gateway, error) {
	return get[Gateway](ctx, c, path("gateways", name), options)
}

// PutGateway creates or replaces a gateway, for administrators.
func (c *Client) PutGateway(ctx context.Context, name string, s GatewaySettings, options ...Option) (Gateway, error) {
	var g Gateway
	err := c.callJSON(ctx, http.MethodPut, path("gateways", name), s, &g, options...)
	return g, err
}

// UpdateGateway changes a gateway, for administrators.
func (c *Client) UpdateGateway(ctx context.Context, name string, change GatewayChange, options ...Option) (Gateway, error) {
	var g Gateway
	err := c.callJSON(ctx, http.MethodPatch, path("gateways", name), change, &g, options...)
	return g, err
}

// DeleteGateway removes a gateway, for administrators. If leaveSessions is true,
// it does so although sessions are open at it.
func (c *Client) DeleteGateway(ctx context.Context, name string, leaveSessions bool, options ...Option) error {
	q := query{}
	if leaveSessions {
		q.set("open_sessions", "leave")
	}
	return c.callJSON(ctx, http.MethodDelete, q.of(path("gateways", name)), nil, nil, options...)
}

// ProbeGateway makes a worker ask a gateway to end a session that cannot exist,
// for support. It takes up to 17 seconds.
func (c *Client) ProbeGateway(ctx context.Context, name string, t ProbeTarget, options ...Option) (Probe, error) {
	var p Probe
	err := c.callJSON(ctx, http.MethodPost, path("gateways", name, "probe"), t, &p, options...)
	return p, err
}

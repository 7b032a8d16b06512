package client

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

// PullRequest is a pull request: an account asks for SIMs that others may own.
type PullRequest struct {
	ID        uuid.UUID           `json:"id"`
	Direction string              `json:"direction,omitempty"` // outgoing or incoming; empty for support
	State     transfer.PullState  `json:"state"`               // as the caller may know it
	Asker     transfer.OperatorID `json:"asker"`
	AskerName string              `json:"asker_name,omitempty"`
	Reference string              `json:"reference,omitempty"`
	Message   string              `json:"message,omitempty"`
	Size      int                 `json:"size"`             // number of SIMs; for an owner, of its own
	ICCIDs    []string            `json:"iccids,omitempty"` // empty in lists
	Requests  []string            `json:"requests"`         // ids of the transfer requests that approvals made
	Owners    []PullOwner         `json:"owners,omitempty"` // for support; empty in lists
	CreatedAt time.Time           `json:"created_at"`
	ExpiresAt time.Time           `json:"expires_at"` // end of the time to answer
	EndedAt   *time.Time          `json:"ended_at,omitempty"`
}

// PullOwner is an account that a pull request asks.
type PullOwner struct {
	Account   transfer.OperatorID `json:"account"`
	Size      int                 `json:"size"`
	Decision  string              `json:"decision,omitempty"` // approved or refused; empty: none yet
	DecidedAt *time.Time          `json:"decided_at,omitempty"`
	Request   *uuid.UUID          `json:"request,omitempty"`
}

// NewPullRequest is what CreatePullRequest needs.
type NewPullRequest struct {
	ICCIDs        []string `json:"iccids"` // 1 to 10,000
	Reference     string   `json:"reference,omitempty"`
	Message       string   `json:"message,omitempty"`
	AnswerSeconds int64    `json:"answer_seconds,omitempty"` // zero means the service's default
}

// PullApproval is the body of ApprovePullRequest.
type PullApproval struct {
	SIMs              []string `json:"sims,omitempty"`      // the others are refused; empty means all SIMs
	Reference         string   `json:"reference,omitempty"` // of the transfer request; empty means that of the pull request
	Message           string   `json:"message,omitempty"`
	AcceptanceSeconds int64    `json:"acceptance_seconds,omitempty"` // zero means the service's default
}

// PullFilter selects pull requests. A zero field selects all.
type PullFilter struct {
	Direction string // outgoing, incoming or both
	States    []transfer.PullState
	Account   transfer.AccountRef // that asks; for support
}

// CreatePullRequest asks for SIMs, for a destination.
func (c *Client) CreatePullRequest(ctx context.Context, p NewPullRequest, options ...Option) (PullRequest, error) {
	return post[PullRequest](ctx, c, path("pull-requests"), p, options)
}

// ListPullRequests returns a page of pull requests, the latest first.
func (c *Client) ListPullRequests(ctx context.Context, f PullFilter, p Paging, options ...Option) (Page[PullRequest], error) {
	q := p.query()
	q.set("direction", f.Direction)
	q.set("state", commaSeparated(f.States))
	q.set("account", string(f.Account))
	return get[Page[PullRequest]](ctx, c, q.of(path("pull-requests")), options)
}

// commaSeparated joins the values of a parameter that takes several.
func commaSeparated[T ~string](values []T) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(v)
	}
	return strings.Join(texts, ",")
}

// GetPullRequest returns a pull request.
func (c *Client) GetPullRequest(ctx context.Context, id uuid.UUID, options ...Option) (PullRequest, error) {
	return get[PullRequest](ctx, c, pullPath(id), options)
}

// ApprovePullRequest agrees to send all or some of the SIMs, for an owner.
func (c *Client) ApprovePullRequest(ctx context.Context, id uuid.UUID, a PullApproval, options ...Option) (PullRequest, error) {
	return post[PullRequest](ctx, c, pullPath(id, "approve"), a, options)
}

// RefusePullRequest refuses a pull request, for an owner.
func (c *Client) RefusePullRequest(ctx context.Context, id uuid.UUID, options ...Option) (PullRequest, error) {
	return post[PullRequest](ctx, c, pullPath(id, "refuse"), struct{}{}, options)
}

// CancelPullRequest ends a pull request, for the account that asks or support.
func (c *Client) CancelPullRequest(ctx context.Context, id uuid.UUID, options ...Option) (PullRequest, error) {
	return post[PullRequest](ctx, c, pullPath(id, "cancel"), struct{}{}, options)
}

func pullPath(id uuid.UUID, more ...string) string {
	return path(append([]string{"pull-requests", id.String()}, more...)...)
}

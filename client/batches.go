package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"simtransfer/api/problem"
	"simtransfer/transfer"
)

// Batch is an upload of transfers to one or more destinations. It consists of
// one request per destination.
type Batch struct {
	ID        uuid.UUID           `json:"id"`
	Source    transfer.OperatorID `json:"source"`
	SourceID  string              `json:"source_external_id,omitempty"` // for support
	CreatedAt time.Time           `json:"created_at"`
	Finished  bool                `json:"finished"`            // whether all its requests are
	Outcome   transfer.Outcome    `json:"outcome,omitempty"`   // empty until it is finished
	Reference string              `json:"reference,omitempty"` // the source's own, which all its requests have
	Message   string              `json:"message,omitempty"`   // to the destinations
	Counts    Counts              `json:"counts"`              // of all its requests
	Size      int                 `json:"request_count"`
	Requests  []Request           `json:"requests,omitempty"` // the first 200; empty in lists
}

// BatchCancel is the outcome of CancelBatch.
type BatchCancel struct {
	Batch    uuid.UUID       `json:"batch"`
	Canceled int             `json:"canceled"` // number of requests that this call canceled
	Requests []RequestCancel `json:"requests"`
}

// RequestCancel is the outcome of CancelBatch for one request.
type RequestCancel struct {
	Request  uuid.UUID             `json:"request"`
	Canceled bool                  `json:"canceled"` // by this call
	State    transfer.RequestState `json:"state"`
	Code     problem.Code          `json:"code,omitempty"` // why it was not canceled
	Detail   string                `json:"detail,omitempty"`
}

// BatchTerms apply to every request of a batch. The zero value means the
// service's defaults.
type BatchTerms struct {
	SelfServiceOnly   bool
	AcceptanceSeconds int64
	OnBehalfOf        transfer.AccountRef // the source; required for support, and only for support

	Reference       string // the source's own, which the destinations see
	UniqueReference bool
	Message         string // to the destinations
}

// BatchCancellation is the body of CancelBatch.
type BatchCancellation struct {
	Code   transfer.DecisionCode `json:"code,omitempty"`
	Reason string                `json:"reason,omitempty"`
}

// BatchFilter selects batches. A zero field selects all.
type BatchFilter struct {
	Account       transfer.AccountRef
	Finished      *bool
	Reference     string
	CreatedAfter  time.Time // inclusive
	CreatedBefore time.Time // exclusive
}

// CreateBatch uploads a batch of up to a million rows in the given format. It
// is repeated after a failure only if file can seek.
func (c *Client) CreateBatch(ctx context.Context, format Format, file io.Reader, t BatchTerms, options ...Option) (Batch, error) {
	q := query{}
	q.set("on_behalf_of", string(t.OnBehalfOf))
	if t.AcceptanceSeconds != 0 {
		q.set("acceptance_seconds", strconv.FormatInt(t.AcceptanceSeconds, 10))
	}
	if t.SelfServiceOnly {
		q.set("self_service_only", "true")
	}
	q.set("reference", t.Reference)
	if t.UniqueReference {
		q.set("unique_reference", "true")
	}
	q.set("message", t.Message)
	return upload[Batch](ctx, c, q.of(path("batches")), format, file, options)
}

// CreateBatchFromSelection creates a batch for the SIMs that r selects, up to a
// million, with a request for each 100,000 of them.
func (c *Client) CreateBatchFromSelection(ctx context.Context, r NewRequest, options ...Option) (Batch, error) {
	return post[Batch](ctx, c, path("batches", "from-selection"), r, options)
}

// ListBatches returns a page of batches, the latest first.
func (c *Client) ListBatches(ctx context.Context, f BatchFilter, p Paging, options ...Option) (Page[Batch], error) {
	q := p.query()
	q.set("account", string(f.Account))
	q.setBool("finished", f.Finished)
	q.set("reference", f.Reference)
	q.setTime("created_after", f.CreatedAfter)
	q.setTime("created_before", f.CreatedBefore)
	return get[Page[Batch]](ctx, c, q.of(path("batches")), options)
}

// GetBatch returns a batch with its first 200 requests.
func (c *Client) GetBatch(ctx context.Context, id uuid.UUID, options ...Option) (Batch, error) {
	return get[Batch](ctx, c, batchPath(id), options)
}

// CancelBatch cancels every request of a batch that can still be canceled.
func (c *Client) CancelBatch(ctx context.Context, id uuid.UUID, d BatchCancellation, options ...Option) (BatchCancel, error) {
	return post[BatchCancel](ctx, c, batchPath(id, "cancel"), d, options)
}

func batchPath(id uuid.UUID, more ...string) string {
	return path(append([]string{"batches", id.String()}, more...)...)
}

// MapColumns says what columns of an uploaded file are called in the file: texts
// such as "ICC ID=iccid", or "Notes=" for a column that the service ignores.
func MapColumns(names ...string) Option {
	return func(c *call) {
		for _, name := range names {
			separator := "?"
			if strings.Contains(c.path, "?") {
				separator = "&"
			}
			c.path += separator + "map=" + url.QueryEscape(name)
		}
	}
}

// upload posts a file, which is streamed.
func upload[T any](ctx context.Context, c *Client, path string, format Format, file io.Reader, options []Option) (T, error) {
	var answer T
	r := call{method: http.MethodPost, path: path, contentType: string(format), body: file}
	err := c.exchange(ctx, r, &answer, c.repeatable(options))
	return answer, err
}

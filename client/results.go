package client

import (
	"context"
	"io"
	"iter"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

// Result is the outcome of one SIM, as a row of the results of a request or
// batch.
type Result struct {
	Line           int                 `json:"line"` // in the list or upload, from 1
	Identifier     string              `json:"identifier"`
	ICCID          string              `json:"iccid"`
	Destination    transfer.OperatorID `json:"destination"`
	State          transfer.State      `json:"state"`
	Method         transfer.Method     `json:"method"`
	Reason         transfer.Reason     `json:"reason"`
	Remedy         string              `json:"remedy"`
	Fee            *transfer.Money     `json:"fee"` // nil if the SIM has no fee, or the caller does not see it
	SessionDropped bool                `json:"session_dropped"`
	FinishedAt     *time.Time          `json:"finished_at"`
	GatewayAnswer  string              `json:"gateway_answer"`    // the last one, if it did not end the SIM's data session
	Status         transfer.Status     `json:"status,omitempty"`  // while the transfer is open
	Plan           string              `json:"plan,omitempty"`    // while the transfer is open
	Arrival        *Arrival            `json:"arrival,omitempty"` // while the transfer is open; for the destination and support
	Reference      string              `json:"reference"`         // that the source gave it in this request

	Code transfer.DecisionCode `json:"code"` // why it was declined, denied or canceled

	DestinationExternalID string `json:"destination_external_id,omitempty"` // for support
}

// Format is the media type of results.
type Format string

// The formats of results.
const (
	JSON   Format = "application/json" // one object, with the rows in items
	NDJSON Format = "application/x-ndjson"
	CSV    Format = "text/csv"
)

// Results are the rows of a request or batch.
type Results struct {
	*Rows
	Purged int // rows that are no longer stored, and so are missing
}

// purgedHeader is how many rows results no longer have.
const purgedHeader = "Simtransfer-Purged-Rows"

// RequestResults streams the results of a request in the order in which its
// SIMs were named. The caller must close the stream; an error while reading it
// means that rows are missing. See ReadResults to decode NDJSON.
func (c *Client) RequestResults(ctx context.Context, id uuid.UUID, f TransferFilter, format Format) (*Results, error) {
	return c.results(ctx, requestPath(id, "results"), f, format)
}

// BatchResults is RequestResults for a batch, in the order of the upload.
func (c *Client) BatchResults(ctx context.Context, id uuid.UUID, f TransferFilter, format Format) (*Results, error) {
	return c.results(ctx, batchPath(id, "results"), f, format)
}

func (c *Client) results(ctx context.Context, path string, f TransferFilter, format Format) (*Results, error) {
	answer := &Results{}
	rows, err := c.countedRows(ctx, call{method: http.MethodGet, path: f.addTo(query{}).of(path), accept: string(format)}, func(h http.Header) (err error) {
		if purged := h.Get(purgedHeader); purged != "" {
			answer.Purged, err = strconv.Atoi(purged)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	answer.Rows = rows
	return answer, nil
}

// ReadResults decodes results in NDJSON while they arrive. It stops after the
// first error, which it yields with a zero Result.
func ReadResults(r io.Reader) iter.Seq2[Result, error] { return readRows[Result](r, "results") }

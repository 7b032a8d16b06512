package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"simtransfer/storage"
	"simtransfer/transfer"
)

// Result is the outcome for one SIM, as a flat row.
type Result struct {
	Line           int                 `json:"line" doc:"The position in the list, the line in the upload, or the row in a JSON upload, counted from 1."`
	Identifier     string              `json:"identifier" doc:"The identifier as submitted, reduced to its digits."`
	ICCID          *string             `json:"iccid"`
	Destination    transfer.OperatorID `json:"destination"`
	State          transfer.State      `json:"state"`
	Method         *transfer.Method    `json:"method" nullable:"true"`
	Reason         *transfer.Reason    `json:"reason" nullable:"true" doc:"Why the SIM was not transferred."`
	Remedy         *string             `json:"remedy" doc:"What to do about the reason."`
	Fee            *transfer.Money     `json:"fee,omitempty" doc:"What the source pays. For the source and support, of SIMs that have a fee. CSV has it in two columns: fee in the major unit, such as 5.00, and currency."`
	SessionDropped bool                `json:"session_dropped" doc:"Whether a data session was dropped. The device may need a power cycle to come online again."`
	FinishedAt     *time.Time          `json:"finished_at"`
	GatewayAnswer  *string             `json:"gateway_answer" doc:"What the gateway answered last, if it did not end the SIM's data session. Support also sees which gateway."`
	Status         *transfer.Status    `json:"status,omitempty" doc:"The status of the SIM, while its transfer is open."`
	Plan           *string             `json:"plan,omitempty" doc:"The plan of the SIM, while its transfer is open."`
	Arrival        *Arrival            `json:"arrival,omitempty" doc:"What the destination gets, while the transfer is open. For the destination and support. CSV has the plan, the monthly price, its currency and whether a session is dropped in the columns lands_on, monthly_price, monthly_currency and drops_session."`
	Reference      *string             `json:"reference" doc:"The source's own reference for the SIM in this request."`

	Code *transfer.DecisionCode `json:"code" nullable:"true" doc:"Why the SIM was declined, denied or canceled, as the party that did so says."`

	DestinationExternalID *string `json:"destination_external_id,omitempty" doc:"The external id of the destination. For support."`
}

// resultHeader is the first row of results as CSV.
const resultHeader = "line,identifier,iccid,destination,state,method,reason,remedy,fee,currency,session_dropped,finished_at,gateway_answer,status,plan,lands_on,monthly_price,monthly_currency,drops_session,reference,code,destination_external_id"

func (r Result) record() []string {
	fee, currency, finished := "", "", ""
	if r.Fee != nil {
		fee, currency = r.Fee.Amount(), string(r.Fee.Currency)
	}
	if r.FinishedAt != nil {
		finished = r.FinishedAt.Format(time.RFC3339Nano)
	}
	var arrival [4]string
	if a := r.Arrival; a != nil {
		arrival[0], arrival[3] = a.Plan, strconv.FormatBool(a.DropsSession)
		if a.MonthlyPrice != nil {
			arrival[1], arrival[2] = a.MonthlyPrice.Amount(), string(a.MonthlyPrice.Currency)
		}
	}
	return []string{
		strconv.Itoa(r.Line), r.Identifier, valueOrZero(r.ICCID), string(r.Destination), string(r.State), string(valueOrZero(r.Method)),
		string(valueOrZero(r.Reason)), valueOrZero(r.Remedy), fee, currency, strconv.FormatBool(r.SessionDropped), finished, valueOrZero(r.GatewayAnswer),
		string(valueOrZero(r.Status)), valueOrZero(r.Plan), arrival[0], arrival[1], arrival[2], arrival[3],
		spreadsheetText(valueOrZero(r.Reference)), string(valueOrZero(r.Code)), valueOrZero(r.DestinationExternalID),
	}
}

// valueOrZero returns what p points to, or the zero value if p is nil.
func valueOrZero[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// viewResult is viewTransfer as a flat row.
func viewResult(t storage.Transfer, to transfer.OperatorID, currency transfer.Currency, party transfer.Party) (Result, error) {
	v, err := viewTransfer(t, currency, party)
	r := Result{
		Line:           v.Line,
		Identifier:     v.Identifier,
		ICCID:          v.ICCID,
		Destination:    to,
		State:          v.State,
		Method:         v.Method,
		Reason:         v.Reason,
		Fee:            v.Fee,
		SessionDropped: v.SessionDropped,
		FinishedAt:     v.FinishedAt,
		Status:         v.Status,
		Plan:           v.Plan,
		Arrival:        v.Arrival,
		Reference:      v.Reference,
		Code:           v.Code,
	}
	if v.Remedy != "" {
		r.Remedy = &v.Remedy
	}
	if v.GatewayAnswer != "" {
		r.GatewayAnswer = &v.GatewayAnswer
	}
	return r, err
}

// referencesInCSV says what spreadsheetText does to references.
const referencesInCSV = "As CSV, a reference that a spreadsheet would take for a formula begins with an apostrophe."

const (
	resultsPageRows = 1000      // that one statement reads
	resultsTimeout  = time.Hour // for the whole response
)

// SomeResults is embedded in the input of results.
type SomeResults struct {
	State  []transfer.State  `query:"state" nullable:"false" doc:"Only SIMs in one of these states."`
	Reason []transfer.Reason `query:"reason" nullable:"false" doc:"Only SIMs that were not transferred for one of these reasons."`
	Method []transfer.Method `query:"method" nullable:"false" doc:"Only SIMs that have one of these transfer methods."`

	Code []transfer.DecisionCode `query:"code" nullable:"false" doc:"Only SIMs that were declined, denied or canceled with one of these codes."`
}

func (f SomeResults) filter(party transfer.Party) storage.ResultsFilter {
	return storage.ResultsFilter{States: f.State, Reasons: f.Reason, Methods: f.Method, Codes: f.Code, Offered: !sightOf(party).unoffered}
}

type requestResultsInput struct {
	RequestPath
	Accepting
	SomeResults
}

func (s *server) requestResults(ctx context.Context, in *requestResultsInput) (*huma.StreamResponse, error) {
	r, party, err := s.visible(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return s.streamResults(ctx, in.Accepting, results{
		caller:   callerOf(ctx),
		purged:   viewRequest(r, viewer{party: party}).Counts.Purged,
		party:    party,
		currency: r.Currency,
		told:     &remedies{from: s.db, source: r.SourceOperator, party: party},
		find: func(ctx context.Context) (*storage.Results, error) {
			return s.db.RequestResults(ctx, r, in.filter(party))
		},
	})
}

type batchResultsInput struct {
	BatchPath
	Accepting
	SomeResults
}

func (s *server) batchResults(ctx context.Context, in *batchResultsInput) (*huma.StreamResponse, error) {
	b, err := s.visibleBatch(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	source, err := s.db.Account(ctx, b.OperatorID.Ref())
	if err != nil {
		return nil, err
	}
	return s.streamResults(ctx, in.Accepting, results{
		caller:   callerOf(ctx),
		purged:   b.Purged,
		party:    transfer.PartySource,
		currency: source.Currency,
		told:     &remedies{from: s.db, source: source.OperatorID, party: transfer.PartySource},
		find: func(ctx context.Context) (*storage.Results, error) {
			return s.db.BatchResults(ctx, b.ID, in.filter(transfer.PartySource))
		},
	})
}

// results are what a download of results sends.
type results struct {
	caller   storage.Caller
	purged   int               // rows that are no longer stored
	party    transfer.Party    // who reads them
	currency transfer.Currency // of the source
	told     *remedies
	find     func(context.Context) (*storage.Results, error)
}

// page returns rows as they are now.
func (r results) page(ctx context.Context, db *storage.DB, rows *storage.Results, from int) ([]Result, error) {
	list, err := db.ResultsPage(ctx, rows, from, resultsPageRows, sightOf(r.party).arrivals)
	if err != nil {
		return nil, err
	}
	page := make([]Result, len(list))
	for i, row := range list {
		to := rows.Request(from + i)
		if page[i], err = viewResult(row, to.Destination, r.currency, r.party); err != nil {
			return nil, err
		}
		page[i].DestinationExternalID = externalIDFor(r.caller, to.ExternalID)
		if row.Reason != nil {
			remedy, err := r.told.of(ctx, *row.Reason, to.Destination)
			if err != nil {
				return nil, err
			}
			page[i].Remedy = &remedy
		}
	}
	return page, nil
}

// visibleBatch returns a batch, or ErrNotFound if the caller may not see it.
func (s *server) visibleBatch(ctx context.Context, id uuid.UUID) (storage.Batch, error) {
	b, err := s.db.Batch(ctx, id)
	if err == nil && !reachOf(callerOf(ctx)).includes(b.Account) {
		return storage.Batch{}, storage.ErrNotFound
	}
	return b, err
}

// purgedHeader is how many rows results no longer have, because they were deleted.
const purgedHeader = "Simtransfer-Purged-Rows"

// streamResults sends results while they are read. Which rows there are is found
// out before the response starts, and so the header says how many there are;
// each row is as current as the page that it is read with, which is one
// statement outside of a transaction. An error on the way aborts the connection.
func (s *server) streamResults(ctx context.Context, accept Accepting, from results) (*huma.StreamResponse, error) {
	format, err := accept.choose(typeJSON, typeNDJSON, typeCSV)
	if err != nil {
		return nil, err
	}
	if callOf(ctx).head {
		return headOnly(func(w http.ResponseWriter) { startRows(w, format) }), nil
	}
	release, err := s.results.acquire(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := from.find(ctx)
	if err != nil {
		release()
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) { //nolint:contextcheck // the context is in hc
		defer release()
		_, w := humago.Unwrap(hc)
		startRows(w, format)
		w.Header().Set(rowsHeader, strconv.Itoa(rows.Len()))
		if from.purged > 0 {
			w.Header().Set(purgedHeader, strconv.Itoa(from.purged))
		}
		if err := s.sendResults(hc.Context(), w, newPageWriter(format, resultHeader, w), from, rows); err != nil {
			s.abort(hc.Context(), "sending results was aborted", err)
		}
	}}, nil
}

func (s *server) sendResults(ctx context.Context, w http.ResponseWriter, out *pageWriter, from results, rows *storage.Results) error {
	if err := out.begin(); err != nil {
		return err
	}
	for i := 0; i < rows.Len(); i += resultsPageRows {
		page, err := from.page(ctx, s.db, rows, i)
		if err != nil {
			return err
		}
		if err := sendPage(w, out, page); err != nil {
			return err
		}
	}
	return out.end()
}

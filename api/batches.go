package api

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/google/uuid"

	"simtransfer/api/problem"
	"simtransfer/api/upload"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// Batch is one upload, from which one request per destination was created.
type Batch struct {
	ID        uuid.UUID           `json:"id" format:"uuid"`
	Source    transfer.OperatorID `json:"source"`
	SourceID  *string             `json:"source_external_id,omitempty" doc:"The external id of the source. For support."`
	CreatedAt time.Time           `json:"created_at"`
	Finished  bool                `json:"finished" doc:"Whether all its requests are finished."`
	Outcome   *transfer.Outcome   `json:"outcome,omitempty" doc:"How many of the SIMs were transferred: none, some or all. Left out until the batch is finished."`
	Reference *string             `json:"reference,omitempty" doc:"The source's own reference, which all its requests have."`
	Message   *string             `json:"message,omitempty" doc:"What the source wrote to the destinations."`
	Counts    Counts              `json:"counts" doc:"The SIMs of all its requests together."`
	Requests  int                 `json:"request_count"`
	Items     []Request           `json:"requests,omitempty" nullable:"false" doc:"The first 200 requests; to get all, list transfer requests with the parameter batch. Not in lists."`
}

// maxBatchItems is how many requests the response for a batch lists.
const maxBatchItems = 200

func viewBatch(b storage.Batch, c storage.Caller) Batch {
	v := Batch{
		ID:        b.ID,
		Source:    b.OperatorID,
		SourceID:  externalIDFor(c, b.ExternalID),
		CreatedAt: b.CreatedAt.UTC(),
		Finished:  b.Unfinished == 0,
		Reference: b.Reference,
		Requests:  b.Requests,
		Counts: Counts{
			SIMs:       b.Size,
			Pending:    b.Pending,
			Eligible:   b.Eligible,
			Support:    b.Support,
			Completed:  b.Completed,
			Ineligible: b.Ineligible,
			Failed:     b.Failed,
			Canceled:   b.Canceled,
			Declined:   b.Declined,
			Denied:     b.Denied,
			Expired:    b.Expired,
			Purged:     b.Purged,
		},
	}
	if v.Finished {
		v.Outcome = new(transfer.OutcomeOf(b.Completed, b.Size))
	}
	if sightOf(batchParty(c)).words {
		v.Message = b.Message
	}
	return v
}

type createBatchInput struct {
	Idempotent
	Mapped
	OnBehalfOf        string `query:"on_behalf_of" maxLength:"132" doc:"The operator id or the external id of the source account. Required for support, not allowed for others."`
	AcceptanceSeconds int64  `query:"acceptance_seconds" minimum:"1" maximum:"2592000" doc:"How long each destination can accept, from 1 second to 30 days. Default: as the service is configured, usually one day."`
	SelfServiceOnly   bool   `query:"self_service_only" doc:"Makes SIMs ineligible that would need approval by support."`
	Reference         string `query:"reference" maxLength:"64" doc:"Your own reference, such as a purchase order. All requests of the batch have it, and the destinations see it."`
	UniqueReference   bool   `query:"unique_reference" doc:"Refuses the batch if the source has another batch or request with the reference."`
	Message           string `query:"message" maxLength:"1000" doc:"A text for the destinations. They see it when they can decide."`
	File              body
}

func batchUpload() *uploadDoc {
	return &uploadDoc{
		text: "SIMs and their destinations, as CSV, NDJSON or JSON: up to 1,000,000 rows and 128 MiB. All rows are accepted, or none if a row has an error.",
		columns: []uploadColumn{
			{"sim", true, upload.Text, "An ICCID, IMSI or MSISDN."},
			{"destination_email", true, upload.Text, "The primary email of the account that receives the SIM."},
			{"destination_operator_id", true, upload.Text, "The operator id or the external id of the account that receives the SIM."},
			{"reference", false, upload.Text, "Your own reference for the SIM, up to 64 characters, such as the line of a purchase order. The destination sees it."},
		},
		example: "sim,destination_email,destination_operator_id\n" +
			"8988211000000000011,sims@example.com,OP0012345678\n",
	}
}

// batchStatementTimeout limits one statement of a batch or a retry: the longest
// copies a million rows.
const batchStatementTimeout = 5 * time.Minute

// createBatch reads the whole file first, because no transaction may wait for a
// client. Then it creates all requests in one transaction.
func (s *server) createBatch(ctx context.Context, in *createBatchInput) (*reply[Batch], error) {
	p := problem.New(problem.Invalid, "nothing was accepted: fix the listed errors")
	words := parseWords(p, "query.", in.Reference, in.UniqueReference, in.Message)
	if err := refusal(p); err != nil {
		return nil, err
	}
	source, err := s.actingAccount(ctx, "query.on_behalf_of", in.OnBehalfOf)
	if err != nil {
		return nil, err
	}
	var file *upload.Batch
	release, err := s.readUpload(ctx, s.uploads, in.Mapped, &in.File, upload.BatchColumns(), func(r io.Reader, format upload.Format, names upload.Names) (err error) {
		file, err = upload.Read(r, format, names, upload.Limits{})
		return err
	})
	if err != nil {
		return nil, err
	}
	defer release()
	return once(ctx, s, func(t *storage.Tx, out *reply[Batch]) error {
		to, err := batchDestinations(ctx, t, source, file)
		if err != nil {
			return err
		}
		if err := t.AllowLong(ctx, batchStatementTimeout); err != nil {
			return err
		}
		if err := t.CheckLimits(ctx, source, s.limits(), len(to), file.Len()); err != nil {
			return err
		}
		if err := checkSameRows(ctx, t, source.ID, file); err != nil {
			return err
		}
		id, err := s.createRequests(ctx, t, in, words, source, to, file)
		if err != nil {
			return err
		}
		out.Status, out.Location = 202, "/v1/batches/"+id.String()
		if out.Body, err = s.readBatch(ctx, t, id); err != nil {
			return err
		}
		return t.EnforceLimits(ctx, source, s.limits(), len(to), file.Len())
	})
}

// batchDestinations returns the destination accounts of a file in the order of
// file.Destinations, or an error with the lines whose destination is invalid.
func batchDestinations(ctx context.Context, t *storage.Tx, source storage.Account, file *upload.Batch) ([]storage.Account, error) {
	pairs := make([]storage.Pair, len(file.Destinations))
	for i, d := range file.Destinations {
		pairs[i] = storage.Pair{Email: d.Email, Account: d.Account}
	}
	to, err := t.Destinations(ctx, pairs)
	if err != nil {
		return nil, err
	}
	if source.Standing != storage.StandingOpen {
		return nil, problem.New(problem.AccountClosed, "the source account is closed, so it cannot send SIMs")
	}
	var wrong []upload.RowError
	for i, account := range to {
		if reason := wrongDestination(source, account); reason != nil {
			d := file.Destinations[i]
			wrong = append(wrong, sameDestination(file, i, upload.Code(reason.code), fmt.Sprintf("%s and %s: %s", d.Email, d.Account, reason.message)))
		}
	}
	if len(wrong) > 0 {
		return nil, byLine(wrong)
	}
	return to, nil
}

// checkSameRows refuses a file with two rows that name the same SIM of the
// source by different identifiers. upload.Read refuses a file with the same
// identifier twice.
func checkSameRows(ctx context.Context, t *storage.Tx, source int64, file *upload.Batch) error {
	if !transfer.MayNameTwice(identifiers(file.All())) {
		return nil
	}
	places, sims := make([]upload.Place, 0, file.Len()), make([]transfer.Identifier, 0, file.Len())
	for place, sim := range file.All() {
		places, sims = append(places, place), append(sims, sim)
	}
	same, err := t.SameSIMs(ctx, source, sims)
	if err != nil || len(same) == 0 {
		return err
	}
	var invalid upload.Invalid
	for _, s := range same {
		invalid.Add(upload.SameSIM(places[s.Again], sims[s.Again], places[s.First], sims[s.First]))
	}
	return &invalid
}

// identifiers yields the SIMs of rows.
func identifiers(rows iter.Seq2[upload.Place, transfer.Identifier]) iter.Seq[transfer.Identifier] {
	return func(yield func(transfer.Identifier) bool) {
		for _, sim := range rows {
			if !yield(sim) {
				return
			}
		}
	}
}

// sameDestination returns one error for all rows with a destination.
func sameDestination(file *upload.Batch, destination int, code upload.Code, problem string) upload.RowError {
	e := upload.RowError{Code: code, Problem: problem, Again: file.Size(destination) - 1}
	first := true
	for place := range file.Rows(destination) {
		switch {
		case first:
			e.Place, first = place, false
		case len(e.Others) < upload.MaxPlaces-1:
			e.Others = append(e.Others, place)
		default:
			return e
		}
	}
	return e
}

// byLine returns the errors sorted by their first line, as the error of an upload.
func byLine(wrong []upload.RowError) error {
	slices.SortFunc(wrong, func(a, b upload.RowError) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Row, b.Row))
	})
	var invalid upload.Invalid
	for _, l := range wrong {
		invalid.Add(l)
	}
	return &invalid
}

// createRequests creates a batch with one request per destination.
func (s *server) createRequests(ctx context.Context, t *storage.Tx, in *createBatchInput, words storage.Words, source storage.Account, to []storage.Account, file *upload.Batch) (uuid.UUID, error) {
	id, err := t.CreateBatch(ctx, source.ID, file.Len(), words)
	if err != nil {
		return id, err
	}
	for i := range to {
		if _, err := t.CreateRequest(ctx, storage.NewRequest{
			Source:          source,
			Destination:     to[i],
			Batch:           &id,
			SelfServiceOnly: in.SelfServiceOnly,
			Acceptance:      s.acceptance(in.AcceptanceSeconds),
			Review:          s.ReviewPeriod,
			By:              sender(ctx),
			Size:            file.Size(i),
			SIMs:            lines(file.Rows(i)),
			Words:           words,
			SIMReferences:   file.References(i),
		}); err != nil {
			return id, err
		}
	}
	return id, t.CompleteBatch(ctx, id)
}

// lines yields SIMs with their line numbers, or with their row numbers for a
// JSON document, whose rows can all be on one line.
func lines(rows iter.Seq2[upload.Place, transfer.Identifier]) iter.Seq2[int, transfer.Identifier] {
	return func(yield func(int, transfer.Identifier) bool) {
		for place, sim := range rows {
			if !yield(cmp.Or(place.Row, place.Line), sim) {
				return
			}
		}
	}
}

type createSelectedBatchInput struct {
	Idempotent
	Body NewRequest
}

// createSelectedBatch creates a batch from a selection that can be too large for
// one request: a request for each transfer.MaxRequestSIMs of the SIMs.
func (s *server) createSelectedBatch(ctx context.Context, in *createSelectedBatchInput) (*reply[Batch], error) {
	a, err := s.parseRequest(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	release, err := s.uploads.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	return once(ctx, s, func(t *storage.Tx, out *reply[Batch]) error {
		to, err := a.destination(ctx, t)
		if err != nil {
			return err
		}
		if err := t.AllowLong(ctx, batchStatementTimeout); err != nil {
			return err
		}
		sims, err := a.sims.resolve(ctx, t, a.source.ID, transfer.MaxBatchRows)
		if err != nil {
			return err
		}
		references, err := a.alignedReferences(sims)
		if err != nil {
			return err
		}
		requests := (sims.Len() + transfer.MaxRequestSIMs - 1) / transfer.MaxRequestSIMs
		if err := t.CheckLimits(ctx, a.source, s.limits(), requests, sims.Len()); err != nil {
			return err
		}
		id, err := t.CreateBatch(ctx, a.source.ID, sims.Len(), a.words)
		if err != nil {
			return err
		}
		for from := 0; from < sims.Len(); from += transfer.MaxRequestSIMs {
			end := min(from+transfer.MaxRequestSIMs, sims.Len())
			part := s.newRequest(ctx, in.Body, a.source, to, sims.Part(from, end))
			part.Batch, part.Selection = &id, a.asked
			part.Words = a.words
			if len(references) > 0 {
				part.SIMReferences = references[from:end]
			}
			if _, err := t.CreateRequest(ctx, part); err != nil {
				return err
			}
		}
		if err := t.CompleteBatch(ctx, id); err != nil {
			return err
		}
		out.Status, out.Location = 202, "/v1/batches/"+id.String()
		if out.Body, err = s.readBatch(ctx, t, id); err != nil {
			return err
		}
		return t.EnforceLimits(ctx, a.source, s.limits(), requests, sims.Len())
	})
}

func (s *server) readBatch(ctx context.Context, t *storage.Tx, id uuid.UUID) (Batch, error) {
	b, err := t.Batch(ctx, id)
	if err != nil {
		return Batch{}, err
	}
	v := viewBatch(b, callerOf(ctx))
	requests, err := t.BatchRequests(ctx, id, maxBatchItems)
	if err != nil {
		return v, err
	}
	view, err := s.requestView(ctx, t, requests...)
	if err != nil {
		return v, err
	}
	for _, r := range requests {
		v.Items = append(v.Items, view(r))
	}
	return v, nil
}

type listBatchesInput struct {
	Paging
	Account string `query:"account" maxLength:"132" doc:"Only batches of the account with this operator id or external id. For support."`

	Finished      string    `query:"finished" enum:"true,false" doc:"Only finished batches (true), or only unfinished ones (false)."`
	Reference     string    `query:"reference" maxLength:"64" doc:"Only batches with this reference."`
	CreatedAfter  time.Time `query:"created_after" doc:"Only batches created at or after this time."`
	CreatedBefore time.Time `query:"created_before" doc:"Only batches created before this time."`
}

func (s *server) listBatches(ctx context.Context, in *listBatchesInput) (*listOf[Batch], error) {
	account, err := s.listedAccount(ctx, in.Account)
	if err != nil {
		return nil, err
	}
	p := problem.New(problem.Invalid, "")
	f := storage.BatchFilter{
		Account:       account,
		Finished:      flag(in.Finished),
		Reference:     parsed(p, "query.reference", in.Reference, transfer.ParseLine),
		CreatedAfter:  given(p, "query.created_after", in.CreatedAfter),
		CreatedBefore: given(p, "query.created_before", in.CreatedBefore),
		Limit:         in.Limit + 1,
	}
	if len(p.Errors) > 0 {
		return nil, p
	}
	if f.Before, err = idCursor(in.Cursor); err != nil {
		return nil, err
	}
	rows, err := s.db.Batches(ctx, f)
	if err != nil {
		return nil, err
	}
	return pageOf(rows, in.Limit, func(b storage.Batch) string { return b.ID.String() }, func(b storage.Batch) Batch { return viewBatch(b, callerOf(ctx)) })
}

// BatchPath is embedded in the input of routes for one batch.
type BatchPath struct {
	ID uuid.UUID `path:"id" format:"uuid" doc:"The id of the batch."`
}

type getBatchInput struct {
	BatchPath
	IfNoneMatch
}

type batchOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   Batch
}

func (s *server) getBatch(ctx context.Context, in *getBatchInput) (*batchOutput, error) {
	out := &batchOutput{}
	err := s.db.InRetriedTx(ctx, func(t *storage.Tx) error {
		b, err := t.Batch(ctx, in.ID)
		if err != nil {
			return err
		}
		if !reachOf(callerOf(ctx)).includes(b.Account) {
			return storage.ErrNotFound
		}
		out.Body, err = s.readBatch(ctx, t, b.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	out.ETag, out.Status, err = tagged(ctx, out.Body)
	return out, err
}

package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// Change is an entry of the changes feed: one SIM that changed.
type Change struct {
	Cursor           string              `json:"cursor" doc:"The position after this entry."`
	At               time.Time           `json:"at" doc:"When the SIM changed. For transferred, this is when it was registered to its new owner."`
	Kind             transfer.ChangeKind `json:"kind" doc:"What changed. New kinds can be added."`
	SIMID            int64               `json:"sim_id" doc:"The SIM. It stays the same and is never that of another SIM, while an ICCID can name another SIM after the entry retired."`
	ICCID            string              `json:"iccid" doc:"The ICCID of the SIM. Like all its identifiers here, it is as it is when the entry is read: if the identifiers changed later, an entry with the kind identifiers_changed or swapped follows."`
	IMSIs            []string            `json:"imsis" nullable:"false"`
	MSISDNs          []string            `json:"msisdns" nullable:"false"`
	EID              *string             `json:"eid,omitempty"`
	ExternalID       *string             `json:"external_id,omitempty" doc:"The id of the SIM in the operator's inventory."`
	From             *ChangeOwner        `json:"from,omitempty" doc:"The owner before the change. For transferred and owner_corrected."`
	To               ChangeOwner         `json:"to" doc:"The owner after the change. It is the owner before it, too, unless from is present."`
	Status           *ChangedText        `json:"status,omitempty" doc:"For status_changed; for created without from. Entries of SIMs that an older version created have none."`
	Plan             *ChangedText        `json:"plan,omitempty" doc:"For plan_changed; for created without from; for transferred if the SIM landed on another plan, instead of an entry plan_changed."`
	Identifiers      *ChangedIdentifiers `json:"identifiers,omitempty" doc:"For identifiers_changed and retired."`
	Replaces         *string             `json:"replaces,omitempty" doc:"For swapped: the ICCID of the old card, if the SIM is the new one."`
	ReplacedBy       *string             `json:"replaced_by,omitempty" doc:"For swapped: the ICCID of the new card, if the SIM is the old one."`
	Request          *uuid.UUID          `json:"request,omitempty" format:"uuid" doc:"The transfer request. Like batch, ticket and line, it is for transferred."`
	Batch            *uuid.UUID          `json:"batch,omitempty" format:"uuid" doc:"The upload that the request comes from, if there was one."`
	Ticket           *string             `json:"ticket,omitempty" doc:"The ticket with which support approved the request."`
	Line             *int                `json:"line,omitempty" doc:"The SIM's position in the request's list, or its line in the upload, counted from 1."`
	Settings         *Snapshot           `json:"settings,omitempty" doc:"For transferred and created: the settings with which the SIM arrived. For support and administrators."`
	RequestReference *string             `json:"request_reference,omitempty" doc:"The source's own reference for the request. For transferred."`
	Reference        *string             `json:"reference,omitempty" doc:"The source's own reference for the SIM in the request. For transferred."`
}

// ChangeOwner is the owner of a SIM before or after a change.
type ChangeOwner struct {
	Account    transfer.OperatorID `json:"account" doc:"The operator id."`
	ExternalID *string             `json:"external_id,omitempty" doc:"The id of the account in the operator's own systems, as it is when the entry is read."`
}

// ChangedText is a value before and after a change.
type ChangedText struct {
	From string `json:"from,omitempty" doc:"Absent if the SIM was created."`
	To   string `json:"to"`
}

// ChangedIdentifiers are all identifiers of a SIM before and after a change.
type ChangedIdentifiers struct {
	From SIMIdentifiers `json:"from"`
	To   SIMIdentifiers `json:"to"`
}

// SIMIdentifiers are all identifiers of a SIM.
type SIMIdentifiers struct {
	ICCID      string   `json:"iccid"`
	IMSIs      []string `json:"imsis" nullable:"false"`
	MSISDNs    []string `json:"msisdns" nullable:"false"`
	EID        *string  `json:"eid" nullable:"true"`
	ExternalID *string  `json:"external_id" nullable:"true"`
}

// changeText returns an entry as a JSON object, as a caller sees it.
func changeText(e storage.ChangeEntry, c storage.Caller) ([]byte, error) {
	v, err := viewChange(e)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(v)
	if err != nil || e.Settings == nil || !seesArrivals(c) {
		return text, err
	}
	text = append(text[:len(text)-1], `,"settings":`...)
	if text, err = appendSnapshot(text, *e.Settings); err != nil {
		return nil, fmt.Errorf("reading change %s: %w", v.Cursor, err)
	}
	return append(text, '}'), nil
}

// viewChange returns an entry without settings, which changeText adds.
func viewChange(e storage.ChangeEntry) (Change, error) {
	v := Change{
		Cursor: e.Next().String(), At: e.At.UTC(), Kind: e.Kind,
		SIMID: e.SIM, ICCID: e.ICCID, IMSIs: e.IMSIs, MSISDNs: e.MSISDNs, EID: e.EID, ExternalID: e.ExternalID,
		To:       ChangeOwner{e.Destination, e.DestinationExternalID},
		Replaces: e.OldCard, ReplacedBy: e.NewCard,
		Request: e.Request, Batch: e.Batch, Ticket: e.Ticket, Line: e.Line, RequestReference: e.RequestReference, Reference: e.Reference,
	}
	if e.Source != nil {
		v.From = &ChangeOwner{*e.Source, e.SourceExternalID}
	}
	var err error
	switch e.Kind {
	case transfer.SIMStatusChanged:
		v.Status, err = changedText(e, "status")
	case transfer.SIMPlanChanged:
		v.Plan, err = changedText(e, "plan")
	case transfer.SIMIdentifiersChanged, transfer.SIMRetired:
		v.Identifiers = &ChangedIdentifiers{}
		err = errors.Join(json.Unmarshal(*e.Before, &v.Identifiers.From), json.Unmarshal(*e.After, &v.Identifiers.To))
	case transfer.SIMCreated:
		if e.After != nil { // older rows have no values
			v.Status, err = changedText(e, "status")
			if err == nil {
				v.Plan, err = changedText(e, "plan")
			}
		}
	case transfer.SIMTransferred:
		if e.After != nil {
			v.Plan, err = changedText(e, "plan")
		}
	case transfer.SIMSwapped, transfer.SIMOwnerCorrected:
	}
	if err != nil {
		return v, fmt.Errorf("reading change %s: %w", v.Cursor, err)
	}
	return v, nil
}

// changedText returns the values of a text field that a change records.
func changedText(e storage.ChangeEntry, field string) (*ChangedText, error) {
	var before, after map[string]any
	err := json.Unmarshal(*e.After, &after)
	if err == nil && e.Before != nil {
		err = json.Unmarshal(*e.Before, &before)
	}
	from, _ := before[field].(string)
	to, _ := after[field].(string)
	return &ChangedText{from, to}, err
}

// ChangesPage is a page of the changes feed, which has no last page.
type ChangesPage struct {
	Items      []Change `json:"items" nullable:"false"`
	NextCursor string   `json:"next_cursor" doc:"Pass it as cursor to get the next entries, now or later. It never expires. It can be after a page without entries, because a filter has left them out."`
	More       bool     `json:"more" doc:"Whether more entries may exist already."`
}

// moreHeader has the value of more of a page that is not JSON.
const moreHeader = "Simtransfer-More"

const (
	changesPageRows   = 1000   // the maximum for JSON, and what one statement reads
	streamPageChanges = 4000   // that one poll of a stream reads
	maxChangesRows    = 100000 // the maximum for NDJSON
	maxChangesReads   = 16     // concurrent reads in this process
	maxChangesPerUser = 4      // concurrent reads of a caller in this process
)

// ChangesFrom is embedded in the input of routes that read the changes feed.
type ChangesFrom struct {
	From    string                `query:"from" enum:"now" doc:"now: start after the entries that exist already. Default: start with the first entry of all."`
	Since   time.Time             `query:"since" doc:"Start with the changes at this time or later. A few earlier ones can come first."`
	Kind    []transfer.ChangeKind `query:"kind" maxItems:"20" doc:"Only changes of these kinds, separated by commas."`
	Account string                `query:"account" maxLength:"132" doc:"Only changes of SIMs that the account with this operator id or external id owns before or after the change."`
}

// start returns where to start reading, from a cursor if it is not empty, and
// what to select.
func (in ChangesFrom) start(ctx context.Context, s *server, cursor string) (at storage.ChangeCursor, f storage.ChangeFilter, err error) {
	f.Kinds = in.Kind
	if f.Account, err = s.listedAccount(ctx, in.Account); err != nil {
		return at, f, err
	}
	p := problem.New(problem.Invalid, "")
	since := given(p, "query.since", in.Since)
	if n := countGiven(cursor != "", in.From != "", since != nil); n > 1 {
		p.Add(problem.FieldError{Location: "query", Message: "cursor, from and since exclude each other: give one of them"})
	}
	if len(p.Errors) > 0 {
		return at, f, p
	}
	switch {
	case in.From != "":
		at, err = s.db.ChangesNow(ctx)
	case since != nil:
		if at, err = s.db.ChangesSince(ctx, *since); errors.Is(err, storage.ErrFuture) {
			err = sinceInFuture(in.Since)
		}
	case cursor != "":
		if at, err = storage.ParseChangeCursor(cursor); err != nil {
			err = badCursor(cursor)
		}
	default:
		at = storage.FirstChange()
	}
	return at, f, err
}

func sinceInFuture(since time.Time) error {
	return problem.New(problem.Invalid, "", problem.FieldError{
		Location: "query.since", Message: "in the future: give a time in the past, or from=now", Value: since.Format(time.RFC3339Nano),
	})
}

func countGiven(given ...bool) (n int) {
	for _, g := range given {
		if g {
			n++
		}
	}
	return n
}

// planChanges is DB.PlanChanges with a problem for a cursor that the feed has not reached.
func (s *server) planChanges(ctx context.Context, from storage.ChangeCursor, f storage.ChangeFilter, limit int) (storage.ChangePlan, error) {
	plan, err := s.db.PlanChanges(ctx, from, f, limit)
	if errors.Is(err, storage.ErrNoSuchChange) {
		err = badCursor(from.String())
	}
	return plan, err
}

type listChangesInput struct {
	Accepting
	Cursor string `query:"cursor" maxLength:"64" doc:"The next_cursor of the previous page, or the cursor of the last entry that was received. In place of from and since."`
	ChangesFrom
	Limit int `query:"limit" minimum:"1" maximum:"100000" default:"100" doc:"Maximum number of entries: up to 1000 as JSON, up to 100000 as NDJSON."`
}

// listChanges sends entries while they are read. Which ones there are is found
// out before, so that the headers can say how many there are and where the next
// ones begin.
func (s *server) listChanges(ctx context.Context, in *listChangesInput) (*huma.StreamResponse, error) {
	format, err := in.choose(typeJSON, typeNDJSON)
	if err != nil {
		return nil, err
	}
	if format == typeJSON && in.Limit > changesPageRows {
		return nil, problem.New(problem.Invalid, "", problem.FieldError{
			Location: "query.limit", Message: "more than 1000 entries are available as application/x-ndjson only", Value: strconv.Itoa(in.Limit),
		})
	}
	setHeaders := func(w http.ResponseWriter) {
		w.Header().Set("Vary", "Accept")
		w.Header().Set("Content-Type", format)
	}
	if callOf(ctx).head {
		return headOnly(setHeaders), nil
	}
	release, err := s.changes.acquire(ctx)
	if err != nil {
		return nil, err
	}
	from, filter, err := in.start(ctx, s, in.Cursor)
	var plan storage.ChangePlan
	if err == nil {
		plan, err = s.planChanges(ctx, from, filter, in.Limit)
	}
	if err != nil {
		release()
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) { //nolint:contextcheck // the context is in hc
		defer release()
		_, w := humago.Unwrap(hc)
		setHeaders(w)
		w.Header().Set(rowsHeader, strconv.Itoa(plan.Rows))
		w.Header().Set(nextCursorHeader, plan.Next.String())
		w.Header().Set(moreHeader, strconv.FormatBool(plan.More))
		if err := s.sendChanges(hc.Context(), w, format, plan); err != nil {
			s.abort(hc.Context(), "sending changes was aborted", err)
		}
	}}, nil
}

func (s *server) sendChanges(ctx context.Context, w http.ResponseWriter, format string, plan storage.ChangePlan) error {
	out := bufio.NewWriterSize(w, 32<<10)
	connection := http.NewResponseController(w)
	separator := "\n"
	if format == typeJSON {
		separator = ",\n"
		_, _ = out.WriteString(`{"items":[`) // errors of out come back from Flush
	}
	rows, caller := 0, callerOf(ctx)
	err := s.db.ChangeEntries(ctx, plan, changesPageRows, func(entries []storage.ChangeEntry) error {
		// A ResponseWriter without a connection returns an error, which is fine.
		_ = connection.SetWriteDeadline(time.Now().Add(pageWriteTimeout))
		for _, e := range entries {
			text, err := changeText(e, caller)
			if err != nil {
				return err
			}
			if rows++; rows > 1 {
				_, _ = out.WriteString(separator)
			}
			_, _ = out.Write(text)
		}
		return out.Flush()
	})
	if err != nil {
		return err
	}
	switch {
	case format == typeJSON:
		_, _ = fmt.Fprintf(out, `],"next_cursor":%q,"more":%t}`+"\n", plan.Next, plan.More)
	case rows > 0:
		_, _ = io.WriteString(out, "\n")
	}
	return out.Flush()
}

type streamChangesInput struct {
	ChangesFrom
	LastEvent
}

func (s *server) streamChanges(ctx context.Context, in *streamChangesInput) (*huma.StreamResponse, error) {
	if in.LastEventID != "" { // a client that reconnects sends the URL with which it began
		if _, err := storage.ParseChangeCursor(in.LastEventID); err != nil {
			return nil, badEventID(in.LastEventID)
		}
		in.From, in.Since = "", time.Time{}
	}
	next, filter, err := in.start(ctx, s, in.LastEventID)
	if err != nil {
		return nil, err
	}
	caller := callerOf(ctx)
	return s.stream(ctx, in.LastEvent, func(ctx context.Context) ([]message, bool, error) {
		plan, err := s.planChanges(ctx, next, filter, streamPageChanges)
		if err != nil {
			return nil, false, err
		}
		events := make([]message, 0, plan.Rows)
		err = s.db.ChangeEntries(ctx, plan, changesPageRows, func(entries []storage.ChangeEntry) error {
			for _, e := range entries {
				events = append(events, message{e.Next().String(), func() ([]byte, error) { return changeText(e, caller) }})
			}
			return nil
		})
		if err == nil {
			next = plan.Next
		}
		return events, false, err
	})
}

func changesStreamDoc() *streamDoc {
	return &streamDoc{
		text: "Server-sent events, one for each entry of the changes feed; the id of each is its cursor. The stream ends after some minutes: the client " +
			"then reconnects with Last-Event-ID, which counts before from and since. Comments keep the connection open. An event " +
			"that lacks the empty line at its end was cut off; ignore it, as clients of server-sent events do. It is sent again after Last-Event-ID.",
		content: func(registry huma.Registry) map[string]*huma.MediaType {
			schema := registry.Schema(reflect.TypeFor[Change](), true, "")
			return map[string]*huma.MediaType{typeEvents: {Schema: &huma.Schema{
				Type:        huma.TypeString,
				Description: "Server-sent events. The data of each event is JSON with the schema " + schema.Ref + ".",
			}}}
		},
	}
}

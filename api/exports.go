package api

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// exportTimeout is the time for the whole response, and so for its snapshot.
const exportTimeout = 15 * time.Minute

// ExportedSIM is a SIM of the inventory. Its fields have the names of the columns
// of an import, so that an export can be uploaded again.
type ExportedSIM struct {
	ICCID        string              `json:"iccid"`
	IMSIs        []string            `json:"imsis" nullable:"false"`
	MSISDNs      []string            `json:"msisdns" nullable:"false"`
	Account      transfer.OperatorID `json:"account" doc:"The operator id of the account that it is registered to."`
	Since        time.Time           `json:"since" doc:"Since when it is registered to this account."`
	Status       transfer.Status     `json:"status"`
	Plan         string              `json:"plan"`
	TransferLock bool                `json:"transfer_lock"`
	EID          *string             `json:"eid,omitempty"`
	Lot          *string             `json:"lot,omitempty"`
	ExternalID   *string             `json:"external_id,omitempty"`
	Settings
	AccountID *string   `json:"account_external_id,omitempty" doc:"The external id of the account. For support."`
	UpdatedAt time.Time `json:"updated_at" doc:"When it last changed, also by a transfer."`
}

func viewExportedSIM(s storage.ExportedSIM, c storage.Caller) ExportedSIM {
	return ExportedSIM{
		ICCID:        s.ICCID,
		IMSIs:        append([]string{}, s.IMSIs...),
		MSISDNs:      append([]string{}, s.MSISDNs...),
		Account:      s.OperatorID,
		Since:        s.Since.UTC(),
		Status:       s.Status,
		Plan:         s.Plan,
		TransferLock: s.TransferLock,
		EID:          s.EID,
		Lot:          s.Lot,
		ExternalID:   externalIDFor(c, s.ExternalID),
		AccountID:    externalIDFor(c, s.AccountID),
		Settings:     viewSettings(s.SIMSettings),
		UpdatedAt:    s.UpdatedAt.UTC(),
	}
}

func (s ExportedSIM) record() []string {
	tags := make([]string, 0, len(s.Tags))
	for _, name := range slices.Sorted(maps.Keys(s.Tags)) {
		tags = append(tags, name+"="+s.Tags[name])
	}
	return []string{
		s.ICCID, joinList(s.IMSIs), joinList(s.MSISDNs), string(s.Account), string(s.Status), s.Plan, joinList(tags),
		timeCell(s.Expiration), strconv.FormatBool(s.TerminationProtection), valueOrZero(s.Group), joinList(s.EventHandlers),
		valueOrZero(s.SpeedClass), joinList(s.Containers), valueOrZero(s.IMEILock), strconv.FormatBool(s.TransferLock),
		valueOrZero(s.EID), valueOrZero(s.Lot), valueOrZero(s.ExternalID), timeCell(&s.Since), timeCell(&s.UpdatedAt),
		valueOrZero(s.AccountID),
	}
}

// joinList writes a list as imports read it.
func joinList(list []string) string { return strings.Join(list, ";") }

// timeCell writes a time in a cell of CSV, an empty one for nil.
func timeCell(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}

// ExportedRegistration is a registration of a SIM to an account.
type ExportedRegistration struct {
	ICCID   string              `json:"iccid"`
	Account transfer.OperatorID `json:"account" doc:"The operator id of the account that the SIM was registered to."`
	Since   time.Time           `json:"since"`
	Until   *time.Time          `json:"until" doc:"When the SIM was registered to another account. Null while the registration lasts."`
	Request *uuid.UUID          `json:"request" format:"uuid" doc:"The transfer request by which the account got the SIM. Null for the first account."`

	AccountID *string `json:"account_external_id,omitempty" doc:"The external id of the account. For support."`
}

func viewExportedRegistration(r storage.ExportedRegistration, c storage.Caller) ExportedRegistration {
	return ExportedRegistration{ICCID: r.ICCID, Account: r.OperatorID, AccountID: externalIDFor(c, r.AccountID), Since: r.Since.UTC(), Until: utc(r.Until), Request: r.Request}
}

func (r ExportedRegistration) record() []string {
	request := ""
	if r.Request != nil {
		request = r.Request.String()
	}
	return []string{r.ICCID, string(r.Account), timeCell(&r.Since), timeCell(r.Until), request, valueOrZero(r.AccountID)}
}

// ExportedTransfer is a transfer that has finished.
type ExportedTransfer struct {
	FinishedAt     time.Time           `json:"finished_at"`
	Request        uuid.UUID           `json:"request" format:"uuid"`
	RequestedAt    time.Time           `json:"requested_at" doc:"When the request was created."`
	Ticket         *string             `json:"ticket,omitempty" doc:"The ticket under which support approved the request. For the source and support."`
	Source         transfer.OperatorID `json:"source"`
	Destination    transfer.OperatorID `json:"destination"`
	Line           int                 `json:"line" doc:"The position in the list, the line in the upload, or the row in a JSON upload, counted from 1."`
	Identifier     string              `json:"identifier" doc:"The identifier as submitted, reduced to its digits."`
	ICCID          *string             `json:"iccid"`
	State          transfer.State      `json:"state"`
	Method         *transfer.Method    `json:"method" nullable:"true"`
	Reason         *transfer.Reason    `json:"reason" nullable:"true" doc:"Why the SIM was not transferred."`
	Fee            *transfer.Money     `json:"fee,omitempty" doc:"The fee of the transfer, which the source pays if the state is completed. For the source and support, of SIMs that have a fee. CSV has it in two columns: fee in the major unit, such as 5.00, and currency."`
	SessionDropped bool                `json:"session_dropped" doc:"Whether a data session was dropped."`

	SourceExternalID      *string                `json:"source_external_id,omitempty" doc:"The external id of the source. For support."`
	DestinationExternalID *string                `json:"destination_external_id,omitempty" doc:"The external id of the destination. For support."`
	RequestReference      *string                `json:"request_reference,omitempty" doc:"The source's own reference for the request."`
	Reference             *string                `json:"reference,omitempty" doc:"The source's own reference for the SIM in the request."`
	Code                  *transfer.DecisionCode `json:"code,omitempty" doc:"Why the SIM was declined, denied or canceled, as the party that did so says."`
}

// viewExportedTransfer shows a transfer to a caller, who sees as much of it as in
// the results of its request.
func viewExportedTransfer(t storage.ExportedTransfer, c storage.Caller) (ExportedTransfer, error) {
	party, involved := partyBetween(c, t.Source, t.Destination)
	if !involved {
		return ExportedTransfer{}, storage.ErrNotFound
	}
	r, err := viewResult(t.Transfer, t.Destination, t.Currency, party)
	v := ExportedTransfer{
		FinishedAt:     valueOrZero(r.FinishedAt),
		Request:        t.Request,
		RequestedAt:    t.CreatedAt.UTC(),
		Source:         t.Source,
		Destination:    t.Destination,
		Line:           r.Line,
		Identifier:     r.Identifier,
		ICCID:          r.ICCID,
		State:          r.State,
		Method:         r.Method,
		Reason:         r.Reason,
		Fee:            r.Fee,
		SessionDropped: r.SessionDropped,

		SourceExternalID:      externalIDFor(c, t.SourceExternalID),
		DestinationExternalID: externalIDFor(c, t.DestinationExternalID),
		RequestReference:      t.RequestReference,
		Reference:             r.Reference,
		Code:                  r.Code,
	}
	if sightOf(party).review {
		v.Ticket = t.Ticket
	}
	return v, err
}

func (t ExportedTransfer) record() []string {
	fee, currency := "", ""
	if t.Fee != nil {
		fee, currency = t.Fee.Amount(), string(t.Fee.Currency)
	}
	return []string{
		timeCell(&t.FinishedAt), t.Request.String(), timeCell(&t.RequestedAt), valueOrZero(t.Ticket), string(t.Source), string(t.Destination),
		strconv.Itoa(t.Line), t.Identifier, valueOrZero(t.ICCID), string(t.State), string(valueOrZero(t.Method)), string(valueOrZero(t.Reason)),
		fee, currency, strconv.FormatBool(t.SessionDropped), valueOrZero(t.SourceExternalID), valueOrZero(t.DestinationExternalID),
		spreadsheetText(valueOrZero(t.RequestReference)), spreadsheetText(valueOrZero(t.Reference)), string(valueOrZero(t.Code)),
	}
}

// ExportedCharge is a fee that an account was charged for a transfer.
type ExportedCharge struct {
	ChargedAt   time.Time           `json:"charged_at"`
	Account     transfer.OperatorID `json:"account" doc:"The operator id of the account that pays: the source of the transfer."`
	Fee         transfer.Money      `json:"fee" doc:"CSV has it in two columns: fee in the major unit, such as 5.00, and currency."`
	Method      transfer.Method     `json:"method"`
	ICCID       string              `json:"iccid"`
	Request     uuid.UUID           `json:"request" format:"uuid"`
	Ticket      *string             `json:"ticket,omitempty" doc:"The ticket under which support approved the request."`
	Destination transfer.OperatorID `json:"destination"`
	Line        int                 `json:"line" doc:"The position in the list, the line in the upload, or the row in a JSON upload, counted from 1."`
	Identifier  string              `json:"identifier" doc:"The identifier as submitted, reduced to its digits."`

	AccountID             *string `json:"account_external_id,omitempty" doc:"The external id of the account that pays. For support."`
	DestinationExternalID *string `json:"destination_external_id,omitempty" doc:"The external id of the destination. For support."`
	RequestReference      *string `json:"request_reference,omitempty" doc:"The source's own reference for the request."`
	Reference             *string `json:"reference,omitempty" doc:"The source's own reference for the SIM in the request."`
}

func viewExportedCharge(c storage.ExportedCharge, caller storage.Caller) ExportedCharge {
	return ExportedCharge{
		AccountID:             externalIDFor(caller, c.AccountID),
		DestinationExternalID: externalIDFor(caller, c.DestinationExternalID),

		ChargedAt:   c.ChargedAt.UTC(),
		Account:     c.OperatorID,
		Fee:         transfer.Money{Minor: c.Amount, Currency: c.Currency},
		Method:      c.Method,
		ICCID:       c.ICCID,
		Request:     c.Request,
		Ticket:      c.Ticket,
		Destination: c.Destination,
		Line:        c.Line,
		Identifier:  c.Identifier,

		RequestReference: c.RequestReference,
		Reference:        c.Reference,
	}
}

func (c ExportedCharge) record() []string {
	return []string{
		timeCell(&c.ChargedAt), string(c.Account), c.Fee.Amount(), string(c.Fee.Currency), string(c.Method), c.ICCID, c.Request.String(),
		valueOrZero(c.Ticket), string(c.Destination), strconv.Itoa(c.Line), c.Identifier, valueOrZero(c.AccountID), valueOrZero(c.DestinationExternalID),
		spreadsheetText(valueOrZero(c.RequestReference)), spreadsheetText(valueOrZero(c.Reference)),
	}
}

// The first rows of exports as CSV.
const (
	simExportHeader = "iccid,imsis,msisdns,account,status,plan,tags,expiration,termination_protection,group,event_handlers," +
		"speed_class,containers,imei_lock,transfer_lock,eid,lot,external_id,since,updated_at,account_external_id"
	registrationExportHeader = "iccid,account,since,until,request,account_external_id"
	transferExportHeader     = "finished_at,request,requested_at,ticket,source,destination,line,identifier,iccid,state,method,reason,fee,currency,session_dropped,source_external_id,destination_external_id,request_reference,reference,code"
	chargeExportHeader       = "charged_at,account,fee,currency,method,iccid,request,ticket,destination,line,identifier,account_external_id,destination_external_id,request_reference,reference"
)

// Period is embedded in the input of exports of what happened in a period.
type Period struct {
	From time.Time `query:"from" doc:"The beginning of the period, such as 2030-01-01. Default: no limit."`
	To   time.Time `query:"to" doc:"The end of the period, which is not part of it, such as 2030-02-01. Default: no limit."`
}

func (p Period) parse() (storage.Period, error) {
	wrong := problem.New(problem.Invalid, "the period is invalid: fix the listed errors")
	period := storage.Period{From: given(wrong, "query.from", p.From), To: given(wrong, "query.to", p.To)}
	if len(wrong.Errors) > 0 {
		return period, wrong
	}
	return period, nil
}

type exportSIMsInput struct {
	Accepting
	Account string `query:"account" maxLength:"132" doc:"Only SIMs of the account with this operator id or external id. For support."`
	SIMConditions
	UpdatedSince time.Time `query:"updated_since" doc:"Only SIMs that changed at this time or later, also by a transfer. A change can become visible up to a minute after its time, so let it overlap with the previous export."`
}

func (s *server) exportSIMs(ctx context.Context, in *exportSIMsInput) (*huma.StreamResponse, error) {
	account, err := s.listedAccount(ctx, in.Account)
	if err != nil {
		return nil, err
	}
	if err := in.allowed(callerOf(ctx), "query"); err != nil {
		return nil, err
	}
	wrong := problem.New(problem.Invalid, "")
	f := storage.SIMExport{SIMFilter: in.of(wrong, "query", account), UpdatedSince: given(wrong, "query.updated_since", in.UpdatedSince)}
	if err := refusal(wrong); err != nil {
		return nil, err
	}
	filter := in.described()
	filter["account"], filter["updated_since"] = in.Account, timeCell(f.UpdatedSince)
	return export[storage.ExportedSIM, ExportedSIM]{
		object: "sims", header: simExportHeader, account: account,
		filter: filter,
		open: func(ctx context.Context) (*storage.Export[storage.ExportedSIM], error) {
			return s.db.ExportSIMs(ctx, exportTimeout, f)
		},
		view: func(r storage.ExportedSIM) (ExportedSIM, error) { return viewExportedSIM(r, callerOf(ctx)), nil },
	}.send(ctx, s, in.Accepting)
}

type exportRegistrationsInput struct {
	Accepting
	Period
	Account string `query:"account" maxLength:"132" doc:"Only registrations to the account with this operator id or external id. For support."`
}

func (s *server) exportRegistrations(ctx context.Context, in *exportRegistrationsInput) (*huma.StreamResponse, error) {
	account, err := s.listedAccount(ctx, in.Account)
	if err != nil {
		return nil, err
	}
	period, err := in.parse()
	if err != nil {
		return nil, err
	}
	return export[storage.ExportedRegistration, ExportedRegistration]{
		object: "registrations", header: registrationExportHeader, account: account,
		filter: map[string]any{"account": in.Account, "from": timeCell(period.From), "to": timeCell(period.To)},
		open: func(ctx context.Context) (*storage.Export[storage.ExportedRegistration], error) {
			return s.db.ExportRegistrations(ctx, exportTimeout, account, period)
		},
		view: func(r storage.ExportedRegistration) (ExportedRegistration, error) {
			return viewExportedRegistration(r, callerOf(ctx)), nil
		},
	}.send(ctx, s, in.Accepting)
}

type exportTransfersInput struct {
	Accepting
	Period
	Account     string           `query:"account" maxLength:"132" doc:"Only transfers that the account with this operator id or external id sends or receives. For support."`
	Direction   string           `query:"direction" enum:"both,incoming,outgoing" default:"both" doc:"Whether the account receives or sends the SIMs."`
	Destination string           `query:"destination" maxLength:"132" doc:"Only transfers to the account with this operator id or external id."`
	State       []transfer.State `query:"state" nullable:"false" doc:"Only transfers in one of these final states."`
	Ticket      string           `query:"ticket" maxLength:"100" doc:"Only transfers of requests with this ticket. For support."`
	Reference   string           `query:"reference" maxLength:"64" doc:"Only transfers of requests with this reference, or of SIMs with it."`

	Code []transfer.DecisionCode `query:"code" nullable:"false" doc:"Only transfers that were declined, denied or canceled with one of these codes."`
}

func (s *server) exportTransfers(ctx context.Context, in *exportTransfersInput) (*huma.StreamResponse, error) {
	caller := callerOf(ctx)
	account, err := s.listedAccount(ctx, in.Account)
	if err != nil {
		return nil, err
	}
	if in.Ticket != "" && !mayFindTickets(caller) {
		return nil, problem.New(problem.Forbidden, "only support can search by ticket", problem.FieldError{Location: "query.ticket", Message: "leave it out"})
	}
	wrong := problem.New(problem.Invalid, "")
	f := storage.TransferExport{
		Viewer: caller.Account.ID, States: in.State, Codes: in.Code, Ticket: in.Ticket,
		Reference: parsed(wrong, "query.reference", in.Reference, transfer.ParseLine),
	}
	if f.Finished, err = in.parse(); err != nil {
		return nil, err
	}
	if in.Destination != "" {
		f.To = parsed(wrong, "query.destination", in.Destination, transfer.ParseAccountRef)
	}
	if len(wrong.Errors) > 0 {
		return nil, wrong
	}
	switch in.Direction {
	case "outgoing":
		f.Source = account
	case "incoming":
		f.Destination = account
	default:
		f.Either = account
	}
	return export[storage.ExportedTransfer, ExportedTransfer]{
		object: "transfers", header: transferExportHeader, account: account,
		filter: map[string]any{
			"account": in.Account, "direction": in.Direction, "destination": string(f.To), "state": joined(in.State), "code": joined(in.Code), "ticket": in.Ticket, "reference": f.Reference,
			"from": timeCell(f.Finished.From), "to": timeCell(f.Finished.To),
		},
		open: func(ctx context.Context) (*storage.Export[storage.ExportedTransfer], error) {
			return s.db.ExportTransfers(ctx, exportTimeout, f)
		},
		view: func(t storage.ExportedTransfer) (ExportedTransfer, error) { return viewExportedTransfer(t, caller) },
	}.send(ctx, s, in.Accepting)
}

type exportChargesInput struct {
	Accepting
	Period
	Account  string `query:"account" maxLength:"132" doc:"Only charges of the account with this operator id or external id. For support and finance."`
	Currency string `query:"currency" maxLength:"8" doc:"Only charges in this currency, such as EUR."`
}

func (s *server) exportCharges(ctx context.Context, in *exportChargesInput) (*huma.StreamResponse, error) {
	f, err := s.chargesOf(ctx, in.Account, in.Currency, in.Period)
	if err != nil {
		return nil, err
	}
	return export[storage.ExportedCharge, ExportedCharge]{
		object: "charges", header: chargeExportHeader, account: f.Account,
		filter: map[string]any{"account": in.Account, "currency": string(f.Currency), "from": timeCell(f.Charged.From), "to": timeCell(f.Charged.To)},
		open: func(ctx context.Context) (*storage.Export[storage.ExportedCharge], error) {
			return s.db.ExportCharges(ctx, exportTimeout, f)
		},
		view: func(c storage.ExportedCharge) (ExportedCharge, error) {
			return viewExportedCharge(c, callerOf(ctx)), nil
		},
	}.send(ctx, s, in.Accepting)
}

// export is what an export sends: rows T of the database, shown as R.
type export[T any, R row] struct {
	object  string // what is exported
	header  string // of CSV
	account int64  // whose rows they are; zero: of all accounts
	filter  map[string]any
	open    func(context.Context) (*storage.Export[T], error)
	view    func(T) (R, error)
}

// send opens the export, records it in the audit trail, and sends its rows while
// they are read. All rows are as they were when it was opened. An error on the
// way aborts the connection.
func (x export[T, R]) send(ctx context.Context, s *server, accept Accepting) (*huma.StreamResponse, error) {
	format, err := accept.choose(typeJSON, typeNDJSON, typeCSV)
	if err != nil {
		return nil, err
	}
	if callOf(ctx).head {
		return headOnly(func(w http.ResponseWriter) { startRows(w, format) }), nil
	}
	release, err := s.exports.acquire(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := x.openRecorded(ctx, s, format)
	if err != nil {
		release()
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) { //nolint:contextcheck // the context is in hc
		defer release()
		defer rows.Close()
		_, w := humago.Unwrap(hc)
		startRows(w, format)
		w.Header().Set(rowsHeader, strconv.Itoa(rows.Rows))
		if err := x.sendRows(hc.Context(), w, newPageWriter(format, x.header, w), rows); err != nil {
			s.abort(hc.Context(), "sending an export was aborted", err)
		}
	}}, nil
}

// openRecorded opens the export and records it. The export keeps a connection to
// the database and the record needs another one, which is why there are fewer
// exports at once than connections.
func (x export[T, R]) openRecorded(ctx context.Context, s *server, format string) (*storage.Export[T], error) {
	rows, err := x.open(ctx)
	if err != nil {
		return nil, err
	}
	after := map[string]any{"format": format, "rows": rows.Rows}
	for name, value := range x.filter {
		if value != "" {
			after[name] = value
		}
	}
	if err := s.db.Audit(ctx, storage.AuditEntry{
		By: actingCaller(ctx), Action: transfer.AuditExportCreate, Account: x.account, Object: "export", ObjectID: x.object, After: after,
	}); err != nil {
		rows.Close()
		return nil, err
	}
	return rows, nil
}

func (x export[T, R]) sendRows(ctx context.Context, w http.ResponseWriter, out *pageWriter, rows *storage.Export[T]) error {
	if err := out.begin(); err != nil {
		return err
	}
	for {
		list, err := rows.Next(ctx)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return out.end()
		}
		page := make([]R, len(list))
		for i, r := range list {
			if page[i], err = x.view(r); err != nil {
				return err
			}
		}
		if err := sendPage(w, out, page); err != nil {
			return err
		}
	}
}

func exportBounds(doc *streamDoc) bounds { return bounds{timeout: exportTimeout, stream: doc} }

// exportDoc describes an export whose rows are R.
func exportDoc[R any](name, what, header, csvExample string, example R) *streamDoc {
	return &streamDoc{
		text: "One row per " + what + ", all as they were at one instant. The header " + rowsHeader + " says how many there are. If an " +
			"error occurs while the rows are sent, or if the whole response takes longer than " + strconv.Itoa(int(exportTimeout.Minutes())) +
			" minutes, the connection is aborted. A response is complete if it has all of its rows and, as JSON, its end. " +
			"CSV has the other values as they are stored: a spreadsheet may take a cell that begins with = for a formula. " +
			referencesInCSV,
		formats: true,
		rows:    true,
		content: rowsContent[R](name, header, csvExample, example),
	}
}

func simExportDoc() *streamDoc {
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	lot := "box-7"
	return exportDoc("ExportedSIM", "SIM", simExportHeader,
		"8988211000000000011,001010000000001,12025550101,OP0012345678,active,global-01,site=north,,false,,,,,,false,,box-7,,2026-01-31T12:00:00Z,2026-01-31T12:00:00Z\n",
		ExportedSIM{
			ICCID: "8988211000000000011", IMSIs: []string{"001010000000001"}, MSISDNs: []string{"12025550101"}, Account: "OP0012345678", Since: at,
			Status: transfer.Active, Plan: "global-01", Lot: &lot, UpdatedAt: at,
			Settings: Settings{Tags: map[string]string{"site": "north"}, EventHandlers: []string{}, Containers: []string{}},
		})
}

func registrationExportDoc() *streamDoc {
	request := uuid.MustParse("0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21")
	return exportDoc("ExportedRegistration", "registration of a SIM to an account that was valid in the period, in the order of the SIMs and of time",
		registrationExportHeader, "8988211000000000011,OP0012345678,2026-01-31T12:00:00Z,,0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21\n",
		ExportedRegistration{ICCID: "8988211000000000011", Account: "OP0012345678", Since: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC), Request: &request})
}

func transferExportDoc() *streamDoc {
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	name, method := "8988211000000000011", transfer.SupportAssisted
	ticket := "T-1"
	return exportDoc("ExportedTransfer", "transfer that finished in the period, in the order of the requests", transferExportHeader,
		"2026-01-31T12:00:00Z,0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21,2026-01-31T11:00:00Z,T-1,OP0000000001,OP0012345678,1,8988211000000000011,8988211000000000011,completed,support_assisted,,2.50,EUR,false\n",
		ExportedTransfer{
			FinishedAt: at, Request: uuid.MustParse("0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21"), RequestedAt: at.Add(-time.Hour), Ticket: &ticket,
			Source: "OP0000000001", Destination: "OP0012345678", Line: 1, Identifier: name, ICCID: &name, State: transfer.Completed, Method: &method,
			Fee: &transfer.Money{Minor: 250, Currency: "EUR"},
		})
}

func chargeExportDoc() *streamDoc {
	ticket := "T-1"
	return exportDoc("ExportedCharge", "fee that was charged in the period, in the order of the requests", chargeExportHeader,
		"2026-01-31T12:00:00Z,OP0000000001,2.50,EUR,support_assisted,8988211000000000011,0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21,T-1,OP0012345678,1,8988211000000000011\n",
		ExportedCharge{
			ChargedAt: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC), Account: "OP0000000001", Fee: transfer.Money{Minor: 250, Currency: "EUR"},
			Method: transfer.SupportAssisted, ICCID: "8988211000000000011", Request: uuid.MustParse("0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21"), Ticket: &ticket,
			Destination: "OP0012345678", Line: 1, Identifier: "8988211000000000011",
		})
}

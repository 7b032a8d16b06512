package api

import (
	"context"
	"time"

	"github.com/google/uuid"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// SIMHistory is everything that the service knows about a SIM, across accounts.
type SIMHistory struct {
	SIM       SIM                `json:"sim"`
	Owners    []OwnedSince       `json:"owners" nullable:"false" doc:"The accounts that it was registered to, the latest first. Each entry ends when the one before it in the list starts."`
	Transfers []PastTransfer     `json:"transfers" nullable:"false" doc:"All its transfers in any state, the latest first."`
	Sessions  []Session          `json:"sessions" nullable:"false" doc:"Data sessions, the latest first."`
	Charges   []ChargedFee       `json:"charges" nullable:"false" doc:"Fees for its transfers, the latest first."`
	Former    []FormerIdentifier `json:"former_identifiers" nullable:"false" doc:"Identifiers that it had, the latest first."`
	Swaps     []PastSwap         `json:"swaps" nullable:"false" doc:"The swaps that link it to other cards, before and after it, the latest first. Get the history of a card by its ICCID."`
	Changes   []ChangedValue     `json:"changes" nullable:"false" doc:"How its status and its plan changed, the latest first. A plan that changed with a transfer is in the transfer."`
	Truncated bool               `json:"truncated" doc:"Whether one of the lists is truncated to its latest 500 entries."`
}

// OwnedSince is an account that a SIM was registered to, and since when.
type OwnedSince struct {
	Account   transfer.OperatorID `json:"account"`
	AccountID *string             `json:"account_external_id,omitempty" doc:"The external id of the account."`
	Since     time.Time           `json:"since"`
	Request   *uuid.UUID          `json:"request,omitempty" format:"uuid" doc:"The transfer request by which the account got the SIM; left out for the first account, and for a correction."`
	Corrected bool                `json:"corrected,omitempty" doc:"Whether an administrator corrected the owner, without a transfer request."`
	Ticket    *string             `json:"ticket,omitempty" doc:"The ticket of the correction."`
}

// FormerIdentifier is an identifier that a SIM had until an instant.
type FormerIdentifier struct {
	Identifier string                 `json:"identifier"`
	Kind       storage.IdentifierKind `json:"kind"`
	Until      time.Time              `json:"until" doc:"When it was removed or moved to another SIM."`
}

// PastSwap is a swap of one card for another.
type PastSwap struct {
	At  time.Time `json:"at"`
	Old string    `json:"old" doc:"The ICCID of the card that was replaced."`
	New string    `json:"new" doc:"The ICCID of the card that took over."`
}

// ChangedValue is a change of the status or the plan of a SIM.
type ChangedValue struct {
	At    time.Time `json:"at"`
	Field string    `json:"field" enum:"status,plan"`
	From  string    `json:"from"`
	To    string    `json:"to"`
}

// PastTransfer is a transfer of a SIM with its request.
type PastTransfer struct {
	Request      uuid.UUID             `json:"request" format:"uuid"`
	RequestState transfer.RequestState `json:"request_state"`
	Source       transfer.OperatorID   `json:"source"`
	Destination  transfer.OperatorID   `json:"destination"`
	Ticket       *string               `json:"ticket,omitempty"`
	CreatedAt    time.Time             `json:"created_at"`
	Transfer     Transfer              `json:"transfer"`

	SourceExternalID      *string `json:"source_external_id,omitempty" doc:"The external id of the source."`
	DestinationExternalID *string `json:"destination_external_id,omitempty" doc:"The external id of the destination."`
}

// Session is a data session.
type Session struct {
	ID        string     `json:"id" doc:"The session id of the gateway."`
	Gateway   string     `json:"gateway" doc:"The address of the gateway that has the session."`
	StartedAt *time.Time `json:"started_at,omitempty"`
	StoppedAt *time.Time `json:"stopped_at,omitempty" doc:"When the session ended. Left out while it is open."`
	Cause     *string    `json:"cause,omitempty" doc:"Why the session ended."`
	InOctets  int64      `json:"in_octets"`
	OutOctets int64      `json:"out_octets"`
}

// ChargedFee is a fee that was charged.
type ChargedFee struct {
	Request   uuid.UUID           `json:"request" format:"uuid"`
	Account   transfer.OperatorID `json:"account" doc:"The account that was charged."`
	AccountID *string             `json:"account_external_id,omitempty" doc:"The external id of the account."`
	Fee       transfer.Money      `json:"fee"`
	ChargedAt time.Time           `json:"charged_at"`
}

type simHistoryInput struct {
	Identifier string    `path:"identifier" maxLength:"64" doc:"An ICCID, IMSI or MSISDN that the SIM has or had."`
	At         time.Time `query:"at" doc:"The SIM that had the identifier at this time. Default: the one that has it now, or had it last."`
}

type simHistoryOutput struct{ Body SIMHistory }

func (s *server) getSIMHistory(ctx context.Context, in *simHistoryInput) (*simHistoryOutput, error) {
	id, err := SIMPath{in.Identifier}.identifier()
	if err != nil {
		return nil, err
	}
	p := problem.New(problem.Invalid, "")
	at := given(p, "query.at", in.At)
	if len(p.Errors) > 0 {
		return nil, p
	}
	h, err := s.db.SIMHistory(ctx, id, at)
	if err != nil {
		return nil, err
	}
	account, err := s.db.Account(ctx, h.SIM.OperatorID.Ref())
	if err != nil {
		return nil, err
	}
	if err := s.auditRead(ctx, storage.AuditEntry{
		Action: transfer.AuditSIMHistory, Account: account.ID, SIM: h.SIM.ID, Object: "sim", ObjectID: h.SIM.ICCID,
	}); err != nil {
		return nil, err
	}
	v, err := viewHistory(h, callerOf(ctx))
	return &simHistoryOutput{v}, err
}

func viewHistory(h storage.History, caller storage.Caller) (SIMHistory, error) {
	v := SIMHistory{Owners: []OwnedSince{}, Transfers: []PastTransfer{}, Sessions: []Session{}, Charges: []ChargedFee{}, Former: []FormerIdentifier{}, Swaps: []PastSwap{}, Changes: []ChangedValue{}}
	var err error
	if v.SIM, err = viewSIM(h.SIM, caller); err != nil {
		return v, err
	}
	v.Truncated = max(len(h.Registrations), len(h.Transfers), len(h.Sessions), len(h.Charges), len(h.Former), len(h.Swaps), len(h.Changes)) > storage.MaxHistory
	for _, r := range latest(h.Registrations) {
		v.Owners = append(v.Owners, OwnedSince{Account: r.OperatorID, AccountID: externalIDFor(caller, r.AccountID), Since: r.Since.UTC(), Request: r.Request, Corrected: r.Corrected, Ticket: r.Ticket})
	}
	for _, t := range latest(h.Transfers) {
		row, err := viewTransfer(t.Transfer, t.Currency, transfer.PartySupport)
		if err != nil {
			return v, err
		}
		v.Transfers = append(v.Transfers, PastTransfer{
			Request: t.Request, RequestState: t.RequestState, Source: t.Source, Destination: t.Destination,
			Ticket: t.Ticket, CreatedAt: t.CreatedAt.UTC(), Transfer: row,
			SourceExternalID: externalIDFor(caller, t.SourceExternalID), DestinationExternalID: externalIDFor(caller, t.DestinationExternalID),
		})
	}
	for _, s := range latest(h.Sessions) {
		v.Sessions = append(v.Sessions, Session{
			ID: s.ID, Gateway: s.Gateway, StartedAt: utc(s.Started), StoppedAt: utc(s.Stopped), Cause: s.Cause,
			InOctets: s.Received, OutOctets: s.Sent,
		})
	}
	for _, c := range latest(h.Charges) {
		v.Charges = append(v.Charges, ChargedFee{
			Request: c.Request, Account: c.OperatorID, AccountID: externalIDFor(caller, c.AccountID), Fee: transfer.Money{Minor: c.Amount, Currency: c.Currency}, ChargedAt: c.ChargedAt.UTC(),
		})
	}
	for _, f := range latest(h.Former) {
		v.Former = append(v.Former, FormerIdentifier{f.Identifier, f.Kind, f.Until.UTC()})
	}
	for _, w := range latest(h.Swaps) {
		v.Swaps = append(v.Swaps, PastSwap{w.At.UTC(), w.Old, w.New})
	}
	for _, c := range latest(h.Changes) {
		v.Changes = append(v.Changes, ChangedValue{c.At.UTC(), c.Field, c.From, c.To})
	}
	return v, nil
}

// latest returns the entries that the response lists.
func latest[T any](list []T) []T { return list[:min(len(list), storage.MaxHistory)] }

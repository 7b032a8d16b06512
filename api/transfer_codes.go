package api

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"simtransfer/api/problem"
	"simtransfer/qrcode"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// TransferCode is a transfer code as the API shows it.
type TransferCode struct {
	ID                uuid.UUID            `json:"id" format:"uuid"`
	State             transfer.CodeState   `json:"state"`
	Source            transfer.OperatorID  `json:"source" doc:"The operator id of the account that sends the SIMs."`
	Size              int                  `json:"size" doc:"How many SIMs it is for."`
	SIMs              []string             `json:"sims,omitempty" nullable:"false" doc:"The SIMs, as they were given. Not in lists."`
	SelfServiceOnly   bool                 `json:"self_service_only" doc:"Whether SIMs that would need approval by support are ineligible."`
	AcceptanceSeconds int64                `json:"acceptance_seconds" doc:"How long the destination has to accept the request."`
	Reference         *string              `json:"reference,omitempty" doc:"The reference of the transfer request."`
	Message           *string              `json:"message,omitempty" doc:"What the source says to the destination."`
	CreatedAt         time.Time            `json:"created_at"`
	ExpiresAt         time.Time            `json:"expires_at" doc:"Until when the code can be redeemed."`
	RevokedAt         *time.Time           `json:"revoked_at,omitempty"`
	RedeemedAt        *time.Time           `json:"redeemed_at,omitempty"`
	Request           *uuid.UUID           `json:"request,omitempty" format:"uuid" doc:"The transfer request that redeeming the code has made."`
	Destination       *transfer.OperatorID `json:"destination,omitempty" doc:"The operator id of the account that has redeemed the code."`

	Code string  `json:"code,omitempty" example:"8J3K-Q2ZV-7MXA-04RT-HW04" doc:"The code itself. It is only in the response that creates it."`
	QR   *QRCode `json:"qr,omitempty" doc:"The code as a QR code. It is only in the response that creates it."`
}

// QRCode is a QR code as a text and as pictures.
type QRCode struct {
	Content string `json:"content" doc:"What the QR code has: the code, after the link that the service is configured with, if there is one."`
	SVG     string `json:"svg" doc:"The picture as SVG."`
	PNG     string `json:"png" contentEncoding:"base64" doc:"The picture as PNG, in Base64."`
}

func viewCode(c storage.TransferCode) TransferCode {
	return TransferCode{
		ID:                c.ID,
		State:             c.State,
		Source:            c.Source,
		Size:              c.Size,
		SelfServiceOnly:   c.SelfServiceOnly,
		AcceptanceSeconds: c.Acceptance,
		Reference:         c.Reference,
		Message:           c.Message,
		CreatedAt:         c.CreatedAt.UTC(),
		ExpiresAt:         c.ExpiresAt.UTC(),
		RevokedAt:         utc(c.RevokedAt),
		RedeemedAt:        utc(c.RedeemedAt),
		Request:           c.Request,
		Destination:       c.Destination,
	}
}

// drawCode returns the QR code of a transfer code.
func (s *server) drawCode(code transfer.Code) (*QRCode, error) {
	content := s.CodeLink + code.String()
	drawn, err := qrcode.New(content)
	if err != nil {
		return nil, err
	}
	png, err := qrcode.PNG(content)
	if err != nil {
		return nil, err
	}
	return &QRCode{content, drawn.SVG(), base64.StdEncoding.EncodeToString(png)}, nil
}

type createCodeInput struct {
	Idempotent
	Body struct {
		Selection
		SelfServiceOnly   bool   `json:"self_service_only,omitempty" doc:"Makes SIMs ineligible that would need approval by support."`
		AcceptanceSeconds int64  `json:"acceptance_seconds,omitempty" minimum:"1" maximum:"2592000" doc:"How long the destination has to accept the request. Default: as the service is configured, usually one day."`
		ValidSeconds      int64  `json:"valid_seconds,omitempty" minimum:"600" maximum:"604800" doc:"How long the code can be redeemed, from 10 minutes to 7 days. Default: 1 day."`
		Reference         string `json:"reference,omitempty" maxLength:"64" doc:"Your reference, such as a purchase order. The destination sees it."`
		Message           string `json:"message,omitempty" maxLength:"1000" doc:"Shown to the destination."`
	}
}

func (s *server) createCode(ctx context.Context, in *createCodeInput) (*reply[TransferCode], error) {
	source, err := ownAccount(callerOf(ctx))
	if err != nil {
		return nil, err
	}
	p := problem.New(problem.Invalid, "nothing was accepted: fix the listed errors")
	selection := in.Body.parse(p)
	n := storage.NewTransferCode{
		Source:          source,
		SelfServiceOnly: in.Body.SelfServiceOnly,
		Acceptance:      s.acceptance(in.Body.AcceptanceSeconds),
		Words: storage.Words{
			Reference: parsed(p, "body.reference", in.Body.Reference, transfer.ParseLine),
			Message:   parsed(p, "body.message", in.Body.Message, transfer.ParseText),
		},
		Period: transfer.DefaultCodePeriod,
		By:     sender(ctx),
	}
	if err := refusal(p); err != nil {
		return nil, err
	}
	if err := in.Body.allowed(callerOf(ctx)); err != nil {
		return nil, err
	}
	if in.Body.ValidSeconds > 0 {
		n.Period = time.Duration(in.Body.ValidSeconds) * time.Second
	}
	return onceSelected(ctx, s, selection, onceSealed, func(t *storage.Tx, out *reply[TransferCode]) error {
		sims, err := selection.resolve(ctx, t, source.ID, transfer.MaxRequestSIMs)
		if err != nil {
			return err
		}
		n := n
		n.SIMs = sims.Identifiers
		made, code, err := t.CreateTransferCode(ctx, n, s.limits())
		if err != nil {
			return err
		}
		out.Status, out.Location, out.Body = 201, "/v1/transfer-codes/"+made.ID.String(), viewCode(made)
		out.Body.Code = code.String()
		out.Body.QR, err = s.drawCode(code)
		return err
	})
}

type listCodesInput struct {
	Paging
	State     []transfer.CodeState `query:"state" nullable:"false" doc:"Only codes in one of these states."`
	Reference string               `query:"reference" maxLength:"64" doc:"Only codes with this reference."`
	Account   string               `query:"account" maxLength:"132" doc:"Only codes of the account with this operator id or external id. For support."`
}

func (s *server) listCodes(ctx context.Context, in *listCodesInput) (*listOf[TransferCode], error) {
	source, err := s.listedAccount(ctx, in.Account)
	if err != nil {
		return nil, err
	}
	f := storage.CodeFilter{Source: source, States: in.State, Reference: in.Reference, Limit: in.Limit + 1}
	if f.Before, err = idCursor(in.Cursor); err != nil {
		return nil, err
	}
	rows, err := s.db.TransferCodes(ctx, f)
	if err != nil {
		return nil, err
	}
	return pageOf(rows, in.Limit, func(c storage.TransferCode) string { return c.ID.String() }, viewCode)
}

// CodePath is embedded in the input of routes for one transfer code.
type CodePath struct {
	ID uuid.UUID `path:"id" format:"uuid" doc:"The id of the transfer code. It is not the code itself."`
}

type codeOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   TransferCode
}

type getCodeInput struct {
	CodePath
	IfNoneMatch
}

func (s *server) getCode(ctx context.Context, in *getCodeInput) (*codeOutput, error) {
	c, err := s.db.TransferCode(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if !reachOf(callerOf(ctx)).includes(c.SourceID) {
		return nil, storage.ErrNotFound
	}
	out := &codeOutput{}
	if out.Body, err = viewWholeCode(ctx, s.db, c); err != nil {
		return nil, err
	}
	out.ETag, out.Status, err = tagged(ctx, out.Body)
	return out, err
}

// codeReader is the database, or a transaction.
type codeReader interface {
	TransferCodeSIMs(ctx context.Context, id uuid.UUID) ([]string, error)
}

// viewWholeCode is viewCode with what lists leave out.
func viewWholeCode(ctx context.Context, from codeReader, c storage.TransferCode) (v TransferCode, err error) {
	v = viewCode(c)
	v.SIMs, err = from.TransferCodeSIMs(ctx, c.ID)
	return v, err
}

type revokeCodeInput struct {
	CodePath
	IfMatch
}

func (s *server) revokeCode(ctx context.Context, in *revokeCodeInput) (*struct{}, error) {
	err := s.db.InRetriedTx(ctx, func(t *storage.Tx) error {
		return t.RevokeTransferCode(ctx, actingCaller(ctx), in.ID, func(c storage.TransferCode) error {
			if !reachOf(callerOf(ctx)).includes(c.SourceID) {
				return storage.ErrNotFound
			}
			if !conditional(ctx) {
				return nil
			}
			v, err := viewWholeCode(ctx, t, c)
			if err != nil {
				return err
			}
			return matches(ctx, v)
		})
	})
	return nil, err
}

type redeemCodeInput struct {
	Idempotent
	Body struct {
		Code string `json:"code" minLength:"1" maxLength:"512" example:"8J3K-Q2ZV-7MXA-04RT-HW04" doc:"The transfer code, in upper or lower case, with or without hyphens, or the link of the QR code."`
	}
}

// Redemption is the response to redeeming a transfer code.
type Redemption struct {
	Request    uuid.UUID `json:"request" format:"uuid" doc:"The id of the transfer request. You see it among your incoming requests when you can accept it: when its SIMs are validated and support has approved those that need it."`
	Reference  *string   `json:"reference,omitempty" doc:"The reference of the source."`
	Message    *string   `json:"message,omitempty" doc:"What the source says."`
	RedeemedAt time.Time `json:"redeemed_at"`
}

// redeemCode makes a request of a transfer code. Every wrong code gets the same
// answer, later each time, until the account or its network has tried too many.
func (s *server) redeemCode(ctx context.Context, in *redeemCodeInput) (*reply[Redemption], error) {
	to, err := ownAccount(callerOf(ctx))
	if err != nil {
		return nil, err
	}
	if out, err := s.redeemedBefore(ctx); out != nil || err != nil {
		return out, err
	}
	network := networkOf(callOf(ctx).address).String()
	attempt, earlier, err := s.db.BeginCodeAttempt(ctx, to.ID, network)
	if err != nil {
		return nil, err
	}
	code, malformed := transfer.ParseCode(in.Body.Code)
	if malformed == nil {
		out, err := s.redeem(ctx, storage.Redemption{
			Code: code, Destination: to, Review: s.ReviewPeriod, By: actor(ctx, transfer.PartyDestination), Attempt: attempt,
		})
		if !errors.Is(err, storage.ErrInvalidCode) {
			if err != nil || out.Replayed != "" { // it was not the code, or another call has redeemed it with the same key meanwhile
				s.forgetAttempt(ctx, attempt)
			}
			return out, err
		}
	}
	// A caller that hangs up is on record, too.
	if err := s.db.Audit(context.WithoutCancel(ctx), storage.AuditEntry{
		By: actingCaller(ctx), Action: transfer.AuditCodeDenied, Account: to.ID, Object: "transfer_code",
		After: map[string]any{"wrong_in_an_hour": earlier + 1},
	}); err != nil {
		return nil, err
	}
	pause(ctx, s.CodePause<<min(earlier, 4))
	p := problem.New(problem.InvalidTransferCode, "the transfer code cannot be redeemed: check it, or ask its sender for a new one. "+
		fmt.Sprintf("After %d wrong codes in an hour, your account has to wait", storage.MaxCodeAttempts))
	if malformed != nil {
		p.Add(problem.FieldError{Location: "body.code", Message: malformed.Error()})
	}
	return nil, p
}

// redeemedBefore returns the stored response of an earlier call with the same
// Idempotency-Key, nil if there is none.
func (s *server) redeemedBefore(ctx context.Context) (*reply[Redemption], error) {
	idem, err := idempotency(ctx)
	if err != nil {
		return nil, err
	}
	out := &reply[Redemption]{}
	found, err := s.db.Recall(ctx, idem, out)
	if err != nil || !found {
		return nil, err
	}
	out.Replayed = "true"
	return out, nil
}

func (s *server) redeem(ctx context.Context, r storage.Redemption) (*reply[Redemption], error) {
	return once(ctx, s, func(t *storage.Tx, out *reply[Redemption]) error {
		made, code, err := t.RedeemCode(ctx, r)
		if err != nil {
			return err
		}
		out.Status, out.Location = 202, requestPath(made.ID)
		out.Body = Redemption{made.ID, code.Reference, code.Message, code.RedeemedAt.UTC()}
		return nil
	})
}

// forgetAttempt forgets an attempt to redeem a code that failed for another
// reason than the code.
func (s *server) forgetAttempt(ctx context.Context, attempt int64) {
	if err := s.db.ForgetCodeAttempt(context.WithoutCancel(ctx), attempt); err != nil {
		s.Log.LogAttrs(ctx, slog.LevelWarn, "an attempt to redeem a transfer code counts although the code was not wrong", slog.String("error", err.Error()))
	}
}

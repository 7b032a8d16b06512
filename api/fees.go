package api

import (
	"context"
	"errors"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// Fee is an entry of the fee schedule as the API shows it.
type Fee struct {
	Method    transfer.Method `json:"method"`
	Fee       transfer.Money  `json:"fee" doc:"The fee per SIM."`
	ValidFrom time.Time       `json:"valid_from" doc:"When the fee starts to apply. It applies until the next entry for its method and currency."`
	Current   bool            `json:"current" doc:"Whether the fee applies now."`
}

func viewFee(f storage.Fee) Fee {
	return Fee{Method: f.Method, Fee: f.Money(), ValidFrom: f.ValidFrom.UTC(), Current: f.Current}
}

type createFeeInput struct {
	Idempotent
	Body struct {
		Method    transfer.Method `json:"method" doc:"Self-service transfers are always free of charge."`
		Fee       MoneyInput      `json:"fee" doc:"The fee per SIM, with its currency."`
		ValidFrom *time.Time      `json:"valid_from,omitempty" doc:"When the fee starts to apply, not in the past. Default: now."`
	}
}

func (s *server) createFee(ctx context.Context, in *createFeeInput) (*reply[Fee], error) {
	p := problem.New(problem.Invalid, "")
	fee := parseFee(p, "body.fee", in.Body.Fee, "")
	f := storage.Fee{Method: in.Body.Method, Currency: fee.Currency, Amount: fee.Minor}
	if f.Method == transfer.SelfService && f.Amount != 0 {
		p.Add(problem.FieldError{Location: "body.fee", Message: "must be 0: self-service transfers are free of charge"})
	}
	if in.Body.ValidFrom != nil {
		f.ValidFrom = valueOrZero(given(p, "body.valid_from", *in.Body.ValidFrom))
	}
	if len(p.Errors) > 0 {
		return nil, p
	}
	return once(ctx, s, func(t *storage.Tx, out *reply[Fee]) error {
		made, err := t.CreateFee(ctx, actingCaller(ctx), f)
		out.Status, out.Body = 201, viewFee(made)
		return err
	})
}

type listFeesOutput struct {
	Body struct {
		Items []Fee `json:"items" nullable:"false"`
	}
}

func (s *server) listFees(ctx context.Context, _ *struct{}) (*listFeesOutput, error) {
	fees, err := s.db.Fees(ctx)
	if err != nil {
		return nil, err
	}
	out := &listFeesOutput{}
	out.Body.Items = make([]Fee, len(fees))
	for i, f := range fees {
		out.Body.Items[i] = viewFee(f)
	}
	return out, nil
}

type withdrawFeeInput struct {
	Method    transfer.Method `path:"method" doc:"The method that the fee is for."`
	Currency  string          `path:"currency" maxLength:"8" example:"EUR" doc:"The currency of the fee (ISO 4217)."`
	ValidFrom time.Time       `path:"valid_from" doc:"When the fee would start to apply, exactly as the fee schedule shows it."`
}

func (s *server) withdrawFee(ctx context.Context, in *withdrawFeeInput) (*struct{}, error) {
	currency, err := transfer.ParseCurrency(in.Currency)
	if err != nil {
		return nil, storage.ErrNotFound
	}
	err = s.db.InRetriedTx(ctx, func(t *storage.Tx) error {
		return t.WithdrawFee(ctx, actingCaller(ctx), storage.Fee{Method: in.Method, Currency: currency, ValidFrom: in.ValidFrom})
	})
	if errors.Is(err, storage.ErrPast) {
		return nil, problem.New(problem.FeeValid, "the fee applies already, and fees may have been quoted from it: add another entry to change it")
	}
	return nil, err
}

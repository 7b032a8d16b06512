package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// Fee is an entry of the fee schedule as the API shows it.
type Fee struct {
	ID        int64                `json:"id" doc:"The id of the entry. Quotes name it."`
	Account   *transfer.OperatorID `json:"account,omitempty" doc:"The account whose price it is. Left out: an entry of the fee schedule."`
	Method    transfer.Method      `json:"method"`
	Currency  transfer.Currency    `json:"currency" example:"EUR" doc:"ISO 4217. Of a price, that of the account."`
	Fee       *transfer.Money      `json:"fee,omitempty" doc:"The fee per SIM. Left out if the account pays what the fee schedule says."`
	ValidFrom time.Time            `json:"valid_from" doc:"When the fee starts to apply. It applies until the next entry for its method and currency or, for a price, until the next price of the account."`
	Current   bool                 `json:"current" doc:"Whether the entry applies now. In a list for an account: whether fees of the account are quoted from it."`

	AccountExternalID *string `json:"account_external_id,omitempty" doc:"The external id of the account."`
	FollowsSchedule   bool    `json:"follows_schedule,omitempty" doc:"The account has no price of its own from then on: it pays what the fee schedule says."`
}

func viewFee(f storage.Fee) Fee {
	v := Fee{
		ID: f.ID, Account: f.OperatorID, AccountExternalID: f.ExternalID, Method: f.Method, Currency: f.Currency,
		FollowsSchedule: f.FollowsSchedule, ValidFrom: f.ValidFrom.UTC(), Current: f.Current,
	}
	if !f.FollowsSchedule {
		fee := f.Money()
		v.Fee = &fee
	}
	return v
}

type createFeeInput struct {
	Idempotent
	IfMatch
	Body struct {
		Method    transfer.Method `json:"method" doc:"Self-service transfers are always free of charge."`
		Account   string          `json:"account,omitempty" maxLength:"132" doc:"The operator id or the external id of an account: the entry is then its price, which overrides the fee schedule. Default: an entry of the fee schedule."`
		Fee       *MoneyInput     `json:"fee,omitempty" doc:"The fee per SIM, with its currency, which can be left out for a price. Required unless the account is to follow the schedule."`
		ValidFrom *time.Time      `json:"valid_from,omitempty" doc:"When the fee starts to apply, not in the past. Default: now."`

		FollowsSchedule bool `json:"follows_schedule,omitempty" doc:"Ends the price of the account: from then on it pays what the fee schedule says. Instead of fee, and only with account."`
	}
}

// parseNewFee parses the amount of an entry and whose price it is.
func (s *server) parseNewFee(ctx context.Context, p *problem.Problem, in *createFeeInput) (f storage.Fee, err error) {
	f = storage.Fee{Method: in.Body.Method, FollowsSchedule: in.Body.FollowsSchedule}
	if in.Body.Account != "" {
		account, err := s.namedAccount(ctx, "body.account", in.Body.Account)
		if err != nil {
			return f, err
		}
		f.Account, f.Currency = account.ID, account.Currency
	}
	switch {
	case f.FollowsSchedule && f.Account == 0:
		p.Add(problem.FieldError{Location: "body.follows_schedule", Message: "only an account can follow the schedule: add account, or leave it out"})
	case f.FollowsSchedule && in.Body.Fee != nil:
		p.Add(problem.FieldError{Location: "body.fee", Message: "an account that follows the schedule has no fee of its own: leave out fee or follows_schedule"})
	case f.FollowsSchedule:
	case in.Body.Fee == nil:
		p.Add(problem.FieldError{Location: "body.fee", Message: `is missing: give {"amount": "7.50", "currency": "EUR"}`})
	default:
		fee := parseFee(p, "body.fee", *in.Body.Fee, f.Currency)
		f.Currency, f.Amount = fee.Currency, fee.Minor
	}
	if f.Method == transfer.SelfService && (f.Amount != 0 || f.FollowsSchedule) {
		p.Add(problem.FieldError{Location: "body.fee", Message: "must be 0: self-service transfers are free of charge"})
	}
	return f, nil
}

func (s *server) createFee(ctx context.Context, in *createFeeInput) (*reply[Fee], error) {
	p := problem.New(problem.Invalid, "")
	f, err := s.parseNewFee(ctx, p, in)
	if err != nil {
		return nil, err
	}
	if in.Body.ValidFrom != nil {
		f.ValidFrom = valueOrZero(given(p, "body.valid_from", *in.Body.ValidFrom))
	}
	if len(p.Errors) > 0 {
		return nil, p
	}
	return once(ctx, s, func(t *storage.Tx, out *reply[Fee]) error {
		made, err := t.CreateFee(ctx, actingCaller(ctx), f, feesMatch(ctx))
		out.Status, out.Body = 201, viewFee(made)
		return err
	})
}

// FeeList is the fee schedule, or what an account can pay.
type FeeList struct {
	Items []Fee `json:"items" nullable:"false"`
}

func viewFees(list []storage.Fee) FeeList {
	v := FeeList{make([]Fee, len(list))}
	for i, f := range list {
		v.Items[i] = viewFee(f)
	}
	return v
}

// feesMatch returns the condition of a call on the list of fees, nil if it has none.
func feesMatch(ctx context.Context) func([]storage.Fee) error {
	if !conditional(ctx) {
		return nil
	}
	return func(list []storage.Fee) error { return matches(ctx, viewFees(list)) }
}

type listFeesOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   FeeList
}

type listFeesInput struct {
	IfNoneMatch
	Account string `query:"account" maxLength:"132" doc:"Only the prices of the account with this operator id or external id, and the fee schedule in its currency."`
}

func (s *server) listFees(ctx context.Context, in *listFeesInput) (*listFeesOutput, error) {
	account, err := s.listedAccount(ctx, in.Account)
	if err != nil {
		return nil, err
	}
	fees, err := s.db.Fees(ctx, account)
	if err != nil {
		return nil, err
	}
	out := &listFeesOutput{Body: viewFees(fees)}
	out.ETag, out.Status, err = tagged(ctx, out.Body)
	return out, err
}

type withdrawFeeInput struct {
	IfMatch
	Method    transfer.Method `path:"method" doc:"The method that the fee is for."`
	Currency  string          `path:"currency" maxLength:"8" example:"EUR" doc:"The currency of the fee (ISO 4217)."`
	ValidFrom time.Time       `path:"valid_from" doc:"When the fee would start to apply, exactly as the fee schedule shows it."`
	Account   string          `query:"account" maxLength:"132" doc:"The operator id or the external id of the account whose price to withdraw. Default: an entry of the fee schedule."`
}

func (s *server) withdrawFee(ctx context.Context, in *withdrawFeeInput) (*struct{}, error) {
	currency, err := transfer.ParseCurrency(in.Currency)
	if err != nil {
		return nil, problem.New(problem.NotFound, fmt.Sprintf("the fee schedule has no currency %q: %v", problem.Clip(in.Currency), err))
	}
	account, err := s.listedAccount(ctx, in.Account)
	if err != nil {
		return nil, err
	}
	fee := storage.Fee{Account: account, Method: in.Method, Currency: currency, ValidFrom: in.ValidFrom}
	err = s.db.InRetriedTx(ctx, func(t *storage.Tx) error { return t.WithdrawFee(ctx, actingCaller(ctx), fee, feesMatch(ctx)) })
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return nil, problem.New(problem.NotFound, fmt.Sprintf("there is no %s: give the time exactly as the list of fees shows it", fee))
	case errors.Is(err, storage.ErrPast):
		return nil, problem.New(problem.FeeValid, "the fee applies already, and fees may have been quoted from it: add another entry to change it")
	}
	return nil, err
}

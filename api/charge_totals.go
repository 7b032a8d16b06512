package api

import (
	"context"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// ChargeTotals are what the transfers of a period cost.
type ChargeTotals struct {
	Items      []ChargeTotal   `json:"items" nullable:"false" doc:"By account, in the order of operator ids."`
	Totals     []CurrencyTotal `json:"totals" nullable:"false" doc:"Of all accounts, also of those on other pages."`
	NextCursor string          `json:"next_cursor,omitempty" doc:"Pass it as cursor to get the next page. Left out on the last page."`
}

// ChargeTotal is what the transfers of a period cost an account.
type ChargeTotal struct {
	Account   transfer.OperatorID `json:"account" doc:"The account that pays."`
	AccountID *string             `json:"account_external_id,omitempty" doc:"The external id of the account. For support and finance."`
	Name      *string             `json:"name,omitempty" doc:"The name of the account."`
	SIMs      int                 `json:"sims" doc:"How many transfers were charged."`
	Total     transfer.Money      `json:"total"`
}

// CurrencyTotal is what the transfers of a period cost all accounts with a currency.
type CurrencyTotal struct {
	SIMs  int            `json:"sims" doc:"How many transfers were charged."`
	Total transfer.Money `json:"total"`
}

type chargeTotalsInput struct {
	Paging
	Period
	Account  string `query:"account" maxLength:"132" doc:"Only charges of the account with this operator id or external id. For support and finance."`
	Currency string `query:"currency" maxLength:"8" doc:"Only charges in this currency, such as EUR."`
}

type chargeTotalsOutput struct{ Body ChargeTotals }

func (s *server) listChargeTotals(ctx context.Context, in *chargeTotalsInput) (*chargeTotalsOutput, error) {
	f, err := s.chargesOf(ctx, in.Account, in.Currency, in.Period)
	if err != nil {
		return nil, err
	}
	var after transfer.OperatorID
	if in.Cursor != "" {
		if after, err = transfer.ParseOperatorID(in.Cursor); err != nil {
			return nil, badCursor(in.Cursor)
		}
	}
	rows, sums, err := s.db.ChargeTotals(ctx, f, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	page, err := pageOf(rows, in.Limit, func(r storage.ChargeTotal) string { return string(r.OperatorID) }, func(r storage.ChargeTotal) ChargeTotal {
		return ChargeTotal{
			Account: r.OperatorID, AccountID: externalIDFor(callerOf(ctx), r.AccountID), Name: r.Name,
			SIMs: r.SIMs, Total: transfer.Money{Minor: r.Amount, Currency: r.Currency},
		}
	})
	if err != nil {
		return nil, err
	}
	out := &chargeTotalsOutput{ChargeTotals{Items: page.Body.Items, Totals: []CurrencyTotal{}, NextCursor: page.Body.NextCursor}}
	for _, r := range sums {
		out.Body.Totals = append(out.Body.Totals, CurrencyTotal{r.SIMs, transfer.Money{Minor: r.Amount, Currency: r.Currency}})
	}
	return out, nil
}

// chargesOf returns which charges the caller asks for.
func (s *server) chargesOf(ctx context.Context, account, currency string, period Period) (storage.ChargeExport, error) {
	var f storage.ChargeExport
	var err error
	if f.Account, err = s.listedAccount(ctx, account); err != nil {
		return f, err
	}
	if f.Charged, err = period.parse(); err != nil {
		return f, err
	}
	if currency != "" {
		wrong := problem.New(problem.Invalid, "")
		if f.Currency = parsed(wrong, "query.currency", currency, transfer.ParseCurrency); len(wrong.Errors) > 0 {
			return f, wrong
		}
	}
	return f, nil
}

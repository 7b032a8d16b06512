package console

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"simtransfer/client"
	"simtransfer/transfer"
)

// feesView is the fee schedule with the prices of accounts.
type feesView struct {
	base

	Account string
	Fees    []client.Fee
}

// fees shows all fees: the planned ones first, then those that apply, then the past.
func (v *visit) fees() error {
	view := feesView{base: base{v}, Account: strings.TrimSpace(v.r.URL.Query().Get("account"))}
	schedule, err := v.api.ListFees(v.ctx(), client.FeeFilter{Account: transfer.AccountRef(view.Account)})
	if err != nil {
		return err
	}
	view.Fees = schedule.Items
	slices.SortStableFunc(view.Fees, func(a, b client.Fee) int {
		return cmp.Or(cmp.Compare(feeAge(a), feeAge(b)), cmp.Compare(a.Account, b.Account), cmp.Compare(a.Method, b.Method), cmp.Compare(a.Currency, b.Currency), b.ValidFrom.Compare(a.ValidFrom))
	})
	return v.show("fees", "Fees", view)
}

// feeAge is 0 for a planned fee, 1 for one that applies and 2 for a past one.
func feeAge(f client.Fee) int {
	switch {
	case f.ValidFrom.After(time.Now()):
		return 0
	case f.Current:
		return 1
	}
	return 2
}

// Age says whether a fee is planned, applies or is past.
func (feesView) Age(f client.Fee) string { return []string{"planned", "now", "past"}[feeAge(f)] }

// Methods returns the methods that can have a fee.
func (feesView) Methods() []choice {
	return []choice{{string(transfer.SupportAssisted), words(transfer.SupportAssisted)}, {string(transfer.SelfService), words(transfer.SelfService)}}
}

// Key returns what a form sends to withdraw a fee.
func (feesView) From(f client.Fee) string { return f.ValidFrom.UTC().Format(time.RFC3339Nano) }

// FormName returns the name of the form that withdraws a fee.
func (feesView) FormName(f client.Fee) string {
	return strings.Join([]string{"withdraw", string(f.Account), string(f.Method), string(f.Currency), f.ValidFrom.UTC().Format(time.RFC3339Nano)}, "-")
}

// createFee adds a fee, from now on or planned.
func (v *visit) createFee() error {
	f := v.posted("fee")
	fee := client.NewFee{Method: transfer.Method(f.Value("method")), Account: transfer.AccountRef(f.Value("account"))}
	if f.Value("follows_schedule") != "" {
		fee.FollowsSchedule = true
	} else {
		fee.Fee = &client.MoneyInput{Amount: f.Value("fee.amount"), Currency: transfer.Currency(f.Value("fee.currency"))}
	}
	if text := f.Value("valid_from"); text != "" {
		at, err := transfer.ParseTime(text)
		if err != nil {
			return v.wrong(f, v.fees, "valid_from", "write a day in UTC, such as 2030-01-31, or a time, such as 2030-01-31T12:00:00Z")
		}
		fee.ValidFrom = &at
	}
	made, err := v.api.CreateFee(v.ctx(), fee, f.Option())
	if err != nil {
		return v.refused(f, err, v.fees)
	}
	done := "The fee applies from now on, to requests that are quoted from now on."
	if made.ValidFrom.After(time.Now()) {
		done = "The fee is planned. Until then, it can be withdrawn."
	}
	return v.redirect("/fees", done)
}

// withdrawFee withdraws a planned fee.
func (v *visit) withdrawFee() error {
	values := v.r.PostForm
	key := client.FeeKey{Account: transfer.AccountRef(values.Get("account")), Method: transfer.Method(values.Get("method")), Currency: transfer.Currency(values.Get("currency"))}
	name := strings.Join([]string{"withdraw", string(key.Account), string(key.Method), string(key.Currency), values.Get("valid_from")}, "-")
	f := v.posted(name)
	var err error
	if key.ValidFrom, err = time.Parse(time.RFC3339Nano, values.Get("valid_from")); err != nil {
		return v.wrong(f, v.fees, "valid_from", "load the page again, and choose the fee there")
	}
	if err := v.api.WithdrawFee(v.ctx(), key); err != nil {
		return v.refused(f, err, v.fees)
	}
	return v.redirect("/fees", "The planned fee is withdrawn.")
}

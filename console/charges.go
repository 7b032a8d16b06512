package console

import (
	"io"
	"net/url"
	"strings"
	"time"

	"simtransfer/client"
	"simtransfer/transfer"
)

// chargesView is what transfers cost in a period.
type chargesView struct {
	base

	client.ChargeTotals
	From, To string // the first and the last day, as the form has them
	Account  string
	Month    bool // the period is a month
}

// charges adds up what was charged in a period: without one, in this month.
func (v *visit) charges() error {
	f, view, err := v.chargeFilter()
	if err != nil {
		return err
	}
	if view.ChargeTotals, err = v.api.ListChargeTotals(v.ctx(), f, client.Paging{Limit: 50, Cursor: v.r.URL.Query().Get("cursor")}); err != nil {
		return err
	}
	return v.show("charges", "Charges", view)
}

// chargeFilter reads the period and the account of the query.
func (v *visit) chargeFilter() (client.ChargeExport, chargesView, error) {
	q := v.r.URL.Query()
	if q.Get("from") == "" && q.Get("to") == "" {
		now := time.Now().UTC()
		first := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
		q.Set("from", first.Format(time.DateOnly))
		q.Set("to", first.AddDate(0, 1, -1).Format(time.DateOnly))
	}
	view := chargesView{base: base{v}, From: q.Get("from"), To: q.Get("to")}
	var f client.ChargeExport
	var err error
	if f.Charged.From, f.Charged.To, err = period(q); err != nil {
		return f, view, err
	}
	if !v.me.IsAccount() {
		view.Account = strings.TrimSpace(q.Get("account"))
		f.Account = transfer.AccountRef(view.Account)
	}
	from, to := f.Charged.From, f.Charged.To
	view.Month = from.Day() == 1 && from.AddDate(0, 1, 0).Equal(to)
	return f, view, nil
}

// chargesFile sends the charges of a period one by one as CSV.
func (v *visit) chargesFile() error {
	f, view, err := v.chargeFilter()
	if err != nil {
		return err
	}
	name := "charges"
	for _, day := range []string{view.From, view.To} {
		if day != "" {
			name += "-" + day
		}
	}
	return v.download(name+".csv", func() (io.ReadCloser, error) { return v.api.ExportCharges(v.ctx(), f, client.CSV) })
}

// File returns the address of the charges as CSV, of all accounts of the page or of one.
func (c chargesView) File(account string) string {
	return "/charges.csv?" + c.query(account, c.From, c.To)
}

// Only returns the address of the page for one account.
func (c chargesView) Only(account string) string { return "/charges?" + c.query(account, c.From, c.To) }

func (c chargesView) query(account, from, to string) string {
	q := url.Values{}
	for name, value := range map[string]string{"account": account, "from": from, "to": to} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q.Encode()
}

// Another returns the address of the page for the month before (-1) or after (1).
func (c chargesView) Another(months int) string {
	first, err := time.Parse(time.DateOnly, c.From)
	if err != nil {
		first = time.Now().UTC()
	}
	first = time.Date(first.Year(), first.Month()+time.Month(months), 1, 0, 0, 0, 0, time.UTC)
	return "/charges?" + c.query(c.Account, first.Format(time.DateOnly), first.AddDate(0, 1, -1).Format(time.DateOnly))
}

// Call returns the query of the API's call.
func (c chargesView) Call() string { return c.query(c.Account, c.From, "") }

// Period names the period.
func (c chargesView) Period() string {
	if c.Month {
		if first, err := time.Parse(time.DateOnly, c.From); err == nil {
			return first.Format("January 2006")
		}
	}
	switch {
	case c.From == "":
		return "until " + c.To
	case c.To == "":
		return "from " + c.From + " on"
	}
	return c.From + " to " + c.To
}

package console

import (
	"strings"
	"testing"

	"simtransfer/client"
	"simtransfer/transfer"
)

func TestMoney(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]transfer.Money{
		"0.00 EUR":                       {Minor: 0, Currency: "EUR"},
		"999.99 EUR":                     {Minor: 99999, Currency: "EUR"},
		"1,000.00 EUR":                   {Minor: 100000, Currency: "EUR"},
		"-1,234,567.89 EUR":              {Minor: -123456789, Currency: "EUR"},
		"-100.00 EUR":                    {Minor: -10000, Currency: "EUR"},
		"1,234,567 JPY":                  {Minor: 1234567, Currency: "JPY"},
		"1,234.567 KWD":                  {Minor: 1234567, Currency: "KWD"},
		"-92,233,720,368,547,758.08 EUR": {Minor: -1 << 63, Currency: "EUR"},
	} {
		if got := money(m); got != want {
			t.Errorf("money(%d %s) = %q, want %q", m.Minor, m.Currency, got, want)
		}
	}
}

func TestBatchBadge(t *testing.T) {
	t.Parallel()
	for want, b := range map[string]client.Batch{
		"Running":             {Counts: client.Counts{SIMs: 3, Completed: 1}},
		"Nothing moved":       {Finished: true, Counts: client.Counts{SIMs: 3, Ineligible: 3}},
		"Partially completed": {Finished: true, Counts: client.Counts{SIMs: 3, Completed: 1, Failed: 2}},
		"Completed":           {Finished: true, Counts: client.Counts{SIMs: 3, Completed: 3}},
	} {
		if got := string(batchBadge(b)); !strings.Contains(got, ">"+want+"<") {
			t.Errorf("the badge of %+v is %s, want %s", b.Counts, got, want)
		}
	}
}

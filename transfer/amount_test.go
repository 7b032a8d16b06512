package transfer_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"simtransfer/transfer"
)

func TestParseAmount(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text     string
		currency transfer.Currency
		minor    int64
	}{
		{"7.50", "EUR", 750},
		{"7.5", "EUR", 750},
		{"7", "EUR", 700},
		{"0", "EUR", 0},
		{"0.00", "EUR", 0},
		{" 7.50 ", "EUR", 750},
		{"5.0", "EUR", 500},
		{"5.000", "KWD", 5000},
		{"750", "JPY", 750},
		{"7.5", "KWD", 7500},
		{"7.501", "KWD", 7501},
		{"7.5001", "CLF", 75001},
		{"92233720368547758.07", "EUR", 9223372036854775807},
		{"0007.50", "EUR", 750},
	} {
		if got, err := transfer.ParseAmount(c.text, c.currency); err != nil || got != (transfer.Money{Minor: c.minor, Currency: c.currency}) {
			t.Errorf("%q of %s: %v, %v", c.text, c.currency, got, err)
		}
	}
	for _, c := range []struct {
		text     string
		currency transfer.Currency
		err      string
	}{
		{"", "EUR", "such as 7.50"},
		{"-1", "EUR", "is not an amount"},
		{"+1", "EUR", "is not an amount"},
		{"7,50", "EUR", "write a point"},
		{"1,000.00", "EUR", "write a point"},
		{"1'000", "EUR", "is not an amount"},
		{"1 000", "EUR", "is not an amount"},
		{"7.", "EUR", "is not an amount"},
		{".5", "EUR", "is not an amount"},
		{"7.5.0", "EUR", "is not an amount"},
		{"-5.00", "EUR", "cannot be negative"},
		{"5.000", "EUR", "has 3 decimal digits, but EUR has 2; write nothing between the thousands"},
		{"1e2", "EUR", "is not an amount"},
		{"7.50 EUR", "EUR", "is not an amount"},
		{"7.505", "EUR", "has 3 decimal digits, but EUR has 2"},
		{"7.50", "JPY", "has 2 decimal digits, but JPY has 0"},
		{"7.50 USD", "EUR", "is not an amount of EUR"},
		{"€7.50", "EUR", "is not an amount of EUR"},
		{"1e3", "EUR", "is not an amount"},
		{"0x10", "EUR", "is not an amount"},
		{"NaN", "EUR", "is not an amount"},
		{"٧", "EUR", "is not an amount"},
		{"EUR 7.50 EUR", "EUR", "is not an amount"},
		{"92233720368547758.08", "EUR", "too large"},
		{strings.Repeat("9", 1000), "EUR", "too large"},
	} {
		if got, err := transfer.ParseAmount(c.text, c.currency); err == nil || !strings.Contains(err.Error(), c.err) || len(err.Error()) > 300 {
			t.Errorf("%q of %s: %v, %v", c.text, c.currency, got, err)
		}
	}
}

// What Money prints can be parsed.
func TestParseAmountReadsWhatMoneyPrints(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := transfer.Money{Minor: rapid.Int64Min(0).Draw(t, "minor"), Currency: rapid.SampledFrom(transfer.Currencies()).Draw(t, "currency")}
		if got, err := transfer.ParseAmount(m.Amount(), m.Currency); err != nil || got != m {
			t.Fatalf("%s: %v, %v", m, got, err)
		}
	})
}

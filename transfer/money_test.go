package transfer_test

import (
	"encoding/json"
	"math"
	"testing"

	"pgregory.net/rapid"

	"simtransfer/transfer"
)

func TestMoneyInWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		minor    int64
		currency transfer.Currency
		want     string
	}{
		{500, "EUR", "5.00 EUR"},
		{1234567, "EUR", "12345.67 EUR"},
		{5, "USD", "0.05 USD"},
		{0, "GBP", "0.00 GBP"},
		{-5, "EUR", "-0.05 EUR"},
		{-1234, "EUR", "-12.34 EUR"},
		{500, "JPY", "500 JPY"},
		{-500, "JPY", "-500 JPY"},
		{1500, "KWD", "1.500 KWD"},
		{12345, "CLF", "1.2345 CLF"},
		{math.MaxInt64, "EUR", "92233720368547758.07 EUR"},
		{math.MinInt64, "EUR", "-92233720368547758.08 EUR"},
	} {
		if got := (transfer.Money{Minor: c.minor, Currency: c.currency}).String(); got != c.want {
			t.Errorf("%d %s: %q, want %q", c.minor, c.currency, got, c.want)
		}
	}
}

func TestParseCurrency(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"EUR", "EUR"},
		{" eur ", "EUR"},
		{"EU", ""},
		{"EURO", ""},
		{"E1R", ""},
		{"€", ""},
		{"", ""},
		{"ERU", ""},
		{"XXX", ""},
		{"XTS", ""},
		{"XAU", ""},
		{"DEM", ""},
		{"HRK", ""},
		{"jpy", "JPY"},
		{"KWD", "KWD"},
		{"XCG", "XCG"},
	} {
		got, err := transfer.ParseCurrency(c.in)
		if string(got) != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q: %q, %v; want %q", c.in, got, err, c.want)
		}
	}
}

func TestMinorDigits(t *testing.T) {
	t.Parallel()
	for currency, want := range map[transfer.Currency]int{"EUR": 2, "JPY": 0, "ISK": 0, "KWD": 3, "TND": 3, "CLF": 4, "MGA": 2} {
		if got := currency.MinorDigits(); got != want {
			t.Errorf("%s has %d digits, want %d", currency, got, want)
		}
	}
	list := transfer.Currencies()
	if len(list) != 165 {
		t.Errorf("%d currencies are listed", len(list))
	}
	for _, c := range list {
		if got, err := transfer.ParseCurrency(string(c)); got != c || err != nil {
			t.Errorf("%s: %q, %v", c, got, err)
		}
	}
}

func TestAmountHasTheDecimalsOfItsCurrency(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]transfer.Money{
		"5.00":   {Minor: 500, Currency: "EUR"},
		"500":    {Minor: 500, Currency: "JPY"},
		"0.500":  {Minor: 500, Currency: "BHD"},
		"-0.05":  {Minor: -5, Currency: "EUR"},
		"0.00":   {Minor: 0, Currency: "EUR"},
		"0.0500": {Minor: 500, Currency: "CLF"},
	} {
		if got := m.Amount(); got != want {
			t.Errorf("%d %s is %s, not %s", m.Minor, m.Currency, got, want)
		}
	}
}

func TestMoneyAsJSON(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		money transfer.Money
		want  string
	}{
		{transfer.Money{Minor: 500, Currency: "EUR"}, `{"amount":"5.00","minor":500,"currency":"EUR"}`},
		{transfer.Money{Minor: 500, Currency: "JPY"}, `{"amount":"500","minor":500,"currency":"JPY"}`},
		{transfer.Money{Minor: 500, Currency: "KWD"}, `{"amount":"0.500","minor":500,"currency":"KWD"}`},
		{transfer.Money{Minor: -5, Currency: "EUR"}, `{"amount":"-0.05","minor":-5,"currency":"EUR"}`},
		{transfer.Money{Currency: "EUR"}, `{"amount":"0.00","minor":0,"currency":"EUR"}`},
	} {
		if got, err := json.Marshal(c.money); err != nil || string(got) != c.want {
			t.Errorf("%s: %s, %v", c.money, got, err)
		}
	}
	for _, text := range []string{
		`{}`, `5`, `"5.00"`, `{"minor":500}`, `{"currency":"EUR"}`, `{"amount":"5.00","currency":"EUR"}`,
		`{"amount":"50.0","minor":500,"currency":"EUR"}`, `{"minor":"500","currency":"EUR"}`, `{"minor":5.5,"currency":"EUR"}`,
	} {
		var m transfer.Money
		if err := json.Unmarshal([]byte(text), &m); err == nil {
			t.Errorf("%s is %s", text, m)
		}
	}
}

// Money is read as it is written, also negative amounts.
func TestMoneyFromJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := transfer.Money{Minor: rapid.Int64().Draw(t, "minor"), Currency: rapid.SampledFrom(transfer.Currencies()).Draw(t, "currency")}
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		var got transfer.Money
		if err := json.Unmarshal(text, &got); err != nil || got != m {
			t.Fatalf("%s: %v, %v", text, got, err)
		}
	})
}

func TestGroupedMoney(t *testing.T) {
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
		if got := m.Grouped(); got != want {
			t.Errorf("%d %s grouped is %q, want %q", m.Minor, m.Currency, got, want)
		}
	}
}

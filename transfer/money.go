package transfer

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Currency is an ISO 4217 code.
type Currency string

// The ISO 4217 codes (list one, of 2026) by the number of decimal digits of
// their minor units. Codes without a minor unit, which stand for metals, baskets
// and tests (XAU, XDR, XTS and so on), are left out: no account is billed in them.
const (
	noDigits  = `BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF`
	twoDigits = `AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF
		CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF
		IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN
		MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS
		SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW
		ZWG`
	threeDigits = `BHD IQD JOD KWD LYD OMR TND`
	fourDigits  = `CLF UYW`
)

// Currencies lists every currency in alphabetical order.
func Currencies() []Currency {
	var list []Currency
	for code := range strings.FieldsSeq(noDigits + " " + twoDigits + " " + threeDigits + " " + fourDigits) {
		list = append(list, Currency(code))
	}
	slices.Sort(list)
	return list
}

// ParseCurrency parses a three-letter code. Lower case and surrounding space
// are allowed. Only the codes of [Currencies] are accepted.
func ParseCurrency(s string) (Currency, error) {
	c := Currency(strings.ToUpper(Trim(s)))
	if !slices.Contains(Currencies(), c) {
		return "", fmt.Errorf("%q is not the ISO 4217 code of a currency, such as EUR, USD or JPY", clip(Trim(s)))
	}
	return c, nil
}

// MinorDigits returns how many decimal digits the minor unit of a listed
// currency has: 2 for EUR, 0 for JPY, 3 for KWD.
func (c Currency) MinorDigits() int {
	switch {
	case strings.Contains(noDigits, string(c)):
		return 0
	case strings.Contains(threeDigits, string(c)):
		return 3
	case strings.Contains(fourDigits, string(c)):
		return 4
	}
	return 2
}

// Money is an amount in a currency's minor unit: {500, "EUR"} is five euros,
// {500, "JPY"} five hundred yen. It has the same JSON form everywhere:
// {"amount":"5.00","minor":500,"currency":"EUR"}.
type Money struct {
	Minor    int64
	Currency Currency
}

func (m Money) String() string { return m.Amount() + " " + string(m.Currency) }

// Amount returns the amount in the major unit, with the decimals of the
// currency: "5.00" of EUR, "500" of JPY.
func (m Money) Amount() string {
	digits := m.Currency.MinorDigits()
	if digits == 0 {
		return strconv.FormatInt(m.Minor, 10)
	}
	unit := uint64(1)
	for range digits {
		unit *= 10
	}
	sign, minor := "", uint64(m.Minor)
	if m.Minor < 0 {
		sign, minor = "-", -minor // unsigned: the opposite of the smallest int64 is no int64
	}
	return fmt.Sprintf("%s%d.%0*d", sign, minor/unit, digits, minor%unit)
}

// Grouped returns the amount as people read it, with commas between the thousands:
// "1,000.00 EUR". No parser reads it.
func (m Money) Grouped() string { return GroupThousands(m.Amount()) + " " + string(m.Currency) }

// GroupThousands writes commas between the thousands of a decimal number, which can
// have a sign and a fraction: "-1,234.567".
func GroupThousands(number string) string {
	digits := strings.TrimPrefix(number, "-")
	sign := number[:len(number)-len(digits)]
	whole, _, _ := strings.Cut(digits, ".")
	fraction := digits[len(whole):]
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return sign + whole + fraction
}

// moneyJSON is the JSON form of Money.
type moneyJSON struct {
	Amount   *string  `json:"amount"`
	Minor    *int64   `json:"minor"`
	Currency Currency `json:"currency"`
}

// MarshalJSON writes the amount in the major and in the minor unit.
func (m Money) MarshalJSON() ([]byte, error) {
	amount := m.Amount()
	return json.Marshal(moneyJSON{&amount, &m.Minor, m.Currency})
}

// UnmarshalJSON reads what MarshalJSON writes. It needs the currency and the
// minor units, and returns an error if the amount is another one.
func (m *Money) UnmarshalJSON(text []byte) error {
	var in moneyJSON
	if err := json.Unmarshal(text, &in); err != nil {
		return err
	}
	if in.Minor == nil || in.Currency == "" {
		return errors.New("an amount of money has no minor or no currency")
	}
	read := Money{Minor: *in.Minor, Currency: in.Currency}
	if in.Amount != nil && *in.Amount != read.Amount() {
		return fmt.Errorf("the amount %q is not %s, as its minor units say", clip(*in.Amount), read)
	}
	*m = read
	return nil
}

package transfer

import (
	"fmt"
	"strings"
)

// Currency is an ISO 4217 code.
type Currency string

// ParseCurrency parses a three-letter code. Lower case and surrounding space
// are allowed.
func ParseCurrency(s string) (Currency, error) {
	c := strings.ToUpper(strings.TrimSpace(s))
	if len(c) != 3 || strings.Trim(c, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return "", fmt.Errorf("%q is not an ISO 4217 currency code such as EUR", clip(s))
	}
	return Currency(c), nil
}

// minorDigits returns how many decimal digits the minor unit has (ISO 4217).
func (c Currency) minorDigits() int {
	switch c {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF":
		return 0
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3
	case "CLF", "UYW":
		return 4
	}
	return 2
}

// Money is an amount in a currency's minor unit: {500, "EUR"} is five euros,
// {500, "JPY"} five hundred yen.
type Money struct {
	Minor    int64
	Currency Currency
}

func (m Money) String() string {
	digits := m.Currency.minorDigits()
	if digits == 0 {
		return fmt.Sprintf("%d %s", m.Minor, m.Currency)
	}
	unit := uint64(1)
	for range digits {
		unit *= 10
	}
	sign, minor := "", uint64(m.Minor)
	if m.Minor < 0 {
		sign, minor = "-", -minor // unsigned: the opposite of the smallest int64 is no int64
	}
	return fmt.Sprintf("%s%d.%0*d %s", sign, minor/unit, digits, minor%unit, m.Currency)
}

package transfer

import (
	"fmt"
	"math/big"
	"strings"
)

// ParseAmount parses an amount of a currency as people write it, in its major
// unit: "7.50" of EUR is 750 cents, "750" of JPY is 750 yen. The code of the
// currency may stand before or after it. An amount has digits and a point only,
// no more decimal digits than the currency, and no sign.
func ParseAmount(text string, c Currency) (Money, error) {
	number := strings.TrimSpace(text)
	if code := strings.TrimSpace(strings.Trim(number, "0123456789.,' ")); code != "" {
		if !strings.EqualFold(code, string(c)) {
			return Money{}, fmt.Errorf("%q is not an amount of %s, such as %s", clip(text), c, exampleAmount(c))
		}
		number = strings.TrimSpace(strings.Trim(number, code))
	}
	whole, fraction, hasPoint := strings.Cut(number, ".")
	if strings.Trim(whole, "0123456789") != "" || strings.Trim(fraction, "0123456789") != "" || whole == "" || hasPoint && fraction == "" {
		hint := ""
		if strings.Contains(number, ",") {
			hint = "; write a point before the decimal digits, and nothing between the thousands"
		}
		return Money{}, fmt.Errorf("%q is not an amount of %s, such as %s%s", clip(text), c, exampleAmount(c), hint)
	}
	digits := c.MinorDigits()
	if len(fraction) > digits {
		return Money{}, fmt.Errorf("%q has %d decimal digits, but %s has %d", clip(text), len(fraction), c, digits)
	}
	minor, ok := new(big.Int).SetString(whole+fraction+strings.Repeat("0", digits-len(fraction)), 10)
	if !ok || !minor.IsInt64() {
		return Money{}, fmt.Errorf("%q is too large", clip(text))
	}
	return Money{Minor: minor.Int64(), Currency: c}, nil
}

// exampleAmount is an amount with all decimal digits of a currency.
func exampleAmount(c Currency) string {
	if digits := c.MinorDigits(); digits > 0 {
		return "7." + "5000"[:digits]
	}
	return "750"
}

package transfer

import (
	"fmt"
	"math/big"
	"strings"
)

// ParseAmount parses an amount of a currency in its major unit: "7.50" of EUR is
// 750 cents, "750" of JPY is 750 yen. An amount has digits and a point only, no
// more decimal digits than the currency, and no sign. Fewer decimal digits are
// allowed, and so is white space around it.
func ParseAmount(text string, c Currency) (Money, error) {
	number := Trim(text)
	whole, fraction, hasPoint := strings.Cut(number, ".")
	if strings.Trim(whole, "0123456789") != "" || strings.Trim(fraction, "0123456789") != "" || whole == "" || hasPoint && fraction == "" {
		hint := ""
		switch {
		case strings.Contains(number, ","):
			hint = "; write a point before the decimal digits, and nothing between the thousands"
		case strings.HasPrefix(number, "-"):
			hint = "; an amount cannot be negative"
		}
		return Money{}, fmt.Errorf("%q is not an amount of %s, such as %s%s", clip(text), c, exampleAmount(c), hint)
	}
	digits := c.MinorDigits()
	if len(fraction) > digits {
		hint := ""
		if len(fraction) == 3 {
			hint = "; write nothing between the thousands"
		}
		return Money{}, fmt.Errorf("%q has %d decimal digits, but %s has %d%s", clip(text), len(fraction), c, digits, hint)
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

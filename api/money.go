package api

import (
	"fmt"

	"simtransfer/api/problem"
	"simtransfer/transfer"
)

// money describes transfer.Money in the document, as Money.
type money struct {
	Amount   string            `json:"amount" example:"5.00" doc:"In the major unit, with all decimal digits of the currency: 5.00 of EUR, 500 of JPY, 5.000 of KWD."`
	Minor    int64             `json:"minor" example:"500" doc:"The same in the minor unit of the currency, such as cents."`
	Currency transfer.Currency `json:"currency" example:"EUR" doc:"ISO 4217."`
}

// MoneyInput is an amount of money in a body of a call. It has the fields of
// Money, of which some can be left out.
type MoneyInput struct {
	Amount   *string `json:"amount,omitempty" maxLength:"32" example:"5.00" doc:"In the major unit, as digits with a point before the decimal digits, of which there are at most as many as the currency has: 5, 5.0 and 5.00 of EUR are the same. Required without minor."`
	Minor    *int64  `json:"minor,omitempty" minimum:"0" maximum:"1000000000000" example:"500" doc:"In the minor unit of the currency: 500 is 5.00 EUR. Required without amount; if both are given, they have to agree."`
	Currency string  `json:"currency,omitempty" maxLength:"8" example:"EUR" doc:"ISO 4217. Can be left out where the account determines the currency; another one is refused."`
}

// parseFee parses a fee at a location of a body. Its currency has to be c. If c
// is empty, the input has to name the currency.
func parseFee(p *problem.Problem, location string, in MoneyInput, c transfer.Currency) transfer.Money {
	errors := len(p.Errors)
	refuse := func(field, value, message string, a ...any) {
		p.Add(problem.FieldError{Location: location + field, Message: fmt.Sprintf(message, a...), Value: value})
	}
	switch given := transfer.Trim(in.Currency) != ""; {
	case c == "" && !given:
		refuse(".currency", "", "is missing: give the currency of the amount, such as EUR")
	case given:
		named := parsed(p, location+".currency", in.Currency, transfer.ParseCurrency)
		if len(p.Errors) == errors && c != "" && named != c {
			refuse(".currency", in.Currency, "the fee is charged in the currency of the source, %s: give the amount in %[1]s, or leave the currency out", c)
		}
		c = named
	}
	if in.Amount == nil && in.Minor == nil {
		refuse("", "", `has no amount: give {"amount": "7.50"} in the major unit or {"minor": 750} in the minor unit`)
	}
	if len(p.Errors) > errors {
		return transfer.Money{}
	}
	if in.Amount == nil {
		return transfer.Money{Minor: *in.Minor, Currency: c}
	}
	fee := parsed(p, location+".amount", *in.Amount, func(text string) (transfer.Money, error) {
		return transfer.ParseAmount(text, c)
	})
	switch highest := (transfer.Money{Minor: transfer.MaxFee, Currency: c}); {
	case len(p.Errors) > errors:
	case fee.Minor > highest.Minor:
		refuse(".amount", *in.Amount, "must be at most %s", highest)
	case in.Minor != nil && *in.Minor != fee.Minor:
		refuse(".minor", fmt.Sprint(*in.Minor), "%s is %d in the minor unit: correct one of the two, or leave one out", fee, fee.Minor)
	}
	return fee
}

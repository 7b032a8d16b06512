package client

import "simtransfer/transfer"

// MoneyInput is an amount of money that is sent to the service: in the major
// unit, such as "7.50", in the minor unit, or in both. The currency can be empty
// where an account determines it.
type MoneyInput struct {
	Amount   string            `json:"amount,omitempty"`
	Minor    *int64            `json:"minor,omitempty"`
	Currency transfer.Currency `json:"currency,omitempty"`
}

// InputOf returns an amount with all of its fields.
func InputOf(m transfer.Money) MoneyInput {
	return MoneyInput{Amount: m.Amount(), Minor: &m.Minor, Currency: m.Currency}
}

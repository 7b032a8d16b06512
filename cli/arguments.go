package cli

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"simtransfer/client"
	"simtransfer/transfer"
)

// identifier is a SIM on the command line.
type identifier string

// UnmarshalText parses an ICCID, IMSI or MSISDN.
func (i *identifier) UnmarshalText(text []byte) error {
	id, err := transfer.ParseIdentifier(string(text))
	*i = identifier(id.String())
	return err
}

// simOrEID is a SIM, or the SIMs on an eUICC, on the command line.
type simOrEID string

// UnmarshalText parses an ICCID, IMSI, MSISDN or EID.
func (i *simOrEID) UnmarshalText(text []byte) error {
	ref, err := transfer.ParseSIMRef(string(text))
	if err == nil && !ref.One() && ref.EID == "" {
		return fmt.Errorf("%s is a range: give one ICCID, IMSI, MSISDN or EID", ref)
	}
	*i = simOrEID(ref.String())
	return err
}

// operatorID is an account on the command line.
type operatorID transfer.OperatorID

// UnmarshalText parses an operator id: OP and ten digits.
func (o *operatorID) UnmarshalText(text []byte) error {
	id, err := transfer.ParseOperatorID(string(text))
	*o = operatorID(id)
	return err
}

func (o operatorID) id() transfer.OperatorID { return transfer.OperatorID(o) }

// accountRef is an account on the command line, by its operator id or external id.
type accountRef transfer.AccountRef

// UnmarshalText parses an operator id, or an external id.
func (a *accountRef) UnmarshalText(text []byte) error {
	ref, err := transfer.ParseAccountRef(string(text))
	*a = accountRef(ref)
	return err
}

func (a accountRef) ref() transfer.AccountRef { return transfer.AccountRef(a) }

// currency is a currency on the command line.
type currency transfer.Currency

// UnmarshalText parses an ISO 4217 code.
func (c *currency) UnmarshalText(text []byte) error {
	code, err := transfer.ParseCurrency(string(text))
	*c = currency(code)
	return err
}

// amount is an amount of money on the command line, in the major unit of a
// currency. It can name the currency, before or after the number.
type amount struct {
	number   string
	currency transfer.Currency // empty if the amount does not name it
}

// UnmarshalText checks the form of an amount. How many decimal digits it can
// have depends on the currency.
func (a *amount) UnmarshalText(text []byte) error {
	parts := regexp.MustCompile(`^\s*([A-Za-z]{3})?\s*(\d+(?:\.\d+)?)\s*([A-Za-z]{3})?\s*$`).FindSubmatch(text)
	switch {
	case parts != nil && (len(parts[1]) == 0 || len(parts[3]) == 0):
	case bytes.ContainsRune(text, ','):
		return fmt.Errorf("%q is not an amount: write a point before the decimal digits, and nothing between the thousands, such as 7.50", text)
	default:
		return fmt.Errorf("%q is not an amount, such as 7.50", text)
	}
	*a = amount{number: string(parts[2])}
	if code := string(parts[1]) + string(parts[3]); code != "" {
		var err error
		if a.currency, err = transfer.ParseCurrency(code); err != nil {
			return fmt.Errorf("%q is not an amount: %w", text, err)
		}
	}
	return nil
}

// in returns the amount in a currency.
func (a amount) in(c transfer.Currency) (transfer.Money, error) {
	if a.currency != "" && a.currency != c {
		return transfer.Money{}, usageError("%s %s is not an amount of %s", a.number, a.currency, c)
	}
	m, err := transfer.ParseAmount(a.number, c)
	if err != nil {
		return m, &exitError{ExitUsage, err}
	}
	return m, nil
}

// terms are embedded in the commands that create transfer requests.
type terms struct {
	SelfServiceOnly bool          `help:"Leave out SIMs that need support's approval and cost a fee."`
	Acceptance      time.Duration `min:"1s" max:"30d" step:"1s" placeholder:"24h" help:"Time that the destination has to accept, such as 36h or 7d. Default: as configured in the service."`
	OnBehalfOf      accountRef    `placeholder:"OP…" help:"Operator id or external id of the source account. Required with a support key."`
}

// words are the flags for what the source says about a request or a batch.
type words struct {
	Reference       nonEmpty `placeholder:"TEXT" help:"Your own reference, such as a purchase order, up to 64 characters. The destination sees it."`
	UniqueReference bool     `help:"With --reference: create nothing if the source has another request with this reference."`
	Message         nonEmpty `placeholder:"TEXT" help:"A text for the destination, up to 1,000 characters."`
}

// requestWords are the flags for what the source says about a request and its SIMs.
type requestWords struct {
	words
	SIMReference map[string]string `name:"sim-reference" mapsep:"none" placeholder:"SIM=TEXT" help:"Your own reference for one of the SIMs, such as the line of a purchase order. Repeat the flag for several SIMs."`
}

func (w requestWords) addTo(r *client.NewRequest) {
	r.Reference, r.UniqueReference, r.Message, r.SIMReferences = string(w.Reference), w.UniqueReference, string(w.Message), w.SIMReference
}

// decisionWords are the flags for why a party ends a request or some of its SIMs.
type decisionWords struct {
	Code   *transfer.DecisionCode `enum:"${decision_codes}" placeholder:"CODE" help:"Why, for programs: ${decision_codes}."`
	Reason nonEmpty               `placeholder:"TEXT" help:"Why, in words. The other side can read the code and the reason. Required with --code=other."`
}

func (w decisionWords) code() transfer.DecisionCode { return valueOrZero(w.Code) }

// seconds converts a flag with a step of 1s; zero means that it was left out.
func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// someSIMs is embedded in decisions that can be about some SIMs only.
type someSIMs struct {
	SIM  []string `placeholder:"SIM" help:"Only this SIM, the SIMs on this EID, or those in this range of ICCIDs. Separate several with commas, or repeat the flag."`
	File string   `placeholder:"FILE" predictor:"file" help:"Only the SIMs in this file, one per line, as --sim names them; - is standard input."`
}

// read returns the SIMs that the flags name.
func (n someSIMs) read(s *Session) (simList, error) { return readSIMList(s, n.SIM, n.File) }

var errEmpty = errors.New("is empty: give a value, or leave the flag out")

// nonEmpty is a text that means nothing if it is empty, such as one from a shell
// variable that is not set.
type nonEmpty string

// UnmarshalText refuses a text of white space only.
func (n *nonEmpty) UnmarshalText(text []byte) error {
	if transfer.Trim(string(text)) == "" {
		return errEmpty
	}
	*n = nonEmpty(text)
	return nil
}

// optionalBool converts an optional flag with the values true and false.
func optionalBool(text string) *bool {
	if text == "" {
		return nil
	}
	b := text == "true"
	return &b
}

// share is a part of a whole on the command line, from 0 to 1.
type share float64

// UnmarshalText parses a share.
func (s *share) UnmarshalText(text []byte) error {
	part, err := strconv.ParseFloat(string(bytes.TrimSpace(text)), 64)
	if err != nil || !(part >= 0 && part <= 1) { // also not a number
		return fmt.Errorf("%q is not a share from 0 to 1, such as 0.01 for one SIM in a hundred", text)
	}
	*s = share(part)
	return nil
}

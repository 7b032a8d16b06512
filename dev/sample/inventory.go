// Package sample provides sample data: accounts, SIMs of every status, gateways
// with data sessions, and a batch of transfers of which every outcome is known
// in advance.
package sample

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"

	"simtransfer/transfer"
)

// The sample inventory has eight accounts, two gateways and, for a batch of n
// rows, about 1.2 n SIMs. The attributes of a SIM and the expected outcome of its
// transfer follow from its number, so that a demonstration can check the result.

// Account is one of the sample accounts, in the form in which the API creates it.
type Account struct {
	OperatorID transfer.OperatorID `json:"operator_id"`
	Name       string              `json:"name"`
	Email      string              `json:"email"`
	Currency   transfer.Currency   `json:"currency"`
	Coverage   string              `json:"coverage"`
}

// The parts that the sample accounts play in the batch, as indexes into Accounts.
const (
	BatchSource     = 0 // creates the batch
	AcceptsAll      = 1 // a destination that accepts everything
	PartlyCanceled  = 2 // accepts what is left after the source has canceled some SIMs
	FeeWaived       = 3 // accepts; support has waived the fee
	OtherCoverage   = 4 // accepts; it has another coverage, and support has lowered the fee to LoweredFee
	DeclinesAll     = 5 // declines everything
	NeverAnswers    = 6 // does not answer
	SmallerCustomer = 7 // is no destination: creates a small request of its own meanwhile
)

// Accounts returns the sample accounts.
func Accounts() []Account {
	list := []Account{
		{Name: "North Sensors Ltd", Currency: "EUR", Coverage: "emea"},
		{Name: "Harbour Logistics", Currency: "USD", Coverage: "emea"},
		{Name: "Alpine Meters", Currency: "GBP", Coverage: "emea"},
		{Name: "Clear Water Utilities", Currency: "CHF", Coverage: "emea"},
		{Name: "Rio Fleet", Currency: "BRL", Coverage: "americas"},
		{Name: "Fjord Energy", Currency: "SEK", Coverage: "emea"},
		{Name: "Gulf Telematics", Currency: "KWD", Coverage: "emea"},
		{Name: "Sakura Robotics", Currency: "JPY", Coverage: "emea"},
	}
	for i := range list {
		list[i].OperatorID = transfer.OperatorID(fmt.Sprintf("OP%010d", i+1))
		list[i].Email = fmt.Sprintf("sims%d@example.com", i+1)
	}
	return list
}

// Fees returns the fee of a support-assisted transfer per SIM, by the currency of
// the source, in minor units.
func Fees() map[transfer.Currency]int64 {
	return map[transfer.Currency]int64{
		"EUR": 500, "USD": 550, "GBP": 450, "CHF": 500, "BRL": 2800, "SEK": 5500, "KWD": 1700, "JPY": 800,
	}
}

// LoweredFee is the fee per SIM, in euro cents, to which support lowers the
// request to OtherCoverage.
const LoweredFee = 250

// SIM is a SIM of the sample inventory.
type SIM struct {
	Number int // its identifiers follow from it
	Owner  int // index into Accounts
	Status transfer.Status
	Locked bool
	// Regional SIMs have a plan that is bound to a coverage.
	Regional bool
	// Gateway is the number of the gateway that holds its session: 1 is fast, 2 is
	// slow, 0 means no session.
	Gateway int

	// The fields below describe its row of the batch.

	Destination        int  // index into Accounts
	Unknown            bool // it is not in the inventory
	InOpenRequest      bool // an earlier request that is still open contains it
	CanceledBySource   bool // before the destination accepts
	ActivatedMeanwhile bool // it goes online for the first time after its validation
	SessionStuck       bool // its gateway refuses to drop its session
}

// BatchSIM returns the SIM of row i of the batch.
func BatchSIM(i int) SIM {
	s := SIM{Number: i, Owner: BatchSource, Destination: destinationOf(i), Status: StatusOf(i)}
	switch i % 50 {
	case 7:
		s.Status = transfer.Terminated
	case 17:
		s.Unknown = true
	case 27:
		s.Owner = SmallerCustomer
	case 37:
		s.Locked = true
	case 47:
		s.InOpenRequest, s.Status = true, transfer.Ready
	default:
		s.Regional = i%25 == 3
		s.CanceledBySource = s.Destination == PartlyCanceled && i%10 == 6
		s.ActivatedMeanwhile = s.Status == transfer.Ready && i%97 == 5
		if s.Status == transfer.Active && i%3 == 0 {
			s.Gateway = 1
			if i%4 == 1 {
				s.Gateway = 2
				s.SessionStuck = (i/4)%10 == 1
			}
		}
	}
	return s
}

func destinationOf(i int) int {
	switch d := (i + i/50) % 20; {
	case d < 6:
		return AcceptsAll
	case d < 11:
		return PartlyCanceled
	case d < 15:
		return FeeWaived
	case d < 17:
		return OtherCoverage
	case d < 19:
		return DeclinesAll
	}
	return NeverAnswers
}

// StatusOf returns the usual status of SIM number i: half of all are ready, a
// fifth active, and the rest inactive, on standby or suspended.
func StatusOf(i int) transfer.Status {
	switch (i / 7) % 10 {
	case 5, 6:
		return transfer.Active
	case 7:
		return transfer.Inactive
	case 8:
		return transfer.Standby
	case 9:
		return transfer.Suspended
	}
	return transfer.Ready
}

// SmallRequest is the number of SIMs in the small request.
const SmallRequest = 25

// OtherSIMs returns the SIMs that are not in the batch of n rows: first those of
// the small request, then others, so that every account has SIMs of every status.
func OtherSIMs(n int) []SIM {
	sims := make([]SIM, n/50+n/5)
	for k := range sims {
		sims[k] = SIM{Number: n + k, Owner: 1 + k%7, Status: transfer.Statuses()[k/7%6]}
		if k < SmallRequest {
			sims[k].Owner, sims[k].Status = SmallerCustomer, transfer.Active
		}
	}
	return sims
}

// Inventory yields all SIMs of the inventory for a batch of n rows.
func Inventory(n int) iter.Seq[SIM] {
	return func(yield func(SIM) bool) {
		for i := range n {
			if s := BatchSIM(i); !s.Unknown && !yield(s) {
				return
			}
		}
		for _, s := range OtherSIMs(n) {
			if !yield(s) {
				return
			}
		}
	}
}

// ICCID returns the SIM's ICCID.
func (s SIM) ICCID() string { return fmt.Sprintf("8999901%012d", s.Number) }

// IMSI returns the SIM's IMSI.
func (s SIM) IMSI() string { return fmt.Sprintf("00101%010d", s.Number) }

// MSISDN returns the SIM's phone number, without a plus sign.
func (s SIM) MSISDN() string { return fmt.Sprintf("88312%09d", s.Number) }

// Identifier returns the identifier that the batch uses: the ICCID, the IMSI or
// the phone number.
func (s SIM) Identifier() string {
	return []string{s.ICCID(), s.IMSI(), "+" + s.MSISDN()}[s.Number%3]
}

const sessionPrefix = "session-"

// SessionID returns the id of the SIM's session at its gateway.
func (s SIM) SessionID() string { return sessionPrefix + strconv.Itoa(s.Number) }

// sessionNumber returns the number of the SIM that a session id belongs to.
func sessionNumber(id string) (number int, ok bool) {
	digits, found := strings.CutPrefix(id, sessionPrefix)
	number, err := strconv.Atoi(digits)
	return number, found && err == nil && number >= 0
}

// Outcome is how the transfer of a SIM ends.
type Outcome struct {
	State  transfer.State
	Reason transfer.Reason
}

// String returns the state and, if there is one, the reason.
func (o Outcome) String() string {
	if o.Reason == "" {
		return string(o.State)
	}
	return fmt.Sprintf("%s (%s)", o.State, o.Reason)
}

// ExpectedOutcome returns how the transfer of a SIM of the batch has to end.
func (s SIM) ExpectedOutcome() Outcome {
	switch {
	case s.Unknown, s.Owner != BatchSource:
		return Outcome{transfer.Ineligible, transfer.SIMNotFound}
	case s.Status == transfer.Terminated:
		return Outcome{transfer.Ineligible, transfer.SIMTerminated}
	case s.InOpenRequest:
		return Outcome{transfer.Ineligible, transfer.AlreadyTransferring}
	case s.Locked:
		return Outcome{transfer.Ineligible, transfer.SIMLocked}
	case s.Regional && s.Destination == OtherCoverage:
		return Outcome{transfer.Ineligible, transfer.PlanNotTransferable}
	case s.CanceledBySource:
		return Outcome{transfer.Canceled, ""}
	case s.Destination == DeclinesAll:
		return Outcome{transfer.Declined, ""}
	case s.Destination == NeverAnswers:
		return Outcome{transfer.Expired, ""}
	case s.ActivatedMeanwhile:
		return Outcome{transfer.Failed, transfer.StatusChanged}
	case s.SessionStuck:
		return Outcome{transfer.Failed, transfer.SessionNotDropped}
	}
	return Outcome{transfer.Completed, ""}
}

// expectedFee returns what the transfer of a SIM of the batch has to cost its
// source, in euro cents.
func (s SIM) expectedFee() int64 {
	if method, _ := s.Status.Method(); s.ExpectedOutcome().State != transfer.Completed || method == transfer.SelfService {
		return 0
	}
	switch s.Destination {
	case FeeWaived:
		return 0
	case OtherCoverage:
		return LoweredFee
	}
	return Fees()["EUR"]
}

// ExpectedOutcomes counts the expected outcomes of a batch of n rows, by
// destination.
func ExpectedOutcomes(n int) map[int]map[Outcome]int {
	all := map[int]map[Outcome]int{}
	for i := range n {
		s := BatchSIM(i)
		if all[s.Destination] == nil {
			all[s.Destination] = map[Outcome]int{}
		}
		all[s.Destination][s.ExpectedOutcome()]++
	}
	return all
}

// ExpectedFees returns the sum of all fees, by currency in minor units, of a batch
// of n rows and the small request.
func ExpectedFees(n int) map[transfer.Currency]int64 {
	fees := map[transfer.Currency]int64{"JPY": SmallRequest * Fees()["JPY"]}
	for i := range n {
		fees["EUR"] += BatchSIM(i).expectedFee()
	}
	return fees
}

// WriteBatch writes a batch of n rows as CSV.
func WriteBatch(w io.Writer, n int) error {
	if _, err := fmt.Fprintln(w, "sim,destination_email,destination_operator_id"); err != nil {
		return err
	}
	accounts := Accounts()
	for i := range n {
		s := BatchSIM(i)
		to := accounts[s.Destination]
		if _, err := fmt.Fprintf(w, "%s,%s,%s\n", s.Identifier(), to.Email, to.OperatorID); err != nil {
			return err
		}
	}
	return nil
}

// writeImport writes SIMs as NDJSON, the format of an import.
func writeImport(w io.Writer, sims []SIM) error {
	e := json.NewEncoder(w)
	accounts := Accounts()
	for _, s := range sims {
		if err := e.Encode(s.importRow(accounts)); err != nil {
			return err
		}
	}
	return nil
}

func (s SIM) importRow(accounts []Account) map[string]any {
	row := map[string]any{
		"iccid":                  s.ICCID(),
		"imsis":                  []string{s.IMSI()},
		"msisdns":                []string{s.MSISDN()},
		"account":                accounts[s.Owner].OperatorID,
		"status":                 s.Status,
		"plan":                   "worldwide",
		"tags":                   map[string]string{"site": fmt.Sprintf("site-%d", s.Number%40)},
		"group":                  fmt.Sprintf("group-%d", s.Number%12),
		"termination_protection": s.Number%5 == 0,
		"transfer_lock":          s.Locked,
	}
	if s.Regional {
		row["plan"] = "regional"
	}
	if s.Number%4 == 0 {
		row["containers"] = []string{"profile-a", "profile-b"}
		row["speed_class"] = "fast"
	}
	return row
}

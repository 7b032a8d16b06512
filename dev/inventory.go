package dev

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"simtransfer/transfer"
)

// The sample inventory: eight accounts, two gateways, and for a batch of n rows
// about 1.2 n SIMs of every status. What is to become of each row follows from
// its number, so that a demonstration can tell whether it did.

// sampleAccount is an account of the sample inventory.
type sampleAccount struct {
	OperatorID transfer.OperatorID `json:"operator_id"`
	Email      string              `json:"email"`
	Currency   transfer.Currency   `json:"currency"`
	Coverage   string              `json:"coverage"`
}

// The roles that the sample accounts play.
const (
	source     = 0 // sends the batch
	accepts    = 1 // of its six destinations, one accepts everything,
	hasPartial = 2 // one accepts what is left after the source has canceled some,
	isWaived   = 3 // one accepts, and support has waived the fee,
	isAbroad   = 4 // one accepts, has another coverage, and support has lowered the fee,
	declines   = 5 // one declines,
	sleeps     = 6 // and one does not answer.
	small      = 7 // sends a small request of its own meanwhile
)

func sampleAccounts() []sampleAccount {
	list := []sampleAccount{
		{Currency: "EUR", Coverage: "emea"},
		{Currency: "USD", Coverage: "emea"},
		{Currency: "GBP", Coverage: "emea"},
		{Currency: "CHF", Coverage: "emea"},
		{Currency: "BRL", Coverage: "americas"},
		{Currency: "SEK", Coverage: "emea"},
		{Currency: "KWD", Coverage: "emea"},
		{Currency: "JPY", Coverage: "emea"},
	}
	for i := range list {
		list[i].OperatorID = transfer.OperatorID(fmt.Sprintf("OP%010d", i+1))
		list[i].Email = fmt.Sprintf("sims%d@example.com", i+1)
	}
	return list
}

// sampleFees are the fees per currency in its minor unit.
func sampleFees() map[transfer.Currency]int64 {
	return map[transfer.Currency]int64{
		"EUR": 500, "USD": 550, "GBP": 450, "CHF": 500, "BRL": 2800, "SEK": 5500, "KWD": 1700, "JPY": 800,
	}
}

// loweredFee is what support makes each SIM to the account abroad cost.
const loweredFee = 250

// sampleRow is one row of the sample batch, or a SIM that is in none.
type sampleRow struct {
	number      int
	destination int // an account; unused outside the batch
	owner       int
	status      transfer.Status
	unknown     bool // in no inventory
	locked      bool
	taken       bool // in an earlier request that is still open
	regional    bool // its plan is bound to a coverage
	canceled    bool // by the source, before the destination accepts
	awakes      bool // goes online for the first time after it was validated
	gateway     int  // that holds its session: 1 is quick, 2 is slow; 0 is none
	refused     bool // the gateway will not drop its session
}

func batchRow(i int) sampleRow {
	r := sampleRow{number: i, owner: source, destination: destinationOf(i), status: statusOf(i)}
	switch i % 50 {
	case 7:
		r.status = transfer.Terminated
	case 17:
		r.unknown = true
	case 27:
		r.owner = small
	case 37:
		r.locked = true
	case 47:
		r.taken, r.status = true, transfer.Ready
	default:
		r.regional = i%25 == 3
		r.canceled = r.destination == hasPartial && i%10 == 6
		r.awakes = r.status == transfer.Ready && i%97 == 5
		if r.status == transfer.Active && i%3 == 0 {
			r.gateway = 1
			if i%4 == 1 {
				r.gateway = 2
				r.refused = (i/4)%10 == 1
			}
		}
	}
	return r
}

func destinationOf(i int) int {
	switch d := (i + i/50) % 20; {
	case d < 6:
		return accepts
	case d < 11:
		return hasPartial
	case d < 15:
		return isWaived
	case d < 17:
		return isAbroad
	case d < 19:
		return declines
	}
	return sleeps
}

func statusOf(i int) transfer.Status {
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

// smallSize is how many SIMs the small request has.
const smallSize = 25

// others are the SIMs that are in no batch: those of the small request first,
// and then some more, so that every account has SIMs of every status.
func others(n int) []sampleRow {
	rows := make([]sampleRow, n/50+n/5)
	for k := range rows {
		i := n + k
		rows[k] = sampleRow{number: i, owner: 1 + k%7, status: transfer.Statuses()[k/7%6]}
		if k < smallSize {
			rows[k].owner, rows[k].status = small, transfer.Active
		}
	}
	return rows
}

// iccid, imsi and msisdn name the SIM of a row.
func (r sampleRow) iccid() string  { return fmt.Sprintf("8999901%012d", r.number) }
func (r sampleRow) imsi() string   { return fmt.Sprintf("00101%010d", r.number) }
func (r sampleRow) msisdn() string { return fmt.Sprintf("88312%09d", r.number) }

// named is how the batch names the SIM.
func (r sampleRow) named() string {
	return []string{r.iccid(), r.imsi(), "+" + r.msisdn()}[r.number%3]
}

const sessionPrefix = "session-"

func (r sampleRow) sessionID() string { return sessionPrefix + strconv.Itoa(r.number) }

// sessionNumber is the number of the row whose session that is, if it is one's.
func sessionNumber(id string) (int, bool) {
	digits, is := strings.CutPrefix(id, sessionPrefix)
	number, err := strconv.Atoi(digits)
	return number, is && err == nil && number >= 0
}

// outcome is what is to become of a row of the batch.
type outcome struct {
	State  transfer.State
	Reason transfer.Reason
}

func (r sampleRow) outcome() outcome {
	switch {
	case r.unknown, r.owner != source:
		return outcome{transfer.Ineligible, transfer.SIMNotFound}
	case r.status == transfer.Terminated:
		return outcome{transfer.Ineligible, transfer.SIMTerminated}
	case r.taken:
		return outcome{transfer.Ineligible, transfer.AlreadyTransferring}
	case r.locked:
		return outcome{transfer.Ineligible, transfer.SIMLocked}
	case r.regional && r.destination == isAbroad:
		return outcome{transfer.Ineligible, transfer.PlanNotTransferable}
	case r.canceled:
		return outcome{transfer.Canceled, ""}
	case r.destination == declines:
		return outcome{transfer.Declined, ""}
	case r.destination == sleeps:
		return outcome{transfer.Expired, ""}
	case r.awakes:
		return outcome{transfer.Failed, transfer.StatusChanged}
	case r.refused:
		return outcome{transfer.Failed, transfer.SessionNotDropped}
	}
	return outcome{transfer.Completed, ""}
}

// fee is what the transfer of a row costs its source, in euro cents.
func (r sampleRow) fee() int64 {
	if method, _ := r.status.Method(); r.outcome().State != transfer.Completed || method == transfer.SelfService {
		return 0
	}
	switch r.destination {
	case isWaived:
		return 0
	case isAbroad:
		return loweredFee
	}
	return sampleFees()["EUR"]
}

// foretold counts what is to become of a batch of n rows, per destination.
func foretold(n int) map[int]map[outcome]int {
	all := map[int]map[outcome]int{}
	for i := range n {
		r := batchRow(i)
		if all[r.destination] == nil {
			all[r.destination] = map[outcome]int{}
		}
		all[r.destination][r.outcome()]++
	}
	return all
}

// writeBatch writes the rows of a batch as CSV.
func writeBatch(w io.Writer, n int) error {
	if _, err := fmt.Fprintln(w, "sim,destination_email,destination_operator_id"); err != nil {
		return err
	}
	accounts := sampleAccounts()
	for i := range n {
		r := batchRow(i)
		to := accounts[r.destination]
		if _, err := fmt.Fprintf(w, "%s,%s,%s\n", r.named(), to.Email, to.OperatorID); err != nil {
			return err
		}
	}
	return nil
}

// inventory are all SIMs for a batch of n rows.
func inventory(n int) iter.Seq[sampleRow] {
	return func(yield func(sampleRow) bool) {
		for i := range n {
			if r := batchRow(i); !r.unknown && !yield(r) {
				return
			}
		}
		for _, r := range others(n) {
			if !yield(r) {
				return
			}
		}
	}
}

// writeInventory writes SIMs as NDJSON, as the import takes it.
func writeInventory(w io.Writer, rows []sampleRow) error {
	e := json.NewEncoder(w)
	accounts := sampleAccounts()
	for _, r := range rows {
		if err := e.Encode(r.imported(accounts)); err != nil {
			return err
		}
	}
	return nil
}

func (r sampleRow) imported(accounts []sampleAccount) map[string]any {
	sim := map[string]any{
		"iccid":                  r.iccid(),
		"imsis":                  []string{r.imsi()},
		"msisdns":                []string{r.msisdn()},
		"account":                accounts[r.owner].OperatorID,
		"status":                 r.status,
		"plan":                   "worldwide",
		"tags":                   map[string]string{"site": fmt.Sprintf("site-%d", r.number%40)},
		"group":                  fmt.Sprintf("group-%d", r.number%12),
		"termination_protection": r.number%5 == 0,
		"transfer_lock":          r.locked,
	}
	if r.regional {
		sim["plan"] = "regional"
	}
	if r.number%4 == 0 {
		sim["containers"] = []string{"profile-a", "profile-b"}
		sim["speed_class"] = "fast"
	}
	return sim
}

// sortedKeys are the keys of a map in order.
func sortedKeys(m map[int]map[outcome]int) []int { return slices.Sorted(maps.Keys(m)) }

package cli

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

type requestsCommand struct {
	Create  requestsCreateCommand  `cmd:"" help:"Ask for the transfer of SIMs (source)."`
	List    requestsListCommand    `cmd:"" help:"List transfer requests."`
	Show    requestsShowCommand    `cmd:"" help:"Show a transfer request."`
	Watch   requestsWatchCommand   `cmd:"" help:"Follow a transfer request until it is finished."`
	Accept  requestsAcceptCommand  `cmd:"" help:"Accept, all or some SIMs (destination)."`
	Decline requestsDeclineCommand `cmd:"" help:"Decline, all or some SIMs (destination)."`
	Cancel  requestsCancelCommand  `cmd:"" help:"Cancel, all or some SIMs (source, or support)."`
	Approve requestsApproveCommand `cmd:"" help:"Approve (support)."`
	Deny    requestsDenyCommand    `cmd:"" help:"Deny (support)."`
	Retry   requestsRetryCommand   `cmd:"" help:"Ask again for the SIMs that were not transferred (source, or support)."`
	Results requestsResultsCommand `cmd:"" help:"Write what became of every SIM, as CSV or NDJSON."`
}

// request is a transfer request as the API shows it.
type request struct {
	ID          string        `json:"id"`
	State       string        `json:"state"`
	WaitingFor  *string       `json:"waiting_for"`
	Source      string        `json:"source"`
	Destination string        `json:"destination"`
	Batch       string        `json:"batch"`
	RetryOf     string        `json:"retry_of"`
	RetriedBy   []string      `json:"retried_by"`
	Counts      counts        `json:"counts"`
	Reasons     []reasonCount `json:"reasons"`
	Fees        *struct {
		Currency string `json:"currency"`
		Quoted   int64  `json:"quoted_minor"`
		Charged  int64  `json:"charged_minor"`
		Unquoted int    `json:"unquoted"`
	} `json:"fees"`
	Landing     *landing   `json:"landing"`
	Ticket      *string    `json:"ticket"`
	FeeOverride *int64     `json:"fee_minor"`
	FeeReason   *string    `json:"fee_reason"`
	CreatedAt   *time.Time `json:"created_at"`
	ExpiresAt   *time.Time `json:"expires_at"`
	FinishedAt  *time.Time `json:"finished_at"`
}

type reasonCount struct {
	State  string `json:"state"`
	Reason string `json:"reason"`
	Remedy string `json:"remedy"`
	Count  int    `json:"count"`
}

// counts are SIMs by their states.
type counts struct {
	SIMs       int `json:"sims"`
	Pending    int `json:"pending"`
	Eligible   int `json:"eligible"`
	Completed  int `json:"completed"`
	Ineligible int `json:"ineligible"`
	Failed     int `json:"failed"`
	Canceled   int `json:"canceled"`
	Declined   int `json:"declined"`
	Denied     int `json:"denied"`
	Expired    int `json:"expired"`
}

// String lists the states that SIMs are in.
func (c counts) String() string {
	var list []string
	for _, s := range []struct {
		name string
		n    int
	}{
		{"pending", c.Pending},
		{"eligible", c.Eligible},
		{"completed", c.Completed},
		{"ineligible", c.Ineligible},
		{"failed", c.Failed},
		{"canceled", c.Canceled},
		{"declined", c.Declined},
		{"denied", c.Denied},
		{"expired", c.Expired},
	} {
		if s.n > 0 {
			list = append(list, fmt.Sprintf("%d %s", s.n, s.name))
		}
	}
	return strings.Join(list, ", ")
}

// state is where the request is, and until when.
func (r request) state() string {
	if r.FinishedAt == nil && r.WaitingFor != nil && r.ExpiresAt != nil {
		return r.State + " until " + instant(r.ExpiresAt)
	}
	return r.State
}

// transferRow is what became of a SIM, as the API shows it.
type transferRow struct {
	Line       int     `json:"line"`
	Identifier string  `json:"identifier"`
	ICCID      string  `json:"iccid"`
	State      string  `json:"state"`
	Method     string  `json:"method"`
	Reason     string  `json:"reason"`
	Fee        *amount `json:"fee"`
	Advice     string  `json:"advice"`
}

// amount is money, as the API shows it.
type amount struct {
	Minor    int64  `json:"amount_minor"`
	Currency string `json:"currency"`
}

// String is the amount for people; for nil that is nothing.
func (a *amount) String() string {
	if a == nil {
		return ""
	}
	return money(a.Minor, a.Currency)
}

func requestPath(id uuid.UUID, more ...string) string {
	return place(append([]string{"transfer-requests", id.String()}, more...)...)
}

func printRequest(l *link, r request) error {
	t := newTable(l.Out)
	t.add("Request", r.ID)
	t.add("State", r.state())
	if r.WaitingFor != nil && r.FinishedAt == nil {
		t.add("Waiting for", *r.WaitingFor)
	}
	t.add("From", r.Source)
	t.add("To", r.Destination)
	t.add("SIMs", fmt.Sprintf("%d: %s", r.Counts.SIMs, r.Counts))
	if f := r.Fees; f != nil && r.State != "validating" { // nothing is quoted until then
		fees := money(f.Charged, f.Currency) + " charged"
		if r.FinishedAt == nil {
			fees = money(f.Quoted, f.Currency) + " quoted, " + fees
		}
		if f.Unquoted > 0 {
			fees += fmt.Sprintf(", %d SIMs without a quote", f.Unquoted)
		}
		t.add("Fees", fees)
		if r.FeeOverride != nil {
			t.add("Fee per SIM", fmt.Sprintf("%s (%s)", money(*r.FeeOverride, f.Currency), text(r.FeeReason)))
		}
	}
	for _, row := range []struct{ name, value string }{
		{"Arriving with", r.Landing.String()},
		{"Ticket", text(r.Ticket)},
		{"Batch", r.Batch},
		{"Retry of", r.RetryOf},
		{"Retried by", strings.Join(r.RetriedBy, ", ")},
	} {
		if row.value != "" {
			t.add(row.name, row.value)
		}
	}
	t.add("Asked for", instant(r.CreatedAt))
	if r.FinishedAt != nil {
		t.add("Finished", instant(r.FinishedAt))
	}
	if err := t.flush(); err != nil {
		return err
	}
	return printReasons(l, r.Reasons)
}

func printReasons(l *link, reasons []reasonCount) error {
	if len(reasons) == 0 {
		return nil
	}
	fmt.Fprintln(l.Out)
	t := newTable(l.Out, "SIMS", "STATE", "REASON", "WHAT TO DO")
	for _, r := range reasons {
		t.add(strconv.Itoa(r.Count), r.State, r.Reason, r.Remedy)
	}
	return t.flush()
}

type requestsListCommand struct {
	paging
	Direction string     `enum:"outgoing,incoming,both" default:"both" help:"Only what the account sends, or what it is to receive: outgoing, incoming or both."`
	State     string     `enum:"validating,in_review,awaiting_acceptance,transferring,completed,rejected,canceled,declined,denied,expired," default:"" help:"Only requests in this state, such as in_review or awaiting_acceptance."`
	Account   operatorID `placeholder:"OP…" help:"Only the requests of this account (support)."`
	Batch     string     `placeholder:"ID" help:"Only the requests of this batch."`
	Ticket    string     `help:"Only requests that were approved with this reference (support)."`
	SIM       simName    `name:"sim" help:"Only requests for this SIM: an ICCID, IMSI or MSISDN."`
	Reason    string     `enum:"sim_not_found,sim_terminated,already_transferring,needs_support,plan_not_transferable,sim_locked,status_changed,owner_changed,account_closed,session_not_dropped,internal_error," default:"" placeholder:"REASON" help:"Only requests with a SIM that was not transferred for this reason, such as sim_locked."`
	Method    string     `enum:"self_service,support_assisted," default:"" help:"Only requests with a SIM that goes by this method: self_service or support_assisted."`
	Since     *time.Time `placeholder:"TIME" help:"Only requests made at this instant or later, as in 2030-01-31T00:00:00Z."`
	Before    *time.Time `placeholder:"TIME" help:"Only requests made before this instant."`
	remote
}

// Help is the detailed help.
func (requestsListCommand) Help() string {
	return `The latest come first.

Examples:

    simtransfer requests list --direction=incoming --state=awaiting_acceptance
    simtransfer requests list --state=in_review --all
    simtransfer requests list --sim=8988211000000000011 --since=2030-01-31T00:00:00Z`
}

// Run carries the command out.
func (c *requestsListCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.open(s)
	if err != nil {
		return err
	}
	list := listing{paging: c.paging, path: "/v1/transfer-requests", query: url.Values{
		"direction":      {c.Direction},
		"state":          {c.State},
		"account":        {string(c.Account)},
		"batch":          {c.Batch},
		"ticket":         {c.Ticket},
		"sim":            {string(c.SIM)},
		"reason":         {c.Reason},
		"method":         {c.Method},
		"created_after":  {exactly(c.Since)},
		"created_before": {exactly(c.Before)},
	}}
	return printList(ctx, l, list, requestColumns(), requestRow)
}

func requestColumns() []string {
	return []string{"REQUEST", "FROM", "TO", "SIMS", "OPEN", "COMPLETED", "STATE"}
}

func requestRow(r request) []string {
	return []string{
		r.ID,
		r.Source,
		r.Destination,
		strconv.Itoa(r.Counts.SIMs),
		strconv.Itoa(r.Counts.Pending + r.Counts.Eligible),
		strconv.Itoa(r.Counts.Completed),
		r.state(),
	}
}

type requestsShowCommand struct {
	ID     uuid.UUID `arg:"" name:"id" help:"The request's id."`
	SIMs   bool      `name:"sims" help:"List its SIMs, too: what becomes of each, and why."`
	State  string    `enum:"pending,eligible,completed,ineligible,failed,canceled,declined,denied,expired," default:"" help:"With --sims: only those in this state, such as eligible or failed."`
	Reason string    `enum:"sim_not_found,sim_terminated,already_transferring,needs_support,plan_not_transferable,sim_locked,status_changed,owner_changed,account_closed,session_not_dropped,internal_error," default:"" placeholder:"REASON" help:"With --sims: only those that were not transferred for this reason, such as sim_locked."`
	Method string    `enum:"self_service,support_assisted," default:"" help:"With --sims: only those that go by this method: self_service or support_assisted."`
	remote
}

// Help is the detailed help.
func (requestsShowCommand) Help() string {
	return `Examples:

    simtransfer requests show 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21
    simtransfer requests show 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --sims --state=ineligible`
}

// Run carries the command out.
func (c *requestsShowCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.open(s)
	if err != nil {
		return err
	}
	var r request
	answer, err := l.get(ctx, requestPath(c.ID), &r)
	if err != nil {
		return err
	}
	if err := l.show(answer, func() error { return printRequest(l, r) }); err != nil || !c.SIMs {
		return err
	}
	if !l.json {
		fmt.Fprintln(l.Out)
	}
	list := listing{paging: paging{All: true}, path: requestPath(c.ID, "transfers"), query: url.Values{"state": {c.State}, "reason": {c.Reason}, "method": {c.Method}}, most: 1000}
	head := []string{"LINE", "SIM", "ICCID", "STATE", "METHOD", "FEE", "REASON OR ADVICE"}
	return printList(ctx, l, list, head, func(t transferRow) []string {
		return []string{strconv.Itoa(t.Line), t.Identifier, t.ICCID, t.State, t.Method, t.Fee.String(), cmp.Or(t.Reason, t.Advice)}
	})
}

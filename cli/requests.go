package cli

import (
	"bufio"
	"context"
	"fmt"
	"net/url"
	"slices"
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
}

// request is a transfer request as the API shows it.
type request struct {
	ID          string        `json:"id"`
	State       string        `json:"state"`
	WaitingFor  *string       `json:"waiting_for"`
	Source      string        `json:"source"`
	Destination string        `json:"destination"`
	Batch       string        `json:"batch"`
	Counts      counts        `json:"counts"`
	Reasons     []reasonCount `json:"reasons"`
	Fees        *struct {
		Currency string `json:"currency"`
		Quoted   int64  `json:"quoted_minor"`
		Charged  int64  `json:"charged_minor"`
		Unquoted int    `json:"unquoted"`
	} `json:"fees"`
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
	Line       int    `json:"line"`
	Identifier string `json:"identifier"`
	ICCID      string `json:"iccid"`
	State      string `json:"state"`
	Method     string `json:"method"`
	Reason     string `json:"reason"`
	Remedy     string `json:"remedy"`
	Fee        *struct {
		Minor    int64  `json:"amount_minor"`
		Currency string `json:"currency"`
	} `json:"fee"`
	SessionDropped bool       `json:"session_dropped"`
	Advice         string     `json:"advice"`
	FinishedAt     *time.Time `json:"finished_at"`
}

func requestPath(id uuid.UUID, more ...string) string {
	return place(append([]string{"transfer-requests", id.String()}, more...)...)
}

type requestsCreateCommand struct {
	terms
	ToEmail    string     `required:"" placeholder:"EMAIL" help:"Primary email of the account that shall receive the SIMs."`
	ToOperator operatorID `required:"" placeholder:"OP…" help:"Its operator id: both have to fit together."`
	SIMs       []string   `arg:"" optional:"" name:"sim" help:"ICCIDs, IMSIs or MSISDNs: up to 100,000."`
	File       string     `placeholder:"FILE" predictor:"file" help:"Read SIMs from a file, one per line; - is standard input."`
	post
}

// terms are embedded in the commands that ask for transfers.
type terms struct {
	SelfServiceOnly bool          `help:"Leave SIMs out that would need support, and a fee."`
	Acceptance      time.Duration `placeholder:"24h" help:"How long the destination has, once it can accept: 1s to 720h."`
	OnBehalfOf      operatorID    `placeholder:"OP…" help:"Ask for this account (support)."`
}

// seconds is the acceptance period as the API wants it; zero is its default.
func (t terms) seconds() (int64, error) {
	if t.Acceptance < 0 || t.Acceptance%time.Second != 0 {
		return 0, usageError("--acceptance has to be whole seconds, such as 90s or 24h")
	}
	return int64(t.Acceptance / time.Second), nil
}

// Help is the detailed help.
func (requestsCreateCommand) Help() string {
	return `Asks another account to take over SIMs. The answer comes at once; whether each SIM can go, and what it costs, is found out after that: see requests watch. For more SIMs, or several destinations, see batches submit.

Examples:

    simtransfer requests create --to-email=sims@example.com --to-operator=OP0000000002 8988211000000000011
    simtransfer requests create --to-email=sims@example.com --to-operator=OP0000000002 --file=sims.txt --acceptance=72h
    id=$(simtransfer requests create … --json | jq -r .id)`
}

// Run carries the command out.
func (c *requestsCreateCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.open(s)
	if err != nil {
		return err
	}
	sims, err := someSIMs{SIM: c.SIMs, File: c.File}.read(s)
	if err != nil {
		return err
	}
	if len(sims) == 0 {
		return usageError("name the SIMs, or a --file that lists them")
	}
	acceptance, err := c.seconds()
	if err != nil {
		return err
	}
	type destination struct {
		Email      string     `json:"email"`
		OperatorID operatorID `json:"operator_id"`
	}
	var made request
	answer, err := l.post(ctx, c.post, "/v1/transfer-requests", struct {
		Destination       destination `json:"destination"`
		SIMs              []string    `json:"sims"`
		SelfServiceOnly   bool        `json:"self_service_only,omitempty"`
		AcceptanceSeconds int64       `json:"acceptance_seconds,omitempty"`
		OnBehalfOf        operatorID  `json:"on_behalf_of,omitempty"`
	}{destination{c.ToEmail, c.ToOperator}, sims, c.SelfServiceOnly, acceptance, c.OnBehalfOf}, &made)
	if err != nil {
		return err
	}
	return l.show(answer, func() error {
		if err := printRequest(l, made); err != nil {
			return err
		}
		l.note("Follow it with: simtransfer requests watch %s", made.ID)
		return nil
	})
}

// someSIMs is embedded in decisions that can be about some SIMs alone.
type someSIMs struct {
	SIM  []string `placeholder:"SIM" help:"Only this SIM. Several are separated by commas, or the flag is repeated."`
	File string   `placeholder:"FILE" predictor:"file" help:"Only the SIMs of this file, one per line; - is standard input."`
}

// read returns the SIMs that were named.
func (n someSIMs) read(s *Session) ([]string, error) {
	sims := n.SIM
	if n.File == "" {
		return sims, nil
	}
	file, closeFile, err := s.open(n.File)
	if err != nil {
		return nil, err
	}
	defer func() { _ = closeFile() }()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if name := strings.TrimSpace(lines.Text()); name != "" {
			sims = append(sims, name)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading the SIMs of %s: %w", n.File, err)
	}
	if len(sims) == 0 {
		return nil, usageError("%s names no SIM; to mean all of them, leave --file out", n.File)
	}
	return sims, nil
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
	if f := r.Fees; f != nil {
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
	if r.Ticket != nil {
		t.add("Ticket", *r.Ticket)
	}
	if r.Batch != "" {
		t.add("Batch", r.Batch)
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
	remote
}

// Help is the detailed help.
func (requestsListCommand) Help() string {
	return `The latest come first.

Examples:

    simtransfer requests list --direction=incoming --state=awaiting_acceptance
    simtransfer requests list --state=in_review --all`
}

// Run carries the command out.
func (c *requestsListCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.open(s)
	if err != nil {
		return err
	}
	list := listing{paging: c.paging, path: "/v1/transfer-requests", query: url.Values{
		"direction": {c.Direction},
		"state":     {c.State},
		"account":   {string(c.Account)},
		"batch":     {c.Batch},
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
	ID    uuid.UUID `arg:"" name:"id" help:"The request's id."`
	SIMs  bool      `name:"sims" help:"List its SIMs, too: what becomes of each, and why."`
	State string    `enum:"pending,eligible,completed,ineligible,failed,canceled,declined,denied,expired," default:"" help:"With --sims: only those in this state, such as eligible or failed."`
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
	list := listing{paging: paging{All: true}, path: requestPath(c.ID, "transfers"), query: url.Values{"state": {c.State}}, most: 1000}
	head := []string{"LINE", "SIM", "ICCID", "STATE", "METHOD", "FEE", "REASON OR ADVICE"}
	return printList(ctx, l, list, head, func(t transferRow) []string {
		fee, why := "", t.Advice
		if t.Fee != nil {
			fee = money(t.Fee.Minor, t.Fee.Currency)
		}
		if t.Reason != "" {
			why = t.Reason
		}
		return []string{strconv.Itoa(t.Line), t.Identifier, t.ICCID, t.State, t.Method, fee, why}
	})
}

// decision is embedded in the decisions about a request.
type decision struct {
	ID uuid.UUID `arg:"" name:"id" help:"The request's id."`
	post
}

// decide sends a decision and prints what the request is after it.
func (d decision) decide(ctx context.Context, s *Session, verb string, body any) error {
	l, err := d.open(s)
	if err != nil {
		return err
	}
	var r request
	answer, err := l.post(ctx, d.post, requestPath(d.ID, verb), body, &r)
	if err != nil {
		return err
	}
	return l.show(answer, func() error { return printRequest(l, r) })
}

// about is the body of a decision about some SIMs, or all of them.
type about struct {
	SIMs   []string `json:"sims,omitempty"`
	Reason string   `json:"reason,omitempty"`
}

type requestsAcceptCommand struct {
	someSIMs
	decision
}

// Help is the detailed help.
func (requestsAcceptCommand) Help() string {
	return `From now on the SIMs change hands. Of a request that is accepted in part, the other SIMs are declined. See what is in it before, with requests show ID --sims.

Examples:

    simtransfer requests accept 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21
    simtransfer requests accept 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --sim=8988211000000000011
    simtransfer requests accept 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --file=wanted.txt`
}

// Run carries the command out.
func (c *requestsAcceptCommand) Run(ctx context.Context, s *Session) error {
	sims, err := c.read(s)
	if err != nil {
		return err
	}
	return c.decide(ctx, s, "accept", about{SIMs: sims})
}

type requestsDeclineCommand struct {
	someSIMs
	Reason string `help:"Why, for the source to read."`
	decision
}

// Help is the detailed help.
func (requestsDeclineCommand) Help() string {
	return `Of a request that is declined in part, the other SIMs stay open.

Examples:

    simtransfer requests decline 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --reason="not ordered"
    simtransfer requests decline 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --sim=8988211000000000011`
}

// Run carries the command out.
func (c *requestsDeclineCommand) Run(ctx context.Context, s *Session) error {
	sims, err := c.read(s)
	if err != nil {
		return err
	}
	return c.decide(ctx, s, "decline", about{SIMs: sims, Reason: c.Reason})
}

type requestsCancelCommand struct {
	someSIMs
	decision
}

// Help is the detailed help.
func (requestsCancelCommand) Help() string {
	return `A request can be canceled until it is accepted. Of one that is canceled in part, the other SIMs stay open.

Examples:

    simtransfer requests cancel 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21
    simtransfer requests cancel 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --sim=8988211000000000011,8988211000000000029`
}

// Run carries the command out.
func (c *requestsCancelCommand) Run(ctx context.Context, s *Session) error {
	sims, err := c.read(s)
	if err != nil {
		return err
	}
	return c.decide(ctx, s, "cancel", about{SIMs: sims})
}

type requestsApproveCommand struct {
	Ticket    string `required:"" help:"Support's reference."`
	Fee       *int64 `placeholder:"MINOR" help:"What each SIM costs that needs support, in place of what was quoted, in the minor unit of the source's currency: 250 is 2.50 EUR; 0 waives it."`
	FeeReason string `help:"Why the fee is changed or waived."`
	decision
}

// Validate refuses half of a change.
func (c *requestsApproveCommand) Validate() error {
	if (c.Fee != nil) != (c.FeeReason != "") {
		return usageError("--fee and --fee-reason go together")
	}
	return nil
}

// Help is the detailed help.
func (requestsApproveCommand) Help() string {
	return `Examples:

    simtransfer requests approve 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --ticket=CASE-1001
    simtransfer requests approve 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --ticket=CASE-1001 --fee=0 --fee-reason=goodwill`
}

// Run carries the command out.
func (c *requestsApproveCommand) Run(ctx context.Context, s *Session) error {
	return c.decide(ctx, s, "approve", struct {
		Ticket    string `json:"ticket"`
		Fee       *int64 `json:"fee_minor,omitempty"`
		FeeReason string `json:"fee_reason,omitempty"`
	}{c.Ticket, c.Fee, c.FeeReason})
}

type requestsDenyCommand struct {
	Reason string `required:"" help:"Why, for the source to read."`
	decision
}

// Help is the detailed help.
func (requestsDenyCommand) Help() string {
	return `A denial ends the whole request. Its ready SIMs, which need no support, can be asked for again.

Example:

    simtransfer requests deny 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --reason="contract ended"`
}

// Run carries the command out.
func (c *requestsDenyCommand) Run(ctx context.Context, s *Session) error {
	return c.decide(ctx, s, "deny", about{Reason: c.Reason})
}

type eventsCommand struct {
	ID uuid.UUID `arg:"" name:"request" help:"The request's id."`
	remote
}

// Help is the detailed help.
func (eventsCommand) Help() string {
	return `Every decision and every outcome: when, by whom, and what it led to. An account sees the names of its own API keys; support sees all.

Example:

    simtransfer events 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21`
}

// event is an entry of a request's history, as the API shows it.
type event struct {
	Seq    int            `json:"seq"`
	At     *time.Time     `json:"at"`
	Kind   string         `json:"kind"`
	Party  string         `json:"party"`
	Key    string         `json:"key"`
	To     string         `json:"to"`
	Detail map[string]any `json:"detail"`
}

// who caused the event, with the name of the key if it is told.
func (e event) who() string {
	if e.Key == "" {
		return e.Party
	}
	return fmt.Sprintf("%s (%s)", e.Party, e.Key)
}

// detail lists what else is known, in a stable order.
func (e event) detail() string {
	var list []string
	for name, value := range e.Detail {
		list = append(list, fmt.Sprintf("%s=%v", name, value))
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// Run carries the command out.
func (c *eventsCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.open(s)
	if err != nil {
		return err
	}
	list := listing{paging: paging{All: true}, path: requestPath(c.ID, "events")}
	return printList(ctx, l, list, []string{"TIME", "WHO", "WHAT", "STATE", "DETAIL"}, func(e event) []string {
		return []string{instant(e.At), e.who(), e.Kind, e.To, e.detail()}
	})
}

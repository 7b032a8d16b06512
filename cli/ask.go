package cli

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// asking is embedded in the commands that say which SIMs shall go where.
type asking struct {
	ToEmail    string     `required:"" placeholder:"EMAIL" help:"Primary email of the account that shall receive the SIMs."`
	ToOperator operatorID `required:"" placeholder:"OP…" help:"Its operator id: both have to fit together."`
	SIMs       []string   `arg:"" optional:"" name:"sim" help:"ICCIDs, IMSIs or MSISDNs: up to 100,000."`
	File       string     `placeholder:"FILE" predictor:"file" help:"Read SIMs from a file, one per line; - is standard input."`
	terms
}

// newRequest is what a request is made from, as the API wants it.
type newRequest struct {
	Destination       destination `json:"destination"`
	SIMs              []string    `json:"sims"`
	SelfServiceOnly   bool        `json:"self_service_only,omitempty"`
	AcceptanceSeconds int64       `json:"acceptance_seconds,omitempty"`
	OnBehalfOf        operatorID  `json:"on_behalf_of,omitempty"`
}

type destination struct {
	Email      string     `json:"email"`
	OperatorID operatorID `json:"operator_id"`
}

// body is what is sent.
func (a asking) body(s *Session) (newRequest, error) {
	sims, err := someSIMs{SIM: a.SIMs, File: a.File}.read(s)
	if err != nil {
		return newRequest{}, err
	}
	if len(sims) == 0 {
		return newRequest{}, usageError("name the SIMs, or a --file that lists them")
	}
	acceptance, err := a.seconds()
	return newRequest{destination{a.ToEmail, a.ToOperator}, sims, a.SelfServiceOnly, acceptance, a.OnBehalfOf}, err
}

type requestsCreateCommand struct {
	asking
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
	body, err := c.body(s)
	if err != nil {
		return err
	}
	var made request
	answer, err := l.post(ctx, c.post, "/v1/transfer-requests", body, &made)
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

type requestsRetryCommand struct {
	Reasons         []string      `name:"reason" placeholder:"REASON" help:"Only SIMs that were not transferred for this reason, such as sim_locked. Several are separated by commas."`
	SelfServiceOnly bool          `help:"Leave SIMs out that would need support, and a fee."`
	Acceptance      time.Duration `placeholder:"24h" help:"How long the destination has, once it can accept; as long as before if it is left out."`
	decision
}

// Help is the detailed help.
func (requestsRetryCommand) Help() string {
	return `Makes a new request for the SIMs that failed, were ineligible or expired, and those that were denied for the sake of others. Each goes by the method that it needs now.

Examples:

    simtransfer requests retry 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21
    simtransfer requests retry 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --reason=session_not_dropped`
}

// Run carries the command out.
func (c *requestsRetryCommand) Run(ctx context.Context, s *Session) error {
	acceptance, err := terms{Acceptance: c.Acceptance}.seconds()
	if err != nil {
		return err
	}
	return c.decideWithin(ctx, bulkTimeout, s, "retry", struct {
		Reasons           []string `json:"reasons,omitempty"`
		SelfServiceOnly   bool     `json:"self_service_only,omitempty"`
		AcceptanceSeconds int64    `json:"acceptance_seconds,omitempty"`
	}{c.Reasons, c.SelfServiceOnly, acceptance})
}

type previewCommand struct {
	asking
	remote
}

// Help is the detailed help.
func (previewCommand) Help() string {
	return `Tells which of the SIMs could go now, how, for which fee, and what becomes of their settings. Nothing is made and nothing is held: the quote that binds is that of the request itself.

Examples:

    simtransfer preview --to-email=sims@example.com --to-operator=OP0000000002 8988211000000000011
    simtransfer preview --to-email=sims@example.com --to-operator=OP0000000002 --file=sims.txt --json`
}

// preview is what a request would come to, as the API shows it.
type preview struct {
	Eligible   int `json:"eligible"`
	Ineligible int `json:"ineligible"`
	Totals     []struct {
		Method   string `json:"method"`
		Currency string `json:"currency"`
		SIMs     int    `json:"sims"`
		Fees     int64  `json:"fees_minor"`
		Unquoted int    `json:"unquoted"`
	} `json:"totals"`
	Reasons  []reasonCount `json:"reasons"`
	Settings []struct {
		Method string   `json:"method"`
		Kept   []string `json:"kept"`
		Lost   []string `json:"lost"`
	} `json:"settings"`
	Items []struct {
		Line       int     `json:"line"`
		Identifier string  `json:"identifier"`
		ICCID      string  `json:"iccid"`
		Status     string  `json:"status"`
		Method     string  `json:"method"`
		Reason     string  `json:"reason"`
		Fee        *amount `json:"fee"`
	} `json:"items"`
}

// Run carries the command out.
func (c *previewCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.open(s)
	if err != nil {
		return err
	}
	body, err := c.body(s)
	if err != nil {
		return err
	}
	var p preview
	answer, err := l.send(ctx, http.MethodPost, "/v1/transfer-requests/preview", body, &p)
	if err != nil {
		return err
	}
	return l.show(answer, func() error { return printPreview(l, p) })
}

func printPreview(l *link, p preview) error {
	t := newTable(l.Out, "LINE", "SIM", "ICCID", "STATUS", "METHOD", "FEE", "WHY NOT")
	for _, i := range p.Items {
		t.add(strconv.Itoa(i.Line), i.Identifier, i.ICCID, i.Status, i.Method, i.Fee.String(), i.Reason)
	}
	if err := t.flush(); err != nil {
		return err
	}
	fmt.Fprintf(l.Out, "\n%d of %d SIMs could go.\n", p.Eligible, p.Eligible+p.Ineligible)
	t = newTable(l.Out, "METHOD", "SIMS", "FEES", "KEPT", "LOST")
	for _, total := range p.Totals {
		fees := money(total.Fees, total.Currency)
		if total.Unquoted > 0 {
			fees += fmt.Sprintf(", and %d SIMs without a quote", total.Unquoted)
		}
		kept, lost := "", ""
		for _, s := range p.Settings {
			if s.Method == total.Method {
				kept, lost = strings.Join(s.Kept, ", "), strings.Join(s.Lost, ", ")
			}
		}
		t.add(total.Method, strconv.Itoa(total.SIMs), fees, kept, lost)
	}
	if len(p.Totals) > 0 {
		fmt.Fprintln(l.Out)
	}
	if err := t.flush(); err != nil {
		return err
	}
	return printReasons(l, p.Reasons)
}

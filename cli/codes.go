package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"simtransfer/client"
	"simtransfer/qrcode"
	"simtransfer/transfer"
)

type codesCommand struct {
	Create codesCreateCommand `cmd:"" help:"Make a transfer code for SIMs and print it once (source)."`
	List   codesListCommand   `cmd:"" help:"List transfer codes, without the codes themselves."`
	Show   codesShowCommand   `cmd:"" help:"Show a transfer code and its SIMs, without the code itself."`
	Revoke codesRevokeCommand `cmd:"" help:"Revoke transfer codes (source or support)."`
	Redeem codesRedeemCommand `cmd:"" help:"Get the SIMs of a transfer code (destination)."`
}

type codesCreateCommand struct {
	simSelection
	Valid      time.Duration `min:"10m" max:"7d" step:"1s" placeholder:"24h" help:"How long the code can be redeemed, from 10 minutes to 7 days. Default: 1 day."`
	Reference  nonEmpty      `placeholder:"TEXT" help:"Your reference, such as a purchase order. The destination sees it."`
	Message    nonEmpty      `placeholder:"TEXT" help:"What the destination should know."`
	Acceptance time.Duration `min:"1s" max:"30d" step:"1s" placeholder:"24h" help:"Time that the destination has to accept the request."`

	SelfServiceOnly bool   `help:"Leave out SIMs that need support's approval and cost a fee."`
	QR              string `name:"qr" placeholder:"FILE" predictor:"file" help:"Write the QR code to a file that ends in .png or .svg. Default: draw it in the terminal."`
	post
}

// Validate implements kong's validation.
func (c *codesCreateCommand) Validate() error {
	if ext := strings.ToLower(filepath.Ext(c.QR)); c.QR != "" && ext != ".png" && ext != ".svg" {
		return usageError("--qr=%s: give a file name that ends in .png or .svg", c.QR)
	}
	return nil
}

// Help returns the detailed help.
func (codesCreateCommand) Help() string {
	return `Standard output has only the code; the QR code goes to standard error, or to a file. The code is not shown again. The first account that redeems it becomes the destination of a transfer request, which it accepts as usual. The SIMs are not reserved until then.

SIMs are selected as by requests create. The code is for the SIMs that are selected when it is made.

Examples:

    simtransfer codes create 8988211000000000011 --valid=2h
    simtransfer codes create --lot=box-7 --expect-count=250
    simtransfer codes create --file=sims.txt --reference=PO-4711 --qr=code.png`
}

// Run runs the command.
func (c *codesCreateCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	sims, filter, err := c.read(s)
	if err != nil {
		return err
	}
	made, err := l.client.CreateTransferCode(ctx, client.NewTransferCode{
		SIMs: sims.names, Filter: filter, AllSIMs: c.AllSIMs, ExpectCount: c.ExpectCount,
		SelfServiceOnly: c.SelfServiceOnly, AcceptanceSeconds: seconds(c.Acceptance), ValidSeconds: seconds(c.Valid),
		Reference: string(c.Reference), Message: string(c.Message),
	}, l.options(c.idempotent())...)
	if err != nil {
		return sims.locate(l.explain(err))
	}
	if c.QR != "" && made.QR != nil {
		picture := made.QR.PNG
		if strings.EqualFold(filepath.Ext(c.QR), ".svg") {
			picture = []byte(made.QR.SVG)
		}
		if err := os.WriteFile(c.QR, picture, 0o600); err != nil {
			l.note("Transfer code %s, until %s. It cannot be shown again: %s", made.ID, timeText(made.ExpiresAt), made.Code)
			return fmt.Errorf("writing the QR code: %w", err)
		}
	}
	return l.show(func() error {
		if made.QR != nil && c.QR == "" {
			drawn, err := qrcode.New(made.QR.Content)
			if err != nil {
				return err
			}
			l.note("%s", strings.TrimSuffix(drawn.Terminal(), "\n"))
		}
		l.note("Transfer code %s, until %s. It cannot be shown again:", made.ID, timeText(made.ExpiresAt))
		_, err := fmt.Fprintln(l.Out, made.Code)
		return err
	})
}

type codesListCommand struct {
	State     []string   `enum:"${code_states}" placeholder:"STATE" help:"Only codes in this state: ${code_states}. Separate several with commas."`
	Reference string     `help:"Only codes with this reference."`
	Account   accountRef `placeholder:"OP…" help:"Only codes of this account (support)."`
	paging
	remote
}

// Help returns the detailed help.
func (codesListCommand) Help() string {
	return `Example:

    simtransfer codes list --state=open`
}

// Run runs the command.
func (c *codesListCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	filter := client.CodeFilter{States: typed[transfer.CodeState](c.State), Reference: c.Reference, Account: c.Account.ref()}
	list := func(p client.Paging) (client.Page[client.TransferCode], error) {
		return l.client.ListTransferCodes(ctx, filter, p, l.options()...)
	}
	head := []string{"ID", "STATE", "SIMS", "REFERENCE", "EXPIRES", "DESTINATION"}
	return printList(l, c.paging, maxPage, list, head, func(t client.TransferCode) []string {
		return []string{t.ID.String(), string(t.State), strconv.Itoa(t.Size), t.Reference, timeText(t.ExpiresAt), string(t.Destination)}
	})
}

type codesShowCommand struct {
	IDs []uuid.UUID `arg:"" name:"id" help:"Ids of the transfer codes."`
	showsETag
	remote
}

// Help returns the detailed help.
func (codesShowCommand) Help() string {
	return `Example:

    simtransfer codes show 0198c5f2-3e21-7d4f-9b52-6cad4e8f2071`
}

// Run runs the command.
func (c *codesShowCommand) Run(ctx context.Context, s *Session) error {
	return showEach(s, c.remote, c.showsETag, c.IDs, func(l *connection, id uuid.UUID, options ...client.Option) (client.TransferCode, error) {
		return l.client.GetTransferCode(ctx, id, options...)
	}, printCode)
}

func printCode(l *connection, code client.TransferCode) error {
	t := newTable(l.Out)
	t.add("Transfer code", code.ID.String())
	t.add("State", string(code.State))
	for _, row := range []struct{ name, value string }{
		{"From", string(code.Source)},
		{"To", string(code.Destination)},
		{"SIMs", strconv.Itoa(code.Size)},
		{"Reference", code.Reference},
		{"Message", code.Message},
		{"Created", timeText(code.CreatedAt)},
		{"Expires", timeText(code.ExpiresAt)},
		{"Revoked", timeText(valueOrZero(code.RevokedAt))},
		{"Redeemed", timeText(valueOrZero(code.RedeemedAt))},
	} {
		if row.value != "" {
			t.add(row.name, row.value)
		}
	}
	if code.Request != nil {
		t.add("Request", code.Request.String())
	}
	for _, sim := range code.SIMs {
		t.add("SIM", sim)
	}
	return t.flush()
}

type codesRevokeCommand struct {
	IDs []uuid.UUID `arg:"" name:"id" help:"Ids of the transfer codes, as in codes list."`
	condition
	remote
}

// Validate implements kong's validation.
func (c *codesRevokeCommand) Validate() error { return c.oneOf(len(c.IDs)) }

// Help returns the detailed help.
func (codesRevokeCommand) Help() string {
	return `Example:

    simtransfer codes revoke 0198c5f2-3e21-7d4f-9b52-6cad4e8f2071`
}

// Run runs the command.
func (c *codesRevokeCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	return forEach(l, c.IDs, func(id uuid.UUID) error {
		if err := l.client.RevokeTransferCode(ctx, id, l.options(c.ifMatch())...); err != nil {
			return l.explain(err)
		}
		l.note("Transfer code %s is revoked.", id)
		return nil
	})
}

type codesRedeemCommand struct {
	Code string `arg:"" help:"Transfer code, in upper or lower case, with or without hyphens, or the link of its QR code; - reads it from standard input."`
	post
}

// Help returns the detailed help.
func (codesRedeemCommand) Help() string {
	return `Makes a transfer request to your account, which you accept as usual. You see it when its SIMs are validated and support has approved those that need it. After several wrong codes, your account has to wait for an hour.

Examples:

    simtransfer codes redeem 8J3K-Q2ZV-7MXA-04RT-HW04
    simtransfer codes redeem - < code.txt`
}

// Run runs the command.
func (c *codesRedeemCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	text := c.Code
	if text == "-" {
		read, err := io.ReadAll(io.LimitReader(s.In, transfer.MaxCodeText))
		if err != nil {
			return fmt.Errorf("reading the transfer code: %w", err)
		}
		text = string(read)
	}
	code, err := transfer.ParseCode(strings.TrimSpace(text)) // so that a typing error costs no attempt
	if err != nil {
		return usageError("%w", err)
	}
	r, err := l.client.RedeemTransferCode(ctx, client.RedeemCode{Code: code.String()}, l.options(c.idempotent())...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error {
		t := newTable(l.Out)
		t.add("Request", r.Request.String())
		if r.Reference != "" {
			t.add("Reference", r.Reference)
		}
		if r.Message != "" {
			t.add("Message", r.Message)
		}
		if err := t.flush(); err != nil {
			return err
		}
		l.note("When its SIMs are validated: simtransfer requests list --direction=incoming")
		return nil
	})
}

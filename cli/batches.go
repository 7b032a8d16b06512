package cli

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"
)

type batchesCommand struct {
	Submit  batchesSubmitCommand  `cmd:"" help:"Ask for many transfers to many destinations, by a file."`
	List    batchesListCommand    `cmd:"" help:"List batches."`
	Watch   batchesWatchCommand   `cmd:"" help:"Follow a batch until it is finished."`
	Results batchesResultsCommand `cmd:"" help:"Write what became of every SIM, as CSV or NDJSON."`
	Cancel  batchesCancelCommand  `cmd:"" help:"Cancel what is left of a batch."`
}

// batch is a batch as the API shows it.
type batch struct {
	ID        string     `json:"id"`
	Source    string     `json:"source"`
	CreatedAt *time.Time `json:"created_at"`
	Finished  bool       `json:"finished"`
	Counts    counts     `json:"counts"`
	Requests  int        `json:"request_count"`
	Items     []request  `json:"requests"`
}

func batchPath(id uuid.UUID, more ...string) string {
	return place(append([]string{"batches", id.String()}, more...)...)
}

type batchesSubmitCommand struct {
	uploaded
	terms
	watching
	Watch bool `help:"Follow the batch until it is finished, as batches watch does."`
	post
}

// Help is the detailed help.
func (batchesSubmitCommand) Help() string {
	return `All rows of the file are accepted, or none if one of them is wrong. They become one request per destination. The file is sent as it is read: up to a million rows.

Columns of a CSV file, or fields of an object: sim, destination_email, destination_operator_id.

Examples:

    simtransfer batches submit transfers.csv
    simtransfer batches submit transfers.csv --self-service-only --watch
    zcat transfers.ndjson.gz | simtransfer batches submit - --format=ndjson`
}

// Run carries the command out.
func (c *batchesSubmitCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.open(s)
	if err != nil {
		return err
	}
	acceptance, err := c.seconds()
	if err != nil {
		return err
	}
	q := url.Values{"on_behalf_of": {string(c.OnBehalfOf)}}
	if acceptance > 0 {
		q.Set("acceptance_seconds", strconv.FormatInt(acceptance, 10))
	}
	if c.SelfServiceOnly {
		q.Set("self_service_only", "true")
	}
	path := "/v1/batches"
	if text := query(q); text != "" {
		path += "?" + text
	}
	var made batch
	answer, err := c.send(ctx, l, c.post, path, &made)
	if err != nil {
		return err
	}
	if err := l.show(answer, func() error { return printBatch(l, made) }); err != nil {
		return err
	}
	if !c.Watch {
		l.note("Follow it with: simtransfer batches watch %s", made.ID)
		return nil
	}
	return c.followBatch(ctx, l, made.ID)
}

func printBatch(l *link, b batch) error {
	t := newTable(l.Out)
	t.add("Batch", b.ID)
	t.add("From", b.Source)
	t.add("SIMs", fmt.Sprintf("%d: %s", b.Counts.SIMs, b.Counts))
	t.add("Submitted", instant(b.CreatedAt))
	t.add("Finished", yes(b.Finished))
	if err := t.flush(); err != nil || len(b.Items) == 0 {
		return err
	}
	fmt.Fprintln(l.Out)
	t = newTable(l.Out, requestColumns()...)
	for _, r := range b.Items {
		t.add(requestRow(r)...)
	}
	if err := t.flush(); err != nil {
		return err
	}
	if more := b.Requests - len(b.Items); more > 0 {
		l.note("There are %d more: simtransfer requests list --batch=%s --all", more, b.ID)
	}
	return nil
}

type batchesListCommand struct {
	paging
	Account  operatorID `placeholder:"OP…" help:"Only the batches of this account (support)."`
	Finished string     `enum:"true,false," default:"" help:"Only batches that are finished, or only those that are not: true or false."`
	Since    *time.Time `placeholder:"TIME" help:"Only batches made at this instant or later, as in 2030-01-31T00:00:00Z."`
	Before   *time.Time `placeholder:"TIME" help:"Only batches made before this instant."`
	remote
}

// Help is the detailed help.
func (batchesListCommand) Help() string {
	return `The latest come first. The requests of one batch: requests list --batch=ID.

Examples:

    simtransfer batches list --finished=false
    simtransfer batches list --account=OP0000000001 --all`
}

// Run carries the command out.
func (c *batchesListCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.open(s)
	if err != nil {
		return err
	}
	list := listing{paging: c.paging, path: "/v1/batches", query: url.Values{
		"account":        {string(c.Account)},
		"finished":       {c.Finished},
		"created_after":  {exactly(c.Since)},
		"created_before": {exactly(c.Before)},
	}}
	head := []string{"BATCH", "FROM", "SUBMITTED", "REQUESTS", "SIMS", "OPEN", "COMPLETED", "FINISHED"}
	return printList(ctx, l, list, head, func(b batch) []string {
		return []string{
			b.ID,
			b.Source,
			instant(b.CreatedAt),
			strconv.Itoa(b.Requests),
			strconv.Itoa(b.Counts.SIMs),
			strconv.Itoa(b.Counts.Pending + b.Counts.Eligible),
			strconv.Itoa(b.Counts.Completed),
			yes(b.Finished),
		}
	})
}

type batchesCancelCommand struct {
	ID uuid.UUID `arg:"" name:"id" help:"The batch's id."`
	post
}

// Help is the detailed help.
func (batchesCancelCommand) Help() string {
	return `Cancels every request of the batch that can still be: what was accepted goes on.

Example:

    simtransfer batches cancel 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21`
}

// Run carries the command out.
func (c *batchesCancelCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.open(s)
	if err != nil {
		return err
	}
	var done struct {
		Canceled int `json:"canceled"`
		Requests []struct {
			Request  string `json:"request"`
			Canceled bool   `json:"canceled"`
			State    string `json:"state"`
			Detail   string `json:"detail"`
		} `json:"requests"`
	}
	answer, err := l.do(ctx, Request{
		Method: "POST", Path: batchPath(c.ID, "cancel"), IdempotencyKey: c.key(), Timeout: bulkTimeout,
	}, &done)
	if err != nil {
		return err
	}
	return l.show(answer, func() error {
		t := newTable(l.Out, "REQUEST", "CANCELED", "STATE", "WHY NOT")
		for _, r := range done.Requests {
			t.add(r.Request, yes(r.Canceled), r.State, r.Detail)
		}
		if err := t.flush(); err != nil {
			return err
		}
		l.note("%d of %d requests canceled.", done.Canceled, len(done.Requests))
		return nil
	})
}

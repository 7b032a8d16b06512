package cli

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"simtransfer/client"
)

type batchesCommand struct {
	Create  batchesCreateCommand  `cmd:"" help:"Create transfer requests for many SIMs to one destination, such as all SIMs of an account."`
	Submit  batchesSubmitCommand  `cmd:"" help:"Create transfer requests to one or more destinations from a file."`
	List    batchesListCommand    `cmd:"" help:"List batches."`
	Show    batchesShowCommand    `cmd:"" help:"Show a batch and its requests."`
	Watch   batchesWatchCommand   `cmd:"" help:"Follow a batch until it is finished."`
	Results batchesResultsCommand `cmd:"" help:"Write the results of all SIMs as CSV or NDJSON."`
	Cancel  batchesCancelCommand  `cmd:"" help:"Cancel the requests of a batch that can still be canceled."`
}

type batchesSubmitCommand struct {
	upload
	terms
	words
	watchingNew
	post
}

// watchingNew is embedded in the commands that create a batch.
type watchingNew struct {
	watching
	Watch bool `help:"Follow the batch until it is finished, as batches watch does."`
}

type batchesCreateCommand struct {
	newRequest
	requestWords
	watchingNew
	post
}

// Help returns the detailed help.
func (batchesCreateCommand) Help() string {
	return `Creates a transfer request for each 100,000 of the SIMs that are selected, up to 1,000,000. SIMs are selected as by requests create.

Examples:

    simtransfer batches create --to-email=sims@example.com --to-operator=OP0000000002 --all-sims --expect-count=250000
    simtransfer batches create --to-email=sims@example.com --to-operator=OP0000000002 --status=ready,active --watch`
}

// Help returns the detailed help.
func (batchesSubmitCommand) Help() string {
	return `Accepts all rows of the file, or none if a row has an error, and creates one transfer request per destination. The file can have up to a million rows and is streamed.

CSV columns or JSON fields: sim, destination_email, destination_operator_id, and optionally reference: your own reference for the SIM.

Examples:

    simtransfer batches submit transfers.csv
    simtransfer batches submit transfers.csv --self-service-only --watch
    simtransfer batches submit transfers.csv --reference=PO-4711 --unique-reference
    zcat transfers.ndjson.gz | simtransfer batches submit - --format=ndjson`
}

// Run runs the command.
func (c *batchesCreateCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	body, sims, err := c.body(s)
	if err != nil {
		return err
	}
	c.addTo(&body)
	b, err := l.client.CreateBatchFromSelection(ctx, body, l.options(client.Timeout(bulkTimeout), c.idempotent())...)
	if err != nil {
		return sims.locate(l.explain(err))
	}
	return c.follow(ctx, l, b)
}

// Run runs the command.
func (c *batchesSubmitCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	b, err := c.submit(ctx, l)
	if err != nil {
		return err
	}
	return c.follow(ctx, l, b)
}

// follow prints a batch that was created, and follows it if --watch is set.
func (c watchingNew) follow(ctx context.Context, l *connection, b client.Batch) error {
	if err := l.show(func() error { return printBatch(l, b) }); err != nil {
		return err
	}
	if !c.Watch {
		l.note("To follow it: simtransfer batches watch %s", b.ID)
		return nil
	}
	return c.followBatch(ctx, l, b.ID)
}

func (c *batchesSubmitCommand) submit(ctx context.Context, l *connection) (client.Batch, error) {
	f, err := c.openUpload(l)
	if err != nil {
		return client.Batch{}, err
	}
	defer f.close()
	terms := client.BatchTerms{
		SelfServiceOnly: c.SelfServiceOnly, AcceptanceSeconds: seconds(c.Acceptance), OnBehalfOf: c.OnBehalfOf.ref(),
		Reference: string(c.Reference), UniqueReference: c.UniqueReference, Message: string(c.Message),
	}
	b, err := l.client.CreateBatch(ctx, f.format, f.reader, terms, l.options(client.Timeout(bulkTimeout), c.idempotent(), c.columns())...)
	if err != nil {
		return b, l.explain(err)
	}
	return b, nil
}

// finishedText says whether a batch is finished, and how many of its SIMs were
// transferred.
func finishedText(b client.Batch) string {
	if !b.Finished {
		return yesNo(b.Finished)
	}
	return yesNo(b.Finished) + ", " + outcomeText(b.Outcome, b.Counts)
}

func printBatch(l *connection, b client.Batch) error {
	t := newTable(l.Out)
	t.add("Batch", b.ID.String())
	t.add("From", string(b.Source))
	t.add("SIMs", countsText(b.Counts))
	for _, row := range []struct{ name, value string }{{"Reference", b.Reference}, {"Message", b.Message}} {
		if row.value != "" {
			t.add(row.name, row.value)
		}
	}
	t.add("Created", timeText(b.CreatedAt))
	t.add("Finished", finishedText(b))
	if err := t.flush(); err != nil || len(b.Requests) == 0 {
		return err
	}
	fmt.Fprintln(l.Out)
	t = newTable(l.Out, requestColumns()...)
	for _, r := range b.Requests {
		t.add(requestRow(r)...)
	}
	if err := t.flush(); err != nil {
		return err
	}
	if more := b.Size - len(b.Requests); more > 0 {
		l.note("There are %d more requests: simtransfer requests list --batch=%s --all", more, b.ID)
	}
	return nil
}

type batchesListCommand struct {
	paging
	Account   accountRef `placeholder:"OP…" help:"Only batches of this account (support)."`
	Finished  string     `enum:"true,false," default:"" help:"true: only finished batches; false: only batches that are not finished."`
	Reference string     `help:"Only batches with this reference."`
	Since     time.Time  `placeholder:"TIME" help:"Only batches created at or after this time, such as 2030-01-31 or 2030-01-31T14:30+01:00. Without a zone, the time is in UTC."`
	Before    time.Time  `placeholder:"TIME" help:"Only batches created before this time."`
	remote
}

// Help returns the detailed help.
func (batchesListCommand) Help() string {
	return `Lists the latest batches first. To list the requests of a batch, use requests list --batch=ID.

Examples:

    simtransfer batches list --finished=false
    simtransfer batches list --account=OP0000000001 --all`
}

// Run runs the command.
func (c *batchesListCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	filter := client.BatchFilter{
		Account:       c.Account.ref(),
		Finished:      optionalBool(c.Finished),
		Reference:     c.Reference,
		CreatedAfter:  c.Since,
		CreatedBefore: c.Before,
	}
	list := func(p client.Paging) (client.Page[client.Batch], error) {
		return l.client.ListBatches(ctx, filter, p, l.options()...)
	}
	head := []string{"BATCH", "FROM", "CREATED", "REQUESTS", "SIMS", "OPEN", "COMPLETED", "FINISHED"}
	return printList(l, c.paging, maxPage, list, head, func(b client.Batch) []string {
		return []string{
			b.ID.String(),
			string(b.Source),
			timeText(b.CreatedAt),
			strconv.Itoa(b.Size),
			strconv.Itoa(b.Counts.SIMs),
			strconv.Itoa(b.Counts.Pending + b.Counts.Eligible),
			strconv.Itoa(b.Counts.Completed),
			finishedText(b),
		}
	})
}

type batchesShowCommand struct {
	IDs []uuid.UUID `arg:"" name:"id" help:"Ids of the batches."`
	remote
}

// Help returns the detailed help.
func (batchesShowCommand) Help() string {
	return `Example:

    simtransfer batches show 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21`
}

// Run runs the command.
func (c *batchesShowCommand) Run(ctx context.Context, s *Session) error {
	return showEach(s, c.remote, showsETag{}, c.IDs, func(l *connection, id uuid.UUID, options ...client.Option) (client.Batch, error) {
		return l.client.GetBatch(ctx, id, options...)
	}, printBatch)
}

type batchesCancelCommand struct {
	IDs []uuid.UUID `arg:"" name:"id" help:"Ids of the batches."`
	decisionWords
	post
}

// Help returns the detailed help.
func (batchesCancelCommand) Help() string {
	return `Requests that were already accepted are not canceled.

Examples:

    simtransfer batches cancel 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21
    simtransfer batches cancel 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 --code=duplicate --reason="PO-4711 was uploaded twice"`
}

// Run runs the command.
func (c *batchesCancelCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	return forEach(l, c.IDs, func(id uuid.UUID) error { return c.one(ctx, l, id) })
}

// one cancels a batch.
func (c *batchesCancelCommand) one(ctx context.Context, l *connection, id uuid.UUID) error {
	done, err := l.client.CancelBatch(ctx, id, client.BatchCancellation{Code: c.code(), Reason: string(c.Reason)}, l.options(client.Timeout(bulkTimeout), c.idempotentFor(id, c.IDs))...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error {
		t := newTable(l.Out, "REQUEST", "CANCELED", "STATE", "REASON")
		for _, r := range done.Requests {
			t.add(r.Request.String(), yesNo(r.Canceled), string(r.State), r.Detail)
		}
		if err := t.flush(); err != nil {
			return err
		}
		l.note("%d of %s canceled.", done.Canceled, counted(len(done.Requests), "request", "requests"))
		return nil
	})
}

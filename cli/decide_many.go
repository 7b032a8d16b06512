package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"simtransfer/client"
	"simtransfer/textfile"
	"simtransfer/transfer"
)

// manyRequests is embedded in the commands with which support decides on one
// request or on many at once.
type manyRequests struct {
	IDs         []uuid.UUID   `arg:"" optional:"" name:"id" help:"Ids of the requests."`
	File        string        `placeholder:"FILE" predictor:"file" help:"Read ids of requests from a file, one per line; - is standard input."`
	All         bool          `help:"All requests in review."`
	Account     accountRef    `placeholder:"OP…" help:"All requests in review that this account sends."`
	Reference   string        `help:"All requests in review with this reference of the source."`
	Batch       *uuid.UUID    `placeholder:"ID" help:"All requests in review of this batch."`
	OlderThan   time.Duration `min:"1s" step:"1s" placeholder:"3d" help:"All requests in review that were created longer ago than this, such as 36h or 7d."`
	ExpectCount *int          `aliases:"expect" min:"0" placeholder:"N" help:"Number of requests that you expect to be selected. If it is another number, nothing is decided. Required to select requests in review; --dry-run shows it."`
	DryRun      bool          `help:"Show what would happen, and decide nothing."`
	condition
	post
}

// filter returns what selects requests in review, nil if nothing does.
func (m *manyRequests) filter() *client.ReviewQueue {
	if !m.All && m.Account.ref() == "" && m.Reference == "" && m.Batch == nil && m.OlderThan == 0 {
		return nil
	}
	f := &client.ReviewQueue{Account: m.Account.ref(), Reference: m.Reference, Batch: m.Batch}
	if m.OlderThan > 0 {
		before := time.Now().Add(-m.OlderThan).UTC().Truncate(time.Second)
		f.CreatedBefore = &before
	}
	return f
}

// Validate implements kong's validation.
func (m *manyRequests) Validate() error {
	filter := m.filter()
	named := len(m.IDs) > 0 || m.File != ""
	switch {
	case !named && filter == nil:
		return usageError("no requests: name their ids, set --file, or select them with --account, --older-than, --reference, --batch or --all")
	case named && filter != nil:
		return usageError("the requests are both named and selected by flags: do one of the two")
	case filter != nil && m.ExpectCount == nil && !m.DryRun:
		return usageError("--expect-count is required to select requests: --dry-run shows how many there are")
	case m.IfMatch != "" && !m.one():
		return usageError("--if-match is for one request: name only that one")
	}
	return nil
}

// one reports whether the command is about one request that is named.
func (m *manyRequests) one() bool {
	return len(m.IDs) == 1 && m.File == "" && m.ExpectCount == nil && !m.DryRun
}

// decision returns the command as one about a single request.
func (m *manyRequests) decision() decision {
	return decision{onRequest: onRequest{IDs: m.IDs, post: m.post}, condition: m.condition}
}

// decideMany makes a call for all requests or, if there are more than a call can
// take, for each part of them.
func (m *manyRequests) decideMany(s *Session, call func(*client.Client, client.RequestChoice, ...client.Option) (client.RequestDecisions, error)) error {
	ids := m.IDs
	if m.File != "" {
		listed, err := readRequestIDs(s, m.File)
		if err != nil {
			return err
		}
		ids = append(slices.Clone(ids), listed...)
	}
	l, err := m.connect(s)
	if err != nil {
		return err
	}
	choice := client.RequestChoice{Filter: m.filter(), ExpectCount: m.ExpectCount, DryRun: m.DryRun}
	if choice.Filter == nil && len(ids) > transfer.MaxDecisions && m.ExpectCount != nil {
		if *m.ExpectCount != len(ids) {
			return usageError("%d requests are named, not %d: nothing was decided", len(ids), *m.ExpectCount)
		}
		choice.ExpectCount = nil // which is about all parts
	}
	chosen, decided, part := 0, 0, 0
	for more := true; more; part++ {
		post := m.post
		if part > 0 && post.IdempotencyKey != "" {
			post.IdempotencyKey += idempotencyKey(fmt.Sprintf(" part %d", part+1))
		}
		choice.Requests = nil
		for _, id := range ids[:min(transfer.MaxDecisions, len(ids))] {
			choice.Requests = append(choice.Requests, id.String())
		}
		ids = ids[len(choice.Requests):]
		more = len(ids) > 0
		done, err := call(l.client, choice, l.options(client.Timeout(bulkTimeout), post.idempotent())...)
		if err != nil {
			return l.explain(err)
		}
		chosen, decided = chosen+done.Chosen, decided+done.Decided
		if err := l.show(func() error { return printDecisions(l, done) }); err != nil {
			return err
		}
	}
	switch {
	case m.DryRun:
		l.note("%s selected, %d can be decided. Nothing was changed.", counted(chosen, "request", "requests"), decided)
	default:
		l.note("%d of %s decided.", decided, counted(chosen, "request", "requests"))
	}
	if decided < chosen && !m.DryRun {
		return Reported(&exitError{ExitIncomplete, errors.New("some requests were not decided")})
	}
	return nil
}

func printDecisions(l *connection, d client.RequestDecisions) error {
	head := "DECIDED"
	if d.DryRun {
		head = "POSSIBLE"
	}
	t := newTable(l.Out, "REQUEST", head, "STATE", "REASON")
	for _, r := range d.Requests {
		t.add(r.Request.String(), yesNo(r.Decided), string(r.State), r.Detail)
	}
	return t.flush()
}

// readRequestIDs reads the ids of requests in a file, one per line. Blank lines and
// a heading are skipped.
func readRequestIDs(s *Session, name string) ([]uuid.UUID, error) {
	file, closeFile, err := s.open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = closeFile() }()
	if name == "-" {
		name = "standard input"
	}
	text, err := io.ReadAll(io.LimitReader(textfile.NewReader(file), maxListSize+1))
	switch {
	case errors.Is(err, textfile.ErrWorkbook), errors.Is(err, textfile.ErrDocument), errors.Is(err, textfile.ErrDamaged):
		return nil, usageError("%s is %w: save it as a text file in UTF-8", name, err)
	case err != nil:
		return nil, fmt.Errorf("reading the ids in %s: %w", name, err)
	case len(text) > maxListSize:
		return nil, usageError("%s is longer than %d MiB: split it", name, maxListSize>>20)
	}
	var ids []uuid.UUID
	for i, line := range strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(text)), "\n") {
		cell := strings.Trim(transfer.Trim(line), "\"',;")
		id, err := uuid.Parse(cell)
		switch {
		case cell == "", err != nil && len(ids) == 0 && slices.Contains([]string{"id", "ids", "request", "requests"}, strings.ToLower(cell)):
		case err != nil:
			return nil, usageError("%s line %d: %q is not the id of a request", name, i+1, cell)
		default:
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil, usageError("%s contains no id of a request", name)
	}
	return ids, nil
}

package cli

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"simtransfer/client"
	"simtransfer/transfer"
)

type requestsCommentCommand struct {
	ID        uuid.UUID        `arg:"" name:"id" help:"Id of the request."`
	Text      string           `arg:"" help:"The comment, up to 1,000 characters."`
	VisibleTo []transfer.Party `enum:"source,destination,support" placeholder:"PARTY" help:"Who sees it besides your own side and support: source, destination or support. Separate several with commas. Default: both sides and support."`
	post
}

// Help returns the detailed help.
func (requestsCommentCommand) Help() string {
	return `Both sides and support can comment on a request at any time. Support always sees a comment: --visible-to=support keeps it from the other side and, if support writes it, from both sides.

Examples:

    simtransfer requests comment 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 "The box is on its way."
    simtransfer requests comment 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21 "Please waive the fee." --visible-to=support`
}

// Run runs the command.
func (c *requestsCommentCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	made, err := l.client.AddComment(ctx, c.ID, client.NewComment{Text: c.Text, VisibleTo: c.VisibleTo}, l.options(c.idempotent())...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error {
		t := newTable(l.Out, commentColumns()...)
		t.add(commentRow(made)...)
		return t.flush()
	})
}

type requestsCommentsCommand struct {
	ID uuid.UUID `arg:"" name:"id" help:"Id of the request."`
	paging
	remote
}

// Help returns the detailed help.
func (requestsCommentsCommand) Help() string {
	return `Lists the oldest comments first.

Example:

    simtransfer requests comments 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21`
}

// Run runs the command.
func (c *requestsCommentsCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	list := func(p client.Paging) (client.Page[client.Comment], error) {
		return l.client.ListComments(ctx, c.ID, p, l.options()...)
	}
	return printList(l, c.paging, maxPage, list, commentColumns(), commentRow)
}

func commentColumns() []string { return []string{"TIME", "PARTY", "VISIBLE TO", "COMMENT"} }

func commentRow(c client.Comment) []string {
	readers := make([]string, len(c.VisibleTo))
	for i, p := range c.VisibleTo {
		readers[i] = string(p)
	}
	party := string(c.Party)
	if c.Key != "" || c.Person != nil {
		party = actorText(client.Event{Party: c.Party, Person: c.Person, Key: c.Key, KeyID: c.KeyID})
	}
	return []string{timeText(c.At), party, strings.Join(readers, ", "), c.Text}
}

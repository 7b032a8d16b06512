package client

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

// Mail is an entry of the log of mails.
type Mail struct {
	ID            int64               `json:"id"`
	Event         string              `json:"event"`             // what it is about
	Account       transfer.OperatorID `json:"account,omitempty"` // empty: it goes to a person
	Email         string              `json:"email"`
	Kind          transfer.MailKind   `json:"kind"`
	Type          transfer.MailType   `json:"type"`
	Request       *uuid.UUID          `json:"request,omitempty"`
	State         transfer.MailState  `json:"state"`
	Attempts      int                 `json:"attempts"`
	CreatedAt     time.Time           `json:"created_at"`
	NextAttemptAt *time.Time          `json:"next_attempt_at,omitempty"`
	AttemptedAt   *time.Time          `json:"attempted_at,omitempty"`
	EndedAt       *time.Time          `json:"ended_at,omitempty"`
	Code          *int                `json:"code,omitempty"` // what the mail server answered
	Error         string              `json:"error,omitempty"`
}

// MailFilter selects mails. A zero field selects all.
type MailFilter struct {
	Account transfer.AccountRef // for staff
	Email   string
	Request uuid.UUID
	States  []transfer.MailState
	Kinds   []transfer.MailKind
}

// ListMails returns a page of the log of mails, the latest first.
func (c *Client) ListMails(ctx context.Context, f MailFilter, p Paging, options ...Option) (Page[Mail], error) {
	q := p.query()
	q.set("account", string(f.Account))
	q.set("email", f.Email)
	if f.Request != uuid.Nil {
		q.set("request", f.Request.String())
	}
	q.set("state", commaSeparated(f.States))
	q.set("kind", commaSeparated(f.Kinds))
	return get[Page[Mail]](ctx, c, q.of(path("mails")), options)
}

// AccountMail is how mail to the contacts of an account goes.
type AccountMail struct {
	Sending bool          `json:"sending"`           // whether the service sends mail to contacts
	Failure string        `json:"failure,omitempty"` // of the mail server, for staff
	Refused []RefusedMail `json:"refused"`
	Off     []MailChoice  `json:"off"`
	Kinds   []MailKind    `json:"kinds"`
}

// RefusedMail is an address to which mail was refused.
type RefusedMail struct {
	Email  string    `json:"email"`
	Since  time.Time `json:"since"`
	LastAt time.Time `json:"last_at"`
	Code   *int      `json:"code,omitempty"`
	Error  string    `json:"error"`
	Remedy string    `json:"remedy"`
}

// MailChoice is a kind of mail that an address has turned off.
type MailChoice struct {
	Email string            `json:"email"`
	Kind  transfer.MailKind `json:"kind"`
	Since time.Time         `json:"since"`
}

// MailKind is a kind of mail.
type MailKind struct {
	Kind    transfer.MailKind       `json:"kind"`
	Purpose transfer.ContactPurpose `json:"purpose,omitempty"` // empty: it goes to a person
	When    string                  `json:"when"`
	Choice  bool                    `json:"choice"` // whether an address can turn it off
}

// NewMailChoice is the body of ChooseMail.
type NewMailChoice struct {
	Email string            `json:"email"`
	Kind  transfer.MailKind `json:"kind"`
	Off   bool              `json:"off"`
}

// GetAccountMail returns how mail to the contacts of an account goes.
func (c *Client) GetAccountMail(ctx context.Context, account transfer.AccountRef, options ...Option) (AccountMail, error) {
	return get[AccountMail](ctx, c, path("accounts", string(account), "mail"), options)
}

// ChooseMail turns a kind of mail off or on for an address of an account.
func (c *Client) ChooseMail(ctx context.Context, account transfer.AccountRef, choice NewMailChoice, options ...Option) (AccountMail, error) {
	var m AccountMail
	err := c.callJSON(ctx, http.MethodPut, path("accounts", string(account), "mail"), choice, &m, options...)
	return m, err
}

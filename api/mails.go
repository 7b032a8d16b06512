package api

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// Mail is an entry of the log of mails.
type Mail struct {
	ID            int64                `json:"id"`
	Event         string               `json:"event" doc:"What it is about. For a mail about a request, the cursor of the event in the event feed, which is also the webhook-id of the message about it."`
	Account       *transfer.OperatorID `json:"account,omitempty" doc:"The account whose contact it goes to. Left out for a mail to a person."`
	Email         string               `json:"email" format:"email" doc:"The address that it goes to."`
	Kind          transfer.MailKind    `json:"kind"`
	Type          transfer.MailType    `json:"type" doc:"Which text it has."`
	Request       *uuid.UUID           `json:"request,omitempty" format:"uuid"`
	State         transfer.MailState   `json:"state" doc:"pending: it will be sent, or tried again. sent: the mail server has taken it. failed: the mail server has refused it for good, or for three days. dropped: it was not sent, because it was no longer true or the address had turned mails of the kind off."`
	Attempts      int                  `json:"attempts"`
	CreatedAt     time.Time            `json:"created_at"`
	NextAttemptAt *time.Time           `json:"next_attempt_at,omitempty" doc:"The earliest time of the next attempt, if it is pending."`
	AttemptedAt   *time.Time           `json:"attempted_at,omitempty"`
	EndedAt       *time.Time           `json:"ended_at,omitempty" doc:"When the mail server took it, or it was given up."`
	Code          *int                 `json:"code,omitempty" doc:"What the mail server answered to the last attempt, if it did and did not take the mail."`
	Error         *string              `json:"error,omitempty" doc:"Why it was not sent."`
}

func viewMail(m storage.Mail) Mail {
	return Mail{
		ID: m.ID, Event: m.Event, Account: m.Account, Email: m.Address, Kind: m.Kind, Type: m.Type, Request: m.Request, State: m.State, Attempts: m.Attempts,
		CreatedAt: m.CreatedAt.UTC(), NextAttemptAt: utc(m.NextAttempt), AttemptedAt: utc(m.AttemptedAt), EndedAt: utc(m.EndedAt), Code: m.Code, Error: m.Error,
	}
}

type listMailsInput struct {
	Paging
	Account string               `query:"account" maxLength:"132" doc:"Only mails to contacts of the account with this operator id or external id. For staff."`
	Email   string               `query:"email" maxLength:"254" doc:"Only mails to this address."`
	Request string               `query:"request" format:"uuid" doc:"Only mails about this request."`
	State   []transfer.MailState `query:"state" nullable:"false" doc:"Only mails in one of these states."`
	Kind    []transfer.MailKind  `query:"kind" nullable:"false" doc:"Only mails of one of these kinds."`
}

func (s *server) listMails(ctx context.Context, in *listMailsInput) (*listOf[Mail], error) {
	account, err := s.listedAccount(ctx, in.Account)
	if err != nil {
		return nil, err
	}
	p := problem.New(problem.Invalid, "")
	f := storage.MailFilter{Account: account, States: in.State, Kinds: in.Kind, Limit: in.Limit + 1}
	if in.Email != "" {
		f.Address = parsed(p, "query.email", in.Email, transfer.ParseEmail)
	}
	if in.Request != "" {
		f.Request = new(parsed(p, "query.request", in.Request, uuid.Parse))
	}
	if len(p.Errors) > 0 {
		return nil, p
	}
	if f.Before, err = numberCursor(in.Cursor, 0, 64); err != nil {
		return nil, err
	}
	rows, err := s.db.Mails(ctx, f)
	if err != nil {
		return nil, err
	}
	if err := s.auditRead(ctx, storage.AuditEntry{
		Action: transfer.AuditMailList, Account: account, Object: "mail", After: map[string]any{"listed": min(len(rows), in.Limit), "email": in.Email},
	}); err != nil {
		return nil, err
	}
	return pageOf(rows, in.Limit, func(m storage.Mail) string { return itoa(m.ID) }, viewMail)
}

// AccountMail is how mail to the contacts of an account goes.
type AccountMail struct {
	Sending bool          `json:"sending" doc:"Whether the service sends mail to contacts: a worker that has a mail server was there within a day."`
	Failure string        `json:"failure,omitempty" doc:"What the mail server answered last, if it takes no mail at the moment. For staff."`
	Refused []RefusedMail `json:"refused" nullable:"false" doc:"The contacts, or the primary email, to which mail was refused. An address is listed until it is changed or a mail gets through."`
	Off     []MailChoice  `json:"off" nullable:"false" doc:"The kinds of mail that addresses have turned off."`
	Kinds   []MailKind    `json:"kinds" nullable:"false" doc:"The kinds of mail, and which contacts get them."`
}

// RefusedMail is an address to which mail was refused.
type RefusedMail struct {
	Email  string    `json:"email" format:"email"`
	Since  time.Time `json:"since" doc:"The first refusal since a mail last got through."`
	LastAt time.Time `json:"last_at"`
	Code   *int      `json:"code,omitempty" doc:"What the mail server answered."`
	Error  string    `json:"error" example:"550 no such mailbox"`
	Remedy string    `json:"remedy"`
}

// MailChoice is a kind of mail that an address has turned off.
type MailChoice struct {
	Email string            `json:"email" format:"email"`
	Kind  transfer.MailKind `json:"kind"`
	Since time.Time         `json:"since"`
}

// MailKind is a kind of mail.
type MailKind struct {
	Kind    transfer.MailKind       `json:"kind"`
	Purpose transfer.ContactPurpose `json:"purpose,omitempty" doc:"The contacts that get it; without any, the primary email does. Left out for mails to a person."`
	When    string                  `json:"when" doc:"When it is sent."`
	Choice  bool                    `json:"choice" doc:"Whether an address can turn it off. Mails about the security of an account cannot be turned off."`
}

const refusedRemedy = "Correct the address, or ask its owner why the mail server refuses mail. Until a mail gets through, further mails are tried as before."

func viewMailKinds() []MailKind {
	kinds := transfer.MailKinds()
	list := make([]MailKind, len(kinds))
	for i, k := range kinds {
		list[i] = MailKind{Kind: k, Purpose: k.Purpose(), When: k.Meaning(), Choice: k.CanBeTurnedOff()}
	}
	return list
}

type accountMailOutput struct{ Body AccountMail }

func (s *server) getAccountMail(ctx context.Context, in *AccountPath) (*accountMailOutput, error) {
	a, err := s.accountWithin(ctx, *in)
	if err != nil {
		return nil, err
	}
	if err := s.auditRead(ctx, storage.AuditEntry{
		Action: transfer.AuditAccountRead, Account: a.ID, Object: "account", ObjectID: string(a.OperatorID),
	}); err != nil {
		return nil, err
	}
	return s.accountMail(ctx, a)
}

func (s *server) accountMail(ctx context.Context, a storage.Account) (*accountMailOutput, error) {
	sender, err := s.db.MailSender(ctx)
	if err != nil {
		return nil, err
	}
	refused, err := s.db.MailRefusals(ctx, a.ID)
	if err != nil {
		return nil, err
	}
	off, err := s.db.MailChoices(ctx, a.ID)
	if err != nil {
		return nil, err
	}
	v := AccountMail{Sending: sender.Active, Refused: []RefusedMail{}, Off: []MailChoice{}, Kinds: viewMailKinds()}
	if isStaff(callerOf(ctx)) && sender.Failure != nil {
		v.Failure = *sender.Failure
	}
	for _, r := range refused {
		v.Refused = append(v.Refused, RefusedMail{Email: r.Address, Since: r.Since.UTC(), LastAt: r.LastAt.UTC(), Code: r.Code, Error: r.Error, Remedy: refusedRemedy})
	}
	for _, c := range off {
		v.Off = append(v.Off, MailChoice{Email: c.Address, Kind: c.Kind, Since: c.ChosenAt.UTC()})
	}
	return &accountMailOutput{Body: v}, nil
}

type chooseMailInput struct {
	AccountPath
	Body struct {
		Email string            `json:"email" maxLength:"254" doc:"The address, usually that of a contact."`
		Kind  transfer.MailKind `json:"kind"`
		Off   bool              `json:"off" doc:"Whether mails of the kind are not sent to the address."`
	}
}

func (s *server) chooseMail(ctx context.Context, in *chooseMailInput) (*accountMailOutput, error) {
	a, err := s.accountWithin(ctx, in.AccountPath)
	if err != nil {
		return nil, err
	}
	p := problem.New(problem.Invalid, "")
	address := parsed(p, "body.email", in.Body.Email, transfer.ParseEmail)
	if !in.Body.Kind.CanBeTurnedOff() {
		p.Add(problem.FieldError{Location: "body.kind", Message: "mails of this kind concern the security of the account and cannot be turned off", Value: string(in.Body.Kind)})
	}
	if len(p.Errors) > 0 {
		return nil, p
	}
	err = s.db.InRetriedTx(ctx, func(t *storage.Tx) error {
		_, err := t.ChooseMail(ctx, actingCaller(ctx), a.ID, address, in.Body.Kind, in.Body.Off)
		return err
	})
	if errors.Is(err, storage.ErrTooManyMailChoices) {
		return nil, problem.New(problem.AccountLimit, "the account has turned off too many kinds of mail: turn on those of addresses that are contacts no more")
	}
	if err != nil {
		return nil, err
	}
	return s.accountMail(ctx, a)
}

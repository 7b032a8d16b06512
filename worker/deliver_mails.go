package worker

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"simtransfer/mail"
	"simtransfer/notice"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// Mailer sends mail.
type Mailer interface {
	Send(ctx context.Context, l mail.Letter) error
}

// The times of sending mails.
const (
	mailTurn       = 20 * time.Second // after which the work is given back
	firstMailPause = 5 * time.Second  // after the mail server took no mail; it doubles each time
	maxMailPause   = 5 * time.Minute
	noMailerPause  = time.Minute // until a worker that sends mail has another chance
)

// deliverMails sends the mails that are due, one after the other. No other worker
// does meanwhile, because of the lease. What came of each is recorded at once, so
// that a worker that is killed makes at most one mail be sent a second time.
func (w *Worker) deliverMails(ctx context.Context, work storage.Work) error {
	if w.config.Mail == nil {
		return w.db.CloseMailWork(ctx, work, noMailerPause)
	}
	sender, err := w.db.MailSender(ctx)
	if err != nil {
		return err
	}
	failures := sender.Failures
	end := time.Now().Add(mailTurn)
	for time.Now().Before(end) && !w.isStopping() {
		m, err := w.db.StartMail(ctx, work)
		if errors.Is(err, storage.ErrNotFound) {
			break
		}
		if err != nil {
			return err
		}
		a := w.sendMail(ctx, m, failures)
		if err := ctx.Err(); err != nil {
			return err // the lease was lost, or the worker is at its end
		}
		if err := w.db.RecordMail(ctx, work, a); err != nil {
			return err
		}
		if a.Trouble {
			w.log.WarnContext(ctx, "the mail server takes no mail at the moment", "mail", m.ID, "error", a.Error, "pause", a.Pause.String())
			break
		}
		failures = 0
	}
	return w.db.CloseMailWork(ctx, work, 0)
}

// sendMail sends a mail and returns what to record. failures is how often in a row the
// mail server took no mail.
func (w *Worker) sendMail(ctx context.Context, m storage.DueMail, failures int) storage.MailAttempt {
	a := storage.MailAttempt{Mail: m.ID, Address: m.Address}
	if why := m.Outdated(); why != "" {
		a.State, a.Error = transfer.MailDropped, why
		return a
	}
	r := mail.Result{Later: true}
	if letter, err := w.letter(m); err != nil { // a corrected template may be able to
		w.log.ErrorContext(ctx, "a mail cannot be written", "mail", m.ID, "error", err.Error())
		r.Answer = err.Error()
	} else {
		r = mail.ResultOf(w.config.Mail.Send(ctx, letter))
	}
	a.Code, a.Error = r.Code, r.Answer
	switch {
	case r.Answer == "":
		a.State = transfer.MailSent
		return a
	case r.Refused:
		a.State, a.Refused = transfer.MailFailed, true
		return a
	}
	wait, again := transfer.NextMailAttempt(m.Attempts, m.Age(), rand.Float64()) //nolint:gosec // a jitter is no secret
	a.State, a.Wait = transfer.MailPending, wait
	if !r.Later {
		a.Trouble, a.Pause = true, min(firstMailPause<<min(failures, 10), maxMailPause)
		a.Wait = a.Pause
	}
	if !again {
		a.State, a.Refused = transfer.MailFailed, r.Later
		a.Error = "given up after three days: " + a.Error
	}
	return a
}

func (w *Worker) letter(m storage.DueMail) (mail.Letter, error) {
	news, err := m.News()
	if err != nil {
		return mail.Letter{}, err
	}
	return w.config.Notices.Letter(notice.Mail{
		ID: m.MessageID.String(), Event: m.Event, Address: m.Address, Account: m.Account, Kind: m.Kind, News: news, Secret: m.Secret,
	})
}

// mailActiveInterval is how often a worker that sends mail says so.
const mailActiveInterval = 10 * time.Minute

// keepMailActive says that there is a worker that sends mail, at once and then from
// time to time, until ctx is canceled: without one, no mails are made.
func (w *Worker) keepMailActive(ctx context.Context) {
	if w.config.Mail == nil {
		return
	}
	wait := time.Duration(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = mailActiveInterval
		if err := w.db.ActivateMail(ctx); err != nil && ctx.Err() == nil {
			w.log.WarnContext(ctx, "it could not be recorded that mail is sent", "error", err.Error())
			wait = errorPause
		}
	}
}

// errorPause is the delay before that is tried again.
const errorPause = 5 * time.Second

package api

import (
	"context"
	"log/slog"
	"time"

	"simtransfer/mail"
	"simtransfer/storage"
)

// invitationMailTimeout is how long the caller who invites waits for the mail server.
const invitationMailTimeout = 15 * time.Second

// mailInvitation mails the link of an invitation. If that fails, it logs why, and
// records and returns what to tell the caller who invites.
func (s *server) mailInvitation(ctx context.Context, i storage.Invitation, secret string) (failure *string, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), invitationMailTimeout)
	defer cancel()
	sendErr := s.Mail.Send(ctx, s.invitationLetter(i, secret))
	if sendErr == nil {
		return nil, nil
	}
	c := callOf(ctx)
	s.Log.LogAttrs(ctx, slog.LevelError, "an invitation could not be mailed",
		slog.Int64("invitation", i.ID), slog.String("error", sendErr.Error()), slog.String("request_id", c.id))
	text := "the mail could not be sent at the moment: invite the person again in a few minutes"
	if mail.Permanent(sendErr) {
		text = "the mail server does not accept mail to this address: check it, and invite the person again"
	}
	return &text, s.db.RecordInvitationMailError(ctx, i.ID, text)
}

// invitationLetter is the mail with the link of an invitation.
func (s *server) invitationLetter(i storage.Invitation, secret string) mail.Letter {
	host := s.publicHost()
	return mail.Letter{
		To: i.Email, Subject: "Invitation to " + host,
		Opening: inviter(i) + " invites you to join " + invitedTo(i) + " at " + host + ", where SIM cards are moved between accounts.",
		Facts: []mail.Fact{
			{Name: "Your role", Value: meaning(i)},
			{Name: "Open until", Value: mail.When(i.ExpiresAt, s.MailZone)},
		},
		Link: &mail.Link{Label: "See the invitation", URL: s.publicAddress(invitationPath + secret)},
		Closing: []string{
			"Opening the link changes nothing: the page shows what you accept, and asks you.",
			"If you do not expect this invitation, ignore this mail.",
		},
	}
}

package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"simtransfer/api/signin"
	"simtransfer/mail"
	"simtransfer/storage"
	"simtransfer/transfer"
)

const (
	linkRequestPath = signin.Path + "/mail" // POST asks for a link, GET says that it is on its way
	linkPath        = signin.Path + "/link/"

	linkCookie = "link" // keeps the secret of the browser that asked for a link

	maxLinkMails    = 16          // that are sent at a time by this process
	linkMailTimeout = time.Minute // to look a person up and send a mail
)

func (s *server) addMailSignIn(mux *http.ServeMux) {
	if s.Mail == nil {
		return
	}
	sameOrigin := s.sameOrigin()
	mux.Handle("POST "+linkRequestPath, sameOrigin.Handler(http.HandlerFunc(s.requestLink)))
	mux.HandleFunc("GET "+linkRequestPath, showLinkRequested)
	mux.HandleFunc("GET "+linkPath+"{secret}", s.showLink)
	mux.Handle("POST "+linkPath+"{secret}", sameOrigin.Handler(http.HandlerFunc(s.useLink)))
}

// requestLink sends a link to sign in with to an address. The answer is the same, and
// takes the same time, whether or not the address may sign in: the address is looked
// up afterwards.
func (s *server) requestLink(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxSignInBytes)
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(signInTimeout)) // a ResponseWriter without a connection returns an error, which is fine
	ctx := r.Context()
	email, err := transfer.ParseEmail(r.PostFormValue("email"))
	if err != nil {
		s.showSignIn(w, r, http.StatusUnprocessableEntity, "This is not an email address.")
		return
	}
	if s.tooManySignIns(w, r) {
		return
	}
	s.attempts.failed(callOf(ctx).address, "", time.Now()) // each request counts
	browser, err := linkBrowser(r)
	if err != nil {
		s.showProblem(w, r, err)
		return
	}
	l := storage.SignInLink{
		Email: email, Browser: browser, Network: networkOf(callOf(ctx).address).String(), Next: signin.Next(r.PostFormValue("next")), Issuer: s.OpenID.Issuer,
	}
	select {
	case s.linkMails <- struct{}{}:
		ctx := context.WithoutCancel(ctx)
		go func() {
			defer func() { <-s.linkMails }()
			s.sendLink(ctx, l)
		}()
	default:
		s.showSignIn(w, r, http.StatusServiceUnavailable, "Too many links are being sent at the moment. Try again in a minute.")
		return
	}
	signin.Of(ctx).SetFlow(w, linkCookie, browser, storage.SignInLinkPeriod)
	http.Redirect(w, r, linkRequestPath, http.StatusSeeOther)
}

// linkBrowser returns the secret of the browser: the one that it has, so that an
// earlier link keeps working, or a new one.
func linkBrowser(r *http.Request) (string, error) {
	if secret := signin.Flow(r, linkCookie); storage.IsSecret(secret) {
		return secret, nil
	}
	return storage.NewSecret()
}

// sendLink makes a link and mails it. It logs why it does not.
func (s *server) sendLink(ctx context.Context, l storage.SignInLink) {
	ctx, cancel := context.WithTimeout(ctx, linkMailTimeout)
	defer cancel()
	c := callOf(ctx)
	secret, err := s.db.CreateSignInLink(ctx, l)
	var unknown *storage.UnknownPersonError
	switch {
	case errors.As(err, &unknown), errors.Is(err, storage.ErrUsesProvider), errors.Is(err, storage.ErrPersonDisabled), errors.Is(err, storage.ErrTooManyLinks):
		// The address may be that of anyone, so it is not logged.
		s.Log.LogAttrs(ctx, slog.LevelInfo, "a link to sign in with was not sent",
			slog.String("reason", signInReason(err)), slog.String("address", c.address), slog.String("request_id", c.id))
		return
	case err == nil:
		err = s.Mail.Send(ctx, s.linkLetter(l, secret, c.address, time.Now()))
	}
	if err != nil {
		s.Log.LogAttrs(ctx, slog.LevelError, "a link to sign in with could not be sent",
			slog.String("error", err.Error()), slog.String("address", c.address), slog.String("request_id", c.id))
	}
}

// signInReason leaves the address out of an error.
func signInReason(err error) string {
	var unknown *storage.UnknownPersonError
	if errors.As(err, &unknown) {
		return "no one who may sign in has the address"
	}
	return err.Error()
}

// linkLetter is the mail with a link.
func (s *server) linkLetter(l storage.SignInLink, secret, address string, now time.Time) mail.Letter {
	host := s.publicHost()
	letter := mail.Letter{
		To: l.Email, Subject: "Sign in to " + host,
		Opening: "Someone who typed your address, probably you, wants to sign in to " + host + ".",
		Facts: []mail.Fact{
			{Name: "Asked at", Value: mail.When(now, s.MailZone)},
			{Name: "Works until", Value: mail.When(now.Add(storage.SignInLinkPeriod), s.MailZone)},
		},
		Link: &mail.Link{Label: "Sign in", URL: s.publicAddress(linkPath + secret)},
		Closing: []string{
			"The link works once, in the browser in which it was asked for.",
			"If it was not you, ignore this mail. No one can sign in without the link.",
		},
	}
	if address != "" {
		letter.Facts = append(letter.Facts, mail.Fact{Name: "From", Value: address})
	}
	return letter
}

// publicHost is what mails call this service.
func (s *server) publicHost() string {
	u, err := url.Parse(s.PublicURL)
	if err != nil {
		return s.PublicURL
	}
	return u.Host
}

func showLinkRequested(w http.ResponseWriter, _ *http.Request) {
	notice{Title: "Look into your mailbox", Text: []string{
		"If the address belongs to someone who may sign in here, a mail with a link is on its way. Open the link in this browser, within 15 minutes.",
		"No mail after a few minutes? Look among the unwanted mail, and check the address. People who sign in with a provider get no link.",
	}, Link: "Back to the sign-in page"}.show(w, http.StatusOK)
}

// showLink shows a button. It changes nothing: programs that scan mail follow links.
func (s *server) showLink(w http.ResponseWriter, r *http.Request) {
	if s.tooManySignIns(w, r) {
		return
	}
	secret := r.PathValue("secret")
	email, err := s.db.SignInLinkEmail(r.Context(), secret, signin.Flow(r, linkCookie))
	if err != nil {
		s.showSignInError(w, r, err)
		return
	}
	notice{Title: "Sign in", Text: []string{"You sign in as " + email + "."}, Button: "Sign in", Post: linkPath + secret}.show(w, http.StatusOK)
}

func (s *server) useLink(w http.ResponseWriter, r *http.Request) {
	if s.tooManySignIns(w, r) {
		return
	}
	secret, next, err := s.db.SignInByLink(r.Context(), r.PathValue("secret"), signin.Flow(r, linkCookie), s.OpenID.Issuer, browserOf(r))
	if err != nil {
		s.showSignInError(w, r, err)
		return
	}
	signin.Of(r.Context()).SetFlow(w, linkCookie, "", 0)
	s.signedIn(w, r, secret, next)
}

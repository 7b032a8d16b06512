package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"simtransfer/mail"
	texts "simtransfer/notice"
	"simtransfer/storage"
)

// unsubscribePath is where links in mails lead that turn mails of a kind off. The link
// is signed, so that no sign-in is needed.
const unsubscribePath = texts.UnsubscribePath

// maxUnsubscribeBytes is the maximum size of the body of a POST. Mail programs send
// List-Unsubscribe=One-Click.
const maxUnsubscribeBytes = 4 << 10

func (s *server) addUnsubscribe(mux *http.ServeMux) {
	mux.HandleFunc("GET "+unsubscribePath+"{link}", s.showUnsubscribe)
	mux.HandleFunc("POST "+unsubscribePath+"{link}", s.unsubscribe)
}

// unsubscribeLink returns what a link is about. It answers the request if the link is
// none.
func (s *server) unsubscribeLink(w http.ResponseWriter, r *http.Request) (texts.Unsubscribe, bool) {
	secret, err := s.db.UnsubscribeSecret(r.Context())
	if err != nil {
		s.problem(r.Context(), err).Write(w)
		return texts.Unsubscribe{}, false
	}
	if text, ok := mail.Verify(secret, r.PathValue("link")); ok {
		if u, ok := texts.ParseUnsubscribe(text); ok {
			return u, true
		}
	}
	notice{Title: "This link does not work", Alarm: true, Text: []string{
		"It is not a link from one of our mails, or it was cut off. Copy it from the mail again, or ask an owner of the account, who can turn mails off in the settings.",
	}}.show(w, http.StatusNotFound)
	return texts.Unsubscribe{}, false
}

// showUnsubscribe shows a button. It changes nothing: programs that scan mail follow
// links.
func (s *server) showUnsubscribe(w http.ResponseWriter, r *http.Request) {
	u, ok := s.unsubscribeLink(w, r)
	if !ok {
		return
	}
	link := unsubscribePath + r.PathValue("link")
	if r.URL.Query().Get("on") != "" {
		notice{Title: "Turn mails on again", Text: []string{whichMails(u)}, Button: "Turn on", Post: link + "?on=1"}.show(w, http.StatusOK)
		return
	}
	notice{
		Title: "Turn mails off", Text: []string{whichMails(u), "Other mails are sent as before. An owner of the account can turn these on again in the settings."},
		Button: "Turn off", Post: link,
	}.show(w, http.StatusOK)
}

func whichMails(u texts.Unsubscribe) string {
	return "Mails to " + u.Address + " of this kind: " + lowerFirst(u.Kind.Meaning())
}

func lowerFirst(text string) string { return strings.ToLower(text[:1]) + text[1:] }

// unsubscribe turns mails of a kind off, or on again with ?on=1. Mail programs call it
// with one click, from anywhere: what protects it is the signature of the link.
func (s *server) unsubscribe(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxUnsubscribeBytes)
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(signInTimeout)) // a ResponseWriter without a connection returns an error, which is fine
	u, ok := s.unsubscribeLink(w, r)
	if !ok {
		return
	}
	ctx, on := r.Context(), r.URL.Query().Get("on") != ""
	if err := s.chooseByLink(ctx, u, !on); err != nil {
		s.problem(ctx, err).Write(w)
		return
	}
	link := unsubscribePath + r.PathValue("link")
	if on {
		notice{Title: "Mails are on again", Text: []string{whichMails(u)}}.show(w, http.StatusOK)
		return
	}
	notice{Title: "Mails are off", Text: []string{whichMails(u), "If that was a mistake, turn them on again."}, Button: "Turn on again", Post: link + "?on=1"}.show(w, http.StatusOK)
}

func (s *server) chooseByLink(ctx context.Context, u texts.Unsubscribe, off bool) error {
	return s.db.InRetriedTx(ctx, func(t *storage.Tx) error {
		_, err := t.ChooseMail(ctx, storage.Actor{Address: callOf(ctx).address}, u.Account, u.Address, u.Kind, off)
		return err
	})
}

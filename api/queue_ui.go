package api

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"simtransfer/api/problem"
	"simtransfer/api/signin"
	"simtransfer/storage"
	"simtransfer/transfer"
)

const queueUIPath = "/ops/queues"

// addQueueUI serves the queue UI to administrators, who send their API key or
// have signed in with a browser.
func (s *server) addQueueUI(mux *http.ServeMux) {
	if s.QueueUI == nil {
		return
	}
	sameOrigin := s.sameOrigin()
	mux.Handle("GET /ops", http.RedirectHandler(queueUIPath, http.StatusSeeOther))
	mux.Handle("GET /ops/login", http.RedirectHandler(signin.Address(queueUIPath, false), http.StatusMovedPermanently)) // where it was
	page := newQueuePage(s.QueueUI)
	queues := sameOrigin.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serveQueueUI(w, r, page) }))
	mux.Handle(queueUIPath, queues)
	mux.Handle(queueUIPath+"/", queues)
}

func (s *server) serveQueueUI(w http.ResponseWriter, r *http.Request, page queuePage) {
	err := s.authorizeQueueUI(r)
	if err == nil && r.Method != http.MethodGet && r.Method != http.MethodHead {
		err = s.readQueueAct(r)
	}
	switch {
	case err == nil:
		if err := s.auditQueueCall(r); err != nil {
			s.problem(r.Context(), err).Write(w)
			return
		}
		w.Header().Set("Content-Security-Policy", queueAssetPolicy)
		switch {
		case strings.HasPrefix(r.URL.Path, queueCallsPath):
			s.callQueueUI(w, r)
		case isQueuePage(strings.TrimPrefix(r.URL.Path, queueUIPath)):
			page.serve(w)
		default:
			s.QueueUI.ServeHTTP(w, r)
		}
	case errors.Is(err, storage.ErrNotFound) && strings.Contains(r.Header.Get("Accept"), "text/html"):
		http.Redirect(w, r, signin.Address(queueUIPath, false), http.StatusSeeOther)
	case errors.Is(err, storage.ErrNotFound):
		s.problem(r.Context(), problem.New(problem.Unauthenticated, "sign in at "+signin.Path+" as an administrator")).Write(w)
	default:
		s.problem(r.Context(), err).Write(w)
	}
}

// readQueueAct reads the body of a call that may change a queue, and authorizes
// the call again: the API key may have been revoked until the body was complete.
func (s *server) readQueueAct(r *http.Request) error {
	text, err := readBody(r, maxBulkBytes)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(text))
	return s.authorizeQueueUI(r)
}

// auditQueueCall records a call that may change a queue before it is made,
// because the change is made in Redis and not in a transaction.
func (s *server) auditQueueCall(r *http.Request) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	return s.db.Audit(r.Context(), storage.AuditEntry{
		By: actingCaller(r.Context()), Action: transfer.AuditQueueAct, Object: "queue",
		ObjectID: clipped(strings.TrimPrefix(r.URL.Path, queueUIPath)), After: map[string]any{"method": r.Method},
	})
}

// clipped shortens a text that a client has chosen.
func clipped(text string) string {
	const limit = 200
	text = strings.ReplaceAll(text, "\x00", "")
	return strings.ToValidUTF8(text[:min(len(text), limit)], "") // the limit may divide a character
}

// authorizeQueueUI returns ErrNotFound if the caller sends no API key and has not
// signed in.
func (s *server) authorizeQueueUI(r *http.Request) error {
	if r.Header.Get("Authorization") != "" {
		return s.authorize(r, admins)
	}
	secret := signin.Of(r.Context()).Secret
	if secret == "" {
		return storage.ErrNotFound
	}
	err := s.identify(r.Context(), secret, "", signedIn)
	var p *problem.Problem
	if errors.As(err, &p) && p.Code == problem.Unauthenticated {
		return storage.ErrNotFound
	}
	if err != nil {
		return err
	}
	c := callOf(r.Context())
	if i := slices.IndexFunc(c.choices, func(c storage.Caller) bool { return admins.admits(c.Role) }); i >= 0 {
		c.caller = c.choices[i] // a person who also has accounts need not choose here
	}
	return admins.check(c.caller, c.address)
}

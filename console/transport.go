package console

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"simtransfer/client"
)

// clientFor returns a client that calls the API in this process, with the credential of
// a browser and for the account that it has chosen (empty: no choice).
func (s *console) clientFor(w http.ResponseWriter, r *http.Request, token, account string) *client.Client {
	return &client.Client{
		URL:     "http://" + r.Host,
		Key:     token,
		Account: account,
		HTTP:    &http.Client{Transport: &transport{api: s.API, browser: r, response: w, id: w.Header().Get("X-Request-Id")}},
	}
}

// transport is an http.RoundTripper that calls the API in this process. The API sees
// the address of the browser, as if the browser had called it.
type transport struct {
	api      http.Handler
	browser  *http.Request
	response http.ResponseWriter // to the browser
	id       string              // of the browser's call in the log; empty: it has none
}

// RoundTrip implements http.RoundTripper. It returns as soon as the API has begun its
// answer; the rest arrives while it is read.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	call := r.Clone(r.Context())
	call.RemoteAddr, call.Host, call.TLS, call.RequestURI = t.browser.RemoteAddr, t.browser.Host, t.browser.TLS, r.URL.RequestURI()
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Request-Id", "User-Agent"} {
		if values := t.browser.Header.Values(name); len(values) > 0 {
			call.Header[name] = values
		}
	}
	if t.id != "" {
		call.Header.Set("X-Request-Id", t.id)
	}
	if call.Body == nil {
		call.Body = http.NoBody
	}
	body, pipe := io.Pipe()
	w := &answer{to: t, header: http.Header{}, begun: make(chan struct{}), body: pipe}
	go func() {
		defer func() {
			_ = call.Body.Close()
			w.end(recover())
		}()
		t.api.ServeHTTP(w, call)
	}()
	select {
	case <-w.begun:
	case <-r.Context().Done():
		_ = body.CloseWithError(r.Context().Err()) // what the API still writes goes nowhere
		return nil, r.Context().Err()
	}
	if w.err != nil {
		return nil, w.err
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: body, ContentLength: -1, Request: r,
	}, nil
}

// answer is the http.ResponseWriter of a call in this process.
type answer struct {
	to     *transport
	header http.Header
	begun  chan struct{}
	body   *io.PipeWriter

	once   sync.Once
	status int
	sent   http.Header // header when the answer began
	err    error       // why there is no answer
}

func (w *answer) Header() http.Header { return w.header }

func (w *answer) WriteHeader(status int) {
	if status < http.StatusOK {
		return // informational
	}
	w.once.Do(func() {
		w.status, w.sent = status, w.header.Clone()
		close(w.begun)
	})
}

func (w *answer) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

// Flush implements http.Flusher: a pipe holds nothing back.
func (w *answer) Flush() { w.WriteHeader(http.StatusOK) }

// SetWriteDeadline limits the time in which the browser has to receive what the API sends
// it, so that one which stops reading a download does not occupy the API for good.
// http.ResponseController calls it.
func (w *answer) SetWriteDeadline(at time.Time) error {
	if err := w.to.browser.Context().Err(); err != nil {
		return err // the connection may serve another page by now
	}
	return http.NewResponseController(w.to.response).SetWriteDeadline(at)
}

// errCutOff means that the API stopped in the middle of an answer.
var errCutOff = errors.New("the answer was cut off")

// end is called when the API has returned, or has panicked with p.
func (w *answer) end(p any) {
	if p != nil {
		w.once.Do(func() { w.err = errCutOff; close(w.begun) })
		_ = w.body.CloseWithError(errCutOff)
		return
	}
	w.WriteHeader(http.StatusOK)
	_ = w.body.Close()
}

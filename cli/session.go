package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Session is the surroundings that a command runs in.
type Session struct {
	In  io.Reader
	Out io.Writer // what was asked for
	Err io.Writer // everything else

	Terminal bool // Err is a terminal, where a line can be written again
	Width    int  // of that terminal in characters; zero means 80

	// ReadKey reads a line from the terminal that does not show it, and leaves
	// the terminal as it was when ctx ends; nil if In is no terminal.
	ReadKey func(ctx context.Context) (string, error)

	ConfigFile string // where login keeps what it was told
	Key        string // wins over the file's; empty means the file's

	HTTP *http.Client // nil means one without a time limit
}

// tries is how often a command makes a call that is not answered: for about a
// quarter of a minute, which is long enough for a service to be restarted.
const tries = 6

// callTimeout is for a call about a few things. The service itself gives up
// earlier.
const callTimeout = time.Minute

// bulkTimeout is for a call about up to a million SIMs: an upload, or what is
// done to a whole batch or request at once. The service itself gives up earlier.
const bulkTimeout = 30 * time.Minute

// ErrReported marks the error of a command that has already printed what went
// wrong.
var ErrReported = errors.New("already reported")

// reported marks err with ErrReported.
func reported(err error) error { return fmt.Errorf("%w: %w", ErrReported, err) }

// remote is embedded in every command that calls the service.
type remote struct {
	URL  string `name:"url" env:"SIMTRANSFER_URL" placeholder:"URL" help:"Where the service is, instead of where you are logged in. The API key is SIMTRANSFER_API_KEY, or the one you are logged in with."`
	JSON bool   `name:"json" help:"Print what the API answers, unchanged; a refusal on standard error."`
}

// post is embedded in every command that makes a POST.
type post struct {
	remote
	IdempotencyKey string `placeholder:"KEY" help:"What makes the call safe to repeat: the same call with the same key within 24 hours is carried out once. A new UUID if it is left out."`
}

// key is the Idempotency-Key of the call.
func (p post) key() string { return cmp.Or(p.IdempotencyKey, uuid.NewString()) }

// link is how a command calls the service.
type link struct {
	*Session
	client   *Client
	progress *progress
	json     bool
}

// open finds out where the service is and with which key to call it.
func (r remote) open(s *Session) (*link, error) {
	url, key, err := s.credentials(r.URL)
	if err != nil {
		return nil, err
	}
	l := &link{Session: s, client: s.newClient(url, key), progress: newProgress(s), json: r.JSON}
	l.client.Again = func(err error) {
		why, _, _ := strings.Cut(err.Error(), "\n")
		l.note("%s; trying again", why)
	}
	return l, nil
}

func (s *Session) newClient(url, key string) *Client {
	c := s.HTTP
	if c == nil {
		c = &http.Client{}
	}
	return &Client{URL: url, Key: key, HTTP: c, Tries: tries}
}

// credentials returns the URL and the key to use. The key of the file is sent
// only to where it was given for.
func (s *Session) credentials(url string) (string, string, error) {
	key := s.Key
	if url != "" && key != "" {
		return url, key, nil
	}
	file, err := readConfig(s.ConfigFile)
	if err != nil {
		return "", "", &exitError{ExitUnauthorized, err}
	}
	switch {
	case url == "":
		url = file.URL
	case key == "" && strings.TrimRight(url, "/") != strings.TrimRight(file.URL, "/"):
		return "", "", &exitError{ExitUnauthorized, fmt.Errorf("you are not logged in at %s: run simtransfer login --url=%s, or set SIMTRANSFER_API_KEY", url, url)}
	}
	if key == "" {
		key = file.Key
	}
	if url == "" || key == "" {
		return "", "", &exitError{ExitUnauthorized, errors.New("you are not logged in: run simtransfer login, or set SIMTRANSFER_URL and SIMTRANSFER_API_KEY")}
	}
	return url, key, nil
}

// errInterrupted is what a call that was ended by Ctrl-C comes to.
var errInterrupted = fmt.Errorf("interrupted (%w)", context.Canceled)

// get reads a page or a thing, into into unless that is nil.
func (l *link) get(ctx context.Context, path string, into any) ([]byte, error) {
	return l.do(ctx, Request{Method: http.MethodGet, Path: path}, into)
}

// send makes a call with a JSON body, nil for none.
func (l *link) send(ctx context.Context, method, path string, body, into any) ([]byte, error) {
	r := Request{Method: method, Path: path}
	if err := r.encode(body); err != nil {
		return nil, err
	}
	return l.do(ctx, r, into)
}

// post makes a POST that is carried out once, however often it is sent.
func (l *link) post(ctx context.Context, p post, path string, body, into any) ([]byte, error) {
	return l.postWithin(ctx, callTimeout, p, path, body, into)
}

// postWithin is post for a call that may take longer.
func (l *link) postWithin(ctx context.Context, timeout time.Duration, p post, path string, body, into any) ([]byte, error) {
	r := Request{Method: http.MethodPost, Path: path, IdempotencyKey: p.key(), Timeout: timeout}
	if err := r.encode(body); err != nil {
		return nil, err
	}
	return l.do(ctx, r, into)
}

func (r *Request) encode(body any) error {
	if body == nil {
		return nil
	}
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encoding the body of %s %s: %w", r.Method, r.Path, err)
	}
	r.Body, r.ContentType = bytes.NewReader(text), "application/json"
	return nil
}

func (l *link) do(ctx context.Context, r Request, into any) ([]byte, error) {
	if r.Timeout == 0 {
		r.Timeout = callTimeout
	}
	answer, err := l.client.Do(ctx, r)
	if err != nil {
		return nil, l.failed(r, err)
	}
	if into != nil {
		if err := json.Unmarshal(answer, into); err != nil {
			return nil, r.unsure(fmt.Errorf("%s is not simtransfer, or another version of it: reading its answer: %w", l.client.URL, err))
		}
	}
	return answer, nil
}

// failed says what the error of a call means to the person who made it.
func (l *link) failed(r Request, err error) error {
	var p *Problem
	var unreachable *UnreachableError
	switch {
	case errors.As(err, &p) && p.raw != nil && l.json:
		fmt.Fprintf(l.Err, "%s\n", bytes.TrimSpace(p.raw))
		if p.unsure() && r.IdempotencyKey != "" {
			_ = json.NewEncoder(l.Err).Encode(map[string]string{"idempotency_key": r.IdempotencyKey}) // as above, best effort
		}
		return reported(err)
	case p != nil && p.unsure():
		return r.unsure(err)
	case !errors.As(err, &unreachable):
		return err
	case errors.Is(err, context.Canceled):
		return r.unsure(errInterrupted)
	}
	return r.unsure(err)
}

// unsure adds to an error, after which a call may have been carried out, how to
// make sure of it.
func (r Request) unsure(err error) error {
	if r.IdempotencyKey == "" {
		return err
	}
	return fmt.Errorf("%w\nIt may or may not have taken effect. To make sure that it does, once, repeat the command with --idempotency-key=%s", err, r.IdempotencyKey)
}

// show prints what the API has answered: as it is, or for people.
func (l *link) show(answer []byte, people func() error) error {
	if !l.json {
		return people()
	}
	if len(answer) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(l.Out, "%s\n", bytes.TrimSuffix(answer, []byte("\n")))
	return err
}

// note tells a person something that is no part of the answer.
func (l *link) note(format string, args ...any) {
	if !l.json {
		l.progress.say(format, args...)
	}
}

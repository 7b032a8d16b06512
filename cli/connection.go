package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"simtransfer/client"
	"simtransfer/transfer"
)

// The timeouts of calls. The service gives up earlier.
const (
	callTimeout = time.Minute
	bulkTimeout = 30 * time.Minute // for a call about up to a million SIMs
)

// remote is embedded in every command that calls the API.
type remote struct {
	URL     string `name:"url" env:"SIMTRANSFER_URL" placeholder:"URL" help:"Service URL. Default: the URL saved by simtransfer login. The API key is read from SIMTRANSFER_API_KEY or is the saved one."`
	Profile string `env:"SIMTRANSFER_PROFILE" placeholder:"NAME" help:"Use the URL and the API key that login saved under this name."`
	JSON    bool   `name:"json" help:"Print the API's answer as JSON, unchanged. Errors go to standard error, also as JSON."`
}

// post is embedded in every command that makes a POST.
type post struct {
	remote
	IdempotencyKey idempotencyKey `placeholder:"KEY" help:"Makes the command safe to repeat: within 24 hours, the service carries out commands with the same key once. Default: a new UUID."`
}

// idempotent makes the service carry out the call once.
func (p post) idempotent() client.Option {
	return client.IdempotencyKey(cmp.Or(string(p.IdempotencyKey), uuid.NewString()))
}

// idempotencyKey is a flag with an Idempotency-Key.
type idempotencyKey string

// UnmarshalText checks that the API accepts the key.
func (k *idempotencyKey) UnmarshalText(text []byte) error {
	key := transfer.Trim(string(text))
	if key == "" {
		return errors.New("is empty: give a key, or leave the flag out")
	}
	if err := client.CheckIdempotencyKey(key); err != nil {
		return err
	}
	*k = idempotencyKey(key)
	return nil
}

// connection is what a command calls the API with.
type connection struct {
	*Session
	client   *client.Client
	answer   []byte // of the last call
	progress *progress
	json     bool
}

// connect prepares calls to the service. It makes none itself.
func (r remote) connect(s *Session) (*connection, error) {
	url, key, err := s.credentials(r.URL, r.Profile)
	if err != nil {
		return nil, err
	}
	l := &connection{Session: s, client: s.newClient(url, key), progress: newProgress(s), json: r.JSON}
	l.client.OnRetry = func(err error) {
		firstLine, _, _ := strings.Cut(err.Error(), "\n")
		l.note("%s; retrying", firstLine)
	}
	return l, nil
}

// options are the options of a call whose answer is to be printed with show.
func (l *connection) options(more ...client.Option) []client.Option {
	return append([]client.Option{client.Timeout(callTimeout), client.Raw(&l.answer)}, more...)
}

// explain adds to the error of a call what the user can do about it. With
// --json it prints the problem document instead.
func (l *connection) explain(err error) error {
	key := client.IdempotencyKeyOf(err)
	var p *client.Problem
	var unreachable *client.UnreachableError
	switch {
	case errors.As(err, &p) && p.Raw != nil && l.json:
		fmt.Fprintf(l.Err, "%s\n", bytes.TrimSpace(p.Raw))
		if p.Uncertain() && key != "" {
			_ = json.NewEncoder(l.Err).Encode(map[string]string{"idempotency_key": key}) // as above, best effort
		}
		return Reported(err)
	case p != nil && !p.Uncertain():
		return err
	case errors.As(err, &unreachable) && errors.Is(err, context.Canceled):
		err = errInterrupted
	}
	if key == "" {
		return err
	}
	return fmt.Errorf("%w\nThe command may or may not have taken effect. To repeat it safely, add --idempotency-key=%s", err, key)
}

// show prints the answer of the last call: unchanged with --json, otherwise
// with print.
func (l *connection) show(print func() error) error {
	if !l.json {
		return print()
	}
	if len(l.answer) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(l.Out, "%s\n", bytes.TrimSuffix(l.answer, []byte("\n")))
	return err
}

// note writes a message to standard error, except with --json.
func (l *connection) note(format string, args ...any) {
	if !l.json {
		l.progress.say(format, args...)
	}
}

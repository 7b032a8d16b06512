package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Client calls the API with one API key. Its methods may be called
// concurrently; its fields must not change after the first call.
type Client struct {
	URL  string       // of the service, such as https://simtransfer.example.com
	Key  string       // API key, such as st_account_…, or the secret of a sign-in
	HTTP *http.Client // nil means one whose calls time out after five minutes

	// Account says for whom a person acts who has several memberships: the operator
	// id of an account, or "staff". Empty makes no choice.
	Account string

	// Attempts is the maximum number of times a call is sent when the service
	// does not answer or is busy. Zero means 1: no retries.
	Attempts int

	// OnRetry, if not nil, is called with the error of an attempt before the
	// call is repeated.
	OnRetry func(error)
}

// call is one call of the API.
type call struct {
	method      string
	path        string // including the query
	accept      string // media type of the answer
	contentType string // of body

	// body is streamed; nil means no body. A call can only be repeated if its
	// body is an io.Seeker that can seek, or has not been read yet.
	body io.Reader

	lastEventID    string // of a stream of events, after which to continue
	idempotencyKey string // empty sends none
	ifMatch        string // empty sends none

	onHeader func(http.Header) // is passed the headers of the answer; nil: nothing is
	timeout  time.Duration     // of each attempt; zero means that of Client.HTTP
	raw      *[]byte           // see Raw
}

// Option changes how a method makes its call.
type Option func(*call)

// IdempotencyKey makes the call safe to repeat: within 24 hours, the service
// carries out calls with the same key once. Only operations that create or
// decide something use it.
func IdempotencyKey(key string) Option { return func(c *call) { c.idempotencyKey = key } }

// CheckIdempotencyKey returns an error if the service would refuse the key: it
// has 1 to 255 printable ASCII characters.
func CheckIdempotencyKey(key string) error {
	if n := len(key); n == 0 || n > 255 || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
		return fmt.Errorf("%s cannot be an Idempotency-Key: it has 1 to 255 printable ASCII characters, such as a UUID", printable(key, 40))
	}
	return nil
}

// IfMatch makes a change only if the resource still has this ETag; otherwise the
// call fails with the code precondition_failed. What a
// call shows has an ETag if ETag stores one. An empty tag sets no condition.
func IfMatch(tag string) Option { return func(c *call) { c.ifMatch = tag } }

// ETag also stores the ETag of the resource that the answer shows, empty if it
// has none.
func ETag(into *string) Option {
	return func(c *call) { c.onHeader = func(h http.Header) { *into = h.Get("ETag") } }
}

// Timeout limits each attempt of the call.
func Timeout(d time.Duration) Option { return func(c *call) { c.timeout = d } }

// Raw also stores the body of the answer, as the service sent it.
func Raw(into *[]byte) Option { return func(c *call) { c.raw = into } }

// callJSON sends body as JSON and decodes the answer into answer. A nil body
// sends none, and a nil answer ignores the service's. Errors are as for do.
func (c *Client) callJSON(ctx context.Context, method, path string, body, answer any, options ...Option) error {
	r := call{method: method, path: path}
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encoding the body of %s %s: %w", method, path, err)
		}
		r.body, r.contentType = bytes.NewReader(text), "application/json"
	}
	return c.exchange(ctx, r, answer, options)
}

// exchange makes a call with options and decodes its answer.
func (c *Client) exchange(ctx context.Context, r call, answer any, options []Option) error {
	for _, option := range options {
		option(&r)
	}
	r.accept = string(JSON)
	text, err := c.do(ctx, r, answer)
	if err == nil && r.raw != nil {
		*r.raw = text
	}
	return err
}

// get makes a GET and decodes the answer.
func get[T any](ctx context.Context, c *Client, path string, options []Option) (T, error) {
	var answer T
	err := c.callJSON(ctx, http.MethodGet, path, nil, &answer, options...)
	return answer, err
}

// post makes a POST that carries an Idempotency-Key if it may be repeated, and
// decodes the answer.
func post[T any](ctx context.Context, c *Client, path string, body any, options []Option) (T, error) {
	var answer T
	err := c.callJSON(ctx, http.MethodPost, path, body, &answer, c.repeatable(options)...)
	return answer, err
}

// repeatable adds a new Idempotency-Key in front of options, if calls may be
// repeated: an option of the caller replaces it.
func (c *Client) repeatable(options []Option) []Option {
	if c.Attempts <= 1 {
		return options
	}
	return append([]Option{IdempotencyKey(uuid.NewString())}, options...)
}

// do makes a call, repeats it if necessary, decodes the answer into answer unless
// that is nil, and returns its body. It returns a *Problem if the service refuses
// the call, an *UnreachableError if the service does not answer or its answer is
// cut off, and a *NotServiceError if something else answers.
func (c *Client) do(ctx context.Context, r call, answer any) ([]byte, error) {
	var text []byte
	err := c.retry(ctx, r, func(body *body) error {
		ctx, cancel := c.withTimeout(ctx, r)
		defer cancel()
		response, err := c.send(ctx, r, body)
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		if r.onHeader != nil {
			r.onHeader(response.Header)
		}
		text, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
		switch {
		case err != nil:
			return err
		case len(text) > maxAnswer:
			return fmt.Errorf("the answer to %s %s is longer than %d bytes", r.method, r.path, maxAnswer)
		case answer == nil:
			return nil
		}
		return c.decode(r, response, text, answer)
	})
	return text, err
}

// decode decodes an answer that is JSON.
func (c *Client) decode(r call, response *http.Response, text []byte, answer any) error {
	err := json.Unmarshal(text, answer)
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		return cutOff(c.URL, fmt.Errorf("decoding the answer to %s %s: %w", r.method, r.path, err))
	}
	return fmt.Errorf("decoding the answer to %s %s, which version %s of the service sent: %w", r.method, r.path, printable(response.Header.Get(versionHeader), 40), err)
}

// withTimeout limits one attempt of a call.
func (c *Client) withTimeout(ctx context.Context, r call) (context.Context, context.CancelFunc) {
	switch {
	case r.timeout > 0:
		return context.WithTimeout(ctx, r.timeout)
	case c.HTTP == nil:
		return context.WithTimeout(ctx, 5*time.Minute)
	}
	return context.WithCancel(ctx)
}

// stream is do for an answer that is read while it arrives, without a timeout
// unless Client.HTTP has one. The caller must close the body of the answer.
// Reading one that is cut off ends with an *UnreachableError.
func (c *Client) stream(ctx context.Context, r call) (*http.Response, error) {
	var answer *http.Response
	err := c.retry(ctx, r, func(body *body) (err error) {
		answer, err = c.send(ctx, r, body) //nolint:bodyclose // the caller closes it
		return err
	})
	return answer, err
}

// maxAnswer is the maximum size of an answer that is read as a whole, in
// bytes. The longest page of a list is far below it.
const maxAnswer = 64 << 20

// answerBody is the body of an answer.
type answerBody struct {
	io.ReadCloser
	url string
}

func (s *answerBody) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = cutOff(s.url, err)
	}
	return n, err
}

func cutOff(url string, err error) error {
	return &UnreachableError{URL: url, CutOff: true, Err: err}
}

// send makes one attempt and returns an answer of the service that is a success.
// The answer has the type r.accept, or no content where the API sends none.
func (c *Client) send(ctx context.Context, r call, body *body) (*http.Response, error) {
	request, err := c.request(ctx, r, body)
	if err != nil {
		return nil, fmt.Errorf("calling %s %s: %w", r.method, r.path, err)
	}
	response, err := c.httpClient().Do(request)
	if err != nil {
		return nil, &UnreachableError{URL: c.URL, Err: withoutURL(err)}
	}
	noContent := response.StatusCode == http.StatusNoContent && (r.method == http.MethodDelete || r.accept == eventStream)
	ours := response.Header.Get(versionHeader) != "" && (noContent || isType(response, r.accept))
	if ours && response.StatusCode < http.StatusMultipleChoices {
		response.Body = &answerBody{response.Body, c.URL}
		return response, nil
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode < http.StatusMultipleChoices {
		return nil, notService(c.URL, r, response)
	}
	return nil, readProblem(c.URL, r, response)
}

// httpClient is the HTTP client. It follows no redirects: a redirected POST
// would become a GET, and the API key is meant for one service.
func (c *Client) httpClient() *http.Client {
	var client http.Client
	if c.HTTP != nil {
		client = *c.HTTP
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

func (c *Client) request(ctx context.Context, r call, body *body) (*http.Request, error) {
	if r.idempotencyKey != "" {
		if err := CheckIdempotencyKey(r.idempotencyKey); err != nil {
			return nil, err
		}
	}
	var reader io.Reader
	if r.body != nil {
		reader = body
	}
	request, err := http.NewRequestWithContext(ctx, r.method, strings.TrimRight(c.URL, "/")+r.path, reader)
	if err != nil {
		return nil, err
	}
	request.ContentLength = body.length
	request.Header.Set("Authorization", "Bearer "+c.Key)
	if c.Account != "" {
		request.Header.Set("Simtransfer-Account", c.Account)
	}
	for name, value := range map[string]string{
		"Accept":          r.accept,
		"Content-Type":    r.contentType,
		"Idempotency-Key": r.idempotencyKey,
		"If-Match":        r.ifMatch,
		"Last-Event-ID":   r.lastEventID,
	} {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	return request, nil
}

// withoutURL removes the URL that net/http puts into its errors, because
// UnreachableError contains it already.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// path joins the parts of a path below /v1, escaping each.
func path(parts ...string) string {
	var b strings.Builder
	b.WriteString("/v1")
	for _, p := range parts {
		b.WriteString("/" + url.PathEscape(p))
	}
	return b.String()
}

// query is the query of a path. It leaves out parameters without a value.
type query url.Values

func (q query) set(name, value string) {
	if value != "" {
		url.Values(q).Set(name, value)
	}
}

// setEach sets a parameter for each value, because values can contain commas.
func (q query) setEach(name string, values []string) {
	for _, value := range values {
		url.Values(q).Add(name, value)
	}
}

func (q query) setTime(name string, t time.Time) {
	if !t.IsZero() {
		q.set(name, t.UTC().Format(time.RFC3339Nano))
	}
}

func (q query) setBool(name string, b *bool) {
	if b != nil {
		q.set(name, fmt.Sprint(*b))
	}
}

// of appends the query to a path.
func (q query) of(path string) string {
	if len(q) == 0 {
		return path
	}
	return path + "?" + url.Values(q).Encode()
}

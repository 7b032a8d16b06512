package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"simtransfer/transfer"
)

// conduct is how a receiver of webhooks or the mail server behaves.
type conduct string

// The conducts of a receiver of webhooks.
const (
	answering conduct = "" // the usual one

	failing     conduct = "answers 500"
	hanging     conduct = "does not answer"
	redirecting conduct = "redirects"
	busy        conduct = "asks to wait for 2 seconds"
	cutting     conduct = "takes messages and closes the connection instead of answering"
	breaking    conduct = "answers 200 and closes the connection in the middle of the answer"
	trickling   conduct = "answers 200 and sends the rest byte by byte"
)

func receiverConducts() []conduct {
	return []conduct{failing, hanging, redirecting, busy, cutting, breaking, trickling}
}

// behavior is the current conduct of a server. The zero value is answering.
type behavior struct {
	mu   sync.Mutex
	now  conduct
	over chan struct{} // closed when the conduct is over; nil for answering
}

// is returns the conduct, and a channel that is closed when it is over.
func (b *behavior) is() (conduct, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now, b.over
}

// set changes the conduct.
func (b *behavior) set(c conduct) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over != nil {
		close(b.over)
	}
	b.now, b.over = c, nil
	if c != answering {
		b.over = make(chan struct{})
	}
}

// staff is the number of an endpoint's account if it hears of all accounts.
const staff = -1

// receiver receives the messages to a webhook endpoint, and verifies their
// signatures.
type receiver struct {
	name     string
	account  int                    // index of the account, or staff
	types    []transfer.MessageType // none: all
	behavior behavior

	mu       sync.Mutex
	verifier *standardwebhooks.Webhook // nil until the endpoint has a secret
	got      map[string]*receipt       // by the id of the message
	problems []string
}

// receipt is a message that a receiver got.
type receipt struct {
	text   string
	body   messageBody
	times  int // how often it arrived
	taken  int // how often the answer was that the receiver has it
	sorted int // its place in the order of the first arrivals
}

// messageBody has the parts of the bodies of messages that are compared.
type messageBody struct {
	Type transfer.MessageType `json:"type"`
	Data struct {
		Request  string               `json:"request"`
		Sequence int                  `json:"sequence"`
		Batch    string               `json:"batch"`
		Event    transfer.MessageType `json:"event"` // of messages about a batch
		Requests int                  `json:"requests"`
		Cursor   string               `json:"cursor"`
	} `json:"data"`
}

// ServeHTTP takes a message as the receiver behaves at the moment.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	text, err := io.ReadAll(io.LimitReader(request.Body, 1<<20))
	if err != nil {
		return // the sender was killed
	}
	id := r.arrive(request.Header, text)
	is, over := r.behavior.is()
	switch is {
	case failing:
		w.WriteHeader(http.StatusInternalServerError)
	case redirecting:
		http.Redirect(w, request, "/elsewhere", http.StatusTemporaryRedirect)
	case busy:
		w.Header().Set("Retry-After", "2")
		w.WriteHeader(http.StatusTooManyRequests)
	case cutting:
		panic(http.ErrAbortHandler)
	case breaking:
		r.take(id)
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, "the first part of")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case hanging:
		select {
		case <-over:
			r.take(id)
		case <-request.Context().Done():
		}
	case trickling:
		r.take(id)
		for _, c := range "an answer that never seems to end" {
			_, _ = io.WriteString(w, string(c))
			_ = http.NewResponseController(w).Flush()
			pause(request.Context(), 100*time.Millisecond)
		}
	default:
		r.take(id)
	}
}

// arrive records a message that has arrived, and returns its id.
func (r *receiver) arrive(header http.Header, text []byte) string {
	id := header.Get(standardwebhooks.HeaderWebhookID)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.verifier == nil:
		r.problems = append(r.problems, "message "+id+" was sent before the endpoint was created")
		return id
	case r.got[id] != nil:
		if r.got[id].text != string(text) {
			r.problems = append(r.problems, fmt.Sprintf("message %s was sent as %s, and as %s", id, r.got[id].text, text))
		}
	default:
		m := &receipt{text: string(text), sorted: len(r.got)}
		if err := json.Unmarshal(text, &m.body); err != nil {
			r.problems = append(r.problems, fmt.Sprintf("message %s is %s: %v", id, text, err))
		}
		r.got[id] = m
	}
	if err := r.verifier.Verify(text, header); err != nil {
		r.problems = append(r.problems, fmt.Sprintf("message %s: %v", id, err))
	}
	r.got[id].times++
	return id
}

// take records that the answer is that the receiver has a message.
func (r *receiver) take(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.got[id]; m != nil {
		m.taken++
	}
}

// receivers are the receivers of a chaos run, on one server.
type receivers struct {
	list   []*receiver
	server *http.Server
	url    string
}

// newReceivers starts the server: several accounts have an endpoint for all types,
// one has chosen some types, and staff has one of each.
func newReceivers(ctx context.Context) (*receivers, error) {
	decisions := []transfer.MessageType{transfer.MessageAccepted, transfer.MessageDeclined, transfer.MessageCompleted}
	s := &receivers{list: []*receiver{
		{name: "staff", account: staff},
		{name: "staff, decisions", account: staff, types: decisions},
		{name: "staff, changes", account: staff, types: []transfer.MessageType{transfer.MessageChanges}},
		{name: "account 0", account: 0},
		{name: "account 1", account: 1},
		{name: "account 1, a second one", account: 1},
		{name: "account 2", account: 2},
		{name: "account 3, decisions", account: 3, types: decisions},
	}}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the receivers of webhooks: %w", err)
	}
	s.url = "http://" + listener.Addr().String() + "/"
	routes := http.NewServeMux()
	for i, r := range s.list {
		r.got = map[string]*receipt{}
		routes.Handle("/"+strconv.Itoa(i), r)
	}
	routes.HandleFunc("/elsewhere", func(http.ResponseWriter, *http.Request) {
		first := s.list[0]
		first.mu.Lock()
		defer first.mu.Unlock()
		first.problems = append(first.problems, "a redirect was followed")
	})
	s.server = &http.Server{Handler: routes, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.server.Serve(listener) }()
	return s, nil
}

func (s *receivers) close() error {
	for _, r := range s.list {
		r.behavior.set(answering)
	}
	if err := s.server.Close(); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// count returns how many messages were taken, and how many of them more than once.
func (s *receivers) count() (messages, repeated int) {
	for _, r := range s.list {
		r.mu.Lock()
		for _, m := range r.got {
			if m.taken > 0 {
				messages++
			}
			if m.taken > 1 {
				repeated++
			}
		}
		r.mu.Unlock()
	}
	return messages, repeated
}

// inOrder returns the ids of the messages that a receiver got, in the order in which
// they first arrived.
func (r *receiver) inOrder() []string {
	ids := make([]string, len(r.got))
	for id, m := range r.got {
		ids[m.sorted] = id
	}
	return slices.Clip(ids)
}

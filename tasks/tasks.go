// Package tasks is the contract between the processes: the messages that make
// a worker look at a work row, and the queues that carry them.
//
// A message carries ids and nothing else. It may arrive twice, late, or never:
// the work row in PostgreSQL decides whether there is something to do.
package tasks

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
)

// The types of tasks, one per kind of work.
const (
	TypeValidate     = "transfer:validate"
	TypeExecute      = "transfer:execute"
	TypeDropSessions = "transfer:drop_sessions"
	TypeDropStray    = "transfer:drop_stray"
	TypeRelease      = "transfer:release"
)

// The queues. Interactive work never waits behind bulk work, and neither waits
// for a gateway. Drop work of interactive requests has a queue of its own, so
// that a batch's sessions, and gateways that keep it waiting, are not before it.
const (
	Interactive        = "interactive"
	GatewayInteractive = "gateway_interactive"
	Bulk               = "bulk"
	Gateway            = "gateway"
)

// Queues lists the queues in the order in which they are served.
func Queues() []string { return []string{Interactive, GatewayInteractive, Bulk, Gateway} }

// Payload names a work row and the dispatch that the task belongs to.
type Payload struct {
	Work    int64  `json:"work"`
	Gen     int    `json:"gen"`
	Request string `json:"request,omitempty"` // for the people who watch the queues
}

// Timeout is how long a handler may take. Database statements end before it.
const Timeout = 60 * time.Second

// gatewayTimeout is longer: a slow gateway is asked about a thousand sessions.
const gatewayTimeout = 10 * time.Minute

// maxRetry is for workers that die: any other failure is written to the work
// row, which knows better when to try again.
const maxRetry = 3

// New returns the task for a piece of work of a kind, such as "execute", and
// the options to enqueue it with. Its id is work:gen, so that enqueueing it
// again fails with asynq.ErrTaskIDConflict exactly while Redis still has it.
func New(kind, queue string, p Payload) (*asynq.Task, error) {
	payload, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encoding the task of work %d: %w", p.Work, err)
	}
	timeout := Timeout
	if kind == "drop_sessions" || kind == "drop_stray" {
		timeout = gatewayTimeout
	}
	return asynq.NewTask("transfer:"+kind, payload,
		asynq.Queue(queue),
		asynq.TaskID(ID(p.Work, p.Gen)),
		asynq.Timeout(timeout),
		asynq.MaxRetry(maxRetry),
	), nil
}

// ID is the id of the task for a dispatch of a piece of work.
func ID(work int64, gen int) string { return fmt.Sprintf("%d:%d", work, gen) }

// Parse reads a task's payload.
func Parse(t *asynq.Task) (Payload, error) {
	var p Payload
	if err := json.Unmarshal(t.Payload(), &p); err != nil {
		return p, fmt.Errorf("decoding the payload of a %s task: %w", t.Type(), err)
	}
	return p, nil
}

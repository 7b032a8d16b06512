// Package tasks defines the messages that the scheduler sends to workers through
// asynq: their types, payloads and options. It is one file.
//
// A task only carries the ids of a work row and of its dispatch. It may arrive
// twice, late or never: the work row in PostgreSQL decides whether there is
// something to do. The kinds of work and the queues are defined in package
// transfer.
package tasks

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/hibiken/asynq"

	"simtransfer/transfer"
)

// Type returns the type of the tasks for a kind of work, such as
// transfer:execute.
func Type(kind transfer.WorkKind) string { return "transfer:" + string(kind) }

// Payload identifies a work row and the dispatch to which the task belongs.
type Payload struct {
	Work    int64  `json:"work"`
	Gen     int    `json:"gen"`
	Request string `json:"request,omitempty"` // shown in the queue UI; handlers ignore it
}

// Timeout is how long a handler may take. Database statements time out earlier.
const Timeout = 60 * time.Second

// gatewayTimeout is the timeout of handlers that talk to gateways: a slow gateway
// may be asked about a thousand sessions.
const gatewayTimeout = 10 * time.Minute

// maxRetry is how often asynq retries a task whose worker crashed. All other
// failures are recorded on the work row, which decides when to try again.
const maxRetry = 3

// New returns the task for a piece of work, with the options to enqueue it.
// Its id is work:gen, so enqueueing it again fails with
// asynq.ErrTaskIDConflict exactly as long as Redis has the task.
func New(kind transfer.WorkKind, queue transfer.Queue, p Payload) (*asynq.Task, error) {
	payload, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encoding the task of work %d: %w", p.Work, err)
	}
	return asynq.NewTask(Type(kind), payload,
		asynq.Queue(string(queue)),
		asynq.TaskID(ID(p.Work, p.Gen)),
		asynq.Timeout(timeoutOf(kind)),
		asynq.MaxRetry(maxRetry),
	), nil
}

func timeoutOf(kind transfer.WorkKind) time.Duration {
	switch kind {
	case transfer.WorkDropSessions, transfer.WorkDropStray:
		return gatewayTimeout
	case transfer.WorkValidate, transfer.WorkExecute, transfer.WorkRelease, transfer.WorkDeliverWebhooks, transfer.WorkDeliverMails:
	}
	return Timeout
}

// ID returns the id of the task for one dispatch of a piece of work.
func ID(work int64, gen int) string { return fmt.Sprintf("%d:%d", work, gen) }

// Parse decodes a task's payload.
func Parse(t *asynq.Task) (Payload, error) {
	var p Payload
	if err := json.Unmarshal(t.Payload(), &p); err != nil {
		return p, fmt.Errorf("decoding the payload of a %s task: %w", t.Type(), err)
	}
	return p, nil
}

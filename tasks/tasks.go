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

	"simtransfer/transfer"
)

// Type returns the type of the tasks for a kind of work, such as
// transfer:execute.
func Type(kind transfer.WorkKind) string { return "transfer:" + string(kind) }

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

// New returns the task for a piece of work, with the options to enqueue it.
// Its id is work:gen, so that enqueueing it again fails with
// asynq.ErrTaskIDConflict exactly while Redis still has it.
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
	case transfer.WorkValidate, transfer.WorkExecute, transfer.WorkRelease:
	}
	return Timeout
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

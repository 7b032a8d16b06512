package tasks_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"

	"simtransfer/tasks"
	"simtransfer/transfer"
)

func TestNewAndParse(t *testing.T) {
	t.Parallel()
	for _, kind := range transfer.WorkKinds() {
		p := tasks.Payload{Work: 1<<53 + 1, Gen: 7, Request: "01980000-0000-7000-8000-000000000001"}
		task, err := tasks.New(kind, transfer.QueueBulk, p)
		if err != nil || task.Type() != "transfer:"+string(kind) {
			t.Errorf("%s: %v, %v", kind, task, err)
		}
		got, err := tasks.Parse(task)
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(p, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
	}
	for _, payload := range []string{"", "{", "null and void", `{"work": "one"}`, `[]`} {
		if p, err := tasks.Parse(asynq.NewTask(tasks.Type(transfer.WorkExecute), []byte(payload))); err == nil {
			t.Errorf("payload %q was read as %+v", payload, p)
		}
	}
}

// Different dispatches and different pieces of work have different ids.
func TestID(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, work := range []int64{1, 11, 111} {
		for _, gen := range []int{1, 11, 111} {
			id := tasks.ID(work, gen)
			if seen[id] {
				t.Errorf("%q names two dispatches", id)
			}
			seen[id] = true
		}
	}
}

// Payloads only carry ids, because every heartbeat writes them again.
func TestPayloadIsSmall(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(tasks.Payload{Work: 1 << 62, Gen: 1 << 30, Request: "01980000-0000-7000-8000-000000000001"})
	if err != nil || len(text) > 128 {
		t.Errorf("%d bytes: %s, %v", len(text), text, err)
	}
}

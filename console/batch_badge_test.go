package console

import (
	"strings"
	"testing"

	"simtransfer/client"
)

func TestBatchBadge(t *testing.T) {
	t.Parallel()
	for want, b := range map[string]client.Batch{
		"Running":             {Counts: client.Counts{SIMs: 3, Completed: 1}},
		"Nothing moved":       {Finished: true, Counts: client.Counts{SIMs: 3, Ineligible: 3}},
		"Partially completed": {Finished: true, Counts: client.Counts{SIMs: 3, Completed: 1, Failed: 2}},
		"Completed":           {Finished: true, Counts: client.Counts{SIMs: 3, Completed: 3}},
	} {
		if got := string(batchBadge(b)); !strings.Contains(got, ">"+want+"<") {
			t.Errorf("the badge of %+v is %s, want %s", b.Counts, got, want)
		}
	}
}

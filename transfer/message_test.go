package transfer_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"simtransfer/transfer"
)

// secretDetail is a detail with everything that an event of any kind could say,
// and more. The words that begin with "secret" may reach no one.
const secretDetail = `{"size": 9, "sims": 5, "eligible": 6, "accepted": 4, "completed": 3, "percent": 50,
	"expires_at": "2026-03-04T05:06:07Z", "not_before": "2026-03-02T00:00:00Z", "not_after": "2026-03-03T00:00:00Z",
	"waiting_for": "destination", "code": "duplicate", "request": "01900000-0000-7000-8000-00000000000b",
	"reason": "secret reason", "text": "secret comment", "ticket": "secret ticket", "fee": {"amount": "secret fee"},
	"gateway_answer": "secret answer", "visible_to": ["secret party"], "tags": ["secret tag"], "notes": "secret note",
	"group": "secret group", "support": 777777, "key": "secret key", "previously": "2026-03-04T00:00:00Z"}`

func facts(kind transfer.EventKind, to transfer.RequestState) transfer.EventFacts {
	return transfer.EventFacts{
		ID: "42-7", At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Kind: kind, To: to, Seq: 3,
		Request: "01900000-0000-7000-8000-00000000000a", Batch: "01900000-0000-7000-8000-0000000000ba", Reference: "PO-1",
		Source: "OP0000000001", Destination: "OP0000000002", Detail: json.RawMessage(secretDetail),
		SourceSees: true, DestinationSees: true,
	}
}

// What each party hears of each event is written down in testdata/messages.txt:
// read every difference before you accept it with UPDATE_MESSAGES=1.
func TestWhatEachPartyHears(t *testing.T) {
	t.Parallel()
	states := map[transfer.EventKind][]transfer.RequestState{
		transfer.EventCreate: {transfer.Validating}, transfer.EventReject: {transfer.RequestRejected}, transfer.EventReview: {transfer.InReview},
		transfer.EventOffer: {transfer.AwaitingAcceptance}, transfer.EventApprove: {transfer.AwaitingAcceptance},
		transfer.EventAccept: {transfer.Transferring, transfer.Scheduled}, transfer.EventStart: {transfer.Transferring},
		transfer.EventDecline: {transfer.RequestDeclined, ""}, transfer.EventCancel: {transfer.RequestCanceled, ""}, transfer.EventDeny: {transfer.RequestDenied, ""},
		transfer.EventExpire: {transfer.RequestExpired}, transfer.EventFinish: {transfer.RequestCompleted, transfer.RequestDeclined},
		transfer.EventTakeBack: {transfer.AwaitingAcceptance},
	}
	var got strings.Builder
	seen := map[transfer.MessageType]bool{}
	for _, kind := range transfer.EventKinds() {
		to := states[kind]
		if to == nil {
			to = []transfer.RequestState{""}
		}
		for _, state := range to {
			messages, err := transfer.MessagesOf(facts(kind, state))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&got, "\n%s, to %q:\n", kind, state)
			for _, m := range messages {
				seen[m.Type] = true
				body, err := transfer.MessageBody(m.Type, m.At, m.News)
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&got, "  %s of batch %q: %s\n", m.To, m.Batch, body)
				if strings.Contains(body, "secret") || strings.Contains(body, "777777") || len(body) >= 20000 {
					t.Errorf("%s hears too much of %s: %s", m.To, kind, body)
				}
				if m.To == transfer.PartyDestination && (m.Batch != "" || strings.Contains(body, "0000ba") || strings.Contains(body, ":9") || strings.Contains(body, "00000b")) {
					t.Errorf("the destination hears what else the source sends: %s", body)
				}
				if m.ID != "42-7" {
					t.Errorf("%s has the id %s", kind, m.ID)
				}
			}
		}
	}
	for _, kind := range transfer.RequestMessageTypes() {
		if !seen[kind] {
			t.Errorf("no event makes a message of type %s", kind)
		}
	}
	matchesFile(t, "messages.txt", got.String())
}

// Who does not see that an event happened hears nothing of it.
func TestHiddenEvents(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		source, destination bool
		want                []transfer.Party
	}{
		{false, false, []transfer.Party{"support"}},
		{true, false, []transfer.Party{"source", "support"}},
		{false, true, []transfer.Party{"destination", "support"}},
	} {
		f := facts(transfer.EventComment, "")
		f.SourceSees, f.DestinationSees = c.source, c.destination
		messages, err := transfer.MessagesOf(f)
		if err != nil {
			t.Fatal(err)
		}
		var got []transfer.Party
		for _, m := range messages {
			got = append(got, m.To)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("seen by source %t and destination %t: %v hear of it", c.source, c.destination, got)
		}
	}
}

func TestWants(t *testing.T) {
	t.Parallel()
	chosen := []transfer.MessageType{transfer.MessageCompleted}
	for _, c := range []struct {
		chosen      []transfer.MessageType
		kind, about transfer.MessageType
		want        bool
	}{
		{nil, transfer.MessageCreated, "", true},
		{chosen, transfer.MessageCreated, "", false},
		{chosen, transfer.MessageCompleted, "", true},
		{chosen, transfer.MessageTest, "", true},
		{chosen, transfer.MessageBatch, transfer.MessageCompleted, true},
		{chosen, transfer.MessageBatch, transfer.MessageCreated, false},
		{[]transfer.MessageType{transfer.MessageBatch}, transfer.MessageBatch, transfer.MessageCreated, true},
	} {
		if got := transfer.Wants(c.chosen, c.kind, c.about); got != c.want {
			t.Errorf("chosen %v, %s about %q: %t", c.chosen, c.kind, c.about, got)
		}
	}
}

func TestNextAttempt(t *testing.T) {
	t.Parallel()
	var total time.Duration
	for n := 1; n <= transfer.MaxDeliveryAttempts; n++ {
		wait, again := transfer.NextAttempt(n, 0, 0)
		late, _ := transfer.NextAttempt(n, 1, 0)
		if again != (n < transfer.MaxDeliveryAttempts) || late < wait || late > wait*6/5 {
			t.Errorf("after attempt %d: %s to %s, %t", n, wait, late, again)
		}
		total += wait
	}
	if total < 3*24*time.Hour || total > 4*24*time.Hour {
		t.Errorf("the attempts take %s", total)
	}
	if wait, _ := transfer.NextAttempt(1, 0, 10*time.Minute); wait != 10*time.Minute {
		t.Errorf("the wish of the receiver: %s", wait)
	}
	if wait, _ := transfer.NextAttempt(1, 0, 1000*time.Hour); wait != transfer.MaxRetryAfter {
		t.Errorf("a wish that is too long: %s", wait)
	}
}

// matchesFile compares what the parties get with a file in testdata. With
// UPDATE_MESSAGES, it writes the file first.
func matchesFile(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_MESSAGES") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil { //nolint:gosec // everyone may read it
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("what the parties get (-want +got):\n%s", diff)
	}
}

package transfer_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"simtransfer/transfer"
)

// mailFacts are facts of which some may reach no one, and some only one party.
func mailFacts(kind transfer.EventKind, to transfer.RequestState, by transfer.Party) transfer.EventFacts {
	f := facts(kind, to)
	f.By, f.SourceName, f.Message = by, "North Sensors", "As agreed"
	f.ExpiresAt, f.Offered = new(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)), new(6)
	f.Fees = &transfer.Money{Minor: 31337, Currency: "EUR"}
	return f
}

// What each party gets as mail of each event, caused by each party, is written down
// in testdata/mails.txt: read every difference before you accept it with
// UPDATE_MESSAGES=1.
func TestWhatEachPartyIsMailed(t *testing.T) {
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
	seen := map[transfer.MailType]bool{}
	for _, kind := range transfer.EventKinds() {
		to := states[kind]
		if to == nil {
			to = []transfer.RequestState{""}
		}
		for _, state := range to {
			for _, by := range transfer.Parties() {
				mails, err := transfer.MailsOf(mailFacts(kind, state, by))
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range mails {
					seen[m.News.Type] = true
					text, err := json.Marshal(m.News)
					if err != nil {
						t.Fatal(err)
					}
					fmt.Fprintf(&got, "%s by %s, to %q: the %s gets %s in batch %q: %s\n", kind, by, state, m.To, m.News.Type, m.Batch, text)
					words := strings.ReplaceAll(string(text), "secret reason", "") // which both sides see
					if strings.Contains(words, "secret") || strings.Contains(words, "777777") {
						t.Errorf("the %s gets too much of %s: %s", m.To, kind, text)
					}
					if m.To == transfer.PartyDestination && (m.Batch != "" || strings.Contains(words, "0000ba") || strings.Contains(words, "31337") || strings.Contains(words, "313.37") || strings.Contains(words, `:9`)) {
						t.Errorf("the destination gets what is the source's: %s", text)
					}
					if want := map[transfer.Party]transfer.OperatorID{transfer.PartySource: "OP0000000001", transfer.PartyDestination: "OP0000000002"}[m.To]; m.News.Account != want {
						t.Errorf("the mail to the %s is for %s", m.To, m.News.Account)
					}
					if strings.Contains(words, "31337") && m.News.Type != transfer.MailFees {
						t.Errorf("fees are in a mail of the type %s, which does not go to billing", m.News.Type)
					}
				}
			}
		}
	}
	others := []transfer.MailType{
		transfer.MailDigest, transfer.MailFeesDigest, transfer.MailWebhookFailing, transfer.MailWebhookWarning, transfer.MailWebhookDisabled,
		transfer.MailNewKey, transfer.MailNewSignIn, transfer.MailContacts, transfer.MailPullRequest,
	}
	for _, kind := range transfer.MailTypes() {
		if !seen[kind] && !slices.Contains(others, kind) {
			t.Errorf("no event makes a mail of the type %s", kind)
		}
	}
	matchesFile(t, "mails.txt", got.String())
}

// Who does not see that an event happened gets no mail about it.
func TestMailsOfHiddenEvents(t *testing.T) {
	t.Parallel()
	f := mailFacts(transfer.EventCancel, transfer.RequestCanceled, transfer.PartySource)
	f.DestinationSees = false
	if mails, err := transfer.MailsOf(f); err != nil || len(mails) != 0 {
		t.Errorf("mails: %+v, %v", mails, err)
	}
}

// What users of other systems complained of: the notes and the addresses for
// notification of the old owner were passed to the new one. No mail to the destination
// has any field for them: the golden file above lists all, and this test says which
// texts of a caller it can have.
func TestComplaintNotesPassedToNewOwner(t *testing.T) {
	t.Parallel()
	mails, err := transfer.MailsOf(mailFacts(transfer.EventFinish, transfer.RequestCompleted, transfer.PartySystem))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mails {
		n := m.News
		if m.To == transfer.PartyDestination && (n.Message != "" || n.Reason != "" || n.Fees != nil || n.SourceName != "North Sensors") {
			t.Errorf("the new owner gets %+v", n)
		}
	}
}

// A mail is tried for three days, with waits that grow.
func TestNextMailAttempt(t *testing.T) {
	t.Parallel()
	var age, last time.Duration
	n := 0
	for {
		n++
		wait, again := transfer.NextMailAttempt(n, age, 0)
		if !again {
			break
		}
		if wait < last {
			t.Errorf("attempt %d waits %v, less than %v", n, wait, last)
		}
		last, age = wait, age+wait
	}
	if n < 10 || age > transfer.MailPatience || age < transfer.MailPatience-6*time.Hour {
		t.Errorf("%d attempts in %v", n, age)
	}
	if most, _ := transfer.NextMailAttempt(1, 0, 1); most != 72*time.Second {
		t.Errorf("the first wait is at most %v", most)
	}
}

// Each kind has a meaning and contacts, each type a kind.
func TestMailKinds(t *testing.T) {
	t.Parallel()
	kinds := map[transfer.MailKind]bool{}
	for _, m := range transfer.MailTypes() {
		kinds[m.Kind()] = true
	}
	for _, k := range transfer.MailKinds() {
		if k.Meaning() == "" || !kinds[k] || (k.Purpose() == "") != (k == transfer.MailKindNewSignIn) {
			t.Errorf("kind %s: %q, for %q", k, k.Meaning(), k.Purpose())
		}
	}
	if n := len(kinds); n != len(transfer.MailKinds()) {
		t.Errorf("the types have %d kinds", n)
	}
}

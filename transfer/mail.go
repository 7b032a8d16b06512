package transfer

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Mail kinds, types and texts: a contact chooses by MailKind, a text is written for
// each MailType, and MailsOf decides who gets which.

// MailKind is a kind of mail that a contact can turn off.
type MailKind string

// The kinds of mail. See docs/recipes.md before adding one.
const (
	MailKindAsked      MailKind = "asked"       // a request or a pull request waits for your decision
	MailKindReminder   MailKind = "reminder"    // it still does
	MailKindDecided    MailKind = "decided"     // it was accepted, declined, canceled, approved or denied
	MailKindCompleted  MailKind = "completed"   // every SIM has its outcome
	MailKindExpired    MailKind = "expired"     // no one has decided in time
	MailKindDigest     MailKind = "digest"      // what happened to the requests of a batch, or to many requests
	MailKindFees       MailKind = "fees"        // fees were posted
	MailKindOnBehalf   MailKind = "on_behalf"   // support acted on your behalf
	MailKindWebhook    MailKind = "webhook"     // a webhook endpoint fails or was disabled
	MailKindNewKey     MailKind = "new_key"     // an API key was made, or got a new secret
	MailKindNewSignIn  MailKind = "new_sign_in" // you have signed in from a new address
	MailKindNewContact MailKind = "contacts"    // the contacts of the account were changed
)

// MailKinds lists every kind of mail.
func MailKinds() []MailKind {
	return []MailKind{
		MailKindAsked, MailKindReminder, MailKindDecided, MailKindCompleted, MailKindExpired, MailKindDigest, MailKindFees,
		MailKindOnBehalf, MailKindWebhook, MailKindNewKey, MailKindNewSignIn, MailKindNewContact,
	}
}

// ChosenMailKinds lists the kinds that a contact can turn off. The others concern the
// security of an account: who has taken it over could turn them off as well.
func ChosenMailKinds() []MailKind {
	return slices.DeleteFunc(MailKinds(), func(k MailKind) bool { return !k.CanBeTurnedOff() })
}

// CanBeTurnedOff reports whether a contact can turn mails of the kind off.
func (k MailKind) CanBeTurnedOff() bool {
	switch k {
	case MailKindOnBehalf, MailKindNewKey, MailKindNewSignIn, MailKindNewContact:
		return false
	case MailKindAsked, MailKindReminder, MailKindDecided, MailKindCompleted, MailKindExpired, MailKindDigest, MailKindFees, MailKindWebhook:
	}
	return true
}

// Meaning returns when a mail of the kind is sent, as a sentence.
func (k MailKind) Meaning() string {
	switch k {
	case MailKindAsked:
		return "A request or a pull request waits for your decision."
	case MailKindReminder:
		return "Half or nine tenths of the time to decide are over."
	case MailKindDecided:
		return "A request was accepted, declined, canceled, approved, denied or rejected, or such a decision was taken back."
	case MailKindCompleted:
		return "Every SIM of a request has its outcome."
	case MailKindExpired:
		return "The time to decide on a request is over."
	case MailKindDigest:
		return "Several things happened to the requests of a batch, or to many requests in a short time."
	case MailKindFees:
		return "Fees were posted for a request."
	case MailKindOnBehalf:
		return "Support acted on behalf of the account."
	case MailKindWebhook:
		return "A webhook endpoint fails, is about to be disabled, or was disabled."
	case MailKindNewKey:
		return "An API key was made or rotated."
	case MailKindNewSignIn:
		return "You signed in from an address that you had not used for 30 days."
	case MailKindNewContact:
		return "The contacts of the account were changed."
	}
	return ""
}

// Purpose returns the contacts that get mails of the kind. It is empty for mails to
// a person.
func (k MailKind) Purpose() ContactPurpose {
	switch k {
	case MailKindAsked, MailKindReminder, MailKindDecided, MailKindCompleted, MailKindExpired, MailKindDigest, MailKindOnBehalf:
		return ContactTransfers
	case MailKindFees:
		return ContactBilling
	case MailKindWebhook:
		return ContactTechnical
	case MailKindNewKey, MailKindNewContact:
		return ContactSecurity
	case MailKindNewSignIn:
	}
	return ""
}

// MailType says which text a mail has.
type MailType string

// The types of mail.
const (
	MailAsked     MailType = "asked"
	MailReminder  MailType = "reminder"
	MailApproved  MailType = "approved"
	MailDenied    MailType = "denied"
	MailRejected  MailType = "rejected"
	MailAccepted  MailType = "accepted" // nothing has moved yet
	MailDeclined  MailType = "declined"
	MailCanceled  MailType = "canceled"
	MailSIMsEnded MailType = "sims_ended" // some SIMs were declined, canceled or denied
	MailTakenBack MailType = "taken_back"
	MailCompleted MailType = "completed"
	MailExpired   MailType = "expired"
	MailOnBehalf  MailType = "on_behalf"
	MailFees      MailType = "fees"

	MailPullRequest MailType = "pull_request" // an account asks for SIMs of yours

	MailDigest     MailType = "digest"
	MailFeesDigest MailType = "fees_digest"

	MailWebhookFailing  MailType = "webhook_failing"
	MailWebhookWarning  MailType = "webhook_warning" // it is about to be disabled
	MailWebhookDisabled MailType = "webhook_disabled"

	MailNewKey    MailType = "new_key"
	MailNewSignIn MailType = "new_sign_in"
	MailContacts  MailType = "contacts"
)

// MailTypes lists every type of mail.
func MailTypes() []MailType {
	return []MailType{
		MailAsked, MailReminder, MailApproved, MailDenied, MailRejected, MailAccepted, MailDeclined, MailCanceled, MailSIMsEnded,
		MailTakenBack, MailCompleted, MailExpired, MailOnBehalf, MailFees, MailPullRequest, MailDigest, MailFeesDigest,
		MailWebhookFailing, MailWebhookWarning, MailWebhookDisabled, MailNewKey, MailNewSignIn, MailContacts,
	}
}

// Kind returns the kind by which contacts choose.
func (t MailType) Kind() MailKind {
	switch t {
	case MailAsked, MailPullRequest:
		return MailKindAsked
	case MailReminder:
		return MailKindReminder
	case MailApproved, MailDenied, MailRejected, MailAccepted, MailDeclined, MailCanceled, MailSIMsEnded, MailTakenBack:
		return MailKindDecided
	case MailCompleted:
		return MailKindCompleted
	case MailExpired:
		return MailKindExpired
	case MailOnBehalf:
		return MailKindOnBehalf
	case MailFees, MailFeesDigest:
		return MailKindFees
	case MailDigest:
		return MailKindDigest
	case MailWebhookFailing, MailWebhookWarning, MailWebhookDisabled:
		return MailKindWebhook
	case MailNewKey:
		return MailKindNewKey
	case MailNewSignIn:
		return MailKindNewSignIn
	case MailContacts:
		return MailKindNewContact
	}
	return ""
}

// AsksForDecision reports whether the mail asks the destination to decide, so that it
// is not sent any more when the request does not wait for that.
func (t MailType) AsksForDecision() bool { return t == MailAsked || t == MailReminder }

// MailState is the state of a mail.
type MailState string

// The states.
const (
	MailPending MailState = "pending" // it will be sent, or tried again
	MailSent    MailState = "sent"    // the mail server has taken it
	MailFailed  MailState = "failed"  // the mail server has refused it for good, or for too long
	MailDropped MailState = "dropped" // it was not sent, because it was no longer true
)

// MailStates lists every state.
func MailStates() []MailState { return []MailState{MailPending, MailSent, MailFailed, MailDropped} }

// Limits of mail.
const (
	MailPatience    = 3 * 24 * time.Hour  // how long a mail is tried
	KeepMails       = 30 * 24 * time.Hour // how long the log of mails is kept
	MaxMailsPerHour = 20                  // about requests that belong to no batch, to one account; others are collected
	MaxMailError    = 500                 // characters of an answer of the mail server that are kept
)

// mailSchedule returns the waits between the attempts to send a mail; the last one
// repeats.
func mailSchedule() []time.Duration {
	const m = time.Minute
	return []time.Duration{m, 5 * m, 15 * m, 30 * m, 60 * m, 2 * 60 * m, 4 * 60 * m, 6 * 60 * m}
}

// NextMailAttempt returns how long to wait after an attempt that failed, the
// attempts-th (from 1), of a mail of some age. It is false if the mail is not tried
// again. jitter, from 0 to 1, spreads attempts: they are up to a fifth later.
func NextMailAttempt(attempts int, age time.Duration, jitter float64) (time.Duration, bool) {
	waits := mailSchedule()
	wait := waits[min(max(attempts, 1), len(waits))-1]
	wait += time.Duration(jitter * float64(wait) / 5)
	return wait, age+wait <= MailPatience
}

// MailNews is what a mail says. Fields that do not belong to its type are empty.
type MailNews struct {
	Type    MailType   `json:"type"`
	Account OperatorID `json:"account,omitempty"` // whose contacts get it
	RequestNews

	By         Party  `json:"by,omitempty"`          // who caused it
	SourceName string `json:"source_name,omitempty"` // of the account that sends the SIMs
	Message    string `json:"message,omitempty"`     // of the source to the destination
	Reason     string `json:"reason,omitempty"`      // why the request was ended, in the party's words
	Fees       *Money `json:"fees,omitempty"`

	Pull     *MailPullNews     `json:"pull,omitempty"`
	Digest   *MailDigestNews   `json:"digest,omitempty"`
	Webhook  *MailWebhookNews  `json:"webhook,omitempty"`
	Key      *MailKeyNews      `json:"key,omitempty"`
	SignIn   *MailSignInNews   `json:"sign_in,omitempty"`
	Contacts *MailContactsNews `json:"contacts,omitempty"`
}

// MailPullNews is what an owner learns of pull requests that ask for its SIMs: nothing of
// other owners, and not how many SIMs the asker asks others for.
type MailPullNews struct {
	ID        string     `json:"id,omitempty"` // of the only one; empty: there are several
	Pulls     int        `json:"pulls"`
	Asker     OperatorID `json:"asker,omitempty"` // the fields up to Message are of the only one
	AskerName string     `json:"asker_name,omitempty"`
	Reference string     `json:"reference,omitempty"`
	Message   string     `json:"message,omitempty"`
	SIMs      int        `json:"sims"`  // of the owner, of all
	Until     time.Time  `json:"until"` // when the first one ends
}

// MailDigestNews is what happened to many requests.
type MailDigestNews struct {
	Batch string           `json:"batch,omitempty"` // empty: requests that belong to no batch
	Since time.Time        `json:"since"`
	Lines []MailDigestLine `json:"lines"`
	Until *time.Time       `json:"until,omitempty"` // the first time to decide that ends, of those that wait for a decision
}

// MailDigestLine is how often the same happened.
type MailDigestLine struct {
	Type      MailType `json:"type"`
	Party     Party    `json:"party"`
	Requests  int      `json:"requests"`
	SIMs      int      `json:"sims"`
	Completed int      `json:"completed"`
}

// MailWebhookNews is what happened to a webhook endpoint.
type MailWebhookNews struct {
	Endpoint  string         `json:"endpoint"`
	URL       string         `json:"url"`
	Since     *time.Time     `json:"since,omitempty"` // of the first failure
	Failure   string         `json:"failure,omitempty"`
	DisableAt *time.Time     `json:"disable_at,omitempty"`
	Reason    DisabledReason `json:"reason,omitempty"` // why it was disabled
}

// MailKeyNews is an API key that was made or rotated. It has no part of the secret
// but the hint.
type MailKeyNews struct {
	ID         int64     `json:"id"`
	Name       string    `json:"name"`
	Hint       string    `json:"hint"` // the end of the secret
	Permission string    `json:"permission,omitempty"`
	Rotated    bool      `json:"rotated"`
	By         string    `json:"by"` // who did it
	Address    string    `json:"address,omitempty"`
	At         time.Time `json:"at"`
}

// MailSignInNews is a sign-in.
type MailSignInNews struct {
	Address   string    `json:"address"`
	UserAgent string    `json:"user_agent,omitempty"`
	At        time.Time `json:"at"`
}

// MailContactsNews are contacts that were changed.
type MailContactsNews struct {
	Purposes []ContactPurpose `json:"purposes"`
	Email    bool             `json:"email"` // the primary email was changed, too
	By       string           `json:"by"`
	Address  string           `json:"address,omitempty"`
	At       time.Time        `json:"at"`
}

// Mail is a mail to the contacts of one party of a request.
type Mail struct {
	To    Party
	Batch string // it is collected with those of the same batch; empty: it is sent
	News  MailNews
}

// eventWords are the texts of events that mails may have: both parties see them.
type eventWords struct {
	Reason   string `json:"reason"`
	OnBehalf Party  `json:"on_behalf"`
}

// MailsOf decides which mails are sent about an event. What the messages leave
// out (see MessagesOf) the mails leave out as well, but for what is added here: the
// name and the message of the source, why a party ended the request, and, for the
// source, the fees.
func MailsOf(e EventFacts) ([]Mail, error) {
	messages, err := MessagesOf(e)
	if err != nil || len(messages) == 0 {
		return nil, err
	}
	var words eventWords
	if err := json.Unmarshal(e.Detail, &words); err != nil {
		return nil, fmt.Errorf("reading the words of event %s: %w", e.ID, err)
	}
	var list []Mail
	for _, m := range messages {
		for _, kind := range mailTypesOf(m, e) {
			list = append(list, Mail{To: m.To, Batch: m.Batch, News: mailNews(kind, m, e, words)})
		}
	}
	return list, nil
}

// mailTypesOf returns the mails that a party gets about what a message says.
func mailTypesOf(m Message, e EventFacts) []MailType {
	source, destination, bySupport := m.To == PartySource, m.To == PartyDestination, e.By == PartySupport
	if !source && !destination {
		return nil
	}
	one := func(kind MailType, gets bool) []MailType {
		if gets {
			return []MailType{kind}
		}
		return nil
	}
	switch m.Type {
	case MessageCreated, MessageExtended:
		return one(MailOnBehalf, source && bySupport)
	case MessageRejected:
		return one(MailRejected, source)
	case MessageAwaiting:
		if destination {
			return []MailType{MailAsked}
		}
		return one(MailApproved, e.Kind == EventApprove)
	case MessageReminder:
		return one(MailReminder, m.News.WaitingFor == PartyDestination && (destination || m.News.Percent != nil && *m.News.Percent >= 90))
	case MessageAccepted:
		if destination {
			return one(MailOnBehalf, bySupport)
		}
		return []MailType{MailAccepted}
	case MessageDeclined:
		return one(MailDeclined, source)
	case MessageCanceled:
		if source {
			return one(MailOnBehalf, bySupport)
		}
		return []MailType{MailCanceled}
	case MessageDenied:
		return []MailType{MailDenied}
	case MessageExpired:
		return []MailType{MailExpired}
	case MessageSIMsEnded:
		if source && e.Kind == EventCancel {
			return one(MailOnBehalf, bySupport)
		}
		return one(MailSIMsEnded, source || e.Kind != EventDecline)
	case MessageTakenBack:
		return one(MailTakenBack, e.By != m.To)
	case MessageCompleted:
		if source && e.Fees != nil && e.Fees.Minor > 0 {
			return []MailType{MailCompleted, MailFees}
		}
		return []MailType{MailCompleted}
	case MessageInReview, MessageStarted, MessageReleased, MessageRetried, MessageCommented, MessageBatch, MessageChanges, MessageTest:
	}
	return nil
}

func mailNews(kind MailType, m Message, e EventFacts, words eventWords) MailNews {
	n := MailNews{Type: kind, Account: e.Source, RequestNews: m.News, By: e.By, SourceName: e.SourceName}
	if m.To == PartyDestination {
		n.Account = e.Destination
	}
	switch e.Kind {
	case EventDecline, EventCancel, EventDeny:
		n.Reason = words.Reason
	case EventAccept:
		if words.OnBehalf != "" {
			n.Reason = words.Reason
		}
	default:
	}
	switch kind {
	case MailAsked, MailReminder, MailTakenBack:
		n.Message = e.Message
		if n.ExpiresAt == nil {
			n.ExpiresAt = e.ExpiresAt
		}
		if n.SIMs == nil {
			n.SIMs = e.Offered
		}
	case MailApproved:
		n.ExpiresAt = e.ExpiresAt
	case MailFees:
		n.Fees = e.Fees
	default:
	}
	return n
}

// Count adds what a mail to a party would have said.
func (d *MailDigestNews) Count(n MailNews, to Party) {
	i := slices.IndexFunc(d.Lines, func(l MailDigestLine) bool { return l.Type == n.Type && l.Party == to })
	if i < 0 {
		i = len(d.Lines)
		d.Lines = append(d.Lines, MailDigestLine{Type: n.Type, Party: to})
	}
	l := &d.Lines[i]
	l.Requests++
	if n.SIMs != nil {
		l.SIMs += *n.SIMs
	}
	if n.Completed != nil {
		l.Completed += *n.Completed
	}
	if n.Type.AsksForDecision() && to == PartyDestination && n.ExpiresAt != nil && (d.Until == nil || n.ExpiresAt.Before(*d.Until)) {
		d.Until = n.ExpiresAt
	}
}

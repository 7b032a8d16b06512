package notice

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"text/template"
	"time"

	"simtransfer/mail"
	"simtransfer/transfer"
)

// view is what templates get: the fields of transfer.MailNews, and these methods.
type view struct {
	transfer.MailNews

	zone *time.Location // of times
}

// functions are what templates can call.
func functions(zone *time.Location) template.FuncMap {
	return template.FuncMap{
		"sims":    func(n *int) string { return countOf(n, "SIM", "SIMs") },
		"number":  number,
		"when":    func(at any) (string, error) { return when(at, zone) },
		"plural":  func(n int, one, many string) string { return countOf(&n, one, many) },
		"meaning": func(c transfer.DecisionCode) string { return c.Meaning() },
	}
}

// when returns an instant for the reader. It takes a time.Time or a *time.Time, which
// may be nil.
func when(at any, zone *time.Location) (string, error) {
	switch t := at.(type) {
	case time.Time:
		return mail.When(t, zone), nil
	case *time.Time:
		if t == nil {
			return "", nil
		}
		return mail.When(*t, zone), nil
	}
	return "", fmt.Errorf("%T is no time", at)
}

// countOf returns a number with its noun: "1 SIM", "1,200 SIMs". Without a number it
// returns the noun for many.
func countOf(n *int, one, many string) string {
	switch {
	case n == nil:
		return many
	case *n == 1:
		return "1 " + one
	}
	return number(n) + " " + many
}

// number returns a number with its thousands separated: "1,200".
func number(n *int) string {
	if n == nil {
		return ""
	}
	return transfer.GroupThousands(strconv.Itoa(*n))
}

// Sender returns the name and the operator id of the account that sends the SIMs.
func (v view) Sender() string {
	if v.SourceName == "" {
		return string(v.Source)
	}
	return v.SourceName + " (" + string(v.Source) + ")"
}

// Actor returns who caused what happened, as the reader of the mail knows them.
func (v view) Actor() string {
	switch v.By {
	case transfer.PartySource:
		if v.Party == transfer.PartySource {
			return "Your account"
		}
		return v.Sender()
	case transfer.PartyDestination:
		if v.Party == transfer.PartyDestination {
			return "Your account"
		}
		return string(v.Destination)
	case transfer.PartySupport:
		return "Support"
	case transfer.PartySystem:
	}
	return "The service"
}

// IsSource reports whether the mail goes to the account that sends the SIMs.
func (v view) IsSource() bool { return v.Party == transfer.PartySource }

// Partner returns the other account of the request.
func (v view) Partner() string {
	if v.IsSource() {
		return string(v.Destination)
	}
	return v.Sender()
}

// Deadline returns " until …" if someone has to decide by then.
func (v view) Deadline() string {
	if v.ExpiresAt == nil {
		return ""
	}
	return " until " + v.when(*v.ExpiresAt)
}

// One reports whether the mail is about one SIM.
func (v view) One() bool { return v.SIMs != nil && *v.SIMs == 1 }

// facts returns the table of a mail.
func (v view) facts() []mail.Fact {
	var list []mail.Fact
	add := func(name, value string) {
		if value != "" {
			list = append(list, mail.Fact{Name: name, Value: value})
		}
	}
	switch {
	case v.Digest != nil:
		for _, l := range v.Digest.Lines {
			add(lineText(l), lineCount(l))
		}
		if v.Fees != nil {
			add("Fees", v.Fees.Grouped())
		}
		add("Batch", v.Digest.Batch)
	case v.Pull != nil:
		v.pullFacts(add)
	case v.Webhook != nil:
		v.webhookFacts(add)
	case v.Key != nil:
		v.keyFacts(add)
	case v.SignIn != nil:
		add("At", v.when(v.SignIn.At))
		add("From", v.SignIn.Address)
		add("Browser", v.SignIn.UserAgent)
	case v.Contacts != nil:
		add("Changed by", v.Contacts.By)
		add("From", v.Contacts.Address)
		add("At", v.when(v.Contacts.At))
	default:
		v.requestFacts(add)
	}
	return list
}

func (v view) requestFacts(add func(name, value string)) {
	add("From", v.Sender())
	add("To", string(v.Destination))
	if v.SIMs != nil {
		add("SIMs", number(v.SIMs))
	}
	if v.Completed != nil {
		add("Moved", number(v.Completed))
	}
	if v.Fees != nil {
		add("Fees", v.Fees.Grouped())
	}
	add("Reference", v.Reference)
	add("Message", v.Message)
	if v.Code != "" {
		add("Why", v.Code.Meaning())
	}
	add("Reason", v.Reason)
	if v.NotBefore != nil {
		add("Moves from", v.when(*v.NotBefore))
	}
	if v.NotAfter != nil {
		add("Moves until", v.when(*v.NotAfter))
	}
	if v.ExpiresAt != nil {
		add("Decide until", v.when(*v.ExpiresAt))
	}
	add("Request", v.Request)
}

func (v view) pullFacts(add func(name, value string)) {
	if v.Pull.ID == "" {
		add("Pull requests", number(&v.Pull.Pulls))
	} else {
		add("From", v.Asker())
	}
	add("SIMs of yours", number(&v.Pull.SIMs))
	add("Reference", v.Pull.Reference)
	add("Message", v.Pull.Message)
	add("Decide until", v.when(v.Pull.Until))
	add("Pull request", v.Pull.ID)
}

// Asker returns the name and the operator id of the account that makes the pull request.
func (v view) Asker() string {
	if v.Pull.AskerName == "" {
		return string(v.Pull.Asker)
	}
	return v.Pull.AskerName + " (" + string(v.Pull.Asker) + ")"
}

func (v view) webhookFacts(add func(name, value string)) {
	add("Endpoint", v.Webhook.Endpoint)
	add("Address", v.Webhook.URL)
	if v.Webhook.Since != nil {
		add("Fails since", v.when(*v.Webhook.Since))
	}
	add("Last answer", v.Webhook.Failure)
	if v.Webhook.DisableAt != nil {
		add("Disabled at", v.when(*v.Webhook.DisableAt))
	}
}

func (v view) keyFacts(add func(name, value string)) {
	add("Key", fmt.Sprintf("%d, %s, ends in %s", v.Key.ID, v.Key.Name, v.Key.Hint))
	add("Permission", v.Key.Permission)
	add("By", v.Key.By)
	add("From", v.Key.Address)
	add("At", v.when(v.Key.At))
}

func (v view) when(t time.Time) string { return mail.When(t, v.zone) }

// Summary returns what a digest is about, as part of a sentence.
func (v view) Summary() string {
	var list []string
	for _, l := range v.Digest.Lines {
		list = append(list, countOf(&l.Requests, "request", "requests")+" "+lineVerb(l))
	}
	switch n := len(list); {
	case n <= 1:
		return strings.Join(list, "")
	case n > 3:
		return strings.Join(list[:3], ", ") + " and more"
	default:
		return strings.Join(list[:n-1], ", ") + " and " + list[n-1]
	}
}

// FeesOf returns the number of requests for which fees were posted.
func (v view) FeesOf() string {
	n := 0
	for _, l := range v.Digest.Lines {
		n += l.Requests
	}
	return countOf(&n, "request", "requests")
}

func lineText(l transfer.MailDigestLine) string {
	verb := lineVerb(l)
	return strings.ToUpper(verb[:1]) + verb[1:]
}

func lineCount(l transfer.MailDigestLine) string {
	text := countOf(&l.Requests, "request", "requests")
	switch {
	case l.Type == transfer.MailCompleted && l.SIMs > 0:
		return fmt.Sprintf("%s, %s of %s moved", text, number(&l.Completed), countOf(&l.SIMs, "SIM", "SIMs"))
	case l.SIMs > 0:
		return text + ", " + countOf(&l.SIMs, "SIM", "SIMs")
	}
	return text
}

// lineVerb says what happened to the requests of a line.
func lineVerb(l transfer.MailDigestLine) string {
	switch l.Type {
	case transfer.MailAsked:
		return "waiting for your decision"
	case transfer.MailReminder:
		if l.Party == transfer.PartyDestination {
			return "still waiting for your decision"
		}
		return "still waiting for their destination"
	case transfer.MailApproved:
		return "approved by support"
	case transfer.MailDenied:
		return "denied by support"
	case transfer.MailRejected:
		return "rejected because no SIM can be transferred"
	case transfer.MailAccepted:
		return "accepted"
	case transfer.MailDeclined:
		return "declined"
	case transfer.MailCanceled:
		return "canceled"
	case transfer.MailSIMsEnded:
		return "continuing without some of their SIMs"
	case transfer.MailTakenBack:
		return "open again"
	case transfer.MailCompleted:
		return "completed"
	case transfer.MailExpired:
		return "expired"
	case transfer.MailOnBehalf:
		return "made or changed by support on your behalf"
	case transfer.MailFees:
		return "charged"
	case transfer.MailPullRequest, transfer.MailDigest, transfer.MailFeesDigest, transfer.MailWebhookFailing, transfer.MailWebhookWarning, transfer.MailWebhookDisabled,
		transfer.MailNewKey, transfer.MailNewSignIn, transfer.MailContacts:
	}
	return string(l.Type)
}

// path returns the page of the console that the link opens; empty: there is no link.
func (v view) path() string {
	switch {
	case v.Request != "":
		return "/requests/" + url.PathEscape(v.Request)
	case v.Digest != nil && v.Digest.Batch != "":
		return "/batches/" + url.PathEscape(v.Digest.Batch)
	case v.Digest != nil:
		return "/"
	case v.Pull != nil && v.Pull.ID != "":
		return "/pulls/" + url.PathEscape(v.Pull.ID)
	case v.Pull != nil:
		return "/pulls"
	case v.Key != nil:
		return "/keys"
	case v.SignIn != nil:
		return "/sign-ins"
	case v.Webhook != nil:
		return "/webhooks/" + url.PathEscape(v.Webhook.Endpoint)
	case v.Contacts != nil:
		return "/settings"
	}
	return ""
}

// why returns why someone gets the mail.
func (v view) why(m Mail) string {
	if m.Account == 0 {
		return "You get this mail because it concerns your sign-in."
	}
	of := ""
	if v.Account != "" {
		of = " of " + string(v.Account)
	}
	purpose := string(m.Kind.Purpose())
	if m.Kind.Purpose() == transfer.ContactTechnical {
		purpose = "technical matters"
	}
	text := fmt.Sprintf("You get this mail because %s is a contact for %s%s, or its email.", m.Address, purpose, of)
	if m.Event != "" {
		text += " Event " + m.Event + "."
	}
	return text
}

package notice

import (
	"time"

	"simtransfer/transfer"
)

// Examples returns an example of each mail as each party gets it, with every field
// that it can have.
func Examples() []Mail {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	until := at.Add(24 * time.Hour)
	const pull = "0195b7a0-1c2d-7b3e-9f40-5a6b7c8d9e99"
	const request, batch, endpoint = "0195b7a0-1c2d-7b3e-9f40-5a6b7c8d9e0f", "0195b7a0-1c2d-7b3e-9f40-5a6b7c8d9eba", "0195b7a0-1c2d-7b3e-9f40-5a6b7c8d9eee"
	news := func(kind transfer.MailType, party transfer.Party, by transfer.Party, event transfer.EventKind, change func(*transfer.MailNews)) transfer.MailNews {
		n := transfer.MailNews{Type: kind, Account: "OP0000000001", By: by, SourceName: "North Sensors Ltd", RequestNews: transfer.RequestNews{
			Request: request, Path: "/v1/transfer-requests/" + request, Sequence: 3, Event: event, Party: party, Reference: "PO-4711",
			Source: "OP0000000001", Destination: "OP0000000002", SIMs: new(1200),
		}}
		if party == transfer.PartyDestination {
			n.Account = "OP0000000002"
		}
		if change != nil {
			change(&n)
		}
		return n
	}
	const source, destination, support, system = transfer.PartySource, transfer.PartyDestination, transfer.PartySupport, transfer.PartySystem
	asks := func(n *transfer.MailNews) {
		n.Message, n.ExpiresAt = "The SIMs of our meters in Leeds, as agreed by phone.", &until
	}
	percent := func(n *transfer.MailNews) { asks(n); n.Percent, n.WaitingFor = new(90), destination }
	ended := func(n *transfer.MailNews) {
		n.Code, n.Reason, n.SIMs = transfer.WrongSIMs, "We ordered 1,000 SIMs.", nil
		n.State = transfer.RequestDeclined
	}
	some := func(n *transfer.MailNews) { ended(n); n.SIMs, n.State = new(40), "" }
	later := func(n *transfer.MailNews) { n.NotBefore, n.NotAfter = &until, new(until.Add(6*time.Hour)) }
	outcome := func(completed int) func(*transfer.MailNews) {
		return func(n *transfer.MailNews) {
			n.Completed, n.Outcome = &completed, transfer.OutcomeOf(completed, 1200)
		}
	}
	open := func(n *transfer.MailNews) { asks(n); n.State = transfer.AwaitingAcceptance }
	list := []transfer.MailNews{
		news(transfer.MailAsked, destination, system, transfer.EventOffer, asks),
		news(transfer.MailReminder, destination, system, transfer.EventRemind, percent),
		news(transfer.MailReminder, source, system, transfer.EventRemind, percent),
		news(transfer.MailApproved, source, support, transfer.EventApprove, func(n *transfer.MailNews) { n.ExpiresAt, n.SIMs = &until, nil }),
		news(transfer.MailDenied, source, support, transfer.EventDeny, ended),
		news(transfer.MailDenied, destination, support, transfer.EventDeny, ended),
		news(transfer.MailRejected, source, system, transfer.EventReject, nil),
		news(transfer.MailAccepted, source, destination, transfer.EventAccept, nil),
		news(transfer.MailAccepted, source, destination, transfer.EventAccept, later),
		news(transfer.MailAccepted, source, support, transfer.EventAccept, nil),
		news(transfer.MailDeclined, source, destination, transfer.EventDecline, ended),
		news(transfer.MailCanceled, destination, source, transfer.EventCancel, ended),
		news(transfer.MailSIMsEnded, source, destination, transfer.EventDecline, some),
		news(transfer.MailSIMsEnded, destination, source, transfer.EventCancel, some),
		news(transfer.MailSIMsEnded, source, support, transfer.EventDeny, some),
		news(transfer.MailTakenBack, destination, source, transfer.EventTakeBack, open),
		news(transfer.MailTakenBack, source, destination, transfer.EventTakeBack, open),
		news(transfer.MailTakenBack, source, support, transfer.EventTakeBack, func(n *transfer.MailNews) { n.State = transfer.InReview }),
		news(transfer.MailCompleted, source, system, transfer.EventFinish, outcome(1200)),
		news(transfer.MailCompleted, source, system, transfer.EventFinish, outcome(1150)),
		news(transfer.MailCompleted, source, system, transfer.EventFinish, outcome(0)),
		news(transfer.MailCompleted, destination, system, transfer.EventFinish, outcome(1200)),
		news(transfer.MailCompleted, destination, system, transfer.EventFinish, outcome(1150)),
		news(transfer.MailCompleted, destination, system, transfer.EventFinish, outcome(0)),
		news(transfer.MailCompleted, source, system, transfer.EventFinish, func(n *transfer.MailNews) {
			n.SIMs, n.Completed, n.Outcome = new(1), new(1), transfer.AllMoved
		}),
		news(transfer.MailExpired, source, system, transfer.EventExpire, nil),
		news(transfer.MailExpired, destination, system, transfer.EventExpire, nil),
		news(transfer.MailOnBehalf, source, support, transfer.EventCreate, nil),
		news(transfer.MailOnBehalf, source, support, transfer.EventExtend, asks),
		news(transfer.MailOnBehalf, source, support, transfer.EventCancel, ended),
		news(transfer.MailOnBehalf, source, support, transfer.EventCancel, some),
		news(transfer.MailOnBehalf, destination, support, transfer.EventAccept, func(n *transfer.MailNews) { n.Reason = "The account was merged into another one." }),
		news(transfer.MailFees, source, system, transfer.EventFinish, func(n *transfer.MailNews) { n.Fees = &transfer.Money{Minor: 12500, Currency: "EUR"} }),
		{Type: transfer.MailPullRequest, Account: "OP0000000001", Pull: &transfer.MailPullNews{
			ID: pull, Pulls: 1, Asker: "OP0000000002", AskerName: "Harbor Estates", Reference: "PO-4711", Message: "The meters of 7 Pier Road.", SIMs: 12, Until: until,
		}},
		{Type: transfer.MailPullRequest, Account: "OP0000000001", Pull: &transfer.MailPullNews{Pulls: 3, SIMs: 40, Until: until}},
		{Type: transfer.MailDigest, Account: "OP0000000001", Digest: &transfer.MailDigestNews{Batch: batch, Since: at, Lines: []transfer.MailDigestLine{
			{Type: transfer.MailAccepted, Party: source, Requests: 580, SIMs: 1160},
			{Type: transfer.MailDeclined, Party: source, Requests: 20},
			{Type: transfer.MailCompleted, Party: source, Requests: 580, SIMs: 1160, Completed: 1158},
		}}},
		{Type: transfer.MailDigest, Account: "OP0000000002", Digest: &transfer.MailDigestNews{Since: at, Until: &until, Lines: []transfer.MailDigestLine{
			{Type: transfer.MailAsked, Party: destination, Requests: 37, SIMs: 5000}, {Type: transfer.MailCompleted, Party: destination, Requests: 12, SIMs: 30, Completed: 30},
		}}},
		{
			Type: transfer.MailFeesDigest, Account: "OP0000000001", Fees: &transfer.Money{Minor: 290000, Currency: "EUR"},
			Digest: &transfer.MailDigestNews{Batch: batch, Since: at, Lines: []transfer.MailDigestLine{{Type: transfer.MailFees, Party: source, Requests: 580, SIMs: 1160, Completed: 1158}}},
		},
		{Type: transfer.MailWebhookFailing, Account: "OP0000000001", Webhook: &transfer.MailWebhookNews{
			Endpoint: endpoint, URL: "https://example.com/simtransfer", Since: &at, Failure: "the receiver answered 500 Internal Server Error", DisableAt: new(at.Add(transfer.WebhookPatience)),
		}},
		{Type: transfer.MailWebhookWarning, Account: "OP0000000001", Webhook: &transfer.MailWebhookNews{
			Endpoint: endpoint, URL: "https://example.com/simtransfer", Since: &at, Failure: "the receiver answered 500 Internal Server Error", DisableAt: new(at.Add(transfer.WebhookPatience)),
		}},
		{Type: transfer.MailWebhookDisabled, Account: "OP0000000001", Webhook: &transfer.MailWebhookNews{
			Endpoint: endpoint, URL: "https://example.com/simtransfer", Since: &at, Failure: "the receiver answered 410 Gone", Reason: transfer.DisabledGone,
		}},
		{Type: transfer.MailNewKey, Account: "OP0000000001", Key: &transfer.MailKeyNews{ID: 17, Name: "ERP", Hint: "x7Qp", Permission: "operator", By: "Maria Example", Address: "192.0.2.7", At: at}},
		{Type: transfer.MailNewKey, Account: "OP0000000001", Key: &transfer.MailKeyNews{ID: 17, Name: "ERP", Hint: "b2Kz", Permission: "operator", Rotated: true, By: "the operator of the service", At: at}},
		{Type: transfer.MailNewSignIn, SignIn: &transfer.MailSignInNews{Address: "192.0.2.7", UserAgent: "Mozilla/5.0 (X11; Linux x86_64)", At: at}},
		{Type: transfer.MailContacts, Account: "OP0000000001", Contacts: &transfer.MailContactsNews{
			Purposes: []transfer.ContactPurpose{transfer.ContactTransfers, transfer.ContactSecurity}, Email: true, By: "Maria Example", Address: "192.0.2.7", At: at,
		}},
	}
	mails := make([]Mail, len(list))
	for i, n := range list {
		mails[i] = Mail{
			ID: "00000000-0000-4000-8000-000000000001", Event: "812-4", Address: "maria@example.org", Account: 1, Kind: n.Type.Kind(), News: n,
			Secret: []byte("the secret of the examples in this package"),
		}
		if n.Type == transfer.MailNewSignIn {
			mails[i].Account = 0
		}
	}
	return mails
}

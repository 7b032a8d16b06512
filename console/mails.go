package console

import (
	"strings"

	"github.com/google/uuid"

	"simtransfer/client"
	"simtransfer/transfer"
)

// mailsView is the log of mails.
type mailsView struct {
	base

	Mails  client.Page[client.Mail]
	States []choice
	Kinds  []choice
}

// mails shows which mails were sent to whom, the latest first.
func (v *visit) mails() error {
	q := v.r.URL.Query()
	f := client.MailFilter{Email: strings.TrimSpace(q.Get("email"))}
	if v.me.has("support") {
		f.Account = transfer.AccountRef(strings.TrimSpace(q.Get("account")))
	}
	if text := strings.TrimSpace(q.Get("request")); text != "" {
		id, err := uuid.Parse(text)
		if err != nil {
			return &refusedPage{"A request is named by its whole id, as its page shows it."}
		}
		f.Request = id
	}
	for _, state := range filled(q["state"]) {
		f.States = append(f.States, transfer.MailState(state))
	}
	for _, kind := range filled(q["kind"]) {
		f.Kinds = append(f.Kinds, transfer.MailKind(kind))
	}
	view := mailsView{base: base{v}}
	var err error
	if view.Mails, err = v.api.ListMails(v.ctx(), f, client.Paging{Limit: 50, Cursor: q.Get("cursor")}); err != nil {
		return err
	}
	for _, s := range transfer.MailStates() {
		view.States = append(view.States, choice{string(s), words(s)})
	}
	for _, k := range transfer.MailKinds() {
		view.Kinds = append(view.Kinds, choice{string(k), words(k)})
	}
	return v.show("mails", "Mail", view)
}

// Filtered reports whether the list is filtered.
func (v mailsView) Filtered() bool {
	for _, name := range []string{"state", "kind", "email", "account", "request"} {
		if v.Query(name) != "" {
			return true
		}
	}
	return false
}

// Meaning says when a mail is sent, in words.
func (mailsView) Meaning(m client.Mail) string { return m.Kind.Meaning() }

package console

import (
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"simtransfer/client"
	"simtransfer/transfer"
)

// auditView is the audit trail.
type auditView struct {
	base

	Entries []client.AuditEntry
	Next    string
	Actions []choice
}

// audit shows who did what outside of requests, the latest first.
func (v *visit) audit() error {
	f, err := v.auditFilter()
	if err != nil {
		return err
	}
	page, err := v.api.ListAudit(v.ctx(), f, client.Paging{Limit: 50, Cursor: v.r.URL.Query().Get("cursor")})
	if err != nil {
		return err
	}
	view := auditView{base: base{v}, Entries: page.Items, Next: page.NextCursor}
	for _, a := range transfer.AuditActions() {
		view.Actions = append(view.Actions, choice{string(a), actionText(a)})
	}
	return v.show("audit", "Audit trail", view)
}

// auditFilter reads the filter of the query.
func (v *visit) auditFilter() (client.AuditFilter, error) {
	q := v.r.URL.Query()
	f := client.AuditFilter{SIM: strings.TrimSpace(q.Get("sim"))}
	if v.me.has("support") {
		f.Account = transfer.AccountRef(strings.TrimSpace(q.Get("account")))
	}
	for _, a := range q["action"] {
		if a != "" {
			f.Actions = append(f.Actions, transfer.AuditAction(a))
		}
	}
	var err error
	if text := strings.TrimSpace(q.Get("key")); text != "" {
		if f.Key, err = strconv.ParseInt(text, 10, 64); err != nil {
			return f, &refusedPage{"A key has a number as its id: choose it on the page of keys."}
		}
	}
	f.CreatedAfter, f.CreatedBefore, err = period(q)
	return f, err
}

// period reads the days from and to of a query, both included. Empty ones are zero.
func period(q url.Values) (from, to time.Time, err error) {
	if text := q.Get("from"); text != "" {
		if from, err = time.Parse(time.DateOnly, text); err != nil {
			return from, to, &refusedPage{"The first day: " + errNotADay.Error() + "."}
		}
	}
	if text := q.Get("to"); text != "" {
		if to, err = time.Parse(time.DateOnly, text); err != nil {
			return from, to, &refusedPage{"The last day: " + errNotADay.Error() + "."}
		}
		to = to.AddDate(0, 0, 1)
	}
	return from, to, nil
}

// auditFile sends the entries of the filter as CSV, the latest first.
func (v *visit) auditFile() error {
	f, err := v.auditFilter()
	if err != nil {
		return err
	}
	rows, err := v.api.ListAuditRows(v.ctx(), f, client.Paging{Limit: 200}, client.CSV)
	if err != nil {
		return err
	}
	v.startFile("text/csv; charset=utf-8", "audit.csv")
	for first := true; ; first = false {
		text := rows.Text
		if !first { // the heading is there already
			_, after, _ := strings.Cut(string(text), "\n")
			text = []byte(after)
		}
		if _, err := v.w.Write(text); err != nil || rows.NextCursor == "" {
			return nil // the browser may be gone
		}
		if rows, err = v.api.ListAuditRows(v.ctx(), f, client.Paging{Limit: 200, Cursor: rows.NextCursor}, client.CSV); err != nil {
			panic(http.ErrAbortHandler) // the file is incomplete, and the browser says so
		}
	}
}

// startFile begins an answer that the browser saves as a file.
func (v *visit) startFile(mediaType, name string) {
	v.w.Header().Set("Content-Type", mediaType)
	v.w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	v.w.WriteHeader(http.StatusOK)
}

// Who says who has made an entry.
func (auditView) Who(a client.AuditEntry) string { return actorText(a) }

// What describes an entry.
func (auditView) What(a client.AuditEntry) string { return actionText(a.Action) }

// Object names the object of an entry.
func (v auditView) Object(a client.AuditEntry) template.HTML {
	if a.Object == "account" {
		return "Account " + v.NamedText(a.ObjectID)
	}
	return template.HTML(template.HTMLEscapeString(objectText(a))) //nolint:gosec // escaped
}

// objectText names the object of an entry that is no account.
func objectText(a client.AuditEntry) string {
	switch a.Object {
	case "fee": // its id is the method, the currency and the beginning
		method, rest, _ := strings.Cut(a.ObjectID, " ")
		currency, _, _ := strings.Cut(rest, " ")
		return "Fee, " + strings.ToLower(words(method)) + ", " + currency
	case "request", "pull_request", "transfer_code", "webhook_endpoint":
		return words(a.Object) + " " + short(a.ObjectID)
	}
	return strings.TrimSpace(words(a.Object) + " " + a.ObjectID)
}

// Filtered reports whether the list is filtered.
func (v auditView) Filtered() bool {
	for _, name := range []string{"action", "account", "sim", "key", "from", "to"} {
		if v.Query(name) != "" {
			return true
		}
	}
	return false
}

// Changes describes the fields that changed.
func (auditView) Changes(a client.AuditEntry) []string { return changedFields(a) }

// ObjectPath returns the page of the object of an entry, empty if it has none.
func (v auditView) ObjectPath(a client.AuditEntry) string {
	switch a.Object {
	case "sim":
		if v.Can("support") {
			return "/support/sims/" + url.PathEscape(a.ObjectID)
		}
		return "/sims/" + url.PathEscape(a.ObjectID)
	case "request":
		return "/requests/" + url.PathEscape(a.ObjectID)
	case "account":
		if v.Can("support") && strings.HasPrefix(a.ObjectID, "OP") {
			return "/accounts/" + url.PathEscape(a.ObjectID)
		}
	case "gateway":
		if v.Can("support") {
			return "/gateways"
		}
	case "fee":
		if v.Can("finance") {
			return "/fees"
		}
	case "pull_request":
		return "/pulls/" + url.PathEscape(a.ObjectID)
	case "transfer_code":
		return "/codes/" + url.PathEscape(a.ObjectID)
	case "webhook_endpoint":
		if a.Action != transfer.AuditWebhookDelete && (v.Can("support") || v.Can("owner")) {
			return "/webhooks/" + url.PathEscape(a.ObjectID)
		}
	case "key":
		if v.Can("admin") || v.Can("owner") {
			return "/keys?key=" + url.QueryEscape(a.ObjectID) + "#change"
		}
	case "person":
		if v.Can("admin") || v.Can("owner") {
			return "/people?person=" + url.QueryEscape(a.ObjectID) + "#change"
		}
	}
	return ""
}

// File returns the address of the entries as CSV.
func (v auditView) File() string {
	q := v.visit.r.URL.Query()
	q.Del("cursor")
	return "/audit.csv?" + q.Encode()
}

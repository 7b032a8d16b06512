package console

import (
	"cmp"
	"net/http"
	"strings"
)

// audience is who may see a page, as a set. The API decides again what a person can
// do; this only keeps pages and links out of the way of people who cannot use them.
type audience uint16

// Each permission of an account contains the one before, and administrators can do
// what support and finance can.
const (
	viewer audience = 1 << iota
	operator
	approver
	owner
	support
	finance
	admin

	everyone audience = 1 << 15 // who has signed in, also without a membership
)

// anyone is every member of an account and of staff.
const anyone = viewer | support | finance

// audienceNamed returns a permission or a staff role by its name, or nothing.
func audienceNamed(name string) audience {
	switch name {
	case "viewer":
		return viewer
	case "operator":
		return operator
	case "approver":
		return approver
	case "owner":
		return owner
	case "support":
		return support
	case "finance":
		return finance
	case "admin":
		return admin
	}
	return 0
}

// rightsOf returns everything that a permission or a staff role contains.
func rightsOf(name string) audience {
	switch right := audienceNamed(name); right {
	case admin:
		return support | finance | admin
	case viewer, operator, approver, owner:
		return right<<1 - 1 // and the ones before
	default:
		return right
	}
}

// route is one entry of the table of pages.
type route struct {
	method string
	path   string
	who    audience
	handle func(*visit) error

	menu     string   // the text of its link in the navigation; empty: it has none
	menuFor  audience // to whom the navigation shows the link; zero means who
	group    string   // of the navigation
	icon     string   // of the link
	maxBytes int64    // of a form; zero means 1 MiB
}

// maxListBytes is the maximum size of a form with a list of SIMs, in bytes.
const maxListBytes = 8 << 20

// bodyLimit returns the maximum size of the body of a form, in bytes.
func (r route) bodyLimit() int64 {
	if r.maxBytes > 0 {
		return r.maxBytes
	}
	return 1 << 20
}

// The groups of the navigation, in their order.
func menuGroups() []string { return []string{"Support", "", "Administration"} }

// routes is the one table of pages and who may see them. The order is that of the
// navigation.
func routes() []route {
	const get, post = http.MethodGet, http.MethodPost
	return []route{
		{method: get, path: "/{$}", who: anyone, handle: (*visit).home, menu: "Inbox", menuFor: viewer, icon: "inbox"},
		{method: get, path: "/signed-in", who: everyone, handle: (*visit).signedIn},
		{method: post, path: "/act-for", who: everyone, handle: (*visit).actFor},

		{method: get, path: "/requests/{id}", who: anyone, handle: (*visit).request},
		{method: get, path: "/requests/{id}/live", who: anyone, handle: (*visit).requestLive},
		{method: get, path: "/requests/{id}/results.csv", who: anyone, handle: (*visit).requestResults},
		{method: post, path: "/requests/{id}/accept", who: approver | support, handle: (*visit).accept, maxBytes: maxListBytes},
		{method: post, path: "/requests/{id}/decline", who: approver, handle: (*visit).decline, maxBytes: maxListBytes},
		{method: post, path: "/requests/{id}/cancel", who: operator | support, handle: (*visit).cancel, maxBytes: maxListBytes},
		{method: post, path: "/requests/{id}/extend", who: operator | support, handle: (*visit).extend},
		{method: post, path: "/requests/{id}/take-back", who: operator | support, handle: (*visit).takeBack},
		{method: post, path: "/requests/{id}/retry", who: operator | support, handle: (*visit).retry},
		{method: post, path: "/requests/{id}/comment", who: operator | support, handle: (*visit).comment},
		{method: post, path: "/requests/{id}/approve", who: support, handle: (*visit).approve},
		{method: post, path: "/requests/{id}/deny", who: support, handle: (*visit).deny},

		{method: get, path: "/sims", who: viewer | support, handle: (*visit).sims, menu: "SIMs", icon: "sim"},
		{method: post, path: "/sims/search", who: viewer | support, handle: (*visit).searchSIMs, maxBytes: maxListBytes},
		{method: post, path: "/sims/pick", who: viewer | support, handle: (*visit).pickSIMs, maxBytes: maxListBytes},
		{method: get, path: "/sims/export.csv", who: viewer | support, handle: (*visit).exportSIMs},
		{method: get, path: "/sims/change", who: operator, handle: (*visit).change},
		{method: post, path: "/sims/change", who: operator, handle: (*visit).changeSIMs, maxBytes: maxListBytes},
		{method: get, path: "/sims/{sim}", who: viewer | support, handle: (*visit).sim},
		{method: post, path: "/sims/{sim}", who: operator, handle: (*visit).updateSIM},
		{method: post, path: "/sims/{sim}/sessions/drop", who: operator | support, handle: (*visit).dropSessions},
		{method: get, path: "/transfers/new", who: operator | support, handle: (*visit).newTransfer, menu: "New transfer", menuFor: operator, icon: "new"},
		{method: get, path: "/transfers/template.csv", who: operator | support, handle: (*visit).transferTemplate},
		{method: post, path: "/transfers/new", who: operator | support, handle: (*visit).stepTransfer, maxBytes: maxListBytes},
		{method: get, path: "/outbox", who: viewer, handle: (*visit).outbox, menu: "Sent", icon: "send"},
		{method: get, path: "/pulls", who: viewer | support, handle: (*visit).pulls, menu: "SIMs asked for", icon: "pull"},
		{method: get, path: "/pulls/{id}", who: viewer | support, handle: (*visit).pull},
		{method: post, path: "/pulls/{id}/approve", who: approver, handle: (*visit).approvePull, maxBytes: maxListBytes},
		{method: post, path: "/pulls/{id}/refuse", who: approver, handle: (*visit).refusePull},
		{method: post, path: "/pulls/{id}/cancel", who: operator | support, handle: (*visit).cancelPull},
		{method: get, path: "/redeem", who: viewer, handle: (*visit).showRedeem},
		{method: post, path: "/redeem", who: operator, handle: (*visit).redeem},
		{method: get, path: "/redeemed/{id}", who: viewer, handle: (*visit).redeemed},
		{method: get, path: "/codes", who: viewer | support, handle: (*visit).codes, menu: "Transfer codes", icon: "code"},
		{method: get, path: "/codes/{id}", who: viewer | support, handle: (*visit).code},
		{method: post, path: "/codes/{id}/revoke", who: operator | support, handle: (*visit).revokeCode},
		{method: get, path: "/pulls/new", who: operator, handle: (*visit).showNewPull},
		{method: post, path: "/pulls/new", who: operator, handle: (*visit).newPull, maxBytes: maxListBytes},

		{method: get, path: "/running", who: anyone, handle: (*visit).running, menu: "Running", icon: "running"},
		{method: get, path: "/running/live", who: anyone, handle: (*visit).runningLive},
		{method: get, path: "/batches/{id}", who: anyone, handle: (*visit).batch},
		{method: get, path: "/batches/{id}/live", who: anyone, handle: (*visit).batchLive},
		{method: get, path: "/batches/{id}/results.csv", who: anyone, handle: (*visit).batchResults},
		{method: post, path: "/batches/{id}/cancel", who: operator | support, handle: (*visit).cancelBatch},
		{method: get, path: "/history", who: anyone, handle: (*visit).history, menu: "History", icon: "history"},

		{method: get, path: "/queue", who: support, handle: (*visit).queue, menu: "To review", group: "Support", icon: "queue"},
		{method: get, path: "/queue/decide", who: support, handle: (*visit).reviewForm},
		{method: post, path: "/queue/decide", who: support, handle: (*visit).review},
		{method: get, path: "/look-up", who: support, handle: (*visit).lookUp, menu: "Look up", group: "Support", icon: "search"},
		{method: get, path: "/support/sims/{sim}", who: support, handle: (*visit).simLife},
		{method: post, path: "/support/sims/{sim}/status", who: support, handle: (*visit).setSIMStatus},
		{method: post, path: "/support/sims/{sim}/swap", who: support, handle: (*visit).swapCard},
		{method: post, path: "/support/sims/{sim}/owner", who: admin, handle: (*visit).correctOwner},

		{method: get, path: "/accounts", who: support | finance, handle: (*visit).accounts, menu: "Accounts", group: "Administration", icon: "account"},
		{method: get, path: "/accounts/new", who: admin, handle: (*visit).newAccount},
		{method: post, path: "/accounts", who: admin, handle: (*visit).createAccount},
		{method: get, path: "/accounts/{account}", who: support, handle: (*visit).account},
		{method: post, path: "/accounts/{account}", who: admin, handle: (*visit).updateAccount},
		{method: post, path: "/accounts/{account}/standing", who: admin, handle: (*visit).closeAccount},
		{method: get, path: "/settings", who: owner, handle: (*visit).settings, menu: "Settings", group: "Administration", icon: "settings"},
		{method: post, path: "/settings/mail", who: owner, handle: (*visit).chooseMail},
		{method: post, path: "/settings/contacts", who: owner, handle: (*visit).updateContacts},
		{method: post, path: "/settings/landing", who: owner, handle: (*visit).updateLanding},
		{method: post, path: "/settings/plans", who: owner, handle: (*visit).putPlanMapping},
		{method: post, path: "/settings/plans/delete", who: owner, handle: (*visit).deletePlanMapping},
		{method: get, path: "/people", who: owner | admin, handle: (*visit).people, menu: "People", group: "Administration", icon: "people"},
		{method: post, path: "/people", who: owner | admin, handle: (*visit).invite},
		{method: post, path: "/people/{id}/membership", who: owner | admin, handle: (*visit).grant},
		{method: post, path: "/people/{id}/remove", who: owner | admin, handle: (*visit).removePerson},
		{method: post, path: "/people/{id}/disabled", who: admin, handle: (*visit).disablePerson},
		{method: post, path: "/people/invitations/{id}/revoke", who: owner | admin, handle: (*visit).revokeInvitation},
		{method: get, path: "/sign-ins", who: anyone, handle: (*visit).signIns},
		{method: post, path: "/sign-ins/others", who: anyone, handle: (*visit).endOtherSignIns},
		{method: post, path: "/sign-ins/{id}/end", who: anyone, handle: (*visit).endSignIn},
		{method: get, path: "/keys", who: owner | admin, handle: (*visit).keys, menu: "API keys", group: "Administration", icon: "key"},
		{method: post, path: "/keys", who: owner | admin, handle: (*visit).createKey},
		{method: post, path: "/keys/{id}/rotate", who: owner | admin, handle: (*visit).rotateKey},
		{method: post, path: "/keys/{id}/revoke", who: owner | admin, handle: (*visit).revokeKey},
		{method: get, path: "/webhooks", who: owner | support, handle: (*visit).webhooks, menu: "Webhooks", group: "Administration", icon: "webhook"},
		{method: post, path: "/webhooks", who: owner | admin, handle: (*visit).createWebhook},
		{method: get, path: "/webhooks/{id}", who: owner | support, handle: (*visit).webhook},
		{method: post, path: "/webhooks/{id}", who: owner | admin, handle: (*visit).updateWebhook},
		{method: get, path: "/webhooks/{id}/live", who: owner | support, handle: (*visit).webhookLive},
		{method: post, path: "/webhooks/{id}/test", who: owner | admin, handle: (*visit).testWebhook},
		{method: post, path: "/webhooks/{id}/disable", who: owner | admin, handle: (*visit).disableWebhook},
		{method: post, path: "/webhooks/{id}/enable", who: owner | admin, handle: (*visit).enableWebhook},
		{method: post, path: "/webhooks/{id}/rotate", who: owner | admin, handle: (*visit).rotateWebhook},
		{method: post, path: "/webhooks/{id}/replay", who: owner | admin, handle: (*visit).replayWebhook},
		{method: post, path: "/webhooks/{id}/delete", who: owner | admin, handle: (*visit).deleteWebhook},
		{method: get, path: "/webhooks/{id}/deliveries/{delivery}", who: owner | support, handle: (*visit).delivery},
		{method: post, path: "/webhooks/{id}/deliveries/{delivery}/replay", who: owner | admin, handle: (*visit).replayDelivery},
		{method: get, path: "/mails", who: owner | support, handle: (*visit).mails, menu: "Mail", group: "Administration", icon: "mail"},
		{method: get, path: "/plans", who: support, handle: (*visit).plans, menu: "Plans", group: "Administration", icon: "plan"},
		{method: post, path: "/plans", who: admin, handle: (*visit).putPlan},
		{method: get, path: "/fees", who: finance, handle: (*visit).fees, menu: "Fees", group: "Administration", icon: "fee"},
		{method: post, path: "/fees", who: finance, handle: (*visit).createFee},
		{method: post, path: "/fees/withdraw", who: finance, handle: (*visit).withdrawFee},
		{method: get, path: "/charges", who: anyone, handle: (*visit).charges, menu: "Charges", menuFor: finance | viewer, group: "Administration", icon: "charges"},
		{method: get, path: "/charges.csv", who: anyone, handle: (*visit).chargesFile},
		{method: get, path: "/gateways", who: support, handle: (*visit).gateways, menu: "Gateways", group: "Administration", icon: "gateway"},
		{method: post, path: "/gateways", who: admin, handle: (*visit).putGateway},
		{method: post, path: "/gateways/probe", who: support, handle: (*visit).probeGateway},
		{method: post, path: "/gateways/delete", who: admin, handle: (*visit).deleteGateway},
		{method: get, path: "/unknown-sessions", who: support, handle: (*visit).unknownSessions, menu: "Unknown sessions", group: "Administration", icon: "gateway"},
		{method: get, path: "/audit", who: owner | support, handle: (*visit).audit, menu: "Audit trail", group: "Administration", icon: "audit"},
		{method: get, path: "/audit.csv", who: owner | support, handle: (*visit).auditFile},
	}
}

// Page is an entry of the table of pages.
type Page struct{ Method, Path string }

// Pages returns the table of pages, each with the names of the permissions and roles of
// those who may see it. Paths have the form of http.ServeMux.
func Pages() map[Page][]string {
	table := map[Page][]string{}
	for _, r := range routes() {
		names := []string{}
		for _, name := range []string{"viewer", "operator", "approver", "owner", "support", "finance", "admin"} {
			if r.who == everyone || r.who&rightsOf(name) != 0 {
				names = append(names, name)
			}
		}
		table[Page{r.method, r.path}] = names
	}
	return table
}

// menuGroup is a part of the navigation.
type menuGroup struct {
	Title string
	Links []menuLink
}

type menuLink struct {
	Path, Text, Icon string
	Current          bool // the page, or one below it
}

// menuFor returns the navigation of a person at a path.
func menuFor(m me, path string) []menuGroup {
	var groups []menuGroup
	for _, title := range menuGroups() {
		g := menuGroup{Title: title}
		for _, r := range routes() {
			if r.menu == "" || r.group != title || cmp.Or(r.menuFor, r.who)&m.rights() == 0 {
				continue
			}
			to := strings.TrimSuffix(r.path, "{$}")
			current := path == to || to != "/" && strings.HasPrefix(path, to+"/")
			g.Links = append(g.Links, menuLink{Path: to, Text: r.menu, Icon: r.icon, Current: current})
		}
		if title == "Administration" && m.has("admin") {
			g.Links = append(g.Links, menuLink{Path: "/ops/queues", Text: "Task queues", Icon: "queue"})
		}
		if title == "Administration" && m.IsAccount() {
			g.Title = "Account"
		}
		if len(g.Links) > 0 {
			groups = append(groups, g)
		}
	}
	return groups
}

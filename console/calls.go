package console

import (
	"net/http"
	"slices"
	"strings"
	"unicode"
)

// call is a call of the API that does what a page or a form does, for people who want to
// make it from a script. Words in braces, such as {id}, stand for values of the page.
type call struct {
	what    string   // it does, for people
	method  string   // of HTTP
	path    string   // of the API
	body    string   // an example, in JSON; may be empty
	command string   // what follows "simtransfer"
	who     audience // to whom it is shown; zero means everyone who can send the form
}

// reads are the calls of pages, by the path of the page.
func reads() map[string]call {
	get := func(path, command string) call {
		return call{what: "Read this page", method: http.MethodGet, path: path, command: command}
	}
	return map[string]call{
		"/accounts":                            get("/v1/accounts", "accounts list"),
		"/accounts/{account}":                  get("/v1/accounts/{account}", "accounts show {account}"),
		"/settings":                            get("/v1/accounts/{account}", "accounts show {account}"),
		"/audit":                               get("/v1/audit", "audit"),
		"/batches/{id}":                        get("/v1/batches/{id}", "batches show {id}"),
		"/codes":                               get("/v1/transfer-codes", "codes list"),
		"/codes/{id}":                          get("/v1/transfer-codes/{id}", "codes show {id}"),
		"/fees":                                get("/v1/fees", "fees list"),
		"/gateways":                            get("/v1/gateways", "gateways list"),
		"/history":                             get("/v1/transfer-requests", "requests list"),
		"/outbox":                              get("/v1/transfer-requests?direction=outgoing", "requests list --direction=outgoing"),
		"/keys":                                get("/v1/keys", "keys list"),
		"/mails":                               get("/v1/mails", "mails list"),
		"/people":                              get("/v1/people", "people list"),
		"/plans":                               get("/v1/plans", "plans list"),
		"/pulls":                               get("/v1/pull-requests", "pulls list"),
		"/pulls/{id}":                          get("/v1/pull-requests/{id}", "pulls show {id}"),
		"/queue":                               get("/v1/transfer-requests?state=in_review&sort=deadline", "requests queue"),
		"/requests/{id}":                       get("/v1/transfer-requests/{id}", "requests show {id}"),
		"/running":                             get("/v1/batches?finished=false", "batches list --finished=false"),
		"/sign-ins":                            get("/v1/sign-ins", "sign-ins list"),
		"/sims/{sim}":                          get("/v1/sims/{sim}", "sims show {sim}"),
		"/support/sims/{sim}":                  get("/v1/support/sims/{sim}", "sims history {sim}"),
		"/unknown-sessions":                    get("/v1/unknown-sessions", "sims unknown-sessions"),
		"/webhooks":                            get("/v1/webhook-endpoints", "webhooks list"),
		"/webhooks/{id}":                       get("/v1/webhook-endpoints/{id}", "webhooks show {id}"),
		"/webhooks/{id}/deliveries/{delivery}": get("/v1/webhook-endpoints/{id}/deliveries/{delivery}", "webhooks deliveries {id} {delivery}"),
	}
}

// acts are the calls of forms, by the path that the form is sent to.
func acts() map[string][]call {
	const patch, post, put, del = http.MethodPatch, http.MethodPost, http.MethodPut, http.MethodDelete
	const request, account, endpoint = "/v1/transfer-requests/{id}", "/v1/accounts/{account}", "/v1/webhook-endpoints/{id}"
	return map[string][]call{
		"/requests/{id}/accept": {
			{"Accept", post, request + "/accept", "", "requests accept {id}", approver},
			{"Accept on behalf of the destination", post, request + "/accept", `{"on_behalf":{"reason":"merger, by phone","ticket":"CASE-1001"}}`, `requests accept {id} --on-behalf --reason="merger, by phone" --ticket=CASE-1001`, support},
		},
		"/requests/{id}/decline":   {{"Decline", post, request + "/decline", `{"code":"unexpected","reason":"not ordered"}`, `requests decline {id} --code=unexpected --reason="not ordered"`, 0}},
		"/requests/{id}/cancel":    {{"Cancel", post, request + "/cancel", "", "requests cancel {id}", 0}},
		"/requests/{id}/extend":    {{"Give more time", post, request + "/extend", `{"seconds":172800}`, "requests extend {id} --by=2d", 0}},
		"/requests/{id}/take-back": {{"Take back", post, request + "/take-back", "", "requests take-back {id}", 0}},
		"/requests/{id}/retry":     {{"Retry what failed", post, request + "/retry", "", "requests retry {id}", 0}},
		"/requests/{id}/comment":   {{"Comment", post, request + "/comments", `{"text":"Please wait for our call."}`, `requests comment {id} "Please wait for our call."`, 0}},
		"/requests/{id}/approve":   {{"Approve", post, request + "/approve", `{"ticket":"CASE-1001"}`, "requests approve {id} --ticket=CASE-1001", 0}},
		"/requests/{id}/deny":      {{"Deny", post, request + "/deny", `{"code":"not_permitted","reason":"contract ended"}`, `requests deny {id} --code=not_permitted --reason="contract ended"`, 0}},
		"/queue/decide": {
			{"Approve several", post, "/v1/transfer-requests/approve", `{"filter":{"account":"OP0000000001"},"expect_count":3,"ticket":"CASE-1001"}`, "requests approve --account=OP0000000001 --expect-count=3 --ticket=CASE-1001", 0},
			{"Deny several", post, "/v1/transfer-requests/deny", `{"filter":{"account":"OP0000000001"},"expect_count":3,"reason":"contract ended"}`, `requests deny --account=OP0000000001 --expect-count=3 --reason="contract ended"`, 0},
		},

		"/sims/{sim}":               {{"Change the SIM", patch, "/v1/sims/{sim}", `{"group":"meters"}`, "sims update {sim} --group=meters", 0}},
		"/sims/{sim}/sessions/drop": {{"End its data sessions", post, "/v1/sims/{sim}/sessions/drop", "", "sims drop-sessions {sim}", 0}},
		"/support/sims/{sim}/status": {
			{"Set the status", patch, "/v1/sims/{sim}", `{"status":"standby"}`, "sims update {sim} --status=standby", support},
			{"Correct the status", post, "/v1/sims/{sim}/correct-status", `{"status":"ready","reason":"activated by mistake"}`, `sims correct {sim} --status=ready --reason="activated by mistake"`, admin},
		},
		"/support/sims/{sim}/swap":  {{"Replace the card", post, "/v1/sims/{sim}/swap", `{"iccid":"8988211000000000029","reason":"damaged"}`, "sims swap {sim} --iccid=8988211000000000029 --reason=damaged", 0}},
		"/support/sims/{sim}/owner": {{"Correct the owner", post, "/v1/sims/{sim}/owner-corrections", `{"account":"OP0000000002","reason":"a typing error"}`, `sims correct-owner {sim} --account=OP0000000002 --reason="a typing error"`, 0}},

		"/pulls/new":           {{"Ask for SIMs", post, "/v1/pull-requests", `{"iccids":["8988211000000000011"],"message":"the meters that we bought"}`, `pulls create 8988211000000000011 --message="the meters that we bought"`, 0}},
		"/pulls/{id}/approve":  {{"Send the SIMs", post, "/v1/pull-requests/{id}/approve", "", "pulls approve {id}", 0}},
		"/pulls/{id}/refuse":   {{"Refuse", post, "/v1/pull-requests/{id}/refuse", "", "pulls refuse {id}", 0}},
		"/pulls/{id}/cancel":   {{"Cancel", post, "/v1/pull-requests/{id}/cancel", "", "pulls cancel {id}", 0}},
		"/redeem":              {{"Redeem a transfer code", post, "/v1/transfer-codes/redeem", `{"code":"{code}"}`, "codes redeem {code}", 0}},
		"/codes/{id}/revoke":   {{"Revoke", del, "/v1/transfer-codes/{id}", "", "codes revoke {id}", 0}},
		"/batches/{id}/cancel": {{"Cancel", post, "/v1/batches/{id}/cancel", "", "batches cancel {id}", 0}},

		"/accounts":                    {{"Open an account", post, "/v1/accounts", `{"operator_id":"OP0000000009","email":"sims@example.com","currency":"EUR","coverage":"global"}`, "accounts create OP0000000009 --email=sims@example.com --currency=EUR --coverage=global", 0}},
		"/accounts/{account}":          {{"Change the account", patch, account, `{"contacts":{"billing":["invoices@example.com"]}}`, "accounts update {account} --contact=billing=invoices@example.com", 0}},
		"/accounts/{account}/standing": {{"Close the account", patch, account, `{"standing":"closed"}`, "accounts update {account} --standing=closed", 0}},
		"/settings/contacts":           {{"Change the contacts", patch, account, `{"contacts":{"billing":["invoices@example.com"]}}`, "accounts update {account} --contact=billing=invoices@example.com", 0}},
		"/settings/landing":            {{"Set what arriving SIMs get", patch, account, `{"landing":{"group":"arrivals"}}`, "accounts update {account} --landing-group=arrivals", 0}},
		"/settings/mail":               {{"Turn a kind of mail off", put, account + "/mail", `{"email":"desk@example.com","kind":"reminder","off":true}`, "mails off {account} desk@example.com reminder", 0}},
		"/settings/plans":              {{"Set the plans of arriving SIMs", put, account + "/plan-mappings", `{"plans":{"worldwide":"iot-basic"}}`, "plans map worldwide=iot-basic --account={account}", 0}},
		"/settings/plans/delete":       {{"Let arriving SIMs keep their plan", del, account + "/plan-mappings", "", "plans unmap --account={account}", 0}},

		"/people": {
			{"Invite someone", post, "/v1/invitations", `{"email":"jane@example.com","name":"Jane Doe","permission":"operator"}`, `people invite jane@example.com --name="Jane Doe" --permission=operator`, owner},
			{"Invite someone", post, "/v1/invitations", `{"email":"kim@example.com","name":"Kim Park","role":"support"}`, `people invite kim@example.com --name="Kim Park" --role=support`, admin},
		},
		"/people/{id}/membership": {
			{"Change what a person may do", put, "/v1/people/{id}/memberships/{account}", `{"permission":"approver"}`, "people set {id} --account={account} --permission=approver", 0},
		},
		"/people/{id}/remove":             {{"Remove a person", del, "/v1/people/{id}/memberships/{account}", "", "people remove {id} --account={account}", 0}},
		"/people/{id}/disabled":           {{"Disable a person", patch, "/v1/people/{id}", `{"disabled":true}`, "people disable {id}", 0}},
		"/people/invitations/{id}/revoke": {{"Revoke an invitation", del, "/v1/invitations/{id}", "", "invitations revoke {id}", 0}},
		"/sign-ins/others":                {{"Sign out everywhere else", del, "/v1/sign-ins", "", "sign-ins revoke --others", 0}},
		"/sign-ins/{id}/end":              {{"Sign a browser out", del, "/v1/sign-ins/{id}", "", "sign-ins revoke {id}", 0}},
		"/keys": {
			{"Create a key", post, "/v1/keys", `{"role":"account","name":"warehouse","permission":"operator"}`, "keys create --name=warehouse --permission=operator", owner},
			{"Create a key", post, "/v1/keys", `{"role":"support","name":"desk"}`, "keys create --role=support --name=desk", admin},
		},
		"/keys/{id}/rotate": {{"Replace a key", post, "/v1/keys/{id}/rotate", `{"grace_seconds":3600}`, "keys rotate {id} --grace=1h", 0}},
		"/keys/{id}/revoke": {{"Revoke a key", del, "/v1/keys/{id}", "", "keys revoke {id}", 0}},

		"/webhooks":                                   {{"Create an endpoint", post, "/v1/webhook-endpoints", `{"url":"https://example.com/simtransfer"}`, "webhooks create https://example.com/simtransfer", 0}},
		"/webhooks/{id}":                              {{"Change the endpoint", patch, endpoint, `{"url":"https://example.com/new"}`, "webhooks update {id} --send-to=https://example.com/new", 0}},
		"/webhooks/{id}/test":                         {{"Send a test", post, endpoint + "/test", "", "webhooks test {id}", 0}},
		"/webhooks/{id}/disable":                      {{"Disable", patch, endpoint, `{"state":"disabled"}`, "webhooks update {id} --disable", 0}},
		"/webhooks/{id}/enable":                       {{"Enable", post, endpoint + "/enable", "", "webhooks enable {id}", 0}},
		"/webhooks/{id}/rotate":                       {{"Give it a new secret", post, endpoint + "/rotate", `{"overlap_seconds":7200}`, "webhooks rotate {id} --overlap=2h", 0}},
		"/webhooks/{id}/replay":                       {{"Send messages again", post, endpoint + "/replay", "", "webhooks replay {id}", 0}},
		"/webhooks/{id}/delete":                       {{"Delete", del, endpoint, "", "webhooks delete {id}", 0}},
		"/webhooks/{id}/deliveries/{delivery}/replay": {{"Send it again", post, endpoint + "/deliveries/{delivery}/replay", "", "webhooks replay {id} {delivery}", 0}},

		"/plans": {{"Create or change a plan", put, "/v1/plans/worldwide", `{"coverage_bound":false,"monthly_prices":[{"amount":"2.00","currency":"EUR"}]}`, "plans set worldwide --no-coverage-bound --monthly=2.00EUR", 0}},
		"/fees": {
			{"Add a fee", post, "/v1/fees", `{"method":"support_assisted","fee":{"amount":"2.50","currency":"EUR"},"valid_from":"2030-01-31T00:00:00Z"}`, "fees set EUR 2.50 --from=2030-01-31", 0},
			{"End the price of an account", post, "/v1/fees", `{"method":"support_assisted","account":"OP0000000001","follows_schedule":true}`, "fees end-price OP0000000001", 0},
		},
		"/fees/withdraw": {{"Withdraw a planned fee", del, "/v1/fees/support_assisted/EUR/2030-01-31T00:00:00Z", "", "fees withdraw EUR --from=2030-01-31T00:00:00Z", 0}},
		"/gateways": {
			{"Add a gateway", put, "/v1/gateways/{gateway}", `{"secret":"…","preset":"cisco-ios"}`, "gateways set {gateway} --preset=cisco-ios < secret.txt", 0},
			{"Change a gateway", patch, "/v1/gateways/{gateway}", `{"server":"coa.example.com:3799"}`, "gateways update {gateway} --server=coa.example.com:3799", 0},
		},
		"/gateways/probe":  {{"Probe a gateway", post, "/v1/gateways/{gateway}/probe", "", "gateways probe {gateway}", 0}},
		"/gateways/delete": {{"Remove a gateway", del, "/v1/gateways/{gateway}", "", "gateways remove {gateway}", 0}},
	}
}

// withoutCall are the paths of forms whose calls acts does not have, each with the reason.
func withoutCall() map[string]string {
	return map[string]string{
		"/act-for":       "It chooses as whom the browser acts. A script has a key for each account.",
		"/sims/search":   "It only goes to the list of SIMs, which shows its own call.",
		"/sims/pick":     "It only continues with a transfer or a change of the SIMs, which shows its own call.",
		"/sims/change":   "The page shows its own call, with the SIMs and what was chosen.",
		"/transfers/new": "The page shows its own call in the last step, with what was typed.",
	}
}

// offered is a call as a page offers it.
type offered struct {
	What string
	program
}

// offeredBy returns the calls that a page offers: its own, and those of the forms that
// its text has.
func (v *visit) offeredBy(text string) []offered {
	values := map[string]string{"account": string(v.me.Account())}
	_, page, _ := strings.Cut(v.r.Pattern, " ")
	for _, name := range placeholders(page) {
		values[name] = v.r.PathValue(name)
	}
	var list []offered
	add := func(c call, values map[string]string) {
		list = append(list, offered{c.what, c.program(v, values)})
	}
	if c, ok := reads()[page]; ok && v.r.Method == http.MethodGet && v.status < http.StatusBadRequest {
		add(c, values)
	}
	forms := formsIn(text)
	acts := acts()
	for _, r := range routes() {
		paths := forms[r.path]
		if len(paths) == 0 || r.method != http.MethodPost || r.who&v.me.rights() == 0 {
			continue
		}
		known := values
		if len(paths) > 1 {
			known = map[string]string{"account": values["account"]}
		} else if r.path != page {
			known = valuesOf(r.path, paths[0])
			if known["account"] == "" {
				known["account"] = values["account"]
			}
		}
		for _, c := range acts[r.path] {
			if c.who == 0 || c.who&v.me.rights() != 0 {
				add(c, known)
			}
		}
	}
	return list
}

// program returns a call as texts. A placeholder whose value is not known becomes a word
// in capitals.
func (c call) program(v *visit, values map[string]string) program {
	fill := func(text string) string {
		for _, name := range placeholders(text) {
			value := values[name]
			if value == "" || strings.ContainsFunc(value, needsQuotes) {
				value = strings.ToUpper(name)
			}
			text = strings.ReplaceAll(text, "{"+name+"}", value)
		}
		return text
	}
	return v.program(c.method, fill(c.path), fill(c.body), fill(c.command))
}

// needsQuotes reports whether a character means something to a shell, or could.
func needsQuotes(r rune) bool {
	return !strings.ContainsRune("-_.+", r) && (r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r))
}

// placeholders returns the words in braces of a text, such as id of "people remove {id}".
// A body in JSON has other braces, too.
func placeholders(text string) []string {
	var names []string
	for {
		_, after, found := strings.Cut(text, "{")
		if !found {
			return names
		}
		name, rest, found := strings.Cut(after, "}")
		if found && name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz") == "" {
			names = append(names, name)
			after = rest
		}
		text = after
	}
}

// formsIn returns the paths to which the forms of a page are sent, by the path of the
// route. The text of a page has no quotes that someone has typed.
func formsIn(text string) map[string][]string {
	forms, routes := map[string][]string{}, routes()
	for rest := text; ; {
		_, after, found := strings.Cut(rest, `action="/`)
		if !found {
			return forms
		}
		path, after, _ := strings.Cut(after, `"`)
		rest = after
		path, _, _ = strings.Cut("/"+path, "?")
		if r := routeOfForm(routes, path); r != "" && !slices.Contains(forms[r], path) {
			forms[r] = append(forms[r], path)
		}
	}
}

// routeOfForm returns the path of the route that takes a form, with its placeholders;
// empty if there is none.
func routeOfForm(routes []route, path string) string {
	best := ""
	for _, r := range routes {
		if r.method == http.MethodPost && valuesOf(r.path, path) != nil && (best == "" || strings.Count(r.path, "{") < strings.Count(best, "{")) {
			best = r.path
		}
	}
	return best
}

// valuesOf returns the values of the placeholders of a route in a path, nil if the path is
// not one of the route.
func valuesOf(route, path string) map[string]string {
	if before, _, _ := strings.Cut(route, "{"); !strings.HasPrefix(path, before) {
		return nil // most are not
	}
	parts, want := strings.Split(path, "/"), strings.Split(route, "/")
	if len(parts) != len(want) {
		return nil
	}
	values := map[string]string{}
	for i, name := range want {
		if strings.HasPrefix(name, "{") {
			values[strings.Trim(name, "{}")] = parts[i]
		} else if name != parts[i] {
			return nil
		}
	}
	return values
}

package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"simtransfer/api/problem"
)

// resource is what a path names, for problems.
type resource struct {
	path string // of routes: up to the parameter that names it
	noun string
	by   string // what the parameter is
}

// resources lists the resources that paths name. TestEveryRouteWithEveryRole
// finds a path that is missing.
func resources() []resource {
	return []resource{
		{"/v1/accounts/{operator_id}", "account", "operator id or external id"},
		{"/v1/plans/{name}", "plan", "name"},
		{"/v1/sims/{sim}", "SIM", "identifier"},
		{"/v1/support/sims/{identifier}", "SIM", "identifier"},
		{"/v1/fees/{method}", "fee", "method"},
		{"/v1/gateways/{name}", "gateway", "name"},
		{"/v1/keys/{id}", "API key", "id"},
		{"/v1/people/{id}", "person", "id"},
		{"/v1/invitations/{id}", "invitation", "id"},
		{"/v1/sign-ins/{id}", "sign-in", "id"},
		{"/v1/webhook-endpoints/{id}", "webhook endpoint", "id"},
		{"/v1/transfer-requests/{id}", "transfer request", "id"},
		{"/v1/pull-requests/{id}", "pull request", "id"},
		{"/v1/transfer-codes/{id}", "transfer code", "id"},
		{"/v1/batches/{id}", "batch", "id"},
		{"/problems/{code}", "kind of problem", "code"},
	}
}

// resourceOf returns the resource that the path of a call names, and its value.
// It is false if the path names none.
func resourceOf(c *call) (r resource, value string, ok bool) {
	for _, r := range resources() {
		if c.route != r.path && !strings.HasPrefix(c.route, r.path+"/") {
			continue
		}
		segments, at := strings.Split(c.path, "/"), strings.Count(r.path, "/")
		if at >= len(segments) {
			return r, "", false
		}
		value, err := url.PathUnescape(segments[at])
		return r, value, err == nil
	}
	return resource{}, "", false
}

// nameResource makes a problem of the resource that the path names say which one
// it is: one that was not found, unless the handler knows better, and one whose
// state does not allow the call.
func nameResource(c *call, p *problem.Problem) {
	r, value, ok := resourceOf(c)
	switch {
	case !ok:
	case p.Code == problem.NotFound && p.Detail == "":
		p.Detail = fmt.Sprintf("no %s that you can see has the %s %q", r.noun, r.by, problem.Clip(value))
	case p.Status == http.StatusConflict && !strings.Contains(p.Detail, value) && len(value) <= maxNamed:
		p.Detail = strings.TrimSuffix(r.noun+" "+value+": "+p.Detail, ": ")
	}
}

// maxNamed is the maximum length of a value that is put before a text. Identifiers
// of existing resources are shorter, except external ids of accounts.
const maxNamed = 64

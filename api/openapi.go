package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"simtransfer/api/problem"
	"simtransfer/transfer"
)

// humaConfig returns Huma's configuration. It leaves out Huma's documentation
// page, which loads its script from another site.
func humaConfig(version string) huma.Config {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	registry.RegisterTypeAlias(reflect.TypeFor[huma.ErrorModel](), reflect.TypeFor[problem.Problem]())
	registry.RegisterTypeAlias(reflect.TypeFor[transfer.Money](), reflect.TypeFor[money]())
	registerEnums(registry)
	format := huma.Format{Marshal: sendJSON, Unmarshal: json.Unmarshal}
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:   "simtransfer",
				Version: version,
				Contact: &huma.Contact{Name: "The operator of this service"},
				Description: "Transfers IoT SIMs from one operator account to another. The source account creates a transfer request, " +
					"the destination account accepts it, and the service transfers the SIMs. Status 202 means that work is queued. " +
					"Every response has the headers Simtransfer-Version and X-Request-Id: a response without them comes from something else, such as a proxy. " +
					"HEAD works wherever GET does. A query parameter that has one value is refused if it is given twice, and so is one that does not exist. " +
					"White space and invisible characters at both ends of a parameter are removed, as in the texts of bodies; an empty parameter counts as left out.\n\n" +
					"Bodies are JSON in UTF-8. A field can occur once, names are case-sensitive, and unknown fields are refused. So is null, " +
					"except where the schema allows it. The values of an enumeration can be in upper or lower case, here and in queries. An integer can be written as 3600, 3600.0 or 36e2. Texts are stored without white space " +
					"and invisible characters at both ends: a text that contains nothing else counts as empty. A time is a date and a time as in RFC 3339, " +
					"such as 2030-01-31T14:30:00+01:00. A call can also leave out the seconds or the zone, or give only the date, which stands for its beginning. " +
					"Without a zone, a time is in UTC; so are all times in responses.\n\n" +
					"An amount of money is an object with the amount in the major unit of the currency, as a text with all decimal digits " +
					"of the currency, the same amount as an integer in the minor unit, and the currency: " +
					"{\"amount\":\"5.00\",\"minor\":500,\"currency\":\"EUR\"}. In a request, amount or minor is enough. " +
					"In CSV, an amount is in the major unit, with the currency in the next column. Amounts of different currencies are never added up.\n\n" +
					"A PATCH is a merge patch (RFC 7396), as application/merge-patch+json or application/json: a field that is left out keeps " +
					"its value, and null removes the value where the schema allows null.\n\n" +
					"SIMs, accounts, plans, gateways, API keys, webhook endpoints, transfer requests, batches and the list of plan mappings of an account have an ETag. A change with the header If-Match is made only if " +
					"the resource still has this ETag; otherwise the response is 412, with the present ETag. Calls that do not list the header refuse it.",
			},
			Servers: []*huma.Server{{URL: "/", Description: "The service that this document was downloaded from."}},
			Components: &huma.Components{
				Schemas: registry,
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"key": {Type: "http", Scheme: "bearer", BearerFormat: "st_role_…", Description: "An API key, or the secret of a sign-in, which a browser keeps. A person who can act for several accounts also sends the header Simtransfer-Account, with the operator id of one of them or with staff."},
				},
			},
			Tags: []*huma.Tag{
				{Name: "transfer-requests", Description: "Create transfer requests, decide on them, and get the outcome for every SIM."},
				{Name: "pull-requests", Description: "A destination asks for SIMs, and the accounts that own them approve or refuse."},
				{Name: "transfer-codes", Description: "Transfers to an account that is known only when it redeems a code."},
				{Name: "batches", Description: "Uploads that create one transfer request per destination."},
				{Name: "events", Description: "The events of all requests of an account, to follow with a cursor."},
				{Name: "sims", Description: "The SIMs of the inventory."},
				{Name: "charges", Description: "What transfers cost in a period."},
				{Name: "exports", Description: "The inventory, registrations, transfers and charges as files for other systems."},
				{Name: "support", Description: "Information for support, across accounts."},
				{Name: "accounts", Description: "Operator accounts."},
				{Name: "plans", Description: "Rate plans of SIMs."},
				{Name: "changes", Description: "What happened to each SIM, for other systems to follow."},
				{Name: "gateways", Description: "The gateways that hold the data sessions of SIMs, and end them before a transfer. For support and administrators."},
				{Name: "unknown-sessions", Description: "Data sessions at gateways that name no SIM of the inventory. For support and administrators."},
				{Name: "webhook-endpoints", Description: "Addresses of yours to which the service sends messages about requests, as Standard Webhooks has it."},
				{Name: "webhooks", Description: "The messages that are sent to webhook endpoints, and the calls to gateways without RADIUS."},
				{Name: "mails", Description: "The mails that were sent to contacts and people."},
				{Name: "audit", Description: "Who did what outside of transfer requests."},
				{Name: "fees", Description: "The fee schedule of transfers."},
				{Name: "keys", Description: "API keys."},
				{Name: "people", Description: "Who makes a call, and the people of an account and of the staff."},
				{Name: "sign-ins", Description: "Browsers that have signed in."},
				{Name: "invitations", Description: "How people come to an account or to the staff."},
				{Name: "templates", Description: "CSV files to fill in and upload."},
				{Name: "service", Description: "Health checks and documentation."},
			},
		},
		Formats:                      map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{humaProblems, encode},
	}
}

// unwritableError reports a response that cannot be written as JSON.
type unwritableError struct{ err error }

func (e *unwritableError) Error() string { return "the response cannot be written: " + e.err.Error() }
func (e *unwritableError) Unwrap() error { return e.err }

// encoded is a response body that is JSON already.
type encoded []byte

// encode writes a response into memory before Huma sends its status. It panics
// with an unwritableError if it cannot, and the middleware then responds with
// 500. A response says how long it is, so that one that was cut off is noticed.
func encode(ctx huma.Context, _ string, v any) (any, error) {
	text, err := encodeJSON(v)
	if err != nil {
		panic(&unwritableError{err})
	}
	ctx.SetHeader("Content-Length", strconv.Itoa(len(text)))
	return encoded(text), nil
}

// encodeJSON returns a response body as JSON.
func encodeJSON(v any) ([]byte, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return text.Bytes(), err
}

// sendJSON implements the Marshal of huma.Format for what encode returns.
func sendJSON(w io.Writer, v any) error {
	text, ok := v.(encoded)
	if !ok {
		panic(&unwritableError{fmt.Errorf("a %T was not encoded", v)})
	}
	_, _ = w.Write(text) // the client may be gone
	return nil
}

// finishDocument corrects and completes the document that Huma generated.
func finishDocument(document *huma.OpenAPI) {
	delete(document.Components.Schemas.Map(), "ErrorModel")
	documentEventDetails(document.Components.Schemas)
	documentMessages(document)
	documentGatewayCalls(document)
	for _, s := range document.Components.Schemas.Map() {
		allowNull(s)
	}
	for _, item := range document.Paths {
		if item.Patch != nil { // readJSON takes both
			item.Patch.RequestBody.Content[typeMergePatch] = item.Patch.RequestBody.Content[typeJSON]
		}
	}
	addExamples(document)
}

// operationOf returns the operation of a path with a method.
func operationOf(item *huma.PathItem, method string) *huma.Operation {
	switch method {
	case http.MethodGet:
		return item.Get
	case http.MethodPost:
		return item.Post
	case http.MethodPut:
		return item.Put
	case http.MethodPatch:
		return item.Patch
	default:
		return item.Delete
	}
}

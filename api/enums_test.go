package api

import (
	"net/http"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"simtransfer/storage"
	"simtransfer/transfer"
)

// The document lists every value of every enumeration, and null for the fields
// that can be null.
func TestDocumentListsTheValuesOfEnumerations(t *testing.T) {
	t.Parallel()
	document := newServer(Config{}).register(http.NewServeMux())
	schemas := document.Components.Schemas.Map()
	field := func(schema, name string) *huma.Schema { return schemas[schema].Properties[name] }
	parameter := func(path, name string) *huma.Schema {
		for _, p := range document.Paths[path].Get.Parameters {
			if p.Name == name && p.Schema.Items != nil {
				return p.Schema.Items
			}
			if p.Name == name {
				return p.Schema
			}
		}
		return nil
	}
	for name, test := range map[string]struct {
		schema *huma.Schema
		want   []any
	}{
		"request state":         {field("Request", "state"), values(transfer.RequestStates())},
		"state of a past one":   {field("PastTransfer", "request_state"), values(transfer.RequestStates())},
		"state of an open one":  {field("OpenTransfer", "state"), values(transfer.RequestStates())},
		"whose turn":            {field("NextAction", "party"), values(transfer.Parties())},
		"what it can do":        {field("NextAction", "acts").Items, values(transfer.Decisions())},
		"request outcome":       {field("Request", "outcome"), values(transfer.Outcomes())},
		"batch outcome":         {field("Batch", "outcome"), values(transfer.Outcomes())},
		"transfer state":        {field("Transfer", "state"), values(transfer.States())},
		"transfer method":       {field("Transfer", "method"), values(transfer.Methods())},
		"transfer reason":       {field("Transfer", "reason"), values(transfer.Reasons())},
		"result state":          {field("Result", "state"), values(transfer.States())},
		"result method":         {field("Result", "method"), append(values(transfer.Methods()), nil)},
		"result reason":         {field("Result", "reason"), append(values(transfer.Reasons()), nil)},
		"reasons of a retry":    {field("RetryInputBody", "reasons").Items, values(transfer.Reasons())},
		"event kind":            {field("Event", "kind"), values(transfer.EventKinds())},
		"event party":           {field("Event", "party"), values(transfer.Parties())},
		"SIM status":            {field("SIM", "status"), values(transfer.Statuses())},
		"key role":              {field("Key", "role"), values(storage.Roles())},
		"account standing":      {field("Account", "standing"), values(storage.Standings())},
		"fee method":            {field("Fee", "method"), values(transfer.Methods())},
		"a part of the states":  {field("ReasonCount", "state"), []any{"ineligible", "failed"}},
		"filter by state":       {parameter("/v1/transfer-requests", "state"), values(transfer.RequestStates())},
		"filter by reason":      {parameter("/v1/transfer-requests", "reason"), values(transfer.Reasons())},
		"filter by SIM state":   {parameter("/v1/transfer-requests/{id}/results", "state"), values(transfer.States())},
		"filter by method":      {parameter("/v1/transfer-requests/{id}/transfers", "method"), values(transfer.Methods())},
		"filter by SIM status":  {parameter("/v1/sims", "status"), values(transfer.Statuses())},
		"filter by key role":    {parameter("/v1/keys", "role"), values(storage.Roles())},
		"filter by the account": {parameter("/v1/accounts", "standing"), values(storage.Standings())},
	} {
		if test.schema == nil {
			t.Errorf("%s is not in the document", name)
			continue
		}
		if diff := cmp.Diff(test.want, test.schema.Enum); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

func values[T ~string](list []T) []any {
	all := make([]any, len(list))
	for i, v := range list {
		all[i] = string(v)
	}
	return all
}

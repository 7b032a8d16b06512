package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"simtransfer/api/problem"
)

// humaConfig returns Huma's configuration. It leaves out Huma's documentation
// page, which loads its script from another site.
func humaConfig(version string) huma.Config {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	registry.RegisterTypeAlias(reflect.TypeFor[huma.ErrorModel](), reflect.TypeFor[problem.Problem]())
	registerEnums(registry)
	format := huma.Format{Marshal: marshalJSON, Unmarshal: unmarshalJSON}
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:   "simtransfer",
				Version: version,
				Contact: &huma.Contact{Name: "The operator of this service"},
				Description: "Transfers IoT SIMs from one operator account to another. The source account creates a transfer request, " +
					"the destination account accepts it, and the service transfers the SIMs. Status 202 means that work is queued.",
			},
			Servers: []*huma.Server{{URL: "/", Description: "The service that this document was downloaded from."}},
			Components: &huma.Components{
				Schemas: registry,
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"key": {Type: "http", Scheme: "bearer", BearerFormat: "st_role_…", Description: "An API key."},
				},
			},
			Tags: []*huma.Tag{
				{Name: "transfer-requests", Description: "Create transfer requests, decide on them, and get the outcome for every SIM."},
				{Name: "batches", Description: "Uploads that create one transfer request per destination."},
				{Name: "events", Description: "The events of all requests of an account, to follow with a cursor."},
				{Name: "sims", Description: "The SIMs of the inventory."},
				{Name: "support", Description: "Information for support, across accounts."},
				{Name: "accounts", Description: "Operator accounts."},
				{Name: "plans", Description: "Rate plans of SIMs."},
				{Name: "fees", Description: "The fee schedule of transfers."},
				{Name: "keys", Description: "API keys."},
				{Name: "templates", Description: "CSV files to fill in and upload."},
				{Name: "service", Description: "Health checks and documentation."},
			},
		},
		Formats:                      map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{humaProblems},
	}
}

func marshalJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// unmarshalJSON rejects text that PostgreSQL cannot store.
func unmarshalJSON(data []byte, v any) error {
	if bytes.Contains(data, []byte(`\u0000`)) {
		return errors.New("the body has a NUL character in a string: remove it")
	}
	return json.Unmarshal(data, v)
}

// finishDocument corrects and completes the document that Huma generated.
func finishDocument(document *huma.OpenAPI) {
	delete(document.Components.Schemas.Map(), "ErrorModel")
	for _, s := range document.Components.Schemas.Map() {
		allowNull(s)
	}
	addExamples(document)
}

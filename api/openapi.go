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

// humaConfig is what Huma is told about the API. Its own documentation page is
// left out, because it loads its script from elsewhere.
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
				Contact: &huma.Contact{Name: "Whoever operates this service"},
				Description: "Moves the registration of IoT SIMs from one operator account to another. " +
					"A source account asks, the destination accepts, and workers do the rest; 202 means that work is queued.",
			},
			Servers: []*huma.Server{{URL: "/", Description: "Where this document comes from."}},
			Components: &huma.Components{
				Schemas: registry,
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"key": {Type: "http", Scheme: "bearer", BearerFormat: "st_role_…", Description: "An API key."},
				},
			},
			Tags: []*huma.Tag{
				{Name: "transfer-requests", Description: "Ask for transfers, decide on them, and read what became of every SIM."},
				{Name: "batches", Description: "One upload that becomes a transfer request per destination."},
				{Name: "events", Description: "What happens to all requests of an account, to be followed by a cursor."},
				{Name: "sims", Description: "The inventory."},
				{Name: "support", Description: "What support needs to find anything."},
				{Name: "accounts", Description: "Operator accounts."},
				{Name: "plans", Description: "Plans that SIMs are on."},
				{Name: "fees", Description: "What a transfer costs."},
				{Name: "keys", Description: "API keys."},
				{Name: "templates", Description: "Files to fill in and upload."},
				{Name: "service", Description: "The service itself."},
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

// unmarshalJSON refuses what the database could not store.
func unmarshalJSON(data []byte, v any) error {
	if bytes.Contains(data, []byte(`\u0000`)) {
		return errors.New("a text has a NUL character in it: remove it")
	}
	return json.Unmarshal(data, v)
}

// finishDocument makes what Huma cannot know.
func finishDocument(document *huma.OpenAPI) {
	delete(document.Components.Schemas.Map(), "ErrorModel")
	for _, s := range document.Components.Schemas.Map() {
		allowNull(s)
	}
	addExamples(document)
}

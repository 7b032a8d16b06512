package api

import (
	"encoding/json"
	"testing"
)

// A template is accepted as it is, once what it names exists.
func TestTemplatesAreUploads(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.post(s.admin, "/v1/accounts", map[string]any{
		"operator_id": "OP0012345678", "email": "sims@example.com", "currency": "EUR", "coverage": "global",
	}).is(201)
	for name, test := range map[string]struct{ path, key string }{
		"batch.csv": {"/v1/batches", s.source},
		"sims.csv":  {"/v1/sims", s.admin},
	} {
		template := s.get("", "/v1/templates/"+name).is(200)
		if got := template.header.Get("Content-Type"); got != "text/csv; charset=utf-8" {
			t.Errorf("%s: Content-Type %q", name, got)
		}
		if a := s.do(apiCall{method: "POST", path: test.path, key: test.key, body: template.text, header: csvHeader()}); a.status >= 300 {
			t.Errorf("%s is not accepted: %s", name, a.text)
		}
	}
}

// The rules that the document is linted by, as far as they are pollFast broken.
func TestDocumentIsComplete(t *testing.T) {
	t.Parallel()
	text, err := OpenAPI("1")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Servers []any
		Info    struct{ Contact map[string]any }
		Tags    []struct{ Name string }
		Paths   map[string]map[string]struct {
			Description string
			Summary     string
			Tags        []string
		}
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	if len(document.Servers) == 0 || document.Info.Contact == nil {
		t.Error("no servers, or no contact")
	}
	known := map[string]bool{}
	for _, tag := range document.Tags {
		known[tag.Name] = true
	}
	for path, operations := range document.Paths {
		for method, o := range operations {
			if o.Description == "" || o.Summary == "" || len(o.Tags) != 1 || !known[o.Tags[0]] {
				t.Errorf("%s %s: %+v", method, path, o)
			}
		}
	}
}

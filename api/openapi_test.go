package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"simtransfer/api/problem"
)

// Every operation says what it does, every parameter what it means, and every
// body and answer what it looks like, in an example that its schema allows.
func TestDocumentExplainsEverything(t *testing.T) {
	t.Parallel()
	document := newServer(Config{}).register(http.NewServeMux())
	for _, r := range Routes() {
		o := operationOf(document.Paths[r.Path], r.Method)
		if r.summary == "" || r.description == "" || len(o.Tags) != 1 {
			t.Errorf("%s is not explained", r.OperationID)
		}
		for _, p := range o.Parameters {
			if p.Description == "" {
				t.Errorf("%s: the parameter %s is not explained", r.OperationID, p.Name)
			}
		}
		if o.RequestBody != nil {
			checkExamples(t, document, r.OperationID, o.RequestBody.Content)
		}
		problems := 0
		for status, response := range o.Responses {
			checkExamples(t, document, r.OperationID+" "+status, response.Content)
			if response.Content[problem.ContentType] != nil {
				problems++
			}
		}
		if problems == 0 {
			t.Errorf("%s has no problem", r.OperationID)
		}
	}
}

func checkExamples(t *testing.T, document *huma.OpenAPI, where string, content map[string]*huma.MediaType) {
	t.Helper()
	for mediaType, m := range content {
		if mediaType == typeEvents {
			continue // its description names the schema of the data
		}
		example := m.Example
		for code := range m.Examples {
			example = document.Components.Examples[code].Value // all of them are problems
		}
		text, err := json.Marshal(example)
		var v any
		if err := json.Unmarshal(text, &v); err != nil || v == nil {
			t.Errorf("%s: %s has no example", where, mediaType)
			continue
		}
		result := &huma.ValidateResult{}
		huma.Validate(document.Components.Schemas, m.Schema, huma.NewPathBuffer([]byte("example"), 7), huma.ModeReadFromServer, v, result)
		if err != nil || len(result.Errors) > 0 || strings.Contains(string(text), `"0001-`) {
			t.Errorf("%s: the example of %s: %v %v in %s", where, mediaType, err, result.Errors, text)
		}
	}
}

package api

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/danielgtaylor/huma/v2"

	"simtransfer/api/problem"
)

// conformanceChecker is a transport that fails the test for every answer that is not as the
// document says: its status, its media type and, of JSON, each field.
type conformanceChecker struct {
	t        testing.TB
	next     http.RoundTripper
	document *huma.OpenAPI
	routes   *http.ServeMux
}

func newConformanceChecker(t testing.TB, next http.RoundTripper) conformanceChecker {
	document, routes := documented()
	return conformanceChecker{t: t, next: next, document: document, routes: routes}
}

// documented returns the document and its routes. No test changes them.
//
//nolint:gochecknoglobals // building them takes a third of the time of a small test
var documented = sync.OnceValues(func() (*huma.OpenAPI, *http.ServeMux) {
	routes := http.NewServeMux()
	return newServer(Config{}).register(routes), routes
})

// RoundTrip makes a call.
func (c conformanceChecker) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := c.next.RoundTrip(r)
	if err != nil {
		return answer, err
	}
	_, pattern := c.routes.Handler(r)
	method, path, ok := strings.Cut(pattern, " ")
	if !ok {
		return answer, nil // no operation: a page, or an unknown address
	}
	response := operationOf(c.document.Paths[path], method).Responses[strconv.Itoa(answer.StatusCode)]
	if response == nil {
		c.t.Errorf("%s answered %d, which the document does not have", pattern, answer.StatusCode)
		return answer, nil
	}
	mediaType, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")) // none where there is no body
	content, ok := response.Content[mediaType]
	if mediaType != "" && !ok {
		c.t.Errorf("%s answered %d with %s, which the document does not have", pattern, answer.StatusCode, mediaType)
	}
	if !ok || !strings.HasSuffix(mediaType, "json") || mediaType == typeNDJSON {
		return answer, nil
	}
	text, err := io.ReadAll(answer.Body)
	answer.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(text), iotest.ErrReader(cmp.Or(err, io.EOF))), answer.Body}
	if err != nil {
		return answer, nil // broken off, as the client can see
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		c.t.Errorf("%s answered %d with what is no JSON: %v", pattern, answer.StatusCode, err)
		return answer, nil
	}
	result := &huma.ValidateResult{}
	huma.Validate(c.document.Components.Schemas, content.Schema, huma.NewPathBuffer([]byte("body"), 4), huma.ModeReadFromServer, v, result)
	for _, err := range result.Errors {
		c.t.Errorf("%s answered %d, not as the document says: %v in %s", pattern, answer.StatusCode, err, problem.Clip(string(text)))
	}
	return answer, nil
}

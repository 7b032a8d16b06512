package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/swaggest/swgui/v5emb"

	"simtransfer/api/problem"
)

// docsPage shows the document in Swagger UI. Everything it loads comes from
// this server.
const docsPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>simtransfer API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" href="/docs/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`

const docsScript = `SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
});
`

// docsPolicy lets the page load from this server alone. Swagger UI sets styles
// on elements.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// addDocs serves the document, and the page for people who read it.
func (s *server) addDocs(mux *http.ServeMux, document *huma.OpenAPI) {
	text, err := json.Marshal(document)
	if err != nil {
		panic(fmt.Sprintf("the OpenAPI document cannot be written: %v", err)) // it is made of constants
	}
	page := func(contentType, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Security-Policy", docsPolicy)
			w.Header().Set("Content-Type", contentType)
			_, _ = w.Write([]byte(text))
		}
	}
	assets := v5emb.New("simtransfer API", "/openapi.json", "/docs")
	mux.HandleFunc("GET /openapi.json", page("application/openapi+json", string(text)))
	mux.HandleFunc("GET /docs", page("text/html; charset=utf-8", docsPage))
	mux.HandleFunc("GET /docs/start.js", page("text/javascript; charset=utf-8", docsScript))
	mux.HandleFunc("GET /docs/", func(w http.ResponseWriter, r *http.Request) {
		if strings.TrimPrefix(r.URL.Path, "/docs/") == "" {
			http.Redirect(w, r, "/docs", http.StatusMovedPermanently)
			return
		}
		w.Header().Set("Content-Security-Policy", docsPolicy)
		assets.ServeHTTP(w, r)
	})
}

// notFound answers for what no route matches: with 405 where another method
// would do.
func notFound(mux *http.ServeMux) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p := problem.New(problem.NotFound, "there is nothing at this address: the API is described at /docs")
		if allowed := allowedMethods(mux, r); len(allowed) > 0 {
			p = problem.New(problem.MethodNotAllowed, "this address has no "+problem.Clip(r.Method))
			w.Header().Set("Allow", strings.Join(allowed, ", "))
		}
		c := callOf(r.Context())
		p.Instance = c.path + "#" + c.id
		p.Write(w)
	}
}

func allowedMethods(mux *http.ServeMux, r *http.Request) []string {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "/" {
			allowed = append(allowed, method)
		}
	}
	return allowed
}

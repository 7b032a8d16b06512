package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/swaggest/swgui/v5emb"
)

// docsPage shows the OpenAPI document in Swagger UI. It loads everything from
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

// docsPolicy allows the page to load only from this server.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; " +
	"img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// addSwaggerUI serves the OpenAPI document, and the page that shows it.
func (s *server) addSwaggerUI(mux *http.ServeMux, document *huma.OpenAPI) {
	// Most of the time that New would take. Few processes are asked for it.
	text := sync.OnceValue(func() string {
		text, err := json.Marshal(document)
		if err != nil {
			panic(fmt.Sprintf("the OpenAPI document cannot be written: %v", err)) // cannot happen: it is built from constants
		}
		return string(text)
	})
	page := func(contentType, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Security-Policy", docsPolicy)
			w.Header().Set("Content-Type", contentType)
			_, _ = w.Write([]byte(text))
		}
	}
	assets := v5emb.New("simtransfer API", "/openapi.json", "/docs")
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, r *http.Request) {
		page("application/openapi+json", text())(w, r)
	})
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

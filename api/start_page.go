package api

import "net/http"

// startPage tells a person who opens the service in a browser what it is.
const startPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>simtransfer</title>
<link rel="stylesheet" href="/start.css">
</head>
<body>
<main>
<h1>simtransfer</h1>
<p>This service moves the registration of IoT SIMs from one operator account to another.</p>
<ul>
<li><a href="/docs">API documentation</a>, with forms to try each call</li>
<li><a href="/openapi.json">OpenAPI document</a>, to generate a client from</li>
<li><a href="/v1/templates/batch.csv">Template of a batch</a> and <a href="/v1/templates/sims.csv">of an import</a></li>
<li><a href="/ops/queues">Queues</a>, for administrators</li>
<li><a href="/readyz">Readiness</a> and <a href="/healthz">health</a></li>
</ul>
<p>Programs use the paths under <code>/v1</code> with an API key, and people the command line: <code>simtransfer login</code>.</p>
</main>
</body>
</html>
`

const startStyle = `body { font: 1.05rem/1.6 system-ui, sans-serif; margin: 0; }
main { max-width: 40rem; margin: 0 auto; padding: 3rem 1.25rem; }
h1 { font-size: 1.8rem; margin: 0 0 1rem; }
li { margin: 0.4rem 0; }
code { font-family: ui-monospace, monospace; font-size: 0.95em; }
`

// startPolicy allows only the style sheet.
const startPolicy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// addStartPage serves the start page at a path.
func addStartPage(mux *http.ServeMux, path string) {
	page := func(contentType, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Security-Policy", startPolicy)
			w.Header().Set("Content-Type", contentType)
			_, _ = w.Write([]byte(text)) // the client may be gone
		}
	}
	mux.HandleFunc("GET "+path, page("text/html; charset=utf-8", startPage))
	mux.HandleFunc("GET /start.css", page("text/css; charset=utf-8", startStyle))
}

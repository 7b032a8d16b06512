package api

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// queueAssetPolicy is for everything under the path of the queue UI except its
// page. None of it is a page.
const queueAssetPolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// queuePage is the page of the queue UI, changed so that it works under a content
// security policy without 'unsafe-inline' and loads nothing from other servers.
type queuePage struct {
	// start ends with the tag <head>; rest is what follows.
	start, rest string
	// scripts are the sources of the inline scripts, for script-src.
	scripts string
}

// newQueuePage reads the page from the handler of the queue UI.
func newQueuePage(ui http.Handler) queuePage {
	out := &bufferedResponse{header: http.Header{}}
	ui.ServeHTTP(out, &http.Request{Method: http.MethodGet, URL: &url.URL{Path: queueUIPath}, Header: http.Header{}})
	return cleanQueuePage(out.body.String())
}

// cleanQueuePage drops links to other servers (asynqmon's page asks for two
// optional fonts) and to the web app manifest, which browsers request without the
// cookie. It keeps the text of inline scripts and computes their hashes.
func cleanQueuePage(text string) queuePage {
	var p queuePage
	var kept strings.Builder
	inline := false
	for z := html.NewTokenizer(strings.NewReader(text)); ; {
		kind := z.Next()
		if kind == html.ErrorToken { // the end: reading from memory cannot fail
			p.rest = kept.String()
			return p
		}
		raw := string(z.Raw()) // before Token, which may change it
		token := z.Token()
		switch {
		case kind == html.TextToken && inline:
			p.scripts += " " + cspHash(raw)
		case token.Data == "link" && !isLocalLink(token):
			continue
		}
		kept.WriteString(raw)
		inline = kind == html.StartTagToken && token.Data == "script" && attribute(token, "src") == ""
		if kind == html.StartTagToken && token.Data == "head" && p.start == "" {
			p.start = kept.String()
			kept.Reset()
		}
	}
}

func isLocalLink(token html.Token) bool {
	href := attribute(token, "href")
	return strings.HasPrefix(href, "/") && !strings.HasPrefix(href, "//") && attribute(token, "rel") != "manifest"
}

// attribute returns "" if the tag does not have it.
func attribute(token html.Token, key string) string {
	for _, a := range token.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// serve sends the page with a new nonce. The UI creates its style sheets with
// JavaScript and gives them the nonce that the page names.
func (p queuePage) serve(w http.ResponseWriter) {
	nonce := rand.Text()
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'"+p.scripts+"; style-src 'nonce-"+nonce+"'; "+
		"img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = fmt.Fprintf(w, "%s<meta property=\"csp-nonce\" content=\"%s\"/>%s", p.start, nonce, p.rest) // the client may be gone
}

// cspHash returns the source that allows an inline script or style with this text.
func cspHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// isQueuePage reports whether the queue UI responds to a path under its own with
// its page. It does so to all that is neither a call nor a file.
func isQueuePage(path string) bool {
	path = strings.TrimPrefix(path, "/")
	folder, _, nested := strings.Cut(path, "/")
	switch {
	case folder == "api" || folder == "static":
		return false
	case path == "index.html": // as a file, the page is a template
		return true
	}
	return nested || !strings.Contains(path, ".")
}

// bufferedResponse keeps a response in memory. A status of 0 means 200.
type bufferedResponse struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (b *bufferedResponse) Header() http.Header { return b.header }

func (b *bufferedResponse) WriteHeader(status int) {
	if b.status == 0 {
		b.status = status
	}
}

func (b *bufferedResponse) Write(p []byte) (int, error) { return b.body.Write(p) }

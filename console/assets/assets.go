// Package assets holds the style sheet, the scripts and the pictures of the pages
// for people, and serves them under addresses that change with their content.
package assets

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed *.css *.js *.svg
var files embed.FS

// Prefix is where Handler serves the files.
const Prefix = "/assets/"

// Policy is the Content-Security-Policy of the pages that use the files.
const Policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// Path returns the address of a file, such as console.css. It contains a hash of
// the content, so browsers can keep the file. It panics if there is no such file.
func Path(name string) string {
	text, err := files.ReadFile(name)
	if err != nil {
		panic(fmt.Sprintf("asset %s: %v", name, err)) // cannot happen: names are constants
	}
	sum := sha256.Sum256(text)
	extension := path.Ext(name)
	return Prefix + strings.TrimSuffix(name, extension) + "-" + hex.EncodeToString(sum[:6]) + extension
}

// Handler serves the files.
func Handler() http.Handler {
	names, err := fs.Glob(files, "*")
	if err != nil {
		panic(err) // cannot happen: the pattern is a constant
	}
	served := map[string]string{}
	for _, name := range names {
		served[Path(name)] = name
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, ok := served[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		http.ServeFileFS(w, r, files, name)
	})
}

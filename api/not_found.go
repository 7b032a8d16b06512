package api

import (
	"net/http"
	"strings"

	"simtransfer/api/problem"
)

// notFound responds to a call that no route matches: with 405 if the path has
// routes with other methods, otherwise with 404.
func notFound(mux *http.ServeMux) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p := problem.New(problem.UnknownPath, "there is no such path: see /docs for the API")
		if allowed := allowedMethods(mux, r); len(allowed) > 0 {
			p = problem.New(problem.MethodNotAllowed, "the path does not support the method "+problem.Clip(r.Method)+": use "+strings.Join(allowed, " or "))
			w.Header().Set("Allow", strings.Join(allowed, ", "))
		}
		c := callOf(r.Context())
		p.Instance = c.path + "#" + c.id
		p.Write(w)
	}
}

// allowedMethods returns the methods for which the path has a route.
func allowedMethods(mux *http.ServeMux, r *http.Request) []string {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "/" {
			allowed = append(allowed, method)
			if method == http.MethodGet {
				allowed = append(allowed, http.MethodHead)
			}
		}
	}
	return allowed
}

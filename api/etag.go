package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"simtransfer/api/problem"
)

// IfMatch is embedded in the input of every call that changes a resource with an
// ETag. Its field is for the document; handlers pass the resource to matches.
type IfMatch struct {
	IfMatch string `header:"If-Match" maxLength:"1024" doc:"The ETag of an earlier response. If the resource has changed since, the call changes nothing and answers 412. Calls that do not list this header refuse it."`
}

// IfNoneMatch is embedded in the input of every call that reads a resource with
// an ETag.
type IfNoneMatch struct {
	IfNoneMatch string `header:"If-None-Match" maxLength:"1024" doc:"The ETag of an earlier response. The response is 304, without a body, if the resource has not changed since."`
}

// entityTag returns the ETag of a resource: a digest of its JSON, as the caller
// sees it.
func entityTag(resource any) (string, error) {
	text, err := json.Marshal(resource)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`, nil
}

// conditional reports whether a call has the header If-Match.
func conditional(ctx context.Context) bool { return callOf(ctx).ifMatch != "" }

// matches returns a problem if the call has the header If-Match and the resource
// is not, or is no longer, as the header says. A nil resource does not exist.
// The caller has to hold the lock of the resource.
func matches(ctx context.Context, resource any) error {
	header := callOf(ctx).ifMatch
	if header == "" {
		return nil
	}
	tags := entityTags(header)
	for _, tag := range tags {
		if tag != "*" && !isEntityTag(tag) {
			return problem.New(problem.Invalid, "", problem.FieldError{
				Location: "header.If-Match", Message: "not an ETag: send the header ETag of an earlier response as it is, with its quotes, or *", Value: tag,
			})
		}
	}
	if resource == nil {
		return problem.New(problem.PreconditionFailed, "the resource does not exist")
	}
	is, err := entityTag(resource)
	if err != nil {
		return err
	}
	if slices.Contains(tags, "*") || slices.Contains(tags, is) {
		return nil
	}
	p := problem.New(problem.PreconditionFailed, "the resource has changed since it was read, and is now "+is+": read it again, and decide again what to change")
	p.ETag = is
	return p
}

// tagged returns the ETag of a resource that was read, and the status of the
// response: 304 if the client has the resource already, otherwise 200.
func tagged(ctx context.Context, resource any) (string, int, error) {
	is, err := entityTag(resource)
	if err != nil {
		return "", 0, err
	}
	for _, tag := range entityTags(callOf(ctx).ifNoneMatch) {
		if tag == "*" || strings.TrimPrefix(tag, "W/") == is {
			return is, http.StatusNotModified, nil
		}
	}
	return is, http.StatusOK, nil
}

// entityTags splits a header at its commas.
func entityTags(header string) []string {
	var tags []string
	for tag := range strings.SplitSeq(header, ",") {
		if tag = strings.TrimSpace(tag); tag != "" {
			tags = append(tags, tag)
		}
	}
	return tags
}

func isEntityTag(tag string) bool {
	tag = strings.TrimPrefix(tag, "W/")
	return len(tag) >= 2 && tag[0] == '"' && tag[len(tag)-1] == '"'
}

// checkConditions refuses conditions that a call would ignore.
func checkConditions(r *http.Request, o *huma.Operation) error {
	for _, name := range []string{"If-Match", "If-None-Match", "If-Unmodified-Since"} {
		reads := r.Method == http.MethodGet || r.Method == http.MethodHead
		if r.Header.Get(name) == "" || reads && name != "If-Match" {
			continue // a call that only reads answers with everything
		}
		if !slices.ContainsFunc(o.Parameters, func(p *huma.Param) bool { return p.In == "header" && strings.EqualFold(p.Name, name) }) {
			return problem.New(problem.Invalid, "nothing was changed: this call cannot have a condition", problem.FieldError{
				Location: "header." + name, Message: "this call does not support the header: leave it out",
			})
		}
	}
	return nil
}

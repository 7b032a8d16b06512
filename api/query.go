package api

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"simtransfer/api/problem"
	"simtransfer/transfer"
)

// listParameters are the query parameters of a route that take several values.
// The value is true if each value is given by a parameter of its own, because
// values may contain commas, and false if they are separated by commas too.
type listParameters map[string]bool

func listParametersOf(o *huma.Operation) listParameters {
	lists := listParameters{}
	for _, p := range o.Parameters {
		if p.In == "query" && p.Schema != nil && p.Schema.Type == huma.TypeArray {
			lists[p.Name] = p.Explode != nil && *p.Explode
		}
	}
	return lists
}

// checkParameters rejects a query that is malformed, has text that a body could
// not have, or gives a parameter twice that takes one value: otherwise a client
// could not know which of the two counted. It trims values as the texts of bodies
// are trimmed, so that a filter finds what was stored, and joins the values of
// lists by commas.
func checkParameters(r *http.Request, lists listParameters) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return problem.New(problem.Invalid, "the query of the URL is malformed: "+err.Error())
	}
	p := problem.New(problem.Invalid, "nothing was changed: fix the listed errors")
	if !isText(r.URL.Path) {
		p.Add(problem.FieldError{Location: "path", Message: notText})
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		values := query[name]
		location := "query." + strings.ToValidUTF8(problem.Clip(name), "�")
		separate, list := lists[name]
		switch {
		case !isText(name) || !isText(values...):
			p.Add(problem.FieldError{Location: location, Message: notText})
			continue
		case len(values) > 1 && !list:
			p.Add(problem.FieldError{Location: location, Message: fmt.Sprintf("given %d times, but it has one value: give it once", len(values)), Value: strings.Join(values, ", ")})
			continue
		case len(values) > 1 && !separate:
			query[name] = []string{strings.Join(values, ",")}
		}
		for i, value := range query[name] {
			if query[name][i], err = parseParameter(name, value, list && !separate); err != nil {
				p.Add(problem.FieldError{Location: location, Message: err.Error(), Value: problem.Clip(value)})
			}
		}
	}
	for _, name := range []string{"Authorization", "Idempotency-Key", "Last-Event-ID", "Content-Type", "Content-Encoding"} {
		if len(r.Header.Values(name)) > 1 {
			p.Add(problem.FieldError{Location: "header." + name, Message: "sent twice, but it has one value: send it once"})
		}
	}
	for _, name := range []string{"Idempotency-Key", "If-Match"} {
		if values, sent := r.Header[name]; sent && strings.Join(values, "") == "" {
			p.Add(problem.FieldError{Location: "header." + name, Message: "the header is empty, which protects from nothing: give it a value, or leave it out"})
		}
	}
	if len(p.Errors) > 0 {
		return p
	}
	r.URL.RawQuery = query.Encode()
	return nil
}

// parseParameter parses the value of a parameter with the rule for texts of one
// line, and each value of a list that is separated by commas. The handler parses
// it further.
func parseParameter(name, value string, list bool) (string, error) {
	switch {
	case list:
		items := strings.Split(value, ",")
		for i, item := range items {
			var err error
			if items[i], err = parseParameter(name, item, false); err != nil {
				return "", err
			}
		}
		return strings.Join(items, ","), nil
	case isIdentifierParameter(name):
		return transfer.Trim(value), nil // an identifier can have blanks and invisible characters between its digits
	}
	return transfer.ParseLine(value)
}

// isIdentifierParameter reports whether a parameter is an identifier of a SIM, the
// beginning of one, or a range.
func isIdentifierParameter(name string) bool {
	return name == "sim" || name == "identifier_prefix" || name == "iccid_range" || name == "eid"
}

const notText = "invalid UTF-8 or a NUL character: remove it"

// isText reports whether PostgreSQL can store all texts.
func isText(texts ...string) bool {
	return !slices.ContainsFunc(texts, func(s string) bool { return !utf8.ValidString(s) || strings.Contains(s, "\x00") })
}

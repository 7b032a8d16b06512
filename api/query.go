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

// queryParameters are the query parameters of a route that need more than being
// trimmed, by their names.
type queryParameters map[string]queryParameter

// queryParameter is how the values of a query parameter are given.
type queryParameter struct {
	list     bool  // it takes several values
	separate bool  // each by a parameter of its own, because values may contain commas; otherwise they can also be separated by commas
	values   []any // that are possible; none: any
}

func queryParametersOf(o *huma.Operation) queryParameters {
	parameters := queryParameters{}
	for _, p := range o.Parameters {
		if p.In != "query" || p.Schema == nil {
			continue
		}
		of := queryParameter{list: p.Schema.Type == huma.TypeArray, values: p.Schema.Enum}
		if of.list {
			of.separate = p.Explode != nil && *p.Explode
			of.values = p.Schema.Items.Enum
		}
		if of.list || len(of.values) > 0 {
			parameters[p.Name] = of
		}
	}
	return parameters
}

// inEnum returns the one of the possible values that a text is in another case or
// with white space around it, and the text if it is none of them.
func inEnum(values []any, text string) string {
	trimmed := transfer.Trim(text)
	for _, v := range values {
		if value, ok := v.(string); ok && value != "" && strings.EqualFold(value, trimmed) {
			return value
		}
	}
	return text
}

// checkParameters rejects a query that is malformed, has text that a body could
// not have, or gives a parameter twice that takes one value: otherwise a client
// could not know which of the two counted. It trims values as the texts of bodies
// are trimmed, so that a filter finds what was stored, writes values of
// enumerations as the document does, and joins the values of lists by commas.
func checkParameters(r *http.Request, parameters queryParameters) error {
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
		parameter := parameters[name]
		switch {
		case !isText(name) || !isText(values...):
			p.Add(problem.FieldError{Location: location, Message: notText})
			continue
		case len(values) > 1 && !parameter.list:
			p.Add(problem.FieldError{Location: location, Message: fmt.Sprintf("given %d times, but it has one value: give it once", len(values)), Value: strings.Join(values, ", ")})
			continue
		case len(values) > 1 && !parameter.separate:
			query[name] = []string{strings.Join(values, ",")}
		}
		for i, value := range query[name] {
			if query[name][i], err = parameter.parse(name, value); err != nil {
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

// parse parses the value of a parameter with the rule for texts of one line, and
// each value of a list that is separated by commas. The handler parses it further.
func (p queryParameter) parse(name, value string) (string, error) {
	if p.list && !p.separate {
		items := strings.Split(value, ",")
		for i, item := range items {
			var err error
			if items[i], err = (queryParameter{values: p.values}).parse(name, item); err != nil {
				return "", err
			}
		}
		return strings.Join(items, ","), nil
	}
	if isIdentifierParameter(name) {
		return transfer.Trim(value), nil // an identifier can have blanks and invisible characters between its digits
	}
	line, err := transfer.ParseLine(value)
	return inEnum(p.values, line), err
}

// isIdentifierParameter reports whether a parameter is an identifier of a SIM, the
// beginning or the end of one, or a range.
func isIdentifierParameter(name string) bool {
	return name == "sim" || name == "identifier_prefix" || name == "identifier_suffix" || name == "iccid_range" || name == "eid"
}

const notText = "invalid UTF-8 or a NUL character: remove it"

// isText reports whether PostgreSQL can store all texts.
func isText(texts ...string) bool {
	return !slices.ContainsFunc(texts, func(s string) bool { return !utf8.ValidString(s) || strings.Contains(s, "\x00") })
}

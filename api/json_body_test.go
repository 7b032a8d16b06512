package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// bodyField is one field that a JSON body can have, at any depth.
type bodyField struct {
	path   []string // of names from the body to the field
	schema *huma.Schema
}

// anyKeyOfMap is the name of a field in a map, whose names are free.
const anyKeyOfMap = "key"

func (f bodyField) location() string { return "body." + strings.Join(f.path, ".") }

// body returns a JSON body with these members in the object that has the field.
func (f bodyField) body(members string) string {
	text := "{" + members + "}"
	for _, name := range slices.Backward(f.path[:len(f.path)-1]) {
		text = `{"` + name + `":` + text + `}`
	}
	return text
}

func resolved(schemas huma.Registry, s *huma.Schema) *huma.Schema {
	for s.Ref != "" {
		s = schemas.SchemaFromRef(s.Ref)
	}
	return s
}

func bodyFields(schemas huma.Registry, s *huma.Schema, path []string) []bodyField {
	var list []bodyField
	s = resolved(schemas, s)
	for name, p := range s.Properties {
		p = resolved(schemas, p)
		at := append(slices.Clone(path), name)
		list = append(list, bodyField{at, p})
		list = append(list, bodyFields(schemas, p, at)...)
	}
	if values, ok := s.AdditionalProperties.(*huma.Schema); ok {
		list = append(list, bodyField{append(slices.Clone(path), anyKeyOfMap), values})
	}
	return list
}

// twoValues returns a value that the schema allows and one that it does not.
func twoValues(s *huma.Schema) (good, bad string) {
	switch s.Type {
	case huma.TypeString:
		if len(s.Enum) > 0 {
			text, _ := json.Marshal(s.Enum[0])
			return string(text), `"nonsense"`
		}
		return `"x"`, `"` + strings.Repeat("x", 300) + `"`
	case huma.TypeInteger:
		return "60", "-5"
	case huma.TypeBoolean:
		return "true", `"maybe"`
	case huma.TypeArray:
		return `["` + iccid(1) + `"]`, "[]"
	}
	return "{}", `{"nonsense":1}`
}

// A second member of the same name, or of the same name in another case, must
// not take the place of the one that was validated.
func TestNoFieldOfABodyCanBeGivenTwice(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(3, transfer.Ready)
	z := &fuzzTest{testService: s, batch: "0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21"}
	z.offer()
	routes := http.NewServeMux()
	document := newServer(Config{}).register(routes)
	was, fields := z.written(), 0
	for _, route := range takesJSON() {
		body := operationOf(document.Paths[route.Path], route.Method).RequestBody
		if body == nil {
			t.Errorf("%s has no body", route.OperationID)
			continue
		}
		for _, f := range bodyFields(document.Components.Schemas, body.Content[typeJSON].Schema, nil) {
			fields++
			name := f.path[len(f.path)-1]
			good, bad := twoValues(f.schema)
			others := []string{name}
			if name != anyKeyOfMap {
				others = append(others, strings.ToUpper(name), strings.ToUpper(name[:1])+name[1:])
			}
			if strings.Contains(name, "s") {
				others = append(others, strings.ReplaceAll(name, "s", "ſ")) // which encoding/json takes for an s
			}
			for _, other := range others {
				for _, values := range [][2]string{{good, bad}, {bad, good}, {good, good}} {
					text := f.body(`"` + name + `":` + values[0] + `,"` + other + `":` + values[1])
					a := s.do(apiCall{method: route.Method, path: z.path(route), key: z.keyFor(route), body: text})
					var p problem.Problem
					if err := json.Unmarshal([]byte(a.text), &p); err != nil || a.status < 400 || a.status >= 500 {
						t.Errorf("%s with %s: answered %d %s", route.OperationID, text, a.status, a.text)
						continue
					}
					at := strings.TrimSuffix(f.location(), name) + other
					if !slices.ContainsFunc(p.Errors, func(e problem.FieldError) bool { return e.Location == at }) {
						t.Errorf("%s with %s: no error names %s: %s", route.OperationID, text, at, a.text)
					}
				}
			}
		}
	}
	if fields < 40 {
		t.Errorf("tried only %d fields", fields)
	}
	if z.written() != was {
		t.Error("a call that was refused has changed something")
	}
}

// keyFor returns a key that may call a route.
func (z *fuzzTest) keyFor(r Route) string {
	switch {
	case r.audience.admits(storage.RoleSupport) && !r.audience.admits(storage.RoleAccount):
		return z.support
	case !r.audience.admits(storage.RoleAccount) && len(r.audience.roles()) > 0:
		return z.admin
	case strings.HasSuffix(r.Path, "/accept"), strings.HasSuffix(r.Path, "/decline"):
		return z.destination
	}
	return z.source
}

func TestJSONBodies(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	path := "/v1/sims/" + iccid(1)
	deep := strings.Repeat("[", 100) + strings.Repeat("]", 100)
	for name, test := range map[string]struct {
		body   string
		status int
		at     string
	}{
		"Latin-1":               {"{\"group\":\"M\xfcller\"}", 400, "body.group"},
		"half a character":      {`{"group":"\ud800"}`, 400, "body.group"},
		"Latin-1 in a name":     {"{\"gr\xfcppe\":\"x\"}", 400, "body"},
		"UTF-16":                {"\xff\xfe{\x00}\x00", 400, "body"},
		"a byte order mark":     {"\xef\xbb\xbf{\"group\":\"x\"}", 200, ""},
		"white space":           {" \n ", 400, "body"},
		"cut off":               {`{"group":"x"`, 400, "body"},
		"more after the end":    {`{"group":"x"} 1`, 400, "body"},
		"a comment":             {`{"group":"x" /* y */}`, 400, "body"},
		"a comma too many":      {`{"group":"x",}`, 400, "body"},
		"NaN":                   {`{"group":NaN}`, 400, "body.group"},
		"nested too deep":       {`{"tags":{"a":` + deep + `}}`, 400, "body.tags.a" + strings.Repeat("[0]", maxDepth-2)},
		"a tag twice":           {`{"tags":{"a":"1","a":"2"}}`, 400, "body.tags.a"},
		"a tag twice, escaped":  {`{"tags":{"a":"1","\u0061":"2"}}`, 400, "body.tags.a"},
		"a tag in two cases":    {`{"tags":{"a":"1","A":"2"}}`, 200, ""},
		"NUL":                   {`{"group":"C:\u0000"}`, 422, "body.group"},
		"NUL in a tag's name":   {`{"tags":{"C:\u0000":"x"}}`, 422, "body.tags"},
		"a backslash and u0000": {`{"group":"C:\\u0000"}`, 200, ""},
		"and a NUL after it":    {`{"group":"C:\\\u0000"}`, 422, "body.group"},
		"another type":          {`{"group":1}`, 422, "body.group"},
		"an enormous number":    {`{"group":1e400}`, 422, "body.group"},
		"null in a map":         {`{"tags":{"a":[null]}}`, 422, "body.tags.a"},
	} {
		a := s.do(apiCall{method: "PATCH", path: path, key: s.source, body: test.body})
		if a.status != test.status {
			t.Errorf("%s: answered %d %s", name, a.status, a.text)
			continue
		}
		if strings.Contains(a.text, "Go ") || strings.Contains(a.text, "int64") {
			t.Errorf("%s: the answer is about Go: %s", name, a.text)
		}
		if test.at == "" {
			continue
		}
		p := read[problem.Problem](a)
		if len(p.Errors) != 1 || p.Errors[0].Location != test.at || p.Errors[0].Message == "" {
			t.Errorf("%s: %s", name, a.text)
		}
	}
	s.exec(`UPDATE sims SET sim_group = NULL`)
	a := s.do(apiCall{method: "PATCH", path: path, key: s.source, body: `{"group":"C:\\u0000"}`}).is(200)
	if got := read[SIM](a); got.Group == nil || *got.Group != `C:\u0000` {
		t.Errorf("group %v", got.Group)
	}
}

func TestMediaTypesOfJSONBodies(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	for contentType, status := range map[string]int{
		"":                                         200,
		"application/json":                         200,
		"application/json; charset=utf-8":          200,
		`Application/JSON; charset="UTF-8"`:        200,
		"application/json; charset=us-ascii":       200,
		"application/merge-patch+json":             200,
		"application/json; charset=iso-8859-1":     415,
		"application/json; charset=utf-16":         415,
		"application/merge-patch+json;charset=x":   415,
		"application/json-patch+json":              415,
		"application/problem+json":                 415,
		"application/json; charset":                415,
		"text/json":                                415,
		"text/plain":                               415,
		"application/x-www-form-urlencoded":        415,
		"application/json; charset=utf-8; charset": 415,
	} {
		a := s.do(apiCall{method: "PATCH", path: "/v1/sims/" + iccid(1), key: s.source, body: `{"group":"x"}`, header: map[string]string{"Content-Type": contentType}})
		if a.status != status {
			t.Errorf("%s: answered %d %s", contentType, a.status, a.text)
		}
	}
	s.do(apiCall{method: "POST", path: "/v1/transfer-requests", key: s.source, body: requestBody(iccid(1)), header: map[string]string{"Content-Type": typeMergePatch}}).
		problem(415, problem.UnsupportedMediaType)
	s.do(apiCall{method: "PATCH", path: "/v1/sims/" + iccid(1), key: s.source, body: `{"group":"x"}`, header: map[string]string{"Content-Encoding": "gzip"}}).
		problem(415, problem.UnsupportedMediaType)
}

func TestIntegersOfJSONBodies(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]string{
		"0": "0", "-0": "0", "0.0": "0", "-0.0e5": "0", "0e999999999999999999999": "0",
		"3600": "3600", "3600.0": "3600", "3600.000": "3600", "1e3": "1000", "1E+3": "1000", "1.5e1": "15", "36000e-1": "3600", "-12.50e2": "-1250",
		"9223372036854775807": "9223372036854775807", "-9223372036854775808": "-9223372036854775808", "92233720368547758070e-1": "9223372036854775807",
		"3600.5": "", "1e-1": "", "0.1": "", "1e-400": "", "1e-99999999999999999999": "",
		"9223372036854775808": "", "-9223372036854775809": "", "1e19": "", "1e400": "", "1e99999999999999999999": "",
	} {
		got, err := parseInteger(number)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", number, got, err)
		}
	}
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	for number, status := range map[string]int{"3600.0": 202, "3600.5": 422, "1e400": 422, "-0": 422, `"3600"`: 422, "2592001": 422, "1e3": 202} {
		body := strings.Replace(`{"destination":{"email":"E","operator_id":"`+destinationID+`"},"acceptance_seconds":`+number+`,"sims":["`+iccid(1)+`"]}`, "E", emailOf(destinationID), 1)
		a := s.post(s.source, "/v1/transfer-requests", body)
		if a.status != status || strings.Contains(a.text, "int64") {
			t.Errorf("%s: answered %d %s", number, a.status, a.text)
			continue
		}
		if status == 202 {
			if got := read[Request](a).AcceptanceSeconds; got != map[string]int64{"3600.0": 3600, "1e3": 1000}[number] {
				t.Errorf("%s: %d seconds", number, got)
			}
			continue
		}
		if p := read[problem.Problem](a); len(p.Errors) != 1 || p.Errors[0].Location != "body.acceptance_seconds" {
			t.Errorf("%s: %s", number, a.text)
		}
	}
}

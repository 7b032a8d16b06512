package api

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"simtransfer/api/problem"
	"simtransfer/transfer"
)

// timeInputs returns a call for every time that a call can have: in the path, in
// the query and in the body.
func (z *fuzzTest) timeInputs() map[string]func(text string) apiCall {
	routes := http.NewServeMux()
	document := newServer(Config{}).register(routes)
	calls := map[string]func(text string) apiCall{}
	for _, route := range Routes() {
		o := operationOf(document.Paths[route.Path], route.Method)
		call := apiCall{method: route.Method, path: strings.NewReplacer("{method}", "support_assisted", "{currency}", "EUR").Replace(z.path(route)), key: z.keyFor(route)}
		for _, p := range o.Parameters {
			if p.Schema == nil || p.Schema.Format != formatTime {
				continue
			}
			calls[route.OperationID+" "+p.In+"."+p.Name] = func(text string) apiCall {
				call := call
				if p.In == "path" {
					call.path = strings.Replace(call.path, "{"+p.Name+"}", url.PathEscape(text), 1)
				} else {
					call.path += "?" + p.Name + "=" + strings.ReplaceAll(url.QueryEscape(text), "%2B", "+") // as clients forget to escape it
				}
				return call
			}
		}
		if o.RequestBody == nil || o.RequestBody.Content[typeJSON] == nil {
			continue
		}
		for _, f := range bodyFields(document.Components.Schemas, o.RequestBody.Content[typeJSON].Schema, nil) {
			if f.schema.Format == formatTime {
				calls[route.OperationID+" "+f.location()] = func(text string) apiCall {
					call := call
					call.body = f.body(`"` + f.path[len(f.path)-1] + `":"` + text + `"`)
					return call
				}
			}
		}
	}
	return calls
}

// Every time that a call has is read by the same rules.
func TestTimesAreReadAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(3, transfer.Ready)
	z := &fuzzTest{testService: s}
	z.offer()
	inputs := z.timeInputs()
	if len(inputs) < 8 {
		t.Fatalf("found only %d times", len(inputs))
	}
	for name, call := range inputs {
		_, location, _ := strings.Cut(name, " ")
		for text, why := range map[string]string{
			"2030-01-31": "", "2030-01-31T14:30": "", "2030-01-31 14:30:15": "", "2030-01-31t14:30:15.25z": "",
			"2030-01-31T14:30:15+01:00": "", "2030-01-31 14:30:15.25+00": "",
			"2030-02-30": "does not exist", "31.01.2030": "is not a date or a time", "infinity": "is not a date or a time",
			"9999-12-31T23:59:59-05:00": "must be from 1 to 9999", "0000-12-31": "must be from 1 to 9999",
		} {
			a := s.do(call(text))
			errors := ""
			if a.status >= 400 {
				for _, e := range read[problem.Problem](a).Errors {
					if e.Location == location {
						errors += e.Message
					}
				}
			}
			if why == "" && errors != "" && !strings.HasPrefix(errors, "in the future") || !strings.Contains(errors, why) {
				t.Errorf("%s %q: answered %d %s", name, text, a.status, a.text)
			}
		}
	}
}

// A time without a zone is in UTC, wherever it is given.
func TestTimesWithoutAZoneAreInUTC(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	fee := func(from string) string {
		body := map[string]any{"method": "support_assisted", "fee": map[string]any{"minor": 400, "currency": "EUR"}, "valid_from": from}
		return read[Fee](s.post(s.admin, "/v1/fees", body).is(201)).ValidFrom.Format("2006-01-02T15:04:05Z07:00")
	}
	if got := fee("2030-01-31"); got != "2030-01-31T00:00:00Z" {
		t.Error(got)
	}
	if got := fee("2030-02-01 14:30:15+05:30"); got != "2030-02-01T09:00:15Z" {
		t.Error(got)
	}
	s.do(apiCall{method: "DELETE", path: "/v1/fees/support_assisted/EUR/2030-01-31", key: s.admin}).is(204)
	s.do(apiCall{method: "DELETE", path: "/v1/fees/support_assisted/EUR/2030-02-01T09:00:15", key: s.admin}).is(204)
}

func TestPeriodsThatEndBeforeTheyBeginAreRefused(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	for _, path := range []string{"/v1/transfer-requests", "/v1/batches", "/v1/audit"} {
		s.get(s.source, path+"?created_after=2030-01-31&created_before=2030-01-31T00:00").is(200)
		p := s.get(s.source, path+"?created_after=2030-01-31T00:00:00.5Z&created_before=2030-01-31").problem(422, problem.Invalid)
		if len(p.Errors) != 1 || p.Errors[0].Location != "query.created_before" {
			t.Errorf("%s: %+v", path, p.Errors)
		}
	}
}

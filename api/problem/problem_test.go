package problem_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"simtransfer/api/problem"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	p := problem.New(problem.RateLimited, "wait")
	p.RetryAfter = 1100 * time.Millisecond
	w := httptest.NewRecorder()
	p.Write(w)
	if w.Code != 429 || w.Header().Get("Retry-After") != "2" || w.Header().Get("Content-Type") != problem.ContentType {
		t.Errorf("wrote %d with %v", w.Code, w.Header())
	}
	var got problem.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.Code != problem.RateLimited || got.Type != "/problems/rate_limited" || got.Detail != "wait" {
		t.Errorf("wrote %s: %v", w.Body, err)
	}
}

func TestAddListsAHundredErrorsAndCountsTheRest(t *testing.T) {
	t.Parallel()
	p := problem.New(problem.Invalid, "")
	for range 103 {
		p.Add(problem.FieldError{Message: "invalid", Value: strings.Repeat("ü", 100)})
	}
	if len(p.Errors) != 100 || p.More != 3 {
		t.Errorf("%d errors and %d more", len(p.Errors), p.More)
	}
	if got := p.Errors[0].Value; got != strings.Repeat("ü", 32)+"…" {
		t.Errorf("value %q", got)
	}
}

// An unknown code must not become a success.
func TestUnknownCodeIsAnInternalError(t *testing.T) {
	t.Parallel()
	if p := problem.New("no such code", ""); p.Status != 500 || p.Code != problem.Internal {
		t.Errorf("%+v", p)
	}
}

func TestFieldErrorNamesItsPlace(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]problem.FieldError{
		"lines 3, 4 and 1 other: twice (\"x\")":            {Message: "twice", Value: "x", Count: 3, Lines: []int{3, 4}},
		"rows 3, 4: twice":                                 {Message: "twice", Count: 2, Row: 3, Lines: []int{3, 4}},
		"line 3: once":                                     {Message: "once", Line: 3},
		"body.expect_count: 20 SIMs are selected (\"19\")": {Location: "body.expect_count", Message: "20 SIMs are selected", Value: "19", Count: 20},
	} {
		if got := e.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

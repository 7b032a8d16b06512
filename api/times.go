package api

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"simtransfer/api/problem"
	"simtransfer/transfer"
)

// formatTime is the format of times in schemas.
const formatTime = "date-time"

// readTimes reads the times in the path and the query of a call as people write
// them, with transfer.ParseTime, and replaces them by the form of RFC 3339 that
// Huma reads. It refuses a period that ends before it begins.
func readTimes(r *http.Request, o *huma.Operation) error {
	p := problem.New(problem.Invalid, "nothing was changed: fix the listed errors")
	query := r.URL.Query()
	changed := false
	for _, parameter := range o.Parameters {
		if parameter.Schema == nil || parameter.Schema.Format != formatTime {
			continue
		}
		text := query.Get(parameter.Name)
		if parameter.In == "path" {
			text = r.PathValue(parameter.Name)
		}
		if text == "" {
			continue
		}
		t, err := transfer.ParseTime(withPlus(text))
		switch {
		case err != nil:
			p.Add(problem.FieldError{Location: parameter.In + "." + parameter.Name, Message: err.Error(), Value: problem.Clip(text)})
		case parameter.In == "path":
			r.SetPathValue(parameter.Name, t.Format(time.RFC3339Nano))
		case parameter.In == "query":
			query.Set(parameter.Name, t.Format(time.RFC3339Nano))
			changed = true
		}
	}
	for begin, end := range map[string]string{"created_after": "created_before", "from": "to"} {
		after, errAfter := time.Parse(time.RFC3339Nano, query.Get(begin))
		before, errBefore := time.Parse(time.RFC3339Nano, query.Get(end))
		if errAfter == nil && errBefore == nil && before.Before(after) {
			p.Add(problem.FieldError{Location: "query." + end, Message: "earlier than " + begin + ", so nothing can be between the two: exchange them, or correct one", Value: query.Get(end)})
		}
	}
	if len(p.Errors) > 0 {
		return p
	}
	if changed {
		r.URL.RawQuery = query.Encode()
	}
	return nil
}

// withPlus restores the plus of a zone, such as +01:00, which is a blank in a
// query if the client has not escaped it.
func withPlus(text string) string {
	const date = len("2030-01-31 ")
	if i := strings.LastIndexByte(text, ' '); i > date && i < len(text)-1 && text[i+1] >= '0' && text[i+1] <= '9' {
		return text[:i] + "+" + text[i+1:]
	}
	return text
}

// instant returns a time in a body in UTC, nil if it is left out. The first instant of
// the year 1 stands for no time elsewhere, so it is refused.
func instant(p *problem.Problem, location string, t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	utc, err := transfer.InUTC(*t)
	if err == nil && utc.IsZero() {
		err = fmt.Errorf("%s is not a time that can be used", utc.Format(time.RFC3339))
	}
	if err != nil {
		p.Add(problem.FieldError{Location: location, Message: err.Error(), Value: t.Format(time.RFC3339Nano)})
	}
	return &utc
}

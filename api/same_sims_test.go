package api

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"simtransfer/api/problem"
	"simtransfer/transfer"
)

// TestSIMNamedTwiceIsRefused names a SIM of the source by its ICCID and by an
// IMSI, which the parser cannot see, everywhere that a list of SIMs is taken.
func TestSIMNamedTwiceIsRefused(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(3, transfer.Ready)
	twice := requestBody(iccid(1), imsi(2), iccid(3), iccid(2), imsi(3))
	onBehalf := requestBody(imsi(1), iccid(1))
	onBehalf["on_behalf_of"] = sourceID
	for _, c := range []struct {
		key, path string
		body      map[string]any
		at        []string
	}{
		{s.source, "/v1/transfer-requests", twice, []string{"body.sims[3]", "body.sims[4]"}},
		{s.source, "/v1/transfer-requests/preview", twice, []string{"body.sims[3]", "body.sims[4]"}},
		{s.support, "/v1/transfer-requests", onBehalf, []string{"body.sims[1]"}},
		{s.support, "/v1/transfer-requests/preview", onBehalf, []string{"body.sims[1]"}},
	} {
		for _, header := range []map[string]string{nil, withKey(c.path + c.key)} {
			p := s.do(apiCall{method: "POST", path: c.path, key: c.key, body: c.body, header: header}).problem(422, problem.Invalid)
			var at []string
			for _, e := range p.Errors {
				at = append(at, e.Location)
			}
			if !slices.Equal(at, c.at) {
				t.Errorf("%s: errors at %q, want %q", c.path, at, c.at)
			}
		}
	}
	if p := s.post(s.source, "/v1/transfer-requests", twice).problem(422, problem.Invalid); p.Errors[0].Message != "another identifier of the SIM in body.sims[1]: remove one of the two" || p.Errors[0].Value != iccid(2) {
		t.Errorf("%+v", p.Errors)
	}
	if n := s.queryInt(`SELECT count(*) FROM requests`); n != 0 {
		t.Errorf("%d requests were created", n)
	}
}

// TestSIMNamedTwiceInAnUpload names a SIM twice in one batch, for two
// destinations.
func TestSIMNamedTwiceInAnUpload(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(2, transfer.Ready)
	row := func(sim, to string) map[string]string {
		return map[string]string{"sim": sim, "destination_email": emailOf(to), "destination_operator_id": to}
	}
	rows := []map[string]string{row(imsi(1), destinationID), row(iccid(2), destinationID), row(iccid(1), bystanderID)}
	text, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	csv := "sim,destination_email,destination_operator_id\n"
	ndjson := ""
	for _, r := range rows {
		csv += strings.Join([]string{r["sim"], r["destination_email"], r["destination_operator_id"]}, ",") + "\n"
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		ndjson += string(line) + "\n"
	}
	for contentType, c := range map[string]struct {
		text, want string
		line, row  int
	}{
		"text/csv":             {csv, iccid(1) + " is the same SIM as " + imsi(1) + " in line 2: remove one of the two", 4, 0},
		"application/x-ndjson": {ndjson, iccid(1) + " is the same SIM as " + imsi(1) + " in line 1: remove one of the two", 3, 0},
		"application/json":     {string(text), iccid(1) + " is the same SIM as " + imsi(1) + " in row 1: remove one of the two", 1, 3},
	} {
		p := s.upload(s.source, "", contentType, c.text).problem(422, problem.InvalidLines)
		if len(p.Errors) != 1 || p.Errors[0].Message != c.want || p.Errors[0].Line != c.line || p.Errors[0].Row != c.row ||
			p.Errors[0].Code != "duplicate" || p.Errors[0].Column != "sim" {
			t.Errorf("%s: %+v", contentType, p.Errors)
		}
		// the SIMs of another account are not told apart from unknown ones
		s.upload(s.bystander, "", contentType, strings.ReplaceAll(strings.ReplaceAll(c.text, bystanderID, sourceID), emailOf(bystanderID), emailOf(sourceID))).is(202)
	}
}

// TestRetryOfSIMNamedTwice retries two lines that name one SIM, which was not
// the source's when they were uploaded.
func TestRetryOfSIMNamedTwice(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(2, transfer.Ready)
	path := s.post(s.bystander, "/v1/transfer-requests", requestBody(imsi(1), iccid(2), iccid(1))).is(202).header.Get("Location")
	s.work()
	if r := read[Request](s.get(s.bystander, path).is(200)); r.State != transfer.RequestRejected || r.Counts.Ineligible != 3 {
		t.Fatalf("%+v", r)
	}
	for n := range 2 {
		s.post(s.admin, "/v1/sims/"+iccid(n+1)+"/owner-corrections", map[string]any{"account": bystanderID, "reason": "x"}).is(200)
	}
	again := s.post(s.bystander, path+"/retry", nil).is(202).header.Get("Location")
	s.work()
	var lines []int
	for _, row := range read[List[Transfer]](s.get(s.bystander, again+"/transfers").is(200)).Items {
		if row.State == transfer.Eligible {
			lines = append(lines, row.Line)
		}
	}
	if !slices.Equal(lines, []int{1, 2}) {
		t.Errorf("lines %v are retried, want the first that names each SIM", lines)
	}
}

package api

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"net/url"
	"strings"
	"testing"
	"unicode/utf16"

	"simtransfer/api/problem"
)

// A SIM is found by each of its identifiers in any notation, and no second SIM
// can have one of them in another notation.
func TestIdentifiersInAnyNotation(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	const head = "iccid,imsis,msisdns,account,plan,status\n"
	s.importSIMs("text/csv", head+
		"89882170000000000066,440170000000006,00447400000001,"+sourceID+",global-01,Ready\n"+ // 20 digits, the last is the check digit
		"898821700000000007,440170000000007,+44 7400 000002,"+sourceID+",global-01,READY\n").is(201) // 18, without one
	for notation, want := range map[string]string{
		"89882170000000000066":        "89882170000000000066",
		"8988217000000000006":         "89882170000000000066", // without the check digit
		"8988 2170 0000 0000 0066":    "89882170000000000066",
		"89882170000000000066F":       "89882170000000000066",
		"8988-2170-0000-0000-006":     "89882170000000000066",
		"440170000000006":             "89882170000000000066",
		"+447400000001":               "89882170000000000066",
		"447400000001":                "89882170000000000066",
		"0044 7400 000001":            "89882170000000000066",
		"+44 (0)7400-000001":          "89882170000000000066",
		"898821700000000007":          "898821700000000007",
		"8988217000000000072":         "898821700000000007", // with the check digit
		"8988217000000000072F":        "898821700000000007",
		"00447400000002":              "898821700000000007",
		"\u200b440170000000007\ufeff": "898821700000000007",
	} {
		if got := read[SIM](s.get(s.source, "/v1/sims/"+url.PathEscape(notation)).is(200)); got.ICCID != want {
			t.Errorf("%q is %s, not %s", notation, got.ICCID, want)
		}
	}
	for _, wrong := range []string{"8988217000000000071", "07400000001", "8.98822E+18", "x"} {
		if p := s.get(s.source, "/v1/sims/"+url.PathEscape(wrong)).problem(404, problem.NotFound); wrong != "8988217000000000071" && p.Detail == "" {
			t.Errorf("%q: no detail", wrong)
		}
	}
	for prefix, want := range map[string]int{"+447400": 2, "00447400": 2, "8988 21": 2, "4401700": 2, "440170000000007": 1} {
		if got := read[List[SIM]](s.get(s.source, "/v1/sims?identifier_prefix="+url.QueryEscape(prefix)).is(200)); len(got.Items) != want {
			t.Errorf("prefix %q: %d SIMs, not %d", prefix, len(got.Items), want)
		}
	}
	s.get(s.source, "/v1/sims?identifier_prefix=12345").problem(422, problem.Invalid)

	for name, row := range map[string]string{
		"the ICCID without its check digit": "8988217000000000006,440170000000008,",
		"the ICCID with its check digit":    "8988217000000000072,440170000000008,",
		"the MSISDN with a plus":            "8988217000000000155,440170000000008,+447400000001",
		"the MSISDN with 00":                "8988217000000000155,440170000000008,0044 7400 000 002",
		"an IMSI with the filler":           "8988217000000000155,440170000000007F,",
	} {
		p := s.importSIMs("text/csv", head+row+","+sourceID+",global-01,ready\n").problem(422, problem.InvalidLines)
		if len(p.Errors) != 1 || p.Errors[0].Code != "taken" {
			t.Errorf("%s: %+v", name, p.Errors)
		}
	}
	for name, row := range map[string]string{
		"a national MSISDN":       "8988217000000000155,440170000000008,07400000009",
		"an MSISDN too short":     "8988217000000000155,440170000000008,44740",
		"an IMSI of 13 digits":    "8988217000000000155,4401700000008,",
		"a rounded ICCID":         "8.98822E+18,440170000000008,",
		"a rounded IMSI":          "8988217000000000155,4.4017E+14,",
		"an IMSI as the ICCID":    "440170000000008,440170000000008,",
		"an ICCID with a plus":    "+8988217000000000155,440170000000008,",
		"an ICCID as the MSISDN":  "8988217000000000155,440170000000008,8988217000000000155",
		"two letters in the IMSI": "8988217000000000155,44017000000OO08,",
	} {
		p := s.importSIMs("text/csv", head+row+","+sourceID+",global-01,ready\n").problem(422, problem.InvalidLines)
		if len(p.Errors) != 1 || p.Errors[0].Code != "bad_value" {
			t.Errorf("%s: %+v", name, p.Errors)
		}
	}

	// Requests, previews, filters and decisions read the same notations.
	body := requestBody("8988217000000000006", "+44 7400 000002")
	if p := read[Preview](s.post(s.source, "/v1/transfer-requests/preview", body).is(200)); len(p.Items) != 2 || len(p.Reasons) != 0 {
		t.Errorf("%+v", p)
	}
	path := s.post(s.source, "/v1/transfer-requests", body).is(202).header.Get("Location")
	s.work()
	for _, notation := range []string{"8988217000000000006", "+447400000001", "8988-2170-0000-0000-0066"} {
		if got := read[List[Request]](s.get(s.source, "/v1/transfer-requests?sim="+url.QueryEscape(notation)).is(200)); len(got.Items) != 1 {
			t.Errorf("%d requests for %q", len(got.Items), notation)
		}
	}
	s.post(s.destination, path+"/decline", map[string]any{"sims": []string{"898821700000000007F"}}).is(202)
	s.post(s.destination, path+"/decline", map[string]any{"sims": []string{"0044 7400 000001"}}).is(202)
	if r := read[Request](s.get(s.source, path).is(200)); r.State != "declined" || r.Counts.Declined != 2 {
		t.Errorf("%+v", r)
	}
}

// Uploads are read as spreadsheets and scripts write them.
func TestFilesAsPeopleHaveThem(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(2, "ready")
	row := func(sim string) string { return sim + "," + emailOf(destinationID) + "," + destinationID + "\n" }
	file := "sim,destination_email,destination_operator_id\n" + row(iccid(1)) + row(iccid(2))
	for name, c := range map[string]struct{ contentType, encoding, text string }{
		"semicolons":                {"text/csv", "", strings.ReplaceAll(file, ",", ";")},
		"tabs":                      {"text/tab-separated-values", "", strings.ReplaceAll(file, ",", "\t")},
		"declared separator":        {"text/csv", "", "sep=;\r\n" + strings.ReplaceAll(file, ",", ";")},
		"blank rows":                {"text/csv", "", file + ",,\n,,\n"},
		"header in capitals":        {"text/csv", "", strings.Replace(file, "sim,destination_email", "SIM,Destination Email", 1)},
		"gzip":                      {"text/csv", "gzip", gzipped(t, file)},
		"gzip without announcement": {"text/csv", "", gzipped(t, file)},
		"UTF-16":                    {"text/csv; charset=utf-16", "", utf16LE("\ufeff" + file)},
	} {
		r := s.do(apiCall{method: "POST", path: "/v1/batches", key: s.source, body: c.text, header: map[string]string{"Content-Type": c.contentType, "Content-Encoding": c.encoding}})
		if got := read[Batch](r.is(202)); got.Counts.SIMs != 2 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	s.do(apiCall{method: "POST", path: "/v1/batches", key: s.source, body: file, header: map[string]string{"Content-Type": "text/csv", "Content-Encoding": "br"}}).problem(415, problem.UnsupportedMediaType)
	s.upload(s.source, "", "text/csv; charset=iso-8859-1", file).problem(415, problem.UnsupportedMediaType)
	s.upload(s.source, "", "text/csv", gzipped(t, file)[:30]).problem(422, problem.InvalidLines)
	p := s.upload(s.source, "", "text/csv", strings.Replace(file, "destination_email", "dest_email", 1)).problem(422, problem.InvalidLines)
	if len(p.Errors) != 2 || !strings.Contains(p.Errors[0].Message, `"dest_email" (did you mean "destination_email"?)`) || !strings.Contains(p.Errors[1].Message, `"destination_email"`) {
		t.Errorf("%+v", p.Errors)
	}
	p = s.upload(s.source, "", "text/csv", "sim,destination_email,destination_operator_id\n"+row("8988217000000010000")+row("8988217000000010000")).problem(422, problem.InvalidLines)
	if len(p.Errors) != 1 || !strings.Contains(p.Errors[0].Message, "rounded") || strings.Contains(p.Errors[0].Message, "remove") {
		t.Errorf("%+v", p.Errors)
	}
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func utf16LE(text string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return string(b)
}

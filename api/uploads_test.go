package api

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"simtransfer/api/problem"
	"simtransfer/transfer"
)

// failing is a body that ends with an error after some bytes.
type failing struct {
	io.Reader
	err error
}

func (f failing) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if err == io.EOF {
		err = f.err
	}
	return n, err
}

func TestUploadsThatDoNotArrive(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	handler := New(Config{DB: s.db})
	ends := func(err error) func(string) io.Reader {
		return func(csv string) io.Reader { return failing{strings.NewReader(csv), err} }
	}
	halfGzip := func(csv string) io.Reader {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = io.WriteString(z, csv)
		_ = z.Close()
		return failing{bytes.NewReader(b.Bytes()[:b.Len()/2]), io.ErrUnexpectedEOF}
	}
	noGzip := func(csv string) io.Reader { return failing{strings.NewReader("\x1f\x8b"), io.ErrUnexpectedEOF} }
	files := map[string]string{
		"/v1/batches?on_behalf_of=" + sourceID: batchCSV(iccid(1)),
		"/v1/sims":                             "iccid,imsis,account,plan\n" + iccid(2) + "," + imsi(2) + "," + sourceID + ",global-01\n",
	}
	for name, test := range map[string]struct {
		body   func(csv string) io.Reader
		length int64
		status int
		code   problem.Code
	}{
		"announced too big": {ends(io.EOF), transfer.MaxUploadBytes + 1, 413, problem.TooLarge},
		"an endless line":   {func(csv string) io.Reader { return strings.NewReader(csv + strings.Repeat("1", 1<<20)) }, -1, 413, problem.TooLarge},
		"cut off":           {ends(io.ErrUnexpectedEOF), -1, 400, problem.Malformed},
		"cut off, in gzip":  {halfGzip, -1, 400, problem.Malformed},
		"cut off, at once":  {noGzip, -1, 400, problem.Malformed},
		"too slow":          {ends(os.ErrDeadlineExceeded), -1, 408, problem.BodyTooSlow},
	} {
		for path, csv := range files {
			r := httptest.NewRequestWithContext(t.Context(), "POST", path, test.body(csv))
			r.ContentLength = test.length
			r.Header.Set("Content-Type", "text/csv")
			r.Header.Set("Authorization", "Bearer "+s.admin)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			var p problem.Problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
				t.Fatalf("%v in %s", err, w.Body)
			}
			if w.Code != test.status || p.Code != test.code {
				t.Errorf("%s, %s: answered %d %s", name, path, w.Code, w.Body)
			}
		}
	}
	if n := s.queryInt(`SELECT (SELECT count(*) FROM requests) + (SELECT count(*) FROM sims)`); n != 1 {
		t.Errorf("%d rows, not 1", n)
	}
}

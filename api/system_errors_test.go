package api

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"simtransfer/api/problem"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// syncLog is a log that handlers may write concurrently.
type syncLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *syncLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// An error that concerns every call is a 503, so that clients repeat the call. It
// is logged once.
func TestSystemErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, begin, end string }{
		{"a missing right", `REVOKE INSERT ON requests FROM %s`, `GRANT INSERT ON requests TO %s`},
		{"a missing table", `ALTER TABLE requests RENAME TO inquiries`, `ALTER TABLE inquiries RENAME TO requests`},
		{"a missing column", `ALTER TABLE transfers RENAME line TO row`, `ALTER TABLE transfers RENAME row TO line`},
		{"a schema that may not be used", `REVOKE USAGE ON SCHEMA public FROM %s, public`, `GRANT USAGE ON SCHEMA public TO %s`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			owner := newTestService(t)
			owner.sims(1, transfer.Ready)
			role := storagetest.Role(t, owner.db.Pool())
			var log syncLog
			s := startTestService(t, owner.dsn+"&role="+role, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
			change := func(statement string) {
				if strings.Contains(statement, "%s") {
					statement = fmt.Sprintf(statement, role)
				}
				owner.exec(statement)
			}
			change(c.begin)
			for range 5 {
				a := s.post(owner.source, "/v1/transfer-requests", requestBody(iccid(1)))
				if a.problem(503, problem.Busy); a.header.Get("Retry-After") == "" {
					t.Errorf("%v", a.header)
				}
			}
			if n := strings.Count(log.text.String(), "level=ERROR"); n != 1 {
				t.Errorf("%d errors are logged, want one: %s", n, log.text.String())
			}
			change(c.end)
			s.post(owner.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202)
		})
	}
}

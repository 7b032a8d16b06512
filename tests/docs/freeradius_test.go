package docs_test

import (
	"context"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"

	"simtransfer/radius/accounting"
	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// The grants of the page must suffice to write sessions: a new one, an update, and
// one that began before its SIM changed hands.
func TestFreeRADIUSPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	grants := regexp.MustCompile("(?s)```sql\n(GRANT .*?)```").FindSubmatch(page)
	if grants == nil {
		t.Fatal("the page has no GRANT statements")
	}
	s := storagetest.Open(t)
	tx, err := s.Pool().BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }() // also removes the role, which other databases of the server would see
	account := s.Account()
	sims := s.SIMs(2, storagetest.SIM{Account: account.ID, Status: transfer.Ready})
	run := func(statement string, args ...any) {
		t.Helper()
		if _, err := tx.ExecContext(t.Context(), statement, args...); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	const start = `
		INSERT INTO radius.radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime)
		VALUES ($1, $1, $2, '192.0.2.1', clock_timestamp() - $3 * interval '1 hour')
		ON CONFLICT (acctuniqueid) DO UPDATE SET acctstarttime = EXCLUDED.acctstarttime`
	run(`CREATE ROLE freeradius`)
	run(string(grants[1]))
	run(`UPDATE registrations SET request = gen_random_uuid(), n = 0 WHERE sim = $1`, sims[1].ID)
	run(`SET LOCAL ROLE freeradius`)
	run(start, "new", sims[0].IMSI, 0)
	run(start, "new", sims[0].IMSI, 0)
	run(start, "outlived", sims[1].IMSI, 1)
	run(`UPDATE radius.radacct SET acctstoptime = clock_timestamp() WHERE acctuniqueid = 'new'`)
	run(`SELECT * FROM radius.radcheck`)
	run(`INSERT INTO radius.radpostauth (username, pass, reply) VALUES ('user', 'password', 'Access-Accept')`)
	run(`RESET ROLE`)
	var strays, active int
	if err := tx.QueryRowxContext(t.Context(), `
		SELECT
			(SELECT count(*) FROM work WHERE kind = 'drop_stray'),
			(SELECT count(*) FROM sims WHERE status = 'active')`).Scan(&strays, &active); err != nil {
		t.Fatal(err)
	}
	if strays != 1 || active != 1 {
		t.Errorf("%d stray sessions and %d active SIMs, want one each", strays, active)
	}
}

// noStore has no gateways and stores nothing.
type noStore struct{ accounting.Store }

func (noStore) AccountingClients(context.Context) ([]storage.AccountingClient, error) {
	return nil, nil
}

// The page names every metric of simtransfer radius, with every result of a packet, and
// what is counted of records.
func TestAccountingMetricsOnThePage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	server, err := accounting.New(t.Context(), accounting.Config{Store: noStore{}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	var metrics strings.Builder
	if err := server.WriteMetrics(&metrics); err != nil {
		t.Fatal(err)
	}
	words := []string{
		string(storage.Stored), string(storage.Replayed), string(storage.Flooded), "ignored",
		string(storage.SessionStart), string(storage.SessionUpdate), string(storage.SessionStop), "restart", "other",
	}
	for _, m := range regexp.MustCompile(`(?m)^simtransfer_radius(_\w+)(?:\{\w+="(\w+)"\})? `).FindAllStringSubmatch(metrics.String(), -1) {
		if !strings.Contains(string(page), "simtransfer_radius"+m[1]) && !strings.Contains(string(page), "`…"+m[1]+"`") {
			t.Errorf("the page does not name the metric simtransfer_radius%s", m[1])
		}
		words = append(words, m[2])
	}
	if len(words) < 20 {
		t.Errorf("found only %q", words)
	}
	for _, word := range words {
		if !strings.Contains(string(page), "`"+word+"`") && word != "" {
			t.Errorf("the page does not explain %s", word)
		}
	}
}

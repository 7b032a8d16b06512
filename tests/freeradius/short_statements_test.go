package freeradius_test

import (
	"strings"
	"testing"
	"time"

	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// The usual records of a session are stored by the short statements of the shipped
// policy, and not by those of FreeRADIUS, which follow if a short one has not stored the
// record: without this test, a mistake in the policy would only make accounting slower.
func TestUsualRecordsTakeTheShortWay(t *testing.T) {
	t.Parallel()
	s := start(t, configuration{shipped: true, site: true})
	// The trigger keeps the statement that FreeRADIUS sent for each change of a session.
	s.db.Exec(`
		CREATE TABLE radius.written (
			n         bigint GENERATED ALWAYS AS IDENTITY,
			session   text,
			octets    bigint,
			statement text
		)`)
	s.db.Exec(`
		CREATE FUNCTION radius.keep_statement() RETURNS trigger
		LANGUAGE plpgsql SECURITY DEFINER AS $$
		BEGIN
			INSERT INTO radius.written (session, octets, statement)
			VALUES (NEW.acctsessionid, NEW.acctinputoctets, current_query());
			RETURN NULL;
		END
		$$`)
	s.db.Exec(`CREATE TRIGGER keep_statement AFTER INSERT OR UPDATE ON radius.radacct FOR EACH ROW EXECUTE FUNCTION radius.keep_statement()`)

	sims := s.sims(3, transfer.Active)
	s.pass(time.Minute) // the sessions certainly began after the SIMs were registered
	for i, identity := range []record{
		{id: "named by User-Name", user: sims[0].IMSI},
		{id: "named by User-Name with a number", user: sims[1].MSISDN, number: sims[1].MSISDN},
		{id: "named by 3GPP-IMSI", user: "internet@example", imsi: sims[2].IMSI},
	} {
		for _, c := range []struct {
			record
			statement string
		}{
			{record{kind: begin}, "SELECT radius.start_session("},
			{record{kind: update, lasted: time.Minute, received: 1000}, "SELECT radius.update_session("},
			{record{kind: end, lasted: 2 * time.Minute, received: 2000}, "SELECT radius.stop_session("},
		} {
			r := identity
			r.kind, r.lasted, r.received = c.kind, c.lasted, c.received
			s.account(r)
			// The gateway sends a record again if the answer takes long. Only its first
			// copy changes the octets.
			got := storagetest.All[string](s.db, `SELECT statement FROM radius.written WHERE session = $1 AND octets = $2 ORDER BY n LIMIT 1`, r.id, r.received)
			if len(got) != 1 || !strings.HasPrefix(got[0], c.statement) {
				t.Errorf("%s: record %v was stored by %q, want %s…", r.id, r.kind, got, c.statement)
			}
		}
		var got struct {
			Judged   bool    `db:"judged"`
			SIM      *int64  `db:"sim"`
			User     string  `db:"username"`
			Number   string  `db:"callingstationid"`
			IMSI     *string `db:"imsi"`
			Octets   int64   `db:"acctinputoctets"`
			Stopped  bool    `db:"stopped"`
			Duration int64   `db:"acctsessiontime"`
		}
		if err := s.db.Pool().GetContext(t.Context(), &got, `
			SELECT
				judged IS TRUE AS judged,
				sim,
				username,
				callingstationid,
				imsi,
				acctinputoctets,
				acctstoptime IS NOT NULL AS stopped,
				acctsessiontime
			FROM radius.radacct
			WHERE acctsessionid = $1`, identity.id); err != nil {
			t.Fatal(err)
		}
		if !got.Judged {
			t.Errorf("%s: the start is not marked as stored by start_session", identity.id)
		}
		if got.SIM == nil || *got.SIM != sims[i].ID || got.User != identity.user || got.Number != identity.number ||
			(identity.imsi != "") != (got.IMSI != nil) || got.Octets != 2000 || !got.Stopped || got.Duration != 120 {
			t.Errorf("%s: stored as %+v", identity.id, got)
		}
	}
	s.db.Check()
}

package freeradius_test

import (
	"regexp"
	"strings"
	"testing"

	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// The check of the set-up finds nothing wrong with a FreeRADIUS that was set up as
// documented. It names each fault, and what it says to do fixes it: afterwards
// FreeRADIUS stores starts again.
func TestCheckOfTheSetup(t *testing.T) {
	t.Parallel()
	s := start(t, configuration{shipped: true})
	s.db.Exec(`INSERT INTO radius.nas (nasname, secret) VALUES ('10.0.0.1', 's')`)
	found := func() []string {
		t.Helper()
		findings, _, err := s.db.CheckRADIUS(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, f := range findings {
			list = append(list, f.Examples...)
		}
		return list
	}
	reconnect := func() {
		s.db.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1`, s.role)
	}
	if list := found(); len(list) > 0 {
		t.Fatalf("found %q", list)
	}
	sims := s.sims(20, transfer.Ready)
	statement := regexp.MustCompile(`: run ((?:GRANT|ALTER) .*)$`)
	for i, c := range []struct {
		name, do string
		want     string
		fix      string // empty: what the finding says
	}{
		{"no right to insert", `REVOKE INSERT ON radius.radacct FROM ROLE`, "ROLE lacks a right: run GRANT INSERT ON radius.radacct TO ROLE", ""},
		{"no right to update", `REVOKE UPDATE ON radius.radacct FROM ROLE`, "ROLE lacks a right: run GRANT UPDATE ON radius.radacct TO ROLE", ""},
		{"no right to read", `REVOKE SELECT ON radius.radacct FROM ROLE`, "ROLE lacks a right: run GRANT SELECT ON radius.radacct TO ROLE", ""},
		{"no right on the schema", `REVOKE USAGE ON SCHEMA radius FROM ROLE`, "ROLE lacks a right: run GRANT USAGE ON SCHEMA radius TO ROLE", ""},
		{"no right to call start_session", `REVOKE EXECUTE ON FUNCTION radius.start_session FROM ROLE`, "ROLE cannot call the function that stores most starts, so that accounting is slower: run GRANT EXECUTE ON FUNCTION radius.start_session TO ROLE", ""},
		{"no right for Access-Requests", `REVOKE EXECUTE ON FUNCTION radius.access_moving FROM ROLE`, "ROLE lacks a right: run GRANT EXECUTE ON FUNCTION radius.access_moving TO ROLE", ""},
		{"another search_path", `ALTER ROLE ROLE SET search_path = public`, "ROLE does not find the tables, because its search_path is public: run ALTER ROLE ROLE SET search_path = radius", ""},
		{"no search_path", `ALTER ROLE ROLE RESET search_path`, "ROLE does not find the tables, because its search_path is not set: run ALTER ROLE ROLE SET search_path = radius", ""},
		{"a time-out", `ALTER ROLE ROLE SET statement_timeout = '1ms'`, "ROLE does not wait for the transfer of a SIM: run ALTER ROLE ROLE RESET statement_timeout", ""},
		{"no trigger", `ALTER TABLE radius.radacct DISABLE TRIGGER session_start`, "radius.radacct has no enabled trigger session_start: run ALTER TABLE radius.radacct ENABLE TRIGGER session_start", ""},
		{"no table", `ALTER TABLE radius.radacct RENAME TO lost`, "the table radius.radacct is missing: restore it from a backup", `ALTER TABLE radius.lost RENAME TO radacct`},
		{"no table of the stock site", `ALTER TABLE radius.radcheck RENAME TO lost`, "the table radius.radcheck is missing: restore it from a backup", `ALTER TABLE radius.lost RENAME TO radcheck`},
		{"no function", `ALTER FUNCTION radius.start_session RENAME TO lost`, "the function radius.start_session, which the policy of deployments/freeradius calls, is missing: restore it from a backup", `ALTER FUNCTION radius.lost RENAME TO start_session`},
	} {
		named := func(text string) string {
			return regexp.MustCompile(`\bROLE\b`).ReplaceAllString(strings.ReplaceAll(text, "ALTER ROLE ", "ALTER USER "), s.role)
		}
		s.db.Exec(named(c.do))
		fix := c.fix
		if list := strings.ReplaceAll(strings.Join(found(), "\n"), "ALTER ROLE ", "ALTER USER "); !strings.Contains("\n"+list+"\n", "\n"+named(c.want)+"\n") {
			t.Errorf("%s: found\n%s\nwant\n%s", c.name, list, named(c.want))
		}
		if fix == "" {
			fix = statement.FindStringSubmatch(named(c.want))[1]
		}
		s.db.Exec(fix)
		reconnect()
		if list := found(); len(list) > 0 {
			t.Errorf("%s: after %s, found %q", c.name, fix, list)
		}
		s.account(record{kind: begin, id: c.name, user: sims[i].IMSI})
		if n := storagetest.One[int](s.db, `SELECT count(*) FROM radius.radacct WHERE acctsessionid = $1 AND sim = $2`, c.name, sims[i].ID); n != 1 {
			t.Errorf("%s: the start was stored %d times", c.name, n)
		}
	}
}

// Sessions that FreeRADIUS has stored without our module are named.
func TestCheckOfTheStockModule(t *testing.T) {
	t.Parallel()
	s := start(t, configuration{})
	s.db.Exec(`INSERT INTO radius.nas (nasname, secret) VALUES ('10.0.0.1', 's')`)
	s.account(record{kind: begin, id: "id", user: s.sims(1, transfer.Active)[0].IMSI})
	findings, _, err := s.db.CheckRADIUS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, f := range findings {
		list = append(list, f.Examples...)
	}
	if len(list) != 1 || !strings.HasPrefix(list[0], "1 of the last 1 sessions were stored by FreeRADIUS's own module") {
		t.Errorf("found %q", list)
	}
}

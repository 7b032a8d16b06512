package storage_test

import (
	"errors"
	"strings"
	"testing"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
)

// A process whose database user lacks a right is not ready, and says what to run.
// The user that has exactly the rights of storagetest.Role lacks none.
func TestRights(t *testing.T) {
	t.Parallel()
	owner := storagetest.Open(t)
	role := storagetest.Role(t, owner.Pool())
	open := func() *storage.DB {
		t.Helper()
		db, err := storage.Open(t.Context(), owner.URL+"&role="+role, storage.Options{MaxConns: 2})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	database := storagetest.One[string](owner, `SELECT current_database()`)
	for _, c := range []struct{ revoke, grant string }{
		{`REVOKE UPDATE, DELETE ON sims FROM ` + role, `GRANT UPDATE, DELETE ON public.sims TO ` + role},
		{`REVOKE SELECT ON fee_entries FROM ` + role, `GRANT SELECT ON public.fee_entries TO ` + role},
		{`REVOKE UPDATE ON radius.radacct FROM ` + role, `GRANT UPDATE ON radius.radacct TO ` + role},
		{`REVOKE USAGE ON SEQUENCE fee_entry_ids FROM ` + role, `GRANT USAGE ON SEQUENCE public.fee_entry_ids TO ` + role},
		{`REVOKE USAGE ON SCHEMA radius FROM ` + role, `GRANT USAGE ON SCHEMA radius TO ` + role},
		{`REVOKE TEMPORARY ON DATABASE ` + database + ` FROM public`, `GRANT TEMPORARY ON DATABASE ` + database + ` TO ` + role},
	} {
		db := open()
		owner.Exec(c.revoke)
		for name, check := range map[string]func() error{"ready": func() error { return db.Ready(t.Context()) }, "at the start": func() error { return db.CheckRights(t.Context()) }} {
			var missing *storage.MissingRightsError
			if err := check(); !errors.As(err, &missing) || len(missing.Grants) != 1 || missing.Grants[0] != c.grant {
				t.Errorf("%s after %s: %v, want %s", name, c.revoke, err, c.grant)
			}
		}
		owner.Exec(c.grant)
		if err := errors.Join(db.Ready(t.Context()), db.CheckRights(t.Context())); err != nil {
			t.Errorf("after %s: %v", c.grant, err)
		}
	}
}

// Every table, view and sequence of the database is checked.
func TestRightsOfEveryTable(t *testing.T) {
	t.Parallel()
	owner := storagetest.Open(t)
	role := "no_rights_in_" + storagetest.One[string](owner, `SELECT current_database()`)
	owner.Exec(`CREATE ROLE ` + role)
	t.Cleanup(func() { dropRole(t, owner, role) })
	owner.Exec(`GRANT USAGE ON SCHEMA public, radius TO ` + role)
	db, err := storage.Open(t.Context(), owner.URL+"&role="+role, storage.Options{MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	var missing *storage.MissingRightsError
	if !errors.As(db.CheckRights(t.Context()), &missing) {
		t.Fatal("a role without rights lacks none")
	}
	grants := strings.Join(missing.Grants, "\n") + "\n"
	names := storagetest.All[string](owner, `
		SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE ' ELSE '' END || 'public.' || relname
		FROM pg_class c
		WHERE relnamespace = 'public'::regnamespace
		  AND relkind IN ('r', 'p', 'v', 'S')
		  AND relname <> 'goose_db_version'
		  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'i' AND c.relkind = 'S')
		  AND relname <> 'goose_db_version_id_seq'`)
	for _, name := range append(names, "radius.nas", "radius.radacct") {
		if !strings.Contains(grants, " ON "+name+" TO "+role+"\n") {
			t.Errorf("no right on %s is asked for: is it created by a migration with CREATE TABLE, VIEW or SEQUENCE and its name?", name)
		}
	}
}

package storagetest

import (
	"fmt"
	"testing"

	"github.com/jmoiron/sqlx"
)

// Role creates a role that has the rights that a process needs, and no more: the
// rights of an owner cannot be revoked. Connections have them if the parameter
// role of their URL names it.
func Role(t testing.TB, db *sqlx.DB) string {
	t.Helper()
	var name string
	if err := db.GetContext(t.Context(), &name, `SELECT 'process_of_' || current_database()`); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), fmt.Sprintf(`
		CREATE ROLE %[1]s;
		GRANT USAGE ON SCHEMA public, radius TO %[1]s;
		GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public, radius TO %[1]s;
		GRANT USAGE ON ALL SEQUENCES IN SCHEMA public, radius TO %[1]s`, name)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // roles outlive the database
		if _, err := db.Exec(fmt.Sprintf(`DROP OWNED BY %[1]s; DROP ROLE %[1]s`, name)); err != nil {
			t.Error(err)
		}
	})
	return name
}

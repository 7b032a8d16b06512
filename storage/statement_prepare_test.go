package storage_test

import (
	"os"
	"path/filepath"
	"testing"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
)

// PostgreSQL accepts the rendered text of every statement, as a reviewer pastes
// it into psql.
func TestPrepareStatements(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	for _, name := range storage.StatementNames() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join("testdata", "sql", name+".sql"))
			if err != nil {
				t.Fatal(err)
			}
			conn, err := db.Pool().Connx(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if _, err := conn.ExecContext(t.Context(), string(text)); err != nil {
				t.Error(err)
			}
			if _, err := conn.ExecContext(t.Context(), "ROLLBACK; DEALLOCATE "+name); err != nil {
				t.Error(err)
			}
		})
	}
}

package storage_test

import (
	"testing"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
)

// PostgreSQL accepts every statement, and infers a type for each parameter.
func TestPrepareStatements(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	for name, query := range storage.Queries() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tx, err := db.Pool().BeginTxx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tx.Rollback() }()
			if _, err := tx.ExecContext(t.Context(), query.Setup); err != nil {
				t.Fatal(err)
			}
			stmt, err := tx.PrepareContext(t.Context(), query.Text)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = stmt.Close() }()
		})
	}
}

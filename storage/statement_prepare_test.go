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
			stmt, err := db.Pool().PrepareContext(t.Context(), query)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = stmt.Close() }()
		})
	}
}

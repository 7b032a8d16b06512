package storage_test

import (
	"strings"
	"testing"

	"simtransfer/dev/servers/serverstest"
	"simtransfer/storage"
)

// CheckSchema creates nothing in a database that was never migrated, and needs
// no privilege to create.
func TestCheckSchemaReads(t *testing.T) {
	t.Parallel()
	dsn := serverstest.EmptyDatabaseURL(t)
	for _, with := range []string{"", "&default_transaction_read_only=on&target_session_attrs=any"} {
		db, err := storage.Open(t.Context(), dsn+with, storage.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		if err := db.CheckSchema(t.Context()); err == nil || err.Error() != "the database is not at this build's schema: run simtransfer migrate" {
			t.Errorf("an empty database%s: %v", with, err)
		}
		var tables int
		if err := db.Pool().GetContext(t.Context(), &tables, `SELECT count(*) FROM pg_tables WHERE schemaname = 'public'`); err != nil || tables != 0 {
			t.Errorf("%d tables were made, %v", tables, err)
		}
	}
}

func TestCheckURL(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{
		"postgres://user:p%2Fw@host:5432/db?sslmode=disable",
		"postgres://user:p@w@host/db",
		"postgresql://a:1,b:2/db?target_session_attrs=read-write",
		"postgres:///db?host=/var/run/postgresql&user=me@place",
		"host=host dbname=db password='a b'",
		"",
	} {
		if err := storage.CheckURL(dsn); err != nil {
			t.Errorf("%s: %v", dsn, err)
		}
	}
	for _, c := range []struct{ dsn, says string }{
		{"postgres://user:12/geheim@host/db", "percent-encode"},
		{"postgres://user:12#geheim", "percent-encode"},
		{"postgres://user:12?geheim@host/db", "percent-encode"},
		{"postgres://user:geheim#12@host/db", "percent-encode"},
		{"postgres://user:%geheim@host/db", "percent-encode"},
		{"host=host password=a geheim", "connection string"},
		{"https://user:geheim@host/db", "connection string"},
		{"postgres://host/db?sslmode=none", "sslmode"},
	} {
		for name, err := range map[string]error{"CheckURL": storage.CheckURL(c.dsn), "Migrate": storage.Migrate(t.Context(), c.dsn)} {
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "geheim") {
				t.Errorf("%s of %s: %v", name, c.dsn, err)
			}
		}
	}
}

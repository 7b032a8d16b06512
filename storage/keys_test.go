package storage_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

func TestKeysAuthenticateUntilRevoked(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	account := db.Account()
	tokens := map[string]bool{}
	for _, k := range []storage.NewKey{
		{Role: storage.RoleAdmin, Name: "a"},
		{Role: storage.RoleSupport, Name: "s"},
		{Role: storage.RoleAccount, OperatorID: account.OperatorID, Name: "o"},
	} {
		made, token, err := db.CreateKey(t.Context(), k)
		if err != nil {
			t.Fatal(err)
		}
		if tokens[token] || !strings.HasPrefix(token, "st_"+string(k.Role)+"_") || len(token) < 50 {
			t.Errorf("token %q", token)
		}
		tokens[token] = true
		if n := storagetest.One[int](db, `SELECT count(*) FROM api_keys k WHERE position($1 IN k::text) > 0`, token[len(token)-20:]); n != 0 {
			t.Error("the token is stored")
		}
		want := storage.Caller{Key: made.ID, Role: k.Role, Stale: true}
		if k.Role == storage.RoleAccount {
			want.Account = account
		}
		c, err := db.Authenticate(t.Context(), token)
		if diff := cmp.Diff(want, c); err != nil || diff != "" {
			t.Errorf("%s: %v", diff, err)
		}
		if err := db.RevokeKey(t.Context(), made.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Authenticate(t.Context(), token); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("revoked: %v", err)
		}
	}
	for _, bad := range []storage.NewKey{
		{Role: storage.RoleAccount, Name: "x"},
		{Role: storage.RoleAdmin, OperatorID: account.OperatorID, Name: "x"},
		{Role: storage.RoleAccount, OperatorID: "OP9999999999", Name: "x"},
	} {
		if _, _, err := db.CreateKey(t.Context(), bad); err == nil {
			t.Errorf("made %+v", bad)
		}
	}
	for _, token := range []string{"", "x", "st_admin_", "st_admin_" + strings.Repeat("A", 52), "st__" + strings.Repeat("a", 52), "st_admin_" + strings.Repeat("a", 52)} {
		if _, err := db.Authenticate(t.Context(), token); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("%q: %v", token, err)
		}
	}
}

func TestKeyUseIsRecordedOnceAMinuteWithoutWaiting(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	k, token, err := db.CreateKey(t.Context(), storage.NewKey{Role: storage.RoleAdmin, Name: "a"})
	if err != nil {
		t.Fatal(err)
	}
	version := func() string {
		return storagetest.One[string](db, `SELECT xmin::text || coalesce(last_used_at::text, '') FROM api_keys WHERE id = $1`, k.ID)
	}
	use := func() string {
		if _, err := db.Authenticate(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		return version()
	}
	unused := version()
	first := use()
	if first == unused {
		t.Error("the first use was not noted")
	}
	if use() != first {
		t.Error("a use within a minute was noted")
	}
	db.Exec(`UPDATE api_keys SET last_used_at = clock_timestamp() - interval '61 seconds'`)
	tx, err := db.Pool().BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(t.Context(), `SELECT 1 FROM api_keys FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	old := version()
	if use() != old {
		t.Error("noted although the row was locked")
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if use() == old {
		t.Error("a use after a minute was not noted")
	}
}

func TestDestinationsNeedEmailAndOperatorID(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	a, b := db.Account(), db.Account()
	var found []storage.Account
	err := db.InTx(t.Context(), func(tx *storage.Tx) (err error) {
		found, err = tx.Destinations(t.Context(), []storage.Pair{
			{Email: b.Email, OperatorID: b.OperatorID},
			{Email: a.Email, OperatorID: b.OperatorID},
			{Email: "nobody@example.com", OperatorID: a.OperatorID},
			{Email: a.Email, OperatorID: a.OperatorID},
			{Email: b.Email, OperatorID: b.OperatorID},
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int64{b.ID, 0, 0, a.ID, b.ID} {
		if found[i].ID != want {
			t.Errorf("pair %d is account %d, not %d", i, found[i].ID, want)
		}
	}
}

func TestAccountsAreCreatedOnce(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	make := func() error {
		return db.InTx(t.Context(), func(tx *storage.Tx) error {
			_, err := tx.CreateAccount(t.Context(), storage.Account{OperatorID: "OP0000000077", Email: "a@example.com", Currency: "EUR", Coverage: "global"})
			return err
		})
	}
	if err := make(); err != nil {
		t.Fatal(err)
	}
	if err := make(); !errors.Is(err, storage.ErrExists) {
		t.Error(err)
	}
	if _, err := db.DB.Account(t.Context(), "OP0000000078"); !errors.Is(err, storage.ErrNotFound) {
		t.Error(err)
	}
	email := "b@example.com"
	if a, err := db.UpdateAccount(t.Context(), "OP0000000077", storage.AccountChange{Email: &email}); err != nil || a.Email != email || a.Currency != "EUR" {
		t.Errorf("%+v %v", a, err)
	}
	if _, err := db.UpdateAccount(t.Context(), transfer.OperatorID("OP0000000078"), storage.AccountChange{}); !errors.Is(err, storage.ErrNotFound) {
		t.Error(err)
	}
}

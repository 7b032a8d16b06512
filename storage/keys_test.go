package storage_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lib/pq"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
)

func TestKeysAuthenticateUntilRevoked(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	account := db.Account()
	newKey(t, db, storage.NewKey{Role: storage.RoleAdmin, Name: "stays"})
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
		want := storage.Caller{Key: made.ID, Role: k.Role, Networks: pq.StringArray{}, Stale: true}
		if k.Role == storage.RoleAccount {
			want.Account, want.Permission = account, storage.PermissionOwner
		}
		c, err := db.Authenticate(t.Context(), token)
		if diff := cmp.Diff(want, c); err != nil || diff != "" {
			t.Errorf("%s: %v", diff, err)
		}
		if err := db.RevokeKey(t.Context(), made.ID, storage.Revocation{By: storage.System()}); err != nil {
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

func newKey(t *testing.T, db *storagetest.DB, k storage.NewKey) (storage.Key, string) {
	t.Helper()
	made, token, err := db.CreateKey(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	return made, token
}

func rotate(t *testing.T, db *storagetest.DB, id int64, r storage.Rotation) (token string, err error) {
	t.Helper()
	err = db.InTx(t.Context(), func(tx *storage.Tx) error {
		_, token, err = tx.RotateKey(t.Context(), id, r)
		return err
	})
	return token, err
}

// A name in the records names one key. After a key is revoked, its name is free.
func TestKeyNamesAreUnique(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	a, b := db.Account(), db.Account()
	newKey(t, db, storage.NewKey{Role: storage.RoleAdmin, Name: "main"})
	newKey(t, db, storage.NewKey{Role: storage.RoleSupport, Name: "main"})
	first, _ := newKey(t, db, storage.NewKey{Role: storage.RoleAccount, OperatorID: a.OperatorID, Name: "main"})
	newKey(t, db, storage.NewKey{Role: storage.RoleAccount, OperatorID: b.OperatorID, Name: "main"})
	for _, again := range []storage.NewKey{
		{Role: storage.RoleAccount, OperatorID: a.OperatorID, Name: "main"},
		{Role: storage.RoleAccount, OperatorID: a.OperatorID, Name: "Main"},
		{Role: storage.RoleAdmin, Name: "main"},
		{Role: storage.RoleSupport, Name: "MAIN"},
	} {
		if _, _, err := db.CreateKey(t.Context(), again); !errors.Is(err, storage.ErrExists) {
			t.Errorf("%s %q: %v", again.Role, again.Name, err)
		}
	}
	if err := db.RevokeKey(t.Context(), first.ID, storage.Revocation{By: storage.System()}); err != nil {
		t.Fatal(err)
	}
	newKey(t, db, storage.NewKey{Role: storage.RoleAccount, OperatorID: a.OperatorID, Name: "main"})
}

func TestKeysExpire(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	newKey(t, db, storage.NewKey{Role: storage.RoleAdmin, Name: "stays"})
	past, soon, later := time.Now().Add(-time.Hour), time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
	if _, _, err := db.CreateKey(t.Context(), storage.NewKey{Role: storage.RoleAdmin, Name: "past", ExpiresAt: &past}); !errors.Is(err, storage.ErrPast) {
		t.Errorf("expired from the start: %v", err)
	}
	k, token := newKey(t, db, storage.NewKey{Role: storage.RoleAdmin, Name: "soon", ExpiresAt: &soon})
	session, err := db.SignIn(t.Context(), token, storage.Browser{Address: "192.0.2.1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.SignedIn(t.Context(), session); err != nil {
		t.Error(err)
	}
	db.Exec(`UPDATE api_keys SET expires_at = clock_timestamp() WHERE id = $1`, k.ID)
	if _, err := db.Authenticate(t.Context(), token); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("expired: %v", err)
	}
	if _, err := db.SignedIn(t.Context(), session); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("signed in with an expired key: %v", err)
	}
	if _, err := rotate(t, db, k.ID, storage.Rotation{}); !errors.Is(err, storage.ErrExpired) {
		t.Errorf("rotated an expired key: %v", err)
	}
	if _, err := rotate(t, db, k.ID, storage.Rotation{ExpiresAt: &past}); !errors.Is(err, storage.ErrPast) {
		t.Errorf("rotated into the past: %v", err)
	}
	token, err = rotate(t, db, k.ID, storage.Rotation{ExpiresAt: &later})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Authenticate(t.Context(), token); err != nil {
		t.Errorf("rotated with a new expiry: %v", err)
	}
}

// Whatever happens, an administrator's key that never expires is left.
func TestLastAdministratorStays(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	soon := time.Now().Add(time.Hour)
	last, _ := newKey(t, db, storage.NewKey{Role: storage.RoleAdmin, Name: "last"})
	expiring, _ := newKey(t, db, storage.NewKey{Role: storage.RoleAdmin, Name: "expiring", ExpiresAt: &soon})
	newKey(t, db, storage.NewKey{Role: storage.RoleSupport, Name: "support"})
	refused := func() {
		t.Helper()
		was := db.Dump()
		if err := db.RevokeKey(t.Context(), last.ID, storage.Revocation{By: storage.System()}); !errors.Is(err, storage.ErrLastAdministrator) {
			t.Errorf("revoked: %v", err)
		}
		if _, err := rotate(t, db, last.ID, storage.Rotation{ExpiresAt: &soon}); !errors.Is(err, storage.ErrLastAdministrator) {
			t.Errorf("rotated into an expiry: %v", err)
		}
		db.Unchanged(was)
	}
	refused()
	if err := db.RevokeKey(t.Context(), expiring.ID, storage.Revocation{By: storage.System()}); err != nil {
		t.Error(err)
	}
	refused()
	if _, err := rotate(t, db, last.ID, storage.Rotation{}); err != nil {
		t.Error(err)
	}

	// Two administrators revoke each other at the same time.
	other, _ := newKey(t, db, storage.NewKey{Role: storage.RoleAdmin, Name: "other"})
	held := db.HoldSQL(`SELECT 1 FROM api_keys FOR UPDATE`)
	results := make(chan error)
	for _, id := range []int64{last.ID, other.ID} {
		go func() { results <- db.RevokeKey(t.Context(), id, storage.Revocation{By: storage.System()}) }()
	}
	db.AwaitBlocked(2)
	held()
	failed := 0
	for range 2 {
		if err := <-results; errors.Is(err, storage.ErrLastAdministrator) {
			failed++
		} else if err != nil {
			t.Error(err)
		}
	}
	if left := storagetest.One[int](db, `SELECT count(*) FROM api_keys WHERE role = 'admin' AND revoked_at IS NULL`); failed != 1 || left != 1 {
		t.Errorf("%d calls were refused and %d keys are left, want 1 and 1", failed, left)
	}
}

func TestRevokedAndRotatedKeysEndTheirSessions(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	newKey(t, db, storage.NewKey{Role: storage.RoleAdmin, Name: "stays"})
	for _, end := range []struct {
		name string
		do   func(id int64) error
	}{
		{"rotated", func(id int64) error {
			_, err := rotate(t, db, id, storage.Rotation{Grace: time.Hour})
			return err
		}},
		{"revoked", func(id int64) error { return db.RevokeKey(t.Context(), id, storage.Revocation{By: storage.System()}) }},
	} {
		k, token := newKey(t, db, storage.NewKey{Role: storage.RoleAdmin, Name: end.name})
		session, err := db.SignIn(t.Context(), token, storage.Browser{})
		if err != nil {
			t.Fatal(err)
		}
		if err := end.do(k.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := db.SignedIn(t.Context(), session); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("the session of a key that was %s: %v", end.name, err)
		}
	}
}

func TestKeysRecordWhoMadeAndRevokedThem(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	admin, _ := newKey(t, db, storage.NewKey{Role: storage.RoleAdmin, Name: "admin"})
	if admin.CreatedBy != nil {
		t.Errorf("created by %d", *admin.CreatedBy)
	}
	made, _ := newKey(t, db, storage.NewKey{Role: storage.RoleSupport, Name: "support", By: storage.Actor{Key: admin.ID}})
	for range 2 { // the second changes nothing
		if err := db.RevokeKey(t.Context(), made.ID, storage.Revocation{By: storage.Actor{Key: admin.ID}}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := db.Keys(t.Context(), storage.KeyFilter{Role: storage.RoleSupport, Limit: 1})
	if err != nil || len(list) != 1 {
		t.Fatalf("%d keys, %v", len(list), err)
	}
	if k := list[0]; *k.CreatedBy != admin.ID || *k.RevokedBy != admin.ID {
		t.Errorf("%+v", k)
	}
}

func TestCallerNetworks(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	_, token := newKey(t, db, storage.NewKey{Role: storage.RoleSupport, Name: "office", Networks: []netip.Prefix{
		netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32"),
	}})
	c, err := db.Authenticate(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]bool{
		"192.0.2.7": true, "::ffff:192.0.2.7": true, "192.0.3.1": false, "2001:db8::1": true, "2001:db9::1": false, "": false, "x": false,
	} {
		if c.MayCallFrom(address) != want {
			t.Errorf("%s: %t", address, !want)
		}
	}
	if !(storage.Caller{}).MayCallFrom("") {
		t.Error("a key without networks cannot be used from everywhere")
	}
}

func TestPermissionsContainThoseBeforeThem(t *testing.T) {
	t.Parallel()
	list := storage.Permissions()
	for i, p := range list {
		for j, q := range list {
			if p.Includes(q) != (i >= j) {
				t.Errorf("%s includes %s: %t", p, q, p.Includes(q))
			}
		}
		if p.Includes("") || storage.Permission("").Includes(p) || storage.Permission("other").Includes(p) {
			t.Errorf("%s and an unknown permission", p)
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
			{Email: b.Email, Account: b.OperatorID.Ref()},
			{Email: a.Email, Account: b.OperatorID.Ref()},
			{Email: "nobody@example.com", Account: a.OperatorID.Ref()},
			{Email: a.Email, Account: a.OperatorID.Ref()},
			{Email: b.Email, Account: b.OperatorID.Ref()},
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
			_, err := tx.CreateAccount(t.Context(), storage.System(), storage.Account{OperatorID: "OP0000000077", Email: "a@example.com", Currency: "EUR", Coverage: "global"})
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
	if a, err := db.UpdateAccount(t.Context(), storage.System(), "OP0000000077", storage.AccountChange{Email: &email}); err != nil || a.Email != email || a.Currency != "EUR" {
		t.Errorf("%+v %v", a, err)
	}
	if _, err := db.UpdateAccount(t.Context(), storage.System(), "OP0000000078", storage.AccountChange{}); !errors.Is(err, storage.ErrNotFound) {
		t.Error(err)
	}
}

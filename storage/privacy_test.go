package storage_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// An erasure removes every trace of the people of an account from every table,
// and nothing of the ledger.
func TestErasePersonalData(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	var a, b storage.Account
	for _, to := range []*storage.Account{&a, &b} {
		*to = db.Account()
	}
	keep, _ := newKey(t, db, storage.NewKey{Role: storage.RoleAccount, OperatorID: b.OperatorID, Name: "another person"})
	email := "jane.doe@example.com"
	admin := storage.Actor{Name: "root@host"}
	if _, err := db.UpdateAccount(t.Context(), admin, a.OperatorID.Ref(), storage.AccountChange{Email: &email}); err != nil {
		t.Fatal(err)
	}
	key, token := newKey(t, db, storage.NewKey{
		Role: storage.RoleAccount, OperatorID: a.OperatorID, Name: "Jane Doe", Networks: storagetest.Networks("198.51.100.0/24"), By: admin,
	})
	jane := storage.Actor{Key: key.ID, Address: "198.51.100.7"}
	sim := db.SIMs(1, storagetest.SIM{Account: a.ID})[0]
	lock := true
	if _, err := db.UpdateSIM(t.Context(), jane, a.ID, sim.Identifier(), storage.SIMChange{TransferLock: &lock}); err != nil {
		t.Fatal(err)
	}
	db.Exec(`UPDATE sims SET transfer_lock = false`)
	id := db.Request(storagetest.Request{From: b, To: a, SIMs: db.SIMs(1, storagetest.SIM{Account: b.ID})})
	db.Exec(`
		UPDATE events
		SET api_key = $2, address = '198.51.100.7', detail = '{"sims": 1, "reason": "Jane Doe did not order it"}'
		WHERE request = $1 AND seq = 1`, id, key.ID)
	db.Exec(`UPDATE events SET destination = $2 WHERE request = $1`, id, a.ID)

	written := db.Request(storagetest.Request{From: a, To: b, SIMs: db.SIMs(1, storagetest.SIM{Account: a.ID})})
	db.Exec(`UPDATE requests SET message = 'from Jane', reference = 'PO-1' WHERE id = $1`, written)
	if err := db.InTx(t.Context(), func(tx *storage.Tx) error {
		by := storage.Actor{Key: key.ID, Address: "198.51.100.7", Party: transfer.PartySource}
		if _, err := tx.AddComment(t.Context(), written, by, "ask Jane", transfer.Readers(transfer.PartySource, nil)); err != nil {
			return err
		}
		_, err := tx.Decide(t.Context(), written, storage.Decision{Event: transfer.Cancel, By: by, Code: transfer.OtherReason, Reason: "Jane is away"})
		return err
	}); err != nil {
		t.Fatal(err)
	}

	pulled, err := pull(t, db, a, unknownICCID(1))
	if err != nil {
		t.Fatal(err)
	}
	db.Exec(`UPDATE pulls SET message = 'for Jane', reference = 'PO-1' WHERE id = $1`, pulled.ID)
	made, _ := makeCode(t, db, a, sim)
	db.Exec(`UPDATE transfer_codes SET message = 'from Jane' WHERE id = $1`, made.ID)
	if _, _, err := db.BeginCodeAttempt(t.Context(), a.ID, "198.51.100.7/32"); err != nil {
		t.Fatal(err)
	}

	invite := func(email string) (secret string) {
		if err := db.InTx(t.Context(), func(tx *storage.Tx) (err error) {
			_, secret, err = tx.CreateInvitation(t.Context(), storage.NewInvitation{
				Email: email, Name: "Jane Roe", Role: storage.RoleAccount, Account: &a, Permission: storage.PermissionOwner, By: jane,
			})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return secret
	}
	signIn, err := db.AcceptInvitation(t.Context(), invite("jane.roe@example.com"), storage.Browser{Address: "198.51.100.9", UserAgent: "Jane's browser"})
	if err != nil {
		t.Fatal(err)
	}
	who, err := db.SignedIn(t.Context(), signIn)
	if err != nil || len(who) != 1 || who[0].Account.ID != a.ID {
		t.Fatalf("%+v %v", who, err)
	}
	if err := db.InTx(t.Context(), func(tx *storage.Tx) error {
		name := "Jane Poe"
		_, err := tx.UpdatePerson(t.Context(), storage.Actor{Key: who[0].Key, Address: "198.51.100.9"}, who[0].Person.ID, storage.PersonChange{Name: &name})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	other, err := db.AcceptInvitation(t.Context(), invite("jane.roe@example.com"), storage.Browser{Address: "198.51.100.9", Replaces: signIn})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.SignOut(t.Context(), other, "198.51.100.9"); err != nil {
		t.Fatal(err)
	}
	invite("jane.open@example.com")

	if err := db.InTx(t.Context(), func(tx *storage.Tx) error {
		e, _, err := tx.CreateWebhook(t.Context(), jane, storage.NewWebhook{Account: a.ID, URL: "https://jane.example.com/", Description: "of Jane"})
		if err == nil {
			_, err = tx.TestWebhook(t.Context(), jane, e.ID, func(storage.WebhookEndpoint) bool { return true })
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}

	db.Exec(`UPDATE accounts SET contacts = '{"billing": ["jane@example.com"]}' WHERE id = $1`, a.ID)
	db.Exec(`INSERT INTO mail_choices (account, address, kind) VALUES ($1, 'jane@example.com', 'fees')`, a.ID)
	db.Exec(`INSERT INTO mail_refusals (address, code, error) VALUES ('jane@example.com', 550, '550 Jane is gone'), ('jane.before@example.com', 550, '550 no')`)
	db.Exec(`INSERT INTO mail_digests (account, batch, kind, news, event, pending, due_at, wait) VALUES ($1, '', 'digest', '{"message": "Jane"}', '1-2', true, clock_timestamp(), '1 h')`, a.ID)
	db.Exec(`
		INSERT INTO mails (event, account, address, kind, type, request, data)
		VALUES
			('1-1', $1, 'jane.before@example.com', 'asked', 'asked', NULL, '{}'),
			('1-2', NULL, 'jane.roe@example.com', 'new_sign_in', 'new_sign_in', NULL, '{"sign_in": {"address": "198.51.100.9"}}'),
			('1-3', $2, 'desk@example.com', 'asked', 'asked', $3, '{"sims": 1, "source_name": "Jane Ltd", "message": "from Jane", "reason": "Jane"}')`, a.ID, b.ID, written)

	export, err := db.ExportPersonalData(t.Context(), admin, a.OperatorID.Ref())
	if err != nil {
		t.Fatal(err)
	}
	if export.Account.Email != email || len(export.Keys) != 1 || len(export.People) != 1 || len(export.Invitations) != 3 || len(export.Webhooks) != 1 || len(export.Texts) != 3 || len(export.Calls) != 3 || *export.Calls[0].Address != "198.51.100.7" || len(export.Audit) < 3 || len(export.Mails) != 2 || len(export.MailOff) != 1 || len(export.Refused) != 1 {
		t.Errorf("%+v", export)
	}

	if _, err := db.ErasePersonalData(t.Context(), admin, a.OperatorID.Ref(), "asked"); !errors.Is(err, storage.ErrAccountOpen) {
		t.Errorf("an open account: %v", err)
	}
	if _, err := db.ErasePersonalData(t.Context(), admin, "OP9999999999", "asked"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("no account: %v", err)
	}
	db.Exec(`UPDATE accounts SET standing = 'closed' WHERE id = $1`, a.ID)
	if _, err := db.ErasePersonalData(t.Context(), admin, a.OperatorID.Ref(), "asked"); err != nil {
		t.Fatal(err)
	}
	tables := storagetest.All[string](db, `
		SELECT quote_ident(schemaname) || '.' || quote_ident(tablename)
		FROM pg_tables
		WHERE schemaname IN ('public', 'radius')`)
	if len(tables) < 15 {
		t.Fatalf("%d tables", len(tables))
	}
	for _, table := range tables {
		for _, row := range storagetest.All[string](db, `SELECT to_jsonb(t)::text FROM `+table+` t`) {
			for _, trace := range []string{"jane", "Jane", "198.51.100"} {
				if strings.Contains(row, trace) {
					t.Errorf("%s still has %q: %s", table, trace, row)
				}
			}
		}
	}
	if data := storagetest.All[string](db, `SELECT data FROM mails`); !slices.Equal(data, []string{`{"sims": 1}`}) {
		t.Errorf("the mails that are left say %q", data)
	}
	if _, err := db.Authenticate(t.Context(), token); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("the key still works: %v", err)
	}
	if n := storagetest.One[int](db, `SELECT count(*) FROM api_keys WHERE id = $1 AND name = 'another person' AND revoked_at IS NULL`, keep.ID); n != 1 {
		t.Error("the key of another account was erased")
	}
	if n := storagetest.One[int](db, `SELECT count(*) FROM requests WHERE id = $1 AND reference = 'PO-1' AND code = 'other' AND reason = '[erased]'`, written); n != 1 {
		t.Error("the reference or the code was erased")
	}
	if db.Owner(sim) != a.ID {
		t.Error("the SIM has another owner")
	}
	trail, err := db.AuditTrail(t.Context(), storage.AuditFilter{Account: a.ID, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	if first := trail[0]; first.Action != transfer.AuditPrivacyErase || *first.Name != "root@host" || *first.Why != "asked" {
		t.Errorf("%+v", first)
	}
	for _, r := range trail {
		if r.Action == transfer.AuditAccountUpdate {
			var after map[string]any
			if err := json.Unmarshal(*r.After, &after); err != nil || after["email"] != "[erased]" {
				t.Errorf("%v %v", after, err)
			}
		}
	}
}

// What is older than its period goes, in steps; what is younger stays.
func TestRetention(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	for i, age := range []string{"400 days", "300 days", "200 days", "10 days", "0 days"} {
		db.Exec(`
			INSERT INTO events (request, seq, at, kind, party, address)
			VALUES (gen_random_uuid(), $1, clock_timestamp() - $2::interval, 'cancel', 'source', '192.0.2.1')`, i, age)
		db.Exec(`
			INSERT INTO audit (at, action, actor, object, address)
			VALUES (clock_timestamp() - $1::interval, 'sim.lock', 'unknown', 'sim', '192.0.2.1')`, age)
	}
	const day = 24 * time.Hour
	for _, step := range []struct {
		period time.Duration
		left   int
	}{{350 * day, 4}, {250 * day, 3}, {250 * day, 3}, {5 * day, 2}, {5 * day, 1}, {5 * day, 1}} {
		if _, err := db.EraseOldAddresses(t.Context(), step.period, 1); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"events", "audit"} {
			if left := storagetest.One[int](db, `SELECT count(*) FROM `+table+` WHERE address IS NOT NULL`); left != step.left {
				t.Errorf("%s after %s: %d addresses are left, want %d", table, step.period, left, step.left)
			}
		}
	}

	for _, step := range []struct {
		period time.Duration
		want   int
	}{{350 * day, 1}, {350 * day, 0}, {0, 1}, {0, 1}, {0, 0}} { // never less than 90 days
		if n, err := db.PurgeAudit(t.Context(), step.period, 1); n != step.want || err != nil {
			t.Errorf("purged %d entries older than %s, %v; want %d", n, step.period, err, step.want)
		}
	}
}

package scheduler_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// madeMail is a mail as it is stored.
type madeMail struct {
	Account int64             `db:"account"`
	Address string            `db:"address"`
	Kind    transfer.MailKind `db:"kind"`
	Type    transfer.MailType `db:"type"`
	Data    json.RawMessage   `db:"data"`
}

func (svc *testService) mails() []madeMail {
	svc.t.Helper()
	return storagetest.All[madeMail](svc.DB, `SELECT account, address, kind, type, data FROM mails ORDER BY id`)
}

func (svc *testService) mailOn() {
	svc.t.Helper()
	if err := svc.ActivateMail(svc.t.Context()); err != nil {
		svc.t.Fatal(err)
	}
	svc.FillOutbox()
}

// dueDigests makes the mails that are collected now.
func (svc *testService) dueDigests() {
	svc.t.Helper()
	svc.Exec(`UPDATE mail_digests SET due_at = clock_timestamp() WHERE pending`)
	svc.FillOutbox()
}

func (svc *testService) digest(m madeMail) transfer.MailDigestNews {
	svc.t.Helper()
	var n transfer.MailNews
	if err := json.Unmarshal(m.Data, &n); err != nil {
		svc.t.Fatal(err)
	}
	if n.Digest == nil {
		svc.t.Fatalf("the mail %s is no digest: %s", m.Type, m.Data)
	}
	return *n.Digest
}

// A batch of 300 requests makes one mail to its source when it is finished, and
// none before an hour is over; the numbers add up. It makes no mail to the
// destination but what concerns its own request.
func TestOneMailPerBatch(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	from, to := svc.Account(), svc.Account()
	svc.mailOn()
	const requests = 300
	batch := storagetest.One[string](svc.DB, `INSERT INTO batches (id, account, size) VALUES (gen_random_uuid(), $1, $2) RETURNING id`, from.ID, requests)
	svc.Request(storagetest.Request{From: from, To: to, SIMs: svc.SIMs(1, storagetest.SIM{Account: from.ID})})
	svc.Exec(`
		WITH model AS (SELECT * FROM requests LIMIT 1), made AS (
			INSERT INTO requests
			SELECT r.*
			FROM model
			CROSS JOIN generate_series(1, $2) AS n
			CROSS JOIN LATERAL jsonb_populate_record(NULL::requests,
				to_jsonb(model) || jsonb_build_object('id', md5(n::text)::uuid, 'batch', $1::uuid)) r
			RETURNING id
		)
		INSERT INTO events (request, source, seq, kind, party, to_state, detail)
		SELECT id, $3, 2, 'decline', 'destination', 'declined', '{"code": "duplicate"}' FROM made`, batch, requests, from.ID)
	svc.FillOutbox()
	if list := svc.mails(); len(list) != 0 {
		t.Fatalf("%d mails before the batch is finished: %+v", len(list), list[0])
	}
	wait := storagetest.One[float64](svc.DB, `SELECT extract(epoch FROM due_at - clock_timestamp())::float8 FROM mail_digests`)
	if wait < 3500 || wait > 3601 {
		t.Errorf("the mail is due in %v s", wait)
	}
	svc.Exec(`UPDATE requests SET state = 'declined', finished_at = clock_timestamp(), n_left = 0, n_declined = size, offered_at = clock_timestamp(), expires_at = clock_timestamp() WHERE batch = $1::uuid`, batch)
	svc.Exec(`INSERT INTO events (request, source, seq, kind, party, to_state, detail) SELECT id, $2, 3, 'finish', 'system', 'declined', '{}' FROM requests WHERE batch = $1::uuid`, batch, from.ID)
	svc.FillOutbox()
	if wait := storagetest.One[float64](svc.DB, `SELECT extract(epoch FROM due_at - clock_timestamp())::float8 FROM mail_digests`); wait > 5 {
		t.Errorf("the batch is finished, and the mail is due in %v s", wait)
	}
	svc.dueDigests()
	list := svc.mails()
	if len(list) != 1 || list[0].Address != from.Email || list[0].Type != transfer.MailDigest {
		t.Fatalf("mails: %+v", list)
	}
	d := svc.digest(list[0])
	if d.Batch != batch || len(d.Lines) != 1 || d.Lines[0].Type != transfer.MailDeclined || d.Lines[0].Requests != requests {
		t.Errorf("the mail says %+v", d)
	}
	svc.dueDigests()
	if n := len(svc.mails()); n != 1 {
		t.Errorf("%d mails, and nothing is new", n)
	}
}

// Many requests in an hour make a few mails to an account, and one with the rest.
func TestMailFlood(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	from, to := svc.Account(), svc.Account()
	svc.mailOn()
	const requests = transfer.MaxMailsPerHour + 30
	svc.Request(storagetest.Request{From: from, To: to, SIMs: svc.SIMs(1, storagetest.SIM{Account: from.ID})})
	svc.Exec(`
		WITH model AS (SELECT * FROM requests LIMIT 1), made AS (
			INSERT INTO requests
			SELECT r.*
			FROM model
			CROSS JOIN generate_series(1, $1) AS n
			CROSS JOIN LATERAL jsonb_populate_record(NULL::requests,
				to_jsonb(model) || jsonb_build_object('id', md5(n::text)::uuid, 'state', 'awaiting_acceptance', 'offered_at', clock_timestamp(),
					'expires_at', clock_timestamp() + interval '1 day', 'n_eligible', 1, 'n_left', 0)) r
			RETURNING id
		)
		INSERT INTO events (request, source, destination, seq, kind, party, to_state, detail)
		SELECT id, $2, $3, 2, 'offer', 'system', 'awaiting_acceptance', '{"eligible": 1}' FROM made`, requests, from.ID, to.ID)
	svc.FillOutbox()
	if n := len(svc.mails()); n != transfer.MaxMailsPerHour {
		t.Errorf("%d mails, want %d", n, transfer.MaxMailsPerHour)
	}
	svc.dueDigests()
	list := svc.mails()
	if len(list) != transfer.MaxMailsPerHour+1 {
		t.Fatalf("%d mails", len(list))
	}
	d := svc.digest(list[len(list)-1])
	if d.Batch != "" || len(d.Lines) != 1 || d.Lines[0].Type != transfer.MailAsked || d.Lines[0].Requests != 30 || d.Lines[0].SIMs != 30 || d.Until == nil {
		t.Errorf("the last mail says %+v", d)
	}
	if address := list[len(list)-1].Address; address != to.Email {
		t.Errorf("it goes to %s", address)
	}
}

// The owners of SIMs for which a pull request asks get a mail, each about its own SIMs
// only, and not more than one in ten minutes. The asker gets none.
func TestMailsAboutPullRequests(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	asker, north, south := svc.Account(), svc.Account(), svc.Account()
	svc.mailOn()
	svc.Exec(`UPDATE accounts SET name = 'Harbor Estates' WHERE id = $1`, asker.ID)
	of := func(a storage.Account, n int) []storagetest.SIM { return svc.SIMs(n, storagetest.SIM{Account: a.ID}) }
	ask := func(sims ...storagetest.SIM) {
		var iccids []transfer.Identifier
		for _, s := range sims {
			iccids = append(iccids, s.Identifier())
		}
		if err := svc.InTx(t.Context(), func(tx *storage.Tx) error {
			_, err := tx.CreatePull(t.Context(), storage.NewPull{
				Asker: asker, ICCIDs: iccids, Reference: "PO-1", Message: "as agreed", Period: time.Hour, By: storage.Actor{Party: transfer.PartyDestination},
			}, storage.DefaultLimits{})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		svc.FillOutbox()
	}
	got := func() (lines []string) {
		for _, m := range svc.mails() {
			var news transfer.MailNews
			if err := json.Unmarshal(m.Data, &news); err != nil {
				t.Fatal(err)
			}
			p := news.Pull
			lines = append(lines, fmt.Sprintf("%s %s: %d by %q, %d SIMs, %q", m.Type, m.Address, p.Pulls, p.AskerName, p.SIMs, p.Message))
			if (p.ID == "") != (p.Pulls > 1) || time.Until(p.Until) > time.Hour || news.Account == asker.OperatorID {
				t.Errorf("the mail says %s", m.Data)
			}
		}
		return lines
	}
	n := of(north, 4)
	ask(append(of(south, 1), n[:2]...)...)
	want := []string{
		`pull_request ` + north.Email + `: 1 by "Harbor Estates", 2 SIMs, "as agreed"`,
		`pull_request ` + south.Email + `: 1 by "Harbor Estates", 1 SIMs, "as agreed"`,
	}
	if lines := got(); !slices.Equal(lines, want) {
		t.Errorf("mails: %q, want %q", lines, want)
	}
	ask(n[2])
	ask(n[3])
	if lines := got(); !slices.Equal(lines, want) {
		t.Errorf("mails soon after the first ones: %q", lines)
	}
	svc.Exec(`UPDATE mails SET created_at = clock_timestamp() - interval '11 minutes'`)
	svc.FillOutbox()
	svc.FillOutbox()
	want = append(want, `pull_request `+north.Email+`: 2 by "", 2 SIMs, ""`)
	if lines := got(); !slices.Equal(lines, want) {
		t.Errorf("mails: %q, want %q", lines, want)
	}
}

// Each contact for the purpose gets one mail about an event, even if schedulers work
// at the same time and read events again; without contacts, the primary email does.
// Who has turned the kind off gets none.
func TestContactsGetMail(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	from, to := svc.Account(), svc.Account()
	svc.mailOn()
	svc.Exec(`UPDATE accounts SET contacts = '{"transfers": ["a@example.com", "b@example.com", "c@example.com"], "billing": ["d@example.com"]}' WHERE id = $1`, to.ID)
	svc.Exec(`INSERT INTO mail_choices (account, address, kind) VALUES ($1, 'c@example.com', 'asked')`, to.ID)
	start := storagetest.One[string](svc.DB, `SELECT tx::text || ' ' || id FROM outbox`)
	svc.Request(storagetest.Request{From: from, To: to, SIMs: svc.SIMs(1, storagetest.SIM{Account: from.ID})})
	svc.Exec(`UPDATE requests SET state = 'awaiting_acceptance', offered_at = clock_timestamp(), expires_at = clock_timestamp() + interval '1 day', n_eligible = 1, n_left = 0`)
	svc.Exec(`INSERT INTO events (request, source, destination, seq, kind, party, to_state, detail) SELECT id, source, destination, 2, 'offer', 'system', 'awaiting_acceptance', '{"eligible": 1}' FROM requests`)
	for range 2 {
		svc.FillOutbox()
		tx, id, _ := strings.Cut(start, " ")
		number, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		svc.Exec(`UPDATE outbox SET tx = $1::text::xid8, id = $2`, tx, number) // as if it were read again
	}
	svc.FillOutbox()
	var got []string
	for _, m := range svc.mails() {
		got = append(got, string(m.Type)+" "+m.Address)
	}
	if want := []string{"asked a@example.com", "asked b@example.com"}; !slices.Equal(got, want) {
		t.Errorf("mails: %q, want %q", got, want)
	}
	if n := storagetest.One[int](svc.DB, `SELECT count(*) FROM work WHERE kind = 'deliver_mails'`); n != 1 {
		t.Errorf("%d rows of work", n)
	}
}

// The security contacts hear of a new key and of a new secret, the contacts as they
// were of changed ones, and a person of a sign-in from a new address.
func TestSecurityMails(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	account := svc.Account()
	svc.mailOn()
	ctx := t.Context()
	svc.Exec(`UPDATE accounts SET contacts = '{"security": ["alarm@example.com"]}' WHERE id = $1`, account.ID)
	key, _, err := svc.CreateKey(ctx, storage.NewKey{Role: storage.RoleAccount, OperatorID: account.OperatorID, Name: "ERP", By: storage.System()})
	if err != nil {
		t.Fatal(err)
	}
	if err := svc.InTx(ctx, func(tx *storage.Tx) error {
		_, _, err := tx.RotateKey(ctx, key.ID, storage.Rotation{By: storage.System()})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := svc.UpdateAccount(ctx, storage.System(), account.OperatorID.Ref(), storage.AccountChange{
		Contacts: storage.Contacts{transfer.ContactSecurity: {"thief@example.com"}},
	}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range svc.mails() {
		got = append(got, string(m.Type)+" "+m.Address)
		if strings.Contains(string(m.Data), "tok") && !strings.Contains(string(m.Data), key.Hint) {
			t.Errorf("the mail says %s", m.Data)
		}
	}
	if want := []string{"new_key alarm@example.com", "new_key alarm@example.com", "contacts alarm@example.com"}; !slices.Equal(got, want) {
		t.Errorf("mails: %q, want %q", got, want)
	}
}

// Mails are kept for 30 days, and pending ones longer; refusals as long as the address is
// a contact.
func TestPurgeMails(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	account := svc.Account()
	svc.Exec(`UPDATE accounts SET contacts = '{"billing": ["contact@example.com"]}' WHERE id = $1`, account.ID)
	svc.Exec(`INSERT INTO mail_refusals (address, last_at, error)
		SELECT address, clock_timestamp() - make_interval(days => days), 'no'
		FROM (VALUES ('contact@example.com', 31), ($1, 31), ('gone@example.com', 31), ('new@example.com', 29)) x (address, days)`, account.Email)
	for _, state := range []transfer.MailState{transfer.MailSent, transfer.MailPending} {
		for _, days := range []int{29, 31} {
			svc.Exec(`INSERT INTO mails (event, address, kind, type, data, state, ended_at, created_at)
				VALUES (gen_random_uuid()::text, 'a@example.com', 'asked', 'asked', '{}', $1::text, CASE WHEN $1::text = 'sent' THEN clock_timestamp() END, clock_timestamp() - make_interval(days => $2))`, state, days)
		}
	}
	if n, err := svc.PurgeMails(t.Context(), transfer.KeepMails, 10); n != 1 || err != nil {
		t.Errorf("%d were deleted, %v", n, err)
	}
	left := storagetest.All[string](svc.DB, `SELECT address FROM mail_refusals`)
	if len(left) != 3 || slices.Contains(left, "gone@example.com") {
		t.Errorf("the refusals of %q are left", left)
	}
}

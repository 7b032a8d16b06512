package storage_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// Each invariant's check must find the rows that violate it: other tests rely on
// Check, and one that finds nothing would let them pass.
func TestCheckFindsViolations(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)
	completed := newTestRequest(t, db, transfer.AwaitingAcceptance) // with three that are ready and two that are active
	db.Decide(completed.id, transfer.Accept, completed.sims[0].Identifier(), completed.sims[1].Identifier(), completed.sims[3].Identifier(), completed.sims[4].Identifier())
	execute(t, db, completed.id)
	waiting := newTestRequest(t, db, transfer.AwaitingAcceptance)
	validating := newTestRequest(t, db, transfer.Validating)
	session := db.Session(completed.sims[0], db.Gateway(), time.Hour) // which work will drop
	changesNow(t, db.DB)                                              // numbers all
	restore := saved(db)
	restore()
	db.Check()

	const (
		owner      = "every SIM has one owner"
		registered = "a completed transfer has one timeline row"
		snapshots  = "the snapshots of a completed"
		charged    = "a completed transfer was charged once"
		quoted     = "the fee of a support-assisted transfer"
		incomplete = "a transfer that is not completed"
		open       = "a transfer is open if"
		counters   = "a request's counters and"
		left       = "a request's number of transfers left"
		moving     = "an unfinished request has work"
		events     = "a request's events are numbered"
		stray      = "every open session that started"
		overdue    = "no work is overdue"
		dead       = "no work is dead"
		owners     = "every change of a SIM's owner is in the changes feed"
		created    = "every SIM was created"
		latest     = "the last status and plan of a SIM"
		numbered   = "the changes feed is numbered without gaps"
		follow     = "each change of a SIM begins with the owner"
		identified = "the last identifiers of a SIM in the changes feed"
		values     = "each change of a SIM's status or plan"
		final      = "terminated is final"
		swaps      = "every swap of a SIM"
		cards      = "a new card takes over"
		messages   = "a webhook or a mail about an event"
		windows    = "a request that was accepted for later"
		takenBack  = "the end of a request is taken back"
		codes      = "the codes with which SIMs"
		references = "a reference that was to be unique"
		shared     = "a request that asked for a unique reference"
		comments   = "a comment is an event"
	)
	for _, c := range []struct {
		invariant string // the beginning of the one that the statement violates
		statement string
		args      []any
	}{
		{owner, `UPDATE sims SET account = account + 1 WHERE id = $1`, []any{waiting.sims[4].ID}},
		{owner, `UPDATE sims SET since = since + interval '1 microsecond' WHERE id = $1`, []any{waiting.sims[4].ID}},
		{owner, `DELETE FROM registrations WHERE sim = $1`, []any{waiting.sims[3].ID}},
		{owner, `INSERT INTO registrations (sim, since, account) VALUES ($1, clock_timestamp(), 1)`, []any{waiting.sims[4].ID}},
		{registered, `UPDATE registrations SET request = NULL, n = NULL WHERE request = $1 AND n = 0`, []any{completed.id}},
		{registered, `UPDATE registrations SET account = account + 1 WHERE request = $1 AND n = 1`, []any{completed.id}},
		{snapshots, `UPDATE registrations SET before = NULL WHERE request = $1 AND n = 0`, []any{completed.id}},
		{snapshots, `UPDATE registrations SET after.sim_group = 'kept' WHERE request = $1 AND n = 0`, []any{completed.id}},
		{snapshots, `UPDATE registrations SET after.tags = '{}' WHERE request = $1 AND n = 3`, []any{completed.id}},
		{charged, `DELETE FROM charges WHERE request = $1 AND n = 3`, []any{completed.id}},
		{charged, `UPDATE charges SET amount = 501 WHERE request = $1 AND n = 4`, []any{completed.id}},
		{charged, `UPDATE charges SET account = account + 1 WHERE request = $1 AND n = 4`, []any{completed.id}},
		{charged, `UPDATE charges SET currency = 'USD' WHERE request = $1 AND n = 4`, []any{completed.id}},
		{charged, `INSERT INTO charges (request, n, account, amount, currency) VALUES ($1, 0, $2, 1, 'EUR')`, []any{completed.id, completed.from.ID}},
		{quoted, `UPDATE requests SET fee_entries = '{0}' WHERE id = $1`, []any{completed.id}},
		{quoted, `UPDATE transfers SET fee = 501 WHERE request = $1 AND n = 4`, []any{completed.id}},
		{quoted, `INSERT INTO account_fees (account, method, amount, valid_from) VALUES ($1, 'support_assisted', 500, '2020-01-01')`, []any{completed.from.ID}},
		{quoted, `
			WITH replaced AS (UPDATE fees SET valid_from = '2020-01-01' RETURNING method, currency)
			INSERT INTO fees (method, currency, amount, valid_from) SELECT method, currency, 400, '2020-01-02' FROM replaced`, nil},
		{incomplete, `INSERT INTO charges (request, n, account, amount, currency) VALUES ($1, 2, $2, 1, 'EUR')`, []any{completed.id, completed.from.ID}},
		{incomplete, `INSERT INTO registrations (sim, since, account, request, n) VALUES ($2, 'epoch', 1, $1, 0)`, []any{waiting.id, waiting.sims[0].ID}},
		{incomplete, `INSERT INTO registrations (sim, since, account, request, n) VALUES ($1, '1971-01-01', 1, gen_random_uuid(), 0)`, []any{waiting.sims[0].ID}},
		{incomplete, `INSERT INTO charges (request, n, account, amount, currency) VALUES (gen_random_uuid(), 0, $1, 1, 'EUR')`, []any{waiting.from.ID}},
		{open, `DELETE FROM open_transfers WHERE request = $1 AND n = 0`, []any{waiting.id}},
		{open, `UPDATE open_transfers SET n = 0 WHERE request = $1 AND n = 1`, []any{waiting.id}},
		{open, `INSERT INTO open_transfers (sim, request, n) VALUES ($2, $1, 0)`, []any{completed.id, completed.sims[0].ID}},
		{open, `INSERT INTO open_transfers (sim, request, n) VALUES ($1, gen_random_uuid(), 0)`, []any{completed.sims[1].ID}},
		{counters, `UPDATE requests SET n_eligible = n_eligible + 1 WHERE id = $1`, []any{waiting.id}},
		{counters, `UPDATE requests SET n_support = n_support - 1 WHERE id = $1`, []any{waiting.id}},
		{counters, `UPDATE requests SET n_unquoted = n_unquoted + 1 WHERE id = $1`, []any{waiting.id}},
		{counters, `UPDATE requests SET any_self_service = false WHERE id = $1`, []any{waiting.id}},
		{counters, `UPDATE requests SET any_support_assisted = false WHERE id = $1`, []any{completed.id}},
		{counters, `UPDATE requests SET quoted = quoted + 1 WHERE id = $1`, []any{waiting.id}},
		{counters, `UPDATE requests SET charged = charged - 1 WHERE id = $1`, []any{completed.id}},
		{counters, `DELETE FROM transfers WHERE request = $1 AND n = 4`, []any{validating.id}},
		{left, `UPDATE requests SET n_left = n_left - 1 WHERE id = $1`, []any{validating.id}},
		{left, `DELETE FROM work WHERE request = $1`, []any{validating.id}},
		{left, `INSERT INTO work (kind, request, lo, hi, n, queue) VALUES ('execute', gen_random_uuid(), 0, 1, 1, 'bulk')`, nil},
		{moving, `UPDATE requests SET n_left = 0 WHERE id = $1`, []any{validating.id}},
		{events, `UPDATE requests SET last_event = last_event + 1 WHERE id = $1`, []any{waiting.id}},
		{events, `DELETE FROM events WHERE request = $1 AND seq = 1`, []any{completed.id}},
		{events, `UPDATE events SET to_state = 'canceled' WHERE request = $1 AND seq = 1`, []any{validating.id}},
		{windows, `UPDATE requests SET not_before = clock_timestamp() + interval '1 h', not_after = clock_timestamp() + interval '2 h' WHERE id = $1`, []any{completed.id}},
		{windows, `
			WITH r AS (UPDATE requests SET not_before = '2020-01-01', not_after = '2020-01-02', last_event = last_event + 1 WHERE id = $1 RETURNING *)
			INSERT INTO events (request, source, destination, seq, kind, party) SELECT id, source, destination, last_event, 'start', 'system' FROM r`, []any{waiting.id}},
		{takenBack, `
			WITH r AS (UPDATE requests SET last_event = last_event + 2 WHERE id = $1 RETURNING *),
			ended AS (
				INSERT INTO events (request, source, destination, seq, kind, party, from_state, to_state, at)
				SELECT id, source, destination, last_event - 1, 'cancel', 'source', 'awaiting_acceptance', 'canceled', clock_timestamp() - interval '1 h' FROM r
			)
			INSERT INTO events (request, source, destination, seq, kind, party, from_state, to_state)
			SELECT id, source, destination, last_event, 'take_back', 'source', 'canceled', 'awaiting_acceptance' FROM r`, []any{waiting.id}},
		{codes, `UPDATE transfers SET code = 'price' WHERE request = $1 AND state = 'declined'`, []any{completed.id}},
		{"an acceptance by support", `UPDATE requests SET on_behalf_reason = 'merger', on_behalf_ticket = 'T-1' WHERE id = $1`, []any{completed.id}},
		{"an acceptance by support", `UPDATE events SET party = 'support' WHERE request = $1 AND kind = 'accept'`, []any{completed.id}},
		{shared, `
			WITH earlier AS (UPDATE requests SET reference = 'PO-7', unique_reference = true WHERE id = $1 RETURNING source)
			UPDATE requests SET reference = 'PO-7', unique_reference = true, source = (SELECT source FROM earlier) WHERE id = $2`, []any{waiting.id, validating.id}},
		{shared, `
			WITH earlier AS (UPDATE requests SET reference = 'PO-7', created_at = created_at - interval '2 h' WHERE id = $1 RETURNING source)
			UPDATE requests SET reference = 'PO-7', unique_reference = true, source = (SELECT source FROM earlier) WHERE id = $2`, []any{waiting.id, validating.id}},
		{references, `INSERT INTO unique_references VALUES ($1, 'PO-1')`, []any{waiting.from.ID}},
		{comments, `
			WITH r AS (UPDATE requests SET last_event = last_event + 1 WHERE id = $1 RETURNING *)
			INSERT INTO events (request, source, destination, seq, kind, party, detail)
			SELECT id, source, destination, last_event, 'comment', 'source', '{"text": "x", "visible_to": ["source", "support"]}' FROM r`, []any{waiting.id}},
		{stray, `DELETE FROM work WHERE kind = 'drop_stray' AND $1 = ANY(items)`, []any{session}},
		{owners, `DELETE FROM changes WHERE request = $1`, []any{completed.id}},
		{owners, `UPDATE changes SET numbers = numbers - '{[0,1)}' WHERE request = $1`, []any{completed.id}},
		{owners, `UPDATE changes SET numbers = numbers + '{[2,3)}' WHERE request = $1`, []any{completed.id}},
		{owners, `UPDATE changes SET destination = source, source = destination WHERE request = $1`, []any{completed.id}},
		{owners, `INSERT INTO changes (kind, source, destination, request, numbers) SELECT kind, source, destination, request, '{[1,2)}' FROM changes WHERE request = $1`, []any{completed.id}},
		{owners, `INSERT INTO changes (kind, source, destination, sims) VALUES ('owner_corrected', 1, 2, ARRAY[$1::bigint])`, []any{waiting.sims[0].ID}},
		{owners, `INSERT INTO registrations (sim, since, account) VALUES ($1, 'epoch', 1)`, []any{waiting.sims[0].ID}},
		{created, `UPDATE changes SET sims = array_remove(sims, $1) WHERE kind = 'created' AND $1 = ANY(sims) AND cardinality(sims) > 1`, []any{waiting.sims[0].ID}},
		{created, `INSERT INTO changes (kind, destination, sims) VALUES ('created', 1, ARRAY[$1::bigint])`, []any{waiting.sims[0].ID}},
		{created, `INSERT INTO changes (kind, destination, sims) VALUES ('created', 1, '{9999999}')`, nil},
		{latest, `INSERT INTO changes (kind, destination, sims, before, after) VALUES ('status_changed', 1, ARRAY[$1::bigint], '{}', '{"status": "terminated"}')`, []any{waiting.sims[0].ID}},
		{latest, `INSERT INTO changes (kind, destination, sims, before, after) VALUES ('plan_changed', 1, ARRAY[$1::bigint], '{}', '{"plan": "another"}')`, []any{waiting.sims[0].ID}},
		{follow, `UPDATE changes SET source = source + 1 WHERE kind = 'transferred'`, nil},
		{identified, `INSERT INTO changes (kind, destination, sims, before, after) VALUES ('identifiers_changed', $2, ARRAY[$1::bigint], '{}', '{"iccid": "1"}')`, []any{waiting.sims[0].ID, waiting.from.ID}},
		{values, `WITH wrong AS (INSERT INTO changes (kind, destination, sims, before, after) VALUES ('plan_changed', $2, ARRAY[$1::bigint], '{"plan": "a"}', '{"plan": "b"}'))
			INSERT INTO changes (kind, destination, sims, before, after) SELECT 'plan_changed', $2, ARRAY[id], '{"plan": "c"}', jsonb_build_object('plan', plan) FROM sims WHERE id = $1`, []any{waiting.sims[0].ID, waiting.from.ID}},
		{final, `INSERT INTO changes (kind, destination, sims, before, after, at) VALUES ('status_changed', 1, ARRAY[$1::bigint], '{"status": "terminated"}', '{"status": "ready"}', clock_timestamp() + interval '1 hour')`, []any{waiting.sims[0].ID}},
		{final, `INSERT INTO changes (kind, destination, sims, before, after, at) VALUES ('status_changed', 1, ARRAY[$1::bigint], '{"status": "active"}', '{"status": "ready"}', clock_timestamp() + interval '1 hour')`, []any{waiting.sims[0].ID}},
		{swaps, `INSERT INTO swaps (old_sim, new_sim) VALUES (1, 2)`, nil},
		{cards, `INSERT INTO swaps (old_sim, new_sim, at) VALUES ($1, $2, clock_timestamp() + interval '1 hour')`, []any{waiting.sims[0].ID, waiting.sims[1].ID}},
		{cards, `WITH old AS (UPDATE sims SET status = 'terminated' WHERE id = $1 RETURNING id) INSERT INTO swaps (old_sim, new_sim) SELECT id, $2 FROM old`, []any{waiting.sims[0].ID, validating.sims[1].ID}},
		{messages, `INSERT INTO messages (event, type, at, body) VALUES ('1-1', 'request.offered', clock_timestamp(), '{}')`, nil},
		{messages, `INSERT INTO messages (event, account, type, at, body) SELECT tx || '-' || id, $2, 'request.offered', at, '{}' FROM events WHERE request = $1 AND seq = 1`, []any{waiting.id, validating.to.ID}},
		{messages, `INSERT INTO mails (event, account, address, kind, type, data, state, ended_at) VALUES ('1-1', $1, 'a@example.com', 'asked', 'asked', '{}', 'sent', clock_timestamp())`, []any{waiting.to.ID}},
		{swaps, `INSERT INTO changes (kind, destination, sims) VALUES ('swapped', 1, '{1,2}')`, nil},
		{numbered, `UPDATE changes SET seq = 1000 WHERE id = (SELECT id FROM changes ORDER BY seq DESC LIMIT 1)`, nil},
		{numbered, `INSERT INTO changes (kind, destination, sims, at) VALUES ('swapped', 1, '{1,2}', clock_timestamp() - interval '11 minutes')`, nil},
		{dead, `UPDATE work SET dead_at = clock_timestamp() WHERE id = (SELECT max(id) FROM work)`, nil},
		{overdue, `INSERT INTO work (kind, items, n, queue, not_before) VALUES ('drop_stray', '{0}', 1, 'gateway', clock_timestamp() - interval '16 s')`, nil},
		{overdue, `INSERT INTO work (kind, items, n, queue, not_before, dispatched_at, checked_at)
			VALUES ('drop_stray', '{0}', 1, 'gateway', clock_timestamp() - interval '1 h', clock_timestamp() - interval '1 h', clock_timestamp() - interval '16 s')`, nil},
	} {
		if n := db.Exec(c.statement, c.args...); n != 1 {
			t.Fatalf("%s: %d rows", c.statement, n)
		}
		found := false
		for _, f := range findings(t, db) {
			found = found || strings.HasPrefix(f.Invariant, c.invariant) && f.Violations > 0 && len(f.Examples) > 0
		}
		if !found {
			t.Errorf("the check that %q does not find: %s", c.invariant, c.statement)
		}
		restore()
	}
	db.Check()
}

// saved copies the rows that a test is about to break, and returns a function
// that restores them.
func saved(db *storagetest.DB) (restore func()) {
	var statements strings.Builder
	for _, table := range []string{"sims", "registrations", "transfers", "charges", "open_transfers", "requests", "work", "events", "changes", "swaps", "unique_references", "fees", "account_fees", "messages", "mails"} {
		db.Exec(`CREATE TABLE saved_` + table + ` AS TABLE ` + table)
		fmt.Fprintf(&statements, `DELETE FROM %[1]s; INSERT INTO %[1]s OVERRIDING SYSTEM VALUE TABLE saved_%[1]s;`, table)
	}
	statements.WriteString(`UPDATE work SET not_before = clock_timestamp();`) // so that it is not overdue, however long the test takes
	return func() {
		db.Exec(statements.String())
	}
}

func findings(t *testing.T, db *storagetest.DB) []storage.Finding {
	t.Helper()
	list, err := db.DB.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// Work that was dispatched or checked a moment ago is not overdue.
func TestCheckAllowsWorkInProgress(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Exec(`INSERT INTO work (kind, items, n, queue, not_before, dispatched_at, checked_at, lease, lease_until) VALUES
		('drop_stray', '{1}', 1, 'gateway', clock_timestamp() - interval '10 s', NULL, NULL, NULL, NULL),
		('drop_stray', '{2}', 1, 'gateway', clock_timestamp() + interval '1 h', NULL, NULL, NULL, NULL),
		('drop_stray', '{3}', 1, 'gateway', clock_timestamp() - interval '1 h', clock_timestamp() - interval '1 h', clock_timestamp() - interval '8 s', NULL, NULL),
		('drop_stray', '{4}', 1, 'gateway', clock_timestamp() - interval '1 h', clock_timestamp() - interval '1 h', clock_timestamp() - interval '1 h',
			gen_random_uuid(), clock_timestamp() + interval '9 s')`)
	db.Check()
}

// The numbers of the invariants are those of the design, and none is missing.
func TestCheckIsComplete(t *testing.T) {
	t.Parallel()
	var numbers []int
	for _, f := range findings(t, storagetest.Open(t)) {
		numbers = append(numbers, f.Number)
		if f.Violations != 0 || len(f.Examples) != 0 {
			t.Errorf("an empty database: %+v", f)
		}
	}
	if diff := cmp.Diff([]int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, slices.Compact(slices.Sorted(slices.Values(numbers)))); diff != "" {
		t.Errorf("numbers (-want +got):\n%s", diff)
	}
}

func TestCheckOfPullsAndCodes(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	asker, owner := db.Account(), db.Account()
	sims := db.SIMs(3, storagetest.SIM{Account: owner.ID})
	p, err := pull(t, db, asker, sims[0].ICCID, sims[1].ICCID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := answerPull(t, db, p.ID, owner, transfer.ApprovePull); err != nil {
		t.Fatal(err)
	}
	_, secret := makeCode(t, db, owner, sims[2])
	if _, err := redeem(t, db, secret, asker); err != nil {
		t.Fatal(err)
	}
	db.Check()
	for _, c := range []struct{ invariant, breaks, mends string }{
		{"an approved pull request", `UPDATE pull_owners SET sims = sims[1:1]`, `UPDATE pull_owners SET sims = sims || (SELECT max(sim) FROM unnest(sims) sim)`},
		{"an approved pull request", `UPDATE pulls SET asker = (SELECT owner FROM pull_owners)`, `UPDATE pulls SET asker = (SELECT destination FROM requests LIMIT 1)`},
		{"an approved pull request", `UPDATE pulls SET canceled_at = clock_timestamp() - interval '2 h'`, `UPDATE pulls SET canceled_at = NULL`},
		{
			"an approved pull request", `UPDATE transfers SET sim = 0 WHERE (request, n) = (SELECT request, 0 FROM pull_owners)`,
			`UPDATE transfers SET sim = (SELECT sims[1] FROM pull_owners) WHERE (request, n) = (SELECT request, 0 FROM pull_owners)`,
		},
		{"an approved pull request", `UPDATE pull_owners SET decided_at = decided_at + interval '2 h'`, `UPDATE pull_owners SET decided_at = decided_at - interval '2 h'`},
		{"a redeemed transfer code", `UPDATE transfer_codes SET identifiers = identifiers || ARRAY['1'], size = 2`, `UPDATE transfer_codes SET identifiers = identifiers[1:1], size = 1`},
		{
			"a redeemed transfer code", `UPDATE transfer_codes SET identifiers = ARRAY['8988000000000000001']`,
			`UPDATE transfer_codes c SET identifiers = ARRAY(SELECT identifier FROM transfers t WHERE t.request = c.request)`,
		},
		{"a redeemed transfer code", `UPDATE transfer_codes SET redeemed_at = redeemed_at + interval '2 h'`, `UPDATE transfer_codes SET redeemed_at = redeemed_at - interval '2 h'`},
		{"a redeemed transfer code", `UPDATE transfer_codes SET source = (SELECT destination FROM requests LIMIT 1)`, `UPDATE transfer_codes SET source = (SELECT source FROM requests LIMIT 1)`},
	} {
		if n := db.Exec(c.breaks); n != 1 {
			t.Fatalf("%s: %d rows", c.breaks, n)
		}
		if !slices.ContainsFunc(findings(t, db), func(f storage.Finding) bool { return strings.HasPrefix(f.Invariant, c.invariant) && f.Violations > 0 }) {
			t.Errorf("the check that %q does not find: %s", c.invariant, c.breaks)
		}
		db.Exec(c.mends)
		db.Check()
	}
}

// A trigger of the audit trail that someone has disabled is found.
func TestCheckFindsDisabledAuditGuard(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	for _, trigger := range []string{"audit_guard", "audit_guard_truncate"} {
		db.Exec(`ALTER TABLE audit DISABLE TRIGGER ` + trigger)
		found := false
		for _, f := range findings(t, db) {
			found = found || strings.HasPrefix(f.Invariant, "the audit trail is append-only") && f.Violations == 1 && strings.Contains(f.Examples[0], trigger)
		}
		if !found {
			t.Errorf("the check does not find that %s is disabled", trigger)
		}
		db.Exec(`ALTER TABLE audit ENABLE TRIGGER ` + trigger)
	}
	db.Check()
}

// Each fault of the set-up around RADIUS is reported, with what to do.
func TestCheckRADIUS(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	database := storagetest.One[string](db, `SELECT current_database()`)
	role := "accounting_" + database
	db.Exec(`CREATE ROLE ` + role)
	t.Cleanup(func() {
		for _, statement := range []string{`DROP OWNED BY `, `DROP ROLE `} {
			if _, err := db.Pool().ExecContext(context.WithoutCancel(t.Context()), statement+role); err != nil {
				t.Error(err)
			}
		}
	})
	sim := db.SIM(storagetest.SIM{Account: db.Account().ID, Status: transfer.Active})
	found := func() string {
		t.Helper()
		findings, _, err := db.CheckRADIUS(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, f := range findings {
			list = append(list, f.Examples...)
		}
		return strings.Join(list, "\n")
	}
	starts := func(from, to int) string {
		return fmt.Sprintf(`INSERT INTO radius.radacct (acctsessionid, acctuniqueid, sim, nasipaddress, acctstarttime, acctupdatetime, acctsessiontime, escaped)
			SELECT n, n, %d, '192.0.2.77', now(), now(), 0, false FROM generate_series(%d, %d) n`, sim.ID, from, to)
	}
	for _, c := range []struct{ do, want string }{
		{`SELECT 1`, "no user but the owner of radius.radacct can write accounting"},
		{`INSERT INTO radius.radacct (acctsessionid, acctuniqueid, nasipaddress, acctstarttime, acctstoptime, start_packet) VALUES ('l', 'l', '192.0.2.77', clock_timestamp(), clock_timestamp(), '')`, ""}, // by simtransfer radius
		{`DELETE FROM radius.radacct`, "no user but the owner of radius.radacct can write accounting"},
		{`GRANT INSERT ON radius.radacct TO ` + role, "run GRANT USAGE ON SCHEMA radius TO " + role},
		{`GRANT USAGE ON SCHEMA radius TO ` + role, "run GRANT UPDATE ON radius.radacct TO " + role},
		{`GRANT SELECT, UPDATE ON radius.radacct TO ` + role, "because its search_path is not set: run ALTER ROLE " + role + " SET search_path = radius"},
		{`ALTER ROLE ` + role + ` SET search_path = public`, "because its search_path is public: run ALTER ROLE " + role + " SET search_path = radius"},
		{`ALTER ROLE ` + role + ` IN DATABASE postgres SET search_path = radius`, "because its search_path is public"}, // another database
		{`ALTER ROLE ` + role + ` SET search_path = radius`, "run GRANT EXECUTE ON FUNCTION radius.start_session TO " + role},
		{`ALTER ROLE ` + role + ` IN DATABASE ` + database + ` SET search_path = public`, "run ALTER ROLE " + role + " IN DATABASE " + database + " SET search_path = radius"},
		{`ALTER ROLE ` + role + ` IN DATABASE ` + database + ` RESET search_path`, "run GRANT EXECUTE ON FUNCTION radius.start_session TO " + role},
		{`GRANT EXECUTE ON FUNCTION radius.start_session TO ` + role, ""},
		{`GRANT EXECUTE ON FUNCTION radius.access_class TO ` + role, "run GRANT EXECUTE ON FUNCTION radius.access_groups TO " + role},
		{`GRANT EXECUTE ON FUNCTION radius.access_moving, radius.access_groups TO ` + role, "run GRANT SELECT ON radius.radcheck TO " + role},
		{`GRANT SELECT ON ALL TABLES IN SCHEMA radius TO ` + role, "run GRANT INSERT ON radius.radpostauth TO " + role},
		{`GRANT INSERT ON radius.radpostauth TO ` + role, ""},
		{`ALTER TABLE radius.radacct DISABLE TRIGGER session_start`, "run ALTER TABLE radius.radacct ENABLE TRIGGER session_start"},
		{`ALTER TABLE radius.radacct ENABLE TRIGGER session_start`, ""},
		{`ALTER ROLE ` + role + ` SET lock_timeout = '1s'`, "run ALTER ROLE " + role + " RESET lock_timeout"},
		{`ALTER ROLE ` + role + ` RESET lock_timeout`, ""},
		{`INSERT INTO radius.radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime, escaped) VALUES ('a', 'a', '` + sim.IMSI + `', '192.0.2.77', clock_timestamp(), false)`, "gateway 192.0.2.77 has 1 open sessions and is not known"},
		{`INSERT INTO radius.nas (nasname, secret) VALUES ('192.0.2.0/24', 's')`, ""},
		{`UPDATE radius.radacct SET acctstarttime = clock_timestamp() - interval '2 days'`, "no accounting has arrived since"},
		{`UPDATE radius.radacct SET acctstoptime = clock_timestamp()`, ""},
		{`UPDATE radius.radacct SET acctstarttime = clock_timestamp(), escaped = NULL`, "1 of the last 1 sessions were stored by FreeRADIUS's own module"},
		{`UPDATE radius.radacct SET acctstarttime = clock_timestamp() - interval '2 days'`, ""}, // it was fixed since
		// A network that is connected while sessions are up: the first news of them are Interim-Updates.
		{`INSERT INTO radius.radacct (acctsessionid, acctuniqueid, sim, nasipaddress, acctstarttime, acctupdatetime, acctsessiontime, escaped)
			SELECT 'i' || n, 'i' || n, ` + fmt.Sprint(sim.ID) + `, '192.0.2.77', clock_timestamp(), clock_timestamp(), 60 * n, true FROM generate_series(1, 30) n`, ""},
		{starts(1, 19), ""},
		{starts(20, 20), "none of the last 20 starts was stored by the policy"},
		{`UPDATE radius.radacct SET judged = true WHERE acctuniqueid = '1'`, ""},
		{`DROP TABLE radius.nasreload`, "the table radius.nasreload is missing"},
		{`DROP FUNCTION radius.access_moving`, "the function radius.access_moving, which the policy of deployments/freeradius calls, is missing"},
		{`ALTER TABLE radius.radacct RENAME TO accounting`, "the table radius.radacct is missing"},
	} {
		db.Exec(c.do)
		got := found()
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("after %s, found\n%s\nwant %q", c.do, got, c.want)
		}
	}
}

// The gateways that would not end a session are reported, with what the probe found out.
func TestCheckGateways(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Exec(`INSERT INTO radius.nas (nasname, secret) VALUES ('192.0.2.1', 's'), ('192.0.2.2', 's'), ('10.0.0.0/8', 's')`)
	db.Exec(`INSERT INTO radius.nas (nasname, secret, url, url_secret) VALUES ('192.0.2.3', 's', 'https://core.example.com/disconnect', 'whsec_' || encode(repeat('x', 32)::bytea, 'base64'))`)
	done := make(chan storage.Finding)
	go func() {
		f, err := db.CheckGateways(t.Context(), storage.Actor{Name: "root"})
		if err != nil {
			t.Error(err)
		}
		done <- f
	}()
	for answered := 0; answered < 3; {
		p, err := db.TakeProbe(t.Context())
		if errors.Is(err, storage.ErrNotFound) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		answer := storage.ProbeAnswer{Outcome: transfer.ProbeAnswers}
		switch p.NAS {
		case "192.0.2.2":
			answer = storage.ProbeAnswer{Outcome: transfer.ProbeRefuses, Cause: "501 administratively prohibited", Detail: "answered in 1ms", Address: "192.0.2.2:3799"}
		case "192.0.2.3":
			answer = storage.ProbeAnswer{Outcome: transfer.ProbeUnreachable, Detail: "connection refused"}
		}
		if err := db.AnswerProbe(t.Context(), p.ID, answer); err != nil {
			t.Fatal(err)
		}
		answered++
	}
	f := <-done
	want := []string{
		"gateway 192.0.2.2: " + transfer.ProbeRefuses.Meaning() + " " + transfer.ProbeRefuses.Remedy() + " (error_cause: 501 administratively prohibited; detail: answered in 1ms; asked at 192.0.2.2:3799)",
		"gateway 192.0.2.3: " + transfer.ProbeUnreachable.Meaning() + " " + transfer.ProbeUnreachable.CallRemedy() + " (detail: connection refused)",
	}
	if f.Violations != 2 || !slices.Equal(f.Examples, want) {
		t.Errorf("found %q, want %q", f.Examples, want)
	}
}

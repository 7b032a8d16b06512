//go:build unix

package faults_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"simtransfer/command/commandtest"
	"simtransfer/dev/chaos"
	"simtransfer/dev/stack"
)

// TestChaos injects random faults for some seconds.
func TestChaos(t *testing.T) {
	t.Parallel()
	duration := 10 * time.Second
	if _, long := testSize(0); long {
		duration = 5 * time.Minute
	}
	result, err := chaos.Run(t.Context(), chaos.Options{
		Duration: duration,
		Seed:     uint64(rand.Uint32()), // which is printed
		SIMs:     1500,
		Env:      []string{commandtest.Env},
		Out:      t.Output(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if !result.OK() || result.Transfers == 0 || result.Faults == 0 || result.Messages == 0 || result.Mails == 0 {
		t.Error(result)
	}
}

// TestChaosVerification tampers with the database, once in each way, and expects the
// verification at the end of a run to report each change. No change may cancel out
// another: the transfer that is undone is one without a charge. During the run, some
// deliveries and mails vanish before they are sent, and some mails are not recorded
// as sent.
func TestChaosVerification(t *testing.T) {
	t.Parallel()
	tampering := []struct{ statement, report string }{
		{`UPDATE requests SET id = gen_random_uuid() WHERE id = (SELECT id FROM requests WHERE state IN ('rejected', 'denied') AND id NOT IN (
			SELECT request FROM transfer_codes WHERE request IS NOT NULL
			UNION ALL SELECT request FROM pull_owners WHERE request IS NOT NULL
			UNION ALL SELECT retry_of FROM requests WHERE retry_of IS NOT NULL) LIMIT 1)`, "was accepted and is missing"},
		{`INSERT INTO requests (id, source, destination, acceptance, review, queue, state, size, n_left, n_eligible, expires_at, offered_at)
			SELECT gen_random_uuid(), source, destination, acceptance, review, queue, 'awaiting_acceptance', 1, 0, 1, now() + interval '1 day', now()
			FROM requests LIMIT 1`, "is in no answer of the API"},
		{`DELETE FROM events WHERE ctid = (SELECT ctid FROM events WHERE kind = 'accept' LIMIT 1)`, "accepted calls to accept it"},
		{`INSERT INTO events (request, source, destination, seq, kind, party, from_state, to_state)
			SELECT request, source, destination, max(seq) + 1, 'take_back', 'source', 'canceled', 'awaiting_acceptance'
			FROM events WHERE request = (SELECT id FROM requests WHERE state = 'expired' AND n_left = 0 LIMIT 1)
			GROUP BY request, source, destination LIMIT 1`, "events of kind take_back for"},
		{`UPDATE requests SET on_behalf_reason = 'asked for by phone', on_behalf_ticket = 'CASE-1'
			WHERE id = (SELECT id FROM requests WHERE state = 'completed' AND on_behalf_ticket IS NULL LIMIT 1)`, "was accepted on behalf of the destination: true, unlike the calls"},
		{`DELETE FROM charges WHERE ctid = (SELECT ctid FROM charges LIMIT 1)`, "the completed transfers need"},
		{`UPDATE charges SET amount = 987654321 WHERE ctid = (SELECT ctid FROM charges LIMIT 1)`, "but 987654321 "},
		{`UPDATE requests SET charged = charged + 1 WHERE id = (SELECT request FROM charges LIMIT 1)`, "but the fees of its completed SIMs are"},
		{`UPDATE sims SET account = account % 8 + 1 WHERE id = (SELECT max(id) FROM sims)`, "from its transfers"},
		{`UPDATE sims SET iccid = '8999901999999999999' WHERE id = (SELECT min(id) FROM sims)`, "has no owner"},
		{`UPDATE transfers SET state = 'declined' WHERE (request, n) = (SELECT request, n FROM transfers WHERE state = 'completed' AND method = 'self_service' LIMIT 1)`, "it is declined without a call for that"},
		{`DELETE FROM transfers WHERE (request, n) = (SELECT request, max(n) FROM transfers WHERE request IN (SELECT id FROM requests WHERE state IN ('expired', 'canceled', 'declined')) GROUP BY request HAVING count(*) > 1 LIMIT 1)`, "transfers, the call had"},
		{`INSERT INTO work (kind, items, n, gateway, queue, dead_at) VALUES ('drop_stray', '{0}', 1, '192.0.2.1', 'gateway', now())`, "no work is dead"},
	}
	sabotage := []string{
		`CREATE FUNCTION lose_delivery() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM webhook_deliveries WHERE id = NEW.id; RETURN NULL; END $$`,
		`CREATE TRIGGER lose AFTER INSERT ON webhook_deliveries FOR EACH ROW WHEN (NEW.id % 20 = 0) EXECUTE FUNCTION lose_delivery()`,
		`CREATE FUNCTION lose_mail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM mails WHERE id = NEW.id; RETURN NULL; END $$`,
		`CREATE TRIGGER lose AFTER INSERT ON mails FOR EACH ROW WHEN (NEW.id % 20 = 0) EXECUTE FUNCTION lose_mail()`,
		`CREATE FUNCTION forget_mail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$`,
		`CREATE TRIGGER forget BEFORE UPDATE ON mails FOR EACH ROW WHEN (OLD.state = 'pending' AND NEW.state = 'sent' AND OLD.attempts < 3 AND OLD.id % 7 = 0) EXECUTE FUNCTION forget_mail()`,
	}
	reports := []string{"it never got event", "is in the log no more", "and nothing had happened"}
	for _, x := range tampering {
		reports = append(reports, x.report)
	}
	var out bytes.Buffer
	result, err := chaos.Run(t.Context(), chaos.Options{
		Duration: 5 * time.Second,
		Seed:     1,
		SIMs:     600,
		Env:      []string{commandtest.Env},
		Out:      io.MultiWriter(&out, t.Output()),
		Lines:    math.MaxInt,
		Sabotage: func(ctx context.Context, s *stack.Stack) error {
			for _, statement := range sabotage {
				if _, err := s.DB.Pool().ExecContext(ctx, statement); err != nil {
					return err
				}
			}
			return nil
		},
		Tamper: func(ctx context.Context, s *stack.Stack) error {
			for _, x := range tampering {
				r, err := s.DB.Pool().ExecContext(ctx, x.statement)
				if err != nil {
					return err
				}
				if n, err := r.RowsAffected(); n != 1 || err != nil {
					return errors.Join(err, errors.New("nothing to tamper with: "+x.statement))
				}
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if result.Lost == 0 || result.Duplicated == 0 || result.Violations == 0 || result.OK() {
		t.Error(result)
	}
	for _, report := range reports {
		if !strings.Contains(out.String(), report) {
			t.Errorf("the verification does not report %q", report)
		}
	}
	if !strings.HasSuffix(out.String(), "\n"+result.String()+"\n") {
		t.Errorf("the last line is not %q", result)
	}
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/lib/pq"

	"simtransfer/radius"
	"simtransfer/storage"
)

// The inventory. All attributes of a SIM follow from its number. Half of the SIMs are
// ready and are transferred by self-service; the others need support and cost a fee.
// Every tenth SIM can be online.

// The ids of the two accounts between which batches are transferred.
const (
	source      = 1
	destination = 2
	others      = 48 // number of accounts that own the other SIMs of a large inventory
)

// fee is the fee, in cents, for a SIM that needs support.
const fee = 500

// spare is the number of SIMs for small requests, in addition to those of a batch.
const spare = 3000

func operatorID(account int) string { return fmt.Sprintf("OP%010d", account) }
func email(account int) string      { return fmt.Sprintf("sims%d@example.com", account) }

// identifier returns the ICCID, IMSI or MSISDN of a SIM.
func identifier(number int) string {
	switch number % 3 {
	case 0:
		return fmt.Sprintf("8999901%012d", number)
	case 1:
		return fmt.Sprintf("00101%010d", number)
	}
	return fmt.Sprintf("88312%09d", number)
}

// kind returns the kind of a SIM, from 0 to 9. The kinds are evenly distributed.
func kind(number int) int { return (number + number/50) % 10 }

const kindSQL = "(i + i / 50) % 10"

func needsSupport(number int) bool { return kind(number) >= 5 }
func isOnline(number int) bool     { return kind(number) == 5 }

// keyring holds the API keys of a database.
type keyring struct{ source, destination, support, admin string }

// seedAccounts creates the accounts, their keys, the fees and the plans.
func (h *harness) seedAccounts(ctx context.Context, name string, db *storage.DB) error {
	if _, err := db.Pool().ExecContext(ctx, fmt.Sprintf(`
		INSERT INTO accounts (operator_id, email, currency, coverage)
		SELECT 'OP' || lpad(i::text, 10, '0'), 'sims' || i || '@example.com', 'EUR', 'emea'
		FROM generate_series(1, %d) i
		ORDER BY i;
		INSERT INTO plans VALUES ('worldwide', false), ('regional', true);
		INSERT INTO fees (method, currency, amount) VALUES ('support_assisted', 'EUR', %d), ('self_service', 'EUR', 0)`,
		destination+others, fee)); err != nil {
		return fmt.Errorf("seeding the accounts: %w", err)
	}
	var keys keyring
	for token, key := range map[*string]storage.NewKey{
		&keys.source:      {Role: storage.RoleAccount, OperatorID: "OP0000000001", Name: "source"},
		&keys.destination: {Role: storage.RoleAccount, OperatorID: "OP0000000002", Name: "destination"},
		&keys.support:     {Role: storage.RoleSupport, Name: "support"},
		&keys.admin:       {Role: storage.RoleAdmin, Name: "admin"},
	} {
		var err error
		if _, *token, err = db.CreateKey(ctx, key); err != nil {
			return err
		}
	}
	h.tokens[name] = keys
	return nil
}

// holding holds SQL expressions for the owner of the SIM with the number i.
type holding struct {
	account string
	request string // request and n identify the transfer to the owner; NULL if there was none
	n       string
}

// seedSIMs creates the SIMs with the numbers from 0 to n-1.
func seedSIMs(ctx context.Context, db *storage.DB, n int, h holding) error {
	for lo := 0; lo < n; lo += bulk {
		for _, statement := range []string{
			`
			WITH made AS (
				INSERT INTO sims (id, account, since, status, termination_protection, iccid, plan, expiration, sim_group, speed_class,
					imei_lock, tags, event_handlers, containers)
				OVERRIDING SYSTEM VALUE
				SELECT
					i + 1,
					` + h.account + `,
					clock_timestamp(),
					(ARRAY['ready', 'ready', 'ready', 'ready', 'ready', 'active', 'active', 'inactive', 'standby', 'suspended'])[` + kindSQL + ` + 1],
					i % 5 = 0,
					'8999901' || lpad(i::text, 12, '0'),
					CASE WHEN i % 25 = 3 THEN 'regional' ELSE 'worldwide' END,
					CASE WHEN i % 3 = 0 THEN '2040-01-01'::timestamptz END,
					'group-' || i % 12,
					CASE WHEN i % 4 = 0 THEN 'fast' END,
					CASE WHEN i % 10 = 0 THEN lpad(i::text, 15, '0') END,
					jsonb_build_object('site', 'site-' || i % 40, 'name', 'meter ' || i),
					CASE WHEN i % 4 = 1 THEN '["limit-reached"]'::jsonb ELSE '[]' END,
					CASE WHEN i % 4 = 0 THEN '["profile-a", "profile-b"]'::jsonb ELSE '[]' END
				FROM generate_series($1::int, $2::int - 1) i
				RETURNING *
			), recorded AS (
				INSERT INTO changes (kind, destination, sims)
				SELECT 'created', min(account), array_agg(id ORDER BY id)
				FROM made
				GROUP BY (id - 1) / 1000
				ORDER BY min(id)
			)
			INSERT INTO registrations (sim, since, account, request, n, before, after)
			SELECT id, since, account, request, n,
				CASE WHEN request IS NOT NULL THEN
					ROW(tags, expiration, termination_protection, sim_group, event_handlers, speed_class, containers, imei_lock, plan)::sim_settings
				END,
				CASE
					WHEN request IS NULL THEN NULL
					WHEN ` + kindSQL + ` < 5 THEN ROW('{}', NULL, false, NULL, '[]', NULL, containers, NULL, plan)::sim_settings
					ELSE ROW(tags, expiration, termination_protection, NULL, '[]', NULL, containers, imei_lock, plan)::sim_settings
				END
			FROM made, LATERAL (SELECT id - 1 AS i) number, LATERAL (SELECT ` + h.request + ` AS request, ` + h.n + ` AS n) transfer`,
			`INSERT INTO identifiers SELECT '8999901' || lpad(i::text, 12, '0'), i + 1, 'iccid' FROM generate_series($1::int, $2::int - 1) i`,
			`INSERT INTO identifiers SELECT '00101' || lpad(i::text, 10, '0'), i + 1, 'imsi' FROM generate_series($1::int, $2::int - 1) i`,
			`INSERT INTO identifiers SELECT '88312' || lpad(i::text, 9, '0'), i + 1, 'msisdn' FROM generate_series($1::int, $2::int - 1) i`,
		} {
			if _, err := db.Pool().ExecContext(ctx, statement, lo, min(lo+bulk, n)); err != nil {
				return fmt.Errorf("seeding SIMs: %w", err)
			}
		}
	}
	return nil
}

// bulk is the number of SIMs that one statement inserts.
const bulk = 500000

// inventory returns the template with n SIMs of the source, and some to spare.
func (h *harness) inventory(ctx context.Context, n int) (string, error) {
	name := fmt.Sprintf("inventory_%d", n)
	return name, h.template(ctx, name, "", func(ctx context.Context, db *storage.DB) error {
		if err := h.seedAccounts(ctx, name, db); err != nil {
			return err
		}
		return seedSIMs(ctx, db, n+spare, holding{account: fmt.Sprint(source), request: "NULL::uuid", n: "NULL::int"})
	})
}

// approvedTemplate returns the template of an inventory with a request for n SIMs,
// which the service has validated and support has approved.
func (h *harness) approvedTemplate(ctx context.Context, n int) (string, error) {
	from, err := h.inventory(ctx, n)
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("approved_%d", n)
	return name, h.template(ctx, name, from, func(ctx context.Context, db *storage.DB) error {
		s, err := h.serve(ctx, name, db)
		if err != nil {
			return err
		}
		_, err = s.createAndApprove(ctx, upTo(n), forth())
		return s.stopAfter(err)
	})
}

// upTo returns the numbers from 0 to n-1.
func upTo(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// csv returns an upload that transfers SIMs to an account.
func csv(numbers []int, to int) *bytes.Reader {
	var file bytes.Buffer
	file.WriteString("sim,destination_email,destination_operator_id\n")
	for _, number := range numbers {
		fmt.Fprintf(&file, "%s,%s,%s\n", identifier(number), email(to), operatorID(to))
	}
	return bytes.NewReader(file.Bytes())
}

// gatewaySecret is the RADIUS secret of the simulated gateways.
const gatewaySecret = "only-on-loopback" //nolint:gosec // of gateways that exist only in this process

// connect opens a data session for the SIMs that can be online: at the simulated
// gateways, and in accounting as a RADIUS server would. It returns their number.
func (h *harness) connect(ctx context.Context, db *storage.DB, numbers []int) (int, error) {
	for i, g := range h.gateways {
		if _, err := db.Pool().ExecContext(ctx, `
			INSERT INTO radius.nas (nasname, secret, server) VALUES ($1, $2, $3)`,
			gatewayAddress(i), gatewaySecret, g.Gateway().Address); err != nil {
			return 0, fmt.Errorf("seeding the gateways: %w", err)
		}
	}
	online := slices.DeleteFunc(slices.Clone(numbers), func(number int) bool { return !isOnline(number) })
	var ids, users, gateways []string
	for i, number := range online {
		g := i % len(h.gateways)
		s := radius.Session{ID: fmt.Sprintf("session-%d", number), Username: fmt.Sprintf("00101%010d", number), NASIPAddress: gatewayAddress(g)}
		h.gateways[g].Start(s)
		ids, users, gateways = append(ids, s.ID), append(users, s.Username), append(gateways, s.NASIPAddress)
	}
	if _, err := db.Pool().ExecContext(ctx, `
		INSERT INTO radius.radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime)
		SELECT id, id, username, gateway::inet, clock_timestamp()
		FROM unnest($1::text[], $2::text[], $3::text[]) s (id, username, gateway)
		ORDER BY username`, pq.Array(ids), pq.Array(users), pq.Array(gateways)); err != nil {
		return 0, fmt.Errorf("opening %d sessions: %w", len(ids), err)
	}
	return len(online), nil
}

// gatewayAddress returns the NAS-IP-Address of a gateway in accounting.
func gatewayAddress(i int) string { return fmt.Sprintf("192.0.2.%d", i+1) }

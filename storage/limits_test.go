package storage_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// The limits of transfer/limits.go are those of the CHECK constraints: a value at
// the limit is stored, and one beyond it is not.
func TestCheckConstraintsHaveTheLimits(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	x := func(n int) string { return strings.Repeat("ü", n) }
	tags := func(n, name, value int) string {
		list := map[string]string{}
		for i := range n {
			list[fmt.Sprintf("%0*d", name, i)] = x(value)
		}
		text, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	list := func(n int) string { return `["` + strings.Repeat(`x","`, n-1) + `x"]` }
	sim := func(column string) string {
		return `INSERT INTO sims (account, since, status, iccid, plan, ` + column + `) VALUES (1, now(), 'ready', '8988211000000000001', 'p', $1)`
	}
	request := func(column string) string {
		return `INSERT INTO requests (id, source, destination, acceptance, review, queue, state, size, n_left, ` + column +
			`) VALUES ('` + uuid.NewString() + `', 1, 2, '1 day', '1 day', 'bulk', 'validating', 1, 1, $1` + map[bool]string{true: ", '1'"}[strings.Contains(column, ",")] + `)`
	}
	ended := func(column string) string {
		return strings.NewReplacer("'validating', 1, 1,", "'canceled', 1, 1,").Replace(request(column))
	}
	batch := func(column string) string {
		return `INSERT INTO batches (id, account, size, ` + column + `) VALUES (gen_random_uuid(), 1, 1, $1)`
	}
	event := `INSERT INTO events (request, seq, kind, party, detail) VALUES (gen_random_uuid(), 1, 'create', 'source', $1)`
	key := `INSERT INTO api_keys (hash, hint, role, name) VALUES (decode(repeat('00', 32), 'hex'), 'h', 'admin', $1)`
	account := func(column string) string {
		columns := map[string]string{"email": "'a@example.com'", "coverage": "'c'"}
		columns[column] = "$1"
		return `INSERT INTO accounts (operator_id, currency, email, coverage) VALUES ('OP9999999999', 'EUR', ` + columns["email"] + `, ` + columns["coverage"] + `)`
	}
	keyTime := func(columns, values string) string {
		return `INSERT INTO api_keys (hash, hint, role, name, ` + columns + `) VALUES (decode(repeat('00', 32), 'hex'), 'h', 'admin', 'x', ` + values + `)`
	}
	fee := `INSERT INTO fees (method, currency, amount, valid_from) VALUES ('support_assisted', 'EUR', 1, $1)`
	first := time.Date(transfer.MinYear, 1, 1, 0, 0, 0, 0, time.UTC).Format("2006-01-02 15:04:05.999999-07")
	last := fmt.Sprintf("%d-12-31 23:59:59.999999+00", transfer.MaxYear)
	for name, test := range map[string]struct {
		statement string
		good, bad any
	}{
		"first expiration":      {sim("expiration"), first, "0001-12-31 23:59:59+00 BC"},
		"last expiration":       {sim("expiration"), last, "9999-12-31 23:59:59-05"},
		"endless expiration":    {sim("expiration"), nil, "infinity"},
		"first fee":             {fee, first, "-infinity"},
		"last fee":              {fee, last, "10000-01-01 00:00:00+00"},
		"endless key":           {keyTime("expires_at", "$1"), last, "infinity"},
		"endless old token":     {keyTime("old_hash, old_until", "decode(repeat('01', 32), 'hex'), $1"), last, "infinity"},
		"email":                 {account("email"), strings.Repeat("a", transfer.MaxEmail), strings.Repeat("a", transfer.MaxEmail+1)},
		"lot":                   {`INSERT INTO sim_details (sim, lot) VALUES (1, $1)`, x(transfer.MaxLot), x(transfer.MaxLot + 1)},
		"external id":           {`INSERT INTO sim_details (sim, external_id) VALUES (1, $1)`, x(transfer.MaxExternalID), x(transfer.MaxExternalID + 1)},
		"email in upper case":   {account("email"), "é@example.com", "A@example.com"},
		"coverage":              {account("coverage"), x(transfer.MaxCoverage), x(transfer.MaxCoverage + 1)},
		"no coverage":           {account("coverage"), "x", ""},
		"key name":              {key, x(transfer.MaxKeyName), x(transfer.MaxKeyName + 1)},
		"no key name":           {key, "x", ""},
		"plan":                  {`INSERT INTO plans VALUES ($1, false)`, strings.Repeat("x", transfer.MaxPlanName), strings.Repeat("x", transfer.MaxPlanName+1)},
		"fee":                   {`INSERT INTO fees (method, currency, amount) VALUES ('support_assisted', 'EUR', $1)`, transfer.MaxFee, transfer.MaxFee + 1},
		"tags":                  {sim("tags"), tags(transfer.MaxTags, 2, 1), tags(transfer.MaxTags+1, 2, 0)},
		"tag name":              {sim("tags"), tags(1, transfer.MaxTagName, 0), tags(1, transfer.MaxTagName+1, 0)},
		"no tag name":           {sim("tags"), `{"a":""}`, `{"":"a"}`},
		"tag value":             {sim("tags"), tags(1, 1, transfer.MaxTagValue), tags(1, 1, transfer.MaxTagValue+1)},
		"bytes of tags":         {sim("tags"), tags(transfer.MaxTags, 2, (transfer.MaxTagBytes/transfer.MaxTags-2)/2), tags(transfer.MaxTags, 4, (transfer.MaxTagBytes/transfer.MaxTags-2)/2)},
		"event handlers":        {sim("event_handlers"), list(transfer.MaxListItems), list(transfer.MaxListItems + 1)},
		"containers":            {sim("containers"), list(transfer.MaxListItems), list(transfer.MaxListItems + 1)},
		"bytes of containers":   {sim("containers"), `["` + x(transfer.MaxItemLength) + `"]`, `["` + x(35000) + `"]`},
		"group":                 {sim("sim_group"), x(transfer.MaxGroup), x(transfer.MaxGroup + 1)},
		"no group":              {sim("sim_group"), nil, ""},
		"speed class":           {sim("speed_class"), x(transfer.MaxSpeedClass), x(transfer.MaxSpeedClass + 1)},
		"IMEI":                  {sim("imei_lock"), "1234567890123456", "12345678901234567"},
		"ticket":                {request("ticket"), x(transfer.MaxTicket), x(transfer.MaxTicket + 1)},
		"reference":             {request("reference"), x(transfer.MaxReference), x(transfer.MaxReference + 1)},
		"no reference":          {request("reference"), nil, ""},
		"message":               {request("message"), x(transfer.MaxMessage), x(transfer.MaxMessage + 1)},
		"no message":            {request("message"), nil, ""},
		"reason":                {ended("reason"), x(transfer.MaxReasonText), x(transfer.MaxReasonText + 1)},
		"batch reference":       {batch("reference"), x(transfer.MaxReference), x(transfer.MaxReference + 1)},
		"batch message":         {batch("message"), x(transfer.MaxMessage), x(transfer.MaxMessage + 1)},
		"reference of a SIM":    {`INSERT INTO transfers (request, n, line, identifier, reference) VALUES (gen_random_uuid(), 0, 1, '1', $1)`, x(transfer.MaxReference), x(transfer.MaxReference + 1)},
		"comment":               {event, `{"text":"` + strings.Repeat("📱", transfer.MaxComment) + `"}`, `{"text":"` + x(9000) + `"}`},
		"on behalf reason":      {request("on_behalf_reason, on_behalf_ticket"), x(transfer.MaxReasonText), x(transfer.MaxReasonText + 1)},
		"on behalf ticket":      {request("on_behalf_ticket, on_behalf_reason"), x(transfer.MaxTicket), x(transfer.MaxTicket + 1)},
		"no ticket":             {request("ticket"), nil, ""},
		"fee reason":            {request("fee_reason, fee_override"), x(transfer.MaxReasonText), x(transfer.MaxReasonText + 1)},
		"landing group":         {request("landing"), `{"sim_group":"` + x(transfer.MaxGroup) + `"}`, `{"sim_group":"` + x(transfer.MaxGroup+1) + `"}`},
		"landing speed class":   {request("landing"), `{"speed_class":"` + x(transfer.MaxSpeedClass) + `"}`, `{"speed_class":"` + x(transfer.MaxSpeedClass+1) + `"}`},
		"landing tags":          {request("landing"), `{"tags":` + tags(transfer.MaxTags, 2, 1) + `}`, `{"tags":` + tags(transfer.MaxTags+1, 2, 1) + `}`},
		"details of an event":   {event, `{"reason":"` + x(transfer.MaxReasonText) + `"}`, `{"reason":"` + x(10000) + `"}`},
		"a key for idempotency": {`INSERT INTO idempotency (scope, key, fingerprint, answer) VALUES ('s', $1, '', '{}')`, strings.Repeat("k", 255), strings.Repeat("k", 256)},
	} {
		for i, value := range []any{test.good, test.bad} {
			tx, err := db.Pool().BeginTxx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = tx.ExecContext(t.Context(), `SET LOCAL session_replication_role = replica`) // without foreign keys and triggers
			if err == nil {
				_, err = tx.ExecContext(t.Context(), test.statement, value)
			}
			if rollback := tx.Rollback(); rollback != nil {
				t.Error(rollback)
			}
			var refused *pq.Error
			violated := errors.As(err, &refused) && refused.Code == pqerror.CheckViolation
			if err != nil && !violated || violated != (i == 1) {
				t.Errorf("%s: value %d: %v", name, i+1, err)
			}
		}
	}
}

package storage_test

import (
	"context"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/lib/pq"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// Every CHECK constraint of the schema that lists values lists those of package
// transfer.
func TestCheckConstraintsMatchTypes(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	want := map[string][]string{
		"requests.state":      words(transfer.RequestStates()),
		"requests.code":       words(transfer.DecisionCodes()),
		"transfers.code":      words(transfer.DecisionCodes()),
		"withdrawn.code":      words(transfer.DecisionCodes()),
		"requests.queue":      words([]transfer.Queue{transfer.QueueOf(false, 1), transfer.QueueOf(true, 1)}),
		"requests.ended_by":   words(transfer.Parties()),
		"requests.ended_from": {"awaiting_acceptance", "in_review", "scheduled"}, // in which a party can end a whole request
		"transfers.state":     words(transfer.States()),
		"transfers.reason":    words(transfer.Reasons()),
		"transfers.method":    words(transfer.Methods()),
		"fees.method":         words(transfer.Methods()),
		"sims.status":         words(transfer.Statuses()),
		"events.party":        words(transfer.Parties()),
		"events.kind":         words(transfer.EventKinds()),
		"changes.kind":        words(transfer.ChangeKinds()),
		"audit.action":        words(transfer.AuditActions()),
		"audit.actor":         words(transfer.AuditActors()),
		"work.kind":           words(transfer.WorkKinds()),
		"work.queue":          words(transfer.Queues()),
		"api_keys.role":       words(storage.Roles()),
		"radius.nas.preset":   words(transfer.GatewayPresets()),

		"invitations.role":       words(storage.Roles()),
		"invitations.permission": words(storage.Permissions()),

		"webhook_endpoints.disabled_reason": words(transfer.DisabledReasons()),
		"webhook_deliveries.state":          words(transfer.DeliveryStates()),

		"mails.kind":        words(transfer.MailKinds()),
		"mails.state":       words(transfer.MailStates()),
		"mail_choices.kind": words(transfer.ChosenMailKinds()),
		"mail_digests.kind": {"digest", "fees", "on_behalf"}, // see mailDigests.add

		"pull_owners.decision": words(transfer.PullDecisions()),
		"api_keys.permission":  words(storage.Permissions()),
		"account_fees.method":  words(transfer.Methods()),
		"accounts.standing":    words([]storage.Standing{storage.StandingOpen, storage.StandingClosed}),
		"identifiers.kind":     {"iccid", "imsi", "msisdn"}, // package transfer has no type for it
	}
	// PostgreSQL writes IN as = ANY (ARRAY['…'::text, …]).
	type check struct {
		Column     string `db:"col"`
		Definition string `db:"definition"`
	}
	checks := storagetest.All[check](db, `
		SELECT c.conrelid::regclass || '.' || a.attname AS col, pg_get_constraintdef(c.oid) AS definition
		FROM pg_constraint c
		JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
		WHERE c.contype = 'c' AND cardinality(c.conkey) = 1 AND pg_get_constraintdef(c.oid) LIKE '%= ANY%'`)
	got := map[string][]string{}
	for _, c := range checks {
		for _, m := range regexp.MustCompile(`'([\w.-]+)'::text`).FindAllStringSubmatch(c.Definition, -1) {
			got[c.Column] = append(got[c.Column], m[1])
		}
		slices.Sort(got[c.Column])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("columns (-transfer +schema):\n%s", diff)
	}
}

func words[T ~string](list []T) []string {
	var out []string
	for _, v := range list {
		out = append(out, string(v))
	}
	slices.Sort(out)
	return out
}

// The table sims has the columns of the policy's settings, and the type sim_settings
// those of a snapshot.
func TestPolicyMatchesColumns(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	var want []string
	for _, s := range transfer.Policy() {
		want = append(want, s.Name)
	}
	columns := func(table string) []string {
		return storagetest.All[string](db, `
			SELECT a.attname
			FROM pg_attribute a
			WHERE a.attrelid = (SELECT oid FROM pg_class WHERE relname = $1) AND a.attnum > 0
			ORDER BY a.attnum`, table)
	}
	var fields []string
	for field := range reflect.TypeFor[storage.SIMSettings]().Fields() {
		if field.Tag.Get("db") != field.Tag.Get("json") {
			t.Errorf("the tags of SIMSettings.%s differ", field.Name)
		}
		fields = append(fields, field.Tag.Get("db"))
	}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Errorf("SIMSettings (-policy +struct):\n%s", diff)
	}
	var recorded []string
	for _, s := range transfer.Snapshot() {
		recorded = append(recorded, s.Name)
	}
	if diff := cmp.Diff(recorded, columns("sim_settings")); diff != "" {
		t.Errorf("the type sim_settings (-snapshot +schema):\n%s", diff)
	}
	sims := columns("sims")
	for _, name := range want {
		if !slices.Contains(sims, name) {
			t.Errorf("sims has no column %s", name)
		}
	}
}

func bools() []bool { return []bool{false, true} }

// judged is a transfer after validation or execution.
type judged struct {
	N       int     `db:"n"`
	State   string  `db:"state"`
	Reason  string  `db:"reason"`
	Method  string  `db:"method"`
	SIM     *int64  `db:"sim"`
	Fee     *int64  `db:"fee"`
	Claimed *string `db:"claimed"` // the request that holds the claim on its SIM
}

func outcomes(db *storagetest.DB, id uuid.UUID) []judged {
	return storagetest.All[judged](db, `
		SELECT t.n, t.state, coalesce(t.reason, '') AS reason, coalesce(t.method, '') AS method, t.sim, t.fee, o.request AS claimed
		FROM transfers t
		LEFT JOIN identifiers i USING (identifier)
		LEFT JOIN open_transfers o ON o.sim = i.sim
		WHERE t.request = $1
		ORDER BY t.n`, id)
}

// kind is one combination of facts about a SIM.
type kind struct {
	facts transfer.Facts // those of the SIM, not of the request
	sim   storagetest.SIM
	bound bool // its plan is bound to a coverage
}

// kinds creates n SIMs of every combination of status, lock and plan, for the
// source and for another account.
func kinds(db *storagetest.DB, n int, source, stranger storage.Account) (list []kind) {
	for _, status := range transfer.Statuses() {
		for _, locked := range bools() {
			for _, bound := range bools() {
				for _, owned := range bools() {
					like := storagetest.SIM{Account: stranger.ID, Status: status, Plan: storagetest.FreePlan, Locked: locked}
					if owned {
						like.Account = source.ID
					}
					if bound {
						like.Plan = storagetest.BoundPlan
					}
					for _, s := range db.SIMs(n, like) {
						list = append(list, kind{transfer.Facts{Found: true, Owned: owned, Locked: locked, Status: status}, s, bound})
					}
				}
			}
		}
	}
	return list
}

// circumstances are the facts that all SIMs of a request share.
type circumstances struct {
	sourceOpen, destinationOpen, crosses, selfOnly, barred bool

	mapped bool // SIMs of each of the two plans land on the other one
}

func (c circumstances) complete(k kind) transfer.Facts {
	f := k.facts
	f.AccountsOpen = c.sourceOpen && c.destinationOpen
	bound := k.bound != c.mapped // the plan on which the SIM lands
	f.PlanBound = bound && c.crosses
	f.SelfOnly = c.selfOnly
	f.PlanBarred = bound && c.barred
	return f
}

// eachOther maps each of two plans to the other one.
func eachOther() transfer.PlanMapping {
	return transfer.PlanMapping{
		Plans:   map[string]string{storagetest.FreePlan: storagetest.BoundPlan},
		Default: storagetest.FreePlan,
	}
}

// everyCircumstance yields every combination, after setting the accounts' standing
// and plans and the plan mappings in the database.
func everyCircumstance(t *testing.T, db *storagetest.DB, from, near, far storage.Account, do func(circumstances, storage.Account)) {
	t.Helper()
	db.Exec(`INSERT INTO plans (name, coverage_bound) VALUES ('another', false)`)
	standing := map[bool]string{true: "open", false: "closed"}
	for _, source := range bools() {
		for _, destination := range bools() {
			db.Exec(`UPDATE accounts SET standing = CASE id WHEN $1 THEN $2 ELSE $3 END`, from.ID, standing[source], standing[destination])
			for _, crosses := range bools() {
				for _, selfOnly := range bools() {
					to := near
					if crosses {
						to = far
					}
					for _, barred := range bools() {
						plans := map[bool][]string{true: {"another", storagetest.FreePlan}, false: {}}[barred]
						if _, err := db.UpdateAccount(t.Context(), storage.System(), to.OperatorID.Ref(), storage.AccountChange{Plans: &plans}); err != nil {
							t.Fatal(err)
						}
						for _, mapped := range bools() {
							db.Exec(`DELETE FROM plan_mappings`)
							if mapped {
								db.Exec(`INSERT INTO plan_mappings (account, plans, default_plan) VALUES ($1, jsonb_build_object($2::text, $3::text), $2)`,
									to.ID, storagetest.FreePlan, storagetest.BoundPlan)
							}
							do(circumstances{source, destination, crosses, selfOnly, barred, mapped}, to)
						}
					}
				}
			}
		}
	}
}

// request creates a request while its accounts are open.
func (c circumstances) request(db *storagetest.DB, from, to storage.Account, identifiers []string) uuid.UUID {
	set := `UPDATE accounts SET standing = CASE WHEN CASE id WHEN $1 THEN $3::boolean ELSE $4 END THEN 'open' ELSE 'closed' END WHERE id IN ($1, $2)`
	db.Exec(set, from.ID, to.ID, true, true)
	id := db.Request(storagetest.Request{From: from, To: to, Identifiers: identifiers, SelfServiceOnly: c.selfOnly})
	db.Exec(set, from.ID, to.ID, c.sourceOpen, c.destinationOpen)
	return id
}

// The SQL of validation agrees with the rules for every combination of facts.
func TestValidationFollowsTheRules(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 499)
	from, near, far := db.AccountIn("EUR", "here"), db.AccountIn("EUR", "here"), db.AccountIn("EUR", "there")
	var list []kind
	for i, k := range kinds(db, 2, from, db.AccountIn("EUR", "here")) {
		k.facts.Claimed = i%2 == 0
		list = append(list, k)
	}
	identifiers := make([]string, len(list), len(list)+1)
	var taken, foreign []int64
	for i, k := range list {
		identifiers[i] = k.sim.ICCID
		if !k.facts.Claimed {
			taken = append(taken, k.sim.ID)
		} else if !k.facts.Owned {
			foreign = append(foreign, k.sim.ID)
		}
	}
	identifiers = append(identifiers, "8988000000000000000") // of no SIM
	list = append(list, kind{})

	seen := map[transfer.Reason]int{}
	everyCircumstance(t, db, from, near, far, func(c circumstances, to storage.Account) {
		id := c.request(db, from, to, identifiers)
		db.Exec(`INSERT INTO open_transfers (sim, request, n) SELECT unnest($1::bigint[]), $2, 0`, pq.Array(taken), uuid.New())
		work := workOf(db, id, transfer.WorkValidate)[0]
		claimAndJudge(t, db, work, func(claims storage.Claims) {
			// Another account's SIM cannot be claimed like this, but the rule is tested
			// anyway.
			db.Exec(`
				INSERT INTO open_transfers (sim, request, n)
				SELECT i.sim, t.request, t.n FROM transfers t JOIN identifiers i USING (identifier)
				WHERE t.request = $1 AND i.sim = ANY($2)`, id, pq.Array(foreign))
			for i, k := range list {
				if slices.Contains(foreign, k.sim.ID) {
					claims[i] = k.sim.ID
				}
			}
		})
		for i, got := range outcomes(db, id) {
			facts := c.complete(list[i])
			reason := transfer.Judge(transfer.ValidationRules(), facts)
			seen[reason]++
			if diff := compareValidated(facts, reason, got, id); diff != "" {
				t.Errorf("%+v %+v: %s", c, list[i].sim, diff)
			}
		}
		db.Exec(`DELETE FROM open_transfers`) // so that the next request can claim the SIMs
	})
	for _, reason := range []transfer.Reason{
		"", transfer.SIMNotFound, transfer.AccountClosed, transfer.SIMTerminated, transfer.AlreadyTransferring,
		transfer.SIMLocked, transfer.PlanNotTransferable, transfer.PlanNotAvailable, transfer.NeedsSupport,
	} {
		if seen[reason] == 0 {
			t.Errorf("no SIM had the reason %q", reason)
		}
	}
}

// claimAndJudge runs the steps of validation. Between them, another transaction
// commits a change.
func claimAndJudge(t *testing.T, db *storagetest.DB, work int64, between func(storage.Claims)) {
	t.Helper()
	var w storage.Work
	var claims storage.Claims
	if err := carryOut(t.Context(), db.DB, work, func(ctx context.Context, tx *storage.Tx, locked storage.Work) (err error) {
		w = locked
		claims, err = tx.Claim(ctx, w)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	between(claims)
	if err := db.InTx(t.Context(), func(tx *storage.Tx) error {
		c, err := tx.Judge(t.Context(), w, claims)
		if err != nil {
			return err
		}
		return tx.CloseValidation(t.Context(), w, c)
	}); err != nil {
		t.Fatal(err)
	}
}

func compareValidated(f transfer.Facts, reason transfer.Reason, got judged, id uuid.UUID) string {
	want := judged{N: got.N, State: "ineligible", Reason: string(reason), SIM: got.SIM, Fee: got.Fee, Claimed: got.Claimed}
	if (got.SIM != nil) != (f.Found && f.Owned) {
		return fmt.Sprintf("SIM %v, though found: %t and owned: %t", got.SIM, f.Found, f.Owned)
	}
	mine := got.Claimed != nil && *got.Claimed == id.String()
	if reason == "" {
		method, _ := f.Status.Method()
		want.State, want.Method = "eligible", string(method)
		fee := map[transfer.Method]int64{transfer.SelfService: 0, transfer.SupportAssisted: 499}[method]
		want.Fee = &fee
	} else {
		want.Fee = nil
	}
	if mine != (reason == "") {
		return fmt.Sprintf("it holds its claim: %t, with the reason %q", mine, reason)
	}
	return cmp.Diff(want, got)
}

// The SQL of execution agrees with the rules for every combination of facts.
func TestExecutionFollowsTheRules(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	from, near, far := db.AccountIn("EUR", "here"), db.AccountIn("EUR", "here"), db.AccountIn("EUR", "there")
	const requests = 64
	all := kinds(db, requests*2, from, db.AccountIn("EUR", "here"))
	seen, nth := map[transfer.Reason]int{}, 0
	everyCircumstance(t, db, from, near, far, func(c circumstances, to storage.Account) {
		// This request has two SIMs of each kind, one per method.
		var list []kind
		var identifiers []string
		for i, k := range all {
			if i%(requests*2)/2 != nth {
				continue
			}
			k.facts.Claimed = true
			k.facts.Method = transfer.Methods()[i%2]
			list = append(list, k)
			identifiers = append(identifiers, k.sim.ICCID)
		}
		nth++
		id := c.request(db, from, to, identifiers)
		makeEligible(db, id)
		if c.mapped {
			landing := storage.Landing{Plans: eachOther().Plans, DefaultPlan: eachOther().Default}
			db.Exec(`UPDATE requests SET landing = $2 WHERE id = $1`, id, &landing)
		}
		execute(t, db, id)
		for i, got := range outcomes(db, id) {
			facts := c.complete(list[i])
			reason := transfer.Judge(transfer.ExecutionRules(), facts)
			seen[reason]++
			state := "failed"
			if reason == "" {
				state = "completed"
			}
			if got.State != state || got.Reason != string(reason) || got.Claimed != nil {
				t.Errorf("%+v %+v validated as %s: %s %s, want %s %s", c, list[i].sim, facts.Method, got.State, got.Reason, state, reason)
			}
		}
	})
	for _, reason := range []transfer.Reason{
		"", transfer.OwnerChanged, transfer.AccountClosed, transfer.SIMTerminated, transfer.SIMLocked,
		transfer.StatusChanged, transfer.PlanNotTransferable, transfer.PlanNotAvailable,
	} {
		if seen[reason] == 0 {
			t.Errorf("no SIM had the reason %q", reason)
		}
	}
	db.Check()
}

// makeEligible makes all SIMs of a request eligible, regardless of the rules and
// with alternating methods, and accepts the request.
func makeEligible(db *storagetest.DB, id uuid.UUID) {
	db.Exec(`
		WITH marked AS (
			UPDATE transfers t
			SET state = 'eligible', sim = i.sim, method = CASE n % 2 WHEN 0 THEN 'self_service' ELSE 'support_assisted' END,
				fee = CASE n % 2 WHEN 0 THEN 0 ELSE 499 END
			FROM identifiers i
			WHERE t.request = $1 AND i.identifier = t.identifier
			RETURNING t.sim, t.n
		), claimed AS (
			INSERT INTO open_transfers (sim, request, n) SELECT sim, $1, n FROM marked
		), work AS (
			UPDATE work SET kind = 'execute' WHERE request = $1
		), event AS (
			INSERT INTO events (request, seq, kind, party, to_state) VALUES ($1, 2, 'accept', 'destination', 'transferring')
		)
		UPDATE requests SET state = 'transferring', offered_at = clock_timestamp(), n_eligible = size, n_support = size / 2, any_self_service = true, any_support_assisted = size > 1, quoted = size / 2 * 499, last_event = 2 WHERE id = $1`, id)
}

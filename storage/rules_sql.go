package storage

import (
	"fmt"
	"strings"

	"simtransfer/transfer"
)

// What several statements share: the tables of package transfer written as SQL,
// the fees, and the closing of transfers. In these expressions s is the SIM, t
// the transfer and r the request with the columns of requestFacts.

// effectiveFee is what a transfer costs: the fee that was quoted when it was
// validated, or the one that support decided on.
const effectiveFee = `CASE t.method WHEN 'support_assisted' THEN coalesce(r.fee_override, t.fee) ELSE t.fee END`

// scheduledFee is what a support-assisted transfer costs the source of r now, and
// the entry that says so: the price of the account or, if it has none, the entry
// of the fee schedule in its currency. No row if there is neither.
const scheduledFee = `
	SELECT amount, entry
	FROM (
		(
			SELECT 1 AS rank, f.amount, f.id AS entry
			FROM account_fees f, r
			WHERE f.account = r.source AND f.method = 'support_assisted' AND f.valid_from <= clock_timestamp()
			ORDER BY f.valid_from DESC
			LIMIT 1
		)
		UNION ALL
		(
			SELECT 2, f.amount, f.id
			FROM fees f, r
			WHERE f.method = 'support_assisted' AND f.currency = r.currency AND f.valid_from <= clock_timestamp()
			ORDER BY f.valid_from DESC
			LIMIT 1
		)
	) AS entries
	WHERE amount IS NOT NULL
	ORDER BY rank
	LIMIT 1`

// quoteSQL is the fee of a SIM that the row judged, with the scheduled fee in
// the table fee. It is null for a SIM that is not eligible, and when the
// schedule has no amount.
func quoteSQL(judged string) string {
	return `CASE
	WHEN ` + judged + `.reason IS NOT NULL THEN NULL
	WHEN ` + judged + `.method = 'self_service' THEN 0
	ELSE (SELECT amount FROM fee)
END`
}

// indent indents all lines of an expression after the first.
func indent(tabs int, expression string) string {
	return strings.ReplaceAll(expression, "\n", "\n"+strings.Repeat("\t", tabs))
}

// closeOpenSQL closes the open transfers of @request that which selects, with a
// state and a reason, and deletes their claims. It ends in the table counted,
// which closedColumns selects. It finds rows again by their ctid, which is a
// fast plan even without statistics, and safe because the caller's locks keep
// other transactions from changing these transfers.
func closeOpenSQL(which, state, reason string) string {
	return `
WITH open AS MATERIALIZED (
	SELECT t.ctid AS transfer_at, t.n, t.sim, t.state, t.method, t.fee
	FROM transfers t
	WHERE t.request = @request AND ` + which + ` AND t.state IN ('pending', 'eligible')
), marked AS (
	UPDATE transfers t
	SET state = ` + state + `, reason = ` + reason + `, finished_at = clock_timestamp()
	FROM open
	WHERE t.ctid = open.transfer_at
), unclaimed AS (
	DELETE FROM open_transfers o
	USING open
	WHERE o.sim = open.sim AND o.request = @request AND o.n = open.n
	RETURNING o.sim
), counted AS (
	SELECT
		count(*) FILTER (WHERE state = 'pending') AS pending,
		count(*) FILTER (WHERE state = 'eligible') AS eligible,
		count(*) FILTER (WHERE state = 'eligible' AND method = 'support_assisted') AS support,
		count(*) FILTER (WHERE state = 'eligible' AND fee IS NULL) AS unquoted,
		coalesce(sum(fee) FILTER (WHERE state = 'eligible'), 0) AS quoted,
		(SELECT count(*) FROM unclaimed) AS unclaimed
	FROM open
)`
}

// closedColumns selects what closeOpenSQL has counted.
const closedColumns = `
SELECT pending, eligible, support, unquoted, quoted, unclaimed
FROM counted`

// closed counts the transfers that closeOpenSQL has closed.
type closed struct {
	Pending   int   `db:"pending"` // how many were pending
	Eligible  int   `db:"eligible"`
	Support   int   `db:"support"`  // of Eligible, those that need support
	Unquoted  int   `db:"unquoted"` // of Eligible, those without a fee
	Quoted    int64 `db:"quoted"`   // fees of Eligible, in minor units
	Unclaimed int   `db:"unclaimed"`
}

// counts returns what changes in the request's counters, apart from the
// outcomes. The SIM of a pending transfer has not been looked up.
func (c closed) counts() Counts {
	return Counts{Unknown: c.Pending, Eligible: -c.Eligible, Support: -c.Support, Unquoted: -c.Unquoted, Quoted: -c.Quoted}
}

// reasonSQL is the reason of the first rule that applies, null if none does.
func reasonSQL(rules []transfer.Rule) string {
	var b strings.Builder
	b.WriteString("CASE")
	for _, rule := range rules {
		fmt.Fprintf(&b, "\n\tWHEN %s THEN '%s'", factSQL(rule.Fact), rule.Reason)
	}
	b.WriteString("\nEND")
	return b.String()
}

func factSQL(f transfer.Fact) string {
	switch f {
	case transfer.NotFound:
		return "s.id IS NULL"
	case transfer.NotOwned:
		return "s.account <> r.source"
	case transfer.Closed:
		return "NOT r.accounts_open"
	case transfer.IsTerminated:
		return "s.status = 'terminated'"
	case transfer.NotClaimed:
		return "o.sim IS NULL"
	case transfer.IsLocked:
		return "s.transfer_lock"
	case transfer.IsPlanBound:
		return "r.crosses_coverage AND (SELECT p.coverage_bound FROM plans p WHERE p.name = s.plan)"
	case transfer.IsPlanBarred:
		return "s.plan <> ALL (nullif(r.plans, '{}'))"
	case transfer.SupportRefused:
		return "r.self_service_only AND " + methodSQL + " = 'support_assisted'"
	case transfer.MethodChanged:
		return "t.method IS DISTINCT FROM " + methodSQL
	}
	panic(fmt.Sprintf("fact %d has no SQL", f)) // a new fact without its SQL: every test fails
}

// methodSQL is the method that a SIM's status requires; null for terminated.
const methodSQL = `CASE WHEN s.status = 'ready' THEN 'self_service' WHEN s.status <> 'terminated' THEN 'support_assisted' END`

// requestFacts is what the rules need to know about @request.
const requestFacts = `
	SELECT
		r.id,
		r.source,
		r.destination,
		r.queue,
		r.partial,
		r.fee_override,
		r.self_service_only,
		r.landing,
		src.currency,
		src.coverage <> dst.coverage AS crosses_coverage,
		dst.plans,
		src.standing = 'open' AND dst.standing = 'open' AS accounts_open
	FROM requests r
	JOIN accounts src ON src.id = r.source
	JOIN accounts dst ON dst.id = r.destination
	WHERE r.id = @request`

// settingDefault is the value that a setting is reset to.
func settingDefault(name string) string {
	switch name {
	case "tags":
		return "'{}'::jsonb"
	case "event_handlers", "containers":
		return "'[]'::jsonb"
	case "termination_protection":
		return "false"
	case "expiration":
		return "NULL::timestamptz"
	}
	return "NULL::text"
}

// beforeSQL is the row of settings of the verdict v before the transfer.
func beforeSQL() string {
	return settingsRow(func(s transfer.Setting) string { return "v." + s.Name })
}

// afterSQL is the row of settings of the verdict v after a transfer by its method.
func afterSQL() string {
	return settingsRow(func(s transfer.Setting) string { return arrivingSQL(s, "v.method", "v."+s.Name) })
}

// setSettings assigns to a SIM's columns the settings after a transfer by the
// verdict's method.
func setSettings() string {
	return eachSetting(func(s transfer.Setting) string { return s.Name + " = " + arrivingSQL(s, "v.method", "s."+s.Name) })
}

// arrivingSQL is the value of a setting after a transfer by a method, if it was
// old before: the value from the destination's landing profile if it has one,
// else what the policy makes of it. Landing tags are added to those that are
// kept.
func arrivingSQL(s transfer.Setting, method, old string) string {
	switch carried := carriedSQL(s, method, old); {
	case !s.Landing:
		return carried
	case s.Name == "tags":
		return fmt.Sprintf("%s || coalesce(r.landing -> 'tags', '{}')", carried)
	default:
		return fmt.Sprintf("coalesce(r.landing ->> '%s', %s)", s.Name, carried)
	}
}

func settingsRow(value func(transfer.Setting) string) string {
	return "ROW(\n\t" + indent(1, eachSetting(value)) + "\n)::sim_settings"
}

// eachSetting lists an expression for each setting, one per line.
func eachSetting(write func(transfer.Setting) string) string {
	var parts []string
	for _, s := range transfer.Policy() {
		parts = append(parts, write(s))
	}
	return strings.Join(parts, ",\n")
}

// carriedSQL is the value of a setting that the policy keeps or resets.
func carriedSQL(s transfer.Setting, method, old string) string {
	self, assisted := s.Under(transfer.SelfService), s.Under(transfer.SupportAssisted)
	switch {
	case self == transfer.Keep && assisted == transfer.Keep:
		return old
	case self == transfer.Reset && assisted == transfer.Reset:
		return settingDefault(s.Name)
	case self == transfer.Reset:
		return "CASE " + method + " WHEN 'self_service' THEN " + settingDefault(s.Name) + " ELSE " + old + " END"
	}
	return "CASE " + method + " WHEN 'self_service' THEN " + old + " ELSE " + settingDefault(s.Name) + " END"
}

package storage

import (
	"fmt"
	"strings"

	"simtransfer/transfer"
)

// This file writes the tables of package transfer as SQL, which several statements
// share. In these expressions s is the SIM, t the transfer and r the request with
// the columns of requestFacts.

// indent indents all lines of an expression after the first.
func indent(tabs int, expression string) string {
	return strings.ReplaceAll(expression, "\n", "\n"+strings.Repeat("\t", tabs))
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
		return "r.crosses_coverage AND (SELECT p.coverage_bound FROM plans p WHERE p.name = " + landingPlanSQL("s.plan") + ")"
	case transfer.IsPlanBarred:
		return landingPlanSQL("s.plan") + " <> ALL (nullif(r.plans, '{}'))"
	case transfer.SupportRefused:
		return "r.self_service_only AND " + methodSQL + " = 'support_assisted'"
	case transfer.MethodChanged:
		return "t.method IS DISTINCT FROM " + methodSQL
	}
	panic(fmt.Sprintf("fact %d has no SQL", f)) // a new fact without its SQL: every test fails
}

// methodSQL is the method that a SIM's status requires; null for terminated.
const methodSQL = `CASE WHEN s.status = 'ready' THEN 'self_service' WHEN s.status <> 'terminated' THEN 'support_assisted' END`

// The landing profile of requestFacts.
const (
	// frozenLanding is what was recorded when the destination accepted, as one
	// value that is not compressed: every SIM of a chunk looks into it.
	frozenLanding = "r.landing || '{}' AS landing"

	// landingNow is what would be recorded if the destination accepted now without
	// a landing profile of its own.
	landingNow = "mapped.landing"
)

// requestFacts is what the rules need to know about @request, with a landing
// profile.
func requestFacts(landing string) string {
	from := ""
	if landing == landingNow {
		from = `
	LEFT JOIN LATERAL (` + indent(1, planMappingSQL()) + `
	) mapped ON true`
	}
	return `
	SELECT
		r.id,
		r.source,
		r.destination,
		r.queue,
		r.partial,
		r.fee_override,
		r.self_service_only,
		` + landing + `,
		src.currency,
		src.coverage <> dst.coverage AS crosses_coverage,
		dst.plans,
		src.standing = 'open' AND dst.standing = 'open' AS accounts_open
	FROM requests r
	JOIN accounts src ON src.id = r.source
	JOIN accounts dst ON dst.id = r.destination` + from + `
	WHERE r.id = @request`
}

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
	return snapshotRow(func(s transfer.Setting) string { return "v." + s.Name })
}

// afterSQL is the row of settings of the verdict v after a transfer by its method.
func afterSQL() string {
	return snapshotRow(func(s transfer.Setting) string { return arrivingSQL(s, "v.method", "v."+s.Name) })
}

// setSnapshot assigns to a SIM's columns the settings and the plan after a transfer
// by the verdict's method.
func setSnapshot() string {
	return eachOf(transfer.Snapshot(), func(s transfer.Setting) string { return s.Name + " = " + arrivingSQL(s, "v.method", "s."+s.Name) })
}

// arrivingSQL is the value of a setting after a transfer by a method, if it was
// old before: the value from the destination's landing profile if it has one,
// else what the policy makes of it. Landing tags are added to those that are
// kept.
func arrivingSQL(s transfer.Setting, method, old string) string {
	switch carried := carriedSQL(s, method, old); {
	case !s.Landing:
		return carried
	case s.Name == "plan":
		return landingPlanSQL(carried)
	case s.Name == "tags":
		return fmt.Sprintf("%s || coalesce(r.landing -> 'tags', '{}')", carried)
	default:
		return fmt.Sprintf("coalesce(r.landing ->> '%s', %s)", s.Name, carried)
	}
}

func snapshotRow(value func(transfer.Setting) string) string {
	return "ROW(\n\t" + indent(1, eachOf(transfer.Snapshot(), value)) + "\n)::sim_settings"
}

// snapshotNames lists the columns of which a transfer records a snapshot, with a
// prefix such as "s.".
func snapshotNames(prefix string) string {
	return eachOf(transfer.Snapshot(), func(s transfer.Setting) string { return prefix + s.Name })
}

// eachSetting lists an expression for each setting, one per line.
func eachSetting(write func(transfer.Setting) string) string {
	return eachOf(transfer.Policy(), write)
}

func eachOf(settings []transfer.Setting, write func(transfer.Setting) string) string {
	var parts []string
	for _, s := range settings {
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

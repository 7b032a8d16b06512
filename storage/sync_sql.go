package storage

import (
	"fmt"
	"strings"

	"simtransfer/transfer"
)

// syncTables creates the temporary tables of a sync.
//
//   - synced has the rows of the file, numbered from 0. has is the set of SyncFields
//     of the row; the columns of other fields are null. IMSIs and MSISDNs are
//     separated by commas and in ascending order. code, field and value are set for
//     rows that the caller has refused.
//   - sync_candidates has the rows that may change something, with their IMSIs and
//     MSISDNs as arrays, their SIM, which is null for none, and the number of another
//     row of the same SIM. sync_missing has the SIMs that the file does not have.
//   - sync_rows has their outcomes. was are the identifiers of a SIM before, if
//     some change.
//   - sync_claims has the identifiers, and the external ids (external), that rows
//     add to their SIMs, and sync_releases those that rows take from their SIMs.
func syncTables() string {
	return `
CREATE TEMPORARY TABLE synced ON COMMIT DROP AS
SELECT
	0 AS n,
	0 AS line,
	0 AS doc_row,
	0::bigint AS has,
	s.iccid,
	s.iccid AS other_form,
	''::text AS code,
	''::text AS field,
	''::text AS value,
	''::text AS operator_id,
	s.status,
	s.plan,
	''::text AS imsis,
	''::text AS msisdns,
	s.transfer_lock,
	d.eid,
	d.lot,
	d.external_id,
	` + indent(1, settingNames("s.")) + `
FROM sims s, sim_details d
WHERE false;
CREATE TEMPORARY TABLE sync_candidates ON COMMIT DROP AS
SELECT
	NULL::bigint AS sim,
	NULL::integer AS twin,
	` + indent(1, candidateColumns()) + `
FROM synced x;
CREATE TEMPORARY TABLE sync_missing (sim bigint NOT NULL) ON COMMIT DROP;
CREATE TEMPORARY TABLE sync_rows (
	n       integer NOT NULL,
	line    integer NOT NULL,
	doc_row integer NOT NULL,
	sim     bigint,
	account bigint,
	iccid   text,
	outcome text NOT NULL,
	code    text,
	field   text,
	value   text,
	other   text,
	twin    integer,
	fields  text[],
	before  jsonb,
	after   jsonb,
	was     jsonb
) ON COMMIT DROP;
CREATE TEMPORARY TABLE sync_claims (
	n          integer NOT NULL,
	external   boolean NOT NULL,
	identifier text NOT NULL,
	kind       text NOT NULL
) ON COMMIT DROP;
CREATE TEMPORARY TABLE sync_releases (LIKE sync_claims) ON COMMIT DROP`
}

// candidateColumns lists the columns of the row x of synced as sync_candidates has
// them.
func candidateColumns() string {
	return `x.n,
x.line,
x.doc_row,
x.has,
x.iccid,
x.other_form,
x.code,
x.field,
x.value,
x.operator_id,
x.status,
x.plan,
string_to_array(x.imsis, ',') AS imsis,
string_to_array(x.msisdns, ',') AS msisdns,
x.transfer_lock,
x.eid,
x.lot,
x.external_id,
` + settingNames("x.")
}

// stagedColumns lists the columns of synced that a sync copies for some fields, in
// the order of SyncRow.appendTo.
func stagedColumns(fields SyncFields) string {
	columns := []string{"n", "line", "doc_row", "has", "iccid", "other_form", "code", "field", "value"}
	all := []string{"operator_id", "status", "plan", "imsis", "msisdns", "transfer_lock", "eid", "lot", "external_id"}
	for _, s := range transfer.Policy() {
		all = append(all, s.Name)
	}
	for i, name := range all {
		if fields.Contains(SyncField(i)) {
			columns = append(columns, name)
		}
	}
	return strings.Join(columns, ", ")
}

// hasSQL holds if the row x has a field.
func hasSQL(f SyncField) string { return fmt.Sprintf("x.has & %d <> 0", 1<<f) }

// The IMSIs and the MSISDNs of the SIM s.
const (
	heldIMSIs   = "ARRAY(SELECT identifier FROM identifiers WHERE sim = s.id AND kind = 'imsi' ORDER BY identifier)"
	heldMSISDNs = "ARRAY(SELECT identifier FROM identifiers WHERE sim = s.id AND kind = 'msisdn' ORDER BY identifier)"
)

// syncColumn is a field whose value in the row x and in the SIM s, with its details
// d, can be compared.
type syncColumn struct {
	field       SyncField
	name        string // in the API
	staged, was string // expressions
}

// syncColumns lists the fields that a sync can change, except for the identifiers.
func syncColumns() []syncColumn {
	names := SyncFieldNames()
	list := []syncColumn{
		{SyncStatus, names[SyncStatus], "x.status", "s.status"},
		{SyncPlan, names[SyncPlan], "x.plan", "s.plan"},
		{SyncTransferLock, names[SyncTransferLock], "x.transfer_lock", "s.transfer_lock"},
		{SyncEID, names[SyncEID], "x.eid", "d.eid"},
		{SyncLot, names[SyncLot], "x.lot", "d.lot"},
		{SyncExternalID, names[SyncExternalID], "x.external_id", "d.external_id"},
	}
	for i, s := range transfer.Policy() {
		f := firstSyncSetting + SyncField(i)
		list = append(list, syncColumn{f, names[f], "x." + s.Name, "s." + s.Name})
	}
	return list
}

// eachSyncColumn joins what write returns for each of syncColumns.
func eachSyncColumn(separator string, write func(syncColumn) string) string {
	var parts []string
	for _, c := range syncColumns() {
		parts = append(parts, write(c))
	}
	return strings.Join(parts, separator)
}

// differsSQL holds if the row sets a field to another value.
func (c syncColumn) differsSQL() string {
	return fmt.Sprintf("%s AND %s IS DISTINCT FROM %s", hasSQL(c.field), c.staged, c.was)
}

// newValueSQL is the value of a field after the row was applied.
func (c syncColumn) newValueSQL() string {
	return fmt.Sprintf("CASE WHEN %s THEN %s ELSE %s END", hasSQL(c.field), c.staged, c.was)
}

// statusRefusalSQL is the code of the refusal of a change of the status of a SIM,
// null if transfer.ChangeStatus allows it. The arguments are expressions.
func statusRefusalSQL(by transfer.StatusActor, from, to, protected string) string {
	var never, ifProtected []string
	for _, was := range transfer.Statuses() {
		for _, is := range transfer.Statuses() {
			pair := fmt.Sprintf("('%s', '%s')", was, is)
			switch {
			case transfer.ChangeStatus(by, was, is, false) != nil:
				never = append(never, pair)
			case transfer.ChangeStatus(by, was, is, true) != nil:
				ifProtected = append(ifProtected, pair)
			}
		}
	}
	in := func(pairs []string) string {
		if len(pairs) == 0 {
			return "false"
		}
		return fmt.Sprintf("(%s, %s) IN (%s)", from, to, strings.Join(pairs, ", "))
	}
	return fmt.Sprintf("CASE\n\tWHEN %s THEN '%s'\n\tWHEN %s AND %s THEN '%s'\nEND", in(never), SyncStatusRefused, protected, in(ifProtected), SyncProtected)
}

var setSyncTimeouts = newStatement(statement{
	name:    "set_sync_timeouts",
	does:    "Sets how long a sync waits for a lock, the memory of its sorts and hash tables, and that a sample of its temporary tables is enough for plans.",
	given:   "@milliseconds, as text.",
	returns: "The new settings.",
	text: `
		SELECT
			set_config('lock_timeout', @milliseconds, true),
			set_config('work_mem', '64MB', true),
			set_config('default_statistics_target', '` + syncStatistics + `', true)`,
})

var lockSync = newStatement(statement{
	name:  "lock_sync",
	does:  "Waits until no other sync is running.",
	given: "",
	locks: "Takes the advisory lock of syncs, after that of an idempotency key and before any row.",
	text:  `SELECT pg_advisory_xact_lock(hashtextextended('sync of SIMs', 0))`,
})

var takeSyncRows = newStatement(statement{
	name:  "take_sync_rows",
	does:  "Takes all rows of a sync for rows that may change something, if they are few.",
	setup: syncTables(),
	text: `
		INSERT INTO sync_candidates
		SELECT
			NULL,
			NULL,
			` + indent(3, candidateColumns()) + `
		FROM synced x`,
})

// The inventory is read in a subquery of its own (OFFSET 0), which leaves out the
// columns that the file does not have, so that the hash table of the join is small.
// The planner knows the parameters, and drops what they rule out. The identifiers
// are read in the order of their index, which has all of their columns: hashing them
// by SIM would take three times as long.
var compareSync = newStatement(statement{
	name: "compare_sync",
	does: `Finds the rows of a sync that may change something: those that were refused, that have no SIM with the same
		ICCID, and whose SIM differs. It compares lists of identifiers by a sum of hashes, which differs from run to run
		by its seed, so that a difference cannot stay unnoticed for long.`,
	given: "@some: the fields that any row has; @every: the fields that every row has; the @seed of the hashes.",
	setup: syncTables(),
	text: `
		INSERT INTO sync_candidates
		SELECT
			s.id,
			NULL,
			` + indent(3, candidateColumns()) + `
		FROM synced x
		LEFT JOIN (
			SELECT
				s.id,
				s.iccid,
				a.operator_id,
				h.imsis,
				h.msisdns,
				` + indent(4, eachSyncColumn(",\n", syncColumn.heldSQL)) + `
			FROM sims s
			JOIN accounts a ON a.id = s.account
			LEFT JOIN retired_sims q ON q.sim = s.id
			LEFT JOIN sim_details d ON d.sim = s.id AND ` + someSQL(SyncEID, SyncLot, SyncExternalID) + `
			LEFT JOIN (
				SELECT
					sim,
					bit_xor(hashtextextended(identifier, @seed)) FILTER (WHERE kind = 'imsi') AS imsis,
					bit_xor(hashtextextended(identifier, @seed)) FILTER (WHERE kind = 'msisdn') AS msisdns
				FROM (SELECT sim, identifier, kind FROM identifiers WHERE kind <> 'iccid' ORDER BY sim OFFSET 0) i
				GROUP BY sim
			) h ON h.sim = s.id AND ` + someSQL(SyncIMSIs, SyncMSISDNs) + `
			WHERE q.sim IS NULL
			OFFSET 0
		) s ON s.iccid = x.iccid
		WHERE s.id IS NULL
		   OR x.code IS NOT NULL
		   OR ` + givenSQL(SyncAccount) + ` AND x.operator_id <> s.operator_id
		   OR ` + eachSyncColumn("\n   OR ", func(c syncColumn) string {
		return fmt.Sprintf("%s AND %s IS DISTINCT FROM s.%s", givenSQL(c.field), c.staged, c.column())
	}) + `
		   OR ` + givenSQL(SyncIMSIs) + ` AND s.imsis IS DISTINCT FROM ` + hashSQL("x.imsis") + `
		   OR ` + givenSQL(SyncMSISDNs) + ` AND s.msisdns IS DISTINCT FROM ` + hashSQL("x.msisdns"),
})

// someSQL holds if any row of the file has any of the fields.
func someSQL(fields ...SyncField) string {
	var set SyncFields
	for _, f := range fields {
		set = set.With(f)
	}
	return fmt.Sprintf("@some::bigint & %d <> 0", set)
}

// givenSQL is hasSQL for a statement that knows which fields some row or every row
// has.
func givenSQL(f SyncField) string {
	return fmt.Sprintf("%s AND (@every::bigint & %d <> 0 OR %s)", someSQL(f), 1<<f, hasSQL(f))
}

// heldSQL is the value that the SIM s has, null if no row has the field.
func (c syncColumn) heldSQL() string {
	return fmt.Sprintf("CASE WHEN %s THEN %s END AS %s", someSQL(c.field), c.was, c.column())
}

// column is the name of the column of the inventory.
func (c syncColumn) column() string { return c.was[len("s."):] }

// hashSQL is the sum of the hashes of the identifiers in a list, null for none. Most
// SIMs have one.
func hashSQL(list string) string {
	return fmt.Sprintf("CASE\n\tWHEN %[1]s = '' THEN NULL\n\tWHEN strpos(%[1]s, ',') = 0 THEN hashtextextended(%[1]s, @seed)\n"+
		"\tELSE (SELECT bit_xor(hashtextextended(u, @seed)) FROM unnest(string_to_array(%[1]s, ',')) u)\nEND", list)
}

var matchSync = newStatement(statement{
	name:  "match_sync",
	does:  "Finds the SIMs of rows of a sync by their ICCID.",
	setup: syncTables(),
	text: `
		UPDATE sync_candidates x
		SET sim = i.sim
		FROM identifiers i
		WHERE x.sim IS NULL AND i.identifier = x.iccid`,
})

var matchSyncOtherForm = newStatement(statement{
	name:  "match_sync_other_form",
	does:  "Finds the SIMs of the remaining rows by their ICCID without or with its check digit.",
	setup: syncTables(),
	text: `
		UPDATE sync_candidates x
		SET sim = i.sim
		FROM identifiers i
		WHERE x.sim IS NULL AND i.identifier = x.other_form`,
})

var resolveSyncAccounts = newStatement(statement{
	name:  "resolve_sync_accounts",
	does:  "Replaces external ids of accounts, which have ext: before them, by the operator ids. An external id that no account has stays.",
	setup: syncTables(),
	text: `
		UPDATE synced x
		SET operator_id = a.operator_id
		FROM accounts a
		WHERE x.operator_id LIKE 'ext:%' AND a.external_id = substr(x.operator_id, 5)`,
})

// A row that is no candidate has the ICCID of its SIM in sims, or it would be one.
var findSyncTwins = newStatement(statement{
	name: "find_sync_twins",
	does: `Finds rows of a sync that have the same SIM of the inventory, in either form of its ICCID. Those of them that
		would change it are refused, in whatever order they are.`,
	setup: syncTables(),
	text: `
		WITH named AS (
			SELECT sim, n
			FROM sync_candidates
			WHERE sim IS NOT NULL AND code IS NULL
			UNION
			SELECT s.id, x.n
			FROM sims s
			JOIN synced x ON x.iccid = s.iccid
			WHERE s.id IN (SELECT sim FROM sync_candidates WHERE code IS NULL) AND x.code IS NULL
		), twins AS (
			SELECT sim, min(n) AS first, max(n) AS last
			FROM named
			GROUP BY sim
			HAVING count(*) > 1
		)
		UPDATE sync_candidates x
		SET twin = CASE WHEN x.n = t.first THEN t.last ELSE t.first END
		FROM twins t
		WHERE x.sim = t.sim AND x.code IS NULL`,
})

var findNewSyncTwins = newStatement(statement{
	name:  "find_new_sync_twins",
	does:  "Finds rows of a sync that have the same ICCID, in either form, and no SIM of the inventory. All of them are refused.",
	setup: syncTables(),
	text: `
		WITH forms AS (
			SELECT x.n, f.iccid
			FROM sync_candidates x
			CROSS JOIN unnest(ARRAY[x.iccid, x.other_form]) AS f (iccid)
			WHERE x.sim IS NULL AND x.code IS NULL AND f.iccid IS NOT NULL
		), twins AS (
			SELECT iccid, min(n) AS first, max(n) AS last
			FROM forms
			GROUP BY iccid
			HAVING count(*) > 1
		)
		UPDATE sync_candidates x
		SET twin = CASE WHEN x.n = t.first THEN t.last ELSE t.first END
		FROM forms f
		JOIN twins t ON t.iccid = f.iccid
		WHERE x.n = f.n`,
})

// syncScope holds for the SIMs s that the file of a full sync should have.
const syncScope = `s.status <> 'terminated' AND (@account::bigint = 0 OR s.account = @account)`

var findSyncMissing = newStatement(statement{
	name:  "find_sync_missing",
	does:  "Finds the SIMs that the file of a full sync does not have. SIMs that are terminated are not missed.",
	given: "@account: only its SIMs (0: all).",
	setup: syncTables(),
	text: `
		INSERT INTO sync_missing (sim)
		SELECT s.id
		FROM sims s
		WHERE ` + syncScope + `
		  AND NOT EXISTS (SELECT 1 FROM synced x WHERE x.iccid = s.iccid)`,
})

var keepSyncForms = newStatement(statement{
	name: "keep_sync_forms",
	does: `Removes from the SIMs that the file of a full sync does not have those that it has by the other form of their
		ICCID. A row with it is one that may change something.`,
	setup: syncTables(),
	text: `
		DELETE FROM sync_missing m
		USING sync_candidates x
		WHERE x.sim = m.sim`,
})

var countSyncMissing = newStatement(statement{
	name:    "count_sync_missing",
	does:    "Counts the SIMs that the file of a full sync does not have.",
	given:   "@account: only its SIMs (0: all).",
	returns: "Their number, and the number of all SIMs that the file should have.",
	setup:   syncTables(),
	text: `
		SELECT
			(SELECT count(*) FROM sync_missing) AS missing,
			(SELECT count(*) FROM sims s WHERE ` + syncScope + `) AS sims`,
})

var lockSyncSIMs = newStatement(statement{
	name:  "lock_sync_sims",
	does:  "Locks the SIMs that a sync may change.",
	given: "@missing: whether those that the file does not have are among them.",
	locks: "Takes the SIMs by id.",
	setup: syncTables(),
	text: `
		SELECT id
		FROM sims
		WHERE id IN (
			SELECT sim FROM sync_candidates WHERE sim IS NOT NULL
			UNION ALL
			SELECT sim FROM sync_missing WHERE @missing
		)
		ORDER BY id
		FOR NO KEY UPDATE`,
})

var findSyncLosses = newStatement(statement{
	name:    "find_sync_losses",
	does:    "Finds out whether a SIM lost its ICCID after the rows of a sync were matched: it was retired as a wrong import.",
	returns: "True or false.",
	locks:   "The caller holds the SIMs.",
	setup:   syncTables(),
	text: `
		SELECT EXISTS (
			SELECT 1
			FROM sync_candidates x
			WHERE x.sim IS NOT NULL
			  AND NOT EXISTS (SELECT 1 FROM identifiers i WHERE i.sim = x.sim AND i.identifier IN (x.iccid, x.other_form))
		)`,
})

// newProtection is whether the SIM has termination protection after the row.
func newProtection() string {
	for i, s := range transfer.Policy() {
		if s.Name == "termination_protection" {
			return fmt.Sprintf("CASE WHEN %s THEN x.termination_protection ELSE s.termination_protection END", hasSQL(firstSyncSetting+SyncField(i)))
		}
	}
	panic("the policy has no termination protection")
}

var judgeSync = newStatement(statement{
	name: "judge_sync",
	does: `Decides what happens to the rows of a sync that may change something, apart from identifiers that are in
		each other's way. The first refusal of a row counts. Termination protection that the row changes counts as it
		is after the change.`,
	locks: "The caller holds the SIMs.",
	setup: syncTables(),
	text: `
		INSERT INTO sync_rows (n, line, doc_row, sim, account, iccid, outcome, code, field, value, other, twin, fields, before, after, was)
		SELECT
			x.n,
			x.line,
			x.doc_row,
			s.id,
			coalesce(s.account, a.id),
			coalesce(s.iccid, x.iccid),
			CASE
				WHEN r.code IS NOT NULL THEN '` + string(SyncRefused) + `'
				WHEN x.sim IS NULL THEN '` + string(SyncCreated) + `'
				WHEN f.fields IS NULL THEN '` + string(SyncUnchanged) + `'
				ELSE '` + string(SyncChanged) + `'
			END,
			r.code,
			r.field,
			r.value,
			r.other,
			CASE WHEN r.code = '` + string(SyncDuplicate) + `' THEN x.twin END,
			CASE WHEN r.code IS NULL AND x.sim IS NOT NULL THEN f.fields END,
			CASE WHEN r.code IS NULL AND x.sim IS NOT NULL THEN f.before END,
			CASE WHEN r.code IS NULL AND x.sim IS NOT NULL THEN f.after END,
			CASE
				WHEN r.code IS NULL AND x.sim IS NOT NULL AND f.fields && '{imsis,msisdns,eid,external_id}'
				THEN ` + indent(4, simIdentifiersSQL("s.id")) + `
			END
		FROM sync_candidates x
		LEFT JOIN sims s ON s.id = x.sim
		LEFT JOIN sim_details d ON d.sim = x.sim
		LEFT JOIN accounts a ON a.operator_id = x.operator_id
		LEFT JOIN accounts o ON o.id = s.account
		CROSS JOIN LATERAL (
			SELECT ` + indent(4, statusRefusalSQL(SyncStatusActor, "s.status", "x.status", newProtection())) + ` AS code
		) t
		CROSS JOIN LATERAL (
			SELECT
				array_agg(v.name ORDER BY v.place) AS fields,
				jsonb_object_agg(v.name, CASE v.place
					` + indent(5, eachSyncValue("\n", syncColumn.wasJSON)) + `
				END) AS before,
				jsonb_object_agg(v.name, CASE v.place
					` + indent(5, eachSyncValue("\n", syncColumn.stagedJSON)) + `
				END) AS after
			FROM (VALUES
				` + indent(4, eachSyncValue(",\n", syncColumn.valueSQL)) + `
			) AS v (place, name, differs)
			WHERE x.sim IS NOT NULL AND v.differs
		) f
		LEFT JOIN LATERAL (
			SELECT v.code, v.field, v.value, v.other
			FROM (VALUES
				(0, x.code IS NOT NULL, x.code, x.field, x.value, NULL),
				(1, ` + hasSQL(SyncAccount) + ` AND a.id IS NULL, '` + string(SyncUnknownAccount) + `', 'account', x.operator_id, NULL),
				(2, x.sim IS NOT NULL AND a.id <> s.account, '` + string(SyncOtherOwner) + `', 'account', x.operator_id, o.operator_id),
				(3, x.twin IS NOT NULL AND (x.sim IS NULL OR f.fields IS NOT NULL), '` + string(SyncDuplicate) + `', 'iccid', x.iccid, NULL),
				(4, x.sim IS NULL AND NOT (` + hasSQL(SyncAccount) + `), '` + string(SyncMissing) + `', 'account', NULL, NULL),
				(5, x.sim IS NULL AND NOT (` + hasSQL(SyncIMSIs) + `), '` + string(SyncMissing) + `', 'imsis', NULL, NULL),
				(6, x.sim IS NULL AND NOT (` + hasSQL(SyncPlan) + `), '` + string(SyncMissing) + `', 'plan', NULL, NULL),
				(7, x.sim IS NULL AND a.standing = 'closed', '` + string(SyncClosedAccount) + `', 'account', x.operator_id, NULL),
				(8, ` + hasSQL(SyncPlan) + ` AND x.plan IS DISTINCT FROM s.plan AND NOT EXISTS (SELECT 1 FROM plans p WHERE p.name = x.plan),
					'` + string(SyncUnknownPlan) + `', 'plan', x.plan, NULL),
				(9, ` + hasSQL(SyncPlan) + ` AND x.plan IS DISTINCT FROM s.plan AND x.plan <> ALL (nullif(coalesce(o.plans, a.plans), '{}')),
					'` + string(SyncBarredPlan) + `', 'plan', x.plan, coalesce(o.operator_id, a.operator_id)),
				(10, t.code IS NOT NULL, t.code, 'status', x.status, s.status)
			) AS v (rank, applies, code, field, value, other)
			WHERE v.applies
			ORDER BY v.rank
			LIMIT 1
		) r ON true`,
})

// eachSyncValue joins what write returns for each field that a row can change.
func eachSyncValue(separator string, write func(syncColumn) string) string {
	names := SyncFieldNames()
	return eachSyncColumn(separator, write) +
		separator + write(syncColumn{SyncIMSIs, names[SyncIMSIs], "x.imsis", heldIMSIs}) +
		separator + write(syncColumn{SyncMSISDNs, names[SyncMSISDNs], "x.msisdns", heldMSISDNs})
}

// valueSQL is the place and name of a field, and whether the row changes it.
func (c syncColumn) valueSQL() string {
	return fmt.Sprintf("(%d, '%s', %s)", c.field, c.name, c.differsSQL())
}

func (c syncColumn) wasJSON() string { return fmt.Sprintf("WHEN %d THEN to_jsonb(%s)", c.field, c.was) }

func (c syncColumn) stagedJSON() string {
	return fmt.Sprintf("WHEN %d THEN to_jsonb(%s)", c.field, c.staged)
}

var judgeSyncMissing = newStatement(statement{
	name: "judge_sync_missing",
	does: "Decides what happens to the SIMs that the file of a full sync does not have: they are listed, or retired, which means that they are terminated.",
	given: `@rows: the number of rows of the file, after which they are numbered; @account: only its SIMs (0: all);
		@retire: whether they are retired.`,
	locks: "The caller holds the SIMs if they are retired.",
	setup: syncTables(),
	text: `
		INSERT INTO sync_rows (n, line, doc_row, sim, account, iccid, outcome, code, field, value, other, fields, before, after)
		SELECT
			@rows::integer + row_number() OVER (ORDER BY s.id) - 1,
			0,
			0,
			s.id,
			s.account,
			s.iccid,
			CASE WHEN NOT @retire THEN '` + string(SyncMissed) + `' WHEN t.code IS NULL THEN '` + string(SyncRetired) + `' ELSE '` + string(SyncRefused) + `' END,
			t.code,
			CASE WHEN t.code IS NOT NULL THEN 'status' END,
			CASE WHEN t.code IS NOT NULL THEN 'terminated' END,
			CASE WHEN t.code = '` + string(SyncInTransfer) + `' THEN t.request::text WHEN t.code IS NOT NULL THEN s.status END,
			CASE WHEN @retire AND t.code IS NULL THEN ARRAY['status'] END,
			CASE WHEN @retire AND t.code IS NULL THEN jsonb_build_object('status', s.status) END,
			CASE WHEN @retire AND t.code IS NULL THEN jsonb_build_object('status', 'terminated') END
		FROM sync_missing m
		JOIN sims s ON s.id = m.sim
		LEFT JOIN open_transfers o ON o.sim = s.id
		CROSS JOIN LATERAL (
			SELECT
				o.request,
				CASE WHEN @retire THEN coalesce(
					CASE WHEN o.sim IS NOT NULL THEN '` + string(SyncInTransfer) + `' END,
					` + indent(5, statusRefusalSQL(SyncStatusActor, "s.status", "'terminated'", "s.termination_protection")) + `
				) END AS code
		) t
		WHERE ` + syncScope,
})

var claimSync = newStatement(statement{
	name:  "claim_sync",
	does:  "Lists the identifiers and the external ids that the rows of a sync add to their SIMs.",
	setup: syncTables(),
	text: `
		INSERT INTO sync_claims (n, external, identifier, kind)
		SELECT x.n, false, u.identifier, u.kind
		FROM sync_rows r
		JOIN sync_candidates x ON x.n = r.n
		CROSS JOIN LATERAL (
			SELECT x.iccid, 'iccid' WHERE r.sim IS NULL
			UNION ALL
			SELECT x.other_form, 'iccid' WHERE r.sim IS NULL AND x.other_form IS NOT NULL
			UNION ALL
			SELECT imsi, 'imsi' FROM unnest(x.imsis) AS imsi
			UNION ALL
			SELECT msisdn, 'msisdn' FROM unnest(x.msisdns) AS msisdn
		) u (identifier, kind)
		WHERE (r.outcome = 'created' OR r.outcome = 'changed' AND r.fields && '{imsis,msisdns}')
		  AND NOT EXISTS (SELECT 1 FROM identifiers i WHERE i.identifier = u.identifier AND i.sim = r.sim AND i.kind = u.kind)
		UNION ALL
		SELECT x.n, true, x.external_id, 'external_id'
		FROM sync_rows r
		JOIN sync_candidates x ON x.n = r.n
		LEFT JOIN sim_details d ON d.sim = r.sim
		WHERE r.outcome IN ('created', 'changed') AND x.external_id IS DISTINCT FROM d.external_id AND x.external_id IS NOT NULL`,
})

var releaseSync = newStatement(statement{
	name:  "release_sync",
	does:  "Lists the identifiers and the external ids that the rows of a sync take from their SIMs.",
	locks: "The caller holds the SIMs.",
	setup: syncTables(),
	text: `
		INSERT INTO sync_releases (n, external, identifier, kind)
		SELECT x.n, false, i.identifier, i.kind
		FROM sync_rows r
		JOIN sync_candidates x ON x.n = r.n
		JOIN identifiers i ON i.sim = r.sim
		WHERE r.outcome = 'changed' AND r.fields && '{imsis,msisdns}'
		  AND (i.kind = 'imsi' AND i.identifier <> ALL (x.imsis) OR i.kind = 'msisdn' AND i.identifier <> ALL (x.msisdns))
		UNION ALL
		SELECT x.n, true, d.external_id, 'external_id'
		FROM sync_rows r
		JOIN sync_candidates x ON x.n = r.n
		JOIN sim_details d ON d.sim = r.sim
		WHERE r.outcome = 'changed' AND ` + hasSQL(SyncExternalID) + ` AND d.external_id IS NOT NULL AND x.external_id IS DISTINCT FROM d.external_id`,
})

var refuseSyncConflicts = newStatement(statement{
	name: "refuse_sync_conflicts",
	does: `Refuses rows of a sync that add an identifier which several rows add, or which another SIM keeps: because the
		file does not take it away, or because the row that does is refused. The last is repeated until nothing changes.`,
	locks: "The caller holds the SIMs.",
	setup: syncTables(),
	text: `
		WITH RECURSIVE taken AS MATERIALIZED (
			SELECT c.n, c.identifier, c.kind, i.sim AS holder
			FROM sync_claims c
			JOIN identifiers i ON i.identifier = c.identifier
			WHERE NOT c.external
			  AND NOT EXISTS (SELECT 1 FROM sync_releases r WHERE NOT r.external AND r.identifier = c.identifier)
			UNION ALL
			SELECT c.n, c.identifier, c.kind, d.sim
			FROM sync_claims c
			JOIN sim_details d ON d.external_id = c.identifier
			WHERE c.external
			  AND NOT EXISTS (SELECT 1 FROM sync_releases r WHERE r.external AND r.identifier = c.identifier)
		), repeated AS MATERIALIZED (
			SELECT n, identifier, kind, CASE WHEN n = first THEN last ELSE first END AS twin
			FROM (
				SELECT
					n,
					identifier,
					kind,
					min(n) OVER (PARTITION BY external, identifier) AS first,
					max(n) OVER (PARTITION BY external, identifier) AS last
				FROM sync_claims
			) AS c
			WHERE first < last
		), refused (n) AS (
			SELECT n FROM (SELECT n FROM taken UNION SELECT n FROM repeated) AS first
			UNION
			SELECT c.n
			FROM refused b
			JOIN sync_releases r ON r.n = b.n
			JOIN sync_claims c ON c.external = r.external AND c.identifier = r.identifier
		), reasons AS (
			SELECT n, 1 AS rank, identifier, kind, NULL::bigint AS holder, twin FROM repeated
			UNION ALL
			SELECT n, 2, identifier, kind, holder, NULL FROM taken
			UNION ALL
			SELECT c.n, 3, c.identifier, c.kind, h.sim, NULL
			FROM refused b
			JOIN sync_releases r ON r.n = b.n
			JOIN sync_claims c ON c.external = r.external AND c.identifier = r.identifier
			JOIN sync_rows h ON h.n = r.n
		), first_reasons AS (
			SELECT DISTINCT ON (n) n, identifier, kind, holder, twin
			FROM reasons
			ORDER BY n, rank, identifier, holder
		)
		UPDATE sync_rows o
		SET outcome = 'refused',
			code = CASE WHEN f.twin IS NULL THEN '` + string(SyncTaken) + `' ELSE '` + string(SyncDuplicate) + `' END,
			field = CASE f.kind WHEN 'imsi' THEN 'imsis' WHEN 'msisdn' THEN 'msisdns' ELSE f.kind END,
			value = f.identifier,
			other = s.iccid,
			twin = f.twin,
			fields = NULL,
			before = NULL,
			after = NULL,
			was = NULL
		FROM first_reasons f
		LEFT JOIN sims s ON s.id = f.holder
		WHERE o.n = f.n`,
})

var numberSyncSIMs = newStatement(statement{
	name:  "number_sync_sims",
	does:  "Gives the new SIMs of a sync their ids, which follow the file.",
	setup: syncTables(),
	text: `
		UPDATE sync_rows r
		SET sim = o.id
		FROM (
			SELECT n, nextval('sims_id_seq') AS id
			FROM (SELECT n FROM sync_rows WHERE outcome = 'created' ORDER BY n) AS ordered
		) o
		WHERE r.n = o.n`,
})

var deleteSyncIdentifiers = newStatement(statement{
	name:  "delete_sync_identifiers",
	does:  "Takes identifiers from SIMs.",
	locks: "The caller holds the SIMs.",
	setup: syncTables(),
	text: `
		DELETE FROM identifiers i
		USING sync_releases l
		JOIN sync_rows r ON r.n = l.n
		WHERE r.outcome = 'changed' AND NOT l.external AND i.identifier = l.identifier`,
})

var clearSyncExternalIDs = newStatement(statement{
	name:  "clear_sync_external_ids",
	does:  "Takes external ids from SIMs.",
	locks: "The caller holds the SIMs.",
	setup: syncTables(),
	text: `
		UPDATE sim_details d
		SET external_id = NULL
		FROM sync_releases l
		JOIN sync_rows r ON r.n = l.n
		WHERE r.outcome = 'changed' AND l.external AND d.sim = r.sim`,
})

var createSyncSIMs = newStatement(statement{
	name:  "create_sync_sims",
	does:  "Creates the new SIMs of a sync, their first registrations, and the rows of changes that say so.",
	setup: syncTables(),
	text: `
		WITH created AS (
			INSERT INTO sims (id, account, since, iccid, status, plan, transfer_lock, ` + settingNames("") + `)
			OVERRIDING SYSTEM VALUE
			SELECT
				r.sim,
				r.account,
				clock_timestamp(),
				x.iccid,
				coalesce(x.status, 'ready'),
				x.plan,
				coalesce(x.transfer_lock, false),
				` + indent(4, eachSetting(func(s transfer.Setting) string {
		return fmt.Sprintf("coalesce(x.%s, %s)", s.Name, settingDefault(s.Name))
	})) + `
			FROM sync_rows r
			JOIN sync_candidates x ON x.n = r.n
			WHERE r.outcome = 'created'
			ORDER BY r.sim
			RETURNING id, since, account, ` + createdValues() + ` AS created_with
		), changed AS (
			` + indent(3, insertCreated) + `
		)
		INSERT INTO registrations (sim, since, account)
		SELECT id, since, account
		FROM created`,
})

var updateSyncSIMs = newStatement(statement{
	name:  "update_sync_sims",
	does:  "Changes the SIMs of a sync, which also notes when they changed: SIMs whose identifiers or details change are among them.",
	locks: "The caller holds the SIMs.",
	setup: syncTables(),
	text: `
		UPDATE sims s
		SET ` + strings.Join(updatedSyncColumns(), ",\n\t") + `
		FROM sync_rows r
		JOIN sync_candidates x ON x.n = r.n
		WHERE r.outcome = 'changed' AND s.id = r.sim`,
})

// updatedSyncColumns assigns the new values to the columns of sims.
func updatedSyncColumns() []string {
	var list []string
	for _, c := range syncColumns() {
		if name, ok := strings.CutPrefix(c.was, "s."); ok {
			list = append(list, name+" = "+c.newValueSQL())
		}
	}
	return list
}

var putSyncDetails = newStatement(statement{
	name:  "put_sync_details",
	does:  "Sets the EIDs, lots and external ids of SIMs.",
	locks: "The caller holds the SIMs.",
	setup: syncTables(),
	text: `
		INSERT INTO sim_details (sim, eid, lot, external_id)
		SELECT
			r.sim,
			` + detailsSQL() + `
		FROM sync_rows r
		JOIN sync_candidates x ON x.n = r.n
		LEFT JOIN sim_details d ON d.sim = r.sim
		WHERE r.outcome = 'created' AND (x.eid IS NOT NULL OR x.lot IS NOT NULL OR x.external_id IS NOT NULL)
		   OR r.outcome = 'changed' AND r.fields && '{eid,lot,external_id}'
		ON CONFLICT (sim) DO UPDATE
		SET eid = excluded.eid,
			lot = excluded.lot,
			external_id = excluded.external_id`,
})

// detailsSQL lists the new values of the columns of sim_details.
func detailsSQL() string {
	var list []string
	for _, c := range syncColumns() {
		if strings.HasPrefix(c.was, "d.") {
			list = append(list, c.newValueSQL())
		}
	}
	return strings.Join(list, ",\n\t")
}

var deleteSyncDetails = newStatement(statement{
	name:  "delete_sync_details",
	does:  "Deletes the details of SIMs that have none any more.",
	locks: "The caller holds the SIMs.",
	setup: syncTables(),
	text: `
		DELETE FROM sim_details d
		USING sync_rows r
		WHERE r.outcome = 'changed' AND r.fields && '{eid,lot,external_id}'
		  AND d.sim = r.sim AND d.eid IS NULL AND d.lot IS NULL AND d.external_id IS NULL`,
})

var insertSyncIdentifiers = newStatement(statement{
	name:  "insert_sync_identifiers",
	does:  "Gives SIMs their new identifiers, in order.",
	locks: "The caller holds the SIMs.",
	setup: syncTables(),
	text: `
		INSERT INTO identifiers (identifier, sim, kind)
		SELECT c.identifier, r.sim, c.kind
		FROM sync_claims c
		JOIN sync_rows r ON r.n = c.n
		WHERE r.outcome IN ('created', 'changed') AND NOT c.external
		ORDER BY c.identifier`,
})

var recordSyncIdentifiers = newStatement(statement{
	name:  "record_sync_identifiers",
	does:  "Records the changes of identifiers for the changes feed.",
	locks: "The caller holds the SIMs.",
	setup: syncTables(),
	text: `
		INSERT INTO changes (kind, destination, sims, before, after)
		SELECT 'identifiers_changed', r.account, ARRAY[r.sim], r.was, ` + indent(2, simIdentifiersSQL("r.sim")) + `
		FROM sync_rows r
		WHERE r.outcome = 'changed' AND r.was IS NOT NULL
		ORDER BY r.sim`,
})

var retireSyncSIMs = newStatement(statement{
	name:  "retire_sync_sims",
	does:  "Terminates the SIMs that the file of a full sync does not have.",
	locks: "The caller holds the SIMs.",
	setup: syncTables(),
	text: `
		UPDATE sims s
		SET status = 'terminated'
		FROM sync_rows r
		WHERE r.outcome = 'retired' AND s.id = r.sim`,
})

var countSyncOutcomes = newStatement(statement{
	name:    "count_sync_outcomes",
	does:    "Counts the outcomes of a sync.",
	given:   "@rows: the number of rows of the file.",
	returns: "The number of each outcome, and how many of these are of SIMs that the file does not have.",
	setup:   syncTables(),
	text: `
		SELECT outcome, count(*) AS rows, count(*) FILTER (WHERE n >= @rows) AS missing
		FROM sync_rows
		GROUP BY outcome`,
})

var countSyncFields = newStatement(statement{
	name:    "count_sync_fields",
	does:    "Counts in how many SIMs a sync changed each field.",
	returns: "The fields with the numbers.",
	setup:   syncTables(),
	text: `
		SELECT f.name AS field, count(*) AS sims
		FROM sync_rows r
		CROSS JOIN unnest(r.fields) AS f (name)
		WHERE r.outcome = 'changed'
		GROUP BY f.name`,
})

var addUnchangedSync = newStatement(statement{
	name:  "add_unchanged_sync",
	does:  "Adds to the outcomes of a sync the rows that are equal to their SIMs.",
	setup: syncTables(),
	text: `
		INSERT INTO sync_rows (n, line, doc_row, iccid, outcome)
		SELECT x.n, x.line, x.doc_row, x.iccid, 'unchanged'
		FROM synced x
		WHERE NOT EXISTS (SELECT 1 FROM sync_rows r WHERE r.n = x.n)`,
})

var selectSyncOutcomes = newStatement(statement{
	name: "select_sync_outcomes",
	does: "Reads outcomes of a sync, page by page.",
	given: `@after: the number of the last row of the page before; @unchanged: whether rows that changed nothing are among
		them; @refused: whether only rows that were refused are; @limit: maximum number of rows.`,
	returns: "The outcomes by number.",
	setup:   syncTables(),
	text: `
		SELECT
			r.n,
			r.line,
			r.doc_row,
			r.iccid,
			r.outcome,
			r.fields,
			r.before,
			r.after,
			r.code,
			r.field,
			r.value,
			r.other,
			t.line AS other_line,
			t.doc_row AS other_row
		FROM sync_rows r
		LEFT JOIN synced t ON t.n = r.twin
		WHERE r.n > @after
		  AND (@unchanged OR r.outcome <> 'unchanged')
		  AND (NOT @refused OR r.outcome = 'refused')
		ORDER BY r.n
		LIMIT @limit`,
})

package storage

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/lib/pq"

	"simtransfer/transfer"
)

// NewSIM is a SIM to import.
type NewSIM struct {
	ICCID          transfer.Identifier
	IMSIs, MSISDNs []transfer.Identifier
	Account        transfer.AccountRef // the owner
	Status         transfer.Status
	Plan           string
	TransferLock   bool
	SIMDetails
	SIMSettings
}

// RowError is an error in the SIMs of an import that only the database finds.
type RowError struct {
	Rows  pq.Int64Array `db:"rows"`  // the first 10 SIMs with this error, as indexes in the import, from 0
	Count int           `db:"count"` // of all SIMs with this error
	Field string        `db:"field"` // account, plan, external_id, iccid, imsi or msisdn
	Value string        `db:"value"`
	Code  RowErrorCode  `db:"code"`

	// Example says that there are errors of this kind with more than a few different
	// values, and that Value is the first of them.
	Example bool `db:"example"`
}

// RowErrorCode says what is wrong with a value.
type RowErrorCode string

// The codes.
const (
	UnknownAccount     RowErrorCode = "unknown_account"
	ClosedAccount      RowErrorCode = "account_closed"
	UnknownPlan        RowErrorCode = "unknown_plan"
	BarredPlan         RowErrorCode = "plan_not_available" // the account may not hold it
	IdentifierTaken    RowErrorCode = "taken"              // by a SIM of the inventory
	IdentifierRepeated RowErrorCode = "duplicate"          // by the same SIM of the import, or an earlier one
)

// ImportError is returned for an import with errors in its SIMs. Nothing was
// imported.
type ImportError struct {
	Rows []RowError // in the order of the import; up to maxRowErrors
	More int        // errors in addition to those
}

func (e *ImportError) Error() string {
	n := e.More
	for _, row := range e.Rows {
		n += row.Count
	}
	return fmt.Sprintf("the import has %d errors in its SIMs", n)
}

// maxRowErrors is the maximum number of different errors that an ImportError lists.
const maxRowErrors = 100

// maxAlikeErrors is how many errors of one kind, which have different values, an
// ImportError lists one by one. More are one error.
const maxAlikeErrors = 5

// importTimeout is the time limit for each statement of an import.
const importTimeout = 5 * time.Minute

// ImportSIMs creates SIMs with their identifiers and first registrations and
// returns their number. It creates all or none; if SIMs are wrong, it returns
// an *ImportError. Data sessions that are already open are linked to their
// SIMs. ImportSIMs ranges over the sequence twice.
func (t *Tx) ImportSIMs(ctx context.Context, by Actor, sims iter.Seq[NewSIM]) (int64, error) {
	if err := t.AllowLong(ctx, importTimeout); err != nil {
		return 0, err
	}
	if err := t.DeclareNoEvents(ctx); err != nil {
		return 0, err
	}
	staged, err := t.stage(ctx, sims)
	if err != nil {
		return 0, fmt.Errorf("staging an import: %w", err)
	}
	if err := t.refreshStatistics(ctx, 0); err != nil {
		return 0, err
	}
	var wrong []struct {
		RowError
		Total int `db:"total"`
	}
	if err := t.list(ctx, &wrong, selectRowErrors, args{"limit": maxRowErrors, "alike": maxAlikeErrors}); err != nil {
		return 0, fmt.Errorf("checking an import: %w", err)
	}
	if len(wrong) > 0 {
		refusal := &ImportError{More: wrong[0].Total}
		for _, row := range wrong {
			refusal.Rows = append(refusal.Rows, row.RowError)
			refusal.More -= row.Count
		}
		return 0, refusal
	}
	n, err := t.exec(ctx, importSIMs, args{})
	if isUnique(err, "sim_details_external_id_key") {
		return 0, errLostRace // after a retry, the check names the SIM
	} else if err != nil {
		return 0, fmt.Errorf("importing SIMs: %w", err)
	}
	if _, err := t.exec(ctx, importIdentifiers, args{}); isUnique(err, "identifiers_pkey") {
		return 0, errLostRace // after a retry, the check names the SIM
	} else if err != nil {
		return 0, fmt.Errorf("importing identifiers: %w", err)
	}
	if err := t.refreshStatistics(ctx, n); err != nil {
		return 0, err
	}
	if _, _, err := t.linkSessions(ctx, 0, 0); err != nil {
		return 0, err
	}
	return n, t.auditImport(ctx, by, staged, n)
}

// maxAuditedAccounts is the maximum number of accounts that the audit entry of an
// import lists.
const maxAuditedAccounts = 100

// auditImport records how many SIMs of which accounts were imported, unless there
// were none.
func (t *Tx) auditImport(ctx context.Context, by Actor, staged stagedImport, n int64) error {
	if n == 0 {
		return nil
	}
	first, perAccount := staged.first, staged.perAccount
	e := AuditEntry{By: by, Action: transfer.AuditSIMImport, Object: "import", ObjectID: first.ICCID.String()}
	after := map[string]any{"sims": n, "accounts": len(perAccount)}
	if len(perAccount) <= maxAuditedAccounts {
		after["sims_per_account"] = perAccount
	}
	e.After = after
	if len(perAccount) == 1 {
		a, err := t.Account(ctx, first.Account)
		if err != nil {
			return fmt.Errorf("reading account %s: %w", first.Account, err)
		}
		e.Account = a.ID
	}
	return t.Audit(ctx, e)
}

// stagingTables creates the temporary tables that an import is copied to. Ids
// are assigned as the rows come in, so that they follow the upload. All columns
// of staged_sims but n and operator_id are those of sims and sim_details.
const stagingTables = `
CREATE TEMPORARY TABLE staged_sims (
	LIKE sims,
	n           integer NOT NULL,
	operator_id text NOT NULL,
	eid         text,
	lot         text,
	external_id text
) ON COMMIT DROP;
ALTER TABLE staged_sims
	ALTER COLUMN id SET DEFAULT nextval('sims_id_seq'),
	DROP COLUMN account,
	DROP COLUMN since,
	DROP COLUMN updated_at;
CREATE TEMPORARY TABLE staged_identifiers (
	n          integer NOT NULL,
	identifier text NOT NULL,
	kind       text NOT NULL
) ON COMMIT DROP`

// importedColumns lists the columns of sims that have values in an import, in
// the order in which stageSIMs copies them, with a prefix such as "s.".
func importedColumns(prefix string) string {
	var list strings.Builder
	for _, name := range []string{"status", "transfer_lock", "iccid", "plan"} {
		list.WriteString(prefix + name + ", ")
	}
	return list.String() + settingNames(prefix)
}

var selectRowErrors = newStatement(statement{
	name:    "select_row_errors",
	does:    "Checks the SIMs of an import.",
	given:   "@limit: maximum number of rows. @alike: how many values of the same field with the same code are rows of their own.",
	returns: "The errors in the order of the import, each with the first SIMs that have it and their number, and the total of all errors.",
	setup:   stagingTables,
	text: `
		WITH errors AS (
			SELECT s.n, 'account' AS field, s.operator_id AS value, 'unknown_account' AS code
			FROM staged_sims s
			WHERE NOT EXISTS (SELECT 1 FROM accounts a WHERE a.operator_id = s.operator_id)
			UNION ALL
			SELECT s.n, 'account', s.operator_id, 'account_closed'
			FROM staged_sims s
			JOIN accounts a USING (operator_id)
			WHERE a.standing = 'closed'
			UNION ALL
			SELECT s.n, 'plan', s.plan, 'unknown_plan'
			FROM staged_sims s
			WHERE NOT EXISTS (SELECT 1 FROM plans p WHERE p.name = s.plan)
			UNION ALL
			SELECT s.n, 'plan', s.plan, 'plan_not_available'
			FROM staged_sims s
			JOIN accounts a USING (operator_id)
			WHERE s.plan <> ALL (nullif(a.plans, '{}'))
			UNION ALL
			SELECT s.n, 'external_id', s.external_id, 'taken'
			FROM staged_sims s
			JOIN sim_details d USING (external_id)
			UNION ALL
			SELECT n, 'external_id', external_id, 'duplicate'
			FROM (SELECT n, external_id, row_number() OVER (PARTITION BY external_id ORDER BY n) AS nth FROM staged_sims) AS s
			WHERE nth > 1 AND external_id IS NOT NULL
			UNION ALL
			(
				SELECT i.n, i.kind, CASE i.kind WHEN 'iccid' THEN s.iccid ELSE i.identifier END, 'taken'
				FROM staged_identifiers i
				JOIN identifiers USING (identifier)
				JOIN staged_sims s USING (n)
				UNION -- an ICCID is staged in both its forms
				SELECT n, kind, CASE kind WHEN 'iccid' THEN iccid ELSE identifier END, 'duplicate'
				FROM (
					SELECT i.n, i.kind, i.identifier, s.iccid, row_number() OVER (PARTITION BY i.identifier ORDER BY i.n) AS nth
					FROM staged_identifiers i
					JOIN staged_sims s USING (n)
				) AS i
				WHERE nth > 1
			)
		), ranked AS (
			SELECT *, dense_rank() OVER (PARTITION BY field, code ORDER BY value) AS nth
			FROM errors
		), kinds AS (
			SELECT n, field, value, code, max(nth) OVER (PARTITION BY field, code) > @alike AS example
			FROM ranked
		)
		SELECT
			(array_agg(n ORDER BY n))[1:10] AS rows, count(*) AS count, field, (array_agg(value ORDER BY n))[1] AS value, code, example,
			sum(count(*)) OVER () AS total
		FROM kinds
		GROUP BY field, code, example, CASE WHEN NOT example THEN value END
		ORDER BY min(n), field, value
		LIMIT @limit`,
})

var importSIMs = newStatement(statement{
	name:  "import_sims",
	does:  "Creates the SIMs of an import, their details, their first registrations, which get the same instant in since, and the rows of changes that say so.",
	setup: stagingTables,
	text: `
		WITH created AS (
			INSERT INTO sims (id, account, since, ` + importedColumns("") + `)
			OVERRIDING SYSTEM VALUE
			SELECT s.id, a.id, clock_timestamp(), ` + importedColumns("s.") + `
			FROM staged_sims s
			JOIN accounts a USING (operator_id)
			ORDER BY s.id
			RETURNING id, since, account, ` + createdValues() + ` AS created_with
		), detailed AS (
			INSERT INTO sim_details (sim, eid, lot, external_id)
			SELECT id, eid, lot, external_id
			FROM staged_sims
			WHERE eid IS NOT NULL OR lot IS NOT NULL OR external_id IS NOT NULL
		), changed AS (
			` + indent(3, insertCreated) + `
		)
		INSERT INTO registrations (sim, since, account)
		SELECT id, since, account
		FROM created`,
})

var importIdentifiers = newStatement(statement{
	name:  "import_identifiers",
	does:  "Creates the identifiers of an import, in order, so that two imports cannot deadlock.",
	setup: stagingTables,
	text: `
		INSERT INTO identifiers (identifier, sim, kind)
		SELECT i.identifier, s.id, i.kind
		FROM staged_identifiers i
		JOIN staged_sims s USING (n)
		ORDER BY i.identifier`,
})

var resolveStagedAccounts = newStatement(statement{
	name:  "resolve_staged_accounts",
	does:  "Replaces external ids of accounts, which have ext: before them, by the operator ids. An external id that no account has stays.",
	setup: stagingTables,
	text: `
		UPDATE staged_sims s
		SET operator_id = a.operator_id
		FROM accounts a
		WHERE s.operator_id LIKE 'ext:%' AND a.external_id = substr(s.operator_id, 5)`,
})

// stage copies an import to the staging tables.
func (t *Tx) stage(ctx context.Context, sims iter.Seq[NewSIM]) (stagedImport, error) {
	if err := t.command(ctx, stagingTables); err != nil {
		return stagedImport{}, err
	}
	staged, err := t.stageSIMs(ctx, sims)
	if err != nil {
		return staged, err
	}
	if staged.external {
		if _, err := t.exec(ctx, resolveStagedAccounts, args{}); err != nil {
			return staged, err
		}
	}
	if err := t.stageIdentifiers(ctx, sims); err != nil {
		return staged, err
	}
	return staged, t.command(ctx, `ANALYZE staged_sims, staged_identifiers`)
}

// stagedImport is what an import has.
type stagedImport struct {
	first      NewSIM
	perAccount map[transfer.AccountRef]int // the number of SIMs
	external   bool                        // whether any SIM names its account by an external id
}

func (t *Tx) stageSIMs(ctx context.Context, sims iter.Seq[NewSIM]) (staged stagedImport, err error) {
	staged.perAccount = map[transfer.AccountRef]int{}
	err = t.copyIn(ctx, `COPY staged_sims (n, operator_id, eid, lot, external_id, `+importedColumns("")+`) FROM STDIN`, func(to *copiedRows) error {
		n := -1
		for s := range sims {
			n++
			if n == 0 {
				staged.first = s
			}
			staged.perAccount[s.Account]++
			if _, is := s.Account.External(); is {
				staged.external = true
			}
			to.add(n, string(s.Account), s.EID, s.Lot, s.ExternalID, string(s.Status), s.TransferLock, s.ICCID.String(), s.Plan)
			to.add(s.settingValues()...)
			if err := to.end(); err != nil {
				return err
			}
		}
		return nil
	})
	return staged, err
}

func (t *Tx) stageIdentifiers(ctx context.Context, sims iter.Seq[NewSIM]) error {
	return t.copyIn(ctx, `COPY staged_identifiers (n, identifier, kind) FROM STDIN`, func(to *copiedRows) error {
		n := -1
		add := func(id transfer.Identifier, kind string) error {
			to.addInt(n)
			to.addText(id.String())
			to.addText(kind)
			return to.end()
		}
		for s := range sims {
			n++
			err := add(s.ICCID, "iccid")
			if other, ok := s.ICCID.OtherForm(); ok { // so that it is found, and unique, in either form
				err = errors.Join(err, add(other, "iccid"))
			}
			for _, imsi := range s.IMSIs {
				err = errors.Join(err, add(imsi, "imsi"))
			}
			for _, msisdn := range s.MSISDNs {
				err = errors.Join(err, add(msisdn, "msisdn"))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

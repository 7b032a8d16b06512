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
	OperatorID     transfer.OperatorID // of the owner
	Status         transfer.Status
	Plan           string
	TransferLock   bool
	SIMSettings
}

// ImportFault is what is wrong with a SIM of an import.
type ImportFault struct {
	N     int    `db:"n"`     // its place in the import, from 0
	Field string `db:"field"` // account, plan, iccid, imsi or msisdn
	Value string `db:"value"`
	Fault Fault  `db:"fault"`
}

// Fault says in what way a SIM is wrong.
type Fault string

// The faults of a SIM that only the database can see.
const (
	UnknownAccount   Fault = "unknown_account"
	UnknownPlan      Fault = "unknown_plan"
	TakenIdentifier  Fault = "taken"     // a SIM of the inventory has it
	DoubleIdentifier Fault = "duplicate" // an earlier SIM of the import, or the same, has it
)

// ImportError says which SIMs made an import fail. Nothing was imported.
type ImportError struct {
	Faults []ImportFault // in the order of the import, at most 100
}

func (e *ImportError) Error() string {
	return fmt.Sprintf("an import has %d faults or more", len(e.Faults))
}

// maxImportFaults is how many faults an ImportError lists.
const maxImportFaults = 100

// importTimeout is for one statement of the largest import.
const importTimeout = 5 * time.Minute

// ImportSIMs makes SIMs with their identifiers and first registrations, all or
// none, and returns how many. The sequence is read several times. Data
// sessions that are open already are linked to their SIMs. It returns a
// *ImportError when SIMs are wrong.
func (t *Tx) ImportSIMs(ctx context.Context, sims iter.Seq[NewSIM]) (int64, error) {
	if err := t.AllowLong(ctx, importTimeout); err != nil {
		return 0, err
	}
	if err := t.stage(ctx, sims); err != nil {
		return 0, fmt.Errorf("staging an import: %w", err)
	}
	var faults []ImportFault
	if err := t.tx.SelectContext(ctx, &faults, importFaults, maxImportFaults); err != nil {
		return 0, fmt.Errorf("checking an import: %w", err)
	}
	if len(faults) > 0 {
		return 0, &ImportError{faults}
	}
	n, err := t.rawExec(ctx, importSIMs())
	if err != nil {
		return 0, fmt.Errorf("importing SIMs: %w", err)
	}
	if _, err := t.rawExec(ctx, importIdentifiers); isUnique(err, "identifiers_pkey") {
		return 0, errLostRace // tried again, the check will name the SIM
	} else if err != nil {
		return 0, fmt.Errorf("importing identifiers: %w", err)
	}
	if _, _, err := t.linkSessions(ctx, 0, 0); err != nil {
		return 0, err
	}
	return n, nil
}

// importedColumns lists the columns of sims that have values in an import, in
// the order in which stageSIMs copies them, with a prefix such as "s.".
func importedColumns(prefix string) string {
	var list strings.Builder
	for _, name := range []string{"status", "transfer_lock", "iccid", "plan"} {
		list.WriteString(prefix + name + ", ")
	}
	return list.String() + settingNames(prefix)
}

func stageSIM() string {
	return `COPY staged_sims (n, operator_id, ` + importedColumns("") + `) FROM STDIN`
}

// importSIMs gives a SIM and its registration the same instant.
func importSIMs() string {
	return `
		WITH made AS (
			INSERT INTO sims (id, account, since, ` + importedColumns("") + `)
			OVERRIDING SYSTEM VALUE
			SELECT s.id, a.id, clock_timestamp(), ` + importedColumns("s.") + `
			FROM staged_sims s
			JOIN accounts a USING (operator_id)
			ORDER BY s.id
			RETURNING id, since, account
		)
		INSERT INTO registrations (sim, since, account)
		SELECT id, since, account
		FROM made`
}

const (
	// The ids are assigned as the rows come in, so that they follow the upload.
	stageTables = `
		CREATE TEMPORARY TABLE staged_sims (
			LIKE sims,
			n           integer NOT NULL,
			operator_id text NOT NULL
		) ON COMMIT DROP;
		ALTER TABLE staged_sims
			ALTER COLUMN id SET DEFAULT nextval('sims_id_seq'),
			DROP COLUMN account,
			DROP COLUMN since;
		CREATE TEMPORARY TABLE staged_identifiers (
			n          integer NOT NULL,
			identifier text NOT NULL,
			kind       text NOT NULL
		) ON COMMIT DROP`

	stageIdentifier = `COPY staged_identifiers (n, identifier, kind) FROM STDIN`

	importFaults = `
		WITH faults AS (
			SELECT s.n, 'account' AS field, s.operator_id AS value, 'unknown_account' AS fault
			FROM staged_sims s
			WHERE NOT EXISTS (SELECT 1 FROM accounts a WHERE a.operator_id = s.operator_id)
			UNION ALL
			SELECT s.n, 'plan', s.plan, 'unknown_plan'
			FROM staged_sims s
			WHERE NOT EXISTS (SELECT 1 FROM plans p WHERE p.name = s.plan)
			UNION ALL
			SELECT i.n, i.kind, i.identifier, 'taken'
			FROM staged_identifiers i
			JOIN identifiers USING (identifier)
			UNION ALL
			SELECT n, kind, identifier, 'duplicate'
			FROM (
				SELECT n, kind, identifier, row_number() OVER (PARTITION BY identifier ORDER BY n) AS nth
				FROM staged_identifiers
			) AS i
			WHERE nth > 1
		)
		SELECT n, field, value, fault
		FROM faults
		ORDER BY n, field, value
		LIMIT $1`

	// In one order, so that two imports cannot block each other.
	importIdentifiers = `
		INSERT INTO identifiers (identifier, sim, kind)
		SELECT i.identifier, s.id, i.kind
		FROM staged_identifiers i
		JOIN staged_sims s USING (n)
		ORDER BY i.identifier`
)

func (t *Tx) stage(ctx context.Context, sims iter.Seq[NewSIM]) error {
	if _, err := t.rawExec(ctx, stageTables); err != nil {
		return err
	}
	if err := t.stageSIMs(ctx, sims); err != nil {
		return err
	}
	if err := t.stageIdentifiers(ctx, sims); err != nil {
		return err
	}
	_, err := t.rawExec(ctx, `ANALYZE staged_sims, staged_identifiers`)
	return err
}

func (t *Tx) stageSIMs(ctx context.Context, sims iter.Seq[NewSIM]) error {
	return t.copyIn(ctx, stageSIM(), func(add func(...any) error) error {
		n := -1
		for s := range sims {
			n++
			row := []any{n, string(s.OperatorID), string(s.Status), s.TransferLock, s.ICCID.String(), s.Plan}
			if err := add(append(row, s.SIMSettings.values()...)...); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *Tx) stageIdentifiers(ctx context.Context, sims iter.Seq[NewSIM]) error {
	return t.copyIn(ctx, stageIdentifier, func(add func(...any) error) error {
		n := -1
		for s := range sims {
			n++
			err := add(n, s.ICCID.String(), "iccid")
			for _, imsi := range s.IMSIs {
				err = errors.Join(err, add(n, imsi.String(), "imsi"))
			}
			for _, msisdn := range s.MSISDNs {
				err = errors.Join(err, add(n, msisdn.String(), "msisdn"))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// copyIn runs a COPY statement; fill calls add once per row.
func (t *Tx) copyIn(ctx context.Context, statement string, fill func(add func(...any) error) error) error {
	stmt, err := t.tx.PrepareContext(ctx, statement)
	if err != nil {
		return err
	}
	defer func() { _ = stmt.Close() }()
	if err := fill(func(values ...any) error {
		_, err := stmt.ExecContext(ctx, values...)
		return err
	}); err != nil {
		return err
	}
	_, err = stmt.ExecContext(ctx)
	return err
}

// LinkSessions links open data sessions whose SIM was not known when they
// started to SIMs that are known by now. An import links what it finds; a
// session that started while the import ran is found by the next call. Of the
// sessions behind the id after it looks at no more than some thousand, since
// those of SIMs that are not ours stay unlinked for ever. It returns how many it
// has linked, and the last id that it looked at; zero when that was the end.
func (db *DB) LinkSessions(ctx context.Context, after int64) (linked, last int64, err error) {
	const most = 5000
	err = db.InRetriedTx(ctx, func(t *Tx) error {
		linked, last, err = t.linkSessions(ctx, after, most)
		return err
	})
	return linked, last, err
}

// linkSessions does late what the trigger does when a session starts: lock the
// SIMs, then look. It looks at no more than most sessions, and at all of
// them for zero.
func (t *Tx) linkSessions(ctx context.Context, after int64, most int) (linked, last int64, err error) {
	var page []struct {
		Session int64  `db:"radacctid"`
		SIM     *int64 `db:"known"`
	}
	if err := t.tx.SelectContext(ctx, &page, `
		SELECT radacctid, radius.session_sim(username, callingstationid) AS known
		FROM radius.radacct
		WHERE sim IS NULL AND acctstoptime IS NULL AND radacctid > $1
		ORDER BY sim, radacctid -- as the index has them
		LIMIT nullif($2, 0)`, after, most); err != nil {
		return 0, 0, fmt.Errorf("looking for unlinked sessions: %w", err)
	}
	if len(page) == most && most > 0 {
		last = page[most-1].Session
	}
	var sessions, sims []int64
	for _, p := range page {
		if p.SIM != nil {
			sessions, sims = append(sessions, p.Session), append(sims, *p.SIM)
		}
	}
	if len(sessions) == 0 {
		return 0, last, nil
	}
	if _, err := t.rawExec(ctx, `SELECT id FROM sims WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE`, pq.Array(sims)); err != nil {
		return 0, 0, fmt.Errorf("locking the SIMs of %d unlinked sessions: %w", len(sessions), err)
	}
	if err := t.rawGet(ctx, &linked, `
		WITH linked AS (
			UPDATE radius.radacct
			SET sim = u.sim
			FROM unnest($1::bigint[], $2::bigint[]) AS u (session, sim)
			WHERE radacctid = u.session AND radacct.sim IS NULL AND acctstoptime IS NULL
			RETURNING radacctid, radacct.sim, nasipaddress, radius.outlived(radacct.sim, acctstarttime) AS outlived
		), woken AS (
			UPDATE sims
			SET status = 'active'
			WHERE status = 'ready' AND id IN (SELECT sim FROM linked WHERE NOT outlived)
		), strays AS (
			INSERT INTO work (kind, items, n, gateway, queue)
			SELECT 'drop_stray', ARRAY[radacctid], 1, host(nasipaddress), 'gateway'
			FROM linked
			WHERE outlived
		)
		SELECT count(*) FROM linked`, pq.Array(sessions), pq.Array(sims)); err != nil {
		return 0, 0, fmt.Errorf("linking %d sessions: %w", len(sessions), err)
	}
	return linked, last, nil
}

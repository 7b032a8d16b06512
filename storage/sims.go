package storage

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"simtransfer/transfer"
)

// Plan is a tariff that SIMs are on.
type Plan struct {
	Name          string `db:"name"`
	CoverageBound bool   `db:"coverage_bound"` // its SIMs cannot move to an account of another coverage
}

// Plans lists every plan by name.
func (db *DB) Plans(ctx context.Context) ([]Plan, error) {
	list := []Plan{}
	if err := db.pool.SelectContext(ctx, &list, `SELECT name, coverage_bound FROM plans ORDER BY name`); err != nil {
		return nil, fmt.Errorf("listing plans: %w", err)
	}
	return list, nil
}

// PutPlan makes a plan known, or changes it.
func (db *DB) PutPlan(ctx context.Context, p Plan) error {
	if _, err := db.pool.ExecContext(ctx, `
		INSERT INTO plans (name, coverage_bound)
		VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET coverage_bound = excluded.coverage_bound`, p.Name, p.CoverageBound,
	); err != nil {
		return fmt.Errorf("putting plan %q: %w", p.Name, err)
	}
	return nil
}

// SIM is a SIM as its owner sees it.
type SIM struct {
	ID           int64               `db:"id"`
	OperatorID   transfer.OperatorID `db:"operator_id"` // of the owner
	Since        time.Time           `db:"since"`       // when the SIM was registered to the owner
	ICCID        string              `db:"iccid"`
	IMSIs        pq.StringArray      `db:"imsis"`
	MSISDNs      pq.StringArray      `db:"msisdns"`
	Status       transfer.Status     `db:"status"`
	Plan         string              `db:"plan"`
	TransferLock bool                `db:"transfer_lock"`
	SIMSettings
	Online           bool                   `db:"online"`  // has an open data session
	Request          *uuid.UUID             `db:"request"` // the request that holds the claim on the SIM; nil: none
	RequestState     *transfer.RequestState `db:"request_state"`
	RequestExpiresAt *time.Time             `db:"request_expires_at"`
}

func simColumns() string {
	return `
	s.id,
	a.operator_id,
	s.since,
	s.iccid,
	ARRAY(SELECT identifier FROM identifiers WHERE sim = s.id AND kind = 'imsi' ORDER BY identifier) AS imsis,
	ARRAY(SELECT identifier FROM identifiers WHERE sim = s.id AND kind = 'msisdn' ORDER BY identifier) AS msisdns,
	s.status,
	s.plan,
	s.transfer_lock,
	` + settingNames("s.") + `,
	EXISTS (SELECT 1 FROM radius.radacct WHERE sim = s.id AND acctstoptime IS NULL) AS online,
	o.request,
	r.state AS request_state,
	r.expires_at AS request_expires_at
FROM sims s
JOIN accounts a ON a.id = s.account
LEFT JOIN open_transfers o ON o.sim = s.id
LEFT JOIN requests r ON r.id = o.request`
}

// SIM returns the SIM that an identifier names, if it is registered to an
// account, or else ErrNotFound. Account zero sees every SIM.
func (db *DB) SIM(ctx context.Context, account int64, id transfer.Identifier) (SIM, error) {
	var s SIM
	err := db.pool.GetContext(ctx, &s, `
		SELECT`+simColumns()+`
		WHERE s.id = (SELECT sim FROM identifiers WHERE identifier = $1) AND ($2 = 0 OR s.account = $2)`,
		id.String(), account)
	return s, notFound(err)
}

// SIMFilter narrows a list of SIMs; zero fields do not.
type SIMFilter struct {
	Account int64
	Status  transfer.Status
	Plan    string
	Group   string
	Tag     string // name=value, or a name alone for any value
	Prefix  string // of one of its identifiers: 6 digits or more
	After   int64  // only SIMs behind this id: the cursor
	Limit   int    // at most this many; required
}

// SIMs lists SIMs in the order in which they were imported.
func (db *DB) SIMs(ctx context.Context, f SIMFilter) ([]SIM, error) {
	list := []SIM{}
	tag, text, valued := strings.Cut(f.Tag, "=")
	value := sql.NullString{String: text, Valid: valued}
	few, err := db.fewWithPrefix(ctx, f.Prefix)
	if err != nil {
		return nil, err
	}
	err = db.pool.SelectContext(ctx, &list, `
		SELECT`+simColumns()+`
		WHERE ($1 = 0 OR s.account = $1)
		  AND ($2 = '' OR s.status = $2)
		  AND s.id > $3
		  AND ($5 = '' OR s.plan = $5)
		  AND ($6 = '' OR s.sim_group = $6)
		  AND ($7 = '' OR CASE WHEN $8::text IS NULL THEN s.tags ? $7 ELSE s.tags ->> $7 = $8 END)
		  AND ($10::bigint[] IS NULL OR s.id = ANY ($10))
		  AND ($9 = '' OR EXISTS (SELECT 1 FROM identifiers WHERE sim = s.id AND `+hasPrefixSQL("$9")+`))
		ORDER BY s.id
		LIMIT $4`, f.Account, f.Status, f.After, f.Limit, f.Plan, f.Group, tag, value, f.Prefix, few)
	if err != nil {
		return nil, fmt.Errorf("listing SIMs: %w", err)
	}
	return list, nil
}

// fewWithPrefix returns the SIMs that have an identifier with a prefix, if they
// are so few that a list begins best with them; otherwise, and without a
// prefix, nil: then a list soon meets enough of them.
func (db *DB) fewWithPrefix(ctx context.Context, prefix string) (few pq.Int64Array, err error) {
	const most = 50000
	if prefix == "" {
		return nil, nil
	}
	if err := db.pool.GetContext(ctx, &few, `
		SELECT coalesce(array_agg(sim), '{}')
		FROM (SELECT sim FROM identifiers WHERE `+hasPrefixSQL("$1")+` LIMIT $2) found`, prefix, most+1); err != nil {
		return nil, fmt.Errorf("looking for identifiers that begin with %s: %w", prefix, err)
	}
	if len(few) > most {
		return nil, nil
	}
	return few, nil
}

// hasPrefixSQL says that an identifier, at most 22 digits, begins with others.
func hasPrefixSQL(prefix string) string {
	return "identifier BETWEEN " + prefix + "::text AND rpad(" + prefix + ", 22, '9')"
}

// SIMChange is what to change of a SIM; a nil field stays.
type SIMChange struct {
	TransferLock *bool
	Tags         Tags    // all of them; nil stays, empty takes them all away
	Group        *string // empty takes the SIM out of its group
	Status       *transfer.Status
}

// UpdateSIM changes the SIM that an identifier names, if it is registered to
// an account at that instant, or else returns ErrNotFound. Account zero
// changes any SIM.
func (db *DB) UpdateSIM(ctx context.Context, account int64, id transfer.Identifier, c SIMChange) (SIM, error) {
	var tags any // null stays
	if c.Tags != nil {
		tags = c.Tags
	}
	var s SIM
	err := db.InRetriedTx(ctx, func(t *Tx) error {
		n, err := t.rawExec(ctx, `
			UPDATE sims
			SET transfer_lock = coalesce($3, transfer_lock),
				tags = coalesce($4::jsonb, tags),
				sim_group = CASE WHEN $5::text IS NULL THEN sim_group ELSE nullif($5, '') END,
				status = coalesce($6, status)
			WHERE id = (SELECT sim FROM identifiers WHERE identifier = $1) AND ($2 = 0 OR account = $2)`,
			id.String(), account, c.TransferLock, tags, c.Group, c.Status)
		if err != nil {
			return fmt.Errorf("changing SIM %s: %w", id, err)
		}
		if n == 0 {
			return ErrNotFound
		}
		if err := t.rawGet(ctx, &s, `
			SELECT`+simColumns()+`
			WHERE s.id = (SELECT sim FROM identifiers WHERE identifier = $1)`, id.String()); err != nil {
			return fmt.Errorf("reading SIM %s: %w", id, err)
		}
		return nil
	})
	return s, err
}

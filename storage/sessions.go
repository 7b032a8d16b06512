package storage

import (
	"context"
	"fmt"

	"github.com/lib/pq"

	"simtransfer/transfer"
)

// OpenSession is a data session that has to end before its SIM changes hands.
type OpenSession struct {
	N                int64   `db:"n"` // the transfer's number; 0 for a stray session
	ID               int64   `db:"radacctid"`
	AcctSessionID    string  `db:"acctsessionid"`
	Username         string  `db:"username"`
	CallingStationID string  `db:"callingstationid"`
	NASIPAddress     string  `db:"nasipaddress"`
	Server           *string `db:"server"` // host:port for Disconnect-Requests; null: the gateway is not in radius.nas
	Secret           *string `db:"secret"`
}

const sessionColumns = `
	a.radacctid,
	a.acctsessionid,
	coalesce(a.username, '') AS username,
	coalesce(a.callingstationid, '') AS callingstationid,
	host(a.nasipaddress) AS nasipaddress,
	coalesce(nullif(g.server, ''), CASE family(a.nasipaddress) WHEN 6 THEN '[' || g.nasname || ']' ELSE g.nasname END || ':3799') AS server,
	g.secret
FROM radius.radacct a
LEFT JOIN radius.nas g ON g.nasname = host(a.nasipaddress)`

// SessionsOf lists the open sessions of drop work, at whichever gateway.
func (db *DB) SessionsOf(ctx context.Context, w Work) ([]OpenSession, error) {
	var list []OpenSession
	query, args := `
		SELECT t.n,`+sessionColumns+`
		JOIN transfers t ON t.request = $1 AND t.n = ANY($2::int[]) AND t.sim = a.sim
		WHERE a.acctstoptime IS NULL AND t.state = 'eligible'
		ORDER BY t.n, a.radacctid`, []any{w.Request, w.Items}
	if w.Kind == transfer.WorkDropStray {
		query, args = `
		SELECT 0 AS n,`+sessionColumns+`
		WHERE a.acctstoptime IS NULL AND a.radacctid = ANY($1)`, []any{w.Items}
	}
	if err := db.hotSelect(ctx, &list, query, args...); err != nil {
		return nil, fmt.Errorf("listing the sessions of work %d: %w", w.ID, err)
	}
	return list, nil
}

// CloseSessions closes the sessions that a gateway has acknowledged as gone,
// by id, if its own Stop has not yet.
func (t *Tx) CloseSessions(ctx context.Context, ids []int64) error {
	if err := t.hotExec(ctx, `
		UPDATE radius.radacct a
		SET acctstoptime = clock_timestamp(),
			acctupdatetime = clock_timestamp(),
			acctsessiontime = extract(epoch FROM clock_timestamp() - a.acctstarttime)::bigint,
			acctterminatecause = 'Admin-Reset'
		FROM (SELECT radacctid FROM radius.radacct WHERE radacctid = ANY($1) AND acctstoptime IS NULL ORDER BY radacctid FOR UPDATE) open
		WHERE a.radacctid = open.radacctid`, pq.Array(ids)); err != nil {
		return fmt.Errorf("closing %d sessions: %w", len(ids), err)
	}
	return nil
}

// HandOverDropped moves those SIMs of drop work, by number, whose sessions are
// gone; the work row is locked by its lease and the SIMs are locked. SIMs that
// are online again stay in the work. Dropped lists those of which we ended a
// session, rather than found it ended; some may have others left. It returns how
// many SIMs the work is over for.
func (t *Tx) HandOverDropped(ctx context.Context, w Work, numbers, dropped []int64) (over int, err error) {
	query := handOverSQL(inItems, "", "t.session_dropped OR t.n = ANY(coalesce($3::int[], '{}'))")
	c, err := t.handOver(ctx, w, query, pq.Array(numbers), pq.Array(dropped))
	if err != nil {
		return 0, err
	}
	c.HandedOff = 0 // those still online stay where they are
	over = -c.Eligible
	all := over == len(w.Items)
	if !all {
		err = t.keepWhatIsLeft(ctx, w, dropped)
	}
	if err == nil && over > 0 {
		_, err = t.closeWork(ctx, w, over, c, all)
	}
	return over, err
}

// keepWhatIsLeft takes the transfers that are over out of drop work, and notes
// on the others that a session of theirs was dropped.
func (t *Tx) keepWhatIsLeft(ctx context.Context, w Work, dropped []int64) error {
	if _, err := t.rawExec(ctx, `
		UPDATE transfers
		SET session_dropped = true
		WHERE request = $1 AND n = ANY($2::int[]) AND state = 'eligible' AND NOT session_dropped`, w.Request, pq.Array(dropped)); err != nil {
		return fmt.Errorf("noting the sessions that work %d dropped: %w", w.ID, err)
	}
	if _, err := t.rawExec(ctx, `
		UPDATE work w
		SET items = l.items, n = cardinality(l.items)
		FROM (
			SELECT array_agg(n::bigint ORDER BY n) AS items
			FROM transfers
			WHERE request = $2 AND n = ANY($3::int[]) AND state = 'eligible'
		) l
		WHERE w.id = $1`, w.ID, w.Request, w.Items); err != nil {
		return fmt.Errorf("shrinking work %d: %w", w.ID, err)
	}
	return nil
}

// EndStray ends the work of a stray session that is gone; the transaction has
// it locked.
func (t *Tx) EndStray(ctx context.Context, w Work) error {
	if err := t.hotExec(ctx, `DELETE FROM work WHERE id = $1`, w.ID); err != nil {
		return fmt.Errorf("deleting work %d: %w", w.ID, err)
	}
	return nil
}

// failItems gives up the transfers that are left in drop work.
func (t *Tx) failItems(ctx context.Context, w Work, reason transfer.Reason) error {
	c, err := t.failOpen(ctx, w, reason)
	if err != nil {
		return err
	}
	_, err = t.closeWork(ctx, w, w.N, c, true)
	return err
}

// failOpen fails every eligible transfer of a piece of work, and in validation
// makes every pending one ineligible.
func (t *Tx) failOpen(ctx context.Context, w Work, reason transfer.Reason) (Counts, error) {
	which, args := inChunk, []any{w.Request, w.Lo, w.Hi, reason}
	if len(w.Items) > 0 {
		which, args = inItems+` AND $3::int IS NULL`, []any{w.Request, w.Items, nil, reason}
	}
	var c Counts
	err := t.rawGet(ctx, &c, `
		WITH open AS MATERIALIZED (
			SELECT t.n, t.sim, t.state, t.method, t.fee
			FROM transfers t
			WHERE t.request = $1 AND `+which+` AND t.state IN ('pending', 'eligible')
		), marked AS (
			UPDATE transfers t
			SET state = CASE open.state WHEN 'pending' THEN 'ineligible' ELSE 'failed' END, reason = $4, finished_at = clock_timestamp()
			FROM open
			WHERE t.request = $1 AND t.n = open.n
		), unclaimed AS (
			DELETE FROM open_transfers o
			USING open
			WHERE o.sim = open.sim AND o.request = $1 AND o.n = open.n
		)
		SELECT
			count(*) FILTER (WHERE state = 'pending') AS ineligible,
			count(*) FILTER (WHERE state = 'eligible') AS failed,
			-count(*) FILTER (WHERE state = 'eligible') AS eligible,
			-count(*) FILTER (WHERE state = 'eligible' AND method = 'support_assisted') AS support,
			-count(*) FILTER (WHERE state = 'eligible' AND fee IS NULL) AS unquoted,
			-coalesce(sum(fee) FILTER (WHERE state = 'eligible'), 0) AS quoted
		FROM open`, args...)
	if err != nil {
		return c, fmt.Errorf("failing the SIMs of work %d: %w", w.ID, err)
	}
	return c, nil
}

package storage

import (
	"context"
	"fmt"
	"time"

	"github.com/lib/pq"

	"simtransfer/transfer"
)

// StaleSession is an open data session that its gateway has not reported for a
// while: its end may have been lost, and the gateway may be gone.
type StaleSession struct {
	ID       int64     `db:"radacctid" json:"id"`
	ICCID    *string   `db:"iccid" json:"iccid"` // nil: no SIM of the inventory
	Gateway  string    `db:"gateway" json:"gateway"`
	Started  time.Time `db:"acctstarttime" json:"started_at"`
	LastNews time.Time `db:"last_news" json:"last_news_at"`
}

var selectStaleSessions = newStatement(statement{
	name:    "select_stale_sessions",
	does:    "Lists open sessions that their gateway has not reported for some time, by id.",
	given:   "@seconds since the last news, the id @after which to start, and the @limit.",
	returns: "A row for each session.",
	text: `
SELECT
	a.radacctid,
	s.iccid,
	host(a.nasipaddress) AS gateway,
	a.acctstarttime,
	coalesce(a.acctupdatetime, a.acctstarttime) AS last_news
FROM radius.radacct a
LEFT JOIN sims s ON s.id = a.sim
WHERE a.acctstoptime IS NULL
  AND coalesce(a.acctupdatetime, a.acctstarttime) < clock_timestamp() - make_interval(secs => @seconds)
  AND a.radacctid > @after
ORDER BY a.radacctid
LIMIT @limit`,
})

// StaleSessions lists up to limit open sessions, by id and starting after an id,
// that their gateways have not reported for at least age.
func (db *DB) StaleSessions(ctx context.Context, age time.Duration, after int64, limit int) ([]StaleSession, error) {
	list := []StaleSession{}
	if err := db.list(ctx, &list, selectStaleSessions, args{"seconds": age.Seconds(), "after": after, "limit": limit}); err != nil {
		return nil, fmt.Errorf("listing stale sessions: %w", err)
	}
	return list, nil
}

var closeStaleSessions = newStatement(statement{
	name: "close_stale_sessions",
	does: `Closes open sessions that their gateway has not reported for some time, at the time of the last news. If the
		gateway reports one again, the trigger on radacct opens it again.`,
	given:   "@seconds since the last news; the @ids of the sessions, or none for all; the @limit.",
	returns: "The id of each session that was closed.",
	locks:   "Takes the sessions, by ascending id; skips those that are locked.",
	text: `
WITH stale AS (
	SELECT radacctid, coalesce(acctupdatetime, acctstarttime) AS last_news
	FROM radius.radacct
	WHERE acctstoptime IS NULL
	  AND coalesce(acctupdatetime, acctstarttime) < clock_timestamp() - make_interval(secs => @seconds)
	  AND (cardinality(@ids::bigint[]) = 0 OR radacctid = ANY(@ids))
	ORDER BY radacctid
	LIMIT @limit
	FOR UPDATE SKIP LOCKED
)
UPDATE radius.radacct a
SET acctstoptime = stale.last_news,
	acctsessiontime = extract(epoch FROM stale.last_news - a.acctstarttime)::bigint,
	acctterminatecause = 'Stale-Session',
	closed_at = stale.last_news
FROM stale
WHERE a.radacctid = stale.radacctid
RETURNING a.radacctid`,
})

// CloseStaleSessions closes up to limit open sessions that their gateways have
// not reported for at least age: those with the given ids, or all without ids. It returns how many
// it closed, and records that in the audit trail.
func (db *DB) CloseStaleSessions(ctx context.Context, by Actor, age time.Duration, ids []int64, limit int) (int, error) {
	var closed []int64
	err := db.InRetriedTx(ctx, func(t *Tx) error {
		closed = nil
		if err := t.list(ctx, &closed, closeStaleSessions, args{
			"seconds": age.Seconds(), "ids": pq.Array(append([]int64{}, ids...)), "limit": limit,
		}); err != nil {
			return fmt.Errorf("closing stale sessions: %w", err)
		}
		if len(closed) == 0 {
			return nil
		}
		return t.Audit(ctx, AuditEntry{By: by, Action: transfer.AuditDataSessionClose, Object: "data_session", After: map[string]any{
			"closed": len(closed), "sessions": closed[:min(len(closed), maxAuditedWork)],
		}, Why: "no news for " + age.String()})
	})
	return len(closed), err
}

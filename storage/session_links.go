package storage

import (
	"context"
	"fmt"

	"github.com/lib/pq"
)

// linkPage is the maximum number of sessions that one call of LinkSessions
// looks at.
const linkPage = 5000

// LinkSessions links open data sessions to SIMs that were not known when the
// sessions started. An import links the sessions that it finds; one that
// started while the import ran is linked by a later call.
//
// A call looks at up to a few thousand unlinked sessions with an id greater
// than after. Sessions of SIMs that are not in the inventory stay unlinked, so
// each call has to continue where the last one stopped: LinkSessions returns
// the number of sessions that it has linked, and the last id that it has looked
// at, or 0 if there are no more.
func (db *DB) LinkSessions(ctx context.Context, after int64) (linked, last int64, err error) {
	err = db.InRetriedTx(ctx, func(t *Tx) error {
		linked, last, err = t.linkSessions(ctx, after, linkPage)
		return err
	})
	return linked, last, err
}

var selectUnlinkedSessions = newStatement(statement{
	name:    "select_unlinked_sessions",
	does:    "Lists open data sessions that are not linked to a SIM, and the SIMs that they belong to.",
	given:   "@after: only sessions with a greater radacctid; @limit: maximum number of rows (0: all).",
	returns: "The sessions by radacctid, each with the id of its SIM, which is null if the SIM is not known.",
	text: `
		SELECT
			radacctid,
			radius.session_sim(imsi, username, callingstationid, escaped) AS sim_id
		FROM radius.radacct
		WHERE sim IS NULL
		  AND acctstoptime IS NULL
		  AND radacctid > @after
		ORDER BY sim, radacctid -- in the order of the index
		LIMIT nullif(@limit, 0)`,
})

var lockSessionSIMs = newStatement(statement{
	name:  "lock_session_sims",
	does:  "Locks the SIMs of data sessions.",
	given: "@sims: their ids.",
	locks: "Takes the SIMs by id.",
	text:  `SELECT id FROM sims WHERE id = ANY (@sims) ORDER BY id FOR NO KEY UPDATE`,
})

var linkSessions = newStatement(statement{
	name: "link_sessions",
	does: `Links open data sessions to their SIMs, makes SIMs that are ready active, and adds work to disconnect the
		sessions that outlived a transfer of their SIM.`,
	given:   "@sessions: radacctids, and as many @sims: the ids of their SIMs.",
	returns: "The number of sessions linked.",
	locks:   "The caller holds the SIMs. Takes the sessions.",
	text: `
		WITH linked AS (
			UPDATE radius.radacct
			SET sim = u.sim
			FROM unnest(@sessions::bigint[], @sims::bigint[]) AS u (session, sim)
			WHERE radacctid = u.session AND radacct.sim IS NULL AND acctstoptime IS NULL
			RETURNING radacctid, radacct.sim, nasipaddress, radius.outlived(radacct.sim, acctstarttime, class) AS outlived
		), activated AS (
			UPDATE sims
			SET status = 'active'
			WHERE status = 'ready' AND id IN (SELECT sim FROM linked WHERE NOT outlived)
		), strays AS (
			INSERT INTO work (kind, items, n, gateway, queue)
			SELECT 'drop_stray', ARRAY[radacctid], 1, host(nasipaddress), 'gateway'
			FROM linked
			WHERE outlived
		)
		SELECT count(*) FROM linked`,
})

// linkSessions does what the trigger on radacct does when a session starts:
// lock the SIM first, then look whether the session outlived a transfer. It
// looks at up to limit sessions; 0 means all.
func (t *Tx) linkSessions(ctx context.Context, after int64, limit int) (linked, last int64, err error) {
	var page []struct {
		Session int64  `db:"radacctid"`
		SIM     *int64 `db:"sim_id"` // nil: not known
	}
	if err := t.list(ctx, &page, selectUnlinkedSessions, args{"after": after, "limit": limit}); err != nil {
		return 0, 0, fmt.Errorf("looking for unlinked sessions: %w", err)
	}
	if len(page) == limit && limit > 0 {
		last = page[limit-1].Session
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
	if _, err := t.exec(ctx, lockSessionSIMs, args{"sims": pq.Array(sims)}); err != nil {
		return 0, 0, fmt.Errorf("locking the SIMs of %d unlinked sessions: %w", len(sessions), err)
	}
	if err := t.get(ctx, &linked, linkSessions, args{"sessions": pq.Array(sessions), "sims": pq.Array(sims)}); err != nil {
		return 0, 0, fmt.Errorf("linking %d sessions: %w", len(sessions), err)
	}
	return linked, last, nil
}

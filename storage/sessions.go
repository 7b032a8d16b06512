package storage

import (
	"context"
	"fmt"

	"github.com/lib/pq"

	"simtransfer/transfer"
)

// OpenSession is a data session that has to end before its SIM is transferred,
// or that outlived the transfer. Its texts are the bytes that the gateway sent,
// which may be invalid UTF-8.
type OpenSession struct {
	N                int64   `db:"n"` // the transfer's number; 0 for a stray session
	ID               int64   `db:"radacctid"`
	AcctSessionID    string  `db:"acctsessionid"`
	Username         string  `db:"username"`
	CallingStationID string  `db:"callingstationid"`
	NASIPAddress     string  `db:"nasipaddress"`
	ServiceType      string  `db:"servicetype"`
	Server           *string `db:"server"` // host:port for Disconnect-Requests; nil: the gateway is not in radius.nas
	Secret           *string `db:"secret"`
	Signed           bool    `db:"signed"` // whether its answers must have a Message-Authenticator
}

const sessionColumns = `
	a.radacctid,
	radius.unescaped(a.acctsessionid, a.escaped) AS acctsessionid,
	coalesce(radius.unescaped_username(a.username, a.escaped), '') AS username,
	coalesce(radius.unescaped(a.callingstationid, a.escaped), '') AS callingstationid,
	host(a.nasipaddress) AS nasipaddress,
	coalesce(a.servicetype, '') AS servicetype,
	CASE WHEN g.secret IS NOT NULL THEN radius.server_address(g.server, a.nasipaddress) END AS server,
	g.secret,
	coalesce(g.require_message_authenticator, false) AS signed
FROM radius.radacct a
LEFT JOIN LATERAL (
	SELECT server, secret, require_message_authenticator
	FROM radius.nas
	WHERE network >>= radius.plain_address(a.nasipaddress)
	ORDER BY masklen(network) DESC
	LIMIT 1
) g ON true`

var selectSIMSessions = newStatement(statement{
	name:     "select_sim_sessions",
	does:     "Lists the open sessions of the SIMs of some eligible transfers, with the gateways to ask.",
	given:    "@request and the @numbers of its transfers.",
	returns:  "A row for each session.",
	prepared: true,
	// OFFSET 0 keeps the planner from reading all open sessions instead of looking
	// up those of each SIM, which it prefers while its statistics know of no open
	// session.
	text: `
SELECT
	t.n,
	o.*
FROM transfers t
CROSS JOIN LATERAL (
	SELECT` + indent(1, sessionColumns) + `
	WHERE a.sim = t.sim AND a.acctstoptime IS NULL
	OFFSET 0
) o
WHERE t.request = @request AND t.n = ANY(@numbers::int[]) AND t.state = 'eligible'
ORDER BY t.n, o.radacctid`,
})

var selectStraySessions = newStatement(statement{
	name:     "select_stray_sessions",
	does:     "Lists the sessions with some ids that are still open, with the gateways to ask.",
	given:    "@ids of the sessions.",
	returns:  "A row for each session.",
	prepared: true,
	text: `
SELECT
	0 AS n,` + sessionColumns + `
WHERE a.acctstoptime IS NULL AND a.radacctid = ANY(@ids)`,
})

// SessionsOf lists the open sessions of drop work, at any gateway.
func (db *DB) SessionsOf(ctx context.Context, w Work) ([]OpenSession, error) {
	var list []OpenSession
	var err error
	if w.Kind == transfer.WorkDropStray {
		err = db.list(ctx, &list, selectStraySessions, args{"ids": w.Items})
	} else {
		err = db.list(ctx, &list, selectSIMSessions, args{"request": w.Request, "numbers": w.Items})
	}
	if err != nil {
		return nil, fmt.Errorf("listing the sessions of work %d: %w", w.ID, err)
	}
	return list, nil
}

var closeSessions = newStatement(statement{
	name:     "close_sessions",
	does:     "Closes sessions that a gateway has disconnected, unless its own accounting has already.",
	given:    "@ids of the sessions.",
	locks:    "Takes the sessions, by ascending id. The caller holds the work row and the SIMs.",
	prepared: true,
	text: `
UPDATE radius.radacct a
SET acctstoptime = open.ended,
	acctupdatetime = open.ended,
	acctsessiontime = extract(epoch FROM open.ended - a.acctstarttime)::bigint,
	acctterminatecause = 'Admin-Reset',
	closed_at = open.ended
FROM (
	SELECT radacctid, clock_timestamp() AS ended
	FROM radius.radacct
	WHERE radacctid = ANY(@ids) AND acctstoptime IS NULL
	ORDER BY radacctid
	FOR UPDATE
) open
WHERE a.radacctid = open.radacctid`,
})

// CloseSessions closes the sessions that a gateway has disconnected, by id. It
// skips those that the gateway's own accounting has already closed.
func (t *Tx) CloseSessions(ctx context.Context, ids []int64) error {
	if _, err := t.exec(ctx, closeSessions, args{"ids": pq.Array(ids)}); err != nil {
		return fmt.Errorf("closing %d sessions: %w", len(ids), err)
	}
	return nil
}

// HandOverDropped transfers the SIMs of drop work whose sessions are gone, by
// the numbers of their transfers. The caller has locked the work row by its
// lease, and then the SIMs. SIMs that are online again stay in the work. Dropped
// has the numbers of those of which a session was disconnected, as opposed to
// found closed; such a SIM may have other sessions. It returns how many
// transfers were closed.
func (t *Tx) HandOverDropped(ctx context.Context, w Work, numbers, dropped []int64) (done int, err error) {
	var h handedOver
	err = t.get(ctx, &h, handOverDropped, args{
		"request": w.Request, "numbers": pq.Array(numbers), "dropped": pq.Array(dropped),
	})
	c, err := h.checked(w, err)
	if err != nil {
		return 0, err
	}
	c.HandedOff = 0 // those that are online stay in this work
	done = -c.Eligible
	all := done == len(w.Items)
	if !all {
		err = t.keepOpenItems(ctx, w, dropped)
	}
	if err == nil && done > 0 {
		_, err = t.closeWork(ctx, w, done, c, all)
	}
	return done, err
}

var noteDropped = newStatement(statement{
	name:  "note_dropped",
	does:  "Records on eligible transfers that a session of their SIM was disconnected.",
	given: "@request and the @numbers of its transfers.",
	locks: "The caller holds the work row and the SIMs. Takes the transfers.",
	text: `
UPDATE transfers
SET session_dropped = true
WHERE request = @request AND n = ANY(@numbers::int[]) AND state = 'eligible' AND NOT session_dropped`,
})

var keepEligibleItems = newStatement(statement{
	name:  "keep_eligible_items",
	does:  "Removes from drop work the transfers that are no longer eligible.",
	given: "@id of the work, its @request, and its @items.",
	locks: "The caller holds the work row.",
	text: `
UPDATE work w
SET items = l.items, n = cardinality(l.items)
FROM (
	SELECT array_agg(n::bigint ORDER BY n) AS items
	FROM transfers
	WHERE request = @request AND n = ANY(@items::int[]) AND state = 'eligible'
) l
WHERE w.id = @id`,
})

// keepOpenItems removes the closed transfers from drop work, and records on the
// others that a session of their SIM was disconnected.
func (t *Tx) keepOpenItems(ctx context.Context, w Work, dropped []int64) error {
	if _, err := t.exec(ctx, noteDropped, args{"request": w.Request, "numbers": pq.Array(dropped)}); err != nil {
		return fmt.Errorf("recording the sessions that work %d dropped: %w", w.ID, err)
	}
	if _, err := t.exec(ctx, keepEligibleItems, args{"id": w.ID, "request": w.Request, "items": w.Items}); err != nil {
		return fmt.Errorf("removing closed transfers from work %d: %w", w.ID, err)
	}
	return nil
}

var deleteWork = newStatement(statement{
	name:     "delete_work",
	does:     "Deletes a work row.",
	given:    "@id of the work.",
	locks:    "The caller holds the work row.",
	prepared: true,
	text: `
DELETE FROM work
WHERE id = @id`,
})

// EndStray deletes the work of a stray session that is gone. The caller has
// locked the work row.
func (t *Tx) EndStray(ctx context.Context, w Work) error {
	if _, err := t.exec(ctx, deleteWork, args{"id": w.ID}); err != nil {
		return fmt.Errorf("deleting work %d: %w", w.ID, err)
	}
	return nil
}

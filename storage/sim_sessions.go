package storage

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"simtransfer/transfer"
)

// SIMSession is a data session of a SIM.
type SIMSession struct {
	Started  *time.Time `db:"acctstarttime"`
	LastNews *time.Time `db:"last_news"` // when its gateway last reported it
	Stopped  *time.Time `db:"acctstoptime"`
	Cause    *string    `db:"acctterminatecause"`
	Received int64      `db:"acctinputoctets"`  // bytes
	Sent     int64      `db:"acctoutputoctets"` // bytes
	Gateway  string     `db:"gateway"`
	Ending   bool       `db:"ending"` // there is work that ends it
	Answer   *string    `db:"answer"` // what the gateway answered last, if it did not end it
}

var selectOwnedSessions = newStatement(statement{
	name:    "select_owned_sessions",
	does:    "Lists the data sessions that a SIM has had since an instant, newest first.",
	given:   "@sim: the id of the SIM; @since: the instant; @limit: maximum number of rows.",
	returns: "The sessions, open ones included.",
	text: `
		SELECT
			a.acctstarttime,
			coalesce(a.acctupdatetime, a.acctstarttime) AS last_news,
			a.acctstoptime,
			a.acctterminatecause,
			coalesce(a.acctinputoctets, 0) AS acctinputoctets,
			coalesce(a.acctoutputoctets, 0) AS acctoutputoctets,
			host(a.nasipaddress) AS gateway,
			w.id IS NOT NULL AND w.dead_at IS NULL AS ending,
			w.error AS answer
		FROM (
			SELECT radacctid, acctstarttime, acctupdatetime, acctstoptime, acctterminatecause, acctinputoctets, acctoutputoctets, nasipaddress
			FROM radius.radacct
			WHERE sim = @sim AND acctstarttime >= @since
			ORDER BY radacctid DESC
			LIMIT @limit
		) a
		LEFT JOIN LATERAL (
			SELECT id, dead_at, error
			FROM work
			WHERE kind = 'drop_stray' AND items[1] = a.radacctid AND a.acctstoptime IS NULL
			ORDER BY id
			LIMIT 1
		) w ON true
		ORDER BY a.radacctid DESC`,
})

// SIMSessions returns the latest data sessions that a SIM has had since an
// instant, the newest first.
func (db *DB) SIMSessions(ctx context.Context, sim int64, since time.Time, limit int) ([]SIMSession, error) {
	list := []SIMSession{}
	if err := db.list(ctx, &list, selectOwnedSessions, args{"sim": sim, "since": since, "limit": limit}); err != nil {
		return nil, fmt.Errorf("reading the sessions of SIM %d: %w", sim, err)
	}
	return list, nil
}

var dropSIMSessions = newStatement(statement{
	name: "drop_sim_sessions",
	does: `Adds work that disconnects the open data sessions of a SIM, and tries dead work of these sessions again.
		Sessions that have work already keep it.`,
	given:   "@sim: its id.",
	returns: "The radacctid of each open session.",
	locks:   "The caller holds the SIM. Takes dead work of its sessions.",
	text: `
		WITH open AS MATERIALIZED (
			SELECT radacctid, nasipaddress
			FROM radius.radacct
			WHERE sim = @sim AND acctstoptime IS NULL
		), revived AS (
			UPDATE work w
			SET dead_at = NULL, attempts = 0, errors = 0, crashes = 0, dispatched_at = NULL, not_before = clock_timestamp(), error = NULL
			FROM open
			WHERE w.kind = 'drop_stray' AND w.items[1] = open.radacctid AND w.dead_at IS NOT NULL
		), added AS (
			INSERT INTO work (kind, items, n, gateway, queue)
			SELECT 'drop_stray', ARRAY[radacctid], 1, host(nasipaddress), 'gateway_interactive'
			FROM open
			WHERE NOT EXISTS (SELECT 1 FROM work w WHERE w.kind = 'drop_stray' AND w.items[1] = open.radacctid)
		)
		SELECT radacctid
		FROM open
		ORDER BY radacctid`,
})

// DropSIMSessions makes workers disconnect the open data sessions of the SIM that
// id names, and returns how many there are. Account is the id of the account that
// must own the SIM; zero: any. It returns ErrNotFound if there is no such SIM.
//
// The work names the sessions, so it ends none that begins later, also if the SIM
// has another owner by then.
func (t *Tx) DropSIMSessions(ctx context.Context, by Actor, account int64, id transfer.Identifier, why string) (int, error) {
	locked, err := t.lockSIM(ctx, account, id, nil)
	if err != nil {
		return 0, err
	}
	var sessions []int64
	if err := t.list(ctx, &sessions, dropSIMSessions, args{"sim": locked.ID}); err != nil {
		return 0, fmt.Errorf("ending the sessions of SIM %s: %w", locked.SIM.ICCID, err)
	}
	if len(sessions) == 0 {
		return 0, nil
	}
	return len(sessions), t.Audit(ctx, AuditEntry{
		By: by, Action: transfer.AuditDataSessionDrop, Account: locked.Account, SIM: locked.ID, Object: "sim", ObjectID: locked.SIM.ICCID, Why: why,
		After: map[string]any{"sessions": len(sessions)},
	})
}

// UnknownSession is an open data session that names no SIM of the inventory. Its
// texts are what the gateway sent, or what is stored if that is not UTF-8.
type UnknownSession struct {
	ID               int64     `db:"radacctid"`
	AcctSessionID    string    `db:"acctsessionid"`
	Username         string    `db:"username"`
	CallingStationID string    `db:"callingstationid"`
	IMSI             string    `db:"imsi"`
	Gateway          string    `db:"gateway"`
	Started          time.Time `db:"acctstarttime"`
	LastNews         time.Time `db:"last_news"`
	Error            *string   `db:"start_error"` // why the SIM could not be looked up when the session started

	StoredID       string `db:"stored_id"`
	StoredUsername string `db:"stored_username"`
	StoredCalling  string `db:"stored_calling"`
}

var selectUnknownSessions = newStatement(statement{
	name:    "select_unknown_sessions",
	does:    "Lists open data sessions that name no SIM, oldest row first.",
	given:   "@after: only sessions with a greater radacctid; @limit: maximum number of rows.",
	returns: "The sessions, with their texts as the gateway sent them and as they are stored.",
	text: `
		SELECT
			radacctid,
			radius.unescaped(acctsessionid, escaped) AS acctsessionid,
			coalesce(radius.unescaped_username(username, escaped), '') AS username,
			coalesce(radius.unescaped(callingstationid, escaped), '') AS callingstationid,
			coalesce(imsi, '') AS imsi,
			acctsessionid AS stored_id,
			coalesce(username, '') AS stored_username,
			coalesce(callingstationid, '') AS stored_calling,
			host(nasipaddress) AS gateway,
			coalesce(acctstarttime, acctupdatetime, 'epoch') AS acctstarttime,
			coalesce(acctupdatetime, acctstarttime, 'epoch') AS last_news,
			start_error
		FROM radius.radacct
		WHERE sim IS NULL
		  AND acctstoptime IS NULL
		  AND radacctid > @after
		ORDER BY sim, radacctid -- in the order of the index
		LIMIT @limit`,
})

var countUnknownSessions = newStatement(statement{
	name:    "count_unknown_sessions",
	does:    "Counts the open data sessions that name no SIM.",
	returns: "Their number.",
	text:    `SELECT count(*) FROM radius.radacct WHERE sim IS NULL AND acctstoptime IS NULL`,
})

// UnknownSessions lists up to limit open data sessions that name no SIM of the
// inventory, by id and starting after an id, and counts them all.
func (db *DB) UnknownSessions(ctx context.Context, after int64, limit int) (list []UnknownSession, total int, err error) {
	list = []UnknownSession{}
	if err := db.list(ctx, &list, selectUnknownSessions, args{"after": after, "limit": limit}); err != nil {
		return nil, 0, fmt.Errorf("listing sessions without a SIM: %w", err)
	}
	for i := range list {
		s := &list[i]
		s.AcctSessionID = validOr(s.AcctSessionID, s.StoredID)
		s.Username = validOr(s.Username, s.StoredUsername)
		s.CallingStationID = validOr(s.CallingStationID, s.StoredCalling)
	}
	total, err = db.CountUnknownSessions(ctx)
	return list, total, err
}

// CountUnknownSessions counts the open data sessions that name no SIM of the
// inventory.
func (db *DB) CountUnknownSessions(ctx context.Context) (total int, err error) {
	if err := db.get(ctx, &total, countUnknownSessions, args{}); err != nil {
		return 0, fmt.Errorf("counting sessions without a SIM: %w", err)
	}
	return total, nil
}

// validOr returns a text if it is valid UTF-8, else another one.
func validOr(text, other string) string {
	if utf8.ValidString(text) {
		return text
	}
	return other
}

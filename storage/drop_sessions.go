package storage

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lib/pq"

	"simtransfer/transfer"
)

// OpenSession is a data session that has to end before its SIM is transferred,
// or that outlived the transfer. Its texts are the bytes that the gateway sent,
// which may be invalid UTF-8.
type OpenSession struct {
	N                int64  `db:"n"` // the transfer's number; 0 for a stray session
	ID               int64  `db:"radacctid"`
	AcctSessionID    string `db:"acctsessionid"`
	Username         string `db:"username"`
	CallingStationID string `db:"callingstationid"`
	NASIPAddress     string `db:"nasipaddress"`
	ServiceType      string `db:"servicetype"`
	IMSI             string `db:"imsi"`
	FramedIP         string `db:"framedip"`
	FramedIPv6       string `db:"framedipv6"`
	FramedIPv6Prefix string `db:"framedipv6prefix"`
	NASIdentifier    string `db:"nasidentifier"`
	NASPort          string `db:"nasport"` // a number
	NASPortID        string `db:"nasportid"`
	NSAPI            string `db:"nsapi"`
	Class            string `db:"class"` // as accounting has it: each 0x and hexadecimal digits, separated by commas

	SessionGateway
}

// SessionGateway is how to reach the gateway that holds a session.
type SessionGateway struct {
	Gateway      *int           `db:"gateway"` // its id in radius.nas; nil: it is not there
	Server       *string        `db:"server"`  // host:port for Disconnect-Requests
	Secret       *string        `db:"secret"`
	Signed       bool           `db:"signed"`     // whether its answers must have a Message-Authenticator
	Attributes   pq.StringArray `db:"attributes"` // of Disconnect-Requests; nil: the default list
	Source       string         `db:"source_address"`
	MaxInFlight  int            `db:"max_in_flight"`  // 0: no limit
	MaxPerSecond int            `db:"max_per_second"` // 0: no limit
	URL          *string        `db:"url"`            // for HTTP calls instead
	URLSecret    *string        `db:"url_secret"`
}

// sessionFields are the columns of radius.radacct that openSessions needs.
const sessionFields = `radacctid, acctsessionid, username, callingstationid, nasipaddress, servicetype, imsi, framedipaddress, framedipv6address,
	framedipv6prefix, nasidentifier, nasport, nasportid, nsapi, class, escaped`

// openSessions lists sessions with the gateways to ask. It is given a query for n
// and the sessionFields of each. Gateways hold many sessions: it looks up each of
// them once.
func openSessions(query string) string {
	return `
WITH open AS MATERIALIZED (` + indent(1, query) + `
), gateway AS MATERIALIZED (
	SELECT
		o.nasipaddress,
		g.*
	FROM (SELECT DISTINCT nasipaddress FROM open) o
	LEFT JOIN LATERAL (
		SELECT
			id,
			secret,
			attributes,
			source_address,
			max_in_flight,
			max_per_second,
			url,
			url_secret,
			require_message_authenticator AS signed,
			CASE WHEN secret IS NOT NULL AND url IS NULL THEN radius.server_address(server, o.nasipaddress, disconnect_port) END AS server
		FROM radius.nas
		WHERE network >>= radius.plain_address(o.nasipaddress)
		ORDER BY masklen(network) DESC
		LIMIT 1
	) g ON true
)
SELECT
	a.n,
	a.radacctid,
	` + unescaped("a.acctsessionid") + ` AS acctsessionid,
	coalesce(` + unescapedBy("unescaped_username", "a.username", "a.username") + `, '') AS username,
	coalesce(` + unescaped("a.callingstationid") + `, '') AS callingstationid,
	host(a.nasipaddress) AS nasipaddress,
	coalesce(a.servicetype, '') AS servicetype,
	coalesce(a.imsi, '') AS imsi,
	coalesce(host(a.framedipaddress), '') AS framedip,
	coalesce(host(a.framedipv6address), '') AS framedipv6,
	coalesce(a.framedipv6prefix::text, '') AS framedipv6prefix,
	coalesce(` + unescaped("a.nasidentifier") + `, '') AS nasidentifier,
	coalesce(a.nasport::text, CASE WHEN a.nasportid ~ '^[0-9]{1,10}$' THEN a.nasportid END, '') AS nasport,
	CASE
		WHEN a.nasportid ~ '^[0-9]{1,10}$' AND coalesce(a.nasport::text, a.nasportid) = a.nasportid THEN '' -- it is NAS-Port
		-- FreeRADIUS expands it twice, and so escapes it twice.
		ELSE coalesce(` + unescapedBy("unescaped", "a.nasportid", "CASE WHEN a.escaped IS FALSE THEN a.nasportid ELSE replace(a.nasportid, '=3D', '=') END") + `, '')
	END AS nasportid,
	coalesce(a.nsapi, '') AS nsapi,
	coalesce(a.class, '') AS class,
	g.id AS gateway,
	g.server,
	g.secret,
	coalesce(g.signed, false) AS signed,
	g.attributes,
	coalesce(host(g.source_address), '') AS source_address,
	coalesce(g.max_in_flight, 0) AS max_in_flight,
	coalesce(g.max_per_second, 0) AS max_per_second,
	g.url,
	g.url_secret
FROM open a
JOIN gateway g ON g.nasipaddress = a.nasipaddress
ORDER BY a.n, a.radacctid`
}

// unescaped is the bytes that a gateway sent in a column of a session.
func unescaped(column string) string { return unescapedBy("unescaped", column, column) }

// unescapedBy calls a function of radius with a value, unless the column that the value
// comes from has nothing to unescape. Most have not, and a call takes as long as
// reading a session.
func unescapedBy(function, column, value string) string {
	return `CASE
		WHEN strpos(` + column + `, '=') > 0 OR strpos(` + column + `, '\') > 0 THEN radius.` + function + `(` + value + `, a.escaped)
		ELSE convert_to(` + column + `, 'UTF8')
	END`
}

var selectSIMSessions = newStatement(statement{
	name:     "select_sim_sessions",
	does:     "Lists the open sessions of the SIMs of some eligible transfers, with the gateways to ask.",
	given:    "@request and the @numbers of its transfers.",
	returns:  "A row for each session.",
	prepared: true,
	// OFFSET 0 keeps the planner from reading all open sessions instead of looking
	// up those of each SIM, which it prefers while its statistics know of no open
	// session.
	text: openSessions(`
SELECT
	t.n,
	o.*
FROM transfers t
CROSS JOIN LATERAL (
	SELECT ` + sessionFields + `
	FROM radius.radacct
	WHERE sim = t.sim AND acctstoptime IS NULL
	OFFSET 0
) o
WHERE t.request = @request AND t.n = ANY(@numbers::int[]) AND t.state = 'eligible'`),
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
	// OFFSET 0 keeps the planner from reading all open sessions by their own index.
	text: `
UPDATE radius.radacct a
SET acctstoptime = open.ended,
	acctupdatetime = open.ended,
	acctsessiontime = extract(epoch FROM open.ended - a.acctstarttime)::bigint,
	acctterminatecause = 'Admin-Reset',
	closed_at = open.ended
FROM (
	SELECT radacctid, acctstoptime, clock_timestamp() AS ended
	FROM radius.radacct
	WHERE radacctid = ANY(@ids)
	ORDER BY radacctid
	OFFSET 0
	FOR UPDATE
) open
WHERE a.radacctid = open.radacctid AND open.acctstoptime IS NULL`,
})

// CloseSessions closes the sessions that a gateway has disconnected, by id. It
// skips those that the gateway's own accounting has already closed.
func (t *Tx) CloseSessions(ctx context.Context, ids []int64) error {
	if _, err := t.exec(ctx, closeSessions, args{"ids": pq.Array(ids)}); err != nil {
		return fmt.Errorf("closing %d sessions: %w", len(ids), err)
	}
	return nil
}

var handOverDropped = newStatement(statement{
	name: "hand_over_dropped",
	does: `Transfers SIMs of drop work whose sessions are gone, as hand_over_chunk does.
		SIMs that are online again stay in the work.`,
	given: `@request and the @numbers of its transfers whose SIMs to transfer.
		@dropped has the numbers of those of which a session was disconnected.`,
	returns:  "How many transfers came to each state, and the change of the request's counters and sums.",
	locks:    "The caller holds the work row, then the SIMs (lock_numbered_sims). Takes claims and transfers.",
	prepared: true,
	text:     handOverSQL(inNumbers, "", "t.session_dropped OR t.n = ANY(coalesce(@dropped::int[], '{}'))"),
})

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

var requeueWork = newStatement(statement{
	name: "requeue_work",
	does: "Counts an attempt, ends the lease and makes work due again later, or dead.",
	given: `@id of the work, the @error that stays on it, after how many @seconds it is due,
		and whether it is now @dead.`,
	locks: "The caller holds the work row.",
	text: `
UPDATE work
SET attempts = attempts + 1,
	not_before = clock_timestamp() + make_interval(secs => @seconds),
	dispatched_at = NULL,
	lease = NULL,
	lease_until = NULL,
	dead_at = CASE WHEN @dead THEN coalesce(dead_at, clock_timestamp()) END,
	error = @error
WHERE id = @id`,
})

var putOffWork = newStatement(statement{
	name:  "put_off_work",
	does:  "Ends a lease and makes work due again later. It counts no attempt.",
	given: "@id of the work, its @lease, and after how many @seconds it is due.",
	locks: "Takes the work row, until the end of the statement.",
	text: `
UPDATE work
SET not_before = clock_timestamp() + make_interval(secs => @seconds),
	dispatched_at = NULL,
	lease = NULL,
	lease_until = NULL
WHERE id = @id AND lease = @lease`,
})

// PutOff ends a lease on work that cannot be carried out now, although nothing is
// wrong with it: it is due again after a delay, and no attempt is counted.
func (db *DB) PutOff(ctx context.Context, w Work, after time.Duration) error {
	if _, err := db.exec(ctx, putOffWork, args{"id": w.ID, "lease": w.Lease, "seconds": after.Seconds()}); err != nil {
		return fmt.Errorf("putting off work %d: %w", w.ID, err)
	}
	return nil
}

var separateItems = newStatement(statement{
	name: "separate_items",
	does: `Moves transfers of drop work into a new work row with as many attempts. The other transfers stay in the work: its
		lease ends, it is due again, and no attempt is counted. The request's n_left stays the same.`,
	given:   "@id of the work, the items to move (@moved) and the items that stay (@kept).",
	returns: "The new row.",
	locks:   "The caller holds the work row.",
	text: `
WITH rest AS (
	UPDATE work
	SET items = @kept,
		n = cardinality(@kept::bigint[]),
		not_before = clock_timestamp(),
		dispatched_at = NULL,
		lease = NULL,
		lease_until = NULL
	WHERE id = @id
	RETURNING kind, request, gateway, queue, attempts
)
INSERT INTO work AS w (kind, request, items, n, gateway, queue, attempts)
SELECT kind, request, @moved, cardinality(@moved::bigint[]), gateway, queue, attempts
FROM rest
RETURNING` + workColumns,
})

// SeparateItems divides drop work whose turn at a gateway ended before every SIM had
// its attempt. It returns work for those that had theirs and are left, by the numbers
// of their transfers, which the caller requeues in the same transaction; ok is false if
// none is left. The lease on the others ends, and they are due at once. The caller has
// locked the work row by its lease.
func (t *Tx) SeparateItems(ctx context.Context, w Work, asked []int64) (tried Work, ok bool, err error) {
	var moved, kept []int64
	for _, n := range w.Items {
		if slices.Contains(asked, n) {
			moved = append(moved, n)
		} else {
			kept = append(kept, n)
		}
	}
	switch {
	case len(kept) == 0:
		return w, true, nil
	case len(moved) == 0:
		_, err = t.exec(ctx, putOffWork, args{"id": w.ID, "lease": w.Lease, "seconds": 0})
	default:
		err = t.get(ctx, &tried, separateItems, args{"id": w.ID, "moved": pq.Array(moved), "kept": pq.Array(kept)})
	}
	if err != nil {
		return Work{}, false, fmt.Errorf("dividing work %d: %w", w.ID, err)
	}
	return tried, len(moved) > 0, nil
}

// Refusals are what gateways answered about sessions that they did not end, for
// people. Each starts with the gateway, such as "gateway 10.0.0.1: ". The zero
// value is ready to use.
type Refusals struct {
	Last  string
	bySIM map[int64]string // by the number of the transfer
}

// Add adds the answer about a session of the SIM of a transfer.
func (r *Refusals) Add(n int64, answer string) {
	if r.bySIM == nil {
		r.bySIM = map[int64]string{}
	}
	r.Last, r.bySIM[n] = answer, answer
}

var noteAnswers = newStatement(statement{
	name:  "note_answers",
	does:  "Records on eligible transfers what the gateway answered last about a session of their SIM.",
	given: "@request, the @numbers of its transfers and the @answers about them.",
	locks: "The caller holds the work row. Takes the transfers.",
	text: `
UPDATE transfers t
SET gateway_answer = left(u.answer, 500)
FROM unnest(@numbers::int[], @answers::text[]) AS u (n, answer)
WHERE t.request = @request AND t.n = u.n AND t.state = 'eligible' AND t.gateway_answer IS DISTINCT FROM left(u.answer, 500)`,
})

func (t *Tx) noteAnswers(ctx context.Context, w Work, r Refusals) error {
	if len(r.bySIM) == 0 || w.Kind != transfer.WorkDropSessions {
		return nil
	}
	numbers, answers := make([]int64, 0, len(r.bySIM)), make([]string, 0, len(r.bySIM))
	for n, answer := range r.bySIM {
		numbers, answers = append(numbers, n), append(answers, answer)
	}
	if _, err := t.exec(ctx, noteAnswers, args{"request": w.Request, "numbers": pq.Array(numbers), "answers": pq.Array(answers)}); err != nil {
		return fmt.Errorf("recording the answers of the gateways of work %d: %w", w.ID, err)
	}
	return nil
}

// Requeue ends a lease when not every session of drop work could be
// disconnected: the work is due again after a delay, and the gateways' answers
// are stored on it and on the transfers. At the last attempt, the transfers that
// are left fail with session_not_dropped; the work of a stray session is marked
// dead instead, and dead is then true.
func (t *Tx) Requeue(ctx context.Context, w Work, refused Refusals, maxAttempts int, after time.Duration) (dead bool, err error) {
	last := w.Attempts+1 >= maxAttempts
	if err := t.noteAnswers(ctx, w, refused); err != nil {
		return false, err
	}
	if last && w.Kind == transfer.WorkDropSessions {
		return false, t.failItems(ctx, w, transfer.SessionNotDropped, refused.Last)
	}
	if _, err := t.exec(ctx, requeueWork, args{"id": w.ID, "error": refused.Last, "seconds": after.Seconds(), "dead": last}); err != nil {
		return last, fmt.Errorf("requeuing work %d: %w", w.ID, err)
	}
	return last, nil
}

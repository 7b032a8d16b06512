package storage

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"time"

	"github.com/lib/pq"
)

// ReportKind is what an accounting record says about its session.
type ReportKind string

// The kinds of reports, as in Acct-Status-Type.
const (
	SessionStart  ReportKind = "start"
	SessionUpdate ReportKind = "update"
	SessionStop   ReportKind = "stop"
)

// SessionReport is an accounting record about one session. A text is empty, and a
// number is nil, if the gateway has not sent it. Texts must be valid UTF-8 without
// zero bytes: see Escaped.
type SessionReport struct {
	Kind    ReportKind
	Key     string // acctuniqueid: the same for all reports about the session
	Packet  []byte // the Request Authenticator
	Escaped bool   // whether texts have =XX for bytes, as rlm_sql writes them

	Event *time.Time    // Event-Timestamp
	Delay time.Duration // Acct-Delay-Time

	SessionID        string
	Username         string // as rlm_sql writes it: see radius.unescaped_username
	IMSI             string
	CallingStationID string
	CalledStationID  string
	NAS              netip.Addr
	NASIdentifier    string
	NASPort          *int64
	NASPortID        string
	NASPortType      string
	NSAPI            string
	ServiceType      string
	FramedProtocol   string
	Authentic        string
	ConnectInfo      string
	TerminateCause   string
	Class            string

	Lasted        *int64 // Acct-Session-Time, in seconds
	Input, Output *int64 // bytes, Gigawords included

	FramedIP            string
	FramedIPv6          string
	FramedIPv6Prefix    string
	FramedInterfaceID   string
	DelegatedIPv6Prefix string
}

// Outcome is what a report has changed.
type Outcome string

const (
	// Stored reports have changed their session.
	Stored Outcome = "stored"
	// Replayed reports have changed nothing: they repeat what is stored, or they
	// are older.
	Replayed Outcome = "replayed"
	// Flooded reports were not stored: their SIM has too many open sessions.
	Flooded Outcome = "flooded"
)

// ReportResult is the outcome of a report.
type ReportResult struct {
	Outcome Outcome
	// Clock says whether Event-Timestamp could not be true, so that the time at
	// which the report arrived was used instead: "future", "past", or empty.
	Clock string
	// UnknownSIM says whether a session was stored whose SIM was not found.
	UnknownSIM bool
}

// MaxSessionsPerSIM is the maximum number of open sessions of one SIM. The start of
// another one is not stored, so that a gateway that has gone wrong cannot make a SIM
// untransferable. A phone has up to 11 bearers at a time.
const MaxSessionsPerSIM = 64

// reportedAtSQL is the time of a report, and wrongClockSQL whether its Event-Timestamp
// cannot be true: see radius.reported_at and radius.wrong_clock. They need the columns
// event (in microseconds since 1970, or null) and delay (in seconds).
const (
	reportedAtSQL = `radius.reported_at(event, delay, statement_timestamp())`
	wrongClockSQL = `radius.wrong_clock(event, statement_timestamp())`
)

var recordReports = newStatement(statement{
	name: "record_reports",
	does: "Stores the reports for which nothing has to be decided: see the function.",
	given: `Arrays with an element for each report, of different sessions; numbers that were not reported are -1, texts are
		empty. Of starts: @start_keys, @start_packets (Request Authenticators), @start_events in microseconds since 1970,
		@start_delays in seconds, @start_inputs, @start_outputs, @start_imsis, @start_usernames, @start_callers, whether
		these are escaped in @start_escaped, @start_calleds, @start_ids, @start_nases, @start_identifiers, @start_ports,
		@start_portids, @start_porttypes, @start_nsapis, @start_services, @start_protocols, @start_authentics,
		@start_connects, @start_ips, @start_ip6s, @start_prefixes, @start_interfaces, @start_delegated and
		@start_classes. @limit of open sessions of a SIM. Of updates and ends: @keys, whether it is the end in @stops,
		@events, @delays, @lasted, @inputs, @outputs, @imsis, @causes, @connects, @ips, @ip6s, @prefixes, @interfaces,
		@delegated and @classes.`,
	returns:  "For each report that was stored, the key of its session, and whether its clock is wrong.",
	locks:    "Takes SIMs that no other transaction has locked, and then sessions.",
	prepared: true,
	text: `
SELECT recorded_key AS key, recorded_clock AS clock
FROM radius.record_reports(
	@start_keys::text[], @start_packets::bytea[], @start_events::bigint[], @start_delays::bigint[], @start_inputs::bigint[], @start_outputs::bigint[],
	@start_imsis::text[], @start_usernames::text[], @start_callers::text[], @start_escaped::boolean[], @start_calleds::text[],
	@start_ids::text[], @start_nases::text[], @start_identifiers::text[], @start_ports::bigint[], @start_portids::text[], @start_porttypes::text[],
	@start_nsapis::text[], @start_services::text[], @start_protocols::text[], @start_authentics::text[], @start_connects::text[],
	@start_ips::text[], @start_ip6s::text[], @start_prefixes::text[], @start_interfaces::text[], @start_delegated::text[], @start_classes::text[],
	@limit::bigint,
	@keys::text[], @stops::boolean[], @events::bigint[], @delays::bigint[], @lasted::bigint[], @inputs::bigint[], @outputs::bigint[],
	@imsis::text[], @causes::text[], @connects::text[],
	@ips::text[], @ip6s::text[], @prefixes::text[], @interfaces::text[], @delegated::text[], @classes::text[])`,
})

var lockReportedSIMs = newStatement(statement{
	name: "lock_reported_sims",
	does: "Looks up the SIMs of reports, as the trigger before_session does, and locks them.",
	given: `Arrays with an element for each report: @numbers, @imsis, @usernames and @callers (Calling-Station-Id), and
		@escaped, whether these are escaped.`,
	returns:  "For each report whose SIM is known, its number and the SIM.",
	locks:    "Takes the SIMs, by ascending id.",
	prepared: true,
	text: `
WITH named AS MATERIALIZED (
	SELECT
		nr,
		coalesce(
			(SELECT sim FROM identifiers WHERE identifier = CASE WHEN imsi = '' THEN username ELSE imsi END),
			radius.session_sim(imsi, username, caller, escaped)) AS sim
	FROM unnest(@numbers::int[], @imsis::text[], @usernames::text[], @callers::text[], @escaped::boolean[])
		AS u (nr, imsi, username, caller, escaped)
)
SELECT n.nr, s.id AS sim
FROM named n
JOIN sims s ON s.id = n.sim
ORDER BY s.id
FOR NO KEY UPDATE OF s`,
})

var judgeReports = newStatement(statement{
	name: "judge_reports",
	does: `Compares reports with what is stored about their sessions. The verdict is
		'new' if nothing is stored under the key;
		'known' if the trigger before_session, or the conflict clause of insert_reported_sessions, decides what the report changes;
		'reused' if the gateway has used the id of an earlier session again: the report is a start that is later than
		everything that is known of the session, or its session began after the known one had ended, or it has another IMSI;
		'replayed' if the report is older than the session that has the key now, or repeats it. Of a report without
		Event-Timestamp about a session that has ended, Acct-Session-Time tells;
		'flooded' if the SIM has too many open sessions for one more.`,
	given: `Arrays with an element for each report, as in record_reports: @numbers, @keys, @events, @delays,
		@lasted and @imsis; @kinds (start, update or stop), @packets (Request Authenticators), @sims (0: not known); @earlier: how many reports before it name the same
		SIM. @limit of open sessions.`,
	returns:  "For each report its number, the verdict, whether its clock is wrong, and the version of the known row.",
	locks:    "The caller holds the SIMs.",
	prepared: true,
	text: `
SELECT
	n.nr,
	n.clock,
	coalesce(a.ctid::text || a.xmin::text, '') AS version,
	CASE
		WHEN a.radacctid IS NULL THEN
			CASE
				WHEN n.kind <> 'stop' AND n.sim <> 0 AND n.earlier + (
					SELECT count(*)
					FROM (
						SELECT
						FROM radius.radacct
						WHERE sim = n.sim AND acctstoptime IS NULL
						LIMIT @limit
					) open
				) >= @limit THEN 'flooded'
				ELSE 'new'
			END
		WHEN n.kind = 'start' AND a.start_packet = n.packet THEN 'replayed'
		WHEN n.imsi <> '' AND a.imsi <> n.imsi THEN 'reused'
		WHEN a.acctstoptime IS NULL THEN
			CASE
				WHEN n.kind = 'start' AND n.at > greatest(a.acctstarttime, a.acctupdatetime) + interval '5 seconds' THEN 'reused'
				WHEN n.kind = 'start' AND a.start_packet IS NOT NULL THEN 'replayed'
				WHEN n.kind <> 'start' AND n.at < a.acctstarttime - interval '5 seconds' THEN 'replayed'
				ELSE 'known'
			END
		WHEN n.kind = 'start' AND n.at > a.acctstoptime + CASE
			WHEN n.event IS NULL OR a.closed_at = a.acctstoptime OR a.connectinfo_stop IS NULL THEN interval '5 seconds'
			ELSE interval '0'
		END THEN 'reused'
		WHEN n.kind <> 'start' AND n.event IS NULL AND n.lasted <= a.acctsessiontime THEN 'replayed'
		WHEN n.kind <> 'start' AND n.lasted BETWEEN 0 AND 315576000
		 AND n.at - make_interval(secs => n.lasted) > a.acctstoptime + interval '5 seconds' THEN 'reused'
		ELSE 'known'
	END AS verdict
FROM (
	SELECT
		nr, key, kind, packet, event, nullif(lasted, -1) AS lasted, imsi, sim, earlier,
		` + reportedAtSQL + ` AS at,
		` + wrongClockSQL + ` AS clock
	FROM (
		SELECT nr, key, kind, packet, nullif(event, -1) AS event, delay, lasted, imsi, sim, earlier
		FROM unnest(@numbers::int[], @keys::text[], @kinds::text[], @packets::bytea[], @events::bigint[], @delays::bigint[],
			@lasted::bigint[], @imsis::text[], @sims::bigint[], @earlier::int[])
			AS u (nr, key, kind, packet, event, delay, lasted, imsi, sim, earlier)
	) u
) n
LEFT JOIN LATERAL (
	SELECT radacctid, ctid, xmin, start_packet, imsi, acctstarttime, acctupdatetime, acctstoptime, acctsessiontime, closed_at, connectinfo_stop
	FROM radius.radacct
	WHERE acctuniqueid = n.key
	OFFSET 0 -- or the planner may read the whole table, which it believes to be empty
) a ON true`,
})

var retireReusedSessions = newStatement(statement{
	name: "retire_reused_sessions",
	does: `Gives sessions another key, because their gateway has used their ids again. One that is open has ended without
		a report; its last news is taken for its end.`,
	given: "@keys of the sessions.",
	locks: "The caller holds the SIMs. Takes the sessions.",
	text: `
UPDATE radius.radacct
SET acctuniqueid = acctuniqueid || '-' || radacctid,
	acctterminatecause = CASE WHEN acctstoptime IS NULL THEN 'NAS-Reboot' ELSE acctterminatecause END,
	acctstoptime = coalesce(acctstoptime, acctupdatetime, acctstarttime)
WHERE acctuniqueid = ANY(@keys)`,
})

var insertReportedSessions = newStatement(statement{
	name: "insert_reported_sessions",
	does: `Inserts sessions as FreeRADIUS does: the trigger before_session decides what a start means for its SIM, and
		whether a report opens a closed session again. If a session is stored and open, it is updated.`,
	given: `Arrays with an element for each report, as in judge_reports: @numbers, @keys, @events, @delays,
		@lasted, @inputs, @outputs, @imsis, @causes, @connects, @ips, @ip6s, @prefixes, @interfaces, @delegated, @classes;
		@kinds and @packets, as in judge_reports; @ids, @usernames, @nases, @portids, @porttypes, @authentics, @calleds,
		@callers, @services, @protocols, @escaped, @identifiers, @ports (-1: not reported), @nsapis, and @sims (0: not
		known).`,
	returns:  "The key of each session that was inserted, or updated because it was open.",
	locks:    "The caller holds the SIMs. Takes the sessions.",
	prepared: true,
	text: `
INSERT INTO radius.radacct AS a (
	acctsessionid, acctuniqueid, username, nasipaddress, nasportid, nasporttype,
	acctstarttime, acctupdatetime, acctstoptime, acctsessiontime, acctauthentic, connectinfo_start, connectinfo_stop,
	acctinputoctets, acctoutputoctets, calledstationid, callingstationid, acctterminatecause, servicetype, framedprotocol,
	framedipaddress, framedipv6address, framedipv6prefix, framedinterfaceid, delegatedipv6prefix,
	class, imsi, escaped, sim, nasidentifier, nasport, nsapi, start_packet)
SELECT
	id, key, username, nas::inet, nullif(portid, ''), porttype,
	at, at, CASE WHEN kind = 'stop' THEN at END, CASE WHEN kind = 'start' THEN 0 ELSE nullif(lasted, -1) END,
	authentic, CASE WHEN kind = 'stop' THEN '' ELSE connect END, CASE WHEN kind = 'stop' THEN connect END,
	greatest(input, 0), greatest(output, 0), called, caller, CASE WHEN kind = 'stop' THEN cause END, service, protocol,
	nullif(ip, '')::inet, nullif(ip6, '')::inet, nullif(prefix, '')::inet, nullif(interface, ''), nullif(delegated, '')::inet,
	nullif(class, ''), nullif(imsi, ''), escaped, nullif(sim, 0), nullif(identifier, ''), nullif(port, -1), nullif(nsapi, ''),
	CASE WHEN kind = 'start' THEN packet END
FROM (
	SELECT
		*,
		` + reportedAtSQL + ` AS at
	FROM (
		SELECT nr, key, kind, nullif(event, -1) AS event, delay, lasted, input, output, imsi, cause, connect, ip, ip6,
			prefix, interface, delegated, class, id, username, nas, portid, porttype, authentic, called, caller, service,
			protocol, escaped, identifier, port, nsapi, packet, sim
		FROM unnest(@numbers::int[], @keys::text[], @kinds::text[], @events::bigint[], @delays::bigint[],
			@lasted::bigint[], @inputs::bigint[], @outputs::bigint[], @imsis::text[], @causes::text[], @connects::text[],
			@ips::text[], @ip6s::text[], @prefixes::text[], @interfaces::text[], @delegated::text[], @classes::text[],
			@ids::text[], @usernames::text[], @nases::text[], @portids::text[], @porttypes::text[], @authentics::text[],
			@calleds::text[], @callers::text[], @services::text[], @protocols::text[], @escaped::boolean[],
			@identifiers::text[], @ports::bigint[], @nsapis::text[], @packets::bytea[], @sims::bigint[])
			AS u (nr, key, kind, event, delay, lasted, input, output, imsi, cause, connect, ip, ip6, prefix, interface,
				delegated, class, id, username, nas, portid, porttype, authentic, called, caller, service, protocol, escaped,
				identifier, port, nsapi, packet, sim)
	) u
) n
ORDER BY sim, nr
ON CONFLICT (acctuniqueid) DO UPDATE
SET acctstarttime = CASE
		WHEN EXCLUDED.start_packet IS NOT NULL AND a.start_packet IS NULL THEN EXCLUDED.acctstarttime
		ELSE a.acctstarttime
	END,
	acctupdatetime = greatest(a.acctupdatetime, EXCLUDED.acctupdatetime),
	acctstoptime = EXCLUDED.acctstoptime,
	acctsessiontime = greatest(a.acctsessiontime, EXCLUDED.acctsessiontime),
	acctinputoctets = greatest(a.acctinputoctets, EXCLUDED.acctinputoctets),
	acctoutputoctets = greatest(a.acctoutputoctets, EXCLUDED.acctoutputoctets),
	acctterminatecause = coalesce(EXCLUDED.acctterminatecause, a.acctterminatecause),
	acctauthentic = coalesce(nullif(EXCLUDED.acctauthentic, ''), a.acctauthentic),
	connectinfo_start = coalesce(nullif(EXCLUDED.connectinfo_start, ''), a.connectinfo_start),
	connectinfo_stop = coalesce(EXCLUDED.connectinfo_stop, a.connectinfo_stop),
	framedipaddress = coalesce(a.framedipaddress, EXCLUDED.framedipaddress),
	framedipv6address = coalesce(a.framedipv6address, EXCLUDED.framedipv6address),
	framedipv6prefix = coalesce(a.framedipv6prefix, EXCLUDED.framedipv6prefix),
	framedinterfaceid = coalesce(a.framedinterfaceid, EXCLUDED.framedinterfaceid),
	delegatedipv6prefix = coalesce(a.delegatedipv6prefix, EXCLUDED.delegatedipv6prefix),
	class = coalesce(a.class, EXCLUDED.class),
	start_packet = coalesce(a.start_packet, EXCLUDED.start_packet)
WHERE a.acctstoptime IS NULL
RETURNING acctuniqueid`,
})

var selectSessionVersions = newStatement(statement{
	name:    "select_session_versions",
	does:    "Reads the versions of the rows of sessions, which change with every update.",
	given:   "@keys of the sessions.",
	returns: "The key and the version of each.",
	text: `
SELECT acctuniqueid AS key, ctid::text || xmin::text AS version
FROM radius.radacct
WHERE acctuniqueid = ANY(@keys)`,
})

// RecordSessions stores reports, which must be about different sessions, and
// returns the outcome of each. One statement stores those for which nothing has to be
// decided, which are most of them; a transaction stores the others. If that one fails,
// or if it is not known whether one was committed, all reports can be given again.
func (db *DB) RecordSessions(ctx context.Context, list []SessionReport) ([]ReportResult, error) {
	results := make([]ReportResult, len(list))
	if err := db.recordReports(ctx, list, results); err != nil {
		return nil, err
	}
	var rest []int
	for i := range results {
		if results[i].Outcome == "" {
			rest = append(rest, i)
		}
	}
	if len(rest) == 0 {
		return results, nil
	}
	err := db.InRetriedTx(ctx, func(t *Tx) error { return t.decideReports(ctx, list, rest, results) })
	return results, err
}

// wrongClock returns the text for what wrongClockSQL returns.
func wrongClock(code int) string {
	return [...]string{"", "future", "past"}[code]
}

// recordReports stores the reports for which nothing has to be decided, and sets
// their results.
func (db *DB) recordReports(ctx context.Context, list []SessionReport, results []ReportResult) error {
	var starts, updates []int
	number := make(map[string]int, len(list))
	for i := range list {
		number[list[i].Key] = i
		if list[i].Kind == SessionStart {
			starts = append(starts, i)
		} else {
			updates = append(updates, i)
		}
	}
	s, u := reportColumns(list, starts), reportColumns(list, updates)
	var recorded []struct {
		Key   string `db:"key"`
		Clock int    `db:"clock"`
	}
	err := retried(ctx, func() error {
		recorded = recorded[:0]
		return db.list(ctx, &recorded, recordReports, args{
			"start_keys": s.keys, "start_packets": s.packets(), "start_events": s.events, "start_delays": s.delays,
			"start_inputs": s.inputs, "start_outputs": s.outputs, "start_imsis": s.imsis, "start_usernames": s.usernames(),
			"start_callers": s.callers(), "start_escaped": s.escaped(), "start_calleds": s.calleds(), "start_ids": s.ids(),
			"start_nases": s.nases(), "start_identifiers": s.identifiers(), "start_ports": s.ports(), "start_portids": s.portIDs(),
			"start_porttypes": s.portTypes(), "start_nsapis": s.nsapis(), "start_services": s.services(), "start_protocols": s.protocols(),
			"start_authentics": s.authentics(), "start_connects": s.connects, "start_ips": s.ips, "start_ip6s": s.ip6s,
			"start_prefixes": s.prefixes, "start_interfaces": s.interfaces, "start_delegated": s.delegated, "start_classes": s.classes,
			"limit": MaxSessionsPerSIM,
			"keys":  u.keys, "stops": u.stops(), "events": u.events, "delays": u.delays, "lasted": u.lasted, "inputs": u.inputs, "outputs": u.outputs,
			"imsis": u.imsis, "causes": u.causes, "connects": u.connects,
			"ips": u.ips, "ip6s": u.ip6s, "prefixes": u.prefixes, "interfaces": u.interfaces, "delegated": u.delegated, "classes": u.classes,
		})
	}, isLost)
	if err != nil {
		return fmt.Errorf("storing %d reports: %w", len(list), err)
	}
	for _, r := range recorded {
		results[number[r.Key]] = ReportResult{Outcome: Stored, Clock: wrongClock(r.Clock)}
	}
	return nil
}

// decideReports stores the reports with the given indexes.
func (t *Tx) decideReports(ctx context.Context, list []SessionReport, indexes []int, results []ReportResult) error {
	c := reportColumns(list, indexes)
	simOf, err := t.lockReported(ctx, c)
	if err != nil {
		return fmt.Errorf("locking the SIMs of %d sessions: %w", len(indexes), err)
	}
	sims, earlier, seen := make([]int64, len(indexes)), make([]int64, len(indexes)), map[int64]int64{}
	for i, index := range indexes {
		sims[i] = simOf[index]
		earlier[i] = seen[sims[i]]
		if list[index].Kind != SessionStop {
			seen[sims[i]]++
		}
	}
	var verdicts []struct {
		Number  int    `db:"nr"`
		Clock   int    `db:"clock"`
		Version string `db:"version"`
		Verdict string `db:"verdict"`
	}
	if err := t.list(ctx, &verdicts, judgeReports, args{
		"numbers": c.numbers, "keys": c.keys, "kinds": c.kinds(), "packets": c.packets(), "events": c.events, "delays": c.delays,
		"lasted": c.lasted, "imsis": c.imsis, "sims": pq.Array(sims), "earlier": pq.Array(earlier), "limit": MaxSessionsPerSIM,
	}); err != nil {
		return fmt.Errorf("comparing %d reports with their sessions: %w", len(indexes), err)
	}
	var inserts []int
	var reused []string
	known := map[string]string{} // version of the row by key
	number := map[string]int{}
	for _, v := range verdicts {
		results[v.Number] = ReportResult{Outcome: Stored, Clock: wrongClock(v.Clock), UnknownSIM: v.Verdict == "new" && simOf[v.Number] == 0}
		key := list[v.Number].Key
		switch v.Verdict {
		case "flooded":
			results[v.Number].Outcome = Flooded
			continue
		case "replayed":
			results[v.Number].Outcome = Replayed
			continue
		case "reused":
			reused = append(reused, key)
		case "known":
			known[key], number[key] = v.Version, v.Number
		}
		inserts = append(inserts, v.Number)
	}
	if len(reused) > 0 {
		if _, err := t.exec(ctx, retireReusedSessions, args{"keys": pq.Array(reused)}); err != nil {
			return fmt.Errorf("closing %d sessions whose ids are used again: %w", len(reused), err)
		}
	}
	if len(inserts) == 0 {
		return nil
	}
	stored, err := t.insertReported(ctx, list, inserts, simOf)
	if err != nil {
		return err
	}
	for _, key := range stored {
		delete(known, key)
	}
	return t.findUnchanged(ctx, known, number, results)
}

// lockReported looks up the SIMs of reports and locks them. It returns them by the number
// of the report. The transaction that a lock waits for may have given an identifier to
// another SIM, or retired the SIM, so that it looks them up until the answer is the same.
func (t *Tx) lockReported(ctx context.Context, c reportArrays) (map[int]int64, error) {
	for before := map[int]int64(nil); ; {
		var named []struct {
			Number int   `db:"nr"`
			SIM    int64 `db:"sim"`
		}
		if err := t.list(ctx, &named, lockReportedSIMs, args{
			"numbers": c.numbers, "imsis": c.imsis, "usernames": c.usernames(), "callers": c.callers(), "escaped": c.escaped(),
		}); err != nil {
			return nil, err
		}
		simOf := make(map[int]int64, len(named))
		for _, n := range named {
			simOf[n.Number] = n.SIM
		}
		if before != nil && maps.Equal(before, simOf) || len(simOf) == 0 {
			return simOf, nil
		}
		before = simOf
	}
}

// insertReported inserts the reports with the given indexes, and returns the keys of
// the sessions that were inserted or updated.
func (t *Tx) insertReported(ctx context.Context, list []SessionReport, indexes []int, simOf map[int]int64) (stored []string, err error) {
	c := reportColumns(list, indexes)
	sims := make(pq.Int64Array, len(indexes))
	for i, index := range indexes {
		sims[i] = simOf[index]
	}
	err = t.list(ctx, &stored, insertReportedSessions, args{
		"numbers": c.numbers, "keys": c.keys, "events": c.events, "delays": c.delays, "lasted": c.lasted, "imsis": c.imsis,
		"inputs": c.inputs, "outputs": c.outputs, "causes": c.causes, "connects": c.connects,
		"ips": c.ips, "ip6s": c.ip6s, "prefixes": c.prefixes, "interfaces": c.interfaces, "delegated": c.delegated, "classes": c.classes,
		"kinds": c.kinds(), "packets": c.packets(), "ids": c.ids(), "usernames": c.usernames(), "nases": c.nases(),
		"portids": c.portIDs(), "porttypes": c.portTypes(), "authentics": c.authentics(), "calleds": c.calleds(),
		"callers": c.callers(), "services": c.services(), "protocols": c.protocols(), "escaped": c.escaped(),
		"identifiers": c.identifiers(), "ports": c.ports(), "nsapis": c.nsapis(), "sims": sims,
	})
	if err != nil {
		return nil, fmt.Errorf("storing %d sessions: %w", len(indexes), err)
	}
	return stored, nil
}

// findUnchanged marks the reports that the trigger has found to be late news.
func (t *Tx) findUnchanged(ctx context.Context, known map[string]string, number map[string]int, results []ReportResult) error {
	if len(known) == 0 {
		return nil
	}
	var keys []string
	for key := range known {
		keys = append(keys, key)
	}
	var rows []struct {
		Key     string `db:"key"`
		Version string `db:"version"`
	}
	if err := t.list(ctx, &rows, selectSessionVersions, args{"keys": pq.Array(keys)}); err != nil {
		return fmt.Errorf("reading %d sessions again: %w", len(keys), err)
	}
	for _, r := range rows {
		if known[r.Key] == r.Version {
			results[number[r.Key]].Outcome = Replayed
		}
	}
	return nil
}

// column returns a value of the reports with the given indexes.
func column[T any](list []SessionReport, indexes []int, value func(*SessionReport) T) []T {
	values := make([]T, len(indexes))
	for i, index := range indexes {
		values[i] = value(&list[index])
	}
	return values
}

// reportArrays are the parameters that several statements have.
type reportArrays struct {
	list    []SessionReport
	indexes []int

	numbers, events, delays, lasted, inputs, outputs                                   pq.Int64Array
	keys, imsis, causes, connects, ips, ip6s, prefixes, interfaces, delegated, classes pq.StringArray
}

func reportColumns(list []SessionReport, indexes []int) reportArrays {
	c := reportArrays{list: list, indexes: indexes, numbers: make(pq.Int64Array, len(indexes))}
	for i, index := range indexes {
		c.numbers[i] = int64(index)
	}
	c.keys = c.texts(func(r *SessionReport) string { return r.Key })
	c.imsis = c.texts(func(r *SessionReport) string { return r.IMSI })
	c.events = column(list, indexes, func(r *SessionReport) int64 {
		if r.Event == nil {
			return -1
		}
		return max(r.Event.UnixMicro(), 0)
	})
	c.delays = column(list, indexes, func(r *SessionReport) int64 { return int64(r.Delay / time.Second) })
	c.lasted = c.counts(func(r *SessionReport) *int64 { return r.Lasted })
	c.inputs = c.counts(func(r *SessionReport) *int64 { return r.Input })
	c.outputs = c.counts(func(r *SessionReport) *int64 { return r.Output })
	c.causes = c.texts(func(r *SessionReport) string { return r.TerminateCause })
	c.connects = c.texts(func(r *SessionReport) string { return r.ConnectInfo })
	c.ips = c.texts(func(r *SessionReport) string { return r.FramedIP })
	c.ip6s = c.texts(func(r *SessionReport) string { return r.FramedIPv6 })
	c.prefixes = c.texts(func(r *SessionReport) string { return r.FramedIPv6Prefix })
	c.interfaces = c.texts(func(r *SessionReport) string { return r.FramedInterfaceID })
	c.delegated = c.texts(func(r *SessionReport) string { return r.DelegatedIPv6Prefix })
	c.classes = c.texts(func(r *SessionReport) string { return r.Class })
	return c
}

// The parameters of starts, or of single statements.

func (c reportArrays) ids() pq.StringArray {
	return c.texts(func(r *SessionReport) string { return r.SessionID })
}

func (c reportArrays) usernames() pq.StringArray {
	return c.texts(func(r *SessionReport) string { return r.Username })
}

func (c reportArrays) callers() pq.StringArray {
	return c.texts(func(r *SessionReport) string { return r.CallingStationID })
}

func (c reportArrays) calleds() pq.StringArray {
	return c.texts(func(r *SessionReport) string { return r.CalledStationID })
}

func (c reportArrays) identifiers() pq.StringArray {
	return c.texts(func(r *SessionReport) string { return r.NASIdentifier })
}

func (c reportArrays) portIDs() pq.StringArray {
	return c.texts(func(r *SessionReport) string { return r.NASPortID })
}

func (c reportArrays) portTypes() pq.StringArray {
	return c.texts(func(r *SessionReport) string { return r.NASPortType })
}

func (c reportArrays) nsapis() pq.StringArray {
	return c.texts(func(r *SessionReport) string { return r.NSAPI })
}

func (c reportArrays) services() pq.StringArray {
	return c.texts(func(r *SessionReport) string { return r.ServiceType })
}

func (c reportArrays) protocols() pq.StringArray {
	return c.texts(func(r *SessionReport) string { return r.FramedProtocol })
}

func (c reportArrays) authentics() pq.StringArray {
	return c.texts(func(r *SessionReport) string { return r.Authentic })
}

func (c reportArrays) nases() pq.StringArray {
	return c.texts(func(r *SessionReport) string { return r.NAS.String() })
}

func (c reportArrays) kinds() pq.StringArray {
	return c.texts(func(r *SessionReport) string { return string(r.Kind) })
}

func (c reportArrays) ports() pq.Int64Array {
	return c.counts(func(r *SessionReport) *int64 { return r.NASPort })
}

func (c reportArrays) packets() pq.ByteaArray {
	return column(c.list, c.indexes, func(r *SessionReport) []byte { return r.Packet })
}

func (c reportArrays) escaped() pq.BoolArray {
	return column(c.list, c.indexes, func(r *SessionReport) bool { return r.Escaped })
}

func (c reportArrays) stops() pq.BoolArray {
	return column(c.list, c.indexes, func(r *SessionReport) bool { return r.Kind == SessionStop })
}

// counts returns numbers, -1 for those that are not reported.
func (c reportArrays) counts(value func(*SessionReport) *int64) pq.Int64Array {
	return column(c.list, c.indexes, func(r *SessionReport) int64 {
		if n := value(r); n != nil {
			return *n
		}
		return -1
	})
}

func (c reportArrays) texts(value func(*SessionReport) string) pq.StringArray {
	return column(c.list, c.indexes, value)
}

// GatewayRestart is an Accounting-On or Accounting-Off: the gateway has no session
// that began before.
type GatewayRestart struct {
	NAS    netip.Addr
	Packet []byte // the Request Authenticator
	Event  *time.Time
	Delay  time.Duration
	Cause  string // Acct-Terminate-Cause; empty: NAS-Reboot
}

// restartMemory is how many Accounting-On and -Off of a gateway are remembered, so
// that a replay of one closes nothing.
const restartMemory = 32

var judgeRestart = newStatement(statement{
	name:    "judge_restart",
	does:    "Finds out when a gateway that reports a restart had no session.",
	given:   "@nas, the @packet's authenticator, the @event in microseconds since 1970 (null: none) and the @delay in seconds.",
	returns: `The time, whether the gateway's clock is wrong, and whether the packet is a repetition.`,
	text: `
SELECT
	` + reportedAtSQL + ` AS at,
	` + wrongClockSQL + ` AS clock,
	EXISTS (
		SELECT
		FROM radius.nasreload
		WHERE nasipaddress = @nas::inet AND @packet::bytea = ANY(packets)
	) AS replayed
FROM (SELECT @event::bigint AS event, @delay::bigint AS delay) n`,
})

var closeBefore = newStatement(statement{
	name: "close_before",
	does: `Closes open sessions of a gateway that began before it restarted. If the gateway reports one later, the trigger
		on radacct opens it again.`,
	given: "@nas, the time @at which it had no session, the @cause, and the @limit.",
	locks: "Takes the sessions, by ascending id.",
	text: `
UPDATE radius.radacct a
SET acctstoptime = @at::timestamptz,
	acctupdatetime = @at::timestamptz,
	acctsessiontime = greatest(a.acctsessiontime, extract(epoch FROM @at::timestamptz - a.acctstarttime)::bigint),
	acctterminatecause = @cause
FROM (
	SELECT radacctid
	FROM radius.radacct
	WHERE nasipaddress = @nas::inet AND acctstoptime IS NULL AND acctstarttime <= @at::timestamptz
	ORDER BY radacctid
	LIMIT @limit
	FOR UPDATE
) open
WHERE a.radacctid = open.radacctid`,
})

var noteRestart = newStatement(statement{
	name:  "note_restart",
	does:  "Notes the restart of a gateway, after its sessions were closed.",
	given: "@nas, the time @at which it had no session, the @packet's authenticator, and how many packets to @keep.",
	locks: "Takes the row of the gateway in nasreload.",
	text: `
INSERT INTO radius.nasreload AS r (nasipaddress, reloadtime, packets)
VALUES (@nas::inet, @at::timestamptz, ARRAY[@packet::bytea])
ON CONFLICT (nasipaddress) DO UPDATE
SET reloadtime = greatest(r.reloadtime, EXCLUDED.reloadtime),
	packets = (EXCLUDED.packets || coalesce(r.packets, '{}'))[1:@keep]`,
})

// restartPage is how many sessions one transaction closes.
const restartPage = 5000

// RecordRestart closes the sessions of a gateway that began before it restarted.
// If it fails, it can be repeated: what is closed stays closed.
func (db *DB) RecordRestart(ctx context.Context, r GatewayRestart) (ReportResult, error) {
	var event *int64
	if r.Event != nil {
		micros := r.Event.UnixMicro()
		event = &micros
	}
	var judged struct {
		At       time.Time `db:"at"`
		Clock    int       `db:"clock"`
		Replayed bool      `db:"replayed"`
	}
	err := db.get(ctx, &judged, judgeRestart, args{
		"nas": r.NAS.String(), "packet": r.Packet, "event": event, "delay": int64(r.Delay / time.Second),
	})
	if err != nil {
		return ReportResult{}, fmt.Errorf("looking up the restart of gateway %s: %w", r.NAS, err)
	}
	if judged.Replayed {
		return ReportResult{Outcome: Replayed, Clock: wrongClock(judged.Clock)}, nil
	}
	for more := true; more && err == nil; {
		err = db.InRetriedTx(ctx, func(t *Tx) error {
			more, err = t.closeBefore(ctx, r, judged.At)
			return err
		})
	}
	if err != nil {
		return ReportResult{}, fmt.Errorf("closing the sessions of gateway %s: %w", r.NAS, err)
	}
	return ReportResult{Outcome: Stored, Clock: wrongClock(judged.Clock)}, nil
}

// closeBefore closes a page of sessions, and notes the restart if it was the last
// one.
func (t *Tx) closeBefore(ctx context.Context, r GatewayRestart, at time.Time) (more bool, err error) {
	closed, err := t.exec(ctx, closeBefore, args{
		"nas": r.NAS.String(), "at": at, "cause": cmp.Or(r.Cause, "NAS-Reboot"), "limit": restartPage,
	})
	if err != nil || closed == restartPage {
		return true, err
	}
	_, err = t.exec(ctx, noteRestart, args{"nas": r.NAS.String(), "at": at, "packet": r.Packet, "keep": restartMemory})
	return false, err
}

// AccountingClient is a network from which accounting is accepted, with the secret
// that it shares with us.
type AccountingClient struct {
	Network netip.Prefix
	Secret  []byte
}

var selectAccountingClients = newStatement(statement{
	name:    "select_accounting_clients",
	does:    "Lists the networks of gateways with their secrets.",
	returns: "A row for each gateway.",
	text: `
SELECT network::text AS network, secret
FROM radius.nas`,
})

// AccountingClients lists the networks of gateways with their secrets.
func (db *DB) AccountingClients(ctx context.Context) ([]AccountingClient, error) {
	var rows []struct {
		Network string `db:"network"`
		Secret  string `db:"secret"`
	}
	if err := db.list(ctx, &rows, selectAccountingClients, args{}); err != nil {
		return nil, fmt.Errorf("listing the clients of accounting: %w", err)
	}
	list := make([]AccountingClient, len(rows))
	for i, r := range rows {
		network, err := netip.ParsePrefix(r.Network)
		if err != nil {
			return nil, fmt.Errorf("reading network %q of radius.nas: %w", r.Network, err) // the column's type is cidr
		}
		list[i] = AccountingClient{network, []byte(r.Secret)}
	}
	return list, nil
}

var selectMissingAccountingRights = newStatement(statement{
	name:    "select_missing_accounting_rights",
	does:    "Looks for rights that the accounting listener needs besides those of the other processes.",
	returns: "The GRANT statements that give these rights, each on a line, empty if none is missing.",
	text: `
SELECT coalesce(string_agg(format('GRANT %s ON %s TO %I', privileges, name, current_user), E'\n' ORDER BY name), '')
FROM (VALUES ('radius.radacct', 'INSERT'), ('radius.nasreload', 'SELECT, INSERT, UPDATE')) AS needed (name, privileges)
WHERE EXISTS (
	SELECT
	FROM unnest(string_to_array(privileges, ', ')) AS privilege
	WHERE NOT has_table_privilege(name, privilege)
)`,
})

// CheckAccountingRights returns a *MissingRightsError if the database user lacks
// rights that the accounting listener needs besides those that CheckRights checks.
func (db *DB) CheckAccountingRights(ctx context.Context) error {
	var grants string
	if err := db.get(ctx, &grants, selectMissingAccountingRights, args{}); err != nil {
		return fmt.Errorf("reading the rights of the database user: %w", err)
	}
	return missingRights(grants)
}

-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Compares reports with what is stored about their sessions. The verdict is
--           'new' if nothing is stored under the key;
--           'known' if the trigger before_session, or the conflict clause of insert_reported_sessions, decides what the report changes;
--           'reused' if the gateway has used the id of an earlier session again: the report is a start that is later than
--           everything that is known of the session, or its session began after the known one had ended, or it has another IMSI;
--           'replayed' if the report is older than the session that has the key now, or repeats it. Of a report without
--           Event-Timestamp about a session that has ended, Acct-Session-Time tells;
--           'flooded' if the SIM has too many open sessions for one more.
-- Given:    Arrays with an element for each report, as in record_reports: @numbers, @keys, @events, @delays,
--           @lasted and @imsis; @kinds (start, update or stop), @packets (Request Authenticators), @sims (0: not known); @earlier: how many reports before it name the same
--           SIM. @limit of open sessions.
-- Returns:  For each report its number, the verdict, whether its clock is wrong, and the version of the known row.
-- Locks:    The caller holds the SIMs.
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE judge_reports(limit, numbers, keys, kinds, packets, events, delays, lasted, imsis, sims, earlier);
PREPARE judge_reports AS
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
						LIMIT $1 /*limit*/
					) open
				) >= $1 /*limit*/ THEN 'flooded'
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
		radius.reported_at(event, delay, statement_timestamp()) AS at,
		radius.wrong_clock(event, statement_timestamp()) AS clock
	FROM (
		SELECT nr, key, kind, packet, nullif(event, -1) AS event, delay, lasted, imsi, sim, earlier
		FROM unnest($2 /*numbers*/::int[], $3 /*keys*/::text[], $4 /*kinds*/::text[], $5 /*packets*/::bytea[], $6 /*events*/::bigint[], $7 /*delays*/::bigint[],
			$8 /*lasted*/::bigint[], $9 /*imsis*/::text[], $10 /*sims*/::bigint[], $11 /*earlier*/::int[])
			AS u (nr, key, kind, packet, event, delay, lasted, imsi, sim, earlier)
	) u
) n
LEFT JOIN LATERAL (
	SELECT radacctid, ctid, xmin, start_packet, imsi, acctstarttime, acctupdatetime, acctstoptime, acctsessiontime, closed_at, connectinfo_stop
	FROM radius.radacct
	WHERE acctuniqueid = n.key
	OFFSET 0 -- or the planner may read the whole table, which it believes to be empty
) a ON true;

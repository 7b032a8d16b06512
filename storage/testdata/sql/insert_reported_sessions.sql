-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Inserts sessions as FreeRADIUS does: the trigger before_session decides what a start means for its SIM, and
--           whether a report opens a closed session again. If a session is stored and open, it is updated.
-- Given:    Arrays with an element for each report, as in judge_reports: @numbers, @keys, @events, @delays,
--           @lasted, @inputs, @outputs, @imsis, @causes, @connects, @ips, @ip6s, @prefixes, @interfaces, @delegated, @classes;
--           @kinds and @packets, as in judge_reports; @ids, @usernames, @nases, @portids, @porttypes, @authentics, @calleds,
--           @callers, @services, @protocols, @escaped, @identifiers, @ports (-1: not reported), @nsapis, and @sims (0: not
--           known).
-- Returns:  The key of each session that was inserted, or updated because it was open.
-- Locks:    The caller holds the SIMs. Takes the sessions.
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE insert_reported_sessions(numbers, keys, kinds, events, delays, lasted, inputs, outputs, imsis, causes, connects, ips, ip6s, prefixes, interfaces, delegated, classes, ids, usernames, nases, portids, porttypes, authentics, calleds, callers, services, protocols, escaped, identifiers, ports, nsapis, packets, sims);
PREPARE insert_reported_sessions AS
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
		radius.reported_at(event, delay, statement_timestamp()) AS at
	FROM (
		SELECT nr, key, kind, nullif(event, -1) AS event, delay, lasted, input, output, imsi, cause, connect, ip, ip6,
			prefix, interface, delegated, class, id, username, nas, portid, porttype, authentic, called, caller, service,
			protocol, escaped, identifier, port, nsapi, packet, sim
		FROM unnest($1 /*numbers*/::int[], $2 /*keys*/::text[], $3 /*kinds*/::text[], $4 /*events*/::bigint[], $5 /*delays*/::bigint[],
			$6 /*lasted*/::bigint[], $7 /*inputs*/::bigint[], $8 /*outputs*/::bigint[], $9 /*imsis*/::text[], $10 /*causes*/::text[], $11 /*connects*/::text[],
			$12 /*ips*/::text[], $13 /*ip6s*/::text[], $14 /*prefixes*/::text[], $15 /*interfaces*/::text[], $16 /*delegated*/::text[], $17 /*classes*/::text[],
			$18 /*ids*/::text[], $19 /*usernames*/::text[], $20 /*nases*/::text[], $21 /*portids*/::text[], $22 /*porttypes*/::text[], $23 /*authentics*/::text[],
			$24 /*calleds*/::text[], $25 /*callers*/::text[], $26 /*services*/::text[], $27 /*protocols*/::text[], $28 /*escaped*/::boolean[],
			$29 /*identifiers*/::text[], $30 /*ports*/::bigint[], $31 /*nsapis*/::text[], $32 /*packets*/::bytea[], $33 /*sims*/::bigint[])
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
RETURNING acctuniqueid;

-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Stores the reports for which nothing has to be decided: see the function.
-- Given:    Arrays with an element for each report, of different sessions; numbers that were not reported are -1, texts are
--           empty. Of starts: @start_keys, @start_packets (Request Authenticators), @start_events in microseconds since 1970,
--           @start_delays in seconds, @start_inputs, @start_outputs, @start_imsis, @start_usernames, @start_callers, whether
--           these are escaped in @start_escaped, @start_calleds, @start_ids, @start_nases, @start_identifiers, @start_ports,
--           @start_portids, @start_porttypes, @start_nsapis, @start_services, @start_protocols, @start_authentics,
--           @start_connects, @start_ips, @start_ip6s, @start_prefixes, @start_interfaces, @start_delegated and
--           @start_classes. @limit of open sessions of a SIM. Of updates and ends: @keys, whether it is the end in @stops,
--           @events, @delays, @lasted, @inputs, @outputs, @imsis, @causes, @connects, @ips, @ip6s, @prefixes, @interfaces,
--           @delegated and @classes.
-- Returns:  For each report that was stored, the key of its session, and whether its clock is wrong.
-- Locks:    Takes SIMs that no other transaction has locked, and then sessions.
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE record_reports(start_keys, start_packets, start_events, start_delays, start_inputs, start_outputs, start_imsis, start_usernames, start_callers, start_escaped, start_calleds, start_ids, start_nases, start_identifiers, start_ports, start_portids, start_porttypes, start_nsapis, start_services, start_protocols, start_authentics, start_connects, start_ips, start_ip6s, start_prefixes, start_interfaces, start_delegated, start_classes, limit, keys, stops, events, delays, lasted, inputs, outputs, imsis, causes, connects, ips, ip6s, prefixes, interfaces, delegated, classes);
PREPARE record_reports AS
SELECT recorded_key AS key, recorded_clock AS clock
FROM radius.record_reports(
	$1 /*start_keys*/::text[], $2 /*start_packets*/::bytea[], $3 /*start_events*/::bigint[], $4 /*start_delays*/::bigint[], $5 /*start_inputs*/::bigint[], $6 /*start_outputs*/::bigint[],
	$7 /*start_imsis*/::text[], $8 /*start_usernames*/::text[], $9 /*start_callers*/::text[], $10 /*start_escaped*/::boolean[], $11 /*start_calleds*/::text[],
	$12 /*start_ids*/::text[], $13 /*start_nases*/::text[], $14 /*start_identifiers*/::text[], $15 /*start_ports*/::bigint[], $16 /*start_portids*/::text[], $17 /*start_porttypes*/::text[],
	$18 /*start_nsapis*/::text[], $19 /*start_services*/::text[], $20 /*start_protocols*/::text[], $21 /*start_authentics*/::text[], $22 /*start_connects*/::text[],
	$23 /*start_ips*/::text[], $24 /*start_ip6s*/::text[], $25 /*start_prefixes*/::text[], $26 /*start_interfaces*/::text[], $27 /*start_delegated*/::text[], $28 /*start_classes*/::text[],
	$29 /*limit*/::bigint,
	$30 /*keys*/::text[], $31 /*stops*/::boolean[], $32 /*events*/::bigint[], $33 /*delays*/::bigint[], $34 /*lasted*/::bigint[], $35 /*inputs*/::bigint[], $36 /*outputs*/::bigint[],
	$37 /*imsis*/::text[], $38 /*causes*/::text[], $39 /*connects*/::text[],
	$40 /*ips*/::text[], $41 /*ip6s*/::text[], $42 /*prefixes*/::text[], $43 /*interfaces*/::text[], $44 /*delegated*/::text[], $45 /*classes*/::text[]);

-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: FreeRADIUS stores accounting with the module and the policy of deployments/freeradius.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_radius_policy;
PREPARE check_radius_policy AS
WITH latest AS MATERIALIZED (
	SELECT escaped, sim, judged, start_packet, acctstarttime, acctupdatetime, acctsessiontime
	FROM radius.radacct
	ORDER BY radacctid DESC
	LIMIT 1000
), recent AS (
	SELECT *
	FROM latest
	WHERE acctstarttime > clock_timestamp() - interval '1 day' AND start_packet IS NULL -- else from simtransfer radius
)
SELECT format('%s of the last %s sessions were stored by FreeRADIUS''s own module, without Class, 3GPP-IMSI and NAS-Identifier: copy deployments/freeradius/mods-available/sql, or take over its section class',
	count(*) FILTER (WHERE escaped IS NULL), count(*))
FROM recent
HAVING count(*) FILTER (WHERE escaped IS NULL) > 0
UNION ALL
-- Only sessions whose start is their last news: the others may have been stored when an
-- Interim-Update or a Stop was the first news of them, which the policy leaves to FreeRADIUS.
SELECT format('none of the last %s starts was stored by the policy, so that FreeRADIUS answers starts that it could not store, and they are lost: copy deployments/freeradius/policy.d/simtransfer, and call simtransfer_accounting in the section accounting in place of sql',
	count(*))
FROM recent
WHERE sim IS NOT NULL AND acctsessiontime = 0 AND acctupdatetime = acctstarttime
HAVING count(*) >= 20 AND count(*) FILTER (WHERE judged) = 0;

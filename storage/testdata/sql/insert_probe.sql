-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Asks for a probe of a gateway, unless the API key has asked for too many in the last minute.
-- Given:    @network of the gateway; the @address of the network to probe; the API @key of the caller; @limit:
--           how many probes it may ask for per minute.
-- Returns:  The id of the probe; none if there is no such gateway, or if the limit is reached.
-- Locks:    The caller holds the advisory lock of probes.
--
-- EXPLAIN EXECUTE insert_probe(address, key, network, limit);
PREPARE insert_probe AS
INSERT INTO gateway_probes (gateway, address, api_key)
SELECT id, $1 /*address*/::inet, $2 /*key*/::bigint
FROM radius.nas
WHERE network = $3 /*network*/::cidr
  AND (SELECT count(*) FROM gateway_probes WHERE api_key = $2 /*key*/ AND asked_at > clock_timestamp() - interval '1 minute') < $4 /*limit*/
RETURNING id;

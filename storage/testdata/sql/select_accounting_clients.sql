-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the networks of gateways with their secrets.
-- Given:    nothing
-- Returns:  A row for each gateway.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_accounting_clients;
PREPARE select_accounting_clients AS
SELECT network::text AS network, secret
FROM radius.nas;

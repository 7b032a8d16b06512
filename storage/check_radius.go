package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"simtransfer/transfer"
)

// radiusInvariants lists what has to hold of the set-up around RADIUS, besides
// invariants.
func radiusInvariants() []invariant {
	return []invariant{
		newInvariant(9, "radius_tables", "the tables of FreeRADIUS's queries are there", `
			SELECT format('the table radius.%s is missing: restore it from a backup', name)
			FROM unnest(ARRAY['radacct', 'nas', 'radcheck', 'radreply', 'radusergroup', 'radgroupcheck', 'radgroupreply', 'radpostauth', 'nasreload']) AS name
			WHERE to_regclass('radius.' || name) IS NULL
			UNION ALL
			SELECT format('the function radius.%s, which the policy of deployments/freeradius calls, is missing: restore it from a backup', name)
			FROM unnest(ARRAY['start_session', 'update_session', 'stop_session', 'access_class', 'access_moving', 'access_groups']) AS name
			WHERE to_regproc('radius.' || name) IS NULL`),
		newInvariant(9, "radius_users", "a database user other than the owner can write accounting, and finds the tables", `
			WITH writers AS (
				SELECT DISTINCT a.grantee AS id, a.grantee::regrole AS name
				FROM pg_class c
				CROSS JOIN aclexplode(c.relacl) a
				WHERE c.oid = 'radius.radacct'::regclass AND a.privilege_type = 'INSERT' AND a.grantee NOT IN (0, c.relowner)
				  AND NOT has_table_privilege(a.grantee, 'public.work', 'INSERT') -- a user of simtransfer radius
			)
			SELECT 'no user but the owner of radius.radacct can write accounting: create one for FreeRADIUS with the statements in docs/operations.md. If simtransfer radius receives the accounting, nothing is missing, and this is no longer reported after the first session'
			WHERE NOT EXISTS (SELECT 1 FROM writers)
			  AND NOT EXISTS (
				SELECT 1
				FROM (SELECT start_packet FROM radius.radacct ORDER BY radacctid DESC LIMIT 1000) latest
				WHERE start_packet IS NOT NULL -- from simtransfer radius
			)
			UNION ALL
			SELECT format('%s does not find the tables, because its search_path is %s: run ALTER ROLE %s%s SET search_path = radius',
				name, coalesce(path.setting, 'not set'), name, CASE WHEN path.in_database THEN format(' IN DATABASE %I', current_database()) END)
			FROM writers
			LEFT JOIN LATERAL (
				-- As a new connection of the user to this database gets it.
				SELECT substr(setting, 13) AS setting, s.setrole <> 0 AND s.setdatabase <> 0 AS in_database
				FROM pg_db_role_setting s
				CROSS JOIN unnest(s.setconfig) AS setting
				WHERE s.setrole IN (writers.id, 0)
				  AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
				  AND setting LIKE 'search_path=%'
				ORDER BY s.setrole = 0, s.setdatabase = 0
				LIMIT 1
			) path ON true
			WHERE path.setting IS NULL OR path.setting !~ '\mradius\M'
			UNION ALL
			SELECT format('%s cannot call the function that stores most starts, so that accounting is slower: run GRANT EXECUTE ON FUNCTION radius.start_session TO %s', name, name)
			FROM writers
			JOIN pg_proc p ON p.pronamespace = 'radius'::regnamespace AND p.proname = 'start_session'
			WHERE NOT has_function_privilege(writers.id, p.oid, 'EXECUTE')`),
		newInvariant(9, "radius_access", "database users that answer Access-Requests have the rights for it", `
			WITH users AS (
				SELECT DISTINCT a.grantee AS id, a.grantee::regrole AS name
				FROM pg_proc p
				CROSS JOIN aclexplode(p.proacl) a
				WHERE p.pronamespace = 'radius'::regnamespace AND p.proname LIKE 'access\_%' AND a.grantee NOT IN (0, p.proowner)
			)
			SELECT format('%s lacks a right: run GRANT EXECUTE ON FUNCTION %s TO %s', name, p.oid::regproc, name)
			FROM users
			JOIN pg_proc p ON p.pronamespace = 'radius'::regnamespace AND p.proname LIKE 'access\_%' AND p.proname <> 'access_class'
			WHERE NOT has_function_privilege(users.id, p.oid, 'EXECUTE')
			UNION ALL
			SELECT format('%s lacks a right: run GRANT SELECT ON radius.%s TO %s', users.name, t.name, users.name)
			FROM users
			CROSS JOIN unnest(ARRAY['radcheck', 'radreply', 'radusergroup', 'radgroupcheck', 'radgroupreply']) AS t (name)
			WHERE to_regclass('radius.' || t.name) IS NOT NULL AND NOT has_table_privilege(users.id, 'radius.' || t.name, 'SELECT')
			UNION ALL
			SELECT format('%s lacks a right: run GRANT INSERT ON radius.radpostauth TO %s', name, name)
			FROM users
			WHERE to_regclass('radius.radpostauth') IS NOT NULL AND NOT has_table_privilege(users.id, 'radius.radpostauth', 'INSERT')`),
		newInvariant(9, "radius_policy", "FreeRADIUS stores accounting with the module and the policy of deployments/freeradius", `
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
			HAVING count(*) >= 20 AND count(*) FILTER (WHERE judged) = 0`),
		newInvariant(9, "radius_gateways", "every gateway that has an open session is known", `
			SELECT format('gateway %s has %s open sessions and is not known, so they cannot be ended: run simtransfer gateways set %s', host(a.nasipaddress), count(*), host(a.nasipaddress))
			FROM radius.radacct a
			WHERE a.acctstoptime IS NULL
			  AND NOT EXISTS (SELECT 1 FROM radius.nas g WHERE g.network >>= radius.plain_address(a.nasipaddress))
			GROUP BY a.nasipaddress`),
		newInvariant(9, "radius_news", "accounting has arrived in the last day, if sessions are open", `
			SELECT format('no accounting has arrived since %s, although %s sessions are open: look at the log of FreeRADIUS or simtransfer radius, and whether the gateways send their accounting there', max(coalesce(acctupdatetime, acctstarttime)), count(*))
			FROM radius.radacct
			WHERE acctstoptime IS NULL
			HAVING max(coalesce(acctupdatetime, acctstarttime)) < clock_timestamp() - interval '1 day'`),
	}
}

// CheckRADIUS checks the set-up around RADIUS: the tables and users of FreeRADIUS, and
// the gateways as far as the database knows them. It takes no locks. If it is not
// complete, a table is missing that everything else needs, and is among the findings.
func (db *DB) CheckRADIUS(ctx context.Context) (findings []Finding, complete bool, err error) {
	tx, err := db.pool.BeginTxx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, false, fmt.Errorf("beginning the check: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	list := radiusInvariants()
	f, err := list[0].check(ctx, tx)
	if err == nil {
		err = tx.GetContext(ctx, &complete, `SELECT to_regclass('radius.radacct') IS NOT NULL AND to_regclass('radius.nas') IS NOT NULL`)
	}
	if err != nil {
		return nil, false, fmt.Errorf("checking that %s: %w", list[0].text, err)
	}
	if findings = append(findings, f); !complete {
		return findings, false, nil
	}
	for _, i := range append(list[1:], accountingInvariants()...) {
		f, err := i.check(ctx, tx)
		if err != nil {
			return nil, false, fmt.Errorf("checking that %s: %w", i.text, err)
		}
		findings = append(findings, f)
	}
	return findings, true, nil
}

// askedGateway is a gateway that workers are asked to probe.
type askedGateway struct {
	ID      int64  `db:"id"` // of the probe
	Name    string `db:"nasname"`
	Address string `db:"address"`
	Called  bool   `db:"called"` // by HTTP
}

var insertProbes = newStatement(statement{
	name: "insert_probes",
	does: `Asks for probes of gateways, by the ids of the gateways. A network is probed at the gateway in it whose
		session began last; one without an open session is left out.`,
	given:   "@after: only gateways with a greater id; @limit: maximum number of gateways.",
	returns: "The probes, with the names of the gateways and whether they are called by HTTP; and the last id that was looked at.",
	text: `
WITH gateways AS (
	SELECT id, nasname, network, url IS NOT NULL AS called
	FROM radius.nas
	WHERE id > @after
	ORDER BY id
	LIMIT @limit
), asked AS (
	INSERT INTO gateway_probes (gateway, address, api_key)
	SELECT g.id, coalesce(s.nasipaddress, host(g.network)::inet), 0
	FROM gateways g
	LEFT JOIN LATERAL (
		SELECT nasipaddress
		FROM radius.radacct
		WHERE acctstoptime IS NULL AND g.network >>= radius.plain_address(nasipaddress)
		ORDER BY radacctid DESC
		LIMIT 1
	) s ON masklen(g.network) < CASE family(g.network) WHEN 4 THEN 32 ELSE 128 END
	WHERE s.nasipaddress IS NOT NULL OR masklen(g.network) = CASE family(g.network) WHEN 4 THEN 32 ELSE 128 END
	RETURNING id, gateway, address
)
SELECT g.id AS gateway, g.nasname, coalesce(a.id, 0) AS id, coalesce(host(a.address), '') AS address, g.called
FROM gateways g
LEFT JOIN asked a ON a.gateway = g.id
ORDER BY g.id`,
})

// probesAtOnce is how many gateways CheckGateways has probed at once: as many as a worker
// probes.
const probesAtOnce = 8

// CheckGateways lets workers ask every gateway to end a session that cannot exist, and
// reports those that would not end a session, with what to do. It needs a running worker.
func (db *DB) CheckGateways(ctx context.Context, by Actor) (Finding, error) {
	f := Finding{Number: 9, Invariant: "every gateway answers the workers"}
	asked := 0
	for after := int64(0); ; {
		var gateways []struct {
			Gateway int64 `db:"gateway"`
			askedGateway
		}
		if err := db.list(ctx, &gateways, insertProbes, args{"after": after, "limit": probesAtOnce}); err != nil {
			return f, fmt.Errorf("asking for probes of gateways: %w", err)
		}
		if len(gateways) == 0 {
			break
		}
		after = gateways[len(gateways)-1].Gateway
		for _, g := range gateways {
			if g.ID == 0 {
				continue
			}
			asked++
			wrong, err := db.awaitProbe(ctx, g.askedGateway)
			if err != nil {
				return f, err
			}
			if wrong != "" {
				f.Violations++
				if len(f.Examples) < MaxExamples {
					f.Examples = append(f.Examples, wrong)
				}
			}
		}
	}
	if asked == 0 {
		return f, nil
	}
	return f, db.InRetriedTx(ctx, func(t *Tx) error {
		return t.Audit(ctx, AuditEntry{By: by, Action: transfer.AuditGatewayProbe, Object: "gateway", After: map[string]any{"gateways": asked}})
	})
}

// awaitProbe waits for the answer of a probe, and returns what is wrong; empty if the
// gateway would end a session.
func (db *DB) awaitProbe(ctx context.Context, g askedGateway) (wrong string, err error) {
	name := "gateway " + g.Name
	if g.Address != g.Name {
		name += " (" + g.Address + ")"
	}
	for began := time.Now(); ; {
		s, err := db.StateOfProbe(ctx, g.ID)
		switch {
		case err != nil && !errors.Is(err, ErrNotFound):
			return "", err
		case s.Answer != nil && s.Answer.Outcome == transfer.ProbeAnswers:
			return "", nil
		case s.Answer != nil:
			return name + ": " + describeProbe(*s.Answer, g.Called), nil
		case !s.Taken && time.Since(began) > ProbeTime:
			return name + " was not probed: no worker is running", nil
		case time.Since(began) > ProbeTime+MaxProbeTime:
			return name + " was not probed: the worker that had to do it has stopped", nil
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// describeProbe says in words what a probe has found out and what to do.
func describeProbe(a ProbeAnswer, called bool) string {
	remedy := a.Outcome.Remedy()
	if called {
		remedy = a.Outcome.CallRemedy()
	}
	text := a.Outcome.Meaning() + " " + remedy
	var more []string
	for _, f := range []struct{ name, value string }{{"error_cause: ", a.Cause}, {"detail: ", a.Detail}, {"asked at ", a.Address}} {
		if f.value != "" {
			more = append(more, f.name+f.value)
		}
	}
	if len(more) == 0 {
		return text
	}
	return text + " (" + strings.Join(more, "; ") + ")"
}

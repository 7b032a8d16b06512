package storage

import (
	"context"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"time"
)

// MissingRightsError means that the database user of the process lacks rights
// without which some operations fail.
type MissingRightsError struct {
	Grants []string // the statements that give it these rights
}

func (e *MissingRightsError) Error() string {
	return "the database user lacks rights: run " + strings.Join(e.Grants, "; ")
}

// Rights that a process needs in addition to those of neededRights on what the
// migrations create in the schema public.
const (
	tableRights   = "SELECT INSERT UPDATE DELETE"
	gatewayRights = tableRights
	sessionRights = "SELECT UPDATE"
)

var createdObject = regexp.MustCompile(`(?m)^CREATE (TABLE|VIEW|SEQUENCE) (\w+)[ ;(]`)

// neededRights returns the rights on tables, views and sequences that a process
// needs, separated by spaces, by schema and name. It reads the names from the
// migrations, so that a new table is checked without being listed here. Identity
// columns need no right on their sequence.
func neededRights() map[string]string {
	rights := map[string]string{"radius.nas": gatewayRights, "radius.radacct": sessionRights}
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		panic(fmt.Sprintf("the embedded migrations cannot be listed: %v", err)) // the pattern is valid
	}
	for _, file := range files {
		text, err := migrations.ReadFile(file)
		if err != nil {
			panic(fmt.Sprintf("an embedded migration cannot be read: %v", err)) // it is in the list
		}
		for _, found := range createdObject.FindAllStringSubmatch(string(text), -1) {
			needed := tableRights
			switch found[1] {
			case "VIEW":
				needed = "SELECT"
			case "SEQUENCE":
				needed = "USAGE"
			}
			rights["public."+found[2]] = needed
		}
	}
	return rights
}

var selectMissingRights = newStatement(statement{
	name: "select_missing_rights",
	does: `Looks for rights that the service needs and the user of the connection does not have. It reads the catalog
		only: without a right on the schema, names of tables could not be resolved.`,
	returns: "The GRANT statements that give these rights, each on a line, empty if none is missing.",
	text: `
		SELECT coalesce(string_agg(format('GRANT %s ON %s TO %I', rights, object, current_user), E'\n' ORDER BY object), '')
		FROM (
			SELECT object, string_agg(privilege, ', ' ORDER BY nr) AS rights
			FROM (
				SELECT 'SCHEMA ' || schema AS object, 'USAGE' AS privilege, 1 AS nr
				FROM unnest(ARRAY['public', 'radius']) AS schema
				WHERE NOT has_schema_privilege(schema, 'USAGE')
				UNION ALL
				SELECT 'DATABASE ' || quote_ident(current_database()), 'TEMPORARY', 1
				WHERE NOT has_database_privilege(current_database(), 'TEMPORARY')
				UNION ALL
				SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE '' END || needed.name, p.privilege, p.nr
				FROM (
					VALUES
						` + neededRightsSQL() + `
				) AS needed (name, privileges)
				JOIN pg_namespace n ON n.nspname = split_part(needed.name, '.', 1)
				JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = split_part(needed.name, '.', 2)
				CROSS JOIN unnest(string_to_array(needed.privileges, ' ')) WITH ORDINALITY AS p (privilege, nr)
				WHERE NOT CASE c.relkind WHEN 'S' THEN has_sequence_privilege(c.oid, p.privilege) ELSE has_table_privilege(c.oid, p.privilege) END
			) missing
			GROUP BY object
		) grants`,
})

// neededRightsSQL returns the rows of the rights that a process needs.
func neededRightsSQL() string {
	var rows []string
	for name, privileges := range neededRights() {
		rows = append(rows, "('"+name+"', '"+privileges+"')")
	}
	slices.Sort(rows)
	return strings.Join(rows, ",\n\t\t\t\t\t\t")
}

// CheckRights returns a *MissingRightsError if the database user lacks rights that
// a process of the service needs.
func (db *DB) CheckRights(ctx context.Context) error {
	var grants string
	if err := db.get(ctx, &grants, selectMissingRights, args{}); err != nil {
		return fmt.Errorf("reading the rights of the database user: %w", err)
	}
	return missingRights(grants)
}

func missingRights(grants string) error {
	if grants == "" {
		return nil
	}
	return &MissingRightsError{Grants: strings.Split(grants, "\n")}
}

// rightsPeriod is how long the result that no right is missing is believed.
const rightsPeriod = 10 * time.Second

// checkRights returns a *MissingRightsError like CheckRights, on the connection of
// the checks. check must have succeeded before.
func (a *availability) checkRights(ctx context.Context) error {
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return &ConnectError{errSilent}
	}
	if a.conn == nil || time.Since(a.rightsSeen) < rightsPeriod {
		return nil // no connection: another check has just failed, and the next one says why
	}
	row, err := a.conn.readRow(context.WithoutCancel(ctx), selectMissingRights.query()) // canceling would make lib/pq dial again
	if err != nil {
		return fmt.Errorf("reading the rights of the database user: %w", err)
	}
	if err := missingRights(row[0]); err != nil {
		return err
	}
	a.rightsSeen = time.Now()
	return nil
}

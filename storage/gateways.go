package storage

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/lib/pq"

	"simtransfer/transfer"
)

// Gateway is a row of radius.nas: a gateway, or a network of gateways.
type Gateway struct {
	ID          int        `db:"id"`
	Name        string     `db:"name"` // as transfer.GatewayName returns it
	Description string     `db:"description"`
	Server      *string    `db:"server"`  // host or host:port; nil: the address of the gateway itself
	Address     *string    `db:"address"` // host:port for Disconnect-Requests; nil: each gateway of the network has its own
	Signed      bool       `db:"signed"`  // whether its answers must have a Message-Authenticator
	SecretSetAt *time.Time `db:"secret_set_at"`
	SecretUnset bool       `db:"secret_unset"` // it has a URL, and no one has set a secret

	GatewayRequests

	URLSecretSetAt *time.Time `db:"url_secret_set_at"`
}

// GatewayRequests is what a gateway is asked with, and how fast.
type GatewayRequests struct {
	Preset       transfer.GatewayPreset `db:"preset"`
	Attributes   pq.StringArray         `db:"attributes"`     // of Disconnect-Requests; nil: the default list
	Port         *int                   `db:"port"`           // for Disconnect-Requests if the server has none; nil: 3799
	Source       *string                `db:"source_address"` // that workers send from; nil: the one that the route has
	MaxInFlight  *int                   `db:"max_in_flight"`  // of each worker process; nil: no limit
	MaxPerSecond *int                   `db:"max_per_second"` // of each worker process; nil: no limit
	URL          *string                `db:"url"`            // for HTTP calls; nil: it gets Disconnect-Requests
}

// AttributeList returns the attributes of its Disconnect-Requests.
func (r GatewayRequests) AttributeList() []transfer.GatewayAttribute {
	if r.Attributes == nil {
		return transfer.DefaultGatewayAttributes()
	}
	list := make([]transfer.GatewayAttribute, len(r.Attributes))
	for i, a := range r.Attributes {
		list[i] = transfer.GatewayAttribute(a)
	}
	return list
}

// GatewaySettings are the settings of a gateway that can be changed.
type GatewaySettings struct {
	Description string
	Server      *string
	Signed      bool
	GatewayRequests
	Secret    *string `json:"-"` // nil: the secret that it has
	URLSecret *string `json:"-"` // nil: the one that it has
}

// Settings returns the settings of a gateway, with the secrets that it has.
func (g Gateway) Settings() GatewaySettings {
	return GatewaySettings{Description: g.Description, Server: g.Server, Signed: g.Signed, GatewayRequests: g.GatewayRequests}
}

// ErrNoSecret is returned for a gateway without a secret, unless it has a URL.
var ErrNoSecret = errors.New("a gateway without a URL needs a secret")

// ErrNoURLSecret is returned for a gateway that gets a URL and no secret for it.
var ErrNoURLSecret = errors.New("a gateway with a URL needs a secret for it")

// OpenSessionsError is returned for a gateway that cannot be removed, because
// sessions are open at it.
type OpenSessionsError struct {
	Sessions int // at most maxCountedSessions
}

func (e *OpenSessionsError) Error() string {
	if e.Sessions == 1 {
		return "1 session is open at the gateway"
	}
	return fmt.Sprintf("%d sessions are open at the gateway", e.Sessions)
}

// maxCountedSessions is how many open sessions of a gateway are counted.
const maxCountedSessions = 10000

const gatewayColumns = `
	id,
	CASE WHEN masklen(network) = CASE family(network) WHEN 4 THEN 32 ELSE 128 END THEN host(network) ELSE network::text END AS name,
	coalesce(description, '') AS description,
	nullif(btrim(server), '') AS server,
	CASE
		WHEN masklen(network) = CASE family(network) WHEN 4 THEN 32 ELSE 128 END OR btrim(server) <> ''
		THEN CASE WHEN url IS NULL THEN radius.server_address(server, network, disconnect_port) END
	END AS address,
	require_message_authenticator AS signed,
	secret_set_at,
	secret_unset,
	preset,
	attributes,
	disconnect_port AS port,
	host(source_address) AS source_address,
	max_in_flight,
	max_per_second,
	url,
	url_secret_set_at`

var selectGateways = newStatement(statement{
	name:    "select_gateways",
	does:    "Lists gateways by network.",
	given:   "@after: only networks that follow this one (null: all); @limit: maximum number of rows.",
	returns: "The gateways.",
	text: `SELECT` + gatewayColumns + `
FROM radius.nas
WHERE @after::cidr IS NULL OR network > @after
ORDER BY network
LIMIT @limit`,
})

// Gateways lists gateways by network: those that follow a network, or all for
// the zero value.
func (db *DB) Gateways(ctx context.Context, after netip.Prefix, limit int) ([]Gateway, error) {
	list := []Gateway{}
	if err := db.list(ctx, &list, selectGateways, args{"after": networkText(after), "limit": limit}); err != nil {
		return nil, fmt.Errorf("listing gateways: %w", err)
	}
	return list, nil
}

// GatewayWait is the work that waits until a gateway ends sessions.
type GatewayWait struct {
	Gateway  int       `db:"gateway"`  // its id
	SIMs     int       `db:"sims"`     // whose sessions it should end; a session that outlived a transfer counts as one
	Since    time.Time `db:"since"`    // when the first of the work was created
	Attempts int       `db:"attempts"` // the most for one piece of work
	Answer   *string   `db:"answer"`   // what went wrong at last, for people; nil: nothing did
}

var selectGatewayWaits = newStatement(statement{
	name: "select_gateway_waits",
	does: `Sums up the work that waits until gateways end sessions, by gateway. Work for an address that no gateway has is
		left out.`,
	returns: "A row for each gateway for which work waits.",
	text: `
WITH waiting AS MATERIALIZED (
	SELECT
		radius.plain_address(gateway::inet) AS address,
		sum(n) AS sims,
		min(created_at) AS since,
		max(attempts) AS attempts,
		(array_agg(error ORDER BY attempts DESC, id DESC) FILTER (WHERE error IS NOT NULL))[1] AS answer
	FROM work
	WHERE kind IN ('drop_sessions', 'drop_stray') AND gateway IS NOT NULL
	GROUP BY gateway
)
SELECT
	g.id AS gateway,
	sum(w.sims)::integer AS sims,
	min(w.since) AS since,
	max(w.attempts) AS attempts,
	(array_agg(w.answer ORDER BY w.attempts DESC, w.address) FILTER (WHERE w.answer IS NOT NULL))[1] AS answer
FROM waiting w
CROSS JOIN LATERAL (
	SELECT id
	FROM radius.nas
	WHERE network >>= w.address
	ORDER BY masklen(network) DESC
	LIMIT 1
) g
GROUP BY g.id`,
})

// GatewayWaits returns the work that waits for gateways, by the id of the gateway.
func (db *DB) GatewayWaits(ctx context.Context) (map[int]GatewayWait, error) {
	var list []GatewayWait
	if err := db.list(ctx, &list, selectGatewayWaits, args{}); err != nil {
		return nil, fmt.Errorf("summing up what waits for gateways: %w", err)
	}
	waits := make(map[int]GatewayWait, len(list))
	for _, w := range list {
		waits[w.Gateway] = w
	}
	return waits, nil
}

// networkText returns a network for a parameter, nil for the zero value.
func networkText(network netip.Prefix) *string {
	if !network.IsValid() {
		return nil
	}
	text := network.String()
	return &text
}

var selectGateway = newStatement(statement{
	name:    "select_gateway",
	does:    "Reads a gateway.",
	given:   "@network of the gateway.",
	returns: "The gateway; none if there is none with exactly this network.",
	text: `SELECT` + gatewayColumns + `
FROM radius.nas
WHERE network = @network::cidr`,
})

// Gateway returns the gateway with exactly this network, or ErrNotFound.
func (db *DB) Gateway(ctx context.Context, network netip.Prefix) (Gateway, error) {
	var g Gateway
	if err := db.get(ctx, &g, selectGateway, args{"network": networkText(network)}); err != nil {
		return g, fmt.Errorf("reading gateway %s: %w", network, err)
	}
	return g, nil
}

var selectGatewayOf = newStatement(statement{
	name:    "select_gateway_of",
	does:    "Reads the gateway that has an address: of several networks, the smallest.",
	given:   "@address of the gateway.",
	returns: "The gateway; none if no network includes the address.",
	text: `SELECT` + gatewayColumns + `
FROM radius.nas
WHERE network >>= radius.plain_address(@address::inet)
ORDER BY masklen(network) DESC
LIMIT 1`,
})

// GatewayOf returns the gateway that has an address, or ErrNotFound.
func (db *DB) GatewayOf(ctx context.Context, address netip.Addr) (Gateway, error) {
	var g Gateway
	if err := db.get(ctx, &g, selectGatewayOf, args{"address": address.String()}); err != nil {
		return g, fmt.Errorf("reading the gateway with the address %s: %w", address, err)
	}
	return g, nil
}

var lockGateway = newStatement(statement{
	name:    "lock_gateway",
	does:    "Locks a gateway.",
	given:   "@network of the gateway.",
	returns: "The gateway; none if there is none with exactly this network.",
	locks:   "Takes the gateway.",
	text: `SELECT` + gatewayColumns + `
FROM radius.nas
WHERE network = @network::cidr
FOR UPDATE`,
})

var insertGateway = newStatement(statement{
	name: "insert_gateway",
	does: "Creates a gateway.",
	given: `@name, @description, @server (null: its own address), @signed, @preset, @attributes (null: the default list),
		@port, @source, @max_in_flight and @max_per_second (null: none), @url (null: it
		gets Disconnect-Requests), @secret, whether it is a random one because none
		was set (@secret_unset), and @url_secret (null: none).`,
	returns: "The gateway; none if there is one with this network.",
	text: `
INSERT INTO radius.nas (nasname, description, server, require_message_authenticator, preset, attributes, disconnect_port, source_address,
	max_in_flight, max_per_second, url, secret, secret_unset, url_secret)
VALUES (@name, @description, @server, @signed, @preset, @attributes, @port, @source, @max_in_flight, @max_per_second, @url, @secret, @secret_unset, @url_secret)
ON CONFLICT DO NOTHING
RETURNING` + gatewayColumns,
})

var updateGateway = newStatement(statement{
	name: "update_gateway",
	does: "Changes a gateway.",
	given: `@id, @description, @server (null: its own address), @signed, @preset, @attributes (null: the default list),
		@port, @source, @max_in_flight and @max_per_second (null: none), @url (null: it
		gets Disconnect-Requests, and url_secret is removed), and @secret and @url_secret (null: no change).`,
	returns: "The gateway.",
	locks:   "The caller holds the gateway.",
	text: `
UPDATE radius.nas
SET description = @description,
	server = @server,
	require_message_authenticator = @signed,
	preset = @preset,
	attributes = @attributes,
	disconnect_port = @port,
	source_address = @source,
	max_in_flight = @max_in_flight,
	max_per_second = @max_per_second,
	url = @url,
	secret = coalesce(@secret, secret),
	url_secret = CASE WHEN @url::text IS NOT NULL THEN coalesce(@url_secret, url_secret) END
WHERE id = @id
RETURNING` + gatewayColumns,
})

// PutGateway creates a gateway, or changes the one with the same network. It
// calls edit with the gateway as it is, nil if there is none, and stores the
// settings that edit returns; if edit returns an error, nothing is changed. A new
// gateway without a secret is ErrNoSecret.
func (db *DB) PutGateway(ctx context.Context, by Actor, network netip.Prefix, edit func(was *Gateway) (GatewaySettings, error)) (is Gateway, err error) {
	err = db.InRetriedTx(ctx, func(t *Tx) error {
		var was Gateway
		err := t.get(ctx, &was, lockGateway, args{"network": networkText(network)})
		if errors.Is(err, ErrNotFound) {
			is, err = t.createGateway(ctx, by, network, edit)
			return err
		}
		if err != nil {
			return fmt.Errorf("locking gateway %s: %w", network, err)
		}
		settings, err := edit(&was)
		if err != nil {
			return err
		}
		is, err = t.changeGateway(ctx, by, was, settings)
		return err
	})
	return is, err
}

func (t *Tx) createGateway(ctx context.Context, by Actor, network netip.Prefix, edit func(was *Gateway) (GatewaySettings, error)) (is Gateway, err error) {
	s, err := edit(nil)
	if err != nil {
		return is, err
	}
	unset := false
	switch {
	case s.URL != nil && s.URLSecret == nil:
		return is, ErrNoURLSecret
	case s.URL != nil && s.Secret == nil:
		unknown := rand.Text() // no accounting record is believed that has this address
		s.Secret, unset = &unknown, true
	case s.Secret == nil:
		return is, ErrNoSecret
	}
	err = t.get(ctx, &is, insertGateway, args{
		"name": transfer.GatewayName(network), "description": s.Description, "server": s.Server, "signed": s.Signed, "preset": cmp.Or(s.Preset, transfer.PresetGeneric),
		"attributes": s.Attributes, "port": s.Port, "source": s.Source, "max_in_flight": s.MaxInFlight, "max_per_second": s.MaxPerSecond,
		"url": s.URL, "secret": s.Secret, "secret_unset": unset, "url_secret": s.URLSecret,
	})
	if errors.Is(err, ErrNotFound) {
		return is, errLostRace // it was created in the meantime
	}
	if err != nil {
		return is, fmt.Errorf("creating gateway %s: %w", network, err)
	}
	return is, t.auditGateway(ctx, by, transfer.AuditGatewayCreate, is.Name, gatewayChanges(nil, &is))
}

func (t *Tx) changeGateway(ctx context.Context, by Actor, was Gateway, s GatewaySettings) (is Gateway, err error) {
	switch {
	case s.URL != nil && was.URL == nil && s.URLSecret == nil:
		return is, ErrNoURLSecret
	case s.URL == nil && was.SecretUnset && s.Secret == nil:
		return is, ErrNoSecret
	}
	if err := t.get(ctx, &is, updateGateway, args{
		"id": was.ID, "description": s.Description, "server": s.Server, "signed": s.Signed, "preset": cmp.Or(s.Preset, transfer.PresetGeneric),
		"attributes": s.Attributes, "port": s.Port, "source": s.Source, "max_in_flight": s.MaxInFlight, "max_per_second": s.MaxPerSecond,
		"url": s.URL, "secret": s.Secret, "url_secret": s.URLSecret,
	}); err != nil {
		return is, fmt.Errorf("changing gateway %s: %w", was.Name, err)
	}
	c := gatewayChanges(&was, &is)
	if c.none() {
		return is, nil
	}
	return is, t.auditGateway(ctx, by, transfer.AuditGatewayUpdate, is.Name, c)
}

// gatewayChanges compares a gateway before and after an act; nil is a gateway
// that does not exist. Of the secret, only when it was set is recorded.
func gatewayChanges(was, is *Gateway) changes {
	old, now := gatewayFields(was), gatewayFields(is)
	var c changes
	for _, field := range []string{
		"description", "server", "require_message_authenticator", "preset", "attributes", "port", "source_address", "max_in_flight", "max_per_second",
		"url", "secret_set_at", "url_secret_set_at",
	} {
		c = append(c, change{field, old[field], now[field]})
	}
	return c
}

func gatewayFields(g *Gateway) map[string]any {
	fields := map[string]any{}
	if g == nil {
		return fields
	}
	fields["require_message_authenticator"] = g.Signed
	if g.Preset != transfer.PresetGeneric {
		fields["preset"] = string(g.Preset)
	}
	if g.Attributes != nil {
		fields["attributes"] = strings.Join(g.Attributes, ", ")
	}
	setIfGiven(fields, "port", g.Port)
	setIfGiven(fields, "source_address", g.Source)
	setIfGiven(fields, "max_in_flight", g.MaxInFlight)
	setIfGiven(fields, "max_per_second", g.MaxPerSecond)
	setIfGiven(fields, "url", g.URL)
	if g.URLSecretSetAt != nil {
		fields["url_secret_set_at"] = g.URLSecretSetAt.UTC()
	}
	if g.Description != "" {
		fields["description"] = g.Description
	}
	if g.Server != nil {
		fields["server"] = *g.Server
	}
	if g.SecretSetAt != nil {
		fields["secret_set_at"] = g.SecretSetAt.UTC()
	}
	return fields
}

func setIfGiven[T any](fields map[string]any, name string, value *T) {
	if value != nil {
		fields[name] = *value
	}
}

func (t *Tx) auditGateway(ctx context.Context, by Actor, action transfer.AuditAction, name string, c changes) error {
	return t.Audit(ctx, AuditEntry{By: by, Action: action, Object: "gateway", ObjectID: name, Before: c.before(), After: c.after()})
}

var countGatewaySessions = newStatement(statement{
	name: "count_gateway_sessions",
	does: "Counts the open sessions of which a gateway is the one to ask: those with an address in its network, and in no smaller network.",
	given: `@network of the gateway; @mapped: the same network as IPv4-mapped IPv6 (null for IPv6); @limit: the
		highest number to count to.`,
	returns: "The number of sessions.",
	text: `
SELECT count(*)
FROM (
	SELECT
	FROM (
		SELECT nasipaddress
		FROM radius.radacct
		WHERE acctstoptime IS NULL AND nasipaddress IS NOT NULL AND nasipaddress <<= @network::inet
		UNION ALL
		SELECT nasipaddress
		FROM radius.radacct
		WHERE acctstoptime IS NULL AND nasipaddress IS NOT NULL AND nasipaddress <<= @mapped::inet
	) a
	WHERE NOT EXISTS (
		SELECT
		FROM radius.nas
		WHERE network << @network::cidr AND network >>= radius.plain_address(a.nasipaddress)
	)
	LIMIT @limit
) open`,
})

var deleteGateway = newStatement(statement{
	name:  "delete_gateway",
	does:  "Deletes a gateway.",
	given: "@id of the gateway.",
	locks: "The caller holds the gateway.",
	text:  `DELETE FROM radius.nas WHERE id = @id`,
})

// DeleteGateway deletes a gateway. Before, it calls condition with the gateway as
// it is; if condition returns an error, nothing is changed. It returns
// *OpenSessionsError if sessions are open at the gateway, unless leaveSessions
// is true.
func (db *DB) DeleteGateway(ctx context.Context, by Actor, network netip.Prefix, leaveSessions bool, condition func(was Gateway) error) error {
	return db.InRetriedTx(ctx, func(t *Tx) error {
		var was Gateway
		if err := t.get(ctx, &was, lockGateway, args{"network": networkText(network)}); err != nil {
			return fmt.Errorf("locking gateway %s: %w", network, err)
		}
		if err := condition(was); err != nil {
			return err
		}
		if !leaveSessions {
			if err := t.checkNoSessions(ctx, network); err != nil {
				return err
			}
		}
		if _, err := t.exec(ctx, deleteGateway, args{"id": was.ID}); err != nil {
			return fmt.Errorf("deleting gateway %s: %w", network, err)
		}
		return t.auditGateway(ctx, by, transfer.AuditGatewayDelete, was.Name, gatewayChanges(&was, nil))
	})
}

func (t *Tx) checkNoSessions(ctx context.Context, network netip.Prefix) error {
	var n int
	if err := t.get(ctx, &n, countGatewaySessions, args{
		"network": networkText(network), "mapped": networkText(mapped(network)), "limit": maxCountedSessions,
	}); err != nil {
		return fmt.Errorf("counting the open sessions of gateway %s: %w", network, err)
	}
	if n > 0 {
		return &OpenSessionsError{n}
	}
	return nil
}

// mapped returns an IPv4 network as IPv4-mapped IPv6, and the zero value for an
// IPv6 network.
func mapped(network netip.Prefix) netip.Prefix {
	if !network.Addr().Is4() {
		return netip.Prefix{}
	}
	return netip.PrefixFrom(netip.AddrFrom16(network.Addr().As16()), network.Bits()+96)
}

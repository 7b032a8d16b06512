package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"simtransfer/transfer"
)

// A probe is a row of gateway_probes: a caller of the API asks for it, and the
// first worker that sees it carries it out and stores the answer. It does not
// pass through Redis, so it also works while Redis is down.

// ProbeTime is how long a probe waits for a worker. After that no worker takes
// it, so that a gateway is not asked when no one waits for the answer.
const ProbeTime = 5 * time.Second

// MaxProbeTime is how long a worker may take to carry out a probe.
const MaxProbeTime = 12 * time.Second

// ErrTooMany is returned for a caller that asked for too much in a short time.
var ErrTooMany = errors.New("too many")

// GatewayProbe is a probe for a worker to carry out.
type GatewayProbe struct {
	ID  int64  `db:"id"`
	NAS string `db:"nas"` // the NAS-IP-Address to send; empty: none

	SessionGateway
}

// ProbeAnswer is what a worker found out. It never contains the secret.
type ProbeAnswer struct {
	Outcome    transfer.ProbeOutcome `json:"outcome"`
	Address    string                `json:"address"`          // host:port or URL that was asked
	Cause      string                `json:"cause,omitempty"`  // the Error-Cause of the answer
	Signed     bool                  `json:"signed,omitempty"` // the answer had a Message-Authenticator
	Detail     string                `json:"detail,omitempty"` // what happened, for people
	Sent       int                   `json:"sent"`             // how often the request was sent
	Took       time.Duration         `json:"took"`
	Worker     string                `json:"worker"`                // host name of the worker
	WorkerAddr string                `json:"worker_addr,omitempty"` // the address that the request was sent from
}

var lockProbes = newStatement(statement{
	name:  "lock_probes",
	does:  "Makes calls that ask for probes wait for each other, so that they can be counted.",
	locks: "Takes an advisory lock, the first lock of a transaction that asks for a probe.",
	text:  `SELECT pg_advisory_xact_lock(hashtextextended('gateway probes', 0))`,
})

var deleteOldProbes = newStatement(statement{
	name: "delete_old_probes",
	does: "Deletes probes that were asked for more than an hour ago.",
	text: `DELETE FROM gateway_probes WHERE asked_at < clock_timestamp() - interval '1 hour'`,
})

var insertProbe = newStatement(statement{
	name: "insert_probe",
	does: "Asks for a probe of a gateway, unless the API key has asked for too many in the last minute.",
	given: `@network of the gateway; the @address of the network to probe; the API @key of the caller; @limit:
		how many probes it may ask for per minute.`,
	returns: "The id of the probe; none if there is no such gateway, or if the limit is reached.",
	locks:   "The caller holds the advisory lock of probes.",
	text: `
INSERT INTO gateway_probes (gateway, address, api_key)
SELECT id, @address::inet, @key::bigint
FROM radius.nas
WHERE network = @network::cidr
  AND (SELECT count(*) FROM gateway_probes WHERE api_key = @key AND asked_at > clock_timestamp() - interval '1 minute') < @limit
RETURNING id`,
})

// AskProbe asks the workers to probe a gateway, at an address of its network. It
// returns ErrTooMany if the caller has reached the limit of transfer.MaxProbes per
// minute.
func (db *DB) AskProbe(ctx context.Context, by Actor, g Gateway, network netip.Prefix, address netip.Addr) (id int64, err error) {
	err = db.InRetriedTx(ctx, func(t *Tx) error {
		if _, err := t.exec(ctx, lockProbes, args{}); err != nil {
			return fmt.Errorf("locking probes: %w", err)
		}
		if _, err := t.exec(ctx, deleteOldProbes, args{}); err != nil {
			return fmt.Errorf("deleting old probes: %w", err)
		}
		err := t.get(ctx, &id, insertProbe, args{
			"network": networkText(network), "address": address.String(), "key": by.Key, "limit": transfer.MaxProbes,
		})
		if errors.Is(err, ErrNotFound) {
			return ErrTooMany
		}
		if err != nil {
			return fmt.Errorf("asking for a probe of gateway %s: %w", network, err)
		}
		return t.Audit(ctx, AuditEntry{
			By: by, Action: transfer.AuditGatewayProbe, Object: "gateway", ObjectID: g.Name, After: map[string]any{"address": address.String()},
		})
	})
	return id, err
}

var takeProbe = newStatement(statement{
	name:    "take_probe",
	does:    "Takes a probe that no worker has taken.",
	given:   "@seconds: how old it may be.",
	returns: "The probe, with the gateway as it is now; none if there is nothing to do.",
	locks:   "Takes the probe; skips one that another worker takes.",
	text: `
UPDATE gateway_probes p
SET taken_at = clock_timestamp()
FROM radius.nas g
WHERE g.id = p.gateway
  AND p.id = (
	SELECT id
	FROM gateway_probes
	WHERE taken_at IS NULL AND asked_at > clock_timestamp() - make_interval(secs => @seconds)
	ORDER BY asked_at
	LIMIT 1
	FOR UPDATE SKIP LOCKED
  )
RETURNING
	p.id,
	CASE WHEN g.network >>= p.address THEN host(p.address) ELSE '' END AS nas,
	g.id AS gateway,
	CASE WHEN g.url IS NULL THEN radius.server_address(g.server, p.address, g.disconnect_port) END AS server,
	g.secret,
	g.require_message_authenticator AS signed,
	g.attributes,
	coalesce(host(g.source_address), '') AS source_address,
	g.url,
	g.url_secret`,
})

// TakeProbe takes a probe for a worker to carry out, or returns ErrNotFound.
func (db *DB) TakeProbe(ctx context.Context) (GatewayProbe, error) {
	var p GatewayProbe
	if err := db.get(ctx, &p, takeProbe, args{"seconds": ProbeTime.Seconds()}); err != nil {
		return p, fmt.Errorf("taking a probe of a gateway: %w", err)
	}
	return p, nil
}

var answerProbe = newStatement(statement{
	name:  "answer_probe",
	does:  "Stores the answer of a probe.",
	given: "@id of the probe and its @answer as JSON.",
	text:  `UPDATE gateway_probes SET answered_at = clock_timestamp(), answer = @answer WHERE id = @id AND answer IS NULL`,
})

// AnswerProbe stores what a worker found out.
func (db *DB) AnswerProbe(ctx context.Context, id int64, a ProbeAnswer) error {
	text, err := json.Marshal(a)
	if err == nil {
		_, err = db.exec(ctx, answerProbe, args{"id": id, "answer": string(text)})
	}
	if err != nil {
		return fmt.Errorf("storing the answer of probe %d: %w", id, err)
	}
	return nil
}

var selectProbe = newStatement(statement{
	name:    "select_probe",
	does:    "Reads how far a probe is.",
	given:   "@id of the probe.",
	returns: "Whether a worker has taken it, and its answer as JSON, empty as long as there is none.",
	text:    `SELECT taken_at IS NOT NULL AS taken, coalesce(answer::text, '') AS answer FROM gateway_probes WHERE id = @id`,
})

// ProbeState is how far a probe is.
type ProbeState struct {
	Taken  bool         // by a worker
	Answer *ProbeAnswer // nil as long as there is none
}

// StateOfProbe returns how far a probe is.
func (db *DB) StateOfProbe(ctx context.Context, id int64) (s ProbeState, err error) {
	var row struct {
		Taken  bool   `db:"taken"`
		Answer string `db:"answer"`
	}
	if err := db.get(ctx, &row, selectProbe, args{"id": id}); err != nil {
		return s, fmt.Errorf("reading probe %d: %w", id, err)
	}
	s.Taken = row.Taken
	if row.Answer == "" {
		return s, nil
	}
	s.Answer = new(ProbeAnswer)
	if err := json.Unmarshal([]byte(row.Answer), s.Answer); err != nil {
		return s, fmt.Errorf("reading the answer of probe %d: %w", id, err)
	}
	return s, nil
}

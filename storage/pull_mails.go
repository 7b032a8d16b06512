package storage

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

// This file makes mails to the owners of SIMs for which pull requests ask. There is at
// most one such mail to an owner in pullMailWait, however many pull requests there are:
// accounts that it does not know make them.

const (
	pullMailWait  = 10 * time.Minute // between two mails to an owner
	pullMailLimit = 200              // pull requests that one transaction makes mails about
)

var takePullNews = newStatement(statement{
	name: "take_pull_news",
	does: `Takes pull requests of which owners are still to hear by mail, if the last such mail to the owner was long enough ago.`,
	given: `@wait: for how many seconds after a mail there is no other one to the owner; @keep: after how many
		seconds a pull request is no news; @limit: maximum number of rows.`,
	returns: "What each owner can learn of those that wait for it, by owner, the oldest first.",
	locks:   "The caller holds the row of the outbox.",
	text: `
WITH due AS MATERIALIZED (
	SELECT n.pull, n.owner
	FROM pull_news n
	WHERE NOT EXISTS (
		SELECT 1 FROM mails m
		WHERE m.account = n.owner AND m.type = 'pull_request' AND m.created_at > clock_timestamp() - make_interval(secs => @wait)
	)
	ORDER BY n.pull
	LIMIT @limit
), taken AS (
	DELETE FROM pull_news n
	USING due
	WHERE (n.pull, n.owner) = (due.pull, due.owner)
)
SELECT
	due.owner,
	owner.operator_id AS owner_id,
	p.id AS pull,
	asker.operator_id AS asker,
	coalesce(asker.name, '') AS asker_name,
	coalesce(p.reference, '') AS reference,
	coalesce(p.message, '') AS message,
	p.expires_at,
	s.n AS sims
FROM due
JOIN pulls p ON p.id = due.pull
JOIN pull_owners o ON (o.pull, o.owner) = (due.pull, due.owner)
JOIN accounts asker ON asker.id = p.asker
JOIN accounts owner ON owner.id = due.owner
CROSS JOIN LATERAL (SELECT count(*) AS n FROM sims WHERE id = ANY (o.sims) AND account = o.owner) s
WHERE o.decision IS NULL
  AND p.canceled_at IS NULL
  AND p.expires_at > clock_timestamp()
  AND p.created_at > clock_timestamp() - make_interval(secs => @keep)
  AND s.n > 0
ORDER BY due.owner, p.id`,
})

// pullNews is what an owner can learn of a pull request.
type pullNews struct {
	Owner     int64               `db:"owner"`
	OwnerID   transfer.OperatorID `db:"owner_id"`
	Pull      uuid.UUID           `db:"pull"`
	Asker     transfer.OperatorID `db:"asker"`
	AskerName string              `db:"asker_name"`
	Reference string              `db:"reference"`
	Message   string              `db:"message"`
	ExpiresAt time.Time           `db:"expires_at"`
	SIMs      int                 `db:"sims"`
}

// mailsOfPulls makes the mails about pull requests that are due, and reports whether
// there may be more.
func (t *Tx) mailsOfPulls(ctx context.Context) (more bool, err error) {
	var due []pullNews
	if err := t.list(ctx, &due, takePullNews, args{
		"wait": pullMailWait.Seconds(), "keep": MailActivePeriod.Seconds(), "limit": pullMailLimit,
	}); err != nil {
		return false, fmt.Errorf("looking for pull requests of which owners have not heard: %w", err)
	}
	var list []newMail
	for i, p := range due {
		if i == 0 || due[i-1].Owner != p.Owner {
			list = append(list, newMail{
				event: "pull-" + p.Pull.String(), account: p.Owner, kind: transfer.MailPullRequest.Kind(),
				news: transfer.MailNews{Type: transfer.MailPullRequest, Account: p.OwnerID, Pull: &transfer.MailPullNews{
					ID: p.Pull.String(), Asker: p.Asker, AskerName: p.AskerName, Reference: p.Reference, Message: p.Message, Until: p.ExpiresAt.UTC(),
				}},
			})
		}
		n := list[len(list)-1].news.Pull
		n.Pulls++
		n.SIMs += p.SIMs
		if n.Pulls > 1 { // it says nothing of each
			*n = transfer.MailPullNews{Pulls: n.Pulls, SIMs: n.SIMs, Until: n.Until}
		}
		if p.ExpiresAt.Before(n.Until) {
			n.Until = p.ExpiresAt.UTC()
		}
	}
	return len(due) == pullMailLimit, t.queueMails(ctx, list...)
}

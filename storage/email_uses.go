package storage

import (
	"context"
	"fmt"
	"time"

	"simtransfer/transfer"
)

// EmailUseKind is what an email is used as.
type EmailUseKind string

// The uses.
const (
	EmailOfAccount    EmailUseKind = "account"    // the primary email
	EmailOfContact    EmailUseKind = "contact"    // a contact of an account, for a purpose
	EmailOfPerson     EmailUseKind = "person"     // a person with a membership
	EmailOfInvitation EmailUseKind = "invitation" // an open invitation
)

// EmailUseKinds lists every use.
func EmailUseKinds() []EmailUseKind {
	return []EmailUseKind{EmailOfAccount, EmailOfContact, EmailOfPerson, EmailOfInvitation}
}

// EmailUse is something that an email belongs to. What does not apply to its kind is nil.
type EmailUse struct {
	Kind        EmailUseKind             `db:"kind"`
	OperatorID  *transfer.OperatorID     `db:"operator_id"` // nil: staff, or a person without a membership
	AccountName *string                  `db:"account_name"`
	Standing    *Standing                `db:"standing"`
	Purpose     *transfer.ContactPurpose `db:"purpose"`
	Role        *Role                    `db:"role"` // nil for a person without a membership
	Permission  *Permission              `db:"permission"`
	Person      *int64                   `db:"person"`
	Name        *string                  `db:"name"` // of the person
	DisabledAt  *time.Time               `db:"disabled_at"`
	Total       int                      `db:"total"` // of all uses, also of those that are not listed
}

var selectEmailUses = newStatement(statement{
	name: "select_email_uses",
	does: "Lists what an email belongs to: accounts, contacts, people with their memberships, and open invitations.",
	given: `@email in lower case; @staff: whether to list the memberships and invitations of staff, and people without a
		membership; @limit: maximum number of rows.`,
	returns: "The uses by kind and operator id, each with the number of all of them.",
	text: `
SELECT
	u.kind, a.operator_id, a.name AS account_name, a.standing, u.purpose, u.role, u.permission, u.person, u.name, u.disabled_at,
	count(*) OVER () AS total
FROM (
	SELECT
		1 AS place, 'account' AS kind, id AS account, NULL AS purpose, NULL AS role, NULL AS permission,
		NULL::bigint AS person, NULL AS name, NULL::timestamptz AS disabled_at
	FROM accounts
	WHERE email = @email
	UNION ALL
	SELECT 2, 'contact', c.id, p.purpose, NULL, NULL, NULL, NULL, NULL
	FROM accounts c
	CROSS JOIN LATERAL jsonb_each(c.contacts) AS p (purpose, addresses)
	WHERE p.addresses ? @email
	UNION ALL
	SELECT 3, 'person', k.account, NULL, k.role, k.permission, p.id, p.name, p.disabled_at
	FROM people p
	LEFT JOIN api_keys k ON k.person = p.id AND k.revoked_at IS NULL
	WHERE p.email = @email AND (@staff::boolean OR k.account IS NOT NULL)
	UNION ALL
	SELECT 4, 'invitation', i.account, NULL, i.role, i.permission, NULL, i.name, NULL
	FROM invitations i
	LEFT JOIN api_keys c ON c.id = i.created_by
	LEFT JOIN people cp ON cp.id = c.person
	WHERE i.email = @email AND ` + invitationState + ` = 'open' AND (@staff OR i.account IS NOT NULL)
) u
LEFT JOIN accounts a ON a.id = u.account
ORDER BY u.place, a.operator_id NULLS FIRST, u.purpose
LIMIT @limit`,
})

// EmailUses lists what an email belongs to. staff says whether the memberships and
// invitations of staff are listed, and people without a membership.
func (db *DB) EmailUses(ctx context.Context, email string, staff bool, limit int) ([]EmailUse, error) {
	list := []EmailUse{}
	if err := db.list(ctx, &list, selectEmailUses, args{"email": email, "staff": staff, "limit": limit}); err != nil {
		return nil, fmt.Errorf("looking up an email: %w", err)
	}
	return list, nil
}

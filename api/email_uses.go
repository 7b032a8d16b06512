package api

import (
	"context"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// EmailUses is what an email belongs to.
type EmailUses struct {
	Email string     `json:"email" format:"email" doc:"The email in the form in which emails are compared."`
	Total int        `json:"total" doc:"How many uses there are. The response lists up to 200."`
	Items []EmailUse `json:"items" nullable:"false"`
}

// EmailUse is something that an email belongs to.
type EmailUse struct {
	Kind        storage.EmailUseKind     `json:"kind" doc:"account: it is the primary email of the account. contact: it is a contact of the account. person: a person who signs in has it. invitation: it was invited, and the invitation is open."`
	Account     *transfer.OperatorID     `json:"account,omitempty" doc:"The operator id of the account. Left out for staff."`
	AccountName *string                  `json:"account_name,omitempty" doc:"The name of the account, if it has one."`
	Standing    *storage.Standing        `json:"standing,omitempty" doc:"The standing of the account."`
	Purpose     *transfer.ContactPurpose `json:"purpose,omitempty" doc:"What a contact gets mail about."`
	Role        *storage.Role            `json:"role,omitempty" doc:"The role of a person or an invitation. Left out for a person without a membership."`
	Permission  *storage.Permission      `json:"permission,omitempty" doc:"The permission of a person or an invitation in the account."`
	Person      *int64                   `json:"person,omitempty" doc:"The id of the person."`
	Name        *string                  `json:"name,omitempty" doc:"The name of the person, or the one in the invitation."`
	Disabled    bool                     `json:"disabled,omitempty" doc:"Whether the person can no longer sign in."`
}

type findEmailInput struct {
	Email string `query:"email" required:"true" maxLength:"254" doc:"The email, in upper or lower case."`
}

type findEmailOutput struct{ Body EmailUses }

// maxEmailUses is how many uses of an email a response lists.
const maxEmailUses = 200

// findEmail lists what an email belongs to. Only administrators learn who is staff, as in
// the list of people.
func (s *server) findEmail(ctx context.Context, in *findEmailInput) (*findEmailOutput, error) {
	c := callerOf(ctx)
	if !reachOf(c).every {
		return nil, storage.ErrNotFound
	}
	p := problem.New(problem.Invalid, "")
	email := parsed(p, "query.email", in.Email, transfer.ParseEmail)
	if len(p.Errors) > 0 {
		return nil, p
	}
	rows, err := s.db.EmailUses(ctx, email, seesStaff(c), maxEmailUses)
	if err != nil {
		return nil, err
	}
	v := EmailUses{Email: email, Items: make([]EmailUse, len(rows))}
	for i, row := range rows {
		v.Total = row.Total
		v.Items[i] = EmailUse{
			Kind: row.Kind, Account: row.OperatorID, AccountName: row.AccountName, Standing: row.Standing, Purpose: row.Purpose,
			Role: row.Role, Permission: row.Permission, Person: row.Person, Name: row.Name, Disabled: row.DisabledAt != nil,
		}
	}
	if err := s.auditRead(ctx, storage.AuditEntry{
		Action: transfer.AuditEmailLookUp, Object: "email", After: map[string]any{"listed": len(rows), "email": email},
	}); err != nil {
		return nil, err
	}
	return &findEmailOutput{v}, nil
}

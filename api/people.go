package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// Person is someone who signs in with a browser, as the API shows it.
type Person struct {
	ID          int64          `json:"id"`
	Email       string         `json:"email" format:"email"`
	Name        string         `json:"name"`
	Memberships []MembershipOf `json:"memberships" nullable:"false" doc:"What the person may do: in the account of the caller, or, for administrators, as staff and in every account."`
	CreatedAt   time.Time      `json:"created_at"`
	LastSeenAt  *time.Time     `json:"last_seen_at,omitempty" doc:"When the person last made a call, up to a minute late. The ETag does not depend on it."`
	DisabledAt  *time.Time     `json:"disabled_at,omitempty" doc:"Since when the person can no longer sign in."`
}

// MembershipOf is a membership of a person.
type MembershipOf struct {
	Name        string               `json:"name" example:"OP0000000001" doc:"The operator id of the account, or staff."`
	Role        storage.Role         `json:"role"`
	Account     *transfer.OperatorID `json:"account,omitempty" doc:"The operator id of the account. Left out for staff."`
	AccountName *string              `json:"account_name,omitempty" doc:"The name of the account, if it has one."`
	Permission  *storage.Permission  `json:"permission,omitempty" doc:"The permission in the account. Left out for staff."`
	Key         int64                `json:"key" doc:"What events and the filter key name as the key of the person's calls for this account."`
	Since       time.Time            `json:"since"`
}

// viewPerson shows a person. What an account does not reach is left out by storage.
func viewPerson(m storage.Member) Person {
	p := Person{
		ID: m.ID, Email: m.Email, Name: m.Name, Memberships: make([]MembershipOf, len(m.Memberships)),
		CreatedAt: m.CreatedAt.UTC(), LastSeenAt: utc(m.LastSeenAt), DisabledAt: utc(m.DisabledAt),
	}
	for i, o := range m.Memberships {
		p.Memberships[i] = MembershipOf{
			Name: staffMembership, Role: o.Role, Account: o.OperatorID, AccountName: o.AccountName, Permission: o.Permission,
			Key: o.Key, Since: o.CreatedAt.UTC(),
		}
		if o.OperatorID != nil {
			p.Memberships[i].Name = string(*o.OperatorID)
		}
	}
	return p
}

type listPeopleInput struct {
	Paging
	Account  string `query:"account" maxLength:"132" doc:"Only people of the account with this operator id or external id, or only staff. For administrators."`
	Text     string `query:"text" maxLength:"254" doc:"Only people with this text in their name or email."`
	Disabled string `query:"disabled" enum:"true,false" doc:"Only people who are disabled (true), or only those who are not (false)."`
}

func (s *server) listPeople(ctx context.Context, in *listPeopleInput) (*listOf[Person], error) {
	f := storage.PersonFilter{Email: in.Text, Disabled: flag(in.Disabled), Limit: in.Limit + 1}
	var err error
	if f.Account, f.Staff, err = s.peopleOf(ctx, in.Account); err != nil {
		return nil, err
	}
	if f.After, err = numberCursor(in.Cursor, 0, 64); err != nil {
		return nil, err
	}
	rows, err := s.db.People(ctx, f)
	if err != nil {
		return nil, err
	}
	return pageOf(rows, in.Limit, func(m storage.Member) string { return itoa(m.ID) }, viewPerson)
}

// peopleOf returns whose people a list shows: those of an account (0: of all), or only
// staff.
func (s *server) peopleOf(ctx context.Context, name string) (account int64, onlyStaff bool, err error) {
	if c := callerOf(ctx); !isAccount(c) && strings.EqualFold(name, staffMembership) {
		return 0, true, nil
	}
	account, err = s.listedAccount(ctx, name)
	return account, false, err
}

// PersonPath is embedded in the input of routes for one person.
type PersonPath struct {
	ID int64 `path:"id" minimum:"1" doc:"The id of the person, as in the list of people."`
}

// managedPerson returns a person with the memberships that the caller manages, or
// ErrNotFound if there are none.
func (s *server) managedPerson(ctx context.Context, id int64) (storage.Member, error) {
	owner, err := reachOf(callerOf(ctx)).owner()
	if err != nil {
		return storage.Member{}, err
	}
	m, err := s.db.Person(ctx, id, owner)
	if err == nil && owner != 0 && len(m.Memberships) == 0 {
		err = storage.ErrNotFound
	}
	return m, err
}

type personOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   Person
}

// taggedPerson is what the ETag of a person is made from: who reads and changes the
// person must not be refused because the person has made a call meanwhile.
func taggedPerson(m storage.Member) Person {
	p := viewPerson(m)
	p.LastSeenAt = nil
	return p
}

// personResponse returns a person with its ETag.
func personResponse(ctx context.Context, m storage.Member) (out *personOutput, err error) {
	out = &personOutput{Body: viewPerson(m)}
	out.ETag, out.Status, err = tagged(ctx, taggedPerson(m))
	return out, err
}

type getPersonInput struct {
	PersonPath
	IfNoneMatch
}

func (s *server) getPerson(ctx context.Context, in *getPersonInput) (*personOutput, error) {
	m, err := s.managedPerson(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return personResponse(ctx, m)
}

type updatePersonInput struct {
	PersonPath
	IfMatch
	Body struct {
		Name     *string `json:"name,omitempty" minLength:"1" maxLength:"100" doc:"What the person is called."`
		Disabled *bool   `json:"disabled,omitempty" doc:"Whether the person can no longer sign in. Disabling a person ends all of its sign-ins."`
	}
}

func (s *server) updatePerson(ctx context.Context, in *updatePersonInput) (*personOutput, error) {
	p, change := problem.New(problem.Invalid, ""), storage.PersonChange{Disabled: in.Body.Disabled}
	if in.Body.Name != nil {
		change.Name = new(parsed(p, "body.name", *in.Body.Name, filled(transfer.ParseLine)))
	}
	if err := refusal(p); err != nil {
		return nil, err
	}
	change.If = func(m storage.Member) error { return matches(ctx, taggedPerson(m)) }
	var m storage.Member
	err := s.db.InRetriedTx(ctx, func(t *storage.Tx) (err error) {
		m, err = t.UpdatePerson(ctx, actingCaller(ctx), in.ID, change)
		return err
	})
	if err != nil {
		return nil, err
	}
	return personResponse(ctx, m)
}

// MembershipPath is embedded in the input of routes for one membership.
type MembershipPath struct {
	PersonPath
	Account string `path:"account" maxLength:"132" doc:"The operator id or the external id of the account, or staff."`
}

// membershipAccount returns the account that the path of a membership names, nil for
// staff. It returns ErrNotFound if the caller does not manage it.
func (s *server) membershipAccount(ctx context.Context, in MembershipPath) (*storage.Account, error) {
	c := callerOf(ctx)
	switch {
	case isAccount(c) && names(in.Account, c.Account):
		return &c.Account, nil
	case isAccount(c):
		return nil, storage.ErrNotFound
	case strings.EqualFold(in.Account, staffMembership):
		return nil, nil
	}
	ref, err := transfer.ParseAccountRef(in.Account)
	if err != nil {
		return nil, storage.ErrNotFound
	}
	a, err := s.db.Account(ctx, ref)
	return &a, err
}

type putMembershipInput struct {
	MembershipPath
	IfMatch // the ETag of the person
	Body    struct {
		Permission storage.Permission `json:"permission,omitempty" doc:"What the person may do in the account from now on. Required for an account."`
		Role       storage.Role       `json:"role,omitempty" enum:"support,finance,admin" doc:"The role of staff from now on. Required for staff."`
	}
}

func (s *server) putMembership(ctx context.Context, in *putMembershipInput) (*personOutput, error) {
	change, err := s.membershipChange(ctx, in.MembershipPath)
	if err != nil {
		return nil, err
	}
	change.Role, change.Permission = in.Body.Role, in.Body.Permission
	if err := checkGrant(change.Account != nil, change.Role, change.Permission); err != nil {
		return nil, err
	}
	return s.changeMembership(ctx, change)
}

type deleteMembershipInput struct {
	MembershipPath
	IfMatch // the ETag of the person
}

func (s *server) deleteMembership(ctx context.Context, in *deleteMembershipInput) (*struct{}, error) {
	change, err := s.membershipChange(ctx, in.MembershipPath)
	if err != nil {
		return nil, err
	}
	_, err = s.changeMembership(ctx, change)
	return nil, err
}

// membershipChange returns a change of the membership that a path names, which does
// not say yet what to change.
func (s *server) membershipChange(ctx context.Context, in MembershipPath) (storage.MembershipChange, error) {
	c := storage.MembershipChange{Person: in.ID, By: actingCaller(ctx), KeepOwner: isAccount(callerOf(ctx))}
	if _, err := s.managedPerson(ctx, in.ID); err != nil {
		return c, err
	}
	var err error
	c.Account, err = s.membershipAccount(ctx, in)
	return c, err
}

func (s *server) changeMembership(ctx context.Context, c storage.MembershipChange) (*personOutput, error) {
	owner, err := reachOf(callerOf(ctx)).owner()
	if err != nil {
		return nil, err
	}
	err = s.db.InRetriedTx(ctx, func(t *storage.Tx) error {
		c := c
		c.If = func(storage.Member) error {
			if !conditional(ctx) {
				return nil
			}
			m, err := t.Person(ctx, c.Person, owner) // as the caller sees it
			if err != nil {
				return err
			}
			return matches(ctx, taggedPerson(m))
		}
		_, err := t.ChangeMembership(ctx, c)
		return err
	})
	if errors.Is(err, storage.ErrNotFound) {
		return nil, problem.New(problem.NotFound, fmt.Sprintf("person %d does not belong to this account, or not to the staff", c.Person))
	}
	if err != nil {
		return nil, err
	}
	m, err := s.managedPerson(ctx, c.Person)
	if errors.Is(err, storage.ErrNotFound) { // the caller has removed the person from the account
		return &personOutput{}, nil
	}
	if err != nil {
		return nil, err
	}
	return personResponse(ctx, m)
}

// checkGrant returns why a person cannot get a role or a permission: in an account, it
// is a permission, and as staff a role.
func checkGrant(inAccount bool, role storage.Role, permission storage.Permission) error {
	p := problem.New(problem.Invalid, "")
	switch {
	case inAccount && permission == "":
		p.Add(problem.FieldError{Location: "body.permission", Message: fmt.Sprintf("required: use one of %v", storage.Permissions())})
	case !inAccount && (role == "" || role.HasAccount()):
		p.Add(problem.FieldError{Location: "body.role", Message: "required for staff: use support, finance or admin"})
	case inAccount && role != "" && !role.HasAccount():
		p.Add(problem.FieldError{Location: "body.role", Message: "only staff has this role: leave it out, or leave out the account", Value: string(role)})
	case !inAccount && permission != "":
		p.Add(problem.FieldError{Location: "body.permission", Message: "only people of an account have a permission: leave it out"})
	}
	return refusal(p)
}

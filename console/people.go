package console

import (
	"cmp"
	"net/url"
	"strconv"
	"strings"
	"time"

	"simtransfer/api/problem"
	"simtransfer/client"
	"simtransfer/transfer"
)

// peopleView is who can sign in, and who is invited.
type peopleView struct {
	base

	People      []client.Person
	Next        string
	Invitations []client.Invitation // open ones
	Account     string              // filter of administrators: an operator id, an external id or staff
	Text        string
	Editing     *client.Person     // whose rights are being changed; nil: no one's
	Made        *client.Invitation // with its link, which is shown once
}

// people shows the people of the account or, to an administrator, everyone.
func (v *visit) people() error { return v.showPeople(nil) }

func (v *visit) showPeople(made *client.Invitation) error {
	q := v.r.URL.Query()
	view := peopleView{base: base{v}, Text: strings.TrimSpace(q.Get("q")), Made: made}
	if v.me.has("admin") {
		view.Account = strings.TrimSpace(q.Get("account"))
	}
	page, err := v.api.ListPeople(v.ctx(), client.PersonFilter{Account: view.Account, Text: view.Text}, client.Paging{Limit: 50, Cursor: q.Get("cursor")})
	if err != nil {
		return err
	}
	view.People, view.Next = page.Items, page.NextCursor
	invitations, err := v.api.ListInvitations(v.ctx(), client.InvitationFilter{Account: view.Account, State: "open"}, client.Paging{Limit: 50})
	if err != nil {
		return err
	}
	view.Invitations = invitations.Items
	if id, err := strconv.ParseInt(cmp.Or(v.r.PathValue("id"), q.Get("person")), 10, 64); err == nil && !strings.Contains(v.r.URL.Path, "/invitations/") {
		p, err := v.api.GetPerson(v.ctx(), id)
		if err != nil {
			return err
		}
		view.Editing = &p
	}
	return v.show("people", "People", view)
}

// invite invites a person and shows the link once, if it is not mailed.
func (v *visit) invite() error {
	f := v.posted("invite")
	n := client.NewInvitation{Email: f.Value("email"), Name: f.Value("name"), Account: transfer.AccountRef(f.Value("account"))}
	if v.me.has("admin") && n.Account == "" {
		n.Role = f.Value("role")
	} else {
		n.Permission = f.Value("permission")
	}
	made, err := v.api.CreateInvitation(v.ctx(), n, f.Option())
	if err != nil {
		return v.refused(f, err, v.people)
	}
	if made.Link == "" {
		return v.redirect("/people", made.Name+" is invited. The link is on its way to "+made.Email+".")
	}
	return v.showPeople(&made)
}

// id returns the number in the address, such as the id of a person.
func (v *visit) id() (int64, error) {
	id, err := strconv.ParseInt(v.r.PathValue("id"), 10, 64)
	if err != nil {
		return 0, &client.Problem{Problem: *problem.New(problem.NotFound, "")}
	}
	return id, nil
}

// membershipOf returns of which account, or of staff, a form changes a membership.
func (v *visit) membershipOf() (string, error) {
	of := v.r.PostForm.Get("of")
	if of == "" {
		return "", &refusedPage{"The form does not say in which account: open the page of people again."}
	}
	return of, nil
}

// grant changes what a person may do in an account or as staff.
func (v *visit) grant() error {
	id, err := v.id()
	if err != nil {
		return err
	}
	of, err := v.membershipOf()
	if err != nil {
		return err
	}
	f := v.posted(memberForm(id, of))
	g := client.Grant{Permission: f.Value("permission")}
	if of == "staff" {
		g = client.Grant{Role: f.Value("role")}
	}
	p, err := v.api.PutMembership(v.ctx(), id, of, g)
	if err != nil {
		return v.refused(f, err, v.people)
	}
	return v.redirect("/people", "Saved what "+p.Name+" may do.")
}

// removePerson removes a person from an account or from the staff.
func (v *visit) removePerson() error {
	id, err := v.id()
	if err != nil {
		return err
	}
	of, err := v.membershipOf()
	if err != nil {
		return err
	}
	f := v.posted(memberForm(id, of))
	if err := v.api.DeleteMembership(v.ctx(), id, of); err != nil {
		return v.refused(f, err, v.people)
	}
	return v.redirect("/people", "Removed. The person is signed out of the account everywhere.")
}

// disablePerson keeps a person from signing in, or lets the person sign in again.
func (v *visit) disablePerson() error {
	id, err := v.id()
	if err != nil {
		return err
	}
	f := v.posted("person-" + strconv.FormatInt(id, 10))
	disabled := f.Value("disabled") == "yes"
	p, err := v.api.UpdatePerson(v.ctx(), id, client.PersonChange{Disabled: &disabled})
	if err != nil {
		return v.refused(f, err, v.people)
	}
	done := p.Name + " can sign in again."
	if disabled {
		done = p.Name + " is signed out everywhere, and cannot sign in."
	}
	return v.redirect("/people", done)
}

// revokeInvitation ends an invitation.
func (v *visit) revokeInvitation() error {
	id, err := v.id()
	if err != nil {
		return err
	}
	f := v.posted("invitation-" + strconv.FormatInt(id, 10))
	if err := v.api.RevokeInvitation(v.ctx(), id); err != nil {
		return v.refused(f, err, v.people)
	}
	return v.redirect("/people", "The invitation is revoked. Its link no longer works.")
}

// memberForm returns the name of the form of a membership.
func memberForm(person int64, of string) string {
	return "member-" + strconv.FormatInt(person, 10) + "-" + of
}

// MemberForm returns the name of the form of a membership.
func (peopleView) MemberForm(p client.Person, m client.MembershipOf) string {
	return memberForm(p.ID, m.Name)
}

// EditPath returns the address on which the rights of a person are changed.
func (peopleView) EditPath(p client.Person) string {
	return "/people?person=" + strconv.FormatInt(p.ID, 10) + "#change"
}

// Numbered returns the name of a form about something with an id.
func (peopleView) Numbered(name string, id int64) string {
	return name + "-" + strconv.FormatInt(id, 10)
}

// Permissions returns the permissions of people, the least first.
func (peopleView) Permissions() []choice { return keysView{}.Permissions() }

// StaffRoles returns the roles of staff.
func (peopleView) StaffRoles() []choice {
	return []choice{{"support", "Support: reviews requests, helps accounts"}, {"finance", "Finance: fees and charges"}, {"admin", "Administrator: everything"}}
}

// Own reports whether a person is the one who sees the page.
func (p peopleView) Own(other client.Person) bool {
	me := p.Me()
	return me.Person != nil && me.Person.ID == other.ID
}

// FullLink returns the link of an invitation with the address of the service.
func (p peopleView) FullLink(link string) string {
	if u, err := url.Parse(link); err != nil || u.Host != "" {
		return link
	}
	return p.visit.origin() + link
}

// Recent reports whether a person was here in the last quarter of an hour.
func (peopleView) Recent(p client.Person) bool {
	return p.LastSeenAt != nil && time.Since(*p.LastSeenAt) < 15*time.Minute
}

// AuditOf returns the address of what a member has done.
func (peopleView) AuditOf(m client.MembershipOf) string {
	return "/audit?" + url.Values{"key": {strconv.FormatInt(m.Key, 10)}}.Encode()
}

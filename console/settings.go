package console

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"simtransfer/client"
	"simtransfer/transfer"
)

// settingsView is what an account sets for itself.
type settingsView struct {
	base

	Account  client.Account
	ETag     string
	Mail     client.AccountMail
	Mappings []client.PlanMapping
	Plans    []string
}

// MailChoices are the kinds of mail that can be turned off.
func (v settingsView) MailChoices() []client.MailKind {
	var list []client.MailKind
	for _, k := range v.Mail.Kinds {
		if k.Choice {
			list = append(list, k)
		}
	}
	return list
}

// MailRecipients returns the addresses that get mails of a kind.
func (v settingsView) MailRecipients(k client.MailKind) []string {
	list := map[transfer.ContactPurpose][]string{
		transfer.ContactTransfers: v.Account.Contacts.Transfers, transfer.ContactBilling: v.Account.Contacts.Billing,
		transfer.ContactTechnical: v.Account.Contacts.Technical, transfer.ContactSecurity: v.Account.Contacts.Security,
	}[k.Purpose]
	if len(list) == 0 {
		return []string{v.Account.Email}
	}
	return list
}

// MailIsOff reports whether an address has turned mails of a kind off.
func (v settingsView) MailIsOff(email string, kind transfer.MailKind) bool {
	return slices.ContainsFunc(v.Mail.Off, func(c client.MailChoice) bool { return c.Email == email && c.Kind == kind })
}

// settings shows the contacts of the account and the plans on which SIMs arrive.
func (v *visit) settings() error {
	view := settingsView{base: base{v}}
	own := v.me.Account().Ref()
	var err error
	if view.Account, err = v.api.GetAccount(v.ctx(), own, client.ETag(&view.ETag)); err != nil {
		return err
	}
	if view.Mail, err = v.api.GetAccountMail(v.ctx(), own); err != nil {
		return err
	}
	mappings, err := v.api.ListPlanMappings(v.ctx(), own)
	if err != nil {
		return err
	}
	view.Mappings = mappings.Items
	plans, err := v.api.ListPlans(v.ctx())
	if err != nil {
		return err
	}
	for _, p := range plans.Items {
		if len(view.Account.Plans) == 0 || slices.Contains(view.Account.Plans, p.Name) {
			view.Plans = append(view.Plans, p.Name)
		}
	}
	return v.show("settings", "Settings", view)
}

// updateContacts changes the contacts of the account.
func (v *visit) updateContacts() error {
	f := v.posted("contacts")
	if _, err := v.api.UpdateAccount(v.ctx(), v.me.Account().Ref(), client.AccountChange{Contacts: f.contacts()}, client.IfMatch(f.Value("etag"))); err != nil {
		return v.refused(f, err, v.settings)
	}
	return v.redirect("/settings", "The contacts are saved.")
}

// updateLanding changes what SIMs get as they arrive at the account.
func (v *visit) updateLanding() error {
	f := v.posted("landing")
	landing, err := f.landing()
	if err != nil {
		return v.wrong(f, v.settings, "landing.tags", err.Error())
	}
	profile := client.LandingProfile{Group: landing.Group, Tags: landing.Tags, SpeedClass: landing.SpeedClass}
	if _, err := v.api.UpdateAccount(v.ctx(), v.me.Account().Ref(), client.AccountChange{Landing: &profile}, client.IfMatch(f.Value("etag"))); err != nil {
		return v.refused(f, err, v.settings)
	}
	if landingText(&profile) == "" {
		return v.redirect("/settings", "Arriving SIMs get nothing, unless you say so when you accept.")
	}
	return v.redirect("/settings", "The landing profile is saved. It applies to what you accept from now on.")
}

// landing reads what a form sets on SIMs as they arrive.
func (f form) landing() (client.Landing, error) {
	tags, err := parseTags(f.Value("landing.tags"))
	return client.Landing{Group: f.Value("landing.group"), SpeedClass: f.Value("landing.speed_class"), Plan: f.Value("landing.plan"), Tags: tags}, err
}

// landingText lists what a landing profile sets, empty for nothing.
func landingText(p *client.LandingProfile) string {
	if p == nil {
		return ""
	}
	var list []string
	if p.Group != "" {
		list = append(list, "group "+p.Group)
	}
	if p.SpeedClass != "" {
		list = append(list, "speed class "+p.SpeedClass)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Tags)) {
		list = append(list, name+"="+p.Tags[name])
	}
	return strings.Join(list, ", ")
}

// tagLines writes tags one per line, as forms have them.
func tagLines(tags map[string]string) string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		lines = append(lines, name+"="+tags[name])
	}
	return strings.Join(lines, "\n")
}

// Profile returns the landing profile of the account.
func (v settingsView) Profile() client.LandingProfile {
	if v.Account.Landing == nil {
		return client.LandingProfile{}
	}
	return *v.Account.Landing
}

// TagLines writes tags one per line.
func (settingsView) TagLines(tags map[string]string) string { return tagLines(tags) }

// chooseMail turns a kind of mail off or on for a contact.
func (v *visit) chooseMail() error {
	f := v.posted("mail")
	choice := client.NewMailChoice{Email: f.Value("email"), Kind: transfer.MailKind(f.Value("kind")), Off: f.Value("off") != ""}
	if _, err := v.api.ChooseMail(v.ctx(), v.me.Account().Ref(), choice); err != nil {
		return v.refused(f, err, v.settings)
	}
	if choice.Off {
		return v.redirect("/settings", "Mails of this kind are off for "+choice.Email+".")
	}
	return v.redirect("/settings", "Mails of this kind are on for "+choice.Email+".")
}

// errNotAMapping means that a line of a plan mapping cannot be read.
var errNotAMapping = errors.New("write each plan of arriving SIMs and the plan on which they land, such as: global = worldwide")

// planMapping reads a plan mapping, one plan per line: from = to.
func (f form) planMapping() (client.NewPlanMapping, error) {
	m := client.NewPlanMapping{Plans: map[string]string{}, Default: f.Value("default")}
	for line := range strings.Lines(f.Value("plans")) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		from, to, ok := strings.Cut(line, "=")
		from, to = strings.TrimSpace(from), strings.TrimSpace(to)
		if !ok || from == "" || to == "" {
			return m, errNotAMapping
		}
		m.Plans[from] = to
	}
	return m, nil
}

// putPlanMapping sets on which plans SIMs from one account land, or from any.
func (v *visit) putPlanMapping() error {
	f := v.posted(v.r.PostForm.Get("form"))
	m, err := f.planMapping()
	if err != nil {
		return v.wrong(f, v.settings, "plans", err.Error())
	}
	if _, err := v.api.PutPlanMapping(v.ctx(), v.me.Account().Ref(), transfer.AccountRef(f.Value("source")), m); err != nil {
		return v.refused(f, err, v.settings)
	}
	return v.redirect("/settings", "The plans of arriving SIMs are saved. Requests that you have accepted already keep the plans of then.")
}

// deletePlanMapping removes the mapping for one account, or for any.
func (v *visit) deletePlanMapping() error {
	f := v.posted(v.r.PostForm.Get("form"))
	if err := v.api.DeletePlanMapping(v.ctx(), v.me.Account().Ref(), transfer.AccountRef(f.Value("source"))); err != nil {
		return v.refused(f, err, v.settings)
	}
	return v.redirect("/settings", "Removed. SIMs keep their plan, or land as the mapping for any account says.")
}

// Lines writes addresses one per line.
func (settingsView) Lines(list []string) string { return strings.Join(list, "\n") }

// MappingLines writes the plans of a mapping as the form has them.
func (settingsView) MappingLines(m client.PlanMapping) string {
	var lines []string
	for from, to := range m.Plans {
		lines = append(lines, from+" = "+to)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// PlanChoices returns the plans of a mapping's default.
func (s settingsView) PlanChoices() []choice {
	list := []choice{{"", "they keep their plan"}}
	for _, p := range s.Plans {
		list = append(list, choice{p, p})
	}
	return list
}

// FormName returns the name of the form of a mapping.
func (settingsView) FormName(m client.PlanMapping) string {
	if m.Source == "" {
		return "mapping-any"
	}
	return "mapping-" + string(m.Source)
}

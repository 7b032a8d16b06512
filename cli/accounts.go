package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"simtransfer/client"
	"simtransfer/transfer"
)

type accountsCommand struct {
	List   accountsListCommand   `cmd:"" help:"List accounts (support)."`
	Show   accountsShowCommand   `cmd:"" help:"Show an account."`
	Find   accountsFindCommand   `cmd:"" help:"Find what an email belongs to: accounts, contacts, people and invitations (support)."`
	Create accountsCreateCommand `cmd:"" help:"Open an account (administrators)."`
	Update accountsUpdateCommand `cmd:"" help:"Change or close an account (administrators); change its contacts and its landing profile (owners)."`
	Import accountsImportCommand `cmd:"" help:"Create and change accounts from a file (administrators)."`
}

func printAccount(l *connection, a client.Account) error {
	t := newTable(l.Out)
	t.add("Account", string(a.OperatorID))
	addIfSet(t, "External id", a.ExternalID)
	addIfSet(t, "Name", a.Name)
	t.add("Email", a.Email)
	t.add("Currency", string(a.Currency))
	t.add("Coverage", a.Coverage)
	t.add("Standing", a.Standing)
	addIfSet(t, "Plans", strings.Join(a.Plans, ", "))
	addIfSet(t, "Contacts for transfers", strings.Join(a.Contacts.Transfers, ", "))
	addIfSet(t, "Contacts for billing", strings.Join(a.Contacts.Billing, ", "))
	addIfSet(t, "Contacts for technical", strings.Join(a.Contacts.Technical, ", "))
	addIfSet(t, "Contacts for security", strings.Join(a.Contacts.Security, ", "))
	if p := a.Landing; p != nil {
		t.add("Landing profile", landingText(&client.Landing{Group: p.Group, Tags: p.Tags, SpeedClass: p.SpeedClass}))
	}
	t.add("Unfinished requests", limitText(a.MaxOpenRequests))
	t.add("SIMs in them", limitText(a.MaxOpenSIMs))
	t.add("Unknown SIMs", limitText(a.MaxUnknownSIMs))
	t.add("Opened", timeText(a.CreatedAt))
	return t.flush()
}

// addIfSet adds a row, unless the value is empty.
func addIfSet(t *table, name, value string) {
	if value != "" {
		t.add(name, value)
	}
}

// accountText is an operator id with the external id after it, if there is one.
func accountText(id transfer.OperatorID, external string) string {
	if external == "" {
		return string(id)
	}
	return fmt.Sprintf("%s (%s)", id, external)
}

// limitText is a limit of an account.
func limitText(limit *int) string {
	switch {
	case limit == nil:
		return "limit of the service"
	case *limit == 0:
		return "no limit"
	}
	return fmt.Sprintf("up to %d", *limit)
}

type accountsListCommand struct {
	Email    string `help:"Only accounts with this primary email."`
	Search   string `placeholder:"TEXT" help:"Only accounts with this text in their operator id, external id, name or primary email."`
	Standing string `enum:"open,closed," default:"" help:"Only accounts with this standing: open or closed."`
	paging
	remote
}

// Help returns the detailed help.
func (accountsListCommand) Help() string {
	return `Examples:

    simtransfer accounts list --all
    simtransfer accounts list --email=sims@example.com
    simtransfer accounts list --search=meters`
}

// Run runs the command.
func (c *accountsListCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	list := func(p client.Paging) (client.Page[client.Account], error) {
		return l.client.ListAccounts(ctx, client.AccountFilter{Email: c.Email, Search: c.Search, Standing: c.Standing}, p, l.options()...)
	}
	head := []string{"ACCOUNT", "NAME", "EMAIL", "CURRENCY", "COVERAGE", "STANDING"}
	return printList(l, c.paging, maxPage, list, head, func(a client.Account) []string {
		return []string{accountText(a.OperatorID, a.ExternalID), a.Name, a.Email, string(a.Currency), a.Coverage, a.Standing}
	})
}

type accountsFindCommand struct {
	Email string `arg:"" help:"The email, in upper or lower case."`
	remote
}

// Help returns the detailed help.
func (accountsFindCommand) Help() string {
	return `Lists the accounts of which it is the primary email or a contact, the person who signs in with it, with the accounts and permissions of this person, and open invitations to it. Administrators also learn of staff.

Example:

    simtransfer accounts find jane@example.com`
}

// Run runs the command.
func (c *accountsFindCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	uses, err := l.client.FindEmail(ctx, c.Email, l.options()...)
	if err != nil {
		return err
	}
	return l.show(func() error {
		if len(uses.Items) == 0 {
			_, err := fmt.Fprintf(l.Out, "Nothing belongs to %s.\n", uses.Email)
			return err
		}
		t := newTable(l.Out, "KIND", "ACCOUNT", "NAME", "FOR", "PERSON")
		for _, u := range uses.Items {
			t.add(u.Kind, string(u.Account), u.AccountName, emailUseText(u), u.Name)
		}
		if err := t.flush(); err != nil || uses.Total == len(uses.Items) {
			return err
		}
		_, err := fmt.Fprintf(l.Out, "The first %d of %d are listed.\n", len(uses.Items), uses.Total)
		return err
	})
}

// emailUseText is what a contact gets mail about, or what a person may do.
func emailUseText(u client.EmailUse) string {
	text := cmp.Or(u.Permission, u.Role, string(u.Purpose))
	if u.Disabled {
		return strings.TrimSpace(text + " (disabled)")
	}
	return text
}

type accountsShowCommand struct {
	Accounts []accountRef `arg:"" name:"account" help:"Operator ids, or external ids. Write ext: before an external id that looks like an operator id."`
	showsETag
	remote
}

// Help returns the detailed help.
func (accountsShowCommand) Help() string {
	return `The key of an account can show only that account.

Examples:

    simtransfer accounts show OP0000000001
    simtransfer accounts show C-1001`
}

// Run runs the command.
func (c *accountsShowCommand) Run(ctx context.Context, s *Session) error {
	return showEach(s, c.remote, c.showsETag, c.Accounts, func(l *connection, id accountRef, options ...client.Option) (client.Account, error) {
		return l.client.GetAccount(ctx, id.ref(), options...)
	}, printAccount)
}

type accountsCreateCommand struct {
	Account  operatorID `arg:"" name:"operator-id" help:"Operator id: OP and ten digits."`
	Email    string     `required:"" help:"Primary email."`
	Currency currency   `required:"" placeholder:"EUR" help:"Currency of the account's fees (ISO 4217)."`
	Coverage string     `required:"" placeholder:"NAME" help:"Coverage. SIMs on plans that are bound to a coverage cannot move to an account with another."`
	Name     string     `help:"Name of the account."`
	External string     `name:"external-id" placeholder:"ID" help:"Id of the account in your own systems. It can be used in place of the operator id."`
	Contact  []contact  `placeholder:"PURPOSE=EMAIL" help:"Contact for transfers, billing, technical or security, such as billing=invoices@example.com. Separate several with commas, or repeat the flag."`
	Plans    []string   `placeholder:"PLAN" help:"Plans that the account may hold, separated by commas. Default: any."`
	post
}

// Help returns the detailed help.
func (accountsCreateCommand) Help() string {
	return `Example:

    simtransfer accounts create OP0000000001 --email=sims@example.com --currency=EUR --coverage=global --name="North Sensors Ltd" --external-id=C-1001 --contact=billing=invoices@example.com`
}

// Run runs the command.
func (c *accountsCreateCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	a, err := l.client.CreateAccount(ctx, client.NewAccount{
		OperatorID: c.Account.id(),
		Email:      c.Email,
		Currency:   transfer.Currency(c.Currency),
		Coverage:   c.Coverage,
		Name:       c.Name,
		ExternalID: c.External,
		Contacts:   contactsOf(c.Contact),
		Plans:      c.Plans,
	}, l.options(c.idempotent())...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error { return printAccount(l, a) })
}

type accountsImportCommand struct {
	upload
	DryRun bool `help:"Show what the import would do, and change nothing."`
	remote
}

// Help returns the detailed help.
func (accountsImportCommand) Help() string {
	return `Creates accounts that do not exist, and changes those that do. A row names its account by operator_id, or by external_id. Rows with an error are left out, and the others are applied; then the exit code is 7. The file can have up to 10,000 rows, and it is safe to import it again.

CSV columns or JSON fields: operator_id, external_id, name, email, currency, coverage, standing, plans, contacts_transfers, contacts_billing, contacts_technical, contacts_security. A new account needs operator_id, email, currency and coverage. A column that the file does not have leaves values as they are; an empty name, external_id, list of plans or list of contacts removes what was there.

Examples:

    simtransfer accounts import accounts.csv --dry-run
    simtransfer accounts import customers.csv --map="Customer No=external_id" --map="Notes="`
}

// Run runs the command.
func (c *accountsImportCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	f, err := c.openUpload(l)
	if err != nil {
		return err
	}
	defer f.close()
	imported, err := l.client.ImportAccounts(ctx, f.format, f.reader, c.DryRun, l.options(client.Timeout(bulkTimeout), c.columns())...)
	if err != nil {
		return l.explain(err)
	}
	if err := l.show(func() error { return printAccountsImport(l, imported) }); err != nil {
		return err
	}
	if imported.Refused > 0 {
		return &exitError{ExitIncomplete, fmt.Errorf("%d of %s refused", imported.Refused, counted(imported.Rows, "row was", "rows were"))}
	}
	return nil
}

// printAccountsImport prints the rows that changed something, the errors of those
// that were refused, and the counts.
func printAccountsImport(l *connection, i client.AccountsImport) error {
	t := newTable(l.Out, "LINE", "ACCOUNT", "OUTCOME", "WHAT")
	for _, line := range i.Items {
		if line.Outcome == "created" || line.Outcome == "updated" {
			t.add(strconv.Itoa(line.Line), accountText(line.OperatorID, line.ExternalID), line.Outcome, strings.Join(line.Fields, ", "))
		}
	}
	if i.Created+i.Updated > 0 {
		if err := t.flush(); err != nil {
			return err
		}
	}
	for _, e := range i.Errors {
		l.note("  %s", e)
	}
	if i.MoreErrors > 0 {
		l.note("  and %d more", i.MoreErrors)
	}
	note := "%s created, %d updated, %d unchanged, %d refused."
	if i.DryRun {
		note = "Nothing was changed. The import would have this result: " + note
	}
	l.note(note, counted(i.Created, "account", "accounts"), i.Updated, i.Unchanged, i.Refused)
	return nil
}

type accountsUpdateCommand struct {
	Account   accountRef     `arg:"" help:"Operator id or external id."`
	Email     string         `help:"New primary email."`
	Coverage  string         `placeholder:"NAME" help:"New coverage."`
	Standing  string         `enum:"open,closed," default:"" help:"New standing: open or closed. A closed account can neither send nor receive SIMs."`
	Requests  string         `name:"open-requests" enum:"refuse,end," default:"" help:"With --standing=closed: end cancels the open requests of the account. Default: refuse, which does not close an account with open requests."`
	Name      *string        `help:"New name. An empty one removes it."`
	External  *string        `name:"external-id" placeholder:"ID" help:"New id of the account in your own systems. An empty one removes it."`
	Contact   []contact      `placeholder:"PURPOSE=EMAIL" help:"New contacts of each purpose that is named, such as billing=invoices@example.com; PURPOSE= removes them. Separate several with commas, or repeat the flag."`
	Plans     []string       `placeholder:"PLAN" xor:"plans" help:"Plans that the account may hold, separated by commas, in place of those before."`
	AnyPlan   bool           `xor:"plans" help:"Let the account hold any plan."`
	Landing   landingProfile `embed:"" prefix:"landing-"`
	NoLanding bool           `help:"Remove the landing profile. Requests that are accepted already keep what they have."`
	Limits    accountLimits  `embed:""`
	condition
	remote
}

// landingProfile are the flags for what SIMs get as they arrive at an account.
type landingProfile struct {
	Group      nonEmpty          `placeholder:"NAME" help:"Landing profile of the account, in place of the one before: arriving SIMs get into this group, unless an acceptance says otherwise."`
	Tags       map[string]string `name:"tag" mapsep:"none" placeholder:"NAME=VALUE" help:"Landing profile: a tag that is added to arriving SIMs. Repeat the flag for several tags."`
	SpeedClass nonEmpty          `placeholder:"NAME" help:"Landing profile: the speed class of arriving SIMs."`
}

func (l landingProfile) given() bool {
	return l.Group != "" || len(l.Tags) > 0 || l.SpeedClass != ""
}

// landingProfile returns the new landing profile, nil for no change.
func (c *accountsUpdateCommand) landingProfile() *client.LandingProfile {
	if !c.Landing.given() && !c.NoLanding {
		return nil
	}
	return &client.LandingProfile{Group: string(c.Landing.Group), Tags: c.Landing.Tags, SpeedClass: string(c.Landing.SpeedClass)}
}

// contact is an email address for a purpose, on the command line.
type contact struct {
	purpose transfer.ContactPurpose
	email   string // empty: none
}

// UnmarshalText parses a text such as billing=invoices@example.com.
func (c *contact) UnmarshalText(text []byte) error {
	purpose, email, ok := strings.Cut(string(text), "=")
	c.purpose = transfer.ContactPurpose(strings.ToLower(transfer.Trim(purpose)))
	if !ok || !slices.Contains(transfer.ContactPurposes(), c.purpose) {
		return fmt.Errorf("%q is not a contact: write transfers, billing, technical or security, =, and an email address", text)
	}
	if transfer.Trim(email) == "" {
		return nil
	}
	var err error
	c.email, err = transfer.ParseEmail(email)
	return err
}

// contactsOf returns the addresses of the purposes that are named, nil for none.
func contactsOf(list []contact) *client.AccountContacts {
	if len(list) == 0 {
		return nil
	}
	var all client.AccountContacts
	for _, c := range list {
		of := map[transfer.ContactPurpose]*[]string{
			transfer.ContactTransfers: &all.Transfers, transfer.ContactBilling: &all.Billing, transfer.ContactTechnical: &all.Technical, transfer.ContactSecurity: &all.Security,
		}[c.purpose]
		if *of == nil {
			*of = []string{}
		}
		if c.email != "" {
			*of = append(*of, c.email)
		}
	}
	return &all
}

// accountLimits are the flags with the limits of an account.
type accountLimits struct {
	OpenRequests *accountLimit `name:"max-open-requests" placeholder:"N" help:"How many unfinished requests the account may send; 0: no limit; default: as the service is configured."`
	OpenSIMs     *accountLimit `name:"max-open-sims" placeholder:"N" help:"How many SIMs these requests may have; 0: no limit; default: as the service is configured."`
	UnknownSIMs  *accountLimit `name:"max-unknown-sims" placeholder:"N" help:"How many stored transfers may have named no SIM of the account; 0: no limit; default: as the service is configured."`
}

// accountLimit is a limit of an account: a number, or the word default.
type accountLimit client.Limit

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *accountLimit) UnmarshalText(text []byte) error {
	if string(text) == "default" {
		*l = -1
		return nil
	}
	n, err := strconv.ParseInt(string(text), 10, 32)
	if err != nil || n < 0 {
		return fmt.Errorf("%q is not a limit: give a number from 0, or default", text)
	}
	*l = accountLimit(n)
	return nil
}

// Validate implements kong's validation.
func (c *accountsUpdateCommand) Validate() error {
	if c.Email == "" && c.Coverage == "" && c.Standing == "" && c.Limits == (accountLimits{}) &&
		c.Name == nil && c.External == nil && len(c.Contact) == 0 && len(c.Plans) == 0 && !c.AnyPlan && c.landingProfile() == nil {
		return usageError("nothing to change: set --email, --coverage, --standing, --name, --external-id, --contact, --plans, a landing profile or a limit")
	}
	if c.NoLanding && c.Landing.given() {
		return usageError("--no-landing removes the landing profile: leave it out, or the flags that set one")
	}
	return nil
}

// Help returns the detailed help.
func (accountsUpdateCommand) Help() string {
	return `Examples:

    simtransfer accounts update OP0000000001 --standing=closed
    simtransfer accounts update OP0000000001 --standing=closed --open-requests=end
    simtransfer accounts update OP0000000001 --contact=billing=a@example.com,billing=b@example.com --contact=security=
    simtransfer accounts update OP0000000001 --landing-group=new --landing-tag=origin=transfer
    simtransfer accounts update C-1001 --plans=global-01,global-02
    simtransfer accounts update OP0000000001 --max-open-sims=10000000
    simtransfer accounts update OP0000000001 --max-open-sims=default`
}

// Run runs the command.
func (c *accountsUpdateCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	change := client.AccountChange{
		Email: c.Email, Coverage: c.Coverage, Standing: c.Standing, OpenRequests: c.Requests,
		Name: (*client.Optional)(c.Name), ExternalID: (*client.Optional)(c.External), Contacts: contactsOf(c.Contact), Landing: c.landingProfile(),

		MaxOpenRequests: (*client.Limit)(c.Limits.OpenRequests),
		MaxOpenSIMs:     (*client.Limit)(c.Limits.OpenSIMs),
		MaxUnknownSIMs:  (*client.Limit)(c.Limits.UnknownSIMs),
	}
	if len(c.Plans) > 0 || c.AnyPlan {
		change.Plans = &c.Plans
		if c.AnyPlan {
			change.Plans = &[]string{}
		}
	}
	a, err := l.client.UpdateAccount(ctx, c.Account.ref(), change, l.options(c.ifMatch())...)
	if err != nil {
		err = l.explain(err)
		var p *client.Problem
		if errors.As(err, &p) && p.Code == "account_in_use" && !l.json {
			return fmt.Errorf("%w\nTo close the account and end its open requests, add --open-requests=end", err)
		}
		return err
	}
	return l.show(func() error { return printAccount(l, a) })
}

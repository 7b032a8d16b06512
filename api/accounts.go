package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// Account is an operator account as the API shows it.
type Account struct {
	OperatorID transfer.OperatorID `json:"operator_id" example:"OP0012345678"`
	Email      string              `json:"email" format:"email" doc:"The primary email, in lower case."`
	Currency   transfer.Currency   `json:"currency" example:"EUR" doc:"ISO 4217. Fees are charged in it."`
	Coverage   string              `json:"coverage" example:"global" doc:"Where its SIMs work. SIMs on some plans cannot move to an account with a different coverage."`
	Standing   storage.Standing    `json:"standing" doc:"A closed account can neither send nor receive SIMs."`
	Name       *string             `json:"name,omitempty" doc:"The name of the account."`
	ExternalID *string             `json:"external_id,omitempty" doc:"The id of the account in your own systems. It can be used in place of the operator id."`
	Contacts   *AccountContacts    `json:"contacts,omitempty" doc:"Email addresses by purpose."`
	Plans      []string            `json:"plans,omitempty" nullable:"false" doc:"The plans that the account may hold. Left out: any. A SIM on another plan cannot be transferred or imported to the account."`
	Landing    *LandingProfile     `json:"landing,omitempty" doc:"The landing profile of the account: what SIMs get as they arrive, unless an acceptance says otherwise. The plans on which they land are in the plan mappings."`
	CreatedAt  time.Time           `json:"created_at"`
	AccountLimits
}

// AccountLimits are the limits that an administrator has set for an account.
type AccountLimits struct {
	OpenRequests *int `json:"max_open_requests,omitempty" doc:"How many unfinished requests the account may send; 0: no limit. Left out: as the service is configured, usually 100,000."`
	OpenSIMs     *int `json:"max_open_sims,omitempty" doc:"How many SIMs its unfinished requests may have; 0: no limit. Left out: as the service is configured, usually 5,000,000."`
	UnknownSIMs  *int `json:"max_unknown_sims,omitempty" doc:"How many stored transfers may have named no SIM of the account; 0: no limit. Left out: as the service is configured, usually 2,000,000."`
}

// AccountContacts are the email addresses of an account by purpose.
type AccountContacts struct {
	Transfers []string `json:"transfers,omitempty" nullable:"false" maxItems:"20" doc:"For transfer requests that the account sends or receives."`
	Billing   []string `json:"billing,omitempty" nullable:"false" maxItems:"20" doc:"For fees."`
	Technical []string `json:"technical,omitempty" nullable:"false" maxItems:"20" doc:"For webhook endpoints that fail."`
	Security  []string `json:"security,omitempty" nullable:"false" maxItems:"20" doc:"For API keys and signs of their misuse."`
}

// byPurpose returns the addresses that are given, nil for purposes that are left
// out.
func (c AccountContacts) byPurpose() storage.Contacts {
	return storage.Contacts{
		transfer.ContactTransfers: c.Transfers,
		transfer.ContactBilling:   c.Billing,
		transfer.ContactTechnical: c.Technical,
		transfer.ContactSecurity:  c.Security,
	}
}

func viewContacts(c storage.Contacts) *AccountContacts {
	if len(c) == 0 {
		return nil
	}
	return &AccountContacts{Transfers: c[transfer.ContactTransfers], Billing: c[transfer.ContactBilling], Technical: c[transfer.ContactTechnical], Security: c[transfer.ContactSecurity]}
}

// parseContacts parses the addresses of the purposes that are given.
func parseContacts(p *problem.Problem, in *AccountContacts) storage.Contacts {
	if in == nil {
		return nil
	}
	contacts := storage.Contacts{}
	for purpose, texts := range in.byPurpose() {
		if texts == nil {
			continue
		}
		emails, err := transfer.ParseEmails(texts)
		if err != nil {
			p.Add(problem.FieldError{Location: "body.contacts." + string(purpose), Message: err.Error()})
		}
		contacts[purpose] = emails
	}
	return contacts
}

// accountName parses the name of an account, nil for none.
func accountName(text string) (*string, error) {
	name, err := transfer.ParseLine(text)
	if err == nil {
		err = transfer.CheckLength(name, transfer.MaxAccountName)
	}
	return noneIfEmpty(name), err
}

// accountExternalID parses the external id of an account, nil for none.
func accountExternalID(text string) (*string, error) {
	id, err := transfer.ParseExternalID(text)
	return noneIfEmpty(id), err
}

func noneIfEmpty(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func viewAccount(a storage.Account) Account {
	return Account{
		OperatorID: a.OperatorID,
		Email:      a.Email,
		Currency:   a.Currency,
		Coverage:   a.Coverage,
		Standing:   a.Standing,
		Name:       a.Name,
		ExternalID: a.ExternalID,
		Contacts:   viewContacts(a.Contacts),
		Plans:      a.Plans,
		Landing:    viewLandingProfile(a.Landing),
		CreatedAt:  a.CreatedAt.UTC(),

		AccountLimits: AccountLimits(a.Limits),
	}
}

type createAccountInput struct {
	Idempotent
	Body struct {
		OperatorID string           `json:"operator_id" maxLength:"32" example:"OP0012345678" doc:"OP and ten digits."`
		Email      string           `json:"email" maxLength:"254" doc:"The primary email."`
		Currency   string           `json:"currency" maxLength:"8" example:"EUR" doc:"ISO 4217."`
		Coverage   string           `json:"coverage" minLength:"1" maxLength:"64" example:"global"`
		Standing   storage.Standing `json:"standing,omitempty" default:"open"`
		Name       string           `json:"name,omitempty" maxLength:"200" doc:"The name of the account."`
		ExternalID string           `json:"external_id,omitempty" maxLength:"128" doc:"The id of the account in your own systems, unique. It can be used in place of the operator id."`
		Contacts   *AccountContacts `json:"contacts,omitempty"`
		Plans      []string         `json:"plans,omitempty" nullable:"false" maxItems:"500" doc:"The plans that the account may hold. Default: any."`
	}
}

func (s *server) createAccount(ctx context.Context, in *createAccountInput) (*reply[Account], error) {
	p := problem.New(problem.Invalid, "")
	a := storage.Account{
		OperatorID: parsed(p, "body.operator_id", in.Body.OperatorID, transfer.ParseOperatorID),
		Email:      parsed(p, "body.email", in.Body.Email, transfer.ParseEmail),
		Currency:   parsed(p, "body.currency", in.Body.Currency, transfer.ParseCurrency),
		Coverage:   parsed(p, "body.coverage", in.Body.Coverage, filled(transfer.ParseLine)),
		Standing:   in.Body.Standing,
		Name:       parsed(p, "body.name", in.Body.Name, accountName),
		ExternalID: parsed(p, "body.external_id", in.Body.ExternalID, accountExternalID),
		Contacts:   parseContacts(p, in.Body.Contacts),
		Plans:      slices.Compact(slices.Sorted(slices.Values(in.Body.Plans))),
	}
	if len(p.Errors) > 0 {
		return nil, p
	}
	return once(ctx, s, func(t *storage.Tx, out *reply[Account]) error {
		made, err := t.CreateAccount(ctx, actingCaller(ctx), a)
		out.Status, out.Location, out.Body = 201, "/v1/accounts/"+string(made.OperatorID), viewAccount(made)
		return err
	})
}

// parsed parses a field. If it is invalid, it adds an error to the problem.
func parsed[T any](p *problem.Problem, location, text string, parse func(string) (T, error)) T {
	v, err := parse(text)
	if err != nil {
		p.Add(problem.FieldError{Location: location, Message: err.Error(), Value: text})
	}
	return v
}

// parsedIfGiven parses a field that can be left out.
func parsedIfGiven[T any](p *problem.Problem, location string, text *string, parse func(string) (T, error)) *T {
	if text == nil {
		return nil
	}
	v := parsed(p, location, *text, parse)
	return &v
}

// patched parses a text that can be removed. The result points to nil for null.
func patched(p *problem.Problem, location string, in patch[string], parse func(string) (*string, error)) **string {
	var v *string
	if !in.null {
		v = parsed(p, location, in.value, parse)
	}
	return &v
}

// filled makes a parser refuse a text that has nothing but white space and
// invisible characters. The schemas refuse a text that is empty to begin with.
func filled(parse func(string) (string, error)) func(string) (string, error) {
	return func(text string) (string, error) {
		v, err := parse(text)
		if err == nil && v == "" {
			err = errors.New("the text is blank: it has nothing but white space or invisible characters")
		}
		return v, err
	}
}

// filledIfGiven is filled for a text that can be left out, which is empty then.
func filledIfGiven(parse func(string) (string, error)) func(string) (string, error) {
	return func(text string) (string, error) {
		if text == "" {
			return "", nil
		}
		return filled(parse)(text)
	}
}

type listAccountsInput struct {
	Paging
	Email    string           `query:"email" maxLength:"254" doc:"Only accounts with this primary email."`
	Search   string           `query:"search" maxLength:"128" doc:"Only accounts with this text in their operator id, external id, name or primary email, in upper or lower case."`
	Standing storage.Standing `query:"standing" doc:"Only accounts with this standing."`
}

func (s *server) listAccounts(ctx context.Context, in *listAccountsInput) (*listOf[Account], error) {
	if !reachOf(callerOf(ctx)).every {
		return nil, storage.ErrNotFound
	}
	f := storage.AccountFilter{Standing: in.Standing, Limit: in.Limit + 1}
	if in.Cursor != "" {
		var err error
		if f.After, err = transfer.ParseOperatorID(in.Cursor); err != nil {
			return nil, badCursor(in.Cursor)
		}
	}
	if in.Email != "" {
		p := problem.New(problem.Invalid, "")
		if f.Email = parsed(p, "query.email", in.Email, transfer.ParseEmail); len(p.Errors) > 0 {
			return nil, p
		}
	}
	if in.Search != "" {
		p := problem.New(problem.Invalid, "")
		if f.Search = parsed(p, "query.search", in.Search, transfer.ParseLine); len(p.Errors) > 0 {
			return nil, p
		}
	}
	rows, err := s.db.Accounts(ctx, f)
	if err != nil {
		return nil, err
	}
	if err := s.auditRead(ctx, storage.AuditEntry{
		Action: transfer.AuditAccountList, Object: "account",
		After: map[string]any{"listed": min(len(rows), in.Limit), "email": in.Email, "search": in.Search, "standing": in.Standing, "cursor": in.Cursor},
	}); err != nil {
		return nil, err
	}
	return pageOf(rows, in.Limit, func(a storage.Account) string { return string(a.OperatorID) }, viewAccount)
}

// AccountName is what an account is called, and its currency.
type AccountName struct {
	OperatorID transfer.OperatorID `json:"operator_id"`
	Name       *string             `json:"name,omitempty" doc:"Its name, if it has one."`
	ExternalID *string             `json:"external_id,omitempty" doc:"Its id in the operator's systems, if it has one."`
	Currency   transfer.Currency   `json:"currency"`
}

// maxAccountNames is the maximum number of accounts whose names one call reads.
const maxAccountNames = 200

type listAccountNamesInput struct {
	OperatorIDs []string `query:"operator_id,explode" nullable:"false" maxItems:"200" doc:"The operator ids of the accounts, each as a parameter of its own."`
}

// listAccountNames is not recorded as a read of personal data: the names of accounts also
// stand in requests.
func (s *server) listAccountNames(ctx context.Context, in *listAccountNamesInput) (*listOf[AccountName], error) {
	if !reachOf(callerOf(ctx)).every {
		return nil, storage.ErrNotFound
	}
	p := problem.New(problem.Invalid, "")
	ids := make([]transfer.OperatorID, len(in.OperatorIDs))
	for i, text := range in.OperatorIDs {
		ids[i] = parsed(p, fmt.Sprintf("query.operator_id[%d]", i), text, transfer.ParseOperatorID)
	}
	if len(p.Errors) > 0 {
		return nil, p
	}
	rows, err := s.db.AccountNames(ctx, ids)
	if err != nil {
		return nil, err
	}
	return pageOf(rows, maxAccountNames, func(a storage.AccountName) string { return string(a.OperatorID) }, func(a storage.AccountName) AccountName { return AccountName(a) })
}

// AccountPath is embedded in the input of routes for one account.
type AccountPath struct {
	OperatorID string `path:"operator_id" maxLength:"132" example:"OP0012345678" doc:"The operator id of the account, OP and ten digits, or its external id. Write ext: before an external id that looks like an operator id."`
}

// notFound returns the problem of an account that does not exist, or that the
// caller may not see.
func (p AccountPath) notFound() error {
	return problem.New(problem.NotFound, fmt.Sprintf("no account that you can see has the operator id or external id %q", problem.Clip(p.OperatorID)))
}

type accountOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   Account
}

// accountResponse returns an account with its ETag.
func accountResponse(ctx context.Context, a storage.Account) (out *accountOutput, err error) {
	out = &accountOutput{Body: viewAccount(a)}
	out.ETag, out.Status, err = tagged(ctx, out.Body)
	return out, err
}

type getAccountInput struct {
	AccountPath
	IfNoneMatch
}

func (s *server) getAccount(ctx context.Context, in *getAccountInput) (*accountOutput, error) {
	a, err := s.accountWithin(ctx, in.AccountPath)
	if err != nil {
		return nil, err
	}
	if err := s.auditRead(ctx, storage.AuditEntry{
		Action: transfer.AuditAccountRead, Account: a.ID, Object: "account", ObjectID: string(a.OperatorID),
	}); err != nil {
		return nil, err
	}
	return accountResponse(ctx, a)
}

// endRequests is the value of open_requests that ends them.
const endRequests = "end"

type updateAccountInput struct {
	AccountPath
	IfMatch
	Body struct {
		Email       *string               `json:"email,omitempty" maxLength:"254"`
		Coverage    *string               `json:"coverage,omitempty" minLength:"1" maxLength:"64"`
		Standing    *storage.Standing     `json:"standing,omitempty" doc:"Open or closed. A closed account can neither send nor receive SIMs, and its API keys can only read."`
		Name        patch[string]         `json:"name,omitempty" maxLength:"200" doc:"The name of the account. Null removes it."`
		ExternalID  patch[string]         `json:"external_id,omitempty" maxLength:"128" doc:"The id of the account in your own systems, unique. Null removes it."`
		Contacts    *AccountContacts      `json:"contacts,omitempty" doc:"The new addresses of each purpose that is given; an empty list removes them."`
		Plans       *[]string             `json:"plans,omitempty" maxItems:"500" doc:"The plans that the account may hold; an empty list: any. SIMs that it holds already stay."`
		Landing     patch[LandingProfile] `json:"landing,omitempty" doc:"The new landing profile, in place of the one before: what SIMs get as they arrive, unless an acceptance says otherwise. Null removes it. Requests that are accepted already keep what they have."`
		MaxRequests patch[int]            `json:"max_open_requests,omitempty" minimum:"0" maximum:"2147483647" doc:"How many unfinished requests the account may send; 0: no limit. Null: as the service is configured."`
		MaxSIMs     patch[int]            `json:"max_open_sims,omitempty" minimum:"0" maximum:"2147483647" doc:"How many SIMs its unfinished requests may have; 0: no limit. Null: as the service is configured."`
		MaxUnknown  patch[int]            `json:"max_unknown_sims,omitempty" minimum:"0" maximum:"2147483647" doc:"How many stored transfers may have named no SIM of the account; 0: no limit. Null: as the service is configured."`
		Requests    string                `json:"open_requests,omitempty" enum:"refuse,end" default:"refuse" doc:"What happens to open requests of an account that is closed, sent or received. refuse: the account stays open, and the response says what is open. end: the account is closed, and its requests are canceled; the SIMs of accepted requests that are not transferred yet fail with account_closed."`
	}
}

// checkAccountChange returns why a caller may not make a change to an account, nil
// if it may. An account can only change its own contacts and landing profile.
func (s *server) checkAccountChange(ctx context.Context, in *updateAccountInput) error {
	caller, b := callerOf(ctx), in.Body
	if !isAccount(caller) {
		return nil
	}
	if _, err := s.accountWithin(ctx, in.AccountPath); err != nil {
		return err
	}
	p := problem.New(problem.Forbidden, "an account can only change its contacts and its landing profile: ask the operator of the service for the rest")
	for _, f := range []struct {
		name  string
		given bool
	}{
		{"email", b.Email != nil},
		{"coverage", b.Coverage != nil},
		{"standing", b.Standing != nil},
		{"name", b.Name.given},
		{"external_id", b.ExternalID.given},
		{"plans", b.Plans != nil},
		{"max_open_requests", b.MaxRequests.given},
		{"max_open_sims", b.MaxSIMs.given},
		{"max_unknown_sims", b.MaxUnknown.given},
		{"open_requests", b.Requests == endRequests},
	} {
		if f.given {
			p.Add(problem.FieldError{Location: "body." + f.name, Message: "leave it out"})
		}
	}
	if len(p.Errors) > 0 {
		return p
	}
	return nil
}

func (s *server) updateAccount(ctx context.Context, in *updateAccountInput) (*accountOutput, error) {
	ref, err := transfer.ParseAccountRef(in.OperatorID)
	if err != nil {
		return nil, in.notFound()
	}
	if err := s.checkAccountChange(ctx, in); err != nil {
		return nil, err
	}
	p := problem.New(problem.Invalid, "")
	c := storage.AccountChange{
		Email:    parsedIfGiven(p, "body.email", in.Body.Email, transfer.ParseEmail),
		Coverage: parsedIfGiven(p, "body.coverage", in.Body.Coverage, filled(transfer.ParseLine)),
		Standing: in.Body.Standing,
		Contacts: parseContacts(p, in.Body.Contacts),
		Plans:    in.Body.Plans,
		Limits:   map[storage.LimitName]*int{},
		If:       func(was storage.Account) error { return matches(ctx, viewAccount(was)) },

		CloseInUse: in.Body.Requests == endRequests,
	}
	if in.Body.Name.given {
		c.Name = patched(p, "body.name", in.Body.Name, accountName)
	}
	if in.Body.ExternalID.given {
		c.ExternalID = patched(p, "body.external_id", in.Body.ExternalID, accountExternalID)
	}
	if in.Body.Landing.given {
		landing := in.Body.Landing.value.parse(p, "body.landing")
		c.Landing = &landing
	}
	if c.CloseInUse && (c.Standing == nil || *c.Standing != storage.StandingClosed) {
		p.Add(problem.FieldError{Location: "body.open_requests", Message: "requests are only ended when the account is closed: add the standing closed, or leave it out"})
	}
	if len(p.Errors) > 0 {
		return nil, p
	}
	for name, limit := range map[storage.LimitName]patch[int]{
		storage.LimitOpenRequests: in.Body.MaxRequests,
		storage.LimitOpenSIMs:     in.Body.MaxSIMs,
		storage.LimitUnknownSIMs:  in.Body.MaxUnknown,
	} {
		if limit.given {
			c.Limits[name] = limit.orNil()
		}
	}
	a, err := s.db.UpdateAccount(ctx, actingCaller(ctx), ref, c)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return nil, in.notFound()
	case err != nil:
		return nil, err
	}
	if c.CloseInUse && a.Standing == storage.StandingClosed {
		if _, err := s.db.EndRequestsOf(ctx, actingCaller(ctx), a.ID); err != nil {
			return nil, err
		}
	}
	return accountResponse(ctx, a)
}

package client

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"simtransfer/api/problem"
	"simtransfer/transfer"
)

// Account is an operator account.
type Account struct {
	OperatorID transfer.OperatorID `json:"operator_id"`
	Email      string              `json:"email"` // primary email, in lower case
	Currency   transfer.Currency   `json:"currency"`
	Coverage   string              `json:"coverage"`
	Standing   string              `json:"standing"`              // open or closed
	Name       string              `json:"name,omitempty"`        // empty: none
	ExternalID string              `json:"external_id,omitempty"` // the id in your own systems; empty: none
	Contacts   AccountContacts     `json:"contacts,omitzero"`
	Plans      []string            `json:"plans,omitempty"`   // that it may hold; empty: any
	Landing    *LandingProfile     `json:"landing,omitempty"` // nil: none
	CreatedAt  time.Time           `json:"created_at"`

	// The account's own limits; nil: as the service is configured, 0: no limit.
	MaxOpenRequests *int `json:"max_open_requests,omitempty"` // unfinished requests that it sends
	MaxOpenSIMs     *int `json:"max_open_sims,omitempty"`     // SIMs in them
	MaxUnknownSIMs  *int `json:"max_unknown_sims,omitempty"`  // stored transfers that named no SIM of the account
}

// AccountContacts are email addresses of an account by purpose.
type AccountContacts struct {
	Transfers []string `json:"transfers,omitzero"` // for transfer requests that it sends or receives
	Billing   []string `json:"billing,omitzero"`   // for fees
	Technical []string `json:"technical,omitzero"` // for webhook endpoints that fail
	Security  []string `json:"security,omitzero"`  // for API keys and signs of their misuse
}

// LandingProfile is what an account sets on SIMs as they arrive, unless an acceptance
// says otherwise.
type LandingProfile struct {
	Group      string            `json:"group,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
	SpeedClass string            `json:"speed_class,omitempty"`
}

// NewAccount is what CreateAccount needs.
type NewAccount struct {
	OperatorID transfer.OperatorID `json:"operator_id"`
	Email      string              `json:"email"`
	Currency   transfer.Currency   `json:"currency"`
	Coverage   string              `json:"coverage"`
	Standing   string              `json:"standing,omitempty"` // empty means open
	Name       string              `json:"name,omitempty"`
	ExternalID string              `json:"external_id,omitempty"`
	Contacts   *AccountContacts    `json:"contacts,omitempty"`
	Plans      []string            `json:"plans,omitempty"` // that it may hold; empty: any
}

// AccountChange is what UpdateAccount changes; empty fields stay as they are.
type AccountChange struct {
	Email    string `json:"email,omitempty"`
	Coverage string `json:"coverage,omitempty"`
	Standing string `json:"standing,omitempty"`

	Name       *Optional        `json:"name,omitempty"`
	ExternalID *Optional        `json:"external_id,omitempty"`
	Contacts   *AccountContacts `json:"contacts,omitempty"` // nil lists do not change, empty ones are removed
	Plans      *[]string        `json:"plans,omitempty"`    // an empty list: any
	Landing    *LandingProfile  `json:"landing,omitempty"`  // an empty one removes it

	// OpenRequests is what happens to open requests when the account is closed:
	// "refuse", the default, does not close it, "end" cancels them.
	OpenRequests string `json:"open_requests,omitempty"`

	// The new limits; nil: no change.
	MaxOpenRequests *Limit `json:"max_open_requests,omitempty"`
	MaxOpenSIMs     *Limit `json:"max_open_sims,omitempty"`
	MaxUnknownSIMs  *Limit `json:"max_unknown_sims,omitempty"`
}

// Optional is a text that can be removed: an empty one removes it.
type Optional string

// MarshalJSON implements json.Marshaler: an empty text is null.
func (o Optional) MarshalJSON() ([]byte, error) {
	if o == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(o))
}

// Limit is a limit of an account: 0 means no limit. A negative one removes the
// account's own limit, so that it has that of the service again.
type Limit int

// MarshalJSON implements json.Marshaler: a negative limit is null.
func (l Limit) MarshalJSON() ([]byte, error) {
	if l < 0 {
		return []byte("null"), nil
	}
	return strconv.AppendInt(nil, int64(l), 10), nil
}

// AccountFilter selects accounts. A zero field selects all.
type AccountFilter struct {
	Email    string
	Search   string // part of the operator id, the external id, the name or the email
	Standing string
}

// CreateAccount opens an account, for administrators.
func (c *Client) CreateAccount(ctx context.Context, a NewAccount, options ...Option) (Account, error) {
	return post[Account](ctx, c, path("accounts"), a, options)
}

// AccountName is what an account is called, and its currency.
type AccountName struct {
	OperatorID transfer.OperatorID `json:"operator_id"`
	Name       string              `json:"name,omitempty"`
	ExternalID string              `json:"external_id,omitempty"`
	Currency   transfer.Currency   `json:"currency"`
}

// MaxAccountNames is how many accounts ListAccountNames takes.
const MaxAccountNames = 200

// ListAccountNames returns what accounts are called, and their currencies, for staff. Accounts that do not exist
// are left out.
func (c *Client) ListAccountNames(ctx context.Context, accounts []transfer.OperatorID, options ...Option) ([]AccountName, error) {
	q := query{}
	for _, id := range accounts {
		url.Values(q).Add("operator_id", string(id))
	}
	page, err := get[Page[AccountName]](ctx, c, q.of(path("account-names")), options)
	return page.Items, err
}

// EmailUses is what an email belongs to.
type EmailUses struct {
	Email string     `json:"email"`
	Total int        `json:"total"` // how many uses there are; Items has up to 200
	Items []EmailUse `json:"items"`
}

// EmailUse is something that an email belongs to.
type EmailUse struct {
	Kind        string                  `json:"kind"`              // account, contact, person or invitation
	Account     transfer.OperatorID     `json:"account,omitempty"` // empty for staff
	AccountName string                  `json:"account_name,omitempty"`
	Standing    string                  `json:"standing,omitempty"` // of the account
	Purpose     transfer.ContactPurpose `json:"purpose,omitempty"`  // of a contact
	Role        string                  `json:"role,omitempty"`     // of a person or an invitation; empty: no membership
	Permission  string                  `json:"permission,omitempty"`
	Person      int64                   `json:"person,omitempty"` // the id of the person
	Name        string                  `json:"name,omitempty"`
	Disabled    bool                    `json:"disabled,omitempty"` // the person can no longer sign in
}

// FindEmail returns what an email belongs to, for support.
func (c *Client) FindEmail(ctx context.Context, email string, options ...Option) (EmailUses, error) {
	q := query{}
	q.set("email", email)
	return get[EmailUses](ctx, c, q.of(path("email-uses")), options)
}

// ListAccounts returns a page of accounts, for support.
func (c *Client) ListAccounts(ctx context.Context, f AccountFilter, p Paging, options ...Option) (Page[Account], error) {
	q := p.query()
	q.set("email", f.Email)
	q.set("search", f.Search)
	q.set("standing", f.Standing)
	return get[Page[Account]](ctx, c, q.of(path("accounts")), options)
}

// AccountsImport is the outcome of ImportAccounts.
type AccountsImport struct {
	DryRun    bool          `json:"dry_run"` // nothing was changed
	Rows      int           `json:"rows"`
	Created   int           `json:"created"`
	Updated   int           `json:"updated"`
	Unchanged int           `json:"unchanged"`
	Refused   int           `json:"refused"`
	Items     []AccountLine `json:"items"` // every row, in the order of the file

	Errors     []problem.FieldError `json:"errors,omitempty"`      // why rows were refused
	MoreErrors int                  `json:"more_errors,omitempty"` // in addition to those
}

// AccountLine is the outcome of a row of an import of accounts.
type AccountLine struct {
	Line       int                 `json:"line"` // in the file; the row of a JSON document
	OperatorID transfer.OperatorID `json:"operator_id,omitempty"`
	ExternalID string              `json:"external_id,omitempty"`
	Outcome    string              `json:"outcome"`           // created, updated, unchanged or refused
	Fields     []string            `json:"fields,omitempty"`  // that changed
	Column     string              `json:"column,omitempty"`  // that has the error
	Code       string              `json:"code,omitempty"`    // of the error
	Message    string              `json:"message,omitempty"` // what is wrong, and what to do
}

// ImportAccounts creates and updates accounts from up to 10,000 rows in the given
// format, for administrators. With dryRun it changes nothing. It is repeated after
// a failure only if file can seek.
func (c *Client) ImportAccounts(ctx context.Context, format Format, file io.Reader, dryRun bool, options ...Option) (AccountsImport, error) {
	q := query{}
	if dryRun {
		q.set("dry_run", "true")
	}
	var answer AccountsImport
	r := call{method: http.MethodPut, path: q.of(path("accounts")), contentType: string(format), body: file}
	err := c.exchange(ctx, r, &answer, options)
	return answer, err
}

// GetAccount returns an account.
func (c *Client) GetAccount(ctx context.Context, account transfer.AccountRef, options ...Option) (Account, error) {
	return get[Account](ctx, c, path("accounts", string(account)), options)
}

// UpdateAccount changes or closes an account, for administrators. An owner can change
// the contacts and the landing profile of the own account.
func (c *Client) UpdateAccount(ctx context.Context, account transfer.AccountRef, change AccountChange, options ...Option) (Account, error) {
	var a Account
	err := c.callJSON(ctx, http.MethodPatch, path("accounts", string(account)), change, &a, options...)
	return a, err
}

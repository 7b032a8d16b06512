package client

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

// SIM is a SIM of the inventory.
type SIM struct {
	ICCID                 string              `json:"iccid"`
	IMSIs                 []string            `json:"imsis"`
	MSISDNs               []string            `json:"msisdns"`
	Account               transfer.OperatorID `json:"account"`
	AccountID             string              `json:"account_external_id,omitempty"` // for support
	Since                 time.Time           `json:"since"`                         // when it was registered to Account
	Status                transfer.Status     `json:"status"`
	Plan                  string              `json:"plan"`
	Online                bool                `json:"online"`
	TransferLock          bool                `json:"transfer_lock"`
	EID                   string              `json:"eid,omitempty"`
	Lot                   string              `json:"lot,omitempty"`         // the order or box that it came in
	ExternalID            string              `json:"external_id,omitempty"` // in the operator's inventory
	UpdatedAt             time.Time           `json:"updated_at"`            // when it last changed, also by a transfer
	RetiredAt             *time.Time          `json:"retired_at,omitempty"`  // when it was retired as a wrong import
	TerminationProtection bool                `json:"termination_protection"`
	Expiration            *time.Time          `json:"expiration,omitempty"`
	Group                 string              `json:"group,omitempty"`
	SpeedClass            string              `json:"speed_class,omitempty"`
	IMEILock              string              `json:"imei_lock,omitempty"`
	Tags                  map[string]string   `json:"tags"`
	EventHandlers         []string            `json:"event_handlers"`
	Containers            []string            `json:"containers"`
	Transfer              *OpenTransfer       `json:"transfer,omitempty"`
	Blocked               *Blocked            `json:"blocked,omitempty"` // why it cannot be transferred to any account; nil: it can
}

// Blocked is why a SIM cannot be transferred.
type Blocked struct {
	Reason transfer.Reason `json:"reason"`
	Remedy string          `json:"remedy"`
}

// OpenTransfer is the open transfer of a SIM.
type OpenTransfer struct {
	Request   uuid.UUID             `json:"request"`
	State     transfer.RequestState `json:"state"`
	ExpiresAt *time.Time            `json:"expires_at,omitempty"`
}

// SIMChange is what UpdateSIM changes; nil fields stay as they are, and an empty
// text removes a value that can be empty.
type SIMChange struct {
	TransferLock          *bool              `json:"transfer_lock,omitempty"`
	TerminationProtection *bool              `json:"termination_protection,omitempty"`
	Tags                  map[string]*string `json:"tags,omitempty"`  // sets these tags and keeps the others; nil removes a tag
	Group                 *string            `json:"group,omitempty"` // empty removes the SIM from its group
	SpeedClass            *string            `json:"speed_class,omitempty"`
	IMEILock              *string            `json:"imei_lock,omitempty"`
	Expiration            *OptionalTime      `json:"expiration,omitempty"`
	EventHandlers         *[]string          `json:"event_handlers,omitempty"` // all of them
	Status                *transfer.Status   `json:"status,omitempty"`
	Plan                  *string            `json:"plan,omitempty"`
	EID                   *string            `json:"eid,omitempty"`
	Lot                   *string            `json:"lot,omitempty"`
	ExternalID            *string            `json:"external_id,omitempty"`
}

// OptionalTime is a time that a change sets, or removes if it is zero.
type OptionalTime struct{ time.Time }

// MarshalJSON implements json.Marshaler: the zero time is null.
func (t OptionalTime) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return t.Time.MarshalJSON()
}

// PutIdentifier is what PutSIMIdentifier needs.
type PutIdentifier struct {
	Kind   string `json:"kind"`             // imsi or msisdn
	From   string `json:"from,omitempty"`   // an identifier of the SIM that it moves from
	Reason string `json:"reason,omitempty"` // required if the two SIMs belong to different accounts
}

// Swap is what SwapSIM needs.
type Swap struct {
	ICCID  string   `json:"iccid"`           // of the new card
	IMSIs  []string `json:"imsis,omitempty"` // required if the card is not in the inventory yet
	EID    string   `json:"eid,omitempty"`
	Reason string   `json:"reason"`
}

// SwappedSIMs are both cards after a swap.
type SwappedSIMs struct {
	Old SIM `json:"old"`
	New SIM `json:"new"`
}

// Retirement is what RetireSIM needs.
type Retirement struct {
	Reason string `json:"reason"`
}

// OwnerCorrection is what CorrectSIMOwner needs.
type OwnerCorrection struct {
	Account transfer.OperatorID `json:"account"`
	Reason  string              `json:"reason"`
	Ticket  string              `json:"ticket,omitempty"`
}

// SIMConditions select SIMs. A SIM matches if it matches every field that is
// given, and of each field one of its values.
type SIMConditions struct {
	Status           []transfer.Status `json:"status,omitempty"`
	Plan             []string          `json:"plan,omitempty"`
	Group            []string          `json:"group,omitempty"`
	Tag              []string          `json:"tag,omitempty"` // each NAME or NAME=VALUE; tags with different names all have to match
	Lot              []string          `json:"lot,omitempty"`
	IdentifierPrefix []string          `json:"identifier_prefix,omitempty"` // at least six digits
	IdentifierSuffix []string          `json:"identifier_suffix,omitempty"` // at least six digits
	ICCIDRange       []string          `json:"iccid_range,omitempty"`       // each FIRST-LAST
	EID              []string          `json:"eid,omitempty"`
	TransferLock     string            `json:"transfer_lock,omitempty"` // on or off; empty: either
	ExternalID       []string          `json:"external_id,omitempty"`
}

func (c SIMConditions) addTo(q query) {
	q.set("status", joined(c.Status))
	q.set("plan", joined(c.Plan))
	q.setEach("group", c.Group)
	q.setEach("tag", c.Tag)
	q.setEach("lot", c.Lot)
	q.set("identifier_prefix", joined(c.IdentifierPrefix))
	q.set("identifier_suffix", joined(c.IdentifierSuffix))
	q.set("iccid_range", joined(c.ICCIDRange))
	q.set("eid", joined(c.EID))
	q.set("transfer_lock", c.TransferLock)
	q.setEach("external_id", c.ExternalID)
}

// SIMSelection selects the SIMs of a bulk change.
type SIMSelection struct {
	Account transfer.OperatorID `json:"account,omitempty"`
	SIMConditions
}

// BulkSettings is what a bulk change sets; nil fields stay as they are.
type BulkSettings struct {
	Status       *transfer.Status   `json:"status,omitempty"`
	Plan         *string            `json:"plan,omitempty"`
	TransferLock *bool              `json:"transfer_lock,omitempty"`
	Protection   *bool              `json:"termination_protection,omitempty"`
	Tags         map[string]*string `json:"tags,omitempty"`  // sets these tags and keeps the others; nil removes a tag
	Group        *string            `json:"group,omitempty"` // empty removes the SIMs from their group
}

// NewBulkChange is what ChangeSIMs needs: either Filter or SIMs.
type NewBulkChange struct {
	Filter      *SIMSelection `json:"filter,omitempty"`
	SIMs        []string      `json:"sims,omitempty"`
	Change      BulkSettings  `json:"change"`
	ExpectCount *int          `json:"expect_count,omitempty"` // the number of SIMs to be selected; otherwise nothing is changed
	DryRun      bool          `json:"dry_run,omitempty"`
	SkipRefused bool          `json:"skip_refused,omitempty"`
	Reason      string        `json:"reason,omitempty"`
}

// BulkChange is the outcome of ChangeSIMs.
type BulkChange struct {
	Selected  int           `json:"selected"`
	Changed   int           `json:"changed"` // or would be, in a dry run
	Unchanged int           `json:"unchanged"`
	Refused   []BulkRefusal `json:"refused"`
	DryRun    bool          `json:"dry_run"`
}

// BulkRefusal is why some SIMs of a bulk change are not changed.
type BulkRefusal struct {
	Code    string   `json:"code"`
	Message string   `json:"message"`
	Count   int      `json:"count"`
	SIMs    []string `json:"sims"` // the first 10
}

// StatusCorrection is what CorrectSIMStatus needs.
type StatusCorrection struct {
	Status transfer.Status `json:"status"`
	Reason string          `json:"reason"`
}

// Imported is the outcome of ImportSIMs.
type Imported struct {
	Imported int64 `json:"imported"`
}

// SIMFilter selects SIMs. A zero field selects all.
type SIMFilter struct {
	Account transfer.AccountRef
	SIMConditions
}

// SIMHistory is everything that is known of a SIM, across accounts. Each list
// begins with the latest entry.
type SIMHistory struct {
	SIM       SIM                `json:"sim"`
	Owners    []OwnedSince       `json:"owners"`
	Transfers []PastTransfer     `json:"transfers"`
	Sessions  []Session          `json:"sessions"`
	Charges   []ChargedFee       `json:"charges"`
	Former    []FormerIdentifier `json:"former_identifiers"`
	Swaps     []PastSwap         `json:"swaps"`
	Changes   []ChangedValue     `json:"changes"`
	Truncated bool               `json:"truncated"` // whether a list was cut off after 500 entries
}

// OwnedSince is a registration of a SIM. It ended when the next one began.
type OwnedSince struct {
	Account   transfer.OperatorID `json:"account"`
	AccountID string              `json:"account_external_id,omitempty"`
	Since     time.Time           `json:"since"`
	Request   *uuid.UUID          `json:"request,omitempty"`   // nil for the first owner, and after a correction
	Corrected bool                `json:"corrected,omitempty"` // an administrator corrected the owner
	Ticket    string              `json:"ticket,omitempty"`    // of the correction
}

// FormerIdentifier is an identifier that a SIM had until an instant.
type FormerIdentifier struct {
	Identifier string    `json:"identifier"`
	Kind       string    `json:"kind"` // iccid, imsi or msisdn
	Until      time.Time `json:"until"`
}

// PastSwap is a swap of one card for another, by their ICCIDs.
type PastSwap struct {
	At  time.Time `json:"at"`
	Old string    `json:"old"`
	New string    `json:"new"`
}

// ChangedValue is a change of the status or the plan of a SIM.
type ChangedValue struct {
	At    time.Time `json:"at"`
	Field string    `json:"field"` // status or plan
	From  string    `json:"from"`
	To    string    `json:"to"`
}

// PastTransfer is a transfer of a SIM with its request.
type PastTransfer struct {
	Request      uuid.UUID             `json:"request"`
	RequestState transfer.RequestState `json:"request_state"`
	Source       transfer.OperatorID   `json:"source"`
	Destination  transfer.OperatorID   `json:"destination"`
	Ticket       string                `json:"ticket,omitempty"`
	CreatedAt    time.Time             `json:"created_at"`
	Transfer     Transfer              `json:"transfer"`

	SourceExternalID      string `json:"source_external_id,omitempty"`
	DestinationExternalID string `json:"destination_external_id,omitempty"`
}

// Session is a data session of a SIM.
type Session struct {
	ID        string     `json:"id"`
	Gateway   string     `json:"gateway"` // address
	StartedAt *time.Time `json:"started_at,omitempty"`
	StoppedAt *time.Time `json:"stopped_at,omitempty"` // nil while it is open
	Cause     string     `json:"cause,omitempty"`      // why it ended
	InOctets  int64      `json:"in_octets"`
	OutOctets int64      `json:"out_octets"`
}

// ChargedFee is a fee that was charged for a SIM.
type ChargedFee struct {
	Request   uuid.UUID           `json:"request"`
	Account   transfer.OperatorID `json:"account"`
	AccountID string              `json:"account_external_id,omitempty"`
	Fee       transfer.Money      `json:"fee"`
	ChargedAt time.Time           `json:"charged_at"`
}

// ImportSIMs adds SIMs to the inventory, up to a million rows in the given
// format. It is repeated after a failure only if file can seek.
func (c *Client) ImportSIMs(ctx context.Context, format Format, file io.Reader, options ...Option) (Imported, error) {
	return upload[Imported](ctx, c, path("sims"), format, file, options)
}

// ListSIMs returns a page of SIMs.
func (c *Client) ListSIMs(ctx context.Context, f SIMFilter, p Paging, options ...Option) (Page[SIM], error) {
	q := p.query()
	q.set("account", string(f.Account))
	f.addTo(q)
	return get[Page[SIM]](ctx, c, q.of(path("sims")), options)
}

// SIMCount is how many SIMs match a filter.
type SIMCount struct {
	Count int  `json:"count"`
	More  bool `json:"more"` // whether counting stopped before the end
}

// CountSIMs counts the SIMs that match a filter. It stops at upTo, unless that is 0.
func (c *Client) CountSIMs(ctx context.Context, f SIMFilter, upTo int, options ...Option) (SIMCount, error) {
	q := query{}
	q.set("account", string(f.Account))
	f.addTo(q)
	if upTo > 0 {
		q.set("up_to", strconv.Itoa(upTo))
	}
	return get[SIMCount](ctx, c, q.of(path("sims", "count")), options)
}

// NewLookup is what LookUpSIMs needs.
type NewLookup struct {
	Account transfer.AccountRef `json:"account,omitempty"` // for support
	SIMs    []string            `json:"sims"`              // ICCIDs, IMSIs, MSISDNs, EIDs or ranges of ICCIDs: 1 to 100,000
	Limit   int                 `json:"limit,omitempty"`   // how many SIMs the answer shows, up to 200
}

// SIMLookup says which SIMs a list names.
type SIMLookup struct {
	Selected int           `json:"selected"` // SIMs of the entries without an error, each counted once
	Errors   []LookupError `json:"errors"`
	Items    []SIM         `json:"items"` // the first of the SIMs
}

// LookupError is what is wrong with an entry of a list.
type LookupError struct {
	Line    int    `json:"line"` // position in the list, from 1
	Value   string `json:"value"`
	Code    string `json:"code"` // bad_value, duplicate or sim_not_found
	Message string `json:"message"`
}

// LookUpSIMs says which SIMs of the account a list names, and what is wrong with it.
func (c *Client) LookUpSIMs(ctx context.Context, l NewLookup, options ...Option) (SIMLookup, error) {
	var answer SIMLookup
	err := c.callJSON(ctx, http.MethodPost, path("sims", "lookup"), l, &answer, options...)
	return answer, err
}

// SIMSessions are the latest data sessions of a SIM.
type SIMSessions struct {
	Items []SIMSession `json:"items"` // the latest first
	More  bool         `json:"more"`  // whether there were earlier ones
}

// SIMSession is a data session of a SIM.
type SIMSession struct {
	StartedAt     time.Time  `json:"started_at"`
	LastNewsAt    *time.Time `json:"last_news_at,omitempty"` // when its gateway last reported it
	StoppedAt     *time.Time `json:"stopped_at,omitempty"`   // nil while it is open
	Cause         string     `json:"cause,omitempty"`        // why it ended
	InOctets      int64      `json:"in_octets"`
	OutOctets     int64      `json:"out_octets"`
	Gateway       string     `json:"gateway,omitempty"`        // its address, for support
	Ending        bool       `json:"ending,omitempty"`         // its gateway is being asked to end it
	GatewayAnswer string     `json:"gateway_answer,omitempty"` // the last one, if it was asked and did not end it
}

// ListSIMSessions returns the latest data sessions of a SIM since it was registered
// to its account.
func (c *Client) ListSIMSessions(ctx context.Context, identifier string, options ...Option) (SIMSessions, error) {
	return get[SIMSessions](ctx, c, path("sims", identifier, "sessions"), options)
}

// SessionDrop is the body of DropSIMSessions.
type SessionDrop struct {
	Reason string `json:"reason,omitempty"` // recorded in the audit trail
}

// DroppedSessions says how many data sessions are being ended.
type DroppedSessions struct {
	Sessions int `json:"sessions"`
}

// DropSIMSessions makes workers ask the gateways to end the open data sessions of a
// SIM. ListSIMSessions shows what comes of it.
func (c *Client) DropSIMSessions(ctx context.Context, identifier string, d SessionDrop, options ...Option) (DroppedSessions, error) {
	return post[DroppedSessions](ctx, c, path("sims", identifier, "sessions", "drop"), d, options)
}

// UnknownSession is an open data session that names no SIM of the inventory.
type UnknownSession struct {
	ID               string    `json:"id"`      // of the gateway
	Gateway          string    `json:"gateway"` // its address
	Username         string    `json:"username,omitempty"`
	CallingStationID string    `json:"calling_station_id,omitempty"`
	IMSI             string    `json:"imsi,omitempty"`
	StartedAt        time.Time `json:"started_at"`
	LastNewsAt       time.Time `json:"last_news_at"`
	Error            string    `json:"error,omitempty"` // why the SIM could not be looked up
}

// UnknownSessions is a page of open data sessions that name no SIM.
type UnknownSessions struct {
	Items      []UnknownSession `json:"items"`
	NextCursor string           `json:"next_cursor,omitempty"`
	Total      int              `json:"total"` // on all pages
}

// ListUnknownSessions returns a page of the open data sessions that name no SIM, for
// support.
func (c *Client) ListUnknownSessions(ctx context.Context, p Paging, options ...Option) (UnknownSessions, error) {
	return get[UnknownSessions](ctx, c, p.query().of(path("unknown-sessions")), options)
}

// GetSIM returns a SIM by its ICCID, IMSI or MSISDN.
func (c *Client) GetSIM(ctx context.Context, identifier string, options ...Option) (SIM, error) {
	return get[SIM](ctx, c, path("sims", identifier), options)
}

// UpdateSIM changes a SIM.
func (c *Client) UpdateSIM(ctx context.Context, identifier string, change SIMChange, options ...Option) (SIM, error) {
	var s SIM
	err := c.callJSON(ctx, http.MethodPatch, path("sims", identifier), change, &s, options...)
	return s, err
}

// CorrectSIMStatus sets a status that UpdateSIM does not allow, for
// administrators.
func (c *Client) CorrectSIMStatus(ctx context.Context, identifier string, correction StatusCorrection, options ...Option) (SIM, error) {
	return post[SIM](ctx, c, path("sims", identifier, "correct-status"), correction, options)
}

// PutSIMIdentifier adds a number or an IMSI to a SIM, or moves it there.
func (c *Client) PutSIMIdentifier(ctx context.Context, sim, identifier string, put PutIdentifier, options ...Option) (SIM, error) {
	var s SIM
	err := c.callJSON(ctx, http.MethodPut, path("sims", sim, "identifiers", identifier), put, &s, options...)
	return s, err
}

// RemoveSIMIdentifier removes a number or an IMSI from a SIM.
func (c *Client) RemoveSIMIdentifier(ctx context.Context, sim, identifier string, options ...Option) error {
	return c.callJSON(ctx, http.MethodDelete, path("sims", sim, "identifiers", identifier), nil, nil, options...)
}

// SwapSIM replaces a SIM by a new card.
func (c *Client) SwapSIM(ctx context.Context, sim string, swap Swap, options ...Option) (SwappedSIMs, error) {
	return post[SwappedSIMs](ctx, c, path("sims", sim, "swap"), swap, options)
}

// RetireSIM retires a SIM that was imported by mistake, for administrators.
func (c *Client) RetireSIM(ctx context.Context, sim string, retirement Retirement, options ...Option) (SIM, error) {
	return post[SIM](ctx, c, path("sims", sim, "retire"), retirement, options)
}

// CorrectSIMOwner registers a SIM to another account, for administrators.
func (c *Client) CorrectSIMOwner(ctx context.Context, sim string, correction OwnerCorrection, options ...Option) (SIM, error) {
	return post[SIM](ctx, c, path("sims", sim, "owner-corrections"), correction, options)
}

// ChangeSIMs makes one change to many SIMs.
func (c *Client) ChangeSIMs(ctx context.Context, change NewBulkChange, options ...Option) (BulkChange, error) {
	return post[BulkChange](ctx, c, path("sims", "changes"), change, options)
}

// GetSIMHistory returns the history of the SIM that an identifier named at an
// instant, for support. The zero time means now, or when the identifier last
// named a SIM.
func (c *Client) GetSIMHistory(ctx context.Context, identifier string, at time.Time, options ...Option) (SIMHistory, error) {
	q := query{}
	q.setTime("at", at)
	return get[SIMHistory](ctx, c, q.of(path("support", "sims", identifier)), options)
}

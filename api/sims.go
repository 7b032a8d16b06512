package api

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// SIM is a SIM as the account that owns it and support see it.
type SIM struct {
	ICCID        string              `json:"iccid"`
	IMSIs        []string            `json:"imsis" nullable:"false"`
	MSISDNs      []string            `json:"msisdns" nullable:"false"`
	Account      transfer.OperatorID `json:"account" doc:"The operator id of the account that it is registered to."`
	AccountID    *string             `json:"account_external_id,omitempty" doc:"The external id of the account. For support."`
	Since        time.Time           `json:"since" doc:"Since when it is registered to this account."`
	Status       transfer.Status     `json:"status"`
	Plan         string              `json:"plan"`
	Online       bool                `json:"online" doc:"Whether it has an open data session."`
	TransferLock bool                `json:"transfer_lock" doc:"Whether the owner prevents transfers of the SIM."`
	EID          *string             `json:"eid,omitempty" doc:"The EID of the eUICC that holds the profile: 32 digits."`
	Lot          *string             `json:"lot,omitempty" doc:"The order or box that the SIM came in."`
	ExternalID   *string             `json:"external_id,omitempty" doc:"The id of the SIM in the operator's inventory. For support."`
	UpdatedAt    time.Time           `json:"updated_at" doc:"When it last changed, also by a transfer."`
	RetiredAt    *time.Time          `json:"retired_at,omitempty" doc:"When it was retired as a wrong import."`
	Settings
	Transfer *OpenTransfer `json:"transfer,omitempty" doc:"The open transfer of the SIM, if there is one. It does not change the status of the SIM."`
	Blocked  *Blocked      `json:"blocked,omitempty" doc:"Why the SIM cannot be transferred now, to any account. Left out if it can, unless its plan does not fit to the destination."`
}

// Blocked is why a SIM cannot be transferred to any account.
type Blocked struct {
	Reason transfer.Reason `json:"reason"`
	Remedy string          `json:"remedy" doc:"What to do about the reason."`
}

// blocked returns why a SIM cannot be transferred, whatever the destination is; nil
// if it can.
func blocked(s storage.SIM) *Blocked {
	reason := transfer.Judge(transfer.ValidationRules(), transfer.Facts{
		Found: true, Owned: true, AccountsOpen: true, Claimed: s.Request == nil, Locked: s.TransferLock, Status: s.Status,
	})
	if reason == "" {
		return nil
	}
	return &Blocked{reason, reason.Remedy()}
}

// OpenTransfer is the open transfer of a SIM.
type OpenTransfer struct {
	Request   uuid.UUID             `json:"request" format:"uuid"`
	State     transfer.RequestState `json:"state" doc:"The state of the transfer request."`
	ExpiresAt *time.Time            `json:"expires_at,omitempty"`
}

// viewSIM shows a SIM to a caller that reaches it.
func viewSIM(s storage.SIM, c storage.Caller) (SIM, error) {
	v := SIM{
		ICCID:        s.ICCID,
		IMSIs:        append([]string{}, s.IMSIs...),
		MSISDNs:      append([]string{}, s.MSISDNs...),
		Account:      s.OperatorID,
		AccountID:    externalIDFor(c, s.AccountID),
		Since:        s.Since.UTC(),
		Status:       s.Status,
		Plan:         s.Plan,
		Online:       s.Online,
		TransferLock: s.TransferLock,
		EID:          s.EID,
		Lot:          s.Lot,
		ExternalID:   externalIDFor(c, s.ExternalID),
		UpdatedAt:    s.UpdatedAt.UTC(),
		RetiredAt:    utc(s.RetiredAt),
		Settings:     viewSettings(s.SIMSettings),
		Blocked:      blocked(s),
	}
	if s.Request != nil {
		v.Transfer = &OpenTransfer{Request: *s.Request, State: *s.RequestState, ExpiresAt: utc(s.RequestExpiresAt)}
	}
	return v, nil
}

// SIMConditions select SIMs: those that match every field that is given, and of
// each field one of its values.
type SIMConditions struct {
	Status     []transfer.Status `query:"status" json:"status,omitempty" nullable:"false" maxItems:"6" doc:"SIMs with one of these statuses."`
	Plan       []string          `query:"plan" json:"plan,omitempty" nullable:"false" maxItems:"100" doc:"SIMs on one of these plans."`
	Group      []string          `query:"group,explode" json:"group,omitempty" nullable:"false" maxItems:"100" doc:"SIMs in one of these groups. Support also has to name the account."`
	Tag        []string          `query:"tag,explode" json:"tag,omitempty" nullable:"false" maxItems:"64" example:"[\"site=north\"]" doc:"SIMs with these tags, each name=value, or only a name for any value. Tags with different names all have to match; of several values of one name, one has to. Support also has to name the account."`
	Lot        []string          `query:"lot,explode" json:"lot,omitempty" nullable:"false" maxItems:"100" doc:"SIMs of one of these orders or boxes."`
	Prefix     []string          `query:"identifier_prefix" json:"identifier_prefix,omitempty" nullable:"false" maxItems:"100" doc:"SIMs with an ICCID, IMSI or MSISDN that starts with these 6 to 22 digits. Of several, one has to match."`
	Suffix     []string          `query:"identifier_suffix" json:"identifier_suffix,omitempty" nullable:"false" maxItems:"100" doc:"SIMs with an ICCID, IMSI or MSISDN that ends with these 6 to 22 digits. Those of an ICCID can end with its check digit or before it. Of several, one has to match."`
	Range      []string          `query:"iccid_range" json:"iccid_range,omitempty" nullable:"false" maxItems:"100" example:"[\"8988211000000000011-8988211000000000099\"]" doc:"SIMs with an ICCID in one of these ranges: the first and the last ICCID with a dash between them, both with their check digit or both without."`
	EID        []string          `query:"eid" json:"eid,omitempty" nullable:"false" maxItems:"100" doc:"SIMs on an eUICC with one of these EIDs."`
	Lock       string            `query:"transfer_lock" json:"transfer_lock,omitempty" enum:"on,off" doc:"SIMs that have the transfer lock (on), or that do not (off)."`
	ExternalID []string          `query:"external_id,explode" json:"external_id,omitempty" nullable:"false" maxItems:"100" doc:"SIMs with one of these ids in the operator's inventory. For support."`
}

// empty reports whether nothing is selected by: every SIM matches.
func (c SIMConditions) empty() bool {
	return len(c.Status)+len(c.Plan)+len(c.Group)+len(c.Tag)+len(c.Lot)+len(c.Prefix)+len(c.Suffix)+len(c.Range)+len(c.EID)+len(c.Lock)+len(c.ExternalID) == 0
}

// described is what the conditions say, as the audit trail records it.
func (c SIMConditions) described() map[string]any {
	return map[string]any{
		"status": joined(c.Status), "plan": joined(c.Plan), "group": joined(c.Group), "tag": joined(c.Tag), "lot": joined(c.Lot),
		"identifier_prefix": joined(c.Prefix), "identifier_suffix": joined(c.Suffix), "iccid_range": joined(c.Range), "eid": joined(c.EID), "transfer_lock": c.Lock, "external_id": joined(c.ExternalID),
	}
}

// allowed returns why a caller may not search by the conditions, nil if it may.
// location is where they are.
func (c SIMConditions) allowed(caller storage.Caller, location string) error {
	if len(c.ExternalID) > 0 && !seesExternalIDs(caller) {
		return problem.New(problem.Forbidden, "only support can search by the id in the operator's inventory", problem.FieldError{Location: location + ".external_id", Message: "leave it out"})
	}
	return nil
}

// parse parses the conditions. It adds errors to the problem. location is where
// they are.
func (c SIMConditions) parse(p *problem.Problem, location string) storage.SIMFilter {
	f := storage.SIMFilter{
		Statuses:    c.Status,
		Plans:       parsedList(p, location, "plan", c.Plan, lineUpTo(transfer.MaxPlanName)),
		Groups:      parsedList(p, location, "group", c.Group, lineUpTo(transfer.MaxGroup)),
		Tags:        parseTagFilter(p, location+".tag", c.Tag),
		Lots:        parsedList(p, location, "lot", c.Lot, lineUpTo(transfer.MaxLot)),
		Prefixes:    parsedList(p, location, "identifier_prefix", c.Prefix, transfer.ParseIdentifierPrefix),
		Suffixes:    parsedList(p, location, "identifier_suffix", c.Suffix, transfer.ParseIdentifierSuffix),
		Ranges:      parsedList(p, location, "iccid_range", c.Range, transfer.ParseICCIDRange),
		EIDs:        parsedList(p, location, "eid", c.EID, transfer.ParseEID),
		ExternalIDs: parsedList(p, location, "external_id", c.ExternalID, lineUpTo(transfer.MaxExternalID)),
	}
	if c.Lock != "" {
		f.Locked = new(c.Lock == "on")
	}
	return f
}

// of parses the conditions for the SIMs of an account, 0 for any. A search by group
// or tag across all accounts is an error: it would scan every SIM.
func (c SIMConditions) of(p *problem.Problem, location string, account int64) storage.SIMFilter {
	f := c.parse(p, location)
	f.Account = account
	if account == 0 && len(f.Groups)+len(f.Tags) > 0 {
		p.Add(problem.FieldError{Location: location + ".account", Message: "required for a search by group or tag: give an operator id"})
	}
	return f
}

// lineUpTo returns a parser of a text of one line with up to limit characters.
func lineUpTo(limit int) func(string) (string, error) {
	return func(text string) (string, error) {
		line, err := filled(transfer.ParseLine)(text)
		if err == nil {
			err = transfer.CheckLength(line, limit)
		}
		return line, err
	}
}

// parsedList parses the values of a condition. An empty value of a query selects
// nothing, as if it was left out.
func parsedList[T any](p *problem.Problem, location, name string, texts []string, parse func(string) (T, error)) []T {
	var list []T
	for i, text := range texts {
		at := location + "." + name
		if location == "query" && transfer.Trim(text) == "" {
			continue
		}
		if location != "query" {
			at = fmt.Sprintf("%s[%d]", at, i)
		}
		v, err := parse(text)
		if err != nil {
			p.Add(problem.FieldError{Location: at, Code: valueCode(err), Message: err.Error(), Value: text})
			continue
		}
		list = append(list, v)
	}
	return list
}

// valueCode returns the code of an error in a value, if it has one of its own.
func valueCode(err error) string {
	var wrong *transfer.RangeError
	if errors.As(err, &wrong) {
		return string(problem.InvalidRange)
	}
	return ""
}

type listSIMsInput struct {
	Paging
	Account string `query:"account" maxLength:"132" doc:"Only SIMs of the account with this operator id or external id. For support."`
	SIMConditions
}

// filter parses the filter for the SIMs of an account, 0 for any.
func (in *listSIMsInput) filter(account int64) (storage.SIMFilter, error) {
	p := problem.New(problem.Invalid, "the search for SIMs is invalid: fix the listed errors")
	f := in.of(p, "query", account)
	return f, refusal(p)
}

// parseTagFilter brings tags to search for into the form in which they are stored.
func parseTagFilter(p *problem.Problem, location string, tags []string) []string {
	list := make([]string, 0, len(tags))
	for _, tag := range tags {
		name, value, hasValue := strings.Cut(tag, "=")
		name, value, err := transfer.ParseTag(name, value)
		if err != nil {
			p.Add(problem.FieldError{Location: location, Message: err.Error() + "; use name=value, or only a name", Value: problem.Clip(tag)})
			continue
		}
		if hasValue {
			name += "=" + value
		}
		list = append(list, name)
	}
	return list
}

type countSIMsInput struct {
	Account string `query:"account" maxLength:"132" doc:"Only SIMs of the account with this operator id or external id. For support."`
	SIMConditions
	UpTo int `query:"up_to" minimum:"0" maximum:"1000000" doc:"Stops counting at this number, which takes less time. Default: counts all."`
}

// SIMCount is how many SIMs match a search.
type SIMCount struct {
	Count int  `json:"count" doc:"The number of SIMs, or up_to if there are more."`
	More  bool `json:"more" doc:"Whether there are more than up_to."`
}

type simCountOutput struct{ Body SIMCount }

func (s *server) countSIMs(ctx context.Context, in *countSIMsInput) (*simCountOutput, error) {
	account, err := s.listedAccount(ctx, in.Account)
	if err != nil {
		return nil, err
	}
	if err := in.allowed(callerOf(ctx), "query"); err != nil {
		return nil, err
	}
	p := problem.New(problem.Invalid, "the search for SIMs is invalid: fix the listed errors")
	f := in.of(p, "query", account)
	if err := refusal(p); err != nil {
		return nil, err
	}
	limit := 0
	if in.UpTo > 0 {
		limit = in.UpTo + 1
	}
	n, err := s.db.CountSIMs(ctx, f, limit)
	out := &simCountOutput{SIMCount{Count: n}}
	if in.UpTo > 0 && n > in.UpTo {
		out.Body = SIMCount{Count: in.UpTo, More: true}
	}
	return out, err
}

func (s *server) listSIMs(ctx context.Context, in *listSIMsInput) (*listOf[SIM], error) {
	account, err := s.listedAccount(ctx, in.Account)
	if err != nil {
		return nil, err
	}
	caller := callerOf(ctx)
	if err := in.allowed(caller, "query"); err != nil {
		return nil, err
	}
	f, err := in.filter(account)
	if err != nil {
		return nil, err
	}
	after, err := numberCursor(in.Cursor, 0, 64)
	if err != nil {
		return nil, err
	}
	rows, err := s.db.SIMs(ctx, storage.SIMPage{SIMFilter: f, After: after, Limit: in.Limit + 1})
	if err != nil {
		return nil, err
	}
	return tryPageOf(rows, in.Limit, func(s storage.SIM) string { return itoa(s.ID) }, func(s storage.SIM) (SIM, error) { return viewSIM(s, caller) })
}

// SIMPath is embedded in the input of routes for one SIM, which is given by any of
// its identifiers.
type SIMPath struct {
	SIM string `path:"sim" maxLength:"64" doc:"An ICCID, IMSI or MSISDN."`
}

// identifier returns the identifier of the path. No SIM has an invalid one, so it
// is not found; the problem says what is wrong with it.
func (in SIMPath) identifier() (transfer.Identifier, error) {
	id, err := transfer.ParseIdentifier(in.SIM)
	if err != nil {
		return id, problem.New(problem.NotFound, err.Error())
	}
	return id, nil
}

type simOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   SIM
}

// simResponse returns a SIM with its ETag.
func simResponse(ctx context.Context, row storage.SIM) (*simOutput, error) {
	v, err := viewSIM(row, callerOf(ctx))
	if err != nil {
		return nil, err
	}
	out := &simOutput{Body: v}
	out.ETag, out.Status, err = tagged(ctx, v)
	return out, err
}

type getSIMInput struct {
	SIMPath
	IfNoneMatch
}

func (s *server) getSIM(ctx context.Context, in *getSIMInput) (*simOutput, error) {
	id, err := in.identifier()
	if err != nil {
		return nil, err
	}
	owner, err := reachOf(callerOf(ctx)).owner()
	if err != nil {
		return nil, err
	}
	row, err := s.db.SIM(ctx, owner, id)
	if err != nil {
		return nil, err
	}
	return simResponse(ctx, row)
}

type updateSIMInput struct {
	SIMPath
	IfMatch
	Body struct {
		TransferLock  *bool                     `json:"transfer_lock,omitempty" doc:"Prevents transfers of the SIM. For its owner."`
		Protection    *bool                     `json:"termination_protection,omitempty" doc:"Prevents termination of the SIM. For its owner."`
		Tags          patch[map[string]*string] `json:"tags,omitempty" doc:"Sets the tags that are named and keeps the others; null as the value of a tag removes it, and null instead of the object removes all. A SIM can have up to 64 tags; a name can have up to 128 characters, a value up to 256. For the owner of the SIM."`
		Group         patch[string]             `json:"group,omitempty" maxLength:"128" doc:"The group of the SIM; null or an empty string removes it from its group. For the owner of the SIM."`
		SpeedClass    patch[string]             `json:"speed_class,omitempty" maxLength:"128" doc:"The speed class; null or an empty string sets the default. For the owner of the SIM."`
		IMEILock      patch[string]             `json:"imei_lock,omitempty" maxLength:"64" doc:"The IMEI to which the SIM is locked: 14 digits, 15 with the check digit, or 16 (an IMEISV); null or an empty string removes the lock. For the owner of the SIM."`
		Expiration    patch[time.Time]          `json:"expiration,omitempty" doc:"When the SIM expires; null: never. For the owner of the SIM."`
		EventHandlers *[]string                 `json:"event_handlers,omitempty" nullable:"false" maxItems:"64" doc:"All event handlers of the SIM, each with up to 256 characters. For the owner of the SIM."`
		Status        *transfer.Status          `json:"status,omitempty" doc:"The new status. For support. No SIM becomes ready again or leaves the status terminated, and none with termination protection is terminated."`
		Plan          *string                   `json:"plan,omitempty" minLength:"1" maxLength:"64" doc:"The name of an existing plan. For support."`
		EID           patch[string]             `json:"eid,omitempty" maxLength:"64" doc:"The EID of the eUICC that holds the profile: 32 digits; null or an empty string removes it. For support."`
		Lot           patch[string]             `json:"lot,omitempty" maxLength:"128" doc:"The order or box that the SIM came in; null or an empty string removes it. For support."`
		ExternalID    patch[string]             `json:"external_id,omitempty" maxLength:"128" doc:"The id of the SIM in the operator's inventory, which no other SIM has; null or an empty string removes it. For support."`
	}
}

// rights returns the rights that the change needs.
func (in *updateSIMInput) rights() simRights {
	b := in.Body
	return simRights{
		inventory: firstGiven("body.", field{"status", b.Status != nil}, field{"plan", b.Plan != nil}, field{"eid", b.EID.given},
			field{"lot", b.Lot.given}, field{"external_id", b.ExternalID.given}),
		settings: firstGiven("body.", field{"transfer_lock", b.TransferLock != nil}, field{"termination_protection", b.Protection != nil},
			field{"tags", b.Tags.given}, field{"group", b.Group.given}, field{"speed_class", b.SpeedClass.given}, field{"imei_lock", b.IMEILock.given},
			field{"expiration", b.Expiration.given}, field{"event_handlers", b.EventHandlers != nil}),
		unlock:    b.TransferLock != nil && !*b.TransferLock,
		unprotect: b.Protection != nil && !*b.Protection,
	}
}

// field is a field of a body that can be left out.
type field struct {
	name  string
	given bool
}

// firstGiven returns the location of the first field that is given, empty if none is.
func firstGiven(prefix string, fields ...field) string {
	for _, f := range fields {
		if f.given {
			return prefix + f.name
		}
	}
	return ""
}

func (s *server) updateSIM(ctx context.Context, in *updateSIMInput) (*simOutput, error) {
	id, err := in.identifier()
	if err != nil {
		return nil, err
	}
	c := callerOf(ctx)
	owner, err := reachOf(c).owner()
	if err != nil {
		return nil, err
	}
	if err := in.rights().check(c); err != nil {
		return nil, err
	}
	change, err := in.change(c)
	if err != nil {
		return nil, err
	}
	change.If = simCondition(ctx)
	row, err := s.db.UpdateSIM(ctx, actingCaller(ctx), owner, id, change)
	if err != nil {
		return nil, err
	}
	return simResponse(ctx, row)
}

// change parses the body.
func (in *updateSIMInput) change(c storage.Caller) (storage.SIMChange, error) {
	p := problem.New(problem.Invalid, "")
	change := storage.SIMChange{
		TransferLock:          in.Body.TransferLock,
		TerminationProtection: in.Body.Protection,
		ClearTags:             in.Body.Tags.null,
		Tags:                  parseTagChanges(p, "body.tags", in.Body.Tags.value),
		Group:                 parsedPatch(p, "body.group", in.Body.Group, transfer.ParseLine),
		SpeedClass:            parsedPatch(p, "body.speed_class", in.Body.SpeedClass, transfer.ParseLine),
		IMEILock:              parsedPatch(p, "body.imei_lock", in.Body.IMEILock, transfer.ParseIMEI),
		EventHandlers:         parseItems(p, "body.event_handlers", in.Body.EventHandlers),
		Plan:                  parsedIfGiven(p, "body.plan", in.Body.Plan, filled(transfer.ParseLine)),
		EID:                   parsedPatch(p, "body.eid", in.Body.EID, transfer.ParseEID),
		Lot:                   parsedPatch(p, "body.lot", in.Body.Lot, transfer.ParseLine),
		ExternalID:            parsedPatch(p, "body.external_id", in.Body.ExternalID, transfer.ParseLine),
		Status:                in.Body.Status,
		StatusBy:              statusActorOf(c),
	}
	if e := in.Body.Expiration; e.given {
		change.Expiration = &time.Time{}
		if at := given(p, "body.expiration", e.value); at != nil {
			change.Expiration = at
		}
	}
	if len(p.Errors) > 0 {
		return change, p
	}
	return change, nil
}

// parsedPatch parses a text that can be removed: nil if it is left out, empty if
// it is removed.
func parsedPatch(p *problem.Problem, location string, in patch[string], parse func(string) (string, error)) *string {
	switch {
	case !in.given:
		return nil
	case in.null, transfer.Trim(in.value) == "":
		return new("")
	}
	v := parsed(p, location, in.value, parse)
	return &v
}

// parseItems parses a list of texts, nil if it is left out.
func parseItems(p *problem.Problem, location string, items *[]string) *storage.Strings {
	if items == nil {
		return nil
	}
	list := make(storage.Strings, len(*items))
	for i, item := range *items {
		at := location + "[" + strconv.Itoa(i) + "]"
		list[i] = parsed(p, at, item, filled(transfer.ParseLine))
		if err := transfer.CheckLength(list[i], transfer.MaxItemLength); err != nil {
			p.Add(problem.FieldError{Location: at, Message: err.Error()})
		}
	}
	return &list
}

// simCondition returns the condition of a call with the header If-Match, nil for
// a call without one.
func simCondition(ctx context.Context) func(storage.SIM) error {
	if !conditional(ctx) {
		return nil
	}
	return func(was storage.SIM) error {
		v, err := viewSIM(was, callerOf(ctx))
		if err != nil {
			return err
		}
		return matches(ctx, v)
	}
}

type correctStatusInput struct {
	Idempotent
	IfMatch
	SIMPath
	Body struct {
		Status transfer.Status `json:"status"`
		Reason string          `json:"reason" minLength:"1" maxLength:"500" doc:"Why the status has to be corrected. Recorded in the audit trail."`
	}
}

func (s *server) correctStatus(ctx context.Context, in *correctStatusInput) (*reply[SIM], error) {
	id, err := in.identifier()
	if err != nil {
		return nil, err
	}
	if in.Body.Reason, err = filled(transfer.ParseText)(in.Body.Reason); err != nil {
		return nil, problem.New(problem.Invalid, "", problem.FieldError{Location: "body.reason", Message: err.Error()})
	}
	return once(ctx, s, func(t *storage.Tx, out *reply[SIM]) error {
		row, err := t.UpdateSIM(ctx, actingCaller(ctx), 0, id, storage.SIMChange{
			Status: &in.Body.Status, StatusBy: transfer.ByCorrection, Why: in.Body.Reason, If: simCondition(ctx),
		})
		return simReply(ctx, out, row, err)
	})
}

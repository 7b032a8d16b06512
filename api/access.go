package api

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// This file decides who may call which route, whose resources a caller reaches,
// and which parts of a request each party sees. Everything that it does not
// grant is denied: the zero values here grant nothing, and a role, a permission
// or a party that it does not name gets nothing.

// audience is who may call a route. The zero value admits no caller.
type audience uint8

const (
	noCaller     audience = iota
	everyone              // no API key needed
	signedIn              // every role, and people who have not chosen for whom they act
	anyKey                // every role; keys of accounts need the permission viewer, which all have
	viewers               // accounts, with the permission viewer, support and administrators
	operators             // the same, but keys of accounts need the permission operator
	approvers             // the same, but keys of accounts need the permission approver
	owners                // the same, but keys of accounts need the permission owner
	ownOperators          // accounts only, with the permission operator
	ownApprovers          // accounts only, with the permission approver
	keyManagers           // accounts, with the permission owner, and administrators
	staff                 // support and administrators
	backOffice            // support, finance and administrators
	finances              // finance and administrators
	admins
)

// roles returns the roles of the API keys that may call a route: none for
// everyone, because no key is needed, and none for noCaller.
func (a audience) roles() []storage.Role {
	switch a {
	case signedIn, anyKey:
		return []storage.Role{storage.RoleAccount, storage.RoleSupport, storage.RoleFinance, storage.RoleAdmin}
	case viewers, operators, approvers, owners:
		return []storage.Role{storage.RoleAccount, storage.RoleSupport, storage.RoleAdmin}
	case ownOperators, ownApprovers:
		return []storage.Role{storage.RoleAccount}
	case keyManagers:
		return []storage.Role{storage.RoleAccount, storage.RoleAdmin}
	case staff:
		return []storage.Role{storage.RoleSupport, storage.RoleAdmin}
	case backOffice:
		return []storage.Role{storage.RoleSupport, storage.RoleFinance, storage.RoleAdmin}
	case finances:
		return []storage.Role{storage.RoleFinance, storage.RoleAdmin}
	case admins:
		return []storage.Role{storage.RoleAdmin}
	case noCaller, everyone:
	}
	return nil
}

// permission returns the permission that keys of accounts need to call a route,
// if their role may call it.
func (a audience) permission() storage.Permission {
	switch a {
	case signedIn, anyKey, viewers:
		return storage.PermissionViewer
	case operators, ownOperators:
		return storage.PermissionOperator
	case approvers, ownApprovers:
		return storage.PermissionApprover
	case owners, keyManagers:
		return storage.PermissionOwner
	case noCaller, everyone, staff, backOffice, finances, admins:
	}
	return ""
}

// admits reports whether a key of a role may call a route.
func (a audience) admits(role storage.Role) bool { return slices.Contains(a.roles(), role) }

// check returns why a caller at an IP address may not call a route, nil if it may.
func (a audience) check(c storage.Caller, address string) error {
	switch {
	case a == signedIn && c.Key == 0 && c.Person.ID != 0:
		return nil
	case !a.admits(c.Role):
		return problem.New(problem.Forbidden, fmt.Sprintf("the role %s cannot make this call: it needs the role %s", c.Role, rolesText(a.roles())))
	case !c.MayCallFrom(address):
		return problem.New(problem.Forbidden, "this API key cannot be used from your network: it is limited to the networks that it was created for")
	}
	return a.permits(c)
}

// permits returns why a caller whose role may call a route lacks the permission
// for it, nil if it has the permission.
func (a audience) permits(c storage.Caller) error {
	switch {
	case !c.Role.HasAccount():
		return nil
	case !c.Permission.Includes(a.permission()):
		return lacksPermission(c, a.permission(), "this call")
	case c.Account.Standing != storage.StandingOpen && a.permission() != storage.PermissionViewer:
		return problem.New(problem.AccountClosed, "the account is closed, so its API keys can only read")
	}
	return nil
}

// lacksPermission says that a key of an account needs a permission for something.
func lacksPermission(c storage.Caller, needed storage.Permission, what string) *problem.Problem {
	return problem.New(problem.Forbidden, fmt.Sprintf("the permission %s does not allow %s: it needs the permission %s", c.Permission, what, needed))
}

// staffMembership is what people who are staff put in place of an account's operator
// id, when they say for whom they act.
const staffMembership = "staff"

// membershipName returns the operator id of the account that a caller acts for, or
// staffMembership.
func membershipName(c storage.Caller) string {
	if c.Role.HasAccount() {
		return string(c.Account.OperatorID)
	}
	return staffMembership
}

// actsFor reports whether a caller acts for an account, or as staff.
func actsFor(c storage.Caller, name string) bool { return strings.EqualFold(name, membershipName(c)) }

// choose returns as whom someone acts who has signed in: with the only choice, or
// with the one that the call names. Without either, a person can only make calls that
// need no membership.
func choose(choices []storage.Caller, name string, to audience) (storage.Caller, error) {
	i := slices.IndexFunc(choices, func(c storage.Caller) bool { return c.Key != 0 && actsFor(c, name) })
	none := choices[0].Key == 0
	switch {
	case i >= 0:
		return choices[i], nil
	case name != "" && !none:
		return storage.Caller{}, cannotActFor(name, choices)
	case len(choices) == 1 && !none:
		return choices[0], nil
	case to == signedIn:
		return storage.Caller{Person: choices[0].Person, SignIn: choices[0].SignIn}, nil
	case none:
		return storage.Caller{}, problem.New(problem.NoMembership, "")
	}
	return storage.Caller{}, namesChoices(problem.New(problem.AccountRequired, ""), "name one of those that you can act for", choices)
}

// cannotActFor says that a caller cannot act for an account.
func cannotActFor(name string, choices []storage.Caller) *problem.Problem {
	return namesChoices(problem.New(problem.Forbidden, fmt.Sprintf("you cannot act for %s", problem.Clip(name))), "not one of those that you can act for", choices)
}

// namesChoices adds for whom a caller can act to a problem.
func namesChoices(p *problem.Problem, message string, choices []storage.Caller) *problem.Problem {
	names := make([]string, len(choices))
	for i, c := range choices {
		names[i] = membershipName(c)
	}
	p.Add(problem.FieldError{Location: "header." + accountHeader, Message: message + ": " + strings.Join(names, ", ")})
	return p
}

// isStaff reports whether a caller supports accounts or administers the service,
// and so reaches the resources of every account.
func isStaff(c storage.Caller) bool { return staff.admits(c.Role) }

// isFinance reports whether a caller reads what the transfers of every account
// cost, and no more of them than that.
func isFinance(c storage.Caller) bool { return c.Role == storage.RoleFinance }

// isAccount reports whether a caller acts for an account, and so reaches the
// resources of this account only.
func isAccount(c storage.Caller) bool {
	return c.Role == storage.RoleAccount && c.Account.ID != 0
}

// ownAccount returns the account that a caller acts for, or ErrNotFound for any
// other caller.
func ownAccount(c storage.Caller) (storage.Account, error) {
	if !isAccount(c) {
		return storage.Account{}, storage.ErrNotFound
	}
	return c.Account, nil
}

// reach is whose resources a caller reaches. The zero value reaches nothing.
type reach struct {
	account int64 // the only account; zero if every is true
	every   bool  // the resources of every account
}

func reachOf(c storage.Caller) reach {
	switch {
	case isStaff(c), isFinance(c):
		return reach{every: true}
	case isAccount(c):
		return reach{account: c.Account.ID}
	}
	return reach{}
}

// includes reports whether the resources of an account are within reach.
func (r reach) includes(account int64) bool {
	return r.every || r.account != 0 && r.account == account
}

// owner returns the account to which storage has to limit a query, where zero
// means every account. It returns ErrNotFound if nothing is within reach.
func (r reach) owner() (int64, error) {
	if !r.every && r.account == 0 {
		return 0, storage.ErrNotFound
	}
	return r.account, nil
}

// partyFinance is the role finance where it reads requests. It is not a party of
// package transfer, so it can make no decision.
const partyFinance transfer.Party = "finance"

// partyOf returns as which party of a request a caller acts. It is false for a
// caller who is not involved in the request. The destination is not involved
// before it may decide, while support still reviews the request.
func partyOf(c storage.Caller, r storage.Request) (transfer.Party, bool) {
	switch {
	case isStaff(c):
		return transfer.PartySupport, true
	case isFinance(c):
		return partyFinance, true
	case !isAccount(c):
	case c.Account.ID == r.Source:
		return transfer.PartySource, true
	case c.Account.ID == r.Destination && r.OfferedAt != nil:
		return transfer.PartyDestination, true
	}
	return "", false
}

// partyOfEvent is partyOf for the request of an event in a feed.
func partyOfEvent(c storage.Caller, e storage.FeedEvent) (transfer.Party, bool) {
	if isFinance(c) {
		return "", false
	}
	return partyBetween(c, e.Source, e.Destination)
}

// partyBetween is partyOf for what the destination may see of a request, if
// there is anything.
func partyBetween(c storage.Caller, source, destination transfer.OperatorID) (transfer.Party, bool) {
	switch {
	case isStaff(c):
		return transfer.PartySupport, true
	case isFinance(c):
		return partyFinance, true
	case !isAccount(c):
	case c.Account.OperatorID == source:
		return transfer.PartySource, true
	case c.Account.OperatorID == destination:
		return transfer.PartyDestination, true
	}
	return "", false
}

// batchParty returns as which party a caller sees the requests of a batch that is
// within its reach.
func batchParty(c storage.Caller) transfer.Party {
	if isFinance(c) {
		return partyFinance
	}
	return transfer.PartySource
}

// senderParty returns as which party a caller creates, cancels or retries
// requests: as the source, or as support on behalf of the source. It is empty,
// and then no decision is allowed, for every other caller.
func senderParty(c storage.Caller) transfer.Party {
	switch {
	case isStaff(c):
		return transfer.PartySupport
	case isAccount(c):
		return transfer.PartySource
	}
	return ""
}

// deciders returns who may call the route that causes an event of a request.
func deciders(e transfer.Event) audience {
	switch e {
	case transfer.Accept, transfer.Decline:
		return approvers
	case transfer.Cancel, transfer.Extend, transfer.TakeBack: // of a decline, with the permission that a decline needs
		return operators
	case transfer.Approve, transfer.Deny:
		return staff
	case transfer.Reject, transfer.Review, transfer.Offer, transfer.Schedule, transfer.Start, transfer.Expire, transfer.Finish: // of the service
	}
	return noCaller
}

// mayDecide returns why the viewer of a request cannot cause an event of it, nil if
// it can. The error is a *transfer.PartyError if its party never can. Storage decides
// again, under the request's lock.
func (by viewer) mayDecide(r storage.Request, e transfer.Event) error {
	c := by.caller
	var never *transfer.PartyError
	_, err := transfer.Next(r.State, e, by.party)
	if by.onBehalf && isStaff(c) && e == transfer.Accept {
		_, err = transfer.NextOnBehalf(r.State, e)
	}
	switch {
	case errors.As(err, &never):
		return err
	case !deciders(e).admits(c.Role):
		return &transfer.PartyError{Party: by.party, Event: e}
	}
	if err := cmp.Or(deciders(e).permits(c), err); err != nil {
		return err
	}
	if by.own != nil && isStaff(c) && (e == transfer.Approve || e == transfer.Accept) {
		return by.own.On(e)
	}
	if e == transfer.TakeBack && by.party == transfer.PartyDestination && !c.Permission.Includes(approvers.permission()) {
		return lacksPermission(c, approvers.permission(), "taking back a decline") // which needs it, too
	}
	return r.Bars(e, by.party)
}

// mayRetry reports whether a party of a request may retry it.
func mayRetry(p transfer.Party) bool {
	return p == transfer.PartySource || p == transfer.PartySupport
}

// maySetInventory reports whether a caller may set what the operator's inventory
// says of a SIM that it reaches: its status, plan, identifiers and details.
func maySetInventory(c storage.Caller) bool { return isStaff(c) }

// simRights are the rights that a change of SIMs needs.
type simRights struct {
	inventory string // the first field that belongs to the inventory; empty: none
	settings  string // the first field that belongs to the owner; empty: none
	unlock    bool   // takes off the transfer lock
	unprotect bool   // takes off the termination protection
}

// check returns why a caller may not make the change, nil if it may.
func (r simRights) check(c storage.Caller) error {
	switch {
	case r.inventory != "" && !maySetInventory(c):
		return problem.New(problem.Forbidden, "only support can set the status, plan, EID, lot and external id of a SIM", problem.FieldError{Location: r.inventory, Message: "leave it out"})
	case r.unlock && isAccount(c) && !mayUnlock(c):
		return lacksPermission(c, storage.PermissionApprover, "taking the transfer lock off a SIM")
	case r.unprotect && isAccount(c) && !mayUnlock(c):
		return lacksPermission(c, storage.PermissionApprover, "taking the termination protection off a SIM")
	case r.settings != "" && !maySetSettings(c):
		return problem.New(problem.Forbidden, "only the account that owns a SIM can set its lock, termination protection, tags, group and other settings", problem.FieldError{Location: r.settings, Message: "leave it out"})
	}
	return nil
}

// mayUnlock reports whether a caller may remove the transfer lock or the
// termination protection of a SIM that it reaches.
func mayUnlock(c storage.Caller) bool {
	return isAccount(c) && c.Permission.Includes(storage.PermissionApprover)
}

// statusActorOf returns as whom a caller sets the status of a SIM.
func statusActorOf(c storage.Caller) transfer.StatusActor {
	switch {
	case c.Role == storage.RoleAdmin:
		return transfer.ByAdmin
	case isStaff(c):
		return transfer.BySupport
	}
	return transfer.ByAccount
}

// maySetSettings reports whether a caller may set the lock and the settings of a
// SIM that it reaches.
func maySetSettings(c storage.Caller) bool { return isAccount(c) }

// seesArrivals reports whether a caller sees the settings with which SIMs
// arrived at their new owners.
func seesArrivals(c storage.Caller) bool { return isStaff(c) }

// seesExternalIDs reports whether a caller sees the ids of SIMs and of accounts in
// the operator's own systems. Accounts do not: such an id stays with a SIM when it
// is transferred, and names a customer or an asset to the operator only.
func seesExternalIDs(c storage.Caller) bool { return isStaff(c) || isFinance(c) }

// seesStaff reports whether a caller learns who is staff.
func seesStaff(c storage.Caller) bool { return c.Role == storage.RoleAdmin }

// externalIDFor returns an external id if the caller sees it, else nil.
func externalIDFor(c storage.Caller, id *string) *string {
	if seesExternalIDs(c) {
		return id
	}
	return nil
}

// seesPriceIn reports whether a caller sees what plans cost in a currency.
func seesPriceIn(c storage.Caller, in transfer.Currency) bool {
	return isStaff(c) || isAccount(c) && c.Account.Currency == in
}

// mayFindTickets reports whether a caller may search requests by ticket.
func mayFindTickets(c storage.Caller) bool { return isStaff(c) || isFinance(c) }

// checkNewKey returns why a caller may not create a key, nil if it may. An
// administrator creates any key, an account only keys of its own. by is the key
// of the caller.
func checkNewKey(c storage.Caller, by storage.Key, k storage.NewKey) error {
	switch {
	case c.Role == storage.RoleAdmin:
		return nil
	case !isAccount(c):
		return problem.New(problem.Forbidden, "the role "+string(c.Role)+" cannot create API keys")
	case k.Role != storage.RoleAccount:
		return problem.New(problem.Forbidden, "an account can only create API keys of its own", problem.FieldError{Location: "body.role", Message: "use account", Value: string(k.Role)})
	case k.OperatorID != c.Account.OperatorID:
		return problem.New(problem.Forbidden, "an account can only create API keys of its own", problem.FieldError{Location: "body.account", Message: "leave it out, or give " + string(c.Account.OperatorID), Value: string(k.OperatorID)})
	}
	return checkRights(c, by, k.Permission, k.Networks, k.ExpiresAt)
}

// mayManageKey reports whether a caller may read, rotate and revoke a key:
// an administrator every key, an account only its own. A membership is no key.
func mayManageKey(c storage.Caller, k storage.Key) bool {
	return k.Person == nil && (c.Role == storage.RoleAdmin || isAccount(c) && k.Account != nil && *k.Account == c.Account.ID)
}

// checkInvites returns why a key cannot invite people: who accepts an invitation keeps
// the access when the key has expired, and from everywhere.
func checkInvites(by storage.Key) error {
	if by.ExpiresAt != nil || len(by.Networks) > 0 {
		return problem.New(problem.Forbidden, "an API key that expires or is limited to networks cannot invite people, who would have access without these limits: use a key without them, or sign in as a person")
	}
	return nil
}

// mayManageInvitation reports whether a caller may read and revoke an invitation: an
// administrator every one, an account only its own.
func mayManageInvitation(c storage.Caller, i storage.Invitation) bool {
	return c.Role == storage.RoleAdmin || isAccount(c) && i.Account != nil && *i.Account == c.Account.ID
}

// mayEndSignIn reports whether a caller may end a sign-in, and see from where it is: its
// own, an owner those of people and keys who act for the account and no one else, an
// administrator every one. An owner removes others from the account instead.
func mayEndSignIn(c storage.Caller, l storage.ListedSignIn) bool {
	switch {
	case c.Person.ID != 0 && l.Person != nil && *l.Person == c.Person.ID, c.Person.ID == 0 && l.Key != nil && *l.Key == c.Key:
		return true
	case c.Role == storage.RoleAdmin:
		return true
	}
	return isAccount(c) && c.Permission.Includes(storage.PermissionOwner) && slices.Equal(l.Accounts, []int64{c.Account.ID})
}

// needsFresh reports whether browsers need a fresh sign-in for a route: for acts that
// give rights, cost money, or correct what the rules do not allow.
func (r Route) needsFresh() bool {
	switch r.OperationID {
	case "create-key", "rotate-key", "revoke-key",
		"update-person", "put-membership", "delete-membership", "create-invitation", "revoke-invitation",
		"create-fee", "withdraw-fee",
		"put-gateway", "update-gateway", "delete-gateway",
		"create-webhook-endpoint", "update-webhook-endpoint", "rotate-webhook-secret",
		"correct-sim-status", "correct-sim-owner":
		return true
	}
	return false
}

// checkRotation returns why a caller may not rotate a key, which gives it the
// token of the key, so that the key expires at an instant (nil: never).
func checkRotation(c storage.Caller, by, k storage.Key, expiresAt *time.Time) error {
	if c.Role == storage.RoleAdmin {
		return nil
	}
	networks := make([]netip.Prefix, len(k.Networks))
	for i, text := range k.Networks {
		var err error
		if networks[i], err = netip.ParsePrefix(text); err != nil {
			return fmt.Errorf("reading the networks of key %d: %w", k.ID, err)
		}
	}
	return checkRights(c, by, valueOrZero(k.Permission), networks, expiresAt)
}

// checkRights returns in what a key would allow more than the key of an account
// that creates or rotates it: a stolen key must not outlive its own limits.
func checkRights(c storage.Caller, by storage.Key, permission storage.Permission, networks []netip.Prefix, expiresAt *time.Time) error {
	p := problem.New(problem.Forbidden, "a key cannot allow more than the API key that creates or rotates it")
	if !c.Permission.Includes(permission) {
		p.Add(problem.FieldError{Location: "body.permission", Message: "use " + string(c.Permission) + " or a lower permission", Value: string(permission)})
	}
	if by.ExpiresAt != nil && (expiresAt == nil || expiresAt.After(*by.ExpiresAt)) {
		p.Add(problem.FieldError{Location: "body.expires_at", Message: "this API key expires at " + by.ExpiresAt.UTC().Format(time.RFC3339) + ": give a time that is not later"})
	}
	if !c.MayCallFromAll(networks) {
		p.Add(problem.FieldError{Location: "body.networks", Message: "this API key is limited to networks: give networks within " + strings.Join(c.Networks, ", ")})
	}
	if len(p.Errors) > 0 {
		return p
	}
	return nil
}

// sight is which parts of a request and of its transfers a party sees, beyond
// those that every party sees. The zero value is none of them.
type sight struct {
	fees      bool // what the transfers cost
	review    bool // what support decided, and under which ticket
	batch     bool // the upload that the request comes from
	landing   bool // what the destination wants to set
	unoffered bool // SIMs and events from before the destination could decide
	retries   bool // which request retries another one
	details   bool // all details of what other parties did
	keys      bool // the API keys of other accounts, and IP addresses
	snapshots bool // the settings of a SIM before and after its transfer
	inventory bool // the status and the plan of a SIM while its transfer is open
	arrivals  bool // what a SIM will be like at the destination, and what it costs there

	words       bool // what the parties wrote to each other
	externalIDs bool // the external ids of accounts, which are those of the operator's own systems
}

func sightOf(p transfer.Party) sight {
	switch p {
	case transfer.PartySource:
		return sight{fees: true, review: true, batch: true, unoffered: true, retries: true, details: true, inventory: true, words: true}
	case transfer.PartyDestination:
		return sight{landing: true, inventory: true, arrivals: true, words: true}
	case transfer.PartySupport:
		return sight{fees: true, review: true, batch: true, landing: true, unoffered: true, retries: true, details: true, keys: true, snapshots: true, inventory: true, arrivals: true, externalIDs: true, words: true}
	case partyFinance:
		return sight{fees: true, review: true, batch: true, unoffered: true, retries: true, externalIDs: true}
	case transfer.PartySystem: // no caller
	}
	return sight{}
}

// sharedDetails lists the details of events of other parties that a party
// without sight of all details sees. Both sides see why the other one has ended
// something, and the comments that are for them.
func sharedDetails(kind transfer.EventKind) []string {
	switch kind {
	case transfer.EventCancel, transfer.EventDecline, transfer.EventDeny:
		return []string{"code", "reason", "sims", "eligible"}
	case transfer.EventComment:
		return []string{"text", "visible_to"}
	case transfer.EventAccept:
		return []string{"accepted", "not_before", "not_after", "on_behalf", "reason"}
	default:
		return []string{
			"accepted", "sims", "eligible", "completed", "failed", "canceled", "declined", "expired", "gateway_answer",
			"expires_at", "previously", "not_before", "not_after", "percent", "waiting_for",
		}
	}
}

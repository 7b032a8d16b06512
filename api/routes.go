package api

import (
	"cmp"
	"context"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"simtransfer/storage"
	"simtransfer/transfer"
)

// Route is one entry of the table of routes.
type Route struct {
	Method      string
	Path        string
	OperationID string

	audience audience
	bounds   bounds
	register func(huma.API, huma.Operation)

	summary     string
	description string // what the summary leaves open
}

// bounds limit a call and describe its response. The zero value is a short
// call with a small body, whose response is JSON with the status 200.
type bounds struct {
	status   int           // of success; zero means 200
	maxBytes int64         // of the body; zero means 64 KiB
	timeout  time.Duration // zero means 30 s
	upload   *uploadDoc    // the body is a file, which the handler reads as it arrives
	stream   *streamDoc    // the response is sent as it is produced
}

// Routes returns the table of routes.
func Routes() []Route { return newServer(Config{}).routes() }

// routes is the one table of what can be called and by whom.
func (s *server) routes() []Route {
	var (
		ok           = bounds{}
		okBulk       = bounds{maxBytes: maxBulkBytes}
		created      = bounds{status: http.StatusCreated}
		createdBulk  = bounds{status: http.StatusCreated, maxBytes: maxBulkBytes}
		noContent    = bounds{status: http.StatusNoContent}
		accepted     = bounds{status: http.StatusAccepted}
		acceptedBulk = bounds{status: http.StatusAccepted, maxBytes: maxBulkBytes}
		acceptedSlow = bounds{status: http.StatusAccepted, timeout: storeTimeout}

		endsRequests    = bounds{timeout: batchCancelTimeout}
		cancelsBatch    = bounds{status: http.StatusAccepted, timeout: batchCancelTimeout}
		uploadsSIMs     = bounds{status: http.StatusCreated, timeout: uploadTimeout + storeTimeout, upload: simUpload()}
		syncsSIMs       = bounds{timeout: uploadTimeout + 2*storeTimeout, upload: syncUpload(), stream: syncDoc()}
		uploadsBatch    = bounds{status: http.StatusAccepted, timeout: uploadTimeout + storeTimeout, upload: batchUpload()}
		selectsRequest  = bounds{status: http.StatusAccepted, timeout: 2 * selectionTimeout, maxBytes: maxBulkBytes}
		selectsCode     = bounds{status: http.StatusCreated, timeout: 2 * selectionTimeout, maxBytes: maxBulkBytes}
		selectsBatch    = bounds{status: http.StatusAccepted, timeout: storeTimeout, maxBytes: maxBulkBytes}
		uploadsAccounts = bounds{timeout: uploadTimeout + storeTimeout, upload: accountUpload()}
		streamsRows     = bounds{timeout: resultsTimeout, stream: resultsDoc()}
		streamsChanges  = bounds{timeout: resultsTimeout, stream: changesDoc()}
		followsChanges  = bounds{timeout: streamTimeout, stream: changesStreamDoc()}
		pagesAudit      = bounds{stream: auditDoc()}
		streamsEvents   = bounds{timeout: streamTimeout, stream: eventsDoc(Event{}, "Each message is one event of the request.")}
		streamsFeed     = bounds{timeout: streamTimeout, stream: eventsDoc(FeedEvent{}, "Each message is one event of a request of the batch.")}
	)
	return []Route{
		{
			"POST", "/v1/accounts", "create-account", admins, created, op(s, s.createAccount), "Create an account",
			"An account sends and receives SIMs and is identified by its operator id or, if it has one, its external id. Its currency cannot be changed, because fees are quoted in it.",
		},
		{
			"GET", "/v1/accounts", "list-accounts", backOffice, ok, op(s, s.listAccounts), "List accounts",
			"Ordered by operator id.",
		},
		{
			"GET", "/v1/account-names", "list-account-names", backOffice, ok, op(s, s.listAccountNames), "List the names of accounts",
			"What up to 200 accounts are called, and their currencies, ordered by operator id, to show next to the operator ids in a list. Accounts that do not exist are left out.",
		},
		{
			"GET", "/v1/email-uses", "find-email", staff, ok, op(s, s.findEmail), "Find what an email belongs to",
			"Lists the accounts of which it is the primary email or a contact, the person who signs in with it, with the accounts and permissions of this person, and open invitations to it. Administrators also learn of staff. The call is recorded in the audit trail.",
		},
		{
			"GET", "/v1/accounts/{operator_id}", "get-account", anyKey, ok, op(s, s.getAccount), "Get an account",
			"An account's key can only get its own account.",
		},
		{
			"PATCH", "/v1/accounts/{operator_id}", "update-account", keyManagers, endsRequests, op(s, s.updateAccount), "Update or close an account",
			"Fields that are left out keep their values. An account's key with the permission owner can only change the contacts and the landing profile of its own account; the rest is for administrators. A closed account can neither send nor receive SIMs, and its API keys can only read. An account with open requests is only closed if open_requests is end; otherwise the response is 409 with the code account_in_use and what is open.",
		},

		{
			"PUT", "/v1/accounts", "import-accounts", admins, uploadsAccounts, op(s, s.importAccounts), "Import accounts",
			"Creates accounts that do not exist and updates those that do. A row names its account by operator id or external id. Rows are independent of each other: one with an error is left out, and the others are applied. The response says for each row what was done, or why it was refused. It is safe to repeat the call.",
		},

		{
			"GET", "/v1/accounts/{operator_id}/plan-mappings", "list-plan-mappings", viewers, ok, op(s, s.listPlanMappings), "List the plan mappings of an account",
			"On which plans SIMs land that are transferred to the account: the mapping for SIMs from any account first, then those for one source. An account's key can only list those of its own account. The ETag is that of all of them, and a change of one can have it as its condition.",
		},
		{
			"PUT", "/v1/accounts/{operator_id}/plan-mappings", "put-plan-mapping", keyManagers, ok, op(s, s.putPlanMapping), "Set a plan mapping of an account",
			"Creates or replaces the mapping for SIMs from one source, or from any account. A SIM lands on the plan that the destination chooses when it accepts; else on the one that the mapping for its source gives; else on the one that the mapping for any account gives; else it keeps its plan. Requests that were accepted before keep the mapping that was in force then.",
		},
		{
			"DELETE", "/v1/accounts/{operator_id}/plan-mappings", "delete-plan-mapping", keyManagers, noContent, op(s, s.deletePlanMapping), "Delete a plan mapping of an account",
			"Requests that were accepted before keep it.",
		},

		{
			"GET", "/v1/plans", "list-plans", viewers, ok, op(s, s.listPlans), "List plans",
			"Ordered by name.",
		},
		{
			"GET", "/v1/plans/{name}", "get-plan", viewers, ok, op(s, s.getPlan), "Get a plan",
			"Names are case-sensitive.",
		},
		{
			"PUT", "/v1/plans/{name}", "put-plan", admins, ok, op(s, s.putPlan), "Create or update a plan",
			"Sets whether SIMs on this plan can move to an account with a different coverage, and what they cost a month.",
		},

		{
			"POST", "/v1/sims", "import-sims", admins, uploadsSIMs, op(s, s.importSIMs), "Import SIMs",
			"Imports all rows, or none if a row has an error. The file is processed while it arrives.",
		},
		{
			"PUT", "/v1/sims", "sync-sims", admins, syncsSIMs, op(s, s.syncSIMs), "Sync SIMs",
			"Makes the inventory follow a file: creates SIMs that are new, changes those that differ, and leaves the others untouched. Rows are independent of each other: a row that is refused is left out, and the others are applied, in one transaction. A sync never changes the owner of a SIM. Numbers and IMSIs can move between SIMs of the file. The status of a SIM follows the same rules as for other calls. A SIM in an open transfer can change; the transfer then fails when it is executed, if the change does not allow it. Safe to repeat.",
		},
		{
			"GET", "/v1/sims", "list-sims", viewers, ok, op(s, s.listSIMs), "List SIMs",
			"In the order in which they were imported. An account's key lists the SIMs of its account.",
		},
		{
			"GET", "/v1/sims/count", "count-sims", viewers, ok, op(s, s.countSIMs), "Count SIMs",
			"The number of SIMs that match a search. An account's key counts the SIMs of its account.",
		},
		{
			"POST", "/v1/sims/lookup", "look-up-sims", viewers,
			bounds{maxBytes: maxBulkBytes, timeout: storeTimeout},
			op(s, s.lookUpSIMs), "Look up a list of SIMs",
			"Says which SIMs of the account a list names, and which entries are wrong: those that are not identifiers, that name no SIM of the account, or that name a SIM which another entry names, too. It changes nothing.",
		},
		{
			"GET", "/v1/sims/{sim}/sessions", "list-sim-sessions", viewers, ok, op(s, s.listSIMSessions), "List the data sessions of a SIM",
			"The latest first, up to 50, since the SIM was registered to its account.",
		},
		{
			"POST", "/v1/sims/{sim}/sessions/drop", "drop-sim-sessions", operators, accepted, op(s, s.dropSIMSessions), "End the data sessions of a SIM",
			"Workers ask the gateways to end all open data sessions of the SIM. The device usually connects again at once, so this also is a way to make it reconnect. The list of sessions shows how far it is, and what a gateway answered. Safe to repeat.",
		},
		{
			"GET", "/v1/sims/{sim}", "get-sim", viewers, ok, op(s, s.getSIM), "Get a SIM by one of its identifiers",
			"An account's key can only get SIMs of its own account; other SIMs are not found.",
		},
		{
			"PATCH", "/v1/sims/{sim}", "update-sim", operators, ok, op(s, s.updateSIM), "Update a SIM",
			"A merge patch: fields that are left out keep their values, and so do tags that are not named. The account that owns the SIM sets its lock, termination protection, tags, group and other settings; removing the lock or the protection needs the permission approver. Support sets its status, plan, EID, lot and external id. A terminated SIM stays terminated, no SIM becomes ready again, and a SIM with termination protection cannot be terminated: such a change is refused with 409 and the code sim_status. An open transfer of the SIM does not prevent a change; its execution sees the SIM as it is then.",
		},
		{
			"POST", "/v1/sims/{sim}/correct-status", "correct-sim-status", admins, ok, op(s, s.correctStatus), "Correct the status of a SIM",
			"Undoes a mistake: it can also change a terminated SIM, and set a SIM back to ready, which no other call can. Requires a reason, which is recorded in the audit trail. It does not override termination protection.",
		},
		{
			"PUT", "/v1/sims/{sim}/identifiers/{identifier}", "put-sim-identifier", staff, ok, op(s, s.putIdentifier), "Add a number or an IMSI to a SIM",
			"With from, the identifier moves from another SIM; SIMs of different accounts need a reason. An identifier of another SIM is otherwise refused with 409 and the code identifier_taken. A SIM in an open transfer is refused with 409 and the code sim_in_transfer.",
		},
		{
			"DELETE", "/v1/sims/{sim}/identifiers/{identifier}", "remove-sim-identifier", staff, noContent, op(s, s.removeIdentifier), "Remove a number or an IMSI from a SIM",
			"A SIM keeps its ICCID and at least one IMSI. A SIM in an open transfer is refused with 409 and the code sim_in_transfer.",
		},
		{
			"POST", "/v1/sims/{sim}/swap", "swap-sim", staff, ok, op(s, s.swapSIM), "Replace a SIM by a new card",
			"The new card takes over the MSISDNs, status, plan, lock and settings, but not the containers, lot and external id, which belong to the card. The old card is terminated, even if it has termination protection, and its open data sessions are disconnected. The history of either shows the other. A card in an open transfer is refused with 409 and the code sim_in_transfer.",
		},
		{
			"POST", "/v1/sims/{sim}/retire", "retire-sim", admins, ok, op(s, s.retireSIM), "Retire a SIM that was imported by mistake",
			"The SIM is terminated, and its identifiers and its external id are free again, so that the right SIM can be imported. Only for a SIM that was never transferred or swapped and has no termination protection. Its history and the audit trail keep what it was.",
		},
		{
			"POST", "/v1/sims/{sim}/owner-corrections", "correct-sim-owner", admins, ok, op(s, s.correctOwner), "Correct the owner of a SIM",
			"Registers the SIM to another account without a transfer request, because it was registered to the wrong one. Nothing is charged, and open data sessions stay open. Settings are kept or reset as by a support-assisted transfer. A SIM in an open transfer is refused with 409 and the code sim_in_transfer.",
		},
		{
			"POST", "/v1/sims/changes", "change-sims", operators,
			bounds{maxBytes: maxBulkBytes, timeout: storeTimeout},
			op(s, s.changeSIMs), "Change many SIMs",
			"Makes one change to all SIMs that a filter selects or a list names: all of them or none. Owners change the lock, tags and group of their SIMs; removing the lock needs the permission approver. Support changes status and plan. Open transfers do not prevent the change; their execution sees the SIMs as they are then.",
		},
		{
			"GET", "/v1/support/sims/{identifier}", "get-sim-history", staff, ok, op(s, s.getSIMHistory), "Get the history of a SIM",
			"Lists the owners, transfers, sessions, charges, former identifiers and swaps of the SIM across all accounts, each with the latest first. It also finds a SIM by an identifier that it had.",
		},

		{
			"POST", "/v1/fees", "create-fee", finances, created, op(s, s.createFee), "Add a fee to the fee schedule, or set the price of an account",
			"The fee applies until the next entry for the same method and currency. With account, it is the price of this account, which overrides the schedule until the next price of the account. Fees that were already quoted do not change. If-Match takes the ETag of the list of fees: with account, of the list for this account, and otherwise of the whole list.",
		},
		{
			"GET", "/v1/fees", "list-fees", finances, ok, op(s, s.listFees), "List the fee schedule and the prices of accounts",
			"Lists all entries, past, current and future, and the prices of accounts.",
		},
		{
			"DELETE", "/v1/fees/{method}/{currency}/{valid_from}", "withdraw-fee", finances, noContent, op(s, s.withdrawFee), "Withdraw a future fee",
			"Deletes an entry that is not valid yet. Another entry can then be added for the same time. An entry that applies already, or did, stays: the response is 409 with the code fee_valid. If-Match takes the ETag of the list of fees, for the account if there is one.",
		},

		{
			"GET", "/v1/unknown-sessions", "list-unknown-sessions", staff, ok, op(s, s.listUnknownSessions), "List data sessions without a SIM",
			"Open data sessions that gateways report, and that name no SIM of the inventory by IMSI, MSISDN or ICCID: the SIM was not imported, or the gateway sends an identity that is not understood. Such a session does not keep a SIM from being transferred. It is linked to its SIM when that is imported.",
		},
		{
			"GET", "/v1/gateways", "list-gateways", staff, ok, op(s, s.listGateways), "List gateways",
			"Ordered by address. A gateway holds data sessions, and ends them when it gets a Disconnect-Request (RFC 5176) from a worker.",
		},
		{
			"GET", "/v1/gateways/{name}", "get-gateway", staff, ok, op(s, s.getGateway), "Get a gateway",
			"The secret is never shown.",
		},
		{
			"PUT", "/v1/gateways/{name}", "put-gateway", admins, ok, op(s, s.putGateway), "Create or replace a gateway",
			"Fields that are left out get their defaults, except the secret, which an existing gateway keeps. Takes effect for the next Disconnect-Request, and within seconds for simtransfer radius. A FreeRADIUS that receives the accounting has a list of clients of its own: add the gateway there, too.",
		},
		{
			"PATCH", "/v1/gateways/{name}", "update-gateway", admins, ok, op(s, s.updateGateway), "Update a gateway",
			"A merge patch: fields that are left out keep their values.",
		},
		{
			"DELETE", "/v1/gateways/{name}", "delete-gateway", admins, noContent, op(s, s.deleteGateway), "Remove a gateway",
			"A gateway with open sessions is only removed if open_sessions is leave; otherwise the response is 409 with the code gateway_in_use.",
		},
		{
			"POST", "/v1/gateways/{name}/probe", "probe-gateway", staff, ok, op(s, s.probeGateway), "Probe a gateway",
			"A worker sends the gateway a Disconnect-Request for a session that cannot exist, and the response says what happened: whether the gateway answers, whether the secret is right, and what to do next. It ends no session. The response takes up to 17 seconds. An API key can probe 10 times per minute.",
		},

		{
			"GET", "/v1/me", "get-me", signedIn, ok, op(s, s.getMe), "Get who makes this call",
			"Returns the API key or the person, for which accounts the caller can act and with which permission, and until when a sign-in with a browser lasts.",
		},
		{
			"GET", "/v1/sign-ins", "list-sign-ins", signedIn, ok, op(s, s.listSignIns), "List sign-ins",
			"The browsers that are signed in, the latest first: those of the caller, as a person or with the same API key. With whose=all, an account with the permission owner lists those of its people and keys, and administrators those of everyone.",
		},
		{
			"DELETE", "/v1/sign-ins", "end-other-sign-ins", signedIn, noContent, op(s, s.endOtherSignIns), "End all other sign-ins",
			"Ends the sign-ins of the caller, except the one that makes this call.",
		},
		{
			"DELETE", "/v1/sign-ins/{id}", "end-sign-in", signedIn, noContent, op(s, s.endSignIn), "End a sign-in",
			"The browser is signed out at once, in every process: one of the caller or, with the permission owner, of the account's keys and of people who act for no other account and are not staff. Administrators can end every sign-in.",
		},
		{
			"GET", "/v1/people", "list-people", keyManagers, ok, op(s, s.listPeople), "List people",
			"In the order in which they came. An account lists its people, and administrators everyone.",
		},
		{
			"GET", "/v1/people/{id}", "get-person", keyManagers, ok, op(s, s.getPerson), "Get a person by its id",
			"An account can only get its people, with their membership in the account.",
		},
		{
			"PATCH", "/v1/people/{id}", "update-person", admins, ok, op(s, s.updatePerson), "Rename or disable a person",
			"A person who is disabled is signed out everywhere and cannot sign in again.",
		},
		{
			"PUT", "/v1/people/{id}/memberships/{account}", "put-membership", keyManagers, ok, op(s, s.putMembership), "Change what a person may do",
			"Sets the permission in an account, or the role of staff, of a person who belongs to it. People come by invitation. An account can only change memberships in itself, and must keep an owner: a person, or an API key with the permission owner. If-Match takes the ETag of the person.",
		},
		{
			"DELETE", "/v1/people/{id}/memberships/{account}", "delete-membership", keyManagers, noContent, op(s, s.deleteMembership), "Remove a person from an account or from the staff",
			"Takes effect at once, in every process. What the person has done keeps naming the person. API keys that the person has created continue to work. An account must keep an owner. If-Match takes the ETag of the person.",
		},
		{
			"POST", "/v1/invitations", "create-invitation", keyManagers, created, op(s, s.createInvitation), "Invite a person",
			"The person accepts the invitation in a browser, within seven days, and is then signed in. If the service sends no mail, the response has the link, which is not shown again. A new invitation replaces the open one of the same person. A person who belongs to the account already keeps the permission, and can sign in with the link.",
		},
		{
			"GET", "/v1/invitations", "list-invitations", keyManagers, ok, op(s, s.listInvitations), "List invitations",
			"The latest first. An account lists those to itself, and administrators all.",
		},
		{
			"GET", "/v1/invitations/{id}", "get-invitation", keyManagers, ok, op(s, s.getInvitation), "Get an invitation by its id",
			"Without its link.",
		},
		{
			"DELETE", "/v1/invitations/{id}", "revoke-invitation", keyManagers, noContent, op(s, s.revokeInvitation), "Revoke an invitation",
			"Its link no longer works. Revoking it again has no effect, and neither has revoking one that was accepted: remove the person instead.",
		},
		{
			"POST", "/v1/webhook-endpoints", "create-webhook-endpoint", keyManagers, created, op(s, s.createWebhook), "Create a webhook endpoint",
			"Messages about transfer requests are sent to its URL by POST, signed as Standard Webhooks has it (webhook-id, webhook-timestamp, webhook-signature). An endpoint of an account hears what the account sees in its event feed; one of staff, which administrators create, hears of all accounts. The response has the secret, which is not shown again. The section webhooks of this document has the messages.",
		},
		{
			"GET", "/v1/webhook-endpoints", "list-webhook-endpoints", owners, ok, op(s, s.listWebhooks), "List webhook endpoints",
			"The latest first, without secrets. An account's key lists those of its account.",
		},
		{
			"GET", "/v1/webhook-endpoints/{id}", "get-webhook-endpoint", owners, ok, op(s, s.getWebhook), "Get a webhook endpoint",
			"Whether it is enabled, since when it fails, and why. The ETag does not change while messages are sent.",
		},
		{
			"PATCH", "/v1/webhook-endpoints/{id}", "update-webhook-endpoint", keyManagers, ok, op(s, s.updateWebhook), "Update or disable a webhook endpoint",
			"A merge patch: fields that are left out keep their values. Messages that are pending are sent to the new URL.",
		},
		{
			"DELETE", "/v1/webhook-endpoints/{id}", "delete-webhook-endpoint", keyManagers, noContent, op(s, s.deleteWebhook), "Delete a webhook endpoint",
			"With the log of its deliveries.",
		},
		{
			"POST", "/v1/webhook-endpoints/{id}/rotate", "rotate-webhook-secret", keyManagers, ok, op(s, s.rotateWebhook), "Give a webhook endpoint a new secret",
			"The response has the new secret, which is not shown again. For one day, or as long as overlap_seconds says, messages are signed with both secrets. A secret that leaked is rotated with overlap_seconds 0.",
		},
		{
			"POST", "/v1/webhook-endpoints/{id}/enable", "enable-webhook-endpoint", keyManagers, ok, op(s, s.enableWebhook), "Enable a webhook endpoint",
			"What failed before can be replayed. Enabling an endpoint that is enabled has no effect.",
		},
		{
			"POST", "/v1/webhook-endpoints/{id}/test", "test-webhook-endpoint", keyManagers, accepted, op(s, s.testWebhook), "Send a test to a webhook endpoint",
			"Sends a signed message of the type endpoint.test. The response is its delivery: get it again to see what the receiver answered.",
		},
		{
			"POST", "/v1/webhook-endpoints/{id}/replay", "replay-webhook-deliveries", keyManagers, accepted, op(s, s.replayDeliveries), "Send messages to a webhook endpoint again",
			"By default, all that failed; with since and until, those of a time range. A message that is sent again has the same webhook-id.",
		},
		{
			"GET", "/v1/webhook-endpoints/{id}/deliveries", "list-webhook-deliveries", owners, ok, op(s, s.listDeliveries), "List the deliveries to a webhook endpoint",
			"The latest first: each message with what the receiver answered last. Kept for 30 days.",
		},
		{
			"GET", "/v1/webhook-endpoints/{id}/deliveries/{delivery}", "get-webhook-delivery", owners, ok, op(s, s.getDelivery), "Get a delivery to a webhook endpoint",
			"With what is sent.",
		},
		{
			"POST", "/v1/webhook-endpoints/{id}/deliveries/{delivery}/replay", "replay-webhook-delivery", keyManagers, accepted, op(s, s.replayDelivery), "Send a message to a webhook endpoint again",
			"The message has the same webhook-id. A delivery that is pending stays as it is.",
		},
		{
			"GET", "/v1/mails", "list-mails", owners, ok, op(s, s.listMails), "List mails to contacts and people",
			"The latest first, for 30 days: to whom, about what, and whether the mail server has taken them. Without what they said. An account's key lists those to its contacts.",
		},
		{
			"GET", "/v1/accounts/{operator_id}/mail", "get-account-mail", owners, ok, op(s, s.getAccountMail), "Get how mail to the contacts of an account goes",
			"The contacts to which mail was refused, the kinds of mail, and which of them addresses have turned off.",
		},
		{
			"PUT", "/v1/accounts/{operator_id}/mail", "choose-account-mail", keyManagers, ok, op(s, s.chooseMail), "Turn a kind of mail off or on for an address",
			"For a contact of the account. Every mail that can be turned off also has a link with which its recipient does so without signing in.",
		},

		{
			"GET", "/v1/key", "get-current-key", anyKey, ok, op(s, s.getCurrentKey), "Get the API key of this call",
			"Returns the role and the account of the key that the call is made with, and when it expires if it has been rotated. A person has no key: see GET /v1/me.",
		},
		{
			"POST", "/v1/keys", "create-key", keyManagers, created, op(s, s.createKey), "Create an API key",
			"The response has the key itself, which is not shown again. An account's key creates keys of its account; they cannot have more permission, more networks or a later expiry than itself. Creating a key is recorded in the audit trail of the account.",
		},
		{
			"GET", "/v1/keys", "list-keys", keyManagers, ok, op(s, s.listKeys), "List API keys",
			"In the order in which they were created. Only the beginning and the end of each key are shown. An account's key lists the keys of its account.",
		},
		{
			"GET", "/v1/keys/{id}", "get-key", keyManagers, ok, op(s, s.getKey), "Get an API key by its id",
			"Only the beginning and the end of the key are shown. The ETag does not change when the key is used. An account's key can only get keys of its account.",
		},
		{
			"POST", "/v1/keys/{id}/rotate", "rotate-key", keyManagers, ok, op(s, s.rotateKey), "Rotate an API key",
			"The new key has the same rights; the old key keeps working for the given time. The response has the new key, which is not shown again. An account's key can rotate keys of its account that do not allow more than itself.",
		},
		{
			"DELETE", "/v1/keys/{id}", "revoke-key", keyManagers, noContent, op(s, s.revokeKey), "Revoke an API key",
			"The key stops working at once, in every process. Revoking a key again has no effect. An account's key can revoke every key of its account, also itself.",
		},

		{
			"POST", "/v1/transfer-requests", "create-request", operators, selectsRequest, op(s, s.createRequest), "Create a transfer request",
			"The SIMs are listed, or selected by a filter; the request keeps the SIMs that are selected when it is created. The response returns at once, with the number of SIMs in counts.sims, and with the request in the state validating. Validation then finds out which SIMs are eligible and what each costs. Follow the request by its event stream or its events.",
		},
		{
			"POST", "/v1/transfer-requests/preview", "preview-request", viewers, okBulk, op(s, s.previewRequest), "Preview a transfer request",
			"Shows which SIMs are eligible now and what they would cost. It creates nothing and reserves no SIM; the binding quote is that of the request itself.",
		},
		{
			"GET", "/v1/transfer-requests", "list-requests", anyKey, ok, op(s, s.listRequests), "List transfer requests",
			"The latest first, or by deadline. An account's key lists the requests that the account sends or receives.",
		},
		{
			"GET", "/v1/transfer-requests/{id}", "get-request", anyKey, ok, op(s, s.getRequest), "Get a transfer request",
			"Returns its state, whose turn it is and what the caller can do, the number of SIMs in each state and, for the source and support, its fees.",
		},
		{
			"GET", "/v1/transfer-requests/{id}/transfers", "list-transfers", viewers, ok, op(s, s.listTransfers), "List the transfers of a request",
			"One transfer per SIM, in the order of submission. The destination sees only SIMs that were open for its decision.",
		},
		{
			"GET", "/v1/transfer-requests/{id}/events", "list-events", viewers, ok, op(s, s.listEvents), "List the events of a request",
			"Every decision and every outcome, in order: the audit trail of the request.",
		},
		{
			"POST", "/v1/transfer-requests/{id}/comments", "add-comment", operators, created, op(s, s.addComment), "Comment on a request",
			"Both sides and support write comments, at any time, and choose who sees each of them. A comment is also an event of the request. Each party can write up to 100 on a request.",
		},
		{
			"GET", "/v1/transfer-requests/{id}/comments", "list-comments", viewers, ok, op(s, s.listComments), "List the comments on a request",
			"The oldest first. Each party sees the comments that are visible to it; support sees all.",
		},
		{
			"GET", "/v1/transfer-requests/{id}/results", "get-request-results", anyKey, streamsRows, op(s, s.requestResults), "Download the results of a request",
			"One row per SIM, in the order of submission, as JSON, NDJSON or CSV.",
		},
		{
			"GET", "/v1/transfer-requests/{id}/stream", "stream-request", viewers, streamsEvents, op(s, s.streamRequest), "Stream the events of a request",
			"Server-sent events. A client resumes the stream with Last-Event-ID.",
		},
		{
			"POST", "/v1/transfer-requests/{id}/accept", "accept-request", deciders(transfer.Accept), acceptedBulk, op(s, s.acceptRequest), "Accept a request (destination, or support on behalf of it)",
			"The listed SIMs are transferred, the others are declined. A landing profile sets what the SIMs have on arrival. With not_before or not_after, the request is scheduled: the transfer starts in this window, both sides can withdraw until then, and SIMs that are not listed are declined at once. Support can accept on behalf of the destination, with a reason and a ticket, if the service is set up to allow it; both sides see that, and who made or approved the request cannot do it.",
		},
		{
			"POST", "/v1/transfer-requests/{id}/decline", "decline-request", deciders(transfer.Decline), acceptedBulk, op(s, s.declineRequest), "Decline a request (destination)",
			"The listed SIMs are declined; the others can still be accepted. A scheduled request can be declined until it starts. The decline of a whole request can be taken back for ten minutes.",
		},
		{
			"POST", "/v1/transfer-requests/{id}/cancel", "cancel-request", deciders(transfer.Cancel), acceptedBulk, op(s, s.cancelRequest), "Cancel a request (source or support)",
			"The listed SIMs are canceled; the others continue. A request can be canceled until its transfer starts, which is when the destination accepts it or, of a scheduled request, when its window begins. The cancel of a whole request can be taken back for ten minutes.",
		},
		{
			"POST", "/v1/transfer-requests/{id}/extend", "extend-request", deciders(transfer.Extend), accepted, op(s, s.extendRequest), "Extend a request (source or support)",
			"Gives more time to decide while the request waits for support or for the destination: up to 30 days in all. The time is never shortened, and an expired request cannot be extended.",
		},
		{
			"POST", "/v1/transfer-requests/{id}/take-back", "take-back-request", deciders(transfer.TakeBack), acceptedSlow, op(s, s.takeBackRequest), "Take back a cancel, decline or denial",
			"Brings a request that was canceled, declined or denied as a whole back to the state that it had, with the same fees and the same time limit. Only the party that ended it can do so, for ten minutes, and only if all its SIMs are still free and belong to the source. If the source takes it back, the request counts for the limits of its account like a new one. Until its SIMs are released, the response is 409 with the code still_releasing.",
		},
		{
			"POST", "/v1/transfer-requests/{id}/retry", "retry-request", operators, acceptedSlow, op(s, s.retryRequest), "Retry a request (source or support)",
			"Creates a new request for the SIMs that failed, were ineligible or expired, and for those that were denied because of other SIMs. Each SIM is validated again. Of two lines that name one SIM by different identifiers, only the first is retried.",
		},
		{
			"POST", "/v1/transfer-requests/{id}/approve", "approve-request", deciders(transfer.Approve), accepted, op(s, s.approveRequest), "Approve a request (support)",
			"Approves the SIMs that need support, with a ticket. Support can change or waive their fee with a reason. Who made the request on behalf of its source cannot approve it, nor can someone who has created or rotated the API key that made it, unless the service allows it: the response is then 403 with the code self_approval.",
		},
		{
			"POST", "/v1/transfer-requests/{id}/deny", "deny-request", deciders(transfer.Deny), accepted, op(s, s.denyRequest), "Deny a request (support)",
			"Ends the whole request. SIMs that did not need support can be requested again with a retry.",
		},

		{
			"POST", "/v1/transfer-requests/approve", "approve-requests", deciders(transfer.Approve), endsRequests, op(s, s.approveRequests), "Approve many requests (support)",
			"Approves the listed requests, or those in review that a filter selects, up to 1,000: each as a call of its own would. The response says for each what happened. The call can be repeated: a request that was approved already is left as it is, and reported with the code request_state.",
		},
		{
			"POST", "/v1/transfer-requests/deny", "deny-requests", deciders(transfer.Deny), endsRequests, op(s, s.denyRequests), "Deny many requests (support)",
			"Denies the listed requests, or those in review that a filter selects, up to 1,000: each as a call of its own would. The response says for each what happened.",
		},

		{
			"POST", "/v1/pull-requests", "create-pull-request", ownOperators, createdBulk, op(s, s.createPull), "Ask for SIMs of others (destination)",
			"Each account that owns some of the SIMs can approve or refuse; silence until expires_at refuses. An approval makes a transfer request to the account that asks, which accepts it as usual. The response is the same for SIMs that exist and that do not, and for every answer of an owner: only the transfer requests of approvals show who owned a SIM.",
		},
		{
			"GET", "/v1/pull-requests", "list-pull-requests", viewers, ok, op(s, s.listPulls), "List pull requests",
			"The latest first. An account's key lists those that the account has made (outgoing) and those that ask for its SIMs (incoming).",
		},
		{
			"GET", "/v1/pull-requests/{id}", "get-pull-request", viewers, ok, op(s, s.getPull), "Get a pull request",
			"An owner sees only its own SIMs and its own decision. The account that asks sees no decision.",
		},
		{
			"POST", "/v1/pull-requests/{id}/approve", "approve-pull-request", ownApprovers, acceptedBulk, op(s, s.approvePull), "Approve a pull request (owner)",
			"Creates a transfer request of the listed SIMs, with the account as source; the others are refused. The transfer request is validated, reviewed by support if it has to be, and accepted by the destination as usual. It counts for the limits of the owner.",
		},
		{
			"POST", "/v1/pull-requests/{id}/refuse", "refuse-pull-request", ownApprovers, ok, op(s, s.refusePull), "Refuse a pull request (owner)",
			"The account that asks does not learn of it.",
		},
		{
			"POST", "/v1/pull-requests/{id}/cancel", "cancel-pull-request", operators, ok, op(s, s.cancelPull), "Cancel a pull request (destination or support)",
			"Owners who have not approved it can no longer do so. Transfer requests of earlier approvals continue.",
		},

		{
			"POST", "/v1/transfer-codes", "create-transfer-code", ownOperators, selectsCode, op(s, s.createCode), "Create a transfer code (source)",
			"Names the SIMs, but no destination: the account that redeems the code becomes the destination of a transfer request, which is validated, reviewed and accepted as usual. The response has the code as text and as a QR code; it is not shown again. The SIMs are not reserved: those that have left the account, or are in another transfer, when the code is redeemed are ineligible. An open code counts as an unfinished request of the account.",
		},
		{
			"GET", "/v1/transfer-codes", "list-transfer-codes", viewers, ok, op(s, s.listCodes), "List transfer codes",
			"The latest first, without the codes themselves. An account's key lists the codes that the account has made.",
		},
		{
			"GET", "/v1/transfer-codes/{id}", "get-transfer-code", viewers, ok, op(s, s.getCode), "Get a transfer code by its id",
			"Without the code itself. Only the account that made it, and support, can see it.",
		},
		{
			"DELETE", "/v1/transfer-codes/{id}", "revoke-transfer-code", operators, noContent, op(s, s.revokeCode), "Revoke a transfer code (source or support)",
			"Revoking a code again has no effect. A code that was redeemed cannot be revoked: cancel its transfer request.",
		},
		{
			"POST", "/v1/transfer-codes/redeem", "redeem-transfer-code", ownOperators, acceptedSlow, op(s, s.redeemCode), "Redeem a transfer code (destination)",
			"Creates a transfer request from the account that made the code to the account of the caller, which accepts it as usual. A code can be redeemed once. Every code that cannot be redeemed gets the same response, 422 with the code invalid_transfer_code, later after each wrong one; after 10 wrong codes of an account, or 30 from a network, in an hour, the response is 429.",
		},

		{
			"POST", "/v1/batches", "create-batch", operators, uploadsBatch, op(s, s.createBatch), "Create a batch of transfer requests",
			"Accepts all rows, or none if a row has an error, and creates one transfer request per destination. The file is processed while it arrives.",
		},
		{
			"POST", "/v1/batches/from-selection", "create-batch-from-selection", operators, selectsBatch, op(s, s.createSelectedBatch), "Create a batch of transfer requests from a selection",
			"For more SIMs than one request can have, such as all SIMs of an account in a merger: up to 1,000,000 SIMs for one destination, with a transfer request for each 100,000 of them. The SIMs are those that are selected when the batch is created.",
		},
		{
			"GET", "/v1/batches", "list-batches", anyKey, ok, op(s, s.listBatches), "List batches",
			"The latest first. An account's key lists the batches that the account submitted.",
		},
		{
			"GET", "/v1/batches/{id}", "get-batch", anyKey, ok, op(s, s.getBatch), "Get a batch",
			"Returns its counts and its requests. Only the account that submitted the batch, and support, can see it.",
		},
		{
			"GET", "/v1/batches/{id}/results", "get-batch-results", anyKey, streamsRows, op(s, s.batchResults), "Download the results of a batch",
			"One row per SIM, in the order of the upload, as JSON, NDJSON or CSV.",
		},
		{
			"GET", "/v1/batches/{id}/stream", "stream-batch", viewers, streamsFeed, op(s, s.streamBatch), "Stream the events of a batch",
			"Server-sent events. A client resumes the stream with Last-Event-ID.",
		},
		{
			"POST", "/v1/batches/{id}/cancel", "cancel-batch", operators, cancelsBatch, op(s, s.cancelBatch), "Cancel a batch",
			"Cancels every request of the batch that can still be canceled; accepted requests continue. The response lists the outcome for each request.",
		},

		{
			"GET", "/v1/events", "list-feed", viewers, ok, op(s, s.listFeed), "List the events of all requests of an account",
			"The oldest first. A client that follows the cursor gets every event exactly once. The source keeps seeing the events of SIMs that it has transferred away.",
		},

		{
			"GET", "/v1/changes", "list-changes", backOffice, streamsChanges, op(s, s.listChanges), "List changes of SIMs",
			"The changes feed, from which other systems learn what happened to each SIM: one entry for each SIM that was created, transferred, swapped or retired as a wrong import, or whose status, plan, identifiers or owner changed. A client that follows the cursor gets every entry exactly once, and those of each SIM in the order in which it changed, within a second after the change. It is for the operator's systems: keys of accounts follow the events of their requests (GET /v1/events).",
		},
		{
			"GET", "/v1/changes/stream", "stream-changes", backOffice, followsChanges, op(s, s.streamChanges), "Stream changes of SIMs",
			"The changes feed as server-sent events. A client resumes the stream with Last-Event-ID.",
		},

		{
			"GET", "/v1/audit", "list-audit", owners, pagesAudit, op(s, s.listAudit), "List the audit trail",
			"Who did what outside of transfer requests, from where and when, the latest first: keys, accounts, fees, plans, imports, changes of SIMs, sign-ins, and reads of personal data by support. What happened to a transfer request is in its events. An account's key lists the entries that concern its account. The header Accept chooses between JSON, NDJSON and CSV.",
		},

		{
			"GET", "/v1/exports/sims", "export-sims", viewers, exportBounds(simExportDoc()), op(s, s.exportSIMs), "Export the inventory",
			"Every SIM with all of its columns, as JSON, NDJSON or CSV, all as they were at one instant. A file in CSV or NDJSON can be uploaded again. An account's key exports the SIMs of its account.",
		},
		{
			"GET", "/v1/exports/registrations", "export-registrations", anyKey, exportBounds(registrationExportDoc()), op(s, s.exportRegistrations), "Export registrations",
			"Which SIM was registered to which account, since when and until when, as JSON, NDJSON or CSV: every registration that was valid in the period. An account's key exports the registrations to its account.",
		},
		{
			"GET", "/v1/exports/transfers", "export-transfers", anyKey, exportBounds(transferExportDoc()), op(s, s.exportTransfers), "Export transfers",
			"Every transfer that finished in the period, in any final state, as JSON, NDJSON or CSV. An account's key exports the transfers that the account sends or receives; the destination sees what it sees in the results of a request.",
		},
		{
			"GET", "/v1/charges/totals", "list-charge-totals", anyKey, ok, op(s, s.listChargeTotals), "Add up charges",
			"What the transfers of the period cost each account, and all accounts with each currency. An account's key sees what the account pays. The charges one by one are in the export.",
		},
		{
			"GET", "/v1/exports/charges", "export-charges", anyKey, exportBounds(chargeExportDoc()), op(s, s.exportCharges), "Export charges",
			"Every fee that was charged for a transfer in the period, as JSON, NDJSON or CSV. An account's key exports what the account pays.",
		},

		{
			"GET", "/v1/templates/batch.csv", "get-batch-template", everyone,
			bounds{stream: templateDoc(batchUpload())},
			op(s, s.template("batch.csv", batchUpload())), "Download a CSV template for a batch",
			"A CSV file with the columns of a batch and an example row.",
		},
		{
			"GET", "/v1/templates/accounts.csv", "get-accounts-template", everyone,
			bounds{stream: templateDoc(accountUpload())},
			op(s, s.template("accounts.csv", accountUpload())), "Download a CSV template for an import of accounts",
			"A CSV file with the columns of an import of accounts and an example row.",
		},
		{
			"GET", "/v1/templates/sims.csv", "get-sims-template", everyone,
			bounds{stream: templateDoc(simUpload())},
			op(s, s.template("sims.csv", simUpload())), "Download a CSV template for an import",
			"A CSV file with the columns of an import and an example row.",
		},

		{
			"GET", "/healthz", "health", everyone, ok, op(s, s.health), "Check that the process runs",
			"Responds with 200 as long as the process runs.",
		},
		{
			"GET", "/readyz", "ready", everyone, ok, op(s, s.ready), "Check that the service is ready",
			"Responds with 200 if the database can be reached, accepts changes, and gives its user the rights that the service needs, otherwise with 503. If rights are missing, the field detail has the GRANT statements to run.",
		},
		{
			"GET", "/problems/{code}", "get-problem-kind", everyone, ok, op(s, s.getProblemKind), "Explain a kind of problem",
			"The type of a problem links to this page.",
		},
	}
}

// op adapts a handler to Huma and turns its errors into problems.
func op[I, O any](s *server, handle func(context.Context, *I) (*O, error)) func(huma.API, huma.Operation) {
	return func(a huma.API, o huma.Operation) {
		if _, ok := reflect.TypeFor[I]().FieldByName("IfMatch"); ok {
			o.Errors = append(o.Errors, http.StatusPreconditionFailed)
		}
		if _, ok := reflect.TypeFor[I]().FieldByName("IfNoneMatch"); ok {
			o.Responses = map[string]*huma.Response{"304": {Description: "Not changed since the response with the ETag in If-None-Match."}}
		}
		huma.Register(a, o, func(ctx context.Context, in *I) (*O, error) {
			out, err := handle(ctx, in)
			if err != nil {
				return nil, s.problem(ctx, err)
			}
			return out, nil
		})
	}
}

const (
	maxBodyBytes = 64 << 10
	maxBulkBytes = 4 << 20 // of a body that lists SIMs
	callTimeout  = 30 * time.Second
	readTimeout  = 15 * time.Second // of a call that reads from the database and responds at once
	bodyTimeout  = 35 * time.Second // for a body to arrive, unless it is an upload

	batchCancelTimeout = 10 * time.Minute // it takes one transaction per request of the batch
)

// reads reports whether a call reads from the database and responds at once.
func (r Route) reads() bool {
	return r.Method == http.MethodGet && r.audience != everyone && (r.bounds.stream == nil || r.bounds.stream.page)
}

func (r Route) timeout() time.Duration {
	if r.reads() {
		return cmp.Or(r.bounds.timeout, readTimeout)
	}
	return cmp.Or(r.bounds.timeout, callTimeout)
}

// operation describes a route to Huma.
func (r Route) operation() huma.Operation {
	o := huma.Operation{
		Method:          r.Method,
		Path:            r.Path,
		OperationID:     r.OperationID,
		Summary:         r.summary,
		Tags:            []string{r.tag()},
		Description:     r.description + " Needs no API key.",
		DefaultStatus:   cmp.Or(r.bounds.status, http.StatusOK),
		MaxBodyBytes:    cmp.Or(r.bounds.maxBytes, maxBodyBytes),
		BodyReadTimeout: -1, // readJSON has read the body
	}
	if roles := r.audience.roles(); len(roles) > 0 {
		o.Security = []map[string][]string{{"key": {}}}
		o.Description = r.description + " Requires an API key with the role " + rolesText(roles) + "."
		if p := r.audience.permission(); p != "" && p != storage.PermissionViewer {
			o.Description += " A key of an account needs the permission " + string(p) + "."
		}
		if r.needsFresh() {
			o.Description += " In a browser, it needs a sign-in from the last 15 minutes."
		}
		o.Errors = append(o.Errors, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests)
	}
	if strings.Contains(r.Path, "{") || r.OperationID == "get-current-key" {
		o.Errors = append(o.Errors, http.StatusNotFound)
	}
	if r.Method == http.MethodPost || r.Method == http.MethodDelete || slices.Contains([]string{"update-sim", "sync-sims", "update-account", "put-sim-identifier", "put-membership"}, r.OperationID) {
		o.Errors = append(o.Errors, http.StatusConflict)
	}
	if r.Method != http.MethodGet && r.Method != http.MethodDelete {
		o.Errors = append(o.Errors, http.StatusBadRequest, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if r.bounds.stream != nil && r.bounds.stream.formats {
		o.Errors = append(o.Errors, http.StatusNotAcceptable)
	}
	o.Errors = append(o.Errors, http.StatusUnprocessableEntity, http.StatusServiceUnavailable) // 422 also for an unknown parameter
	return o
}

// rolesText returns "admin", "support or admin" and so on.
func rolesText(roles []storage.Role) string {
	text := ""
	for i, role := range roles {
		switch {
		case i == 0:
		case i == len(roles)-1:
			text += " or "
		default:
			text += ", "
		}
		text += string(role)
	}
	return text
}

// tag returns the section of the document that lists the route.
func (r Route) tag() string {
	name, _, _ := strings.Cut(strings.TrimPrefix(r.Path, "/v1/"), "/")
	switch {
	case !strings.HasPrefix(r.Path, "/v1/"):
		return "service"
	case name == "account-names", name == "email-uses":
		return "accounts"
	case name == "key":
		return "keys"
	case name == "me":
		return "people"
	}
	return name
}

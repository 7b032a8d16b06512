package problem

import "net/http"

// Code identifies a kind of problem for programs.
type Code string

// The codes of problems; [Kinds] explains them.
const (
	Malformed            Code = "malformed"
	Unauthenticated      Code = "unauthenticated"
	Forbidden            Code = "forbidden"
	AccountRequired      Code = "account_required"
	NoMembership         Code = "no_membership"
	FreshSignInRequired  Code = "fresh_sign_in_required"
	WrongParty           Code = "wrong_party"
	SelfApproval         Code = "self_approval"
	OnBehalfOff          Code = "on_behalf_off"
	NotFound             Code = "not_found"
	UnknownPath          Code = "unknown_path"
	MethodNotAllowed     Code = "method_not_allowed"
	NotAcceptable        Code = "not_acceptable"
	BodyTooSlow          Code = "body_too_slow"
	Exists               Code = "exists"
	LastAdministrator    Code = "last_administrator"
	LastOwner            Code = "last_owner"
	RequestState         Code = "request_state"
	RequestExpired       Code = "request_expired"
	PullState            Code = "pull_state"
	TransferCodeState    Code = "transfer_code_state"
	SIMStatus            Code = "sim_status"
	SIMInTransfer        Code = "sim_in_transfer"
	SIMHasHistory        Code = "sim_has_history"
	SIMCount             Code = "sim_count"
	SIMsRefused          Code = "sims_refused"
	RequestCount         Code = "request_count"
	IdentifierTaken      Code = "identifier_taken"
	IdentifierRequired   Code = "identifier_required"
	ReferenceTaken       Code = "reference_taken"
	CommentLimit         Code = "comment_limit"
	FeeValid             Code = "fee_valid"
	AccountInUse         Code = "account_in_use"
	GatewayInUse         Code = "gateway_in_use"
	AccountLimit         Code = "account_limit"
	WebhookDisabled      Code = "webhook_disabled"
	StillRunning         Code = "still_running"
	TakeBackLate         Code = "take_back_late"
	NoTakeBack           Code = "no_take_back"
	SIMsNotFree          Code = "sims_not_free"
	StillReleasing       Code = "still_releasing"
	WindowNotPossible    Code = "window_not_possible"
	ExtensionNotPossible Code = "extension_not_possible"
	SyncRunning          Code = "sync_running"
	RetireShare          Code = "retire_share"
	PreconditionFailed   Code = "precondition_failed"
	TooLarge             Code = "too_large"
	UnsupportedMediaType Code = "unsupported_media_type"
	Invalid              Code = "invalid"
	InvalidRange         Code = "invalid_range"
	NothingSelected      Code = "nothing_selected"
	UnknownLot           Code = "unknown_lot"
	TooManySIMs          Code = "too_many_sims"
	InvalidLines         Code = "invalid_lines"
	UnknownDestination   Code = "unknown_destination"
	OwnAccount           Code = "own_account"
	AccountClosed        Code = "account_closed"
	PlanNotAvailable     Code = "plan_not_available"
	UnknownSIMs          Code = "unknown_sims"
	NoFee                Code = "no_fee"
	InvalidTransferCode  Code = "invalid_transfer_code"
	NothingToRetry       Code = "nothing_to_retry"
	IdempotencyKeyReused Code = "idempotency_key_reused"
	RateLimited          Code = "rate_limited"
	Internal             Code = "internal"
	Busy                 Code = "busy"
)

// Kind explains one kind of problem.
type Kind struct {
	Code    Code   `json:"code"`
	Status  int    `json:"status" doc:"The HTTP status of its responses."`
	Title   string `json:"title"`
	Meaning string `json:"meaning" doc:"What it means and what to do."`
}

// Kinds returns every kind of problem, in the order of their statuses. Where
// several have the same status, the first is the most general.
func Kinds() []Kind {
	return []Kind{
		{Malformed, http.StatusBadRequest, "Malformed body", "The body is missing, incomplete or not valid JSON in UTF-8, or it has a field twice."},
		{Unauthenticated, http.StatusUnauthorized, "No valid API key", "Send the header Authorization: Bearer, followed by an API key that has not been revoked. People sign in again, at /sign-in."},
		{Forbidden, http.StatusForbidden, "Not allowed", "The role or the permission of the API key or the person does not allow this call or one of its parameters, or the key cannot be used from this network."},
		{NoMembership, http.StatusForbidden, "No account to act for", "You have signed in, but belong to no account and not to the staff. Ask an owner of your account, or the operator of the service, for an invitation."},
		{FreshSignInRequired, http.StatusForbidden, "Sign in again", "This act needs a sign-in from the last 15 minutes. Nothing was changed. Sign in again at /sign-in?fresh=1, and repeat the call. A program that sends an API key does not need this."},
		{WrongParty, http.StatusForbidden, "Not allowed for this party", "The source, the destination and support each make their own decisions about a transfer request."},
		{SelfApproval, http.StatusForbidden, "Own request", "The caller made this request on behalf of the source, has created or rotated the API key that made it, or was shown the invitation link of the person who made it. Someone else has to approve it. Who made or approved a request cannot accept it on behalf of the destination either. All keys and memberships of a person count as one."},
		{OnBehalfOff, http.StatusForbidden, "Only the destination accepts", "The service is not set up to let support accept requests on behalf of destinations. Let the destination accept, or set SIMTRANSFER_ALLOW_ACCEPT_ON_BEHALF for the API processes."},
		{NotFound, http.StatusNotFound, "Not found", "The resource does not exist, or it belongs to another account."},
		{UnknownPath, http.StatusNotFound, "No such path", "The API has no such path. Check the beginning of the URL, and that the service is not older than the client. The page /docs lists the paths."},
		{MethodNotAllowed, http.StatusMethodNotAllowed, "Method not allowed", "The URL does not support this method. The header Allow lists the methods that it supports."},
		{NotAcceptable, http.StatusNotAcceptable, "Format not available", "Responses are available as JSON, results and the audit trail also as NDJSON and CSV. The header Accept asks for none of these."},
		{BodyTooSlow, http.StatusRequestTimeout, "The body arrived too slowly", "The body did not arrive in time. Nothing was changed."},
		{Exists, http.StatusConflict, "Already exists", "The resource already exists. Nothing was changed."},
		{LastAdministrator, http.StatusConflict, "Last administrator's key", "Without this key, no one could administer the service. Create another administrator's key that never expires first."},
		{LastOwner, http.StatusConflict, "Last owner", "Without this person or API key, no one could manage the account. Give someone else the permission owner first, or create an API key with it. A key that was stolen can be rotated."},
		{RequestState, http.StatusConflict, "Not possible in this state", "The transfer request was in a state that does not allow this call. The field state names that state."},
		{RequestExpired, http.StatusConflict, "The request has expired", "The time to decide on the transfer request has passed: it counts as expired, even if its state does not say so yet. Its source can retry it."},
		{PullState, http.StatusConflict, "The pull request is not open", "The pull request was approved, refused or canceled, or its time limit has passed. The field state names its state. Nothing was changed. The account that asks can make a new one."},
		{TransferCodeState, http.StatusConflict, "The transfer code is not open", "The transfer code was redeemed or has expired, so it cannot be revoked. The field state names its state. If it was redeemed, cancel the transfer request that the code names, until the destination accepts it."},
		{SIMStatus, http.StatusConflict, "Status change not allowed", "A terminated SIM stays terminated, no SIM becomes ready again, and a SIM with termination protection cannot be terminated. The field state names the status of the SIM. An administrator can correct a status, with a reason."},
		{SIMInTransfer, http.StatusConflict, "SIM in an open transfer", "The identifiers, the card and the owner of a SIM cannot change while it is in an open transfer. Nothing was changed. Cancel the transfer request that the field detail names, or wait until it is finished."},
		{SIMHasHistory, http.StatusConflict, "SIM with a history", "The SIM was transferred or swapped, so it is not a wrong import and cannot be retired. Nothing was changed. Set its status to terminated instead."},
		{SIMCount, http.StatusConflict, "Another number of SIMs", "The filter, the list or the file is for another number of SIMs than expect_count or expect_changes says. Nothing was changed. Look again at what is selected or would change, for example with dry_run, and repeat the call with the right number."},
		{RequestCount, http.StatusConflict, "Another number of requests", "The filter or the list chooses another number of requests than expect_count says. Nothing was decided. Look again at what is chosen, for example with dry_run, and repeat the call with the right number."},
		{SIMsRefused, http.StatusConflict, "Some SIMs cannot be changed", "The rules refuse the change for some of the SIMs. Nothing was changed. The field errors lists the first of them for each reason. Leave them out, or change the others with skip_refused."},
		{IdentifierTaken, http.StatusConflict, "Identifier of another SIM", "Another SIM has this identifier or external id. Nothing was changed. The field detail names that SIM. A number or an IMSI can be moved from it with the field from."},
		{IdentifierRequired, http.StatusConflict, "Identifier that the SIM needs", "A SIM keeps its ICCID and at least one IMSI. Nothing was changed. Add another IMSI first; a new card takes over by a swap."},
		{ReferenceTaken, http.StatusConflict, "Reference in use", "The call asks for a unique reference, and another request of the source has it. Nothing was created. The field detail names that request. Look whether it is the same transfer; otherwise use another reference, or leave out unique_reference."},
		{CommentLimit, http.StatusConflict, "Too many comments", "The party has written as many comments on this request as it can. Nothing was written."},
		{FeeValid, http.StatusConflict, "The fee applies already", "Only a fee that is not valid yet can be withdrawn. Add another entry to the fee schedule to change a fee from now on."},
		{AccountInUse, http.StatusConflict, "Account with open requests", "The account sends or receives requests that are not finished, so it was not closed. The field errors counts what is open. Wait until the requests are finished, or close the account with open_requests: end, which cancels them."},
		{GatewayInUse, http.StatusConflict, "Gateway with open sessions", "Sessions are open at the gateway, so it was not removed. Wait until they have ended, or remove it with open_sessions=leave; the transfers of SIMs with such a session then fail with session_not_dropped."},
		{WebhookDisabled, http.StatusConflict, "Webhook endpoint disabled", "The endpoint is disabled, so nothing is sent to it. Fix what its fields disabled_reason and last_failure say, and call enable."},
		{AccountLimit, http.StatusConflict, "Account at its limit", "The source has too many unfinished requests (open_requests), too many SIMs in them (open_sims), or too many stored transfers that named no SIM of the account (unknown_sims), the account has too many API keys (keys), plan mappings, webhook endpoints or open pull requests (open_pull_requests), or it has asked for too many SIMs in 24 hours (pulled_sims). Open transfer codes count as unfinished requests. Nothing was created. The field errors names the limit and how much of it is used. Wait until requests are finished, cancel some, or ask an administrator to raise the limit of the account."},
		{TakeBackLate, http.StatusConflict, "Too late to take back", "A cancel, decline or denial can be taken back for ten minutes. Nothing was changed. Create a new request for the SIMs."},
		{NoTakeBack, http.StatusConflict, "Cannot be taken back", "Only the cancel, decline or denial of a whole request that had been validated can be taken back. Nothing was changed. Create a new request for the SIMs."},
		{SIMsNotFree, http.StatusConflict, "SIMs not free any more", "SIMs of the request are in another transfer, or do not belong to its source any more, so its end cannot be taken back. Nothing was changed. The field errors lists the first 100 of these SIMs. Create a new request for the others."},
		{StillReleasing, http.StatusConflict, "SIMs still being released", "The end of a request can be taken back when all its SIMs have been released. Repeat this call after the time in the header Retry-After."},
		{StillRunning, http.StatusConflict, "The first call is still running", "A call with the same Idempotency-Key has not finished. Repeat this call after the time in the header Retry-After."},
		{SyncRunning, http.StatusConflict, "Another sync is running", "Syncs do not run at the same time. Nothing was changed. Repeat this call after the time in the header Retry-After."},
		{RetireShare, http.StatusConflict, "Too many SIMs are missing", "The file does not have a greater share of the SIMs than may be retired. Nothing was changed. Check that the file is complete, or allow a greater share with max_retire_share."},
		{PreconditionFailed, http.StatusPreconditionFailed, "Changed since it was read", "The resource is not, or is no longer, the version that the header If-Match names. Nothing was changed. The header ETag has the present version."},
		{TooLarge, http.StatusRequestEntityTooLarge, "Too large", "The body has more bytes or rows than the service accepts. Split it into several."},
		{UnsupportedMediaType, http.StatusUnsupportedMediaType, "Unsupported media type", "Send JSON in UTF-8 with Content-Type: application/json; a PATCH can also have application/merge-patch+json. Uploads can also be text/csv or application/x-ndjson."},
		{Invalid, http.StatusUnprocessableEntity, "Invalid input", "Nothing was changed. The field errors lists what to fix, and where."},
		{InvalidRange, http.StatusUnprocessableEntity, "Invalid range of ICCIDs", "Nothing was changed. A range has a first and a last ICCID with a dash between them. Both have the same number of digits, with or without check digit, and the first is not greater than the last. The field errors lists the wrong ranges."},
		{NothingSelected, http.StatusUnprocessableEntity, "No SIM selected", "Nothing was changed. No SIM of the account matches the filter, or is in the range that the field errors names. The field errors also names the plans, groups and tags of the filter that no SIM of the account has. List SIMs with the same filter to see what matches."},
		{UnknownLot, http.StatusUnprocessableEntity, "Unknown lot", "Nothing was changed. The account has no SIM of this order or box. The field lot of a SIM says which one it came in."},
		{TooManySIMs, http.StatusUnprocessableEntity, "Too many SIMs selected", "Nothing was changed. More SIMs are selected than one request can have. Create a batch from the selection, which makes several requests, or narrow the selection."},
		{InvalidLines, http.StatusUnprocessableEntity, "Invalid upload", "Nothing was accepted. The field errors lists up to 100 errors, each with its line."},
		{WindowNotPossible, http.StatusUnprocessableEntity, "Window not possible", "A transfer can start from now on and within 30 days, and its window is at least a minute long. Nothing was decided. The field errors says what to change."},
		{ExtensionNotPossible, http.StatusUnprocessableEntity, "Extension not possible", "The time to decide can only become longer, up to 30 days after it began. Nothing was changed. The field detail names the latest time."},
		{UnknownDestination, http.StatusUnprocessableEntity, "Unknown destination", "No account has both this email and this operator id. The service does not tell which of the two is wrong, to protect other accounts."},
		{OwnAccount, http.StatusUnprocessableEntity, "Same source and destination", "A transfer needs a destination other than its source account."},
		{AccountRequired, http.StatusUnprocessableEntity, "Which account?", "You can act for several accounts: send the header Simtransfer-Account with the operator id of one of them, or with staff. GET /v1/me lists them."},
		{AccountClosed, http.StatusUnprocessableEntity, "Closed account", "A closed account can neither send nor receive SIMs, and its API keys can only read."},
		{PlanNotAvailable, http.StatusUnprocessableEntity, "SIMs cannot land on this plan", "The plan does not exist, the destination may not hold it, or it is bound to another coverage. Nothing was changed. The field detail names plans to choose from, if the destination may hold some plans only."},
		{UnknownSIMs, http.StatusUnprocessableEntity, "SIMs not open in this request", "The SIMs are not open in the transfer request, or the pull request does not ask the account for them. Nothing was decided. Remove the SIMs that the field errors lists."},
		{NoFee, http.StatusUnprocessableEntity, "No fee in the schedule", "The fee schedule has no amount in the source's currency. Approve with fee and fee_reason."},
		{InvalidTransferCode, http.StatusUnprocessableEntity, "Transfer code not valid", "The code does not exist, was redeemed or revoked, has expired, or belongs to the account that tries to redeem it. The service does not tell which, to protect codes from guessing. Check the code for typing errors, or ask its sender for a new one. An account can try 10 wrong codes in an hour, and all accounts in one network 30 together; the response then is 429."},
		{NothingToRetry, http.StatusUnprocessableEntity, "Nothing to retry", "No SIM of the request can be retried for the given reasons, or all of them have been retried already."},
		{IdempotencyKeyReused, http.StatusUnprocessableEntity, "Idempotency-Key already used", "An Idempotency-Key identifies one call with one body. Use a new key for a different call."},
		{RateLimited, http.StatusTooManyRequests, "Too many calls", "The caller has made too many calls, or its account has too many operations in progress. The header Retry-After says how long to wait."},
		{Internal, http.StatusInternalServerError, "Internal error", "The service failed. The call may or may not have taken effect; with an Idempotency-Key it is safe to repeat it."},
		{Busy, http.StatusServiceUnavailable, "Service busy", "The service or its database is overloaded or unavailable. The header Retry-After says how long to wait; with an Idempotency-Key it is safe to repeat the call."},
	}
}

// KindOf returns the kind with a code, or that of Internal for an unknown code.
func KindOf(code Code) Kind {
	internal := Kind{}
	for _, k := range Kinds() {
		switch k.Code {
		case code:
			return k
		case Internal:
			internal = k
		default:
		}
	}
	return internal
}

// CodeOfStatus returns the most general code with an HTTP status, or Invalid
// if there is none.
func CodeOfStatus(status int) Code {
	for _, k := range Kinds() {
		if k.Status == status {
			return k.Code
		}
	}
	return Invalid
}

package transfer

// AuditAction says what an entry of the audit trail records: an act outside of
// transfer requests, whose own record are their events. The first part is the
// object, the second what was done to it.
type AuditAction string

// The actions. See docs/recipes.md before adding one.
const (
	AuditAccountCreate AuditAction = "account.create"
	AuditAccountUpdate AuditAction = "account.update"
	AuditAccountClose  AuditAction = "account.close"
	AuditAccountReopen AuditAction = "account.reopen"
	AuditAccountRead   AuditAction = "account.read" // staff read the email of one account
	AuditAccountList   AuditAction = "account.list" // staff listed the emails of accounts

	AuditEmailLookUp AuditAction = "email.look_up" // staff looked up what an email belongs to

	AuditKeyCreate AuditAction = "key.create"
	AuditKeyRotate AuditAction = "key.rotate"
	AuditKeyRevoke AuditAction = "key.revoke"

	AuditSignIn       AuditAction = "session.sign_in"
	AuditSignInDenied AuditAction = "session.sign_in_denied"
	AuditSignOut      AuditAction = "session.sign_out"
	AuditSignInEnd    AuditAction = "session.end" // a sign-in was ended from another one

	AuditPersonUpdate     AuditAction = "person.update"
	AuditPersonDisable    AuditAction = "person.disable"
	AuditPersonEnable     AuditAction = "person.enable"
	AuditMembershipCreate AuditAction = "membership.create" // without an invitation
	AuditMembershipUpdate AuditAction = "membership.update"
	AuditMembershipRemove AuditAction = "membership.remove"

	AuditInvitationCreate AuditAction = "invitation.create"
	AuditInvitationRevoke AuditAction = "invitation.revoke"
	AuditInvitationAccept AuditAction = "invitation.accept" // and the person has signed in

	AuditSIMImport       AuditAction = "sim.import"
	AuditSIMSync         AuditAction = "sim.sync"
	AuditSIMUpdate       AuditAction = "sim.update"        // tags, group, several fields at once
	AuditSIMStatus       AuditAction = "sim.status"        // the status was set
	AuditSIMCorrect      AuditAction = "sim.correct"       // an administrator set a status against the rules, with a reason
	AuditSIMLock         AuditAction = "sim.lock"          // the transfer lock was put on
	AuditSIMUnlock       AuditAction = "sim.unlock"        // the transfer lock was removed
	AuditSIMIdentifiers  AuditAction = "sim.identifiers"   // a number or an IMSI was added, moved or removed
	AuditSIMSwap         AuditAction = "sim.swap"          // a new card replaced an old one
	AuditSIMRetire       AuditAction = "sim.retire"        // a SIM that was imported by mistake was retired
	AuditSIMCorrectOwner AuditAction = "sim.correct_owner" // an administrator changed the owner without a transfer
	AuditSIMBulkChange   AuditAction = "sim.bulk_change"   // one change was made to many SIMs
	AuditSIMHistory      AuditAction = "sim.history"       // staff read the history of a SIM across accounts

	AuditPlanPut           AuditAction = "plan.put"
	AuditPlanMappingPut    AuditAction = "plan_mapping.put"
	AuditPlanMappingDelete AuditAction = "plan_mapping.delete"

	AuditFeeCreate AuditAction = "fee.create"
	AuditFeeDelete AuditAction = "fee.delete" // a future fee was withdrawn

	AuditGatewayCreate AuditAction = "gateway.create"
	AuditGatewayUpdate AuditAction = "gateway.update"
	AuditGatewayDelete AuditAction = "gateway.delete"
	AuditGatewayProbe  AuditAction = "gateway.probe" // a worker was asked to send the gateway a request

	AuditQueueAct  AuditAction = "queue.act"  // a call of the queue UI that is not a read
	AuditWorkRetry AuditAction = "work.retry" // from the command line

	AuditDataSessionClose AuditAction = "data_session.close" // stale data sessions were closed
	AuditDataSessionDrop  AuditAction = "data_session.drop"  // the data sessions of a SIM were ended by hand

	AuditPrivacyExport AuditAction = "privacy.export"
	AuditPrivacyErase  AuditAction = "privacy.erase"

	AuditRequestAccept AuditAction = "request.accept_on_behalf" // support accepted in place of the destination; the request has its own events

	AuditPullCreate  AuditAction = "pull.create"
	AuditPullCancel  AuditAction = "pull.cancel"
	AuditPullApprove AuditAction = "pull.approve" // an owner agreed to send SIMs; the request has its own events
	AuditPullRefuse  AuditAction = "pull.refuse"

	AuditCodeCreate AuditAction = "code.create"
	AuditCodeRevoke AuditAction = "code.revoke"
	AuditCodeRedeem AuditAction = "code.redeem" // the request has its own events
	AuditCodeDenied AuditAction = "code.denied" // a wrong transfer code was tried

	AuditTransferPurge AuditAction = "transfer.purge" // transfers that named no SIM of their source were deleted

	AuditWebhookCreate  AuditAction = "webhook.create" // a webhook endpoint was made
	AuditWebhookUpdate  AuditAction = "webhook.update"
	AuditWebhookDelete  AuditAction = "webhook.delete"
	AuditWebhookRotate  AuditAction = "webhook.rotate"  // it got a new secret
	AuditWebhookEnable  AuditAction = "webhook.enable"  // it was disabled before
	AuditWebhookDisable AuditAction = "webhook.disable" // by a caller, or by the service because it failed
	AuditWebhookTest    AuditAction = "webhook.test"    // a test was sent
	AuditWebhookReplay  AuditAction = "webhook.replay"  // messages were sent again

	AuditMailChoice AuditAction = "mail.choice" // a kind of mail was turned off or on for an address
	AuditMailList   AuditAction = "mail.list"   // staff listed the addresses that mails were sent to

	AuditExportCreate AuditAction = "export.create" // the inventory, or the records of a period, were exported
)

// AuditActions lists every action.
func AuditActions() []AuditAction {
	return []AuditAction{
		AuditAccountCreate, AuditAccountUpdate, AuditAccountClose, AuditAccountReopen, AuditAccountRead, AuditAccountList, AuditEmailLookUp,
		AuditKeyCreate, AuditKeyRotate, AuditKeyRevoke,
		AuditSignIn, AuditSignInDenied, AuditSignOut, AuditSignInEnd,
		AuditPersonUpdate, AuditPersonDisable, AuditPersonEnable, AuditMembershipCreate, AuditMembershipUpdate, AuditMembershipRemove,
		AuditInvitationCreate, AuditInvitationRevoke, AuditInvitationAccept,
		AuditSIMImport, AuditSIMSync, AuditSIMUpdate, AuditSIMStatus, AuditSIMCorrect, AuditSIMLock, AuditSIMUnlock,
		AuditSIMIdentifiers, AuditSIMSwap, AuditSIMRetire, AuditSIMCorrectOwner, AuditSIMBulkChange, AuditSIMHistory,
		AuditPlanPut, AuditPlanMappingPut, AuditPlanMappingDelete, AuditFeeCreate, AuditFeeDelete,
		AuditGatewayCreate, AuditGatewayUpdate, AuditGatewayDelete, AuditGatewayProbe,
		AuditQueueAct, AuditWorkRetry, AuditDataSessionClose, AuditDataSessionDrop,
		AuditPrivacyExport, AuditPrivacyErase,
		AuditRequestAccept,
		AuditPullCreate, AuditPullCancel, AuditPullApprove, AuditPullRefuse,
		AuditCodeCreate, AuditCodeRevoke, AuditCodeRedeem, AuditCodeDenied,
		AuditTransferPurge,
		AuditWebhookCreate, AuditWebhookUpdate, AuditWebhookDelete, AuditWebhookRotate, AuditWebhookEnable, AuditWebhookDisable,
		AuditWebhookTest, AuditWebhookReplay, AuditMailChoice, AuditMailList,
		AuditExportCreate,
	}
}

// AuditActor says what kind of actor an entry of the audit trail records.
type AuditActor string

// The kinds of actors.
const (
	ActorKey     AuditActor = "key"     // an API key
	ActorPerson  AuditActor = "person"  // someone who has signed in
	ActorCommand AuditActor = "command" // a command that was run with access to the database
	ActorSystem  AuditActor = "system"  // the service itself
	ActorUnknown AuditActor = "unknown" // a caller that could not be identified
)

// AuditActors lists every kind of actor.
func AuditActors() []AuditActor {
	return []AuditActor{ActorKey, ActorPerson, ActorCommand, ActorSystem, ActorUnknown}
}

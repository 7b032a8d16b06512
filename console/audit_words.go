package console

import (
	"strings"

	"simtransfer/transfer"
)

// actionTexts says for people what each action of the audit trail was.
func actionTexts() map[transfer.AuditAction]string {
	return map[transfer.AuditAction]string{
		transfer.AuditAccountCreate: "Account opened",
		transfer.AuditAccountUpdate: "Account changed",
		transfer.AuditAccountClose:  "Account closed",
		transfer.AuditAccountReopen: "Account opened again",
		transfer.AuditAccountRead:   "Account read",
		transfer.AuditAccountList:   "Accounts listed",
		transfer.AuditEmailLookUp:   "Email looked up",

		transfer.AuditKeyCreate: "API key created",
		transfer.AuditKeyRotate: "API key replaced",
		transfer.AuditKeyRevoke: "API key revoked",

		transfer.AuditSignIn:       "Signed in",
		transfer.AuditSignInDenied: "Sign-in refused",
		transfer.AuditSignOut:      "Signed out",
		transfer.AuditSignInEnd:    "Browser signed out",

		transfer.AuditPersonUpdate:     "Person changed",
		transfer.AuditPersonDisable:    "Person disabled",
		transfer.AuditPersonEnable:     "Person enabled",
		transfer.AuditMembershipCreate: "Rights given",
		transfer.AuditMembershipUpdate: "Rights changed",
		transfer.AuditMembershipRemove: "Rights removed",

		transfer.AuditInvitationCreate: "Invitation sent",
		transfer.AuditInvitationRevoke: "Invitation revoked",
		transfer.AuditInvitationAccept: "Invitation accepted",

		transfer.AuditSIMImport:       "SIMs imported",
		transfer.AuditSIMSync:         "Inventory synced",
		transfer.AuditSIMUpdate:       "SIM changed",
		transfer.AuditSIMStatus:       "SIM status set",
		transfer.AuditSIMCorrect:      "SIM status corrected",
		transfer.AuditSIMLock:         "SIM locked",
		transfer.AuditSIMUnlock:       "SIM unlocked",
		transfer.AuditSIMIdentifiers:  "SIM numbers changed",
		transfer.AuditSIMSwap:         "SIM card replaced",
		transfer.AuditSIMRetire:       "SIM retired",
		transfer.AuditSIMCorrectOwner: "SIM owner corrected",
		transfer.AuditSIMBulkChange:   "Many SIMs changed",
		transfer.AuditSIMHistory:      "SIM history read",

		transfer.AuditPlanPut:           "Plan set",
		transfer.AuditPlanMappingPut:    "Plan mapping set",
		transfer.AuditPlanMappingDelete: "Plan mapping removed",

		transfer.AuditFeeCreate: "Fee set",
		transfer.AuditFeeDelete: "Planned fee withdrawn",

		transfer.AuditGatewayCreate: "Gateway added",
		transfer.AuditGatewayUpdate: "Gateway changed",
		transfer.AuditGatewayDelete: "Gateway removed",
		transfer.AuditGatewayProbe:  "Gateway probed",

		transfer.AuditQueueAct:  "Task queue changed",
		transfer.AuditWorkRetry: "Dead work retried",

		transfer.AuditDataSessionClose: "Stale data sessions closed",
		transfer.AuditDataSessionDrop:  "Data sessions ended",

		transfer.AuditPrivacyExport: "Personal data exported",
		transfer.AuditPrivacyErase:  "Personal data erased",

		transfer.AuditRequestAccept: "Request accepted on behalf",

		transfer.AuditPullCreate:  "SIMs asked for",
		transfer.AuditPullCancel:  "Pull request canceled",
		transfer.AuditPullApprove: "Pull request approved",
		transfer.AuditPullRefuse:  "Pull request refused",

		transfer.AuditCodeCreate: "Transfer code made",
		transfer.AuditCodeRevoke: "Transfer code revoked",
		transfer.AuditCodeRedeem: "Transfer code redeemed",
		transfer.AuditCodeDenied: "Wrong transfer code tried",

		transfer.AuditTransferPurge: "Unknown SIMs deleted",

		transfer.AuditWebhookCreate:  "Webhook created",
		transfer.AuditWebhookUpdate:  "Webhook changed",
		transfer.AuditWebhookDelete:  "Webhook deleted",
		transfer.AuditWebhookRotate:  "Webhook secret replaced",
		transfer.AuditWebhookEnable:  "Webhook enabled",
		transfer.AuditWebhookDisable: "Webhook disabled",
		transfer.AuditWebhookTest:    "Webhook tested",
		transfer.AuditWebhookReplay:  "Webhook messages sent again",

		transfer.AuditMailChoice: "Mail turned off or on",
		transfer.AuditMailList:   "Mails listed",

		transfer.AuditExportCreate: "Export made",
	}
}

// actionText says for people what an action was. One of a later version has its name.
func actionText(a transfer.AuditAction) string {
	if text := actionTexts()[a]; text != "" {
		return text
	}
	object, act, _ := strings.Cut(string(a), ".")
	return words(object) + ": " + strings.ReplaceAll(act, "_", " ")
}

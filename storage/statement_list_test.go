package storage

import "slices"

// statements lists every statement of the package; a test finds those that are
// missing here.
func statements() []*statement {
	return []*statement{
		// account_limits.go
		selectUsage,
		lockLimits,
		countKeys,
		purgeUnknown,
		// accounting.go
		recordReports,
		lockReportedSIMs,
		judgeReports,
		retireReusedSessions,
		insertReportedSessions,
		selectSessionVersions,
		judgeRestart,
		closeBefore,
		noteRestart,
		selectAccountingClients,
		selectMissingAccountingRights,
		// accounts.go
		insertAccount,
		selectAccountConflicts,
		selectAccount,
		selectAccounts,
		selectAccountNames,
		lockAccount,
		updateAccount,
		selectDestinations,
		selectDestinationAndUsage,
		// arrival.go
		sumMonthly,
		// audit.go
		insertAudit,
		selectAudit,
		// batches.go
		insertBatch,
		selectBatch,
		shareBatchAccounts,
		selectBatches,
		selectBatchRequests,
		selectBatchRequestIDs,
		// bulk_change.go
		selectBulkSIMs,
		previewBulkSIMs,
		nameBulkSIMs,
		lockBulkSIMs,
		findBulkLosses,
		judgeBulkSIMs,
		countBulkVerdicts,
		selectBulkUnknown,
		changeBulkSIMs,
		selectBulkAccount,
		// change_feed.go
		hasUnnumbered,
		lockNumbering,
		numberChanges,
		selectNewestChange,
		selectChangesSince,
		selectChangeSpans,
		selectChangeRows,
		selectChangeEntries,
		// change_records.go
		selectSIMIdentifiers,
		insertChange,
		// charges.go
		selectCharges,
		selectChargeTotals,
		selectExportedCharges,
		// comments.go
		countComments,
		selectLastComment,
		selectComments,
		// code_attempts.go
		lockCodeAttempts,
		countCodeAttempts,
		insertCodeAttempt,
		deleteCodeAttempt,
		deleteOldCodeAttempts,
		// exports.go
		setExportLimits,
		selectExportedSIMs,
		selectExportedRegistrations,
		selectExportedTransfers,
		// extensions.go
		extendRequest,
		// feed_horizon.go
		declareNoEvents,
		selectOldestTx,
		selectFeedWaits,
		// fees.go
		selectFees,
		lockFees,
		selectInstallation,
		isPast,
		insertFee,
		insertAccountFee,
		selectFeeID,
		deleteFee,
		// gateways.go
		selectGateways,
		selectGatewayWaits,
		selectGateway,
		selectGatewayOf,
		lockGateway,
		insertGateway,
		updateGateway,
		countGatewaySessions,
		deleteGateway,
		// gateway_probes.go
		lockProbes,
		deleteOldProbes,
		insertProbe,
		takeProbe,
		answerProbe,
		selectProbe,
		insertProbes,
		// sim_sessions.go
		dropSIMSessions,
		selectUnknownSessions,
		countUnknownSessions,
		// mail_outbox.go
		isMailActive,
		activateMail,
		insertMails,
		openMailWork,
		countRecentMails,
		selectMailDigests,
		storeMailDigests,
		hastenMailDigests,
		takeMailDigests,
		selectActor,
		isNewAddress,
		selectFailingWebhook,
		// mails.go
		startMail,
		recordMail,
		recordRefusal,
		deleteRefusal,
		recordMailSender,
		selectMailSender,
		closeMailWork,
		selectMails,
		purgeMails,
		selectMailChoices,
		turnMailOff,
		turnMailOn,
		selectMailRefusals,
		selectUnsubscribeSecret,
		eraseMails,
		// sim_history.go
		selectRegistrations,
		selectPastTransfers,
		selectPastSessions,
		selectFormerIdentifiers,
		selectChangedValues,
		selectNamedAt,
		// idempotency.go
		lockIdempotencyKey,
		selectAnswer,
		storeAnswer,
		deleteOldAnswers,
		// imports.go
		selectRowErrors,
		resolveStagedAccounts,
		importSIMs,
		importIdentifiers,
		// invitations.go
		insertInvitation,
		recordInvitationMailError,
		countInvitations,
		selectInvitation,
		selectInvitations,
		revokeInvitation,
		selectOpenInvitation,
		lockInvitation,
		recordAcceptance,
		selectSignedInPerson,
		deletePersonSignIns,
		// keys.go
		insertKey,
		selectKey,
		selectKeys,
		hasKey,
		selectActingKeys,
		selectKeyByHash,
		lockKey,
		lockAdministrators,
		rotateKey,
		revokeKey,
		selectCaller,
		recordKeyUse,
		// landing_profile.go
		selectLandingPlan,
		selectPlanChoices,
		// migrate.go
		hasMigrations,
		// people.go
		selectPeople,
		selectMemberships,
		selectPerson,
		lockPerson,
		insertPerson,
		lockPersonByEmail,
		verifyPerson,
		insertMembership,
		updateMembership,
		revokeMembership,
		hasOwner,
		disablePerson,
		renamePerson,
		// outbox.go
		lockOutbox,
		moveOutbox,
		selectOutboxEvents,
		selectListeners,
		hasListeners,
		collectMessages,
		hastenGroups,
		takeGroups,
		takeChanges,
		insertMessages,
		openLanes,
		purgeMessages,
		// plan_mappings.go
		selectPlanMappings,
		selectPlanMapping,
		countPlanMappings,
		putPlanMapping,
		deletePlanMapping,
		selectUnknownPlans,
		// plans.go
		selectPlan,
		selectPlans,
		lockPlan,
		putPlan,
		// privacy.go
		eraseOldEventAddresses,
		eraseOldAuditAddresses,
		deleteOldAudit,
		selectAccountCalls,
		selectPersonalMails,
		selectAccountTexts,
		eraseTexts,
		eraseAccount,
		selectWebhookIDs,
		eraseMessages,
		erasePeople,
		eraseKeys,
		eraseEvents,
		eraseAudit,
		// preview.go
		previewTransfers,
		// results.go
		selectBatchDestinations,
		selectBatchLines,
		selectRequestLines,
		selectResults,
		// same_sims.go
		countSameSIMs, selectSameSIMs,
		// scheduled_requests.go
		lockStartable,
		startRequest,
		// self_approval.go
		selectSelfApprovals,
		// server_settings.go
		selectServerSettings,
		// session_links.go
		selectUnlinkedSessions,
		lockSessionSIMs,
		linkSessions,
		// person_sign_ins.go
		lockPersonByIdentity,
		linkPerson,
		followEmail,
		selectInvitationsTo,
		// email_uses.go
		selectEmailUses,
		// sign_in_links.go
		insertSignInLink,
		selectSignInLink,
		selectLinkRecipient,
		useSignInLink,
		// sign_ins.go
		insertSignIn,
		selectDenied,
		selectSignedIn,
		recordSignInUse,
		deleteSignIn,
		selectSignIns,
		lockSignIn,
		endSignIn,
		endOtherSignIns,
		// sims.go
		selectSIM,
		selectSIMByID,
		selectSIMs,
		selectSIMsWithPrefix,
		selectSIMsWithSuffix,
		selectSIMsInRanges,
		selectListedSIMs,
		selectFilteredSIMs,
		countFilteredSIMs,
		selectNamedSIMs,
		selectOwnedSessions,
		selectUnknownLots,
		selectUnmatchedConditions,
		lockSIM,
		updateSIM,
		selectPlanOf,
		putSIMDetails,
		deleteSIMDetails,
		selectExternalIDHolder,
		// sim_claims.go
		lockSIMsByID,
		holdClaims,
		dropHeldClaims,
		selectInTransfer,
		touchSIMs,
		// sim_identifiers.go
		selectHolder,
		insertIdentifier,
		moveIdentifier,
		deleteIdentifier,
		// sim_retire.go
		selectSIMPast,
		freeIdentifiers,
		// sim_swap.go
		insertCard,
		insertIdentifiers,
		moveNumbers,
		takeOver,
		terminateSIM,
		insertSwap,
		selectSwaps,
		// owner_corrections.go
		correctOwner,
		// sync_sql.go
		setSyncTimeouts,
		lockSync,
		takeSyncRows,
		matchSync,
		matchSyncOtherForm,
		compareSync,
		resolveSyncAccounts,
		findSyncTwins,
		findNewSyncTwins,
		findSyncMissing,
		keepSyncForms,
		countSyncMissing,
		lockSyncSIMs,
		findSyncLosses,
		judgeSync,
		judgeSyncMissing,
		claimSync,
		releaseSync,
		refuseSyncConflicts,
		numberSyncSIMs,
		deleteSyncIdentifiers,
		clearSyncExternalIDs,
		createSyncSIMs,
		updateSyncSIMs,
		putSyncDetails,
		deleteSyncDetails,
		insertSyncIdentifiers,
		recordSyncIdentifiers,
		retireSyncSIMs,
		countSyncOutcomes,
		countSyncFields,
		addUnchangedSync,
		selectSyncOutcomes,
		// take_back.go
		reclaimSIMs,
		selectNotFree,
		reopenRequest,
		// transactions.go
		setStatementTimeout,
		setNoTimeouts,
		lockMigrations,
		// webhook_deliveries.go
		selectLane,
		selectDueDeliveries,
		recordDeliveries,
		recordHealth,
		closeLane,
		selectDeliveries,
		selectDelivery,
		replayDeliveries,
		selectNow,
		selectDeliveryOf,
		failDeliveries,
		disableWebhook,
		// webhook_endpoints.go
		selectWebhooks,
		selectWebhook,
		lockWebhookWork,
		lockWebhook,
		insertWebhook,
		lockWebhookOwner,
		updateWebhook,
		deleteWebhookWork,
		deleteWebhook,
		rotateWebhook,
		enableWebhook,
		// work.go
		lockWork,
		lockFreeWork,
		closeWork,
		dispatchWork,
		revertDispatch,
		checkUnconfirmed,
		markSuspect,
		redispatchWork,
		selectWork,
		retryWork,
		// work_failures.go
		postponeWork,
		splitWork,
		markDead,
		failChunk,
		failNumbered,
		// leases.go
		takeLease,
		renewLease,
		lockLeasedWork,
		// gather_drops.go
		gatherDrops,
		// drop_sessions.go
		selectSIMSessions,
		closeSessions,
		handOverDropped,
		noteDropped,
		keepEligibleItems,
		putOffWork,
		separateItems,
		requeueWork,
		noteAnswers,
		// drop_stray.go
		selectStraySessions,
		deleteWork,
		// validate.go
		claimSIMs,
		judgeTransfers,
		cancelPending,
		selectWithdrawn,
		selectProgress,
		offerRequest,
		// execute.go
		lockChunkSIMs,
		lockNumberedSIMs,
		handOverChunk,
		// references.go
		claimReference,
		selectReferenced,
		lockReference,
		// release.go
		releaseChunk,
		// account_closing.go
		selectOpenWith,
		shareAccounts,
		selectUnacceptedRequests,
		// decisions.go
		lockRequest,
		selectRequestExpired,
		chooseTransfers,
		acceptRequest,
		approveRequest,
		setRequestState,
		startRelease,
		withdrawTransfers,
		finishRequest,
		closeSome,
		noteWords,
		selectOpenTransfers,
		selectOtherOpenTransfers,
		selectNamedTransfers,
		selectTransferICCIDs,
		// expire.go
		lockExpired,
		purgeNotes,
		// pulls.go
		selectPulls,
		selectPull,
		selectPullSIMs,
		selectPullOwners,
		takePullNews,
		insertPull,
		countPulls,
		lockPull,
		sharePull,
		selectAsker,
		lockPullOwner,
		cancelPull,
		selectPulledSIMs,
		decidePull,
		purgePulls,
		endPullsOf,
		// transfer_codes.go
		insertCode,
		selectCode,
		selectCodeSIMs,
		selectCodes,
		lockCode,
		revokeCode,
		revokeCodesOf,
		selectCodeSource,
		lockCodeByHash,
		redeemCode,
		purgeCodes,
		// reminders.go
		lockRemindable,
		remind,
		// requests.go
		insertRequest,
		insertChunks,
		selectRequest,
		selectRequests,
		selectOldestRequests,
		selectRequestsByDeadline,
		selectTransfers,
		countReasons,
		// retry.go
		lockFinished,
		copyRetriedLines,
		insertRetry,
		// rights.go
		selectMissingRights,
		// event_start.go
		selectFeedEnd,
		selectFeedBefore,
		selectFirstSince,
		// events.go
		selectEvents,
		insertEvent,
		selectNewestEvent,
		// event_cursor.go
		selectCursorExists,
		// stale_sessions.go
		selectStaleSessions,
		closeStaleSessions,
		// statistics.go
		selectStaleStatistics,
		// event_feed.go
		selectAccountFeed,
		selectFeed,
		selectBatchFeed,
		selectBatchStart,
		selectBatchOver,
	}
}

// allStatements lists the statements of the invariants, too. Check runs them
// without arguments.
func allStatements() []*statement {
	list := statements()
	for _, i := range slices.Concat(invariants(), accountingInvariants(), radiusInvariants()) {
		list = append(list, i.statement)
	}
	return list
}

// StatementNames returns the name of every statement.
func StatementNames() []string {
	var names []string
	for _, s := range allStatements() {
		names = append(names, s.name)
	}
	return names
}

// StatementText returns what the server gets for the statement of a name, and its
// number of parameters.
func StatementText(name string) (query string, parameters int) {
	for _, s := range allStatements() {
		if s.name == name {
			return s.query(), len(s.params())
		}
	}
	return "", 0
}

package api

// about says of each operation, by its id, what its summary leaves open.
func about() map[string]string {
	return map[string]string{
		"create-account": "An account sends and receives SIMs under its operator id. Its currency cannot change: fees are quoted in it.",
		"list-accounts":  "In the order of their operator ids.",
		"get-account":    "An account can read itself alone.",
		"update-account": "What is left out stays. A closed account neither sends nor receives SIMs.",

		"list-plans": "By name.",
		"put-plan":   "Makes it anew, or changes whether its SIMs can move to an account of another coverage.",

		"import-sims": "All rows are imported, or none if one of them is wrong. The file is read as it comes.",
		"list-sims":   "In the order of their import. An account sees its own SIMs.",
		"get-sim":     "An account finds its own SIMs alone; what is somebody else's is not found.",
		"update-sim":  "What is left out stays. Locks, tags and group are the owner's to set, the status is support's.",

		"get-sim-history": "Its owners, transfers, sessions and charges, across accounts, each the latest first.",

		"create-fee": "The entry holds until the next one of its method and currency. What was quoted before stays as it was quoted.",
		"list-fees":  "All entries, past and to come.",

		"get-current-key": "Whose key it is, what it may do, and until when if it was rotated.",
		"create-key":      "The answer has the key itself, which is shown this once.",
		"list-keys":       "In the order in which they were made. No key is shown whole.",
		"rotate-key":      "The new key has the same rights; the old one stays good for as long as is asked for. The answer has the key itself, which is shown this once.",
		"revoke-key":      "It is refused from then on, in every process. Revoking it again changes nothing.",

		"create-request":    "The answer comes at once, in the state validating; whether each SIM can go, and what it costs, is found out after that. Follow the request by its stream or its events.",
		"preview-request":   "Nothing is written and nothing is held: the quote that binds is that of the request itself.",
		"list-requests":     "The latest first. An account sees those that it sends and those that it is to receive.",
		"get-request":       "Its state, whose turn it is, its counts, and for the source and support its fees.",
		"list-transfers":    "In the order of submission. The destination sees the SIMs that were open to it.",
		"list-events":       "Every decision and every outcome, in order: the audit trail of the request.",
		"accept-request":    "The SIMs that are named move, the others are declined. How they arrive can be said by a landing profile.",
		"decline-request":   "The SIMs that are named are declined; the rest can still be accepted.",
		"cancel-request":    "The SIMs that are named are canceled; the rest goes on. It is open until the destination accepts.",
		"approve-request":   "Approves the SIMs that need support, with a ticket, and may change or waive their fee with a reason.",
		"deny-request":      "Ends the whole request. Its ready SIMs can be asked for again by a retry.",
		"retry-request":     "Makes a new request for the SIMs that failed, were ineligible or expired, and those denied for the sake of others. Each goes by the method that it needs now.",
		"create-batch":      "All rows are accepted, or none if one of them is wrong. They become one request per destination. The file is read as it comes.",
		"list-batches":      "The latest first. An account sees its own batches.",
		"get-batch":         "Its counts, and its requests. Only the account that has submitted a batch sees it, and support.",
		"cancel-batch":      "Cancels every request that can still be; what was accepted goes on. The answer says what became of each.",
		"list-feed":         "The oldest first. Nothing comes twice and nothing is missed; the source keeps the events of SIMs that it has lost.",
		"get-problem-kind":  "What the type of a problem points to.",
		"health":            "Answers as long as the process does.",
		"ready":             "Answers 200 when calls can be served.",
		"get-sims-template": "CSV, with the columns of an import.",

		"get-batch-template":  "CSV, with the columns of a batch.",
		"get-request-results": "A row per SIM, streamed, as JSON, NDJSON or CSV.",
		"get-batch-results":   "A row per SIM, streamed, as JSON, NDJSON or CSV.",
		"stream-request":      "Server-sent events, which can be resumed by Last-Event-ID.",
		"stream-batch":        "Server-sent events, which can be resumed by Last-Event-ID.",
	}
}

package storage

// statements lists every statement of the package; a test finds those that are
// missing here.
func statements() []*statement {
	return []*statement{
		// accounts.go
		insertAccount,
		selectAccount,
		selectAccounts,
		updateAccount,
		selectDestinations,
		// fees.go
		selectFees,
		isPast,
		insertFee,
		selectFee,
		// work.go
		lockWork,
		lockFreeWork,
	}
}

// Queries returns the text of every statement as the server gets it, by name.
func Queries() map[string]string {
	queries := map[string]string{}
	for _, s := range statements() {
		queries[s.name] = s.query
	}
	return queries
}

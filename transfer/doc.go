// Package transfer holds the rules for transferring a SIM's registration from
// one operator account to another: which identifiers name a SIM, which method
// applies to a status, what makes a SIM ineligible and what to do about it,
// which settings are kept, what a transfer costs, and how a request and its
// transfers change state.
//
// Start with request.go, the state table of a request, then eligibility.go,
// the rules for each SIM. The other files are short and named after what they
// hold:
//
//	request.go      states of a request, events, parties, Next
//	state.go        states of one SIM's transfer
//	eligibility.go  the rules that make a SIM ineligible or a transfer fail
//	reason.go       the reasons that those rules give, each with its remedy
//	policy.go       what a transfer keeps of a SIM's settings
//	status.go       statuses of a SIM, who may change them, and the method that each calls for
//	work.go         kinds of work and queues
//	event.go        kinds of entries in a request's event history
//	identifier.go   SIM identifiers, operator ids, email addresses
//	money.go        currencies and amounts
//	limits.go       sizes and periods
//
// The package is pure: it uses only the standard library, reads no clock and
// does no I/O. The database repeats its rules in CHECK constraints and in
// statements that package storage renders from the tables here; tests keep the
// two the same.
package transfer

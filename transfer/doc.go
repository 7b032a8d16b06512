// Package transfer holds the rules of moving a SIM's registration from one
// operator account to another: which identifiers name a SIM, which method a
// status calls for, what makes a SIM ineligible and what to do about it, which
// settings survive, what it costs, and how a request and its transfers move
// from state to state.
//
// Everything here is pure: standard library only, no clock, no I/O. The
// database repeats the same rules in constraints and in statements that are
// rendered from the tables of this package.
package transfer

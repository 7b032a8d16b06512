package storage

import "slices"

// Role says what an API key may do. This file and the CHECK constraints of
// api_keys are the only places of package storage that know the roles; the
// API decides which routes a role may call.
type Role string

// The roles.
const (
	RoleAccount Role = "account" // acts for one account
	RoleSupport Role = "support" // supports all accounts
	RoleAdmin   Role = "admin"   // administers the service
)

// Roles lists every role.
func Roles() []Role { return []Role{RoleAccount, RoleSupport, RoleAdmin} }

// HasAccount reports whether keys of the role act for an account.
func (r Role) HasAccount() bool { return r == RoleAccount }

// SignsIn reports whether a browser may sign in with a key of the role.
func (r Role) SignsIn() bool { return r == RoleAdmin }

func (r Role) known() bool { return slices.Contains(Roles(), r) }

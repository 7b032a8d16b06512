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
	RoleFinance Role = "finance" // reads what transfers cost, and sets fees
	RoleAdmin   Role = "admin"   // administers the service
)

// Roles lists every role.
func Roles() []Role { return []Role{RoleAccount, RoleSupport, RoleFinance, RoleAdmin} }

// HasAccount reports whether keys of the role act for an account.
func (r Role) HasAccount() bool { return r == RoleAccount }

// Permission says what a key of an account may do there. Each permission contains
// those before it.
type Permission string

// The permissions.
const (
	PermissionViewer   Permission = "viewer"   // reads
	PermissionOperator Permission = "operator" // requests and cancels transfers; sets tags, groups, and locks
	PermissionApprover Permission = "approver" // accepts and declines requests; removes locks
	PermissionOwner    Permission = "owner"    // everything that the account may do
)

// Permissions lists every permission, each before those that contain it.
func Permissions() []Permission {
	return []Permission{PermissionViewer, PermissionOperator, PermissionApprover, PermissionOwner}
}

// Includes reports whether the permission contains another one. A permission
// that is not in Permissions contains none and is contained in none.
func (p Permission) Includes(other Permission) bool {
	i, j := slices.Index(Permissions(), p), slices.Index(Permissions(), other)
	return j >= 0 && i >= j
}

func (r Role) known() bool { return slices.Contains(Roles(), r) }

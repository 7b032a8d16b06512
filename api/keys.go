package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// Key is an API key as the API shows it.
type Key struct {
	ID         int64                `json:"id"`
	Hint       string               `json:"hint" example:"st_admin_abcd…wxyz" doc:"The beginning and the end of the key."`
	Role       storage.Role         `json:"role"`
	Account    *transfer.OperatorID `json:"account,omitempty" doc:"The operator id of the account that the key acts for."`
	AccountID  *string              `json:"account_external_id,omitempty" doc:"The external id of the account. For support."`
	Permission *storage.Permission  `json:"permission,omitempty" doc:"What the key may do in its account. Each permission contains those before it: viewer reads; operator requests and cancels transfers and sets tags, groups and locks; approver accepts and declines requests and removes locks; owner does everything. Left out for staff."`
	Networks   []string             `json:"networks,omitempty" example:"[\"192.0.2.0/24\"]" doc:"The networks from which the key can be used. Left out: any."`
	Name       string               `json:"name"`
	CreatedAt  time.Time            `json:"created_at"`
	CreatedBy  *int64               `json:"created_by,omitempty" doc:"The id of the key that created this one. Left out for a key that was created on the server and, for accounts, by the operator of the service."`
	ExpiresAt  *time.Time           `json:"expires_at,omitempty" doc:"When the key stops working. Left out for a key that works until it is revoked."`
	LastUsedAt *time.Time           `json:"last_used_at,omitempty" doc:"When the key was last used, up to a minute late."`
	RevokedAt  *time.Time           `json:"revoked_at,omitempty"`
	RevokedBy  *int64               `json:"revoked_by,omitempty" doc:"The id of the key that revoked this one. For accounts, left out if it was revoked by the operator of the service."`
	OldUntil   *time.Time           `json:"old_until,omitempty" doc:"When the previous key stops working, after a rotation."`
	Token      string               `json:"token,omitempty" doc:"The key itself. It is only in the response that creates or rotates the key."`
}

// viewKey shows a key to a caller. An account does not see which of the operator's
// keys created or revoked a key of the account.
func viewKey(k storage.Key, c storage.Caller) Key {
	v := Key{
		ID:         k.ID,
		Hint:       k.Hint,
		Role:       k.Role,
		Account:    k.OperatorID,
		AccountID:  externalIDFor(c, k.ExternalID),
		Permission: k.Permission,
		Networks:   k.Networks,
		Name:       k.Name,
		CreatedAt:  k.CreatedAt.UTC(),
		CreatedBy:  k.CreatedBy,
		ExpiresAt:  utc(k.ExpiresAt),
		LastUsedAt: utc(k.LastUsedAt),
		RevokedAt:  utc(k.RevokedAt),
		RevokedBy:  k.RevokedBy,
		OldUntil:   utc(k.OldUntil),
	}
	if isAccount(c) {
		if k.CreatorAccount == nil || *k.CreatorAccount != c.Account.ID {
			v.CreatedBy = nil
		}
		if k.RevokerAccount == nil || *k.RevokerAccount != c.Account.ID {
			v.RevokedBy = nil
		}
	}
	return v
}

// keyTag is what the ETag of a key is computed from: the key without the time of
// its last use, which changes without anyone changing the key.
func keyTag(k Key) Key {
	k.LastUsedAt, k.Token = nil, ""
	return k
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

type createKeyInput struct {
	Idempotent
	Body struct {
		Role       storage.Role       `json:"role"`
		Account    string             `json:"account,omitempty" maxLength:"132" doc:"The operator id or the external id of the account that the key acts for. Only for the role account. Can be left out by an account's own key."`
		Permission storage.Permission `json:"permission,omitempty" doc:"What the key may do in its account. Default: owner. Only for the role account."`
		Name       string             `json:"name" minLength:"1" maxLength:"100" doc:"A name that people recognize. No other key of the account, or of the role of staff, that is not revoked can have it."`
		ExpiresAt  *time.Time         `json:"expires_at,omitempty" doc:"When the key stops working. Default: never."`
		Networks   []string           `json:"networks,omitempty" maxItems:"32" example:"[\"192.0.2.0/24\"]" doc:"The networks from which the key can be used, each an IP address or a network such as 192.0.2.0/24. Default: any. If a proxy is in front of the service, the service has to run with --trust-proxy."`
	}
}

func (s *server) createKey(ctx context.Context, in *createKeyInput) (*reply[Key], error) {
	p := problem.New(problem.Invalid, "")
	c := callerOf(ctx)
	k := storage.NewKey{
		Role: in.Body.Role, Permission: in.Body.Permission, Name: parsed(p, "body.name", in.Body.Name, filled(transfer.ParseLine)),
		ExpiresAt: instant(p, "body.expires_at", in.Body.ExpiresAt), By: actingCaller(ctx),
	}
	for i, text := range in.Body.Networks {
		k.Networks = append(k.Networks, parsed(p, fmt.Sprintf("body.networks[%d]", i), text, parseNetwork))
	}
	var account transfer.AccountRef
	switch {
	case k.Role == storage.RoleAccount && isAccount(c) && in.Body.Account == "":
	case k.Role == storage.RoleAccount:
		account = parsed(p, "body.account", in.Body.Account, transfer.ParseAccountRef)
	case in.Body.Account != "":
		p.Add(problem.FieldError{Location: "body.account", Message: "only a key with the role account can act for an account: leave it out"})
	}
	if k.Role != storage.RoleAccount && k.Permission != "" {
		p.Add(problem.FieldError{Location: "body.permission", Message: "only a key with the role account has a permission: leave it out"})
	}
	if len(p.Errors) > 0 {
		return nil, p
	}
	if isAccount(c) {
		k.Permission = cmp.Or(k.Permission, storage.PermissionOwner)
	}
	if k.Role == storage.RoleAccount {
		var err error
		if k.OperatorID, err = s.keyAccount(ctx, account); err != nil {
			return nil, err
		}
	}
	by, err := s.db.Key(ctx, c.Key)
	if err != nil {
		return nil, err
	}
	if err := checkNewKey(c, by, k); err != nil {
		return nil, err
	}
	return onceSealed(ctx, s, func(t *storage.Tx, out *reply[Key]) error {
		made, token, err := t.CreateKey(ctx, k)
		switch {
		case errors.Is(err, storage.ErrNotFound):
			return problem.New(problem.Invalid, "", problem.FieldError{Location: "body.account", Message: noAccount(k.OperatorID.Ref()), Value: string(k.OperatorID)})
		case errors.Is(err, storage.ErrPast):
			return expiresInThePast()
		case errors.Is(err, storage.ErrExists):
			return problem.New(problem.Exists, fmt.Sprintf("a key with the name %q exists already: use another name, or revoke that key", k.Name))
		case err != nil:
			return err
		}
		out.Status, out.Location, out.Body = 201, "/v1/keys/"+itoa(made.ID), viewKey(made, c)
		out.ETag, err = entityTag(keyTag(out.Body))
		out.Body.Token = token
		return err
	})
}

type rotateKeyInput struct {
	Idempotent
	IfMatch
	KeyPath
	Body *struct {
		ExpiresAt    *time.Time `json:"expires_at,omitempty" doc:"When the key stops working. Default: no change."`
		GraceSeconds int64      `json:"grace_seconds,omitempty" minimum:"0" maximum:"86400" doc:"How long the old key keeps working, up to one day. Default: it stops working at once. A key that rotates itself keeps working for at least a minute, so that the call can be repeated with its Idempotency-Key if the response is lost."`
	}
}

func (s *server) rotateKey(ctx context.Context, in *rotateKeyInput) (*reply[Key], error) {
	c := callerOf(ctx)
	if _, err := s.managedKey(ctx, in.ID); err != nil {
		return nil, err
	}
	by, err := s.db.Key(ctx, c.Key)
	if err != nil {
		return nil, err
	}
	rotation := storage.Rotation{Token: callOf(ctx).token, By: actingCaller(ctx)}
	rotation.If = func(was storage.Key) error {
		if err := matches(ctx, keyTag(viewKey(was, c))); err != nil {
			return err
		}
		return checkRotation(c, by, was, cmp.Or(rotation.ExpiresAt, was.ExpiresAt))
	}
	if in.Body != nil {
		p := problem.New(problem.Invalid, "")
		rotation.Grace, rotation.ExpiresAt = time.Duration(in.Body.GraceSeconds)*time.Second, instant(p, "body.expires_at", in.Body.ExpiresAt)
		if len(p.Errors) > 0 {
			return nil, p
		}
	}
	return onceSealed(ctx, s, func(t *storage.Tx, out *reply[Key]) error {
		k, token, err := t.RotateKey(ctx, in.ID, rotation)
		switch {
		case errors.Is(err, storage.ErrPast):
			return expiresInThePast()
		case errors.Is(err, storage.ErrExpired):
			return problem.New(problem.Invalid, "", problem.FieldError{Location: "body.expires_at", Message: "required, because the key has expired: say when the new one expires"})
		case err != nil:
			return err
		}
		out.Status, out.Body = 200, viewKey(k, c)
		out.ETag, err = entityTag(keyTag(out.Body))
		out.Body.Token = token
		return err
	})
}

type listKeysInput struct {
	Paging
	Role    storage.Role `query:"role" doc:"Only keys with this role."`
	Account string       `query:"account" maxLength:"132" doc:"Only keys of the account with this operator id or external id. For administrators."`
	Revoked string       `query:"revoked" enum:"true,false" doc:"Only revoked keys (true), or only keys that are not revoked (false)."`
}

func (s *server) listKeys(ctx context.Context, in *listKeysInput) (*listOf[Key], error) {
	account, err := s.listedAccount(ctx, in.Account)
	if err != nil {
		return nil, err
	}
	f := storage.KeyFilter{Role: in.Role, Account: account, Revoked: flag(in.Revoked), Limit: in.Limit + 1}
	if f.After, err = numberCursor(in.Cursor, 0, 64); err != nil {
		return nil, err
	}
	rows, err := s.db.Keys(ctx, f)
	if err != nil {
		return nil, err
	}
	return pageOf(rows, in.Limit, func(k storage.Key) string { return itoa(k.ID) }, func(k storage.Key) Key { return viewKey(k, callerOf(ctx)) })
}

// CurrentKey is the API key of the call.
type CurrentKey struct {
	Key
	Email   string `json:"email,omitempty" format:"email" doc:"The primary email of the account."`
	Rotated bool   `json:"rotated,omitempty" doc:"Whether the key has been rotated, so that it stops working at expires_at and the new one takes its place."`
}

type currentKeyOutput struct{ Body CurrentKey }

func (s *server) getCurrentKey(ctx context.Context, _ *struct{}) (*currentKeyOutput, error) {
	var k storage.Key
	var old bool
	var err error
	switch c := callerOf(ctx); {
	case c.Person.ID != 0:
		return nil, problem.New(problem.NotFound, "a person makes this call, without an API key: see GET /v1/me")
	case c.SignIn != nil:
		k, err = s.db.Key(ctx, c.Key)
	default:
		k, old, err = s.db.KeyOf(ctx, callOf(ctx).token)
	}
	if errors.Is(err, storage.ErrNotFound) {
		return nil, unknownKey() // revoked since it was authenticated
	}
	if err != nil {
		return nil, err
	}
	out := &currentKeyOutput{CurrentKey{Key: viewKey(k, callerOf(ctx))}}
	if old && (out.Body.ExpiresAt == nil || out.Body.OldUntil.Before(*out.Body.ExpiresAt)) {
		out.Body.ExpiresAt, out.Body.Rotated = out.Body.OldUntil, true
	}
	if k.OperatorID == nil {
		return out, nil
	}
	a, err := s.db.Account(ctx, k.OperatorID.Ref())
	out.Body.Email = a.Email
	return out, err
}

// parseNetwork parses a network, or an IP address as the network of only itself.
func parseNetwork(text string) (netip.Prefix, error) {
	text = transfer.Trim(text)
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	if err != nil || network.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%q is not a network: use an IP address, or a network such as 192.0.2.0/24 or 2001:db8::/32", problem.Clip(text))
	}
	return network.Masked(), nil
}

func expiresInThePast() *problem.Problem {
	return problem.New(problem.Invalid, "", problem.FieldError{Location: "body.expires_at", Message: "in the past: use a later time"})
}

// KeyPath is embedded in the input of routes for one key.
type KeyPath struct {
	ID int64 `path:"id" minimum:"1" doc:"The id of the key, as in the list of keys."`
}

// managedKey returns a key, or ErrNotFound if the caller may not manage it.
func (s *server) managedKey(ctx context.Context, id int64) (storage.Key, error) {
	k, err := s.db.Key(ctx, id)
	if err == nil && !mayManageKey(callerOf(ctx), k) {
		return storage.Key{}, storage.ErrNotFound
	}
	return k, err
}

type keyOutput struct {
	ETag string `header:"ETag"`
	Body Key
}

func (s *server) getKey(ctx context.Context, in *KeyPath) (*keyOutput, error) {
	k, err := s.managedKey(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &keyOutput{Body: viewKey(k, callerOf(ctx))}
	out.ETag, err = entityTag(keyTag(out.Body))
	return out, err
}

type revokeKeyInput struct {
	IfMatch
	KeyPath
}

func (s *server) revokeKey(ctx context.Context, in *revokeKeyInput) (*struct{}, error) {
	if _, err := s.managedKey(ctx, in.ID); err != nil {
		return nil, err
	}
	return nil, s.db.RevokeKey(ctx, in.ID, storage.Revocation{By: actingCaller(ctx), KeepOwner: isAccount(callerOf(ctx)), If: func(was storage.Key) error {
		return matches(ctx, keyTag(viewKey(was, callerOf(ctx))))
	}})
}

// keyAccount returns the account of a key to create, from its operator id or
// external id. It does not look up an account that the caller does not reach.
func (s *server) keyAccount(ctx context.Context, ref transfer.AccountRef) (transfer.OperatorID, error) {
	c := callerOf(ctx)
	switch {
	case ref == "" || names(string(ref), c.Account):
		return c.Account.OperatorID, nil
	case isAccount(c):
		return transfer.OperatorID(ref), nil // checkNewKey refuses it
	}
	a, err := s.namedAccount(ctx, "body.account", string(ref))
	return a.OperatorID, err
}

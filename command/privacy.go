package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"simtransfer/command/process"
	"simtransfer/storage"
	"simtransfer/transfer"
)

type privacyCommand struct {
	Export privacyExportCommand `cmd:"" help:"Print what is stored about the people of an account."`
	Erase  privacyEraseCommand  `cmd:"" help:"Erase what is stored about the people of a closed account."`
}

type privacyExportCommand struct {
	process.DatabaseFlags
	Account string `arg:"" help:"Operator id or external id of the account."`
}

// Help is the detailed help.
func (privacyExportCommand) Help() string {
	return `Prints a JSON object with the email, the name and the contacts of the account, its keys, its people and invitations, its webhook endpoints, the log of mails to its contacts and people, what the keys did to requests and from which addresses, with their comments and reasons, the references and messages that it wrote, and the entries of the audit trail that concern the account. The audit trail records the export.

Example:

    simtransfer privacy export OP0000000001 > OP0000000001.json`
}

func (c *privacyExportCommand) Run(ctx context.Context) error {
	id, err := transfer.ParseAccountRef(c.Account)
	if err != nil {
		return err
	}
	db, err := c.Open(ctx, storage.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	data, err := db.ExportPersonalData(ctx, commandUser(), id)
	if errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("there is no account %s", id)
	}
	if err != nil {
		return err
	}
	return printJSON(exported(data))
}

// exported returns personal data in the names of the API.
func exported(d storage.PersonalData) map[string]any {
	keys, calls, texts, audit := []map[string]any{}, []map[string]any{}, []map[string]any{}, []map[string]any{}
	for _, k := range d.Keys {
		keys = append(keys, map[string]any{
			"id": k.ID, "name": k.Name, "hint": k.Hint, "permission": k.Permission, "networks": k.Networks,
			"created_at": k.CreatedAt, "expires_at": k.ExpiresAt, "last_used_at": k.LastUsedAt, "revoked_at": k.RevokedAt,
		})
	}
	people, invitations, webhooks := []map[string]any{}, []map[string]any{}, []map[string]any{}
	for _, w := range d.Webhooks {
		webhooks = append(webhooks, map[string]any{"id": w.ID, "url": w.URL, "description": w.Description, "created_at": w.CreatedAt})
	}
	for _, p := range d.People {
		person := map[string]any{
			"id": p.ID, "email": p.Email, "name": p.Name, "created_at": p.CreatedAt, "last_seen_at": p.LastSeenAt, "disabled_at": p.DisabledAt,
		}
		for _, m := range p.Memberships { // the one in the account
			person["permission"], person["since"] = m.Permission, m.CreatedAt
		}
		people = append(people, person)
	}
	for _, i := range d.Invitations {
		invitations = append(invitations, map[string]any{
			"id": i.ID, "state": i.State, "email": i.Email, "name": i.Name, "permission": i.Permission, "created_at": i.CreatedAt, "person": i.Person,
		})
	}
	for _, c := range d.Calls {
		calls = append(calls, map[string]any{
			"at": c.At, "request": c.Request, "kind": c.Kind, "key": c.Key, "address": c.Address, "detail": json.RawMessage(c.Detail),
		})
	}
	for _, x := range d.Texts {
		texts = append(texts, map[string]any{"id": x.ID, "kind": x.Kind, "reference": x.Reference, "message": x.Message})
	}
	for _, r := range d.Audit {
		audit = append(audit, map[string]any{
			"at": r.At, "action": r.Action, "actor": r.Actor, "role": r.KeyRole, "key": r.Key, "person": r.Person, "key_name": r.Name, "address": r.Address,
			"object": r.Object, "object_id": r.ObjectID, "before": r.Before, "after": r.After, "why": r.Why,
		})
	}
	mails, off, refused := []map[string]any{}, []map[string]any{}, []map[string]any{}
	for _, m := range d.Mails {
		mails = append(mails, map[string]any{
			"id": m.ID, "email": m.Address, "kind": m.Kind, "type": m.Type, "event": m.Event, "request": m.Request, "state": m.State,
			"created_at": m.CreatedAt, "ended_at": m.EndedAt, "error": m.Error,
		})
	}
	for _, c := range d.MailOff {
		off = append(off, map[string]any{"email": c.Address, "kind": c.Kind, "at": c.ChosenAt})
	}
	for _, r := range d.Refused {
		refused = append(refused, map[string]any{"email": r.Address, "since": r.Since, "last_at": r.LastAt, "error": r.Error})
	}
	return map[string]any{
		"account": map[string]any{
			"operator_id": d.Account.OperatorID, "email": d.Account.Email, "name": d.Account.Name, "external_id": d.Account.ExternalID,
			"contacts": d.Account.Contacts, "standing": d.Account.Standing, "created_at": d.Account.CreatedAt,
		},
		"keys": keys, "people": people, "invitations": invitations, "webhook_endpoints": webhooks, "calls": calls, "texts": texts, "audit": audit,
		"mails": mails, "mails_turned_off": off, "mails_refused": refused,
	}
}

type privacyEraseCommand struct {
	process.DatabaseFlags
	Account string `arg:"" help:"Operator id or external id of the account."`
	Why     string `required:"" help:"Reason for the erasure, such as the reference of the request. It is recorded in the audit trail."`
}

// Help is the detailed help.
func (privacyEraseCommand) Help() string {
	return `Erases the email, the name and the contacts of a closed account, the names and networks of its keys, which are revoked, its people and its webhook endpoints, the log of its mails, the addresses that the keys were used from, the messages and comments that it wrote, and the reasons that were given with the keys. It cannot be undone. Owners of SIMs, transfers and charges stay as they are, and so do references, tags, groups, the operator id, the external id, and what support wrote. The audit trail records the erasure.

Example:

    simtransfer privacy erase OP0000000001 --why="request of 2030-01-31"`
}

func (c *privacyEraseCommand) Run(ctx context.Context) error {
	id, err := transfer.ParseAccountRef(c.Account)
	if err != nil {
		return err
	}
	db, err := c.Open(ctx, storage.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	erased, err := db.ErasePersonalData(ctx, commandUser(), id, c.Why)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return fmt.Errorf("there is no account %s", id)
	case errors.Is(err, storage.ErrAccountOpen):
		return fmt.Errorf("account %s is open: close it first, with simtransfer accounts update %s --standing=closed", id, id)
	case err != nil:
		return err
	}
	fmt.Printf("The personal data of %s is erased: %d keys, %d people, %d events, %d messages and reasons, and %d entries of the audit trail were changed.\n", id, erased.Keys, erased.People, erased.Events, erased.Texts, erased.Audit)
	return nil
}

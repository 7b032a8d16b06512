package command

import (
	"context"
	"errors"
	"fmt"

	"simtransfer/command/process"
	"simtransfer/storage"
)

// firstKeyCommand creates the key with which all others are created over HTTP.
type firstKeyCommand struct {
	process.DatabaseFlags
	Name  string `default:"first administrator" help:"Name of the key, shown in lists and in the audit trail."`
	Force bool   `help:"Create a key even if there is an administrator's key already. Use it if that key is lost."`
}

// Help is the detailed help.
func (firstKeyCommand) Help() string {
	return `Prints the key. A new service has no key that could be used to create one over HTTP, so this one is written to the database directly. Create, list and revoke all other keys over HTTP: see simtransfer keys.

Example:

    simtransfer first-key > admin.key`
}

func (c *firstKeyCommand) Run(ctx context.Context) error {
	db, err := c.Open(ctx, storage.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if !c.Force {
		if err := noAdmin(ctx, db); err != nil {
			return err
		}
	}
	_, token, err := db.CreateKey(ctx, storage.NewKey{Role: storage.RoleAdmin, Name: c.Name, By: commandUser()})
	if errors.Is(err, storage.ErrExists) {
		return fmt.Errorf("there is an administrator's key with the name %q already: use --name to give the new one another name", c.Name)
	}
	if err != nil {
		return err
	}
	fmt.Println(token)
	return nil
}

// noAdmin returns an error if the database has an administrator's key that is
// not revoked.
func noAdmin(ctx context.Context, db *storage.DB) error {
	revoked := false
	list, err := db.Keys(ctx, storage.KeyFilter{Role: storage.RoleAdmin, Revoked: &revoked, Limit: 1})
	if err != nil || len(list) == 0 {
		return err
	}
	return fmt.Errorf("there is an administrator's key already, %s (%q): create others with simtransfer keys create; if it is lost, use --force, and then revoke it", list[0].Hint, list[0].Name)
}

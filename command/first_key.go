package command

import (
	"context"
	"fmt"

	"simtransfer/storage"
)

// firstKeyCommand makes the key that all others are made with, over HTTP.
type firstKeyCommand struct {
	database
	Name  string `default:"first administrator" help:"What people know the key by."`
	Force bool   `help:"Make one although there is an administrator's key already: for when it is lost."`
}

// Help is the detailed help.
func (firstKeyCommand) Help() string {
	return `The key is written to the database, so that somebody can log in to a new service. Every other key is made, listed and revoked over HTTP: see simtransfer keys.

Example:

    simtransfer first-key > admin.key`
}

func (c *firstKeyCommand) Run(ctx context.Context) error {
	db, err := c.open(ctx, storage.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if !c.Force {
		if err := noAdmin(ctx, db); err != nil {
			return err
		}
	}
	_, token, err := db.CreateKey(ctx, storage.NewKey{Role: storage.RoleAdmin, Name: c.Name})
	if err != nil {
		return err
	}
	fmt.Println(token)
	return nil
}

// noAdmin refuses a database in which somebody is an administrator.
func noAdmin(ctx context.Context, db *storage.DB) error {
	revoked := false
	list, err := db.Keys(ctx, storage.KeyFilter{Role: storage.RoleAdmin, Revoked: &revoked, Limit: 1})
	if err != nil || len(list) == 0 {
		return err
	}
	return fmt.Errorf("there is an administrator's key already, %s (%q): make others with simtransfer keys create; if it is lost, use --force and revoke it then", list[0].Hint, list[0].Name)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"simtransfer/api"
	"simtransfer/cli"
	"simtransfer/storage"
)

// session is what the commands over HTTP work with.
func session(stderr io.Writer) *cli.Session {
	s := &cli.Session{
		In:         os.Stdin,
		Out:        os.Stdout,
		Err:        stderr,
		Terminal:   stderr == io.Writer(os.Stderr) && isTerminal(os.Stderr),
		ConfigFile: cli.DefaultConfigFile(),
		Key:        os.Getenv("SIMTRANSFER_API_KEY"),
	}
	if s.Terminal {
		s.Width, _, _ = term.GetSize(int(os.Stderr.Fd())) // zero if it does not tell
	}
	if in := int(os.Stdin.Fd()); term.IsTerminal(in) {
		s.ReadKey = func(ctx context.Context) (string, error) { return readPassword(ctx, in) }
	}
	return s
}

// readPassword reads a line from a terminal that does not show it. When ctx
// ends first, the terminal shows again what is typed: reading itself cannot be
// ended, and goes on until the program does.
func readPassword(ctx context.Context, terminal int) (string, error) {
	before, err := term.GetState(terminal)
	if err != nil {
		return "", err
	}
	var text []byte
	read := make(chan struct{})
	go func() {
		defer close(read)
		text, err = term.ReadPassword(terminal)
	}()
	select {
	case <-ctx.Done():
		return "", errors.Join(ctx.Err(), term.Restore(terminal, before))
	case <-read:
		return string(text), err
	}
}

type openapiCommand struct{}

// Help is the detailed help.
func (openapiCommand) Help() string {
	return `Needs no running service. A service gives out its own at /openapi.json.

Example:

    simtransfer openapi > openapi.json`
}

func (openapiCommand) Run() error {
	text, err := api.OpenAPI(version())
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(text)
	return err
}

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

// report prints the error of a command, and returns its exit code.
func report(stderr io.Writer, err error) int {
	if err != nil && !errors.Is(err, errSaid) && !cli.Said(err) {
		fmt.Fprintln(stderr, "simtransfer:", err)
	}
	return cli.ExitCode(err)
}

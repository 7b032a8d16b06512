package command

import (
	"cmp"
	"os"
	"os/user"

	"simtransfer/storage"
)

// commandUser is the actor of a command that changes the database: the user who
// runs it, or on whose behalf sudo does.
func commandUser() storage.Actor {
	name := "unknown user"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	name = cmp.Or(os.Getenv("SUDO_USER"), name)
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return storage.Actor{Name: name}
}

package cli

import (
	"fmt"
	"strings"

	"simtransfer/client"
)

// condition is embedded in the commands that change something with an ETag.
type condition struct {
	IfMatch string `placeholder:"ETAG" help:"Change it only if it still has this ETag, as printed by the show command with --etag. If someone else has changed it since, nothing happens and the exit code is not 0."`
}

// ifMatch sets the condition of a call, if the flag was given. The quotes of an
// ETag can be left out, because shells remove them.
func (c condition) ifMatch() client.Option {
	tag := c.IfMatch
	if tag != "" && tag != "*" && !strings.Contains(tag, `"`) {
		tag = `"` + tag + `"`
	}
	return client.IfMatch(tag)
}

// oneOf refuses the condition for a command that names several things, which
// have different ETags.
func (c condition) oneOf(n int) error {
	if c.IfMatch != "" && c.IfMatch != "*" && n > 1 {
		return usageError("--if-match is the ETag of one of them: name only that one")
	}
	return nil
}

// showsETag is embedded in the commands that show something with an ETag.
type showsETag struct {
	ETag bool `name:"etag" help:"Print only the ETag, for --if-match of a command that changes it."`
}

// showEach reads each of the things that are named and prints it, or only its ETag.
func showEach[ID comparable, T any](s *Session, r remote, e showsETag, named []ID, read func(*connection, ID, ...client.Option) (T, error), print func(*connection, T) error) error {
	l, err := r.connect(s)
	if err != nil {
		return err
	}
	return forEach(l, named, func(id ID) error {
		return showTo(l, e, func(options ...client.Option) (T, error) { return read(l, id, options...) }, print)
	})
}

// showTo reads one thing and prints it, or only its ETag.
func showTo[T any](l *connection, e showsETag, read func(...client.Option) (T, error), print func(*connection, T) error) error {
	var tag string
	v, err := read(l.options(client.ETag(&tag))...)
	switch {
	case err != nil:
		return l.explain(err)
	case e.ETag:
		_, err := fmt.Fprintln(l.Out, tag)
		return err
	}
	return l.show(func() error { return print(l, v) })
}

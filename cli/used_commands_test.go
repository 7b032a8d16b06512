package cli_test

import (
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"simtransfer/cli"
)

// Every command has the same flags, arguments and help whether or not the others
// are left out, and its parser has no other command.
func TestOnlyUsed(t *testing.T) {
	t.Parallel()
	for _, want := range newParser(t, nil).Model.Leaves(true) {
		path := commandPath(want)
		leaves := newParser(t, strings.Fields(path)).Model.Leaves(true)
		if len(leaves) != 1 {
			t.Errorf("%s: the parser has %d commands", path, len(leaves))
			continue
		}
		got := leaves[0]
		if commandPath(got) != path || got.Summary() != want.Summary() || got.Help != want.Help || got.Detail != want.Detail ||
			!reflect.DeepEqual(flagTexts(got), flagTexts(want)) {
			t.Errorf("%s: the parser has %s with %q, not %q", path, got.Path(), flagTexts(got), flagTexts(want))
		}
	}
	for _, args := range []string{"", "sim list", "--profile=x sims"} {
		if n := len(newParser(t, strings.Fields(args)).Model.Children); n < 10 {
			t.Errorf("%q: the parser has only %d commands", args, n)
		}
	}
	if n := len(newParser(t, []string{"sims", "lst"}).Model.Children[0].Children); n < 10 {
		t.Errorf("sims lst: the parser has only %d commands for SIMs", n)
	}
}

func flagTexts(n *kong.Node) []string {
	var list []string
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			list = append(list, f.String()+" "+f.Help)
		}
	}
	return list
}

// commandPath is the name of a command, as it is typed.
func commandPath(n *kong.Node) string {
	name := ""
	for ; n.Parent != nil; n = n.Parent {
		name = n.Name + " " + name
	}
	return strings.TrimSpace(name)
}

// BenchmarkParse is the time that a command line takes before its command runs.
func BenchmarkParse(b *testing.B) {
	args := strings.Fields("sims show 8988211000000000011 --url=" + service)
	for b.Loop() {
		c := &cli.Commands{}
		parser, err := kong.New(c, append(cli.Options(c, args), kong.Writers(io.Discard, io.Discard))...)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := parser.Parse(args); err != nil {
			b.Fatal(err)
		}
	}
}

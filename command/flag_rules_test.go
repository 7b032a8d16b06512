package command

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

// Every flag that takes a number or a duration has a range, so that what cannot
// be meant is refused on the command line.
func TestEveryNumberHasARange(t *testing.T) {
	t.Parallel()
	parser, err := newCommands().parser(t.Output())
	if err != nil {
		t.Fatal(err)
	}
	unlimited := map[string]bool{"seed": true}
	flags := 0
	if err := kong.Visit(parser.Model, func(n kong.Visitable, next kong.Next) error {
		f, ok := n.(*kong.Flag)
		if !ok {
			return next(nil)
		}
		kind := f.Target.Type()
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		switch kind.Kind() {
		case reflect.Int, reflect.Int64, reflect.Uint64, reflect.Float64:
			if kind.PkgPath() != "" && kind != reflect.TypeFor[time.Duration]() {
				break // such as slog.Level, which parses itself
			}
			flags++
			if !f.Tag.Has("min") && !unlimited[f.Name] {
				t.Errorf("--%s has no tag min", f.Name)
			}
		default:
		}
		return next(nil)
	}); err != nil {
		t.Fatal(err)
	}
	if flags < 10 {
		t.Errorf("only %d flags were found", flags)
	}
}

// A flag that can contain a secret has a variable, and its help says that flags
// are visible to others.
func TestHelpOfFlagsWithSecrets(t *testing.T) {
	t.Parallel()
	parser, err := newCommands().parser(t.Output())
	if err != nil {
		t.Fatal(err)
	}
	secret := regexp.MustCompile(`database-url|redis-url|password|secret|token|api-key`)
	found := map[string]bool{}
	if err := kong.Visit(parser.Model, func(n kong.Visitable, next kong.Next) error {
		if f, ok := n.(*kong.Flag); ok && secret.MatchString(f.Name) && !f.IsBool() {
			found[f.Name] = true
			if len(f.Envs) == 0 || !strings.Contains(f.Help, "(ps)") {
				t.Errorf("--%s: variables %v, help %q", f.Name, f.Envs, f.Help)
			}
		}
		return next(nil)
	}); err != nil {
		t.Fatal(err)
	}
	if !found["database-url"] || !found["redis-url"] {
		t.Errorf("found only %v", found)
	}
}

package command

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

// Every flag that takes a number or a duration has a range, so that what cannot
// be meant is refused on the command line.
func TestEveryNumberHasARange(t *testing.T) {
	t.Parallel()
	parser, err := newCommands().parser(t.Output(), nil)
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
	parser, err := newCommands().parser(t.Output(), nil)
	if err != nil {
		t.Fatal(err)
	}
	secret := regexp.MustCompile(`database-url|redis-url|smtp-url|password|secret|token|api-key`)
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
	if !found["database-url"] || !found["redis-url"] || !found["smtp-url"] || !found["oidc-client-secret"] {
		t.Errorf("found only %v", found)
	}
}

// An optional flag with values to choose from accepts the empty text, which stands for
// no value. The error for another value lists the choices without it.
func TestErrorsOfChoices(t *testing.T) {
	t.Parallel()
	parser, err := newCommands().parser(t.Output(), nil)
	if err != nil {
		t.Fatal(err)
	}
	flags := 0
	if err := kong.Visit(parser.Model, func(n kong.Visitable, next kong.Next) error {
		node, ok := n.(*kong.Node)
		if !ok {
			return next(nil)
		}
		for _, f := range node.Flags {
			choices := f.EnumSlice()
			if !slices.Contains(choices, "") || f.Enum == "" {
				continue
			}
			flags++
			args := append(strings.Fields(node.Path()), "--"+f.Name+"=,")
			_, err := newCommands().parse(args, t.Output())
			if err == nil || !strings.HasPrefix(err.Error(), "--"+f.Name+" must be ") || strings.Contains(err.Error(), `""`) {
				t.Errorf("simtransfer %s: %v", strings.Join(args, " "), err)
				continue
			}
			for _, c := range choices {
				if !strings.Contains(err.Error(), `"`+c+`"`) && c != "" {
					t.Errorf("simtransfer %s: %v, want that it lists %s", strings.Join(args, " "), err, c)
				}
			}
		}
		return next(nil)
	}); err != nil {
		t.Fatal(err)
	}
	if flags < 10 {
		t.Errorf("only %d flags were found", flags)
	}
	_, err = newCommands().parse([]string{"events", "--from=x"}, t.Output())
	if want := `--from must be "now" but got "x"`; err == nil || err.Error() != want {
		t.Errorf("simtransfer events --from=x: %v, want %s", err, want)
	}
	_, err = newCommands().parse([]string{"keys", "list", "--revoked=x"}, t.Output())
	if want := `--revoked must be one of "true", "false" but got "x"`; err == nil || err.Error() != want {
		t.Errorf("simtransfer keys list --revoked=x: %v, want %s", err, want)
	}
}

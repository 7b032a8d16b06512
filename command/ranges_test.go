package command

import (
	"reflect"
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

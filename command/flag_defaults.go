package command

import (
	"fmt"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// useValuesAsDefaults makes the value that a field has before the arguments are
// parsed the default of its flag, as package flag does. So the packages that
// use a setting define its default, and the help shows it.
func useValuesAsDefaults(k *kong.Kong) error {
	return kong.Visit(k.Model, func(n kong.Visitable, next kong.Next) error {
		if f, ok := n.(*kong.Flag); ok && !f.HasDefault && !f.Target.IsZero() {
			f.Default, f.HasDefault = fmt.Sprint(f.Target), true
			if d, ok := f.Target.Interface().(time.Duration); ok {
				f.Default = shortDuration(d)
			}
		}
		return next(nil)
	})
}

// shortDuration is 168h where String would return 168h0m0s.
func shortDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

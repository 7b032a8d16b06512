package cli

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/alecthomas/kong"
)

// onlyUsed makes a parser leave out the commands of a grammar that args do not
// use, because to build a parser of all of them takes longer than most commands
// take to run. A command is used if args begin with its name, and all are if
// they do not begin with the name of one: then the help and the errors list them.
// grammar is the pointer that is passed to kong.New.
func onlyUsed(grammar any, args []string) kong.Option {
	var unused []string
	for t := reflect.TypeOf(grammar).Elem(); len(args) > 0; args = args[1:] {
		var used reflect.Type
		var others []string
		for _, f := range reflect.VisibleFields(t) {
			switch _, isCommand := f.Tag.Lookup("cmd"); {
			case !isCommand:
			case commandName(f) == args[0]:
				used = f.Type
			default:
				others = append(others, f.Name)
			}
		}
		if used == nil {
			break
		}
		if len(others) > 0 {
			unused = append(unused, regexp.QuoteMeta(t.Name())+`\.(?:`+strings.Join(others, "|")+")")
		}
		t = used
		if t.Kind() != reflect.Struct {
			break
		}
	}
	if len(unused) == 0 {
		return kong.OptionFunc(func(*kong.Kong) error { return nil })
	}
	return kong.IgnoreFields("^(?:" + strings.Join(unused, "|") + ")$")
}

// usedVars returns the variables that the tags of the commands that args use
// contain. kong reads all variables again for each flag, so that those of the other
// commands take a third of the time of building a parser.
func usedVars(grammar reflect.Type, args []string) kong.Vars {
	all, used := vars(), kong.Vars{}
	reference := regexp.MustCompile(`\$\{(\w+)\}`)
	var walk func(t reflect.Type, args []string)
	walk = func(t reflect.Type, args []string) {
		fields := reflect.VisibleFields(t)
		isUsed := func(f reflect.StructField) bool {
			_, isCommand := f.Tag.Lookup("cmd")
			return isCommand && len(args) > 0 && commandName(f) == args[0]
		}
		narrow := slices.ContainsFunc(fields, isUsed)
		for _, f := range fields {
			_, isCommand := f.Tag.Lookup("cmd")
			_, isEmbedded := f.Tag.Lookup("embed")
			if isCommand && narrow && !isUsed(f) {
				continue
			}
			for _, found := range reference.FindAllStringSubmatch(string(f.Tag), -1) {
				if value, ok := all[found[1]]; ok {
					used[found[1]] = value
				}
			}
			if (isCommand || isEmbedded) && f.Type.Kind() == reflect.Struct {
				var rest []string
				if isCommand && narrow {
					rest = args[1:]
				}
				walk(f.Type, rest)
			}
		}
	}
	walk(grammar, args)
	return used
}

// commandName is the name of the command of a field: its tag or, as in kong, the
// name of the field in lower case with hyphens, such as take-back for TakeBack.
func commandName(f reflect.StructField) string {
	if name := f.Tag.Get("name"); name != "" {
		return name
	}
	var name strings.Builder
	for i, r := range f.Name {
		if unicode.IsUpper(r) && i > 0 {
			name.WriteByte('-')
		}
		name.WriteRune(unicode.ToLower(r))
	}
	return name.String()
}

package cli

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/uuid"

	"simtransfer/transfer"
)

// Options returns the options of the parser for Commands. Pass them to kong.New.
//
// They define how every flag of a program takes values: the values of enums, the
// forms of times, and those of durations and whole numbers, whose ranges are in
// the tags min and max of the field. The help shows the range.
//
// The parser has only the commands that args use, see onlyUsed. grammar is the
// pointer that is passed to kong.New.
func Options(grammar any, args []string) []kong.Option {
	return []kong.Option{
		usedVars(reflect.TypeOf(grammar).Elem(), args),
		onlyUsed(grammar, args),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), ranged(ParseDuration)),
		kong.TypeMapper(reflect.TypeFor[time.Time](), kong.MapperFunc(decodeTime)),
		kong.TypeMapper(reflect.TypeFor[uuid.UUID](), kong.MapperFunc(decodeID)),
		kong.TypeMapper(reflect.TypeFor[*uuid.UUID](), kong.MapperFunc(decodeID)),
		kong.KindMapper(reflect.String, kong.MapperFunc(decodeText)),
		kong.KindMapper(reflect.Int, ranged(parseInt)),
		kong.KindMapper(reflect.Int64, ranged(parseInt)),
		kong.PostBuild(showRanges),
		kong.PostBuild(refuseEmptyLists),
	}
}

// decodeText decodes a text. One of the values of an enum can be in any case, and
// have white space around it, as in --status="Ready, Active".
func decodeText(ctx *kong.DecodeContext, target reflect.Value) error {
	if err := ctx.Scan.PopValueInto("string", target.Addr().Interface()); err != nil || ctx.Value.Enum == "" {
		return err
	}
	for _, value := range ctx.Value.EnumSlice() {
		if value != "" && strings.EqualFold(value, transfer.Trim(target.String())) {
			target.SetString(value)
		}
	}
	return nil
}

// decodeTime decodes the time of a flag.
func decodeTime(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("time", &text); err != nil {
		return err
	}
	t, err := transfer.ParseTime(text)
	if err != nil {
		return err
	}
	target.Set(reflect.ValueOf(t))
	return nil
}

// decodeID decodes an id, such as that of a request.
func decodeID(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("id", &text); err != nil {
		return err
	}
	id, err := uuid.Parse(transfer.Trim(text))
	if err != nil {
		return fmt.Errorf("%q is not an id, such as 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21", text)
	}
	if target.Kind() == reflect.Pointer {
		target.Set(reflect.ValueOf(&id))
		return nil
	}
	target.Set(reflect.ValueOf(id))
	return nil
}

// ranged is a mapper of values that parse returns, which must be in the range of
// the field's tags.
func ranged[T ~int64](parse func(string) (T, error)) kong.MapperFunc {
	return func(ctx *kong.DecodeContext, target reflect.Value) error {
		var text string
		if err := ctx.Scan.PopValueInto("value", &text); err != nil {
			return err
		}
		value, err := parse(text)
		if err == nil {
			err = checkRange(ctx.Value.Tag, value, parse)
		}
		if err != nil {
			return fmt.Errorf("%q %w%s", text, err, variables(ctx.Value))
		}
		if target.OverflowInt(int64(value)) {
			return fmt.Errorf("%q is too large", text)
		}
		target.SetInt(int64(value))
		return nil
	}
}

func checkRange[T ~int64](tag *kong.Tag, value T, parse func(string) (T, error)) error {
	for _, bound := range []struct {
		name    string
		refuses func(T) bool
	}{
		{"min", func(limit T) bool { return value < limit }},
		{"max", func(limit T) bool { return value > limit }},
	} {
		if !tag.Has(bound.name) {
			continue
		}
		limit, err := parse(tag.Get(bound.name))
		if err != nil {
			return fmt.Errorf("cannot be checked, because the tag %s is wrong: %w", bound.name, err)
		}
		if bound.refuses(limit) {
			return fmt.Errorf("is out of range: it must be %s", rangeText(tag))
		}
	}
	if !tag.Has("step") {
		return nil
	}
	step, err := parse(tag.Get("step"))
	if err != nil {
		return fmt.Errorf("cannot be checked, because the tag step is wrong: %w", err)
	}
	if value%step != 0 {
		return fmt.Errorf("is no multiple of %s", tag.Get("step"))
	}
	return nil
}

// rangeText describes the range of a field; empty means any value.
func rangeText(tag *kong.Tag) string {
	low, high := tag.Get("min"), tag.Get("max")
	switch {
	case low != "" && high != "":
		return "from " + low + " to " + high
	case low != "":
		return low + " or more"
	case high != "":
		return "up to " + high
	}
	return ""
}

// variables lists the environment variables of a flag, for its errors.
func variables(v *kong.Value) string {
	if len(v.Tag.Envs) == 0 {
		return ""
	}
	return " (" + strings.Join(v.Tag.Envs, ", ") + ")"
}

// showRanges adds the range of each flag to its help.
func showRanges(k *kong.Kong) error {
	return kong.Visit(k.Model, func(n kong.Visitable, next kong.Next) error {
		if f, ok := n.(*kong.Flag); ok && rangeText(f.Tag) != "" {
			f.Help += " Range: " + strings.TrimPrefix(rangeText(f.Tag), "from ") + "."
		}
		return next(nil)
	})
}

// refuseEmptyLists lets flags with a list of values refuse an empty value, such as one
// from a shell variable that is not set: it would select everything. A variable of the
// environment can be empty.
func refuseEmptyLists(k *kong.Kong) error {
	return kong.Visit(k.Model, func(n kong.Visitable, next kong.Next) error {
		if f, ok := n.(*kong.Flag); ok && f.Target.Kind() == reflect.Slice && len(f.Envs) == 0 {
			decode := f.Mapper
			f.Mapper = kong.MapperFunc(func(ctx *kong.DecodeContext, target reflect.Value) error {
				before := target.Len()
				err := decode.Decode(ctx, target)
				if err == nil && target.Len() == before {
					err = errEmpty
				}
				return err
			})
		}
		return next(nil)
	})
}

func parseInt(text string) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, errors.New("is too large")
	case err != nil:
		return 0, errors.New("is not a whole number")
	}
	return n, nil
}

// laterTime is a time that a flag sets: a time as people write it or, after a plus, a
// duration from now. The zero value is not set.
type laterTime struct{ at time.Time }

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *laterTime) UnmarshalText(text []byte) error {
	if in, isDuration := strings.CutPrefix(strings.TrimSpace(string(text)), "+"); isDuration {
		d, err := ParseDuration(in)
		if err != nil {
			return fmt.Errorf("%q %w", text, err)
		}
		t.at = time.Now().Add(d).UTC().Truncate(time.Second)
		return nil
	}
	at, err := transfer.ParseTime(string(text))
	t.at = at
	return err
}

// time returns the time, nil if it is not set.
func (t laterTime) time() *time.Time {
	if t.at.IsZero() {
		return nil
	}
	return &t.at
}

// ParseDuration parses a duration such as 90s, 1h30m or 7d. It is
// [time.ParseDuration] with days of 24 hours, which come first.
func ParseDuration(text string) (time.Duration, error) {
	rest := strings.ToLower(strings.TrimSpace(text))
	if _, err := strconv.ParseFloat(rest, 64); err == nil && strings.Trim(rest, "0") != "" {
		return 0, fmt.Errorf("has no unit: write %[1]ss, %[1]sm, %[1]sh or %[1]sd for seconds, minutes, hours or days", rest)
	}
	total := time.Duration(0)
	if days, after, found := strings.Cut(rest, "d"); found {
		n, err := strconv.ParseFloat(days, 64)
		const longest = 100_000                             // below which a duration does not overflow
		if err != nil || !(n >= -longest && n <= longest) { // also not a number
			return 0, notADuration()
		}
		if total, rest = time.Duration(n*24*float64(time.Hour)), after; rest == "" {
			return total, nil
		}
	}
	d, err := time.ParseDuration(rest)
	sum := total + d
	if err != nil || total != 0 && d < 0 || total > 0 && sum < total || total < 0 && d > 0 {
		return 0, notADuration()
	}
	return sum, nil
}

func notADuration() error {
	return errors.New("is not a duration, such as 90s, 15m, 1h30m or 7d")
}

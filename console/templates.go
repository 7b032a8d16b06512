package console

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"simtransfer/client"
	"simtransfer/console/assets"
	"simtransfer/transfer"
)

//go:embed templates/*.html
var templateFiles embed.FS

// templates are the pages by name. Each contains the layout and the parts.
type templates map[string]*template.Template

// parseTemplates panics if a template cannot be parsed: they are part of the program.
func parseTemplates() templates {
	shared := template.Must(template.New("").Funcs(functions()).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html"))
	pages := templates{}
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		panic(err) // cannot happen: the pattern is a constant
	}
	for _, file := range names {
		name := strings.TrimSuffix(strings.TrimPrefix(file, "templates/"), ".html")
		if name == "layout" || name == "parts" {
			continue
		}
		pages[name] = template.Must(template.Must(shared.Clone()).ParseFS(templateFiles, file))
	}
	return pages
}

// functions are what templates call.
func functions() template.FuncMap {
	return template.FuncMap{
		"asset":         assets.Path,
		"icon":          icon,
		"when":          when,
		"until":         until,
		"number":        number[int],
		"sims":          func(n int) string { return plural(n, "SIM") },
		"plural":        func(n int, word string) string { return plural(n, word) },
		"id":            identifier,
		"breaks":        breaks,
		"copy":          copyButton,
		"state":         stateBadge,
		"money":         transfer.Money.Grouped,
		"field":         newField,
		"list":          func(values ...any) []any { return values },
		"words":         words,
		"day":           day,
		"join":          strings.Join,
		"truncate":      truncate,
		"folded":        foldText,
		"capital":       capital,
		"short":         short,
		"gatewayAnswer": gatewayAnswer,
		"bytes":         bytesText,

		"batchState": batchBadge,
		"plus": func(numbers ...int) (sum int) {
			for _, n := range numbers {
				sum += n
			}
			return sum
		},
	}
}

// foldedText is a text of which a page shows the start, and the rest on request.
type foldedText struct{ Start, Rest string }

const (
	foldedChars = 300 // how much of a long text is shown
	foldedLines = 6
	foldedMore  = 100 // up to how many characters more are shown, too
)

// foldText cuts a long text, after a line or a word if it can.
func foldText(text string) foldedText {
	end, lines := len(text), 0
	n := 0
	for i, r := range text {
		if n++; r == '\n' {
			lines++
		}
		if n > foldedChars || lines == foldedLines {
			end = i
			break
		}
	}
	if lines < foldedLines && utf8.RuneCountInString(text[end:]) <= foldedMore || strings.TrimSpace(text[end:]) == "" {
		return foldedText{Start: text}
	}
	if i := strings.LastIndexFunc(text[:end], unicode.IsSpace); lines < foldedLines && i > end/2 {
		end = i
	}
	return foldedText{strings.TrimRightFunc(text[:end], unicode.IsSpace), strings.TrimLeftFunc(text[end:], unicode.IsSpace)}
}

// when returns an instant as an element that the script shows in the reader's time
// zone. It takes a time.Time or a *time.Time; nil and zero are "–".
func when(t any) template.HTML {
	at := instant(t)
	if at.IsZero() {
		return "–"
	}
	return template.HTML(fmt.Sprintf(`<time datetime="%s">%s UTC</time>`, at.Format(time.RFC3339), at.Format("2006-01-02 15:04"))) //nolint:gosec // numbers only
}

// day is when without the time of day.
func day(t any) string {
	at := instant(t)
	if at.IsZero() {
		return "–"
	}
	return at.Format("2006-01-02")
}

// until returns how much time is left until an instant, which the script counts down.
func until(t any) template.HTML {
	at := instant(t)
	if at.IsZero() {
		return ""
	}
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s UTC" data-until>%s</time>`, //nolint:gosec // numbers and constants only
		at.Format(time.RFC3339), at.Format("2006-01-02 15:04"), left(time.Until(at))))
}

func instant(t any) time.Time {
	switch t := t.(type) {
	case time.Time:
		return t.UTC()
	case *time.Time:
		if t != nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// left returns the words for a time that is left.
func left(d time.Duration) string {
	minutes := int(d / time.Minute)
	hours, days := minutes/60, minutes/60/24
	switch {
	case d <= 0:
		return "time is over"
	case minutes < 1:
		return "less than a minute left"
	case hours < 1:
		return fmt.Sprintf("%d min left", minutes)
	case days < 1:
		return fmt.Sprintf("%d h %d min left", hours, minutes%60)
	case days < 7:
		return fmt.Sprintf("%d d %d h left", days, hours%24)
	}
	return fmt.Sprintf("%d days left", days)
}

// number writes a number with commas: 1,000,000.
func number[T ~int | ~int64](n T) string { return transfer.GroupThousands(fmt.Sprint(n)) }

// plural writes a number and a word, with an s unless it is one.
func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return number(n) + " " + word + "s"
}

// words writes a value of the API, such as sim_locked, as words: "SIM locked".
func words(value any) string {
	list := strings.Split(fmt.Sprint(value), "_")
	for i, word := range list {
		switch word {
		case "sim", "imei":
			list[i] = strings.ToUpper(word)
		case "sims":
			list[i] = "SIMs"
		}
	}
	return capital(strings.Join(list, " "))
}

// truncate shortens a text to n characters.
func truncate(n int, text string) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n]) + "…"
	}
	return text
}

// capital writes a text with a capital letter at its beginning.
func capital(text string) string {
	if text == "" {
		return ""
	}
	r, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(r)) + text[size:]
}

// breaks returns a name that lines may break after the marks in it, rather than within a
// word.
func breaks(text string) template.HTML {
	var b strings.Builder
	for i, r := range text {
		b.WriteString(template.HTMLEscapeString(string(r)))
		if strings.ContainsRune("_./:@+", r) && i+1 < len(text) {
			b.WriteString("<wbr>")
		}
	}
	return template.HTML(b.String()) //nolint:gosec // escaped above
}

// identifier returns an identifier with a button that copies it.
func identifier(value any) template.HTML {
	text := template.HTMLEscapeString(fmt.Sprint(value))
	if text == "" {
		return "–"
	}
	class := "nowrap"
	if len(text) > 24 {
		class = "break"
	}
	return template.HTML(`<span class="` + class + `"><span class="id">` + string(breaks(fmt.Sprint(value))) + `</span>` + string(copyButton(value)) + `</span>`) //nolint:gosec // escaped above
}

// copyButton returns a button that copies a value.
func copyButton(value any) template.HTML {
	text := template.HTMLEscapeString(fmt.Sprint(value))
	return template.HTML(`<button type="button" class="copy js-only" data-copy="` + text + `" aria-label="Copy ` + text + `">` + string(icon("copy")) + `</button>`) //nolint:gosec // escaped above
}

// field is a field of a form for the templates input, textarea and select.
type field struct {
	Form  form
	Name  string
	Label string
	Hint  string
	Type  string // of an input; empty: text
	Value string // of a new form

	Required     bool
	Placeholder  string
	Autocomplete string
	MaxLength    string
	Rows         string
	List         string // id of a datalist
	Choices      []choice
}

// choice is an option of a select.
type choice struct{ Value, Text string }

// newField describes a field of a form by its name and label, and pairs of a property
// and its value: hint, type, value, required ("yes"), placeholder, autocomplete,
// maxlength, rows, list, choices.
func newField(f form, name, label string, pairs ...any) (field, error) {
	out := field{Form: f, Name: name, Label: label, Type: "text"}
	if len(pairs)%2 != 0 {
		return out, errors.New("field needs pairs of a property and a value")
	}
	for i := 0; i < len(pairs); i += 2 {
		if choices, ok := pairs[i+1].([]choice); ok {
			out.Choices = choices
			continue
		}
		value := fmt.Sprint(pairs[i+1])
		switch pairs[i] {
		case "hint":
			out.Hint = value
		case "type":
			out.Type = value
		case "value":
			out.Value = value
		case "required":
			out.Required = value != ""
		case "placeholder":
			out.Placeholder = value
		case "autocomplete":
			out.Autocomplete = value
		case "maxlength":
			out.MaxLength = value
		case "rows":
			out.Rows = value
		case "list":
			out.List = value
		default:
			return out, fmt.Errorf("a field has no property %v", pairs[i])
		}
	}
	return out, nil
}

// ID returns the id of the field's element.
func (f field) ID() string {
	return f.Form.Name + "-" + strings.NewReplacer(".", "-", "[", "-", "]", "").Replace(f.Name)
}

// Current returns what the field contains.
func (f field) Current() string {
	if f.Form.Sent() {
		return f.Form.Echo(f.Name)
	}
	return f.Value
}

// Error returns what is wrong with the field.
func (f field) Error() string { return f.Form.Error(f.Name) }

// DescribedBy returns the ids of the hint and the error.
func (f field) DescribedBy() string {
	var ids []string
	if f.Hint != "" {
		ids = append(ids, f.ID()+"-hint")
	}
	if f.Error() != "" {
		ids = append(ids, f.ID()+"-error")
	}
	return strings.Join(ids, " ")
}

// Texts returns what is wrong, as sentences.
func (r *refusal) Texts() []string {
	var texts []string
	for _, e := range r.Errors {
		at := strings.TrimPrefix(strings.TrimPrefix(e.Location, "body."), "query.")
		if at != e.Location && strings.HasPrefix(e.Location, "query.") {
			at, _, _ = strings.Cut(at, "[") // a filter of the address has one field
		}
		switch {
		case e.Message == r.Detail: // is above
		case e.Line > 0, at == e.Location:
			texts = append(texts, e.String())
		default:
			texts = append(texts, words(strings.NewReplacer(".", " ", "[", " ", "]", "").Replace(at))+": "+e.Message)
		}
	}
	return texts
}

// stateText returns the words for a state.
func stateText(state any) string {
	switch fmt.Sprint(state) {
	case string(transfer.Validating):
		return "Checking"
	case string(transfer.InReview):
		return "With support"
	}
	return words(state)
}

// stateBadge shows the state of a request, of a SIM in it, of a pull request or of a
// transfer code.
func stateBadge(state any) template.HTML {
	class, text := "", stateText(state)
	switch fmt.Sprint(state) {
	case string(transfer.InReview), string(transfer.AwaitingAcceptance):
		class = "warn"
	case string(transfer.Validating), string(transfer.Scheduled), string(transfer.Transferring), "pending", "eligible":
		class = "info"
	case "completed", "approved", "redeemed", "active", "delivered", "sent", "enabled":
		class = "good"
	case "open", "ready":
		class = "accent"
	case "partial", "partially_completed", "suspended":
		class = "warn"
	case "rejected", "denied", "declined", "failed", "ineligible", "refused", "terminated", "disabled":
		class = "bad"
	}
	return template.HTML(`<span class="badge ` + class + `">` + template.HTMLEscapeString(text) + `</span>`) //nolint:gosec // escaped
}

// batchBadge shows whether a batch is over, and what came of it.
func batchBadge(b client.Batch) template.HTML {
	switch {
	case !b.Finished:
		return `<span class="badge info">Running</span>`
	case b.Counts.Completed == 0:
		return `<span class="badge bad">Nothing moved</span>`
	case b.Counts.Completed < b.Counts.SIMs:
		return stateBadge("partially_completed")
	}
	return stateBadge("completed")
}

// icon returns a picture of 24 by 24 units, drawn in the color of the text around it. It
// is hidden from screen readers.
func icon(name string) template.HTML {
	paths := map[string]string{
		"logo":     `<path d="M6.5 2.5h8l5 5V19a2.5 2.5 0 0 1-2.5 2.5H6.5A2.5 2.5 0 0 1 4 19V5a2.5 2.5 0 0 1 2.5-2.5z" fill="currentColor" stroke="none"/><path d="M8 13.5h7.5M12.5 10l3.5 3.5-3.5 3.5" stroke="var(--surface)"/>`,
		"inbox":    `<path d="M3 13h5l1.5 3h5L16 13h5M5 5h14l2 8v6H3v-6z"/>`,
		"send":     `<path d="M4 12h15M13 6l6 6-6 6"/>`,
		"history":  `<path d="M3.5 12a8.5 8.5 0 1 0 2.6-6.1L3.5 8.5M3.5 4v4.5H8M12 7.5V12l3 2"/>`,
		"running":  `<path d="M3 12h4l3-8 4 16 3-8h4"/>`,
		"sim":      `<path d="M6 3h8l4 4v14H6zM9 11h6v6H9zM12 11v6"/>`,
		"new":      `<path d="M12 5v14M5 12h14"/>`,
		"code":     `<path d="M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h2v2h-2zM18 18h2v2h-2zM18 14h2M14 18v2"/>`,
		"pull":     `<path d="M20 12H5M11 6l-6 6 6 6"/>`,
		"people":   `<path d="M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c.5-4 3-6 6.500-6s6 2 6.500 6M16 4.500a3.500 3.500 0 0 1 0 6.500M18 14.500c2 .8 3.200 2.700 3.500 5.500"/>`,
		"key":      `<path d="M14.500 13.500a5 5 0 1 0-4-4L3 17v4h4v-2.500h2.500V16H12zM16 8h.01"/>`,
		"settings": `<path d="M4 7h10M18 7h2M4 17h2M10 17h10M16 5v4M8 15v4"/>`,
		"queue":    `<path d="M4 6h16M4 12h16M4 18h10"/>`,
		"search":   `<path d="M10.500 17a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13zM15.500 15.500 20 20"/>`,
		"audit":    `<path d="M6 3h12v18H6zM9 8h6M9 12h6M9 16h3"/>`,
		"account":  `<path d="M4 21V9l8-6 8 6v12zM9 21v-7h6v7"/>`,
		"plan":     `<path d="M4 5h16v14H4zM4 10h16M8 15h4"/>`,
		"fee":      `<path d="M12 3v18M16.500 7.500C15.500 6 14 5.500 12 5.500c-2.500 0-4.500 1-4.500 3s2 3 4.500 3.500 4.500 1.500 4.500 3.500-2 3-4.500 3c-2 0-3.500-.5-4.500-2"/>`,
		"charges":  `<path d="M6 3h12v18l-3-2-3 2-3-2-3 2zM9 8h6M9 12h6"/>`,
		"gateway":  `<path d="M12 20v-6M8 20h8M12 14a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM7.500 16.500a6.500 6.500 0 0 1 0-9M16.500 16.500a6.500 6.500 0 0 0 0-9"/>`,
		"webhook":  `<path d="M8 17a3.500 3.500 0 1 1-2-5.700M12 8.500a3.500 3.500 0 1 1 3 1.500M16 12a3.500 3.500 0 1 1-.5 6M8 17h7M6.500 15l4-6.500M13.500 8l3.500 5.500"/>`,
		"copy":     `<path d="M9 9h11v11H9zM15 9V4H4v11h5"/>`,
		"check":    `<path d="m5 12.500 4.500 4.500L19 7.500"/>`,
		"cross":    `<path d="m6 6 12 12M18 6 6 18"/>`,
		"clock":    `<path d="M12 20.500a8.500 8.500 0 1 0 0-17 8.500 8.500 0 0 0 0 17zM12 7.500V12l3 2"/>`,
		"info":     `<path d="M12 20.500a8.500 8.500 0 1 0 0-17 8.500 8.500 0 0 0 0 17zM12 11v5.500M12 7.750v.01"/>`,
		"warn":     `<path d="M12 4 2.500 20h19zM12 10v5M12 17.500v.01"/>`,
		"menu":     `<path d="M4 7h16M4 12h16M4 17h16"/>`,
		"lock":     `<path d="M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3"/>`,
		"download": `<path d="M12 4v11M7 11l5 5 5-5M4 20h16"/>`,
		"mail":     `<path d="M3 6h18v13H3zM3 7l9 7 9-7"/>`,
		"spin":     `<path d="M12 3.500a8.500 8.500 0 1 1-8.500 8.500"/>`,
	}
	class := "icon"
	if name == "spin" {
		class = "icon spin"
	}
	return template.HTML(`<svg class="` + class + `" viewBox="0 0 24 24" aria-hidden="true">` + paths[name] + `</svg>`) //nolint:gosec // constants
}

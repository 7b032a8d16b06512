package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/google/uuid"

	"simtransfer/api/problem"
	"simtransfer/client"
)

// The hidden fields of every form.
const (
	keyField = "_key" // an Idempotency-Key
	forField = "_for" // the account that the page was made for
)

// form is a form of a page: a new one, or one that was sent.
type form struct {
	Name    string   // tells the forms of a page apart
	Key     string   // Idempotency-Key
	For     string   // the account that the person acted for, or "staff"
	Refused *refusal // nil: it was not refused

	values url.Values // that were typed; nil for a new form
	action string     // the last part of the path that it was sent to
}

// refusal is why the API refused a form.
type refusal struct {
	Title  string
	Detail string
	Errors []problem.FieldError
	More   int // errors that are not listed
	Code   problem.Code
	Retry  bool // the same form may succeed a little later
}

// form returns a form of a page by its name: the one that the API has refused, or a
// new one.
func (v *visit) form(name string) form {
	if v.failed != nil && v.failed.Name == name {
		return *v.failed
	}
	return form{Name: name, Key: uuid.NewString(), For: v.actingName()}
}

// posted returns the form that was sent, for a page on which it has a name.
func (v *visit) posted(name string) form {
	return form{Name: name, Key: v.r.PostForm.Get(keyField), For: v.actingName(), values: v.r.PostForm, action: path.Base(v.r.URL.Path)}
}

// Option makes a call of the API carry the Idempotency-Key of the form. The buttons of a
// form that are sent to different paths make different calls.
func (f form) Option() client.Option {
	key := f.Key + "-" + f.action
	if client.CheckIdempotencyKey(key) != nil {
		key = uuid.NewString() // someone has changed the hidden field
	}
	return client.IdempotencyKey(key)
}

// Value returns what was typed into a field, without surrounding space.
func (f form) Value(name string) string { return strings.TrimSpace(f.values.Get(name)) }

// maxEchoed is up to how many bytes of a field a page shows again. Longer texts are lists
// that were pasted.
const maxEchoed = 256 << 10

// Echo is Value for a page that shows the field again: empty if the text is too long.
func (f form) Echo(name string) string {
	if text := f.Value(name); len(text) <= maxEchoed {
		return text
	}
	return ""
}

// Dropped reports whether a text that was typed is too long to be shown again.
func (f form) Dropped() bool {
	for name := range f.values {
		if len(f.Value(name)) > maxEchoed && name != listField && name != wrongField {
			return true
		}
	}
	return false
}

// Or is Value, or a default for a new form.
func (f form) Or(name, value string) string {
	if f.values == nil {
		return value
	}
	return f.Value(name)
}

// Values returns the values of a field that can have several.
func (f form) Values(name string) []string { return f.values[name] }

// Has reports whether a field has a value among several.
func (f form) Has(name, value string) bool { return slices.Contains(f.values[name], value) }

// Sent reports whether the form was sent and refused.
func (f form) Sent() bool { return f.values != nil }

// Error returns what is wrong with a field, empty if nothing is. The name is that of
// the field in the body of the API's call, such as destination.email.
func (f form) Error(name string) string {
	if f.Refused == nil {
		return ""
	}
	var texts []string
	for _, e := range f.Refused.Errors {
		at := strings.TrimPrefix(e.Location, "body.")
		if at == name || strings.HasPrefix(at, name+"[") || strings.HasPrefix(at, name+".") {
			texts = append(texts, e.Message)
		}
	}
	return capital(strings.Join(texts, "; "))
}

// refused shows the page of a form again, with what was typed and why the API refused
// it. Errors that are no refusals of the form are returned.
func (v *visit) refused(f form, err error, show func() error) error {
	var p *client.Problem
	switch {
	case !errors.As(err, &p):
		return err
	case p.Code == problem.Unauthenticated, p.Code == freshSignInRequired, p.Code == problem.UnknownPath:
		return err
	}
	f.Refused = &refusal{Title: p.Title, Detail: p.Detail, Errors: p.Errors, More: p.More, Code: p.Code, Retry: p.Uncertain()}
	if p.Code == problem.IdempotencyKeyReused {
		f.Refused.Title, f.Refused.Detail = "This form was sent before", "It was changed and sent again after it had succeeded. Look at what it has done first; to do it again as it is now, send the form again."
	}
	if !p.Uncertain() {
		f.Key = uuid.NewString() // the next attempt is another call
	}
	v.failed, v.status = &f, p.Status
	return show()
}

// wrong is refused for what the console itself cannot read, such as a time: a field and
// what to do.
func (v *visit) wrong(f form, show func() error, field, message string) error {
	f.Refused = &refusal{
		Title: "Please check the form", Errors: []problem.FieldError{{Location: "body." + field, Message: message, Value: problem.Clip(f.Value(field))}},
		Code: problem.Invalid,
	}
	v.failed, v.status = &f, http.StatusUnprocessableEntity
	return show()
}

var (
	errOtherAccount  = errors.New("the form was made for another account")
	errChooseAccount = errors.New("the person has to choose an account")
)

// maxFormMemory is how much of an uploaded file is kept in memory, in bytes.
const maxFormMemory = 4 << 20

// checkForm reads a form, and refuses one of a page that was made for another account:
// the person has switched accounts in another tab.
func (v *visit) checkForm() error {
	if err := v.readForm(); err != nil {
		return err
	}
	if made := v.r.PostForm.Get(forField); made != "" && made != v.actingName() {
		return errOtherAccount
	}
	return nil
}

func (v *visit) readForm() error {
	err := v.r.ParseForm() // ParseMultipartForm does not return its error
	if err == nil {
		err = v.r.ParseMultipartForm(maxFormMemory)
	}
	if errors.Is(err, http.ErrNotMultipart) {
		err = nil
	}
	var tooLarge *http.MaxBytesError
	if err == nil || errors.As(err, &tooLarge) {
		return err
	}
	return &unreadableForm{err}
}

// removeFiles removes the temporary files of a form. net/http does so only for the request
// that it has made itself, not for the copy with another context that handlers get.
func (v *visit) removeFiles() {
	if v.r.MultipartForm == nil {
		return
	}
	if err := v.r.MultipartForm.RemoveAll(); err != nil {
		v.Log.ErrorContext(v.ctx(), "a temporary file of a form stays", "error", err)
	}
}

// unreadableForm is a form that cannot be read.
type unreadableForm struct{ err error }

func (e *unreadableForm) Error() string { return fmt.Sprintf("reading a form: %v", e.err) }

// actingName returns as whom the person acts, as the header Simtransfer-Account says it.
func (v *visit) actingName() string {
	if v.me.ActingFor == nil {
		return ""
	}
	return v.me.ActingFor.Name
}

// hiddenField is a value of a form that is sent again.
type hiddenField struct{ Name, Value string }

// typed returns what was typed into the form of a call, to send it again.
func (v *visit) typed() []hiddenField {
	var fields []hiddenField
	for name, values := range v.r.PostForm {
		for _, value := range values {
			fields = append(fields, hiddenField{name, value})
		}
	}
	slices.SortFunc(fields, func(a, b hiddenField) int { return strings.Compare(a.Name, b.Name) })
	return fields
}

// freshSignInRequired is the code with which the API refuses an act that needs a recent
// sign-in.
const freshSignInRequired problem.Code = "fresh_sign_in_required"

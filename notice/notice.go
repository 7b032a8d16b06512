// Package notice writes the mails about what happens in the service: the texts of
// each type, which operators can replace, the table of facts, and the link to turn
// mails of a kind off. Who gets which mail with which facts is decided by
// transfer.MailsOf; package mail lays mails out and sends them.
//
//	notice.go     a mail from what happened
//	facts.go      the words and the table that all texts share
//	examples.go   an example of each mail, with which templates are tried at start
//	templates/    the texts, one file per type
package notice

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
	"time"
	"unicode"
	"unicode/utf8"

	"simtransfer/mail"
	"simtransfer/transfer"
)

// UnsubscribePath is where the API serves links with which mails are turned off.
const UnsubscribePath = "/unsubscribe/"

//go:embed templates
var builtIn embed.FS

// Writer writes mails. It can be used concurrently.
type Writer struct {
	texts  map[transfer.MailType]*template.Template
	public string // address of the service, without a slash at the end
	zone   *time.Location
}

// New returns a writer whose links begin with the public address of the service, and
// whose times are in the zone (nil: UTC). A
// template in the folder replaces the built-in one with the same name; an empty
// folder has none. Each template is tried with an example; unknown files with the
// ending .txt are an error, because their names may be mistyped.
func New(folder, public string, zone *time.Location) (*Writer, error) {
	if u, err := url.Parse(public); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("SIMTRANSFER_PUBLIC_URL is %q: set it to the address of this service without a path, such as https://sims.example.com, for the links in mails", public)
	}
	w := &Writer{texts: map[transfer.MailType]*template.Template{}, public: strings.TrimSuffix(public, "/"), zone: zone}
	if err := checkNames(folder); err != nil {
		return nil, err
	}
	for _, kind := range transfer.MailTypes() {
		name := string(kind) + ".txt"
		text, err := source(folder, name)
		if err != nil {
			return nil, fmt.Errorf("reading the template %s of mails: %w", name, err)
		}
		t, err := template.New(name).Funcs(functions(zone)).Option("missingkey=error").Parse(text)
		if err != nil {
			return nil, fmt.Errorf("reading the template %s of mails: %w", name, err)
		}
		w.texts[kind] = t
	}
	for _, example := range Examples() {
		l, err := w.Letter(example)
		switch {
		case err != nil:
			return nil, err
		case l.Subject == "" || l.Opening == "":
			return nil, fmt.Errorf("the template %s.txt of mails has no subject or no opening: define both", example.News.Type)
		}
	}
	return w, nil
}

// source returns the text of a template.
func source(folder, name string) (string, error) {
	if folder != "" {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if !errors.Is(err, fs.ErrNotExist) {
			return string(text), err
		}
	}
	text, err := builtIn.ReadFile("templates/" + name)
	return string(text), err
}

func checkNames(folder string) error {
	if folder == "" {
		return nil
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("reading SIMTRANSFER_MAIL_TEMPLATES: %w", err)
	}
	known := map[string]bool{"letter.txt": true}
	names := []string{"letter.txt", "letter.html"}
	for _, kind := range transfer.MailTypes() {
		known[string(kind)+".txt"] = true
		names = append(names, string(kind)+".txt")
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".txt") && !known[e.Name()] {
			return fmt.Errorf("SIMTRANSFER_MAIL_TEMPLATES has the file %s, which is no template of mails: there are %s", e.Name(), strings.Join(names, ", "))
		}
	}
	return nil
}

// Mail is a mail to be written.
type Mail struct {
	ID      string // the same in each attempt
	Event   string // what it is about
	Address string // to whom it goes
	Account int64  // whose contact that is; zero: a person
	Kind    transfer.MailKind
	News    transfer.MailNews
	Secret  []byte // signs the link to turn mails off
}

// Letter writes a mail.
func (w *Writer) Letter(m Mail) (mail.Letter, error) {
	text := w.texts[m.News.Type]
	if text == nil {
		return mail.Letter{}, fmt.Errorf("there is no template of mails of the type %q", m.News.Type)
	}
	view := view{m.News, w.zone}
	l := mail.Letter{To: m.Address, ID: m.ID, Event: m.Event, Thread: thread(m.News), Facts: view.facts()}
	var label string
	for _, block := range []struct {
		name string
		into *string
	}{{"subject", &l.Subject}, {"opening", &l.Opening}, {"button", &label}} {
		var err error
		if *block.into, err = execute(text, block.name, view); err != nil {
			return l, err
		}
	}
	closing, err := execute(text, "closing", view)
	if err != nil {
		return l, err
	}
	for line := range strings.Lines(closing) {
		if line = strings.TrimSpace(line); line != "" {
			l.Closing = append(l.Closing, line)
		}
	}
	if path := view.path(); path != "" {
		l.Link = &mail.Link{Label: label, URL: w.public + path}
	}
	l.Footer = append(l.Footer, view.why(m))
	if m.Kind.CanBeTurnedOff() {
		l.Unsubscribe = w.public + UnsubscribePath + mail.Sign(m.Secret, Unsubscribe{m.Account, m.Kind, m.Address}.String())
	} else {
		l.Footer = append(l.Footer, "Mails of this kind cannot be turned off.")
	}
	return l, nil
}

// thread names the request or the batch, so that mail programs show its mails
// together.
func thread(n transfer.MailNews) string {
	switch {
	case n.Request != "":
		return "request-" + n.Request
	case n.Digest != nil && n.Digest.Batch != "":
		return "batch-" + n.Digest.Batch
	case n.Webhook != nil:
		return "webhook-" + n.Webhook.Endpoint
	}
	return ""
}

// execute returns the text of a block of a template.
func execute(t *template.Template, block string, v view) (string, error) {
	if t.Lookup(block) == nil {
		return "", nil
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, block, v); err != nil {
		return "", fmt.Errorf("writing the %s of the template %s of mails: %w", block, t.Name(), err)
	}
	text := strings.TrimSpace(b.String())
	if first, size := utf8.DecodeRuneInString(text); size > 0 { // a name such as "the operator" begins the sentence
		text = string(unicode.ToUpper(first)) + text[size:]
	}
	return text, nil
}

// Unsubscribe is what a link to turn mails off is about.
type Unsubscribe struct {
	Account int64
	Kind    transfer.MailKind
	Address string
}

// String returns the text that the link has.
func (u Unsubscribe) String() string {
	return strconv.FormatInt(u.Account, 10) + "\n" + string(u.Kind) + "\n" + u.Address
}

// ParseUnsubscribe parses the text of a link. It is false for a text that no link has.
func ParseUnsubscribe(text string) (Unsubscribe, bool) {
	parts := strings.SplitN(text, "\n", 3)
	if len(parts) != 3 {
		return Unsubscribe{}, false
	}
	account, err := strconv.ParseInt(parts[0], 10, 64)
	u := Unsubscribe{account, transfer.MailKind(parts[1]), parts[2]}
	return u, err == nil && u.Kind.CanBeTurnedOff() && u.Kind.Meaning() != ""
}

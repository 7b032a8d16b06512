// Package mail writes and sends mail to people. It knows nothing of the rest of
// the service: callers pass in all texts and addresses. Package notice has the
// texts of mails about what happens in the service.
//
//	letter.go       a mail as text and as HTML
//	server.go       the settings of the SMTP server, and sending
//	unsubscribe.go  signed links with which mails are turned off
package mail

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	texttemplate "text/template"
	"unicode"
)

// Letter is a mail to one person. To, Subject and Opening are required.
type Letter struct {
	To      string // an address without a name
	Subject string // contains no secret: mail programs show it on locked screens

	Opening string   // the first sentence: what happened, whose turn it is, until when
	Facts   []Fact   // a table after the opening
	Link    *Link    // what to open next; nil: nothing
	Closing []string // paragraphs after the link

	// ID identifies the mail, so that mail programs show it once even if it is sent
	// twice. Empty: a random one.
	ID string
	// Thread is the same for all mails that a mail program should show together.
	// Empty: the mail belongs to no thread.
	Thread string
	// Event names what the mail is about, in a header of its own. Empty: nothing.
	Event string

	Footer []string // small print at the end
	// Unsubscribe is a link with which mails like this one are turned off; it is in the
	// footer and in the header List-Unsubscribe. Empty: they cannot be.
	Unsubscribe string
}

// Fact is a row of a table.
type Fact struct{ Name, Value string }

// Link is a button.
type Link struct{ Label, URL string }

//go:embed templates
var templates embed.FS

// layout is how mails look: the templates letter.txt and letter.html.
type layout struct {
	text *texttemplate.Template
	html *htmltemplate.Template
	logo string // address of an image; empty: none
}

// newLayout reads the templates from a folder; those that it does not have, or all
// if it is empty, are the built-in ones. It tries them with a mail.
func newLayout(folder, logo string) (layout, error) {
	l := layout{logo: logo}
	source := func(name string) (string, error) {
		if folder != "" {
			text, err := os.ReadFile(filepath.Join(folder, name))
			if !errors.Is(err, fs.ErrNotExist) {
				return string(text), err
			}
		}
		text, err := templates.ReadFile("templates/" + name)
		return string(text), err
	}
	text, err := source("letter.txt")
	if err == nil {
		l.text, err = texttemplate.New("letter.txt").Parse(text)
	}
	if err != nil {
		return l, fmt.Errorf("reading the template letter.txt of mails: %w", err)
	}
	if text, err = source("letter.html"); err == nil {
		l.html, err = htmltemplate.New("letter.html").Parse(text)
	}
	if err != nil {
		return l, fmt.Errorf("reading the template letter.html of mails: %w", err)
	}
	const link = "https://sims.example.com/"
	_, _, err = l.render(Letter{
		Subject: "Subject", Opening: "Opening", Facts: []Fact{{"Name", "Value"}}, Link: &Link{"Label", link}, Closing: []string{"Closing"},
		Footer: []string{"Footer"}, Unsubscribe: link,
	})
	return l, err
}

// page is what the templates get.
type page struct {
	Letter

	Logo string
}

// render returns the mail as text and as HTML.
func (t layout) render(l Letter) (text, html string, err error) {
	l = l.clean()
	links := []string{l.Unsubscribe}
	if l.Link != nil {
		links = append(links, l.Link.URL)
	}
	for _, link := range links {
		if u, err := url.Parse(link); link != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "") {
			return "", "", fmt.Errorf("writing the mail %q: its link does not start with https://", l.Subject)
		}
	}
	var b bytes.Buffer
	if err := t.text.Execute(&b, page{l, t.logo}); err != nil {
		return "", "", fmt.Errorf("writing the mail %q as text: %w", l.Subject, err)
	}
	text = b.String()
	b.Reset()
	if err := t.html.Execute(&b, page{l, t.logo}); err != nil {
		return "", "", fmt.Errorf("writing the mail %q as HTML: %w", l.Subject, err)
	}
	return text, b.String(), nil
}

// clean returns the mail with all texts on one line each. Names of accounts and
// messages come from callers of the API: a line break in one could add a header,
// or a paragraph that seems to come from the service.
func (l Letter) clean() Letter {
	l.Subject, l.Opening = oneLine(l.Subject), oneLine(l.Opening)
	facts := make([]Fact, len(l.Facts))
	for i, f := range l.Facts {
		facts[i] = Fact{Name: oneLine(f.Name), Value: oneLine(f.Value)}
	}
	l.Facts, l.Closing, l.Footer = facts, oneLines(l.Closing), oneLines(l.Footer)
	if l.Link != nil {
		l.Link = &Link{Label: oneLine(l.Link.Label), URL: l.Link.URL}
	}
	return l
}

func oneLines(texts []string) []string {
	lines := make([]string, len(texts))
	for i, text := range texts {
		lines[i] = oneLine(text)
	}
	return lines
}

// oneLine replaces each run of spaces, control characters and characters that
// change the direction of text by one space.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "\uFFFD"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
	}), " ")
}

// Preview returns a mail as text and as HTML in the built-in layout.
func Preview(l Letter) (text, html string, err error) {
	built, err := newLayout("", "")
	if err != nil {
		return "", "", err
	}
	return built.render(l)
}

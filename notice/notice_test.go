package notice_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"simtransfer/mail"
	"simtransfer/mail/mailtest"
	"simtransfer/notice"
	"simtransfer/transfer"
)

const public = "https://sims.example.com"

func newWriter(t *testing.T, folder string) *notice.Writer {
	t.Helper()
	w, err := notice.New(folder, public+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Times are in the zone of the operator, in the subject, the text and the table.
func TestTimesInZone(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	w, err := notice.New("", public, berlin)
	if err != nil {
		t.Fatal(err)
	}
	const want = "2026-03-02 13:00 CET (12:00 UTC)"
	for _, m := range notice.Examples() {
		if m.News.Type != transfer.MailAsked {
			continue
		}
		l, err := w.Letter(m)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(l.Subject, want) || !strings.Contains(l.Opening, want) || !strings.Contains(fmt.Sprint(l.Facts), want) {
			t.Errorf("%s\n%s\n%v", l.Subject, l.Opening, l.Facts)
		}
	}
}

// Every mail is written down in testdata/mails.txt as its recipient gets it: read
// every difference before you accept it with UPDATE_MAILS=1.
func TestEveryMail(t *testing.T) {
	t.Parallel()
	w := newWriter(t, "")
	var got strings.Builder
	seen := map[transfer.MailType]bool{}
	for _, m := range notice.Examples() {
		seen[m.News.Type] = true
		l, err := w.Letter(m)
		if err != nil {
			t.Fatal(err)
		}
		text, html, err := mail.Preview(l)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("%s, to the %s", m.News.Type, m.News.Party)
		fmt.Fprintf(&got, "==== %s\nSubject: %s\n\n%s\n", name, l.Subject, text)
		for _, bad := range []string{"<no value>", "%!", "<nil>", "{{", "  ", "SIMs SIMs"} {
			if strings.Contains(l.Subject+l.Opening+strings.Join(l.Closing, "\n"), bad) {
				t.Errorf("%s has %q: %s / %s / %s", name, bad, l.Subject, l.Opening, l.Closing)
			}
		}
		if l.Link == nil && len(l.Closing) == 0 {
			t.Errorf("%s has neither a link nor a next step", name)
		}
		if l.Link != nil && (l.Link.Label == "" || !strings.HasPrefix(l.Link.URL, public+"/") || !strings.Contains(html, l.Link.URL)) {
			t.Errorf("%s has the link %+v", name, l.Link)
		}
		if (l.Unsubscribe != "") != m.Kind.CanBeTurnedOff() {
			t.Errorf("%s has the link to unsubscribe %q", name, l.Unsubscribe)
		}
	}
	for _, kind := range transfer.MailTypes() {
		if !seen[kind] {
			t.Errorf("there is no example of the type %s", kind)
		}
	}
	path := filepath.Join("testdata", "mails.txt")
	if os.Getenv("UPDATE_MAILS") != "" {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil { //nolint:gosec // everyone may read it
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("mails (-want +got):\n%s", diff)
	}
}

// example returns the first example of a type to a party.
func example(t *testing.T, kind transfer.MailType, to transfer.Party) notice.Mail {
	t.Helper()
	list := notice.Examples()
	i := slices.IndexFunc(list, func(m notice.Mail) bool { return m.News.Type == kind && m.News.Party == to })
	if i < 0 {
		t.Fatalf("there is no example of %s to %s", kind, to)
	}
	return list[i]
}

func letterOf(t *testing.T, m notice.Mail) mail.Letter {
	t.Helper()
	return letterBy(t, newWriter(t, ""), m)
}

func letterBy(t *testing.T, w *notice.Writer, m notice.Mail) mail.Letter {
	t.Helper()
	l, err := w.Letter(m)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// What users of other systems complained of: "validated" in a mail was read as
// "accepted". The mail that follows validation says whose turn it is, and that
// nothing has moved.
func TestComplaintValidatedReadAsAccepted(t *testing.T) {
	t.Parallel()
	for _, m := range []notice.Mail{example(t, transfer.MailAsked, transfer.PartyDestination), example(t, transfer.MailApproved, transfer.PartySource)} {
		l := letterOf(t, m)
		if strings.Contains(l.Subject+l.Opening, "validat") || !strings.Contains(l.Opening, "turn until 2026-03-02 12:00 UTC") || !strings.Contains(l.Opening, "nothing") {
			t.Errorf("%s: %s", m.News.Type, l.Opening)
		}
	}
	if l := letterOf(t, example(t, transfer.MailAccepted, transfer.PartySource)); !strings.Contains(l.Opening, "another mail says when they have moved") {
		t.Errorf("accepted: %s", l.Opening)
	}
}

// What users of other systems complained of: a mail without a link or a next step.
func TestComplaintMailWithoutNextStep(t *testing.T) {
	t.Parallel()
	w := newWriter(t, "")
	for _, m := range notice.Examples() {
		l := letterBy(t, w, m)
		if m.News.Request != "" && (l.Link == nil || l.Link.URL != public+"/requests/"+m.News.Request) {
			t.Errorf("%s has the link %+v", m.News.Type, l.Link)
		}
		if m.News.Type.AsksForDecision() && !strings.Contains(strings.Join(l.Closing, " "), "By command: simtransfer requests") {
			t.Errorf("%s does not say how: %s", m.News.Type, l.Closing)
		}
	}
}

// What users of other systems complained of: a mail said "failed" although all SIMs
// had moved, and the recipient saw nothing after accepting.
func TestComplaintFailedAlthoughAllMoved(t *testing.T) {
	t.Parallel()
	for _, to := range []transfer.Party{transfer.PartySource, transfer.PartyDestination} {
		l := letterOf(t, example(t, transfer.MailCompleted, to))
		if !strings.HasPrefix(l.Opening, "All 1,200 SIMs") || strings.Contains(strings.ToLower(l.Subject+l.Opening), "fail") {
			t.Errorf("to the %s: %s", to, l.Opening)
		}
	}
}

// What users of other systems complained of: a message named the wrong new owner.
func TestComplaintWrongNewOwner(t *testing.T) {
	t.Parallel()
	source := letterOf(t, example(t, transfer.MailCompleted, transfer.PartySource))
	if !strings.Contains(source.Opening, "moved to OP0000000002, which owns them now") {
		t.Errorf("to the source: %s", source.Opening)
	}
	destination := letterOf(t, example(t, transfer.MailCompleted, transfer.PartyDestination))
	if !strings.Contains(destination.Opening, "moved to your account OP0000000002: you own them now") {
		t.Errorf("to the destination: %s", destination.Opening)
	}
}

// What users of other systems complained of: cancel was still offered after the end,
// and an expired request was reported as already resolved.
func TestComplaintExpiredReportedAsResolved(t *testing.T) {
	t.Parallel()
	for _, to := range []transfer.Party{transfer.PartySource, transfer.PartyDestination} {
		l := letterOf(t, example(t, transfer.MailExpired, to))
		if !strings.Contains(l.Opening, "can no longer be accepted or canceled") || strings.Contains(l.Opening, "resolved") || strings.Contains(strings.Join(l.Closing, " "), "cancel") {
			t.Errorf("to the %s: %s %s", to, l.Opening, l.Closing)
		}
	}
}

// Names and messages of callers become no header, no line and no tag.
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, false)
	m := example(t, transfer.MailAsked, transfer.PartyDestination)
	m.News.SourceName = "Evil\r\nBcc: victim@example.org\r\n\r\n<script>alert(1)</script>"
	m.News.Message = "<img src=x onerror=alert(1)>\nPay to IBAN X\n{{.Account}}"
	m.News.Reference = "\"><a href=https://evil.example>click</a>"
	sender, err := mail.NewServer(server.Settings("SIM transfers <sims@example.com>"))
	if err != nil {
		t.Fatal(err)
	}
	if err := sender.Send(t.Context(), letterOf(t, m)); err != nil {
		t.Fatal(err)
	}
	got := server.Await(t, m.Address, 1)
	if got.Header.Get("Bcc") != "" || strings.Contains(got.Subject, "\n") || !strings.HasPrefix(got.Subject, "Evil Bcc: victim@example.org <script>") {
		t.Errorf("the subject is %q, the headers are %v", got.Subject, got.Header)
	}
	for _, tag := range []string{"<script", "<img", "<a href=https://evil"} {
		if strings.Contains(got.HTML, tag) {
			t.Errorf("the HTML has %q: %s", tag, got.HTML)
		}
	}
	if !strings.Contains(got.Text, "\nMessage: <img src=x onerror=alert(1)> Pay to IBAN X {{.Account}}\n") {
		t.Errorf("the text is %s", got.Text)
	}
	if got.Header.Get("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click" || !strings.HasPrefix(got.Header.Get("List-Unsubscribe"), "<"+public+notice.UnsubscribePath) ||
		got.Header.Get("X-Simtransfer-Event") != "812-4" || got.Header.Get("References") != "<request-"+m.News.Request+"@example.com>" {
		t.Errorf("the headers are %v", got.Header)
	}
}

// A link to turn mails off has what it is about, and only who has the secret can
// make one.
func TestUnsubscribeLink(t *testing.T) {
	t.Parallel()
	m := example(t, transfer.MailAsked, transfer.PartyDestination)
	signed := strings.TrimPrefix(letterOf(t, m).Unsubscribe, public+notice.UnsubscribePath)
	text, ok := mail.Verify(m.Secret, signed)
	if got, parsed := notice.ParseUnsubscribe(text); !ok || !parsed || got != (notice.Unsubscribe{Account: 1, Kind: transfer.MailKindAsked, Address: m.Address}) {
		t.Errorf("the link is about %+v, %t, %t", got, ok, parsed)
	}
	for _, bad := range []string{"", ".", signed + "x", "x" + signed, mail.Sign([]byte("another"), text), strings.Split(signed, ".")[0] + "."} {
		if _, ok := mail.Verify(m.Secret, bad); ok {
			t.Errorf("%q is taken", bad)
		}
	}
	for _, bad := range []string{"", "1\nasked", "x\nasked\na@b", "1\nnew_key\na@b", "1\nother\na@b"} {
		if u, ok := notice.ParseUnsubscribe(bad); ok {
			t.Errorf("%q is taken as %+v", bad, u)
		}
	}
}

// A template in the folder replaces the built-in one; one that cannot work is an
// error at start.
func TestTemplates(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("asked.txt", `{{define "subject"}}Bitte annehmen{{end}}{{define "opening"}}{{.Sender}} bietet {{sims .SIMs}} an.{{end}}{{define "button"}}Ansehen{{end}}`)
	l, err := newWriter(t, folder).Letter(example(t, transfer.MailAsked, transfer.PartyDestination))
	if err != nil || l.Subject != "Bitte annehmen" || l.Opening != "North Sensors Ltd (OP0000000001) bietet 1,200 SIMs an." || l.Link.Label != "Ansehen" {
		t.Errorf("the mail is %+v, %v", l, err)
	}
	for name, text := range map[string]string{
		"asked.txt": `{{define "subject"}}{{.Secret}}{{end}}`, "completed.txt": `{{define "subject"}}x{{end}}`, "fees.txt": `{{define`, "askd.txt": `x`,
	} {
		folder = t.TempDir()
		write(name, text)
		if _, err := notice.New(folder, public, nil); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := notice.New("/nowhere", public, nil); err == nil {
		t.Error("a folder that does not exist is taken")
	}
}

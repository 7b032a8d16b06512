package mail_test

import (
	"context"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"simtransfer/mail"
	"simtransfer/mail/mailtest"
)

const sender = "SIM transfers <sims@example.com>"

func newServer(t *testing.T, s mail.Settings) *mail.Server {
	t.Helper()
	server, err := mail.NewServer(s)
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func letter() mail.Letter {
	return mail.Letter{
		To: "maria@example.org", Subject: "12 SIMs of Näve\r\nBcc: evil@example.org wait for you",
		Opening: "Näve <script>alert(1)</script> asks you to accept 12 SIMs until 10:00 UTC.",
		Facts:   []mail.Fact{{Name: "Message", Value: "first line\nPay to IBAN X\u202e now"}},
		Link:    &mail.Link{Label: "Open the request", URL: "https://sims.example.com/requests/1?a=b&c=d"},
		Closing: []string{"You get this mail because you are a contact of the account."},
		ID:      "event-17", Thread: "request-1",
	}
}

// A mail arrives by STARTTLS and by TLS, as text and as HTML in which nothing of a
// caller becomes a header, a line or a tag.
func TestSend(t *testing.T) {
	t.Parallel()
	for name, implicit := range map[string]bool{"smtp": false, "smtps": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := mailtest.Start(t, implicit)
			address := url.URL{Scheme: name, User: url.UserPassword(mailtest.User, mailtest.Password), Host: server.Address}
			s := newServer(t, mail.Settings{SMTPURL: address.String(), SMTPCAFile: server.CAFile, MailFrom: sender})
			if strings.Contains(s.String(), "word") || strings.Contains(s.String(), mailtest.User) {
				t.Errorf("the server is described as %s", s)
			}
			if err := s.Send(t.Context(), letter()); err != nil {
				t.Fatal(err)
			}
			m := server.Await(t, "maria@example.org", 1)
			if m.From != "sims@example.com" || m.Subject != "12 SIMs of Näve Bcc: evil@example.org wait for you" || m.Header.Get("Bcc") != "" {
				t.Errorf("from %s: %q, headers %v", m.From, m.Subject, m.Header)
			}
			for header, want := range map[string]string{
				"Message-Id": "<event-17@example.com>", "References": "<request-1@example.com>", "Auto-Submitted": "auto-generated",
				"From": `"SIM transfers" <sims@example.com>`, "To": "<maria@example.org>",
			} {
				if got := m.Header.Get(header); got != want {
					t.Errorf("%s is %q, want %q", header, got, want)
				}
			}
			if !strings.Contains(m.Text, "<script>alert(1)</script> asks") || !strings.Contains(m.Text, "Message: first line Pay to IBAN X now\n") ||
				!strings.Contains(m.Text, "\nhttps://sims.example.com/requests/1?a=b&c=d\n") {
				t.Errorf("the text is %s", m.Text)
			}
			if strings.Contains(m.HTML, "<script>") || !strings.Contains(m.HTML, `href="https://sims.example.com/requests/1?a=b&amp;c=d"`) {
				t.Errorf("the HTML is %s", m.HTML)
			}
		})
	}
}

// A mail that the server refuses for good differs from one that can be sent again.
func TestRefusals(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, false)
	with := func(password, caFile string) *mail.Server {
		address := url.URL{Scheme: "smtp", User: url.UserPassword(mailtest.User, password), Host: server.Address}
		return newServer(t, mail.Settings{SMTPURL: address.String(), SMTPCAFile: caFile, MailFrom: sender})
	}
	good := with(mailtest.Password, server.CAFile)
	server.Refuse("maria@example.org", 550)
	if err := good.Send(t.Context(), letter()); err == nil || !mail.Permanent(err) {
		t.Errorf("550: %v", err)
	}
	server.Refuse("maria@example.org", 451)
	if err := good.Send(t.Context(), letter()); err == nil || mail.Permanent(err) {
		t.Errorf("451: %v", err)
	}
	server.Refuse("maria@example.org", 0)
	for name, s := range map[string]*mail.Server{"wrong password": with("geheim", server.CAFile), "unknown authority": with(mailtest.Password, "")} {
		err := s.Send(t.Context(), letter())
		if err == nil || mail.Permanent(err) || strings.Contains(err.Error(), "geheim") || strings.Contains(err.Error(), mailtest.Password) {
			t.Errorf("%s: %v", name, err)
		}
	}
	plain := newServer(t, mail.Settings{SMTPURL: "smtp://" + server.Address + "?starttls=off", MailFrom: sender})
	if err := plain.Send(t.Context(), letter()); err == nil {
		t.Error("a server that demands a password took a mail without one")
	}
	wrong := letter()
	wrong.Link.URL = "javascript:alert(1)"
	if err := good.Send(t.Context(), wrong); err == nil {
		t.Error("a mail has a link that is none")
	}
	if n := len(server.Mails("maria@example.org")); n != 0 {
		t.Errorf("%d mails have arrived", n)
	}
}

// A server that does not offer STARTTLS gets neither the password nor the mail.
func TestNoDowngrade(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	received := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			received <- err.Error()
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = conn.Write([]byte("220 localhost\r\n"))
		var all strings.Builder
		for buffer := make([]byte, 1024); ; {
			n, err := conn.Read(buffer)
			all.Write(buffer[:n])
			if err != nil {
				received <- all.String()
				return
			}
			_, _ = conn.Write([]byte("250-localhost\r\n250 AUTH PLAIN LOGIN\r\n"))
		}
	}()
	s := newServer(t, mail.Settings{SMTPURL: "smtp://user:geheim@" + l.Addr().String(), MailFrom: sender})
	if err := s.Send(t.Context(), letter()); err == nil {
		t.Error("the mail was sent without encryption")
	}
	if text := <-received; !strings.HasPrefix(text, "EHLO") || strings.Contains(text, "AUTH") || strings.Contains(text, "MAIL") {
		t.Errorf("the server received %q", text)
	}
}

// A server that never answers delays a call no longer than its context.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	s := newServer(t, mail.Settings{SMTPURL: "smtp://" + l.Addr().String(), MailFrom: sender})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := s.Send(ctx, letter()); err == nil {
		t.Error("no error")
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	if s, err := mail.NewServer(mail.Settings{}); s != nil || err != nil {
		t.Errorf("without settings: %v, %v", s, err)
	}
	for address, want := range map[string]string{
		"smtp://host": "smtp://host:587", "smtp://host?starttls=off": "smtp://host:25", "smtps://user:p%40ss@host": "smtps://host:465", "smtp://[::1]:2525": "smtp://[::1]:2525",
	} {
		if s := newServer(t, mail.Settings{SMTPURL: address, MailFrom: sender}); s.String() != want {
			t.Errorf("%s is %s", address, s)
		}
	}
	for name, s := range map[string]mail.Settings{
		"no sender":                   {SMTPURL: "smtp://host"},
		"no server":                   {MailFrom: sender},
		"a sender that is none":       {SMTPURL: "smtp://host", MailFrom: "sims"},
		"another scheme":              {SMTPURL: "https://host", MailFrom: sender},
		"no host":                     {SMTPURL: "smtp://", MailFrom: sender},
		"a path":                      {SMTPURL: "smtp://host/geheim", MailFrom: sender},
		"a raw character":             {SMTPURL: "smtp://user:ge/heim@host", MailFrom: sender},
		"a user without a password":   {SMTPURL: "smtp://user@host", MailFrom: sender},
		"an unknown parameter":        {SMTPURL: "smtp://host?tls=geheim", MailFrom: sender},
		"a password in the clear":     {SMTPURL: "smtp://user:geheim@host?starttls=off", MailFrom: sender},
		"smtps without TLS":           {SMTPURL: "smtps://host?starttls=off", MailFrom: sender},
		"a CA that is not there":      {SMTPURL: "smtp://host", MailFrom: sender, SMTPCAFile: "/nowhere/ca.pem"},
		"a CA that is no certificate": {SMTPURL: "smtp://host", MailFrom: sender, SMTPCAFile: "mail_test.go"},
	} {
		if _, err := mail.NewServer(s); err == nil || strings.Contains(err.Error(), "heim") {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
}

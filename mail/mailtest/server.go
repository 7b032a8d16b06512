// Package mailtest runs an SMTP server for tests, which keeps the mail that it
// receives.
package mailtest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"simtransfer/mail"
)

// The user that the server knows.
const (
	User     = "simtransfer"
	Password = "p@ss/word" // needs percent-encoding in a URL
)

// Server is an SMTP server on loopback that demands TLS and a password.
type Server struct {
	Address string
	CAFile  string // the certificate, in PEM

	mu      sync.Mutex
	refuse  map[string]*smtp.SMTPError
	mails   []Mail
	arrived chan struct{} // closed and replaced with each mail
}

// Mail is a mail that the server has received.
type Mail struct {
	From, To string // of the envelope
	Header   netmail.Header
	Subject  string
	Text     string
	HTML     string
}

// Start starts a server that ends with the test. With implicitTLS, it expects TLS
// from the first byte; otherwise it offers STARTTLS.
func Start(t *testing.T, implicitTLS bool) *Server {
	t.Helper()
	certificate, ca := newCertificate(t)
	s := &Server{CAFile: ca, refuse: map[string]*smtp.SMTPError{}, arrived: make(chan struct{})}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{server: s}, nil }))
	server.Domain, server.ReadTimeout, server.WriteTimeout = "localhost", 10*time.Second, 10*time.Second
	server.MaxMessageBytes, server.EnableSMTPUTF8 = 1<<20, true
	server.ErrorLog = silent{} // a client that does not trust the certificate is part of the tests
	server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Address = listener.Addr().String()
	if implicitTLS {
		listener = tls.NewListener(listener, server.TLSConfig)
	}
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() { _ = server.Close(); running.Wait() })
	return s
}

// Settings are those of a service that sends mail by the server.
func (s *Server) Settings(from string) mail.Settings {
	address := url.URL{Scheme: "smtp", User: url.UserPassword(User, Password), Host: s.Address}
	return mail.Settings{SMTPURL: address.String(), SMTPCAFile: s.CAFile, MailFrom: from}
}

// Refuse makes the server answer mail to an address with a code, such as 550, from
// now on; 0 accepts it again.
func (s *Server) Refuse(address string, code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.refuse, address)
	if code != 0 {
		s.refuse[address] = &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: "no such mailbox"}
	}
}

// Mails returns the mails to an address, in the order in which they arrived.
func (s *Server) Mails(address string) []Mail {
	list, _ := s.mailsTo(address)
	return list
}

// Await waits for the nth mail to an address, counted from 1, and returns it.
func (s *Server) Await(t *testing.T, address string, n int) Mail {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		list, arrived := s.mailsTo(address)
		if len(list) >= n {
			return list[n-1]
		}
		select {
		case <-arrived:
		case <-deadline:
			t.Fatalf("%d mails to %s have arrived, want %d", len(list), address, n)
		}
	}
}

func (s *Server) mailsTo(address string) (list []Mail, arrived <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.mails {
		if m.To == address {
			list = append(list, m)
		}
	}
	return list, s.arrived
}

type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

type session struct {
	server        *Server
	authenticated bool
	from, to      string
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != User || password != Password {
			return smtp.ErrAuthFailed
		}
		s.authenticated = true
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if !s.authenticated {
		return smtp.ErrAuthRequired
	}
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	if refusal := s.server.refuse[to]; refusal != nil {
		return refusal
	}
	s.to = to
	return nil
}

func (s *session) Data(r io.Reader) error {
	m, err := readMail(r)
	if err != nil {
		return err
	}
	m.From, m.To = s.from, s.to
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.mails = append(s.server.mails, m)
	close(s.server.arrived)
	s.server.arrived = make(chan struct{})
	return nil
}

func (*session) Reset()        {}
func (*session) Logout() error { return nil }

// readMail parses a mail with a part of text and one of HTML.
func readMail(r io.Reader) (Mail, error) {
	message, err := netmail.ReadMessage(r)
	if err != nil {
		return Mail{}, err
	}
	m := Mail{Header: message.Header}
	if m.Subject, err = (&mime.WordDecoder{}).DecodeHeader(message.Header.Get("Subject")); err != nil {
		return m, err
	}
	kind, parameters, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil {
		return m, err
	}
	if kind != "multipart/alternative" {
		return m, errors.New("the mail is " + kind)
	}
	for parts := multipart.NewReader(message.Body, parameters["boundary"]); ; {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return m, nil
		}
		if err != nil {
			return m, err
		}
		body := io.Reader(part)
		if part.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
			body = quotedprintable.NewReader(part)
		}
		text, err := io.ReadAll(body)
		if err != nil {
			return m, err
		}
		text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
		if strings.HasPrefix(part.Header.Get("Content-Type"), "text/html") {
			m.HTML = string(text)
		} else {
			m.Text = string(text)
		}
	}
}

// newCertificate returns a certificate for 127.0.0.1 and the file that it is in.
func newCertificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "smtp-ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

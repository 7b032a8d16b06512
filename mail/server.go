package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// Settings say how to send mail. The fields are flags of the processes that do.
type Settings struct {
	SMTPURL       string `name:"smtp-url" env:"SIMTRANSFER_SMTP_URL" placeholder:"LINK" help:"SMTP server that sends mail, such as smtp://user:password@host:587 (STARTTLS is required) or smtps://user:password@host:465. smtp://host:25?starttls=off sends without encryption, for a server that you reach over a network you trust. Default: the service sends no mail. A flag is visible to every user of the host (ps): set the variable if the URL has a password."`
	SMTPCAFile    string `name:"smtp-ca-file" type:"path" env:"SIMTRANSFER_SMTP_CA_FILE" placeholder:"FILE" help:"Certificates (PEM) of the authorities that sign the certificate of the SMTP server. Default: those of the system."`
	MailFrom      string `env:"SIMTRANSFER_MAIL_FROM" placeholder:"ADDRESS" help:"Sender of mail, such as 'SIM transfers <sims@example.com>'. Bounces go to this address unless SIMTRANSFER_MAIL_ENVELOPE_FROM is set."`
	MailEnvelope  string `name:"mail-envelope-from" env:"SIMTRANSFER_MAIL_ENVELOPE_FROM" placeholder:"ADDRESS" help:"Address to which mail servers return bounces (the envelope sender), such as bounces@example.com. Default: the address in SIMTRANSFER_MAIL_FROM."`
	MailLogo      string `env:"SIMTRANSFER_MAIL_LOGO" placeholder:"LINK" help:"Address of an image that mails show at the top, such as https://sims.example.com/logo.png. Default: none."`
	MailTemplates string `type:"path" env:"SIMTRANSFER_MAIL_TEMPLATES" placeholder:"FOLDER" help:"Folder with templates of mails. Each replaces the built-in one with the same name; docs/mail.md lists them. They are checked at start."`
	MailTimeZone  string `env:"SIMTRANSFER_MAIL_TIME_ZONE" placeholder:"NAME" help:"Time zone of the times in mails, such as Europe/Berlin. Times in another zone than UTC are also given in UTC. Default: UTC."`
}

// timeout is how long the SMTP server may take for one mail, and for each step.
const (
	timeout     = 30 * time.Second
	stepTimeout = 10 * time.Second
)

// Server sends mail by an SMTP server. It can be used concurrently.
type Server struct {
	host, port     string
	user, password string
	encryption     encryption
	tls            *tls.Config
	from           *netmail.Address
	envelope       string // empty: that of from
	layout         layout
	zone           *time.Location // of times in mails
}

// Zone returns the time zone of the times in mails.
func (s *Server) Zone() *time.Location { return s.zone }

type encryption int

const (
	startTLS encryption = iota
	implicitTLS
	unencrypted
)

// errURL repeats no part of the URL: if the password contains characters with a
// meaning in URLs, the parser may take pieces of it for any other part.
var errURL = errors.New("SIMTRANSFER_SMTP_URL is not a URL such as smtp://user:password@host:587 or smtps://user:password@host:465; percent-encode special characters of the password")

// NewServer returns the server that the settings name, or nil if they name none.
// It makes no connection.
func NewServer(s Settings) (*Server, error) {
	switch {
	case s == Settings{}:
		return nil, nil //nolint:nilnil // sending no mail is no error
	case s.SMTPURL == "":
		return nil, errors.New("settings of mail are set (SIMTRANSFER_MAIL_FROM or another one), but not SIMTRANSFER_SMTP_URL: set it to the SMTP server, or unset them all to send no mail")
	case s.MailFrom == "":
		return nil, errors.New("SIMTRANSFER_SMTP_URL is set, but not SIMTRANSFER_MAIL_FROM: set it to the sender of mail, such as 'SIM transfers <sims@example.com>'")
	}
	server, err := parseURL(s.SMTPURL)
	if err != nil {
		return nil, err
	}
	if server.zone, err = s.zone(); err != nil {
		return nil, err
	}
	if server.from, err = netmail.ParseAddress(s.MailFrom); err != nil {
		return nil, fmt.Errorf("SIMTRANSFER_MAIL_FROM is %q: use an address such as 'SIM transfers <sims@example.com>'", s.MailFrom)
	}
	if s.MailEnvelope != "" {
		address, err := netmail.ParseAddress(s.MailEnvelope)
		if err != nil || address.Name != "" {
			return nil, fmt.Errorf("SIMTRANSFER_MAIL_ENVELOPE_FROM is %q: use an address without a name, such as bounces@example.com", s.MailEnvelope)
		}
		server.envelope = address.Address
	}
	if u, err := url.Parse(s.MailLogo); s.MailLogo != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		return nil, fmt.Errorf("SIMTRANSFER_MAIL_LOGO is %q: use the address of an image that starts with https://", s.MailLogo)
	}
	if server.layout, err = newLayout(s.MailTemplates, s.MailLogo); err != nil {
		return nil, err
	}
	server.tls = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: server.host}
	if s.SMTPCAFile == "" {
		return server, nil
	}
	text, err := os.ReadFile(s.SMTPCAFile)
	if err != nil {
		return nil, fmt.Errorf("reading SIMTRANSFER_SMTP_CA_FILE: %w", err)
	}
	server.tls.RootCAs = x509.NewCertPool()
	if !server.tls.RootCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("SIMTRANSFER_SMTP_CA_FILE names %s, which has no certificate in PEM", s.SMTPCAFile)
	}
	return server, nil
}

func parseURL(text string) (*Server, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Path != "" && u.Path != "/" || u.Fragment != "" || u.Opaque != "" {
		return nil, errURL
	}
	s := &Server{host: u.Hostname(), port: u.Port(), user: u.User.Username()}
	s.password, _ = u.User.Password()
	if (s.user == "") != (s.password == "") {
		return nil, errors.New("SIMTRANSFER_SMTP_URL has a user without a password, or a password without a user: give both, or neither for a server that asks for none")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errURL
	}
	off := len(query) == 1 && len(query["starttls"]) == 1 && query.Get("starttls") == "off"
	switch {
	case len(query) > 0 && !off, off && u.Scheme == "smtps":
		return nil, errors.New("SIMTRANSFER_SMTP_URL has an unknown parameter: the only one is starttls=off, of a URL that starts with smtp://")
	case off && s.user != "":
		return nil, errors.New("SIMTRANSFER_SMTP_URL has starttls=off and a password, which everyone on the way could read: use TLS, or a server that asks for no password")
	case u.Scheme == "smtp" && off:
		s.encryption, s.port = unencrypted, orPort(s.port, "25")
	case u.Scheme == "smtp":
		s.encryption, s.port = startTLS, orPort(s.port, "587")
	case u.Scheme == "smtps":
		s.encryption, s.port = implicitTLS, orPort(s.port, "465")
	default:
		return nil, errURL
	}
	return s, nil
}

func orPort(port, standard string) string {
	if port == "" {
		return standard
	}
	return port
}

// String describes the server, without the password.
func (s *Server) String() string {
	text := "smtp://"
	if s.encryption == implicitTLS {
		text = "smtps://"
	}
	return text + net.JoinHostPort(s.host, s.port)
}

// Send sends a mail, and returns when the server has taken responsibility for it.
// If Permanent(err), sending it again cannot succeed.
func (s *Server) Send(ctx context.Context, l Letter) error {
	message, err := s.message(l)
	if err != nil {
		return fmt.Errorf("%w: %w", errLetter, err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel() // closes the connection, see dialUntil
	client, err := s.client(s.dialUntil(ctx))
	if err != nil {
		return err
	}
	if err := client.DialAndSendWithContext(ctx, message); err != nil && !message.IsDelivered() {
		return fmt.Errorf("sending mail by %s: %w", s, err)
	}
	return nil
}

// Permanent reports whether an SMTP server has refused a mail for good, for
// example because the address does not exist.
func Permanent(err error) bool {
	var refused *gomail.SendError
	return errors.As(err, &refused) && refused.ErrorCode() >= 500
}

// Result is what an error of Send says about the mail and about the SMTP server.
type Result struct {
	Code   int    // what the server answered; zero: nothing, or nothing that go-mail passes on
	Answer string // for people; empty: the mail was taken

	// Refused means that the server refuses the mail or its address for good, Later that
	// it may take it later. Otherwise the server takes no mail at all: it cannot be
	// reached, does not answer, or refuses the password or the sender.
	Refused, Later bool
}

// ResultOf returns what an error of Send says. A mail that could not even be written
// is refused.
func ResultOf(err error) Result {
	var failure *gomail.SendError
	switch {
	case err == nil:
		return Result{}
	case errors.Is(err, errLetter):
		return Result{Answer: err.Error(), Refused: true}
	case !errors.As(err, &failure):
		return Result{Answer: err.Error()}
	}
	r := Result{Code: failure.ErrorCode(), Answer: answerOf(failure)}
	switch failure.Reason {
	case gomail.ErrSMTPRcptTo, gomail.ErrSMTPData, gomail.ErrSMTPDataClose:
		r.Refused, r.Later = r.Code >= 500, r.Code >= 400 && r.Code < 500
	default:
	}
	// 421 ends the connection: the server is closing, whatever the command was.
	if r.Code == 421 {
		r.Later = false
	}
	return r
}

// answerOf returns the text of the server's answer without the name and the id of
// the mail, which go-mail appends.
func answerOf(e *gomail.SendError) string {
	text, _, _ := strings.Cut(e.Error(), ", affected ")
	if _, answer, ok := strings.Cut(text, ": "); ok && e.ErrorCode() != 0 {
		text = answer
	}
	return oneLine(text)
}

// errLetter is the error of a mail that cannot be written.
var errLetter = errors.New("the mail cannot be written")

func (s *Server) client(dial gomail.DialContextFunc) (*gomail.Client, error) {
	port, err := strconv.Atoi(s.port)
	if err != nil {
		return nil, errURL
	}
	options := []gomail.Option{
		gomail.WithPort(port), gomail.WithTimeout(stepTimeout), gomail.WithTLSConfig(s.tls), gomail.WithDialContextFunc(dial),
	}
	switch s.encryption {
	case startTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case implicitTLS:
		options = append(options, gomail.WithSSL())
	case unencrypted:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if s.user != "" {
		options = append(options, gomail.WithUsername(s.user), gomail.WithPassword(s.password),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin, gomail.SMTPAuthCramMD5))
	}
	client, err := gomail.NewClient(s.host, options...)
	if err != nil {
		return nil, fmt.Errorf("preparing to send mail: %w", err)
	}
	return client, nil
}

// dialUntil returns a function that connects to the server, and closes the
// connection when ctx ends. go-mail leaves it open if the server refuses the
// password, and continues when the context of a call has ended.
func (s *Server) dialUntil(ctx context.Context) gomail.DialContextFunc {
	return func(step context.Context, network, address string) (conn net.Conn, err error) {
		if s.encryption == implicitTLS {
			conn, err = (&tls.Dialer{Config: s.tls}).DialContext(step, network, address)
		} else {
			conn, err = (&net.Dialer{}).DialContext(step, network, address)
		}
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { _ = conn.Close() })
		return conn, nil
	}
}

// message returns a mail as go-mail sends it.
func (s *Server) message(l Letter) (*gomail.Msg, error) {
	text, html, err := s.layout.render(l)
	if err != nil {
		return nil, err
	}
	m := gomail.NewMsg()
	m.FromMailAddress(s.from)
	if s.envelope != "" {
		if err := m.EnvelopeFrom(s.envelope); err != nil {
			return nil, fmt.Errorf("the envelope sender: %w", err)
		}
	}
	if err := m.To(l.To); err != nil {
		return nil, fmt.Errorf("the address %q cannot get mail: %w", l.To, err)
	}
	m.Subject(oneLine(l.Subject))
	m.SetDate()
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.SetGenHeader("X-Auto-Response-Suppress", "All") // for Outlook, which does not know Auto-Submitted
	_, domain, _ := strings.Cut(s.from.Address, "@")
	if l.ID == "" {
		m.SetMessageID()
	} else {
		m.SetMessageIDWithValue(l.ID + "@" + domain)
	}
	if l.Thread != "" {
		m.SetGenHeader("References", "<"+l.Thread+"@"+domain+">")
	}
	if l.Event != "" {
		m.SetGenHeader("X-Simtransfer-Event", oneLine(l.Event))
	}
	if l.Unsubscribe != "" {
		m.SetGenHeader(gomail.HeaderListUnsubscribe, "<"+l.Unsubscribe+">")
		m.SetGenHeader(gomail.HeaderListUnsubscribePost, "List-Unsubscribe=One-Click")
	}
	m.SetBodyString(gomail.TypeTextPlain, text)
	m.AddAlternativeString(gomail.TypeTextHTML, html)
	return m, nil
}

package docs_test

import (
	"testing"

	"simtransfer/mail/mailtest"
)

//go:generate env UPDATE_PAGES=1 go test -count=1 -run ^TestMailPage$ .

// TestMailPage runs the commands of docs/mail.md, as TestCommandLinePage does, with an
// SMTP server that refuses one address.
func TestMailPage(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, false)
	server.Refuse("gone@example.com", 550)
	s := server.Settings("SIM transfers <sims@example.com>")
	stack, sh := startStack(t, "SIMTRANSFER_SMTP_URL="+s.SMTPURL, "SIMTRANSFER_SMTP_CA_FILE="+s.SMTPCAFile, "SIMTRANSFER_MAIL_FROM="+s.MailFrom, "SIMTRANSFER_PUBLIC_URL=https://sims.example.com")
	runPage(t, "../../docs/mail.md", sh, names{serviceAddress: stack.Admin.URL})
	if m := server.Await(t, "alarm@example.com", 1); m.Subject != "OP0000000001 has a new API key" {
		t.Errorf("the first mail is %q", m.Subject)
	}
}

package mail_test

import (
	"strings"
	"testing"
	"time"

	"simtransfer/mail"
)

// A time names its zone, and says UTC as well if that is another time.
func TestWhen(t *testing.T) {
	t.Parallel()
	winter := time.Date(2026, 3, 1, 23, 30, 0, 0, time.UTC)
	summer := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		at         time.Time
		zone, want string
	}{
		{winter, "", "2026-03-01 23:30 UTC"},
		{winter, "UTC", "2026-03-01 23:30 UTC"},
		{winter, "Etc/UTC", "2026-03-01 23:30 UTC"},
		{winter, "Europe/Berlin", "2026-03-02 00:30 CET (2026-03-01 23:30 UTC)"},
		{summer, "Europe/Berlin", "2026-07-01 14:00 CEST (12:00 UTC)"},
		{winter, "Europe/London", "2026-03-01 23:30 GMT"},
		{summer, "Europe/London", "2026-07-01 13:00 BST (12:00 UTC)"},
		{summer, "America/Sao_Paulo", "2026-07-01 09:00 UTC-03:00 (12:00 UTC)"},
		{summer, "Asia/Kathmandu", "2026-07-01 17:45 UTC+05:45 (12:00 UTC)"},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		if got := mail.When(c.at.Local(), zone); got != c.want {
			t.Errorf("%s in %q: %s, not %s", c.at, c.zone, got, c.want)
		}
	}
	if got := mail.When(winter, nil); got != "2026-03-01 23:30 UTC" {
		t.Errorf("without a zone: %s", got)
	}
}

func TestTimeZones(t *testing.T) {
	t.Parallel()
	settings := mail.Settings{SMTPURL: "smtp://mail.example.com", MailFrom: "sims@example.com"}
	for name, valid := range map[string]bool{"": true, "UTC": true, "Europe/Berlin": true, "Local": false, "Berlin": false, "../etc/passwd": false} {
		settings.MailTimeZone = name
		server, err := mail.NewServer(settings)
		if (err == nil) != valid || err != nil && !strings.Contains(err.Error(), "SIMTRANSFER_MAIL_TIME_ZONE") {
			t.Errorf("%q: %v", name, err)
		}
		if err == nil && name == "Europe/Berlin" && server.Zone().String() != name {
			t.Errorf("the zone is %s", server.Zone())
		}
	}
}

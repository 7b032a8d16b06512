package command

import (
	"strings"
	"testing"
)

// The API must not end while it still drains: calls would be lost.
func TestDrainLongerThanStopTimeoutIsRefused(t *testing.T) {
	t.Parallel()
	const db, redis = "--database-url=postgres://127.0.0.1:1/none", "--redis-url=redis://127.0.0.1:1/0"
	for _, c := range []struct {
		args    []string
		refused bool
	}{
		{nil, false},
		{[]string{"--drain=29s"}, false},
		{[]string{"--drain=30s"}, true},
		{[]string{"--drain=1m"}, true},
		{[]string{"--drain=1m", "--stop-timeout=90s"}, false},
		{[]string{"--stop-timeout=5s"}, true},
		{[]string{"--stop-timeout=5s", "--drain=0s"}, false},
	} {
		_, err := newCommands().parse(append([]string{"api", db, redis}, c.args...), t.Output())
		if c.refused != (err != nil) || c.refused && !strings.Contains(err.Error(), "SIMTRANSFER_STOP_TIMEOUT") {
			t.Errorf("%v: %v", c.args, err)
		}
	}
}

// Settings of signing in and of mail that do not belong together stop the start,
// and the error names what to set, without a secret.
func TestSignInSettings(t *testing.T) {
	t.Parallel()
	public, issuer := "--public-url=https://sims.example.com", "--oidc-issuer=https://login.example.com"
	client, secret := "--oidc-client-id=id", "--oidc-client-secret=geheim"
	smtp, from := "--smtp-url=smtp://user:geheim@mail.example.com", "--mail-from=SIMs <sims@example.com>"
	for _, c := range []struct {
		args  []string
		error string // what it names; empty: none
	}{
		{[]string{public}, ""},
		{[]string{public, issuer, client, secret, smtp, from, "--oidc-staff-claim=groups", "--oidc-staff-roles=a=admin,b=support"}, ""},
		{[]string{issuer, client, secret}, "SIMTRANSFER_PUBLIC_URL"},
		{[]string{smtp, from}, "SIMTRANSFER_PUBLIC_URL"},
		{[]string{"--public-url=https://sims.example.com/path", smtp, from}, "SIMTRANSFER_PUBLIC_URL"},
		{[]string{"--public-url=sims.example.com"}, "SIMTRANSFER_PUBLIC_URL"},
		{[]string{public, smtp}, "SIMTRANSFER_MAIL_FROM"},
		{[]string{public, from}, "SIMTRANSFER_SMTP_URL"},
		{[]string{public, issuer, client}, "SIMTRANSFER_OIDC_CLIENT_SECRET"},
		{[]string{public, client, secret}, "SIMTRANSFER_OIDC_ISSUER"},
		{[]string{public, issuer, client, secret, "--oidc-staff-roles=a=admin"}, "SIMTRANSFER_OIDC_STAFF_CLAIM"},
		{[]string{public, issuer, client, secret, "--oidc-staff-claim=groups", "--oidc-staff-roles=a=account"}, "SIMTRANSFER_OIDC_STAFF_ROLES"},
	} {
		args := append([]string{"api", "--database-url=postgres://127.0.0.1:1/none", "--redis-url=redis://127.0.0.1:1/0"}, c.args...)
		_, err := newCommands().parse(args, t.Output())
		if (c.error == "") != (err == nil) || err != nil && (!strings.Contains(err.Error(), c.error) || strings.Contains(err.Error(), "geheim")) {
			t.Errorf("%v: %v", c.args, err)
		}
	}
}

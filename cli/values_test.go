package cli_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"simtransfer/cli"
	"simtransfer/transfer"
)

func TestParseDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "1h30m": 90 * time.Minute, "24h": 24 * time.Hour, "7d": 7 * 24 * time.Hour, "1d12h": 36 * time.Hour,
		"1.5d": 36 * time.Hour, "0s": 0, "0": 0, "0d": 0, " 7D ": 7 * 24 * time.Hour, "250ms": 250 * time.Millisecond, "-1s": -time.Second, "-1d": -24 * time.Hour,
	} {
		if got, err := cli.ParseDuration(text); got != want || err != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for text, why := range map[string]string{
		"": "is not a duration", "7": "has no unit: write 7s, 7m, 7h or 7d", "d": "is not a duration", "1w": "is not a duration", "1h1d": "is not a duration",
		"1d1d": "is not a duration", "1d-1h": "is not a duration", "-1d1h": "is not a duration", "nand": "is not a duration", "infd": "is not a duration",
		"1e9d": "is not a duration", "106000d": "is not a duration", "99999d999999h": "is not a duration", "1 day": "is not a duration",
	} {
		if got, err := cli.ParseDuration(text); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

// What is out of range is refused without a call, and the error and the help tell
// the range.
func TestRangesOfFlags(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, func(http.ResponseWriter, *http.Request) { t.Error("it was called") })
	const acceptance = "must be from 1s to 30d"
	for args, why := range map[string]string{
		"requests create --to-email=a@example.com --to-operator=OP0000000002 1 --acceptance=0s":      acceptance,
		"requests create --to-email=a@example.com --to-operator=OP0000000002 1 --acceptance=-5s":     acceptance,
		"requests create --to-email=a@example.com --to-operator=OP0000000002 1 --acceptance=999ms":   acceptance,
		"requests create --to-email=a@example.com --to-operator=OP0000000002 1 --acceptance=1500ms":  "is no multiple of 1s",
		"requests create --to-email=a@example.com --to-operator=OP0000000002 1 --acceptance=30d1s":   acceptance,
		"requests create --to-email=a@example.com --to-operator=OP0000000002 1 --acceptance=60":      "has no unit: write 60s",
		"requests create --to-email=a@example.com --to-operator=OP0000000002 1 --acceptance=forever": "is not a duration",
		"preview --to-email=a@example.com --to-operator=OP0000000002 1 --acceptance=0s":              acceptance,
		"batches submit - --format=csv --acceptance=0s":                                              acceptance,
		"batches submit - --format=csv --interval=0s":                                                "must be from 100ms to 1h",
		"requests retry " + someRequest + " --acceptance=0s":                                         acceptance,
		"requests watch " + someRequest + " --interval=0s":                                           "must be from 100ms to 1h",
		"requests watch " + someRequest + " --interval=2h":                                           "must be from 100ms to 1h",
		"events --follow --interval=-1s":                                                             "must be from 100ms to 1h",
		"events --limit=0":                                                                           "must be 1 or more",
		"sims list --limit=0":                                                                        "must be 1 or more",
		"sims list --limit=-1":                                                                       "must be 1 or more",
		"sims list --limit=1e3":                                                                      "is not a whole number",
		"sims list --limit=99999999999999999999":                                                     "is too large",
		"keys rotate 7 --grace=25h":                                                                  "must be from 0s to 24h",
		"keys rotate 7 --grace=-1s":                                                                  "must be from 0s to 24h",
		"keys rotate 0":                                                                              "must be 1 or more",
		"keys revoke -1":                                                                             "",
		"sims change --set=lock=true --expect-count=-1":                                              "must be 0 or more",
		"sims sync - --format=csv --full --retire-missing --max-retire-share=1.5":                    "is not a share from 0 to 1",
		"sims sync - --format=csv --full --retire-missing --max-retire-share=-0.1":                   "is not a share from 0 to 1",
		"sims sync - --format=csv --full --retire-missing --max-retire-share=NaN":                    "is not a share from 0 to 1",
		"sims sync - --format=csv --full --retire-missing --max-retire-share=1%":                     "is not a share from 0 to 1",
		"keys revoke 1 x": "is not a whole number",
	} {
		if code := c.run(strings.Fields(args)...); code != cli.ExitUsage || !strings.Contains(c.err.String(), why) {
			t.Errorf("%s: exit code %d: %s", args, code, c.err.String())
		}
	}
}

// The range of --acceptance is the one of the rules.
func TestRangeOfAcceptance(t *testing.T) {
	t.Parallel()
	for _, node := range newParser(t, nil).Model.Leaves(true) {
		for _, f := range node.Flags {
			if f.Name != "acceptance" {
				continue
			}
			low, err := cli.ParseDuration(f.Tag.Get("min"))
			high, err2 := cli.ParseDuration(f.Tag.Get("max"))
			if err != nil || err2 != nil || low != transfer.MinAcceptance || high != transfer.MaxAcceptance || !strings.HasSuffix(f.Help, "Range: 1s to 30d.") {
				t.Errorf("%s: from %v to %v; help %q", node.FullPath(), low, high, f.Help)
			}
		}
	}
}

// An approval sends the fee as it was written. The service knows the currency of
// the request's source, and converts it.
func TestFeeOfAnApproval(t *testing.T) {
	t.Parallel()
	for fee, want := range map[string]string{ // empty means refused
		"7.50":       `{"amount":"7.50"}`,
		"7.50EUR":    `{"amount":"7.50","currency":"EUR"}`,
		"7.50 eur":   `{"amount":"7.50","currency":"EUR"}`,
		"JPY 750":    `{"amount":"750","currency":"JPY"}`,
		"0":          `{"amount":"0"}`,
		"EUR7.50EUR": "",
		"7.50 ERU":   "",
		"7,50":       "",
		"-7.50":      "",
		"1e2":        "",
		".50":        "",
		"EUR":        "",
	} {
		sent := ""
		term := newTerminal(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body) // a test notices what is missing
			sent += r.Method + string(body)
			_, _ = io.WriteString(w, `{}`)
		})
		code := term.run("requests", "approve", someRequest, "--ticket=T", "--fee="+fee, "--fee-reason=agreed")
		if want != "" {
			want = `POST{"ticket":"T","fee":` + want + `,"fee_reason":"agreed"}`
		}
		if sent != want || (code == cli.ExitOK) != (want != "") || code != cli.ExitOK && code != cli.ExitUsage {
			t.Errorf("%s: exit code %d, sent %s: %s", fee, code, sent, term.err.String())
		}
	}
}

// The amount of a fee has the decimal digits of its currency.
func TestAmountOfAFee(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ currency, amount, want string }{ // empty means refused
		{"EUR", "7.5", `{"amount":"7.50","minor":750,"currency":"EUR"}`},
		{"EUR", "7.50 EUR", `{"amount":"7.50","minor":750,"currency":"EUR"}`},
		{"JPY", "750", `{"amount":"750","minor":750,"currency":"JPY"}`},
		{"KWD", "7.5", `{"amount":"7.500","minor":7500,"currency":"KWD"}`},
		{"JPY", "7.50", ""},
		{"EUR", "7.505", ""},
		{"EUR", "5.000", ""},
		{"EUR", "7.50 USD", ""},
		{"EUR", "99999999999999999999", ""},
	} {
		sent := ""
		term := newTerminal(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body) // a test notices what is missing
			sent += string(body)
			_, _ = io.WriteString(w, `{}`)
		})
		code, want := term.run("fees", "set", c.currency, c.amount), ""
		if c.want != "" {
			want = `{"method":"support_assisted","fee":` + c.want + `}`
		}
		if sent != want || c.want == "" && code != cli.ExitUsage {
			t.Errorf("%s %s: exit code %d, sent %s: %s", c.currency, c.amount, code, sent, term.err.String())
		}
	}
}

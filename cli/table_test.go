package cli_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"golang.org/x/text/width"

	"simtransfer/cli"
)

// columns is how many columns of a terminal a line takes up: an implementation of
// its own, by the properties of Unicode that matter in these tests.
func columns(line string) int {
	n := 0
	for _, r := range line {
		switch {
		case r == '\u0301':
		case width.LookupRune(r).Kind() == width.EastAsianWide:
			n += 2
		default:
			n++
		}
	}
	return n
}

// longest returns the number of columns of the longest line.
func longest(text string) int {
	n := 0
	for line := range strings.Lines(text) {
		n = max(n, columns(strings.TrimSuffix(line, "\n")))
	}
	return n
}

// wideAnswers is a service whose answers have long texts in every list.
func wideAnswers(w http.ResponseWriter, r *http.Request) {
	const request = `{"id":"` + someRequest + `","source":"OP0000000001","destination":"OP0000000002","state":"awaiting_acceptance","next_action":{"party":"destination","until":"2030-01-31T00:00:00Z","acts":["accept","decline"]},` +
		`"can_accept":true,"can_decline":true,"why_not":{"cancel":"an API key with the permission viewer does not allow this call: it needs the permission operator"},"source_name":"North Sensors 東京 Ltd","expires_at":"2030-01-31T00:00:00Z","created_at":"2030-01-30T00:00:00Z","counts":{"sims":100000,"eligible":99999,"ineligible":1},"monthly":{"total":{"amount":"174998.25","minor":17499825,"currency":"EUR"},"unpriced":12},"ticket":"案件１００１ 東京支店からの依頼 including a rather long text",` +
		`"fees":{"quoted":{"amount":"12345.67","minor":1234567,"currency":"EUR"},"charged":{"amount":"0.00","minor":0,"currency":"EUR"}},"landing":{"group":"field-devices","tags":{"customer":"a very long name of a customer","site":"north"}},` +
		`"reasons":[{"state":"ineligible","reason":"sim_terminated","count":1,"remedy":"Leave this SIM out: a terminated SIM cannot be transferred."}]}`
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/events"):
		_, _ = io.WriteString(w, `{"items":[{"cursor":"1-1","request":"`+someRequest+`","seq":1,"at":"2030-01-30T00:00:00Z","kind":"create","party":"source","key":"wärehouse 東京","to":"validating","detail":{"size":100000,"sims":["8988211000000000011","8988211000000000029"]}}],"next_cursor":""}`)
	case strings.HasSuffix(path, "/transfers"):
		_, _ = io.WriteString(w, `{"items":[{"line":1,"identifier":"001010000000001","iccid":"8988211000000000011","state":"ineligible","method":"support_assisted","fee":{"amount":"2.50","minor":250,"currency":"EUR"},"reason":"sim_terminated"},`+
			`{"line":2,"identifier":"001010000000002","iccid":"8988211000000000029","state":"eligible","status":"suspended","plan":"a-plan-with-a-long-name","arrival":{"plan":"another-plan","monthly_price":{"amount":"1.75","minor":175,"currency":"EUR"},"drops_session":true}}]}`)
	case path == "/v1/transfer-requests":
		_, _ = io.WriteString(w, `{"items":[`+request+`,`+request+`]}`)
	case strings.HasPrefix(path, "/v1/transfer-requests/preview"):
		_, _ = io.WriteString(w, `{"eligible":1,"ineligible":1,"totals":[{"method":"support_assisted","sims":1,"fees":{"amount":"2.50","minor":250,"currency":"EUR"}}],`+
			`"settings":[{"method":"support_assisted","kept":["tags","expiration","termination_protection","containers","imei_lock"],"lost":["group","event_handlers","speed_class"]}],`+
			`"items":[{"line":1,"identifier":"001010000000001","iccid":"8988211000000000011","status":"active","eligible":true,"method":"support_assisted"}]}`)
	case strings.HasPrefix(path, "/v1/transfer-requests/"):
		_, _ = io.WriteString(w, request)
	case path == "/v1/batches":
		_, _ = io.WriteString(w, `{"items":[{"id":"`+someBatch+`","source":"OP0000000001","created_at":"2030-01-30T00:00:00Z","request_count":200,"counts":{"sims":1000000}}]}`)
	case path == "/v1/keys":
		_, _ = io.WriteString(w, `{"items":[{"id":7,"hint":"st_account_abcd…wxyz","role":"account","account":"OP0000000001","name":"倉庫の鍵 e\u0301","last_used_at":"2030-01-30T00:00:00Z"}]}`)
	case path == "/v1/sims":
		_, _ = io.WriteString(w, `{"items":[{"iccid":"8988211000000000011","account":"OP0000000001","status":"terminated","plan":"a-plan-with-a-long-name","transfer":{"state":"eligible"}}]}`)
	default:
		_, _ = io.WriteString(w, `{"items":[],"counts":{},"id":"`+someBatch+`"}`)
	}
}

// On a terminal, no table is wider than the terminal, and nothing is left out.
// Elsewhere, rows are whole lines.
func TestTablesFitTheTerminal(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, wideAnswers)
	words := func() string { return strings.Join(strings.Fields(c.out.String()), "") }
	for _, args := range []string{
		"requests list", "requests show --sims " + someRequest, "requests accept " + someRequest, "events", "events " + someRequest, "batches list",
		"keys list", "sims list", "preview --to-email=a@example.com --to-operator=OP0000000002 001010000000001",
	} {
		c.Out = &c.out
		c.is(c.run(strings.Fields(args)...), 0)
		whole, wholeLines := words(), strings.Count(c.out.String(), "\n")
		for _, columns := range []int{200, 100, 80, 60, 40, 32} {
			c.Out = cli.Terminal{Writer: &c.out, Width: columns}
			c.is(c.run(strings.Fields(args)...), 0)
			if got := longest(c.out.String()); got > columns {
				t.Errorf("%s: %d columns on %d:\n%s", args, got, columns, c.out.String())
			}
			if len(words()) != len(whole) {
				t.Errorf("%s: on %d columns it prints\n%s\nwhich has other texts than\n%s", args, columns, words(), whole)
			}
		}
		if c.Out = (cli.Terminal{Writer: &c.out, Width: 1000}); c.run(strings.Fields(args)...) != 0 || strings.Count(c.out.String(), "\n") != wholeLines {
			t.Errorf("%s: on a wide terminal, rows are no lines:\n%s", args, c.out.String())
		}
	}
}

// A row that does not fit continues on the next line, in columns of its own.
func TestFoldedTable(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, wideAnswers)
	c.Out = cli.Terminal{Writer: &c.out, Width: 80}
	c.is(c.run("requests", "list"), 0)
	row := someRequest + "  OP0000000001  OP0000000002  100000  99999\n" +
		"  0          awaiting_acceptance until 2030-01-31 00:00:00Z\n"
	c.prints("REQUEST                               FROM          TO            SIMS    OPEN\n" +
		"  COMPLETED  STATE\n" + row + row)
	c.Out = cli.Terminal{Writer: &c.out, Width: 60}
	c.is(c.run("requests", "accept", someRequest), 0)
	c.prints(`Request         ` + someRequest + `
State           awaiting_acceptance
Next            destination: accept or decline, until
                2030-01-31 00:00:00Z
You can         accept or decline
You cannot      cancel (an API key with the permission
                viewer does not allow this call: it needs
                the permission operator)
From            OP0000000001 (North Sensors 東京 Ltd)
To              OP0000000002
SIMs            100000: 99999 eligible, 1 ineligible
A month         174998.25 EUR, without 12 SIMs whose plans
                have no price
Fees            12345.67 EUR quoted, 0.00 EUR charged
Set on arrival  group field-devices; tags customer=a very
                long name of a customer, site=north
Ticket          案件１００１ 東京支店からの依頼 including a
                rather long text
Created         2030-01-30 00:00:00Z

SIMS  STATE       REASON          REMEDY
1     ineligible  sim_terminated  Leave this SIM out: a
                                  terminated SIM cannot be
                                  transferred.
`)
}

// A column that becomes wider on a later page does not break the lines: the
// headings are written again where the columns moved to another line.
func TestPagesOfAFoldedTable(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("cursor") == "" {
			_, _ = io.WriteString(w, `{"items":[{"operator_id":"OP0000000001","email":"a@b.c","currency":"EUR","coverage":"c","standing":"open"}],"next_cursor":"x"}`)
			return
		}
		_, _ = io.WriteString(w, `{"items":[{"operator_id":"OP0000000002","email":"a-long-name@a-long-domain.example","currency":"EUR","coverage":"c","standing":"open"}]}`)
	})
	c.Out = cli.Terminal{Writer: &c.out, Width: 57}
	c.is(c.run("accounts", "list", "--all"), 0)
	c.prints(`ACCOUNT       NAME  EMAIL  CURRENCY  COVERAGE  STANDING
OP0000000001  -     a@b.c  EUR       c         open
ACCOUNT       NAME  EMAIL
  CURRENCY  COVERAGE  STANDING
OP0000000002  -     a-long-name@a-long-domain.example
  EUR       c         open
`)
}

// Wide and combining characters keep the columns aligned, also without a terminal.
func TestWideCharacters(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, wideAnswers)
	c.is(c.run("keys", "list"), 0)
	lines := strings.Split(c.out.String(), "\n")
	head, _, _ := strings.Cut(lines[0], "LAST USED")
	row, _, _ := strings.Cut(lines[1], "2030")
	if columns(head) != columns(row) {
		t.Errorf("the columns are not aligned:\n%s", c.out.String())
	}
}

// The status line fits the terminal, and says what is done.
func TestStatusLine(t *testing.T) {
	t.Parallel()
	for columns, want := range map[int]string{
		100: "waiting for destination (1 request), support (1 request) [······························] 0/9 done",
		80:  "waiting for destination (1 request), support (1 request) [···········] 0/9 done",
		70:  "waiting for destination (1 request), support (1 request) 0/9 done",
		40:  "waiting for destination (1 request), s…",
		10:  "waiting …",
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newTerminal(t, func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprintf(w, `{"id":%q,"counts":{"sims":9,"eligible":9},"request_count":2,"requests":[{"next_action":{"party":"support"}},{"next_action":{"party":"destination"}}]}`, someBatch)
			})
			c.Terminal, c.Width = true, columns
			c.is(c.run("batches", "watch", "--until=decision", someBatch), 0)
			if got, _, _ := strings.Cut(c.err.String(), "\r"); got != want || strings.Contains(c.err.String(), "finished") {
				t.Errorf("on %d columns it shows %q, not %q", columns, got, want)
			}
		})
	}
}

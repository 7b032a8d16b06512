package worker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"simtransfer/mail"
	"simtransfer/mail/mailtest"
	"simtransfer/notice"
	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
	"simtransfer/worker"
)

const public = "https://sims.example.com"

// mailing makes the worker of the test send mail by a server that ends with it.
func (s *testService) mailing() *mailtest.Server {
	s.t.Helper()
	server := mailtest.Start(s.t, false)
	s.mailBy(server.Settings("SIM transfers <sims@example.com>"))
	return server
}

func (s *testService) mailBy(settings mail.Settings) {
	s.t.Helper()
	sender, err := mail.NewServer(settings)
	if err != nil {
		s.t.Fatal(err)
	}
	notices, err := notice.New("", public, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.config.Mail, s.config.Notices = sender, notices
	s.handler = handlerWith(s.DB.DB, droppingGateways(), s.config)
	if err := s.ActivateMail(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	s.FillOutbox() // what happened before makes no mails
}

// sendMails makes the mails about all events, and runs the work of sending them until
// none is due.
func (s *testService) sendMails() {
	s.t.Helper()
	s.FillOutbox()
	for range 100 {
		ids := storagetest.All[int64](s.DB, `SELECT id FROM work WHERE kind = 'deliver_mails' AND not_before <= clock_timestamp()`)
		if len(ids) == 0 {
			return
		}
		process(s.t, s.DB, s.handler, ids[0])
	}
	s.t.Error("the mails do not end")
}

// hurryMails makes every pending mail due, and ends all pauses.
func (s *testService) hurryMails() {
	s.t.Helper()
	s.Exec(`UPDATE mails SET not_before = clock_timestamp() WHERE state = 'pending'`)
	s.Exec(`UPDATE mail_sender SET paused_until = NULL`)
	s.Exec(`UPDATE work SET not_before = clock_timestamp() WHERE kind = 'deliver_mails'`)
}

// mailRows returns the mails as they are stored.
func (s *testService) mailRows() []string {
	s.t.Helper()
	return storagetest.All[string](s.DB, `SELECT format('%s %s %s %s', type, state, attempts, coalesce(code::text, '-')) FROM mails ORDER BY id`)
}

// testMails makes n mails to an address, about nothing.
func (s *testService) testMails(address string, n int) {
	s.t.Helper()
	news, err := json.Marshal(transfer.MailNews{Type: transfer.MailNewSignIn, SignIn: &transfer.MailSignInNews{Address: "192.0.2.7", At: time.Now()}})
	if err != nil {
		s.t.Fatal(err)
	}
	s.Exec(`INSERT INTO mails (event, address, kind, type, data) SELECT 'test-' || gen_random_uuid(), $1, 'new_sign_in', 'new_sign_in', $2 FROM generate_series(1, $3)`, address, string(news), n)
	s.Exec(`INSERT INTO work (kind, items, n, queue) VALUES ('deliver_mails', ARRAY[1], 1, 'notify_mail') ON CONFLICT DO NOTHING`)
}

// contacts sets the contacts of an account.
func (s *testService) contacts(a storage.Account, contacts map[string][]string) {
	s.t.Helper()
	text, err := json.Marshal(contacts)
	if err != nil {
		s.t.Fatal(err)
	}
	s.Exec(`UPDATE accounts SET contacts = $2 WHERE id = $1`, a.ID, string(text))
}

// Each side gets the mails about a request that concern it, in one thread, with the
// id that the event has in the feed and in webhooks. Nothing of one side's tags,
// notes, groups, prices or people reaches the other.
func TestMailsOfRequest(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	server := s.mailing()
	s.contacts(s.from, map[string][]string{"transfers": {"from@example.com"}, "billing": {"billing@example.com"}})
	s.contacts(s.to, map[string][]string{"transfers": {"to@example.com"}})
	s.Webhook(s.to.ID, newReceiver(t, nil).URL)
	s.Exec(`UPDATE accounts SET name = 'North Sensors' WHERE id = $1`, s.from.ID)
	sims := s.sims(transfer.Ready, transfer.Ready)
	s.Exec(`UPDATE sims SET tags = '{"note": "secret tag"}', sim_group = 'secret group'`)
	r := s.request(sims...)
	s.Exec(`UPDATE requests SET message = 'As agreed', reference = 'PO-1' WHERE id = $1`, r.id)
	r.run()
	s.sendMails()
	asked := server.Await(t, "to@example.com", 1)
	if !strings.HasPrefix(asked.Text, "North Sensors ("+string(s.from.OperatorID)+") asks you to accept 2 SIMs into your account "+string(s.to.OperatorID)) ||
		!strings.Contains(asked.Text, "\nMessage: As agreed\n") || !strings.Contains(asked.Text, public+"/requests/"+r.id.String()+"\n") {
		t.Errorf("the mail says: %s", asked.Text)
	}
	s.Decide(r.id, transfer.Accept)
	r.run()
	s.sendMails()
	completed := server.Await(t, "to@example.com", 2)
	if !strings.HasPrefix(completed.Text, "All 2 SIMs of North Sensors") {
		t.Errorf("the mail says: %s", completed.Text)
	}
	var subjects []string
	for _, m := range server.Mails("from@example.com") {
		subjects = append(subjects, m.Subject)
		if got, want := m.Header.Get("References"), asked.Header.Get("References"); got != want {
			t.Errorf("%s is in the thread %s, want %s", m.Subject, got, want)
		}
	}
	want := []string{string(s.to.OperatorID) + " has accepted 2 SIMs", "2 SIMs moved to " + string(s.to.OperatorID)}
	if !slices.Equal(subjects, want) {
		t.Errorf("the source got %q, want %q", subjects, want)
	}
	events := storagetest.All[string](s.DB, `SELECT event FROM messages WHERE type IN ('transfer_request.awaiting_acceptance', 'transfer_request.completed') ORDER BY id`)
	if got := []string{asked.Header.Get("X-Simtransfer-Event"), completed.Header.Get("X-Simtransfer-Event")}; !slices.Equal(got, events) {
		t.Errorf("the mails are about the events %v, the webhooks about %v", got, events)
	}
	for _, m := range slices.Concat(server.Mails("to@example.com"), server.Mails("from@example.com")) {
		for _, secret := range []string{"secret", "EUR"} {
			if strings.Contains(m.Text+m.HTML+fmt.Sprint(m.Header), secret) {
				t.Errorf("the mail %q has %q", m.Subject, secret)
			}
		}
	}
	for _, m := range server.Mails("to@example.com") {
		if strings.Contains(m.Text+m.HTML, "from@example.com") || strings.Contains(m.Text+m.HTML, s.from.Email) {
			t.Errorf("the mail %q names an address of the other side", m.Subject)
		}
	}
	if n := storagetest.One[int](s.DB, `SELECT count(*) FROM mails WHERE data <> '{}'`); n != 0 {
		t.Errorf("%d mails that were sent still have what they said", n)
	}
	s.deliver()
	s.noWorkLeft()
}

// An answer 4xx is tried again, with the same Message-ID, and an answer 5xx is shown
// at the contact until a mail gets through.
func TestGreylistingAndRefusal(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	server := s.mailing()
	s.contacts(s.from, map[string][]string{"transfers": {"grey@example.com"}, "security": {"gone@example.com"}})
	server.Refuse("grey@example.com", 451)
	server.Refuse("gone@example.com", 550)
	s.testMails("grey@example.com", 1)
	s.testMails("gone@example.com", 1)
	s.testMails("good@example.com", 1)
	s.sendMails()
	if got, want := s.mailRows(), []string{"new_sign_in pending 1 451", "new_sign_in failed 1 550", "new_sign_in sent 1 -"}; !slices.Equal(got, want) {
		t.Errorf("mails: %q, want %q", got, want)
	}
	wait := storagetest.One[float64](s.DB, `SELECT extract(epoch FROM not_before - clock_timestamp())::float8 FROM work WHERE kind = 'deliver_mails'`)
	if wait < 50 || wait > 75 {
		t.Errorf("the next attempt is in %v s", wait)
	}
	refusals := func() []string {
		t.Helper()
		list, err := s.MailRefusals(t.Context(), s.from.ID)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range list {
			got = append(got, r.Address+": "+r.Error)
		}
		return got
	}
	if got := refusals(); len(got) != 1 || !strings.HasPrefix(got[0], "gone@example.com: ") || !strings.Contains(got[0], "no such mailbox") {
		t.Errorf("refused: %q", got)
	}
	server.Refuse("grey@example.com", 0)
	server.Refuse("gone@example.com", 0)
	id := storagetest.One[string](s.DB, `SELECT message_id FROM mails WHERE address = 'grey@example.com'`)
	s.testMails("gone@example.com", 1)
	s.hurryMails()
	s.sendMails()
	if m := server.Await(t, "grey@example.com", 1); m.Header.Get("Message-Id") != "<"+id+"@example.com>" {
		t.Errorf("the id is %s, want %s", m.Header.Get("Message-Id"), id)
	}
	if got := refusals(); len(got) != 0 {
		t.Errorf("a mail got through, and still refused are %q", got)
	}
	s.noWorkLeft()
}

// A mail that is refused for now is given up after three days.
func TestGreylistedForTooLong(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	server := s.mailing()
	server.Refuse("grey@example.com", 451)
	s.testMails("grey@example.com", 1)
	for n := range 40 {
		if n == 30 {
			s.Exec(`UPDATE mails SET created_at = created_at - interval '3 days'`)
		}
		s.hurryMails()
		s.sendMails()
		if rows := s.mailRows(); strings.Contains(rows[0], "failed") {
			if n != 30 {
				t.Errorf("given up after %d attempts: %s", n+1, rows)
			}
			break
		}
	}
	if e := storagetest.One[string](s.DB, `SELECT error FROM mails WHERE state = 'failed'`); !strings.HasPrefix(e, "given up after three days: ") {
		t.Errorf("the error is %q", e)
	}
	s.noWorkLeft()
}

// A server that takes no mail at all pauses sending, for longer each time, and uses
// up no mail.
func TestMailServerInTrouble(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	closed, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	_ = closed.Close()
	s.mailBy(mail.Settings{SMTPURL: "smtp://" + address + "?starttls=off", MailFrom: "sims@example.com"})
	s.testMails("maria@example.com", 3)
	var pauses []float64
	for range 3 {
		s.sendMails()
		pauses = append(pauses, storagetest.One[float64](s.DB, `SELECT round(extract(epoch FROM not_before - clock_timestamp()))::float8 FROM work WHERE kind = 'deliver_mails'`))
		s.hurryMails()
	}
	if !slices.IsSorted(pauses) || pauses[0] < 3 || pauses[2] < 15 {
		t.Errorf("the pauses are %v", pauses)
	}
	if n := storagetest.One[int](s.DB, `SELECT count(*) FROM mails WHERE state = 'pending'`); n != 3 {
		t.Errorf("%d mails are pending", n)
	}
	sender, err := s.MailSender(t.Context())
	if err != nil || sender.Failures != 3 || sender.Failure == nil || !strings.Contains(*sender.Failure, "refused") {
		t.Errorf("the sender is %+v, %v", sender, err)
	}
	server := mailtest.Start(t, false)
	s.mailBy(server.Settings("sims@example.com"))
	s.sendMails()
	server.Await(t, "maria@example.com", 3)
	if sender, err := s.MailSender(t.Context()); err != nil || sender.Failures != 0 || sender.Failure != nil {
		t.Errorf("the sender is %+v, %v", sender, err)
	}
	s.noWorkLeft()
}

// cutMailer hands a mail to the server, and then ends like a worker that is killed
// before it can record that.
type cutMailer struct {
	worker.Mailer

	kill func()
}

func (c cutMailer) Send(ctx context.Context, l mail.Letter) error {
	err := c.Mailer.Send(ctx, l)
	c.kill()
	return err
}

// A worker that is killed after the server took a mail makes it be sent a second
// time, with the same Message-ID, and no other.
func TestKilledAfterMail(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	server := s.mailing()
	sender, err := mail.NewServer(server.Settings("sims@example.com"))
	if err != nil {
		t.Fatal(err)
	}
	notices, err := notice.New("", public, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.testMails("maria@example.com", 3)
	work := s.onlyWork(transfer.WorkDeliverMails)
	cut := handlerWith(s.DB.DB, droppingGateways(), worker.Config{Notices: notices, Mail: cutMailer{sender, func() {
		// Another worker has the work now, as after the lease of one that was killed.
		s.Exec(`UPDATE work SET lease = gen_random_uuid(), lease_until = clock_timestamp() - interval '1 s' WHERE kind = 'deliver_mails'`)
	}}})
	process(t, s.DB, cut, work)
	if n := len(server.Mails("maria@example.com")); n != 1 {
		t.Fatalf("%d mails were sent before the worker was killed", n)
	}
	s.sendMails()
	ids := map[string]int{}
	for _, m := range server.Mails("maria@example.com") {
		ids[m.Header.Get("Message-Id")]++
	}
	counts := slices.Sorted(maps.Values(ids))
	if !slices.Equal(counts, []int{1, 1, 2}) {
		t.Errorf("the mails arrived %v times", counts)
	}
	s.noWorkLeft()
}

// brokenServer is an SMTP server that hangs, or ends the connection, in DATA.
func brokenServer(t *testing.T, hang bool) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop); _ = l.Close(); running.Wait() })
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer func() { _ = conn.Close() }()
				write := func(line string) { _, _ = conn.Write([]byte(line + "\r\n")) }
				write("220 localhost")
				buffer := make([]byte, 4096)
				for {
					n, err := conn.Read(buffer)
					if err != nil {
						return
					}
					if strings.HasPrefix(string(buffer[:n]), "DATA") {
						write("354 go on")
						if hang {
							<-stop
						}
						return
					}
					write("250 localhost")
				}
			})
		}
	})
	return l.Addr().String()
}

// hurriedMailer gives the server less time.
type hurriedMailer struct{ worker.Mailer }

func (h hurriedMailer) Send(ctx context.Context, l mail.Letter) error {
	ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	return h.Mailer.Send(ctx, l)
}

// A server that hangs in DATA, and one that is killed there, lose no mail.
func TestMailServerKilledInData(t *testing.T) {
	t.Parallel()
	for name, hang := range map[string]bool{"hangs": true, "killed": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTestService(t)
			s.mailing()
			sender, err := mail.NewServer(mail.Settings{SMTPURL: "smtp://" + brokenServer(t, hang) + "?starttls=off", MailFrom: "sims@example.com"})
			if err != nil {
				t.Fatal(err)
			}
			notices, err := notice.New("", public, nil)
			if err != nil {
				t.Fatal(err)
			}
			good := s.handler
			s.handler = handlerWith(s.DB.DB, droppingGateways(), worker.Config{Notices: notices, Mail: hurriedMailer{sender}})
			s.testMails("maria@example.com", 2)
			s.sendMails()
			if got := s.mailRows(); !slices.Equal(got, []string{"new_sign_in pending 1 -", "new_sign_in pending 0 -"}) {
				t.Errorf("mails: %q", got)
			}
			s.handler = good
			s.hurryMails()
			s.sendMails()
			if got := s.mailRows(); !slices.Equal(got, []string{"new_sign_in sent 2 -", "new_sign_in sent 1 -"}) {
				t.Errorf("mails: %q", got)
			}
			s.noWorkLeft()
		})
	}
}

// A mail that asks for a decision is not sent any more when it is not true any more:
// when the time is over, or when someone has decided meanwhile.
func TestOutdatedMail(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(r testRequest)
		want   string
	}{
		"decided":   {func(r testRequest) { r.s.Decide(r.id, transfer.Decline) }, "not sent: the request is declined"},
		"time over": {func(r testRequest) { r.s.Exec(`UPDATE requests SET expires_at = clock_timestamp()`) }, "not sent: the time to decide is over"},
		"turned off": {func(r testRequest) {
			r.s.Exec(`INSERT INTO mail_choices (account, address, kind) SELECT account, address, kind FROM mails`)
		}, "not sent: the address has turned mails of this kind off"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTestService(t)
			server := s.mailing()
			r := s.request(s.sims(transfer.Ready)...)
			r.run()
			s.FillOutbox()
			c.change(r)
			s.sendMails()
			if got := storagetest.One[string](s.DB, `SELECT coalesce(error, state) FROM mails WHERE type = 'asked'`); got != c.want {
				t.Errorf("the mail: %s", got)
			}
			if n := len(server.Mails(s.to.Email)); n != 0 {
				t.Errorf("%d mails were sent", n)
			}
		})
	}
}

// A mail about a pull request is sent to the owner, and not any more when it does not
// wait for the owner.
func TestMailAboutPullRequest(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	server := s.mailing()
	sims := s.sims(transfer.Ready, transfer.Ready)
	for i, sim := range sims {
		if err := s.InTx(t.Context(), func(tx *storage.Tx) error {
			_, err := tx.CreatePull(t.Context(), storage.NewPull{
				Asker: s.to, ICCIDs: []transfer.Identifier{sim.Identifier()}, Period: time.Hour, By: storage.Actor{Party: transfer.PartyDestination},
			}, storage.DefaultLimits{})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		s.Exec(`UPDATE mails SET created_at = clock_timestamp() - interval '1 hour'`)
		s.FillOutbox()
		if i == 1 {
			s.Exec(`UPDATE pulls SET canceled_at = clock_timestamp() WHERE id = (SELECT max(id::text)::uuid FROM pulls)`)
		}
		s.sendMails()
	}
	m := server.Await(t, s.from.Email, 1)
	if want := string(s.to.OperatorID) + " asks for 1 SIM of yours until "; !strings.HasPrefix(m.Subject, want) {
		t.Errorf("the subject is %q", m.Subject)
	}
	if got, want := s.mailRows(), []string{"pull_request sent 1 -", "pull_request dropped 1 -"}; !slices.Equal(got, want) {
		t.Errorf("the mails are %q, want %q", got, want)
	}
}

// A worker without a mail server leaves mails to another one, and while there is
// none, no mails are made.
func TestMailIsOff(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.FillOutbox()
	s.request(s.sims(transfer.Ready)...).run()
	s.FillOutbox()
	if n := storagetest.One[int](s.DB, `SELECT count(*) FROM mails`); n != 0 {
		t.Errorf("%d mails were made", n)
	}
	off := s.handler
	server := s.mailing()
	on := s.handler
	s.testMails("maria@example.com", 1)
	s.handler = off
	s.sendMails()
	if got := s.mailRows(); !slices.Equal(got, []string{"new_sign_in pending 0 -"}) {
		t.Errorf("mails: %q", got)
	}
	s.handler = on
	s.hurryMails()
	s.sendMails()
	server.Await(t, "maria@example.com", 1)
}

// The technical contacts hear of an endpoint that fails, once, before it is disabled,
// and when it is.
func TestMailsAboutWebhook(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	server := s.mailing()
	s.contacts(s.from, map[string][]string{"technical": {"ops@example.com"}})
	e, _ := s.Webhook(s.from.ID, newReceiver(t, answers(500)).URL)
	for _, failing := range []time.Duration{0, time.Hour, 2 * time.Hour, 97 * time.Hour, 121 * time.Hour} {
		s.TestMessages(e, 1)
		s.deliver()
		s.Exec(`UPDATE webhook_endpoints SET failing_since = date_trunc('day', clock_timestamp()) - interval '6 days' WHERE failing_since IS NOT NULL AND $1`, failing > 120*time.Hour)
		s.Exec(`UPDATE webhook_endpoints SET failing_since = (SELECT least(failing_since, date_trunc('hour', clock_timestamp()) - interval '1 hour')) WHERE $1`, failing > 0 && failing < 97*time.Hour)
		s.Exec(`UPDATE webhook_endpoints SET failing_since = date_trunc('hour', clock_timestamp()) - interval '98 hours' WHERE $1`, failing == 97*time.Hour)
		s.hurry()
		s.deliver()
	}
	s.sendMails()
	var got []string
	for _, m := range server.Mails("ops@example.com") {
		got = append(got, m.Subject)
	}
	account := string(s.from.OperatorID)
	want := []string{
		"A webhook endpoint of " + account + " fails", "A webhook endpoint of " + account + " is about to be disabled", "A webhook endpoint of " + account + " was disabled",
	}
	if !slices.Equal(got, want) {
		t.Errorf("mails: %q, want %q", got, want)
	}
}

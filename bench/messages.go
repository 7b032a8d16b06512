package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strings"
	"sync/atomic"
	"time"

	"simtransfer/client"
)

// measureMessages measures how much webhooks for every event, and mail as well, slow a
// batch down: the same as measureOffline without them, with them, and with both.
func measureMessages(ctx context.Context, h *harness) error {
	for _, m := range []struct {
		figure      string
		hooks, mail bool
	}{{"messages_off", false, false}, {"messages_webhooks", true, false}, {"messages_mail", true, true}} {
		if err := h.executeTold(ctx, m.figure, m.hooks, m.mail); err != nil {
			return err
		}
	}
	return nil
}

// executeTold measures an execution of which two accounts and staff hear by webhooks, if
// hooks is set, and the contacts of the accounts by mail, if mail is set. It ends when
// all of it has arrived, which is not part of the time.
func (h *harness) executeTold(ctx context.Context, figure string, hooks, mail bool) (err error) {
	template, err := h.approvedTemplate(ctx, h.SIMs)
	if err != nil {
		return err
	}
	db, err := h.copyTemplate(ctx, template)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	request, err := approvedRequest(ctx, db)
	if err != nil {
		return err
	}
	if mail {
		sink, err := newMailSink(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = sink.Close() }()
		h.env = []string{
			"SIMTRANSFER_SMTP_URL=smtp://" + sink.Addr().String() + "?starttls=off",
			"SIMTRANSFER_MAIL_FROM=sims@example.com", "SIMTRANSFER_PUBLIC_URL=https://sims.example.com",
		}
		defer func() { h.env = nil }()
	}
	s, err := h.serve(ctx, database, db)
	if err != nil {
		return err
	}
	defer func() { err = s.stopAfter(err) }()
	var received atomic.Int64
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		received.Add(1)
	}))
	defer receiver.Close()
	if hooks {
		for i, c := range []*client.Client{s.admin, s.accounts[source], s.accounts[destination]} {
			e, err := c.CreateWebhookEndpoint(ctx, client.NewWebhookEndpoint{URL: fmt.Sprintf("%s/%d", receiver.URL, i)})
			if err != nil {
				return err
			}
			if _, err := c.TestWebhookEndpoint(ctx, e.ID); err != nil {
				return err
			}
		}
	}
	ready := func(ctx context.Context) (bool, error) {
		var on bool
		err := db.Pool().GetContext(ctx, &on, `SELECT (SELECT tx IS NOT NULL FROM outbox) AND ((SELECT active_until > clock_timestamp() FROM mail_sender) OR NOT $1)`, mail)
		return on && (!hooks || received.Load() == 3), err
	}
	if err := errors.Join(s.await(ctx, 5*time.Millisecond, ready), h.vacuumAndCheckpoint(ctx, db)); err != nil {
		return err
	}
	before := h.usage(s)
	took, err := s.execute(ctx, request, forth(), batchPoll)
	if err != nil {
		return err
	}
	h.recordRun(ctx, db, figure, took, h.usage(s).since(before))
	return errors.Join(s.awaitMessages(ctx, hooks, mail), verify(ctx, db, expected{moved: h.SIMs, whole: true}))
}

// awaitMessages waits until every endpoint has heard that the request is completed, and
// every mail was sent. The request belongs to a batch, whose source and staff hear of it
// a little later.
func (s *service) awaitMessages(ctx context.Context, hooks, mail bool) error {
	return s.await(ctx, 20*time.Millisecond, func(ctx context.Context) (bool, error) {
		var n struct{ Delivered, Sent, Left int }
		err := s.db.Pool().GetContext(ctx, &n, `
			SELECT
				(SELECT count(DISTINCT d.endpoint) FROM webhook_deliveries d JOIN messages m ON m.id = d.message
				WHERE d.state = 'delivered' AND m.body LIKE '%transfer_request.completed%') AS delivered,
				(SELECT count(*) FROM mails WHERE type IN ('completed', 'digest') AND state = 'sent') AS sent,
				(SELECT count(*) FROM work) AS left`)
		return (!hooks || n.Delivered == 3) && (!mail || n.Sent == 2) && n.Left == 0, err
	})
}

// newMailSink starts an SMTP server that takes every mail and keeps none.
func newMailSink(ctx context.Context) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting an SMTP server: %w", err)
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // it was closed
			}
			go func() {
				defer func() { _ = conn.Close() }()
				takeMail(textproto.NewConn(conn))
			}()
		}
	}()
	return listener, nil
}

// takeMail answers the commands of a client until it ends the connection.
func takeMail(c *textproto.Conn) {
	answer := "220 sink.example.com"
	for c.PrintfLine("%s", answer) == nil && !strings.HasPrefix(answer, "221") {
		line, err := c.ReadLine()
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(strings.ToUpper(line), " "); verb {
		case "DATA":
			if c.PrintfLine("354 go ahead") != nil {
				return
			}
			if _, err := c.ReadDotBytes(); err != nil {
				return
			}
			answer = "250 taken"
		case "QUIT":
			answer = "221 bye"
		default:
			answer = "250 ok"
		}
	}
}

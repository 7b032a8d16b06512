package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"

	"simtransfer/client"
	"simtransfer/storage"
)

// What measureWebhooks sends.
const (
	webhookReceivers = 10
	webhookMessages  = 1000 // to each
)

// measureWebhooks measures how many messages a second one worker delivers to
// receivers on this machine, without and with a receiver that never answers, which
// has as many messages as the others.
func measureWebhooks(ctx context.Context, h *harness) error {
	template, err := h.inventory(ctx, 1)
	if err != nil {
		return err
	}
	for figure, silent := range map[string]int{"webhooks_per_s": 0, "webhooks_silent_per_s": 1} {
		if err := h.onService(ctx, template, func(db *storage.DB, s *service) error {
			return s.deliverWebhooks(ctx, figure, silent)
		}); err != nil {
			return err
		}
	}
	return nil
}

func (s *service) deliverWebhooks(ctx context.Context, figure string, silent int) error {
	var received atomic.Int64
	stop := make(chan struct{})
	defer close(stop)
	quick := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		received.Add(1)
	}))
	defer quick.Close()
	hung := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))
	for i := range webhookReceivers + silent {
		url := quick.URL
		if i >= webhookReceivers {
			url = hung.URL
		}
		e, err := s.admin.CreateWebhookEndpoint(ctx, client.NewWebhookEndpoint{URL: fmt.Sprintf("%s/%d", url, i)})
		if err != nil {
			return err
		}
		if _, err := s.admin.TestWebhookEndpoint(ctx, e.ID); err != nil { // from then on it is not a new one
			return err
		}
	}
	if err := s.await(ctx, 5*time.Millisecond, func(context.Context) (bool, error) { return received.Load() == webhookReceivers, nil }); err != nil {
		return err
	}
	// As the scheduler does, in one transaction.
	tx, err := s.db.Pool().BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for _, statement := range []string{
		fmt.Sprintf(`INSERT INTO messages (event, type, at, body) SELECT 'bench-' || n, 'endpoint.test', clock_timestamp(), rpad('{"type":"endpoint.test"}', 400) FROM generate_series(1, %d) AS n`, webhookMessages),
		`INSERT INTO webhook_deliveries (endpoint, message) SELECT e.id, m.id FROM webhook_endpoints e CROSS JOIN messages m WHERE m.event LIKE 'bench-%' ORDER BY m.id`,
		`INSERT INTO work (kind, items, n, queue)
		SELECT 'deliver_webhooks', ARRAY[lane], 1, CASE WHEN slow THEN 'notify_webhook_slow' ELSE 'notify_webhook' END FROM webhook_endpoints
		ON CONFLICT ((items[1])) WHERE kind = 'deliver_webhooks' DO NOTHING`,
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	begin := time.Now()
	if err := tx.Commit(); err != nil {
		return err
	}
	const all = webhookReceivers * (webhookMessages + 1)
	if err := s.await(ctx, 5*time.Millisecond, func(context.Context) (bool, error) { return received.Load() >= all, nil }); err != nil {
		return err
	}
	s.harness.record(figure, webhookReceivers*webhookMessages/time.Since(begin).Seconds())
	if n := received.Load(); n != all {
		return fmt.Errorf("%d messages arrived, want %d", n, all)
	}
	hung.CloseClientConnections()
	return nil
}

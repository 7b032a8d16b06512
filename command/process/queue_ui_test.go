package process

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"simtransfer/api"
	"simtransfer/storage"
	"simtransfer/storage/storagetest"
)

// Asynqmon responds 500 to every error. The statuses depend on the texts of asynq's
// errors, which an update may change.
func TestStatusesOfQueueUI(t *testing.T) {
	t.Parallel()
	redis := mustRedis(t, "redis://"+startRedis(t))
	db := storagetest.Open(t)
	_, key, err := db.CreateKey(t.Context(), storage.NewKey{Role: storage.RoleAdmin, Name: "queues"})
	if err != nil {
		t.Fatal(err)
	}
	queues := NewQueueUI(redis, false)
	t.Cleanup(func() { _ = queues.Close() })
	var logged strings.Builder
	handler := api.New(api.Config{DB: db.DB, QueueUI: queues, Log: slog.New(slog.NewTextHandler(&logged, nil))})
	call := func(method, path string) (int, string) {
		r := httptest.NewRequestWithContext(t.Context(), method, "/ops/queues/api/"+path, nil)
		r.Header.Set("Authorization", "Bearer "+key)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}

	client := asynq.NewClient(redis)
	defer func() { _ = client.Close() }()
	if _, err := client.EnqueueContext(t.Context(), asynq.NewTask("kind", nil), asynq.Queue("bulk"), asynq.TaskID("1")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", "queues", 200},
		{"GET", "queues/bulk", 200},
		{"GET", "queue_stats", 200},
		{"GET", "queues/bulk/active_tasks", 200},
		{"GET", "queues/bulk/pending_tasks", 200},
		{"GET", "queues/bulk/scheduled_tasks", 200},
		{"GET", "queues/bulk/retry_tasks", 200},
		{"GET", "queues/bulk/archived_tasks", 200},
		{"GET", "queues/bulk/completed_tasks", 200},
		{"GET", "queues/bulk/groups", 200},
		{"GET", "queues/bulk/tasks/1", 200},
		{"GET", "servers", 200},
		{"GET", "scheduler_entries", 200},
		{"GET", "redis_info", 200},
		{"GET", "metrics", 404},
		{"GET", "queues/unknown", 404},
		{"GET", "queues/unknown/pending_tasks", 404},
		{"GET", "queues/%20/pending_tasks", 400},
		{"GET", "queues/bulk/pending_tasks?size=0&page=0", 400},
		{"GET", "queues/bulk/pending_tasks?size=-1", 400},
		{"GET", "queues/bulk/pending_tasks?page=-1", 400},
		{"GET", "queues/bulk/pending_tasks?size=100", 200},
		{"GET", "queues/bulk/pending_tasks?size=1000001", 400},
		{"GET", "queues/bulk/tasks/2", 404},
		{"POST", "queues/bulk/pending_tasks/1:archive", 204},
		{"POST", "queues/bulk/pending_tasks/1:archive", 409},
		{"POST", "queues/unknown/pending_tasks/1:archive", 404},
		{"POST", "queues/bulk:pause", 204},
		{"POST", "queues/bulk:pause", 409},
		{"POST", "queues/bulk:resume", 204},
		{"POST", "queues/bulk:resume", 409},
		{"DELETE", "queues/bulk/archived_tasks/1", 204},
		{"DELETE", "queues/bulk/archived_tasks/1", 404},
		{"DELETE", "queues/unknown", 404},
	} {
		if status, text := call(c.method, c.path); status != c.status {
			t.Errorf("%s %s: %d %s, want %d", c.method, c.path, status, text, c.status)
		}
	}
	if logged.Len() > 0 {
		t.Errorf("errors of the caller are logged: %s", logged.String())
	}

	stop := newFailFastRedis(redis, time.Second)
	defer func() { _ = stop.Close() }()
	_ = stop.ShutdownNoSave(t.Context()) // the connection breaks, which is an error
	if status, text := call(http.MethodGet, "queues"); status != 503 || strings.Contains(text, "refused") || !strings.Contains(logged.String(), "refused") {
		t.Errorf("without Redis: %d %s; logged: %s", status, text, logged.String())
	}
}

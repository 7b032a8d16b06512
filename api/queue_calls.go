package api

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	queueCallsPath     = queueUIPath + "/api/"
	queueReadAttempts  = 3
	queueAttemptsPause = 100 * time.Millisecond
)

// callQueueUI passes a call to the API of the queue UI, which responds 500 to every
// error of asynq. Reads are repeated when Redis fails, and the error gets the status
// that fits it. The response is plain text because the UI shows it as it is.
func (s *server) callQueueUI(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == queueCallsPath+"metrics" {
		http.Error(w, "this installation shows no metrics here, because asynqmon reads them from a Prometheus server: see docs/operations.md, Monitoring", http.StatusNotFound)
		return
	}
	for name, most := range map[string]int{"size": 1000, "page": 1_000_000} { // Redis does nothing else while it reads a page
		if text := r.URL.Query().Get(name); text != "" {
			if n, err := strconv.Atoi(text); err != nil || n < 1 || n > most {
				http.Error(w, fmt.Sprintf("%s is %q: it must be a number from 1 to %d", name, clipped(text), most), http.StatusBadRequest)
				return
			}
		}
	}
	attempts := 1
	if r.Method == http.MethodGet {
		attempts = queueReadAttempts
	}
	var out *bufferedResponse
	for attempt := range attempts {
		if attempt > 0 && !waitFor(r.Context(), queueAttemptsPause) {
			break
		}
		out = &bufferedResponse{header: http.Header{}}
		s.QueueUI.ServeHTTP(out, r)
		if out.status != http.StatusInternalServerError || queueErrorStatus(out.body.String()) != http.StatusServiceUnavailable {
			break
		}
	}
	if out.status == http.StatusInternalServerError {
		s.queueCallFailed(w, r, strings.TrimSpace(out.body.String()))
		return
	}
	maps.Copy(w.Header(), out.header)
	if out.status != 0 {
		w.WriteHeader(out.status)
	}
	_, _ = w.Write(out.body.Bytes()) // the client may be gone
}

func (s *server) queueCallFailed(w http.ResponseWriter, r *http.Request, text string) {
	status := queueErrorStatus(text)
	if status == http.StatusServiceUnavailable {
		s.Log.WarnContext(r.Context(), "the queue UI got an error from Redis",
			slog.String("method", r.Method), slog.String("path", clipped(r.URL.Path)), slog.String("error", text))
		w.Header().Set("Retry-After", "1")
		text = "Redis did not answer as it should: try again; the API's log has the error"
	}
	http.Error(w, text, status)
}

// queueErrorStatus returns the status for an error of asynq. Only its text tells
// what kind it is.
func queueErrorStatus(text string) int {
	for part, status := range map[string]int{
		"NOT_FOUND":                http.StatusNotFound,
		"queue not found":          http.StatusNotFound,
		"task not found":           http.StatusNotFound,
		"FAILED_PRECONDITION":      http.StatusConflict, // such as a task that has been archived since the page was loaded
		"is already paused":        http.StatusConflict,
		"is not paused":            http.StatusConflict,
		"queue name must contain ": http.StatusBadRequest,
	} {
		if strings.Contains(text, part) {
			return status
		}
	}
	return http.StatusServiceUnavailable
}

// waitFor returns false if the context ends first.
func waitFor(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

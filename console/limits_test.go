package console_test

import (
	"bytes"
	"context"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"simtransfer/api/signin"
	"simtransfer/console"
)

// serveConsole serves the console in front of an API that is a stand-in.
func serveConsole(t *testing.T, api http.HandlerFunc) *httptest.Server {
	t.Helper()
	pages := console.New(console.Config{API: api})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pages.ServeHTTP(w, signin.With(r, false)) // a copy of the request, as package api makes it
	}))
	t.Cleanup(server.Close)
	return server
}

// Files that are sent with forms do not stay on the disk, also if no one has signed in.
func TestFilesOfFormsAreRemoved(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	server := serveConsole(t, http.NotFound)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	file, err := form.CreateFormFile("file", "sims.csv")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(make([]byte, 6<<20)); err != nil {
		t.Fatal(err)
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/transfers/new", &body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", form.FormDataContentType())
	response, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil || response.StatusCode != http.StatusUnauthorized || !strings.Contains(string(text), `<input id="again-file" type="file" name="file">`) {
		t.Fatalf("status %d, %v:\n%s", response.StatusCode, err, text)
	}
	server.Close() // waits for the handler
	if left, err := filepath.Glob(filepath.Join(folder, "multipart-*")); err != nil || len(left) > 0 {
		t.Errorf("files stay: %v %v", left, err)
	}
}

// What is no form is an error of the one who sends it, not of the service.
func TestUnreadableForm(t *testing.T) {
	t.Parallel()
	server := serveConsole(t, http.NotFound)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/transfers/new", strings.NewReader("--x\r\nnonsense"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	response, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("status %d", response.StatusCode)
	}
}

// The API can limit how long a browser takes to receive a download, as it does for its
// other clients. Otherwise a browser that stops reading would occupy it for good.
func TestDownloadThatNobodyReads(t *testing.T) {
	t.Parallel()
	stopped := make(chan error, 1)
	server := serveConsole(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Simtransfer-Version", "test")
		if r.URL.Path == "/v1/me" {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"key":{"id":1},"acting_for":{"name":"staff","role":"admin"},"memberships":[]}`)
			return
		}
		w.Header().Set("Content-Type", "text/csv")
		err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		for part := make([]byte, 1<<20); err == nil; {
			_, err = w.Write(part)
		}
		stopped <- err
	})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/charges.csv", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(&http.Cookie{Name: "simtransfer", Value: "secret"})
	response, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	select {
	case err := <-stopped:
		if err == nil || strings.Contains(err.Error(), "not supported") {
			t.Errorf("the API stopped sending: %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("the API still sends")
	}
}

// A download begins before the API has counted its rows, and does not look complete if the
// API then fails.
func TestDownloadBeginsBeforeItsRows(t *testing.T) {
	t.Parallel()
	for _, fails := range []bool{false, true} {
		counted := make(chan struct{})
		server := serveConsole(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Simtransfer-Version", "test")
			if r.URL.Path == "/v1/me" {
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, `{"key":{"id":1},"acting_for":{"name":"staff","role":"admin"},"memberships":[]}`)
				return
			}
			select {
			case <-counted:
			case <-r.Context().Done():
			}
			if fails {
				w.Header().Set("Content-Type", "application/problem+json")
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			w.Header().Set("Content-Type", "text/csv")
			w.Header().Set("Simtransfer-Rows", "1")
			_, _ = io.WriteString(w, "iccid\n8988211000000000011\n")
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/sims/export.csv?all=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.AddCookie(&http.Cookie{Name: "simtransfer", Value: "secret"})
		response, err := server.Client().Do(r)
		if err != nil {
			t.Fatalf("there is no answer before the rows are counted: %v", err)
		}
		if name := response.Header.Get("Content-Disposition"); response.StatusCode != http.StatusOK || name != `attachment; filename="sims.csv"` {
			t.Errorf("status %d, %s", response.StatusCode, name)
		}
		close(counted)
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if fails != (err != nil) || !fails && string(text) != "iccid\n8988211000000000011\n" {
			t.Errorf("fails: %v: %q, %v", fails, text, err)
		}
	}
}

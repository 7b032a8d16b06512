package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// uploaded is embedded in commands that upload a file.
type uploaded struct {
	File   string `arg:"" predictor:"file" help:"The file, or - for standard input."`
	Format string `enum:"csv,ndjson,json," default:"" help:"How the file is written: csv, ndjson or json. What the end of its name says if it is left out."`
}

// contentType is the media type of the file.
func (u uploaded) contentType() (string, error) {
	format := u.Format
	if format == "" {
		format = strings.TrimPrefix(strings.ToLower(filepath.Ext(u.File)), ".")
	}
	switch format {
	case "csv":
		return "text/csv", nil
	case "ndjson", "jsonl":
		return "application/x-ndjson", nil
	case "json":
		return "application/json", nil
	}
	return "", usageError("say how %s is written, with --format=csv, ndjson or json", u.File)
}

// open opens a file that a command reads, which standard input can stand for.
func (s *Session) open(name string) (io.Reader, func() error, error) {
	if name == "-" {
		return s.In, func() error { return nil }, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, usageError("%w", err)
	}
	return f, f.Close, nil
}

// send streams the file to a path that takes uploads.
func (u uploaded) send(ctx context.Context, l *link, p post, path string, into any) ([]byte, error) {
	contentType, err := u.contentType()
	if err != nil {
		return nil, err
	}
	file, closeFile, err := l.open(u.File)
	if err != nil {
		return nil, err
	}
	defer func() { _ = closeFile() }()
	r := Request{
		Method:         http.MethodPost,
		Path:           path,
		ContentType:    contentType,
		Body:           file,
		IdempotencyKey: p.key(),
		Timeout:        bulkTimeout,
	}
	if l.Terminal && !l.json {
		counted := &counter{Reader: file}
		r.Body = counted
		if seeker, ok := file.(io.Seeker); ok {
			r.Body = &seekingCounter{counted, seeker}
		}
		stop := counted.follow(l)
		defer stop()
	}
	return l.do(ctx, r, into)
}

// counter counts what was read.
type counter struct {
	io.Reader
	n atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// seekingCounter counts anew when it is read again.
type seekingCounter struct {
	*counter
	seeker io.Seeker
}

func (c *seekingCounter) Seek(offset int64, whence int) (int64, error) {
	n, err := c.seeker.Seek(offset, whence)
	c.n.Store(0)
	return n, err
}

// follow shows on a terminal how much was sent, until it is stopped.
func (c *counter) follow(l *link) func() {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				l.progress.clear()
				return
			case <-tick.C:
				l.progress.status(fmt.Sprintf("uploading: %.1f MB sent", float64(c.n.Load())/1e6))
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

package cli

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"simtransfer/client"
)

// upload is embedded in commands that upload a file.
type upload struct {
	File   string   `arg:"" predictor:"file" help:"The file, or - for standard input."`
	Format string   `enum:"csv,ndjson,json," default:"" help:"Format of the file: csv, ndjson or json. Default: from the file name extension, such as .csv or .csv.gz."`
	Map    []string `sep:"none" placeholder:"NAME=COLUMN" help:"Name that a column has in the file, such as \"ICC ID=iccid\"; nothing after the = ignores the column. Can be repeated."`
}

// mediaType returns the format of the file.
func (u upload) mediaType() (client.Format, error) {
	format := u.Format
	if format == "" {
		name := strings.TrimSuffix(strings.ToLower(u.File), ".gz")
		format = strings.TrimPrefix(filepath.Ext(name), ".")
	}
	switch format {
	case "csv", "tsv":
		return client.CSV, nil
	case "ndjson", "jsonl":
		return client.NDJSON, nil
	case "json":
		return client.JSON, nil
	case "xlsx", "xls", "ods", "numbers":
		return "", usageError("%s is a workbook: save the sheet as CSV in UTF-8, and upload that file", u.File)
	}
	return "", usageError("unknown format of %s: set --format to csv, ndjson or json", u.File)
}

// columns returns the names of columns in the file as an option of the call.
func (u upload) columns() client.Option { return client.MapColumns(u.Map...) }

// openedUpload is a file that is being uploaded.
type openedUpload struct {
	reader io.Reader
	format client.Format
	close  func()
}

// openUpload opens the file. On a terminal, the status line shows how much of
// it was read until the upload is closed.
func (u upload) openUpload(l *connection) (openedUpload, error) {
	format, err := u.mediaType()
	if err != nil {
		return openedUpload{}, err
	}
	file, closeFile, err := l.open(u.File)
	if err != nil {
		return openedUpload{}, err
	}
	closeUpload := func() { _ = closeFile() } // it was only read
	if !l.Terminal || l.json {
		return openedUpload{file, format, closeUpload}, nil
	}
	counted := &counter{Reader: file}
	stop := counted.show(l)
	f := openedUpload{counted, format, func() { stop(); closeUpload() }}
	if seeker, ok := file.(io.Seeker); ok {
		f.reader = &seekingCounter{counted, seeker}
	}
	return f, nil
}

// counter counts the bytes that were read.
type counter struct {
	io.Reader
	n atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// seekingCounter restarts at zero when the file is read again.
type seekingCounter struct {
	*counter
	seeker io.Seeker
}

func (c *seekingCounter) Seek(offset int64, whence int) (int64, error) {
	n, err := c.seeker.Seek(offset, whence)
	c.n.Store(0)
	return n, err
}

// show writes the count to the status line until the returned function is
// called.
func (c *counter) show(l *connection) (stop func()) {
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

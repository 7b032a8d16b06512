package cli_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// downloads are results of two SIMs in each format.
func downloads() map[string]string {
	return map[string]string{
		"text/csv":             "line,identifier,state\n1,12,completed\n2,\"1\n3\",failed\n",
		"application/x-ndjson": `{"line":1,"state":"completed"}` + "\n" + `{"line":2,"identifier":"\"}","state":"failed"}` + "\n",
		"application/json":     `{"items":[{"line":1,"state":"completed"},` + "\n" + `{"line":2,"identifier":"\\\"}","state":"failed"}]}` + "\n",
	}
}

func TestResults(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Simtransfer-Rows", "2")
		_, _ = io.WriteString(w, downloads()[r.Header.Get("Accept")])
	})
	for args, want := range map[string]string{
		"":                downloads()["text/csv"],
		"--format=ndjson": downloads()["application/x-ndjson"],
		"--json":          downloads()["application/json"],
	} {
		for kind, id := range map[string]string{"batches": someBatch, "requests": someRequest} {
			c.is(c.run(append([]string{kind, "results", id}, strings.Fields(args)...)...), 0)
			c.prints(want)
		}
	}
}

// A file of results replaces an older one. A device or a link stays what it is.
func TestResultsInAFile(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Simtransfer-Rows", "2")
		_, _ = io.WriteString(w, downloads()[r.Header.Get("Accept")])
	})
	file := writeFile(t, "results.csv", "older")
	c.is(c.run("requests", "results", someRequest, "-o", file), 0)
	c.prints("")
	if text, err := os.ReadFile(file); err != nil || string(text) != downloads()["text/csv"] {
		t.Errorf("the file has %q: %v", text, err)
	}
	link := filepath.Join(t.TempDir(), "link.csv")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{link, os.DevNull} {
		before, err := os.Lstat(name)
		if err != nil {
			t.Fatal(err)
		}
		c.is(c.run("requests", "results", someRequest, "-o", name), 0)
		if after, err := os.Lstat(name); err != nil || after.Mode().Type() != before.Mode().Type() {
			t.Fatalf("%s became %v: %v", name, after, err)
		}
	}
	c.is(c.run("requests", "results", someRequest, "-o", filepath.Join(file, "x.csv")), 2, "writing "+file)
}

func TestEmptyResults(t *testing.T) {
	t.Parallel()
	empty := map[string]string{"text/csv": "line,state\n", "application/x-ndjson": "", "application/json": "{\"items\":[]}\n"}
	c := newTerminal(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Simtransfer-Rows", "0")
		_, _ = io.WriteString(w, empty[r.Header.Get("Accept")])
	})
	for args, want := range map[string]string{"": empty["text/csv"], "--format=ndjson": "", "--json": empty["application/json"]} {
		c.is(c.run(append([]string{"batches", "results", someBatch}, strings.Fields(args)...)...), 0)
		c.prints(want)
	}
}

// Results that were cut off at any byte are an error, even if the connection
// ended as after a complete answer: a proxy that speaks HTTP/1.0 to the service
// cannot tell. A file is only written when the results are complete.
func TestResultsThatAreCutOff(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, nil)
	file := filepath.Join(t.TempDir(), "results")
	for format, whole := range downloads() {
		for cut := range len(whole) {
			if format == "application/json" && cut == len(whole)-1 {
				continue // only the line break at the end is missing
			}
			for name, end := range map[string]error{"ends": io.EOF, "breaks": io.ErrUnexpectedEOF} {
				c.HTTP.Transport = cutOff{whole[:cut], end}
				args := []string{"batches", "results", someBatch}
				switch format {
				case "application/json":
					args = append(args, "--json")
				case "application/x-ndjson":
					args = append(args, "--format=ndjson")
				}
				c.is(c.run(append(args, "--output="+file)...), 6, "the results are incomplete", file+" was not written")
				if left, err := os.ReadDir(filepath.Dir(file)); err != nil || len(left) > 0 {
					t.Errorf("%v and %v are left", left, err)
				}
				if code := c.run(args...); code != 6 || !strings.Contains(c.err.String(), "the results are incomplete") || !strings.Contains(c.err.String(), "cut off") {
					t.Fatalf("%s, which %s after %q: exit code %d: %s", format, name, whole[:cut], code, c.err.String())
				}
			}
		}
	}
}

// cutOff is a transport whose answers have two rows, of which only a part
// arrives.
type cutOff struct {
	part string
	end  error
}

func (t cutOff) RoundTrip(r *http.Request) (*http.Response, error) {
	header := http.Header{}
	header.Set("Simtransfer-Version", "test")
	header.Set("Simtransfer-Rows", "2")
	header.Set("Content-Type", r.Header.Get("Accept"))
	return &http.Response{
		Status:     "200 OK",
		StatusCode: http.StatusOK,
		Header:     header,
		Body:       io.NopCloser(io.MultiReader(strings.NewReader(t.part), iotest.ErrReader(t.end))),
		Request:    r,
	}, nil
}

// More rows than announced are not the results either.
func TestResultsWithTooManyRows(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Simtransfer-Rows", "1")
		_, _ = io.WriteString(w, downloads()[r.Header.Get("Accept")])
	})
	for _, args := range []string{"", "--format=ndjson", "--json"} {
		c.is(c.run(append([]string{"batches", "results", someBatch}, strings.Fields(args)...)...), 6, "it has 2 of 1 rows")
	}
}

// The number of rows that are no longer stored is printed after the others.
func TestResultsWithoutPurgedRows(t *testing.T) {
	t.Parallel()
	purged := "7"
	c := newTerminal(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Simtransfer-Rows", "2")
		w.Header().Set("Simtransfer-Purged-Rows", purged)
		_, _ = io.WriteString(w, downloads()[r.Header.Get("Accept")])
	})
	c.is(c.run("requests", "results", someRequest), 0, "no longer stored, of SIMs that were not found: 7")
	c.prints(downloads()["text/csv"])
	c.is(c.run("requests", "results", someRequest, "-o", filepath.Join(t.TempDir(), "results.csv")), 0, "were not found: 7")
	purged = "x"
	c.is(c.run("requests", "results", someRequest), 1, "is not simtransfer")
	c.prints("")
}

// An answer whose number of rows is unknown cannot be checked.
func TestResultsWithoutTheNumberOfRows(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, downloads()[r.Header.Get("Accept")]) })
	c.is(c.run("requests", "results", someRequest), 1, "is not simtransfer", "Simtransfer-Rows")
	c.prints("")
}

func TestResultsOfAnUnknownBatch(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, func(w http.ResponseWriter, _ *http.Request) { problem(w, 404, "not_found") })
	c.is(c.run("batches", "results", someBatch), 3, "does not exist")
	c.prints("")
}

// A sync whose rows cannot be written is not begun. One whose rows were cut off is
// done, and its counts are shown.
func TestOutputOfASync(t *testing.T) {
	t.Parallel()
	calls := 0
	c := newTerminal(t, func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.Header().Set("Simtransfer-Rows", "2")
		w.Header().Set("Simtransfer-Sync", "dry_run=?0, rows=2, created=0, changed=2, unchanged=0, refused=0, missing=0, retired=0")
		_, _ = io.WriteString(w, "line,iccid\n2,8988211000000000011\n")
	})
	file := writeFile(t, "inventory.csv", "iccid\n")
	for _, name := range []string{filepath.Join(file, "x.csv"), t.TempDir()} {
		c.is(c.run("sims", "sync", file, "--output="+name), 2, "writing "+name)
	}
	if calls != 0 {
		t.Errorf("%d calls were made", calls)
	}
	out := filepath.Join(t.TempDir(), "out.csv")
	c.is(c.run("sims", "sync", file, "--output="+out), 6, "the outcomes of the rows are incomplete", out+" was not written")
	c.prints("2 rows: 0 created, 2 changed, 0 unchanged, 0 refused.\n")
	if left, err := os.ReadDir(filepath.Dir(out)); err != nil || len(left) > 0 {
		t.Errorf("%v and %v are left", left, err)
	}
	c.is(c.run("sims", "sync", file, "--full", "--retire-missing", "--max-retire-share=nan"), 2, "a share from 0 to 1")
}

// The results of several requests are one file with one line of headings, which is
// only written if all of them are complete.
func TestResultsOfSeveral(t *testing.T) {
	t.Parallel()
	const second, other, missing = "0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c22", "0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c23", "0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c24"
	c := newTerminal(t, func(w http.ResponseWriter, r *http.Request) {
		rows := "request,sim\n" + someRequest + ",1\n"
		switch {
		case strings.Contains(r.URL.Path, second):
			rows = "request,sim\n" + second + ",2\n"
		case strings.Contains(r.URL.Path, other):
			rows = "request,sim,fee\n" + other + ",3,1\n"
		case !strings.Contains(r.URL.Path, someRequest):
			problem(w, 404, "not_found")
			return
		}
		w.Header().Set("Simtransfer-Rows", "1")
		_, _ = io.WriteString(w, rows)
	})
	const both = "request,sim\n" + someRequest + ",1\n" + second + ",2\n"
	c.is(c.run("requests", "results", someRequest, second), 0)
	c.prints(both)
	file := filepath.Join(t.TempDir(), "results.csv")
	c.is(c.run("batches", "results", someRequest, second, "--output="+file), 0)
	if got, err := os.ReadFile(file); err != nil || string(got) != both {
		t.Errorf("%v: %s", err, got)
	}
	c.is(c.run("requests", "results", someRequest, missing, second), 3, missing+": ", "1 of 3 failed")
	c.prints(both)
	c.is(c.run("requests", "results", someRequest, other), 1, other+": its columns differ")
	c.is(c.run("requests", "results", second, missing, "-o", file), 3, file+" was not written")
	if got, err := os.ReadFile(file); err != nil || string(got) != both {
		t.Errorf("a part of the results replaced the file: %v: %s", err, got)
	}
}

package docs_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"simtransfer/command/commandtest"
)

// TestReadmeDemo runs the demo and expects it to print the lines that the README
// shows, in that order. Times and rates may differ. A progress bar of the README
// stands for the last line of that progress, as it is printed without a terminal.
func TestReadmeDemo(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```\n(uploading a batch.*?)```").FindSubmatch(page)
	if block == nil {
		t.Fatal("the README has no block that begins with: uploading a batch")
	}
	out, progress, code := commandtest.Program(t, nil, "demo", "--exit")
	if code != 0 {
		t.Fatalf("exit code %d: %s%s", code, progress, out)
	}
	rest, lines := "\n"+normalized(progress+out), 0
	for line := range strings.Lines(string(block[1])) {
		if line == "…\n" {
			continue
		}
		lines++
		want := normalized(line)
		_, after, found := strings.Cut(rest, "\n"+want)
		if !found {
			t.Fatalf("the demo does not print, or not in this order:\n%s\nbut after the line before:\n%s", want, rest)
		}
		rest = "\n" + after
	}
	if lines < 10 {
		t.Errorf("the README shows only %d lines", lines)
	}
}

// normalized replaces what differs between two runs of the demo, and writes
// progress in one form.
func normalized(text string) string {
	text = regexp.MustCompile(`\d+\.\d+ s \(\d+ per second\)`).ReplaceAllString(text, "TIME")
	text = regexp.MustCompile(`took \d+ m?s`).ReplaceAllString(text, "took TIME")
	text = regexp.MustCompile(`(?m)^  (\w+) +(?:\[█+\]|100%) +(\d+/\d+)$`).ReplaceAllString(text, "  $1 $2")
	return text
}

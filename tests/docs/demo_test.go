package docs_test

import (
	"encoding/json"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"simtransfer/command/commandtest"
	"simtransfer/dev/sample"
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

// With FreeRADIUS, the demo's gateways report the start of every session, and the end of
// those that they disconnect, and FreeRADIUS stores all of them.
func TestDemoWithFreeRADIUS(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("FreeRADIUS with its PostgreSQL module is tested on Linux only")
	}
	out, progress, code := commandtest.Program(t, nil, "demo", "--sims", "200", "--exit", "--json", "--freeradius")
	if code != 0 {
		t.Fatalf("exit code %d: %s%s", code, progress, out)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var got struct {
		SessionsDropped int  `json:"sessions_dropped"`
		Violations      *int `json:"violations"`
		StartsReported  int  `json:"starts_reported"`
		StartsStored    int  `json:"starts_stored"`
		StopsReported   int  `json:"stops_reported"`
		StopsStored     int  `json:"stops_stored"`
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &got); err != nil {
		t.Fatalf("the last line is not a JSON object: %v", err)
	}
	online := 0
	for sim := range sample.Inventory(200) {
		if sim.Gateway > 0 {
			online++
		}
	}
	for i := range 200 {
		if sample.BatchSIM(i).ActivatedMeanwhile {
			online++
		}
	}
	if got.StartsReported != online || got.StartsStored != online {
		t.Errorf("%d SIMs are online, %d starts are reported, %d are stored", online, got.StartsReported, got.StartsStored)
	}
	if got.StopsStored == 0 || got.StopsReported != got.StopsStored || got.SessionsDropped != got.StopsStored {
		t.Errorf("%d sessions are dropped, %d stops are reported, %d are stored", got.SessionsDropped, got.StopsReported, got.StopsStored)
	}
	if got.Violations == nil || *got.Violations != 0 {
		t.Errorf("violations: %v", got.Violations)
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

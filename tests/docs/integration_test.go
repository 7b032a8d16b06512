package docs_test

import (
	"bufio"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"simtransfer/storage"
)

//go:generate env UPDATE_PAGES=1 go test -count=1 -run ^TestIntegrationPage$ .

// TestIntegrationPage runs the commands, scripts and the program of
// docs/integration.md, as TestCommandLinePage does. Meanwhile a second copy of
// the program is killed and restarted at random; at the end its copy of the owners
// has to be equal to the database.
func TestIntegrationPage(t *testing.T) {
	t.Parallel()
	const name = "../../docs/integration.md"
	stack, sh := startStack(t)
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	writeFiles(t, sh, string(page), "export.sh", "nightly.sh", "day.sh", "consumer.go", "follow.sh", "owners.sh")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(sh.folder, "consumer"), filepath.Join(sh.folder, "consumer.go"))
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the program: %v\n%s", err, out)
	}
	_, key, err := stack.DB.CreateKey(t.Context(), storage.NewKey{Role: storage.RoleSupport, Name: "consumer that is killed"})
	if err != nil {
		t.Fatal(err)
	}
	killed := &killedConsumer{folder: sh.folder, env: []string{"SIMTRANSFER_URL=" + stack.Admin.URL, "SIMTRANSFER_API_KEY=" + key}}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- killed.runUntil(ctx) }()

	runPage(t, name, sh, names{serviceAddress: stack.Admin.URL})

	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	killed.compare(t, stack.DB)
	findings, err := stack.DB.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		if f.Violations > 0 {
			t.Errorf("%d violations: %s: %s", f.Violations, f.Invariant, strings.Join(f.Examples, "\n"))
		}
	}
}

// writeFiles writes the files of a page into the folder of a shell: the blocks
// whose first comment begins with the name of the file.
func writeFiles(t *testing.T, sh *shell, page string, names ...string) {
	t.Helper()
	for _, name := range names {
		found := regexp.MustCompile("(?ms)^```(?:sh|go)\n((?:#!/bin/sh\n# |// )" + regexp.QuoteMeta(name) + ": .*?)^```$").FindStringSubmatch(page)
		if found == nil {
			t.Fatalf("the page has no block for %s", name)
		}
		sh.write(name, found[1])
	}
}

// killedConsumer is the program of the page, which is killed at random.
type killedConsumer struct {
	folder string
	env    []string
	kills  int
}

func (k *killedConsumer) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, filepath.Join(k.folder, "consumer"), append(args, "-file", filepath.Join(k.folder, "killed.json"))...)
	c.Env = append(c.Env, k.env...)
	return c
}

// runUntil starts the program and kills it at some place after it has stored
// changes, until the context ends.
func (k *killedConsumer) runUntil(ctx context.Context) error {
	for ctx.Err() == nil {
		life, kill := context.WithCancel(ctx)
		c := k.command(life, "-follow")
		out, err := c.StdoutPipe()
		if err == nil {
			err = c.Start()
		}
		if err != nil {
			kill()
			return err
		}
		stored := bufio.NewScanner(out)
		for range rand.IntN(3) {
			stored.Scan()
		}
		kill()
		k.kills++
		_ = c.Wait() // it was killed
	}
	return nil
}

// compare lets the program read the rest of the feed, and compares its copy with
// the database.
func (k *killedConsumer) compare(t *testing.T, db *storage.DB) {
	t.Helper()
	if out, err := k.command(t.Context()).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(k.folder, "killed.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Owners map[string]string }
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	var rows []struct{ ICCID, Account string }
	if err := db.Pool().SelectContext(t.Context(), &rows, `
		SELECT s.iccid, a.operator_id AS account FROM sims s JOIN accounts a ON a.id = s.account`); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, r := range rows {
		want[r.ICCID] = r.Account
	}
	if diff := cmp.Diff(want, got.Owners); diff != "" {
		t.Errorf("the copy differs from the database (-database +copy):\n%s", diff)
	}
	if k.kills < 3 {
		t.Errorf("the program was killed only %d times", k.kills)
	}
	t.Logf("the program was killed %d times", k.kills)
}

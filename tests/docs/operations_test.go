package docs_test

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

// notMessage matches commands, SQL statements and routes.
var notMessage = regexp.MustCompile(`^(simtransfer|BEGIN;|SELECT|UPDATE|ROLLBACK|COMMIT|GET|POST) `)

// TestLogMessages looks up every log message that the table "When something looks
// wrong" quotes: operators search for exactly these words.
func TestLogMessages(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## When something looks wrong\n")
	section, _, _ = strings.Cut(section, "\n## ")
	literals := literalsOfProgram(t)
	messages := 0
	for row := range strings.Lines(section) {
		if !strings.HasPrefix(row, "|") {
			continue
		}
		for _, span := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row, -1) {
			// A message is several words; commands and statements are not messages.
			if !strings.Contains(span[1], " ") || notMessage.MatchString(span[1]) {
				continue
			}
			messages++
			if !strings.Contains(literals, span[1]) {
				t.Errorf("no string of the program contains %q", span[1])
			}
		}
	}
	if messages < 5 {
		t.Errorf("found %d messages: the test does not read the table", messages)
	}
}

// literalsOfProgram returns the string literals of all Go files but tests.
func literalsOfProgram(t *testing.T) string {
	t.Helper()
	root := os.DirFS("../..")
	var all strings.Builder
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (skipped(name) || name == "tests" || name == "bench" || name == "dev"):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		body, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		passages, err := goPassages(name, body)
		for _, p := range passages {
			if strings.HasPrefix(p.text, `"`) {
				all.WriteString(p.text + "\n")
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

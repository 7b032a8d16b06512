package console_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The parts of a message stand below each other, so a sentence that has a link or a time
// in it must be a paragraph.
func TestMessagesAreParagraphs(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("templates/*.html")
	if err != nil || len(files) < 30 {
		t.Fatalf("templates: %v, %v", files, err)
	}
	message := regexp.MustCompile(`(?s)<div class="alert[^>]*>(?:\{\{[^}]*\}\})*<div>(.*?)</div>`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range message.FindAllStringSubmatch(string(text), -1) {
			inside := strings.TrimSpace(m[1])
			if !strings.HasPrefix(inside, "<") && (strings.Contains(inside, "<") || strings.Contains(inside, "{{when")) {
				t.Errorf("%s: wrap in a paragraph: %s", file, inside)
			}
		}
	}
}

package console

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// Of a long text, a page shows the start. Only the space at the cut is lost.
func TestFoldedTexts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text        string
		start, rest int // their lengths in characters; a rest of 0: the text is not cut
	}{
		"short":          {"As agreed", 9, 0},
		"a little long":  {strings.Repeat("word ", 78), 390, 0},
		"long":           {strings.Repeat("word ", 200), 299, 699},
		"without spaces": {strings.Repeat("語", 1000), 300, 700},
		"many lines":     {strings.Repeat("a\n", 40), 11, 68},
		"a few lines":    {strings.Repeat("a\n", 6), 12, 0},
	} {
		f := foldText(c.text)
		if c.rest == 0 && (f.Start != c.text || f.Rest != "") {
			t.Errorf("%s is cut: %+v", name, f)
		}
		if c.rest > 0 && (utf8.RuneCountInString(f.Start) != c.start || !strings.HasPrefix(c.text, f.Start) || !strings.HasSuffix(c.text, f.Rest) || f.Rest == "") {
			t.Errorf("%s: %d and %d characters: %+v", name, utf8.RuneCountInString(f.Start), utf8.RuneCountInString(f.Rest), f)
		}
	}
}

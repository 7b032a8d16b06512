package docs_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// phrases are words that make a text hard to understand, because they are dated,
// are used with a meaning that they do not have, or leave the reader to guess. A
// space stands for any white space. Each has a plain replacement, and may have
// exceptions: wherever an exception matches, the phrase is allowed.
func phrases() []phrase {
	return []phrase{
		{`\banew\b`, "again, or a new …", ""},
		{`\bafresh\b`, "again", ""},
		{`\bonce more\b`, "again", ""},
		{`\bwho(so)?ever\b`, "anyone who, or name who it is: the caller, the lock's holder", ""},
		{`\bsomebody\b`, "someone, or name who it is: another transaction, a caller", ""},
		{`\banybody\b`, "anyone", ""},
		{`\beverybody\b`, "everyone, or name who it is: all callers", ""},
		{`\bnobody\b`, "no one, or name who it is: no process", `["'` + "`" + `,]nobody["'` + "`" + `,]|nobody@|@nobody|as nobody|user nobody`},
		{`\blets? go of\b`, "release, give up", ""},
		{`\b(is|are|was|were|be|been|being) told\b`, "is informed, is asked, receives, is configured with", `\b(is|are|was) told to (stop|end|shut)\b`},
		{`\balone\b`, "only, or nothing else", `\b(is|are|be|was|were|left|stands?|runs?|works?|fails?) alone\b|\b(leaves?|leaving) ([\w-]+ ){1,3}alone\b|\balone in\b`},
		{`\bbehind\b`, "after, later than, following", `\bleft behind\b|\bleaves? [\w ]*behind|\bfall\w* behind|\b(ahead|fast) or behind|\bbehind (a|an|the|our|one|your|its) ([\w-]+ )?(proxy|NAT|balancer|pooler)|\bbehind (NAT|TLS)\b|\bbehind (\w+'s|its|their) back`},
		{`\bbeside\b`, "next to, in addition to, during", ""},
		{`\blately\b`, "recently", ""},
		{`\bfor ever\b`, "forever, indefinitely", ""},
		{`\bso many\b`, "that many, up to the limit", ""},
		{`\bwhat (has |have |had )?(became|becomes|become) of\b`, "what happened to, the outcome of", ""},
		{`\bends? to be\b`, "stops, expires", ""},
		{`\b(is|are|was|were|stays?|remains?|be) good (for|until|till)\b`, "is valid for, is valid until", ""},
		{`\b(to|can|cannot|could) be had\b`, "is available, can be read", ""},
		{`\b(is|are|was|were) nowhere\b`, "is not … anywhere", ""},
		{`\bunder way\b`, "in progress, running", ""},
		{`(\d|%d) to correct\b`, "… errors to fix", ""},
		{`\bsays? where\b`, "names the place, returns the address", ""},
		{`\bat most so\b`, "at most N", ""},
		{`\bas it comes\b`, "as it arrives, while it is uploaded", ""},
		{`\bone too many\b`, "over the limit", ""},
		{`\bmend(s|ed|ing)?\b`, "fix", ""},
		{`\bin vain\b`, "without success", ""},
		{`\btells? of\b`, "reports, describes", ""},
		{`\bgets? at\b`, "reads, reaches", ""},
		{`\bhalf[- ]does\b`, "leaves incomplete", ""},
		{`\bdoubles? or\b`, "repeats, duplicates", ""},
		{`\bwhichever\b`, "any, whatever", ""},
		{`\bpresent (owner|account|state)\b`, "current …", ""},
		{`\b(a|any|the|without a) word (on|about)\b`, "without …, not mentioned", ""},
		{`\bforetells?\b`, "predicts, specifies", ""},
		{`\bnothing (of|about) (it|them) is\b`, "none of …", ""},
		{`\b(sees?|saw) to it\b`, "makes sure, ensures", ""},
		{`\bgo(es)? on behind\b`, "continues after", ""},
		{`\bgoes on\b`, "continues", ""},
		{`\bsees that\b`, "checks that, expects", ""},
		{`\bwhat there is of\b`, "all, the existing", ""},
		{`\bpunish`, "handle, apply", ""},
		{`\bask(s|ed|ing)? for (a |the )?transfers?\b`, "create a transfer request, request a transfer", ""},
	}
}

type phrase struct{ pattern, instead, exceptions string }

// TestWords keeps hard words out of all text of the project: comments and string
// literals of Go files, and everything else that people read or run.
func TestWords(t *testing.T) {
	t.Parallel()
	rules := compile(phrases())
	read := 0
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if skipped(path) {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || path == "LICENSE" || path == "tests/docs/words_test.go" {
			return nil
		}
		body, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		passages, err := passagesOf(path, body)
		if err != nil {
			return err
		}
		read += len(passages)
		for _, p := range passages {
			for _, f := range rules.find(p.text) {
				t.Errorf("%s:%d: %q: write %s", path, p.line+strings.Count(p.text[:f.at], "\n"), f.words, f.instead)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if read < 1000 {
		t.Errorf("read %d passages: the test does not find the project's files", read)
	}
}

// skipped reports whether a folder holds nothing that people have written.
func skipped(path string) bool {
	name := filepath.Base(path)
	if strings.HasPrefix(name, ".") && name != "." {
		return name != ".ci" && name != ".github"
	}
	return name == "bin" || name == "testdata" || name == "node_modules"
}

// passage is a piece of text that begins at a line of its file.
type passage struct {
	line int
	text string
}

// passagesOf returns the comments and string literals of a Go file that is not
// generated, and the whole text of other kinds of files that people write.
func passagesOf(path string, body []byte) ([]passage, error) {
	switch filepath.Ext(path) {
	case ".go":
		return goPassages(path, body)
	case ".md", ".yaml", ".yml", ".sql", ".sh", ".service", ".html", "":
	case ".txt":
		if !strings.Contains(path, "/templates/") {
			return nil, nil // the licenses of others
		}
	default:
		if !strings.HasPrefix(filepath.Base(path), ".") {
			return nil, nil
		}
	}
	if bytes.IndexByte(body, 0) >= 0 { // a program
		return nil, nil
	}
	return []passage{{1, string(body)}}, nil
}

func goPassages(path string, body []byte) ([]passage, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, body, parser.ParseComments)
	if err != nil {
		return nil, fmt.Errorf("parsing Go: %w", err)
	}
	if ast.IsGenerated(file) {
		return nil, nil
	}
	var list []passage
	for _, group := range file.Comments {
		list = append(list, passage{files.Position(group.Pos()).Line, group.Text()})
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.BasicLit); ok && s.Kind == token.STRING {
			list = append(list, passage{files.Position(s.Pos()).Line, s.Value})
		}
		return true
	})
	return list, nil
}

type rule struct {
	phrase, exceptions *regexp.Regexp // exceptions is nil if there are none
	instead            string
	// words are texts in lower case of which every match has at least one.
	// Looking for them first saves minutes, because almost no text has any.
	words []string
}

type ruleSet []rule

func compile(list []phrase) ruleSet {
	pattern := func(text string) *regexp.Regexp {
		return regexp.MustCompile(`(?i)` + strings.ReplaceAll(text, " ", `\s+`))
	}
	var rules ruleSet
	for _, p := range list {
		r := rule{phrase: pattern(p.pattern), instead: p.instead, words: wordsIn(p.pattern)}
		if p.exceptions != "" {
			r.exceptions = pattern(p.exceptions)
		}
		rules = append(rules, r)
	}
	return rules
}

// wordsIn returns texts of which every match of a pattern has at least one, the
// longest that there are; none if the pattern does not tell.
func wordsIn(pattern string) []string {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		panic(err) // compile has the same pattern
	}
	return literals(parsed)
}

func literals(re *syntax.Regexp) []string {
	shortest := func(list []string) int {
		n := 0
		for i, text := range list {
			if i == 0 || len(text) < n {
				n = len(text)
			}
		}
		return n
	}
	switch re.Op { //nolint:exhaustive // no other one has to contain a text
	case syntax.OpLiteral:
		// A space of a phrase stands for any white space.
		longest := slices.MaxFunc(strings.Split(strings.ToLower(string(re.Rune)), " "), func(a, b string) int { return len(a) - len(b) })
		if longest != "" {
			return []string{longest}
		}
	case syntax.OpCapture, syntax.OpPlus:
		return literals(re.Sub[0])
	case syntax.OpConcat:
		var best []string
		for _, part := range re.Sub {
			if list := literals(part); shortest(list) > shortest(best) {
				best = list
			}
		}
		return best
	case syntax.OpAlternate:
		var all []string
		for _, part := range re.Sub {
			list := literals(part)
			if list == nil {
				return nil
			}
			all = append(all, list...)
		}
		return all
	}
	return nil
}

type finding struct {
	at             int // the offset in the text
	words, instead string
}

// find returns the phrases in a text that no exception covers.
func (rules ruleSet) find(text string) []finding {
	var list []finding
	lower := strings.ToLower(text)
	for _, r := range rules {
		if r.words != nil && !slices.ContainsFunc(r.words, func(word string) bool { return strings.Contains(lower, word) }) {
			continue
		}
		var allowed [][]int
		if r.exceptions != nil {
			allowed = r.exceptions.FindAllStringIndex(text, -1)
		}
	phrases:
		for _, place := range r.phrase.FindAllStringIndex(text, -1) {
			for _, a := range allowed {
				if a[0] <= place[0] && place[1] <= a[1] {
					continue phrases
				}
			}
			list = append(list, finding{place[0], text[place[0]:place[1]], r.instead})
		}
	}
	return list
}

// TestWordRules applies the rules to texts that they must find, and to texts that
// they must not.
func TestWordRules(t *testing.T) {
	t.Parallel()
	rules := compile(phrases())
	for text, want := range map[string]string{
		"read it anew":                        "anew",
		"For support alone.":                  "alone",
		"It stands alone.":                    "",
		"leave the row alone":                 "",
		"the events behind a cursor":          "behind",
		"set it only behind a proxy":          "",
		"clocks an hour ahead or behind":      "",
		"what\nbecame of it":                  "what\nbecame of",
		"nobody listens":                      "nobody",
		`user: "nobody"`:                      "",
		"nobody@example.com":                  "",
		"nothing was accepted: 11 to correct": "1 to correct",
	} {
		got := ""
		for _, f := range rules.find(text) {
			got += f.words
		}
		if got != want {
			t.Errorf("%q: found %q, want %q", text, got, want)
		}
	}
}

// TestWordsOfPatterns looks for the texts that decide whether a rule is applied at
// all, and expects those rules to have one that finds most of them quickly.
func TestWordsOfPatterns(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string][]string{
		`\bonce more\b`:               {"once"},
		`\bwho(so)?ever\b`:            {"ever"},
		`\b(is|are) told\b`:           {"told"},
		`\b(mends?|fix)\b`:            {"mend", "fix"},
		`(\d|%d) to correct\b`:        {"correct"},
		`\bpresent (owner|account)\b`: {"present"},
		`\b(a|the) word (on|about)\b`: {"word"},
		`\bA+\b`:                      {"a"},
		`\b(a|[xy])\b`:                nil,
		`(once)?`:                     nil,
	} {
		if diff := cmp.Diff(want, wordsIn(pattern)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", pattern, diff)
		}
	}
	for _, p := range phrases() {
		if wordsIn(p.pattern) == nil {
			t.Errorf("%s: no text is in every match", p.pattern)
		}
	}
}

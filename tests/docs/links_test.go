package docs_test

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

// TestLinks follows every relative link of every Markdown file, to a file, a
// folder or a heading, and looks up every path and make target that a text names
// in backticks.
func TestLinks(t *testing.T) {
	t.Parallel()
	root := os.DirFS("../..")
	makefile, err := fs.ReadFile(root, "Makefile")
	if err != nil {
		t.Fatal(err)
	}
	links, paths, targets := 0, 0, 0
	for name, text := range markdown(t, root) {
		for _, link := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(text, -1) {
			if strings.Contains(link[1], "://") {
				continue
			}
			links++
			if problem := follow(root, name, link[1]); problem != "" {
				t.Errorf("%s links to %s: %s", name, link[1], problem)
			}
		}
		for _, span := range regexp.MustCompile("`([a-z]+/[a-zA-Z0-9_./*-]+)`").FindAllStringSubmatch(text, -1) {
			folder, _, _ := strings.Cut(span[1], "/")
			if _, err := fs.Stat(root, folder); err != nil || folder == "bin" {
				continue // not a path of this repository
			}
			paths++
			if found, err := fs.Glob(root, strings.TrimSuffix(span[1], "/")); err != nil || len(found) == 0 {
				t.Errorf("%s names %s, which does not exist", name, span[1])
			}
		}
		for _, target := range regexp.MustCompile("(?m)(?:`|^)make ([a-z]+)").FindAllStringSubmatch(text, -1) {
			targets++
			if !strings.Contains("\n"+string(makefile), "\n"+target[1]+":") {
				t.Errorf("%s names make %s, which the Makefile does not have", name, target[1])
			}
		}
	}
	if links == 0 || paths == 0 || targets == 0 {
		t.Errorf("found %d links, %d paths and %d make targets: the test does not read the files", links, paths, targets)
	}
}

// TestFences looks for blocks of code that are not closed: everything after one
// would be read as its output.
func TestFences(t *testing.T) {
	t.Parallel()
	blocks := 0
	for name, text := range markdown(t, os.DirFS("../..")) {
		open, number := 0, 0 // open is the line that opens the block
		for line := range strings.Lines(text) {
			number++
			fence, ok := strings.CutPrefix(strings.TrimSpace(line), "```")
			switch {
			case !ok:
			case open == 0:
				open = number
				blocks++
			case fence == "":
				open = 0
			default:
				t.Errorf("%s:%d opens a block inside the one that line %d opens", name, number, open)
			}
		}
		if open != 0 {
			t.Errorf("%s:%d opens a block that nothing closes", name, open)
		}
	}
	if blocks == 0 {
		t.Error("found no blocks of code: the test does not read the files")
	}
}

// TestNamesOfTests looks up every test, fuzz target and benchmark that a text
// tells people to run.
func TestNamesOfTests(t *testing.T) {
	t.Parallel()
	root := os.DirFS("../..")
	texts := markdown(t, root)
	makefile, err := fs.ReadFile(root, "Makefile")
	if err != nil {
		t.Fatal(err)
	}
	texts["Makefile"] = string(makefile)
	var functions strings.Builder
	eachFile(t, root, "_test.go", func(_ string, body []byte) {
		for _, f := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)`).FindAllSubmatch(body, -1) {
			functions.Write(f[1])
			functions.WriteByte('\n')
		}
	})
	names := 0
	for file, text := range texts {
		for _, name := range regexp.MustCompile(`(?:RUN=|-run |-fuzz |-bench )'?(\w+)`).FindAllStringSubmatch(text, -1) {
			names++
			if !strings.Contains(functions.String(), name[1]) {
				t.Errorf("%s runs %s, which is not in the name of any test", file, name[1])
			}
		}
	}
	if names == 0 {
		t.Error("found no names of tests: the test does not read the files")
	}
}

// TestFolders compares the README's table of folders with the folders that exist.
func TestFolders(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(readme), "| folder | contents |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	listed := map[string]bool{}
	for row := range strings.Lines(table) {
		cell := strings.Split(row, "|")[1]
		for _, name := range regexp.MustCompile("`([a-z]+)/`").FindAllStringSubmatch(cell, -1) {
			listed[name[1]] = true
		}
	}
	entries, err := os.ReadDir("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") || e.Name() == "bin" {
			continue
		}
		if !listed[e.Name()] {
			t.Errorf("the README does not list the folder %s", e.Name())
		}
		delete(listed, e.Name())
	}
	for name := range listed {
		t.Errorf("the README lists the folder %s, which does not exist", name)
	}
}

// TestPackageComments looks up every Go file that a package comment names. The
// comments of storage and command list their files, so they have to name all of them.
func TestPackageComments(t *testing.T) {
	t.Parallel()
	root := os.DirFS("../..")
	named := map[string]map[string]bool{} // by folder
	files := map[string][]string{}
	eachFile(t, root, ".go", func(name string, body []byte) {
		if strings.HasSuffix(name, "_test.go") {
			return
		}
		folder := path.Dir(name)
		files[folder] = append(files[folder], name)
		comment, _, _ := strings.Cut("\n"+string(body), "\npackage ")
		for _, file := range regexp.MustCompile(`[a-z][a-z0-9_/]*\.go\b`).FindAllString(comment, -1) {
			if named[folder] == nil {
				named[folder] = map[string]bool{}
			}
			if !strings.Contains(file, "/") {
				file = path.Join(folder, file)
			}
			if _, err := fs.Stat(root, file); err != nil {
				t.Errorf("%s names %s, which does not exist", name, file)
			}
			named[folder][file] = true
		}
	})
	for _, folder := range []string{"command", "storage"} {
		for _, file := range files[folder] {
			if path.Base(file) != "doc.go" && !named[folder][file] {
				t.Errorf("%s/doc.go does not list %s", folder, path.Base(file))
			}
		}
	}
}

// markdown returns the Markdown files by their paths.
func markdown(t *testing.T, root fs.FS) map[string]string {
	t.Helper()
	files := map[string]string{}
	eachFile(t, root, ".md", func(name string, body []byte) { files[name] = string(body) })
	return files
}

// eachFile calls do with every file whose name ends in a suffix.
func eachFile(t *testing.T, root fs.FS, suffix string, do func(name string, body []byte)) {
	t.Helper()
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && skipped(name):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, suffix):
			return nil
		}
		body, err := fs.ReadFile(root, name)
		do(name, body)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// follow returns what is wrong with a link in a file, or an empty string.
func follow(root fs.FS, from, link string) string {
	file, heading, _ := strings.Cut(link, "#")
	target := from
	if file != "" {
		target = path.Join(path.Dir(from), file)
	}
	info, err := fs.Stat(root, target)
	switch {
	case err != nil:
		return "no such file or folder"
	case heading == "":
		return ""
	case info.IsDir():
		return "a folder has no headings"
	}
	text, err := fs.ReadFile(root, target)
	if err != nil {
		return err.Error()
	}
	for _, h := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(string(text), -1) {
		if anchor(h[1]) == heading {
			return ""
		}
	}
	return "no such heading"
}

// anchor returns the anchor that GitHub gives to a heading.
func anchor(heading string) string {
	text := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(heading), "")
	return strings.ReplaceAll(text, " ", "-")
}

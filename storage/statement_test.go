package storage

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const renderedDir = "testdata/sql"

// The rendered text of every statement is checked in, so that a change of a
// shared fragment shows in the diff of each statement that contains it.
func TestRenderedStatements(t *testing.T) {
	t.Parallel()
	want := map[string]string{}
	for _, s := range allStatements() {
		if want[s.name+".sql"] != "" {
			t.Errorf("two statements are called %s", s.name)
		}
		want[s.name+".sql"] = rendered(s)
	}
	if os.Getenv("UPDATE_SQL") != "" {
		writeRendered(t, want)
	}
	got := map[string]string{}
	files, err := filepath.Glob(filepath.Join(renderedDir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got[filepath.Base(file)] = string(text)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s is stale: run go generate ./storage (-want +got):\n%s", renderedDir, diff)
	}
}

func writeRendered(t *testing.T, want map[string]string) {
	t.Helper()
	if err := os.RemoveAll(renderedDir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(renderedDir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range want {
		if err := os.WriteFile(filepath.Join(renderedDir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// rendered is a statement as a reviewer reads it: its documentation, and the
// text that the server gets, with each parameter's name after its number.
func rendered(s *statement) string {
	var b strings.Builder
	fmt.Fprintf(&b, "-- Generated from storage/*.go by go generate ./storage; do not edit.\n--\n")
	for _, field := range [][2]string{
		{"Does", s.does},
		{"Given", s.given},
		{"Returns", s.returns},
		{"Locks", s.locks},
	} {
		text := field[1]
		if text == "" {
			text = "nothing"
		}
		label := field[0] + ":"
		for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
			fmt.Fprintf(&b, "-- %-9s %s\n", label, strings.TrimSpace(line))
			label = ""
		}
	}
	if s.prepared {
		fmt.Fprintf(&b, "-- Prepared: yes: it stays prepared on the connections that have run it\n")
	}
	execute := s.name
	if len(s.params()) > 0 {
		execute += "(" + strings.Join(s.params(), ", ") + ")"
	}
	fmt.Fprintf(&b, "--\n-- EXPLAIN EXECUTE %s;\n", execute)
	if s.setup != "" {
		fmt.Fprintf(&b, "BEGIN;\n%s;\n", dedent(s.setup))
	}
	fmt.Fprintf(&b, "PREPARE %s AS\n", s.name)
	b.WriteString(parameters.ReplaceAllStringFunc(dedent(s.text), func(found string) string {
		if found[0] != '@' {
			return found
		}
		return fmt.Sprintf("$%d /*%s*/", slices.Index(s.params(), found[1:])+1, found[1:])
	}))
	b.WriteString(";\n")
	return b.String()
}

// Every statement says what it does, and what each of its parameters means.
func TestStatementsAreDocumented(t *testing.T) {
	t.Parallel()
	for _, s := range allStatements() {
		if s.name == "" || s.does == "" {
			t.Errorf("statement %q: name or does is empty", s.name)
		}
		var documented []string
		for _, name := range parameters.FindAllString(s.given, -1) {
			documented = append(documented, strings.TrimPrefix(name, "@"))
		}
		slices.Sort(documented)
		want := slices.Sorted(slices.Values(s.params()))
		if diff := cmp.Diff(want, slices.Compact(documented)); diff != "" {
			t.Errorf("statement %s: given does not match its parameters (-parameters +given):\n%s", s.name, diff)
		}
	}
}

// Every call of a statement passes exactly the arguments that it has parameters
// for. A call must therefore name its statement and write its args in place, or add
// them to those of a filter with filterArgs.with.
func TestStatementsGetTheirArguments(t *testing.T) {
	t.Parallel()
	byName := map[string]*statement{}
	for _, s := range statements() {
		byName[s.name] = s
	}
	files := sources(t)
	names := map[string]string{} // of statements, by variable
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok {
				if name, ok := statementName(spec); ok {
					names[spec.Names[0].Name] = name
				}
			}
			return true
		})
	}
	listed := slices.Sorted(maps.Keys(byName))
	if diff := cmp.Diff(slices.Sorted(maps.Values(names)), listed); diff != "" {
		t.Errorf("statement_list_test.go (-declared +listed):\n%s", diff)
	}
	used := map[string]bool{}
	for path, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || isFilterWith(call) {
				return true
			}
			for i, argument := range call.Args {
				given, ok := argumentNames(argument)
				if !ok {
					continue
				}
				variable, _ := call.Args[i-1].(*ast.Ident)
				if variable == nil || byName[names[variable.Name]] == nil {
					t.Errorf("%s: a call with args does not name its statement", path)
					continue
				}
				used[names[variable.Name]] = true
				want := slices.Sorted(slices.Values(byName[names[variable.Name]].params()))
				if diff := cmp.Diff(want, given); diff != "" {
					t.Errorf("%s: arguments of %s (-parameters +arguments):\n%s", path, variable.Name, diff)
				}
			}
			return true
		})
	}
	for _, name := range listed {
		if !used[name] {
			t.Errorf("statement %s is never called with args", name)
		}
	}
}

// sources parses the package without its tests.
func sources(t *testing.T) map[string]*ast.File {
	t.Helper()
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]*ast.File{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files[path] = file
	}
	return files
}

// statementName returns the name of the statement that a variable is declared as.
func statementName(spec *ast.ValueSpec) (string, bool) {
	if len(spec.Values) != 1 {
		return "", false
	}
	call, ok := spec.Values[0].(*ast.CallExpr)
	if !ok {
		return "", false
	}
	if f, ok := call.Fun.(*ast.Ident); !ok || f.Name != "newStatement" {
		return "", false
	}
	for _, field := range call.Args[0].(*ast.CompositeLit).Elts {
		pair := field.(*ast.KeyValueExpr)
		if pair.Key.(*ast.Ident).Name == "name" {
			name, err := strconv.Unquote(pair.Value.(*ast.BasicLit).Value)
			return name, err == nil
		}
	}
	return "", false
}

// isFilterWith reports whether a call is one of filterArgs.with.
func isFilterWith(call *ast.CallExpr) bool {
	f, ok := call.Fun.(*ast.SelectorExpr)
	return ok && f.Sel.Name == "with" && len(call.Args) == 1
}

// isRequestConditions reports whether a call of filterArgs.with is for the conditions of
// a RequestFilter.
func isRequestConditions(call *ast.CallExpr) bool {
	of, ok := call.Fun.(*ast.SelectorExpr).X.(*ast.CallExpr)
	if !ok {
		return false
	}
	f, ok := of.Fun.(*ast.SelectorExpr)
	return ok && f.Sel.Name == "conditions"
}

// argumentNames returns the sorted names of the arguments in an args literal, or
// in one that filterArgs.with adds to the arguments of a filter.
func argumentNames(e ast.Expr) ([]string, bool) {
	if call, ok := e.(*ast.CallExpr); ok && isFilterWith(call) {
		names, ok := argumentNames(call.Args[0])
		conditions := simFilterSQL
		if isRequestConditions(call) {
			conditions = requestConditions() + "@limit"
		}
		names = append(names, newStatement(statement{text: conditions}).params()...)
		slices.Sort(names)
		return names, ok
	}
	literal, ok := e.(*ast.CompositeLit)
	if !ok {
		return nil, false
	}
	if typ, ok := literal.Type.(*ast.Ident); !ok || typ.Name != "args" {
		return nil, false
	}
	var names []string
	for _, element := range literal.Elts {
		name, err := strconv.Unquote(element.(*ast.KeyValueExpr).Key.(*ast.BasicLit).Value)
		if err != nil {
			return nil, false
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names, true
}

func TestNumberedParameters(t *testing.T) {
	t.Parallel()
	s := newStatement(statement{name: "test", text: `
		SELECT 'a@b.example' AS "@c", @id::int -- not @a parameter
		FROM x
			WHERE y = ANY(@list) AND z = @id
	`})
	const want = "SELECT 'a@b.example' AS \"@c\", $1::int -- not @a parameter\nFROM x\n\tWHERE y = ANY($2) AND z = $1"
	if diff := cmp.Diff(want, s.query()); diff != "" {
		t.Errorf("query (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"id", "list"}, s.params()); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
	for _, c := range []struct {
		name, err string
		args      args
	}{
		{"all", "", args{"list": 2, "id": 1}},
		{"one missing", "statement test: argument @list is missing", args{"id": 1}},
		{"another instead", "statement test: argument @list is missing", args{"id": 1, "lists": 2}},
		{"an extra one", "statement test has 2 parameters and was given 3 arguments", args{"id": 1, "list": 2, "more": 3}},
	} {
		values, err := s.bind(c.args)
		if got := fmt.Sprint(err); c.err != "" && got != c.err {
			t.Errorf("%s: %s, want %s", c.name, got, c.err)
		}
		if diff := cmp.Diff([]any{1, 2}, values); c.err == "" && (err != nil || diff != "") {
			t.Errorf("%s: %v (-want +got):\n%s", c.name, err, diff)
		}
	}
}

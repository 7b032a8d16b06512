// Typecheck type-checks all packages and their tests for other operating
// systems:
//
//	go run ./dev/typecheck windows darwin
//
// It finds what go vet and go build would find with GOOS set: names that do not
// exist on that system, and files that its build constraints leave out. It is
// many times faster, because it generates no code and skips the bodies of
// functions in packages from others.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "typecheck: name the operating systems, as in GOOS: typecheck windows darwin")
		os.Exit(2)
	}
	failed := false
	for _, system := range os.Args[1:] {
		errs, err := check(context.Background(), ".", system)
		if err != nil {
			fmt.Fprintf(os.Stderr, "typecheck %s: %v\n", system, err)
			os.Exit(2)
		}
		for _, err := range errs {
			fmt.Fprintf(os.Stderr, "%s: %v\n", system, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

// listedPackage is a package as go list prints it. A package with tests appears
// several times: as others import it, and with its tests.
type listedPackage struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	ImportMap  map[string]string // imports whose package has another ImportPath
	Module     *struct {
		Main      bool
		GoVersion string
	}
	Error *struct{ Err string }
}

// check type-checks the packages of the module in a folder for one operating
// system, on amd64 and without cgo. It returns the errors in the code.
func check(ctx context.Context, folder, system string) ([]error, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-e", "-deps", "-test", "-json=ImportPath,Dir,GoFiles,ImportMap,Module,Error", "./...")
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var errs []error
	packages := map[string]*types.Package{"unsafe": types.Unsafe}
	for list := json.NewDecoder(out); ; { // a package follows those that it imports
		var p listedPackage
		if err := list.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("output of go list: %w", err)
		}
		if p.ImportPath == "unsafe" || strings.HasSuffix(p.ImportPath, ".test") { // the latter is generated
			continue
		}
		if p.Error != nil {
			errs = append(errs, fmt.Errorf("%s: %s", p.ImportPath, p.Error.Err))
			continue
		}
		checked, found := p.check(packages)
		packages[p.ImportPath] = checked
		errs = append(errs, found...)
	}
	return errs, cmd.Wait()
}

// check type-checks a package. Its imports are in packages.
func (p listedPackage) check(packages map[string]*types.Package) (*types.Package, []error) {
	var errs []error
	files := token.NewFileSet()
	var parsed []*ast.File
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(files, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		parsed = append(parsed, f)
	}
	ours := p.Module != nil && p.Module.Main
	config := types.Config{
		Importer:         importer{p.ImportMap, packages},
		IgnoreFuncBodies: !ours,
		FakeImportC:      true,
		Sizes:            types.SizesFor("gc", "amd64"),
		Error:            func(err error) { errs = append(errs, err) },
	}
	if p.Module != nil && p.Module.GoVersion != "" {
		config.GoVersion = "go" + p.Module.GoVersion
	}
	path, _, _ := strings.Cut(p.ImportPath, " ")         // without the [….test] of a package with its tests
	checked, _ := config.Check(path, files, parsed, nil) // the errors are in errs
	return checked, errs
}

// importer finds the packages that one package imports.
type importer struct {
	importMap map[string]string
	packages  map[string]*types.Package
}

func (i importer) Import(path string) (*types.Package, error) {
	if mapped, ok := i.importMap[path]; ok {
		path = mapped
	}
	if p, ok := i.packages[path]; ok {
		return p, nil
	}
	return nil, fmt.Errorf("package %s was not listed before", path)
}

// Command notices writes THIRD_PARTY_NOTICES.txt: the licenses of everything from
// others that is in the binary of simtransfer. "make notices" runs it.
//
//go:generate go run .
package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// file is relative to the root of the repository.
const file = "THIRD_PARTY_NOTICES.txt"

const introduction = `simtransfer contains software of others. This file has their notices and licenses.
It is generated: run "make notices" after a change of go.mod.
`

// swaggerUI has the notices of Swagger UI, which the module that embeds it leaves
// out. They are in the npm package swagger-ui-dist.
//
//go:embed swagger-ui.txt
var swaggerUI string

const swaggerUIVersion = "5.29.0"

func main() {
	root := filepath.Join("..", "..") // go generate runs it in its folder
	text, err := notices(context.Background(), root)
	if err == nil {
		err = os.WriteFile(filepath.Join(root, file), []byte(text), 0o644) //nolint:gosec // everyone may read it
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

type module struct {
	Path, Version, Dir string
	Main               bool
}

// notices returns the text for the program in the folder root.
func notices(ctx context.Context, root string) (string, error) {
	modules := map[string]module{}
	licenses := map[string]map[string]bool{} // the files of each module
	for _, system := range []string{"linux", "darwin", "windows"} {
		if err := addLinked(ctx, root, system, modules, licenses); err != nil {
			return "", err
		}
	}
	var b strings.Builder
	b.WriteString(introduction)
	goLicense, err := goLicense(ctx)
	if err != nil {
		return "", err
	}
	section(&b, "The Go standard library and runtime", goLicense)
	for _, path := range slices.Sorted(maps.Keys(modules)) {
		m := modules[path]
		files := slices.Sorted(maps.Keys(licenses[path]))
		if len(files) == 0 {
			return "", fmt.Errorf("%s %s has no license file: it must not be used", path, m.Version)
		}
		for _, f := range files {
			text, err := os.ReadFile(filepath.Join(m.Dir, f)) //nolint:gosec // a file of the module cache
			if err != nil {
				return "", err
			}
			section(&b, fmt.Sprintf("%s %s: %s", path, m.Version, filepath.ToSlash(f)), string(text))
		}
	}
	htmx, err := os.ReadFile(filepath.Join(root, "console", "assets", "htmx-LICENSE.txt"))
	if err != nil {
		return "", err
	}
	section(&b, "htmx 2.0.8, in the pages of the console (console/assets)", string(htmx))
	for _, add := range []func(*strings.Builder, map[string]module) error{addSwaggerUI, addAsynqmonUI} {
		if err := add(&b, modules); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

func section(b *strings.Builder, title, text string) {
	fmt.Fprintf(b, "\n%s\n%s\n\n%s\n", strings.Repeat("=", 80), title, strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n")))
}

// addLinked adds the modules that are linked for an operating system, and their
// license files: those in the folder of each linked package and above.
func addLinked(ctx context.Context, root, system string, modules map[string]module, licenses map[string]map[string]bool) error {
	list := exec.CommandContext(ctx, "go", "list", "-deps", "-json=Dir,Module", ".")
	list.Dir, list.Stderr = root, os.Stderr
	list.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0", "GOFLAGS=-mod=readonly")
	out, err := list.Output()
	if err != nil {
		return fmt.Errorf("listing the packages for %s: %w", system, err)
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Dir    string
			Module *module
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("reading the packages for %s: %w", system, err)
		}
		if p.Module == nil || p.Module.Main { // the standard library, or ours
			continue
		}
		m := *p.Module
		if modules[m.Path] = m; licenses[m.Path] == nil {
			licenses[m.Path] = map[string]bool{}
		}
		for dir := p.Dir; strings.HasPrefix(dir, m.Dir); dir = filepath.Dir(dir) {
			if err := addLicenses(licenses[m.Path], m.Dir, dir); err != nil {
				return err
			}
		}
	}
}

func addLicenses(files map[string]bool, moduleDir, dir string) error {
	isLicense := regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([.-][a-z0-9.-]*)?$`)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Type().IsRegular() && isLicense.MatchString(e.Name()) && filepath.Ext(e.Name()) != ".go" {
			name, err := filepath.Rel(moduleDir, filepath.Join(dir, e.Name()))
			if err != nil {
				return err
			}
			files[name] = true
		}
	}
	return nil
}

func goLicense(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("looking for GOROOT: %w", err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "LICENSE"))
	return string(text), err
}

// addSwaggerUI fails if the embedded Swagger UI is not the version whose notices we
// have.
func addSwaggerUI(b *strings.Builder, modules map[string]module) error {
	path := filepath.Join(modules["github.com/swaggest/swgui"].Dir, "v5", "static", "swagger-ui-bundle.js.gz")
	packed, err := os.Open(path) //nolint:gosec // a file of the module cache
	if err != nil {
		return err
	}
	defer func() { _ = packed.Close() }()
	unpacked, err := gzip.NewReader(packed)
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	text, err := io.ReadAll(unpacked)
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	if !bytes.Contains(text, []byte(`PACKAGE_VERSION:"`+swaggerUIVersion+`"`)) {
		return fmt.Errorf("%s is not Swagger UI %s: update dev/notices/swagger-ui.txt from the npm package swagger-ui-dist, and swaggerUIVersion", path, swaggerUIVersion)
	}
	section(b, "Swagger UI, in github.com/swaggest/swgui", swaggerUI)
	return nil
}

// addAsynqmonUI adds the notices in the bundles of asynqmon's page, and names the
// npm packages in them: the bundles have no texts for some.
func addAsynqmonUI(b *strings.Builder, modules map[string]module) error {
	ui := filepath.Join(modules["github.com/hibiken/asynqmon"].Dir, "ui")
	versions, err := yarnVersions(filepath.Join(ui, "yarn.lock"))
	if err != nil {
		return err
	}
	sourceMaps, err := filepath.Glob(filepath.Join(ui, "build", "static", "js", "*.map"))
	if err != nil || len(sourceMaps) == 0 {
		return fmt.Errorf("no source maps in %s: %w", ui, cmp.Or(err, os.ErrNotExist))
	}
	inModules := regexp.MustCompile(`.*node_modules/((?:@[^/]+/)?[^/]+)/`)
	packages := map[string]bool{}
	for _, f := range sourceMaps {
		var sources struct{ Sources []string }
		text, err := os.ReadFile(f) //nolint:gosec // a file of the module cache
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, &sources); err != nil {
			return fmt.Errorf("reading %s: %w", f, err)
		}
		for _, source := range sources.Sources {
			if m := inModules.FindStringSubmatch(source); m != nil {
				packages[m[1]] = true
			}
		}
	}
	var list strings.Builder
	list.WriteString("The page of asynqmon is built from these npm packages:\n\n")
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		fmt.Fprintf(&list, "  %s %s\n", name, strings.Join(versions[name], " or "))
	}
	list.WriteString("\nNotices in its bundles:\n\n")
	texts, err := filepath.Glob(filepath.Join(ui, "build", "static", "js", "*.LICENSE.txt"))
	if err != nil || len(texts) == 0 {
		return fmt.Errorf("no notices in %s: %w", ui, cmp.Or(err, os.ErrNotExist))
	}
	for _, f := range texts {
		text, err := os.ReadFile(f) //nolint:gosec // a file of the module cache
		if err != nil {
			return err
		}
		list.Write(text)
	}
	section(b, "The page of asynqmon, in github.com/hibiken/asynqmon", list.String())
	return nil
}

// yarnVersions reads the versions of each package from a yarn.lock, which may have
// several.
func yarnVersions(path string) (map[string][]string, error) {
	text, err := os.ReadFile(path) //nolint:gosec // a file of the module cache
	if err != nil {
		return nil, err
	}
	versions := map[string][]string{}
	entry := regexp.MustCompile(`(?m)^"?((?:@[^/@\n]+/)?[^@"\n]+)@.*:\n  version "([^"]+)"`)
	for _, m := range entry.FindAllStringSubmatch(string(text), -1) {
		if !slices.Contains(versions[m[1]], m[2]) {
			versions[m[1]] = append(versions[m[1]], m[2])
		}
	}
	return versions, nil
}

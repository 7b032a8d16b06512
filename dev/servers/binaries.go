package servers

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The oldest supported versions: PostgreSQL 14 is the oldest that its project
// still maintains, and asynq needs Redis 6.2.
const (
	minPostgres = 14
	minRedis    = 602 // 6.2, as major*100 + minor
)

// postgresDirs returns the folders outside PATH in which distributions and package
// managers install the server programs of PostgreSQL.
func postgresDirs() []string {
	var found []string
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", // Debian, Ubuntu
		"/usr/pgsql-*/bin",          // PGDG on Fedora and Red Hat
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
		"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
		"/usr/lib/postgresql*/bin", // openSUSE
	} {
		dirs, _ := filepath.Glob(pattern) // fails only for a bad pattern
		found = append(found, dirs...)
	}
	return found
}

// postgresBinaries are the server programs of one installation.
type postgresBinaries struct {
	initdb, postgres string
	major            int
}

// findPostgres returns the installation in PATH if it is new enough, and otherwise
// the newest one in dirs.
func findPostgres(ctx context.Context, dirs []string) (postgresBinaries, error) {
	var tooOld []string
	newest := func(dirs []string) (best postgresBinaries) {
		for _, dir := range dirs {
			b := postgresBinaries{
				initdb:   filepath.Join(dir, "initdb"),
				postgres: filepath.Join(dir, "postgres"),
			}
			if !executable(b.initdb) || !executable(b.postgres) {
				continue
			}
			b.major, _ = version(ctx, b.postgres, `\(PostgreSQL\) (\d+)`)
			if b.major < minPostgres {
				tooOld = append(tooOld, fmt.Sprintf("%s is version %d", b.postgres, b.major))
				continue
			}
			if b.major > best.major {
				best = b
			}
		}
		return best
	}

	var inPath []string
	if p, err := exec.LookPath("postgres"); err == nil {
		if real, err := filepath.EvalSymlinks(p); err == nil {
			p = real // initdb is in the same folder as the real file
		}
		inPath = append(inPath, filepath.Dir(p))
	}
	for _, dirs := range [][]string{inPath, dirs} {
		if b := newest(dirs); b.major > 0 {
			return b, nil
		}
	}
	return postgresBinaries{}, notInstalled("PostgreSQL 14 or later (initdb and postgres)", "postgres", tooOld)
}

// findRedis returns the path of the server program of Redis or Valkey.
func findRedis(ctx context.Context) (string, error) {
	var tooOld []string
	for _, name := range []string{"redis-server", "valkey-server"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		major, minor := version(ctx, path, ` v=(\d+)\.(\d+)`)
		if major*100+minor >= minRedis {
			return path, nil
		}
		tooOld = append(tooOld, fmt.Sprintf("%s is version %d.%d", path, major, minor))
	}
	return "", notInstalled("Redis 6.2 or later (redis-server)", "redis", tooOld)
}

// notInstalled returns the error for a program that has to be installed first.
func notInstalled(what, setupName string, tooOld []string) error {
	msg := what + " is not installed"
	if len(tooOld) > 0 {
		slices.Sort(tooOld)
		msg += " (" + strings.Join(slices.Compact(tooOld), ", ") + ")"
	}
	return errors.New(msg + ": run `deployments/setup.sh " + setupName + "`, or install it with your package manager")
}

// version runs a program with --version and returns the numbers that the groups
// of pattern match in its output; zeros if there are none.
func version(ctx context.Context, program, pattern string) (major, minor int) {
	out, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return 0, 0
	}
	m := regexp.MustCompile(pattern).FindStringSubmatch(string(out))
	if len(m) > 1 {
		major, _ = strconv.Atoi(m[1])
	}
	if len(m) > 2 {
		minor, _ = strconv.Atoi(m[2])
	}
	return major, minor
}

func executable(path string) bool {
	_, err := exec.LookPath(path)
	return err == nil
}

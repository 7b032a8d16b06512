//go:build unix

package servers

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFindRedis(t *testing.T) {
	for _, test := range []struct {
		name     string
		programs map[string]string // and their version line
		want     string
		wantErr  []string
	}{
		{
			name:     "redis",
			programs: map[string]string{"redis-server": "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64"},
			want:     "redis-server",
		},
		{
			name:     "valkey",
			programs: map[string]string{"valkey-server": "Valkey server v=8.0.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64"},
			want:     "valkey-server",
		},
		{
			name:     "oldest",
			programs: map[string]string{"redis-server": "Redis server v=6.2.0 sha=00000000:0"},
			want:     "redis-server",
		},
		{
			name:     "too old",
			programs: map[string]string{"redis-server": "Redis server v=6.0.16 sha=00000000:0"},
			wantErr:  []string{"Redis 6.2 or later", "is version 6.0", "setup.sh redis"},
		},
		{
			name:    "none",
			wantErr: []string{"Redis 6.2 or later", "not installed", "setup.sh redis"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := programs(t, test.programs)
			t.Setenv("PATH", dir)
			got, err := findRedis(t.Context())
			check(t, err, test.wantErr)
			if test.want != "" && got != filepath.Join(dir, test.want) {
				t.Errorf("found %q", got)
			}
		})
	}
}

func TestFindPostgres(t *testing.T) {
	one := func(version string) string {
		return programs(t, map[string]string{"postgres": "postgres (PostgreSQL) " + version, "initdb": ""})
	}
	for _, test := range []struct {
		name      string
		inPath    string
		elsewhere []string
		want      int
		wantErr   []string
	}{
		{name: "in PATH, although another is newer", inPath: one("16.4 (Debian 16.4-1)"), elsewhere: []string{one("17.1")}, want: 16},
		{name: "newest in the other folders", elsewhere: []string{one("9.6.24"), one("14.1"), one("18beta1"), one("15.2")}, want: 18},
		{name: "too old in PATH", inPath: one("13.9"), elsewhere: []string{one("14.0")}, want: 14},
		{name: "too old", inPath: one("13.9"), wantErr: []string{"PostgreSQL 14 or later", "is version 13", "setup.sh postgres"}},
		{name: "without initdb", inPath: programs(t, map[string]string{"postgres": "postgres (PostgreSQL) 16.4"}), wantErr: []string{"not installed"}},
		{name: "none", wantErr: []string{"PostgreSQL 14 or later", "not installed", "setup.sh postgres"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("PATH", test.inPath)
			got, err := findPostgres(t.Context(), test.elsewhere)
			check(t, err, test.wantErr)
			if got.major != test.want {
				t.Errorf("found version %d, want %d", got.major, test.want)
			}
		})
	}
}

// programs creates a folder of programs that print the given line.
func programs(t *testing.T, prints map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, line := range prints {
		script := "#!/bin/sh\necho '" + line + "'\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func check(t *testing.T, err error, want []string) {
	t.Helper()
	if (err != nil) != (want != nil) {
		t.Fatalf("error: %v", err)
	}
	for _, part := range want {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q: %v", part, err)
		}
	}
}

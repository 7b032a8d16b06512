package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckFindsWhatASystemLacks(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":        "module example.com/m\n\ngo 1.26\n",
		"any.go":        "package m\n\nimport \"syscall\"\n\nfunc uptime() { syscall.Sysinfo(nil) }\n", // Linux only
		"any_unix.go":   "//go:build unix\n\npackage m\n\nfunc onlyUnix() {}\n",
		"any_test.go":   "package m\n\nimport \"testing\"\n\nfunc TestUnix(t *testing.T) { onlyUnix() }\n",
		"outer_test.go": "package m_test\n\nimport _ \"example.com/m\"\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for system, want := range map[string][]string{
		"linux":   nil,
		"darwin":  {"undefined: syscall.Sysinfo"},
		"windows": {"undefined: syscall.Sysinfo", "undefined: onlyUnix"},
	} {
		errs, err := check(t.Context(), folder, system)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, err := range errs {
			got = append(got, err.Error())
		}
		all := strings.Join(got, "\n")
		for _, w := range want {
			if !strings.Contains(all, w) {
				t.Errorf("%s: %q is missing in the errors:\n%s", system, w, all)
			}
		}
		if want == nil && all != "" {
			t.Errorf("%s: %s", system, all)
		}
	}
}

//go:build unix

package servers

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRemoveStale(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	make := func(name string) string {
		path := filepath.Join(base, name)
		if err := os.MkdirAll(filepath.Join(path, "postgres", "base"), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	stale := make("simtransfer-dev-1")
	used := make("simtransfer-dev-2")
	other := make("something-else")
	lock, err := lockFolder(used)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := os.Symlink(other, filepath.Join(base, "simtransfer-dev-3")); err != nil {
		t.Fatal(err)
	}

	removeStale(base)
	if exists(stale) {
		t.Error("an unused folder still exists")
	}
	if !exists(used) {
		t.Error("a folder in use was removed")
	}
	if !exists(other) {
		t.Error("the target of a link was removed")
	}
}

func TestSuitable(t *testing.T) {
	t.Parallel()
	// A user that owns nothing.
	stranger := &account{name: "stranger", uid: 1<<32 - 7, gid: 1<<32 - 7}
	for _, test := range []struct {
		name string
		path string
		mode os.FileMode
		user *account
		want string // part of the error; empty for none
	}{
		{name: "same user", path: "a", mode: 0o700},
		{name: "another user, open folder", path: "a", mode: 0o711, user: stranger},
		{name: "another user, closed folder", path: "a", mode: 0o700, user: stranger, want: "user stranger cannot enter folder"},
		{name: "folder that does not exist", path: "a/b/c", mode: 0o711, user: stranger},
		{name: "folder that does not exist in a closed one", path: "a/b/c", mode: 0o700, user: stranger, want: "user stranger cannot enter folder"},
		{name: "long path", path: "a/" + strings.Repeat("b", 100), mode: 0o711, want: "too long"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			base, err := os.MkdirTemp("/tmp", "s-") //nolint:usetesting // t.TempDir may be long, and closed to others
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(base) })
			if err := os.Chmod(base, 0o711); err != nil {
				t.Fatal(err)
			}
			a := filepath.Join(base, "a")
			if err := errors.Join(os.Mkdir(a, test.mode), os.Chmod(a, test.mode)); err != nil {
				t.Fatal(err)
			}
			err = suitable(filepath.Join(base, test.path), test.user)
			if test.want == "" && err != nil {
				t.Error(err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("want an error that says %q, got: %v", test.want, err)
			}
		})
	}
}

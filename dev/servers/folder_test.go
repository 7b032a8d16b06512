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
		t.Error("a folder that nobody uses is still there")
	}
	if !exists(used) {
		t.Error("a folder in use is gone")
	}
	if !exists(other) {
		t.Error("a link led to another folder's removal")
	}
}

func TestSuitable(t *testing.T) {
	t.Parallel()
	// A user who owns nothing.
	stranger := &account{name: "stranger", uid: 1<<32 - 7, gid: 1<<32 - 7}
	for _, test := range []struct {
		name string
		path string
		mode os.FileMode
		user *account
		want string // part of the error; empty for none
	}{
		{name: "own folder", path: "a", mode: 0o700},
		{name: "open folder", path: "a", mode: 0o711, user: stranger},
		{name: "closed folder", path: "a", mode: 0o700, user: stranger, want: "is closed to user stranger"},
		{name: "folder to be made", path: "a/b/c", mode: 0o711, user: stranger},
		{name: "folder to be made in a closed one", path: "a/b/c", mode: 0o700, user: stranger, want: "is closed to user stranger"},
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

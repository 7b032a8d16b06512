package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

const folderPattern = "simtransfer-dev-*"

// maxSocketPath is the maximum length of a unix socket's path in bytes on macOS.
// Linux allows 107.
const maxSocketPath = 103

// account is a user of the operating system.
type account struct {
	name     string
	uid, gid uint32
}

// serverAccount returns the user that the servers run as. nil means the user of
// this process. If that is root, the servers run as nobody, because PostgreSQL
// refuses to run as root.
func serverAccount() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	const name = "nobody"
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("looking up an unprivileged user for PostgreSQL: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("reading the user id of %s: %w", name, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("reading the group id of %s: %w", name, err)
	}
	return &account{name: name, uid: uint32(uid), gid: uint32(gid)}, nil
}

// folder holds all files of one Servers. It belongs to the user of this process;
// its subfolders belong to the user of the servers.
//
// A process that uses a folder holds a lock (flock) on it, and the servers inherit
// the lock. So a folder that can be locked is used by no process and no server.
type folder struct {
	path      string
	lock      *os.File
	temporary bool
	user      *account
}

// openFolder locks the folder o.Dir and creates it if it does not exist. If o.Dir
// is empty, it creates a temporary folder, and removes those that killed processes
// have left.
func openFolder(ctx context.Context, o Options, user *account) (*folder, error) {
	if o.Dir == "" {
		bases := temporaryBases()
		for _, base := range bases {
			removeStale(base)
		}
		if memory := memoryFolder(); memory != "" {
			removeStale(memory)
			// TMPDIR is the user's choice and has precedence.
			if !o.Durable && os.Getenv("TMPDIR") == "" {
				bases = slices.Insert(bases, 0, memory)
			}
		}
		return newTemporaryFolder(bases, user)
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, err
	}
	// Chmod, because a umask must not close it to the servers' user.
	err = os.Mkdir(dir, 0o711)
	if err == nil {
		err = os.Chmod(dir, 0o711)
	}
	if err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, err
	}
	if err := suitable(dir, user); err != nil {
		return nil, err
	}
	// The servers of a killed process may still be shutting down.
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		lock, err := lockFolder(dir)
		if err == nil {
			return &folder{path: dir, lock: lock, user: user}, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("folder %s is in use by another process", dir)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func newTemporaryFolder(bases []string, user *account) (*folder, error) {
	var unsuitable []error
	for _, base := range bases {
		if err := suitable(filepath.Join(base, folderPattern+"0123456789"), user); err != nil {
			unsuitable = append(unsuitable, err)
			continue
		}
		for {
			path, err := os.MkdirTemp(base, folderPattern)
			if err != nil {
				unsuitable = append(unsuitable, err)
				break
			}
			lock, err := lockFolder(path)
			if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.EWOULDBLOCK) {
				continue // the removeStale of another process came first
			}
			if err != nil {
				return nil, err
			}
			f := &folder{path: path, lock: lock, temporary: true, user: user}
			if user != nil {
				err = os.Chmod(path, 0o711)
			}
			return f, err
		}
	}
	return nil, fmt.Errorf("no folder for temporary files is suitable: %w", errors.Join(unsuitable...))
}

// temporaryBases returns the folders to try for temporary files, the best first.
func temporaryBases() []string {
	var bases []string
	for _, base := range []string{os.TempDir(), "/tmp", "/var/tmp"} {
		base, err := filepath.EvalSymlinks(base)
		if err == nil && filepath.IsAbs(base) && !slices.Contains(bases, base) {
			bases = append(bases, base)
		}
	}
	return bases
}

// removeStale removes the temporary folders that killed processes have left. It
// ignores folders that it cannot remove.
func removeStale(base string) {
	paths, _ := filepath.Glob(filepath.Join(base, folderPattern)) // fails only for a bad pattern
	for _, path := range paths {
		info, err := os.Lstat(path)
		if err != nil || !info.IsDir() {
			continue
		}
		if uid, _, ok := owner(info); !ok || int(uid) != os.Geteuid() {
			continue // another user's
		}
		if lock, err := lockFolder(path); err == nil {
			_ = os.RemoveAll(path)
			_ = lock.Close()
		}
	}
}

// lockFolder returns an open file that holds the lock on a folder. The error wraps
// EWOULDBLOCK if another process holds the lock, and os.ErrNotExist if the folder
// was removed.
func lockFolder(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := tryLock(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("locking folder %s: %w", path, err)
	}
	locked, err := f.Stat()
	if err == nil {
		var named os.FileInfo
		if named, err = os.Stat(path); err == nil && !os.SameFile(locked, named) {
			err = fmt.Errorf("locking folder %s: it was replaced: %w", path, os.ErrNotExist)
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// suitable returns an error if the servers cannot run in a folder. The folder need
// not exist.
func suitable(path string, user *account) error {
	if socket := filepath.Join(path, "sockets", ".s.PGSQL.65535"); len(socket) > maxSocketPath {
		return fmt.Errorf("the path of folder %s is %d bytes too long for a unix socket in it: use a shorter path", path, len(socket)-maxSocketPath)
	}
	if user == nil {
		return nil
	}
	for dir := path; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err == nil && !user.mayPass(info) {
			return fmt.Errorf("user %[2]s cannot enter folder %[1]s: PostgreSQL refuses to run as root, so it runs as %[2]s", dir, user.name)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// mayPass reports whether the user may enter a folder by its mode.
func (a *account) mayPass(info os.FileInfo) bool {
	uid, gid, ok := owner(info)
	switch {
	case !ok:
		return true
	case uid == a.uid:
		return info.Mode()&0o100 != 0
	case gid == a.gid:
		return info.Mode()&0o010 != 0
	default:
		return info.Mode()&0o001 != 0
	}
}

// file returns the path of a file in the folder.
func (f *folder) file(name string) string {
	return filepath.Join(f.path, name)
}

// sub creates a subfolder that only the servers' user can read, unless it exists,
// and returns its path.
func (f *folder) sub(name string) (string, error) {
	path := f.file(name)
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	if f.user != nil {
		if err := os.Lchown(path, int(f.user.uid), int(f.user.gid)); err != nil {
			return "", err
		}
	}
	return path, nil
}

// close releases the lock, and removes the folder if it is temporary.
func (f *folder) close() error {
	var err error
	if f.temporary {
		err = os.RemoveAll(f.path)
	}
	return errors.Join(err, f.lock.Close())
}

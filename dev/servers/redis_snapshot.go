package servers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// RedisSnapshot is a copy of Redis's data folder at one instant.
type RedisSnapshot struct{ dir string }

// SnapshotRedis copies Redis's data as a crash at this instant would leave it. Redis
// must be running.
func (s *Servers) SnapshotRedis() (_ *RedisSnapshot, err error) {
	// In the servers' folder, so that it is removed with it.
	to, err := os.MkdirTemp(s.folder.path, "redis-copy-")
	if err != nil {
		return nil, fmt.Errorf("copying Redis's data: %w", err)
	}
	pid := s.redis.PID()
	if err := Suspend(pid); err != nil {
		return nil, fmt.Errorf("suspending Redis: %w", err)
	}
	defer func() { err = errors.Join(err, Resume(pid)) }()
	return &RedisSnapshot{to}, copyTree(s.rd.settings["dir"], to)
}

// RestoreRedis kills Redis and starts it again with the data of a snapshot; nil
// means no data.
func (s *Servers) RestoreRedis(ctx context.Context, c *RedisSnapshot) error {
	if err := s.redis.Kill(); err != nil {
		return err
	}
	data := s.rd.settings["dir"]
	old, err := os.ReadDir(data)
	if err != nil {
		return fmt.Errorf("restoring Redis's data: %w", err)
	}
	for _, entry := range old {
		if err := os.RemoveAll(filepath.Join(data, entry.Name())); err != nil {
			return fmt.Errorf("restoring Redis's data: %w", err)
		}
	}
	if c != nil {
		if err := copyTree(c.dir, data); err != nil {
			return err
		}
	}
	return s.redis.Restart(ctx)
}

// copyTree copies the content of a folder into another, and keeps the owners.
func copyTree(from, to string) error {
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == from {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		if d.IsDir() {
			err = os.Mkdir(target, info.Mode().Perm())
		} else {
			err = copyFile(path, target, info.Mode().Perm())
		}
		if err != nil {
			return err
		}
		uid, gid, ok := owner(info)
		if !ok {
			return fmt.Errorf("the owner of %s is unknown", path)
		}
		return os.Lchown(target, int(uid), int(gid))
	})
	if err != nil {
		return fmt.Errorf("copying %s to %s: %w", from, to, err)
	}
	return nil
}

func copyFile(from, to string, mode fs.FileMode) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, mode)
}

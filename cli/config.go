package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// config is what login keeps.
type config struct {
	URL string `json:"url"`
	Key string `json:"api_key"`
}

// DefaultConfigFile is where login keeps what it was told: below the folder for
// settings of the user. It is empty if there is no such folder.
func DefaultConfigFile() string {
	folder, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(folder, "simtransfer", "config.json")
}

// readConfig reads the file. One that is not there has nothing in it, and one
// that others can read is refused: what was in it is no secret any more.
func readConfig(path string) (config, error) {
	var c config
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("reading what you are logged in with: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return c, fmt.Errorf("reading what you are logged in with: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return c, fmt.Errorf("%s holds an API key and is open to others (mode %04o): run chmod 600 on it, or simtransfer logout and have the key revoked", path, mode)
	}
	if err := json.NewDecoder(f).Decode(&c); err != nil {
		return c, fmt.Errorf("%s is damaged: run simtransfer login again: %w", path, err)
	}
	return c, nil
}

// writeConfig replaces the file at once, so that it is never half of it, and
// never open to others.
func writeConfig(path string, c config) error {
	if path == "" {
		return errors.New("there is no folder for your settings: set HOME, or use SIMTRANSFER_URL and SIMTRANSFER_API_KEY")
	}
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("keeping what you are logged in with: %w", err)
	}
	f, err := os.CreateTemp(folder, ".config-*") // of mode 0600
	if err != nil {
		return fmt.Errorf("keeping what you are logged in with: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // which is not there once all went well
	err = json.NewEncoder(f).Encode(c)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("keeping what you are logged in with: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("keeping what you are logged in with: %w", err)
	}
	return nil
}

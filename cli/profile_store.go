package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// config is the configuration file, which login writes.
type config struct {
	Profiles map[string]profile `json:"profiles"`
}

// profile is a service and an API key of it, saved under a name.
type profile struct {
	URL string `json:"url"`
	Key string `json:"api_key"`
}

// defaultProfile is the name of the profile that is used if none is named.
const defaultProfile = "default"

// checkProfileName returns an error for what cannot be the name of a profile.
// Empty stands for the default profile.
func checkProfileName(name string) error {
	const allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
	if len(name) > 64 || strings.Trim(name, allowed) != "" {
		return usageError("%q cannot be the name of a profile: it has up to 64 letters, digits, dots, dashes and underscores", name)
	}
	return nil
}

// knownURL returns the URL to log in at with a profile if none is given: that of
// the profile, or the only one of all profiles.
func (c config) knownURL(name string) string {
	if p, ok := c.Profiles[name]; ok {
		return p.URL
	}
	known := ""
	for _, p := range c.Profiles {
		if known != "" && p.URL != known {
			return ""
		}
		known = p.URL
	}
	return known
}

// errDamaged reports a configuration file that login may replace.
var errDamaged = errors.New("is damaged: run simtransfer login again")

// DefaultConfigFile returns the path of the configuration file in the user's
// configuration directory. It is empty if the user has no such directory.
func DefaultConfigFile() string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "simtransfer", "config.json")
}

// readConfig reads the configuration file. A missing file is an empty one. A
// file that other users can read is an error, because the key in it is no
// longer secret.
func readConfig(path string) (config, error) {
	var c config
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("reading the saved API key: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return c, fmt.Errorf("reading the saved API key: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return c, fmt.Errorf("other users can read the API key in %s (mode %04o): run chmod 600 on the file, or run simtransfer logout --all and have the key revoked", path, mode)
	}
	if err := json.NewDecoder(f).Decode(&c); err != nil {
		return config{}, fmt.Errorf("%s %w (%w)", path, errDamaged, err)
	}
	return c, nil
}

// writeConfig replaces the configuration file atomically. Only the user can
// read it.
func writeConfig(path string, c config) error {
	if path == "" {
		return errors.New("you have no configuration directory: set HOME, or use SIMTRANSFER_URL and SIMTRANSFER_API_KEY")
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("saving the API key: %w", err)
	}
	f, err := os.CreateTemp(dir, ".config-*") // with mode 0600
	if err != nil {
		return fmt.Errorf("saving the API key: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // fails after the rename below
	text := json.NewEncoder(f)
	text.SetIndent("", "  ")
	err = text.Encode(c)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("saving the API key: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("saving the API key: %w", err)
	}
	return nil
}

package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
)

type logoutCommand struct {
	Profile string `env:"SIMTRANSFER_PROFILE" placeholder:"NAME" help:"Remove the URL and the API key that were saved under this name."`
	All     bool   `help:"Remove all saved URLs and API keys, and the file."`
}

// Help returns the detailed help.
func (logoutCommand) Help() string {
	return `Removes the saved service URL and API key. The key keeps working: an administrator can revoke it with keys revoke.

Examples:

    simtransfer logout
    simtransfer logout --profile=support
    simtransfer logout --all`
}

// Run runs the command.
func (c logoutCommand) Run(s *Session) error {
	if err := checkProfileName(c.Profile); err != nil {
		return err
	}
	removed, err := c.remove(s.ConfigFile)
	if err != nil {
		return fmt.Errorf("removing the saved API key: %w", err)
	}
	if !removed {
		fmt.Fprintln(s.Err, "You were not logged in.")
		return nil
	}
	fmt.Fprintln(s.Err, "Logged out.")
	return nil
}

// remove reports whether there was something to remove.
func (c logoutCommand) remove(path string) (bool, error) {
	if !c.All {
		file, err := readConfig(path)
		if err != nil {
			return false, fmt.Errorf("%w; to remove all saved keys, use --all", err)
		}
		name := cmp.Or(c.Profile, defaultProfile)
		if _, found := file.Profiles[name]; !found {
			return false, nil
		}
		if delete(file.Profiles, name); len(file.Profiles) > 0 {
			return true, writeConfig(path, file)
		}
	}
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

type profilesCommand struct {
	JSON bool `name:"json" help:"Print a JSON array instead of a table."`
}

// Help returns the detailed help.
func (profilesCommand) Help() string {
	return `Lists what login has saved: the name, the service URL, and the beginning and end of the API key. The profile "default" is used if none is named. login --profile adds a profile, and logout --profile removes it.

Example:

    simtransfer profiles`
}

// savedProfile is a profile as the list shows it.
type savedProfile struct {
	Name string `json:"profile"`
	URL  string `json:"url"`
	Hint string `json:"key_hint"`
}

// Run runs the command.
func (c profilesCommand) Run(s *Session) error {
	file, err := readConfig(s.ConfigFile)
	if err != nil {
		return &exitError{ExitUnauthorized, err}
	}
	list := []savedProfile{}
	for _, name := range slices.Sorted(maps.Keys(file.Profiles)) {
		p := file.Profiles[name]
		list = append(list, savedProfile{name, p.URL, keyHint(p.Key)})
	}
	if c.JSON {
		if err := json.NewEncoder(s.Out).Encode(list); err != nil {
			return fmt.Errorf("printing JSON: %w", err)
		}
		return nil
	}
	t := newTable(s.Out, "PROFILE", "KEY", "URL")
	for _, p := range list {
		t.add(p.Name, p.Hint, p.URL)
	}
	if len(list) == 0 {
		fmt.Fprintln(s.Err, "No profile is saved: run simtransfer login.")
	}
	return t.flush()
}

// keyHint is the beginning and the end of a key, as in lists of keys.
func keyHint(key string) string {
	const secret, shown = 52, 4
	if len(key) <= secret {
		return "…"
	}
	return key[:len(key)-secret+shown] + "…" + key[len(key)-shown:]
}

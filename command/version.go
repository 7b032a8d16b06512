package command

import "runtime/debug"

// release is the version that this source belongs to: "-dev" is removed in the
// commit that is tagged, and added to the next version right after it.
const release = "0.1.0-dev"

// version is the release and the commit that the program was built from, as in
// "0.1.0+f2ca1bb6c7e9" (semantic versioning calls that part build metadata).
// Builds without version control, such as tests, have no commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return release
	}
	commit, modified := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 12:
			commit = "+" + s.Value[:12]
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = ".modified"
		}
	}
	if commit == "" {
		return release
	}
	return release + commit + modified
}

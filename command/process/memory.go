package process

import (
	"os"
	"runtime/debug"
)

// memoryLimit is the soft memory limit of the API, a worker or a scheduler
// unless GOMEMLIMIT is set. An upload of a million rows fits into it. Below the
// limit, garbagePercent lets garbage accumulate: with Go's default of 100, a
// process with a heap of a few MiB would collect all the time.
const (
	memoryLimit    = 100 << 20
	garbagePercent = 400
)

// limitMemory applies memoryLimit and garbagePercent unless the environment
// variables GOMEMLIMIT and GOGC set others.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetMemoryLimit(memoryLimit)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
}

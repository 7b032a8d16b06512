package command

import (
	"os"
	"runtime/debug"
)

// memoryLimit is what a process that serves tries to stay below, where GOMEMLIMIT
// does not say else: a million rows fit, and collecting garbage more often is
// cheaper than keeping it. Far below it garbage may lie: most of these processes
// have a heap of a few MiB, and would collect all the time.
const (
	memoryLimit    = 100 << 20
	garbagePercent = 400
)

func limitMemory() {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetMemoryLimit(memoryLimit)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
}

//go:build !linux

package servers

import "syscall"

// setDeathSignal does nothing: only Linux has a parent-death signal. Elsewhere
// the reaper stops the servers.
func setDeathSignal(*syscall.SysProcAttr, syscall.Signal) {}

// memoryFolder returns "": there is no folder known to be kept in memory.
func memoryFolder() string { return "" }

// children returns nil: the children of a process are not known here. What a
// killed server has started ends by itself when it notices.
func children(int) []int { return nil }

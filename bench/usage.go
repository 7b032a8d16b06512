package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// usage is the processor time, in seconds, that each kind of process has used.
type usage map[string]float64

// usage reads the processor time of the servers, of this process, and of the
// service if s is not nil.
func (h *harness) usage(s *service) usage {
	u := usage{
		"postgres": treeSeconds(h.stack.Postgres().PID()),
		"redis":    ownSeconds(h.stack.Redis().PID()),
		"bench":    ownSeconds(os.Getpid()),
	}
	if s != nil {
		for _, p := range s.programs {
			u[p.Name] += ownSeconds(p.Pid)
		}
	}
	return u
}

// since returns the difference to an earlier reading.
func (u usage) since(before usage) usage {
	used := usage{}
	for name, seconds := range u {
		used[name] = seconds - before[name]
	}
	return used
}

// String lists the kinds of processes, the most used first.
func (u usage) String() string {
	var list []string
	for name := range u {
		list = append(list, name)
	}
	slices.SortFunc(list, func(a, b string) int {
		if u[a] != u[b] {
			return int((u[b] - u[a]) * 1000)
		}
		return strings.Compare(a, b)
	})
	for i, name := range list {
		list[i] = fmt.Sprintf("%s %.*f", name, digits(u[name]), u[name])
	}
	return strings.Join(list, ", ")
}

// digits returns the number of significant decimal places.
func digits(value float64) int {
	switch {
	case value >= 100:
		return 0
	case value >= 10:
		return 1
	}
	return 2
}

// ticks is the number of clock ticks per second in /proc on Linux.
const ticks = 100

// stat returns the fields of /proc/PID/stat after the name; nil if there is no such
// file.
func stat(pid string) []string {
	text, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
}

func seconds(fields []string, from, to int) float64 {
	sum := 0.0
	for i := from; i <= to && i < len(fields); i++ {
		n, _ := strconv.ParseFloat(fields[i], 64) // written by the kernel
		sum += n / ticks
	}
	return sum
}

// ownSeconds returns the processor time of a process.
func ownSeconds(pid int) float64 { return seconds(stat(strconv.Itoa(pid)), 11, 12) }

// treeSeconds returns the processor time of a process and its children, including
// those that have ended.
func treeSeconds(pid int) float64 {
	parent := strconv.Itoa(pid)
	sum := seconds(stat(parent), 11, 14)
	paths, _ := filepath.Glob("/proc/[0-9]*") // fails only for a bad pattern
	for _, path := range paths {
		if fields := stat(filepath.Base(path)); len(fields) > 1 && fields[1] == parent {
			sum += seconds(fields, 11, 12)
		}
	}
	return sum
}

// peakMemory returns the peak resident memory of a process in MiB.
func peakMemory(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb / 1024, err
		}
	}
	return 0, fmt.Errorf("process %d has no VmHWM in its status", pid)
}

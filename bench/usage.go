package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// usage is how much processor time each kind of process has used, in seconds
// unless it says otherwise.
type usage map[string]float64

// usage reads the processor time of the servers, of this process, and of the
// service if there is one.
func (b *bed) usage(s *service) usage {
	u := usage{
		"postgres": treeSeconds(b.stack.Postgres().PID()),
		"redis":    ownSeconds(b.stack.Redis().PID()),
		"bench":    ownSeconds(os.Getpid()),
	}
	if s != nil {
		for _, p := range s.programs {
			u[p.Name] += ownSeconds(p.Pid)
		}
	}
	return u
}

// since is what was used after an earlier reading.
func (u usage) since(before usage) usage {
	used := usage{}
	for name, seconds := range u {
		used[name] = seconds - before[name]
	}
	return used
}

// String lists the kinds of processes, most used first.
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

// digits is how many digits after the point mean something.
func digits(value float64) int {
	switch {
	case value >= 100:
		return 0
	case value >= 10:
		return 1
	}
	return 2
}

// ticks is how many units /proc counts in a second, on every Linux.
const ticks = 100

// stat reads the fields of /proc/PID/stat that follow the name; none where
// there is no such file.
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
		n, _ := strconv.ParseFloat(fields[i], 64) // as the kernel writes it
		sum += n / ticks
	}
	return sum
}

// ownSeconds is the processor time of a process.
func ownSeconds(pid int) float64 { return seconds(stat(strconv.Itoa(pid)), 11, 12) }

// treeSeconds is that of a process and its children, those that have ended
// included.
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

// peakMemory is the most memory that a process has had resident, in MiB.
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
	return 0, fmt.Errorf("process %d has no VmHWM", pid)
}

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// machine describes the machine of the measurements.
type machine struct {
	Processor string  `json:"processor"`
	Cores     int     `json:"cores"`
	MemoryGiB float64 `json:"memory_gib"`
	System    string  `json:"system"`
	Postgres  string  `json:"postgres"`
	Redis     string  `json:"redis"`
	Go        string  `json:"go"`
	FsyncUS   float64 `json:"fsync_us"` // median time of a write of 8 KiB with fsync
}

func (h *harness) describeMachine(ctx context.Context) (machine, error) {
	m := machine{
		Processor: firstMatch("/proc/cpuinfo", `model name\s*:\s*(.+)`),
		Cores:     runtime.NumCPU(),
		System:    runtime.GOOS + "/" + runtime.GOARCH,
		Go:        strings.TrimPrefix(runtime.Version(), "go"),
	}
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err == nil {
		m.System += " " + strings.TrimSpace(string(kernel))
	}
	kb, _ := strconv.ParseFloat(firstMatch("/proc/meminfo", `MemTotal:\s*(\d+)`), 64) // zero if unknown
	m.MemoryGiB = kb / (1 << 20)
	if err := h.stack.DB.Pool().GetContext(ctx, &m.Postgres, `SELECT split_part(current_setting('server_version'), ' ', 1)`); err != nil {
		return m, fmt.Errorf("reading the version of PostgreSQL: %w", err)
	}
	if out, err := exec.CommandContext(ctx, "redis-server", "--version").Output(); err == nil {
		if v := regexp.MustCompile(`v=(\S+)`).FindSubmatch(out); v != nil {
			m.Redis = string(v[1])
		}
	}
	m.FsyncUS, err = fsyncLatency()
	return m, err
}

func firstMatch(path, pattern string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	if m := regexp.MustCompile(pattern).FindSubmatch(text); m != nil {
		return strings.TrimSpace(string(m[1]))
	}
	return ""
}

// fsyncLatency returns the median time, in microseconds, to write 8 KiB with fsync
// to the same place in a file.
func fsyncLatency() (float64, error) {
	f, err := os.CreateTemp("", "simtransfer-bench-*")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	block := make([]byte, 8<<10)
	var took []time.Duration
	for range 500 {
		start := time.Now()
		if _, err := f.WriteAt(block, 0); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return float64(took[len(took)/2].Nanoseconds()) / 1000, nil
}

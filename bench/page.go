package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// writePage writes benchmarks.md, its chart and its figures to a folder.
// Figures that this run has not measured keep their earlier values, unless
// those were of another number of SIMs.
func writePage(dir string, r report) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	path := filepath.Join(dir, "benchmarks.json")
	var earlier report
	switch text, err := os.ReadFile(path); {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return err
	default:
		if err := json.Unmarshal(text, &earlier); err != nil {
			return fmt.Errorf("reading %s: %w", path, err)
		}
	}
	if earlier.SIMs == r.SIMs {
		for figure, value := range earlier.Figures {
			if _, ok := r.Figures[figure]; !ok {
				r.Figures[figure], r.Taken[figure] = value, earlier.Taken[figure]
			}
		}
	}
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	for name, content := range map[string]string{
		"benchmarks.json": string(text) + "\n",
		"benchmarks.md":   page(r),
		"benchmarks.svg":  chart(r),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func page(r report) string {
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, `# Benchmarks

Written by %[1]smake bench WRITE=1%[1]s. %[2]d SIMs, half of them ready and half in need of support, unless a line says otherwise. Everything ran on one machine: %[3]s, %[4]d cores, %[5]s of memory, %[6]s; PostgreSQL %[7]s with fsync on, Redis %[8]s with appendonly everysec, Go %[9]s. Making 8 KiB durable takes %.0[10]f µs there.

![How long %[2]d SIMs take](benchmarks.svg)

| figure | measured | goal | |
|---|---|---|---|
`, "`", r.SIMs, m.Processor, m.Cores, show(m.MemoryGiB, "GiB"), m.System, m.Postgres, m.Redis, m.Go, m.FsyncUS)
	for _, line := range r.lines() {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(line[:], " | "))
	}
	days := slices.Compact(slices.Sorted(maps.Values(r.Taken)))
	fmt.Fprintf(&b, `
Taken on %s.

## What was measured

- **Limit**: the row changes of the whole request, in a few set-based statements, one transaction and one session, with no queue. The result passes %[2]ssimtransfer check%[2]s.
- **simtransfer**: from the accept call over HTTP to the last transfer, by the processes that run in production. With 10%% online, the sessions are dropped through two simulated gateways.
- **asynq and River per SIM**: one task or job for each SIM, and a transaction each, on the same rows. They prepare every statement, enqueue and work at the same time (asynq: %[3]d workers and %[4]d enqueuers; River: %[5]d workers, fetching every %[6]v), and count nothing on a row that all would wait for. Measured with at most %[7]d SIMs and scaled.
- **Whole life**: from the first byte of a CSV upload to the last transfer. Support and the destination decide as soon as they can.
- **Growth**: the same request in an inventory of %[8]d SIMs with their timelines and %[9]d earlier transfers. Its SIMs lie together, as they were imported, or one in each stretch of %[10]d: then each is on a page of its own, which PostgreSQL writes to its log as a whole, because it changes for the first time since a checkpoint. How much that costs shows %[2]smake bench ONLY=growth ARGS="-set full_page_writes=off"%[2]s.
- **Latency**: of one SIM, from the accept call; idle, and during a batch of %[11]d SIMs from its upload to its end. **Memory** is of the processes during that batch.
- **API**: requests of one SIM accepted by one API process, without an Idempotency-Key unless it is mentioned, against pgbench writing the same rows in one transaction; %[12]d clients each.
- **Back and forth**: ten batches right after each other, between two accounts, with nothing but autovacuum.

Runs alternate, each on a fresh copy of the same database after VACUUM ANALYZE and CHECKPOINT, and each is checked for having done its work. Figures are medians.
`, strings.Join(days, " and "), "`", asynqWorkers, asynqEnqueuers, riverWorkers, riverCooldown, peerSIMs,
		growthTimes*r.SIMs, historyTimes*r.SIMs, growthTimes, min(10*r.SIMs, 1000000), apiClients)
	return b.String()
}

// chart draws the times as bars.
func chart(r report) string {
	type bar struct{ text, figure, color string }
	var bars []bar
	longest := 0.0
	for _, candidate := range []bar{
		{"plain SQL, one transaction", "limit_s", "#8a8f98"},
		{"simtransfer", "simtransfer_s", "#2f6fde"},
		{"simtransfer, 10% online", "online_s", "#2f6fde"},
		{"simtransfer, upload to end", "whole_life_s", "#2f6fde"},
		{"asynq, one task per SIM", "asynq_per_sim_s", "#c2703d"},
		{"River, one job per SIM", "river_per_sim_s", "#c2703d"},
	} {
		if value, ok := r.Figures[candidate.figure]; ok {
			bars = append(bars, candidate)
			longest = max(longest, value)
		}
	}
	const width, left, right, row, top = 760, 210, 80, 34, 48
	var b strings.Builder
	height := top + row*len(bars) + 12
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="14">
<rect width="100%%" height="100%%" fill="#ffffff"/>
<text x="16" y="28" font-weight="600" fill="#1d2430">Seconds to move %d SIMs</text>
`, width, height, r.SIMs)
	for i, bar := range bars {
		value := r.Figures[bar.figure]
		y, length := top+row*i, max(value/longest*(width-left-right), 1)
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end" fill="#1d2430">%s</text>
<rect x="%d" y="%d" width="%.1f" height="20" rx="2" fill="%s"/>
<text x="%.1f" y="%d" fill="#1d2430">%s</text>
`, left-10, y+16, html.EscapeString(bar.text), left, y+1, length, bar.color, float64(left)+length+8, y+16, show(value, "s"))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report is what a run has measured: the median of each figure's samples, and
// what follows from them. Only figures of one run are compared.
type report struct {
	SIMs    int                `json:"sims"`
	Machine machine            `json:"machine"`
	Figures map[string]float64 `json:"figures"`
	Taken   map[string]string  `json:"taken"` // by figure: on which day
}

func newReport(sims int, m machine, samples map[string][]float64) report {
	r := report{SIMs: sims, Machine: m, Figures: map[string]float64{}, Taken: map[string]string{}}
	for figure, list := range samples {
		r.Figures[figure] = median(list)
	}
	for _, d := range []struct{ figure, over, under string }{
		{"ratio_to_limit", "simtransfer_s", "limit_s"},
		{"ratio_online_to_limit", "online_s", "limit_s"},
		{"ratio_life_to_limit", "whole_life_s", "limit_s"},
		{"speedup_asynq", "asynq_per_sim_s", "simtransfer_s"},
		{"speedup_river", "river_per_sim_s", "simtransfer_s"},
		{"ratio_growth_together", "growth_together_s", "growth_small_s"},
		{"ratio_growth_scattered", "growth_scattered_s", "growth_small_s"},
		{"ratio_api_to_pgbench", "api_per_s", "pgbench_per_s"},
		{"ratio_vacuum_life", "vacuum_life_10_s", "vacuum_life_01_s"},
		{"ratio_vacuum_execute", "vacuum_execute_10_s", "vacuum_execute_01_s"},
	} {
		over, ok := r.Figures[d.over]
		under, both := r.Figures[d.under]
		if ok && both {
			r.Figures[d.figure] = over / under
		}
	}
	for figure, value := range r.Figures {
		r.Figures[figure] = math.Round(value*1000) / 1000
		r.Taken[figure] = time.Now().UTC().Format(time.DateOnly)
	}
	return r
}

func median(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

// goal is what a figure should be.
type goal struct {
	text    string
	figure  string
	unit    string
	bound   float64
	atLeast bool // else at most
}

func (g goal) met(value float64) bool {
	if g.atLeast {
		return value >= g.bound
	}
	return value <= g.bound
}

func (g goal) wanted() string {
	sign := "≤"
	if g.atLeast {
		sign = "≥"
	}
	return strings.TrimSpace(fmt.Sprintf("%s %v %s", sign, g.bound, g.unit))
}

func goals() []goal {
	return []goal{
		{text: "simtransfer ÷ limit, time", figure: "ratio_to_limit", bound: 1},
		{text: "the same with 10% online", figure: "ratio_online_to_limit", bound: 1.8},
		{text: "asynq per SIM ÷ simtransfer, time", figure: "speedup_asynq", bound: 25, atLeast: true},
		{text: "River per SIM ÷ simtransfer, time", figure: "speedup_river", bound: 25, atLeast: true},
		{text: "whole life ÷ limit", figure: "ratio_life_to_limit", bound: 2},
		{text: "growth, SIMs in the order of the inventory", figure: "ratio_growth_together", bound: 1.6},
		{text: "growth, SIMs from all over the inventory", figure: "ratio_growth_scattered", bound: 1.6},
		{text: "latency idle, p50", figure: "latency_p50_ms", unit: "ms", bound: 60},
		{text: "latency idle, p99", figure: "latency_p99_ms", unit: "ms", bound: 250},
		{text: "latency under a large batch, p99", figure: "busy_latency_p99_ms", unit: "ms", bound: 1000},
		{text: "API ÷ pgbench, requests per second", figure: "ratio_api_to_pgbench", bound: 0.5, atLeast: true},
		{text: "peak memory of the api", figure: "memory_api_mib", unit: "MiB", bound: 128},
		{text: "peak memory of the worker", figure: "memory_worker_mib", unit: "MiB", bound: 128},
		{text: "peak memory of the scheduler", figure: "memory_scheduler_mib", unit: "MiB", bound: 128},
		{text: "tenth batch back and forth ÷ first, whole life", figure: "ratio_vacuum_life", bound: 1.25},
		{text: "tenth batch back and forth ÷ first, execution", figure: "ratio_vacuum_execute", bound: 1.25},
	}
}

// plain is a figure that has no goal of its own.
type plain struct{ text, figure, unit string }

func plains() []plain {
	return []plain{
		{"limit: plain SQL, one transaction", "limit_s", "s"},
		{"simtransfer, accept call to last transfer", "simtransfer_s", "s"},
		{"simtransfer, 10% of the SIMs online", "online_s", "s"},
		{"simtransfer, whole life from the first byte uploaded", "whole_life_s", "s"},
		{"asynq, one task per SIM (scaled)", "asynq_per_sim_s", "s"},
		{"River, one job per SIM (scaled)", "river_per_sim_s", "s"},
		{"small inventory", "growth_small_s", "s"},
		{"large inventory, SIMs in its order", "growth_together_s", "s"},
		{"large inventory, SIMs from all over it", "growth_scattered_s", "s"},
		{"small requests, API", "api_per_s", "/s"},
		{"small requests with an Idempotency-Key, API", "api_keyed_per_s", "/s"},
		{"the same rows, pgbench", "pgbench_per_s", "/s"},
		{"latency during a large batch, p50", "busy_latency_p50_ms", "ms"},
		{"large batch, whole life", "million_s", "s"},
		{"first batch back and forth", "vacuum_life_01_s", "s"},
		{"tenth", "vacuum_life_10_s", "s"},
	}
}

// lines are the rows of the table: figure, value, goal, verdict.
func (r report) lines() [][4]string {
	var lines [][4]string
	for _, p := range plains() {
		if value, ok := r.Figures[p.figure]; ok {
			lines = append(lines, [4]string{p.text, show(value, p.unit), "", ""})
		}
	}
	for _, g := range goals() {
		if value, ok := r.Figures[g.figure]; ok {
			verdict := "met"
			if !g.met(value) {
				verdict = "missed"
			}
			lines = append(lines, [4]string{g.text, show(value, g.unit), g.wanted(), verdict})
		}
	}
	return lines
}

// show writes a figure with as many digits as mean something.
func show(value float64, unit string) string {
	return strings.TrimSpace(fmt.Sprintf("%.*f %s", digits(value), value, unit))
}

// print writes the table, and one JSON object with every figure as the last line.
func (r report) print(w io.Writer) error {
	fmt.Fprintf(w, "%d SIMs; medians; the times of the peers are scaled from at most %d SIMs\n\n", r.SIMs, peerSIMs)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "figure\tmeasured\tgoal\t")
	for _, line := range r.lines() {
		fmt.Fprintln(t, strings.Join(line[:], "\t"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	figures := map[string]float64{"sims": float64(r.SIMs)}
	for figure, value := range r.Figures {
		figures[figure] = value
	}
	text, err := json.Marshal(figures)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\n%s\n", text)
	return err
}

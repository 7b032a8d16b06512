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

// report is the result of a run: the median of the samples of each figure, and the
// ratios of these medians. A ratio is only computed from figures of the same run.
type report struct {
	SIMs    int                `json:"sims"`
	Machine machine            `json:"machine"`
	Figures map[string]float64 `json:"figures"`
	Taken   map[string]string  `json:"taken"` // day of the measurement, by figure
}

func newReport(sims int, m machine, samples map[string][]float64) report {
	r := report{SIMs: sims, Machine: m, Figures: map[string]float64{}, Taken: map[string]string{}}
	for figure, list := range samples {
		r.Figures[figure] = median(list)
	}
	for _, d := range []struct{ figure, over, under string }{
		{"ratio_to_baseline", "simtransfer_s", "baseline_s"},
		{"ratio_online_to_baseline", "online_s", "baseline_s"},
		{"ratio_online_stale_to_baseline", "online_stale_s", "baseline_s"},
		{"ratio_gateways", "gateways_one_dead_s", "gateways_up_s"},
		{"ratio_end_to_end_to_baseline", "end_to_end_s", "baseline_s"},
		{"speedup_asynq", "asynq_per_sim_s", "simtransfer_s"},
		{"speedup_river", "river_per_sim_s", "simtransfer_s"},
		{"ratio_growth_adjacent", "growth_adjacent_s", "growth_small_s"},
		{"ratio_growth_scattered", "growth_scattered_s", "growth_small_s"},
		{"ratio_api_to_pgbench", "api_per_s", "pgbench_per_s"},
		{"ratio_accounting_freeradius", "accounting_freeradius_per_s", "accounting_stock_per_s"},
		{"ratio_accounting_own", "accounting_own_per_s", "accounting_stock_per_s"},
		{"ratio_sync_to_by_hand", "sync_s", "sync_by_hand_s"},
		{"ratio_messages_webhooks", "messages_webhooks_s", "messages_off_s"},
		{"ratio_messages_mail", "messages_mail_s", "messages_off_s"},
		{"ratio_vacuum_end_to_end", "vacuum_end_to_end_10_s", "vacuum_end_to_end_01_s"},
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

// goal is a bound that a figure should keep.
type goal struct {
	text    string
	figure  string
	unit    string
	bound   float64
	atLeast bool // bound is a minimum; otherwise it is a maximum
}

func (g goal) met(value float64) bool {
	if g.atLeast {
		return value >= g.bound
	}
	return value <= g.bound
}

func (g goal) condition() string {
	sign := "≤"
	if g.atLeast {
		sign = "≥"
	}
	return strings.TrimSpace(fmt.Sprintf("%s %v %s", sign, g.bound, g.unit))
}

func goals() []goal {
	return []goal{
		{text: "simtransfer ÷ baseline, time", figure: "ratio_to_baseline", bound: 1},
		{text: "simtransfer with 10% online ÷ baseline, time", figure: "ratio_online_to_baseline", bound: 1.8},
		{text: "the same after ANALYZE with no session open ÷ baseline, time", figure: "ratio_online_stale_to_baseline", bound: 1.8},
		{text: "one of three gateways dead ÷ all up, time of the other SIMs", figure: "ratio_gateways", bound: 1.1},
		{text: "asynq per SIM ÷ simtransfer, time", figure: "speedup_asynq", bound: 25, atLeast: true},
		{text: "River per SIM ÷ simtransfer, time", figure: "speedup_river", bound: 25, atLeast: true},
		{text: "end to end ÷ baseline, time", figure: "ratio_end_to_end_to_baseline", bound: 2},
		{text: "large ÷ small inventory, adjacent SIMs", figure: "ratio_growth_adjacent", bound: 1.6},
		{text: "large ÷ small inventory, scattered SIMs", figure: "ratio_growth_scattered", bound: 1.6},
		{text: "latency on an idle service, p50", figure: "latency_p50_ms", unit: "ms", bound: 60},
		{text: "latency on an idle service, p99", figure: "latency_p99_ms", unit: "ms", bound: 250},
		{text: "latency during a large batch, p99", figure: "busy_latency_p99_ms", unit: "ms", bound: 1000},
		{text: "API ÷ pgbench, requests per second", figure: "ratio_api_to_pgbench", bound: 0.5, atLeast: true},
		{text: "peak memory of the API", figure: "memory_api_mib", unit: "MiB", bound: 128},
		{text: "peak memory of the worker", figure: "memory_worker_mib", unit: "MiB", bound: 128},
		{text: "peak memory of the scheduler", figure: "memory_scheduler_mib", unit: "MiB", bound: 128},
		{text: "reading 100,000 changes during a batch", figure: "changes_read_s", unit: "s", bound: 3},
		{text: "webhooks, delivered to 10 receivers on this machine", figure: "webhooks_per_s", unit: "/s", bound: 1000, atLeast: true},
		{text: "webhooks, the same with a receiver that never answers", figure: "webhooks_silent_per_s", unit: "/s", bound: 1000, atLeast: true},
		{text: "a batch with webhooks for every event ÷ without, time", figure: "ratio_messages_webhooks", bound: 1.03},
		{text: "a batch with webhooks and mail ÷ without, time", figure: "ratio_messages_mail", bound: 1.03},
		{text: "accounting by FreeRADIUS ÷ the same into its stock schema", figure: "ratio_accounting_freeradius", bound: 0.95, atLeast: true},
		{text: "accounting by simtransfer radius ÷ FreeRADIUS into its stock schema", figure: "ratio_accounting_own", bound: 5, atLeast: true},
		{text: "console, first byte of the slowest page, p95", figure: "console_p95_ms", unit: "ms", bound: 200},
		{text: "console, loads of pages that failed, and failed reviews", figure: "console_failed", bound: 0},
		{text: "console, largest page", figure: "console_page_kb", unit: "kB", bound: 100},
		{text: "console, review of all 300,000 SIMs of an account", figure: "console_review_s", unit: "s", bound: 3},
		{text: "back and forth, tenth ÷ first batch, end to end", figure: "ratio_vacuum_end_to_end", bound: 1.25},
		{text: "back and forth, tenth ÷ first batch, execution", figure: "ratio_vacuum_execute", bound: 1.25},
	}
}

// figure is a line of the table without a goal.
type figure struct{ text, name, unit string }

func figures() []figure {
	return []figure{
		{"baseline: plain SQL, one transaction", "baseline_s", "s"},
		{"simtransfer, from accept call to last transfer", "simtransfer_s", "s"},
		{"simtransfer, 10% of the SIMs online", "online_s", "s"},
		{"simtransfer, 10% online, statistics from when none was", "online_stale_s", "s"},
		{"simtransfer, 10% online at three gateways, SIMs not at the third", "gateways_up_s", "s"},
		{"the same while the third gateway is dead", "gateways_one_dead_s", "s"},
		{"simtransfer, end to end from the first byte uploaded", "end_to_end_s", "s"},
		{"asynq, one task per SIM (scaled)", "asynq_per_sim_s", "s"},
		{"River, one job per SIM (scaled)", "river_per_sim_s", "s"},
		{"small inventory", "growth_small_s", "s"},
		{"large inventory, adjacent SIMs", "growth_adjacent_s", "s"},
		{"large inventory, scattered SIMs", "growth_scattered_s", "s"},
		{"requests for one SIM, API", "api_per_s", "/s"},
		{"requests for one SIM with an Idempotency-Key, API", "api_keyed_per_s", "/s"},
		{"the same rows, pgbench", "pgbench_per_s", "/s"},
		{"accounting packets, FreeRADIUS into its stock schema", "accounting_stock_per_s", "/s"},
		{"accounting packets, FreeRADIUS into ours", "accounting_freeradius_per_s", "/s"},
		{"accounting packets, simtransfer radius", "accounting_own_per_s", "/s"},
		{"latency during a large batch, p50", "busy_latency_p50_ms", "ms"},
		{"large batch, end to end", "million_s", "s"},
		{"console, processor time of the slowest page, API and PostgreSQL", "console_cpu_ms", "ms"},
		{"console, first byte of the slowest download, p95", "console_download_p95_ms", "ms"},
		{"changes feed, longest time from a change to its arrival", "changes_lag_s", "s"},
		{"back and forth, first batch", "vacuum_end_to_end_01_s", "s"},
		{"back and forth, tenth batch", "vacuum_end_to_end_10_s", "s"},
	}
}

// lines returns the rows of the table: text, value, goal and whether it is met.
func (r report) lines() [][4]string {
	var lines [][4]string
	for _, p := range figures() {
		if value, ok := r.Figures[p.name]; ok {
			lines = append(lines, [4]string{p.text, show(value, p.unit), "", ""})
		}
	}
	for _, g := range goals() {
		if value, ok := r.Figures[g.figure]; ok {
			verdict := "met"
			if !g.met(value) {
				verdict = "missed"
			}
			lines = append(lines, [4]string{g.text, show(value, g.unit), g.condition(), verdict})
		}
	}
	return lines
}

// show formats a figure with its significant digits.
func show(value float64, unit string) string {
	return strings.TrimSpace(fmt.Sprintf("%.*f %s", digits(value), value, unit))
}

// print writes the table and, as the last line, a JSON object with every figure.
func (r report) print(w io.Writer) error {
	fmt.Fprintf(w, "%d SIMs; medians; the times of asynq and River are scaled from up to %d SIMs\n\n", r.SIMs, peerSIMs)
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

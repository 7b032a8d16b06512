package demo

import (
	"fmt"
	"io"
	"strings"
	"sync"
)

// progress prints the steps of a demonstration. It may be used from several
// goroutines.
type progress struct {
	out      io.Writer
	terminal bool

	mu     sync.Mutex
	inBar  bool
	tenths int // of the last line for a bar, if lines cannot be rewritten
	title  string
}

// say prints a line.
func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inBar {
		fmt.Fprintln(p.out)
		p.inBar = false
	}
	fmt.Fprintf(p.out, format+"\n", args...)
}

// bar shows the progress of a step: on a terminal as a moving bar, otherwise as a
// line for every 10 %.
func (p *progress) bar(title string, done, total int) {
	const width = 40
	p.mu.Lock()
	defer p.mu.Unlock()
	if total == 0 {
		return
	}
	if p.terminal {
		full := done * width / total
		fmt.Fprintf(p.out, "\r  %-13s [%s%s] %d/%d", title, strings.Repeat("█", full), strings.Repeat("·", width-full), done, total)
		if p.inBar = done < total; !p.inBar {
			fmt.Fprintln(p.out)
		}
		return
	}
	if title != p.title {
		p.title, p.tenths = title, 0
	}
	if tenths := done * 10 / total; tenths > p.tenths {
		p.tenths = tenths
		fmt.Fprintf(p.out, "  %-13s %3d%%  %d/%d\n", title, 100*done/total, done, total)
	}
}

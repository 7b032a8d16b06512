package demo

import (
	"fmt"
	"io"
	"strings"
	"sync"
)

// progress tells a person what happens. It may be used from many goroutines.
type progress struct {
	out      io.Writer
	terminal bool

	mu     sync.Mutex
	inBar  bool
	tenths int // of the bar that was last shown, where lines cannot be rewritten
	title  string
}

// say writes a line.
func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inBar {
		fmt.Fprintln(p.out)
		p.inBar = false
	}
	fmt.Fprintf(p.out, format+"\n", args...)
}

// bar shows how far something has come: on a terminal as a bar that moves, and
// elsewhere as a line for every tenth.
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

package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"sync"
)

// progress tells a person what happens. On a terminal its last line is written
// again and again; elsewhere each line stays. It may be used from many
// goroutines.
type progress struct {
	mu       sync.Mutex
	out      io.Writer
	terminal bool
	width    int // of the terminal; zero means 80
	shown    int // characters of the line that will be written again
}

func newProgress(s *Session) *progress {
	return &progress{out: s.Err, terminal: s.Terminal, width: s.Width}
}

// say writes a line that stays.
func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wipe()
	fmt.Fprintf(p.out, format+"\n", args...)
}

// status writes the line that is written again, on a terminal alone.
func (p *progress) status(line string) {
	if !p.terminal {
		return
	}
	runes := []rune(line)
	runes = runes[:min(len(runes), cmp.Or(p.width, 80)-1)] // a line that wraps could not be written again
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wipe()
	fmt.Fprint(p.out, string(runes))
	p.shown = len(runes)
}

// clear takes the line away that would be written again.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wipe()
}

func (p *progress) wipe() {
	if p.shown > 0 {
		fmt.Fprintf(p.out, "\r%s\r", strings.Repeat(" ", p.shown))
		p.shown = 0
	}
}

// bar draws how far something has come.
func bar(done, total int) string {
	const width = 30
	full := 0
	if total > 0 {
		full = min(done, total) * width / total
	}
	return fmt.Sprintf("[%s%s] %d/%d", strings.Repeat("█", full), strings.Repeat("·", width-full), done, total)
}

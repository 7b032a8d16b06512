package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"sync"
)

// progress writes messages and a status line. On a terminal each status line
// overwrites the last; elsewhere it is left out. Its methods may be called
// concurrently.
type progress struct {
	mu       sync.Mutex
	out      io.Writer
	terminal bool
	width    int // of the terminal in characters; zero means 80
	shown    int // length of the status line on the terminal, in characters
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

// status replaces the status line.
func (p *progress) status(line string) {
	if !p.terminal {
		return
	}
	runes := []rune(line)
	runes = runes[:min(len(runes), cmp.Or(p.width, 80)-1)] // a line that wraps cannot be overwritten
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wipe()
	fmt.Fprint(p.out, string(runes))
	p.shown = len(runes)
}

// clear removes the status line.
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

// bar draws a progress bar.
func bar(done, total int) string {
	const width = 30
	full := 0
	if total > 0 {
		full = min(done, total) * width / total
	}
	return fmt.Sprintf("[%s%s] %d/%d", strings.Repeat("█", full), strings.Repeat("·", width-full), done, total)
}

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

// status replaces the status line. What does not fit is cut off: a line that wraps
// cannot be overwritten.
func (p *progress) status(line string) {
	if !p.terminal {
		return
	}
	line = cell(line)
	if room := p.room(); textWidth(line) > room {
		line = cutText(line, room-1) + "…"
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wipe()
	fmt.Fprint(p.out, line)
	p.shown = textWidth(line)
}

// room is how long the status line can be, in characters.
func (p *progress) room() int { return max(cmp.Or(p.width, 80)-1, 2) }

// statusBar replaces the status line with a progress bar between two texts. The
// bar is shorter if the line is too long, and left out if it would be too short.
func (p *progress) statusBar(before string, done, total int, after string) {
	const longest, shortest = 30, 8
	count := fmt.Sprintf("%d/%d%s", done, total, after)
	room := p.room() - textWidth(before+" [] "+count)
	if room < shortest {
		p.status(before + " " + count)
		return
	}
	p.status(fmt.Sprintf("%s [%s] %s", before, bar(done, total, min(room, longest)), count))
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

// bar draws a progress bar. It is only full when everything is done.
func bar(done, total, width int) string {
	full := 0
	if total > 0 {
		full = min(done, total) * width / total
	}
	return strings.Repeat("█", full) + strings.Repeat("·", width-full)
}

package cli

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// progress tells a person what happens. On a terminal its last line is written
// again and again; elsewhere each line stays.
type progress struct {
	out      io.Writer
	terminal bool
	shown    int // characters of the line that will be written again
}

// say writes a line that stays.
func (p *progress) say(format string, args ...any) {
	p.clear()
	fmt.Fprintf(p.out, format+"\n", args...)
}

// status writes the line that is written again, on a terminal alone.
func (p *progress) status(line string) {
	if !p.terminal {
		return
	}
	p.clear()
	fmt.Fprint(p.out, line)
	p.shown = utf8.RuneCountInString(line)
}

// clear takes the line away that would be written again.
func (p *progress) clear() {
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

package output

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golab/kernel/internal/engine"
	"golab/kernel/nb"
)

// How much text of one stream is shown of a cell: the first maxHead bytes as they come and the last maxTail bytes when the
// cell ends. A loop that prints without end thus costs neither the client nor the notebook file more than that. (Jupyter's
// server drops all that a kernel shows, results too, if it prints more than 3 MB in three seconds.)
const (
	maxHead = 2_000_000
	maxTail = 16 << 10
)

// Limiter is a Sink that cuts floods of text and displays on their way to another Sink. All else passes.
type Limiter struct {
	out      engine.Sink
	displays *displays

	mu      sync.Mutex
	streams map[string]*flow
}

// flow is one stream of a cell.
type flow struct {
	sent int    // bytes passed on that can be seen: without what a carriage return took back
	line int    // of them, those of the line that is being written
	back bool   // what was passed on ended in a carriage return
	esc  bool   // there were escape sequences, such as colours
	held int64  // bytes that came after the cut
	tail []byte // the last of those held, up to 2*maxTail
}

// Limit returns a Limiter for one cell whose output goes to out.
func Limit(out engine.Sink) *Limiter {
	return &Limiter{out: out, displays: &displays{out: out}, streams: map[string]*flow{}}
}

// Stream passes text on until the stream's limit, then keeps only its end.
func (l *Limiter) Stream(name, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.streams[name]
	if f == nil {
		f = &flow{}
		l.streams[name] = f
	}
	f.esc = f.esc || strings.IndexByte(text, '\x1b') >= 0
	if f.held == 0 {
		text = Overwrite(text)
		if f.back && !strings.HasPrefix(text, "\n") || strings.HasPrefix(text, "\r") && !strings.HasPrefix(text, "\r\n") { // it writes over the line
			f.sent, f.line = f.sent-f.line, 0
		}
		n := min(len(text), maxHead-f.sent)
		if n < len(text) {
			for n > 0 && !utf8.RuneStart(text[n]) {
				n--
			}
			if i := strings.LastIndexByte(text[:n], '\x1b'); i >= 0 && n-i < 32 && !strings.ContainsFunc(text[i+1:n], unicode.IsLetter) {
				n = i // in the middle of an escape sequence
			}
		}
		if n > 0 {
			l.out.Stream(name, text[:n])
			f.count(text[:n])
			text = text[n:]
		}
		if text == "" {
			return
		}
		reset := ""
		if f.esc {
			reset = "\x1b[0m"
		}
		l.out.Stream(name, reset+fmt.Sprintf("\n[more than %d MB on %s: only the end of the rest is shown, when the cell ends]\n", maxHead/1_000_000, name))
	}
	f.held += int64(len(text))
	text = text[max(0, len(text)-maxTail):]
	if len(f.tail)+len(text) > 2*maxTail { // only then, so that a flood of small pieces is not moved at each of them
		f.tail = append(f.tail[:0], f.end(maxTail)...)
	}
	f.tail = append(f.tail, text...)
}

// end is the last n bytes held, or all.
func (f *flow) end(n int) []byte { return f.tail[max(0, len(f.tail)-n):] }

// count adds text that was passed on to what can be seen.
func (f *flow) count(text string) {
	f.sent += len(text)
	f.back = strings.HasSuffix(text, "\r")
	if i := strings.LastIndexByte(text, '\n'); i >= 0 {
		f.line, text = 0, text[i+1:]
	}
	f.line += len(text)
}

// Display passes o on, unless there are too many; see displays.
func (l *Limiter) Display(o nb.Output) { l.displays.show(o) }

// Result passes b on.
func (l *Limiter) Result(b nb.Bundle) { l.out.Result(b) }

// Comm passes.
func (l *Limiter) Comm(m nb.CommMessage) { l.out.Comm(m) }

// Clear passes on, and starts the count anew: what was counted is gone.
func (l *Limiter) Clear(wait bool) {
	l.mu.Lock()
	clear(l.streams)
	l.mu.Unlock()
	l.displays.clear()
	l.out.Clear(wait)
}

// End says how much was left out and shows the last of it. It is called when the cell ended; what its goroutines print
// later is counted anew.
func (l *Limiter) End() {
	l.displays.end()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range []string{"stdout", "stderr"} {
		f := l.streams[name]
		if f == nil || f.held == 0 {
			continue
		}
		tail := f.end(maxTail)
		for len(tail) > 0 && !utf8.RuneStart(tail[0]) {
			tail = tail[1:]
		}
		if i := bytes.IndexByte(tail, '\n'); f.esc && i >= 0 && i < 1<<10 { // it may begin within an escape sequence
			tail = tail[i+1:]
		}
		if left := f.held - int64(len(tail)); left > 0 {
			l.out.Stream(name, fmt.Sprintf("[%d bytes of %s left out]\n", left, name))
		}
		l.out.Stream(name, string(tail))
	}
	clear(l.streams)
}

package output

import (
	"fmt"
	"sync"
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

// Limiter is a Sink that cuts floods of text on their way to another Sink. All else passes.
type Limiter struct {
	out engine.Sink

	mu      sync.Mutex
	streams map[string]*flow
}

// flow is one stream of a cell.
type flow struct {
	sent int    // bytes passed on
	held int64  // bytes that came after the cut
	tail []byte // the last of those held, up to 2*maxTail
}

// Limit returns a Limiter for one cell whose output goes to out.
func Limit(out engine.Sink) *Limiter {
	return &Limiter{out: out, streams: map[string]*flow{}}
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
	if f.held == 0 {
		n := min(len(text), maxHead-f.sent)
		if n < len(text) {
			for n > 0 && !utf8.RuneStart(text[n]) {
				n--
			}
		}
		if n > 0 {
			l.out.Stream(name, text[:n])
			f.sent += n
			text = text[n:]
		}
		if text == "" {
			return
		}
		l.out.Stream(name, fmt.Sprintf("\n[more than %d MB on %s: only the end of the rest is shown, when the cell ends]\n", maxHead/1_000_000, name))
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

// Display passes o on.
func (l *Limiter) Display(o nb.Output) { l.out.Display(o) }

// Result passes b on.
func (l *Limiter) Result(b nb.Bundle) { l.out.Result(b) }

// Comm passes.
func (l *Limiter) Comm(m nb.CommMessage) { l.out.Comm(m) }

// Clear passes on, and starts the count anew: what was counted is gone.
func (l *Limiter) Clear(wait bool) {
	l.mu.Lock()
	clear(l.streams)
	l.mu.Unlock()
	l.out.Clear(wait)
}

// End says how much was left out and shows the last of it. It is called when the cell ended; what its goroutines print
// later is counted anew.
func (l *Limiter) End() {
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
		if left := f.held - int64(len(tail)); left > 0 {
			l.out.Stream(name, fmt.Sprintf("[%d bytes of %s left out]\n", left, name))
		}
		l.out.Stream(name, string(tail))
	}
	clear(l.streams)
}
